# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy before a server that damages what passes, and a server that is none."""

import contextlib
import socket
import threading


class Listener:
    """Accepts on a free port of 127.0.0.1; each connection is served by a thread."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.count = 0
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            self.open.append(client)
            threading.Thread(target=self.guarded, args=(client, self.count), daemon=True).start()

    def guarded(self, client, number):
        with contextlib.suppress(OSError):
            self.serve(client, number)
        close(client)

    def close(self):
        close(self.socket)
        for one in self.open:
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

    def serve(self, client, number):
        server = socket.create_connection(("127.0.0.1", self.target))
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
