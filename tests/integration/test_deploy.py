# SPDX-License-Identifier: Apache-2.0
"""What lies in deploy/: it can be read, and it asks only for metrics that leat has."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/leat.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/leat.json"
NAME = re.compile(r"\bleat_[a-z0-9_]+")


def known():
    return set(NAME.findall((ROOT / "src/surface/api/metrics.c").read_text()))


def balanced(expression):
    """No promtool here: at least its brackets and quotes close."""
    text = re.sub(r'"(\\.|[^"\\])*"', "", expression)
    pairs, open_ones = {")": "(", "}": "{", "]": "["}, []
    for char in text:
        if char in pairs.values():
            open_ones.append(char)
        elif char in pairs and (not open_ones or open_ones.pop() != pairs[char]):
            return False
    return not open_ones and '"' not in text


def test_alert_rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 10
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description"} == set(rule["annotations"])
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert balanced(rule["expr"])
        assert set(NAME.findall(rule["expr"])) <= known(), rule["expr"]
    for what in ("slot_share", "lag_seconds", "dead_letters", "quarantined", "restarts"):
        assert any(what in rule["expr"] for rule in rules)


def test_dashboard():
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(expressions) >= 20
    for expression in expressions:
        assert balanced(expression), expression
        assert set(NAME.findall(expression)) <= known(), expression
    places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in panels]
    for i, (x, y, w, h) in enumerate(places):
        assert x + w <= 24
        for x2, y2, w2, h2 in places[i + 1 :]:
            assert x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h, "panels overlap"
    # What is shown is nearly all that there is.
    shown = set(NAME.findall(json.dumps(dashboard)))
    assert known() - shown <= {"leat_info", "leat_http_connections", "leat_tables_omitted", "leat_audit_lost_total",
                               "leat_connector_slot_safe_bytes", "leat_connector_sink_events_total",
                               "leat_connector_sink_bytes_total"}  # fmt: skip
