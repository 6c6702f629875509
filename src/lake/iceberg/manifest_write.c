// SPDX-License-Identifier: Apache-2.0
// Manifests, written.
#include "core/base/decimal.h"
#include "data/format/avro/avro_schema.h"
#include "lake/iceberg/avro_out.h"
#include "lake/iceberg/manifest_parts.h"
#include "lake/iceberg/partition.h"

typedef struct Summary { // of one partition field
    Shape shape;
    bool null, nan, bounded;
    Value lower, upper; // in `run`
} Summary;

struct ManifestWriter {
    Arena run;
    AvroOut out;
    int32_t format_version;
    bool deletes;
    int64_t snapshot_id;
    const PartitionSpec *spec;
    Summary *summaries;
    ManifestFile made;
};

// --- opening ---------------------------------------------------------------------------------------------------

static void put_pairs(ManifestWriter *writer, const TableSchema *schema, const Shape *shapes) {
    AvroOut *out = &writer->out;
    DEFER(buf_release) Buf text = {0};
    manifest_schema_json(writer->format_version, writer->spec, shapes, &text);
    avro_out_pair(out, "avro.schema", buf_slice(&text));
    buf_reset(&text);
    table_schema_write(schema, &text);
    avro_out_pair(out, "schema", buf_slice(&text));
    buf_reset(&text);
    buf_int(&text, schema->id);
    avro_out_pair(out, "schema-id", buf_slice(&text));
    buf_reset(&text);
    partition_fields_write(writer->spec, &text);
    avro_out_pair(out, "partition-spec", buf_slice(&text));
    buf_reset(&text);
    buf_int(&text, writer->spec->id);
    avro_out_pair(out, "partition-spec-id", buf_slice(&text));
    avro_out_pair(out, "format-version", writer->format_version >= 3 ? SLICE("3") : SLICE("2"));
    avro_out_pair(out, "content", writer->deletes ? SLICE("deletes") : SLICE("data"));
}

static bool open_writer(ManifestWriter *writer, const TableMetadata *table, const TableSchema *schema, Err *err) {
    size_t count = writer->spec->field_count;
    Shape *shapes = ARENA_ARRAY(&writer->run, Shape, count);
    writer->summaries = ARENA_ARRAY(&writer->run, Summary, count);
    for (size_t i = 0; i < count; i++) {
        TRY(partition_shape(table, schema, &writer->spec->fields[i], &shapes[i], err));
        writer->summaries[i].shape = shapes[i];
    }
    put_pairs(writer, schema, shapes);
    return true;
}

bool manifest_writer_open(const TableMetadata *table, const TableSchema *schema, const PartitionSpec *spec,
                          bool deletes, int64_t snapshot_id, ManifestWriter **writer, Err *err) {
    ManifestWriter *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init(&made->run, "manifest writer", 0);
    avro_out_init(&made->out);
    made->format_version = table->format_version;
    made->deletes = deletes;
    made->snapshot_id = snapshot_id;
    made->spec = spec;
    made->made = (ManifestFile){.spec_id = spec->id,
                                .deletes = deletes,
                                .sequence_number = -1,
                                .min_sequence_number = -1,
                                .added_snapshot_id = snapshot_id,
                                .first_row_id = -1};
    if (!open_writer(made, table, schema, err)) {
        manifest_writer_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *writer = made;
    return true;
}

void manifest_writer_close(ManifestWriter *writer) {
    if (writer != NULL) {
        arena_release(&writer->run);
        avro_out_release(&writer->out);
        free(writer);
    }
}

uint64_t manifest_writer_estimate(const ManifestWriter *writer) {
    return avro_out_estimate(&writer->out);
}

// --- partitions ------------------------------------------------------------------------------------------------

static bool misfit(const PartitionField *field, Err *err) {
    return FAIL(err, ERR_VALUE, "partition field %.*s: a value of another type than its transform gives",
                SLICE_ARG(field->name));
}

static bool put_decimal(Buf *out, const Shape *shape, Slice decimal) {
    Int128 units = 0;
    if (!decimal_to_int128(decimal, shape->scale, &units)) {
        return false;
    }
    size_t size = decimal_fixed_bytes(shape->precision);
    for (size_t i = size; i-- > 0;) {
        buf_u8(out, (uint8_t)(units >> (8 * i)));
    }
    units >>= 8 * size - 1;
    return units == 0 || units == -1;
}

static bool put_partition_value(Buf *out, const Shape *shape, const Value *value) {
    static const uint8_t KINDS[] = {
        [SHAPE_BOOL] = VALUE_TRUE,       [SHAPE_INT32] = VALUE_INT,           [SHAPE_INT64] = VALUE_INT,
        [SHAPE_FLOAT32] = VALUE_FLOAT32, [SHAPE_FLOAT64] = VALUE_FLOAT64,     [SHAPE_DECIMAL] = VALUE_DECIMAL,
        [SHAPE_STRING] = VALUE_STRING,   [SHAPE_BYTES] = VALUE_BYTES,         [SHAPE_DATE] = VALUE_DATE,
        [SHAPE_TIME] = VALUE_TIME,       [SHAPE_TIMESTAMP] = VALUE_TIMESTAMP, [SHAPE_TIMESTAMPTZ] = VALUE_TIMESTAMPTZ,
        [SHAPE_UUID] = VALUE_UUID,       [SHAPE_LIST] = VALUE_LIST,           [SHAPE_STRUCT] = VALUE_STRUCT,
        [SHAPE_MAP] = VALUE_MAP,
    };
    uint8_t kind = value->kind == VALUE_FALSE ? VALUE_TRUE : value->kind;
    if (kind != KINDS[shape->kind]) {
        return false;
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_u8(out, value->kind == VALUE_TRUE ? 1 : 0);
        return true;
    case SHAPE_INT32:
        buf_zigzag(out, value->integer);
        return value->integer == (int32_t)value->integer;
    case SHAPE_INT64:
    case SHAPE_TIME:
        buf_zigzag(out, value->integer);
        return true;
    case SHAPE_DATE:
        buf_zigzag(out, value->integer + AVRO_EPOCH_DAYS);
        return value->integer <= INT32_MAX - AVRO_EPOCH_DAYS && value->integer >= INT32_MIN;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        if (value->integer > INT64_MAX - AVRO_EPOCH_US) {
            return false;
        }
        buf_zigzag(out, value->integer + AVRO_EPOCH_US);
        return true;
    case SHAPE_FLOAT32: {
        float real = (float)value->real;
        buf_bytes(out, &real, sizeof(real));
        return true;
    }
    case SHAPE_FLOAT64:
        buf_bytes(out, &value->real, sizeof(value->real));
        return true;
    case SHAPE_DECIMAL:
        return put_decimal(out, shape, value->bytes);
    case SHAPE_STRING:
    case SHAPE_BYTES:
        avro_bytes(out, value->bytes);
        return true;
    case SHAPE_UUID:
        buf_put(out, value->bytes);
        return value->bytes.size == 16;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        return false;
    }
    UNREACHABLE();
}

static void summarize(ManifestWriter *writer, Summary *summary, const Value *value) {
    if (value->kind == VALUE_NULL) {
        summary->null = true;
        return;
    }
    bool real = summary->shape.kind == SHAPE_FLOAT32 || summary->shape.kind == SHAPE_FLOAT64;
    if (real && value->real != value->real) {
        summary->nan = true;
        return;
    }
    if (!summary->bounded || single_value_compare(&summary->shape, value, &summary->lower) < 0) {
        summary->lower = value_copy(&writer->run, value);
    }
    if (!summary->bounded || single_value_compare(&summary->shape, value, &summary->upper) > 0) {
        summary->upper = value_copy(&writer->run, value);
    }
    summary->bounded = true;
}

static bool put_partition(ManifestWriter *writer, const DataFile *file, Err *err) {
    static const Value NONE = {.kind = VALUE_NULL};
    const PartitionSpec *spec = writer->spec;
    if (spec->field_count > 0 && file->partition_count != spec->field_count) {
        return FAIL(err, ERR_VALUE, "a file with %zu partition values, in a spec of %zu", file->partition_count,
                    spec->field_count);
    }
    for (size_t i = 0; i < spec->field_count; i++) {
        const Value *value = file->partition != NULL ? &file->partition[i] : &NONE;
        Summary *summary = &writer->summaries[i];
        if (value->kind == VALUE_NULL) {
            avro_null(&writer->out.record);
        } else {
            avro_some(&writer->out.record);
            TRY(put_partition_value(&writer->out.record, &summary->shape, value) || misfit(&spec->fields[i], err));
        }
        summarize(writer, summary, value);
    }
    return true;
}

// --- entries ---------------------------------------------------------------------------------------------------

static void put_counts(Buf *out, const DataFile *file, size_t member) {
    size_t count = 0;
    for (size_t i = 0; i < file->metric_count; i++) {
        int64_t number;
        memcpy(&number, (const uint8_t *)&file->metrics[i] + member, sizeof(number));
        count += number >= 0 ? 1 : 0;
    }
    if (count == 0) {
        avro_null(out);
        return;
    }
    avro_some(out);
    buf_zigzag(out, (int64_t)count);
    for (size_t i = 0; i < file->metric_count; i++) {
        int64_t number;
        memcpy(&number, (const uint8_t *)&file->metrics[i] + member, sizeof(number));
        if (number >= 0) {
            buf_zigzag(out, file->metrics[i].id);
            buf_zigzag(out, number);
        }
    }
    buf_u8(out, 0);
}

static void put_bounds(Buf *out, const DataFile *file, size_t member) {
    size_t count = 0;
    for (size_t i = 0; i < file->metric_count; i++) {
        Slice bound;
        memcpy(&bound, (const uint8_t *)&file->metrics[i] + member, sizeof(bound));
        count += bound.data != NULL ? 1 : 0;
    }
    if (count == 0) {
        avro_null(out);
        return;
    }
    avro_some(out);
    buf_zigzag(out, (int64_t)count);
    for (size_t i = 0; i < file->metric_count; i++) {
        Slice bound;
        memcpy(&bound, (const uint8_t *)&file->metrics[i] + member, sizeof(bound));
        if (bound.data != NULL) {
            buf_zigzag(out, file->metrics[i].id);
            avro_bytes(out, bound);
        }
    }
    buf_u8(out, 0);
}

static void put_metrics(Buf *out, const DataFile *file) {
    put_counts(out, file, offsetof(ColumnMetrics, size));
    put_counts(out, file, offsetof(ColumnMetrics, values));
    put_counts(out, file, offsetof(ColumnMetrics, nulls));
    put_counts(out, file, offsetof(ColumnMetrics, nans));
    put_bounds(out, file, offsetof(ColumnMetrics, lower));
    put_bounds(out, file, offsetof(ColumnMetrics, upper));
}

static void put_lists(Buf *out, const DataFile *file) {
    if (file->split_count > 0) {
        avro_some(out);
        buf_zigzag(out, (int64_t)file->split_count);
        for (size_t i = 0; i < file->split_count; i++) {
            buf_zigzag(out, file->split_offsets[i]);
        }
    }
    buf_u8(out, 0); // the list's end, or null
    if (file->equality_count > 0) {
        avro_some(out);
        buf_zigzag(out, (int64_t)file->equality_count);
        for (size_t i = 0; i < file->equality_count; i++) {
            buf_zigzag(out, file->equality_ids[i]);
        }
    }
    buf_u8(out, 0);
}

static bool put_file(ManifestWriter *writer, const DataFile *file, Err *err) {
    Buf *out = &writer->out.record;
    bool third = writer->format_version >= 3;
    buf_zigzag(out, file->content);
    avro_bytes(out, file->path);
    avro_bytes(out, file->format);
    TRY(put_partition(writer, file, err));
    buf_zigzag(out, file->record_count);
    buf_zigzag(out, file->size);
    // Readers find the deletes of one data file by the bounds of their file_path.
    ColumnMetrics path = {ICEBERG_ID_FILE_PATH, -1, -1, -1, -1, file->referenced_file, file->referenced_file};
    DataFile planned = *file;
    if (file->content == CONTENT_POSITION_DELETES && file->referenced_file.data != NULL && file->metric_count == 0) {
        planned.metrics = &path;
        planned.metric_count = 1;
    }
    put_metrics(out, &planned);
    avro_null(out); // key_metadata
    put_lists(out, file);
    bool ordered = file->sort_order_id >= 0 && file->content != CONTENT_POSITION_DELETES;
    avro_optional_long(out, file->sort_order_id, ordered);
    if (third) {
        avro_optional_long(out, file->first_row_id, file->first_row_id >= 0 && !writer->deletes);
    }
    avro_optional_bytes(out, file->referenced_file);
    if (third) {
        avro_optional_long(out, file->content_offset, file->content_offset >= 0);
        avro_optional_long(out, file->content_size, file->content_offset >= 0);
    }
    return true;
}

static bool check(const ManifestWriter *writer, const ManifestEntry *entry, Err *err) {
    const DataFile *file = &entry->file;
    const char *wrong = NULL;
    if ((file->content != CONTENT_DATA) != writer->deletes) {
        wrong = "data and deletes in one manifest";
    } else if (file->spec_id != writer->spec->id) {
        wrong = "a file of another partition spec";
    } else if (file->path.size == 0 || file->format.size == 0 || file->record_count < 0 || file->size < 0) {
        wrong = "a file without path, format, count of records or size";
    } else if (entry->status != ENTRY_ADDED &&
               (entry->snapshot_id < 0 || entry->sequence_number < 0 || entry->file_sequence_number < 0)) {
        wrong = "an entry that was there before has no snapshot or sequence numbers";
    } else if (file->content_offset >= 0 && (writer->format_version < 3 || file->referenced_file.data == NULL)) {
        wrong = "a deletion vector without its data file, or in a table of version 2";
    }
    return wrong == NULL ||
           FAIL(err, ERR_VALUE, "%.*s: %s", (int)MIN(file->path.size, 300), (const char *)file->path.data, wrong);
}

static void count(ManifestWriter *writer, const ManifestEntry *entry) {
    ManifestFile *made = &writer->made;
    switch (entry->status) {
    case ENTRY_ADDED:
        made->added_files++;
        made->added_rows += entry->file.record_count;
        break;
    case ENTRY_EXISTING:
        made->existing_files++;
        made->existing_rows += entry->file.record_count;
        break;
    case ENTRY_DELETED:
        made->deleted_files++;
        made->deleted_rows += entry->file.record_count;
        return;
    }
    int64_t sequence = entry->sequence_number;
    if (sequence >= 0 && (made->min_sequence_number < 0 || sequence < made->min_sequence_number)) {
        made->min_sequence_number = sequence;
    }
}

bool manifest_writer_add(ManifestWriter *writer, const ManifestEntry *entry, Err *err) {
    Buf *out = &writer->out.record;
    bool added = entry->status == ENTRY_ADDED;
    TRY(check(writer, entry, err));
    buf_reset(out);
    buf_zigzag(out, entry->status);
    avro_optional_long(out, entry->snapshot_id >= 0 ? entry->snapshot_id : writer->snapshot_id, true);
    avro_optional_long(out, entry->sequence_number, entry->sequence_number >= 0);
    avro_optional_long(out, entry->file_sequence_number, !added); // an added file's is always the commit's
    TRY(put_file(writer, &entry->file, err));
    count(writer, entry);
    return avro_out_next(&writer->out, err);
}

static Slice bound(const Summary *summary, const Value *value, Arena *arena) {
    DEFER(buf_release) Buf bytes = {0};
    if (!summary->bounded || !single_value_write(&summary->shape, value, &bytes)) {
        return (Slice){0};
    }
    return arena_slice(arena, bytes.data != NULL ? buf_slice(&bytes) : SLICE(""));
}

bool manifest_writer_finish(ManifestWriter *writer, Arena *arena, Buf *out, ManifestFile *made, Err *err) {
    size_t before = out->size;
    TRY(avro_out_finish(&writer->out, out, err));
    size_t count_fields = writer->spec->field_count;
    FieldSummary *partitions = ARENA_ARRAY(arena, FieldSummary, count_fields);
    for (size_t i = 0; i < count_fields; i++) {
        const Summary *summary = &writer->summaries[i];
        partitions[i] = (FieldSummary){.contains_null = summary->null,
                                       .contains_nan = summary->nan ? 1 : 0,
                                       .lower = bound(summary, &summary->lower, arena),
                                       .upper = bound(summary, &summary->upper, arena)};
    }
    *made = writer->made;
    made->partitions = partitions;
    made->partition_count = count_fields;
    made->length = (int64_t)(out->size - before);
    return true;
}
