# SPDX-License-Identifier: Apache-2.0
"""Sinks that read topics of a real Kafka, in a cluster: another node goes on at what the target has, exactly once."""

import contextlib
import json
import signal
import threading
from collections import Counter

import connectors
import pytest
from pyiceberg.catalog.rest import RestCatalog
from server import Server
from test_cluster import Cluster
from test_connect_iceberg import rows
from test_connect_iceberg import sink as iceberg_sink
from test_kafka_source import offsets, producer

pytestmark = pytest.mark.xdist_group("kafka")

PARTITIONS = 2
OFTEN = {"flush.size": "700", "rotate.schedule.interval.ms": "300", "timezone": "UTC", "leat.topics.from": "kafka"}


class Load:
    """Records that come without end until it is left: number n is the record at offset n of each partition."""

    def __init__(self, kafka, topic):
        self.made, self.topic, self.count = producer(kafka, **{"enable.idempotence": True}), topic, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            for _ in range(20):
                for p in range(PARTITIONS):
                    value = json.dumps({"p": p, "n": self.count}).encode()
                    self.made.produce(self.topic, value=value, partition=p)
                self.count += 1
            self.made.poll(0)
            self.stop.wait(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()
        assert self.made.flush(90) == 0


def places(found):
    return Counter((each["p"], each["n"]) for each in found)


class Targets:
    """What both sinks have written, and how far they are."""

    def __init__(self, bucket, catalog, topic):
        self.bucket, self.catalog, self.topic = bucket, catalog, topic

    def names(self):
        return sorted(name for name in self.bucket.keys(f"topics/{self.topic}/"))

    def newest_object(self):
        return max((int(name.rsplit("+", 1)[1].split(".")[0]) for name in self.names()), default=-1)

    def newest_row(self):
        known = RestCatalog("c", uri=self.catalog.catalog_url)
        if not known.table_exists("shop.clicks"):
            return -1
        snapshot = known.load_table("shop.clicks").current_snapshot()
        told = json.loads(snapshot.summary.additional_properties["leat.offsets"]) if snapshot else {}
        return max(told.values(), default=0) - 1

    def until_beyond(self, node, number):
        behind = lambda: [at for at in (self.newest_object(), self.newest_row()) if at < number]  # noqa: E731
        node.until(lambda: not behind(), lambda: f"{behind()}: beyond {number}\n{node.log_tail(30)}", 60)

    def check_objects(self, count):
        """Each name is Kafka's offset of its first record, and each record is in one object."""
        found = []
        for name in self.names():
            partition, offset = (int(part.split(".")[0]) for part in name.rsplit("+", 2)[1:])
            lines = [json.loads(line) for line in self.bucket.get(name).splitlines()]
            assert [(each["p"], each["n"]) for each in lines] == [(partition, offset + i) for i in range(len(lines))]
            found += lines
        assert places(found) == {(p, n): 1 for p in range(PARTITIONS) for n in range(count)}


@contextlib.contextmanager
def frozen(node):
    """None of its processes does anything; workers wake first, before anybody tells them that they are others' now."""
    processes = node.processes()
    for process in processes:
        process.kill(signal.SIGSTOP)
    yield
    for process in reversed(processes):
        process.kill(signal.SIGCONT)


@pytest.mark.timeout(300)
def test_sinks_of_topics_move_and_write_each_record_once(kafka, work, versitygw):
    """Objects of an S3 server and a table of a REST catalog, while nodes are killed, frozen and woken, and Kafka is
    away; what the one that was frozen still wants to write is refused, or the same."""
    topic, p, s3 = f"{kafka.prefix}.clicks", kafka.prefix, versitygw.server
    kafka.create_topic(topic, partitions=PARTITIONS)
    files = connectors.s3_sink(work, topic) | connectors.JSON_PLAIN | OFTEN | {
        "s3.bucket.name": versitygw.name, "store.url": s3.endpoint, "s3.region": "us-east-1",
        "aws.access.key.id": s3.env()["AWS_ACCESS_KEY_ID"], "aws.secret.access.key": s3.env()["AWS_SECRET_ACCESS_KEY"],
    }  # fmt: skip
    (work / "catalog").mkdir()
    cluster = Cluster(kafka, work, 2)
    cluster.names = (f"{p}files", f"{p}ice")
    with Server(work / "catalog", {"catalog.warehouse": str(work / "warehouse")}) as catalog:
        ice = iceberg_sink(work, topic, "shop.clicks") | connectors.JSON_PLAIN | {
            "iceberg.catalog.type": "rest", "iceberg.catalog.uri": catalog.catalog_url, "leat.topics.from": "kafka",
        }  # fmt: skip
        targets = Targets(versitygw, catalog, topic)
        try:
            first, second = cluster.nodes
            first.options["restart.crashes.max"] = "1"
            first.extra_env["LEAT_CRASH_POINT"] = "sink.before_done:2"
            first.start()
            cluster.wait_member(first)
            with Load(kafka, topic) as load:
                # What this node has published last is not counted yet, and never will be.
                first.create(cluster.names[0], files)
                first.create(cluster.names[1], ice)
                first.wait_state(cluster.names[0], "FAILED", timeout=60)
                first.kill()
                del first.extra_env["LEAT_CRASH_POINT"]
                second.start()
                cluster.wait_owners([second])
                targets.until_beyond(second, load.count)
                first.start()
                cluster.wait_spread(cluster.nodes)

                dead = cluster.owner(cluster.names[1], first)
                dead.kill()
                (left,) = [node for node in cluster.nodes if node is not dead]
                cluster.wait_owners([left])
                targets.until_beyond(left, load.count)
                dead.start()
                cluster.wait_spread(cluster.nodes)

                # One that sleeps, for longer than its session, and wakes.
                asleep = cluster.owner(cluster.names[0], first)
                (left,) = [node for node in cluster.nodes if node is not asleep]
                with frozen(asleep):
                    left.until(lambda: len(left.workers()) == 2, lambda: f"it has both\n{left.log_tail(30)}", 60)
                    targets.until_beyond(left, load.count)
                cluster.wait_spread(cluster.nodes)
                targets.until_beyond(left, load.count)

                kafka.kill()
                for node in cluster.nodes:
                    node.until(lambda node=node: not node.workers(), "it has stopped its workers", 60)
                kafka.start()
                cluster.wait_spread(cluster.nodes)
                targets.until_beyond(first, load.count)
            targets.until_beyond(first, load.count - 1 - 700)
            want = {(at, n): 1 for at in range(PARTITIONS) for n in range(load.count)}
            first.until(lambda: sum(map(len, read(targets))) == len(want), lambda: f"{len(want)} records", 60)
            targets.check_objects(load.count)
            first.until(lambda: places(rows(catalog, "shop.clicks")) == want, "the table has each record once", 60)
            for name in cluster.names:
                told = lambda name=name: offsets(kafka, f"connect-{name}", topic)  # noqa: E731
                ends = dict.fromkeys(range(PARTITIONS), load.count)
                first.until(lambda told=told, ends=ends: told() == ends, lambda told=told: f"{told()}", 30)
        finally:
            cluster.close()


def read(targets):
    return [targets.bucket.get(name).splitlines() for name in targets.names()]
