// SPDX-License-Identifier: Apache-2.0
#include "data/format/flat.c"

#include "core/base/test.h"

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Type INT32_TYPE = {.kind = TYPE_INT32};
static const Type NUMERIC_TYPE = {.kind = TYPE_DECIMAL, .precision = 5, .scale = 2};
static const Field FIELDS[] = {{NAME("a"), {.kind = TYPE_INT16}}, {NAME("b"), {.kind = TYPE_DATE}}};

static Arena arena[1];

static Value string(const char *text) {
    return value_bytes(VALUE_STRING, slice_of(text));
}
static Value decimal(const char *text) {
    Slice bytes;
    ASSERT(decimal_from_text(arena, slice_of(text), &bytes));
    return value_bytes(VALUE_DECIMAL, bytes);
}
static Value integer(ValueKind kind, int64_t v) {
    return (Value){.kind = (uint8_t)kind, .integer = v};
}
static Value items(ValueKind kind, const Value *at, size_t count) {
    return (Value){.kind = (uint8_t)kind, .items = {at, count}};
}

// "int32?", "decimal(5,2)?", "list<int32?>?", "struct{a int32?, b date?}?"
static void shape_text(Buf *buf, const Shape *shape) {
    buf_text(buf, shape_kind_name(shape->kind));
    if (shape->kind == SHAPE_DECIMAL) {
        buf_printf(buf, "(%d,%d)", shape->precision, shape->scale);
    } else if (shape->element != NULL) {
        buf_text(buf, "<");
        shape_text(buf, shape->element);
        buf_text(buf, ">");
    } else if (shape->kind == SHAPE_STRUCT) {
        for (uint32_t i = 0; i < shape->field_count; i++) {
            buf_printf(buf, "%s%.*s ", i == 0 ? "{" : ", ", SLICE_ARG(shape->fields[i].name));
            shape_text(buf, &shape->fields[i].shape);
        }
        buf_text(buf, "}");
    }
    buf_text(buf, shape->optional ? "?" : "");
}

static void check_shape(Type type, bool exact_text, const char *want) {
    Err err[1] = {{0}};
    Shape shape;
    EnvelopeOptions options = {.exact_text = exact_text};
    CHECK_OK(flat_shape(arena, &type, &options, &shape, err));
    Buf buf;
    buf_init(&buf, 0);
    shape_text(&buf, &shape);
    CHECK_TEXT(buf_slice(&buf), want);
    buf_release(&buf);
}

static Type numeric(int32_t precision, int32_t scale) {
    return (Type){.kind = TYPE_DECIMAL, .precision = precision, .scale = scale};
}

#define KIND(kind_) ((Type){.kind = (kind_)})

TEST(flat_each_type_has_its_shape) {
    arena_init(arena, "scratch", 0);
    static const struct {
        TypeKind kind;
        const char *shape, *exact;
    } ROWS[] = {
        {TYPE_BOOL, "bool?", "bool?"},
        {TYPE_INT16, "int32?", "int32?"},
        {TYPE_INT32, "int32?", "int32?"},
        {TYPE_INT64, "int64?", "int64?"},
        {TYPE_UINT32, "int64?", "int64?"},
        {TYPE_UINT64, "decimal(20,0)?", "decimal(20,0)?"},
        {TYPE_FLOAT32, "float32?", "float32?"},
        {TYPE_FLOAT64, "float64?", "float64?"},
        {TYPE_DECIMAL, "string?", "string?"},
        {TYPE_STRING, "string?", "string?"},
        {TYPE_BYTES, "bytes?", "bytes?"},
        {TYPE_DATE, "date?", "string?"},
        {TYPE_TIME, "time?", "string?"},
        {TYPE_TIMETZ, "string?", "string?"},
        {TYPE_TIMESTAMP, "timestamp?", "string?"},
        {TYPE_TIMESTAMPTZ, "timestamptz?", "string?"},
        {TYPE_INTERVAL, "string?", "string?"},
        {TYPE_UUID, "uuid?", "uuid?"},
        {TYPE_JSON, "string?", "string?"},
        {TYPE_ENUM, "string?", "string?"},
        {TYPE_BITS, "string?", "string?"},
        {TYPE_STRUCT, "string?", "string?"}, // without fields
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_shape(KIND(ROWS[i].kind), false, ROWS[i].shape);
        check_shape(KIND(ROWS[i].kind), true, ROWS[i].exact);
    }
    check_shape(numeric(38, 10), false, "decimal(38,10)?");
    check_shape(numeric(39, 10), false, "string?");
    check_shape(numeric(3, 5), false, "decimal(5,5)?");
    check_shape(numeric(3, 39), false, "string?");
    check_shape(numeric(3, -2), false, "decimal(5,0)?");
    check_shape(numeric(30, -9), false, "string?");
    check_shape(numeric(5, 2), true, "string?");
    check_shape((Type){.kind = TYPE_RANGE, .element = &INT32_TYPE}, false, "string?");
    check_shape((Type){.kind = TYPE_MULTIRANGE, .element = &INT32_TYPE}, false, "string?");
    check_shape((Type){.kind = TYPE_LIST, .element = &NUMERIC_TYPE}, false, "list<decimal(5,2)?>?");
    check_shape((Type){.kind = TYPE_LIST, .element = &NUMERIC_TYPE}, true, "string?");
    check_shape((Type){.kind = TYPE_MAP, .element = &STRING_TYPE}, false, "map<string?>?");
    check_shape(KIND(TYPE_MAP), false, "map<string?>?"); // hstore: values are strings
    Type composite = {.kind = TYPE_STRUCT, .fields = FIELDS, .field_count = 2};
    check_shape(composite, false, "struct{a int32?, b date?}?");
    check_shape(composite, true, "struct{a int32?, b string?}?");
    Err err[1] = {{0}};
    Shape shape;
    CHECK_FAILS(flat_shape(arena, &KIND(TYPE_LIST), &(EnvelopeOptions){0}, &shape, err), ERR_TABLE);
    CHECK_FAILS(flat_shape(arena, &KIND(TYPE_KIND_COUNT), &(EnvelopeOptions){0}, &shape, err), ERR_TABLE);
    arena_release(arena);
}

typedef struct Made {
    bool ok;
    Value value;
    uint64_t inexact;
} Made;

static Made make_one(Type type, Value value, EnvelopeOptions options, Err *err) {
    Column column = {.name = NAME("v"), .type = type};
    Schema schema = {1, NAME("public"), NAME("t"), {0}, IDENTITY_NOTHING, &column, 1};
    RecordPlan *plan;
    CHECK_OK(FLAT_ENVELOPE.compile(arena, &schema, &options, &plan, err));
    CHECK(plan->key == NULL);
    Event event = {.op = OP_CREATE, .column_count = 1, .after = &value};
    Record record = {0};
    if (!FLAT_ENVELOPE.make(plan, arena, &event, &record, err)) {
        return (Made){0};
    }
    CHECK(record.key == NULL);
    return (Made){true, record.value[0], plan->inexact};
}

static void check_value(Type type, Value value, Value want) {
    Err err[1] = {{0}};
    Made made = make_one(type, value, (EnvelopeOptions){.fail_on_inexact = true}, err);
    CHECK_OK(made.ok);
    CHECK(value_equal(&made.value, &want));
    CHECK_INT(made.inexact, 0);
}

static void check_inexact(Type type, Value value, uint64_t times, Value want, const char *text) {
    Err err[1] = {{0}};
    Made made = make_one(type, value, (EnvelopeOptions){0}, err);
    CHECK_OK(made.ok);
    CHECK(value_equal(&made.value, &want));
    CHECK_INT(made.inexact, times);
    CHECK_FAILS(make_one(type, value, (EnvelopeOptions){.fail_on_inexact = true}, err).ok, ERR_VALUE);
    made = make_one(type, value, (EnvelopeOptions){.exact_text = true, .fail_on_inexact = true}, err);
    CHECK_OK(made.ok);
    if (text != NULL) {
        CHECK_INT(made.value.kind, VALUE_STRING);
        CHECK_TEXT(made.value.bytes, text);
    }
}

static void check_refused(Type type, Value value) {
    Err err[1] = {{0}};
    CHECK_FAILS(make_one(type, value, (EnvelopeOptions){0}, err).ok, ERR_VALUE);
    CHECK_FAILS(make_one(type, value, (EnvelopeOptions){.exact_text = true}, err).ok, ERR_VALUE);
}

TEST(flat_values_pass_or_become_text) {
    arena_init(arena, "scratch", 0);
    check_value(KIND(TYPE_BOOL), value_bool(true), value_bool(true));
    check_value(KIND(TYPE_BOOL), value_bool(false), value_bool(false));
    check_value(KIND(TYPE_INT16), value_int(-32768), value_int(-32768));
    check_value(KIND(TYPE_INT64), value_int(INT64_MIN), value_int(INT64_MIN));
    check_value(KIND(TYPE_UINT32), value_int(UINT32_MAX), value_int(UINT32_MAX));
    check_value(KIND(TYPE_UINT64), integer(VALUE_UINT64, 12), decimal("12"));
    check_value(KIND(TYPE_UINT64), integer(VALUE_UINT64, -1), decimal("18446744073709551615"));
    check_value(numeric(5, 2), decimal("-999.99"), decimal("-999.99"));
    check_value(numeric(5, 2), decimal("0.00"), decimal("0.00"));
    check_value(numeric(3, 5), decimal("0.00999"), decimal("0.00999"));
    check_value(numeric(3, -2), decimal("99900"), decimal("99900"));
    check_value(numeric(0, 0), decimal("1.500"), string("1.500"));
    check_value(numeric(0, 0), decimal("NaN"), string("NaN"));
    check_value(KIND(TYPE_DATE), integer(VALUE_DATE, CALENDAR_DAY_MIN), integer(VALUE_DATE, CALENDAR_DAY_MIN));
    check_value(KIND(TYPE_TIME), integer(VALUE_TIME, CALENDAR_DAY_US - 1), integer(VALUE_TIME, CALENDAR_DAY_US - 1));
    Value timetz = {.kind = VALUE_TIMETZ, .aux = 7200, .integer = CALENDAR_DAY_US};
    check_value(KIND(TYPE_TIMETZ), timetz, string("24:00:00+02"));
    Value interval = {.kind = VALUE_INTERVAL, .interval = {14, 3, 5000000}};
    check_value(KIND(TYPE_INTERVAL), interval, string("P1Y2M3DT5S"));
    Value bits = {.kind = VALUE_BITS, .aux = 3, .bytes = SLICE("\xa0")};
    check_value(KIND(TYPE_BITS), bits, string("101"));
    check_value(KIND(TYPE_UUID), value_bytes(VALUE_UUID, SLICE("0123456789abcdef")),
                value_bytes(VALUE_UUID, SLICE("0123456789abcdef")));
    Value bounds[] = {value_int(1), value_int(10)};
    Value range = items(VALUE_RANGE, bounds, 2);
    range.aux = RANGE_LOWER_INCLUSIVE;
    check_value((Type){.kind = TYPE_RANGE, .element = &INT32_TYPE}, range, string("[1,10)"));
    check_value((Type){.kind = TYPE_MULTIRANGE, .element = &INT32_TYPE}, items(VALUE_MULTIRANGE, &range, 1),
                string("{[1,10)}"));
    Value three[] = {value_int(1), {.kind = VALUE_NULL}, value_int(3)};
    Type list = {.kind = TYPE_LIST, .element = &INT32_TYPE};
    check_value(list, items(VALUE_LIST, three, 3), items(VALUE_LIST, three, 3));
    check_value(list, items(VALUE_LIST, three, 0), items(VALUE_LIST, three, 0));
    Value pairs[] = {string("k"), string("v"), string("n"), {.kind = VALUE_NULL}};
    check_value((Type){.kind = TYPE_MAP, .element = &STRING_TYPE}, items(VALUE_MAP, pairs, 4),
                items(VALUE_MAP, pairs, 4));
    Type composite = {.kind = TYPE_STRUCT, .fields = FIELDS, .field_count = 2};
    Value short_one[] = {value_int(1), {.kind = VALUE_NULL}};
    check_value(composite, items(VALUE_STRUCT, short_one, 1), items(VALUE_STRUCT, short_one, 2));
    check_value((Type){.kind = TYPE_STRUCT}, items(VALUE_STRUCT, NULL, 0), string("()"));
    // Text longer than the room on the stack.
    char *digits = arena_alloc(arena, 3001);
    memset(digits, '7', 3000);
    check_value(numeric(0, 0), decimal(digits), string(digits));
    arena_release(arena);
}

TEST(flat_what_a_shape_cannot_hold_is_counted_or_an_error_or_text) {
    arena_init(arena, "scratch", 0);
    Value none = {.kind = VALUE_NULL};
    check_inexact(numeric(5, 2), decimal("NaN"), 1, none, "NaN");
    check_inexact(numeric(5, 2), decimal("-Infinity"), 1, none, "-Infinity");
    check_inexact(numeric(5, 2), decimal("1000"), 1, none, "1000");
    check_inexact(numeric(5, 2), decimal("0.001"), 1, none, "0.001");
    check_inexact(KIND(TYPE_DATE), integer(VALUE_DATE, INT32_MAX), 1, none, "infinity");
    check_inexact(KIND(TYPE_TIME), integer(VALUE_TIME, CALENDAR_DAY_US), 1, none, "24:00:00");
    check_inexact(KIND(TYPE_TIMESTAMP), integer(VALUE_TIMESTAMP, INT64_MIN), 1, none, "-infinity");
    check_inexact(KIND(TYPE_TIMESTAMPTZ), integer(VALUE_TIMESTAMPTZ, CALENDAR_TIMESTAMP_END - 1), 1, none,
                  "294276-12-31T23:59:59.999999Z");
    Type list = {.kind = TYPE_LIST, .element = &NUMERIC_TYPE};
    Value numbers[] = {decimal("1.50"), decimal("NaN")}, without[] = {decimal("1.50"), none};
    check_inexact(list, items(VALUE_LIST, numbers, 2), 1, items(VALUE_LIST, without, 2), "[\"1.50\",\"NaN\"]");
    Value rows[] = {items(VALUE_LIST, numbers, 1), items(VALUE_LIST, without, 1)};
    check_inexact(list, items(VALUE_LIST, rows, 2), 1, none, "[[\"1.50\"],[\"1.50\"]]");
    Type composite = {.kind = TYPE_STRUCT, .fields = FIELDS, .field_count = 2};
    Value parts[] = {value_int(1), integer(VALUE_DATE, INT32_MIN)}, left[] = {value_int(1), none};
    check_inexact(composite, items(VALUE_STRUCT, parts, 2), 1, items(VALUE_STRUCT, left, 2), NULL);
    arena_release(arena);
}

TEST(flat_values_that_are_not_of_their_type_are_refused) {
    arena_init(arena, "scratch", 0);
    Value strings[] = {string("x"), string("y")};
    Type list = {.kind = TYPE_LIST, .element = &INT32_TYPE}, map = {.kind = TYPE_MAP, .element = &STRING_TYPE};
    Type range = {.kind = TYPE_RANGE, .element = &INT32_TYPE},
         spans = {.kind = TYPE_MULTIRANGE, .element = &INT32_TYPE};
    Type composite = {.kind = TYPE_STRUCT, .fields = FIELDS, .field_count = 2};
    for (TypeKind kind = 0; kind < TYPE_KIND_COUNT; kind++) {
        Type type = kind == TYPE_LIST         ? list
                    : kind == TYPE_MAP        ? map
                    : kind == TYPE_RANGE      ? range
                    : kind == TYPE_MULTIRANGE ? spans
                    : kind == TYPE_STRUCT     ? composite
                                              : KIND(kind);
        for (int value = VALUE_FALSE; value < VALUE_KIND_COUNT + 1; value++) {
            bool is_bool = kind == TYPE_BOOL && value == VALUE_FALSE;
            if (value != (int)TYPES[kind].value && !is_bool) {
                check_refused(type, (Value){.kind = (uint8_t)value});
            }
        }
    }
    check_refused(KIND(TYPE_INT32), value_int(INT64_C(1) << 31));
    check_refused(numeric(5, 2), value_bytes(VALUE_DECIMAL, SLICE("1")));
    check_refused(numeric(5, 2), value_bytes(VALUE_DECIMAL, SLICE("\0\2\0\0\0\0\0\0\0\1")));
    check_refused(numeric(0, 0), value_bytes(VALUE_DECIMAL, SLICE("\0\2\0\0\0\0\0\0\0\1")));
    check_refused(KIND(TYPE_UUID), value_bytes(VALUE_UUID, SLICE("short")));
    check_refused(list, items(VALUE_LIST, strings, 2));
    check_refused(map, items(VALUE_MAP, strings, 1));
    Value odd[] = {value_int(1), string("y")};
    check_refused(map, items(VALUE_MAP, odd, 2));
    check_refused(range, items(VALUE_RANGE, strings, 2));
    check_refused(range, items(VALUE_RANGE, strings, 1));
    check_refused(spans, items(VALUE_MULTIRANGE, odd, 2));
    Value many[] = {value_int(1), {.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    check_refused(composite, items(VALUE_STRUCT, many, 3));
    arena_release(arena);
}

static const Column COLUMNS[] = {
    {.name = NAME("b"), .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY, .key_ordinal = 2},
    {.name = NAME("a"), .type = {.kind = TYPE_DATE}, .flags = COLUMN_KEY | COLUMN_PRIMARY, .key_ordinal = 1},
    {.name = NAME("__op"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("___op"), .type = {.kind = TYPE_STRING}},
};

static RecordPlan *compile(Identity identity, const Column *columns) {
    Err err[1] = {{0}};
    Schema schema = {1, NAME("public"), NAME("t"), {0}, identity, columns, 4};
    EnvelopeOptions options = {.connector = SLICE("shop")};
    RecordPlan *plan;
    CHECK_OK(FLAT_ENVELOPE.compile(arena, &schema, &options, &plan, err));
    return plan;
}

static void check_fields(const Shape *shape, const char *want) {
    Buf buf;
    buf_init(&buf, 0);
    shape_text(&buf, shape);
    CHECK_TEXT(buf_slice(&buf), want);
    buf_release(&buf);
}

TEST(flat_records_have_the_row_its_key_and_what_happened) {
    arena_init(arena, "scratch", 0);
    Err err[1] = {{0}};
    RecordPlan *plan = compile(IDENTITY_KEY, COLUMNS);
    check_fields(plan->value,
                 "struct{b int64?, a date?, ____op string?, ___op string?, __op string, __commit_lsn int64, __ordinal "
                 "int64, __source_ts_ms int64, __deleted bool, __unchanged list<string>?, __key_before struct{a date?, "
                 "b int64?}?}");
    check_fields(plan->key, "struct{a date, b int64}");
    CHECK_TEXT(plan->value->name, "shop.public.t.Value");
    CHECK_TEXT(plan->key->name, "shop.public.t.Key");
    Value row[] = {value_int(1), integer(VALUE_DATE, 5), {.kind = VALUE_UNCHANGED}, {.kind = VALUE_UNCHANGED}};
    Value old[] = {value_int(9), integer(VALUE_DATE, INT32_MAX), {.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    Event event = {.op = OP_CREATE,
                   .flags = EVENT_KEY_CHANGE,
                   .column_count = 4,
                   .commit_lsn = 7,
                   .ordinal = 2,
                   .source_us = -1,
                   .before = old,
                   .after = row};
    Record record = {0};
    CHECK_OK(FLAT_ENVELOPE.make(plan, arena, &event, &record, err));
    CHECK_INT(record.key[0].integer, 5);
    CHECK_INT(record.key[1].integer, 1);
    CHECK_INT(record.value[2].kind, VALUE_NULL);
    CHECK_TEXT(record.value[4].bytes, "c");
    CHECK_INT(record.value[5].integer, 7);
    CHECK_INT(record.value[6].integer, 2);
    CHECK_INT(record.value[7].integer, -1);
    CHECK_INT(record.value[8].kind, VALUE_FALSE);
    CHECK_INT(record.value[9].items.count, 2);
    CHECK_TEXT(record.value[9].items.at[0].bytes, "____op");
    CHECK_TEXT(record.value[9].items.at[1].bytes, "___op");
    CHECK_INT(record.value[10].items.count, 2);
    CHECK_INT(record.value[10].items.at[0].kind, VALUE_NULL); // infinite
    CHECK_INT(record.value[10].items.at[1].integer, 9);
    CHECK_INT(plan->inexact, 1);
    event = (Event){.op = OP_DELETE, .column_count = 4, .before = old};
    CHECK_OK(FLAT_ENVELOPE.make(plan, arena, &event, &record, err));
    CHECK(record.key == NULL); // its date is infinite
    CHECK_INT(record.value[0].integer, 9);
    CHECK_INT(record.value[8].kind, VALUE_TRUE);
    CHECK_INT(record.value[9].kind, VALUE_NULL);
    CHECK_INT(record.value[10].kind, VALUE_NULL);
    event = (Event){.op = OP_TRUNCATE};
    CHECK_OK(FLAT_ENVELOPE.make(plan, arena, &event, &record, err));
    CHECK(record.key == NULL);
    CHECK_INT(record.value[0].kind, VALUE_NULL);
    CHECK_TEXT(record.value[4].bytes, "t");
    event = (Event){.op = OP_CREATE, .column_count = 3, .after = row};
    CHECK_FAILS(FLAT_ENVELOPE.make(plan, arena, &event, &record, err), ERR_VALUE);
    event = (Event){.op = (EventOp)'x', .column_count = 4, .after = row};
    CHECK_FAILS(FLAT_ENVELOPE.make(plan, arena, &event, &record, err), ERR_VALUE);
    arena_release(arena);
}

TEST(flat_errors_name_the_place_and_not_the_value) {
    arena_init(arena, "scratch", 0);
    Err err[1] = {{0}};
    RecordPlan *plan = compile(IDENTITY_KEY, COLUMNS);
    Value row[] = {value_int(1), string("secret"), {.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    Event event = {.op = OP_CREATE, .column_count = 4, .commit_lsn = 0x16B374D848, .ordinal = 2, .after = row};
    Record record = {0};
    CHECK(!FLAT_ENVELOPE.make(plan, arena, &event, &record, err));
    CHECK_TEXT(
        slice_of(err->message),
        "table public.t, column a, commit LSN 16/B374D848, change 2: its type is date, its value is of kind string");
    arena_release(arena);
}

TEST(flat_keys_are_what_finds_a_row_again) {
    arena_init(arena, "scratch", 0);
    Column columns[ARRAY_LEN(COLUMNS)];
    memcpy(columns, COLUMNS, sizeof(COLUMNS));
    check_fields(compile(IDENTITY_FULL, columns)->key, "struct{a date, b int64}");
    columns[0].flags = COLUMN_PRIMARY; // REPLICA IDENTITY USING INDEX: not the primary key's columns
    columns[1].flags = 0;
    columns[3].flags = COLUMN_KEY;
    check_fields(compile(IDENTITY_INDEX, columns)->key, "struct{___op string}");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        columns[i].flags = COLUMN_KEY;
    }
    RecordPlan *plan = compile(IDENTITY_FULL, columns); // no primary key: the whole row is no key
    CHECK(plan->key == NULL);
    CHECK(shape_find(plan->value, SLICE("__key_before")) < 0);
    arena_release(arena);
}
