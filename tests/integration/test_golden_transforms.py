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
from test_golden_records import db  # noqa: F401

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


def run(tmp_path, db, case, before=""):
    config, steps, want = read(case)
    source = {name: value for name, value in config.items() if ".converter" not in name}
    return test_golden_records.Journal(tmp_path, db, source, before, steps).probe(config, "wire"), want


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


def check_records(got, want):
    """Keys and values are texts, or null."""
    got, want = by_topic(got), by_topic(want)
    assert set(got) == set(want)
    found = {}
    for topic, records in want.items():
        assert len(got[topic]) == len(records), topic
        for i, (mine, theirs) in enumerate(zip(got[topic], records)):
            for part in ("key", "value"):
                found |= differences(json_normal(mine[part]), json_normal(theirs[part]), f"{topic}[{i}].{part}")
            mine_headers, their_headers = map(header_normal, mine["headers"]), map(header_normal, theirs["headers"])
            found |= differences(list(mine_headers), list(their_headers), f"{topic}[{i}].headers")
    assert found == {}


@pytest.mark.parametrize("case", JSON_CASES)
def test_json_of_transforms(tmp_path, db, case):
    got, want = run(tmp_path, db, case)
    for record in got:
        for part in ("key", "value"):
            record[part] = None if record[part] is None else base64.b64decode(record[part]).decode()
    check_records(got, want)


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


# Rows that the connector found.
BEFORE = {"avro_ops": "INSERT INTO evolve VALUES (1, 'a')", "avro_unwrap": "INSERT INTO dflts(i_nn) VALUES (2)"}


@pytest.mark.parametrize("case", ["avro_ops", "avro_unwrap", "avro_alltypes"])
def test_avro_schemas_and_values(tmp_path, db, case):
    lines, want = run(tmp_path, db, case, BEFORE.get(case, ""))
    captured = schemas_of_capture()
    ids = {line["id"]: json.loads(line["schema"]) for line in lines if "subject" in line}
    for subject, texts in captured.items():
        if subject.startswith(f"{case}."):
            # A table's new schema registers the same key again; a generated column gives two of a value.
            mine = dict.fromkeys(letters(line["schema"]) for line in lines if line.get("subject") == subject)
            assert list(mine) == list(dict.fromkeys(map(letters, texts))), subject
    got, want = by_topic(line for line in lines if "topic" in line), by_topic(want)
    assert {topic: len(records) for topic, records in got.items()} == {t: len(r) for t, r in want.items()}
    found = {}
    for topic, records in want.items():
        for i, (mine, theirs) in enumerate(zip(got[topic], records)):
            for part in ("key", "value"):
                raw = decode(theirs[part], versions(captured[f"{topic}-{part}"]))
                decoded = decode(mine[part], ids)
                found |= differences(avro_normal(decoded), avro_normal(raw), f"{topic}[{i}].{part}")
    assert {path: pair for path, pair in found.items() if not explained(path, *pair)} == {}


def explained(path, mine, theirs):
    generated = path.endswith(".c_gen") and mine == "absent"
    nameless = path.endswith(".c_name") and theirs in (None, "")  # Debezium loses it in the stream
    return generated or nameless or (mine != mine and theirs != theirs)  # NaN


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
