# SPDX-License-Identifier: Apache-2.0
"""leat generate storefront --listen: filling and traffic ordered over HTTP."""

import json
import urllib.error
import urllib.request

import pytest
from leat import json_lines
from wait import PATIENCE, wait_until


def ask(url, method="GET", body=None):
    """(status, answer)"""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"} if data else {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        text = refused.read()
        return refused.code, json.loads(text) if text.startswith(b"{") else None


@pytest.fixture
def seeder(leat, db):
    process = leat.start("generate", "storefront", "--to", db.url, "--rate", "500", "--listen", "127.0.0.1:0")
    process.until(lambda: json_lines(process.stdout()), "it listens")
    process.url = f"http://127.0.0.1:{json_lines(process.stdout())[0]['port']}"
    yield process
    process.stop()


def state(seeder):
    return ask(seeder.url + "/status")[1]["state"]


def test_orders(seeder, db):
    assert ask(seeder.url + "/status")[1] == {
        "state": "idle", "rows_loaded": 0, "changes": 0, "transactions": 0, "rollbacks": 0, "rate": 500, "scale": 1,
        "error": None,
    }  # fmt: skip
    paths = ask(seeder.url + "/openapi.json")[1]["paths"]
    assert set(paths) >= {"/seed/full", "/seed/start", "/seed/stop", "/status"} and "post" in paths["/seed/full"]
    with db.connect(autocommit=False) as holding:
        holding.execute("CREATE SCHEMA shop")  # until it is known whether there is one, nothing is filled
        status, answer = ask(seeder.url + "/seed/full", "POST", {"seed": 3})
        assert (status, answer["state"]) == (202, "filling")
        assert ask(seeder.url + "/seed/start", "POST")[0] == 409
        holding.rollback()
    wait_until(lambda: state(seeder) == "idle", "the tables are filled")
    rows = ask(seeder.url + "/status")[1]["rows_loaded"]
    assert rows > 200000 and db.value("SELECT count(*) FROM shop.users") == 10000
    assert ask(seeder.url + "/seed/start", "POST", {"rate": 2000})[0] == 202
    wait_until(lambda: ask(seeder.url + "/status")[1]["changes"] > 1000, "traffic")
    assert state(seeder) == "running"
    status, answer = ask(seeder.url + "/seed/stop", "POST")
    assert (status, answer["state"]) == (200, "idle")
    assert ask(seeder.url + "/seed/stop", "POST")[0] == 200


def test_bad_orders(seeder):
    for body in (b"{", b"[]", {"rate": "many"}, {"to": "postgres://elsewhere"}, {"what": 1}, {"scale": 0}, b"\xff"):
        status, answer = ask(seeder.url + "/seed/start", "POST", body)
        assert status == 400 and answer["message"], body
    assert ask(seeder.url + "/seed/full", "POST", {"rate": 5})[0] == 400
    assert ask(seeder.url + "/seed/full")[0] == 405
    assert ask(seeder.url + "/nowhere")[0] == 404
    assert state(seeder) == "idle"


def test_a_database_that_is_away_is_told(seeder, db):
    db.drop()
    assert ask(seeder.url + "/seed/full", "POST")[0] == 202
    wait_until(lambda: state(seeder) == "failed", "it gives up")
    assert db.name in ask(seeder.url + "/status")[1]["error"]
