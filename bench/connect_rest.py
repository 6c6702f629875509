#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GET /connectors?expand=status&expand=info of `leat server` with many connectors, of which some stream.

Usage: bench/connect_rest.py [--connectors 1000] [--streaming 10] [--rate 200] [--clients 4] [--requests 500]
The others are STOPPED, with a configuration of the usual size. Each client asks over a connection of its own that it
keeps, the next request after the last answer; the clients are processes, as the figure is the server's.
"""

import argparse
import http.client
import json
import multiprocessing
import time

import harness
from harness import Bench, save

from server import Server

PATH = "/connectors?expand=status&expand=info"


def config(bench, database, name):
    return {
        "name": name,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "plugin.name": "pgoutput",
        "database.hostname": str(bench.server.directory),
        "database.port": str(bench.server.port),
        "database.user": "postgres",
        "database.password": "secret",
        "database.dbname": database.name,
        "topic.prefix": name,
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "filtered",
        "table.include.list": f"public.{name}",
        "snapshot.mode": "no_data",
        "tombstones.on.delete": "true",
        "decimal.handling.mode": "string",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }


def put_documents(server, bench, database, names):
    directory = server.data / "connectors"
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        document = {"format_version": 1, "name": name, "kind": "source", "target": "STOPPED"}
        document["config"] = config(bench, database, name)
        (directory / f"{name}.json").write_text(json.dumps(document))


def client(port, requests, results):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken, size = [], 0
    for _ in range(requests):
        began = time.perf_counter()
        connection.request("GET", PATH)
        size = len(connection.getresponse().read())
        taken.append((time.perf_counter() - began) * 1000)
    results.put((taken, size))


def ask(port, clients, requests):
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=client, args=(port, requests, results)) for _ in range(clients)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    answers = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    taken = sorted(ms for each, _ in answers for ms in each)
    at = {f"p{part}_ms": round(taken[min(len(taken) - 1, len(taken) * part // 100)], 2) for part in (50, 90, 99)}
    return {**at, "max_ms": round(taken[-1], 2), "per_second": round(len(taken) / seconds), "bytes": answers[0][1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connectors", type=int, default=1000)
    parser.add_argument("--streaming", type=int, default=10)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--requests", type=int, default=500)
    args = parser.parse_args()
    result = vars(args).copy()
    with Bench() as bench:
        database = bench.database("fleet")
        streaming = [f"s{i}" for i in range(args.streaming)]
        for name in streaming:
            database.execute(f"create table {name} (id bigserial primary key, text text)")
        server = Server(bench.directory / "server", binary=harness.LEAT)
        server.directory.mkdir()
        put_documents(server, bench, database, [f"idle{i}" for i in range(args.connectors - args.streaming)])
        with server:
            for name in streaming:
                server.create(name, config(bench, database, name))
            for name in streaming:
                server.wait_state(name)
            found = server.connect("GET", PATH).json()
            assert len(found) == args.connectors, len(found)
            insert = f"\\set t random(0, {args.streaming - 1})\ninsert into s:t (text) values ('abcdefghijklmnop');\n"
            traffic = None
            if args.streaming > 0:
                traffic = bench.pgbench(database, insert, args.rate, 600, mode="simple")
            front = server.front()
            cpu = harness.process_cpu(front.pid)
            result["one_client"] = ask(server.ports["connect"], 1, args.requests)
            result["all_clients"] = ask(server.ports["connect"], args.clients, args.requests)
            result["front_cpu_seconds"] = round(harness.process_cpu(front.pid) - cpu, 2)
            result["front_rss_kib"] = harness.process_rss(front.pid)
            if traffic is not None:
                traffic.stop()
    save("connect_rest", result)


if __name__ == "__main__":
    main()
