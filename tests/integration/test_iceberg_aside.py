# SPDX-License-Identifier: Apache-2.0
"""Tables of a lake that cannot follow their source are set aside: the others go on, a resync brings them back."""

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
        said = lake.sync(db, *FAIL)
        assert "its changes are passed over" in said.stderr and "leat resync" in said.stderr, said.stderr
        check_table(lake, db, "other", ["id", "t"])
        assert [row["id"] for row in rows(lake, "items")] == [row["id"] for row in before]
        db.execute(f"INSERT INTO items VALUES ({again + 10}, 'y', 'z'); INSERT INTO other VALUES ({again + 10}, 'c')")
    lake.run("resync", lake.pipeline, "--tables", "public.items")
    lake.sync(db, *ARGS, "--set", "type.change=suffix")
    check_table(lake, db, "items", ["id", "x", "n AS n__v2"])
    check_table(lake, db, "other", ["id", "t"])
