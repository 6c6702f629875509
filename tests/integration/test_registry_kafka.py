# SPDX-License-Identifier: Apache-2.0
"""Three brokers: the registry of `leat server --journal kafka://…`, one for all nodes in a topic, another one beside
it, and what `leat doctor` says of Kafka."""

import concurrent.futures
import contextlib
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
import warnings

import apicurio as apicurio_module
import confluent_kafka.admin
import connectors
import kafka_broker
import pytest
from leat import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError

from server import Server
from test_kafka_source import source as topics_of

sys.path.append(str(ROOT / "demo"))
import proof  # noqa: E402
import topics  # noqa: E402

pytestmark = pytest.mark.xdist_group("registry_kafka")
warnings.filterwarnings("ignore", message=".*deprecated.*")


@pytest.fixture(scope="module")
def starting(tmp_path_factory):
    """It starts while others do."""
    if apicurio_module.missing():
        yield None
        return
    with apicurio_module.Apicurio(tmp_path_factory.mktemp("apicurio")) as registry:
        yield registry


@pytest.fixture(scope="module")
def brokers(starting):
    limits = {"transaction.max.timeout.ms": 120000, "group.max.session.timeout.ms": 600000}
    with kafka_broker.KafkaCluster(nodes=3, settings=limits) as cluster:
        yield cluster


@pytest.fixture
def apicurio(starting):
    """A third party's registry."""
    if starting is None:
        pytest.skip(apicurio_module.missing())
    return starting.ready()


def make_server(directory, brokers, prefix, journal=True):
    directory.mkdir(exist_ok=True)
    flags = ["--journal", f"kafka://{brokers.bootstrap}/?prefix={prefix}"] if journal else []
    options = {"restart.backoff.min": "50ms", "restart.backoff.max": "500ms", "restart.crashes.max": "1000"}
    return Server(directory, options, flags)


def client_of(server):
    # Without `timeout` it waits for ever.
    return SchemaRegistryClient({"url": server.registry_url, "max.retries": 0, "timeout": 120})


def schema_of(name):
    fields = [{"name": "id", "type": "long"}, {"name": name, "type": ["null", "string"], "default": None}]
    return Schema(json.dumps({"type": "record", "name": "Row", "namespace": "shop", "fields": fields}), "AVRO")


def error_of(call):
    with pytest.raises(SchemaRegistryError) as caught:
        call()
    return caught.value.http_status_code, caught.value.error_code


def everything(server):
    """What its registry says of all, without the order of what has none."""
    schemas = server.registry("GET", "/schemas?deleted=true").json()
    paths = [f"/{kind}{scope}" for kind in ("config", "mode") for scope in ("", "/old", "/other")]
    settings = [server.registry("GET", path).json() for path in paths]
    return sorted(schemas, key=json.dumps), settings


def before(directory, brokers):
    """A registry in a file: two schemas, one gone softly and the one with the highest id for good, a level, a mode."""
    with make_server(directory, brokers, None, journal=False) as server:
        client = client_of(server)
        ids = [client.register_schema("old", schema_of(name)) for name in ("a", "b", "c")]
        client.delete_version("old", 2)
        client.delete_version("old", 3)
        client.delete_version("old", 3, permanent=True)
        client.set_compatibility("old", "FULL")
        assert server.registry("PUT", "/mode/other", {"mode": "READONLY"}).status == 200
        known = everything(server)
        server.stop()
    return ids, known


def register_many(servers, rounds):
    """Of both nodes at once: half of the schemas are the same, under other subjects. {(subject, field): id}"""
    found = {}

    def register(number, server, thread):
        client = client_of(server)
        for n in range(rounds):
            field = f"same{n}" if n % 2 else f"own{number}_{thread}_{n}"
            subject = f"s{n}" if n % 4 == 1 else f"s{number}_{thread}_{n}"
            found[subject, field, number, thread] = client.register_schema(subject, schema_of(field))

    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = [pool.submit(register, n, server, t) for n, server in enumerate(servers) for t in range(3)]
        for run in runs:
            run.result()
    return found


def test_one_registry_for_all_nodes(brokers, work):
    ids, known = before(work / "a", brokers)
    a, b = (make_server(work / name, brokers, "shared") for name in "ab")
    other = make_server(work / "other", brokers, "shared")
    with make_server(work / "other", brokers, None, journal=False) as old:
        client_of(old).register_schema("others", schema_of("other"))
        old.stop()
    with a, b:
        # What was in the file of the first is in the topic now; one that has others does not start.
        assert everything(a) == everything(b) == known
        assert not (a.data / "registry.db").exists() and (a.data / "registry.db.moved").exists()
        assert other.spawn().wait() != 0 and "both" in other.log_text() and "others" in other.log_text()
        fresh = client_of(b).register_schema("new", schema_of("new"))
        assert fresh > max(ids)  # an id that was given out before is none's

        # Nodes that register at once.
        found = register_many([a, b], 8)
        by_field = {}
        for (_, field, *_), schema_id in found.items():
            assert by_field.setdefault(field, schema_id) == schema_id
        assert len(set(by_field.values())) == len(by_field) and fresh not in by_field.values()
        clients = [client_of(a), client_of(b)]
        for n in range(6):  # any node knows at once
            schema_id = clients[n % 2].register_schema("turns", schema_of(f"turn{n}"))
            assert json.loads(clients[1 - n % 2].get_schema(schema_id).schema_str)["fields"][1]["name"] == f"turn{n}"
        assert error_of(lambda: clients[0].get_schema(100000)) == (404, 40403)
        clients[0].set_compatibility("turns", "NONE")
        clients[1].delete_subject("new")
        b.until(lambda: everything(a) == everything(b), "both say the same")

        # kill -9 while one registers: what was answered holds.
        answered, stop = {}, threading.Event()

        def go_on():
            client, n = client_of(a), 0
            while not stop.is_set():
                try:
                    answered[f"kill{n}"] = client.register_schema(f"k{n % 7}", schema_of(f"kill{n}"))
                except Exception:  # noqa: BLE001
                    continue
                n += 1

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            b.until(lambda: len(answered) > 5, "some are registered")
            a.kill()
            count = len(answered)
            shutil.rmtree(a.data)  # a new machine
            a.start()
            b.until(lambda: len(answered) > count + 5, "more are registered")
        finally:
            stop.set()
            thread.join()
        for node in (a, b):
            client = client_of(node)  # a new one costs more than what it asks, and knows nothing yet
            for field, schema_id in answered.items():
                text = client.get_schema(schema_id).schema_str
                assert json.loads(text)["fields"][1]["name"] == field
        b.until(lambda: everything(a) == everything(b), "both say the same")
        assert len(everything(a)[0]) == len({(v["subject"], v["version"]) for v in everything(a)[0]})

        # Kafka away: what is known is answered; what is not is not denied, and nothing is taken.
        known = everything(a)
        brokers.kill()
        try:
            assert everything(a) == everything(b) == known
            assert error_of(lambda: clients[0].get_schema(100000)) == (500, 50001)
            assert error_of(lambda: clients[1].register_schema("away", schema_of("away"))) == (500, 50001)
            assert client_of(b).register_schema("old", schema_of("a")) == ids[0]  # is there
            a.kill()
            a.start()
            assert a.registry("GET", "/subjects").json()["error_code"] == 50001
        finally:
            brokers.start()
        a.until(lambda: a.registry("GET", "/subjects").status == 200, "it has read its topic")
        assert everything(a) == known
        b.until(lambda: b.registry("GET", "/schemas/ids/100000").status == 404, "it reaches Kafka again")
        last = client_of(a).register_schema("back", schema_of("back"))
        assert client_of(b).get_schema(last).schema_str == client_of(a).get_schema(last).schema_str
        assert last not in by_field.values()
    check_records(brokers, "shared.schemas", known)


def check_records(brokers, topic, known):
    """Keys and values are those of Confluent's registry; the topic is compacted, and has three replicas."""
    records = {m.key(): m.value() for m in brokers.read(topic)}
    for version in known[0]:
        subject, number = version["subject"], version["version"]
        key = f'{{"keytype":"SCHEMA","subject":"{subject}","version":{number},"magic":1}}'.encode()
        value = json.loads(records[key])
        deleted = value.pop("deleted")
        assert value == {name: version[name] for name in ("subject", "version", "id", "schema")}
        assert deleted == version.get("deleted", False)
    assert json.loads(records[b'{"keytype":"CONFIG","subject":"old","magic":0}']) == {"compatibilityLevel": "FULL"}
    assert json.loads(records[b'{"keytype":"MODE","subject":"other","magic":0}']) == {"mode": "READONLY"}
    config = brokers.topic_config(topic)
    assert config["cleanup.policy"] == "compact" and brokers.topics()[topic] == 1


# --- the storefront ---

TABLES = ("shop.users", "shop.products", "shop.schema_version")  # a part of it: Python decodes each record


def storefront(db, server, prefix, registry_url):
    """Debezium's configuration, with Avro by that registry."""
    more = {"table__include__list": ",".join(TABLES).replace(".", "\\."), "decimal__handling__mode": "string"}
    more |= {"publish__via__partition__root": "true", "slot__name": f"slot_{prefix}"}
    config = connectors.source(db, prefix, **more)
    for part in ("key", "value"):
        config[f"{part}.converter"] = "io.confluent.connect.avro.AvroConverter"
        config[f"{part}.converter.schema.registry.url"] = registry_url
    server.create(prefix, config)


def read(brokers, url, prefix, directory):
    """Confluent's client reads the topics; under the names that the proof asks for."""
    shutil.rmtree(directory, ignore_errors=True)
    found = topics.read(brokers.bootstrap, url, f"{prefix}.shop.", directory)
    for name in found:
        (directory / name).rename(directory / f"shop.{name.removeprefix(prefix + '.')}")
    return found


def console(brokers, topic, count):
    """What Kafka's console consumer prints of a topic: log lines, and values with <end> behind each."""
    argv = brokers.nodes[0].argv(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", brokers.bootstrap, "--topic", topic,
        "--from-beginning", "--max-messages", count, "--timeout-ms", "240000", "--isolation-level", "read_committed",
        "--property", "line.separator=<end>",
    )  # fmt: skip
    return subprocess.run(argv, capture_output=True, timeout=kafka_broker.TIMEOUT).stdout


def test_the_storefront_in_avro_by_two_registries(brokers, db, work, apicurio):
    """Its own and Apicurio's, through kill -9 of leat, of the broker that has the schemas, and of Apicurio."""
    server = make_server(work / "server", brokers, "front")
    leat = str(server.binary)
    generate = [leat, "generate", "storefront", "--to", db.url]
    subprocess.run([*generate, "--rate", "0"], check=True, capture_output=True)
    with server:
        urls = {"own": server.registry_url, "other": f"{apicurio.url}/"}
        for prefix, url in urls.items():
            storefront(db, server, prefix, url)
        for prefix in urls:
            server.wait_state(prefix)
        traffic = [*generate, "--rate", "400", "--duration", "3s"]
        subprocess.run([*traffic, "--migrations", "1"], check=True, capture_output=True)
        server.kill()
        apicurio.kill()
        # All that was before may be in Kafka: nobody would ask.
        db.execute("UPDATE shop.users SET name = name WHERE id = (SELECT min(id) FROM shop.users)")
        server.start()
        refused = f"Failed to connect to 127.0.0.1 port {apicurio.port} "
        server.until(lambda: refused in server.log_text(), "the source asks Apicurio for its schemas")
        apicurio.start()
        leader = brokers.admin.list_topics(timeout=30).topics["front.schemas"].partitions[0].leader
        node = next(node for node in brokers.nodes if node.number == leader)
        node.kill()
        subprocess.run([*traffic, "--seed", "2"], check=True, capture_output=True)
        brokers.start()
        with db.connect() as source:
            for prefix, url in urls.items():

                def holds(prefix=prefix, url=url):
                    if url.startswith(apicurio.url) and not apicurio.answers():
                        return False
                    read(brokers, url, prefix, work / prefix)
                    proofs = [p for p in proof.prove(source, "shop", work / prefix, work) if p.table in TABLES]
                    return len(proofs) == len(TABLES) and all(one.holds() for one in proofs) and proofs

                assert sum(one.source for one in server.until(holds, f"{prefix} is equal", 180)) > 1000
        for prefix in urls:
            values = [m.value() for m in brokers.read(f"{prefix}.shop.products")]
            assert len(values) >= 2000
            printed = console(brokers, f"{prefix}.shop.products", len(values)).split(b"<end>")[:-1]
            assert len(printed) == len(values)
            assert all(one.endswith(value) for one, value in zip(printed, values))
        for prefix, url in urls.items():
            subjects = SchemaRegistryClient({"url": url}).get_subjects()
            assert f"{prefix}.shop.users-value" in subjects


def test_apicurio_has_versions_and_refuses(brokers, db, new_leat, apicurio, check_equal):
    """`leat sync` into topics and from them, and `leat schema`, by a registry below a path."""
    writer, reader, url = new_leat(), new_leat(), f"{apicurio.url}/"
    writer.format, writer.out = "avro", brokers.url("api")
    args, subject = ["--registry", url], "api.public.t-value"
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(12,3)); INSERT INTO t VALUES (1, 'a', 1.5)")
    writer.sync(db, *args)
    apicurio.call("PUT", f"/config/{subject}", {"compatibility": "BACKWARD"})
    db.execute("ALTER TABLE t ADD w text; INSERT INTO t VALUES (2, 'b', -2, 'x'); UPDATE t SET n = 7 WHERE id = 1")
    writer.sync(db, *args)
    brokers.until_decided("api.")
    client = SchemaRegistryClient({"url": url})
    assert client.get_versions(subject) == [1, 2]
    reader.sync(topics_of(brokers, r"api\.public\..*", registry=url))
    check_equal(db, reader.out)

    # What it refuses is not written; what somebody else says of the subject is heard.
    db.execute("ALTER TABLE t ALTER v TYPE int USING id; INSERT INTO t VALUES (3, 33, 1, NULL)")
    count = len(brokers.read("api.public.t"))
    refused = writer.sync(db, *args, check=False)
    assert refused.returncode != 0 and count == len(brokers.read("api.public.t"))
    assert all(word in refused.stderr for word in (f"refuses '{subject}'", "Incompatible", "compatibility level"))
    schema = ["--url", url, "--output", "json"]
    assert json.loads(writer.run("schema", "config", subject, *schema).stdout) == {"compatibilityLevel": "BACKWARD"}
    writer.run("schema", "config", subject, "--level", "NONE", *schema)
    writer.sync(db, *args)
    newest = json.loads(writer.run("schema", "show", subject, *schema).stdout)
    assert client.get_versions(subject) == [1, 2, 3] and newest["version"] == 3
    line = next(one for one in writer.run("schema", "list", "--url", url).stdout.splitlines() if subject in one)
    assert line.split() == [subject, "3", str(newest["id"]), "AVRO"]

    # Where there is none: the path is missing.
    writer.out = brokers.url("nowhere")
    nowhere = writer.sync(db, "--registry", url.removesuffix("/apis/ccompat/v7/"), "--name", "nowhere", check=False)
    assert nowhere.returncode != 0 and "is no schema registry" in nowhere.stderr


# --- leat doctor ---


class Late(http.server.BaseHTTPRequestHandler):
    """A node whose clock is an hour behind."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() - 3600)

    def log_message(self, *_):
        pass


def ask_doctor(leat, *args, env=None):
    """Exit code, {(level, check): text}"""
    result = leat.run("doctor", *args, "--output", "json", check=False, env=env)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return result.returncode, {(one["level"], one["check"]): one["text"] for one in found if one["event"] == "finding"}


def test_doctor_of_brokers_topics_and_nodes(brokers, work, new_leat):
    leat, group = new_leat(), "doc-nodes"
    server = make_server(work / "server", brokers, "doc")
    server.options["cluster.group"] = group
    journal = f"kafka://{brokers.bootstrap}/?prefix=doc"
    cluster = ["--set", f"cluster.group={group}"]
    late = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late)
    threading.Thread(target=late.serve_forever, daemon=True).start()
    with server, contextlib.closing(late.socket):
        told = lambda: server.connect("GET", "/health").json()["cluster"]  # noqa: E731
        server.until(lambda: (told() or {}).get("member"), "it is a node")
        code, found = ask_doctor(leat, "--journal", journal, *cluster)
        assert code == 0 and {level for level, _ in found} == {"ok"}, found
        assert {"transaction.max.timeout.ms", "cluster.session.timeout", "topics", "node"} <= {c for _, c in found}

        # Everything is wrong.
        new = confluent_kafka.admin.NewTopic("doc.x.journal", 1, 1, config={"retention.ms": "3600000"})
        brokers.admin.create_topics([new])["doc.x.journal"].result(180)
        brokers.until_known("doc.x.journal", 1)
        brokers.create_topic("doc.pins", cleanup_policy="delete")
        brokers.alter_topic("doc.schemas", min_insync_replicas="3")
        producer = confluent_kafka.Producer({"bootstrap.servers": brokers.bootstrap})
        for name, port in (("far", 1), ("late", late.server_port)):
            value = {"format_version": 1, "url": f"http://127.0.0.1:{port}", "version": "0.0.1"}
            producer.produce(f"{group}-status", key=f"n/{name}", value=json.dumps(value))
        assert producer.flush(180) == 0
        code, found = ask_doctor(leat, "--journal", f"{journal}&transaction.timeout=3m", *cluster,
                                 "--set", "cluster.session.timeout=20m")  # fmt: skip
    told = {
        ("problem", "transaction.max.timeout.ms"): "2m00s at most",
        ("problem", "cluster.session.timeout"): "brokers take 1.0 s to 10m00s",
        ("problem", "cleanup.policy"): "doc.pins is delete",
        ("problem", "node"): "far is not reached",
        ("warn", "retention"): "doc.x.journal (older than 1h00m)",
        ("warn", "replication.factor"): "doc.x.journal has one replica, on 3 brokers",
        ("warn", "min.insync.replicas"): "doc.schemas is 3, of 3 replicas",
        ("warn", "version"): "not all nodes",
        ("warn", "clock"): "node late is",
    }
    assert code == 1 and {key: found.get(key) for key in told if told[key] not in found.get(key, "")} == {}, found
    server.options["cluster.session.timeout"] = "20m"
    with server:
        server.until(lambda: "leat doctor says them" in server.log_text(), "its start says what brokers take")

    # Whom brokers tell nothing; who does not get in.
    user = "security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN&sasl.username=limited&sasl.password=${env:WORD}"
    url = f"kafka://{brokers.addresses('sasl')}/?{user}"
    code, found = ask_doctor(leat, url, env={"WORD": kafka_broker.USERS["limited"]})
    assert code == 0 and "brokers' settings are not told" in found["warn", "acl"]
    code, found = ask_doctor(leat, url, env={"WORD": "wrong"})
    assert code == 1 and list(found) == [("problem", "kafka")]
