# SPDX-License-Identifier: Apache-2.0
"""leat verify: the sink against the source as of one moment, under traffic, and what it repairs."""

import decimal
import json
import signal
import threading

import pyarrow
import pytest
from pyiceberg.catalog.rest import RestCatalog
from wait import wait_until

FRESH = ["--set", "freshness=100ms"]


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    return leat


def verify(leat, *args, want=0, **kwargs):
    """The JSON that it prints; tables by name."""
    run = leat.run("verify", leat.pipeline, "--output", "json", *args, check=False, **kwargs)
    assert run.returncode == want, f"status {run.returncode}: {run.stdout[-3000:]} {run.stderr[-3000:]}"
    found = json.loads(run.stdout)
    return {t["table"]: t for t in found.get("tables", [])} | {"all": found}


def requests(leat):
    return sorted(p.name for p in (leat.data / "pipelines" / leat.pipeline / "requests").glob("hold*.json"))


def tables(db):
    db.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer text, amount numeric(12,2), at timestamptz);"
        "CREATE TABLE parts (tenant int, code text, note text, PRIMARY KEY (tenant, code));"
        "CREATE TABLE things (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), doc jsonb, tags text[]);"
        "CREATE TABLE days (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
        "CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
        "CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');"
        "CREATE TABLE log (line text, at timestamp);"
        "INSERT INTO orders SELECT i, 'c' || i % 10, i / 7.0, '2026-01-01Z'::timestamptz + i * interval '1 s'"
        "  FROM generate_series(1, 2000) i;"
        "INSERT INTO parts SELECT i % 3, 'p' || i, repeat('x', i % 50) FROM generate_series(1, 500) i;"
        "INSERT INTO things (doc, tags) SELECT jsonb_build_object('n', i), ARRAY['a', i::text]"
        "  FROM generate_series(1, 300) i;"
        "INSERT INTO days SELECT i, '2026-01-01'::date + i % 59, 'v' || i FROM generate_series(1, 400) i;"
        "INSERT INTO log SELECT 'line ' || i % 20, '2026-01-01'::timestamp + i / 2 * interval '1 s'"
        "  FROM generate_series(1, 200) i"
    )


ROWS = {"public.orders": 2000, "public.parts": 500, "public.things": 300, "public.days": 400, "public.log": 200}


def check_all_equal(found, rows=ROWS):
    assert {name: (t["result"], t["source_rows"]) for name, t in found.items() if name != "all"} == {
        name: ("equal", count) for name, count in rows.items()
    }


@pytest.mark.parametrize("version", [2, 3])
def test_an_idle_pipeline_is_equal(lake, db, version):
    tables(db)
    lake.sync(db, *FRESH, "--set", f"format.version={version}")
    check_all_equal(verify(lake))
    db.execute("UPDATE orders SET amount = 1 WHERE id % 5 = 0; DELETE FROM parts WHERE tenant = 1")
    db.execute("UPDATE days SET v = 'w' WHERE id < 50; INSERT INTO log VALUES ('more', now())")
    count = db.value("SELECT count(*) FROM parts")
    # Nobody runs the pipeline: it gets there by itself.
    check_all_equal(verify(lake), ROWS | {"public.parts": count, "public.log": 201})
    assert requests(lake) == []


def follow(lake, db, *args):
    process = lake.follow(db, *FRESH, *args)
    process.wait_streaming(db)
    lake.wait_read(process)
    return process


class Traffic:
    """Transactions over four tables until it is closed; each moves an amount between two orders."""

    def __init__(self, db):
        self.db = db
        self.stop = threading.Event()
        self.count = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with self.db.connect(autocommit=False) as connection:
            while not self.stop.is_set():
                i = self.count = self.count + 1
                connection.execute("UPDATE orders SET amount = amount - 1 WHERE id = %s", (i % 2000 + 1,))
                connection.execute("UPDATE orders SET amount = amount + 1 WHERE id = %s", (i * 7 % 2000 + 1,))
                connection.execute("INSERT INTO parts VALUES (7, %s, 'traffic')", (f"t{i}",))
                connection.execute("DELETE FROM parts WHERE tenant = 7 AND code = %s", (f"t{i - 3}",))
                connection.execute("UPDATE days SET v = %s WHERE id = %s", (str(i), i % 400 + 1))
                if i % 10 == 0:
                    connection.execute("INSERT INTO log VALUES ('traffic', now())")
                connection.commit()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@pytest.mark.parametrize("version", [2, 3])
def test_under_traffic_all_tables_are_compared_as_of_one_moment(lake, db, version):
    tables(db)
    process = follow(lake, db, "--set", f"format.version={version}")
    with Traffic(db) as traffic:
        wait_until(lambda: traffic.count > 50, "there is traffic")
        for _ in range(2):
            found = verify(lake)
            assert {t["result"] for t in found.values()} == {"equal"}, found
        seen = traffic.count
        wait_until(lambda: traffic.count > seen, "the traffic goes on")
    wait_until(lambda: requests(lake) == [], "the pipeline has let go")
    process.stop()
    check_all = verify(lake)
    assert {t["result"] for t in check_all.values()} == {"equal"}


def server_of(lake):
    """The pipeline's own catalog, for others."""
    process = lake.start("catalog", "serve", "--listen", "127.0.0.1:0", "--warehouse", str(lake.out))
    out = process.until(lambda: "\n" in process.stdout() and process.stdout(), "it listens")
    return process, RestCatalog("leat", uri=f"http://127.0.0.1:{json.loads(out.splitlines()[0])['port']}")


def damage(lake):
    """Someone deletes a row, adds one that the source has not, and writes another amount into a third."""
    wait_until(lambda: requests(lake) == [], "the pipeline has let go")  # nobody else writes
    process, catalog = server_of(lake)
    orders = catalog.load_table("public.orders")
    row = orders.scan(row_filter="id = 77").to_arrow()
    orders.delete("id = 5")
    orders.delete("id = 77")
    amount = pyarrow.array([decimal.Decimal("1234.50")], row.schema.field("amount").type)
    ids = pyarrow.array([900001], row.schema.field("id").type)
    orders.append(row.set_column(row.schema.get_field_index("amount"), row.schema.field("amount"), amount))
    orders.append(row.set_column(row.schema.get_field_index("id"), row.schema.field("id"), ids))
    process.kill()


@pytest.mark.parametrize("running", [True, False])
def test_damage_in_the_lake_is_named_and_repaired(lake, db, running):
    tables(db)
    lake.sync(db, *FRESH, "--set", "maintenance=off")  # nobody else writes while it is damaged
    process = follow(lake, db) if running else None
    db.execute("UPDATE orders SET amount = amount WHERE id = 1")  # the one that runs has the table open
    check_all_equal(verify(lake))
    damage(lake)
    found = verify(lake, want=1)
    orders = found["public.orders"]
    assert (orders["missing"], orders["extra"], orders["different"]) == (1, 1, 1), orders
    assert orders["different_columns"] == {"amount": 1}
    assert sorted((d["kind"], d["key"]["id"]) for d in orders["differences"]) == [
        ("different", 77), ("extra", 900001), ("missing", 5)]  # fmt: skip
    assert {t["result"] for name, t in found.items() if name not in ("all", "public.orders")} == {"equal"}
    rows = verify(lake, "--diff", "--tables", "orders", want=1)["public.orders"]["differences"]
    (wrong,) = [d for d in rows if d["kind"] == "different"]
    assert wrong["sink"]["amount"] == "1234.50" and wrong["source"]["amount"] == "11.00"
    text = lake.run("verify", lake.pipeline, check=False)
    assert text.returncode == 1 and 'public.orders missing {"id":5}' in text.stdout, text.stdout
    db.execute("UPDATE orders SET amount = amount + 1 WHERE id BETWEEN 10 AND 20")  # rows that the other one has moved
    repaired = verify(lake, "--repair")
    assert repaired["public.orders"]["result"] == "equal" and repaired["public.orders"]["repaired"]["missing"] == 1
    assert repaired["all"]["repair"]["put"] >= 2, repaired["all"]
    check_all_equal(verify(lake))
    if process:
        process.stop()
        check_all_equal(verify(lake))


def damage_much(lake, count):
    """Of three times `count` rows: a third is deleted, a third has another customer, and there are as many too much."""
    wait_until(lambda: requests(lake) == [], "the pipeline has let go")  # nobody else writes
    process, catalog = server_of(lake)
    orders = catalog.load_table("public.orders")
    rows = orders.scan(row_filter=f"id > {count} AND id <= {2 * count}").to_arrow()
    orders.delete(f"id <= {2 * count}")
    wrong = pyarrow.array(["damaged"] * count, rows.schema.field("customer").type)
    orders.append(rows.set_column(rows.schema.get_field_index("customer"), rows.schema.field("customer"), wrong))
    ids = pyarrow.array(range(900_000, 900_000 + count), rows.schema.field("id").type)
    orders.append(rows.set_column(rows.schema.get_field_index("id"), rows.schema.field("id"), ids))
    process.kill()


def test_any_number_of_differences_is_repaired(lake, db):
    tables(db)
    db.execute(
        "INSERT INTO orders SELECT i, 'many', i, now() FROM generate_series(2001, 30000) i;"
        "INSERT INTO parts SELECT 100, 'p' || i FROM generate_series(1, 3000) i"
    )
    lake.sync(db, *FRESH, "--set", "maintenance=off")  # nobody else writes while it is damaged
    process = follow(lake, db)
    db.execute("UPDATE orders SET amount = amount WHERE id = 1")
    check_all_equal(verify(lake), ROWS | {"public.orders": 30_000, "public.parts": 3500})
    damage_much(lake, 10_000)
    found = verify(lake, "--diff", want=1)["public.orders"]
    assert (found["missing"], found["extra"], found["different"]) == (10_000, 10_000, 10_000), found
    assert len(found["differences"]) == 1000 and found["different_columns"] == {"customer": 10_000}
    text = lake.run("verify", lake.pipeline, "--diff", "--tables", "orders", check=False).stdout
    assert "… and 29,000 more" in text, text[-500:]
    # One that is killed in the midst of it leaves nothing behind, and what it has corrected stays.
    run = lake.run("verify", lake.pipeline, "--repair", check=False, crash_point="verify.repaired")
    assert run.returncode == -signal.SIGKILL, run.stderr
    wait_until(lambda: requests(lake) == [], "the pipeline has let go")
    folder = lake.data / "pipelines" / lake.pipeline / "requests" / "corrections"
    assert not folder.exists()
    check_all_equal(verify(lake), ROWS | {"public.orders": 30_000, "public.parts": 3500})
    damage_much(lake, 10_000)
    with Traffic(db) as traffic:  # rows that the repair meets are rewritten by it
        wait_until(lambda: traffic.count > 50, "there is traffic")
        repaired = verify(lake, "--repair")
    assert repaired["public.orders"]["repaired"]["extra"] == 10_000, repaired["all"]
    assert repaired["all"]["repair"]["removed"] >= 10_000 and repaired["all"]["repair"]["put"] >= 18_000
    assert {t["result"] for t in verify(lake).values()} == {"equal"}
    assert not folder.exists()
    process.stop()


def rows_of(lake, name):
    process, catalog = server_of(lake)
    return process, catalog.load_table(name)


def test_rows_without_a_key_are_repaired_as_a_bag(lake, db):
    db.execute(
        "CREATE TABLE bag (line text, n numeric(10,2), at timestamp); ALTER TABLE bag REPLICA IDENTITY FULL;"
        "INSERT INTO bag SELECT 'line ' || i % 20, i % 2 + 0.5, '2026-01-01' FROM generate_series(1, 200) i;"
        "INSERT INTO bag SELECT NULL, NULL, NULL FROM generate_series(1, 5)"
    )
    lake.sync(db, *FRESH, "--set", "key=full-row", "--set", "maintenance=off")
    assert verify(lake)["public.bag"]["result"] == "equal"
    process, bag = rows_of(lake, "public.bag")
    rows = bag.scan(row_filter="line = 'line 3'").to_arrow()
    assert len(rows) == 10
    bag.delete("line = 'line 7'")
    bag.delete("line = 'line 3'")
    bag.append(rows.slice(0, 4))  # six too few of these
    bag.append(bag.scan(row_filter="line = 'line 5'").to_arrow())  # ten too many of those
    process.kill()
    found = verify(lake, want=1)["public.bag"]
    assert (found["missing"], found["extra"], found["equal_rows"]) == (16, 10, 189), found
    db.execute("DELETE FROM bag WHERE line = 'line 9'; INSERT INTO bag VALUES ('line 5', 1.5, '2026-01-01')")
    found = verify(lake, "--repair")
    assert found["public.bag"]["result"] == "equal" and found["all"]["repair"] == {
        "put": 16, "removed": 10, "passed_over": 0}, found  # fmt: skip
    db.execute("UPDATE bag SET n = 7 WHERE line = 'line 3'; DELETE FROM bag WHERE line = 'line 5'")
    assert verify(lake)["public.bag"]["source_rows"] == 196 - 11


def test_tables_of_changes_are_compared_by_the_newest_row_of_each_key(lake, db):
    tables(db)
    args = [*FRESH, "--set", "mode=append", "--set", "maintenance=off"]
    lake.sync(db, *args)
    found = verify(lake, want=2)
    assert "no key" in found.pop("public.log")["message"]
    check_all_equal(found, {name: count for name, count in ROWS.items() if name != "public.log"})
    db.execute("ALTER TABLE things ALTER doc SET STORAGE EXTERNAL, ADD big text")
    db.execute("UPDATE orders SET amount = 1 WHERE id % 5 = 0; DELETE FROM parts WHERE tenant = 1")
    db.execute("UPDATE orders SET id = id + 100000 WHERE id % 50 = 1; DELETE FROM orders WHERE id = 7")
    db.execute("UPDATE things SET big = repeat(md5(id::text), 300)")
    db.execute("UPDATE things SET tags = '{x}'; UPDATE things SET id = gen_random_uuid() WHERE doc @> '{\"n\": 5}'")
    db.execute("TRUNCATE days; INSERT INTO days SELECT i, '2026-01-05', 'new' FROM generate_series(1, 30) i")
    parts = db.value("SELECT count(*) FROM parts")
    found = verify(lake, want=2)
    del found["public.log"]
    want = {"public.orders": 1999, "public.parts": parts, "public.things": 300, "public.days": 30}
    check_all_equal(found, want)
    process, orders = rows_of(lake, "public.orders")
    orders.delete("id = 77")
    process.kill()
    found = verify(lake, "--repair", "--tables", "orders", want=1)["public.orders"]
    assert [(d["kind"], d["key"]) for d in found["differences"]] == [("missing", {"id": 77})]
    assert "leat resync" in found["irreparable"]


def test_a_comparison_that_is_killed_leaves_nothing_behind(lake, db):
    tables(db)
    process = follow(lake, db)
    for point in ("verify.held", "verify.committed"):
        run = lake.run("verify", lake.pipeline, check=False, crash_point=point)
        assert run.returncode == -signal.SIGKILL, run.stderr
        wait_until(lambda: requests(lake) == [], "the pipeline has let go")
    db.execute("UPDATE orders SET amount = 3 WHERE id = 3")
    check_all_equal(verify(lake))
    process.stop()


@pytest.mark.parametrize("point", ["hold.held", "hold.committed", "lake.committed_at"])
def test_a_pipeline_that_is_killed_meanwhile_is_run_by_the_comparison(lake, db, point):
    tables(db)
    lake.sync(db, *FRESH)
    process = lake.follow(db, *FRESH, crash_point=point)
    process.wait_streaming(db)
    db.execute("UPDATE orders SET amount = 4 WHERE id % 4 = 0")
    check_all_equal(verify(lake))
    assert process.wait() == -signal.SIGKILL


def test_an_open_transaction_in_the_way_is_named(lake, db):
    tables(db)
    lake.sync(db, *FRESH)
    lake.sync(db, *FRESH, "--set", "slot.create.timeout=3s")  # for what must wait in vain
    with db.connect(autocommit=False) as blocker:
        blocker.execute("UPDATE orders SET amount = 9 WHERE id = 9")
        pid = blocker.execute("SELECT pg_backend_pid()").fetchone()[0]
        found = verify(lake, want=2)
        assert f"pid {pid}" in found["all"]["message"] and found["all"]["error"] == "source_setup", found
        blocker.commit()
    lake.sync(db, *FRESH, "--set", "slot.create.timeout=5m")
    check_all_equal(verify(lake))


def test_tables_are_chosen_sampled_and_read_slowly(lake, db):
    tables(db)
    lake.sync(db, *FRESH)
    assert set(verify(lake, "--tables", "orders,pub*.parts")) == {"all", "public.orders", "public.parts"}
    found = verify(lake, "--tables", "orders", "--sample", "--max-rate", "10MB/s")
    assert found["public.orders"]["result"] == "equal"
    none = verify(lake, "--tables", "nonesuch", want=2)
    assert none["all"]["error"] == "not_found"
    assert lake.run("verify", "nonesuch", check=False).returncode == 2
    assert lake.run("verify", lake.pipeline, "--max-rate", "fast", check=False).returncode == 2


def test_values_that_the_lake_cannot_hold_are_equal_under_their_rule(lake, db):
    db.execute("CREATE TABLE odd (id int PRIMARY KEY, d date, n numeric(10,2)); CREATE TABLE even (id int PRIMARY KEY)")
    db.execute("INSERT INTO odd VALUES (1, 'infinity', 1), (2, '2026-01-01', 'NaN'), (3, NULL, 2)")
    lake.sync(db, *FRESH)
    found = verify(lake)
    assert found["public.odd"]["rule"] == "inexact.values=null" and found["public.odd"]["rule_values"] == 2
    assert found["public.odd"]["rule_columns"] == {"d": 1, "n": 1}
    assert "rule" not in found["public.even"]
    text = lake.run("verify", lake.pipeline)
    assert "equal under rule inexact.values=null (2 values of d, n)" in text.stdout


def test_schema_changes_in_between(lake, db):
    tables(db)
    lake.sync(db, *FRESH)
    db.execute("ALTER TABLE orders ADD note text DEFAULT 'none', DROP customer")
    db.execute("UPDATE orders SET note = 'x' WHERE id = 1")
    db.execute("ALTER TABLE parts RENAME note TO remark; TRUNCATE log")
    lake.sync(db, *FRESH)  # it reads tables again whose rows have changed
    found = verify(lake)
    assert {t["result"] for t in found.values()} == {"equal"}, found
