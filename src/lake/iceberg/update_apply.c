// SPDX-License-Identifier: Apache-2.0
// Updates applied to a table's metadata. A change costs what the table and itself are large, whatever it does: see
// change_list.h.
#include "core/sys/random.h"
#include "lake/iceberg/change_list.h"
#include "lake/iceberg/parts.h"
#include "lake/iceberg/update.h"

enum { PREVIOUS_VERSIONS_DEFAULT = 100, CLOCK_SKEW_MS = 60000 };

// --- the draft -------------------------------------------------------------------------------------------------

// An element of a list that stays JSON: statistics by snapshot, encryption keys by id.
typedef struct KeptJson {
    int64_t snapshot_id;
    Slice key_id;
    Slice json;
} KeptJson;

typedef struct Draft {
    TableMetadata table; // its lists are made at the end
    Arena *arena;
    int64_t now_ms;
    ChangeList schemas, specs, orders;
    ChangeList properties, snapshots, refs; // looked up
    ChangeList log;
    size_t log_base;                                              // entries that the base has
    ChangeList statistics, partition_statistics, encryption_keys; // KeptJson; items NULL = not read yet
    int32_t last_schema, last_spec, last_order;                   // added or found; -1 = none
    Map added;                                                    // snapshots
    bool main_set, snapshots_removed, refs_dangle;
    int32_t lowest_version; // a 1 becomes a 2 where the table is new, or a 1
} Draft;

static void draft_release(Draft *draft) {
    ChangeList *lists[] = {&draft->properties,           &draft->snapshots,      &draft->refs, &draft->statistics,
                           &draft->partition_statistics, &draft->encryption_keys};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        map_release(&lists[i]->index);
    }
    map_release(&draft->added);
}

static int64_t last_log_ms(const Draft *draft) {
    return draft->log.count > 0
               ? ((const SnapshotLogEntry *)change_list_at(&draft->log, draft->log.count - 1))->timestamp_ms
               : 0;
}

static void draft_init(Draft *draft, const TableMetadata *base, int64_t now_ms, Arena *arena) {
    static const TableMetadata EMPTY = {
        .format_version = 2, .last_partition_id = ICEBERG_PARTITION_ID_FIRST - 1, .current_snapshot_id = -1};
    const TableMetadata *from = base != NULL ? base : &EMPTY;
    *draft = (Draft){.table = *from, .arena = arena, .last_schema = -1, .last_spec = -1, .last_order = -1};
    draft->table.format_version = MAX(from->format_version, 2); // what is written is not version 1
    draft->lowest_version = base != NULL ? from->format_version : 1;
    draft->schemas = change_list_of(from->schemas, from->schema_count, sizeof(TableSchema));
    draft->specs = change_list_of(from->specs, from->spec_count, sizeof(PartitionSpec));
    draft->orders = change_list_of(from->orders, from->order_count, sizeof(SortOrder));
    draft->properties = change_list_of(from->properties, from->property_count, sizeof(Property));
    draft->properties.key_at = offsetof(Property, key);
    draft->snapshots = change_list_of(from->snapshots, from->snapshot_count, sizeof(Snapshot));
    draft->snapshots.key_at = offsetof(Snapshot, id);
    draft->snapshots.by_number = true;
    draft->refs = change_list_of(from->refs, from->ref_count, sizeof(SnapshotRef));
    draft->refs.key_at = offsetof(SnapshotRef, name);
    draft->log = change_list_of(from->snapshot_log, from->snapshot_log_count, sizeof(SnapshotLogEntry));
    draft->log_base = from->snapshot_log_count;
    size_t files = from->metadata_log_count;
    int64_t last_file = files > 0 ? from->metadata_log[files - 1].timestamp_ms : 0;
    draft->now_ms = MAX(MAX(now_ms, from->last_updated_ms), MAX(last_log_ms(draft), last_file));
}

// --- structure -------------------------------------------------------------------------------------------------

static bool upgrade(Draft *draft, int64_t version, Err *err) {
    if (version > 3 || version < 1) {
        return FAIL(err, ERR_VALUE, "Unsupported format version: v%" PRId64 " (supported: v3)", version);
    }
    if (version < draft->lowest_version) {
        return FAIL(err, ERR_VALUE, "Cannot downgrade v%" PRId32 " table to v%" PRId64, draft->table.format_version,
                    version);
    }
    draft->table.format_version = (int32_t)MAX(version, draft->table.format_version);
    draft->lowest_version = draft->table.format_version;
    return true;
}

static bool assign_uuid(Draft *draft, const TableUpdate *update, Err *err) {
    draft->table.uuid = update->text;
    return update->text.size > 0 || FAIL(err, ERR_VALUE, "uuid is empty");
}

static bool upgrade_version(Draft *draft, const TableUpdate *update, Err *err) {
    return upgrade(draft, update->id, err);
}

static bool add_schema(Draft *draft, const TableUpdate *update, Err *err) {
    TRY(table_schema_check(&update->schema, err));
    TRY(table_schema_check_version(&update->schema, draft->table.format_version, err));
    draft->table.last_column_id = MAX(draft->table.last_column_id, shape_highest_id(update->schema.shape));
    int32_t id = draft->table.current_schema_id;
    for (size_t i = 0; i < draft->schemas.count; i++) {
        const TableSchema *schema = change_list_at(&draft->schemas, i);
        if (table_schema_equal(schema, &update->schema)) {
            draft->last_schema = schema->id;
            return true;
        }
        id = MAX(id, schema->id == INT32_MAX ? INT32_MAX : schema->id + 1);
    }
    if (id == INT32_MAX) {
        return FAIL(err, ERR_VALUE, "there are no schema ids left");
    }
    TableSchema *schema = change_list_add(&draft->schemas, draft->arena, &update->schema);
    schema->id = id;
    draft->last_schema = id;
    return true;
}

// The id that is meant; `last` where it is -1.
static bool meant_id(int32_t id, int32_t last, const char *what, int32_t *meant, Err *err) {
    *meant = id == -1 ? last : id;
    return *meant != -1 || FAIL(err, ERR_VALUE, "Cannot set last added %s: no %s has been added", what, what);
}

static bool set_schema(Draft *draft, const TableUpdate *update, Err *err) {
    int32_t id = -1;
    TRY(meant_id(update->id, draft->last_schema, "schema", &id, err));
    for (size_t i = 0; i < draft->schemas.count; i++) {
        if (((const TableSchema *)change_list_at(&draft->schemas, i))->id == id) {
            draft->table.current_schema_id = id;
            return true;
        }
    }
    return FAIL(err, ERR_VALUE, "Cannot set current schema to unknown schema: %" PRId32, id);
}

static bool same_field(const PartitionField *a, const PartitionField *b) {
    return a->source_id == b->source_id && slice_equal(a->transform_text, b->transform_text) &&
           slice_equal(a->others, b->others);
}

static bool spec_equal(const PartitionSpec *a, const PartitionSpec *b) {
    for (size_t i = 0; i < a->field_count && a->field_count == b->field_count; i++) {
        if (!same_field(&a->fields[i], &b->fields[i]) || !slice_equal(a->fields[i].name, b->fields[i].name)) {
            return false;
        }
    }
    return a->field_count == b->field_count;
}

// The id that this field has in another spec; 0 = none.
static int32_t known_field_id(const Draft *draft, const PartitionField *field) {
    for (size_t i = 0; i < draft->specs.count; i++) {
        const PartitionSpec *spec = change_list_at(&draft->specs, i);
        for (size_t j = 0; j < spec->field_count; j++) {
            if (same_field(&spec->fields[j], field)) {
                return spec->fields[j].field_id;
            }
        }
    }
    return 0;
}

static bool field_id_taken(const PartitionField *fields, size_t count, int32_t id) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].field_id == id) {
            return true;
        }
    }
    return false;
}

static bool number_fields(Draft *draft, PartitionSpec *spec, Err *err) {
    PartitionField *fields = ARENA_ARRAY(draft->arena, PartitionField, spec->field_count);
    int32_t *last = &draft->table.last_partition_id;
    for (size_t i = 0; i < spec->field_count; i++) {
        fields[i] = spec->fields[i];
        *last = MAX(*last, fields[i].field_id);
    }
    for (size_t i = 0; i < spec->field_count; i++) {
        if (fields[i].field_id != 0) {
            continue;
        }
        int32_t known = known_field_id(draft, &fields[i]);
        if (known != 0 && !field_id_taken(fields, spec->field_count, known)) {
            fields[i].field_id = known;
        } else if (*last == INT32_MAX) {
            return FAIL(err, ERR_VALUE, "there are no partition field ids left");
        } else {
            fields[i].field_id = ++*last;
        }
    }
    spec->fields = fields;
    return true;
}

static const TableSchema *schema_now(const Draft *draft) {
    for (size_t i = 0; i < draft->schemas.count; i++) {
        const TableSchema *schema = change_list_at(&draft->schemas, i);
        if (schema->id == draft->table.current_schema_id) {
            return schema;
        }
    }
    return NULL;
}

static bool add_spec(Draft *draft, const TableUpdate *update, Err *err) {
    const TableSchema *schema = schema_now(draft);
    if (schema == NULL) {
        return FAIL(err, ERR_VALUE, "Attempting to add a partition spec before a schema is added");
    }
    int32_t id = 0;
    for (size_t i = 0; i < draft->specs.count; i++) {
        const PartitionSpec *spec = change_list_at(&draft->specs, i);
        if (spec_equal(spec, &update->spec)) {
            draft->last_spec = spec->id;
            return true;
        }
        id = MAX(id, spec->id == INT32_MAX ? INT32_MAX : spec->id + 1);
    }
    TRY(partition_spec_check(&update->spec, schema, err));
    PartitionSpec *spec = change_list_add(&draft->specs, draft->arena, &update->spec);
    spec->id = id;
    draft->last_spec = id;
    draft->specs.count--; // its own fields are not those of another
    bool numbered = number_fields(draft, spec, err);
    draft->specs.count++;
    return numbered;
}

static bool set_spec(Draft *draft, const TableUpdate *update, Err *err) {
    int32_t id = -1;
    TRY(meant_id(update->id, draft->last_spec, "spec", &id, err));
    for (size_t i = 0; i < draft->specs.count; i++) {
        if (((const PartitionSpec *)change_list_at(&draft->specs, i))->id == id) {
            draft->table.default_spec_id = id;
            return true;
        }
    }
    return FAIL(err, ERR_VALUE, "Cannot set default partition spec to unknown spec: %" PRId32, id);
}

static bool order_equal(const SortOrder *a, const SortOrder *b) {
    for (size_t i = 0; i < a->field_count && a->field_count == b->field_count; i++) {
        const SortField *x = &a->fields[i], *y = &b->fields[i];
        if (x->source_id != y->source_id || x->descending != y->descending || x->nulls_last != y->nulls_last ||
            !slice_equal(x->transform_text, y->transform_text) || !slice_equal(x->others, y->others)) {
            return false;
        }
    }
    return a->field_count == b->field_count;
}

static bool add_order(Draft *draft, const TableUpdate *update, Err *err) {
    const TableSchema *schema = schema_now(draft);
    if (schema == NULL) {
        return FAIL(err, ERR_VALUE, "Attempting to add a sort order before a schema is added");
    }
    int32_t id = update->order.field_count > 0; // 0 is the one without fields
    for (size_t i = 0; i < draft->orders.count; i++) {
        const SortOrder *order = change_list_at(&draft->orders, i);
        if (order_equal(order, &update->order)) {
            draft->last_order = order->id;
            return true;
        }
        if (update->order.field_count > 0) {
            id = MAX(id, order->id == INT32_MAX ? INT32_MAX : order->id + 1);
        }
    }
    TRY(sort_order_check(&update->order, schema, err));
    SortOrder *order = change_list_add(&draft->orders, draft->arena, &update->order);
    order->id = id;
    draft->last_order = id;
    return true;
}

static bool set_order(Draft *draft, const TableUpdate *update, Err *err) {
    int32_t id = -1;
    TRY(meant_id(update->id, draft->last_order, "sort order", &id, err));
    for (size_t i = 0; i < draft->orders.count; i++) {
        if (((const SortOrder *)change_list_at(&draft->orders, i))->id == id) {
            draft->table.default_order_id = id;
            return true;
        }
    }
    return FAIL(err, ERR_VALUE, "Cannot set default sort order to unknown sort order: %" PRId32, id);
}

static int compare_ids(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Leaves out the schemas or specs of those ids; `id_at` is where an item has its own.
static bool remove_structure(Draft *draft, ChangeList *list, size_t id_at, const TableUpdate *update, int32_t used,
                             const char *what, Err *err) {
    int64_t *ids = ARENA_ARRAY(draft->arena, int64_t, update->count);
    if (update->count > 0) {
        memcpy(ids, update->ids, update->count * sizeof(*ids));
    }
    qsort(ids, update->count, sizeof(*ids), compare_ids);
    change_list_own(list, draft->arena, 0);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        int32_t id = 0;
        memcpy(&id, (const uint8_t *)change_list_at(list, i) + id_at, sizeof(id));
        int64_t wanted = id;
        if (bsearch(&wanted, ids, update->count, sizeof(*ids), compare_ids) == NULL) {
            memmove(change_list_at(list, kept++), change_list_at(list, i), list->size);
        } else if (id == used) {
            return FAIL(err, ERR_VALUE, "Cannot remove the %s", what);
        }
    }
    list->count = kept;
    return true;
}

static bool remove_specs(Draft *draft, const TableUpdate *update, Err *err) {
    return remove_structure(draft, &draft->specs, offsetof(PartitionSpec, id), update, draft->table.default_spec_id,
                            "default partition spec", err);
}

static bool remove_schemas(Draft *draft, const TableUpdate *update, Err *err) {
    return remove_structure(draft, &draft->schemas, offsetof(TableSchema, id), update, draft->table.current_schema_id,
                            "current schema", err);
}

// --- snapshots and refs ----------------------------------------------------------------------------------------

static bool add_rows(Draft *draft, const Snapshot *snapshot, Err *err) {
    if (snapshot->first_row_id < 0) {
        return FAIL(err, ERR_VALUE, "Cannot add a snapshot: first-row-id is null");
    }
    if (snapshot->first_row_id < draft->table.next_row_id) {
        return FAIL(err, ERR_CHANGED,
                    "Cannot add a snapshot, first-row-id is behind table next-row-id: %" PRId64 " < %" PRId64,
                    snapshot->first_row_id, draft->table.next_row_id);
    }
    // Row ids that a client has left out stay unused.
    return !__builtin_add_overflow(snapshot->first_row_id, snapshot->added_rows, &draft->table.next_row_id) ||
           FAIL(err, ERR_VALUE, "Cannot add a snapshot: first-row-id and added-rows are too large");
}

static bool add_snapshot(Draft *draft, const TableUpdate *update, Err *err) {
    const Snapshot *snapshot = &update->snapshot;
    const char *before = draft->schemas.count == 0  ? "schema"
                         : draft->specs.count == 0  ? "partition spec"
                         : draft->orders.count == 0 ? "sort order"
                                                    : NULL;
    if (before != NULL) {
        return FAIL(err, ERR_VALUE, "Attempting to add a snapshot before a %s is added", before);
    }
    TRY(snapshot_check(snapshot, err));
    if (change_list_find_number(&draft->snapshots, snapshot->id) != 0) {
        return FAIL(err, ERR_VALUE, "Snapshot already exists for id: %" PRId64, snapshot->id);
    }
    if (snapshot->sequence_number <= draft->table.last_sequence_number && snapshot->parent_id != -1) {
        return FAIL(err, ERR_CHANGED,
                    "Cannot add snapshot with sequence number %" PRId64 " older than last sequence number %" PRId64,
                    snapshot->sequence_number, draft->table.last_sequence_number);
    }
    if (draft->table.format_version >= 3) {
        TRY(add_rows(draft, snapshot, err));
    }
    draft->table.last_sequence_number = MAX(draft->table.last_sequence_number, snapshot->sequence_number);
    (void)change_list_add(&draft->snapshots, draft->arena, snapshot);
    map_put_u64(&draft->added, (uint64_t)snapshot->id, draft);
    return true;
}

// A new snapshot counts from its own time, an old one from now; never before what the log has, nor far after now.
static void log_main(Draft *draft, const Snapshot *snapshot) {
    bool added = map_find_u64(&draft->added, (uint64_t)snapshot->id) != NULL;
    int64_t at = MAX(added ? snapshot->timestamp_ms : draft->now_ms, last_log_ms(draft));
    if (at > draft->now_ms && at - draft->now_ms > CLOCK_SKEW_MS) {
        at = draft->now_ms;
    }
    draft->now_ms = MAX(draft->now_ms, at);
    (void)change_list_add(&draft->log, draft->arena, &(SnapshotLogEntry){at, snapshot->id});
    draft->main_set = true;
}

static bool ref_equal(const SnapshotRef *a, const SnapshotRef *b) {
    return a->snapshot_id == b->snapshot_id && a->tag == b->tag && a->min_snapshots == b->min_snapshots &&
           a->max_snapshot_age_ms == b->max_snapshot_age_ms && a->max_ref_age_ms == b->max_ref_age_ms;
}

static bool set_ref(Draft *draft, const TableUpdate *update, Err *err) {
    const SnapshotRef *ref = &update->ref;
    size_t at = change_list_find(&draft->refs, ref->name);
    if (at != 0 && ref_equal(change_list_at(&draft->refs, at - 1), ref)) {
        return true;
    }
    TRY(snapshot_ref_check(ref, err));
    size_t snapshot = change_list_find_number(&draft->snapshots, ref->snapshot_id);
    if (snapshot == 0) {
        return FAIL(err, ERR_VALUE, "Cannot set %.*s to unknown snapshot: %" PRId64,
                    (int)MIN(ref->name.size, (size_t)100), ref->name.data, ref->snapshot_id);
    }
    if (slice_is(ref->name, "main")) {
        draft->table.current_snapshot_id = ref->snapshot_id;
        log_main(draft, change_list_at(&draft->snapshots, snapshot - 1));
    }
    if (at == 0) {
        (void)change_list_add(&draft->refs, draft->arena, ref);
    } else {
        change_list_own(&draft->refs, draft->arena, 0);
        SnapshotRef *old = change_list_at(&draft->refs, at - 1);
        Slice others = old->others;
        *old = *ref;
        old->others = others;
    }
    return true;
}

static void drop_ref(Draft *draft, Slice name) {
    if (slice_is(name, "main")) {
        draft->table.current_snapshot_id = -1;
    }
    (void)change_list_remove(&draft->refs, name);
}

static bool remove_ref(Draft *draft, const TableUpdate *update, Err *err) {
    (void)err;
    drop_ref(draft, update->text);
    return true;
}

// Refs whose snapshots are gone go, too: once for any number of removals.
static void settle_refs(Draft *draft) {
    for (size_t i = 0; i < draft->refs.count && draft->refs_dangle; i++) {
        const SnapshotRef *ref = change_list_at(&draft->refs, i);
        if (change_list_has(&draft->refs, i) && change_list_find_number(&draft->snapshots, ref->snapshot_id) == 0) {
            drop_ref(draft, ref->name);
        }
    }
    draft->refs_dangle = false;
}

// --- lists that stay JSON --------------------------------------------------------------------------------------

static bool kept_item_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return json_in_raw(in, first, target, err);
}

// Reads the list when it is needed for the first time.
static bool kept_read(Draft *draft, ChangeList *list, Slice json, bool by_number, Err *err) {
    if (list->size != 0) {
        return true;
    }
    *list = (ChangeList){.size = sizeof(KeptJson),
                         .by_number = by_number,
                         .key_at = by_number ? offsetof(KeptJson, snapshot_id) : offsetof(KeptJson, key_id)};
    if (json.size == 0) {
        return true;
    }
    JsonIn in[1];
    JsonToken token;
    void *items = NULL;
    size_t count = 0;
    json_in_init(in, by_number ? "statistics" : "encryption-keys", json, draft->arena);
    TRY(json_in_token(in, &token, err));
    TRY(json_in_list(in, token, kept_item_in, sizeof(Slice), &items, &count, err));
    for (size_t i = 0; i < count; i++) {
        KeptJson kept = {.json = ((const Slice *)items)[i]};
        TRY(by_number ? json_object_snapshot_id(kept.json, draft->arena, &kept.snapshot_id, err)
                      : json_object_key_id(kept.json, draft->arena, &kept.key_id, err));
        (void)change_list_add(list, draft->arena, &kept);
    }
    return true;
}

static void kept_write(Draft *draft, ChangeList *list, Slice *json) {
    if (list->size == 0) {
        return; // as it was
    }
    change_list_compact(list, draft->arena);
    DEFER(buf_release) Buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < list->count; i++) {
        buf_u8(&out, i > 0 ? ',' : '[');
        buf_put(&out, ((const KeptJson *)change_list_at(list, i))->json);
    }
    buf_u8(&out, ']');
    *json = list->count > 0 ? arena_slice(draft->arena, buf_slice(&out)) : (Slice){0};
}

static bool statistics_list(Draft *draft, bool partition, ChangeList **list, Err *err) {
    *list = partition ? &draft->partition_statistics : &draft->statistics;
    return kept_read(draft, *list, partition ? draft->table.partition_statistics : draft->table.statistics, true, err);
}

static bool set_statistics(Draft *draft, const TableUpdate *update, Err *err) {
    ChangeList *list = NULL;
    KeptJson kept = {.json = update->text};
    TRY(statistics_list(draft, update->action == UPDATE_SET_PARTITION_STATISTICS, &list, err));
    TRY(json_object_snapshot_id(update->text, draft->arena, &kept.snapshot_id, err));
    size_t at = change_list_find_number(list, kept.snapshot_id);
    if (at != 0) {
        *(KeptJson *)change_list_at(list, at - 1) = kept; // read into memory of our own
    } else {
        (void)change_list_add(list, draft->arena, &kept);
    }
    return true;
}

static bool remove_statistics(Draft *draft, const TableUpdate *update, Err *err) {
    ChangeList *list = NULL;
    TRY(statistics_list(draft, update->action == UPDATE_REMOVE_PARTITION_STATISTICS, &list, err));
    for (size_t i = 0; i < update->count; i++) {
        (void)change_list_remove(list, (Slice){(const uint8_t *)&update->ids[i], sizeof(int64_t)});
    }
    return true;
}

static bool add_encryption_key(Draft *draft, const TableUpdate *update, Err *err) {
    KeptJson kept = {.json = update->text};
    TRY(kept_read(draft, &draft->encryption_keys, draft->table.encryption_keys, false, err));
    TRY(json_object_key_id(update->text, draft->arena, &kept.key_id, err));
    if (change_list_find(&draft->encryption_keys, kept.key_id) == 0) {
        (void)change_list_add(&draft->encryption_keys, draft->arena, &kept);
    }
    return true;
}

static bool remove_encryption_key(Draft *draft, const TableUpdate *update, Err *err) {
    TRY(kept_read(draft, &draft->encryption_keys, draft->table.encryption_keys, false, err));
    (void)change_list_remove(&draft->encryption_keys, update->text);
    return true;
}

static bool remove_snapshots(Draft *draft, const TableUpdate *update, Err *err) {
    bool statistics = draft->statistics.size > 0 || draft->table.statistics.size > 0;
    bool partition = draft->partition_statistics.size > 0 || draft->table.partition_statistics.size > 0;
    TableUpdate of_each = {.ids = update->ids, .count = update->count};
    if (statistics) {
        of_each.action = UPDATE_REMOVE_STATISTICS;
        TRY(remove_statistics(draft, &of_each, err));
    }
    if (partition) {
        of_each.action = UPDATE_REMOVE_PARTITION_STATISTICS;
        TRY(remove_statistics(draft, &of_each, err));
    }
    for (size_t i = 0; i < update->count; i++) {
        if (change_list_remove(&draft->snapshots, (Slice){(const uint8_t *)&update->ids[i], sizeof(int64_t)})) {
            draft->snapshots_removed = draft->refs_dangle = true;
        }
    }
    return true;
}

// --- properties ------------------------------------------------------------------------------------------------

static bool set_properties(Draft *draft, const TableUpdate *update, Err *err) {
    for (size_t i = 0; i < update->count; i++) {
        const Property *property = &update->properties[i];
        if (property_is_reserved(property->key)) {
            if (slice_is(property->key, "format-version")) {
                bool digit =
                    property->value.size == 1 && property->value.data[0] >= '0' && property->value.data[0] <= '9';
                TRY(upgrade(draft, digit ? property->value.data[0] - '0' : -1, err));
            }
            continue;
        }
        size_t at = change_list_find(&draft->properties, property->key);
        if (at == 0) {
            (void)change_list_add(&draft->properties, draft->arena, property);
        } else {
            change_list_own(&draft->properties, draft->arena, 0);
            ((Property *)change_list_at(&draft->properties, at - 1))->value = property->value;
        }
    }
    return true;
}

static bool remove_properties(Draft *draft, const TableUpdate *update, Err *err) {
    (void)err;
    for (size_t i = 0; i < update->count; i++) {
        (void)change_list_remove(&draft->properties, update->keys[i]);
    }
    return true;
}

static bool set_location(Draft *draft, const TableUpdate *update, Err *err) {
    draft->table.location = location_without_slash(update->text);
    return update->text.size > 0 || FAIL(err, ERR_VALUE, "location is empty");
}

// --- the end ---------------------------------------------------------------------------------------------------

// An entry whose snapshot is gone takes those before it along: a gap would tell a wrong history. Snapshots that were
// main only within this change were never seen as such.
static void settle_log(Draft *draft) {
    ChangeList *log = &draft->log;
    size_t from = 0, kept = 0;
    for (size_t i = 0; i < log->count && draft->snapshots_removed; i++) {
        const SnapshotLogEntry *entry = change_list_at(log, i);
        from = change_list_find_number(&draft->snapshots, entry->snapshot_id) == 0 ? i + 1 : from;
    }
    if (from == 0 && !draft->main_set) {
        return;
    }
    change_list_own(log, draft->arena, 1);
    SnapshotLogEntry *entries = change_list_at(log, 0);
    int64_t current = draft->table.current_snapshot_id;
    for (size_t i = from; i < log->count; i++) {
        bool between = i >= draft->log_base && entries[i].snapshot_id != current &&
                       map_find_u64(&draft->added, (uint64_t)entries[i].snapshot_id) != NULL;
        if (!between) {
            entries[kept++] = entries[i];
        }
    }
    log->count = kept;
    if (current != -1 && (kept == 0 || entries[kept - 1].snapshot_id != current)) {
        int64_t last = last_log_ms(draft);
        (void)change_list_add(log, draft->arena, &(SnapshotLogEntry){MAX(last, draft->now_ms), current});
    }
}

static size_t previous_versions_max(const TableMetadata *table) {
    Slice text = table_property(table, "write.metadata.previous-versions-max");
    size_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || text.size > 9) {
            return PREVIOUS_VERSIONS_DEFAULT;
        }
        number = number * 10 + (size_t)(text.data[i] - '0');
    }
    return text.size == 0 ? PREVIOUS_VERSIONS_DEFAULT : MAX(number, 1);
}

static void log_file(Draft *draft, const TableMetadata *base, Slice file, const MetadataLogEntry **dropped,
                     size_t *dropped_count) {
    if (dropped != NULL) {
        *dropped = NULL;
        *dropped_count = 0;
    }
    if (base == NULL || file.size == 0) {
        return;
    }
    size_t max = previous_versions_max(&draft->table), count = base->metadata_log_count;
    size_t gone = count >= max ? count - max + 1 : 0;
    MetadataLogEntry *log = ARENA_ARRAY(draft->arena, MetadataLogEntry, count - gone + 1);
    for (size_t i = gone; i < count; i++) {
        log[i - gone] = base->metadata_log[i];
    }
    int64_t last = count > gone ? log[count - gone - 1].timestamp_ms : 0;
    log[count - gone] = (MetadataLogEntry){MAX(last, base->last_updated_ms), file};
    draft->now_ms = MAX(draft->now_ms, log[count - gone].timestamp_ms);
    draft->table.metadata_log = log;
    draft->table.metadata_log_count = count - gone + 1;
    if (dropped != NULL && gone > 0) {
        *dropped = base->metadata_log;
        *dropped_count = gone;
    }
}

static void lists_give(Draft *draft) {
    ChangeList *lists[] = {&draft->properties, &draft->snapshots, &draft->refs};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        change_list_compact(lists[i], draft->arena);
    }
    TableMetadata *table = &draft->table;
    table->schemas = change_list_at(&draft->schemas, 0);
    table->schema_count = draft->schemas.count;
    table->specs = change_list_at(&draft->specs, 0);
    table->spec_count = draft->specs.count;
    table->orders = change_list_at(&draft->orders, 0);
    table->order_count = draft->orders.count;
    table->properties = change_list_at(&draft->properties, 0);
    table->property_count = draft->properties.count;
    table->snapshots = change_list_at(&draft->snapshots, 0);
    table->snapshot_count = draft->snapshots.count;
    table->refs = change_list_at(&draft->refs, 0);
    table->ref_count = draft->refs.count;
    table->snapshot_log = change_list_at(&draft->log, 0);
    table->snapshot_log_count = draft->log.count;
    kept_write(draft, &draft->statistics, &table->statistics);
    kept_write(draft, &draft->partition_statistics, &table->partition_statistics);
    kept_write(draft, &draft->encryption_keys, &table->encryption_keys);
}

// What a reader would refuse is not written.
static bool draft_check(Draft *draft, Err *err) {
    const TableMetadata *table = &draft->table;
    if (table->location.size == 0) {
        return FAIL(err, ERR_VALUE, "the table has no location");
    }
    TRY(table_metadata_check(table, err));
    const TableSchema *schema = table_schema_current(table);
    TRY(partition_spec_check(table_spec_find(table, table->default_spec_id), schema, err));
    for (size_t i = 0; i < table->order_count; i++) {
        if (table->orders[i].id == table->default_order_id) {
            return sort_order_check(&table->orders[i], schema, err);
        }
    }
    return FAIL(err, ERR_VALUE, "default-sort-order-id: no sort order has the id %" PRId32, table->default_order_id);
}

static bool (*const APPLY[])(Draft *draft, const TableUpdate *update, Err *err) = {
    [UPDATE_ASSIGN_UUID] = assign_uuid,
    [UPDATE_UPGRADE_FORMAT_VERSION] = upgrade_version,
    [UPDATE_ADD_SCHEMA] = add_schema,
    [UPDATE_SET_CURRENT_SCHEMA] = set_schema,
    [UPDATE_ADD_SPEC] = add_spec,
    [UPDATE_SET_DEFAULT_SPEC] = set_spec,
    [UPDATE_ADD_SORT_ORDER] = add_order,
    [UPDATE_SET_DEFAULT_SORT_ORDER] = set_order,
    [UPDATE_ADD_SNAPSHOT] = add_snapshot,
    [UPDATE_REMOVE_SNAPSHOTS] = remove_snapshots,
    [UPDATE_SET_SNAPSHOT_REF] = set_ref,
    [UPDATE_REMOVE_SNAPSHOT_REF] = remove_ref,
    [UPDATE_SET_LOCATION] = set_location,
    [UPDATE_SET_PROPERTIES] = set_properties,
    [UPDATE_REMOVE_PROPERTIES] = remove_properties,
    [UPDATE_REMOVE_SPECS] = remove_specs,
    [UPDATE_REMOVE_SCHEMAS] = remove_schemas,
    [UPDATE_SET_STATISTICS] = set_statistics,
    [UPDATE_REMOVE_STATISTICS] = remove_statistics,
    [UPDATE_SET_PARTITION_STATISTICS] = set_statistics,
    [UPDATE_REMOVE_PARTITION_STATISTICS] = remove_statistics,
    [UPDATE_ADD_ENCRYPTION_KEY] = add_encryption_key,
    [UPDATE_REMOVE_ENCRYPTION_KEY] = remove_encryption_key,
};

static bool draft_apply(Draft *draft, const TableChange *change, Err *err) {
    for (size_t i = 0; i < change->update_count; i++) {
        const TableUpdate *update = &change->updates[i];
        if (update->action != UPDATE_REMOVE_SNAPSHOTS) {
            settle_refs(draft);
        }
        if (!APPLY[update->action](draft, update, err)) {
            return err_prefix(err, "%s", update_action_name(update->action));
        }
    }
    settle_refs(draft);
    settle_log(draft);
    return true;
}

// A table is made in the version that its updates ask for first.
static void first_version(Draft *draft, const TableChange *change) {
    for (size_t i = 0; i < change->update_count; i++) {
        if (change->updates[i].action == UPDATE_UPGRADE_FORMAT_VERSION) {
            int32_t version = change->updates[i].id;
            draft->table.format_version = version == 3 ? 3 : 2;
            return;
        }
    }
}

bool table_metadata_apply(const TableMetadata *base, Slice base_file, const TableChange *change, int64_t now_ms,
                          Arena *arena, TableMetadata *metadata, const MetadataLogEntry **dropped,
                          size_t *dropped_count, Err *err) {
    DEFER(draft_release) Draft draft;
    draft_init(&draft, base, now_ms, arena);
    if (base == NULL) {
        first_version(&draft, change);
    }
    TRY(draft_apply(&draft, change, err));
    lists_give(&draft);
    log_file(&draft, base, base_file, dropped, dropped_count);
    if (draft.table.uuid.size == 0) {
        char uuid[37];
        random_uuid(uuid);
        draft.table.uuid = arena_slice(arena, slice_of(uuid));
    }
    draft.table.last_updated_ms = draft.now_ms;
    TRY(draft_check(&draft, err));
    *metadata = draft.table;
    return true;
}
