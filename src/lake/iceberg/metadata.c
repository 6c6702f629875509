// SPDX-License-Identifier: Apache-2.0
// The whole of a metadata.json (Iceberg specification, Appendix C, "Table Metadata and Snapshots"), and looking things
// up in it.
#include "lake/iceberg/metadata.h"

#include "core/base/json.h"
#include "core/base/map.h"
#include "core/sys/random.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/parts.h"

// --- looking up ------------------------------------------------------------------------------------------------

const TableSchema *table_schema_find(const TableMetadata *metadata, int32_t id) {
    for (size_t i = metadata->schema_count; i-- > 0;) {
        if (metadata->schemas[i].id == id) {
            return &metadata->schemas[i];
        }
    }
    return NULL;
}

const TableSchema *table_schema_current(const TableMetadata *metadata) {
    return table_schema_find(metadata, metadata->current_schema_id);
}

const PartitionSpec *table_spec_find(const TableMetadata *metadata, int32_t id) {
    for (size_t i = metadata->spec_count; i-- > 0;) {
        if (metadata->specs[i].id == id) {
            return &metadata->specs[i];
        }
    }
    return NULL;
}

// Parents mostly stand right before their children: the search goes from `from` downwards, then from the end.
static const Snapshot *snapshot_find(const TableMetadata *metadata, size_t from, int64_t id) {
    for (size_t i = from; i-- > 0;) {
        if (metadata->snapshots[i].id == id) {
            return &metadata->snapshots[i];
        }
    }
    for (size_t i = metadata->snapshot_count; i-- > from;) {
        if (metadata->snapshots[i].id == id) {
            return &metadata->snapshots[i];
        }
    }
    return NULL;
}

const Snapshot *table_snapshot_find(const TableMetadata *metadata, int64_t id) {
    return snapshot_find(metadata, metadata->snapshot_count, id);
}

const Snapshot *table_snapshot_current(const TableMetadata *metadata) {
    return metadata->current_snapshot_id == -1 ? NULL : table_snapshot_find(metadata, metadata->current_snapshot_id);
}

const SnapshotRef *table_ref_find(const TableMetadata *metadata, Slice name) {
    for (size_t i = 0; i < metadata->ref_count; i++) {
        if (slice_equal(metadata->refs[i].name, name)) {
            return &metadata->refs[i];
        }
    }
    return NULL;
}

static Slice property_find(const Property *properties, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (slice_is(properties[i].key, key)) {
            return properties[i].value;
        }
    }
    return (Slice){0};
}

Slice table_property(const TableMetadata *metadata, const char *key) {
    return property_find(metadata->properties, metadata->property_count, key);
}

Slice snapshot_summary(const Snapshot *snapshot, const char *key) {
    return property_find(snapshot->summary, snapshot->summary_count, key);
}

bool table_is_ancestor(const TableMetadata *metadata, int64_t ancestor, int64_t snapshot_id) {
    size_t from = metadata->snapshot_count;
    // Parents of a broken table may go in a circle.
    for (size_t steps = 0; steps <= metadata->snapshot_count && snapshot_id != -1; steps++) {
        if (snapshot_id == ancestor) {
            return true;
        }
        const Snapshot *snapshot = snapshot_find(metadata, from, snapshot_id);
        if (snapshot == NULL) {
            return false;
        }
        from = (size_t)(snapshot - metadata->snapshots);
        snapshot_id = snapshot->parent_id;
    }
    return false;
}

bool property_is_reserved(Slice key) {
    static const char *const KEYS[] = {"format-version",           "uuid",
                                       "snapshot-count",           "current-snapshot-id",
                                       "current-snapshot-summary", "current-snapshot-timestamp-ms",
                                       "current-schema",           "default-partition-spec",
                                       "default-sort-order"};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        if (slice_is(key, KEYS[i])) {
            return true;
        }
    }
    return false;
}

// --- what must hold --------------------------------------------------------------------------------------------

static int compare_int64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Sorted, each once; ERR_VALUE: one comes twice.
static bool ids_sort(int64_t *ids, size_t count, const char *what, Err *err) {
    qsort(ids, count, sizeof(*ids), compare_int64);
    for (size_t i = 1; i < count; i++) {
        if (ids[i] == ids[i - 1]) {
            return FAIL(err, ERR_VALUE, "table metadata: two %s have the id %" PRId64, what, ids[i]);
        }
    }
    return true;
}

static bool check_lists(const TableMetadata *metadata, Arena *scratch, Err *err) {
    size_t most = MAX(MAX(metadata->schema_count, metadata->spec_count), metadata->order_count);
    int64_t *ids = ARENA_ARRAY(scratch, int64_t, most);
    for (size_t i = 0; i < metadata->schema_count; i++) {
        ids[i] = metadata->schemas[i].id;
    }
    TRY(ids_sort(ids, metadata->schema_count, "schemas", err));
    for (size_t i = 0; i < metadata->spec_count; i++) {
        ids[i] = metadata->specs[i].id;
    }
    TRY(ids_sort(ids, metadata->spec_count, "partition-specs", err));
    for (size_t i = 0; i < metadata->order_count; i++) {
        ids[i] = metadata->orders[i].id;
    }
    TRY(ids_sort(ids, metadata->order_count, "sort-orders", err));
    if (table_schema_current(metadata) == NULL) {
        return FAIL(err, ERR_VALUE, "table metadata: current-schema-id: no schema has the id %" PRId32,
                    metadata->current_schema_id);
    }
    if (table_spec_find(metadata, metadata->default_spec_id) == NULL) {
        return FAIL(err, ERR_VALUE, "table metadata: default-spec-id: no partition spec has the id %" PRId32,
                    metadata->default_spec_id);
    }
    return metadata->order_count > 0 || FAIL(err, ERR_VALUE, "table metadata: sort-orders: is empty");
}

static bool check_refs(const TableMetadata *metadata, const int64_t *ids, Err *err) {
    for (size_t i = 0; i < metadata->ref_count; i++) {
        const SnapshotRef *ref = &metadata->refs[i];
        if (bsearch(&ref->snapshot_id, ids, metadata->snapshot_count, sizeof(*ids), compare_int64) == NULL) {
            return FAIL(err, ERR_VALUE, "table metadata: refs.%.*s: there is no snapshot %" PRId64,
                        (int)MIN(ref->name.size, (size_t)100), ref->name.data, ref->snapshot_id);
        }
    }
    const SnapshotRef *main = table_ref_find(metadata, SLICE("main"));
    if (main != NULL && main->snapshot_id != metadata->current_snapshot_id) {
        return FAIL(err, ERR_VALUE,
                    "table metadata: current-snapshot-id %" PRId64 " is not that of refs.main, %" PRId64,
                    metadata->current_snapshot_id, main->snapshot_id);
    }
    return true;
}

bool table_metadata_check(const TableMetadata *metadata, Err *err) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    int64_t *ids = ARENA_ARRAY(scratch, int64_t, metadata->snapshot_count);
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        ids[i] = metadata->snapshots[i].id;
    }
    bool right = check_lists(metadata, scratch, err) && ids_sort(ids, metadata->snapshot_count, "snapshots", err);
    for (size_t i = 0; right && i < metadata->snapshot_count; i++) {
        if (metadata->snapshots[i].sequence_number > metadata->last_sequence_number) {
            right = FAIL(err, ERR_VALUE,
                         "table metadata: snapshots[%zu].sequence-number %" PRId64 " is above last-sequence-number "
                         "%" PRId64,
                         i, metadata->snapshots[i].sequence_number, metadata->last_sequence_number);
        }
    }
    int64_t current = metadata->current_snapshot_id;
    if (right && current != -1 &&
        bsearch(&current, ids, metadata->snapshot_count, sizeof(*ids), compare_int64) == NULL) {
        right = FAIL(err, ERR_VALUE, "table metadata: current-snapshot-id: there is no snapshot %" PRId64, current);
    }
    right = right && check_refs(metadata, ids, err);
    arena_release(scratch);
    return right;
}

// --- reading ---------------------------------------------------------------------------------------------------

typedef struct MetadataIn {
    TableMetadata table;
    TableSchema schema; // of version 1, as is the spec
    PartitionSpec spec;
    bool has_schema, has_spec, has_refs;
} MetadataIn;

static bool version_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    int64_t version = 0;
    TRY(json_in_int(in, first, 1, INT32_MAX, &version, err));
    if (version > 3) {
        (void)FAIL(err, ERR_FORMAT_NEWER, "the table has format version %" PRId64 ", and leat knows up to 3", version);
        return err_hint(err, "take a newer leat for this table");
    }
    ((MetadataIn *)target)->table.format_version = (int32_t)version;
    return true;
}

static bool old_schema_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    MetadataIn *metadata = target;
    metadata->has_schema = true;
    return table_schema_in(in, first, &metadata->schema, err);
}

static bool old_spec_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    MetadataIn *metadata = target;
    metadata->has_spec = true;
    return partition_spec_in(in, first, &metadata->spec, err);
}

static bool numbered_spec_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    TRY(partition_spec_in(in, first, target, err));
    partition_spec_number(in->arena, target);
    return true;
}

static bool snapshot_log_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"timestamp-ms", MEMBER_INT64, true, .offset = offsetof(SnapshotLogEntry, timestamp_ms)},
        {"snapshot-id", MEMBER_INT64, true, .offset = offsetof(SnapshotLogEntry, snapshot_id)},
    };
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

static bool metadata_log_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"timestamp-ms", MEMBER_INT64, true, .offset = offsetof(MetadataLogEntry, timestamp_ms)},
        {"metadata-file", MEMBER_TEXT, true, .offset = offsetof(MetadataLogEntry, file)},
    };
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

static bool refs_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    MetadataIn *metadata = target;
    if (first != TOKEN_OBJECT) {
        return json_in_fail(in, err, "is to be an object");
    }
    DEFER(buf_release) Buf list;
    buf_init(&list, 0);
    DEFER(map_release) Map seen = {0};
    for (;;) {
        JsonToken token;
        TRY(json_in_token(in, &token, err));
        if (token == TOKEN_OBJECT_END) {
            break;
        }
        SnapshotRef ref = {.name = in->reader.text};
        if (map_find(&seen, ref.name) != NULL) {
            return json_in_fail(in, err, "%.*s comes twice", (int)MIN(ref.name.size, (size_t)60), ref.name.data);
        }
        map_put(&seen, ref.name, &seen);
        TRY(json_in_token(in, &token, err));
        TRY(snapshot_ref_in(in, token, &ref, err));
        buf_bytes(&list, &ref, sizeof(ref));
    }
    SnapshotRef *refs = ARENA_ARRAY(in->arena, SnapshotRef, list.size / sizeof(*refs));
    if (list.size > 0) {
        memcpy(refs, list.data, list.size);
    }
    metadata->table.refs = refs;
    metadata->table.ref_count = list.size / sizeof(*refs);
    metadata->has_refs = true;
    return true;
}

// A list of objects that stays JSON.
static bool kept_list_in(JsonIn *in, JsonToken first, Slice *kept, Err *err) {
    if (first != TOKEN_ARRAY) {
        return json_in_fail(in, err, "is to be a list");
    }
    TRY(json_in_raw(in, first, kept, err));
    return true;
}

static bool statistics_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return kept_list_in(in, first, &((MetadataIn *)target)->table.statistics, err);
}

static bool partition_statistics_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return kept_list_in(in, first, &((MetadataIn *)target)->table.partition_statistics, err);
}

static bool encryption_keys_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return kept_list_in(in, first, &((MetadataIn *)target)->table.encryption_keys, err);
}

#define PLACE(member)       .offset = offsetof(MetadataIn, table.member)
#define LIST(items, number) PLACE(items), .count_offset = offsetof(MetadataIn, table.number)

static const JsonMember MEMBERS[] = {
    {"format-version", MEMBER_OTHER, true, .read = version_in},
    {"table-uuid", MEMBER_TEXT, PLACE(uuid)},
    {"location", MEMBER_TEXT, true, PLACE(location)},
    {"last-sequence-number", MEMBER_INT64, PLACE(last_sequence_number)},
    {"last-updated-ms", MEMBER_INT64, true, PLACE(last_updated_ms)},
    {"last-column-id", MEMBER_INT32, true, PLACE(last_column_id)},
    {"schema", MEMBER_OTHER, .read = old_schema_in},
    {"current-schema-id", MEMBER_INT32, PLACE(current_schema_id)},
    {"schemas", MEMBER_LIST, LIST(schemas, schema_count), .item_size = sizeof(TableSchema), .read = table_schema_in},
    {"partition-spec", MEMBER_OTHER, .read = old_spec_in},
    {"default-spec-id", MEMBER_INT32, PLACE(default_spec_id)},
    {"partition-specs", MEMBER_LIST, LIST(specs, spec_count), .item_size = sizeof(PartitionSpec),
     .read = numbered_spec_in},
    {"last-partition-id", MEMBER_INT32, PLACE(last_partition_id)},
    {"default-sort-order-id", MEMBER_INT32, PLACE(default_order_id)},
    {"sort-orders", MEMBER_LIST, LIST(orders, order_count), .item_size = sizeof(SortOrder), .read = sort_order_in},
    {"properties", MEMBER_TEXTS, LIST(properties, property_count)},
    {"current-snapshot-id", MEMBER_INT64, PLACE(current_snapshot_id)},
    {"next-row-id", MEMBER_INT64, PLACE(next_row_id)},
    {"encryption-keys", MEMBER_OTHER, .read = encryption_keys_in},
    {"refs", MEMBER_OTHER, .read = refs_in},
    {"snapshots", MEMBER_LIST, LIST(snapshots, snapshot_count), .item_size = sizeof(Snapshot), .read = snapshot_in},
    {"statistics", MEMBER_OTHER, .read = statistics_in},
    {"partition-statistics", MEMBER_OTHER, .read = partition_statistics_in},
    {"snapshot-log", MEMBER_LIST, LIST(snapshot_log, snapshot_log_count), .item_size = sizeof(SnapshotLogEntry),
     .read = snapshot_log_in},
    {"metadata-log", MEMBER_LIST, LIST(metadata_log, metadata_log_count), .item_size = sizeof(MetadataLogEntry),
     .read = metadata_log_in},
};

static const SortOrder UNSORTED = {0};

static void uuid_put(const uint8_t bytes[16], char text[37]) {
    for (size_t i = 0, at = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[at++] = '-';
        }
        text[at++] = "0123456789abcdef"[bytes[i] >> 4];
        text[at++] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[36] = '\0';
}

// Tables of version 1 may have no UUID: it is made of the location, so that each reader of the file gets the same one.
static Slice uuid_of_location(Arena *arena, Slice location) {
    uint8_t bytes[16];
    for (uint32_t i = 0; i < 4; i++) {
        Slice text = slice_of(arena_printf(arena, "%.*s %" PRIu32, SLICE_ARG(location), i));
        int32_t hash = iceberg_hash_bytes(text);
        memcpy(bytes + (size_t)i * 4, &hash, sizeof(hash));
    }
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x80);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    char *uuid = arena_alloc(arena, 37);
    uuid_put(bytes, uuid);
    return slice_of(uuid);
}

// What version 1 does not have is made as Java makes it.
static bool first_version(JsonIn *in, MetadataIn *metadata, Err *err) {
    TableMetadata *table = &metadata->table;
    if (table->schemas == NULL) {
        if (!metadata->has_schema) {
            return json_in_fail(in, err, "schema is missing");
        }
        TableSchema *schema = ARENA_NEW(in->arena, TableSchema);
        *schema = metadata->schema;
        table->schemas = schema;
        table->schema_count = 1;
        table->current_schema_id = schema->id;
    }
    if (table->specs == NULL) {
        if (!metadata->has_spec) {
            return json_in_fail(in, err, "partition-spec is missing");
        }
        PartitionSpec *spec = ARENA_NEW(in->arena, PartitionSpec);
        *spec = metadata->spec;
        spec->id = 0;
        partition_spec_number(in->arena, spec);
        table->specs = spec;
        table->spec_count = 1;
        table->default_spec_id = 0;
    }
    if (table->orders == NULL) {
        table->orders = &UNSORTED;
        table->order_count = 1;
        table->default_order_id = 0;
    }
    if (table->last_partition_id == -1) {
        table->last_partition_id = ICEBERG_PARTITION_ID_FIRST - 1;
        for (size_t i = 0; i < table->spec_count; i++) {
            for (size_t j = 0; j < table->specs[i].field_count; j++) {
                table->last_partition_id = MAX(table->last_partition_id, table->specs[i].fields[j].field_id);
            }
        }
    }
    table->last_sequence_number = 0;
    if (table->uuid.size == 0) {
        table->uuid = uuid_of_location(in->arena, table->location);
    }
    return true;
}

static bool all_there(JsonIn *in, MetadataIn *metadata, Err *err) {
    TableMetadata *table = &metadata->table;
    if (table->format_version == 1) {
        TRY(first_version(in, metadata, err));
    }
    const struct {
        const char *name;
        bool missing;
    } needed[] = {
        {"table-uuid", table->format_version > 1 && table->uuid.size == 0},
        {"last-sequence-number", table->last_sequence_number < 0},
        {"schemas", table->schemas == NULL},
        {"current-schema-id", table->current_schema_id == INT32_MIN},
        {"partition-specs", table->specs == NULL},
        {"default-spec-id", table->default_spec_id == INT32_MIN},
        {"last-partition-id", table->last_partition_id == -1},
        {"sort-orders", table->orders == NULL},
        {"default-sort-order-id", table->default_order_id == INT32_MIN},
        {"next-row-id", table->format_version > 2 && table->next_row_id < 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if (needed[i].missing) {
            return json_in_fail(in, err, "%s is missing, empty or negative", needed[i].name);
        }
    }
    table->next_row_id = MAX(table->next_row_id, 0);
    return true;
}

// Without refs the current snapshot is that of main.
static void main_ref(JsonIn *in, MetadataIn *metadata) {
    TableMetadata *table = &metadata->table;
    if (metadata->has_refs || table->current_snapshot_id == -1) {
        return;
    }
    SnapshotRef *main = ARENA_NEW(in->arena, SnapshotRef);
    *main = (SnapshotRef){.name = SLICE("main"),
                          .snapshot_id = table->current_snapshot_id,
                          .min_snapshots = -1,
                          .max_snapshot_age_ms = -1,
                          .max_ref_age_ms = -1};
    table->refs = main;
    table->ref_count = 1;
}

Slice location_without_slash(Slice location) {
    while (location.size > 1 && location.data[location.size - 1] == '/' &&
           !(location.size >= 3 && memcmp(location.data + location.size - 3, "://", 3) == 0)) {
        location.size--;
    }
    return location;
}

bool table_metadata_parse(Slice json, Arena *arena, TableMetadata *metadata, Err *err) {
    if (json.size > TABLE_METADATA_BYTES_MAX) {
        return FAIL(err, ERR_MEMORY, "table metadata of %zu bytes: more than %d", json.size, TABLE_METADATA_BYTES_MAX);
    }
    JsonIn in[1];
    JsonToken token;
    MetadataIn whole = {.table = {.last_sequence_number = -1,
                                  .current_schema_id = INT32_MIN,
                                  .default_spec_id = INT32_MIN,
                                  .last_partition_id = -1,
                                  .default_order_id = INT32_MIN,
                                  .current_snapshot_id = -1,
                                  .next_row_id = -1}};
    json_in_init(in, "table metadata", json, arena);
    TRY(json_in_token(in, &token, err));
    TRY(json_in_struct(in, token, MEMBERS, ARRAY_LEN(MEMBERS), &whole, &whole.table.others, err));
    TRY(json_in_end(in, err));
    TRY(all_there(in, &whole, err));
    main_ref(in, &whole);
    whole.table.location = location_without_slash(whole.table.location);
    TRY(table_metadata_check(&whole.table, err));
    *metadata = whole.table;
    return true;
}

// --- writing ---------------------------------------------------------------------------------------------------

static void text_member(Buf *out, const char *name, Slice text) {
    buf_text(out, name);
    json_quote(out, text);
}

static void int_member(Buf *out, const char *name, int64_t value) {
    buf_text(out, name);
    buf_int(out, value);
}

static void kept_list(Buf *out, const char *name, Slice list) {
    buf_text(out, name);
    buf_put(out, list.size > 0 ? list : SLICE("[]"));
}

static void structure_write(const TableMetadata *metadata, Buf *out) {
    int_member(out, ",\"current-schema-id\":", metadata->current_schema_id);
    buf_text(out, ",\"schemas\":[");
    for (size_t i = 0; i < metadata->schema_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        table_schema_write(&metadata->schemas[i], out);
    }
    int_member(out, "],\"default-spec-id\":", metadata->default_spec_id);
    buf_text(out, ",\"partition-specs\":[");
    for (size_t i = 0; i < metadata->spec_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        partition_spec_write(&metadata->specs[i], out);
    }
    int_member(out, "],\"last-partition-id\":", metadata->last_partition_id);
    int_member(out, ",\"default-sort-order-id\":", metadata->default_order_id);
    buf_text(out, ",\"sort-orders\":[");
    for (size_t i = 0; i < metadata->order_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        sort_order_write(&metadata->orders[i], out);
    }
    buf_text(out, "],\"properties\":");
    properties_write(metadata->properties, metadata->property_count, out);
}

static void logs_write(const TableMetadata *metadata, Buf *out) {
    buf_text(out, ",\"snapshot-log\":[");
    for (size_t i = 0; i < metadata->snapshot_log_count; i++) {
        int_member(out, i > 0 ? ",{\"timestamp-ms\":" : "{\"timestamp-ms\":", metadata->snapshot_log[i].timestamp_ms);
        int_member(out, ",\"snapshot-id\":", metadata->snapshot_log[i].snapshot_id);
        buf_u8(out, '}');
    }
    buf_text(out, "],\"metadata-log\":[");
    for (size_t i = 0; i < metadata->metadata_log_count; i++) {
        int_member(out, i > 0 ? ",{\"timestamp-ms\":" : "{\"timestamp-ms\":", metadata->metadata_log[i].timestamp_ms);
        text_member(out, ",\"metadata-file\":", metadata->metadata_log[i].file);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
}

void table_metadata_write(const TableMetadata *metadata, Buf *out) {
    int32_t version = MAX(metadata->format_version, 2);
    int_member(out, "{\"format-version\":", version);
    text_member(out, ",\"table-uuid\":", metadata->uuid);
    text_member(out, ",\"location\":", metadata->location);
    int_member(out, ",\"last-sequence-number\":", metadata->last_sequence_number);
    int_member(out, ",\"last-updated-ms\":", metadata->last_updated_ms);
    int_member(out, ",\"last-column-id\":", metadata->last_column_id);
    structure_write(metadata, out);
    if (metadata->current_snapshot_id == -1 && version >= 3) {
        buf_text(out, ",\"current-snapshot-id\":null");
    } else {
        int_member(out, ",\"current-snapshot-id\":", metadata->current_snapshot_id);
    }
    if (version >= 3) {
        int_member(out, ",\"next-row-id\":", metadata->next_row_id);
    }
    if (metadata->encryption_keys.size > 0) {
        kept_list(out, ",\"encryption-keys\":", metadata->encryption_keys);
    }
    buf_text(out, ",\"refs\":{");
    for (size_t i = 0; i < metadata->ref_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        text_member(out, "", metadata->refs[i].name);
        buf_u8(out, ':');
        snapshot_ref_write(&metadata->refs[i], out);
    }
    buf_text(out, "},\"snapshots\":[");
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        snapshot_write(&metadata->snapshots[i], out);
    }
    kept_list(out, "],\"statistics\":", metadata->statistics);
    kept_list(out, ",\"partition-statistics\":", metadata->partition_statistics);
    logs_write(metadata, out);
    others_write(metadata->others, out);
    buf_u8(out, '}');
}

// --- making ----------------------------------------------------------------------------------------------------

static bool new_structure(const TableSchema *schema, const PartitionSpec *spec, const SortOrder *order, Arena *arena,
                          TableMetadata *metadata, Err *err) {
    TableSchema *schemas = ARENA_NEW(arena, TableSchema);
    *schemas = *schema;
    schemas->id = 0;
    PartitionSpec *specs = ARENA_NEW(arena, PartitionSpec);
    *specs = spec != NULL ? *spec : (PartitionSpec){0};
    specs->id = 0;
    partition_spec_number(arena, specs);
    SortOrder *orders = ARENA_NEW(arena, SortOrder);
    *orders = order != NULL ? *order : (SortOrder){0};
    orders->id = orders->field_count > 0;
    TRY(table_schema_check(schemas, err));
    TRY(table_schema_check_version(schemas, metadata->format_version, err));
    TRY(partition_spec_check(specs, schemas, err));
    TRY(sort_order_check(orders, schemas, err));
    metadata->last_column_id = shape_highest_id(schemas->shape);
    metadata->last_partition_id = ICEBERG_PARTITION_ID_FIRST - 1;
    for (size_t i = 0; i < specs->field_count; i++) {
        metadata->last_partition_id = MAX(metadata->last_partition_id, specs->fields[i].field_id);
    }
    metadata->schemas = schemas;
    metadata->specs = specs;
    metadata->orders = orders;
    metadata->schema_count = metadata->spec_count = metadata->order_count = 1;
    metadata->default_order_id = orders->id;
    return true;
}

bool table_metadata_new(int32_t format_version, Slice uuid, Slice location, const TableSchema *schema,
                        const PartitionSpec *spec, const SortOrder *order, const Property *properties,
                        size_t property_count, int64_t now_ms, Arena *arena, TableMetadata *metadata, Err *err) {
    if (format_version < 1 || format_version > 3) {
        return FAIL(err, ERR_VALUE, "Unsupported format version: v%" PRId32 " (supported: v3)", format_version);
    }
    *metadata = (TableMetadata){.format_version = MAX(format_version, 2),
                                .uuid = uuid,
                                .location = location_without_slash(location),
                                .last_updated_ms = now_ms,
                                .current_snapshot_id = -1};
    TRY(new_structure(schema, spec, order, arena, metadata, err));
    Property *kept = ARENA_ARRAY(arena, Property, property_count);
    for (size_t i = 0; i < property_count; i++) {
        if (!property_is_reserved(properties[i].key)) {
            kept[metadata->property_count++] = properties[i];
        }
    }
    metadata->properties = kept;
    return true;
}

// The number in ".../00007-UUID.metadata.json" or ".../v7.metadata.json"; -1 = there is none.
int64_t table_metadata_file_version(Slice file) {
    size_t at = file.size;
    while (at > 0 && file.data[at - 1] != '/') {
        at--;
    }
    at += at < file.size && file.data[at] == 'v';
    int64_t version = -1;
    for (size_t end = MIN(file.size, at + 9); at < end && file.data[at] >= '0' && file.data[at] <= '9'; at++) {
        version = MAX(version, 0) * 10 + (file.data[at] - '0');
    }
    return version;
}

Slice table_metadata_next_file(const TableMetadata *metadata, Slice previous, Arena *arena) {
    char uuid[37];
    random_uuid(uuid);
    Slice folder = location_without_slash(table_property(metadata, "write.metadata.path"));
    bool own = folder.size > 0;
    if (!own) {
        folder = metadata->location;
    }
    return slice_of(arena_printf(arena, "%.*s%s/%05" PRId64 "-%s.metadata.json", SLICE_ARG(folder),
                                 own ? "" : "/metadata", table_metadata_file_version(previous) + 1, uuid));
}
