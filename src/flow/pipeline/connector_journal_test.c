// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_journal.c"

#include "core/base/map.h"
#include "core/base/test.h"

TEST(connector_journals_of_different_names_have_different_topics) {
    static const char *const NAMES[] = {"a/b",   "aX2Fb", "ax2fb",    "a%2Fb", "aX252Fb", "a~b",    "aYb",
                                        "aX7Eb", "ayb",   "X",        "%",     "x",       "~",      "Y",
                                        ".a",    "X2Ea",  "a.b",      "A.B",   "orders",  "Orders", "",
                                        " ",     "X20",   "\xc3\xa4", "XC3XA4"};
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "scratch", 0);
    Map seen = {0};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const char *topic = topic_name(&arena, slice_of(NAMES[i]));
        CHECK(map_find(&seen, slice_of(topic)) == NULL);
        CHECK(strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(topic));
        map_put(&seen, slice_of(topic), (void *)(uintptr_t)(i + 1));
    }
    CHECK_TEXT(slice_of(topic_name(&arena, SLICE("a/b"))), "aX2Fb");
    CHECK_TEXT(slice_of(topic_name(&arena, SLICE("aX2Fb"))), "aX582X46b");
    map_release(&seen);
    // What is cut has a digest behind it.
    char one[300], other[300];
    memset(one, 'A', sizeof(one));
    memset(other, 'A', sizeof(other));
    other[sizeof(other) - 1] = 'B';
    CHECK(strcmp(topic_name(&arena, (Slice){(const uint8_t *)one, sizeof(one)}),
                 topic_name(&arena, (Slice){(const uint8_t *)other, sizeof(other)})) != 0);
}
