"""The client of the echo server's lab: python3 echo.py HOST PORT [greeting]"""
import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))
print("from %s:%d" % client.getsockname())
if "greeting" in sys.argv:
    print(client.recv(4096).decode(), end="")
for sentence in "Test", "two words", "third\n", "fourth\n":
    client.sendall(sentence.encode())
    print(client.recv(4096).decode(), end="")
client.close()
