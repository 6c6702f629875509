# SPDX-License-Identifier: Apache-2.0
"""A row that cannot be decoded stops the run, or is set aside, by policy."""

import base64
import json

import pytest

TABLE = "CREATE TYPE pair AS (a text, b int); CREATE TABLE t (id int PRIMARY KEY, p pair)"
# The running leat knows the type as it was.
OTHER = "ALTER TYPE pair ADD ATTRIBUTE c int; INSERT INTO t VALUES (2, ROW('y', 2, 3)), (3, NULL)"


@pytest.fixture
def process(leat, db, request):
    db.execute(f"{TABLE}; INSERT INTO t VALUES (1, ROW('x', 1))")
    process = leat.follow(db, "--set", "file.rotate.interval=100ms", *request.param)
    process.wait_log("changes are streaming")
    db.execute("INSERT INTO t VALUES (10, ROW('before', 1))")
    process.wait_durable(db)  # it would be read again, when the type is another one
    return process


def rows(directory):
    return [json.loads(line) for path in sorted(directory.glob("*.json")) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("process", [[]], indirect=True)
def test_it_stops_the_run_and_nothing_is_lost(leat, db, process):
    db.execute(OTHER)
    assert process.wait() == 1
    assert "composite type has changed" in process.stderr() and "errors=dead-letter" in process.stderr()
    leat.sync(db)
    assert [row["id"] for row in rows(leat.out / "public/t")] == [1, 10, 2, 3]
    assert not (leat.out / "leat").exists()


@pytest.mark.parametrize("process", [["--set", "errors=dead-letter"]], indirect=True)
def test_it_is_set_aside_with_its_reason(leat, db, process):
    db.execute(OTHER)
    process.wait_log("a row went to the dead letters")
    process.wait_durable(db)  # the rest of its transaction too
    process.stop()
    (letter,) = rows(leat.out / "leat/dead_letters")
    assert letter["table"] == "public.t" and letter["op"] == "c" and "column p" in letter["reason"]
    assert base64.b64decode(letter["raw"])[:1] == b"I"
    assert [row["id"] for row in rows(leat.out / "public/t")] == [1, 10, 3]
