# SPDX-License-Identifier: Apache-2.0
"""Iceberg's files: tables that leat writes are read by PyIceberg, DuckDB and fastavro, row by row, and leat reads what
PyIceberg writes. tests/tools/iceberg_files_probe.c is leat's half."""

import datetime
import decimal
import json
import os
import pathlib
import struct
import subprocess
import uuid
import zlib

import duckdb
import fastavro
import pyarrow
import pytest
from duckdb_extensions import import_extension
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.table.puffin import PuffinFile
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestampType

ROOT = pathlib.Path(__file__).resolve().parents[2]
EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
# Column and transform of each partition field.
SPECS = {
    "plain": [],
    "types": [(4, "identity"), (6, "identity"), (7, "identity"), (3, "identity")],
    "transforms": [(1, "bucket[3]"), (2, "truncate[2]"), (5, "month"), (3, "day")],
}


def probe(*arguments, **env):
    for build in ("build/debug", "build/asan", "build/clang", "build"):
        program = ROOT / build / "leat_iceberg_files_probe"
        if program.exists():
            argv, env = [program, *map(str, arguments)], {**os.environ, **env}
            done = subprocess.run(argv, capture_output=True, text=True, timeout=180, env=env)
            assert done.returncode == 0, done.stderr
            return [json.loads(line) for line in done.stdout.split("\n") if line]
    pytest.fail("leat_iceberg_files_probe is not built")


def row(number):
    """The row as the probe makes it."""
    if number % 7 == 0:
        return (number,) + (None,) * 6
    return (
        number,
        f"n{number % 4}-ü",
        (EPOCH + datetime.timedelta(days=number % 3 * 20 - 10977)).date(),
        decimal.Decimal(f"{number % 2 * 1000 - 500}.25"),
        EPOCH + datetime.timedelta(seconds=845000000 + number % 2 * 7200),
        uuid.UUID(bytes=bytes([0xF7, 0x9C]) + bytes(13) + bytes([number % 2])),
        number % 2 == 0,
    )


@pytest.fixture(scope="module", params=[(version, name) for version in (2, 3) for name in SPECS], ids=str)
def written(request, tmp_path_factory):
    version, name = request.param
    folder = tmp_path_factory.mktemp("lake")
    fields = [
        {"source-id": source, "field-id": 1000 + i, "name": f"{i} part-{source}", "transform": transform}
        for i, (source, transform) in enumerate(SPECS[name])
    ]
    [table] = probe("write", folder, version, json.dumps(fields))
    table["rows"] = sorted(row(number) for number in table["ids"])
    table["version"], table["spec"] = version, name
    assert 20 < len(table["ids"]) < 80
    return table


def test_pyiceberg_reads_the_rows(written):
    table = StaticTable.from_metadata(written["metadata"])
    found = table.scan().to_arrow()
    columns = [found.column(i).to_pylist() for i in range(7)]
    columns[5] = [uuid.UUID(bytes=key) if isinstance(key, bytes) else key for key in columns[5]]
    assert sorted(zip(*columns)) == written["rows"]
    summary = table.current_snapshot().summary
    manifests = table.current_snapshot().manifests(table.io)
    files = [entry.data_file for manifest in manifests for entry in manifest.fetch_manifest_entry(table.io)]
    contents = [int(file.content) for file in files]
    records = [file.record_count for file in files]
    assert int(summary["total-data-files"]) == contents.count(0)
    assert int(summary["total-delete-files"]) == contents.count(1)
    assert int(summary["total-records"]) == sum(r for r, c in zip(records, contents) if c == 0)
    assert int(summary["total-position-deletes"]) == sum(r for r, c in zip(records, contents) if c == 1)
    # A filter on a partition prunes and still finds.
    wanted = [found for found in written["rows"] if found[0] == written["ids"][-1]]
    assert len(table.scan(row_filter=f"id == {written['ids'][-1]}").to_arrow()) == len(wanted) == 1


def test_duckdb_reads_the_rows(written):
    with duckdb.connect() as connection:
        for extension in ("avro", "iceberg"):
            import_extension(extension, con=connection)
            connection.execute(f"load {extension}")
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(
            f"select id, name, day, price, epoch_us(\"at\"), key, \"yes no\" from iceberg_scan('{written['metadata']}')"
        ).fetchall()
    wanted = [
        tuple(int((value - EPOCH).total_seconds() + 946684800) * 1000000 if i == 4 and value is not None else value
              for i, value in enumerate(one))
        for one in written["rows"]
    ]
    assert sorted(found) == wanted


def avro(path):
    with open(path.removeprefix("file://"), "rb") as file:
        reader = fastavro.reader(file)
        return reader.metadata, reader.writer_schema, list(reader)


def ids_of(record):
    return {field["name"]: field["field-id"] for field in record["fields"]}


def test_fastavro_reads_manifests(written):
    table = StaticTable.from_metadata(written["metadata"])
    for snapshot in table.metadata.snapshots:
        head, schema, manifests = avro(snapshot.manifest_list)
        assert head["format-version"] == str(written["version"])
        assert head["snapshot-id"] == str(snapshot.snapshot_id)
        assert ids_of(schema)["manifest_path"] == 500 and ids_of(schema)["partitions"] == 507
        for manifest in manifests:
            check_manifest(table, written, manifest)


def check_manifest(table, written, manifest):
    head, schema, entries = avro(manifest["manifest_path"])
    assert pathlib.Path(manifest["manifest_path"].removeprefix("file://")).stat().st_size == manifest["manifest_length"]
    assert head["content"] == ("deletes" if manifest["content"] else "data")
    assert head["partition-spec-id"] == "0" and head["format-version"] == str(written["version"])
    assert [field["field-id"] for field in json.loads(head["partition-spec"])] == [
        field.field_id for field in table.spec().fields
    ]
    assert json.loads(head["schema"])["fields"][0]["name"] == "id"
    [file_type] = [field["type"] for field in schema["fields"] if field["name"] == "data_file"]
    assert ids_of(schema)["status"] == 0 and ids_of(file_type)["lower_bounds"] == 125
    assert ("content_offset" in ids_of(file_type)) == (written["version"] == 3)
    counts = {(status, what): 0 for status in range(3) for what in ("files", "rows")}
    sequences = []
    for entry in entries:
        file = entry["data_file"]
        counts[entry["status"], "files"] += 1
        counts[entry["status"], "rows"] += file["record_count"]
        assert (entry["sequence_number"] is None) == (entry["status"] == 1)
        if entry["status"] != 2:
            sequences.append(entry["sequence_number"] or manifest["sequence_number"])
        if file["content"] == 1 and file["referenced_data_file"]:
            [bound] = file["lower_bounds"]
            assert bound == {"key": 2147483546, "value": file["referenced_data_file"].encode()}
    for status, name in enumerate(("existing", "added", "deleted")):
        assert manifest[f"{name}_files_count"] == counts[status, "files"]
        assert manifest[f"{name}_rows_count"] == counts[status, "rows"]
    if sequences:
        assert manifest["min_sequence_number"] == min(sequences)


def test_puffin_files(written):
    if written["version"] != 3:
        pytest.skip("version 2 has position delete files")
    vectors = 0
    for found in probe("read", written["metadata"]):
        if found["content"] != 1:
            continue
        vectors += 1
        payload = pathlib.Path(found["path"].removeprefix("file://")).read_bytes()
        theirs = PuffinFile(payload).to_vector()
        [data_file] = {path for path, _ in found["deletes"]}
        positions = [position for _, position in found["deletes"]]
        assert theirs[data_file].to_pylist() == positions and len(positions) == found["records"]
        size = struct.unpack("<i", payload[-12:-8])[0]
        for blob in json.loads(payload[-12 - size : -12])["blobs"]:
            body = payload[blob["offset"] : blob["offset"] + blob["length"]]
            assert struct.unpack(">I", body[:4])[0] == len(body) - 8
            assert struct.unpack(">I", body[-4:])[0] == zlib.crc32(body[4:-4])
    assert vectors > 0


def test_row_ids(written):
    """Every row of version 3 has its own id, and the table's next one is above all."""
    if written["version"] != 3:
        pytest.skip("rows of version 2 have no ids")
    metadata = json.loads(pathlib.Path(written["metadata"]).read_text())
    seen = set()
    for found in probe("read", written["metadata"]):
        if found["content"] == 0:
            ids = range(found["row_id"], found["row_id"] + found["records"])
            assert found["row_id"] >= 0 and not seen.intersection(ids)
            seen.update(ids)
    assert max(seen) < metadata["next-row-id"]
    for snapshot in metadata["snapshots"]:
        assert snapshot["first-row-id"] + snapshot["added-rows"] <= metadata["next-row-id"]


@pytest.mark.parametrize("version", [2, 3])
def test_tables_on_s3(tmp_path, bucket, version):
    """The same on S3, where every request is counted: a writer reads nothing that it wrote itself."""
    env = {**bucket.server.env(), "AWS_ENDPOINT_URL_S3": bucket.server.endpoint}
    env["LEAT_PROBE_STAGING"] = str(tmp_path / "staging")
    [table] = probe("write", f"s3://{bucket.name}/wh", version, "[]", **env)
    properties = {
        "s3.endpoint": bucket.server.endpoint,
        "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
        "s3.region": env["AWS_REGION"],
    }
    found = StaticTable.from_metadata(table["metadata"], properties).scan(selected_fields=("id",)).to_arrow()
    assert sorted(found.column("id").to_pylist()) == sorted(table["ids"])
    assert table["gets"] == 0 and table["puts"] > 20
    assert list((tmp_path / "staging").rglob("*")) == []


@pytest.mark.parametrize("version", ["1", "2"])
def test_leat_reads_what_pyiceberg_writes(tmp_path, version):
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/wh")
    catalog.create_namespace("n")
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "name", StringType(), required=False),
        NestedField(3, "at", TimestampType(), required=False),
    )
    spec = PartitionSpec(
        PartitionField(2, 1000, IdentityTransform(), "name"),
        PartitionField(3, 1001, DayTransform(), "at_day"),
        PartitionField(1, 1002, BucketTransform(4), "id_bucket"),
    )
    table = catalog.create_table("n.t", schema, partition_spec=spec, properties={"format-version": version})
    at = datetime.datetime(2026, 11, 21, 12)
    for start in (0, 10):
        ids = list(range(start, start + 10))
        table.append(pyarrow.table({"id": ids, "name": [f"é{i % 2}" for i in ids], "at": [at] * 10}))
    table.delete("id == 3 or name == 'é1'")
    found = {one["path"]: one for one in probe("read", table.metadata_location)}
    files = table.inspect.entries().to_pylist()
    wanted = {one["data_file"]["file_path"]: one for one in files if one["status"] != 2}
    assert found.keys() == wanted.keys() and found
    for path, theirs in wanted.items():
        ours, file = found[path], theirs["data_file"]
        assert ours["records"] == file["record_count"] and ours["size"] == file["file_size_in_bytes"]
        assert ours["sequence"] == (theirs["sequence_number"] or 0) and ours["snapshot"] == theirs["snapshot_id"]
        partition = list(file["partition"].values())
        partition[1] = (partition[1] - datetime.date(1970, 1, 1)).days
        assert ours["partition"] == partition
        sizes = dict(file["column_sizes"])
        assert {one[0]: one[1] for one in ours["metrics"]} == sizes
