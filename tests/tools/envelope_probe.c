// SPDX-License-Identifier: Apache-2.0
// Prints what a pipeline's journal holds as Debezium's records, for tests/integration/test_envelope.py.
//     leat_envelope_probe JOURNAL CONNECTOR DATABASE [schemas]
// One line a record, tombstones included: {"table":…,"key":…,"value":…} as Connect's JsonConverter writes them, with
// `schemas` as with schemas.enable=true.
#include "core/base/json.h"
#include "core/base/map.h"
#include "data/connect/envelope.h"
#include "data/connect/json_converter.h"
#include "storage/journal/journal.h"

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

typedef struct Plan {
    const Schema *schema;
    RecordPlan *plan;
    Slice key_schema, value_schema;
    struct Plan *next;
} Plan;

static Slice schema_json(Arena *arena, const Shape *shape) {
    Buf buf;
    buf_init(&buf, 0);
    json_converter_schema(&buf, shape);
    Slice json = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return json;
}

static Plan *plan_of(Arena *run, Plan **plans, const Schema *schema, const EnvelopeOptions *options) {
    Err err[1] = {{0}};
    for (Plan *plan = *plans; plan != NULL; plan = plan->next) {
        if (plan->schema == schema) {
            return plan;
        }
    }
    Plan *plan = ARENA_NEW(run, Plan);
    *plan = (Plan){.schema = schema, .next = *plans};
    MUST(DEBEZIUM_ENVELOPE.compile(run, schema, options, &plan->plan, err));
    plan->value_schema = schema_json(run, plan->plan->value);
    plan->key_schema = plan->plan->key != NULL ? schema_json(run, plan->plan->key) : SLICE("null");
    *plans = plan;
    return plan;
}

static void put(Buf *line, bool schemas, Slice schema, const Shape *shape, const Value *values) {
    if (values == NULL) {
        buf_text(line, "null");
    } else if (schemas) {
        json_converter_record(line, schema, shape, values);
    } else {
        json_converter_fields(line, shape, values);
    }
}

static void print(const Plan *plan, const Record *record, bool schemas, bool tombstone) {
    Buf line;
    buf_init(&line, 0);
    buf_text(&line, "{\"table\":");
    json_quote(&line, plan->schema->table);
    buf_text(&line, ",\"key\":");
    put(&line, schemas, plan->key_schema, plan->plan->key, record->key);
    buf_text(&line, ",\"value\":");
    put(&line, schemas, plan->value_schema, plan->plan->value, tombstone ? NULL : record->value);
    buf_text(&line, "}\n");
    fwrite(line.data, 1, line.size, stdout);
    buf_release(&line);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: leat_envelope_probe JOURNAL CONNECTOR DATABASE [schemas]\n");
        return 2;
    }
    Err err[1] = {{0}};
    Arena run, scratch;
    arena_init(&run, "run", 0);
    arena_init(&scratch, "scratch", 0);
    EnvelopeOptions options = {.connector = slice_of(argv[2]), .database = slice_of(argv[3])};
    Plan *plans = NULL;
    JournalReader *reader = NULL;
    MUST(journal_reader_open(argv[1], 0, 1 * MIB, &reader, err));
    for (JournalEntry entry = {0}; entry.kind != JOURNAL_END;) {
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_EVENT) {
            Plan *plan = plan_of(&run, &plans, entry.schema, &options);
            Record record = {0};
            MUST(DEBEZIUM_ENVELOPE.make(plan->plan, &scratch, entry.event, &record, err));
            if (!record.skipped) {
                print(plan, &record, argc > 4, false);
            }
            if (entry.event->op == OP_DELETE && !record.skipped) {
                print(plan, &record, argc > 4, true);
            }
            arena_reset(&scratch);
        }
    }
    journal_reader_close(reader);
    arena_release(&scratch);
    arena_release(&run);
    return 0;
}
