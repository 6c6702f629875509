// SPDX-License-Identifier: Apache-2.0
// A connector's configuration, as far as it shapes records: read, checked, ready to compile tables with.
#ifndef LEAT_DATA_CONNECT_DEBEZIUM_OPTIONS_H
#define LEAT_DATA_CONNECT_DEBEZIUM_OPTIONS_H

#include "core/config/properties.h"
#include "data/connect/debezium.h"

// `options` are those of tables; the rest is the program's.
typedef struct RecordOptions {
    DebeziumOptions options;
    ColumnRules *rules; // options.rules
    bool tombstones;
    bool skip_create, skip_update, skip_delete, skip_truncate, skip_message;
    bool skip_unchanged;
    bool context_headers;
} RecordOptions;

// The configuration with today's names in place of old ones (database.server.name, column.whitelist, …).
Properties record_config(Arena *arena, const Properties *config);
// ERR_OPTION names the key, the value and what is allowed. `options.connector` is topic.prefix.
CHECKED bool record_options_new(Arena *arena, const Properties *config, RecordOptions *made, Err *err);
void record_options_release(RecordOptions *options); // what is not in the arena

#endif
