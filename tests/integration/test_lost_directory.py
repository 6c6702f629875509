# SPDX-License-Identifier: Apache-2.0
"""The data directory is lost, or comes back as an older copy: what the target remembers (_leat/NAME.checkpoint) is
enough to go on from (ack.policy=sink), or at least never to write other rows under a name that is taken."""

import os
import random
import shutil
import signal
import threading
import time

import pytest
from test_storefront_formats import crash_points

SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, v text);"
    " INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 500) i; INSERT INTO u VALUES (1, 'a')"
)
CHANGE = (
    "UPDATE t SET v = v || '{n}' WHERE id % 5 = {n} % 5; DELETE FROM t WHERE id = {n} + 100;"
    " INSERT INTO t VALUES (1000 + {n}, 'new'); INSERT INTO u VALUES ({n} + 10, 'b')"
)
SINK = ["--set", "ack.policy=sink", "--set", "file.rotate.bytes=16KiB"]


def files(leat):
    return {p.relative_to(leat.out): p.read_bytes() for p in leat.out.rglob("*") if p.is_file() and p.suffix == ".json"}


def untouched(before, leat):
    after = files(leat)
    return all(after.get(name) == content for name, content in before.items())


def test_lost_again_and_again(leat, db, check_equal):
    db.execute(SETUP)
    leat.sync(db, *SINK)
    for n in range(1, 5):
        db.execute(CHANGE.replace("{n}", str(n)))
        before = files(leat)
        if n != 3:
            leat.sync(db, *SINK)
        shutil.rmtree(leat.data)
        db.execute(CHANGE.replace("{n}", str(n + 50)))
        leat.sync(db, *SINK)
        assert untouched(before, leat)
        check_equal(db, leat.out)


POINTS = ["sink.after_plan", "sink.after_announce", "store.local.renamed", "sink.before_done", "sink.after_checkpoint",
          "sink.after_done"]  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_lost_in_the_midst_of_a_publication(point, leat, db, check_equal):
    db.execute(SETUP)
    leat.sync(db, *SINK)
    for n in range(1, 3):
        db.execute(CHANGE.replace("{n}", str(n)))
        assert leat.sync(db, *SINK, crash_point=point, check=False).returncode != 0
        shutil.rmtree(leat.data)
        for again in ["adopt.removed", "adopt.seeded", "sink.claimed", "sink.withdrawn_one", "sink.adopted"]:
            leat.sync(db, *SINK, crash_point=again, check=False)
        leat.sync(db, *SINK)
        check_equal(db, leat.out)


def test_lost_in_a_recovery(leat, db, check_equal):
    """What a plan names is told to the target before it is there, also when the plan is done by a later process."""
    db.execute(SETUP)
    leat.sync(db, *SINK)
    db.execute(CHANGE.replace("{n}", "1"))
    for point in ["sink.after_plan", "store.local.renamed"]:
        assert leat.sync(db, *SINK, crash_point=point, check=False).returncode != 0
    shutil.rmtree(leat.data)
    leat.sync(db, *SINK)
    check_equal(db, leat.out)


def test_an_older_copy(leat, db, check_equal):
    db.execute(SETUP)
    leat.sync(db, *SINK)
    db.execute(CHANGE.replace("{n}", "1"))
    leat.sync(db, *SINK)
    shutil.copytree(leat.data, leat.directory / "copy")
    for n in range(2, 4):
        db.execute(CHANGE.replace("{n}", str(n)))
        leat.sync(db, *SINK)
    before = files(leat)
    shutil.rmtree(leat.data)
    (leat.directory / "copy").rename(leat.data)
    db.execute(CHANGE.replace("{n}", "4"))
    leat.sync(db, *SINK)
    assert untouched(before, leat)
    check_equal(db, leat.out)


def test_an_older_copy_when_the_journal_was_acknowledged(leat, db, check_equal):
    """The slot is past the copy: only reading again helps, and that must not touch a file that is there."""
    args = ["--set", "file.rotate.bytes=16KiB"]
    db.execute(SETUP)
    leat.sync(db, *args)
    shutil.copytree(leat.data, leat.directory / "copy")
    for n in range(1, 3):
        db.execute(CHANGE.replace("{n}", str(n)))
        leat.sync(db, *args)
    before = files(leat)
    shutil.rmtree(leat.data)
    (leat.directory / "copy").rename(leat.data)
    db.execute(CHANGE.replace("{n}", "4"))
    refused = leat.sync(db, *args, check=False)
    assert refused.returncode == 2 and "resync" in refused.stderr
    leat.run("resync", leat.pipeline, "--tables", "*")
    leat.sync(db, *args)
    assert untouched(before, leat)
    check_equal(db, leat.out)


def test_two_that_write_the_same_files(leat, new_leat, db):
    """A second data directory with the same pipeline's name and target is refused before it writes."""
    db.execute(SETUP)
    leat.sync(db)
    other = new_leat()
    other.out = leat.out
    refused = other.sync(db, check=False)
    assert refused.returncode == 2, refused.stderr


# Names that tell nothing of offsets: what is doubled shows.
IDS = ["--set", "layout=template", "--set", "file.name.template={schema}/{table}/{message-id}.{ext}"]


def die_publishing(leat, db, args, point, change):
    """Runs until it is killed in a publication; the data directory is then as it was just before."""
    mark = leat.out / "_leat" / f"{leat.pipeline}.checkpoint"
    which = lambda: (mark.stat().st_ino, mark.stat().st_mtime_ns)  # noqa: E731 - a number may be given again
    before = which()
    process = leat.follow(db, *args, crash_point=point)
    process.until(lambda: which() != before, "the target follows")
    process.signal(signal.SIGSTOP)  # a copy of one moment
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    shutil.copytree(leat.data, leat.directory / "copy")
    process.signal(signal.SIGCONT)
    db.execute(change)
    assert process.wait() == -9
    shutil.rmtree(leat.data)
    (leat.directory / "copy").rename(leat.data)


@pytest.mark.parametrize("layout", [[], IDS], ids=["offsets", "ids"])
@pytest.mark.parametrize("point", ["sink.after_announce", "store.local.renamed", "sink.before_done"])
def test_an_older_copy_of_one_that_died_publishing(point, layout, leat, db, check_equal):
    """Files that were announced and not yet counted are there, or not: their rows are sent again."""
    db.execute(SETUP)
    leat.sync(db, *SINK, *layout)
    die_publishing(leat, db, [*SINK, *layout], point, "UPDATE t SET v = repeat(v, 9)")
    for n in range(1, 3):
        db.execute(CHANGE.replace("{n}", str(n)))
        leat.sync(db, *SINK, *layout)
        check_equal(db, leat.out)


def test_an_older_copy_of_one_that_died_publishing_and_read_again(leat, db, check_equal):
    """The journal was acknowledged: what the target was announced must not be met by names that come again."""
    args = ["--set", "file.rotate.bytes=16KiB"]
    db.execute(SETUP)
    leat.sync(db, *args)
    shutil.copytree(leat.data, leat.directory / "copy")
    db.execute(CHANGE.replace("{n}", "1"))
    assert leat.sync(db, *args, crash_point="sink.before_done", check=False).returncode != 0
    before = files(leat)
    shutil.rmtree(leat.data)
    (leat.directory / "copy").rename(leat.data)
    leat.sync(db, *args, check=False)
    leat.run("resync", leat.pipeline, "--tables", "*")
    leat.sync(db, *args)
    assert untouched(before, leat)
    check_equal(db, leat.out)


@pytest.mark.parametrize("ack", ["journal", "sink"])
def test_a_deleted_pipeline_is_forgotten_by_its_target(ack, leat, db, check_equal):
    args = ["--set", f"ack.policy={ack}"]
    db.execute(SETUP)
    leat.sync(db, *args)
    leat.run("delete", leat.pipeline, "--purge-data", "--yes")
    assert not [p for p in leat.out.rglob("*") if p.is_file()]
    db.execute(CHANGE.replace("{n}", "1"))
    leat.sync(db, *args)
    check_equal(db, leat.out)


# --- all of it, again and again --------------------------------------------------------------------------------

LIVES = 120 if os.environ.get("LEAT_LONG") == "1" else 10
RESTLESS = [*SINK[:2], "--set", "file.rotate.bytes=4KiB", "--set", "file.rotate.interval=150ms"]
STORM = ["error_500_after", "cut_after", "cut_before", "cut_answer", "slow_down", "repeat"]


def change_until(stop, db, chance):
    n = 0
    while not stop.wait(0.01):
        n += 1
        db.execute(
            f"UPDATE t SET v = v || 'x' WHERE id % 50 = {chance.randrange(50)};"
            f" INSERT INTO u VALUES ({n + 10}, repeat('y', {chance.randrange(900)}));"
            f" DELETE FROM u WHERE id = {n + 10 - chance.randrange(1, 30)}"
        )
        if n % 20 == 0:
            db.execute("UPDATE t SET v = 'r' || id")


def live(leat, db, args, env, chance, points):
    """A short life, ended anywhere."""
    point = f"{chance.choice(points)}:{chance.choice([1, 1, 2, 4])}" if chance.random() < 0.7 else None
    process = leat.follow(db, *args, crash_point=point, env=env)
    end = time.monotonic() + chance.uniform(0.2, 2)
    while process.running() and time.monotonic() < end:
        time.sleep(0.01)
    status = process.kill() if process.running() else process.wait()
    assert status in (0, -9, 3), f"{point}: status {status}: {process.stderr()[-3000:]}"


def suffer(leat, copies, chance):
    """What happens to the data directory between two lives: often nothing."""
    fate = chance.random()
    if not leat.data.exists():  # lost, and the life after that was too short to make one
        return
    if fate < 0.15:
        shutil.rmtree(leat.data)
    elif fate < 0.5:
        copies.append(leat.directory / f"copy{len(copies)}")
        shutil.copytree(leat.data, copies[-1])
    elif fate < 0.75 and copies:
        shutil.rmtree(leat.data)
        shutil.copytree(chance.choice(copies[-4:]), leat.data)


@pytest.mark.parametrize("place", ["disk", "minio"])
def test_lives_and_losses(place, leat, db, request, fault_proxy, check_equal):
    """The data directory is lost or becomes an older one between lives that end anywhere: no row is lost or doubled."""
    seed = int(os.environ.get("LEAT_SEED", "1"))
    chance = random.Random(seed)
    args, env, copies, bucket, stop = list(RESTLESS), {}, [], None, threading.Event()
    if place != "disk":
        bucket = request.getfixturevalue(place)
        proxy = fault_proxy(bucket.server)
        leat.out, env = bucket.url("p/q"), bucket.server.env()
        args += ["--set", f"s3.endpoint={proxy.endpoint}"]
    points = [*crash_points("disk" if bucket is None else "s3"), "adopt.removed", "adopt.seeded", "journal.opened"]
    db.execute(SETUP)
    leat.sync(db, *args, env=env)
    if bucket is not None:
        proxy.storm(0.1, STORM, seed)
    thread = threading.Thread(target=change_until, args=(stop, db, random.Random(seed + 1000)))
    thread.start()
    try:
        for _ in range(LIVES):
            live(leat, db, args, env, chance, points)
            if bucket is not None:  # no request of the dead one comes after what the next one does
                proxy.wait_served()
            suffer(leat, copies, chance)
    finally:
        stop.set()
        thread.join()
    if bucket is not None:
        proxy.calm()
    leat.sync(db, *args, env=env)
    if bucket is not None:
        leat.out = leat.directory / "out"
        bucket.download(leat.out, "p/q/")
    check_equal(db, leat.out)
