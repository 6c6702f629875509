#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Topics of a real Kafka (one broker on this machine) -> an Iceberg upsert table, and -> Parquet on an S3 server
(versitygw): records per core-second of leat, its peak RSS.

Usage: bench/kafka_topics.py [--rows 500k] [--forms avro,json] [--targets iceberg,parquet] [--rounds 1]
leat's own sink fills the topic with Debezium's records of `orders`: a snapshot of so many rows, then updates of all
of them: twice as many records. Iceberg: PyIceberg counts the rows and sums up two columns, as PostgreSQL does. Parquet:
the files have a row a record. CPU is all of leat's: fetching, decoding, journal, sink.
"""

import argparse
import contextlib

from harness import LEAT, Bench, files_rows, measure, quantity, save, sync, us_per_row
from kafka_broker import KafkaCluster
from lake import FACTS, lake_facts
from s3_servers import Versitygw
from server import Server

FORMS = {"avro": ["--registry"], "json": ["--set", "json.schemas.enable=true"]}
UPDATE = "update orders set quantity = quantity + 1, updated_at = now() where id % 16 = {}"


def fill(bench, database, kafka, registry, form, rows):
    """The topic's records; how many."""
    more = [*FORMS[form], registry] if form == "avro" else FORMS[form]
    url = kafka.url(form, **{"topic.creation.default.compression.type": "lz4"})
    sync(bench, database, url, f"fill_{form}", "--tables", "public.orders", *more, format=form)
    for part in range(16):
        database.execute(UPDATE.format(part))
    sync(bench, database, url, f"fill_{form}", "--tables", "public.orders", *more, format=form)
    return 2 * rows


class Target:
    def __init__(self, bench, name, kind, s3, bucket):
        self.bench, self.name, self.kind = bench, name, kind
        self.url, self.args, self.env, self.bucket = bench.directory / "lake", [], {}, bucket
        if kind == "iceberg":
            self.args = ["--set", f"namespace={name}"]
        else:
            self.url, self.env = bucket.url(name), s3.env()
            self.args = ["--set", f"s3.endpoint={s3.endpoint}"]

    def check(self, database, records):
        if self.kind == "iceberg":
            expected = tuple(int(v) for v in database.query(FACTS)[0])
            found = lake_facts(self.bench, self.name)
        else:
            expected = (records, records // 2, 2 * int(database.query(FACTS)[0][1]))
            self.bucket.download(self.bench.directory / self.name, self.name)
            found = files_rows(self.bench.directory / self.name, "parquet")
        assert found == expected, (found, expected)


def carry(bench, kafka, registry, form, target):
    topic = rf"{form}\.public\.orders"
    url = f"kafka://{kafka.bootstrap}/{topic}" + (f"?registry={registry}" if form == "avro" else "")
    argv = [LEAT, "sync", url, target.url, "--format", target.kind, "--name", target.name, "--log-level", "warn"]
    return measure([*argv, *target.args], env={**bench.env, **target.env})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=quantity, default=500_000)
    parser.add_argument("--forms", default="avro,json")
    parser.add_argument("--targets", default="iceberg,parquet")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    result = vars(args).copy()
    with Bench() as bench, KafkaCluster() as kafka, contextlib.ExitStack() as stack:
        (bench.directory / "registry").mkdir()
        registry = stack.enter_context(Server(bench.directory / "registry", binary=LEAT)).registry_url
        s3 = Versitygw().start()
        stack.callback(s3.remove)
        bucket = s3.create_bucket()
        for form in args.forms.split(","):
            database = bench.database(f"topics_{form}")
            database.execute(f"call load_orders({args.rows}, 1000)")
            records = fill(bench, database, kafka, registry, form, args.rows)
            for kind in args.targets.split(","):
                for number in range(args.rounds):
                    target = Target(bench, f"{form}_{kind}_{number}", kind, s3, bucket)
                    usage = carry(bench, kafka, registry, form, target)
                    target.check(database, records)
                    row = {
                        "records_per_core_second": round(records / usage.cpu),
                        "records_per_second": round(records / usage.seconds),
                        "cpu_us_per_record": us_per_row(usage.cpu, records),
                        "max_rss_mib": round(usage.rss_kib / 1024, 1),
                    }
                    result.setdefault("runs", {}).setdefault(f"{form} -> {kind}", []).append(row)
                    print(form, kind, row, flush=True)
    save("kafka_topics", result)


if __name__ == "__main__":
    main()
