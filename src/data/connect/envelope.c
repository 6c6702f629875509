// SPDX-License-Identifier: Apache-2.0
#include "data/connect/envelope.h"

#include "core/base/calendar.h"
#include "core/base/json.h"
#include "data/connect/column.h"
#include "data/connect/headers.h"

// What source.version says, so that consumers who look at it read the records as that connector's.
#define DEBEZIUM_VERSION "3.7.0.Final"

enum { TOP_BEFORE, TOP_AFTER, TOP_SOURCE, TOP_TRANSACTION, TOP_OP, TOP_TS_MS, TOP_TS_US, TOP_TS_NS, TOP_COUNT };

enum {
    SOURCE_VERSION,
    SOURCE_CONNECTOR,
    SOURCE_NAME,
    SOURCE_TS_MS,
    SOURCE_SNAPSHOT,
    SOURCE_DB,
    SOURCE_SEQUENCE,
    SOURCE_TS_US,
    SOURCE_TS_NS,
    SOURCE_SCHEMA,
    SOURCE_TABLE,
    SOURCE_TX_ID,
    SOURCE_LSN,
    SOURCE_XMIN,
    SOURCE_ORIGIN,
    SOURCE_ORIGIN_LSN,
    SOURCE_COUNT
};

typedef struct DebeziumPlan {
    RecordPlan base;
    Schema schema;
    bool fail_on_inexact;
    bool whole_row_key;           // REPLICA IDENTITY FULL without a primary key
    const ConnectColumn *columns; // those that are shown
    const uint32_t *places;       // of each, in the schema
    uint32_t count;
    const uint32_t *key; // places among `columns`
    uint32_t key_count;
    Value *before, *after, *source, *key_values;
    Value top[TOP_COUNT];
    Value *other_key; // of the other half of a key change
    Value header_items[CONNECT_HEADERS_MAX], headers;
} DebeziumPlan;

// --- compiling -------------------------------------------------------------------------------------------------

static ShapeField field(const char *name, ShapeKind kind, bool optional) {
    return (ShapeField){.name = slice_of(name),
                        .shape = {.kind = kind, .optional = optional},
                        .default_json = optional ? SLICE("null") : (Slice){0}};
}

static Shape struct_shape(Arena *arena, const ShapeField *fields, uint32_t count, Slice name, int version) {
    Shape shape = {.kind = SHAPE_STRUCT, .name = name, .fields = fields, .field_count = count};
    if (version > 0) {
        connect_note_add(arena, &shape, "connect.version", slice_of(arena_printf(arena, "%d", version)));
    }
    // Debezium's names take any character but those that JSON would escape in them.
    Buf quoted;
    buf_init(&quoted, 0);
    json_quote(&quoted, name);
    connect_note_add(arena, &shape, "connect.name", arena_slice(arena, buf_slice(&quoted)));
    buf_release(&quoted);
    return shape;
}

static Shape source_shape(Arena *arena) {
    static const struct {
        const char *name;
        ShapeKind kind;
        bool optional;
    } ROWS[SOURCE_COUNT] = {
        [SOURCE_VERSION] = {"version", SHAPE_STRING, false},
        [SOURCE_CONNECTOR] = {"connector", SHAPE_STRING, false},
        [SOURCE_NAME] = {"name", SHAPE_STRING, false},
        [SOURCE_TS_MS] = {"ts_ms", SHAPE_INT64, false},
        [SOURCE_SNAPSHOT] = {"snapshot", SHAPE_STRING, true},
        [SOURCE_DB] = {"db", SHAPE_STRING, false},
        [SOURCE_SEQUENCE] = {"sequence", SHAPE_STRING, true},
        [SOURCE_TS_US] = {"ts_us", SHAPE_INT64, true},
        [SOURCE_TS_NS] = {"ts_ns", SHAPE_INT64, true},
        [SOURCE_SCHEMA] = {"schema", SHAPE_STRING, false},
        [SOURCE_TABLE] = {"table", SHAPE_STRING, false},
        [SOURCE_TX_ID] = {"txId", SHAPE_INT64, true},
        [SOURCE_LSN] = {"lsn", SHAPE_INT64, true},
        [SOURCE_XMIN] = {"xmin", SHAPE_INT64, true},
        [SOURCE_ORIGIN] = {"origin", SHAPE_STRING, true},
        [SOURCE_ORIGIN_LSN] = {"origin_lsn", SHAPE_INT64, true},
    };
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, SOURCE_COUNT);
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        fields[i] = field(ROWS[i].name, ROWS[i].kind, ROWS[i].optional);
    }
    Shape *snapshot = &fields[SOURCE_SNAPSHOT].shape;
    connect_describe(arena, snapshot, "io.debezium.data.Enum", 1,
                     "{\"allowed\":\"true,first,first_in_data_collection,last_in_data_collection,last,false,"
                     "incremental\"}",
                     NULL);
    connect_note_add(arena, snapshot, "connect.default", SLICE("\"false\""));
    fields[SOURCE_SNAPSHOT].default_json = SLICE("\"false\"");
    return struct_shape(arena, fields, SOURCE_COUNT, SLICE("io.debezium.connector.postgresql.Source"), 1);
}

static Shape transaction_shape(Arena *arena) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 3);
    fields[0] = field("id", SHAPE_STRING, false);
    fields[1] = field("total_order", SHAPE_INT64, false);
    fields[2] = field("data_collection_order", SHAPE_INT64, false);
    Shape shape = struct_shape(arena, fields, 3, SLICE("event.block"), 1);
    shape.optional = true;
    return shape;
}

// The primary key in its own order, else the columns of the identity's index in the table's.
static void key_set(Arena *arena, DebeziumPlan *plan) {
    const Schema *schema = &plan->schema;
    uint32_t *key = ARENA_ARRAY(arena, uint32_t, plan->count);
    bool any_primary = false;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        any_primary |= (schema->columns[i].flags & COLUMN_PRIMARY) != 0;
    }
    uint32_t wanted = any_primary ? COLUMN_PRIMARY : COLUMN_KEY;
    plan->whole_row_key = schema->identity == IDENTITY_FULL && !any_primary;
    for (uint32_t i = 0; i < plan->count && !plan->whole_row_key; i++) {
        const Column *column = &schema->columns[plan->places[i]];
        if ((column->flags & wanted) == 0) {
            continue;
        }
        uint32_t at = plan->key_count++;
        for (; any_primary && at > 0 && schema->columns[plan->places[key[at - 1]]].key_ordinal > column->key_ordinal;
             at--) {
            key[at] = key[at - 1];
        }
        key[at] = i;
    }
    plan->key = key;
    plan->key_values = ARENA_ARRAY(arena, Value, plan->key_count);
    plan->other_key = ARENA_ARRAY(arena, Value, plan->key_count);
}

static const Shape *key_shape(Arena *arena, const DebeziumPlan *plan, const ShapeField *from, Slice name) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, plan->key_count);
    for (uint32_t i = 0; i < plan->key_count; i++) {
        fields[i] = (ShapeField){.name = from[plan->key[i]].name, .shape = from[plan->key[i]].shape};
        fields[i].shape.optional = false;
    }
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = struct_shape(arena, fields, plan->key_count, name, 0);
    return shape;
}

static const Shape *value_shape(Arena *arena, const DebeziumPlan *plan, const ShapeField *columns, Slice row_name,
                                Slice name) {
    Shape row = struct_shape(arena, columns, plan->count, row_name, 0);
    row.optional = true;
    ShapeField *top = ARENA_ARRAY(arena, ShapeField, TOP_COUNT);
    top[TOP_BEFORE] = (ShapeField){.name = SLICE("before"), .shape = row, .default_json = SLICE("null")};
    top[TOP_AFTER] = (ShapeField){.name = SLICE("after"), .shape = row, .default_json = SLICE("null")};
    top[TOP_SOURCE] = (ShapeField){.name = SLICE("source"), .shape = source_shape(arena)};
    top[TOP_TRANSACTION] =
        (ShapeField){.name = SLICE("transaction"), .shape = transaction_shape(arena), .default_json = SLICE("null")};
    top[TOP_OP] = field("op", SHAPE_STRING, false);
    top[TOP_TS_MS] = field("ts_ms", SHAPE_INT64, true);
    top[TOP_TS_US] = field("ts_us", SHAPE_INT64, true);
    top[TOP_TS_NS] = field("ts_ns", SHAPE_INT64, true);
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = struct_shape(arena, top, TOP_COUNT, name, 2);
    return shape;
}

static Value string(Arena *arena, Slice text) {
    return value_bytes(VALUE_STRING, arena_slice(arena, text));
}

static void source_set(Arena *arena, DebeziumPlan *plan, const EnvelopeOptions *options) {
    plan->source = ARENA_ARRAY(arena, Value, SOURCE_COUNT);
    plan->source[SOURCE_VERSION] = string(arena, SLICE(DEBEZIUM_VERSION));
    plan->source[SOURCE_CONNECTOR] = string(arena, SLICE("postgresql"));
    plan->source[SOURCE_NAME] = string(arena, options->connector);
    plan->source[SOURCE_DB] = string(arena, options->database);
    plan->source[SOURCE_SCHEMA] = string(arena, plan->schema.space);
    plan->source[SOURCE_TABLE] = string(arena, plan->schema.table);
}

// The first item's place is that of a key change's header.
static void headers_set(Arena *arena, DebeziumPlan *plan, const EnvelopeOptions *options) {
    plan->base.headers = connect_headers_shape(arena);
    Slice prefix = arena_slice(arena, options->connector), run_id = arena_slice(arena, options->run_id);
    plan->header_items[1] = connect_header(arena, SLICE("__debezium.context.connectorLogicalName"), prefix);
    plan->header_items[2] = connect_header(arena, SLICE("__debezium.context.taskId"), SLICE("0"));
    plan->header_items[3] = connect_header(arena, SLICE("__debezium.context.connectorName"), SLICE("postgresql"));
    plan->header_items[4] = connect_header(arena, SLICE("__debezium.context.runId"), run_id);
}

static bool debezium_compile(Arena *arena, const Schema *given, const EnvelopeOptions *options, RecordPlan **made,
                             Err *err) {
    DebeziumPlan *plan = ARENA_NEW(arena, DebeziumPlan);
    plan->schema = schema_copy(arena, given);
    plan->fail_on_inexact = options->fail_on_inexact;
    const Schema *schema = &plan->schema;
    ConnectColumn *columns = ARENA_ARRAY(arena, ConnectColumn, schema->column_count);
    uint32_t *places = ARENA_ARRAY(arena, uint32_t, schema->column_count);
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const Column *column = &schema->columns[i];
        bool optional = (column->flags & (COLUMN_NOT_NULL | COLUMN_PRIMARY)) == 0;
        if (connect_column(arena, &column->type, optional, &columns[plan->count])) {
            fields[plan->count] = (ShapeField){.name = column->name,
                                               .shape = columns[plan->count].shape,
                                               .default_json = optional ? SLICE("null") : (Slice){0}};
            places[plan->count++] = i;
        }
    }
    plan->columns = columns;
    plan->places = places;
    plan->before = ARENA_ARRAY(arena, Value, plan->count);
    plan->after = ARENA_ARRAY(arena, Value, plan->count);
    key_set(arena, plan);
    source_set(arena, plan, options);
    if (plan->key_count > 0) {
        plan->base.key = key_shape(arena, plan, fields, record_name(arena, schema, options, "Key"));
    }
    plan->base.value = value_shape(arena, plan, fields, record_name(arena, schema, options, "Value"),
                                   record_name(arena, schema, options, "Envelope"));
    if (options->headers) {
        headers_set(arena, plan, options);
    }
    *made = &plan->base;
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool row_failed(const DebeziumPlan *plan, uint32_t column, const Event *event, Err *err) {
    return err_prefix(err, "table %.*s.%.*s, column %.*s, commit LSN %X/%X, change %" PRIu64,
                      SLICE_ARG(plan->schema.space), SLICE_ARG(plan->schema.table),
                      SLICE_ARG(plan->schema.columns[plan->places[column]].name), (uint32_t)(event->commit_lsn >> 32),
                      (uint32_t)event->commit_lsn, event->ordinal);
}

static bool row_make(DebeziumPlan *plan, Arena *scratch, const Event *event, const Value *row, Value *made, Value *to,
                     Err *err) {
    *to = (Value){.kind = VALUE_NULL};
    if (row == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        const ConnectColumn *column = &plan->columns[i];
        uint64_t inexact = 0;
        if (!connect_value(column, scratch, &row[plan->places[i]], &inexact, &made[i], err)) {
            return row_failed(plan, i, event, err);
        }
        if (UNLIKELY(inexact > 0 && plan->fail_on_inexact)) {
            (void)FAIL(err, ERR_VALUE, "Debezium's form of %s cannot hold the value",
                       type_kind_name(column->type->kind));
            return row_failed(plan, i, event, err);
        }
        plan->base.inexact += inexact;
        if (made[i].kind == VALUE_NULL && !column->shape.optional) {
            made[i] = column->zero;
        }
    }
    *to = (Value){.kind = VALUE_STRUCT, .items = {made, plan->count}};
    return true;
}

// Milliseconds, microseconds and nanoseconds; what 64 bits cannot hold is NULL.
static void times_set(Value *ms, Value *us, Value *ns, int64_t micros) {
    int64_t nanos;
    *ms = value_int(calendar_ms(micros));
    *us = value_int(micros);
    *ns = __builtin_mul_overflow(micros, 1000, &nanos) ? (Value){.kind = VALUE_NULL} : value_int(nanos);
}

static void source_make(DebeziumPlan *plan, Arena *scratch, const Event *event) {
    Value *source = plan->source;
    bool snapshot = event->op == OP_READ;
    char room[64];
    Buf text = {.data = (uint8_t *)room, .capacity = sizeof(room), .limit = sizeof(room)};
    if (snapshot) {
        buf_text(&text, "[null,\"");
    } else {
        buf_text(&text, "[\"");
        buf_uint(&text, event->commit_lsn);
        buf_text(&text, "\",\"");
    }
    buf_uint(&text, event->lsn);
    buf_text(&text, "\"]");
    source[SOURCE_SEQUENCE] = string(scratch, buf_slice(&text));
    source[SOURCE_SNAPSHOT] = value_bytes(VALUE_STRING, snapshot ? SLICE("true") : SLICE("false"));
    source[SOURCE_LSN] = value_int((int64_t)event->lsn);
    source[SOURCE_TX_ID] =
        event->transaction_id != 0 ? value_int((int64_t)event->transaction_id) : (Value){.kind = VALUE_NULL};
    times_set(&source[SOURCE_TS_MS], &source[SOURCE_TS_US], &source[SOURCE_TS_NS], event->source_us);
}

static void key_take(const DebeziumPlan *plan, const Value *row, Value *key) {
    for (uint32_t i = 0; i < plan->key_count; i++) {
        bool absent = row[plan->key[i]].kind == VALUE_NULL;
        key[i] = absent ? plan->columns[plan->key[i]].zero : row[plan->key[i]];
    }
}

// Of one that is half of a key change: `other` is the row of the other half.
static bool headers_make(DebeziumPlan *plan, Arena *scratch, const Event *event, const Value *other, Err *err) {
    bool half = other != NULL && plan->key_count > 0;
    if (UNLIKELY(half)) {
        for (uint32_t i = 0; i < plan->key_count; i++) {
            const ConnectColumn *column = &plan->columns[plan->key[i]];
            Value *made = &plan->other_key[i];
            uint64_t inexact = 0;
            if (!connect_value(column, scratch, &other[plan->places[plan->key[i]]], &inexact, made, err)) {
                return row_failed(plan, plan->key[i], event, err);
            }
            *made = made->kind == VALUE_NULL ? column->zero : *made;
        }
        Buf text;
        buf_init(&text, 0);
        connect_key_text(&text, plan->base.key, plan->other_key);
        Slice name = event->op == OP_DELETE ? SLICE("__debezium.newkey") : SLICE("__debezium.oldkey");
        plan->header_items[0] = connect_header(scratch, name, arena_slice(scratch, buf_slice(&text)));
        buf_release(&text);
    }
    size_t first = half ? 0 : 1;
    plan->headers = (Value){.kind = VALUE_LIST, .items = {plan->header_items + first, CONNECT_HEADERS_MAX - first}};
    return true;
}

static bool debezium_make(RecordPlan *base, Arena *scratch, const Event *event, Record *record, Err *err) {
    DebeziumPlan *plan = (DebeziumPlan *)base;
    const Schema *schema = &plan->schema;
    record->value = record->key = record->headers = NULL;
    record->skipped = false;
    if (UNLIKELY(record_op(event->op).kind == VALUE_NULL ||
                 ((event->before != NULL || event->after != NULL) && event->column_count != schema->column_count))) {
        return FAIL(err, ERR_VALUE, "table %.*s.%.*s: an event of operation %d has %u columns, its schema %u",
                    SLICE_ARG(schema->space), SLICE_ARG(schema->table), (int)event->op, event->column_count,
                    schema->column_count);
    }
    EventOp op = event->op;
    bool half = (event->flags & EVENT_KEY_CHANGE) != 0;
    if (UNLIKELY(half && plan->whole_row_key)) {
        if (op == OP_DELETE) {
            record->skipped = true; // the create half tells it all
            return true;
        }
        op = OP_UPDATE;
        half = false;
    }
    const Value *before = (op == OP_CREATE && half) || op == OP_READ || op == OP_TRUNCATE ? NULL : event->before;
    const Value *after = op == OP_DELETE || op == OP_TRUNCATE ? NULL : event->after;
    TRY(row_make(plan, scratch, event, before, plan->before, &plan->top[TOP_BEFORE], err));
    TRY(row_make(plan, scratch, event, after, plan->after, &plan->top[TOP_AFTER], err));
    source_make(plan, scratch, event);
    plan->top[TOP_SOURCE] = (Value){.kind = VALUE_STRUCT, .items = {plan->source, SOURCE_COUNT}};
    plan->top[TOP_OP] = record_op(op);
    times_set(&plan->top[TOP_TS_MS], &plan->top[TOP_TS_US], &plan->top[TOP_TS_NS], event->capture_us);
    record->value = plan->top;
    const Value *row = op == OP_DELETE ? (before != NULL ? plan->before : NULL) : after != NULL ? plan->after : NULL;
    if (plan->key_count > 0 && row != NULL) {
        key_take(plan, row, plan->key_values);
        record->key = plan->key_values;
    }
    if (UNLIKELY(base->headers != NULL)) {
        const Value *other = !half ? NULL : op == OP_DELETE ? event->after : event->before;
        TRY(headers_make(plan, scratch, event, other, err));
        record->headers = &plan->headers;
    }
    return true;
}

const Envelope DEBEZIUM_ENVELOPE = {.name = "debezium", .compile = debezium_compile, .make = debezium_make};
