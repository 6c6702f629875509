# SPDX-License-Identifier: Apache-2.0
"""A source and a sink connector while what they stand on is restarted, killed, paused, under load: PostgreSQL, the
supervisor, the front, each worker. Then the files equal the source by value, and hold each record once, in order."""

import contextlib
import json
import os
import random
import threading

import connectors
import postgres
import psycopg
import pytest
from test_connectors import TOPIC, create, server, until_equal, wire  # noqa: F401

ROUNDS = 3 if os.environ.get("LEAT_LONG") == "1" else 1


@pytest.fixture(scope="module")
def own_pg():
    """A PostgreSQL that may be stopped and killed."""
    made = postgres.Postgres(15).start()
    yield made
    made.remove()


@pytest.fixture
def db(own_pg):
    """In place of the one of the shared server."""
    database = own_pg.create_database()
    yield database
    database.drop()


class Load(threading.Thread):
    """Transactions of all kinds, one after the other; goes on with a new connection when one is lost. What a lost one
    had in flight is done or not: the table knows."""

    def __init__(self, db):
        super().__init__(daemon=True)
        self.db, self.ended, self.done, self.error = db, threading.Event(), 0, None

    def transaction(self, chance, n):
        yield f"INSERT INTO orders SELECT {n * 10} + i, 'n{n}', i FROM generate_series(1000, 1004) i"
        yield f"UPDATE orders SET name = 'u{n}', amount = amount + 1 WHERE id % 11 = {chance.randrange(11)}"
        yield f"DELETE FROM orders WHERE id % 17 = {chance.randrange(17)} AND id > 1000"
        if n % 7 == 0:
            yield f"UPDATE orders SET id = -{n} WHERE id = (SELECT max(id) FROM orders)"

    def run(self):
        chance, n = random.Random(5), 0
        while not self.ended.is_set():
            try:
                with psycopg.connect(self.db.server.conninfo(self.db.name), connect_timeout=5) as connection:
                    while not self.ended.wait(0.01):
                        n += 1
                        for statement in self.transaction(chance, n):
                            connection.execute(statement)
                        connection.commit()
                        self.done += 1
            except psycopg.OperationalError:
                self.ended.wait(0.05)  # the server is away
            except Exception as error:  # told by `end`
                self.error = error
                return

    def end(self):
        self.ended.set()
        self.join(180)
        assert self.error is None and not self.is_alive(), self.error


@contextlib.contextmanager
def under_load(server, db):
    load = Load(db)
    load.start()

    def more(count=15):
        """So many more transactions come."""
        want = load.done + count
        server.until(lambda: load.done >= want or load.error, lambda: f"the load goes on ({load.done}, {load.error})")

    try:
        yield more
    finally:
        load.end()


def begin(server, db, work, target=None):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    times = {"flush.size": "7", "rotate.schedule.interval.ms": "500", **(target or {})}
    create(server, "sink", connectors.s3_sink(work, TOPIC), connectors.JSON_PLAIN, times)
    server.wait_state("source")
    server.wait_state("sink")


def check(server, db, lake):
    until_equal(server, db, lake)
    check_once(server, lake)
    server.stop()


def check_once(server, lake):
    """Record for record what the journal holds: none is missing, doubled or out of place."""
    connectors.check_offsets(lake, TOPIC)
    values = [json.loads(record["value"]) for record in wire(server, "source", TOPIC) if record["value"] is not None]
    got = connectors.records(lake, TOPIC)
    assert got == values[: len(got)] and len(got) >= len(values) - 7, (len(got), len(values))


# --- what happens ----------------------------------------------------------------------------------------------


def told(server, path):
    answer = server.connect("POST" if "restart" in path else "PUT", path)
    assert answer.status in (202, 204), answer


def postgres_restarted(server, pg, more):
    pg.restart("fast")


def postgres_killed(server, pg, more):
    pg.restart("crash")


def paused_and_resumed(server, pg, more):
    for name in ("source", "sink"):
        told(server, f"/connectors/{name}/pause")
    for name in ("source", "sink"):
        server.wait_state(name, "PAUSED")
    more()
    for name in ("sink", "source"):
        told(server, f"/connectors/{name}/resume")


def stopped_and_resumed(server, pg, more):
    for name in ("source", "sink"):
        told(server, f"/connectors/{name}/stop")
        server.wait_state(name, None)
        more(5)
        told(server, f"/connectors/{name}/resume")


def restarted(server, pg, more):
    for name in ("source", "sink"):
        before = {worker.pid for worker in server.workers().values()}
        told(server, f"/connectors/{name}/restart?includeTasks=true")
        server.until(lambda: {w.pid for w in server.workers().values()} - before, "another worker")  # noqa: B023
        more(5)


def supervisor_killed(server, pg, more):
    server.kill()
    server.start()


def front_killed(server, pg, more):
    before = server.until(server.front, "a front")  # the one before may just have been killed
    before.kill()
    server.until(lambda: server.other_front(before.pid), "another front")

    def answers():
        with contextlib.suppress(OSError):
            return server.connect("GET", "/connectors").status == 200
        return False

    server.until(answers, "it answers: the next fault asks it")


def workers_killed(server, pg, more):
    for names in (["source"], ["sink"], ["source", "sink"]):
        for name in names:
            worker = server.workers().get(name)
            if worker is not None:
                worker.kill()
        more(5)


FAULTS = [postgres_restarted, postgres_killed, paused_and_resumed, stopped_and_resumed, restarted, supervisor_killed,
          front_killed, workers_killed]  # fmt: skip


def settle(server):
    """Everything runs again; the first answers of a new front may not come yet."""

    def look():
        with contextlib.suppress(OSError):
            return all(server.states(name) == ("RUNNING", "RUNNING") for name in ("source", "sink"))
        return False

    server.until(look, "both run")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_under_load(server, own_pg, db, work, fault):  # noqa: F811
    begin(server, db, work)
    with under_load(server, db) as more:
        for _ in range(ROUNDS):
            more()
            fault(server, own_pg, more)
            settle(server)
        more()
    check(server, db, work / "lake")


def test_all_of_them_with_objects_on_s3(server, own_pg, db, work, new_s3):  # noqa: F811
    s3 = new_s3("versitygw")
    bucket = s3.create_bucket()
    target = {
        "s3.bucket.name": bucket.name,
        "store.url": s3.endpoint,
        "s3.region": "us-east-1",
        "aws.access.key.id": s3.env()["AWS_ACCESS_KEY_ID"],
        "aws.secret.access.key": s3.env()["AWS_SECRET_ACCESS_KEY"],
    }
    begin(server, db, work, target)
    faults = list(FAULTS)
    random.Random(3).shuffle(faults)
    with under_load(server, db) as more:
        for fault in faults:
            more()
            fault(server, own_pg, more)  # the next one comes while things start again
    copies = []

    def equal():
        copies.append(work / f"copy{len(copies)}")
        bucket.download(copies[-1])
        return connectors.replayed_orders(copies[-1], TOPIC) == connectors.order_rows(db)

    server.until(equal, "the objects equal the table")
    check_once(server, copies[-1])
    server.stop()
