#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Updates of rows with a large value that did not change, into an Iceberg upsert table: PostgreSQL does not send such a
value, so it is read from the lake. A local warehouse, and one on an S3 server of this machine (versitygw).

Usage: bench/lake_toast.py [--rows 50k] [--updates 50k] [--bytes 8k] [--per 100] [--places local,s3]
`docs(id, v, doc jsonb)`, doc 8 KB stored out of line; updates of v at random keys. The same updates are carried again
from a table with REPLICA IDENTITY FULL, which sends the value with each. PyIceberg counts rows and sums up v and the
lengths of doc; PostgreSQL says the same of the source.
"""

import argparse
import sqlite3

from harness import Bench, quantity, save, sync, us_per_row
from s3_servers import Versitygw

TABLE = """
create table docs(id int primary key, v int not null, doc jsonb not null);
alter table docs alter doc set storage external;
create procedure update_docs(n bigint, rows bigint, per bigint) language plpgsql as $$
begin
  for i in 1 .. n / per loop
    update docs set v = v + 1 where id in (select 1 + (random() * (rows - 1))::int from generate_series(1, per));
    commit;
  end loop;
end $$;
"""
FILL = """
insert into docs select g, 0, jsonb_build_object('text', (select string_agg(md5((g * 1000 + k)::text), '')
  from generate_series(1, {words}) k)) from generate_series(1, {rows}) g
"""
FACTS = "select count(*), sum(v), sum(length(doc::text)) from docs"


def check(bench, database, place):
    from pyiceberg.table import StaticTable
    import pyarrow.compute as compute

    with sqlite3.connect(f"file:{place['data']}/catalog.db?mode=ro", uri=True) as catalog:
        (file,) = catalog.execute("select metadata_file from tables where namespace = ?", (place["name"],)).fetchone()
    table = StaticTable.from_metadata(file, place["reader"]).scan().to_arrow()
    found = (table.num_rows, compute.sum(table["v"]).as_py(), compute.sum(compute.utf8_length(table["doc"])).as_py())
    assert found == tuple(int(v) for v in database.query(FACTS)[0]), found


def carry(bench, database, place):
    return sync(
        bench, database, place["sink"], place["name"], "--tables", "public.docs", "--set", f"namespace={place['name']}",
        *place["more"], format="iceberg", env={**place["env"], "LEAT_DATA_DIR": str(place["data"])},
    )  # fmt: skip


def one(bench, database, place, args, identity):
    database.execute(f"alter table docs replica identity {identity}")
    before = database.value("select sum(v) from docs")
    database.execute(f"call update_docs({args.updates}, {args.rows}, {args.per})")
    count = int(database.value("select sum(v) from docs") - before)
    usage = carry(bench, database, place)
    check(bench, database, place)
    return {
        "updates": count,
        "updates_per_second": round(count / usage.seconds),
        "cpu_us_per_update": us_per_row(usage.cpu, count),
        "backends_us_per_update": us_per_row(usage.backends, count),
        "max_rss_mib": round(usage.rss_kib / 1024, 1),
    }


def places(bench, args, s3):
    if "local" in args.places:
        data = bench.directory / "data_local"
        yield {"name": "local", "sink": bench.directory / "lake", "data": data, "more": [], "env": {}, "reader": {}}
    if s3 is not None:
        env = s3.env()
        reader = {
            "s3.endpoint": s3.endpoint, "s3.region": "us-east-1", "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
            "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
        }  # fmt: skip
        more = ["--set", f"s3.endpoint={s3.endpoint}"]
        sink, data = s3.create_bucket().url("wh"), bench.directory / "data_s3"
        yield {"name": "s3", "sink": sink, "data": data, "more": more, "env": env, "reader": reader}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=50_000)
    parser.add_argument("--updates", type=quantity, default=50_000)
    parser.add_argument("--bytes", type=quantity, default=8000)
    parser.add_argument("--per", type=quantity, default=100, help="updates of a transaction")
    parser.add_argument("--places", default="local,s3")
    args = parser.parse_args()
    result = vars(args).copy()
    s3 = Versitygw().start() if "s3" in args.places else None
    try:
        with Bench() as bench:
            for place in places(bench, args, s3):
                database = bench.database(f"docs_{place['name']}")
                database.execute(TABLE)
                database.execute(FILL.format(words=args.bytes // 32, rows=args.rows))
                carry(bench, database, place)
                for identity in ("default", "full"):
                    key = f"{place['name']}, identity {identity}"
                    result[key] = one(bench, database, place, args, identity)
                    print(key, result[key], flush=True)
    finally:
        if s3 is not None:
            s3.remove()
    save("lake_toast", result)


if __name__ == "__main__":
    main()
