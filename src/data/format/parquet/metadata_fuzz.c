// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What decodes encodes to what decodes and encodes to the same. One with a union that is not known, or absent, cannot
// be encoded.
static void roundtrip(const ThriftType *type, Slice bytes, bool encode) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Err err[1] = {{0}};
    Buf first, second;
    buf_init(&first, 0);
    buf_init(&second, 0);
    void *object = arena_alloc(&arena, type->size);
    ThriftReader reader = thrift_reader_of(bytes, &arena, 64 * MIB);
    bool good = thrift_read(&reader, type, object, err);
    ASSERT(good == (err->code == ERR_NONE));
    if (good && encode) {
        thrift_write(&first, type, object);
        reader = thrift_reader_of(buf_slice(&first), &arena, 256 * MIB);
        ASSERT(thrift_read(&reader, type, object, err));
        ASSERT(reader_done(&reader.bytes));
        thrift_write(&second, type, object);
        ASSERT(slice_equal(buf_slice(&first), buf_slice(&second)));
    }
    buf_release(&first);
    buf_release(&second);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct {
        const ThriftType *type;
        bool encode;
    } TYPES[] = {
        {&FILE_META_TYPE, false},  {&FILE_HEAD_TYPE, false},           {&SCHEMA_ELEMENT_TYPE, false},
        {&ROW_GROUP_TYPE, true},   {&COLUMN_CHUNK_TYPE, true},         {&STATISTICS_TYPE, true},
        {&PAGE_HEADER_TYPE, true}, {&COLUMN_INDEX_TYPE, true},         {&OFFSET_INDEX_TYPE, true},
        {&COLUMN_META_TYPE, true}, {&BLOOM_FILTER_HEADER_TYPE, false},
    };
    if (size == 0) {
        return 0;
    }
    size_t at = data[0] % ARRAY_LEN(TYPES);
    roundtrip(TYPES[at].type, (Slice){data + 1, size - 1}, TYPES[at].encode);
    return 0;
}
