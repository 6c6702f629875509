// SPDX-License-Identifier: Apache-2.0
// The headers of Debezium's records as Confluent's sinks write them: a list of names and texts.
//
//     __debezium.newkey     the delete of a key change, and its tombstone: the key that the row has then
//     __debezium.oldkey     the create of a key change: the key that the row had
//     __debezium.context.…  connectorLogicalName, taskId, connectorName, runId
//
// A key as text is what Connect's Values.convertToString makes of the struct: as JSON, with decimals in digits.
#ifndef LEAT_DATA_CONNECT_HEADERS_H
#define LEAT_DATA_CONNECT_HEADERS_H

#include "core/base/buf.h"
#include "data/connect/connect_record.h"

enum { CONNECT_HEADERS_MAX = 5 };

// Of one record: RecordHeaders, a STRUCT of one field `headers`, a LIST of STRUCTs of key and value.
const Shape *connect_headers_shape(Arena *arena);
// One header, an item of the list; name and text live as long as the arena.
Value connect_header(Arena *arena, Slice name, Slice text);
// `values` has one a field of the key's shape.
void connect_key_text(Buf *buf, const Shape *shape, const Value *values);
// A header's value as text: what Values.convertToString makes of it; "null" where it is null.
void connect_header_text(Buf *buf, const ConnectHeader *header);

#endif
