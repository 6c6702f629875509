#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of `leat server` with many connectors: Debezium sources that stream, each with a slot of its own and a table
that nobody changes. Prints what a worker costs (PSS: pages that processes share count once, in shares).

Usage: bench/connectors.py [--connectors 200] [--tables N --rate R [--seconds 20]]
With --tables each has a database of its own with so many tables, and R rows a second in all are put into them.
"""

import argparse
import pathlib
import statistics
import tempfile
import time

from harness import LEAT, SETTINGS, save

import postgres
from server import Server

SETTLED_SECONDS = 8  # by then workers have given back what their start needed


def config(server, database, i):
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "127.0.0.1",
        "database.port": str(server.port),
        "database.user": postgres.OS_USER,
        "database.password": "unused",
        "database.dbname": database.name,
        "plugin.name": "pgoutput",
        "topic.prefix": f"idle{i}",
        "slot.name": f"idle_{i}",
        "publication.name": "idle",
        "table.include.list": "public.quiet",
    }


def mib(count):
    return round(count / (1 << 20), 2)


def measure(server):
    workers = [process.memory() for process in server.workers().values()]
    found = {}
    for kind in ("Pss", "Rss", "Private_Dirty"):
        each = [memory[kind] for memory in workers]
        found[f"worker_{kind.lower()}_mib"] = {
            "median": mib(statistics.median(each)), "max": mib(max(each)), "sum": mib(sum(each)),
        }  # fmt: skip
        found[f"front_{kind.lower()}_mib"] = mib(server.front().memory()[kind])
        found[f"supervisor_{kind.lower()}_mib"] = mib(server.supervisor().memory()[kind])
    found["all_pss_mib"] = mib(server.memory("Pss"))
    return found


def busy_config(server, database, i):
    return config(server, database, i) | {
        "publication.name": "busy",
        "publication.autocreate.mode": "filtered",
        "table.include.list": "public\\.t.*",
    }


def traffic(databases, tables, rate, seconds):
    """`rate` rows a second over all tables, in a hundred statements a second; how many rows went in."""
    connections = [database.connect() for database in databases]
    until, number, began = time.monotonic() + seconds, 0, time.monotonic()
    rows = 0
    while time.monotonic() < until:
        each = max(1, rate // 100)
        for _ in range(2):
            sql = f"INSERT INTO t{number % tables} (v) SELECT 'row ' || g FROM generate_series(1, {each}) g"
            connections[number % len(connections)].execute(sql)
            number += 1
            rows += each
        time.sleep(max(0.0, began + number / 100 - time.monotonic()))
    for connection in connections:
        connection.close()
    return rows


def busy(options):
    count = options.connectors
    settings = {"max_wal_senders": count + 10, "max_replication_slots": count + 10, "max_connections": 4 * count + 50}
    source = postgres.Postgres(15, {**SETTINGS, **settings}).start()
    try:
        databases = [source.create_database() for _ in range(count)]
        for database in databases:
            for n in range(options.tables):
                database.execute(f"CREATE TABLE t{n} (id bigserial PRIMARY KEY, v text)")
        with tempfile.TemporaryDirectory(prefix="leat-bench-") as directory, Server(directory, binary=LEAT) as server:
            for i, database in enumerate(databases):
                server.create(f"idle{i}", busy_config(source, database, i))
            server.until(lambda: all(any(slot[0] for slot in d.slots().values()) for d in databases), "all stream", 300)
            rows = traffic(databases, options.tables, options.rate, options.seconds)
            result = {"connectors": count, "tables": options.tables, "rate": round(rows / options.seconds)}
            result |= measure(server) | {"all_rss_mib": mib(server.memory("Rss"))}
            server.stop()
    finally:
        source.remove()
    save("connectors_busy", result)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connectors", type=int, default=200)
    parser.add_argument("--tables", type=int, default=0)
    parser.add_argument("--rate", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    count = options.connectors
    if options.tables > 0:
        busy(options)
        return
    settings = {"max_wal_senders": count + 10, "max_replication_slots": count + 10, "max_connections": 3 * count + 50}
    source = postgres.Postgres(15, {**SETTINGS, **settings}).start()
    try:
        database = source.create_database()
        with database.connect() as connection:
            connection.execute("CREATE TABLE quiet (id int PRIMARY KEY, note text)")
            connection.execute("INSERT INTO quiet VALUES (1, 'a row')")
            connection.execute("CREATE PUBLICATION idle FOR TABLE quiet")
            connection.commit()
        with tempfile.TemporaryDirectory(prefix="leat-bench-") as directory, Server(directory, binary=LEAT) as server:
            for i in range(count):
                server.create(f"idle{i}", config(source, database, i))
            server.until(lambda: sum(slot[0] for slot in database.slots().values()) == count, "all stream", 300)
            for i in range(count):
                server.wait_state(f"idle{i}", "RUNNING")
            time.sleep(SETTLED_SECONDS)
            result = {"connectors": count, **measure(server)}
            server.stop()
    finally:
        source.remove()
    save(pathlib.Path(__file__).stem, result)


if __name__ == "__main__":
    main()
