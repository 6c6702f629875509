// SPDX-License-Identifier: Apache-2.0
// Manifest lists, written and read.
#include "lake/iceberg/avro_out.h"
#include "lake/iceberg/manifest_parts.h"

// --- writing ---------------------------------------------------------------------------------------------------

static void put_number_pair(AvroOut *out, const char *key, int64_t number) {
    DEFER(buf_release) Buf text = {0};
    buf_int(&text, number);
    avro_out_pair(out, key, buf_slice(&text));
}

static void put_summaries(Buf *out, const ManifestFile *manifest) {
    if (manifest->partitions == NULL) {
        avro_null(out);
        return;
    }
    avro_some(out);
    if (manifest->partition_count > 0) {
        buf_zigzag(out, (int64_t)manifest->partition_count);
    }
    for (size_t i = 0; i < manifest->partition_count; i++) {
        const FieldSummary *summary = &manifest->partitions[i];
        buf_u8(out, summary->contains_null ? 1 : 0);
        if (summary->contains_nan < 0) {
            avro_null(out);
        } else {
            avro_some(out);
            buf_u8(out, summary->contains_nan > 0 ? 1 : 0);
        }
        avro_optional_bytes(out, summary->lower);
        avro_optional_bytes(out, summary->upper);
    }
    buf_u8(out, 0);
}

static bool put_manifest(int32_t format_version, const ManifestFile *manifest, AvroOut *file, Err *err) {
    Buf *out = &file->record;
    if (manifest->added_files < 0 || manifest->existing_files < 0 || manifest->deleted_files < 0 ||
        manifest->added_rows < 0 || manifest->existing_rows < 0 || manifest->deleted_rows < 0) {
        return FAIL(err, ERR_VALUE, "%.*s: a manifest whose files are not counted", (int)MIN(manifest->path.size, 300),
                    (const char *)manifest->path.data);
    }
    avro_bytes(out, manifest->path);
    buf_zigzag(out, manifest->length);
    buf_zigzag(out, manifest->spec_id);
    buf_zigzag(out, manifest->deletes ? 1 : 0);
    buf_zigzag(out, manifest->sequence_number);
    buf_zigzag(out, manifest->min_sequence_number);
    buf_zigzag(out, manifest->added_snapshot_id);
    buf_zigzag(out, manifest->added_files);
    buf_zigzag(out, manifest->existing_files);
    buf_zigzag(out, manifest->deleted_files);
    buf_zigzag(out, manifest->added_rows);
    buf_zigzag(out, manifest->existing_rows);
    buf_zigzag(out, manifest->deleted_rows);
    put_summaries(out, manifest);
    avro_optional_bytes(out, manifest->key_metadata);
    if (format_version >= 3) {
        avro_optional_long(out, manifest->first_row_id, manifest->first_row_id >= 0 && !manifest->deletes);
    }
    return avro_out_next(file, err);
}

// What only the commit knows.
static void assign(ManifestFile *manifest, int32_t format_version, int64_t sequence_number, int64_t *next_row_id) {
    if (manifest->sequence_number < 0) {
        manifest->sequence_number = sequence_number;
    }
    if (manifest->min_sequence_number < 0) {
        manifest->min_sequence_number = manifest->sequence_number;
    }
    if (format_version >= 3 && !manifest->deletes && manifest->first_row_id < 0) {
        manifest->first_row_id = *next_row_id;
        *next_row_id += manifest->added_rows + manifest->existing_rows;
    }
}

bool manifest_list_write(int32_t format_version, int64_t snapshot_id, int64_t parent_id, int64_t sequence_number,
                         ManifestFile *manifests, size_t count, int64_t *next_row_id, Buf *out, Err *err) {
    AvroOut file;
    DEFER(buf_release) Buf schema = {0};
    avro_out_init(&file);
    manifest_list_schema_json(format_version, &schema);
    avro_out_pair(&file, "avro.schema", buf_slice(&schema));
    put_number_pair(&file, "snapshot-id", snapshot_id);
    if (parent_id >= 0) {
        put_number_pair(&file, "parent-snapshot-id", parent_id);
    } else {
        avro_out_pair(&file, "parent-snapshot-id", SLICE("null"));
    }
    put_number_pair(&file, "sequence-number", sequence_number);
    put_number_pair(&file, "format-version", format_version >= 3 ? 3 : 2);
    if (format_version >= 3) {
        put_number_pair(&file, "first-row-id", *next_row_id);
    }
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        assign(&manifests[i], format_version, sequence_number, next_row_id);
        ok = put_manifest(format_version, &manifests[i], &file, err);
    }
    ok = ok && avro_out_finish(&file, out, err);
    avro_out_release(&file);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- reading ---------------------------------------------------------------------------------------------------

// Fields by their ids, in the order of Columns.
static const struct {
    int32_t id;
    const char *name;
} FIELDS[] = {{500, "manifest_path"},        {501, "manifest_length"},
              {502, "partition_spec_id"},    {517, "content"},
              {515, "sequence_number"},      {516, "min_sequence_number"},
              {503, "added_snapshot_id"},    {504, "added_files_count"},
              {505, "existing_files_count"}, {506, "deleted_files_count"},
              {512, "added_rows_count"},     {513, "existing_rows_count"},
              {514, "deleted_rows_count"},   {507, "partitions"},
              {519, "key_metadata"},         {520, "first_row_id"}};

typedef enum ListColumn {
    PATH,
    LENGTH,
    SPEC,
    CONTENT,
    SEQUENCE,
    MIN_SEQUENCE,
    SNAPSHOT,
    ADDED_FILES,
    EXISTING_FILES,
    DELETED_FILES,
    ADDED_ROWS,
    EXISTING_ROWS,
    DELETED_ROWS,
    PARTITIONS,
    KEY,
    ROW_ID,
    COLUMNS,
} ListColumn;

static Slice kept(Slice bytes, Arena *arena) {
    return bytes.data != NULL ? arena_slice(arena, bytes) : (Slice){0};
}

static void read_summaries(AvroRow *row, int32_t at, Arena *arena, ManifestFile *manifest) {
    const Value *list = avro_list(row, at);
    if (list == NULL) {
        return;
    }
    const Shape *element = row->shape->fields[at].shape.element;
    if (element->kind != SHAPE_STRUCT) {
        avro_refuse(row, at, "is no list of summaries");
        return;
    }
    int32_t null = avro_column(element, 509, "contains_null"), nan = avro_column(element, 518, "contains_nan");
    int32_t lower = avro_column(element, 510, "lower_bound"), upper = avro_column(element, 511, "upper_bound");
    FieldSummary *summaries = ARENA_ARRAY(arena, FieldSummary, list->items.count);
    for (size_t i = 0; i < list->items.count && !row->bad; i++) {
        const Value *item = &list->items.at[i];
        if (item->kind != VALUE_STRUCT) {
            avro_refuse(row, at, "has an empty summary");
            return;
        }
        AvroRow inner = {.shape = element, .values = item->items.at, .err = row->err};
        int contains_null = 0;
        avro_flag(&inner, null, 1, &contains_null);
        avro_flag(&inner, nan, -1, &summaries[i].contains_nan);
        summaries[i].contains_null = contains_null != 0;
        summaries[i].lower = kept(avro_binary(&inner, lower), arena);
        summaries[i].upper = kept(avro_binary(&inner, upper), arena);
        row->bad = row->bad || inner.bad;
    }
    manifest->partitions = summaries;
    manifest->partition_count = list->items.count;
}

static bool read_manifest(AvroRow *row, const int32_t *at, Arena *arena, ManifestFile *manifest) {
    const LongRange count = {-1, 0, INT32_MAX, false}, rows = {-1, 0, INT64_MAX, false};
    const LongRange sequence = {0, 0, INT64_MAX, false};
    *manifest = (ManifestFile){
        .path = kept(avro_text(row, at[PATH], true), arena),
        .length = avro_long(row, at[LENGTH], (LongRange){0, 0, INT64_MAX, true}),
        .spec_id = (int32_t)avro_long(row, at[SPEC], (LongRange){0, 0, INT32_MAX, true}),
        .deletes = avro_long(row, at[CONTENT], (LongRange){0, 0, 1, false}) == 1,
        .sequence_number = avro_long(row, at[SEQUENCE], sequence),
        .min_sequence_number = avro_long(row, at[MIN_SEQUENCE], sequence),
        .added_snapshot_id = avro_long(row, at[SNAPSHOT], (LongRange){-1, INT64_MIN, INT64_MAX, false}),
        .added_files = (int32_t)avro_long(row, at[ADDED_FILES], count),
        .existing_files = (int32_t)avro_long(row, at[EXISTING_FILES], count),
        .deleted_files = (int32_t)avro_long(row, at[DELETED_FILES], count),
        .added_rows = avro_long(row, at[ADDED_ROWS], rows),
        .existing_rows = avro_long(row, at[EXISTING_ROWS], rows),
        .deleted_rows = avro_long(row, at[DELETED_ROWS], rows),
        .key_metadata = kept(avro_binary(row, at[KEY]), arena),
        .first_row_id = avro_long(row, at[ROW_ID], (LongRange){-1, 0, INT64_MAX, false}),
    };
    read_summaries(row, at[PARTITIONS], arena, manifest);
    return !row->bad;
}

static bool read_all(AvroReader *reader, Arena *arena, ManifestFile **manifests, size_t *count, Err *err) {
    const Shape *shape = avro_reader_shape(reader);
    int32_t at[COLUMNS];
    static_assert(ARRAY_LEN(FIELDS) == COLUMNS, "a name for each column");
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        at[i] = avro_column(shape, FIELDS[i].id, FIELDS[i].name);
    }
    size_t capacity = 0, found = 0;
    for (;;) {
        AvroRow row = {.shape = shape, .err = err};
        TRY(avro_reader_next(reader, &row.values, err));
        if (row.values == NULL) {
            break;
        }
        if (found == capacity) {
            capacity = MAX(capacity * 2, (size_t)16);
            ManifestFile *grown = ARENA_ARRAY(arena, ManifestFile, capacity);
            if (found > 0) {
                memcpy(grown, *manifests, found * sizeof(*grown));
            }
            *manifests = grown;
        }
        if (!read_manifest(&row, at, arena, &(*manifests)[found])) {
            return err_prefix(err, "entry %zu", found);
        }
        found++;
        if (arena->used > MANIFEST_MEMORY_MAX) {
            return FAIL(err, ERR_VALUE, "it becomes more than %zu MiB", MANIFEST_MEMORY_MAX / MIB);
        }
    }
    *count = found;
    return true;
}

bool manifest_list_read(Slice bytes, Slice name, Arena *arena, ManifestFile **manifests, size_t *count, Err *err) {
    AvroReader *reader = NULL;
    *manifests = NULL;
    *count = 0;
    bool ok = avro_reader_open(bytes, &reader, err);
    if (ok) {
        avro_reader_block_max(reader, MANIFEST_BLOCK_BYTES_MAX);
        ok = read_all(reader, arena, manifests, count, err);
        avro_reader_close(reader);
    }
    return ok || err_prefix(err, "manifest list %.*s", (int)MIN(name.size, 300), (const char *)name.data);
}
