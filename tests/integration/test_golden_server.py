# SPDX-License-Identifier: Apache-2.0
"""Captures of Debezium through the whole server: each connector's configuration is posted to one `leat server` as it
was posted to Kafka Connect (connectors.json in tests/golden/debezium; only where the database is, is another), the same
statements run, and what a consumer would see, `leat topic read --wire`, equals the capture record by record. A
sink takes some of the topics, and its objects have the same lines. The server writes into a real Kafka too: what
a consumer of that sees is the same, byte by byte, in the partitions that Java's client would have chosen.
"""

import json
import pathlib
import subprocess
import tempfile

import connectors
import golden_records
import kafka_broker
import postgres
import pytest
import server as server_module
import test_golden_records
import test_golden_transforms
from test_golden_records import BEFORE, GOLDEN, ROWS, WIRE

pytestmark = pytest.mark.xdist_group("kafka")  # one set-up, and the broker that is there
BEFORE = BEFORE | {
    "incremental": "DELETE FROM ri_full; INSERT INTO ri_full VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
}
WHOLE = json.loads((WIRE / "connectors.json").read_text(encoding="utf-8"))
TRANSFORMS = GOLDEN / "transforms"
TRANSFORMED = ("ksmt", "ksmt_schema", "outbox", "outbox_raw", "outbox_schema", "smt_unwrap_rewrite_schema",
               "smt_unwrap_tombstone")  # fmt: skip
POSTED = WHOLE | {
    name: config
    for name, config in json.loads((TRANSFORMS / "connectors.json").read_text(encoding="utf-8")).items()
    if name in TRANSFORMED
}
PARTITIONS = 3  # of topics in Kafka
SINK_TOPICS = ("ops", "tx_metadata", "messages", "incremental")  # of these cases the sink takes the topics


class Case:
    """A connector, its database, and what came of it."""

    def __init__(self, name, pg, template):
        self.name = name
        folder = (WIRE if name in WHOLE else TRANSFORMS) / name
        self.steps = (folder / "steps.sql").read_text(encoding="utf-8").splitlines()
        self.want = golden_records.read(folder / "records.jsonl")
        with postgres.psycopg.connect(pg.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "golden_{name}" TEMPLATE "{template.name}"')
        self.db = postgres.Database(pg, f"golden_{name}")
        self.db.psql(BEFORE.get(name, ""))
        self.lsn = 0  # of the end of its statements
        self.records = None
        self.kafka = None  # {topic: messages}

    @property
    def streams(self):
        return POSTED[self.name].get("snapshot.mode") != "initial_only"

    def config(self):
        here = {
            "database.hostname": str(self.db.server.directory),
            "database.port": str(self.db.server.port),
            "database.user": postgres.OS_USER,
            "database.password": "secret",
            "database.dbname": self.db.name,
            "status.update.interval.ms": "100",  # so that the test sees soon what is durable
        }
        return POSTED[self.name] | here

    def wire(self, server):
        argv = [str(server.binary), "topic", "read", "--data-dir", str(server.data), self.name, "--wire"]
        done = subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run(self, server):
        """A capture waited for its snapshots by sleeping; here they say when they are done."""
        asked = 0
        for statement in self.steps if self.streams else []:
            if "pg_sleep" in statement:
                asked += 1
                server.until(lambda: self.completed(server) == asked, f"snapshot {asked} is completed")
            else:
                self.db.psql(statement)
        self.lsn = self.db.wal_lsn()

    def completed(self, server):
        records = [record for record in self.wire(server) if record["topic"].endswith(".notifications")]
        return sum(json.loads(record["value"])["type"] == "COMPLETED" for record in records)

    def wait_durable(self, server):
        def durable():
            confirmed = any((slot[1] or 0) >= self.lsn for slot in self.db.slots().values())
            return confirmed if self.streams and self.steps else len(self.wire(server)) >= len(self.want)

        server.until(durable, lambda: f"all of {self.name} is durable: {self.db.slots()}")

    def drop_slots(self):
        """The database stays, for dropping it takes a second, until its server goes."""
        self.db.drop_slots()


def named_golden(value, database):
    """The captured database's name was golden."""
    for block in (value, value and value.get("source")):
        if block and "db" in block:
            assert block["db"] == database
            block["db"] = "golden"
    return value


def parsed(record, database):
    """Key and value of JsonConverter without schemas."""
    key, value = (json.loads(record[part]) if record[part] is not None else None for part in ("key", "value"))
    record = {"topic": record["topic"], "key": key, "headers": record["headers"]}
    return record | {"value": named_golden(value, database)}


def is_chunk(record):
    """A row of an incremental snapshot."""
    return bool(record["value"]) and (record["value"].get("source") or {}).get("snapshot") == "incremental"


def chunks_last(records):
    """The rows of incremental snapshots by key, after all others: where in the stream they come is not told."""
    chunks = sorted(filter(is_chunk, records), key=lambda record: json.dumps(record["key"]))
    return [record for record in records if not is_chunk(record)] + chunks


@pytest.fixture(scope="module")
def golden(pg, kafka_server):
    """All cases, after their statements, and what the sink made; the server has stopped."""
    template = pg.create_database()
    template.psql((GOLDEN / "golden.sql").read_text(encoding="utf-8") + ROWS)
    cases = {name: Case(name, pg, template) for name in POSTED}
    with tempfile.TemporaryDirectory(prefix="leat-golden-") as folder:
        kafka_server.start()
        directory = pathlib.Path(folder)
        options = {"kafka.bootstrap.servers": kafka_server.bootstrap}
        options |= {"kafka.topic.creation.default.partitions": PARTITIONS}
        try:
            with server_module.Server(directory, options) as server:
                topics = "|".join(f"{name}\\.plain\\..*" for name in SINK_TOPICS)
                sink = connectors.s3_sink(directory, topics, flush__size="1")
                server.create("lake", sink | connectors.JSON_PLAIN)
                carry(server, [case for case in cases.values() if case.name != "heartbeat"])
                carry(server, [cases["heartbeat"]])  # it writes all the time, so that the server's log goes on for all
                wanted = sum(record["value"] is not None for name in SINK_TOPICS for record in cases[name].want)
                server.until(lambda: lines_of(directory / "lake") >= wanted, "the sink has all")
                server.stop()
                for case in cases.values():
                    case.records = case.wire(server)
            topics = kafka_server.topics()
            for case in cases.values():
                mine = {record["topic"] for record in case.records}
                case.kafka = {topic: kafka_server.read(topic) for topic in topics if topic in mine}
            yield cases, connectors.read_topics(directory / "lake")
        finally:
            for case in cases.values():
                case.drop_slots()


def lines_of(lake):
    return sum(len(lines) for files in connectors.read_topics(lake).values() for _, lines in files)


def carry(server, cases):
    """The connectors are created and stream, the statements run, all is in the journals."""
    for case in cases:
        server.create(case.name, case.config())
    for case in cases:
        if case.streams:
            # In use, and made: while it is being made, what is written now may be in the snapshot.
            server.until(lambda: any(slot[0] and slot[1] is not None for slot in case.db.slots().values()),
                         f"{case.name} streams")  # fmt: skip
    for case in cases:
        case.run(server)
    for case in cases:
        case.wait_durable(server)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformed_topics_are_those_of_the_capture(golden, name):
    case = golden[0][name]
    records = [
        record | {"headers": [[key, "golden" if text == case.db.name else text] for key, text in record["headers"]]}
        for record in case.records
    ]
    test_golden_transforms.check_records(records, case.want)


@pytest.mark.parametrize("name", WHOLE)
def test_topics_are_those_of_the_capture(golden, name):
    case = golden[0][name]
    for topic, records in test_golden_records.by_topic(case.records).items():
        assert [record["offset"] for record in records] == list(range(len(records))), topic
    records = [parsed(record, case.db.name) for record in case.records]
    test_golden_records.check_records(name, chunks_last(records), chunks_last(case.want))


@pytest.mark.parametrize("name", POSTED)
def test_kafka_has_the_same_bytes(golden, name):
    """Each partition has what murmur2 of the key puts there, in its order."""
    case = golden[0][name]
    want = test_golden_records.by_topic(case.records)
    assert set(case.kafka) == set(want)
    for topic, records in want.items():
        kafka_broker.check_wire(case.kafka[topic], records, PARTITIONS)
        assert all(message.timestamp()[1] > 0 for message in case.kafka[topic])


@pytest.mark.parametrize("name", SINK_TOPICS)
def test_objects_of_a_sink_are_those_of_the_capture(golden, name):
    """A line a record that is no tombstone, in the order of the topic."""
    cases, lake = golden
    found = {}
    for topic, records in test_golden_records.by_topic(chunks_last(cases[name].want)).items():
        lines = [named_golden(line, cases[name].db.name) for _, lines in lake[topic] for line in lines]
        mine = [golden_records.value_of(line, topic) for line in lines]
        theirs = [record["value"] for record in records if record["value"] is not None]
        assert len(mine) == len(theirs), topic
        for i, pair in enumerate(zip(mine, theirs)):
            found |= golden_records.differences(*pair, f"{topic}[{i}]")
    assert test_golden_records.unexplained(name, found) == {}
