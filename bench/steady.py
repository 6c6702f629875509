#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peak RSS and cores of leat sync --follow, the whole process, under steady traffic.

Usage: bench/steady.py [--seconds 60] [--rate 1000] [--rows 10] [--table narrow] [--tables 1] [--format json] [--s3]
`rate` transactions a second of `rows` rows each (pgbench), each into one of so many tables. Into files, or into an S3
server on this machine (versitygw). The files' rows are compared with the tables'.
"""

import argparse
import contextlib
import time

from harness import Bench, files_rows, follow, process_cpu, process_rss, save, sync
from s3_servers import Versitygw

NARROW = """insert into {table} select nextval('ids'), g, 'abcdefghijklmnop', now() from generate_series(1, {rows}) g;
"""
ORDERS = """insert into {table} select nextval('ids'), g * 7919, g * 31, 1 + g, 'shipped', 123.45, 678.90, 'EUR', now(),
 null, 'c4ca4238a0b923820dcc509a6f75849b c81e728d9d4c2f636f067f89cc14862c', '{{"tags": ["c4ca42", "b"], "score": 1}}'
 from generate_series(1, {rows}) g;
""".replace("\n ", " ")


def tables_make(database, table, count):
    names = [table] + [f"{table}_{i}" for i in range(2, count + 1)]
    for name in names[1:]:
        database.execute(f"create table {name}(like {table} including all)")
    return names


class Target:
    """A folder, or a bucket of an S3 server."""

    def __init__(self, bench, stack, s3):
        self.directory = bench.directory / "steady"
        self.url, self.more, self.env, self.bucket = self.directory, [], {}, None
        if s3:
            server = Versitygw().start()
            stack.callback(server.remove)
            self.bucket, self.env = server.create_bucket(), server.env()
            self.url, self.more = self.bucket.url("steady"), ["--set", f"s3.endpoint={server.endpoint}"]

    def rows(self, format):
        if self.bucket is not None:
            self.bucket.download(self.directory)
        return files_rows(self.directory, format)


def measured(bench, database, leat, scripts, args):
    traffic = bench.pgbench(database, scripts, args.rate, args.seconds + 6)
    time.sleep(3)  # steady now
    cpu, began, rows = process_cpu(leat.pid), time.monotonic(), database.value("select last_value from ids")
    time.sleep(args.seconds)
    cpu, seconds = process_cpu(leat.pid) - cpu, time.monotonic() - began
    rows = database.value("select last_value from ids") - rows
    rss = process_rss(leat.pid)
    traffic.process.wait(60)
    return {
        "changes_per_second": round(rows / seconds),
        "cores": round(cpu / seconds, 4),
        "cpu_us_per_change": round(cpu * 1e6 / rows, 2),
        "max_rss_mib": round(rss / 1024, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--table", choices=["narrow", "orders"], default="narrow")
    parser.add_argument("--tables", type=int, default=1)
    parser.add_argument("--format", choices=["json", "parquet", "avro"], default="json")
    parser.add_argument("--s3", action="store_true")
    args = parser.parse_args()
    text = {"narrow": NARROW, "orders": ORDERS}[args.table]
    with Bench() as bench, contextlib.ExitStack() as stack:
        database = bench.database("steady")
        names = tables_make(database, args.table, args.tables)
        target = Target(bench, stack, args.s3)
        how = {"format": args.format, "env": target.env}
        leat = follow(bench, database, target.url, "steady", *target.more, **how)
        result = measured(bench, database, leat, [text.format(table=n, rows=args.rows) for n in names], args)
        leat.stop()
        # What had not come when it was asked to stop.
        sync(bench, database, target.url, "steady", *target.more, **how)
        union = " union all ".join(f"select id from {name}" for name in names)
        count, total = database.query(f"select count(*), sum(id)::bigint from ({union}) all_rows")[0]
        seen = target.rows(args.format)
        assert seen == (count, count, total), (seen, count, total)
    name = "steady" if not args.s3 else f"steady_s3_{args.format}"
    save(name, {**vars(args), **result})


if __name__ == "__main__":
    main()
