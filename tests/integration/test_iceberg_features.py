# SPDX-License-Identifier: Apache-2.0
"""What upserts into a lake must get right beside plain rows: values that did not travel, soft deletes, tables without a
key, columns that change. As PyIceberg reads it, against what the source holds."""

import random

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
