#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The data directory of a lake is lost (ack.policy=sink): how long until changes of all tables are visible again.

Usage: bench/lake_loss.py [--tables 10] [--rows 1M]
Tables are read into a local warehouse; then the data directory, catalog and key indexes with it, is removed, one row of
each table is changed, and leat is started again. The clock runs from that start until each table shows its change:
the journal is made from what the target remembers, the catalog is made again, and so is the key index of every table.
PyIceberg counts the rows and looks for the changed ones.
"""

import argparse
import shutil
import sqlite3
import time

from harness import Bench, follow, quantity, save, sync


def metadata_files(bench):
    file = bench.data / "catalog.db"
    if not file.exists():
        return {}
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as catalog:
        if not catalog.execute("select 1 from sqlite_master where name = 'tables'").fetchone():
            return {}
        return dict(catalog.execute("select name, metadata_file from tables"))


def changed(file, offset):
    """Has the table the records below that offset?"""
    from pyiceberg.table import StaticTable

    return int(StaticTable.from_metadata(file).metadata.properties.get("leat.offset", 0)) >= offset


def check(files, rows):
    from pyiceberg.table import StaticTable
    import pyarrow.compute as compute

    for file in files.values():
        table = StaticTable.from_metadata(file).scan(selected_fields=("id", "n")).to_arrow()
        found = {row["id"]: row["n"] for row in table.filter(compute.less_equal(table["id"], 2)).to_pylist()}
        assert table.num_rows == rows and found == {1: -1, 2: 2}, (file, table.num_rows, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=quantity, default=10)
    parser.add_argument("--rows", type=quantity, default=1_000_000)
    args = parser.parse_args()
    names = [f"t{i}" for i in range(args.tables)]
    more = ["--tables", "public.t*", "--set", "ack.policy=sink", "--set", "freshness=1s"]
    with Bench() as bench:
        database = bench.database("loss")
        for name in names:
            database.execute(f"create table {name} (id bigint primary key, n bigint, text text, at timestamptz)")
            database.execute(
                f"insert into {name} select i, i, 'row ' || i, '2026-01-01Z'::timestamptz + i * interval '1 s'"
                f" from generate_series(1, {args.rows}) i"
            )
        first = sync(bench, database, bench.directory / "lake", "loss", *more, format="iceberg")
        shutil.rmtree(bench.data)
        for name in names:
            database.execute(f"update {name} set n = -1 where id = 1")
        began = time.monotonic()
        leat = follow(bench, database, bench.directory / "lake", "loss", *more, format="iceberg")
        streaming = time.monotonic() - began
        waiting = set(names)
        while waiting:
            assert time.monotonic() - began < 900 and leat.process.poll() is None, waiting
            files = metadata_files(bench)
            waiting -= {name for name in waiting if name in files and changed(files[name], args.rows + 1)}
            time.sleep(0.1)
        visible = time.monotonic() - began
        check(metadata_files(bench), args.rows)
        leat.stop()
    save(
        "lake_loss",
        {
            "tables": args.tables, "rows": args.rows, "first_read_seconds": round(first.seconds, 1),
            "seconds_until_streaming": round(streaming, 1), "seconds_until_all_visible": round(visible, 1),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
