#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of leat sync --follow, source and Iceberg sink in one process, under steady changes to many large tables.

Usage: bench/lake_memory.py [--seconds 60] [--rate 1000] [--tables 20] [--rows 1M]
`rate` transactions a second of 10 changes (6 updates and 1 delete at random keys, 3 inserts), each in one of so many
upsert tables of `rows` rows, in a local warehouse, freshness 1 s. RSS is the peak of the process, its anonymous and
file parts the largest that were seen (key indexes are mapped files). Afterwards the tables' rows are compared.
"""

import argparse
import threading
import time

from harness import Bench, follow, process_cpu, process_rss, quantity, save, sync
from lake_latency import Catalog, check

TRAFFIC = (
    "".join(f"\\set {name} random(1, {{rows}})\n" for name in "abcdefg")
    + """with changed as (update {table} set n = n + 1, at = now() where id in (:a, :b, :c, :d, :e, :f)),
 gone as (delete from {table} where id = :g and id not in (:a, :b, :c, :d, :e, :f))
 insert into {table} select nextval('ids'), g, 'abcdefghijklmnop', now() from generate_series(1, 3) g;
""".replace("\n ", " ")
)


class Memory(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.anonymous_kib, self.file_kib = pid, 0, 0
        self.done = threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.1):
            try:
                self.anonymous_kib = max(self.anonymous_kib, process_rss(self.pid, "RssAnon"))
                self.file_kib = max(self.file_kib, process_rss(self.pid, "RssFile"))
            except (FileNotFoundError, ProcessLookupError):
                return


def changes(database):
    database.execute("select pg_stat_force_next_flush()")
    return database.value("select sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint from pg_stat_user_tables")


def steady(bench, database, leat, tables, args):
    scripts = [TRAFFIC.format(table=table, rows=args.rows) for table in tables]
    traffic = bench.pgbench(database, scripts, args.rate, args.seconds + 4)
    time.sleep(3)
    cpu, began, before = process_cpu(leat.pid), time.monotonic(), changes(database)
    time.sleep(args.seconds)
    cpu, seconds, done = process_cpu(leat.pid) - cpu, time.monotonic() - began, changes(database) - before
    peak = process_rss(leat.pid)
    traffic.process.wait(120)
    return {
        "changes_per_second": round(done / seconds), "cores": round(cpu / seconds, 3),
        "cpu_us_per_change": round(cpu * 1e6 / max(done, 1), 2), "max_rss_mib": round(peak / 1024, 1),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--rows", type=quantity, default=1_000_000)
    args = parser.parse_args()
    tables = [f"t{i}" for i in range(args.tables)]
    more = ["--tables", "public.t*", "--set", "namespace=memory", "--freshness", "1s"]
    with Bench() as bench:
        database = bench.database("memory")
        for table in tables:
            database.execute(f"create table {table} (id bigint primary key, n int, text text, at timestamptz)")
            database.execute(
                f"insert into {table} select g, 0, 'abcdefghijklmnop', now() from generate_series(1, {args.rows}) g"
            )
        database.execute(f"select setval('ids', {args.rows})")
        how = {"format": "iceberg"}
        first = sync(bench, database, bench.directory / "lake", "memory", *more, **how)
        leat = follow(bench, database, bench.directory / "lake", "memory", *more, **how)
        memory = Memory(leat.pid)
        result = steady(bench, database, leat, tables, args)
        memory.done.set()
        leat.stop()
        # What had not come when it was asked to stop.
        sync(bench, database, bench.directory / "lake", "memory", *more, **how)
        catalog = Catalog(bench.data / "catalog.db", "memory")
        time.sleep(1)
        catalog.finish()
        check(database, catalog, tables)
    result |= {
        "anonymous_mib": round(memory.anonymous_kib / 1024, 1), "file_mib": round(memory.file_kib / 1024, 1),
        "snapshot_max_rss_mib": round(first.rss_kib / 1024, 1),
    }  # fmt: skip
    save("lake_memory", {**vars(args), **result})


if __name__ == "__main__":
    main()
