"""A DNS server for the Pods: every name below e2e.test is this address, no other name exists. usage: dns.py ADDRESS"""

import socket
import sys

address = sys.argv[1]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((address, 53))
    while True:
        query, client = server.recvfrom(512)
        labels, place = [], 12
        while query[place]:
            labels.append(query[place + 1 : place + 1 + query[place]].lower())
            place += 1 + query[place]
        question, kind = query[12 : place + 5], query[place + 1 : place + 3]
        known = labels[-2:] == [b"e2e", b"test"]
        answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04" + socket.inet_aton(address) if known and kind == b"\x00\x01" else b""
        flags = b"\x85\x80" if known else b"\x85\x83"
        header = query[:2] + flags + b"\x00\x01" + (b"\x00\x01" if answer else b"\x00\x00") + b"\x00\x00\x00\x00"
        server.sendto(header + question + answer, client)
