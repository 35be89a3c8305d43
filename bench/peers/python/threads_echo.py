"""An echo server with a thread for each connection. Usage: threads_echo.py PORT [greet]"""

import itertools
import socket
import sys
import threading


def serve(conn, peer, clientid):
    with conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if len(sys.argv) > 2:
                me = "%s:%d" % conn.getsockname()
                line = "HELLO clientid=%d you=%s:%d me=%s name=threads handler=echo\n" % (clientid, *peer, me)
                conn.sendall(line.encode())
            while data := conn.recv(65536):
                conn.sendall(data)
        except OSError:
            pass  # the client left


with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096) as listener:
    for clientid in itertools.count(1):
        conn, peer = listener.accept()
        threading.Thread(target=serve, args=(conn, peer, clientid), daemon=True).start()
