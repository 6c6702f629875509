// SPDX-License-Identifier: Apache-2.0
#include "data/connect/source_info.h"

#include "core/base/calendar.h"
#include "data/connect/notes.h"

// What source.version says, so that consumers who look at it read the records as that connector's.
#define DEBEZIUM_VERSION "3.7.0.Final"

Shape source_info_shape(Arena *arena) {
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
        fields[i] = connect_field(ROWS[i].name, ROWS[i].kind, ROWS[i].optional);
    }
    Shape *snapshot = &fields[SOURCE_SNAPSHOT].shape;
    connect_describe(arena, snapshot, "io.debezium.data.Enum", 1,
                     "{\"allowed\":\"true,first,first_in_data_collection,last_in_data_collection,last,false,"
                     "incremental\"}",
                     NULL);
    connect_note_add(arena, snapshot, "connect.default", SLICE("\"false\""));
    fields[SOURCE_SNAPSHOT].default_json = SLICE("\"false\"");
    return connect_struct(arena, fields, SOURCE_COUNT, SLICE("io.debezium.connector.postgresql.Source"), 1);
}

Shape source_info_transaction_shape(Arena *arena) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 3);
    fields[0] = connect_field("id", SHAPE_STRING, false);
    fields[1] = connect_field("total_order", SHAPE_INT64, false);
    fields[2] = connect_field("data_collection_order", SHAPE_INT64, false);
    Shape shape = connect_struct(arena, fields, 3, SLICE("event.block"), 1);
    shape.optional = true;
    return shape;
}

static Value string(Arena *arena, Slice text) {
    return value_bytes(VALUE_STRING, arena_slice(arena, text));
}

Value *source_info_new(Arena *arena, Slice connector, Slice database, Slice space, Slice table) {
    Value *source = ARENA_ARRAY(arena, Value, SOURCE_COUNT);
    source[SOURCE_VERSION] = string(arena, SLICE(DEBEZIUM_VERSION));
    source[SOURCE_CONNECTOR] = string(arena, SLICE("postgresql"));
    source[SOURCE_NAME] = string(arena, connector);
    source[SOURCE_DB] = string(arena, database);
    source[SOURCE_SCHEMA] = string(arena, space);
    source[SOURCE_TABLE] = string(arena, table);
    return source;
}

void source_info_times(Value *ms, Value *us, Value *ns, int64_t micros) {
    int64_t nanos;
    *ms = value_int(calendar_ms(micros));
    *us = value_int(micros);
    *ns = __builtin_mul_overflow(micros, 1000, &nanos) ? (Value){.kind = VALUE_NULL} : value_int(nanos);
}

static Slice snapshot_marker(const Event *event) {
    if (event->op != OP_READ) {
        return SLICE("false");
    }
    switch (event->flags & EVENT_MARKS) {
    case EVENT_MARK_FIRST:
        return SLICE("first");
    case EVENT_MARK_FIRST_IN_TABLE:
        return SLICE("first_in_data_collection");
    case EVENT_MARK_LAST_IN_TABLE:
        return SLICE("last_in_data_collection");
    case EVENT_MARK_LAST:
        return SLICE("last");
    case EVENT_MARK_INCREMENTAL:
        return SLICE("incremental");
    default:
        return SLICE("true");
    }
}

void source_info_set(Value *source, Arena *scratch, const Event *event) {
    bool incremental = (event->flags & EVENT_MARKS) == EVENT_MARK_INCREMENTAL;
    Buf text = {.data = arena_alloc(scratch, 48), .capacity = 48, .limit = 48};
    if (event->op == OP_READ && !incremental) {
        buf_bytes(&text, "[null,\"", 7);
    } else {
        buf_bytes(&text, "[\"", 2);
        buf_uint(&text, event->commit_lsn);
        buf_bytes(&text, "\",\"", 3);
    }
    buf_uint(&text, event->lsn);
    buf_bytes(&text, "\"]", 2);
    source[SOURCE_SEQUENCE] = value_bytes(VALUE_STRING, buf_slice(&text));
    source[SOURCE_SNAPSHOT] = value_bytes(VALUE_STRING, snapshot_marker(event));
    source[SOURCE_LSN] = incremental ? (Value){.kind = VALUE_NULL} : value_int((int64_t)event->lsn);
    source[SOURCE_TX_ID] =
        event->transaction_id != 0 ? value_int((int64_t)event->transaction_id) : (Value){.kind = VALUE_NULL};
    source_info_times(&source[SOURCE_TS_MS], &source[SOURCE_TS_US], &source[SOURCE_TS_NS], event->source_us);
}

Value source_info_transaction(Arena *scratch, const Event *event) {
    if ((event->flags & EVENT_ORDERED) == 0) {
        return (Value){.kind = VALUE_NULL};
    }
    Buf text = {.data = arena_alloc(scratch, 48), .capacity = 48, .limit = 48};
    buf_uint(&text, event->transaction_id);
    buf_u8(&text, ':');
    buf_uint(&text, event->lsn);
    Value *items = ARENA_ARRAY(scratch, Value, 3);
    items[0] = value_bytes(VALUE_STRING, buf_slice(&text));
    items[1] = value_int((int64_t)event->total_order);
    items[2] = value_int((int64_t)event->table_order);
    return (Value){.kind = VALUE_STRUCT, .items = {items, 3}};
}
