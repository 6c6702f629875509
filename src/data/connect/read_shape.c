// SPDX-License-Identifier: Apache-2.0
#include "data/connect/read_shape.h"

#include "data/connect/notes.h"
#include "data/connect/smt.h"

#define LOGICAL         "org.apache.kafka.connect.data."
#define UNNAMED         "io.confluent.connect.avro.ConnectDefault"
#define PRECISION_PARAM "connect.decimal.precision"
enum { DIGITS_MAX = 38, PRECISION_UNKNOWN = 64 };

static const struct {
    const char *name, *logical;
    ShapeKind kind;
} TIMES[] = {
    {LOGICAL "Date", "\"date\"", SHAPE_INT32},
    {LOGICAL "Time", "\"time-millis\"", SHAPE_INT32},
    {LOGICAL "Timestamp", "\"timestamp-millis\"", SHAPE_INT64},
};

static void time_complete(Arena *arena, Shape *shape) {
    Slice logical = connect_note(shape, "logicalType");
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        if (shape->kind != TIMES[i].kind) {
            continue;
        }
        if (logical.size == 0 && smt_named(shape, TIMES[i].name)) {
            connect_note_add(arena, shape, "logicalType", slice_of(TIMES[i].logical));
        } else if (slice_is(logical, TIMES[i].logical) && smt_name(shape).size == 0) {
            connect_describe(arena, shape, TIMES[i].name, 1, NULL, NULL);
        }
    }
}

// A number among the parameters, which are texts: {"scale":"2"}.
static int64_t parameter(Arena *arena, const Shape *shape, const char *name) {
    const char *text = arena_text(arena, connect_note(shape, "connect.parameters"));
    const char *at = strstr(text, arena_printf(arena, "\"%s\"", name));
    return at != NULL ? strtoll(at + strlen(name) + 2 + strspn(at + strlen(name) + 2, " :\""), NULL, 10) : 0;
}

static void decimal_complete(Arena *arena, Shape *shape) {
    if (shape->kind == SHAPE_DECIMAL) { // Avro's; another producer's may have nothing of Connect's
        if (smt_name(shape).size == 0) {
            connect_describe(arena, shape, LOGICAL "Decimal", 1,
                             arena_printf(arena, "{\"scale\":\"%d\",\"" PRECISION_PARAM "\":\"%d\"}", shape->scale,
                                          shape->precision),
                             NULL);
        }
        return;
    }
    if (shape->kind != SHAPE_BYTES || !smt_named(shape, LOGICAL "Decimal")) {
        return;
    }
    int64_t scale = parameter(arena, shape, "scale"), precision = parameter(arena, shape, PRECISION_PARAM);
    bool told = connect_note(shape, "logicalType").size > 0;
    if (!told && precision > 0 && precision <= DIGITS_MAX && scale >= 0 && scale <= precision) {
        shape->kind = SHAPE_DECIMAL;
        shape->precision = (int32_t)precision;
        shape->scale = (int32_t)scale;
        return;
    }
    shape->scale = (int32_t)MAX(MIN(scale, INT32_MAX), INT32_MIN);
    if (!told) {
        connect_note_add(arena, shape, "scale", slice_of(arena_printf(arena, "%" PRId64, scale)));
        connect_note_add(arena, shape, "precision",
                         slice_of(arena_printf(arena, "%" PRId64, precision > 0 ? precision : PRECISION_UNKNOWN)));
        connect_note_add(arena, shape, "logicalType", SLICE("\"decimal\""));
    }
}

// Bytes have another form in Avro's defaults than in Connect's.
static void default_complete(Arena *arena, ShapeField *field) {
    Shape *shape = &field->shape;
    bool plain = shape->kind < SHAPE_DECIMAL || shape->kind == SHAPE_STRING;
    bool given = field->default_json.size > 0 && !slice_is(field->default_json, "null");
    if (plain && given && connect_note(shape, "connect.default").size == 0) {
        connect_note_add(arena, shape, "connect.default", field->default_json);
    }
    if (field->default_json.size == 0 && shape->optional) {
        field->default_json = SLICE("null");
    }
}

static void struct_complete(Arena *arena, Shape *shape) {
    if (connect_note(shape, "connect.name").size == 0 && shape->name.size > 0) {
        if (slice_is(shape->name, UNNAMED)) {
            shape->name = (Slice){0};
        } else {
            connect_note_add(arena, shape, "connect.name", connect_quoted(arena, shape->name));
        }
    }
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, shape->field_count);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        fields[i] = shape->fields[i];
        connect_read_shape(arena, &fields[i].shape);
        default_complete(arena, &fields[i]);
    }
    shape->fields = fields;
}

void connect_read_shape(Arena *arena, Shape *shape) {
    time_complete(arena, shape);
    decimal_complete(arena, shape);
    if (shape->kind == SHAPE_STRUCT) {
        struct_complete(arena, shape);
    } else if (shape->element != NULL) {
        Shape *element = ARENA_NEW(arena, Shape);
        *element = *shape->element;
        connect_read_shape(arena, element);
        shape->element = element;
    }
}
