# SPDX-License-Identifier: Apache-2.0
"""Names of schemas, tables and columns that URLs, folders, formats and people do not expect: every row arrives, once,
under the name of its table alone, in every layout and format, on disk and on S3, and other readers agree.
"""

import collections
import itertools
import urllib.parse

import fastavro
import files
import judges
import leat as leat_module
import pytest

SCHEMAS = ["plain", "a.b", "a", "Plain", "s/l:a+s%h", "über \"q\" 'x'", "..", "con", "a%2Eb", "leat", "_leat"]
TABLES = [
    "a/b", "c:d", "e+f", "g%h", "i?j", "k#l", "m&n", "o=p", "q r", "s'\"t", "u.v", "w\\x", "\u00e9", "e\u0301", "שלום",
    "😀 x", "Orders", "orders", "ORDERS", "x" * 63, "%2F", "a%2Fb", "__op", "_leat", ".hidden", "..", ".", "-dash", "~",
    "a,b", "{x}", "[y]", "tab\tx", "nl\nx", "*", "<>|", "CON", "nul.txt", "$env", "`id`", "\u202e rtl", "ü" * 31,
    "%" * 63, " ", " lead", "trail ", "a  b", "NULL", "partition=0", "t-0-00000000000000000000", "\x7f", "\x01",
]  # fmt: skip
EVERYWHERE = ["c", "b.c", "orders", "a/b", ".."]
COLUMNS = [
    "a/b", "a_b", "a b", "a-b", "a.b", "A_B", "é", "e\u0301", "😀", "%41", "1x", "select", "__op", "___op",
    "__commit_lsn", "x" * 63, '"q"', "'", "\\", " ", "שלום", "[0]", "list", "element", "nl\nx", "ctl\x01", "key", "a:b",
    "a=b&c", "?#", ".", "_", "__", "__deleted", "null", "$", "\x7f",
]  # fmt: skip
FEW = ["v w", "v.w"]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Names:
    """The tables, and what their rows must be."""

    def __init__(self, db):
        self.db = db
        self.tables = [("plain", name) for name in TABLES]
        self.tables += [pair for pair in itertools.product(SCHEMAS, EVERYWHERE) if pair not in self.tables]
        with db.connect() as connection:
            for schema in SCHEMAS:
                connection.execute(f"CREATE SCHEMA {quoted(schema)}")
            for number, pair in enumerate(self.tables):
                columns = "".join(f", {quoted(c)} text" for c in self.columns(pair))
                name = ".".join(map(quoted, pair))
                connection.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, s text, t text{columns})".encode())
                values = [number, *pair, *(f"{c}|{number}" for c in self.columns(pair))]
                places = ", ".join(["%s"] * len(values))
                sql = f"INSERT INTO {name.replace('%', '%%')} VALUES ({places})"
                connection.execute(sql.encode(), values)

    def columns(self, pair):
        return COLUMNS if pair[1] in ("a/b", "orders") else FEW

    def expected(self, pair):
        number = self.tables.index(pair)
        return [number, *pair, *(f"{c}|{number}" for c in self.columns(pair))]


@pytest.fixture(scope="module")
def names(pg):
    db = pg.create_database()
    yield Names(db)
    db.drop()


def values_of(names, path):
    """The rows of a file, as lists of the table's values, and the folder's table if it says so."""
    found = []
    for row in files.rows(path):
        pair = (row["s"], row["t"])
        values = list(row.values())[: 3 + len(names.columns(pair))]
        found.append((pair, values, row))
    return found


def check(names, paths):
    """Every row is there once, by value and in the columns' order."""
    seen = collections.Counter()
    for path in paths:
        pairs = set()
        for pair, values, row in values_of(names, path):
            assert values == names.expected(pair), path
            assert row["__op"] == "r", "a row of another operation"
            seen[pair] += 1
            pairs.add(pair)
        assert len(pairs) == 1, f"{path}: rows of several tables: {pairs}"
    missing = [pair for pair in names.tables if seen[pair] != 1]
    assert not missing and len(seen) == len(names.tables), f"not there once: {missing}"


LAYOUTS = {
    "leat": [],
    "confluent": ["--set", "layout=confluent", "--set", "partitioner=default"],
    "harbor": ["--set", "layout=harbor", "--set", "tenant=t 1/2"],
    "one": ["--set", "layout=template", "--set", "file.name.template={schema.table}-{offset}.{ext}"],
    "field": ["--set", "layout=confluent", "--set", "partitioner=field", "--set", "partition.field.name=t"],
}


def data_files(out):
    paths = [path for path in out.rglob("*") if path.is_file()]
    return sorted(path for path in paths if path.relative_to(out).parts[0] != "_leat" or path.suffix != ".checkpoint")


@pytest.mark.parametrize(
    ("form", "layout"),
    [("json", "leat"), ("json", "confluent"), ("avro", "harbor"), ("avro", "one"), ("parquet", "field"),
     ("parquet", "leat")],
)  # fmt: skip
def test_on_disk(names, work, form, layout):
    leat = leat_module.Leat(work, format=form)
    name = f"disk_{form}_{layout}"
    leat.sync(names.db, "--name", name, *LAYOUTS[layout])
    paths = data_files(leat.out)
    check(names, paths)
    if layout == "leat":
        folders = [path.relative_to(leat.out).parts[:2] for path in paths]
        assert {tuple(map(urllib.parse.unquote, pair)) for pair in folders} == set(names.tables)
    for pair in ("plain", "a/b"), ("plain", "c:d"):
        (path,) = [path for path in paths if values_of(names, path)[0][0] == pair]
        for engine in files.READERS["." + form][1]:
            if (form, engine, pair[1]) != ("avro", "duckdb", "a/b"):  # there a_b and A_B are one name: docs/limits.md
                check_reader(names, path, pair, form, engine)
    leat.run("delete", name, "--purge-data", "--yes")
    assert not [path for path in leat.out.rglob("*") if path.is_file()]


def check_reader(names, path, pair, form, engine):
    """Other readers find the same values in the same order, whatever they make of the names."""
    reader = {"json": judges.json_rows, "avro": judges.avro_rows, "parquet": judges.parquet_rows}[form]
    rows = reader(path, engine)
    assert len(rows) == 1
    wanted = names.expected(pair)
    assert [value for value in rows[0].values() if isinstance(value, str)][: len(wanted) - 1] == wanted[1:], engine


def test_avro_keeps_the_names(names, work):
    """What Avro's names cannot hold is in an attribute."""
    leat = leat_module.Leat(work, format="avro")
    leat.sync(names.db, "--name", "avro_names", "--tables", '"plain"."a/b"')
    (path,) = data_files(leat.out)
    with path.open("rb") as file:
        fields = fastavro.reader(file).writer_schema["fields"]
    told = [field.get("leat.name", field["name"]) for field in fields][3 : 3 + len(COLUMNS)]
    assert [name.lstrip("_") for name in told] == [column.lstrip("_") for column in COLUMNS]
    assert len({field["name"] for field in fields}) == len(fields)


@pytest.mark.parametrize(("form", "layout"), [("parquet", "leat"), ("json", "field")])
def test_on_s3(names, work, bucket, form, layout):
    prefix = "lake/ü +%/x"
    leat = leat_module.Leat(work, bucket.url(prefix), form)
    name = f"s3_{form}_{layout}_{bucket.server.name}"
    args = ["--name", name, "--set", f"s3.endpoint={bucket.server.endpoint}", *LAYOUTS[layout]]
    leat.sync(names.db, *args, env=bucket.server.env())
    down = work / "down"
    bucket.download(down, prefix)
    check(names, data_files(down))
    leat.run("delete", name, "--purge-data", "--yes", env=bucket.server.env())
    assert bucket.keys() == []


def test_two_tables_of_one_spelling_are_two(leat, db):
    """Schema a.b, table c, and schema a, table b.c; a TRUNCATE of one is none of the other."""
    db.execute('CREATE SCHEMA "a.b"; CREATE SCHEMA a; CREATE TABLE "a.b".c (id int); CREATE TABLE a."b.c" (id int)')
    db.execute('INSERT INTO "a.b".c VALUES (1); INSERT INTO a."b.c" VALUES (2)')
    args = ["--set", "layout=confluent", "--set", "partitioner=default"]
    leat.sync(db, *args)
    db.execute('TRUNCATE "a.b".c; INSERT INTO a."b.c" VALUES (3)')
    leat.sync(db, *args)
    told = {}
    for path in data_files(leat.out):
        told.setdefault(path.parts[-3], []).extend((row["__op"], row["id"]) for row in files.rows(path))
    assert sorted(map(sorted, told.values()), key=str) == [[("c", 3), ("r", 2)], [("r", 1), ("t", None)]]


@pytest.mark.parametrize("name", ["dead_letters", "messages"])
def test_names_of_leats_own_topics(leat, db, name):
    db.execute(f"CREATE SCHEMA leat; CREATE TABLE leat.{name} (id int); CREATE TABLE leat.other (id int)")
    db.execute("INSERT INTO leat.other VALUES (1)")
    refused = leat.sync(db, check=False)
    assert refused.returncode == 1 and f"leat.{name}" in refused.stderr and "--exclude" in refused.stderr
    assert db.slots() == {}
    leat.sync(db, "--exclude", f"leat.{name}")
    assert len(data_files(leat.out)) == 1
