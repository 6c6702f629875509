# SPDX-License-Identifier: Apache-2.0
"""A proxy before an Iceberg REST catalog that breaks what passes, by rule, and remembers what passed.

    with CatalogProxy(server.port) as proxy:
        proxy.add("error_after", every=3)          every third commit is made, and answered 500
        proxy.check = lambda request: None          or (status, body): asked of every request first
        proxy.change = lambda request, answer: …    the JSON of a good answer, as the client gets it
        leat … 'iceberg+http://127.0.0.1:PORT'
"""

import collections
import http.client
import http.server
import json
import threading

Request = collections.namedtuple("Request", "method path headers body")  # headers: names in lower case

# Is it forwarded (none, once, twice, later), and what is answered: its own (pass), nothing (cut), or a status?
FAULTS = {
    "cut_before": ("none", "cut"),
    "cut_after": ("once", "cut"),
    "error_after": ("once", 500),
    "gateway_after": ("once", 504),
    "busy": ("none", 503),
    "too_many": ("none", 429),
    "twice": ("twice", "pass"),
    "late": ("later", 504),
    "mangled": ("once", "mangled"),
}


def is_commit(request):
    """One table's, or a transaction's."""
    path = request.path.split("?")[0]
    one = "/tables/" in path and not path.endswith(("/metrics", "/rename", "/plan"))
    return request.method == "POST" and (one or path.endswith("/transactions/commit"))


class CatalogProxy:
    def __init__(self, port):
        self.target = port
        self.rules = []
        self.requests = []
        self.faults = collections.Counter()
        self.check = lambda request: None
        self.change = lambda request, answer: answer
        self.lock = threading.Lock()
        self.late = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                size = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                proxy.serve(self, Request(self.command, self.path, headers, self.rfile.read(size)))

            do_GET = do_POST = do_DELETE = do_HEAD = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def add(self, fault, every=1, first=0, match=is_commit):
        """first: only so many of the requests that match."""
        self.rules.append({"fault": fault, "every": every, "first": first, "match": match, "seen": 0})

    def fault_of(self, request):
        with self.lock:
            for rule in self.rules:
                if rule["match"](request):
                    rule["seen"] += 1
                    few = not rule["first"] or rule["seen"] <= rule["first"]
                    if few and rule["seen"] % rule["every"] == 0:
                        self.faults[rule["fault"]] += 1
                        return rule["fault"]
        return None

    def forward(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=120)
        headers = {k: v for k, v in request.headers.items() if k not in ("content-length", "connection")}
        try:
            connection.request(request.method, request.path, request.body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def serve(self, handler, request):
        with self.lock:
            self.requests.append(request)
        refused = self.check(request)
        if refused is not None:
            return self.answer(handler, refused[0], {}, json.dumps(refused[1]).encode())
        fault = self.fault_of(request)
        forward, what = FAULTS[fault] if fault else ("once", "pass")
        status, headers, body = 0, {}, b""
        try:
            if forward in ("once", "twice"):
                status, headers, body = self.forward(request)
            if forward == "twice":
                status, headers, body = self.forward(request)
        except OSError:
            what = "cut"
        if forward == "later":
            thread = threading.Timer(0.3, self.forward, (request,))
            thread.start()
            self.late.append(thread)
        if what == "cut":
            handler.close_connection = True
            return None
        if what == "mangled":
            return self.answer(handler, status, headers, body[: len(body) // 2])
        if what != "pass":
            more = {"Retry-After": "0"} if what in (429, 503) else {}
            told = {"error": {"message": "by the proxy", "type": "ServiceUnavailableException", "code": what}}
            return self.answer(handler, what, more, json.dumps(told).encode())
        if status == 200 and body:
            body = json.dumps(self.change(request, json.loads(body))).encode()
        return self.answer(handler, status, headers, body)

    def answer(self, handler, status, headers, body):
        handler.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if status != 204 and handler.command != "HEAD":
            handler.wfile.write(body)

    def of(self, match):
        with self.lock:
            return [request for request in self.requests if match(request)]

    def close(self):
        for thread in self.late:
            thread.join()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
