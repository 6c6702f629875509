// SPDX-License-Identifier: Apache-2.0
// What a sink connector says of the tables that its records go into: the configuration of Iceberg's sink connectors
// (data/connect/definitions/iceberg_sink.c), parsed. Records come through SinkContext.records.
#ifndef LEAT_FLOW_SINK_RECORD_RULES_H
#define LEAT_FLOW_SINK_RECORD_RULES_H

#include "core/config/regex.h"

typedef struct RecordPair {
    Slice name, value;
} RecordPair;

typedef struct RecordPath { // of a field: "a.b"; no parts: none is asked for
    const Slice *parts;
    size_t count;
} RecordPath;

// iceberg.table.NAME.*; what is not given has data NULL.
typedef struct RecordTableRule {
    Slice name;          // "db.orders"
    Regex *route;        // NULL: no record is routed here by a field
    Slice ids;           // column names with commas
    Slice partition_by;  // "day(at), region"
    Slice commit_branch; // "" = main
} RecordTableRule;

typedef struct RecordRules {
    const Slice *tables; // that all records, or those whose route field matches, go into
    size_t table_count;
    RecordPath route;
    bool dynamic; // the route field names the table
    const RecordTableRule *rules;
    size_t rule_count;
    Slice default_ids, default_partition_by, default_branch;
    bool create, evolve, force_optional, ignore_case;
    bool upsert;                  // a row takes the place of the one with the same key
    RecordPath operation;         // I, U, D: the first letter of a field, in whatever case
    const RecordPair *properties; // of tables that are made
    size_t property_count;
    bool schemaless;      // the sink's converter has no schemas: columns' types come from values, as JSON has them
    bool decimal_numbers; // …where decimals are numbers, not base64
} RecordRules;

#endif
