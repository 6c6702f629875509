# SPDX-License-Identifier: Apache-2.0
"""Verifications in leat server, by the clock and on request: REST, metrics, alerts; what a kill or stop leaves."""

import contextlib
import json
import threading
import time

import pytest
from pyiceberg.catalog.rest import RestCatalog
from server import Server
from test_monitoring import Receiver, of, scrape
from test_verify import FRESH, ROWS, Traffic, damage, tables, verify
from test_verify_files import published
from wait import wait_until

LONG = 180  # seconds: nothing waits longer


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    return leat


@pytest.fixture
def receiver():
    with Receiver() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def new_server(work, db):
    """new_server(options): a Server in the data directory that `leat` uses."""
    servers = []

    def make(options=None):
        directory = work / "server"
        directory.mkdir(exist_ok=True)
        server = Server(directory, options)
        server.data = work / "data"
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        print(server.log_tail(60))  # shown with a failure
        server.close()


def ask(server, name, tables=None, status=202):
    """Begins a verification; its id."""
    answer = server.connect("POST", f"/connectors/{name}/verify", {"tables": tables} if tables else None)
    assert answer.status == status, answer
    return answer.json().get("id")


def look(server, name):
    answer = server.connect("GET", f"/connectors/{name}/verify")
    assert answer.status in (200, 202, 404), answer
    return answer.json() if answer.status != 404 else {"running": None, "last": None, "tables": []}


def result(server, name, id):
    """Of the verification with that id, once it has ended."""

    def ended():
        known = look(server, name)
        return known if known["last"] and known["last"]["id"] == id else None

    return server.until(ended, lambda: f"{id} has ended ({look(server, name)})", LONG)


def now(server, name, **kwargs):
    return result(server, name, ask(server, name, **kwargs))


def of_tables(known):
    return {table["table"]: table["result"] for table in known["tables"]}


def wait_step(server, name, step):
    """Until the one that runs has got there."""

    def there():
        running = look(server, name)["running"]
        return running and running.get("step") == step

    server.until(there, lambda: f"it is at {step} ({look(server, name)})", LONG)


def nothing_left(lake, db, catalog):
    """No temporary slot, no tag, no question of a comparison."""

    def left():
        slots = db.value("SELECT count(*) FROM pg_replication_slots WHERE temporary AND database = current_database()")
        found = (lake.data / "pipelines" / lake.pipeline / "requests").glob("hold*.json")
        tags = [ref for name in ROWS for ref in catalog.load_table(name).metadata.refs if ref != "main"]
        return slots, [path.name for path in found], tags

    wait_until(lambda: left() == (0, [], []), lambda: f"nothing is left behind ({left()})", LONG)


def catalog_of(server):
    return RestCatalog("leat", uri=server.catalog_url)


def test_by_the_clock_under_traffic(lake, db, new_server):
    tables(db)
    lake.sync(db, *FRESH, "--set", "verify.interval=1s")
    name = lake.pipeline
    server = new_server()
    with Traffic(db):
        server.until(lambda: look(server, name)["last"], "it is verified", LONG)
        first = look(server, name)["last"]
        server.until(lambda: look(server, name)["last"]["id"] != first["id"], "it is verified again", LONG)
        known = look(server, name)
    assert first["asked"] == "schedule" and first["result"] == "equal" and "/" in first["lsn"], first
    assert of_tables(known) == dict.fromkeys(ROWS, "equal"), known
    orders = next(table for table in known["tables"] if table["table"] == "public.orders")
    assert orders["source_rows"] == orders["sink_rows"] == 2000 and orders["taken_ms"] > 0, orders
    equal = lambda: of(scrape(server), "leat_connector_verify_result", name, result="equal") == 1  # noqa: E731
    server.until(equal, "the metrics say so", LONG)
    metrics = scrape(server)
    assert of(metrics, "leat_table_verify_equal", name, table="public.orders") == 1
    assert of(metrics, "leat_table_verify_rows", name, table="public.orders") == 2000
    assert of(metrics, "leat_table_verify_differing_rows", name, table="public.orders") == 0
    assert abs(of(metrics, "leat_table_verify_timestamp_seconds", name, table="public.orders") - time.time()) < 300
    server.stop()
    lake.sync(db, *FRESH, "--set", "verify.interval=1h")  # so that the next one does not begin again and again
    nothing_left(lake, db, catalog_of(new_server()))


def test_files_by_the_clock(leat, db, new_server):
    tables(db)
    leat.format = "json"
    often = ["--set", "file.rotate.interval=100ms", "--set", "verify.interval=1s"]
    leat.sync(db, "--exclude", "public.log", *often)  # it has no key
    name = leat.pipeline
    server = new_server()
    with Traffic(db):
        server.until(lambda: look(server, name)["last"], "it is verified", LONG)
    known = look(server, name)
    assert (known["last"]["asked"], known["last"]["result"]) == ("schedule", "equal"), known
    assert of_tables(known) == dict.fromkeys(ROWS.keys() - {"public.log"}, "equal"), known
    file = published(leat, "things")[0]
    less = leat.directory / "less"
    less.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    less.rename(file)  # at once: it is read all the time
    server.until(lambda: look(server, name)["last"]["result"] == "differs", lambda: look(server, name), LONG)
    things = next(table for table in look(server, name)["tables"] if table["table"] == "public.things")
    assert (things["result"], things["missing"]) == ("differs", 1), things


def test_a_restart_is_no_reason_to_verify_again(lake, db, new_server):
    tables(db)
    lake.sync(db, *FRESH, "--set", "verify.interval=1h")
    name = lake.pipeline
    server = new_server()
    server.until(lambda: look(server, name)["last"], "it is verified", LONG)
    first = look(server, name)["last"]["id"]
    server.restart()
    db.execute("INSERT INTO orders VALUES (5000, 'later', 1, now())")
    orders = catalog_of(server)
    server.until(lambda: orders.load_table("public.orders").scan(row_filter="id = 5000").to_arrow().num_rows == 1,
                 "a change is in the table", LONG)  # fmt: skip
    assert look(server, name)["last"]["id"] == first
    assert server.connect("PUT", f"/connectors/{name}/stop").status == 204
    server.wait_state(name, None)
    assert look(server, name)["last"]["id"] == first  # also while nobody runs it
    assert server.connect("POST", f"/connectors/{name}/verify").status == 409
    assert "verified  " in lake.run("status", name, "--offline").stdout
    assert json.loads(lake.run("status", name, "--offline", "--output", "json").stdout)["verify"]["last"]["id"] == first


def test_damage_is_told_by_rest_metrics_and_webhook(lake, db, new_server, receiver):
    tables(db)
    lake.sync(db, *FRESH, "--set", "maintenance=off")  # nobody else writes while it is damaged
    name = lake.pipeline
    server = new_server({"webhook.url": receiver.url})
    server.wait_state(name)
    assert server.connect("GET", f"/connectors/{name}/verify").status == 404
    assert server.connect("GET", "/connectors/nonesuch/verify").status == 404
    assert server.connect("POST", f"/connectors/{name}/verify", {"tables": 5}).status == 400
    assert of_tables(now(server, name)) == dict.fromkeys(ROWS, "equal")
    damage(lake)
    known = now(server, name, tables="orders,parts")
    assert known["last"]["result"] == "differs" and known["last"]["tables"] == "orders,parts", known
    assert of_tables(known) == dict.fromkeys(ROWS, "equal") | {"public.orders": "differs"}
    orders = next(table for table in known["tables"] if table["table"] == "public.orders")
    assert (orders["missing"], orders["extra"], orders["different"]) == (1, 1, 1), orders
    assert "1234" not in json.dumps(known) and "900001" not in json.dumps(known)  # no values
    server.until(lambda: of(scrape(server), "leat_table_verify_equal", name, table="public.orders") == 0, "0", LONG)
    assert of(scrape(server), "leat_table_verify_differing_rows", name, table="public.orders") == 3

    def told():
        return [(event["event"], event["state"]) for event in receiver.events if event["event"].startswith("verify")]

    server.until(lambda: told() == [("verify_differs", "raised")], lambda: f"it is told ({told()})", LONG)
    (event,) = (event for event in receiver.events if event["event"] == "verify_differs")
    assert "public.orders" in event["message"] and event["value"] == 1
    text = lake.run("connector", "verify", name, "--url", server.connect_url, check=False)
    assert text.returncode == 1 and "1 missing, 1 extra, 1 different" in text.stdout, text
    verify(lake, "--repair")
    done = lake.run("connector", "verify", name, "--url", server.connect_url, "--output", "json")
    assert of_tables(json.loads(done.stdout)) == dict.fromkeys(ROWS, "equal")
    server.until(lambda: told()[-1] == ("verify_differs", "resolved"), lambda: f"it is told ({told()})", LONG)
    assert len(told()) == 2, told()
    last = lake.run("connector", "verify", name, "--url", server.connect_url, "--last")
    assert "equal" in last.stdout


def test_what_cannot_be_compared_is_told(lake, db, new_server, receiver):
    tables(db)
    lake.sync(db, *FRESH, "--set", "slot.create.timeout=12s")  # longer than a lock is waited for elsewhere
    name = lake.pipeline
    server = new_server({"webhook.url": receiver.url})
    server.wait_state(name)
    now(server, name)

    def told():
        return [(event["event"], event["state"]) for event in receiver.events if event["event"].startswith("verify")]

    with db.connect(autocommit=False) as blocker:
        blocker.execute("UPDATE orders SET amount = 9 WHERE id = 9")
        pid = blocker.execute("SELECT pg_backend_pid()").fetchone()[0]
        last = now(server, name)["last"]
        assert (last["result"], last["error"]) == ("not_compared", "source_setup"), last
        assert f"pid {pid}" in last["message"]
        server.until(lambda: told() == [("verify_not_compared", "raised")], lambda: f"it is told ({told()})", LONG)
        assert of_tables(look(server, name)) == dict.fromkeys(ROWS, "equal")  # as they were found before
        blocker.commit()
    assert now(server, name)["last"]["result"] == "equal"
    server.until(lambda: told()[-1] == ("verify_not_compared", "resolved"), lambda: f"it is told ({told()})", LONG)


def test_tables_that_are_set_aside_are_named(lake, db, new_server, receiver):
    tables(db)
    lake.sync(db, *FRESH, "--set", "type.change=fail", "--set", "catalog.interval=1s")
    name = lake.pipeline
    server = new_server({"webhook.url": receiver.url})
    server.wait_state(name)
    assert "quarantined" not in server.status(name)
    db.execute("ALTER TABLE parts ALTER note TYPE int USING 5; UPDATE orders SET amount = 7 WHERE id = 7")
    db.execute("INSERT INTO parts VALUES (8, 'x', 6)")
    server.until(lambda: server.status(name).get("quarantined"), "it is set aside", LONG)
    (table,) = server.status(name)["quarantined"]
    assert table["table"] == "public.parts" and "passed over" in table["reason"], table
    server.until(lambda: of(scrape(server), "leat_connector_quarantined_tables", name) == 1, "it is counted", LONG)
    told = lambda: [event for event in receiver.events if event["event"] == "quarantine"]  # noqa: E731
    server.until(lambda: told() and told()[-1]["state"] == "raised", "it is told", LONG)
    assert "public.parts: " in lake.run("connector", "show", name, "--url", server.connect_url).stdout
    lines = lake.run("status", name, "--offline").stdout.splitlines()
    assert [line for line in lines if "public.parts" in line and "set aside" in line], lines
    known = now(server, name)  # such a table is no news
    assert of_tables(known) == dict.fromkeys(ROWS, "equal") | {"public.parts": "not_compared"}, known
    server.restart()
    server.until(lambda: (server.status(name) or {}).get("quarantined"), "it is remembered", LONG)


def test_how_fresh_each_table_is(lake, db, new_server):
    tables(db)
    lake.sync(db, *FRESH)
    name = lake.pipeline
    server = new_server()
    server.wait_state(name)
    before = time.time()
    db.execute("UPDATE orders SET amount = 8 WHERE id = 8")

    def metric(what):
        return of(scrape(server), f"leat_table_{what}", name, table="public.orders")

    server.until(lambda: metric("committed_timestamp_seconds"), "the change is committed", LONG)
    assert abs(metric("committed_timestamp_seconds") - before) < LONG
    server.until(lambda: metric("lag_seconds") == 0 and metric("pending_rows") == 0, "nothing waits", LONG)
    assert of(scrape(server), "leat_table_lag_seconds", name, table="public.parts") is None  # no change of it yet


def slow(lake, db, new_server):
    """A server that is comparing, and will be for minutes."""
    tables(db)
    db.execute(
        "CREATE TABLE bulk (id int PRIMARY KEY, a text, b text);"
        "INSERT INTO bulk SELECT i, md5(i::text) || repeat(md5((i * 7)::text), 8), repeat(md5((i * 5)::text), 8)"
        "  FROM generate_series(1, 60000) i"
    )
    lake.sync(db, *FRESH, "--set", "verify.max.rate=100")
    server = new_server({"restart.backoff.min": "10ms"})
    server.wait_state(lake.pipeline)
    id = ask(server, lake.pipeline)
    wait_step(server, lake.pipeline, "compare")
    assert server.connect("POST", f"/connectors/{lake.pipeline}/verify").status == 409
    return server, id


def blocked(lake, db, new_server, stack):
    """A server that waits for a slot, which waits for the end of a transaction."""
    tables(db)
    lake.sync(db, *FRESH)
    server = new_server({"restart.backoff.min": "10ms"})
    server.wait_state(lake.pipeline)
    blocker = stack.enter_context(db.connect(autocommit=False))
    blocker.execute("UPDATE orders SET amount = 9 WHERE id = 9")
    id = ask(server, lake.pipeline)
    wait_step(server, lake.pipeline, "moment")
    return server, id


@pytest.mark.parametrize("where", ["compare", "moment"])
def test_a_worker_that_is_killed_leaves_nothing_behind(lake, db, new_server, where):
    with contextlib.ExitStack() as stack:
        server, id = slow(lake, db, new_server) if where == "compare" else blocked(lake, db, new_server, stack)
        name = lake.pipeline
        catalog = catalog_of(server)
        assert ("leat-verify" in catalog.load_table("public.orders").metadata.refs) == (where == "compare")
        server.worker(name).kill()
        last = result(server, name, id)["last"]
    assert last["result"] == "not_compared" and "ended" in last["message"], last
    nothing_left(lake, db, catalog)
    db.execute("UPDATE orders SET amount = 6 WHERE id = 6")
    row = "id = 6 and amount = 6"
    server.until(lambda: catalog.load_table("public.orders").scan(row_filter=row).to_arrow().num_rows == 1,
                 "changes go on", LONG)  # fmt: skip
    server.stop()
    assert {t["result"] for t in verify(lake).values()} == {"equal"}


@pytest.mark.parametrize("where", ["compare", "moment"])
def test_a_stop_meanwhile_is_prompt(lake, db, new_server, where):
    with contextlib.ExitStack() as stack:
        server, _ = slow(lake, db, new_server) if where == "compare" else blocked(lake, db, new_server, stack)
        server.stop(timeout=LONG)  # far from slot.create.timeout, and from what is left to compare
    state = json.loads((lake.data / "pipelines" / lake.pipeline / "verify.json").read_text())
    assert state["running"] is None and state["last"] is None, state
    lake.sync(db, *FRESH, "--set", "verify.max.rate=0")
    server.start()  # what was asked for is done then
    server.until(lambda: look(server, lake.pipeline)["last"], "it is verified", LONG)
    assert look(server, lake.pipeline)["last"]["result"] == "equal"
    nothing_left(lake, db, catalog_of(server))
