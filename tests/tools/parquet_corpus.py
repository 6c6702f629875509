#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of the Parquet fuzzers: small files of pyarrow and DuckDB, one for each way to write, into tests/corpus; and
their footers and pages, cut out, for the fuzzers of the parts. Small files of the directories that are named come too:
what leat_parquet_probe and tests/tools/judge/ParquetSamples.java write."""

import datetime
import decimal
import pathlib
import shutil
import struct
import sys
import uuid

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "corpus"
SEED_BYTES_MAX = 16384
UTC = datetime.timezone.utc
DUCKDB = """SELECT i, i * 0.5 AS d, 'text ' || i AS s, [i, NULL] AS l, {'x': i::DECIMAL(20,2), 'y': i % 2 = 0} AS st,
MAP {'k': i} AS m FROM range(40) r(i)"""


def scalars():
    return pa.table(
        {
            "b": [True, None, False],
            "i": pa.array([1, None, -3], pa.int32()),
            "l": pa.array([1 << 40, -1, None], pa.int64()),
            "u": pa.array([1, None, (1 << 64) - 1], pa.uint64()),
            "f": pa.array([1.5, None, float("nan")], pa.float32()),
            "d": pa.array([1.5, -0.0, None], pa.float64()),
            "s": ["aaa", None, "aab"],
            "y": pa.array([b"\xff", b"", None]),
            "n": pa.array([decimal.Decimal("1.20"), None, decimal.Decimal("-9.99")], pa.decimal128(30, 2)),
            "a": pa.array([datetime.date(2026, 1, 1), None, None]),
            "t": pa.array([datetime.time(1, 2, 3, 4), None, None], pa.time64("us")),
            "z": pa.array([datetime.datetime(2026, 1, 1, tzinfo=UTC), None, None], pa.timestamp("ms", "UTC")),
            "g": pa.array([uuid.UUID(int=5).bytes, None, uuid.UUID(int=7).bytes], pa.binary(16)),
        }
    )


def nested():
    item = pa.struct([("x", pa.int32()), ("y", pa.list_(pa.string()))])
    return pa.table(
        {
            "l": pa.array([[1, 2, None], [], None, [4]], pa.list_(pa.int64())),
            "m": pa.array([[("a", 1), ("b", None)], None, [], [("", 2)]], pa.map_(pa.string(), pa.int32())),
            "s": pa.array([[{"x": 1, "y": ["p", None]}, None], None, [], [{"x": None, "y": []}]], pa.list_(item)),
            "k": pa.array([[(1, "a")], None, [], [(2, None)]], pa.map_(pa.int32(), pa.string())),
        }
    )


def numbers():
    """Longer columns, for runs and blocks."""
    return pa.table(
        {
            "i": pa.array([n * n % 17 if n % 5 else None for n in range(300)], pa.int32()),
            "l": pa.array([1 << n % 63 for n in range(300)], pa.int64()),
            "s": [f"prefix/{n:04d}" for n in range(300)],
            "b": [n % 7 < 3 for n in range(300)],
        }
    )


def write(name, table, **options):
    path = CORPUS / "parquet_reader_fuzz" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **{"store_schema": False, "compression": "none", "write_statistics": False, **options})


ENCODINGS = {"i": "DELTA_BINARY_PACKED", "l": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY"}


def main():
    for name, table in (("scalars", scalars()), ("nested", nested()), ("numbers", numbers())):
        for page in ("1.0", "2.0"):
            write(f"{name}_{page}", table, data_page_version=page, use_dictionary=False)
            write(f"{name}_{page}_dictionary", table, data_page_version=page)
        for codec in ("snappy", "gzip", "zstd", "lz4"):
            write(f"{name}_{codec}", table, compression=codec)
        write(f"{name}_statistics", table, write_statistics=True, write_page_index=True, write_page_checksum=True)
        write(f"{name}_groups", table, row_group_size=2 if table.num_rows < 10 else 100, data_page_size=16)
    write("numbers_delta", numbers(), use_dictionary=False, column_encoding=ENCODINGS)
    write("numbers_delta_2", numbers(), use_dictionary=False, column_encoding=ENCODINGS, data_page_version="2.0")
    lengths = {"s": "DELTA_LENGTH_BYTE_ARRAY", "i": "BYTE_STREAM_SPLIT", "l": "BYTE_STREAM_SPLIT", "b": "RLE"}
    write("numbers_lengths", numbers(), use_dictionary=False, column_encoding=lengths)
    split = {"f": "BYTE_STREAM_SPLIT", "d": "BYTE_STREAM_SPLIT", "n": "BYTE_STREAM_SPLIT", "g": "DELTA_BYTE_ARRAY"}
    write("scalars_split", scalars(), use_dictionary=False, column_encoding=split)
    write("empty", scalars().slice(0, 0))
    times = pa.table({"t": pa.array([0, 1000], pa.timestamp("ns"))})
    write("int96", times, use_deprecated_int96_timestamps=True)
    write("lists_of_two_levels", nested(), use_compliant_nested_type=False)
    for version in ("V1", "V2"):
        target = CORPUS / "parquet_reader_fuzz" / f"duckdb_{version}"
        duckdb.execute(f"COPY ({DUCKDB}) TO '{target}' (FORMAT parquet, CODEC uncompressed, PARQUET_VERSION {version})")
    for path in (path for directory in sys.argv[1:] for path in pathlib.Path(directory).glob("*.parquet")):
        if path.stat().st_size <= SEED_BYTES_MAX:
            shutil.copy(path, CORPUS / "parquet_reader_fuzz" / path.stem)
    for path in sorted((CORPUS / "parquet_reader_fuzz").iterdir()):
        data = path.read_bytes()
        size = struct.unpack("<I", data[-8:-4])[0]
        parts = {"footer": b"\0" + data[-8 - size : -8], "pages": b"\6" + data[4:-8]}
        for part, seed in parts.items():
            if path.name in ("scalars_statistics", "nested_statistics", "numbers_1.0"):
                target = CORPUS / "metadata_fuzz" / f"{path.name}_{part}"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(seed[:3000])


if __name__ == "__main__":
    main()
