// SPDX-License-Identifier: Apache-2.0
#include "core/config/java_properties.c" // NOLINT

#include "core/base/test.h"

static const char FILE_TEXT[] = "# a comment \\\n"
                                "! another\n"
                                "\n"
                                "plain=value\n"
                                "  spaced  :  a b \n"
                                "blank value of blanks\n"
                                "empty=\n"
                                "bare\n"
                                "long=one,\\\n"
                                "      two\r\n"
                                "esc\\=aped\\ key=tab\\there\\u00e9\\u20ac\n"
                                "equals==x=y\n"
                                "twice=1\n"
                                "twice=2\n"
                                "cut=\\";

TEST(java_properties_as_java_reads_them) {
    static const struct {
        const char *key, *value;
    } WANT[] = {{"plain", "value"},
                {"spaced", "a b "},
                {"blank", "value of blanks"},
                {"empty", ""},
                {"bare", ""},
                {"long", "one,two"},
                {"esc=aped key", "tab\there\xc3\xa9\xe2\x82\xac"},
                {"equals", "=x=y"},
                {"twice", "2"},
                {"cut", ""}};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Slice value;
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        if (!java_properties_find(&arena, slice_of(FILE_TEXT), slice_of(WANT[i].key), &value)) {
            test_fail(__FILE__, __LINE__, "no %s", WANT[i].key);
        }
        CHECK_TEXT(value, WANT[i].value);
    }
    CHECK(!java_properties_find(&arena, slice_of(FILE_TEXT), SLICE("another"), &value));
    CHECK(!java_properties_find(&arena, (Slice){0}, SLICE("a"), &value));
    arena_release(&arena);
}
