// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/kafka/position.c" // NOLINT

#include "core/base/test.h"

static Slice encoded(Arena *arena, const KafkaPosition *position) {
    DEFER(buf_release) Buf out = {0};
    kafka_position_encode(&out, position);
    return arena_slice(arena, buf_slice(&out));
}

TEST(kafka_position_comes_back) {
    Arena arena[1];
    Err err[1] = {{0}};
    arena_init(arena, "scratch", 0);
    KafkaOffset offsets[20];
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        offsets[i] = (KafkaOffset){slice_of(arena_printf(arena, "sales.\"t%zu\"", i)), UINT64_MAX - i};
    }
    KafkaPosition position = {.owner = SLICE("me"), .log = 1, .epoch = 2, .cut = 3}, back;
    CHECK_OK(kafka_position_decode(encoded(arena, &position), arena, &back, err));
    CHECK(back.log == 1 && back.epoch == 2 && back.cut == 3 && back.offset_count == 0 && back.state.size == 0);
    position.offsets = offsets;
    position.offset_count = ARRAY_LEN(offsets);
    position.state = SLICE("\n\0state{");
    CHECK_OK(kafka_position_decode(encoded(arena, &position), arena, &back, err));
    CHECK(slice_equal(back.state, position.state) && slice_is(back.owner, "me"));
    CHECK_INT(back.offset_count, ARRAY_LEN(offsets));
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        CHECK(slice_equal(back.offsets[i].topic, offsets[i].topic) && back.offsets[i].next == offsets[i].next);
    }
    arena_release(arena);
}

TEST(kafka_position_that_is_none_is_refused) {
    static const struct {
        const char *text;
        ErrCode code;
    } CASES[] = {{"", ERR_STATE_CORRUPT},
                 {"[]", ERR_STATE_CORRUPT},
                 {"{\"format_version\":1}", ERR_STATE_CORRUPT},
                 {"{\"format_version\":1,\"owner\":\"x\",\"log\":-1}", ERR_STATE_CORRUPT},
                 {"{\"format_version\":1,\"owner\":\"x\",\"log\":1", ERR_STATE_CORRUPT},
                 {"{\"format_version\":1,\"owner\":\"x\",\"offsets\":{\"a\":\"b\"}}", ERR_STATE_CORRUPT},
                 {"{\"format_version\":2,\"new\":[{}],\"owner\":\"x\"}", ERR_FORMAT_NEWER}};
    Arena arena[1];
    arena_init(arena, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Err err[1] = {{0}};
        KafkaPosition back;
        CHECK_FAILS(kafka_position_decode(slice_of(CASES[i].text), arena, &back, err), CASES[i].code);
    }
    Err err[1] = {{0}};
    KafkaPosition back; // what a newer leat of this form may add is passed over
    CHECK_OK(kafka_position_decode(SLICE("{\"format_version\":1,\"owner\":\"x\",\"more\":[1,{\"a\":2}],\"log\":7}"),
                                   arena, &back, err));
    CHECK_INT(back.log, 7);
    arena_release(arena);
}
