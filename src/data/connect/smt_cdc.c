// SPDX-License-Identifier: Apache-2.0
// The transforms that come with Iceberg's sink connectors: DebeziumTransform and DmsTransform, which put a change's row
// in the place of its envelope, with a struct _cdc of what it was:
//
//     op I, U or D · ts Timestamp · offset · source "SCHEMA.TABLE" · target, of cdc.target.pattern · key
//
// and CopyValue. The same under Apache's names and under Tabular's.
#include "data/connect/column.h"
#include "data/connect/smt.h"

#define TIMESTAMP_CLASS "org.apache.kafka.connect.data.Timestamp"

enum { CDC_OP, CDC_TS, CDC_OFFSET, CDC_SOURCE, CDC_TARGET, CDC_KEY, CDC_FIELDS };

typedef struct CdcPlan {
    const Shape *key; // that it was made for
    const Shape *shape[2], *cdc;
    int32_t op, payload[2], ts, source, table, space; // fields; of `source` the last two. [0] after, [1] before
} CdcPlan;

typedef struct Cdc {
    Slice pattern; // of targets; empty: SCHEMA.TABLE
} Cdc;

// --- DebeziumTransform -----------------------------------------------------------------------------------------

static bool cdc_compile(Smt *smt, Err *err) {
    Cdc *cdc = smt->state = ARENA_NEW(smt->arena, Cdc);
    cdc->pattern = smt_text(smt, "cdc.target.pattern", "");
    return true;
}

static int32_t field_of(const Shape *shape, const char *name) {
    return shape->kind == SHAPE_STRUCT ? shape_find(shape, slice_of(name)) : -1;
}

static const Shape *cdc_shape(Smt *smt, const Shape *key) {
    Shape timestamp = {.kind = SHAPE_INT64}, offset = {.kind = SHAPE_INT64, .optional = true};
    connect_describe(smt->arena, &timestamp, TIMESTAMP_CLASS, 1, NULL, NULL);
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, CDC_FIELDS);
    fields[CDC_OP] = smt_field(SLICE("op"), &SMT_STRING);
    fields[CDC_TS] = smt_field(SLICE("ts"), &timestamp);
    fields[CDC_OFFSET] = smt_field(SLICE("offset"), &offset);
    fields[CDC_SOURCE] = smt_field(SLICE("source"), &SMT_STRING);
    fields[CDC_TARGET] = smt_field(SLICE("target"), &SMT_STRING);
    if (key != NULL) {
        fields[CDC_KEY] = smt_field(SLICE("key"), key);
    }
    uint32_t count = key != NULL ? CDC_FIELDS : CDC_KEY;
    return smt_shape_keep(smt->arena, (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = count});
}

// The row's fields, and _cdc behind them.
static const Shape *row_shape(Smt *smt, const Shape *row, const Shape *cdc) {
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, row->field_count + 1);
    memcpy(fields, row->fields, row->field_count * sizeof(*fields));
    fields[row->field_count] = smt_field(SLICE("_cdc"), cdc);
    Shape shape = smt_basics_with(smt->arena, row, fields, row->field_count + 1);
    shape.optional = false;
    return smt_shape_keep(smt->arena, shape);
}

static bool cdc_plan_make(Smt *smt, const Shape *from, const Shape *key, CdcPlan **made, Err *err) {
    CdcPlan *plan = ARENA_NEW(smt->arena, CdcPlan);
    *plan = (CdcPlan){.key = key,
                      .op = field_of(from, "op"),
                      .payload = {field_of(from, "after"), field_of(from, "before")},
                      .ts = field_of(from, "ts_ms"),
                      .source = field_of(from, "source"),
                      .table = -1,
                      .space = -1};
    if (plan->source >= 0) {
        const Shape *source = &from->fields[plan->source].shape;
        plan->space = field_of(source, "schema");
        plan->space = plan->space >= 0 ? plan->space : field_of(source, "db");
        plan->table = field_of(source, "table");
    }
    plan->cdc = cdc_shape(smt, key);
    for (size_t i = 0; i < 2; i++) {
        const Shape *row = plan->payload[i] >= 0 ? &from->fields[plan->payload[i]].shape : NULL;
        plan->shape[i] = row != NULL && row->kind == SHAPE_STRUCT ? row_shape(smt, row, plan->cdc) : NULL;
    }
    if (plan->op < 0 || plan->ts < 0 || plan->table < 0 || plan->space < 0 ||
        (plan->shape[0] == NULL && plan->shape[1] == NULL)) {
        return FAIL(err, ERR_VALUE, "the record is no change of Debezium's: it lacks op, after, ts_ms or source");
    }
    smt_plan_keep(smt, from, plan);
    *made = plan;
    return true;
}

static void put_text(Buf *out, const Value *value) {
    buf_put(out, value->kind == VALUE_STRING ? value->bytes : SLICE("null"));
}

static Value source_text(Arena *scratch, const Value *space, const Value *table) {
    DEFER(buf_release) Buf out = {0};
    put_text(&out, space);
    buf_u8(&out, '.');
    put_text(&out, table);
    return value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&out)));
}

static bool starts(Slice text, const char *with) {
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

// {db} and {table} of the pattern.
static Value target_text(const Cdc *cdc, Arena *scratch, const Value *space, const Value *table) {
    if (cdc->pattern.size == 0) {
        return source_text(scratch, space, table);
    }
    DEFER(buf_release) Buf out = {0};
    for (Slice rest = cdc->pattern; rest.size > 0;) {
        bool db = starts(rest, "{db}"), name = starts(rest, "{table}");
        if (db || name) {
            put_text(&out, db ? space : table);
            rest = slice_from(rest, strlen(db ? "{db}" : "{table}"));
        } else {
            buf_u8(&out, rest.data[0]);
            rest = slice_from(rest, 1);
        }
    }
    return value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&out)));
}

static Value *row_value(Arena *scratch, const Shape *shape, const Value *row, const Value *cdc) {
    Value *items = NULL, *made = smt_struct_new(scratch, shape, &items);
    memcpy(items, row->items.at, row->items.count * sizeof(*items));
    items[row->items.count] = *cdc;
    return made;
}

static bool cdc_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "Debezium transform", err));
    const Shape *from = smt_shape(smt, record);
    CdcPlan *plan = smt_plan(smt, from);
    if (UNLIKELY(plan == NULL || plan->key != record->key_shape)) {
        TRY(cdc_plan_make(smt, from, record->key_shape, &plan, err));
    }
    const Value *op = &value->items.at[plan->op], *source = &value->items.at[plan->source];
    char letter = op->kind == VALUE_STRING && op->bytes.size == 1 ? (char)op->bytes.data[0] : 'c';
    int before = letter == 'd';
    const Value *row = plan->shape[before] != NULL ? &value->items.at[plan->payload[before]] : NULL;
    if (row == NULL || row->kind != VALUE_STRUCT || source->kind != VALUE_STRUCT) {
        return FAIL(err, ERR_VALUE, "a change with op %c has no %s", letter, before ? "before" : "after");
    }
    Value *items = NULL;
    const Value *space = &source->items.at[plan->space], *table = &source->items.at[plan->table];
    const Value *cdc = smt_struct_new(scratch, plan->cdc, &items);
    items[CDC_OP] = value_bytes(VALUE_STRING, letter == 'u' ? SLICE("U") : before ? SLICE("D") : SLICE("I"));
    items[CDC_TS] = value->items.at[plan->ts];
    items[CDC_OFFSET] = value_int((int64_t)record->offset);
    items[CDC_SOURCE] = source_text(scratch, space, table);
    items[CDC_TARGET] = target_text(smt->state, scratch, space, table);
    if (plan->key != NULL) {
        items[CDC_KEY] = record->key != NULL ? *record->key : (Value){.kind = VALUE_NULL};
    }
    smt_put(smt, record, plan->shape[before], row_value(scratch, plan->shape[before], row, cdc));
    return true;
}

// --- DmsTransform ----------------------------------------------------------------------------------------------

typedef struct DmsPlan {
    const Shape *shape, *cdc;
    int32_t data, metadata, operation, timestamp, space, table;
} DmsPlan;

static bool dms_compile(Smt *smt, Err *err) {
    smt->state = ARENA_NEW(smt->arena, Cdc);
    return true;
}

static DmsPlan *dms_plan(Smt *smt, const Shape *from) {
    DmsPlan *plan = smt_plan(smt, from);
    if (LIKELY(plan != NULL)) {
        return plan;
    }
    plan = ARENA_NEW(smt->arena, DmsPlan);
    smt_plan_keep(smt, from, plan);
    plan->data = field_of(from, "data");
    plan->metadata = field_of(from, "metadata");
    if (plan->data < 0 || plan->metadata < 0 || from->fields[plan->data].shape.kind != SHAPE_STRUCT) {
        return plan;
    }
    const Shape *metadata = &from->fields[plan->metadata].shape;
    plan->operation = field_of(metadata, "operation");
    plan->timestamp = field_of(metadata, "timestamp");
    plan->space = field_of(metadata, "schema-name");
    plan->table = field_of(metadata, "table-name");
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, 3);
    fields[0] = smt_field(SLICE("op"), &SMT_STRING);
    fields[1] =
        smt_field(SLICE("ts"), plan->timestamp >= 0 ? &metadata->fields[plan->timestamp].shape : &SMT_STRING_OPTIONAL);
    fields[1].shape.optional = true;
    fields[2] = smt_field(SLICE("source"), &SMT_STRING);
    plan->cdc = smt_shape_keep(smt->arena, (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = 3});
    plan->shape = row_shape(smt, &from->fields[plan->data].shape, plan->cdc);
    return plan;
}

static bool dms_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    static const Value NONE = {.kind = VALUE_NULL};
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "DMS transform", err));
    const DmsPlan *plan = dms_plan(smt, smt_shape(smt, record));
    const Value *data = plan->shape != NULL ? &value->items.at[plan->data] : &NONE;
    const Value *metadata = plan->shape != NULL ? &value->items.at[plan->metadata] : &NONE;
    *keep = data->kind == VALUE_STRUCT && metadata->kind == VALUE_STRUCT; // what is no change is left out
    if (!*keep) {
        return true;
    }
    const Value *op = plan->operation >= 0 ? &metadata->items.at[plan->operation] : &NONE;
    if (op->kind != VALUE_STRING) {
        return FAIL(err, ERR_VALUE, "its metadata has no operation");
    }
    Value *items = NULL;
    const Value *cdc = smt_struct_new(scratch, plan->cdc, &items);
    items[0] = value_bytes(VALUE_STRING, slice_is(op->bytes, "update")   ? SLICE("U")
                                         : slice_is(op->bytes, "delete") ? SLICE("D")
                                                                         : SLICE("I"));
    items[1] = plan->timestamp >= 0 ? metadata->items.at[plan->timestamp] : NONE;
    items[2] = source_text(scratch, plan->space >= 0 ? &metadata->items.at[plan->space] : &NONE,
                           plan->table >= 0 ? &metadata->items.at[plan->table] : &NONE);
    smt_put(smt, record, plan->shape, row_value(scratch, plan->shape, data, cdc));
    return true;
}

// --- CopyValue -------------------------------------------------------------------------------------------------

typedef struct Copy {
    Slice from, to;
} Copy;

typedef struct CopyPlan {
    const Shape *shape;
    int32_t from; // -1: there is no such field
    int32_t to;   // the field that it takes the place of, or behind all
} CopyPlan;

static bool copy_compile(Smt *smt, Err *err) {
    Copy *copy = smt->state = ARENA_NEW(smt->arena, Copy);
    return smt_required(smt, "source.field", &copy->from, err) && smt_required(smt, "target.field", &copy->to, err);
}

static const CopyPlan *copy_plan(Smt *smt, const Shape *from) {
    const Copy *copy = smt->state;
    CopyPlan *plan = smt_plan(smt, from);
    if (LIKELY(plan != NULL)) {
        return plan;
    }
    plan = ARENA_NEW(smt->arena, CopyPlan);
    smt_plan_keep(smt, from, plan);
    plan->from = shape_find(from, copy->from);
    if (plan->from < 0) {
        return plan;
    }
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count + 1);
    memcpy(fields, from->fields, from->field_count * sizeof(*fields));
    int32_t there = shape_find(from, copy->to);
    plan->to = there >= 0 ? there : (int32_t)from->field_count;
    fields[plan->to] = smt_field(copy->to, &from->fields[plan->from].shape);
    uint32_t count = from->field_count + (there < 0);
    plan->shape = smt_shape_keep(smt->arena, smt_basics_with(smt->arena, from, fields, count));
    return plan;
}

static bool copy_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "copy value", err));
    const CopyPlan *plan = copy_plan(smt, smt_shape(smt, record));
    if (plan->from < 0) {
        const Copy *copy = smt->state;
        return FAIL(err, ERR_VALUE, "there is no field %.*s", SLICE_ARG(copy->from));
    }
    Value *items = NULL, *made = smt_struct_new(scratch, plan->shape, &items);
    memcpy(items, value->items.at, value->items.count * sizeof(*items));
    items[plan->to] = value->items.at[plan->from];
    smt_put(smt, record, plan->shape, made);
    return true;
}

// --- the classes -----------------------------------------------------------------------------------------------

#define CLASS(variable, class_name, prefix) \
    const SmtClass variable = {.name = (class_name), .compile = prefix##_compile, .apply = prefix##_apply}

CLASS(SMT_CDC_APACHE, "org.apache.iceberg.connect.transforms.DebeziumTransform", cdc);
CLASS(SMT_CDC_TABULAR, "io.tabular.iceberg.connect.transforms.DebeziumTransform", cdc);
CLASS(SMT_DMS_APACHE, "org.apache.iceberg.connect.transforms.DmsTransform", dms);
CLASS(SMT_DMS_TABULAR, "io.tabular.iceberg.connect.transforms.DmsTransform", dms);
CLASS(SMT_COPY_APACHE, "org.apache.iceberg.connect.transforms.CopyValue", copy);
CLASS(SMT_COPY_TABULAR, "io.tabular.iceberg.connect.transforms.CopyValue", copy);
