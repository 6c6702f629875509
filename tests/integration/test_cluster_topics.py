# SPDX-License-Identifier: Apache-2.0
"""Sinks that read topics of a real Kafka, in a cluster: another node goes on at what the target has, exactly once."""

import contextlib
import json
import signal
import threading
from collections import Counter

import confluent_kafka
import connectors
import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog.rest import RestCatalog
from server import Server
from test_cluster import Cluster
from test_connect_iceberg import rows
from test_connect_iceberg import sink as iceberg_sink
from test_kafka_source import offsets, producer, put
from wait import wait_until

pytestmark = pytest.mark.xdist_group("kafka")

PARTITIONS = 2
OFTEN = {"flush.size": "700", "rotate.schedule.interval.ms": "300", "timezone": "UTC", "leat.topics.from": "kafka"}


class Load:
    """Records that come without end until it is left: number n is the record at offset n of each partition."""

    def __init__(self, kafka, topic, partitions=PARTITIONS):
        settings = {"enable.idempotence": True, "message.timeout.ms": 0}
        self.made, self.topic, self.count = producer(kafka, **settings), topic, 0
        self.partitions = partitions
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            for _ in range(20):
                for p in range(self.partitions):
                    self.produce(p, json.dumps({"p": p, "n": self.count}).encode())
                self.count += 1
            self.made.poll(0)
            self.stop.wait(0.02)

    def produce(self, partition, value):
        """None is left out however long Kafka is away."""
        while True:
            try:
                return self.made.produce(self.topic, value=value, partition=partition)
            except BufferError:  # as much waits as may
                self.made.poll(0.1)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()
        assert self.made.flush(180) == 0


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
        node.until(lambda: not behind(), lambda: f"{behind()}: beyond {number}\n{node.log_tail(30)}")

    def check_objects(self, count, partitions=PARTITIONS):
        """Each name is Kafka's offset of its first record, and each record is in one object."""
        found = []
        for name in self.names():
            partition, offset = (int(part.split(".")[0]) for part in name.rsplit("+", 2)[1:])
            lines = [json.loads(line) for line in self.bucket.get(name).splitlines()]
            assert [(each["p"], each["n"]) for each in lines] == [(partition, offset + i) for i in range(len(lines))]
            found += lines
        assert places(found) == {(p, n): 1 for p in range(partitions) for n in range(count)}


@contextlib.contextmanager
def frozen(node):
    """None of its processes does anything; workers wake first, before anybody tells them that they are others' now."""
    processes = node.processes()
    for process in processes:
        process.kill(signal.SIGSTOP)
    yield
    for process in reversed(processes):
        process.kill(signal.SIGCONT)


def to_s3(work, bucket, topics):
    keys = bucket.server.env()
    return connectors.s3_sink(work, topics) | connectors.JSON_PLAIN | OFTEN | {
        "s3.bucket.name": bucket.name, "store.url": bucket.server.endpoint, "s3.region": "us-east-1",
        "aws.access.key.id": keys["AWS_ACCESS_KEY_ID"], "aws.secret.access.key": keys["AWS_SECRET_ACCESS_KEY"],
    }  # fmt: skip


@pytest.mark.timeout(900)
def test_sinks_of_topics_move_and_write_each_record_once(kafka, work, versitygw):
    """Objects of an S3 server and a table of a REST catalog, while nodes are killed, frozen and woken, and Kafka is
    away; what the one that was frozen still wants to write is refused, or the same."""
    topic, p = f"{kafka.prefix}.clicks", kafka.prefix
    kafka.create_topic(topic, partitions=PARTITIONS)
    files = to_s3(work, versitygw, topic)
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
                first.wait_state(cluster.names[0], "FAILED")
                first.kill()
                del first.extra_env["LEAT_CRASH_POINT"]
                second.start()
                cluster.wait_owners([second])
                targets.until_beyond(second, load.count)
                first.start()
                cluster.wait_spread(cluster.nodes)

                dead = cluster.wait_owners(cluster.nodes)[cluster.names[1]]
                dead.kill()
                (left,) = [node for node in cluster.nodes if node is not dead]
                cluster.wait_owners([left])
                targets.until_beyond(left, load.count)
                dead.start()
                cluster.wait_spread(cluster.nodes)

                # One that sleeps, for longer than its session, and wakes.
                asleep = cluster.wait_owners(cluster.nodes)[cluster.names[0]]
                (left,) = [node for node in cluster.nodes if node is not asleep]
                with frozen(asleep):
                    left.until(lambda: len(left.workers()) == 2, lambda: f"it has both\n{left.log_tail(30)}")
                    targets.until_beyond(left, load.count)
                cluster.wait_spread(cluster.nodes)
                targets.until_beyond(left, load.count)

                kafka.kill()
                for node in cluster.nodes:
                    node.until(lambda node=node: not node.workers(), "it has stopped its workers")
                kafka.start()
                cluster.wait_spread(cluster.nodes)
                targets.until_beyond(first, load.count)
            targets.until_beyond(first, load.count - 1 - 700)
            want = {(at, n): 1 for at in range(PARTITIONS) for n in range(load.count)}
            first.until(lambda: lines_in(targets) == len(want), lambda: f"{len(want)} records")
            targets.check_objects(load.count)
            first.until(lambda: places(rows(catalog, "shop.clicks")) == want, "the table has each record once")
            for name in cluster.names:
                told = lambda name=name: offsets(kafka, f"connect-{name}", topic)  # noqa: E731
                ends = dict.fromkeys(range(PARTITIONS), load.count)
                first.until(lambda told=told, ends=ends: told() == ends, lambda told=told: f"{told()}")
        finally:
            cluster.close()


def read(targets):
    return [targets.bucket.get(name).splitlines() for name in targets.names()]


class Tasks:
    """One S3 sink connector, its tasks, and the topics that they share: {topic: partitions}."""

    def __init__(self, cluster, name, config, topics, bucket):
        self.cluster, self.name, self.config, self.loads = cluster, name, config, {}
        self.topics, self.targets = topics, {topic: Targets(bucket, None, topic) for topic in topics}

    def running(self, node, tasks):
        """{task: node} once so many run, as that node says; else None."""
        status = node.status(self.name)
        each = status["tasks"] if status else []
        if [task["id"] for task in each] != list(range(tasks)) or any(t["state"] != "RUNNING" for t in each):
            return None
        nodes = {self.cluster.worker_id(one): one for one in self.cluster.nodes}
        return {task["id"]: nodes[task["worker_id"]] for task in each}

    def wait(self, nodes, tasks, spread=None):
        """Until so many tasks run on these nodes, on as many of them as are said, and all say the same."""
        wanted = min(tasks, len(nodes)) if spread is None else spread

        def look():
            found = [self.running(node, tasks) for node in nodes]
            good = found[0] and all(f == found[0] for f in found) and set(found[0].values()) <= set(nodes)
            return good and len(set(found[0].values())) >= wanted and found[0]

        told = lambda: "".join(f"\n{n.status(self.name)}\n{n.log_tail(25)}" for n in nodes)  # noqa: E731
        return wait_until(look, lambda: f"{tasks} tasks on {wanted} of {len(nodes)} nodes: {told()}")

    def tasks_max(self, node, tasks):
        config = self.config | {"tasks.max": str(tasks)}
        put = lambda: node.connect("PUT", f"/connectors/{self.name}/config", config).status == 200  # noqa: E731
        node.until(put, lambda: f"it takes tasks.max={tasks}\n{node.log_tail(25)}")  # 409: it was asleep

    def wait_failed(self, failed, tasks):
        """Until so many of the tasks have failed and all others run, as all nodes say; the failed, {task: status}."""

        def look():
            said = [node.status(self.name)["tasks"] for node in self.cluster.nodes]
            states = Counter(task["state"] for task in said[0])
            good = all(each == said[0] for each in said) and states == {"FAILED": failed, "RUNNING": tasks - failed}
            return good and {task["id"]: task for task in said[0] if task["state"] == "FAILED"}

        told = lambda: "".join(f"\n{n.status(self.name)}\n{n.log_tail(25)}" for n in self.cluster.nodes)  # noqa: E731
        return wait_until(look, lambda: f"{failed} of {tasks} tasks have failed: {told()}")

    def pids(self):
        """Of the workers, whichever task's."""
        return {p.pid for node in self.cluster.nodes for p in node.processes() if p.connector == self.name}

    def behind(self):
        """Partitions that have no object of what comes from here on."""
        marks = {topic: load.count for topic, load in self.loads.items()}

        def look():
            newest = {}
            for topic, targets in self.targets.items():
                for key in targets.names():
                    partition, offset = (int(part.split(".")[0]) for part in key.rsplit("+", 2)[1:])
                    newest[topic, partition] = max(newest.get((topic, partition), -1), offset)
            every = [(topic, p) for topic, n in self.topics.items() for p in range(n)]
            return [at for at in every if newest.get(at, -1) < marks[at[0]]]

        return look

    def until_beyond(self, node):
        behind = self.behind()
        node.until(lambda: not behind(), lambda: f"{behind()} have new objects\n{node.log_tail(40)}")


@pytest.mark.timeout(900)
def test_tasks_share_the_partitions_of_their_topics(kafka, work, versitygw):
    """Three nodes, one connector: its tasks are spread, move and change their number while records come."""
    topics = {f"{kafka.prefix}.wide": 4, f"{kafka.prefix}.narrow": 2}
    for topic, partitions in topics.items():
        kafka.create_topic(topic, partitions=partitions)
    name, cluster = f"{kafka.prefix}shared", Cluster(kafka, work, 3)
    config = to_s3(work, versitygw, ",".join(topics)) | {"rotate.schedule.interval.ms": "1000"}
    shared = Tasks(cluster, name, config, topics, versitygw)
    first = cluster.nodes[0]
    try:
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            cluster.wait_member(node)
        first.create(name, shared.config | {"tasks.max": "3"})
        with contextlib.ExitStack() as loads:
            for topic, partitions in topics.items():
                shared.loads[topic] = loads.enter_context(Load(kafka, topic, partitions))
            where = shared.wait(cluster.nodes, 3)
            shared.until_beyond(first)
            listed = first.connect("GET", f"/connectors/{name}/tasks").json()
            assert [task["id"]["task"] for task in listed] == [0, 1, 2]

            where[1].kill()
            left = [node for node in cluster.nodes if node is not where[1]]
            shared.wait(left, 3)
            shared.until_beyond(left[0])
            where[1].start()
            where = shared.wait(cluster.nodes, 3)
            restart_one(shared, first, where)

            shared.tasks_max(first, 2)
            where = shared.wait(cluster.nodes, 2)
            shared.until_beyond(first)
            left = [node for node in cluster.nodes if node is not where[1]]
            with frozen(where[1]):  # its task goes elsewhere, and then there are fewer
                shared.wait(left, 2)
                shared.until_beyond(left[0])
                shared.tasks_max(left[0], 1)
                shared.wait(left, 1)
                shared.until_beyond(left[0])
            for node in cluster.nodes:
                cluster.wait_member(node)
            shared.wait(cluster.nodes, 1)
            shared.tasks_max(first, 3)
            shared.wait(cluster.nodes, 3)
            shared.until_beyond(first)
            read_again(shared, first, next(iter(topics)))
        complete(kafka, shared, first)
    finally:
        cluster.close()


def restart_one(shared, node, where):
    """Asked of another node than its own; the others' workers go on."""

    def pids():
        workers = {task: at.workers().get(shared.name) for task, at in where.items()}
        return {task: worker.pid for task, worker in workers.items() if worker}

    before = pids()
    answer = shared.cluster.ask(where[0], "POST", f"/connectors/{shared.name}/tasks/2/restart")
    assert answer.status == 204, answer
    node.until(lambda: pids().get(2, before[2]) != before[2], lambda: f"{before} {pids()}")
    assert [pids().get(task) for task in (0, 1)] == [before[task] for task in (0, 1)]
    assert shared.cluster.ask(node, "POST", f"/connectors/{shared.name}/tasks/3/restart").status == 404
    shared.wait(shared.cluster.nodes, 3)


def read_again(shared, node, topic):
    """All tasks are stopped: one partition is to be read from its beginning."""
    path = f"/connectors/{shared.name}"
    assert shared.cluster.ask(node, "PUT", f"{path}/stop").status == 204
    node.until(lambda: node.status(shared.name)["tasks"] == [], "it has no tasks")
    told = shared.cluster.ask(node, "GET", f"{path}/offsets").json()["offsets"]
    assert len(told) == sum(shared.topics.values())
    partition = {"kafka_topic": topic, "kafka_partition": 1}
    change = {"offsets": [{"partition": partition, "offset": {"kafka_offset": 0}}]}
    answer = shared.cluster.ask(node, "PATCH", f"{path}/offsets", change)
    assert answer.status == 200, answer
    assert shared.cluster.ask(node, "PUT", f"{path}/resume").status == 202
    shared.wait(shared.cluster.nodes, 3)


def lines_in(targets):
    """How many; -1 while objects are taken away just then."""
    try:
        return sum(map(len, read(targets)))
    except ClientError:
        return -1


def complete(kafka, shared, node):
    """Each record is in the objects once, in order, and the group is at the end of each partition."""
    for topic, partitions in shared.topics.items():
        count, targets = shared.loads[topic].count, shared.targets[topic]
        full = lambda t=targets, want=count * partitions: lines_in(t) == want  # noqa: E731
        node.until(full, lambda t=targets, c=count, n=partitions: f"{lines_in(t)} of {c} x {n}")
        targets.check_objects(count, partitions)
        told = lambda t=topic: offsets(kafka, f"connect-{shared.name}", t)  # noqa: E731
        ends = dict.fromkeys(range(partitions), count)
        node.until(lambda told=told, ends=ends: told() == ends, lambda told=told, ends=ends: f"{told()} {ends}")
    behind = lambda: "sink_behind_records" in node.status(shared.name)  # noqa: E731
    node.until(lambda: not behind(), lambda: f"nothing is behind: {node.status(shared.name)}")


@contextlib.contextmanager
def shared_sink(kafka, work, bucket, partitions):
    """Two nodes and one connector of three tasks, which share one topic."""
    name, topic, cluster = f"{kafka.prefix}shared", f"{kafka.prefix}.t", Cluster(kafka, work, 2)
    kafka.create_topic(topic, partitions=partitions)
    shared = Tasks(cluster, name, to_s3(work, bucket, topic), {topic: partitions}, bucket)
    try:
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            cluster.wait_member(node)
        cluster.nodes[0].create(name, shared.config | {"tasks.max": "3"})
        shared.wait(cluster.nodes, 3)
        yield shared, topic, shared.targets[topic]
    finally:
        cluster.close()


def fill(kafka, topic, partitions, numbers):
    for p in partitions:
        put(kafka, topic, [(None, json.dumps({"p": p, "n": n}).encode()) for n in numbers], p)


def numbers(targets):
    """{partition: the numbers of its records, in the order of objects}; None while one is taken away just then."""
    found = {}
    try:
        for name in targets.names():
            lines = [json.loads(line) for line in targets.bucket.get(name).splitlines()]
            found.setdefault(int(name.rsplit("+", 2)[1]), []).extend(each["n"] for each in lines)
    except ClientError:
        return None
    return found


def until_numbers(node, targets, want):
    want = {partition: list(each) for partition, each in want.items()}
    node.until(lambda: numbers(targets) == want, lambda: f"{want}: {numbers(targets)}\n{node.log_tail(40)}")


def remove_records(kafka, topic, partition, below):
    at = confluent_kafka.TopicPartition(topic, partition, below)
    for future in kafka.admin.delete_records([at]).values():
        future.result(180)


@pytest.mark.timeout(900)
def test_a_task_fails_alone_and_is_restarted_alone(kafka, work, versitygw):
    """Of three tasks and partitions: one that cannot be read stops its task and no other."""
    with shared_sink(kafka, work, versitygw, 3) as (shared, topic, targets):
        path, nodes = f"/connectors/{shared.name}", shared.cluster.nodes
        fill(kafka, topic, range(3), range(10))
        until_numbers(nodes[0], targets, dict.fromkeys(range(3), range(10)))
        where = shared.wait(nodes, 3)
        put(kafka, topic, [(None, b"no JSON")], 0)
        fill(kafka, topic, [0], range(11, 20))
        fill(kafka, topic, [1, 2], range(10, 20))
        ((task, status),) = shared.wait_failed(1, 3).items()
        assert f"{topic}" in status["trace"] and status["worker_id"] == shared.cluster.worker_id(where[task]), status
        for node in nodes:
            told = node.connect("GET", f"{path}/tasks/{task}/status").json()
            assert told == status and node.status(shared.name)["connector"]["state"] == "RUNNING", told
        until_numbers(nodes[0], targets, {0: range(10), 1: range(20), 2: range(20)})

        workers = shared.pids()
        other = next(node for node in nodes if node is not where[task])
        remove_records(kafka, topic, 0, 11)
        assert other.connect("POST", f"{path}/tasks/{task}/restart").status == 204
        assert shared.wait(nodes, 3) == where and workers < shared.pids()
        there = {0: [n for n in range(20) if n != 10], 1: list(range(20)), 2: list(range(20))}
        until_numbers(nodes[0], targets, there)

        # Two, on two nodes, are restarted by one request; the third runs on.
        pairs = [(p, other) for p in range(3) for other in range(p)]
        pair = next(two for two in pairs if len({where[(task + p) % 3] for p in two}) == 2)
        for p in range(3):
            if p in pair:
                put(kafka, topic, [(None, b"no JSON")], p)
            fill(kafka, topic, [p], range(20 + (p in pair), 30))
            there[p] += range(20 + (p in pair), 30)
        failed = shared.wait_failed(2, 3)
        assert set(failed) == {(task + p) % 3 for p in pair}
        for p in pair:
            remove_records(kafka, topic, p, 21)
        workers = shared.pids()
        answer = where[0].connect("POST", f"{path}/restart?includeTasks=true&onlyFailed=true")
        assert answer.status == 202 and answer.headers["Content-Type"] == "application/json", answer
        said = {each["id"]: each["state"] for each in answer.json()["tasks"]}
        assert said == {each: "RESTARTING" if each in failed else "RUNNING" for each in range(3)}
        assert answer.json()["connector"]["state"] == "RUNNING"
        assert shared.wait(nodes, 3) == where and workers < shared.pids()
        until_numbers(nodes[0], targets, there)

        # All of them, by a node that has not task 0.
        workers = shared.pids()
        other = next(node for node in nodes if node is not where[0])
        answer = other.connect("POST", f"{path}/restart?includeTasks=true")
        assert answer.status == 202 and {each["state"] for each in answer.json()["tasks"]} == {"RESTARTING"}, answer
        assert answer.json()["connector"]["state"] == "RESTARTING"
        anew = lambda: len(shared.pids()) == 3 and not workers & shared.pids()  # noqa: E731
        other.until(anew, lambda: f"{workers} {shared.pids()}")
        assert shared.wait(nodes, 3) == where


@pytest.mark.timeout(900)
def test_offsets_of_a_connector_with_tasks(kafka, work, versitygw):
    """Whatever node is asked: all partitions are read from their beginnings, or each goes on where it is told."""
    with shared_sink(kafka, work, versitygw, 4) as (shared, topic, targets):
        path, (first, second) = f"/connectors/{shared.name}", shared.cluster.nodes
        for numbers_of in (range(10), range(10, 30)):  # no object has records on both sides of 10
            fill(kafka, topic, range(4), numbers_of)
            until_numbers(first, targets, dict.fromkeys(range(4), range(numbers_of.stop)))

        def offsets_of(told):
            return {"offsets": [
                {"partition": {"kafka_topic": topic, "kafka_partition": p}, "offset": at and {"kafka_offset": at}}
                for p, at in told.items()
            ]}  # fmt: skip

        def told_by(node):
            found = node.connect("GET", f"{path}/offsets").json()["offsets"]
            return {one["partition"]["kafka_partition"]: one["offset"]["kafka_offset"] for one in found}

        told = offsets_of({0: 10, 1: None, 2: 10})
        for node in (first, second):
            for method, body in (("DELETE", None), ("PATCH", told)):
                answer = node.connect(method, f"{path}/offsets", body)
                assert answer.status == 400 and "must be in the STOPPED state" in answer.json()["message"], answer
        beginnings = dict.fromkeys(range(4), 0)
        for node, method, body, word, want in (
            (second, "PATCH", told, "altered", {0: 10, 1: 0, 2: 10, 3: 30}),
            (first, "DELETE", None, "reset", beginnings),
            (second, "DELETE", None, "reset", beginnings),
        ):
            # At once: that of task 0 waits until it has heard of the stop, and all workers have ended.
            assert node.connect("PUT", f"{path}/stop").status == 204
            answer = node.connect(method, f"{path}/offsets", body)
            message = f"The offsets for this connector have been {word} successfully"
            assert answer.status == 200 and answer.json() == {"message": message}, answer
            assert told_by(first) == told_by(second) == want
            kept = {p: [] for p in want}
            for name in targets.names():
                versitygw.put(name, b'{"n": -1}\n')  # stays where nothing is written anew
                p, offset = (int(part.split(".")[0]) for part in name.rsplit("+", 2)[1:])
                kept[p] += [-1] if offset < want[p] else []
            assert node.connect("PUT", f"{path}/resume").status == 202
            shared.wait([first, second], 3)
            until_numbers(first, targets, {p: kept[p] + list(range(at, 30)) for p, at in want.items()})
