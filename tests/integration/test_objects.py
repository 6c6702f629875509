# SPDX-License-Identifier: Apache-2.0
"""The objects sink: formats, folders, names, rotation, keys, and kill -9 where names come from the clock."""

import collections
import json
import pathlib
import re
import shutil

import duckdb
import files
import pyarrow.parquet as pq
import pytest
from wait import wait_until

SETUP = (
    "CREATE TABLE orders (id int PRIMARY KEY, land text, at timestamptz, price numeric(10,2), note text);"
    " INSERT INTO orders SELECT i, (ARRAY['de','fr','a/b +ü%',NULL])[i % 4 + 1],"
    "   '2024-03-30 20:00+00'::timestamptz + i * interval '5 min', i / 7.0, repeat('n', i % 50)"
    "   FROM generate_series(1, 200) i"
)
CHANGES = (
    "UPDATE orders SET price = -1, land = 'xx' WHERE id % 3 = 0; DELETE FROM orders WHERE id % 10 = 1;"
    " INSERT INTO orders SELECT i, 'new', now(), 1, NULL FROM generate_series(1000, 1300) i;"
    " UPDATE orders SET id = -id WHERE id = 5"
)


def sets(**options):
    return [arg for name, value in options.items() for arg in ("--set", f"{name.replace('_', '.')}={value}")]


def all_files(out):
    paths = sorted(path for path in pathlib.Path(out).rglob("*") if path.is_file())
    return [path for path in paths if path.relative_to(out).parts[0] not in ("_leat", ".leat-staging")]


def flat(out, work, table="orders"):
    """The values of a table in folders, as if there were none: what the proof reads."""
    target = work / "flat" / "public" / table
    shutil.rmtree(work / "flat", ignore_errors=True)
    target.mkdir(parents=True)
    for path in all_files(out):
        if ".keys." not in path.name and re.search(rf"{table}[-+]0[-+]", path.name):
            (target / "_".join(path.relative_to(out).parts)).write_bytes(path.read_bytes())
    return work / "flat"


@pytest.fixture
def proof(db, leat, check_equal, tmp_path):
    """Nothing lost, nothing doubled, every value right, whatever the folders."""
    return lambda: check_equal(db, flat(leat.out, tmp_path), ["public.orders"])


@pytest.mark.parametrize("form", ["json", "json gzip", "avro", "avro deflate", "parquet", "parquet snappy"])
def test_formats(form, leat, db, check_equal):
    leat.format, _, codec = form.partition(" ")
    args = sets(file_compression=codec or "default", file_rotate_bytes="4KiB")
    db.execute(SETUP)
    leat.sync(db, *args)
    db.execute(CHANGES)
    leat.sync(db, *args)
    assert files.check_readers(leat.out) > 500
    check_equal(db, leat.out)
    ending = {"json gzip": ".json.gz", "parquet snappy": ".snappy.parquet"}.get(form, f".{leat.format}")
    assert all(path.name.endswith(ending) for path in all_files(leat.out))


def test_a_schema_change_begins_a_file(leat, db, check_equal):
    leat.format = "parquet"
    db.execute(SETUP)
    leat.sync(db)
    db.execute("INSERT INTO orders VALUES (5000)")
    db.execute("ALTER TABLE orders ADD more int; INSERT INTO orders VALUES (5001)")
    db.execute("ALTER TABLE orders DROP note; INSERT INTO orders VALUES (5002)")
    leat.sync(db)
    check_equal(db, leat.out)
    assert len(all_files(leat.out)) == 4


def test_parquet_options(leat, db, check_equal):
    leat.format = "parquet"
    options = {"parquet_bloom_columns": "id, word", "parquet_byte_stream_split": "true"}
    db.execute(
        "CREATE TABLE measures (id int PRIMARY KEY, level float8, word text);"
        " INSERT INTO measures SELECT i, sqrt(i), md5(i::text) FROM generate_series(1, 5000) i"
    )
    leat.sync(db, *sets(**options))
    check_equal(db, leat.out)
    (path,) = all_files(leat.out)
    columns = pq.ParquetFile(path).metadata.row_group(0).to_dict()["columns"]
    encodings = {column["path_in_schema"]: column["encodings"] for column in columns}
    assert encodings["level"] == ("BYTE_STREAM_SPLIT", "RLE")
    assert encodings["id"] == ("DELTA_BINARY_PACKED", "RLE")
    with duckdb.connect() as connection:
        probe = "select bool_and(bloom_filter_excludes) from parquet_bloom_probe(?, ?, ?)"
        word, no_word = "c4ca4238a0b923820dcc509a6f75849b", "c4ca4238a0b923820dcc509a6f758490"
        for column, value, excluded in [
            ("id", 77, False), ("id", 7000, True), ("word", word, False), ("word", no_word, True)
        ]:  # fmt: skip
            assert connection.execute(probe, [str(path), column, value]).fetchone() == (excluded,), (column, value)


def test_parquet_for_old_readers(leat, db, check_equal):
    leat.format = "parquet"
    db.execute(SETUP)
    leat.sync(db, *sets(parquet_compatible="true"))
    check_equal(db, leat.out)
    for path in all_files(leat.out):
        for column in pq.ParquetFile(path).metadata.row_group(0).to_dict()["columns"]:
            assert set(column["encodings"]) <= {"PLAIN", "RLE", "RLE_DICTIONARY"}


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"partitioner": "default"}, r"topics/[\w.]+orders/partition=0/[\w.]+orders\+0\+\d{10}\.json"),
        ({"partitioner": "hourly", "timestamp_extractor": "record"},
         r"topics/[\w.]+orders/year=\d{4}/month=\d\d/day=\d\d/hour=\d\d/[\w.]+orders\+0\+\d{10}\.json"),
        ({"partitioner": "daily", "timestamp_extractor": "recordfield", "timestamp_field": "at",
          "timezone": "Europe/Berlin"},
         r"topics/[\w.]+orders/year=\d{4}/month=\d\d/day=\d\d/[\w.]+orders\+0\+\d{10}\.json"),
        ({"partitioner": "field", "partition_field_name": "land", "topics_dir": ""},
         r"[\w.]+orders/land=(de|fr|xx|new|null|a%2Fb %2Bü%25)/[\w.]+orders\+0\+\d{10}\.json"),
    ],
    ids=["default", "hourly", "daily", "field"],
)  # fmt: skip
def test_partitioners(options, pattern, leat, db, proof):
    args = sets(layout="confluent", flush_size=100, **options)
    db.execute(SETUP)
    leat.sync(db, *args)
    db.execute(CHANGES)
    leat.sync(db, *args)
    proof()
    names = [str(path.relative_to(leat.out)) for path in all_files(leat.out)]
    assert [name for name in names if not re.fullmatch(pattern, name)] == []
    if options["partitioner"] == "field":
        for path in all_files(leat.out):
            lands = {row["land"] for row in files.rows(path)}
            assert len(lands) == 1
    if "timestamp_field" in options:  # 2024-03-30 20:00 UTC is 21:00 in Berlin: three hours of it are before midnight
        days = collections.Counter(re.search(r"day=(\d\d)", name)[1] for name in names)
        assert {"30", "31"} <= set(days)


def test_flush_size_is_exact(leat, db, proof):
    args = sets(layout="confluent", partitioner="default", flush_size=64)
    db.execute(SETUP)
    leat.sync(db, *args)
    proof()
    offsets = [int(re.search(r"\+(\d+)\.json", path.name)[1]) for path in all_files(leat.out)]
    assert offsets == [0, 64, 128, 192]
    assert [len(files.rows(path)) for path in all_files(leat.out)] == [64, 64, 64, 8]


def test_an_idle_file_is_published(leat, db):
    db.execute(SETUP)
    process = leat.follow(db, *sets(file_rotate_interval="1s", layout="confluent", partitioner="daily"))
    process.wait_streaming(db)
    wait_until(lambda: sum(len(files.rows(path)) for path in all_files(leat.out)) == 200, "the snapshot is published")
    db.execute("INSERT INTO orders VALUES (7777)")
    wait_until(lambda: sum(len(files.rows(path)) for path in all_files(leat.out)) == 201, "the idle file is published")
    process.stop()


def test_keys(leat, db, proof):
    args = sets(store_kafka_keys="true", file_rotate_bytes="8KiB")
    db.execute(SETUP)
    leat.sync(db, *args)
    db.execute(CHANGES + "; TRUNCATE orders; INSERT INTO orders VALUES (1)")
    leat.sync(db, *args)
    proof()
    values = [path for path in all_files(leat.out) if ".keys." not in path.name]
    alone = 0
    for path in values:
        keys = path.with_name(path.name.replace(".json", ".keys.json"))
        rows = files.rows(path)
        if not keys.exists():
            assert [row["__op"] for row in rows] == ["t"]
            alone += 1
            continue
        assert [json.loads(line)["id"] for line in keys.read_text().splitlines()] == [row["id"] for row in rows]
    assert alone == 1 and len(values) > 3


@pytest.mark.parametrize("form", ["json", "avro", "parquet"])
def test_debeziums_envelope(form, leat, db):
    """Its content is held against Debezium's own elsewhere; here: every change once, deletes with their tombstones."""
    leat.format = form
    args = sets(envelope="debezium", partitioner="field", partition_field_name="op", store_kafka_keys="true",
                keys_format="json", behavior_on_null_values="write", flush_size=90)  # fmt: skip
    db.execute(SETUP)
    leat.sync(db, *args)
    db.execute(CHANGES)
    leat.sync(db, *args)
    ops, keys = collections.Counter(), collections.Counter()
    for path in all_files(leat.out):
        folder = path.parent.name
        if ".keys." in path.name:
            keys[folder] += len(path.read_text().splitlines())
        else:
            rows = files.rows(path)
            assert {row["op"] for row in rows} == {folder.removeprefix("op=")}
            ops[folder] += len(rows)
    deleted = 20 + 1
    assert ops == {"op=r": 200, "op=u": 66, "op=d": deleted, "op=c": 302}
    assert keys == {**ops, "tombstone": deleted}


def test_values_that_a_column_cannot_hold(leat, db):
    leat.format = "parquet"
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric(5,2), d date)")
    db.execute("INSERT INTO t VALUES (1, 'NaN', 'infinity')")
    result = leat.sync(db, *sets(inexact_values="fail"), check=False)
    assert result.returncode != 0 and "public.t, column n" in result.stderr
    leat.sync(db, *sets(inexact_values="text"))
    db.execute("INSERT INTO t VALUES (2, 'NaN', '-infinity')")
    leat.sync(db, *sets(inexact_values="null"))
    rows = [(row["n"], row["d"]) for path in all_files(leat.out) for row in files.rows(path)]
    assert rows == [("NaN", "infinity"), (None, None)]


def test_harbors_layout(leat, db):
    db.execute("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 50)")
    leat.sync(db, *sets(layout="harbor", tenant="42", flush_size=1))
    names = [str(path.relative_to(leat.out)) for path in all_files(leat.out)]
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    pattern = rf"tenant-42/raw/cdc\.{re.escape(leat.pipeline)}\.orders/\d{{4}}/\d\d/\d\d/\d\d/{uuid}\.json"
    assert len(names) == 50 and [name for name in names if not re.fullmatch(pattern, name)] == []
    rows = [row["id"] for path in all_files(leat.out) for row in files.rows(path)]
    assert sorted(rows) == list(range(1, 51))
    (leat.out / "tenant-42" / "note.json").write_text("not leat's")
    leat.run("delete", leat.pipeline, "--purge-data", "--yes")
    assert [path.name for path in all_files(leat.out)] == ["note.json"]


@pytest.mark.parametrize("point", ["sink.before_finish", "sink.after_finish", "sink.before_plan", "sink.after_plan",
                                   "sink.after_announce", "store.local.renamed", "sink.before_done",
                                   "sink.after_checkpoint", "sink.after_done"])  # fmt: skip
def test_kill_9_where_names_come_from_the_clock(point, leat, db, proof):
    args = sets(partitioner="time", partition_duration_ms=1, path_format="ss'_'SSS", file_rotate_bytes="4KiB",
                flush_size=150)  # fmt: skip
    db.execute(SETUP)
    hit = 0
    for count in (1, 2, 3):
        hit += leat.sync_until_done(db, *args, crash_point=f"{point}:{count}").returncode != 0
        db.execute(CHANGES.replace("1000, 1300", f"{count}000, {count}300").replace("id = 5", f"id = {count + 1}"))
    leat.sync(db, *args)
    proof()
    assert hit > 0, "the point was never passed"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"partitioner": "field"}, "partition.field.name"),
        ({"partitioner": "daily", "timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"format": "parquet", "file_compression": "deflate"}, "deflate"),
        ({"layout": "template", "file_name_template": "{table}/{offset}"}, "one name"),
        ({"rotate_interval_ms": 1000}, "rotate.interval.ms"),
    ],
)
def test_options_that_do_not_go_together(options, told, leat, db):
    leat.format = options.pop("format", "json")
    db.execute(SETUP)
    result = leat.sync(db, *sets(**options), check=False)
    assert result.returncode != 0 and told in result.stderr
    assert db.query("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()")[0][0] == 0


def test_a_field_that_a_table_has_not_is_told(leat, db):
    db.execute(SETUP)
    result = leat.sync(db, *sets(partitioner="field", partition_field_name="nothing"), check=False)
    assert result.returncode != 0 and "public.orders has no field nothing" in result.stderr


def test_on_s3(leat, db, bucket, tmp_path, check_equal):
    """Folders, keys and names that URLs do not bear."""
    leat.out = bucket.url("a b/ü")
    args = sets(layout="confluent", partitioner="field", partition_field_name="land", flush_size=100)
    args += sets(s3_endpoint=bucket.server.endpoint, s3_access_key="${env:KEY}", s3_secret_key="${env:SECRET}")
    env = {"KEY": bucket.server.access_key, "SECRET": bucket.server.secret_key}
    db.execute(SETUP)
    leat.sync(db, *args, env=env)
    db.execute(CHANGES)
    leat.sync(db, *args, env=env)
    down = tmp_path / "down"
    bucket.download(down, "a b/ü/topics/")
    assert any("land=a%2Fb %2Bü%25" in str(path) for path in all_files(down))
    check_equal(db, flat(down, tmp_path), ["public.orders"])
