# SPDX-License-Identifier: Apache-2.0
"""The front: what clients do to it by mistake or on purpose, TLS, tokens and roles, where it may listen."""

import base64
import contextlib
import hashlib
import http.client
import json
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from server import Server, request
from wait import wait_until

pytestmark = pytest.mark.xdist_group("front")  # one front for all

MEMORY_MAX = 64 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One front for all the abuse: at the end it is the same process, and small."""
    with Server(tmp_path_factory.mktemp("front")) as running:
        front = running.front().pid
        yield running
        assert running.front().pid == front, "the front was restarted"
        small(running)


def small(server):
    memory = server.front().memory()["Rss"]
    assert memory < MEMORY_MAX, f"the front has {memory >> 20} MiB"


def healthy(server):
    answer = server.connect("GET", "/health")
    assert answer.status == 200 and answer.json()["status"] == "healthy"
    small(server)


def dial(server, listener="connect"):
    at = urllib.parse.urlsplit(server.url(listener))
    return socket.create_connection((at.hostname, at.port), timeout=180)


def read_all(sock):
    """Until the other side ends."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            data += piece
    return data


def post(server, body, chunked=False, headers=()):
    """A POST written by hand, so that the client reads whatever comes; (status, body)."""
    at = urllib.parse.urlsplit(server.connect_url)
    client = http.client.HTTPConnection(at.hostname, at.port, timeout=180)
    client.request(
        "PUT",
        "/admin/loggers/leat.test",
        body=body,
        headers={"Content-Type": "application/json", **dict(headers)},
        encode_chunked=chunked,
    )
    answer = client.getresponse()
    text = answer.read()
    client.close()
    return answer.status, text


def zeros(size, piece=b" " * (1 << 20)):
    for _ in range(size // len(piece)):
        yield piece


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_100_mb_are_refused(server, chunked):
    size = 100 << 20
    headers = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(size)}
    status, text = post(server, zeros(size), chunked, headers)
    assert (status, json.loads(text)["error_code"]) == (413, 413)
    healthy(server)


def test_many_large_bodies_at_once(server):
    """Each is allowed, all together are not: some are told to come again."""
    seen, peak = [], []

    def one():
        seen.append(post(server, b'{"level":"' + b"x" * (7 << 20) + b'"}')[0])

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    going = True
    while going:  # once at least
        going = any(thread.is_alive() for thread in threads)
        peak.append(server.front().memory()["Rss"])
        time.sleep(0.02)
    assert set(seen) <= {404, 503} and 404 in seen  # 404: there is no such level
    assert max(peak) < MEMORY_MAX, f"{max(peak) >> 20} MiB"
    healthy(server)


@pytest.mark.parametrize(
    "body",
    [
        b'{"level":' + b"[" * 100_000,
        b"[" * 4_000_000,
        b'{"a":' * 1_000_000,
        b"[" + b"1," * 3_000_000 + b"1]",
        b'{"level":"\xff\xfe"}',
        b"\x00" * 1000,
        b'{"level":"\xed\xa0\x80"}',
    ],
    ids=["deep-value", "deep-array", "deep-object", "many-values", "not-utf8", "zeros", "surrogate"],
)
def test_bad_json(server, body):
    status, text = post(server, body)
    assert status in (400, 500) and json.loads(text)["error_code"] == status
    healthy(server)


def test_bad_paths(server):
    loggers = "/admin/loggers"
    for path in ("/%", f"{loggers}/%zz", f"{loggers}/%ff", f"{loggers}/a%00b", f"{loggers}?x=%", "/x" * 3000):
        assert server.connect("GET", path).status in (400, 404), path[:50]
    name = urllib.parse.quote("a/é \U0001f600+%", safe="")
    assert server.connect("PUT", f"/admin/loggers/{name}/", {"level": "DEBUG"}).json() == ["a/é \U0001f600+%"]
    assert server.connect("GET", f"/admin/loggers/{name}").json()["level"] == "DEBUG"
    with dial(server) as sock:
        sock.sendall(b"GET /admin/loggers/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 400 " in read_all(sock)
    healthy(server)


def test_huge_headers(server):
    for head in (
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 50_000 + b"\r\n",
        b"\xff" * 100_000,
    ):
        with dial(server) as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(head)
            answer = read_all(sock)
            assert not answer or answer.split()[1] in (b"400", b"413", b"414", b"431"), answer[:100]
    healthy(server)


def test_pipelined_requests(server):
    count = 200
    with dial(server) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * (count - 1))
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(sock).count(b'{"status":"healthy"') == count


def test_many_connections(server):
    """More than it takes: those it has are served, the others wait or are ended; then it is as before."""
    with contextlib.ExitStack() as open_ones:
        socks = [open_ones.enter_context(dial(server)) for _ in range(700)]
        for sock in socks[:400]:
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        for sock in socks[:400]:
            assert b" 200 " in sock.recv(4096)
        small(server)
        assert server.front().running()
    wait_until(lambda: server.connect("GET", "/health").status == 200, lambda: "it serves again")
    healthy(server)


def test_clients_that_leave(server):
    for _ in range(100):
        with dial(server) as sock:
            sock.sendall(b"PUT /admin/loggers/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000)
        with dial(server) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    healthy(server)


@pytest.mark.slow
def test_slow_clients(server):
    """A byte a second, in headers or body: ended after 30 s, however many they are; nobody else notices."""
    with contextlib.ExitStack() as open_ones:
        socks = [open_ones.enter_context(dial(server)) for _ in range(100)]
        for i, sock in enumerate(socks):
            head = b"GET / HTTP/1.1\r\nX: " if i % 2 else b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"
            sock.sendall(head)
        began, alive = time.monotonic(), set(socks)
        while alive and time.monotonic() - began < 60:
            for sock in list(alive):
                try:
                    sock.sendall(b"x")
                except (BrokenPipeError, ConnectionResetError):
                    alive.discard(sock)
            healthy(server)
            time.sleep(1)
        assert not alive and 25 < time.monotonic() - began < 45
    healthy(server)


def test_forms_of_connect(server):
    for method, path, status, body in (
        ("GET", "/nope", 404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        ("DELETE", "/admin/loggers/io.debezium", 405, {"error_code": 405, "message": "HTTP 405 Method Not Allowed"}),
        ("GET", "/admin/loggers/no.such.logger", 404,
         {"error_code": 404, "message": "Logger no.such.logger not found."}),
    ):  # fmt: skip
        answer = server.connect(method, path)
        assert (answer.status, answer.json()) == (status, body)
    answer = server.connect("PUT", "/admin/loggers/x", '{"level":"INFO"}', {"Content-Type": "text/plain"})
    assert (answer.status, answer.json()["message"]) == (415, "HTTP 415 Unsupported Media Type")
    answer = server.connect("GET", "/admin/loggers", headers={"Accept": "text/html"})
    assert (answer.status, answer.json()["message"]) == (406, "HTTP 406 Not Acceptable")


def test_openapi_pages_are_valid(server):
    for url in (server.connect_url, server.registry_url, server.catalog_url):
        page = request("GET", f"{url}/openapi.json").json()
        OpenAPIV31SpecValidator(page).validate()
        operations = [of["operationId"] for path in page["paths"].values() for of in path.values()]
        assert len(operations) == len(set(operations))
    assert "/admin/loggers/{logger}" in server.connect("GET", "/openapi.json").json()["paths"]


def test_metrics_have_prometheus_form(server):
    answer = request("GET", f"{server.metrics_url}/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    types, seen = {}, set()
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in types
            types[name] = kind
        elif not line.startswith("#"):
            name = line.split("{")[0].split(" ")[0]
            float(line.rsplit(" ", 1)[1])
            assert name in types
            assert line.rsplit(" ", 1)[0] not in seen
            seen.add(line.rsplit(" ", 1)[0])
    assert {"leat_info", "leat_http_requests_total", "leat_process_resident_memory_bytes"} <= set(types)
    assert all(name.endswith("_total") for name, kind in types.items() if kind == "counter")


def test_levels_reach_every_process(server):
    assert "root" in server.connect("PUT", "/admin/loggers/root", {"level": "debug"}).json()
    assert server.connect("GET", "/admin/loggers/leat.sink").json()["level"] == "DEBUG"
    assert server.connect("PUT", "/admin/loggers/root?scope=cluster", {"level": "INFO"}).status == 204
    level = server.connect("GET", "/admin/loggers/root").json()
    assert level["level"] == "INFO" and abs(level["last_modified"] / 1000 - time.time()) < 60


# --- who may ---


def hashed(token, salt="s4lt"):
    return f"sha256:{salt}:{hashlib.sha256((salt + token).encode()).hexdigest()}"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(
        f"# who may\nalice admin {hashed('wonderland')}\nbob operator {hashed('builder')}\nrita reader plain:reads\n"
    )
    tokens.chmod(0o600)
    with Server(tmp_path, {"auth.token.file": str(tokens)}) as running:
        yield running, tokens


def test_tokens_and_roles(guarded):
    server, tokens = guarded
    assert server.connect("GET", "/health").status == 200  # probes have no tokens
    answer = server.connect("GET", "/admin/loggers")
    assert answer.status == 401 and "Basic" in answer.headers["WWW-Authenticate"]
    assert answer.json() == {"error_code": 401, "message": "HTTP 401 Unauthorized"}
    assert server.connect("GET", "/admin/loggers", headers=bearer("Wonderland")).status == 401
    for token in ("wonderland", "builder", "reads"):
        assert server.connect("GET", "/admin/loggers", headers=bearer(token)).status == 200
    basic = base64.b64encode(b"alice:wonderland").decode()
    assert server.connect("GET", "/admin/loggers", headers={"Authorization": f"Basic {basic}"}).status == 200
    basic = base64.b64encode(b"bob:wonderland").decode()
    assert server.connect("GET", "/admin/loggers", headers={"Authorization": f"Basic {basic}"}).status == 401
    for token, status in (("reads", 403), ("builder", 403), ("wonderland", 200)):
        answer = server.connect("PUT", "/admin/loggers/root", {"level": "WARN"}, bearer(token))
        assert answer.status == status
    # The change, and who was not allowed to make it, are in the audit.
    wait_until(lambda: len(audit(server)) == 3, lambda: "the audit is written")
    assert audit(server) == [("rita", "PUT", 403), ("bob", "PUT", 403), ("alice", "PUT", 200)]
    assert server.connect("GET", "/admin/audit", headers=bearer("builder")).status == 403
    shown = server.connect("GET", "/admin/audit?limit=1", headers=bearer("wonderland")).json()
    assert [row["actor"] for row in shown] == ["alice"] and shown[0]["path"] == "/admin/loggers/root"
    # A changed file is taken over; one that is broken is not.
    tokens.write_text(f"carol admin {hashed('new')}\n")
    server.until(lambda: server.connect("GET", "/admin/loggers", headers=bearer("new")).status == 200, "carol may")
    assert server.connect("GET", "/admin/loggers", headers=bearer("wonderland")).status == 401
    tokens.write_text("carol emperor x\n")
    server.until(lambda: "the tokens of before stay" in look(server, "new"), "the broken file is told of")
    assert server.connect("GET", "/admin/loggers", headers=bearer("new")).status == 200
    for secret in ("wonderland", "builder", "reads", "s4lt"):
        assert secret not in server.log_text()


def look(server, token):
    server.connect("GET", "/admin/loggers", headers=bearer(token))
    return server.log_text()


def audit(server):
    with contextlib.closing(sqlite3.connect(server.data / "control.db")) as database:
        return database.execute("SELECT actor, method, status FROM audit ORDER BY id").fetchall()


def test_no_network_without_tokens(tmp_path):
    server = Server(tmp_path, {"listen.metrics": "0.0.0.0:0"}).spawn()
    try:
        assert server.wait() != 0
        assert "open to the network" in server.log_text() and "auth.token.file" in server.log_text()
    finally:
        server.close()


@pytest.mark.parametrize("how", ["option", "environment"])
def test_insecure_is_possible(tmp_path, how):
    options = {"listen.metrics": "0.0.0.0:0", **({"insecure": "true"} if how == "option" else {})}
    with Server(tmp_path, options, env={"LEAT_INSECURE": "1"} if how == "environment" else {}) as server:
        listens = {event["for"]: event["auth"] for event in server.events() if event.get("message") == "listens"}
        assert listens["metrics"] == "none: open to the network"
        assert listens["connect"] == "none, loopback only"


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls(tmp_path, certificate):
    options = {"tls.certificate": str(certificate / "cert.pem"), "tls.key": str(certificate / "key.pem")}
    with Server(tmp_path, options) as server:
        at = urllib.parse.urlsplit(server.connect_url)
        context = ssl.create_default_context(cafile=certificate / "cert.pem")
        for _ in range(3):
            client = http.client.HTTPSConnection("localhost", at.port, context=context, timeout=180)
            for _ in range(5):  # kept
                client.request("GET", "/health")
                assert client.getresponse().read().startswith(b'{"status":"healthy"')
            client.request("PUT", "/admin/loggers/root", body=b" " * (9 << 20))
            assert client.getresponse().status == 413
            client.close()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        client = http.client.HTTPSConnection("localhost", at.port, context=context, timeout=180)
        client.request("GET", "/health")
        assert client.getresponse().status == 200
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            http.client.HTTPSConnection("localhost", at.port, context=old, timeout=180).request("GET", "/health")
        with dial(server) as sock:  # no TLS at all
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"healthy" not in read_all(sock)
        small(server)


def test_tls_that_cannot_be(tmp_path, certificate):
    options = {"tls.certificate": str(certificate / "cert.pem"), "tls.key": str(certificate / "cert.pem")}
    server = Server(tmp_path, options).spawn()
    try:
        assert server.wait() != 0
        assert "cannot be used" in server.log_text()
    finally:
        server.close()
