# SPDX-License-Identifier: Apache-2.0
"""Rows out of leat's files, whatever their format, in the form that its JSON lines have (pgvalues.py).

    rows(path)              by the first of the format's readers
    rows(path, "java")      by another one
    check_readers(out)      all readers of each file's format say the same of it, value by value; how many rows
"""

import base64
import datetime
import decimal
import math
import pathlib
import uuid

import judges
from pgvalues import Digits

READERS = {
    ".json": (judges.json_rows, judges.JSON_ENGINES),
    ".json.gz": (judges.json_rows, judges.JSON_ENGINES),
    ".avro": (judges.avro_rows, judges.AVRO_ENGINES),
    ".parquet": (judges.parquet_rows, judges.PARQUET_ENGINES),
}
DAY = datetime.date(1970, 1, 1).toordinal()
DAYS_IN_400_YEARS = 146097
NS_IN_DAY = 86_400 * 10**9


def form_of(path):
    """The ending that says what a file is; None when it is not leat's."""
    return next((ending for ending in (".json.gz", ".json", ".avro", ".parquet") if path.name.endswith(ending)), None)


def find(directory):
    """The files with rows below a directory, in the order of their names."""
    return sorted(path for path in pathlib.Path(directory).glob("*") if path.is_file() and form_of(path) is not None)


def date_text(days):
    """As PostgreSQL prints it, beyond Python's years too; and whether it is before Christ."""
    cycles, rest = divmod(days + DAY - 1, DAYS_IN_400_YEARS)
    date = datetime.date.fromordinal(rest + 1)
    year = date.year + 400 * cycles
    return f"{year if year > 0 else 1 - year:04}-{date.month:02}-{date.day:02}", year <= 0


def time_text(ns):
    seconds, ns = divmod(ns, 10**9)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{ns:09}".rstrip("0") if ns else text


def timestamp_text(stamp):
    days, ns = divmod(stamp.ns, NS_IN_DAY)
    date, before_christ = date_text(days)
    return f"{date}T{time_text(ns)}{'Z' if stamp.utc else ''}{' BC' if before_christ else ''}"


def float_text(value):
    return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else value


def as_date(value):
    text, before_christ = date_text(value.days)
    return f"{text} BC" if before_christ else text


FORMS = {
    decimal.Decimal: lambda v: Digits(format(v, "f")),
    bytes: lambda v: base64.b64encode(v).decode(),
    float: float_text,
    uuid.UUID: str,
    judges.Date: as_date,
    judges.Time: lambda v: time_text(v.ns),
    judges.Timestamp: timestamp_text,
    list: lambda v: [as_json(item) for item in v],
    dict: lambda v: {name: as_json(item) for name, item in v.items()},
}


def as_json(value):
    """A judge's value as leat's JSON lines have it."""
    form = FORMS.get(type(value))
    return value if form is None else form(value)


def rows(path, engine=None):
    form = form_of(path)
    reader, engines = READERS[form]
    found = reader(path, engine or engines[0])
    return found if form.startswith(".json") else [as_json(row) for row in found]


def check_readers(out):
    """All files below a directory. The first reader's rows are those that replay.py takes."""
    count = 0
    for path in sorted(pathlib.Path(out).rglob("*")):
        if not path.is_file() or form_of(path) is None:
            continue
        reader, engines = READERS[form_of(path)]
        first = reader(path, engines[0])
        count += len(first)
        for engine in engines[1:]:
            other = reader(path, engine)
            assert len(first) == len(other), f"{path}: {engines[0]} has {len(first)} rows, {engine} {len(other)}"
            for number, (a, b) in enumerate(zip(first, other)):
                assert a == b, f"{path}: row {number}: {engines[0]} has {a!r}, {engine} {b!r}"
    return count
