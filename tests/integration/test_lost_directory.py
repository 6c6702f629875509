# SPDX-License-Identifier: Apache-2.0
"""The data directory is lost, or comes back as an older copy: what the target remembers (_leat/NAME.checkpoint) is
enough to go on from (ack.policy=sink), or at least never to write other rows under a name that is taken."""

import shutil

import pytest

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
    before = mark.stat().st_ino
    process = leat.follow(db, *args, crash_point=point)
    process.until(lambda: mark.stat().st_ino != before, "the target follows")
    shutil.copytree(leat.data, leat.directory / "copy")
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
