# SPDX-License-Identifier: Apache-2.0
"""Packs captured records of Debezium for tests/integration/test_golden_records.py: pack_wire.py CAPTURES OUT

CAPTURES/CASE/config.json, steps.sql, records.jsonl and, with schemas.enable=true, config_schema.json and
records_schema.jsonl are what pack.py reads. Kept: the part of the configuration that shapes records, the records
without what no two runs share, one pair of schemas a topic. Of the mode_… cases, which differ from each other in a few
columns of one table, what differs: modes.json. connectors.json: of each case the whole configuration as it was posted.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration"))
import golden_records  # noqa: E402

CASES = [
    "dflts", "hash_only", "hash_trunc", "heartbeat", "incremental", "messages", "name_adjust_avro", "name_adjust_none",
    "no_tombstones", "ops", "ops_default_skip", "partition_root", "skip_unchanged_masks", "snapshot_initial_only",
    "snapshot_no_data", "toast", "trunc_only", "tx_metadata",
]  # fmt: skip
DROPPED = (
    "tasks.max", "database.", "plugin.name", "slot.", "publication.", "errors.", "key.converter", "value.converter",
)  # fmt: skip


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def config_of(path):
    return {name: value for name, value in posted(path).items() if not name.startswith(DROPPED)}


def parsed(record):
    return {name: json.loads(record[name]) if record[name] else None for name in ("key", "value")}


def posted(path):
    config = json.loads(path.read_text(encoding="utf-8"))
    return config.get("config", config)


def pack(captures, out, case):
    folder = out / case
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.sql").write_text((captures / case / "steps.sql").read_text(encoding="utf-8"), encoding="utf-8")
    config = config_of(captures / case / "config.json")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    records = sorted(lines(captures / case / "records.jsonl"), key=lambda record: (record["topic"], record["offset"]))
    golden_records.write(folder / "records.jsonl", [
        golden_records.normal({"topic": r["topic"], "headers": r["headers"]} | parsed(r)) for r in records
    ])  # fmt: skip
    schemas = {}
    file = captures / case / "records_schema.jsonl"
    for record in lines(file) if file.exists() else []:
        found = schemas.setdefault(record["topic"].replace(f"{case}.schema", config["topic.prefix"]), {})
        for name, part in parsed(record).items():
            if part is not None:
                text = json.dumps(part["schema"], ensure_ascii=False).replace(f"{case}.schema", config["topic.prefix"])
                found.setdefault(name, json.loads(text))
    if schemas:
        golden_records.write(folder / "schemas.jsonl", [{"topic": topic} | found for topic, found in schemas.items()])


def mode_columns(captures, case):
    """{column: schema}, {column: values} of the records' `after`."""
    value = next(parsed(r)["value"] for r in lines(captures / case / "records_schema.jsonl") if r["value"])
    fields = {field["field"]: field for field in value["schema"]["fields"][1]["fields"]}
    rows = [parsed(record)["value"]["after"] for record in lines(captures / case / "records.jsonl")]
    return fields, {name: [golden_records.plain(row.get(name, "absent")) for row in rows] for name in fields}


def pack_modes(captures, out):
    base_fields, base_values = mode_columns(captures, "mode_hstore_json")
    modes = {}
    for folder in sorted(captures.glob("mode_*")):
        fields, values = mode_columns(captures, folder.name)
        config = config_of(folder / "config.json")
        common = ("connector.class", "topic.prefix", "table.include.list")
        options = {name: value for name, value in config.items() if name not in common}
        modes[folder.name] = {
            "config": options,
            "fields": {n: f for n, f in fields.items() if f != base_fields.get(n)},
            "values": {n: v for n, v in values.items() if v != base_values.get(n)},
        }
    base = {"fields": base_fields, "values": base_values}
    text = json.dumps({"base": base, "modes": modes}, ensure_ascii=False, indent=0)
    (out / "modes.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in CASES:
        pack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), name)
    connectors = {name: posted(pathlib.Path(sys.argv[1]) / name / "config.json") for name in CASES}
    text = json.dumps(connectors, indent=1) + "\n"
    (pathlib.Path(sys.argv[2]) / "connectors.json").write_text(text, encoding="utf-8")
    pack_modes(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
