# SPDX-License-Identifier: Apache-2.0
"""Tables of a lake that cannot follow their source are set aside: the others go on, a resync brings them back."""

from leat import json_lines
from test_iceberg import ARGS, check_table, lake, rows  # noqa: F401

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
