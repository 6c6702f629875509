# SPDX-License-Identifier: Apache-2.0
"""The core scenarios once more, on PostgreSQL 18."""

from carry import ops, read


def test_snapshot_stream_and_restart(leat, db18, check_equal):
    db = db18
    db.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text, big text, j jsonb, a int[], n numeric, at timestamptz DEFAULT"
        " now())"
    )
    db.execute("ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE TABLE k (n int); CREATE TABLE f (n int)")
    db.execute("ALTER TABLE f REPLICA IDENTITY FULL; INSERT INTO f VALUES (1), (1); INSERT INTO k VALUES (1), (1)")
    db.execute(
        "INSERT INTO t SELECT i, 'v' || i, repeat('b', 4000), '{}', ARRAY[i, NULL], i / 7.0 FROM"
        " generate_series(1, 500) i"
    )
    process = leat.follow(db)
    process.wait_log("changes are streaming")
    db.execute("UPDATE t SET v = 'x' WHERE id < 20; UPDATE t SET id = -id WHERE id = 30; DELETE FROM t WHERE id = 31")
    process.wait_durable(db)
    process.kill()
    db.execute("DELETE FROM f WHERE ctid = '(0,1)'; TRUNCATE k; INSERT INTO k VALUES (3)")
    db.execute("ALTER TABLE t ADD w uuid; UPDATE t SET w = uuidv7() WHERE id > 400")
    leat.sync(db)
    check_equal(db, leat.out)
    assert any(row["__unchanged"] == ["big"] for _, _, row in read(leat.out, "t"))


def test_large_transactions(leat, db18, check_equal):
    db = db18
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    leat.sync(db)
    with db.connect() as writer:
        writer.execute("SET logical_decoding_work_mem = '64kB'")
        writer.execute("BEGIN; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 30000) i; SAVEPOINT s;")
        writer.execute("INSERT INTO t SELECT -i, 'gone' FROM generate_series(1, 30000) i; ROLLBACK TO s; COMMIT")
    leat.sync(db)
    check_equal(db, leat.out)
    assert len(read(leat.out, "t")) == 30000


def test_partitions_and_generated_columns(leat, db18, check_equal):
    """18 has virtual generated columns, and could publish stored ones; leat leaves both out."""
    db = db18
    db.execute("CREATE TABLE p (a int, b int, c int GENERATED ALWAYS AS (a + b) VIRTUAL,"
               " d int GENERATED ALWAYS AS (a * b) STORED, PRIMARY KEY (a, b)) PARTITION BY LIST (a)")
    db.execute("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)")
    db.execute("CREATE TABLE p2 PARTITION OF p DEFAULT; INSERT INTO p SELECT i % 3, i FROM generate_series(1, 90) i")
    leat.sync(db)
    db.execute(
        "UPDATE p SET a = 1 WHERE b < 10; TRUNCATE p2; INSERT INTO p VALUES (7, 7); ALTER TABLE p DETACH PARTITION p1"
    )
    db.execute("CREATE TABLE p1b PARTITION OF p FOR VALUES IN (1); INSERT INTO p VALUES (1, 500)")
    leat.sync(db)
    leat.sync(db)
    check_equal(db, leat.out, ["p"])
    assert not any("c" in row or "d" in row for _, _, row in read(leat.out, "p"))


def test_slot_hygiene(leat, db18, check_equal):
    db = db18
    db.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    leat.sync(db, "--set", "slot.failover=true")
    assert db.value("SELECT failover FROM pg_replication_slots WHERE database = current_database()")
    db.drop_slots()
    db.execute("INSERT INTO t VALUES (2)")
    got = leat.sync(db, check=False)
    assert got.returncode == 2 and "slot_lost" in got.stdout
    leat.run("resync", leat.pipeline, "--tables", "*")
    leat.sync(db)
    check_equal(db, leat.out)
    assert ops(row for _, _, row in read(leat.out, "t")).count("t") == 1
