# SPDX-License-Identifier: Apache-2.0
"""The proof: what leat wrote, replayed in order, is what the source holds, value by value.

A directory of leat's JSON files (SCHEMA/TABLE/*.json, a row per line) becomes the final state of each table: changes in
the order of (__commit_lsn, __ordinal); r, c, u put a row under its key, d takes it away, t clears the table. A column
named in __unchanged keeps the value it had; on the second half of a key change (__key_before) that is looked up in the
row that the first half, just before, took away. A table without a key is a bag: d takes away one equal row.

As a program:  replay.py CONNINFO DIRECTORY [TABLE…]   prints the table of proofs; status 1 when one does not hold.
"""

import collections
import dataclasses
import json
import pathlib
import sys

import files
import psycopg
from pgvalues import SESSION, Kinds

META = ("__op", "__commit_lsn", "__ordinal", "__source_ts_ms", "__deleted", "__unchanged", "__key_before")

TABLES = """
SELECT c.oid::int8, n.nspname, c.relname,
       coalesce((SELECT array_agg(a.attname::text ORDER BY k.ord) FROM pg_index i
          CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, ord)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
         WHERE i.indrelid = c.oid AND k.ord <= i.indnkeyatts
           AND CASE WHEN c.relreplident = 'i' THEN i.indisreplident ELSE i.indisprimary END),
         '{}')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
 ORDER BY 2, 3
"""
# Generated columns are not in the stream; leat leaves them out of the snapshot too.
COLUMNS = """
SELECT attname::text, atttypid::int8 FROM pg_attribute
 WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""


@dataclasses.dataclass
class Proof:
    table: str
    source: int = 0  # rows in the source
    replayed: int = 0  # rows by replaying the files
    differing: int = 0  # rows whose values are not the same
    lost: int = 0  # rows of the source that are not in the replay
    extra: int = 0  # rows of the replay that are not in the source
    doubled: int = 0  # changes that are in the files more than once
    events: int = 0
    examples: list = dataclasses.field(default_factory=list)

    def holds(self):
        return self.differing == self.lost == self.extra == self.doubled == 0 and not self.examples

    def note(self, text):
        if len(self.examples) < 5:
            self.examples.append(text[:600])

    def __str__(self):
        text = (
            f"{self.table}: {self.source} rows in the source, {self.replayed} replayed from {self.events} changes: "
            f"{self.differing} differing, {self.lost} lost, {self.extra} too many, {self.doubled} doubled"
        )
        return "\n  ".join([text, *self.examples])


def lsn_number(lsn):
    """A number, or PostgreSQL's text form 0/16B3748."""
    if isinstance(lsn, str) and "/" in lsn:
        high, low = lsn.split("/")
        return (int(high, 16) << 32) | int(low, 16)
    return int(lsn)


def path_name(name):
    """A schema's or table's name as a directory (flow/sink/objects/names.h). Very long ones are cut; not followed."""
    bad = set('/\\%+:*?[]"<>|')
    text = "".join(f"%{ord(c):02X}" if c in bad or ord(c) < 32 or ord(c) == 127 else c for c in name)
    return "%2E" + text[1:] if text.startswith(".") else text


def table_directory(out, schema, table):
    return pathlib.Path(out) / path_name(schema) / path_name(table)


def read_events(directory, engine=None):
    """Every record of a table's files, of any format, as (lsn, ordinal, row). engine: which reader (files.py)."""
    events = []
    for path in files.find(directory):
        for number, row in enumerate(files.rows(path, engine), 1):
            try:
                events.append((lsn_number(row["__commit_lsn"]), int(row["__ordinal"]), row))
            except (ValueError, KeyError) as problem:
                raise AssertionError(f"{path}:{number}: {problem!r}: {str(row)[:300]}") from None
    return events


class Table:
    """A table of the source: its columns, its key, how its values compare."""

    def __init__(self, connection, kinds, oid, schema, name, key):
        self.schema, self.name, self.key = schema, name, list(key)
        self.columns = [(column, kinds.of(kind)) for column, kind in connection.execute(COLUMNS, (oid,)).fetchall()]
        self.kinds = dict(self.columns)

    @property
    def full_name(self):
        return f"{self.schema}.{self.name}"

    def frozen(self, column, value):
        """A value of a row of leat's, canonical and hashable."""
        if value is None:
            return None
        return freeze(self.kinds[column].from_json(value))

    def key_of(self, row):
        return tuple(self.frozen(column, row.get(column)) for column in self.key)

    def source_rows(self, connection):
        """The rows of the source, canonical, one tuple each."""
        # By the types' own output: a cast to text strips char(n)'s blanks and gives inet a mask.
        quoted = [quote(column) for column, _ in self.columns]
        names = ", ".join(f"CASE WHEN num_nulls({c}) = 0 THEN format('%s', {c}) END" for c in quoted)
        with connection.cursor(name="replay_source") if not connection.autocommit else connection.cursor() as cursor:
            cursor.execute(f"SELECT {names} FROM {quote(self.schema)}.{quote(self.name)}")
            kinds = [kind for _, kind in self.columns]
            for texts in cursor:
                yield tuple(
                    None if text is None else freeze(kind.from_text(text)) for kind, text in zip(kinds, texts)
                )


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def freeze(value):
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value


class Keyed:
    """State of a table with a key."""

    def __init__(self, table, proof):
        self.table, self.proof = table, proof
        self.rows = {}
        self.astray = []  # changes of rows that were not there, see `t` below
        self.removed = {}  # of the delete half of a key change: (lsn, ordinal) -> row, and by its key

    def apply(self, lsn, ordinal, row):
        op = row["__op"]
        if op == "t":
            # TRUNCATE is not MVCC-safe: a snapshot read after it misses rows that changes before it still name.
            self.rows.clear()
            self.astray.clear()
        elif op == "d":
            key = self.table.key_of(row)
            gone = self.rows.pop(key, None)
            self.removed = {(lsn, ordinal): gone, ("key", key): gone} if gone is not None else {}
        else:
            key = self.table.key_of(row)
            old = self.rows.get(key)
            if row.get("__key_before") is not None:
                # Halves that came through a topic are not neighbours: there the key tells.
                by_key = self.removed.get(("key", self.table.key_of(row["__key_before"])), old)
                old = self.removed.get((lsn, ordinal - 1), by_key)
            self.rows[key] = self.merged(row, old, lsn, ordinal)

    def merged(self, row, old, lsn, ordinal):
        unchanged = row.get("__unchanged") or []
        values = []
        for column, _ in self.table.columns:
            if column in unchanged:
                if old is None:
                    self.astray.append(f"({lsn}, {ordinal}): column {column} is unchanged, but there is no row before")
                    values.append(None)
                else:
                    values.append(old[len(values)])
            else:
                values.append(self.table.frozen(column, row.get(column)))
        return tuple(values)

    def compare(self, source):
        for text in self.astray:
            self.proof.note(text)
        order = {column: i for i, (column, _) in enumerate(self.table.columns)}
        at = [order[column] for column in self.table.key]
        left = dict(self.rows)
        for row in source:
            self.proof.source += 1
            key = tuple(row[i] for i in at)
            got = left.pop(key, None)
            if got is None:
                self.proof.lost += 1
                self.proof.note(f"lost: {row!r}")
            elif got != row:
                self.proof.differing += 1
                self.proof.note(difference(self.table, row, got))
        self.proof.replayed = len(self.rows)
        self.proof.extra = len(left)
        for row in left.values():
            self.proof.note(f"too many: {row!r}")


class Bag:
    """State of a table without a key."""

    def __init__(self, table, proof):
        self.table, self.proof = table, proof
        self.rows = collections.Counter()
        self.astray = []

    def apply(self, lsn, ordinal, row):
        if row["__op"] == "t":
            self.rows.clear()
            self.astray.clear()
            return
        values = tuple(self.table.frozen(column, row.get(column)) for column, _ in self.table.columns)
        if row["__op"] == "u" and self.rows[values] > 0:
            return  # the whole row is the key, and the key did not change
        if row["__op"] != "d":
            self.rows[values] += 1
        elif self.rows[values] > 0:
            self.rows[values] -= 1
        else:
            self.astray.append(f"({lsn}, {ordinal}): deletes a row that is not there: {values!r}")

    def compare(self, source):
        for text in self.astray:
            self.proof.note(text)
        left = collections.Counter(self.rows)
        for row in source:
            self.proof.source += 1
            if left[row] > 0:
                left[row] -= 1
            else:
                self.proof.lost += 1
                self.proof.note(f"lost: {row!r}")
        self.proof.replayed = self.rows.total()
        self.proof.extra = left.total()
        for row in +left:
            self.proof.note(f"too many: {row!r}")


def difference(table, source, got):
    parts = [
        f"{column}: source {a!r}, files {b!r}" for (column, _), a, b in zip(table.columns, source, got) if a != b
    ]
    key = [source[i] for i, (column, _) in enumerate(table.columns) if column in table.key]
    return f"differs, key {key!r}: " + "; ".join(parts)


def replay_table(table, events, proof):
    """The state after all events in their order; counts the doubled ones."""
    state = Keyed(table, proof) if table.key else Bag(table, proof)
    events.sort(key=lambda event: event[:2])
    before = None
    for lsn, ordinal, row in events:
        proof.events += 1
        if (lsn, ordinal) == before:
            proof.doubled += 1
            proof.note(f"({lsn}, {ordinal}) is there more than once: {row}")
            continue
        before = (lsn, ordinal)
        state.apply(lsn, ordinal, row)
    return state


def source_tables(connection, names=None):
    """The tables of the source; names: "schema.table" or "table" (in public)."""
    connection.execute(SESSION)
    kinds = Kinds(connection)
    wanted = None if names is None else {name if "." in name else f"public.{name}" for name in names}
    tables = [Table(connection, kinds, *row) for row in connection.execute(TABLES).fetchall()]
    tables = [table for table in tables if wanted is None or table.full_name in wanted]
    if wanted is not None and len(tables) != len(wanted):
        raise AssertionError(f"not in the source: {wanted - {table.full_name for table in tables}}")
    return tables


def prove_table(table, out, source_rows, engine=None):
    """What the files below `out` give of a table against its rows (Table.source_rows)."""
    proof = Proof(table.full_name)
    state = replay_table(table, read_events(table_directory(out, table.schema, table.name), engine), proof)
    state.compare(source_rows)
    return proof


def prove(connection, out, tables=None, engine=None):
    """A Proof per table of the source (or of those named)."""
    return [
        prove_table(table, out, table.source_rows(connection), engine) for table in source_tables(connection, tables)
    ]


def print_proofs(proofs, file=sys.stdout):
    head = ("table", "source rows", "by replay", "differing", "lost", "too many", "doubled", "changes")
    rows = [(p.table, p.source, p.replayed, p.differing, p.lost, p.extra, p.doubled, p.events) for p in proofs]
    cells = [head, *[(r[0], *[f"{n:,}" for n in r[1:]]) for r in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print("  ".join([row[0].ljust(widths[0]), *[c.rjust(w) for c, w in zip(row[1:], widths[1:])]]), file=file)
    for proof in proofs:
        for example in proof.examples:
            print(f"  {proof.table}: {example}", file=file)


def main(argv):
    if len(argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    with psycopg.connect(argv[1], autocommit=True) as connection:
        proofs = prove(connection, argv[2], argv[3:] or None)
    print_proofs(proofs)
    return 0 if proofs and all(proof.holds() for proof in proofs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
