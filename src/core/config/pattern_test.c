// SPDX-License-Identifier: Apache-2.0
#include "core/config/pattern.c" // NOLINT

#include "core/base/test.h"

static Arena arena = {.name = "test"};
static Err err[1];

static bool matches(const char *text, const char *space, const char *name) {
    Patterns patterns = {0};
    CHECK_OK(patterns_parse(&arena, text, "tables", &patterns, err));
    return patterns_match(&patterns, slice_of(space), slice_of(name), false);
}

TEST(patterns_are_globs_over_both_names) {
    CHECK(matches("*", "public", "orders"));
    CHECK(matches("orders", "any", "orders"));
    CHECK(!matches("orders", "any", "Orders"));
    CHECK(matches("public.*", "public", "orders"));
    CHECK(!matches("public.*", "private", "orders"));
    CHECK(matches("p*c.o?d*s", "public", "orders"));
    CHECK(matches(" a.b , public.orders ", "public", "orders"));
    CHECK(matches("\"pub.lic\".\"or\"\"d*\"", "pub.lic", "or\"d*"));
    CHECK(!matches("\"or*\"", "public", "orders"));
    CHECK(matches("*a*b*c", "x", "aaabbbabc"));
    CHECK(!matches("*a*b*c", "x", "aaabbbab"));
    CHECK(!matches("", "public", "orders"));
}

TEST(patterns_are_checked) {
    static const char *const BAD[] = {"a.b.c", "\"open", ".a", "a.", ",", "a,,b", "a\"b\"", "\"\"", "\"a\"b"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Patterns patterns = {0};
        CHECK_FAILS(patterns_parse(&arena, BAD[i], "tables", &patterns, err), ERR_OPTION);
    }
}

TEST(near_names_have_small_distances) {
    Patterns patterns = {0};
    CHECK_OK(patterns_parse(&arena, "public.Orders,ordres", "tables", &patterns, err));
    CHECK_INT(pattern_distance(&patterns.at[0], SLICE("public"), SLICE("orders")), 0);
    CHECK_INT(pattern_distance(&patterns.at[0], SLICE("shop"), SLICE("orders")), 1);
    CHECK_INT(pattern_distance(&patterns.at[1], SLICE("shop"), SLICE("orders")), 2);
}
