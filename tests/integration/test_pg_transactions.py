# SPDX-License-Identifier: Apache-2.0
"""Large transactions, which the server streams before they commit: interleaved, aborted in part, with DDL inside."""

import os

import pytest
from carry import read

MANY = "generate_series({0}, {0} + 3999) i"  # each insert is past logical_decoding_work_mem


@pytest.fixture
def streaming(pg):
    """The server streams a transaction past 64 kB."""
    pg.configure(logical_decoding_work_mem="64kB")
    pg.reload()
    yield
    pg.settings.pop("logical_decoding_work_mem")
    pg.configure()
    pg.reload()


def shop(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE k (n int)")
    carry.do("INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i")


def test_aborted_subtransactions_leave_nothing(carry, streaming):
    shop(carry)
    carry.begin()
    carry.do(
        f"BEGIN; INSERT INTO t SELECT i, 'kept' FROM {MANY.format(1000)}; SAVEPOINT a;"
        f" INSERT INTO t SELECT i, 'gone' FROM {MANY.format(10000)}; UPDATE t SET v = 'gone' WHERE id < 50;"
        f" SAVEPOINT b;"
        f" INSERT INTO k SELECT i FROM {MANY.format(1)}; RELEASE b; ROLLBACK TO a; DELETE FROM t WHERE id < 10;"
        f" SAVEPOINT c; UPDATE t SET id = id + 100000 WHERE id BETWEEN 1000 AND 3000; RELEASE c;"
        f" SAVEPOINT d; TRUNCATE k; INSERT INTO k VALUES (1), (1); COMMIT"
    )
    carry.do(f"BEGIN; INSERT INTO t SELECT i, 'aborted' FROM {MANY.format(50000)}; ROLLBACK")
    carry.end()
    texts = {row["v"] for row in carry.events("t")}
    assert "gone" not in texts and "aborted" not in texts


def test_interleaved_transactions(carry, streaming):
    shop(carry)
    carry.begin()
    with carry.db.connect(autocommit=False) as one, carry.db.connect(autocommit=False) as two:
        with carry.db.connect(autocommit=False) as three:
            for part in range(3):
                one.execute(f"INSERT INTO t SELECT i, 'one' FROM {MANY.format(10000 + 4000 * part)}")
                two.execute(f"INSERT INTO t SELECT i, 'two' FROM {MANY.format(30000 + 4000 * part)}")
                three.execute(f"INSERT INTO k SELECT i FROM {MANY.format(4000 * part)}")
                carry.do(f"UPDATE t SET v = 'small {part}' WHERE id < 10")
            two.execute("UPDATE t SET v = 'two' WHERE id BETWEEN 20 AND 30")
            two.commit()
            one.execute(
                "UPDATE t SET v = 'one' WHERE id BETWEEN 20 AND 40; DELETE FROM t WHERE id BETWEEN 30000 AND 30010"
            )
            three.rollback()
            carry.do("INSERT INTO k VALUES (-1)")
            one.commit()
    carry.end()
    assert [row["n"] for row in carry.events("k")] == [-1]


def test_ddl_inside_a_streamed_transaction(carry, streaming):
    shop(carry)
    carry.begin()
    carry.do(
        f"BEGIN; INSERT INTO t SELECT i, 'a' FROM {MANY.format(1000)}; ALTER TABLE t ADD w int;"
        f" INSERT INTO t SELECT i, 'b', i FROM {MANY.format(6000)}; SAVEPOINT s; ALTER TABLE t DROP v;"
        f" INSERT INTO t SELECT i, i FROM {MANY.format(20000)}; ROLLBACK TO s; UPDATE t SET w = 1 WHERE id < 20;"
        f" CREATE TABLE inside (id int PRIMARY KEY); INSERT INTO inside SELECT i FROM {MANY.format(1)}; COMMIT"
    )
    carry.do("INSERT INTO t VALUES (1000000, 'after', 7)")
    carry.settle()
    carry.do(f"BEGIN; ALTER TABLE t DROP w; INSERT INTO t SELECT i, 'c' FROM {MANY.format(70000)}; ROLLBACK")
    carry.do("UPDATE t SET w = 2 WHERE id = 1000000")
    carry.end()


def test_the_walsender_dies_in_a_streamed_transaction(leat, db, streaming, check_equal):
    """What was streamed of it before is thrown away: the server sends it again from the start."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    process = leat.follow(db)
    (pid,) = process.wait_streaming(db)

    def is_streamed():  # not rglob: other folders of leat's come and go while it looks
        folder = leat.data / "pipelines" / leat.pipeline / "transactions"
        return folder.is_dir() and any(os.scandir(folder))

    with db.connect(autocommit=False) as writer:
        for part in range(3):
            writer.execute(f"INSERT INTO t SELECT i, 'x' FROM {MANY.format(4000 * part)}")
            process.until(is_streamed, "a transaction is streamed")
            db.execute("SELECT pg_terminate_backend(%s)", (pid,))
            (pid,) = process.wait_streaming(db, other_than=pid)
        writer.commit()
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)
    assert len(read(leat.out, "t")) == 12000


def test_prepared_and_empty_transactions(carry):
    shop(carry)
    carry.begin()
    carry.do("BEGIN; COMMIT", "BEGIN; SAVEPOINT a; ROLLBACK TO a; COMMIT")
    carry.do("SELECT pg_logical_emit_message(true, 'x', 'y')")
    carry.do("SELECT pg_logical_emit_message(false, 'x', 'y')", "SELECT txid_current()")
    carry.do(
        "BEGIN; UPDATE t SET v = NULL; UPDATE t SET v = ''; UPDATE t SET v = id; DELETE FROM t WHERE id % 2 = 0;"
        " COMMIT"
    )
    carry.end()
