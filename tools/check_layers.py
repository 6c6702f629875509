#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which room of src/ may include which. Prints FILE:LINE of each include that the plan of the house forbids.

The plan is ARCHITECTURE.md's; a room that gets its first tenant gets its row here. A folder below a room is a driver:
it sees its room's own files and what the room may see, never another driver.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SRC = ROOT / "src"

CORE = ["core/base", "core/sys", "core/config", "core/net"]
DATA = CORE + ["data/event", "data/format", "data/connect", "data/registry"]
STORAGE = DATA + ["storage/store", "storage/journal", "storage/kafka"]
LAKE = ["lake/iceberg", "lake/index", "lake/catalog"]

# room: the rooms that it may include beside itself
ROOMS = {
    "core/base": [],
    "core/sys": ["core/base"],
    "core/config": ["core/base", "core/sys"],
    "core/net": ["core/base", "core/sys", "core/config"],
    "core/database": ["core/base", "core/sys", "core/config"],
    "data/event": ["core/base", "core/sys", "core/config"],
    "data/format": ["core/base", "core/sys", "core/config", "data/event"],
    "data/connect": ["core/base", "core/sys", "core/config", "data/event", "data/format"],
    "data/registry": ["core/base", "core/sys", "core/config", "data/event", "data/format"],
    "storage/store": CORE,
    "storage/journal": DATA + ["storage/store", "storage/kafka"],
    "storage/kafka": DATA,
    "lake/iceberg": STORAGE,
    "lake/index": DATA,
    "lake/catalog": STORAGE + ["core/database", "lake/iceberg"],
    "flow/source": STORAGE,
    "flow/sink": STORAGE + LAKE,
    "flow/verify": STORAGE + ["flow/source", "flow/sink"],
    "flow/pipeline": STORAGE + LAKE + ["flow/source", "flow/sink", "flow/verify"],
    "engine/ipc": CORE,
    "engine/worker": STORAGE + ["engine/ipc", "flow/source", "flow/sink", "flow/verify", "flow/pipeline"],
    "engine/member": STORAGE + ["engine/ipc"],
    "engine/state": CORE + ["core/database"],
    "engine/control": CORE + ["engine/ipc", "engine/state"],
    "surface/api": STORAGE + LAKE + ["core/database", "engine/ipc", "engine/state"],
    "surface/cli": STORAGE
    + LAKE
    + ["flow/source", "flow/sink", "flow/verify", "flow/pipeline", "engine/ipc", "engine/control", "engine/state"]
    + ["surface/api"],
    "app": STORAGE
    + LAKE
    + ["flow/source", "flow/sink", "flow/pipeline", "engine/ipc", "engine/worker", "engine/member", "engine/state"]
    + ["engine/control", "surface/api", "surface/cli"],
}
# Drivers are named by app/drivers.c alone. Who else may see into one, and why.
DRIVER_EXCEPTIONS = {
    ("lake/iceberg", "storage/store/local"),  # files of a lake by their URI
    ("lake/iceberg", "storage/store/s3"),
    ("lake/iceberg", "data/format/avro"),  # manifests
    ("lake/iceberg", "data/format/parquet"),  # position deletes
    ("surface/api", "lake/catalog/embedded"),  # what the REST catalog serves
    ("surface/api", "storage/journal/kafka"),  # the registry's topic is where the journals are
    ("surface/cli", "storage/store/s3"),  # leat catalog serve: options of its warehouse
    ("surface/cli", "lake/catalog/rest"),  # …with the options of a catalog that is named by hand
    ("surface/cli", "flow/sink/iceberg"),  # leat table: which catalog and place a pipeline writes to
    ("flow/sink/iceberg", "data/format/parquet"),
    ("flow/sink/iceberg", "storage/store/local"),  # tells a place by its URL
    ("flow/sink/iceberg", "storage/store/s3"),
    ("flow/sink/iceberg", "lake/catalog/embedded"),  # chooses the catalog by the URL
    ("flow/sink/iceberg", "lake/catalog/rest"),
    ("flow/pipeline", "flow/source/kafka"),  # a sink connector's converters read records as the Kafka source does
    ("flow/pipeline", "flow/source/postgres"),  # reads a source URL to name and to save a pipeline
    ("flow/source/generator", "flow/source/postgres"),  # writes its shop into a PostgreSQL
    ("flow/sink/objects", "storage/store/local"),  # chooses the store by the URL
    ("flow/sink/objects", "storage/store/s3"),
    ("flow/sink/objects", "data/format/avro"),  # chooses the format
    ("flow/sink/objects", "data/format/parquet"),
    ("flow/sink/kafka", "data/format/avro"),  # flat records in Confluent's form
    ("data/connect", "data/format/avro"),  # AvroConverter: a value's bytes without a container
    ("flow/source/kafka", "data/format/avro"),  # values that producers wrote as Avro
    ("storage/store/fault", "storage/store/local"),  # wraps a real store and fails its n-th call
    ("surface/cli", "flow/source/postgres"),  # doctor speaks to the source without a pipeline
    ("surface/cli", "flow/source/generator"),  # leat generate
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def split(path):
    """room and driver folder ('' = the room's own) of a path below src/; None when no room owns it"""
    parts = path.parts[:-1]
    for size in (2, 1):
        room = "/".join(parts[:size])
        if room in ROOMS:
            return room, "/".join(parts[size : size + 1])
    return None


def forbidden(here, there, is_test):
    (room, driver), (other, other_driver) = here, there
    if room != other and other not in ROOMS[room]:
        return f"{room} may not include {other}"
    if not other_driver or here == there or room == "app" or is_test:
        return None
    place = f"{room}/{driver}" if driver else room
    if (place, f"{other}/{other_driver}") in DRIVER_EXCEPTIONS:
        return None
    return f"only app/ may name the driver {other}/{other_driver}"


def check(path):
    here = split(path.relative_to(SRC))
    if here is None:
        yield 1, f"{path.parent.relative_to(SRC)} is no room of tools/check_layers.py"
        return
    is_test = path.stem.endswith(("_test", "_fuzz"))
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match is None:
            continue
        included = pathlib.PurePath(match[1])
        there = split(included)
        if match[1].endswith(".c") and is_test:
            continue  # the file that it tests
        if there is None or not (SRC / included).exists():
            yield number, f'"{included}" is not a path below src/'
            continue
        problem = forbidden(here, there, is_test)
        if problem is not None:
            yield number, problem


def main():
    found = 0
    for path in sorted(SRC.rglob("*.[ch]")):
        for number, problem in check(path):
            print(f"{path.relative_to(ROOT)}:{number}: {problem}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
