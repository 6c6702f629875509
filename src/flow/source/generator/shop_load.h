// SPDX-License-Identifier: Apache-2.0
// The first fill of a storefront: schema, rows by COPY, references, in one transaction: it is there whole or not at
// all.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_SHOP_LOAD_H
#define LEAT_FLOW_SOURCE_GENERATOR_SHOP_LOAD_H

#include "flow/source/generator/shop.h"
#include "flow/source/postgres/conn.h"

// `stop` (or NULL) is looked at between portions: ERR_INTERRUPTED, and the database is as it was.
CHECKED bool shop_load(PgConn *conn, Shop *shop, int64_t scale, const volatile bool *stop, int64_t *rows, Err *err);
// An existing storefront's counters, prices and open orders.
CHECKED bool shop_read(PgConn *conn, Arena *arena, uint64_t seed, Shop *shop, Err *err);

#endif
