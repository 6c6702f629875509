# SPDX-License-Identifier: Apache-2.0
"""Iceberg's sink connectors in `leat server`: their configurations, tables as PyIceberg and DuckDB see them."""

import datetime
import decimal
import json
import signal
import subprocess

import connectors
import duckdb
import duckdb_extensions
import pyiceberg.schema
import pytest
import server as server_module
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.types import DecimalType, IntegerType, LongType, NestedField, StringType, TimestamptzType

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


def until_rows(server, want, name="shop.orders", look=None):
    seen = {}

    def equal():
        seen["got"] = look(rows(server, name)) if look else rows(server, name)
        seen["want"] = want() if callable(want) else want
        return seen["got"] == seen["want"]

    server.until(equal, lambda: f"{name} has what it should: {seen}\n{server.log_tail(15)}")


def keyed(found, key="id"):
    assert len({row[key] for row in found}) == len(found), "a key is there twice"
    return {row[key]: row for row in found}


def orders(found):
    """Rows as connectors.order_rows has the source's."""
    return {
        key: [row["id"], row["name"], connectors.number(row["amount"]), row["paid"], connectors.plain(row["at"])]
        for key, row in keyed(found).items()
    }


def until_orders(server, db, name="shop.orders"):
    until_rows(server, lambda: connectors.order_rows(db), name, orders)


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
    server.until(lambda: reported() == want, lambda: f"offsets {reported()}, not {want}")


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


def test_a_rest_catalog_and_a_table_that_is_there(server, db, work):
    """The server's own catalog by its URL; a table that PyIceberg has made, with columns of other types."""
    db.execute("CREATE TABLE orders (id integer PRIMARY KEY, at text, price double precision, n numeric(8,3), x text)")
    db.execute("INSERT INTO orders VALUES (1, '2026-01-02 03:04:05.5+02:00', 1.25, 12.5, '7')")
    server.start()
    known = catalog(server)
    known.create_namespace("shop")
    columns = pyiceberg.schema.Schema(
        NestedField(1, "ID", LongType(), required=True),
        NestedField(2, "at", TimestamptzType()),
        NestedField(3, "price", DecimalType(9, 2)),
        NestedField(4, "n", StringType()),
        NestedField(5, "x", IntegerType()),
    )
    known.create_table("shop.orders", columns)
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    rest = sink(work, TOPIC, **{"iceberg__tables__schema-case-insensitive": "true"})
    rest.update({"iceberg.catalog.type": "rest", "iceberg.catalog.uri": server.catalog_url})
    rest.pop("iceberg.catalog.warehouse")
    create(server, "rest", rest, JSON_SCHEMAS, UNWRAP)
    until_rows(server, 1, look=len)
    at = datetime.datetime(2026, 1, 2, 1, 4, 5, 500000, datetime.timezone.utc)
    assert rows(server) == [{"ID": 1, "at": at, "price": decimal.Decimal("1.25"), "n": "12.500", "x": 7}]


def test_what_a_column_cannot_hold_is_set_aside(server, db, work):
    db.execute("CREATE TABLE orders (id integer PRIMARY KEY, x text)")
    db.execute("INSERT INTO orders VALUES (1, '7')")
    server.start()
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    known = catalog(server)
    known.create_namespace("shop")
    columns = pyiceberg.schema.Schema(NestedField(1, "id", LongType(), required=True), NestedField(2, "x", LongType()))
    known.create_table("shop.orders", columns)
    letters = {
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "lake.dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    tables = {"iceberg__tables__auto-create-enabled": "false"}
    create(server, "lake", sink(work, TOPIC, "shop.orders, shop.absent", **tables), JSON_SCHEMAS, UNWRAP, letters)
    db.execute("INSERT INTO orders VALUES (2, 'seven'), (3, '9')")
    until_rows(server, {1: 7, 3: 9}, look=lambda found: {row["id"]: row["x"] for row in found})
    dead = dead_letters(server, "lake", 2)
    of_record = [letter for letter in dead if "field x" in letter["headers"]["__connect.errors.exception.message"]]
    assert [letter["headers"]["__connect.errors.offset"] for letter in of_record] == ["1"]
    assert of_record[0]["headers"]["__connect.errors.stage"] == "TASK_PUT"
    assert "shop.absent is not in the catalog" in str(dead)
    assert server.status("lake")["tasks"][0]["state"] == "RUNNING"
    put(server, "lake", sink(work, TOPIC, **tables), JSON_SCHEMAS, UNWRAP)
    db.execute("INSERT INTO orders VALUES (4, 'eight')")
    assert "field x" in server.wait_state("lake", "FAILED")["tasks"][0]["trace"]


def dead_letters(server, name, least):
    """What was set aside; headers as a dictionary."""

    def read():
        argv = [str(server.binary), "topic", "read", "--data-dir", str(server.data), name, "--dead-letters"]
        done = subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180)
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return found if len(found) >= least else None

    found = server.until(read, f"{least} dead letters")
    return [{**letter, "headers": dict(letter["headers"])} for letter in found]


def test_validation_says_what_there_is(server, work):
    server.start()
    name = "org.apache.iceberg.connect.IcebergSinkConnector"
    assert name in [plugin["class"] for plugin in server.connect("GET", "/connector-plugins").json()]

    def problems(**changed):
        config = {"name": "x", **sink(work, "t"), **{key.replace("__", "."): v for key, v in changed.items()}}
        config = {key: value for key, value in config.items() if value is not None}
        answer = server.connect("PUT", f"/connector-plugins/{name}/config/validate", config)
        assert answer.status == 200, answer
        found = [one["value"] for one in answer.json()["configs"]]
        return {one["name"]: one["errors"][0] for one in found if one["errors"]}

    assert problems() == {}
    assert "rest" in problems(iceberg__catalog__type="hadoop")["iceberg.catalog.type"]
    assert "hive" in problems(iceberg__catalog__type=None)["iceberg.catalog.type"]
    assert "iceberg.catalog.uri" in problems(iceberg__catalog__type="rest")
    assert "iceberg.tables" in problems(iceberg__tables=None)
    assert "iceberg.table.a.b.route-regex" in problems(**{"iceberg__table__a__b__route-regex": "("})


def replaced(server):
    if not catalog(server).table_exists("shop.orders"):
        return 0
    return sum(s.summary.operation.value == "replace" for s in table(server).metadata.snapshots)


@pytest.mark.parametrize("how", ["append", "upsert"])
def test_tables_are_maintained_where_that_is_asked_for(server, db, work, how):
    """Not by default: the catalog or somebody's jobs may do it."""
    db.execute(connectors.ORDERS)
    server.start()
    create(server, "shop", connectors.source(db), JSON_SCHEMAS)
    config = upsert(work) if how == "upsert" else {**sink(work, TOPIC), **UNWRAP}
    config["leat.freshness"] = "10ms"
    create(server, "lake", config, JSON_SCHEMAS)

    def step(n):
        db.execute(f"UPDATE orders SET name = 'n{n}' WHERE id % 5 = {n % 5} AND id < 100")
        db.execute(f"INSERT INTO orders VALUES ({100 + n}, 'x', 1)")
        ids = lambda: {row["id"] for row in rows(server)}  # noqa: E731
        server.until(lambda: 100 + n in ids(), f"row {n} is there")

    for n in range(12):
        step(n)
    files = int(table(server).current_snapshot().summary["total-data-files"])
    assert replaced(server) == 0 and files >= 10
    put(server, "lake", config, JSON_SCHEMAS, {"leat.maintenance": "on", "leat.maintenance.cpu": "100"})
    for n in range(12, 16):
        step(n)
    few = lambda: int(table(server).current_snapshot().summary["total-data-files"]) <= 10  # noqa: E731
    server.until(lambda: replaced(server) > 0 and few(), "files are joined")
    for n in range(16, 19):
        step(n)
    if how == "upsert":
        until_orders(server, db)
    else:
        seen = [row["id"] for row in rows(server)]
        assert all(seen.count(100 + n) == 1 for n in range(19)) and seen.count(1) == 1 + 4  # n = 1, 6, 11, 16
    offsets = [json.loads(s.summary["leat.offsets"])[TOPIC] for s in table(server).metadata.snapshots]
    assert offsets == sorted(offsets)
    by_hand = subprocess.run(
        [server.binary, "table", "rewrite-data-files", "shop.orders", "--catalog", f"{server.data}/catalog.db",
         "--warehouse", str(work / "warehouse"), "--output", "json"],
        env={"LEAT_DATA_DIR": str(server.data), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert by_hand.returncode == 0, by_hand.stderr
    assert int(table(server).current_snapshot().summary["total-data-files"]) == 1
    step(20)
    if how == "upsert":
        until_orders(server, db)
