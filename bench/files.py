#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A backlog of changes, PostgreSQL -> files, end to end, against the bound of two cores.

Usage: bench/files.py [--format json|parquet|avro] [--rows 2M] [--tables narrow,orders] [--rounds 2] [--per 100]
The bound: the smallest of the solo rates of the processes and of 2 / (CPU seconds per row of all of them together).
The processes: the walsender (its solo rate: 1 / its CPU seconds per row, nobody holding it up), leat. leat's halves
are also measured alone: source -> journal, journal -> files. The files' rows are counted and their ids summed up.
"""

import argparse

from harness import Bench, drain, files_bytes, files_check, journal_count, quantity, save, sync, us_per_row


def carry(bench, database, name, table, format):
    more = ["--no-snapshot", "--tables", f"public.{table}", "--set", "journal.retention.bytes=16GiB"]
    return sync(bench, database, bench.directory / name, name, *more, format=format)


def one(rows, usage):
    return {
        "rows_per_second": round(rows / usage.seconds),
        "cpu_us_per_row": us_per_row(usage.cpu, rows),
        "walsender_us_per_row": us_per_row(usage.sender, rows),
        "max_rss_kib": usage.rss_kib,
    }


def table_bench(bench, table, rows, per, rounds, format):
    database = bench.database(table)
    for i in range(rounds):
        whole, half = f"{table}_whole_{i}", f"{table}_half_{i}"
        carry(bench, database, whole, table, format)
        drain(database, False, bench.data / "pipelines" / half, half, table)
    database.execute(f"call load_{table}({rows}, {per})")
    rounds_done = []
    for i in range(rounds):
        whole, half = f"{table}_whole_{i}", f"{table}_half_{i}"
        end_to_end = carry(bench, database, whole, table, format)
        files_check(bench.directory / whole, format, rows)
        source = drain(database, False, bench.data / "pipelines" / half, half, table, bench.server)
        assert journal_count(bench.data / "pipelines" / half / "journal")["events"] == rows
        sink = carry(bench, database, half, table, format)
        files_check(bench.directory / half, format, rows)
        rate = rows / end_to_end.seconds
        cpu = (source.sender + source.cpu + sink.cpu) / rows
        solo = min(rows / source.seconds, rows / sink.seconds)
        bound = min(solo, 2 / cpu)
        rounds_done.append({
            "end_to_end": one(rows, end_to_end),
            "source_alone": one(rows, source),
            "sink_alone": one(rows, sink),
            "file_bytes_per_row": round(files_bytes(bench.directory / whole) / rows, 1),
            "solo_rate": round(solo),
            "two_cores_rate": round(2 / cpu),
            "ratio_to_solo": round(rate / solo, 2),
            "ratio_to_bound": round(rate / bound, 2),
        })  # fmt: skip
    database.drop()
    return rounds_done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=["json", "parquet", "avro"], default="json")
    parser.add_argument("--rows", type=quantity, default=2_000_000)
    parser.add_argument("--per", type=quantity, default=100, help="rows of a transaction")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tables", default="narrow,orders")
    args = parser.parse_args()
    result = {"format": args.format, "rows": args.rows, "rows_per_transaction": args.per}
    with Bench() as bench:
        for table in args.tables.split(","):
            result[table] = table_bench(bench, table, args.rows, args.per, args.rounds, args.format)
    save("files" if args.format == "json" else f"files_{args.format}", result)


if __name__ == "__main__":
    main()
