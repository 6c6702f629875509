# SPDX-License-Identifier: Apache-2.0
"""Does what leat wrote give back the database? Asked in SQL, of DuckDB, value by value.

Each topic's Parquet files (PREFIX.SCHEMA.TABLE/partition=0/…+OFFSET….parquet, Debezium's envelopes) become the table's
final state; the source's rows come over as CSV; the two are compared column by column, both in the same DuckDB types.
Everything is SQL, so that any engine's user can do the same.
"""

import dataclasses
import pathlib

import duckdb
from duckdb_extensions import import_extension

TABLES = """
SELECT c.oid::int8, n.nspname, c.relname,
       coalesce((SELECT array_agg(a.attname::text ORDER BY k.ord) FROM pg_index i
          CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, ord)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
         WHERE i.indrelid = c.oid AND i.indisprimary), '{}')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = %s
 ORDER BY c.relname
"""
COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), t.typtype = 'e', t.typname
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
"""
# PostgreSQL's type -> DuckDB's. What is not here compares as text.
TYPES = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE",
    "date": "DATE", "timestamptz": "TIMESTAMPTZ", "timestamp": "TIMESTAMP", "uuid": "UUID",
    "_text": "VARCHAR[]", "_int4": "INTEGER[]", "_int8": "BIGINT[]",
}  # fmt: skip
PLACEHOLDER = "__debezium_unavailable_value"  # an out-of-line value that the source did not send, unchanged


@dataclasses.dataclass
class Proof:
    table: str
    source: int  # rows in the source
    replayed: int  # rows by replaying the files
    differing: int  # rows of both with another value in any column
    lost: int  # rows of the source that the replay has not
    doubled: int  # rows of the replay that the source has not, and changes that are in the files twice
    changes: int  # rows in the files

    def holds(self):
        return self.differing == self.lost == self.doubled == 0


def name(text):
    return '"' + text.replace('"', '""') + '"'


def literal(text):
    return "'" + str(text).replace("'", "''") + "'"


class Table:
    def __init__(self, connection, oid, schema, table, key):
        self.schema, self.table, self.key = schema, table, key
        self.types, self.exports, self.bytes = {}, [], set()
        for column, full, enum, kind in connection.execute(COLUMNS, (oid,)).fetchall():
            if kind == "numeric" and "(" in full:
                self.types[column] = full.replace("numeric", "DECIMAL")
            else:
                self.types[column] = "VARCHAR" if enum else TYPES.get(kind, "VARCHAR")
            self.exports.append(export(column, kind))
            if kind == "bytea":
                self.bytes.add(column)

    def read_sql(self, column, there):
        """The column of a row of the envelope (`it`), in the type that it is compared in; bytes as base64 on both
        sides. `there`: its type in the files."""
        value, kind = f"it.{name(column)}", self.types[column]
        if column in self.bytes:
            return f"to_base64({value}) AS {name(column)}"
        if kind == "DATE" and there in ("INTEGER", "BIGINT"):
            value = f"(DATE '1970-01-01' + {value}::INTEGER)"
        return f"{value}::{kind} AS {name(column)}"


def export(column, kind):
    """The column as DuckDB's CSV reader wants it."""
    if kind.startswith("_"):
        return f"to_json({name(column)})::text"
    if kind == "bytea":
        return f"translate(encode({name(column)}, 'base64'), E'\\n', '')"
    return name(column)


def load_source(connection, db, table, directory):
    """The source's rows -> table `source`."""
    path = directory / f"{table.schema}.{table.table}.csv"
    exports = ", ".join(table.exports)
    sql = f"COPY (SELECT {exports} FROM {name(table.schema)}.{name(table.table)}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
    with path.open("wb") as file, connection.cursor().copy(sql) as copy:
        for block in copy:
            file.write(block)
    # Lists come as JSON text, which is DuckDB's own text form of them only by way of its JSON type.
    texts = ", ".join(
        f"{literal(c)}: 'VARCHAR'" if t.endswith("[]") else f"{literal(c)}: {literal(t)}"
        for c, t in table.types.items()
    )
    lists = ", ".join(
        f"from_json({name(c)}, {literal(list_shape(t))}) AS {name(c)}"
        for c, t in table.types.items()
        if t.endswith("[]")
    )
    db.execute(
        f"CREATE OR REPLACE TABLE source AS SELECT * {f'REPLACE ({lists})' if lists else ''}"
        f" FROM read_csv({literal(path)},"
        f" columns = {{{texts}}}, header = false, delim = ',', quote = '\"', escape = '\"', allow_quoted_nulls = false,"
        " auto_detect = false, nullstr = '', max_line_size = 16000000, parallel = false, new_line = '\\n')"
    )
    path.unlink()


def list_shape(kind):
    return f'["{kind.removesuffix("[]")}"]'


def row_types(described):
    """Column -> type of a struct's text: STRUCT(id BIGINT, tags VARCHAR[], …)."""
    found, depth, part, text = {}, 0, "", described[len("STRUCT(") : -1]
    for character in text + ",":
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            column, _, kind = part.strip().partition(" ")
            found[column.strip('"')] = kind
            part = ""
        else:
            part += character
    return found


def file_sql(db, table, file):
    """A file's records as lines: the row's columns, what happened to it, its offset."""
    read = f"read_parquet({literal(file)}, file_row_number = true)"
    described = {row[0]: row[1] for row in db.execute(f"DESCRIBE FROM {read}").fetchall()}
    there = row_types(described["after"])
    columns = ", ".join(
        table.read_sql(c, there[c]) if c in there else f"NULL::{t} AS {name(c)}" for c, t in table.types.items()
    )
    waits = ", ".join(
        f"CASE WHEN it.{name(c)} = '{PLACEHOLDER}' THEN {literal(c)} END"
        for c, t in there.items()
        if t == "VARCHAR" and c in table.types
    )
    first = int(file.rsplit("+", 1)[1].split(".")[0])
    return (
        f"SELECT {columns}, op AS __op, {first} + file_row_number AS n,"
        f" list_filter([{waits or 'NULL'}]::VARCHAR[], c -> c IS NOT NULL) AS __unchanged, mark AS __mark"
        f" FROM (SELECT CASE WHEN op = 'd' THEN before ELSE after END AS it, op, source.snapshot AS mark,"
        f" file_row_number FROM {read})"
    )


def load_changes(db, table, lake):
    """The files -> table `change`: one row a record, numbered by offset. How many, and how many twice."""
    pattern = f"{lake}/shop.{table.schema}.{table.table}/*/*.parquet"
    files = [row[0] for row in db.execute(f"SELECT file FROM glob({literal(pattern)}) ORDER BY file").fetchall()]
    files = [file.replace(" ", "+") for file in files]  # DuckDB's list of S3 objects takes a + for a space
    columns = ", ".join(f"{name(c)} {t}" for c, t in table.types.items())
    db.execute(
        f"CREATE OR REPLACE TABLE change ({columns}, __op VARCHAR, n BIGINT, __unchanged VARCHAR[], __mark VARCHAR,"
        " __key_before VARCHAR)"
    )
    for file in files:
        db.execute(f"INSERT INTO change BY NAME {file_sql(db, table, file)}")
    told = db.execute("SELECT count(*), count(*) - count(DISTINCT n) FROM change").fetchone()
    # A table whose reading was interrupted is read again from its first row, as Debezium does.
    db.execute("DELETE FROM change WHERE n < (SELECT max(n) FROM change WHERE __mark LIKE 'first%')")
    return told


# A key's changes fall into lives: each begins with r or c and ends with d, or goes on. In a life a column has the last
# value that travelled. A life that began with a key change inherits what did not travel since from the life before it,
# which ended in the change just before, under the key that __key_before names.
REPLAY = """
CREATE OR REPLACE TABLE replay AS
WITH RECURSIVE told AS (
    SELECT *, count(*) FILTER (WHERE __op IN ('r', 'c')) OVER (PARTITION BY {key} ORDER BY n) AS life FROM change
), life AS (
    SELECT {key}, life, min(n) AS first, max(n) AS last, arg_max(__op, n) = 'd' AS over,
           arg_min({{k: __key_before}}, n).k IS NOT NULL AS inherits{values}
      FROM told GROUP BY {key}, life
), heir AS (
    SELECT life.*, before.last AS parent
      FROM life LEFT JOIN life AS before ON life.inherits AND before.over AND before.last = life.first - 1
), line_of AS (
    SELECT last AS heir_id, last AS ancestor, 0 AS depth FROM heir WHERE NOT over
    UNION ALL
    SELECT line_of.heir_id, heir.parent, depth + 1 FROM line_of JOIN heir ON heir.last = line_of.ancestor
     WHERE heir.parent IS NOT NULL
)
SELECT {columns}
  FROM heir
  JOIN (SELECT heir_id{inherited} FROM line_of JOIN heir ON heir.last = line_of.ancestor GROUP BY heir_id) AS found
    ON heir.last = found.heir_id
"""


def replay_keyed(db, table):
    key = ", ".join(f"told.{name(c)}" for c in table.key).replace("told.", "")
    others = [c for c in table.types if c not in table.key]
    values = "".join(
        f",\n           arg_max({{v: {name(c)}}}, n)"
        f" FILTER (WHERE __op <> 'd' AND NOT coalesce(list_contains(__unchanged, {literal(c)}), false)) AS {name(c)}"
        for c in others
    )
    inherited = "".join(
        f", arg_min(heir.{name(c)}, depth) FILTER (WHERE heir.{name(c)} IS NOT NULL) AS {name(c)}" for c in others
    )
    columns = ", ".join(f"heir.{name(c)}" if c in table.key else f"found.{name(c)}.v AS {name(c)}" for c in table.types)
    db.execute(REPLAY.format(key=key, values=values, inherited=inherited, columns=columns))


def compare_keyed(db, table):
    key = ", ".join(name(c) for c in table.key)
    first = name(table.key[0])
    differs = " OR ".join(f"s.{name(c)} IS DISTINCT FROM r.{name(c)}" for c in table.types if c not in table.key)
    return db.execute(f"""
        SELECT count(*) FILTER (WHERE s.{first} IS NOT NULL AND r.{first} IS NOT NULL AND ({differs or "false"})),
               count(*) FILTER (WHERE r.{first} IS NULL), count(*) FILTER (WHERE s.{first} IS NULL)
          FROM source s FULL OUTER JOIN replay r USING ({key})
    """).fetchone()


def compare_bags(db, table):
    """Without a key: how often does each row stand on either side?"""
    columns = ", ".join(name(c) for c in table.types)
    return db.execute(f"""
        SELECT 0, coalesce(sum(greatest(s - r, 0)), 0)::BIGINT, coalesce(sum(greatest(r - s, 0)), 0)::BIGINT FROM (
            SELECT count(*) FILTER (WHERE side = 's') AS s, count(*) FILTER (WHERE side = 'r') AS r
              FROM (SELECT 's' AS side, {columns} FROM source UNION ALL SELECT 'r', {columns} FROM replay)
             GROUP BY {columns})
    """).fetchone()


def prove(connection, schema, lake, directory, s3=None):
    """A Proof for each table of the schema. `lake` is a directory or s3://bucket/prefix, `s3` then says how it is
    reached (endpoint, key, secret, region). `directory` is for temporary files."""
    connection.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1")
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    if s3 is not None:
        import_extension("httpfs", con=db)
        db.execute(
            "LOAD httpfs; CREATE SECRET lake (TYPE s3, USE_SSL false, URL_STYLE 'path',"
            f" ENDPOINT {literal(s3['endpoint'])}, KEY_ID {literal(s3['key'])}, SECRET {literal(s3['secret'])},"
            f" REGION {literal(s3['region'])})"
        )
    proofs = []
    for row in connection.execute(TABLES, (schema,)).fetchall():
        table = Table(connection, *row)
        load_source(connection, db, table, pathlib.Path(directory))
        changes, twice = load_changes(db, table, lake)
        if table.key:
            replay_keyed(db, table)
        else:
            columns = ", ".join(name(c) for c in table.types)
            db.execute(f"CREATE OR REPLACE TABLE replay AS SELECT {columns} FROM change")
        differing, lost, extra = compare_keyed(db, table) if table.key else compare_bags(db, table)
        source, replayed = db.execute("SELECT (SELECT count(*) FROM source), (SELECT count(*) FROM replay)").fetchone()
        proofs.append(Proof(f"{table.schema}.{table.table}", source, replayed, differing, lost, extra + twice, changes))
    db.close()
    return proofs


def print_proofs(proofs):
    head = ("table", "source rows", "by replay", "differing", "lost", "doubled", "changes in files")
    cells = [head]
    for p in [*proofs, total(proofs)]:
        cells.append((p.table, *(f"{n:,}" for n in (p.source, p.replayed, p.differing, p.lost, p.doubled, p.changes))))
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for i, row in enumerate(cells):
        if i in (1, len(cells) - 1):
            print("    " + "  ".join("-" * width for width in widths))
        print("    " + "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]))


def total(proofs):
    fields = [f.name for f in dataclasses.fields(Proof)][1:]
    return Proof("all", *(sum(getattr(p, f) for p in proofs) for f in fields))
