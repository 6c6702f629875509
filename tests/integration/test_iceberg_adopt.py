# SPDX-License-Identifier: Apache-2.0
"""Tables that PyIceberg has made are taken over: their rows are made equal to the source's, or stay, and go on."""

import shutil
import sqlite3

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import LongType, NestedField, StringType
from test_iceberg import check_table, lake, metadata_file, rows, table_of  # noqa: F401

ARGS = ["--set", "freshness=100ms"]
SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 300) i"
)
SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "v", StringType(), required=False),
    NestedField(3, "note", StringType(), required=False),
)
ARROW = pa.schema([("id", pa.int64()), ("v", pa.string()), ("note", pa.string())])


@pytest.fixture
def foreign(lake):  # noqa: F811
    """Makes tables as other tools do, and puts them into the catalog of leat's own."""
    lake.out.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("other", uri=f"sqlite:///{lake.directory}/other.db", warehouse=f"file://{lake.out}")
    catalog.create_namespace("public")

    class Foreign:
        def make(self, rows, schema=SCHEMA, **how):
            self.table = catalog.create_table("public.t", schema, **how)
            self.add(rows)
            return self.table

        def add(self, rows):
            self.table.append(pa.Table.from_pylist(rows, schema=ARROW))

        def register(self):
            # leat makes the catalog's file: an empty run of another pipeline
            with sqlite3.connect(f"{lake.data}/catalog.db") as known:
                known.execute("INSERT INTO namespaces (name, parent) VALUES ('public', '') ON CONFLICT DO NOTHING")
                known.execute(
                    "INSERT INTO tables (namespace, name, uuid, metadata_file, commits, changed_ms)"
                    " VALUES ('public', 't', ?, ?, 1, 0)",
                    (str(self.table.metadata.table_uuid), self.table.metadata_location),
                )

    return Foreign()


def catalog_made(lake, db):  # noqa: F811
    db.execute("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)")
    lake.sync(db, *ARGS, "--name", "other", "--tables", "other")
    lake.run("delete", "other", "--purge-data")


def some(first, last, text="old"):
    return [{"id": i, "v": f"{text}{i}", "note": "theirs"} for i in range(first, last + 1)]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("partitioned", [False, True])
def test_rows_are_made_equal(lake, db, foreign, version, partitioned):  # noqa: F811
    db.execute(SETUP)
    catalog_made(lake, db)
    how = {"properties": {"format-version": str(version)}}
    if partitioned:
        how["partition_spec"] = PartitionSpec(PartitionField(1, 1000, BucketTransform(4), "id_bucket"))
    table = foreign.make(some(1, 100), **how)
    foreign.add(some(250, 400))  # those above 300 the source has not
    foreign.register()
    args = [*ARGS, "--tables", "t", "--adopt", "public.t"]
    refused = lake.sync(db, *ARGS, "--tables", "t", check=False)
    assert refused.returncode != 0 and "--adopt public.t" in refused.stderr
    lake.sync(db, *args)
    check_table(lake, db, "t", ["id", "v"])
    db.execute("UPDATE t SET v = 'new' WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0")
    db.execute("INSERT INTO t VALUES (999, 'x')")
    lake.sync(db, *args)
    check_table(lake, db, "t", ["id", "v"])
    assert metadata_file(lake, "t").startswith(table.metadata.location)  # the same table, its columns and its parts
    assert {"note"} <= set(rows(lake, "t")[0])


def test_the_sweep_survives_a_kill(lake, db, foreign):  # noqa: F811
    db.execute(SETUP)
    catalog_made(lake, db)
    foreign.make(some(200, 500))
    foreign.register()
    args = [*ARGS, "--tables", "t", "--adopt", "*"]
    for point in ("lake.files_written", "lake.committed", "lake.state_saved", "lake.committed"):
        lake.sync(db, *args, crash_point=point, check=False)
    lake.sync(db, *args)
    check_table(lake, db, "t", ["id", "v"])


def test_readers_see_every_row_all_the_while(lake, db, foreign):  # noqa: F811
    """No moment at which rows are missing that were and will be there."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    db.execute("INSERT INTO t SELECT i, 'v' FROM generate_series(1, 3000) i")
    catalog_made(lake, db)
    foreign.make(some(1, 3000))
    foreign.register()
    process = lake.follow(db, *ARGS, "--tables", "t", "--adopt", "*")
    seen = []

    def done():
        found = rows(lake, "t")
        seen.append(len({row["id"] for row in found}))
        return all(row["v"] == "v" for row in found)

    def swept():
        done()
        return table_of(lake, "t").metadata.properties["leat.adopting"] == "false"

    process.until(done, "all rows are the source's")
    db.execute("UPDATE t SET v = 'v' WHERE id = 1")
    process.until(swept, "what was there before has gone")
    process.stop()
    assert set(seen) == {3000}
    check_table(lake, db, "t", ["id", "v"])


def test_doubled_keys_are_named(lake, db, foreign):  # noqa: F811
    db.execute(SETUP)
    catalog_made(lake, db)
    foreign.make(some(1, 50))
    foreign.add(some(42, 42))
    foreign.register()
    before = metadata_file(lake, "t")
    refused = lake.sync(db, *ARGS, "--tables", "t", "--adopt", "*", check=False)
    assert "its changes are passed over" in refused.stderr  # it is set aside
    assert "1 rows have a key that another row has" in refused.stderr and "(42) in" in refused.stderr
    assert metadata_file(lake, "t") == before  # nothing was changed


def test_changes_alone_from_a_position(lake, db, foreign):  # noqa: F811
    """Another writer stopped at X: its slot goes on here, and its rows stay."""
    db.execute(SETUP)
    catalog_made(lake, db)
    db.execute("CREATE PUBLICATION theirs FOR TABLE t")
    db.query("SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')")
    foreign.make([{"id": i, "v": f"v{i}", "note": "theirs"} for i in range(1, 301)])
    foreign.register()
    db.execute("UPDATE t SET v = 'theirs' WHERE id <= 10")  # written by them as well, so not again
    stopped = db.query("SELECT pg_current_wal_lsn()::text")[0][0]
    db.execute("UPDATE t SET v = 'ours' WHERE id BETWEEN 11 AND 20; DELETE FROM t WHERE id = 21")
    args = [*ARGS, "--tables", "t", "--adopt", "public.t"]
    how = ["--no-snapshot", "--slot", "theirs", "--publication", "theirs"]
    lake.sync(db, *args, *how, "--from-lsn", stopped)
    found = {row["id"]: row for row in rows(lake, "t")}
    assert len(found) == 299 and found[1]["v"] == "v1" and found[15]["v"] == "ours" and 21 not in found
    assert found[1]["note"] == "theirs" and found[15]["note"] is None
    db.execute("UPDATE t SET v = 'later' WHERE id = 1")
    lake.sync(db, *args)
    found = {row["id"]: row["v"] for row in rows(lake, "t")}
    assert found[1] == "later" and found[2] == "v2" and len(found) == 299


def test_a_position_that_cannot_be_had(lake, db):  # noqa: F811
    db.execute(SETUP)
    old = db.query("SELECT pg_current_wal_lsn()::text")[0][0]
    db.execute("INSERT INTO t VALUES (1000, 'x')")
    refused = lake.sync(db, *ARGS, "--no-snapshot", "--from-lsn", old, check=False)
    assert refused.returncode == 2 and "not to be had" in refused.stderr and "--slot" in refused.stderr
    refused = lake.sync(db, *ARGS, "--from-lsn", old, check=False)
    assert refused.returncode == 2 and "--no-snapshot" in refused.stderr


def test_a_lake_whose_data_directory_was_lost_is_taken_over(lake, db):  # noqa: F811
    """ack.policy=journal: what was on its way is gone, so the source is read again."""
    db.execute(SETUP)
    lake.sync(db, *ARGS, "--set", f"catalog={lake.directory}/catalog.db")
    db.execute("UPDATE t SET v = 'lost'; DELETE FROM t WHERE id <= 5")
    shutil.rmtree(lake.data)
    db.drop_slots()
    again = lake.sync(db, *ARGS, "--set", f"catalog={lake.directory}/catalog.db", check=False)
    assert again.returncode == 2 and "--adopt" in again.stderr
    lake.sync(db, *ARGS, "--set", f"catalog={lake.directory}/catalog.db", "--adopt", "*")
    (lake.directory / "catalog.db").rename(lake.data / "catalog.db")
    check_table(lake, db, "t", ["id", "v"])
