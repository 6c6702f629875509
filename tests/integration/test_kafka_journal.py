# SPDX-License-Identifier: Apache-2.0
"""The journal in a topic of a real Apache Kafka: it passes the list of every driver, survives kills, and what comes out
of it is what comes out of the one in files."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import confluent_kafka
import judges
import pytest
from pyiceberg.table import StaticTable
from random_workload import SCHEMA, Workload
from test_kafka import check_topics_of
from wait import wait_until

pytestmark = pytest.mark.xdist_group("kafka_journal")  # a broker of their own: they take long

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build/debug"
SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(12,3)); CREATE TABLE k (n int);"
    " INSERT INTO t SELECT i, 'v' || i, i / 7.0 FROM generate_series(1, 300) i;"
    " INSERT INTO k SELECT i % 3 FROM generate_series(1, 20) i"
)


def url(kafka, prefix="leat"):
    return f"kafka://{kafka.bootstrap}/?prefix={prefix}"


def change(db, n):
    db.execute(f"UPDATE t SET v = 'x{n}' WHERE id % 7 = {n % 7}; DELETE FROM t WHERE id = {n} + 30")
    db.execute(
        f"BEGIN; INSERT INTO t SELECT {n} * 10000 + i, 'n', i FROM generate_series(1000, 1400) i;"
        f" UPDATE t SET id = -id WHERE id = {n} + 50; INSERT INTO k VALUES ({n}), ({n}); COMMIT"
    )


def journal_of(leat, name):
    """What status says of it; None while it says why it knows nothing."""
    status = json.loads(leat.run("status", name, "--output", "json").stdout)
    assert "journal" in status or "Kafka" in status["journal_trouble"], status
    return status.get("journal")


def fine(leat, name):
    """What leat doctor finds in order; it finds no problem."""
    found = [json.loads(line) for line in leat.run("doctor", name, "--output", "json").stdout.splitlines()]
    return {one["check"] for one in found if one["event"] == "finding" and one["level"] == "ok"}


@pytest.mark.parametrize("program", [["conformance_journal"], ["crash_journal", "8"]])
def test_the_driver_alone(program, kafka):
    environment = os.environ | {"LEAT_JOURNAL_URL": url(kafka, program[0])}
    argv = [str(BUILD / program[0]), *program[1:]]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0 and ran.stdout.splitlines()[-1].endswith(", 0 failed"), ran.stdout + ran.stderr[-3000:]


def test_it_outlives_kills_the_broker_and_the_data_directory(leat, db, kafka, check_equal):
    args = ["--name", "shop", "--journal", url(kafka)]
    db.execute(SETUP)
    for n, point in enumerate(("kafka.before_commit:2", "kafka.after_commit:3", "kafka.after_commit:5")):
        leat.sync_until_done(db, *args, crash_point=point)
        change(db, n)
    process = leat.follow(db, *args)
    process.wait_streaming(db)
    change(db, 5)
    process.wait_durable(db)
    kafka.hold(process.signal, "leat.shop.")
    kafka.kill()
    process.signal(signal.SIGCONT)
    change(db, 6)
    kafka.start()
    process.kill()
    known = wait_until(lambda: journal_of(leat, "shop"), "the broker gives what was committed")
    assert known["epoch"] > 3 and known["topics"] >= 2, known
    assert "0 defects" in leat.run("journal", "check", "shop").stdout
    assert {"kafka", "topics", "journal", "slot", "transaction.max.timeout.ms"} <= fine(leat, "shop")
    leat.sync(db, *args)
    check_equal(db, leat.out)
    assert leat.sync(db, *args[:-2], "--set", "journal=", check=False).returncode != 0
    leat.run("delete", "shop", "--yes")
    wait_until(lambda: "leat.shop.journal" not in kafka.topics(), "brokers have heard that it is deleted")


LOSSES = [("json", "sink.after_plan"), ("iceberg", "lake.files_written"), ("topics", "kafka.before_commit:3")]


@pytest.mark.parametrize("form, point", LOSSES)
def test_the_data_directory_may_be_lost(form, point, leat, db, kafka, work, check_equal):
    """What the source was told is durable, and no sink has, is only in Kafka then."""
    args = ["--name", f"lost_{form}", "--journal", url(kafka)]
    leat.format = "json" if form == "topics" else form
    if form == "topics":
        leat.out = kafka.url("lost")
        args += ["--envelope", "flat"]
    db.execute(SETUP)
    leat.sync(db, *args)
    for n in (1, 2):
        change(db, n)
        assert leat.sync(db, *args, check=False, crash_point=point).returncode != 0
        shutil.rmtree(leat.data)
        assert '"table read"' not in leat.sync(db, *args).stderr
        if form == "iceberg":
            leat.run("verify", f"lost_{form}")
        elif form == "topics":
            check_topics_of(kafka, "lost", db, work / "topics", check_equal)
        else:
            check_equal(db, leat.out)


def test_a_second_one_takes_it_over_and_a_lost_topic_is_told(leat, db, kafka, check_equal):
    args = ["--name", "two", "--journal", url(kafka)]
    db.execute(SETUP)
    process = leat.follow(db, *args)
    process.wait_streaming(db)
    name = "leat.two.journal"
    other = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": name})
    other.init_transactions(180)
    change(db, 1)
    assert process.wait() != 0
    assert "another process writes" in process.stderr()
    leat.sync(db, *args)
    check_equal(db, leat.out)
    kafka.delete_topic(name)
    lost = leat.sync(db, *args, check=False)
    assert lost.returncode != 0 and "held a journal" in lost.stderr, lost.stderr


# --- the same as in files ---

# More than what is streamed before it ends, parts of it taken back; every kind of change; changes of schemas.
SURE = """
BEGIN; INSERT INTO one SELECT 7000 + g, g, 'large', g, NULL, repeat(md5(g::text), 20) FROM generate_series(1, 2000) g;
SAVEPOINT s; DELETE FROM one; ROLLBACK TO s; UPDATE one SET id = -id WHERE id BETWEEN 7000 AND 7100; COMMIT;
TRUNCATE two, by_index;
INSERT INTO two VALUES (1, 'a', 'v', repeat('long', 3000)); UPDATE two SET v = 'w'; UPDATE two SET x = 2;
DELETE FROM two;
INSERT INTO two SELECT g, 'again', 'v', NULL FROM generate_series(1, 9) g;
ALTER TABLE shape_0 ADD COLUMN more numeric(9,2); INSERT INTO shape_0 VALUES (1001, 1, 'x', 2.25);
ALTER TABLE shape_1 DROP COLUMN c1; INSERT INTO shape_1 VALUES (1001, 1);
ALTER TABLE shape_2 ALTER COLUMN c0 TYPE bigint; INSERT INTO shape_2 VALUES (1001, 5000000000, 'x');
UPDATE shape_0 SET c0 = 7; UPDATE shape_1 SET c0 = 8; UPDATE shape_2 SET c0 = c0 + 1;
"""
READ_AGAIN = "public.shape_2"  # its column's type: at whatever moment, so that its records need not be equal
WHEN_READ = ("__commit_lsn", "__ordinal", "__source_ts_ms")


def records_of(leat, name):
    """Lines of `leat topic read` by topic: the rows of the tables' first reading, in whatever order and whenever they
    were read, and all other records as they are. Numbers of schemas are left out: they say how often leat began."""
    rows, changes = {}, {}
    for line in leat.run("topic", "read", name).stdout.splitlines():
        record = json.loads(line)
        topic, number = record["topic"], record["schema"]
        if topic == READ_AGAIN:
            continue
        if record["row"]["__op"] == "r":
            kept = {field: value for field, value in record["row"].items() if field not in WHEN_READ}
            rows.setdefault(topic, []).append(json.dumps(kept))
        else:
            changes.setdefault(topic, []).append(line.replace(f'"schema":{number},', "", 1))
    return {topic: sorted(lines) for topic, lines in rows.items()}, changes


def tables_of(leat):
    """{table: (columns, rows)}, as another reader sees them."""
    with sqlite3.connect(f"file:{leat.data}/catalog.db?mode=ro", uri=True) as catalog:
        files = dict(catalog.execute("SELECT name, metadata_file FROM tables").fetchall())
    tables = {}
    for name, file in files.items():
        table = StaticTable.from_metadata(file)
        columns = [(field.name, str(field.field_type)) for field in table.schema().fields]
        found = table.scan().to_arrow()
        if name == "whole":  # it has no key: which of equal rows a change takes away is free
            found = found.drop_columns([column for column, _ in columns if column.startswith("__")])
        tables[name] = columns, sorted(map(repr, judges.table_rows(found)))
    return tables


def test_the_lake_is_the_same_with_the_journal_in_files(new_postgres, new_leat, kafka):
    """The same changes at the same time through both; both are killed on the way."""
    db = new_postgres(settings={"logical_decoding_work_mem": "64kB"}).create_database()
    db.execute(SCHEMA)
    args = ["--set", "freshness=300ms", "--set", "journal.segment.bytes=1MiB", "--set", "snapshot.connections=1"]
    ways = [(new_leat(), ["--name", "files"]), (new_leat(), ["--name", "topic", "--journal", url(kafka, "equal")])]
    for leat, _ in ways:
        leat.format = "iceberg"

    def both():
        for process in [leat.start(*leat.sync_args(db, [*own, *args])) for leat, own in ways]:
            assert process.wait() == 0, process.stderr()[-3000:]

    both()  # the tables are read; what follows has the same positions in both
    workload = Workload(db, seed=7, ddl=False)
    for session in workload.sessions:
        session.truncate = lambda: "TRUNCATE pg_temp.none"  # amid others it meets a fault of PostgreSQL's (test_random)
    for goal in (80, 200):
        processes = [leat.follow(db, *own, *args) for leat, own in ways]
        workload.start()
        wait_until(lambda: workload.committed() >= goal, "transactions are committed")  # noqa: B023
        for process in processes:
            process.kill()
        workload.stop()
        db.execute("TRUNCATE whole_with_key, parts; INSERT INTO parts VALUES (1, 'a', 'v', NULL), (2, 'c', 'v', 'x')")
    db.psql(SURE)
    both()
    (files, _), (topic, _) = ways
    rows, changes = records_of(files, "files")
    rows_too, changes_too = records_of(topic, "topic")
    operations = [json.loads(line)["row"]["__op"] for lines in changes.values() for line in lines]
    assert len(operations) > 3000 and {"c", "u", "d", "t"} == set(operations)
    assert rows == rows_too and changes.keys() == changes_too.keys()
    for name, lines in changes.items():
        assert lines == changes_too[name], name
    tables = tables_of(files)
    assert sum(len(rows) for _, rows in tables.values()) > 3000 and tables == tables_of(topic)
    results = topic.run("verify", "topic", check=False)  # of some kinds of tables it cannot say
    assert " equal" in results.stdout and "differs" not in results.stdout, results.stdout


def test_retention_that_comes_near_is_told(new_leat, db, kafka):
    """Of a journal's topic, whose settings somebody changes while it is written; of topics that are read."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    writer, reader = new_leat(), new_leat()
    writing = writer.follow(db, "--name", "near", "--journal", url(kafka, "near"))
    writing.wait_durable(db)
    journal, topic = "near.near.journal", f"{kafka.prefix}.near"
    kafka.alter_topic(journal, retention_ms="15000")
    kafka.create_topic(topic, retention_ms="3600000")
    made = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    made.produce(topic, value=b"{}", timestamp=int(time.time() * 1000) - 2400000)
    assert made.flush(180) == 0
    # What is in no file yet is not done with, as the data directory may be lost.
    args = ["--name", "reader", "--set", "ack.policy=sink", "--set", "file.rotate.interval=1h"]
    reading = reader.start(*reader.sync_args(f"kafka://{kafka.bootstrap}/{topic}", ["--follow", *args]))
    for leat, process, name, of in ((reader, reading, "reader", topic), (writer, writing, "near", journal)):
        process.wait_log("Kafka's retention is near")
        process.until(lambda: f'"partition":"{of}-0"' in process.stderr(), "it says whose")  # noqa: B023
        look = lambda: json.loads(leat.run("status", name, "--output", "json").stdout)["report"]  # noqa: B023,E731
        wait_until(lambda: look().get("retention_of") == f"{of}-0", lambda: f"status tells: {look()}")  # noqa: B023
        assert 0.5 <= look()["retention_share"] <= 1
        assert f"{of}-0: what is needed next has used up" in leat.run("status", name).stdout
    assert "a journal must stay whole" in writing.stderr()
    assert {"kafka", "journal", "sink"} <= fine(reader, "reader")
    kafka.alter_topic(journal, retention_ms="-1")
