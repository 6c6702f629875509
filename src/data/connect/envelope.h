// SPDX-License-Identifier: Apache-2.0
// Records as Debezium 3.7's PostgreSQL connector makes them with its default options, as shapes: key
// {connector.schema.table.Key}, value {connector.schema.table.Envelope, version 2} with before, after, source,
// transaction, op, ts_ms, ts_us, ts_ns. The types of columns: data/connect/column.h.
//
// What a Connect schema has and a Shape has not is in the shape's notes, in the form that Confluent's AvroData gives
// them: connect.name, connect.version, connect.parameters, connect.doc, connect.default; connect.type for int16.
//
//   - The key is the primary key, in its own order; without one the columns of REPLICA IDENTITY USING INDEX; else none.
//   - `before` is what the source sends of the old row: all columns with REPLICA IDENTITY FULL, else only those of the
//     key. A column that may not be NULL and has no value gets 0, "", false, the epoch, as Debezium does where the
//     column has no default (of defaults the journal knows nothing).
//   - An unchanged out-of-line value becomes __debezium_unavailable_value, in the forms that Debezium has for it.
//   - A key change is a delete and a create. In a table without a key, of which leat knows the whole row only, it
//     is one update: the delete half is skipped (Record.skipped).
//   - source.snapshot is "true" for every row of a snapshot: the first and the last are not marked. source.sequence
//     holds the LSN of the change's commit and its own, which orders as Debezium's pair does. txId is NULL in a
//     snapshot.
//   - ts_ms, ts_us and ts_ns are when leat saw the change.
//   - A truncate is a record of op "t" without key (Debezium writes it only with skipped.operations=none).
//   - Headers (data/connect/headers.h) where they are asked for.
//   - The tombstone after each delete, the record's key with the null value, is made by whoever writes records.
#ifndef LEAT_DATA_CONNECT_ENVELOPE_H
#define LEAT_DATA_CONNECT_ENVELOPE_H

#include "data/format/record.h"

extern const Envelope DEBEZIUM_ENVELOPE;

#endif
