// An echo server on Node's net module. Usage: node echo.js PORT [greet]
'use strict';
const net = require('node:net');

const [port, greet] = process.argv.slice(2);
let clientid = 0;

net.createServer({ noDelay: true }, (socket) => {
  if (greet) {
    const you = `${socket.remoteAddress}:${socket.remotePort}`;
    const me = `${socket.localAddress}:${socket.localPort}`;
    socket.write(`HELLO clientid=${++clientid} you=${you} me=${me} name=node handler=echo\n`);
  }
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
