# SPDX-License-Identifier: Apache-2.0
"""Kafka as a source, on a real Apache Kafka: what others put into topics is in the target exactly once, with its types,
whatever dies on the way."""

import base64
import decimal
import http.server
import json
import pathlib
import shutil
import threading
import time

import confluent_kafka
import golden_records
import kafka_broker
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from test_envelope import ROWS
from test_golden_transforms import BEFORE
from test_iceberg import check_table, table_of
from test_kafka import SETUP, change

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden/debezium"
pytestmark = pytest.mark.xdist_group("kafka")

POINTS = ["kafka_source.before_commit", "kafka_source.after_commit"]


def source(kafka, topics, **parameters):
    more = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"kafka://{kafka.bootstrap}/{topics}" + (f"?{more}" if more else "")


def producer(kafka, **settings):
    return confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, **settings})


def put(kafka, topic, records, partition=0):
    """records: (key, value[, headers]), each bytes or None."""
    made, lost = producer(kafka), []
    told = lambda error, _: error and lost.append(error)  # noqa: E731
    for key, value, *headers in records:
        more = {"headers": headers[0] if headers else None, "on_delivery": told}
        made.produce(topic, value=value, key=key, partition=partition, **more)
    assert made.flush(180) == 0 and not lost, lost


def offsets(kafka, group, topic):
    """The group's, by partition."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    try:
        asked = [confluent_kafka.TopicPartition(topic, n) for n in range(kafka.topics()[topic])]
        return {at.partition: at.offset for at in consumer.committed(asked, timeout=180)}
    finally:
        consumer.close()


def rows(leat, table):
    """Of flat JSON, in the order of the files."""
    found = []
    for file in sorted((leat.out / table).glob("**/*.json")):
        found += [json.loads(line) for line in file.read_text().split("\n") if line]
    return found


def test_changes_of_debezium_replay_to_their_source(leat, new_leat, db, kafka, registry, check_equal):
    """PostgreSQL, its records in topics as JSON with schemas and as Avro, files of them: equal; kill -9 between."""
    db.execute(SETUP)
    forms = {
        "json": (["--set", "json.schemas.enable=true"], {}),
        "avro": (["--registry", registry], {"registry": registry}),
    }
    readers = {}
    for form, (args, parameters) in forms.items():
        writer = new_leat()
        writer.format, writer.out = form, kafka.url(f"{kafka.prefix}{form}")
        url = source(kafka, rf"{kafka.prefix}{form}\.public\..*", **parameters)
        readers[form] = (writer, args, new_leat(), url)
    for n in (1, 2):
        for form, (writer, args, reader, url) in readers.items():
            writer.sync(db, *args, "--name", f"w{form}")
            kafka.until_decided(kafka.prefix)
            point = POINTS[n - 1]
            reader.sync_until_done(url, "--name", f"r{form}", crash_point=point)
            check_equal(db, reader.out)
            topic = f"{kafka.prefix}{form}.public.t"
            assert offsets(kafka, f"leat-r{form}", topic) == {0: end_of(kafka, topic)}
        change(db, [n])


def end_of(kafka, topic):
    """Behind the last transaction's marker."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test"})
    try:
        _, end = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=180)
    finally:
        consumer.close()
    return end


def test_rows_of_plain_topics(new_leat, kafka):
    """Each form of records; bad ones by policy; offsets that the user resets; topics and partitions that come later."""
    p = kafka.prefix
    schema = {"type": "struct", "name": "row", "fields": [
        {"field": "name", "type": "string", "optional": True},
        {"field": "price", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
         "parameters": {"scale": "2", "connect.decimal.precision": "10"}},
        {"field": "at", "type": "int64", "name": "org.apache.kafka.connect.data.Timestamp", "optional": True},
        {"field": "tags", "type": "array", "items": {"type": "string"}, "optional": True},
    ]}  # fmt: skip
    key = {"type": "struct", "fields": [{"field": "id", "type": "int32"}]}
    framed = lambda s, v: json.dumps({"schema": s, "payload": v}).encode()  # noqa: E731
    kafka.create_topic(f"{p}.shop.items", cleanup_policy="compact")
    kafka.create_topic(f"{p}.shop.log", partitions=2)
    item = {"name": "lamp", "price": "BNI=", "at": 1700000000123, "tags": ["a", "b"]}
    put(kafka, f"{p}.shop.items", [
        (framed(key, {"id": 1}), framed(schema, item)),
        (framed(key, {"id": 2}), framed(schema, item | {"price": "/w==", "at": None})),
        (framed(key, {"id": 2}), None),
    ])  # fmt: skip
    put(kafka, f"{p}.shop.log", [(b"k1", b'{"n": 1.50, "s": "\\u00e4"}'), (None, b"[1]")])
    put(kafka, f"{p}.shop.log", [(b"k2", b"17")], partition=1)
    leat = new_leat()
    url = source(kafka, rf"{p}\.shop\..*", **{"metadata.columns": "true", "group.id": f"g{p}"})
    leat.sync(url)
    items = rows(leat, "shop/items")
    assert [(r["__op"], r["id"], r["name"], r["price"]) for r in items] == [
        ("u", 1, "lamp", "12.34"), ("u", 2, "lamp", "-0.01"), ("d", 2, None, None),
    ]  # fmt: skip
    assert items[0]["at"].startswith("2023-11-14T22:13:20.123") and items[0]["tags"] == ["a", "b"]
    log = sorted((r["_partition"], r["_offset"], r["key"], r["value"]) for r in rows(leat, "shop/log"))
    assert log == [(0, 0, "k1", '{"n": 1.50, "s": "\\u00e4"}'), (0, 1, None, "[1]"), (1, 0, "k2", "17")]
    assert offsets(kafka, f"g{p}", f"{p}.shop.log") == {0: 2, 1: 1}

    # A record that is none stops its topic and no other, or goes to the dead letters.
    put(kafka, f"{p}.shop.log", [(b"bad", b"{broken")])
    put(kafka, f"{p}.shop.items", [(framed(key, {"id": 3}), framed(schema, item))])
    stopped = leat.sync(url, check=False)
    assert stopped.returncode != 0 and f"topic {p}.shop.log, partition 0, offset 2" in stopped.stderr
    assert rows(leat, "shop/items")[-1]["id"] == 3
    leat.sync(url, "--set", "errors=dead-letter")
    (letter,) = rows(leat, "leat/dead_letters")
    assert letter["table"] == "shop.log" and "offset 2" in letter["reason"]

    # The user moves the group: what is behind is read again.
    kafka.tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", kafka.bootstrap, "--group",
        f"g{p}", "--topic", f"{p}.shop.log:1", "--reset-offsets", "--to-earliest", "--execute",
    )  # fmt: skip
    again = leat.sync(url)
    assert "offset was set" in again.stderr
    assert [r["_offset"] for r in rows(leat, "shop/log") if r["_partition"] == 1] == [0, 0]
    assert offsets(kafka, f"g{p}", f"{p}.shop.log") == {0: 3, 1: 1}

    # While it runs: another topic, another partition.
    process = leat.follow(url, "--set", "catalog.interval=200ms", "--set", "file.rotate.interval=200ms")
    kafka.create_topic(f"{p}.shop.new")
    put(kafka, f"{p}.shop.new", [(b"a", b"1")])
    kafka.add_partitions(f"{p}.shop.log", 3)
    put(kafka, f"{p}.shop.log", [(b"late", b"2")], partition=2)
    process.until(lambda: rows(leat, "shop/new"), "the new topic's record")
    process.until(lambda: any(r["key"] == "late" for r in rows(leat, "shop/log")), "the new partition's record")
    process.stop()

    # Retention passes it by: an error, until the user says where to go on.
    put(kafka, f"{p}.shop.new", [(b"b", b"2"), (b"c", b"3")])
    gone = confluent_kafka.TopicPartition(f"{p}.shop.new", 0, 2)
    for future in kafka.admin.delete_records([gone]).values():
        future.result(180)
    lost = leat.sync(url, check=False)
    assert lost.returncode != 0 and "retention" in lost.stderr and "offset 1" in lost.stderr
    later = new_leat()
    later.sync(source(kafka, rf"{p}\.shop\.new", **{"group.id": "later", "data.loss": "continue"}))
    assert [r["value"] for r in rows(later, "shop/new")] == ["3"]


def test_into_iceberg_tables(new_leat, db, kafka):
    """Upserts, deletes, moved keys, unchanged large values and new columns of Debezium's records, through kill -9 and
    with the data directory lost."""
    db.execute(SETUP)
    writer, reader = new_leat(), new_leat()
    writer.format, writer.out = "json", kafka.url(kafka.prefix)
    reader.format, reader.reader = "iceberg", {}
    url = source(kafka, rf"{kafka.prefix}\.public\.t")
    args = ["--name", f"lake{kafka.prefix}", "--set", "ack.policy=sink", "--set", "freshness=100ms"]
    columns = ["id", "v", "n", "d", "big"]
    for n, point in enumerate(("lake.files_written", "lake.committed", "kafka_source.before_commit")):
        writer.sync(db, "--set", "json.schemas.enable=true", "--name", "w")
        kafka.until_decided(kafka.prefix)
        reader.sync_until_done(url, *args, crash_point=point)
        check_table(reader, db, "t", columns)
        change(db, [n])
        if n == 1:
            db.execute("ALTER TABLE t ADD w text; UPDATE t SET w = 'new' || id WHERE id % 3 = 0")
            columns.append("w")
    writer.sync(db, "--set", "json.schemas.enable=true", "--name", "w")
    kafka.until_decided(kafka.prefix)
    shutil.rmtree(reader.data)
    lost = reader.sync(url, *args, check=False)
    assert lost.returncode == 0, lost.stderr
    check_table(reader, db, "t", columns)


def last_rows(leat, table, key):
    """What changes in flat JSON come to."""
    found = {}
    for row in rows(leat, table):
        place = tuple(row[name] for name in key)
        if row["__op"] == "t":
            found.clear()
        elif row["__op"] == "d":
            del found[place]
        else:
            found[place] = {name: row[name] for name in row if not name.startswith("__")}
    return found


def numbered(value):
    """What no two runs share is some number in the captures."""
    if isinstance(value, dict):
        return {name: numbered(each) for name, each in value.items()}
    known = {"number": 1, "pair": '["1","2"]', "now": "2026-11-21T08:50:36.238758Z"}
    return known.get(value, value) if isinstance(value, str) else value


def debeziums_json(folder):
    """(topic, key, value, headers) of a capture, with its schemas beside each key and value."""
    schemas = {each["topic"]: each for each in golden_records.read(folder / "schemas.jsonl")}
    for record in golden_records.read(folder / "records.jsonl"):
        parts = []
        for part in ("key", "value"):
            payload, schema = record[part], schemas[record["topic"]].get(part)
            framed = json.dumps({"schema": schema, "payload": numbered(payload)}).encode()
            parts.append(None if payload is None else framed)
        yield record["topic"], *parts, [(name, text.encode()) for name, text in record["headers"]]


def debeziums_avro(case, client):
    """The same of its bytes in Avro; the schemas get the ids of this registry."""
    captured = json.loads((GOLDEN / "transforms/avro_schemas.json").read_text(encoding="utf-8"))
    records = golden_records.read(GOLDEN / f"transforms/{case}/records.jsonl")
    ids = {}
    for subject, texts in captured.items():
        topic, part = subject.rsplit("-", 1)
        frames = (base64.b64decode(each[part])[1:5] for each in records if each["topic"] == topic and each[part])
        for old, text in zip(dict.fromkeys(frames), texts):
            ids[old] = client.register_schema(subject, Schema(text, "AVRO")).to_bytes(4, "big")
    for record in records:
        frames = [record[part] and base64.b64decode(record[part]) for part in ("key", "value")]
        key, value = (frame and b"\0" + ids[frame[1:5]] + frame[5:] for frame in frames)
        headers = [(name, None if text is None else text.encode()) for name, text in record["headers"]]
        yield record["topic"], key, value, headers


# What Debezium's records do not tell, and what stays as it is in them (docs/sources/kafka.md).
UNTOLD = {
    "dflts": {"now_def", "iv_def"}, "evolve": {"b"},  # a time of the run; an interval; a default of older rows
    "alltypes": set(
        "c_composite c_int4multirange c_tsquery c_pg_lsn c_xid c_name c_timetz c_timetz3 c_interval c_hstore c_bit1"
        " c_varbit16 c_varbit c_int_a2 c_enum_a c_tsrange c_tstzrange c_point c_line c_lseg c_box c_path c_polygon"
        " c_circle".split()
    ),
}  # fmt: skip


def test_debeziums_own_records(new_leat, pg, db, kafka, registry):
    """Captures of Debezium 3.7, put into topics as they are: the rows equal those of the tables that they are of."""
    client = SchemaRegistryClient({"url": registry})
    cases = {"ops": debeziums_json(GOLDEN / "wire/ops"), "avro_ops": debeziums_avro("avro_ops", client)}
    cases["avro_alltypes"] = debeziums_avro("avro_alltypes", client)
    made, topics = producer(kafka), set()
    for records in cases.values():
        for topic, key, value, headers in records:
            if topic not in topics:
                kafka.create_topic(f"{kafka.prefix}.{topic}")
                topics.add(topic)
            made.produce(f"{kafka.prefix}.{topic}", value=value, key=key, partition=0, headers=headers)
    assert made.flush(180) == 0
    keys = {"ops": {"ri_default": ["id"], "ri_full": ["id"], "compo": ["b", "a", "c"]},
            "avro_ops": {"ri_default": ["id"], "dflts": ["id"], "evolve": ["id"]},
            "avro_alltypes": {"alltypes": ["id"]}}  # fmt: skip
    database = pg.create_database()
    try:
        for case, tables in keys.items():
            folder = GOLDEN / ("wire" if case == "ops" else "transforms") / case
            database.psql((GOLDEN / "golden.sql").read_text(encoding="utf-8") + ROWS + BEFORE.get(case, ""))
            for statement in (folder / "steps.sql").read_text(encoding="utf-8").splitlines():
                database.psql(statement)
            leat, again = new_leat(), new_leat()
            leat.sync(source(kafka, rf"{kafka.prefix}\.{case}\..*", registry=registry))
            again.sync(database, "--name", case)
            for table, key in tables.items():
                space = f"{case}_plain_public"
                got, want = last_rows(leat, f"{space}/{table}", key), last_rows(again, f"public/{table}", key)
                check_rows(got, want, UNTOLD.get(table, set()))
    finally:
        database.drop()


def check_rows(got, want, untold):
    assert got.keys() == want.keys()
    for key, row in want.items():
        told = {name: value for name, value in row.items() if name not in untold}
        mine = {name: got[key].get(name) for name in told}
        if "c_numeric" in told:  # Debezium leaves zeros at the end away
            for row_of in (mine, told):
                row_of["c_numeric"] = row_of["c_numeric"] and decimal.Decimal(row_of["c_numeric"])
        assert mine == told, key


def transaction(kafka, topic, values, commit):
    made = producer(kafka, **{"transactional.id": f"test-{topic}"})
    made.init_transactions(180)
    made.begin_transaction()
    for value in values:
        made.produce(topic, value=value, key=b"k", partition=0)
    made.flush(180)
    made.commit_transaction(180) if commit else made.abort_transaction(180)
    kafka.until_decided(topic)


def test_transactions_compaction_and_a_schema_of_ones_own(new_leat, kafka, work):
    p = kafka.prefix
    for name, policy in {"tx": "delete", "state": "compact", "raw": "delete"}.items():
        kafka.create_topic(f"{p}.shop.{name}", cleanup_policy=policy)
    # What was undone is left out, and is no gap at which leat waits; or it is taken.
    for values, commit in (([b"1", b"2"], True), ([b"undone"], False), ([b"3"], True), ([b"last"], False)):
        transaction(kafka, f"{p}.shop.tx", values, commit)
    for isolation, want in {"read_committed": "123", "read_uncommitted": ["1", "2", "undone", "3", "last"]}.items():
        leat = new_leat()
        url = source(kafka, rf"{p}\.shop\.tx", format="string", **{"isolation.level": isolation})
        leat.sync(url, "--name", isolation, "--set", "ack.policy=sink")
        leat.sync(url, "--name", isolation)  # the group is told of what was published by the first
        assert [row["value"] for row in rows(leat, "shop/tx")] == list(want)
        assert offsets(kafka, f"leat-{isolation}", f"{p}.shop.tx") == {0: end_of(kafka, f"{p}.shop.tx")}
    shutil.rmtree(leat.data)
    transaction(kafka, f"{p}.shop.tx", [b"4"], True)
    leat.sync(url, "--name", isolation, "--set", "ack.policy=sink")
    assert [row["value"] for row in rows(leat, "shop/tx")] == [*want, "4"]

    # A compacted topic is the newest of each key; the schema of its values stands in a file.
    schema = {"type": "struct", "fields": [
        {"field": "n", "type": "int64"}, {"field": "at", "type": "int32", "name": "org.apache.kafka.connect.data.Date"},
        {"field": "s", "type": "string", "optional": True}]}  # fmt: skip
    (work / "schema.json").write_text(json.dumps(schema))
    put(kafka, f"{p}.shop.state", [
        (b"a", b'{"n": 1, "at": 20000, "s": "x"}', [("trace", b"t1"), ("trace", b"\xc3\xa4"), ("none", None)]),
        (b"b", b'{"n": 2, "at": 20001}'), (b"a", b'{"n": 3, "at": 20002, "s": null}'), (b"b", None), (b"c", None),
    ])  # fmt: skip
    lake = new_leat()
    lake.format, lake.reader = "iceberg", {}
    args = ["--set", "freshness=100ms"]
    url = source(kafka, rf"{p}\.shop\.state", schema=work / "schema.json", **{"metadata.columns": "true"})
    lake.sync(url, *args)
    (row,) = table_of(lake, "state", "shop").scan().to_arrow().to_pylist()
    assert (row["key"], row["n"], str(row["at"]), row["s"]) == ("a", 3, "2024-10-06", None)
    assert row["_offset"] == 2 and row["__partition"] == 0 and json.loads(row["_headers"]) == []
    put(kafka, f"{p}.shop.state", [(b"a", None), (b"d", b'{"n": 4, "at": 0}', [("h", b"1"), ("h", None)])])
    lake.sync(url, *args)
    (row,) = table_of(lake, "state", "shop").scan().to_arrow().to_pylist()
    assert (row["key"], row["n"], json.loads(row["_headers"])) == ("d", 4, [["h", "1"], ["h", None]])
    assert row["_timestamp"].year >= 2024
    put(kafka, f"{p}.shop.state", [(b"e", b'{"n": 4, "at": 0, "more": 1}')])
    wrong = lake.sync(url, *args, check=False)
    assert wrong.returncode != 0 and "members that its schema has not" in wrong.stderr


def test_json_schemas_of_a_registry(new_leat, kafka, registry):
    """What Confluent's own JSON Schema serializer writes."""
    schema = {
        "title": "Order", "type": "object", "required": ["id"], "additionalProperties": False,
        "properties": {
            "id": {"type": "integer"}, "price": {"type": ["number", "null"]}, "tags": {"type": "array", "items": {
                "type": "string"}}, "to": {"$ref": "#/$defs/To"}, "any": {}, "kind": {"enum": ["a", "b"]}},
        "$defs": {"To": {"type": "object", "properties": {"city": {"type": "string"}, "next": {"$ref": "#/$defs/To"}}}},
    }  # fmt: skip
    client = SchemaRegistryClient({"url": registry})
    topic = f"{kafka.prefix}.shop.orders"
    kafka.create_topic(topic, cleanup_policy="compact")
    context = SerializationContext(topic, MessageField.VALUE)
    serialize = JSONSerializer(json.dumps(schema), client)
    to = {"city": "ä", "next": {"city": "b"}}
    values = [{"id": 1, "price": 1.5, "tags": ["x"], "to": to, "any": [1, {"y": None}], "kind": "b"}, {"id": 2}]
    put(kafka, topic, [(str(value["id"]).encode(), serialize(value, context)) for value in values])
    schema["properties"]["note"] = {"type": "string"}
    grown = JSONSerializer(json.dumps(schema), client)
    client.set_compatibility(f"{topic}-value", "NONE")
    put(kafka, topic, [(b"2", grown({"id": 2, "note": "n"}, context))])
    leat = new_leat()
    leat.sync(source(kafka, rf"{kafka.prefix}\.shop\.orders", registry=registry))
    first, second, third = rows(leat, "shop/orders")
    assert (first["key"], first["id"], first["price"], first["tags"], first["kind"]) == ("1", 1, 1.5, ["x"], "b")
    assert first["any"] == '[1,{"y":null}]' and first["to"] == {"city": "ä", "next": '{"city":"b"}'}
    assert second["id"] == 2 and second["price"] is second["to"] is None
    assert (third["key"], third["note"]) == ("2", "n")


NEW_CLIENT = next(pathlib.Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka*.so*"))


class Tokens(http.server.BaseHTTPRequestHandler):
    """The token endpoint of an identity provider: client credentials against a token, which is not signed.
    server.life: that it tells, in seconds; the token itself is good for four more. server.status: 503 = it is away,
    401 = it gives none any more. server.answers: all statuses."""

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        basic = base64.b64encode(f"leat:{kafka_broker.USERS['writer']}".encode()).decode()
        granted = self.headers["Authorization"] == f"Basic {basic}"
        granted &= self.rfile.read(size) == b"grant_type=client_credentials&scope=kafka"
        claims = {"sub": "writer", "iat": int(time.time()), "exp": time.time() + self.server.life + 4}
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
        status = self.server.status if granted else 401
        answer = {"access_token": token, "expires_in": self.server.life} if status == 200 else {"error": "no"}
        body = json.dumps(answer).encode()
        self.server.answers.append(status)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def provider():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        server.life, server.status, server.answers = 600, 200, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def oidc(provider):
    return {
        "client.id": "leat", "client.secret": "${env:KAFKA_PASSWORD}", "scope": "kafka",
        "token.endpoint.url": f"http://127.0.0.1:{provider.server_port}/token",
    }  # fmt: skip


@pytest.mark.parametrize("listener, mechanism", [("sasl", "PLAIN"), ("tls", "SCRAM-SHA-256"), ("sasl", "OAUTHBEARER")])
def test_source_sink_and_journal_log_in(new_leat, db, kafka, check_equal, oidc, listener, mechanism):
    """SCRAM with the client that Confluent's Python package has: Debian 12's is too old for it (test_kafka.py)."""
    protocol = {"sasl": "SASL_PLAINTEXT", "tls": "SASL_SSL"}[listener]
    options = {"security.protocol": protocol, "sasl.mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        options |= {f"sasl.oauthbearer.{name}": value for name, value in oidc.items()}
    else:
        options |= {"sasl.username": "writer", "sasl.password": "${env:KAFKA_PASSWORD}"}
    if listener == "tls":
        options["ssl.ca.location"] = kafka.directory / "ca.pem"
    env = {"KAFKA_PASSWORD": kafka_broker.USERS["writer"]}
    env |= {"LD_PRELOAD": str(NEW_CLIENT)} if mechanism.startswith("SCRAM") else {}
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    writer, reader = new_leat(), new_leat()
    parameters = "&".join(f"{name}={value}" for name, value in options.items())
    journal = f"kafka://{kafka.addresses(listener)}/?prefix={kafka.prefix}&{parameters}"
    writer.out = f"kafka://{kafka.addresses(listener)}/?topic.prefix={kafka.prefix}"
    args = ["--set", "json.schemas.enable=true", "--journal", journal, "--name", f"w{kafka.prefix}"]
    args += [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    writer.sync(db, *args, env=env)
    kafka.until_decided(kafka.prefix)
    url = f"kafka://{kafka.addresses(listener)}/{kafka.prefix}\\.public\\.t?{parameters}"
    reader.sync(url, env=env)
    check_equal(db, reader.out)
    for program in (writer, reader):
        kept = [path.read_text(errors="replace") for path in program.data.rglob("config.json")]
        assert kept and not any(env["KAFKA_PASSWORD"] in text for text in kept)
    if mechanism == "OAUTHBEARER":
        run = new_leat().run("sync", url, reader.out, check=False, env={"KAFKA_PASSWORD": "wrong"}, timeout=180)
        assert run.returncode != 0 and "gives no token: 401" in run.stderr and "wrong" not in run.stderr, run.stderr


def test_tokens_are_renewed(leat, kafka, provider, oidc):
    """Brokers end each connection after two seconds, and each token is over after six: only new ones go on."""
    topic = f"{kafka.prefix}.tokens"
    kafka.create_topic(topic)
    provider.life = 2
    options = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}
    options |= {f"sasl.oauthbearer.{name}": value for name, value in oidc.items()}
    parameters = "&".join(f"{name}={value}" for name, value in options.items())
    url = f"kafka://{kafka.addresses('sasl')}/{topic.replace('.', chr(92) + '.')}?{parameters}&format=string"
    env = {"KAFKA_PASSWORD": kafka_broker.USERS["writer"]}
    process = leat.follow(url, "--set", "file.rotate.interval=100ms", env=env)

    def arrives(what):
        put(kafka, topic, [(None, what.encode())])
        written = lambda: what in str(rows(leat, topic.replace(".", "/")))  # noqa: E731
        process.until(written, f"'{what}' is written")

    arrives("the first token")
    process.until(lambda: len(provider.answers) >= 5, "five tokens were asked for")
    arrives("the fifth")
    provider.status = 503
    process.until(lambda: 503 in provider.answers, "the provider was away")
    provider.status = 200  # librdkafka asks again after ten seconds, when no token is good any more
    arrives("one of afterwards")
    provider.status = 401
    assert process.wait() != 0 and "gives no token: 401" in process.stderr(), process.stderr()[-3000:]
