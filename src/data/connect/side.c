// SPDX-License-Identifier: Apache-2.0
#include "data/connect/side.h"

#include "core/base/calendar.h"
#include "data/connect/source_info.h"

#include <jansson.h>

enum { COLUMNS_MAX = 5 };

struct SidePlan {
    TopicKind kind;
    DebeziumOptions options;
    Shape key, value;
    Value *source;              // $message
    int32_t place[COLUMNS_MAX]; // in the events, of the kind's columns; -1 = absent
};

static const char *const SPACES[] = {
    [TOPIC_MESSAGE] = "$message",
    [TOPIC_HEARTBEAT] = "$heartbeat",
    [TOPIC_TRANSACTION] = "$transaction",
    [TOPIC_NOTIFICATION] = "$notification",
};

static const char *const COLUMNS[][COLUMNS_MAX] = {
    [TOPIC_MESSAGE] = {"prefix", "content"},
    [TOPIC_HEARTBEAT] = {NULL},
    [TOPIC_TRANSACTION] = {"status", "id", "event_count", "data_collections"},
    [TOPIC_NOTIFICATION] = {"id", "type", "aggregate_type", "additional_data", "timestamp"},
};

bool side_kind(const Schema *schema, TopicKind *kind) {
    if (LIKELY(schema->space.size == 0 || schema->space.data[0] != '$')) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(SPACES); i++) {
        if (slice_is(schema->space, SPACES[i])) {
            *kind = (TopicKind)i;
            return true;
        }
    }
    return false;
}

// --- shapes ----------------------------------------------------------------------------------------------------

static Shape named(Arena *arena, const DebeziumOptions *options, const ShapeField *fields, uint32_t count,
                   const char *name) {
    ShapeField *copy = ARENA_ARRAY(arena, ShapeField, count);
    memcpy(copy, fields, count * sizeof(*fields));
    return connect_struct(arena, copy, count, name_adjust(arena, options->schema_names, false, slice_of(name)), 1);
}

static void message_shapes(Arena *arena, const DebeziumOptions *options, SidePlan *plan) {
    ShapeField prefix = connect_field("prefix", SHAPE_STRING, true);
    plan->key = named(arena, options, &prefix, 1, "io.debezium.connector.postgresql.MessageKey");
    ShapeKind content = options->columns.binary == BINARY_BYTES ? SHAPE_BYTES : SHAPE_STRING;
    ShapeField message[] = {prefix, connect_field("content", content, true)};
    ShapeField fields[] = {
        connect_field("op", SHAPE_STRING, false),
        connect_field("ts_ms", SHAPE_INT64, true),
        {.name = SLICE("source"), .shape = source_info_shape(arena)},
        {.name = SLICE("transaction"), .shape = source_info_transaction_shape(arena), .default_json = SLICE("null")},
        {.name = SLICE("message"),
         .shape = named(arena, options, message, 2, "io.debezium.connector.postgresql.Message")},
    };
    plan->value = named(arena, options, fields, ARRAY_LEN(fields), "io.debezium.connector.postgresql.MessageValue");
    plan->source = source_info_new(arena, options->connector, options->database, SLICE(""), SLICE(""));
}

static void transaction_shapes(Arena *arena, const DebeziumOptions *options, SidePlan *plan) {
    ShapeField id = connect_field("id", SHAPE_STRING, false);
    plan->key = named(arena, options, &id, 1, "io.debezium.connector.common.TransactionMetadataKey");
    ShapeField each[] = {connect_field("data_collection", SHAPE_STRING, false),
                         connect_field("event_count", SHAPE_INT64, false)};
    Shape *collection = ARENA_NEW(arena, Shape);
    *collection = named(arena, options, each, 2, "event.collection");
    collection->optional = true;
    ShapeField fields[] = {
        connect_field("status", SHAPE_STRING, false), id, connect_field("event_count", SHAPE_INT64, true),
        connect_field("data_collections", SHAPE_LIST, true), connect_field("ts_ms", SHAPE_INT64, false)};
    fields[3].shape.element = collection;
    plan->value =
        named(arena, options, fields, ARRAY_LEN(fields), "io.debezium.connector.common.TransactionMetadataValue");
}

static void notification_shapes(Arena *arena, const DebeziumOptions *options, SidePlan *plan) {
    ShapeField id = connect_field("id", SHAPE_STRING, false);
    plan->key = named(arena, options, &id, 1, "io.debezium.connector.common.NotificationKey");
    Shape *text = ARENA_NEW(arena, Shape);
    *text = (Shape){.kind = SHAPE_STRING};
    ShapeField fields[] = {
        id, connect_field("type", SHAPE_STRING, false), connect_field("aggregate_type", SHAPE_STRING, false),
        connect_field("additional_data", SHAPE_MAP, true), connect_field("timestamp", SHAPE_INT64, false)};
    fields[3].shape.element = text;
    plan->value = named(arena, options, fields, ARRAY_LEN(fields), "io.debezium.connector.common.Notification");
}

static void heartbeat_shapes(Arena *arena, const DebeziumOptions *options, SidePlan *plan) {
    ShapeField name = connect_field("serverName", SHAPE_STRING, false),
               time = connect_field("ts_ms", SHAPE_INT64, false);
    plan->key = named(arena, options, &name, 1, "io.debezium.connector.common.ServerNameKey");
    plan->value = named(arena, options, &time, 1, "io.debezium.connector.common.Heartbeat");
}

SidePlan *side_plan_new(Arena *arena, const Schema *schema, TopicKind kind, const DebeziumOptions *options) {
    static void (*const SHAPES[])(Arena *, const DebeziumOptions *, SidePlan *) = {
        [TOPIC_MESSAGE] = message_shapes,
        [TOPIC_HEARTBEAT] = heartbeat_shapes,
        [TOPIC_TRANSACTION] = transaction_shapes,
        [TOPIC_NOTIFICATION] = notification_shapes,
    };
    SidePlan *plan = ARENA_NEW(arena, SidePlan);
    plan->kind = kind;
    plan->options = *options;
    SHAPES[kind](arena, options, plan);
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        plan->place[i] = COLUMNS[kind][i] == NULL ? -1 : schema_find_column(schema, slice_of(COLUMNS[kind][i]));
    }
    return plan;
}

// --- values ----------------------------------------------------------------------------------------------------

static const Value NOTHING = {.kind = VALUE_NULL};

// The event's value of the kind's n-th column, of the form that is expected; else NULL.
static Value taken(const SidePlan *plan, const Event *event, size_t n, ValueKind kind) {
    int32_t place = plan->place[n];
    if (place < 0 || event->after == NULL || (uint32_t)place >= event->column_count) {
        return NOTHING;
    }
    return event->after[place].kind == kind ? event->after[place] : NOTHING;
}

static Value text_or_empty(const SidePlan *plan, const Event *event, size_t n) {
    Value text = taken(plan, event, n, VALUE_STRING);
    return text.kind == VALUE_NULL ? value_bytes(VALUE_STRING, SLICE("")) : text;
}

static const Value *struct_of(Arena *scratch, const Value *items, size_t count) {
    Value *copy = ARENA_ARRAY(scratch, Value, count), *made = ARENA_NEW(scratch, Value);
    memcpy(copy, items, count * sizeof(*items));
    *made = (Value){.kind = VALUE_STRUCT, .items = {copy, count}};
    return made;
}

static bool json_fails(const SidePlan *plan, const char *column, Err *err) {
    return FAIL(err, ERR_VALUE, "%s, column %s: not the JSON that belongs there", SPACES[plan->kind], column);
}

static Value json_text(Arena *scratch, const json_t *string) {
    Slice text = {(const uint8_t *)json_string_value(string), json_string_length(string)};
    return value_bytes(VALUE_STRING, arena_slice(scratch, text));
}

static bool collections_of(Arena *scratch, const json_t *json, Value *list) {
    size_t count = json_array_size(json);
    Value *items = ARENA_ARRAY(scratch, Value, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *each = json_array_get(json, i);
        const json_t *name = json_object_get(each, "data_collection"), *events = json_object_get(each, "event_count");
        if (!json_is_string(name) || !json_is_integer(events)) {
            return false;
        }
        Value pair[2] = {json_text(scratch, name), value_int(json_integer_value(events))};
        items[i] = *struct_of(scratch, pair, 2);
    }
    *list = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return json_is_array(json);
}

static bool texts_of(Arena *scratch, json_t *json, Value *map) {
    size_t count = 0;
    Value *items = ARENA_ARRAY(scratch, Value, 2 * json_object_size(json));
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value) {
        if (!json_is_string(value)) {
            return false;
        }
        items[count++] = value_bytes(VALUE_STRING, arena_slice(scratch, slice_of(key)));
        items[count++] = json_text(scratch, value);
    }
    *map = (Value){.kind = VALUE_MAP, .items = {items, count}};
    return json_is_object(json);
}

// A list of collections, or a map of texts; NULL stays NULL.
static bool json_value(const SidePlan *plan, Arena *scratch, const Event *event, size_t n, Value *made, Err *err) {
    Value text = taken(plan, event, n, VALUE_STRING);
    *made = NOTHING;
    if (text.kind == VALUE_NULL) {
        return true;
    }
    json_t *json = json_loadb((const char *)text.bytes.data, text.bytes.size, 0, NULL);
    bool good = plan->kind == TOPIC_TRANSACTION ? collections_of(scratch, json, made) : texts_of(scratch, json, made);
    json_decref(json);
    return good || json_fails(plan, COLUMNS[plan->kind][n], err);
}

static void message_make(SidePlan *plan, Arena *scratch, const Event *event, ConnectRecord *record) {
    Value prefix = text_or_empty(plan, event, 0), content = taken(plan, event, 1, VALUE_BYTES);
    record->key = struct_of(scratch, &prefix, 1);
    source_info_set(plan->source, scratch, event);
    Value message[2] = {prefix, connect_binary(scratch, plan->options.columns.binary, &content)};
    Value items[] = {
        value_bytes(VALUE_STRING, SLICE("m")),
        value_int(calendar_ms(event->capture_us)),
        *struct_of(scratch, plan->source, SOURCE_COUNT),
        plan->options.transactions ? source_info_transaction(scratch, event) : NOTHING,
        *struct_of(scratch, message, 2),
    };
    record->value = struct_of(scratch, items, ARRAY_LEN(items));
}

bool side_plan_make(SidePlan *plan, Arena *scratch, const Event *event, ConnectRecord *record, Err *err) {
    record->key_shape = &plan->key;
    record->value_shape = &plan->value;
    if (plan->kind == TOPIC_MESSAGE) {
        message_make(plan, scratch, event, record);
    } else if (plan->kind == TOPIC_HEARTBEAT) {
        Value name = value_bytes(VALUE_STRING, plan->options.connector),
              time = value_int(calendar_ms(event->capture_us));
        record->key = struct_of(scratch, &name, 1);
        record->value = struct_of(scratch, &time, 1);
    } else if (plan->kind == TOPIC_TRANSACTION) {
        Value items[] = {text_or_empty(plan, event, 0), text_or_empty(plan, event, 1), taken(plan, event, 2, VALUE_INT),
                         NOTHING, value_int(calendar_ms(event->source_us))};
        TRY(json_value(plan, scratch, event, 3, &items[3], err));
        record->key = struct_of(scratch, &items[1], 1);
        record->value = struct_of(scratch, items, ARRAY_LEN(items));
    } else {
        Value time = taken(plan, event, 4, VALUE_INT);
        Value items[] = {text_or_empty(plan, event, 0), text_or_empty(plan, event, 1), text_or_empty(plan, event, 2),
                         NOTHING, time.kind == VALUE_NULL ? value_int(calendar_ms(event->capture_us)) : time};
        TRY(json_value(plan, scratch, event, 3, &items[3], err));
        record->key = struct_of(scratch, items, 1);
        record->value = struct_of(scratch, items, ARRAY_LEN(items));
    }
    return true;
}
