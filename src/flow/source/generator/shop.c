// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/shop.h"

const char *const ORDER_STATUS_NAMES[ORDER_STATUS_COUNT] = {"cart",    "placed",    "paid",     "packed",
                                                            "shipped", "delivered", "cancelled"};

static const char *const GIVEN[] = {"Ada",   "Björn",  "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiroshi",
                                    "Inés",  "Jürgen", "Kofi",  "Leïla",  "Maeve", "Nuno",   "Olga",  "Priya",
                                    "Quinn", "Rosa",   "Sven",  "Thandi", "Uma",   "Wei",    "Yusuf", "Zoë"};
static const char *const FAMILY[] = {"O'Brien", "Müller", "García", "Nguyen", "Østergård", "Kowalski", "Haddad",
                                     "Tanaka",  "Okafor", "Silva",  "Ivanov", "Smith",     "Łukasik",  "D'Angelo",
                                     "Çelik",   "Patel",  "山田",   "Kim",    "Dubois",    "van Dijk"};
static const char *const CITIES[] = {"London", "Kraków", "São Paulo", "Zürich",    "Lagos",   "Osaka",
                                     "Lyon",   "Porto",  "Nairobi",   "Reykjavík", "Chennai", "Montréal"};
static const char *const COUNTRIES[] = {"GB", "PL", "BR", "CH", "NG", "JP", "FR", "PT", "KE", "IS", "IN", "CA"};
static const char *const STREETS[] = {"High Street", "Mill Lane", "King\\\"s Walk", "Rua Direita", "Hauptstraße"};
static const char *const USER_TAGS[] = {"vip",       "newsletter",           "\"early bird\"",
                                        "wholesale", "\"it's complicated\"", "b2b"};
static const char *const MATERIALS[] = {"oak", "steel", "linen", "glass", "wool", "cork", "brass", "clay"};
static const char *const THINGS[] = {"lamp", "chair", "kettle", "blanket", "bowl", "desk", "rug", "clock", "shelf"};
static const char *const WORDS[] = {"with",  "a",       "finish", "that",    "lasts",    "and",
                                    "every", "piece",   "made",   "by",      "hand",     "for",
                                    "years", "of",      "use",    "light",   "strong",   "quiet",
                                    "warm",  "storage", "indoor", "outdoor", "washable", "repairable"};
static const char *const CURRENCIES[] = {"EUR", "EUR", "EUR", "USD", "GBP", "PLN"};

#define PICK(shop, list) ((list)[random_below(&(shop)->random, (int64_t)ARRAY_LEN(list))])

void shop_init(Shop *shop, Arena *arena, uint64_t seed, int64_t products) {
    *shop = (Shop){.random = random_of(seed), .products = products};
    shop->prices = ARENA_ARRAY(arena, int64_t, (size_t)products);
    shop->orders = ARENA_ARRAY(arena, ShopOrder, SHOP_OPEN_ORDERS);
    buf_init(&shop->text, 256 * KIB);
}

void shop_release(Shop *shop) {
    buf_release(&shop->text);
}

// The best sellers are not the oldest: ranks are spread over the ids. 7919 is prime and divides no count of ours.
static int64_t spread(int64_t rank, int64_t count) {
    return rank * 7919 % count + 1;
}

int64_t shop_pick_user(Shop *shop) {
    return spread(random_rank(&shop->random, shop->users), shop->users);
}

int64_t shop_pick_product(Shop *shop) {
    return spread(random_rank(&shop->random, shop->products), shop->products);
}

int64_t shop_list_price(Shop *shop) {
    return 199 + random_rank(&shop->random, 500) * 100 + random_below(&shop->random, 2) * 50;
}

void shop_remember(Shop *shop, ShopOrder order) {
    if (shop->order_count < SHOP_OPEN_ORDERS) {
        shop->orders[shop->order_count++] = order;
    } else {
        shop->orders[random_below(&shop->random, SHOP_OPEN_ORDERS)] = order;
    }
}

void shop_forget(Shop *shop, int64_t index) {
    ASSERT(index < shop->order_count);
    shop->orders[index] = shop->orders[--shop->order_count];
}

static Buf *fresh(Shop *shop) {
    buf_reset(&shop->text);
    return &shop->text;
}

static Slice made(Shop *shop) {
    ASSERT(!shop->text.overflow);
    return buf_slice(&shop->text);
}

Slice shop_address(Shop *shop) {
    Buf *out = fresh(shop);
    int64_t city = random_below(&shop->random, (int64_t)ARRAY_LEN(CITIES));
    buf_printf(out, "{\"street\": \"%d %s\", \"city\": \"%s\", \"zip\": \"%05d\", \"country\": \"%s\"",
               (int)random_between(&shop->random, 1, 250), PICK(shop, STREETS), CITIES[city],
               (int)random_below(&shop->random, 100000), COUNTRIES[city]);
    if (random_percent(&shop->random, 20)) {
        buf_printf(out, ", \"door\": {\"floor\": %d, \"bell\": null}", (int)random_below(&shop->random, 30));
    }
    buf_u8(out, '}');
    return made(shop);
}

Slice shop_user_tags(Shop *shop) {
    Buf *out = fresh(shop);
    buf_u8(out, '{');
    int64_t count = random_below(&shop->random, 4);
    for (int64_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        buf_text(out, random_percent(&shop->random, 3) ? "NULL" : PICK(shop, USER_TAGS));
    }
    buf_u8(out, '}');
    return made(shop);
}

static Slice product_tags(Shop *shop) {
    Buf *out = fresh(shop);
    buf_printf(out, "{%s,%s}", PICK(shop, MATERIALS), PICK(shop, THINGS));
    return made(shop);
}

Slice shop_attributes(Shop *shop) {
    Buf *out = fresh(shop);
    buf_printf(out, "{\"material\": \"%s\", \"weight_kg\": %d.%02d, \"sizes\": [%d, %d], \"eco\": %s}",
               PICK(shop, MATERIALS), (int)random_below(&shop->random, 40), (int)random_below(&shop->random, 100),
               (int)random_below(&shop->random, 50), (int)random_between(&shop->random, 50, 200),
               random_percent(&shop->random, 30) ? "true" : "false");
    return made(shop);
}

static void words(Shop *shop, Buf *out, size_t size) {
    size_t end = out->size + size;
    while (out->size < end) {
        buf_text(out, PICK(shop, WORDS));
        buf_u8(out, random_percent(&shop->random, 4) ? '\n' : ' ');
    }
}

// Base64's letters, six random bits each: what pglz cannot make smaller.
static void noise(Shop *shop, Buf *out, size_t size) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 8) {
        uint64_t bits = random_next(&shop->random);
        for (int k = 0; k < 8; k++) {
            buf_u8(out, (uint8_t)letters[bits >> (6 * k) & 63]);
        }
    }
}

Slice shop_description(Shop *shop) {
    Buf *out = fresh(shop);
    int64_t kind = random_below(&shop->random, 10);
    if (kind < 6) {
        words(shop, out, (size_t)random_between(&shop->random, 200, 1500));
    } else if (kind < 9) {
        words(shop, out, (size_t)random_between(&shop->random, 1000, 4000));
        noise(shop, out, (size_t)random_between(&shop->random, 2500, 5000));
    } else {
        words(shop, out, (size_t)random_between(&shop->random, 2000, 10000));
        noise(shop, out, (size_t)random_between(&shop->random, 8000, 30000));
    }
    return made(shop);
}

Slice shop_note(Shop *shop) {
    words(shop, fresh(shop), (size_t)random_between(&shop->random, 10, 120));
    return made(shop);
}

Slice shop_sku(Shop *shop, int64_t product, int64_t edition) {
    buf_printf(fresh(shop), "B%02" PRId64 "-%06" PRId64 "-%04" PRId64, product % 97, product, edition);
    return made(shop);
}

static Slice uuid(Shop *shop) {
    uint64_t a = random_next(&shop->random), b = random_next(&shop->random);
    buf_printf(fresh(shop), "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF),
               (unsigned)(a & 0xFFF), (unsigned)(0x8000 | (b >> 48 & 0x3FFF)), b & UINT64_C(0xFFFFFFFFFFFF));
    return made(shop);
}

void shop_user_row(Shop *shop, SqlRows *rows, int64_t id) {
    const char *given = PICK(shop, GIVEN), *family = PICK(shop, FAMILY);
    sql_rows_begin(rows);
    sql_rows_int(rows, id);
    sql_rows_text(rows, uuid(shop));
    buf_printf(fresh(shop), "user%" PRId64 "@example.com", id);
    sql_rows_text(rows, made(shop));
    buf_printf(fresh(shop), "%s %s", given, family);
    sql_rows_text(rows, made(shop));
    sql_rows_text(rows, slice_of(PICK(shop, COUNTRIES)));
    if (random_percent(&shop->random, 25)) {
        sql_rows_null(rows);
    } else {
        buf_printf(fresh(shop), "%04d-%02d-%02d", (int)random_between(&shop->random, 1940, 2008),
                   (int)random_between(&shop->random, 1, 12), (int)random_between(&shop->random, 1, 28));
        sql_rows_text(rows, made(shop));
    }
    sql_rows_text(rows, shop_address(shop));
    sql_rows_text(rows, shop_user_tags(shop));
    sql_rows_int(rows, random_rank(&shop->random, 10000));
    sql_rows_cents(rows, random_rank(&shop->random, 100000) - 2000);
    sql_rows_bool(rows, random_percent(&shop->random, 40));
    sql_rows_time(rows, shop->now_us);
    sql_rows_null(rows);
    sql_rows_end(rows);
}

void shop_product_row(Shop *shop, SqlRows *rows, int64_t id) {
    int64_t price = shop_list_price(shop);
    shop->prices[id - 1] = price;
    sql_rows_begin(rows);
    sql_rows_int(rows, id);
    buf_printf(fresh(shop), "%s %s no. %" PRId64, PICK(shop, MATERIALS), PICK(shop, THINGS), id);
    sql_rows_text(rows, made(shop));
    sql_rows_int(rows, id % SHOP_CATEGORIES);
    sql_rows_cents(rows, price);
    sql_rows_int(rows, random_between(&shop->random, 0, 5000));
    if (random_percent(&shop->random, 30)) {
        sql_rows_null(rows);
    } else {
        buf_printf(fresh(shop), "%d.%d", (int)random_between(&shop->random, 1, 4),
                   (int)random_below(&shop->random, 10));
        sql_rows_text(rows, made(shop));
    }
    sql_rows_text(rows, shop_attributes(shop));
    sql_rows_text(rows, product_tags(shop));
    sql_rows_text(rows, shop_description(shop));
    buf_printf(fresh(shop), "\\x%016" PRIx64, random_next(&shop->random));
    sql_rows_text(rows, made(shop));
    sql_rows_time(rows, shop->now_us);
    sql_rows_null(rows);
    sql_rows_end(rows);
}

void shop_sku_row(Shop *shop, SqlRows *rows, int64_t product) {
    sql_rows_begin(rows);
    sql_rows_text(rows, shop_sku(shop, product, 1));
    sql_rows_int(rows, product);
    sql_rows_time(rows, shop->now_us);
    sql_rows_end(rows);
}

void shop_order_row(Shop *shop, SqlRows *rows, const ShopOrder *order, int64_t user, int64_t total) {
    sql_rows_begin(rows);
    sql_rows_int(rows, order->id);
    sql_rows_int(rows, user);
    sql_rows_text(rows, slice_of(ORDER_STATUS_NAMES[order->status]));
    sql_rows_text(rows, slice_of(PICK(shop, CURRENCIES)));
    sql_rows_cents(rows, total);
    sql_rows_text(rows, shop_address(shop));
    if (random_percent(&shop->random, 80)) {
        sql_rows_null(rows);
    } else {
        sql_rows_text(rows, shop_note(shop));
    }
    sql_rows_time(rows, shop->now_us);
    sql_rows_null(rows);
    sql_rows_end(rows);
}

void shop_item_row(SqlRows *rows, int64_t order, int64_t line, int64_t product, int64_t quantity, int64_t price) {
    sql_rows_begin(rows);
    sql_rows_int(rows, order);
    sql_rows_int(rows, line);
    sql_rows_int(rows, product);
    sql_rows_int(rows, quantity);
    sql_rows_cents(rows, price);
    sql_rows_end(rows);
}

void shop_event_row(Shop *shop, SqlRows *rows, int64_t order, OrderStatus status) {
    sql_rows_begin(rows);
    sql_rows_int(rows, ++shop->last_event);
    sql_rows_time(rows, shop->now_us);
    sql_rows_int(rows, order);
    sql_rows_text(rows, slice_of(ORDER_STATUS_NAMES[status]));
    buf_printf(fresh(shop), "{\"by\": \"%s\", \"ms\": %d}", random_percent(&shop->random, 70) ? "web" : "clerk",
               (int)random_rank(&shop->random, 5000));
    sql_rows_text(rows, made(shop));
    sql_rows_end(rows);
}

void shop_audit_row(Shop *shop, SqlRows *rows, const char *action, int64_t subject) {
    sql_rows_begin(rows);
    sql_rows_time(rows, shop->now_us);
    sql_rows_text(rows, slice_of(PICK(shop, GIVEN)));
    sql_rows_text(rows, slice_of(action));
    sql_rows_int(rows, subject);
    sql_rows_text(rows, shop_attributes(shop));
    sql_rows_end(rows);
}
