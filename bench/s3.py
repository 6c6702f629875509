#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Journal -> S3 server on this machine (versitygw): leat's sink half alone, rows per second and per core-second.

Usage: bench/s3.py [--rows 2M] [--table orders] [--rounds 1] [--formats json.gz,avro,parquet]
leat_drain fills a journal for each run, then leat sync finds nothing new at the source and carries the journal. CPU is
all of leat's: signatures, checksums, compression, sending. The objects are read back over S3: rows counted, ids summed.
"""

import argparse
import os
import shutil

import harness
from harness import Bench, drain, files_bytes, files_check, journal_count, quantity, save, sync, us_per_row
from s3_servers import Versitygw

FORMATS = {
    "json.gz": ["json", "--set", "file.compression=gzip"],
    "json": ["json"],
    "avro": ["avro"],
    "parquet": ["parquet"],
}  # fmt: skip


def carry(bench, database, s3, bucket, name, table, format, *more):
    format, *options = FORMATS[format]
    more = ["--tables", f"public.{table}", "--no-snapshot", "--set", f"s3.endpoint={s3.endpoint}", *options, *more]
    return sync(bench, database, bucket.url(name), name, *more, format=format, env=s3.env())


def one(bench, database, s3, bucket, table, rows, name, format):
    directory = bench.data / "pipelines" / name
    drain(database, False, directory, name, table)
    assert journal_count(directory / "journal")["events"] == rows
    os.sync()
    server = harness.process_cpu(s3.process.pid)
    usage = carry(bench, database, s3, bucket, name, table, format, "--set", "journal.retention.bytes=16GiB")
    server = harness.process_cpu(s3.process.pid) - server
    copy = bench.directory / "objects"
    bucket.download(copy, name)
    files_check(copy, FORMATS[format][0], rows)
    size, objects = files_bytes(copy), len(bucket.keys(name))
    shutil.rmtree(copy)
    shutil.rmtree(directory)
    return {
        "rows_per_core_second": round(rows / usage.cpu),
        "rows_per_second": round(rows / usage.seconds),
        "cpu_us_per_row": us_per_row(usage.cpu, rows),
        "server_us_per_row": us_per_row(server, rows),
        "max_rss_mib": round(usage.rss_kib / 1024, 1),
        "bytes_per_row": round(size / rows, 1),
        "objects": objects,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=2_000_000)
    parser.add_argument("--table", choices=["narrow", "orders"], default="orders")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--formats", default="json.gz,avro,parquet")
    args = parser.parse_args()
    result = vars(args).copy()
    s3 = Versitygw().start()
    try:
        with Bench() as bench:
            database, bucket = bench.database("s3"), s3.create_bucket()
            runs = [(f, f"{f.replace('.', '_')}_{i}") for i in range(args.rounds) for f in args.formats.split(",")]
            for _, name in runs:  # the slots, before there is anything to carry
                drain(database, False, bench.data / "pipelines" / name, name, args.table)
            database.execute(f"call load_{args.table}({args.rows}, 100)")
            for format, name in runs:
                row = one(bench, database, s3, bucket, args.table, args.rows, name, format)
                result.setdefault("runs", {}).setdefault(format, []).append(row)
                print(format, row, flush=True)
    finally:
        s3.remove()
    save("s3", result)


if __name__ == "__main__":
    main()
