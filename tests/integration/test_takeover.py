# SPDX-License-Identifier: Apache-2.0
"""A running Kafka Connect with Debezium, taken over by leat: the real ones."""

import io
import itertools
import json
import subprocess
import tempfile
import threading

import confluent_kafka
import connectors
import fastavro
import original_stack
import pytest
import server as server_module
from apache_catalog import ApacheCatalog
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_broker import count_of
from postgres import OS_USER
from test_connect_iceberg import until_rows
from wait import PATIENCE, wait_until

ICEBERG = (original_stack.CACHE / "plugins/iceberg/pom.xml").exists()
INSTALLED = (original_stack.CACHE / "plugins/debezium-postgres/debezium-connector-postgres").exists()
TABLES = """
    CREATE SEQUENCE changes;
    CREATE TABLE accounts (id int PRIMARY KEY, balance numeric(12,2) NOT NULL, note text,
                           seq bigint NOT NULL DEFAULT nextval('changes'));
    CREATE TABLE history (id bigserial PRIMARY KEY, account int, at timestamptz DEFAULT now(),
                          seq bigint NOT NULL DEFAULT nextval('changes'));
    INSERT INTO accounts SELECT i, 100, 'first' FROM generate_series(1, 200) i;
"""
TRANSACTION = """
    BEGIN;
    UPDATE accounts SET balance = balance + 1, seq = nextval('changes') WHERE id = {one};
    UPDATE accounts SET balance = balance - 1, seq = nextval('changes') WHERE id = {other};
    INSERT INTO history (account) VALUES ({one}), ({other}), ({one});
    COMMIT;
"""


class Traffic:
    """Like pgbench: short transactions, several at a time, each change with a number of its own."""

    def __init__(self, db, writers=2):
        self.db = db
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(number,), daemon=True) for number in range(writers)]
        self.transactions = 0
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        with self.db.connect() as connection:
            for turn in itertools.count():
                if self.ended.wait(0.01):
                    return
                one = writer * 100 + turn % 50 + 1  # each writer has rows of its own
                connection.execute(TRANSACTION.format(one=one, other=one + 50))
                self.transactions += 1

    def goes_on(self, count=100):
        until = self.transactions + count
        wait_until(lambda: self.transactions >= until, "traffic goes on")

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def by_number(stack, topic):
    """Committed records of a topic with one partition, in order: {number of the change: (op, key, source)}."""
    consumer = stack.consumer(**{"isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found = []
    try:
        while True:
            message = consumer.poll(PATIENCE)
            assert message is not None, f"nothing more of {topic} after {len(found)} records"
            if message.error():
                assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, message.error()
                return found
            value = json.loads(message.value())
            found.append((value["after"]["seq"], json.loads(message.key()), value, message.headers()))
    finally:
        consumer.close()


@pytest.fixture(scope="module")
def stack():
    flush = {"offset.flush.interval.ms": 2000}  # the first flush is waited for
    found = {"plugin.discovery": "service_load"}
    with original_stack.OriginalStack(connect=flush | found, quick=True) as stack:
        yield stack


@pytest.fixture
def db(pg):
    database = pg.create_database()
    yield database
    database.drop()


def takeover(server, *argv, code=0):
    argv = [str(server.binary), "takeover", *map(str, argv), "--url", server.connect_url]
    done = subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=500)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + (done.stderr if code > 1 else "")


PASSWORD = "not-to-be-seen"


def debezium(db, name, **more):
    own = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "127.0.0.1",
        "database.port": str(db.server.port),
        "database.user": OS_USER,
        "database.password": PASSWORD,
        "database.dbname": db.name,
        "topic.prefix": name,
        "plugin.name": "pgoutput",
        "slot.name": f"{db.name}_{len(name)}",
        "publication.name": f"{db.name}_publication",
        "publication.autocreate.mode": "filtered",
        "table.include.list": "public.accounts,public.history",
    }
    return own | {key.replace("__", "."): value for key, value in more.items()}


def lsn_of(stack, name):
    offsets = stack.connect("GET", f"/connectors/{name}/offsets").json()["offsets"]
    return offsets and offsets[0]["offset"].get("lsn_commit")


@pytest.mark.xdist_group("original")
@pytest.mark.skipif(not INSTALLED, reason="Kafka Connect and Debezium are not installed: scripts/setup test")
def test_a_running_cluster_is_taken_over_and_given_back(db, stack):
    """Changes go on all the time. In the end each is in the topics once, and the newest of each row is its state."""
    db.psql(TABLES)
    shop = "shop"
    refused = debezium(db, f"{shop}-refused", plugin__name="decoderbufs")
    with tempfile.TemporaryDirectory(prefix="leat-takeover-") as folder, server_module.Server(folder) as server:
        options = ("--worker-config", stack.directory / "connect.properties", "--connect-url", stack.connect_url)
        stack.create(shop, debezium(db, shop))
        resting = {"name": f"{shop}-refused", "config": refused, "initial_state": "STOPPED"}
        stack.settled("POST", "/connectors", resting)
        stack.wait_running(shop)
        traffic = Traffic(db)
        stack.wait_end(f"{shop}.public.history", 100)
        stack.worker.until(lambda: lsn_of(stack, shop), "Debezium has an offset")

        text = takeover(server, *options, code=1)
        assert PASSWORD not in text and "goes on behind" in text and "set plugin.name=pgoutput" in text
        plan = json.loads(takeover(server, *options, shop, "--output", "json"))
        assert PASSWORD not in json.dumps(plan)
        (one,) = plan["connectors"]
        assert one["state"] == "RUNNING" and one["action"] == "continue" and one["against"] == []
        assert one["config"]["value.converter.schemas.enable"] == "false", "the worker's converter"
        assert one["offsets"][0]["partition"] == {"server": shop} and one["offsets"][0]["offset"]["lsn"] > 0
        refusal = takeover(server, *options[:2], shop, "--execute", code=2)
        assert "RUNNING on leat" not in refusal, "nobody may stop it without being told where"

        said = takeover(server, *options, shop, "--execute")
        assert "RUNNING on leat" in said and PASSWORD not in said
        assert stack.states(shop) == ("STOPPED", None)
        traffic.goes_on()
        assert "was taken over before" in takeover(server, *options, shop, "--execute")

        said = takeover(server, *options, shop, "--give-back", "--execute")
        assert "RUNNING in Kafka Connect" in said
        assert server.states(shop) == ("STOPPED", None)
        assert "was given back before" in takeover(server, *options, shop, "--give-back", "--execute")
        traffic.goes_on()
        stack.settled("PUT", f"/connectors/{shop}/stop")  # once more, stopped by hand
        stack.wait_stopped(shop)
        assert "RUNNING on leat" in takeover(server, *options[:2], shop, "--execute")
        traffic.goes_on()
        traffic.stop()
        complete(stack, db, shop)


def complete(stack, db, shop):
    def read():
        return {table: by_number(stack, f"{shop}.public.{table}") for table in ("accounts", "history")}

    # The highest number need not be the last: who began first may commit last.
    count = db.value("SELECT last_value FROM changes")
    whole = lambda: sum(map(len, (found := read()).values())) >= count and found  # noqa: E731
    records = wait_until(whole, "all is there", interval=1)
    numbers = sorted(record[0] for of_table in records.values() for record in of_table)
    assert numbers == list(range(1, count + 1)), "each change once"
    for table, of_table in records.items():
        rows = {json.dumps(key): value["after"] for _, key, value, _ in of_table}
        assert {row["id"]: row["seq"] for row in rows.values()} == dict(db.query(f"SELECT id, seq FROM {table}"))
        forms = {
            (*key, "", *value, "", *value["source"], "", *value["after"], "", *(name for name, _ in headers or ()))
            for _, key, value, headers in of_table
            if value["op"] != "r"
        }
        assert len(forms) == 1, "leat's records have the members that Debezium's have"


class Clicks:
    """Records of two topics without end, each with a number of its own and the table that it belongs into."""

    TABLES = ("web.clicks", "web.views")
    TOPICS = {"clicks": 2, "views": 1, "control": 2}

    def __init__(self, stack):
        self.producer = confluent_kafka.Producer({"bootstrap.servers": stack.bootstrap, "enable.idempotence": True})
        admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        topics = [NewTopic(topic, partitions, 1) for topic, partitions in self.TOPICS.items()]
        for each in admin.create_topics(topics).values():
            each.result()
        # The controller answers; of a topic that the broker has not heard of yet, records are not delivered.
        known = lambda: all(count_of(admin, topic) == count for topic, count in self.TOPICS.items())  # noqa: E731
        wait_until(known, "the broker knows the topics")
        self.lost = []
        self.into = {table: [] for table in self.TABLES}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        for number in itertools.count():
            topic, table = ("clicks", "views")[number % 3 == 0], self.TABLES[number % 5 == 0]
            value = json.dumps({"number": number, "into": table, "text": f"ü{number}"})
            self.producer.produce(topic, value=value, partition=number % self.TOPICS[topic], on_delivery=self.told)
            self.into[table].append(number)
            self.producer.poll(0)
            if number % 10 == 0 and self.ended.wait(0.02):
                return

    def told(self, error, message):
        if error is not None:
            self.lost.append((str(error), message.value()))

    def stop(self):
        self.ended.set()
        self.thread.join()
        assert self.producer.flush(180) == 0 and not self.lost, self.lost


class Lake:
    def __init__(self, catalog):
        self.catalog = catalog.pyiceberg()

    def newest(self, table):
        """(how many rows, whose snapshot)"""
        if not self.catalog.table_exists(table):
            return 0, None
        snapshot = self.catalog.load_table(table).current_snapshot()
        summary = snapshot.summary.additional_properties if snapshot else {"total-records": 0}
        writer = "leat" if "leat.offsets" in summary else "Connect" if "kafka.connect.commit-id" in summary else None
        return int(summary["total-records"]), writer

    def until_written_by(self, writer, more=100):
        """Until both tables have grown by that one's hand."""
        before = {table: self.newest(table)[0] for table in Clicks.TABLES}
        now = lambda: {table: self.newest(table) for table in Clicks.TABLES}  # noqa: E731
        grown = lambda: all(rows > before[t] + more and who == writer for t, (rows, who) in now().items())  # noqa: E731
        wait_until(grown, lambda: f"{writer} writes: {before}, {now()}", 240, 0.3)

    def told(self, table, want):
        """What is not there, and who wrote when, for whoever must find out why."""
        metadata = self.catalog.load_table(table).metadata
        found, keys = self.numbers(table), ("added-records", "total-records", "leat.offsets", "kafka.connect.commit-id")
        kept = [{k: v for k in keys if (v := snapshot.summary[k])} for snapshot in metadata.snapshots]
        lost = sorted(set(want) - set(found))
        return f"{table}: {len(found)} rows, without {lost[:50]}; snapshots: {kept[-60:]}"

    def numbers(self, table):
        return sorted(self.catalog.load_table(table).scan().to_arrow()["number"].to_pylist())


@pytest.mark.xdist_group("original")
@pytest.mark.timeout(900)
@pytest.mark.skipif(not ICEBERG, reason="Kafka Connect and Iceberg's sink are not installed: scripts/setup test")
def test_a_sink_of_tables_is_taken_over_and_given_back(stack, tmp_path):
    """Two tables by route, written by Apache's connector and leat's in turn while records come: each is there once."""
    catalog = ApacheCatalog(tmp_path / "catalog").start()
    try:
        lake, ice = Lake(catalog), "ice"
        lake.catalog.create_namespace("web")
        clicks = Clicks(stack)
        stack.create(ice, {
            "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector", "tasks.max": "2",
            "topics": "clicks,views", "consumer.override.auto.offset.reset": "earliest",
            "iceberg.catalog.type": "rest", "iceberg.catalog.uri": catalog.url, "iceberg.control.topic": "control",
            "iceberg.control.commit.interval-ms": "1000", "iceberg.tables.auto-create-enabled": "true",
            "iceberg.tables.dynamic-enabled": "true", "iceberg.tables.route-field": "into",
        })  # fmt: skip
        lake.until_written_by("Connect")
        told = lambda: stack.connect("GET", f"/connectors/{ice}/offsets").json().get("offsets", [])  # noqa: E731
        stack.worker.until(lambda: len(told()) == 3, "each task has committed")
        with server_module.Server(tmp_path) as server:
            options = ("--worker-config", stack.directory / "connect.properties", "--connect-url", stack.connect_url)
            (plan,) = json.loads(takeover(server, *options, ice, "--output", "json"))["connectors"]
            assert plan["action"] == "continue" and plan["against"] == [] and len(plan["offsets"]) == 3
            for turn in range(2):
                said = takeover(server, *options, ice, "--execute")
                assert "RUNNING on leat" in said and "paused in Kafka Connect" in said
                assert stack.states(ice) == ("STOPPED", None)
                lake.until_written_by("leat")
                if turn == 0:
                    assert "RUNNING in Kafka Connect" in takeover(server, *options, ice, "--give-back", "--execute")
                    assert server.states(ice) == ("STOPPED", None)
                    lake.until_written_by("Connect")
            clicks.stop()
            missing = lambda: {t: len(all_) - lake.newest(t)[0] for t, all_ in clicks.into.items()}  # noqa: E731
            found = lambda: "\n".join(lake.told(table, all_) for table, all_ in clicks.into.items())  # noqa: E731
            none = lambda: max(missing().values()) <= 0  # noqa: E731
            wait_until(none, lambda: f"{missing()} are missing\n{found()}", interval=0.3)
            assert {table: lake.numbers(table) for table in Clicks.TABLES} == clicks.into
            server.stop()
    finally:
        catalog.close()


def put(kafka, topic, *records):
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for key, value in records:
        text = value if value is None or isinstance(value, str) else json.dumps(value)
        producer.produce(topic, key=key if isinstance(key, str) else json.dumps(key), value=text, partition=0)
    assert producer.flush(180) == 0


def connector_records(name, config, target=None):
    records = [(f"connector-{name}", {"properties": config})]
    return records + ([(f"target-state-{name}", target)] if target else [])


STOPPED = {"state": "PAUSED", "state.v2": "STOPPED"}
TEXT_KEYS = {"key.converter": "org.apache.kafka.connect.storage.StringConverter"}
CONVERTERS = {f"{side}.converter": "org.apache.kafka.connect.json.JsonConverter" for side in ("key", "value")}


@pytest.mark.xdist_group("kafka")
def test_what_connect_keeps_is_read_and_judged(db, kafka, tmp_path):
    """Topics as Connect's workers leave them: what is in the way of each connector is said, and no secret."""
    topics = [f"{kafka.prefix}-{kind}" for kind in ("configs", "offsets", "status")]
    for topic in topics:
        kafka.create_topic(topic, partitions=1)
    db.psql("CREATE TABLE accounts (id int PRIMARY KEY); CREATE TABLE history (id int PRIMARY KEY)")
    good = debezium(db, "good") | CONVERTERS
    unfinished, chunks = good | {"topic.prefix": "unfinished"}, good | {"topic.prefix": "chunks"}
    sealed = good | {"database.password": "${file:/run/db:password}", "plugin.name": "decoderbufs"}
    put(kafka, topics[0], ("session-key", {"key": PASSWORD, "algorithm": "HmacSHA256"}), ("odd", "no JSON"),
        *connector_records("gone", good), ("connector-gone", None), *connector_records("good", good, STOPPED),
        *connector_records("bare", debezium(db, "bare")), *connector_records("sealed", sealed),
        *connector_records("unfinished", unfinished), *connector_records("chunks", chunks),
        *connector_records("mirror", {"connector.class": "org.example.Mirror"}),
        *connector_records("tabular", {"connector.class": "io.tabular.iceberg.connect.IcebergSinkConnector",
                                       "topics": "good.public.accounts"}),
        *connector_records("lake", {"connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
                                    "iceberg.tables.cdc-field": "op", "iceberg.catalog.type": "hive",
                                    "topics": "good.public.accounts"}))  # fmt: skip
    offset = {"lsn": 150, "lsn_proc": 150, "lsn_commit": 100, "txId": 7, "ts_usec": 1, "messageType": "INSERT"}
    put(kafka, topics[1], (["good", {"server": "good"}], {"lsn": 1}), (["good", {"server": "good"}], offset),
        (["unfinished", {"server": "unfinished"}], {"lsn": 9, "snapshot": "INITIAL", "snapshot_completed": False}),
        (["chunks", {"server": "chunks"}], offset | {"incremental_snapshot_collections": "[{}]"}))  # fmt: skip
    put(kafka, topics[2], ("status-connector-bare", {"state": "RUNNING", "trace": None}),
        ("status-task-bare-0", {"state": "RUNNING"}), ("status-task-good-0", None))  # fmt: skip
    options = ("--bootstrap", kafka.bootstrap, "--group", kafka.prefix)
    with server_module.Server(tmp_path) as server:
        text = takeover(server, *options, "--output", "json", code=1)
        assert PASSWORD not in text
        plan = json.loads(text)
        assert plan["records_passed_over"] == 1 and plan["config.storage.topic"] == topics[0]
        found = {one["name"]: one for one in plan["connectors"]}
        assert set(found) == {"good", "bare", "sealed", "unfinished", "chunks", "mirror", "tabular", "lake"}
        assert {name: one["action"] for name, one in found.items()} == {
            "good": "continue", "bare": "none", "sealed": "none", "unfinished": "anew", "chunks": "none",
            "mirror": "none", "tabular": "none", "lake": "none"}  # fmt: skip
        reasons = {name: " ".join(one["against"]) for name, one in found.items()}
        assert "--worker-config" in reasons["bare"] and "incremental snapshot" in reasons["chunks"]
        assert "org.example.Mirror" in reasons["mirror"] and "stay with Connect" in reasons["tabular"]
        assert "iceberg.tables.cdc-field has no effect with" in reasons["lake"] and "hive" in reasons["lake"]
        assert found["sealed"]["config"]["database.password"] == "${file:/run/db:password}"
        assert found["good"]["offsets"] == [{"partition": {"server": "good"}, "offset": offset}]
        assert found["bare"]["state"] == "RUNNING" and found["bare"]["tasks_running"] == 1
        server.stop()
        text = takeover(server, *options, "good")
        assert "goes on behind 0/64 on slot" in text and "No leat server answers" in text and PASSWORD not in text
    takeover(server, *options, "gone", code=2)
    takeover(server, "--bootstrap", kafka.bootstrap, "--group", "nobody", code=2)


@pytest.mark.xdist_group("kafka")
def test_a_sink_goes_on_at_the_offsets_of_its_group(kafka, tmp_path):
    topics = [f"{kafka.prefix}-{kind}" for kind in ("configs", "offsets", "status")]
    topic, name = f"{kafka.prefix}.clicks", f"{kafka.prefix}files"
    for each in (*topics, topic):
        kafka.create_topic(each, partitions=1)
    put(kafka, topic, *((f"k{n}", {"n": n}) for n in range(10)))
    left = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"connect-{name}"})
    left.commit(offsets=[confluent_kafka.TopicPartition(topic, 0, 4)], asynchronous=False)
    left.close()
    config = connectors.s3_sink(tmp_path, topic) | connectors.JSON_PLAIN | TEXT_KEYS
    put(kafka, topics[0], *connector_records(name, config, STOPPED))
    options = ("--bootstrap", kafka.bootstrap, "--group", kafka.prefix)
    with server_module.Server(tmp_path) as server:
        (plan,) = json.loads(takeover(server, *options, "--output", "json"))["connectors"]
        assert plan["action"] == "continue" and plan["offsets"][0]["offset"] == {"kafka_offset": 4}
        assert "RUNNING on leat" in takeover(server, *options, "--execute")
        folder = tmp_path / "lake/topics" / topic / "partition=0"
        want = [f"{topic}+0+00000000{n:02}.json" for n in (4, 7)]
        server.until(lambda: folder.exists() and sorted(path.name for path in folder.iterdir()) == want,
                     lambda: f"{want}: {server.status(name)}")  # fmt: skip
        assert "was taken over before" in takeover(server, *options, "--execute")


def control_event(group, kind):
    """As AvroEncoderUtil of Iceberg frames it; the payload, which nobody reads here, is short."""
    fields = [("id", {"type": "fixed", "name": "uuid_fixed", "size": 16, "logicalType": "uuid"}), ("type", "int"),
              ("timestamp", {"type": "long", "logicalType": "timestamp-micros"}), ("group_id", "string"),
              ("payload", {"type": "record", "name": "Payload", "fields": []})]  # fmt: skip
    schema = {"type": "record", "name": "Event", "fields": [{"name": name, "type": type} for name, type in fields]}
    text, out = json.dumps(schema).encode(), io.BytesIO()
    event = {"id": bytes(16), "type": kind, "timestamp": 0, "group_id": group, "payload": {}}
    fastavro.schemaless_writer(out, json.loads(text.replace(b'"logicalType"', b'"other"')), event)
    return b"\xc2\x01" + len(text).to_bytes(2, "big") + text + out.getvalue()


@pytest.mark.xdist_group("kafka")
def test_files_that_wait_for_a_coordinator_are_not_left_behind(kafka, tmp_path):
    """Of a sink of tables that was stopped by hand: its group is past what its control topic still has."""
    topics = [f"{kafka.prefix}-{kind}" for kind in ("configs", "offsets", "status")]
    topic, control, name = f"{kafka.prefix}.clicks", f"{kafka.prefix}.control", f"{kafka.prefix}ice"
    for each in (*topics, topic, control):
        kafka.create_topic(each, partitions=1)
    put(kafka, topic, *((f"k{n}", {"n": n}) for n in range(10)))
    client = {"bootstrap.servers": kafka.bootstrap}

    def commit(group, topic, offset):
        consumer = confluent_kafka.Consumer(client | {"group.id": group})
        consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, 0, offset)], asynchronous=False)
        consumer.close()

    def tell(*events):
        for event in events:
            producer.produce(control, value=event, partition=0)
        assert producer.flush(180) == 0

    producer = confluent_kafka.Producer(client)
    START, DATA = 0, 1
    with server_module.Server(tmp_path, {"catalog.warehouse": str(tmp_path / "warehouse")}) as server:
        config = connectors.JSON_PLAIN | TEXT_KEYS | {
            "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector", "topics": topic,
            "iceberg.catalog.type": "rest", "iceberg.catalog.uri": server.catalog_url, "iceberg.tables": "web.clicks",
            "iceberg.tables.auto-create-enabled": "true", "iceberg.control.topic": control,
            "iceberg.control.commit.interval-ms": "100",
        }  # fmt: skip
        put(kafka, topics[0], *connector_records(name, config, STOPPED))
        commit(f"connect-{name}", topic, 4)
        options = ("--bootstrap", kafka.bootstrap, "--group", kafka.prefix)
        tell(control_event(f"connect-{name}", START), control_event("connect-other", DATA))
        tell(control_event(f"connect-{name}", DATA))
        for offset in (None, 2):  # the coordinator has committed nothing yet; all but the last
            if offset is not None:
                commit(f"connect-{name}-coord", control, offset)
            (plan,) = json.loads(takeover(server, *options, "--output", "json"))["connectors"]
            assert any("1 events of topic" in warning for warning in plan["warnings"]), plan["warnings"]
            said = takeover(server, *options, "--execute", code=3)
            assert "no coordinator has put into their tables yet" in said and "resume it in Kafka Connect" in said
            assert server.connect("GET", "/connectors").json() == []
        commit(f"connect-{name}-coord", control, 3)
        tell(b"no event")
        assert "does not understand" in takeover(server, *options, "--execute", code=3)
        commit(f"connect-{name}-coord", control, 4)
        tell(control_event("connect-other", DATA), control_event(f"connect-{name}", START))
        assert "RUNNING on leat" in takeover(server, *options, "--execute")
        until_rows(server, list(range(4, 10)), "web.clicks", lambda rows: sorted(row["n"] for row in rows))
