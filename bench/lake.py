#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL -> an Iceberg upsert table in a local warehouse: its snapshot against COPY, its backlogs against
pg_recvlogical, on the same rows, in turns.

Usage: bench/lake.py [--snapshot 5M] [--backlog 2M] [--rounds 2] [--version 2]
The table `orders` is read whole; then a backlog of inserts in transactions of --per rows, then one of 60 % updates,
25 % inserts and 15 % deletes at random keys. PyIceberg counts the rows of the table and sums up a column; PostgreSQL
says the same of the source.

The bound of two cores, as in the other benchmarks: the smallest of the solo rate of the source's half (a backlog:
leat_drain and pg_recvlogical) and of 2 / (CPU seconds per row of all processes together).
"""

import argparse
import shutil
import sqlite3

from harness import Bench, measure, quantity, save, sync, us_per_row

INSERTS = """
create procedure insert_orders(n bigint, per bigint) language plpgsql as $$
declare at bigint := 0; high bigint;
begin
  select max(id) into high from orders;
  while at < n loop
    insert into orders select high + id, customer_id, product_id, quantity, status, unit_price, total, currency,
      created_at, updated_at, note, attributes from orders where id > at and id <= at + per;
    at := at + per;
    commit;
  end loop;
end $$;
"""
MIXED = """
create procedure mixed_orders(n bigint, per bigint) language plpgsql as $$
declare at bigint := 0; low bigint; high bigint;
begin
  select min(id), max(id) into low, high from orders;
  while at < n loop
    update orders set quantity = quantity + 1, updated_at = now()
      where id in (select low + (random() * (high - low))::bigint from generate_series(1, (per * 0.6)::int));
    insert into orders select high + g, g % 1000, g % 100, 1, 'new', 1, 1, 'EUR', now(), null, null, null
      from generate_series(at + 1, at + (per * 0.25)::int) g;
    delete from orders
      where id in (select low + (random() * (high - low))::bigint from generate_series(1, (per * 0.15)::int));
    at := at + per;
    commit;
  end loop;
end $$;
"""
FACTS = "select count(*), coalesce(sum(id), 0), coalesce(sum(quantity), 0) from orders"


def lake_facts(bench, name):
    from pyiceberg.table import StaticTable
    import pyarrow.compute as compute

    with sqlite3.connect(f"file:{bench.data}/catalog.db?mode=ro", uri=True) as catalog:
        found = catalog.execute(
            "select metadata_file from tables where namespace = ? and name = 'orders'", (name,)
        ).fetchone()
    if found is None:
        return None  # it is made with its first commit
    table = StaticTable.from_metadata(found[0]).scan(selected_fields=("id", "quantity")).to_arrow()
    return table.num_rows, compute.sum(table["id"]).as_py() or 0, compute.sum(table["quantity"]).as_py() or 0


def check(bench, database, name):
    expected = tuple(int(v) for v in database.query(FACTS)[0])
    found = lake_facts(bench, name)
    assert found == expected, (found, expected)


def lake(bench, database, name, *more):
    usage = sync(
        bench, database, bench.directory / "lake", name, "--tables", "public.orders", "--set", f"namespace={name}",
        *more, format="iceberg",
    )  # fmt: skip
    return usage


def figures(rows, usage):
    return {
        "rows_per_second": round(rows / usage.seconds),
        "cpu_us_per_row": us_per_row(usage.cpu, rows),
        "backends_us_per_row": us_per_row(usage.backends, rows),
        "max_rss_mib": round(usage.rss_kib / 1024, 1),
    }


def copy(bench, database):
    conninfo = bench.server.conninfo(database.name)
    return measure(
        ["bash", "-c", f"psql -X -q -d '{conninfo}' -c 'copy orders to stdout (format binary)' > /dev/null"],
        bench.server,
    )


def recvlogical(bench, database, slot, end):
    return measure(
        [bench.server.bin / "pg_recvlogical", "-h", bench.server.directory, "-p", bench.server.port, "-U", "postgres",
         "-d", database.name, "-S", slot, "--start", f"--endpos={end}", "--no-loop", "-o", "proto_version=1",
         "-o", "publication_names=peer", "-f", "/dev/null"],
        bench.server,
    )  # fmt: skip


def changes(bench, database, rows, call, name, more):
    """One backlog: pg_recvlogical and leat on the same changes."""
    database.execute("select pg_create_logical_replication_slot('peer', 'pgoutput')")
    before = database.value("select pg_current_wal_flush_lsn()")
    database.execute(call)
    end = database.value("select pg_current_wal_flush_lsn()")
    count = database.value(
        "select count(*) from pg_logical_slot_peek_binary_changes('peer', null, null, 'proto_version', '1',"
        " 'publication_names', 'peer') where get_byte(data, 0) in (68, 73, 85)"
    )
    peer = recvlogical(bench, database, "peer", end)
    usage = lake(bench, database, name, *more)
    check(bench, database, name)
    database.execute("select pg_drop_replication_slot('peer')")
    cpu_bound = 2 / ((usage.backends + usage.cpu) / count)
    bound = min(count / peer.seconds, cpu_bound)
    return {
        "changes": count, "from": str(before), "leat": figures(count, usage),
        "pg_recvlogical": figures(count, peer), "of_bound": round(count / usage.seconds / bound, 2),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshot", type=quantity, default=5_000_000)
    parser.add_argument("--backlog", type=quantity, default=2_000_000)
    parser.add_argument("--per", type=quantity, default=1000, help="rows of a transaction")
    parser.add_argument("--version", type=int, default=2)
    args = parser.parse_args()
    more = ["--set", f"format.version={args.version}"]
    result = {"snapshot_rows": args.snapshot, "version": args.version}
    with Bench() as bench:
        database = bench.database("orders")
        database.execute(INSERTS)
        database.execute(MIXED)
        database.execute("create publication peer for table orders")
        database.execute(f"call load_orders({args.snapshot}, 100000)")
        copied = copy(bench, database)
        usage = lake(bench, database, "lake", *more)
        check(bench, database, "lake")
        result["snapshot"] = {
            "leat": figures(args.snapshot, usage), "copy": figures(args.snapshot, copied),
            "of_copy": round(copied.seconds / usage.seconds, 2),
            "bytes_per_row": round(
                sum(f.stat().st_size for f in (bench.directory / "lake").rglob("*.parquet")) / args.snapshot, 1
            ),
        }  # fmt: skip
        inserts = f"call insert_orders({args.backlog}, {args.per})"
        result["inserts"] = changes(bench, database, args.backlog, inserts, "lake", more)
        mixed = f"call mixed_orders({args.backlog}, {args.per})"
        result["mixed"] = changes(bench, database, args.backlog, mixed, "lake", more)
        shutil.rmtree(bench.directory / "lake")
    save("lake", result)


if __name__ == "__main__":
    main()
