"""The client of the happy server's lab: python3 happy.py HOST PORT [greeting]"""
import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))
if "greeting" in sys.argv:
    print(client.recv(4096).decode(), end="")
client.send(b"Test")
print(client.recv(4096).decode(), end="")
print("then", client.recv(4096))
client.close()
