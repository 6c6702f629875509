# SPDX-License-Identifier: Apache-2.0
"""The records of a Debezium connector's configuration against those that Debezium 3.7 itself wrote under it
(tests/golden/debezium/wire; pack_wire.py made them).

The same tables and statements go through leat's journal and the connector's program; topics, keys, values, headers and
schemas must be equal as JSON once what no two runs share (times, LSNs, transaction ids) is taken out. The differences
that remain are in DIFFERENCES and nowhere else.
"""

import json
import pathlib
import subprocess

import golden_records
import pytest
import test_envelope
from golden_records import differences
from test_pg_connector import Connector
from wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/debezium"
WIRE = GOLDEN / "wire"

ROWS = test_envelope.ROWS
ODD = """
CREATE TABLE "odd-Name tbl"("Id-x" int PRIMARY KEY, "1a" int, "käse" text);
INSERT INTO "odd-Name tbl" VALUES (1, 2, 'c');
"""

# The tables' rows as the connector found them, where that is not ROWS.
OLD = """
DELETE FROM ri_default; DELETE FROM ri_full;
INSERT INTO ri_default VALUES (50, 'after truncate', NULL, NULL)"""

BEFORE = {
    "tx_metadata": OLD,
    "messages": OLD + ", (60, 'x', 1, NULL), (61, 'y', 2, NULL)",
    "heartbeat": OLD + ", (60, 'x', 1, NULL), (61, 'y', 2, NULL), (70, 'm', 1, NULL)",
    "ops_default_skip": "DELETE FROM ri_default",
    "name_adjust_avro": ODD,
    "name_adjust_none": ODD + "INSERT INTO \"odd-Name tbl\" VALUES (2, 3, 'd')",
}

CASES = [
    "dflts", "hash_only", "hash_trunc", "heartbeat", "messages", "name_adjust_avro", "name_adjust_none",
    "no_tombstones", "ops", "ops_default_skip", "partition_root", "skip_unchanged_masks", "snapshot_initial_only",
    "snapshot_no_data", "toast", "trunc_only", "tx_metadata",
]  # fmt: skip

# Each difference that remains: (cases, the end of its path, whether it is this one, why).
DIFFERENCES = [
    (None, ".c_gen", lambda mine, theirs: mine == "absent",
     "before PostgreSQL 18 pgoutput sends no generated columns: leat has them in no row, Debezium in a snapshot's"),
    (None, ".source.txId", lambda mine, theirs: mine is None,
     "a row of a snapshot was read under no transaction id of its own"),
    (["skip_unchanged_masks"], ".headers.__debezium.newkey", lambda mine, theirs: mine == '{"v":null,"id":20}',
     "the delete half of a key change knows the table's own key of the new row, not all of message.key.columns"),
]  # fmt: skip


def unexplained(case, found):
    def explained(path, pair):
        return any((cases is None or case in cases) and path.endswith(end) and is_this(*pair)
                   for cases, end, is_this, _ in DIFFERENCES)  # fmt: skip

    return {path: pair for path, pair in found.items() if not explained(path, pair)}


class Journal:
    """A case's tables and statements, carried into a journal by the connector's source half."""

    def __init__(self, directory, db, config, before, steps):
        self.directory, self.db = directory, db
        db.psql((GOLDEN / "golden.sql").read_text(encoding="utf-8") + ROWS + before)
        self.connector = Connector(directory / "connector", db)
        self.connector.properties |= config | {"status.update.interval.ms": "100"}
        self.connector.start()
        try:
            self.carry(steps, config.get("snapshot.mode") == "initial_only")
        finally:
            if self.connector.process is not None:
                self.connector.stop()

    def carry(self, steps, ends):
        if ends:
            assert self.connector.wait_end() == 0, self.connector.log_tail()
            return
        self.connector.wait_streaming()
        for statement in steps.splitlines():
            self.db.psql(statement)
        lsn = self.db.wal_lsn()
        wait_until(
            lambda: any(s[0] and s[1] is not None and s[1] >= lsn for s in self.db.slots().values()),
            lambda: f"the slot confirms {lsn}: {self.db.slots()} {self.connector.log_tail()}",
        )

    def probe(self, config, *more):
        file = self.directory / "config.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        program = test_envelope.program("leat_wire_probe")
        journal = self.directory / "connector/journal"
        done = subprocess.run([str(program), str(journal), str(file), "golden", *more],
                              capture_output=True, text=True, timeout=180)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.split("\n") if line]


@pytest.fixture
def db(pg):
    database = pg.create_database()
    yield database
    database.drop()


def by_topic(records):
    topics = {}
    for record in records:
        topics.setdefault(record["topic"], []).append(record)
    return topics


def once(topics):
    """Heartbeats come as often as time passes: one of each kind."""
    return {t: r[:1] if t.startswith("__debezium-heartbeat") else r for t, r in topics.items()}


def told(record):
    return record["key"], record["value"] and record["value"].get("op"), [name for name, _ in record["headers"]]


def check_records(case, got, want):
    """Equal, topic by topic, in their order."""
    got, want = once(by_topic(map(golden_records.normal, got))), once(by_topic(want))
    assert set(got) == set(want)
    found = {}
    for topic, records in want.items():
        assert [told(record) for record in got[topic]] == [told(record) for record in records], topic
        for i, (mine, theirs) in enumerate(zip(got[topic], records)):
            found |= differences(mine["value"], theirs["value"], f"{topic}[{i}]")
            found |= differences(dict(mine["headers"]), dict(theirs["headers"]), f"{topic}[{i}].headers")
    assert unexplained(case, found) == {}


def check_schemas(case, got, want):
    """All records of a topic have its schemas."""
    topics = {line["topic"]: line for line in want}
    found = {}
    for record in got:
        for part in ("key", "value"):
            if record[part] is not None:
                mine, theirs = without_generated(record[part]["schema"]), topics[record["topic"]].get(part)
                found |= differences(mine, without_generated(theirs), f"{record['topic']}.{part}")
    assert unexplained(case, found) == {}


def without_generated(schema):
    """pgoutput sends no generated columns before PostgreSQL 18."""
    for field in schema["fields"]:
        if field["field"] in ("before", "after"):
            field["fields"] = [column for column in field["fields"] if column["field"] != "c_gen"]
    return schema


@pytest.mark.parametrize("case", CASES)
def test_records_of_a_configuration(db, tmp_path, case):
    folder = WIRE / case
    steps = (folder / "steps.sql").read_text(encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    journal = Journal(tmp_path, db, config, BEFORE.get(case, ""), steps)
    check_records(case, journal.probe(config), golden_records.read(folder / "records.jsonl"))
    if (folder / "schemas.jsonl").exists():
        check_schemas(case, journal.probe(config, "schemas"), golden_records.read(folder / "schemas.jsonl"))


def test_modes_of_types(db, tmp_path):
    """Every mode of the types' options over the same rows: the columns that it changes, and only those."""
    golden = json.loads((WIRE / "modes.json").read_text(encoding="utf-8"))
    config = {"topic.prefix": "t", "table.include.list": "public.alltypes"}
    journal = Journal(tmp_path, db, config, "", "SELECT fill_alltypes(100)\n")
    failures = {}
    for mode, told in golden["modes"].items():
        config = {"topic.prefix": mode} | told["config"]
        fields = golden["base"]["fields"] | told["fields"]
        values = golden["base"]["values"] | told["values"]
        lines = journal.probe(config, "schemas")
        mine = {field["field"]: field for field in lines[0]["value"]["schema"]["fields"][1]["fields"]}
        found = differences(mine, {n: f for n, f in fields.items() if n != "c_gen"}, "schema")
        assert len(lines) == 8
        rows = [line["value"]["payload"]["after"] for line in lines]
        for name in mine:
            for i, row in enumerate(rows):
                row_mine, row_theirs = {name: golden_records.plain(row[name])}, {name: values.get(name, [None] * 8)[i]}
                golden_records.row_normal(row_mine)
                golden_records.row_normal(row_theirs)
                found |= differences(row_mine, row_theirs, f"[{i}]")
        failures |= unexplained_modes(mode, found)
    assert failures == {}


# Of the modes: (modes, the end of the path, whether it is this one, why).
MODE_DIFFERENCES = [
    (None, ".c_name", lambda mine, theirs: theirs in (None, ""), "Debezium loses values of type name in the stream"),
    (["mode_prop_source_type"], ".__debezium.source.column.type",
     lambda mine, theirs: (mine, theirs) in (("INT4", "POSINT"), ("NUMERIC", "PRICE"), ("VARCHAR", "SHORTTEXT")),
     "the journal has domains as the types that they are made of"),
]  # fmt: skip


def unexplained_modes(mode, found):
    def explained(path, pair):
        return any((modes is None or mode in modes) and path.endswith(end) and is_this(*pair)
                   for modes, end, is_this, _ in MODE_DIFFERENCES)  # fmt: skip

    return {f"{mode} {path}": pair for path, pair in found.items() if not explained(path, pair)}


def test_routes_tell_what_leaves(db, tmp_path):
    """Topics and numbers of records that are decided when an event is appended are those that come out."""
    steps = (WIRE / "ops/steps.sql").read_text(encoding="utf-8")
    tables = ["ri_default", "ri_full", "ri_index", "nopk", "compo"]
    listed = ",".join(f"public.{table}" for table in tables)
    journal = Journal(tmp_path, db, {"topic.prefix": "t", "table.include.list": listed}, "", steps)
    all_skipped = {"skipped.operations": "c,u,d", "tombstones.on.delete": "false"}
    for options in ({}, {"skipped.operations": "none"}, all_skipped):
        config = {"topic.prefix": "p"} | options
        routes = {(line["space"], line["table"]): line for line in journal.probe(config, "routes")}
        assert {line["topic"] for line in routes.values()} == {f"p.public.{table}" for table in tables}
        assert not any(line["dynamic"] for line in routes.values())



def test_the_table_of_keys_says_what_the_definitions_do():
    text = (ROOT / "docs/reference/debezium-postgresql.md").read_text(encoding="utf-8")
    table = text.partition("<!-- keys -->\n")[2].partition("<!-- end of keys -->")[0]
    argv = [str(test_envelope.program("leat_option_table"))]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert table == printed, "leat_option_table prints another table"
