# SPDX-License-Identifier: Apache-2.0
"""Partitioned tables: published by leaf, carried under their root."""

import pytest
from carry import ops, read

ROOT = "CREATE TABLE p (k int, id int, v text, PRIMARY KEY (k, id)) PARTITION BY RANGE (k)"
LEAF = "CREATE TABLE p{0} PARTITION OF p FOR VALUES FROM ({0}0) TO ({1}0)"


def root(carry, leaves=3):
    carry.do(ROOT, *[LEAF.format(n, n + 1) for n in range(leaves)])
    carry.do(f"INSERT INTO p SELECT i % {leaves * 10}, i, 'v' || i FROM generate_series(0, 299) i")


def test_leaves_map_to_the_root(carry):
    root(carry)
    carry.begin("--tables", "p")
    carry.do("UPDATE p SET v = 'x' WHERE id < 20", "DELETE FROM p WHERE id BETWEEN 20 AND 29")
    carry.do("INSERT INTO p1 VALUES (15, 1000, 'into the leaf')", "UPDATE p SET k = k + 10 WHERE id = 40")
    carry.do("BEGIN; UPDATE p SET k = 29 - k WHERE id BETWEEN 50 AND 90; UPDATE p SET v = k WHERE id = 60; COMMIT")
    carry.end(["p"])
    assert {path.name for path in (carry.leat.out / "public").iterdir()} == {"p"}


def test_partitions_of_partitions_and_odd_leaves(carry):
    """Leaves with another order of columns, with dropped columns, in another schema, two levels deep."""
    carry.do("CREATE TABLE p (id int, region text, n numeric, tags text[], at timestamptz DEFAULT now(),"
             " PRIMARY KEY (region, id)) PARTITION BY LIST (region)", "CREATE SCHEMA other")
    carry.do(
        "CREATE TABLE eu (gone int, tags text[], at timestamptz, region text NOT NULL, n numeric, id int NOT NULL)"
    )
    carry.do("ALTER TABLE eu DROP gone; ALTER TABLE p ATTACH PARTITION eu FOR VALUES IN ('eu')")
    carry.do("CREATE TABLE other.us PARTITION OF p FOR VALUES IN ('us') PARTITION BY RANGE (id)")
    carry.do("CREATE TABLE other.us0 PARTITION OF other.us FOR VALUES FROM (0) TO (100)")
    carry.do("CREATE TABLE other.us1 PARTITION OF other.us DEFAULT; CREATE TABLE \"The rest\" PARTITION OF p DEFAULT")
    rows = "INSERT INTO p SELECT i + {0}, (ARRAY['eu', 'us', 'jp'])[i % 3 + 1], i * 1.5, ARRAY['t' || i, NULL]"
    carry.do(rows.format(0) + " FROM generate_series(0, 199) i")
    carry.begin()
    carry.do(rows.format(1000) + " FROM generate_series(0, 29) i", "UPDATE p SET region = 'eu' WHERE id = 1001")
    carry.do("UPDATE p SET id = id + 500 WHERE id = 10", "UPDATE p SET region = 'xx' WHERE id % 7 = 0")
    carry.do("ALTER TABLE p ADD added int", "UPDATE p SET added = id WHERE id % 5 = 0")
    carry.do("DELETE FROM p WHERE id % 11 = 0")
    carry.end()


def test_truncate_of_leaves(carry):
    root(carry)
    carry.begin()
    carry.do("TRUNCATE p1", "INSERT INTO p VALUES (12, 7000, 'after')")
    carry.settle()
    carry.do("UPDATE p SET v = 'z' WHERE k = 5", "BEGIN; DELETE FROM p WHERE k = 3; TRUNCATE p0; COMMIT")
    carry.end()
    carry.do("TRUNCATE p", "INSERT INTO p VALUES (1, 1, 'only')")
    carry.leat.sync(carry.db, *carry.args)
    carry.check_equal(carry.db, carry.leat.out)
    assert ops(carry.events("p"))[-2:] == "tc"


def test_new_partitions_while_leat_runs(carry):
    root(carry, 1)
    carry.do("CREATE TABLE alone (v text, id int, k int, PRIMARY KEY (k, id))")
    carry.do("INSERT INTO alone SELECT 'a' || i, i, 40 FROM generate_series(1, 50) i")
    carry.begin("--tables", "p")
    carry.do(LEAF.format(2, 3), "INSERT INTO p SELECT 20 + i % 10, i, 'new' FROM generate_series(1, 50) i")
    carry.do("UPDATE p SET v = 'changed' WHERE id = 7")
    carry.do("ALTER TABLE p ATTACH PARTITION alone FOR VALUES FROM (40) TO (50)")
    carry.do("UPDATE p SET v = 'attached' WHERE id = 9 AND k = 40", "INSERT INTO p VALUES (41, 1, 'x'), (21, 999, 'y')")
    carry.settle()
    carry.do("UPDATE p SET k = 22 WHERE k = 41", "DELETE FROM p WHERE k = 25")
    carry.end(["p"])


@pytest.mark.parametrize("how", ["DETACH PARTITION p1", "DETACH PARTITION p1 CONCURRENTLY", "drop"])
def test_a_detached_partition_is_read_out_of_its_root(carry, how):
    root(carry)
    carry.begin("--tables", "p")
    carry.do("DROP TABLE p1" if how == "drop" else f"ALTER TABLE p {how}", "UPDATE p SET v = 'on' WHERE k = 3")
    if carry.live:  # found at the latest by the look at the catalog that every start takes
        carry.settle()
        carry.process.stop()
        carry.process = carry.leat.follow(carry.db, *carry.args)
        carry.process.until(lambda: carry.log().count("all tables read") == 2, "the root is read again")
    carry.do("UPDATE p SET v = 'and on' WHERE k = 4")
    carry.end(["p"])
    assert "t" in ops(carry.events("p"))


def test_a_detached_partition_keeps_its_rows(leat, db):
    db.execute(f"{ROOT}; {LEAF.format(0, 1)}; {LEAF.format(1, 2)}; INSERT INTO p VALUES (1, 1, 'a'), (11, 2, 'b')")
    leat.sync(db, "--tables", "p", "--set", "partition.detach=keep")
    db.execute(
        "ALTER TABLE p DETACH PARTITION p1; INSERT INTO p VALUES (2, 3, 'c'); INSERT INTO p1 VALUES (12, 9, 'no')"
    )
    leat.sync(db, "--tables", "p", "--set", "partition.detach=keep")
    events = [row for _, _, row in read(leat.out, "p")]
    assert sorted((row["__op"], row["id"]) for row in events) == [("c", 3), ("r", 1), ("r", 2)]


def test_a_detached_partition_stops_the_run(leat, db, check_equal):
    db.execute(f"{ROOT}; {LEAF.format(0, 1)}; {LEAF.format(1, 2)}; INSERT INTO p VALUES (1, 1, 'a'), (11, 2, 'b')")
    leat.sync(db, "--tables", "p", "--set", "partition.detach=stop")
    db.execute("ALTER TABLE p DETACH PARTITION p1; INSERT INTO p VALUES (2, 3, 'c')")
    stopped = leat.sync(db, "--tables", "p", "--set", "partition.detach=stop", check=False)
    assert stopped.returncode != 0 and "public.p" in stopped.stderr and "partition.detach" in stopped.stderr
    again = leat.sync(db, "--tables", "p", "--set", "partition.detach=stop", check=False)
    assert again.returncode != 0, "it still knows"
    leat.sync(db, "--tables", "p", "--set", "partition.detach=resync")
    check_equal(db, leat.out, ["p"])


def test_a_detached_partition_goes_on_as_a_table_of_its_own(leat, db, check_equal):
    """It still matches the patterns: the root must be read again all the same."""
    db.execute(f"{ROOT}; {LEAF.format(0, 1)}; {LEAF.format(1, 2)}; INSERT INTO p VALUES (1, 1, 'a'), (11, 2, 'b')")
    leat.sync(db)
    db.execute("ALTER TABLE p DETACH PARTITION p1; INSERT INTO p VALUES (2, 3, 'c')")
    stopped = leat.sync(db, "--set", "partition.detach=stop", check=False)
    assert stopped.returncode == 1 and "partition.detach" in stopped.stderr
    leat.sync(db, "--set", "partition.detach=resync")
    db.execute("UPDATE p1 SET v = 'own'; ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (10) TO (20)")
    leat.sync(db)
    check_equal(db, leat.out, ["p"])


def test_inheritance_children_are_tables_of_their_own(carry):
    carry.do(
        "CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (w text, PRIMARY KEY (id)) INHERITS"
        " (parent)"
    )
    carry.do("INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 'w')")
    carry.begin()
    carry.do("UPDATE parent SET v = v || '!'", "INSERT INTO child VALUES (3, 'd', 'x')", "TRUNCATE ONLY child")
    carry.do("INSERT INTO parent VALUES (4, 'q'); INSERT INTO child VALUES (5, 'e', 'y')")
    carry.end(equal=False)
    assert sorted({row["id"] for row in carry.events("parent")}) == [1, 4]
    carry.check_equal(carry.db, carry.leat.out, ["child"])
