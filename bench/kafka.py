#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL -> topics of a real Kafka on this machine, by leat sync.

Usage: bench/kafka.py backlog [--rows 2M] [--per 100] [--rounds 1] [--format avro] [--no-debezium]
       bench/kafka.py latency [--seconds 30] [--rate 1000] [--rows 1] [--brokers 1] [--modes enabled,disabled]
       bench/kafka.py journal [--rows 500k] [--seconds 20] [--rate 1000]
       bench/kafka.py memory [--seconds 60] [--rate 1000] [--rows 10] [--tables 1] [--brokers 1]

backlog: changes to `orders` that wait in a slot, into a topic of one broker, transactions on, against two others on the
same changes and the same broker, in turns: Debezium (scripts/setup original; tuned as in bench/original.py,
JSON without
schemas, the cheapest that it has here; its JVM has read a tenth of the rows before), and the bound of two cores:

    min(rows/s of pg_recvlogical -f /dev/null,
        rows/s of a bare producer of librdkafka (leat_kafka copy) of the records that leat has written, with their keys,
        values and headers, from memory, idempotent, in transactions as far apart as leat's,
        2 / CPU seconds per row of all four: walsender, pg_recvlogical, producer, broker)

In the bound nobody decodes a row, encodes a record, or makes anything durable but the broker. read_committed readers
see each id once in both topics.

latency: `rate` transactions a second of `rows` rows each (pgbench). From PostgreSQL's commit time, taken
before it flushes
its WAL, until a read_committed consumer in another process (leat_kafka latency) has the record; with transactions
(exactly.once.support=enabled) and without (disabled: at least once). Afterwards the records are counted.

memory: peak RSS and CPU of leat under such traffic, `orders` as Avro, all tables' records counted afterwards.

journal: the same backlog of `orders` into Parquet files with the journal in files and in a topic of one
broker: CPU, bytes
that a change takes in it; then what a commit takes, memory and cores under steady traffic of five rows a transaction.

CPU is wait4's of leat, pg_recvlogical and the producer, /proc's of Connect and the brokers, PostgreSQL's own
of its backends.
One broker runs with the flags and heap of Kafka's own scripts, three with small heaps
(tests/integration/kafka_broker.py).
"""

import argparse
import contextlib
import json
import subprocess
import time

from harness import (
    BUILD,
    LEAT,
    Bench,
    files_check,
    follow,
    measure,
    process_cpu,
    process_rss,
    quantity,
    save,
    sync,
    us_per_row,
)
from lake import recvlogical
from original import config, measured, settle
from steady import NARROW, ORDERS, tables_make

from kafka_broker import KafkaCluster
from original_stack import OriginalStack
from server import Server
from wait import wait_until

TOOL = BUILD / "leat_kafka"
INTERVAL_MS = 500  # transaction.interval
BARS = {
    "of_bound": 0.8, "rows_per_cpu_second": 10, "rows_per_second": 5, "enabled": 60, "disabled": 15, "memory_mib": 96,
}  # fmt: skip


class Brokers:
    """One broker as Kafka's scripts start it, or three; and a registry."""

    def __init__(self, bench, count, stack):
        self.one = OriginalStack(connect={"connector.client.config.override.policy": "All"}) if count == 1 else None
        if self.one is not None:
            stack.callback(self.one.close)
            self.one.start_broker()
            self.bootstrap, self.pids = self.one.bootstrap, [self.one.broker.pid]
        else:
            cluster = stack.enter_context(KafkaCluster(nodes=count))
            self.bootstrap, self.pids = cluster.bootstrap, [node.process.pid for node in cluster.nodes]
        (bench.directory / "registry").mkdir()
        self.registry = stack.enter_context(Server(bench.directory / "registry", binary=LEAT)).registry_url

    def cpu(self):
        return sum(process_cpu(pid) for pid in self.pids)

    def url(self, prefix, **options):
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"kafka://{self.bootstrap}/?topic.prefix={prefix}{more}"

    def form(self, format):
        return {"format": format, "more": ["--registry", self.registry] if format == "avro" else []}

    def count(self, topic):
        """What read_committed readers see: records, the sum of their ids."""
        seen = json.loads(measure([TOOL, "count", self.bootstrap, topic]).out)
        return seen["records"], seen["sum"], seen["bytes"]


def carry(bench, brokers, database, name, format, *more):
    form = brokers.form(format)
    return sync(
        bench, database, brokers.url(name), name, "--tables", "public.orders", "--no-snapshot", *form["more"], *more,
        format=format,
    )  # fmt: skip


# --- a backlog ---


def bare(brokers, topic, rows):
    """The bare producer on the records of a topic: its seconds and CPU seconds, the broker's."""
    program = subprocess.Popen(
        [TOOL, "copy", brokers.bootstrap, topic, f"bare.{topic}", str(INTERVAL_MS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout.readline() == "ready\n"
    cpu = brokers.cpu()
    program.stdin.write("\n")
    program.stdin.flush()
    seen = json.loads(program.stdout.readline())
    cpu = brokers.cpu() - cpu
    program.wait(60)
    assert seen["records"] == rows, seen
    return {**seen, "broker_cpu_seconds": round(cpu, 2)}


def leat_run(bench, brokers, database, name, rows, first, format):
    cpu = brokers.cpu()
    usage = carry(bench, brokers, database, name, format)
    cpu = brokers.cpu() - cpu
    topic = f"{name}.public.orders"
    records, total, size = brokers.count(topic)
    assert (records, total) == (rows, sum(range(first + 1, first + rows + 1))), (records, total)
    return usage, {
        "rows_per_second": round(rows / usage.seconds),
        "rows_per_cpu_second": round(rows / usage.cpu),
        "cpu_us_per_row": us_per_row(usage.cpu, rows),
        "backends_us_per_row": us_per_row(usage.backends, rows),
        "broker_us_per_row": us_per_row(cpu, rows),
        "record_bytes": round(size / rows, 1),
        "topic_bytes_per_change": round(log_bytes(brokers.one.directory / "topics" / f"{topic}-0") / rows, 1),
        "max_rss_mib": round(usage.rss_kib / 1024, 1),
    }


def bound_of(rows, peer, producer):
    """rows/s; see above."""
    cpu = peer.cpu + peer.backends + producer["cpu_seconds"] + producer["broker_cpu_seconds"]
    return {
        "pg_recvlogical_rows_per_second": round(rows / peer.seconds),
        "producer_rows_per_second": round(rows / producer["seconds"]),
        "two_cores_rows_per_second": round(2 * rows / cpu),
        "cpu_us_per_row": {
            "pg_recvlogical": us_per_row(peer.cpu, rows), "walsender": us_per_row(peer.backends, rows),
            "producer": us_per_row(producer["cpu_seconds"], rows),
            "broker": us_per_row(producer["broker_cpu_seconds"], rows),
        },
        "rows_per_second": round(min(rows / peer.seconds, rows / producer["seconds"], 2 * rows / cpu)),
    }  # fmt: skip


class Debezium:
    """Of the stack whose broker leat writes to as well."""

    def __init__(self, bench, stack, database):
        self.bench, self.stack, self.database = bench, stack, database

    def warm(self, rows):
        self.stack.start_connect()
        self.stack.create("bench", config(self.bench, self.database, "debezium"))
        self.wait_records(rows)
        self.stack.settled("PUT", "/connectors/bench/stop")
        self.stack.wait_stopped("bench")

    def resume(self):
        self.stack.settled("PUT", "/connectors/bench/resume")

    # What original.measured asks.
    def wait_records(self, count):
        self.stack.wait_end("shop.public.orders", count, timeout=1800)

    def cpu(self):
        return {"connector": process_cpu(self.stack.worker.pid), "broker": process_cpu(self.stack.broker.pid)}

    def memory_kib(self):
        return {"connector": process_rss(self.stack.worker.pid)}


def backlog(bench, args):
    result = {"rows": args.rows, "rows_per_transaction": args.per, "format": args.format, "rounds": []}
    first = args.rows // 10
    with contextlib.ExitStack() as stack:
        brokers = Brokers(bench, 1, stack)
        database = bench.database("shop")
        database.execute(f"call load_orders({first}, 10000)")
        database.execute("create publication peer for table orders")
        debezium = Debezium(bench, brokers.one, database)
        if args.debezium:
            debezium.warm(first)
        names = [f"leat{i}" for i in range(args.rounds)]
        for name in names:
            carry(bench, brokers, database, name, args.format)
            database.execute(f"select pg_create_logical_replication_slot('peer_{name}', 'pgoutput')")
        database.psql(f"set synchronous_commit = off; {LATER.format(first=first, rows=args.rows, per=args.per)}")
        end = database.value("select pg_current_wal_flush_lsn()")
        settle(bench, database)
        if args.debezium:
            result["debezium"] = measured(bench, debezium, args.rows, first + args.rows, debezium.resume)
            records, total, _ = brokers.count("shop.public.orders")
            assert (records, total) == (first + args.rows, sum(range(first + args.rows + 1))), (records, total)
            brokers.one.stop_connect()
            settle(bench, database)
        for name in names:
            peer = recvlogical(bench, database, f"peer_{name}", end)
            _, leat = leat_run(bench, brokers, database, name, args.rows, first, args.format)
            bound = bound_of(args.rows, peer, bare(brokers, f"{name}.public.orders", args.rows))
            of_bound = round(leat["rows_per_second"] / bound["rows_per_second"], 2)
            row = {"leat": leat, "bound": bound, "of_bound": of_bound}
            if args.debezium:
                names_of = ("rows_per_cpu_second", "rows_per_second")
                row |= {"of_debezium": {n: round(leat[n] / result["debezium"][n], 1) for n in names_of}}
            result["rounds"].append(row)
    met = [r["of_bound"] >= BARS["of_bound"] for r in result["rounds"]]
    met += [v >= BARS[n] for r in result["rounds"] for n, v in r.get("of_debezium", {}).items()]
    return result | {"bars": BARS, "met": all(met)}


# load_orders makes the ids 1 to n.
LATER = """
do $$ declare at bigint := {first}; begin
  while at < {first} + {rows} loop
    insert into orders select at + g, (g * 7919) % 500000, customer_id, quantity, status, unit_price, total, currency,
        created_at, updated_at, note, attributes
      from generate_series(1, least({per}, {first} + {rows} - at)) g join orders o on o.id = 1 + (at + g) % {first};
    at := at + {per};
    commit;
  end loop;
end $$"""


# --- latency ---


def following(bench, brokers, database, name, tables, format, **options):
    form = brokers.form(format)
    more = ["--tables", "public.*", *form["more"]]
    url = brokers.url(name, **options)
    sync(bench, database, url, name, *more, format=format)  # topics are there
    return follow(bench, database, url, name, *more, format=format), lambda: sync(
        bench, database, url, name, *more, format=format
    )


def counted(brokers, database, name, tables, exactly):
    for table in tables:
        count, total = database.query(f"select count(*), sum(id)::bigint from {table}")[0]
        records, found, _ = brokers.count(f"{name}.public.{table}")
        assert (records, found) == (count, total) if exactly else records >= count, (records, found, count, total)


def latency_of(bench, brokers, mode, args):
    database = bench.database(mode)
    database.execute("drop table orders; insert into narrow values (0, 0, '', now())")
    options = {"exactly.once.support": mode, "transaction.linger": "0"}
    leat, last = following(bench, brokers, database, mode, ["narrow"], "json", **options)
    script = NARROW.format(table="narrow", rows=args.rows)
    traffic = bench.pgbench(database, script, args.rate, args.seconds + args.warm + 3)
    time.sleep(args.warm)
    cpu, broker = process_cpu(leat.pid), brokers.cpu()
    seen = json.loads(
        measure([TOOL, "latency", brokers.bootstrap, f"{mode}.public.narrow", args.seconds]).out
    )
    seen["leat_cores"] = round((process_cpu(leat.pid) - cpu) / args.seconds, 3)
    seen["broker_cores"] = round((brokers.cpu() - broker) / args.seconds, 3)
    seen["max_rss_mib"] = round(process_rss(leat.pid) / 1024, 1)
    traffic.process.wait(60)
    leat.stop()
    last()
    counted(brokers, database, mode, ["narrow"], mode == "enabled")
    seen["records_per_second"] = round(seen["records"] / args.seconds)
    database.drop()
    return seen


def latency(bench, args):
    result = {name: getattr(args, name) for name in ("seconds", "rate", "rows", "brokers")}
    with contextlib.ExitStack() as stack:
        brokers = Brokers(bench, args.brokers, stack)
        for mode in args.modes.split(","):
            result[mode] = latency_of(bench, brokers, mode, args)
            print(mode, result[mode], flush=True)
    if args.brokers == 1:
        result["met"] = all(result[mode]["p99_ms"] <= BARS[mode] for mode in args.modes.split(","))
    return result


# --- where the journal is ---


def log_bytes(log):
    return sum(file.stat().st_size for file in log.rglob("*") if file.suffix in (".log", ".seg"))


def commits(bench, name):
    """The journal's group commits so far, and the microseconds that they took."""
    status = json.loads((bench.data / "pipelines" / name / "status.json").read_text())
    return status["commits"], status["commit_us"]


def journal_of(bench, brokers, where, args):
    name = f"journal_{where}"
    database = bench.database(name)
    more = ["--tables", "public.*", "--set", "journal.retention.bytes=16GiB"]
    if where == "kafka":
        more += ["--journal", f"kafka://{brokers.bootstrap}/?prefix=bench"]
    target = bench.directory / name
    sync(bench, database, target, name, *more, format="parquet")  # of empty tables
    database.psql(f"set synchronous_commit = off; call load_orders({args.rows}, 100)")
    log = bench.data / "pipelines" / name / "journal"
    log = brokers.one.directory / "topics" / f"bench.{name}.journal-0" if where == "kafka" else log
    cpu, before = brokers.cpu(), log_bytes(log)
    usage = sync(bench, database, target, name, *more, format="parquet")
    cpu = brokers.cpu() - cpu
    files_check(target / "public" / "orders", "parquet", args.rows)
    result = {
        "leat_us_per_row": us_per_row(usage.cpu, args.rows), "broker_us_per_row": us_per_row(cpu, args.rows),
        "rows_per_second": round(args.rows / usage.seconds), "max_rss_mib": round(usage.rss_kib / 1024, 1),
        "bytes_per_change": round((log_bytes(log) - before) / args.rows, 1),
    }  # fmt: skip
    leat = follow(bench, database, target, name, *more, format="parquet")
    traffic = bench.pgbench(database, NARROW.format(table="narrow", rows=5), args.rate, args.seconds + args.warm + 3)
    time.sleep(args.warm)
    cpu, broker, before = process_cpu(leat.pid), brokers.cpu(), commits(bench, name)
    time.sleep(args.seconds)
    after = commits(bench, name)
    result["steady"] = {
        "commit_ms": round((after[1] - before[1]) / 1000 / (after[0] - before[0]), 1),
        "commits_per_second": round((after[0] - before[0]) / args.seconds),
        "leat_cores": round((process_cpu(leat.pid) - cpu) / args.seconds, 3),
        "broker_cores": round((brokers.cpu() - broker) / args.seconds, 3),
        "max_rss_mib": round(process_rss(leat.pid) / 1024, 1),
    }
    traffic.process.wait(60)
    leat.stop()
    database.drop()
    return result


def journal(bench, args):
    result = {name: getattr(args, name) for name in ("rows", "seconds", "rate")}
    with contextlib.ExitStack() as stack:
        brokers = Brokers(bench, 1, stack)
        for where in ("files", "kafka"):
            result[where] = journal_of(bench, brokers, where, args)
            print(where, result[where], flush=True)
    return result


# --- memory ---


def memory(bench, args):
    result = {name: getattr(args, name) for name in ("seconds", "rate", "rows", "tables", "brokers", "format")}
    with contextlib.ExitStack() as stack:
        brokers = Brokers(bench, args.brokers, stack)
        database = bench.database("steady")
        database.execute("drop table narrow")
        tables = tables_make(database, "orders", args.tables)
        for table in tables:
            database.execute(ORDERS.format(table=table, rows=1))
        leat, last = following(bench, brokers, database, "steady", tables, args.format)
        scripts = [ORDERS.format(table=table, rows=args.rows) for table in tables]
        traffic = bench.pgbench(database, scripts, args.rate, args.seconds + args.warm + 3)
        time.sleep(args.warm)
        cpu, broker, began = process_cpu(leat.pid), brokers.cpu(), time.monotonic()
        rows = database.value("select last_value from ids")
        time.sleep(args.seconds)
        cpu, broker = process_cpu(leat.pid) - cpu, brokers.cpu() - broker
        seconds, rows = time.monotonic() - began, database.value("select last_value from ids") - rows
        result |= {
            "changes_per_second": round(rows / seconds),
            "leat_cores": round(cpu / seconds, 3), "leat_us_per_change": us_per_row(cpu, rows),
            "broker_cores": round(broker / seconds, 3), "broker_us_per_change": us_per_row(broker, rows),
            "max_rss_mib": round(process_rss(leat.pid) / 1024, 1),
        }  # fmt: skip
        traffic.process.wait(60)
        leat.stop()
        last()
        counted(brokers, database, "steady", tables, True)
    return result | {"met": result["max_rss_mib"] <= BARS["memory_mib"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("backlog")
    one.add_argument("--rows", type=quantity, default=2_000_000)
    one.add_argument("--per", type=quantity, default=100, help="rows of a transaction")
    one.add_argument("--rounds", type=int, default=1)
    one.add_argument("--format", choices=["avro", "json"], default="avro")
    one.add_argument("--no-debezium", dest="debezium", action="store_false")
    two = commands.add_parser("latency")
    two.add_argument("--rows", type=int, default=1, help="rows of a transaction")
    two.add_argument("--modes", default="enabled,disabled")
    three = commands.add_parser("memory")
    three.add_argument("--rows", type=int, default=10, help="rows of a transaction")
    three.add_argument("--tables", type=int, default=1)
    three.add_argument("--format", choices=["avro", "json"], default="avro")
    four = commands.add_parser("journal")
    four.add_argument("--rows", type=quantity, default=500_000)
    for command, seconds in ((two, 30), (three, 60), (four, 20)):
        command.add_argument("--seconds", type=int, default=seconds)
        command.add_argument("--rate", type=int, default=1000, help="transactions a second")
        command.add_argument("--warm", type=int, default=15, help="seconds before: the brokers' JVM compiles")
    for command in (two, three):
        command.add_argument("--brokers", type=int, choices=[1, 3], default=1)
    args = parser.parse_args()
    with Bench() as bench:
        calls = {"backlog": backlog, "latency": latency, "memory": memory, "journal": journal}
        result = calls[args.command](bench, args)
    many = "_brokers" if getattr(args, "brokers", 1) > 1 else ""
    save(f"kafka_{args.command}{many}", result)


if __name__ == "__main__":
    main()
