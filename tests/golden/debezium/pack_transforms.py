# SPDX-License-Identifier: Apache-2.0
"""Packs captures of Debezium with transforms, and of its Avro, for tests/integration/test_golden_transforms.py:
pack_transforms.py CAPTURES OUT

CAPTURES/CASE is as pack_wire.py reads it. Kept: the part of the configuration that shapes records, and of each record
topic, headers, key and value as they were on the wire; of Avro the registered schemas too. connectors.json: of each
case with JSON the whole configuration as it was posted.
"""

import json
import pathlib
import sys

CASES = [
    "avro_alltypes", "avro_ops", "avro_unwrap", "ksmt", "outbox", "outbox_raw", "smt_unwrap",
    "smt_unwrap_delete_to_tombstone", "smt_unwrap_drop", "smt_unwrap_rewrite", "smt_unwrap_tombstone",
]  # fmt: skip
DROPPED = ("tasks.max", "database.", "plugin.name", "slot.", "publication.", "errors.")


def config_of(path):
    config = json.loads(path.read_text(encoding="utf-8"))
    dropped = [name for name in config if name.startswith(DROPPED) or "registry.url" in name]
    return {name: value for name, value in config.items() if name not in dropped}


def plain(value):
    return value["base64"] if isinstance(value, dict) else value


def text_of(header):
    return [header[0], header[1]] if isinstance(header[1], str) else [header[0], None]  # Avro's: not compared


def pack(captures, out, case):
    for name in ("", "_schema"):
        config, records = captures / case / f"config{name}.json", captures / case / f"records{name}.jsonl"
        if not config.exists():
            continue
        folder = out / f"{case}{name}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "steps.sql").write_text((captures / case / "steps.sql").read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "config.json").write_text(json.dumps(config_of(config), indent=1) + "\n", encoding="utf-8")
        lines = [json.loads(line) for line in records.read_text(encoding="utf-8").split("\n") if line]
        lines.sort(key=lambda record: (record["topic"], record["offset"]))
        kept = [{"topic": r["topic"], "headers": [text_of(h) for h in r["headers"]]}
                | {name: plain(r[name]) for name in ("key", "value")} for r in lines]  # fmt: skip
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        (folder / "records.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in CASES:
        pack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), name)
    captures, connectors = pathlib.Path(sys.argv[1]), {}
    for name in CASES:
        for kind in ("", "_schema"):
            config = captures / name / f"config{kind}.json"
            if config.exists() and not name.startswith("avro"):
                connectors[name + kind] = json.loads(config.read_text(encoding="utf-8"))
    text = json.dumps(connectors, indent=1) + "\n"
    (pathlib.Path(sys.argv[2]) / "connectors.json").write_text(text, encoding="utf-8")
    found = json.loads((pathlib.Path(sys.argv[1]) / "avro_schemas.json").read_text(encoding="utf-8"))
    schemas = {subject: [row["schema"] for row in rows] for subject, rows in found.items()}
    text = json.dumps(schemas, ensure_ascii=False, indent=1) + "\n"
    (pathlib.Path(sys.argv[2]) / "avro_schemas.json").write_text(text, encoding="utf-8")
