# SPDX-License-Identifier: Apache-2.0
"""Kafka as a source, on a real Apache Kafka: what others put into topics is in the target exactly once, with its types,
whatever dies on the way."""

import json

import confluent_kafka
import pytest
from test_kafka import SETUP, change

pytestmark = pytest.mark.xdist_group("kafka")

POINTS = ["kafka_source.before_commit", "kafka_source.after_commit"]


def source(kafka, topics, **parameters):
    more = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"kafka://{kafka.bootstrap}/{topics}" + (f"?{more}" if more else "")


def producer(kafka, **settings):
    return confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, **settings})


def put(kafka, topic, records, partition=0):
    """records: (key, value[, headers]), each bytes or None."""
    made = producer(kafka)
    for key, value, *headers in records:
        made.produce(topic, value=value, key=key, partition=partition, headers=headers[0] if headers else None)
    assert made.flush(60) == 0


def offsets(kafka, group, topic):
    """The group's, by partition."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    try:
        asked = [confluent_kafka.TopicPartition(topic, n) for n in range(kafka.topics()[topic])]
        return {at.partition: at.offset for at in consumer.committed(asked, timeout=60)}
    finally:
        consumer.close()


def rows(leat, table):
    """Of flat JSON, in the order of the files."""
    found = []
    for file in sorted((leat.out / table).glob("**/*.json")):
        found += [json.loads(line) for line in file.read_text().splitlines()]
    return found


def test_changes_of_debezium_replay_to_their_source(leat, new_leat, db, kafka, registry, check_equal):
    """PostgreSQL, its records in topics as JSON with schemas and as Avro, files of them: equal; kill -9 between."""
    db.execute(SETUP)
    forms = {
        "json": (["--set", "json.schemas.enable=true"], {}),
        "avro": (["--registry", registry], {"registry": registry}),
    }
    readers = {}
    for form, (args, parameters) in forms.items():
        writer = new_leat()
        writer.format, writer.out = form, kafka.url(f"{kafka.prefix}{form}")
        url = source(kafka, rf"{kafka.prefix}{form}\.public\..*", **parameters)
        readers[form] = (writer, args, new_leat(), url)
    for n in (1, 2):
        for form, (writer, args, reader, url) in readers.items():
            writer.sync(db, *args, "--name", f"w{form}")
            point = POINTS[n - 1]
            reader.sync_until_done(url, "--name", f"r{form}", crash_point=point)
            check_equal(db, reader.out)
            topic = f"{kafka.prefix}{form}.public.t"
            assert offsets(kafka, f"leat-r{form}", topic) == {0: end_of(kafka, topic)}
        change(db, [n])


def end_of(kafka, topic):
    """Behind the last transaction's marker."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test"})
    try:
        _, end = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=60)
    finally:
        consumer.close()
    return end


def test_rows_of_plain_topics(new_leat, kafka):
    """Each form of records; bad ones by policy; offsets that the user resets; topics and partitions that come later."""
    p = kafka.prefix
    schema = {"type": "struct", "name": "row", "fields": [
        {"field": "name", "type": "string", "optional": True},
        {"field": "price", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
         "parameters": {"scale": "2", "connect.decimal.precision": "10"}},
        {"field": "at", "type": "int64", "name": "org.apache.kafka.connect.data.Timestamp", "optional": True},
        {"field": "tags", "type": "array", "items": {"type": "string"}, "optional": True},
    ]}  # fmt: skip
    key = {"type": "struct", "fields": [{"field": "id", "type": "int32"}]}
    framed = lambda s, v: json.dumps({"schema": s, "payload": v}).encode()  # noqa: E731
    kafka.create_topic(f"{p}.shop.items", cleanup_policy="compact")
    kafka.create_topic(f"{p}.shop.log", partitions=2)
    item = {"name": "lamp", "price": "BNI=", "at": 1700000000123, "tags": ["a", "b"]}
    put(kafka, f"{p}.shop.items", [
        (framed(key, {"id": 1}), framed(schema, item)),
        (framed(key, {"id": 2}), framed(schema, item | {"price": "/w==", "at": None})),
        (framed(key, {"id": 2}), None),
    ])  # fmt: skip
    put(kafka, f"{p}.shop.log", [(b"k1", b'{"n": 1.50, "s": "\\u00e4"}'), (None, b"[1]")])
    put(kafka, f"{p}.shop.log", [(b"k2", b"17")], partition=1)
    leat = new_leat()
    url = source(kafka, rf"{p}\.shop\..*", **{"metadata.columns": "true", "group.id": f"g{p}"})
    leat.sync(url)
    items = rows(leat, "shop/items")
    assert [(r["__op"], r["id"], r["name"], r["price"]) for r in items] == [
        ("u", 1, "lamp", "12.34"), ("u", 2, "lamp", "-0.01"), ("d", 2, None, None),
    ]  # fmt: skip
    assert items[0]["at"].startswith("2023-11-14T22:13:20.123") and items[0]["tags"] == ["a", "b"]
    log = sorted((r["_partition"], r["_offset"], r["key"], r["value"]) for r in rows(leat, "shop/log"))
    assert log == [(0, 0, "k1", '{"n": 1.50, "s": "\\u00e4"}'), (0, 1, None, "[1]"), (1, 0, "k2", "17")]
    assert offsets(kafka, f"g{p}", f"{p}.shop.log") == {0: 2, 1: 1}

    # A record that is none stops its topic and no other, or goes to the dead letters.
    put(kafka, f"{p}.shop.log", [(b"bad", b"{broken")])
    put(kafka, f"{p}.shop.items", [(framed(key, {"id": 3}), framed(schema, item))])
    stopped = leat.sync(url, check=False)
    assert stopped.returncode != 0 and f"topic {p}.shop.log, partition 0, offset 2" in stopped.stderr
    assert rows(leat, "shop/items")[-1]["id"] == 3
    leat.sync(url, "--set", "errors=dead-letter")
    (letter,) = rows(leat, "leat/dead_letters")
    assert letter["table"] == "shop.log" and "offset 2" in letter["reason"]

    # The user moves the group: what is behind is read again.
    kafka.tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", kafka.bootstrap, "--group",
        f"g{p}", "--topic", f"{p}.shop.log:1", "--reset-offsets", "--to-earliest", "--execute",
    )  # fmt: skip
    again = leat.sync(url)
    assert "offset was set" in again.stderr
    assert [r["_offset"] for r in rows(leat, "shop/log") if r["_partition"] == 1] == [0, 0]
    assert offsets(kafka, f"g{p}", f"{p}.shop.log") == {0: 3, 1: 1}

    # While it runs: another topic, another partition.
    process = leat.follow(url, "--set", "catalog.interval=200ms", "--set", "file.rotate.interval=200ms")
    kafka.create_topic(f"{p}.shop.new")
    put(kafka, f"{p}.shop.new", [(b"a", b"1")])
    more = confluent_kafka.admin.NewPartitions(f"{p}.shop.log", 3)
    for future in kafka.admin.create_partitions([more]).values():
        future.result(60)
    put(kafka, f"{p}.shop.log", [(b"late", b"2")], partition=2)
    process.until(lambda: rows(leat, "shop/new"), "the new topic's record", 60)
    process.until(lambda: any(r["key"] == "late" for r in rows(leat, "shop/log")), "the new partition's record", 60)
    process.stop()

    # Retention passes it by: an error, until the user says where to go on.
    put(kafka, f"{p}.shop.new", [(b"b", b"2"), (b"c", b"3")])
    gone = confluent_kafka.TopicPartition(f"{p}.shop.new", 0, 2)
    for future in kafka.admin.delete_records([gone]).values():
        future.result(60)
    lost = leat.sync(url, check=False)
    assert lost.returncode != 0 and "retention" in lost.stderr and "offset 1" in lost.stderr
    later = new_leat()
    later.sync(source(kafka, rf"{p}\.shop\.new", **{"group.id": "later", "data.loss": "continue"}))
    assert [r["value"] for r in rows(later, "shop/new")] == ["3"]
