// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/set_by.c"

#include "core/base/test.h"

TEST(kafka_offsets_are_of_who_has_set_them) {
    static const struct {
        int64_t offset;
        const char *note;
        KafkaSetBy by;
        const char *name;
    } CASES[] = {
        {KAFKA_OFFSET_NONE, NULL, KAFKA_SET_BY_NOBODY, ""},
        {7, "leat:a", KAFKA_SET_BY_SELF, "a"},
        {0, "leat:a", KAFKA_SET_BY_SELF, "a"},
        {7, "leat:ab", KAFKA_SET_BY_READER, "ab"},
        {7, "leat:", KAFKA_SET_BY_READER, ""},
        {7, NULL, KAFKA_SET_BY_OTHER, ""},
        {7, "", KAFKA_SET_BY_OTHER, ""},
        {7, "a", KAFKA_SET_BY_OTHER, ""},
    };
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "scratch", 0);
    const char *note = kafka_note(&arena, SLICE("a"));
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        KafkaPartition group = {.topic = "t", .offset = CASES[i].offset, .note = CASES[i].note};
        const char *name = NULL;
        CHECK_INT(kafka_set_by(&group, note, &name), CASES[i].by);
        CHECK_TEXT(slice_of(name), CASES[i].name);
    }
}
