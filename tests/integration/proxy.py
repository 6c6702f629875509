# SPDX-License-Identifier: Apache-2.0
"""TCP proxies before a server: one that damages what passes, one that is a bad network; and a server that is none."""

import contextlib
import random
import select
import socket
import struct
import threading
import time

from wait import wait_until


class Listener:
    """Accepts on a free port of 127.0.0.1; each connection is served by a thread."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.count = 0
        self.open = []
        self.served = set()  # numbers of the connections that a thread serves
        self.newest = None  # the address of the last one
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, address = self.socket.accept()
            except OSError:
                return
            self.count += 1
            self.open.append(client)
            self.served.add(self.count)
            self.newest = address
            threading.Thread(target=self.guarded, args=(client, self.count), daemon=True).start()

    def guarded(self, client, number):
        with contextlib.suppress(OSError):
            self.serve(client, number)
        close(client)
        self.served.discard(number)

    def wait_served(self):
        """When all clients have gone: until nothing is left of what they sent."""
        with socket.create_connection(("127.0.0.1", self.port)) as last:  # they are accepted in their order
            address = last.getsockname()
            wait_until(lambda: self.newest == address, "all connections are accepted")
        wait_until(lambda: not self.served, lambda: f"all connections are served: {self.served}")

    def close(self):
        close(self.socket)
        for one in list(self.open):  # those that serve take theirs out meanwhile
            close(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def close(one):
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Fake(Listener):
    """Sends the same bytes to everyone, then closes."""

    def __init__(self, answer):
        self.answer = answer
        super().__init__()

    def serve(self, client, number):
        client.recv(4096)
        client.sendall(self.answer)


class Proxy(Listener):
    """damage(number of the connection, bytes so far, piece) -> the piece as the client gets it; None closes."""

    def __init__(self, port, damage=None):
        self.target, self.damage = port, damage or (lambda number, sent, piece: piece)
        super().__init__()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.target))

    def serve(self, client, number):
        server = self.connect()
        self.open.append(server)
        threading.Thread(target=self.upward, args=(client, server), daemon=True).start()
        sent = 0
        while piece := server.recv(65536):
            damaged = self.damage(number, sent, piece)
            if damaged is None:
                break
            sent += len(piece)
            client.sendall(damaged)
        close(server)

    def upward(self, client, server):
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                server.sendall(piece)
        close(server)

    def url(self, db, user="postgres"):
        return f"postgres://{user}@127.0.0.1:{self.port}/{db.name}"


class BadNetwork(Listener):
    """While it is `bad`, connections end after a random number of bytes of either direction, or a random time, with FIN
    or RST; some stand still for a while, and some are slow. counts: what was done, by name."""

    EARLY = 300  # bytes: the handshakes
    STILL_S, SLOW_S, LIFE_S = 3.0, 0.05, 6.0

    def __init__(self, port, seed):
        self.target, self.seed = port, seed
        self.bad = False
        self.counts = {}
        super().__init__()

    def did(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def serve(self, client, number):
        server = socket.create_connection(("127.0.0.1", self.target))
        self.open.append(server)
        fate = random.Random(self.seed * 1_000_003 + number)
        ends = time.monotonic() + fate.uniform(0.1, self.LIFE_S)
        upward = threading.Thread(target=self.pass_on, args=(client, server, random.Random(fate.random()), ends))
        upward.daemon = True
        upward.start()
        self.pass_on(server, client, fate, ends)
        upward.join()

    def pass_on(self, near, far, fate, ends):
        """One direction, of which the fate is drawn before its first byte."""
        early = fate.random() < 0.3
        left = fate.randrange(self.EARLY) if early else int(10 ** fate.uniform(2.5, 6))
        still, slow = fate.random() < 0.1, fate.random() < 0.15
        with contextlib.suppress(OSError, ValueError):  # the other direction has closed it
            while True:
                ready, _, _ = select.select([near], [], [], 0.1)
                if self.bad and time.monotonic() > ends:
                    self.did("ended")
                    break
                if not ready:
                    continue
                piece = near.recv(65536)
                if not piece:
                    break
                if self.bad and len(piece) >= left:
                    far.sendall(piece[: max(left, 0)])
                    self.did("cut early" if early else "cut")
                    break
                left -= len(piece)
                if self.bad and (still or slow):
                    self.did("still" if still else "slow")
                    time.sleep(fate.uniform(0.2, self.STILL_S) if still else fate.uniform(0, self.SLOW_S))
                    still = False
                far.sendall(piece)
        reset = self.bad and fate.random() < 0.5
        for one in (near, far):
            if reset:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.close()
            else:
                close(one)
