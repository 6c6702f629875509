# SPDX-License-Identifier: Apache-2.0
"""What leat must write into a JSON row for a value that PostgreSQL prints as text.

The forms (docs/sources/postgresql-types.md has them all):
    bool                    true, false
    integers, floats        number; NaN, Infinity, -Infinity as strings
    numeric, money          string, as PostgreSQL prints it
    bytea                   string, base64
    timestamp               string, a T between date and time; timestamptz in UTC with Z at the end
    interval                string, ISO 8601
    json, jsonb             string with the document's text
    arrays                  JSON array, one level per dimension
    composite, hstore       JSON object
    ranges, multiranges     string; the bounds in the forms above
    all others              string, as PostgreSQL prints it

Both sides are brought into one canonical form, and compared: `from_text` (the source's text), `from_json` (leat's row).
"""

import base64
import re
import struct

# The session in which the source's text must be read.
SESSION = (
    "SET DateStyle = 'ISO, YMD'; SET IntervalStyle = iso_8601; SET TimeZone = 'UTC';"
    " SET extra_float_digits = 1; SET bytea_output = hex; SET lc_monetary = 'C'"
)

CATALOG = """
SELECT t.oid::int8, t.typname, t.typtype::text, t.typbasetype::int8, t.typelem::int8, t.typcategory::text,
       t.typdelim::text,
       coalesce(r.rngsubtype, m.rngsubtype, 0)::int8,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'c'),
       (SELECT array_agg(a.atttypid::int8 ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'c'),
       t.typinput::regproc::text = 'array_in'
  FROM pg_type t
  LEFT JOIN pg_range r ON r.rngtypid = t.oid
  LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
"""

STAMP = re.compile(r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?( BC)?")


def stamp(match):
    date, time, zone, era = match.groups()
    return f"{date}T{time}{'Z' if zone else ''}{era or ''}"


def range_text(text):
    """Bounds that are timestamps lose their space, and with it their quotes."""
    return re.sub(r'"([^" ]*)"', r"\1", STAMP.sub(stamp, text))


def parse_items(text, at, close, delimiter, nested):
    """The items of an array or record literal from `at` (behind its opening). Unquoted NULL or nothing is None."""
    items = []
    while True:
        if nested and text[at] == "{":
            item, at = parse_items(text, at + 1, "}", delimiter, True)
            items.append(item)
        elif text[at] == close and not items:
            return items, at + 1
        else:
            piece, quoted = [], False
            while text[at] not in (delimiter, close):
                if text[at] == '"':
                    quoted = True
                    at += 1
                    while True:
                        if text[at] == "\\":
                            piece.append(text[at + 1])
                            at += 2
                        elif text[at] == '"' and text[at + 1 : at + 2] == '"':
                            piece.append('"')
                            at += 2
                        elif text[at] == '"':
                            at += 1
                            break
                        else:
                            piece.append(text[at])
                            at += 1
                elif text[at] == "\\":
                    piece.append(text[at + 1])
                    at += 2
                else:
                    piece.append(text[at])
                    at += 1
            word = "".join(piece)
            absent = not quoted and (word.upper() == "NULL" if nested else word == "")
            items.append(None if absent else word)
        if text[at] == close:
            return items, at + 1
        at += 1


def map_items(items, convert):
    return [map_items(i, convert) if isinstance(i, list) else (None if i is None else convert(i)) for i in items]


class Kind:
    """How one type's values compare. The default: text on both sides."""

    def from_text(self, text):
        return text

    def from_json(self, value):
        return value if isinstance(value, str) else ["not a string", value]


class Bool(Kind):
    def from_text(self, text):
        return text in ("t", "true")

    def from_json(self, value):
        return value if isinstance(value, bool) else ["not a boolean", value]


class Digits(str):
    """A decimal of a file that has decimals: 64 bits without a sign are one there."""


class Integer(Kind):
    def from_text(self, text):
        return int(text)

    def from_json(self, value):
        if isinstance(value, Digits):
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else ["not an integer", value]


class Float(Kind):
    def from_text(self, text):
        return text if text in ("NaN", "Infinity", "-Infinity") else float(text)

    def from_json(self, value):
        if value in ("NaN", "Infinity", "-Infinity"):
            return value
        # Floats were kept as the file's text (see replay.load).
        return float(value) if not isinstance(value, bool) and value is not None else ["not a number", value]


class Single(Float):
    """Files may hold its 32 bits, or the text that stands for them."""

    def from_text(self, text):
        return self.rounded(super().from_text(text))

    def from_json(self, value):
        return self.rounded(super().from_json(value))

    def rounded(self, value):
        return struct.unpack("f", struct.pack("f", value))[0] if isinstance(value, float) else value


class Bytes(Kind):
    def from_text(self, text):
        return base64.b64encode(bytes.fromhex(text[2:])).decode()


class Stamp(Kind):
    def from_text(self, text):
        return STAMP.sub(stamp, text)


class Range(Kind):
    def from_text(self, text):
        return range_text(text)


class Hstore(Kind):
    def from_text(self, text):
        pairs = re.findall(r'"((?:[^"\\]|\\.)*)"=>(?:NULL|"((?:[^"\\]|\\.)*)")(?=,|$)', text)
        values = re.findall(r'"(?:[^"\\]|\\.)*"=>(NULL|")', text)
        plain = re.compile(r"\\(.)")
        return {
            plain.sub(r"\1", key): None if kind == "NULL" else plain.sub(r"\1", value)
            for (key, value), kind in zip(pairs, values)
        }

    def from_json(self, value):
        return value if isinstance(value, dict) else ["not an object", value]


class Array(Kind):
    def __init__(self, element, delimiter):
        self.element, self.delimiter = element, delimiter

    def from_text(self, text):
        start = text.index("{") + 1  # after explicit bounds like [0:2]=
        return map_items(parse_items(text, start, "}", self.delimiter, True)[0], self.element.from_text)

    def from_json(self, value):
        return map_items(value, self.element.from_json) if isinstance(value, list) else ["not an array", value]


class Record(Kind):
    def __init__(self, fields):
        self.fields = fields

    def from_text(self, text):
        items = parse_items(text, 1, ")", ",", False)[0] if len(self.fields) > 0 else []
        items += [None] * (len(self.fields) - len(items))
        return {
            name: None if item is None else kind.from_text(item) for (name, kind), item in zip(self.fields, items)
        }

    def from_json(self, value):
        if not isinstance(value, dict) or list(value) != [name for name, _ in self.fields]:
            return ["not an object of these fields", value]
        return {name: None if value[name] is None else kind.from_json(value[name]) for name, kind in self.fields}


SIMPLE = {
    "bool": Bool, "bytea": Bytes, "hstore": Hstore,
    "int2": Integer, "int4": Integer, "int8": Integer, "oid": Integer, "xid": Integer, "cid": Integer, "xid8": Integer,
    "float4": Single, "float8": Float,
    "timestamp": Stamp, "timestamptz": Stamp,
}  # fmt: skip


class Kinds:
    """The kinds of a database's types, by OID."""

    def __init__(self, connection):
        self.rows = {row[0]: row[1:] for row in connection.execute(CATALOG).fetchall()}
        self.made = {}

    def of(self, oid):
        if oid not in self.made:
            self.made[oid] = self.make(oid)
        return self.made[oid]

    def make(self, oid):
        name, kind, base, element, _, _, subtype, names, types, is_array = self.rows[oid]
        if kind == "d":
            return self.of(base)
        if kind == "c":
            return Record([(n, self.of(t)) for n, t in zip(names or [], types or [])])
        if subtype:
            return Range()
        if is_array:
            return Array(self.of(element), self.rows[element][5])
        return SIMPLE.get(name, Kind)()
