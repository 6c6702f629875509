// SPDX-License-Identifier: Apache-2.0
// Dead letters are rows of a table of ours, leat.dead_letters, in the journal like any other: so they are exactly once,
// ordered, and reach the sink beside the tables they come from.
#include "flow/source/postgres/session.h"

#include "core/base/log.h"

static const Column COLUMNS[] = {
    {.name = {(const uint8_t *)"table", 5}, .type = {.kind = TYPE_STRING}, .flags = COLUMN_NOT_NULL},
    {.name = {(const uint8_t *)"reason", 6}, .type = {.kind = TYPE_STRING}, .flags = COLUMN_NOT_NULL},
    {.name = {(const uint8_t *)"op", 2}, .type = {.kind = TYPE_STRING}, .flags = COLUMN_NOT_NULL},
    {.name = {(const uint8_t *)"raw", 3}, .type = {.kind = TYPE_BYTES}, .flags = COLUMN_NOT_NULL},
};

bool dead_letter_append(PgSession *session, const char *table, const Err *why, const Event *event, Slice raw,
                        Err *err) {
    const Schema schema = {.space = SLICE("leat"),
                           .table = SLICE("dead_letters"),
                           .identity = IDENTITY_NOTHING,
                           .columns = COLUMNS,
                           .column_count = ARRAY_LEN(COLUMNS)};
    char op = (char)event->op;
    Value row[ARRAY_LEN(COLUMNS)] = {
        value_bytes(VALUE_STRING, slice_of(table)),
        value_bytes(VALUE_STRING, slice_of(why->message)),
        value_bytes(VALUE_STRING, (Slice){(const uint8_t *)&op, 1}),
        value_bytes(VALUE_BYTES, raw),
    };
    Event letter = *event;
    letter.op = OP_CREATE;
    letter.flags = 0;
    letter.before = NULL;
    letter.after = row;
    letter.column_count = ARRAY_LEN(COLUMNS);
    uint32_t topic = journal_topic(session->journal, SLICE(DEAD_LETTER_TOPIC));
    uint32_t schema_id = journal_schema(session->journal, topic, &schema);
    TRY(journal_append(session->journal, topic, schema_id, &letter, err));
    session->report.dead_letters++;
    log_warn(LOG_SOURCE, "a row went to the dead letters", LOG_TEXT("table", table), LOG_TEXT("reason", why->message),
             LOG_LSN("commit_lsn", event->commit_lsn), LOG_UINT("ordinal", event->ordinal));
    return true;
}
