# SPDX-License-Identifier: Apache-2.0
"""Iceberg's sink connector in `leat server` against Apache's under Kafka Connect: the same configurations and records
(iceberg_cases.py), the same tables: columns with their types, partitions, properties that were asked for, rows by
value, branches. What the original made was captured once (tests/golden/iceberg-connect).
"""

import json
import pathlib
import sys

import leat as leat_module
import postgres
import pytest
import server as server_module
from pyiceberg.catalog.rest import RestCatalog

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools/engines"))
import iceberg_cases as cases  # noqa: E402

# Columns come in the order of the record's schema.
ORDERED = [name for name, (_, _, config, *_) in cases.CASES.items()
           if config.items() >= (cases.SCHEMAS | cases.MAKE).items() and config.keys() & cases.EVOLVE.keys() == set()
           and "value.converter.schemas.enable" not in config]  # fmt: skip

pytestmark = pytest.mark.xdist_group("golden_iceberg")


class Lake:
    """A server with all sources and sinks."""

    def __init__(self, directory, db):
        options = {"restart.backoff.min": "1s", "restart.backoff.max": "5s"}
        self.server = server_module.Server(directory, options=options)
        self.db = db

    def start(self):
        self.db.execute(cases.TABLES)
        self.server.start()
        here = {
            "database.hostname": str(self.db.server.directory),
            "database.port": str(self.db.server.port),
            "database.user": postgres.OS_USER,
            "database.password": "secret",
            "database.dbname": self.db.name,
        }
        for prefix in cases.SOURCES:
            self.server.create(prefix, cases.source(prefix, here))
        # In use, and made: while it is being made, what is written now may be in the snapshot.
        streaming = ("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'golden_%' AND active"
                     " AND confirmed_flush_lsn IS NOT NULL AND database = current_database()")  # fmt: skip
        count = len(cases.SOURCES)
        self.server.until(lambda: self.db.query(streaming)[0][0] == count, "the sources stream")
        for statement in cases.STEPS:
            self.db.execute(statement)
        self.catalog = RestCatalog("leat", uri=self.server.catalog_url)
        cases.before(self.catalog)
        catalog = {"iceberg.catalog.type": "rest", "iceberg.catalog.uri": self.server.catalog_url}
        for name in cases.CASES:
            self.server.create(f"to_{name}", cases.sink(name, catalog))

    def failed(self, name):
        tasks = self.server.status(f"to_{name}")["tasks"]
        return bool(tasks) and tasks[0]["state"] == "FAILED"

    def counts(self, name):
        found = {}
        for table in self.catalog.list_tables(name):
            metadata = self.catalog.load_table(table).metadata
            found[".".join(table)] = {
                ref: int(metadata.snapshot_by_id(r.snapshot_id).summary["total-records"])
                for ref, r in metadata.refs.items()
            }
        return found

    def until(self, name, want, fails):
        """All that is wanted is there, or the connector has failed as it should."""
        counts = {table: {ref: len(rows) for ref, rows in told["rows"].items()} for table, told in want.items()}

        def there():
            return self.counts(name) == counts and self.failed(name) == fails

        def told():
            return f"{name}: {self.counts(name)}, not {counts}\n{self.server.status(f'to_{name}')}"

        self.server.until(there, told)


@pytest.fixture(scope="module")
def lake(pg, tmp_path_factory):
    db = pg.create_database()
    made = Lake(tmp_path_factory.mktemp("golden_iceberg"), db)
    try:
        made.start()
        yield made
    finally:
        made.server.close()
        db.drop()


def asked(name, properties):
    """The properties that the configuration asks for."""
    prefix = "iceberg.tables.auto-create-props."
    wanted = {key.removeprefix(prefix) for key in cases.CASES[name][2] if key.startswith(prefix)} - {"format-version"}
    return {key: value for key, value in properties.items() if key in wanted}


def without_ids(kind):
    """A type, its fields by name: the original takes those of records without schemas in the order of a hash table."""
    if isinstance(kind, list):
        return {field["name"]: [field["required"], without_ids(field["type"])] for field in kind}
    if isinstance(kind, dict):
        return {key: without_ids(value) for key, value in kind.items() if not key.endswith("-id")}
    return kind


def captured(name):
    return json.loads((cases.GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def infinite(told):
    """JSON's converter in Connect has "Infinity" as a text, and reads it again as 0: here it stays what it is."""
    for row in told["tables"].values():
        for values in row["rows"]["main"]:
            if values["id"] == "3":
                assert values["d"] == "0.0"
                values["d"] = "inf"
    return told


def exact(told):
    """1.5 and 5,000,000,000 into an int, 1.005 into decimal(5,2): the original cuts, wraps, rounds; here it fails."""
    (row,) = told["tables"]["rough.t"]["rows"]["main"]
    assert row == {"id": "1", "d_i": "1", "l_i": "705032704", "n_n": "1.01"}
    told["tables"]["rough.t"]["rows"] = {}
    return told | {"failure": ["its value does not fit its column"]}


def with_schema(told):
    """The original's DmsTransform wants records without schemas; here it takes both."""
    assert "Schema not support" in str(told["failure"])
    table = captured("dms")["tables"]["dms.t"]
    (key,) = (column for column in table["columns"] if column["name"] == "id")
    key["type"] = "int"  # as the schema says; without it, whole numbers are long, and all is optional
    (cdc,) = (column for column in table["columns"] if column["name"] == "_cdc")
    cdc["required"] = True
    for field in cdc["type"]:
        field["required"] = field["name"] != "ts"
    return {"tables": {"dms_schema.t": table}}


def offsets(told):
    """What a transform of the source leaves out has an offset all the same."""
    for row in told["tables"]["kafka_bare.t"]["rows"]["main"]:
        row["_kafka_metadata"]["offset"] = "some number"
    return told


# What differs, and docs/sinks/iceberg-connector.md says so.
DIFFERENT = {
    "made": infinite, "fine": infinite, "optional": infinite, "rough": exact, "dms_schema": with_schema,
    "kafka_bare": offsets,
}  # fmt: skip


@pytest.mark.parametrize("name", list(cases.CASES))
def test_tables_are_the_original_s(lake, name):
    want = DIFFERENT.get(name, lambda told: told)(captured(name))
    lake.until(name, want["tables"], "failure" in want)
    found = cases.found(lake.catalog, name)
    if name == "kafka_bare":
        found = offsets({"tables": found})["tables"]
    assert set(found) == set(want["tables"])
    for table, theirs in want["tables"].items():
        mine = found[table]
        if name in ORDERED:
            names = [[field["name"] for field in told["columns"]] for told in (mine, theirs)]
            assert names[0] == names[1]
        for told in (mine, theirs):
            told["properties"] = asked(name, told["properties"])
            told["columns"] = without_ids(told["columns"])
        for part, value in theirs.items():
            assert mine[part] == value, f"{table}: {part}"
