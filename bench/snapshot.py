#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A snapshot, PostgreSQL -> Parquet files, against COPY to /dev/null and against DuckDB's postgres scanner.

Usage: bench/snapshot.py [--rows 5M] [--tables narrow,orders] [--rounds 2] [--format parquet] [--connections 1,2]
They take turns on one table. COPY: psql, COPY (FORMAT binary), one connection; or two, half of the table's pages each.
The bound of two cores, for each number of connections: the smallest of the solo rates and of 2 / (CPU seconds per row
of all processes together). Alone are measured: source -> journal (leat_drain), journal -> files, and COPY.
The files' rows are counted and their ids summed up, the peer's too. Disks are synced before each run.
"""

import argparse
import os
import shlex
import shutil
import sys

from harness import (
    ROOT, Bench, drain, files_bytes, files_check, journal_count, measure, quantity, save, sync, us_per_row,
)  # fmt: skip


class Copy:
    """COPY (FORMAT binary) of a table to /dev/null, by psql."""

    def __init__(self, bench, database, table):
        self.bench, self.database, self.table = bench, database, table

    def parts(self, connections):
        if connections == 1:
            return [f"copy {self.table} to stdout (format binary)"]
        pages = self.database.value(f"select pg_relation_size('{self.table}') / 8192")
        bounds = [pages * i // connections for i in range(connections)] + [pages]
        return [
            f"copy (select * from {self.table} where ctid >= '({low},0)' and ctid < '({high},0)')"
            " to stdout (format binary)"
            for low, high in zip(bounds, bounds[1:])
        ]  # fmt: skip

    def run(self, connections):
        server = self.bench.server
        psql = ["psql", "-X", "-q", "-d", server.conninfo(self.database.name), "-c"]
        commands = [shlex.join([*psql, sql]) + " > /dev/null & clients+=($!)" for sql in self.parts(connections)]
        script = "\n".join([*commands, 'for client in "${clients[@]}"; do wait "$client" || exit 1; done'])
        return measure(["bash", "-c", script], server)


class Peer:
    """DuckDB's postgres scanner with two threads. Order of rows is given up where that is better for it."""

    def __init__(self, bench, database, table):
        self.bench, self.database, self.table = bench, database, table

    def run(self, rows, threads=2):
        server, file = self.bench.server, self.bench.directory / "peer" / "peer.parquet"
        shutil.rmtree(file.parent, ignore_errors=True)
        file.parent.mkdir()
        program = ROOT / "bench/peers/duckdb_scanner.py"
        argv = [sys.executable, program, server.conninfo(self.database.name), self.table, file, threads]
        usage = measure([*argv, "preserve_insertion_order=false"], server)
        usage.seconds = float(usage.out)
        files_check(file.parent, "parquet", rows)
        usage.bytes = files_bytes(file.parent)
        return usage


class Leat:
    """leat's snapshot: whole, and its halves alone."""

    def __init__(self, bench, database, table, format):
        self.bench, self.database, self.table, self.format = bench, database, table, format

    def sync(self, name, connections, *more):
        more = ["--tables", f"public.{self.table}", "--set", f"snapshot.connections={connections}", *more]
        return sync(self.bench, self.database, self.bench.directory / name, name, *more, format=self.format)

    def forget(self, name):
        """Its files, its journal and its slot."""
        shutil.rmtree(self.bench.directory / name)
        shutil.rmtree(self.bench.data / "pipelines" / name)
        self.database.execute(f"select pg_drop_replication_slot('leat_{name}')")

    def whole(self, rows, connections):
        usage = self.sync("whole", connections)
        files_check(self.bench.directory / "whole", self.format, rows)
        usage.bytes = files_bytes(self.bench.directory / "whole")
        self.forget("whole")
        return usage

    def halves(self, rows, connections):
        directory = self.bench.data / "pipelines" / "half"
        source = drain(self.database, False, directory, "half", self.table, self.bench.server, connections)
        assert journal_count(directory / "journal")["events"] == rows
        os.sync()
        sink = self.sync("half", connections, "--set", "journal.retention.bytes=64GiB")
        files_check(self.bench.directory / "half", self.format, rows)
        self.forget("half")
        return source, sink


def one(rows, usage):
    result = {
        "rows_per_second": round(rows / usage.seconds),
        "cpu_us_per_row": us_per_row(usage.cpu, rows),
        "backends_us_per_row": us_per_row(usage.backends, rows),
        "max_rss_mib": round(usage.rss_kib / 1024, 1),
    }
    if hasattr(usage, "bytes"):
        result["file_bytes_per_row"] = round(usage.bytes / rows, 1)
    return result


def bound(rows, copy, source, sink):
    """Rows per second that two cores and the slowest process allow."""
    solo = min(rows / copy.seconds, rows / source.seconds, rows / sink.seconds)
    cpu = (source.backends + source.cpu + sink.cpu) / rows
    return solo, 2 / cpu, min(solo, 2 / cpu)


def round_of(bench, database, table, rows, format, connections):
    copies = Copy(bench, database, table)
    leat = Leat(bench, database, table, format)
    result = {}
    os.sync()
    peer = Peer(bench, database, table).run(rows)
    result["duckdb_2_threads"] = one(rows, peer)
    for count in connections:
        os.sync()
        copy = copies.run(count)
        os.sync()
        whole = leat.whole(rows, count)
        os.sync()
        source, sink = leat.halves(rows, count)
        solo, cores, least = bound(rows, copy, source, sink)
        rate = rows / whole.seconds
        result[f"connections_{count}"] = {
            "copy": one(rows, copy),
            "leat": one(rows, whole),
            "source_alone": one(rows, source),
            "sink_alone": one(rows, sink),
            "solo_rate": round(solo),
            "two_cores_rate": round(cores),
            "ratio_to_copy": round(rate * copy.seconds / rows, 2),
            "ratio_to_bound": round(rate / least, 2),
            "ratio_to_duckdb": round(rate * peer.seconds / rows, 2),
            "memory_to_duckdb": round(whole.rss_kib / peer.rss_kib, 3),
        }
        print(f"{table}, {count}: {result[f'connections_{count}']}", file=sys.stderr, flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=5_000_000)
    parser.add_argument("--tables", default="narrow,orders")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--format", choices=["json", "parquet", "avro"], default="parquet")
    parser.add_argument("--connections", default="1,2")
    args = parser.parse_args()
    result = {"rows": args.rows, "format": args.format}
    with Bench() as bench:
        for table in args.tables.split(","):
            database = bench.database(table)
            database.execute(f"call load_{table}({args.rows}, 100000)")
            database.execute(f"vacuum (freeze, analyze) {table}")
            Copy(bench, database, table).run(1)  # the table is in memory now, for all alike
            result[table] = [
                round_of(bench, database, table, args.rows, args.format, [int(c) for c in args.connections.split(",")])
                for _ in range(args.rounds)
            ]
            database.drop()
    save("snapshot", result)


if __name__ == "__main__":
    main()
