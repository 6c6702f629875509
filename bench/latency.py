#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commit in PostgreSQL -> durable in the journal, under steady traffic, while leat sync --follow writes files.

Usage: bench/latency.py [--seconds 30] [--rate 1000] [--rows 5] [--spread 1000]
`rate` transactions a second of `rows` rows each (pgbench), first into narrow, then spread over `spread` tables. A
reader in another process notes for each event when its cut was seen durable; the commit time is PostgreSQL's own, taken
before the server flushes its WAL: that flush is part of the figure.
"""

import argparse
import json

from harness import BUILD, Bench, follow, measure, save, sync

NARROW = """insert into narrow select nextval('ids'), g, 'abcdefghijklmnop', now() from generate_series(1, {rows}) g;
"""
SPREAD = """\\set t random(1, {tables})
insert into spread_:t select nextval('ids'), g, 'abcdefghijklmnop', now() from generate_series(1, {rows}) g;
"""


def latency(bench, database, name, script, mode, args):
    sync(bench, database, bench.directory / name, name)  # the snapshot
    leat = follow(bench, database, bench.directory / name, name)
    traffic = bench.pgbench(database, script, args.rate, args.seconds + 6, mode=mode)
    seen = json.loads(
        measure([BUILD / "leat_read", "latency", bench.data / "pipelines" / name / "journal", args.seconds]).out
    )
    traffic.process.wait(60)
    leat.stop()
    seen["rows_per_second"] = round(seen["events"] / args.seconds)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--spread", type=int, default=1000)
    args = parser.parse_args()
    result = vars(args).copy()
    with Bench() as bench:
        database = bench.database("one")
        result["one_table"] = latency(bench, database, "one", NARROW.format(rows=args.rows), "prepared", args)
        database.drop()
        database = bench.database("many")
        database.execute(
            f"do $$ begin for i in 1..{args.spread} loop"
            " execute format('create table spread_%s(like narrow including all)', i); end loop; end $$"
        )
        script = SPREAD.format(rows=args.rows, tables=args.spread)
        result["many_tables"] = latency(bench, database, "many", script, "simple", args)
    save("latency", result)


if __name__ == "__main__":
    main()
