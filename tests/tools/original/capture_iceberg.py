# SPDX-License-Identifier: Apache-2.0
"""What Apache's Iceberg sink connector makes of tests/integration/iceberg_cases.py, into tests/golden/iceberg-connect.

    .cache/venv/bin/python tests/tools/original/capture_iceberg.py [CASE …]

Needs scripts/setup original. A few minutes.
"""

import json
import pathlib
import shutil
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/tools/engines")]

import iceberg_cases as cases  # noqa: E402
import postgres  # noqa: E402
from apache_catalog import ApacheCatalog  # noqa: E402
from original_stack import OriginalStack  # noqa: E402

QUIET_SECONDS = 30  # commits come each second: after so long without one there will be none
LIMIT_SECONDS = 900


def sources(stack, db):
    here = {
        "database.hostname": "127.0.0.1",
        "database.port": str(db.server.port),
        "database.user": postgres.OS_USER,
        "database.password": "secret",
        "database.dbname": db.name,
    }
    for prefix in cases.SOURCES:
        stack.create(prefix, cases.source(prefix, here))
        slot = f"SELECT active FROM pg_replication_slots WHERE slot_name = 'golden_{prefix}'"
        stack.worker.until(lambda slot=slot: db.query(slot) == [(True,)], f"{prefix} streams", 120)
    for statement in cases.STEPS:
        db.execute(statement)
    for topic, count in cases.TOPICS.items():
        stack.wait_end(topic, count, 60)


def failure(stack, name):
    """The causes of a task's end, None while it runs."""
    answer = stack.connect("GET", f"/connectors/to_{name}/status")
    if answer.status != 200:
        return None
    tasks = answer.json()["tasks"]
    if not tasks or tasks[0]["state"] != "FAILED":
        return None
    lines = tasks[0]["trace"].splitlines()
    return [lines[0], *(line for line in lines if line.startswith("Caused by"))]


def settled(stack, catalog, names):
    """Waits until there is something of each case, and no table has changed for a while."""
    seen, since, begun = None, time.monotonic(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        assert time.monotonic() - begun < LIMIT_SECONDS, "tables keep changing, or have nothing"
        now = {}
        for name in names:
            tables = [catalog.load_table(table).metadata for table in catalog.list_tables(name)]
            now[name] = failure(stack, name) or [(table.location, table.current_snapshot_id, len(table.snapshots),
                                                  table.current_schema_id) for table in tables]  # fmt: skip
            if not (name in cases.EMPTY or failure(stack, name) or any(table.snapshots for table in tables)):
                now[name] = time.monotonic()  # it has yet to come
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(1)


def capture(stack, catalog, names):
    if not names:
        return
    here = {"iceberg.catalog.type": "rest", "iceberg.catalog.uri": catalog.url}
    known = catalog.pyiceberg()
    for name in names:
        stack.create(f"to_{name}", cases.sink(name, here))
    settled(stack, known, names)
    for name in names:
        result = {"tables": cases.found(known, name)}
        if failure(stack, name):
            result["failure"] = failure(stack, name)
        path = cases.GOLDEN / f"{name}.json"
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        rows = {t: {ref: len(rows) for ref, rows in told["rows"].items()} for t, told in result["tables"].items()}
        print(name, rows, *result.get("failure", []), flush=True)
        stack.settled("DELETE", f"/connectors/to_{name}")


def main():
    names = sys.argv[1:] or list(cases.CASES)
    cases.GOLDEN.mkdir(exist_ok=True)
    server = postgres.Postgres(15).start()
    try:
        db = server.create_database()
        db.execute(cases.TABLES)
        with OriginalStack(connect={"plugin.discovery": "service_load"}) as stack:
            catalog = ApacheCatalog(stack.directory / "catalog").start()
            try:
                sources(stack, db)
                cases.before(catalog.pyiceberg())
                capture(stack, catalog, [name for name in names if name not in cases.ALONE])
                for name in cases.ALONE:
                    capture(stack, catalog, [name] if name in names else [])
            finally:
                catalog.close()
                shutil.copy(stack.worker.log, ROOT / "build/capture_iceberg.log")
    finally:
        server.remove()


if __name__ == "__main__":
    main()
