# SPDX-License-Identifier: Apache-2.0
"""The capture half of a Debezium PostgreSQL connector: snapshot modes, publications, filters, slots, side topics."""

import json
import os
import signal
import subprocess

import pytest

from leat import BINARY
from wait import PATIENCE, wait_until

PROBE = BINARY.parent / "leat_source_probe"


class Connector:
    def __init__(self, directory, db, **properties):
        self.directory = directory
        self.db = db
        self.properties = {
            "topic.prefix": "t",
            "plugin.name": "pgoutput",
            "database.hostname": str(db.server.directory),
            "database.port": str(db.server.port),
            "database.user": "postgres",
            "database.dbname": db.name,
            "slot.name": f"dbz_{db.name}",
            "publication.autocreate.mode": "filtered",
        }
        self.process = None
        self.set(**properties)

    def set(self, **properties):
        """Names with underscores for dots; None takes one away."""
        for name, value in properties.items():
            name = name.replace("__", "-").replace("_", ".")
            if value is None:
                self.properties.pop(name, None)
            else:
                self.properties[name] = str(value)

    def start(self, env=None):
        self.directory.mkdir(exist_ok=True)
        (self.directory / "report.json").unlink(missing_ok=True)
        file = self.directory / "connector.json"
        file.write_text(json.dumps(self.properties))
        self.log = self.directory / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", str(PROBE), "run", str(self.directory), str(file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
            )  # fmt: skip
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def wait_end(self):
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def fails(self, *parts):
        """Starts, ends by itself with an error that says all that."""
        self.start()
        assert self.wait_end() == 1, self.log_tail()
        for part in parts:
            assert part in self.log_tail(), self.log_tail()

    def log_tail(self):
        return self.log.read_text()[-4000:]

    def events(self, topic=None):
        result = subprocess.run([str(PROBE), "dump", str(self.directory)], capture_output=True, text=True)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return [line for line in lines if topic is None or line["topic"] == topic]

    def wait_events(self, count, topic=None):
        def enough():
            assert self.process is None or self.process.poll() is None, self.log_tail()
            return len(self.events(topic)) >= count

        wait_until(enough, lambda: f"{count} events, {self.events(topic)[-3:]}; {self.log_tail()}")
        events = self.events(topic)
        assert len(events) == count, events
        return events

    def offsets(self, *what):
        """GET without arguments; ("reset",); a partition and an offset to set. Returns JSON, or the error's text."""
        parts = [part if isinstance(part, str) else json.dumps(part) for part in what or ("get",)]
        argv = [str(PROBE), "offsets", str(self.directory), str(self.directory / "connector.json"), *parts]
        result = subprocess.run(argv, capture_output=True, text=True)
        if result.returncode != 0:
            return result.stderr
        return json.loads(result.stdout) if not what else None

    def report(self):
        file = self.directory / "report.json"
        return json.loads(file.read_text()) if file.exists() else {"tables": {}}

    def wait_streaming(self):
        wait_until(
            lambda: self.process.poll() is not None or self.report().get("phase") == 3,
            lambda: f"streaming: {self.report()} {self.log_tail()}",
        )
        assert self.process.poll() is None, self.log_tail()


@pytest.fixture
def db(pg):
    database = pg.create_database()
    yield database
    database.drop()


@pytest.fixture
def connector(db, tmp_path):
    made = []

    def make(name="c", **properties):
        made.append(Connector(tmp_path / name, db, **properties))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            one.process.kill()
            one.process.wait()


def ids(events):
    return [(e["op"], (e["after"] or e["before"] or {}).get("id")) for e in events]


ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, v text DEFAULT 'new', n numeric(6,2));"


# --- snapshot modes ---------------------------------------------------------------------------------------------


def test_initial_reads_once_then_streams(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1), (2, 'b', 2)")
    c = connector(table_include_list="public.orders").start()
    c.wait_events(2)
    db.execute("INSERT INTO orders VALUES (3, 'c', 3)")
    events = c.wait_events(3)
    assert ids(events) == [("r", "1"), ("r", "2"), ("c", "3")]
    assert {e["topic"] for e in events} == {"t.public.orders"}
    assert events[0]["defaults"] == {"v": "'new'::text"}
    c.stop()
    db.execute("UPDATE orders SET v = 'x' WHERE id = 1; DELETE FROM orders WHERE id = 2")
    c.start()
    events = c.wait_events(5)
    assert ids(events)[3:] == [("u", "1"), ("d", "2")]
    assert [(e["offset"], e["span"]) for e in events] == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2)]


def test_always_reads_at_each_start(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1)")
    c = connector(snapshot_mode="always").start()
    c.wait_events(1)
    c.wait_streaming()
    c.stop()
    db.execute("UPDATE orders SET v = 'away' WHERE id = 1")
    c.start()
    events = c.wait_events(3)
    assert [(e["op"], e["span"]) for e in events] == [("r", 1), ("t", 0), ("r", 1)]
    assert events[2]["after"]["v"] == "away"
    db.execute("INSERT INTO orders VALUES (2, 'b', 1)")
    assert ids(c.wait_events(4))[3] == ("c", "2")


def test_initial_only_ends_and_leaves_nothing(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1), (2, 'b', 2)")
    c = connector(snapshot_mode="initial_only").start()
    assert c.wait_end() == 0, c.log_tail()
    assert ids(c.events()) == [("r", "1"), ("r", "2")]
    assert db.slots() == {} and db.query("SELECT * FROM pg_publication") == []
    c.start()
    assert c.wait_end() == 0
    assert len(c.events()) == 2


@pytest.mark.parametrize("mode", ["no_data", "never", "schema_only"])
def test_no_data_streams_only(db, connector, mode):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1)")
    c = connector(snapshot_mode=mode).start()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (2, 'b', 2)")
    assert ids(c.wait_events(1)) == [("c", "2")]


def test_when_needed_reads_again_after_the_slot_is_gone(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1)")
    c = connector(snapshot_mode="when_needed").start()
    c.wait_streaming()
    c.stop()
    db.drop_slots()
    db.execute("INSERT INTO orders VALUES (2, 'b', 1)")
    c.start()
    assert ids(c.wait_events(4)) == [("r", "1"), ("t", None), ("r", "1"), ("r", "2")]
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (3, 'b', 1)")
    assert ids(c.wait_events(5))[4] == ("c", "3")


def test_a_lost_slot_is_an_error_else(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1)")
    c = connector().start()
    c.wait_streaming()
    c.stop()
    db.drop_slots()
    c.fails("slot_lost", "does not exist any more", "when_needed")


def test_configuration_based(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'a', 1)")
    based = "snapshot.mode.configuration.based."
    c = connector(snapshot_mode="configuration_based")
    c.properties |= {based + "snapshot.data": "true", based + "start.stream": "true"}
    c.properties["snapshot.mode"] = "configuration_based"
    c.start()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (2, 'b', 2)")
    assert ids(c.wait_events(2)) == [("r", "1"), ("c", "2")]


def test_custom_is_refused(db, connector):
    connector(snapshot_mode="custom").fails("option", "snapshot.mode", "configuration_based")


def test_what_is_read_can_be_narrowed(db, connector):
    db.execute(ORDERS + "CREATE TABLE items (id int PRIMARY KEY, big bool)")
    db.execute("INSERT INTO orders VALUES (1, 'a', 1); INSERT INTO items VALUES (1, true), (2, false)")
    c = connector(snapshot_include_collection_list="public.items", snapshot_locking_mode="shared",
                  snapshot_select_statement_overrides="public.items")  # fmt: skip
    c.properties["snapshot.select.statement.overrides.public.items"] = "SELECT * FROM items WHERE big;"
    c.start()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (2, 'b', 1)")
    events = c.wait_events(2)
    assert {(e["table"], e["op"], e["after"]["id"]) for e in events} == {("items", "r", "1"), ("orders", "c", "2")}


# --- filters, publications, slots -------------------------------------------------------------------------------


def test_filters_and_new_tables(db, connector):
    db.execute(ORDERS + "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)")
    db.execute("CREATE SCHEMA audit; CREATE TABLE audit.orders (id int PRIMARY KEY)")
    c = connector(table_include_list="PUBLIC.ord.*", publication_autocreate_mode="all_tables").start()
    c.wait_streaming()
    db.execute("INSERT INTO other VALUES (2); INSERT INTO audit.orders VALUES (1); INSERT INTO orders VALUES (1)")
    assert [e["topic"] for e in c.wait_events(1)] == ["t.public.orders"]
    # A new table is captured from its first change on, in the transaction that makes it.
    db.execute("BEGIN; CREATE TABLE order_lines (id int PRIMARY KEY); INSERT INTO order_lines VALUES (7); COMMIT")
    c.wait_events(2)  # events of two topics have no order within one commit of the journal
    db.execute("ALTER TABLE order_lines RENAME TO ordered; INSERT INTO ordered VALUES (8)")
    db.execute("ALTER TABLE ordered ADD COLUMN x int NOT NULL DEFAULT 5; INSERT INTO ordered VALUES (9)")
    db.execute("INSERT INTO ordered VALUES (10); DROP TABLE ordered")
    events = c.wait_events(5)
    assert [(e["table"], e["after"]["id"]) for e in events[1:]] == [
        ("order_lines", "7"), ("ordered", "8"), ("ordered", "9"), ("ordered", "10")
    ]  # fmt: skip
    assert events[3]["after"]["x"] == "5"
    c.stop()


def publication(db, name="dbz_publication"):
    rows = db.query("SELECT puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate"
                    " FROM pg_publication WHERE pubname = %s", (name,))  # fmt: skip
    tables = db.query("SELECT tablename FROM pg_publication_tables WHERE pubname = %s ORDER BY 1", (name,))
    return (rows[0], [t for (t,) in tables]) if rows else None


def test_publication_modes(db, connector):
    db.execute(ORDERS + "CREATE TABLE items (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)")
    c = connector("disabled", publication_autocreate_mode="disabled")
    c.fails("source_setup", "dbz_publication", "does not exist")
    assert publication(db) is None and db.slots() == {}
    c = connector("none", table_include_list="public.nothing")
    c.fails("source_setup", "no table matches")
    c = connector("filtered", table_include_list="public.orders", skipped_operations="d,t").start()
    c.wait_streaming()
    assert publication(db) == ((False, False, True, True, False, False), ["orders"])
    c.stop()
    c.set(table_include_list="public.orders,public.items")
    c.start()
    c.wait_streaming()
    assert publication(db)[1] == ["items", "orders"]
    db.execute("INSERT INTO items VALUES (1)")
    assert ids(c.wait_events(1)) == [("c", "1")]
    c.stop()
    db.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    c = connector("all", publication_name="everything", slot_name=f"two_{db.name}")
    c.fails("FOR ALL TABLES", "filtered")
    c.set(publication_autocreate_mode="all_tables", table_include_list="public.other")
    c.start()
    c.wait_streaming()
    db.execute("INSERT INTO other VALUES (1)")
    assert ids(c.wait_events(1)) == [("c", "1")]
    c.stop()
    c = connector("no", publication_name="empty", publication_autocreate_mode="no_tables",
                  slot_name=f"three_{db.name}", snapshot_mode="no_data").start()  # fmt: skip
    c.wait_streaming()
    assert publication(db, "empty")[1] == []
    db.execute("ALTER PUBLICATION empty ADD TABLE other; INSERT INTO other VALUES (2)")
    assert ids(c.wait_events(1)) == [("c", "2")]


@pytest.mark.parametrize("identity", [False, True])
def test_a_table_that_is_dropped_at_this_moment(db, connector, identity):
    """The connector's statement waits for the one that drops a table; then it looks again."""
    db.execute(ORDERS + "CREATE TABLE items (id int PRIMARY KEY)")
    more = {"replica_identity_autoset_values": "public.items:FULL"} if identity else {}
    if identity:
        db.execute("CREATE PUBLICATION dbz_publication FOR TABLE orders, items")
    c = connector(table_include_list="public.orders,public.items", **more)
    with db.connect(autocommit=False) as other:
        other.execute("DROP TABLE items")
        c.start()
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query ~ '(PUBLICATION|REPLICA IDENTITY)'"
        )
        wait_until(lambda: db.value(waits) > 0, lambda: f"it waits for the other: {c.log_tail()}")
    c.wait_streaming()
    assert publication(db)[1] == ["orders"]
    c.stop()


def test_what_an_administrator_made_is_used_and_left_alone(db, connector):
    db.execute(ORDERS + "CREATE PUBLICATION by_hand FOR TABLE orders WITH (publish = 'insert')")
    db.execute("SELECT pg_create_logical_replication_slot('by_hand', 'pgoutput')")
    db.execute("INSERT INTO orders VALUES (1, 'before', 1)")
    c = connector("data", slot_name="by_hand", publication_name="by_hand", publication_autocreate_mode="disabled",
                  snapshot_mode="no_data").start()  # fmt: skip
    assert ids(c.wait_events(1)) == [("c", "1")]  # from where the slot was made
    c.stop()
    db.wait_slots_idle()  # what was told at the end moves the slot until then
    before = publication(db, "by_hand")
    db.execute("INSERT INTO orders VALUES (2, 'while away', 1)")
    c = connector("rows", slot_name="by_hand", publication_name="by_hand", publication_autocreate_mode="disabled")
    c.start()
    db.execute("INSERT INTO orders VALUES (3, 'new', 1)")
    events = c.wait_events(3)
    assert sorted(ids(events), key=lambda x: x[1])[:2] == [("r", "1"), ("r", "2")]
    assert publication(db, "by_hand") == before
    c.stop()
    db.drop_slots()
    db.execute("SELECT pg_create_logical_replication_slot('by_hand', 'test_decoding')")
    connector("bad", slot_name="by_hand", publication_name="by_hand",
              publication_autocreate_mode="disabled").fails("test_decoding", "slot.name")  # fmt: skip


def test_killed_while_its_slot_is_made(db, connector):
    """The server goes on making it, as long as a writing transaction is open; where it begins is known only then."""
    looks = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'leat'"
    looks += " AND query LIKE 'SELECT s.active%'"
    db.execute(ORDERS + "INSERT INTO orders VALUES (1)")
    c = connector()
    with db.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO orders VALUES (2)")
        c.start()
        wait_until(lambda: db.slots(), "its slot is being made")
        killed = set(db.query(looks))
        c.stop(signal.SIGKILL)
        c.start()
        wait_until(lambda: set(db.query(looks)) - killed, "the next one looks at the slot")
        writer.commit()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (3)")
    assert ids(c.wait_events(4)) == [("t", None), ("r", "1"), ("r", "2"), ("c", "3")]


def test_slot_is_dropped_on_stop(db, connector):
    db.execute(ORDERS)
    c = connector(slot_drop_on_stop="true").start()
    c.wait_streaming()
    assert len(db.slots()) == 1
    assert c.stop() == 0
    assert db.slots() == {}
    c.start()
    c.wait_streaming()
    assert "slot.drop.on.stop had dropped the slot" in c.log_tail()
    db.execute("INSERT INTO orders VALUES (1)")
    assert ids(c.wait_events(1)) == [("c", "1")]


def test_a_slot_that_went_ahead(db, connector):
    db.execute(ORDERS)
    c = connector().start()
    c.wait_streaming()
    c.stop()
    db.execute("INSERT INTO orders VALUES (1)")
    db.wait_slots_idle()
    db.execute(f"SELECT pg_replication_slot_advance('dbz_{db.name}', pg_current_wal_lsn())")
    c.fails("slot_mismatch", "beyond this connector's offset", "trust_slot")
    c.set(offset_mismatch_strategy="trust_greater_lsn")
    c.start()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (2)")
    assert ids(c.wait_events(1)) == [("c", "2")]


def test_manual_flush_leaves_the_slot_where_it_is(db, connector):
    db.execute(ORDERS)
    c = connector(lsn_flush_mode="manual", status_update_interval_ms="100").start()
    c.wait_streaming()
    before = db.slots()
    db.execute("INSERT INTO orders VALUES (1)")
    c.wait_events(1)
    c.stop()
    (old,), (new,) = before.values(), db.slots().values()
    assert old[1] == new[1]


def test_partitions_and_their_root(db, connector):
    parts = ("CREATE TABLE ev (id int, d date, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);"
             "CREATE TABLE ev_24 PARTITION OF ev FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
             "INSERT INTO ev VALUES (1, '2024-05-05')")  # fmt: skip
    db.execute(parts)
    c = connector("root", table_include_list="public.ev", publish_via_partition_root="true").start()
    c.wait_streaming()
    db.execute("CREATE TABLE ev_25 PARTITION OF ev FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')")
    db.execute("INSERT INTO ev VALUES (2, '2025-05-05')")
    events = c.wait_events(2)
    assert [(e["topic"], e["op"]) for e in events] == [("t.public.ev", "r"), ("t.public.ev", "c")]
    c.stop()
    c = connector("leaves", table_include_list="public.ev_.*", slot_name=f"leaves_{db.name}",
                  publication_name="leaves").start()  # fmt: skip
    c.wait_streaming()
    db.execute("INSERT INTO ev VALUES (3, '2025-05-05')")
    events = c.wait_events(3)
    told = {topic: [e["op"] for e in events if e["topic"] == topic] for topic in ("t.public.ev_24", "t.public.ev_25")}
    assert told == {"t.public.ev_24": ["r"], "t.public.ev_25": ["r", "c"]}


def test_identities_and_statements(db, connector):
    db.execute(ORDERS + "CREATE TABLE log (at text)")
    db.execute("CREATE FUNCTION noted() RETURNS void LANGUAGE sql AS $$ INSERT INTO log VALUES ('seen') $$")
    c = connector(table_include_list="public.orders",
                  replica_identity_autoset_values="public.ord.*:FULL",
                  database_initial_statements="SET application_name = 'a;;b'; SELECT noted()").start()  # fmt: skip
    c.wait_streaming()
    assert db.value("SELECT relreplident::text FROM pg_class WHERE relname = 'orders'") == "f"
    assert db.value("SELECT count(*) FROM log") >= 1
    assert db.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a;b'") >= 1


def test_schemas_that_are_refused_stop_the_run(db, connector):
    db.execute("CREATE TABLE refused (id int PRIMARY KEY); INSERT INTO refused VALUES (1)")
    connector().fails("error changed", "not compatible")


# --- what records tell beside rows ------------------------------------------------------------------------------


def test_marks_of_a_snapshot(db, connector):
    for table, rows in {"a": 3, "b": 0, "c": 1, "d": 2, "e": 0}.items():
        db.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        db.execute(f"INSERT INTO {table} SELECT generate_series(1, {rows})")
    c = connector(table_include_list="public.d,public.a,public.[bce]", publication_autocreate_mode="all_tables").start()
    events = c.wait_events(6)
    assert {(e["table"], e["after"]["id"], e["mark"]) for e in events} == {
        ("d", "1", "first"),
        ("d", "2", "last_in_data_collection"),
        ("a", "1", "first_in_data_collection"),
        ("a", "2", ""),
        ("a", "3", "last_in_data_collection"),
        ("c", "1", "last"),
    }
    assert len({e["lsn"] for e in events}) == 1 and events[0]["tx"] > 0
    db.execute("INSERT INTO a VALUES (4)")
    assert {e["mark"] for e in c.wait_events(7) if e["op"] == "c"} == {""}


def test_marks_with_threads_and_one_row(db, connector):
    db.execute("CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1)")
    c = connector("one", table_include_list="public.one").start()
    assert [e["mark"] for e in c.wait_events(1)] == ["last"]
    c.stop()
    for i in range(6):
        db.execute(f"CREATE TABLE t{i} (id int PRIMARY KEY); INSERT INTO t{i} SELECT generate_series(1, 500)")
    c = connector("many", table_include_list="public.t.", snapshot_max_threads="4", slot_name=f"m_{db.name}",
                  publication_name="many", snapshot_mode="initial_only").start()  # fmt: skip
    assert c.wait_end() == 0, c.log_tail()
    marks = [e["mark"] for e in c.events()]
    assert len(marks) == 3000
    assert marks.count("first") == 1 and marks.count("last") == 1
    assert marks.count("first_in_data_collection") == 5 and marks.count("last_in_data_collection") == 5


def test_transaction_metadata(db, connector):
    db.execute(ORDERS + "CREATE TABLE items (id int PRIMARY KEY, v text); CREATE TABLE other (id int)")
    db.execute("ALTER TABLE items REPLICA IDENTITY FULL")
    c = connector(provide_transaction_metadata="true", table_include_list="public.orders,public.items").start()
    c.wait_streaming()
    before = db.wal_lsn()
    db.execute(
        "BEGIN; INSERT INTO orders VALUES (1), (2); INSERT INTO items VALUES (1, 'x'); UPDATE orders SET id = 9"
        " WHERE id = 2; UPDATE items SET v = 'X'; COMMIT"
    )
    events = c.wait_events(8)
    begin, end = (e for e in events if e["schema"] == "$transaction")
    rows = sorted((e for e in events if e["schema"] != "$transaction"), key=lambda e: e["ordinal"])
    assert begin["topic"] == "t.$transaction" and begin["schema"] == "$transaction"
    xid, lsn = begin["after"].pop("id").split(":")
    assert int(xid) == rows[0]["tx"] and before <= int(lsn) <= rows[0]["lsn"]
    assert begin["after"] == {"status": "BEGIN", "event_count": None, "data_collections": None}
    assert [(e["table"], e["total_order"], e["table_order"]) for e in rows] == [
        ("orders", 1, 1), ("orders", 2, 2), ("items", 3, 1), ("orders", 4, 3), ("orders", 5, 4), ("items", 6, 2)
    ]  # fmt: skip
    assert end["after"]["status"] == "END" and end["after"]["event_count"] == "6"
    assert json.loads(end["after"]["data_collections"]) == [
        {"data_collection": "public.orders", "event_count": 4}, {"data_collection": "public.items", "event_count": 2}
    ]  # fmt: skip
    # What is skipped is not counted.
    db.execute("BEGIN; TRUNCATE items; INSERT INTO items VALUES (3, 'z'); COMMIT")
    c.wait_events(12)
    end = c.events("t.$transaction")[-1]
    assert end["after"]["event_count"] == "1"


def test_large_transactions_have_metadata_too(new_postgres, tmp_path):
    server = new_postgres(settings={"logical_decoding_work_mem": "64kB"})
    db = server.create_database()
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    c = Connector(tmp_path / "c", db, provide_transaction_metadata="true").start()
    try:
        c.wait_streaming()
        db.execute("INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i")
        events = c.wait_events(2002)
        begin, end = (e for e in events if e["schema"] == "$transaction")
        rows = [e for e in events if e["schema"] != "$transaction"]
        assert begin["after"]["status"] == "BEGIN" and begin["lsn"] <= rows[0]["lsn"]
        assert [e["total_order"] for e in rows] == list(range(1, 2001))
        assert end["after"]["event_count"] == "2000"
    finally:
        c.stop()


def test_messages(db, connector):
    db.execute(ORDERS)
    c = connector(message_prefix_exclude_list="noise.*").start()
    c.wait_streaming()
    db.execute("SELECT pg_logical_emit_message(true, 'pfx', 'in a transaction')")
    db.execute("SELECT pg_logical_emit_message(false, 'noise1', 'x')")
    db.execute("SELECT pg_logical_emit_message(false, 'out', '\\x00ff'::bytea)")
    events = c.wait_events(2)
    assert [(e["topic"], e["after"]) for e in events] == [
        ("t.$message", {"prefix": "pfx", "content": "\\x" + b"in a transaction".hex()}),
        ("t.$message", {"prefix": "out", "content": "\\x00ff"}),
    ]
    assert events[0]["tx"] > 0 and events[1]["tx"] == 0


def test_heartbeats_keep_an_idle_slot_moving(db, connector):
    db.execute(ORDERS + "CREATE TABLE hb (id int PRIMARY KEY, n int)")
    c = connector(table_include_list="public.orders", heartbeat_interval_ms="200", status_update_interval_ms="200",
                  heartbeat_action_query="INSERT INTO hb VALUES (1, 1)"
                  " ON CONFLICT (id) DO UPDATE SET n = hb.n + 1").start()  # fmt: skip
    c.wait_streaming()
    before = list(db.slots().values())[0][1]
    wait_until(lambda: len(c.events("t.$heartbeat")) >= 3, "three heartbeats")
    wait_until(lambda: db.value("SELECT count(*) FROM hb WHERE n >= 3") == 1, "three action queries")
    wait_until(lambda: list(db.slots().values())[0][1] > before, "the slot has moved")
    assert {e["schema"] for e in c.events()} == {"$heartbeat"}


def test_a_default_that_changes(db, connector):
    db.execute(ORDERS)
    c = connector(snapshot_mode="no_data").start()
    c.wait_streaming()
    db.execute("INSERT INTO orders (id) VALUES (1)")
    c.wait_events(1)
    db.execute("ALTER TABLE orders ALTER v SET DEFAULT 'newer', ALTER n SET DEFAULT 1.5")
    db.execute("INSERT INTO orders (id) VALUES (2)")
    events = c.wait_events(2)
    assert events[0]["defaults"] == {"v": "'new'::text"}
    assert events[1]["defaults"] == {"v": "'newer'::text", "n": "1.5"}


# --- quarantine -------------------------------------------------------------------------------------------------


def test_a_table_that_cannot_be_read_is_put_aside(db, connector):
    db.execute("CREATE TABLE bad (id int PRIMARY KEY); CREATE TABLE good (id int PRIMARY KEY)")
    db.execute("INSERT INTO good VALUES (1), (2); INSERT INTO bad VALUES (1), (2), (3)")
    c = connector(table_include_list="public.bad,public.good",
                  snapshot_select_statement_overrides="public.bad")  # fmt: skip
    override = "snapshot.select.statement.overrides.public.bad"
    c.properties[override] = "SELECT CASE WHEN id < 3 THEN id::text ELSE 'longer' END AS id FROM bad"
    c.start()
    c.wait_streaming()
    db.execute("INSERT INTO bad VALUES (4); INSERT INTO good VALUES (3)")
    wait_until(lambda: ("c", "3") in ids(c.events("t.public.good")), "the good one goes on")
    state, reason = c.report()["tables"]["public.bad"]
    assert state == "quarantined" and "column id" in reason
    assert c.events("t.public.bad") == []
    c.stop()
    c.properties.pop(override)
    c.set(snapshot_select_statement_overrides=None)
    c.start()
    c.wait_streaming()
    assert c.report()["tables"]["public.bad"] == [state, reason]  # it stays so
    c.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: c.report()["tables"]["public.bad"] == ["streaming", ""], "it is back")
    db.execute("INSERT INTO bad VALUES (5)")
    wait_until(lambda: ("c", "5") in ids(c.events("t.public.bad")), "its changes come")
    events = [e for e in c.events("t.public.bad") if e["op"] != "t"]
    assert [e["after"]["id"] for e in events] == ["1", "2", "3", "4", "5"]


PAIR = "CREATE TYPE pair AS (a text, b int); CREATE TABLE bad (id int PRIMARY KEY, p pair); " + ORDERS


def test_a_change_that_cannot_be_decoded_puts_its_table_aside(db, connector):
    db.execute(PAIR)
    c = connector().start()
    c.wait_streaming()
    c.stop()
    # The middle row has the type as it was, which the catalog does not tell any more.
    db.execute("BEGIN; INSERT INTO bad VALUES (1, NULL), (2, ROW('x', 1)); INSERT INTO orders VALUES (1); COMMIT")
    db.execute("ALTER TYPE pair ADD ATTRIBUTE c int; INSERT INTO bad VALUES (3, ROW('y', 2, 3))")
    db.execute("INSERT INTO orders VALUES (2)")
    c.start()
    wait_until(lambda: len(c.events("t.public.orders")) == 2, lambda: c.log_tail())
    wait_until(lambda: c.report()["tables"].get("public.bad", [""])[0] == "quarantined", lambda: c.report())
    assert "column p" in c.report()["tables"]["public.bad"][1]
    assert c.events("t.public.bad") == []  # not half of the transaction
    c.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: c.report()["tables"]["public.bad"] == ["streaming", ""], lambda: c.report())
    db.execute("INSERT INTO bad VALUES (4, NULL)")
    wait_until(lambda: ("c", "4") in ids(c.events("t.public.bad")), "its changes come")
    assert [i for op, i in ids(c.events("t.public.bad")) if op != "t"] == ["1", "2", "3", "4"]


def test_a_type_that_changes_under_the_stream_is_no_reason(db, connector):
    db.execute(PAIR)
    c = connector(snapshot_mode="no_data").start()
    c.wait_streaming()
    db.execute("INSERT INTO bad VALUES (1, ROW('x', 1))")
    c.wait_events(1)
    db.execute("ALTER TYPE pair ADD ATTRIBUTE c int; INSERT INTO bad VALUES (2, ROW('y', 2, 3))")
    assert ids(c.wait_events(2)) == [("c", "1"), ("c", "2")]


def test_quarantine_can_be_switched_off(db, connector):
    db.execute("CREATE TABLE bad (id int PRIMARY KEY); INSERT INTO bad VALUES (1)")
    c = connector(snapshot_select_statement_overrides="public.bad", leat_errors_table="fail")
    c.properties["snapshot.select.statement.overrides.public.bad"] = "SELECT 'longer'::text AS id FROM bad"
    c.fails("error value", "table public.bad, column id")


# --- offsets ----------------------------------------------------------------------------------------------------


def test_offsets_are_debeziums(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1)")
    c = connector().start()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (2)")
    c.wait_events(2)
    c.stop()
    (one,) = c.offsets()
    assert one["partition"] == {"server": "t"}
    event = c.events()[-1]
    offset = one["offset"]
    assert offset["lsn"] == offset["lsn_proc"] == event["lsn"] and offset["txId"] == event["tx"]
    assert offset["lsn_commit"] >= event["commit_lsn"] and offset["messageType"] == "INSERT"
    assert offset["ts_usec"] > 1_700_000_000_000_000 and "snapshot" not in offset
    assert "the partition is not" in c.offsets({"server": "x"}, offset)
    assert "no LSN" in c.offsets(one["partition"], {"lsn": "abc"})
    assert "names no LSN" in c.offsets(one["partition"], {"xmin": 1})


def test_an_offset_is_set_back_and_forth(db, connector):
    db.execute(ORDERS)
    c = connector(snapshot_mode="no_data", lsn_flush_mode="manual").start()  # the slot keeps what it has
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (1)")
    c.wait_events(1)
    between = db.wal_lsn()
    db.execute("INSERT INTO orders VALUES (2)")
    c.wait_events(2)
    c.stop()
    assert c.offsets({"server": "t"}, {"lsn_commit": between}) is None
    assert c.offsets()[0]["offset"]["lsn_commit"] == between
    c.start()
    assert ids(c.wait_events(3)) == [("c", "1"), ("c", "2"), ("c", "2")]
    c.stop()
    db.execute("INSERT INTO orders VALUES (3)")
    ahead = db.wal_lsn()
    db.execute("INSERT INTO orders VALUES (4)")
    assert c.offsets({"server": "t"}, {"lsn_proc": ahead, "lsn": ahead}) is None
    c.start()
    assert ids(c.wait_events(4))[3] == ("c", "4")
    c.stop()
    assert "the server's WAL ends" in c.offsets({"server": "t"}, {"lsn": ahead + 2**40})
    db.wait_slots_idle()
    db.execute(f"SELECT pg_replication_slot_advance('dbz_{db.name}', pg_current_wal_lsn())")
    assert "slot_mismatch" in c.offsets({"server": "t"}, {"lsn": between})
    db.drop_slots()
    assert "slot_lost" in c.offsets({"server": "t"}, {"lsn": between})


def test_debeziums_own_offset_and_slot_are_taken_over(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1, 'read by Debezium')")
    db.execute("CREATE PUBLICATION dbz_publication FOR ALL TABLES")
    db.execute(f"SELECT pg_create_logical_replication_slot('dbz_{db.name}', 'pgoutput')")
    db.execute("INSERT INTO orders VALUES (2, 'streamed by Debezium')")
    left_off = db.wal_lsn()
    db.execute("INSERT INTO orders VALUES (3, 'for leat')")
    c = connector(publication_autocreate_mode="disabled")
    c.directory.mkdir()
    (c.directory / "connector.json").write_text(json.dumps(c.properties))
    assert c.offsets() == []
    offset = {"lsn": left_off, "lsn_proc": left_off, "lsn_commit": left_off, "txId": 7, "messageType": "INSERT"}
    assert c.offsets({"server": "t"}, offset) is None
    c.start()
    assert ids(c.wait_events(1)) == [("c", "3")]


def test_goes_on_within_a_transaction_that_debezium_has_sent_in_part(db, connector):
    """Each offset that Debezium can leave between the changes of a transaction; COPY puts several under one LSN."""
    db.execute(ORDERS)
    db.execute("CREATE PUBLICATION dbz_publication FOR ALL TABLES")
    db.execute(f"SELECT pg_create_logical_replication_slot('dbz_{db.name}', 'pgoutput')")
    with db.connect() as one, db.connect(autocommit=False) as late:
        late.execute("INSERT INTO orders (id) VALUES (10)")  # before the commit of the one before it
        one.execute("INSERT INTO orders (id) VALUES (1)")
        late.execute("INSERT INTO orders (id) VALUES (11)")
        with late.cursor().copy("COPY orders (id) FROM STDIN") as copy:
            copy.write("12\n13\n14\n")
        late.execute("UPDATE orders SET id = 15 WHERE id = 14")
        late.commit()
    db.execute("INSERT INTO orders (id) VALUES (2)")
    rows = db.query(f"SELECT lsn - '0/0', xid::text, convert_from(substr(data, 1, 1), 'SQL_ASCII')"
                   f" FROM pg_logical_slot_peek_binary_changes('dbz_{db.name}', NULL, NULL, 'proto_version', '1',"
                   " 'publication_names', 'dbz_publication')")  # fmt: skip
    commit = next(int(lsn) for lsn, _, kind in rows if kind == "C")
    sent = [(int(lsn), int(xid), kind) for lsn, xid, kind in rows if kind in "IU"]
    assert len(sent) == 8, sent
    expected = [("c", "11"), ("c", "12"), ("c", "13"), ("c", "14"), ("d", "15"), ("c", "15")]
    left = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 6}  # sent: so many of `expected` are not to come
    assert sent[3][0] == sent[4][0] == sent[5][0], "COPY gives several rows one LSN"
    for count, first in left.items():
        lsn, xid, kind = sent[count]
        c = connector(f"c{count}", publication_autocreate_mode="disabled", lsn_flush_mode="manual")
        c.directory.mkdir()
        (c.directory / "connector.json").write_text(json.dumps(c.properties))
        offset = {"lsn": lsn, "lsn_proc": lsn, "lsn_commit": commit, "txId": xid,
                  "messageType": "INSERT" if kind == "I" else "UPDATE",
                  "lsn_events_processed": 1 + sum(one[0] == lsn for one in sent[:count])}  # fmt: skip
        assert c.offsets({"server": "t"}, offset) is None
        c.start()
        want = [*expected[first:], ("c", "2")]
        assert ids(c.wait_events(len(want))) == want
        c.stop()


def test_reset_offsets_let_the_mode_decide_anew(db, connector):
    db.execute(ORDERS + "INSERT INTO orders VALUES (1)")
    c = connector().start()
    c.wait_streaming()
    c.stop()
    assert c.offsets("reset") is None and c.offsets() == []
    db.execute("INSERT INTO orders VALUES (2)")
    c.start()
    assert ids(c.wait_events(4)) == [("r", "1"), ("t", None), ("r", "1"), ("r", "2")]
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (3)")
    c.wait_events(5)
    c.stop()
    # The same with an offset of a snapshot that did not end.
    assert c.offsets({"server": "t"}, {"lsn": 1, "snapshot": "INITIAL", "snapshot_completed": False}) is None
    assert c.offsets() == []
    c = connector("only", snapshot_mode="initial_only").start()
    assert c.wait_end() == 0
    (one,) = c.offsets()
    assert one["offset"]["snapshot"] == "INITIAL" and one["offset"]["snapshot_completed"] is True
    assert c.offsets("reset") is None
    c.start()
    assert c.wait_end() == 0
    assert len(c.events()) == 7


# --- crashes ----------------------------------------------------------------------------------------------------


def test_killed_at_any_time_nothing_is_lost_or_doubled(db, connector):
    db.execute(ORDERS + "INSERT INTO orders SELECT i, 'x', 1 FROM generate_series(1, 5000) i")
    c = connector(provide_transaction_metadata="true").start()
    next_id = 5001
    for _ in range(6):
        for _ in range(20):
            db.execute(f"BEGIN; INSERT INTO orders VALUES ({next_id}, 'y', 1), ({next_id + 1}, 'y', 1); COMMIT")
            next_id += 2
        c.stop(signal.SIGKILL)
        c.start()
    c.wait_streaming()
    wait_until(lambda: any((e["after"] or {}).get("id") == str(next_id - 1) for e in c.events()), "all is there")
    c.stop()
    rows, begins, ends = set(), [], []
    for event in c.events():
        if event["schema"] == "$transaction":
            (begins if event["after"]["status"] == "BEGIN" else ends).append(event["after"]["id"].split(":")[0])
        elif event["op"] == "t":
            rows.clear()
        else:
            assert event["after"]["id"] not in rows
            rows.add(event["after"]["id"])
    assert rows == {str(i) for i in range(1, next_id)}
    assert begins == ends and len(set(begins)) == len(begins)


POINTS = [
    "setup.before_slot", "setup.after_slot", "setup.after_first_cut", "snapshot.range_done", "stream.between_cuts",
    "drain.before_last_cut", "drain.after_last_cut", "stream.before_feedback",
]  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at(db, connector, point):
    db.execute(ORDERS + "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1), (2)")
    db.execute("INSERT INTO orders SELECT i, 'x', 1 FROM generate_series(1, 100) i")
    c = connector(snapshot_mode="initial").start(env={**os.environ, "LEAT_CRASH_POINT": f"{point}:1"})
    assert c.process.wait() != 0
    db.execute("INSERT INTO orders VALUES (101); DELETE FROM orders WHERE id = 7; INSERT INTO items VALUES (3)")
    c.start()
    c.wait_streaming()
    db.execute("INSERT INTO orders VALUES (102)")
    wait_until(lambda: ("c", "102") in ids(c.events("t.public.orders")), lambda: c.log_tail())
    c.stop()
    rows = {}
    for event in c.events():
        if event["op"] == "t":
            rows[event["table"]] = set()
        elif event["op"] == "d":
            rows[event["table"]].remove(event["before"]["id"])
        else:
            assert event["after"]["id"] not in rows.setdefault(event["table"], set()), event
            rows[event["table"]].add(event["after"]["id"])
    assert rows == {
        "orders": {str(i) for i in range(1, 103) if i != 7}, "items": {"1", "2", "3"}
    }  # fmt: skip


@pytest.mark.parametrize("point", ["quarantine.before_cut", "quarantine.after_cut"])
def test_kill_9_while_a_table_is_put_aside(db, connector, point):
    db.execute(PAIR)
    c = connector().start()
    c.wait_streaming()
    c.stop()
    db.execute("BEGIN; INSERT INTO bad VALUES (1, NULL), (2, ROW('x', 1)); INSERT INTO orders VALUES (1); COMMIT")
    db.execute("ALTER TYPE pair ADD ATTRIBUTE c int; INSERT INTO orders VALUES (2)")
    c.start(env={**os.environ, "LEAT_CRASH_POINT": f"{point}:1"})
    assert c.process.wait() != 0
    c.start()
    assert ids(c.wait_events(2, "t.public.orders")) == [("c", "1"), ("c", "2")]
    wait_until(lambda: c.report()["tables"].get("public.bad", [""])[0] == "quarantined", lambda: c.report())
    assert c.events("t.public.bad") == []


def test_the_last_row_of_a_table_is_the_bad_one(db, connector):
    for table in "abc":
        db.execute(f"CREATE TABLE {table} (id int PRIMARY KEY); INSERT INTO {table} VALUES (1), (2)")
    c = connector(snapshot_select_statement_overrides="public.a,public.c")
    override = "snapshot.select.statement.overrides.public."
    c.properties |= {f"{override}{t}": f"SELECT CASE id WHEN 1 THEN '1234' ELSE 'x' END AS id FROM {t}" for t in "ac"}
    c.start()
    c.wait_streaming()
    states = {name: state for name, (state, _) in c.report()["tables"].items()}
    assert states == {"public.a": "quarantined", "public.b": "streaming", "public.c": "quarantined"}
    db.execute("INSERT INTO a VALUES (3); INSERT INTO b VALUES (3)")
    wait_until(lambda: ("c", "3") in ids(c.events("t.public.b")), "the good one goes on")
    assert [i for _, i in ids(c.events("t.public.b"))] == ["1", "2", "3"]
