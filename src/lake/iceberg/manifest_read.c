// SPDX-License-Identifier: Apache-2.0
// Manifests, read.
#include "data/format/avro/avro_schema.h"
#include "lake/iceberg/manifest_parts.h"
#include "lake/iceberg/partition.h"

// Fields of data_file by their ids, in the order of FileColumn.
static const struct {
    int32_t id;
    const char *name;
} FIELDS[] = {{134, "content"},
              {100, "file_path"},
              {101, "file_format"},
              {102, "partition"},
              {103, "record_count"},
              {104, "file_size_in_bytes"},
              {108, "column_sizes"},
              {109, "value_counts"},
              {110, "null_value_counts"},
              {137, "nan_value_counts"},
              {125, "lower_bounds"},
              {128, "upper_bounds"},
              {132, "split_offsets"},
              {135, "equality_ids"},
              {140, "sort_order_id"},
              {142, "first_row_id"},
              {143, "referenced_data_file"},
              {144, "content_offset"},
              {145, "content_size_in_bytes"}};

typedef enum FileColumn {
    CONTENT,
    PATH,
    FORMAT,
    PARTITION,
    RECORDS,
    SIZE,
    SIZES, // the six of column metrics
    VALUES,
    NULLS,
    NANS,
    LOWER,
    UPPER,
    SPLITS,
    EQUALITY,
    ORDER,
    ROW_ID,
    REFERENCED,
    OFFSET,
    BLOB_SIZE,
    COLUMNS,
} FileColumn;
static_assert(ARRAY_LEN(FIELDS) == COLUMNS, "a name for each column");

typedef struct PartitionColumn {
    int32_t at;
    bool known; // else values are kept as they are
    Shape shape;
} PartitionColumn;

typedef struct ManifestReading {
    AvroReader *reader;
    const ManifestFile *manifest;
    const PartitionSpec *spec;
    ManifestRead how;
    Arena *arena;
    Arena scratch; // of one entry
    int32_t status, snapshot, sequence, file_sequence, file;
    const Shape *file_shape;
    int32_t at[COLUMNS];
    PartitionColumn *partition;
    int64_t next_row_id; // -1 = none
    ManifestEntry *entries;
    size_t count, capacity, seen;
} ManifestReading;

// --- columns ---------------------------------------------------------------------------------------------------

static bool find_columns(ManifestReading *work, const TableMetadata *table, Err *err) {
    const Shape *entry = avro_reader_shape(work->reader);
    work->status = avro_column(entry, 0, "status");
    work->snapshot = avro_column(entry, 1, "snapshot_id");
    work->sequence = avro_column(entry, 3, "sequence_number");
    work->file_sequence = avro_column(entry, 4, "file_sequence_number");
    work->file = avro_column(entry, 2, "data_file");
    if (work->file < 0 || entry->fields[work->file].shape.kind != SHAPE_STRUCT || work->status < 0) {
        return FAIL(err, ERR_VALUE, "its records are no manifest entries: status or data_file is missing");
    }
    work->file_shape = &entry->fields[work->file].shape;
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        work->at[i] = avro_column(work->file_shape, FIELDS[i].id, FIELDS[i].name);
    }
    work->spec = table_spec_find(table, work->manifest->spec_id);
    if (work->spec == NULL) {
        return FAIL(err, ERR_VALUE, "its partition spec %" PRId32 " is none of the table's", work->manifest->spec_id);
    }
    int32_t at = work->at[PARTITION];
    const Shape *record = at >= 0 ? &work->file_shape->fields[at].shape : NULL;
    if (work->spec->field_count > 0 && (record == NULL || record->kind != SHAPE_STRUCT)) {
        return FAIL(err, ERR_VALUE, "partition is missing");
    }
    work->partition = ARENA_ARRAY(work->arena, PartitionColumn, work->spec->field_count);
    for (size_t i = 0; i < work->spec->field_count; i++) {
        const PartitionField *field = &work->spec->fields[i];
        Err unsaid[1] = {{0}};
        PartitionColumn *column = &work->partition[i];
        column->at = avro_column(record, field->field_id, arena_text(&work->scratch, field->name));
        column->known = partition_shape(table, table_schema_current(table), field, &column->shape, unsaid);
    }
    return true;
}

// --- partitions ------------------------------------------------------------------------------------------------

// Writers differ in the types of what they write: an int for a date, a fixed for a UUID.
static bool convert(const Shape *shape, Value *value) {
    switch (shape->kind) {
    case SHAPE_BOOL:
        return value->kind == VALUE_TRUE || value->kind == VALUE_FALSE;
    case SHAPE_INT32:
    case SHAPE_INT64:
        if (value->kind == VALUE_DATE) {
            *value = value_int(value->integer + AVRO_EPOCH_DAYS);
        }
        return value->kind == VALUE_INT && (shape->kind == SHAPE_INT64 || value->integer == (int32_t)value->integer);
    case SHAPE_FLOAT32:
        return value->kind == VALUE_FLOAT32;
    case SHAPE_FLOAT64:
        value->kind = value->kind == VALUE_FLOAT32 ? VALUE_FLOAT64 : value->kind;
        return value->kind == VALUE_FLOAT64;
    case SHAPE_DECIMAL:
        return value->kind == VALUE_DECIMAL;
    case SHAPE_STRING:
        return value->kind == VALUE_STRING;
    case SHAPE_BYTES:
        return value->kind == VALUE_BYTES;
    case SHAPE_DATE:
        if (value->kind == VALUE_INT && value->integer == (int32_t)value->integer) {
            *value = (Value){.kind = VALUE_DATE, .integer = value->integer - AVRO_EPOCH_DAYS};
        }
        return value->kind == VALUE_DATE;
    case SHAPE_TIME:
        return value->kind == VALUE_TIME;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        if (value->kind != VALUE_TIMESTAMP && value->kind != VALUE_TIMESTAMPTZ) {
            return false;
        }
        value->kind = shape->kind == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
        return true;
    case SHAPE_UUID:
        if (value->kind == VALUE_BYTES && value->bytes.size == 16) {
            value->kind = VALUE_UUID;
        }
        return value->kind == VALUE_UUID;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        return false;
    }
    UNREACHABLE();
}

static void read_partition(ManifestReading *work, AvroRow *row, DataFile *file) {
    size_t count = work->spec->field_count;
    if (count == 0) {
        return;
    }
    const Value *record = avro_struct(row, work->at[PARTITION]);
    if (record == NULL) {
        avro_refuse(row, work->at[PARTITION], "is missing");
        return;
    }
    Value *values = ARENA_ARRAY(work->arena, Value, count);
    for (size_t i = 0; i < count; i++) {
        const PartitionColumn *column = &work->partition[i];
        if (column->at < 0 || record->items.at[column->at].kind == VALUE_NULL) {
            continue; // NULL
        }
        values[i] = value_copy(work->arena, &record->items.at[column->at]);
        if (column->known && !convert(&column->shape, &values[i])) {
            FAIL(row->err, ERR_VALUE, "partition field %.*s: a value of another type than its transform gives",
                 (int)MIN(work->spec->fields[i].name.size, 200), (const char *)work->spec->fields[i].name.data);
            row->bad = true;
        }
    }
    file->partition = values;
    file->partition_count = count;
}

// --- metrics ---------------------------------------------------------------------------------------------------

static int id_compare(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

// The pairs of a map, which Avro has as a list of records: key, value.
static const Value *pairs(ManifestReading *work, AvroRow *row, FileColumn column) {
    int32_t at = work->at[column];
    const Value *list = avro_list(row, at);
    if (list == NULL) {
        return NULL;
    }
    const Shape *element = row->shape->fields[at].shape.element;
    ShapeKind value = column == LOWER || column == UPPER ? SHAPE_BYTES : SHAPE_INT64;
    bool fits = element->kind == SHAPE_STRUCT && element->field_count == 2 && !element->optional &&
                element->fields[0].shape.kind == SHAPE_INT32 && !element->fields[0].shape.optional &&
                element->fields[1].shape.kind == value && !element->fields[1].shape.optional;
    if (!fits) {
        avro_refuse(row, at, "is no map of columns");
        return NULL;
    }
    return list;
}

static ColumnMetrics *metric_of(DataFile *file, ColumnMetrics *metrics, int32_t id) {
    size_t low = 0, end = file->metric_count;
    while (low < end) {
        size_t middle = (low + end) / 2;
        if (metrics[middle].id < id) {
            low = middle + 1;
        } else {
            end = middle;
        }
    }
    return &metrics[low];
}

static void put_pair(ManifestReading *work, ColumnMetrics *metric, FileColumn column, const Value *value) {
    switch ((int)column) {
    case SIZES:
        metric->size = value->integer;
        break;
    case VALUES:
        metric->values = value->integer;
        break;
    case NULLS:
        metric->nulls = value->integer;
        break;
    case NANS:
        metric->nans = value->integer;
        break;
    case LOWER:
        metric->lower = arena_slice(work->arena, value->bytes);
        break;
    default:
        metric->upper = arena_slice(work->arena, value->bytes);
        break;
    }
}

static void read_metrics(ManifestReading *work, AvroRow *row, DataFile *file) {
    const Value *lists[UPPER + 1] = {0};
    size_t total = 0, count = 0;
    for (int i = SIZES; i <= UPPER; i++) {
        lists[i] = pairs(work, row, (FileColumn)i);
        total += lists[i] != NULL ? lists[i]->items.count : 0;
    }
    if (row->bad || total == 0) {
        return;
    }
    int32_t *ids = ARENA_ARRAY(&work->scratch, int32_t, total);
    for (int i = SIZES; i <= UPPER; i++) {
        for (size_t j = 0; lists[i] != NULL && j < lists[i]->items.count; j++) {
            ids[count++] = (int32_t)lists[i]->items.at[j].items.at[0].integer;
        }
    }
    qsort(ids, total, sizeof(*ids), id_compare);
    count = 0;
    for (size_t i = 0; i < total; i++) {
        if (i == 0 || ids[i] != ids[i - 1]) {
            ids[count++] = ids[i];
        }
    }
    ColumnMetrics *metrics = ARENA_ARRAY(work->arena, ColumnMetrics, count);
    for (size_t i = 0; i < count; i++) {
        metrics[i] = (ColumnMetrics){.id = ids[i], .size = -1, .values = -1, .nulls = -1, .nans = -1};
    }
    file->metrics = metrics;
    file->metric_count = count;
    for (int i = SIZES; i <= UPPER; i++) {
        for (size_t j = 0; lists[i] != NULL && j < lists[i]->items.count; j++) {
            const Value *pair = lists[i]->items.at[j].items.at;
            put_pair(work, metric_of(file, metrics, (int32_t)pair[0].integer), (FileColumn)i, &pair[1]);
        }
    }
}

// --- entries ---------------------------------------------------------------------------------------------------

static bool list_fits(AvroRow *row, int32_t at, const Value *list) {
    const Shape *element = row->shape->fields[at].shape.element;
    bool fits = (element->kind == SHAPE_INT32 || element->kind == SHAPE_INT64) && !element->optional;
    return (fits && list->items.count > 0) || (!fits && avro_refuse(row, at, "is no list of integers"));
}

static void read_lists(ManifestReading *work, AvroRow *row, DataFile *file) {
    const Value *splits = avro_list(row, work->at[SPLITS]), *ids = avro_list(row, work->at[EQUALITY]);
    if (splits != NULL && list_fits(row, work->at[SPLITS], splits)) {
        int64_t *offsets = ARENA_ARRAY(work->arena, int64_t, splits->items.count);
        for (size_t i = 0; i < splits->items.count; i++) {
            offsets[i] = splits->items.at[i].integer;
        }
        file->split_offsets = offsets;
        file->split_count = splits->items.count;
    }
    if (ids != NULL && list_fits(row, work->at[EQUALITY], ids)) {
        int32_t *columns = ARENA_ARRAY(work->arena, int32_t, ids->items.count);
        for (size_t i = 0; i < ids->items.count; i++) {
            columns[i] = (int32_t)ids->items.at[i].integer;
        }
        file->equality_ids = columns;
        file->equality_count = ids->items.count;
    }
}

static bool read_file(ManifestReading *work, AvroRow *row, DataFile *file) {
    const int32_t *at = work->at;
    const LongRange number = {0, 0, INT64_MAX, true}, optional = {-1, 0, INT64_MAX, false};
    Slice referenced = avro_text(row, at[REFERENCED], false);
    *file = (DataFile){
        .content = (FileContent)avro_long(row, at[CONTENT], (LongRange){0, 0, 2, false}),
        .path = arena_slice(work->arena, avro_text(row, at[PATH], true)),
        .format = arena_slice(work->arena, avro_text(row, at[FORMAT], true)),
        .spec_id = work->spec->id,
        .record_count = avro_long(row, at[RECORDS], number),
        .size = avro_long(row, at[SIZE], number),
        .sort_order_id = (int32_t)avro_long(row, at[ORDER], (LongRange){-1, 0, INT32_MAX, false}),
        .first_row_id = avro_long(row, at[ROW_ID], optional),
        .referenced_file = referenced.data != NULL ? arena_slice(work->arena, referenced) : (Slice){0},
        .content_offset = avro_long(row, at[OFFSET], optional),
        .content_size = avro_long(row, at[BLOB_SIZE], (LongRange){0, 0, INT64_MAX, false}),
    };
    if ((file->content != CONTENT_DATA) != work->manifest->deletes) {
        avro_refuse(row, at[CONTENT], "is not what the manifest list says of the manifest");
    }
    read_partition(work, row, file);
    read_lists(work, row, file);
    if (work->how.metrics && !row->bad) {
        read_metrics(work, row, file);
    }
    return !row->bad;
}

// What is not said is the manifest's.
static void inherit(ManifestReading *work, ManifestEntry *entry) {
    const ManifestFile *manifest = work->manifest;
    if (entry->snapshot_id < 0) {
        entry->snapshot_id = manifest->added_snapshot_id;
    }
    if (entry->sequence_number < 0) {
        entry->sequence_number = MAX(manifest->sequence_number, 0);
    }
    if (entry->file_sequence_number < 0) {
        entry->file_sequence_number = MAX(manifest->sequence_number, 0);
    }
    DataFile *file = &entry->file;
    if (entry->status != ENTRY_DELETED && file->content == CONTENT_DATA && file->first_row_id < 0 &&
        work->next_row_id >= 0) {
        file->first_row_id = work->next_row_id;
        work->next_row_id =
            file->record_count <= INT64_MAX - work->next_row_id ? work->next_row_id + file->record_count : -1;
    }
}

static bool read_entry(ManifestReading *work, const Value *values, Err *err) {
    AvroRow row = {.shape = avro_reader_shape(work->reader), .values = values, .err = err};
    const LongRange sequence = {-1, 0, INT64_MAX, false};
    if (work->count == work->capacity) {
        work->capacity = MAX(work->capacity * 2, (size_t)16);
        ManifestEntry *grown = ARENA_ARRAY(work->arena, ManifestEntry, work->capacity);
        if (work->count > 0) {
            memcpy(grown, work->entries, work->count * sizeof(*grown));
        }
        work->entries = grown;
    }
    ManifestEntry *entry = &work->entries[work->count];
    *entry = (ManifestEntry){
        .status = (EntryStatus)avro_long(&row, work->status, (LongRange){0, 0, 2, true}),
        .snapshot_id = avro_long(&row, work->snapshot, (LongRange){-1, INT64_MIN, INT64_MAX, false}),
        .sequence_number = avro_long(&row, work->sequence, sequence),
        .file_sequence_number = avro_long(&row, work->file_sequence, sequence),
    };
    const Value *file = avro_struct(&row, work->file);
    if (file == NULL) {
        return !row.bad && avro_refuse(&row, work->file, "is missing");
    }
    if (row.bad) {
        return false;
    }
    if (work->how.live && entry->status == ENTRY_DELETED) {
        return true;
    }
    AvroRow inner = {.shape = work->file_shape, .values = file->items.at, .err = err};
    if (!read_file(work, &inner, &entry->file)) {
        return false;
    }
    inherit(work, entry);
    work->count++;
    return true;
}

static bool read_all(ManifestReading *work, const TableMetadata *table, Err *err) {
    TRY(find_columns(work, table, err));
    for (;; work->seen++) {
        const Value *values = NULL;
        TRY(avro_reader_next(work->reader, &values, err));
        if (values == NULL) {
            return true;
        }
        arena_reset(&work->scratch);
        if (!read_entry(work, values, err)) {
            return err_prefix(err, "entry %zu", work->seen);
        }
        if (work->arena->used > MANIFEST_MEMORY_MAX) {
            return FAIL(err, ERR_VALUE, "it becomes more than %zu MiB", MANIFEST_MEMORY_MAX / MIB);
        }
    }
}

bool manifest_read(Slice bytes, const ManifestFile *manifest, const TableMetadata *table, ManifestRead how,
                   Arena *arena, ManifestEntry **entries, size_t *count, Err *err) {
    ManifestReading work = {.manifest = manifest, .how = how, .arena = arena, .next_row_id = manifest->first_row_id};
    arena_init(&work.scratch, "manifest entry", 0);
    bool ok = avro_reader_open(bytes, &work.reader, err);
    if (ok) {
        avro_reader_block_max(work.reader, MANIFEST_BLOCK_BYTES_MAX);
        ok = read_all(&work, table, err);
        avro_reader_close(work.reader);
    }
    arena_release(&work.scratch);
    *entries = work.entries;
    *count = work.count;
    Slice name = manifest->path;
    return ok || err_prefix(err, "manifest %.*s", (int)MIN(name.size, 300), (const char *)name.data);
}
