// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/thrift.c"

#include "core/base/test.h"

typedef struct Thing {
    uint32_t has;
    int32_t number;
    THRIFT_LIST(bool) flags;
} Thing;

static const ThriftField THING_FIELDS[] = {
    {.id = 2, .kind = THRIFT_I32, .offset = offsetof(Thing, number), .name = "number"},
    {.id = 20, .kind = THRIFT_BOOL, .list = true, .offset = offsetof(Thing, flags), .name = "flags"},
};
static const ThriftType THING_TYPE = {.name = "Thing", .size = sizeof(Thing), .fields = THING_FIELDS, .field_count = 2};

static bool read_thing(const char *bytes, size_t size, Thing *thing, Arena *arena, Err *err) {
    ThriftReader reader = thrift_reader_of((Slice){(const uint8_t *)bytes, size}, arena, 1000);
    return thrift_read(&reader, &THING_TYPE, thing, err) && reader_done(&reader.bytes);
}
#define READ(literal) read_thing(literal, sizeof(literal) - 1, &thing, &arena, err)

TEST(unknown_fields_are_passed_over) {
    Arena arena;
    arena_init(&arena, "test", 0);
    Err err[1] = {{0}};
    Thing thing;
    // 1: a map of binary to list of structs; 2: number; 3: uuid; 4: false; 5: a set of booleans; 20 in the long form.
    CHECK_OK(READ("\x1B\x01\x89\x01"
                  "k"
                  "\x1C\x15\x02\x00"
                  "\x15\x0D"
                  "\x1D"
                  "0123456789abcdef"
                  "\x12"
                  "\x1A\x21\x01\x02"
                  "\x09\x28\x32\x01\x00\x02"
                  "\x00"));
    CHECK_INT(thing.number, -7);
    CHECK_INT(thing.flags.count, 3);
    CHECK(thing.flags.at[0] && !thing.flags.at[1] && !thing.flags.at[2]);
    CHECK(READ("\x00"));
    CHECK(thing.flags.at == NULL && thing.has == 0);
    arena_release(&arena);
}

TEST(damaged_structs_are_refused) {
    Arena arena;
    arena_init(&arena, "test", 0);
    Err err[1] = {{0}};
    Thing thing;
    CHECK_FAILS(READ("\x25\xFE\xFF\xFF\xFF\xFF\x01\x00"), ERR_VALUE); // more than 32 bits
    CHECK_FAILS(READ("\x26\x02\x00"), ERR_VALUE);                     // an i64
    CHECK_FAILS(READ("\x09\x28\xF1\xFF\xFF\xFF\xFF\x0F\x00"), ERR_VALUE);
    CHECK_FAILS(READ("\x1E\x00"), ERR_VALUE); // no such type
    char deep[100];
    memset(deep, 0x1C, sizeof(deep));
    CHECK_FAILS(read_thing(deep, sizeof(deep), &thing, &arena, err), ERR_VALUE);
    arena_release(&arena);
}
