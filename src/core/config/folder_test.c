// SPDX-License-Identifier: Apache-2.0
#include "core/config/folder.c" // NOLINT

#include "core/base/test.h"

static Arena arena;

static char *folder_of(const char *name) {
    return connector_folder(&arena, slice_of(name));
}

TEST(folder_keeps_plain_names_and_encodes_the_rest) {
    CHECK_TEXT(slice_of(folder_of("storefront-source_1.v2")), "storefront-source_1.v2");
    CHECK_TEXT(slice_of(folder_of("Shop")), "%53hop");
    CHECK_TEXT(slice_of(folder_of("a/b c")), "a%2Fb%20c");
    CHECK_TEXT(slice_of(folder_of("..")), "%2E.");
    CHECK_TEXT(slice_of(folder_of(".hidden")), "%2Ehidden");
    CHECK_TEXT(slice_of(folder_of("\xc3\xa9t\xc3\xa9")), "%C3%A9t%C3%A9");
    CHECK_TEXT(slice_of(folder_of("100%~@")), "100%25%7E%40");
    CHECK_TEXT(slice_of(folder_of("")), "%");
}

TEST(folder_is_cut_when_long_and_stays_its_own) {
    uint8_t name[400];
    memset(name, 'a', sizeof(name));
    char *fits = connector_folder(&arena, (Slice){name, FOLDER_MAX});
    char *cut = connector_folder(&arena, (Slice){name, FOLDER_MAX + 1});
    char *other = connector_folder(&arena, (Slice){name, FOLDER_MAX + 2});
    CHECK_INT(strlen(fits), FOLDER_MAX);
    CHECK_INT(strlen(cut), FOLDER_MAX);
    CHECK(strcmp(cut, other) != 0 && strcmp(cut, fits) != 0 && strchr(cut, '~') != NULL);
    memset(name, 0xc3, sizeof(name)); // three letters each: never cut within one
    cut = connector_folder(&arena, (Slice){name, sizeof(name)});
    CHECK(strlen(cut) <= FOLDER_MAX && memcmp(strchr(cut, '~') - 3, "%C3", 3) == 0);
}

TEST(folder_gives_its_name_again) {
    static const char *const NAMES[] = {"shop", "Shop/Lake", "..", "", "\xe2\x98\x83", "a%b", "-x"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        Slice name;
        CHECK(connector_folder_name(&arena, slice_of(folder_of(NAMES[i])), &name));
        CHECK_TEXT(name, NAMES[i]);
    }
    static const char *const FOREIGN[] = {"@dlq", "Shop", "a%2", "a%zz", "a%61", ".x", "x~00", "a%2f", ""};
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN); i++) {
        Slice name;
        CHECK(!connector_folder_name(&arena, slice_of(FOREIGN[i]), &name));
    }
}
