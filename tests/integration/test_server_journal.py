# SPDX-License-Identifier: Apache-2.0
"""`leat server --journal kafka://…`: source connectors' journals in topics of a real Kafka."""

import shutil
import threading
from collections import Counter

import confluent_kafka
import connectors
import kafka_broker
import pytest
import server as server_module
from pyiceberg.catalog.rest import RestCatalog
from test_connect_iceberg import UNWRAP
from test_connect_iceberg import sink as iceberg_sink
from test_connectors import changes, put, until_equal
from wait import wait_until

pytestmark = pytest.mark.xdist_group("kafka_journal")  # a broker of their own: they take long

ADDED = {
    "transforms": "p",
    "transforms.p.type": "org.apache.kafka.connect.transforms.InsertHeader",
    "transforms.p.header": "added",
    "transforms.p.value.literal": "yes",
}
CHOSEN = ("reads a source", "the sink has read a journal before")  # of Kafka's topics, of a journal that is to come
OPTIONS = {"restart.backoff.min": "100ms", "restart.backoff.max": "500ms", "restart.crashes.max": "1000"}


def make_server(directory, kafka, options=None, journal=True, **kafka_options):
    directory.mkdir(exist_ok=True)
    flags = [f"--kafka.{name.replace('__', '.')}={value}" for name, value in kafka_options.items()]
    flags += ["--journal", f"kafka://{kafka.bootstrap}/?prefix={kafka.prefix}"] if journal else []
    return server_module.Server(directory, OPTIONS | (options or {}), flags)


def source(db, kafka, **more):
    return connectors.source(db, kafka.prefix, **more) | connectors.JSON_PLAIN


def sink(work, kafka, **more):
    topic = f"{kafka.prefix}.public.orders"
    return connectors.s3_sink(work, topic, flush__size="1", **more) | connectors.JSON_PLAIN


def clean_up(kafka, topic, policy):
    """Back when the broker says so too: a change is answered when it is decided."""
    kafka.alter_topic(topic, cleanup_policy=policy)
    wait_until(lambda: kafka.topic_config(topic)["cleanup.policy"] == policy, f"{topic} has {policy}")


def failed(server, name):
    server.until(lambda: server.states(name) == ("RUNNING", "FAILED"), lambda: server.status(name))
    return server.status(name)["tasks"][0]["trace"]


def test_journals_in_kafka_and_who_may_have_them_where(kafka, db, work):
    db.execute(connectors.ORDERS)
    topic, lake = f"{kafka.prefix}.public.orders", work / "lake"
    with make_server(work / "server", kafka, journal=False) as server:  # in files, as before
        server.create("old", connectors.source(db, "old") | connectors.JSON_PLAIN)
        server.wait_state("old")
        server.stop()
    with make_server(work / "server", kafka) as server:
        server.create("Shop/1", source(db, kafka))
        server.create("lake", sink(work, kafka))
        until_equal(server, db, lake, topic)
        changes(db)
        until_equal(server, db, lake, topic)
        name = f"{kafka.prefix}.X53hopX2F1.journal"
        assert name in kafka.topics() and not list(server.data.glob("pipelines/*hop*/journal/*.log"))
        server.until(lambda: kafka.read(topic), "records go there too")
        # The one in files is not left behind silently.
        trace = failed(server, "old")
        assert "in files, and stays there" in trace and "leat.journal" in trace, trace
        put(server, "old", connectors.source(db, "old", leat__journal=""), connectors.JSON_PLAIN)
        server.wait_state("old")
        bad = {"name": "x", "config": source(db, kafka, leat__journal="kafka://")}
        bad = server.connect("POST", "/connectors", bad)
        assert bad.status == 400 and "there is no broker" in bad.json()["message"], bad
        server.kill()
    with make_server(work / "server", kafka, journal=False) as server:
        assert "in Kafka, and stays there" in failed(server, "Shop/1")
        server.stop()
    clean_up(kafka, name, "compact")
    with make_server(work / "server", kafka) as server:
        assert "cleanup.policy=delete" in failed(server, "Shop/1")
        clean_up(kafka, name, "delete")
        assert server.connect("POST", "/connectors/Shop%2F1/restart?includeTasks=true").status in (200, 202, 204)
        db.execute("INSERT INTO orders VALUES (70, 'again')")
        until_equal(server, db, lake, topic)
        assert server.connect("DELETE", "/connectors/Shop%2F1").status == 204
        server.until(lambda: name not in kafka.topics(), "the journal is gone")
        assert topic in kafka.topics()
        server.stop()


def test_options_of_kafka_hold_for_journals_too(kafka, db, work):
    """One Kafka for both: SASL said once, and a user who may do nothing is told so."""
    db.execute(connectors.ORDERS)
    secret = kafka_broker.USERS["limited"]
    words = {"security__protocol": "SASL_PLAINTEXT", "sasl__username": "limited"}
    words["sasl__password"] = "${env:KAFKA_PASSWORD}"
    work.joinpath("s").mkdir()
    flags = ["--journal", f"kafka://{kafka.addresses('sasl')}/?prefix={kafka.prefix}"]
    flags += [f"--kafka.{name.replace('__', '.')}={value}" for name, value in words.items()]
    with server_module.Server(work / "s", OPTIONS, flags, env={"KAFKA_PASSWORD": secret}) as server:
        server.create("lost", source(db, kafka))
        trace = failed(server, "lost")
        assert "ACL" in trace and secret not in server.log_text(), trace
    for wrong, told in (("--kafka.sasl.password=geheim", "shown and stored"), ("--kafka.format=json", "kafka.format")):
        server = server_module.Server(work / "s", OPTIONS, [*flags[:2], wrong]).spawn()
        assert server.wait() == 2 and told in server.log_text() and "geheim" not in server.log_text()


class Load(threading.Thread):
    """Rows that come, change and go, until it is stopped."""

    def __init__(self, db, pause_s=0.02):
        super().__init__(daemon=True)
        self.db, self.ended, self.next, self.pause_s = db, threading.Event(), 1000, pause_s

    def run(self):
        while not self.ended.wait(self.pause_s):
            n = self.next
            self.db.execute(f"INSERT INTO orders SELECT i, 'load' FROM generate_series({n}, {n + 4}) i")
            self.db.execute(f"UPDATE orders SET name = 'x' WHERE id = {n}; DELETE FROM orders WHERE id = {n + 1}")
            self.next = n + 5

    def stop(self):
        self.ended.set()
        self.join(180)
        assert not self.is_alive()


def iceberg(work, catalog, topic):
    rest = {"iceberg.catalog.type": "rest", "iceberg.catalog.uri": catalog.catalog_url}
    return iceberg_sink(work, topic, "shop.orders") | rest | UNWRAP | connectors.JSON_PLAIN


def told(server, message):
    """The connectors whose workers have logged it."""
    return {event.get("connector") for event in server.events() if event.get("message", "").startswith(message)}


def newest(lake, topic):
    """The highest id in the files."""
    return max((r["after"]["id"] for r in connectors.records(lake, topic) if r["after"]), default=0)


def check_once(records):
    """Each row is created once, and what there is leads to as many rows as there are."""
    created = [record["after"]["id"] for record in records if record["op"] in "rc"]
    assert len(created) == len(set(created)), "a record is there twice"


def test_the_machine_is_lost_under_load(kafka, db, work):
    """kill -9 of all of the server, its data directory gone, the connectors made again on another one: nothing is lost
    and nothing is there twice, in Kafka, in files and in a lake; also what a former configuration has appended."""
    db.execute(connectors.ORDERS)
    topic, lake, load = f"{kafka.prefix}.public.orders", work / "lake", Load(db)
    (work / "catalog").mkdir()
    with server_module.Server(work / "catalog", {"catalog.warehouse": str(work / "warehouse")}) as catalog:
        for life in range(3):
            server = make_server(work / f"machine{life}", kafka)
            with server:
                more = {} if life < 2 else {"leat.journal.segment.bytes": "1MiB"}
                if life == 0:
                    server.create("lost", source(db, kafka))
                server.create("lake", sink(work, kafka))
                server.create("ice", iceberg(work, catalog, topic))
                if life > 0:  # the topic is in Kafka, too: the sinks wait for their source all the same
                    server.until(lambda: told(server, CHOSEN) == {"lake", "ice"}, "both sinks have chosen")
                    assert not told(server, CHOSEN[0]), "Kafka's topic is read in place of the journal"
                    server.create("lost", source(db, kafka) | more)
                if life == 0:
                    until_equal(server, db, lake, topic)
                    load.start()
                first = load.next
                server.until(lambda: newest(lake, topic) >= first, f"rows of machine {life} are in the files")
                if life < 2:
                    server.kill()
                    shutil.rmtree(server.data)
                    continue
                load.stop()
                until_equal(server, db, lake, topic)
                until_in_kafka(server, kafka, db, topic)
                want = Counter(rows_ever(kafka, topic))
                once = f"the lake has each of {len(want)} once"
                server.until(lambda: lake_ids(catalog) == want, lambda: f"{once}: {lake_ids(catalog)}")
    check_once(connectors.records(lake, topic))
    connectors.check_offsets(lake, topic)
    check_once([value for value in kafka.values(topic) if value])


def until_in_kafka(server, kafka, db, topic):
    def look():
        values = [value for value in kafka.values(topic) if value]
        return set(connectors.replay(values)) == set(connectors.order_rows(db))

    server.until(look, "the topic replays to the table")


def rows_ever(kafka, topic):
    """Ids of the rows that records without deletes have."""
    return [value["after"]["id"] for value in kafka.values(topic) if value and value["op"] != "d"]


def lake_ids(catalog):
    """How often each is in the table; none where that is not there yet."""
    known = RestCatalog("c", uri=catalog.catalog_url)
    if not known.table_exists("shop.orders"):
        return Counter()
    return Counter(known.load_table("shop.orders").scan(selected_fields=("id",)).to_arrow()["id"].to_pylist())


def test_a_sink_on_another_machine(kafka, db, work):
    """It needs no file of the writer, and what it has not got stays in the journal while it is down."""
    db.execute(connectors.ORDERS)
    topic, lake = f"{kafka.prefix}.public.orders", work / "lake"
    small = {"leat.journal.segment.bytes": "1MiB", "leat.journal.retention.bytes": "0"}
    config = source(db, kafka) | small
    writer, reader = make_server(work / "writer", kafka), make_server(work / "reader", kafka)
    connectors.put_document(reader, "apart", "source", config, "STOPPED")
    journal = f"{kafka.prefix}.apart.journal"
    with writer, reader:
        writer.create("apart", config)
        reader.create("lake", sink(work, kafka))
        until_equal(reader, db, lake, topic)
        assert not (reader.data / "pipelines/apart/programs").exists()
        reader.kill()
        writer.connect("PUT", "/connectors/apart/config", config | ADDED)
        db.execute("INSERT INTO orders SELECT i, repeat('x', 20000) FROM generate_series(20, 219) i")
        pins = kafka.prefix + ".pins"
        writer.until(lambda: len(kafka.read(topic)) > 200, "all is in Kafka")
        db.execute("INSERT INTO orders VALUES (9500, 'more')")
        writer.until(lambda: low(kafka, journal) is not None, "the journal is there")
        held = low(kafka, journal)
        reader.start()
        until_equal(reader, db, lake, topic)
        assert pins in kafka.topics()
        writer.until(lambda: low(kafka, journal) > held, "the journal is trimmed once the sink has it")
        assert writer.connect("DELETE", "/connectors/apart").status == 204
        writer.until(lambda: journal not in kafka.topics(), "the journal is gone")


def low(kafka, topic):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test"})
    try:
        return consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=60)[0]
    finally:
        consumer.close()
