// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/latest.c"

#include "core/base/test.h"
#include "core/sys/file.h"

static Err err[1];
static Arena arena;

typedef struct Change {
    uint64_t key, lsn;
    int64_t first, second; // 0: deleted; -1: did not travel
    uint64_t before;       // 0 = it was not moved
} Change;

static LatestKey key(uint64_t number) {
    return (LatestKey){number * UINT64_C(0x9E3779B97F4A7C15), number * UINT64_C(0xD1B54A32D192ED03)};
}

static Value value_of(int64_t number) {
    return number == -1 ? (Value){.kind = VALUE_UNCHANGED} : value_int(number);
}

static void add(Latest *latest, Change change) {
    Value values[2] = {value_of(change.first), value_of(change.second)};
    LatestChange made = {.key = key(change.key),
                         .lsn = change.lsn,
                         .ordinal = 1,
                         .deleted = change.first == 0,
                         .moved = change.before != 0,
                         .before = key(change.before),
                         .values = values};
    CHECK_OK(latest_add(latest, &made, err));
}

typedef struct Seen {
    uint64_t count, sum;
    Buf text;
} Seen;

static bool see(void *context, const LatestChange *change, Err *fault) {
    Seen *seen = context;
    seen->count++;
    seen->sum += (uint64_t)change->values[0].integer;
    if (seen->count <= 10) {
        for (int i = 0; i < 2; i++) {
            if (change->values[i].kind == VALUE_UNCHANGED) {
                buf_text(&seen->text, "?");
            } else {
                buf_int(&seen->text, change->values[i].integer);
            }
            buf_text(&seen->text, i == 0 ? "," : " ");
        }
    }
    return true;
}

static char folder[200];

static Latest *opened(size_t memory) {
    Latest *latest = NULL;
    arena_init(&arena, "test", 0);
    test_folder(folder, sizeof(folder), "latest");
    CHECK_OK(latest_new(arena_printf(&arena, "%s/a/b", folder), 2, memory, &latest, err));
    return latest;
}

static void check_text(Latest *latest, const char *want) {
    Seen seen = {0};
    CHECK_OK(latest_each(latest, see, &seen, err));
    CHECK_TEXT(seen.text.size > 0 ? buf_slice(&seen.text) : SLICE(""), want);
    buf_release(&seen.text);
}

static void closed(Latest *latest) {
    latest_free(latest);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}

TEST(latest_finds_the_newest_of_a_key_in_any_order) {
    Latest *latest = opened(0);
    check_text(latest, "");
    add(latest, (Change){1, 30, 3, 3, 0});
    add(latest, (Change){1, 10, 1, 1, 0});
    add(latest, (Change){1, 20, 2, 2, 0});
    check_text(latest, "3,3 ");
    check_text(latest, "3,3 "); // any number of times
    add(latest, (Change){1, 40, 0, 0, 0});
    check_text(latest, "");
    add(latest, (Change){1, 50, 5, 5, 0});
    check_text(latest, "5,5 ");
    latest_truncate(latest, 45, 0);
    check_text(latest, "5,5 ");
    latest_truncate(latest, 60, 0);
    latest_truncate(latest, 55, 0);
    check_text(latest, "");
    closed(latest);
}

TEST(latest_takes_values_that_did_not_travel_from_before) {
    Latest *latest = opened(0);
    add(latest, (Change){1, 10, 1, 100, 0});
    add(latest, (Change){1, 20, 2, -1, 0});
    add(latest, (Change){1, 30, 3, -1, 0});
    check_text(latest, "3,100 ");
    // Under another key, then another one; each key change is a delete of the old key, too.
    add(latest, (Change){1, 40, 0, 0, 0});
    add(latest, (Change){2, 40, 4, -1, 1});
    check_text(latest, "4,100 ");
    closed(latest);
    latest = opened(0);
    add(latest, (Change){1, 10, 1, 100, 0});
    add(latest, (Change){1, 40, 0, 0, 0});
    LatestChange moved = {.key = key(2), .lsn = 40, .ordinal = 2, .moved = true, .before = key(1)};
    moved.values = (Value[]){value_int(4), {.kind = VALUE_UNCHANGED}};
    CHECK_OK(latest_add(latest, &moved, err));
    check_text(latest, "4,100 ");
    add(latest, (Change){2, 50, 0, 0, 0});
    moved = (LatestChange){.key = key(3), .lsn = 50, .ordinal = 2, .moved = true, .before = key(2)};
    moved.values = (Value[]){value_int(5), {.kind = VALUE_UNCHANGED}};
    CHECK_OK(latest_add(latest, &moved, err));
    add(latest, (Change){3, 60, 6, -1, 0});
    check_text(latest, "6,100 ");
    // Not across a truncate.
    latest_truncate(latest, 15, 0);
    check_text(latest, "6,? ");
    closed(latest);
}

TEST(latest_keeps_to_its_memory) {
    enum { KEYS = 50000 };
    Latest *latest = opened(64 * KIB);
    for (int round = 3; round > 0; round--) {
        for (uint64_t i = 1; i <= KEYS; i++) {
            add(latest, (Change){i, (uint64_t)round, round == 3 && i % 2 == 0 ? 0 : (int64_t)i, round, 0});
        }
    }
    Seen seen = {0};
    CHECK_OK(latest_each(latest, see, &seen, err));
    CHECK_INT(seen.count, KEYS / 2);
    CHECK_INT(seen.sum, (uint64_t)KEYS / 2 * (KEYS / 2));                                          // of the odd ones
    CHECK(latest->parts[0].bytes + latest->parts[0].changes * sizeof(Entry) > latest->memory_max); // in pieces
    buf_release(&seen.text);
    closed(latest);
}
