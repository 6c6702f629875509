#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""leat server against the original, Kafka + Kafka Connect + Debezium (scripts/setup original), with the same connector
JSON on the same table, in one run: a snapshot of `orders`, then a backlog of as many inserts.

Usage: bench/original.py [--rows 2M] [--per 1000] [--columns 12|6]
The original is tuned as its users do. They take turns: while one works, the other does not run. A measurement
begins with the call of Connect's API (POST, PUT …/resume) and ends when all records are there: in the topic, as
Kafka's broker says; in the journal, durable, as `leat topic list` says. Afterwards all keys are read at the far
end: every id once. CPU is what /proc/PID/stat says of the processes between the two; of leat all of them, those
that ended in between included. Memory is the sum of the processes' peaks (VmHWM).
"""

import argparse
import os
import subprocess
import time

from harness import LEAT, Bench, ended_children_cpu, process_cpu, process_rss, quantity, save
from original_stack import OriginalStack

import postgres
from server import Server
from wait import wait_until

NAME = "bench"
TOPIC = "shop.public.orders"
BACKLOG = """
do $$ declare at bigint := 0; begin
  while at < {rows} loop
    insert into orders
      select id + {rows}, {columns} from orders where id > at and id <= at + {per} order by id;
    at := at + {per};
    commit;
  end loop;
end $$"""


# What orders has beside its id: as bench/tables.sql has it, about 250 bytes a row; or of half that size, with which
# Debezium and Kafka were measured first.
COLUMNS = {
    12: "customer_id, product_id, quantity, status, unit_price, total, currency, created_at, updated_at, note,"
    " attributes",
    6: "customer_id, status, amount, created_at, note",
}
SIX = """
drop table orders;
create table orders(id bigint primary key, customer_id bigint, status text, amount numeric(12,2),
  created_at timestamptz, note text);
insert into orders select g, g % 10000, (array['new','paid','packed','shipped'])[1 + g % 4], (g % 100000) / 100.0,
  timestamptz '2026-01-01' + g * interval '1 ms', md5(g::text) || md5((g + 1)::text) from generate_series(1, {rows}) g;
"""


def config(bench, database, slot):
    """Debezium, tuned for throughput. What is Kafka's has no effect with leat; the last key has none with Debezium."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "127.0.0.1",
        "database.port": str(bench.server.port),
        "database.user": postgres.OS_USER,
        "database.password": "secret",
        "database.dbname": database.name,
        "topic.prefix": "shop",
        "table.include.list": "public.orders",
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": f"{slot}_publication",
        "publication.autocreate.mode": "filtered",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "max.batch.size": "20480",
        "max.queue.size": "81920",
        "snapshot.fetch.size": "20480",
        "poll.interval.ms": "10",
        "producer.override.linger.ms": "50",
        "producer.override.batch.size": "1048576",
        "producer.override.compression.type": "lz4",
        "producer.override.buffer.memory": "134217728",
        "leat.journal.retention.bytes": "68719476736",
    }


class Original:
    """The other side, under the words that leat's side has too."""

    def __init__(self):
        self.stack = OriginalStack(connect={"connector.client.config.override.policy": "All"})

    def start(self):
        self.stack.__enter__()

    def create(self, config):
        self.stack.create(NAME, config)

    def stop_connector(self):
        self.stack.settled("PUT", f"/connectors/{NAME}/stop")
        self.stack.wait_stopped(NAME)

    def resume_connector(self):
        self.stack.settled("PUT", f"/connectors/{NAME}/resume")

    def wait_records(self, count):
        self.stack.wait_end(TOPIC, count, timeout=1800)

    def cpu(self):
        pids = {"connector": self.stack.worker.pid, "broker": self.stack.broker.pid}
        return {name: process_cpu(pid) for name, pid in pids.items()}

    def memory_kib(self):
        return {process.name: process_rss(process.pid) for process in (self.stack.worker, self.stack.broker)}

    def check(self, rows):
        seen = Ids(rows)
        for key in self.stack.keys(TOPIC, rows):
            seen.add(key[key.index(b":") + 1 : -1])
        seen.finish()

    def stop(self):
        self.stack.close()


class Leat:
    def __init__(self, directory):
        directory.mkdir()
        self.server = Server(directory, binary=LEAT)

    def start(self):
        self.server.start()

    def create(self, config):
        self.server.create(NAME, config)

    def stop_connector(self):
        answer = self.server.connect("PUT", f"/connectors/{NAME}/stop")
        assert answer.status < 300, answer
        self.server.wait_state(NAME, None, "STOPPED")

    def resume_connector(self):
        answer = self.server.connect("PUT", f"/connectors/{NAME}/resume")
        assert answer.status < 300, answer

    def topic(self, *arguments):
        return [str(LEAT), "topic", *arguments[:1], "--data-dir", str(self.server.data), NAME, *arguments[1:]]

    def records(self):
        done = subprocess.run(self.topic("list"), capture_output=True, text=True, env=self.server.env())
        offsets = dict(line.split() for line in done.stdout.splitlines()[1:])
        return int(offsets.get(TOPIC, 0))

    def wait_records(self, count):
        self.server.until(lambda: self.records() >= count, lambda: f"{count} records ({self.records()})", 600)

    def cpu(self):
        """Its processes that run, and those that the supervisor had and have ended."""
        pids = [process.pid for process in self.server.processes()]
        return {"connector": sum(process_cpu(pid) for pid in pids) + ended_children_cpu(self.server.pid)}

    def memory_kib(self):
        return {process.role: process_rss(process.pid) for process in self.server.processes()}

    def check(self, rows):
        """Returns the CPU seconds of `leat topic read --wire`: all records, as JSON in JSON, through a pipe."""
        seen = Ids(rows)
        process = subprocess.Popen(self.topic("read", TOPIC, "--wire"), stdout=subprocess.PIPE, env=self.server.env())
        for line in process.stdout:
            at = line.index(b'"key":"{\\"id\\":') + 15
            seen.add(line[at : line.index(b"}", at)])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        seen.finish()
        return usage.ru_utime + usage.ru_stime

    def stop(self):
        if self.server.running():
            self.server.stop()

    def close(self):
        self.server.close()


class Ids:
    """Each of 1 to rows, once."""

    def __init__(self, rows):
        self.rows, self.count, self.seen = rows, 0, bytearray(rows + 1)

    def add(self, text):
        self.seen[int(text)] = 1
        self.count += 1

    def finish(self):
        assert self.count == self.rows and sum(self.seen[1:]) == self.rows, (self.count, sum(self.seen), self.rows)


def server_cpu(bench):
    """PostgreSQL's, all of its processes."""
    running = (process_cpu(pid) or 0 for pid in postgres.child_pids(bench.server.process.pid))
    return sum(running) + ended_children_cpu(bench.server.process.pid)


def measured(bench, side, rows, upto, call):
    cpu, postgres_cpu, began = side.cpu(), server_cpu(bench), time.monotonic()
    call()
    side.wait_records(upto)
    seconds = time.monotonic() - began
    used = {name: round(now - cpu[name], 2) for name, now in side.cpu().items()}
    return {
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
        "rows_per_cpu_second": round(rows / max(used["connector"], 0.01)),
        "cpu_seconds": used | {"postgres": round(server_cpu(bench) - postgres_cpu, 2)},
        "memory_kib": side.memory_kib(),
    }


def settle(bench, database):
    """Nobody is connected, and nothing is left to be written."""
    wait_until(lambda: not any(slot[0] for slot in database.slots().values()), "no slot is in use")
    database.execute("checkpoint")


def snapshot(bench, database, side, slot, rows):
    result = measured(bench, side, rows, rows, lambda: side.create(config(bench, database, slot)))
    side.stop_connector()
    settle(bench, database)
    return result


def backlog(bench, database, side, rows):
    return measured(bench, side, rows, 2 * rows, side.resume_connector)


def peak_mib(*phases):
    """Of each process the highest, of all the sum."""
    peaks = {}
    for phase in phases:
        for name, kib in phase["memory_kib"].items():
            peaks[name] = max(kib, peaks.get(name, 0))
    return round(sum(peaks.values()) / 1024, 1)


def ratios(original, leat):
    found = {}
    for phase in ("snapshot", "backlog"):
        for what in ("rows_per_cpu_second", "rows_per_second"):
            found[f"{phase}_{what}"] = round(leat[phase][what] / original[phase][what], 1)
    wire = leat["backlog"]["cpu_seconds"]["connector"] + leat["topic_read_cpu_seconds"] / 2
    with_topic_read = original["backlog"]["cpu_seconds"]["connector"] / wire
    found["backlog_rows_per_cpu_second_with_topic_read"] = round(with_topic_read, 1)
    found["memory"] = round(original["peak_mib"] / leat["peak_mib"], 1)
    bars = {"rows_per_cpu_second": 10, "rows_per_second": 5, "memory": 20}
    lowest = {name: min(value for ratio, value in found.items() if ratio.endswith(name)) for name in bars}
    met = {name: lowest[name] >= bar for name, bar in bars.items()}
    return {"leat_to_original": found, "bars": bars, "met": met}


def run(bench, rows, per, columns):
    database = bench.database("shop")
    load = f"call load_orders({rows}, 10000);" if columns == 12 else SIX.format(rows=rows)
    database.psql(f"set synchronous_commit = off; {load}")
    database.execute("vacuum (analyze) orders")
    original, leat = Original(), Leat(bench.directory / "server")
    result = {"rows": rows, "columns": columns, "rows_per_transaction": per, "load_average": os.getloadavg()}
    result |= {"leat": {}, "original": {}}
    try:
        leat.start()
        result["leat"]["snapshot"] = snapshot(bench, database, leat, "leat", rows)
        leat.stop()
        original.start()
        result["original"]["snapshot"] = snapshot(bench, database, original, "debezium", rows)
        database.psql("set synchronous_commit = off;" + BACKLOG.format(rows=rows, per=per, columns=COLUMNS[columns]))
        settle(bench, database)
        result["original"]["backlog"] = backlog(bench, database, original, rows)
        original.check(2 * rows)
        original.stop()
        leat.start()
        result["leat"]["backlog"] = backlog(bench, database, leat, rows)
        leat.stop()
        result["leat"]["topic_read_cpu_seconds"] = round(leat.check(2 * rows), 2)
    finally:
        original.stop()
        leat.close()
    for side in ("leat", "original"):
        result[side]["peak_mib"] = peak_mib(result[side]["snapshot"], result[side]["backlog"])
    return result | ratios(result["original"], result["leat"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=quantity, default=quantity("2M"))
    parser.add_argument("--per", type=int, default=1000, help="rows a transaction of the backlog")
    parser.add_argument("--columns", type=int, default=12, choices=COLUMNS)
    options = parser.parse_args()
    with Bench() as bench:
        save("original", run(bench, options.rows, options.per, options.columns))


if __name__ == "__main__":
    main()
