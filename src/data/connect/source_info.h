// SPDX-License-Identifier: Apache-2.0
// The `source` of Debezium's records, {io.debezium.connector.postgresql.Source, version 1}, and their `transaction`,
// {event.block, version 1}.
//
//   - sequence holds the LSN of the change's commit and its own, which orders as Debezium's pair does (its first is the
//     end of the transaction before).
//   - snapshot tells where a row stands in its snapshot where the event is marked (EVENT_MARK_*), else "true".
//   - txId is NULL in a snapshot; lsn too where it is incremental.
#ifndef LEAT_DATA_CONNECT_SOURCE_INFO_H
#define LEAT_DATA_CONNECT_SOURCE_INFO_H

#include "data/event/event.h"
#include "data/format/shape.h"

enum {
    SOURCE_VERSION,
    SOURCE_CONNECTOR,
    SOURCE_NAME,
    SOURCE_TS_MS,
    SOURCE_SNAPSHOT,
    SOURCE_DB,
    SOURCE_SEQUENCE,
    SOURCE_TS_US,
    SOURCE_TS_NS,
    SOURCE_SCHEMA,
    SOURCE_TABLE,
    SOURCE_TX_ID,
    SOURCE_LSN,
    SOURCE_XMIN,
    SOURCE_ORIGIN,
    SOURCE_ORIGIN_LSN,
    SOURCE_COUNT
};

Shape source_info_shape(Arena *arena);
Shape source_info_transaction_shape(Arena *arena);
// SOURCE_COUNT values with what is the same in all records of a table; the texts are copied.
Value *source_info_new(Arena *arena, Slice connector, Slice database, Slice space, Slice table);
// Sets the rest of them.
void source_info_set(Value *source, Arena *scratch, const Event *event);
// NULL unless the event is EVENT_ORDERED.
Value source_info_transaction(Arena *scratch, const Event *event);
// Milliseconds, microseconds and nanoseconds; what 64 bits cannot hold is NULL.
void source_info_times(Value *ms, Value *us, Value *ns, int64_t micros);

#endif
