# SPDX-License-Identifier: Apache-2.0
"""Other implementations read what leat wrote, and their values come in one form, so that they compare with ==.

    parquet_rows(path or bytes, "pyarrow" | "duckdb" | "java")    a list of dicts, one per row
    avro_rows(path or bytes, "fastavro" | "java" | "duckdb")      DuckDB knows the codecs null, deflate, snappy
    json_rows(path, "python" | "java" | "duckdb")                 lines; numbers that are no integers come as Number
    parquet_count(path, engine, column, value)                    rows where column = value, by statistics and filters

null is None; booleans, integers, text, bytes, lists are Python's; structs and maps are dicts; decimals Decimal; UUIDs
uuid.UUID; floats float, but for NaN, which is the text "NaN". What Python's own types cannot hold (years past 9999, as
PostgreSQL has) has types here: Date(days), Time(ns), Timestamp(ns, utc), all counted from 1970 or midnight.
"""

import atexit
import contextlib
import datetime
import decimal
import functools
import gzip
import json
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import threading
import typing
import uuid

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import fastavro
import fastavro.read
import pyarrow
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = ROOT / ".cache/jars"
JUDGE = ROOT / "tests/tools/judge/Judge.java"
PARQUET_ENGINES = ("pyarrow", "duckdb", "java")
AVRO_ENGINES = ("fastavro", "java", "duckdb")
JSON_ENGINES = ("python", "java", "duckdb")

# Decimals of PostgreSQL have more digits than Python's default context keeps.
WIDE = decimal.Context(prec=20000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
EPOCH = datetime.datetime(1970, 1, 1)


class Date(typing.NamedTuple):
    days: int

    @classmethod
    def of(cls, text):
        """Date.of("2024-02-29")"""
        return cls((datetime.date.fromisoformat(text) - EPOCH.date()).days)


class Time(typing.NamedTuple):
    ns: int

    @classmethod
    def of(cls, text):
        """Time.of("12:00:01.5")"""
        t = datetime.time.fromisoformat(text)
        return cls((((t.hour * 60 + t.minute) * 60 + t.second) * 10**6 + t.microsecond) * 1000)


class Timestamp(typing.NamedTuple):
    ns: int
    utc: bool

    @classmethod
    def of(cls, text, utc=True):
        """Timestamp.of("2024-02-29 12:00:01.5")"""
        return cls((datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(microseconds=1) * 1000, utc)


class Interval(typing.NamedTuple):
    months: int
    days: int
    ms: int


class Number(str):
    """The digits of a JSON number that is not an integer. 1.10, 1.1 and 11e-1 are equal."""

    def __eq__(self, other):
        return decimal.Decimal(self) == decimal.Decimal(other) if isinstance(other, Number) else NotImplemented

    def __hash__(self):
        return hash(decimal.Decimal(self))


def floating(value):
    return "NaN" if math.isnan(value) else value


def scaled(unscaled, scale):
    return decimal.Decimal(unscaled).scaleb(-scale, WIDE)


@contextlib.contextmanager
def as_path(source):
    """A path or the bytes of a file, as a path."""
    if isinstance(source, (bytes, bytearray)):
        with tempfile.NamedTemporaryFile(prefix="leat-judge-") as file:
            file.write(source)
            file.flush()
            yield pathlib.Path(file.name)
    else:
        yield pathlib.Path(source)


# ---- Arrow: pyarrow's own reading, and DuckDB's, which hands over Arrow too

UNIT_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def converted(array, convert):
    return [None if value is None else convert(value) for value in array.to_pylist()]


def raw_integers(array, bits):
    return array.cast(pyarrow.int32() if bits == 32 else pyarrow.int64())


def arrow_extension(array):
    name = array.type.extension_name
    values = arrow_values(array.storage)
    if name == "arrow.uuid":
        return [None if value is None else uuid.UUID(bytes=value) for value in values]
    return values


def arrow_list(array):
    items, offsets = arrow_values(array.values), array.offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    return [items[offsets[i] : offsets[i + 1]] if valid[i] else None for i in range(len(array))]


def arrow_map(array):
    keys, items, offsets = arrow_values(array.keys), arrow_values(array.items), array.offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    spans = [slice(offsets[i], offsets[i + 1]) for i in range(len(array))]
    return [dict(zip(keys[span], items[span])) if valid[i] else None for i, span in enumerate(spans)]


def arrow_struct(array):
    columns = {array.type.field(i).name: arrow_values(array.field(i)) for i in range(array.type.num_fields)}
    valid = array.is_valid().to_pylist()
    return [{name: values[i] for name, values in columns.items()} if valid[i] else None for i in range(len(array))]


def arrow_values(array):
    """An array of any type as canonical values."""
    kind, types = array.type, pyarrow.types
    if isinstance(kind, pyarrow.BaseExtensionType):
        return arrow_extension(array)
    if types.is_dictionary(kind):
        return arrow_values(array.dictionary_decode())
    if types.is_struct(kind):
        return arrow_struct(array)
    if types.is_map(kind):
        return arrow_map(array)
    if types.is_list(kind) or types.is_large_list(kind):
        return arrow_list(array)
    if types.is_floating(kind):
        return converted(array, floating)
    if types.is_date32(kind):
        return converted(raw_integers(array, 32), Date)
    if types.is_time(kind):
        factor = UNIT_NS[kind.unit]
        return converted(raw_integers(array, kind.bit_width), lambda n: Time(n * factor))
    if types.is_timestamp(kind):
        factor, utc = UNIT_NS[kind.unit], kind.tz is not None
        return converted(raw_integers(array, 64), lambda n: Timestamp(n * factor, utc))
    return array.to_pylist()


def table_rows(table):
    table = table.combine_chunks()
    columns = {}
    for name, column in zip(table.column_names, table.columns):
        columns[name] = [value for chunk in column.chunks for value in arrow_values(chunk)]
    return [dict(zip(columns, values)) for values in zip(*columns.values())] if columns else []


def pyarrow_rows(path, where=None):
    # The checksums of the pages are looked at only when asked for.
    filters = None if where is None else [(where[0], "==", where[1])]
    table = pyarrow.parquet.read_table(
        path, page_checksum_verification=True, filters=filters, partitioning=None
    )  # fmt: skip
    return table_rows(table)


@functools.cache
def duck():
    """DuckDB with the extensions that its packages brought; nothing is installed anywhere."""
    connection = duckdb.connect()
    # UUID and the like keep their type on the way through Arrow.
    connection.execute("SET arrow_lossless_conversion = true; SET TimeZone = 'UTC'; SET threads = 1")
    (version,) = connection.execute("SELECT library_version FROM pragma_version()").fetchone()
    for package in (duckdb_extension_avro, duckdb_extension_httpfs):
        name = package.__name__.removeprefix("duckdb_extension_")
        (folder,) = package.__path__
        connection.execute(f"LOAD '{folder}/extensions/{version}/{name}.duckdb_extension'")
    return connection


def duckdb_rows(path, where=None):
    sql, parameters = "SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(path)]
    if where is not None:
        sql += ' WHERE "{}" = ?'.format(where[0].replace('"', '""'))
        parameters.append(where[1])
    return table_rows(duck().execute(sql, parameters).to_arrow_table())


# ---- Java

TAGS = {
    "n": lambda v: Number(v["n"]),
    "f": lambda v: floating(struct.unpack(">d", struct.pack(">q", int(v["f"])))[0]),
    "b": lambda v: bytes.fromhex(v["b"]),
    "d": lambda v: scaled(v["d"], v["s"]),
    "D": lambda v: Date(v["D"]),
    "T": lambda v: Time(int(v["T"])),
    "t": lambda v: Timestamp(int(v["t"]), v["u"]),
    "U": lambda v: uuid.UUID(hex=v["U"]),
    "I": lambda v: Interval(*v["I"]),
    "m": lambda v: {java_value(key): java_value(value) for key, value in v["m"]},
    "r": lambda v: {name: java_value(value) for name, value in v["r"].items()},
}


def java_value(value):
    if isinstance(value, list):
        return [java_value(item) for item in value]
    return TAGS[next(iter(value))](value) if isinstance(value, dict) else value


class Java:
    """One process for all questions: it takes a second to start."""

    def __init__(self):
        self.process = None
        self.lock = threading.Lock()

    def start(self):
        if not (JARS / "pom.xml").exists():
            pytest.skip(f"Java's readers are not in {JARS}: run scripts/setup test")
        self.process = subprocess.Popen(
            [
                "setpriv", "--pdeathsig", "KILL", "java", "-Xmx2g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-cp", f"{JARS}/*", str(JUDGE),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        atexit.register(self.process.kill)

    def ask(self, **order):
        """The rows, and the schema as Java prints it."""
        with self.lock:
            if self.process is None:
                self.start()
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            rows = []
            for line in self.process.stdout:
                value = json.loads(line)
                if "error" in value:
                    raise AssertionError(f"{order['path']}: Java says: {value['error']}")
                if "done" in value:
                    assert value["done"] == len(rows)
                    return rows, value["schema"]
                rows.append(java_value(value))
        raise AssertionError("Java's reader ended")


JAVA = Java()

# ---- Avro by fastavro: its logical types stop at the year 9999


def stamp_reader(factor, utc):
    return lambda value, writer=None, reader=None: Timestamp(value * factor, utc)


def decimal_reader(value, writer=None, reader=None):
    return scaled(int.from_bytes(value, "big", signed=True), writer.get("scale", 0))


fastavro.read.LOGICAL_READERS.update({
    "long-timestamp-millis": stamp_reader(10**6, True),
    "long-timestamp-micros": stamp_reader(10**3, True),
    "long-timestamp-nanos": stamp_reader(1, True),
    "long-local-timestamp-millis": stamp_reader(10**6, False),
    "long-local-timestamp-micros": stamp_reader(10**3, False),
    "long-local-timestamp-nanos": stamp_reader(1, False),
    "int-date": lambda value, writer=None, reader=None: Date(value),
    "int-time-millis": lambda value, writer=None, reader=None: Time(value * 10**6),
    "long-time-micros": lambda value, writer=None, reader=None: Time(value * 10**3),
    "bytes-decimal": decimal_reader,
    "fixed-decimal": decimal_reader,
    "string-uuid": lambda value, writer=None, reader=None: uuid.UUID(value),
    "fixed-uuid": lambda value, writer=None, reader=None: uuid.UUID(bytes=bytes(value)),
    "fixed-duration": lambda value, writer=None, reader=None: Interval(*struct.unpack("<III", bytes(value))),
})  # fmt: skip


def plain(value):
    """What fastavro gives, with NaN as here."""
    if isinstance(value, float):
        return floating(value)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if type(value) is list else value


def fastavro_rows(path):
    with open(path, "rb") as file:
        return [plain(row) for row in fastavro.reader(file)]


def by_schema(value, schema):
    """What DuckDB gives for an Avro value: it knows few logical types."""
    if isinstance(schema, list):
        schema = next((s for s in schema if s != "null"), "null")
    if value is None or isinstance(schema, str):
        return value
    kind, logical = schema["type"], schema.get("logicalType")
    if kind == "record":
        return {f["name"]: by_schema(value[f["name"]], f["type"]) for f in schema["fields"]}
    if kind == "array":
        return [by_schema(item, schema["items"]) for item in value]
    if kind == "map":
        return {key: by_schema(item, schema["values"]) for key, item in value.items()}
    if logical == "uuid":
        return uuid.UUID(value) if isinstance(value, str) else uuid.UUID(bytes=value)
    if logical == "duration":
        return Interval(*struct.unpack("<III", value))
    if isinstance(value, Timestamp):
        return Timestamp(value.ns, not logical.startswith("local"))
    read = fastavro.read.LOGICAL_READERS.get(f"{kind}-{logical}")
    return read(value, schema) if read is not None and isinstance(value, (int, bytes)) else value


def duckdb_avro_rows(path):
    rows = table_rows(duck().execute("SELECT * FROM read_avro(?)", [str(path)]).to_arrow_table())
    schema = avro_schema(path)
    return [by_schema(row, schema) for row in rows]


def lines(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="\n") as file:
        yield from file


def duckdb_lines(path):
    cursor = duck().execute("SELECT json FROM read_ndjson_objects(?, maximum_object_size = 1 << 28)", [str(path)])
    return [text for (text,) in cursor.fetchall()]


# ---- the questions


def parquet_rows(source, engine="pyarrow"):
    with as_path(source) as path:
        if engine == "java":
            return JAVA.ask(format="parquet", path=str(path))[0]
        return {"pyarrow": pyarrow_rows, "duckdb": duckdb_rows}[engine](path)


def avro_rows(source, engine="fastavro"):
    with as_path(source) as path:
        if engine == "java":
            return JAVA.ask(format="avro", path=str(path))[0]
        return {"fastavro": fastavro_rows, "duckdb": duckdb_avro_rows}[engine](path)


def json_rows(path, engine="python"):
    path = pathlib.Path(path)
    if engine == "java":
        return JAVA.ask(format="json", path=str(path))[0]
    return [json.loads(line, parse_float=Number) for line in {"python": lines, "duckdb": duckdb_lines}[engine](path)]


def parquet_count(source, engine, column, value, java_type="long"):
    """How many rows have that value, found with what the file offers to leave pages out: statistics, index, bloom.

    java_type: int, long, double, boolean, text, hex.
    """
    with as_path(source) as path:
        if engine == "java":
            eq = {"column": column, "type": java_type, "value": value}
            return len(JAVA.ask(format="parquet", path=str(path), eq=eq)[0])
        return len({"pyarrow": pyarrow_rows, "duckdb": duckdb_rows}[engine](path, (column, value)))


def parquet_schema(source):
    """The schema as parquet-java prints it."""
    with as_path(source) as path:
        return JAVA.ask(format="parquet", path=str(path))[1]


def avro_schema(source):
    """The schema in an Avro file's head, with all extra attributes, as JSON."""
    with as_path(source) as path, open(path, "rb") as file:
        return json.loads(fastavro.reader(file).metadata["avro.schema"])
