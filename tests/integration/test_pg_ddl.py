# SPDX-License-Identifier: Apache-2.0
"""Tables that change their shape, their name, or go, between and inside transactions."""

import pytest
from carry import ops, read


def shop(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY, a text, b int, c numeric)")
    carry.do("INSERT INTO t SELECT i, 'a' || i, i, i / 3.0 FROM generate_series(1, 20) i")


def test_columns_come_and_go_between_transactions(carry):
    shop(carry)
    carry.begin()
    carry.do("ALTER TABLE t ADD d jsonb", "UPDATE t SET d = '{\"x\": [1, 2]}' WHERE id < 5", "ALTER TABLE t DROP b")
    carry.do("INSERT INTO t VALUES (21, 'n', 1, '[]')", "ALTER TABLE t RENAME a TO \"A b\"")
    carry.do("UPDATE t SET \"A b\" = 'r' WHERE id = 6")
    carry.do("ALTER TABLE t ADD e int[]", "DELETE FROM t WHERE id = 7")
    carry.do("INSERT INTO t VALUES (22, 'm', 2, NULL, '{1,NULL}')")
    carry.do("UPDATE t SET id = 30 WHERE id = 8", "ALTER TABLE t ADD b text, DROP c")
    carry.do("UPDATE t SET b = 'again' WHERE id < 4")
    carry.end()


def test_a_resync_by_hand(carry):
    shop(carry)
    carry.begin()
    carry.do("UPDATE t SET a = 'x' WHERE id = 1")
    carry.settle()
    if carry.live:
        carry.leat.run("resync", carry.leat.pipeline, "--tables", "t")
        carry.process.until(lambda: carry.log().count("all tables read") == 2, "the table is read again")
        carry.do("UPDATE t SET a = 'y' WHERE id = 2")
        carry.settle()
        carry.process.stop()
    carry.live = False
    carry.leat.run("resync", carry.leat.pipeline, "--tables", "t")
    carry.end()
    assert ops(carry.events("t")).endswith("t" + "r" * 20)
    assert "t" not in ops(carry.events("mark", "carry"))


def test_added_and_dropped_columns_replay_without_a_resync(carry):
    shop(carry)
    carry.begin()
    carry.do("ALTER TABLE t ADD d jsonb", "UPDATE t SET d = '{\"x\": [1, 2]}' WHERE id < 5", "ALTER TABLE t DROP b")
    carry.do("INSERT INTO t VALUES (21, 'n', 1, '[]')", "DELETE FROM t WHERE id = 7")
    carry.do("UPDATE t SET id = 30 WHERE id = 8")
    carry.end()
    assert "t" not in ops(carry.events("t"))


def test_ddl_inside_a_transaction(carry):
    shop(carry)
    carry.begin()
    carry.do(
        "BEGIN; UPDATE t SET a = 'one' WHERE id = 1; ALTER TABLE t ADD d text; UPDATE t SET d = 'two' WHERE id = 2;"
        " ALTER TABLE t DROP c; INSERT INTO t VALUES (40, 'three', 3, 'd'); SAVEPOINT s; ALTER TABLE t ADD e int;"
        " UPDATE t SET e = 5 WHERE id = 5; ROLLBACK TO s; UPDATE t SET d = 'six' WHERE id = 6; COMMIT"
    )
    carry.do("BEGIN; ALTER TABLE t ADD gone int; INSERT INTO t VALUES (50, 'x', 1, 'y', 2); ROLLBACK")
    carry.do("DELETE FROM t WHERE id = 3")
    carry.end()
    assert not any("gone" in row or "e" in row for row in carry.events("t"))


def test_a_default_fills_rows_that_did_not_travel(carry):
    shop(carry)
    carry.begin()
    carry.do("ALTER TABLE t ADD d text DEFAULT 'given'", "INSERT INTO t (id) VALUES (21)")
    carry.settle()
    carry.do("UPDATE t SET d = NULL WHERE id = 3")
    carry.end()


CHANGES = ["b TYPE bigint", "b TYPE text USING 'b' || b", "c TYPE float8", "a TYPE varchar(30)", "c TYPE numeric(9, 1)"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_type(carry, change):
    shop(carry)
    carry.begin()
    carry.do("UPDATE t SET a = 'before' WHERE id = 1", f"ALTER TABLE t ALTER {change}")
    carry.do("UPDATE t SET a = 'after' WHERE id = 2")
    carry.do("INSERT INTO t (id) VALUES (77)")
    carry.end()


def test_a_renamed_table_starts_anew_under_its_name(carry):
    shop(carry)
    carry.begin()
    carry.do("UPDATE t SET a = 'old name' WHERE id = 1", "ALTER TABLE t RENAME TO t2")
    carry.do("UPDATE t2 SET a = 'new name' WHERE id = 2")
    carry.settle()
    carry.do("INSERT INTO t2 (id) VALUES (99)")
    carry.end()


def test_a_table_that_moves_to_another_schema(carry):
    shop(carry)
    carry.do("CREATE SCHEMA s")
    carry.begin()
    carry.do("ALTER TABLE t SET SCHEMA s", "UPDATE s.t SET a = 'moved' WHERE id = 2")
    carry.settle()
    carry.do("DELETE FROM s.t WHERE id = 3")
    carry.end()


def test_a_table_swap(carry):
    """The old one is renamed away, a new one takes its place: the files under the name start anew."""
    shop(carry)
    carry.begin()
    carry.do("CREATE TABLE fresh (LIKE t INCLUDING ALL); INSERT INTO fresh SELECT id + 10, 'copied', b, c FROM t")
    carry.do("UPDATE t SET a = 'last' WHERE id = 1")
    carry.do("BEGIN; ALTER TABLE t RENAME TO t_old; ALTER TABLE fresh RENAME TO t; COMMIT")
    carry.do("UPDATE t SET a = 'swapped' WHERE id = 12", "DELETE FROM t WHERE id = 13")
    carry.do("INSERT INTO t VALUES (500, 'n', 1, 2)")
    carry.settle()
    carry.do("UPDATE t SET a = 'more' WHERE id = 14", "DROP TABLE t_old")
    carry.end(["t"])


def test_a_dropped_table_and_its_successor(carry):
    shop(carry)
    carry.begin()
    carry.do("UPDATE t SET a = 'doomed' WHERE id = 1", "DROP TABLE t")
    carry.settle()
    carry.do("CREATE TABLE t (id text PRIMARY KEY, z int)", "INSERT INTO t VALUES ('x', 1), ('y', 2)")
    carry.settle()
    carry.do("UPDATE t SET z = 3 WHERE id = 'x'")
    carry.end()


def test_new_tables_that_match_while_leat_runs(leat, db, check_equal):
    db.execute("CREATE TABLE a1 (id int PRIMARY KEY); INSERT INTO a1 VALUES (1)")
    process = leat.follow(db, "--tables", "a*,b.*", "--exclude", "*_tmp", "--set", "catalog.interval=1s")
    process.wait_streaming(db)
    process.wait_durable(db)
    db.execute("CREATE TABLE a2 (id int PRIMARY KEY, v text); INSERT INTO a2 VALUES (1, 'x'), (2, 'y')")
    db.execute("CREATE SCHEMA b; CREATE TABLE b.any (v int); INSERT INTO b.any VALUES (1), (1)")
    db.execute("CREATE TABLE a_tmp (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c VALUES (1)")
    process.until(lambda: (leat.out / "b").exists() or "public.a2" in process.stderr(), "the new tables are found")
    db.execute("UPDATE a2 SET v = 'z' WHERE id = 1; INSERT INTO b.any VALUES (2)")
    process.wait_durable(db)
    process.stop()
    leat.sync(db, "--tables", "a*,b.*", "--exclude", "*_tmp")
    check_equal(db, leat.out, ["a1", "a2", "b.any"])
    assert {path.name for path in (leat.out / "public").iterdir()} == {"a1", "a2"}


def test_generated_and_dropped_columns(carry):
    carry.do("CREATE TABLE t (x int, id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED, y text)")
    carry.do("ALTER TABLE t DROP x; INSERT INTO t (id, n, y) SELECT i, i, 'y' || i FROM generate_series(1, 10) i")
    carry.do(
        "CREATE TABLE only_key (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, gone int); ALTER TABLE"
        " only_key DROP gone"
    )
    carry.do("CREATE TABLE no_columns (); INSERT INTO no_columns DEFAULT VALUES; INSERT INTO only_key DEFAULT VALUES")
    carry.begin()
    carry.do("UPDATE t SET n = 100 WHERE id = 1", "ALTER TABLE t ADD z int", "UPDATE t SET z = 1 WHERE id = 2")
    carry.do("INSERT INTO only_key DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES", "ALTER TABLE t DROP y")
    carry.do("INSERT INTO t (id, n) VALUES (11, 1)")
    carry.end(["only_key"])
    assert len(carry.events("no_columns")) == 2
    assert not any("twice" in row for row in carry.events("t"))
    last = {row["id"]: row["n"] for row in carry.events("t")}
    assert last == dict(carry.db.query("SELECT id, n FROM t"))


def test_types_that_are_made_while_leat_runs(carry):
    shop(carry)
    carry.begin()
    carry.do("CREATE TYPE mood AS ENUM ('fine', 'so so')", "CREATE DOMAIN cents AS numeric(10, 2)")
    carry.do("CREATE TYPE pair AS (l int, r text)")
    carry.do("CREATE TABLE k (id int PRIMARY KEY, m mood, ms mood[], c cents, p pair)")
    carry.do("INSERT INTO k VALUES (1, 'fine', '{fine,so so}', 1.5, ROW(1, 'x'))", "ALTER TYPE mood ADD VALUE 'great'")
    carry.settle()
    carry.do("INSERT INTO k VALUES (2, 'great', '{great}', 2, NULL)", "ALTER TYPE mood RENAME VALUE 'fine' TO 'good'")
    carry.do("INSERT INTO k VALUES (3, 'good', NULL, NULL, ROW(NULL, NULL))", "ALTER TABLE t ADD m mood")
    carry.do("UPDATE t SET m = 'good'")
    carry.end(["t"])
    assert [row["m"] for row in carry.events("k") if row["id"] == 3] == ["good"]


def test_views_are_read_unlogged_and_temporary_tables_are_not_streamed(carry):
    shop(carry)
    carry.do("CREATE VIEW v AS SELECT id, a FROM t; CREATE MATERIALIZED VIEW mv AS SELECT sum(b) AS s FROM t")
    carry.do("CREATE UNLOGGED TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)")
    carry.begin("--tables", "t,v,mv,u")
    carry.do("INSERT INTO u VALUES (2)", "UPDATE t SET a = 'x'", "REFRESH MATERIALIZED VIEW mv")
    carry.end(["t"])
    assert ops(carry.events("v")) == "r" * 20 and [row["s"] for row in carry.events("mv")] == [210]
    assert [row["id"] for row in carry.events("u")] == [1]


def test_odd_names(carry):
    names = ["a.b", "Capital", "ünïcödé ☃", "x" * 63, "ä" * 31, "select", 'quote"d', "per%cent", "sp ace", "1"]
    names += ["sl/ash\\", "ta\tb", ".", "\u202e"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    for name in quoted:
        carry.do(f"CREATE TABLE {name} (id int PRIMARY KEY, {name} text)")
        carry.do(f"INSERT INTO {name} VALUES (1, 'one')")
    carry.do('CREATE SCHEMA "Sch.ema"; CREATE TABLE "Sch.ema"."user" ("order" int PRIMARY KEY, "a,b" int, "__op" text)')
    carry.do("""INSERT INTO "Sch.ema"."user" VALUES (1, 2, 'mine')""")
    carry.begin()
    for name in quoted:
        carry.do(f"INSERT INTO {name} VALUES (2, 'two'); UPDATE {name} SET {name} = 'x' WHERE id = 1")
    carry.do('INSERT INTO "Sch.ema"."user" VALUES (2, 3)')
    carry.end([f"public.{name}" for name in names])
    assert len(read(carry.leat.out, "user", "Sch.ema")) == 2


def test_odd_names_can_be_asked_for(leat, db, check_equal):
    db.execute('CREATE SCHEMA "S.x"; CREATE TABLE "S.x"."T,*" (id int PRIMARY KEY)')
    db.execute('CREATE TABLE "S.x"."T,other" (id int PRIMARY KEY)')
    db.execute('INSERT INTO "S.x"."T,*" VALUES (1); INSERT INTO "S.x"."T,other" VALUES (1)')
    leat.sync(db, "--tables", '"S.x"."T,*"')
    assert [path.name for path in (leat.out / "S.x").iterdir()] == ["T,%2A"]
