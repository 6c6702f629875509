// SPDX-License-Identifier: Apache-2.0
// What a sink connector makes of the events of one source: the source's records (wire.h), as the sink's converters
// would read them, through the sink's own transforms. Records that fail go to the dead letters when
// errors.tolerance=all says so. One thread at a time.
//
// What a sink reads depends on what the source has written:
//
//     sink's converter        source's converter         the sink gets
//     JsonConverter           the same, schemas alike     the records, with their schemas
//     AvroConverter           the same                    the records, with their schemas
//     StringConverter         any                         the source's bytes, as text
//     ByteArrayConverter      any                         the source's bytes
//     anything else                                       an error, as the original's converter would give
//
// A record of JSON without schemas keeps its schema here: transforms work alike, and files of Avro and Parquet can be
// written of it, which the original cannot.
#ifndef LEAT_FLOW_PIPELINE_SINK_RECORDS_H
#define LEAT_FLOW_PIPELINE_SINK_RECORDS_H

#include "flow/pipeline/dead_letters.h"
#include "flow/pipeline/wire.h"
#include "flow/sink/sink.h"

typedef struct SinkRecordMaker SinkRecordMaker;

typedef struct SinkRecordStats {
    uint64_t records; // made
    uint64_t dropped; // by transforms
    uint64_t failed;  // set aside
} SinkRecordStats;

// `config` is the sink's, resolved; both outlive the maker. `letters` may be NULL: what is tolerated is dropped then.
CHECKED bool sink_records_new(Arena *arena, Slice connector, const Properties *config, Wire *wire, DeadLetters *letters,
                              SinkRecordMaker **maker, Err *err);
void sink_records_release(SinkRecordMaker *maker); // NULL is fine
const SinkRecords *sink_records_seam(SinkRecordMaker *maker);
void sink_records_stats(const SinkRecordMaker *maker, SinkRecordStats *stats); // from any thread

#endif
