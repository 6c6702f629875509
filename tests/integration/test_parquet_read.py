# SPDX-License-Identifier: Apache-2.0
"""The Parquet reader against what others write: pyarrow, DuckDB and parquet-mr, value by value."""

import datetime
import decimal
import itertools
import json
import random
import subprocess
import uuid

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parquet_values import ROOT, plain, program, rows_of, run_dump, same

ROWS = 700
UTC = datetime.timezone.utc
DAY = 86_400_000_000
NAN = float("nan")


def some(rng, make, nulls=0.2):
    return [None if rng.random() < nulls else make() for _ in range(ROWS)]


def text(rng):
    return "".join(rng.choice("abcé€😀\"\\\n\0 ") for _ in range(rng.choice([0, 1, 5, 40])))


def decimals(rng, precision, scale):
    units = rng.choice([None, 0, 10**precision - 1, 1 - 10**precision, rng.randrange(10**precision)])
    return None if units is None else decimal.Decimal(units).scaleb(-scale, decimal.Context(prec=60))


def scalar_columns(rng):
    """name: array, over every physical and logical type that pyarrow writes."""
    columns = {
        "bool": pa.array(some(rng, lambda: rng.random() < 0.5)),
        "bool_runs": pa.array([n // 50 % 2 == 0 for n in range(ROWS)]),
        "null": pa.nulls(ROWS),
        "all_null": pa.array([None] * ROWS, pa.int64()),
        "one_value": pa.array([7] * ROWS, pa.int32()),
        "ascending": pa.array(range(10**12, 10**12 + ROWS * 1000, 1000), pa.int64()),
        "float16": pa.array(some(rng, lambda: rng.choice([0.0, -0.0, 1.5, 65504.0, 6e-8, 2**-14])), pa.float16()),
        "float32": pa.array(some(rng, lambda: rng.choice([rng.gauss(0, 1e9), NAN, -0.0, 1e-45])), pa.float32()),
        "float64": pa.array(some(rng, lambda: rng.choice([rng.gauss(0, 1e99), float("inf"), -0.0, 5e-324]))),
        "string": pa.array(some(rng, lambda: text(rng))),
        "large_string": pa.array(some(rng, lambda: text(rng)), pa.large_string()),
        "few_strings": pa.array(some(rng, lambda: rng.choice(["", "x", "a longer one", "ü"]), 0.05)),
        "path": pa.array([f"warehouse/table/part-{n // 9:05d}-{n % 9}.parquet" for n in range(ROWS)]),
        "binary": pa.array(some(rng, lambda: rng.randbytes(rng.choice([0, 1, 30])))),
        "fixed": pa.array(some(rng, lambda: rng.randbytes(5)), pa.binary(5)),
        "uuid": pa.array(some(rng, lambda: rng.randbytes(16)), pa.binary(16)).cast(pa.uuid()),
        "date": pa.array(some(rng, lambda: rng.choice([0, -1, 20_000, -700_000, 2_900_000])), pa.date32()),
        "time_ms": pa.array(some(rng, lambda: rng.randrange(86_400_000)), pa.time32("ms")),
        "time_us": pa.array(some(rng, lambda: rng.randrange(DAY)), pa.time64("us")),
        "time_ns": pa.array(some(rng, lambda: rng.randrange(DAY) * 1000), pa.time64("ns")),
        "duration": pa.array(some(rng, lambda: rng.randrange(DAY)), pa.duration("us")),
    }
    for bits in (8, 16, 32, 64):
        for sign in ("int", "uint"):
            low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "int" else (0, (1 << bits) - 1)
            values = some(rng, lambda: rng.choice([low, high, 0, rng.randint(low, high)]))
            columns[f"{sign}{bits}"] = pa.array(values, getattr(pa, f"{sign}{bits}")())
    for precision, scale in ((1, 0), (4, 2), (9, 9), (10, 0), (18, 6), (19, 0), (38, 0), (38, 38), (28, 5)):
        values = [decimals(rng, precision, scale) for _ in range(ROWS)]
        columns[f"decimal_{precision}_{scale}"] = pa.array(values, pa.decimal128(precision, scale))
    for unit, factor in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        for zone in (None, "UTC"):
            # Whole microseconds, within what nanoseconds can hold.
            seconds = some(rng, lambda: rng.randint(-(9 * 10**9), 9 * 10**9))
            values = [None if n is None else n * factor for n in seconds]
            columns[f"timestamp_{unit}_{zone}"] = pa.array(values, pa.timestamp(unit, zone))
    micros = some(rng, lambda: rng.randint(-62_135_596_800_000_000, 253_402_300_799_999_999))
    columns["timestamp_wide"] = pa.array(micros, pa.timestamp("us", "UTC"))
    return columns


def nested_columns(rng):
    def items(make, longest=6):
        return [make() for _ in range(rng.choice([0, 0, 1, 2, longest]))]

    def maybe(make, nulls=0.2):
        return None if rng.random() < nulls else make()

    def number():
        return maybe(lambda: rng.randint(-(1 << 31), (1 << 31) - 1))

    def string():
        return maybe(lambda: text(rng))

    def record():
        return maybe(lambda: {"x": number(), "y": items(string), "z": maybe(lambda: {"w": string()})})

    record_type = pa.struct(
        [("x", pa.int32()), ("y", pa.list_(pa.string())), ("z", pa.struct([("w", pa.string())]))]
    )
    key = iter(range(10**9))
    required = pa.struct([pa.field("r", pa.int64(), nullable=False), pa.field("o", pa.string())])
    return {
        "list": pa.array(some(rng, lambda: items(number, 30)), pa.list_(pa.int32())),
        "list_of_required": pa.array(
            some(rng, lambda: items(lambda: rng.randint(0, 9))),
            pa.list_(pa.field("element", pa.int64(), nullable=False)),
        ),
        "list_list": pa.array(
            some(rng, lambda: items(lambda: maybe(lambda: items(string)))), pa.list_(pa.list_(pa.string()))
        ),
        "list_3": pa.array(
            some(rng, lambda: items(lambda: items(lambda: maybe(lambda: items(number))), 2)),
            pa.list_(pa.list_(pa.list_(pa.int32()))),
        ),
        "struct": pa.array(some(rng, record), record_type),
        "list_struct": pa.array(some(rng, lambda: items(record)), pa.list_(record_type)),
        "struct_required": pa.array(some(rng, lambda: {"r": 5, "o": string()}), required),
        "map": pa.array(
            some(rng, lambda: items(lambda: (str(next(key)), number()))), pa.map_(pa.string(), pa.int32())
        ),
        "map_of_lists": pa.array(
            some(rng, lambda: items(lambda: (str(next(key)), maybe(lambda: items(string))))),
            pa.map_(pa.string(), pa.list_(pa.string())),
        ),
        "map_int": pa.array(some(rng, lambda: items(lambda: (next(key), record()))), pa.map_(pa.int64(), record_type)),
        "fixed_list": pa.array([[n, None] for n in range(ROWS)], pa.list_(pa.int32(), 2)),
        "list_null": pa.array(some(rng, lambda: items(lambda: None)), pa.list_(pa.null())),
        "list_decimal": pa.array(
            some(rng, lambda: items(lambda: decimal.Decimal(rng.randrange(10**20)))), pa.list_(pa.decimal128(25, 0))
        ),
    }


@pytest.fixture(scope="module")
def tables():
    """name: (table, the rows as leat should print them)"""
    rng = random.Random(4)
    made = {}
    for name, columns in (("scalars", scalar_columns(rng)), ("nested", nested_columns(rng))):
        table = pa.table(columns)
        made[name] = (table, rows_of(table))
    required = pa.table(
        {"i": pa.array(range(ROWS), pa.int32()), "s": pa.array([str(n % 9) for n in range(ROWS)])},
        schema=pa.schema([pa.field("i", pa.int32(), nullable=False), pa.field("s", pa.string(), nullable=False)]),
    )
    made["required"] = (required, rows_of(required))
    return made


NAMES = ["scalars", "nested", "required"]


@pytest.mark.parametrize("table", NAMES)
@pytest.mark.parametrize("page", ["1.0", "2.0"])
@pytest.mark.parametrize("version", ["1.0", "2.4", "2.6"])
def test_versions_of_pyarrow(tables, tmp_path, table, page, version):
    table, rows = tables[table]
    for dictionary, size in itertools.product((True, False), (None, 200)):
        path = tmp_path / f"{dictionary}{size}.parquet"
        options = {"write_batch_size": 64} if size is not None else {}
        pq.write_table(table, path, version=version, data_page_version=page, use_dictionary=dictionary,
                       data_page_size=size, **options)
        same(path, rows)


@pytest.mark.parametrize("table", NAMES)
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4"])
def test_codecs_of_pyarrow(tables, tmp_path, table, codec):
    table, rows = tables[table]
    for page in ("1.0", "2.0"):
        path = tmp_path / f"{page}.parquet"
        pq.write_table(table, path, compression=codec, data_page_version=page, row_group_size=250,
                       write_page_checksum=True, write_page_index=True, data_page_size=1000)
        same(path, rows)


def test_a_dictionary_that_is_given_up(tables, tmp_path):
    table, rows = tables["scalars"]
    pq.write_table(table, tmp_path / "f", dictionary_pagesize_limit=500, data_page_size=500, write_batch_size=50)
    same(tmp_path / "f", rows)


def fits(encoding, field):
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    byte_array = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
    fixed = pa.types.is_fixed_size_binary(kind) or pa.types.is_decimal(kind) or pa.types.is_float16(kind)
    number = pa.types.is_integer(kind) or pa.types.is_temporal(kind)
    return {
        "PLAIN": True,
        "RLE": pa.types.is_boolean(kind),
        "DELTA_BINARY_PACKED": number,
        "DELTA_LENGTH_BYTE_ARRAY": byte_array,
        "DELTA_BYTE_ARRAY": byte_array or fixed,
        "BYTE_STREAM_SPLIT": pa.types.is_floating(kind) or number or fixed,
    }[encoding]


@pytest.mark.parametrize("page", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "encoding",
    ["PLAIN", "RLE", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"],
)
def test_encodings_of_pyarrow(tables, tmp_path, encoding, page):
    table, _ = tables["scalars"]
    columns = [field.name for field in table.schema if fits(encoding, field)]
    assert columns
    table = table.select(columns)
    rows = rows_of(table)
    for codec, size in (("none", 1 << 20), ("zstd", 300)):
        pq.write_table(table, tmp_path / "f", use_dictionary=False, data_page_version=page, compression=codec,
                       data_page_size=size, write_batch_size=100, column_encoding=dict.fromkeys(columns, encoding))
        meta = pq.read_metadata(tmp_path / "f").row_group(0)
        assert all(encoding in meta.column(i).encodings for i in range(meta.num_columns))
        same(tmp_path / "f", rows)


def test_encodings_below_lists(tmp_path):
    rng = random.Random(9)
    table = pa.table({"s": nested_columns(rng)["list_list"], "i": nested_columns(rng)["list_list"]})
    path = "list.element.list.element"
    encodings = {f"s.{path}": "DELTA_BYTE_ARRAY", f"i.{path}": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(table, tmp_path / "f", use_dictionary=False, column_encoding=encodings, data_page_size=100,
                   write_batch_size=10)
    same(tmp_path / "f", rows_of(table))


def test_empty_tables(tables, tmp_path):
    table, _ = tables["scalars"]
    pq.write_table(table.slice(0, 0), tmp_path / "f")
    same(tmp_path / "f", [])
    with pq.ParquetWriter(tmp_path / "g", table.schema):
        pass
    same(tmp_path / "g", [])
    with pq.ParquetWriter(tmp_path / "h", table.schema) as writer:
        for part in (table.slice(0, 3), table.slice(0, 0), table.slice(3, 2)):
            writer.write_table(part)
    same(tmp_path / "h", rows_of(table.slice(0, 5)))


def test_long_runs_and_large_values(tmp_path):
    """More entries than a step, values larger than a page and than what is read ahead."""
    count = 300_000
    table = pa.table({
        "one": pa.array([1] * count, pa.int64()),
        "mostly_null": pa.array([n if n % 50_000 == 0 else None for n in range(count)], pa.int32()),
        "text": pa.array([("x" * 3_000_000 if n == 150_000 else str(n)) for n in range(count)]),
    })
    pq.write_table(table, tmp_path / "f", compression="zstd")
    same(tmp_path / "f", rows_of(table))
    pq.write_table(table, tmp_path / "g", use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    same(tmp_path / "g", rows_of(table))


def test_int96(tmp_path):
    table = pa.table({"t": pa.array([0, -1000, None, 1_700_000_000_000_001_000], pa.timestamp("ns"))})
    pq.write_table(table, tmp_path / "f", use_deprecated_int96_timestamps=True)
    shape = same(tmp_path / "f", rows_of(table))
    assert shape["fields"][0]["shape"]["kind"] == "timestamp"


def test_field_ids_and_shapes(tmp_path):
    def number(n):
        return {"PARQUET:field_id": str(n)}

    item = pa.field("element", pa.int64(), metadata=number(7))
    schema = pa.schema([
        pa.field("l", pa.list_(item), metadata=number(3)),
        pa.field("d", pa.decimal128(20, 4), nullable=False, metadata=number(9)),
    ])
    pq.write_table(pa.table({"l": [[1]], "d": [decimal.Decimal("1.5")]}, schema=schema), tmp_path / "f")
    shape = same(tmp_path / "f", [[[1], "1.5000"]])
    first, second = (field["shape"] for field in shape["fields"])
    assert (first["kind"], first["id"], first["element_id"], first["optional"]) == ("list", 3, 7, True)
    assert (second["id"], second["precision"], second["scale"], second["optional"]) == (9, 20, 4, False)


# --- DuckDB ---------------------------------------------------------------------------------------------------------

DUCKDB_ROWS = """
SELECT i::INT AS i, i::BIGINT * 1234567890123 AS l, i::UTINYINT AS u8, i::UBIGINT * 15000000000000000 AS u64,
       (i % 3 = 0) AS b, i / 7::FLOAT AS f, i / 3::DOUBLE AS d, CASE WHEN i % 4 > 0 THEN 'text ' || i % 11 END AS s,
       'unlike ' || hash(i) AS t, encode('bytes ' || i) AS y, (i * 1.25)::DECIMAL(4,1) AS d4,
       (i * 1.25)::DECIMAL(9,2) AS d9,
       (i * 1.25)::DECIMAL(18,3) AS d18, (i * -1.25)::DECIMAL(38,10) AS d38, DATE '1969-01-01' + i::INT AS a,
       TIME '00:00:00' + to_microseconds(i * 1000001) AS ti,
       TIMESTAMP '1960-05-05' + to_microseconds(i * 98765432101) AS ts,
       (TIMESTAMP '1960-05-05' + to_microseconds(i * 98765432101))::TIMESTAMPTZ AS tz,
       make_timestamp_ns(i * 1000000) AS tn, make_timestamp(i * 1000)::TIMESTAMP_MS AS tm,
       make_timestamp(i * 1000000)::TIMESTAMP_S AS t_s,
       CASE WHEN i % 5 > 0 THEN [i, NULL, i * 2][:i % 4] END AS li,
       CASE WHEN i % 6 > 0 THEN {'x': i, 'y': [i::VARCHAR, NULL]} END AS st,
       CASE WHEN i % 7 > 0 THEN MAP {'k' || i: i, 'j': NULL} END AS m, [{'p': [[i], NULL, []]}] AS deep,
       (CASE i % 3 WHEN 0 THEN 'sad' WHEN 1 THEN 'ok' END)::ENUM('sad', 'ok') AS e
FROM range(250) r(i)
"""


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "zstd", "lz4_raw"])
def test_duckdb(tmp_path, version, codec):
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        rows = rows_of(pa.table(db.execute(DUCKDB_ROWS).to_arrow_table()))
        for group in (2048, 100_000):
            db.execute(f"COPY ({DUCKDB_ROWS}) TO '{tmp_path / 'f'}' "
                       f"(FORMAT parquet, PARQUET_VERSION {version}, CODEC {codec}, ROW_GROUP_SIZE {group})")
            same(tmp_path / "f", rows)


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_duckdb_long(tmp_path, version):
    """Several row groups, runs and deltas over more than a block; UUIDs."""
    query = ("SELECT i, i // 1000 AS runs, hash(i)::VARCHAR AS h, md5_number_lower(i::VARCHAR)::DOUBLE AS d, "
             "(lpad(to_hex(i), 32, '0'))::UUID AS u FROM range(30000) r(i)")
    with duckdb.connect() as db:
        db.execute("SET threads = 1")
        rows = [[i, r, h, plain(pa.scalar(d)), u.hex] for i, r, h, d, u in db.execute(query).fetchall()]
        db.execute(f"COPY ({query}) TO '{tmp_path / 'f'}' "
                   f"(FORMAT parquet, PARQUET_VERSION {version}, ROW_GROUP_SIZE 4096)")
    shape = same(tmp_path / "f", rows)
    assert shape["fields"][4]["shape"]["kind"] == "uuid" and isinstance(uuid.UUID(rows[1][4]), uuid.UUID)


# --- leat's own writer ----------------------------------------------------------------------------------------------


def as_dumped(kind, value):
    """A value as leat_parquet_probe tells it, as leat_parquet_dump prints it."""
    if value is None:
        return None
    if kind in ("float32", "float64"):
        return bytes.fromhex(value)[::-1].hex()
    if isinstance(kind, str):
        return value
    if kind[0] == "decimal":
        return format(decimal.Decimal(value).scaleb(-kind[1], decimal.Context(prec=60)), "f")
    if kind[0] == "list":
        return [as_dumped(kind[1], item) for item in value]
    if kind[0] == "map":
        return [[key, as_dumped(kind[1], item)] for key, item in value]
    return [as_dumped(field, item) for (_, field), item in zip(kind[1], value)]


def kind_of(shape):
    """A dumped shape as the probe tells a type."""
    if shape["kind"] == "decimal":
        return ["decimal", shape["scale"]]
    if shape["kind"] in ("list", "map"):
        return [shape["kind"], kind_of(shape["element"])]
    if shape["kind"] == "struct":
        return ["struct", [[field["name"], kind_of(field["shape"])] for field in shape["fields"]]]
    return shape["kind"]


def test_what_leat_wrote(tmp_path):
    subprocess.run([program("leat_parquet_probe"), tmp_path], check=True, capture_output=True, timeout=180)
    files = sorted(tmp_path.glob("*.parquet"))
    assert len(files) >= 10
    for path in files:
        with path.with_suffix(".json").open(encoding="utf-8") as file:
            columns, _, *rows = map(json.loads, file)
        shape = same(path, [[as_dumped(kind, value) for (_, kind), value in zip(columns, row)] for row in rows])
        assert kind_of(shape) == ["struct", columns]


# --- what cannot be read --------------------------------------------------------------------------------------------


def refused(path, *words):
    done = run_dump(path)
    assert done.returncode == 1, done.stdout[-300:]
    assert done.stderr.startswith("value: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_nanoseconds_are_not_cut(tmp_path):
    pq.write_table(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), tmp_path / "f")
    refused(tmp_path / "f", "column t, row group 0", "nanoseconds")


def test_codec_that_is_not_ours(tmp_path):
    pq.write_table(pa.table({"t": [1]}), tmp_path / "f", compression="brotli")
    refused(tmp_path / "f", "column t", "BROTLI", "zstd")


def test_wide_decimals(tmp_path):
    table = pa.table({"t": pa.array([decimal.Decimal(1)], pa.decimal256(50, 0))})
    pq.write_table(table, tmp_path / "f")
    refused(tmp_path / "f", "column t", "precision 50")


def test_damage_is_found(tmp_path):
    """Many bytes are changed, one at a time: with checksums every change of a page's body is seen, and none crashes."""
    table = pa.table({"t": ["abc", None, "defg"], "l": [[1], [], None]})
    pq.write_table(table, tmp_path / "f", write_page_checksum=True, compression="none", store_schema=False)
    good = (tmp_path / "f").read_bytes()
    rows = rows_of(table)
    found = 0
    for at in range(4, len(good) - 8, 5):
        bad = bytearray(good)
        bad[at] ^= 0x55
        (tmp_path / "g").write_bytes(bad)
        done = run_dump(tmp_path / "g")
        assert done.returncode in (0, 1), done.stderr
        found += done.returncode
        if done.returncode == 0:
            # Statistics, names, offsets of indexes: the values are not touched.
            assert [json.loads(line) for line in done.stdout.splitlines()[1:]] == rows or at > len(good) // 2
    assert found > 20
    for size in (0, 3, 11, 12, len(good) // 2, len(good) - 1):
        (tmp_path / "g").write_bytes(good[:size])
        refused(tmp_path / "g", "not a Parquet file")


# --- parquet-mr -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def java_samples(tmp_path_factory):
    jars = ROOT / ".cache/jars"
    if not jars.exists():
        pytest.skip("no jars of parquet-mr: scripts/setup")
    directory = tmp_path_factory.mktemp("java")
    source = ROOT / "tests/tools/judge/ParquetSamples.java"
    done = subprocess.run(["java", "-cp", f"{jars}/*", str(source), str(directory)],
                          capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-3000:]
    return directory


def test_parquet_mr(java_samples):
    """Both page versions, every codec, dictionaries and DELTA encodings: pyarrow says what is in them."""
    files = sorted(java_samples.glob("all_*.parquet"))
    assert len(files) >= 8
    for path in files:
        same(path, rows_of(pq.read_table(path)))


def test_old_forms(java_samples):
    """Lists of two levels, repeated fields, converted types: the expected rows stand beside each file."""
    files = sorted(java_samples.glob("old_*.parquet"))
    assert len(files) >= 8
    for path in files:
        expected = json.loads(path.with_suffix(".json").read_text())
        shape = same(path, expected["rows"])
        kinds = [field["shape"]["kind"] for field in shape["fields"]]
        assert kinds == expected["kinds"], path.name
