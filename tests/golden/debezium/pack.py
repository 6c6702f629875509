# SPDX-License-Identifier: Apache-2.0
"""Packs captured records of Debezium for tests/integration/test_envelope.py: pack.py CAPTURES OUT CASE…

CAPTURES/CASE/records.jsonl holds what a consumer saw ({topic, offset, headers, key, value} with JSON text in key and
value), records_schema.jsonl the same with schemas.enable=true. Kept: table, key, value and headers without what no two
runs share; one schema a table.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration"))
import test_envelope  # noqa: E402


def read(path, prefix):
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    for line in sorted(lines, key=lambda line: (line["topic"], line["offset"])):
        parts = line["topic"].split(".")
        if line["topic"].startswith(prefix) and len(parts) > 3:
            headers = [header for header in line["headers"] if not header[0].startswith("__debezium.context.")]
            yield parts[-1], headers, *(json.loads(line[n]) if line[n] else None for n in ("key", "value"))


def write(path, lines):
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def pack(captures, out, case):
    (out / case).mkdir(parents=True, exist_ok=True)
    (out / case / "steps.sql").write_text((captures / case / "steps.sql").read_text(encoding="utf-8"))
    records = read(captures / case / "records.jsonl", case)
    normal = test_envelope.normal
    lines = ({"table": t, "key": k, "value": normal(v)} | ({"headers": h} if h else {}) for t, h, k, v in records)
    write(out / case / "records.jsonl", lines)
    file = captures / case / "records_schema.jsonl"
    found = {}
    for table, _, key, value in read(file, case) if file.exists() else ():
        if value is not None and (table not in found or key is not None):
            found[table] = {"table": table, "key": key and key["schema"], "value": value["schema"]}
    if found:
        write(out / case / "schemas.jsonl", found.values())


for name in sys.argv[3:]:
    pack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), name)
