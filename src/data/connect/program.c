// SPDX-License-Identifier: Apache-2.0
// The side topics' columns: data/connect/side.h.
#include "data/connect/program.h"

#include "core/base/calendar.h"
#include "core/base/map.h"
#include "data/connect/debezium_options.h"
#include "data/connect/names.h"
#include "data/connect/side.h"
#include "data/connect/transform.h"

enum { RECENT = 256, HEADERS_MAX = 5, ROUTE_KINDS = 8 };

// One version of one table, or a side topic.
typedef struct ProgramTable {
    Schema schema;
    Slice topic; // before the transforms
    DebeziumPlan *plan;
    SidePlan *side; // NULL: it is a table
    bool side_skipped;
    bool looks; // whether and which records an UPDATE becomes depends on its values
    Value key, value;
    struct ProgramTable *next; // of the same name
} ProgramTable;

// Schemas that a journal has registered stay where they are: found by their address, checked by the id.
typedef struct Recent {
    const Schema *schema;
    const Column *columns;
    uint32_t id;
    ProgramTable *table;
} Recent;

struct ConnectProgram {
    Arena *arena;
    RecordOptions options;
    TopicNames *names;
    TransformChain *chain;
    bool plain; // the chain does nothing
    Map tables; // "SPACE\0TABLE" → ProgramTable
    Recent recent[RECENT];
    Arena routing; // scratch of connect_program_route…
    // The first one's place is that of a key change's.
    ConnectHeader headers[HEADERS_MAX];
    Value header_key, header_texts[HEADERS_MAX];
};

// --- compiling -------------------------------------------------------------------------------------------------

static void headers_set(ConnectProgram *program, const ProgramContext *context) {
    static const Shape TEXT = {.kind = SHAPE_STRING};
    const struct {
        const char *name;
        Slice text;
    } rows[] = {{"connectorLogicalName", topic_names_prefix(program->names)},
                {"taskId", SLICE("0")},
                {"connectorName", SLICE("postgresql")},
                {"runId", context->run_id}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        program->header_texts[i] = value_bytes(VALUE_STRING, arena_slice(program->arena, rows[i].text));
        program->headers[i + 1] =
            (ConnectHeader){.name = slice_of(arena_printf(program->arena, "__debezium.context.%s", rows[i].name)),
                            .shape = &TEXT,
                            .value = &program->header_texts[i]};
    }
    program->headers[0].value = &program->header_key;
}

bool connect_program_new(Arena *arena, const Properties *given, const ProgramContext *context, ConnectProgram **made,
                         Err *err) {
    const Properties today = record_config(arena, given), *config = &today;
    ConnectProgram *program = ARENA_NEW(arena, ConnectProgram);
    program->arena = arena;
    arena_init(&program->routing, "routes", 0);
    if (!topic_names_new(arena, config, &program->names, err) ||
        !record_options_new(arena, config, &program->options, err) ||
        !transform_chain_new(arena, config, &program->chain, err)) {
        connect_program_release(program);
        return err_frame(err, __FILE__, __LINE__);
    }
    program->options.options.connector = topic_names_prefix(program->names);
    program->options.options.database = arena_slice(arena, context->database);
    program->plain = transform_chain_empty(program->chain);
    headers_set(program, context);
    *made = program;
    return true;
}

void connect_program_release(ConnectProgram *program) {
    if (program == NULL) {
        return;
    }
    transform_chain_release(program->chain);
    program->chain = NULL;
    record_options_release(&program->options);
    topic_names_release(program->names);
    program->names = NULL;
    map_release(&program->tables);
    arena_release(&program->routing);
}

static bool table_new(ConnectProgram *program, const Schema *schema, ProgramTable **made, Err *err) {
    Arena *arena = program->arena;
    ProgramTable *table = ARENA_NEW(arena, ProgramTable);
    table->schema = schema_copy(arena, schema);
    TopicKind kind;
    if (side_kind(schema, &kind)) {
        table->topic = topic_names_side(program->names, arena, kind);
        table->side = side_plan_new(arena, schema, kind, &program->options.options);
        table->side_skipped = kind == TOPIC_MESSAGE && program->options.skip_message;
    } else {
        table->topic = topic_names_table(program->names, arena, schema->space, schema->table);
        TRY(debezium_plan_new(arena, schema, table->topic, &program->options.options, &table->plan, err));
        table->looks =
            schema->identity == IDENTITY_FULL && (program->options.skip_unchanged || table->plan->key_of_rules);
        table->key = (Value){.kind = VALUE_STRUCT, .items = {table->plan->key_values, table->plan->key_count}};
        table->value = (Value){.kind = VALUE_STRUCT, .items = {table->plan->top, TOP_COUNT}};
    }
    *made = table;
    return true;
}

static Slice table_key(Arena *arena, const Schema *schema) {
    Slice key = {NULL, schema->space.size + 1 + schema->table.size};
    uint8_t *text = arena_alloc(arena, key.size);
    memcpy(text, schema->space.size > 0 ? schema->space.data : text, schema->space.size);
    memcpy(text + schema->space.size + 1, schema->table.size > 0 ? schema->table.data : text, schema->table.size);
    key.data = text;
    return key;
}

static bool table_find(ConnectProgram *program, const Schema *schema, ProgramTable **found, Err *err) {
    Slice key = table_key(&program->routing, schema);
    ProgramTable *first = map_find(&program->tables, key), *table = first;
    while (table != NULL && !schema_equal(&table->schema, schema)) {
        table = table->next;
    }
    if (table == NULL) {
        TRY(table_new(program, schema, &table, err));
        table->next = first;
        map_put(&program->tables, key, table);
    }
    arena_reset(&program->routing);
    *found = table;
    return true;
}

static bool table_of(ConnectProgram *program, const Schema *schema, ProgramTable **table, Err *err) {
    Recent *recent = &program->recent[((uintptr_t)schema / alignof(Schema)) % RECENT];
    if (LIKELY(recent->schema == schema && recent->columns == schema->columns && recent->id == schema->id &&
               schema->id != 0)) {
        *table = recent->table;
        return true;
    }
    TRY(table_find(program, schema, table, err));
    *recent = (Recent){schema, schema->columns, schema->id, *table};
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool skipped(const ConnectProgram *program, EventOp op) {
    const RecordOptions *options = &program->options;
    return op == OP_CREATE     ? options->skip_create
           : op == OP_UPDATE   ? options->skip_update
           : op == OP_DELETE   ? options->skip_delete
           : op == OP_TRUNCATE ? options->skip_truncate
                               : false;
}

static void headers_make(ConnectProgram *program, const ProgramTable *table, const DebeziumRecord *made,
                         ConnectRecord *record) {
    size_t first = 1, end = program->options.context_headers ? HEADERS_MAX : 1;
    if (UNLIKELY(made->other_key != NULL)) {
        program->header_key = (Value){.kind = VALUE_STRUCT, .items = {made->other_key, table->plan->key_count}};
        program->headers[0].name = made->op == OP_DELETE ? SLICE("__debezium.newkey") : SLICE("__debezium.oldkey");
        program->headers[0].shape = table->plan->key;
        first = 0;
    }
    record->headers = program->headers + first;
    record->header_count = end - first;
}

// An update that changed no column that is shown.
static bool unchanged(const ConnectProgram *program, const ProgramTable *table, const DebeziumRecord *made) {
    return program->options.skip_unchanged && made->op == OP_UPDATE && made->value[TOP_BEFORE].kind == VALUE_STRUCT &&
           value_equal(&made->value[TOP_BEFORE], &made->value[TOP_AFTER]);
}

static void record_put(ConnectProgram *program, ProgramTable *table, const DebeziumRecord *made, ConnectRecord *records,
                       size_t *count) {
    ConnectRecord *record = &records[*count];
    *record = (ConnectRecord){.topic = table->topic,
                              .key_shape = made->key != NULL ? table->plan->key : NULL,
                              .key = made->key != NULL ? &table->key : NULL,
                              .value_shape = table->plan->value,
                              .value = &table->value,
                              .timestamp_ms = -1,
                              .partition = -1};
    headers_make(program, table, made, record);
    (*count)++;
    if (made->op == OP_DELETE && program->options.tombstones) {
        records[*count] = *record;
        records[*count].value = NULL;
        records[*count].value_shape = NULL;
        (*count)++;
    }
}

static Value struct_copy(Arena *scratch, const Value *from) {
    Value *items = ARENA_ARRAY(scratch, Value, from->items.count);
    memcpy(items, from->items.at, from->items.count * sizeof(*items));
    return (Value){.kind = VALUE_STRUCT, .items = {items, from->items.count}};
}

// The plan's places are needed again: what lies there moves into `scratch`.
static void record_keep(Arena *scratch, ConnectRecord *records, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ConnectRecord *record = &records[i];
        ConnectHeader *headers = ARENA_ARRAY(scratch, ConnectHeader, record->header_count);
        Value *values = ARENA_ARRAY(scratch, Value, 3);
        memcpy(headers, record->headers, record->header_count * sizeof(*headers));
        values[0] = struct_copy(scratch, record->key);
        values[1] = struct_copy(scratch, headers[0].value);
        headers[0].value = &values[1];
        record->key = &values[0];
        record->headers = headers;
        if (record->value != NULL) {
            values[2] = struct_copy(scratch, record->value);
            Value *top = ARENA_ARRAY(scratch, Value, TOP_COUNT);
            memcpy(top, values[2].items.at, TOP_COUNT * sizeof(*top));
            top[TOP_BEFORE] = struct_copy(scratch, &top[TOP_BEFORE]);
            top[TOP_SOURCE] = struct_copy(scratch, &top[TOP_SOURCE]);
            values[2].items.at = top;
            record->value = &values[2];
        }
    }
}

// An update that changed the key which message.key.columns makes: a delete and a create.
static bool split_make(ConnectProgram *program, Arena *scratch, ProgramTable *table, const Event *event,
                       ConnectRecord *records, size_t *count, Err *err) {
    DebeziumRecord made;
    Event half = *event;
    half.flags |= EVENT_KEY_CHANGE;
    if (!program->options.skip_delete) {
        half.op = OP_DELETE;
        TRY(debezium_plan_make(table->plan, scratch, &half, &made, err));
        record_put(program, table, &made, records, count);
        record_keep(scratch, records, *count);
    }
    if (!program->options.skip_create) {
        half.op = OP_CREATE;
        TRY(debezium_plan_make(table->plan, scratch, &half, &made, err));
        record_put(program, table, &made, records, count);
    }
    return true;
}

static bool rows_make(ConnectProgram *program, Arena *scratch, ProgramTable *table, const Event *event,
                      ConnectRecord *records, size_t *count, Err *err) {
    DebeziumRecord made;
    TRY(debezium_plan_make(table->plan, scratch, event, &made, err));
    if (UNLIKELY(made.key_changed)) {
        table->plan->splitting = true;
        bool split = split_make(program, scratch, table, event, records, count, err);
        table->plan->splitting = false;
        return split;
    }
    if (!made.skipped && !skipped(program, made.op) && !(table->looks && unchanged(program, table, &made))) {
        record_put(program, table, &made, records, count);
    }
    return true;
}

static bool records_make(ConnectProgram *program, Arena *scratch, ProgramTable *table, const Event *event,
                         ConnectRecord *records, size_t *count, Err *err) {
    *count = 0;
    if (LIKELY(table->side == NULL)) {
        return rows_make(program, scratch, table, event, records, count, err);
    }
    if (table->side_skipped) {
        return true;
    }
    records[0] = (ConnectRecord){.topic = table->topic, .timestamp_ms = -1, .partition = -1};
    *count = 1;
    return side_plan_make(table->side, scratch, event, &records[0], err);
}

// Those that come out of the transforms.
static bool records_transform(ConnectProgram *program, Arena *scratch, ConnectRecord *records, size_t *count,
                              Err *err) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        bool keep;
        records[kept] = records[i];
        TRY(transform_chain_apply(program->chain, scratch, &records[kept], &keep, err));
        kept += keep;
    }
    *count = kept;
    return true;
}

static bool make(ConnectProgram *program, Arena *scratch, ProgramTable *table, const Event *event,
                 ConnectRecord *records, size_t *count, Err *err) {
    TRY(records_make(program, scratch, table, event, records, count, err));
    if (UNLIKELY(!program->plain)) {
        TRY(records_transform(program, scratch, records, count, err));
    }
    for (size_t i = 0; i < *count; i++) { // as the producer does that writes a record without a time
        records[i].timestamp_ms =
            records[i].timestamp_ms == -1 ? calendar_ms(event->capture_us) : records[i].timestamp_ms;
    }
    return true;
}

bool connect_program_make(ConnectProgram *program, Arena *scratch, const Schema *schema, const Event *event,
                          ConnectRecord *records, size_t *count, Err *err) {
    ProgramTable *table;
    TRY(table_of(program, schema, &table, err));
    return make(program, scratch, table, event, records, count, err);
}

// --- routes ----------------------------------------------------------------------------------------------------

// An event of each kind, without a value anywhere: what goes where does not depend on values, or the chain says so.
static Event sample(const ProgramTable *table, const Value *row, int kind) {
    static const EventOp OPS[ROUTE_KINDS] = {OP_READ,     OP_CREATE, OP_UPDATE, OP_DELETE,
                                             OP_TRUNCATE, OP_DELETE, OP_CREATE, OP_CREATE};
    Event event = {.op = OPS[kind], .column_count = table->schema.column_count};
    bool half = kind == ROUTE_KEY_DELETE || kind == ROUTE_KEY_CREATE;
    event.flags = half ? EVENT_KEY_CHANGE : 0;
    event.before = event.op == OP_DELETE || half ? row : NULL;
    event.after = event.op == OP_READ || event.op == OP_CREATE || event.op == OP_UPDATE || half ? row : NULL;
    return event;
}

// What the records of one kind tell of the route. An error in a transform that was given no values tells nothing.
static void route_kind(ConnectProgram *program, ProgramTable *table, int kind, ConnectRoute *route) {
    Arena *scratch = &program->routing;
    const Value *row = ARENA_ARRAY(scratch, Value, table->schema.column_count);
    Event event = sample(table, row, kind);
    ConnectRecord records[CONNECT_RECORDS_MAX];
    size_t count = 0;
    Err err[1] = {{0}};
    if (!make(program, scratch, table, &event, records, &count, err)) {
        route->dynamic = true;
        return;
    }
    route->span[kind] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        if (route->topic.data == NULL) {
            route->topic = arena_slice(program->arena, records[i].topic);
        } else if (!slice_equal(route->topic, records[i].topic)) {
            route->dynamic = true;
        }
        if (route->value == NULL && records[i].value_shape != NULL) {
            route->key = records[i].key_shape;
            route->value = records[i].value_shape;
        }
    }
}

bool connect_program_route(ConnectProgram *program, const Schema *schema, ConnectRoute *route, Err *err) {
    ProgramTable *table;
    *route = (ConnectRoute){0};
    TRY(table_find(program, schema, &table, err));
    route->dynamic = table->looks || transform_chain_dynamic(program->chain);
    for (int kind = 0; kind < ROUTE_KINDS; kind++) {
        route_kind(program, table, kind, route);
        arena_reset(&program->routing);
    }
    if (route->topic.data == NULL) {
        route->topic = table->topic; // nothing leaves; what the journal calls it
    }
    return true;
}

bool connect_program_route_event(ConnectProgram *program, const Schema *schema, const Event *event, Slice *topic,
                                 uint32_t *span, Err *err) {
    ProgramTable *table;
    ConnectRecord records[CONNECT_RECORDS_MAX];
    size_t count = 0;
    TRY(table_of(program, schema, &table, err));
    arena_reset(&program->routing);
    TRY(make(program, &program->routing, table, event, records, &count, err));
    *topic = count > 0 ? records[0].topic : table->topic; // good until the next call
    *span = (uint32_t)count;
    return true;
}
