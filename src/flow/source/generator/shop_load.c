// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/shop_load.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "flow/source/generator/shop_schema.h"

// One COPY … FROM STDIN in portions.
typedef struct Load {
    PgConn *conn;
    Shop *shop;
    const volatile bool *stop;
    int64_t scale;
    int64_t rows; // of all tables
    Buf buf;
    SqlRows out;
} Load;

static void load_release(Load *load) {
    buf_release(&load->buf);
}

static bool send(Load *load, Err *err) {
    if (load->stop != NULL && *load->stop) {
        return FAIL(err, ERR_INTERRUPTED, "stopped while loading the storefront; nothing was kept");
    }
    ASSERT(!load->buf.overflow);
    if (PQputCopyData(load->conn->handle, (const char *)load->buf.data, (int)load->buf.size) != 1) {
        return pg_result_fail(load->conn, NULL, "loading the storefront", err);
    }
    buf_reset(&load->buf);
    return true;
}

// After each row.
static inline bool row_done(Load *load, Err *err) {
    load->rows += 1;
    return load->buf.size < 256 * KIB || send(load, err);
}

static bool users(Load *load, Err *err) {
    Shop *shop = load->shop;
    int64_t count = load->scale * SHOP_USERS;
    for (int64_t id = 1; id <= count; id++) {
        shop->now_us = SHOP_OPENED_US + (SHOP_TRAFFIC_US - SHOP_OPENED_US) / count * (id - 1);
        shop_user_row(shop, &load->out, id);
        TRY(row_done(load, err));
    }
    shop->users = count;
    return true;
}

static bool products(Load *load, Err *err) {
    for (int64_t id = 1; id <= load->shop->products; id++) {
        load->shop->now_us = SHOP_OPENED_US + id * 1000000;
        shop_product_row(load->shop, &load->out, id);
        TRY(row_done(load, err));
    }
    return true;
}

static bool skus(Load *load, Err *err) {
    for (int64_t id = 1; id <= load->shop->products; id++) {
        shop_sku_row(load->shop, &load->out, id);
        TRY(row_done(load, err));
    }
    return true;
}

// Orders, items and events are three COPYs over one story: the story is told three times, from the same random state.
typedef enum Part { PART_ORDERS, PART_ITEMS, PART_EVENTS } Part;

typedef struct Item {
    int64_t product, quantity;
} Item;

static bool order_parts(Load *load, const ShopOrder *order, const Item *items, Part part, Err *err) {
    Shop *shop = load->shop;
    int64_t total = 0;
    for (int32_t i = 0; i < order->lines; i++) {
        int64_t price = shop->prices[items[i].product - 1];
        total += price * items[i].quantity;
        if (part == PART_ITEMS) {
            shop_item_row(&load->out, order->id, i + 1, items[i].product, items[i].quantity, price);
            TRY(row_done(load, err));
        }
    }
    int64_t user = shop_pick_user(shop);
    Random story = shop->random; // what follows draws differently in each part
    if (part == PART_ORDERS) {
        shop_order_row(shop, &load->out, order, user, total);
        TRY(row_done(load, err));
    }
    for (OrderStatus s = ORDER_PLACED; part == PART_EVENTS && s <= MIN(order->status, ORDER_PACKED); s++) {
        shop_event_row(shop, &load->out, order->id, s);
        TRY(row_done(load, err));
    }
    shop->random = story;
    return true;
}

static bool orders_part(Load *load, Part part, Err *err) {
    Shop *shop = load->shop;
    int64_t count = load->scale * SHOP_ORDERS;
    for (int64_t id = 1; id <= count; id++) {
        shop->now_us = SHOP_OPENED_US + (SHOP_TRAFFIC_US - SHOP_OPENED_US) / count * (id - 1);
        ShopOrder order = {.id = id};
        // The old ones are done, the last tenth is on its way.
        bool done = id <= count - count / 10;
        order.status = done ? (random_percent(&shop->random, 94) ? ORDER_DELIVERED : ORDER_CANCELLED)
                            : (OrderStatus)random_between(&shop->random, ORDER_CART, ORDER_SHIPPED);
        order.lines = (int32_t)(1 + random_below(&shop->random, 3) + random_below(&shop->random, 3));
        Item items[SHOP_LINES_MAX];
        for (int32_t i = 0; i < order.lines; i++) {
            items[i] = (Item){shop_pick_product(shop), 1 + random_rank(&shop->random, 4)};
        }
        TRY(order_parts(load, &order, items, part, err));
    }
    return true;
}

static bool orders(Load *load, Err *err) {
    return orders_part(load, PART_ORDERS, err);
}
static bool items(Load *load, Err *err) {
    return orders_part(load, PART_ITEMS, err);
}
static bool events(Load *load, Err *err) {
    return orders_part(load, PART_EVENTS, err);
}

static bool audit(Load *load, Err *err) {
    for (int64_t i = 0; i < load->scale * 5000; i++) {
        load->shop->now_us = SHOP_OPENED_US + i * 1000000;
        shop_audit_row(load->shop, &load->out, "import", i % load->shop->users + 1);
        TRY(row_done(load, err));
    }
    return true;
}

static bool copy(Load *load, const char *table, bool (*rows)(Load *load, Err *err), Err *err) {
    PGconn *handle = load->conn->handle;
    int64_t from = clock_monotonic_us(), before = load->rows;
    char sql[128];
    snprintf(sql, sizeof(sql), "COPY shop.%s FROM STDIN", table);
    PGresult *result = PQexec(handle, sql);
    bool started = PQresultStatus(result) == PGRES_COPY_IN || pg_result_fail(load->conn, result, sql, err);
    PQclear(result);
    TRY(started);
    load->out = (SqlRows){.out = &load->buf, .form = SQL_ROWS_COPY};
    bool told = rows(load, err) && send(load, err);
    if (PQputCopyEnd(handle, told ? NULL : "stopped") != 1 && told) {
        told = pg_result_fail(load->conn, NULL, sql, err);
    }
    while ((result = PQgetResult(handle)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && told) {
            told = pg_result_fail(load->conn, result, sql, err);
        }
        PQclear(result);
    }
    TRY(told);
    log_info(LOG_CLI, "table loaded", LOG_TEXT("table", table), LOG_INT("rows", load->rows - before),
             LOG_INT("ms", (clock_monotonic_us() - from) / 1000));
    return true;
}

static bool load_tables(Load *load, Err *err) {
    Shop *shop = load->shop;
    TRY(copy(load, "users", users, err));
    TRY(copy(load, "products", products, err));
    TRY(copy(load, "product_skus", skus, err));
    Random story = shop->random;
    TRY(copy(load, "orders", orders, err));
    shop->random = story;
    TRY(copy(load, "order_items", items, err));
    shop->random = story;
    TRY(copy(load, "order_events", events, err));
    return copy(load, "audit_log", audit, err);
}

static bool migrate(Load *load, int64_t from, int64_t to, Err *err) {
    buf_reset(&load->buf);
    shop_schema_migrate(&load->buf, from, to);
    buf_u8(&load->buf, 0);
    bool done = pg_exec(load->conn, (const char *)load->buf.data, err);
    buf_reset(&load->buf);
    return done;
}

bool shop_load(PgConn *conn, Shop *shop, int64_t scale, const volatile bool *stop, int64_t *rows, Err *err) {
    DEFER(load_release) Load load = {.conn = conn, .shop = shop, .scale = scale, .stop = stop};
    buf_init(&load.buf, 4 * MIB);
    TRY(pg_exec(conn, "BEGIN", err));
    if (!migrate(&load, 0, SHOP_SCHEMA_BASE, err) || !load_tables(&load, err) ||
        !migrate(&load, SHOP_SCHEMA_BASE, SHOP_SCHEMA_READY, err)) {
        Err ignored[1] = {{0}}; // the first error is the one that counts
        (void)!pg_exec(conn, "ROLLBACK", ignored);
        return err_frame(err, __FILE__, __LINE__);
    }
    TRY(pg_exec(conn, "COMMIT", err));
    *rows = load.rows + SHOP_SCHEMA_READY;
    // VACUUM cannot run among other statements; it sets the visibility map and the statistics in one go.
    return pg_exec(conn, "VACUUM (ANALYZE) shop.users, shop.products, shop.orders, shop.order_items", err);
}

// --- an existing storefront -------------------------------------------------------------------------------------

static bool read_orders(PgConn *conn, Shop *shop, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    char sql[512];
    snprintf(sql, sizeof(sql),
             "WITH o AS (SELECT id, status FROM shop.orders ORDER BY id DESC LIMIT %d)"
             " SELECT o.id, o.status::text, coalesce(max(i.line), 0) FROM o LEFT JOIN shop.order_items i"
             " ON i.order_id = o.id GROUP BY 1, 2 ORDER BY 1",
             SHOP_OPEN_ORDERS);
    TRY(pg_query(conn, &rows, sql, NULL, 0, err));
    for (int i = 0; i < rows.count; i++) {
        ShopOrder order = {.id = pg_int(&rows, i, 0), .lines = (int32_t)pg_int(&rows, i, 2)};
        Slice status = pg_slice(&rows, i, 1);
        while (order.status < ORDER_STATUS_COUNT && !slice_is(status, ORDER_STATUS_NAMES[order.status])) {
            order.status += 1;
        }
        if (order.status < ORDER_STATUS_COUNT && order.lines >= 1 && order.lines <= SHOP_LINES_MAX) {
            shop_remember(shop, order);
        }
    }
    return true;
}

bool shop_read(PgConn *conn, Arena *arena, uint64_t seed, Shop *shop, Err *err) {
    DEFER(pg_rows_release) PgRows counts = {0};
    TRY(pg_query(conn, &counts,
                 "SELECT (SELECT max(id) FROM shop.users), (SELECT max(id) FROM shop.products),"
                 " (SELECT max(id) FROM shop.orders), (SELECT max(id) FROM shop.order_events),"
                 " (SELECT (extract(epoch FROM max(happened_at)) * 1000000)::bigint FROM shop.order_events)",
                 NULL, 0, err));
    if (pg_int(&counts, 0, 0) < 1 || pg_int(&counts, 0, 1) < 1) {
        FAIL(err, ERR_EXISTS, "the tables of schema shop are empty: this is no storefront to go on with");
        return err_hint(err, "use another database, or drop the schema: DROP SCHEMA shop CASCADE");
    }
    shop_init(shop, arena, seed ^ (uint64_t)pg_int(&counts, 0, 2), pg_int(&counts, 0, 1));
    shop->users = pg_int(&counts, 0, 0);
    shop->last_order = pg_int(&counts, 0, 2);
    shop->last_event = pg_int(&counts, 0, 3);
    shop->now_us = MAX(pg_int(&counts, 0, 4), SHOP_TRAFFIC_US);
    DEFER(pg_rows_release) PgRows prices = {0};
    TRY(pg_query(conn, &prices, "SELECT id, (price * 100)::bigint FROM shop.products", NULL, 0, err));
    for (int i = 0; i < prices.count; i++) {
        int64_t id = pg_int(&prices, i, 0);
        if (1 <= id && id <= shop->products) {
            shop->prices[id - 1] = pg_int(&prices, i, 1);
        }
    }
    return read_orders(conn, shop, err);
}
