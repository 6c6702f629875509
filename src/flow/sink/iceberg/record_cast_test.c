// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_cast.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Shape LONG = {.kind = SHAPE_INT64, .optional = true}, NEEDED = {.kind = SHAPE_INT64};
static const ShapeField INNER[] = {{.name = NAME("x"), .shape = {.kind = SHAPE_INT32, .optional = true}},
                                   {.name = NAME("y"), .shape = {.kind = SHAPE_STRING, .optional = true}}};
static const ShapeField COLUMNS[] = {
    {.name = NAME("id"), .shape = {.kind = SHAPE_INT64}},
    {.name = NAME("tags"), .shape = {.kind = SHAPE_LIST, .optional = true, .element = &LONG}},
    {.name = NAME("at"), .shape = {.kind = SHAPE_STRUCT, .optional = true, .fields = INNER, .field_count = 2}},
    {.name = NAME("all"), .shape = {.kind = SHAPE_MAP, .optional = true, .element = &NEEDED}},
};
static const Shape TABLE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = ARRAY_LEN(COLUMNS)};

static Value text(const char *is) {
    return value_bytes(VALUE_STRING, slice_of(is));
}

static Value many(uint8_t kind, const Value *items, size_t count) {
    return (Value){.kind = kind, .items = {items, count}};
}

#define LIST(...) many(VALUE_LIST, (const Value[]){__VA_ARGS__}, sizeof((const Value[]){__VA_ARGS__}) / sizeof(Value))
#define MAP(...)  many(VALUE_MAP, (const Value[]){__VA_ARGS__}, sizeof((const Value[]){__VA_ARGS__}) / sizeof(Value))
#define STRUCT(...) \
    many(VALUE_STRUCT, (const Value[]){__VA_ARGS__}, sizeof((const Value[]){__VA_ARGS__}) / sizeof(Value))
#define NOTHING ((Value){.kind = VALUE_NULL})

static bool take(const RecordRules *rules, const Shape *from, Value value, bool partial, Value *row, bool *lacking) {
    const RecordCast *cast = record_cast_new(arena, rules, from, &TABLE);
    err_clear(err);
    return record_cast_row(cast, arena, &value, partial, row, lacking, err);
}

TEST(cast_members_without_a_schema) {
    RecordRules rules = {.schemaless = true};
    Value row[4];
    bool lacking = false;
    arena_init(arena, "test", 0);
    Value inner = MAP(text("y"), text("why"), text("x"), value_int(5));
    Value list = LIST(value_int(1), text("2"), NOTHING);
    Value value = MAP(text("tags"), list, text("id"), value_int(7), text("at"), inner);
    CHECK_OK(take(&rules, NULL, value, false, row, &lacking));
    CHECK(!lacking && row[0].integer == 7 && row[3].kind == VALUE_NULL);
    CHECK(row[1].items.count == 3 && row[1].items.at[1].integer == 2 && row[1].items.at[2].kind == VALUE_NULL);
    CHECK(row[2].kind == VALUE_STRUCT && row[2].items.at[0].integer == 5 && slice_is(row[2].items.at[1].bytes, "why"));
    CHECK_OK(take(&rules, NULL, MAP(text("id"), value_int(1), text("new"), value_int(2)), false, row, &lacking));
    CHECK(lacking);
    CHECK_OK(take(&rules, NULL, MAP(text("id"), value_int(1), text("new"), NOTHING), false, row, &lacking));
    CHECK(!lacking); // what has no value needs no column
    CHECK_OK(
        take(&rules, NULL, MAP(text("id"), value_int(1), text("at"), MAP(text("z"), text("z"))), false, row, &lacking));
    CHECK(lacking);
    arena_release(arena);
}

TEST(cast_says_which_field) {
    RecordRules rules = {.schemaless = true};
    Value row[4];
    bool lacking;
    arena_init(arena, "test", 0);
    CHECK(!take(&rules, NULL, MAP(text("tags"), LIST(value_int(1))), false, row, &lacking) && err->code == ERR_VALUE);
    CHECK(strstr(err->message, "column id is required") != NULL && err->hint[0] != '\0');
    CHECK_OK(take(&rules, NULL, MAP(text("tags"), LIST(value_int(1))), true, row, &lacking)); // of a row that goes
    Value wrong = MAP(text("id"), value_int(1), text("at"), MAP(text("x"), value_int(INT64_C(1) << 40)));
    CHECK(!take(&rules, NULL, wrong, false, row, &lacking) && err->code == ERR_VALUE);
    CHECK(strstr(err->message, "field at: field x") != NULL);
    Value no_list = MAP(text("id"), value_int(1), text("tags"), value_int(3));
    CHECK(!take(&rules, NULL, no_list, false, row, &lacking) && err->code == ERR_VALUE);
    CHECK(strstr(err->message, "field tags: its value is a integer, and its column a list") != NULL);
    Value holes = MAP(text("id"), value_int(1), text("all"), MAP(text("a"), NOTHING));
    CHECK(!take(&rules, NULL, holes, false, row, &lacking) && err->code == ERR_VALUE);
    CHECK(strstr(err->message, "items are required") != NULL);
    CHECK(!take(&rules, NULL, value_int(1), false, row, &lacking) && err->code == ERR_VALUE); // no row at all
    arena_release(arena);
}

TEST(cast_fields_by_name_and_case) {
    static const ShapeField FROM[] = {{.name = NAME("AT"), .shape = {.kind = SHAPE_STRING, .optional = true}},
                                      {.name = NAME("Id"), .shape = {.kind = SHAPE_INT32}},
                                      {.name = NAME("more"), .shape = {.kind = SHAPE_INT32, .optional = true}}};
    static const Shape RECORD = {.kind = SHAPE_STRUCT, .fields = FROM, .field_count = 3};
    RecordRules exact = {0}, any = {.ignore_case = true};
    Value row[4];
    bool lacking = false;
    arena_init(arena, "test", 0);
    Value value = STRUCT(NOTHING, value_int(3), value_int(4));
    CHECK(!take(&exact, &RECORD, value, false, row, &lacking) && err->code == ERR_VALUE); // there is no "id"
    CHECK_OK(take(&any, &RECORD, value, false, row, &lacking));
    CHECK(row[0].integer == 3 && row[2].kind == VALUE_NULL && lacking);
    CHECK_OK(take(&any, &RECORD, STRUCT(NOTHING, value_int(3), NOTHING), false, row, &lacking));
    CHECK(!lacking);
    CHECK(!take(&any, &RECORD, STRUCT(text("x"), value_int(3), NOTHING), false, row, &lacking) &&
          err->code == ERR_VALUE);
    CHECK(strstr(err->message, "its value is a string, and its column a struct") != NULL);
    arena_release(arena);
}
