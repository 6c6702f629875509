# SPDX-License-Identifier: Apache-2.0
"""The judges agree with each other: the same file, the same values, whoever reads it."""

import decimal
import gzip
import io
import uuid

import fastavro
import files
import judges
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from judges import Date, Interval, Time, Timestamp

ID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
LATE = 4 * 10**17  # microseconds: the year 14645
PARQUET = {
    "flag": (pa.bool_(), [True, None, False], None),
    "small": (pa.int16(), [-32768, None, 32767], None),
    "whole": (pa.int64(), [-(2**63), None, 2**63 - 1], None),
    "unsigned": (pa.uint64(), [0, None, 2**64 - 1], None),
    "single": (pa.float32(), [1.5, None, float("nan")], [1.5, None, "NaN"]),
    "double": (pa.float64(), [-1e300, None, float("inf")], None),
    "amount": (pa.decimal128(38, 4), [decimal.Decimal("-1.0001"), None, decimal.Decimal("9" * 34 + ".9999")], None),
    "coin": (pa.decimal128(9, 2), [decimal.Decimal("-1.01"), None, decimal.Decimal("9999999.99")], None),
    "text": (pa.string(), ["", None, "ü\U0001f600\x00"], None),
    "bytes": (pa.binary(), [b"", None, bytes(range(256))], None),
    "day": (pa.date32(), [-719162, None, 3000000], [Date(-719162), None, Date(3000000)]),
    "clock": (pa.time64("us"), [0, None, 86399999999], [Time(0), None, Time(86399999999000)]),
    "at": (
        pa.timestamp("us", "UTC"), [-1, None, LATE],
        [Timestamp(-1000, True), None, Timestamp(LATE * 1000, True)],
    ),
    "local": (pa.timestamp("us"), [0, None, LATE], [Timestamp(0, False), None, Timestamp(LATE * 1000, False)]),
    "id": (pa.uuid(), [ID.bytes, None, bytes(16)], [ID, None, uuid.UUID(int=0)]),
    "list": (pa.list_(pa.int32()), [[1, None, 3], None, []], None),
    "deep": (pa.list_(pa.list_(pa.string())), [[["a"], None, []], None, []], None),
    "struct": (
        pa.struct([("a", pa.int32()), ("b", pa.list_(pa.date32()))]),
        [{"a": None, "b": [0, None]}, None, {"a": 1, "b": None}],
        [{"a": None, "b": [Date(0), None]}, None, {"a": 1, "b": None}],
    ),
    "map": (pa.map_(pa.string(), pa.int64()), [[("x", 1), ("y", None)], None, []], [{"x": 1, "y": None}, None, {}]),
}  # fmt: skip


@pytest.mark.parametrize("engine", judges.PARQUET_ENGINES)
@pytest.mark.parametrize("codec", ["none", "zstd", "snappy", "gzip", "lz4"])
def test_parquet(engine, codec, work):
    columns = [pa.array(values, kind) for kind, values, _ in PARQUET.values()]
    table = pa.table(columns, names=list(PARQUET))
    path = work / "a.parquet"
    pq.write_table(
        table, path, compression=codec, write_page_checksum=True, write_page_index=True, store_schema=False
    )  # fmt: skip
    expected = [expect if expect is not None else values for _, values, expect in PARQUET.values()]
    rows = judges.parquet_rows(path, engine)
    assert rows == [dict(zip(PARQUET, values)) for values in zip(*expected)]
    assert [list(row) for row in rows] == [list(PARQUET)] * 3


@pytest.mark.parametrize("engine", judges.PARQUET_ENGINES)
def test_rows_found_by_a_filter(engine, work):
    table = pa.table({"id": list(range(10000)), "name": [f"n{i % 7}" for i in range(10000)]})
    data = io.BytesIO()
    pq.write_table(table, data, row_group_size=1000, write_page_index=True, data_page_size=500)
    assert judges.parquet_count(data.getvalue(), engine, "id", 4321) == 1
    assert judges.parquet_count(data.getvalue(), engine, "id", -1) == 0
    assert judges.parquet_count(data.getvalue(), engine, "name", "n3", "text") == 1429


@pytest.mark.parametrize("engine", ["pyarrow", "java"])  # DuckDB does not look at the checksums of pages
def test_a_damaged_page_is_noticed(engine, work):
    data = io.BytesIO()
    table = pa.table({"id": [7] * 1000})
    pq.write_table(table, data, write_page_checksum=True, compression="none", use_dictionary=False)
    bad = bytearray(data.getvalue())
    at = bad.index((7).to_bytes(8, "little") * 4)
    bad[at + 16] ^= 1
    with pytest.raises((AssertionError, OSError)) as told:
        judges.parquet_rows(bad, engine)
    assert "crc" in str(told.value).lower() or "checksum" in str(told.value).lower()


AVRO_SCHEMA = {
    "type": "record", "name": "row", "namespace": "shop", "doc": "kept", "leat.version": 3,
    "fields": [
        {"name": "whole", "type": "long", "extra": {"kept": True}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 4}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "clock", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "span", "type": {"type": "fixed", "name": "span", "size": 12, "logicalType": "duration"}},
        {"name": "double", "type": "double"},
        {"name": "bytes", "type": "bytes"},
        {"name": "texts", "type": {"type": "array", "items": ["null", "string"]}},
        {"name": "map", "type": {"type": "map", "values": "int"}},
        {"name": "inner", "type": [
            "null", {"type": "record", "name": "inner", "fields": [{"name": "n", "type": "int"}]},
        ]},
    ],
}  # fmt: skip
AVRO_ROWS = [
    {
        "whole": -(2**63), "amount": decimal.Decimal("-123456789012345678901234567890.1234"), "day": Date(3000000),
        "at": Timestamp(LATE * 1000, True), "local": Timestamp(-(10**6), False), "clock": Time(86399999999000),
        "id": ID, "span": Interval(1, 2, 3), "double": "NaN", "bytes": b"\x00\xff", "texts": ["ü", None],
        "map": {"a": 1}, "inner": {"n": 1},
    },
    {
        "whole": 1, "amount": decimal.Decimal(0), "day": Date(-1), "at": None, "local": Timestamp(0, False),
        "clock": Time(0), "id": ID, "span": Interval(0, 0, 2**32 - 1), "double": 1.5, "bytes": b"", "texts": [],
        "map": {}, "inner": None,
    },
]  # fmt: skip


def avro_plain(row):
    """The row as fastavro writes it when nothing is converted."""
    span = row["span"]
    unscaled = int(row["amount"].scaleb(4, judges.WIDE))
    return {
        **row, "amount": unscaled.to_bytes(20, "big", signed=True), "day": row["day"].days,
        "at": row["at"] and row["at"].ns // 1000, "local": row["local"].ns // 10**6, "clock": row["clock"].ns // 1000,
        "id": str(row["id"]), "span": b"".join(part.to_bytes(4, "little") for part in span),
        "double": float(row["double"]),
    }  # fmt: skip


@pytest.mark.parametrize("codec, engine", [
    (codec, engine) for codec in ("null", "deflate", "snappy", "zstandard") for engine in judges.AVRO_ENGINES
    if (codec, engine) != ("zstandard", "duckdb")
])  # fmt: skip
def test_avro(engine, codec, work):
    path = work / "a.avro"
    # DuckDB refuses a file with a duration.
    fields = [f for f in AVRO_SCHEMA["fields"] if engine != "duckdb" or f["name"] != "span"]
    with path.open("wb") as file:
        fastavro.writer(file, {**AVRO_SCHEMA, "fields": fields}, [avro_plain(row) for row in AVRO_ROWS], codec=codec)
    expected = [{f["name"]: row[f["name"]] for f in fields} for row in AVRO_ROWS]
    assert judges.avro_rows(path, engine) == expected
    schema = judges.avro_schema(path)
    assert schema["leat.version"] == 3
    assert schema["fields"][0]["extra"] == {"kept": True}


@pytest.mark.parametrize("engine", judges.JSON_ENGINES)
def test_json_lines(engine, work):
    text = '{"a": 1.10, "b": [null, {"c": 12345678901234567890}], "d": "\\u2028ü"}\n{"a": 1e400}\n'
    for name, data in ("a.json", text.encode()), ("a.json.gz", gzip.compress(text.encode())):
        (work / name).write_bytes(data)
        first, second = judges.json_rows(work / name, engine)
        assert first["b"] == [None, {"c": 12345678901234567890}]
        assert (str(first["a"]), first["d"]) == ("1.10", "\u2028ü")
        assert decimal.Decimal(second["a"]) == decimal.Decimal("1e400")


def test_values_take_the_form_of_json_lines():
    stamps = {
        "2024-02-29T12:00:01.5Z": Timestamp.of("2024-02-29 12:00:01.5"),
        "1970-01-01T00:00:00": Timestamp(0, False),
        "14645-06-30T15:06:40Z": Timestamp(LATE * 1000, True),
        "0001-12-31T23:59:59.999999 BC": Timestamp(-62135596800 * 10**9 - 1000, False),
    }
    assert [files.as_json(stamp) for stamp in stamps.values()] == list(stamps)
    assert files.as_json([Date.of("0001-01-01"), Date(-719163), Date(2932897)]) == [
        "0001-01-01", "0001-12-31 BC", "10000-01-01"
    ]  # fmt: skip
    assert files.as_json({"a": decimal.Decimal("1E+3"), "b": decimal.Decimal("0.00")}) == {"a": "1000", "b": "0.00"}
    assert files.as_json([b"\x00", float("-inf"), ID, Time.of("12:00:00.25"), None, True]) == [
        "AA==", "-Infinity", str(ID), "12:00:00.25", None, True
    ]  # fmt: skip
