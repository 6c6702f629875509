// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/shop_traffic.c"

#include "core/base/digest.h"
#include "core/base/test.h"

// A day of traffic without a database; its text's checksum.
static uint32_t day(uint64_t seed, int64_t *changes, int64_t *rollbacks) {
    Arena arena;
    arena_init(&arena, "test", 0);
    Shop shop;
    shop_init(&shop, &arena, seed, 100);
    shop.users = 200;
    shop.now_us = SHOP_TRAFFIC_US;
    Buf sql;
    buf_init(&sql, 0);
    uint32_t digest = 0;
    for (int i = 0; i < 5000; i++) {
        buf_reset(&sql);
        ShopWork work = shop_traffic_next(&shop, &sql);
        CHECK(work.rolled_back == (work.changes == 0));
        CHECK(memcmp(sql.data, "BEGIN;\n", 7) == 0);
        const char *end = work.rolled_back ? "ROLLBACK;\n" : "COMMIT;\n";
        CHECK(memcmp(sql.data + sql.size - strlen(end), end, strlen(end)) == 0);
        *changes += work.changes;
        *rollbacks += work.rolled_back;
        digest = digest_crc32c(digest, buf_slice(&sql));
    }
    buf_release(&sql);
    shop_release(&shop);
    arena_release(&arena);
    return digest;
}

TEST(shop_traffic_follows_from_the_seed) {
    int64_t changes = 0, rollbacks = 0;
    uint32_t digest = day(11, &changes, &rollbacks);
    CHECK(changes > 10000 && rollbacks > 50);
    CHECK_INT(day(11, &changes, &rollbacks), digest);
    CHECK(day(12, &changes, &rollbacks) != digest);
}
