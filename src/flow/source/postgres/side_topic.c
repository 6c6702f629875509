// SPDX-License-Identifier: Apache-2.0
#include "flow/source/dead_letter.h"
#include "flow/source/postgres/session.h"

#define COLUMN(text, type_kind) \
    { .name = {(const uint8_t *)(text), sizeof(text) - 1}, .type = {.kind = (type_kind)}, .flags = COLUMN_NOT_NULL }

static const Column MESSAGE_COLUMNS[] = {
    COLUMN("prefix", TYPE_STRING),
    COLUMN("content", TYPE_BYTES),
    COLUMN("transactional", TYPE_BOOL),
};
static const Schema MESSAGES = {.space = {(const uint8_t *)"leat", 4},
                                .table = {(const uint8_t *)"messages", 8},
                                .identity = IDENTITY_NOTHING,
                                .columns = MESSAGE_COLUMNS,
                                .column_count = ARRAY_LEN(MESSAGE_COLUMNS)};

bool dead_letter_append(PgSession *session, const char *table, const Err *why, const Event *event, Slice raw,
                        Err *err) {
    TRY(source_dead_letter(session->journal, table, why, event, raw, err));
    session->report.dead_letters++;
    return true;
}

bool logical_message_append(PgSession *session, const PgMessage *message, const Event *event, Err *err) {
    const Value row[ARRAY_LEN(MESSAGE_COLUMNS)] = {
        value_bytes(VALUE_STRING, message->logical.prefix),
        value_bytes(VALUE_BYTES, message->logical.content),
        value_bool(message->logical.transactional),
    };
    return side_topic_append(session->journal, &MESSAGES, event, row, err);
}
