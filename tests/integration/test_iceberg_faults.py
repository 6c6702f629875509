# SPDX-License-Identifier: Apache-2.0
"""A lake whose catalog, storage or disk fails for long: leat waits, says so, and nothing is lost or there twice."""

import json
import re
import shutil
import sqlite3
import subprocess
import time

import connectors
import pytest
from catalog import CatalogServer
from catalog_proxy import CatalogProxy
from pyiceberg.table.snapshots import Operation
from server import Server
from test_connect_iceberg import sink as iceberg_sink
from test_iceberg import check_table, lake, rows, table_of  # noqa: F401 (lake is a fixture)
from test_rest_sync import check, into, offsets, rows_if
from wait import wait_until

FRESH = ["--set", "freshness=50ms", "--memory-limit", "16MiB"]
SETUP = "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 500) i"
MIB = 1 << 20
WAITS, GOES_ON = "the sink cannot go on", "the sink goes on again"
# While nobody takes it: 16 MiB of the log a time.
TRAFFIC = "INSERT INTO a SELECT i, repeat(md5(i::text), 16) FROM generate_series({0}, {0} + 29999) i"


@pytest.fixture
def catalog(work):
    server = CatalogServer(work / "catalog")
    yield server.start()
    server.close()


@pytest.fixture
def proxy(catalog):
    with CatalogProxy(catalog.port) as one:
        yield one


class Away:
    """The catalog behind the proxy, until `back`: it refuses, or does not answer at all."""

    def __init__(self, proxy, how):
        self.proxy = proxy
        if how == "busy":
            refusal = {"error": {"message": "away", "type": "ServiceUnavailableException", "code": 503}}
            proxy.check = lambda request: (503, refusal)
        else:
            proxy.add("cut_before", match=lambda request: True)

    def back(self):
        self.proxy.rules.clear()
        self.proxy.check = lambda request: None


def status(leat):
    return json.loads((leat.data / "pipelines" / leat.pipeline / "status.json").read_text())


def tries(leat, process):
    """How often its sink has tried in vain; 0 while the status is that of the process before."""
    now = status(leat)
    return now["sink_tries"] if now["pid"] == process.pid else 0


def memory(process):
    with open(f"/proc/{process.pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) * 1024


def lines(process, text):
    return process.stderr().count(text)


def kept(db):
    """What the slot holds back of the source's log."""
    return db.value(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots"
        " WHERE database = current_database()"
    )


@pytest.mark.parametrize("how", ["busy", "cut"])
def test_a_catalog_that_is_away_for_long(leat, db, catalog, proxy, how):
    db.execute(SETUP)
    into(leat, proxy.url)
    process = leat.follow(db, *FRESH)
    client = catalog.pyiceberg()
    process.until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there")
    assert lines(process, WAITS) == 0 and status(leat)["sink_tries"] == 0
    away = Away(proxy, how)
    for part in range(3):
        db.execute(TRAFFIC.format(10000 + part * 30000))
        process.wait_durable(db)  # taken off the source: it need not keep its log
    process.until(lambda: tries(leat, process) >= 4, "it has tried again and again", 200)
    now = status(leat)
    assert "/v1/" in now["sink_trouble"] and now["sink_away_ms"] > 0, now
    assert now["journal_bytes"] > 30 * MIB and now["sink_behind_bytes"] > 30 * MIB, now
    assert kept(db) < 4 * MIB and memory(process) < 96 * MIB, (kept(db), memory(process))
    assert lines(process, WAITS) == 1, process.stderr()
    shown = leat.run("status", leat.pipeline, "--offline").stdout
    assert "cannot go on: " in shown and " tries in " in shown, shown
    process.kill()
    process = leat.follow(db, *FRESH)  # not even there when it starts: the source is read all the same
    db.execute(TRAFFIC.format(200000))
    process.wait_durable(db)
    process.until(lambda: tries(leat, process) >= 3, "it has tried again and again", 200)
    assert lines(process, WAITS) == 1, process.stderr()
    away.back()
    process.wait_log(GOES_ON)
    wait_until(lambda: len(rows_if(client, "public.a")) == 120500, "all of it is there", 200)
    assert lines(process, GOES_ON) == 1
    process.until(lambda: status(leat)["sink_trouble"] is None and status(leat)["sink_tries"] == 0, "it is over")
    process.stop()
    check(client, db, "a")
    seen = offsets(client, "public.a")
    assert seen == sorted(set(seen)), seen


def test_the_journal_fills_up_to_its_limit(leat, db, catalog, proxy):
    db.execute(SETUP)
    into(leat, proxy.url)
    process = leat.follow(db, *FRESH, "--set", "journal.bytes.max=4MiB")
    client = catalog.pyiceberg()
    process.until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there")
    away = Away(proxy, "busy")
    for part in range(2):
        db.execute(TRAFFIC.format(10000 + part * 30000))
    process.wait_log("the journal is full")
    process.until(lambda: tries(leat, process) >= 3, "it has tried again and again", 200)
    assert status(leat)["journal_bytes"] < 24 * MIB and kept(db) > 0  # from here on the source keeps the rest
    away.back()
    process.wait_log("the journal has room again")
    wait_until(lambda: len(rows_if(client, "public.a")) == 60500, "all of it is there", 200)
    process.stop()
    check(client, db, "a")


def test_a_stop_does_not_wait_for_the_catalog(leat, db, catalog, proxy):
    db.execute(SETUP)
    into(leat, proxy.url)
    process = leat.follow(db, *FRESH)
    client = catalog.pyiceberg()
    process.until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there")
    away = Away(proxy, "busy")
    db.execute("UPDATE a SET v = 'meanwhile' WHERE id < 10")
    process.wait_log(WAITS)
    assert process.stop(timeout=29, check=False) == 3, process.stderr()  # Kubernetes gives 30 s
    away.back()
    leat.sync(db, *FRESH)
    check(client, db, "a")


def test_a_stop_gives_all_sinks_of_a_connector_the_same_time(work, db, catalog, proxy):
    """It reads three sources, and has a sink for each."""
    names = ("a", "b", "c")
    db.execute(connectors.ORDERS)
    (work / "server").mkdir()
    config = iceberg_sink(work, ".*public.orders", "shop.orders", iceberg__catalog__uri=proxy.url)
    config["iceberg.catalog.type"] = "rest"
    del config["iceberg.catalog.warehouse"]
    with Server(work / "server") as server:
        for name in names:
            server.create(name, connectors.source(db, name))
        server.create("ice", config)
        server.until(lambda: server.log_text().count("reads a source") == 3, "each has a sink")
        client = catalog.pyiceberg()
        server.until(lambda: client.table_exists("shop.orders"), "one of them writes")
        server.until(lambda: len(client.load_table("shop.orders").scan().to_arrow()) == 30, "all of them have written")
        # Who was slower than another one has waited, too, and says so once only until it goes on.
        server.until(lambda: server.log_text().count(WAITS) == server.log_text().count(GOES_ON), "all of them go on")
        Away(proxy, "busy")
        db.execute("UPDATE orders SET name = 'meanwhile' WHERE id < 5")
        waiting = lambda: [e for e in server.events() if WAITS in e["message"] and "away" in e["reason"]]  # noqa: E731
        server.until(lambda: len(waiting()) == 3, lambda: f"each of them waits: {waiting()}")
        began = time.monotonic()
        server.stop(timeout=29)
        assert time.monotonic() - began < 20, "one after the other"


# --- storage ----------------------------------------------------------------------------------------------------

STORM = ("slow_down", "too_many", "cut_before", "cut_request", "cut_after", "cut_answer", "error_500_after", "delay")


def rows_there(leat):
    """None before there is a table."""
    try:
        return rows(leat, "a")
    except (AssertionError, sqlite3.Error):
        return []


def committed(leat, table):
    """The offsets that the table's snapshots say, oldest first."""
    made = [one for one in table_of(leat, table).metadata.snapshots if one.summary.operation is not Operation.REPLACE]
    return [int(one.summary["leat.offset"]) for one in sorted(made, key=lambda one: one.sequence_number)]


def test_an_object_store_that_asks_for_time(lake, db, versitygw, fault_proxy):  # noqa: F811
    """Beneath the tables: it says slow down to everything, for longer than a call is tried; then it is flaky."""
    proxy, env = fault_proxy(versitygw.server), versitygw.server.env()
    lake.out = versitygw.url("wh")
    lake.reader = {
        "s3.endpoint": versitygw.server.endpoint,
        "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
        "s3.region": "us-east-1",
    }
    args = [*FRESH, "--set", f"s3.endpoint={proxy.endpoint}"]
    db.execute(SETUP)
    process = lake.follow(db, *args, env=env)
    process.until(lambda: (lake.data / "catalog.db").exists(), "the catalog is there")
    process.until(lambda: len(rows_there(lake)) == 500, "the snapshot is there")
    assert status(lake)["sink_requests"]["retries"] == 0
    before = status(lake)["sink_requests"]["put"]
    proxy.add("slow_down", key="data/")
    db.execute("UPDATE a SET v = 'slow' WHERE id < 50; INSERT INTO a VALUES (1000, 'slow')")
    process.until(lambda: status(lake)["sink_tries"] >= 1, "a call was tried in vain")
    tried = proxy.times(fault="slow_down")
    process.until(lambda: proxy.times(fault="slow_down") > tried, "the tables are opened again, and written")
    seen = status(lake)
    process.until(lambda: status(lake)["time_ms"] > seen["time_ms"], "it says how it is now")
    now = status(lake)
    assert "SlowDown" in now["sink_trouble"] and now["sink_requests"]["retries"] >= 4, now
    assert now["sink_requests"]["put"] > before and now["sink_files"] > 0, (before, now)  # nothing begins anew
    gaps = [b.at - a.at for a, b in zip(proxy.of(fault="slow_down"), proxy.of(fault="slow_down")[1:])]
    assert max(gaps) > 2, gaps  # it is left in peace for longer and longer
    assert lines(process, WAITS) == 1, process.stderr()
    process.wait_durable(db)  # the source is read meanwhile
    process.kill()
    process = lake.follow(db, *args, env=env)
    proxy.calm()
    for fault, every in zip(STORM, (7, 11, 13, 17, 19, 23, 29, 31)):
        proxy.add(fault, every=every)
    i = 0
    while i % 8 or len(proxy.faults()) < len(STORM):  # one of each kind at least
        db.execute(
            f"BEGIN; INSERT INTO a VALUES ({2000 + i}, 'new'); UPDATE a SET v = 'u{i}' WHERE id % 20 = {i % 20};"
            f"DELETE FROM a WHERE id = {400 + i}; COMMIT"
        )
        i += 1
        if i % 8 == 0:
            before = len(committed(lake, "a"))
            db.execute(f"UPDATE a SET v = 'more' WHERE id = {i}")
            process.until(lambda: len(committed(lake, "a")) > before, "there are commits")
    assert status(lake)["sink_requests"]["retries"] > 0
    proxy.calm()
    process.stop()
    check_table(lake, db, "a", ["id", "v"])
    seen = committed(lake, "a")
    assert seen == sorted(set(seen)), seen


# --- the disk ---------------------------------------------------------------------------------------------------

WIDE = "INSERT INTO a SELECT i, md5(random()::text) FROM generate_series({0}, {0} + 59999) i"


@pytest.mark.parametrize("which", ["warehouse", "index", "data"])
def test_a_full_disk(lake, db, small_disk, which):  # noqa: F811
    """Of the tables, of their key indexes (which take 12 bytes a row), or of all that is leat's own."""
    disk = small_disk("small", {"warehouse": 4, "index": 1, "data": 8}[which] * MIB)
    args = [*FRESH, "--set", "format.version=3", "--set", "maintenance=off"]
    if which == "warehouse":
        lake.out = disk / "out"
    elif which == "data":
        lake.data = disk / "data"
    db.execute(SETUP)
    lake.sync(db, *args)
    if which == "index":
        (index,) = lake.data.glob("**/index")
        shutil.move(index, disk / "index")
        index.symlink_to(disk / "index")
    process = lake.follow(db, *args)
    process.wait_streaming(db)
    for part in range(3):
        db.execute(WIDE.format(10000 + part * 60000))
        db.execute(f"UPDATE a SET v = v || '{part}' WHERE id % 3 = {part}")
    process.until(lambda: "io_full" in process.stderr(), "it says that the disk is full")
    told = next(line for line in process.stderr().splitlines() if "io_full" in line)
    assert str(disk) in told or which == "index" and "/index/" in told, told
    assert "free space" in told, told
    db.execute("UPDATE a SET v = 'while the disk is full' WHERE id < 10; DELETE FROM a WHERE id BETWEEN 20 AND 30")
    if which == "data":
        process.kill()
    subprocess.run(["mount", "-o", f"remount,size={256 * MIB}", disk], check=True)
    if which != "data":
        process.wait_durable(db)
        process.wait_log(GOES_ON)
        process.stop()
    lake.sync(db, *args)
    check_table(lake, db, "a", ["id", "v"])
    seen = committed(lake, "a")
    assert seen == sorted(set(seen)), seen
