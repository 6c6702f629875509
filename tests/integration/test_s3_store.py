# SPDX-License-Identifier: Apache-2.0
"""The S3 store alone, against real servers: what every store must do, faults on the way, kills between any two steps.

tests/tools/store_tool.c carries objects as the objects sink does (stage, plan, publish, done, sweep); boto3 judges.
"""

import contextlib
import datetime
import email.utils
import http.server
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LEAT_BIN", ROOT / "build/debug/leat")).parent
MIB = 1024 * 1024
LARGE = 17 * MIB + 11  # three parts of the default size


def content(index, size):
    """As the tool writes them."""
    tail = bytes(range(256)) * 256
    blocks = (struct.pack("<QQ", index, number) + tail[16:] for number in range(-(-size // 65536)))
    return b"".join(blocks)[:size]


class Tool:
    """leat_store_tool with its staging folder and its plan."""

    def __init__(self, work, bucket, endpoint=None, prefix="p", env=None, **options):
        self.work, self.bucket, self.prefix = work, bucket, prefix
        self.url = bucket.url(prefix) if hasattr(bucket, "url") else bucket
        server = getattr(bucket, "server", None)
        self.options = {"s3.endpoint": endpoint or server.endpoint}
        self.options.update({name.replace("_", "."): value for name, value in options.items()})
        self.env = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **(server.env() if server else {})}
        self.env.update(env or {})
        self.plan, self.staging = work / "plan", work / "staging"

    def argv(self, *command):
        sets = [word for name, value in self.options.items() for word in ("--set", f"{name}={value}")]
        return [BUILD / "leat_store_tool", self.url, "me", self.staging, *sets, *map(str, command)]

    def start(self, *command, env=None):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.argv(*command), env={**self.env, **(env or {})}, **pipes)

    def run(self, *command, env=None, timeout=300):
        """What it printed; .get("error") when it failed. A process killed by a signal: {"killed": True}."""
        process = self.start(*command, env=env)
        out, err = process.communicate(timeout=timeout)
        if process.returncode == -signal.SIGKILL:
            return {"killed": True}
        assert process.returncode in (0, 1), err
        for value in self.env.get("AWS_SECRET_ACCESS_KEY"), self.options.get("s3.secret.key"):
            assert not value or (value not in out and value not in err), "a secret was printed"
        return json.loads(out)

    def carry(self, count=1, size=100, env=None, **more):
        return self.run("carry", self.plan, "o", count, size, env=env, **more)

    def check(self, count=1, size=100):
        """Every object is there, whole, once; nothing is left behind."""
        prefix = self.prefix + "/" if self.prefix else ""
        assert self.bucket.objects() == {f"{prefix}o-{i}": size for i in range(count)}
        for i in range(count):
            assert self.bucket.get(f"{prefix}o-{i}") == content(i, size)
        assert not self.staging.exists() and not self.plan.exists()

    def uploads(self):
        return self.bucket.uploads(f"{self.prefix}/o-0")


@pytest.fixture
def tool(work, bucket):
    return Tool(work, bucket)


# --- what every store must do -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    ["", "s3.payload=streaming", "s3.payload=unsigned", "s3.checksum=none", "s3.part.size=5MiB,s3.requests.max=1"],
)
def test_conformance(bucket, options):
    env = {
        **os.environ, **bucket.server.env(),
        "LEAT_STORE_TEST_S3": bucket.url("a b/c"),
        "LEAT_STORE_TEST_S3_OPTIONS": ",".join(filter(None, [f"s3.endpoint={bucket.server.endpoint}", options])),
    }  # fmt: skip
    done = subprocess.run([BUILD / "leat_unit", "stores_"], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bucket.keys(), "nothing was written to the bucket"


def test_small_objects_cost_one_request_each_over_few_connections(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    tool = Tool(work, bucket, proxy.endpoint)
    done = tool.carry(100)
    assert (done["put"], done["retries"], done["bytes_up"]) == (100, 0, 10000)
    assert [done[kind] for kind in ("multipart", "part", "get", "head", "list", "remove")] == [0] * 6
    assert len(proxy.requests) == 100 and proxy.connections() <= 8
    tool.check(100)


@pytest.mark.parametrize("count", [2300, pytest.param(10000, marks=pytest.mark.slow)])
def test_thousands_of_small_objects(versitygw, work, count):
    tool = Tool(work, versitygw)
    done = tool.carry(count, 20)
    assert done["put"] == count and done["retries"] == 0 and 0 < done["rss_kib"] < 40 * 1024
    listed = tool.run("list", "")
    assert listed["list"] == -(-count // 1000)
    assert listed["names"] == [[name, 20] for name in sorted(f"o-{i}" for i in range(count))]


@pytest.mark.parametrize("payload", ["auto", "streaming"])
def test_a_large_object_takes_little_memory(bucket, work, payload):
    tool = Tool(work, bucket, s3_payload=payload)
    done = tool.carry(1, 200 * MIB)
    assert 0 < done["rss_kib"] < 40 * 1024
    assert (done["head"], done["multipart"], done["part"], done["put"]) == (1, 2, 25, 0)
    assert bucket.objects() == {"p/o-0": 200 * MIB}
    part = bucket.client.get_object(Bucket=bucket.name, Key="p/o-0", Range="bytes=104857600-104923135")["Body"].read()
    assert part == content(0, 101 * MIB)[100 * MIB : 100 * MIB + 65536]


def test_objects_carry_what_the_options_say(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    headers = {"s3_acl": "private", "s3_storage_class": "STANDARD"}
    Tool(work, bucket, proxy.endpoint, **headers).carry(1)
    head = bucket.head("p/o-0")
    assert head["Metadata"]["leat-token"].startswith("me-") and head["ContentLength"] == 100
    sent = proxy.of("PutObject")[0].headers
    assert sent["x-amz-acl"] == "private" and sent["x-amz-storage-class"] == "STANDARD"
    assert sent["if-none-match"] == "*" and len(sent["x-amz-checksum-crc32c"]) == 8
    assert "x-amz-server-side-encryption" not in sent
    proxy.add("denied")  # what encryption the servers here do not know is sent all the same
    more = {"s3_sse": "aws:kms", "s3_sse_kms_key_id": "a-key"}
    Tool(work, bucket, proxy.endpoint, prefix="q", **more).carry(1)
    sent = proxy.of("PutObject")[-1].headers
    assert sent["x-amz-server-side-encryption"] == "aws:kms"
    assert sent["x-amz-server-side-encryption-aws-kms-key-id"] == "a-key"


def test_markers_of_folders_are_not_listed(bucket, tool):
    for key in "p/", "p/a/", "p/a/b", "pq":
        bucket.put(key, b"")
    assert tool.run("list", "")["names"] == [["a/b", 0]]


# --- faults on the way ------------------------------------------------------------------------------------------

PASSING = (
    "cut_before", "cut_request", "cut_after", "cut_answer", "delay", "repeat", "corrupt_request", "slow_down",
    "error_500", "error_500_after", "error_in_200", "error_in_200_after",
)  # fmt: skip


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_at_any_request_is_lived_through(bucket, work, fault_proxy, fault):
    proxy = fault_proxy(bucket.server)
    for operation in "PutObject", "HeadObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload":
        proxy.add(fault, operation, nth=1)
    tool = Tool(work, bucket, proxy.endpoint)
    done = tool.carry(2, LARGE)
    assert "error" not in done, done
    tool.check(2, LARGE)
    done = Tool(work, bucket, proxy.endpoint, prefix="small").carry(3)
    assert "error" not in done, done
    assert bucket.objects("small/") == {f"small/o-{i}": 100 for i in range(3)}
    # What CreateMultipartUpload began behind an answer that was lost, nobody knows of.
    lost = fault in ("cut_after", "cut_answer", "repeat", "error_500_after", "error_in_200_after")
    assert len(tool.uploads()) == (1 if lost else 0)
    for operation in "PutObject", "HeadObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload":
        assert proxy.times(operation, fault) == 1


def test_reads_live_through_faults(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    tool = Tool(work, bucket, proxy.endpoint)
    tool.run("put", "a", "text")
    for fault in "cut_before", "cut_answer", "slow_down", "error_500":
        proxy.add(fault, "GetObject", nth=1)
        proxy.add(fault, "ListObjectsV2", nth=1)
        assert tool.run("get", "a")["bytes"] == "text"
        assert tool.run("list", "")["names"] == [["a", 4]]
        proxy.calm()
    proxy.add("corrupt_answer", "GetObject")
    assert tool.run("get", "a")["error"] == "net_protocol"


def test_a_conditional_put_knows_its_own_lost_answer(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    tool = Tool(work, bucket, proxy.endpoint)
    proxy.add("error_500_after", "PutObject", nth=1)
    first = tool.run("put", "state", "one", "")
    assert "error" not in first and bucket.get("p/state") == b"one"
    proxy.add("cut_after", "PutObject", nth=1)
    second = tool.run("put", "state", "two", first["tag"])
    assert "error" not in second and bucket.get("p/state") == b"two"
    assert tool.run("put", "state", "three", first["tag"])["error"] == "changed"
    assert tool.run("get", "state")["tag"] == second["tag"]


@pytest.mark.parametrize("seed", range(3))
def test_a_storm(bucket, work, fault_proxy, seed):
    proxy = fault_proxy(bucket.server)
    proxy.storm(0.15, seed=seed)
    tool = Tool(work, bucket, proxy.endpoint, s3_part_size="5MiB")
    for count, size, prefix in (60, 5000, "a"), (2, 26 * MIB, "b"):
        tool = Tool(work, bucket, proxy.endpoint, prefix=prefix, s3_part_size="5MiB")
        for _ in range(10):  # as the sink's pump does: transient errors are tried again
            done = tool.carry(count, size)
            if "error" not in done:
                break
            assert done["class"] == "transient", done
        assert "error" not in done
        assert bucket.objects(f"{prefix}/") == {f"{prefix}/o-{i}": size for i in range(count)}
        assert all(bucket.get(f"{prefix}/o-{i}") == content(i, size) for i in range(count))
    assert not tool.staging.exists()


def test_a_service_that_stays_away_is_a_transient_error(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    proxy.add("slow_down")
    tool = Tool(work, bucket, proxy.endpoint)
    done = tool.carry(3)
    assert (done["error"], done["class"]) == ("net_busy", "transient") and "SlowDown" in done["message"]
    assert proxy.times("PutObject") == 15
    proxy.calm()
    assert "error" not in tool.carry(3)  # the plan again
    tool.check(3)


def test_a_stop_is_obeyed_while_waiting(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    proxy.add("stall", "PutObject")
    process = Tool(work, bucket, proxy.endpoint).start("carry", work / "plan", "o", 1, 100)
    while not proxy.times("PutObject"):
        time.sleep(0.01)
    begun = time.monotonic()
    process.terminate()
    out, _ = process.communicate(timeout=120)
    assert json.loads(out)["error"] == "interrupted" and time.monotonic() - begun < 20


# --- kills between the steps ------------------------------------------------------------------------------------

POINTS = [
    ("tool.staged", 100), ("store.s3.published", 100), ("store.s3.published:2", 100), ("store.s3.unlinked", 100),
    ("tool.published", 100),
    ("store.s3.begun", LARGE), ("store.s3.recorded", LARGE), ("store.s3.part", LARGE), ("store.s3.part:2", LARGE),
    ("store.s3.parts", LARGE), ("store.s3.completed", LARGE), ("store.s3.published", LARGE),
    ("store.s3.unlinked", LARGE), ("store.s3.recorded:2", LARGE), ("tool.published", LARGE),
]  # fmt: skip


@pytest.mark.parametrize("point,size", POINTS)
def test_a_kill_at_any_step_is_mended_by_the_plan(bucket, work, point, size):
    tool = Tool(work, bucket)
    assert tool.carry(2, size, env={"LEAT_CRASH_POINT": point}) == {"killed": True}
    done = tool.carry(2, size)
    assert "error" not in done, done
    tool.check(2, size)
    orphan = point == "store.s3.begun"  # its id was lost with the process
    assert len(tool.uploads()) == (1 if orphan else 0)


@pytest.mark.parametrize("point", ["store.s3.recorded", "store.s3.part", "store.s3.completed"])
def test_an_upload_whose_plan_is_gone_is_aborted(bucket, work, point):
    tool = Tool(work, bucket)
    tool.carry(1, LARGE, env={"LEAT_CRASH_POINT": point})
    tool.plan.unlink()
    bucket.delete("p/o-0")
    assert "error" not in tool.carry(1, 100)
    tool.check(1, 100)
    assert tool.uploads() == []


def test_a_kill_while_an_upload_is_aborted(bucket, work):
    tool = Tool(work, bucket)
    tool.carry(1, LARGE, env={"LEAT_CRASH_POINT": "store.s3.part"})
    tool.plan.unlink()
    assert tool.carry(1, 100, env={"LEAT_CRASH_POINT": "store.s3.aborted"}) == {"killed": True}
    assert "error" not in tool.carry(1, 100)
    tool.check(1, 100)
    assert tool.uploads() == []


def test_an_upload_that_somebody_aborted_is_begun_again(bucket, work):
    tool = Tool(work, bucket)
    tool.carry(1, LARGE, env={"LEAT_CRASH_POINT": "store.s3.part"})
    listed = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix="p/o-0")["Uploads"]
    bucket.client.abort_multipart_upload(Bucket=bucket.name, Key="p/o-0", UploadId=listed[0]["UploadId"])
    assert "error" not in tool.carry(1, LARGE)
    tool.check(1, LARGE)
    assert tool.uploads() == []


@pytest.mark.parametrize("size", [100, LARGE])
def test_objects_of_others_are_never_overwritten(bucket, work, size):
    bucket.put("p/o-1", b"not ours")
    tool = Tool(work, bucket)
    done = tool.carry(3, size)
    assert done["error"] == "exists" and "p/o-1" in done["message"] and done["hint"]
    assert bucket.get("p/o-1") == b"not ours"
    bucket.delete("p/o-1")
    assert "error" not in tool.carry(3, size)
    tool.check(3, size)


def test_a_lost_staging_folder_is_told_from_an_object_that_was_taken_away(bucket, work):
    tool = Tool(work, bucket)
    tool.carry(2, env={"LEAT_CRASH_POINT": "tool.published"})
    bucket.delete("p/o-1")
    assert tool.carry(2)["error"] == "not_found"
    for path in tool.staging.iterdir():
        path.unlink()
    tool.staging.rmdir()
    assert tool.carry(2)["error"] == "state_corrupt"


# --- what is wrong is said --------------------------------------------------------------------------------------


def test_a_wrong_secret(bucket, work):
    done = Tool(work, bucket, env={"AWS_SECRET_ACCESS_KEY": "wrong-secret"}).run("probe")
    assert (done["error"], done["class"]) == ("net_auth", "config")
    assert "SignatureDoesNotMatch" in done["message"] and bucket.name in done["message"]
    assert "s3.secret.key" in done["hint"]


def test_an_unknown_key_given_by_reference(bucket, work):
    options = {"s3_access_key": "nobody", "s3_secret_key": "${env:THE_SECRET}"}
    done = Tool(work, bucket, env={"THE_SECRET": "hidden-from-all"}, **options).run("probe")
    assert done["error"] == "net_auth" and "hidden-from-all" not in str(done)


def test_a_missing_bucket(bucket, work):
    tool = Tool(work, "s3://no-such-bucket/p", bucket.server.endpoint, env=bucket.server.env())
    for command in ("probe",), ("list", ""), ("carry", tool.plan, "o", 1, 10):
        done = tool.run(*command)
        assert (done["error"], done["class"]) == ("net_setup", "config"), done
        assert "NoSuchBucket" in done["message"] and "no-such-bucket" in done["message"] and done["hint"]


def test_a_probe_creates_nothing(bucket, tool):
    assert "error" not in tool.run("probe")
    assert bucket.keys() == [] and bucket.uploads("p/leat-probe") == [] and not tool.staging.exists()


@pytest.mark.parametrize("operation,permission", [("ListObjectsV2", "s3:ListBucket"), ("UploadPart", "s3:PutObject")])
def test_a_denial_names_the_permission(versitygw, work, fault_proxy, operation, permission):
    proxy = fault_proxy(versitygw.server)
    proxy.add("denied", operation)
    done = Tool(work, versitygw, proxy.endpoint).run("probe")
    assert (done["error"], done["class"]) == ("net_permission", "config")
    assert operation in done["message"] and "AccessDenied" in done["message"] and permission in done["hint"]


def test_anonymous_requests(bucket, work, fault_proxy):
    proxy = fault_proxy(bucket.server)
    done = Tool(work, bucket, proxy.endpoint, s3_anonymous="true").carry(1)
    assert done["class"] == "config"
    assert "authorization" not in proxy.of("PutObject")[0].headers


@pytest.mark.parametrize(
    "options,said",
    [
        ({"s3_access_key": "a"}, "s3.secret.key"),
        ({"s3_sse_kms_key_id": "k"}, "s3.sse"),
        ({"s3_endpoint": "ftp://x"}, "endpoint"),
        ({"s3_endpoint": "http://u:p@x"}, "endpoint"),
        ({"s3_region": "eu central"}, "region"),
        ({"s3_part_size": "4MiB"}, "s3.part.size"),
    ],
)
def test_bad_options(bucket, work, options, said):
    done = Tool(work, bucket, **options).run("probe")
    assert done["error"] == "option" and said in done["message"] + done["hint"]


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://key:secret@bucket/x", "s3://b ucket/x", "s3://bucket//x"])
def test_bad_urls(bucket, work, url):
    done = Tool(work, url, bucket.server.endpoint, env=bucket.server.env()).run("probe")
    assert done["error"] == "option" and "secret@" not in str(done)


# --- what the servers here never say ----------------------------------------------------------------------------


class Service(http.server.ThreadingHTTPServer):
    """Answers as `answer(request)` says: (status, headers, body). request has command, path, headers, body."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                taken = types.SimpleNamespace(command=self.command, path=self.path, headers=self.headers)
                taken.body = self.rfile.read(int(self.headers.get("content-length", 0)))
                self.server.seen.append(taken)
                status, headers, body = answer(taken)
                self.send_response_only(status)
                for name, value in {"Date": email.utils.formatdate(usegmt=True), **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://localhost:{self.server_port}"


def error(status, code, **headers):
    return status, headers, f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode()


DONE = 200, {"ETag": '"e"'}, b""
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "not-to-be-seen", "AWS_REGION": "eu-west-1"}


@pytest.fixture
def service(work):
    """service(answer, **options): the service and a tool that speaks to it."""
    with contextlib.ExitStack() as stack:

        def make(answer, env=KEYS, url="s3://bucket/p", **options):
            server = Service(answer)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return server, Tool(work, url, server.endpoint, env=env, **options)

        yield make


def test_a_wrong_clock_is_corrected_by_the_service(service):
    ahead = datetime.timedelta(hours=5)

    def answer(request):
        now = datetime.datetime.now(datetime.UTC) + ahead
        said = datetime.datetime.strptime(request.headers["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        date = {"Date": email.utils.format_datetime(now, usegmt=True)}
        return DONE if abs(now - said).total_seconds() < 900 else error(403, "RequestTimeTooSkewed", **date)

    server, tool = service(answer)
    done = tool.carry(20)
    assert "error" not in done and done["retries"] == 20
    assert all(request.command == "PUT" for request in server.seen)


def test_a_clock_that_stays_wrong_is_an_error(service):
    server, tool = service(lambda request: error(403, "RequestTimeTooSkewed"))
    done = tool.carry(1)
    assert done["error"] == "net_auth" and "clock" in done["hint"] and len(server.seen) == 2


@pytest.mark.parametrize("how", ["redirect", "malformed", "head"])
def test_the_bucket_is_found_in_its_region(service, how):
    def answer(request):
        if "/ap-south-1/s3/" in request.headers["authorization"]:
            return DONE
        if how == "redirect":
            return error(301, "PermanentRedirect", **{"x-amz-bucket-region": "ap-south-1"})
        if how == "head":
            return 400, {"x-amz-bucket-region": "ap-south-1"}, b""
        body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>ap-south-1</Region></Error>"
        return 400, {}, body

    server, tool = service(answer)
    assert "error" not in tool.carry(3)
    assert len([r for r in server.seen if "eu-west-1" in r.headers["authorization"]]) == 3


def test_a_region_that_is_not_said(service):
    _, tool = service(lambda request: error(301, "PermanentRedirect"))
    done = tool.carry(1)
    assert done["error"] == "net_setup" and "s3.region" in done["hint"]


def test_expired_credentials_are_fetched_again_once(service, work):
    secret = work / "secret"
    secret.write_text("old")
    tokens = []

    def answer(request):
        tokens.append(request.headers["authorization"].rsplit("=", 1)[1])
        secret.write_text("new")
        return error(400, "ExpiredToken") if len(tokens) == 1 else DONE

    _, tool = service(answer, s3_access_key="AKID", s3_secret_key=f"${{file:{secret}}}")
    assert "error" not in tool.carry(1)
    server, tool = service(lambda request: error(400, "ExpiredToken"))
    done = tool.carry(1)
    assert done["error"] == "net_auth" and len(server.seen) == 2 and "not-to-be-seen" not in str(done)


def test_a_service_without_conditions(service):
    objects = {}

    def answer(request):
        if "if-none-match" in request.headers:
            return error(501, "NotImplemented")
        if request.command == "HEAD":
            return (200, {"ETag": '"e"'}, b"") if request.path in objects else (404, {}, b"")
        objects[request.path] = request.body
        return DONE

    server, tool = service(answer)
    assert "error" not in tool.carry(2)
    assert objects == {f"/bucket/p/o-{i}": content(i, 100) for i in range(2)}
    server, tool = service(answer)
    assert tool.carry(2)["error"] == "exists"


def test_a_service_without_conditions_keeps_small_objects(service):
    """What a put was to be refused for is looked for before it."""
    objects = {}

    def answer(request):
        found = objects.get(request.path)
        if request.command != "PUT":
            return (200, {"ETag": f'"{found.decode()}"'}, b"") if found else (404, {}, b"")
        if "if-none-match" in request.headers or "if-match" in request.headers:
            return error(501, "NotImplemented")
        objects[request.path] = request.body
        return 200, {"ETag": f'"{request.body.decode()}"'}, b""

    _, tool = service(answer)
    assert tool.run("put", "state", "one", "")["tag"] == '"one"'
    assert tool.run("put", "state", "two", "")["error"] == "changed"
    assert tool.run("put", "state", "two", '"one"')["tag"] == '"two"'
    assert tool.run("put", "state", "three", '"one"')["error"] == "changed"
    assert tool.run("put", "other", "three", '"one"')["error"] == "changed"
    assert objects == {"/bucket/p/state": b"two"}


@pytest.mark.parametrize(
    "code,status,name,kind",
    [
        ("QuotaExceeded", 403, "io_full", "transient"),
        ("XMinioStorageFull", 507, "io_full", "transient"),
        ("MethodNotAllowed", 405, "net_permission", "config"),
        ("AccessControlListNotSupported", 400, "net_setup", "config"),
        ("KMS.DisabledException", 400, "net_setup", "config"),
        ("SomethingNew", 400, "net_setup", "config"),
    ],
)
def test_other_refusals(service, code, status, name, kind):
    server, tool = service(lambda request: error(status, code, **{"x-amz-request-id": "R17"}))
    done = tool.carry(1)
    assert (done["error"], done["class"]) == (name, kind) and len(server.seen) == 1
    for part in "PutObject", "s3://bucket/p/o-0", code, "R17":
        assert part in done["message"]


@pytest.mark.parametrize("answer", [(200, {}, b"<html>a portal</html>"), (200, {}, b""), (204, {}, b"")])
def test_what_does_not_speak_s3(service, answer):
    _, tool = service(lambda request: answer)
    for command in ("list", ""), ("carry", tool.plan, "o", 1, 10):
        done = tool.run(*command)
        assert (done["error"], done["class"]) == ("net_protocol", "transient") and "s3.endpoint" in done["hint"]


def test_virtual_hosts(service):
    server, tool = service(lambda request: DONE, s3_path_style="false")
    assert "error" not in tool.carry(1)
    assert server.seen[0].headers["host"].startswith("bucket.localhost:") and server.seen[0].path == "/p/o-0"
    server, tool = service(lambda request: DONE, url="s3://a.bucket/with.dots")
    assert "error" not in tool.carry(1)
    assert server.seen[0].path == "/a.bucket/with.dots/o-0"
