# SPDX-License-Identifier: Apache-2.0
"""What the randomized test has found, each as small as it can be: without a kill, between two runs."""

import pytest


def carried(db, leat, check_equal, before, between):
    db.execute(before)
    leat.sync(db)
    for statement in between:
        db.execute(statement)
    leat.sync(db)
    check_equal(db, leat.out)


PARTS = """
    CREATE TABLE parts (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
    CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
    INSERT INTO parts SELECT g, (ARRAY['a', 'b'])[1 + g % 2], 'v' FROM generate_series(1, 50) g
"""


def test_a_snapshot_of_several_leaves_numbers_each_row_once(db, leat, check_equal):
    carried(db, leat, check_equal, PARTS, [])


def test_a_detached_partition_that_stays_a_table_takes_its_rows_from_the_root(db, leat, check_equal):
    carried(db, leat, check_equal, PARTS, ["ALTER TABLE parts DETACH PARTITION parts_b"])


def test_an_update_that_changes_nothing_in_a_table_without_key(db, leat, check_equal):
    before = "CREATE TABLE t (a int); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1), (1), (2)"
    carried(db, leat, check_equal, before, ["UPDATE t SET a = a"])


@pytest.mark.parametrize(
    "between",
    [
        ["ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t ADD COLUMN a int"],
        ["ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ADD COLUMN a int"],
        ["ALTER TABLE t ADD COLUMN c int DEFAULT 7"],
        ["ALTER TABLE t ADD COLUMN c int DEFAULT 7", "ALTER TABLE t ALTER COLUMN c DROP DEFAULT"],
        ["ALTER TABLE t RENAME COLUMN a TO b", "INSERT INTO t VALUES (3, 3)"],
    ],
    ids=["renamed and replaced", "dropped and made again", "a default", "a default for old rows only", "renamed"],
)
def test_columns_that_changed_while_leat_was_away(db, leat, check_equal, between):
    before = "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 10), (2, 20)"
    carried(db, leat, check_equal, before, between)


def test_held_changes_that_are_sent_a_third_time(db, leat, check_equal):
    """Killed with changes in the spool that the journal's position does not cover yet, and again before they have all
    come a second time."""
    db.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 20) i;"
        " CREATE VIEW slow AS SELECT i AS id, repeat('v', 9000) AS v,"
        " CASE WHEN i > 40 THEN pg_advisory_xact_lock_shared(1)::text END AS w FROM generate_series(1, 80) i"
    )
    args = ["--tables", "t,public.slow"]
    with db.connect() as other:
        other.execute("SELECT pg_advisory_lock(1)")  # the view is not read to its end before
        process = leat.follow(db, *args, crash_point="stream.between_cuts:8")
        process.wait_log("table read")
        while process.running():
            db.execute("UPDATE t SET v = v + 1")
        assert "all tables read" not in process.stderr()
    assert leat.sync(db, *args, crash_point="stream.between_cuts", check=False).returncode == -9
    leat.sync(db, *args)
    check_equal(db, leat.out, ["public.t"])


def test_a_spool_that_was_being_removed(db, leat, check_equal):
    """Killed while the spool that was done with was removed; then there is a new table to read."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20)")
    assert leat.sync(db, crash_point="drain.after_last_cut", check=False).returncode == -9
    (spool,) = leat.data.glob("pipelines/*/spool")
    segments = list(spool.rglob("*.seg"))
    assert segments
    for path in segments:
        path.unlink()
    db.execute("CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1); INSERT INTO t VALUES (21)")
    leat.sync(db)
    check_equal(db, leat.out)
