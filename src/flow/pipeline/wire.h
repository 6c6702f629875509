// SPDX-License-Identifier: Apache-2.0
// A source connector's journal as what Kafka would hold: its events as Connect's records, made by the program that they
// were appended under (program_log.h), and these as the converters' bytes. For sinks and `leat topic read --wire`; one
// thread at a time.
#ifndef LEAT_FLOW_PIPELINE_WIRE_H
#define LEAT_FLOW_PIPELINE_WIRE_H

#include "core/config/properties.h"
#include "data/connect/connect_record.h"
#include "flow/pipeline/program_log.h"

typedef struct Wire Wire;
typedef struct WireProgram WireProgram; // stays until the wire is closed

// The source connector has a program, or there is nothing to read.
CHECKED bool wire_open(const ProgramPlace *place, Wire **wire, Err *err);
void wire_close(Wire *wire); // NULL is fine
// To be told of each CUT that was read: what comes next may be under a newer program.
void wire_cut(Wire *wire, const JournalEntry *cut);
// The program of an event. ERR_STATE_CORRUPT when there is none.
CHECKED bool wire_program(Wire *wire, const JournalEntry *entry, WireProgram **program, Err *err);
// Its configuration, references resolved.
const Properties *wire_config(const WireProgram *program);
uint64_t wire_number(const WireProgram *program); // 1, 2, …
// The event's records, with offset, and partition where the program says one (-1: it does not); at most
// CONNECT_RECORDS_MAX, as many as its span. Good until `scratch` is reset or the next call.
CHECKED bool wire_records(WireProgram *program, Arena *scratch, const JournalEntry *entry, ConnectRecord *records,
                          size_t *count, Err *err);
// A record's key or value as its converter writes it: appended to `out`, or *null. An Avro schema that is not
// registered yet is.
CHECKED bool wire_bytes(WireProgram *program, bool is_key, const ConnectRecord *record, Buf *out, bool *null, Err *err);

// All records of an event as lines of JSON, as a consumer of the topic would see them:
//     {"topic":…,"partition":0,"offset":…,"timestamp":ms,"headers":[[name,text],…],"key":…,"value":…}
// Key and value are texts, null, or, where they are no texts, {"base64":…}. *lines is how many.
CHECKED bool wire_lines(Wire *wire, Arena *scratch, const JournalEntry *entry, Buf *out, size_t *lines, Err *err);

#endif
