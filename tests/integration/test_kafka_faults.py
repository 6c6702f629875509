# SPDX-License-Identifier: Apache-2.0
"""A bad network between leat and a real Apache Kafka: connections end at any byte, also within the handshakes of TLS
and SASL, stand still, are slow. leat goes on by itself, stops when it is told to, and everything is there exactly once.

    LEAT_SEED=N   the seed of an earlier run (what runs at the same time repeats only so far)
"""

import contextlib
import itertools
import json
import os
import random
import signal
import threading
import time

import confluent_kafka
import kafka_broker
import pytest
from proxy import BadNetwork
from test_kafka import check_topics_of
from test_kafka_source import producer, rows
from wait import PATIENCE, wait_until

pytestmark = pytest.mark.xdist_group("kafka_faults")

BAD_S = 18
LOGIN = {
    "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "writer",
    "sasl.password": "${env:KAFKA_PASSWORD}",
}  # fmt: skip
ENV = {"KAFKA_PASSWORD": kafka_broker.USERS["writer"]}
SETUP = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE k (n int); INSERT INTO t VALUES (0, 'first')"
SETTINGS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": 500}


@pytest.fixture(scope="module")
def seed():
    number = int(os.environ.get("LEAT_SEED") or random.SystemRandom().randint(1, 10**6))
    print(f"LEAT_SEED={number}")
    return number


@pytest.fixture(scope="module")
def networks(seed):
    """By listener."""
    made = {}
    yield made
    for one in made.values():
        one.close()


@pytest.fixture(scope="module")
def kafka(seed, networks):
    """Its PLAIN listener is reached without a proxy: the test's own way."""

    def proxy(listener, port):
        if listener not in ("sasl", "tls"):
            return port
        networks[listener] = BadNetwork(port, seed + len(networks))
        return networks[listener].port

    with kafka_broker.KafkaCluster(settings=SETTINGS, proxy=proxy) as cluster:
        yield cluster


@contextlib.contextmanager
def repeated(work):
    """work(n) again and again, with n from 1, some 15 times a second; what it gives counts how often it was done."""
    done, ending, failed = [0], threading.Event(), []

    def run():
        try:
            while not ending.wait(0.05):
                work(done[0] + 1)
                done[0] += 1
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield done
    ending.set()
    thread.join(PATIENCE)
    assert not failed and not thread.is_alive(), failed


def options(login):
    return [part for name, value in login.items() for part in ("--set", f"{name}={value}")]


def parameters(login):
    return "&".join(f"{name}={value}" for name, value in login.items())


def test_everything_goes_on(seed, networks, kafka, new_leat, db, work, check_equal):
    """A sink, a source and a journal, each stopped and begun again in the worst of it."""
    tls = LOGIN | {"security.protocol": "SASL_SSL", "ssl.ca.location": kafka.directory / "ca.pem"}
    topic, written = "in.rows", []
    kafka.create_topic(topic, partitions=3)
    db.execute(SETUP)
    sink, source, journal = new_leat(), new_leat(), new_leat()
    sink.out = kafka.url("out", "sasl")
    of_topic = f"kafka://{kafka.addresses('sasl')}/in\\.rows?{parameters(LOGIN)}&format=string"
    often = ["--set", "file.rotate.interval=200ms"]
    in_kafka = f"kafka://{kafka.addresses('tls')}/?prefix=journal&{parameters(tls)}"
    begin = {
        "sink": lambda: sink.follow(db, *options(LOGIN), "--envelope", "flat", "--name", "sink", env=ENV),
        "source": lambda: source.follow(of_topic, "--name", "source", *often, env=ENV),
        "journal": lambda: journal.follow(db, "--name", "journal", "--journal", in_kafka, *often, env=ENV),
    }
    writer = producer(kafka, **{"transactional.id": "writer"})
    writer.init_transactions(PATIENCE)

    def change(n):
        db.execute(
            f"BEGIN; INSERT INTO t SELECT {n} * 100 + i, repeat('x', {n % 7} * 50) FROM generate_series(1, 20) i;"
            f" INSERT INTO k VALUES ({n}); UPDATE t SET v = 'u{n}' WHERE id = {n} * 100 - 99; COMMIT"
        )

    def put(n):
        writer.begin_transaction()
        texts = [f"{n}-{i}" for i in range(20)]
        for text in texts:
            writer.produce(topic, value=text.encode(), key=text.encode())
        if n % 5 == 0:
            writer.abort_transaction(PATIENCE)
        else:
            writer.commit_transaction(PATIENCE)
            written.extend(texts)

    def arrived(n):
        """What that many transactions wrote is where it belongs."""
        found = {row["n"] for row in rows(journal, "public/k")}
        return found >= set(range(1, n + 1)) and n in {value["n"] for value in kafka.values("out.public.k")}

    def read():
        return [row["value"] for row in rows(source, "in/rows")]

    processes = {name: start() for name, start in begin.items()}

    def running():
        for name, process in processes.items():
            assert name in stopping or process.running(), f"{name} ended: {process.stderr()[-3000:]}"
        return True

    def again(begun):
        """Each is told to stop once, and begun again when it has. True: the time is over."""
        passed = time.monotonic() - begun
        for number, (name, process) in enumerate(processes.items()):
            if passed > (number + 0.5) * BAD_S / len(processes) and name not in stopped:
                stopped[name] = process
                stopping.add(name)
                process.signal(signal.SIGTERM)
            elif name in stopping and not process.running():
                assert process.wait() in (0, 3), f"{name}: {process.stderr()[-3000:]}"
                stopping.discard(name)
                processes[name] = begin[name]()
        return running() and passed > BAD_S and all(map(was_bad, networks.values()))

    def was_bad(network):
        return sum(network.counts.values()) > 5 and "cut early" in network.counts

    stopped, stopping = {}, set()
    told = lambda: "\n".join(f"{n}: {p.stderr()[-1500:]}" for n, p in processes.items())  # noqa: E731
    change(1), put(1)
    wait_until(lambda: running() and "out.public.k" in kafka.topics() and arrived(1) and read(), told)
    with repeated(lambda n: change(n + 1)) as changes, repeated(lambda n: put(n + 1)) as puts:
        for one in networks.values():
            one.bad = True
        begun = time.monotonic()
        wait_until(lambda: again(begun), told, BAD_S + PATIENCE, 0.2)
        for one in networks.values():
            one.bad = False
        wait_until(lambda: again(begun) and not stopping, told)  # what was told to stop has, and runs again
    counts = {name: one.counts for name, one in networks.items()}
    print(f"seed {seed}: {changes[0]} + {puts[0]} transactions, {counts}")
    wait_until(lambda: running() and arrived(changes[0] + 1) and len(read()) >= len(written), lambda: (
        f"all has arrived: {len(read())} of {len(written)}"), interval=0.2)
    for process in processes.values():
        process.stop()
    assert sorted(read()) == sorted(written)
    proofs = check_topics_of(kafka, "out", db, work / "topics", check_equal)
    assert proofs["public.t"].source == (changes[0] + 1) * 20 + 1
    check_equal(db, journal.out)
    ids = [json.loads(m.value())["id"] for m in kafka.read("out.public.t") if json.loads(m.value())["__op"] in "rc"]
    assert len(ids) == len(set(ids)) == proofs["public.t"].source


def test_a_transaction_that_brokers_undid_meanwhile(kafka, leat, db, work, check_equal):
    """leat stood still for longer than transaction.timeout (a machine that was suspended). Another one may have its
    work since, so it ends; begun again, it writes that transaction again."""
    leat.out = kafka.url("still")
    db.execute(SETUP)
    args = ["--envelope", "flat", "--set", "transaction.timeout=20s", "--set", "transaction.linger=5s"]
    args += ["--set", "producer.override.linger.ms=1"]  # nothing waits to be sent: that would be over, too
    process = leat.follow(db, *args)
    process.until(lambda: "still.public.t" in kafka.topics() and kafka.read("still.public.t"), "the table is read")
    at = confluent_kafka.TopicPartition("still.public.t", 0)
    looks = [
        confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test", "isolation.level": level})
        for level in ("read_uncommitted", "read_committed")
    ]
    try:
        there, seen = (lambda look=look: look.get_watermark_offsets(at, timeout=60)[1] for look in looks)
        numbers = itertools.count(1)

        def amid():
            """It stands still with a transaction open: how much readers see then."""
            before = wait_until(lambda: there() == seen() and there(), "nothing is under way")
            db.execute(f"INSERT INTO t VALUES ({next(numbers)}, 'more')")
            process.until(lambda: there() > before, "a record of a transaction")
            process.signal(signal.SIGSTOP)
            if seen() == before:
                return before
            process.signal(signal.SIGCONT)  # it was faster
            return None

        before = wait_until(amid, "a transaction is open")
        wait_until(lambda: seen() > before, "brokers undo it", interval=0.2)
        process.signal(signal.SIGCONT)
        assert process.wait() != 0 and "longer than transaction.timeout" in process.stderr(), process.stderr()[-3000:]
    finally:
        for look in looks:
            look.close()
    leat.sync(db, *args)
    assert len(kafka.read("still.public.t")) == next(numbers)
    check_topics_of(kafka, "still", db, work / "topics", check_equal)
