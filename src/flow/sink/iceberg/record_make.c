// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_make.h"

#include "core/base/log.h"
#include "core/sys/random.h"
#include "lake/iceberg/partition.h"

enum { COLUMNS_BELOW_MAX = 64, PROPERTIES_OWN = 8 };

// --- rules -----------------------------------------------------------------------------------------------------

static Slice bare_name(Slice name) {
    for (size_t i = name.size; i > 0; i--) {
        if (name.data[i - 1] == '.') {
            return slice_from(name, i);
        }
    }
    return name;
}

static const RecordTableRule *rule_find(const RecordRules *rules, Slice name) {
    for (size_t i = 0; i < rules->rule_count; i++) {
        if (slice_equal(rules->rules[i].name, name)) {
            return &rules->rules[i];
        }
    }
    return NULL;
}

// The original looks up key columns by the table's name alone, and the rest by its full name.
static Slice ids_of(const RecordRules *rules, Slice name) {
    const RecordTableRule *rule = rule_find(rules, name);
    if (rule == NULL || rule->ids.data == NULL) {
        rule = rule_find(rules, bare_name(name));
    }
    return rule != NULL && rule->ids.data != NULL ? rule->ids : rules->default_ids;
}

static Slice partition_of(const RecordRules *rules, Slice name) {
    const RecordTableRule *rule = rule_find(rules, name);
    return rule != NULL && rule->partition_by.data != NULL ? rule->partition_by : rules->default_partition_by;
}

const char *record_branch(const RecordRules *rules, Slice name, Arena *arena) {
    const RecordTableRule *rule = rule_find(rules, name);
    Slice branch = rule != NULL && rule->commit_branch.data != NULL ? rule->commit_branch : rules->default_branch;
    return branch.size > 0 && !slice_is(branch, "main") ? arena_text(arena, branch) : NULL;
}

// --- a new object ----------------------------------------------------------------------------------------------

bool record_table_new(Lake *lake, const RecordRules *rules, Slice name, LakeTable **made, Err *err) {
    LakeTable *table = calloc(1, sizeof(*table));
    ASSERT(table != NULL);
    arena_init_small(table->run, "run", 1024);
    arena_init_small(table->batch, "batch", 1024);
    arena_init_small(table->shape, "shape", 4096);
    table->lake = lake;
    *made = table;
    Slice bare = bare_name(name);
    if (bare.size == name.size || bare.size == 0 || name.size < bare.size + 2) {
        FAIL(err, ERR_TABLE, "\"%.*s\" names no table in a namespace", SLICE_ARG(name));
        return err_hint(err, "for example shop.orders");
    }
    char *space = arena_text(table->run, (Slice){name.data, name.size - bare.size - 1});
    table->topic = arena_slice(table->run, name);
    table->source_space = arena_slice(table->run, slice_of(space));
    table->source_table = table->name.table = arena_slice(table->run, bare);
    table->append = !rules->upsert;
    for (char *at = space; *at != '\0'; at++) {
        *at = *at == '.' ? '\x1f' : *at;
    }
    table->name.space = slice_of(space);
    return true;
}

// --- keys ------------------------------------------------------------------------------------------------------

static bool kind_exact(ShapeKind kind) {
    return kind == SHAPE_INT32 || kind == SHAPE_INT64 || kind == SHAPE_DATE || kind == SHAPE_TIME ||
           kind == SHAPE_TIMESTAMP || kind == SHAPE_TIMESTAMPTZ;
}

static Slice list_next(Slice *rest) {
    const uint8_t *comma = rest->size > 0 ? memchr(rest->data, ',', rest->size) : NULL;
    Slice item = comma != NULL ? (Slice){rest->data, (size_t)(comma - rest->data)} : *rest;
    *rest = comma != NULL ? slice_from(*rest, item.size + 1) : (Slice){0};
    return slice_trim(item, " ");
}

static bool key_add(LakeTable *table, int32_t *fields, int32_t at, Slice name, Err *err) {
    const Shape *shape = table->mapping.schema.shape;
    if (at < 0) {
        FAIL(err, ERR_TABLE, "id-columns: it has no column %.*s", SLICE_ARG(name));
        return err_hint(err, "name columns of the table itself, not of a struct in it");
    }
    ShapeKind kind = shape->fields[at].shape.kind;
    if (kind == SHAPE_LIST || kind == SHAPE_MAP || kind == SHAPE_STRUCT) {
        return FAIL(err, ERR_TABLE, "id-columns: column %.*s is a %s", SLICE_ARG(name), shape_kind_name(kind));
    }
    fields[table->mapping.key_count++] = at;
    return true;
}

// By the configuration, else by the table's own identifier fields.
static bool key_make(LakeTable *table, const RecordRules *rules, Slice name, Err *err) {
    Mapping *mapping = &table->mapping;
    const Shape *shape = mapping->schema.shape;
    int32_t *fields = ARENA_ARRAY(table->shape, int32_t, shape->field_count);
    Slice rest = ids_of(rules, name);
    while (rest.size > 0) {
        Slice column = list_next(&rest);
        TRY(mapping->key_count < shape->field_count || FAIL(err, ERR_TABLE, "id-columns: there are too many"));
        TRY(column.size == 0 || key_add(table, fields, record_field(rules, shape, column), column, err));
    }
    for (size_t i = 0; mapping->key_count == 0 && i < mapping->schema.identifier_count; i++) {
        for (uint32_t j = 0; j < shape->field_count; j++) {
            if (shape->fields[j].shape.id == mapping->schema.identifier_ids[i]) {
                fields[mapping->key_count++] = (int32_t)j;
            }
        }
    }
    if (mapping->key_count == 0) {
        FAIL(err, ERR_TABLE, "its rows are to be replaced, and nothing says what their key is");
        return err_hint(err, "set iceberg.table.%.*s.id-columns or iceberg.tables.default-id-columns", SLICE_ARG(name));
    }
    mapping->key = fields;
    mapping->exact_keys = mapping->key_count == 1 && kind_exact(shape->fields[fields[0]].shape.kind);
    return true;
}

// --- schemas ---------------------------------------------------------------------------------------------------

static bool writable(const Shape *shape, int depth, Err *err) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        TRY(writable(&field->shape, depth + 1, err) || err_prefix(err, "column %.*s", SLICE_ARG(field->name)));
    }
    TRY(shape->element == NULL || writable(shape->element, depth + 1, err));
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(shape->notes[i].name, "iceberg.type")) {
            return FAIL(err, ERR_TABLE, "leat does not write values of type %.*s", SLICE_ARG(shape->notes[i].json));
        }
    }
    return depth < COLUMNS_BELOW_MAX || FAIL(err, ERR_TABLE, "its types are nested too deep");
}

bool record_mapping(LakeTable *table, const RecordRules *rules, Slice name, Err *err) {
    const TableSchema *current = table_schema_current(table_metadata(table->table));
    arena_reset(table->shape);
    Shape *shape = ARENA_NEW(table->shape, Shape);
    *shape = shape_copy(table->shape, current->shape);
    int32_t *ids = ARENA_ARRAY(table->shape, int32_t, current->identifier_count);
    if (current->identifier_count > 0) {
        memcpy(ids, current->identifier_ids, current->identifier_count * sizeof(*ids));
    }
    table->mapping = (Mapping){
        .schema = {
            .id = current->id, .shape = shape, .identifier_ids = ids, .identifier_count = current->identifier_count}};
    table->row = ARENA_ARRAY(table->shape, Value, shape->field_count);
    TRY(writable(shape, 0, err));
    return !rules->upsert || key_make(table, rules, name, err);
}

bool record_schema_commit(LakeTable *table, const Shape *columns, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    TableSchema schema = table->mapping.schema;
    schema.shape = columns;
    TableUpdate updates[] = {{.action = UPDATE_ADD_SCHEMA, .schema = schema},
                             {.action = UPDATE_SET_CURRENT_SCHEMA, .id = -1}};
    TableRequirement requirements[] = {{.kind = REQUIRE_UUID, .text = metadata->uuid},
                                       {.kind = REQUIRE_LAST_FIELD_ID, .id = metadata->last_column_id},
                                       {.kind = REQUIRE_CURRENT_SCHEMA, .id = metadata->current_schema_id}};
    CatalogCommit commit = {.name = table->name,
                            .change = {requirements, ARRAY_LEN(requirements), updates, ARRAY_LEN(updates)}};
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    CatalogTable found;
    bool ok = catalog_commit(table->lake->catalog, &commit, 1, -1, scratch, err) &&
              catalog_load(table->lake->catalog, table->name, scratch, &found, err) &&
              lake_table_refresh(table, &found, err);
    arena_release(scratch);
    return ok;
}

// --- making ----------------------------------------------------------------------------------------------------

static Shape *columns_make(const RecordRules *rules, const ConnectRecord *sample, Arena *arena, Err *err) {
    const Shape *from = sample->value_shape;
    Shape wanted, *columns = ARENA_NEW(arena, Shape);
    if (!rules->schemaless && from != NULL && from->kind == SHAPE_STRUCT) {
        wanted = record_shape(arena, rules, from);
    } else if (!record_infer(arena, rules, from, sample->value, &wanted) || wanted.kind != SHAPE_STRUCT) {
        FAIL(err, ERR_TABLE, "a record without values gives no columns to make it of");
        return NULL;
    }
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, wanted.field_count);
    int32_t last = 0;
    for (uint32_t i = 0; i < wanted.field_count; i++) {
        int32_t id = ++last;
        fields[i] = (ShapeField){.name = wanted.fields[i].name};
        fields[i].shape = shape_number(arena, &wanted.fields[i].shape, &last);
        fields[i].shape.id = id;
        fields[i].shape.optional = wanted.fields[i].shape.optional;
    }
    *columns = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = wanted.field_count};
    return columns;
}

static bool starts(Slice text, const char *with) {
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

// "days(at),bucket(id,16)" as leat says it: "day(at),bucket(16,id)".
static const char *partition_text(Slice text, Arena *arena) {
    DEFER(buf_release) Buf out = {0};
    static const char *const PLURALS[][2] = {
        {"years(", "year("}, {"months(", "month("}, {"days(", "day("}, {"hours(", "hour("}};
    for (size_t i = 0; i < text.size;) {
        Slice rest = slice_from(text, i);
        size_t taken = 0;
        for (size_t j = 0; j < ARRAY_LEN(PLURALS) && taken == 0; j++) {
            if (starts(rest, PLURALS[j][0])) {
                buf_text(&out, PLURALS[j][1]);
                taken = strlen(PLURALS[j][0]);
            }
        }
        if (taken == 0 && (starts(rest, "bucket(") || starts(rest, "truncate("))) {
            const uint8_t *open = memchr(rest.data, '(', rest.size), *close = memchr(rest.data, ')', rest.size);
            const uint8_t *comma = close != NULL ? memchr(open, ',', (size_t)(close - open)) : NULL;
            if (comma != NULL) {
                Slice first = {open + 1, (size_t)(comma - open - 1)};
                Slice second = {comma + 1, (size_t)(close - comma - 1)};
                buf_printf(&out, "%.*s(%.*s, %.*s)", (int)(open - rest.data), (const char *)rest.data,
                           SLICE_ARG(slice_trim(second, " ")), SLICE_ARG(slice_trim(first, " ")));
                taken = (size_t)(close - rest.data) + 1;
            }
        }
        if (taken == 0) {
            buf_u8(&out, rest.data[0]);
            taken = 1;
        }
        i += taken;
    }
    return arena_text(arena, buf_slice(&out));
}

// As the original: what cannot partition this table leaves it unpartitioned.
static void spec_make(Slice by, const TableSchema *schema, Slice name, Arena *arena, PartitionSpec *spec) {
    Err why[1] = {{0}};
    int32_t last = ICEBERG_PARTITION_ID_FIRST - 1;
    *spec = (PartitionSpec){0};
    if (by.size > 0 && !partition_spec_of_text(partition_text(by, arena), schema, &last, arena, spec, why)) {
        log_warn(LOG_SINK, "a new table is not partitioned", LOG_SLICE("table", name),
                 LOG_TEXT("reason", why->message));
        *spec = (PartitionSpec){0};
    }
}

static size_t properties_make(const RecordRules *rules, Arena *arena, Property **made, int32_t *version) {
    static const char *const OWN[][2] = {{"write.parquet.compression-codec", "zstd"},
                                         {"write.delete.mode", "merge-on-read"},
                                         {"write.update.mode", "merge-on-read"},
                                         {"write.merge.mode", "merge-on-read"},
                                         {"write.metadata.delete-after-commit.enabled", "true"},
                                         {"write.metadata.previous-versions-max", "50"}};
    Property *properties = ARENA_ARRAY(arena, Property, rules->property_count + PROPERTIES_OWN);
    size_t count = 0;
    for (size_t i = 0; i < rules->property_count; i++) {
        const RecordPair *pair = &rules->properties[i];
        if (slice_is(pair->name, "format-version")) {
            *version = (int32_t)lake_number(pair->value);
        } else {
            properties[count++] = (Property){pair->name, pair->value};
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++) {
        bool given = false;
        for (size_t j = 0; j < rules->property_count; j++) {
            given |= slice_is(rules->properties[j].name, OWN[i][0]);
        }
        if (!given) {
            properties[count++] = (Property){slice_of(OWN[i][0]), slice_of(OWN[i][1])};
        }
    }
    *made = properties;
    return count;
}

// Identifier fields, where the columns of the key may be such.
static void identifiers_make(const RecordRules *rules, Slice name, Arena *arena, TableSchema *schema) {
    const Shape *shape = schema->shape;
    Slice rest = rules->upsert ? ids_of(rules, name) : (Slice){0};
    int32_t *ids = ARENA_ARRAY(arena, int32_t, shape->field_count);
    size_t count = 0;
    while (rest.size > 0 && count < shape->field_count) {
        int32_t at = record_field(rules, shape, list_next(&rest));
        if (at < 0 || shape->fields[at].shape.optional || shape->fields[at].shape.kind == SHAPE_FLOAT32 ||
            shape->fields[at].shape.kind == SHAPE_FLOAT64) {
            return;
        }
        ids[count++] = shape->fields[at].shape.id;
    }
    schema->identifier_ids = ids;
    schema->identifier_count = count;
}

bool record_table_create(LakeTable *table, const RecordRules *rules, Slice name, const ConnectRecord *sample,
                         Arena *scratch, Err *err) {
    TableSchema schema = {.shape = columns_make(rules, sample, scratch, err)};
    TRY(schema.shape != NULL);
    PartitionSpec spec;
    Property *properties = NULL;
    int32_t version = (int32_t)table->lake->options->format_version;
    size_t count = properties_make(rules, scratch, &properties, &version);
    identifiers_make(rules, name, scratch, &schema);
    spec_make(partition_of(rules, name), &schema, name, scratch, &spec);
    char uuid[37];
    random_uuid(uuid);
    TableUpdate updates[] = {
        {.action = UPDATE_ASSIGN_UUID, .text = slice_of(uuid)},
        {.action = UPDATE_UPGRADE_FORMAT_VERSION, .id = MIN(MAX(version, 2), 3)},
        {.action = UPDATE_ADD_SCHEMA, .schema = schema},
        {.action = UPDATE_SET_CURRENT_SCHEMA, .id = -1},
        {.action = UPDATE_ADD_SPEC, .spec = spec},
        {.action = UPDATE_SET_DEFAULT_SPEC, .id = -1},
        {.action = UPDATE_ADD_SORT_ORDER},
        {.action = UPDATE_SET_DEFAULT_SORT_ORDER, .id = -1},
        {.action = UPDATE_SET_PROPERTIES, .properties = properties, .count = count},
    };
    TableRequirement create = {.kind = REQUIRE_CREATE};
    CatalogCommit commit = {.name = table->name, .change = {&create, 1, updates, ARRAY_LEN(updates)}};
    TRY(catalog_ensure_space(table->lake->catalog, table->name.space, err));
    bool made = catalog_commit(table->lake->catalog, &commit, 1, -1, scratch, err);
    if (!made && (err->code == ERR_CHANGED || err->code == ERR_EXISTS)) { // somebody else was first
        err_clear(err);
        made = true;
    }
    return made;
}
