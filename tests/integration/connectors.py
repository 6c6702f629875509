# SPDX-License-Identifier: Apache-2.0
"""Connectors of a `leat server` under test: their configurations, what is in their files, and the proof that these
replay to what the source holds."""

import base64
import datetime
import decimal
import gzip
import io
import json
import urllib.parse

import fastavro
import pyarrow.parquet
import scratch

EPOCH = datetime.date(1970, 1, 1)
JSON_PLAIN = {
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


def avro(server):
    return {
        "key.converter": "io.confluent.connect.avro.AvroConverter",
        "key.converter.schema.registry.url": server.registry_url,
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": server.registry_url,
    }


def source(db, prefix="shop", **more):
    """Debezium's configuration of a source, with dots as double underscores in further keys."""
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "plugin.name": "pgoutput",
        "database.hostname": str(db.server.directory),
        "database.port": str(db.server.port),
        "database.user": "postgres",
        "database.password": "secret",
        "database.dbname": db.name,
        "topic.prefix": prefix,
        "slot.name": f"debezium_{prefix}",
        "publication.name": f"dbz_{prefix}",
        "publication.autocreate.mode": "filtered",
        "table.include.list": "public\\..*",
    }
    config.update({name.replace("__", "."): value for name, value in more.items()})
    return config


def s3_sink(directory, topics, form="json.JsonFormat", **more):
    """Confluent's configuration of an S3 sink, into files below `directory`/lake."""
    config = {
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "tasks.max": "1",
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "s3.bucket.name": "lake",
        "store.url": f"file://{directory}",
        "format.class": f"io.confluent.connect.s3.format.{form}",
        "flush.size": "3",
        "behavior.on.null.values": "ignore",
        ("topics.regex" if "*" in topics else "topics"): topics,
    }
    config.update({name.replace("__", "."): value for name, value in more.items()})
    return config


def folder(name):
    """As core/config/folder.h makes it of short names."""
    return "".join(c if c in "abcdefghijklmnopqrstuvwxyz0123456789_-." else f"%{ord(c):02X}" for c in name)


def put_document(server, name, kind, config, target="RUNNING"):
    """What the front would have the supervisor write; before a start."""
    path = server.data / "connectors" / f"{folder(name)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"format_version": 1, "name": name, "kind": kind, "target": target, "config": config}
    path.write_text(json.dumps(document))


# --- files -----------------------------------------------------------------------------------------------------


def parse_name(path):
    """topic, offset of TOPIC+PARTITION+OFFSET.EXTENSION"""
    topic, partition, rest = urllib.parse.unquote(path.name).rsplit("+", 2)
    assert partition == "0", path
    return topic, int(rest.split(".", 1)[0])


def read_file(path):
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        data = gzip.decompress(data)
    if ".avro" in path.name:
        return list(fastavro.reader(io.BytesIO(data)))
    if path.name.endswith(".parquet"):
        return pyarrow.parquet.read_table(io.BytesIO(data), partitioning=None).to_pylist()
    return [json.loads(line) for line in data.decode().splitlines()]


def read_topics(lake):
    """topic -> [(offset of the file, records)], in order; of files with values."""
    while True:
        try:
            return read_topics_once(lake)
        except FileNotFoundError:
            continue  # a sink that goes on elsewhere took a file away meanwhile: what was seen is of two times


def read_topics_once(lake):
    topics = {}
    for path in scratch.paths(lake):
        if "+" in path.name and ".keys." not in path.name and ".headers." not in path.name:
            topic, offset = parse_name(path)
            topics.setdefault(topic, []).append((offset, read_file(path)))
    return {topic: sorted(files, key=lambda file: file[0]) for topic, files in topics.items()}


def records(lake, topic):
    return [record for _, batch in read_topics(lake).get(topic, []) for record in batch]


def plain(value):
    """A value of any format as text that can be compared."""
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, datetime.date):
        return (value - EPOCH).days
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, str) and len(value) == 27 and value.endswith("Z") and value[10] == "T":
        return value
    return value


def number(value):
    """A decimal(10,2) of any format."""
    if isinstance(value, str):
        value = int.from_bytes(base64.b64decode(value), "big", signed=True)
        return str(decimal.Decimal(value).scaleb(-2))
    return str(value) if value is not None else None


def replay(events, key="id"):
    """The rows that a topic's envelopes leave; each record's place in the order is checked by the caller."""
    rows = {}
    for event in events:
        before, after = event.get("before"), event.get("after")
        if event["op"] == "d":
            rows.pop(before[key], None)
        else:
            rows[after[key]] = after
    return rows


# --- a table to carry ------------------------------------------------------------------------------------------

ORDERS = """
CREATE TABLE orders (id bigint PRIMARY KEY, name text, amount numeric(10,2), paid boolean NOT NULL DEFAULT false,
                     at timestamptz NOT NULL DEFAULT '2026-01-02 03:04:05.678901+00');
INSERT INTO orders SELECT i, 'n' || i, i / 4.0 FROM generate_series(1, 10) i;
"""


def order_rows(db, table="orders"):
    rows = db.query(f"SELECT id, name, amount, paid, at FROM {table} ORDER BY id")
    return {row[0]: [row[0], row[1], number(row[2]), row[3], plain(row[4])] for row in rows}


def replayed_orders(lake, topic):
    rows = replay(records(lake, topic))
    return {
        key: [row["id"], row["name"], number(row["amount"]), row["paid"], plain(row["at"])] for key, row in rows.items()
    }


def check_offsets(lake, topic):
    """Each file begins where the one before has ended, as long as no record is left out (tombstones are)."""
    files = read_topics(lake)[topic]
    for (offset, batch), (following, _) in zip(files, files[1:]):
        assert offset + len(batch) <= following, (topic, offset, len(batch), following)
    return files


def event(record):
    """A change of an order in any format: operation and row."""
    row = record["after"] or record["before"]
    return record["op"], row["id"], row["name"], number(row["amount"]), row["paid"], plain(row["at"])


# --- any table -------------------------------------------------------------------------------------------------

PLAIN_TYPES = ("integer", "bigint", "smallint", "text", "character varying", "boolean", "uuid", "numeric")


def table_rows(db, schema, table):
    """(key columns, columns that are compared, key -> row)"""
    columns = [
        name
        for name, kind in db.query(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
            " ORDER BY ordinal_position",
            (schema, table),
        )
        if kind in PLAIN_TYPES
    ]
    key = [
        name
        for (name,) in db.query(
            "SELECT a.attname FROM pg_index i"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
            " WHERE i.indisprimary AND i.indrelid = %s::regclass ORDER BY array_position(i.indkey::int2[], a.attnum)",
            (f'"{schema}"."{table}"',),
        )
    ]
    listed = ", ".join(f'"{name}"' for name in columns)
    rows = {}
    for row in db.query(f'SELECT {listed} FROM "{schema}"."{table}"'):
        named = dict(zip(columns, row))
        rows[tuple(text(named[name]) for name in key)] = [text(value) for value in row]
    return key, columns, rows


def text(value):
    return value.normalize() if isinstance(value, decimal.Decimal) else str(value) if value is not None else None


UNAVAILABLE = "__debezium_unavailable_value"


def replayed(events, key, columns):
    """The same of a topic's envelopes in Avro. What is out of line and did not change is as it was."""
    rows = {}
    for record in events:
        row = record["before"] if record["op"] == "d" else record["after"]
        name = tuple(text(row[column]) for column in key)
        if record["op"] == "d":
            rows.pop(name, None)
        else:
            old = rows.get(name, [None] * len(columns))
            new = [text(row[column]) for column in columns]
            rows[name] = [was if value == UNAVAILABLE else value for was, value in zip(old, new)]
    return rows
