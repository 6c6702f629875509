// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/rows.h"

#include "core/base/calendar.h"
#include "core/base/json.h"
#include "data/connect/temporal.h"
#include "flow/source/kafka/connect_json.h"

const char *const ROWS_ENVELOPE[] = {
    [ENVELOPE_BEFORE] = "before", [ENVELOPE_AFTER] = "after", [ENVELOPE_SOURCE] = "source", [ENVELOPE_OP] = "op"};
const char *const ROWS_SOURCE[] = {
    [SOURCE_TS_MS] = "ts_ms", [SOURCE_TS_US] = "ts_us", [SOURCE_LSN] = "lsn", [SOURCE_TX_ID] = "txId"};

static const struct {
    const char *name;
    TypeKind kind;
    int32_t precision;
    const char *source_name;
} METADATA[] = {
    [ROWS_PARTITION] = {"_partition", TYPE_INT32, 0, "int4"},
    [ROWS_OFFSET] = {"_offset", TYPE_INT64, 0, "int8"},
    [ROWS_TIMESTAMP] = {"_timestamp", TYPE_TIMESTAMPTZ, 3, "timestamptz"},
    [ROWS_HEADERS] = {"_headers", TYPE_JSON, 0, "jsonb"},
};

// --- plans -------------------------------------------------------------------------------------------------------

typedef struct Maker {
    Arena *arena;
    RowsPlan *plan;
    Column *columns;
    KafkaField *fields;
    int32_t *from_key, *from_row;
} Maker;

static bool envelope_find(const Shape *shape, int32_t places[ENVELOPE_COUNT]) {
    for (size_t i = 0; i < ENVELOPE_COUNT; i++) {
        places[i] = shape->kind == SHAPE_STRUCT ? shape_find(shape, slice_of(ROWS_ENVELOPE[i])) : -1;
        if (places[i] < 0) {
            return false;
        }
    }
    const ShapeField *fields = shape->fields;
    return fields[places[ENVELOPE_BEFORE]].shape.kind == SHAPE_STRUCT &&
           fields[places[ENVELOPE_AFTER]].shape.kind == SHAPE_STRUCT &&
           fields[places[ENVELOPE_BEFORE]].shape.field_count == fields[places[ENVELOPE_AFTER]].shape.field_count &&
           fields[places[ENVELOPE_SOURCE]].shape.kind == SHAPE_STRUCT &&
           fields[places[ENVELOPE_OP]].shape.kind == SHAPE_STRING;
}

bool rows_is_change(const Shape *shape) {
    int32_t places[ENVELOPE_COUNT];
    return envelope_find(shape, places);
}

static void maker_init(Maker *maker, Arena *arena, size_t most) {
    *maker = (Maker){.arena = arena,
                     .plan = ARENA_NEW(arena, RowsPlan),
                     .columns = ARENA_ARRAY(arena, Column, most),
                     .fields = ARENA_ARRAY(arena, KafkaField, most),
                     .from_key = ARENA_ARRAY(arena, int32_t, most),
                     .from_row = ARENA_ARRAY(arena, int32_t, most)};
    maker->plan->schema.columns = maker->columns;
    maker->plan->fields = maker->fields;
    maker->plan->from_key = maker->from_key;
    maker->plan->from_row = maker->from_row;
}

static uint32_t column_add(Maker *maker, Slice name, const Shape *shape) {
    uint32_t at = maker->plan->schema.column_count++;
    kafka_field_new(maker->arena, shape, maker->plan->change, &maker->fields[at]);
    maker->columns[at] = (Column){.name = arena_slice(maker->arena, name), .type = maker->fields[at].type};
    maker->columns[at].flags = shape->optional ? 0 : COLUMN_NOT_NULL;
    maker->from_key[at] = maker->from_row[at] = -1;
    return at;
}

// The key's parts, which are columns of their own where the row has none of that name.
static void key_add(Maker *maker, const Shape *key, const Shape *row, Slice alone) {
    bool parts = key->kind == SHAPE_STRUCT;
    for (uint32_t i = 0; i < (parts ? key->field_count : 1); i++) {
        Slice name = parts ? key->fields[i].name : alone;
        bool in_row = parts && row != NULL && shape_find(row, name) >= 0;
        if (!in_row && !maker->plan->change) {
            uint32_t at = column_add(maker, name, parts ? &key->fields[i].shape : key);
            maker->from_key[at] = (int32_t)i;
        }
    }
}

static void row_add(Maker *maker, const Shape *row, const Decoded *value) {
    for (uint32_t i = 0; row != NULL && i < row->field_count; i++) {
        uint32_t at = column_add(maker, row->fields[i].name, &row->fields[i].shape);
        maker->from_row[at] = (int32_t)i;
    }
    if (row == NULL) {
        uint32_t at = column_add(maker, SLICE("value"), value->shape);
        maker->from_row[at] = 0;
        if (value->document) {
            maker->columns[at].type = (Type){.kind = TYPE_JSON, .source_name = SLICE("jsonb")};
        }
    }
}

static void key_mark(Maker *maker, const Shape *key, bool primary) {
    bool parts = key != NULL && key->kind == SHAPE_STRUCT;
    uint32_t wanted = key == NULL ? 0 : parts ? key->field_count : 1, found = 0;
    Schema *schema = &maker->plan->schema;
    for (uint32_t i = 0; i < schema->column_count && primary; i++) {
        int32_t place = parts ? shape_find(key, maker->columns[i].name) : maker->from_key[i];
        if (key != NULL && place >= 0) {
            maker->columns[i].flags |= COLUMN_NOT_NULL | COLUMN_KEY | COLUMN_PRIMARY;
            maker->columns[i].key_ordinal = (uint32_t)place + 1;
            maker->from_key[i] = place;
            found++;
        }
    }
    bool keyed = wanted > 0 && found == wanted;
    for (uint32_t i = 0; i < schema->column_count && !keyed; i++) {
        maker->columns[i].flags = 0; // nothing tells which row it is: each record is one, also one without a value
        maker->columns[i].key_ordinal = 0;
    }
    schema->identity = keyed ? IDENTITY_KEY : maker->plan->change ? IDENTITY_FULL : IDENTITY_NOTHING;
}

static bool names_check(const Schema *schema, Err *err) {
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema_find_column(schema, schema->columns[i].name) != (int32_t)i) {
            return FAIL(err, ERR_TABLE, "two columns of one name: %.*s", SLICE_ARG(schema->columns[i].name));
        }
    }
    return true;
}

static void metadata_add(Maker *maker) {
    for (size_t i = 0; i < ROWS_METADATA_COUNT; i++) {
        uint32_t at = maker->plan->schema.column_count++;
        maker->columns[at] = (Column){.name = slice_of(METADATA[i].name),
                                      .type = {.kind = METADATA[i].kind,
                                               .precision = METADATA[i].precision,
                                               .source_name = slice_of(METADATA[i].source_name)}};
        maker->from_key[at] = maker->from_row[at] = -1;
    }
}

bool rows_plan_new(Arena *arena, const RowsOptions *options, const Decoded *key, const Decoded *value, RowsPlan **plan,
                   Err *err) {
    Maker maker;
    int32_t places[ENVELOPE_COUNT];
    const Shape *shape = value->shape;
    bool change = envelope_find(shape, places);
    const Shape *row = change                        ? &shape->fields[places[ENVELOPE_AFTER]].shape
                       : shape->kind == SHAPE_STRUCT ? shape
                                                     : NULL;
    size_t most = (row != NULL ? row->field_count : 1) + (key->shape != NULL ? key->shape->field_count + 1 : 0);
    maker_init(&maker, arena, most + ROWS_METADATA_COUNT);
    RowsPlan *made = maker.plan;
    made->change = change;
    made->key_shape = key->shape;
    made->value_shape = shape;
    made->schema.space = options->space;
    made->schema.table = options->table;
    memcpy(made->envelope, places, sizeof(places));
    for (size_t i = 0; change && i < SOURCE_COUNT; i++) {
        made->source_places[i] = shape_find(&shape->fields[places[ENVELOPE_SOURCE]].shape, slice_of(ROWS_SOURCE[i]));
    }
    if (key->shape != NULL) {
        bool taken = row != NULL && shape_find(row, SLICE("key")) >= 0;
        key_add(&maker, key->shape, row, taken ? SLICE("__key") : SLICE("key"));
    }
    row_add(&maker, row, value);
    key_mark(&maker, key->shape, change || options->upsert);
    made->data_columns = made->schema.column_count;
    if (options->metadata) {
        metadata_add(&maker);
    }
    *plan = made;
    return names_check(&made->schema, err);
}

bool rows_plan_of_schema(Arena *arena, const Schema *schema, const Decoded *key, RowsPlan **plan, Err *err) {
    Maker maker;
    maker_init(&maker, arena, schema->column_count);
    memcpy(maker.columns, schema->columns, schema->column_count * sizeof(*maker.columns));
    RowsPlan *made = maker.plan;
    made->schema = schema_copy(arena, schema);
    made->key_shape = key->shape;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const Column *column = &schema->columns[i];
        maker.from_key[i] = maker.from_row[i] = -1;
        bool parts = key->shape->kind == SHAPE_STRUCT;
        bool alone = (column->flags & COLUMN_KEY) != 0 || slice_is(column->name, "key");
        int32_t place = parts ? shape_find(key->shape, column->name) : alone ? 0 : -1;
        if (place >= 0) {
            maker.from_key[i] = place;
            kafka_field_new(arena, parts ? &key->shape->fields[place].shape : key->shape, false, &maker.fields[i]);
        } else if ((column->flags & COLUMN_KEY) != 0) {
            return FAIL(err, ERR_VALUE, "the key has no %.*s", SLICE_ARG(column->name));
        }
    }
    made->data_columns = schema->column_count;
    *plan = made;
    return true;
}

bool rows_plan_fits(const RowsPlan *plan, const Decoded *key, const Decoded *value) {
    bool keyless = key->shape == NULL && plan->schema.identity != IDENTITY_KEY; // its columns of the key are NULL
    return (plan->key_shape == key->shape || keyless) && (value->value == NULL || plan->value_shape == value->shape);
}

// --- events ------------------------------------------------------------------------------------------------------

static const Value NOTHING = {.kind = VALUE_NULL};

static __attribute__((noinline)) bool column_make(const RowsPlan *plan, Arena *scratch, uint32_t column,
                                                  const Value *from, Value *to, Err *err) {
    const Column *of = &plan->schema.columns[column];
    if (!kafka_field_value(&plan->fields[column], scratch, from, to, err)) {
        return err_prefix(err, "%.*s", SLICE_ARG(of->name));
    }
    if (to->kind == VALUE_NULL && (of->flags & COLUMN_KEY) != 0) {
        return FAIL(err, ERR_VALUE, "%.*s: no value in the key", SLICE_ARG(of->name));
    }
    return true;
}

static inline bool column_value(const RowsPlan *plan, Arena *scratch, uint32_t column, const Value *from, Value *to,
                                Err *err) {
    if (LIKELY(kafka_field_passes(&plan->fields[column], from))) {
        *to = *from;
        return true;
    }
    return column_make(plan, scratch, column, from, to, err);
}

static const Value *key_part(const RowsPlan *plan, const Decoded *key, uint32_t column) {
    int32_t place = plan->from_key[column];
    if (place < 0 || key->value == NULL) {
        return &NOTHING;
    }
    return plan->key_shape->kind == SHAPE_STRUCT ? &key->value->items.at[place] : key->value;
}

// The key's columns, all others NULL.
static bool key_row(const RowsPlan *plan, Arena *scratch, const Decoded *key, Value *row, Err *err) {
    for (uint32_t i = 0; i < plan->schema.column_count; i++) {
        if ((plan->schema.columns[i].flags & COLUMN_KEY) != 0) {
            TRY(column_value(plan, scratch, i, key_part(plan, key, i), &row[i], err));
        }
    }
    return true;
}

static void headers_value(Arena *scratch, const KafkaFetched *record, Value *to) {
    DEFER(buf_release) Buf text = {0};
    buf_u8(&text, '[');
    for (size_t i = 0; i < record->header_count; i++) {
        const KafkaHeader *header = &record->headers[i];
        buf_text(&text, i > 0 ? ",[" : "[");
        json_quote(&text, header->name);
        buf_u8(&text, ',');
        if (header->value.data == NULL) {
            buf_text(&text, "null");
        } else {
            json_quote(&text, header->value);
        }
        buf_u8(&text, ']');
    }
    buf_u8(&text, ']');
    *to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
}

static bool has_metadata(const RowsPlan *plan) {
    return plan->schema.column_count != plan->data_columns && plan->fields != NULL && plan->data_columns != 0;
}

static void metadata_row(const RowsPlan *plan, Arena *scratch, const KafkaFetched *record, Value *row) {
    if (!has_metadata(plan)) {
        return;
    }
    Value *to = row + plan->data_columns;
    to[ROWS_PARTITION] = value_int(record->partition);
    to[ROWS_OFFSET] = value_int(record->offset);
    if (record->timestamp_ms >= 0) {
        int64_t micros = record->timestamp_ms * 1000 - CALENDAR_1970_US;
        to[ROWS_TIMESTAMP] = (Value){.kind = VALUE_TIMESTAMPTZ, .integer = micros};
    }
    headers_value(scratch, record, &to[ROWS_HEADERS]);
}

static bool full_row(const RowsPlan *plan, Arena *scratch, const Decoded *key, const Value *from, Value *row,
                     Err *err) {
    bool parts = plan->change || (plan->value_shape != NULL && plan->value_shape->kind == SHAPE_STRUCT);
    for (uint32_t i = 0; i < plan->data_columns; i++) {
        int32_t place = plan->from_row[i];
        const Value *value = place < 0      ? key_part(plan, key, i)
                             : from == NULL ? &NOTHING
                             : parts        ? &from->items.at[place]
                                            : from;
        TRY(column_value(plan, scratch, i, value, &row[i], err));
    }
    return true;
}

static bool plain_event(const RowsPlan *plan, Arena *scratch, const Decoded *key, const Decoded *value, Event *event,
                        Err *err) {
    Value *row = ARENA_ARRAY(scratch, Value, plan->schema.column_count);
    bool keyed = plan->schema.identity == IDENTITY_KEY;
    if (keyed && value->value == NULL) {
        event->op = OP_DELETE;
        event->before = row;
        return key_row(plan, scratch, key, row, err);
    }
    event->op = keyed ? OP_UPDATE : OP_CREATE;
    event->after = row;
    return full_row(plan, scratch, key, value->value, row, err);
}

// Of the source, as far as it tells it.
static int64_t source_number(const RowsPlan *plan, const Value *source, size_t which, int64_t otherwise) {
    int32_t place = plan->source_places[which];
    const Value *value = place >= 0 && source->kind == VALUE_STRUCT ? &source->items.at[place] : &NOTHING;
    return value->kind == VALUE_INT ? value->integer : otherwise;
}

static void source_take(const RowsPlan *plan, const Value *source, Event *event) {
    int64_t ms = source_number(plan, source, SOURCE_TS_MS, event->source_us / 1000);
    int64_t millis_us = ms > INT64_MAX / 1000 || ms < INT64_MIN / 1000 ? event->source_us : ms * 1000;
    event->source_us = source_number(plan, source, SOURCE_TS_US, millis_us);
    event->lsn = (uint64_t)source_number(plan, source, SOURCE_LSN, (int64_t)event->lsn);
    event->transaction_id = (uint64_t)source_number(plan, source, SOURCE_TX_ID, 0);
}

static char change_op(const RowsPlan *plan, const Value *envelope) {
    const Value *op = &envelope->items.at[plan->envelope[ENVELOPE_OP]];
    return op->kind == VALUE_STRING && op->bytes.size == 1 ? (char)op->bytes.data[0] : '?';
}

static bool change_event(const RowsPlan *plan, Arena *scratch, const Decoded *key, const Value *envelope, Event *event,
                         bool *none, Err *err) {
    const Value *op = &envelope->items.at[plan->envelope[ENVELOPE_OP]];
    const Value *before = &envelope->items.at[plan->envelope[ENVELOPE_BEFORE]];
    const Value *after = &envelope->items.at[plan->envelope[ENVELOPE_AFTER]];
    Value *row = ARENA_ARRAY(scratch, Value, plan->schema.column_count);
    char letter = change_op(plan, envelope);
    bool keyed = plan->schema.identity == IDENTITY_KEY;
    source_take(plan, &envelope->items.at[plan->envelope[ENVELOPE_SOURCE]], event);
    event->op = (EventOp)letter;
    switch (letter) {
    case 'm':
        *none = true;
        return true;
    case 't':
        return true;
    case 'd':
        event->before = row;
        if (keyed) {
            return key_row(plan, scratch, key, row, err);
        }
        return before->kind == VALUE_STRUCT ? full_row(plan, scratch, key, before, row, err)
                                            : FAIL(err, ERR_VALUE, "a delete without a key, and without the old row");
    case 'u':
        if (!keyed && before->kind == VALUE_STRUCT) {
            Value *old = ARENA_ARRAY(scratch, Value, plan->schema.column_count);
            event->before = old;
            TRY(full_row(plan, scratch, key, before, old, err));
        }
        break;
    case 'c':
    case 'r':
        break;
    default:
        return FAIL(err, ERR_VALUE, "a change of the unknown op \"%.*s\"", (int)MIN(op->bytes.size, 20),
                    op->kind == VALUE_STRING ? (const char *)op->bytes.data : "");
    }
    event->after = row;
    return after->kind == VALUE_STRUCT ? full_row(plan, scratch, key, after, row, err)
                                       : FAIL(err, ERR_VALUE, "a change of op %c without `after`", letter);
}

// The key that a header tells of, as JSON: a row of its columns. NULL: it tells none that can be read.
static Value *header_key(const RowsPlan *plan, Arena *scratch, const KafkaFetched *record, const char *name) {
    Err ignored[1] = {{0}};
    const JsonNode *json = NULL;
    for (size_t i = 0; i < record->header_count && json == NULL; i++) {
        bool is = slice_is(record->headers[i].name, name) && record->headers[i].value.data != NULL;
        if (is && !json_tree_parse(scratch, record->headers[i].value, &json, ignored)) {
            return NULL;
        }
    }
    const JsonNode *payload = json_tree_member(json, "payload");
    json = payload != NULL && json_tree_member(json, "schema") != NULL ? payload : json;
    if (json == NULL || plan->key_shape == NULL || plan->key_shape->kind != SHAPE_STRUCT) {
        return NULL;
    }
    Value *row = ARENA_ARRAY(scratch, Value, plan->schema.column_count);
    for (uint32_t i = 0; i < plan->schema.column_count; i++) {
        const Column *column = &plan->schema.columns[i];
        const JsonNode *node = json_tree_find(json, column->name);
        Value value;
        if ((column->flags & COLUMN_KEY) != 0 &&
            (node == NULL ||
             !connect_json_value(scratch, &plan->key_shape->fields[plan->from_key[i]].shape, node, &value, ignored) ||
             !column_value(plan, scratch, i, &value, &row[i], ignored))) {
            return NULL;
        }
    }
    return row;
}

static bool may_change_key(const RowsPlan *plan, char op) {
    return plan->change && plan->schema.identity == IDENTITY_KEY && (op == OP_DELETE || op == OP_CREATE);
}

// An update that changed the key is a delete and a create, each with a header that names the other's key.
static void key_change(const RowsPlan *plan, Arena *scratch, const KafkaFetched *record, Event *event) {
    bool gone = event->op == OP_DELETE;
    const char *name = gone ? "__debezium.newkey" : "__debezium.oldkey";
    Value *row = header_key(plan, scratch, record, name);
    if (row != NULL) {
        event->flags |= EVENT_KEY_CHANGE;
        event->after = gone ? row : event->after;
        event->before = gone ? event->before : row;
    }
}

bool rows_wants_headers(const RowsPlan *plan, const Decoded *value) {
    bool change = plan->change && value->value != NULL;
    return has_metadata(plan) || (change && may_change_key(plan, change_op(plan, value->value)));
}

bool rows_event(const RowsPlan *plan, Arena *scratch, const KafkaFetched *record, const Decoded *key,
                const Decoded *value, Event *event, bool *none, Err *err) {
    *none = false;
    *event = (Event){.offset_span = 1,
                     .column_count = plan->schema.column_count,
                     .commit_lsn = (uint64_t)record->offset,
                     .ordinal = (uint64_t)record->partition,
                     .lsn = (uint64_t)record->offset,
                     .source_us = MAX(record->timestamp_ms, 0) * 1000};
    if (plan->change && value->value == NULL) {
        *none = true;
        return true;
    }
    bool ok = plan->change ? change_event(plan, scratch, key, value->value, event, none, err)
                           : plain_event(plan, scratch, key, value, event, err);
    if (ok && record->header_count > 0 && may_change_key(plan, (char)event->op)) {
        key_change(plan, scratch, record, event);
    }
    if (ok && event->op != OP_DELETE && event->after != NULL) {
        metadata_row(plan, scratch, record, (Value *)(uintptr_t)event->after);
    }
    return ok;
}
