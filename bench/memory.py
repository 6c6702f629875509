#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peak RSS of leat sync: for one large transaction, and for many tables (snapshot, then changes to all of them).

Usage: bench/memory.py [--rows 10M] [--tables 1000] [--rows-each 1000]
"""

import argparse

from harness import Bench, files_rows, quantity, save, sync


def figures(usage, rows):
    return {
        "rows": rows,
        "max_rss_mib": round(usage.rss_kib / 1024, 1),
        "seconds": round(usage.seconds, 1),
        "cpu_seconds": round(usage.cpu, 1),
        "walsender_cpu_seconds": round(usage.sender, 1),
    }


def large_transaction(bench, rows):
    database = bench.database("large")
    sync(bench, database, bench.directory / "large", "large", "--no-snapshot")
    database.execute(
        "insert into narrow select g, g % 1000, substr(md5(g::text), 1, 20), timestamptz '2026-01-01' + g * interval"
        f" '1 ms' from generate_series(1, {rows}::bigint) g"
    )
    usage = sync(bench, database, bench.directory / "large", "large", "--no-snapshot")
    seen = files_rows(bench.directory / "large")
    assert seen == (rows, rows, rows * (rows + 1) // 2), seen
    database.drop()
    return figures(usage, rows)


def many_tables(bench, tables, rows):
    database = bench.database("tables")
    insert = (
        f"do $$ begin for i in 1..{tables} loop execute format('insert into t%s"
        " select g, g %% 1000, md5(g::text), now() from generate_series({low}, {high}) g', i);"
        " {commit} end loop; end $$"
    )
    database.execute(
        f"do $$ begin for i in 1..{tables} loop"
        " execute format('create table t%s(like narrow including all)', i); end loop; end $$"
    )
    database.execute(insert.format(low=1, high=rows, commit="commit;"))
    snapshot = sync(bench, database, bench.directory / "tables", "tables")
    database.execute(insert.format(low=rows + 1, high=2 * rows, commit=""))  # one transaction over all of them
    database.execute(insert.format(low=2 * rows + 1, high=2 * rows + 100, commit="commit;"))
    stream = sync(bench, database, bench.directory / "tables", "tables")
    seen = files_rows(bench.directory / "tables")
    each = 2 * rows + 100
    assert seen[0] == tables * each and seen[2] == tables * each * (each + 1) // 2, seen
    database.drop()
    return {"snapshot": figures(snapshot, tables * rows), "stream": figures(stream, tables * (rows + 100))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=10_000_000)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--rows-each", type=quantity, default=1000)
    args = parser.parse_args()
    result = vars(args).copy()
    with Bench() as bench:
        result["large_transaction"] = large_transaction(bench, args.rows)
        result["many_tables"] = many_tables(bench, args.tables, args.rows_each)
    save("memory", result)


if __name__ == "__main__":
    main()
