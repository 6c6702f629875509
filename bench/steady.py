#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peak RSS and cores of leat sync --follow, the whole process, under steady traffic.

Usage: bench/steady.py [--seconds 60] [--rate 1000] [--rows 10] [--table narrow]
`rate` transactions a second of `rows` rows each (pgbench). The files' rows are compared with the table's.
"""

import argparse
import time

from harness import Bench, files_rows, follow, process_cpu, process_rss, save, sync

NARROW = """insert into narrow select nextval('ids'), g, 'abcdefghijklmnop', now() from generate_series(1, {rows}) g;
"""
ORDERS = """insert into orders select nextval('ids'), g * 7919, g * 31, 1 + g, 'shipped', 123.45, 678.90, 'EUR', now(),
 null, 'c4ca4238a0b923820dcc509a6f75849b c81e728d9d4c2f636f067f89cc14862c', '{{"tags": ["c4ca42", "b"], "score": 1}}'
 from generate_series(1, {rows}) g;
""".replace("\n ", " ")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--table", choices=["narrow", "orders"], default="narrow")
    args = parser.parse_args()
    script = {"narrow": NARROW, "orders": ORDERS}[args.table].format(rows=args.rows)
    with Bench() as bench:
        database = bench.database("steady")
        leat = follow(bench, database, bench.directory / "steady", "steady")
        traffic = bench.pgbench(database, script, args.rate, args.seconds + 6)
        time.sleep(3)  # steady now
        cpu, began, rows = process_cpu(leat.pid), time.monotonic(), database.value("select last_value from ids")
        time.sleep(args.seconds)
        cpu, seconds = process_cpu(leat.pid) - cpu, time.monotonic() - began
        rows = database.value("select last_value from ids") - rows
        rss = process_rss(leat.pid)
        traffic.process.wait(60)
        leat.stop()
        sync(bench, database, bench.directory / "steady", "steady")  # what had not come when it was asked to stop
        count, total = database.query(f"select count(*), sum(id)::bigint from {args.table}")[0]
        seen = files_rows(bench.directory / "steady")
        assert seen == (count, count, total), (seen, count, total)
    save("steady", {
        **vars(args),
        "changes_per_second": round(rows / seconds),
        "cores": round(cpu / seconds, 4),
        "cpu_us_per_change": round(cpu * 1e6 / rows, 2),
        "max_rss_mib": round(rss / 1024, 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
