# SPDX-License-Identifier: Apache-2.0
"""Replica identities, key changes, and values that TOAST keeps out of the change stream."""

import pytest
from carry import ops, read

LONG = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 200) WHERE {0} IS NOT NULL)"


def test_a_table_without_identity_keeps_its_user_free(carry):
    carry.do("CREATE TABLE t (v int); INSERT INTO t VALUES (1), (1), (2)")
    carry.begin()
    carry.do("INSERT INTO t VALUES (3)", "UPDATE t SET v = 10 WHERE v = 1", "DELETE FROM t WHERE v = 2")
    carry.do("INSERT INTO t VALUES (4)")
    carry.end(equal=False)
    assert sorted(row["v"] for row in carry.events("t")) == [1, 1, 2, 3, 4]
    carry.do("TRUNCATE t; INSERT INTO t VALUES (7), (7)")
    carry.leat.sync(carry.db)
    carry.check_equal(carry.db, carry.leat.out)


def test_identity_full_without_a_key_is_a_bag(carry):
    carry.do("CREATE TABLE t (a int, b text, c numeric)", "ALTER TABLE t REPLICA IDENTITY FULL")
    carry.do("INSERT INTO t VALUES (1, 'x', 1.0), (1, 'x', 1.0), (1, 'x', 1.00), (NULL, NULL, NULL), (2, '', 'NaN')")
    carry.begin()
    carry.do("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t WHERE c::text = '1.0')")
    carry.do("INSERT INTO t VALUES (1, 'x', 1.0), (NULL, NULL, NULL)")
    carry.do("UPDATE t SET b = 'y' WHERE ctid = (SELECT max(ctid) FROM t WHERE a = 1)")
    carry.do("UPDATE t SET b = b WHERE a = 2", "UPDATE t SET a = NULL WHERE a = 2", "DELETE FROM t WHERE c IS NULL")
    carry.end()


def test_identity_full_with_a_key(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY, a text, b text); ALTER TABLE t REPLICA IDENTITY FULL")
    carry.do("ALTER TABLE t ALTER b SET STORAGE EXTERNAL")
    carry.do("INSERT INTO t SELECT i, 'a' || i, repeat('b' || i, 2000) FROM generate_series(1, 5) i")
    carry.begin()
    carry.do("UPDATE t SET a = 'z' WHERE id = 1", "UPDATE t SET id = 12 WHERE id = 2", "DELETE FROM t WHERE id = 3")
    carry.do("UPDATE t SET id = 14, b = 'short' WHERE id = 4", "UPDATE t SET a = NULL WHERE id = 12")
    carry.end()
    # The old row is in the stream: nothing has to be told as unchanged.
    assert not any(row.get("__unchanged") for row in carry.events("t"))


def test_identity_by_another_index(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY, mail text NOT NULL, n int, big text)")
    carry.do("ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE UNIQUE INDEX by_mail ON t (mail)")
    carry.do("ALTER TABLE t REPLICA IDENTITY USING INDEX by_mail")
    carry.do("INSERT INTO t SELECT i, 'm' || i, i, repeat('x', 5000) FROM generate_series(1, 6) i")
    carry.begin()
    carry.do("UPDATE t SET id = id + 100 WHERE id = 1", "UPDATE t SET mail = 'new' WHERE id = 2")
    carry.do("UPDATE t SET mail = 'm3', n = 30 WHERE id = 3", "DELETE FROM t WHERE id = 4")
    carry.do("UPDATE t SET id = 205, mail = 'both' WHERE id = 5")
    carry.end()


def test_identity_nothing_on_a_table_with_a_key(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t REPLICA IDENTITY NOTHING")
    carry.do("INSERT INTO t VALUES (1, 'a')")
    carry.begin()
    carry.do("INSERT INTO t VALUES (2, 'b')", "UPDATE t SET v = 'c' WHERE id = 1", "DELETE FROM t WHERE id = 2")
    carry.end(equal=False)
    assert [(row["__op"], row["id"], row["v"]) for row in carry.events("t")] == [("r", 1, "a"), ("c", 2, "b")]


def test_an_identity_without_its_index(carry):
    """REPLICA IDENTITY USING INDEX of an index that was dropped is no identity: the user's UPDATE must go on."""
    carry.do("CREATE TABLE t (id int NOT NULL, v text); CREATE UNIQUE INDEX i ON t (id)")
    carry.do("ALTER TABLE t REPLICA IDENTITY USING INDEX i; DROP INDEX i; INSERT INTO t VALUES (1, 'a')")
    carry.begin()
    carry.do("UPDATE t SET v = 'b'", "INSERT INTO t VALUES (2, 'c')")
    carry.end(equal=False)
    assert [row["v"] for row in carry.events("t")] == ["a", "c"]


def test_a_deferrable_primary_key_is_no_identity(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text); INSERT INTO t VALUES (1, 'a')")
    carry.begin()
    carry.do("UPDATE t SET v = 'b'", "INSERT INTO t VALUES (2, 'c')")
    carry.end(equal=False)
    assert [row["v"] for row in carry.events("t")] == ["a", "c"]


def test_a_key_of_several_columns(carry):
    carry.do("CREATE TABLE t (a int, v text, b text, PRIMARY KEY (b, a) INCLUDE (v))")
    carry.do("INSERT INTO t SELECT i % 3, 'v' || i, 'b' || i FROM generate_series(1, 9) i")
    carry.begin()
    carry.do("UPDATE t SET a = a + 10 WHERE b = 'b1'", "UPDATE t SET b = 'new', a = 7 WHERE b = 'b2'")
    carry.do("UPDATE t SET v = NULL WHERE b = 'b3'", "DELETE FROM t WHERE b = 'b4'")
    carry.end()


def test_key_changes_that_cross(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY, v text)")
    carry.do("INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 5) i")
    carry.begin()
    carry.do(
        "BEGIN; UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2;"
        " UPDATE t SET id = 2 WHERE id = -1; COMMIT"
    )
    carry.do("UPDATE t SET id = id - 10", "UPDATE t SET id = id + 1 WHERE id = -5", "DELETE FROM t WHERE id = -4")
    carry.do(
        "BEGIN; DELETE FROM t WHERE id = -8; INSERT INTO t VALUES (-8, 'again'); UPDATE t SET id = 3 WHERE id = -8;"
        " COMMIT"
    )
    carry.end()
    moved = [row for row in carry.events("t") if row.get("__key_before") is not None]
    assert moved and all(set(row["__key_before"]) == {"id"} for row in moved)


@pytest.mark.parametrize(
    "kind, value, other",
    [
        ("text", LONG, "'short'"),
        ("jsonb", f"jsonb_build_object('k', {LONG})", "'[]'"),
        ("bytea", f"convert_to({LONG}, 'UTF8')", r"'\x00'"),
        ("text[]", f"ARRAY[{LONG}, NULL, 'x']", "'{}'"),
        ("numeric", f"(repeat('7', 30000) || '.5')::numeric + length({LONG})", "0"),
    ],
    ids=["text", "jsonb", "bytea", "array", "numeric"],
)
def test_unchanged_toast(carry, kind, value, other):
    """The value does not travel; the row before it has it, also when the key changes."""
    carry.do(f"CREATE TABLE t (id int PRIMARY KEY, big {kind}, n int, second {kind})")
    carry.do("ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER second SET STORAGE EXTERNAL")
    carry.do(f"INSERT INTO t SELECT i, {value.format('i')}, i, {value.format('i')} FROM generate_series(1, 4) i")
    carry.begin()
    carry.do("UPDATE t SET n = 10 WHERE id = 1", "UPDATE t SET id = 20 WHERE id = 2")
    carry.do("UPDATE t SET id = 21, n = 5 WHERE id = 20", f"UPDATE t SET second = {other}, n = 0 WHERE id = 21")
    carry.do(f"UPDATE t SET big = {other} WHERE id = 3", "UPDATE t SET big = NULL, id = 40 WHERE id = 4")
    carry.do(f"BEGIN; INSERT INTO t VALUES (5, {value.format('5')}, 1, NULL); UPDATE t SET n = 2 WHERE id = 5; COMMIT")
    carry.end()
    unchanged = [tuple(row["__unchanged"]) for row in carry.events("t") if row.get("__unchanged")]
    assert ("big", "second") in unchanged and ("big",) in unchanged and ("second",) in unchanged


def test_a_table_that_gets_a_key_while_leat_runs(carry):
    """From then on its updates are carried; those made before were not seen, so it is read again."""
    carry.do("CREATE TABLE t (id int NOT NULL, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    carry.begin()
    carry.do("UPDATE t SET v = 'lost' WHERE id = 1", "ALTER TABLE t ADD PRIMARY KEY (id)")
    carry.do("INSERT INTO t VALUES (3, 'c')")
    carry.settle()
    carry.do("UPDATE t SET v = 'seen' WHERE id = 2", "DELETE FROM t WHERE id = 3")
    carry.end()
    carry.do("UPDATE t SET v = 'later'")
    carry.leat.sync(carry.db)
    carry.check_equal(carry.db, carry.leat.out)


def test_truncate(carry):
    carry.do("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a, n serial PRIMARY KEY)")
    carry.do("CREATE TABLE c (v text); CREATE TABLE d (id int PRIMARY KEY)")
    fill = "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1), (2);"
    fill += " INSERT INTO c VALUES ('x'), ('x'); INSERT INTO d VALUES (1)"
    carry.do(fill)
    carry.begin()
    carry.do("TRUNCATE a CASCADE", "INSERT INTO a VALUES (1)", "TRUNCATE c, d RESTART IDENTITY")
    carry.end()
    assert ops(carry.events("b")) == "rrt" and ops(carry.events("c")) == "rrt"
    carry.do("TRUNCATE a CASCADE; TRUNCATE c, d", fill)
    carry.do("BEGIN; TRUNCATE a, b; INSERT INTO a VALUES (9); TRUNCATE d; ROLLBACK")
    carry.do("BEGIN; INSERT INTO c VALUES ('gone'); TRUNCATE c; INSERT INTO c VALUES ('there'); COMMIT")
    carry.leat.sync(carry.db)
    carry.check_equal(carry.db, carry.leat.out)
    assert not [row for row in read(carry.leat.out, "a") if row[2]["id"] == 9]


def test_a_table_that_loses_its_key_while_leat_runs(carry):
    """Its user's UPDATE fails only until leat has moved it to the publication of inserts."""
    carry.do("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    carry.begin("--tables", "t", "--set", "catalog.interval=200ms")
    carry.do("ALTER TABLE t DROP CONSTRAINT t_pkey")
    # Into the one it comes before it goes from the other.
    moved = "SELECT bool_and(pubname LIKE '%_inserts') FROM pg_publication_tables WHERE tablename = 't'"
    if carry.live:
        carry.process.until(lambda: carry.db.value(moved), "it is moved")
    else:
        carry.leat.sync(carry.db, *carry.args)
    carry.do("UPDATE t SET v = 'free' WHERE id = 1", "INSERT INTO t VALUES (3, 'c')")
    carry.end(equal=False)
    assert [row["id"] for row in carry.events("t")] == [1, 2, 3]
