# SPDX-License-Identifier: Apache-2.0
"""Connectors whose converters name a registry that is not their server's own: over TLS, with users, tokens, several
URLs, each way of naming subjects."""

import decimal
import io
import json

import confluent_kafka.schema_registry as confluent
import connectors
import fastavro
import kafka_broker
import pytest
from server import Server
from test_front import hashed
from test_kafka import wire

SETUP = "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(12,3)); INSERT INTO t VALUES (1, 'a', 1.5), (2, 'b', -2)"
AVRO = "io.confluent.connect.avro.AvroConverter"


@pytest.fixture
def elsewhere(tmp_path):
    """A guarded registry over TLS, and a client that may do all."""
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    kafka_broker.make_certificates(directory)
    tokens = directory / "tokens"
    tokens.write_text(f"alice admin {hashed('wonderland')}\nrita reader {hashed('reads')}\n")
    tokens.chmod(0o600)
    options = {"auth.token.file": tokens}
    options |= {"tls.certificate": directory / "node.pem", "tls.key": directory / "node.key"}
    with Server(directory, options) as server:
        conf = {"url": server.registry_url, "ssl.ca.location": str(directory / "ca.pem")}
        client = confluent.SchemaRegistryClient(conf | {"basic.auth.user.info": "alice:wonderland"})
        yield server, directory / "ca.pem", client


def converters(options, **parts):
    """The same options for both parts; key=…, value=…: more for one."""
    config = {}
    for part in ("key", "value"):
        config[f"{part}.converter"] = AVRO
        for name, value in (options | parts.get(part, {})).items():
            config[f"{part}.converter.{name}"] = value
    return config


def rows(lines, client):
    """What Avro's own reader sees, by the schemas of that registry: {id: (v, n)}."""
    found = {}
    for line in lines:
        frame = kafka_broker.bytes_of(line["value"])
        assert frame[0] == 0
        schema = json.loads(client.get_schema(int.from_bytes(frame[1:5], "big")).schema_str)
        after = fastavro.schemaless_reader(io.BytesIO(frame[5:]), fastavro.parse_schema(schema))["after"]
        found[after["id"]] = (after["v"], after["n"])
    return found


def test_registries_elsewhere(elsewhere, tmp_path, db):
    registry, ca, client = elsewhere
    db.execute(SETUP)
    want = {1: ("a", decimal.Decimal("1.5")), 2: ("b", decimal.Decimal(-2))}
    tls = {"schema.registry.ssl.truststore.location": str(ca), "schema.registry.ssl.truststore.type": "PEM"}
    several = {"schema.registry.url": f"http://127.0.0.1:1,{registry.registry_url}"}
    user = {"basic.auth.credentials.source": "USER_INFO"}
    alice = user | {"schema.registry.basic.auth.user.info": "${env:REGISTRY_USER}"}
    token = {"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": "${env:REGISTRY_TOKEN}"}
    fixed = {"auto.register.schemas": "false"}
    in_url = registry.registry_url.replace("https://", "https://alice:wonderland@")
    strategy = "io.confluent.kafka.serializers.subject.{}NameStrategy".format
    configs = {
        "user": converters(several | tls | alice),
        "named": converters({"schema.registry.url": in_url} | tls,
                            key={"key.subject.name.strategy": strategy("TopicRecord")},
                            value={"value.subject.name.strategy": strategy("Record")}),
        "token": converters(several | tls | token | fixed),
        "latest": converters(several | tls | token | fixed | {"use.latest.version": "true"}),
    }  # fmt: skip
    subjects = {
        "user": {"user.public.t-key", "user.public.t-value"},
        "named": {"named.public.t-named.public.t.Key", "named.public.t.Envelope"},
        "token": {"token.public.t-key", "token.public.t-value"},
        "latest": {"latest.public.t-key", "latest.public.t-value"},
    }
    env = {"REGISTRY_USER": "alice:wonderland", "REGISTRY_TOKEN": "reads"}
    (tmp_path / "server").mkdir()
    with Server(tmp_path / "server", env=env) as server:
        for name, config in configs.items():
            if "auto.register.schemas" in str(config):  # somebody else registers them
                for part in ("key", "value"):
                    schema = client.get_latest_version(f"user.public.t-{part}").schema.schema_str
                    more = {"doc": "of others"} if name == "latest" else {}
                    schema = json.dumps(json.loads(schema.replace("user.public", f"{name}.public")) | more)
                    client.register_schema(f"{name}.public.t-{part}", confluent.Schema(schema, "AVRO"))
            server.create(name, connectors.source(db, name) | config)
            server.wait_state(name)
            server.until(lambda: len(wire(server, name).get(f"{name}.public.t", [])) == 2, "its rows are there")
            assert rows(wire(server, name)[f"{name}.public.t"], client) == want, name
            assert subjects[name] <= set(client.get_subjects())
        assert server.registry("GET", "/subjects").json() == []

        # Who may not, and what is not there: the connector says so, and no secret.
        bad = {
            "wrong": (several | tls | user | {"basic.auth.user.info": "alice:geheim"}, "refuses the credentials"),
            "reader": (several | tls | token, "denies"),
            "absent": (several | tls | token | fixed, "auto.register.schemas"),
            "untrusted": ({"schema.registry.url": registry.registry_url} | alice, "certificate"),
            "jks": (several | {"schema.registry.ssl.truststore.location": "/x.jks"}, "only PEM"),
        }
        for name, (options, says) in bad.items():
            answer = server.connect("POST", "/connectors", {"name": name, "config": connectors.source(db, name)
                                                            | converters(options)})  # fmt: skip
            told = json.dumps(answer.json())
            if answer.status == 201:
                told = server.wait_state(name, "FAILED")["tasks"][0]["trace"]
            assert says in told and "geheim" not in told, (name, told)
        assert not any(word in server.log_text() for word in ("geheim", "wonderland"))
