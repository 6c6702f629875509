# SPDX-License-Identifier: Apache-2.0
"""A lake whose catalog, storage or disk fails for long: leat waits, says so, and nothing is lost or there twice."""

import json
import re

import pytest
from catalog import CatalogServer
from catalog_proxy import CatalogProxy
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
    process.until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there", 120)
    assert lines(process, WAITS) == 0 and status(leat)["sink_tries"] == 0
    away = Away(proxy, how)
    for part in range(3):
        db.execute(TRAFFIC.format(10000 + part * 30000))
        process.wait_durable(db, 120)  # taken off the source: it need not keep its log
    process.until(lambda: status(leat)["sink_tries"] >= 4, "it has tried again and again", 200)
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
    process.wait_durable(db, 120)
    process.until(lambda: status(leat)["sink_tries"] >= 3, "it has tried again and again", 200)
    assert lines(process, WAITS) == 1, process.stderr()
    away.back()
    process.wait_log(GOES_ON, 120)
    wait_until(lambda: len(rows_if(client, "public.a")) == 120500, "all of it is there", 200)
    assert lines(process, GOES_ON) == 1
    process.until(lambda: status(leat)["sink_trouble"] is None and status(leat)["sink_tries"] == 0, "it is over", 60)
    process.stop(timeout=120)
    check(client, db, "a")
    seen = offsets(client, "public.a")
    assert seen == sorted(set(seen)), seen


def test_the_journal_fills_up_to_its_limit(leat, db, catalog, proxy):
    db.execute(SETUP)
    into(leat, proxy.url)
    process = leat.follow(db, *FRESH, "--set", "journal.bytes.max=4MiB")
    client = catalog.pyiceberg()
    process.until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there", 120)
    away = Away(proxy, "busy")
    for part in range(2):
        db.execute(TRAFFIC.format(10000 + part * 30000))
    process.wait_log("the journal is full", 120)
    process.until(lambda: status(leat)["sink_tries"] >= 3, "it has tried again and again", 200)
    assert status(leat)["journal_bytes"] < 24 * MIB and kept(db) > 0  # from here on the source keeps the rest
    away.back()
    process.wait_log("the journal has room again", 120)
    wait_until(lambda: len(rows_if(client, "public.a")) == 60500, "all of it is there", 200)
    process.stop(timeout=120)
    check(client, db, "a")


def test_a_stop_does_not_wait_for_the_catalog(leat, db, catalog, proxy):
    db.execute(SETUP)
    into(leat, proxy.url)
    process = leat.follow(db, *FRESH)
    client = catalog.pyiceberg()
    process.until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there", 120)
    away = Away(proxy, "busy")
    db.execute("UPDATE a SET v = 'meanwhile' WHERE id < 10")
    process.wait_log(WAITS, 120)
    assert process.stop(timeout=200, check=False) == 3, process.stderr()
    away.back()
    leat.sync(db, *FRESH)
    check(client, db, "a")
