// SPDX-License-Identifier: Apache-2.0
// Schemas: ids, rules, evolution.
#include "core/base/json_reader.h"
#include "core/base/map.h"
#include "lake/iceberg/parts.h"

// --- ids -------------------------------------------------------------------------------------------------------

// Maps with other keys than strings stay JSON: their ids are found there. With `next`, each gets a new one, in a copy.
static int32_t foreign_ids(Slice json, int32_t *next, Buf *copy) {
    static const char *const NAMES[] = {"id", "element-id", "key-id", "value-id"};
    Err err[1] = {{0}};
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    JsonReader reader;
    json_reader_init(&reader, json, scratch);
    int32_t highest = 0;
    bool of_id = false;
    size_t copied = 0;
    for (JsonToken token; json_read(&reader, &token, err) && token != TOKEN_END;) {
        if (token == TOKEN_NUMBER && of_id) {
            int64_t id = 0;
            for (size_t i = 0; i < reader.text.size && i < 10; i++) {
                id = id * 10 + (reader.text.data[i] - '0');
            }
            highest = MAX(highest, (int32_t)MIN(id, INT32_MAX));
            if (next != NULL) {
                buf_bytes(copy, json.data + copied, reader.token_at - copied);
                buf_int(copy, ++*next);
                copied = reader.at;
            }
        }
        of_id = false;
        for (size_t i = 0; i < ARRAY_LEN(NAMES) && token == TOKEN_NAME; i++) {
            of_id = of_id || slice_is(reader.text, NAMES[i]);
        }
    }
    if (next != NULL) {
        buf_put(copy, slice_from(json, copied));
    }
    arena_release(scratch);
    return highest;
}

// --- walking ---------------------------------------------------------------------------------------------------

int32_t shape_highest_id(const Shape *shape) {
    int32_t highest = MAX(shape->id, shape->element_id);
    if (shape->element != NULL) {
        highest = MAX(highest, shape_highest_id(shape->element));
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        highest = MAX(highest, shape_highest_id(&shape->fields[i].shape));
    }
    Slice type = shape_note(shape, ICEBERG_NOTE_TYPE);
    return type.size > 0 && type.data[0] == '{' ? MAX(highest, foreign_ids(type, NULL, NULL)) : highest;
}

const Shape *shape_by_id(const Shape *shape, int32_t id) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const Shape *field = &shape->fields[i].shape;
        const Shape *found = field->id == id ? field : shape_by_id(field, id);
        if (found != NULL) {
            return found;
        }
    }
    if (shape->element == NULL) {
        return NULL;
    }
    if (shape->kind == SHAPE_MAP && shape->element_id - 1 == id && shape->element_id > 1) {
        static const Shape KEY = {.kind = SHAPE_STRING};
        return &KEY;
    }
    return shape->element_id == id ? shape->element : shape_by_id(shape->element, id);
}

static Shape number_within(Arena *arena, const Shape *shape, int32_t *last);

static const Shape *number_element(Arena *arena, const Shape *shape, int32_t id, int32_t *last) {
    Shape *element = ARENA_NEW(arena, Shape);
    *element = number_within(arena, shape, last);
    element->id = id;
    return element;
}

static void number_foreign(Arena *arena, Shape *shape, int32_t *last) {
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, shape->note_count);
    memcpy(notes, shape->notes, shape->note_count * sizeof(*notes));
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(notes[i].name, ICEBERG_NOTE_TYPE) && notes[i].json.size > 0 && notes[i].json.data[0] == '{') {
            DEFER(buf_release) Buf copy;
            buf_init(&copy, 0);
            (void)foreign_ids(notes[i].json, last, &copy);
            notes[i].json = arena_slice(arena, buf_slice(&copy));
        }
    }
    shape->notes = notes;
}

// All but the shape's own id.
static Shape number_within(Arena *arena, const Shape *shape, int32_t *last) {
    Shape copy = *shape;
    if (shape->kind == SHAPE_STRUCT) {
        ShapeField *fields = ARENA_ARRAY(arena, ShapeField, shape->field_count);
        int32_t first = *last + 1; // the struct's fields first, then what is in them
        *last += (int32_t)shape->field_count;
        for (uint32_t i = 0; i < shape->field_count; i++) {
            fields[i] = shape->fields[i];
            fields[i].shape = number_within(arena, &shape->fields[i].shape, last);
            fields[i].shape.id = first + (int32_t)i;
        }
        copy.fields = fields;
    } else if (shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP) {
        *last += shape->kind == SHAPE_LIST ? 1 : 2;
        copy.element_id = *last;
        copy.element = number_element(arena, shape->element, *last, last);
    } else if (shape_is_foreign(shape)) {
        number_foreign(arena, &copy, last);
    }
    return copy;
}

Shape shape_number(Arena *arena, const Shape *shape, int32_t *last) {
    return number_within(arena, shape, last);
}

// The id that the field of that id has in another numbering of the same shape; 0 = there is none.
static int32_t number_of(const Shape *old, const Shape *new, int32_t id) {
    for (uint32_t i = 0; i < old->field_count; i++) {
        const Shape *field = &old->fields[i].shape;
        int32_t found = field->id == id ? new->fields[i].shape.id : number_of(field, &new->fields[i].shape, id);
        if (found != 0) {
            return found;
        }
    }
    if (old->element == NULL) {
        return 0;
    }
    return old->element_id == id ? new->element_id : number_of(old->element, new->element, id);
}

bool table_number(Arena *arena, TableSchema *schema, PartitionSpec *spec, SortOrder *order, Err *err) {
    int32_t last = 0;
    Shape *numbered = ARENA_NEW(arena, Shape);
    *numbered = shape_number(arena, schema->shape, &last);
    int32_t *key = ARENA_ARRAY(arena, int32_t, schema->identifier_count);
    for (size_t i = 0; i < schema->identifier_count; i++) {
        key[i] = number_of(schema->shape, numbered, schema->identifier_ids[i]);
    }
    PartitionField *fields = ARENA_ARRAY(arena, PartitionField, spec->field_count);
    for (size_t i = 0; i < spec->field_count; i++) {
        fields[i] = spec->fields[i];
        fields[i].source_id = number_of(schema->shape, numbered, spec->fields[i].source_id);
        fields[i].field_id = ICEBERG_PARTITION_ID_FIRST + (int32_t)i;
        if (fields[i].source_id == 0) {
            return FAIL(err, ERR_VALUE, "Cannot find source column for partition field: %.*s",
                        SLICE_ARG(fields[i].name));
        }
    }
    SortField *sorts = ARENA_ARRAY(arena, SortField, order->field_count);
    for (size_t i = 0; i < order->field_count; i++) {
        sorts[i] = order->fields[i];
        sorts[i].source_id = number_of(schema->shape, numbered, order->fields[i].source_id);
        if (sorts[i].source_id == 0) {
            return FAIL(err, ERR_VALUE, "Cannot find source column for sort field: %" PRId32,
                        order->fields[i].source_id);
        }
    }
    schema->shape = numbered;
    schema->identifier_ids = key;
    spec->fields = fields;
    order->fields = sorts;
    return true;
}

// --- rules -----------------------------------------------------------------------------------------------------

// Every id once, and within a struct every name.
static bool check_unique(const Shape *shape, Map *ids, Err *err) {
    DEFER(map_release) Map names = {0};
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        if (map_find_u64(ids, (uint64_t)field->shape.id) != NULL) {
            return FAIL(err, ERR_VALUE, "two columns have the id %" PRId32, field->shape.id);
        }
        map_put_u64(ids, (uint64_t)field->shape.id, ids);
        if (map_find(&names, field->name) != NULL) {
            return FAIL(err, ERR_VALUE, "two columns have the name %.*s", (int)MIN(field->name.size, (size_t)100),
                        field->name.data);
        }
        map_put(&names, field->name, ids);
        TRY(check_unique(&field->shape, ids, err));
    }
    if (shape->element != NULL) {
        for (int32_t id = shape->element_id; id > shape->element_id - (shape->kind == SHAPE_MAP ? 2 : 1); id--) {
            if (map_find_u64(ids, (uint64_t)id) != NULL) {
                return FAIL(err, ERR_VALUE, "two columns have the id %" PRId32, id);
            }
            map_put_u64(ids, (uint64_t)id, ids);
        }
        TRY(check_unique(shape->element, ids, err));
    }
    return true;
}

// The column of a key, reached through required structs alone.
static const Shape *key_column(const Shape *shape, int32_t id) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const Shape *field = &shape->fields[i].shape;
        if (field->id == id) {
            return field;
        }
        const Shape *found = field->kind == SHAPE_STRUCT && !field->optional ? key_column(field, id) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

bool table_schema_check(const TableSchema *schema, Err *err) {
    DEFER(map_release) Map ids = {0};
    TRY(check_unique(schema->shape, &ids, err));
    for (size_t i = 0; i < schema->identifier_count; i++) {
        int32_t id = schema->identifier_ids[i];
        const Shape *column = key_column(schema->shape, id);
        if (column == NULL) {
            return FAIL(err, ERR_VALUE,
                        "Cannot add fieldId %" PRId32 " as an identifier field: field does not exist, or lies in a "
                        "list, a map or an optional struct",
                        id);
        }
        Slice type = shape_note(column, ICEBERG_NOTE_TYPE);
        bool nested = column->kind == SHAPE_STRUCT || column->element != NULL || (type.size > 0 && type.data[0] == '{');
        bool inexact = column->kind == SHAPE_FLOAT32 || column->kind == SHAPE_FLOAT64;
        if (nested || inexact || column->optional) {
            return FAIL(err, ERR_VALUE, "Cannot add field %" PRId32 " as an identifier field: %s", id,
                        nested    ? "not a primitive type field"
                        : inexact ? "must not be float or double field"
                                  : "not a required field");
        }
    }
    return true;
}

static bool check_version(const Shape *shape, Slice name, int32_t format_version, Err *err) {
    Slice type = shape_note(shape, ICEBERG_NOTE_TYPE);
    bool newer =
        shape_is_foreign(shape) && type.size > 6 && type.data[0] == '"' && memcmp(type.data, "\"fixed", 6) != 0;
    if (newer || iceberg_has_default(shape, ICEBERG_INITIAL_DEFAULT)) {
        return FAIL(err, ERR_VALUE, "Invalid schema for v%" PRId32 ": column %.*s: %s not supported until v3",
                    format_version, (int)MIN(name.size, (size_t)100), name.data,
                    newer ? "its type is" : "an initial default is");
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        TRY(check_version(&shape->fields[i].shape, shape->fields[i].name, format_version, err));
    }
    return shape->element == NULL || check_version(shape->element, name, format_version, err);
}

bool table_schema_check_version(const TableSchema *schema, int32_t format_version, Err *err) {
    return format_version >= 3 || check_version(schema->shape, (Slice){0}, format_version, err);
}

static bool has_int(const int32_t *ids, size_t count, int32_t id) {
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

bool table_schema_equal(const TableSchema *a, const TableSchema *b) {
    if (a->identifier_count != b->identifier_count || a->shape->field_count != b->shape->field_count) {
        return false;
    }
    for (size_t i = 0; i < a->identifier_count; i++) {
        if (!has_int(b->identifier_ids, b->identifier_count, a->identifier_ids[i])) {
            return false;
        }
    }
    DEFER(buf_release) Buf left, right;
    buf_init(&left, 0);
    buf_init(&right, 0);
    iceberg_type_write(a->shape, &left);
    iceberg_type_write(b->shape, &right);
    return slice_equal(buf_slice(&left), buf_slice(&right));
}

bool iceberg_promotes(const Shape *from, const Shape *to, int32_t format_version) {
    Slice foreign_from = shape_note(from, ICEBERG_NOTE_TYPE), foreign_to = shape_note(to, ICEBERG_NOTE_TYPE);
    if (shape_is_foreign(from) && slice_is(foreign_from, "\"unknown\"")) {
        return format_version >= 3;
    }
    if (shape_is_foreign(from) || shape_is_foreign(to)) {
        return from->kind == SHAPE_DATE ? format_version >= 3 && slice_is(foreign_to, "\"timestamp_ns\"")
                                        : shape_is_foreign(from) && slice_equal(foreign_from, foreign_to);
    }
    if (from->kind == SHAPE_DECIMAL && to->kind == SHAPE_DECIMAL) {
        return from->scale == to->scale && from->precision <= to->precision;
    }
    if (from->kind == to->kind) {
        return from->kind != SHAPE_LIST && from->kind != SHAPE_MAP && from->kind != SHAPE_STRUCT;
    }
    return (from->kind == SHAPE_INT32 && to->kind == SHAPE_INT64) ||
           (from->kind == SHAPE_FLOAT32 && to->kind == SHAPE_FLOAT64) ||
           (from->kind == SHAPE_DATE && to->kind == SHAPE_TIMESTAMP && format_version >= 3);
}
