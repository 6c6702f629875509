# SPDX-License-Identifier: Apache-2.0
"""Avro: what leat writes fastavro and Avro's own Java read, value by value, and leat reads what fastavro writes.
tests/tools/avro_probe.c is leat's half."""

import decimal
import json
import pathlib
import re
import struct
import subprocess
import uuid

import fastavro
import judges
import pytest
from judges import Date, Time, Timestamp

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODECS = {"none": "null", "deflate": "deflate", "snappy": "snappy", "zstd": "zstandard"}
KINDS = {
    "i": lambda v: v["i"],
    "f": lambda v: judges.floating(struct.unpack(">d", bytes.fromhex(v["f"]))[0]),
    "d": lambda v: decimal.Decimal(v["d"]),
    "s": lambda v: v["s"],
    "b": lambda v: bytes.fromhex(v["b"]),
    "D": lambda v: Date(v["D"]),
    "T": lambda v: Time(v["T"] * 1000),
    "t": lambda v: Timestamp(v["t"] * 1000, v["u"]),
    "U": lambda v: uuid.UUID(hex=v["U"]),
}


def probe(*arguments, fails=False):
    for build in ("build/debug", "build/asan", "build/clang", "build"):
        program = ROOT / build / "leat_avro_probe"
        if program.exists():
            done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=180)
            assert (done.returncode != 0) == fails, done.stderr
            return done.stderr if fails else [json.loads(line) for line in done.stdout.split("\n") if line]
    pytest.fail("leat_avro_probe is not built")


def avro_name(name):
    return re.sub(r"^(?=[0-9])|[^A-Za-z0-9_]", "_", name)


def value_of(shape, value):
    """The probe's value in the judges' form."""
    if not isinstance(value, dict):
        return value
    if "r" in value:
        return record_of(shape, value["r"])
    if "l" in value:
        return [value_of(shape["element"], item) for item in value["l"]]
    if "m" in value:
        return {key["s"]: value_of(shape["element"], item) for key, item in value["m"]}
    return KINDS[next(iter(value))](value)


def record_of(shape, items):
    assert len(items) == len(shape["fields"])
    return {avro_name(f["name"]): value_of(f["shape"], item) for f, item in zip(shape["fields"], items)}


@pytest.mark.parametrize("nulls", ["optional", "required"])
@pytest.mark.parametrize("codec", CODECS)
def test_others_read_what_leat_writes(codec, nulls, work):
    path = work / "all.avro"
    shape, *rows = probe("write", codec, nulls, path)
    expected = [record_of(shape, row) for row in rows]
    assert len(expected) == 300
    for engine in ("fastavro", "java"):  # DuckDB refuses local-timestamp-micros, and zstandard
        got = judges.avro_rows(path, engine)
        assert len(got) == len(expected)
        for number, (mine, theirs) in enumerate(zip(expected, got)):
            wrong = {name: (mine[name], theirs.get(name)) for name in mine if mine[name] != theirs.get(name)}
            assert wrong == {}, f"{engine}: row {number}: leat wrote, and it reads: {wrong}"
            assert list(mine) == list(theirs)
    schema = judges.avro_schema(path)
    assert (schema["namespace"], schema["name"]) == ("probe", "All")
    assert [field["field-id"] for field in schema["fields"]] == list(range(1, len(schema["fields"]) + 1))
    odd = [field for field in schema["fields"] if "leat.name" in field]
    assert odd and all(field["leat.name"].endswith(" listsä") for field in odd)
    # And leat its own.
    again, *own = probe("read", path)
    assert own == rows
    assert [f["name"] for f in again["fields"]] == [f["name"] for f in shape["fields"]]


RECORD = {"type": "record", "name": "n.s.R", "fields": []}


def record(*types, **more):
    return {**RECORD, **more, "fields": [{"name": f"f{i}", "type": kind} for i, kind in enumerate(types)]}


FIXED = {"type": "fixed", "name": "F", "size": 3}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B_2"], "default": "A"}
POINT = {"type": "record", "name": "other.P", "fields": [{"name": "x", "type": "int"}]}
LIST = record("int", ["null", "n.s.R"])
# schema, rows as fastavro takes them, rows as leat reads them in the judges' form (None: the same)
ODD = {
    "long": ("long", [-(2**63), 2**63 - 1, 0], [{"value": -(2**63)}, {"value": 2**63 - 1}, {"value": 0}]),
    "null": ("null", [None], [{"value": None}]),
    "optional": (["string", "null"], ["x", None], [{"value": "x"}, {"value": None}]),
    "named twice": (record(FIXED, "F", ["null", "n.s.F"]), [{"f0": b"abc", "f1": b"def", "f2": b"ghi"}], None),
    "enum": (record(ENUM, {"type": "array", "items": "E"}), [{"f0": "B_2", "f1": ["A", "B_2"]}], None),
    "union": (
        record(["int", "string", "null", FIXED, POINT, {"type": "array", "items": ["boolean", "double"]}]),
        [{"f0": 1}, {"f0": "t"}, {"f0": None}, {"f0": b"abc"}, {"f0": {"x": 7}}, {"f0": [True, 0.5]}],
        [
            {"f0": None if branch is None else {**dict.fromkeys(["int", "string", "F", "P", "array"]), branch: value}}
            for branch, value in [
                ("int", 1), ("string", "t"), (None, None), ("F", b"abc"), ("P", {"x": 7}),
                ("array", [{"boolean": True, "double": None}, {"boolean": None, "double": 0.5}]),
            ]
        ],
    ),
    "nested": (
        record({"type": "map", "values": {"type": "array", "items": {"type": "map", "values": ["null", POINT]}}}),
        [{"f0": {}}, {"f0": {"": [], "k": [{"a": None, "b": {"x": -1}}, {}]}}], None,
    ),
    "decimals": (
        record(
            {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 3},
            {"type": "fixed", "name": "D", "size": 20, "logicalType": "decimal", "precision": 5},
            {"type": "bytes", "logicalType": "decimal", "precision": 50},
        ),
        [
            {"f0": b"\xff", "f1": bytes(19) + b"\x05", "f2": b"\x01"},
            {"f0": b"", "f1": b"\xff" * 19 + b"\x05", "f2": b""},
        ],
        [
            {"f0": decimal.Decimal("-0.001"), "f1": decimal.Decimal(5), "f2": b"\x01"},
            {"f0": decimal.Decimal(0), "f1": decimal.Decimal(-251), "f2": b""},
        ],
    ),
    "times": (
        record(
            {"type": "int", "logicalType": "time-millis"}, {"type": "long", "logicalType": "timestamp-millis"},
            {"type": "long", "logicalType": "local-timestamp-millis"},
            {"type": "long", "logicalType": "timestamp-nanos"},
            {"type": "fixed", "name": "Span", "size": 12, "logicalType": "duration"},
            {"type": "int", "logicalType": "no"},
        ),
        [{"f0": 86399999, "f1": -1, "f2": 1, "f3": 5, "f4": bytes(12), "f5": 9}],
        [{
            "f0": Time(86399999 * 10**6), "f1": Timestamp(-(10**6), True), "f2": Timestamp(10**6, False), "f3": 5,
            "f4": bytes(12), "f5": 9,
        }],
    ),
    "no fields": (record(), [{}, {}], None),
}  # fmt: skip


@pytest.mark.parametrize("codec", CODECS.values())
@pytest.mark.parametrize("name", ODD)
def test_leat_reads_what_others_write(name, codec, work):
    schema, rows, expected = ODD[name]
    path = work / "odd.avro"
    with path.open("wb") as file:
        fastavro.writer(file, schema, rows * 50, codec=codec, sync_interval=200, metadata={"own": "meta"})
    shape, *got = probe("read", path)
    assert [record_of(shape, row) for row in got] == (rows if expected is None else expected) * 50


def test_a_record_within_itself_stays_as_encoded(work):
    path = work / "list.avro"
    rows = [{"f0": 1, "f1": {"f0": 2, "f1": {"f0": 3, "f1": None}}}, {"f0": 4, "f1": None}]
    with path.open("wb") as file:
        fastavro.writer(file, LIST, rows)
    shape, *got = probe("read", path)
    assert record_of(shape, got[0]) == {"f0": 1, "f1": bytes([4, 2, 6, 0])}
    assert record_of(shape, got[1]) == {"f0": 4, "f1": None}


def test_attributes_are_kept(work):
    path = work / "notes.avro"
    schema = record({"type": "int", "connect.name": "io.debezium.time.Date", "deep": {"a": [1, None, "ü"]}}, top=[True])
    schema["fields"][0]["order"] = "ignore"
    with path.open("wb") as file:
        fastavro.writer(file, schema, [{"f0": 1}])
    shape = probe("read", path)[0]
    assert shape["notes"] == {"top": [True]}
    assert shape["fields"][0]["shape"]["notes"] == {
        "connect.name": "io.debezium.time.Date", "deep": {"a": [1, None, "ü"]},
    }  # fmt: skip


def test_a_cut_or_damaged_file_is_an_error(work):
    path = work / "cut.avro"
    probe("write", "snappy", "optional", path)
    whole = path.read_bytes()
    for size in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "value:" in probe("read", path, fails=True)
    middle = len(whole) - 1000
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert "block at byte" in probe("read", path, fails=True)
    with path.open("wb") as file:
        fastavro.writer(file, "long", [1], codec="bzip2")
    assert "deflate, snappy or zstandard" in probe("read", path, fails=True)
