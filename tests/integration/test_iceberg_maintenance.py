# SPDX-License-Identifier: Apache-2.0
"""Tables that their writer keeps in order: what readers see stays what the source holds, with fewer files."""

import duckdb
import pytest
from test_iceberg import ARGS, check_table, lake, lists_table, metadata_file, rows, table_of  # noqa: F401
from wait import wait_until

FAST = ["--set", "freshness=10ms", "--set", "maintenance.cpu=100"]
COLUMNS = ["id", "n", "name"]
MAKE = (
    "CREATE TABLE t (id int PRIMARY KEY, n int, name text, big text);"
    "ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
    "INSERT INTO t SELECT i, 0, 'name ' || i, repeat('b' || i, 700) FROM generate_series(1, 200) i"
)


def change(db, n):
    """A transaction of each kind of change; `big` is not sent again."""
    db.execute(
        f"UPDATE t SET n = n + 1 WHERE id % 7 = {n % 7} AND id < 20000; DELETE FROM t WHERE id = {n + 1};"
        f"INSERT INTO t VALUES ({20000 + n}, 0, 'stays', 'y');"
        f"INSERT INTO t VALUES ({1000 + n}, {n}, 'new', 'x'), ({n + 1}, -1, 'again', NULL)"
        f" ON CONFLICT (id) DO NOTHING; UPDATE t SET id = id + 5000 WHERE id = {1000 + n - 3}"
    )


def snapshots(leat, table="t"):
    return table_of(leat, table).metadata.snapshots


def replaced(leat, table="t"):
    return [s for s in snapshots(leat, table) if s.summary.operation.value == "replace"]


def live(leat, table="t"):
    """(data files, delete files) of the newest snapshot."""
    summary = table_of(leat, table).current_snapshot().summary
    return int(summary["total-data-files"]), int(summary["total-delete-files"])


def equal(leat, db, table="t", columns=COLUMNS):
    names = [c.split(" AS ")[-1] for c in columns]
    found = sorted(tuple(row[c] for c in names) for row in rows(leat, table))
    return found == sorted(tuple(row) for row in db.query(f"SELECT {', '.join(columns)} FROM {table}"))


def commits(leat, table="t"):
    """The source's own, without those that only moved rows."""
    if not lists_table(leat, table):
        return 0
    return sum(s.summary.operation.value != "replace" for s in snapshots(leat, table))


def run_until_few(leat, db, *args, first=0, changes=30, most=12, **kwargs):
    """Follows while changes are committed one by one, until all is in the table and few files are left."""
    process = leat.follow(db, *FAST, *args, **kwargs)
    process.until(lambda: commits(leat) > 0, "the table is there")
    for n in range(first, first + changes):
        before = commits(leat)
        change(db, n)
        process.until(lambda: commits(leat) > before, "the change is committed")  # noqa: B023
    process.until(lambda: equal(leat, db), "the table equals the source")
    few = lambda: replaced(leat) and live(leat)[0] <= most and live(leat)[1] <= 2 * most  # noqa: E731
    wait_until(few, lambda: f"few files: {live(leat)}")
    assert equal(leat, db)
    return process


def duckdb_rows(leat, table="t"):
    con = duckdb.connect()
    con.execute("LOAD iceberg")
    return con.execute(f"SELECT {', '.join(COLUMNS)} FROM iceberg_scan('{metadata_file(leat, table)}')").fetchall()


@pytest.mark.parametrize("args", [
    ["--set", "format.version=2"],
    ["--set", "format.version=3"],
    ["--set", "partition.by=bucket(2, id)"],
], ids=["v2", "v3", "partitioned"])
def test_small_files_become_few(lake, db, args):  # noqa: F811
    db.execute(MAKE)
    process = run_until_few(lake, db, *args, most=24 if "partition" in args[1] else 12)
    check_table(lake, db, "t", COLUMNS + ["big"])
    process.stop()
    db.execute("UPDATE t SET n = -n; DELETE FROM t WHERE id % 5 = 0")  # by the index that the run before left
    lake.sync(db, *ARGS, *args)
    check_table(lake, db, "t", COLUMNS + ["big"])
    offsets = [int(s.summary["leat.offset"]) for s in snapshots(lake)]
    assert offsets == sorted(offsets)


POINTS = ["written", "deletes", "ready", "committed", "keys"]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_while_it_compacts(lake, db, point):  # noqa: F811
    db.execute(MAKE)
    process = lake.follow(db, *FAST, crash_point=f"lake.compacted.{point}")
    for n in range(200):
        before = commits(lake)
        change(db, n)
        wait_until(lambda: commits(lake) > before or not process.running(), "a commit")  # noqa: B023
        if not process.running():
            break
    assert not process.running(), "the crash point was passed"
    lake.sync(db, *ARGS)
    check_table(lake, db, "t", COLUMNS + ["big"])
    run_until_few(lake, db, first=300, changes=12).stop()
    check_table(lake, db, "t", COLUMNS + ["big"])


def test_append_tables_are_compacted(lake, db):  # noqa: F811
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (0, 0)")
    process = lake.follow(db, *FAST, "--set", "mode=append")
    process.until(lambda: commits(lake) > 0, "the table is there")
    for n in range(1, 25):
        before = commits(lake)
        db.execute(f"UPDATE t SET v = {n}")
        process.until(lambda: commits(lake) > before, "the change is committed")  # noqa: B023
    wait_until(lambda: replaced(lake) and live(lake)[0] <= 10, lambda: f"few files: {live(lake)}")
    assert sorted(row["v"] for row in rows(lake, "t")) == list(range(25))
    process.stop()


def test_maintenance_may_be_others(lake, db):  # noqa: F811
    db.execute(MAKE)
    process = lake.follow(db, *FAST, "--set", "maintenance=off")
    process.until(lambda: commits(lake) > 0, "the table is there")
    for n in range(12):
        before = commits(lake)
        change(db, n)
        process.until(lambda: commits(lake) > before, "the change is committed")  # noqa: B023
    assert live(lake)[0] >= 12 and not replaced(lake)
    process.stop()
