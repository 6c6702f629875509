# SPDX-License-Identifier: Apache-2.0
"""The data directory of a server is lost, or comes back as an older copy, under a source and a sink connector. The
slot has forgotten what the journal held (ack.policy=journal), so nothing goes on silently: the sink says what is the
matter and what to do, no object is touched, and what it says to do leads to files that equal the source."""

import shutil

import connectors
import pytest
import scratch
from test_connectors import TOPIC, changes, create, server, until_equal, wire  # noqa: F401

SINK = {"flush.size": "1"}
MARK = "_leat/lake@source.checkpoint"


def create_both(server, db, work):
    create(server, "source", connectors.source(db), connectors.JSON_PLAIN)
    create(server, "lake", connectors.s3_sink(work, TOPIC), connectors.JSON_PLAIN, SINK)


def objects(lake):
    return {path.relative_to(lake): content for path, content in scratch.contents(lake).items()}


def until_published(server, db, work, lake):
    """The checkpoint, too, which follows the files: then the connector tells the offset behind them."""
    until_equal(server, db, lake)
    end = len(wire(server, "source", TOPIC))

    def told():
        offsets = server.connect("GET", "/connectors/lake/offsets").json()["offsets"]
        return [offset["offset"]["kafka_offset"] for offset in offsets]

    server.until(lambda: told() == [end], lambda: f"the offset is {end}: {told()}")
    return objects(work / "lake")


def once(lake):
    """No record of a table is there twice: files follow each other by offset, and a row is read once and created
    once."""
    connectors.check_offsets(lake, TOPIC)
    seen = [record["after"]["id"] for record in connectors.records(lake, TOPIC) if record["op"] in "rc"]
    assert len(seen) == len(set(seen)), seen


def failed(server, name):
    server.until(lambda: server.states(name) == ("RUNNING", "FAILED"), lambda: server.status(name))
    return server.status(name)["tasks"][0]["trace"]


def first_life(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create_both(server, db, work)
    until_published(server, db, work, work / "lake")
    db.execute("INSERT INTO orders SELECT i, 'more' FROM generate_series(20, 27) i")
    return until_published(server, db, work, work / "lake")


@pytest.mark.parametrize("remedy", ["moved away", "another name"])
def test_a_lost_data_directory_is_said_and_the_remedy_works(server, db, work, remedy):  # noqa: F811
    before = first_life(server, db, work)
    server.kill()
    shutil.rmtree(server.data)
    db.execute("DELETE FROM orders WHERE id = 7; INSERT INTO orders VALUES (50, 'while away'), (51, 'two')")
    server.start()
    create_both(server, db, work)
    trace = failed(server, "lake")
    assert "does not know" in trace and MARK in trace and "topics.dir" in trace, trace
    assert objects(work / "lake") == before
    if remedy == "moved away":
        (work / "lake" / "topics").rename(work / "old")
        (work / "lake" / MARK).rename(work / "old.checkpoint")
        assert server.connect("POST", "/connectors/lake/restart?includeTasks=true").status in (200, 202, 204)
        lake = work / "lake"
    else:
        assert server.connect("DELETE", "/connectors/lake").status == 204
        create(server, "lake2", connectors.s3_sink(work, TOPIC), connectors.JSON_PLAIN, SINK, {"topics.dir": "again"})
        lake = work / "lake" / "again"
    db.execute("INSERT INTO orders VALUES (60, 'after')")
    until_equal(server, db, lake)
    once(lake)
    if remedy != "moved away":
        assert {name: data for name, data in objects(work / "lake").items() if name in before} == before
    server.stop()


def test_an_older_copy_goes_on_only_after_a_reset(server, db, work):  # noqa: F811
    """What was deleted in the gap is told by no record, as with Debezium: rows are read again without a truncate."""
    first_life(server, db, work)
    server.stop()
    shutil.copytree(server.data, work / "copy")
    server.start()
    db.execute("UPDATE orders SET name = 'new' WHERE id < 4")
    db.execute("INSERT INTO orders SELECT i, 'lost' FROM generate_series(70, 76) i")
    before = until_published(server, db, work, work / "lake")
    server.stop()
    shutil.rmtree(server.data)
    (work / "copy").rename(server.data)
    server.start()
    assert "changes between are not here" in failed(server, "source")
    assert server.connect("PUT", "/connectors/source/stop").status == 204
    server.wait_state("source", None)
    assert server.connect("DELETE", "/connectors/source/offsets").status == 200
    assert server.connect("PUT", "/connectors/source/resume").status == 202
    server.wait_state("source")
    trace = failed(server, "lake")
    assert "older copy" in trace and "reset its offsets" in trace, trace
    assert objects(work / "lake") == before
    assert server.connect("PUT", "/connectors/lake/stop").status == 204
    server.wait_state("lake", None)
    assert server.connect("DELETE", "/connectors/lake/offsets").status == 200
    assert server.connect("PUT", "/connectors/lake/resume").status == 202
    changes(db)
    until_equal(server, db, work / "lake")
    connectors.check_offsets(work / "lake", TOPIC)
    server.stop()
