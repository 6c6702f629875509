// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_shape.c"

#include "core/base/test.h"

static Arena arena[1];
static const RecordRules PLAIN = {0}, SCHEMALESS = {.schemaless = true};

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static Value text(const char *is) {
    return value_bytes(VALUE_STRING, slice_of(is));
}

static Value many(uint8_t kind, const Value *items, size_t count) {
    return (Value){.kind = kind, .items = {items, count}};
}

#define OF(kind, ...) many((kind), (const Value[]){__VA_ARGS__}, sizeof((const Value[]){__VA_ARGS__}) / sizeof(Value))

static Shape named(const char *name, ShapeKind kind, int32_t scale) {
    ShapeNote *note = ARENA_NEW(arena, ShapeNote);
    *note = (ShapeNote){SLICE("connect.name"), slice_of(arena_printf(arena, "\"%s\"", name))};
    return (Shape){.kind = kind, .scale = scale, .notes = note, .note_count = 1};
}

TEST(shape_of_schemas_by_the_rules_of_the_original) {
    arena_init(arena, "test", 0);
    static const struct {
        const char *name;
        ShapeKind from, to;
    } CASES[] = {
        {"org.apache.kafka.connect.data.Date", SHAPE_INT32, SHAPE_DATE},
        {"org.apache.kafka.connect.data.Time", SHAPE_INT32, SHAPE_TIME},
        {"org.apache.kafka.connect.data.Timestamp", SHAPE_INT64, SHAPE_TIMESTAMPTZ},
        {"org.apache.kafka.connect.data.Decimal", SHAPE_BYTES, SHAPE_DECIMAL},
        {"io.debezium.time.MicroTimestamp", SHAPE_INT64, SHAPE_INT64}, // a plain type to it
        {"io.debezium.data.Uuid", SHAPE_STRING, SHAPE_STRING},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Shape from = named(CASES[i].name, CASES[i].from, 2);
        Shape to = record_shape(arena, &PLAIN, &from);
        CHECK_INT(to.kind, CASES[i].to);
        CHECK(!to.optional && (to.kind != SHAPE_DECIMAL || (to.precision == 38 && to.scale == 2)));
    }
    Shape wide = named("org.apache.kafka.connect.data.Decimal", SHAPE_BYTES, 90);
    CHECK_INT(record_shape(arena, &PLAIN, &wide).scale, 38);
    RecordRules force = {.force_optional = true};
    CHECK(record_shape(arena, &force, &wide).optional);
    arena_release(arena);
}

TEST(shape_of_values_without_a_schema) {
    arena_init(arena, "test", 0);
    Shape shape;
    Value empty = {.kind = VALUE_LIST}, real = {.kind = VALUE_FLOAT64, .real = 1};
    Value list = OF(VALUE_LIST, real), none = {.kind = VALUE_NULL};
    Value map = OF(VALUE_MAP, text("n"), value_int(1), text("nil"), none, text("l"), list, text("e"), empty, text("b"),
                   value_bool(true), text("s"), text("x"));
    CHECK(record_infer(arena, &SCHEMALESS, NULL, &map, &shape));
    CHECK_INT(shape.kind, SHAPE_STRUCT);
    CHECK_INT(shape.field_count, 4); // nulls and empty lists have no type
    static const ShapeKind KINDS[] = {SHAPE_INT64, SHAPE_LIST, SHAPE_BOOL, SHAPE_STRING};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        CHECK_INT(shape.fields[i].shape.kind, KINDS[i]);
        CHECK(shape.fields[i].shape.optional);
    }
    CHECK_INT(shape.fields[1].shape.element->kind, SHAPE_FLOAT64);
    CHECK(!record_infer(arena, &SCHEMALESS, NULL, &none, &shape));
    Value hollow = OF(VALUE_MAP, text("a"), none);
    CHECK(!record_infer(arena, &SCHEMALESS, NULL, &hollow, &shape));
    arena_release(arena);
}

TEST(shape_of_values_ends_at_a_depth) {
    arena_init(arena, "test", 0);
    Shape shape;
    Value at = value_int(1);
    for (int i = 0; i < 10 * DEPTH_MAX; i++) {
        Value *item = ARENA_NEW(arena, Value);
        *item = at;
        at = many(VALUE_LIST, item, 1);
    }
    CHECK(!record_infer(arena, &SCHEMALESS, NULL, &at, &shape));
    arena_release(arena);
}

TEST(shape_evolves_by_adding_and_widening_only) {
    arena_init(arena, "test", 0);
    static const ShapeField COLUMNS[] = {{.name = NAME("id"), .shape = {.kind = SHAPE_INT32, .id = 1}},
                                         {.name = NAME("v"), .shape = {.kind = SHAPE_STRING, .id = 2}}};
    static const ShapeField FIELDS[] = {{.name = NAME("v"), .shape = {.kind = SHAPE_INT64, .optional = true}},
                                        {.name = NAME("ID"), .shape = {.kind = SHAPE_INT64}},
                                        {.name = NAME("w"), .shape = {.kind = SHAPE_FLOAT64}}};
    static const Shape TABLE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = 2},
                       FROM = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 3};
    RecordRules any = {.ignore_case = true};
    int32_t last = 2;
    bool changed = false;
    Shape to = record_evolve(arena, &any, &TABLE, &FROM, &last, &changed);
    CHECK(changed && to.field_count == 3 && last == 3);
    CHECK(to.fields[0].shape.kind == SHAPE_INT64 && to.fields[0].shape.id == 1 && !to.fields[0].shape.optional);
    CHECK(to.fields[1].shape.kind == SHAPE_STRING && to.fields[1].shape.optional); // it never becomes another
    CHECK(to.fields[2].shape.optional && to.fields[2].shape.id == 3);
    changed = false;
    Shape again = record_evolve(arena, &any, &to, &FROM, &last, &changed);
    CHECK(!changed && last == 3 && shape_equal(&again, &to));
    arena_release(arena);
}
