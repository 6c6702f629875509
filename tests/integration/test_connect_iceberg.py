# SPDX-License-Identifier: Apache-2.0
"""Iceberg's sink connectors in `leat server`: their configurations, tables as PyIceberg and DuckDB see them."""

import datetime
import decimal
import json
import signal

import connectors
import duckdb
import duckdb_extensions
import pytest
import server as server_module
from pyiceberg.catalog.rest import RestCatalog

TOPIC = "shop.public.orders"
UNWRAP = {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}
CDC = {
    "transforms": "cdc",
    "transforms.cdc.type": "io.tabular.iceberg.connect.transforms.DebeziumTransform",
}
JSON_SCHEMAS = {
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
}


@pytest.fixture
def server(work, db):
    (work / "server").mkdir()
    options = {"restart.backoff.min": "100ms", "restart.backoff.max": "300ms", "restart.crashes.max": "1000"}
    made = server_module.Server(work / "server", options=options)
    yield made
    made.close()


def sink(work, topics, tables="shop.orders", **more):
    """Iceberg's configuration, with dots as double underscores and dashes as single ones in further keys."""
    config = {
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": "2",
        ("topics.regex" if "*" in topics else "topics"): topics,
        "iceberg.catalog.type": "embedded",
        "iceberg.catalog.warehouse": str(work / "warehouse"),
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.control.commit.interval-ms": "100",
    }
    if tables is not None:
        config["iceberg.tables"] = tables
    config.update({name.replace("__", ".").replace("_", "-"): value for name, value in more.items()})
    return config


def create(server, name, *configs):
    server.create(name, {key: value for config in configs for key, value in config.items()})


def put(server, name, *configs):
    config = {key: value for part in configs for key, value in part.items()}
    answer = server.connect("PUT", f"/connectors/{name}/config", config)
    assert answer.status == 200, answer


def catalog(server):
    return RestCatalog("leat", uri=server.catalog_url)


def table(server, name="shop.orders"):
    return catalog(server).load_table(name)


def rows(server, name="shop.orders"):
    """What PyIceberg reads; nothing where the table is not there yet."""
    known = catalog(server)
    return known.load_table(name).scan().to_arrow().to_pylist() if known.table_exists(name) else []


def duck(server, name="shop.orders"):
    """What DuckDB reads, by the newest metadata file."""
    connection = duckdb.connect()
    for extension in ("avro", "iceberg"):
        duckdb_extensions.import_extension(extension, con=connection)
        connection.execute(f"LOAD {extension}")
    metadata = table(server, name).metadata_location.removeprefix("file://")
    return connection.execute(f"SELECT * FROM iceberg_scan('{metadata}')").to_arrow_table().to_pylist()


def until_rows(server, want, name="shop.orders", look=None, timeout=60):
    seen = {}

    def equal():
        seen["got"] = look(rows(server, name)) if look else rows(server, name)
        seen["want"] = want() if callable(want) else want
        return seen["got"] == seen["want"]

    server.until(equal, lambda: f"{name} has what it should: {seen}\n{server.log_tail(15)}", timeout)


def keyed(found, key="id"):
    assert len({row[key] for row in found}) == len(found), "a key is there twice"
    return {row[key]: row for row in found}


def orders(found):
    """Rows as connectors.order_rows has the source's."""
    return {
        key: [row["id"], row["name"], connectors.number(row["amount"]), row["paid"], connectors.plain(row["at"])]
        for key, row in keyed(found).items()
    }


def until_orders(server, db, name="shop.orders", timeout=60):
    until_rows(server, lambda: connectors.order_rows(db), name, orders, timeout)


def test_changes_append_as_records_say_them(server, db, work):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    create(server, "lake", sink(work, TOPIC), JSON_SCHEMAS, UNWRAP)
    until_rows(server, 10, look=len)
    db.execute("UPDATE orders SET name = 'x', amount = -0.5 WHERE id < 4; DELETE FROM orders WHERE id = 5")
    until_rows(server, 13, look=len)
    found = rows(server)
    assert sorted(row["name"] for row in found if row["id"] == 2) == ["n2", "x"]
    assert {row["amount"] for row in found if row["id"] == 1} == {decimal.Decimal("0.25"), decimal.Decimal("-0.50")}
    fields = {field.name: (str(field.field_type), field.required) for field in table(server).schema().fields}
    assert fields == {
        "id": ("long", True),
        "name": ("string", False),
        "amount": ("decimal(38, 2)", False),
        "paid": ("boolean", True),
        "at": ("string", True),
    }
    assert sorted(row["id"] for row in duck(server)) == sorted(row["id"] for row in found)
    offsets = json.loads(table(server).current_snapshot().summary["leat.offsets"])
    assert list(offsets) == [TOPIC]
    partition = {"kafka_topic": TOPIC, "kafka_partition": 0}
    want = [{"partition": partition, "offset": {"kafka_offset": 10 + 3 + 2}}]  # a delete, too, with its tombstone
    reported = lambda: server.connect("GET", "/connectors/lake/offsets").json()["offsets"]  # noqa: E731
    server.until(lambda: reported() == want, lambda: f"offsets {reported()}, not {want}", 60)


def upsert(work, topics=TOPIC, **more):
    """Tabular's sink with DebeziumTransform: rows are replaced and deleted by their key."""
    more = {"iceberg__tables__cdc-field": "_cdc.op", "iceberg__tables__default-id-columns": "id", **more}
    return {
        **sink(work, topics, **more),
        "connector.class": "io.tabular.iceberg.connect.IcebergSinkConnector",
        **CDC,
    }


@pytest.mark.parametrize("version", ["2", "3"])
def test_upserts_equal_the_source(server, db, work, version):
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    create(
        server, "lake", upsert(work, **{"iceberg__tables__auto-create-props__format-version": version}), JSON_SCHEMAS
    )
    until_orders(server, db)
    db.execute("UPDATE orders SET name = 'x', amount = -0.5 WHERE id < 4; DELETE FROM orders WHERE id = 5")
    db.execute("UPDATE orders SET id = 100 WHERE id = 6; INSERT INTO orders VALUES (11, NULL, NULL)")
    until_orders(server, db)
    if version == "2":
        assert orders(duck(server)) == connectors.order_rows(db)
    assert {row["_cdc"]["source"] for row in rows(server)} == {"public.orders"}
    assert rows(server)[0]["_cdc"]["key"].keys() == {"id"}
    assert table(server).metadata.format_version == int(version)


@pytest.mark.parametrize("form", ["json", "avro"])
def test_workers_are_killed_while_rows_are_replaced(server, db, work, form):
    db.execute(connectors.ORDERS)
    server.start()
    converters = JSON_SCHEMAS if form == "json" else connectors.avro(server)
    create(server, "shop", connectors.source(db), converters)
    create(server, "lake", upsert(work), converters)
    for i in range(5):
        db.execute(f"UPDATE orders SET name = name || '{i}' WHERE id % 2 = {i % 2}")
        db.execute(f"INSERT INTO orders SELECT i, 'new', i FROM generate_series({100 * i + 20}, {100 * i + 70}) i")
        db.execute(f"DELETE FROM orders WHERE id % 7 = {i}")
        for process in server.workers().values():
            process.kill(signal.SIGKILL)
    until_orders(server, db)
    assert orders(duck(server)) == connectors.order_rows(db)


def test_columns_come_and_grow(server, db, work):
    db.execute("CREATE TABLE orders (id integer PRIMARY KEY, n integer NOT NULL, r real)")
    db.execute("INSERT INTO orders VALUES (1, 10, 0.5)")
    server.start()
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    create(server, "lake", upsert(work, iceberg__tables__evolve_schema_enabled="true"), JSON_SCHEMAS)
    until_rows(server, {1: (10, 0.5)}, look=lambda found: {row["id"]: (row["n"], row["r"]) for row in found})
    db.execute("ALTER TABLE orders ALTER n TYPE bigint, ALTER r TYPE double precision, ADD more jsonb")
    db.execute("ALTER TABLE orders ALTER n DROP NOT NULL")
    db.execute("INSERT INTO orders VALUES (2, 5000000000, 0.1, '{\"a\":1}'), (3, NULL, NULL, NULL)")
    want = {1: (10, 0.5, None), 2: (5000000000, 0.1, '{"a": 1}'), 3: (None, None, None)}
    until_rows(server, want, look=lambda found: {row["id"]: (row["n"], row["r"], row.get("more")) for row in found})
    types = {field.name: str(field.field_type) for field in table(server).schema().fields}
    assert (types["n"], types["r"], types["more"]) == ("long", "double", "string")


def test_values_without_schemas_make_the_columns(server, db, work):
    db.execute("CREATE TABLE orders (id integer PRIMARY KEY, n bigint, r real, t text, b bytea, ok boolean, l int[])")
    db.execute("INSERT INTO orders VALUES (1, 10, 0.5, NULL, '\\x00ff', true, '{1,2}')")
    server.start()
    create(server, "shop", connectors.source(db), connectors.JSON_PLAIN)
    more = {"iceberg__tables__evolve-schema-enabled": "true"}
    create(server, "lake", sink(work, TOPIC, **more), connectors.JSON_PLAIN, UNWRAP)
    until_rows(server, 1, look=len)
    types = {field.name: str(field.field_type) for field in table(server).schema().fields}
    assert types == {"id": "long", "n": "long", "r": "double", "b": "string", "ok": "boolean", "l": "list<long>"}
    db.execute("INSERT INTO orders VALUES (2, 20, 1, 'late', NULL, NULL, NULL)")
    until_rows(server, {1: None, 2: "late"}, look=lambda found: {row["id"]: row.get("t") for row in found})
    first = keyed(rows(server))[1]
    assert (first["n"], first["r"], first["b"], first["ok"], first["l"]) == (10, 0.5, "AP8=", True, [1, 2])


def test_a_field_routes_records(server, db, work):
    db.execute("CREATE TABLE orders (id integer PRIMARY KEY, country text)")
    db.execute("INSERT INTO orders VALUES (1, 'CH'), (2, 'DE'), (3, 'FR'), (4, NULL), (5, 'CH')")
    server.start()
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    static = sink(work, TOPIC, "geo.ch,geo.de", **{"iceberg__tables__route-field": "country"})
    static["iceberg.table.geo.ch.route-regex"] = "C."
    static["iceberg.table.geo.de.route-regex"] = "DE"
    static["iceberg.table.geo.de.partition-by"] = "bucket(id, 4)"
    create(server, "static", static, JSON_SCHEMAS, UNWRAP)
    dynamic = sink(work, TOPIC, None, **{"iceberg__tables__route-field": "_cdc.target"})
    dynamic["iceberg.tables.dynamic-enabled"] = "true"
    dynamic.update({**CDC, "transforms.cdc.cdc.target.pattern": "dyn.{table}_{db}"})
    create(server, "dynamic", dynamic, JSON_SCHEMAS)
    ids = lambda found: sorted(row["id"] for row in found)  # noqa: E731
    until_rows(server, [1, 5], "geo.ch", ids)
    until_rows(server, [2], "geo.de", ids)
    until_rows(server, [1, 2, 3, 4, 5], "dyn.orders_public", ids)
    assert [field.name for field in table(server, "geo.de").spec().fields] == ["id_bucket"]
