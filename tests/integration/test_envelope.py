# SPDX-License-Identifier: Apache-2.0
"""The Debezium envelope against records that Debezium 3.7 itself wrote (tests/golden/debezium, see its README).

The same tables, the same statements, through leat's journal and DEBEZIUM_ENVELOPE; the records must be equal as JSON,
keys, values, tombstones and order, once what no two runs share (times, LSNs, transaction ids) is taken out. The
differences that remain are listed in `expected` and nowhere else.
"""

import base64
import decimal
import hashlib
import json
import os
import pathlib
import re
import struct
import subprocess

import fastavro
import files
import judges
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/debezium"

# The rows that were there before the connector started; golden.sql makes the tables only.
ROWS = """
SELECT fill_alltypes(0);
INSERT INTO ri_default VALUES (1, 'one', 1, '2024-01-01 00:00:00+00');
INSERT INTO ri_full VALUES (1, 'one', 1, '2024-01-01 00:00:00+00');
INSERT INTO ri_index VALUES (1, 'A', 'x');
INSERT INTO nopk VALUES (1, 'x'), (1, 'x');
INSERT INTO compo VALUES (1, 'k', 1.5, 'v');
INSERT INTO dflts (i_nn) VALUES (1);
INSERT INTO toasty SELECT 1, 1, t, to_jsonb(t), convert_to(t, 'utf8'), ARRAY[t]
  FROM (SELECT string_agg(md5(i::text), '') AS t FROM generate_series(1, 200) i) x;
INSERT INTO toasty_full SELECT * FROM toasty;
INSERT INTO a_part VALUES (1, '2024-05-05', 'p');
"""


def program(name):
    for build in (os.environ.get("LEAT_BUILD", "build"), "build", "build/debug"):
        if (ROOT / build / name).exists():
            return ROOT / build / name
    return pytest.fail(f"{name} is not built")


def plain(value):
    """Long strings by their sum; times of the run by a word."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, str) and len(value) > 200:
        return "sha256:" + hashlib.sha256(value.encode()).hexdigest()
    if isinstance(value, str) and re.fullmatch(r"20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value):
        return "now"
    return value


def normal(value):
    """A value of the envelope without what no two runs share."""
    if value is None:
        return None
    value = plain(value)
    for name in ("ts_ms", "ts_us", "ts_ns"):
        assert isinstance(value.pop(name), int)
    source = value["source"]
    sequence = json.loads(source.pop("sequence"))
    assert len(sequence) == 2 and sequence[1] == str(source["lsn"])
    for name in ("ts_ms", "ts_us", "ts_ns", "lsn"):
        assert isinstance(source.pop(name), int)
    source.pop("txId")
    source.pop("name")
    if value["op"] == "r":
        assert source.pop("snapshot") != "false"
    for row in (value["before"], value["after"]):
        if row and row.get("c_hstore"):
            row["c_hstore"] = json.loads(row["c_hstore"])  # its order is that of a hash table
        if row and row.get("c_real"):
            row["c_real"] = struct.unpack("f", struct.pack("f", row["c_real"]))[0]  # Java prints more digits
    return value


def golden(case):
    records = {}
    for line in filter(None, (GOLDEN / case / "records.jsonl").read_text(encoding="utf-8").split("\n")):
        record = json.loads(line)
        records.setdefault(record["table"], []).append((record["key"], record["value"]))
    return records


def expected(case, records):
    """What leat writes on purpose in another way."""
    for table, rows in records.items():
        for _, value in rows:
            for row in (value["before"], value["after"]) if value else ():
                if row is None:
                    continue
                # pgoutput sends no generated columns before PostgreSQL 18: leat has them in no row, Debezium in some.
                row.pop("c_gen", None)
                # Debezium loses values of type name in the stream.
                if row.get("id") in (102, 103, 104) and value["op"] != "d" and "c_name" in row:
                    row["c_name"] = {102: "aname", 103: "", 104: "näme"}[row["id"]]
                if table == "dflts" and value["op"] == "u":
                    # JsonConverter writes a column's default for its NULL; the journal knows no defaults.
                    assert (row["i_def"], row["t_def"]) == (42, "it's")
                    row["i_def"] = row["t_def"] = row["ts_def"] = None
    return records


class Run:
    """The case's tables and statements, carried into a journal."""

    def __init__(self, leat, db, case, tables, *more):
        self.leat = leat
        db.psql((GOLDEN / "golden.sql").read_text(encoding="utf-8") + ROWS + BEFORE.get(case, ""))
        arguments = ["--tables", ",".join(f"public.{table}" for table in tables), *more]
        leat.sync(db, *arguments)
        for statement in (GOLDEN / case / "steps.sql").read_text(encoding="utf-8").splitlines():
            db.psql(statement)
        leat.sync(db, *arguments)
        self.journal = leat.data / "pipelines" / leat.pipeline / "journal"

    def probe(self, connector, *more):
        done = subprocess.run(
            [str(program("leat_envelope_probe")), str(self.journal), connector, "golden", *more],
            capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.split("\n") if line]


def records_of(lines):
    records = {}
    for line in lines:
        records.setdefault(line["table"], []).append((line["key"], normal(line["value"])))
    return records


def differences(mine, theirs, path=""):
    """{path: (leat's, Debezium's)}"""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        found = {}
        for name in {**mine, **theirs}:
            found |= differences(mine.get(name, "absent"), theirs.get(name, "absent"), f"{path}.{name}")
        return found
    return {} if mine == theirs and type(mine) is type(theirs) else {path: (mine, theirs)}


# The tables as the statements found them, where that is not ROWS.
BEFORE = {"ops_default_skip": "DELETE FROM ri_default"}

CASES = {
    "alltypes": ["alltypes"],
    "ops": ["ri_default", "ri_full", "ri_index", "nopk", "compo"],
    "ops_default_skip": ["ri_default"],
    "toast": ["toasty", "toasty_full"],
    "dflts": ["dflts"],
    "no_tombstones": ["ri_default"],
}


@pytest.mark.parametrize("case", CASES)
def test_records_are_those_of_debezium(leat, db, case):
    got = records_of(Run(leat, db, case, CASES[case]).probe(f"{case}.plain"))
    want = expected(case, golden(case))
    if case == "ops_default_skip":  # skipped.operations=t is the sink's
        got = {t: [r for r in rows if r[1] is None or r[1]["op"] != "t"] for t, rows in got.items()}
    if case == "no_tombstones":  # so is tombstones.on.delete
        got = {t: [r for r in rows if r[1] is not None] for t, rows in got.items()}
    assert set(got) == set(want)
    for table, rows in want.items():
        assert [(key, value and value["op"]) for key, value in got[table]] == [
            (key, value and value["op"]) for key, value in rows
        ], table
        for mine, theirs in zip(got[table], rows):
            assert differences(mine[1], theirs[1]) == {}, (table, mine[0])


def schemas(case):
    text = (GOLDEN / case / "schemas.jsonl").read_text(encoding="utf-8")
    return {line["table"]: (line["key"], line["value"]) for line in map(json.loads, filter(None, text.split("\n")))}


def without_generated(schema):
    for name in (0, 1):
        fields = schema["fields"][name]["fields"]
        fields[:] = [field for field in fields if field["field"] != "c_gen"]
    return schema


@pytest.mark.parametrize("case", ["alltypes", "ops", "toast"])
def test_schemas_are_those_of_debezium(leat, db, case):
    lines = Run(leat, db, case, CASES[case]).probe(f"{case}.schema", "schemas")
    want = schemas(case)
    seen = set()
    for line in lines:
        key, value = want[line["table"]]
        if line["key"] is not None:
            assert line["key"]["schema"] == key
        if line["value"] is not None:
            assert line["value"]["schema"] == without_generated(value), line["table"]
            assert line["value"]["payload"]["op"] in "cudrt"
            seen.add(line["table"])
    assert seen == set(want)


def test_the_type_table_says_what_the_code_does():
    text = (ROOT / "docs/sources/postgresql-types.md").read_text(encoding="utf-8")
    table = text.partition("<!-- types -->\n")[2].partition("<!-- end of types -->")[0]
    printed = subprocess.run([str(program("leat_type_table"))], capture_output=True, text=True, check=True).stdout
    assert table == printed, "leat_type_table prints another table"


# ---- files: leat sync --envelope debezium

OPTIONS = {"store.kafka.keys": "true", "behavior.on.null.values": "write"}


def debezium(options):
    return ["--envelope", "debezium", *(arg for item in options.items() for arg in ("--set", "=".join(item)))]


def connect_json(schema, value):
    """A value out of Avro or Parquet as Connect's JSON has it."""
    if value is None:
        return None
    if schema["type"] == "struct":
        assert set(value) == {field["field"] for field in schema["fields"]}
        return {field["field"]: connect_json(field, value[field["field"]]) for field in schema["fields"]}
    if schema["type"] == "array":
        return [connect_json(schema["items"], item) for item in value]
    if isinstance(value, decimal.Decimal):
        scale = int(schema["parameters"]["scale"])
        unscaled = int(value.scaleb(scale, judges.WIDE))
        value = unscaled.to_bytes((unscaled + (unscaled < 0)).bit_length() // 8 + 1, "big", signed=True)
    assert isinstance(value, bytes) == (schema["type"] == "bytes")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return files.float_text(value) if isinstance(value, float) else value


def file_rows(path, schema):
    """The lines, or the rows in the form that they would have as lines."""
    if path.suffix == ".json":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    if path.suffix == ".avro" and ".headers." in path.name:  # the record is the array
        with path.open("rb") as file:
            return [{"headers": row} for row in fastavro.reader(file)]
    reader, engines = files.READERS[path.suffix]
    found = [reader(path, engine) for engine in engines[:2]]
    assert found[0] == found[1]
    if path.suffix == ".parquet" and ".keys." in path.name:
        found[0] = [row["key"] for row in found[0]]  # as Confluent's sink has them: what is no record yet becomes one
    return [connect_json(schema, row) for row in found[0]]


class Files:
    """{table: [(key, value)]} and {table: [key]} of the tombstones, in their order."""

    def __init__(self, out, of_table):
        self.records, self.tombstones, self.headers = {}, {}, {}
        for table, (key_schema, value_schema) in of_table.items():
            folder = out / "public" / table
            paths = [path for path in folder.rglob("*") if path.is_file()]
            for path in sorted(path for path in paths if ".headers." in path.name):
                kind = path.relative_to(folder).parts[0] if path.parent != folder else "records"
                self.headers.setdefault((table, kind), []).extend(file_rows(path, HEADERS))
            for path in sorted(path for path in folder.glob("*-*") if not re.search(r"\.(keys|headers)\.", path.name)):
                values = file_rows(path, value_schema)
                keys = [None] * len(values)
                companion = path.with_name(re.sub(r"(-0-\d+)", r"\1.keys", path.name))
                if companion.exists():
                    keys = file_rows(companion, key_schema)
                assert len(keys) == len(values)
                self.records.setdefault(table, []).extend(zip(keys, values))
            for path in sorted(folder.glob("tombstone/*.keys.*")):
                self.tombstones.setdefault(table, []).extend(file_rows(path, key_schema))


HEADER = {"type": "struct", "fields": [{"field": "key", "type": "string"}, {"field": "value", "type": "string"}]}
HEADERS = {"type": "struct", "fields": [{"field": "headers", "type": "array", "items": HEADER}]}


def check_headers(found, case, prefix):
    want = {}
    for line in map(json.loads, filter(None, (GOLDEN / case / "records.jsonl").read_text().split("\n"))):
        if line["value"] is None and line["key"] is None:
            continue  # a tombstone of a table without a key
        kind = "tombstone" if line["value"] is None else "records"
        want.setdefault((line["table"], kind), []).append(line.get("headers", []))
    context = [[f"__debezium.context.{name}", value] for name, value in
               (("connectorLogicalName", prefix), ("taskId", "0"), ("connectorName", "postgresql"))]  # fmt: skip
    runs = set()
    for place, lines in found.headers.items():
        for number, line in enumerate(lines):
            pairs = [[header["key"], header["value"]] for header in line["headers"]]
            name, run = pairs.pop()
            assert name == "__debezium.context.runId"
            runs.add(run)
            assert pairs == want[place][number] + context, (place, number)
        assert len(lines) == len(want[place])
    assert set(found.headers) == set(want)
    assert len(runs) == 2 and all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", run) for run in runs)


def check_files(found, want, db):
    for table, rows in want.items():
        for _, value in found.records[table]:
            assert value["source"]["db"] == db.name
            value["source"]["db"] = "golden"
        values = [(key, value) for key, value in rows if value is not None]
        assert [key for key, _ in found.records[table]] == [key for key, _ in values], table
        for mine, theirs in zip(found.records[table], values):
            assert differences(normal(mine[1]), theirs[1]) == {}, (table, mine[0])
        # Those without a key have nothing to write.
        assert found.tombstones.get(table, []) == [key for key, value in rows if value is None and key is not None]


# ---- the type table, against columns of a server in files of each form

COLUMNS = {
    "enum": "mood",
    "composite `(street text, no int)`": "addr",
    "any other of an extension": "cube",
    "`varchar(n)`": "varchar(5)",
    "`char(n)`": "char(5)",
}
EXTENSIONS = {"citext": "citext", "hstore": "hstore", "ltree": "ltree", "geometry": "postgis", "vector": "vector",
              "cube": "cube"}  # fmt: skip


def type_rows():
    text = (ROOT / "docs/sources/postgresql-types.md").read_text(encoding="utf-8")
    table = text.partition("<!-- types -->\n")[2].partition("<!-- end of types -->")[0]
    for line in table.splitlines()[2:]:
        name, parquet, avro, lost, debezium = (cell.strip() for cell in line[1:-1].split(" |"))
        for column in [COLUMNS[name]] if name in COLUMNS else re.findall(r"`([^`]+)`", name):
            yield column, parquet, json.loads(avro.strip("`")), lost, debezium


def parquet_name(kind):
    text = str(kind)
    if pyarrow.types.is_map(kind):
        return f"MAP of {parquet_name(kind.key_type)} to {parquet_name(kind.item_type)}"
    if pyarrow.types.is_list(kind):
        return f"LIST of {parquet_name(kind.value_type)}"
    if pyarrow.types.is_struct(kind):
        return "group {" + ", ".join(f"{field.name} {parquet_name(field.type)}" for field in kind) + "}"
    if pyarrow.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return {"bool": "BOOLEAN", "int32": "INT32", "int64": "INT64", "float": "FLOAT", "double": "DOUBLE",
            "string": "STRING", "binary": "BYTE_ARRAY", "date32[day]": "DATE", "time64[us]": "TIME(µs)",
            "timestamp[us]": "TIMESTAMP(µs, local)", "timestamp[us, tz=UTC]": "TIMESTAMP(µs, UTC)",
            "extension<arrow.uuid>": "UUID"}[text]  # fmt: skip


def connect_name(schema):
    kind = "array of " + connect_name(schema["items"]) if schema["type"] == "array" else schema["type"]
    return f"{kind} {schema['name'].rpartition('.')[2]}" if "name" in schema else kind


def nameless(schema):
    if isinstance(schema, dict):
        return {name: nameless(value) for name, value in schema.items() if name not in ("namespace",)} | (
            {"name": "addr"} if schema.get("type") == "record" else {}
        )
    return [nameless(item) for item in schema] if isinstance(schema, list) else schema


def test_the_type_table_is_true_of_files(leat, db):
    have = {row[0] for row in db.query("SELECT name FROM pg_available_extensions")}
    rows = [row for row in type_rows() if row[0] not in EXTENSIONS or EXTENSIONS[row[0]] in have]
    assert len(rows) > 70
    for extension in set(EXTENSIONS.values()) & have:
        db.execute(f"CREATE EXTENSION {extension}")
    db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE addr AS (street text, no int)")
    columns = ", ".join(f"c{number} {row[0]}" for number, row in enumerate(rows))
    db.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns}); INSERT INTO t VALUES (1)")

    leat.format = "parquet"
    leat.sync(db)
    (path,) = leat.out.rglob("*.parquet")
    schema = pyarrow.parquet.read_schema(path)
    for number, (column, parquet, *_) in enumerate(rows):
        assert parquet_name(schema.field(f"c{number}").type) == parquet, column

    leat.format = "avro"
    db.execute("INSERT INTO t VALUES (2)")
    leat.sync(db)
    (path,) = leat.out.rglob("*.avro")
    with path.open("rb") as file:
        fields = json.loads(fastavro.reader(file).metadata["avro.schema"])["fields"]
    kinds = {field["name"]: field["type"] for field in fields}
    for number, (column, _, avro, *_) in enumerate(rows):
        assert nameless(kinds[f"c{number}"]) == ["null", nameless(avro)], column

    leat.format = "json"
    db.execute("INSERT INTO t VALUES (3)")
    leat.sync(db, *debezium({"json.schemas.enable": "true"}))
    (path,) = leat.out.rglob("*.json")
    row = json.loads(path.read_text())["schema"]["fields"][1]
    kinds = {field["field"]: connect_name(field) for field in row["fields"]}
    for number, (column, *_, connect) in enumerate(rows):
        assert kinds.get(f"c{number}", "left out") == connect, column


@pytest.mark.parametrize("form", ["avro", "parquet"])
def test_the_type_table_tells_what_columns_cannot_hold(leat, db, form):
    """In each such column a value that it can hold arrives, and what the table tells of is NULL."""
    values = {  # the first one fits
        "nothing": ["1.00"],
        "NaN, infinite": ["0", "NaN", "Infinity"],
        "infinite": ["2024-02-29", "infinity", "-infinity"],
        "24:00": ["23:59:59.9", "24:00"],
        "infinite, after 294246": ["2024-02-29 12:00", "infinity", "294276-12-31"],
        "more than one dimension": ["{}", "{{1,0}}"],
        "more than one dimension; items as their type": ["{}", "{{2024-01-01,2024-01-02}}"],
    }
    rows = [row for row in type_rows() if row[3] in values and not row[0].endswith("vector")]
    assert len(rows) > 15 and {row[3] for row in type_rows()} <= {*values, ""}
    wanted = []
    for number, (column, _, _, lost, _) in enumerate(rows):
        kept, *gone = values[lost]
        if column == "money[]":
            gone = ["{{1,0}}"]
        if column.startswith("numeric("):
            gone = gone[:1]  # PostgreSQL puts no infinity into those
        db.execute(f"CREATE TABLE t{number} (id int PRIMARY KEY, c {column})")
        for i, value in enumerate([kept, *gone]):
            db.execute(f"INSERT INTO t{number} VALUES ({i}, '{value}')")
        wanted.append((f"t{number}", len(gone), column))
    leat.format = form
    leat.sync(db)
    for table, gone, column in wanted:
        (path,) = (leat.out / "public" / table).iterdir()
        found = {row["id"]: row["c"] for row in files.rows(path)}
        assert found.pop(0) is not None, column
        assert found == {i + 1: None for i in range(gone)}, column


@pytest.mark.parametrize("form", ["json", "avro", "parquet"])
@pytest.mark.parametrize("case", ["alltypes", "ops", "toast"])
def test_files_hold_what_debezium_writes(leat, db, case, form):
    leat.format = form
    Run(leat, db, case, CASES[case], *debezium(OPTIONS))
    found = Files(leat.out, schemas(case))
    names = {value["source"]["name"] for rows in found.records.values() for _, value in rows}
    assert names == {leat.pipeline}
    check_files(found, expected(case, golden(case)), db)


@pytest.mark.parametrize("form", ["json", "avro", "parquet"])
def test_headers_are_those_of_debezium(leat, db, form):
    leat.format = form
    options = OPTIONS | {"store.kafka.headers": "true", "topic.prefix": "ops.plain"}
    Run(leat, db, "ops", CASES["ops"], *debezium(options))
    found = Files(leat.out, schemas("ops"))
    check_headers(found, "ops", "ops.plain")
    check_files(found, golden("ops"), db)


def test_json_with_schemas(leat, db):
    options = OPTIONS | {"json.schemas.enable": "true", "topic.prefix": "ops.schema"}
    Run(leat, db, "ops", CASES["ops"], *debezium(options))
    found = Files(leat.out, schemas("ops"))
    for table, (key_schema, value_schema) in schemas("ops").items():
        for key, value in found.records[table]:
            assert value["schema"] == value_schema
            assert key is None or key["schema"] == key_schema
            assert value["payload"]["source"]["name"] == "ops.schema"
        found.records[table] = [(key and key["payload"], value["payload"]) for key, value in found.records[table]]
        found.tombstones[table] = [key["payload"] for key in found.tombstones.get(table, [])]
    check_files(found, golden("ops"), db)


def avro_plain(schema):
    """Without what says nothing: the order of attributes, and spaces that are those around."""

    def look(part, space):
        if isinstance(part, list):
            return [look(item, space) for item in part]
        if not isinstance(part, dict):
            return part if part in PRIMITIVES or "." in part else f"{space}.{part}"
        part = dict(part)
        if part.get("type") == "record":
            space = part.pop("namespace", space)
            part["name"] = f"{space}.{part['name']}"
            part["fields"] = [
                field | {"type": look(field["type"], space)} for field in part["fields"] if field["name"] != "c_gen"
            ]
        for inner in ("items", "values"):
            if inner in part:
                part[inner] = look(part[inner], space)
        return part

    return look(schema, "")


PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def test_avro_schemas_are_those_of_debezium(leat, db):
    leat.format = "avro"
    options = OPTIONS | {"topic.prefix": "avro_alltypes.plain", "file.compression": "none"}
    Run(leat, db, "alltypes", ["alltypes"], *debezium(options))
    key, value = json.loads((GOLDEN / "alltypes/avro.json").read_text(encoding="utf-8"))
    paths = sorted((leat.out / "public/alltypes").glob("*.avro"))
    assert len(paths) == 4
    for path in paths:
        with path.open("rb") as file:
            schema = json.loads(fastavro.reader(file).metadata["avro.schema"])
        want = avro_plain(key if ".keys." in path.name else value)
        assert differences(avro_plain(schema), want) == {}
