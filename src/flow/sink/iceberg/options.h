// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_SINK_ICEBERG_OPTIONS_H
#define LEAT_FLOW_SINK_ICEBERG_OPTIONS_H

#include "core/config/option.h"
#include "lake/catalog/rest/options.h"
#include "storage/store/s3/s3.h"

// The options of the lake, as the table ICEBERG_OPTIONS fills them.
typedef struct LakeOptions {
    const char *format;       // "iceberg"
    const char *mode;         // upsert | append
    int64_t format_version;   // 2 | 3
    int64_t freshness_ms;     // 0 = by the place: 1 s on local disk, 60 s on object stores
    const char *namespace;    // "" = the source's schema
    const char *rename;       // "public.orders=sales,…"
    const char *partition_by; // "day(created_at)" or "orders=day(created_at);items=bucket(16,id)"
    const char *catalog;      // "" = the embedded one
    const char *adopt;        // "*", or "sales.orders,…": tables of others that are taken over
    const char *inexact;      // null | fail | aside | text
    const char *type_change;  // suffix | fail
    const char *adopt_rows;   // read | keep
    const char *deletes;      // hard | soft
    const char *key;          // identity | full-row
    int64_t target_file_bytes;
    int64_t large_page_bytes; // of columns of large values
    int64_t compression_level;
    RestCatalogOptions rest; // when the catalog is iceberg+https://
    const char *maintenance; // auto | on | off
    int64_t maintenance_cpu; // percent of a core
    int64_t snapshot_retention_ms, snapshot_grace_ms;
    int64_t orphan_age_ms; // 0 = they stay
    S3Options s3;
} LakeOptions;

extern const OptionTable ICEBERG_OPTIONS;

// Wanted between two commits, of a sink at that URL.
int64_t lake_interval_us(const LakeOptions *options, const char *url);

// What a table shall be called: the namespace and the name that it would like to have.
typedef struct LakeName {
    Slice space, table;
} LakeName;
// ERR_OPTION: `rename` is not understood.
CHECKED bool lake_name(const LakeOptions *options, Slice space, Slice table, Arena *arena, LakeName *name, Err *err);
// May a table of that name be taken over?
bool lake_adopts(const LakeOptions *options, Slice space, Slice table);
// The text of its partition spec; "" = none.
const char *lake_partition_text(const LakeOptions *options, Slice space, Slice table, Arena *arena);

#endif
