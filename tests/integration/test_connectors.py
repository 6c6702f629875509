# SPDX-License-Identifier: Apache-2.0
"""Source and sink connectors of `leat server`: Debezium's and Confluent's configurations, from tables into files."""

import json
import random
import re
import signal
import subprocess
import time

import connectors
import pytest
import scratch
import server as server_module

TOPIC = "shop.public.orders"


@pytest.fixture
def server(work, db):
    (work / "server").mkdir()
    options = {"restart.backoff.min": "100ms", "restart.backoff.max": "300ms", "restart.crashes.max": "1000"}
    made = server_module.Server(work / "server", options=options)
    yield made
    made.close()


def create(server, name, *configs):
    server.create(name, {key: value for config in configs for key, value in config.items()})


def put(server, name, *configs):
    """Another configuration of a connector."""
    config = {key: value for part in configs for key, value in part.items()}
    answer = server.connect("PUT", f"/connectors/{name}/config", config)
    assert answer.status == 200, answer


def until_equal(server, db, lake, topic=TOPIC, table="orders"):
    """The files of a topic replay to what the table holds."""
    seen = {}

    def look():
        seen["got"] = connectors.replayed_orders(lake, topic)
        seen["want"] = connectors.order_rows(db, table)
        return seen["got"] == seen["want"]

    server.until(look, lambda: f"the files equal the table: {seen}")


def changes(db):
    db.execute("UPDATE orders SET name = 'x', amount = -0.5 WHERE id < 4; DELETE FROM orders WHERE id = 5")
    db.execute("UPDATE orders SET id = 100 WHERE id = 6")


def wire(server, name, *arguments):
    """What a consumer of the connector's topics would see."""
    argv = [str(server.binary), "topic", "read", "--data-dir", str(server.data), name, *arguments]
    argv += [] if "--dead-letters" in arguments else ["--wire"]
    done = subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_json_from_debezium_into_files_of_the_s3_sink(server, db, work):
    db.execute(connectors.ORDERS)
    lake = work / "lake"
    server.start()
    create(server, "shop/source", connectors.source(db), connectors.JSON_PLAIN)
    create(server, "Lake", connectors.s3_sink(work, TOPIC, flush__size="1"), connectors.JSON_PLAIN)
    until_equal(server, db, lake)
    changes(db)
    until_equal(server, db, lake)
    assert sorted(path.name for path in (lake / "topics" / TOPIC / "partition=0").iterdir())[:2] == [
        f"{TOPIC}+0+0000000000.json",
        f"{TOPIC}+0+0000000001.json",
    ]
    ops = "".join(record["op"] for record in connectors.records(lake, TOPIC))
    assert ops == "r" * 10 + "uuud" + "dc"
    seen = wire(server, "shop/source", TOPIC)
    assert [record["offset"] for record in seen] == list(range(len(seen)))
    assert [record["value"] is None for record in seen].count(True) == 2  # the tombstones, which the sink left out
    assert [json.loads(record["value"])["op"] for record in seen if record["value"]] == list(ops)
    assert json.loads(seen[-1]["key"]) == {"id": 100}
    server.stop()


def test_a_late_sink_reads_all_that_the_journal_has_and_one_from_latest_what_comes(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    until_wire(server, "source", 10)
    changes(db)
    until_wire(server, "source", 18)  # three updates, two deletes with their tombstones, one row more: before `late`
    latest = {"consumer.override.auto.offset.reset": "latest", "topics.dir": "latest"}
    create(server, "early", connectors.s3_sink(work, "shop.public..*", flush__size="1"), connectors.JSON_PLAIN)
    create(server, "late", connectors.s3_sink(work, TOPIC, flush__size="1"), connectors.JSON_PLAIN, latest)
    until_equal(server, db, work / "lake/topics")
    server.until(lambda: (server.data / "pipelines/source/sinks/late/from").exists(), "late has begun")
    db.execute("INSERT INTO orders VALUES (7000, 'new', 1)")
    until_equal(server, db, work / "lake/topics")
    server.until(lambda: connectors.records(work / "lake/latest", TOPIC), "late has a record")
    assert [record["after"]["id"] for record in connectors.records(work / "lake/latest", TOPIC)] == [7000]
    server.stop()


def test_two_sources_into_one_sink(server, db, work):
    db.execute(connectors.ORDERS)
    db.execute("CREATE SCHEMA b; CREATE TABLE b.orders (LIKE orders INCLUDING ALL); INSERT INTO b.orders VALUES (1)")
    server.start()
    create(server, "sink", connectors.s3_sink(work, ".*orders", flush__size="1"), connectors.JSON_PLAIN)
    create(server, "one", connectors.source(db), connectors.JSON_PLAIN)
    until_equal(server, db, work / "lake")
    # The second comes while the sink works.
    other = connectors.source(db, "other", table__include__list="b\\..*")
    create(server, "two", other, connectors.JSON_PLAIN)
    until_equal(server, db, work / "lake", "other.b.orders", "b.orders")
    db.execute("INSERT INTO b.orders VALUES (2, 'b', 3); INSERT INTO orders VALUES (77, 'a', 4)")
    until_equal(server, db, work / "lake", "other.b.orders", "b.orders")
    until_equal(server, db, work / "lake")

    def offsets():
        answer = server.connect("GET", "/connectors/sink/offsets").json()["offsets"]
        return {offset["partition"]["kafka_topic"]: offset["offset"]["kafka_offset"] for offset in answer}

    server.until(lambda: offsets() == {TOPIC: 11, "other.b.orders": 2}, lambda: f"both topics' offsets: {offsets()}")
    server.stop()


def test_one_topic_in_two_journals_is_an_error_that_names_both(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "one", connectors.source(db), connectors.JSON_PLAIN)
    create(server, "two", connectors.source(db, slot__name="two", publication__name="two"), connectors.JSON_PLAIN)
    for name in ("one", "two"):
        until_wire(server, name, 10)
    create(server, "sink", connectors.s3_sink(work, TOPIC), connectors.JSON_PLAIN)
    status = server.wait_state("sink", "FAILED")
    assert "in the journals of two sources, one and two" in status["tasks"][0]["trace"], status
    server.stop()


UNWRAP = {
    "transforms": "unwrap",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.unwrap.drop.tombstones": "true",
}


def test_records_stay_what_they_were_to_become_when_they_were_appended(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    source = connectors.source(db), connectors.JSON_PLAIN
    create(server, "source", *source)
    until_wire(server, "source", 10)
    db.execute("INSERT INTO orders VALUES (50, 'before', 1)")
    until_wire(server, "source", 11)
    put(server, "source", *source, UNWRAP)
    server.until(lambda: len(list((server.data / "pipelines/source/programs").iterdir())) == 2, "a second program")
    server.wait_state("source")
    db.execute("INSERT INTO orders VALUES (51, 'after', 1)")
    create(server, "sink", connectors.s3_sink(work, TOPIC, flush__size="1"), connectors.JSON_PLAIN)
    server.until(lambda: len(connectors.records(work / "lake", TOPIC)) == 12, "all records")
    records = connectors.records(work / "lake", TOPIC)
    assert [record["after"]["id"] for record in records[:-1]] == [*range(1, 11), 50]
    assert records[-1]["id"] == 51 and "after" not in records[-1]
    server.stop()


def test_a_sink_reads_bytes_and_texts_and_changes_them(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN, UNWRAP)
    text = {"key.converter": "org.apache.kafka.connect.storage.StringConverter", "topics.dir": "text"}
    text["value.converter"] = text["key.converter"]
    create(server, "text", connectors.s3_sink(work, TOPIC, flush__size="5"), text)
    data = {"value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter", "topics.dir": "bytes"}
    data["key.converter"] = data["value.converter"]
    create(server, "bytes", connectors.s3_sink(work, TOPIC, "bytearray.ByteArrayFormat", flush__size="5"), data)
    renamed = {
        "topics.dir": "renamed",
        "transforms": "drop,route",
        "transforms.drop.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
        "transforms.drop.exclude": "amount",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "shop\\.(.*)",
        "transforms.route.replacement": "$1",
    }
    create(server, "other", connectors.s3_sink(work, TOPIC, flush__size="5"), connectors.JSON_PLAIN, renamed)
    want = [json.loads(record["value"]) for record in until_wire(server, "source", 10)]
    lake = work / "lake"
    server.until(lambda: len(connectors.records(lake / "text", TOPIC)) == 10, "texts")
    assert [json.loads(record) for record in connectors.records(lake / "text", TOPIC)] == want
    server.until(lambda: len(scratch.paths(lake / "bytes", ".bin")) == 2, "bytes")
    lines = [line for path in scratch.paths(lake / "bytes", ".bin") for line in path.read_text().splitlines()]
    assert [json.loads(line) for line in lines] == want
    server.until(lambda: len(connectors.records(lake / "renamed", "public.orders")) == 10, "renamed")
    for record in want:
        del record["amount"]
    assert connectors.records(lake / "renamed", "public.orders") == want
    server.stop()


def until_wire(server, name, count):
    for part in ("journal", "programs"):  # a source connector is what has both
        path = server.data / "pipelines" / name / part
        server.until(path.exists, f"{path} is there")
    server.until(lambda: len(wire(server, name)) >= count, f"{count} records")
    return wire(server, name)


FAILING = {
    "transforms": "cast",
    "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
    "transforms.cast.spec": "name:int32",
    "errors.tolerance": "all",
    "errors.deadletterqueue.topic.name": "letters",
    "errors.deadletterqueue.context.headers.enable": "true",
}


def test_records_that_fail_stop_the_sink_or_are_set_aside(server, db, work):
    db.execute("CREATE TABLE orders (id bigint PRIMARY KEY, name text)")
    db.execute("INSERT INTO orders VALUES (1, '1'), (2, 'two'), (3, '3'), (4, 'four')")
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN, UNWRAP)
    sink = connectors.s3_sink(work, TOPIC, flush__size="1")
    create(server, "strict", sink, connectors.JSON_PLAIN, FAILING, {"errors.tolerance": "none", "topics.dir": "strict"})
    create(server, "sink", sink, connectors.JSON_PLAIN, FAILING)
    server.until(lambda: len(connectors.records(work / "lake/topics", TOPIC)) == 2, "two records")
    assert connectors.records(work / "lake/topics", TOPIC) == [{"id": 1, "name": 1}, {"id": 3, "name": 3}]
    letters = server.until(lambda: (found := wire(server, "sink", "--dead-letters"))[1:] and found, "two letters")
    assert [json.loads(letter["value"])["id"] for letter in letters] == [2, 4]
    assert [json.loads(letter["key"]) for letter in letters] == [{"id": 2}, {"id": 4}]
    headers = dict(letters[0]["headers"])
    assert headers["__connect.errors.topic"] == TOPIC and headers["__connect.errors.offset"] == "1"
    assert headers["__connect.errors.stage"] == "TRANSFORMATION"
    assert headers["__connect.errors.connector.name"] == "sink"
    status = server.wait_state("strict", "FAILED")
    assert "Tolerance exceeded in error handler" in status["tasks"][0]["trace"], status
    # They are set aside once, whatever happens to the sink.
    server.worker("sink").kill()
    db.execute("INSERT INTO orders VALUES (5, 'five'), (6, '6')")
    server.until(lambda: len(connectors.records(work / "lake/topics", TOPIC)) == 3, "three records")
    server.until(lambda: len(wire(server, "sink", "--dead-letters")) == 3, "three letters")
    server.stop()


def test_a_sinks_offsets_are_shown_and_reset(server, db, work):
    db.execute(connectors.ORDERS)
    lake = work / "lake"
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    create(server, "sink", connectors.s3_sink(work, TOPIC, flush__size="2"), connectors.JSON_PLAIN)
    until_equal(server, db, lake)
    before = scratch.contents(lake, ".json")
    assert server.connect("PUT", "/connectors/sink/stop").status == 204
    server.wait_state("sink", None)
    part = {"kafka_topic": TOPIC, "kafka_partition": 0}
    offsets = server.connect("GET", "/connectors/sink/offsets").json()["offsets"]
    assert offsets == [{"partition": part, "offset": {"kafka_offset": 10}}]
    body = {"offsets": [{"partition": part, "offset": {"kafka_offset": 4}}]}
    answer = server.connect("PATCH", "/connectors/sink/offsets", body)
    assert answer.status == 200, answer
    assert len(scratch.paths(lake, ".json")) == 2
    assert server.connect("PUT", "/connectors/sink/resume").status == 202
    until_equal(server, db, lake)
    assert scratch.contents(lake, ".json") == before
    assert server.connect("PUT", "/connectors/sink/stop").status == 204
    server.wait_state("sink", None)
    assert server.connect("DELETE", "/connectors/sink/offsets").status == 200
    assert not scratch.paths(lake, ".json")
    assert server.connect("PUT", "/connectors/sink/resume").status == 202
    until_equal(server, db, lake)
    assert scratch.contents(lake, ".json") == before
    server.stop()


def test_a_sources_offsets_are_shown_and_forgotten(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    until_wire(server, "source", 10)
    db.execute("INSERT INTO orders VALUES (20, 'x', 1)")
    until_wire(server, "source", 11)

    def offsets():
        return server.connect("GET", "/connectors/source/offsets").json()["offsets"]

    server.until(lambda: ["lsn" in one["offset"] for one in offsets()] == [True], "the offset is told")
    assert offsets()[0]["partition"] == {"server": "shop"}
    assert server.connect("PUT", "/connectors/source/stop").status == 204
    server.wait_state("source", None)
    assert "lsn" in offsets()[0]["offset"]
    answer = server.connect("DELETE", "/connectors/source/offsets")
    assert answer.status == 200, answer
    assert offsets() == []
    assert server.connect("PUT", "/connectors/source/resume").status == 202
    seen = until_wire(server, "source", 22)
    assert "".join(json.loads(record["value"])["op"] for record in seen) == "r" * 10 + "c" + "r" * 11
    server.stop()


def test_workers_that_are_killed_leave_the_same_files(server, db, work):
    db.execute(connectors.ORDERS)
    lake = work / "lake"
    chance = random.Random(7)
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    create(server, "sink", connectors.s3_sink(work, TOPIC, flush__size="7"), connectors.JSON_PLAIN)
    for turn in range(12):
        first = 1000 * (turn + 1)
        db.execute(f"INSERT INTO orders SELECT {first} + i, 'n', i FROM generate_series(1, 40) i")
        db.execute(f"UPDATE orders SET name = 'u{turn}' WHERE id % 7 = {turn % 7}")
        db.execute(f"DELETE FROM orders WHERE id = {first} + 3")
        time.sleep(chance.uniform(0.05, 0.6))
        workers = server.workers()
        for name in chance.choice((["source"], ["sink"], ["source", "sink"])):
            if name in workers:
                workers[name].kill(signal.SIGKILL)
    server.wait_state("source")
    server.wait_state("sink")
    # The last file of the sink ends with its seventh record.
    for number in range(14):
        db.execute(f"INSERT INTO orders VALUES (-{number + 1}, 'end', 1)")
    seen = {}

    def look():
        files = connectors.read_topics(lake).get(TOPIC, [])
        rows = connectors.replayed_orders(lake, TOPIC)
        want = {key: row for key, row in connectors.order_rows(db).items() if key > 0}
        seen.update(files=len(files), rows=len(rows), want=len(want))
        return {key: row for key, row in rows.items() if key > 0} == want

    server.until(look, lambda: f"the files equal the table: {seen}")
    files = connectors.check_offsets(lake, TOPIC)
    assert all(len(batch) == 7 for _, batch in files), [len(batch) for _, batch in files]
    # As a consumer would see them, with the tombstones that the sink leaves out.
    values = [json.loads(record["value"]) for record in wire(server, "source", TOPIC) if record["value"] is not None]
    assert [record for _, batch in files for record in batch] == values[: 7 * len(files)]
    server.stop()


DAYS = {
    "partitioner.class": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
    "path.format": "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH",
    "partition.duration.ms": "3600000",
    "locale": "en-US",
    "timezone": "UTC",
    "timestamp.extractor": "Record",
}


def test_avro_through_the_embedded_registry_into_avro_and_parquet(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    avro = connectors.avro(server)
    create(server, "source", connectors.source(db), avro)
    raw = connectors.s3_sink(work, TOPIC, "avro.AvroFormat", flush__size="4", topics__dir="raw")
    keys = {"store.kafka.keys": "true", "store.kafka.headers": "true"}
    create(server, "raw", raw, avro, keys)
    days = connectors.s3_sink(work, TOPIC, "parquet.ParquetFormat", flush__size="4", topics__dir="days")
    create(server, "days", days, avro, DAYS)
    until_wire(server, "source", 10)
    for _ in range(2):
        db.execute("INSERT INTO orders VALUES (11, 'eleven', 11), (12, 'twelve', NULL)")
        changes(db)
        db.execute("DELETE FROM orders WHERE id IN (11, 12, 100); INSERT INTO orders VALUES (5, 'n5', 1), (6, 'n6', 1)")
    db.execute("INSERT INTO orders SELECT i, 'more', i FROM generate_series(20, 23) i")
    server.until(lambda: len(connectors.records(work / "lake/raw", TOPIC)) == 40, "raw")
    server.until(lambda: len(connectors.records(work / "lake/days", TOPIC)) == 40, "days")
    seen = [record for record in wire(server, "source", TOPIC)]
    assert all(record["key"]["base64"].startswith("AAAA") for record in seen)
    subjects = server.registry("GET", "/subjects").json()
    assert subjects == [f"{TOPIC}-key", f"{TOPIC}-value"]
    schema = json.loads(server.registry("GET", f"/subjects/{TOPIC}-value/versions/1").json()["schema"])
    assert (schema["name"], schema["namespace"]) == ("Envelope", TOPIC)
    path = scratch.paths(work / "lake/raw", ".avro")[0]
    assert path.relative_to(work / "lake").as_posix() == f"raw/{TOPIC}/partition=0/{TOPIC}+0+0000000000.avro"
    assert path.with_suffix("").with_suffix("").parent.joinpath(f"{TOPIC}+0+0000000000.keys.avro").exists()
    found = scratch.paths(work / "lake/days" / TOPIC, ".parquet")
    hours = {path.parent.relative_to(work / "lake/days" / TOPIC).as_posix() for path in found}
    assert all(hour.count("/") == 3 and hour.startswith("year=20") for hour in hours), hours
    raw, days = connectors.records(work / "lake/raw", TOPIC), connectors.records(work / "lake/days", TOPIC)
    assert [connectors.event(record) for record in raw] == [connectors.event(record) for record in days]
    assert connectors.replayed_orders(work / "lake/raw", TOPIC) == connectors.order_rows(db)
    ops = "".join(record["op"] for record in raw)
    assert ops.startswith("r" * 10 + "ccuuuddc"), ops
    server.stop()


def test_a_schema_that_the_registry_refuses_stops_the_source_with_its_words(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "source", connectors.source(db), connectors.avro(server))
    until_wire(server, "source", 10)
    server.wait_state("source")
    db.execute("ALTER TABLE orders ADD COLUMN extra text NOT NULL DEFAULT 'x', ALTER COLUMN name TYPE bigint USING 0")
    db.execute("INSERT INTO orders (id, name) VALUES (60, 7)")
    status = server.wait_state("source", "FAILED")
    assert "incompatible" in status["tasks"][0]["trace"], status
    # Nothing of it is in the journal; once the subject allows it, the source goes on.
    assert len(wire(server, "source", TOPIC)) == 10
    answer = server.registry("PUT", f"/config/{TOPIC}-value", {"compatibility": "NONE"})
    assert answer.status == 200, answer
    assert server.connect("POST", "/connectors/source/restart?includeTasks=true").status in (202, 204)
    server.until(lambda: len(wire(server, "source", TOPIC)) == 11, "the row is there")
    server.stop()


SHOP = ("users", "products", "product_skus")


def shop_problems(db, copy, topics):
    """What in the files is not as in the shop."""
    problems = []
    for table in topics:
        key, columns, want = connectors.table_rows(db, "shop", table)
        got = connectors.replayed(connectors.records(copy, f"shop.shop.{table}"), key, columns)
        if got != want:
            other = [name for name in want.keys() | got.keys() if want.get(name) != got.get(name)]
            problems.append(f"{table}: {len(want)} rows, {len(got)} in files, {len(other)} differ: {other[:3]}")
    return problems


@pytest.mark.early
def test_the_storefront_into_avro_on_s3_while_workers_are_killed(server, db, work, new_s3, new_leat):
    chance = random.Random(11)
    s3 = new_s3("versitygw")
    bucket = s3.create_bucket()
    leat = new_leat()
    leat.run("generate", "storefront", "--to", db.url, "--rate", "0")
    tables = {name for (name,) in db.query("SELECT tablename FROM pg_tables WHERE schemaname = 'shop'")}
    topics = [table for table in SHOP if table in tables]
    server.start()
    avro = connectors.avro(server)
    source = connectors.source(db, table__include__list=",".join(f"shop\\.{table}" for table in topics))
    create(server, "source", source, avro)
    target = {
        "s3.bucket.name": bucket.name,
        "store.url": s3.endpoint,
        "s3.region": "us-east-1",
        "aws.access.key.id": s3.env()["AWS_ACCESS_KEY_ID"],
        "aws.secret.access.key": s3.env()["AWS_SECRET_ACCESS_KEY"],
        "flush.size": "500",
        "rotate.schedule.interval.ms": "1000",
        "avro.codec": "deflate",
    }
    create(server, "raw", connectors.s3_sink(work, "shop\\.shop\\..*", "avro.AvroFormat"), avro, target)
    shop = leat.start("generate", "storefront", "--to", db.url, "--rate", "300", "--seed", "3")
    for _ in range(14):
        time.sleep(chance.uniform(0.1, 0.9))
        workers = server.workers()
        for name in chance.choice((["source"], ["raw"], ["source", "raw"])):
            if name in workers:
                workers[name].kill(signal.SIGKILL)
    shop.signal(signal.SIGINT)
    shop.wait()
    server.wait_state("source")
    server.wait_state("raw")
    problems = []

    def equal():
        copy = work / f"copy{time.monotonic_ns()}"
        bucket.download(copy)
        problems[:] = shop_problems(db, copy, topics)
        return not problems

    server.until(equal, lambda: f"the objects equal the shop: {problems}")
    copy = work / "copy"
    bucket.download(copy)
    for topic, files in connectors.read_topics(copy).items():
        assert all(0 < len(batch) <= 500 for _, batch in files), topic
        connectors.check_offsets(copy, topic)


def test_a_sources_offsets_in_debeziums_form(server, db, work):
    db.execute(connectors.ORDERS)
    db.execute("CREATE PUBLICATION dbz_shop FOR TABLE orders")
    db.execute("SELECT pg_create_logical_replication_slot('debezium_shop', 'pgoutput')")
    db.execute("INSERT INTO orders VALUES (50, 'seen by Debezium', 1)")
    left_off = db.wal_lsn()
    db.execute("INSERT INTO orders VALUES (51, 'for leat', 1)")
    server.start()
    config = connectors.source(db, publication__autocreate__mode="disabled") | connectors.JSON_PLAIN
    body = {"name": "source", "config": config, "initial_state": "STOPPED"}
    assert server.connect("POST", "/connectors", body).status == 201
    server.until(lambda: server.status("source")["connector"]["state"] == "STOPPED", "it is stopped")
    path, part = "/connectors/source/offsets", {"server": "shop"}
    assert server.connect("GET", path).json() == {"offsets": []}
    answer = server.connect("PATCH", path, {"offsets": [{"partition": part, "offset": {"lsn": 1}}]})
    assert answer.status in (400, 500) and "replication slot debezium_shop stands at" in answer.json()["message"]
    offset = {"lsn": left_off, "lsn_proc": left_off, "lsn_commit": left_off, "txId": 7, "ts_usec": 1}
    answer = server.connect("PATCH", path, {"offsets": [{"partition": part, "offset": offset}]})
    assert answer.status == 200 and "altered successfully" in answer.json()["message"], answer
    (shown,) = server.connect("GET", path).json()["offsets"]
    assert shown["partition"] == part and shown["offset"]["lsn_commit"] == left_off
    assert server.connect("PUT", "/connectors/source/resume").status == 202
    server.wait_state("source")

    def ids():
        lines = [record for record in wire(server, "source") if record["topic"] == TOPIC]
        return [json.loads(line["value"])["after"]["id"] for line in lines]

    def moved():
        told = server.connect("GET", path).json()["offsets"]
        return [one["offset"]["lsn_commit"] > left_off for one in told if "lsn_commit" in one["offset"]] == [True]

    until_wire(server, "source", 1)
    server.until(lambda: ids() == [51], lambda: f"the change behind the offset: {ids()}")
    server.until(moved, "the offset moves")
    assert server.connect("PUT", "/connectors/source/stop").status == 204
    server.wait_state("source", None)
    assert server.connect("DELETE", path).status == 200
    assert server.connect("GET", path).json() == {"offsets": []}
    assert server.connect("PUT", "/connectors/source/resume").status == 202
    server.until(lambda: sorted(ids()[1:]) == sorted(row[0] for row in db.query("SELECT id FROM orders")), ids)
    server.stop()


def test_one_bad_table_is_shown_and_brought_back(server, db, work):
    db.execute(connectors.ORDERS)
    db.execute("CREATE TABLE bad (id int PRIMARY KEY); INSERT INTO bad VALUES (1)")
    override = {
        "snapshot.select.statement.overrides": "public.bad",
        "snapshot.select.statement.overrides.public.bad": "SELECT 'longer'::text AS id FROM bad",
    }
    server.start()
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN, override)
    server.wait_state("source")
    until_wire(server, "source", 10)  # the good table's rows

    def quarantined():
        text = server_module.request("GET", server.metrics_url + "/metrics").body.decode()
        return [line for line in text.splitlines() if line.startswith("leat_connector_quarantined_tables{")]

    server.until(lambda: any(line.endswith(" 1") for line in quarantined()), lambda: quarantined())
    assert "column id" in server.log_text()

    def status(**query):
        if query:
            return server.connect("GET", "/connectors?expand=status").json()["source"]["status"]
        return server.connect("GET", "/connectors/source/status").json()

    def cli(*command):
        argv = [str(server.binary), "connector", *command, "--url", server.connect_url]
        return subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180, check=True).stdout

    server.until(lambda: "quarantined" in status(), status)
    for said in (status(), status(expand="status")):
        (aside,) = said["quarantined"]
        assert aside["table"] == "public.bad" and "column id" in aside["reason"], said
        assert re.fullmatch("[0-9A-F]+/[1-9A-F][0-9A-F]*", aside["lsn"]), said
        assert said["connector"]["state"] == "RUNNING" and "trace" not in said["tasks"][0]
    before = status()["quarantined"]
    assert "RUNNING (1 quarantined)" in cli("list")
    shown = cli("show", "source")
    assert re.search(f"^aside    public.bad from {before[0]['lsn']} on: .*column id", shown, re.MULTILINE), shown
    put(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    server.wait_state("source")  # with it: the worker before would take the request for itself
    argv = [str(server.binary), "resync", "--data-dir", str(server.data), "source", "--tables", "public.bad"]
    done = subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180)
    assert done.returncode == 0, done.stderr
    server.until(lambda: any(r["topic"] == "shop.public.bad" for r in wire(server, "source")), "it is back")
    server.until(lambda: any(line.endswith(" 0") for line in quarantined()), lambda: quarantined())
    server.until(lambda: "quarantined" not in status(), status)
    assert "quarantined" not in cli("list") and "aside" not in cli("show", "source")
    server.stop()
