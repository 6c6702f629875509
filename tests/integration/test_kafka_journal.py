# SPDX-License-Identifier: Apache-2.0
"""The journal in a topic of a real Apache Kafka: it passes the list of every driver, survives kills, and what comes out
of it is what comes out of the one in files."""

import json
import os
import pathlib
import shutil
import subprocess

import confluent_kafka
import pytest
from test_kafka import check_topics_of
from wait import wait_until

pytestmark = pytest.mark.xdist_group("kafka")

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


@pytest.mark.parametrize("program", [["conformance_journal"], ["crash_journal", "8"]])
def test_the_driver_alone(program, kafka):
    environment = os.environ | {"LEAT_JOURNAL_URL": url(kafka, program[0])}
    argv = [str(BUILD / program[0]), *program[1:]]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300)
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
    kafka.kill()
    change(db, 6)
    kafka.start()
    process.kill()
    known = wait_until(lambda: journal_of(leat, "shop"), "the broker gives what was committed", 120)
    assert known["epoch"] > 3 and known["topics"] >= 2, known
    assert "0 defects" in leat.run("journal", "check", "shop").stdout
    leat.sync(db, *args)
    check_equal(db, leat.out)
    assert leat.sync(db, *args[:-2], "--set", "journal=", check=False).returncode != 0
    leat.run("delete", "shop", "--yes")
    assert "leat.shop.journal" not in kafka.topics()


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
    other.init_transactions(60)
    change(db, 1)
    assert process.wait(120) != 0
    assert "another process writes" in process.stderr()
    leat.sync(db, *args)
    check_equal(db, leat.out)
    kafka.admin.delete_topics([name])[name].result(60)
    lost = leat.sync(db, *args, check=False)
    assert lost.returncode != 0 and "held a journal" in lost.stderr, lost.stderr
