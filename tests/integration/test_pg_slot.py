# SPDX-License-Identifier: Apache-2.0
"""Slot and journal must agree: progress, gaps, lost slots, other servers, failover, crashes, and the way out."""

import json
import re
import shutil
import subprocess

import pytest
from leat import json_lines
from postgres import Database, Postgres
from wait import wait_until

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 50) i"


def refused(leat, db, *words):
    got = leat.sync(db, check=False)
    assert got.returncode == 2, got.stderr
    for word in words:
        assert word in got.stderr + got.stdout, (word, got.stderr)
    return got


def out_by_resync_on_another_log(leat, db):
    """LSNs start anew with another server: then the order of the files counts, and the last truncate begins it all."""
    leat.run("resync", leat.pipeline, "--tables", "*")
    leat.sync(db)
    db.execute("UPDATE t SET v = 'after' WHERE id = 20")
    leat.sync(db)
    rows = {}
    for path in sorted((leat.out / "public/t").iterdir(), key=lambda path: int(path.stem.rpartition("-")[2])):
        for row in map(json.loads, path.read_text().splitlines()):
            if row["__op"] == "t":
                rows = {}
            else:
                rows[row["id"]] = row["v"]
    assert rows == dict(db.query("SELECT id, v FROM t"))


def out_by_resync(leat, db, check_equal):
    leat.run("resync", leat.pipeline, "--tables", "*")
    leat.sync(db)
    check_equal(db, leat.out)
    db.execute("UPDATE t SET v = 'after' WHERE id = 1")
    leat.sync(db)
    check_equal(db, leat.out)


def test_idle_progress(leat, db):
    """WAL of others does not pile up behind a quiet slot."""
    db.execute(TABLE + "; CREATE TABLE other (v text); ALTER TABLE other ALTER v SET STORAGE PLAIN")
    process = leat.follow(db, "--tables", "t")
    process.wait_streaming(db)
    for _ in range(2):
        db.execute("INSERT INTO other SELECT repeat('x', 7900) FROM generate_series(1, 2500)")  # 20 MB
        lsn = db.wal_lsn() - (17 << 20)
        process.until(lambda: all(slot[1] > lsn for slot in db.slots().values()), "the slot moves on")
    process.stop()


def test_journal_restored_from_an_older_copy(leat, db, check_equal):
    db.execute(TABLE)
    leat.sync(db)
    shutil.copytree(leat.data, leat.directory / "older")
    db.execute("INSERT INTO t VALUES (100, 'in the gap')")
    leat.sync(db)
    check_equal(db, leat.out)
    shutil.rmtree(leat.data)
    (leat.directory / "older").rename(leat.data)
    db.execute("INSERT INTO t VALUES (101, 'behind the gap')")
    refused(leat, db, "slot_mismatch", "leat resync", "--tables '*'")
    refused(leat, db, "slot_mismatch")
    leat.run("resync", leat.pipeline, "--tables", "*")
    # The files are newer than the journal: none of them is overwritten, new ones are numbered above.
    before = {path: path.read_bytes() for path in leat.out.rglob("*.json")}
    leat.sync(db)
    assert before.items() <= {path: path.read_bytes() for path in leat.out.rglob("*.json")}.items()
    check_equal(db, leat.out)


def test_slot_dropped_meanwhile(leat, db, check_equal):
    db.execute(TABLE)
    leat.sync(db)
    db.drop_slots()
    db.execute("DELETE FROM t WHERE id = 7")
    refused(leat, db, "slot_lost", "does not exist", "--tables '*'")
    out_by_resync(leat, db, check_equal)


def test_slot_made_anew_by_someone(leat, db, check_equal):
    db.execute(TABLE)
    leat.sync(db)
    (name,) = db.slots()
    db.execute("DELETE FROM t WHERE id = 7")
    db.drop_slots()
    db.execute(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")
    refused(leat, db, "slot_mismatch", "--tables '*'")
    out_by_resync(leat, db, check_equal)


def test_slot_of_another_plugin_or_unknown(leat, db):
    db.execute(TABLE)
    db.execute("SELECT pg_create_logical_replication_slot('taken', 'pgoutput')")
    got = leat.sync(db, "--slot", "taken", check=False)
    assert got.returncode == 2 and "taken" in got.stderr and "pg_drop_replication_slot" in got.stderr
    assert "taken" in db.slots()


def test_lost_data_directory(leat, db, check_equal):
    """Slot and files are there, the journal is not: not a silent new start."""
    db.execute(TABLE)
    leat.sync(db)
    shutil.rmtree(leat.data)
    refused(leat, db, "exists", "does not know", "_leat")
    leat.out.rename(leat.directory / "away")
    refused(leat, db, "slot_mismatch", "pg_drop_replication_slot")


def test_slot_invalidated(new_postgres, new_leat, check_equal):
    server = new_postgres(settings={"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "min_wal_size": "32MB"})
    db, leat = server.create_database(), new_leat()
    db.execute(TABLE)
    assert "WAL cap" in leat.sync(db).stdout or '"slot_cap_bytes":1048576' in leat.sync(db).stdout
    for _ in range(4):
        db.execute("UPDATE t SET v = 'x' WHERE id = 1; SELECT pg_switch_wal(); CHECKPOINT")
    assert [slot[2] for slot in db.slots().values()] == ["lost"]
    refused(leat, db, "slot_lost", "invalidated", "--tables '*'")
    out_by_resync(leat, db, check_equal)


def test_another_server_under_the_url(pg, db, new_postgres, new_leat, check_equal):
    leat = new_leat()
    db.execute(TABLE)
    leat.sync(db)
    other = new_postgres().create_database(db.name)
    other.execute(TABLE)
    (name,) = db.slots()
    other.execute(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")
    refused(leat, other, "slot_mismatch", "another database system", "--tables '*'")
    other.execute("DELETE FROM t WHERE id < 10")
    out_by_resync_on_another_log(leat, other)


def test_blocked_slot_creation_names_who_blocks(leat, db):
    db.execute(TABLE)
    with db.connect(autocommit=False) as blocker:
        blocker.execute("UPDATE t SET v = 'secret value' WHERE id = 1")
        pid = blocker.info.backend_pid
        got = leat.sync(db, "--set", "slot.create.timeout=2s", check=False)
    assert got.returncode in (2, 3) and str(pid) in got.stderr and "secret value" not in got.stderr
    assert "pg_terminate_backend" in got.stderr and db.slots() == {}
    leat.sync(db)


def test_killed_while_its_slot_is_made(leat, db, check_equal):
    """The server goes on making the slot of a client that is gone, as long as a writing transaction is open."""
    db.execute(TABLE)
    slots = "SELECT active_pid FROM pg_replication_slots WHERE database = current_database()"
    drops = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_drop_replication%'"
    drops += " AND application_name = 'leat'"
    with db.connect(autocommit=False) as writer:
        writer.execute("UPDATE t SET v = 'open' WHERE id = 1")
        process = leat.follow(db)
        process.until(lambda: db.query(slots), "its slot is being made")
        process.kill()
        process = leat.follow(db)
        process.until(lambda: db.query(drops), "the next one wants it gone")
        writer.commit()
    leat.wait_read(process)
    db.execute("UPDATE t SET v = 'streamed' WHERE id = 2")
    process.wait_durable(db)
    process.stop()
    assert len(db.slots()) == 1
    check_equal(db, leat.out)


def test_a_busy_slot_is_waited_for(leat, db, check_equal):
    """Another client holds the slot, as one whose death the server has not noticed."""
    db.execute(TABLE)
    leat.sync(db)
    (name,) = db.slots()
    receive = [db.server.bin / "pg_recvlogical", "-d", db.server.conninfo(db.name), "-S", name, "--start"]
    receive += ["-f", "/dev/null"]
    publication = db.value("SELECT pubname FROM pg_publication LIMIT 1")
    receive += ["-o", "proto_version=1", "-o", f"publication_names={publication}", "--no-loop", "-s", "3600", "-F", "0"]
    db.wait_slots_idle()
    other = subprocess.Popen([str(a) for a in receive], stderr=subprocess.DEVNULL, env=db.server.env())
    try:
        wait_until(db.senders, "the other client has the slot")
        db.execute("INSERT INTO t VALUES (100, 'x')")
        process = leat.follow(db)
        tries = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'leat%'"
        process.until(lambda: db.value(tries) > 0, "it tries")
    finally:
        other.kill()
        other.wait()
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)


def test_walsender_killed_again_and_again(leat, db, check_equal):
    db.execute(TABLE)
    process, pid = leat.follow(db), None
    for round_ in range(4):
        (pid,) = process.wait_streaming(db, other_than=pid)
        db.execute(f"INSERT INTO t SELECT i + {1000 * (round_ + 1)}, 'r' FROM generate_series(1, 300) i")
        db.execute("SELECT pg_terminate_backend(%s)", (pid,))
        db.execute(f"UPDATE t SET v = 'again {round_}' WHERE id < 5")
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)


@pytest.mark.early
def test_server_restarts_and_crashes_while_streaming(new_postgres, new_leat, check_equal):
    server = new_postgres(settings={"fsync": "on", "full_page_writes": "on"})
    db, leat = server.create_database(), new_leat()
    db.execute(TABLE)
    process = leat.follow(db)
    process.wait_streaming(db)
    for round_, how in enumerate(("immediate", "crash", "fast")):
        db.execute(f"INSERT INTO t VALUES ({100 + round_}, '{how}'); UPDATE t SET v = '{how}' WHERE id = {round_ + 1}")
        server.restart(how)
        db.execute(f"DELETE FROM t WHERE id = {10 + round_}")
        process.wait_streaming(db)
    process.wait_durable(db)
    process.stop()
    check_equal(db, leat.out)


def test_server_away_at_the_start_and_at_the_stop(new_postgres, new_leat, check_equal):
    server = new_postgres()
    db, leat = server.create_database(), new_leat()
    db.execute(TABLE)
    leat.sync(db)
    server.stop()
    process = leat.follow(db)
    process.until(lambda: "source_unreachable" in process.stderr(), "it says why it waits")
    process.stop(30)  # in its backoff
    server.start()
    leat.sync(db)
    check_equal(db, leat.out)


@pytest.fixture
def standby(new_postgres):
    """A primary with a standby that is promoted by the test."""
    made = []

    def make(primary):
        copy = Postgres(primary.version, primary.settings)
        shutil.rmtree(copy.data)
        copy.directory.chmod(0o755)
        copy.run(copy.bin / "pg_basebackup", "-d", primary.conninfo("postgres"), "-D", copy.data, "-R", "-X", "stream",
                 "--no-sync", "-c", "fast")
        copy.configure(**copy.settings)
        made.append(copy)
        return copy

    yield make
    for server in made:
        server.remove()


def caught_up(copy, lsn):
    peer = Database(copy, "postgres")
    wait_until(lambda: peer.value(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'"), "the standby has it all")
    return peer


def promoted(primary, copy, lsn):
    copy.start()
    peer = caught_up(copy, lsn)
    primary.stop("immediate")
    peer.execute("SELECT pg_promote()")
    wait_until(lambda: not peer.value("SELECT pg_is_in_recovery()"), "promoted")


def test_failover_behind_what_was_read(new_postgres, new_leat, standby, check_equal):
    """The slot is made on the new primary at once; all that was read lies before the switch."""
    primary = new_postgres(settings={"max_wal_senders": 10})
    db, leat = primary.create_database(), new_leat()
    db.execute(TABLE)
    leat.sync(db)
    copy = standby(primary)
    lsn = db.value("SELECT pg_current_wal_lsn()")
    promoted(primary, copy, lsn)
    new = Database(copy, db.name)
    new.execute("UPDATE t SET v = 'on the new primary' WHERE id = 2")
    got = leat.sync(new, check=False)
    assert got.returncode == 2 and re.search("slot_lost|slot_mismatch", got.stdout), got.stderr
    out_by_resync(leat, new, check_equal)


def test_failover_before_what_was_read(new_postgres, new_leat, standby, check_equal):
    """leat has read changes that the new primary does not have: they would stay in the files for ever."""
    primary = new_postgres(settings={"max_wal_senders": 10})
    db, leat = primary.create_database(), new_leat()
    db.execute(TABLE)
    leat.sync(db)
    copy = standby(primary)
    lsn = db.value("SELECT pg_current_wal_lsn()")
    copy.start()
    caught_up(copy, lsn)
    copy.stop()
    copy.configure(primary_conninfo="host=/nowhere")
    db.execute("INSERT INTO t SELECT i, 'lost in the failover' FROM generate_series(1000, 1100) i")
    leat.sync(db)
    promoted(primary, copy, lsn)
    new = Database(copy, db.name)
    new.execute(f"SELECT pg_create_logical_replication_slot('leat_{leat.pipeline}', 'pgoutput')")
    new.execute("INSERT INTO t SELECT i, 'other' FROM generate_series(2000, 4000) i")
    got = refused(leat, new, "slot_mismatch", "timeline", "--tables '*'")
    out_by_resync(leat, new, check_equal)
    assert "secret" not in got.stderr


def test_wal_behind_the_journal(new_postgres, new_leat, check_equal):
    """The source was restored from a copy of its own: same system, same timeline, but older."""
    server = new_postgres()
    db, leat = server.create_database(), new_leat()
    db.execute(TABLE)
    leat.sync(db)
    server.stop()
    shutil.copytree(server.data, server.directory / "older", symlinks=True)
    server.start()
    db.execute("INSERT INTO t SELECT i, 'undone' FROM generate_series(1000, 3000) i")
    leat.sync(db)
    server.stop()
    shutil.rmtree(server.data)
    (server.directory / "older").rename(server.data)
    subprocess.run(["chown", "-R", "postgres:postgres", str(server.data)], check=False)
    server.start()
    refused(leat, db, "slot_mismatch", "restored from a backup", "--tables '*'")
    out_by_resync_on_another_log(leat, db)


def test_delete_removes_slot_and_publications(leat, db):
    db.execute(TABLE + "; CREATE TABLE n (v int)")
    leat.sync(db)
    assert db.slots() and db.value("SELECT count(*) FROM pg_publication") == 2
    leat.run("delete", leat.pipeline, "--yes")
    assert db.slots() == {} and db.value("SELECT count(*) FROM pg_publication") == 0
    assert not list((leat.data / "pipelines").iterdir()) and list(leat.out.rglob("*.json"))


def test_ack_policy_sink(leat, db, check_equal):
    """The slot moves only when the files are published: then the data directory may be lost without a gap."""
    db.execute(TABLE)
    args = ["--set", "ack.policy=sink", "--set", "file.rotate.interval=1h"]
    leat.sync(db, *args)
    process = leat.follow(db, *args)
    process.wait_streaming(db)
    db.execute("INSERT INTO t VALUES (100, 'not yet published')")
    lsn = db.wal_lsn()

    def row_in_journal():
        told = leat.run("topic", "read", leat.pipeline, "public.t").stdout
        return next((line["row"] for line in json_lines(told) if line["row"]["id"] == 100), None)

    row = process.until(row_in_journal, "it is durable")
    # What was published before may be acknowledged only now; the slot stays before the commit.
    assert all(slot[1] <= row["__commit_lsn"] for slot in db.slots().values())
    process.stop()
    leat.sync(db, *args)
    check_equal(db, leat.out)
    leat.sync(db, *args)
    assert all(slot[1] >= lsn for slot in db.slots().values())
