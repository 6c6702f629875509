# SPDX-License-Identifier: Apache-2.0
"""Transcripts of HTTP exchanges (tests/golden/connect/rest/*.http), as curl -v prints them: lines of the request begin
with `> `, those of the answer with `< `, each followed by its body."""

import json
import pathlib
import re

DIRECTORY = pathlib.Path(__file__).resolve().parents[1] / "golden/connect/rest"
METHODS = "GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS"


class Exchange:
    def __init__(self, file, number, text):
        lines = text.split("\n")
        at = 0
        sent, body, got = [], [], []
        while lines[at].startswith(">"):
            sent.append(lines[at][2:])
            at += 1
        while not lines[at].startswith("<"):
            body.append(lines[at])
            at += 1
        while at < len(lines) and re.match(r"<( |$)", lines[at]):
            got.append(lines[at][2:])
            at += 1
        self.id = f"{file}#{number}"
        self.method, self.path = sent[0].split(" ")[:2]
        self.headers = dict(line.split(": ", 1) for line in sent[1:] if line)
        self.body = "\n".join(body)
        self.status = int(got[0].split(" ")[1])
        self.answer_headers = dict(line.split(": ", 1) for line in got[1:] if line)
        self.answer = "\n".join(lines[at:]).strip("\n")

    def __repr__(self):
        return f"{self.id} {self.method} {self.path}"

    def answer_json(self):
        """None where the answer is no JSON."""
        try:
            return json.loads(self.answer)
        except ValueError:
            return None


def read(name):
    text = (DIRECTORY / name).read_text(encoding="utf-8")
    parts = [part for part in re.split(rf"(?m)^(?=> (?:{METHODS}) )", text) if part.strip()]
    return [Exchange(name.split("_")[0], number, part) for number, part in enumerate(parts)]
