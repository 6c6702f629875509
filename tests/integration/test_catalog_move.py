# SPDX-License-Identifier: Apache-2.0
"""`leat catalog move`: a lake's tables go into another catalog, and its pipelines with them."""

import sqlite3

import pytest
from apache_catalog import ApacheCatalog
from catalog import CatalogServer
from test_catalog_rebuild import TABLES, check_all, make, pointers, raise_all
from test_iceberg import ARGS


@pytest.fixture
def lake(leat):
    leat.format = "iceberg"
    leat.reader = {}
    leat.extra = {}
    return leat


@pytest.fixture
def other(lake):
    """Another REST catalog, which has the same files in reach."""
    server = CatalogServer(lake.directory / "other", warehouse=lake.out).start()
    yield server
    server.close()


@pytest.fixture(params=["leat", "apache"])
def any_other(request, lake):
    """…and Apache's."""
    kind = CatalogServer if request.param == "leat" else ApacheCatalog
    server = kind(lake.directory / "any", warehouse=lake.out).start()
    yield server
    server.close()


def there(server):
    return {
        name: server.good("GET", f"/namespaces/public/tables/{name}")["metadata-location"]
        for name in (row["name"] for row in server.good("GET", "/namespaces/public/tables")["identifiers"])
    }


def rows_there(server, name):
    found = server.pyiceberg().load_table(f"public.{name}").scan().to_arrow().to_pylist()
    return sorted((row["id"], row["v"]) for row in found)


def check_there(server, db):
    for name in TABLES:
        assert rows_there(server, name) == sorted(db.query(f"SELECT id, v FROM {name}"))


def url(server):
    return f"iceberg+{server.url}"


def test_move_to_a_rest_catalog(lake, db, any_other):
    other = any_other
    make(db)
    lake.sync(db, *ARGS)
    raise_all(db)
    lake.sync(db, *ARGS)
    before = {name.split(".")[1]: file for name, (file, _) in pointers(lake).items()}
    tried = lake.run("catalog", "move", "--to", url(other), "--dry-run")
    assert "3 tables and 1 pipelines would move" in tried.stdout
    assert other.good("GET", "/namespaces")["namespaces"] == []
    lake.run("catalog", "move", "--to", url(other))
    assert there(other) == before and pointers(lake) == {}
    check_there(other, db)
    raise_all(db)
    lake.sync(db, *ARGS)
    check_there(other, db)
    assert pointers(lake) == {}
    listed = lake.run("table", "list", "--output", "json").stdout
    assert listed.count('"rows":20') == 3  # leat table looks where the pipeline writes now


@pytest.mark.parametrize("point", ["move.registered", "move.registered:2", "move.switched", "move.dropped"])
def test_a_move_that_is_killed_goes_on(lake, db, other, point):
    make(db)
    lake.sync(db, *ARGS)
    killed = lake.run("catalog", "move", "--to", url(other), check=False, crash_point=point)
    assert killed.returncode == -9
    raise_all(db)
    lake.sync(db, *ARGS)  # wherever it writes now
    said = lake.run("catalog", "move", "--to", url(other)).stdout
    gone_on = point in ("move.switched", "move.dropped")
    assert ("gone on" in said) == gone_on and pointers(lake) == {}
    check_there(other, db)
    raise_all(db)
    lake.sync(db, *ARGS)
    check_there(other, db)


def test_what_stands_in_the_way(lake, db, other):
    make(db)
    lake.sync(db, *ARGS)
    before = pointers(lake)
    process = lake.follow(db, *ARGS)
    process.until(lambda: '"running":true' in lake.run("status", "--output", "json", "--offline").stdout, "it runs")
    refused = lake.run("catalog", "move", "--to", url(other), check=False)
    assert refused.returncode == 2 and f"kill {process.pid}" in refused.stderr
    process.stop()
    assert "needs --to" in lake.run("catalog", "move", check=False).stderr
    schema = {"type": "struct", "fields": [{"id": 1, "name": "x", "type": "int", "required": False}]}
    other.good("POST", "/namespaces", {"namespace": ["public"]})
    other.good("POST", "/namespaces/public/tables", {"name": "b", "schema": schema})
    taken = lake.run("catalog", "move", "--to", url(other), check=False)
    assert taken.returncode == 2 and "public.b" in taken.stderr and "another one" in taken.stderr
    assert pointers(lake).keys() == before.keys()
    other.good("DELETE", "/namespaces/public/tables/b")
    lake.run("catalog", "move", "--to", url(other))
    check_there(other, db)


def test_move_to_another_file(lake, db):
    make(db)
    lake.sync(db, *ARGS)
    before = pointers(lake)
    path = lake.directory / "elsewhere.db"
    lake.run("catalog", "move", "--to", path)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as catalog:
        found = {f"{s}.{n}": f for s, n, f in catalog.execute("SELECT namespace, name, metadata_file FROM tables")}
    assert found == {name: file for name, (file, _) in before.items()} and pointers(lake) == {}
    raise_all(db)
    lake.sync(db, *ARGS)
    assert pointers(lake) == {}
    lake.run("catalog", "rebuild", lake.out, "--force")  # the files are where they were
    check_all(lake, db)
