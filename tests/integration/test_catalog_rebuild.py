# SPDX-License-Identifier: Apache-2.0
"""`leat catalog rebuild`: a catalog that was lost, made anew from the warehouse alone, at one position."""

import sqlite3

import pytest
from pyiceberg.table import StaticTable
from test_iceberg import ARGS, check_table

TABLES = ["a", "b", "c"]


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    leat.reader = {}
    return leat


@pytest.fixture(params=["local", "s3"])
def place(request, lake):
    """The same warehouse on a local disk and on S3; the environment has what S3 needs."""
    if request.param == "s3":
        bucket = request.getfixturevalue("versitygw")
        env = bucket.server.env()
        env["AWS_ENDPOINT_URL_S3"] = bucket.server.endpoint
        lake.out = bucket.url("wh")
        lake.reader = {
            "s3.endpoint": bucket.server.endpoint,
            "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
            "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
            "s3.region": "us-east-1",
        }
        lake.extra = env
    else:
        lake.extra = {}
    return lake


def pointers(lake):
    with sqlite3.connect(f"file:{lake.data}/catalog.db?mode=ro", uri=True) as catalog:
        found = catalog.execute("SELECT namespace, name, metadata_file, uuid FROM tables").fetchall()
    return {f"{space}.{name}": (file, uuid) for space, name, file, uuid in found}


def lose(lake):
    for path in lake.data.glob("catalog.db*"):
        path.unlink()


def rebuild(lake, *args, **kwargs):
    return lake.run("catalog", "rebuild", lake.out, *args, env=lake.extra, **kwargs)


def sums(lake):
    """Each table's sum of v: one transaction raises all of them."""
    result = {}
    for name, (file, _) in pointers(lake).items():
        rows = StaticTable.from_metadata(file, lake.reader).scan().to_arrow().to_pylist()
        result[name] = sum(row["v"] for row in rows)
    return result


def make(db):
    for name in TABLES:
        db.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v int)")
        db.execute(f"INSERT INTO {name} SELECT i, 0 FROM generate_series(1, 20) i")


def raise_all(db, tables=TABLES):
    db.execute("BEGIN;" + ";".join(f"UPDATE {name} SET v = v + 1" for name in tables) + ";COMMIT")


def check_all(lake, db):
    for name in TABLES:
        check_table(lake, db, name, ["id", "v"])


def test_a_lost_catalog_is_as_it_was(place, db):
    lake = place
    make(db)
    lake.sync(db, *ARGS, "--rename", "b=sales.bee", env=lake.extra)
    for tables in (TABLES, ["a"], ["b", "c"]):
        raise_all(db, tables)
        lake.sync(db, *ARGS, env=lake.extra)
    before = pointers(lake)
    assert set(before) == {"public.a", "sales.bee", "public.c"}
    there = rebuild(lake, check=False)
    assert there.returncode == 2 and "--force" in there.stderr and pointers(lake) == before
    lose(lake)
    tried = rebuild(lake, "--dry-run")
    assert "sales.bee" in tried.stdout and not (lake.data / "catalog.db").exists()
    rebuild(lake)
    assert pointers(lake) == before
    rebuild(lake, "--force")
    assert pointers(lake) == before and (lake.data / "catalog.db.before").exists()
    raise_all(db)
    lake.sync(db, *ARGS, env=lake.extra)
    assert sums(lake) == {"public.a": 60, "sales.bee": 60, "public.c": 60}


# Of three tables' metadata one, two, all are written; then the pointers move. Each is one position for all tables: the
# one before, or that of the commit.
@pytest.mark.parametrize("point", ["catalog.file_written:1", "catalog.file_written:2", "catalog.files_written",
                                   "catalog.before_commit", "catalog.committed"])  # fmt: skip
def test_kill_9_between_metadata_and_pointers(place, db, point):
    lake = place
    make(db)
    lake.sync(db, *ARGS, env=lake.extra)
    raise_all(db)
    lake.sync(db, *ARGS, env=lake.extra)
    before = pointers(lake)
    raise_all(db)
    killed = lake.sync(db, *ARGS, check=False, crash_point=point, env=lake.extra)
    assert killed.returncode == -9, killed.stderr[-2000:]
    assert pointers(lake).keys() == before.keys()
    lose(lake)
    said = rebuild(lake).stdout
    half = point.startswith("catalog.file_written")
    assert ("passed over" in said) == half
    assert set(sums(lake).values()) == {20 if half else 40}
    if half:
        assert pointers(lake) == before
    raise_all(db)
    lake.sync(db, *ARGS, env=lake.extra)
    check_all(lake, db)
    lose(lake)
    rebuild(lake)
    check_all(lake, db)


def test_a_commit_that_died_is_not_taken_later(lake, db):
    """What a crash has left beside the line stays there, however often the catalog is lost."""
    lake.extra = {}
    make(db)
    lake.sync(db, *ARGS)
    for point in ("catalog.file_written:1", "catalog.file_written:2", "catalog.files_written"):
        raise_all(db)
        killed = lake.sync(db, *ARGS, check=False, crash_point=point)
        assert killed.returncode == -9
        lake.sync(db, *ARGS)
        now = pointers(lake)
        lose(lake)
        rebuild(lake)
        assert pointers(lake) == now
        check_all(lake, db)


def test_what_cannot_be_registered_is_said(lake, db):
    lake.extra = {}
    make(db)
    lake.sync(db, *ARGS)
    bad = lake.out / "public" / "z" / "metadata" / "00000-x.metadata.json"
    bad.parent.mkdir(parents=True)
    bad.write_text("{}")
    lose(lake)
    said = rebuild(lake).stdout
    assert "left out" in said and "public.z" in said and "3 tables are in" in said
    check_all(lake, db)
    process = lake.follow(db, *ARGS)
    process.until(lambda: '"running":true' in lake.run("status", "--output", "json", "--offline").stdout, "it runs")
    refused = rebuild(lake, "--force", check=False)
    assert refused.returncode == 2 and f"kill {process.pid}" in refused.stderr
    process.stop()
    nothing = lake.run("catalog", "rebuild", lake.directory / "empty", "--dry-run", check=False)
    assert nothing.returncode == 2 and "no table below" in nothing.stderr
