# SPDX-License-Identifier: Apache-2.0
"""What upserts into a lake must get right beside plain rows: values that did not travel, soft deletes, tables without a
key, columns that change. As PyIceberg reads it, against what the source holds."""

import random
import shutil

import pytest

from test_iceberg import ARGS, check_table, lake, plain, rows, table_of  # noqa: F401  (lake is a fixture)
from test_iceberg_types import duck_rows


def toast_table(db, n=300):
    db.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v int, doc jsonb, raw bytea, tags text[], note text);"
        "ALTER TABLE t ALTER doc SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL, ALTER tags SET STORAGE EXTERNAL;"
        "INSERT INTO t SELECT i, 0, jsonb_build_object('i', i, 'pad', repeat(md5(i::text), 250)),"
        " decode(repeat(md5(i::text), 90), 'hex'), array_fill(md5(i::text), ARRAY[90]), 'n' || i"
        f" FROM generate_series(1, {n}) i"
    )


TOAST_COLUMNS = ["id", "v", "doc::text AS doc", "raw", "tags", "note"]


@pytest.mark.parametrize("version", [2, 3])
def test_unchanged_values_stay(lake, db, version):  # noqa: F811
    """Large values that no UPDATE touched, through many shapes of updates in one commit and over several."""
    args = ["--set", "freshness=1h", "--set", f"format.version={version}"]
    toast_table(db)
    lake.sync(db, *args)
    db.execute("UPDATE t SET v = 1 WHERE id % 2 = 0")
    db.execute("UPDATE t SET v = 2, note = 'x' WHERE id % 3 = 0")  # waits already
    db.execute("UPDATE t SET doc = '{}' WHERE id % 5 = 0")  # of a waiting one, one value came
    db.execute("DELETE FROM t WHERE id % 7 = 0")
    db.execute("INSERT INTO t (id, v, note) VALUES (7, 7, 'again'), (1000, 1, 'new')")
    db.execute("UPDATE t SET id = id + 5000 WHERE id % 11 = 0")
    db.execute("UPDATE t SET v = v + 100 WHERE id > 5000")
    db.execute("INSERT INTO t SELECT 2000, 1, doc, raw, tags, 'copy' FROM t WHERE id = 1")
    db.execute("UPDATE t SET v = 9 WHERE id = 2000")  # its values are in a file that is still open
    lake.sync(db, *args)
    check_table(lake, db, "t", TOAST_COLUMNS)
    for n in range(3):
        db.execute(f"UPDATE t SET v = {n} WHERE id % {n + 2} = 0; UPDATE t SET note = 'm{n}' WHERE id % 4 = 0")
    lake.sync(db, *args)
    check_table(lake, db, "t", TOAST_COLUMNS)
    db.execute("UPDATE t SET v = 5; TRUNCATE t")
    db.execute("INSERT INTO t (id, v) VALUES (1, 1)")
    lake.sync(db, *args)
    check_table(lake, db, "t", TOAST_COLUMNS)


def test_unchanged_values_at_random(lake, db):  # noqa: F811
    """The same by chance, with small commits, small memory and a column that comes in between."""
    random.seed(6)
    args = [*ARGS, "--set", "file.target.bytes=1MiB", "--set", "file.large.page.bytes=4KiB"]
    toast_table(db, 100)
    lake.sync(db, *args)
    for round_ in range(4):
        for _ in range(40):
            key = random.randrange(1, 120)
            db.execute(
                random.choice(
                    [
                        f"UPDATE t SET v = v + 1 WHERE id BETWEEN {key} AND {key + 30}",
                        f"UPDATE t SET note = 'r' || v WHERE id = {key}",
                        f"UPDATE t SET raw = NULL WHERE id = {key}",
                        f"DELETE FROM t WHERE id = {key}",
                        f"UPDATE t SET id = id + 200 WHERE id = {key}",
                        f"INSERT INTO t SELECT {key} + 1000 * (1 + (SELECT count(*) FROM t WHERE id > 999)),"
                        f" v, doc, raw, tags, note FROM t WHERE id = {key}",
                    ]
                )
            )
        if round_ == 1:
            db.execute("ALTER TABLE t ADD extra text; UPDATE t SET extra = 'e' WHERE id % 2 = 0")
        lake.sync(db, *args)
        check_table(lake, db, "t", TOAST_COLUMNS + (["extra"] if round_ > 0 else []))


def marked(lake, table):  # noqa: F811
    """Rows of the lake by their mark."""
    found = {False: [], True: []}
    for row in rows(lake, table):
        found[row["__deleted"]].append(row)
    return found


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_soft_deletes(lake, db, identity):  # noqa: F811
    args = [*ARGS, "--set", "delete=soft"]
    toast_table(db, 60)
    db.execute(f"ALTER TABLE t REPLICA IDENTITY {identity}")
    lake.sync(db, *args)
    before = {row["id"]: row for row in rows(lake, "t")}
    assert not any(row["__deleted"] or row["__deleted_at"] for row in before.values())
    db.execute("DELETE FROM t WHERE id % 3 = 0; INSERT INTO t (id, v) VALUES (500, 1); DELETE FROM t WHERE id = 500")
    db.execute("UPDATE t SET id = 1000 WHERE id = 1; DELETE FROM t WHERE id = 1000")
    db.execute("UPDATE t SET v = 7 WHERE id = 2; DELETE FROM t WHERE id = 2")
    lake.sync(db, *args)
    found = marked(lake, "t")
    gone = {row["id"]: row for row in found[True]}
    assert set(gone) == {*range(3, 61, 3), 500, 1, 1000, 2}
    for key in (3, 60, 1):
        assert gone[key]["doc"] == before[key]["doc"] and gone[key]["raw"] == before[key]["raw"]
        assert gone[key]["tags"] == before[key]["tags"] and gone[key]["__deleted_at"] is not None
    assert gone[2]["v"] == 7 and gone[1000]["doc"] == before[1]["doc"] and gone[500]["v"] == 1
    assert {row["id"] for row in found[False]} == {row[0] for row in db.query("SELECT id FROM t")}
    db.execute("INSERT INTO t (id, v) VALUES (3, 33); DELETE FROM t WHERE id = 4; TRUNCATE t")
    db.execute("INSERT INTO t (id, v) VALUES (5, 5)")
    lake.sync(db, *args)
    assert [(row["id"], row["__deleted"]) for row in rows(lake, "t")] == [(5, False)]  # a TRUNCATE marks nothing


def multiset(values):
    return sorted(repr(sorted(row.items(), key=lambda item: item[0])) for row in values)


def test_the_whole_row_as_key(lake, db):  # noqa: F811
    """REPLICA IDENTITY FULL without a primary key: equal rows stay as many as they are."""
    args = [*ARGS, "--set", "key=full-row"]
    db.execute(
        "CREATE TABLE w (a int, b text, n numeric(10,2), f real, j jsonb, l int[], at timestamptz, u uuid);"
        "ALTER TABLE w REPLICA IDENTITY FULL;"
        "INSERT INTO w SELECT i % 5, 'b' || i % 2, i % 3 + 0.5, 1.1, '{\"a\": [1, 2]}', '{1,2}', '2026-01-01Z',"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' FROM generate_series(1, 200) i;"
        "INSERT INTO w DEFAULT VALUES; INSERT INTO w DEFAULT VALUES"
    )
    facts = "SELECT a, b, n, f, j::text AS j, l, at, u::text AS u FROM w"

    def check(extra=""):
        names = ["a", "b", "n", "f", "j", "l", "at", "u"] + ([extra] if extra else [])
        query = facts.replace(" FROM", f", {extra} FROM") if extra else facts
        expected = [dict(zip(names, row)) for row in db.query(query)]
        found = rows(lake, "w")
        for row in [*found, *expected]:
            row["u"] = row["u"] and str(row["u"])
            row["at"] = row["at"] and row["at"].timestamp()
            row["f"] = row["f"] and round(row["f"], 3)
        assert multiset(found) == multiset(expected)

    lake.sync(db, *args)
    check()
    db.execute("DELETE FROM w WHERE ctid IN (SELECT ctid FROM w ORDER BY a, b LIMIT 30)")
    db.execute("UPDATE w SET a = a + 1 WHERE b = 'b1'; INSERT INTO w SELECT * FROM w WHERE a = 2")
    db.execute("DELETE FROM w WHERE ctid = (SELECT min(ctid) FROM w WHERE a IS NULL)")
    db.execute("UPDATE w SET b = NULL WHERE a = 3")
    lake.sync(db, *args)
    check()
    for index in lake.data.rglob("index"):
        shutil.rmtree(index)
    db.execute("UPDATE w SET n = n + 1 WHERE a < 3; DELETE FROM w WHERE a = 4")
    lake.sync(db, *args)
    check()
    db.execute("ALTER TABLE w ADD extra text; UPDATE w SET extra = 'e' WHERE a = 2; DELETE FROM w WHERE a = 1")
    lake.sync(db, *args)
    check("extra")
    db.execute("ALTER TABLE w DROP extra; DELETE FROM w WHERE a = 2")
    lake.sync(db, *args)  # opens with the new columns: the index is made again by them
    assert len(rows(lake, "w")) == db.value("SELECT count(*) FROM w")
    db.execute("UPDATE w SET a = 9 WHERE a = 3; ALTER TABLE w DROP u; DELETE FROM w WHERE a = 9")
    lake.sync(db, *args, "--set", "freshness=1h")  # here with the table open, in one commit
    assert len(rows(lake, "w")) == db.value("SELECT count(*) FROM w")
    assert all(row["u"] is None or row["a"] != 9 for row in rows(lake, "w"))
    db.execute("DELETE FROM w WHERE a IS NOT NULL")
    lake.sync(db, *args)
    assert len(rows(lake, "w")) == db.value("SELECT count(*) FROM w") > 0


def field_ids(lake, table):  # noqa: F811
    return {field.name: field.field_id for field in table_of(lake, table).schema().fields}


def test_a_renamed_column_keeps_its_field(lake, db):  # noqa: F811
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b int)")
    db.execute("INSERT INTO t SELECT i, 'a' || i, i FROM generate_series(1, 9) i")
    lake.sync(db, *ARGS)
    before = field_ids(lake, "t")
    db.execute("ALTER TABLE t RENAME a TO c; UPDATE t SET b = 0 WHERE id = 1")
    lake.sync(db, *ARGS)
    after = field_ids(lake, "t")
    assert set(after) == {"id", "c", "b"} and after["c"] == before["a"]
    check_table(lake, db, "t", ["id", "c", "b"])
    db.execute("ALTER TABLE t RENAME b TO a; ALTER TABLE t DROP c; ALTER TABLE t ADD c text")
    db.execute("UPDATE t SET c = 'x' WHERE id < 4")
    lake.sync(db, *ARGS)
    assert field_ids(lake, "t")["a"] == before["b"]
    check_table(lake, db, "t", ["id", "a", "c"])
    db.execute("ALTER TABLE t RENAME a TO tmp; ALTER TABLE t ADD a text DEFAULT 'd'; DELETE FROM t WHERE id = 5")
    lake.sync(db, *ARGS)
    check_table(lake, db, "t", ["id", "tmp", "a", "c"])


@pytest.mark.parametrize("freshness", ["1h", "1ms"])
def test_another_key(lake, db, freshness):  # noqa: F811
    """The primary key goes, comes, gets another type and more columns: while leat runs, and between runs."""
    args = ["--set", f"freshness={freshness}"]
    db.execute("CREATE TABLE k (id int PRIMARY KEY, a int NOT NULL, b text)")
    db.execute("INSERT INTO k SELECT i, i % 10, 'b' || i FROM generate_series(1, 50) i")
    lake.sync(db, *args)
    db.execute("UPDATE k SET b = 'x' || id WHERE id < 9; ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (id, a)")
    db.execute("UPDATE k SET b = 'y' || id WHERE id < 5; DELETE FROM k WHERE a = 7")
    db.execute("UPDATE k SET a = a + 100 WHERE id = 20")
    lake.sync(db, *args)
    check_table(lake, db, "k", ["id", "a", "b"])
    db.execute("ALTER TABLE k DROP CONSTRAINT k_pkey, ALTER b SET NOT NULL, ADD PRIMARY KEY (b)")
    db.execute("UPDATE k SET a = 5 WHERE id = 30; DELETE FROM k WHERE b = 'b33'; ALTER TABLE k DROP id")
    db.execute("INSERT INTO k VALUES (1, 'new'); UPDATE k SET b = 'newer' WHERE b = 'new'; DELETE FROM k WHERE a = 3")
    lake.sync(db, *args)
    check_table(lake, db, "k", ["a", "b"], key="b")
    db.execute("ALTER TABLE k DROP CONSTRAINT k_pkey; INSERT INTO k VALUES (77, 'b1')")
    lake.sync(db, *args)
    check_table(lake, db, "k", ["a", "b"], key="b")
    db.execute("INSERT INTO k VALUES (78, 'b2'); ALTER TABLE k ADD PRIMARY KEY (a, b)")
    db.execute("UPDATE k SET a = 79 WHERE a = 78; DELETE FROM k WHERE a = 77")
    lake.sync(db, *args)
    db.execute("INSERT INTO k VALUES (80, 'z')")
    lake.sync(db, *args)
    check_table(lake, db, "k", ["a", "b"], key="b")


def check_both(lake, db, table, columns):  # noqa: F811
    """PyIceberg and DuckDB see what the source holds."""
    check_table(lake, db, table, columns)
    expected = [tuple(map(plain, row)) for row in db.query(f"SELECT {', '.join(columns)} FROM {table}")]
    found = [tuple(plain(row[name]) for name in columns) for row in duck_rows(lake, table).to_pylist()]
    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("version", [2, 3])
def test_columns_evolve(lake, db, version):  # noqa: F811
    """One table through every change of its columns, read by two engines after each."""
    args = ["--set", "freshness=1h", "--set", f"format.version={version}"]
    db.execute("CREATE TABLE e (id int PRIMARY KEY, a int NOT NULL, b text, n numeric(8,2), r real)")
    db.execute("INSERT INTO e SELECT i, i, 'b' || i, i / 4.0, i / 2.0 FROM generate_series(1, 30) i")
    lake.sync(db, *args)
    steps = [
        ("ALTER TABLE e ADD c text; UPDATE e SET c = 'c' || id WHERE id % 2 = 0", ["id", "a", "b", "n", "r", "c"]),
        ("UPDATE e SET c = 'filled' WHERE c IS NULL", ["id", "a", "b", "n", "r", "c"]),  # a backfill
        ("ALTER TABLE e ADD d int NOT NULL DEFAULT 7; DELETE FROM e WHERE id = 3", ["id", "a", "b", "c", "d"]),
        ("ALTER TABLE e ALTER a DROP NOT NULL; UPDATE e SET a = NULL WHERE id = 4", ["id", "a", "b", "d"]),
        ("ALTER TABLE e ALTER a TYPE bigint, ALTER r TYPE float8, ALTER n TYPE numeric(12,2)", ["id", "a", "n", "r"]),
        ("UPDATE e SET a = 5000000000, r = 1e200, n = 1234567890.25 WHERE id = 5", ["id", "a", "n", "r"]),
        ("ALTER TABLE e DROP b; INSERT INTO e (id, a) VALUES (100, 1)", ["id", "a", "n", "r", "c", "d"]),
        ("ALTER TABLE e ADD b text; UPDATE e SET b = 'again' WHERE id < 9", ["id", "a", "b", "c"]),
        ("COMMENT ON COLUMN e.a IS 'a note'; UPDATE e SET b = 'x' WHERE id = 100", ["id", "a", "b"]),
        ("ALTER TABLE e RENAME c TO cc; INSERT INTO e (id, cc) VALUES (101, 'q')", ["id", "cc", "b"]),
    ]
    for number, (change, columns) in enumerate(steps):
        db.execute(change)
        lake.sync(db, *args)
        if number in (1, 5, 9):
            check_both(lake, db, "e", columns)
        else:
            check_table(lake, db, "e", columns)
    db.execute("ALTER TABLE e ALTER d TYPE text USING 'd' || d; UPDATE e SET d = 'new' WHERE id = 9")
    lake.sync(db, *args)
    found = {row["id"]: row["d__v2"] for row in rows(lake, "e")}
    assert found == dict(db.query("SELECT id, d FROM e"))


def test_a_type_that_cannot_change_stops_the_table(lake, db):  # noqa: F811
    args = [*ARGS, "--set", "type.change=fail"]
    db.execute("CREATE TABLE f (id int PRIMARY KEY, v int); INSERT INTO f VALUES (1, 1)")
    lake.sync(db, *args)
    db.execute("ALTER TABLE f ALTER v TYPE text; INSERT INTO f VALUES (2, 'two')")
    refused = lake.sync(db, *args, check=False)
    assert "column v: its type in the lake (int32) cannot become string" in refused.stderr
    assert [row["v"] for row in rows(lake, "f")] == [1]
    lake.run("resync", lake.pipeline, "--tables", "public.f")
    lake.sync(db, *ARGS, "--set", "type.change=suffix")
    assert {row["id"]: row["v__v2"] for row in rows(lake, "f")} == {1: "1", 2: "two"}
