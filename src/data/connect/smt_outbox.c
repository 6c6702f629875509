// SPDX-License-Identifier: Apache-2.0
// io.debezium.transforms.outbox.EventRouter: rows of an outbox table become records of their own topics.
#include "data/connect/smt.h"

#include "data/connect/column.h"

typedef enum Placement { PLACE_HEADER, PLACE_ENVELOPE, PLACE_PARTITION } Placement;
typedef enum Invalid { INVALID_WARN, INVALID_ERROR, INVALID_FATAL } Invalid;

typedef struct Extra {
    Slice field, name;
    Placement placement;
} Extra;

typedef struct Outbox {
    Slice id, key, payload, timestamp, version, route_by, replacement;
    Extra *extras;
    size_t extra_count;
    Regex *regex;
    SmtTexts topics;
    int invalid;
    bool extra_required, tombstone_on_empty, expand, nulls_are_bytes, enveloped;
    Map shapes; // values', by what they are made of
} Outbox;

typedef struct Plan {
    bool envelope;
    int32_t op, after, ts_ms;
    const Shape *row;
    int32_t id, key, payload, timestamp, version, route_by; // in the row; -1: not asked for
    const int32_t *extras;
    int64_t timestamp_unit; // of the timestamp field, in a millisecond
} Plan;

// --- compiling -------------------------------------------------------------------------------------------------

static Slice part(Slice text, size_t *at) {
    size_t start = *at;
    while (*at < text.size && text.data[*at] != ':') {
        (*at)++;
    }
    return (Slice){text.data + start, (*at)++ - start};
}

// "field:header", "field:envelope:alias", "field:partition"
static bool extra_parse(Smt *smt, Slice item, Extra *extra, Err *err) {
    static const char *const PLACEMENTS[] = {"header", "envelope", "partition"};
    size_t at = 0;
    extra->field = part(item, &at);
    Slice placement = at <= item.size ? part(item, &at) : (Slice){0};
    extra->name = at <= item.size ? part(item, &at) : extra->field;
    for (size_t i = 0; i < ARRAY_LEN(PLACEMENTS); i++) {
        if (slice_is(placement, PLACEMENTS[i]) && extra->field.size > 0 && extra->name.size > 0 && at > item.size) {
            extra->placement = (Placement)i;
            return true;
        }
    }
    return smt_option_failed(smt, "table.fields.additional.placement", err,
                             "\"%.*s\" is no FIELD:header, FIELD:envelope or FIELD:partition, or that with :NAME",
                             (int)MIN(item.size, 60), (const char *)item.data);
}

static bool outbox_compile(Smt *smt, Err *err) {
    Outbox *outbox = smt->state = ARENA_NEW(smt->arena, Outbox);
    smt_texts_init(&outbox->topics);
    outbox->id = smt_text(smt, "table.field.event.id", "id");
    outbox->key = smt_text(smt, "table.field.event.key", "aggregateid");
    outbox->payload = smt_text(smt, "table.field.event.payload", "payload");
    outbox->timestamp = smt_text(smt, "table.field.event.timestamp", "");
    outbox->version = smt_text(smt, "table.field.event.schema.version", "");
    outbox->route_by = smt_text(smt, "route.by.field", "aggregatetype");
    outbox->replacement = smt_text(smt, "route.topic.replacement", "outbox.event.${routedByValue}");
    TRY(smt_regex(smt, "route.topic.regex", "(?<routedByValue>.*)", &outbox->regex, err));
    TRY(smt_replacement(smt, "route.topic.replacement", outbox->regex, outbox->replacement, err));
    TRY(smt_bool(smt, "table.fields.additional.error.on.missing", true, &outbox->extra_required, err));
    TRY(smt_bool(smt, "route.tombstone.on.empty.payload", false, &outbox->tombstone_on_empty, err));
    TRY(smt_bool(smt, "table.expand.json.payload", false, &outbox->expand, err));
    int nulls = 0;
    TRY(smt_choice(smt, "table.json.payload.null.behavior", "ignore", "ignore,optional_bytes", &nulls, err));
    outbox->nulls_are_bytes = nulls == 1;
    TRY(smt_choice(smt, "table.op.invalid.behavior", "warn", "warn,error,fatal", &outbox->invalid, err));
    SmtList extras = smt_list(smt, "table.fields.additional.placement");
    outbox->extras = ARENA_ARRAY(smt->arena, Extra, extras.count);
    for (size_t i = 0; i < extras.count; i++) {
        TRY(extra_parse(smt, extras.at[i], &outbox->extras[i], err));
        outbox->enveloped |= outbox->extras[i].placement == PLACE_ENVELOPE;
        outbox->extra_count++;
    }
    return true;
}

// --- plans -----------------------------------------------------------------------------------------------------

static bool field_find(const Plan *plan, Slice name, int32_t *place, Err *err) {
    *place = name.size > 0 ? shape_find(plan->row, name) : -1;
    return name.size == 0 || *place >= 0 ||
           FAIL(err, ERR_VALUE, "the outbox table has no column %.*s", SLICE_ARG(name));
}

static bool timestamp_unit(Plan *plan, Err *err) {
    static const struct {
        const char *name;
        int64_t unit;
    } UNITS[] = {{"io.debezium.time.Timestamp", 1},
                 {"io.debezium.time.MicroTimestamp", 1000},
                 {"io.debezium.time.NanoTimestamp", 1000000},
                 {"org.apache.kafka.connect.data.Timestamp", 1}};
    const ShapeField *field = plan->timestamp >= 0 ? &plan->row->fields[plan->timestamp] : NULL;
    for (size_t i = 0; i < ARRAY_LEN(UNITS) && field != NULL; i++) {
        if (smt_named(&field->shape, UNITS[i].name)) {
            plan->timestamp_unit = UNITS[i].unit;
            return true;
        }
    }
    return field == NULL ||
           FAIL(err, ERR_VALUE, "column %.*s is no timestamp without time zone", SLICE_ARG(field->name));
}

static bool plan_make(Smt *smt, const Outbox *outbox, const Shape *shape, Plan **made, Err *err) {
    Plan *plan = *made = ARENA_NEW(smt->arena, Plan);
    if (!smt_is_envelope(shape)) {
        smt_plan_keep(smt, shape, plan);
        return true;
    }
    plan->op = shape_find(shape, SLICE("op"));
    plan->after = shape_find(shape, SLICE("after"));
    plan->ts_ms = shape_find(shape, SLICE("ts_ms"));
    plan->envelope = plan->op >= 0 && plan->after >= 0 && shape->fields[plan->after].shape.kind == SHAPE_STRUCT;
    if (!plan->envelope) {
        smt_plan_keep(smt, shape, plan);
        return true;
    }
    plan->row = &shape->fields[plan->after].shape;
    TRY(field_find(plan, outbox->id, &plan->id, err));
    TRY(field_find(plan, outbox->key, &plan->key, err));
    TRY(field_find(plan, outbox->payload, &plan->payload, err));
    TRY(field_find(plan, outbox->timestamp, &plan->timestamp, err));
    TRY(field_find(plan, outbox->version, &plan->version, err));
    TRY(field_find(plan, outbox->route_by, &plan->route_by, err));
    TRY(timestamp_unit(plan, err));
    int32_t *extras = ARENA_ARRAY(smt->arena, int32_t, outbox->extra_count);
    for (size_t i = 0; i < outbox->extra_count; i++) {
        extras[i] = shape_find(plan->row, outbox->extras[i].field);
        if (extras[i] < 0 && outbox->extra_required) {
            return field_find(plan, outbox->extras[i].field, &extras[i], err);
        }
    }
    plan->extras = extras;
    smt_plan_keep(smt, shape, plan);
    return true;
}

// --- shapes of values ------------------------------------------------------------------------------------------

// The struct around the payload, where other columns go beside it. Its name is the table's with the routed value in it.
static bool enveloped_shape(Smt *smt, Outbox *outbox, const Plan *plan, Arena *scratch, const Shape *payload,
                            const Value *row, const Shape **shape, Err *err) {
    ShapeField *fields = ARENA_ARRAY(scratch, ShapeField, outbox->extra_count + 1);
    uint32_t count = 0;
    fields[count++] = smt_field(SLICE("payload"), payload);
    for (size_t i = 0; i < outbox->extra_count; i++) {
        if (outbox->extras[i].placement == PLACE_ENVELOPE && plan->extras[i] >= 0) {
            fields[count++] = smt_field(outbox->extras[i].name, &plan->row->fields[plan->extras[i]].shape);
        }
    }
    Shape made = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = count};
    Slice name = smt_name(plan->row), routed = row->items.at[plan->route_by].bytes;
    size_t dot = name.size;
    while (dot > 0 && name.data[dot - 1] != '.') {
        dot--;
    }
    smt_name_set(scratch, &made,
                 slice_of(arena_printf(scratch, "%.*s%.*s%s%.*s", (int)dot, (const char *)name.data, SLICE_ARG(routed),
                                       ".", SLICE_ARG(slice_from(name, dot)))));
    if (plan->version >= 0 && row->items.at[plan->version].kind == VALUE_INT) {
        smt_note_set(scratch, &made, "connect.version",
                     slice_of(arena_printf(scratch, "%" PRId64, row->items.at[plan->version].integer)));
    }
    return smt_shape_shared(smt, &outbox->shapes, &made, shape, err);
}

// --- records ---------------------------------------------------------------------------------------------------

static bool blank(const Value *payload) {
    if (payload->kind == VALUE_NULL) {
        return true;
    }
    if (payload->kind != VALUE_STRING) {
        return false;
    }
    for (size_t i = 0; i < payload->bytes.size; i++) {
        if (payload->bytes.data[i] > ' ') {
            return false;
        }
    }
    return true;
}

// The payload, as JSON opened up where that is asked for and can be done.
static bool payload_make(Smt *smt, Outbox *outbox, Arena *scratch, const Shape **shape, Value *payload, Err *err) {
    if (!outbox->expand || payload->kind != VALUE_STRING || payload->bytes.size == 0 ||
        (payload->bytes.data[0] != '{' && payload->bytes.data[0] != '[')) {
        return true;
    }
    JsonShapeOptions options = {.name = outbox->payload, .nulls_are_bytes = outbox->nulls_are_bytes};
    Shape made;
    Value value;
    if (json_shape(scratch, payload->bytes, &options, &made, &value)) {
        *payload = value;
        return smt_shape_shared(smt, &outbox->shapes, &made, shape, err);
    }
    return true;
}

static bool extras_add(Outbox *outbox, const Plan *plan, Arena *scratch, const Value *row, ConnectRecord *record,
                       Value *items) {
    size_t count = 1; // behind the payload
    for (size_t i = 0; i < outbox->extra_count; i++) {
        const Extra *extra = &outbox->extras[i];
        if (plan->extras[i] < 0) {
            continue;
        }
        const Value *value = &row->items.at[plan->extras[i]];
        if (extra->placement == PLACE_HEADER) {
            smt_header_add(scratch, record,
                           (ConnectHeader){extra->name, &plan->row->fields[plan->extras[i]].shape, value});
        } else if (extra->placement == PLACE_ENVELOPE) {
            items[count++] = *value;
        } else if (value->kind == VALUE_INT && value->integer >= 0 && value->integer <= INT32_MAX) {
            record->partition = (int32_t)value->integer;
        }
    }
    return true;
}

static bool value_make(Smt *smt, Outbox *outbox, const Plan *plan, Arena *scratch, const Value *row,
                       ConnectRecord *record, Err *err) {
    const Shape *shape = &plan->row->fields[plan->payload].shape;
    Value payload = row->items.at[plan->payload];
    bool empty = blank(&payload);
    TRY(payload_make(smt, outbox, scratch, &shape, &payload, err));
    Value *value = smt_value_new(scratch, payload), *items = value;
    if (outbox->enveloped) {
        TRY(enveloped_shape(smt, outbox, plan, scratch, shape, row, &shape, err));
        value = smt_struct_new(scratch, shape, &items);
        items[0] = payload;
    }
    extras_add(outbox, plan, scratch, row, record, items);
    if (empty && outbox->tombstone_on_empty) {
        smt_put(smt, record, NULL, NULL);
    } else {
        smt_put(smt, record, shape, value->kind == VALUE_NULL ? NULL : value);
    }
    return true;
}

static bool route(Outbox *outbox, const Plan *plan, Arena *scratch, const Value *row, ConnectRecord *record, Err *err) {
    const Value *by = &row->items.at[plan->route_by];
    if (by->kind != VALUE_STRING) {
        return FAIL(err, ERR_VALUE, "column %.*s, by which events are routed, has no text",
                    SLICE_ARG(outbox->route_by));
    }
    Slice topic;
    if (!smt_topic_replaced(&outbox->topics, scratch, outbox->regex, outbox->replacement, by->bytes, &topic)) {
        topic = by->bytes;
    }
    record->topic = topic;
    return true;
}

static bool row_take(Smt *smt, Outbox *outbox, const Plan *plan, Arena *scratch, ConnectRecord *record, Err *err) {
    const Value *envelope = record->value, *row = &envelope->items.at[plan->after];
    const Value *stamp = plan->timestamp >= 0 ? &row->items.at[plan->timestamp] : NULL;
    if (stamp != NULL && stamp->kind == VALUE_INT) {
        record->timestamp_ms = stamp->integer / plan->timestamp_unit;
    } else if (plan->ts_ms >= 0 && envelope->items.at[plan->ts_ms].kind == VALUE_INT) {
        record->timestamp_ms = envelope->items.at[plan->ts_ms].integer;
    }
    smt_header_add(scratch, record,
                   (ConnectHeader){SLICE("id"), &plan->row->fields[plan->id].shape, &row->items.at[plan->id]});
    record->partition = -1;
    TRY(route(outbox, plan, scratch, row, record, err));
    TRY(value_make(smt, outbox, plan, scratch, row, record, err));
    record->key_shape = plan->key >= 0 ? &plan->row->fields[plan->key].shape : &SMT_STRING;
    record->key = plan->key >= 0 && row->items.at[plan->key].kind != VALUE_NULL ? &row->items.at[plan->key] : NULL;
    return true;
}

static bool outbox_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    Outbox *outbox = smt->state;
    if (smt_value(smt, record) == NULL) {
        *keep = false;
        return true;
    }
    Plan *plan = smt_plan(smt, record->value_shape);
    if (plan == NULL) {
        TRY(plan_make(smt, outbox, record->value_shape, &plan, err));
    }
    if (!plan->envelope) {
        return true;
    }
    Slice op = record->value->items.at[plan->op].bytes;
    if (slice_is(op, "u")) {
        *keep = false;
        if (outbox->invalid == INVALID_FATAL) {
            return FAIL(err, ERR_VALUE, "a row of the outbox table was updated, and rows of it may only be inserted");
        }
        return true;
    }
    if (slice_is(op, "d") || record->value->items.at[plan->after].kind != VALUE_STRUCT) {
        *keep = false; // deletes and truncates
        return true;
    }
    return row_take(smt, outbox, plan, scratch, record, err);
}

static bool outbox_dynamic(const Smt *smt) {
    return true;
}

static void outbox_release(Smt *smt) {
    Outbox *outbox = smt->state;
    regex_release(outbox->regex);
    outbox->regex = NULL;
    smt_texts_release(&outbox->topics);
    map_release(&outbox->shapes);
    outbox->shapes = (Map){0};
}

const SmtClass SMT_OUTBOX = {
    .name = "io.debezium.transforms.outbox.EventRouter",
    .compile = outbox_compile,
    .apply = outbox_apply,
    .dynamic = outbox_dynamic,
    .release = outbox_release,
};
