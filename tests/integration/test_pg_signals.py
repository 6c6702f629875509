# SPDX-License-Identifier: Apache-2.0
"""Signals of a connector: incremental and blocking snapshots, stop, pause, resume, log; under load and kill -9."""

import json
import random
import threading

import pytest
from test_pg_connector import connector  # noqa: F401 (a fixture)
from wait import wait_until

TABLES = """
CREATE TABLE a (id int PRIMARY KEY, v text);
INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 25) i;
CREATE TABLE b (x text, y int, v text, PRIMARY KEY (y, x));
INSERT INTO b SELECT 'x' || i % 3, i, 'w' || i FROM generate_series(1, 10) i;
CREATE TABLE sig (id varchar(64) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(4096));
"""
OPTIONS = {
    "table_include_list": "public\\.[ab]",
    "signal_data_collection": "public.sig",
    "snapshot_mode": "no_data",
    "incremental_snapshot_chunk_size": 4,
}


@pytest.fixture
def start(connector, db):  # noqa: F811
    def make(name="c", **more):
        db.execute(TABLES)
        c = connector(name, **(OPTIONS | more)).start()
        c.wait_streaming()
        return c

    return make


def ask(db, kind, id="s1", **data):
    text = json.dumps({name.replace("_", "-"): value for name, value in data.items()})
    db.execute("INSERT INTO sig VALUES (%s, %s, %s)", (id, kind, text))


def rows(c, table="a"):
    """The READ events of a table: key -> value, each key once."""
    found = [e["after"] for e in c.events(f"t.public.{table}") if e["op"] == "r"]
    keys = [row.get("id") or (row["x"], row["y"]) for row in found]
    assert len(set(keys)) == len(keys), f"rows come twice: {keys}"
    return {key: row["v"] for key, row in zip(keys, found)}


def wait_rows(c, count, table="a"):
    wait_until(
        lambda: c.process.poll() is not None or len(rows(c, table)) >= count,
        lambda: f"{count} rows of {table}, {len(rows(c, table))}; {c.log_tail()}",
    )
    assert c.process.poll() is None, c.log_tail()
    assert len(rows(c, table)) == count


def signal_types(db):
    return [kind for (kind,) in db.query("SELECT type FROM sig")]


@pytest.mark.parametrize("strategy", ["insert_insert", "insert_delete"])
def test_incremental_of_two_tables(strategy, start, db):
    c = start(incremental_snapshot_watermarking_strategy=strategy)
    db.execute("INSERT INTO a VALUES (100, 'streamed')")
    ask(db, "execute-snapshot", type="incremental", data_collections=["public.A", "public\\.b"])
    wait_rows(c, 26)
    wait_rows(c, 10, "b")
    assert rows(c) == {str(i): v for i, v in db.query("SELECT id, v FROM a")}
    # Chunks until an empty one: 26 rows in fours are seven and one, ten are three and one.
    wait_until(lambda: signal_types(db).count("snapshot-window-open") in (0, 12), "the last window")
    closed = 12 if strategy == "insert_insert" else 0
    for kind in ("close", "open"):  # the last one may open only now
        told = lambda kind=kind: signal_types(db).count(f"snapshot-window-{kind}")  # noqa: E731
        wait_until(lambda told=told: told() == closed, lambda told=told: f"the last window is closed: {told()}")
    db.execute("UPDATE a SET v = 'late' WHERE id = 3")
    wait_until(lambda: c.events("t.public.a")[-1]["op"] == "u", "the stream goes on")
    c.stop()


def test_condition_surrogate_key_and_names_that_are_none(start, db):
    db.execute("CREATE TABLE nokey (id int, v text); INSERT INTO nokey SELECT i, 'n' FROM generate_series(1, 9) i;"
               " ALTER TABLE nokey REPLICA IDENTITY FULL")  # fmt: skip
    c = start(table_include_list="public\\.(a|nokey)")
    ask(db, "execute-snapshot", "none", type="incremental", data_collections=["public.nowhere"])
    ask(db, "execute-snapshot", "bad", type="sometimes", data_collections=["public.a"])
    ask(db, "who-knows", "other")
    ask(db, "execute-snapshot", "nokey", type="incremental", data_collections=["public.nokey"])
    condition = [{"data-collection": "public.a", "filter": "id % 5 = 0 AND v <> ''"},
                 {"data-collection": "public\\..*", "filter": "id < 3"}]  # the first that covers it counts
    ask(db, "execute-snapshot", "some", type="incremental", data_collections=["public.a"],
        additional_conditions=condition)  # fmt: skip
    wait_rows(c, 5)
    assert sorted(map(int, rows(c))) == [5, 10, 15, 20, 25]
    assert rows(c, "nokey") == {}
    ask(db, "execute-snapshot", "by", type="incremental", data_collections=["public.nokey"], surrogate_key="id")
    wait_rows(c, 9, "nokey")
    c.stop()


def test_pause_resume_stop(start, db):
    c = start()
    ask(db, "pause-snapshot", "p")
    ask(db, "resume-snapshot", "r")
    with db.connect(autocommit=False) as one:
        one.execute("INSERT INTO sig VALUES ('x', 'execute-snapshot', %s)",
                    (json.dumps({"data-collections": ["public.a", "public.b"]}),))  # fmt: skip
        one.execute("INSERT INTO sig VALUES ('p2', 'pause-snapshot', '{}')")
    ask(db, "log", message="here {}")
    wait_until(lambda: "here 0/" in c.log_tail(), "the message is in the log")
    assert rows(c) == {}
    c.stop()
    c.start()  # it is paused still
    c.wait_streaming()
    ask(db, "log", "l2", message="again {}")
    wait_until(lambda: "again 0/" in c.log_tail(), "the message is in the log")
    assert rows(c) == {}
    ask(db, "stop-snapshot", "st", type="incremental", data_collections=["public.a"])
    ask(db, "resume-snapshot", "rs")
    wait_rows(c, 10, "b")
    assert rows(c) == {}
    c.stop()


def test_changes_in_the_window_win(start, db):
    """Rows are changed all the time while they are read: what stands last is what the table holds."""
    c = start(incremental_snapshot_chunk_size=3)
    stop = threading.Event()

    def load():
        rng = random.Random(7)
        with db.connect() as connection:
            n = 0
            while not stop.is_set():
                n += 1
                i = rng.randint(1, 60)
                how = rng.random()
                if how < 0.6:
                    connection.execute("INSERT INTO a VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
                                       (i, f"n{n}"))  # fmt: skip
                elif how < 0.8:
                    connection.execute("DELETE FROM a WHERE id = %s", (i,))
                else:
                    connection.execute("UPDATE a SET id = id + 1000 WHERE id = %s AND NOT EXISTS"
                                       " (SELECT 1 FROM a WHERE id = %s)", (i, i + 1000))  # fmt: skip

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(6):
        ask(db, "execute-snapshot", f"s{n}", type="incremental", data_collections=["public.a"])
        if n % 2 == 1:
            c.process.kill()
            c.process.wait()
            c.start()
            c.wait_streaming()
    stop.set()
    for thread in threads:
        thread.join()

    ask(db, "execute-snapshot", "last", type="incremental", data_collections=["public.b"])
    wait_rows(c, 10, "b")
    final = {}
    for e in c.events("t.public.a"):
        if e["op"] == "d":
            final.pop(e["before"]["id"], None)
        else:
            final[e["after"]["id"]] = e["after"]["v"]
    assert final == {str(i): v for i, v in db.query("SELECT id, v FROM a")}
    c.stop()


@pytest.mark.parametrize("point", ["incremental.opened", "incremental.closed"])
def test_killed_in_a_chunk(point, start, db):
    c = start()
    c.stop()
    c.start(env={"LEAT_CRASH_POINT": point})
    ask(db, "execute-snapshot", type="incremental", data_collections=["public.a"])
    c.process.wait()
    assert c.process.returncode != 0
    c.start()
    wait_rows(c, 25)
    c.stop()


def test_blocking(start, db):
    c = start()
    ask(db, "execute-snapshot", type="blocking", data_collections=["public.b"])
    wait_rows(c, 10, "b")
    condition = [{"data-collection": "public.a", "filter": "SELECT * FROM public.a WHERE id < 4"},
                 {"data-collection": "public\\..*", "filter": "SELECT * FROM public.a"}]  # the first counts
    ask(db, "execute-snapshot", "s2", type="blocking", data_collections=["public.a"], additional_conditions=condition)
    wait_rows(c, 3)
    db.execute("INSERT INTO a VALUES (77, 'after')")
    wait_until(lambda: c.events("t.public.a")[-1]["after"]["id"] == "77", "the stream goes on")
    c.stop()


def test_read_only_by_file(start, db, tmp_path):
    file = tmp_path / "signals"
    c = start(read_only="true", signal_data_collection=None, signal_enabled_channels="file", signal_file=file,
              signal_poll_interval_ms=50)  # fmt: skip
    line = {"id": "f1", "type": "execute-snapshot", "data": {"data-collections": ["public.a"], "type": "incremental"}}
    file.write_text("no signal\n" + json.dumps(line) + "\n")
    wait_rows(c, 25)
    wait_until(lambda: file.read_text() == "", "the file is emptied")
    assert signal_types(db) == []
    c.stop()


def test_notifications(start, db):
    c = start(notification_enabled_channels="sink,log", notification_sink_topic_name="told")
    ask(db, "execute-snapshot", type="incremental", data_collections=["public.b"])
    wait_rows(c, 10, "b")

    def told():
        return [(e["after"]["aggregate_type"], e["after"]["type"]) for e in c.events("t.$notification")]

    wait_until(lambda: ("Incremental Snapshot", "COMPLETED") in told(), lambda: f"{told()}")
    assert told() == [("Initial Snapshot", "SKIPPED")] + [
        ("Incremental Snapshot", kind)
        for kind in ["STARTED", "DATA_COLLECTIONS_RESOLVED", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS",
                     "TABLE_SCAN_COMPLETED", "COMPLETED"]  # fmt: skip
    ]
    last = [json.loads(e["after"]["additional_data"]) for e in c.events("t.$notification")][-3]
    assert last == {
        "connector_name": "t", "data_collections": "public.b", "current_collection_in_progress": "public.b",
        "chunk_index": "3", "last_processed_key": "10", "maximum_key": "10", "total_rows": "10", "total_chunks": "3",
    }  # fmt: skip
    c.stop()
