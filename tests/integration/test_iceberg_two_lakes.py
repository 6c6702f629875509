# SPDX-License-Identifier: Apache-2.0
"""Two pipelines of one data directory, and so of one catalog, whose warehouses are on this machine and on S3: neither
needs what the other's tables need."""

import sqlite3

import pytest
from pyiceberg.table import StaticTable
from test_iceberg import lake  # noqa: F401 (a fixture)

from leat import json_lines

POLICIES = ["journal", "sink"]


def listed_tables(leat, env):
    said = leat.run("table", "list", "--output", "json", env=env).stdout
    return {row["table"]: row["rows"] for row in json_lines(said)}


@pytest.fixture
def far(versitygw):
    env = versitygw.server.env()
    env["AWS_ENDPOINT_URL_S3"] = versitygw.server.endpoint
    reader = {
        "s3.endpoint": versitygw.server.endpoint,
        "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
        "s3.region": "us-east-1",
    }
    return versitygw.url("wh"), env, reader


def found(leat, name, reader):
    with sqlite3.connect(f"file:{leat.data}/catalog.db?mode=ro", uri=True) as catalog:
        (file,) = catalog.execute("SELECT metadata_file FROM tables WHERE name = ?", (name,)).fetchone()
    rows = StaticTable.from_metadata(file, reader).scan().to_arrow().to_pylist()
    return file, sorted((row["id"], row["v"]) for row in rows)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_local_and_an_s3_warehouse_share_a_catalog(lake, db, far, policy):  # noqa: F811
    url, env, reader = far
    db.execute(
        "CREATE TABLE o (id int PRIMARY KEY, v int); CREATE TABLE p (id int PRIMARY KEY, v int);"
        "INSERT INTO o SELECT i, 0 FROM generate_series(1, 50) i;"
        "INSERT INTO p SELECT i, 0 FROM generate_series(1, 60) i"
    )
    args = ["--format", "iceberg", "--set", f"ack.policy={policy}"]
    near = ["sync", db.url, str(lake.out), *args, "--name", "near", "--tables", "o"]
    away = ["sync", db.url, url, *args, "--name", "away", "--tables", "p"]
    for n in range(1, 4):
        lake.run(*away, env=env)
        lake.run(*near)  # knows nothing of S3
        db.execute(f"UPDATE o SET v = {n} WHERE id % 3 = {n % 3}; DELETE FROM p WHERE id = {n}; UPDATE p SET v = {n}")
    lake.run(*near)
    lake.run(*away, env=env)
    local, rows = found(lake, "o", {})
    assert local.startswith("file://") and rows == sorted(map(tuple, db.query("SELECT id, v FROM o")))
    remote, rows = found(lake, "p", reader)
    assert remote.startswith("s3://") and rows == sorted(map(tuple, db.query("SELECT id, v FROM p")))
    listed = listed_tables(lake, env)
    assert listed == {"public.o": 50, "public.p": 57}
    done = json_lines(lake.run("table", "rewrite-data-files", "public.o", "--output", "json", env=env).stdout)
    assert done[0]["table"] == "public.o"
    same = ["sync", db.url, url, *args, "--name", "third", "--tables", "o"]
    refused = lake.run(*same, env=env, check=False)  # there is one name once
    assert refused.returncode == 2 and "is in the catalog already" in refused.stderr and "namespace=" in refused.stderr
    lake.run(*same, "--set", "namespace=far", env=env)
    listed = listed_tables(lake, env)
    assert listed == {"public.o": 50, "public.p": 57, "far.o": 50}
    for name in ("near", "away", "third"):
        lake.run("delete", name, "--purge-data", "--yes", env=env)
    assert json_lines(lake.run("table", "list", "--output", "json", env=env, check=False).stdout) == []
