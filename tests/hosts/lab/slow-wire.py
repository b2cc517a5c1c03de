"""A wire that is slow, lossy and out of order, between two network interfaces: for kernels without netem.

slow-wire.py plain IFACE                     sends whole, checksummed frames from now on (no offloads)
slow-wire.py join ONE OTHER DELAY JITTER LOSS  moves frames both ways, each DELAY ms late, give or take JITTER ms (which
                                             lets frames overtake each other); LOSS is the share that vanishes

Prints "ready" when it moves frames. Called by slow-wire.ts inside the laboratory's namespaces, and nowhere else.
"""

import array
import fcntl
import heapq
import itertools
import random
import select
import socket
import struct
import sys
import time

EVERY_PROTOCOL = 3
PACKET_OUTGOING = 4
# linux/ethtool.h: ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO
SIOCETHTOOL = 0x8946
OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)


def make_plain(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in OFFLOADS:
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP16x", name.encode(), value.buffer_info()[0])
            fcntl.ioctl(control.fileno(), SIOCETHTOOL, request)


def open_wire(name):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    wire.bind((name, EVERY_PROTOCOL))
    wire.setblocking(False)
    return wire


class Join:
    def __init__(self, one, other, delay, jitter, loss):
        self.one, self.other = open_wire(one), open_wire(other)
        self.delay, self.jitter, self.loss = delay / 1000, jitter / 1000, loss
        self.queue, self.count = [], itertools.count()

    def run(self):
        while True:
            wait = max(0.0, self.queue[0][0] - time.monotonic()) if self.queue else None
            readable, _, _ = select.select([self.one, self.other], [], [], wait)
            for wire in readable:
                self.read_all(wire, self.other if wire is self.one else self.one)
            self.send_due()

    def read_all(self, wire, other):
        while True:
            try:
                frame, address = wire.recvfrom(1 << 17)
            except BlockingIOError:
                return
            except OSError:
                return  # the interface went down
            if address[2] == PACKET_OUTGOING or random.random() < self.loss:
                continue
            due = time.monotonic() + max(0.0, self.delay + random.uniform(-self.jitter, self.jitter))
            heapq.heappush(self.queue, (due, next(self.count), other, frame))

    def send_due(self):
        while self.queue and self.queue[0][0] <= time.monotonic():
            _, _, wire, frame = heapq.heappop(self.queue)
            try:
                wire.send(frame)
            except OSError:
                pass  # the interface is down: the frame is lost


if sys.argv[1] == "plain":
    make_plain(sys.argv[2])
else:
    wires = Join(sys.argv[2], sys.argv[3], *map(float, sys.argv[4:7]))
    print("ready", flush=True)
    wires.run()
