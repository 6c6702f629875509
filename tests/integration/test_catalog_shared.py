# SPDX-License-Identifier: Apache-2.0
"""Several processes with one catalog.db: no commit of any is lost, and nobody replaces it under them."""

import threading

import pyarrow
import pytest
from catalog import CatalogServer

SCHEMA = pyarrow.schema([("id", pyarrow.int64())])
COMMITS = 12


@pytest.fixture
def two(tmp_path):
    one = CatalogServer(tmp_path / "lake").start()
    other = CatalogServer(tmp_path / "other", warehouse=one.warehouse)
    other.data = one.data
    other.start()
    yield one, other
    other.close()
    one.close()


def write(server, n, errors):
    """Appends, and properties; a commit that others were faster with is made again."""
    try:
        catalog = server.pyiceberg()
        for i in range(COMMITS):
            for tries in range(100):
                try:
                    table = catalog.load_table("db.t")
                    with table.transaction() as transaction:
                        transaction.append(pyarrow.table({"id": [n * 1000 + i]}, schema=SCHEMA))
                        transaction.set_properties({f"writer{n}.{i}": str(tries)})
                    break
                except Exception as err:  # noqa: BLE001
                    if "Commit" not in type(err).__name__:
                        raise
    except Exception as err:  # noqa: BLE001
        errors.append(err)


def test_two_serve_one_catalog(two):
    catalog = two[0].pyiceberg()
    catalog.create_namespace("db")
    catalog.create_table("db.t", SCHEMA)
    errors = []
    threads = [threading.Thread(target=write, args=(two[n % 2], n, errors), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()  # the test has a limit, and they are daemons
    assert not errors, errors
    for server in two:
        table = server.pyiceberg().load_table("db.t")
        found = sorted(table.scan().to_arrow()["id"].to_pylist())
        assert found == sorted(n * 1000 + i for n in range(4) for i in range(COMMITS))  # each once
        assert {key for key in table.properties if key.startswith("writer")} == {
            f"writer{n}.{i}" for n in range(4) for i in range(COMMITS)
        }
        assert len(table.metadata.snapshots) == 4 * COMMITS


def test_the_catalog_is_not_replaced_under_who_serves_it(two, leat):
    catalog = two[0].pyiceberg()
    catalog.create_namespace("db")
    catalog.create_table("db.t", SCHEMA).append(pyarrow.table({"id": [1]}, schema=SCHEMA))
    env = {"LEAT_DATA_DIR": str(two[0].data)}
    for verb in (["rebuild", str(two[0].warehouse), "--force"], ["move", "--to", str(two[0].directory / "new.db")]):
        refused = leat.run("catalog", *verb, env=env, check=False)
        assert refused.returncode == 2 and "leat catalog serve is running" in refused.stderr
    two[0].process.stop()  # one is enough
    assert leat.run("catalog", "rebuild", str(two[0].warehouse), "--force", env=env, check=False).returncode == 2
    two[1].process.stop()
    leat.run("catalog", "rebuild", str(two[0].warehouse), "--force", env=env)
    found = two[0].start().pyiceberg().load_table("db.t").scan().to_arrow()["id"].to_pylist()
    assert found == [1]


def test_a_snapshot_that_is_tagged_is_not_removed(two):
    catalog = two[0].pyiceberg()
    catalog.create_namespace("db")
    table = catalog.create_table("db.t", SCHEMA)
    for i in range(3):
        table.append(pyarrow.table({"id": [i]}, schema=SCHEMA))
    first, second, _ = [s.snapshot_id for s in table.metadata.snapshots]
    chosen = {"updates": [{"action": "remove-snapshots", "snapshot-ids": [first, second]}],
              "requirements": [{"type": "assert-table-uuid", "uuid": str(table.metadata.table_uuid)}]}  # fmt: skip
    two[1].pyiceberg().load_table("db.t").manage_snapshots().create_tag(first, "audit").commit()
    refused = two[0].ask("POST", "/namespaces/db/tables/t", chosen)
    assert refused.status == 409 and b"audit" in refused.body
    chosen["updates"][0]["snapshot-ids"] = [second]
    assert two[0].ask("POST", "/namespaces/db/tables/t", chosen).status == 200
    chosen["updates"] = [{"action": "remove-snapshot-ref", "ref-name": "audit"},
                         {"action": "remove-snapshots", "snapshot-ids": [first]}]  # fmt: skip
    assert two[0].ask("POST", "/namespaces/db/tables/t", chosen).status == 200
    assert len(two[1].pyiceberg().load_table("db.t").metadata.snapshots) == 1
