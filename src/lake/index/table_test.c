// SPDX-License-Identifier: Apache-2.0
#include "lake/index/table.c"

#include "core/base/test.h"

static uint64_t mixed(uint64_t x) {
    x = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static void check_sorted(const KeyTable *table) {
    IndexEntry entry, last = {0};
    uint64_t at = 0, count = 0, gone = 0, stale = 0;
    while (key_table_next(table, &at, &entry)) {
        CHECK(count == 0 || key_before(last.high, last.low, entry.high, entry.low));
        last = entry;
        count++;
        gone += key_place_none(entry.place);
        stale += entry.supersedes;
    }
    CHECK_INT(count, table->counts.entries);
    CHECK_INT(gone, table->counts.gone);
    CHECK_INT(stale, table->counts.stale);
}

static void fill(bool exact) {
    KeyTable table;
    key_table_init(&table, exact);
    KeyPlace place;
    CHECK(!key_table_find(&table, 5, 0, &place));
    for (uint32_t i = 0; i < 50000; i++) {
        IndexEntry entry = {mixed(i), exact ? 0 : i, i % 7 == 0 ? KEY_NOWHERE : (KeyPlace){i % 1000, i}, i % 3 == 0};
        key_table_reserve(&table, table.counts.entries + 1, 60000);
        CHECK(key_table_put(&table, &entry));
        if (i % 10 == 0) {
            entry.place = (KeyPlace){0xffffff, UINT32_MAX};
            entry.supersedes = !entry.supersedes; // stays what it was
            CHECK(key_table_put(&table, &entry));
        }
    }
    check_sorted(&table);
    CHECK_INT(table.counts.entries, 50000);
    CHECK_INT(table.counts.stale, 16667);
    for (uint32_t i = 0; i < 60000; i++) {
        bool found = key_table_find(&table, mixed(i), exact ? 0 : i, &place);
        CHECK(found == (i < 50000));
        if (found && i % 10 == 0) {
            CHECK(place.file == 0xffffff && place.row == UINT32_MAX);
        } else if (found) {
            CHECK(i % 7 == 0 ? key_place_none(place) : place.file == i % 1000 && place.row == i);
        }
    }
    key_table_reset(&table);
    check_sorted(&table);
    key_table_release(&table);
}

TEST(a_table_of_exact_keys_finds_what_was_put) {
    fill(true);
}
TEST(a_table_of_wide_keys_finds_what_was_put) {
    fill(false);
}

// All of one home: at the end of the table, too.
TEST(a_crowded_table_refuses_before_it_is_wrong) {
    for (int end = 0; end < 2; end++) {
        KeyTable table;
        key_table_init(&table, true);
        key_table_reserve(&table, 20000, 20000);
        uint64_t first = end ? UINT64_MAX - 10000 : 0, taken = 0;
        for (uint64_t i = 0; i < 10000; i++) {
            taken += key_table_put(&table, &(IndexEntry){first + i, 0, {1, (uint32_t)i}, false});
        }
        CHECK(taken >= 4000 && taken < 10000);
        CHECK_INT(taken, table.counts.entries);
        check_sorted(&table);
        key_table_reserve(&table, 40000, 40000);
        key_table_reserve(&table, 80000, 80000);
        check_sorted(&table);
        KeyPlace place;
        for (uint64_t i = 0; i < 10000; i++) {
            CHECK(key_table_find(&table, first + i, 0, &place) == (i < taken) && (i >= taken || place.row == i));
        }
        key_table_release(&table);
    }
}

TEST(equal_upper_bits_are_told_apart_by_the_lower) {
    KeyTable table;
    key_table_init(&table, false);
    key_table_reserve(&table, 100, 100);
    for (uint32_t i = 0; i < 50; i++) {
        CHECK(key_table_put(&table, &(IndexEntry){77, 49 - i, {i, i}, false}));
    }
    KeyPlace place;
    CHECK(key_table_find(&table, 77, 0, &place) && place.file == 49);
    CHECK(key_table_find(&table, 77, 49, &place) && place.file == 0);
    CHECK(!key_table_find(&table, 77, 50, &place));
    check_sorted(&table);
    key_table_release(&table);
}
