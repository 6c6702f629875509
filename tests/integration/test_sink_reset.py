# SPDX-License-Identifier: Apache-2.0
"""leat sink reset: files are written anew from the journal, or records are passed over."""

import collections
import datetime
import pathlib
import re
import shutil

import pytest

SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, land text, v text); CREATE TABLE u (id int PRIMARY KEY, land text);"
    " INSERT INTO t SELECT i, (ARRAY['de','fr','it'])[i % 3 + 1], repeat('v', 200) FROM generate_series(1, 300) i;"
    " INSERT INTO u VALUES (1)"
)
CHANGES = [
    "UPDATE t SET land = 'xx' WHERE id % 7 = 1; DELETE FROM t WHERE id % 50 = 0",
    "INSERT INTO t SELECT i, 'us', repeat('w', 300) FROM generate_series(1000, 1100) i; INSERT INTO u VALUES (2)",
]
SMALL = ["--set", "file.rotate.bytes=16KiB"]
FIELD = ["--set", "partitioner=field", "--set", "partition.field.name=land"]
PARTITIONED = [*SMALL, *FIELD]


def written(leat):
    return {
        path.relative_to(leat.out): path.read_bytes()
        for path in pathlib.Path(leat.out).rglob("*")
        if path.is_file() and path.relative_to(leat.out).parts[0] != "_leat"
    }


def lines(leat):
    return collections.Counter(line for content in written(leat).values() for line in content.splitlines())


def filled(leat, db, *args):
    db.execute(SETUP)
    leat.sync(db, *args)
    for change in CHANGES:
        db.execute(change)
        leat.sync(db, *args)
    return written(leat), lines(leat)


def reset(leat, to, *args, **kwargs):
    """{topic: (next offset, from then on, files removed)}"""
    got = leat.run("sink", "reset", leat.pipeline, "--to", str(to), *args, **kwargs)
    rows = re.findall(r"^(\S+) +(\d+) +(\d+) +(\d+)$", got.stdout, re.MULTILINE)
    return {name: tuple(map(int, numbers)) for name, *numbers in rows}


def offset_of(path):
    return int(re.search(r"-0-(\d+)", path.name)[1])


@pytest.mark.parametrize("args", [SMALL, PARTITIONED], ids=["plain", "partitioned"])
@pytest.mark.parametrize("policy", ["journal", "sink"])
def test_back_to_any_offset(args, policy, leat, db):
    args = [*args, "--set", f"ack.policy={policy}"]
    before, rows = filled(leat, db, *args)
    assert len(before) > 8
    for to in (0, 1, 150, 299, 301, 340, 400):
        would = reset(leat, to, "--dry-run")
        assert written(leat) == before
        assert reset(leat, to, "--tables", "t") == {"public.t": would["public.t"]}
        was, now, removed = would["public.t"]
        left = written(leat)
        assert left.items() <= before.items() and len(before) - len(left) == removed
        assert now <= to and was > 400 and removed > 0
        assert all(offset_of(path) < now for path in left if path.parts[1] == "t")
        leat.sync(db, *args)
        assert lines(leat) == rows, to
        before = written(leat)
    assert reset(leat, "latest")["public.t"] == (was, was, 0)
    leat.sync(db, *args)
    assert written(leat) == before


def test_a_point_is_where_a_file_begins(leat, db):
    before, _ = filled(leat, db, *SMALL)
    begins = sorted(offset_of(path) for path in before if path.parts[1] == "t")
    for to in (begins[3], begins[3] + 1, begins[4] - 1):
        assert reset(leat, to, "--dry-run", "--tables", "t")["public.t"][1] == begins[3]


def test_back_to_a_time(leat, db):
    db.execute(SETUP)
    leat.sync(db)
    first = written(leat)
    now = db.value("SELECT clock_timestamp()").astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    db.execute(CHANGES[0])
    leat.sync(db)
    db.execute(CHANGES[1])
    leat.sync(db)
    before, rows = written(leat), lines(leat)
    got = reset(leat, now)
    assert written(leat) == first and got["public.t"][1:] == (300, 2) and got["public.u"][1:] == (1, 1)
    leat.sync(db)
    assert lines(leat) == rows
    assert {path for path in before} >= first.keys()


def test_in_another_format_and_layout(leat, db, check_equal):
    filled(leat, db)
    reset(leat, "earliest")
    assert written(leat) == {}
    leat.format = "parquet"
    leat.sync(db)
    assert {path.suffix for path in written(leat)} == {".parquet"}
    check_equal(db, leat.out)


def test_what_was_lost_in_the_target_is_written_again(leat, db):
    before, rows = filled(leat, db)
    for path in before:
        (leat.out / path).unlink()
    reset(leat, "earliest")
    leat.sync(db)
    assert lines(leat) == rows


def test_records_are_passed_over(leat, db):
    db.execute(SETUP)
    leat.sync(db)
    before = written(leat)
    db.execute("INSERT INTO t VALUES (5000, 'de', 'never to be seen'); INSERT INTO u VALUES (7)")
    leat.sync(db, crash_point="sink.before_plan", check=False)
    assert reset(leat, "latest", "--tables", "*.t")["public.t"][1:] == (301, 0)
    leat.sync(db)
    db.execute("INSERT INTO t VALUES (5001, 'de', 'after'); INSERT INTO u VALUES (8)")
    leat.sync(db)
    after = written(leat)
    assert before.items() <= after.items()
    new = b"".join(content for path, content in after.items() if path not in before)
    assert b"never" not in new and b"5001" in new and b'"id":7' in new and b'"id":8' in new
    assert reset(leat, 0)["public.t"][1] == 0
    leat.sync(db)
    assert any(b"never" in content for content in written(leat).values())


@pytest.mark.parametrize("policy", ["journal", "sink"])
@pytest.mark.parametrize("point", ["reset_announced", "reset_planned", "removed_one", "removed_one:3"])
def test_killed(point, policy, leat, db):
    args = [*PARTITIONED, "--set", f"ack.policy={policy}"]
    _, rows = filled(leat, db, *args)
    for n in range(2):
        got = leat.run("sink", "reset", leat.pipeline, "--to", "earliest", crash_point=f"sink.{point}", check=False)
        assert got.returncode == -9
        if n == 0:
            leat.sync(db, *args)
        else:
            reset(leat, "earliest")
            leat.sync(db, *args)
        assert lines(leat) == rows


def test_the_journal_begins_later(leat, db):
    """What it has not got any more stays as it is; from the first file on that it has whole, all is written anew."""
    args = [*SMALL, "--set", "journal.segment.bytes=1MiB", "--set", "journal.retention.bytes=0"]
    filled(leat, db, *args)
    for n in range(6):
        db.execute(f"INSERT INTO t SELECT {n} * 10000 + i, 'x', repeat(md5(i::text), 30)"
                   " FROM generate_series(5000, 5700) i")
        leat.sync(db, *args)
    before, rows = written(leat), lines(leat)
    first = leat.run("topic", "read", leat.pipeline, "public.t", "--limit", "1").stdout
    oldest = int(re.search(r'"offset":(\d+)', first)[1])
    assert oldest > 0
    was, now, removed = reset(leat, "earliest")["public.t"]
    assert oldest <= now < was and removed > 0
    assert {path for path in before if path.parts[1] == "t" and offset_of(path) < now} <= written(leat).keys()
    leat.sync(db, *args)
    assert lines(leat) == rows


def test_with_ack_policy_sink_the_directory_is_no_cache_until_it_is_done(leat, db):
    args = [*SMALL, "--set", "ack.policy=sink"]
    _, rows = filled(leat, db, *args)
    reset(leat, "earliest")
    (leat.data).rename(leat.directory / "lost")
    got = leat.sync(db, *args, check=False)
    assert got.returncode == 2 and "does not know" in got.stderr
    shutil.rmtree(leat.data)
    (leat.directory / "lost").rename(leat.data)
    leat.sync(db, *args)
    assert lines(leat) == rows


def test_refusals(leat, db):
    filled(leat, db)
    name = leat.pipeline
    for args, word in [
        ((), "needs --to"), (("--to", "soon"), "neither an offset nor a time"),
        (("--to", "0", "--tables", "nosuch"), "no topic that matches nosuch"),
    ]:  # fmt: skip
        got = leat.run("sink", "reset", name, *args, check=False)
        assert got.returncode == 2 and word in got.stderr, got.stderr
    process = leat.follow(db)
    process.wait_streaming(db)
    got = leat.run("sink", "reset", name, "--to", "0", check=False)
    assert got.returncode == 2 and "is running" in got.stderr and "kill" in got.stderr
    process.stop()


def test_names_that_tell_no_offset(leat, db):
    args = ["--set", "layout=harbor", "--set", "tenant=7"]
    db.execute(SETUP)
    leat.sync(db, *args, "--set", "flush.size=10")
    got = leat.run("sink", "reset", leat.pipeline, "--to", "0", check=False)
    assert got.returncode == 2 and "flush.size=1" in got.stderr
    leat.sync(db, *args, "--set", "flush.size=1")
    before = written(leat)
    reset(leat, "earliest")
    assert written(leat) == before
