# SPDX-License-Identifier: Apache-2.0
"""The snapshot: under writes, in ranges, through lost readers, a lost holder and kill -9."""

import signal
import socket
import threading

import pytest
from carry import ops, read
from proxy import Proxy
from wait import wait_until

SMALL = "CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s SELECT i, 'v' || i FROM generate_series(1, 500) i"
# 70 MiB of heap, more than one range, in rows that compress well on the way to it but are stored as they are.
WIDE = (
    "CREATE TABLE w (id int PRIMARY KEY, v text); ALTER TABLE w ALTER v SET STORAGE PLAIN;"
    " INSERT INTO w SELECT i, repeat(i::text || ' ', 7900 / (length(i::text) + 1)) FROM generate_series(1, 9200) i;"
    " DELETE FROM w WHERE id % 10 <> 0 AND id BETWEEN 100 AND 9000; ANALYZE w"
)


class Writer:
    """Writes into a table on a connection of its own until told to stop."""

    def __init__(self, db, *statements):
        self.db, self.statements, self.stopping, self.rounds, self.problem = db, statements, False, 0, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            with self.db.connect() as connection:
                while not self.stopping:
                    for statement in self.statements:
                        connection.execute(statement.replace("{n}", str(self.rounds)))
                    self.rounds += 1
        except Exception as problem:  # told by the main thread
            self.problem = problem

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.rounds > 3 or self.problem, "the writer writes")
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        assert self.problem is None, self.problem


def backends(db, condition):
    rows = db.query(f"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND {condition}")
    return [row[0] for row in rows]


def readers(db):
    return backends(db, """query LIKE 'COPY%"w"%' AND state <> 'idle'""")


def holders(db):
    return backends(db, "query NOT LIKE 'COPY%' AND state = 'idle in transaction'")


class Gate(Proxy):
    """Holds back what a connection brings after its first MiB, as only a COPY of the wide table does, until it is
    opened: however fast the machine, the COPY is under way."""

    def __init__(self, db):
        self.db, self.reached, self.opened = db, threading.Event(), threading.Event()
        super().__init__(db.server.port, self.hold)

    def hold(self, number, sent, piece):
        if sent + len(piece) > 1 << 20:
            self.reached.set()
            self.opened.wait()
        return piece

    def connect(self):
        """Over the unix socket: its buffer is small, so that the server too is in the middle of the COPY."""
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self.db.server.directory / f".s.PGSQL.{self.target}"))
        return server

    def paused(self, leat, connections=1):
        """leat, stopped (SIGSTOP) while it reads the wide table."""
        process = leat.follow(self.url(self.db), "--set", f"snapshot.connections={connections}")
        process.until(self.reached.is_set, "a COPY runs")
        process.signal(signal.SIGSTOP)
        assert '"message":"table read","table":"public.w"' not in process.stderr()
        return process

    def go_on(self, process):
        self.opened.set()
        process.signal(signal.SIGCONT)


@pytest.fixture
def gate(db):
    with Gate(db) as one:
        yield one
        one.opened.set()


def terminate(db, pids):
    for pid in pids:
        db.execute("SELECT pg_terminate_backend(%s)", (pid,))


def test_under_concurrent_writes(leat, db, check_equal):
    db.execute(SMALL + "; CREATE TABLE k (v int)")
    writes = (
        "INSERT INTO s VALUES (1000 + {n}, 'new')",
        "BEGIN; UPDATE s SET v = 'u{n}' WHERE id = {n} % 500 + 1; INSERT INTO k VALUES ({n});"
        " DELETE FROM s WHERE id = 990 + {n}; COMMIT",
        "UPDATE s SET id = -id WHERE id = {n} % 500",
    )
    with Writer(db, *writes):
        for _ in range(3):
            leat.sync(db)
        process = leat.follow(db)
        process.wait_streaming(db)
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)
    assert ops(row for _, _, row in read(leat.out, "k")).count("t") == 0


def test_ranges_of_a_large_table_and_a_reader_that_dies(leat, db, gate, check_equal):
    """Ranges in parallel; a COPY killed in its middle goes on behind the rows that it had delivered."""
    db.execute(WIDE)
    assert db.value("SELECT relpages FROM pg_class WHERE relname = 'w'") > 8192
    process = gate.paused(leat, 2)
    terminate(db, readers(db)[:1])
    db.execute("UPDATE w SET v = 'changed' WHERE id IN (1, 9100)")
    gate.go_on(process)
    process.wait_log("a reader lost its connection")
    process.wait_log("all tables read")
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)


def test_a_lost_holder(leat, db, gate, check_equal):
    """Without the snapshot nothing more can be read under it: what is unfinished is read again behind a truncate."""
    db.execute(WIDE + ";" + SMALL)
    process = gate.paused(leat)
    db.execute("INSERT INTO s VALUES (1000, 'meanwhile'); UPDATE w SET v = 'x' WHERE id = 1")
    terminate(db, holders(db) + readers(db))
    gate.go_on(process)
    process.wait_log("trying again")
    process.wait_log("all tables read")
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)


def test_killed_in_the_snapshot(leat, db, gate, check_equal):
    """kill -9: the tables that were read are not read again, the one under way is, behind a truncate."""
    db.execute(SMALL.replace(" s ", " a ") + ";" + WIDE)
    process = gate.paused(leat)
    assert '"message":"table read","table":"public.a"' in process.stderr()
    db.execute(
        "UPDATE a SET v = 'meanwhile' WHERE id < 10; DELETE FROM w WHERE id = 10; INSERT INTO w VALUES (20000, 'y')"
    )
    process.signal(signal.SIGCONT)
    process.wait_durable(db)  # in the spool, and with it that public.a is read
    process.kill()
    gate.opened.set()
    db.execute("UPDATE a SET v = 'between' WHERE id = 20; UPDATE w SET v = 'z' WHERE id = 20")
    leat.sync(gate.url(db))
    check_equal(db, leat.out)
    events = [row for _, _, row in sorted(read(leat.out, "a"), key=lambda event: event[:2])]
    assert ops(events).count("r") == 500 and "t" not in ops(events)
    assert "t" in ops(row for _, _, row in read(leat.out, "w"))


def test_rewritten_between_snapshot_and_copy(leat, db, gate, check_equal):
    """ALTER TABLE that writes a table anew is not MVCC-safe: the snapshot sees it empty, without an error."""
    db.execute(WIDE + "; CREATE TABLE z (id int PRIMARY KEY, v int)")
    db.execute("INSERT INTO z SELECT i, i FROM generate_series(1, 99) i")
    process = gate.paused(leat)
    db.execute("ALTER TABLE z ALTER v TYPE bigint; INSERT INTO z VALUES (100, 5000000000)")
    gate.go_on(process)
    process.wait_log("all tables read")
    process.wait_durable(db)
    process.stop()
    leat.sync(gate.url(db))
    check_equal(db, leat.out)


def test_dropped_and_renamed_while_the_snapshot_runs(leat, db, gate, check_equal):
    db.execute(WIDE)
    for i in range(4):
        db.execute(f"CREATE TABLE x{i} (id int PRIMARY KEY); INSERT INTO x{i} VALUES ({i})")
    process = gate.paused(leat)
    db.execute(
        "DROP TABLE x0; ALTER TABLE x1 RENAME TO y1; TRUNCATE x2; INSERT INTO x2 VALUES (7); CREATE TABLE x9 (id"
        " int PRIMARY KEY)"
    )
    db.execute(
        "INSERT INTO x9 VALUES (9); INSERT INTO y1 VALUES (10); ALTER TABLE x3 ADD v text DEFAULT 'd'; INSERT INTO"
        " x3 VALUES (30)"
    )
    gate.go_on(process)
    process.wait_log("all tables read")
    process.wait_durable(db)
    process.stop()
    leat.sync(gate.url(db))
    leat.sync(gate.url(db))
    check_equal(db, leat.out)


def test_snapshot_only_leaves_nothing(leat, db, check_equal):
    db.execute(SMALL)
    leat.sync(db, "--snapshot-only")
    check_equal(db, leat.out)
    assert db.slots() == {} and db.value("SELECT count(*) FROM pg_publication") == 0
    db.execute("UPDATE s SET v = 'x' WHERE id = 1; DELETE FROM s WHERE id = 2")
    leat.sync(db, "--snapshot-only")
    check_equal(db, leat.out)


def test_no_snapshot_carries_changes_only(leat, db):
    db.execute(SMALL)
    leat.sync(db, "--no-snapshot")
    db.execute("UPDATE s SET v = 'x' WHERE id = 1; DELETE FROM s WHERE id = 2")
    leat.sync(db, "--no-snapshot")
    assert ops(row for _, _, row in read(leat.out, "s")) == "ud"


def test_row_security_is_an_error_not_a_subset(leat, db):
    db.execute(SMALL + "; ALTER TABLE s ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s USING (id < 3)")
    name = f"reader_{db.name}"
    db.execute(f"CREATE ROLE {name} LOGIN REPLICATION; GRANT SELECT ON s TO {name}")
    try:
        db.execute("CREATE PUBLICATION mine FOR TABLE s")
        got = leat.sync(db.server.url(db.name, user=name), "--publication", "mine", check=False)
        assert got.returncode == 2 and "row-level security" in got.stderr and "public.s" in got.stderr
        assert not list(leat.out.rglob("*.json"))
    finally:
        db.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_table_is_read_again_while_the_others_stream(leat, db, check_equal):
    db.execute(SMALL + "; CREATE TABLE o (id int PRIMARY KEY, v text); INSERT INTO o VALUES (1, 'a')")
    process = leat.follow(db)
    process.wait_streaming(db)
    process.wait_durable(db)
    with Writer(db, "UPDATE s SET v = '{n}' WHERE id = {n} % 500", "INSERT INTO o VALUES ({n} + 10, 'n')"):
        leat.run("resync", leat.pipeline, "--tables", "s")
        process.until(lambda: process.stderr().count("all tables read") == 2, "the table is read again")
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)
    assert ops(row for _, _, row in read(leat.out, "s")).count("t") == 1
    assert "t" not in ops(row for _, _, row in read(leat.out, "o"))


def test_ddl_waits_for_the_reader_while_the_stream_describes_its_table(leat, db, gate, check_equal):
    """ALTER TABLE waits for the reader's lock, and every later lock on the table behind it: leat asks for none then,
    or it would wait for itself, which no server can see."""
    db.execute(WIDE)
    process = gate.paused(leat)
    db.execute("UPDATE w SET v = 'changed' WHERE id = 1")
    ddl = threading.Thread(target=db.execute, args=("ALTER TABLE w ADD c int",), daemon=True)
    ddl.start()
    waiting = "SELECT 1 FROM pg_locks WHERE relation = 'w'::regclass::oid AND NOT granted"
    wait_until(lambda: db.query(waiting), "ALTER TABLE waits")
    gate.go_on(process)
    process.wait_log("all tables read")
    ddl.join(180)
    assert not ddl.is_alive()
    assert "trying again" not in process.stderr()
    db.execute("UPDATE w SET c = 1 WHERE id = 2")
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)
