// SPDX-License-Identifier: Apache-2.0
// Requirements and updates as JSON (the REST catalog's specification: TableRequirement, TableUpdate), and what the
// requirements ask.
#include "lake/iceberg/update.h"

#include "core/base/json.h"
#include "lake/iceberg/parts.h"

static const char *const ACTIONS[] = {
    [UPDATE_ASSIGN_UUID] = "assign-uuid",
    [UPDATE_UPGRADE_FORMAT_VERSION] = "upgrade-format-version",
    [UPDATE_ADD_SCHEMA] = "add-schema",
    [UPDATE_SET_CURRENT_SCHEMA] = "set-current-schema",
    [UPDATE_ADD_SPEC] = "add-spec",
    [UPDATE_SET_DEFAULT_SPEC] = "set-default-spec",
    [UPDATE_ADD_SORT_ORDER] = "add-sort-order",
    [UPDATE_SET_DEFAULT_SORT_ORDER] = "set-default-sort-order",
    [UPDATE_ADD_SNAPSHOT] = "add-snapshot",
    [UPDATE_REMOVE_SNAPSHOTS] = "remove-snapshots",
    [UPDATE_SET_SNAPSHOT_REF] = "set-snapshot-ref",
    [UPDATE_REMOVE_SNAPSHOT_REF] = "remove-snapshot-ref",
    [UPDATE_SET_LOCATION] = "set-location",
    [UPDATE_SET_PROPERTIES] = "set-properties",
    [UPDATE_REMOVE_PROPERTIES] = "remove-properties",
    [UPDATE_REMOVE_SPECS] = "remove-partition-specs",
    [UPDATE_REMOVE_SCHEMAS] = "remove-schemas",
    [UPDATE_SET_STATISTICS] = "set-statistics",
    [UPDATE_REMOVE_STATISTICS] = "remove-statistics",
    [UPDATE_SET_PARTITION_STATISTICS] = "set-partition-statistics",
    [UPDATE_REMOVE_PARTITION_STATISTICS] = "remove-partition-statistics",
    [UPDATE_ADD_ENCRYPTION_KEY] = "add-encryption-key",
    [UPDATE_REMOVE_ENCRYPTION_KEY] = "remove-encryption-key",
};

const char *update_action_name(UpdateAction action) {
    ASSERT((size_t)action < ARRAY_LEN(ACTIONS));
    return ACTIONS[action];
}

static const struct {
    const char *type;
    const char *member;
    bool text; // the member's value; else `id`
} REQUIREMENTS[] = {
    [REQUIRE_CREATE] = {"assert-create", NULL, false},
    [REQUIRE_UUID] = {"assert-table-uuid", "uuid", true},
    [REQUIRE_REF_SNAPSHOT] = {"assert-ref-snapshot-id", "ref", true},
    [REQUIRE_LAST_FIELD_ID] = {"assert-last-assigned-field-id", "last-assigned-field-id", false},
    [REQUIRE_CURRENT_SCHEMA] = {"assert-current-schema-id", "current-schema-id", false},
    [REQUIRE_LAST_PARTITION_ID] = {"assert-last-assigned-partition-id", "last-assigned-partition-id", false},
    [REQUIRE_DEFAULT_SPEC] = {"assert-default-spec-id", "default-spec-id", false},
    [REQUIRE_DEFAULT_SORT_ORDER] = {"assert-default-sort-order-id", "default-sort-order-id", false},
};

// --- writing ---------------------------------------------------------------------------------------------------

static void requirement_write(const TableRequirement *requirement, Buf *out) {
    const char *member = REQUIREMENTS[requirement->kind].member;
    buf_u8(out, '{');
    json_field_text(out, "type", REQUIREMENTS[requirement->kind].type);
    if (REQUIREMENTS[requirement->kind].text) {
        json_key(out, member);
        json_quote(out, requirement->text);
    } else if (member != NULL) {
        json_field_int(out, member, requirement->id);
    }
    if (requirement->kind == REQUIRE_REF_SNAPSHOT) {
        json_key(out, "snapshot-id");
        if (requirement->id == -1) {
            buf_text(out, "null");
        } else {
            buf_int(out, requirement->id);
        }
    }
    buf_u8(out, '}');
}

static void text_field(Buf *out, const char *name, Slice text) {
    json_key(out, name);
    json_quote(out, text);
}

static void ids_field(Buf *out, const char *name, const TableUpdate *update) {
    json_key(out, name);
    buf_u8(out, '[');
    for (size_t i = 0; i < update->count; i++) {
        buf_text(out, i > 0 ? "," : "");
        buf_int(out, update->ids[i]);
    }
    buf_u8(out, ']');
}

static void ref_field(Buf *out, const SnapshotRef *ref) {
    text_field(out, "ref-name", ref->name);
    json_field_int(out, "snapshot-id", ref->snapshot_id);
    json_field_text(out, "type", ref->tag ? "tag" : "branch");
    const struct {
        const char *name;
        int64_t value;
    } ages[] = {{"min-snapshots-to-keep", ref->min_snapshots},
                {"max-snapshot-age-ms", ref->max_snapshot_age_ms},
                {"max-ref-age-ms", ref->max_ref_age_ms}};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        if (ages[i].value != -1) {
            json_field_int(out, ages[i].name, ages[i].value);
        }
    }
}

static void raw_field(Buf *out, const char *name, const TableUpdate *update) {
    if (update->count > 0) { // deprecated, and still asked for by some
        json_field_int(out, "snapshot-id", update->ids[0]);
    }
    json_key(out, name);
    buf_put(out, update->text);
}

static void keys_field(Buf *out, const TableUpdate *update) {
    json_key(out, "removals");
    buf_u8(out, '[');
    for (size_t i = 0; i < update->count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, update->keys[i]);
    }
    buf_u8(out, ']');
}

// The updates of structure.
static void structure_body_write(const TableUpdate *update, Buf *out) {
    switch ((int)update->action) {
    case UPDATE_UPGRADE_FORMAT_VERSION:
        json_field_int(out, "format-version", update->id);
        break;
    case UPDATE_ADD_SCHEMA:
        json_key(out, "schema");
        table_schema_write(&update->schema, out);
        json_field_int(out, "last-column-id", shape_highest_id(update->schema.shape));
        break;
    case UPDATE_SET_CURRENT_SCHEMA:
        json_field_int(out, "schema-id", update->id);
        break;
    case UPDATE_ADD_SPEC:
        json_key(out, "spec");
        partition_spec_write(&update->spec, out);
        break;
    case UPDATE_SET_DEFAULT_SPEC:
        json_field_int(out, "spec-id", update->id);
        break;
    case UPDATE_ADD_SORT_ORDER:
        json_key(out, "sort-order");
        sort_order_write(&update->order, out);
        break;
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        json_field_int(out, "sort-order-id", update->id);
        break;
    case UPDATE_REMOVE_SPECS:
        ids_field(out, "spec-ids", update);
        break;
    default:
        ASSERT(update->action == UPDATE_REMOVE_SCHEMAS);
        ids_field(out, "schema-ids", update);
        break;
    }
}

static void update_body_write(const TableUpdate *update, Buf *out) {
    switch ((int)update->action) {
    case UPDATE_ASSIGN_UUID:
        text_field(out, "uuid", update->text);
        break;
    case UPDATE_ADD_SNAPSHOT:
        json_key(out, "snapshot");
        snapshot_write(&update->snapshot, out);
        break;
    case UPDATE_REMOVE_SNAPSHOTS:
        ids_field(out, "snapshot-ids", update);
        break;
    case UPDATE_SET_SNAPSHOT_REF:
        ref_field(out, &update->ref);
        break;
    case UPDATE_REMOVE_SNAPSHOT_REF:
        text_field(out, "ref-name", update->text);
        break;
    case UPDATE_SET_LOCATION:
        text_field(out, "location", update->text);
        break;
    case UPDATE_SET_PROPERTIES:
        json_key(out, "updates");
        properties_write(update->properties, update->count, out);
        break;
    case UPDATE_REMOVE_PROPERTIES:
        keys_field(out, update);
        break;
    case UPDATE_SET_STATISTICS:
        raw_field(out, "statistics", update);
        break;
    case UPDATE_SET_PARTITION_STATISTICS:
        raw_field(out, "partition-statistics", update);
        break;
    case UPDATE_REMOVE_STATISTICS:
    case UPDATE_REMOVE_PARTITION_STATISTICS:
        json_field_int(out, "snapshot-id", update->ids[0]);
        break;
    case UPDATE_ADD_ENCRYPTION_KEY:
        raw_field(out, "encryption-key", update);
        break;
    case UPDATE_REMOVE_ENCRYPTION_KEY:
        text_field(out, "key-id", update->text);
        break;
    default:
        structure_body_write(update, out);
        break;
    }
}

void table_change_write(const TableChange *change, Buf *out) {
    buf_text(out, "\"requirements\":[");
    for (size_t i = 0; i < change->requirement_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        requirement_write(&change->requirements[i], out);
    }
    buf_text(out, "],\"updates\":[");
    for (size_t i = 0; i < change->update_count; i++) {
        buf_text(out, i > 0 ? ",{" : "{");
        json_field_text(out, "action", update_action_name(change->updates[i].action));
        update_body_write(&change->updates[i], out);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
}

// --- reading ---------------------------------------------------------------------------------------------------

// Every member that some update has; sentinels tell what was there.
typedef struct UpdateIn {
    TableUpdate update;
    Slice action, uuid, location, statistics, partition_statistics, encryption_key, key_id;
    int32_t format_version, schema_id, spec_id, order_id;
    int64_t snapshot_id;
    bool has_snapshot_id, has_schema, has_spec, has_order, has_snapshot, has_type;
    const int64_t *snapshot_ids, *schema_ids, *spec_ids;
    size_t snapshot_id_count, schema_id_count, spec_id_count;
    const Property *updates, *updated;
    size_t updates_count, updated_count;
    const Slice *removals, *removed;
    size_t removals_count, removed_count;
} UpdateIn;

static bool schema_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    ((UpdateIn *)target)->has_schema = true;
    return table_schema_in(in, first, &((UpdateIn *)target)->update.schema, err);
}

static bool spec_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    ((UpdateIn *)target)->has_spec = true;
    return partition_spec_in(in, first, &((UpdateIn *)target)->update.spec, err);
}

static bool order_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    ((UpdateIn *)target)->has_order = true;
    return sort_order_in(in, first, &((UpdateIn *)target)->update.order, err);
}

static bool new_snapshot_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    ((UpdateIn *)target)->has_snapshot = true;
    return snapshot_in(in, first, &((UpdateIn *)target)->update.snapshot, err);
}

static bool snapshot_id_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    ((UpdateIn *)target)->has_snapshot_id = true;
    return json_in_int(in, first, INT64_MIN, INT64_MAX, &((UpdateIn *)target)->snapshot_id, err);
}

static bool type_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    ((UpdateIn *)target)->has_type = true;
    return snapshot_ref_type_in(in, first, &((UpdateIn *)target)->update.ref, err);
}

#define PLACE(member)        .offset = offsetof(UpdateIn, member)
#define LIST(items, number)  PLACE(items), .count_offset = offsetof(UpdateIn, number)
#define IDS(items, number)   LIST(items, number), .item_size = sizeof(int64_t), .read = json_in_int64_item
#define TEXTS(items, number) LIST(items, number), .item_size = sizeof(Slice), .read = json_in_text_item

static const JsonMember UPDATE_MEMBERS[] = {
    {"action", MEMBER_TEXT, true, PLACE(action)},
    {"uuid", MEMBER_TEXT, PLACE(uuid)},
    {"format-version", MEMBER_INT32, PLACE(format_version)},
    {"schema", MEMBER_OTHER, .read = schema_in},
    {"schema-id", MEMBER_INT32, PLACE(schema_id)},
    {"spec", MEMBER_OTHER, .read = spec_in},
    {"spec-id", MEMBER_INT32, PLACE(spec_id)},
    {"sort-order", MEMBER_OTHER, .read = order_in},
    {"sort-order-id", MEMBER_INT32, PLACE(order_id)},
    {"snapshot", MEMBER_OTHER, .read = new_snapshot_in},
    {"snapshot-ids", MEMBER_LIST, IDS(snapshot_ids, snapshot_id_count)},
    {"ref-name", MEMBER_TEXT, PLACE(update.ref.name)},
    {"snapshot-id", MEMBER_OTHER, .read = snapshot_id_in},
    {"type", MEMBER_OTHER, .read = type_in},
    {"min-snapshots-to-keep", MEMBER_INT64, PLACE(update.ref.min_snapshots)},
    {"max-snapshot-age-ms", MEMBER_INT64, PLACE(update.ref.max_snapshot_age_ms)},
    {"max-ref-age-ms", MEMBER_INT64, PLACE(update.ref.max_ref_age_ms)},
    {"location", MEMBER_TEXT, PLACE(location)},
    {"updates", MEMBER_TEXTS, LIST(updates, updates_count)},
    {"updated", MEMBER_TEXTS, LIST(updated, updated_count)}, // as it was called at first, as is "removed"
    {"removals", MEMBER_LIST, TEXTS(removals, removals_count)},
    {"removed", MEMBER_LIST, TEXTS(removed, removed_count)},
    {"statistics", MEMBER_RAW, PLACE(statistics)},
    {"partition-statistics", MEMBER_RAW, PLACE(partition_statistics)},
    {"spec-ids", MEMBER_LIST, IDS(spec_ids, spec_id_count)},
    {"schema-ids", MEMBER_LIST, IDS(schema_ids, schema_id_count)},
    {"encryption-key", MEMBER_RAW, PLACE(encryption_key)},
    {"key-id", MEMBER_TEXT, PLACE(key_id)},
};

static bool needed(const JsonIn *in, bool there, const char *member, Err *err) {
    return there || json_in_fail(in, err, "%s is missing", member);
}

static bool take_id(const JsonIn *in, UpdateIn *read, int32_t id, const char *member, Err *err) {
    read->update.id = id;
    return needed(in, id != INT32_MIN, member, err);
}

static bool take_text(const JsonIn *in, UpdateIn *read, Slice text, const char *member, Err *err) {
    read->update.text = text;
    return needed(in, text.size > 0, member, err);
}

static bool take_ids(const JsonIn *in, UpdateIn *read, const int64_t *ids, size_t count, const char *member, Err *err) {
    read->update.ids = ids;
    read->update.count = count;
    return needed(in, ids != NULL, member, err);
}

static bool take_snapshot_id(const JsonIn *in, UpdateIn *read, Err *err) {
    int64_t *id = ARENA_NEW(in->arena, int64_t);
    *id = read->snapshot_id;
    return take_ids(in, read, read->has_snapshot_id ? id : NULL, 1, "snapshot-id", err);
}

// The object says itself of which snapshot it is.
static bool take_statistics(const JsonIn *in, UpdateIn *read, Slice json, const char *member, Err *err) {
    TRY(take_text(in, read, json, member, err));
    int64_t *id = ARENA_NEW(in->arena, int64_t);
    TRY(json_object_snapshot_id(json, in->arena, id, err));
    return take_ids(in, read, id, 1, member, err);
}

static bool take_ref(const JsonIn *in, UpdateIn *read, Err *err) {
    SnapshotRef *ref = &read->update.ref;
    ref->snapshot_id = read->snapshot_id;
    TRY(needed(in, ref->name.size > 0, "ref-name", err));
    TRY(needed(in, read->has_snapshot_id, "snapshot-id", err));
    TRY(needed(in, read->has_type, "type", err));
    Err wrong[1] = {{0}};
    return snapshot_ref_check(ref, wrong) || json_in_fail(in, err, "%s", wrong->message);
}

static bool take_properties(const JsonIn *in, UpdateIn *read, Err *err) {
    bool old = read->updates == NULL;
    read->update.properties = old ? read->updated : read->updates;
    read->update.count = old ? read->updated_count : read->updates_count;
    return needed(in, read->update.properties != NULL, "updates", err);
}

static bool take_removals(const JsonIn *in, UpdateIn *read, Err *err) {
    bool old = read->removals == NULL;
    read->update.keys = old ? read->removed : read->removals;
    read->update.count = old ? read->removed_count : read->removals_count;
    return needed(in, read->update.keys != NULL, "removals", err);
}

static bool take_body(const JsonIn *in, UpdateIn *read, Err *err) {
    switch (read->update.action) {
    case UPDATE_ASSIGN_UUID:
        return take_text(in, read, read->uuid, "uuid", err);
    case UPDATE_UPGRADE_FORMAT_VERSION:
        return take_id(in, read, read->format_version, "format-version", err);
    case UPDATE_ADD_SCHEMA:
        return needed(in, read->has_schema, "schema", err);
    case UPDATE_SET_CURRENT_SCHEMA:
        return take_id(in, read, read->schema_id, "schema-id", err);
    case UPDATE_ADD_SPEC:
        return needed(in, read->has_spec, "spec", err);
    case UPDATE_SET_DEFAULT_SPEC:
        return take_id(in, read, read->spec_id, "spec-id", err);
    case UPDATE_ADD_SORT_ORDER:
        return needed(in, read->has_order, "sort-order", err);
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        return take_id(in, read, read->order_id, "sort-order-id", err);
    case UPDATE_ADD_SNAPSHOT:
        return needed(in, read->has_snapshot, "snapshot", err);
    case UPDATE_REMOVE_SNAPSHOTS:
        return take_ids(in, read, read->snapshot_ids, read->snapshot_id_count, "snapshot-ids", err);
    case UPDATE_SET_SNAPSHOT_REF:
        return take_ref(in, read, err);
    case UPDATE_REMOVE_SNAPSHOT_REF:
        return take_text(in, read, read->update.ref.name, "ref-name", err);
    case UPDATE_SET_LOCATION:
        return take_text(in, read, read->location, "location", err);
    case UPDATE_SET_PROPERTIES:
        return take_properties(in, read, err);
    case UPDATE_REMOVE_PROPERTIES:
        return take_removals(in, read, err);
    case UPDATE_REMOVE_SPECS:
        return take_ids(in, read, read->spec_ids, read->spec_id_count, "spec-ids", err);
    case UPDATE_REMOVE_SCHEMAS:
        return take_ids(in, read, read->schema_ids, read->schema_id_count, "schema-ids", err);
    case UPDATE_SET_STATISTICS:
        return take_statistics(in, read, read->statistics, "statistics", err);
    case UPDATE_SET_PARTITION_STATISTICS:
        return take_statistics(in, read, read->partition_statistics, "partition-statistics", err);
    case UPDATE_REMOVE_STATISTICS:
    case UPDATE_REMOVE_PARTITION_STATISTICS:
        return take_snapshot_id(in, read, err);
    case UPDATE_ADD_ENCRYPTION_KEY: {
        Slice id;
        TRY(take_text(in, read, read->encryption_key, "encryption-key", err));
        return json_object_key_id(read->encryption_key, in->arena, &id, err);
    }
    case UPDATE_REMOVE_ENCRYPTION_KEY:
    default:
        return take_text(in, read, read->key_id, "key-id", err);
    }
}

static bool same_word(Slice text, const char *word) {
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

static bool update_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    UpdateIn read = {.update = {.ref = {.min_snapshots = -1, .max_snapshot_age_ms = -1, .max_ref_age_ms = -1}},
                     .format_version = INT32_MIN,
                     .schema_id = INT32_MIN,
                     .spec_id = INT32_MIN,
                     .order_id = INT32_MIN};
    TRY(json_in_struct(in, first, UPDATE_MEMBERS, ARRAY_LEN(UPDATE_MEMBERS), &read, NULL, err));
    size_t action = 0;
    while (action < ARRAY_LEN(ACTIONS) && !same_word(read.action, ACTIONS[action])) {
        action++;
    }
    if (action == ARRAY_LEN(ACTIONS)) {
        return json_in_fail(in, err, "unknown action '%.*s'", (int)MIN(read.action.size, (size_t)60), read.action.data);
    }
    read.update.action = (UpdateAction)action;
    TRY(take_body(in, &read, err));
    *(TableUpdate *)target = read.update;
    return true;
}

typedef struct RequirementIn {
    Slice type, uuid, ref;
    int64_t snapshot_id;
    int64_t ids[REQUIRE_DEFAULT_SORT_ORDER + 1]; // by kind
} RequirementIn;

static bool requirement_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"type", MEMBER_TEXT, true, .offset = offsetof(RequirementIn, type)},
        {"uuid", MEMBER_TEXT, .offset = offsetof(RequirementIn, uuid)},
        {"ref", MEMBER_TEXT, .offset = offsetof(RequirementIn, ref)},
        {"snapshot-id", MEMBER_INT64, .offset = offsetof(RequirementIn, snapshot_id)},
        {"last-assigned-field-id", MEMBER_INT64, .offset = offsetof(RequirementIn, ids[REQUIRE_LAST_FIELD_ID])},
        {"current-schema-id", MEMBER_INT64, .offset = offsetof(RequirementIn, ids[REQUIRE_CURRENT_SCHEMA])},
        {"last-assigned-partition-id", MEMBER_INT64, .offset = offsetof(RequirementIn, ids[REQUIRE_LAST_PARTITION_ID])},
        {"default-spec-id", MEMBER_INT64, .offset = offsetof(RequirementIn, ids[REQUIRE_DEFAULT_SPEC])},
        {"default-sort-order-id", MEMBER_INT64, .offset = offsetof(RequirementIn, ids[REQUIRE_DEFAULT_SORT_ORDER])},
    };
    RequirementIn read = {.snapshot_id = -1};
    for (size_t i = 0; i < ARRAY_LEN(read.ids); i++) {
        read.ids[i] = INT64_MIN;
    }
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), &read, NULL, err));
    size_t kind = 0;
    while (kind < ARRAY_LEN(REQUIREMENTS) && !same_word(read.type, REQUIREMENTS[kind].type)) {
        kind++;
    }
    if (kind == ARRAY_LEN(REQUIREMENTS)) {
        return json_in_fail(in, err, "unknown requirement '%.*s'", (int)MIN(read.type.size, (size_t)60),
                            read.type.data);
    }
    TableRequirement *requirement = target;
    *requirement = (TableRequirement){.kind = (RequirementKind)kind, .id = read.ids[kind]};
    bool there = REQUIREMENTS[kind].member == NULL || read.ids[kind] != INT64_MIN;
    if (REQUIREMENTS[kind].text) {
        requirement->text = kind == REQUIRE_UUID ? read.uuid : read.ref;
        requirement->id = read.snapshot_id;
        there = requirement->text.size > 0;
    }
    return needed(in, there, REQUIREMENTS[kind].member, err);
}

bool table_change_parse(Slice json, Arena *arena, TableChange *change, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"requirements", MEMBER_LIST, .offset = offsetof(TableChange, requirements),
         .count_offset = offsetof(TableChange, requirement_count), .item_size = sizeof(TableRequirement),
         .read = requirement_in},
        {"updates", MEMBER_LIST, .offset = offsetof(TableChange, updates),
         .count_offset = offsetof(TableChange, update_count), .item_size = sizeof(TableUpdate), .read = update_in},
    };
    JsonIn in[1];
    JsonToken token;
    *change = (TableChange){0};
    json_in_init(in, "table change", json, arena);
    TRY(json_in_token(in, &token, err));
    TRY(json_in_struct(in, token, MEMBERS, ARRAY_LEN(MEMBERS), change, NULL, err));
    return json_in_end(in, err);
}

// --- requirements ----------------------------------------------------------------------------------------------

static bool ref_holds(const TableMetadata *base, const TableRequirement *requirement, Err *err) {
    const SnapshotRef *ref = base != NULL ? table_ref_find(base, requirement->text) : NULL;
    int length = (int)MIN(requirement->text.size, (size_t)100);
    const uint8_t *name = requirement->text.data;
    if (ref == NULL) {
        return requirement->id == -1 ||
               FAIL(err, ERR_CHANGED, "Requirement failed: branch or tag %.*s is missing, expected %" PRId64, length,
                    name, requirement->id);
    }
    const char *type = ref->tag ? "tag" : "branch";
    if (requirement->id == -1) {
        return FAIL(err, ERR_CHANGED, "Requirement failed: %s %.*s was created concurrently", type, length, name);
    }
    return requirement->id == ref->snapshot_id ||
           FAIL(err, ERR_CHANGED, "Requirement failed: %s %.*s has changed: expected id %" PRId64 " != %" PRId64, type,
                length, name, requirement->id, ref->snapshot_id);
}

static bool id_holds(int64_t is, const TableRequirement *requirement, const char *what, Err *err) {
    return is == requirement->id ||
           FAIL(err, ERR_CHANGED, "Requirement failed: %s changed: expected id %" PRId64 " != %" PRId64, what,
                requirement->id, is);
}

static bool holds(const TableMetadata *base, const TableRequirement *requirement, Err *err) {
    RequirementKind kind = requirement->kind;
    if (kind == REQUIRE_CREATE) {
        return base == NULL || FAIL(err, ERR_CHANGED, "Requirement failed: table already exists");
    }
    if (kind == REQUIRE_REF_SNAPSHOT) {
        return ref_holds(base, requirement, err);
    }
    if (base == NULL) { // Java: there were no columns and partition fields that could have changed
        return kind == REQUIRE_LAST_FIELD_ID || kind == REQUIRE_LAST_PARTITION_ID ||
               FAIL(err, ERR_CHANGED, "Requirement failed: table does not exist");
    }
    switch (kind) {
    case REQUIRE_UUID:
        return (requirement->text.size == base->uuid.size &&
                strncasecmp((const char *)requirement->text.data, (const char *)base->uuid.data, base->uuid.size) ==
                    0) ||
               FAIL(err, ERR_CHANGED, "Requirement failed: UUID does not match: expected %.*s != %.*s",
                    SLICE_ARG(base->uuid), (int)MIN(requirement->text.size, (size_t)60), requirement->text.data);
    case REQUIRE_LAST_FIELD_ID:
        return id_holds(base->last_column_id, requirement, "last assigned field id", err);
    case REQUIRE_CURRENT_SCHEMA:
        return id_holds(base->current_schema_id, requirement, "current schema", err);
    case REQUIRE_LAST_PARTITION_ID:
        return id_holds(base->last_partition_id, requirement, "last assigned partition id", err);
    case REQUIRE_DEFAULT_SPEC:
        return id_holds(base->default_spec_id, requirement, "default partition spec", err);
    case REQUIRE_DEFAULT_SORT_ORDER:
        return id_holds(base->default_order_id, requirement, "default sort order", err);
    case REQUIRE_CREATE:
    case REQUIRE_REF_SNAPSHOT:
    default:
        UNREACHABLE();
    }
}

bool table_requirements_check(const TableMetadata *base, const TableChange *change, Err *err) {
    for (size_t i = 0; i < change->requirement_count; i++) {
        TRY(holds(base, &change->requirements[i], err));
    }
    return true;
}
