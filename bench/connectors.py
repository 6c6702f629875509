#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of `leat server` with many idle connectors: Debezium sources that stream, each with a slot of its own and a
table that nobody changes. Prints what a worker costs (PSS: pages that processes share count once, in shares).

Usage: bench/connectors.py [--connectors 200]
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connectors", type=int, default=200)
    count = parser.parse_args().connectors
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
