"""An echo server on asyncio's protocols, its fastest interface. Usage: asyncio_echo.py PORT [greet]"""

import asyncio
import socket
import sys


class Echo(asyncio.Protocol):
    clients = 0

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(sys.argv) > 2:
            Echo.clients += 1
            you = "%s:%d" % transport.get_extra_info("peername")
            me = "%s:%d" % transport.get_extra_info("sockname")
            line = "HELLO clientid=%d you=%s me=%s name=asyncio handler=echo\n" % (Echo.clients, you, me)
            transport.write(line.encode())

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
