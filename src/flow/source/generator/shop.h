// SPDX-License-Identifier: Apache-2.0
// The storefront as the generator knows it: the shop's counters, prices and open orders, and the rows and values that
// they become. Everything follows from the seed; even time is the shop's own clock, not the machine's.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_SHOP_H
#define LEAT_FLOW_SOURCE_GENERATOR_SHOP_H

#include "core/base/arena.h"
#include "flow/source/generator/random.h"
#include "flow/source/generator/sql_rows.h"

typedef enum OrderStatus {
    ORDER_CART,
    ORDER_PLACED,
    ORDER_PAID,
    ORDER_PACKED,
    ORDER_SHIPPED,
    ORDER_DELIVERED,
    ORDER_CANCELLED,
    ORDER_STATUS_COUNT
} OrderStatus;
extern const char *const ORDER_STATUS_NAMES[ORDER_STATUS_COUNT]; // the labels of shop.order_status

typedef struct ShopOrder {
    int64_t id;
    OrderStatus status;
    int32_t lines; // its items are numbered 1 … lines
} ShopOrder;

enum {
    SHOP_USERS = 10000, // at scale 1
    SHOP_PRODUCTS = 2000,
    SHOP_ORDERS = 50000,
    SHOP_CATEGORIES = 20,
    SHOP_LINES_MAX = 8,
    SHOP_OPEN_ORDERS = 100000, // orders that traffic may touch; older ones rest
};
// The load is the half year from here to there; traffic goes on from there. Microseconds since 1970.
#define SHOP_OPENED_US  INT64_C(1767225600000000) // 2026-01-01
#define SHOP_TRAFFIC_US INT64_C(1782864000000000) // 2026-07-01

typedef struct Shop {
    Random random;
    int64_t now_us;                 // the shop's clock
    int64_t users, products;        // their ids are 1 … n
    int64_t last_order, last_event; // the highest ids given out
    int64_t *prices;                // cents, of product i + 1
    ShopOrder *orders;              // at most SHOP_OPEN_ORDERS
    int64_t order_count;
    Buf text; // one value at a time
} Shop;

// An empty shop with room for that many products. Arrays live in the arena.
void shop_init(Shop *shop, Arena *arena, uint64_t seed, int64_t products);
void shop_release(Shop *shop);
int64_t shop_pick_user(Shop *shop);    // skewed
int64_t shop_pick_product(Shop *shop); // skewed
int64_t shop_list_price(Shop *shop);   // cents, of a new product
// Remembers an order; past SHOP_OPEN_ORDERS it takes the place of another one.
void shop_remember(Shop *shop, ShopOrder order);
void shop_forget(Shop *shop, int64_t index);

// Values, made in shop->text: valid until the next one.
Slice shop_address(Shop *shop);     // a JSON object
Slice shop_user_tags(Shop *shop);   // an array's literal: {vip,"early bird"}
Slice shop_attributes(Shop *shop);  // a JSON object
Slice shop_description(Shop *shop); // 200 bytes to 40 KB; long ones hardly compress, so they are stored out of line
Slice shop_note(Shop *shop);
Slice shop_sku(Shop *shop, int64_t product, int64_t edition); // "B07-001234-0001"

// Whole rows, in the order of the tables' first columns (see shop_schema.c).
void shop_user_row(Shop *shop, SqlRows *rows, int64_t id);
void shop_product_row(Shop *shop, SqlRows *rows, int64_t id);
void shop_sku_row(Shop *shop, SqlRows *rows, int64_t product);
void shop_order_row(Shop *shop, SqlRows *rows, const ShopOrder *order, int64_t user, int64_t total);
void shop_item_row(SqlRows *rows, int64_t order, int64_t line, int64_t product, int64_t quantity, int64_t price);
void shop_event_row(Shop *shop, SqlRows *rows, int64_t order, OrderStatus status);
void shop_audit_row(Shop *shop, SqlRows *rows, const char *action, int64_t subject);

#endif
