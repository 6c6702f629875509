// SPDX-License-Identifier: Apache-2.0
#include "data/connect/envelope.h"

#include "data/connect/debezium.h"
#include "data/connect/headers.h"

typedef struct EnvelopePlan {
    RecordPlan base;
    DebeziumPlan *debezium;
    Value header_items[CONNECT_HEADERS_MAX], headers;
} EnvelopePlan;

// The first item's place is that of a key change's header.
static void headers_set(Arena *arena, EnvelopePlan *plan, const EnvelopeOptions *options) {
    plan->base.headers = connect_headers_shape(arena);
    Slice prefix = arena_slice(arena, options->connector), run_id = arena_slice(arena, options->run_id);
    plan->header_items[1] = connect_header(arena, SLICE("__debezium.context.connectorLogicalName"), prefix);
    plan->header_items[2] = connect_header(arena, SLICE("__debezium.context.taskId"), SLICE("0"));
    plan->header_items[3] = connect_header(arena, SLICE("__debezium.context.connectorName"), SLICE("postgresql"));
    plan->header_items[4] = connect_header(arena, SLICE("__debezium.context.runId"), run_id);
}

static bool envelope_compile(Arena *arena, const Schema *schema, const EnvelopeOptions *options, RecordPlan **made,
                             Err *err) {
    EnvelopePlan *plan = ARENA_NEW(arena, EnvelopePlan);
    DebeziumOptions debezium = {.connector = options->connector,
                                .database = options->database,
                                .columns = COLUMN_DEFAULTS,
                                .fail_on_inexact = options->fail_on_inexact};
    Slice name = slice_of(arena_printf(arena, "%.*s%s%.*s.%.*s", SLICE_ARG(options->connector),
                                       options->connector.size > 0 ? "." : "", SLICE_ARG(schema->space),
                                       SLICE_ARG(schema->table)));
    TRY(debezium_plan_new(arena, schema, name, &debezium, &plan->debezium, err));
    plan->base.key = plan->debezium->key;
    plan->base.value = plan->debezium->value;
    if (options->headers) {
        headers_set(arena, plan, options);
    }
    *made = &plan->base;
    return true;
}

static void headers_make(EnvelopePlan *plan, Arena *scratch, const DebeziumRecord *made) {
    size_t first = 1;
    if (UNLIKELY(made->other_key != NULL)) {
        Buf text;
        buf_init(&text, 0);
        connect_key_text(&text, plan->base.key, made->other_key);
        Slice name = made->op == OP_DELETE ? SLICE("__debezium.newkey") : SLICE("__debezium.oldkey");
        plan->header_items[0] = connect_header(scratch, name, arena_slice(scratch, buf_slice(&text)));
        buf_release(&text);
        first = 0;
    }
    plan->headers = (Value){.kind = VALUE_LIST, .items = {plan->header_items + first, CONNECT_HEADERS_MAX - first}};
}

static bool envelope_make(RecordPlan *base, Arena *scratch, const Event *event, Record *record, Err *err) {
    EnvelopePlan *plan = (EnvelopePlan *)base;
    DebeziumRecord made;
    record->value = record->key = record->headers = NULL;
    TRY(debezium_plan_make(plan->debezium, scratch, event, &made, err));
    base->inexact = plan->debezium->inexact;
    record->skipped = made.skipped;
    record->value = made.value;
    record->key = made.key;
    if (UNLIKELY(base->headers != NULL && !made.skipped)) {
        headers_make(plan, scratch, &made);
        record->headers = &plan->headers;
    }
    return true;
}

const Envelope DEBEZIUM_ENVELOPE = {.name = "debezium", .compile = envelope_compile, .make = envelope_make};
