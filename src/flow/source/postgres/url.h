// SPDX-License-Identifier: Apache-2.0
// Source URLs: libpq URIs and conninfo strings in which ${env:NAME} and ${file:/path} stand for secrets. References
// are taken out before libpq parses and are put in afterwards, value by value, so a secret needs no escaping and none
// that contains '@' or a blank can change what the URL means. A URL may also be one reference as a whole.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_URL_H
#define LEAT_FLOW_SOURCE_POSTGRES_URL_H

#include "core/base/arena.h"
#include "core/base/err.h"

enum { PG_URL_OPTIONS_MAX = 64 };

// As PQconnectStartParams takes it: both lists end with NULL. All memory is in the arena that it was resolved into.
typedef struct PgUrl {
    Arena *arena;
    const char *keywords[PG_URL_OPTIONS_MAX + 1];
    const char *values[PG_URL_OPTIONS_MAX + 1];
    int count;
} PgUrl;

// Only options that the URL names. ERR_OPTION names the place, or the reference that has no value.
CHECKED bool pg_url_resolve(Arena *arena, const char *text, PgUrl *url, Err *err);
const char *pg_url_get(const PgUrl *url, const char *keyword); // NULL when absent
void pg_url_set(PgUrl *url, const char *keyword, const char *value);
// When neither the URL nor the environment (PGAPPNAME …) has it.
void pg_url_default(PgUrl *url, const char *keyword, const char *value);
int64_t pg_url_timeout_seconds(const PgUrl *url, int64_t preset); // connect_timeout, PGCONNECT_TIMEOUT, else preset
// Takes a host, and those before it, off the lists; false when it is the last.
bool pg_url_drop_host(PgUrl *url, const char *host, const char *port);

#endif
