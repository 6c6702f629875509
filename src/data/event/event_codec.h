// SPDX-License-Identifier: Apache-2.0
// Events as bytes, for the journal and the spool.
//
// A record, after which the next one follows at once (v = LEB128 varint, z = zigzag varint):
//     u8 op, u8 flags, v offset_span, z commit_lsn - base.commit_lsn, v ordinal, z lsn - commit_lsn,
//     v transaction_id, z source_us - base.source_us, z capture_us - source_us,
//     with EVENT_ORDERED: v total_order, v table_order,
//     u8 rows (1 = before, 2 = after), v column_count, then the values of before, of after.
// `base` is the first event of the batch: its batch header holds commit_lsn and source_us.
// A value: u8 kind, then
//     INT, DATE, TIME z · UINT64 v · TIMETZ z, z aux · FLOAT32 4 bytes LE · FLOAT64, TIMESTAMP… 8 bytes LE
//     INTERVAL z months, z days, z micros · UUID 16 bytes · DECIMAL, STRING, BYTES v size, bytes
//     BITS v aux, v size, bytes · LIST, STRUCT, MAP, MULTIRANGE v count, values · RANGE u8 aux, 2 values
#ifndef LEAT_DATA_EVENT_EVENT_CODEC_H
#define LEAT_DATA_EVENT_EVENT_CODEC_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/event/event.h"

typedef struct EventBase {
    uint64_t commit_lsn;
    int64_t source_us;
} EventBase;

enum { VALUE_DEPTH_MAX = 32 };

void value_encode(Buf *buf, const Value *value);
// Items of lists go into the arena; bytes are borrowed from the reader's. False when the bytes are no value.
bool value_decode(Reader *reader, Arena *arena, Value *value);

void event_encode(Buf *buf, const EventBase *base, const Event *event);
// `before` and `after` are arrays in the arena. False with ERR_JOURNAL_CORRUPT.
CHECKED bool event_decode(Reader *reader, const EventBase *base, Arena *arena, Event *event, Err *err);

#endif
