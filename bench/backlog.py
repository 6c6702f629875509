#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A backlog of changes, PostgreSQL -> durable journal, against pg_recvlogical -f /dev/null on the same backlog.

Usage: bench/backlog.py [--rows 2M] [--rounds 3] [--tables narrow,orders] [--roads unix,tcp] [--per 100]
Every run has a slot of its own on the one backlog; runs of leat and of the peer take turns. The figure is the ratio of
the medians. The journals' rows are counted, and their ids summed up.
"""

import argparse
import json
import statistics

from harness import Bench, drain, journal_count, measure, quantity, save, us_per_row


def peer_run(bench, database, tcp, slot, end):
    host = ["-h", "127.0.0.1"] if tcp else ["-h", bench.server.directory]
    return measure(
        [bench.server.bin / "pg_recvlogical", *host, "-p", bench.server.port, "-U", "postgres", "-d", database.name,
         "-S", slot, "--start", f"--endpos={end}", "--no-loop", "-o", "proto_version=1",
         "-o", "publication_names=peer", "-f", "/dev/null"],
        bench.server,
    )  # fmt: skip


def summary(runs, rows):
    middle = statistics.median(run["seconds"] for run in runs)
    return {
        "rows_per_second": round(rows / middle),
        "seconds": [run["seconds"] for run in runs],
        "cpu_us_per_row": us_per_row(statistics.median(run["cpu"] for run in runs), rows),
        "walsender_us_per_row": us_per_row(statistics.median(run["sender"] for run in runs), rows),
        "max_rss_kib": max(run["rss_kib"] for run in runs),
    }


def run_of(usage):
    return {"seconds": round(usage.seconds, 3), "cpu": usage.cpu, "sender": usage.sender, "rss_kib": usage.rss_kib}


def table_bench(bench, table, rows, per, rounds, roads):
    database = bench.database(table)
    database.execute(f"create publication peer for table {table}")
    names = [(road, i) for i in range(rounds) for road in roads]
    for road, i in names:
        drain(database, False, bench.directory / f"{table}_{road}_{i}", f"{table}_{road}_{i}", table)
        database.execute(f"select pg_create_logical_replication_slot('peer_{road}_{i}', 'pgoutput')")
    database.execute(f"call load_{table}({rows}, {per})")
    end = database.value("select pg_current_wal_flush_lsn()")
    runs = {(road, who): [] for road in roads for who in ("leat", "peer")}
    for road, i in names:
        for who in ("leat", "peer") if i % 2 == 0 else ("peer", "leat"):
            if who == "peer":
                usage = peer_run(bench, database, road == "tcp", f"peer_{road}_{i}", end)
            else:
                directory = bench.directory / f"{table}_{road}_{i}"
                usage = drain(database, road == "tcp", directory, f"{table}_{road}_{i}", table, bench.server)
                changes = json.loads(usage.out)["changes"]
                seen = journal_count(directory / "journal")
                assert changes == seen["events"] == rows, (changes, seen)
                assert seen["sum"] == rows * (rows + 1) // 2, seen
            runs[road, who].append(run_of(usage))
    results = {}
    for road in roads:
        leat, peer = summary(runs[road, "leat"], rows), summary(runs[road, "peer"], rows)
        results[road] = {
            "leat": leat,
            "pg_recvlogical": peer,
            "rate_ratio": round(leat["rows_per_second"] / peer["rows_per_second"], 2),
            "cpu_ratio": round(leat["cpu_us_per_row"] / peer["cpu_us_per_row"], 2),
        }
    database.drop()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=2_000_000)
    parser.add_argument("--per", type=quantity, default=100, help="rows of a transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tables", default="narrow,orders")
    parser.add_argument("--roads", default="unix,tcp")
    args = parser.parse_args()
    result = {"rows": args.rows, "rows_per_transaction": args.per}
    with Bench() as bench:
        for table in args.tables.split(","):
            result[table] = table_bench(bench, table, args.rows, args.per, args.rounds, args.roads.split(","))
    save("backlog", result)


if __name__ == "__main__":
    main()
