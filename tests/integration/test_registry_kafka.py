# SPDX-License-Identifier: Apache-2.0
"""The registry of `leat server --journal kafka://…`: in a topic, one for all nodes, on three brokers."""

import concurrent.futures
import json
import shutil
import subprocess
import sys
import threading
import warnings

import connectors
import kafka_broker
import pytest
from leat import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError

from server import Server

sys.path.append(str(ROOT / "demo"))
import proof  # noqa: E402
import topics  # noqa: E402

pytestmark = pytest.mark.xdist_group("registry_kafka")
warnings.filterwarnings("ignore", message=".*deprecated.*")


@pytest.fixture(scope="module")
def brokers():
    with kafka_broker.KafkaCluster(nodes=3) as cluster:
        yield cluster


def make_server(directory, brokers, prefix, journal=True):
    directory.mkdir(exist_ok=True)
    flags = ["--journal", f"kafka://{brokers.bootstrap}/?prefix={prefix}"] if journal else []
    options = {"restart.backoff.min": "50ms", "restart.backoff.max": "500ms", "restart.crashes.max": "1000"}
    return Server(directory, options, flags)


def client_of(server):
    return SchemaRegistryClient({"url": server.registry_url, "max.retries": 0})


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
            n = 0
            while not stop.is_set():
                try:
                    answered[f"kill{n}"] = client_of(a).register_schema(f"k{n % 7}", schema_of(f"kill{n}"))
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
            for field, schema_id in answered.items():
                text = client_of(node).get_schema(schema_id).schema_str
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
        "--from-beginning", "--max-messages", count, "--timeout-ms", "60000", "--isolation-level", "read_committed",
        "--property", "line.separator=<end>",
    )  # fmt: skip
    return subprocess.run(argv, capture_output=True, timeout=120).stdout


def test_the_storefront_in_avro_by_two_registries(brokers, db, work, registry):
    """Its own and another one, through kill -9 of leat and of the broker that has the schemas."""
    server = make_server(work / "server", brokers, "front")
    leat = str(server.binary)
    generate = [leat, "generate", "storefront", "--to", db.url]
    subprocess.run([*generate, "--rate", "0"], check=True, capture_output=True)
    with server:
        urls = {"own": server.registry_url, "other": registry}
        for prefix, url in urls.items():
            storefront(db, server, prefix, url)
        for prefix in urls:
            server.wait_state(prefix, timeout=120)
        traffic = [*generate, "--rate", "400", "--duration", "3s"]
        subprocess.run([*traffic, "--migrations", "1"], check=True, capture_output=True)
        server.kill()
        server.start()
        leader = brokers.admin.list_topics(timeout=30).topics["front.schemas"].partitions[0].leader
        node = next(node for node in brokers.nodes if node.number == leader)
        node.kill()
        subprocess.run([*traffic, "--seed", "2"], check=True, capture_output=True)
        brokers.start()
        with db.connect() as source:
            for prefix, url in urls.items():

                def holds(prefix=prefix, url=url):
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
