# SPDX-License-Identifier: Apache-2.0
"""The objects sink: formats, folders, names, rotation, keys, and kill -9 where names come from the clock."""

import collections
import datetime
import json
import re
import shutil
import zoneinfo

import duckdb
import files
import pyarrow.parquet as pq
import pytest
import scratch
from leat import ROOT
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
    return [path for path in scratch.paths(out) if path.relative_to(out).parts[0] not in ("_leat", ".leat-staging")]


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


@pytest.mark.parametrize("point", ["sink.after_plan", "store.s3.published", "store.s3.unlinked", "sink.before_done"])
def test_kill_9_where_names_of_objects_come_from_the_clock(point, leat, db, bucket, tmp_path, check_equal):
    """And purge finds them all."""
    leat.out = bucket.url("lake")
    target = sets(s3_endpoint=bucket.server.endpoint, s3_access_key="${env:KEY}", s3_secret_key="${env:SECRET}")
    args = sets(partitioner="time", partition_duration_ms=1, path_format="ss'_'SSS", flush_size=150) + target
    env = {"KEY": bucket.server.access_key, "SECRET": bucket.server.secret_key}
    db.execute(SETUP)
    hit = 0
    for count in (1, 2):
        hit += leat.sync_until_done(db, *args, crash_point=f"{point}:{count}", env=env).returncode != 0
        db.execute(CHANGES.replace("1000, 1300", f"{count}000, {count}300").replace("id = 5", f"id = {count + 1}"))
    leat.sync(db, *args, env=env)
    assert hit > 0, "the point was never passed"
    bucket.download(tmp_path / "down", "lake/")
    check_equal(db, flat(tmp_path / "down", tmp_path), ["public.orders"])
    leat.run("delete", leat.pipeline, "--purge-data", "--yes", env=env)
    assert [key for key in bucket.keys("lake/") if "/_leat/" not in key] == []


@pytest.mark.parametrize("point", ["sink.after_finish", "sink.before_plan", "sink.after_plan", "store.local.renamed",
                                   "sink.before_done", "sink.after_done"])  # fmt: skip
def test_kill_9_between_values_keys_and_headers(point, leat, db):
    """Folders of the clock, files that end amid transactions, tombstones: each record once, with its companions."""
    args = ["--envelope", "debezium", *sets(
        partitioner="time", partition_duration_ms=1, path_format="ss'_'SSS", flush_size=70, store_kafka_keys="true",
        store_kafka_headers="true", behavior_on_null_values="write")]  # fmt: skip
    db.execute(SETUP)
    want, hit = collections.Counter({("r", i): 1 for i in range(1, 201)}), 0
    for k in (1000, 2000, 3000):
        hit += leat.sync_until_done(db, *args, crash_point=f"{point}:{k // 1000}").returncode != 0
        ids = range(k, k + 100)
        db.execute(
            f"INSERT INTO orders SELECT generate_series({k}, {k + 99});"
            f" UPDATE orders SET price = 1 WHERE id >= {k} AND id % 3 = 0;"
            f" DELETE FROM orders WHERE id >= {k} AND id % 10 = 1; UPDATE orders SET id = -{k} WHERE id = {k}"
        )
        want.update([("c", i) for i in ids] + [("u", i) for i in ids if i % 3 == 0] + [("c", -k), ("d", k)])
        want.update(("d", i) for i in ids if i % 10 == 1)
    leat.sync(db, *args)
    got, tombstones = collections.Counter(), collections.Counter()
    for path in all_files(leat.out):
        if ".headers." in path.name:
            continue
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        stem = path.name.removesuffix(".json").removesuffix(".keys")
        headers = path.with_name(f"{stem}.headers.json").read_text().splitlines()
        assert len(headers) == len(lines)
        if "tombstone" in path.parts:
            tombstones.update(line["id"] for line in lines)
        elif ".keys." not in path.name:
            keys = [json.loads(line)["id"] for line in path.with_name(f"{stem}.keys.json").read_text().splitlines()]
            assert keys == [(line["after"] or line["before"])["id"] for line in lines]
            got.update((line["op"], key) for line, key in zip(lines, keys))
    assert got == want
    assert tombstones == collections.Counter(i for op, i in want if op == "d")
    assert hit > 0, "the point was never passed"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"partitioner": "field"}, "partition.field.name"),
        ({"partitioner": "daily", "timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"format": "parquet", "file_compression": "deflate"}, "deflate"),
        ({"layout": "template", "file_name_template": "{table}/{offset}"}, "one name"),
        ({"rotate_interval_ms": 1000}, "rotate.interval.ms"),
        ({"store_kafka_headers": "true"}, "store.kafka.headers"),
        ({"json_schemas_enable": "true"}, "json.schemas.enable"),
        ({"envelope": "debezium", "inexact_values": "text"}, "inexact.values"),
        ({"envelope": "debezium", "behavior_on_null_values": "write"}, "store.kafka.keys"),
        ({"format": "bytes", "envelope": "debezium", "store_kafka_headers": "true"}, "headers.format"),
        ({"format": "bytes", "format_bytearray_separator": r"\q"}, "format.bytearray.separator"),
        ({"format": "bytes", "format_bytearray_extension": "a/b"}, "format.bytearray.extension"),
        ({"layout": "harbor"}, "tenant"),
        ({"partitioner": "daily", "locale": "de"}, "locale"),
        ({"partitioner": "time", "path_format": "YYYY"}, "partition.duration.ms"),
        ({"partitioner": "time", "path_format": "zzz", "partition_duration_ms": 1}, "path.format"),
        ({"layout": "confluent", "directory_delim": ""}, "directory.delim"),
    ],
)
def test_options_that_do_not_go_together(options, told, leat, db):
    leat.format = options.pop("format", "json")
    db.execute(SETUP)
    result = leat.sync(db, *sets(**options), check=False)
    assert result.returncode != 0 and told in result.stderr
    assert db.query("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()")[0][0] == 0


def test_a_tombstone_can_be_an_error(leat, db):
    args = ["--envelope", "debezium", *sets(behavior_on_null_values="fail")]
    db.execute(SETUP)
    leat.sync(db, *args)
    db.execute("INSERT INTO orders VALUES (1000); DELETE FROM orders WHERE id = 7")
    told = leat.sync(db, *args, check=False)
    assert told.returncode != 0 and "public.orders, offset 201: the tombstone of a delete has no value" in told.stderr
    leat.sync(db, *args, *sets(behavior_on_null_values="ignore"))
    assert sum(len(files.rows(path)) for path in all_files(leat.out)) == 202


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


def test_bytes(leat, db):
    """A table of one column: its bytes, one record behind the other; a delete has none."""
    leat.format = "bytes"
    args = sets(format_bytearray_extension=".blob", format_bytearray_separator=r"\r\x00;", flush_size=2)
    db.execute("CREATE TABLE raw (b bytea PRIMARY KEY); INSERT INTO raw VALUES ('\\x0001'), ('abc')")
    leat.sync(db, *args)
    db.execute("DELETE FROM raw WHERE b = 'abc'")
    leat.sync(db, *args)
    db.execute("DELETE FROM raw; INSERT INTO raw VALUES ('x'); UPDATE raw SET b = 'y'; TRUNCATE raw")
    leat.sync(db, *args)
    paths = all_files(leat.out)
    assert {path.suffix for path in paths} == {".blob"}
    assert sorted(paths[0].read_bytes().split(b"\r\0;")) == [b"", b"\0\1", b"abc"]
    assert b"".join(path.read_bytes() for path in paths[1:]) == b"x\r\0;y\r\0;"
    db.execute("INSERT INTO raw VALUES ('z'); DELETE FROM raw")
    told = leat.sync(db, *args, *sets(behavior_on_null_values="fail"), check=False)
    assert told.returncode != 0 and "public.raw, offset 9: a delete has no value" in told.stderr
    leat.sync(db, *args, *sets(behavior_on_null_values="write", store_kafka_keys="true", keys_format="json"))
    (keys,) = (leat.out / "public/raw/tombstone").iterdir()
    assert keys.read_text() == '{"b":"eg=="}\n'
    assert len(all_files(leat.out)) == len(paths) + 3


ROW_TIME = datetime.datetime(2024, 3, 30, 20, tzinfo=datetime.timezone.utc)  # SETUP: row i is 5 i minutes later
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def names_of(leat):
    return [str(path.relative_to(leat.out)) for path in all_files(leat.out)]


def test_delimiters_and_digits(leat, db):
    args = sets(layout="confluent", partitioner="field", partition_field_name="land,__op", topics_dir="a/b/",
                directory_delim="~", file_delim="--", filename_offset_zero_pad_width=3, flush_size=150)  # fmt: skip
    db.execute(SETUP)
    leat.sync(db, *args)
    names = names_of(leat)
    assert names and not [
        name for name in names
        if not re.fullmatch(r"a/b~public\.orders~land=[^~/=]+~__op=r~public\.orders--0--\d{3}\.json", name)
    ]  # fmt: skip


def test_folders_of_values_alone(leat, db):
    db.execute(SETUP + "; INSERT INTO orders VALUES (999, '')")
    leat.sync(db, *sets(partitioner="field", partition_field_name="land,__deleted",
                       partition_field_format_path="false"))  # fmt: skip
    folders = {tuple(name.split("/")[2:-1]) for name in names_of(leat)}
    assert folders == {(land, "false") for land in ("de", "fr", "a%2Fb %2Bü%25", "null")}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "-03:30"])
def test_path_format(zone, leat, db, proof):
    """Folders of two hours of local time, of each row by its own field, over the night in which clocks change."""
    args = sets(partitioner="time", path_format="'w'=xxxx-ww/EEE d MMMM/hh a HH'h'mm", partition_duration_ms=7200000,
                timestamp_extractor="recordfield", timestamp_field="at", timezone=zone, locale="en_US")  # fmt: skip
    db.execute(SETUP)
    leat.sync(db, *args)
    proof()
    offset = datetime.timezone(-datetime.timedelta(hours=3, minutes=30))
    seen = set()
    for path in all_files(leat.out):
        folder = "/".join(path.relative_to(leat.out / "public" / "orders").parts[:-1])
        for row in files.rows(path):
            local = (ROW_TIME + datetime.timedelta(minutes=5 * row["id"])).astimezone(BERLIN if "/" in zone else offset)
            floor = local.replace(tzinfo=None, hour=local.hour // 2 * 2, minute=0)
            if "/" in zone and (floor.month, floor.day, floor.hour) == (3, 31, 2):
                floor = floor.replace(hour=3)  # there is no 02:00 that night
            assert folder == floor.strftime(f"w=%G-%V/%a {floor.day} %B/%I %p %Hh%M"), row
        seen.add(folder)
    assert len(seen) >= 9


def test_rotation_by_the_time_of_records(leat, db, proof):
    args = sets(partitioner="hourly", timestamp_extractor="recordfield", timestamp_field="at",
                rotate_interval_ms=1200000, rotate_file_on_partition_change="false")  # fmt: skip
    db.execute(SETUP)
    leat.sync(db, *args)
    proof()
    first, spans = None, collections.defaultdict(list)
    ids = {path: [row["id"] for row in files.rows(path)] for path in all_files(leat.out)}
    of_row = {i: path for path, rows in ids.items() for i in rows}
    for i in range(1, 201):  # in the order of the snapshot
        if first is None or 5 * (i - first) >= 20:
            first = i
        spans[first].append(of_row[i])
    starts = sorted(spans)
    for a, b in zip(starts, starts[1:]):
        assert not set(spans[a]) & set(spans[b]), "a file goes on after its interval"
    assert sum(len(set(paths)) for paths in spans.values()) == len(ids)


def test_rotation_by_the_clock(leat, db):
    db.execute(SETUP)
    process = leat.follow(db, *sets(file_rotate_interval="0", file_rotate_bytes=0, rotate_schedule_interval_ms=1000,
                                    timezone="Asia/Kathmandu"))  # fmt: skip
    wait_until(lambda: sum(len(files.rows(path)) for path in all_files(leat.out)) == 200, "the snapshot is published")
    db.execute("INSERT INTO orders VALUES (7777)")
    wait_until(lambda: sum(len(files.rows(path)) for path in all_files(leat.out)) == 201, "the next second has come")
    process.stop()


def test_open_partitions_are_limited(leat, db, proof):
    args = sets(partitioner="field", partition_field_name="land", partitioner_max_open_files=2)
    db.execute(SETUP)
    leat.sync(db, *args)
    proof()
    # Four values go round and round: after every two of them the two files end.
    assert len(names_of(leat)) == 200
    assert {len(files.rows(path)) for path in all_files(leat.out)} == {1}


def test_options_may_change_and_purge_finds_all(leat, db):
    """Folders, keys and names of later runs lie over those of the first; what is not leat's stays."""
    db.execute(SETUP)
    leat.sync(db)
    for run, options in enumerate(
        [{"partitioner": "hourly"},
         {"partitioner": "field", "partition_field_name": "land", "store_kafka_keys": "true"},
         {"partitioner": "time", "path_format": "mm/ss.SSS", "partition_duration_ms": 1, "flush_size": 7},
         {"layout": "harbor", "tenant": "7"}, {"layout": "confluent", "partitioner": "daily"}]
    ):  # fmt: skip
        first = (run + 1) * 1000
        db.execute(f"INSERT INTO orders SELECT i, 'x', now(), 1 FROM generate_series({first}, {first + 20}) i")
        leat.sync(db, *sets(**options))
    rows = [row["id"] for path in all_files(leat.out) if ".keys." not in path.name for row in files.rows(path)]
    assert sorted(rows) == [row[0] for row in db.query("SELECT id FROM orders ORDER BY 1")]
    folder = next(path.parent for path in all_files(leat.out) if "tenant-7" in str(path))
    note = leat.out / "public/orders/public.orders-0-00000000000000009999.json"
    note.write_text("{}")
    (folder / "note.txt").write_text("not leat's")
    leat.run("delete", leat.pipeline, "--purge-data", "--yes")
    assert {path.name for path in all_files(leat.out)} == {"note.txt", note.name}


def correspondence():
    """The rows of docs/sinks/objects.md, "Coming from Confluent's S3 sink": its properties, what is said of them."""
    page = (ROOT / "docs/sinks/objects.md").read_text(encoding="utf-8")
    text = page.partition("## Coming from Confluent's S3 sink")[2]
    lines = text.partition("\n\nWhat is different")[0].split("\n")
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    return [(re.findall(r"`([\w.]+)`", names), here) for names, here in cells]


def options_known():
    text = (ROOT / "docs/reference/options.md").read_text(encoding="utf-8").partition("## Objects sink")[2]
    rows = [line.split(" | ") for line in text.split("\n## ")[0].split("\n") if line.startswith("| `")]
    return {row[0].strip("| `"): row[1].split(",") for row in rows}


def test_the_correspondence_says_what_the_options_do():
    """the same: there is such an option; `name=value`: it has such a value; none: there is no such option."""
    known, seen = options_known(), set()
    for properties, here in correspondence():
        assert properties and not seen & set(properties)
        seen |= set(properties)
        if here.startswith("none"):
            assert not set(properties) & set(known), f"{properties}: there is such an option"
            continue
        if here.startswith("the same"):
            assert set(properties) <= set(known), f"{properties}: there is no such option"
            here = here.partition(";")[2]
        for name, _, value in (text.partition("=") for text in re.findall(r"`([\w.]+(?:=\w+)?)`", here)):
            if value and name in known:
                assert known[name] == ["boolean"] or value in known[name] or known[name][0].islower(), (name, value)
            assert name in known or not value, f"{name} is no option"
    assert len(seen) == 67
