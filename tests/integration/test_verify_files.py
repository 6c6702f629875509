# SPDX-License-Identifier: Apache-2.0
"""leat verify of files: the newest row of each key in what was published, against the source as of one moment."""

import gzip
import json
import os
import signal

import pytest
from test_verify import ROWS, Traffic, requests, tables, verify
from wait import wait_until

KEYED = {name: count for name, count in ROWS.items() if name != "public.log"}
FORMS = {
    "json": [],
    "gzip": ["--set", "file.compression=gzip"],
    "avro": [],
    "parquet": [],
}


@pytest.fixture(params=list(FORMS))
def files(request, leat):
    leat.format = "json" if request.param == "gzip" else request.param
    leat.extra = [*FORMS[request.param], "--set", "file.rotate.interval=100ms"]
    return leat


@pytest.fixture
def lines(leat):
    leat.format = "json"
    leat.extra = ["--set", "file.rotate.interval=100ms"]
    return leat


def follow(leat, db):
    process = leat.follow(db, *leat.extra)
    process.wait_streaming(db)
    leat.wait_read(process)
    return process


def check_equal_but_log(found, rows):
    assert found["public.log"]["result"] == "not_compared" and "no key" in found["public.log"]["message"]
    shown = {n: (t["result"], t.get("source_rows")) for n, t in found.items() if n not in ("all", "public.log")}
    assert shown == {name: ("equal", count) for name, count in rows.items()}, found


def changes(db):
    """Updates, deletes, keys that change, values that do not travel, a truncate and rows behind it."""
    db.execute("ALTER TABLE things ALTER doc SET STORAGE EXTERNAL, ADD big text")
    db.execute("UPDATE orders SET amount = 1 WHERE id % 5 = 0; DELETE FROM parts WHERE tenant = 1")
    db.execute("UPDATE orders SET id = id + 100000 WHERE id % 50 = 1; DELETE FROM orders WHERE id = 7")
    db.execute("INSERT INTO orders VALUES (7, 'again', NULL, 'infinity')")
    db.execute("UPDATE things SET big = repeat(md5(id::text), 300)")
    db.execute("UPDATE things SET tags = ARRAY['only', NULL, 'this \"one\"']")  # `big` does not travel
    db.execute("UPDATE things SET id = gen_random_uuid() WHERE doc @> '{\"n\": 5}'")  # nor here, under another key
    db.execute("UPDATE things SET tags = '{}' WHERE doc @> '{\"n\": 5}'")
    db.execute("TRUNCATE days; INSERT INTO days SELECT i, '2026-01-05', 'new' FROM generate_series(1, 30) i")


@pytest.mark.parametrize("partitioned", [False, True])
def test_files_are_compared_by_the_newest_row_of_each_key(files, db, partitioned):
    tables(db)
    db.execute("CREATE TABLE nothing (id int PRIMARY KEY, v text)")
    more = ["--set", "partitioner=field", "--set", "partition.field.name=__op"] if partitioned else []
    files.sync(db, *files.extra, *more)
    check_equal_but_log(verify(files, want=2), KEYED | {"public.nothing": 0})
    changes(db)
    count = db.value("SELECT count(*) FROM parts")
    want = KEYED | {"public.parts": count, "public.days": 30, "public.nothing": 0}
    check_equal_but_log(verify(files, want=2), want)
    db.execute("DELETE FROM parts")
    check_equal_but_log(verify(files, want=2), want | {"public.parts": 0})
    assert requests(files) == [] and not list((files.data / "pipelines").glob("*/sinks/*/compare"))


def test_under_traffic_files_are_compared_as_of_one_moment(files, db):
    tables(db)
    process = follow(files, db)
    with Traffic(db) as traffic:
        wait_until(lambda: traffic.count > 50, "there is traffic")
        for _ in range(2):
            found = verify(files, want=2)
            assert {t["result"] for n, t in found.items() if n not in ("all", "public.log")} == {"equal"}, found
        seen = traffic.count
        wait_until(lambda: traffic.count > seen, "the traffic goes on")
    wait_until(lambda: requests(files) == [], "the pipeline has let go")
    process.stop()


def published(leat, table):
    return sorted((leat.out / "public" / table).glob("*.json*"))


def test_what_is_wrong_in_files_is_named(lines, db):
    tables(db)
    lines.sync(db, "--exclude", "log")  # one file a table: none ends by its age
    assert verify(lines)["all"]["result"] == "equal"
    (path,) = published(lines, "orders")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [row for row in rows if row["id"] != 5]
    (wrong,) = [row for row in kept if row["id"] == 77]
    wrong["amount"] = "1234.50"
    kept.append({**wrong, "id": 900001})
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in kept))
    found = verify(lines, "--diff", want=1)
    assert found["public.orders"]["different_columns"] == {"amount": 1}
    differences = sorted(found["public.orders"]["differences"], key=lambda d: d["kind"])
    assert [(d["kind"], d["key"]) for d in differences] == [
        ("different", {"id": 77}), ("extra", {"id": 900001}), ("missing", {"id": 5})]  # fmt: skip
    assert differences[0]["sink"]["amount"] == "1234.50" and differences[0]["source"]["amount"] == "11.00"
    found = verify(lines, "--repair", want=2)["all"]
    assert found["error"] == "option" and "leat resync" in found["hint"], found
    path.write_text(path.read_text() + "no line of leat's\n")
    found = verify(lines, want=2)["public.orders"]
    assert found["error"] == "value" and path.name in found["message"], found
    lines.run("resync", lines.pipeline, "--tables", "orders")
    path.unlink()
    lines.sync(db, "--exclude", "log")
    assert verify(lines)["all"]["result"] == "equal"


def test_a_file_that_is_gone_or_torn_is_found(lines, db):
    tables(db)
    lines.sync(db, "--exclude", "log", "--set", "file.compression=gzip")
    (path,) = published(lines, "parts")
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:-20]))
    assert verify(lines, want=2)["public.parts"]["error"] == "value"
    path.write_bytes(whole[:-20])
    assert verify(lines, want=2)["public.parts"]["error"] == "value"
    path.unlink()
    found = verify(lines, want=1)["public.parts"]
    assert (found["missing"], found["sink_rows"]) == (500, 0), found


def test_a_comparison_of_files_that_is_killed_leaves_nothing_behind(lines, db):
    tables(db)
    process = follow(lines, db)
    for point in ("verify.held", "verify.committed", "verify.files_read"):
        run = lines.run("verify", lines.pipeline, check=False, crash_point=point)
        assert run.returncode == -signal.SIGKILL, run.stderr
        wait_until(lambda: requests(lines) == [], "the pipeline has let go")
    # Its slot was temporary, its spill file had no name.
    wait_until(lambda: db.value("SELECT count(*) FROM pg_replication_slots WHERE temporary") == 0, "no slot")
    assert not [name for _, _, names in os.walk(lines.data) for name in names if name.startswith("changes-")]
    db.execute("UPDATE orders SET amount = 3 WHERE id = 3")
    check_equal_but_log(verify(lines, want=2), KEYED)
    process.stop()


def test_files_on_s3(leat, db, versitygw):
    tables(db)
    env = {**versitygw.server.env(), "AWS_EC2_METADATA_DISABLED": "true"}
    leat.format, leat.out = "parquet", versitygw.url("files")
    leat.sync(db, "--set", f"s3.endpoint={versitygw.server.endpoint}", "--set", "file.compression=gzip", env=env)
    changes(db)
    count = db.value("SELECT count(*) FROM parts")
    found = verify(leat, want=2, env=env)
    check_equal_but_log(found, KEYED | {"public.parts": count, "public.days": 30})


@pytest.mark.parametrize("form", ["json", "avro", "parquet"])
def test_debezium_s_envelopes_are_compared(leat, db, form):
    """By before and after, in the order of source.sequence; what stands for a large value is no value."""
    tables(db)
    db.execute("ALTER TABLE parts ADD small bigint NOT NULL DEFAULT 0, ADD big bytea; UPDATE parts SET big = '\\x01'")
    schemas = ["--set", "json.schemas.enable=true", "--set", "file.compression=gzip"] if form == "json" else []
    leat.format = form
    options = ["--set", "envelope=debezium", *schemas]
    leat.sync(db, *options)
    check_equal_but_log(verify(leat, want=2), KEYED)
    db.execute("ALTER TABLE things ALTER doc SET STORAGE EXTERNAL, ADD big text")
    db.execute("UPDATE orders SET amount = 1 WHERE id % 5 = 0; DELETE FROM parts WHERE tenant = 1")
    db.execute("UPDATE orders SET id = id + 100000 WHERE id % 50 = 1; DELETE FROM orders WHERE id = 7")
    db.execute("INSERT INTO orders VALUES (7, 'again', NULL, 'infinity')")
    db.execute("BEGIN; UPDATE orders SET amount = 2 WHERE id = 8; UPDATE orders SET amount = 3 WHERE id = 8; COMMIT")
    db.execute("UPDATE things SET big = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) i)")
    db.execute("UPDATE things SET tags = ARRAY['only', NULL, 'this \"one\"']")  # `big` does not travel
    db.execute("TRUNCATE days; INSERT INTO days SELECT i, '2026-01-05', 'new' FROM generate_series(1, 30) i")
    leat.sync(db, *options)
    count = db.value("SELECT count(*) FROM parts")
    check_equal_but_log(verify(leat, want=2), KEYED | {"public.parts": count, "public.days": 30})
    # Under another key nothing says what it was: the files do not hold the row.
    db.execute("UPDATE things SET id = gen_random_uuid() WHERE doc @> '{\"n\": 5}'")
    moved = db.value("SELECT count(*) FROM things WHERE doc @> '{\"n\": 5}'")
    leat.sync(db, *options)
    found = verify(leat, "--tables", "things", want=1)["public.things"]
    assert found["different_columns"] == {"big": moved} and moved > 0, found
