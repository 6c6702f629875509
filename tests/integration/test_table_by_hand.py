# SPDX-License-Identifier: Apache-2.0
"""Maintenance by hand of tables that a pipeline writes: the process that runs it does it, and says what it did."""

import json
import os
import signal
import subprocess

import pytest
from test_iceberg import ARGS, check_table, lake, table_of  # noqa: F401 (lake is a fixture)
from test_iceberg_maintenance import COLUMNS, FAST, MAKE, change, commits, equal, live, replaced
from wait import PATIENCE, wait_until

from leat import BINARY, json_lines

OFF = ["--set", "maintenance=off"]
ALL = COLUMNS + ["big"]


def hand(leat, verb, *args, check=True, **kwargs):
    return leat.run("table", verb, "public.t", *args, "--output", "json", check=check, **kwargs)


def said(leat, verb, *args, **kwargs):
    return json_lines(hand(leat, verb, *args, **kwargs).stdout)[-1]


def run_some(leat, db, process, first, count):
    for n in range(first, first + count):
        before = commits(leat)
        change(db, n)
        process.until(lambda: commits(leat) > before, "the change is committed")  # noqa: B023


@pytest.mark.parametrize("args", [
    ["--set", "format.version=2"],
    ["--set", "format.version=3"],
    ["--set", "partition.by=bucket(2, id)"],
], ids=["v2", "v3", "partitioned"])
def test_the_owner_rewrites_files(lake, db, args):  # noqa: F811
    """With maintenance=off nothing happens by itself, and what is asked for is done all the same."""
    db.execute(MAKE)
    process = lake.follow(db, *FAST, *OFF, *args)
    process.until(lambda: commits(lake) > 0, "the table is there")
    run_some(lake, db, process, 0, 8)
    process.until(lambda: equal(lake, db), "the table equals the source")
    before = live(lake)
    assert before[0] >= 8 and not replaced(lake)
    done = said(lake, "rewrite-data-files")
    buckets = 2 if "partition" in args[1] else 1
    assert done["files_before"] >= 8 and done["files_made"] == buckets and done["rows_dropped"] > 0
    assert done["commits"] == len(replaced(lake)) and live(lake) == (buckets, 0)
    assert "nothing to rewrite" in lake.run("table", "rewrite-data-files", "public.t").stdout
    check_table(lake, db, "t", ALL)
    run_some(lake, db, process, 8, 3)  # the same process goes on, with the places that rows have now
    process.until(lambda: equal(lake, db), "the table equals the source")
    assert process.running()
    process.stop()
    db.execute("UPDATE t SET n = -n; DELETE FROM t WHERE id % 5 = 0")
    lake.sync(db, *ARGS, *OFF, *args)
    check_table(lake, db, "t", ALL)


def test_a_table_that_is_not_open_is_rewritten_by_the_owner(lake, db):  # noqa: F811
    """It has had no changes since the owner began."""
    at_once = ["--set", "freshness=1h", *OFF]  # each run commits once, at its end: one file
    db.execute(MAKE)
    lake.sync(db, *at_once)
    for n in range(4):
        change(db, n)
        lake.sync(db, *at_once)
    process = lake.follow(db, *FAST, *OFF)
    process.wait_durable(db)
    done = said(lake, "rewrite-data-files")
    assert done["files_made"] == 1 and done["files_before"] == 5 and live(lake) == (1, 0)
    before = commits(lake)
    change(db, 9)
    process.until(lambda: commits(lake) > before and equal(lake, db), "the change is there")
    process.stop()
    check_table(lake, db, "t", ALL)


def test_the_owner_expires_snapshots_and_removes_orphans(lake, db):  # noqa: F811
    db.execute(MAKE)
    process = lake.follow(db, *FAST, *OFF)
    process.until(lambda: commits(lake) > 0, "the table is there")
    run_some(lake, db, process, 0, 4)
    process.until(lambda: equal(lake, db), "the table equals the source")  # no commit comes any more
    had = len(table_of(lake, "t").metadata.snapshots)
    done = said(lake, "expire-snapshots", "--older-than", "0s", "--keep", "2")
    assert done["snapshots_expired"] == had - 2 and done["files_removed"] > 0 and done["snapshots_kept"] == 2
    stray = lake.out / "public" / "t" / "data" / "stray.parquet"
    stray.write_bytes(b"x" * 100)
    os.utime(stray, (1, 1))
    young = lake.out / "public" / "t" / "data" / "young.parquet"
    young.write_bytes(b"y")
    refused = hand(lake, "remove-orphan-files", "--older-than", "0s", "--force", check=False)
    assert refused.returncode == 2 and f"pid {process.pid}" in refused.stderr  # a commit may be under way
    out = json_lines(hand(lake, "remove-orphan-files", "--older-than", "1d").stdout)
    assert [row["file"] for row in out[:-1]] == [f"file://{stray}"] and out[-1]["files_removed"] == 1
    assert not stray.exists() and young.exists()
    run_some(lake, db, process, 4, 2)
    process.until(lambda: equal(lake, db), "the table equals the source")
    process.stop()
    check_table(lake, db, "t", ALL)


@pytest.mark.parametrize("point", ["lake.hand.taken", "lake.compacted.written", "lake.compacted.ready",
                                   "lake.compacted.committed", "lake.compacted.keys"])  # fmt: skip
def test_the_owner_is_killed(lake, db, point):  # noqa: F811
    """The command sees that nobody runs the pipeline any more, and does it itself."""
    db.execute(MAKE)
    process = lake.follow(db, *FAST, *OFF, crash_point=point)
    process.until(lambda: commits(lake) > 0, "the table is there")
    run_some(lake, db, process, 0, 5)
    process.until(lambda: equal(lake, db), "the table equals the source")  # no commit comes any more
    done = said(lake, "rewrite-data-files", timeout=200)
    wait_until(lambda: not process.running(), "the crash point was passed")
    assert done["table"] == "public.t" and live(lake)[0] == 1
    check_table(lake, db, "t", ALL)
    lake.sync(db, *ARGS, *OFF)
    change(db, 7)
    lake.sync(db, *ARGS, *OFF)
    check_table(lake, db, "t", ALL)


def test_who_asked_is_killed(lake, db):  # noqa: F811
    """Neither the owner nor the next one who asks is stuck."""
    db.execute(MAKE)
    process = lake.follow(db, *FAST, *OFF)
    process.until(lambda: commits(lake) > 0, "the table is there")
    run_some(lake, db, process, 0, 5)
    process.until(lambda: equal(lake, db), "the table equals the source")  # no commit comes any more
    killed = hand(lake, "rewrite-data-files", check=False, crash_point="lake.hand.asked")
    assert killed.returncode == -signal.SIGKILL
    folder = lake.data / "pipelines" / lake.pipeline / "sinks" / "main" / "hand"
    process.until(lambda: not (folder / "ask.json").exists(), "the question is taken away")
    done = said(lake, "rewrite-data-files")
    assert done["files_before"] + len(replaced(lake)) > 0 and live(lake) == (1, 0)
    run_some(lake, db, process, 5, 1)
    process.stop()
    check_table(lake, db, "t", ALL)


def test_two_ask_at_once_while_rows_come(lake, db):  # noqa: F811
    db.execute(MAKE)
    process = lake.follow(db, *FAST)
    process.until(lambda: commits(lake) > 0, "the table is there")
    run_some(lake, db, process, 0, 4)
    argv = ["setpriv", "--pdeathsig", "KILL", str(BINARY), "table", "rewrite-data-files", "public.t"]
    both = [
        subprocess.Popen([*argv, "--output", "json"], env=lake.env(None, None), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]  # fmt: skip
    for n in range(4, 10):
        change(db, n)
    for asked in both:
        out, err = asked.communicate(timeout=PATIENCE)
        late = asked.returncode == 2 and "another command is at work" in err
        assert late or json.loads(out)["table"] == "public.t", err
    process.until(lambda: equal(lake, db), "the table equals the source")
    process.stop()
    check_table(lake, db, "t", ALL)
