# SPDX-License-Identifier: Apache-2.0
"""The differential test: random transactions on the source, leat killed at random instants and at every crash point,
PostgreSQL restarted and crashed; then the files must replay to what the source holds, value by value.

    LEAT_LONG=1   at least 100 kills, and every crash point at least once armed (about 10 minutes)
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
# Everything small, so that segments, files, spools and streamed transactions come and go all the time.
SERVER = {"logical_decoding_work_mem": "64kB", "checkpoint_timeout": "30s", "max_wal_size": "64MB", "deadlock_timeout": "200ms"}
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

    def __init__(self, server, database, leat, seed):
        self.server, self.database, self.leat = server, database, leat
        self.random = random.Random(seed)
        self.workload = Workload(database, seed, ddl=os.environ.get("LEAT_DDL") != "0")
        self.points = crash_points()
        self.random.shuffle(self.points)
        self.armed, self.hit = set(), {}
        self.kills = self.restarts = self.rounds = self.rows = self.changes = 0
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
        point = self.next_point() if r.random() < 0.45 else None
        follow = r.random() < 0.8
        start = self.leat.follow if follow else self.leat_once
        process = start(self.database, *ARGS, crash_point=point)
        life = r.choice([r.uniform(0, 0.3), r.uniform(0, 1.5), r.uniform(1, 3)])
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
                process.wait(30)
                allowed.add(0 if follow else 130)
            else:
                self.tell("kill -9")
                process.kill()
                self.kills += 1
        status = process.wait(5)
        self.tell(f"  ended with {status}, had {point}")
        if status == -signal.SIGKILL:
            if point is not None and not process.killed_by_us:
                name = point.partition(":")[0]
                self.hit[name] = self.hit.get(name, 0) + 1
                self.kills += 1
        else:
            assert status in allowed, f"leat ended with {status}: {process.stderr()[-4000:]}"

    def leat_once(self, database, *args, **kwargs):
        return self.leat.start(*self.leat.sync_args(database, args), **kwargs)

    def wait(self, process, seconds):
        deadline = time.monotonic() + seconds
        while process.running() and time.monotonic() < deadline:
            time.sleep(0.01)

    def round(self):
        self.rounds += 1
        self.workload.start()
        deadline = time.monotonic() + ROUND_SECONDS
        try:
            while time.monotonic() < deadline:
                self.one_life()
        finally:
            self.workload.stop()
        self.tell("catching up")
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
            f"{self.rounds} rounds, {self.workload.committed():,} transactions committed, {self.workload.failed():,} failed,"
            f" {self.kills} kills ({len(self.hit)} of {len(self.points)} crash points hit, {len(self.armed)} armed),"
            f" {self.restarts} restarts of the source; {self.rows:,} rows equal after {self.changes:,} changes"
        )


def watch_kills(process_class):
    """Remember whether a SIGKILL was ours or a crash point's."""
    original = process_class.kill

    def kill(self):
        self.killed_by_us = True
        return original(self)

    return original, kill


@pytest.fixture
def storm(new_postgres, new_leat, monkeypatch, request):
    seed = int(os.environ.get("LEAT_SEED") or random.SystemRandom().randint(1, 10**6))
    print(f"LEAT_SEED={seed}")
    _, kill = watch_kills(leat_module.LeatProcess)
    monkeypatch.setattr(leat_module.LeatProcess, "kill", kill)
    monkeypatch.setattr(leat_module.LeatProcess, "killed_by_us", False, raising=False)
    server = new_postgres(settings=SERVER)
    database = server.create_database("storm")
    database.execute(SCHEMA)
    made = Storm(server, database, new_leat(), seed)
    try:
        yield made
        print(made.report())
    finally:
        keep(made, seed)


def keep(storm, seed):
    """What a failure leaves behind, for whoever looks into it."""
    if os.environ.get("LEAT_KEEP"):
        target = leat_module.ROOT / "build" / "random" / str(seed)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(storm.leat.directory, target)
        (target / "story.txt").write_text("\n".join(storm.story) + "\n")


def test_the_files_replay_to_the_source(storm):
    if LONG:
        while storm.kills < 120 or len(storm.armed) < len(storm.points) or storm.rounds < 20:
            storm.round()
        missed = set(storm.points) - set(storm.hit)
        assert len(missed) < len(storm.points) / 2, f"crash points that were never reached: {sorted(missed)}"
    else:
        for _ in range(6):
            storm.round()
    assert storm.workload.committed() > 1000
