# SPDX-License-Identifier: Apache-2.0
"""Records as Debezium wrote them and as leat does, in a form in which they can be compared."""

import hashlib
import json
import re
import struct

CONTEXT = "__debezium.context."
SNAPSHOTS = (".notifications", ".dbz_signal")


def plain(value):
    """Long strings by their sum; times of the run by a word."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, str) and len(value) > 200:
        return "sha256:" + hashlib.sha256(value.encode()).hexdigest()
    if isinstance(value, str) and re.fullmatch(r"20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value):
        return "now"
    return value


def number(value):
    assert isinstance(value, int) and not isinstance(value, bool)
    return "number"


def source_normal(source):
    for name in ("ts_ms", "ts_us", "ts_ns"):
        source[name] = number(source[name])
    if source["sequence"] is not None:
        pair = json.loads(source["sequence"])
        assert len(pair) == 2 and (source["lsn"] is None or pair[1] == str(source["lsn"]))
        source["sequence"] = "pair"
    for name in ("lsn", "txId"):
        source[name] = source[name] and number(source[name])


def row_normal(row):
    if row and isinstance(row.get("c_hstore"), str):
        row["c_hstore"] = json.loads(row["c_hstore"])  # its order is that of a hash table
    if row and row.get("c_real"):
        row["c_real"] = struct.unpack("f", struct.pack("f", row["c_real"]))[0]  # Java prints more digits


def value_normal(value):
    if not isinstance(value, dict):
        return plain(value)
    value = plain(value)
    for name in ("ts_ms", "ts_us", "ts_ns", "timestamp"):
        if value.get(name) is not None:
            value[name] = number(value[name])
    if isinstance(value.get("source"), dict):
        source_normal(value["source"])
    if value.get("transaction"):
        assert re.fullmatch(r"\d+:\d+", value["transaction"].pop("id"))
    if "status" in value and "event_count" in value:
        assert re.fullmatch(r"\d+:\d+", value.pop("id"))
    for name in ("before", "after"):
        row_normal(value.get(name))
    return value


UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def generated(text):
    """What snapshots make up: ids of notifications and of watermarks, the watermarks' times."""
    text = re.sub(rf"^{UUID}(-open|-close)?$", r"uuid\2", text)
    return re.sub(r'(WindowTimestamp": ")[^"]+', r"\1now", text)


def value_of(value, topic):
    """value_normal(), and what else differs in notifications and in the table of signals."""
    value = value_normal(value)
    if topic.endswith(".notifications"):
        value["id"] = generated(value["id"])
    elif topic.endswith(".dbz_signal") and value and value.get("after"):
        value["after"] = {name: generated(text) for name, text in value["after"].items()}
    return value


def key_normal(key, topic):
    if topic.endswith(".transaction"):
        assert re.fullmatch(r"\d+:\d+", key["id"])
        return {"id": "id"}
    if topic.endswith(SNAPSHOTS):
        return {"id": generated(key["id"])}
    return plain(key)


def normal(record):
    """{"topic", "key", "value", "headers"} without what no two runs share."""
    headers = [[name, "id" if name == CONTEXT + "runId" else plain(text)] for name, text in record["headers"]]
    return {
        "topic": record["topic"],
        "key": key_normal(record["key"], record["topic"]),
        "value": value_of(record["value"], record["topic"]),
        "headers": headers,
    }


def differences(mine, theirs, path=""):
    """{path: (leat's, Debezium's)}"""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        found = {}
        for name in {**mine, **theirs}:
            found |= differences(mine.get(name, "absent"), theirs.get(name, "absent"), f"{path}.{name}")
        return found
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        found = {}
        for i, (a, b) in enumerate(zip(mine, theirs)):
            found |= differences(a, b, f"{path}[{i}]")
        return found
    return {} if mine == theirs and type(mine) is type(theirs) else {path: (mine, theirs)}


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def write(path, lines):
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
