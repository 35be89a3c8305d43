"""A student's client of the lab: says who it is in a pickle, and stays until its standard input ends."""
import pickle
import socket
import sys
import time

name, email, port = sys.argv[1:]
sys.stdin.readline()
with socket.create_connection(("127.0.0.1", int(port))) as server, server.makefile("rb") as answers:
    print(time.time(), flush=True)
    server.sendall(pickle.dumps({"name": name, "email": email}))
    hello, acknowledged = pickle.load(answers), pickle.load(answers)
    for line in sys.stdin:
        server.sendall(pickle.dumps(line))
        pickle.load(answers)
