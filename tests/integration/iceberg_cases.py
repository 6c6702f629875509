# SPDX-License-Identifier: Apache-2.0
"""What the Iceberg sink connector of Apache and leat's are both given: tables and statements of a source, connectors,
tables that are there before. tests/tools/original/capture_iceberg.py keeps what the original made of it in
tests/golden/iceberg-connect; test_golden_iceberg.py compares.
"""

import json
import pathlib

import pyiceberg.schema
from pyiceberg.types import (
    BooleanType, DateType, DecimalType, DoubleType, FloatType, IntegerType, LongType, NestedField, StringType,
    StructType, TimestampType, TimestamptzType, TimeType, UUIDType,
)  # fmt: skip
from read import plain

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden/iceberg-connect"

# --- the source --------------------------------------------------------------------------------------------------

TABLES = """
CREATE TABLE kinds (id int PRIMARY KEY, b boolean, s smallint NOT NULL, l bigint, r real, d double precision,
  n numeric(10,2), loose numeric, t text, v varchar(20) NOT NULL DEFAULT 'dflt', by bytea, da date, tm time,
  ts timestamp, ts3 timestamp(3), tz timestamptz, u uuid, j jsonb, a int[], texts text[]);
CREATE TABLE orders (id int PRIMARY KEY, name text, amount numeric(10,2), paid boolean NOT NULL DEFAULT false,
  at timestamp(3) NOT NULL, day date, country text);
CREATE TABLE grown (id int PRIMARY KEY, n int NOT NULL, r real, gone text);
CREATE TABLE conv (id int PRIMARY KEY, text_i text, text_l text, text_d text, text_b text, text_ts text, text_tz text,
  text_da text, text_tm text, text_n text, text_u text, i_text int, i_l int, l_i bigint, d_text double precision,
  r_d real, d_r double precision, i_d int, i_n int, n_n numeric(8,2), n_d numeric(8,2), b_text boolean, j_text jsonb,
  a_text int[], da_text date, ts_text timestamp(3), millis bigint, days int, ts_ntz timestamp(3));
CREATE TABLE rough (id int PRIMARY KEY, d_i double precision, l_i bigint, n_n numeric(8,3));
CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(255) NOT NULL,
  type varchar(255) NOT NULL, payload jsonb);
CREATE TABLE notes (id int PRIMARY KEY, body text);
CREATE TABLE scraps (id int PRIMARY KEY, body text);
"""


def event(topic, payload, key="1"):
    text = json.dumps(payload).replace("'", "''")
    return f"INSERT INTO outbox VALUES (gen_random_uuid(), '{topic}', '{key}', 'made', '{text}')"


def dms(operation, data, **metadata):
    told = {"timestamp": "2024-05-06T07:08:09.000123Z", "record-type": "data", "operation": operation}
    told |= {"partition-key-type": "schema-table", "schema-name": "sales", "table-name": "items"} | metadata
    return event("dms", {"data": data, "metadata": told})


def mongo(topic, op, key="1", before=None, after=None, updated=None, removed=None):
    """A change as Debezium's connector for MongoDB tells it: documents are texts of extended JSON."""

    def text(document):
        return None if document is None else json.dumps(document)

    described = None if updated is None else {"updatedFields": text(updated), "removedFields": removed}
    source = {"db": "shop", "collection": "docs", "table": "docs", "ord": 1}
    told = {"before": text(before), "after": text(after), "updateDescription": described, "source": source}
    return event(topic, told | {"op": op, "ts_ms": 1709210096789}, key)


OBJECT_ID = {"$oid": "6516fa5e1d41c81b0c0e6b1A"}
DOCUMENT = {
    "_id": OBJECT_ID, "name": "ü", "n": 5, "far": 5000000000, "long": {"$numberLong": "7"}, "int": {"$numberInt": "-8"},
    "d": 1.5, "double": {"$numberDouble": "2"}, "inf": {"$numberDouble": "-Infinity"}, "huge": 1e300,
    "dec": {"$numberDecimal": "12.50"}, "dec_e": {"$numberDecimal": "1E+3"}, "dec_s": {"$numberDecimal": "-0.0000001"},
    "ms": {"$date": 1709210096789}, "iso": {"$date": "2024-02-29T12:34:56.789+02:00"},
    "old": {"$date": {"$numberLong": "-1"}}, "stamp": {"$timestamp": {"t": 1709210096, "i": 1}},
    "bin": {"$binary": "AP8=", "$type": "00"}, "binary": {"$binary": {"base64": "AP8=", "subType": "00"}},
    "uuid": {"$uuid": "73ffd264-44b3-4c69-90e8-e7d1dfc035d4"}, "b": True, "nil": None,
    "regex": {"$regularExpression": {"pattern": "a.*", "options": "i"}}, "re": {"$regex": "b", "$options": ""},
    "code": {"$code": "f()"}, "scoped": {"$code": "g(x)", "$scope": {"x": 1}}, "ref": {"$ref": "c", "$id": 1},
    "symbol": {"$symbol": "s"}, "min": {"$minKey": 1}, "max": {"$maxKey": 1}, "nothing": {"$undefined": True},
    "sub": {"x": 1, "y": {"z": "deep"}}, "ints": [1, 2, 3], "texts": ["a", "ü"], "none": [], "ids": [OBJECT_ID],
    "docs": [{"k": 1, "e": []}, {"k": 2, "m": "more", "e": [1]}], "nested": [[1, 2], [3]], "deep": [[{"x": 1}]],
}  # fmt: skip
# A text that is no jsonb: numbers stay as they are written.
NOTES = [
    """{"key": 1, "array": [1, "two", 3.50], "no": {}, "map": {"some": ["one", "two"]}, "l": 5000000000, "d": 1.50,
        "big": 123456789012345678901234567890, "t": "ü\\n\\"q\\"", "b": true, "nil": null, "ints": [1, 2],
        "longs": [5000000000, 6000000000], "numbers": [1, 5000000000], "bigs": [12345678901234567890],
        "objects": [{"a": 1}, {"b": null, "c": {"d": []}}], "nulls": [null], "lists": [[1], [2, 3]],
        "mixed": [[1], ["a"]], "empties": [[], []], "none": [], "deep": [[[1.5]], [[2.5], [0]]], "flags": [true, false],
        "same": [[[1.5]], [[2.5], [0.5, 1.0]]]}""",
    """{"key": 2, "key": 3, "map": {"e": 1e2, "f": 1.0E10, "g": 0.00001, "h": -0.0, "i": "text", "j": null, "l": true,
        "k": {"x": [1, {"y": "z\\u0001\\té/\\u00e9 "}]}, "": "no name", "n": -12}, "late": "column"}""",
]

STEPS = [
    """INSERT INTO kinds VALUES (1, true, -5, 5000000000, 1.5, 0.1, 12345678.91, 1.25, 'text ü', 'v', '\\x00ff',
       '2024-02-29', '12:34:56.789', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789',
       '2024-02-29 12:34:56.789012+02', '12151fd2-7586-11e9-8f9e-2a86e4085a59', '{"a": [1, null]}', '{1,2,-3}',
       '{a,ü}')""",
    "INSERT INTO kinds (id, s) VALUES (2, 0)",
    """INSERT INTO kinds VALUES (3, false, 32767, -1, -0.0, 'Infinity', -0.01, 100, '', '', '', '1969-12-31',
       '00:00:00', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59Z',
       '00000000-0000-0000-0000-000000000000', '[]', '{}', ARRAY['x', NULL])""",
    "UPDATE kinds SET t = 'changed' WHERE id = 1",
    *(
        f"INSERT INTO orders VALUES ({i}, '{name}', {i}.25, {i % 2 == 0}, '2024-0{i}-1{i} 0{i}:30:00',"
        f" '2024-0{i}-01', {country})"
        for i, name, country in [
            (1, "Ann", "'CH'"), (2, "Anna", "'DE'"), (3, "Bob", "'FR'"), (4, "bob", "NULL"), (5, "Äpfel", "'CH'"),
        ]
    ),
    "UPDATE orders SET amount = -1, country = 'DE' WHERE id = 1",
    "UPDATE orders SET name = NULL, day = NULL WHERE id = 3",
    "DELETE FROM orders WHERE id = 2",
    "UPDATE orders SET id = 40 WHERE id = 4",
    "INSERT INTO grown VALUES (1, 10, 0.5, 'here')",
    "INSERT INTO grown VALUES (2, 20, NULL, NULL)",
    "ALTER TABLE grown ALTER n TYPE bigint, ALTER r TYPE double precision, ADD more jsonb, ADD price numeric(6,3)",
    "INSERT INTO grown VALUES (3, 5000000000, 0.1, 'still', '{\"a\": 1}', 1.005)",
    "ALTER TABLE grown ALTER n DROP NOT NULL, DROP gone",
    "INSERT INTO grown VALUES (4, NULL, NULL, NULL, NULL)",
    """INSERT INTO conv VALUES (1, '7', '-5000000000', '1.25e3', 'true', '2024-02-29T12:34:56.789',
       '2024-02-29T12:34:56.789+02:00', '2024-02-29', '12:34:56.789', '12.5', '12151fd2-7586-11e9-8f9e-2a86e4085a59',
       7, 8, 9, 1.25, 0.5, 0.5, 3, 4, 5.5, 6.25, true, '{"a": 1}', '{1,2}', '2024-02-29', '2024-02-29 12:34:56.789',
       1709210096789, 19782, '2024-02-29 12:34:56.789')""",
    "INSERT INTO conv (id, text_tz, text_b) VALUES (2, '2024-02-29 12:34:56Z', 'no')",
    "INSERT INTO conv (id, text_tz) VALUES (3, '2024-02-29T12:34:56.789012+0530')",
    "INSERT INTO rough VALUES (1, 1.5, 5000000000, 1.005)",
    dms("insert", {"id": 1, "name": "nut", "price": 1.5}),
    dms("update", {"id": 1, "name": "bolt", "price": 2.5}),
    dms("delete", {"id": 1, "name": "bolt", "price": 2.5}),
    dms("load", {"id": 2, "name": None, "price": 0}),
    event("free", {"id": 1, "s": {"x": 1, "y": {"z": "deep"}}, "l": [{"k": 1}, {"k": 2}], "big": 5000000000, "f": 1.5}),
    event("free", {"id": 2, "s": {"x": 2, "new": True}, "l": [{"k": 3, "m": "more"}], "f": 2, "late": "column"}),
    event("free", {"id": 3, "s": None, "l": [], "f": None, "none": None}),
    *(f"INSERT INTO notes VALUES ({i + 1}, '{body}')" for i, body in enumerate(NOTES)),
    "INSERT INTO notes VALUES (9, NULL)",
    "INSERT INTO scraps VALUES (1, '[1]')",
    mongo("all", "c", json.dumps(OBJECT_ID), after=DOCUMENT),
    mongo("change", "c", "1", after={"_id": 1, "a": "old", "n": 1, "l": [1], "s": {"x": [1]}}),
    mongo("change", "u", "1", before={"_id": 1, "a": "old", "n": 1}, after={"_id": 1, "a": "new", "n": 2}),
    mongo("change", "u", "2", updated={"a": "part", "f": 1.5}, removed=["n"]),
    mongo("change", "u", '"3"', before={"_id": 3, "a": "was", "n": 3}, updated={"a": "is"}, removed=["n"]),
    mongo("change", "d", '{"$numberLong": "4"}', before={"_id": 4, "a": "gone"}),
    mongo("uneven", "c", after={"_id": 1, "l": [1, "two"]}),
    mongo("lost", "d"),
]

# --- connectors --------------------------------------------------------------------------------------------------

JSON = "org.apache.kafka.connect.json.JsonConverter"
SCHEMAS = {"key.converter": JSON, "value.converter": JSON}
BARE = SCHEMAS | {"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}
STRING = {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
CONNECT_TIMES = {"time.precision.mode": "connect"}
UNWRAP = {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}
OUTBOX = {
    "transforms": "outbox",
    "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.outbox.table.expand.json.payload": "true",
    "transforms.outbox.route.topic.replacement": "events.${routedByValue}",
}

# By prefix: tables, and the rest of the configuration.
SOURCES = {
    "raw": ("orders", BARE | CONNECT_TIMES),
    "shop": ("kinds|orders|grown|conv|rough", SCHEMAS | CONNECT_TIMES),
    "fine": ("kinds", SCHEMAS),
    "bare": ("kinds|orders|grown", BARE | CONNECT_TIMES | UNWRAP),
    "events": ("outbox", SCHEMAS | OUTBOX),
    "barely": ("outbox", BARE | OUTBOX | {"transforms.outbox.route.topic.replacement": "bare.${routedByValue}"}),
    "nullable": ("outbox", SCHEMAS | OUTBOX | {
        "transforms.outbox.route.topic.replacement": "mongo.${routedByValue}",
        "transforms.outbox.table.json.payload.null.behavior": "optional_bytes",
    }),
    "texts": ("notes|scraps", SCHEMAS | STRING | UNWRAP | {
        "transforms": "unwrap,body", "transforms.body.field": "body",
        "transforms.body.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
    }),
}
# Records of a topic: by these both know that all is there.
TOPICS = {
    "shop.public.kinds": 4, "shop.public.orders": 12, "shop.public.grown": 4, "shop.public.conv": 3,
    "shop.public.rough": 1, "raw.public.orders": 12,
    "fine.public.kinds": 4, "bare.public.kinds": 4, "bare.public.orders": 8,
    "bare.public.grown": 4, "events.dms": 4, "events.free": 3, "bare.dms": 4, "bare.free": 3,
    "texts.public.notes": 3, "texts.public.scraps": 1, "mongo.all": 1, "mongo.change": 5, "mongo.uneven": 1,
    "mongo.lost": 1,
}  # fmt: skip


def source(prefix, here):
    tables, more = SOURCES[prefix]
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "topic.prefix": prefix,
        "slot.name": f"golden_{prefix}",
        "publication.name": f"golden_{prefix}",
        "publication.autocreate.mode": "filtered",
        "snapshot.mode": "no_data",
        "table.include.list": f"public\\.({tables})",
    }
    return config | more | here


ICEBERG = "org.apache.iceberg.connect.transforms."
CDC = {"transforms": "cdc", "transforms.cdc.type": ICEBERG + "DebeziumTransform"}
DMS = {"transforms": "dms", "transforms.dms.type": ICEBERG + "DmsTransform"}
MAKE = {"iceberg.tables.auto-create-enabled": "true"}
EVOLVE = {"iceberg.tables.evolve-schema-enabled": "true"}


def transform(name, kind, **options):
    more = {f"transforms.{name}.{key}": value for key, value in options.items()}
    return {"transforms": name, f"transforms.{name}.type": ICEBERG + kind} | more


def unwrap_and(name, kind, **options):
    return UNWRAP | transform(name, kind, **options) | {"transforms": f"unwrap,{name}"}


def documents(mode=None, then=None):
    """Records of the outbox are made to look like those of Debezium's connector for MongoDB, then taken apart."""
    kafka = "org.apache.kafka.connect.transforms."
    chain = {
        "key.type": kafka + "HoistField$Key", "key.field": "id",
        "name.type": kafka + "SetSchemaMetadata$Key", "name.schema.name": "shop.docs.Key",
        "named.type": kafka + "SetSchemaMetadata$Value", "named.schema.name": "shop.docs.Envelope",
        "docs.type": ICEBERG + "MongoDebeziumTransform",
    }  # fmt: skip
    chain |= {"docs.array_handling_mode": mode} if mode else {}
    chain |= {"then.type": ICEBERG + then} if then else {}
    names = "key,name,named,docs" + (",then" if then else "")
    return {"transforms": names} | {f"transforms.{key}": value for key, value in chain.items()}


def by(text):
    return {"iceberg.tables.default-partition-by": text}


def columns(*pairs, required=()):
    return pyiceberg.schema.Schema(
        *(NestedField(i + 1, name, kind, required=name in required) for i, (name, kind) in enumerate(pairs))
    )


# Of tables that are there before: values of other types, by case.
TARGETS = {
    "conv_text": [
        ("id", LongType()), ("text_i", IntegerType()), ("text_l", LongType()), ("text_d", DoubleType()),
        ("text_b", BooleanType()), ("text_ts", TimestampType()), ("text_tz", TimestamptzType()),
        ("text_da", DateType()), ("text_tm", TimeType()), ("text_n", DecimalType(9, 2)), ("text_u", UUIDType()),
    ],
    "conv_number": [
        ("id", LongType()), ("i_text", StringType()), ("i_l", LongType()), ("l_i", IntegerType()),
        ("d_text", StringType()), ("r_d", DoubleType()), ("d_r", FloatType()), ("i_d", DoubleType()),
        ("i_n", DecimalType(9, 2)), ("n_n", DecimalType(9, 4)), ("n_d", DoubleType()),
    ],
    "conv_any": [("id", LongType()), ("b_text", StringType()), ("j_text", StringType()), ("a_text", StringType())],
    "conv_day": [("id", LongType()), ("da_text", StringType())],
    "conv_time": [
        ("id", LongType()), ("millis", TimestamptzType()), ("days", DateType()), ("ts_ntz", TimestampType()),
    ],
}  # fmt: skip

# By name, which is the namespace of its tables too: topics, tables, configuration, tables that are there before.
CASES = {
    "made": ("shop.public.kinds", "made.t", SCHEMAS | MAKE | EVOLVE | UNWRAP),
    "fine": ("fine.public.kinds", "fine.t", SCHEMAS | MAKE | EVOLVE | UNWRAP),
    "bare": ("bare.public.kinds", "bare.t", BARE | MAKE | EVOLVE),
    "bare_fixed": ("bare.public.kinds", "bare_fixed.t", BARE | MAKE),
    "optional": (
        "shop.public.kinds", "optional.t",
        SCHEMAS | MAKE | UNWRAP | {"iceberg.tables.schema-force-optional": "true"},
    ),
    "props": (
        "shop.public.orders", "props.t",
        SCHEMAS | MAKE | UNWRAP | by("bucket(id,4), truncate(name,2),country, month(at)") | {
            "iceberg.tables.auto-create-props.format-version": "3",
            "iceberg.tables.auto-create-props.write.metadata.compression-codec": "gzip",
            "iceberg.tables.auto-create-props.owner.team": "a b=c",
            "iceberg.tables.default-id-columns": "id",
        },
    ),
    "years": ("shop.public.orders", "years.t", SCHEMAS | MAKE | UNWRAP | by("year(day),hours(at)")),
    "day": ("shop.public.orders", "day.t", SCHEMAS | MAKE | UNWRAP | by("days(at)")),
    "days": ("shop.public.orders", "days.t", SCHEMAS | MAKE | UNWRAP | by("days(at),years(at),paid")),
    "plurals": ("shop.public.orders", "plurals.t", SCHEMAS | MAKE | UNWRAP | by("day(day),months(at),hour(at)")),
    "no_column": ("shop.public.orders", "no_column.t", SCHEMAS | MAKE | UNWRAP | by("nothing")),
    "no_transform": ("shop.public.orders", "no_transform.t", SCHEMAS | MAKE | UNWRAP | by("day(name)")),
    "per_table": (
        "shop.public.orders", "per_table.a,per_table.b",
        SCHEMAS | MAKE | UNWRAP | by("country") | {"iceberg.table.per_table.b.partition-by": "paid"},
    ),
    "grown": ("shop.public.grown", "grown.t", SCHEMAS | MAKE | EVOLVE | UNWRAP),
    "not_grown": ("shop.public.grown", "not_grown.t", SCHEMAS | UNWRAP, {
        "not_grown.t": columns(("n", LongType()), ("id", IntegerType()), ("r", DoubleType())),
    }),
    "grown_bare": ("bare.public.grown", "grown_bare.t", BARE | MAKE | EVOLVE),
    "relaxed": ("shop.public.grown", "relaxed.t", SCHEMAS | EVOLVE | UNWRAP, {
        "relaxed.t": columns(("id", LongType()), ("n", IntegerType()), ("own", StringType()), required=("id", "own")),
    }),
    "case": (
        "shop.public.orders", "case.t",
        SCHEMAS | EVOLVE | UNWRAP | {"iceberg.tables.schema-case-insensitive": "true"},
        {"case.t": columns(("ID", IntegerType()), ("Name", StringType()), ("AMOUNT", DecimalType(38, 2)))},
    ),
    "letters": ("shop.public.orders", "letters.t", SCHEMAS | EVOLVE | UNWRAP, {
        "letters.t": columns(("ID", IntegerType()), ("Name", StringType())),
    }),
    "static": (
        "shop.public.orders", "static.ch,static.de,static.some",
        SCHEMAS | MAKE | UNWRAP | {
            "iceberg.tables.route-field": "country", "iceberg.table.static.ch.route-regex": "C.",
            "iceberg.table.static.de.route-regex": "DE|XX", "iceberg.table.static.some.route-regex": "[A-E]+",
        },
    ),
    "partial": ("shop.public.orders", "partial.ch", SCHEMAS | MAKE | UNWRAP | {
        "iceberg.tables.route-field": "country", "iceberg.table.partial.ch.route-regex": "C",
    }),
    "dynamic": (
        "shop.public.orders", None,
        SCHEMAS | MAKE | CDC | {
            "iceberg.tables.dynamic-enabled": "true", "iceberg.tables.route-field": "_cdc.target",
            "transforms.cdc.cdc.target.pattern": "Dynamic.{table}_of_{db}",
        },
    ),
    "absent": (
        "shop.public.orders", None,
        SCHEMAS | unwrap_and("copy", "CopyValue", **{"source.field": "country", "target.field": "where"}) | {
            "iceberg.tables.dynamic-enabled": "true", "iceberg.tables.route-field": "name",
        },
    ),
    "branch": ("shop.public.orders", "branch.t", SCHEMAS | UNWRAP | {
        "iceberg.tables.default-commit-branch": "audit",
    }, {"branch.t": columns(("id", LongType()), ("name", StringType()))}),
    "cdc": ("shop.public.orders", "cdc.t", SCHEMAS | MAKE | EVOLVE | CDC),
    "cdc_bare": ("raw.public.orders", "cdc_bare.t", BARE | MAKE | EVOLVE | CDC),
    **{name: ("shop.public.conv", f"{name}.t", SCHEMAS | UNWRAP, {f"{name}.t": columns(*kinds)})
       for name, kinds in TARGETS.items()},
    "dms": ("bare.dms", "dms.t", BARE | MAKE | EVOLVE | DMS),
    "dms_schema": ("events.dms", "dms_schema.t", SCHEMAS | MAKE | EVOLVE | DMS),
    "copy": ("shop.public.orders", "copy.t", SCHEMAS | MAKE | unwrap_and(
        "copy", "CopyValue", **{"source.field": "amount", "target.field": "amount_too"})),
    "copy_bare": ("bare.public.orders", "copy_bare.t", BARE | MAKE | transform(
        "copy", "CopyValue", **{"source.field": "name", "target.field": "name_too"})),
    "kafka": ("shop.public.orders", "kafka.t", SCHEMAS | MAKE | unwrap_and(
        "meta", "KafkaMetadataTransform", field_name="_k", external_field="site,zurich")),
    "kafka_nested": ("shop.public.orders", "kafka_nested.t", SCHEMAS | MAKE | unwrap_and(
        "meta", "KafkaMetadataTransform", nested="true")),
    "kafka_bare": ("bare.public.orders", "kafka_bare.t", BARE | MAKE | transform(
        "meta", "KafkaMetadataTransform", nested="true", external_field="site,zurich")),
    "free": ("events.free", "free.t", SCHEMAS | MAKE | EVOLVE),
    "free_bare": ("bare.free", "free_bare.t", BARE | MAKE | EVOLVE),
    "nested": ("events.free", "nested.t", SCHEMAS | EVOLVE, {
        "nested.t": pyiceberg.schema.Schema(
            NestedField(1, "id", LongType()),
            NestedField(2, "s", StructType(NestedField(3, "x", LongType()))),
        ),
    }),
    "json": ("texts.public.notes", "json.t", SCHEMAS | STRING | MAKE | EVOLVE | transform(
        "json", "JsonToMapTransform")),
    "json_root": ("texts.public.notes", "json_root.t", SCHEMAS | STRING | MAKE | transform(
        "json", "JsonToMapTransform", **{"json.root": "true"})),
    "json_list": ("texts.public.scraps", "json_list.t", SCHEMAS | STRING | MAKE | transform(
        "json", "JsonToMapTransform")),
    "mongo": ("mongo.all", "mongo.t", SCHEMAS | MAKE | EVOLVE | documents()),
    "mongo_cdc": ("mongo.change", "mongo_cdc.t", SCHEMAS | MAKE | EVOLVE | documents(then="DebeziumTransform")),
    "mongo_document": ("mongo.change", "mongo_document.t", SCHEMAS | MAKE | EVOLVE | documents(
        "document", "DebeziumTransform")),
    "mongo_uneven": ("mongo.uneven", "mongo_uneven.t", SCHEMAS | MAKE | documents("array")),
    "mongo_struct": ("mongo.uneven", "mongo_struct.t", SCHEMAS | MAKE | documents("document")),
    "mongo_lost": ("mongo.lost", "mongo_lost.t", SCHEMAS | MAKE | documents()),
    "rough": ("shop.public.rough", "rough.t", SCHEMAS | UNWRAP, {
        "rough.t": columns(
            ("id", LongType()), ("d_i", IntegerType()), ("l_i", IntegerType()), ("n_n", DecimalType(5, 2))
        ),
    }),
    "required": ("shop.public.orders", "required.t", SCHEMAS | UNWRAP, {
        "required.t": columns(("id", LongType()), ("country", StringType()), required=("country",)),
    }),
    "misfit": ("shop.public.orders", "misfit.t", SCHEMAS | UNWRAP, {
        "misfit.t": columns(("id", LongType()), ("name", IntegerType())),
    }),
    "missing": ("shop.public.orders", "missing.t", SCHEMAS | UNWRAP),
}  # fmt: skip


# Where the original writes no row, and does not fail.
EMPTY = {"partial", "absent"}
# The original keeps the options of KafkaMetadataTransform in its class: two of a worker have those of the last.
ALONE = ["kafka", "kafka_nested", "kafka_bare"]


def sink(name, here):
    topics, tables, more, *_ = CASES[name]
    config = {
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": "1",
        "topics": topics,
        "iceberg.control.commit.interval-ms": "1000",
        "consumer.override.auto.offset.reset": "earliest",
    }
    if tables is not None:
        config["iceberg.tables"] = tables
    return config | more | here


def before(catalog):
    """Makes the tables that are there before."""
    for name, (_, _, _, *there) in CASES.items():
        catalog.create_namespace(name)
        for table, schema in (there[0] if there else {}).items():
            catalog.create_table(table, schema)


# --- what came of it ---------------------------------------------------------------------------------------------


def masked(name, value):
    """What no two runs share."""
    if isinstance(value, dict):
        return {key: masked(key, item) for key, item in value.items()}
    return "some time" if value is not None and name in ("ts", "_k_timestamp", "timestamp", "_cdc_ts") else value


def field_of(field):
    kind = field.model_dump(by_alias=True)["type"]
    return {"id": field.field_id, "name": field.name, "required": field.required, "type": simple(kind)}


def simple(kind):
    """A type as JSON, of nested fields what counts."""
    if not isinstance(kind, dict):
        return str(kind)
    if kind["type"] == "struct":
        return [{k: simple(v) if k == "type" else v for k, v in f.items() if k in ("id", "name", "required", "type")}
                for f in kind["fields"]]  # fmt: skip
    return {key: simple(value) for key, value in kind.items() if key != "type"}


def ordered(value):
    """Maps, which are lists of pairs here, have no order: the original's is that of a hash table."""
    if isinstance(value, dict):
        return {key: ordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(value) if value and isinstance(value[0], tuple) else [ordered(item) for item in value]
    return value


def rows_of(table, ref):
    snapshot = table.metadata.snapshot_by_id(ref.snapshot_id).snapshot_id
    rows = table.scan(snapshot_id=snapshot).to_arrow().to_pylist()
    found = [{name: masked(name, plain(ordered(value))) for name, value in row.items()} for row in rows]
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def describe(table):
    metadata = table.metadata
    names = {field_id: metadata.schema().find_column_name(field_id) for field_id in metadata.schema()._lazy_id_to_name}
    return {
        "version": metadata.format_version,
        "columns": [field_of(field) for field in table.schema().fields],
        "identifiers": sorted(names[i] for i in metadata.schema().identifier_field_ids),
        "partitions": [[field.name, str(field.transform), names[field.source_id]] for field in table.spec().fields],
        "properties": dict(sorted(metadata.properties.items())),
        "rows": {name: rows_of(table, ref) for name, ref in sorted(metadata.refs.items())},
    }


def found(catalog, name):
    """By table, what a case has made."""
    return {".".join(table): describe(catalog.load_table(table)) for table in sorted(catalog.list_tables(name))}
