# SPDX-License-Identifier: Apache-2.0
"""Faults and bad input: one clear error with its remedy, nothing lost, no crash."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import threading

import pytest
from carry import ops, read
from proxy import Fake, Proxy

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric)"
FILL = "INSERT INTO t SELECT i, 'v' || i, i / 4.0 FROM generate_series({0}, {0} + 99) i"
MIB = 1 << 20


def refuse(result, status, *words):
    assert result.returncode == status, (result.returncode, result.stderr)
    told = result.stdout + result.stderr
    for word in words:
        assert word in told, (word, told)
    assert "assertion" not in told


# --- the source -------------------------------------------------------------------------------------------------


def test_wal_level(new_postgres, new_leat):
    db = new_postgres(settings={"wal_level": "replica"}).create_database()
    db.execute(TABLE)
    refuse(new_leat().sync(db, check=False), 2, "source_setup", "wal_level", "ALTER SYSTEM SET wal_level")
    assert db.value("SELECT count(*) FROM pg_publication") == 0


@pytest.fixture
def role(db):
    """role(attributes): a login role, and the URL that uses it."""
    made = []

    def make(attributes):
        name = f"r{len(made)}_{db.name}"
        made.append(name)
        db.execute(f"CREATE ROLE {name} LOGIN {attributes}")
        return name, db.server.url(db.name, user=name)

    yield make
    for name in made:
        db.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_permissions(leat, db, role):
    db.execute(TABLE + ";" + FILL.format(1))
    _, url = role("")
    refuse(leat.sync(url, check=False), 2, "source_permission", "ALTER ROLE")
    name, url = role("REPLICATION")
    refuse(leat.sync(url, check=False), 2, "source_permission", "publication")
    db.execute("CREATE PUBLICATION mine FOR TABLE t")
    refuse(leat.sync(url, "--publication", "mine", check=False), 2, "source_permission", "t")
    db.execute(f"GRANT SELECT ON t TO {name}")
    leat.sync(url, "--publication", "mine")
    assert ops(row for _, _, row in read(leat.out, "t")) == "r" * 100


def test_a_publication_of_the_dba(leat, db, new_leat, check_equal):
    db.execute(TABLE + "; CREATE TABLE u (id int PRIMARY KEY);" + FILL.format(1))
    refuse(leat.sync(db, "--publication", "nowhere", check=False), 2, "nowhere")
    db.execute("CREATE PUBLICATION part FOR TABLE t; CREATE PUBLICATION few FOR TABLE t, u WITH (publish = 'insert')")
    db.execute("CREATE PUBLICATION rows FOR TABLE u, t WHERE (id > 3); CREATE PUBLICATION columns FOR TABLE t (id), u")
    refuse(leat.sync(db, "--publication", "part", check=False), 2, "public\".\"u", "ALTER PUBLICATION")
    refuse(new_leat().sync(db, "--publication", "few", check=False), 2, "ALTER PUBLICATION")
    refuse(new_leat().sync(db, "--publication", "rows", check=False), 2, "row filter")
    refuse(new_leat().sync(db, "--publication", "columns", check=False), 2, "column list")
    assert db.slots() == {}
    good = new_leat()
    db.execute("CREATE PUBLICATION good FOR ALL TABLES")
    good.sync(db, "--publication", "good")
    db.execute("UPDATE t SET v = 'x' WHERE id < 4; DELETE FROM t WHERE id = 9")
    good.sync(db, "--publication", "good")
    check_equal(db, good.out)
    good.run("delete", good.pipeline, "--yes")
    assert db.value("SELECT count(*) FROM pg_publication WHERE pubname = 'good'") == 1


@pytest.mark.parametrize("statement", ["ADD TABLE u", "DROP TABLE t", "CREATE", "DROP u"])
def test_a_publication_that_changes_at_this_moment(leat, db, check_equal, statement):
    """The server is still at the last statement of a leat that was killed, or a table goes: the next leat, which does
    not see it yet, waits for it and looks again."""
    name = f"leat_{db.name}"
    args = ["--name", db.name]
    before = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)"
    after = "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (2)"
    at_once = {
        "ADD TABLE u": f"ALTER PUBLICATION {name} ADD TABLE u",
        "DROP TABLE t": f"ALTER PUBLICATION {name} DROP TABLE t",
        "CREATE": f"CREATE PUBLICATION {name}",
        "DROP u": "DROP TABLE u",
    }[statement]
    db.execute(before)
    if statement != "CREATE":
        leat.sync(db, *args)
    db.execute(after)
    args += ["--exclude", "t"] if statement == "DROP TABLE t" else []
    with db.connect(autocommit=False) as other:
        other.execute(at_once)
        process = leat.start(*leat.sync_args(db, args))
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query ~ 'PUBLICATION'"
        )
        process.until(lambda: db.value(waits) > 0, "it waits for the other")
    assert process.wait() == 0, process.stderr()
    check_equal(db, leat.out, {"DROP TABLE t": ["public.u"], "DROP u": ["public.t"]}.get(statement))


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0" * 64, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"N", b"NR\0\0\0\x08\0\0\0\0S\xff\xff\xff\xff",
     b"E\0\0\0\x05",
     b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05IT\0\0\0\x06\0\xff", os.urandom(3000)],
    ids=["closes", "zeros", "http", "no tls", "length", "half an error", "rows", "noise"],
)  # fmt: skip
def test_a_server_that_is_none(leat, db, answer):
    with Fake(answer) as fake:
        got = leat.sync(f"postgres://u:secret@127.0.0.1:{fake.port}/x?connect_timeout=3", check=False)
    assert got.returncode in (2, 3) and "127.0.0.1" in got.stderr and "secret" not in got.stdout + got.stderr


def test_connections_that_end_in_mid_message(leat, db, check_equal):
    db.execute(TABLE + "; CREATE TABLE w (id int PRIMARY KEY, v text); ALTER TABLE w ALTER v SET STORAGE PLAIN")
    db.execute("INSERT INTO w SELECT i, repeat('w', 7000) FROM generate_series(1, 100) i")
    left, dead, one_at_a_time = [6], set(), threading.Lock()

    def cut(number, sent, piece):
        with one_at_a_time:
            if number in dead:
                return None
            if left[0] == 0 or sent + len(piece) < 20000:
                return piece
            left[0] -= 1
            dead.add(number)
            return piece[: len(piece) // 2]

    with Proxy(db.server.port, cut) as proxy:
        process = leat.follow(proxy.url(db))
        process.wait_streaming(db)
        for part in range(1, 40):
            db.execute(FILL.format(part * 1000) + "; UPDATE w SET v = repeat('z', 7000) WHERE id % 2 = 0")
            if left[0] == 0:
                break
            process.wait_durable(db)
        assert left[0] == 0
        process.wait_durable(db)
        process.stop()
        leat.sync(proxy.url(db))
    check_equal(db, leat.out)


def test_garbage_in_the_stream_is_not_taken(leat, db, check_equal):
    db.execute(TABLE + ";" + FILL.format(1))
    armed = [0]
    insert = b"I" + db.value("SELECT 't'::regclass::oid").to_bytes(4, "big")

    def garbage(number, sent, piece):
        at = piece.find(insert)
        if armed[0] and b"garbage" in piece and at >= 0:
            armed[0] -= 1
            return piece[:at] + b"?" + piece[at + 1 :]
        return piece

    with Proxy(db.server.port, garbage) as proxy:
        process = leat.follow(proxy.url(db))
        process.wait_streaming(db)
        process.wait_durable(db)
        armed[0] = 2
        db.execute("INSERT INTO t VALUES (5000, 'garbage', 1)")
        process.wait_log("source_protocol")
        process.wait_durable(db)
        process.stop()
    check_equal(db, leat.out)


GOOD = bytes.fromhex("000109291a851388")  # 123456789.5 in binary: four digits to the base 10,000
BAD = bytes.fromhex("7fff09291a851388")


def test_dead_letters(leat, db):
    """A value that cannot be decoded stops the run, or goes aside with its reason; the others go on."""
    db.execute(TABLE + ";" + FILL.format(1) + "; INSERT INTO t VALUES (-1, 'bad', 123456789.5)")
    with Proxy(db.server.port, lambda number, sent, piece: piece.replace(GOOD, BAD)) as proxy:
        url = proxy.url(db)
        refuse(leat.sync(url, check=False), 1, "public.t", "column n", "errors=dead-letter")
        leat.sync(url, "--set", "errors=dead-letter")
        db.execute("INSERT INTO t VALUES (-2, 'bad', 123456789.5), (-3, 'good', 1); UPDATE t SET v = 'x' WHERE id = 1")
        told = leat.sync(url, "--set", "errors=dead-letter").stdout
    assert '"dead_letters":1' in told
    letters = [row for _, _, row in read(leat.out, "dead_letters", "leat")]
    assert [(row["table"], row["op"]) for row in letters] == [("public.t", "r"), ("public.t", "c")]
    assert all("column n" in row["reason"] and BAD in base64.b64decode(row["raw"]) for row in letters)
    rows = [row for _, _, row in read(leat.out, "t")]
    # What the snapshot that stopped had told of, if anything, is taken back by a truncation.
    assert sorted({row["id"] for row in rows if row["__op"] != "t"}) == [-3, *range(1, 101)]
    leat.run("status")


# --- the disk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["journal", "sink"])
def test_a_full_disk(leat, db, small_disk, check_equal, which):
    disk = small_disk("small", 6 * MIB)
    if which == "journal":
        leat.data = disk / "data"
    else:
        leat.out = disk / "out"
    db.execute(TABLE + ";" + FILL.format(1))
    process = leat.follow(db, "--set", "file.rotate.interval=200ms")
    process.wait_streaming(db)
    process.wait_durable(db)
    rows = "INSERT INTO t SELECT i, md5(random()::text) || repeat(md5(i::text), 4), i"
    rows += " FROM generate_series({0}, {0} + 19999) i"
    for part in range(3):
        db.execute(rows.format(10000 + 20000 * part))
    process.wait_log("io_full")
    db.execute("UPDATE t SET v = 'while the disk is full' WHERE id < 10")
    subprocess.run(["mount", "-o", f"remount,size={128 * MIB}", disk], check=True)
    process.wait_durable(db)
    process.stop()
    leat.sync(db)
    check_equal(db, leat.out)


def test_directories_that_cannot_be_written(leat, db):
    db.execute(TABLE)
    leat.out = pathlib.Path("/proc/leat-out")
    refuse(leat.sync(db, check=False), 2, "/proc/leat-out")
    slots = db.slots()
    leat.out, leat.data = leat.directory / "out", pathlib.Path("/proc/leat-data")
    refuse(leat.sync(db, check=False), 2, "/proc/leat-data")
    assert db.slots() == slots
    leat.data = leat.directory / "data"
    leat.directory.joinpath("out").write_text("a file")
    refuse(leat.sync(db, check=False), 2, "out")


def segment(leat):
    return max(leat.data.glob("pipelines/*/journal/*.seg"), key=lambda path: path.stat().st_size)


def test_a_damaged_journal_is_reported_not_read(leat, db):
    db.execute(TABLE + ";" + FILL.format(1))
    leat.sync(db)
    db.execute(FILL.format(1000))
    leat.sync(db)
    path = segment(leat)
    good = path.read_bytes()
    for at in (len(good) // 3, len(good) // 2):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        checked = leat.run("journal", "check", leat.pipeline, check=False)
        assert checked.returncode == 1 and path.name in checked.stdout + checked.stderr
    path.write_bytes(good[: len(good) // 2])
    db.execute(FILL.format(2000))
    refuse(leat.sync(db, check=False), 1, "journal_corrupt", path.name)
    path.write_bytes(good)
    leat.sync(db)
    assert len(read(leat.out, "t")) == 300


def test_state_that_is_damaged_or_newer(leat, db):
    db.execute(TABLE + ";" + FILL.format(1))
    leat.sync(db)
    directory = leat.data / "pipelines" / leat.pipeline
    for path in [p for p in directory.rglob("*") if p.is_file() and p.suffix != ".seg" and p.name != "lock"]:
        if path.name in ("status.json",) or "lock" in path.name or path.stat().st_size == 0:
            continue
        good = path.read_bytes()
        path.write_bytes(b"\xff" * len(good))
        got = leat.sync(db, check=False)
        assert got.returncode in (0, 1, 2) and "assertion" not in got.stderr, (path, got.stderr)
        if got.returncode != 0:
            assert path.name in got.stderr or path.parent.name in got.stderr, (path, got.stderr)
            path.write_bytes(good)
    (leat.data / "FORMAT").write_text((leat.data / "FORMAT").read_text().replace("1", "99"))
    refuse(leat.sync(db, check=False), 2, "format_newer")


def test_a_slow_sink_holds_the_source_not_the_connection(leat, db, check_equal):
    db.execute(TABLE + ";" + FILL.format(1))
    args = ["--set", "journal.bytes.max=1MiB", "--set", "file.rotate.interval=2s"]
    process = leat.follow(db, *args)
    process.wait_streaming(db)
    process.wait_durable(db)
    pid = db.value("SELECT active_pid FROM pg_replication_slots WHERE database = current_database()")
    rows = "INSERT INTO t SELECT i, md5(i::text) || md5(random()::text), i FROM generate_series({0}, {0} + 19999) i"
    db.execute(rows.format(10000))
    process.wait_log("the journal is full")
    process.wait_log("the journal has room again")
    process.wait_durable(db)
    assert pid == db.value("SELECT active_pid FROM pg_replication_slots WHERE database = current_database()")
    process.stop()
    check_equal(db, leat.out)


# --- secrets ----------------------------------------------------------------------------------------------------


def test_the_password_is_nowhere(new_postgres, new_leat):
    server = new_postgres(auth="scram-sha-256")
    db, leat = server.create_database(), new_leat()
    db.execute(TABLE + ";" + FILL.format(1))
    db.execute("CREATE ROLE app LOGIN REPLICATION SUPERUSER PASSWORD 'Tr0ub4dor&3'")
    right = server.url(db.name, tcp=True, user="app", password="Tr0ub4dor&3")
    wrong = server.url(db.name, tcp=True, user="app", password="Wr0ngH0rse")
    process = leat.follow(right)
    (pid,) = process.wait_streaming(db)
    process.wait_durable(db)
    db.execute("SELECT pg_terminate_backend(%s)", (pid,))
    process.wait_streaming(db, other_than=pid)
    process.stop()
    told = process.stdout() + process.stderr()
    for args in (["sync", wrong, leat.out, "--format", "json"], ["doctor", wrong], ["doctor", right], ["status"],
                 ["sync", right, leat.out, "--format", "json", "--print-config"], ["sync", right + "&", "x"]):
        got = leat.run(*args, check=False)
        told += got.stdout + got.stderr
        if wrong in args and args[0] == "sync":
            refuse(got, 2, "source_auth")
    for path in [*leat.directory.rglob("*")]:
        if path.is_file():
            told += path.read_text(errors="replace")
    assert not re.search(r"Tr0ub4dor|Wr0ngH0rse", told)


def test_a_wrong_data_directory(leat, db):
    db.execute(TABLE)
    shutil.rmtree(leat.data, ignore_errors=True)
    leat.data.write_text("a file")
    refuse(leat.sync(db, check=False), 2, str(leat.data))
