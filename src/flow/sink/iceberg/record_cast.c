// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_cast.h"

#include "flow/sink/iceberg/record_leaf.h"

typedef struct CastField {
    int32_t from; // -1: there is none
    RecordCast *cast;
} CastField;

struct RecordCast {
    const RecordRules *rules;
    const Shape *from; // NULL: by the value
    const Shape *to;
    RecordCast *element;     // of a list's or map's items
    const CastField *fields; // of a struct, one a field of `to`; NULL: by name, value for value
    const uint32_t *lacking; // fields of `from` that have no column
    uint32_t lacking_count;
    LeafCast leaf;
};

typedef struct Run {
    Arena *scratch;
    bool *lacking;
    bool partial; // what is required may be missing
} Run;

// --- compiling -------------------------------------------------------------------------------------------------

static void fields_compile(Arena *arena, RecordCast *cast) {
    const Shape *from = cast->from, *to = cast->to;
    CastField *fields = ARENA_ARRAY(arena, CastField, to->field_count);
    uint32_t *lacking = ARENA_ARRAY(arena, uint32_t, from->field_count);
    for (uint32_t i = 0; i < to->field_count; i++) {
        fields[i].from = -1;
    }
    for (uint32_t i = 0; i < from->field_count; i++) {
        int32_t at = record_field(cast->rules, to, from->fields[i].name);
        if (at < 0) {
            lacking[cast->lacking_count++] = i;
            continue;
        }
        fields[at].from = (int32_t)i;
        fields[at].cast = record_cast_new(arena, cast->rules, &from->fields[i].shape, &to->fields[at].shape);
    }
    cast->fields = fields;
    cast->lacking = lacking;
}

RecordCast *record_cast_new(Arena *arena, const RecordRules *rules, const Shape *from, const Shape *table) {
    RecordCast *cast = ARENA_NEW(arena, RecordCast);
    *cast = (RecordCast){.rules = rules, .from = from, .to = table};
    if (table->kind == SHAPE_STRUCT) {
        if (from != NULL && from->kind == SHAPE_STRUCT) {
            fields_compile(arena, cast);
        }
    } else if (table->kind == SHAPE_LIST || table->kind == SHAPE_MAP) {
        bool same = from != NULL && from->kind == table->kind;
        cast->element = record_cast_new(arena, rules, same ? from->element : NULL, table->element);
    } else {
        cast->leaf = leaf_cast(rules, from, table);
    }
    return cast;
}

// --- values ----------------------------------------------------------------------------------------------------

static bool cast_value(const Run *run, const RecordCast *cast, const Value *value, Value *to, Err *err);

static bool wrong(const RecordCast *cast, const Value *value, Err *err) {
    return FAIL(err, ERR_VALUE, "its value is a %s, and its column a %s",
                record_class_name(record_class(cast->rules, cast->from, value)), shape_kind_name(cast->to->kind));
}

static bool cast_field(const Run *run, const RecordCast *cast, const ShapeField *field, const Value *value, Value *to,
                       Err *err) {
    *to = (Value){.kind = VALUE_NULL};
    if (value != NULL && !value_is_absent(value) && !cast_value(run, cast, value, to, err)) {
        return err_prefix(err, "field %.*s", SLICE_ARG(field->name));
    }
    if (UNLIKELY(to->kind == VALUE_NULL && !field->shape.optional && !run->partial)) {
        FAIL(err, ERR_VALUE, "column %.*s is required, and the record has no value for it", SLICE_ARG(field->name));
        return err_hint(err, "let the table's column be optional, or the connector make it so: "
                             "iceberg.tables.evolve-schema-enabled=true");
    }
    return true;
}

static bool cast_struct(const Run *run, const RecordCast *cast, const Value *value, Value *items, Err *err) {
    const Shape *to = cast->to;
    for (uint32_t i = 0; i < to->field_count; i++) {
        const CastField *field = &cast->fields[i];
        const Value *from = field->from >= 0 ? &value->items.at[field->from] : NULL;
        TRY(cast_field(run, field->cast, &to->fields[i], from, &items[i], err));
    }
    for (uint32_t i = 0; i < cast->lacking_count; i++) {
        *run->lacking |= !value_is_absent(&value->items.at[cast->lacking[i]]);
    }
    return true;
}

// A map without schema, member by member: rare.
static bool cast_members(const Run *run, const RecordCast *cast, const Value *value, Value *items, Err *err) {
    const Shape *to = cast->to;
    const Value **found = ARENA_ARRAY(run->scratch, const Value *, to->field_count);
    for (size_t i = 0; i + 1 < value->items.count; i += 2) {
        int32_t at = record_field(cast->rules, to, value->items.at[i].bytes);
        const Value *member = &value->items.at[i + 1];
        if (at >= 0) {
            found[at] = member;
        } else {
            *run->lacking |= !value_is_absent(member);
        }
    }
    for (uint32_t i = 0; i < to->field_count; i++) {
        RecordCast *member =
            found[i] != NULL ? record_cast_new(run->scratch, cast->rules, NULL, &to->fields[i].shape) : NULL;
        TRY(cast_field(run, member, &to->fields[i], found[i], &items[i], err));
    }
    return true;
}

static bool cast_fields(const Run *run, const RecordCast *cast, const Value *value, Value *items, Err *err) {
    if (value->kind == VALUE_STRUCT && cast->fields != NULL) {
        return cast_struct(run, cast, value, items, err);
    }
    return value->kind == VALUE_MAP ? cast_members(run, cast, value, items, err) : wrong(cast, value, err);
}

static bool cast_item(const Run *run, const RecordCast *cast, const Value *value, Value *to, Err *err) {
    *to = (Value){.kind = VALUE_NULL};
    TRY(value_is_absent(value) || cast_value(run, cast, value, to, err));
    return to->kind != VALUE_NULL || cast->to->optional ||
           FAIL(err, ERR_VALUE, "an item has no value, and the column's items are required");
}

static bool cast_list(const Run *run, const RecordCast *cast, const Value *value, Value *to, Err *err) {
    if (value->kind != VALUE_LIST) {
        return wrong(cast, value, err);
    }
    Value *items = ARENA_ARRAY(run->scratch, Value, value->items.count);
    for (size_t i = 0; i < value->items.count; i++) {
        TRY(cast_item(run, cast->element, &value->items.at[i], &items[i], err));
    }
    *to = (Value){.kind = VALUE_LIST, .items = {items, value->items.count}};
    return true;
}

static bool cast_map(const Run *run, const RecordCast *cast, const Value *value, Value *to, Err *err) {
    bool members = value->kind == VALUE_STRUCT && cast->from != NULL && cast->from->kind == SHAPE_STRUCT &&
                   cast->rules->schemaless;
    if (value->kind != VALUE_MAP && !members) {
        return wrong(cast, value, err);
    }
    size_t count = members ? value->items.count : value->items.count / 2, made = 0;
    Value *items = ARENA_ARRAY(run->scratch, Value, 2 * count);
    for (size_t i = 0; i < count; i++) {
        const Value *item = &value->items.at[members ? i : 2 * i + 1];
        if (members && value_is_absent(item)) {
            continue; // JSON of the source has it as null
        }
        const RecordCast *cast_of = cast->element;
        if (members) {
            cast_of = record_cast_new(run->scratch, cast->rules, &cast->from->fields[i].shape, cast->to->element);
        }
        items[2 * made] = members ? value_bytes(VALUE_STRING, cast->from->fields[i].name) : value->items.at[2 * i];
        TRY(cast_item(run, cast_of, item, &items[2 * made + 1], err));
        made++;
    }
    *to = (Value){.kind = VALUE_MAP, .items = {items, 2 * made}};
    return true;
}

static bool cast_value(const Run *run, const RecordCast *cast, const Value *value, Value *to, Err *err) {
    ShapeKind kind = cast->to->kind;
    if (kind == SHAPE_STRUCT) {
        Value *items = ARENA_ARRAY(run->scratch, Value, cast->to->field_count);
        TRY(cast_fields(run, cast, value, items, err));
        *to = (Value){.kind = VALUE_STRUCT, .items = {items, cast->to->field_count}};
        return true;
    }
    return kind == SHAPE_LIST  ? cast_list(run, cast, value, to, err)
           : kind == SHAPE_MAP ? cast_map(run, cast, value, to, err)
                               : leaf_cast_value(&cast->leaf, run->scratch, value, to, err);
}

bool record_cast_row(const RecordCast *cast, Arena *scratch, const Value *value, bool partial, Value *row,
                     bool *lacking, Err *err) {
    Run run = {scratch, lacking, partial};
    *lacking = false;
    return cast_fields(&run, cast, value, row, err);
}
