# SPDX-License-Identifier: Apache-2.0
"""Iceberg metadata: what leat writes PyIceberg reads, field by field, and the other way round; the same commits make
the same tables in both; transforms and folders of partitions are the same.
tests/tools/iceberg_probe.c is leat's half."""

import datetime
import decimal
import json
import pathlib
import random
import subprocess
import uuid

import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable, update
from pyiceberg.table.metadata import TableMetadataUtil, new_table_metadata
from pyiceberg.table.refs import SnapshotRef
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.table.statistics import BlobMetadata, StatisticsFile
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
    parse_transform,
)
from pyiceberg.typedef import IcebergBaseModel, Record
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
UUID = uuid.UUID("9c12d441-03fe-4693-9a96-a0705ddf69c1")
NOW = 1_800_000_000_000


def probe(*arguments, fails=False, stdin=None):
    for build in ("build/debug", "build/asan", "build/clang", "build"):
        program = ROOT / build / "leat_iceberg_probe"
        if program.exists():
            command = [program, *map(str, arguments)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=180, input=stdin)
            assert (done.returncode != 0) == fails, done.stderr
            return done.stderr if fails else done.stdout
    pytest.fail("leat_iceberg_probe is not built")


def model(json_text):
    """As PyIceberg reads it."""
    # PyIceberg reads version 3, and refuses to write it: its base class does.
    return json.loads(IcebergBaseModel.model_dump_json(TableMetadataUtil.parse_raw(json_text)))


def every_type():
    scalars = [
        BooleanType(),
        IntegerType(),
        LongType(),
        FloatType(),
        DoubleType(),
        DecimalType(38, 10),
        DateType(),
        TimeType(),
        TimestampType(),
        TimestamptzType(),
        StringType(),
        UUIDType(),
        FixedType(16),
        BinaryType(),
    ]
    fields = [NestedField(1, "id", LongType(), required=True, doc='the "key" ä')]
    fields += [NestedField(i + 2, f"c {i}", kind, required=i % 2 == 0) for i, kind in enumerate(scalars)]

    def inner(first):
        x = NestedField(first, "x", IntegerType(), required=True)
        return StructType(x, NestedField(first + 1, "y", StringType()))

    fields += [
        NestedField(50, "list", ListType(51, inner(52), element_required=False)),
        NestedField(60, "map", MapType(61, StringType(), 62, inner(63), value_required=True)),
        NestedField(70, "odd map", MapType(71, IntegerType(), 72, ListType(73, DateType()))),
        NestedField(80, "nested", inner(81)),
    ]
    return Schema(*fields, identifier_field_ids=[1])


def snapshot(number, parent=None, sequence=None, schema=0):
    return Snapshot(
        snapshot_id=number,
        parent_snapshot_id=parent,
        sequence_number=sequence or number,
        timestamp_ms=NOW + number,
        manifest_list=f"file:///w/t/metadata/snap-{number}.avro",
        summary=Summary(Operation.APPEND, **{"total-records": str(number), "note": 'a "b"\n'}),
        schema_id=schema,
    )


def table(version):
    spec = PartitionSpec(
        PartitionField(10, 1000, DayTransform(), "at_day"),
        PartitionField(1, 1001, BucketTransform(16), "id_bucket"),
        PartitionField(12, 1002, TruncateTransform(4), "text_trunc"),
    )
    order = SortOrder(SortField(1, IdentityTransform(), SortDirection.DESC, NullOrder.NULLS_LAST))
    properties = {"format-version": str(version), "owner": "ä", "write.metadata.previous-versions-max": "2"}
    made = new_table_metadata(every_type(), spec, order, "file:///w/t", properties, UUID)
    return made.model_copy(update={"last_updated_ms": NOW})


def branch(name, number):
    return update.SetSnapshotRefUpdate(ref_name=name, type="branch", snapshot_id=number)


@pytest.fixture
def commit(tmp_path):
    """Applies updates with leat and with PyIceberg; both models."""

    def apply(base, updates, version="00000-a.metadata.json"):
        (tmp_path / "base.json").write_text(base.model_dump_json())
        body = {"requirements": [], "updates": [json.loads(one.model_dump_json()) for one in updates]}
        (tmp_path / "change.json").write_text(json.dumps(body))
        made = probe("apply", tmp_path / "base.json", tmp_path / "change.json", version, NOW)
        wanted = update.update_table_metadata(base, tuple(updates), metadata_location=version)
        ours, theirs = model(made), json.loads(wanted.model_dump_json())
        at = ours.pop("last-updated-ms")
        theirs.pop("last-updated-ms")
        return ours, theirs, wanted.model_copy(update={"last_updated_ms": at})

    return apply


@pytest.mark.parametrize("version", [2, 3])
def test_metadata_of_pyiceberg_is_the_same_when_leat_has_written_it(tmp_path, version):
    base = table(2)
    blob = BlobMetadata(type="apache-datasketches-theta-v1", snapshot_id=7, sequence_number=7, fields=[1])
    updates = [
        update.AddSnapshotUpdate(snapshot=snapshot(7)),
        branch("main", 7),
        update.SetSnapshotRefUpdate(
            ref_name="old",
            type="tag",
            snapshot_id=7,
            max_ref_age_ms=5,
            max_snapshot_age_ms=None,
            min_snapshots_to_keep=None,
        ),
        update.SetStatisticsUpdate(
            statistics=StatisticsFile(
                snapshot_id=7,
                statistics_path="s.puffin",
                file_size_in_bytes=9,
                file_footer_size_in_bytes=4,
                blob_metadata=[blob],
            )
        ),
    ]
    written = update.update_table_metadata(base, tuple(updates)).model_dump_json()
    if version == 3:
        third = json.loads(written) | {"format-version": 3, "next-row-id": 12}
        third["snapshots"][0] |= {"first-row-id": 2, "added-rows": 10}
        nanos = {"id": 300, "name": "nanos", "required": False, "type": "timestamp_ns"}
        third["schemas"][0]["fields"] += [nanos, {"id": 301, "name": "none", "required": False, "type": "unknown"}]
        written = json.dumps(third | {"encryption-keys": [{"key-id": "k", "encrypted-key-metadata": "AA=="}]})
    (tmp_path / "m.json").write_text(written)
    again = probe("same", tmp_path / "m.json")
    assert model(again) == model(written)
    (tmp_path / "again.json").write_text(again)
    assert probe("same", tmp_path / "again.json") == again


def test_metadata_of_version_1_is_read(tmp_path):
    base = table(1)
    (tmp_path / "m.json").write_text(base.model_dump_json())
    made, first = model(probe("same", tmp_path / "m.json")), json.loads(base.model_dump_json())
    assert made.pop("format-version") == 2
    for name in set(made) & set(first):
        assert made[name] == first[name], name


def test_commits_make_what_pyiceberg_makes_of_them(commit):
    base = table(2)
    ours, theirs, base = commit(base, [update.AddSnapshotUpdate(snapshot=snapshot(1)), branch("main", 1)])
    assert ours == theirs
    schema = Schema(*every_type().fields[:13], NestedField(200, "new", StringType()), schema_id=1)
    by_new = PartitionField(200, 1003, IdentityTransform(), "new")
    steps = [
        update.AddSchemaUpdate(schema=schema),
        update.SetCurrentSchemaUpdate(schema_id=-1),
        update.AddPartitionSpecUpdate(spec=PartitionSpec(by_new, spec_id=1)),
        update.SetDefaultSpecUpdate(spec_id=-1),
        update.AddSortOrderUpdate(sort_order=SortOrder(SortField(200, IdentityTransform()), order_id=2)),
        update.SetDefaultSortOrderUpdate(sort_order_id=-1),
        update.SetPropertiesUpdate(updates={"a": "1", "b": "2", "c": ""}),
        update.RemovePropertiesUpdate(removals=["b", "owner"]),
        update.SetLocationUpdate(location="s3://other/t"),
        update.UpgradeFormatVersionUpdate(format_version=2),
        update.AddSnapshotUpdate(snapshot=snapshot(2, 1, schema=1)),
        branch("main", 2),
        branch("side", 1),
    ]
    ours, theirs, base = commit(base, steps, "00001-b.metadata.json")
    assert ours == theirs
    steps = [update.RemovePartitionSpecsUpdate(spec_ids=[0]), update.RemoveSchemasUpdate(schema_ids=[0])]
    ours, theirs, base = commit(base, steps, "00002-c.json")
    assert ours == theirs
    assert len(ours["metadata-log"]) == 2
    ours, theirs, base = commit(base, [update.RemoveSnapshotRefUpdate(ref_name="side")])
    assert ours == theirs
    ours, theirs, base = commit(base, [update.RemoveSnapshotsUpdate(snapshot_ids=[1])])
    # PyIceberg forgets the removed parent's id, Java and leat do not.
    assert ours["snapshots"][0].pop("parent-snapshot-id") == 1
    assert ours == theirs
    assert [one["snapshot-id"] for one in ours["snapshot-log"]] == [2]


def test_a_long_history_makes_the_same_table(commit):
    base = table(2)
    for number in range(1, 30):
        updates = [update.AddSnapshotUpdate(snapshot=snapshot(number, number - 1 or None)), branch("main", number)]
        if number % 7 == 0:
            updates += [branch(f"b{number}", number - 3), update.SetPropertiesUpdate(updates={f"p{number}": "x"})]
        ours, theirs, base = commit(base, updates, f"{number:05}-x.metadata.json")
        assert ours == theirs


def test_new_tables_are_read_by_pyiceberg(tmp_path):
    (tmp_path / "schema.json").write_text(every_type().model_dump_json())
    by = 'day("c 8"), bucket(16, id), truncate(4, "c 10"), "c 6"'
    path = tmp_path / "00000-a.metadata.json"
    path.write_text(probe("new", tmp_path / "schema.json", by))
    made = StaticTable.from_metadata(str(path))
    fields = [(f.name, str(f.transform), made.schema().find_column_name(f.source_id)) for f in made.spec().fields]
    assert fields == [
        ("c 8_day", "day", "c 8"),
        ("id_bucket", "bucket[16]", "id"),
        ("c 10_trunc", "truncate[4]", "c 10"),
        ("c 6", "identity", "c 6"),
    ]
    assert made.format_version == 2 and made.snapshots() == [] and str(made.metadata.table_uuid) == str(UUID)
    # The same ids as PyIceberg gives.
    wanted = table(2).schemas[0]
    assert [f.field_id for f in made.schema().fields] == [f.field_id for f in wanted.fields]
    for name in ("list.element.y", "map.value.x", "nested.y"):
        assert made.schema().find_field(name).field_id == wanted.find_field(name).field_id
    assert made.metadata.last_column_id == table(2).last_column_id


def test_what_is_wrong_is_said(tmp_path):
    right = table(2).model_dump_json()
    (tmp_path / "m.json").write_text(right.replace('"current-schema-id":0', '"current-schema-id":3'))
    assert "current-schema-id: no schema has the id 3" in probe("same", tmp_path / "m.json", fails=True)
    (tmp_path / "base.json").write_text(table(2).model_dump_json())
    requirement = {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 5}
    (tmp_path / "c.json").write_text(json.dumps({"requirements": [requirement], "updates": []}))
    message = probe("apply", tmp_path / "base.json", tmp_path / "c.json", "f", NOW, fails=True)
    assert "changed: Requirement failed: branch or tag main is missing, expected 5" in message


def test_changes_are_the_same_when_leat_has_written_them(tmp_path):
    updates = [
        update.AddSchemaUpdate(schema=every_type()),
        update.AddPartitionSpecUpdate(spec=table(2).partition_specs[0]),
        update.AddSortOrderUpdate(sort_order=table(2).sort_orders[0]),
        update.AddSnapshotUpdate(snapshot=snapshot(5, 4)),
        update.SetSnapshotRefUpdate(
            ref_name="b", type="branch", snapshot_id=5, max_ref_age_ms=5, max_snapshot_age_ms=6, min_snapshots_to_keep=7
        ),
        update.RemoveSnapshotsUpdate(snapshot_ids=[1, 2]),
    ]
    body = {"requirements": [{"type": "assert-create"}], "updates": [json.loads(u.model_dump_json()) for u in updates]}
    (tmp_path / "c.json").write_text(json.dumps(body))
    written = json.loads(probe("change", tmp_path / "c.json"))
    for ours, theirs, kind in zip(written["updates"], updates, (type(u) for u in updates), strict=True):
        assert kind.model_validate(ours).model_dump_json() == theirs.model_dump_json()


def micros(value):
    return int((value - datetime.datetime(1970, 1, 1)) / datetime.timedelta(microseconds=1))


def transform_cases():
    """(type, transform, value as PyIceberg takes it, value as the probe takes it)"""
    draw = random.Random(6)
    times = [-1, 0, 1, -86_400_000_000, micros(datetime.datetime(2017, 11, 16, 22, 31, 8, 1))]
    first, last = micros(datetime.datetime(1, 1, 1)), micros(datetime.datetime(9999, 1, 1))
    times += [draw.randrange(first, last) for _ in range(40)]
    for value in times:
        for kind in (TimestampType(), TimestamptzType()):
            for transform in ("identity", "year", "month", "day", "hour", "bucket[7]"):
                yield kind, transform, value, str(value)
    for value in [-1, 0, 17486, *(draw.randrange(-700_000, 2_900_000) for _ in range(40))]:
        for transform in ("identity", "year", "month", "day", "bucket[1000]"):
            yield DateType(), transform, value, str(value)
    for value in [0, 81_068_000_000, 36_900_000_000, *(draw.randrange(86_400_000_000) for _ in range(20))]:
        for transform in ("bucket[9]", "identity"):
            yield TimeType(), transform, value, str(value)
    for value in [-1, 0, 1, 34, *(draw.randrange(-(2**31), 2**31) for _ in range(40))]:
        for kind in (IntegerType(), LongType()):
            for transform in ("identity", "bucket[16]", "truncate[10]"):
                if not (isinstance(kind, IntegerType) and value < -(2**31) + 10):
                    yield kind, transform, value, str(value)
    drawn = ("".join(draw.choices("aä€😀 /", k=9)) for _ in range(30))
    for text in ["", "a", "iceberg", "ä€😀x y/z+%", "𝄞𝄞𝄞", *drawn]:
        for transform in ("identity", "bucket[16]", "truncate[3]"):
            yield StringType(), transform, text, text
    for size in range(20):
        value = draw.randbytes(size)
        for transform in ("bucket[16]", "truncate[3]"):
            yield BinaryType(), transform, value, value.hex()
    for _ in range(40):
        units = draw.choice([1, -1]) * draw.randrange(10 ** draw.randrange(1, 38))
        value = decimal.Decimal(units).scaleb(-4, decimal.Context(prec=60))
        for transform in ("bucket[16]", "truncate[50]", "identity"):
            yield DecimalType(38, 4), transform, value, format(value, "f")
    for _ in range(10):
        value = uuid.UUID(bytes=draw.randbytes(16))
        yield UUIDType(), "bucket[16]", value, value.hex


def test_transforms_and_folders_are_those_of_pyiceberg():
    cases = list(transform_cases())
    lines = "".join(f"{kind}\t{transform}\t{value}\n" for kind, transform, _, value in cases)
    results = probe("transform", stdin=lines).split("\n")
    for (kind, name, value, _), line in zip(cases, results[:-1], strict=True):
        transform = parse_transform(name)
        result, folder = line.split("\t")
        wanted = transform.transform(kind)(value)
        if isinstance(wanted, bytes):
            text = wanted.hex()
        elif isinstance(wanted, decimal.Decimal):
            text = format(wanted, "f")
        else:
            text = str(wanted)
        assert result == text, (kind, name, value)
        schema = Schema(NestedField(1, "c", kind))
        spec = PartitionSpec(PartitionField(1, 1000, transform, "c p"))
        # PyIceberg prints some values otherwise than Java.
        as_java = name != "identity" and not isinstance(kind, (DecimalType, TimeType))
        if as_java or isinstance(kind, (StringType, IntegerType)):
            assert folder == spec.partition_to_path(Record(wanted), schema), (kind, name, value)


def test_a_thousand_snapshots_are_quick(tmp_path):
    base = json.loads(table(2).model_dump_json())
    summary = {"operation": "append", **{f"added-position-deletes-{i}": "1234567" for i in range(20)}}
    base["snapshots"] = [
        {"sequence-number": i, "snapshot-id": i, "timestamp-ms": NOW + i, "parent-snapshot-id": i - 1}
        | {"summary": summary, "manifest-list": f"file:///w/t/metadata/snap-{i}.avro"}
        for i in range(1000, 2000)
    ]
    base |= {"last-sequence-number": 2000, "current-snapshot-id": 1999}
    base["refs"] = {"main": {"snapshot-id": 1999, "type": "branch"}}
    (tmp_path / "m.json").write_text(json.dumps(base))
    took = json.loads(probe("time", tmp_path / "m.json"))
    print(took)
    assert took["bytes"] > 500_000
    # About 4 ms, 0.4 ms and 35 µs where it is optimised.
    assert took["write_us"] < 2 * took["read_us"] and took["apply_us"] < took["read_us"]
