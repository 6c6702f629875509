// SPDX-License-Identifier: Apache-2.0
// Tables that are made, and commits of one table or of several.
#include "core/sys/clock.h"
#include "surface/api/catalog_common.h"

enum { CREATE_UPDATES = 10, IDS_MAX = 100 * 1000, TABLES_MAX = 1000 };

// ---- creating

// Which field of the request's schema became which.
typedef struct Renumbered {
    int32_t *from, *to;
    size_t count, capacity;
} Renumbered;

// Both are of one form: one was made from the other.
static void note_ids(Renumbered *ids, const Shape *from, const Shape *to) {
    if (ids->count < ids->capacity) {
        ids->from[ids->count] = from->id;
        ids->to[ids->count++] = to->id;
    }
    if (from->kind == SHAPE_STRUCT) {
        for (uint32_t i = 0; i < from->field_count; i++) {
            note_ids(ids, &from->fields[i].shape, &to->fields[i].shape);
        }
    } else if (from->element != NULL) {
        note_ids(ids, from->element, to->element);
    }
}

static bool new_id(const Renumbered *ids, int32_t from, int32_t *to, Err *err) {
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->from[i] == from && from != 0) {
            *to = ids->to[i];
            return true;
        }
    }
    return FAIL(err, ERR_VALUE, "Cannot find source column with id %" PRId32, from);
}

static size_t shape_count(const Shape *shape) {
    size_t count = 1 + (shape->element != NULL ? shape_count(shape->element) : 0);
    for (uint32_t i = 0; shape->kind == SHAPE_STRUCT && i < shape->field_count; i++) {
        count += shape_count(&shape->fields[i].shape);
    }
    return count;
}

static Slice node_text(const JsonNode *node, Arena *arena) {
    DEFER(buf_release) Buf text = {0};
    json_tree_write(&text, node, TREE_AS_WRITTEN);
    return arena_slice(arena, buf_slice(&text));
}

// What a client asks for when it makes a table.
typedef struct Creation {
    TableSchema schema;
    PartitionSpec spec;
    SortOrder order;
    const Property *properties;
    size_t property_count;
    int32_t version;
    bool staged;
} Creation;

static bool read_schema(CatalogCall *call, Creation *creation, Renumbered *ids, Err *err) {
    const JsonNode *node = json_tree_member(call->body, "schema");
    int32_t last = 0;
    if (node == NULL || node->kind != TREE_OBJECT) {
        return FAIL(err, ERR_VALUE, "Cannot parse table: it has no schema");
    }
    TRY(table_schema_parse(node_text(node, call->arena), call->arena, &creation->schema, err));
    size_t count = shape_count(creation->schema.shape);
    if (count > IDS_MAX) {
        return FAIL(err, ERR_VALUE, "Cannot parse schema: more than %d fields", IDS_MAX);
    }
    Shape *numbered = ARENA_NEW(call->arena, Shape);
    *numbered = shape_number(call->arena, creation->schema.shape, &last);
    *ids = (Renumbered){ARENA_ARRAY(call->arena, int32_t, count), ARENA_ARRAY(call->arena, int32_t, count), 0, count};
    note_ids(ids, creation->schema.shape, numbered);
    int32_t *identifiers = ARENA_ARRAY(call->arena, int32_t, creation->schema.identifier_count);
    for (size_t i = 0; i < creation->schema.identifier_count; i++) {
        TRY(new_id(ids, creation->schema.identifier_ids[i], &identifiers[i], err));
    }
    creation->schema.identifier_ids = identifiers;
    creation->schema.shape = numbered;
    creation->schema.id = 0;
    return true;
}

static bool read_spec(CatalogCall *call, Creation *creation, const Renumbered *ids, Err *err) {
    const JsonNode *node = json_tree_member(call->body, "partition-spec");
    if (node != NULL && node->kind != TREE_NULL) {
        TRY(partition_spec_parse(node_text(node, call->arena), call->arena, &creation->spec, err));
    }
    PartitionField *fields = ARENA_ARRAY(call->arena, PartitionField, creation->spec.field_count);
    for (size_t i = 0; i < creation->spec.field_count; i++) {
        fields[i] = creation->spec.fields[i];
        fields[i].field_id = (int32_t)(ICEBERG_PARTITION_ID_FIRST + i);
        TRY(new_id(ids, fields[i].source_id, &fields[i].source_id, err));
    }
    creation->spec.fields = fields;
    creation->spec.id = 0;
    return true;
}

static bool read_order(CatalogCall *call, Creation *creation, const Renumbered *ids, Err *err) {
    const JsonNode *node = json_tree_member(call->body, "write-order");
    if (node != NULL && node->kind != TREE_NULL) {
        TRY(sort_order_parse(node_text(node, call->arena), call->arena, &creation->order, err));
    }
    SortField *fields = ARENA_ARRAY(call->arena, SortField, creation->order.field_count);
    for (size_t i = 0; i < creation->order.field_count; i++) {
        fields[i] = creation->order.fields[i];
        TRY(new_id(ids, fields[i].source_id, &fields[i].source_id, err));
    }
    creation->order.fields = fields;
    creation->order.id = creation->order.field_count > 0 ? 1 : 0;
    return true;
}

// Those that say how a table begins, and are none of its properties afterwards.
static bool is_reserved(Slice key) {
    static const char *const NAMES[] = {"format-version",           "uuid",
                                        "snapshot-count",           "current-snapshot-id",
                                        "current-snapshot-summary", "current-snapshot-timestamp-ms",
                                        "current-schema",           "default-partition-spec",
                                        "default-sort-order"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_equal(key, slice_of(NAMES[i]))) {
            return true;
        }
    }
    return false;
}

static bool read_table_properties(CatalogCall *call, Creation *creation, Err *err) {
    Property *properties;
    size_t count, kept = 0;
    creation->version = 2;
    TRY(catalog_read_properties(json_tree_member(call->body, "properties"), "properties", call->arena, &properties,
                                &count, err));
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(properties[i].key, SLICE("format-version"))) {
            Slice text = properties[i].value;
            bool fits = text.size == 1 && text.data[0] >= '1' && text.data[0] <= '3';
            if (!fits) {
                return FAIL(err, ERR_VALUE, "Cannot create a table of format-version %.*s", SLICE_ARG(text));
            }
            creation->version = MAX(text.data[0] - '0', 2);
        }
        if (!is_reserved(properties[i].key)) {
            properties[kept++] = properties[i];
        }
    }
    creation->properties = properties;
    creation->property_count = kept;
    return true;
}

// As Java's client does it: a table is made by updates upon nothing.
static size_t creation_updates(const Creation *creation, Slice location, Slice uuid, TableUpdate *updates) {
    size_t count = 0;
    updates[count++] = (TableUpdate){.action = UPDATE_ASSIGN_UUID, .text = uuid};
    updates[count++] = (TableUpdate){.action = UPDATE_UPGRADE_FORMAT_VERSION, .id = creation->version};
    updates[count++] = (TableUpdate){.action = UPDATE_ADD_SCHEMA, .schema = creation->schema};
    updates[count++] = (TableUpdate){.action = UPDATE_SET_CURRENT_SCHEMA, .id = -1};
    updates[count++] = (TableUpdate){.action = UPDATE_ADD_SPEC, .spec = creation->spec};
    updates[count++] = (TableUpdate){.action = UPDATE_SET_DEFAULT_SPEC, .id = -1};
    updates[count++] = (TableUpdate){.action = UPDATE_ADD_SORT_ORDER, .order = creation->order};
    updates[count++] = (TableUpdate){.action = UPDATE_SET_DEFAULT_SORT_ORDER, .id = -1};
    updates[count++] = (TableUpdate){.action = UPDATE_SET_LOCATION, .text = location};
    if (creation->property_count > 0) {
        updates[count++] = (TableUpdate){
            .action = UPDATE_SET_PROPERTIES, .properties = creation->properties, .count = creation->property_count};
    }
    ASSERT(count <= CREATE_UPDATES);
    return count;
}

static bool read_creation(CatalogCall *call, Creation *creation, Err *err) {
    const JsonNode *staged = json_tree_member(call->body, "stage-create");
    Renumbered ids;
    creation->staged = staged != NULL && staged->kind == TREE_TRUE;
    TRY(read_table_properties(call, creation, err));
    TRY(read_schema(call, creation, &ids, err));
    TRY(read_spec(call, creation, &ids, err));
    return read_order(call, creation, &ids, err) || err_frame(err, __FILE__, __LINE__);
}

// Where it goes: there must be no table yet, and its namespace.
static bool find_place(CatalogCall *call, TableName name, Slice *location, Err *err) {
    Slice file;
    *location = json_tree_text(call->body, "location");
    if (embedded_table_file(call->state, name, call->arena, &file, err)) {
        return FAIL(err, ERR_EXISTS, "Table already exists: %s", catalog_name_text(call->arena, name));
    }
    TRY(err->code == ERR_NOT_FOUND);
    err_clear(err);
    while (location->size > 1 && location->data[location->size - 1] == '/') {
        location->size--;
    }
    return location->size > 0 ? embedded_may_lie(call->state, *location, err)
                              : embedded_location(call->state, name, call->arena, location, err);
}

static bool answer_staged(CatalogCall *call, const TableChange *change, Err *err) {
    TableMetadata metadata;
    DEFER(buf_release) Buf json = {0};
    TRY(table_metadata_apply(NULL, (Slice){0}, change, clock_wall_us() / 1000, call->arena, &metadata, NULL, NULL,
                             err));
    table_metadata_write(&metadata, &json);
    catalog_answer_table(call, &(CatalogTable){.metadata_json = buf_slice(&json)});
    return true;
}

bool catalog_create_table(CatalogCall *call, Err *err) {
    TableName name = {.space = catalog_part(call, 0), .table = json_tree_text(call->body, "name")};
    Creation creation = {0};
    TableUpdate updates[CREATE_UPDATES];
    Slice location;
    if (name.table.size == 0) {
        return FAIL(err, ERR_VALUE, "Cannot parse table: it has no name");
    }
    if (call->replay) {
        CatalogTable table;
        TRY(call->driver->load(call->state, name, call->arena, &table, err));
        catalog_answer_table(call, &table);
        return true;
    }
    TRY(embedded_name_check(call->state, name, err));
    TRY(find_place(call, name, &location, err));
    TRY(read_creation(call, &creation, err));
    const TableRequirement fresh = {.kind = REQUIRE_CREATE};
    CatalogCommit commit = {
        .name = name,
        .change = {.requirements = &fresh,
                   .requirement_count = 1,
                   .updates = updates,
                   .update_count = creation_updates(&creation, location, embedded_uuid(call->arena), updates)}};
    if (creation.staged) {
        return answer_staged(call, &commit.change, err);
    }
    if (!call->driver->commit(call->state, &commit, 1, call->arena, err)) {
        if (err->code == ERR_CHANGED) { // made by another just now
            err_clear(err);
            FAIL(err, ERR_EXISTS, "Table already exists: %s", catalog_name_text(call->arena, name));
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    catalog_answer_table(call, &commit.after);
    return true;
}

// ---- commits

bool catalog_commit_table(CatalogCall *call, Err *err) {
    CatalogCommit commit = {.name = catalog_table_name(call)};
    const JsonNode *identifier = json_tree_member(call->body, "identifier");
    if (identifier != NULL && identifier->kind == TREE_OBJECT) {
        TableName named;
        TRY(catalog_read_name(identifier, call->arena, &named, err));
        if (!slice_equal(named.space, commit.name.space) || !slice_equal(named.table, commit.name.table)) {
            return FAIL(err, ERR_VALUE, "The identifier is not the table of the path");
        }
    }
    if (call->replay) {
        TRY(call->driver->load(call->state, commit.name, call->arena, &commit.after, err));
    } else {
        TRY(table_change_parse(call->request->body, call->arena, &commit.change, err));
        TRY(call->driver->commit(call->state, &commit, 1, call->arena, err));
    }
    catalog_answer_table(call, &commit.after);
    return true;
}

bool catalog_commit_tables(CatalogCall *call, Err *err) {
    const JsonNode *changes = json_tree_member(call->body, "table-changes");
    if (changes == NULL || changes->kind != TREE_LIST || changes->count > TABLES_MAX) {
        return FAIL(err, ERR_VALUE, "Cannot parse transaction: table-changes must be a list of at most %d", TABLES_MAX);
    }
    CatalogCommit *commits = ARENA_ARRAY(call->arena, CatalogCommit, changes->count);
    size_t count = 0;
    for (const JsonNode *at = changes->first; at != NULL; at = at->next) {
        CatalogCommit *commit = &commits[count++];
        if (at->kind != TREE_OBJECT) {
            return FAIL(err, ERR_VALUE, "Cannot parse transaction: a change must be an object");
        }
        TRY(catalog_read_name(json_tree_member(at, "identifier"), call->arena, &commit->name, err));
        TRY(table_change_parse(node_text(at, call->arena), call->arena, &commit->change, err));
    }
    call->answer->status = 204;
    return count == 0 || call->driver->commit(call->state, commits, count, call->arena, err) ||
           err_frame(err, __FILE__, __LINE__);
}
