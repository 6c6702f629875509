// SPDX-License-Identifier: Apache-2.0
// A table that a sink connector's records go into: made by the connector, or by anybody else. Which records it has
// stands in its snapshots' summaries, for each topic by itself:
//
//     leat.pipeline   CONNECTOR@SOURCE, as without a connector        leat.owner    see state.h
//     leat.offsets    {"shop.public.orders":42,…}: of each topic, the next record; what is below was taken, or not for
//     it
//
// and in the table's property leat.offsets.PIPELINE, which outlives them. Several pipelines may write into one table.
#ifndef LEAT_FLOW_SINK_ICEBERG_RECORD_TABLE_H
#define LEAT_FLOW_SINK_ICEBERG_RECORD_TABLE_H

#include "data/connect/connect_record.h"
#include "flow/sink/iceberg/record_cast.h"
#include "flow/sink/iceberg/table.h"

typedef enum RecordOp { RECORD_PUT, RECORD_DROP } RecordOp;

typedef struct RecordTable {
    const RecordRules *rules;
    LakeTable *table;
    Slice name; // as the configuration has it
    const char *branch;
    Map offsets;    // by topic: uint64_t *, the next record; of topics that it has records of
    Map below;      // likewise, as it was found: what is below is in the table
    Map casts;      // by a record's shape: RecordCast; NULL's is under 0
    Arena compiled; // what they are made of
    Arena run[1];
} RecordTable;

// Finds the table, or makes it for this first record where the rules say so. *found false: it is not there.
// ERR_TABLE: it cannot be written to, or the record gives no columns to make it of; ERR_EXISTS: what the table says of
// this pipeline is not of this data directory.
CHECKED bool record_table_open(Lake *lake, const RecordRules *rules, Slice name, const ConnectRecord *sample,
                               RecordTable **opened, bool *found, Err *err);
void record_table_close(RecordTable *table); // the LakeTable, too
// Is what the entry gave in the table already?
bool record_table_has(const RecordTable *table, const JournalEntry *entry);
// A record of the entry. ERR_VALUE, ERR_TABLE: it is not taken, and the table as it was.
CHECKED bool record_table_take(RecordTable *table, const JournalEntry *entry, const ConnectRecord *record, RecordOp op,
                               Err *err);
void record_table_free(RecordTable *table); // without the LakeTable
// In a summary of table_commit.c, leat.topic and leat.offset become leat.owner and leat.offsets.
void record_summary(const RecordTable *table, Arena *arena, Property *summary);
// leat.offsets.PIPELINE
Property record_property(const RecordTable *table, Arena *arena);

#endif
