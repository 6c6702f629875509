# SPDX-License-Identifier: Apache-2.0
"""leat verify --source-replica: rows are read from a streaming standby, as of a moment of its replay."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from postgres import Database, Postgres
from test_verify import FRESH, ROWS, Traffic, check_all_equal, damage, follow, requests, tables, verify
from wait import wait_until

SETTINGS = {"max_wal_senders": 10, "hot_standby_feedback": "on", "max_connections": 60}


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    return leat


@pytest.fixture(params=[15, 18])
def primary(request, new_postgres):
    return new_postgres(request.param, settings=SETTINGS)


@pytest.fixture
def primary15(new_postgres):
    return new_postgres(15, settings=SETTINGS)


@pytest.fixture
def standby():
    """standby(primary, **settings): one that streams from it."""
    made = []

    def make(primary, **settings):
        copy = Postgres(primary.version, primary.settings)
        made.append(copy)
        shutil.rmtree(copy.data)
        if (copy.bin / "pg_basebackup").exists():
            copy.run(copy.bin / "pg_basebackup", "-d", primary.conninfo("postgres"), "-D", copy.data, "-R",
                     "-X", "stream", "--no-sync", "-c", "fast")  # fmt: skip
        else:  # the newer server comes without its tools
            primary.stop()
            copy.run("cp", "-a", primary.data, copy.data)
            copy.run("touch", copy.data / "standby.signal")
            primary.start()
            settings["primary_conninfo"] = primary.conninfo("postgres")
        copy.configure(**copy.settings, **settings)
        return copy.start()

    yield make
    for server in made:
        server.remove()


def paused(copy, name):
    return Database(copy, name).value("SELECT pg_get_wal_replay_pause_state()")


def replica(copy, db):
    return ["--source-replica", copy.url(db.name)]


def test_a_standby_is_read_under_traffic(lake, primary, standby):
    db = primary.create_database()
    tables(db)
    copy = standby(primary)
    process = follow(lake, db)
    with Traffic(db) as traffic:
        wait_until(lambda: traffic.count > 50, "there is traffic")
        for _ in range(3):
            found = verify(lake, *replica(copy, db))
            assert {t["result"] for t in found.values()} == {"equal"}, found
        seen = traffic.count
        wait_until(lambda: traffic.count > seen, "the traffic goes on")
    assert paused(copy, db.name) == "not paused"
    wait_until(lambda: requests(lake) == [], "the pipeline has let go")
    assert {t["result"] for t in verify(lake, *replica(copy, db)).values()} == {"equal"}  # nothing happens any more
    process.stop()
    # Rows were read from the standby: the primary has seen no COPY of them.
    db.execute("INSERT INTO parts VALUES (9, 'late', 'one more')")
    damage(lake)
    found = verify(lake, *replica(copy, db), want=1)
    assert sorted((d["kind"], d["key"]["id"]) for d in found["public.orders"]["differences"]) == [
        ("different", 77), ("extra", 900001), ("missing", 5)]  # fmt: skip
    assert verify(lake, "--repair", *replica(copy, db))["public.orders"]["result"] == "equal"


def refused(lake, url, *args):
    found = verify(lake, "--source-replica", url, *args, want=2)
    assert requests(lake) == []
    return found["all"]


def test_a_standby_that_lags_is_waited_for_and_then_named(lake, primary15, standby):
    db = primary15.create_database()
    tables(db)
    copy = standby(primary15)
    lake.sync(db, *FRESH)
    lake.sync(db, *FRESH, "--set", "slot.create.timeout=3s")  # for what must wait in vain
    copy.configure(recovery_min_apply_delay="1h")
    copy.reload()
    wait_until(lambda: Database(copy, db.name).value("SHOW recovery_min_apply_delay") == "1h", "it lags")
    db.execute("UPDATE orders SET amount = 5 WHERE id = 5")
    found = refused(lake, copy.url(db.name))
    assert "has not replayed" in found["message"] and found["error"] == "source_setup", found
    copy.configure(recovery_min_apply_delay="0")
    copy.reload()
    wait_until(lambda: Database(copy, db.name).value("SHOW recovery_min_apply_delay") == "0", "it lags no more")
    lake.sync(db, *FRESH, "--set", "slot.create.timeout=5m")
    check_all_equal(verify(lake, *replica(copy, db)))
    Database(copy, db.name).execute("SELECT pg_wal_replay_pause()")
    found = refused(lake, copy.url(db.name))
    assert "paused" in found["message"] and "pg_wal_replay_resume" in found["hint"], found
    assert paused(copy, db.name) != "not paused"  # it was somebody else's


def test_what_is_no_standby_of_the_source_is_refused(lake, primary15, standby, pg, db):
    own = primary15.create_database()
    tables(own)
    copy = standby(primary15)
    lake.sync(own, *FRESH)
    assert "another server" in refused(lake, db.url)["message"]  # of another cluster
    assert "no standby" in refused(lake, own.url)["message"]  # the source itself
    # Promoted while its rows are read: they are those of the moment still, whatever is written to it then.
    peer = Database(copy, own.name)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'parts'::regclass"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(primary15.conninfo(own.name)) as lock:
        lock.execute("LOCK TABLE parts")  # on the standby, too, until it is promoted
        own.execute("UPDATE orders SET amount = 0 WHERE id = 1")
        wait_until(lambda: peer.value(locked) == 1, "the lock is replayed")
        meanwhile = pool.submit(verify, lake, *replica(copy, own), "--tables", "orders,things,parts,days")
        wait_until(lambda: meanwhile.done() or peer.value(waiting), "rows are read")
        assert not meanwhile.done(), meanwhile.result()
        peer.execute("SELECT pg_promote()")
        wait_until(lambda: not peer.value("SELECT pg_is_in_recovery()"), "promoted")
        lock.rollback()
        peer.execute("DELETE FROM orders; UPDATE things SET tags = NULL; DELETE FROM parts")
        check_all_equal(meanwhile.result(), {name: count for name, count in ROWS.items() if name != "public.log"})
    assert requests(lake) == []
    found = refused(lake, copy.url(own.name))
    assert "no standby" in found["message"] and found["error"] == "source_setup", found
    # One that follows the promoted server has a history of its own.
    own.execute("UPDATE orders SET amount = 6 WHERE id = 6")
    other = standby(copy)
    peer.execute("INSERT INTO log SELECT 'other history', now() FROM generate_series(1, 5000)")
    found = refused(lake, other.url(own.name))
    assert "timeline" in found["message"], found
    check_all_equal(verify(lake))


def test_the_user_must_be_allowed_to_pause(lake, primary15, standby):
    db = primary15.create_database()
    tables(db)
    db.execute("CREATE ROLE reader LOGIN REPLICATION; GRANT pg_read_all_data TO reader")
    copy = standby(primary15)
    lake.sync(db, *FRESH)
    url = copy.url(db.name, user="reader")
    found = refused(lake, url)
    assert found["error"] == "source_permission" and "GRANT EXECUTE" in found["hint"], found
    with psycopg.connect(primary15.conninfo(db.name), autocommit=True) as connection:
        connection.execute("GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() TO reader")
    check_all_equal(verify(lake, "--source-replica", url), ROWS)
