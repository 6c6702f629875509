#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Habits that a machine can see (docs/internals/style.md). Prints FILE:LINE of each breach.

There is a ratchet: tools/style_ratchet.txt says "FILE WHAT COUNT" for what was there when it came in. WHAT is `file` or
a function that is too long (COUNT: its lines), `columns` (too long lines of a script), `malloc` or `conditional`. A
count may shrink, not grow, and a row that is no longer needed must go: `check_style.py --ratchet` rewrites the list.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
RATCHET = ROOT / "tools/style_ratchet.txt"
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
COLUMNS_MAX = 120
SPDX = "SPDX-License-Identifier: Apache-2.0"

# Memory has a named lifetime: it comes from an arena, a Buf or a Map. Others may hold one opaque object, by calloc.
MALLOC_FILES = {"src/core/base/arena.c", "src/core/base/buf.c", "src/core/base/map.c"}
MALLOC = re.compile(r"(?<![\w.>])(malloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf)\s*\(")
# The preprocessor decides in the rooms that know the platform, and in the list of drivers.
# LEAT_…: a header's guard, or one of our own switches (LEAT_CRASH_POINTS).
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(?! LEAT_)")
CONDITIONAL_PLACES = ("src/core/sys/", "src/core/base/", "src/app/drivers.c", "src/app/main.c")
NAME = re.compile(r"\b(?!__attribute__|DEFER|PRINTF_LIKE)([A-Za-z_]\w*)\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")


def functions(lines):
    """(name, first line, number of lines). The code is clang-formatted: a function's head begins in column 0, its
    closing brace stands alone there."""
    head, start = "", 0
    for number, line in enumerate(lines, 1):
        if line == "}" and head.endswith("{"):
            name = NAME.search(head)
            if name is not None and "=" not in head[: name.start()]:
                what = head[name.end() :].split(")")[0] if name[1] == "TEST" else name[1]
                yield what, start, number - start + 1
        if head and not head.endswith(("{", ";")) and line[:1] == " ":
            head += line  # a long list of parameters goes on
        elif line[:1].isalpha() or line[:1] == "_":
            head, start = line, number


def sizes(path, lines):
    """(name, line, size) of what is too long."""
    if len(lines) > FILE_LINES_MAX:
        yield "file", 1, len(lines)
    if path.suffix == ".c":
        for name, line, size in functions(lines):
            if size > FUNCTION_LINES_MAX:
                yield name, line, size


def check_c(name, lines):
    """(line, text) of breaches that have no ratchet."""
    if SPDX not in (lines[0] if lines else ""):
        yield 1, f"the first line must say {SPDX}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"
        if UNFINISHED.search(line):
            yield number, "unfinished work belongs in an issue"


def check_ratcheted(path, name, lines):
    """(what, line, count, text) of breaches that have one."""
    yield from ((what, line, size, f"{what}: {size} lines") for what, line, size in sizes(path, lines))
    if name.endswith(("_test.c", "_fuzz.c")) or name.startswith("tests/"):
        return
    codes = [line.split("//")[0] for line in lines]
    found = [number for number, code in enumerate(codes, 1) if MALLOC.search(code)]
    if found and name not in MALLOC_FILES:
        yield "malloc", found[0], len(found), "memory comes from an arena, a Buf or a Map (calloc: one opaque object)"
    found = [number for number, code in enumerate(codes, 1) if CONDITIONAL.match(code)]
    if found and not name.startswith(CONDITIONAL_PLACES):
        yield "conditional", found[0], len(found), "conditional compilation belongs in core/sys, core/base"


def check_other(name, lines):
    if not any(SPDX in line for line in lines[:3]):
        yield 1, f"one of the first lines must say {SPDX}"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end"


def sources():
    for folder in ("src", "tests"):
        yield from sorted((ROOT / folder).rglob("*.[ch]"))


def scripts():
    for folder in ("scripts", "tools", "tests", "demo", "bench", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix == ".py" or (path.is_file() and not path.suffix and path.read_bytes()[:2] == b"#!"):
                yield path


def main(argv):
    ratchet = {}
    if RATCHET.exists():
        for line in RATCHET.read_text().splitlines():
            if line and not line.startswith("#"):
                file, name, size = line.split()
                ratchet[file, name] = int(size)
    problems, needed = [], {}
    for path in sources():
        name, lines = str(path.relative_to(ROOT)), path.read_text().splitlines()
        problems += [(name, number, text) for number, text in check_c(name, lines)]
        for what, number, count, text in check_ratcheted(path, name, lines):
            needed[name, what] = count
            if count > ratchet.get((name, what), 0):
                problems.append((name, number, text))
    for path in scripts():
        name, lines = str(path.relative_to(ROOT)), path.read_text().splitlines()
        long = [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
        if long:
            needed[name, "columns"] = len(long)
        if len(long) > ratchet.get((name, "columns"), 0):
            problems += [(name, number, f"more than {COLUMNS_MAX} columns") for number in long]
        problems += [(name, number, text) for number, text in check_other(name, lines)]
    if "--ratchet" in argv:
        head = "# What was there when it came in: FILE WHAT COUNT. Written by tools/check_style.py --ratchet.\n"
        RATCHET.write_text(head + "".join(f"{f} {n} {s}\n" for (f, n), s in sorted(needed.items())))
        return 0
    for key in sorted(ratchet):
        if key not in needed:
            problems.append((str(RATCHET.relative_to(ROOT)), 1, f"{' '.join(key)}: the row is no longer needed"))
    for name, number, text in problems:
        print(f"{name}:{number}: {text}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
