# SPDX-License-Identifier: Apache-2.0
"""Ports for the servers of a test run, which no other test run on the machine is given meanwhile.

A server binds its port after it was chosen, and again after each restart. What the kernel hands out for port 0 may go
to another process, or to the near end of a connection, in between. So every process of a test run claims a range of
its own below those, and goes round in it.
"""

import os
import socket

FIRST, LAST, RANGE = 10000, 32000, 400


class Ports:
    def __init__(self):
        self.first = self.next = None
        self.claim = None

    def claim_range(self):
        """A name in the abstract namespace: one process has it, and it is free when that process ends."""
        ranges = range(FIRST, LAST, RANGE)
        for step in range(len(ranges)):
            first = ranges[(os.getpid() + step) % len(ranges)]
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0leat-test-ports-{first}")
            except OSError:
                claim.close()
                continue
            self.first = self.next = first
            self.claim = claim
            return
        raise RuntimeError(f"{len(ranges)} test runs at a time have all ports from {FIRST} to {LAST}")

    def free(self):
        if self.claim is None:
            self.claim_range()
        for _ in range(RANGE):
            port = self.next
            self.next = self.first + (port + 1 - self.first) % RANGE
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise RuntimeError(f"no port is free from {self.first} to {self.first + RANGE}")


free_port = Ports().free
