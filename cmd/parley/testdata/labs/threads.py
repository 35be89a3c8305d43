"""Many clients of the echo server at once: python3 threads.py HOST PORT"""
import socket
import sys
import threading

CLIENTS, MESSAGES = 50, 20
numbers, faults = set(), []


def converse(name):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30) as client:
        numbers.add(client.recv(4096).split()[1])
        for i in range(MESSAGES):
            client.sendall(b"%d says %d\n" % (name, i))
            answer = client.recv(4096)
            if answer != b"ECHO: %d says %d\n" % (name, i):
                faults.append(answer)


threads = [threading.Thread(target=converse, args=(name,)) for name in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(numbers), "clients,", len(faults), "faults")
