# SPDX-License-Identifier: Apache-2.0
"""Tables of a lake that cannot follow their source are set aside: the others go on, a resync brings them back."""

import pytest
from leat import json_lines
from test_iceberg import ARGS, check_table, lake, lists_table, rows  # noqa: F401

FAIL = [*ARGS, "--set", "type.change=fail"]


def test_a_type_that_cannot_change_sets_its_table_aside(lake, db):  # noqa: F811
    db.execute("CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 10), (2, 20)")
    db.execute("CREATE TABLE other (id int PRIMARY KEY, t text); INSERT INTO other VALUES (1, 'a')")
    lake.sync(db, *FAIL)
    db.execute("UPDATE items SET n = 11 WHERE id = 1")
    lake.sync(db, *FAIL)
    before = rows(lake, "items")
    db.execute("ALTER TABLE items ADD x text; UPDATE items SET n = 12 WHERE id = 1")
    db.execute("ALTER TABLE items ALTER n TYPE text USING 'x'")
    db.execute("INSERT INTO other VALUES (2, 'b')")
    for again in range(2):  # also the next run, whose events begin behind it
        said = lake.sync(db, *FAIL, check=False)
        assert said.returncode == 1, said.stderr
        assert "its changes are passed over" in said.stderr and "leat resync" in said.stderr, said.stderr
        assert "1 tables are set aside, all others are carried: public.items;" in said.stderr.split("error: ")[-1]
        check_table(lake, db, "other", ["id", "t"])
        assert [row["id"] for row in rows(lake, "items")] == [row["id"] for row in before]
        db.execute(f"INSERT INTO items VALUES ({again + 10}, 'y', 'z'); INSERT INTO other VALUES ({again + 10}, 'c')")
    # It is said as long as it is so, also by a run that sees no change of it.
    said = lake.sync(db, *FAIL, check=False)
    assert said.returncode == 1 and "leat resync" in said.stderr.split("hint: ")[-1], said.stderr
    (summary,) = [line for line in json_lines(said.stdout) if line["event"] == "summary"]
    assert [table["table"] for table in summary["set_aside"]] == ["public.items"], summary
    status = lake.run("status", lake.pipeline, "--offline").stdout
    assert [line for line in status.splitlines() if "public.items" in line and "set aside" in line], status
    lake.run("resync", lake.pipeline, "--tables", "public.items")
    lake.sync(db, *ARGS, "--set", "type.change=suffix")
    assert "set aside" not in lake.run("status", lake.pipeline, "--offline").stdout
    check_table(lake, db, "items", ["id", "x", "n AS n__v2"])
    check_table(lake, db, "other", ["id", "t"])


def said_of_aside(lake, db, args):  # noqa: F811
    """The run carries all others, says which it does not, and ends with 1."""
    run = lake.sync(db, *args, check=False)
    assert run.returncode == 1, run.stderr
    return run.stderr


TWO = "CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY, v int);"
TWO += "INSERT INTO t VALUES (1, 1), (2, 2); INSERT INTO u VALUES (1, 1)"
AGAIN = "INSERT INTO t VALUES ({0}, 0); UPDATE t SET v = v + 1 WHERE id = 1; INSERT INTO u VALUES ({0}, 0)"


@pytest.mark.parametrize("remedy", ["adopt", "rename"])
def test_a_name_that_another_table_has_sets_aside_its_table_only(lake, db, remedy):  # noqa: F811
    db.execute(TWO)
    lake.sync(db, *ARGS, "--name", "one", "--tables", "t")
    args = [*ARGS, "--name", "two"]
    for again in range(2):  # the first snapshot, and a run whose events begin behind it
        db.execute(AGAIN.format(again + 10))
        said = said_of_aside(lake, db, args)
        assert "is in the catalog already" in said and "--adopt public.t" in said and "rename=t=NAME" in said, said
        assert "leat resync two --tables public.t" in said, said
        check_table(lake, db, "u", ["id", "v"])
        assert [row["id"] for row in rows(lake, "t")] == [1, 2]
    lake.run("resync", "two", "--tables", "public.t")
    if remedy == "adopt":
        lake.sync(db, *args, "--adopt", "public.t")
        check_table(lake, db, "t", ["id", "v"])
    else:
        lake.sync(db, *args, "--rename", "public.t=public.u2")
        names = "SELECT id, v FROM t ORDER BY id"
        assert sorted((row["id"], row["v"]) for row in rows(lake, "u2")) == [tuple(row) for row in db.query(names)]
        assert [row["id"] for row in rows(lake, "t")] == [1, 2]
    check_table(lake, db, "u", ["id", "v"])


def test_followed_it_is_in_the_status(lake, db):  # noqa: F811
    db.execute(TWO)
    lake.sync(db, *ARGS, "--name", "one", "--tables", "t")
    process = lake.follow(db, *ARGS, "--name", "two")
    process.wait_log("a table is set aside")
    db.execute(AGAIN.format(10))
    told = lambda: "is in the catalog already" in lake.run("status", "two", "--offline").stdout  # noqa: E731
    process.until(told, "the status says so")
    process.until(lambda: lists_table(lake, "u") and len(rows(lake, "u")) == 2, "the other goes on")
    process.stop()


@pytest.mark.parametrize("follow", [False, True])
def test_where_no_other_table_is_it_stops_and_nothing_is_passed_over(lake, db, follow):  # noqa: F811
    db.execute(TWO)
    lake.sync(db, *ARGS, "--name", "one")
    args = [*ARGS, "--name", "two"]
    for again in range(2):
        if follow:
            process = lake.follow(db, *args)
            assert process.wait() == 2, process.stderr()
            said = process.stderr()
        else:
            result = lake.sync(db, *args, check=False)
            said = result.stderr
            assert result.returncode == 2, said
        assert "error: table public.t: " in said and "--adopt" in said, said
        db.execute(AGAIN.format(again + 10))
    lake.sync(db, *args, "--adopt", "*")  # from the first row on: nothing need be read again
    for table in ("t", "u"):
        check_table(lake, db, table, ["id", "v"])


INEXACT = "CREATE TABLE n (id int PRIMARY KEY, v numeric(6,2), d date); INSERT INTO n VALUES (1, 1.5, '2024-01-01');"
INEXACT += "CREATE TABLE u (id int PRIMARY KEY, v int); INSERT INTO u VALUES (1, 1)"


@pytest.mark.parametrize("value", ["'NaN', NULL", "NULL, 'infinity'"])
def test_a_value_that_its_column_cannot_hold(lake, db, value):  # noqa: F811
    """Stops, or sets its table aside; either way it is never another value, and text brings all of it."""
    db.execute(INEXACT)
    aside, stop = ([*ARGS, "--set", f"inexact.values={how}"] for how in ("aside", "fail"))
    lake.sync(db, *aside)
    db.execute(f"INSERT INTO n VALUES (2, 2.25, NULL); INSERT INTO n VALUES (3, {value}); INSERT INTO u VALUES (2, 2)")
    stopped = lake.sync(db, *stop, check=False)
    assert stopped.returncode == 1 and "public.n" in stopped.stderr and "cannot be held" in stopped.stderr
    assert "inexact.values" in stopped.stderr, stopped.stderr
    for again in range(2):
        said = said_of_aside(lake, db, aside)
        assert "its changes are passed over" in said and "leat resync" in said, said
        assert [row["id"] for row in rows(lake, "n")] == [1]
        check_table(lake, db, "u", ["id", "v"])
        db.execute(f"INSERT INTO n VALUES ({again + 10}, 1, NULL); INSERT INTO u VALUES ({again + 10}, 0)")
    db.execute("UPDATE n SET v = 3, d = NULL WHERE id = 3")  # mended at the source
    lake.run("resync", lake.pipeline, "--tables", "public.n")
    lake.sync(db, *aside)
    check_table(lake, db, "n", ["id", "v", "d"])
    db.execute(f"INSERT INTO n VALUES (4, {value})")
    assert "its changes are passed over" in said_of_aside(lake, db, aside)
    lake.run("resync", lake.pipeline, "--tables", "public.n")
    lake.sync(db, *ARGS, "--set", "inexact.values=text")
    (last,) = (row for row in rows(lake, "n") if row["id"] == 4)
    assert "NaN" in last.values() or "infinity" in last.values(), last
