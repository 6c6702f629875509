# SPDX-License-Identifier: Apache-2.0
"""The differential test: random transactions on the source, leat killed at random instants and at every crash point,
PostgreSQL restarted and crashed; then the files must replay to what the source holds, value by value.

    LEAT_LONG=1   at least 100 kills, and every crash point armed at least once (about 15 minutes)
    LEAT_SEED=N   the seed of an earlier run (the sessions run at the same time, so it repeats only so far)
"""

import os
import random
import re
import shutil
import signal
import time

import leat as leat_module
import pytest
import replay
from random_workload import SCHEMA, Workload

LONG = os.environ.get("LEAT_LONG") == "1"
ROUND_SECONDS = 6
ROUNDS = 5  # of one storm; then a fresh source
# Everything small, so that segments, files, spools and streamed transactions come and go all the time.
SERVER = {
    "logical_decoding_work_mem": "64kB",
    "checkpoint_timeout": "30s",
    "max_wal_size": "64MB",
    "deadlock_timeout": "200ms",
}
OPTIONS = {
    "journal.segment.bytes": "1MiB", "journal.retention.bytes": "2MiB", "file.rotate.bytes": "400KiB",
    "file.rotate.interval": "1s", "snapshot.connections": "3", "memory.limit": "32MiB",
}  # fmt: skip
ARGS = [part for name, value in OPTIONS.items() for part in ("--set", f"{name}={value}")]


def crash_points():
    names = set()
    for path in (leat_module.ROOT / "src").rglob("*.c"):
        if not path.name.endswith("_test.c"):
            names.update(re.findall(r'CRASH_POINT\("([^"]+)"\)', path.read_text()))
    assert len(names) > 20
    return sorted(names)


class Storm:
    """leat and the source, both having a bad day."""

    def __init__(self, server, database, leat, seed, points):
        self.server, self.database, self.leat, self.seed = server, database, leat, seed
        self.random = random.Random(seed)
        self.workload = Workload(database, seed)
        self.points = points  # names, the next one to arm in front
        self.armed, self.hit = set(), set()
        self.kills = self.restarts = self.rows = self.changes = 0
        self.story = []

    def tell(self, text):
        self.story.append(f"{time.strftime('%H:%M:%S')} {text}")

    def next_point(self):
        """Each in its turn; those that never were reached come again."""
        point = self.points.pop(0)
        self.points.append(point)
        self.armed.add(point)
        return f"{point}:{self.random.choice([1, 1, 2, 5])}"

    def one_life(self):
        """Starts leat, lets it live for a while, ends it."""
        r = self.random
        point = self.next_point() if r.random() < 0.6 else None
        follow = r.random() < 0.8
        start = self.leat.follow if follow else self.leat_once
        process = start(self.database, *ARGS, crash_point=point)
        life = r.uniform(1, 3) if point else r.choice([r.uniform(0, 0.3), r.uniform(0, 1.5)])
        self.wait(process, life)
        allowed = {0}  # a run without --follow that was told to stop says that it was not done: 130
        if r.random() < 0.15:
            how = r.choice(["fast", "immediate", "crash"])
            self.tell(f"source restarted: {how}")
            self.server.restart(how)
            self.restarts += 1
            allowed.add(3)
            self.wait(process, r.uniform(0, 2))
        if process.running():
            if r.random() < 0.15:
                self.tell("stop")
                process.signal(signal.SIGTERM)
                process.wait()
                allowed |= {0 if follow else 130, -signal.SIGTERM}  # the latter before it listens to signals
            else:
                self.tell("kill -9")
                process.kill()
                self.kills += 1
        status = process.wait()
        self.tell(f"  ended with {status}, had {point}")
        if status == -signal.SIGKILL:
            if point is not None and not process.killed_by_us:
                self.hit.add(point.partition(":")[0])
                self.kills += 1
        elif not self.was_stuck(process):
            assert status in allowed, f"leat ended with {status}: {process.stderr()[-4000:]}"

    def was_stuck(self, process):
        """A fault of PostgreSQL's decoding, of a slot that was made amid TRUNCATEs: a new slot is the remedy."""
        stuck = process.process.returncode == 2 and "could not map filenode" in process.stderr()
        if stuck:
            self.tell("the server's decoding is stuck: a new slot")
            self.leat.run("resync", self.leat.pipeline, "--tables", "*")
        return stuck

    def leat_once(self, database, *args, **kwargs):
        return self.leat.start(*self.leat.sync_args(database, args), **kwargs)

    def wait(self, process, seconds):
        deadline = time.monotonic() + seconds
        while process.running() and time.monotonic() < deadline:
            time.sleep(0.01)

    def round(self):
        self.workload.start()
        deadline = time.monotonic() + ROUND_SECONDS
        try:
            while time.monotonic() < deadline:
                self.one_life()
        finally:
            self.workload.stop()
        self.tell("catching up")
        process = self.leat_once(self.database, *ARGS)
        if process.wait(180) != 0:
            assert self.was_stuck(process), process.stderr()[-4000:]
            self.leat.sync(self.database, *ARGS, timeout=180)
        self.tell("comparing")
        self.prove()
        self.tell("equal")

    def prove(self):
        with self.database.connect() as connection:
            proofs = replay.prove(connection, self.leat.out)
        bad = [str(proof) for proof in proofs if not proof.holds()]
        assert not bad, "\n".join(bad)
        self.rows = sum(proof.source for proof in proofs)
        self.changes = sum(proof.events for proof in proofs)

    def report(self):
        return (
            f"seed {self.seed}: {self.workload.committed():,} transactions committed, {self.workload.failed():,} failed;"
            f" {self.kills} kills, {len(self.hit)} of {len(self.armed)} armed crash points hit, {self.restarts} restarts of"
            f" the source; {self.rows:,} rows equal after {self.changes:,} changes"
        )

    def keep(self):
        """What a failure leaves behind, for whoever looks into it: LEAT_KEEP=1 puts it into build/random/SEED."""
        if os.environ.get("LEAT_KEEP"):
            target = leat_module.ROOT / "build" / "random" / str(self.seed)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(self.leat.directory, target)
            (target / "story.txt").write_text("\n".join(self.story) + "\n")


@pytest.fixture
def kills_are_ours(monkeypatch):
    """Remember whether a SIGKILL came from the test or from a crash point."""
    original = leat_module.LeatProcess.kill

    def kill(self):
        self.killed_by_us = True
        return original(self)

    monkeypatch.setattr(leat_module.LeatProcess, "kill", kill)
    monkeypatch.setattr(leat_module.LeatProcess, "killed_by_us", False, raising=False)


def weather(server, leat, seed, points):
    """One storm over a fresh source."""
    database = server.create_database()
    database.execute(SCHEMA)
    storm = Storm(server, database, leat, seed, points)
    try:
        for _ in range(ROUNDS):
            storm.round()
        print(storm.report())
    except BaseException:
        storm.keep()
        print("\n".join(storm.story[-30:]))
        raise
    finally:
        leat.close()
    database.drop()
    return storm


@pytest.mark.early
def test_the_files_replay_to_the_source(new_postgres, new_leat, kills_are_ours):
    seed = int(os.environ.get("LEAT_SEED") or random.SystemRandom().randint(1, 10**6))
    print(f"LEAT_SEED={seed}")
    server = new_postgres(settings=SERVER)
    points = crash_points()
    random.Random(seed).shuffle(points)
    storms = [weather(server, new_leat(), seed, points)]
    while LONG and (sum(s.kills for s in storms) < 120 or len(storms) < 4):
        storms.append(weather(server, new_leat(), seed + len(storms), points))
    assert sum(s.workload.committed() for s in storms) > 300
    if LONG:
        armed, hit = set().union(*(s.armed for s in storms)), set().union(*(s.hit for s in storms))
        print(f"{sum(s.kills for s in storms)} kills; crash points armed but never reached: {sorted(armed - hit)}")
        assert armed == set(points)
        assert len(hit) > len(points) / 2
