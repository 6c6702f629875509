// SPDX-License-Identifier: Apache-2.0
// Records as Debezium 3.7's PostgreSQL connector makes them with its default options (data/connect/debezium.h), for
// `leat sync --envelope debezium`.
//
//   - Names of schemas begin with the connector's name, the table's schema and the table's name as they are.
//   - Headers (data/connect/headers.h) where they are asked for.
//   - The tombstone after each delete, the record's key with the null value, is made by whoever writes records.
#ifndef LEAT_DATA_CONNECT_ENVELOPE_H
#define LEAT_DATA_CONNECT_ENVELOPE_H

#include "data/format/record.h"

extern const Envelope DEBEZIUM_ENVELOPE;

#endif
