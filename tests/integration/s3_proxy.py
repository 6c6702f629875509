# SPDX-License-Identifier: Apache-2.0
"""A proxy before an S3 server that breaks what passes, by rule, and remembers what passed.

    with S3Proxy(server) as proxy:
        proxy.add("slow_down", operation="PutObject", nth=1)        the first PUT of an object
        proxy.add("cut_after", operation="UploadPart", every=3)     each third part: done, but nobody is told
        proxy.storm(0.05, seed=7)                                   one request in twenty, any fault of STORM
        leat … --set s3.endpoint=PROXY.endpoint
        proxy.times("PutObject"), proxy.of("PutObject"), proxy.connections(), proxy.faults()

The signature stays valid: the client's head passes untouched, Host with it, but for Expect, which is answered here.
Requests and answers are held whole in memory.
"""

import contextlib
import dataclasses
import random
import socket
import threading
import time
import urllib.parse

from proxy import Listener, close

ERROR = "<Error><Code>{}</Code><Message>{}</Message><RequestId>1</RequestId></Error>"


@dataclasses.dataclass(frozen=True)
class Fault:
    """What becomes of a request (forward: none, half, all, twice) and of its answer (answer: pass, none, half, …)."""

    forward: str = "all"
    answer: str = "pass"  # pass, none (cut), half (then cut), stall, half_stall, corrupt, canned
    status: int = 0
    code: str = ""
    corrupt_request: bool = False
    delay: float = 0.0


FAULTS = {
    "cut_before": Fault("none", "none"),
    "cut_request": Fault("half", "none"),
    "cut_after": Fault("all", "none"),
    "cut_answer": Fault("all", "half"),
    "delay": Fault(delay=0.2),
    "delay_long": Fault(delay=3.0),
    "repeat": Fault("twice"),
    "corrupt_request": Fault(corrupt_request=True),
    "corrupt_answer": Fault(answer="corrupt"),
    "slow_down": Fault("none", "canned", 503, "SlowDown"),
    "too_many": Fault("none", "canned", 429, "TooManyRequests"),
    "error_500": Fault("none", "canned", 500, "InternalError"),
    "error_500_after": Fault("all", "canned", 500, "InternalError"),
    "error_in_200": Fault("none", "canned", 200, "InternalError"),
    "error_in_200_after": Fault("all", "canned", 200, "InternalError"),
    "denied": Fault("none", "canned", 403, "AccessDenied"),
    "expired": Fault("none", "canned", 400, "ExpiredToken"),
    "stall": Fault("none", "stall"),
    "stall_after": Fault("all", "stall"),
    "stall_answer": Fault("all", "half_stall"),
}
# What a client with retries must live through. A 200 with an error inside is known of the operations below only.
STORM = (
    "cut_before", "cut_request", "cut_after", "cut_answer", "delay", "repeat", "corrupt_request",
    "slow_down", "error_500", "error_500_after",
)  # fmt: skip
ERROR_IN_200 = ("CompleteMultipartUpload", "CopyObject", "UploadPartCopy")


@dataclasses.dataclass
class Request:
    """One that came in. status 0: it was not answered."""

    number: int
    connection: int
    operation: str
    method: str
    path: str  # decoded, without the bucket
    query: dict
    headers: dict  # names in lower case
    sent: int  # bytes of its body
    fault: str | None = None
    status: int = 0
    received: int = 0  # bytes of the answer's body
    at: float = 0.0


@dataclasses.dataclass
class Rule:
    fault: str
    operation: str | None
    nth: int | None
    every: int | None
    probability: float
    key: str | None
    seen: int = 0

    def takes(self, request, chance):
        """Counts the request if it is of this rule's kind; whether the fault comes."""
        if self.operation is not None and request.operation != self.operation:
            return False
        if self.key is not None and self.key not in request.path:
            return False
        self.seen += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.every is not None and self.seen % self.every != 0:
            return False
        return self.probability >= 1 or chance.random() < self.probability


BUCKET_OPERATIONS = (
    ("GET", "location", "GetBucketLocation"), ("GET", "uploads", "ListMultipartUploads"),
    ("GET", "versions", "ListObjectVersions"), ("POST", "delete", "DeleteObjects"),
    ("GET", "versioning", "GetBucketVersioning"), ("GET", None, "ListObjectsV2"), ("HEAD", None, "HeadBucket"),
    ("PUT", None, "CreateBucket"), ("DELETE", None, "DeleteBucket"),
)  # fmt: skip
OBJECT_OPERATIONS = (
    ("POST", "uploads", "CreateMultipartUpload"), ("POST", "uploadId", "CompleteMultipartUpload"),
    ("DELETE", "uploadId", "AbortMultipartUpload"), ("GET", "uploadId", "ListParts"),
    ("PUT", "uploadId", "UploadPart"), ("PUT", None, "PutObject"), ("GET", None, "GetObject"),
    ("HEAD", None, "HeadObject"), ("DELETE", None, "DeleteObject"),
)  # fmt: skip


def operation_of(method, bucket, key, query, headers):
    """The name that S3 has for it."""
    if not bucket:
        return "ListBuckets"
    for verb, word, name in OBJECT_OPERATIONS if key else BUCKET_OPERATIONS:
        if method == verb and (word is None or word in query):
            if "x-amz-copy-source" in headers:
                return {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(name, name)
            return name
    return method


class Message:
    """The bytes of a request or an answer: head (first line and headers, with the empty line) and body."""

    def __init__(self, reader, method=None):
        """method: of the request that this answers; None for a request."""
        lines = []
        while not lines or lines[-1] not in (b"\r\n", b"\n"):
            line = reader.readline()
            if not line:
                raise EOFError
            lines.append(line)
        self.first = lines[0].decode("latin-1").split(" ", 2)
        self.headers = {}
        for line in lines[1:-1]:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.lines = lines
        self.reader, self.method = reader, method
        self.body = b""

    @property
    def head(self):
        return b"".join(line for line in self.lines if not line.lower().startswith(b"expect:"))

    @property
    def status(self):
        return int(self.first[1])

    def read_body(self):
        reader = self.reader
        if self.method is not None and (self.method == "HEAD" or self.status in (204, 304) or self.status < 200):
            return
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            pieces = []
            while True:
                line = reader.readline()
                size = int(line.split(b";")[0] or b"0", 16)
                pieces += [line, read_exactly(reader, size + 2)]
                if size == 0:
                    self.body = b"".join(pieces)
                    return
        elif "content-length" in self.headers:
            self.body = read_exactly(reader, int(self.headers["content-length"]))
        elif self.method is not None:
            self.body = reader.read()

    def keeps_alive(self):
        return self.headers.get("connection", "").lower() != "close"

    def whole(self):
        return self.head + self.body

    def corrupted(self):
        """With one bit of the body wrong."""
        at = len(self.body) // 2
        return self.head + self.body[:at] + bytes([self.body[at] ^ 1]) + self.body[at + 1 :] if self.body else self.head


def read_exactly(reader, size):
    data = reader.read(size)
    if len(data) != size:
        raise EOFError
    return data


class Upstream:
    """The connection to the server, made when it is needed."""

    def __init__(self, proxy):
        self.proxy, self.socket, self.reader = proxy, None, None

    def send(self, data):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.proxy.server_port), timeout=300)
            self.proxy.open.append(self.socket)
            self.reader = self.socket.makefile("rb")
        self.socket.sendall(data)

    def answer(self, method):
        message = Message(self.reader, method)
        while message.status < 200:
            message = Message(self.reader, method)
        message.read_body()
        if not message.keeps_alive():
            self.close()
        return message

    def close(self):
        if self.socket is not None:
            close(self.socket)
            with contextlib.suppress(ValueError):
                self.proxy.open.remove(self.socket)
        self.socket = None


class S3Proxy(Listener):
    def __init__(self, server):
        """server: an S3Server, or a port."""
        self.server_port = getattr(server, "port", server)
        self.lock = threading.Lock()
        self.requests = []
        self.rules = []
        self.stormy, self.storm_faults, self.chance = 0.0, (), random.Random(0)
        self.closed = threading.Event()
        super().__init__()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def connections(self):
        """How many carried a request."""
        with self.lock:
            return len({request.connection for request in self.requests})

    def add(self, fault, operation=None, nth=None, every=None, probability=1.0, key=None):
        """nth, every: counted from now among the requests of that operation, and whose path contains key."""
        assert fault in FAULTS, fault
        with self.lock:
            self.rules.append(Rule(fault, operation, nth, every, probability, key))

    def storm(self, probability, faults=STORM, seed=0):
        """Any request, with that probability, suffers one of the faults."""
        with self.lock:
            self.stormy, self.storm_faults, self.chance = probability, tuple(faults), random.Random(seed)

    def calm(self):
        """No fault from now on; what is stalled stays so."""
        with self.lock:
            self.rules.clear()
            self.stormy = 0.0

    def of(self, operation=None, fault=None):
        """The requests of a kind so far."""
        with self.lock:
            return [
                r for r in self.requests
                if operation in (None, r.operation) and (fault is None or r.fault == fault)
            ]  # fmt: skip

    def times(self, operation=None, fault=None):
        return len(self.of(operation, fault))

    def faults(self):
        """name -> how often it came"""
        with self.lock:
            names = [r.fault for r in self.requests if r.fault is not None]
        return {name: names.count(name) for name in sorted(set(names))}

    def close(self):
        self.closed.set()
        super().close()

    def pick(self, request):
        """Enters the request; the fault that it shall have."""
        with self.lock:
            request.number = len(self.requests) + 1
            self.requests.append(request)
            taken = [rule.fault for rule in self.rules if rule.takes(request, self.chance)]
            if not taken and self.stormy and self.chance.random() < self.stormy:
                taken = [self.chance.choice(self.storm_faults)]
            request.fault = taken[0] if taken else None
        return FAULTS[request.fault] if taken else Fault()

    def serve(self, client, number):
        reader = client.makefile("rb")
        upstream = Upstream(self)
        try:
            while self.one(client, reader, upstream, number):
                pass
        except (EOFError, OSError, ValueError):
            pass
        finally:
            upstream.close()

    def one(self, client, reader, upstream, connection):
        """One request and its answer; whether the connection goes on."""
        message = Message(reader)
        if "100-continue" in message.headers.get("expect", "").lower():
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        message.read_body()
        request = describe(message, connection)
        fault = self.pick(request)
        if fault.delay and self.closed.wait(fault.delay):
            return False
        answer = self.forward(message, fault, upstream)
        if fault.answer == "none":
            return False
        if fault.answer == "stall":
            self.closed.wait()
            return False
        if fault.answer == "canned":
            text = canned(fault, request.method)
            request.status = fault.status
            client.sendall(text)
            return message.keeps_alive()
        data = answer.corrupted() if fault.answer == "corrupt" else answer.whole()
        if fault.answer in ("half", "half_stall"):
            client.sendall(data[: len(data) // 2])
            if fault.answer == "half_stall":
                self.closed.wait()
            return False
        request.status, request.received = answer.status, len(answer.body)
        client.sendall(data)
        return answer.keeps_alive() and message.keeps_alive()

    def forward(self, message, fault, upstream):
        """To the server as the fault wants it; its answer, or None."""
        data = message.corrupted() if fault.corrupt_request else message.whole()
        if fault.forward == "none":
            return None
        if fault.forward == "half":
            upstream.send(data[: len(message.head) + len(message.body) // 2 if message.body else len(data) // 2])
            return None
        answer = None
        for _ in range(2 if fault.forward == "twice" else 1):
            answer = exchange(upstream, data, message.first[0])
        return answer


def exchange(upstream, data, method):
    """The server may have closed a connection that was idle, as it may: then a new one."""
    for fresh in (upstream.socket is None, True):
        try:
            upstream.send(data)
            return upstream.answer(method)
        except (EOFError, OSError):
            upstream.close()
            if fresh:
                raise
    raise EOFError


def describe(message, connection):
    method, target = message.first[0], message.first[1]
    path, _, query_text = target.partition("?")
    query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
    path = urllib.parse.unquote(path).lstrip("/")
    host = message.headers.get("host", "").partition(":")[0]
    if host.endswith(".localhost"):  # virtual-host style
        bucket, key = host.removesuffix(".localhost"), path
    else:
        bucket, _, key = path.partition("/")
    operation = operation_of(method, bucket, key, query, message.headers)
    return Request(
        0, connection, operation, method, key, query, message.headers, len(message.body), at=time.monotonic()
    )


def canned(fault, method):
    body = b"" if method == "HEAD" else ERROR.format(fault.code, "the proxy says so").encode()
    reason = {200: "OK", 400: "Bad Request", 403: "Forbidden", 429: "Too Many Requests",
              500: "Internal Server Error", 503: "Slow Down"}  # fmt: skip
    head = f"HTTP/1.1 {fault.status} {reason[fault.status]}\r\nContent-Type: application/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
