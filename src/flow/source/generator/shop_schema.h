// SPDX-License-Identifier: Apache-2.0
// The storefront's tables, as numbered migrations recorded in shop.schema_version.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_SHOP_SCHEMA_H
#define LEAT_FLOW_SOURCE_GENERATOR_SHOP_SCHEMA_H

#include "core/base/buf.h"

enum {
    SHOP_SCHEMA_BASE = 3,  // versions before the load
    SHOP_SCHEMA_READY = 4, // with it
};

// The statements of versions from + 1 … to, which record themselves.
void shop_schema_migrate(Buf *out, int64_t from, int64_t to);

// The migrations of a living shop, any number above SHOP_SCHEMA_READY: each adds a column and fills it for some rows.
// Returns how many rows it writes, shop.schema_version's included.
typedef struct ShopSchemaCounts {
    int64_t users, products;
} ShopSchemaCounts;
int64_t shop_schema_evolve(Buf *out, int64_t version, const ShopSchemaCounts *counts);

#endif
