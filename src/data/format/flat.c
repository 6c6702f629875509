// SPDX-License-Identifier: Apache-2.0
// A schema is compiled into one step a column. Most values only pass by: their kind is looked at, for what the journal
// holds is not trusted to match its type, and the 24 bytes are copied.
#include "data/format/flat.h"
#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "data/format/json_lines.h"
#include "data/format/text.h"

typedef enum StepKind {
    STEP_COPY, // a value of the right kind passes as it is
    STEP_BOOL,
    STEP_INT32,
    STEP_UINT64, // becomes a decimal
    STEP_DECIMAL,
    STEP_DATE,
    STEP_TIME,
    STEP_TIMESTAMP,
    STEP_UUID,
    STEP_TEXT, // becomes a string in leat's text form
    STEP_JSON, // becomes a string with a JSON value
    STEP_LIST,
    STEP_STRUCT,
    STEP_MAP,
} StepKind;

typedef struct TypeRow {
    ShapeKind shape;
    StepKind step;
    ValueKind value;   // that comes in; STEP_BOOL has two
    bool exact;        // its shape holds every value of the type
    int32_t precision; // of a DECIMAL, where the type has none of its own
} TypeRow;

// What becomes of each type. numeric: decimal_row() decides between DECIMAL and STRING.
static const TypeRow TYPES[TYPE_KIND_COUNT] = {
    [TYPE_BOOL] = {SHAPE_BOOL, STEP_BOOL, VALUE_TRUE, true, 0},
    [TYPE_INT16] = {SHAPE_INT32, STEP_INT32, VALUE_INT, true, 0},
    [TYPE_INT32] = {SHAPE_INT32, STEP_INT32, VALUE_INT, true, 0},
    [TYPE_INT64] = {SHAPE_INT64, STEP_COPY, VALUE_INT, true, 0},
    [TYPE_UINT32] = {SHAPE_INT64, STEP_COPY, VALUE_INT, true, 0},
    [TYPE_UINT64] = {SHAPE_DECIMAL, STEP_UINT64, VALUE_UINT64, true, 20},
    [TYPE_FLOAT32] = {SHAPE_FLOAT32, STEP_COPY, VALUE_FLOAT32, true, 0},
    [TYPE_FLOAT64] = {SHAPE_FLOAT64, STEP_COPY, VALUE_FLOAT64, true, 0},
    [TYPE_DECIMAL] = {SHAPE_DECIMAL, STEP_DECIMAL, VALUE_DECIMAL, false, 0},
    [TYPE_STRING] = {SHAPE_STRING, STEP_COPY, VALUE_STRING, true, 0},
    [TYPE_BYTES] = {SHAPE_BYTES, STEP_COPY, VALUE_BYTES, true, 0},
    [TYPE_DATE] = {SHAPE_DATE, STEP_DATE, VALUE_DATE, false, 0},
    [TYPE_TIME] = {SHAPE_TIME, STEP_TIME, VALUE_TIME, false, 0},
    [TYPE_TIMETZ] = {SHAPE_STRING, STEP_TEXT, VALUE_TIMETZ, true, 0},
    [TYPE_TIMESTAMP] = {SHAPE_TIMESTAMP, STEP_TIMESTAMP, VALUE_TIMESTAMP, false, 0},
    [TYPE_TIMESTAMPTZ] = {SHAPE_TIMESTAMPTZ, STEP_TIMESTAMP, VALUE_TIMESTAMPTZ, false, 0},
    [TYPE_INTERVAL] = {SHAPE_STRING, STEP_TEXT, VALUE_INTERVAL, true, 0},
    [TYPE_UUID] = {SHAPE_UUID, STEP_UUID, VALUE_UUID, true, 0},
    [TYPE_JSON] = {SHAPE_STRING, STEP_COPY, VALUE_STRING, true, 0},
    [TYPE_ENUM] = {SHAPE_STRING, STEP_COPY, VALUE_STRING, true, 0},
    [TYPE_BITS] = {SHAPE_STRING, STEP_TEXT, VALUE_BITS, true, 0},
    [TYPE_LIST] = {SHAPE_LIST, STEP_LIST, VALUE_LIST, false, 0},
    [TYPE_STRUCT] = {SHAPE_STRUCT, STEP_STRUCT, VALUE_STRUCT, true, 0},
    [TYPE_MAP] = {SHAPE_MAP, STEP_MAP, VALUE_MAP, true, 0},
    [TYPE_RANGE] = {SHAPE_STRING, STEP_TEXT, VALUE_RANGE, true, 0},
    [TYPE_MULTIRANGE] = {SHAPE_STRING, STEP_TEXT, VALUE_MULTIRANGE, true, 0},
};

enum { DECIMAL_PRECISION_MAX = 38 };

typedef struct Step Step;
struct Step {
    uint8_t kind;  // a StepKind
    uint8_t value; // the ValueKind that is expected
    int16_t whole; // DECIMAL: digits before the point
    int32_t scale; // DECIMAL
    const Type *type;
    const Step *inner; // LIST, MAP: of the elements; STRUCT: of the fields
    uint32_t inner_count;
};

enum { OWN_OP, OWN_COMMIT_LSN, OWN_ORDINAL, OWN_SOURCE_TS_MS, OWN_DELETED, OWN_UNCHANGED, OWN_KEY_BEFORE, OWN_COUNT };

typedef struct FlatPlan {
    RecordPlan base;
    bool fail_on_inexact;
    uint32_t column_count;
    uint32_t key_count;
    const Step *steps; // of the columns
    const uint32_t *key_columns;
    const Value *names; // of the columns, as strings
    Slice space;
    Slice table;
    Value *row; // the columns, then leat's own
    Value *key;
    Value *key_before;
    Value *unchanged; // room for every name
} FlatPlan;

// --- shapes and steps ------------------------------------------------------------------------------------------

// numeric(p,s): DECIMAL while 38 digits hold all its values. s > p is below 1: s digits after the point; s < 0 is a
// whole number of p - s digits.
static bool decimal_shape(const Type *type, Shape *shape) {
    int64_t precision = type->precision, scale = type->scale;
    if (precision <= 0) {
        return false;
    }
    precision = scale < 0 ? precision - scale : MAX(precision, scale);
    if (precision > DECIMAL_PRECISION_MAX) {
        return false;
    }
    shape->precision = (int32_t)precision;
    shape->scale = (int32_t)MAX(scale, 0);
    return true;
}

static const Type STRING_TYPE = {.kind = TYPE_STRING};

static const Type *element_of(const Type *type) {
    return type->element == NULL && type->kind == TYPE_MAP ? &STRING_TYPE : type->element;
}

static bool type_valid(const Type *type) {
    bool nested =
        type->kind == TYPE_LIST || type->kind == TYPE_MAP || type->kind == TYPE_RANGE || type->kind == TYPE_MULTIRANGE;
    const Type *element = element_of(type);
    return type->kind < TYPE_KIND_COUNT && (!nested || (element != NULL && type_valid(element)));
}

static bool shape_make(Arena *arena, const Type *type, bool exact_text, Shape *shape, Step *step, Err *err);

static bool struct_make(Arena *arena, const Type *type, bool exact_text, Shape *shape, Step *step, Err *err) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, type->field_count);
    Step *inner = ARENA_ARRAY(arena, Step, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        fields[i].name = type->fields[i].name;
        fields[i].default_json = SLICE("null");
        if (!shape_make(arena, &type->fields[i].type, exact_text, &fields[i].shape, &inner[i], err)) {
            return err_prefix(err, "field %.*s", SLICE_ARG(type->fields[i].name));
        }
    }
    shape->fields = fields;
    shape->field_count = step->inner_count = type->field_count;
    step->inner = inner;
    return true;
}

// `type` outlives the plan.
static bool shape_make(Arena *arena, const Type *type, bool exact_text, Shape *shape, Step *step, Err *err) {
    if (!type_valid(type)) {
        return FAIL(err, ERR_TABLE, "its type is malformed");
    }
    const TypeRow *row = &TYPES[type->kind];
    *shape = (Shape){.kind = row->shape, .optional = true, .precision = row->precision};
    *step = (Step){.kind = (uint8_t)row->step, .value = (uint8_t)row->value, .type = type};
    // A composite without fields: no file format has such a thing.
    bool textual = (type->kind == TYPE_DECIMAL && !decimal_shape(type, shape)) ||
                   (type->kind == TYPE_STRUCT && type->field_count == 0) || (exact_text && !row->exact);
    if (textual) {
        *shape = (Shape){.kind = SHAPE_STRING, .optional = true};
        step->kind = type->kind == TYPE_LIST ? STEP_JSON : STEP_TEXT;
        return true;
    }
    step->whole = (int16_t)(shape->precision - shape->scale);
    step->scale = shape->scale;
    if (type->kind == TYPE_STRUCT) {
        return struct_make(arena, type, exact_text, shape, step, err);
    }
    if (type->kind == TYPE_LIST || type->kind == TYPE_MAP) {
        Shape *element = ARENA_NEW(arena, Shape);
        Step *inner = ARENA_NEW(arena, Step);
        shape->element = element;
        step->inner = inner;
        step->inner_count = 1;
        return shape_make(arena, element_of(type), exact_text, element, inner, err);
    }
    return true;
}

bool flat_shape(Arena *arena, const Type *type, const EnvelopeOptions *options, Shape *shape, Err *err) {
    Type *copy = ARENA_NEW(arena, Type);
    *copy = type_copy(arena, type);
    return shape_make(arena, copy, options->exact_text, shape, ARENA_NEW(arena, Step), err);
}

// --- values ----------------------------------------------------------------------------------------------------

static bool mismatch(const Step *step, const Value *value, Err *err) {
    static const char *const NAMES[] = {"null",    "unchanged", "false",     "true",        "integer",  "uint64",
                                        "float32", "float64",   "decimal",   "string",      "bytes",    "date",
                                        "time",    "timetz",    "timestamp", "timestamptz", "interval", "uuid",
                                        "bits",    "list",      "struct",    "map",         "range",    "multirange"};
    static_assert(ARRAY_LEN(NAMES) == VALUE_KIND_COUNT, "a name for each kind of value");
    const char *what = value->kind < ARRAY_LEN(NAMES) ? NAMES[value->kind] : "unknown";
    return FAIL(err, ERR_VALUE, "its type is %s, its value is of kind %s", type_kind_name(step->type->kind), what);
}

static bool inexact(FlatPlan *plan, const Step *step, Value *to, const char *what, Err *err) {
    if (plan->fail_on_inexact) {
        (void)FAIL(err, ERR_VALUE, "%s cannot be held by the form that %s takes in files", what,
                   type_kind_name(step->type->kind));
        return err_hint(
            err,
            "let such values become NULL, or such columns text: inexact.values (docs/sources/postgresql-types.md)");
    }
    plan->base.inexact++;
    *to = (Value){.kind = VALUE_NULL};
    return true;
}

// Text goes to the stack first: what is short, nearly all, then is one copy into the arena.
static Value text_make(Arena *scratch, const Step *step, const Value *from) {
    uint8_t room[512];
    Buf buf = {.data = room, .capacity = sizeof(room), .limit = sizeof(room)};
    static const JsonOptions JSON = {JSON_DECIMALS_STRING, JSON_DOCUMENTS_STRING};
    for (int attempt = 0; attempt < 2; attempt++) {
        if (step->kind == STEP_JSON) {
            json_lines_value(&buf, &JSON, step->type, from);
        } else {
            value_text(&buf, step->type, from);
        }
        if (!buf.overflow) {
            break;
        }
        buf_init(&buf, 0);
    }
    Value to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&buf)));
    if (buf.data != room) {
        buf_release(&buf);
    }
    return to;
}

static bool items_fit(const Type *type, const Value *value) {
    for (size_t i = 0; i < value->items.count; i++) {
        const Value *item = &value->items.at[i];
        bool deeper = type->kind == TYPE_LIST && item->kind == VALUE_LIST && type->element->kind != TYPE_LIST;
        const Type *of = deeper ? type : element_of(type);
        if (type->kind == TYPE_STRUCT) {
            of = &type->fields[i].type;
        } else if (type->kind == TYPE_MAP && i % 2 == 0) {
            if (item->kind != VALUE_STRING) {
                return false;
            }
            continue;
        }
        if (!value_is_absent(item) && (of == NULL || !flat_value_valid(of, item))) {
            return false;
        }
    }
    return true;
}

static bool range_fits(const Type *type, const Value *value) {
    return value->kind == VALUE_RANGE && ((value->aux & RANGE_EMPTY) != 0 || value->items.count == 2) &&
           items_fit(type, value);
}

static bool decimal_bytes_valid(Slice bytes) {
    return bytes.size >= DECIMAL_HEAD_BYTES && bytes.size == DECIMAL_HEAD_BYTES + (size_t)load_u16be(bytes.data) * 2;
}

bool flat_value_valid(const Type *type, const Value *value) {
    if (type->kind == TYPE_BOOL) {
        return value->kind == VALUE_FALSE || value->kind == VALUE_TRUE;
    }
    if (value->kind != TYPES[type->kind].value) {
        return false;
    }
    switch ((ValueKind)value->kind) {
    case VALUE_DECIMAL:
        return decimal_bytes_valid(value->bytes);
    case VALUE_UUID:
        return value->bytes.size == 16;
    case VALUE_DATE:
        return value->integer >= INT32_MIN && value->integer <= INT32_MAX;
    case VALUE_LIST:
        return type->element != NULL && items_fit(type, value);
    case VALUE_MAP:
        return value->items.count % 2 == 0 && items_fit(type, value);
    case VALUE_STRUCT:
        return value->items.count <= type->field_count && items_fit(type, value);
    case VALUE_RANGE:
        return range_fits(type, value);
    case VALUE_MULTIRANGE:
        for (size_t i = 0; i < value->items.count; i++) {
            if (!range_fits(type, &value->items.at[i])) {
                return false;
            }
        }
        return true;
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_FALSE:
    case VALUE_TRUE:
    case VALUE_INT:
    case VALUE_UINT64:
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_TIME:
    case VALUE_TIMETZ:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
    case VALUE_INTERVAL:
    case VALUE_BITS:
    case VALUE_KIND_COUNT:
        return true;
    }
    UNREACHABLE();
}

// Its head tells without a look at the digits: as many before the point as there may be, and no more shown behind it.
static bool decimal_run(FlatPlan *plan, const Step *step, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(!decimal_bytes_valid(from->bytes))) {
        return FAIL(err, ERR_VALUE, "a decimal's bytes are malformed");
    }
    const uint8_t *head = from->bytes.data;
    uint16_t sign = load_u16be(head + 4);
    if (UNLIKELY(sign > DECIMAL_NEGATIVE)) {
        return inexact(plan, step, to, sign == DECIMAL_NAN ? "NaN" : "an infinite number", err);
    }
    if (from->bytes.size > DECIMAL_HEAD_BYTES) {
        int32_t first = load_u16be(head + DECIMAL_HEAD_BYTES);
        int32_t whole = (int16_t)load_u16be(head + 2) * 4 + (first >= 1000  ? 4
                                                             : first >= 100 ? 3
                                                             : first >= 10  ? 2
                                                                            : 1);
        if (UNLIKELY(whole > step->whole)) {
            return inexact(plan, step, to, "a number with more digits than its type allows", err);
        }
    }
    if (UNLIKELY(load_u16be(head + 6) > step->scale)) {
        return inexact(plan, step, to, "a number with more digits after the point than its type allows", err);
    }
    *to = *from;
    return true;
}

static Value uint64_make(Arena *scratch, uint64_t v) {
    if (v <= INT64_MAX) {
        return value_bytes(VALUE_DECIMAL, decimal_from_int64(scratch, (int64_t)v, 0));
    }
    uint8_t room[20];
    Buf text = {.data = room, .capacity = sizeof(room), .limit = sizeof(room)};
    buf_uint(&text, v);
    Slice decimal = {0};
    bool made = decimal_from_text(scratch, buf_slice(&text), &decimal);
    ASSERT(made);
    return value_bytes(VALUE_DECIMAL, decimal);
}

static bool date_run(FlatPlan *plan, const Step *step, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(from->integer < CALENDAR_DAY_MIN || from->integer >= CALENDAR_DAY_END)) {
        return from->integer == INT32_MIN || from->integer == INT32_MAX
                   ? inexact(plan, step, to, "an infinite date", err)
                   : FAIL(err, ERR_VALUE, "a date is out of range");
    }
    *to = *from;
    return true;
}

static bool time_run(FlatPlan *plan, const Step *step, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(from->integer < 0 || from->integer >= CALENDAR_DAY_US)) {
        return from->integer == CALENDAR_DAY_US ? inexact(plan, step, to, "24:00", err)
                                                : FAIL(err, ERR_VALUE, "a time is out of range");
    }
    *to = *from;
    return true;
}

static bool timestamp_run(FlatPlan *plan, const Step *step, const Value *from, Value *to, Err *err) {
    // What counts from 1970 has thirty years less before it leaves 64 bits: those after 294246 are lost.
    static const int64_t END = INT64_MAX - INT64_C(946684800000000);
    if (UNLIKELY(from->integer < CALENDAR_TIMESTAMP_MIN || from->integer > END)) {
        if (from->integer == INT64_MIN || from->integer == INT64_MAX) {
            return inexact(plan, step, to, "an infinite timestamp", err);
        }
        return from->integer > END && from->integer < CALENDAR_TIMESTAMP_END
                   ? inexact(plan, step, to, "a timestamp after the year 294246", err)
                   : FAIL(err, ERR_VALUE, "a timestamp is out of range");
    }
    *to = *from;
    return true;
}

static bool step_run(FlatPlan *plan, Arena *scratch, const Step *step, const Value *from, Value *to, Err *err);

static bool items_run(FlatPlan *plan, Arena *scratch, const Step *step, const Value *from, Value *to, Err *err) {
    size_t count = from->items.count;
    for (size_t i = 0; step->kind == STEP_LIST && i < count; i++) {
        if (from->items.at[i].kind == VALUE_LIST && step->type->element->kind != TYPE_LIST) {
            return inexact(plan, step, to, "an array of more than one dimension", err);
        }
    }
    bool is_struct = step->kind == STEP_STRUCT, is_map = step->kind == STEP_MAP;
    if (UNLIKELY((is_struct && count > step->inner_count) || (is_map && count % 2 != 0))) {
        return FAIL(err, ERR_VALUE, "%s has %zu items", is_struct ? "a composite" : "a map", count);
    }
    // A composite may be shorter than its type, by attributes added since.
    Value *items = ARENA_ARRAY(scratch, Value, is_struct ? step->inner_count : count);
    for (size_t i = 0; i < count; i++) {
        if (is_map && i % 2 == 0) {
            if (UNLIKELY(from->items.at[i].kind != VALUE_STRING)) {
                return mismatch(step, &from->items.at[i], err);
            }
            items[i] = from->items.at[i];
            continue;
        }
        const Step *inner = &step->inner[is_struct ? i : 0];
        TRY(step_run(plan, scratch, inner, &from->items.at[i], &items[i], err));
    }
    *to = (Value){.kind = from->kind, .items = {items, is_struct ? step->inner_count : count}};
    return true;
}

static bool step_run(FlatPlan *plan, Arena *scratch, const Step *step, const Value *from, Value *to, Err *err) {
    if (value_is_absent(from)) {
        *to = (Value){.kind = VALUE_NULL};
        return true;
    }
    if (UNLIKELY(from->kind != step->value && (step->kind != STEP_BOOL || from->kind != VALUE_FALSE))) {
        return mismatch(step, from, err);
    }
    switch ((StepKind)step->kind) {
    case STEP_COPY:
    case STEP_BOOL:
        *to = *from;
        return true;
    case STEP_INT32:
        if (UNLIKELY(from->integer != (int32_t)from->integer)) {
            return FAIL(err, ERR_VALUE, "a number does not fit %s", type_kind_name(step->type->kind));
        }
        *to = *from;
        return true;
    case STEP_UINT64:
        *to = uint64_make(scratch, (uint64_t)from->integer);
        return true;
    case STEP_DECIMAL:
        return decimal_run(plan, step, from, to, err);
    case STEP_DATE:
        return date_run(plan, step, from, to, err);
    case STEP_TIME:
        return time_run(plan, step, from, to, err);
    case STEP_TIMESTAMP:
        return timestamp_run(plan, step, from, to, err);
    case STEP_UUID:
        if (UNLIKELY(from->bytes.size != 16)) {
            return FAIL(err, ERR_VALUE, "a uuid has %zu bytes", from->bytes.size);
        }
        *to = *from;
        return true;
    case STEP_TEXT:
    case STEP_JSON:
        if (UNLIKELY(!flat_value_valid(step->type, from))) {
            return mismatch(step, from, err);
        }
        *to = text_make(scratch, step, from);
        return true;
    case STEP_LIST:
    case STEP_STRUCT:
    case STEP_MAP:
        return items_run(plan, scratch, step, from, to, err);
    }
    UNREACHABLE();
}

// --- records ---------------------------------------------------------------------------------------------------

static bool row_failed(const FlatPlan *plan, uint32_t column, const Event *event, Err *err) {
    err_prefix(err, "table %.*s.%.*s, column %.*s, commit LSN %X/%X, change %" PRIu64, SLICE_ARG(plan->space),
               SLICE_ARG(plan->table), SLICE_ARG(plan->names[column].bytes), (uint32_t)(event->commit_lsn >> 32),
               (uint32_t)event->commit_lsn, event->ordinal);
    return false;
}

// A value of the right kind, which step_run would only copy.
static inline bool passes(const Step *step, const Value *value) {
    return step->kind == STEP_COPY || (step->kind == STEP_INT32 && value->integer == (int32_t)value->integer);
}

static bool columns_run(FlatPlan *plan, Arena *scratch, const Event *event, const Value *row, Err *err) {
    size_t unchanged = 0;
    for (uint32_t i = 0; i < plan->column_count; i++) {
        const Step *step = &plan->steps[i];
        if (LIKELY(row[i].kind == step->value && passes(step, &row[i]))) {
            plan->row[i] = row[i];
            continue;
        }
        if (UNLIKELY(row[i].kind == VALUE_UNCHANGED)) {
            plan->unchanged[unchanged++] = plan->names[i];
        }
        if (UNLIKELY(!step_run(plan, scratch, step, &row[i], &plan->row[i], err))) {
            return row_failed(plan, i, event, err);
        }
    }
    if (UNLIKELY(unchanged > 0)) {
        plan->row[plan->column_count + OWN_UNCHANGED] =
            (Value){.kind = VALUE_LIST, .items = {plan->unchanged, unchanged}};
    }
    return true;
}

static bool key_before_run(FlatPlan *plan, Arena *scratch, const Event *event, Err *err) {
    for (uint32_t i = 0; i < plan->key_count; i++) {
        uint32_t column = plan->key_columns[i];
        if (!step_run(plan, scratch, &plan->steps[column], &event->before[column], &plan->key_before[i], err)) {
            return row_failed(plan, column, event, err);
        }
    }
    plan->row[plan->column_count + OWN_KEY_BEFORE] =
        (Value){.kind = VALUE_STRUCT, .items = {plan->key_before, plan->key_count}};
    return true;
}

static bool own_run(FlatPlan *plan, Arena *scratch, const Event *event, Err *err) {
    Value *own = plan->row + plan->column_count;
    own[OWN_OP] = record_op(event->op);
    if (UNLIKELY(own[OWN_OP].kind == VALUE_NULL)) {
        return FAIL(err, ERR_VALUE, "table %.*s.%.*s: an event has the unknown operation %d", SLICE_ARG(plan->space),
                    SLICE_ARG(plan->table), (int)event->op);
    }
    own[OWN_COMMIT_LSN].integer = (int64_t)event->commit_lsn;
    own[OWN_ORDINAL].integer = (int64_t)event->ordinal;
    own[OWN_SOURCE_TS_MS].integer = calendar_ms(event->source_us);
    own[OWN_DELETED].kind = event->op == OP_DELETE ? VALUE_TRUE : VALUE_FALSE;
    own[OWN_UNCHANGED].kind = VALUE_NULL;
    if (plan->key_count == 0) {
        return true;
    }
    own[OWN_KEY_BEFORE].kind = VALUE_NULL;
    if (UNLIKELY((event->flags & EVENT_KEY_CHANGE) != 0 && event->op == OP_CREATE && event->before != NULL)) {
        return key_before_run(plan, scratch, event, err);
    }
    return true;
}

static bool flat_make(RecordPlan *base, Arena *scratch, const Event *event, Record *record, Err *err) {
    FlatPlan *plan = (FlatPlan *)base;
    const Value *row = event->op == OP_DELETE ? event->before : event->op == OP_TRUNCATE ? NULL : event->after;
    if (UNLIKELY((event->before != NULL || event->after != NULL) && event->column_count != plan->column_count)) {
        return FAIL(err, ERR_VALUE, "table %.*s.%.*s: an event has %u columns, its schema %u", SLICE_ARG(plan->space),
                    SLICE_ARG(plan->table), event->column_count, plan->column_count);
    }
    TRY(own_run(plan, scratch, event, err));
    record->value = plan->row;
    record->key = record->headers = NULL;
    record->skipped = false;
    if (UNLIKELY(row == NULL)) {
        memset(plan->row, 0, plan->column_count * sizeof(Value)); // VALUE_NULL
        return true;
    }
    TRY(columns_run(plan, scratch, event, row, err));
    bool has_key = plan->key_count > 0;
    for (uint32_t i = 0; i < plan->key_count; i++) {
        plan->key[i] = plan->row[plan->key_columns[i]];
        has_key &= plan->key[i].kind != VALUE_NULL;
    }
    record->key = has_key ? plan->key : NULL;
    return true;
}

// --- compiling -------------------------------------------------------------------------------------------------

static const Shape STRING_SHAPE = {.kind = SHAPE_STRING};

// The columns of the key, in the order of the primary key if they are it, else in that of the table.
static void key_columns_set(Arena *arena, const Schema *schema, FlatPlan *plan) {
    uint32_t *columns = ARENA_ARRAY(arena, uint32_t, schema->column_count);
    uint32_t count = 0;
    bool any_primary = false, all_primary = true;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        bool primary = (schema->columns[i].flags & COLUMN_PRIMARY) != 0;
        any_primary |= primary;
        if ((schema->columns[i].flags & COLUMN_KEY) != 0) {
            all_primary &= primary;
            columns[count++] = i;
        }
    }
    if (schema->identity == IDENTITY_FULL && !any_primary) {
        count = 0; // the whole row, which is no key
    }
    for (uint32_t i = 1; all_primary && i < count; i++) {
        for (uint32_t j = i; j > 0; j--) {
            uint32_t *a = &columns[j - 1], *b = &columns[j];
            if (schema->columns[*a].key_ordinal > schema->columns[*b].key_ordinal) {
                uint32_t swap = *a;
                *a = *b;
                *b = swap;
            }
        }
    }
    plan->key_columns = columns;
    plan->key_count = count;
}

// Optional in the value, required in the key.
static const Shape *key_shape(Arena *arena, const FlatPlan *plan, const ShapeField *from, Slice name) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, plan->key_count);
    for (uint32_t i = 0; i < plan->key_count; i++) {
        fields[i] = (ShapeField){.name = from[plan->key_columns[i]].name, .shape = from[plan->key_columns[i]].shape};
        fields[i].shape.optional = false;
    }
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = (Shape){.kind = SHAPE_STRUCT, .name = name, .fields = fields, .field_count = plan->key_count};
    return shape;
}

static void own_fields(Arena *arena, FlatPlan *plan, ShapeField *fields, Slice before_name) {
    fields[OWN_OP] = (ShapeField){.name = SLICE("__op"), .shape.kind = SHAPE_STRING};
    fields[OWN_COMMIT_LSN] = (ShapeField){.name = SLICE("__commit_lsn"), .shape.kind = SHAPE_INT64};
    fields[OWN_ORDINAL] = (ShapeField){.name = SLICE("__ordinal"), .shape.kind = SHAPE_INT64};
    fields[OWN_SOURCE_TS_MS] = (ShapeField){.name = SLICE("__source_ts_ms"), .shape.kind = SHAPE_INT64};
    fields[OWN_DELETED] = (ShapeField){.name = SLICE("__deleted"), .shape.kind = SHAPE_BOOL};
    fields[OWN_UNCHANGED] = (ShapeField){.name = SLICE("__unchanged"),
                                         .shape = {.kind = SHAPE_LIST, .optional = true, .element = &STRING_SHAPE},
                                         .default_json = SLICE("null")};
    if (plan->key_count > 0) {
        Shape shape = *plan->base.key;
        ShapeField *parts = ARENA_ARRAY(arena, ShapeField, plan->key_count);
        for (uint32_t i = 0; i < plan->key_count; i++) {
            parts[i] = shape.fields[i];
            parts[i].shape.optional = true; // what cannot be held is NULL
            parts[i].default_json = SLICE("null");
        }
        shape.fields = parts;
        shape.name = before_name;
        shape.optional = true;
        fields[OWN_KEY_BEFORE] =
            (ShapeField){.name = SLICE("__key_before"), .shape = shape, .default_json = SLICE("null")};
    }
    Value *own = plan->row + plan->column_count;
    own[OWN_COMMIT_LSN].kind = own[OWN_ORDINAL].kind = own[OWN_SOURCE_TS_MS].kind = VALUE_INT;
}

static bool flat_compile(Arena *arena, const Schema *given, const EnvelopeOptions *options, RecordPlan **made,
                         Err *err) {
    Schema schema = schema_copy(arena, given);
    FlatPlan *plan = ARENA_NEW(arena, FlatPlan);
    uint32_t count = schema.column_count;
    *plan = (FlatPlan){.fail_on_inexact = options->fail_on_inexact,
                       .column_count = count,
                       .space = schema.space,
                       .table = schema.table,
                       .row = ARENA_ARRAY(arena, Value, (size_t)count + OWN_COUNT),
                       .unchanged = ARENA_ARRAY(arena, Value, count)};
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, (size_t)count + OWN_COUNT);
    Step *steps = ARENA_ARRAY(arena, Step, count);
    Value *names = ARENA_ARRAY(arena, Value, count);
    for (uint32_t i = 0; i < count; i++) {
        fields[i].name = json_lines_name(arena, &schema, schema.columns[i].name);
        fields[i].default_json = SLICE("null");
        names[i] = value_bytes(VALUE_STRING, fields[i].name);
        if (!shape_make(arena, &schema.columns[i].type, options->exact_text, &fields[i].shape, &steps[i], err)) {
            return err_prefix(err, "table %.*s.%.*s, column %.*s", SLICE_ARG(schema.space), SLICE_ARG(schema.table),
                              SLICE_ARG(schema.columns[i].name));
        }
    }
    plan->steps = steps;
    plan->names = names;
    key_columns_set(arena, &schema, plan);
    if (plan->key_count > 0) {
        plan->key = ARENA_ARRAY(arena, Value, plan->key_count);
        plan->key_before = ARENA_ARRAY(arena, Value, plan->key_count);
        plan->base.key = key_shape(arena, plan, fields, record_name(arena, &schema, options, "Key"));
    }
    own_fields(arena, plan, fields + count, record_name(arena, &schema, options, "KeyBefore"));
    Shape *value = ARENA_NEW(arena, Shape);
    *value = (Shape){.kind = SHAPE_STRUCT,
                     .name = record_name(arena, &schema, options, "Value"),
                     .fields = fields,
                     .field_count = count + OWN_COUNT - (plan->key_count == 0 ? 1 : 0)};
    plan->base.value = value;
    *made = &plan->base;
    return true;
}

const Envelope FLAT_ENVELOPE = {.name = "flat", .compile = flat_compile, .make = flat_make};
