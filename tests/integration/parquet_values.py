# SPDX-License-Identifier: Apache-2.0
"""Values of pyarrow in the form in which leat_parquet_dump prints them, and the dump itself."""

import json
import os
import pathlib
import struct
import subprocess

import pyarrow as pa
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def program(name):
    for build in (os.environ.get("LEAT_BUILD", "build/debug"), "build/debug", "build"):
        path = ROOT / build / name
        if path.exists():
            return path
    pytest.fail(f"{name} is not built")


def micros(value, unit):
    if unit == "ns":
        assert value % 1000 == 0
        return value // 1000
    return value * MICROS[unit]


def plain(scalar):
    """A scalar as the dump prints it, parsed."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if isinstance(kind, pa.BaseExtensionType):
        return plain(scalar.value)
    if pa.types.is_uint64(kind):
        return str(scalar.as_py())
    if pa.types.is_float64(kind):
        return struct.pack(">d", scalar.as_py()).hex()
    if pa.types.is_floating(kind):
        return struct.pack(">f", scalar.as_py()).hex()
    if pa.types.is_decimal(kind):
        return format(scalar.as_py(), "f")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return scalar.as_py().hex()
    if pa.types.is_date32(kind):
        return scalar.value
    if pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        return micros(scalar.value, kind.unit)
    if pa.types.is_duration(kind):
        return scalar.value
    if pa.types.is_dictionary(kind):
        return plain(scalar.dictionary[scalar.index.as_py()])
    if pa.types.is_struct(kind):
        return [plain(scalar[i]) for i in range(kind.num_fields)]
    if pa.types.is_nested(kind):  # lists; a map is one of structs of key and value
        return [plain(item) for item in scalar.values]
    return scalar.as_py()


def rows_of(table):
    columns = [[plain(scalar) for scalar in column] for column in table.columns]
    return [list(row) for row in zip(*columns)] if columns else [[] for _ in range(table.num_rows)]


def run_dump(path):
    return subprocess.run([str(program("leat_parquet_dump")), str(path)], capture_output=True, text=True, timeout=180)


def dump(path):
    """(shape, rows)"""
    done = run_dump(path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


def same(path, rows):
    """What leat reads is these rows."""
    shape, got = dump(path)
    names = [field["name"] for field in shape["fields"]]
    assert len(got) == len(rows), f"{len(got)} rows, not {len(rows)}"
    for number, (mine, theirs) in enumerate(zip(got, rows)):
        if mine != theirs:
            wrong = {name: (a, b) for name, a, b in zip(names, mine, theirs) if a != b}
            raise AssertionError(f"row {number}: leat reads, and should: {wrong}")
    return shape
