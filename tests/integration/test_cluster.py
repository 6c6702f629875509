# SPDX-License-Identifier: Apache-2.0
"""Several `leat server`s on one Kafka share their connectors: spread, changes anywhere, failover."""

import contextlib
import json
import secrets
import signal
import threading
from collections import Counter

import connectors
import pytest
from leat import Leat
from server import Server
from test_connect_iceberg import sink as iceberg_sink
from test_connectors import until_equal
from test_server_journal import Load as Orders
from test_server_journal import check_once as check_files
from test_server_journal import iceberg, lake_ids, newest, rows_ever, sink, source, until_in_kafka
from wait import wait_until

pytestmark = pytest.mark.xdist_group("kafka")

SESSION_S = 3
NAMES = ("north", "south", "west")
ROTATED = {"flush.size": "1000", "rotate.schedule.interval.ms": "500", "timezone": "UTC"}
FLAT = ["--envelope", "flat", "--set", "transaction.linger=20ms"]


class Cluster:
    """Nodes with directories of their own, and one master key."""

    def __init__(self, kafka, work, count=3):
        self.kafka, self.group, self.names = kafka, f"{kafka.prefix}-leat", NAMES
        key = work / "master.key"
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
        self.journal = f"kafka://{kafka.bootstrap}/?prefix={kafka.prefix}"
        self.nodes = []
        for n in range(count):
            directory = work / f"node{n}"
            directory.mkdir()
            options = {
                "journal": self.journal, "cluster.group": self.group,
                "cluster.session.timeout": f"{SESSION_S}s", "restart.backoff.min": "50ms",
            }  # fmt: skip
            self.nodes.append(Server(directory, options, env={"LEAT_MASTER_KEY_FILE": str(key)}))

    def close(self):
        for node in self.nodes:
            node.close()

    def wait_member(self, node):
        def look():
            cluster = node.connect("GET", "/health").json()["cluster"]
            return cluster is not None and cluster["member"]

        node.until(look, "it is a member")

    def joined(self, node):
        """How often its supervisor has heard of a member that it is ready."""
        return sum(1 for event in node.events() if event.get("message") == "this server is in the cluster")

    def kill_member(self, node):
        """kill -9, and until there is another one that its supervisor waits for."""
        before = self.joined(node)
        node.until(node.member, "it has a member").kill()
        node.until(lambda: self.joined(node) > before, "it has a new one")

    def pids(self, name):
        """Of the workers of a connector, on whatever node."""
        return {worker.pid for node in self.nodes for worker in node.workers().values() if worker.connector == name}

    def worker_id(self, node):
        return node.options["listen.connect"]

    def owner(self, name, seen_by):
        """The node that runs it, as one node's REST says; None while nobody does."""
        status = seen_by.status(name)
        if status is None or not status["tasks"] or status["tasks"][0]["state"] != "RUNNING":
            return None
        worker_id = status["tasks"][0]["worker_id"]
        return next(node for node in self.nodes if self.worker_id(node) == worker_id)

    def owners(self, seen_by):
        return {name: self.owner(name, seen_by) for name in self.names}

    def wait_owners(self, nodes):
        """Until every connector runs on one of these nodes and all of them say the same; {name: node}."""

        def look():
            found = [self.owners(node) for node in nodes]
            good = all(owner in nodes for owner in found[0].values()) and all(f == found[0] for f in found)
            really = {name: [n for n in nodes if name in n.workers()] for name in self.names}
            return good and all(really[name] == [found[0][name]] for name in self.names) and found[0]

        def told():
            return f"all run on {len(nodes)} nodes: {[self.owners(n) for n in nodes]}" + "".join(
                f"\n{n.log_tail(25)}" for n in nodes
            )

        return wait_until(look, told)

    def create(self, node, name, config):
        """Back when all nodes know it: of two that do not, each may give its connector the slot that is the other's."""
        node.create(name, config)
        for other in self.nodes:
            other.until(lambda other=other: other.status(name) is not None, f"it knows {name}")

    def ask(self, node, method, path, body=None):
        """A change of a connector; 409, ask again: nobody has it for a moment, or its node is known for another one."""
        said = lambda: (answer := node.connect(method, path, body)).status != 409 and answer  # noqa: E731
        return node.until(said, f"{method} {path} is taken")

    def wait_spread(self, nodes):
        """Each node has its share."""

        def look():
            owners = list(self.wait_owners(nodes).values())
            counts = [owners.count(node) for node in nodes]
            return max(counts) - min(counts) <= 1

        wait_until(look, lambda: f"even: {self.owners(nodes[0])}")


class Load:
    """Rows that come without end, a row a transaction, until it is left; `count` are there before."""

    def __init__(self, db, count=0):
        self.db, self.count, self.stop = db, count, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with contextlib.closing(self.db.connect()) as connection:
            connection.autocommit = True
            while not self.stop.is_set():
                self.count += 1
                connection.execute(f"INSERT INTO t VALUES ({self.count}, 'v{self.count}')")
                self.stop.wait(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()


def topic_of(kafka, name):
    return f"{kafka.prefix}{name}.public.t"


def ids(kafka, name):
    """Of all rows that readers of committed records see, in their order."""
    rows = (json.loads(m.value()) for m in kafka.read(topic_of(kafka, name)))
    return [(row["after"] if "after" in row else row)["id"] for row in rows]


def check_once(kafka, count):
    """They see every row once, in order, in the topic of each connector."""
    for name in NAMES:
        what = f"row {count} is in {topic_of(kafka, name)}"
        seen = wait_until(lambda name=name: count in (got := ids(kafka, name)) and got, what, interval=0.3)
        assert seen == list(range(1, count + 1)), name


@pytest.fixture
def cluster(kafka, work, db):
    made = Cluster(kafka, work)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    yield made
    made.close()


def make_pipelines(cluster, kafka, work, db):
    """Of leat sync, in the first node's directory: the cluster's as soon as that one starts."""
    for name in NAMES:
        leat = Leat(work, out=kafka.url(f"{kafka.prefix}{name}"))
        leat.data = cluster.nodes[0].data
        leat.sync(db, "--name", name, "--journal", cluster.journal, *FLAT)


def source_of(db, kafka, name):
    return connectors.source(db, f"{kafka.prefix}{name}") | connectors.JSON_PLAIN


@pytest.mark.timeout(900)
def test_nodes_share_connectors_and_take_them_over(cluster, kafka, work, db):
    first, second, third = cluster.nodes
    make_pipelines(cluster, kafka, work, db)
    for node in cluster.nodes:
        node.start()
    for node in cluster.nodes:
        cluster.wait_member(node)
    cluster.wait_spread(cluster.nodes)
    with Load(db) as load:
        # Any node is asked, and says the same; what its worker must do is done by the node that has it.
        owner = cluster.wait_owners(cluster.nodes)["north"]
        other = next(node for node in cluster.nodes if node is not owner)
        assert cluster.ask(other, "PUT", "/connectors/north/pause").status == 202
        for node in cluster.nodes:
            node.wait_state("north", "PAUSED", "PAUSED")
        assert cluster.ask(other, "PUT", "/connectors/north/resume").status == 202
        owner = cluster.wait_owners(cluster.nodes)["north"]
        other = next(node for node in cluster.nodes if node is not owner)
        before = cluster.pids("north")
        assert cluster.ask(other, "POST", "/connectors/north/restart?includeTasks=true").status == 202
        wait_until(lambda: cluster.pids("north") - before, "another worker runs for north")
        cluster.wait_owners(cluster.nodes)
        offsets = cluster.ask(other, "PATCH", "/connectors/north/offsets", {"offsets": []})
        assert offsets.status == 400 and "STOPPED" in offsets.json()["message"].upper(), offsets
        cluster.wait_member(other)

        # kill -9 of a node; it comes back.
        dead = cluster.wait_owners(cluster.nodes)["south"]
        dead.kill()
        left = [node for node in cluster.nodes if node is not dead]
        cluster.wait_spread(left)
        dead.start()
        cluster.wait_spread(cluster.nodes)

        # Of its member alone.
        cluster.kill_member(cluster.wait_owners(cluster.nodes)["west"])
        for node in cluster.nodes:
            cluster.wait_member(node)
        cluster.wait_spread(cluster.nodes)

        # Its member is paused: it neither dies nor speaks. A new one, and new workers, before the session is over.
        owner = cluster.wait_owners(cluster.nodes)["west"]
        workers = owner.workers()
        owner.until(owner.member, "it has a member").kill(signal.SIGSTOP)
        said = "it has said nothing for half of cluster.session.timeout"
        owner.until(lambda: said in owner.log_text(), "its supervisor ends it")
        owner.until(lambda: not any(one.running() for one in workers.values()), "and its workers")
        cluster.wait_spread(cluster.nodes)

        # A stop gives all over at once: nobody waits for the session's end.
        second.stop()
        cluster.wait_spread([first, third])
        second.start()
        cluster.wait_spread(cluster.nodes)

    check_once(kafka, load.count)
    kafka.until_decided(kafka.prefix, "leat-positions")  # with nothing under way: KafkaCluster.kill
    kafka.kill()
    with Load(db, load.count) as load:
        # Kafka is away for longer than the session: no node goes on, and all do when it is back.
        for node in cluster.nodes:
            node.until(lambda node=node: not node.workers(), "it has stopped its workers")
            node.until(lambda node=node: node.connect("GET", "/health").status == 503, "it says so")
            assert node.connect("PUT", "/connectors/north/pause").status == 409
        kafka.start()
        cluster.wait_spread(cluster.nodes)
    check_once(kafka, load.count)

    assert cluster.ask(first, "DELETE", "/connectors/north").status == 204
    for node in cluster.nodes:
        node.until(lambda node=node: node.status("north") is None, "it is gone")
        node.until(lambda node=node: "north" not in node.workers(), "it has ended")


def test_what_a_cluster_refuses(cluster, kafka, work, db):
    first, second, _ = cluster.nodes
    with first:
        cluster.wait_member(first)
        lake = iceberg_sink(work, "x.public.t", "shop.t")  # its catalog is embedded
        in_files = source_of(db, kafka, "north") | {"leat.journal": ""}
        for config, told in ((lake, "catalog.type=rest"), (in_files, "leat server --journal")):
            answer = first.connect("POST", "/connectors", {"name": "x", "config": config})
            assert answer.status == 400 and told in answer.json()["message"], answer
        # Another master key.
        second.extra_env = {}
        second.spawn()
        assert second.wait() == 2
        assert "another master key" in second.log_text() and "LEAT_MASTER_KEY_FILE" in second.log_text()
    # What the node had for itself, with its journal in files.
    connectors.put_document(first, "old", "source", source_of(db, kafka, "old") | {"leat.journal": ""})
    first.spawn()
    assert first.wait() == 2 and "old works with what is on the disk of one node" in first.log_text()


@pytest.mark.timeout(900)
def test_sources_and_sinks_move_from_node_to_node(kafka, work, db):
    """A source with its journal in Kafka, a sink into files that all nodes reach and one into a lake; each node is
    killed with -9 in turn, and one is stopped, while rows come."""
    db.execute(connectors.ORDERS)
    topic, lake, load = f"{kafka.prefix}.public.orders", work / "lake", Orders(db, pause_s=0.1)
    (work / "catalog").mkdir()
    cluster = Cluster(kafka, work)
    cluster.names = ("moves", "lake", "ice")
    with Server(work / "catalog", {"catalog.warehouse": str(work / "warehouse")}) as catalog:
        try:
            for node in cluster.nodes:
                node.start()
            for node in cluster.nodes:
                cluster.wait_member(node)
            first, second, third = cluster.nodes
            cluster.create(second, "lake", sink(work, kafka) | ROTATED)
            cluster.create(third, "ice", iceberg(work, catalog, topic))
            cluster.create(first, "moves", source(db, kafka))
            cluster.wait_spread(cluster.nodes)
            load.start()
            for node in cluster.nodes:
                node.kill()
                left = [other for other in cluster.nodes if other is not node]
                cluster.wait_owners(left)
                until_new(left[0], load, lake, topic)
                node.start()
                cluster.wait_spread(cluster.nodes)
            cluster.wait_owners(cluster.nodes)["lake"].stop()  # hands over
            alive = next(node for node in cluster.nodes if node.running())
            until_new(alive, load, lake, topic)
            load.stop()
            until_equal(alive, db, lake, topic)
            until_in_kafka(alive, kafka, db, topic)
            want = Counter(rows_ever(kafka, topic))
            once = f"the lake has each of {len(want)} once"
            alive.until(lambda: lake_ids(catalog) == want, lambda: f"{once}: {lake_ids(catalog)}")
            check_files(connectors.records(lake, topic))
            connectors.check_offsets(lake, topic)
            check_files([value for value in kafka.values(topic) if value])
            assert cluster.ask(alive, "DELETE", "/connectors/moves").status == 204
        finally:
            load.ended.set()
            cluster.close()


def until_new(node, load, lake, topic):
    """What is inserted from now on comes to the files."""
    beyond = load.next
    node.until(lambda: newest(lake, topic) >= beyond, f"row {beyond} is in the files")
