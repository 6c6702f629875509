// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/puffin.c"

#include "core/base/test.h"

static Arena arena;
static Err err[1];

TEST(puffin_files_hold_deletion_vectors) {
    arena_init(&arena, "test", 0);
    Positions *a = positions_new(), *b = positions_new(), *read = NULL;
    positions_add(a, 3);
    positions_add(a, 7);
    positions_add(b, UINT64_C(5) << 32);
    PuffinVector vectors[] = {{.data_file = SLICE("s3://b/one\"two"), .positions = a},
                              {.data_file = SLICE("s3://b/three"), .positions = b}};
    DEFER(buf_release) Buf out = {0};
    CHECK_OK(puffin_write(vectors, 2, &out, err));
    CHECK_INT(vectors[0].offset, 4);
    CHECK_INT(vectors[0].size, 44);
    CHECK_INT(vectors[1].offset, 48);
    PuffinBlob *blobs = NULL;
    size_t count = 0;
    CHECK_OK(puffin_read_footer(buf_slice(&out), &arena, &blobs, &count, err));
    CHECK_INT(count, 2);
    for (size_t i = 0; i < count; i++) {
        CHECK_TEXT(blobs[i].type, DELETION_VECTOR);
        CHECK(slice_equal(blobs[i].referenced_file, vectors[i].data_file));
        CHECK_INT(blobs[i].cardinality, positions_count(vectors[i].positions));
        CHECK_INT(blobs[i].offset, vectors[i].offset);
        CHECK_INT(blobs[i].size, vectors[i].size);
        CHECK(blobs[i].codec.size == 0 && blobs[i].snapshot_id == -1 && blobs[i].sequence_number == -1);
        CHECK_OK(deletion_vector_read((Slice){out.data + blobs[i].offset, blobs[i].size}, &read, err));
        CHECK_INT(positions_count(read), blobs[i].cardinality);
        positions_free(read);
    }
    for (size_t size = 0; size < out.size; size++) {
        CHECK_FAILS(puffin_read_footer((Slice){out.data, size}, &arena, &blobs, &count, err), ERR_VALUE);
    }
    positions_free(a);
    positions_free(b);
    arena_release(&arena);
}

static bool reads(const char *json, uint32_t flags) {
    DEFER(buf_release) Buf file = {0};
    buf_text(&file, "PFA1blobsPFA1");
    buf_text(&file, json);
    buf_u32le(&file, (uint32_t)strlen(json));
    buf_u32le(&file, flags);
    buf_text(&file, "PFA1");
    PuffinBlob *blobs = NULL;
    size_t count = 0;
    bool ok = puffin_read_footer(buf_slice(&file), &arena, &blobs, &count, err);
    return ok;
}

TEST(puffin_footers_are_not_believed) {
    arena_init(&arena, "test", 0);
    CHECK_OK(reads("{}", 0));
    CHECK_OK(reads("{\"x\":[1,{}],\"blobs\":[{\"type\":\"t\",\"offset\":4,\"length\":5,\"fields\":[1]}]}", 0));
    CHECK_FAILS(reads("{}", 1), ERR_VALUE);
    static const char *const BAD[] = {
        "",
        "[]",
        "{",
        "{} x",
        "{\"blobs\":{}}",
        "{\"blobs\":[1]}",
        "{\"blobs\":[{}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":3,\"length\":1}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":4,\"length\":6}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":10,\"length\":0}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":4,\"length\":18446744073709551615}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":4.5,\"length\":1}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":-4,\"length\":1}]}",
        "{\"blobs\":[{\"type\":4,\"offset\":4,\"length\":1}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":4,\"length\":1,\"properties\":{\"cardinality\":\"x\"}}]}",
        "{\"blobs\":[{\"type\":\"t\",\"offset\":4,\"length\":1,\"properties\":{\"cardinality\":7}}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK_FAILS(reads(BAD[i], 0), ERR_VALUE);
    }
    arena_release(&arena);
}
