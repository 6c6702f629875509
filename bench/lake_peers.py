#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL -> an Iceberg upsert table by leat, beside Debezium -> Kafka (scripts/setup original), the same changes in
one run, in turns: a snapshot of `orders`, a backlog of inserts, one of 60 % updates, 25 % inserts and 15 % deletes.

Usage: bench/lake_peers.py [--rows 2M] [--backlog 1M] [--per 1000]
Debezium is tuned as in bench/original.py and only brings records into a topic; leat's table is finished: PyIceberg
counts its rows and sums up two columns, PostgreSQL says the same. Of Debezium the connector's process counts, not the
broker. OLake could not be run beside them: its figures, 1 M mixed changes into Iceberg on such a machine, are 33 us of
CPU a change and 0.2 x of pg_recvlogical, which is run here.
"""

import argparse

from harness import Bench, quantity, save, us_per_row
from lake import INSERTS, MIXED, check, figures, lake, recvlogical
from original import Original, config, measured, settle

BARS = {"rows_per_cpu_second": 8, "rows_per_second": 4}
OLAKE = {"cpu_us_per_row": 33, "of_pg_recvlogical": 0.2}
COUNT = """
select count(*) from pg_logical_slot_peek_binary_changes('peer', null, null, 'proto_version', '1',
  'publication_names', 'peer') where get_byte(data, 0) in (68, 73, 85)"""


def ratios(rows, usage, debezium, peer=None):
    """How many times leat's rows of each peer's."""
    mine = {"rows_per_cpu_second": rows / usage.cpu, "rows_per_second": rows / usage.seconds}
    found = {"debezium": {name: round(mine[name] / debezium[name], 1) for name in mine}}
    if peer is not None:
        found["olake"] = {
            "rows_per_cpu_second": round(OLAKE["cpu_us_per_row"] / us_per_row(usage.cpu, rows), 1),
            "rows_per_second": round(peer.seconds / usage.seconds / OLAKE["of_pg_recvlogical"], 1),
        }
    met = all(ratio[name] >= bar for ratio in found.values() for name, bar in BARS.items())
    return {"leat": figures(rows, usage), "debezium": debezium, "leat_to": found, "met": met}


def changes(bench, database, debezium, call, before):
    """One backlog; `before` records are in Debezium's topic. Gives its figures and how many records there are then."""
    database.execute("select pg_create_logical_replication_slot('peer', 'pgoutput')")
    database.execute(call)
    end = database.value("select pg_current_wal_flush_lsn()")
    rows = database.value(COUNT)
    settle(bench, database)
    theirs = measured(bench, debezium, rows, before + rows, debezium.resume_connector)
    debezium.stop_connector()
    peer = recvlogical(bench, database, "peer", end)
    usage = lake(bench, database, "lake")
    check(bench, database, "lake")
    database.execute("select pg_drop_replication_slot('peer')")
    return {"changes": rows, "pg_recvlogical": figures(rows, peer)} | ratios(rows, usage, theirs, peer), before + rows


def run(bench, rows, backlog, per):
    database = bench.database("shop")
    for statement in (INSERTS, MIXED, "create publication peer for table orders"):
        database.execute(statement)
    database.psql(f"set synchronous_commit = off; call load_orders({rows}, 10000)")
    database.execute("vacuum (analyze) orders")
    debezium = Original()
    try:
        debezium.start()
        asked = config(bench, database, "debezium") | {"tombstones.on.delete": "false"}
        theirs = measured(bench, debezium, rows, rows, lambda: debezium.create(asked))
        debezium.stop_connector()
        settle(bench, database)
        usage = lake(bench, database, "lake")
        check(bench, database, "lake")
        result = {"rows": rows, "snapshot": ratios(rows, usage, theirs)}
        inserts, mixed = f"call insert_orders({backlog}, {per})", f"call mixed_orders({backlog}, {per})"
        result["inserts"], records = changes(bench, database, debezium, inserts, rows)
        result["mixed"], records = changes(bench, database, debezium, mixed, records)
    finally:
        debezium.stop()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=quantity, default=quantity("2M"))
    parser.add_argument("--backlog", type=quantity, default=quantity("1M"))
    parser.add_argument("--per", type=quantity, default=1000, help="rows of a transaction")
    options = parser.parse_args()
    with Bench() as bench:
        save("lake_peers", run(bench, options.rows, options.backlog, options.per))


if __name__ == "__main__":
    main()
