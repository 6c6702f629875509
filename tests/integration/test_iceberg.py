# SPDX-License-Identifier: Apache-2.0
"""Iceberg tables in a local warehouse, as other readers see them, against what the source holds."""

import datetime
import decimal
import shutil
import sqlite3

import pytest
from pyiceberg.table import StaticTable

ARGS = ["--set", "freshness=100ms"]


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    leat.reader = {}
    return leat


def lists_table(leat, table, space="public"):
    """What the catalog says is the table's newest metadata; None while there is no such table, or no catalog."""
    try:
        with sqlite3.connect(f"file:{leat.data}/catalog.db?mode=ro", uri=True) as catalog:
            row = catalog.execute(
                "SELECT metadata_file FROM tables WHERE namespace = ? AND name = ?", (space, table)
            ).fetchone()
    except sqlite3.OperationalError:
        return None
    return row and row[0]


def metadata_file(leat, table, space="public"):
    path = lists_table(leat, table, space)
    assert path, f"the catalog has no {space}.{table}"
    return path


def table_of(leat, table, space="public"):
    return StaticTable.from_metadata(metadata_file(leat, table, space), leat.reader)


def rows(leat, table, space="public"):
    return table_of(leat, table, space).scan().to_arrow().to_pylist()


def plain(value):
    """A value as both sides say it."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).isoformat()
    return value


def check_table(leat, db, table, columns, key="id", space="public"):
    names = [c.split(" AS ")[-1].strip() for c in columns]
    expected = [dict(zip(names, map(plain, row))) for row in db.query(f"SELECT {', '.join(columns)} FROM {table}")]
    found = [{k: plain(v) for k, v in row.items() if k in names} for row in rows(leat, table, space)]
    order = lambda row: str(row[key])  # noqa: E731
    assert sorted(found, key=order) == sorted(expected, key=order)


@pytest.mark.parametrize("version", [2, 3])
def test_upserts_equal_the_source(lake, db, version):
    args = [*ARGS, "--set", f"format.version={version}"]
    db.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, n int, amount numeric(12,2), name text, at timestamptz, big text);"
        "ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
        "INSERT INTO t SELECT i, i % 7, i / 3.0, 'name ' || i, '2026-01-01Z'::timestamptz + i * interval '1 s',"
        " repeat(chr(65 + i % 26), 3000) FROM generate_series(1, 1000) i"
    )
    columns = ["id", "n", "amount", "name", "at", "big"]
    lake.sync(db, *args)
    check_table(lake, db, "t", columns)
    db.execute("UPDATE t SET n = -n WHERE id % 3 = 0; DELETE FROM t WHERE id % 10 = 0")
    db.execute("INSERT INTO t SELECT i, 0, 1, 'new', now(), NULL FROM generate_series(2001, 2100) i")
    lake.sync(db, *args)
    check_table(lake, db, "t", columns)
    db.execute("UPDATE t SET id = id + 100000 WHERE id % 11 = 0; UPDATE t SET name = 'again' WHERE id > 100000")
    lake.sync(db, *args)
    check_table(lake, db, "t", columns)
    db.execute("TRUNCATE t; INSERT INTO t VALUES (1, 1, 1, 'only', now(), 'x')")
    lake.sync(db, *args)
    check_table(lake, db, "t", columns)


def test_types_arrive_as_they_are(lake, db):
    db.execute(
        "CREATE TABLE kinds (id int PRIMARY KEY, b bool, s smallint, l bigint, r real, d double precision,"
        " n numeric(20,4), free numeric, t text, by bytea, da date, ti time, ts timestamp, tz timestamptz, u uuid,"
        " j jsonb, a int[], h text[]);"
        "INSERT INTO kinds (id) VALUES (2);"
        "INSERT INTO kinds VALUES (1, true, -3, 9223372036854775807, 1.5, 2.25, 123456789.0123, 1e40, 'ü', '\\x00ff',"
        " '2024-02-29', '12:34:56.789', '2024-02-29 01:02:03.000004', '2024-02-29 01:02:03.000004+02',"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\": 1}', '{1,NULL,3}', '{}')"
    )
    lake.sync(db, *ARGS)
    found = {row["id"]: row for row in rows(lake, "kinds")}
    one = found[1]
    assert one["n"] == decimal.Decimal("123456789.0123") and one["free"] == "1" + "0" * 40
    assert one["by"] == b"\x00\xff" and one["da"] == datetime.date(2024, 2, 29)
    assert one["ti"] == datetime.time(12, 34, 56, 789000) and one["ts"] == datetime.datetime(2024, 2, 29, 1, 2, 3, 4)
    assert one["tz"] == datetime.datetime(2024, 2, 28, 23, 2, 3, 4, datetime.timezone.utc)
    assert str(one["u"]) == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" and one["j"] == '{"a": 1}'
    assert one["a"] == [1, None, 3] and one["h"] == [] and one["l"] == 2**63 - 1
    assert all(value is None for name, value in found[2].items() if name != "id")


def test_columns_come_and_go(lake, db):
    db.execute("CREATE TABLE c (id int PRIMARY KEY, a int, b text); INSERT INTO c VALUES (1, 1, 'x'), (2, 2, 'y')")
    db.execute("COMMENT ON TABLE c IS 'what \"c\" is'; COMMENT ON COLUMN c.a IS 'ä'; COMMENT ON COLUMN c.b IS 'of b'")
    lake.sync(db, *ARGS)
    docs = lambda: {field.name: field.doc for field in table_of(lake, "c").schema().fields}  # noqa: E731
    assert docs() == {"id": None, "a": "ä", "b": "of b"}
    assert table_of(lake, "c").properties["comment"] == 'what "c" is'
    db.execute("COMMENT ON COLUMN c.a IS 'other'; COMMENT ON COLUMN c.id IS NULL; COMMENT ON TABLE c IS 'other c'")
    db.execute("ALTER TABLE c ADD d text; UPDATE c SET d = 'd' WHERE id = 1; ALTER TABLE c DROP b")
    db.execute("COMMENT ON COLUMN c.d IS 'of d'")
    db.execute("INSERT INTO c VALUES (3, 3, 'dd')")
    lake.sync(db, *ARGS)
    check_table(lake, db, "c", ["id", "a", "d"])
    assert docs() == {"id": None, "a": "other", "b": "of b", "d": "of d"}
    assert table_of(lake, "c").properties["comment"] == "other c"
    db.execute("ALTER TABLE c ALTER a TYPE bigint; INSERT INTO c VALUES (4, 5000000000, NULL)")
    lake.sync(db, *ARGS)
    check_table(lake, db, "c", ["id", "a", "d"])


def test_append_keeps_every_change(lake, db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')")
    lake.sync(db, *ARGS, "--set", "mode=append")
    db.execute("UPDATE t SET v = 'b'; DELETE FROM t")
    lake.sync(db, *ARGS)
    found = sorted(rows(lake, "t"), key=lambda row: (row["__commit_lsn"], row["__ordinal"]))
    assert [(row["__op"], row["id"], row["v"]) for row in found] == [("r", 1, "a"), ("u", 1, "b"), ("d", 1, None)]


@pytest.mark.parametrize("spec", ["bucket(4, id)", "day(at)", "truncate(2, name), id"])
def test_partitions(lake, db, spec):
    db.execute(
        "CREATE TABLE p (id int PRIMARY KEY, name text, at timestamp);"
        "INSERT INTO p SELECT i, 'n' || i, '1969-12-30'::timestamp + i * interval '9 h' FROM generate_series(1, 20) i"
    )
    args = [*ARGS, "--set", f"partition.by={spec}"]
    lake.sync(db, *args)
    db.execute("UPDATE p SET name = 'm' || id, at = at + interval '2 days' WHERE id % 2 = 0")
    db.execute("DELETE FROM p WHERE id = 7")
    lake.sync(db, *args)
    check_table(lake, db, "p", ["id", "name", "at"])


POINTS = ["lake.files_written", "lake.manifests_written", "store.local.settled", "lake.committed", "lake.state_saved"]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_while_it_commits(lake, db, point):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 500) i")
    hit = 0
    delete = "DELETE FROM t WHERE id % 5 = 0; INSERT INTO t VALUES (9999, 1)"
    for change in ("UPDATE t SET v = v + 1 WHERE id % 2 = 0", delete):
        hit += lake.sync_until_done(db, *ARGS, crash_point=point).returncode != 0
        db.execute(change)
    hit += lake.sync_until_done(db, *ARGS, crash_point=point).returncode != 0
    assert hit > 0
    check_table(lake, db, "t", ["id", "v"])


def test_the_index_is_made_again(lake, db):
    db.execute("CREATE TABLE t (id text PRIMARY KEY, v int)")
    db.execute("INSERT INTO t SELECT i::text, 0 FROM generate_series(1, 3000) i")
    lake.sync(db, *ARGS)
    db.execute("UPDATE t SET v = 1 WHERE id < '2'")
    lake.sync(db, *ARGS)
    for index in lake.data.rglob("index"):
        shutil.rmtree(index)
    db.execute("UPDATE t SET v = 2 WHERE id < '15'; DELETE FROM t WHERE id > '9'")
    lake.sync(db, *ARGS)
    check_table(lake, db, "t", ["id", "v"])


def test_delete_purges_the_tables(lake, db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake.sync(db, *ARGS)
    assert list(lake.out.rglob("*.parquet"))
    lake.run("delete", lake.pipeline, "--purge-data")
    assert not [path for path in lake.out.rglob("*") if path.is_file()]


def test_a_table_of_others_is_left_alone(lake, db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    lake.sync(db, *ARGS, "--name", "one")
    second = lake.run(*lake.sync_args(db, [*ARGS, "--name", "two"]), check=False)
    assert second.returncode != 0 and "rename=t=NAME" in second.stderr
    assert [row["id"] for row in rows(lake, "t")] == [1]


def test_tables_are_named_and_renamed(lake, db):
    db.execute(
        'CREATE TABLE "A.b" (id int PRIMARY KEY); CREATE TABLE "A/b" (id int PRIMARY KEY);'
        ' CREATE TABLE c (id int PRIMARY KEY);'
        ' INSERT INTO "A.b" VALUES (1); INSERT INTO "A/b" VALUES (2); INSERT INTO c VALUES (3)'
    )
    lake.sync(db, *ARGS, "--set", "rename=public.c=sales.see")
    both = {rows(lake, "A_b")[0]["id"], rows(lake, "A_b_2")[0]["id"]}
    assert both == {1, 2} and rows(lake, "see", "sales")[0]["id"] == 3


def test_follow_keeps_up_and_readers_see_whole_transactions(lake, db):
    db.execute("CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY, v int)")
    db.execute("INSERT INTO a VALUES (1, 0); INSERT INTO b VALUES (1, 0)")
    process = lake.follow(db, *ARGS)
    for n in range(1, 60):
        db.execute(f"BEGIN; UPDATE a SET v = {n}; UPDATE b SET v = {n}; COMMIT")
    process.until(lambda: lists_table(lake, "a") and lists_table(lake, "b"), "the tables are there")
    done = lambda: [r["v"] for r in rows(lake, "a")] == [59] == [r["v"] for r in rows(lake, "b")]  # noqa: E731
    process.until(done, "both tables have the last change")
    process.stop()


def test_on_s3(lake, db, versitygw):
    """Two pipelines' worth of commits against a real S3 server; PyIceberg reads through its own client."""
    server = versitygw.server
    lake.out = versitygw.url("wh")
    env = server.env()
    lake.reader = {
        "s3.endpoint": server.endpoint,
        "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
        "s3.region": "us-east-1",
    }
    args = ["--set", f"s3.endpoint={server.endpoint}"]
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    db.execute("INSERT INTO t SELECT i, 'a' FROM generate_series(1, 2000) i")
    lake.sync(db, *args, env=env)
    db.execute("UPDATE t SET v = 'b' WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0")
    lake.sync(db, *args, env=env)
    check_table(lake, db, "t", ["id", "v"])


def test_a_lost_data_directory_is_found_out(lake, db):
    """Offsets of another journal say nothing of what the tables have."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    lake.sync(db, *ARGS)
    shutil.rmtree(lake.data / "pipelines")
    db.drop_slots()
    db.execute("UPDATE t SET v = 2")
    again = lake.sync(db, *ARGS, check=False)
    assert again.returncode != 0 and "data directory is another one or was lost" in again.stderr
    assert [row["v"] for row in rows(lake, "t")] == [1]


def test_an_older_copy_goes_on_above_what_the_tables_have(lake, db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)")
    lake.sync(db, *ARGS)
    shutil.copytree(lake.data / "pipelines", lake.directory / "copy")
    for n in range(1, 4):
        db.execute(f"UPDATE t SET v = {n}")
        lake.sync(db, *ARGS)
    shutil.rmtree(lake.data / "pipelines")
    shutil.copytree(lake.directory / "copy", lake.data / "pipelines")
    refused = lake.sync(db, *ARGS, check=False)
    assert refused.returncode == 2 and "resync" in refused.stderr  # the slot is ahead of it: a gap
    lake.run("resync", lake.pipeline, "--tables", "*")
    db.execute("UPDATE t SET v = 9 WHERE id = 1; DELETE FROM t WHERE id = 2")
    lake.sync(db, *ARGS)
    check_table(lake, db, "t", ["id", "v"])
    db.execute("INSERT INTO t VALUES (3, 3)")
    lake.sync(db, *ARGS)
    check_table(lake, db, "t", ["id", "v"])
