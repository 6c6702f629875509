// SPDX-License-Identifier: Apache-2.0
// A connector's records as the sink's formats take them. What depends on their shapes is compiled once, found by the
// shapes' addresses; shapes that say the same share it, so that tables that are routed into one topic share files.
#include "data/connect/headers.h"
#include "flow/sink/objects/work.h"

struct RecordsShape {
    const Shape *value, *key;
    Slice topic;
    ObjectsShape *shape;
    RecordsShape *next;
};

static bool same(const Shape *a, const Shape *b) {
    return a == b || (a != NULL && b != NULL && shape_equal(a, b));
}

// Formats take structs: anything else is the only field of one.
static const Shape *struct_of(Arena *arena, const Shape *shape, const char *name, bool *bare) {
    *bare = shape != NULL && shape->kind != SHAPE_STRUCT;
    if (!*bare) {
        return shape;
    }
    ShapeField *field = ARENA_NEW(arena, ShapeField);
    *field = (ShapeField){.name = slice_of(name), .shape = *shape};
    Shape *around = ARENA_NEW(arena, Shape);
    *around = (Shape){.kind = SHAPE_STRUCT, .name = SLICE("Record"), .fields = field, .field_count = 1};
    return around;
}

static bool shape_make(Objects *sink, const Schema *schema, const ConnectRecord *from, ObjectsShape **made, Err *err) {
    const Rules *rules = &sink->rules;
    ObjectsShape *shape = ARENA_NEW(&sink->run, ObjectsShape);
    shape->schema = schema_copy(&sink->run, schema);
    shape->topic = arena_slice(&sink->run, from->topic);
    shape->number = MAX(from->partition, 0);
    shape->record = ARENA_NEW(&sink->run, RecordPlan);
    shape->record->value = struct_of(&sink->run, from->value_shape, "value", &shape->value_bare);
    shape->record->key = struct_of(&sink->run, from->key_shape, "key", &shape->key_bare);
    shape->record->headers = sink->headers;
    for (int i = 0; i < PARTS; i++) {
        const Shape *parts[PARTS] = {shape->record->value, shape->record->key, shape->record->headers};
        if (rules->formats[i] != NULL && parts[i] != NULL) {
            TRY(objects_shape_part(sink, shape, i, err));
        }
    }
    if (shape->record->value != NULL) {
        TRY(partition_plan(&sink->run, rules, &shape->schema, shape->record->value, &shape->partition, err));
    }
    objects_shape_patterns(sink, shape->topic, shape);
    *made = shape;
    return true;
}

static bool fits(const RecordsShape *shape, const ConnectRecord *from) {
    // A record without a value goes where those with one go.
    return shape->key == from->key_shape && (from->value == NULL || shape->value == from->value_shape) &&
           slice_equal(shape->topic, from->topic);
}

static bool says_the_same(const RecordsShape *shape, const ConnectRecord *from) {
    return same(shape->key, from->key_shape) && (from->value == NULL || same(shape->value, from->value_shape)) &&
           slice_equal(shape->topic, from->topic);
}

static RecordsShape *find(ObjectsTable *table, const ConnectRecord *from,
                          bool (*wanted)(const RecordsShape *shape, const ConnectRecord *from)) {
    for (RecordsShape **at = &table->seen; *at != NULL; at = &(*at)->next) {
        RecordsShape *found = *at;
        if (wanted(found, from)) { // those that are in use stay in front
            *at = found->next;
            found->next = table->seen;
            return table->seen = found;
        }
    }
    return NULL;
}

bool records_shape(Objects *sink, ObjectsTable *table, const Schema *schema, const ConnectRecord *from,
                   const ObjectsShape **shape, Err *err) {
    if (LIKELY(table->seen != NULL && fits(table->seen, from))) {
        *shape = table->seen->shape;
        return true;
    }
    RecordsShape *found = find(table, from, fits);
    found = found != NULL ? found : find(table, from, says_the_same);
    if (found == NULL || (from->value != NULL && found->value != from->value_shape) || found->key != from->key_shape) {
        RecordsShape *added = ARENA_NEW(&sink->run, RecordsShape);
        *added = (RecordsShape){.value = from->value_shape, .key = from->key_shape};
        if (found == NULL) {
            TRY(shape_make(sink, schema, from, &added->shape, err));
        } else {
            added->value = from->value != NULL ? from->value_shape : found->value;
            added->shape = found->shape;
        }
        added->topic = added->shape->topic;
        added->next = table->seen;
        found = table->seen = added;
    }
    *shape = found->shape;
    return true;
}

static Slice header_text(Objects *sink, const ConnectHeader *header) {
    buf_reset(&sink->text);
    connect_header_text(&sink->text, header);
    return arena_slice(&sink->record, buf_slice(&sink->text));
}

static const Value *headers_make(Objects *sink, const ConnectRecord *from) {
    Value *headers = ARENA_ARRAY(&sink->record, Value, from->header_count + 1);
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i] = connect_header(&sink->record, from->headers[i].name, header_text(sink, &from->headers[i]));
    }
    Value *list = ARENA_NEW(&sink->record, Value);
    *list = (Value){.kind = VALUE_LIST, .items = {headers, from->header_count}};
    return list;
}

static const Value *part_of(const Value *value, bool bare) {
    if (value == NULL || value_is_absent(value)) {
        return NULL;
    }
    ASSERT(bare || value->kind == VALUE_STRUCT);
    return bare ? value : value->items.at;
}

void records_fill(Objects *sink, const ObjectsShape *shape, const ConnectRecord *from, Record *record) {
    record->value = from->value_shape != NULL ? part_of(from->value, shape->value_bare) : NULL;
    record->key = from->key_shape != NULL ? part_of(from->key, shape->key_bare) : NULL;
    record->headers = sink->headers != NULL ? headers_make(sink, from) : NULL;
}
