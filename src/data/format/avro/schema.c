// SPDX-License-Identifier: Apache-2.0
// The Avro schema of a shape, as JSON.
#include "core/base/json.h"
#include "core/base/map.h"
#include "data/format/avro/avro.h"
#include "data/format/avro/avro_schema.h"

typedef struct SchemaWriter {
    Buf *json;
    Arena *arena;
    Map names; // full name to the Shape that has it
    Err *err;
} SchemaWriter;

// --- names -----------------------------------------------------------------------------------------------------

static bool name_byte(uint8_t c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

// [A-Za-z_][A-Za-z0-9_]*: each other character becomes an underscore; before a leading digit comes one.
static void put_name(Buf *buf, Slice name) {
    if (name.size == 0 || (name.data[0] >= '0' && name.data[0] <= '9')) {
        buf_u8(buf, '_');
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if ((c & 0xc0) != 0x80) { // else a further byte of a character
            buf_u8(buf, name_byte(c, false) ? c : '_');
        }
    }
}

// Dots part the name; every part becomes one that Avro takes.
static Slice full_name(SchemaWriter *writer, Slice name) {
    Buf buf;
    buf_init(&buf, 0);
    size_t start = 0;
    for (size_t i = 0; i <= name.size; i++) {
        if (i == name.size || name.data[i] == '.') {
            put_name(&buf, (Slice){name.data + start, i - start});
            if (i < name.size) {
                buf_u8(&buf, '.');
            }
            start = i + 1;
        }
    }
    Slice copy = arena_slice(writer->arena, buf_slice(&buf));
    buf_release(&buf);
    return copy;
}

static size_t space_size(Slice name) {
    size_t size = name.size;
    while (size > 0 && name.data[size - 1] != '.') {
        size--;
    }
    return size; // with its last dot
}

static Slice name_with(SchemaWriter *writer, Slice name, const char *between, Slice more) {
    return slice_of(arena_printf(writer->arena, "%.*s%s%.*s", SLICE_ARG(name), between, SLICE_ARG(more)));
}

// --- types -----------------------------------------------------------------------------------------------------

static bool record_equal(const Shape *a, const Shape *b) {
    Shape x = *a, y = *b;
    x.optional = y.optional = false;
    x.id = y.id = 0;
    return shape_equal(&x, &y);
}

static const struct {
    const char *type, *logical;
} SCALARS[] = {
    [SHAPE_BOOL] = {"boolean", NULL},
    [SHAPE_INT32] = {"int", NULL},
    [SHAPE_INT64] = {"long", NULL},
    [SHAPE_FLOAT32] = {"float", NULL},
    [SHAPE_FLOAT64] = {"double", NULL},
    [SHAPE_DECIMAL] = {"bytes", "decimal"},
    [SHAPE_STRING] = {"string", NULL},
    [SHAPE_BYTES] = {"bytes", NULL},
    [SHAPE_DATE] = {"int", "date"},
    [SHAPE_TIME] = {"long", "time-micros"},
    [SHAPE_TIMESTAMP] = {"long", "local-timestamp-micros"},
    [SHAPE_TIMESTAMPTZ] = {"long", "timestamp-micros"},
    [SHAPE_UUID] = {"string", "uuid"},
    [SHAPE_LIST] = {"array", NULL},
    [SHAPE_MAP] = {"map", NULL},
};

// Attributes that say what a type is are the writer's own.
static bool note_fits(const Shape *shape, Slice name) {
    static const char *const OWN[] = {"type",     "name",    "namespace",    "doc",         "fields",     "items",
                                      "values",   "size",    "symbols",      "aliases",     "element-id", "key-id",
                                      "value-id", "default", AVRO_NAME_NOTE, "logicalType", "precision",  "scale"};
    bool logical = shape->kind != SHAPE_STRUCT && SCALARS[shape->kind].logical != NULL;
    for (size_t i = 0; i < ARRAY_LEN(OWN) - (logical ? 0 : 3); i++) {
        if (slice_is(name, OWN[i])) {
            return false;
        }
    }
    return true;
}

static void put_notes(SchemaWriter *writer, const Shape *shape) {
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (!note_fits(shape, shape->notes[i].name)) {
            continue;
        }
        buf_u8(writer->json, ',');
        json_quote(writer->json, shape->notes[i].name);
        buf_u8(writer->json, ':');
        buf_put(writer->json, shape->notes[i].json);
    }
}

static void put_text_field(SchemaWriter *writer, const char *key, Slice text) {
    json_key(writer->json, key);
    json_quote(writer->json, text);
}

static void put_number_field(SchemaWriter *writer, const char *key, int32_t number) {
    if (number != 0) {
        json_field_int(writer->json, key, number);
    }
}

static bool put_type(SchemaWriter *writer, const Shape *shape, Slice path, bool null_last, int depth);

static void put_original(SchemaWriter *writer, Slice original, Slice name) {
    if (!slice_equal(original, name)) {
        put_text_field(writer, AVRO_NAME_NOTE, original);
    }
}

// Field names differ after adjustment too.
static Slice field_name(SchemaWriter *writer, Map *taken, const ShapeField *field) {
    Buf buf;
    buf_init(&buf, 0);
    put_name(&buf, field->name);
    Slice name = arena_slice(writer->arena, buf_slice(&buf));
    buf_release(&buf);
    Slice unique = name;
    for (int i = 2; map_find(taken, unique) != NULL; i++) {
        unique = slice_of(arena_printf(writer->arena, "%.*s_%d", SLICE_ARG(name), i));
    }
    map_put(taken, unique, writer);
    return unique;
}

static bool put_fields(SchemaWriter *writer, const Shape *shape, Slice path, int depth) {
    Err *err = writer->err;
    DEFER(map_release) Map taken = {0};
    // Names that need no change come first, so that none of them is changed for the sake of another.
    Slice *names = ARENA_ARRAY(writer->arena, Slice, shape->field_count);
    for (int changed = 0; changed < 2; changed++) {
        for (uint32_t i = 0; i < shape->field_count; i++) {
            Slice name = shape->fields[i].name;
            bool fits = name.size > 0 && name_byte(name.data[0], true);
            for (size_t j = 1; j < name.size && fits; j++) {
                fits = name_byte(name.data[j], false);
            }
            if (fits != (changed == 1)) {
                names[i] = field_name(writer, &taken, &shape->fields[i]);
            }
        }
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        buf_text(writer->json, i > 0 ? ",{" : "{");
        put_text_field(writer, "name", names[i]);
        json_key(writer->json, "type");
        bool null_last = avro_null_last(field);
        TRY(put_type(writer, &field->shape, name_with(writer, path, "_", names[i]), null_last, depth));
        if (field->default_json.size > 0 || field->shape.optional) {
            json_key(writer->json, "default");
            buf_put(writer->json, field->default_json.size > 0 ? field->default_json : SLICE("null"));
        }
        if (field->shape.doc.size > 0 && field->shape.kind != SHAPE_STRUCT) {
            put_text_field(writer, "doc", field->shape.doc);
        }
        put_number_field(writer, "field-id", field->shape.id);
        put_original(writer, field->name, names[i]);
        buf_u8(writer->json, '}');
    }
    return true;
}

static bool put_record(SchemaWriter *writer, const Shape *shape, Slice path, int depth) {
    Err *err = writer->err;
    bool named = shape->name.size > 0;
    Slice wanted = named ? shape->name : path, space = {path.data, space_size(path)};
    if (space_size(wanted) == 0) { // as Avro's rules have it: the space of what is around
        wanted = name_with(writer, space, "", wanted);
    }
    Slice name = full_name(writer, wanted), unique = name;
    for (int i = 2;; i++) {
        const Shape *other = map_find(&writer->names, unique);
        if (other == NULL) {
            break;
        }
        if (named && record_equal(other, shape)) {
            json_quote(writer->json, unique);
            return true;
        }
        unique = slice_of(arena_printf(writer->arena, "%.*s_%d", SLICE_ARG(name), i));
    }
    map_put(&writer->names, unique, (void *)(uintptr_t)shape);
    buf_u8(writer->json, '{');
    put_text_field(writer, "type", SLICE("record"));
    size_t split = space_size(unique);
    put_text_field(writer, "name", slice_from(unique, split));
    if (split > 0) {
        put_text_field(writer, "namespace", (Slice){unique.data, split - 1});
    }
    if (shape->doc.size > 0) {
        put_text_field(writer, "doc", shape->doc);
    }
    json_key(writer->json, "fields");
    buf_u8(writer->json, '[');
    TRY(put_fields(writer, shape, unique, depth));
    buf_u8(writer->json, ']');
    put_original(writer, wanted, unique);
    put_notes(writer, shape);
    buf_u8(writer->json, '}');
    return true;
}

static bool put_unnamed(SchemaWriter *writer, const Shape *shape, Slice path, int depth) {
    Err *err = writer->err;
    const char *type = SCALARS[shape->kind].type, *logical = SCALARS[shape->kind].logical;
    if (shape->element == NULL && logical == NULL && shape->note_count == 0) {
        json_quote(writer->json, slice_of(type));
        return true;
    }
    buf_u8(writer->json, '{');
    json_field_text(writer->json, "type", type);
    if (logical != NULL) {
        json_field_text(writer->json, "logicalType", logical);
    }
    if (shape->kind == SHAPE_DECIMAL) {
        json_field_int(writer->json, "precision", shape->precision);
        json_field_int(writer->json, "scale", shape->scale);
    }
    if (shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP) {
        json_key(writer->json, shape->kind == SHAPE_LIST ? "items" : "values");
        TRY(put_type(writer, shape->element, path, false, depth));
        if (shape->kind == SHAPE_LIST) {
            put_number_field(writer, "element-id", shape->element_id);
        } else if (shape->element_id != 0) {
            put_number_field(writer, "key-id", shape->element_id - 1);
            put_number_field(writer, "value-id", shape->element_id);
        }
    }
    put_notes(writer, shape);
    buf_u8(writer->json, '}');
    return true;
}

static bool put_type(SchemaWriter *writer, const Shape *shape, Slice path, bool null_last, int depth) {
    Err *err = writer->err;
    if (depth == 0) {
        return FAIL(err, ERR_TABLE, "%.*s is nested more than %d deep", SLICE_ARG(path), AVRO_DEPTH_MAX);
    }
    if (shape->optional) {
        buf_text(writer->json, null_last ? "[" : "[\"null\",");
    }
    if (shape->kind == SHAPE_STRUCT) {
        TRY(put_record(writer, shape, path, depth - 1));
    } else {
        TRY(put_unnamed(writer, shape, path, depth - 1));
    }
    if (shape->optional) {
        buf_text(writer->json, null_last ? ",\"null\"]" : "]");
    }
    return true;
}

bool avro_schema_json(const Shape *shape, Slice name, Buf *json, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "avro schema", 0);
    SchemaWriter writer = {.json = json, .arena = &arena, .err = err};
    bool done = put_type(&writer, shape, name.size > 0 ? name : SLICE("record"), false, AVRO_DEPTH_MAX);
    map_release(&writer.names);
    TRY(done);
    return !json->overflow || FAIL(err, ERR_MEMORY, "no room for the Avro schema of %.*s", SLICE_ARG(name));
}
