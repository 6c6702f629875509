// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/shop.c"

#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/base/test.h"

typedef struct Fixture {
    Arena arena;
    Shop shop;
    Buf out;
} Fixture;

static void fixture_release(Fixture *fixture) {
    shop_release(&fixture->shop);
    buf_release(&fixture->out);
    arena_release(&fixture->arena);
}

static void fixture_init(Fixture *fixture, uint64_t seed) {
    arena_init(&fixture->arena, "test", 0);
    shop_init(&fixture->shop, &fixture->arena, seed, 50);
    fixture->shop.users = 100;
    fixture->shop.now_us = SHOP_TRAFFIC_US;
    buf_init(&fixture->out, 0);
}

static uint32_t digest_of_rows(uint64_t seed) {
    DEFER(fixture_release) Fixture fixture;
    fixture_init(&fixture, seed);
    SqlRows rows = {.out = &fixture.out, .form = SQL_ROWS_COPY};
    for (int64_t id = 1; id <= 50; id++) {
        shop_user_row(&fixture.shop, &rows, id);
        shop_product_row(&fixture.shop, &rows, id);
        shop_audit_row(&fixture.shop, &rows, "test", id);
    }
    CHECK(!fixture.out.overflow);
    return digest_crc32c(0, buf_slice(&fixture.out));
}

TEST(shop_rows_follow_from_the_seed) {
    CHECK_INT(digest_of_rows(7), digest_of_rows(7));
    CHECK(digest_of_rows(7) != digest_of_rows(8));
}

TEST(shop_descriptions_are_short_and_long) {
    DEFER(fixture_release) Fixture fixture;
    fixture_init(&fixture, 3);
    size_t shortest = SIZE_MAX, longest = 0;
    for (int i = 0; i < 500; i++) {
        Slice text = shop_description(&fixture.shop);
        CHECK(json_utf8_valid(text));
        shortest = MIN(shortest, text.size);
        longest = MAX(longest, text.size);
    }
    CHECK(shortest < 500 && longest > 30000 && longest < 50000);
}

TEST(shop_sales_are_skewed) {
    DEFER(fixture_release) Fixture fixture;
    fixture_init(&fixture, 3);
    int sold[51] = {0};
    for (int i = 0; i < 10000; i++) {
        int64_t product = shop_pick_product(&fixture.shop);
        CHECK(1 <= product && product <= 50);
        sold[product] += 1;
    }
    // The best seller is the one that rank 0 falls on.
    CHECK(sold[spread(0, 50)] > 2000);
    CHECK(sold[spread(49, 50)] < 150);
}

TEST(shop_remembers_as_many_orders_as_it_may) {
    DEFER(fixture_release) Fixture fixture;
    fixture_init(&fixture, 3);
    for (int64_t id = 1; id <= SHOP_OPEN_ORDERS + 10; id++) {
        shop_remember(&fixture.shop, (ShopOrder){.id = id, .lines = 1});
    }
    CHECK_INT(fixture.shop.order_count, SHOP_OPEN_ORDERS);
    shop_forget(&fixture.shop, 0);
    CHECK_INT(fixture.shop.order_count, SHOP_OPEN_ORDERS - 1);
}
