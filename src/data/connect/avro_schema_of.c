// SPDX-License-Identifier: Apache-2.0
#include "data/connect/avro_schema_of.h"

#include "core/base/json.h"
#include "core/base/map.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"

enum { DEPTH_MAX = 64, PRECISION_UNKNOWN = 64 };

#define UNNAMED_SPACE "io.confluent.connect.avro"
#define UNNAMED       "ConnectDefault"

typedef struct SchemaWriter {
    const AvroSchemaOptions *options;
    Buf *json;
    Arena *arena;
    Map names; // full name to the Shape that has it
    Err *err;
} SchemaWriter;

// --- names -----------------------------------------------------------------------------------------------------

static bool name_byte(uint8_t c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool name_refused(Slice name, const char *reason, Err *err) {
    FAIL(err, ERR_VALUE, "%s in the name \"%.*s\", which Avro does not take", reason, (int)MIN(name.size, 120),
         (const char *)name.data);
    return err_hint(err, "set schema.name.adjustment.mode=avro and field.name.adjustment.mode=avro");
}

// A name without dots, as Avro has it.
static bool name_valid(Slice name, Err *err) {
    if (name.size == 0) {
        return name_refused(name, "nothing", err);
    }
    for (size_t i = 0; i < name.size; i++) {
        if (!name_byte(name.data[i], i == 0)) {
            return name_refused(name, i == 0 ? "illegal initial character" : "illegal character", err);
        }
    }
    return true;
}

static Slice scrubbed(Arena *arena, Slice name) {
    uint8_t *text = arena_alloc(arena, name.size + 1);
    size_t size = 0;
    if (name.size > 0 && name.data[0] >= '0' && name.data[0] <= '9') {
        text[size++] = '_';
    }
    for (size_t i = 0; i < name.size; i++) {
        text[size++] = name_byte(name.data[i], false) || name.data[i] == '.' ? name.data[i] : '_';
    }
    return (Slice){text, size};
}

static size_t space_size(Slice name) {
    size_t size = name.size;
    while (size > 0 && name.data[size - 1] != '.') {
        size--;
    }
    return size; // with its last dot
}

static Slice full_name(Arena *arena, const Shape *shape, const AvroSchemaOptions *options) {
    Slice name = smt_name(shape);
    if (name.size == 0) {
        return SLICE(UNNAMED_SPACE "." UNNAMED);
    }
    return options->scrub_names ? scrubbed(arena, name) : name;
}

Slice avro_record_name(Arena *arena, const Shape *shape, const AvroSchemaOptions *options) {
    return shape->kind == SHAPE_STRUCT ? full_name(arena, shape, options) : (Slice){0};
}

static bool full_name_valid(Slice name, Err *err) {
    for (size_t start = 0, i = 0; i <= name.size; i++) {
        if (i == name.size || name.data[i] == '.') {
            TRY(name_valid((Slice){name.data + start, i - start}, err));
            start = i + 1;
        }
    }
    return true;
}

// --- types -----------------------------------------------------------------------------------------------------

static const char *const PRIMITIVES[] = {
    [SHAPE_BOOL] = "boolean",  [SHAPE_INT32] = "int",      [SHAPE_INT64] = "long",
    [SHAPE_FLOAT32] = "float", [SHAPE_FLOAT64] = "double", [SHAPE_DECIMAL] = "bytes",
    [SHAPE_STRING] = "string", [SHAPE_BYTES] = "bytes",    [SHAPE_MAP] = NULL,
};

static bool put_type(SchemaWriter *writer, const Shape *shape, Slice space, int depth);

static bool is_decimal(const Shape *shape) {
    return shape->kind == SHAPE_DECIMAL ||
           (shape->kind == SHAPE_BYTES && smt_named(shape, "org.apache.kafka.connect.data.Decimal"));
}

// Bytes are a text of characters up to U+00FF in Avro's defaults.
static void put_default(SchemaWriter *writer, const Shape *shape, Slice json) {
    static const Shape BYTES = {.kind = SHAPE_BYTES};
    if (shape->kind != SHAPE_BYTES && shape->kind != SHAPE_DECIMAL) {
        buf_put(writer->json, json);
        return;
    }
    Slice bytes = smt_json_value(writer->arena, &BYTES, json).bytes;
    uint8_t *text = arena_alloc(writer->arena, 2 * bytes.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] < 0x80) {
            text[size++] = bytes.data[i];
        } else {
            text[size++] = (uint8_t)(0xc0 | bytes.data[i] >> 6);
            text[size++] = (uint8_t)(0x80 | (bytes.data[i] & 0x3f));
        }
    }
    json_quote(writer->json, (Slice){text, size});
}

static void put_note(SchemaWriter *writer, const char *key, Slice json) {
    if (json.size > 0) {
        json_key(writer->json, key);
        buf_put(writer->json, json);
    }
}

static void put_notes(SchemaWriter *writer, const Shape *shape) {
    if (writer->options->connect_meta_data) {
        Slice by_default = shape->kind == SHAPE_STRUCT ? (Slice){0} : connect_note(shape, "connect.default");
        put_note(writer, "connect.doc", connect_note(shape, "connect.doc"));
        put_note(writer, "connect.version", connect_note(shape, "connect.version"));
        put_note(writer, "connect.parameters", connect_note(shape, "connect.parameters"));
        if (by_default.size > 0) {
            json_key(writer->json, "connect.default");
            put_default(writer, shape, by_default);
        }
        put_note(writer, "connect.name", connect_note(shape, "connect.name"));
        put_note(writer, "connect.type", connect_note(shape, "connect.type"));
    }
    static const struct {
        const char *name, *logical;
    } LOGICAL[] = {{"org.apache.kafka.connect.data.Time", "time-millis"},
                   {"org.apache.kafka.connect.data.Timestamp", "timestamp-millis"},
                   {"org.apache.kafka.connect.data.Date", "date"}};
    for (size_t i = 0; i < ARRAY_LEN(LOGICAL); i++) {
        if (smt_named(shape, LOGICAL[i].name)) {
            json_field_text(writer->json, "logicalType", LOGICAL[i].logical);
        }
    }
    if (is_decimal(shape)) {
        json_field_text(writer->json, "logicalType", "decimal");
    }
}

static bool has_notes(const SchemaWriter *writer, const Shape *shape) {
    static const char *const NAMES[] = {"connect.doc",     "connect.version", "connect.parameters",
                                        "connect.default", "connect.name",    "connect.type"};
    bool any = is_decimal(shape) || smt_named(shape, "org.apache.kafka.connect.data.Time") ||
               smt_named(shape, "org.apache.kafka.connect.data.Timestamp") ||
               smt_named(shape, "org.apache.kafka.connect.data.Date");
    for (size_t i = 0; i < ARRAY_LEN(NAMES) && writer->options->connect_meta_data; i++) {
        any |= connect_note(shape, NAMES[i]).size > 0;
    }
    return any;
}

static bool put_field(SchemaWriter *writer, const ShapeField *field, Slice space, int depth) {
    Err *err = writer->err;
    Slice name = writer->options->scrub_names ? scrubbed(writer->arena, field->name) : field->name;
    TRY(name_valid(name, err));
    buf_u8(writer->json, '{');
    json_key(writer->json, "name");
    json_quote(writer->json, name);
    json_key(writer->json, "type");
    TRY(put_type(writer, &field->shape, space, depth));
    Slice by_default = field->shape.kind == SHAPE_STRUCT ? (Slice){0} : connect_note(&field->shape, "connect.default");
    if (by_default.size > 0) {
        json_key(writer->json, "default");
        put_default(writer, &field->shape, by_default);
    } else if (field->shape.optional) {
        put_note(writer, "default", SLICE("null"));
    }
    buf_u8(writer->json, '}');
    return true;
}

static bool record_equal(const Shape *a, const Shape *b) {
    Shape x = *a, y = *b;
    x.optional = y.optional = false;
    return shape_equal(&x, &y);
}

// In the space that it stands in a name needs no space of its own.
static void put_reference(SchemaWriter *writer, Slice name, Slice space) {
    size_t split = space_size(name);
    bool here = slice_equal((Slice){name.data, split > 0 ? split - 1 : 0}, space);
    json_quote(writer->json, here ? slice_from(name, split) : name);
}

static bool put_record(SchemaWriter *writer, const Shape *shape, Slice space, int depth) {
    Err *err = writer->err;
    Slice name = full_name(writer->arena, shape, writer->options);
    const Shape *other = map_find(&writer->names, name);
    if (other != NULL) {
        put_reference(writer, name, space);
        return record_equal(other, shape) ||
               FAIL(err, ERR_VALUE, "two different structs have the name \"%.*s\" in one schema",
                    (int)MIN(name.size, 120), (const char *)name.data);
    }
    TRY(full_name_valid(name, err));
    map_put(&writer->names, name, (void *)(uintptr_t)shape);
    size_t split = space_size(name);
    Slice own = {name.data, split > 0 ? split - 1 : 0};
    buf_u8(writer->json, '{');
    json_field_text(writer->json, "type", "record");
    json_key(writer->json, "name");
    json_quote(writer->json, slice_from(name, split));
    if (!slice_equal(own, space)) {
        json_key(writer->json, "namespace");
        json_quote(writer->json, own);
    }
    json_key(writer->json, "fields");
    buf_u8(writer->json, '[');
    for (uint32_t i = 0; i < shape->field_count; i++) {
        buf_text(writer->json, i > 0 ? "," : "");
        TRY(put_field(writer, &shape->fields[i], own, depth));
    }
    buf_u8(writer->json, ']');
    put_notes(writer, shape);
    buf_u8(writer->json, '}');
    return true;
}

static void put_decimal(SchemaWriter *writer, const Shape *shape) {
    Slice precision = connect_note(shape, "precision");
    json_field_int(writer->json, "scale", shape->scale);
    if (shape->kind == SHAPE_BYTES && precision.size > 0) {
        put_note(writer, "precision", precision);
    } else {
        json_field_int(writer->json, "precision", shape->kind == SHAPE_DECIMAL ? shape->precision : PRECISION_UNKNOWN);
    }
}

static bool put_base(SchemaWriter *writer, const Shape *shape, Slice space, int depth) {
    Err *err = writer->err;
    bool list = shape->kind == SHAPE_LIST;
    if (shape->kind == SHAPE_STRUCT) {
        return put_record(writer, shape, space, depth - 1);
    }
    const char *primitive = shape->kind < ARRAY_LEN(PRIMITIVES) ? PRIMITIVES[shape->kind] : NULL;
    if (primitive == NULL && !list && shape->kind != SHAPE_MAP) {
        return FAIL(err, ERR_VALUE, "Connect has no schema for a %s", shape_kind_name(shape->kind));
    }
    if (primitive != NULL && !has_notes(writer, shape)) {
        json_quote(writer->json, slice_of(primitive));
        return true;
    }
    buf_u8(writer->json, '{');
    json_field_text(writer->json, "type", primitive != NULL ? primitive : list ? "array" : "map");
    if (primitive == NULL) {
        json_key(writer->json, list ? "items" : "values");
        TRY(put_type(writer, shape->element, space, depth - 1));
    } else if (is_decimal(shape)) {
        put_decimal(writer, shape);
    }
    put_notes(writer, shape);
    buf_u8(writer->json, '}');
    return true;
}

static bool put_type(SchemaWriter *writer, const Shape *shape, Slice space, int depth) {
    Err *err = writer->err;
    if (depth <= 0) {
        return FAIL(err, ERR_VALUE, "a schema is nested more than %d deep", DEPTH_MAX);
    }
    bool null_last = shape->kind != SHAPE_STRUCT && connect_note(shape, "connect.default").size > 0;
    if (shape->optional) {
        buf_text(writer->json, null_last ? "[" : "[\"null\",");
    }
    TRY(put_base(writer, shape, space, depth));
    if (shape->optional) {
        buf_text(writer->json, null_last ? ",\"null\"]" : "]");
    }
    return true;
}

bool avro_schema_of(const Shape *shape, const AvroSchemaOptions *options, Buf *json, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "avro schema", 0);
    SchemaWriter writer = {.options = options, .json = json, .arena = &arena, .err = err};
    bool done = put_type(&writer, shape, (Slice){0}, DEPTH_MAX);
    map_release(&writer.names);
    TRY(done);
    return !json->overflow || FAIL(err, ERR_MEMORY, "no room for an Avro schema");
}
