# SPDX-License-Identifier: Apache-2.0
"""Sink connectors that read topics of a real Kafka which others fill: files and tables hold each record once, under
Kafka's own partitions and offsets, whatever is killed; group, dead letters and verbs of offsets are Connect's."""

import decimal
import io
import json
import struct
import threading
import time

import confluent_kafka
import connectors
import fastavro
import pytest
import server as server_module
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from test_connect_iceberg import rows, until_rows
from test_connect_iceberg import sink as iceberg_sink
from test_golden_records import GOLDEN
from test_kafka_source import offsets, producer, put
from test_monitoring import Receiver, of, scrape

pytestmark = pytest.mark.xdist_group("kafka")

SCHEMA = {
    "type": "record", "name": "Value", "namespace": "shop.orders", "connect.name": "shop.orders.Value",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "price", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2, "connect.version": 1,
            "connect.parameters": {"scale": "2", "connect.decimal.precision": "10"},
            "connect.name": "org.apache.kafka.connect.data.Decimal",
        }},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}  # fmt: skip
JSON_SCHEMA = {
    "type": "struct", "name": "shop.items.Value", "optional": False, "fields": [
        {"field": "id", "type": "int64", "optional": False},
        {"field": "price", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "version": 1,
         "parameters": {"scale": "2", "connect.decimal.precision": "10"}, "optional": True},
        {"field": "day", "type": "int32", "name": "org.apache.kafka.connect.data.Date", "version": 1,
         "optional": True},
        {"field": "tags", "type": "array", "items": {"type": "string", "optional": False}, "optional": True},
    ],
}  # fmt: skip
TEXT_KEYS = {"key.converter": "org.apache.kafka.connect.storage.StringConverter"}


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def shared(kafka_server, receiver, tmp_path_factory):
    """One server for all of the file."""
    kafka_server.start()
    directory = tmp_path_factory.mktemp("sink_topics")
    options = {"restart.backoff.min": "100ms", "restart.backoff.max": "300ms", "restart.crashes.max": "1000"}
    options |= {"kafka.bootstrap.servers": kafka_server.bootstrap, "webhook.url": receiver.url}
    with server_module.Server(directory, options=options) as made:
        yield made


def avro_frame(number, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), record)
    return b"\x00" + struct.pack(">I", number) + out.getvalue()


def order(n):
    return {"id": n, "name": None if n % 3 == 0 else f"n{n}", "price": f"{n}.25", "at": 1700000000123 + n}


def register(server, subject, schema):
    answer = server.registry("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})
    assert answer.status == 200, answer
    return answer.json()["id"]


def kafka_offsets(server, name):
    listed = server.connect("GET", f"/connectors/{name}/offsets").json()["offsets"]
    at = {}
    for each in listed:
        where = each["partition"]
        at[where["kafka_topic"], where["kafka_partition"]] = each["offset"]["kafka_offset"]
    return at


def names(directory, topic):
    found = (directory / "lake/topics" / topic).rglob("*+*")
    return sorted(str(path.relative_to(directory / "lake/topics" / topic)) for path in found)


def lines(directory, topic):
    """What is in the files, in the order of partitions and offsets; nothing while some are taken away."""
    found = []
    try:
        for name in names(directory, topic):
            found += connectors.read_file(directory / "lake/topics" / topic / name)
    except FileNotFoundError:
        return []
    return found


def sizes(directory, topic):
    """How many records files have; nothing while some are taken away."""
    try:
        paths = [directory / "lake/topics" / topic / name for name in names(directory, topic)]
        return {len(connectors.read_file(path)) for path in paths}
    except FileNotFoundError:
        return set()


def until_lines(server, directory, topic, count):
    found = lambda: len(lines(directory, topic))  # noqa: E731
    server.until(lambda: found() >= count, lambda: f"{count} lines of {topic}, not {found()}")


def test_files_have_kafkas_own_names_while_workers_are_killed(shared, kafka, work):
    """JSON without schemas, two partitions, a group that Connect has left, kill -9, offsets set from outside."""
    topic, group = f"{kafka.prefix}.clicks", f"connect-{kafka.prefix}files"
    name, server = f"{kafka.prefix}files", shared
    kafka.create_topic(topic, partitions=2)
    record = lambda p, n: {"p": p, "n": n, "x": 1.5, "deep": {"l": [1, "a", None, {"b": True}]}}  # noqa: E731
    value = lambda p, n: (b"k%d" % n, json.dumps(record(p, n)).encode())  # noqa: E731
    for p in (0, 1):
        put(kafka, topic, [value(p, n) for n in range(10)], partition=p)
    taken = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    taken.commit(offsets=[confluent_kafka.TopicPartition(topic, 0, 4)], asynchronous=False)
    taken.close()
    config = connectors.s3_sink(work, topic) | connectors.JSON_PLAIN | TEXT_KEYS
    server.create(name, config)
    until_lines(server, work, topic, 6 + 9)
    want = [f"partition=0/{topic}+0+00000000{n:02}.json" for n in (4, 7)]
    want += [f"partition=1/{topic}+1+00000000{n:02}.json" for n in (0, 3, 6)]
    assert names(work, topic) == want
    worker = server.worker(name).pid
    kafka.kill()  # the worker waits
    kafka.start()
    for n in range(10, 400):
        put(kafka, topic, [value(0, n)]) if n % 50 == 0 else None
    until_lines(server, work, topic, 12 + 9)
    assert server.worker(name).pid == worker
    for round_ in range(4):
        for p in (0, 1):
            put(kafka, topic, [value(p, n) for n in range(400 + round_ * 100, 500 + round_ * 100)], partition=p)
        for worker in server.workers().values():
            worker.kill()
    end = {0: 10 + 7 + 400, 1: 10 + 400}
    until_lines(server, work, topic, (end[0] - 4) // 3 * 3 + end[1] // 3 * 3)
    found = lines(work, topic)
    told = [(each["p"], each["n"]) for each in found]
    numbers = [*range(10), *range(50, 400, 50), *range(400, 800)]
    assert told == [(0, n) for n in numbers[4:]][: (end[0] - 4) // 3 * 3] + [
        (1, n) for n in [*range(10), *range(400, 800)]
    ][: end[1] // 3 * 3]
    assert all(each == record(each["p"], each["n"]) for each in found)

    # The group follows what is published; Connect's form of offsets says the same.
    at = {0: 4 + (end[0] - 4) // 3 * 3, 1: end[1] // 3 * 3}
    server.until(lambda: offsets(kafka, group, topic) == at, lambda: f"{offsets(kafka, group, topic)}, not {at}")
    want = {(topic, p): at[p] for p in at}
    server.until(lambda: kafka_offsets(server, name) == want, lambda: f"{kafka_offsets(server, name)}, not {want}")
    assert topic in server.connect("GET", f"/connectors/{name}/topics").json()[name]["topics"]

    # Somebody moves the group while the connector is stopped: objects from there on are written again.
    assert server.connect("PUT", f"/connectors/{name}/stop").status == 204
    server.wait_state(name, None, "STOPPED")
    kafka.tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", kafka.bootstrap, "--group",
        group, "--topic", f"{topic}:1", "--reset-offsets", "--to-offset", "6", "--execute",
    )  # fmt: skip
    body = {"offsets": [{"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 7}}]}
    answer = server.connect("PATCH", f"/connectors/{name}/offsets", body)
    assert answer.status == 200, answer
    assert kafka_offsets(server, name) == {(topic, 0): 7, (topic, 1): 6}
    config["flush.size"] = "5"
    assert server.connect("PUT", f"/connectors/{name}/config", config).status == 200
    assert server.connect("PUT", f"/connectors/{name}/resume").status == 202
    places = lambda: [(each["p"], each["n"]) for each in lines(work, topic)]  # noqa: E731
    whole = lambda found: len(found) >= sum(end.values()) - 4 - 8 and 5 in sizes(work, topic)  # noqa: E731
    anew = lambda: whole(found := places()) and found  # noqa: E731
    told = server.until(anew, lambda: f"{len(places())} lines: {names(work, topic)}")
    assert told == sorted(set(told)) and told[0] == (0, 4)  # what Connect has read before is not read again


def test_avro_and_json_with_schemas_and_records_that_fail(shared, kafka, work):
    """Avro of the registry into Parquet and Avro files; bad records stop the sink with their place, or go to the dead
    letters with Connect's headers."""
    server, p = shared, kafka.prefix
    topic, items, letters = f"{p}.orders", f"{p}.items", f"{p}.letters"
    number = register(server, f"{topic}-value", SCHEMA)
    kafka.create_topic(topic)
    kafka.create_topic(items)
    orders = [order(n) | {"price": decimal.Decimal(order(n)["price"])} for n in range(12)]
    put(kafka, topic, [(b"k", avro_frame(number, each)) for each in orders[:6]])
    avro = {
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": server.registry_url,
    }
    for form in ("parquet.ParquetFormat", "avro.AvroFormat"):
        server.create(f"{p}{form[:4]}", connectors.s3_sink(work / form, topic, form) | TEXT_KEYS | avro)
    for form in ("parquet.ParquetFormat", "avro.AvroFormat"):
        until_lines(server, work / form, topic, 6)
        found = lines(work / form, topic)
        taken = [(r["id"], r["name"], r["price"]) for r in found]
        assert taken == [(o["id"], o["name"], o["price"]) for o in orders[:6]]
    assert found[0]["at"].ns == 1700000000123 * 10**6
    (file,) = (work / "avro.AvroFormat/lake/topics" / topic).rglob("*+0+0000000000.avro")
    with file.open("rb") as opened:
        schema = fastavro.reader(opened).writer_schema
    assert schema["name"] == "shop.orders.Value" and schema["connect.name"] == "shop.orders.Value"

    framed = lambda payload: json.dumps({"schema": JSON_SCHEMA, "payload": payload}).encode()  # noqa: E731
    item = lambda n: {"id": n, "price": "BNI=", "day": 19000 + n, "tags": ["a", "b"]}  # noqa: E731
    put(kafka, items, [(b"k", framed(item(0))), (b"k", framed(item(1))), (b"bad", b"{broken", [("h", b"v")])])
    put(kafka, items, [(b"k", framed(item(2)))])
    config = connectors.s3_sink(work, items) | TEXT_KEYS
    server.create(f"{p}items", config | {"value.converter": "org.apache.kafka.connect.json.JsonConverter"})
    trace = server.wait_state(f"{p}items", "FAILED")["tasks"][0]["trace"]
    assert f"{items}-0@2" in trace and "Tolerance exceeded" in trace, trace
    config |= {
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters, "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }  # fmt: skip
    assert server.connect("PUT", f"/connectors/{p}items/config", config).status == 200
    until_lines(server, work, items, 3)
    assert lines(work, items) == [item(0), item(1), item(2)]
    (letter,) = kafka.read(letters)
    headers = dict(letter.headers())
    assert (letter.key(), letter.value(), headers.pop("h")) == (b"bad", b"{broken", b"v")
    prefix = "__connect.errors."
    assert {name.removeprefix(prefix): text.decode() for name, text in headers.items()} | {
        "exception.message": "", "exception.stacktrace": "",
    } == {
        "topic": items, "partition": "0", "offset": "2", "connector.name": f"{p}items", "task.id": "0",
        "stage": "VALUE_CONVERTER", "class.name": "org.apache.kafka.connect.json.JsonConverter",
        "exception.class.name": "org.apache.kafka.connect.errors.DataException", "exception.message": "",
        "exception.stacktrace": "",
    }  # fmt: skip


def test_json_schemas_as_confluents_client_writes_them(shared, kafka, work):
    """JsonSchemaConverter: types, Connect's names, what may be left out; a union stops it with the record's place."""
    server, p = shared, kafka.prefix
    topic, loose, name = f"{p}.bills", f"{p}.loose", f"{p}bills"
    logical = "org.apache.kafka.connect.data."
    number = {"type": "number", "connect.type": "bytes", "title": f"{logical}Decimal", "connect.version": 1,
              "connect.parameters": {"scale": "2", "connect.decimal.precision": "9"}}  # fmt: skip
    schema = {
        "type": "object", "title": "shop.Bill", "properties": {
            "id": {"type": "integer", "connect.type": "int32"}, "big": {"type": "integer"},
            "price": {"oneOf": [{"type": "null"}, number]},
            "at": {"type": "integer", "title": f"{logical}Timestamp", "connect.type": "int64", "connect.version": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
            "by": {"type": "object", "additionalProperties": {"type": "integer"}, "connect.type": "map"},
            "to": {"$ref": "#/definitions/To"}, "note": {"type": "string"}},
        "definitions": {"To": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}}},
    }  # fmt: skip
    client = SchemaRegistryClient({"url": server.registry_url})
    to, in_loose = (SerializationContext(each, MessageField.VALUE) for each in (topic, loose))
    write = JSONSerializer(json.dumps(schema), client)
    bill = lambda n: {  # noqa: E731
        "id": n, "big": 2**53 + n, "price": n + 0.25 if n else None, "at": 1700000000123 + n, "tags": ["a", "ä"],
        "by": {"x": n}, "to": {"city": None}, "note": f"n{n}",
    }  # fmt: skip
    for each in (topic, loose):
        kafka.create_topic(each)
    put(kafka, topic, [(b"k", write(bill(n), to)) for n in range(3)])
    config = connectors.s3_sink(work, topic, "avro.AvroFormat") | TEXT_KEYS | {
        "value.converter": "io.confluent.connect.json.JsonSchemaConverter",
        "value.converter.schema.registry.url": f"http://127.0.0.1:1,{server.registry_url}",
    }  # fmt: skip
    server.create(name, config)
    until_lines(server, work, topic, 3)
    found = lines(work, topic)
    assert [(r["id"], r["big"], r["tags"], dict(r["by"]), r["to"], r["note"]) for r in found] == [
        (n, 2**53 + n, ["a", "ä"], {"x": n}, {"city": None}, f"n{n}") for n in range(3)
    ]
    assert [r["price"] for r in found] == [None, decimal.Decimal("1.25"), decimal.Decimal("2.25")]
    assert found[1]["at"].ns == 1700000000124 * 10**6

    # What `required` does not name is no null: as with the original, where use.optional.for.nonrequired says so.
    left_out = {key: value for key, value in bill(3).items() if key != "note"}
    put(kafka, topic, [(b"k", write(each, to)) for each in (left_out, bill(4), bill(5))])
    trace = server.wait_state(name, "FAILED")["tasks"][0]["trace"]
    assert f"{topic}-0@3" in trace and "note" in trace, trace
    config["value.converter.use.optional.for.nonrequired"] = "true"
    assert server.connect("PUT", f"/connectors/{name}/config", config).status == 200
    until_lines(server, work, topic, 6)
    assert [r["note"] for r in lines(work, topic)] == ["n0", "n1", "n2", None, "n4", "n5"]

    schema["properties"]["to"] = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    write = JSONSerializer(json.dumps(schema), client)
    put(kafka, loose, [(b"k", write(bill(0) | {"to": "a"}, in_loose))])
    server.create(f"{p}loose", config | {"topics": loose})
    trace = server.wait_state(f"{p}loose", "FAILED")["tasks"][0]["trace"]
    assert f"{loose}-0@0" in trace and "property to" in trace and "a union" in trace, trace


def test_a_lake_of_debeziums_topics(shared, kafka, work):
    """The capture of Debezium, replayed into topics, in a table: each record once while workers are killed."""
    server, p = shared, kafka.prefix
    topic = f"{p}.compo"
    kafka.create_topic(topic, partitions=3)
    text = (GOLDEN / "wire/ops/records.jsonl").read_text(encoding="utf-8")
    captured = [json.loads(line) for line in text.splitlines()]
    captured = [record for record in captured if record["topic"] == "ops.plain.public.compo"]
    made = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for round_ in range(50):
        for record in captured:
            value = record["value"] and json.dumps(record["value"] | {"round": round_}).encode()
            made.produce(topic, key=json.dumps(record["key"]).encode(), value=value, partition=round_ % 3)
    assert made.flush(180) == 0
    changes = [record["value"] for record in captured if record["value"]]
    config = iceberg_sink(work, topic, f"shop.{p}compo") | connectors.JSON_PLAIN | {
        "iceberg.tables.evolve-schema-enabled": "true", "transforms": "meta,keep",
        "transforms.meta.type": "org.apache.iceberg.connect.transforms.KafkaMetadataTransform",
        "transforms.meta.nested": "true",
        "transforms.keep.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
        "transforms.keep.include": "op,round,_kafka_metadata",
    }  # fmt: skip
    server.create(f"{p}lake", config)
    for worker in server.workers().values():
        worker.kill()
    count = 50 * len(changes)
    until_rows(server, count, f"shop.{p}compo", len)
    found = rows(server, f"shop.{p}compo")
    assert sorted(row["round"] for row in found) == sorted(n for n in range(50) for _ in changes)
    places = [(row["_kafka_metadata"]["partition"], row["_kafka_metadata"]["offset"]) for row in found]
    assert len(set(places)) == count and {place[0] for place in places} == {0, 1, 2}
    ends = {n: sum(len(captured) for r in range(50) if r % 3 == n) for n in range(3)}
    told = lambda: offsets(kafka, f"connect-{p}lake", topic)  # noqa: E731
    server.until(lambda: told() == ends, lambda: f"{told()}, not {ends}")


def test_how_far_behind_and_kafkas_retention(shared, kafka, receiver, work):
    """What waits is told, and an alarm raised when it nears retention; records that were removed are never passed over
    in silence."""
    server, name, topic = shared, f"{kafka.prefix}behind", f"{kafka.prefix}.behind"
    value = lambda n: json.dumps({"n": n, "text": "x" * 90}).encode()  # noqa: E731
    metric = lambda what: of(scrape(server), f"leat_connector_{what}", name)  # noqa: E731
    mine = lambda: [e for e in receiver.events if e["connector"] == name and e["event"] == "retention"]  # noqa: E731
    kafka.create_topic(topic, retention_ms="3600000")
    made, written = producer(kafka), time.time() - 2400
    for n in range(5):
        made.produce(topic, value=value(n), partition=0, timestamp=int(written * 1000))
    assert made.flush(180) == 0
    config = connectors.s3_sink(work, topic) | connectors.JSON_PLAIN | TEXT_KEYS
    server.create(name, config)
    until_lines(server, work, topic, 3)
    server.until(lambda: metric("sink_behind_records") == 2, lambda: metric("sink_behind_records"))
    server.until(lambda: mine(), lambda: server.status(name))
    server.until(lambda: 200 < (metric("sink_behind_bytes") or 0) < 300, lambda: metric("sink_behind_bytes"))
    share = lambda: (time.time() - written) / 3600  # noqa: E731
    server.until(lambda: abs((metric("retention_share") or 0) - share()) < 0.03, lambda: metric("retention_share"))
    assert metric("lost_records_total") == 0
    assert mine()[0]["state"] == "raised" and mine()[0]["message"].endswith(f"{topic}-0")
    waits = lambda: [server.status(name).get(what) for what in ("sink_behind_records", "retention_of")]  # noqa: E731
    server.until(lambda: waits() == [2, f"{topic}-0"], waits)
    put(kafka, topic, [(None, value(5))])
    server.until(lambda: len(mine()) == 2, lambda: server.status(name))
    assert mine()[1]["state"] == "resolved"
    server.until(lambda: metric("sink_behind_records") == 0, lambda: metric("sink_behind_records"))
    server.until(lambda: metric("retention_share") == 0, lambda: metric("retention_share"))
    server.until(lambda: waits()[1] is None, waits)

    # Two records are removed before they are read.
    assert server.connect("PUT", f"/connectors/{name}/stop").status == 204
    server.wait_state(name, None, "STOPPED")
    put(kafka, topic, [(None, value(n)) for n in range(6, 12)])
    at = confluent_kafka.TopicPartition(topic, 0, 8)
    for future in kafka.admin.delete_records([at]).values():
        future.result(180)
    reset = "consumer.override.auto.offset.reset"
    assert server.connect("PUT", f"/connectors/{name}/config", config | {reset: "none"}).status == 200
    assert server.connect("PUT", f"/connectors/{name}/resume").status == 202
    trace = server.wait_state(name, "FAILED")["tasks"][0]["trace"]
    assert f"{topic}-0@6 is not there (8 to 12): retention has removed" in trace, trace
    assert server.connect("PUT", f"/connectors/{name}/config", config).status == 200
    until_lines(server, work, topic, 9)
    assert [each["n"] for each in lines(work, topic)] == [0, 1, 2, 3, 4, 5, 8, 9, 10]
    server.until(lambda: len(mine()) == 3, lambda: server.status(name))
    assert mine()[2]["message"].endswith("before they were read: 2")
    server.until(lambda: metric("lost_records_total") == 2, lambda: metric("lost_records_total"))

    # Another topic under the name: other records under the same offsets.
    gone = lambda: '"a topic is not there any more"' in server.log_text()  # noqa: E731
    kafka.delete_topic(topic)
    server.until(gone, "the topic's end is seen")
    kafka.create_topic(topic)
    put(kafka, topic, [(None, value(n)) for n in range(100, 120)])
    trace = server.wait_state(name, "FAILED")["tasks"][0]["trace"]
    assert "was deleted and made anew" in trace, trace
    assert server.connect("PUT", f"/connectors/{name}/stop").status == 204
    server.wait_state(name, None, "STOPPED")
    assert server.connect("DELETE", f"/connectors/{name}/offsets").status == 200
    assert kafka_offsets(server, name) == {(topic, 0): 0}
    assert server.connect("PUT", f"/connectors/{name}/resume").status == 202
    until_lines(server, work, topic, 18)
    server.until(lambda: [r["n"] for r in lines(work, topic)] == [*range(100, 118)], lambda: names(work, topic))
