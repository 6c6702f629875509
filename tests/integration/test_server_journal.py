# SPDX-License-Identifier: Apache-2.0
"""`leat server --journal kafka://…`: source connectors' journals in topics of a real Kafka."""

import connectors
import kafka_broker
import pytest
import server as server_module
from test_connectors import changes, put, until_equal

pytestmark = pytest.mark.xdist_group("kafka")

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
        until_equal(server, db, lake, topic, timeout=60)
        changes(db)
        until_equal(server, db, lake, topic, timeout=60)
        name = f"{kafka.prefix}.X53hopX2F1.journal"
        assert name in kafka.topics() and not list(server.data.glob("pipelines/*hop*/journal/*.log"))
        assert kafka.read(topic), "records go there too"
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
    kafka.alter_topic(name, cleanup_policy="compact")
    with make_server(work / "server", kafka) as server:
        assert "cleanup.policy=delete" in failed(server, "Shop/1")
        kafka.alter_topic(name, cleanup_policy="delete")
        assert server.connect("POST", "/connectors/Shop%2F1/restart?includeTasks=true").status in (200, 202, 204)
        db.execute("INSERT INTO orders VALUES (70, 'again')")
        until_equal(server, db, lake, topic, timeout=60)
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
        server.create("shop", source(db, kafka))
        trace = failed(server, "shop")
        assert "ACL" in trace and secret not in server.log_text(), trace
    for wrong, told in (("--kafka.sasl.password=geheim", "shown and stored"), ("--kafka.format=json", "kafka.format")):
        server = server_module.Server(work / "s", OPTIONS, [*flags[:2], wrong]).spawn()
        assert server.wait() == 2 and told in server.log_text() and "geheim" not in server.log_text()
