# SPDX-License-Identifier: Apache-2.0
"""`leat table …`: what is said of tables, and what is changed by hand, with PyIceberg as the judge."""

import json

import pytest
from test_iceberg import ARGS, check_table, rows, table_of

from leat import json_lines


AT_ONCE = ["--set", "freshness=1h"]  # each run commits once, at its end


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    leat.reader = {}
    return leat


@pytest.fixture
def shop(lake, db):
    db.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, v int, note text, at timestamptz);"
        "INSERT INTO orders SELECT i, 0, 'n' || i, '2026-01-01Z' FROM generate_series(1, 100) i;"
        "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items SELECT generate_series(1, 30)"
    )
    lake.sync(db, *AT_ONCE, "--partition-by", "orders=bucket(2,id)", "--set", "maintenance=off")  # by hand alone
    db.execute("UPDATE orders SET v = 1 WHERE id <= 40; DELETE FROM orders WHERE id > 90")
    lake.sync(db, *AT_ONCE)
    return lake


def table(lake, verb, *args, check=True, **kwargs):
    return lake.run("table", verb, *args, "--output", "json", check=check, **kwargs)


def said(lake, verb, *args, **kwargs):
    return json_lines(table(lake, verb, *args, **kwargs).stdout)


def sample(lake, name, *args):
    return json_lines(lake.run("table", "sample", name, "--limit", "1000000", *args).stdout)


def test_list_and_show(shop, db):
    listed = {row["table"]: row for row in said(shop, "list")}
    assert set(listed) == {"public.items", "public.orders"}
    assert listed["public.orders"]["rows"] == 90 and listed["public.items"]["rows"] == 30
    assert listed["public.orders"]["pipeline"] == shop.pipeline
    found = table_of(shop, "orders")
    (shown,) = said(shop, "show", "public.orders")
    assert shown["uuid"] == str(found.metadata.table_uuid) and shown["format_version"] == 2
    assert shown["snapshot"]["snapshot-id"] == found.current_snapshot().snapshot_id
    assert [field["name"] for field in shown["schema"]["fields"]] == ["id", "v", "note", "at"]
    assert shown["partition_spec"]["fields"][0]["transform"] == "bucket[2]"
    text = shop.run("table", "show", "public.orders").stdout
    assert "bucket[2](id)" in text and "leat.pipeline" in text and "rows        90 in" in text
    assert "public.orders  v2" in shop.run("table", "list").stdout


def test_snapshots_files_and_as_of(shop, db):
    found = table_of(shop, "orders")
    snapshots = said(shop, "snapshots", "public.orders")
    assert [row["snapshot_id"] for row in snapshots] == [s.snapshot_id for s in found.metadata.snapshots]
    assert [row["rows"] for row in snapshots] == [100, 90] and snapshots[-1]["refs"] == "main"
    first, last = snapshots
    files = said(shop, "files", "public.orders")
    data = {row["path"] for row in files if row["content"] == "data"}
    assert data == {task.file.file_path for task in found.scan().plan_files()}
    assert {row["content"] for row in files} == {"data", "position deletes"}
    assert all(row["bytes"] > 0 and row["partition"].startswith("id_bucket=") for row in files)
    for when in (str(first["snapshot_id"]), first["position"], f"{first['timestamp_ms']}"):
        then = table(shop, "files", "public.orders", "--as-of", when, check=False)
        if when == f"{first['timestamp_ms']}":  # a number is a snapshot's id, never a time
            assert then.returncode == 2 and "no snapshot" in then.stderr
        else:
            assert {row["rows"] for row in json_lines(then.stdout)} < {row["rows"] for row in files} or then.stdout
    assert len(said(shop, "snapshots", "public.orders", "--as-of", first["position"])) == 1
    older = table(shop, "show", "public.orders", "--as-of", "2020-01-01", check=False)
    assert older.returncode == 2 and "as of" in older.stderr


def test_sample_gives_live_rows(shop, db):
    now = {row["id"]: row["v"] for row in sample(shop, "public.orders")}
    assert now == dict(db.query("SELECT id, v FROM orders"))
    first = said(shop, "snapshots", "public.orders")[0]
    then = sample(shop, "public.orders", "--as-of", first["position"])
    assert {row["id"]: row["v"] for row in then} == {i: 0 for i in range(1, 101)}
    assert len(json_lines(shop.run("table", "sample", "public.orders", "--limit", "7").stdout)) == 7
    one = json.loads(shop.run("table", "sample", "public.orders", "--limit", "1").stdout)
    assert list(one) == ["id", "v", "note", "at"] and one["at"].startswith("2026-01-01T00:00:00")


def test_which_lake_is_meant(shop, db):
    catalog = str(shop.data / "catalog.db")
    by_name = table(shop, "list", "--pipeline", shop.pipeline).stdout
    assert by_name == table(shop, "list", "--catalog", catalog).stdout == table(shop, "list").stdout
    elsewhere = {"LEAT_DATA_DIR": str(shop.directory / "none")}
    nothing = table(shop, "list", env=elsewhere, check=False)
    assert nothing.returncode == 2 and "catalog rebuild" in nothing.stderr
    assert by_name == table(shop, "list", "--catalog", catalog, env=elsewhere).stdout
    absent = table(shop, "show", "public.nothing", check=False)
    assert absent.returncode == 2 and "there is no table public.nothing" in absent.stderr
    assert "NAMESPACE.TABLE" in table(shop, "show", "orders", check=False).stderr


def test_rollback_is_for_tables_that_nobody_writes(shop, db):
    first, last = said(shop, "snapshots", "public.orders")
    to = str(first["snapshot_id"])
    refused = table(shop, "rollback", "public.orders", "--to", to, check=False)
    assert refused.returncode == 2 and "would not repeat" in refused.stderr
    assert len(rows(shop, "orders")) == 90
    tried = said(shop, "rollback", "public.orders", "--to", to, "--detach", "--dry-run")
    assert tried[0]["dry_run"] and len(rows(shop, "orders")) == 90
    shop.run("table", "rollback", "public.orders", "--to", first["position"], "--detach")
    assert len(rows(shop, "orders")) == 100 and {row["v"] for row in rows(shop, "orders")} == {0}
    # It can go no further ahead, and the pipeline leaves it alone.
    ahead = table(shop, "rollback", "public.orders", "--to", str(last["snapshot_id"]), check=False)
    assert ahead.returncode == 1 and "not one that main has come from" in ahead.stderr
    db.execute("UPDATE orders SET v = 9")
    stopped = shop.sync(db, *ARGS, check=False)
    assert "public.orders" in stopped.stderr + stopped.stdout
    assert {row["v"] for row in rows(shop, "orders")} == {0}


def test_upgrade_keeps_what_was_deleted(shop, db):
    """Position deletes of version 2 count on, also where a vector of the same file follows."""
    shop.run("table", "upgrade", "public.orders")
    assert table_of(shop, "orders").metadata.format_version == 3
    assert "already" in shop.run("table", "upgrade", "public.orders").stdout
    columns = ["id", "v", "note", "at"]
    check_table(shop, db, "orders", columns)
    db.execute("UPDATE orders SET v = 2 WHERE id % 3 = 0; INSERT INTO orders VALUES (500, 5, 'x', now())")
    shop.sync(db, *ARGS)
    check_table(shop, db, "orders", columns)
    vectors = [row for row in said(shop, "files", "public.orders") if row["content"] == "deletion vector"]
    assert vectors and all(row["bytes"] > 0 for row in vectors)
    db.execute("DELETE FROM orders WHERE id % 7 = 0")
    shop.sync(db, *ARGS)
    check_table(shop, db, "orders", columns)
    assert {row["id"]: row["v"] for row in sample(shop, "public.orders")} == dict(db.query("SELECT id, v FROM orders"))


def test_a_running_pipeline_is_left_alone(shop, db):
    process = shop.follow(db, *ARGS)
    process.until(lambda: '"running":true' in shop.run("status", "--output", "json", "--offline").stdout, "it runs")
    for verb in (["upgrade"], ["rollback", "--to", "now", "--detach"]):
        refused = table(shop, verb[0], "public.orders", *verb[1:], check=False)
        assert refused.returncode == 2 and f"kill {process.pid}" in refused.stderr
    process.stop()
    elsewhere = {"LEAT_DATA_DIR": str(shop.directory / "none")}
    args = ["public.items", "--catalog", str(shop.data / "catalog.db")]
    refused = table(shop, "upgrade", *args, env=elsewhere, check=False)
    assert refused.returncode == 2 and "--force" in refused.stderr
    table(shop, "upgrade", *args, "--force", env=elsewhere)


COLUMNS = ["id", "v", "note", "at"]


def files_of(lake, name):
    return {str(path) for path in (lake.out / "public" / name).rglob("*") if path.is_file()}


def test_expire_snapshots(shop, db):
    for v in (7, 8):
        db.execute(f"UPDATE orders SET v = {v} WHERE id <= 10")
        shop.sync(db, *AT_ONCE)
    before = files_of(shop, "orders")
    assert said(shop, "expire-snapshots", "public.orders")[0]["snapshots_expired"] == 0  # younger than 5 days
    tried = said(shop, "expire-snapshots", "public.orders", "--older-than", "0s", "--dry-run")[0]
    assert tried["snapshots_expired"] == 3 and tried["dry_run"] and files_of(shop, "orders") == before
    process = shop.follow(db, *ARGS)  # beside whoever writes
    process.wait_durable(db)
    done = said(shop, "expire-snapshots", "public.orders", "--older-than", "0s", "--keep", "2")[0]
    assert done["snapshots_expired"] == 2 and done["files_removed"] > 0
    assert len(table_of(shop, "orders").metadata.snapshots) == 2
    db.execute("UPDATE orders SET v = 11 WHERE id = 1")
    process.until(lambda: {r["id"]: r["v"] for r in rows(shop, "orders")}.get(1) == 11, "the update is there")
    process.stop()
    said(shop, "expire-snapshots", "public.orders", "--older-than", "0s")
    assert len(table_of(shop, "orders").metadata.snapshots) == 1
    check_table(shop, db, "orders", COLUMNS)
    db.execute("DELETE FROM orders WHERE id % 2 = 0")
    shop.sync(db, *ARGS)
    check_table(shop, db, "orders", COLUMNS)
    assert files_of(shop, "orders") != before


def test_remove_orphan_files(shop, db):
    before = files_of(shop, "orders")
    stray = shop.out / "public" / "orders" / "data" / "id_bucket=0" / "stray.parquet"
    stray.write_bytes(b"x" * 100)
    assert said(shop, "remove-orphan-files", "public.orders")[-1]["files_removed"] == 0  # younger than 3 days
    tried = said(shop, "remove-orphan-files", "public.orders", "--older-than", "0s", "--dry-run")
    assert str(stray) in tried[0]["file"] and tried[-1]["files_removed"] == 1 and stray.exists()
    process = shop.follow(db, *ARGS)
    process.until(lambda: '"running":true' in shop.run("status", "--output", "json", "--offline").stdout, "it runs")
    refused = table(shop, "remove-orphan-files", "public.orders", "--older-than", "0s", check=False)
    assert refused.returncode == 2 and "under way" in refused.stderr and stray.exists()
    process.stop()
    done = said(shop, "remove-orphan-files", "public.orders", "--older-than", "0s")
    assert done[-1]["files_removed"] == 1 and done[-1]["bytes"] == 100
    assert files_of(shop, "orders") == before
    check_table(shop, db, "orders", COLUMNS)


@pytest.mark.parametrize("version", [2, 3])
def test_rewrite_data_files(lake, db, version):
    db.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, v int, note text, at timestamptz);"
        "INSERT INTO orders SELECT i, 0, 'n' || i, '2026-01-01Z' FROM generate_series(1, 300) i"
    )
    args = [*AT_ONCE, "--set", f"format.version={version}", "--partition-by", "orders=bucket(2,id)"]
    args += ["--set", "maintenance=off"]  # by hand alone
    lake.sync(db, *args)
    for n in range(1, 4):
        db.execute(f"UPDATE orders SET v = {n} WHERE id % {n + 1} = 0; DELETE FROM orders WHERE id = {n}")
        lake.sync(db, *args)
    before = said(lake, "files", "public.orders")
    assert sum(row["content"] == "data" for row in before) == 8
    tried = said(lake, "rewrite-data-files", "public.orders", "--dry-run")[0]
    assert tried["files_before"] == 8 and said(lake, "files", "public.orders") == before
    done = said(lake, "rewrite-data-files", "public.orders")[0]
    assert done["files_before"] == 8 and done["files_made"] == 2 and done["rows_dropped"] > 0
    assert [row["content"] for row in said(lake, "files", "public.orders")] == ["data", "data"]
    check_table(lake, db, "orders", COLUMNS)
    assert {row["id"]: row["v"] for row in sample(lake, "public.orders")} == dict(db.query("SELECT id, v FROM orders"))
    assert "nothing to rewrite" in lake.run("table", "rewrite-data-files", "public.orders").stdout
    listed = said(lake, "list")[0]
    assert listed["rows"] == len(db.query("SELECT id FROM orders")) and listed["position"]
    # The pipeline goes on: its index is made anew from the new files.
    db.execute("UPDATE orders SET v = 9 WHERE id % 5 = 0; DELETE FROM orders WHERE id % 6 = 0")
    lake.sync(db, *args)
    check_table(lake, db, "orders", COLUMNS)
