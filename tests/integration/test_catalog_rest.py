# SPDX-License-Identifier: Apache-2.0
"""The Iceberg REST catalog, judged by PyIceberg and DuckDB, by its protocol's rules, under kill -9 and ill will."""

import base64
import concurrent.futures
import http.client
import itertools
import json
import pathlib
import sqlite3
import subprocess
import sys
import threading
import uuid

import leat as leat_module
import pyarrow as pa
import pyiceberg.exceptions
import pytest
from catalog import CatalogServer
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, IdentityTransform
from pyiceberg.types import DoubleType, ListType, LongType, NestedField, StringType, StructType
from server import Server, request
from wait import wait_until

LONG = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}


@pytest.fixture
def new_catalog(tmp_path):
    servers = []

    def make(*flags, **options):
        servers.append(CatalogServer(tmp_path / f"catalog{len(servers)}", *flags, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def catalog(new_catalog):
    return new_catalog().start()


def rows(count, first=0):
    return pa.table({"id": pa.array(range(first, first + count), pa.int64())})


def ids(table):
    return sorted(table.scan().to_arrow()["id"].to_pylist())


def path_of(uri):
    assert uri.startswith("file:///"), uri
    return pathlib.Path(uri[7:])


def create(catalog, name, space="s", **more):
    return catalog.good("POST", f"/namespaces/{space}/tables", {"name": name, "schema": LONG, **more})


def setting(metadata, **properties):
    return {
        "requirements": [{"type": "assert-table-uuid", "uuid": metadata["table-uuid"]}],
        "updates": [{"action": "set-properties", "updates": properties}],
    }


def test_conformance():
    program = leat_module.BINARY.parent / "conformance_catalog"
    result = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


# --- PyIceberg ---


def test_pyiceberg_namespaces(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("shop", {"owner": "käthe"})
    client.create_namespace(("shop", "inner part"))
    with pytest.raises(pyiceberg.exceptions.NamespaceAlreadyExistsError):
        client.create_namespace("shop")
    assert client.list_namespaces() == [("shop",)]
    assert client.list_namespaces("shop") == [("shop", "inner part")]
    assert client.load_namespace_properties("shop") == {"owner": "käthe"}
    summary = client.update_namespace_properties("shop", {"none", "owner"}, {"a": "b"})
    assert (summary.removed, summary.updated, summary.missing) == (["owner"], ["a"], ["none"])
    assert client.namespace_exists("shop") and not client.namespace_exists("none")
    with pytest.raises(pyiceberg.exceptions.NamespaceNotEmptyError):
        client.drop_namespace("shop")
    client.drop_namespace(("shop", "inner part"))
    client.drop_namespace("shop")
    with pytest.raises(pyiceberg.exceptions.NoSuchNamespaceError):
        client.load_namespace_properties("shop")


def test_pyiceberg_tables(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("shop")
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "name", StringType(), doc="of the customer"),
        NestedField(3, "tags", ListType(4, StringType(), element_required=False)),
        NestedField(5, "place", StructType(NestedField(6, "lat", DoubleType()))),
        identifier_field_ids=[1],
    )
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "by_name"))
    table = client.create_table("shop.orders", schema, partition_spec=spec, properties={"color": "red"})
    assert (table.properties["color"], table.metadata.format_version) == ("red", 2)
    assert table.schema().identifier_field_ids == [1] and table.spec().fields == spec.fields
    assert path_of(table.location()) == catalog.warehouse / "shop/orders"
    with pytest.raises(pyiceberg.exceptions.TableAlreadyExistsError):
        client.create_table("shop.orders", schema)
    with pytest.raises(pyiceberg.exceptions.NoSuchNamespaceError):
        client.create_table("nowhere.orders", schema)

    data = pa.Table.from_pylist(
        [{"id": i, "name": f"n{i}", "tags": ["a", None], "place": {"lat": i / 2}} for i in range(10)],
        schema=table.schema().as_arrow(),
    )
    table.append(data)
    table.append(data.slice(0, 3))
    other = catalog.pyiceberg().load_table("shop.orders")  # the other client
    assert ids(other) == sorted([*range(10), *range(3)])
    with other.update_schema() as update:
        update.add_column("note", StringType())
        update.rename_column("name", "customer")
    with other.update_spec() as update:
        update.add_field("id", BucketTransform(4), "id_bucket")
    other.delete("id = 9")
    table.refresh()
    assert [field.name for field in table.schema().fields] == ["id", "customer", "tags", "place", "note"]
    assert [field.name for field in table.spec().fields] == ["by_name", "id_bucket"]
    assert max(ids(table)) == 8
    with table.transaction() as transaction:
        transaction.set_properties({"color": "blue", "size": "1"})
        transaction.remove_properties("size")
    assert table.properties["color"] == "blue" and "size" not in table.properties

    client.rename_table("shop.orders", "shop.sales")
    assert client.list_tables("shop") == [("shop", "sales")]
    assert client.table_exists("shop.sales") and not client.table_exists("shop.orders")
    place = client.load_table("shop.sales").metadata_location
    client.drop_table("shop.sales")
    with pytest.raises(pyiceberg.exceptions.NoSuchTableError):
        client.load_table("shop.sales")
    assert ids(client.register_table("shop.back", place)) == ids(table)
    client.purge_table("shop.back")
    assert not path_of(place).exists() and not list(path_of(table.location()).rglob("*.parquet"))


def test_pyiceberg_overwrite_branches_and_staged_creation(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("s")
    with client.create_table_transaction("s.t", rows(0).schema) as transaction:
        transaction.set_properties({"made": "at once"})
    table = client.load_table("s.t")
    assert table.properties["made"] == "at once"
    table.append(rows(5))
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "five").create_branch(first, "side").commit()
    table.overwrite(rows(2, 100))
    assert ids(client.load_table("s.t")) == [100, 101]
    assert len(table.scan(snapshot_id=table.snapshot_by_name("five").snapshot_id).to_arrow()) == 5
    answer = catalog.good("GET", "/namespaces/s/tables/t?snapshots=refs")["metadata"]
    everything = catalog.good("GET", "/namespaces/s/tables/t")["metadata"]
    assert set(answer["refs"]) == {"main", "five", "side"}
    assert {snapshot["snapshot-id"] for snapshot in answer["snapshots"]} == {
        ref["snapshot-id"] for ref in answer["refs"].values()
    }
    assert len(everything["snapshots"]) > len(answer["snapshots"])


def test_old_metadata_goes_where_the_table_wishes_it(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("s")
    properties = {"write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "2"}
    table = client.create_table("s.t", rows(0).schema, properties=properties)
    for i in range(6):
        table.append(rows(1, i))
    assert ids(client.load_table("s.t")) == list(range(6))
    assert len(list(path_of(table.location()).glob("metadata/*.metadata.json"))) == 3


# --- DuckDB ---


def test_duckdb_and_pyiceberg_read_each_other(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("shop")
    client.create_table("shop.mine", rows(0).schema).append(rows(3))
    lake = catalog.duckdb()
    assert lake.execute("SELECT id FROM lake.shop.mine ORDER BY id").fetchall() == [(0,), (1,), (2,)]
    lake.execute("CREATE TABLE lake.shop.theirs (id BIGINT, name VARCHAR)")
    lake.execute("INSERT INTO lake.shop.theirs SELECT i, 'n' || i FROM range(100) t(i)")
    lake.execute("INSERT INTO lake.shop.mine VALUES (7)")
    theirs = client.load_table("shop.theirs")
    assert ids(theirs) == list(range(100))
    theirs.append(pa.table({"id": pa.array([100], pa.int64()), "name": ["n100"]}))
    assert ids(client.load_table("shop.mine")) == [0, 1, 2, 7]
    assert lake.execute("SELECT count(*), max(name) FROM lake.shop.theirs").fetchall() == [(101, "n99")]


def test_duckdb_commits_two_tables_at_once(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    lake = catalog.duckdb()
    for name in "ab":
        lake.execute(f"CREATE TABLE lake.s.{name} (id BIGINT)")
    lake.execute("BEGIN")
    for name in "ab":
        lake.execute(f"INSERT INTO lake.s.{name} VALUES (1)")
    lake.execute("COMMIT")
    client = catalog.pyiceberg()
    assert [ids(client.load_table(f"s.{name}")) for name in "ab"] == [[1], [1]]


def test_a_warehouse_in_s3(new_catalog, minio):
    server = minio.server
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    env = {**keys, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": server.endpoint}
    options = f"catalog.client.options=s3.endpoint={server.endpoint},s3.region=us-east-1,s3.path-style-access=true"
    catalog = new_catalog("--set", options, warehouse=minio.url("lake"), env=env).start()
    keys = {"s3.access-key-id": server.access_key, "s3.secret-access-key": server.secret_key}
    client = catalog.pyiceberg(**keys)
    client.create_namespace("s")
    table = client.create_table("s.t", rows(0).schema)
    table.append(rows(3))
    assert table.location() == minio.url("lake/s/t")
    lake = catalog.duckdb()
    host = server.endpoint.split("://")[1]
    lake.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{server.access_key}', SECRET '{server.secret_key}', ENDPOINT '{host}',"
        " URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')"
    )
    lake.execute("INSERT INTO lake.s.t VALUES (7)")
    assert ids(client.load_table("s.t")) == [0, 1, 2, 7]
    assert lake.execute("SELECT count(*) FROM lake.s.t").fetchall() == [(4,)]
    client.purge_table("s.t")
    assert not minio.keys("lake/s/t/data")


# --- the protocol ---


def test_pages(catalog):
    for i in range(5):
        catalog.good("POST", "/namespaces", {"namespace": [f"n{i}"]})
        create(catalog, f"t{i}", "n0")
    for path, list_name in (("/namespaces?", "namespaces"), ("/namespaces/n0/tables?", "identifiers")):
        assert len(catalog.good("GET", path)[list_name]) == 5
        seen, token = [], ""
        while token is not None:
            page = catalog.good("GET", f"{path}pageSize=2&pageToken={token}")
            assert len(page[list_name]) <= 2
            seen += page[list_name]
            token = page["next-page-token"]
        assert len(seen) == 5
    for size in ("0", "-1", "x", "99999999999999999999"):
        assert catalog.ask("GET", f"/namespaces?pageToken=&pageSize={size}").status == 400


def test_tags_of_what_has_not_changed(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    metadata = create(catalog, "t")["metadata"]
    first = catalog.ask("GET", "/namespaces/s/tables/t")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = catalog.ask("GET", "/namespaces/s/tables/t", headers=tag)
    assert (again.status, again.body) == (304, b"")
    assert catalog.ask("GET", "/namespaces/s/tables/t?snapshots=refs", headers=tag).status == 200
    commit = catalog.ask("POST", "/namespaces/s/tables/t", setting(metadata, a="b"))
    changed = catalog.ask("GET", "/namespaces/s/tables/t", headers=tag)
    assert changed.status == 200 and changed.headers["ETag"] == commit.headers["ETag"] != first.headers["ETag"]


def test_heads_and_what_is_not_there(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    create(catalog, "t")
    for path, status in (("s", 204), ("x", 404), ("s/tables/t", 204), ("s/tables/x", 404), ("x/tables/t", 404)):
        answer = catalog.ask("HEAD", f"/namespaces/{path}")
        assert (answer.status, answer.body) == (status, b"")
    cases = [
        ("POST", "/namespaces/x/tables", {"name": "t", "schema": LONG}, 404, "NoSuchNamespaceException"),
        ("POST", "/namespaces/s/tables", {"name": "t", "schema": LONG}, 409, "AlreadyExistsException"),
        ("GET", "/namespaces/s/tables/x", None, 404, "NoSuchTableException"),
        ("DELETE", "/namespaces/s/tables/x", None, 404, "NoSuchTableException"),
        ("DELETE", "/namespaces/s", None, 409, "NamespaceNotEmptyException"),
        ("POST", "/namespaces/s/tables/x", {"requirements": [], "updates": []}, 404, "NoSuchTableException"),
        ("GET", "/config?warehouse=other", None, 404, "NoSuchWarehouseException"),
        ("GET", "/namespaces/s/views", None, 404, "NotFoundException"),
        ("GET", "/namespaces/s/tables/t/credentials", None, 404, "NotFoundException"),
        ("PUT", "/namespaces", None, 405, "UnsupportedOperationException"),
    ]
    for method, path, body, status, kind in cases:
        answer = catalog.ask(method, path, body)
        error = answer.json()["error"]
        assert (answer.status, error["code"], error["type"]) == (status, status, kind), (path, answer)
    missing = catalog.ask("POST", "/namespaces/x/tables", {"name": "t", "schema": LONG}).json()
    assert missing["error"]["message"] == "Namespace does not exist: x"
    assert catalog.good("GET", "/config?warehouse=leat")["overrides"] == {}
    report = {"report-type": "scan-report", "table-name": "s.t"}
    assert catalog.ask("POST", "/namespaces/s/tables/t/metrics", report).status == 204


def test_staged_tables_are_nowhere(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    staged = create(catalog, "t", **{"stage-create": True})
    assert "metadata-location" not in staged
    assert catalog.ask("HEAD", "/namespaces/s/tables/t").status == 404
    assert not list(catalog.warehouse.rglob("*.json"))


def test_creation_numbers_columns_anew(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    schema = {
        "type": "struct", "schema-id": 7, "identifier-field-ids": [40],
        "fields": [
            {"id": 30, "name": "a", "required": False, "type": {
                "type": "list", "element-id": 31, "element": "string", "element-required": True}},
            {"id": 40, "name": "b", "required": True, "type": "long"},
        ],
    }  # fmt: skip
    spec = {"spec-id": 3, "fields": [{"name": "p", "source-id": 40, "field-id": 7, "transform": "bucket[8]"}]}
    order = {"order-id": 9, "fields": [
        {"source-id": 40, "transform": "identity", "direction": "desc", "null-order": "nulls-last"}]}  # fmt: skip
    body = {"name": "t", "schema": schema, "partition-spec": spec, "write-order": order}
    body["properties"] = {"format-version": "3", "uuid": "no", "kept": "yes"}
    made = catalog.good("POST", "/namespaces/s/tables", body)["metadata"]
    (now,) = made["schemas"]
    assert [field["id"] for field in now["fields"]] == [1, 2]
    assert now["fields"][0]["type"]["element-id"] == 3 and now["identifier-field-ids"] == [2]
    assert made["partition-specs"][0]["fields"][0]["source-id"] == 2
    default = [o for o in made["sort-orders"] if o["order-id"] == made["default-sort-order-id"]]
    assert default[0]["fields"][0]["source-id"] == 2
    assert made["format-version"] == 3 and made["properties"] == {"kept": "yes"}
    spec["fields"][0]["source-id"] = 99
    answer = catalog.ask("POST", "/namespaces/s/tables", {"name": "u", "schema": schema, "partition-spec": spec})
    assert answer.status == 400


def test_registering_over_a_table(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    first, second = create(catalog, "a"), create(catalog, "b")
    body = {"name": "a", "metadata-location": second["metadata-location"]}
    assert catalog.ask("POST", "/namespaces/s/register", body).status == 409
    answer = catalog.good("POST", "/namespaces/s/register", {**body, "overwrite": True})
    assert answer["metadata"]["table-uuid"] == second["metadata"]["table-uuid"]
    # Two entries are one table now: what one of them purges, the other still needs.
    assert catalog.ask("DELETE", "/namespaces/s/tables/b?purgeRequested=true").status == 204
    assert catalog.good("GET", "/namespaces/s/tables/a")["metadata-location"] == second["metadata-location"]
    assert path_of(first["metadata-location"]).exists()


def test_purging_leaves_what_lies_beside(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("s")
    table = client.create_table("s.old", rows(0).schema)
    table.append(rows(3))
    client.rename_table("s.old", "s.new")
    other = client.create_table("s.old", rows(0).schema)  # its own directory is taken
    other.append(rows(2))
    assert other.location() != table.location()
    stranger = path_of(table.location()) / "data/stranger.parquet"
    stranger.write_bytes(b"not ours")
    client.purge_table("s.new")
    assert [path.name for path in path_of(table.location()).rglob("*.*")] == ["stranger.parquet"]
    assert ids(client.load_table("s.old")) == [0, 1]


def test_transactions_are_all_or_nothing(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    tables = [create(catalog, name) for name in "abc"]
    changes = [
        {"identifier": {"namespace": ["s"], "name": name}, **setting(table["metadata"], round="1")}
        for name, table in zip("abc", tables)
    ]
    changes[2]["requirements"][0]["uuid"] = str(uuid.uuid4())
    answer = catalog.ask("POST", "/transactions/commit", {"table-changes": changes})
    assert (answer.status, answer.json()["error"]["type"]) == (409, "CommitFailedException")
    after = [catalog.good("GET", f"/namespaces/s/tables/{name}") for name in "abc"]
    assert [t["metadata-location"] for t in after] == [t["metadata-location"] for t in tables]
    files = sorted(catalog.warehouse.rglob("*.metadata.json"))
    assert files == sorted(path_of(t["metadata-location"]) for t in tables), "what came to nothing is gone"
    answer = catalog.ask("POST", "/transactions/commit", {"table-changes": changes[:2]})
    assert (answer.status, answer.body) == (204, b"")
    after = [catalog.good("GET", f"/namespaces/s/tables/{name}")["metadata"]["properties"] for name in "abc"]
    assert after == [{"round": "1"}, {"round": "1"}, {}]
    twice = {"table-changes": [changes[0], changes[0]]}
    assert catalog.ask("POST", "/transactions/commit", twice).status == 400


def test_idempotency_keys(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"name": "t", "schema": LONG}
    first = catalog.ask("POST", "/namespaces/s/tables", body, key)
    again = catalog.ask("POST", "/namespaces/s/tables", body, key)
    assert first.status == again.status == 200 and first.json() == again.json()
    assert catalog.ask("POST", "/namespaces/s/tables", {**body, "name": "u"}, key).status == 422
    key = {"Idempotency-Key": str(uuid.uuid4())}
    commit = setting(first.json()["metadata"], a="b")
    commit["requirements"].append({"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None})
    places = {catalog.good("POST", "/namespaces/s/tables/t", commit, key)["metadata-location"] for _ in range(3)}
    assert len(places) == 1
    key = {"Idempotency-Key": str(uuid.uuid4())}
    catalog.restart()  # keys outlive the process
    for _ in range(2):
        assert catalog.ask("DELETE", "/namespaces/s/tables/t", headers=key).status == 204
    assert catalog.ask("DELETE", "/namespaces/s/tables/t").status == 404
    key = {"Idempotency-Key": str(uuid.uuid4())}
    missing = [catalog.ask("DELETE", "/namespaces/s/tables/t", headers=key) for _ in range(2)]
    assert [answer.status for answer in missing] == [404, 404] and missing[0].json() == missing[1].json()
    assert catalog.ask("POST", "/namespaces", {"namespace": ["q"]}, {"Idempotency-Key": "a b"}).status == 400


# --- many at once, and kills ---

APPENDER = """
import sys
import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import CommitFailedException
url, writer, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
table = RestCatalog("leat", uri=url).load_table("s.t")
for i in range(count):
    while True:
        try:
            table.append(pa.table({"id": pa.array([writer * 1000 + i], pa.int64())}))
            break
        except CommitFailedException:
            table.refresh()
"""


def test_no_commit_of_several_processes_is_lost(catalog):
    client = catalog.pyiceberg()
    client.create_namespace("s")
    client.create_table("s.t", rows(0).schema)
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDER, catalog.url, str(writer), "6"]) for writer in range(3)
    ]
    assert [writer.wait(240) for writer in writers] == [0, 0, 0]
    table = client.load_table("s.t")
    assert ids(table) == sorted(writer * 1000 + i for writer in range(3) for i in range(6))
    assert len(table.metadata.snapshots) == 18


def pointers_are_readable(catalog):
    with sqlite3.connect(catalog.data / "catalog.db") as database:
        files = [file for (file,) in database.execute("SELECT metadata_file FROM tables")]
    for file in files:
        json.loads(path_of(file).read_text())
    return files


@pytest.mark.parametrize("point", ["catalog.files_written", "catalog.before_commit", "catalog.committed"])
def test_a_commit_that_is_cut_off(new_catalog, point):
    """Two tables in one transaction: after the crash both have it, or neither; the same request again tells which."""
    catalog = new_catalog().start()
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    tables = [create(catalog, name)["metadata"] for name in "ab"]
    changes = [
        {"identifier": {"namespace": ["s"], "name": name}, **setting(table, round="1")}
        for name, table in zip("ab", tables)
    ]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    catalog.restart(crash_point=f"{point}:1")
    with pytest.raises((OSError, ConnectionError)):
        catalog.ask("POST", "/transactions/commit", {"table-changes": changes}, key)
    catalog.process.wait()
    pointers_are_readable(catalog)
    catalog.start()
    after = [catalog.good("GET", f"/namespaces/s/tables/{name}")["metadata"]["properties"] for name in "ab"]
    assert after == [{"round": "1"} if point == "catalog.committed" else {}] * 2
    assert catalog.ask("POST", "/transactions/commit", {"table-changes": changes}, key).status == 204
    after = [catalog.good("GET", f"/namespaces/s/tables/{name}")["metadata"] for name in "ab"]
    assert [table["properties"] for table in after] == [{"round": "1"}] * 2
    assert [len(table["metadata-log"]) for table in after] == [1, 1], "done once"


def test_kills_in_the_middle_of_commits(new_catalog):
    catalog = new_catalog().start()
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    tables = {name: create(catalog, name)["metadata"] for name in "abcd"}
    acknowledged = {name: -1 for name in tables}
    over = threading.Event()

    def write(name):
        for number in itertools.count():
            if over.is_set():
                return
            try:
                body = setting(tables[name], number=str(number))
                if request("POST", f"{catalog.url}/v1/namespaces/s/tables/{name}", body).status == 200:
                    acknowledged[name] = number
            except (OSError, http.client.HTTPException):
                pass  # it is dead, in the midst of an answer, too, or not yet there again

    with concurrent.futures.ThreadPoolExecutor() as pool:
        jobs = [pool.submit(write, name) for name in tables]
        try:
            for _ in range(5):
                before = dict(acknowledged)
                catalog.process.until(
                    lambda: all(acknowledged[name] > before[name] + 3 for name in tables), "commits come through"
                )
                catalog.process.kill()
                pointers_are_readable(catalog)
                catalog.start()
        finally:
            over.set()
        for job in jobs:
            job.result(180)
    for name in tables:
        found = int(catalog.good("GET", f"/namespaces/s/tables/{name}")["metadata"]["properties"]["number"])
        assert found >= acknowledged[name], "what was acknowledged stands"


def test_two_servers_share_a_catalog(new_catalog):
    first = new_catalog().start()
    second = CatalogServer(first.directory)
    second.runs = 10
    second.start()
    try:
        first.good("POST", "/namespaces", {"namespace": ["s"]})
        table = create(second, "t")["metadata"]

        def write(server, writer):
            for i in range(20):
                server.good("POST", "/namespaces/s/tables/t", setting(table, **{f"w{writer}.{i}": "x"}))

        with concurrent.futures.ThreadPoolExecutor() as pool:
            for job in [pool.submit(write, server, i) for i, server in enumerate((first, second, first, second))]:
                job.result(180)
        assert len(first.good("GET", "/namespaces/s/tables/t")["metadata"]["properties"]) == 80
    finally:
        second.close()


# --- who may, and ill will ---


def test_tokens_and_roles(new_catalog, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("w operator plain:writing\nr reader plain:reading\n")
    tokens.chmod(0o600)
    catalog = new_catalog("--set", f"auth.token.file={tokens}").start()
    assert catalog.ask("GET", "/config").status == 401
    assert catalog.ask("GET", "/config").json()["error"]["type"] == "NotAuthorizedException"
    catalog.pyiceberg(token="writing").create_namespace("s")
    reader = catalog.pyiceberg(credential="r:reading")  # through /v1/oauth/tokens
    assert reader.list_namespaces() == [("s",)]
    with pytest.raises(pyiceberg.exceptions.ForbiddenError):
        reader.create_namespace("t")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for pair, status in ((b"r:reading", 200), (b"r:writing", 401)):  # as DuckDB shows it
        basic = {**form, "Authorization": "Basic " + base64.b64encode(pair).decode()}
        answer = catalog.ask("POST", "/oauth/tokens", "grant_type=client_credentials&scope=PRINCIPAL_ROLE:ALL", basic)
        assert answer.status == status and (status != 200 or answer.json()["access_token"] == "reading"), answer
    for body, status, error in (
        ("grant_type=client_credentials&client_id=r&client_secret=writing", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=r", 400, "invalid_request"),
        ("grant_type=password&client_id=r", 400, "unsupported_grant_type"),
        ("%zz", 400, "invalid_request"),
    ):
        answer = catalog.ask("POST", "/oauth/tokens", body, form)
        assert (answer.status, answer.json()["error"]) == (status, error)

    def audited():
        with sqlite3.connect(catalog.data / "control.db") as database:
            return database.execute("SELECT actor, method, path, status FROM audit ORDER BY id").fetchall()

    expected = [("w", "POST", "/v1/namespaces", 200), ("r", "POST", "/v1/namespaces", 403)]
    wait_until(lambda: audited() == expected, lambda: f"the audit has both: {audited()}")


def test_files_elsewhere_are_out_of_reach(catalog, tmp_path):
    """Nobody makes the server write, read or remove files beyond the warehouse."""
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    made = create(catalog, "t")
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious.json"
    precious.write_text(path_of(made["metadata-location"]).read_text())
    assert catalog.ask(
        "POST", "/namespaces/s/tables", {"name": "u", "schema": LONG, "location": f"file://{outside}/u"}
    ).status == 403
    assert catalog.ask(
        "POST", "/namespaces/s/register", {"name": "u", "metadata-location": f"file://{precious}"}
    ).status == 403
    climbing = f"file://{catalog.warehouse}/../outside/u"
    assert catalog.ask(
        "POST", "/namespaces/s/tables", {"name": "u", "schema": LONG, "location": climbing}
    ).status in (400, 403)
    uuid_of = made["metadata"]["table-uuid"]
    for update in (
        {"action": "set-location", "location": f"file://{outside}"},
        {"action": "set-properties", "updates": {"write.metadata.path": f"file://{outside}"}},
    ):
        commit = {"requirements": [{"type": "assert-table-uuid", "uuid": uuid_of}], "updates": [update]}
        catalog.ask("POST", "/namespaces/s/tables/t", commit)
    hostile = json.loads(precious.read_text())
    hostile["metadata-log"] = [{"timestamp-ms": hostile["last-updated-ms"], "metadata-file": f"file://{precious}"}]
    hostile["statistics"] = []
    inside = path_of(made["metadata-location"]).with_name("00009-hostile.metadata.json")
    inside.write_text(json.dumps(hostile))
    body = {"name": "h", "metadata-location": f"file://{inside}"}
    catalog.ask("POST", "/namespaces/s/register", body)
    for name in "th":
        catalog.ask("DELETE", f"/namespaces/s/tables/{name}?purgeRequested=true")
    assert sorted(outside.iterdir()) == [precious]


def test_odd_names(catalog):
    names = ["a b", "ä/ö", "..a", ".a", "a.b", "%41", "CASE", "case", "日本語", "'; DROP TABLE tables; --", "x" * 300]
    client = catalog.pyiceberg()
    for name in names:
        catalog.good("POST", "/namespaces", {"namespace": [name]})
    assert sorted(space[0] for space in client.list_namespaces()) == sorted(names)
    for name in names:
        client.create_table((name, name), rows(0).schema).append(rows(2))
        assert ids(client.load_table((name, name))) == [0, 1]
        assert client.list_tables((name,)) == [(name, name)]
    assert all(catalog.warehouse in path.parents for path in catalog.warehouse.rglob("*"))
    bad_parts = ("", ".", "..", "a\x1fb", "a\x00", "a\n", "x" * 3000, 1, ["a"])
    for bad in ([], "a", None, ["a"] * 100, *([part] for part in bad_parts)):
        assert catalog.ask("POST", "/namespaces", {"namespace": bad}).status == 400, bad
    for bad in ("", "..", "a\x07", 1, None, "x" * 3000):
        body = {"name": bad, "schema": LONG}
        assert catalog.ask("POST", "/namespaces/case/tables", body).status == 400, bad


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"namespace":' + b"[" * 100000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"namespace":["a"],"namespace":["b"]}', b'{"namespace":["a"],"properties":{"x":1}}',
        b'{"namespace":["a"],"properties":[]}', b'{"namespace":["\\ud800"]',
    ],
)  # fmt: skip
def test_bodies_that_are_none(catalog, body):
    for path in ("/namespaces", "/namespaces/s/tables", "/namespaces/s/tables/t", "/tables/rename",
                 "/transactions/commit", "/namespaces/s/register", "/namespaces/s/properties"):  # fmt: skip
        answer = catalog.ask("POST", path, body, {"Content-Type": "application/json"})
        assert answer.status in (400, 404), answer
        assert answer.json()["error"]["code"] == answer.status
    assert catalog.good("GET", "/namespaces") == {"namespaces": []}


def test_properties_have_a_bound(catalog):
    many = {f"k{i}": "x" * 20 for i in range(9000)}
    catalog.good("POST", "/namespaces", {"namespace": ["s"], "properties": many})
    assert catalog.good("GET", "/namespaces/s")["properties"] == many
    body = {"removals": [f"n{i}" for i in range(9000)], "updates": {f"u{i}": "" for i in range(9000)}}
    assert len(catalog.good("POST", "/namespaces/s/properties", body)["missing"]) == 9000
    more = {f"k{i}": "" for i in range(20000)}
    assert catalog.ask("POST", "/namespaces", {"namespace": ["t"], "properties": more}).status == 400
    assert catalog.ask("POST", "/namespaces", b'{"x":"' + b"y" * (9 << 20) + b'"}').status == 413


def test_commits_that_make_no_sense(catalog):
    catalog.good("POST", "/namespaces", {"namespace": ["s"]})
    create(catalog, "t")
    before = catalog.good("GET", "/namespaces/s/tables/t")
    for change in (
        {"requirements": [], "updates": [{"action": "no-such-action"}]},
        {"requirements": [{"type": "no-such-requirement"}], "updates": []},
        {"requirements": {}, "updates": []},
        {"requirements": [], "updates": [{"action": "set-current-schema", "schema-id": 99}]},
        {"requirements": [], "updates": [{"action": "add-schema", "schema": {"type": "struct", "fields": [1]}}]},
        {"requirements": [], "updates": [{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch",
                                          "snapshot-id": 99}]},
        {"requirements": [], "updates": [{"action": "upgrade-format-version", "format-version": 99}]},
    ):  # fmt: skip
        answer = catalog.ask("POST", "/namespaces/s/tables/t", change)
        assert answer.status == 400, (change, answer)
    assert catalog.good("GET", "/namespaces/s/tables/t") == before


# --- leat server ---


def test_the_server_has_it_too(tmp_path):
    with Server(tmp_path) as server:
        answer = request("GET", server.catalog_url + "/v1/config")
        assert "POST /v1/{prefix}/transactions/commit" in answer.json()["endpoints"]
        assert "/v1/transactions/commit" in request("GET", server.catalog_url + "/openapi.json").json()["paths"]
        assert request("GET", server.catalog_url + "/connectors").status == 404
        body = {"namespace": ["s"]}
        assert request("POST", server.catalog_url + "/v1/namespaces", body).status == 200
    assert (server.data / "catalog.db").exists()
