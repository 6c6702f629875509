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

// What Java 17 says of the same expressions and texts.
TEST(regex_reads_what_java_writes_otherwise) {
    static const struct {
        const char *pattern, *text;
        bool matches;
    } ROWS[] = {
        {"\\u0041\\x41\\x{41}\\0101", "AAAA", true},
        {"\\p{Punct}\\p{Lower}", "!a", true},
        {"\\p{Lower}", "\xc3\xa4", false},
        {"\\P{Lower}", "A", true},
        {"[\\p{Upper}\\P{Digit}]", "1", false},
        {"\\p{IsLatin}\\p{L}\\p{Lu}\\pL",
         "\xc3\xa4\xc3\xa4"
         "Ab",
         true},
        {"\\p{IsAlphabetic}", "\xc3\xa4", true},
        {"(?iu)\xc3\x89", "\xc3\xa9", true},
        {"(?i:a)B", "AB", true},
        {"\\w+", "\xc3\xa9", false},
        {"[]a]", "]", true},
        {"[^]a]", "b", true},
        {"[\\[a]+", "[a", true},
        {"\\Q[a&&\\E&&[b]", "[a&&&&b", true},
        {"(?<=a|bc)d", "bcd", false},
        {".*", "a\nb", false},
        {"(?s).*", "a\nb", true},
        {"a$", "a\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        if (whole(ROWS[i].pattern, ROWS[i].text, 0) != ROWS[i].matches) {
            test_fail(__FILE__, __LINE__, "%s on %s", ROWS[i].pattern, ROWS[i].text);
        }
    }
}

TEST(regex_refuses_what_would_mean_something_else) {
    static const char *const PATTERNS[] = {"[a-z&&[^b]]", "[a-d[m-p]]", "[[:alpha:]]",
                                           "(?U)\\w",     "(?d).",      "\\p{InGreek}"};
    for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++) {
        Err err[1] = {{0}};
        Regex *regex = NULL;
        CHECK(!regex_new(slice_of(PATTERNS[i]), 0, "topic.regex", &regex, err));
        CHECK(err->code == ERR_OPTION && strstr(err->message, "topic.regex: ") == err->message);
    }
}

TEST(regex_replacements_name_groups_that_are_there) {
    static const struct {
        const char *replacement;
        bool valid;
    } ROWS[] = {{"$1-$2${n}", true}, {"$12", true}, {"\\$9", true}, {"$3", false},
                {"${x}", false},     {"$", false},  {"\\", false},  {"$x", false}};
    Regex *regex = NULL;
    Err err[1] = {{0}};
    CHECK(regex_new(SLICE("(a)(?<n>b)"), 0, "regex", &regex, err));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        Err wrong[1] = {{0}};
        CHECK_INT(regex_replacement_valid(regex, slice_of(ROWS[i].replacement), "replacement", wrong), ROWS[i].valid);
    }
    regex_release(regex);
}
