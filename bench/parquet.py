#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Parquet writer alone, one thread, zstd level 1, from columnar memory: leat, pyarrow and DuckDB in turn.

Usage: bench/parquet.py [--rows 2M] [--rounds 3]
The same rows (bench/tables.sql) and the same row groups; what leat wrote is read back and compared with the input.
Input MB/s: the bytes of the table as Arrow counts them by CPU seconds, so that what else runs on the machine counts
less; the best round of each. pyarrow from Arrow memory, DuckDB from a table of its own in memory. Also the road of
leat's sink: an event at a time, through flat records, with the memory that it has for a row group by default.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from harness import BUILD, quantity, save

GROUP_ROWS = 1 << 20
TABLES = {
    "narrow": """select g::bigint id, (g % 1000)::int a, substr(md5(g::text), 1, 20) b,
        timestamptz '2026-01-01' + to_milliseconds(g) c""",
    "orders": """select g::bigint id, ((g * 7919) % 500000)::bigint customer_id, ((g * 31) % 20000)::int product_id,
        (1 + g % 9)::int quantity, (['new','paid','packed','shipped','delivered','returned'])[1 + g % 6] status,
        ((g % 100000) / 100.0)::decimal(12,2) unit_price, ((g % 100000) * (1 + g % 9) / 100.0)::decimal(14,2) total,
        (['EUR','USD','GBP','JPY'])[1 + g % 4] currency, timestamptz '2026-01-01' + to_milliseconds(g) created_at,
        case when g % 3 = 0 then timestamptz '2026-01-02' + to_milliseconds(g) end updated_at,
        case when g % 5 <> 0 then md5(g::text) || ' ' || md5((g + 1)::text) end note,
        '{"tags": ["' || substr(md5(g::text), 1, 6) || '", "b"], "score": ' || (g % 100) || ', "channel": "' ||
        (['web','app','store'])[1 + g % 3] || '"}' attributes""",
}


def leat(table, road, rows, path):
    argv = [BUILD / "leat_parquet", table, road, str(rows), "1", path]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def cpu_of(write):
    cpu, wall = time.process_time(), time.monotonic()
    write()
    return time.process_time() - cpu, time.monotonic() - wall


def pyarrow_write(arrow, path):
    cpu, wall = cpu_of(
        lambda: pq.write_table(arrow, path, compression="zstd", compression_level=1, row_group_size=GROUP_ROWS)
    )
    return {"cpu": cpu, "wall": wall, "file": os.path.getsize(path)}


def duckdb_write(connection, path):
    options = f"format parquet, compression zstd, compression_level 1, parquet_version v2, row_group_size {GROUP_ROWS}"
    cpu, wall = cpu_of(lambda: connection.execute(f"copy input to '{path}' ({options})"))
    return {"cpu": cpu, "wall": wall, "file": os.path.getsize(path)}


def check(path, arrow):
    written = pq.ParquetFile(path, page_checksum_verification=True)
    assert all(written.metadata.row_group(i).num_rows <= GROUP_ROWS for i in range(written.num_row_groups))
    rows = written.read(columns=arrow.column_names)
    assert rows.cast(arrow.schema).equals(arrow), "leat's file does not hold the input"


def summary(rounds, rows, memory):
    best = min(one["cpu"] for one in rounds)
    return {
        "input_mb_per_s": round(memory / best / 1e6, 1),
        "cpu_ns_per_row": round(best / rows * 1e9),
        "cpu_ns_per_row_median": round(statistics.median(one["cpu"] for one in rounds) / rows * 1e9),
        "wall_s": round(min(one["wall"] for one in rounds), 3),
        "file_bytes": rounds[0]["file"],
    }


def bench(table, rows, rounds, directory):
    with duckdb.connect() as connection:
        connection.execute("set threads = 1; set timezone = 'UTC'")
        connection.execute(f"create table input as {TABLES[table]} from range(1, {rows + 1}) t(g)")
        arrow = connection.execute("from input").to_arrow_table().combine_chunks()
        runs = {"leat": [], "pyarrow": [], "duckdb": [], "leat_events": []}
        for _ in range(rounds):
            path = f"{directory}/leat.parquet"
            runs["leat"].append(leat(table, "columns", rows, path))
            check(path, arrow)
            runs["pyarrow"].append(pyarrow_write(arrow, f"{directory}/pyarrow.parquet"))
            runs["duckdb"].append(duckdb_write(connection, f"{directory}/duckdb.parquet"))
            runs["leat_events"].append(leat(table, "events", rows, path))
            check(path, arrow)
    result = {name: summary(run, rows, arrow.nbytes) for name, run in runs.items()}
    rate, size = result["leat"]["input_mb_per_s"], result["leat"]["file_bytes"]
    result["times_pyarrow"] = round(rate / result["pyarrow"]["input_mb_per_s"], 2)
    result["times_duckdb"] = round(rate / result["duckdb"]["input_mb_per_s"], 2)
    result["size_to_pyarrow"] = round(size / result["pyarrow"]["file_bytes"], 3)
    result["input_bytes"] = arrow.nbytes
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=quantity, default=quantity("2M"))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        save("parquet", {name: bench(name, args.rows, args.rounds, directory) for name in TABLES})


if __name__ == "__main__":
    main()
