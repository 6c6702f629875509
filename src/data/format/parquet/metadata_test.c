// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/metadata.c"

#include "core/base/test.h"

// The bytes are those that the specification's rules give by hand.
TEST(a_page_header_is_written_as_the_protocol_says) {
    PageHeader header = {
        .has = THRIFT_HAS(PAGE_HAS_DICTIONARY) | THRIFT_HAS(PAGE_CRC),
        .type = PAGE_DICTIONARY,
        .size = 100,
        .size_on_disk = 64,
        .crc = -1,
        .dictionary = {.has = THRIFT_HAS(DICTIONARY_PAGE_SORTED), .value_count = 3, .is_sorted = true},
    };
    Buf out;
    buf_init(&out, 0);
    page_header_encode(&out, &header);
    static const uint8_t WANT[] = {0x15, 0x04, 0x15, 0xC8, 0x01, 0x15, 0x80, 0x01, 0x15,
                                   0x01, 0x3C, 0x15, 0x06, 0x15, 0x00, 0x11, 0x00, 0x00};
    CHECK_INT(out.size, sizeof(WANT));
    CHECK(memcmp(out.data, WANT, sizeof(WANT)) == 0);

    Arena arena;
    arena_init(&arena, "test", 0);
    Err err[1] = {{0}};
    PageHeader back;
    size_t used = 0;
    CHECK_OK(page_header_decode(buf_slice(&out), &arena, &back, &used, err));
    CHECK_INT(used, out.size);
    CHECK_INT(back.has & ~(uint32_t)0xE, header.has);
    CHECK_INT(back.crc, -1);
    CHECK_INT(back.dictionary.value_count, 3);
    CHECK(back.dictionary.is_sorted);
    for (size_t size = 0; size < out.size; size++) {
        CHECK_FAILS(page_header_decode((Slice){out.data, size}, &arena, &back, &used, err), ERR_VALUE);
    }
    buf_release(&out);
    arena_release(&arena);
}

static const LogicalType LOGICALS[] = {
    {.kind = LOGICAL_STRING},
    {.kind = LOGICAL_DECIMAL, .precision = 38, .scale = 9},
    {.kind = LOGICAL_TIME, .utc = false, .unit = UNIT_MICROS},
    {.kind = LOGICAL_TIMESTAMP, .utc = true, .unit = UNIT_NANOS},
    {.kind = LOGICAL_INTEGER, .bit_width = 64, .is_signed = true},
    {.kind = LOGICAL_UUID},
};

TEST(every_logical_type_survives) {
    Buf out;
    buf_init(&out, 0);
    Arena arena;
    arena_init(&arena, "test", 0);
    Err err[1] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(LOGICALS); i++) {
        SchemaElement element = {.name = SLICE("x"), .logical = LOGICALS[i], .has = THRIFT_HAS(SCHEMA_LOGICAL)};
        buf_reset(&out);
        schema_element_encode(&out, &element);
        SchemaElement back;
        size_t used = 0;
        CHECK_OK(schema_element_decode(buf_slice(&out), &arena, &back, &used, err));
        CHECK_INT(used, out.size);
        CHECK(memcmp(&back.logical, &LOGICALS[i], sizeof(LogicalType)) == 0);
        CHECK_TEXT(back.name, "x");
    }
    buf_release(&out);
    arena_release(&arena);
}

static void make_footer(Buf *out) {
    int32_t encodings[] = {ENCODING_RLE, ENCODING_PLAIN};
    Slice path[] = {SLICE("a")};
    ColumnChunk chunks[20];
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        chunks[i] = (ColumnChunk){
            .has = THRIFT_HAS(COLUMN_CHUNK_META) | THRIFT_HAS(COLUMN_CHUNK_COLUMN_INDEX_OFFSET),
            .column_index_offset = 1LL << 40,
            .meta = {.has = THRIFT_HAS(COLUMN_META_STATISTICS),
                     .type = PHYSICAL_INT64,
                     .encodings = {encodings, 2},
                     .path = {path, 1},
                     .statistics = {.has = THRIFT_HAS(STATISTICS_NULL_COUNT) | THRIFT_HAS(STATISTICS_MIN_EXACT),
                                    .null_count = (int64_t)i,
                                    .min_value = SLICE(""),
                                    .is_min_value_exact = false}},
        };
    }
    RowGroup groups[2];
    groups[0] = (RowGroup){.columns = {chunks, 20}, .row_count = 7, .has = THRIFT_HAS(ROW_GROUP_ORDINAL)};
    groups[1] = (RowGroup){.columns = {chunks, 1}, .row_count = INT64_MAX};
    SchemaElement schema[] = {{.name = SLICE("root"), .has = THRIFT_HAS(SCHEMA_CHILD_COUNT), .child_count = 1}};
    ColumnOrder orders[] = {{COLUMN_ORDER_TYPE_DEFINED}};
    FileMeta meta = {.version = 1,
                     .schema = {schema, 1},
                     .row_count = 9,
                     .row_groups = {groups, 2},
                     .created_by = SLICE("leat version 1"),
                     .column_orders = {orders, 1}};
    file_meta_encode(out, &meta);
}

TEST(a_footer_survives) {
    Buf out;
    buf_init(&out, 0);
    make_footer(&out);
    Arena arena;
    arena_init(&arena, "test", 0);
    Err err[1] = {{0}};
    FileMeta back;
    size_t used = 0;
    CHECK_OK(file_meta_decode(buf_slice(&out), &arena, &back, &used, err));
    CHECK_INT(used, out.size);
    CHECK_INT(back.row_groups.count, 2);
    CHECK_INT(back.row_groups.at[0].columns.count, 20);
    CHECK_INT(back.row_groups.at[1].row_count, INT64_MAX);
    const ColumnMeta *column = &back.row_groups.at[0].columns.at[19].meta;
    CHECK_INT(column->statistics.null_count, 19);
    CHECK(column->statistics.min_value.data != NULL && column->statistics.max_value.data == NULL);
    CHECK_INT(column->encodings.at[0], ENCODING_RLE);
    CHECK_TEXT(column->path.at[0], "a");
    CHECK(column->key_values.at == NULL);
    CHECK_INT(back.column_orders.at[0].kind, COLUMN_ORDER_TYPE_DEFINED);
    Buf again;
    buf_init(&again, 0);
    file_meta_encode(&again, &back);
    CHECK(slice_equal(buf_slice(&out), buf_slice(&again)));
    buf_release(&again);

    FileHead head;
    ThriftReader reader = thrift_reader_of(buf_slice(&out), &arena, MIB);
    CHECK_OK(thrift_read(&reader, &FILE_HEAD_TYPE, &head, err));
    ThriftReader groups = thrift_reader_of(head.row_groups, &arena, MIB);
    uint32_t count = 0;
    CHECK_OK(thrift_read_list(&groups, &count, err));
    CHECK_INT(count, 2);
    RowGroup group;
    CHECK_OK(thrift_read(&groups, &ROW_GROUP_TYPE, &group, err));
    CHECK_INT(group.row_count, 7);
    CHECK_OK(thrift_read(&groups, &ROW_GROUP_TYPE, &group, err));
    CHECK_INT(group.columns.count, 1);
    CHECK(reader_done(&groups.bytes));

    for (size_t size = 0; size < out.size; size++) {
        CHECK_FAILS(file_meta_decode((Slice){out.data, size}, &arena, &back, &used, err), ERR_VALUE);
    }
    reader = thrift_reader_of(buf_slice(&out), &arena, 1000); // 21 column chunks take more
    CHECK_FAILS(thrift_read(&reader, &FILE_META_TYPE, &back, err), ERR_VALUE);
    buf_release(&out);
    arena_release(&arena);
}

TEST(indexes_survive) {
    bool nulls[] = {false, true, false};
    Slice mins[] = {SLICE("a"), SLICE(""), SLICE("c")};
    int64_t counts[] = {0, 5, 1};
    ColumnIndex index = {.null_pages = {nulls, 3},
                         .min_values = {mins, 3},
                         .max_values = {mins, 3},
                         .boundary_order = BOUNDARY_ASCENDING,
                         .null_counts = {counts, 3}};
    PageLocation pages[] = {{4, 10, 0}, {14, 1, 20000}};
    OffsetIndex offsets = {.pages = {pages, 2}};
    BloomFilterHeader bloom = {32, {BLOOM_SPLIT_BLOCK}, {BLOOM_XXHASH}, {BLOOM_UNCOMPRESSED}};
    Buf out;
    buf_init(&out, 0);
    column_index_encode(&out, &index);
    size_t first = out.size;
    offset_index_encode(&out, &offsets);
    size_t second = out.size;
    bloom_filter_header_encode(&out, &bloom);
    Arena arena;
    arena_init(&arena, "test", 0);
    Err err[1] = {{0}};
    size_t used = 0;
    ColumnIndex index_back;
    CHECK_OK(column_index_decode(buf_slice(&out), &arena, &index_back, &used, err));
    CHECK_INT(used, first);
    CHECK(index_back.null_pages.at[1] && !index_back.null_pages.at[2]);
    CHECK_TEXT(index_back.max_values.at[2], "c");
    CHECK_INT(index_back.null_counts.at[1], 5);
    OffsetIndex offsets_back;
    CHECK_OK(offset_index_decode(slice_from(buf_slice(&out), first), &arena, &offsets_back, &used, err));
    CHECK_INT(used, second - first);
    CHECK_INT(offsets_back.pages.at[1].first_row, 20000);
    BloomFilterHeader bloom_back;
    CHECK_OK(bloom_filter_header_decode(slice_from(buf_slice(&out), second), &arena, &bloom_back, &used, err));
    CHECK_INT(bloom_back.byte_count, 32);
    CHECK_INT(bloom_back.hash.kind, BLOOM_XXHASH);
    buf_release(&out);
    arena_release(&arena);
}
