# SPDX-License-Identifier: Apache-2.0
"""A third party reads the topics: Confluent's client, committed records only, Avro by the registry's schemas. What it
finds goes into Parquet files as proof.py wants them, so that each table is rebuilt from its topic."""

import pathlib
import warnings

import authlib.deprecate
import pyarrow
import pyarrow.parquet

warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)  # of the client's, about its own future

import confluent_kafka
import confluent_kafka.schema_registry
import confluent_kafka.schema_registry.avro
import confluent_kafka.serialization

ROWS = 50_000  # of a file


class Topic:
    """The records of one topic, in order, on their way into files."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = pathlib.Path(directory) / name / "partition=0"
        self.directory.mkdir(parents=True)
        self.rows, self.written = [], 0
        self.count = 0  # records, tombstones too
        self.seen, self.doubled = set(), 0

    def take(self, key, value):
        self.count += 1
        if value is None:
            return
        if value["op"] != "r":  # a change is one of a row at a place of the source's log
            change = (value["source"]["lsn"], value["op"], key)
            self.doubled += change in self.seen
            self.seen.add(change)
        self.rows.append(value)
        if len(self.rows) == ROWS:
            self.write()

    def write(self):
        if not self.rows:
            return
        both = [row[side] for side in ("before", "after") for row in self.rows]
        kind = pyarrow.infer_type([row for row in both if row is not None])
        table = pyarrow.table(
            {
                "before": pyarrow.array([row["before"] for row in self.rows], kind),
                "after": pyarrow.array([row["after"] for row in self.rows], kind),
                "op": pyarrow.array([row["op"] for row in self.rows], pyarrow.string()),
                "source": pyarrow.array(
                    [{"snapshot": row["source"]["snapshot"]} for row in self.rows],
                    pyarrow.struct({"snapshot": pyarrow.string()}),
                ),
            }
        )
        pyarrow.parquet.write_table(table, self.directory / f"{self.name}+0+{self.written:010}.parquet")
        self.written += len(self.rows)
        self.rows.clear()


def read(bootstrap, registry_url, prefix, directory):
    """All topics that begin so, to their ends: {name: Topic}, whose records lie in the directory."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": "a-third-party", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True,
        }
    )  # fmt: skip
    # Without `timeout` it waits for ever; and it asks for associations of topics, where nothing else is said, which a
    # registry that has none (Apicurio) may leave without an answer.
    registry = confluent_kafka.schema_registry.SchemaRegistryClient({"url": registry_url, "timeout": 30})
    subjects = {"subject.name.strategy": confluent_kafka.schema_registry.topic_subject_name_strategy}
    decode = confluent_kafka.schema_registry.avro.AvroDeserializer(registry, conf=subjects)
    found = {name: topic for name, topic in consumer.list_topics(timeout=30).topics.items() if name.startswith(prefix)}
    topics = {name: Topic(name, directory) for name in found}
    places = {(name, part): 0 for name, topic in found.items() for part in topic.partitions}
    consumer.assign([confluent_kafka.TopicPartition(*place, 0) for place in places])
    context = confluent_kafka.serialization.SerializationContext
    while places:
        for message in consumer.consume(1000, 1.0):
            if message.error() is None:
                value = decode(message.value(), context(message.topic(), "value"))
                topics[message.topic()].take(message.key(), value)
            elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                places.pop((message.topic(), message.partition()), None)
            elif not message.error().retriable():
                raise confluent_kafka.KafkaException(message.error())
    consumer.close()
    for topic in topics.values():
        topic.write()
    return topics
