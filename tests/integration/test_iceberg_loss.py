# SPDX-License-Identifier: Apache-2.0
"""The lake when a data directory is lost, comes back as an older copy, or somebody takes a table away: what is in the
target is enough to go on from (ack.policy=sink), or what is missing is said, and read again."""

import pathlib
import shutil
import sqlite3

import pytest
from test_iceberg import check_table, lake, lists_table, metadata_file, rows, table_of  # noqa: F401
from wait import wait_until

FAST = ["--set", "freshness=100ms"]
SINK = [*FAST, "--set", "ack.policy=sink"]
SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, v text);"
    " INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 500) i; INSERT INTO u VALUES (1, 'a')"
)
CHANGE = (
    "UPDATE t SET v = v || '{n}' WHERE id % 5 = {n} % 5; DELETE FROM t WHERE id = {n} + 100;"
    " INSERT INTO t VALUES (1000 + {n}, 'new'); INSERT INTO u VALUES ({n} + 10, 'b')"
)


def change(db, n):
    db.execute(CHANGE.replace("{n}", str(n)))


def check(lake, db):  # noqa: F811
    check_table(lake, db, "t", ["id", "v"])
    check_table(lake, db, "u", ["id", "v"])


@pytest.mark.parametrize("version", [2, 3])
def test_lost_again_and_again(lake, db, version):  # noqa: F811
    args = [*SINK, "--set", f"format.version={version}"]
    db.execute(SETUP)
    lake.sync(db, *args)
    before = metadata_file(lake, "t")
    for n in range(1, 5):
        change(db, n)
        if n != 3:
            lake.sync(db, *args)
        shutil.rmtree(lake.data)
        change(db, n + 50)
        lake.sync(db, *args)
        check(lake, db)
    assert before.rsplit("/", 1)[0] == metadata_file(lake, "t").rsplit("/", 1)[0]  # the same table


POINTS = ["lake.files_written", "lake.manifests_written", "lake.committed", "lake.state_saved", "lake.remembered"]
RECOVERY = ["adopt.removed", "adopt.seeded", "lake.registered", "lake.restored"]


@pytest.mark.parametrize("point", POINTS)
def test_lost_in_the_midst_of_a_commit(lake, db, point):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *SINK)
    for n in range(1, 3):
        change(db, n)
        assert lake.sync(db, *SINK, crash_point=point, check=False).returncode != 0
        shutil.rmtree(lake.data)
        change(db, n + 50)
        for again in RECOVERY:
            lake.sync(db, *SINK, crash_point=again, check=False)
        lake.sync(db, *SINK)
        check(lake, db)


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_not_lost(lake, db, point):  # noqa: F811
    """Tables a commit ahead of what is remembered: the data directory knows better."""
    db.execute(SETUP)
    for n in range(1, 4):
        lake.sync_until_done(db, *SINK, crash_point=point)
        change(db, n)
    lake.sync(db, *SINK)
    check(lake, db)
    shutil.rmtree(lake.data)
    change(db, 9)
    lake.sync(db, *SINK)
    check(lake, db)


def test_lost_in_the_first_snapshot(lake, db):  # noqa: F811
    """Rows of a snapshot that was never told as done are not those of the next one."""
    db.execute(SETUP)
    lake.sync(db, *SINK, crash_point="lake.committed", check=False)
    shutil.rmtree(lake.data)
    db.execute("DELETE FROM t WHERE id % 2 = 0; UPDATE t SET v = 'w'")
    again = lake.sync(db, *SINK, check=False)
    if again.returncode != 0:  # nothing was ever remembered: begun anew, as is said
        db.drop_slots()
        lake.sync(db, *SINK, "--set", "adopt=*")
    check(lake, db)


def test_an_older_copy(lake, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *SINK)
    change(db, 1)
    lake.sync(db, *SINK)
    shutil.copytree(lake.data, lake.directory / "copy")
    for n in range(2, 4):
        change(db, n)
        lake.sync(db, *SINK)
    shutil.rmtree(lake.data)
    (lake.directory / "copy").rename(lake.data)
    change(db, 4)
    lake.sync(db, *SINK)
    check(lake, db)


def test_the_policy_may_change(lake, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *FAST)
    change(db, 1)
    lake.sync(db, *SINK)
    change(db, 2)
    shutil.rmtree(lake.data)
    lake.sync(db, *SINK)
    check(lake, db)


def test_a_whole_data_directory_lost_with_the_journal_acknowledged(lake, db):  # noqa: F811
    """Changes may have been in the journal alone: no going on as if nothing were missing."""
    db.execute(SETUP)
    lake.sync(db, *FAST)
    shutil.rmtree(lake.data)
    change(db, 1)
    refused = lake.sync(db, *FAST, check=False)
    assert refused.returncode == 2 and "was lost" in refused.stderr and "--adopt" in refused.stderr


def test_two_that_write_the_same_tables(lake, new_leat, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *FAST)
    other = new_leat()
    other.out, other.format = lake.out, "iceberg"
    refused = other.sync(db, *FAST, check=False)
    assert refused.returncode == 2 and "data directory is another one or was lost" in refused.stderr


def test_a_deleted_pipeline_is_forgotten(lake, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *SINK)
    lake.run("delete", lake.pipeline, "--purge-data")
    lake.sync(db, *SINK)
    check(lake, db)


def drop(lake, table):  # noqa: F811
    with sqlite3.connect(f"{lake.data}/catalog.db") as catalog:
        catalog.execute("DELETE FROM tables WHERE name = ?", (table,))


def resync(lake, db, table):  # noqa: F811
    lake.run("resync", lake.pipeline, "--tables", f"public.{table}")
    lake.sync(db, *FAST)
    check(lake, db)
    change(db, 99)
    lake.sync(db, *FAST)
    check(lake, db)


def test_a_table_dropped_between_runs(lake, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *FAST)
    drop(lake, "t")
    change(db, 1)
    said = lake.sync(db, *FAST, check=False)
    assert said.returncode == 1
    assert "public.t is not in the catalog any more" in said.stderr and "leat resync" in said.stderr
    check_table(lake, db, "u", ["id", "v"])  # the others go on
    resync(lake, db, "t")


def test_a_table_dropped_while_it_is_written(lake, db):  # noqa: F811
    db.execute(SETUP)
    process = lake.follow(db, *FAST)
    process.until(lambda: lists_table(lake, "t") and lists_table(lake, "u"), "the tables are there")
    process.until(lambda: len(rows(lake, "t")) == 500 and len(rows(lake, "u")) == 1, "the snapshot is there")
    drop(lake, "t")
    change(db, 1)
    process.wait_log("public.t is not in the catalog any more")
    process.until(lambda: len(rows(lake, "u")) == 2, "the other table goes on")
    lake.run("resync", lake.pipeline, "--tables", "public.t")
    process.until(lambda: lists_table(lake, "t"), "the table is made anew")
    process.until(lambda: len(rows(lake, "t")) == 500, "and read")
    process.stop()
    check(lake, db)


def test_a_table_replaced_by_another(lake, db):  # noqa: F811
    """One with our properties and without our history, as tools leave it that make tables anew."""
    db.execute(SETUP)
    lake.sync(db, *FAST)
    first = metadata_file(lake, "t").rsplit("/", 1)[0]
    (empty,) = (p for p in lake.out.rglob("00000-*.metadata.json") if str(p.parent) in first)
    with sqlite3.connect(f"{lake.data}/catalog.db") as catalog:
        catalog.execute("UPDATE tables SET metadata_file = ? WHERE name = 't'", (f"file://{empty}",))
    change(db, 1)
    said = lake.sync(db, *FAST, check=False)
    assert said.returncode == 1 and "public.t is another one in the catalog" in said.stderr
    resync(lake, db, "t")


def test_an_older_catalog(lake, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *FAST)
    change(db, 1)
    lake.sync(db, *FAST)
    shutil.copy(lake.data / "catalog.db", lake.directory / "catalog.db")
    change(db, 2)
    lake.sync(db, *FAST)
    for name in ("catalog.db-wal", "catalog.db-shm"):
        (lake.data / name).unlink(missing_ok=True)
    shutil.copy(lake.directory / "catalog.db", lake.data / "catalog.db")
    change(db, 3)
    said = lake.sync(db, *FAST, check=False)
    assert said.returncode == 1 and "is older in the catalog than this pipeline has left it" in said.stderr
    assert "leat catalog rebuild" in said.stderr
    lake.run("resync", lake.pipeline, "--tables", "*")
    lake.sync(db, *FAST)
    check(lake, db)


def test_a_commit_that_changes_nothing_leaves_no_gap(lake, db):  # noqa: F811
    """Rows that came and went between two commits move the offset all the same."""
    db.execute(SETUP)
    lake.sync(db, *FAST)
    db.execute("BEGIN; INSERT INTO t VALUES (7777, 'x'); DELETE FROM t WHERE id = 7777; COMMIT")
    lake.sync(db, *FAST)
    change(db, 1)
    said = lake.sync(db, *FAST)
    assert "passed over" not in said.stderr
    check(lake, db)


def metadata_of(lake, kind):  # noqa: F811
    """Files of the table t that its newest snapshot needs."""
    snapshot = table_of(lake, "t").metadata.current_snapshot()
    if kind == "metadata":
        name = metadata_file(lake, "t")
    elif kind == "list":
        name = snapshot.manifest_list
    elif kind == "manifest":
        name = snapshot.manifests(table_of(lake, "t").io)[0].manifest_path
    else:
        name = next(iter(table_of(lake, "t").scan().plan_files())).file.file_path
    return pathlib.Path(name.removeprefix("file://"))


@pytest.mark.parametrize("kind", ["metadata", "list", "manifest", "data"])
def test_a_damaged_file_is_named(lake, db, kind):  # noqa: F811
    """No crash, no going on upon half of a table: the error names the file; mended, all goes on."""
    db.execute(SETUP)
    lake.sync(db, *FAST)
    file = metadata_of(lake, kind)
    whole = file.read_bytes()
    for index in lake.data.rglob("index"):
        shutil.rmtree(index)
    change(db, 1)
    for damaged in (whole[: len(whole) // 2], b"\0" * len(whole)):
        file.write_bytes(damaged)
        said = lake.sync(db, *FAST, check=False)
        assert said.returncode not in (0, -11, -6), said.stderr
        assert file.name in said.stderr, said.stderr
    file.write_bytes(whole)
    lake.sync(db, *FAST)
    check(lake, db)


def test_damage_of_what_is_remembered_is_named(lake, db):  # noqa: F811
    db.execute(SETUP)
    lake.sync(db, *SINK)
    (file,) = (lake.out / "_leat").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    said = lake.sync(db, *SINK, check=False)
    assert said.returncode == 1 and file.name in said.stderr and "--adopt" in said.stderr
    file.write_bytes(whole)
    change(db, 1)
    lake.sync(db, *SINK)
    check(lake, db)


def test_what_maintenance_commits_is_remembered(lake, db):  # noqa: F811
    """Snapshots that expire give a table another metadata file, in an idle pipeline, too; older ones go in the end."""
    db.execute(SETUP)
    process = lake.follow(db, *SINK)
    process.wait_durable(db)
    for n in range(1, 4):
        change(db, n)
        process.wait_durable(db)
    wait_until(lambda: len(rows(lake, "u")) == 4, "all is committed")
    memory = lake.out / "_leat" / f"{lake.pipeline}.lake"

    def remembers():
        return all(metadata_file(lake, name).rsplit("/", 1)[1].encode() in memory.read_bytes() for name in "tu")

    wait_until(remembers, "the last commit is remembered")
    before = metadata_file(lake, "t")
    lake.run("table", "expire-snapshots", "public.t", "--older-than", "0s")
    assert metadata_file(lake, "t") != before
    wait_until(remembers, "the expiry is remembered")
    lake.run("table", "rewrite-data-files", "public.t")
    wait_until(remembers, "what was rewritten is remembered")
    process.kill()
    for old in (lake.out / "public" / "t" / "metadata").glob("*.metadata.json"):
        if not metadata_file(lake, "t").endswith(old.name):
            old.unlink()  # as write.metadata.previous-versions-max does in the end
    shutil.rmtree(lake.data)
    change(db, 9)
    lake.sync(db, *SINK)
    check(lake, db)
