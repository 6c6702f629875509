// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/relation.h"

// Of a column in a relation's arena, its name included as most are. Ten thousand relations may be known at once.
enum { COLUMN_BYTES = sizeof(PgRelationColumn) + sizeof(Column) + 2 * sizeof(Value) + sizeof(const PgCodec *) + 32 };

static const PgColumn *catalog_column(const PgTable *table, Slice name) {
    for (uint32_t i = 0; table != NULL && i < table->column_count; i++) {
        if (slice_equal(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

static Identity identity_of(uint8_t replident, const PgRelationColumn *columns, uint16_t count) {
    switch (replident) {
    case 'f':
        return IDENTITY_FULL;
    case 'i':
        return IDENTITY_INDEX;
    case 'n':
        return IDENTITY_NOTHING;
    default:
        break;
    }
    for (uint16_t i = 0; i < count; i++) {
        if (columns[i].key) {
            return IDENTITY_KEY;
        }
    }
    return IDENTITY_NOTHING; // DEFAULT without a primary key
}

// The order of the schema's columns: the root's, then whatever the leaf has besides.
static void places_set(PgRelation *relation, const PgTable *root) {
    uint16_t next = 0;
    for (uint16_t i = 0; i < relation->field_count; i++) {
        relation->places[i] = UINT16_MAX;
    }
    for (uint32_t r = 0; root != NULL && r < root->column_count; r++) {
        for (uint16_t i = 0; i < relation->field_count; i++) {
            if (slice_equal(relation->columns[i].name, root->columns[r].name)) {
                relation->places[i] = next++;
            }
        }
    }
    relation->all_in_order = true;
    for (uint16_t i = 0; i < relation->field_count; i++) {
        if (relation->places[i] == UINT16_MAX) {
            relation->places[i] = next++;
        }
        relation->all_in_order &= relation->places[i] == i;
    }
}

// Which columns find a row again: the identity's; with FULL (or NOTHING) the primary key's, else with FULL all of them.
static void keys_set(PgRelation *relation, Column *columns, const PgTable *table) {
    Identity identity = relation->schema.identity;
    bool any_primary = false;
    for (uint16_t i = 0; i < relation->field_count; i++) {
        Column *column = &columns[relation->places[i]];
        const PgColumn *known = catalog_column(table, relation->columns[i].name);
        if (known != NULL && known->key_ordinal > 0) {
            column->flags |= COLUMN_PRIMARY;
            column->key_ordinal = known->key_ordinal;
            any_primary = true;
        }
        if (known != NULL && known->not_null) {
            column->flags |= COLUMN_NOT_NULL;
        }
    }
    relation->whole_row_key = identity == IDENTITY_FULL && !any_primary;
    for (uint16_t i = 0; i < relation->field_count; i++) {
        Column *column = &columns[relation->places[i]];
        bool key = identity == IDENTITY_KEY || identity == IDENTITY_INDEX ? relation->columns[i].key
                                                                          : (column->flags & COLUMN_PRIMARY) != 0;
        if (key || relation->whole_row_key) {
            column->flags |= COLUMN_KEY;
        }
    }
}

// The columns' numbers, by which a rename is told from a drop: only where the catalog, which may be later than the
// stream, has the very columns that the stream describes.
static void numbers_set(PgRelation *relation, Column *columns, const PgTable *table) {
    uint32_t next = 0;
    for (uint32_t i = 0; table != NULL && i < table->column_count; i++) {
        const PgColumn *known = &table->columns[i];
        const PgRelationColumn *told = next < relation->field_count ? &relation->columns[next] : NULL;
        bool same = told != NULL && slice_equal(told->name, known->name) && told->type_oid == known->type_oid;
        if (!same && !known->generated) {
            return;
        }
        next += same;
    }
    for (uint16_t i = 0; next == relation->field_count && i < relation->field_count; i++) {
        const PgColumn *known = catalog_column(table, relation->columns[i].name);
        if (known != NULL && known->attnum > 0) {
            columns[relation->places[i]].flags |= (uint32_t)known->attnum << COLUMN_NUMBER_SHIFT;
        }
    }
}

static Slice comment_of(Arena *arena, const PgTable *table) {
    return table != NULL ? arena_slice(arena, table->comment) : (Slice){0};
}

bool pg_relation_build(PgRelation *relation, PgLeaf *leaf, uint32_t oid, uint8_t identity, Slice space, Slice name,
                       const PgRelationColumn *columns, uint16_t column_count, const PgTable *table,
                       const PgTable *root, PgTypes *types, PgConn *sql, Err *err) {
    *relation = (PgRelation){.oid = oid, .leaf = leaf, .field_count = column_count, .identity = identity};
    Arena *arena = &relation->arena;
    arena_init_small(arena, "relation", 512 + (size_t)column_count * COLUMN_BYTES);
    PgRelationColumn *kept = ARENA_ARRAY(arena, PgRelationColumn, column_count);
    Column *shaped = ARENA_ARRAY(arena, Column, column_count);
    relation->codecs = ARENA_ARRAY(arena, const PgCodec *, column_count);
    relation->places = ARENA_ARRAY(arena, uint16_t, column_count);
    relation->before = ARENA_ARRAY(arena, Value, column_count);
    relation->after = ARENA_ARRAY(arena, Value, column_count);
    for (uint16_t i = 0; i < column_count; i++) {
        kept[i] = columns[i];
        kept[i].name = arena_slice(arena, columns[i].name);
    }
    relation->columns = kept;
    places_set(relation, root);
    for (uint16_t i = 0; i < column_count; i++) {
        if (!pg_types_codec(types, sql, kept[i].type_oid, kept[i].typmod, &relation->codecs[i], err)) {
            return err_prefix(err, "table %.*s.%.*s, column %.*s", SLICE_ARG(space), SLICE_ARG(name),
                              SLICE_ARG(kept[i].name));
        }
        const PgColumn *known = catalog_column(table, kept[i].name);
        const PgColumn *said = root != NULL ? catalog_column(root, kept[i].name) : known;
        shaped[relation->places[i]] = (Column){
            .name = kept[i].name,
            .type = relation->codecs[i]->type,
            .default_text =
                known != NULL && known->default_text.size > 0 ? arena_slice(arena, known->default_text) : (Slice){0},
            .comment = arena_slice(arena, said != NULL ? said->comment : (Slice){0})};
    }
    relation->schema = (Schema){.space = arena_slice(arena, space),
                                .table = arena_slice(arena, name),
                                .identity = identity_of(identity, kept, column_count),
                                .comment = comment_of(arena, root != NULL ? root : table),
                                .columns = shaped,
                                .column_count = column_count};
    keys_set(relation, shaped, table);
    numbers_set(relation, shaped, root != NULL ? root : table);
    return true;
}

void pg_relation_release(PgRelation *relation) {
    arena_release(&relation->arena);
}

bool pg_relation_matches(const PgRelation *relation, const PgMessage *message) {
    if (relation->identity != message->relation.identity || relation->field_count != message->relation.column_count) {
        return false;
    }
    for (uint16_t i = 0; i < relation->field_count; i++) {
        const PgRelationColumn *a = &relation->columns[i], *b = &message->relation.columns[i];
        if (a->key != b->key || a->type_oid != b->type_oid || a->typmod != b->typmod ||
            !slice_equal(a->name, b->name)) {
            return false;
        }
    }
    return true;
}

static bool field_decode(const PgRelation *relation, uint16_t i, const PgField *field, Value *value, Arena *arena,
                         Err *err) {
    const PgCodec *codec = relation->codecs[i];
    switch (field->kind) {
    case PG_FIELD_BINARY:
        if (UNLIKELY(codec->binary == NULL)) {
            return FAIL(err, ERR_VALUE, "type %.*s came in binary form, which leat does not know for it",
                        SLICE_ARG(codec->type.source_name));
        }
        return codec->binary(codec, field->bytes, arena, value, err);
    case PG_FIELD_TEXT:
        return codec->text(codec, field->bytes, arena, value, err);
    case PG_FIELD_UNCHANGED:
        *value = (Value){.kind = VALUE_UNCHANGED};
        return true;
    default:
        *value = (Value){.kind = VALUE_NULL};
        return true;
    }
}

bool pg_relation_decode(const PgRelation *relation, PgTuple *tuple, Value *row, Arena *arena, Err *err) {
    if (UNLIKELY(tuple->column_count != relation->field_count)) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "table %.*s.%.*s: a row has %u columns, its relation %u",
                    SLICE_ARG(relation->schema.space), SLICE_ARG(relation->schema.table), tuple->column_count,
                    relation->field_count);
    }
    for (uint16_t i = 0; i < relation->field_count; i++) {
        PgField field;
        if (UNLIKELY(!pg_tuple_next(tuple, &field))) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %.*s.%.*s: a row ends in its column %u",
                        SLICE_ARG(relation->schema.space), SLICE_ARG(relation->schema.table), i + 1);
        }
        if (UNLIKELY(!field_decode(relation, i, &field, &row[relation->places[i]], arena, err))) {
            return err_prefix(err, "table %.*s.%.*s, column %.*s", SLICE_ARG(relation->schema.space),
                              SLICE_ARG(relation->schema.table), SLICE_ARG(relation->columns[i].name));
        }
    }
    return true;
}
