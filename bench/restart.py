#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 -> streaming again, with a large journal on disk: from the new process's start to its first durable change.

Usage: bench/restart.py [--gib 10] [--kills 5] [--rate 500]
The journal is filled with synthetic rows (leat_fill), which the sink then carries into files like all others; the
traffic goes on over every kill. A reader in another process notes the first change that is durable after the restart.
"""

import argparse
import json
import shutil
import statistics
import time

from harness import BUILD, Bench, Program, follow, measure, save
from wait import wait_until

NARROW = """insert into narrow select nextval('ids'), g, 'abcdefghijklmnopqrst', now() from generate_series(1, 5) g;
"""


def restart(bench, database, leat, more):
    journal = bench.data / "pipelines/restart/journal"
    leat.kill()
    reader = Program([BUILD / "leat_read", "first", journal, 60])
    wait_until(lambda: reader.lines, "the reader is ready")
    began = time.time()
    leat = follow(bench, database, bench.directory / "restart", "restart", *more)
    reader.process.wait(70)
    reader.drain.join()
    return leat, json.loads(reader.lines[-1])["at_us"] / 1000 - began * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=int, default=10)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--rate", type=int, default=500)
    args = parser.parse_args()
    more = ["--set", "journal.retention.bytes=100GiB", "--set", "journal.retention.time=0"]
    with Bench() as bench:
        database = bench.database("restart")
        leat = follow(bench, database, bench.directory / "restart", "restart", *more)
        leat.stop()
        journal = bench.data / "pipelines/restart/journal"
        size = json.loads(measure([BUILD / "leat_fill", journal, args.gib]).out)["bytes"]
        leat = follow(bench, database, bench.directory / "restart", "restart", *more)
        leat.stop()  # its sink has carried all of it
        shutil.rmtree(bench.directory / "restart/bench", ignore_errors=True)
        traffic = bench.pgbench(database, NARROW, args.rate, 20 + args.kills * 5)
        leat = follow(bench, database, bench.directory / "restart", "restart", *more)
        times = []
        for _ in range(args.kills):
            time.sleep(2)
            leat, took = restart(bench, database, leat, more)
            times.append(round(took, 1))
        leat.stop()
        traffic.process.terminate()
        left = sum(file.stat().st_size for file in journal.iterdir())
        assert left >= size, (left, size)
    save("restart", {
        **vars(args),
        "journal_bytes": left,
        "milliseconds": times,
        "median_ms": statistics.median(times),
        "max_ms": max(times),
    })  # fmt: skip


if __name__ == "__main__":
    main()
