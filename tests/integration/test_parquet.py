# SPDX-License-Identifier: Apache-2.0
"""Parquet files of leat, read by others and compared value by value: pyarrow (checksums verified) and DuckDB."""

import datetime
import decimal
import json
import math
import pathlib
import struct
import subprocess
import uuid

import duckdb
import pyarrow.parquet as pq
import pytest

PROBE = pathlib.Path(__file__).parents[2] / "build/debug/leat_parquet_probe"
DAY = datetime.date(1970, 1, 1)
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
EXACT = decimal.Context(prec=60)
NAMES = [
    "flat_none", "flat_zstd", "flat_snappy", "flat_gzip", "flat_lz4", "flat_format", "flat_columns",
    "flat_columns_bytes", "flat_tiny_groups", "flat_one_row", "flat_empty", "nested_none", "nested_zstd",
    "nested_compatible", "narrow_large", "narrow_pages",
]  # fmt: skip


class Case:
    def __init__(self, directory, name):
        self.path = str(directory / f"{name}.parquet")
        with open(directory / f"{name}.json", encoding="utf-8") as file:
            self.columns = json.loads(next(file))
            self.facts = json.loads(next(file))
            self.rows = [json.loads(line) for line in file]

    def file(self):
        return pq.ParquetFile(self.path, page_checksum_verification=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("parquet")
    subprocess.run([PROBE, directory], check=True, timeout=180)
    return directory


@pytest.fixture(params=NAMES)
def case(request, files):
    return Case(files, request.param)


def moment(value):
    return (value.replace(tzinfo=None) - EPOCH) // MICROSECOND


def time_of(value):
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000000 + value.microsecond


def real(form, value):
    return "nan" if math.isnan(value) else struct.pack(form, value).hex()


SCALARS = {
    "bool": bool,
    "int32": int,
    "int64": int,
    "float32": lambda value: real("<f", value),
    "float64": lambda value: real("<d", value),
    "string": str,
    "bytes": lambda value: bytes(value).hex(),
    "date": lambda value: (value - DAY).days,
    "time": time_of,
    "timestamp": moment,
    "timestamptz": moment,
    "uuid": lambda value: uuid.UUID(bytes=value).hex if isinstance(value, bytes) else uuid.UUID(str(value)).hex,
}


def plain(kind, value):
    """A reader's value as the probe writes it."""
    if value is None:
        return None
    if isinstance(kind, str):
        return SCALARS[kind](value)
    if kind[0] == "decimal":
        return str(int(value.scaleb(kind[1], EXACT)))
    if kind[0] == "list":
        return [plain(kind[1], item) for item in value]
    if kind[0] == "map":
        pairs = value.items() if isinstance(value, dict) else value
        return [[key, plain(kind[1], item)] for key, item in pairs]
    return [plain(field, value[name]) for name, field in kind[1]]


def nan(kind, value):
    """The probe's bits of a NaN, whatever its sign and payload."""
    forms = {"float32": "<f", "float64": "<d"}
    is_nan = kind in forms and value is not None and math.isnan(struct.unpack(forms[kind], bytes.fromhex(value))[0])
    return "nan" if is_nan else value


def check_column(case, i, values):
    name, kind = case.columns[i]
    want = [row[i] for row in case.rows]
    if kind in ("float32", "float64"):
        want = [nan(kind, value) for value in want]
    got = [plain(kind, value) for value in values]
    assert len(got) == len(want), name
    for row, (one, other) in enumerate(zip(got, want)):
        assert one == other, f"{name}, row {row}"


def test_pyarrow_reads_what_was_written(case):
    file = case.file()
    assert file.metadata.num_rows == len(case.rows) == case.facts["rows"]
    table = file.read()
    table.validate(full=True)
    for i in range(len(case.columns)):
        check_column(case, i, table.column(i).to_pylist())


def test_duckdb_reads_what_was_written(case):
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        table = connection.execute(f"select * from read_parquet('{case.path}')").to_arrow_table()
    for i in range(len(case.columns)):
        check_column(case, i, table.column(i).to_pylist())


def ordered(kind, values):
    if kind == "string":
        return [value.encode() for value in values]
    if kind in ("bytes", "uuid"):
        return [bytes.fromhex(value) for value in values]
    if isinstance(kind, list):
        return [int(value) for value in values]
    return values


def test_statistics_hold_what_is_in_each_row_group(case):
    metadata = case.file().metadata
    assert metadata.created_by.startswith("leat version ")
    first = 0
    for group in range(metadata.num_row_groups):
        count = metadata.row_group(group).num_rows
        assert count > 0
        for i, (name, kind) in enumerate(case.columns):
            nested = isinstance(kind, list) and kind[0] != "decimal"
            if nested or any(isinstance(k, list) and k[0] != "decimal" for _, k in case.columns[:i]):
                continue
            column = metadata.row_group(group).column(i)
            assert column.path_in_schema == name
            assert column.has_offset_index, name
            values = [row[i] for row in case.rows[first : first + count]]
            there = [value for value in values if value is not None]
            assert column.statistics.null_count == len(values) - len(there), name
            # Of NaN alone, and of more than 64 bytes 0xFF, there is no bound that is short.
            if there and kind not in ("float32", "float64") and name != "bytes_4":
                assert column.has_column_index, name
                check_bounds(column.statistics, name, kind, ordered(kind, there))
        first += count
    assert first == len(case.rows)


def check_bounds(statistics, name, kind, there):
    assert statistics.has_min_max, name
    if kind in ("string", "bytes"):
        low, high = statistics.min_raw, statistics.max_raw
        low, high = (value.encode() if isinstance(value, str) else value for value in (low, high))
        assert low <= min(there) and max(there) <= high, name
        assert len(low) <= 64 and len(high) <= 68
        assert len(min(there)) > 64 or low == min(there)
        assert len(max(there)) > 64 or high == max(there)
        if kind == "string":
            low.decode(), high.decode()
        return
    if isinstance(kind, list):
        low, high = (int(plain(kind, value)) for value in (statistics.min, statistics.max))
    elif kind == "uuid":
        low, high = statistics.min_raw, statistics.max_raw
    else:
        low, high = plain(kind, statistics.min), plain(kind, statistics.max)
    assert (low, high) == (min(there), max(there)), name


def test_bounds_that_were_cut_say_so(files):
    case = Case(files, "flat_zstd")
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select path_in_schema, row_group_id, min_is_exact, max_is_exact, stats_min_value, stats_max_value"
            f" from parquet_metadata('{case.path}') where path_in_schema like 'string%'"
        ).fetchall()
    for name, _, min_exact, max_exact, low, high in rows:
        i = [column[0] for column in case.columns].index(name)
        values = {row[i] for row in case.rows}
        assert min_exact is None or min_exact == (low in values), name
        assert max_exact is None or max_exact == (high in values), name
    assert any(row[3] is False for row in rows), "no bound was cut"


def test_readers_that_skip_pages_find_every_row(files):
    """DuckDB and pyarrow use statistics, bloom filters and page indexes to skip: nothing may be missed."""
    case = Case(files, "flat_zstd")
    with duckdb.connect() as connection:
        for i, (name, kind) in enumerate(case.columns):
            if kind not in ("int32", "int64", "string"):
                continue
            values = [row[i] for row in case.rows if row[i] is not None]
            for value in values[:: max(1, len(values) // 5)]:
                found = connection.execute(
                    f"select count(*) from read_parquet('{case.path}') where {name} = ?", [value]
                ).fetchone()[0]
                assert found == values.count(value), (name, value)


def test_bloom_filters_are_found_and_exclude(files):
    path = files / "narrow_large.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select bloom_filter_excludes from parquet_bloom_probe('{path}', 'id', 1234567890)"
        ).fetchall()
        assert rows == [(True,)]
        rows = connection.execute(
            f"select bloom_filter_excludes from parquet_bloom_probe('{path}', 'id', 1234)"
        ).fetchall()
        assert rows == [(False,)]


def test_shapes_become_the_types_of_the_specification(files):
    schema = Case(files, "flat_none").file().schema
    forms = {}
    for i in range(len(schema.names)):
        column = schema.column(i)
        forms[column.name] = (column.physical_type, str(column.logical_type), column.converted_type)
    assert forms["decimal_0"] == ("INT32", "Decimal(precision=4, scale=2)", "DECIMAL")
    assert forms["decimal_2"] == ("INT64", "Decimal(precision=18, scale=18)", "DECIMAL")
    assert forms["decimal_3"] == ("FIXED_LEN_BYTE_ARRAY", "Decimal(precision=19, scale=3)", "DECIMAL")
    assert forms["string_0"] == ("BYTE_ARRAY", "String", "UTF8")
    assert forms["date_0"] == ("INT32", "Date", "DATE")
    assert forms["uuid_0"][:2] == ("FIXED_LEN_BYTE_ARRAY", "UUID")
    assert "isAdjustedToUTC=true, timeUnit=microseconds" in forms["timestamptz_0"][1]
    assert "isAdjustedToUTC=false, timeUnit=microseconds" in forms["timestamp_0"][1]
    arrow = Case(files, "flat_none").file().schema_arrow
    assert arrow.field("int64_0").metadata[b"PARQUET:field_id"] == str(arrow.get_field_index("int64_0") + 1).encode()


def test_old_readers_get_old_encodings(files):
    for name in ("flat_snappy", "flat_columns_bytes", "nested_compatible"):
        metadata = Case(files, name).file().metadata
        for group in range(metadata.num_row_groups):
            for i in range(metadata.num_columns):
                encodings = set(metadata.row_group(group).column(i).encodings)
                assert encodings <= {"PLAIN", "RLE", "RLE_DICTIONARY"}


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("flat_none", "UNCOMPRESSED"),
        ("flat_zstd", "ZSTD"),
        ("flat_snappy", "SNAPPY"),
        ("flat_gzip", "GZIP"),
        ("flat_lz4", "LZ4"),
    ],
)
def test_encodings_and_codecs(files, name, codec):
    case = Case(files, name)
    metadata = case.file().metadata
    seen = {}
    for group in range(metadata.num_row_groups):
        for i, (_, kind) in enumerate(case.columns):
            column = metadata.row_group(group).column(i)
            assert column.compression == codec
            seen.setdefault(str(kind), set()).update(column.encodings)
    if case.facts["compatible"]:
        return
    assert {"DELTA_BINARY_PACKED", "RLE_DICTIONARY"} <= seen["int64"] & seen["int32"]
    assert {"DELTA_LENGTH_BYTE_ARRAY", "RLE_DICTIONARY"} <= seen["string"]
    assert ("BYTE_STREAM_SPLIT" in seen["float64"]) == (name == "flat_gzip")


def test_row_groups_do_not_wither(files):
    """What is known of done row groups grows; the open one must not get less and less memory for it."""
    metadata = Case(files, "flat_tiny_groups").file().metadata
    assert all(metadata.row_group(i).num_rows >= 32 for i in range(metadata.num_row_groups - 1))


def test_a_damaged_page_is_seen(files, tmp_path):
    case = Case(files, "flat_none")
    column = case.file().metadata.row_group(0).column(case.columns.index(["int64_3", "int64"]))
    damaged = bytearray(pathlib.Path(case.path).read_bytes())
    damaged[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path = tmp_path / "damaged.parquet"
    path.write_bytes(damaged)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(path, page_checksum_verification=True).read()
