# SPDX-License-Identifier: Apache-2.0
"""Every kind of table that leat writes, read by every engine there is, compared by value with the source."""

import datetime
import decimal
import json
import pathlib
import subprocess
import sys
import types

import duckdb
import duckdb_extensions
import leat as leat_module
import pyarrow as pa
import pyiceberg.catalog
import pytest
from catalog import CatalogServer
from ports import free_port
from pyiceberg.types import BooleanType, DateType, DecimalType, FloatType, IntegerType, StringType, TimestampType

ROOT = pathlib.Path(__file__).resolve().parents[2]
READ = ROOT / "tests/tools/engines/read.py"
TRINO = ROOT / "tests/tools/trino"
CACHE = ROOT / ".cache/engines"
MARK = "\x1e"
ENGINES = ["pyiceberg", "duckdb", "spark", "polars", "datafusion", "chdb", "trino"]
INSTALLED = {"pyiceberg", "duckdb"}  # with the tests' own packages
KINDS = ["kinds", "days", "buckets", "places", "evolved", "emptied", "gone"]
VERSIONS = [2, 3]
READ_BY = [(engine, version) for engine in ENGINES for version in VERSIONS if (engine, version) != ("chdb", 3)]

sys.path[:0] = [str(READ.parent), str(TRINO)]
import attach  # noqa: E402
import trino  # noqa: E402
from read import plain  # noqa: E402

pytestmark = pytest.mark.xdist_group("engines")

BEGIN = """
CREATE TABLE kinds (id bigint PRIMARY KEY, b bool, s smallint, i int, r real, d double precision, n numeric(20,4),
  small numeric(7,2), wide numeric(38,10), t text, by bytea, da date, ts timestamp, tz timestamptz, u uuid, a int[],
  texts text[]);
INSERT INTO kinds SELECT i, i % 2 = 0, i % 100, -i, i / 4.0, i * 1.25, i / 7.0, i / 3.0, i * 1e20 / 7, 'text ' || i,
  decode(lpad(to_hex(i), 8, '0'), 'hex'), '2024-02-20'::date + i, '2024-02-28 23:00:00.000001'::timestamp
  + i * interval '1 h', '1969-12-31 22:00Z'::timestamptz + i * interval '1 h 1 us', md5(i::text)::uuid,
  CASE WHEN i % 5 = 0 THEN NULL WHEN i % 5 = 1 THEN '{}' ELSE ARRAY[i, NULL, -i] END, ARRAY['a' || i, 'ü']
  FROM generate_series(1, 700) i;
INSERT INTO kinds (id) VALUES (1000);
CREATE TABLE days (id int PRIMARY KEY, at timestamp, v int);
INSERT INTO days SELECT i, '1969-12-30'::timestamp + i * interval '5 h', 0 FROM generate_series(1, 60) i;
CREATE TABLE buckets (id int, name text, v int, PRIMARY KEY (id, name));
INSERT INTO buckets SELECT i, 'n' || i % 7, 0 FROM generate_series(1, 200) i;
CREATE TABLE places (id int PRIMARY KEY, country text, v int);
INSERT INTO places SELECT i, (ARRAY['de', 'fr', NULL, 'a b/c'])[1 + i % 4], 0 FROM generate_series(1, 80) i;
CREATE TABLE evolved (id int PRIMARY KEY, a int, gone text, f real, amount numeric(8,2));
INSERT INTO evolved SELECT i, i, 'g' || i, i / 2.0, i FROM generate_series(1, 50) i;
CREATE TABLE emptied (id int PRIMARY KEY, v text); INSERT INTO emptied SELECT i, 'x' FROM generate_series(1, 30) i;
CREATE TABLE gone (id int PRIMARY KEY, v text); INSERT INTO gone SELECT i, 'x' FROM generate_series(1, 30) i;
"""
CHANGES = [
    """
UPDATE kinds SET t = 'changed', n = -n, a = ARRAY[1] WHERE id % 3 = 0; DELETE FROM kinds WHERE id % 10 = 0;
UPDATE days SET v = 1, at = at + interval '3 days' WHERE id % 2 = 0; DELETE FROM days WHERE id = 5;
UPDATE buckets SET v = 2 WHERE id % 4 = 0; UPDATE buckets SET id = id + 1000 WHERE id % 9 = 0;
UPDATE places SET country = 'it' WHERE id % 5 = 0; DELETE FROM places WHERE id < 4;
ALTER TABLE evolved ADD more text; ALTER TABLE evolved DROP gone; UPDATE evolved SET more = 'm' WHERE id % 2 = 0;
TRUNCATE emptied; INSERT INTO emptied VALUES (7, 'seven'); DELETE FROM gone;
""",
    """
UPDATE kinds SET s = 1, d = 'NaN' WHERE id % 7 = 0; INSERT INTO kinds (id, t) VALUES (2000, 'late');
ALTER TABLE evolved ALTER a TYPE bigint; ALTER TABLE evolved ALTER f TYPE double precision;
ALTER TABLE evolved ALTER amount TYPE numeric(12,2); INSERT INTO evolved VALUES (51, 5000000000, 0.1, 1e9, 'n');
UPDATE days SET v = 3 WHERE id % 5 = 0; DELETE FROM buckets WHERE v = 2; INSERT INTO gone VALUES (1, 'back');
DELETE FROM gone;
""",
]
# What SQL, engines or their readers have for themselves, and the name in the lake where it is another one.
COLUMNS = {name: name for name in (
    "table", "group", "select", "from", "a b", " ", "a.b", "a`b", 'q"t', "it's", "back\\slash", "Ü", "日本語", "😀",
    "a/b?c#d%41", "1x", "x" * 63, "Name", "name_2", "__file", "___file", "file_path", "pos", "row", "filename", "rowid",
    "file_row_number", "_metadata", "$path", "$partition", "$file_modified_time", "_path", "_size",
    "_time", "partition",
    "snapshot_id", "element", "key", "value", "__index_level_0__",
)} | {
    "name": "name_3", "NAME": "NAME_4", "_file": "____file", "_FILE": "____FILE_2", "_pos": "__pos",
    "_deleted": "___deleted",
    "_spec_id": "__spec_id", "_partition": "__partition", "_row_id": "__row_id",
    "_last_updated_sequence_number": "__last_updated_sequence_number", "_change_type": "__change_type",
    "_change_ordinal": "__change_ordinal", "_commit_snapshot_id": "__commit_snapshot_id",
}  # fmt: skip
TABLES = {name: name for name in ("order", "Order", "a b", "Ünï 日本")} | {'x.y"z': "x_y_z", "x_y_z": "x_y_z_2"}


def sql_name(name):
    return '"' + name.replace('"', '""') + '"'


def strange():
    """Tables and columns with such names, and a change of each row."""
    columns = "".join(f", {sql_name(name)} text" for name in COLUMNS)
    yield f'CREATE TABLE "select" ("order" int PRIMARY KEY{columns})'
    for i in range(1, 5):
        values = "".join(", " + literal(f"{name}|{i}") for name in COLUMNS)
        yield f'INSERT INTO "select" VALUES ({i}{values})'
    for name in TABLES:
        yield f"CREATE TABLE {sql_name(name)} (id int PRIMARY KEY, v text)"
        yield f"INSERT INTO {sql_name(name)} VALUES (1, {literal(name)}), (2, 'x'), (3, NULL)"


def strange_changes():
    sets = ", ".join(f"{sql_name(name)} = {sql_name(name)} || '!'" for name in COLUMNS)
    yield f'UPDATE "select" SET {sets} WHERE "order" > 2; DELETE FROM "select" WHERE "order" = 2'
    for name in TABLES:
        yield f"UPDATE {sql_name(name)} SET v = v || '!' WHERE id = 1; DELETE FROM {sql_name(name)} WHERE id = 2"


def literal(text):
    return "'" + text.replace("'", "''") + "'"


BIG = "x" * 3000  # is stored apart, and not sent again
PARTITIONS = "days=day(at);buckets=bucket(4, id), truncate(2, name);places=country"


class Engine:
    """An engine in a process of its own, asked again and again."""

    def __init__(self, name, url, log):
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, str(READ), name, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log.open("w"), text=True,
        )  # fmt: skip

    def rows(self, table, location):
        binary = "by" if table.endswith(".kinds") else None
        return self.answer({"name": table.split(".", 1), "location": location, "binary": binary})

    def answer(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(MARK):
                answer = json.loads(line[1:])
                assert "error" not in answer, answer["error"]
                return answer["rows"]
        raise AssertionError(f"the engine ended:\n{self.log.read_text()[-4000:]}")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(180)


class TrinoEngine:
    """Trino, a server, with a catalog as docs/catalog.md says it."""

    def __init__(self, url, directory):
        catalog = "".join(f"{key}={value}\n" for key, value in attach.settings("trino", url).items())
        self.server = trino.Trino(directory, catalog, free_port()).start()

    def rows(self, table, location):
        name = ".".join('"' + part.replace('"', '""') + '"' for part in table.split(".", 1))
        found = self.server.rows(f"SELECT * FROM lake.{name}")
        return [{name: plain(value) for name, value in row.items()} for row in found]

    def close(self):
        self.server.close()


def fill(leat, db):
    """Tables of version 2 and 3, upserted and as a log, after two rounds of changes."""
    runs = []
    for version in VERSIONS:
        common = ["--set", "freshness=100ms", "--set", f"format.version={version}"]
        runs.append([*common, "--name", f"v{version}", "--set", f"namespace=v{version}", "--set",
                     f"partition.by={PARTITIONS}"])  # fmt: skip
        runs.append([*common, "--name", f"log{version}", "--set", f"namespace=log{version}", "--set", "mode=append",
                     "--tables", "public.emptied,public.places"])  # fmt: skip
    for sql in (BEGIN + ";".join(strange()), CHANGES[0] + ";".join(strange_changes()), *CHANGES[1:]):
        db.execute(sql)
        for run in runs:
            leat.run(*leat.sync_args(db, run))


@pytest.fixture(scope="module")
def lake(pg, tmp_path_factory):
    directory = tmp_path_factory.mktemp("engines")
    leat = leat_module.Leat(directory)
    leat.format = "iceberg"
    db = pg.create_database()
    fill(leat, db)
    catalog = CatalogServer(directory / "catalog", warehouse=leat.out)
    catalog.data = leat.data
    catalog.start()
    engines = {}

    def started(engine):
        if engine not in engines and engine == "trino":
            engines[engine] = TrinoEngine(catalog.url, directory / "trino")
        elif engine not in engines:
            engines[engine] = Engine(engine, catalog.url, directory / f"{engine}.log")
        return engines[engine]

    def ask(engine, table):
        location = catalog.pyiceberg().load_table(tuple(table.split(".", 1))).metadata.location
        return started(engine).rows(table, location)

    yield types.SimpleNamespace(leat=leat, db=db, ask=ask, started=started, url=catalog.url, catalog=catalog.pyiceberg,
                                load=catalog.pyiceberg().load_table)
    for engine in engines.values():
        engine.close()
    catalog.close()
    db.drop()


def needs(engine):
    if engine == "trino":
        if trino.missing():
            pytest.skip(trino.missing())
    elif engine not in INSTALLED and not (CACHE / "python").exists():
        pytest.skip(f"{engine} could not be had")


def ordered(rows):
    for row in rows:
        if row.get("u"):
            row["u"] = row["u"].replace("-", "")  # for some engines a uuid is 16 bytes
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine,version", READ_BY)
def test_equal(lake, engine, version, kind):
    needs(engine)
    attributes = "attnum > 0 AND NOT attisdropped"
    sql = f"SELECT attname::text FROM pg_attribute WHERE attrelid = '{kind}'::regclass AND {attributes}"
    columns = [row[0] for row in lake.db.query(sql)]
    rows = lake.db.query(f"SELECT {', '.join(columns)} FROM {kind}")
    expected = [dict(zip(columns, map(plain, row))) for row in rows]
    found = [{name: row[name] for name in columns} for row in lake.ask(engine, f"v{version}.{kind}")]
    if engine == "chdb":  # its lists cannot be NULL
        expected = [row | {"a": row["a"] or [], "texts": row["texts"] or []} if "a" in row and "texts" in row else row
                    for row in expected]  # fmt: skip
    assert ordered(found) == ordered(expected)


@pytest.mark.parametrize("engine,version", READ_BY)
def test_names(lake, engine, version):
    needs(engine)
    values = lambda rows: sorted([[plain(value) for value in row] for row in rows], key=str)  # noqa: E731
    found = lake.ask(engine, f"v{version}.select")
    if engine == "pyiceberg":
        assert list(found[0]) == ["order", *COLUMNS.values()]
    assert values(row.values() for row in found) == values(lake.db.query('SELECT * FROM "select"'))
    for name, told in TABLES.items() if version == 2 else ():
        if engine == "trino" and name in ("Order", "a b", "Ünï 日本"):
            continue  # it reads "order" for the first, and does not find the others: docs/sinks/iceberg.md
        found = lake.ask(engine, f"v{version}.{told}")
        assert values(row.values() for row in found) == values(lake.db.query(f"SELECT * FROM {sql_name(name)}")), name


@pytest.mark.parametrize("engine,version", READ_BY)
def test_the_log_gives_the_table(lake, engine, version):
    """Its newest row of each key, of those after the last truncate, is the table's."""
    needs(engine)
    newest = {}
    order = lambda row: (int(row["__commit_lsn"]), int(row["__ordinal"]))  # noqa: E731
    for row in sorted(lake.ask(engine, f"log{version}.places"), key=order):
        newest[row["id"]] = row
    found = [[row["id"], row["country"], row["v"]] for row in newest.values() if row["__op"] != "d"]
    expected = [[plain(value) for value in row] for row in lake.db.query("SELECT id, country, v FROM places")]
    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("page", attach.PAGES)
def test_the_pages_say_how_to_attach(lake, page):
    """Engines attach above as one page says; the other says the same, and its queries run."""
    places = lambda text: text.replace("public.orders", "v2.places")  # noqa: E731
    expected = lake.db.query("SELECT count(*) FROM places")[0][0]
    for engine in ("spark", "trino"):
        assert attach.settings(engine, lake.url, page) == attach.settings(engine, lake.url)
    load, *_ = attach.code("pyiceberg", lake.url, page)
    query = "" if "load_table" in load else '.load_table("public.orders").scan().to_arrow()'
    found = eval(places(load + query), {"load_catalog": pyiceberg.catalog.load_catalog})
    assert found.num_rows == expected
    connection = duckdb.connect()
    for extension in ("avro", "httpfs", "iceberg"):
        duckdb_extensions.import_extension(extension, con=connection)
        connection.execute(f"LOAD {extension}")
    statement, *query = attach.code("duckdb", lake.url, page)
    connection.execute(statement)
    rows = connection.execute(places(query[0] if query else "SELECT * FROM lake.public.orders")).fetchall()
    assert len(rows) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_compaction_changes_no_row(lake, version):
    """What PyIceberg and DuckDB read before and after `leat table rewrite-data-files` is the same."""
    name = f"v{version}.kinds"
    before = {engine: ordered(lake.ask(engine, name)) for engine in ("pyiceberg", "duckdb")}
    deletes = lambda: int(lake.load(name).current_snapshot().summary["total-delete-files"] or 0)  # noqa: E731
    assert deletes() > 0
    lake.leat.run("table", "rewrite-data-files", name)
    assert deletes() == 0
    for engine, rows in before.items():
        assert ordered(lake.ask(engine, name)) == rows


# Columns that are added to a table with rows: Iceberg's type, and the default of old rows.
DEFAULTS = {
    "big": ("string", BIG), "n": ("int", 5), "r": ("float", 0.5), "rank": ("int", 7),
    "day": ("date", datetime.date(2020, 2, 29)), "amount": ("decimal(9, 2)", decimal.Decimal("1.50")),
    "at": ("timestamp", datetime.datetime(2020, 1, 1, 1, 2, 3, 4)), "ok": ("boolean", True),
}  # fmt: skip


def defaults_by_pyiceberg(lake, name):
    catalog = lake.catalog()
    table = catalog.create_table(name, schema=pa.schema([("id", pa.int64()), ("v", pa.string())]))
    table.append(pa.table({"id": range(1, 301), "v": [f"v{i}" for i in range(1, 301)]}))
    lake.leat.run("table", "upgrade", name, "--force")
    kinds = {"string": StringType(), "int": IntegerType(), "float": FloatType(), "date": DateType(),
             "decimal(9, 2)": DecimalType(9, 2), "timestamp": TimestampType(), "boolean": BooleanType()}  # fmt: skip
    table = catalog.load_table(name)
    with table.update_schema() as schema:
        for column, (kind, value) in DEFAULTS.items():
            schema.add_column(column, kinds[kind], default_value=value, required=column == "rank")
    with table.update_schema() as schema:
        schema.set_default_value("rank", 9)


def defaults_by_spark(lake, name):
    """By Iceberg's API in Java. The last row is written when the defaults are there: its file has all columns."""
    make = {
        "before": ["id bigint, v string", "SELECT id, concat('v', id) FROM range(1, 300)"],
        "columns": [[c, kind, value, c == "rank"] for c, (kind, value) in DEFAULTS.items()],
        "write_defaults": [["rank", 9]],
        "after": f"SELECT 300, 'v300', {', '.join(DEFAULTS)} FROM {{table}} WHERE id = 1",
    }
    as_text = lambda value: str(value).replace(" ", "T")  # noqa: E731
    lake.started("spark").answer(json.loads(json.dumps({"name": name.split("."), "make": make}, default=as_text)))


def defaults_table(lake, writer, name):
    """A table of version 3 whose older file lacks what was added since, each column with a default."""
    lake.catalog().create_namespace_if_not_exists("v3theirs")
    {"pyiceberg": defaults_by_pyiceberg, "spark": defaults_by_spark}[writer](lake, name)


@pytest.mark.parametrize("writer", ["pyiceberg", "spark"])
def test_defaults_of_another_writer(lake, writer):
    """Older rows of a table that is taken over have the initial default, those that leat writes the write default,
    before and after compaction; what did not travel is the default as well. Types that become wider keep it."""
    needs(writer)
    theirs, name = f"theirs_{writer}", f"v3theirs.{writer}"
    defaults_table(lake, writer, name)
    lake.db.execute(
        f"CREATE TABLE {theirs} (id bigint PRIMARY KEY, v text, big text, n int, r real);"
        f"ALTER TABLE {theirs} ALTER big SET STORAGE EXTERNAL;"
        f"INSERT INTO {theirs} SELECT i, 'v' || i, '{BIG}', 5, 0.5 FROM generate_series(1, 300) i;"
        f"CREATE PUBLICATION {theirs} FOR TABLE {theirs}"
    )
    lake.db.query(f"SELECT pg_create_logical_replication_slot('{theirs}', 'pgoutput')")
    stopped = lake.db.query("SELECT pg_current_wal_lsn()::text")[0][0]
    lake.db.execute(f"UPDATE {theirs} SET v = 'ours' WHERE id <= 20; DELETE FROM {theirs} WHERE id = 300")
    args = ["--name", theirs, "--set", "freshness=100ms", "--set", "namespace=v3theirs", "--rename",
            f"public.{theirs}={name}", "--tables", theirs, "--adopt", name]  # fmt: skip
    how = ["--no-snapshot", "--from-lsn", stopped, "--slot", theirs, "--publication", theirs]
    lake.leat.run(*lake.leat.sync_args(lake.db, [*args, *how]))
    expected = [
        {"id": i, "v": v, "big": big, "n": n, "r": r, "rank": 9 if i <= 20 else 7}
        | {column: DEFAULTS[column][1] for column in ("day", "amount", "at", "ok")}
        for i, v, big, n, r in lake.db.query(f"SELECT * FROM {theirs}")
    ]
    expected = ordered([{column: plain(value) for column, value in row.items()} for row in expected])
    engines = [e for e in ("pyiceberg", "duckdb", "spark") if e in INSTALLED or (CACHE / "python").exists()]

    def check():
        for engine in engines:
            for found, row in zip(ordered(lake.ask(engine, name)), expected, strict=True):
                assert found == row, engine

    check()
    assert lake.leat.run("table", "sample", name, "--limit", "1000").stdout.count(BIG) == 299
    assert "equal" in lake.leat.run("verify", theirs).stdout
    lake.leat.run("table", "rewrite-data-files", name, "--files-min", "1")
    assert int(lake.load(name).current_snapshot().summary["total-data-files"]) == 1
    check()
    # A type that becomes wider keeps its defaults, in that type's form.
    lake.db.execute(f"ALTER TABLE {theirs} ALTER n TYPE bigint, ALTER r TYPE double precision")
    lake.db.execute(f"UPDATE {theirs} SET n = n + 1")
    lake.leat.run(*lake.leat.sync_args(lake.db, args))
    schema = lake.load(name).schema()
    told = {f.name: (str(f.field_type), f.initial_default, f.write_default, f.required) for f in schema.fields}
    assert told["n"] == ("long", 5, 5, False) and told["r"] == ("double", 0.5, 0.5, False)
    assert told["rank"] == ("int", 7, 9, True)
