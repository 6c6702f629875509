# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL types in Iceberg tables: the table of docs/sinks/iceberg-types.md against the code, and against what
PyIceberg and DuckDB read of real columns."""

import datetime
import decimal
import math
import re
import subprocess
import uuid

import pyarrow
import pytest

from leat import ROOT
from test_envelope import COLUMNS, EXTENSIONS, program
from test_iceberg import ARGS, lake, metadata_file, table_of  # noqa: F401  (lake is a fixture)


def printed_table():
    text = (ROOT / "docs/sinks/iceberg-types.md").read_text(encoding="utf-8")
    return text.partition("<!-- types -->\n")[2].partition("<!-- end of types -->")[0]


def duck_rows(lake, table):  # noqa: F811
    import duckdb
    import duckdb_extensions

    connection = duckdb.connect()
    for extension in ("avro", "iceberg"):
        duckdb_extensions.import_extension(extension, con=connection)
        connection.execute(f"LOAD {extension}")
    connection.execute("SET TimeZone = 'UTC'")
    return connection.execute(f"SELECT * FROM iceberg_scan('{metadata_file(lake, table)}')").fetch_arrow_table()


def test_the_type_table_says_what_the_code_does():
    printed = subprocess.run([str(program("leat_type_table")), "iceberg"], capture_output=True, text=True, check=True)
    assert printed_table() == printed.stdout, "leat_type_table prints another table"


def type_rows():
    for line in printed_table().splitlines()[2:]:
        name, kind, _ = (cell.strip() for cell in line[1:-1].split(" |"))
        for column in [COLUMNS[name]] if name in COLUMNS else re.findall(r"`([^`]+)`", name):
            yield column, kind


def type_name(kind):
    """As the table writes it: without ids, and without what is optional."""
    text = str(kind).replace(": optional ", ": ")
    return re.sub(r"\d+: ([a-z]+: )?", lambda found: found.group(1) or "", text)


def test_the_type_table_is_true_of_tables(lake, db):  # noqa: F811
    have = {row[0] for row in db.query("SELECT name FROM pg_available_extensions")}
    kinds = [row for row in type_rows() if row[0] not in EXTENSIONS or EXTENSIONS[row[0]] in have]
    assert len(kinds) > 70
    for extension in set(EXTENSIONS.values()) & have:
        db.execute(f"CREATE EXTENSION {extension}")
    db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE addr AS (street text, no int)")
    columns = ", ".join(f"c{number} {row[0]}" for number, row in enumerate(kinds))
    db.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns}); INSERT INTO t VALUES (1)")
    lake.sync(db, *ARGS)
    schema = table_of(lake, "t").schema()
    for number, (column, kind) in enumerate(kinds):
        assert type_name(schema.find_field(f"c{number}").field_type) == kind, column


BC_DAYS = (datetime.date(1, 1, 1) - datetime.date(1970, 1, 1)).days
UUID = uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
D = decimal.Decimal
# type, literal, the value; a date or timestamp before the year 1 as days or microseconds
VALUES = [
    ("numeric(38,10)", "1234567890123456789012345678.0123456789", D("1234567890123456789012345678.0123456789")),
    ("numeric(38,10)", "-0.0000000001", D("-0.0000000001")),
    ("numeric(12,2)", "NaN", None),
    ("numeric(3,5)", "0.00123", D("0.00123")),
    ("numeric(3,-2)", "12300", D("12300")),
    ("numeric(45,3)", "9" * 42 + ".125", "9" * 42 + ".125"),
    ("numeric", "1" + "0" * 200, "1" + "0" * 200),
    ("numeric", "1.50", "1.50"),
    ("numeric", "NaN", "NaN"),
    ("numeric", "-Infinity", "-Infinity"),
    ("xid8", "18446744073709551615", D("18446744073709551615")),
    ("oid", "4294967295", 4294967295),
    ("float4", "1.1", pytest.approx(1.1, rel=1e-6)),
    ("float8", "-Infinity", -math.inf),
    ("money", "1234.56", D("1234.56")),
    ("date", "0044-03-15 BC", -735160),
    ("date", "infinity", None),
    ("date", "9999-12-31", datetime.date(9999, 12, 31)),
    ("timestamp", "0001-12-31 BC", (BC_DAYS - 1) * 86400 * 10**6),
    ("timestamp", "-infinity", None),
    ("timestamptz", "2024-02-29 13:14:15.123456+02", datetime.datetime(
        2024, 2, 29, 11, 14, 15, 123456, datetime.timezone.utc)),
    ("time", "23:59:59.999999", datetime.time(23, 59, 59, 999999)),
    ("time", "24:00", None),
    ("timetz", "13:14:15.5+02", "13:14:15.5+02"),
    ("interval", "1 year 2 mons 3 days 04:05:06.5", "P1Y2M3DT4H5M6.5S"),
    ("interval", "-1 day", "P-1D"),
    ("uuid", str(UUID), UUID),
    ("bytea", "\\x00ff", b"\x00\xff"),
    ("char(4)", "ab", "ab  "),
    ("json", '{"b":1,  "a":2,"a":3}', '{"b":1,  "a":2,"a":3}'),
    ("jsonb", '{"b": 1.50, "a": null}', '{"a": null, "b": 1.50}'),
    ("int4[]", "{1,NULL,3}", [1, None, 3]),
    ("int4[]", "[5:6]={1,2}", [1, 2]),
    ("int4[]", "{{1,2},{3,4}}", None),
    ("text[]", '{"a,b",NULL,""}', ["a,b", None, ""]),
    ("int4range", "[1,10)", "[1,10)"),
    ("numrange", "empty", "empty"),
    ("tstzrange", "[2024-01-01 00:00+00,)", "[2024-01-01T00:00:00Z,)"),
    ("int4multirange", "{[1,3),[5,7)}", "{[1,3),[5,7)}"),
    ("inet", "10.1.2.3/8", "10.1.2.3/8"),
    ("macaddr8", "08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:05"),
    ("bit(3)", "101", "101"),
    ("varbit", "", ""),
    ("mood", "ok", "ok"),
    ("positive", "7.5", D("7.5")),
    ("addr", '("Main St",)', {"street": "Main St", "no": None}),
    ("addr[]", '{"(a,1)",NULL}', [{"street": "a", "no": 1}, None]),
    ("hstore", "a=>1,b=>NULL", {"a": "1", "b": None}),
]  # fmt: skip


def plain(column, at, kind):
    """A value of an Arrow column."""
    if isinstance(kind, int) and not isinstance(kind, bool) and str(column.type) in ("date32[day]", "timestamp[us]"):
        return column.cast(pyarrow.int32() if str(column.type) == "date32[day]" else pyarrow.int64())[at].as_py()
    value = column[at].as_py()
    if isinstance(value, bytes) and isinstance(kind, uuid.UUID):
        return uuid.UUID(bytes=value)
    if isinstance(value, str) and isinstance(kind, uuid.UUID):
        return uuid.UUID(value)
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc)
    return dict(value) if isinstance(kind, dict) and isinstance(value, list) else value


def values_table(db):
    db.execute("CREATE EXTENSION hstore")
    db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE addr AS (street text, no int)")
    db.execute("CREATE DOMAIN positive AS numeric(5,1) CHECK (VALUE > 0)")
    db.execute("CREATE TABLE v (id int PRIMARY KEY, " + ", ".join(f"c{i} {v[0]}" for i, v in enumerate(VALUES)) + ")")
    literals = ", ".join("'" + value[1] + "'" for value in VALUES)
    db.execute(f"INSERT INTO v VALUES (1, {literals})")
    db.execute("INSERT INTO v (id) VALUES (3)")
    return literals


def check_values(table):
    ids = table["id"].to_pylist()
    assert sorted(ids) == [1, 2, 3]
    for number, (kind, literal, expected) in enumerate(VALUES):
        column = table[f"c{number}"]
        for key in (1, 2):
            assert plain(column, ids.index(key), expected) == expected, (kind, literal)
        # PyIceberg reads a NULL list of structs as an empty one.
        assert column[ids.index(3)].as_py() is None or kind == "addr[]", kind


def test_values_of_each_type(lake, db):  # noqa: F811
    """A row of the snapshot, and the same one from the stream."""
    literals = values_table(db)
    lake.sync(db, *ARGS)
    db.execute(f"INSERT INTO v VALUES (2, {literals})")
    lake.sync(db, *ARGS)
    check_values(table_of(lake, "v").scan().to_arrow())
    check_values(duck_rows(lake, "v"))


def test_inexact_values_as_text_and_as_failure(lake, db):  # noqa: F811
    db.execute("CREATE TABLE x (id int PRIMARY KEY, n numeric(5,2), d date, t timestamp, a int[])")
    db.execute("INSERT INTO x VALUES (1, 'NaN', 'infinity', '-infinity', '{{1,2},{3,4}}')")
    db.execute("INSERT INTO x VALUES (2, 1.5, '2024-01-02', NULL, '{1}')")
    lake.sync(db, *ARGS, "--set", "inexact.values=text")
    found = {row["id"]: row for row in table_of(lake, "x").scan().to_arrow().to_pylist()}
    assert found[1] == {"id": 1, "n": "NaN", "d": "infinity", "t": "-infinity", "a": "[[1,2],[3,4]]"}
    assert found[2] == {"id": 2, "n": "1.50", "d": "2024-01-02", "t": None, "a": "[1]"}
    strict = ["--name", "strict", "--set", "inexact.values=fail", "--set", "namespace=strict"]
    refused = lake.sync(db, *ARGS, *strict, check=False)
    assert refused.returncode != 0 and "table public.x, column n" in refused.stderr
