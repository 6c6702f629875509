# SPDX-License-Identifier: Apache-2.0
"""Three nodes on three brokers: each is killed with -9 in turn, nodes and processes of theirs are paused for longer
than the session, while rows come. Nothing is lost, nothing is there twice, nothing is out of order."""

import itertools
import json
import signal
import time
from collections import Counter

import confluent_kafka
import connectors
import kafka_broker
import pytest
from leat import Leat
from pyiceberg.catalog.rest import RestCatalog
from server import Server
from test_cluster import ROTATED, SESSION_S, Cluster
from test_server_journal import Load, iceberg, lake_ids, source
from wait import wait_until

pytestmark = pytest.mark.xdist_group("cluster_brokers")

BROKERS = {  # which are gone is known as soon as of nodes
    "min.insync.replicas": 2,
    "broker.session.timeout.ms": SESSION_S * 1000,
    "broker.heartbeat.interval.ms": 500,
}


@pytest.fixture
def kafka():
    with kafka_broker.KafkaCluster(3, BROKERS) as made:
        made.prefix = "three"
        yield made


class Watch:
    """What readers of committed records get of a topic, as it comes."""

    def __init__(self, kafka, topic):
        self.values = []
        self.consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "watch",
                                                  "enable.auto.commit": False, "log_level": 0})  # fmt: skip
        self.consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])

    def look(self):
        """What came until now; None for tombstones."""
        while (message := self.consumer.poll(0.02)) is not None:
            if message.error() is None:
                self.values.append(message.value() and json.loads(message.value()))
        return self.values

    def has(self, row):
        return any(value and value["after"] and value["after"]["id"] >= row for value in self.look()[-1000:])


class Proof:
    """A source, a pipeline, a sink into files and one into a lake: do they follow, and is in the end each change
    everywhere once, in the order of the source?"""

    def __init__(self, cluster, load, bucket, catalog):
        kafka = cluster.kafka
        self.cluster, self.load, self.bucket, self.catalog = cluster, load, bucket, catalog
        self.topics = {"moves": f"{kafka.prefix}.public.orders", "piped": f"{kafka.prefix}piped.public.orders"}
        self.watches = {name: Watch(kafka, topic) for name, topic in self.topics.items()}

    def close(self):
        for watch in self.watches.values():
            watch.consumer.close()

    def files_at(self):
        """The offset where the newest file begins."""
        offsets = [int(key.rsplit("+", 1)[1].split(".")[0]) for key in self.bucket.keys() if "+" in key]
        return max(offsets, default=-1)

    def lake_at(self):
        """The offset that comes next into the table."""
        known = RestCatalog("c", uri=self.catalog.catalog_url)
        if not known.table_exists("shop.orders"):
            return -1
        snapshot = known.load_table("shop.orders").current_snapshot()
        offsets = json.loads(snapshot.summary["leat.offsets"]) if snapshot else {}
        return max(offsets.values(), default=-1)

    def follows(self):
        """What is inserted from now on comes everywhere."""
        row = self.load.next
        for name, watch in self.watches.items():
            self.until(lambda watch=watch: watch.has(row), f"row {row} is in the topic of {name}")
        count = len(self.watches["moves"].values)
        self.until(lambda: self.files_at() >= count, f"offset {count} is in the files")
        self.until(lambda: self.lake_at() >= count, f"offset {count} is in the lake")

    def until(self, condition, what):
        def told():
            logs = "".join(f"\n{node.log}\n{node.log_tail(25)}" for node in self.cluster.nodes)
            topics = [len(watch.values) for watch in self.watches.values()]
            return f"{what}: topics at {topics}, files at {self.files_at()}, lake at {self.lake_at()}{logs}"

        return wait_until(condition, told, interval=0.1)

    def changes(self):
        """What the load has done: operation and row."""
        found = [("r", row) for row in range(1, 11)]
        for row in range(1000, self.load.next, 5):
            found += [("c", row + n) for n in range(5)] + [("u", row), ("d", row + 1)]
        return found

    def check(self, work):
        """Topics and files in the source's order; a table has none."""
        want = self.changes()
        for name, watch in self.watches.items():
            every = f"{name} has {len(want)} changes"
            self.until(lambda watch=watch: len(changes_of(watch.look())) >= len(want), every)
            again = changes_of(self.cluster.kafka.values(self.topics[name]))
            assert again == want, f"{name}: {difference(again, want)}"
        copies = itertools.count()

        def in_files():
            copy = work / f"copy{next(copies)}"
            self.bucket.download(copy)
            found = changes_of(connectors.records(copy, self.topics["moves"]))
            return len(found) >= len(want) and found

        files = self.until(in_files, f"the files have {len(want)} changes")
        assert files == want, f"files: {difference(files, want)}"
        rows = Counter(row for operation, row in want if operation != "d")
        self.until(lambda: lake_ids(self.catalog).total() >= rows.total(), f"the lake has {rows.total()} rows")
        lake = lake_ids(self.catalog)
        assert lake == rows, (lake - rows, rows - lake)


def changes_of(values):
    return [(v["op"], (v["after"] or v["before"])["id"]) for v in values if v]


def difference(found, want):
    """Where two lists part."""
    at = next((n for n, (a, b) in enumerate(zip(found, want)) if a != b), min(len(found), len(want)))
    return f"{len(found)} changes of {len(want)}; from {at} on {found[at : at + 10]}, not {want[at : at + 10]}"


def files_on_s3(bucket, topic):
    secrets = bucket.server.env()
    target = {
        "s3.bucket.name": bucket.name,
        "store.url": bucket.server.endpoint,
        "s3.region": "us-east-1",
        "aws.access.key.id": secrets["AWS_ACCESS_KEY_ID"],
        "aws.secret.access.key": secrets["AWS_SECRET_ACCESS_KEY"],
    }
    return connectors.s3_sink("", topic) | connectors.JSON_PLAIN | ROTATED | target


def start_all(cluster, kafka, work, db):
    """The pipeline is made in the first node's directory, the rest by REST."""
    leat = Leat(work, out=kafka.url(f"{kafka.prefix}piped"))
    leat.data = cluster.nodes[0].data
    leat.sync(db, "--name", "piped", "--journal", cluster.journal, "--set", "transaction.linger=20ms")
    for node in cluster.nodes:
        node.start()
    for node in cluster.nodes:
        cluster.wait_member(node)


@pytest.mark.early
@pytest.mark.timeout(900)
def test_brokers_and_nodes_die_in_turn(kafka, work, db, versitygw):
    db.execute(connectors.ORDERS)
    (work / "catalog").mkdir()
    cluster, load = Cluster(kafka, work), Load(db, pause_s=0.05)
    cluster.names = ("piped", "moves", "files", "ice")
    with Server(work / "catalog", {"catalog.warehouse": str(work / "warehouse")}) as catalog:
        proof = Proof(cluster, load, versitygw, catalog)
        try:
            start_all(cluster, kafka, work, db)
            first, second, third = cluster.nodes
            topic = proof.topics["moves"]
            cluster.create(first, "moves", source(db, kafka))
            cluster.create(second, "files", files_on_s3(versitygw, topic))
            cluster.create(third, "ice", iceberg(work, catalog, topic) | {"iceberg.control.commit.interval-ms": "500"})
            cluster.wait_spread(cluster.nodes)
            for watch in proof.watches.values():
                proof.until(lambda watch=watch: len(watch.look()) == 10, "the first read is over")
            load.start()
            proof.follows()
            for broker, node in zip(kafka.nodes, cluster.nodes):
                broker.kill()
                proof.follows()
                broker.start()
                node.kill()
                cluster.wait_owners([other for other in cluster.nodes if other is not node])
                proof.follows()
                node.start()
                kafka.start()  # is there already: until it has all that the others have, for the next one goes
            cluster.wait_spread(cluster.nodes)
            paused_node(cluster, proof)
            paused_worker(cluster, proof)
            load.stop()
            proof.check(work)
        finally:
            load.ended.set()
            proof.close()
            cluster.close()


def signal_all(processes, number):
    for process in processes:
        process.kill(number)


def paused_node(cluster, proof):
    """A node with all its processes is paused for longer than its session. What it had goes on elsewhere, and when its
    workers go on, before anybody can tell them, they are refused."""
    node = cluster.wait_owners(cluster.nodes)["moves"]
    left = [other for other in cluster.nodes if other is not node]
    processes = node.processes()
    workers = {process.connector: process for process in processes if process.role == "worker"}
    signal_all(processes, signal.SIGSTOP)
    cluster.wait_owners(left)
    proof.follows()
    signal_all(workers.values(), signal.SIGCONT)
    ended = lambda: f"the source's worker has ended: {node.log_tail(30)}"  # noqa: E731
    wait_until(lambda: not workers["moves"].running(), ended)
    proof.follows()
    signal_all(processes, signal.SIGCONT)
    cluster.wait_spread(cluster.nodes)
    proof.follows()


def paused_worker(cluster, proof):
    """Its node is heard of: nobody else takes the connector, and it goes on where it was."""
    node = cluster.wait_owners(cluster.nodes)["moves"]
    worker = node.worker("moves")
    worker.kill(signal.SIGSTOP)
    ends = time.monotonic() + 2 * SESSION_S  # a session is a time: there is nothing to look at
    wait_until(lambda: time.monotonic() > ends, "two sessions are over")
    assert cluster.owner("moves", cluster.nodes[0]) is node
    worker.kill(signal.SIGCONT)
    proof.follows()
