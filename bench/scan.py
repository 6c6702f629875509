#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reading a table of the lake after random updates and the writer's own maintenance, against the same rows as Spark
writes them once: PyIceberg and DuckDB read all columns of both, in turns, in one process.

Usage: bench/scan.py [--rows 1M] [--updates 1M] [--rounds 5] [--version 2] [--rest 20]
`leat sync --follow` carries the updates (transactions of --per rows at random keys, a commit each second) and keeps its
table in order; when no commit has come for --rest seconds it is stopped. Rows, ids and quantities that each engine
reads are counted and summed up, of both tables, and equal the source's. Needs scripts/setup test.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

from harness import BUILD, LEAT, ROOT, Bench, follow, quantity, save, wait_until
from lake import FACTS, lake_facts

os.environ["LEAT_BIN"] = str(LEAT)
sys.path.append(str(ROOT / "tests/tools/engines"))

from catalog import CatalogServer  # noqa: E402

UPDATES = """
create procedure update_orders(n bigint, per bigint) language plpgsql as $$
declare at bigint := 0; high bigint;
begin
  select max(id) into high from orders;
  while at < n loop
    update orders set quantity = quantity + 1, updated_at = now()
      where id in (select 1 + (random() * (high - 1))::bigint from generate_series(1, per));
    at := at + per;
    commit;
  end loop;
end $$;
"""
SPARK = """
import sys
sys.path[:0] = sys.argv[2:]
import read
sys.path.append(str(read.CACHE / "python"))
session = read.Spark(sys.argv[1]).session
session.sql("CREATE NAMESPACE lake.spark")
session.sql("CREATE TABLE lake.spark.orders USING iceberg AS SELECT * FROM lake.leat.orders")
"""
WAIT_SECONDS = 1800


def facts(table):
    import pyarrow.compute as compute

    return table.num_rows, compute.sum(table["id"]).as_py(), compute.sum(table["quantity"]).as_py()


def fill(bench, database, args):
    """The table after its updates, and what the writer made of it in the meantime."""
    program = follow(
        bench, database, bench.directory / "lake", "leat", "--tables", "public.orders", "--set", "namespace=leat",
        "--set", "freshness=1s", "--set", f"format.version={args.version}", format="iceberg",
    )  # fmt: skip
    expected = lambda: tuple(int(value) for value in database.query(FACTS)[0])  # noqa: E731

    def equal():
        return program.process.poll() is not None or lake_facts(bench, "leat") == expected()

    wait_until(equal, "the snapshot is in the table", WAIT_SECONDS, 1)
    database.execute(f"call update_orders({args.updates}, {args.per})")
    wait_until(equal, "the updates are in the table", WAIT_SECONDS, 1)
    table, seen, since = None, None, time.monotonic()
    begun = since
    while time.monotonic() - since < args.rest:
        assert time.monotonic() - begun < WAIT_SECONDS, "the writer does not come to rest"
        table = table_of(bench)
        if table.metadata_location != seen:
            seen, since = table.metadata_location, time.monotonic()
        time.sleep(0.5)
    program.stop()


def table_of(bench):
    import sqlite3

    from pyiceberg.table import StaticTable

    with sqlite3.connect(f"file:{bench.data}/catalog.db?mode=ro", uri=True) as catalog:
        (file,) = catalog.execute("select metadata_file from tables where namespace = 'leat'").fetchone()
    return StaticTable.from_metadata(file)


def files_of(table):
    """What a scan plans."""
    summary = table.current_snapshot().summary
    names = ("total-data-files", "total-delete-files", "total-position-deletes", "total-files-size")
    return {name.removeprefix("total-"): int(summary[name]) for name in names if summary[name] is not None}


def timed(read, expected):
    begun = time.monotonic()
    table = read()
    seconds = time.monotonic() - begun
    assert facts(table) == expected, (facts(table), expected)
    return seconds


def scans(catalog, expected, rounds):
    """Seconds of each engine and table, in turns; the first round does not count."""
    pyiceberg, duckdb = catalog.pyiceberg(), catalog.duckdb()
    engines = {
        "pyiceberg": lambda name: pyiceberg.load_table(f"{name}.orders").scan().to_arrow(),
        "duckdb": lambda name: duckdb.execute(f"SELECT * FROM lake.{name}.orders").to_arrow_table(),
    }
    result = {}
    for engine, read in engines.items():
        times = {"leat": [], "spark": []}
        for i in range(rounds + 1):
            for name, seconds in times.items():
                took = timed(lambda name=name, read=read: read(name), expected)
                seconds += [took] if i > 0 else []
        middle = {name: statistics.median(seconds) for name, seconds in times.items()}
        result[engine] = {
            **{f"{name}_seconds": round(seconds, 3) for name, seconds in middle.items()},
            "of_spark": round(middle["leat"] / middle["spark"], 2),
        }
    return result | {"files": {name: files_of(pyiceberg.load_table(f"{name}.orders")) for name in ("leat", "spark")}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=1_000_000)
    parser.add_argument("--updates", type=quantity, default=1_000_000)
    parser.add_argument("--per", type=quantity, default=1000, help="rows of a transaction")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--version", type=int, default=2)
    parser.add_argument("--rest", type=int, default=20, help="seconds without a commit")
    args = parser.parse_args()
    with Bench() as bench:
        database = bench.database("orders")
        database.execute(UPDATES)
        database.execute(f"call load_orders({args.rows}, 100000)")
        fill(bench, database, args)
        expected = tuple(int(value) for value in database.query(FACTS)[0])
        catalog = CatalogServer(bench.directory / "catalog", warehouse=bench.directory / "lake")
        catalog.data = bench.data
        catalog.start()
        try:
            engines = [str(ROOT / "tests/tools/engines")]
            subprocess.run([sys.executable, "-c", SPARK, catalog.url, *engines], check=True, timeout=WAIT_SECONDS)
            result = scans(catalog, expected, args.rounds)
        finally:
            catalog.close()
    told = {"rows": args.rows, "updates": args.updates, "version": args.version, "build": BUILD.name}
    save("scan", told | result)


if __name__ == "__main__":
    main()
