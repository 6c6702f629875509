// SPDX-License-Identifier: Apache-2.0
#include "core/sys/random.c" // NOLINT

#include "core/base/test.h"

TEST(random_uuids_are_of_version_4_and_differ) {
    char first[37], second[37];
    random_uuid(first);
    random_uuid(second);
    CHECK_INT(strlen(first), 36);
    CHECK_INT(strspn(first, "0123456789abcdef-"), 36);
    CHECK(first[8] == '-' && first[13] == '-' && first[18] == '-' && first[23] == '-');
    CHECK_INT(first[14], '4');
    CHECK(strchr("89ab", first[19]) != NULL);
    CHECK(strcmp(first, second) != 0);
}

TEST(random_bytes_are_as_many_as_were_asked_for) {
    static uint8_t bytes[1000];
    uint64_t differ = 0;
    random_bytes(bytes, sizeof(bytes) - 1);
    CHECK_INT(bytes[sizeof(bytes) - 1], 0);
    for (size_t i = 0; i + 8 < sizeof(bytes); i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof(word));
        CHECK(word != 0);
        differ |= word;
    }
    CHECK(differ == UINT64_MAX);
    CHECK(random_number() != random_number());
}
