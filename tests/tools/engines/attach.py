# SPDX-License-Identifier: Apache-2.0
"""How engines attach to leat's catalog, as README.md and docs/catalog.md say it: the tests run these very texts."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
URL = "http://localhost:8181"
PAGES = ("README.md", "docs/catalog.md")


def row(page, engine):
    """The pieces of code in an engine's row of the page's table, up to what is for catalogs with tokens."""
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.lower().startswith(f"| {engine} | "):
            return re.findall(r"`([^`]+)`", re.split(r" with (?:tokens|S3)", line)[0])
    raise LookupError(f"{page} does not say how {engine} attaches")


def settings(engine, url, page="docs/catalog.md"):
    """{key: value}"""
    pairs = (code.replace(URL, url).split("=", 1) for code in row(page, engine))
    return dict(pairs)


def code(engine, url, page="docs/catalog.md"):
    return [piece.replace(URL, url) for piece in row(page, engine)]
