// SPDX-License-Identifier: Apache-2.0
// Records that are no changes of rows: Debezium's side topics. What the source writes into the journal for them is an
// event of op CREATE whose `after` has these columns, of a schema whose `space` says the kind and whose `table` says
// nothing:
//
//     $message       prefix text, content bytea                     transaction_id 0: it was not transactional
//     $heartbeat     (none)                                         capture_us: when
//     $transaction   status text ("BEGIN", "END"), id text,         source_us: when it was committed
//                    event_count int8, data_collections json        both NULL in BEGIN
//                    ([{"data_collection":…,"event_count":…}, …])
//     $notification  id text, aggregate_type text, type text,       additional_data: an object of texts, or NULL
//                    additional_data json, timestamp int8           milliseconds since 1970
//
// Columns are found by name; further ones do not matter.
#ifndef LEAT_DATA_CONNECT_SIDE_H
#define LEAT_DATA_CONNECT_SIDE_H

#include "core/base/err.h"
#include "data/connect/connect_record.h"
#include "data/connect/debezium.h"
#include "data/connect/names.h"

typedef struct SidePlan SidePlan;

// False: it is a table's.
bool side_kind(const Schema *schema, TopicKind *kind);
// Lives in the arena.
SidePlan *side_plan_new(Arena *arena, const Schema *schema, TopicKind kind, const DebeziumOptions *options);
// Sets key, value and their shapes; they are good until `scratch` is reset.
CHECKED bool side_plan_make(SidePlan *plan, Arena *scratch, const Event *event, ConnectRecord *record, Err *err);

#endif
