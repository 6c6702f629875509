// SPDX-License-Identifier: Apache-2.0
// Transforms of headers: InsertHeader, DropHeaders, HeaderFrom, and Debezium's HeaderToValue.
#include "data/connect/column.h"
#include "data/connect/smt.h"

// --- InsertHeader ----------------------------------------------------------------------------------------------

typedef struct InsertHeader {
    ConnectHeader header;
} InsertHeader;

static void literal_integer(Arena *arena, int64_t n, Shape *shape, Value *value) {
    *value = value_int(n);
    shape->kind = n == (int32_t)n ? SHAPE_INT32 : SHAPE_INT64;
    if (n == (int16_t)n) {
        connect_note_add(arena, shape, "connect.type", n == (int8_t)n ? SLICE("\"int8\"") : SLICE("\"int16\""));
    }
}

// A literal has the type that its text looks like, as Connect has it: a number without fraction is the smallest integer
// that holds it, another number is a float32; true, false, null; else it is text.
static void literal(Arena *arena, Slice text, ConnectHeader *header) {
    Shape shape = {.kind = SHAPE_STRING};
    Value value = value_bytes(VALUE_STRING, text);
    const char *digits = arena_text(arena, text);
    char *end = NULL;
    double real = strtod(digits, &end);
    bool number = text.size > 0 && *end == '\0' && strspn(digits, "+-.eE0123456789") == text.size &&
                  strlen(digits) == text.size && real > -9e15 && real < 9e15;
    if (number && real == (double)(int64_t)real) {
        literal_integer(arena, (int64_t)real, &shape, &value);
    } else if (number) {
        value = (Value){.kind = VALUE_FLOAT32, .real = (double)strtof(digits, NULL)};
        shape.kind = SHAPE_FLOAT32;
    } else if (slice_is(text, "true") || slice_is(text, "false")) {
        value = value_bool(slice_is(text, "true"));
        shape.kind = SHAPE_BOOL;
    } else if (slice_is(text, "null")) {
        return;
    }
    header->value = smt_value_new(arena, value);
    header->shape = smt_shape_keep(arena, shape);
}

static bool insert_compile(Smt *smt, Err *err) {
    InsertHeader *insert = smt->state = ARENA_NEW(smt->arena, InsertHeader);
    Slice text = {0};
    TRY(smt_required(smt, "header", &insert->header.name, err));
    TRY(smt_required(smt, "value.literal", &text, err));
    literal(smt->arena, text, &insert->header);
    return true;
}

static bool insert_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const InsertHeader *insert = smt->state;
    smt_header_add(scratch, record, insert->header);
    return true;
}

const SmtClass SMT_INSERT_HEADER = {
    .name = "org.apache.kafka.connect.transforms.InsertHeader",
    .compile = insert_compile,
    .apply = insert_apply,
};

// --- DropHeaders -----------------------------------------------------------------------------------------------

static bool drop_compile(Smt *smt, Err *err) {
    SmtList *names = smt->state = ARENA_NEW(smt->arena, SmtList);
    *names = smt_list(smt, "headers");
    return names->count > 0 || smt_option_failed(smt, "headers", err, "it must name the headers to drop");
}

static void headers_drop(const SmtList *names, Arena *scratch, ConnectRecord *record) {
    ConnectHeader *kept = ARENA_ARRAY(scratch, ConnectHeader, record->header_count);
    size_t count = 0;
    for (size_t i = 0; i < record->header_count; i++) {
        if (!smt_list_has(names, record->headers[i].name)) {
            kept[count++] = record->headers[i];
        }
    }
    record->headers = kept;
    record->header_count = count;
}

static bool drop_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    headers_drop(smt->state, scratch, record);
    return true;
}

const SmtClass SMT_DROP_HEADERS = {
    .name = "org.apache.kafka.connect.transforms.DropHeaders",
    .compile = drop_compile,
    .apply = drop_apply,
};

// --- HeaderFrom ------------------------------------------------------------------------------------------------

typedef struct HeaderFields {
    SmtList fields, headers;
    bool move, replace_null;
} HeaderFields;

typedef struct FromPlan {
    const int32_t *places; // of the fields; -1: null, of a value without schema
    const Shape *shape;    // of what stays
    const uint32_t *kept;
} FromPlan;

static bool lists_compile(Smt *smt, HeaderFields *state, Err *err) {
    state->fields = smt_list(smt, "fields");
    state->headers = smt_list(smt, "headers");
    int operation = 0;
    if (state->fields.count == 0 || state->fields.count != state->headers.count) {
        return smt_option_failed(smt, "fields", err, "fields names %zu and headers %zu: as many are needed",
                                 state->fields.count, state->headers.count);
    }
    Slice given = {0};
    TRY(smt_required(smt, "operation", &given, err));
    TRY(smt_choice(smt, "operation", "", "move,copy", &operation, err));
    state->move = operation == 0;
    return smt_bool(smt, "replace.null.with.default", true, &state->replace_null, err);
}

static bool from_compile(Smt *smt, Err *err) {
    smt->state = ARENA_NEW(smt->arena, HeaderFields);
    return lists_compile(smt, smt->state, err);
}

static bool from_plan(Smt *smt, const HeaderFields *state, const Shape *from, FromPlan **made, Err *err) {
    FromPlan *plan = ARENA_NEW(smt->arena, FromPlan);
    int32_t *places = ARENA_ARRAY(smt->arena, int32_t, state->fields.count);
    for (size_t i = 0; i < state->fields.count; i++) {
        places[i] = shape_find(from, state->fields.at[i]);
        if (places[i] < 0 && !smt->schemaless[smt->on_key]) {
            return FAIL(err, ERR_VALUE, "the %s has no field %.*s", smt->on_key ? "key" : "value",
                        SLICE_ARG(state->fields.at[i]));
        }
    }
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count);
    uint32_t *kept = ARENA_ARRAY(smt->arena, uint32_t, from->field_count), count = 0;
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (!state->move || !smt_list_has(&state->fields, from->fields[i].name)) {
            fields[count] = from->fields[i];
            kept[count++] = i;
        }
    }
    plan->places = places;
    plan->kept = kept;
    plan->shape = state->move ? smt_shape_keep(smt->arena, smt_basics_with(smt->arena, from, fields, count)) : from;
    smt_plan_keep(smt, from, plan);
    *made = plan;
    return true;
}

static bool from_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const HeaderFields *state = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "making headers of fields", err));
    const Shape *from = smt_shape(smt, record);
    FromPlan *plan = smt_plan(smt, from);
    if (plan == NULL) {
        TRY(from_plan(smt, state, from, &plan, err));
    }
    bool schemaless = smt->schemaless[smt->on_key];
    for (size_t i = 0; i < state->fields.count; i++) {
        ConnectHeader header = {.name = state->headers.at[i]};
        if (plan->places[i] >= 0) {
            const Shape *shape = &from->fields[plan->places[i]].shape;
            header.shape = schemaless ? NULL : shape;
            header.value = smt_value_new(
                scratch, smt_or_default(scratch, shape, &value->items.at[plan->places[i]], state->replace_null));
        }
        smt_header_add(scratch, record, header);
    }
    if (state->move) {
        Value *items = NULL;
        Value *made = smt_struct_new(scratch, plan->shape, &items);
        for (uint32_t i = 0; i < plan->shape->field_count; i++) {
            items[i] = value->items.at[plan->kept[i]];
        }
        smt_put(smt, record, plan->shape, made);
    }
    return true;
}

const SmtClass SMT_HEADER_FROM = {
    .name = "org.apache.kafka.connect.transforms.HeaderFrom",
    .parts = true,
    .compile = from_compile,
    .apply = from_apply,
};

// --- HeaderToValue ---------------------------------------------------------------------------------------------

// The shape depends on which of the headers are there, and on their shapes.
typedef struct ToValue {
    HeaderFields lists;
    Map shapes;
} ToValue;

static bool to_value_compile(Smt *smt, Err *err) {
    ToValue *state = smt->state = ARENA_NEW(smt->arena, ToValue);
    TRY(lists_compile(smt, &state->lists, err));
    for (size_t i = 0; i < state->lists.fields.count; i++) {
        Slice name = state->lists.fields.at[i];
        if (memchr(name.data, '.', name.size) != NULL) {
            return smt_option_failed(smt, "fields", err, "\"%.*s\": fields within fields are not offered here",
                                     (int)MIN(name.size, 60), (const char *)name.data);
        }
    }
    return true;
}

static const Shape *to_value_shape(Smt *smt, ToValue *state, const Shape *from, const ConnectHeader **found) {
    Buf key;
    buf_init(&key, 0);
    buf_bytes(&key, &from, sizeof(const Shape *));
    for (size_t i = 0; i < state->lists.headers.count; i++) {
        const Shape *shape = found[i] != NULL ? found[i]->shape : NULL;
        buf_u8(&key, found[i] != NULL);
        buf_bytes(&key, &shape, sizeof(const Shape *));
    }
    Shape *made = map_find(&state->shapes, buf_slice(&key));
    if (made == NULL) {
        ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count + state->lists.fields.count);
        uint32_t count = from->field_count;
        memcpy(fields, from->fields, count * sizeof(*fields));
        for (size_t i = 0; i < state->lists.fields.count; i++) {
            if (found[i] != NULL) {
                const Shape *shape = found[i]->shape != NULL ? found[i]->shape : &SMT_STRING_OPTIONAL;
                fields[count++] = smt_field(state->lists.fields.at[i], shape);
            }
        }
        made = ARENA_NEW(smt->arena, Shape);
        *made = smt_basics_with(smt->arena, from, fields, count);
        map_put(&state->shapes, buf_slice(&key), made);
    }
    buf_release(&key);
    return made;
}

static bool to_value_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    ToValue *state = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "making fields of headers", err));
    const ConnectHeader **found = ARENA_ARRAY(scratch, const ConnectHeader *, state->lists.headers.count);
    bool any = false;
    for (size_t i = 0; i < state->lists.headers.count; i++) {
        found[i] = smt_header_find(record, state->lists.headers.at[i]);
        any |= found[i] != NULL;
    }
    if (!any) {
        return true;
    }
    const Shape *from = record->value_shape, *shape = to_value_shape(smt, state, from, found);
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, shape, &items);
    uint32_t count = from->field_count;
    memcpy(items, value->items.at, count * sizeof(*items));
    for (size_t i = 0; i < state->lists.fields.count; i++) {
        if (found[i] != NULL) {
            items[count++] = found[i]->value != NULL ? *found[i]->value : (Value){.kind = VALUE_NULL};
        }
    }
    smt_put(smt, record, shape, made);
    if (state->lists.move) {
        headers_drop(&state->lists.headers, scratch, record);
    }
    return true;
}

static void to_value_release(Smt *smt) {
    ToValue *state = smt->state;
    map_release(&state->shapes);
    state->shapes = (Map){0};
}

const SmtClass SMT_HEADER_TO_VALUE = {
    .name = "io.debezium.transforms.HeaderToValue",
    .compile = to_value_compile,
    .apply = to_value_apply,
    .release = to_value_release,
};
