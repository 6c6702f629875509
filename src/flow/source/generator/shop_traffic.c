// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/shop_traffic.h"

typedef struct Work {
    Shop *shop;
    Buf *sql;
    ShopWork done;
} Work;

static void begin(Work *work) {
    buf_text(work->sql, "BEGIN;\n");
}
static void commit(Work *work) {
    buf_text(work->sql, "COMMIT;\n");
}

// INSERT INTO shop.TABLE VALUES, then rows, then end_insert. The columns are named: migrations add more behind them.
static SqlRows insert(Work *work, const char *table_and_columns) {
    buf_printf(work->sql, "INSERT INTO shop.%s VALUES ", table_and_columns);
    return (SqlRows){.out = work->sql, .form = SQL_ROWS_VALUES};
}
static void end_insert(Work *work, int64_t rows) {
    buf_text(work->sql, ";\n");
    work->done.changes += rows;
}

#define ORDERS_COLUMNS "orders (id,user_id,status,currency,total,shipping,note,placed_at,updated_at)"
#define USERS_COLUMNS \
    "users (id,public_id,email,name,country,birthday,address,tags,points,balance,newsletter,created_at,updated_at)"

// UPDATE shop.TABLE SET updated_at = now, … the caller adds the rest and ends with where_id.
static void update(Work *work, const char *table) {
    buf_printf(work->sql, "UPDATE shop.%s SET updated_at = '", table);
    sql_time(work->sql, work->shop->now_us);
    buf_text(work->sql, "'");
}
static void where_id(Work *work, int64_t id) {
    buf_printf(work->sql, " WHERE id = %" PRId64 ";\n", id);
    work->done.changes += 1;
}

static void event(Work *work, int64_t order, OrderStatus status) {
    SqlRows rows = insert(work, "order_events (id,happened_at,order_id,status,payload)");
    shop_event_row(work->shop, &rows, order, status);
    end_insert(work, 1);
}

static void audit(Work *work, const char *action, int64_t subject) {
    SqlRows rows = insert(work, "audit_log (happened_at,actor,action,subject,detail)");
    shop_audit_row(work->shop, &rows, action, subject);
    end_insert(work, 1);
}

typedef struct Basket {
    int64_t products[SHOP_LINES_MAX], quantities[SHOP_LINES_MAX];
    int64_t total; // cents
    int32_t lines;
} Basket;

static Basket basket(Shop *shop) {
    Basket basket = {.lines = (int32_t)(1 + random_below(&shop->random, 3) + random_below(&shop->random, 3))};
    for (int32_t i = 0; i < basket.lines; i++) {
        basket.products[i] = shop_pick_product(shop);
        basket.quantities[i] = 1 + random_rank(&shop->random, 4);
        basket.total += shop->prices[basket.products[i] - 1] * basket.quantities[i];
    }
    return basket;
}

static void basket_insert(Work *work, int64_t order, const Basket *basket) {
    SqlRows rows = insert(work, "order_items (order_id,line,product_id,quantity,unit_price)");
    for (int32_t i = 0; i < basket->lines; i++) {
        shop_item_row(&rows, order, i + 1, basket->products[i], basket->quantities[i],
                      work->shop->prices[basket->products[i] - 1]);
    }
    end_insert(work, basket->lines);
}

static void order_insert(Work *work, const ShopOrder *order, int64_t total) {
    SqlRows rows = insert(work, ORDERS_COLUMNS);
    shop_order_row(work->shop, &rows, order, shop_pick_user(work->shop), total);
    end_insert(work, 1);
}

static void stock_take(Work *work, const Basket *basket) {
    for (int32_t i = 0; i < basket->lines; i++) {
        update(work, "products");
        buf_printf(work->sql, ", stock = stock - %" PRId64, basket->quantities[i]);
        where_id(work, basket->products[i]);
    }
}

// --- the kinds of transactions ----------------------------------------------------------------------------------

static void order_place(Work *work) {
    Shop *shop = work->shop;
    Basket goods = basket(shop);
    ShopOrder order = {++shop->last_order, random_percent(&shop->random, 40) ? ORDER_CART : ORDER_PLACED, goods.lines};
    begin(work);
    order_insert(work, &order, goods.total);
    basket_insert(work, order.id, &goods);
    if (order.status == ORDER_PLACED) {
        stock_take(work, &goods);
        event(work, order.id, order.status);
    }
    commit(work);
    shop_remember(shop, order);
}

// The first try at the items is taken back to a savepoint.
static void order_place_again(Work *work) {
    Shop *shop = work->shop;
    Basket first = basket(shop), second = basket(shop);
    ShopOrder order = {++shop->last_order, ORDER_PLACED, second.lines};
    begin(work);
    order_insert(work, &order, second.total);
    buf_text(work->sql, "SAVEPOINT items;\n");
    int64_t kept = work->done.changes;
    basket_insert(work, order.id, &first);
    stock_take(work, &first);
    buf_text(work->sql, "ROLLBACK TO items;\n");
    work->done.changes = kept;
    basket_insert(work, order.id, &second);
    buf_text(work->sql, "RELEASE items;\n");
    event(work, order.id, order.status);
    commit(work);
    shop_remember(shop, order);
}

static void order_abandon(Work *work) {
    Shop *shop = work->shop;
    Basket goods = basket(shop);
    ShopOrder order = {++shop->last_order, ORDER_PLACED, goods.lines};
    begin(work);
    order_insert(work, &order, goods.total);
    basket_insert(work, order.id, &goods);
    stock_take(work, &goods);
    buf_text(work->sql, "ROLLBACK;\n");
    work->done = (ShopWork){.rolled_back = true};
}

static void order_move(Work *work) {
    Shop *shop = work->shop;
    int64_t at = random_below(&shop->random, shop->order_count);
    ShopOrder *order = &shop->orders[at];
    if (order->status >= ORDER_DELIVERED) {
        // Nothing more happens to it: a clerk looks, and it rests.
        begin(work);
        audit(work, "order archived", order->id);
        commit(work);
        shop_forget(shop, at);
        return;
    }
    order->status = random_percent(&shop->random, 4) ? ORDER_CANCELLED : order->status + 1;
    begin(work);
    update(work, "orders");
    buf_printf(work->sql, ", status = '%s'", ORDER_STATUS_NAMES[order->status]);
    if (random_percent(&shop->random, 10)) {
        buf_text(work->sql, ", note = ");
        sql_literal(work->sql, shop_note(shop));
    }
    where_id(work, order->id);
    event(work, order->id, order->status);
    commit(work);
}

// A line more, a line less, or another quantity.
static void cart_edit(Work *work) {
    Shop *shop = work->shop;
    ShopOrder *order = &shop->orders[random_below(&shop->random, shop->order_count)];
    int64_t product = shop_pick_product(shop), quantity = random_between(&shop->random, 1, 9);
    begin(work);
    if (order->lines < SHOP_LINES_MAX && random_percent(&shop->random, 40)) {
        order->lines += 1;
        SqlRows rows = insert(work, "order_items (order_id,line,product_id,quantity,unit_price)");
        shop_item_row(&rows, order->id, order->lines, product, quantity, shop->prices[product - 1]);
        end_insert(work, 1);
    } else if (order->lines > 1 && random_percent(&shop->random, 40)) {
        buf_printf(work->sql, "DELETE FROM shop.order_items WHERE order_id = %" PRId64 " AND line = %d;\n", order->id,
                   order->lines);
        order->lines -= 1;
        work->done.changes += 1;
    } else {
        buf_printf(work->sql,
                   "UPDATE shop.order_items SET quantity = %" PRId64 " WHERE order_id = %" PRId64 " AND line = %d;\n",
                   quantity, order->id, (int)random_between(&shop->random, 1, order->lines));
        work->done.changes += 1;
    }
    update(work, "orders");
    buf_text(work->sql,
             ", total = (SELECT sum(quantity * unit_price) FROM shop.order_items WHERE order_id = orders.id)");
    where_id(work, order->id);
    commit(work);
}

// A return: items first, then the order, as the references ask.
static void order_return(Work *work) {
    Shop *shop = work->shop;
    int64_t at = random_below(&shop->random, shop->order_count);
    ShopOrder order = shop->orders[at];
    begin(work);
    buf_printf(work->sql, "DELETE FROM shop.order_items WHERE order_id = %" PRId64 ";\n", order.id);
    buf_printf(work->sql, "DELETE FROM shop.orders WHERE id = %" PRId64 ";\n", order.id);
    work->done.changes += order.lines + 1;
    audit(work, "order returned", order.id);
    commit(work);
    shop_forget(shop, at);
}

static void price_change(Work *work) {
    Shop *shop = work->shop;
    int64_t product = shop_pick_product(shop);
    shop->prices[product - 1] = MAX(99, shop->prices[product - 1] + random_between(&shop->random, -500, 500));
    begin(work);
    update(work, "products");
    buf_text(work->sql, ", price = ");
    sql_cents(work->sql, shop->prices[product - 1]);
    if (random_percent(&shop->random, 10)) {
        buf_text(work->sql, ", description = ");
        sql_literal(work->sql, shop_description(shop));
    }
    where_id(work, product);
    commit(work);
}

static void restock(Work *work) {
    begin(work);
    for (int i = 0; i < 5; i++) {
        update(work, "products");
        buf_text(work->sql, ", stock = stock + 250");
        where_id(work, shop_pick_product(work->shop));
    }
    audit(work, "restock", 0);
    commit(work);
}

// A new edition: the SKU is the key of its table.
static void sku_change(Work *work) {
    Shop *shop = work->shop;
    int64_t product = shop_pick_product(shop);
    begin(work);
    buf_text(work->sql, "UPDATE shop.product_skus SET since = '");
    sql_time(work->sql, shop->now_us);
    buf_text(work->sql, "', sku = left(sku, 11) || lpad((right(sku, 4)::int % 9999 + 1)::text, 4, '0')");
    buf_printf(work->sql, " WHERE product_id = %" PRId64 ";\n", product);
    work->done.changes += 1;
    commit(work);
}

static void user_edit(Work *work) {
    Shop *shop = work->shop;
    int64_t user = shop_pick_user(shop);
    begin(work);
    update(work, "users");
    if (random_percent(&shop->random, 50)) {
        buf_text(work->sql, ", address = ");
        sql_literal(work->sql, shop_address(shop));
    } else {
        buf_text(work->sql, ", tags = ");
        sql_literal(work->sql, shop_user_tags(shop));
        buf_printf(work->sql, ", balance = balance - %d.05", (int)random_below(&shop->random, 20));
    }
    where_id(work, user);
    audit(work, "user edited", user);
    commit(work);
}

static void user_join(Work *work) {
    begin(work);
    SqlRows rows = insert(work, USERS_COLUMNS);
    shop_user_row(work->shop, &rows, ++work->shop->users);
    end_insert(work, 1);
    commit(work);
}

static const struct {
    int weight; // in a thousand
    void (*happen)(Work *work);
} KINDS[] = {
    {260, order_place}, {20, order_place_again}, {20, order_abandon}, {340, order_move},
    {60, cart_edit},    {40, order_return},      {90, price_change},  {10, restock},
    {10, sku_change},   {110, user_edit},        {40, user_join},
};

ShopWork shop_traffic_next(Shop *shop, Buf *sql) {
    Work work = {.shop = shop, .sql = sql};
    shop->now_us += random_between(&shop->random, 1, 2000) * 1000;
    int64_t draw = random_below(&shop->random, 1000);
    size_t kind = 0;
    while (draw >= KINDS[kind].weight) {
        draw -= KINDS[kind].weight;
        kind += 1;
        ASSERT(kind < ARRAY_LEN(KINDS));
    }
    // A shop whose orders have all come to rest takes a new one.
    void (*happen)(Work *) = shop->order_count == 0 ? order_place : KINDS[kind].happen;
    happen(&work);
    return work.done;
}

ShopWork shop_traffic_large(Shop *shop, Buf *sql) {
    int64_t count = MIN(shop->users / 2, 20000);
    int64_t first = random_between(&shop->random, 1, shop->users - count + 1);
    buf_printf(sql,
               "BEGIN;\nUPDATE shop.users SET points = points + 1 WHERE id BETWEEN %" PRId64 " AND %" PRId64
               ";\nCOMMIT;\n",
               first, first + count - 1);
    return (ShopWork){.changes = count};
}
