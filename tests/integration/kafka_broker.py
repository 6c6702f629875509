# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka (scripts/setup test): brokers as local processes with small heaps, gone at the end.

    with KafkaCluster(nodes=1) as kafka:
        kafka.bootstrap                      # PLAINTEXT, super user
        kafka.read("shop.public.orders")     # committed records, from the beginning to the end
        kafka.kill(); kafka.start()          # kill -9, and again on the same port with the same topics

Every node has listeners PLAINTEXT, SASL (SASL_PLAINTEXT) and TLS (SASL_SSL), both with PLAIN and SCRAM-SHA-256. Users:
"writer"/"writer-secret" may do all, "limited"/"limited-secret" nothing.

    python kafka_broker.py      # scripts/setup: keeps a broker's classes in one file: a start takes a third less CPU
"""

import base64
import json
import shutil
import signal
import subprocess
import time

import confluent_kafka
import confluent_kafka.admin
from original_stack import CACHE, LOGGING, java
from postgres import free_port
from scratch import new_directory
from wait import wait_until

CLUSTER = "bGVhdC1rYWZrYS10ZXN0MQ"  # any 16 bytes
FLAGS = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
CLASSES = CACHE / "kafka/classes.jsa"
# Java passes over a file of another Java, or of other jars, and would say so in what a tool prints.
SHARED = [f"-XX:SharedArchiveFile={CLASSES}", "-Xlog:disable", "-Xlog:all=error:stderr"]
USERS = {"writer": "writer-secret", "limited": "limited-secret"}
LISTENERS = ("plain", "sasl", "tls", "controller")
CLIENT = {"log_level": 0, "reconnect.backoff.max.ms": 500}
TIMEOUT = 300  # of every wait: three brokers beside much else took 150 s to start


def run(*argv, cwd=None, timeout=TIMEOUT):
    result = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, timeout=timeout)
    assert result.returncode == 0, f"{argv[0]}: {result.returncode}: {result.stdout[-2000:]}{result.stderr[-2000:]}"
    return result.stdout


def count_of(admin, topic):
    """How many partitions of a topic the broker knows that is asked."""
    found = admin.list_topics(timeout=TIMEOUT).topics.get(topic)
    return len(found.partitions) if found is not None else 0


def java_partition(key, count):
    """Of Java's default partitioner: murmur2."""
    m, h = 0x5BD1E995, (0x9747B28C ^ len(key)) & 0xFFFFFFFF
    at = 0
    while len(key) - at >= 4:
        k = int.from_bytes(key[at : at + 4], "little") * m & 0xFFFFFFFF
        h = (h * m & 0xFFFFFFFF) ^ ((k ^ k >> 24) * m & 0xFFFFFFFF)
        at += 4
    if at < len(key):
        h = (h ^ int.from_bytes(key[at:], "little")) * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return ((h ^ h >> 15) & 0x7FFFFFFF) % count


def bytes_of(part):
    """A key or value of `leat topic read --wire`."""
    return base64.b64decode(part["base64"]) if isinstance(part, dict) else part and part.encode()


def by_partition(records):
    """{partition: its records, in order}; under None those without a key, which are in any."""
    found = {}
    for partition, key, *rest in records:
        found.setdefault(None if key is None else partition, []).append((key, *rest))
    found.get(None, []).sort(key=repr)
    return found


def check_wire(messages, wire, partitions):
    """The messages of a topic are the lines of `leat topic read --wire`, once each, where Java's client puts them."""
    want = []
    for line in wire:
        key, headers = bytes_of(line["key"]), [tuple(pair) for pair in line["headers"]]
        want.append((key and java_partition(key, partitions), key, bytes_of(line["value"]), headers))
    got = [
        (m.partition(), m.key(), m.value(), [(name, text.decode()) for name, text in m.headers() or []])
        for m in messages
    ]
    assert by_partition(got) == by_partition(want)


def make_certificates(directory):
    """A throw-away CA, ca.pem, and the brokers' key and certificate, broker.pem, for 127.0.0.1."""
    subject, key = ["-subj", "/CN=leat test"], ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run("openssl", "req", "-x509", *key, *subject, "-keyout", "ca.key", "-out", "ca.pem", cwd=directory)
    run("openssl", "req", *key, "-subj", "/CN=127.0.0.1", "-keyout", "node.key", "-out", "node.csr", cwd=directory)
    (directory / "node.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    run(
        "openssl", "x509", "-req", "-in", "node.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
        "2", "-extfile", "node.ext", "-out", "node.pem", cwd=directory,
    )  # fmt: skip
    parts = [(directory / name).read_text() for name in ("node.key", "node.pem", "ca.pem")]
    (directory / "broker.pem").write_text("".join(parts))


class Node:
    """One broker, which is a controller too."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.ports = {name: free_port() for name in LISTENERS}
        self.advertised = {name: cluster.proxy(name, port) for name, port in self.ports.items()}
        self.directory = cluster.directory / f"node{number}"
        self.directory.mkdir()
        self.log = self.directory / "broker.log"
        self.process = None

    def address(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    def advertised_address(self, listener):
        return f"127.0.0.1:{self.advertised[listener]}"

    def properties(self):
        cluster, few = self.cluster, min(3, len(self.cluster.nodes))
        jaas = "org.apache.kafka.common.security.{} required"
        users = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
        pem = {"keystore.type": "PEM", "keystore.location": cluster.directory / "broker.pem"}
        pem |= {"truststore.type": "PEM", "truststore.location": cluster.directory / "ca.pem"}
        own = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": ",".join(f"{n.number}@{n.address('controller')}" for n in cluster.nodes),
            "listeners": ",".join(f"{name.upper()}://{self.address(name)}" for name in LISTENERS),
            "advertised.listeners": ",".join(
                f"{name.upper()}://{self.advertised_address(name)}" for name in LISTENERS[:3]
            ),
            "inter.broker.listener.name": "PLAIN",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,OAUTHBEARER",
            "listener.name.sasl.oauthbearer.sasl.jaas.config": jaas.format("oauthbearer.OAuthBearerLoginModule")
            + ' unsecuredLoginStringClaim_sub="broker";',
            "listener.name.sasl.oauthbearer.connections.max.reauth.ms": 2000,
            "listener.name.sasl.plain.sasl.jaas.config": jaas.format("plain.PlainLoginModule") + f" {users};",
            "listener.name.sasl.scram-sha-256.sasl.jaas.config": jaas.format("scram.ScramLoginModule") + ";",
            "listener.name.tls.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "listener.name.tls.plain.sasl.jaas.config": jaas.format("plain.PlainLoginModule") + f" {users};",
            "listener.name.tls.scram-sha-256.sasl.jaas.config": jaas.format("scram.ScramLoginModule") + ";",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:writer",
            "log.dirs": self.directory / "topics",
            "num.partitions": 1,
            "default.replication.factor": few,
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": few,
            "transaction.state.log.num.partitions": 3,
            "transaction.state.log.replication.factor": few,
            "transaction.state.log.min.isr": min(2, few),
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "log.cleaner.dedupe.buffer.size": 16 << 20,
            # Nothing is removed by age at a moment of the broker's own: tests look at how near it is.
            "log.initial.task.delay.ms": 86400000,
            "log.retention.check.interval.ms": 86400000,
            "num.network.threads": 2,
            "num.io.threads": 4,
        }
        return own | {f"listener.name.tls.ssl.{name}": value for name, value in pem.items()} | cluster.settings

    def argv(self, main, *arguments, flags=()):
        logging = self.directory / "log4j2.yaml"
        logging.write_text(LOGGING)
        flags = [*FLAGS, *(SHARED if CLASSES.exists() else []), *flags]
        return [
            "setpriv", "--pdeathsig", "KILL", java(), *flags, f"-Dlog4j2.configurationFile={logging}", "-cp",
            f"{CACHE}/kafka/*", main, *map(str, arguments),
        ]  # fmt: skip

    def format(self):
        file = self.directory / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in self.properties().items()))
        run(*self.argv("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", file))

    def start(self, flags=()):
        self.log.unlink(missing_ok=True)
        argv = self.argv("kafka.Kafka", self.directory / "server.properties", flags=flags)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def ready(self):
        def look():
            assert self.process.poll() is None, f"broker {self.number} ended: {self.log_tail()}"
            return "Kafka Server started" in self.log.read_text(errors="replace")

        wait_until(look, lambda: f"broker {self.number} is ready; it says: {self.log_tail()}", TIMEOUT, 0.1)

    def kill(self):
        """kill -9"""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)


class KafkaCluster:
    """One node or three. settings: more properties of brokers. proxy(listener, port): the port that clients are told
    of."""

    def __init__(self, nodes=1, settings=None, proxy=lambda _, port: port):
        if not (CACHE / "kafka/pom.xml").exists():
            raise FileNotFoundError(f"Kafka is not in {CACHE}: run scripts/setup test")
        self.directory = new_directory("leat-kafka-")
        self.settings, self.proxy = settings or {}, proxy
        self.nodes = []
        self.nodes += [Node(self, number + 1) for number in range(nodes)]
        self._admin = None

    def __enter__(self):
        try:
            make_certificates(self.directory)
            for node in self.nodes:
                node.format()
            self.start()
            self.make_users()
        except BaseException:
            self.close()
            raise
        return self

    def make_users(self):
        admin = confluent_kafka.admin
        form = admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_256, 4096)
        users = [admin.UserScramCredentialUpsertion(name, form, word.encode()) for name, word in USERS.items()]
        for future in self.admin.alter_user_scram_credentials(users).values():
            future.result(TIMEOUT)

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                node.start()
        for node in self.nodes:
            node.ready()
        wait_until(self.whole, "each partition has a leader and all of its replicas", TIMEOUT, 0.1)

    def whole(self):
        """A broker that says that it has started may still be about to lead, or follow, what it did before."""
        try:
            known = self.admin.list_topics(timeout=10)
        except confluent_kafka.KafkaException:
            return False
        parts = [part for topic in known.topics.values() for part in topic.partitions.values()]
        alive = {node.number for node in self.nodes}
        return set(known.brokers) == alive and all(
            part.leader in alive and sorted(part.isrs) == sorted(part.replicas) for part in parts
        )

    def kill(self):
        """No transaction may be under way when there is one node alone (hold). Kafka's coordinator takes partitions
        without a leader for deleted (seen with 4.3.1, after kill -9 and after SIGTERM), and a node that comes back has
        none for a moment: what was committed then, and said to be, is undone by the next producer of that name."""
        for node in self.nodes:
            node.kill()

    def hold(self, send, *prefixes):
        """Stops (send: gives it a signal) who writes into the topics that begin so, at a moment at which no transaction
        of its is under way there, and none can begin."""

        def held():
            send(signal.SIGSTOP)
            if self.decided(*prefixes):
                return True
            send(signal.SIGCONT)
            return False

        wait_until(held, f"no transaction is under way in {prefixes}", TIMEOUT)

    def addresses(self, listener="plain"):
        return ",".join(node.advertised_address(listener) for node in self.nodes)

    @property
    def bootstrap(self):
        return self.addresses()

    def url(self, prefix, listener="plain", **parameters):
        """kafka://… for leat."""
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"kafka://{self.addresses(listener)}/?topic.prefix={prefix}{more}"

    # --- topics ---

    @property
    def admin(self):
        if self._admin is None:
            self._admin = confluent_kafka.admin.AdminClient(CLIENT | {"bootstrap.servers": self.bootstrap})
        return self._admin

    def topics(self):
        """Names, with how many partitions."""
        found = self.admin.list_topics(timeout=TIMEOUT).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def create_topic(self, name, partitions=1, **config):
        config = {key.replace("_", "."): value for key, value in config.items()}
        topic = confluent_kafka.admin.NewTopic(name, num_partitions=partitions, config=config)
        for future in self.admin.create_topics([topic]).values():
            future.result(TIMEOUT)
        self.until_known(name, partitions)

    def add_partitions(self, name, count):
        """So that there are that many."""
        for future in self.admin.create_partitions([confluent_kafka.admin.NewPartitions(name, count)]).values():
            future.result(TIMEOUT)
        self.until_known(name, count)

    def delete_topic(self, name):
        for future in self.admin.delete_topics([name]).values():
            future.result(TIMEOUT)
        self.until_known(name, 0)

    def until_known(self, name, partitions):
        """The controller answers; brokers hear of it a moment later, each at its own time."""
        asked = [self.admin]
        if len(self.nodes) > 1:
            places = [node.advertised_address("plain") for node in self.nodes if node.process.poll() is None]
            asked = [confluent_kafka.admin.AdminClient(CLIENT | {"bootstrap.servers": place}) for place in places]
        wait_until(
            lambda: all(count_of(each, name) == partitions for each in asked),
            f"each broker knows {partitions} partitions of {name}", TIMEOUT,
        )  # fmt: skip

    def topic_config(self, name):
        resource = confluent_kafka.admin.ConfigResource("topic", name)
        (future,) = self.admin.describe_configs([resource]).values()
        return {key: entry.value for key, entry in future.result(TIMEOUT).items()}

    def alter_topic(self, name, **config):
        admin = confluent_kafka.admin
        entries = [
            admin.ConfigEntry(key.replace("_", "."), value, incremental_operation=admin.AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = admin.ConfigResource("topic", name, incremental_configs=entries)
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(TIMEOUT)
        want = {key.replace("_", "."): value for key, value in config.items()}
        known = lambda: want.items() <= self.topic_config(name).items()  # noqa: E731
        wait_until(known, f"the broker knows {want} of {name}", TIMEOUT)

    def decided(self, *prefixes):
        """No transaction is under way in the topics that begin so. Who commits one is answered before its markers are
        written, and until they are there, readers of committed records do not see it."""
        latest, levels = confluent_kafka.admin.OffsetSpec.latest(), confluent_kafka.IsolationLevel

        def ends(level):
            topics = {name: count for name, count in self.topics().items() if name.startswith(prefixes)}
            asked = [confluent_kafka.TopicPartition(name, n) for name, count in topics.items() for n in range(count)]
            answers = self.admin.list_offsets({at: latest for at in asked}, isolation_level=level) if asked else {}
            return {(at.topic, at.partition): future.result(TIMEOUT).offset for at, future in answers.items()}

        return ends(levels.READ_COMMITTED) == ends(levels.READ_UNCOMMITTED)

    def until_decided(self, *prefixes):
        wait_until(lambda: self.decided(*prefixes), f"no transaction is under way in {prefixes}", TIMEOUT)

    def read(self, topic, isolation="read_committed"):
        """All records that there are, from the beginning to the end; of all partitions, each in its order."""
        partitions = self.topics().get(topic, 0)
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.bootstrap, "group.id": "test", "enable.auto.commit": False,
                "isolation.level": isolation, "enable.partition.eof": True, "fetch.wait.max.ms": 50,
            }
        )  # fmt: skip
        try:
            at = [confluent_kafka.TopicPartition(topic, number, 0) for number in range(partitions)]
            consumer.assign(at)
            left, records, deadline = set(range(partitions)), [], time.monotonic() + TIMEOUT
            while left:
                assert time.monotonic() < deadline, f"{topic}: the end is not reached"
                message = consumer.poll(0.5)
                if message is None:
                    continue
                if message.error() is None:
                    records.append(message)
                elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise AssertionError(str(message.error()))
            return records
        finally:
            consumer.close()

    def values(self, topic):
        """Of JSON; None for tombstones."""
        return [None if m.value() is None else json.loads(m.value()) for m in self.read(topic)]

    def tool(self, main, *arguments):
        """One of Kafka's own command line tools; what it prints."""
        return run(*self.nodes[0].argv(main, *arguments))


def keep_classes():
    new = CLASSES.with_suffix(".new")
    cluster = KafkaCluster()
    try:
        make_certificates(cluster.directory)
        (node,) = cluster.nodes
        node.format()
        node.start([f"-XX:ArchiveClassesAtExit={new}"])
        node.ready()
        cluster.make_users()
        node.process.terminate()
        node.process.wait(TIMEOUT)
        new.replace(CLASSES)
    finally:
        cluster.close()


if __name__ == "__main__":
    keep_classes()
