# SPDX-License-Identifier: Apache-2.0
"""Records of connectors with transforms, and of converters, against those that Debezium 3.7 wrote under Kafka Connect
4.3 (tests/golden/debezium/transforms; pack_transforms.py made them): bytes of keys and values as JSON or Avro, headers,
and the schemas that Avro's converter registered, letter by letter but for the escapes of JSON.
"""

import base64
import io
import json
import pathlib
import re

import fastavro
import pytest
import test_golden_records
from golden_records import differences, plain

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/golden/debezium/transforms"

JSON_CASES = [
    "ksmt", "ksmt_schema", "outbox", "outbox_schema", "outbox_raw", "outbox_raw_schema", "smt_unwrap",
    "smt_unwrap_schema", "smt_unwrap_delete_to_tombstone", "smt_unwrap_drop", "smt_unwrap_rewrite",
    "smt_unwrap_rewrite_schema", "smt_unwrap_tombstone",
]  # fmt: skip


def read(case):
    folder = CASES / case
    records = (folder / "records.jsonl").read_text(encoding="utf-8").split("\n")
    return (json.loads((folder / "config.json").read_text(encoding="utf-8")),
            (folder / "steps.sql").read_text(encoding="utf-8"),
            [json.loads(line) for line in records if line])  # fmt: skip


def tables(config):
    return [name.split(".")[1] for name in config["table.include.list"].split(",")]


def run(leat, db, case):
    config, steps, want = read(case)
    journal = test_golden_records.Journal(leat, db, tables(config), "", steps)
    lines = journal.probe(config, "wire")
    got = [line for line in lines if "topic" in line]
    schemas = [line for line in lines if "subject" in line]
    return got, want, schemas


def by_topic(records):
    topics = {}
    for record in records:
        topics.setdefault(record["topic"], []).append(record)
    return topics


def numbers(value):
    """LSNs and times of the run are some number."""
    if isinstance(value, dict):
        return {k: "number" if k in ("__lsn", "__source_ts_ms", "__ts_ms") else numbers(v) for k, v in value.items()}
    return plain(value)


def json_normal(text):
    return {"null": True} if text is None else {"json": numbers(json.loads(text))}


def header_normal(header):
    name, text = header
    if name == "__debezium.context.runId":
        assert re.fullmatch(r"[0-9a-f-]{36}", text)
        text = "id"
    return [name, text]


@pytest.mark.parametrize("case", JSON_CASES)
def test_json_of_transforms(leat, db, case):
    got, want, _ = run(leat, db, case)
    got, want = by_topic(got), by_topic(want)
    assert set(got) == set(want)
    found = {}
    for topic, records in want.items():
        assert len(got[topic]) == len(records), topic
        for i, (mine, theirs) in enumerate(zip(got[topic], records)):
            for part in ("key", "value"):
                text = None if mine[part] is None else base64.b64decode(mine[part]).decode()
                found |= differences(json_normal(text), json_normal(theirs[part]), f"{topic}[{i}].{part}")
            mine_headers, their_headers = map(header_normal, mine["headers"]), map(header_normal, theirs["headers"])
            found |= differences(list(mine_headers), list(their_headers), f"{topic}[{i}].headers")
    assert found == {}


def schemas_of_capture():
    return json.loads((CASES / "avro_schemas.json").read_text(encoding="utf-8"))


def without(schema, *names):
    """The schema's text without fields that pgoutput does not send: generated columns before PostgreSQL 18."""
    if isinstance(schema, dict):
        fields = {}
        for key, value in schema.items():
            if key == "fields":
                value = [field for field in value if field["name"] not in names]
            fields[key] = without(value, *names)
        return fields
    return [without(item, *names) for item in schema] if isinstance(schema, list) else schema


def letters(schema):
    """Attributes keep their order, so this compares them in it."""
    return json.dumps(without(json.loads(schema), "c_gen"), ensure_ascii=False)


# Tables with defaults need a connector, which asks for them: data/connect/avro_schema_of_test.c has those.
@pytest.mark.parametrize("case, table", [("avro_ops", "ri_default"), ("avro_unwrap", "ri_default"),
                                         ("avro_alltypes", "alltypes")])  # fmt: skip
def test_avro_schemas_and_values(leat, db, case, table):
    config, steps, want = read(case)
    steps = "\n".join(step for step in steps.split("\n") if "dflts" not in step and "evolve" not in step)
    journal = test_golden_records.Journal(leat, db, [table], "", steps)
    lines = journal.probe(config, "wire")
    topic = f"{config['topic.prefix']}.public.{table}"
    captured = schemas_of_capture()
    ids = {}
    for part in ("key", "value"):
        mine = [line for line in lines if line.get("subject") == f"{topic}-{part}"]
        ids |= {line["id"]: json.loads(line["schema"]) for line in mine}
        wanted = dict.fromkeys(map(letters, captured[f"{topic}-{part}"]))  # a generated column gives two
        assert [letters(line["schema"]) for line in mine] == list(wanted)
    got = [line for line in lines if line.get("topic") == topic]
    want = [record for record in want if record["topic"] == topic]
    assert len(got) == len(want)
    for i, (mine, theirs) in enumerate(zip(got, want)):
        for part in ("key", "value"):
            decoded, raw = decode(mine[part], ids), decode(theirs[part], versions(captured[f"{topic}-{part}"]))
            found = differences(avro_normal(decoded), avro_normal(raw), f"[{i}].{part}")
            assert {path: pair for path, pair in found.items() if not explained(path, *pair)} == {}


def explained(path, mine, theirs):
    snapshot = path.endswith(".source.snapshot") and mine == "true" and theirs != "false"  # leat sync marks no rows
    generated = path.endswith(".c_gen") and mine == "absent"
    nameless = path.endswith(".c_name") and theirs in (None, "")  # Debezium loses it in the stream
    return snapshot or generated or nameless or (mine != mine and theirs != theirs)  # NaN


def versions(texts):
    return [json.loads(text) for text in texts]


def decode(text, schemas):
    """By the schema of the frame's id; of a capture, whose ids are not kept, by the first that takes all bytes."""
    if text is None:
        return None
    frame = base64.b64decode(text)
    assert frame[0] == 0
    tried = schemas if isinstance(schemas, list) else [schemas[int.from_bytes(frame[1:5], "big")]]
    for schema in tried:
        stream = io.BytesIO(frame[5:])
        try:
            value = fastavro.schemaless_reader(stream, fastavro.parse_schema(json.loads(json.dumps(schema))))
        except (EOFError, IndexError, UnicodeDecodeError, ValueError):
            continue
        if stream.read() == b"":
            return value
    raise AssertionError("no schema fits")


def avro_normal(value):
    if value is None:
        return {"null": True}
    value = json.loads(json.dumps(value, default=repr))
    for name in ("ts_ms", "ts_us", "ts_ns"):
        if name in value:
            assert isinstance(value[name], int)
            value[name] = "number"
    if value.get("source"):
        for name in ("ts_ms", "ts_us", "ts_ns", "lsn", "txId", "sequence"):
            value["source"][name] = "some"
    for row in (value.get("before"), value.get("after"), value):
        if row and isinstance(row.get("c_hstore"), str):
            row["c_hstore"] = json.loads(row["c_hstore"])
    return plain(value)
