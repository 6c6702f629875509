// SPDX-License-Identifier: Apache-2.0
// What happens in a living storefront: one business transaction after the other, as SQL.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_SHOP_TRAFFIC_H
#define LEAT_FLOW_SOURCE_GENERATOR_SHOP_TRAFFIC_H

#include "flow/source/generator/shop.h"

typedef struct ShopWork {
    int64_t changes; // rows that it inserts, updates and deletes for good
    bool rolled_back;
} ShopWork;

// Appends one transaction, BEGIN to COMMIT or ROLLBACK. The shop is then as the database will be when it has run.
ShopWork shop_traffic_next(Shop *shop, Buf *sql);
// One large transaction: everybody in a wide range of users gets a point.
ShopWork shop_traffic_large(Shop *shop, Buf *sql);

#endif
