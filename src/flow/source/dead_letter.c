// SPDX-License-Identifier: Apache-2.0
#include "flow/source/dead_letter.h"

#include "core/base/log.h"

#define COLUMN(text, type_kind) \
    { .name = {(const uint8_t *)(text), sizeof(text) - 1}, .type = {.kind = (type_kind)}, .flags = COLUMN_NOT_NULL }

static const Column DEAD_LETTER_COLUMNS[] = {
    COLUMN("table", TYPE_STRING),
    COLUMN("reason", TYPE_STRING),
    COLUMN("op", TYPE_STRING),
    COLUMN("raw", TYPE_BYTES),
};
static const Schema DEAD_LETTERS = {.space = {(const uint8_t *)"leat", 4},
                                    .table = {(const uint8_t *)"dead_letters", 12},
                                    .identity = IDENTITY_NOTHING,
                                    .columns = DEAD_LETTER_COLUMNS,
                                    .column_count = ARRAY_LEN(DEAD_LETTER_COLUMNS)};

bool side_topic_append(Journal *journal, const Schema *schema, const Event *like, const Value *row, Err *err) {
    char topic_name[64];
    snprintf(topic_name, sizeof(topic_name), "%.*s.%.*s", SLICE_ARG(schema->space), SLICE_ARG(schema->table));
    Event event = *like;
    event.op = OP_CREATE;
    event.flags = 0;
    event.offset_span = 1;
    event.before = NULL;
    event.after = row;
    event.column_count = schema->column_count;
    uint32_t topic = journal_topic(journal, slice_of(topic_name));
    return journal_append(journal, topic, journal_schema(journal, topic, schema), &event, err);
}

bool source_dead_letter(Journal *journal, const char *table, const Err *why, const Event *event, Slice raw, Err *err) {
    char op = (char)event->op;
    const Value row[ARRAY_LEN(DEAD_LETTER_COLUMNS)] = {
        value_bytes(VALUE_STRING, slice_of(table)),
        value_bytes(VALUE_STRING, slice_of(why->message)),
        value_bytes(VALUE_STRING, (Slice){(const uint8_t *)&op, 1}),
        value_bytes(VALUE_BYTES, raw),
    };
    TRY(side_topic_append(journal, &DEAD_LETTERS, event, row, err));
    log_warn(LOG_SOURCE, "a row went to the dead letters", LOG_TEXT("table", table), LOG_TEXT("reason", why->message),
             LOG_LSN("commit_lsn", event->commit_lsn), LOG_UINT("ordinal", event->ordinal));
    return true;
}
