# SPDX-License-Identifier: Apache-2.0
"""/metrics and the webhook of a server whose connectors carry real changes."""

import contextlib
import http.server
import itertools
import json
import re
import threading

import connectors
import pytest
from server import Server, request
from wait import wait_until

TOPIC = "shop.public.orders"
SERIES = re.compile(r"(leat_\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def scrape(server):
    """{(name, frozenset(labels)): value}"""
    found = {}
    for line in request("GET", f"{server.metrics_url}/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = SERIES.match(line).groups()
            found[name, frozenset(LABEL.findall(labels or ""))] = float(value)
    return found


def of(metrics, name, connector, **more):
    wanted = {("connector", connector), *more.items()}
    return next((value for (key, labels), value in metrics.items() if key == name and wanted <= labels), None)


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps the events that are POSTed; refuses the first ones."""

    def __init__(self, refusals=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.refusals, self.keys = [], refusals, []
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            refused = self.server.refusals > 0
            self.server.refusals -= refused
            if not refused:
                self.server.keys.append(self.path)
                self.server.events.append(body)  # last: it is waited for
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver(refusals=1) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_metrics_follow_a_connector(work, db):
    (work / "server").mkdir()
    db.execute(connectors.ORDERS)
    with Server(work / "server") as server:
        name = 'shop/"é'
        for at, config in (
            (name, connectors.source(db)),
            ("lake", connectors.s3_sink(work, TOPIC, flush__size="1")),
        ):
            server.create(at, {**config, **connectors.JSON_PLAIN})
        server.wait_state("lake")
        escaped = name.replace('"', '\\"')

        def read():
            return of(scrape(server), "leat_table_snapshot_rows_total", escaped, table="public.orders")

        server.until(read, "the table is read")
        db.execute("UPDATE orders SET name = 'x' WHERE id < 4")

        def missing():
            """Series that do not say yet what they will: each report brings what its process knows then."""
            now, orders = scrape(server), {"table": "public.orders"}
            least = {
                "changes_total": (of(now, "leat_connector_changes_total", escaped) or 0) >= 3,
                "sink_events_total": of(now, "leat_connector_sink_events_total", "lake"),
                "state": of(now, "leat_connector_state", escaped, kind="source", state="RUNNING"),
                "sink's state": of(now, "leat_connector_state", "lake", kind="sink", state="RUNNING"),
                "table_changes_total": (of(now, "leat_table_changes_total", escaped, **orders) or 0) >= 3,
                "table_snapshot_rows_total": of(now, "leat_table_snapshot_rows_total", escaped, **orders),
                "lag_seconds": (of(now, "leat_connector_lag_seconds", escaped) or 0) < 60,
                "commits_total": of(now, "leat_connector_commits_total", escaped),
                "commit_seconds_total": of(now, "leat_connector_commit_seconds_total", escaped),
                "queue_limit_bytes": of(now, "leat_connector_queue_limit_bytes", escaped),
                "slot_retained_bytes": of(now, "leat_connector_slot_retained_bytes", escaped) is not None,
                "sink_files_total": of(now, "leat_connector_sink_files_total", "lake"),
            }
            for connector in (escaped, "lake"):
                memory = of(now, "leat_process_resident_memory_bytes", connector, role="worker")
                least[f"memory of {connector}"] = (memory or 0) > 1 << 20
            return [name for name, good in least.items() if not good]

        server.until(lambda: not missing(), lambda: f"all is counted: {missing()}")
        for connector in (escaped, "lake"):
            assert of(scrape(server), "leat_connector_restarts_total", connector) == 0
        # A killed worker is a restart and an error.
        server.worker("lake").kill()
        server.until(lambda: of(scrape(server), "leat_connector_restarts_total", "lake") == 1, "the restart is counted")
        server.until(lambda: of(scrape(server), "leat_connector_errors_total", "lake") == 1, "and the error")
        # Gone is gone.
        assert server.connect("DELETE", "/connectors/lake").status == 204
        server.until(lambda: of(scrape(server), "leat_connector_state", "lake") is None, "its series end")


def test_bytes_of_a_source_and_its_lag_while_it_is_away(work, new_postgres, receiver):
    (work / "server").mkdir()
    pg = new_postgres()
    db = pg.create_database()
    db.execute(connectors.ORDERS)
    options = {"webhook.url": receiver.url, "webhook.events": "freshness", "freshness.target": "2s"}
    with Server(work / "server", options) as server:
        server.create("shop", {**connectors.source(db), **connectors.JSON_PLAIN})
        server.wait_state("shop")

        def read(name):
            return of(scrape(server), f"leat_connector_{name}", "shop")

        server.until(lambda: (read("bytes_total") or 0) > 0, lambda: f"rows are bytes: {read('bytes_total')}")
        before = read("bytes_total")
        db.execute("INSERT INTO orders SELECT i, repeat('x', 1000) FROM generate_series(1001, 1100) i")
        server.until(lambda: read("bytes_total") > before + 100 * 1000, lambda: read("bytes_total"))
        ids = itertools.count(2000)

        def fresh():
            """A row was durable in less than five seconds: a slow machine takes longer for the one or other, and a fast
            one no millisecond."""
            db.execute(f"INSERT INTO orders VALUES ({next(ids)})")
            return 0 < (read("lag_seconds") or 0) < 5

        server.until(fresh, lambda: read("lag_seconds"))
        told = lambda: [event["state"] for event in receiver.events if event["event"] == "freshness"]  # noqa: E731
        logged = lambda: [e["state"] for e in server.events() if e.get("event") == "freshness"]  # noqa: E731
        pg.stop()
        server.until(lambda: read("lag_seconds") > 2, lambda: read("lag_seconds"))
        first = read("lag_seconds")
        server.until(lambda: read("lag_seconds") > first + 1, lambda: f"it grows: {read('lag_seconds')}")
        raised = logged()  # before, too, where rows were late
        assert raised == ["raised", "resolved"] * (len(raised) // 2) + ["raised"]
        wait_until(lambda: told() == raised, told)
        pg.start()
        server.until(lambda: read("lag_seconds") == 0, lambda: f"it is back: {read('lag_seconds')}")
        wait_until(lambda: told()[len(raised) :][:1] == ["resolved"], told)
        server.until(fresh, lambda: read("lag_seconds"))
        assert read("restarts_total") == 0


def test_webhook_of_a_crash_loop(work, db, receiver):
    (work / "server").mkdir()
    db.execute(connectors.ORDERS)
    options = {
        "webhook.url": receiver.url + "?key=${env:HOOK_KEY}",
        "restart.crashes.max": "1",
        "restart.backoff.min": "10ms",
    }
    with Server(work / "server", options, env={"HOOK_KEY": "s3same"}) as server:
        server.create("shop", {**connectors.source(db), **connectors.JSON_PLAIN})
        server.wait_state("shop")

        def crash():
            worker = server.workers().get("shop")
            if worker is not None:
                with contextlib.suppress(ProcessLookupError):
                    worker.kill()
            return server.states("shop")[1] == "FAILED"

        server.until(crash, "it is given up")
        wait_until(lambda: len(receiver.events) == 1, lambda: f"the event comes ({receiver.events})")
        event = receiver.events[0]
        assert (event["event"], event["state"], event["connector"]) == ("crash_loop", "raised", "shop")
        assert receiver.keys == ["/hook?key=s3same"]
        assert server.connect("POST", "/connectors/shop/restart?includeTasks=true&onlyFailed=true").status == 202
        wait_until(lambda: len(receiver.events) == 2, lambda: f"it is over ({receiver.events})")
        assert receiver.events[1]["state"] == "resolved"
        assert "s3same" not in server.log_text()
