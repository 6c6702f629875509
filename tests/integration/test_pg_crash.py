# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every crash point there is in the source code, then the next run: nothing lost, nothing twice."""

import os
import pathlib
import re

import pytest

pytestmark = pytest.mark.xdist_group("pg_crash")  # they configure the shared server

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"


def crash_points():
    names = set()
    for path in SOURCE.rglob("*.c"):
        if not path.stem.endswith("_test"):
            names |= set(re.findall(r'CRASH_POINT\("([^"]+)"\)', path.read_text()))
    return sorted(names)


# With each point: which passing of it kills, and the statements that are run before leat's second run and its third.
COUNTS = [1, 2, 5] if os.environ.get("LEAT_LONG") else [1]
SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
    " CREATE TABLE k (n int); CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)) PARTITION BY LIST (a);"
    " CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);"
    " INSERT INTO t SELECT i, 'v' || i, repeat('b', 3000) FROM generate_series(1, 300) i;"
    " INSERT INTO k SELECT i % 3 FROM generate_series(1, 20) i;"
    " INSERT INTO p SELECT i % 2 + 1, i FROM generate_series(1, 50) i"
)
CHANGES = [
    "UPDATE t SET v = 'x' WHERE id % 7 = {n}; DELETE FROM t WHERE id = {n} + 30",
    "BEGIN; INSERT INTO t SELECT {n} * 10000 + i, 'n', NULL FROM generate_series(1000, 4000) i;"
    " UPDATE t SET id = -id WHERE id = {n} + 200; INSERT INTO k VALUES ({n}), ({n}); COMMIT",
    "TRUNCATE p1; INSERT INTO p VALUES (1, {n} + 1000); UPDATE p SET a = 1 WHERE b = {n} + 3 AND a = 2",
]
# What must have died before, so that the point is passed at all.
BEFORE = {
    "journal.before_truncate": "journal.half_written",
    "journal.after_truncate": "journal.half_written",
    "sink.recovered_one": "sink.after_plan",
}
# Passed only with much data, after minutes, or when a disk fails; the journal's own suite and the random test do that.
RARE = {"drain.before_cut", "journal.before_rollback", "journal.before_trim", "journal.part_written"}
RARE |= {"journal.rolled_back", "journal.trimmed_one"}
# Passed when the data directory is lost or an older copy: test_lost_directory.py does that.
RARE |= {"adopt.removed", "adopt.seeded", "sink.adopted", "sink.claimed", "sink.withdrawn_one"}
# Passed when the number of a sink's tasks changes: layout_test.c does that.
RARE |= {name for name in crash_points() if name.startswith("sink.share_")}
# Passed when the sink's offsets are reset: test_sink_reset.py does that.
RARE |= {"sink.reset_announced", "sink.reset_planned", "sink.removed_one"}
# Passed when the target is S3: test_s3_store.py and test_storefront_formats.py do that.
RARE |= {name for name in crash_points() if name.startswith("store.s3.")}
# Passed within an incremental snapshot: test_pg_signals.py does that.
RARE |= {name for name in crash_points() if name.startswith("incremental.")}
# Connectors pass them: test_pg_connector.py and test_connectors.py do that.
RARE |= {name for name in crash_points() if name.startswith(("connector.", "quarantine.", "offsets."))}
# The key index's: src/lake/index/index_test.c dies at each.
RARE |= {name for name in crash_points() if name.startswith("index.")}
# Kafka as a sink passes them: test_kafka.py does that.
RARE |= {name for name in crash_points() if name.startswith("kafka.")}
# As a source: test_kafka_source.py does that.
RARE |= {name for name in crash_points() if name.startswith("kafka_source.")}
# The lake passes them: test_iceberg.py, test_catalog_rest.py, test_verify.py and test_catalog_move.py do that.
RARE |= {name for name in crash_points() if name.startswith(("lake.", "catalog.", "hold.", "verify.", "move."))}
RARE |= {"store.local.settled"}
ARGS = ["--set", "journal.segment.bytes=1MiB", "--set", "journal.retention.bytes=0", "--set", "file.rotate.bytes=64KiB"]


@pytest.fixture(scope="module")
def streaming(pg):
    pg.configure(logical_decoding_work_mem="64kB")
    pg.reload()
    yield
    pg.settings.pop("logical_decoding_work_mem")
    pg.configure()
    pg.reload()


@pytest.mark.parametrize("point", [point for point in crash_points() if point not in RARE])
def test_kill_9_at(point, leat, db, streaming, check_equal):
    db.execute(SETUP)
    hit = 0
    for n, count in enumerate(COUNTS, 1):
        for change in CHANGES:
            if point in BEFORE:
                leat.sync(db, *ARGS, crash_point=BEFORE[point], check=False)
            first = leat.sync_until_done(db, *ARGS, crash_point=f"{point}:{count}")
            hit += first.returncode != 0
            db.execute(change.replace("{n}", str(n)))
        if n == 1:
            leat.run("resync", leat.pipeline, "--tables", "t")
    hit += leat.sync_until_done(db, *ARGS, crash_point=point).returncode != 0
    assert hit > 0, "the point was never passed"
    check_equal(db, leat.out)
