# SPDX-License-Identifier: Apache-2.0
"""A configuration is tried before it is taken. When the worker that tries it is killed, or takes too long, nobody
knows: the answer is 500 with the reason, and nothing is created or changed."""

import contextlib
import socket
import threading

import pytest
import server as server_module

CLASS = "io.debezium.connector.postgresql.PostgresConnector"


@pytest.fixture
def silence():
    """The port of a server that takes connections and says nothing."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def config(port):
    return {
        "name": "a",
        "connector.class": CLASS,
        "plugin.name": "pgoutput",
        "topic.prefix": "p",
        "database.hostname": "127.0.0.1",
        "database.port": str(port),
        "database.user": "u",
        "database.password": "p",
        "database.dbname": "d",
    }


def asks(port):
    return {
        "POST": ("POST", "/connectors", {"name": "a", "config": config(port)}),
        "PUT": ("PUT", "/connectors/a/config", config(port)),
        "validate": ("PUT", f"/connector-plugins/{CLASS}/config/validate", config(port)),
    }


def refused(server, answer, *words):
    assert answer.status == 500, answer
    body = answer.json()
    assert body["error_code"] == 500 and all(word in body["message"] for word in words), body
    assert server.connect("GET", "/connectors").json() == []


@pytest.mark.parametrize("ask", ["POST", "PUT", "validate"])
def test_a_test_that_takes_too_long(work, silence, ask):
    with server_module.Server(work, options={"call.timeout": "1s"}) as server:
        refused(server, server.connect(*asks(silence)[ask]), "could not be tried", "did not answer in time")


@pytest.mark.parametrize("ask", ["POST", "PUT", "validate"])
def test_a_test_whose_worker_is_killed(work, silence, ask):
    with server_module.Server(work) as server:
        got = []
        asking = threading.Thread(target=lambda: got.append(server.connect(*asks(silence)[ask])))
        asking.start()
        for process in server.until(server.workers, "the test runs").values():
            process.kill()
        asking.join()
        refused(server, got[0], "could not be tried")
