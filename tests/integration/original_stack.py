# SPDX-License-Identifier: Apache-2.0
"""The original that leat is compared with: a Kafka broker and a Kafka Connect worker with its plugins (scripts/setup
original), started as their own scripts start them, on free ports, in a folder of their own, gone at the end.

    with OriginalStack() as stack:
        stack.create("shop", {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", …})
        stack.wait_running("shop")
        stack.wait_end("shop.public.orders", 10)
"""

import pathlib
import shutil
import subprocess
import time

import confluent_kafka
import server as server_module
from postgres import ROOT, free_port
from scratch import new_directory
from wait import wait_until

CACHE = ROOT / ".cache/original"
# The flags that kafka-run-class.sh and connect-distributed.sh of the release give.
JAVA_FLAGS = [
    "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true",
]  # fmt: skip
# Starts sooner, where nothing is measured.
QUICK_FLAGS = [
    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xms64m", "-Xmx512m", "-Djava.awt.headless=true",
]  # fmt: skip
BROKER_HEAP = ["-Xmx1G", "-Xms1G"]
CONNECT_HEAP = ["-Xms256M", "-Xmx2G"]
CLUSTER = "bGVhdC1vcmlnaW5hbC0wMQ"  # any 16 bytes
LOGGING = """Configuration:
  status: WARN
  Appenders:
    Console:
      name: out
      PatternLayout: {pattern: "[%d] %p %m (%c)%n"}
  Loggers:
    Root:
      level: INFO
      AppenderRef: [{ref: out}]
"""


def java():
    """Debian's JDK 17, else the machine's own Java."""
    found = sorted(pathlib.Path("/usr/lib/jvm").glob("java-17-openjdk-*/bin/java"))
    return str(found[0]) if found else "java"


class JavaProcess:
    """A Java program with its log; ended with this process, whatever happens."""

    def __init__(self, directory, name, flags, main, *arguments):
        self.name = name
        self.log = directory / f"{name}.log"
        logging = directory / "log4j2.yaml"
        logging.write_text(LOGGING)
        argv = [
            "setpriv", "--pdeathsig", "KILL", java(), *flags, f"-Dlog4j2.configurationFile={logging}",
            "-cp", f"{CACHE}/kafka/*", main, *map(str, arguments),
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)

    @property
    def pid(self):
        return self.process.pid

    def log_tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def until(self, condition, what, timeout=240):
        """Waits while it runs; fails at once, with its log, when it ends before."""

        def look():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.log_tail()}")
            return condition()

        return wait_until(look, lambda: f"{what}; {self.name} says: {self.log_tail()}", timeout, 0.1)

    def stop(self, timeout=60):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


class OriginalStack:
    """One broker, one Connect worker. More properties of either, or of its converters, as dictionaries; `quick`: not
    with the flags that their scripts give."""

    def __init__(self, broker=None, connect=None, plugins=CACHE / "plugins", quick=False):
        if not (CACHE / "kafka/pom.xml").exists():
            raise FileNotFoundError(f"Kafka is not in {CACHE}: run scripts/setup original")
        self.directory = new_directory("leat-original-")
        self.ports = {name: free_port() for name in ("broker", "controller", "connect")}
        self.properties = {"broker": broker or {}, "connect": connect or {}}
        self.plugins = plugins
        self.quick = quick
        self.broker = self.worker = None

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.ports['broker']}"

    @property
    def connect_url(self):
        return f"http://127.0.0.1:{self.ports['connect']}"

    def __enter__(self):
        try:
            self.start_broker()
            self.start_connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.stop_connect()
        self.stop_broker()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- the processes ---

    def flags(self, heap):
        return QUICK_FLAGS if self.quick else [*heap, *JAVA_FLAGS]

    def write(self, name, properties):
        path = self.directory / f"{name}.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return path

    def broker_properties(self):
        controller = f"127.0.0.1:{self.ports['controller']}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self.directory / "topics",
            "num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
        } | self.properties["broker"]

    def start_broker(self):
        """Also again, with the topics that it had."""
        file = self.write("broker", self.broker_properties())
        if not (self.directory / "topics/meta.properties").exists():
            tool = "kafka.tools.StorageTool"
            words = ("format", "-t", CLUSTER, "-c", file)
            format = JavaProcess(self.directory, "format", self.flags(["-Xmx256M"]), tool, *words)
            assert format.process.wait(240) == 0, format.log_tail()
        (self.directory / "broker.log").unlink(missing_ok=True)
        self.broker = JavaProcess(self.directory, "broker", self.flags(BROKER_HEAP), "kafka.Kafka", file)
        ready = lambda: "Kafka Server started" in self.broker.log.read_text(errors="replace")  # noqa: E731
        self.broker.until(ready, "the broker is ready")

    def connect_properties(self):
        topics = {}
        for name, topic in (("offset", "offsets"), ("config", "configs"), ("status", "status")):
            topics[f"{name}.storage.topic"] = f"connect-{topic}"
            topics[f"{name}.storage.replication.factor"] = 1
        converters = {}
        for side in ("key", "value"):
            converters[f"{side}.converter"] = "org.apache.kafka.connect.json.JsonConverter"
            converters[f"{side}.converter.schemas.enable"] = "false"
        own = {
            "bootstrap.servers": self.bootstrap,
            "group.id": "connect-cluster",
            "listeners": self.connect_url,
            "rest.advertised.host.name": "127.0.0.1",
            "plugin.path": self.plugins,
        }
        return own | topics | converters | self.properties["connect"]

    def start_connect(self):
        file = self.write("connect", self.connect_properties())
        main = "org.apache.kafka.connect.cli.ConnectDistributed"
        self.worker = JavaProcess(self.directory, "connect", self.flags(CONNECT_HEAP), main, file)
        self.worker.until(self.connect_answers, "Connect answers", 240)

    def connect_answers(self):
        try:
            return self.connect("GET", "/connectors", timeout=60).status == 200
        except OSError:
            return False

    def stop_connect(self):
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def stop_broker(self):
        if self.broker is not None:
            self.broker.stop()
            self.broker = None

    # --- Connect's API ---

    def connect(self, method, path, body=None, timeout=120):
        return server_module.request(method, self.connect_url + path, body, timeout=timeout)

    def settled(self, method, path, body=None, timeout=240):
        """A change of a connector: a worker that is busy with another answers 409, and is asked again."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self.connect(method, path, body)
            if answer.status < 300:
                return answer
            if answer.status != 409 or time.monotonic() > deadline:
                raise AssertionError(f"{method} {path}: {answer}")
            time.sleep(0.1)

    def create(self, name, config):
        return self.settled("POST", "/connectors", {"name": name, "config": config})

    def states(self, name):
        """(connector's state, task's state or None)"""
        answer = self.connect("GET", f"/connectors/{name}/status")
        if answer.status != 200:
            return None, None
        status = answer.json()
        for task in status["tasks"]:
            assert task["state"] != "FAILED", task["trace"]
        return status["connector"]["state"], status["tasks"][0]["state"] if status["tasks"] else None

    def wait_running(self, name):
        self.worker.until(lambda: self.states(name) == ("RUNNING", "RUNNING"), f"{name} runs")

    def wait_stopped(self, name):
        self.worker.until(lambda: self.states(name) == ("STOPPED", None), f"{name} is stopped")

    # --- topics ---

    def consumer(self, **more):
        """Of confluent_kafka, from the first record."""
        properties = {"bootstrap.servers": self.bootstrap, "group.id": "leat", "auto.offset.reset": "earliest"}
        properties |= {"enable.auto.commit": False, "allow.auto.create.topics": False, "log_level": 0}
        return confluent_kafka.Consumer(properties | more)

    def wait_end(self, topic, count, timeout=600):
        """Until partition 0 of a topic has so many records."""
        partition = confluent_kafka.TopicPartition(topic, 0)
        consumer = self.consumer()

        def look():
            try:
                return consumer.get_watermark_offsets(partition, timeout=5, cached=False)[1] >= count
            except confluent_kafka.KafkaException:
                return False  # there is no such topic yet

        try:
            self.worker.until(look, f"{count} records in {topic}", timeout)
        finally:
            consumer.close()

    def keys(self, topic, count, batch=10000):
        """The keys of the first `count` records of partition 0, as bytes."""
        consumer = self.consumer()
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        try:
            while count > 0:
                messages = consumer.consume(min(batch, count), timeout=120)
                assert messages, f"{topic} has {count} records less than expected"
                for message in messages:
                    assert message.error() is None, message.error()
                    yield message.key()
                count -= len(messages)
        finally:
            consumer.close()
