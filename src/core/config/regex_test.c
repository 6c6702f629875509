// SPDX-License-Identifier: Apache-2.0
#include "core/config/regex.c"

#include "core/base/test.h"

static bool whole(const char *pattern, const char *text, int flags) {
    Err err[1] = {{0}};
    Regex *regex = NULL;
    CHECK(regex_new(slice_of(pattern), flags, "test", &regex, err));
    bool matches = regex_matches(regex, slice_of(text));
    regex_release(regex);
    return matches;
}

TEST(regex_matches_the_whole_text) {
    CHECK(whole("public\\.orders", "public.orders", 0));
    CHECK(!whole("public\\.orders", "public.orders2", 0));
    CHECK(!whole("a|ab", "abc", 0));
    CHECK(whole("a|ab", "ab", 0)); // alternatives are tried for the whole
    CHECK(!whole("PUBLIC", "public", 0));
    CHECK(whole("PUBLIC", "public", REGEX_IGNORE_CASE));
    CHECK(whole("(?<x>a+)b++", "aabb", 0));
    CHECK(whole("", "", 0));
}

TEST(regex_replaces_as_java_does) {
    Err err[1] = {{0}};
    Regex *regex = NULL;
    DEFER(buf_release) Buf out = {0};
    CHECK(regex_new(SLICE("(?<a>.*)\\.(.*)"), 0, "test", &regex, err));
    CHECK(regex_replace(regex, SLICE("shop.orders"), SLICE("$2-${a}-\\$$10"), &out));
    CHECK(slice_is(buf_slice(&out), "orders-shop-$shop0"));
    CHECK(!regex_replace(regex, SLICE("none"), SLICE("x"), &out));
    regex_release(regex);
}

TEST(regex_says_what_is_wrong) {
    Err err[1] = {{0}};
    Regex *regex = NULL;
    CHECK(!regex_new(SLICE("a("), 0, "table.include.list", &regex, err));
    CHECK(err->code == ERR_OPTION && strstr(err->message, "table.include.list") != NULL);
}

TEST(regex_lists_have_escaped_commas) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    RegexList list;
    CHECK(regex_list_new(&arena, SLICE("public\\.a, s\\.x{1\\,2} ,"), "test", &list, err));
    CHECK(list.count == 2);
    CHECK(regex_list_matches(&list, SLICE("Public.A")));
    CHECK(regex_list_matches(&list, SLICE("s.xx")));
    CHECK(!regex_list_matches(&list, SLICE("s.xxx")));
    regex_list_release(&list);
    arena_release(&arena);
}

TEST(regex_is_bounded) {
    CHECK(!whole("(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 0));
}
