// SPDX-License-Identifier: Apache-2.0
// What a journal knows at one place of its log: topics with their next offsets, schemas, the source's small facts, the
// last cut. The writer keeps one, recovery and readers rebuild one from a segment's STATE frame and what follows it.
#ifndef LEAT_STORAGE_JOURNAL_LEDGER_H
#define LEAT_STORAGE_JOURNAL_LEDGER_H

#include "core/base/arena.h"
#include "core/base/map.h"
#include "storage/journal/frame.h"

enum { LEDGER_IDS_MAX = 1 << 22, TOPIC_NAME_BYTES_MAX = 512 };

typedef struct LedgerSchema LedgerSchema;

typedef struct LedgerTopic {
    JournalTopic topic;
    uint64_t next_offset;
    LedgerSchema *newest; // its schemas, newest first
    bool logged;          // a SCHEMA or STATE frame names it
} LedgerTopic;

struct LedgerSchema {
    Schema schema; // .id is the journal's number
    Slice bytes;
    LedgerTopic *topic;
    LedgerSchema *older;
    bool logged;
};

// One of the source's facts. Changes since the last cut are listed and can be taken back.
typedef struct LedgerFact {
    Slice key;
    Buf value;  // empty: absent
    Buf before; // as of the last cut, when changed since
    bool changed;
} LedgerFact;

typedef struct Ledger {
    Arena run;
    Buf topics;  // LedgerTopic *, by id; NULL where there is none
    Buf schemas; // LedgerSchema *, by id
    Map topics_by_name;
    size_t topic_count; // logged or not
    Map facts;          // key → LedgerFact
    Buf changed;        // LedgerFact *, changed since the last cut
    uint64_t epoch;
    uint64_t cut_sequence;
    uint64_t cut_ms;
    Position position;
} Ledger;

void ledger_init(Ledger *ledger);
void ledger_release(Ledger *ledger);

static inline uint32_t ledger_topic_end(const Ledger *ledger) {
    return (uint32_t)(ledger->topics.size / sizeof(LedgerTopic *));
}
static inline uint32_t ledger_schema_end(const Ledger *ledger) {
    return (uint32_t)(ledger->schemas.size / sizeof(LedgerSchema *));
}
// NULL when there is none of that number. Numbers start at 1.
static inline LedgerTopic *ledger_topic(const Ledger *ledger, uint32_t id) {
    return id < ledger_topic_end(ledger) ? ((LedgerTopic **)(void *)ledger->topics.data)[id] : NULL;
}
static inline LedgerSchema *ledger_schema(const Ledger *ledger, uint32_t id) {
    return id < ledger_schema_end(ledger) ? ((LedgerSchema **)(void *)ledger->schemas.data)[id] : NULL;
}

// Found or made.
LedgerTopic *ledger_topic_named(Ledger *ledger, Slice name);
LedgerSchema *ledger_schema_like(Ledger *ledger, LedgerTopic *topic, const Schema *schema);

void ledger_put(Ledger *ledger, Slice key, Slice value);
Slice ledger_get(const Ledger *ledger, Slice key);
void ledger_each(const Ledger *ledger, void (*visit)(void *context, Slice key, Slice value), void *context);
// The list {key, value} of what changed, for a CUT frame; then it counts as cut.
void ledger_changes_encode(Ledger *ledger, Buf *buf);
void ledger_changes_drop(Ledger *ledger);

void ledger_schema_encode(const LedgerSchema *schema, Buf *buf);
void ledger_state_encode(const Ledger *ledger, Buf *buf);
// Bodies of frames. False with ERR_JOURNAL_CORRUPT, without a place: the caller adds it.
CHECKED bool ledger_apply_state(Ledger *ledger, Slice body, Err *err);
CHECKED bool ledger_apply_schema(Ledger *ledger, Slice body, LedgerSchema **schema, Err *err);
CHECKED bool ledger_apply_cut(Ledger *ledger, const Frame *frame, Err *err);

#endif
