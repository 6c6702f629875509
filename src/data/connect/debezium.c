// SPDX-License-Identifier: Apache-2.0
#include "data/connect/debezium.h"

#include "data/connect/defaults.h"
#include "data/connect/source_info.h"
#include "data/format/record.h"

#include <ctype.h>

// --- compiling -------------------------------------------------------------------------------------------------

static bool compiled(Arena *arena, const DebeziumPlan *plan, uint32_t place, ConnectColumn *column) {
    const Column *from = &plan->schema.columns[place];
    bool optional = (from->flags & (COLUMN_NOT_NULL | COLUMN_PRIMARY)) == 0;
    if (plan->options.columns.exact && plan->schema.identity != IDENTITY_FULL && (from->flags & COLUMN_KEY) == 0) {
        optional = true; // a `before` does not tell it
    }
    return connect_column(arena, &plan->options.columns, &from->type, optional, column);
}

// With its DEFAULT, which stands for what is not told of a column that may not be NULL.
static ShapeField default_field(Arena *arena, const DebeziumPlan *plan, ConnectColumn *column, uint32_t place) {
    const Column *from = &plan->schema.columns[place];
    ShapeField field = {.name = name_adjust(arena, plan->options.field_names, true, from->name),
                        .default_json = column->shape.optional ? SLICE("null") : (Slice){0}};
    Value value;
    if (!plan->options.columns.exact && column_default(arena, column, from->default_text, &value)) {
        column->zero = value;
        field.default_json = column_default_describe(arena, &column->shape, &value);
    }
    field.shape = column->shape;
    return field;
}

static void tell_source_type(Arena *arena, const Column *column, Shape *shape) {
    Slice name = column_type_name(arena, &column->type);
    char *upper = arena_text(arena, name);
    for (char *at = upper; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    int64_t scale = column_scale(&column->type);
    connect_parameter_add(arena, shape, "__debezium.source.column.type", slice_of(upper));
    connect_parameter_add(arena, shape, "__debezium.source.column.length",
                          slice_of(arena_printf(arena, "%" PRId64, column_length(&column->type))));
    if (scale >= 0) {
        connect_parameter_add(arena, shape, "__debezium.source.column.scale",
                              slice_of(arena_printf(arena, "%" PRId64, scale)));
    }
    connect_parameter_add(arena, shape, "__debezium.source.column.name", column->name);
}

// The primary key in its own order, else the columns of the identity's index in the table's: places in the schema.
static uint32_t key_find(DebeziumPlan *plan, uint32_t *key) {
    const Schema *schema = &plan->schema;
    uint32_t said = column_rules_key(plan->options.rules, schema, key);
    bool any_primary = false;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        any_primary |= (schema->columns[i].flags & COLUMN_PRIMARY) != 0;
    }
    plan->key_of_rules = said > 0;
    plan->whole_row_key = schema->identity == IDENTITY_FULL && !any_primary;
    if (said > 0) {
        return said;
    }
    if (plan->options.columns.exact && schema->identity == IDENTITY_INDEX) {
        any_primary = false; // a `before` has the index's columns only
    }
    uint32_t wanted = any_primary ? COLUMN_PRIMARY : COLUMN_KEY, count = 0;
    for (uint32_t i = 0; i < schema->column_count && !plan->whole_row_key; i++) {
        const Column *column = &schema->columns[i];
        if ((column->flags & wanted) == 0) {
            continue;
        }
        uint32_t at = count++;
        for (; any_primary && at > 0 && schema->columns[key[at - 1]].key_ordinal > column->key_ordinal; at--) {
            key[at] = key[at - 1];
        }
        key[at] = i;
    }
    return count;
}

// Among the columns that are shown as they are.
static int32_t shown_at(const DebeziumPlan *plan, uint32_t place) {
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->places[i] == place && (plan->masks == NULL || plan->masks[i] == NULL)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static void key_set(Arena *arena, DebeziumPlan *plan, Slice name) {
    uint32_t most = plan->schema.column_count;
    uint32_t *key = ARENA_ARRAY(arena, uint32_t, most);
    uint32_t found = key_find(plan, key);
    ConnectColumn *columns = ARENA_ARRAY(arena, ConnectColumn, found);
    uint32_t *places = ARENA_ARRAY(arena, uint32_t, found);
    int32_t *from = ARENA_ARRAY(arena, int32_t, found);
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, found);
    for (uint32_t i = 0; i < found; i++) {
        uint32_t at = plan->key_count;
        if (compiled(arena, plan, key[i], &columns[at])) {
            fields[at] = default_field(arena, plan, &columns[at], key[i]);
            places[at] = key[i];
            from[at] = shown_at(plan, key[i]);
            plan->key_count++;
        }
    }
    plan->key_columns = columns;
    plan->key_places = places;
    plan->key_from = from;
    plan->key_values = ARENA_ARRAY(arena, Value, plan->key_count);
    plan->other_key = ARENA_ARRAY(arena, Value, plan->key_count);
    if (plan->key_count > 0) {
        Shape *shape = ARENA_NEW(arena, Shape);
        *shape = connect_struct(arena, fields, plan->key_count, name, 0);
        plan->key = shape;
    }
}

static const Shape *value_shape(Arena *arena, const DebeziumPlan *plan, const ShapeField *columns, Slice row_name,
                                Slice name) {
    Shape row = connect_struct(arena, columns, plan->count, row_name, 0);
    row.optional = true;
    ShapeField *top = ARENA_ARRAY(arena, ShapeField, TOP_COUNT);
    top[TOP_BEFORE] = (ShapeField){.name = SLICE("before"), .shape = row, .default_json = SLICE("null")};
    top[TOP_AFTER] = (ShapeField){.name = SLICE("after"), .shape = row, .default_json = SLICE("null")};
    top[TOP_SOURCE] = (ShapeField){.name = SLICE("source"), .shape = source_info_shape(arena)};
    top[TOP_TRANSACTION] = (ShapeField){
        .name = SLICE("transaction"), .shape = source_info_transaction_shape(arena), .default_json = SLICE("null")};
    top[TOP_OP] = connect_field("op", SHAPE_STRING, false);
    top[TOP_TS_MS] = connect_field("ts_ms", SHAPE_INT64, true);
    top[TOP_TS_US] = connect_field("ts_us", SHAPE_INT64, true);
    top[TOP_TS_NS] = connect_field("ts_ns", SHAPE_INT64, true);
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = connect_struct(arena, top, TOP_COUNT, name, 2);
    return shape;
}

static Slice part_name(Arena *arena, const DebeziumOptions *options, Slice name, const char *part) {
    Slice full = slice_of(arena_printf(arena, "%.*s.%s", SLICE_ARG(name), part));
    return name_adjust(arena, options->schema_names, false, full);
}

bool debezium_plan_new(Arena *arena, const Schema *given, Slice name, const DebeziumOptions *options,
                       DebeziumPlan **made, Err *err) {
    DebeziumPlan *plan = ARENA_NEW(arena, DebeziumPlan);
    plan->schema = schema_copy(arena, given);
    plan->options = *options;
    const Schema *schema = &plan->schema;
    ConnectColumn *columns = ARENA_ARRAY(arena, ConnectColumn, schema->column_count);
    uint32_t *places = ARENA_ARRAY(arena, uint32_t, schema->column_count);
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, schema->column_count);
    const Mask **masks = ARENA_ARRAY(arena, const Mask *, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const Column *from = &schema->columns[i];
        ConnectColumn *column = &columns[plan->count];
        if (!column_rules_shown(options->rules, schema, from) || !compiled(arena, plan, i, column)) {
            continue;
        }
        if (column_rules_tell(options->rules, schema, from)) {
            tell_source_type(arena, from, &column->shape);
        }
        const Mask *mask = column_rules_mask(options->rules, schema, from);
        if (mask != NULL && mask_describe(mask, arena, column, column_length(&from->type))) {
            masks[plan->count] = mask;
            plan->masks = masks;
        }
        fields[plan->count] = default_field(arena, plan, column, i);
        places[plan->count++] = i;
    }
    plan->columns = columns;
    plan->places = places;
    plan->before = ARENA_ARRAY(arena, Value, plan->count);
    plan->after = ARENA_ARRAY(arena, Value, plan->count);
    plan->source = source_info_new(arena, options->connector, options->database, schema->space, schema->table);
    key_set(arena, plan, part_name(arena, options, name, "Key"));
    plan->value = value_shape(arena, plan, fields, part_name(arena, options, name, "Value"),
                              part_name(arena, options, name, "Envelope"));
    *made = plan;
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool row_failed(const DebeziumPlan *plan, uint32_t place, const Event *event, Err *err) {
    return err_prefix(err, "table %.*s.%.*s, column %.*s, commit LSN %X/%X, change %" PRIu64,
                      SLICE_ARG(plan->schema.space), SLICE_ARG(plan->schema.table),
                      SLICE_ARG(plan->schema.columns[place].name), (uint32_t)(event->commit_lsn >> 32),
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
        if (UNLIKELY(!connect_value(column, scratch, &row[plan->places[i]], &inexact, &made[i], err))) {
            return row_failed(plan, plan->places[i], event, err);
        }
        if (UNLIKELY(inexact > 0 && plan->options.fail_on_inexact)) {
            (void)FAIL(err, ERR_VALUE, "Debezium's form of %s cannot hold the value",
                       type_kind_name(column->type->kind));
            return row_failed(plan, plan->places[i], event, err);
        }
        plan->inexact += inexact;
        if (made[i].kind == VALUE_NULL && !column->shape.optional) {
            made[i] = column->zero;
        }
        if (UNLIKELY(plan->masks != NULL) && plan->masks[i] != NULL) {
            mask_apply(plan->masks[i], scratch, column_length(column->type), &made[i]);
        }
    }
    *to = (Value){.kind = VALUE_STRUCT, .items = {made, plan->count}};
    return true;
}

// `made` is the row's values where they were made, else NULL.
static bool key_make(const DebeziumPlan *plan, Arena *scratch, const Event *event, const Value *row, const Value *made,
                     Value *key, Err *err) {
    for (uint32_t i = 0; i < plan->key_count; i++) {
        const ConnectColumn *column = &plan->key_columns[i];
        uint64_t inexact = 0;
        if (made != NULL && plan->key_from[i] >= 0) {
            key[i] = made[plan->key_from[i]];
        } else if (UNLIKELY(!connect_value(column, scratch, &row[plan->key_places[i]], &inexact, &key[i], err))) {
            return row_failed(plan, plan->key_places[i], event, err);
        }
        if (key[i].kind == VALUE_NULL && !column->shape.optional) {
            key[i] = column->zero;
        }
    }
    return true;
}

static bool event_fits(const DebeziumPlan *plan, const Event *event, Err *err) {
    const Schema *schema = &plan->schema;
    if (UNLIKELY(record_op(event->op).kind == VALUE_NULL ||
                 ((event->before != NULL || event->after != NULL) && event->column_count != schema->column_count))) {
        return FAIL(err, ERR_VALUE, "table %.*s.%.*s: an event of operation %d has %u columns, its schema %u",
                    SLICE_ARG(schema->space), SLICE_ARG(schema->table), (int)event->op, event->column_count,
                    schema->column_count);
    }
    return true;
}

bool debezium_plan_make(DebeziumPlan *plan, Arena *scratch, const Event *event, DebeziumRecord *record, Err *err) {
    *record = (DebeziumRecord){.op = event->op};
    TRY(event_fits(plan, event, err));
    bool half = (event->flags & EVENT_KEY_CHANGE) != 0;
    if (UNLIKELY(half && plan->whole_row_key && !plan->splitting)) {
        if (record->op == OP_DELETE) {
            record->skipped = true; // the create half tells it all
            return true;
        }
        record->op = OP_UPDATE;
        half = false;
    }
    EventOp op = record->op;
    const Value *before = (op == OP_CREATE && half) || op == OP_READ || op == OP_TRUNCATE ? NULL : event->before;
    const Value *after = op == OP_DELETE || op == OP_TRUNCATE ? NULL : event->after;
    TRY(row_make(plan, scratch, event, before, plan->before, &plan->top[TOP_BEFORE], err));
    TRY(row_make(plan, scratch, event, after, plan->after, &plan->top[TOP_AFTER], err));
    source_info_set(plan->source, scratch, event);
    plan->top[TOP_SOURCE] = (Value){.kind = VALUE_STRUCT, .items = {plan->source, SOURCE_COUNT}};
    if (plan->options.transactions) {
        plan->top[TOP_TRANSACTION] = source_info_transaction(scratch, event);
    }
    plan->top[TOP_OP] = record_op(op);
    source_info_times(&plan->top[TOP_TS_MS], &plan->top[TOP_TS_US], &plan->top[TOP_TS_NS], event->capture_us);
    record->value = plan->top;
    const Value *row = op == OP_DELETE ? before : after;
    if (plan->key_count > 0 && row != NULL) {
        TRY(key_make(plan, scratch, event, row, op == OP_DELETE ? plan->before : plan->after, plan->key_values, err));
        record->key = plan->key_values;
    }
    if (UNLIKELY(plan->key_of_rules && op == OP_UPDATE && before != NULL)) {
        TRY(key_make(plan, scratch, event, before, NULL, plan->other_key, err));
        for (uint32_t i = 0; i < plan->key_count; i++) {
            record->key_changed |= !value_equal(&plan->key_values[i], &plan->other_key[i]);
        }
    }
    const Value *other = !half ? NULL : op == OP_DELETE ? event->after : event->before;
    if (UNLIKELY(other != NULL && plan->key_count > 0)) {
        TRY(key_make(plan, scratch, event, other, NULL, plan->other_key, err));
        record->other_key = plan->other_key;
    }
    return true;
}
