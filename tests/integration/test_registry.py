# SPDX-License-Identifier: Apache-2.0
"""The schema registry of `leat server`: Confluent's Python client, the calls of other clients, kills."""

import http.client
import json
import os
import subprocess
import threading
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

from leat import BINARY
from server import Server, request
from wait import wait_until

warnings.filterwarnings("ignore", message=".*deprecated.*")

USER = {
    "type": "record", "name": "User", "namespace": "shop",
    "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"], "default": None}],
}  # fmt: skip


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
def client(server):
    return SchemaRegistryClient({"url": server.registry_url, "max.retries": 0})


def avro(schema):
    return Schema(json.dumps(schema), "AVRO")


def with_field(name, **more):
    return {**USER, "fields": USER["fields"] + [{"name": name, "type": "string", **more}]}


def code_of(call):
    with pytest.raises(SchemaRegistryError) as caught:
        call()
    return caught.value.error_code


# --- Confluent's Python client ---


def test_client_calls(client):
    first = client.register_schema("users-value", avro(USER))
    assert first == client.register_schema("users-value", avro(USER))
    assert first == client.register_schema("others/value ü", avro(USER))  # the same text, the same id
    second = client.register_schema("users-value", avro(with_field("mail", default="")))
    assert second != first
    assert sorted(client.get_subjects()) == ["others/value ü", "users-value"]
    assert client.get_versions("users-value") == [1, 2]
    latest = client.get_latest_version("users-value")
    assert (latest.version, latest.schema_id) == (2, second)
    assert json.loads(client.get_version("users-value", 1).schema.schema_str) == USER
    assert client.lookup_schema("users-value", avro(USER)).version == 1
    assert json.loads(client.get_schema(first, "users-value").schema_str) == USER
    assert code_of(lambda: client.get_schema(12345)) == 40403
    assert code_of(lambda: client.get_latest_version("nobody")) == 40401
    assert code_of(lambda: client.get_version("users-value", 9)) == 40402
    assert code_of(lambda: client.lookup_schema("users-value", avro("string"))) == 40403


def test_client_compatibility(client):
    client.register_schema("users-value", avro(USER))
    assert client.get_compatibility() == "BACKWARD"
    assert client.test_compatibility("users-value", avro(with_field("mail", default="")))
    assert not client.test_compatibility("users-value", avro(with_field("mail")))
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema("users-value", avro(with_field("mail")))
    assert refused.value.http_status_code == 409
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in str(refused.value)
    client.set_compatibility("users-value", "FORWARD")
    assert client.get_compatibility("users-value") == "FORWARD"
    client.register_schema("users-value", avro(with_field("mail")))
    client.set_compatibility(level="FULL_TRANSITIVE")
    assert client.get_compatibility() == "FULL_TRANSITIVE"
    assert code_of(lambda: client.set_compatibility("users-value", "SOMETIMES")) == 42203
    assert code_of(lambda: client.get_compatibility("nobody")) == 40408


def test_client_deletions(client):
    first = client.register_schema("users-value", avro(USER))
    client.register_schema("users-value", avro(with_field("mail", default="")))
    assert client.delete_version("users-value", 1) == 1
    assert client.get_versions("users-value") == [2]
    assert client.get_versions("users-value", deleted=True) == [1, 2]
    assert code_of(lambda: client.delete_subject("users-value", permanent=True)) == 40405
    assert client.delete_subject("users-value") == [2]
    assert client.get_subjects() == []
    assert json.loads(client.get_schema(first).schema_str) == USER  # who has the id can still read
    client.clear_caches()
    again = client.register_schema("users-value", avro(USER))
    assert again == first
    assert client.get_latest_version("users-value").version == 3
    client.delete_subject("users-value")
    client.delete_subject("users-value", permanent=True)
    client.clear_caches()
    assert code_of(lambda: client.get_schema(first)) == 40403
    assert client.register_schema("users-value", avro(USER)) > first + 1  # an id is never used again


def test_avro_serializer(client):
    context = SerializationContext("users", MessageField.VALUE)
    serializer = AvroSerializer(client, json.dumps(USER))
    data = serializer({"id": 7, "name": "Ada"}, context)
    assert data[0] == 0 and int.from_bytes(data[1:5], "big") == client.get_latest_version("users-value").schema_id
    evolved = AvroDeserializer(client, json.dumps(with_field("mail", default="none")))
    assert evolved(data, context) == {"id": 7, "name": "Ada", "mail": "none"}


def test_avro_references(client):
    address = {"type": "record", "name": "shop.Address", "fields": [{"name": "city", "type": "string"}]}
    client.register_schema("address", avro(address))
    person = {**USER, "fields": [*USER["fields"], {"name": "home", "type": "shop.Address"}]}
    references = [SchemaReference("shop.Address", "address", 1)]
    schema = Schema(json.dumps(person), "AVRO", references)
    number = client.register_schema("people-value", schema)
    context = SerializationContext("people", MessageField.VALUE)
    value = {"id": 1, "name": None, "home": {"city": "Ulm"}}
    data = AvroSerializer(client, schema)(value, context)
    assert AvroDeserializer(client)(data, context) == value
    got = client.get_schema(number)
    assert [(r.name, r.subject, r.version) for r in got.references] == [("shop.Address", "address", 1)]
    assert code_of(lambda: client.delete_subject("address")) == 42206
    lost = Schema(json.dumps(person), "AVRO", [SchemaReference("shop.Address", "nowhere", 1)])
    assert code_of(lambda: client.register_schema("lost", lost)) == 42201


def test_json_serializer_with_references(client):
    city = {"$id": "http://shop/city.json", "title": "City", "type": "object",
            "properties": {"name": {"type": "string"}}, "additionalProperties": False}  # fmt: skip
    client.register_schema("city", Schema(json.dumps(city), "JSON"))
    order = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
             "properties": {"id": {"type": "integer"}, "city": {"$ref": "http://shop/city.json"}},
             "required": ["id"], "additionalProperties": False}  # fmt: skip
    schema = Schema(json.dumps(order), "JSON", [SchemaReference("http://shop/city.json", "city", 1)])
    context = SerializationContext("orders", MessageField.VALUE)
    value = {"id": 5, "city": {"name": "Ulm"}}
    data = JSONSerializer(schema, client)(value, context)
    assert JSONDeserializer(schema, schema_registry_client=client)(data, context) == value
    assert client.get_latest_version("orders-value").schema.schema_type == "JSON"
    wider = {**order, "properties": {**order["properties"], "note": {"type": "string"}}}
    narrower = {**order, "required": ["id", "city"]}
    references = schema.references
    assert client.test_compatibility("orders-value", Schema(json.dumps(wider), "JSON", references))
    assert not client.test_compatibility("orders-value", Schema(json.dumps(narrower), "JSON", references))


def test_normalize(client):
    one = {"type": "int", "b": 1, "a": {"y": 1, "x": 2}}
    other = {"a": {"x": 2, "y": 1}, "b": 1, "type": "int"}
    number = client.register_schema("n", avro(one), normalize_schemas=True)
    assert client.register_schema("n", avro(other), normalize_schemas=True) == number
    assert client.lookup_schema("n", avro(other), normalize_schemas=True).schema_id == number


# --- the calls of others ---


def test_forms_of_other_clients(server):
    body = {"schema": json.dumps(USER)}
    # Java's client
    assert server.registry("POST", "/subjects/a-value/versions?normalize=false", body).json() == {"id": 1}
    assert server.registry("GET", "/schemas/ids/1?fetchMaxId=false&subject=a-value").json()["schema"]
    assert server.registry("POST", "/subjects/a-value?deleted=true", body).json()["version"] == 1
    answer = server.registry("POST", "/compatibility/subjects/a-value/versions/latest/", body)
    assert answer.json() == {"is_compatible": True}
    assert answer.headers["Content-Type"].startswith("application/vnd.schemaregistry.v1+json")
    # kafka-ui
    assert server.registry("GET", "/config/").json() == {"compatibilityLevel": "BACKWARD"}
    assert server.registry("GET", "/config/a-value/?defaultToGlobal=true").status == 200
    latest = server.registry("GET", "/subjects/a-value/versions/latest").json()
    assert latest["schemaType"] == "AVRO"
    check = "/compatibility/subjects/a-value/versions/latest/?verbose=True"
    assert server.registry("POST", check, {"schema": '"int"'}).json()["messages"]
    # Python's, capitalised; octets; and a body that is none
    assert server.registry("POST", "/subjects/a-value/versions?normalize=False", body).json() == {"id": 1}
    octets = {"Content-Type": "application/octet-stream"}
    assert server.registry("POST", "/subjects/b/versions", json.dumps(body), octets).json() == {"id": 1}
    assert server.registry("POST", "/subjects/b/versions", '{"schema":').status == 400
    refused = server.registry("POST", "/subjects/b/versions", {"schema": "message M {}", "schemaType": "PROTOBUF"})
    assert (refused.status, refused.json()["error_code"]) == (422, 42201) and "PROTOBUF" in refused.json()["message"]


def test_hostile_schemas(server):
    texts = [
        "[" * 5000, '{"type":' * 3000, json.dumps("x" * (1 << 20)), "\x00", '{"type":"record","name":"R"}',
        json.dumps({"type": "enum", "name": "E", "symbols": ["A"] * 3}),
        '["null",{"type":"array","items":' + '{"type":"array","items":' * 200 + '"int"' + "}" * 201 + "]",
        json.dumps({"type": "fixed", "name": "F", "size": 10**30}),
    ]  # fmt: skip
    for text in texts:
        for kind in ("AVRO", "JSON"):
            answer = server.registry("POST", "/subjects/h/versions", {"schema": text, "schemaType": kind})
            assert answer.status in (200, 400, 413, 422), (text[:40], kind, answer)
    # An exponential union of records of records.
    records = [{"type": "record", "name": f"R{i}", "fields": [
        {"name": "a", "type": f"R{i - 1}"}, {"name": "b", "type": f"R{i - 1}"}] if i else []}
        for i in range(60)]  # fmt: skip
    assert server.registry("POST", "/subjects/x/versions", {"schema": json.dumps(records)}).status == 200
    records[0]["fields"] = [{"name": "new", "type": "int"}]
    assert server.registry("POST", "/subjects/x/versions", {"schema": json.dumps(records)}, timeout=60).status == 409
    assert server.registry("GET", "/subjects").status == 200


# --- killed, and many at once ---


def register_until_dead(server, number, acknowledged, stop):
    for i in range(100000):
        subject = f"s{number}-{i % 50}"
        schema = {"type": "record", "name": "R", "namespace": f"n{number}.i{i}", "fields": []}
        try:
            body = {"schema": json.dumps(schema)}
            answer = server.registry("POST", f"/subjects/{subject}/versions", body, timeout=60)
        except (OSError, http.client.HTTPException):
            return  # killed
        if answer.status != 200:
            return
        acknowledged.append((answer.json()["id"], subject, schema))
        if stop.is_set():
            return


@pytest.mark.parametrize("life", range(2))
def test_kill_amid_registrations(tmp_path, life):
    meaning = {}  # id: schema, of everything that was ever acknowledged
    with Server(tmp_path) as server:
        server.registry("PUT", "/config", {"compatibility": "NONE"})
        for _ in range(2):
            acknowledged, stop = [], threading.Event()
            threads = [
                threading.Thread(target=register_until_dead, args=(server, number, acknowledged, stop))
                for number in range(4)
            ]
            for thread in threads:
                thread.start()
            wait_until(lambda: len(acknowledged) > 100 + 57 * life, "registrations are under way")
            victim = server.front()
            if life == 0:
                victim.kill()
            else:
                server.kill()
            stop.set()  # who has asked nothing just then would go on with the new one
            for thread in threads:
                thread.join()
            if life == 0:
                server.until(lambda gone=victim.pid: server.other_front(gone), "a new front")
                server.until(lambda: answers(server), "the registry answers again")
            else:
                server.start()
            for number, subject, schema in acknowledged:
                assert meaning.setdefault(number, schema) == schema, "an id means two schemas"
            for number, schema in meaning.items():
                got = server.registry("GET", f"/schemas/ids/{number}").json()
                assert json.loads(got["schema"]) == schema
            for number, subject, schema in acknowledged[-20:]:
                body = {"schema": json.dumps(schema)}
                assert server.registry("POST", f"/subjects/{subject}", body).json()["id"] == number
        assert server.registry("GET", "/config").json() == {"compatibilityLevel": "NONE"}


def answers(server):
    try:
        return request("GET", server.registry_url + "/subjects", timeout=60).status == 200
    except OSError:
        return False


def test_many_at_once(server):
    """Everyone registers the same schemas under one subject: each is there once, and the ids agree."""
    server.registry("PUT", "/config/one", {"compatibility": "NONE"})
    seen, lock = {}, threading.Lock()

    def work(order):
        for i in order:
            schema = {"type": "fixed", "name": f"F{i}", "size": i}
            answer = server.registry("POST", "/subjects/one/versions", {"schema": json.dumps(schema)})
            with lock:
                seen.setdefault(i, set()).add(answer.json().get("id"))

    orders = [range(30), range(29, -1, -1), [*range(15, 30), *range(15)], range(30)]
    threads = [threading.Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(ids) == 1 and None not in ids for ids in seen.values()), seen
    assert len({next(iter(ids)) for ids in seen.values()}) == 30
    assert server.registry("GET", "/subjects/one/versions").json() == list(range(1, 31))


def test_evolution_under_rivals(server):
    """Rivals that add a field each: whoever comes second is judged against who came first, never beside it."""
    server.registry("PUT", "/config/r", {"compatibility": "FULL_TRANSITIVE"})
    server.registry("POST", "/subjects/r/versions", {"schema": json.dumps(USER)})
    statuses = []

    def rival(kind):
        field = {"name": "extra", "type": kind, "default": {"int": 1, "string": "", "boolean": True}[kind]}
        schema = {**USER, "fields": [*USER["fields"], field]}
        statuses.append(server.registry("POST", "/subjects/r/versions", {"schema": json.dumps(schema)}).status)

    threads = [threading.Thread(target=rival, args=(kind,)) for kind in ("int", "string", "boolean")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409]


# --- the command ---


def schema_command(server, *arguments):
    env = {**os.environ, "LEAT_REGISTRY_URL": server.registry_url}
    argv = [str(BINARY), "schema", *arguments]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=180, check=False)


def test_command(server, tmp_path):
    path = tmp_path / "user.avsc"
    path.write_text(json.dumps(USER))
    done = schema_command(server, "register", "users-value", str(path))
    assert (done.returncode, done.stdout) == (0, "id 1\n"), done
    listed = schema_command(server, "list").stdout.split()
    assert listed == ["SUBJECT", "VERSION", "ID", "TYPE", "users-value", "1", "1", "AVRO"]
    assert json.loads(schema_command(server, "show", "users-value").stdout) == USER
    assert json.loads(schema_command(server, "show", "users-value", "1", "--output", "json").stdout)["id"] == 1
    path.write_text(json.dumps(with_field("mail")))
    checked = schema_command(server, "check", "users-value", str(path))
    assert checked.returncode == 1 and "READER_FIELD_MISSING_DEFAULT_VALUE" in checked.stdout
    refused = schema_command(server, "register", "users-value", str(path))
    assert refused.returncode == 2 and "incompatible" in refused.stderr
    assert schema_command(server, "config", "users-value", "--level", "none").stdout == "NONE\n"
    assert schema_command(server, "register", "users-value", str(path)).stdout == "id 2\n"
    assert schema_command(server, "config", "users-value", "--reset").stdout == "BACKWARD\n"
    assert schema_command(server, "delete", "users-value", "1").stdout == "deleted: version 1\n"
    assert schema_command(server, "delete", "users-value").returncode == 0
    assert schema_command(server, "delete", "users-value", "--permanent").stdout == "deleted for good: version [1,2]\n"
    missing = schema_command(server, "show", "users-value")
    assert missing.returncode == 2 and "not found" in missing.stderr
