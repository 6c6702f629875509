# SPDX-License-Identifier: Apache-2.0
"""What upserts into a lake must get right beside plain rows: values that did not travel, soft deletes, tables without a
key, columns that change. As PyIceberg reads it, against what the source holds."""

import random
import shutil

import pytest

from test_iceberg import ARGS, check_table, lake, rows, table_of  # noqa: F401  (lake is a fixture)


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
