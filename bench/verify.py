#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""leat verify of an Iceberg table against COPY (FORMAT binary) of the same rows to /dev/null, and with --repair after
rows were damaged; the key index made again.

Usage: bench/verify.py [--rows 10M] [--wrong 1000] [--version 2]
Of the wrong rows, half stand in the lake beside the right ones, half have keys that the source does not have.
"""

import argparse
import json
import os
import re
import shutil
import subprocess

from harness import LEAT, Bench, measure, quantity, save
from lake import copy, figures, lake
from wait import wait_until


def damage(bench, rows, wrong):
    """Rows appended by PyIceberg, through leat's own catalog."""
    from pyiceberg.catalog.rest import RestCatalog
    import pyarrow as pa

    log = bench.directory / "catalog.out"
    argv = [LEAT, "catalog", "serve", "--data-dir", bench.data, "--listen", "127.0.0.1:0"]
    with open(log, "wb") as out:
        served = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **bench.env})
    try:
        wait_until(lambda: b"\n" in log.read_bytes(), "the catalog listens")
        port = json.loads(log.read_text().splitlines()[0])["port"]
        table = RestCatalog("leat", uri=f"http://127.0.0.1:{port}").load_table(("lake", "orders"))
        some = table.scan(limit=wrong).to_arrow()
        ids = [n if i % 2 == 0 else rows * 10 + i for i, n in enumerate(some["id"].to_pylist())]
        at = some.schema.get_field_index("id")
        table.append(some.set_column(at, some.schema.field("id"), pa.array(ids, pa.int64())))
    finally:
        served.terminate()
        served.wait()


def verify(bench, *more):
    usage = measure([LEAT, "verify", "lake", "--output", "json", *more], bench.server, bench.env)
    found = json.loads(usage.out)
    return usage, found["tables"][0]


def rebuilt(bench, database):
    """Seconds that the index took, as the log says, and the CPU seconds of the run that made it."""
    for index in (bench.data / "pipelines").glob("*/sinks/*/index"):
        shutil.rmtree(index)
    database.execute("update orders set quantity = quantity + 1 where id = 1")
    log = bench.directory / "rebuild.log"
    url, env = database.url, bench.env
    usage = measure(
        ["bash", "-c", f"'{LEAT}' sync '{url}' '{bench.directory}/lake' --format iceberg --name lake"
         f" --tables public.orders --set namespace=lake --log-level info 2> '{log}'"],
        bench.server, env,
    )  # fmt: skip
    return int(re.search(r"made again from the table.*?ms\"?[=:]\s*(\d+)", log.read_text()).group(1)) / 1000, usage.cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=10_000_000)
    parser.add_argument("--wrong", type=int, default=1000)
    parser.add_argument("--version", type=int, default=2)
    args = parser.parse_args()
    result = {"rows": args.rows, "version": args.version}
    with Bench() as bench:
        database = bench.database("orders")
        database.execute(f"call load_orders({args.rows}, 100000)")
        lake(bench, database, "lake", "--set", f"format.version={args.version}")
        database.execute("checkpoint")
        copied = copy(bench, database)
        usage, table = verify(bench)
        assert table["result"] == "equal" and table["source_rows"] == args.rows, table
        result["verify"] = {
            "leat": figures(args.rows, usage), "copy": figures(args.rows, copied),
            "of_copy": round(copied.seconds / usage.seconds, 2),
        }  # fmt: skip
        if args.wrong > 0:
            damage(bench, args.rows, args.wrong)
            usage, table = verify(bench, "--repair")
            assert table["result"] == "equal", table
            result["repair"] = figures(args.rows, usage) | {"seconds": round(usage.seconds, 1)}
        seconds, cpu = rebuilt(bench, database)
        result["index"] = {
            "seconds": seconds, "keys_per_second": round(args.rows / seconds),
            "cpu_seconds": round(cpu, 2), "keys_per_cpu_second": round(args.rows / cpu),
        }  # fmt: skip
    save("verify", result)


if __name__ == "__main__":
    main()
