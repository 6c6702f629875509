// SPDX-License-Identifier: Apache-2.0
// Topics of leat's own beside the tables'. They are rows in the journal like any other, so they are exactly once,
// ordered, and reach the sink beside the tables.
#ifndef LEAT_FLOW_SOURCE_DEAD_LETTER_H
#define LEAT_FLOW_SOURCE_DEAD_LETTER_H

#include "storage/journal/journal.h"

// Appends one row to the topic that is named as the schema's table; `like` says when.
CHECKED bool side_topic_append(Journal *journal, const Schema *schema, const Event *like, const Value *row, Err *err);
// A row that could not be decoded, with its reason, into topic leat.dead_letters; `event` says when and which.
CHECKED bool source_dead_letter(Journal *journal, const char *table, const Err *why, const Event *event, Slice raw,
                                Err *err);

#endif
