// SPDX-License-Identifier: Apache-2.0
// What catalogs and token endpoints answer. Everything lies in the arena. What is not understood is ERR_NET_PROTOCOL
// (never with the answer's text in it: that may hold keys); what is not asked for is passed over.
#ifndef LEAT_LAKE_CATALOG_REST_ANSWERS_H
#define LEAT_LAKE_CATALOG_REST_ANSWERS_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "lake/iceberg/metadata.h"

// Properties as catalogs give them: texts; numbers and booleans as they are written; null is none.
typedef struct RestSettings {
    Property *items;
    size_t count;
} RestSettings;
Slice rest_setting(const RestSettings *settings, const char *name); // data NULL = not there

typedef struct RestConfig { // CatalogConfig
    RestSettings defaults, overrides;
    Slice *endpoints; // "GET /v1/{prefix}/namespaces", …; NULL = not said
    size_t endpoint_count;
    Slice key_lifetime; // of idempotency keys, ISO 8601; empty = they are not remembered
} RestConfig;
CHECKED bool rest_config_parse(Slice json, Arena *arena, RestConfig *config, Err *err);
bool rest_offers(const RestConfig *config, const char *endpoint); // false when nothing is said

typedef struct RestNames { // ListNamespacesResponse, ListTablesResponse
    Slice *names;          // namespaces with U+001F between their parts; tables' own names
    size_t count;
    Slice next_page; // empty = that was all
} RestNames;
CHECKED bool rest_spaces_parse(Slice json, Arena *arena, RestNames *names, Err *err);
CHECKED bool rest_tables_parse(Slice json, Arena *arena, RestNames *names, Err *err);

// GetNamespaceResponse
CHECKED bool rest_space_parse(Slice json, Arena *arena, RestSettings *properties, Err *err);

typedef struct RestKeys { // StorageCredential
    Slice prefix;
    RestSettings config;
} RestKeys;

typedef struct RestTable { // LoadTableResult, CommitTableResponse, LoadCredentialsResponse
    Slice metadata;        // JSON; empty = not said, as in the last of the three
    Slice metadata_file;   // empty = it is only staged
    RestSettings config;
    RestKeys *keys;
    size_t key_count;
} RestTable;
CHECKED bool rest_table_parse(Slice json, Arena *arena, RestTable *table, Err *err);

// Of a table's metadata, what is needed without reading all of it.
typedef struct RestPlace {
    Slice location, uuid;
    RestSettings properties;
} RestPlace;
CHECKED bool rest_place_parse(Slice metadata, Arena *arena, RestPlace *place, Err *err);

typedef struct RestToken { // RFC 6749
    Slice token;
    int64_t expires_s; // 0 = not said
} RestToken;
CHECKED bool rest_token_parse(Slice json, Arena *arena, RestToken *token, Err *err);

// {"error":{"message":…,"type":…}}, or RFC 6749's {"error":"invalid_client"}, which is a type then. Both empty: this is
// no answer of a catalog.
typedef struct RestError {
    Slice message, type;
} RestError;
RestError rest_error_parse(Slice json, Arena *arena);

#endif
