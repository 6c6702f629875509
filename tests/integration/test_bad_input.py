# SPDX-License-Identifier: Apache-2.0
"""What users meet on a bad day, through `leat sync` and real servers: an error that says what, where and the remedy,
and leaves nothing behind; or it works. Where a trouble passes, the next run carries the rest, once.

    LEAT_LONG=1   10,000 tables in place of 1,000
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import time

import boto3
import files
import leat as leat_module
import pytest
import s3_servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = os.environ.get("LEAT_LONG") == "1"
MIB = 1024 * 1024
SETUP = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i"


def sets(**options):
    return [word for name, value in options.items() for word in ("--set", f"{name.replace('_', '.')}={value}")]


def s3_env(bucket, **more):
    env = {**bucket.server.env(), "AWS_EC2_METADATA_DISABLED": "true", **more}
    return {name: value for name, value in env.items() if value is not None}


def sync_s3(leat, db, bucket, *args, env=None, endpoint=None, **options):
    """leat sync to a prefix of a bucket; may fail."""
    if not str(leat.out).startswith("s3://"):
        leat.out = bucket.url("lake/x")
    options["s3.endpoint"] = endpoint or bucket.server.endpoint
    return leat.sync(db, *args, *sets(**options), env={**s3_env(bucket), **(env or {})}, check=False)


def refuse(result, status, code, *parts):
    """An error of that code, with all those parts and a remedy, and without any secret."""
    last = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, last["event"], last["code"]) == (status, "error", code), result.stderr
    said = f"{last['message']} {last['hint']}"
    for part in parts:
        assert part in said, f"'{part}' is not in: {said}"
    assert last["hint"], f"no remedy: {said}"
    assert f"error: {last['message']}" in result.stderr and f"hint: {last['hint']}" in result.stderr
    no_secret(result.stdout + result.stderr)


def no_secret(text):
    assert not re.search(r"leat-test-secret|hidden", text), "a secret was printed"


def rows_of(bucket, prefix="lake/x/"):
    """Ids in the JSON files of a bucket."""
    keys = [key for key in bucket.keys(prefix) if "/_leat/" not in key]
    return sorted(json.loads(line)["id"] for key in keys for line in bucket.get(key).splitlines())


# --- who we are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "parts"),
    [
        ({"AWS_ACCESS_KEY_ID": "nobody"}, ["ListObjectsV2", "lake/x", "AWS_ACCESS_KEY_ID", "access key"]),
        ({"AWS_SECRET_ACCESS_KEY": "hidden"}, ["SignatureDoesNotMatch", "from AWS_ACCESS_KEY_ID", "secret"]),
        ({"AWS_SECRET_ACCESS_KEY": "leat-test-secret\n"}, ["secret key", "line break"]),
        ({"AWS_ACCESS_KEY_ID": "leat-test\r\nX-Evil: 1"}, ["access key", "line break"]),
        ({"AWS_SECRET_ACCESS_KEY": ""}, ["AWS_SECRET_ACCESS_KEY", "both"]),
        ({"AWS_PROFILE": "no-such", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, ["no-such", "profile"]),
    ],
    ids=["key", "secret", "line-break", "header", "half", "profile"],
)
def test_wrong_credentials(leat, db, bucket, env, parts):
    db.execute(SETUP)
    refuse(sync_s3(leat, db, bucket, env={"HOME": str(leat.directory), **env}), 2, "net_auth", *parts)
    assert db.slots() == {} and bucket.keys() == []


def test_no_credentials(leat, db, bucket):
    db.execute(SETUP)
    env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(leat.directory)}
    refuse(sync_s3(leat, db, bucket, env=env), 2, "net_auth", "no AWS credentials", "AWS_ACCESS_KEY_ID")


POLICY = re.search(r"```json\n(.*?)```", (ROOT / "docs/sinks/s3.md").read_text(), re.DOTALL)[1]


def session(bucket, policy):
    """Temporary keys of minio that may do what the policy says."""
    server = bucket.server
    sts = boto3.client(
        "sts", endpoint_url=server.endpoint, region_name=s3_servers.REGION, aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )  # fmt: skip
    role = {"RoleArn": "arn:aws:iam::0:role/any", "RoleSessionName": "leat", "DurationSeconds": 900}
    keys = sts.assume_role(**role, Policy=policy)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }  # fmt: skip


def policy_of(bucket, without=(), prefix="lake/x"):
    """The policy of docs/sinks/s3.md, less some of its actions."""
    policy = json.loads(POLICY.replace("BUCKET", bucket.name).replace("PREFIX", prefix))
    for statement in policy["Statement"]:
        actions = statement["Action"]
        statement["Action"] = [a for a in ([actions] if isinstance(actions, str) else actions) if a not in without]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    return json.dumps(policy)


def test_the_documented_policy_is_enough(leat, db, minio):
    db.execute(SETUP + "; CREATE TABLE big (id int, v text); INSERT INTO big SELECT 1000 + i, repeat('x', 1000000)"
                       " FROM generate_series(1, 18) i")  # fmt: skip
    keys = session(minio, policy_of(minio))
    done = sync_s3(leat, db, minio, env=keys, ack_policy="sink")
    assert done.returncode == 0, done.stderr
    db.execute("INSERT INTO t VALUES (500)")
    assert sync_s3(leat, db, minio, env=keys).returncode == 0
    assert rows_of(minio) == [*range(1, 101), 500, *range(1001, 1019)]


@pytest.mark.parametrize("lacking", ["s3:ListBucket", "s3:GetObject", "s3:PutObject"])
def test_a_permission_that_lacks_is_named_before_anything_begins(leat, db, minio, lacking):
    db.execute(SETUP)
    keys = session(minio, policy_of(minio, [lacking]))
    refuse(sync_s3(leat, db, minio, env=keys), 2, "net_permission", "AccessDenied", "lake/x", lacking,
           "docs/sinks/s3.md", "AWS_ACCESS_KEY_ID")  # fmt: skip
    assert db.slots() == {} and minio.keys() == []


def test_session_tokens(leat, db, minio):
    db.execute(SETUP)
    keys = session(minio, policy_of(minio))
    for token in "", "hidden", keys["AWS_SESSION_TOKEN"][:-6] + "AAAAAA":
        env = {**keys, "AWS_SESSION_TOKEN": token}
        refuse(sync_s3(leat, db, minio, env=env), 2, "net_auth", "session token", "AWS_ACCESS_KEY_ID")


def test_a_session_that_expires_under_way(leat, db, minio, fault_proxy):
    """What is durable stays so, and the next run, with new keys, publishes it once."""
    proxy = fault_proxy(minio.server)
    db.execute(SETUP)
    leat.out = minio.url("lake/x")
    env = s3_env(minio, **session(minio, policy_of(minio)))
    process = leat.follow(db, *sets(file_rotate_interval="200ms", s3_endpoint=proxy.endpoint), env=env)
    process.wait_streaming(db)
    process.until(lambda: rows_of(minio) == list(range(1, 101)), "the snapshot is published")
    proxy.add("expired")
    db.execute("INSERT INTO t SELECT i, 'late' FROM generate_series(101, 200) i")
    assert process.wait() == 2
    said = process.stdout() + process.stderr()
    assert '"code":"net_auth"' in said and "ExpiredToken" in said and "renew" in said
    no_secret(said)
    proxy.calm()
    assert sync_s3(leat, db, minio, env=session(minio, policy_of(minio)), endpoint=proxy.endpoint).returncode == 0
    assert rows_of(minio) == list(range(1, 201))


SKEW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (real == 0) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    if (id == CLOCK_REALTIME) at->tv_sec += SECONDS;
    return result;
}
"""


@pytest.mark.parametrize("hours", [-7, 30])
def test_a_wrong_clock(leat, db, bucket, work, hours):
    """leat's own; the servers' is right."""
    (work / "skew.c").write_text(SKEW.replace("SECONDS", str(hours * 3600)))
    argv = ["cc", "-shared", "-fPIC", "-o", work / "skew.so", work / "skew.c", "-ldl"]
    if subprocess.run(argv, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs a C compiler")
    db.execute(SETUP)
    env = {"LD_PRELOAD": str(work / "skew.so"), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    done = sync_s3(leat, db, bucket, env=env)
    assert done.returncode == 0 and rows_of(bucket) == list(range(1, 101)), done.stderr
    assert "this machine's clock is wrong" in done.stderr


# --- where it is ------------------------------------------------------------------------------------------------


def test_a_missing_bucket(leat, db, bucket):
    db.execute(SETUP)
    leat.out = "s3://no-such-bucket/lake/x"
    refuse(sync_s3(leat, db, bucket), 2, "net_setup", "NoSuchBucket", "no-such-bucket", "create the bucket")
    assert db.slots() == {}


@pytest.mark.parametrize("region", ["eu-west-3", None])
def test_a_bucket_in_another_region(leat, db, bucket, region):
    db.execute(SETUP)
    done = sync_s3(leat, db, bucket, env={"AWS_REGION": region or "", "HOME": str(leat.directory)})
    assert done.returncode == 0 and rows_of(bucket) == list(range(1, 101)), done.stderr
    assert ("the bucket is in another region" in done.stderr) == (region is not None)


def test_what_is_no_s3_service(leat, db, versitygw, pg):
    db.execute(SETUP)
    server = versitygw.server
    for endpoint, *parts in (
        ("http://127.0.0.1:1", "127.0.0.1:1", "firewalls"),
        ("http://no.such.host.invalid", "no.such.host.invalid", "DNS"),
        (server.endpoint.replace("http", "https"), "https://"),
        (f"http://127.0.0.1:{pg.port}", str(pg.port), "HTTP"),
    ):
        refuse(sync_s3(leat, db, versitygw, endpoint=endpoint), 3, "net_unreachable", "ListObjectsV2", *parts)
    assert db.slots() == {}


# --- a target that takes no more --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "size", "row"), [("versitygw", 12, 8000), ("minio", 48, 32000)])
def test_a_full_service(leat, db, small_disk, name, size, row):
    server = s3_servers.SERVERS[name]()
    server.data = small_disk("s3", size * MIB)
    try:
        bucket = server.start().create_bucket()
        db.execute(SETUP)
        leat.out = bucket.url("lake/x")
        args = sets(file_rotate_interval="200ms", s3_endpoint=server.endpoint)
        process = leat.follow(db, *args, env=s3_env(bucket))
        process.wait_streaming(db)
        for part in range(1, 5):
            db.execute(f"INSERT INTO t SELECT {part}000 + i, repeat('x', {row}) FROM generate_series(1, 500) i")
        process.wait_log("io_full")
        process.wait_log("raise the quota")
        process.until(lambda: "sink      cannot go on: " in leat.run("status", leat.pipeline).stdout, "status says why")
        db.execute("INSERT INTO t VALUES (9999)")
        subprocess.run(["mount", "-o", f"remount,size={8 * size * MIB}", server.data], check=True)
        process.stop()
        assert sync_s3(leat, db, bucket).returncode == 0
        filled = [part * 1000 + i for part in range(1, 5) for i in range(1, 501)]
        assert rows_of(bucket) == sorted([*range(1, 101), *filled, 9999])
    finally:
        server.remove()


def test_a_service_that_becomes_read_only(leat, db, bucket, fault_proxy):
    proxy = fault_proxy(bucket.server)
    db.execute(SETUP)
    assert sync_s3(leat, db, bucket, endpoint=proxy.endpoint).returncode == 0
    proxy.add("denied", "PutObject")
    db.execute("INSERT INTO t VALUES (101)")
    refused = sync_s3(leat, db, bucket, endpoint=proxy.endpoint)
    refuse(refused, 2, "net_permission", "PutObject", "s3:PutObject", "lake/x")
    proxy.calm()
    assert sync_s3(leat, db, bucket, endpoint=proxy.endpoint).returncode == 0
    assert rows_of(bucket) == list(range(1, 102))


def as_nobody(leat, db, *args):
    """The run as a user who is not root."""
    argv = ["setpriv", "--reuid", "nobody", "--clear-groups", str(leat_module.BINARY), *leat.sync_args(db, args)]
    return subprocess.run(argv, capture_output=True, text=True, env=leat.env(), timeout=180, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_directory_that_may_not_be_written(leat, db, work):
    probe = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", str(leat_module.BINARY), "--version"],
                           capture_output=True, check=False)  # fmt: skip
    if probe.returncode != 0:
        pytest.skip("the program is where others may not look")
    db.execute(SETUP)
    leat.data.mkdir()
    leat.data.chmod(0o777)
    leat.out.mkdir()
    leat.out.chmod(0o555)
    refuse(as_nobody(leat, db), 2, "io_read_only", str(leat.out), "the user that runs leat")
    assert db.slots() == {} and list(leat.out.iterdir()) == []
    leat.out.chmod(0o777)
    assert as_nobody(leat, db).returncode == 0
    (leat.out / "public" / "t").chmod(0o555)
    db.execute("INSERT INTO t VALUES (101)")
    refuse(as_nobody(leat, db), 2, "io_read_only", str(leat.out / "public" / "t"))
    (leat.out / "public" / "t").chmod(0o755)
    assert as_nobody(leat, db).returncode == 0
    rows = [row["id"] for path in files.find(leat.out / "public" / "t") for row in files.rows(path)]
    assert sorted(rows) == list(range(1, 102))


# --- tables that nobody expects ---------------------------------------------------------------------------------


def watch(process, seconds=600):
    """Runs to its end: its status, the most memory in MiB, the most file handles."""
    rss = handles = 0
    until = time.monotonic() + seconds
    while process.running():
        assert time.monotonic() < until, f"still runs after {seconds} s: {process.stderr()[-2000:]}"
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            rss = max(rss, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024)
            handles = max(handles, len(os.listdir(f"/proc/{process.pid}/fd")))
        except (OSError, TypeError):  # it has just ended
            pass
        time.sleep(0.02)
    return process.wait(), rss, handles


def all_files(out):
    paths = sorted(path for path in pathlib.Path(out).rglob("*") if path.is_file())
    return [path for path in paths if "_leat" not in path.parts]


SHAPES = """
CREATE TABLE wide ({columns});
INSERT INTO wide VALUES ({values}), ({nulls});
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES; INSERT INTO none DEFAULT VALUES;
CREATE TABLE lost (a int, b int); INSERT INTO lost VALUES (1, 2); ALTER TABLE lost DROP a, DROP b;
CREATE TABLE blank (a int, b text, c numeric, d timestamptz, e int[], f jsonb, g bytea, h point);
INSERT INTO blank SELECT FROM generate_series(1, 5);
CREATE TABLE empty (a int PRIMARY KEY, b text)
"""


@pytest.mark.parametrize("envelope", ["flat", "debezium"])
@pytest.mark.parametrize("form", ["json", "avro", "parquet"])
def test_shapes(leat, db, form, envelope):
    """As many columns as PostgreSQL has, none at all, nothing but NULL, no rows."""
    leat.format = form
    columns = ", ".join(f"c{i} {'int' if i % 8 else 'text'}" for i in range(1600))
    values = ", ".join(str(i) if i % 8 else "'v'" for i in range(1600))
    db.execute(SHAPES.format(columns=columns, values=values, nulls=", ".join(["NULL"] * 1600)))
    args = sets(envelope=envelope)
    if (form, envelope) == ("parquet", "debezium"):
        refuse(leat.sync(db, *args, check=False), 1, "table", "public.", "without fields", "--format avro")
        leat.format = "avro"
    leat.sync(db, *args)
    db.execute("INSERT INTO none DEFAULT VALUES; INSERT INTO blank SELECT; INSERT INTO wide SELECT")
    leat.sync(db, *args)
    rows = {}
    for path in all_files(leat.out):
        rows.setdefault(path.parent.name, []).extend(files.rows(path))
    if envelope == "debezium":
        rows = {table: [row["after"] for row in found] for table, found in rows.items()}
    assert {table: len(found) for table, found in rows.items()} == {"wide": 3, "none": 3, "lost": 1, "blank": 6}
    whole = {f"c{i}": i if i % 8 else "v" for i in range(1600)}
    assert {name: rows["wide"][0][name] for name in whole} == whole
    for row in [*rows["wide"][1:], *rows["blank"]]:
        assert all(row[name] is None for name in row if not name.startswith("__"))
    for path in all_files(leat.out):
        if path.parent.name != "wide" and envelope == "flat":
            files.check_readers(path.parent)


def test_a_table_without_the_field_of_its_folders(leat, db):
    db.execute(SETUP + "; CREATE TABLE u (id int); INSERT INTO u VALUES (101)")
    refused = leat.sync(db, *sets(partitioner="field", partition_field_name="v"), check=False)
    refuse(refused, 1, "table", "public.u", "no field v", "change partitioner")
    leat.sync(db, *sets(partitioner="none"))
    rows = [row["id"] for path in all_files(leat.out) for row in files.rows(path)]
    assert sorted(rows) == list(range(1, 102))


TABLES = 10000 if LONG else 1000


@pytest.mark.early
def test_very_many_tables(leat, db, work):
    leat.format = "parquet"
    with db.connect() as connection:
        for begin in range(0, TABLES, 200):
            numbers = range(begin, begin + 200)
            made = "; ".join(
                f"CREATE TABLE t{i} (id int PRIMARY KEY, v text); INSERT INTO t{i} VALUES (1, '{i}')" for i in numbers
            )
            connection.execute(f"BEGIN; {made}; COMMIT")
    process = leat.start(*leat.sync_args(db, []))
    status, rss, handles = watch(process)
    assert status == 0, process.stderr()[-3000:]
    with db.connect() as connection:
        for begin in range(0, TABLES, 1000):
            changes = "; ".join(f"UPDATE t{i} SET v = 'u{i}'" for i in range(begin, begin + 1000))
            connection.execute(f"BEGIN; {changes}; COMMIT")
    process = leat.start(*leat.sync_args(db, []))
    status, rss_of_changes, handles_of_changes = watch(process)
    assert status == 0, process.stderr()[-3000:]
    paths = all_files(leat.out)
    assert len(paths) == 2 * TABLES
    for number in (0, TABLES // 3, TABLES - 1):
        rows = [row for path in files.find(leat.out / "public" / f"t{number}") for row in files.rows(path)]
        assert [(row["id"], row["v"]) for row in rows] == [(1, str(number)), (1, f"u{number}")]
    # 64 MiB is the budget; a table that is known takes some KiB besides (docs/limits.md).
    most = 100 + TABLES * 24 // 1024
    assert max(rss, rss_of_changes) < most and max(handles, handles_of_changes) < 64, (rss, rss_of_changes, handles)


# --- values that nobody expects ---------------------------------------------------------------------------------

LARGE = 200 * MIB
HUGE = """
CREATE TABLE t (id int PRIMARY KEY, v text, b bytea);
ALTER TABLE t ALTER v SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO t VALUES (1, 'small', 'x'); INSERT INTO t VALUES (2, {}); INSERT INTO t VALUES (3, 'small', 'y')
"""
TEXT = f"repeat('0123456789abcdef', {LARGE // 16}), NULL"
BYTES = f"NULL, decode(repeat('00ff10', {LARGE // 3 + 1}), 'hex')"


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.early
@pytest.mark.parametrize(
    ("form", "value", "where"),
    [("json", TEXT, "disk"), ("parquet", BYTES, "minio"), slow("avro", BYTES, "disk"), slow("parquet", TEXT, "disk"),
     slow("json", BYTES, "versitygw")],
    ids=["json-text", "parquet-bytea-s3", "avro-bytea", "parquet-text", "json-bytea-s3"],
)  # fmt: skip
def test_a_value_of_200_mb(leat, db, work, request, form, value, where):
    """Read by the snapshot, then streamed. A row is held whole, beyond the memory limit, and little else."""
    leat.format, env, args = form, {}, []
    if where != "disk":
        bucket = request.getfixturevalue(where)
        leat.out, env = bucket.url("x"), s3_env(bucket)
        args = sets(s3_endpoint=bucket.server.endpoint)
    db.execute(HUGE.format(value))
    for step in "snapshot", "stream":
        process = leat.start(*leat.sync_args(db, args), env=env)
        status, rss, _ = watch(process)
        assert status == 0, process.stderr()[-3000:]
        assert rss < 5 * LARGE // MIB, f"{step}: {rss} MiB"
        if step == "snapshot":
            db.execute(f"INSERT INTO t VALUES (4, {value})")
    out = leat.out
    if where != "disk":
        out = work / "down"
        bucket.download(out, "x")
    found = {row["id"]: row["v"] or row["b"] for path in all_files(out) for row in files.rows(path)}
    assert sorted(found) == [1, 2, 3, 4] and found[2] == found[4]
    whole = "0123456789abcdef" * (LARGE // 16)
    if value == BYTES:
        whole = base64.b64encode(bytes.fromhex("00ff10") * (LARGE // 3 + 1)).decode()
    assert found[2] == whole


def test_a_limit_for_rows(leat, db):
    db.execute(HUGE.format("repeat('x', 3000000), NULL"))
    refused = leat.sync(db, "--set", "row.bytes.max=2MiB", check=False)
    refuse(refused, 1, "value", "table public.t", "30000", "row.bytes.max", "2097152", "--exclude")
    leat.sync(db, "--set", "row.bytes.max=4MiB")
    db.execute("INSERT INTO t VALUES (5, 'before', NULL); INSERT INTO t VALUES (6, repeat('y', 5000000), NULL)")
    refuse(leat.sync(db, check=False), 1, "value", "table public.t", "50000", "row.bytes.max", "4194304")
    leat.sync(db, "--set", "row.bytes.max=1GiB")
    rows = [row for path in all_files(leat.out) for row in files.rows(path)]
    # What the refused snapshot had told of, if anything, is taken back by a truncation.
    found = [(row["id"], len(row["v"] or "")) for row in rows if row["__op"] != "t"]
    assert sorted(set(found)) == [(1, 5), (2, 3000000), (3, 5), (5, 6), (6, 5000000)]


@pytest.mark.slow
def test_a_row_that_postgresql_cannot_send(leat, db):
    """Its columns are stored, each by itself, but a message of PostgreSQL ends at 1 GB."""
    db.execute("CREATE TABLE ok (id int); CREATE TABLE t (id int, a text, b text)")
    db.execute("ALTER TABLE t ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL; INSERT INTO t VALUES (1)")
    for column in "ab":
        db.execute(f"UPDATE t SET {column} = repeat('x', 540000000)")
    refused = leat.sync(db, check=False)
    refuse(refused, 1, "table", "table public.t", "out of memory", "1 GB", "--exclude")
    leat.sync(db, "--exclude", "public.t")
