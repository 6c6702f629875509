// SPDX-License-Identifier: Apache-2.0
// What the tests of transforms share: a record of an orders table, chains of a JSON text, and checks of what they make.
#ifndef LEAT_DATA_CONNECT_SMT_TESTING_H
#define LEAT_DATA_CONNECT_SMT_TESTING_H

#include "core/base/decimal.h"
#include "core/base/test.h"
#include "data/connect/json_converter.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"
#include "data/connect/transform.h"

// --- a record of an orders table -------------------------------------------------------------------------------

static Arena run, scratch;

static inline ShapeField field(const char *name, ShapeKind kind, bool optional) {
    Shape shape = {.kind = kind, .optional = optional};
    return smt_field(slice_of(name), &shape);
}

static inline Shape structure(const char *name, ShapeField *fields, uint32_t count) {
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = count};
    if (name != NULL) {
        smt_name_set(&run, &shape, slice_of(name));
    }
    return shape;
}

enum { ROW_COUNT = 6 };

static inline const Shape *row_shape(void) {
    ShapeField *fields = ARENA_ARRAY(&run, ShapeField, ROW_COUNT);
    fields[0] = field("id", SHAPE_INT32, false);
    fields[1] = field("name", SHAPE_STRING, true);
    fields[2] = field("amount", SHAPE_DECIMAL, true);
    fields[2].shape.precision = 10;
    fields[2].shape.scale = 2;
    connect_describe(&run, &fields[2].shape, "org.apache.kafka.connect.data.Decimal", 1, "{\"scale\":\"2\"}", NULL);
    fields[3] = field("ratio", SHAPE_FLOAT64, true);
    fields[4] = field("at", SHAPE_INT64, true);
    fields[5] = field("ok", SHAPE_BOOL, true);
    Shape shape = structure("p.public.orders.Value", fields, ROW_COUNT);
    return smt_shape_keep(&run, shape);
}

static inline Value row_value(int64_t id, const char *name) {
    Value *items = ARENA_ARRAY(&scratch, Value, ROW_COUNT);
    items[0] = value_int(id);
    items[1] = name == NULL ? (Value){0} : value_bytes(VALUE_STRING, slice_of(name));
    items[2] = value_bytes(VALUE_DECIMAL, decimal_from_int64(&scratch, 1250, 2));
    items[3] = (Value){.kind = VALUE_FLOAT64, .real = 1.5};
    items[4] = value_int(1700000000123);
    items[5] = value_bool(true);
    return (Value){.kind = VALUE_STRUCT, .items = {items, ROW_COUNT}};
}

static inline const Shape *key_shape_made(void) {
    ShapeField *fields = ARENA_ARRAY(&run, ShapeField, 1);
    fields[0] = field("id", SHAPE_INT32, false);
    return smt_shape_keep(&run, structure("p.public.orders.Key", fields, 1));
}

static inline ConnectRecord plain(int64_t id, const char *name) {
    ConnectRecord record = {.topic = SLICE("p.public.orders"), .timestamp_ms = 1700000000123, .partition = 0};
    Value *key = ARENA_ARRAY(&scratch, Value, 2);
    key[1] = value_int(id);
    key[0] = (Value){.kind = VALUE_STRUCT, .items = {&key[1], 1}};
    record.key_shape = key_shape_made();
    record.key = key;
    record.value_shape = row_shape();
    record.value = smt_value_new(&scratch, row_value(id, name));
    record.offset = 42;
    return record;
}

static inline const Shape *envelope_shape_made(const Shape *row) {
    ShapeField *source = ARENA_ARRAY(&run, ShapeField, 3), *top = ARENA_ARRAY(&run, ShapeField, 5);
    source[0] = field("table", SHAPE_STRING, false);
    source[1] = field("lsn", SHAPE_INT64, true);
    source[2] = field("ts_ms", SHAPE_INT64, false);
    Shape optional = *row, from = structure("io.debezium.connector.postgresql.Source", source, 3);
    optional.optional = true;
    top[0] = smt_field(SLICE("before"), &optional);
    top[1] = smt_field(SLICE("after"), &optional);
    top[2] = smt_field(SLICE("source"), &from);
    top[3] = field("op", SHAPE_STRING, false);
    top[4] = field("ts_ms", SHAPE_INT64, true);
    return smt_shape_keep(&run, structure("p.public.orders.Envelope", top, 5));
}

static inline ConnectRecord envelope(const char *op, const Value *before, const Value *after) {
    ConnectRecord record = plain(7, "seven");
    Value *items = ARENA_ARRAY(&scratch, Value, 9);
    items[0] = before != NULL ? *before : (Value){0};
    items[1] = after != NULL ? *after : (Value){0};
    items[2] = (Value){.kind = VALUE_STRUCT, .items = {&items[6], 3}};
    items[3] = value_bytes(VALUE_STRING, slice_of(op));
    items[4] = value_int(99);
    items[6] = value_bytes(VALUE_STRING, SLICE("orders"));
    items[7] = value_int(5);
    items[8] = value_int(98);
    record.value_shape = envelope_shape_made(record.value_shape);
    record.value = smt_value_new(&scratch, (Value){.kind = VALUE_STRUCT, .items = {items, 5}});
    return record;
}

// --- running ---------------------------------------------------------------------------------------------------

static inline TransformChain *chain_of(const char *json) {
    Err err[1] = {{0}};
    Properties config;
    TransformChain *chain = NULL;
    if (run.name == NULL) {
        arena_init(&run, "run", 0);
        arena_init(&scratch, "scratch", 0);
    }
    CHECK_OK(properties_parse(&run, slice_of(json), &config, err));
    CHECK_OK(transform_chain_new(&run, &config, &chain, err));
    return chain;
}

static inline Slice text_of(const Shape *shape, const Value *value) {
    Buf buf;
    buf_init(&buf, 0);
    if (shape != NULL && value != NULL) {
        json_converter_value(&buf, shape, value);
    } else {
        buf_text(&buf, value == NULL ? "null" : "?");
    }
    Slice text = arena_slice(&run, buf_slice(&buf));
    buf_release(&buf);
    return text;
}

static inline Slice schema_of(const Shape *shape) {
    Buf buf;
    buf_init(&buf, 0);
    if (shape != NULL) {
        json_converter_schema(&buf, shape);
    }
    Slice text = arena_slice(&run, buf_slice(&buf));
    buf_release(&buf);
    return text;
}

static inline bool contains(Slice text, const char *part) {
    return text.size >= strlen(part) && memmem(text.data, text.size, part, strlen(part)) != NULL;
}

static inline void apply(TransformChain *chain, ConnectRecord *record) {
    Err err[1] = {{0}};
    bool keep = false;
    CHECK_OK(transform_chain_apply(chain, &scratch, record, &keep, err));
    CHECK(keep);
}

static inline void check_value(const char *config, ConnectRecord record, const char *value) {
    TransformChain *chain = chain_of(config);
    apply(chain, &record);
    CHECK_TEXT(text_of(record.value_shape, record.value), value);
    apply(chain, &(ConnectRecord){.topic = record.topic, .timestamp_ms = -1}); // a tombstone passes
    transform_chain_release(chain);
}

static inline void fails(const char *config, ConnectRecord record, const char *message) {
    Err err[1] = {{0}};
    bool keep = false;
    TransformChain *chain = chain_of(config);
    CHECK(!transform_chain_apply(chain, &scratch, &record, &keep, err));
    CHECK_INT(err->code, ERR_VALUE);
    if (strstr(err->message, message) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' is not in '%s'", message, err->message);
    }
    transform_chain_release(chain);
}

static inline void refused(const char *config, const char *message) {
    Err err[1] = {{0}};
    Properties properties;
    TransformChain *chain = NULL;
    if (run.name == NULL) {
        arena_init(&run, "run", 0);
    }
    CHECK_OK(properties_parse(&run, slice_of(config), &properties, err));
    CHECK(!transform_chain_new(&run, &properties, &chain, err));
    CHECK_INT(err->code, ERR_OPTION);
    if (strstr(err->message, message) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' is not in '%s'", message, err->message);
    }
}

static inline void setup(void) {
    arena_init(&run, "run", 0);
    arena_init(&scratch, "scratch", 0);
}

#define KAFKA   "org.apache.kafka.connect.transforms."
#define ONE(of) "{\"transforms\":\"t\",\"transforms.t.type\":\"" of "\""

#endif
