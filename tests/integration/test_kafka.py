# SPDX-License-Identifier: Apache-2.0
"""Kafka as a sink, on a real Apache Kafka: what read_committed consumers see replays to exactly what the source holds,
whatever dies on the way."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import time

import confluent_kafka
import connectors
import kafka_broker
import pytest
import server as server_module
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka_broker import java_partition
from wait import wait_until

pytestmark = pytest.mark.xdist_group("kafka")

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"
POINTS = sorted(
    {
        name
        for path in SOURCE.rglob("*.c")
        for name in re.findall(r'CRASH_POINT\("(kafka\.[^"]+)"\)', path.read_text())
    }
)
FLAT = ["--envelope", "flat"]
SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(12,3), d date, big text);"
    " ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE TABLE k (n int);"
    " INSERT INTO t SELECT i, 'v' || i, i / 7.0, '2026-01-01'::date + i, repeat('b', 3000)"
    "   FROM generate_series(1, 100) i; INSERT INTO k SELECT i % 3 FROM generate_series(1, 20) i"
)
CHANGES = [
    "UPDATE t SET v = 'x' WHERE id % 7 = {n}; DELETE FROM t WHERE id = {n} + 30",
    "BEGIN; INSERT INTO t SELECT {n} * 10000 + i, 'n', i FROM generate_series(1000, 1400) i;"
    " UPDATE t SET id = -id WHERE id = {n} + 50; INSERT INTO k VALUES ({n}), ({n}); COMMIT",
    "TRUNCATE k; INSERT INTO k VALUES ({n}); UPDATE t SET id = id + 5000 WHERE id = {n} + 60",
]


@pytest.fixture
def kleat(leat, kafka):
    """leat that writes into topics of a prefix of its own."""
    leat.out = kafka.url(kafka.prefix)
    return leat


@pytest.fixture
def check_topics(kafka, work, check_equal):
    """check_topics(db): flat JSON of all topics replays to what the source holds."""

    def check(db, prefix=None):
        return check_topics_of(kafka, prefix or kafka.prefix, db, work / "topics", check_equal)

    return check


def check_topics_of(kafka, prefix, db, out, check_equal):
    shutil.rmtree(out, ignore_errors=True)
    kafka.until_decided(prefix + ".")
    for topic in kafka.topics():
        if topic.startswith(prefix + "."):
            schema, table = topic.removeprefix(prefix + ".").split(".")
            directory = out / schema / table
            directory.mkdir(parents=True)
            values = [m.value().decode() for m in kafka.read(topic) if m.value() is not None]
            name = f"{schema}.{table}-0-00000000000000000000.json"
            (directory / name).write_text("".join(f"{value}\n" for value in values))
    return check_equal(db, out)


def change(db, numbers=(1,)):
    for n in numbers:
        for statements in CHANGES:
            db.execute(statements.replace("{n}", str(n)))


# --- forms ---


def test_flat_json_replays_to_the_source(kleat, db, kafka, check_topics):
    db.execute(SETUP)
    kleat.sync(db, *FLAT)
    change(db, [1, 2])
    kleat.sync(db, *FLAT)
    proofs = check_topics(db)
    assert proofs["public.t"].source > 800
    keys = {m.key() for m in kafka.read(f"{kafka.prefix}.public.t")}
    assert b'{"id":1}' in keys
    assert kafka.read(f"{kafka.prefix}.public.k")[0].key() is None


def test_debezium_json_in_partitions_of_topics_made_by_groups(kleat, db, kafka):
    args = ["--set", "topic.creation.default.partitions=4", "--set", "topic.creation.groups=slim"]
    args += ["--set", r"topic.creation.slim.include=.*\.k", "--set", "topic.creation.slim.partitions=2"]
    args += ["--set", "topic.creation.slim.cleanup.policy=delete", "--set", "topic.creation.slim.retention.ms=3600000"]
    args += ["--set", "debezium.decimal.handling.mode=string", "--set", "producer.override.compression.type=lz4"]
    db.execute(SETUP)
    kleat.sync(db, *args)
    change(db)
    kleat.sync(db, *args)
    topic = f"{kafka.prefix}.public.t"
    kafka.until_decided(topic)
    assert kafka.topics()[topic] == 4 and kafka.topics()[f"{kafka.prefix}.public.k"] == 2
    config = kafka.topic_config(f"{kafka.prefix}.public.k")
    assert config["cleanup.policy"] == "delete" and config["retention.ms"] == "3600000"
    assert kafka.topic_config("leat-positions")["cleanup.policy"] == "compact"
    rows, ops = {}, set()
    for message in kafka.read(topic):
        assert message.partition() == java_partition(message.key(), 4)
        names = [name for name, _ in message.headers()]
        assert "__debezium.context.connectorLogicalName" in names
        key = json.loads(message.key())["id"]
        if message.value() is None:
            assert key not in rows, "a tombstone follows the delete"
            continue
        value = json.loads(message.value())
        ops.add(value["op"])
        assert value["source"]["name"] == kafka.prefix and value["source"]["table"] == "t"
        if value["op"] == "d":
            del rows[key]
            assert value["after"] is None
        else:
            after = value["after"]
            if after["big"] == "__debezium_unavailable_value":
                after["big"] = rows[key]["big"] if key in rows else "b" * 3000
            rows[key] = after
    assert ops == {"r", "c", "u", "d"}
    query = "SELECT id, v, n::text, d - '1970-01-01'::date, big FROM t"
    want = {row[0]: dict(zip(("id", "v", "n", "d", "big"), row)) for row in db.query(query)}
    assert rows == want


@pytest.mark.parametrize("envelope", ["debezium", "flat"])
def test_avro_is_read_by_confluents_client(kleat, db, kafka, registry, envelope):
    db.execute(SETUP)
    db.execute('ALTER TABLE t ADD "odd name" int')
    kleat.format = "avro"
    args = ["--registry", registry, "--envelope", envelope]
    kleat.sync(db, *args)
    db.execute("ALTER TABLE t ADD w text DEFAULT 'new'")
    change(db)
    kleat.sync(db, *args)
    client = SchemaRegistryClient({"url": registry})
    deserialize = AvroDeserializer(client)
    topic = f"{kafka.prefix}.public.t"
    assert {f"{topic}-key", f"{topic}-value"} <= set(client.get_subjects())
    assert len(client.get_versions(f"{topic}-value")) == 2
    rows = {}
    kafka.until_decided(topic)
    for message in kafka.read(topic):
        if message.key() is None:  # a truncate: leat reads a table again that got a column with a default
            rows.clear()
            continue
        key = deserialize(message.key(), SerializationContext(topic, MessageField.KEY))["id"]
        if message.value() is None:
            continue
        value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
        row = value["after"] if envelope == "debezium" else value
        if (value["op"] if envelope == "debezium" else value["__op"]) == "d":
            rows.pop(key)
        else:
            rows[key] = (row["v"], row["n"], row.get("w", "new"))
    assert rows == {row[0]: row[1:] for row in db.query("SELECT id, v, n, w FROM t")}


def test_kafkas_own_console_consumer(kleat, db, kafka):
    db.execute(SETUP)
    kleat.sync(db)
    text = kafka.tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", kafka.bootstrap, "--topic",
        f"{kafka.prefix}.public.t", "--from-beginning", "--max-messages", "100", "--timeout-ms", "240000",
        "--isolation-level", "read_committed",
    )  # fmt: skip
    values = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [value["after"]["id"] for value in values] == list(range(1, 101))


# --- exactly once ---


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at(point, kleat, db, check_topics):
    db.execute(SETUP)
    args = [*FLAT, "--set", "transaction.bytes.max=20000"]
    hit = 0
    for n, count in ((1, 1), (2, 3)):
        hit += kleat.sync_until_done(db, *args, crash_point=f"{point}:{count}").returncode != 0
        change(db, [n])
    hit += kleat.sync_until_done(db, *args, crash_point=point).returncode != 0
    assert hit > 0, "the point was never passed"
    check_topics(db)


def test_broker_dies_and_comes_back(kleat, db, kafka, check_topics):
    db.execute(SETUP)
    process = kleat.follow(db, *FLAT)
    process.until(lambda: f"{kafka.prefix}.public.k" in kafka.topics(), "the topics are made")
    change(db, [1])
    caught_up(process, db, kafka, kafka.prefix, 4710)
    kafka.hold(process.signal, kafka.prefix + ".", "leat-positions")
    kafka.kill()
    process.signal(signal.SIGCONT)
    change(db, [2])
    process.until(lambda: "librdkafka" in process.stderr(), "it sees that the broker is away")
    kafka.start()
    change(db, [3])
    caught_up(process, db, kafka, kafka.prefix, 4711)
    process.stop()
    check_topics(db)


def caught_up(process, db, kafka, prefix, mark):
    """Waits for a row of its own: what was changed before it is committed too."""
    db.execute(f"INSERT INTO k VALUES ({mark})")
    topic = f"{prefix}.public.k"
    process.until(lambda: any(v["n"] == mark for v in kafka.values(topic) if v), f"{mark} is in {topic}")


def test_kill_9_under_load_and_a_zombie_is_fenced(kleat, db, kafka, check_topics):
    db.execute(SETUP)
    process = kleat.follow(db, *FLAT)
    process.until(lambda: f"{kafka.prefix}.public.k" in kafka.topics(), "the topics are made")
    for n in (1, 2, 3):
        change(db, [n])
        process.kill()
        process = kleat.follow(db, *FLAT)
        process.wait_streaming(db)
    caught_up(process, db, kafka, kafka.prefix, 4711)
    # Somebody takes the name: leat is the zombie now.
    settings = {"bootstrap.servers": kafka.bootstrap, "transactional.id": f"leat-{kleat.pipeline}"}
    other = confluent_kafka.Producer(settings)
    other.init_transactions(180)
    other.begin_transaction()
    other.produce(f"{kafka.prefix}.public.k", value=b"never committed")
    other.flush(180)
    db.execute("INSERT INTO k VALUES (77)")
    assert process.wait() != 0
    assert "another process writes" in process.stderr()
    # And it is the other way round when leat starts.
    kleat.sync(db, *FLAT)
    with pytest.raises(confluent_kafka.KafkaException):
        other.commit_transaction(60)
    check_topics(db)


def test_at_least_once_without_transactions(kleat, db, kafka, check_topics):
    args = [*FLAT, "--set", "exactly.once.support=disabled"]
    db.execute(SETUP)
    kleat.sync(db, *args)
    change(db)
    kleat.sync_until_done(db, *args, crash_point="kafka.put:300")
    topic = f"{kafka.prefix}.public.t"
    committed, all_there = kafka.read(topic), kafka.read(topic, "read_uncommitted")
    assert len(committed) == len(all_there)
    rows = {}
    for message in committed:
        value = json.loads(message.value()) if message.value() else None
        rows[message.key()] = value if value is None or value["__op"] != "d" else None
    left = sorted(value["id"] for value in rows.values() if value is not None)
    assert left == [row[0] for row in db.query("SELECT id FROM t ORDER BY id")]


@pytest.mark.slow
def test_brokers_of_three_die_in_turn(leat, db, check_equal, work):
    """Leaders and coordinators move; what is committed stays, whoever dies."""
    with kafka_broker.KafkaCluster(3, {"min.insync.replicas": 2}) as cluster:
        leat.out = cluster.url("three")
        db.execute(SETUP)
        process = leat.follow(db, *FLAT)
        process.until(lambda: "three.public.k" in cluster.topics(), "the topics are made")
        for n, node in enumerate(cluster.nodes, 1):
            node.kill()
            change(db, [n])
            caught_up(process, db, cluster, "three", 4710 + n)  # two brokers go on
            node.start()
            node.ready()
        change(db, [4])
        process.stop()
        check_topics_of(cluster, "three", db, work / "three", check_equal)


# --- whose topics they are ---


def test_a_lost_data_directory_is_found_out(kleat, db, kafka, check_topics):
    db.execute(SETUP)
    kleat.sync(db, *FLAT)
    older = kleat.directory / "older"
    shutil.copytree(kleat.data, older)
    change(db)
    kleat.sync(db, *FLAT)
    name = kleat.pipeline
    shutil.rmtree(kleat.data)
    lost = kleat.sync(db, *FLAT, "--name", name, check=False)
    assert lost.returncode != 0 and "does not know" in lost.stderr
    shutil.rmtree(kleat.data)
    shutil.copytree(older, kleat.data)
    copy = kleat.sync(db, *FLAT, check=False)
    assert copy.returncode != 0 and "older copy" in copy.stderr
    kleat.run("delete", name, "--yes")
    kleat.out = kafka.url(kafka.prefix + "b")
    kleat.sync(db, *FLAT, "--name", name)
    check_topics(db, kafka.prefix + "b")


def test_with_ack_policy_sink_the_data_directory_may_be_lost(kleat, db, check_topics):
    args = [*FLAT, "--set", "ack.policy=sink"]
    db.execute(SETUP)
    kleat.sync(db, *args)
    change(db, [1])
    kleat.sync(db, *args)
    name = kleat.pipeline
    shutil.rmtree(kleat.data)
    change(db, [2])
    kleat.sync(db, *args, "--name", name)
    check_topics(db)


# --- who may do what ---


def sasl(kafka, listener, user="writer", mechanism="PLAIN"):
    protocol = {"sasl": "SASL_PLAINTEXT", "tls": "SASL_SSL"}[listener]
    options = {"security.protocol": protocol, "sasl.mechanism": mechanism, "sasl.username": user}
    options["sasl.password"] = "${env:KAFKA_PASSWORD}"
    if listener == "tls":
        options["ssl.ca.location"] = kafka.directory / "ca.pem"
    return [part for name, value in options.items() for part in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("listener, mechanism", [("sasl", "SCRAM-SHA-256"), ("tls", "PLAIN")])
def test_sasl_and_tls(leat, db, kafka, check_topics, listener, mechanism):
    leat.out = kafka.url(kafka.prefix, listener)
    db.execute(SETUP)
    args = [*FLAT, *sasl(kafka, listener, mechanism=mechanism)]
    env = {"KAFKA_PASSWORD": kafka_broker.USERS["writer"]}
    result = leat.sync(db, *args, env=env, check=mechanism == "PLAIN")
    if result.returncode != 0:  # Debian 12's librdkafka is too old for SCRAM with this broker, and leat says so
        assert "before 2.6.1" in result.stderr
        return
    check_topics(db)
    assert kafka_broker.USERS["writer"] not in (leat.data / "pipelines" / leat.pipeline / "config.json").read_text()


def test_refusals_say_what_to_do(leat, db, kafka):
    db.execute(SETUP)
    leat.out = kafka.url(kafka.prefix, "sasl")
    wrong = leat.sync(db, *sasl(kafka, "sasl"), env={"KAFKA_PASSWORD": "wrong"}, check=False)
    assert wrong.returncode != 0 and "SASL authentication error" in wrong.stderr, wrong.stderr
    assert "sasl.password" in wrong.stderr
    secret = kafka_broker.USERS["limited"]
    limited = leat.sync(db, *sasl(kafka, "sasl", "limited"), env={"KAFKA_PASSWORD": secret}, check=False)
    assert limited.returncode != 0 and "ACL" in limited.stderr and secret not in limited.stderr, limited.stderr
    in_url = leat.run("sync", db.url, f"kafka://u:{secret}@{kafka.bootstrap}/", "--format", "json", check=False)
    assert in_url.returncode != 0 and secret not in in_url.stderr and "sasl.username" in in_url.stderr
    # TLS without the CA: nobody is trusted by accident.
    leat.out = kafka.url(kafka.prefix, "tls")
    args = ["--set", "security.protocol=SASL_SSL", "--set", "sasl.username=writer", "--set", "sasl.password=x"]
    untrusted = leat.sync(db, *args, "--name", "untrusted", check=False)
    assert untrusted.returncode != 0 and "ssl.ca.location" in untrusted.stderr, untrusted.stderr


# --- what Kafka does not take ---


def test_a_record_that_is_too_large(kleat, db, kafka, check_topics):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, repeat('x', 2000000))")
    result = kleat.sync(db, *FLAT, check=False)
    assert result.returncode != 0 and "public.t, offset 0" in result.stderr and "max.request.size" in result.stderr
    kafka.alter_topic(f"{kafka.prefix}.public.t", max_message_bytes="4000000")
    kleat.sync(db, *FLAT, "--set", "producer.override.max.request.size=4000000")
    check_topics(db)


def test_topics_that_leat_may_not_make(kleat, db, kafka, check_topics):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    args = [*FLAT, "--set", "topic.creation.enable=false"]
    result = kleat.sync(db, *args, check=False)
    assert result.returncode != 0 and f"topic {kafka.prefix}.public.t is not there" in result.stderr
    kafka.create_topic(f"{kafka.prefix}.public.t", partitions=2)
    kleat.sync(db, *args)
    check_topics(db)


def test_too_few_replicas_are_waited_for(kleat, db, kafka, check_topics):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    topic = f"{kafka.prefix}.public.t"
    kafka.create_topic(topic, min_insync_replicas="2")
    process = kleat.follow(db, *FLAT)
    process.until(lambda: kafka.read("leat-positions"), "it has begun")
    assert kafka.read(topic) == []
    kafka.alter_topic(topic, min_insync_replicas="1")
    wait_until(lambda: kafka.read(topic), "the row is there", 180, 0.5)
    process.stop()
    check_topics(db)


def test_options_are_checked_before_anything_is_made(leat, db, kafka):
    cases = {
        "?topic.prefx=a": "topic.prefix",
        "?sasl.password=geheim": "shown and stored",
        "?producer.override.acks=1": "guarantees",
        "?producer.override.no.such=1": "librdkafka does not take",
        "?topic.creation.groups=a": "include is missing",
        "?debezium.decimal.handling.mod=string": "has no option decimal.handling.mod",
        "?debezium.source.decimal.handling.mode=string": "here it is debezium.decimal.handling.mode",
        "?debezium.sink.type=kafka": "Debezium Server's",
        "?debezium.decimal.handling.mode=strin": "decimal.handling.mode",
        "table": "a topic is named",
    }
    for parameters, told in cases.items():
        url = f"kafka://{kafka.bootstrap}/{parameters}"
        result = leat.run("sync", db.url, url, "--format", "json", check=False)
        assert result.returncode != 0 and told in result.stderr, (parameters, result.stderr)
    result = leat.run("sync", db.url, f"kafka://{kafka.bootstrap}/", "--format", "avro", check=False)
    assert result.returncode != 0 and "--registry" in result.stderr
    nobody = "kafka://127.0.0.1:1/"
    for args in ((db.url, nobody), (f"{nobody}topic", leat.out), (db.url, leat.out, "--journal", nobody)):
        began = time.monotonic()
        result = leat.run("sync", *args, "--format", "json", check=False)
        assert result.returncode == 3 and "Connection refused" in result.stderr, result.stderr
        assert time.monotonic() - began < 15, "nobody is there to wait for, as for one that does not answer"


# --- connectors of a server ---


NO_JOURNAL = ("has no journal yet", "holds no journal", "there is no pipeline")


def wire(server, name):
    """{topic: lines} of what the connector's readers see; empty as long as it has no journal."""
    argv = [str(server.binary), "topic", "read", "--data-dir", str(server.data), name, "--wire"]
    done = subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180)
    assert done.returncode == 0 or any(text in done.stderr for text in NO_JOURNAL), done.stderr
    topics = {}
    for line in map(json.loads, done.stdout.splitlines()):
        topics.setdefault(line["topic"], []).append(line)
    return topics


def test_connectors_of_a_server_write_into_kafka(kafka, db, work):
    """Avro, SASL, topics by groups, through kill -9 of the worker and of the broker: each record once, where it
    belongs; what Kafka does not take fails the task until it does."""
    secret = kafka_broker.USERS["writer"]
    options = {"kafka.bootstrap.servers": kafka.addresses("sasl"), "kafka.security.protocol": "SASL_PLAINTEXT"}
    options |= {"kafka.sasl.username": "writer", "kafka.sasl.password": "${env:KAFKA_PASSWORD}"}
    options |= {"restart.backoff.min": "50ms", "restart.backoff.max": "1s"}
    prefix, db_config = kafka.prefix, {"table.include.list": "public.t,public.k", "heartbeat.interval.ms": "1000"}
    creation = {"default.partitions": "3", "groups": "slim", "slim.include": r".*\.k", "slim.partitions": "2"}
    creation |= {"slim.cleanup.policy": "delete", "slim.retention.ms": "3600000"}
    db.execute(SETUP)
    with server_module.Server(work, options, env={"KAFKA_PASSWORD": secret}) as server:
        config = connectors.source(db, prefix) | connectors.avro(server) | db_config
        config |= {f"topic.creation.{name}": value for name, value in creation.items()}
        config |= {"exactly.once.support": "required", "producer.override.compression.type": "lz4"}
        refused = server.connect("POST", "/connectors", {"name": "x", "config": config | {
            "leat.kafka.exactly.once.support": "disabled"}})  # fmt: skip
        assert refused.status == 400 and "exactly.once.support" in refused.json()["message"], refused
        server.create("shop", config)
        topic = f"{prefix}.public.t"
        server.until(lambda: topic in kafka.topics(), "the snapshot is there")
        for n in (1, 2, 3):
            change(db, [n])
            if n == 2:
                db.execute("INSERT INTO k VALUES (4711)")
                mark, keys = b"\xce\x49", f"{prefix}.public.k"  # 4711
                server.until(lambda: any(mark in (m.value() or b"") for m in kafka.read(keys)), "it is in Kafka")
                ours = (f"{prefix}.", f"__debezium-heartbeat.{prefix}", "leat-positions")
                kafka.hold(lambda number: server.worker("shop").kill(number), *ours)
                kafka.kill()
            killed = server.worker("shop")
            killed.kill()
            change(db, [n + 3])
            kafka.start()
            server.worker("shop", other_than=killed.pid)
        db.execute("INSERT INTO t VALUES (7777777, repeat('x', 1500000))")
        trace = server.wait_state("shop", "FAILED")["tasks"][0]["trace"]
        assert topic in trace and "max.request.size" in trace, trace
        kafka.alter_topic(topic, max_message_bytes="4000000")
        config |= {"producer.override.max.request.size": "4000000"}
        assert server.connect("PUT", "/connectors/shop/config", config).status == 200
        server.until(lambda: any(m.value() and len(m.value()) > 1500000 for m in kafka.read(topic)), "it is there")
        assert server.connect("PUT", "/connectors/shop/stop").status == 204
        server.until(lambda: not server.workers(), "it is at rest, with all that it has in Kafka")
        assert kafka.topics()[topic] == 3 and kafka.topics()[f"{prefix}.public.k"] == 2
        assert kafka.topic_config(f"{prefix}.public.k")["retention.ms"] == "3600000"
        topics = wire(server, "shop")
        for name in topics:
            kafka.until_decided(name)
        assert f"__debezium-heartbeat.{prefix}" in topics and len(topics[topic]) > 2000
        for name, lines in topics.items():
            kafka_broker.check_wire(kafka.read(name), lines, kafka.topics()[name])
        assert secret not in server.log_text()
    wrong = server_module.Server(work / "wrong", {"kafka.bootstrap.servers": "x:1", "kafka.format": "json"})
    wrong.directory.mkdir()
    assert wrong.spawn().wait() != 0 and "kafka.format" in wrong.log_text()
