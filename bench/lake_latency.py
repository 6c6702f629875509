#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A change in PostgreSQL -> visible in the Iceberg table, under steady traffic, leat sync --follow.

Usage: bench/lake_latency.py [--seconds 30] [--rate 1000] [--tables 10] [--rows 100k] [--freshness 1s,100ms]
`rate` transactions a second of 5 changes (3 updates at random keys, 2 inserts), each in one of so many upsert tables of
`rows` rows, in a local warehouse. Each row says when it was written, by PostgreSQL's clock, just before its commit; a
change is visible when the catalog names a metadata file with the snapshot that added its data file. The catalog is
looked at every 3 ms, so that much too late at most. Afterwards the tables' rows are compared with the source's.
"""

import argparse
import pathlib
import re
import sqlite3
import threading
import time

from harness import Bench, follow, process_cpu, quantity, save, sync

TRAFFIC = """\\set a random(1, {rows})
\\set b random(1, {rows})
\\set c random(1, {rows})
with changed as (update {table} set n = n + 1, at = clock_timestamp() where id in (:a, :b, :c))
insert into {table} select nextval('ids'), g, 'abcdefghijklmnop', clock_timestamp() from generate_series(1, 2) g;
"""


class Catalog(threading.Thread):
    """Looks at the catalog: when each snapshot was first seen."""

    def __init__(self, file, namespace):
        super().__init__(daemon=True)
        self.file, self.namespace = file, namespace
        self.metadata, self.seen = {}, {}  # by table; by snapshot
        self.done = threading.Event()
        self.start()

    def run(self):
        catalog = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        while not self.done.wait(0.003):
            for name, file in catalog.execute(
                "select name, metadata_file from tables where namespace = ?", (self.namespace,)
            ).fetchall():
                if self.metadata.get(name) != file:
                    self.metadata[name] = file
                    self.note(file)

    def note(self, file):
        now = time.time()
        try:
            head = pathlib.Path(file.removeprefix("file://")).read_bytes()[:65536]
        except FileNotFoundError:
            return  # the next one has what this one had
        snapshot = re.search(rb'"current-snapshot-id":\s*(\d+)', head)
        if snapshot:
            self.seen.setdefault(int(snapshot.group(1)), now)

    def finish(self):
        self.done.set()
        self.join()


def added_files(table, snapshot):
    from pyiceberg.manifest import ManifestContent, ManifestEntryStatus

    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id != snapshot.snapshot_id or manifest.content != ManifestContent.DATA:
            continue
        for entry in manifest.fetch_manifest_entry(table.io):
            if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id:
                yield entry.data_file.file_path.removeprefix("file://")


def table_latencies(file, seen, since):
    """Milliseconds of each row that was written after `since`."""
    import pyarrow.parquet
    from pyiceberg.table import StaticTable

    table = StaticTable.from_metadata(file)
    found, visible = [], None
    for snapshot in sorted(table.snapshots(), key=lambda s: s.sequence_number, reverse=True):
        visible = seen.get(snapshot.snapshot_id, visible)  # not seen: with the next one
        if visible is None or snapshot.timestamp_ms < since * 1000 or snapshot.summary.operation.value == "replace":
            continue
        for path in added_files(table, snapshot):
            column = pyarrow.parquet.read_table(path, columns=["at"])["at"]
            written = (at.timestamp() for at in column.to_pylist())
            found += [(visible - at) * 1000 for at in written if at > since]
    return found


def check(database, catalog, tables):
    from pyiceberg.table import StaticTable
    import pyarrow.compute as compute

    for name in tables:
        rows = StaticTable.from_metadata(catalog.metadata[name]).scan(selected_fields=("id", "n")).to_arrow()
        found = rows.num_rows, compute.sum(rows["id"]).as_py(), compute.sum(rows["n"]).as_py()
        expected = tuple(database.query(f"select count(*), sum(id)::bigint, sum(n)::bigint from {name}")[0])
        assert found == expected, (name, found, expected)


def latency(bench, database, tables, freshness, args):
    name = f"fresh_{freshness}"
    target = bench.directory / "lake"
    more = ["--tables", "public.t*", "--set", f"namespace={name}", "--freshness", freshness]
    sync(bench, database, target, name, *more, format="iceberg")
    leat = follow(bench, database, target, name, *more, format="iceberg")
    scripts = [TRAFFIC.format(table=table, rows=args.rows) for table in tables]
    catalog = Catalog(bench.data / "catalog.db", name)
    traffic = bench.pgbench(database, scripts, args.rate, args.seconds + 3)
    time.sleep(3)
    since, cpu = time.time(), process_cpu(leat.pid)
    traffic.process.wait(args.seconds + 60)
    cpu = process_cpu(leat.pid) - cpu
    time.sleep(3)
    leat.stop()
    time.sleep(0.1)
    catalog.finish()
    found = sorted(ms for table in tables for ms in table_latencies(catalog.metadata[table], catalog.seen, since))
    check(database, catalog, tables)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    return {
        "changes": len(found), "changes_per_second": round(len(found) / args.seconds),
        "commits_seen": len(catalog.seen), "cores": round(cpu / args.seconds, 3),
        **{f"{key}_ms": round(found[int(len(found) * part)], 1) for key, part in at.items()},
        "max_ms": round(found[-1], 1),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=10)
    parser.add_argument("--rows", type=quantity, default=100_000)
    parser.add_argument("--freshness", default="1s,100ms")
    args = parser.parse_args()
    result = vars(args).copy()
    tables = [f"t{i}" for i in range(args.tables)]
    with Bench() as bench:
        database = bench.database("fresh")
        for table in tables:
            database.execute(f"create table {table} (id bigint primary key, n int, text text, at timestamptz)")
            database.execute(
                f"insert into {table} select g, 0, 'abcdefghijklmnop', '2026-01-01Z'"
                f" from generate_series(1, {args.rows}) g"
            )
        database.execute(f"select setval('ids', {args.rows})")
        for freshness in args.freshness.split(","):
            result[f"freshness_{freshness}"] = latency(bench, database, tables, freshness, args)
    save("lake_latency", result)


if __name__ == "__main__":
    main()
