// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/metadata.h"

// Tables of the structs: F of a field, L of a list, S of a struct in place, SL of a list of structs.
#define F(Struct, member, number, of_kind, is) \
    { .id = (number), .kind = (of_kind), .presence = (is), .offset = offsetof(Struct, member), .name = #member }
#define L(Struct, member, number, of_kind, is)                                                                 \
    {                                                                                                          \
        .id = (number), .kind = (of_kind), .list = true, .presence = (is), .offset = offsetof(Struct, member), \
        .name = #member                                                                                        \
    }
#define S(Struct, member, number, struct_type, is)                                                                    \
    {                                                                                                                 \
        .id = (number), .kind = THRIFT_STRUCT, .presence = (is), .offset = offsetof(Struct, member), .name = #member, \
        .type = &(struct_type)                                                                                        \
    }
#define SL(Struct, member, number, struct_type, is)                                                                \
    {                                                                                                              \
        .id = (number), .kind = THRIFT_STRUCT, .list = true, .presence = (is), .offset = offsetof(Struct, member), \
        .name = #member, .type = &(struct_type)                                                                    \
    }
// One kind of a union: its members lie in the union's own struct.
#define KIND(number, struct_type) \
    { .id = (number), .kind = THRIFT_STRUCT, .name = #number, .type = &(struct_type) }

#define STRUCT_TYPE(TYPE, Struct, list)                           \
    const ThriftType TYPE = {.name = #Struct,                     \
                             .size = sizeof(Struct),              \
                             .fields = (list),                    \
                             .has_offset = offsetof(Struct, has), \
                             .field_count = ARRAY_LEN(list)}
#define STRUCT_TYPE_NO_HAS(TYPE, Struct, list) \
    const ThriftType TYPE = {                  \
        .name = #Struct, .size = sizeof(Struct), .fields = (list), .has_none = true, .field_count = ARRAY_LEN(list)}
// What lies in the struct of a union has no size of its own.
#define PART_TYPE(TYPE, list) \
    static const ThriftType TYPE = {.name = #TYPE, .fields = (list), .has_none = true, .field_count = ARRAY_LEN(list)}
#define UNION_TYPE(TYPE, Struct, tag, list)                              \
    static const ThriftType TYPE = {.name = #Struct,                     \
                                    .size = sizeof(Struct),              \
                                    .fields = (list),                    \
                                    .has_offset = offsetof(Struct, tag), \
                                    .field_count = ARRAY_LEN(list),      \
                                    .is_union = true}

static const ThriftType EMPTY_TYPE = {.name = "empty", .has_none = true};

// --- logical types ---------------------------------------------------------------------------------------------

static const ThriftField UNIT_FIELDS[] = {
    KIND(UNIT_MILLIS, EMPTY_TYPE),
    KIND(UNIT_MICROS, EMPTY_TYPE),
    KIND(UNIT_NANOS, EMPTY_TYPE),
};
static const ThriftType UNIT_TYPE = {
    .name = "TimeUnit", .fields = UNIT_FIELDS, .field_count = ARRAY_LEN(UNIT_FIELDS), .is_union = true};

static const ThriftField DECIMAL_FIELDS[] = {
    F(LogicalType, scale, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(LogicalType, precision, 2, THRIFT_I32, THRIFT_REQUIRED),
};
PART_TYPE(DECIMAL_TYPE, DECIMAL_FIELDS);

static const ThriftField TIME_FIELDS[] = {
    F(LogicalType, utc, 1, THRIFT_BOOL, THRIFT_REQUIRED),
    S(LogicalType, unit, 2, UNIT_TYPE, THRIFT_REQUIRED),
};
PART_TYPE(TIME_TYPE, TIME_FIELDS);

static const ThriftField INTEGER_FIELDS[] = {
    F(LogicalType, bit_width, 1, THRIFT_I8, THRIFT_REQUIRED),
    F(LogicalType, is_signed, 2, THRIFT_BOOL, THRIFT_REQUIRED),
};
PART_TYPE(INTEGER_TYPE, INTEGER_FIELDS);

static const ThriftField VARIANT_FIELDS[] = {
    F(LogicalType, spec_version, 1, THRIFT_I8, THRIFT_ALWAYS),
};
PART_TYPE(VARIANT_TYPE, VARIANT_FIELDS);

static const ThriftField LOGICAL_FIELDS[] = {
    KIND(LOGICAL_STRING, EMPTY_TYPE),   KIND(LOGICAL_MAP, EMPTY_TYPE),       KIND(LOGICAL_LIST, EMPTY_TYPE),
    KIND(LOGICAL_ENUM, EMPTY_TYPE),     KIND(LOGICAL_DECIMAL, DECIMAL_TYPE), KIND(LOGICAL_DATE, EMPTY_TYPE),
    KIND(LOGICAL_TIME, TIME_TYPE),      KIND(LOGICAL_TIMESTAMP, TIME_TYPE),  KIND(LOGICAL_INTEGER, INTEGER_TYPE),
    KIND(LOGICAL_UNKNOWN, EMPTY_TYPE),  KIND(LOGICAL_JSON, EMPTY_TYPE),      KIND(LOGICAL_BSON, EMPTY_TYPE),
    KIND(LOGICAL_UUID, EMPTY_TYPE),     KIND(LOGICAL_FLOAT16, EMPTY_TYPE),   KIND(LOGICAL_VARIANT, VARIANT_TYPE),
    KIND(LOGICAL_GEOMETRY, EMPTY_TYPE), KIND(LOGICAL_GEOGRAPHY, EMPTY_TYPE),
};
UNION_TYPE(LOGICAL_TYPE, LogicalType, kind, LOGICAL_FIELDS);

// --- the footer ------------------------------------------------------------------------------------------------

static const ThriftField SCHEMA_ELEMENT_FIELDS[] = {
    F(SchemaElement, type, SCHEMA_TYPE, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, type_length, SCHEMA_TYPE_LENGTH, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, repetition, SCHEMA_REPETITION, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, name, 4, THRIFT_BINARY, THRIFT_REQUIRED),
    F(SchemaElement, child_count, SCHEMA_CHILD_COUNT, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, converted, SCHEMA_CONVERTED, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, scale, SCHEMA_SCALE, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, precision, SCHEMA_PRECISION, THRIFT_I32, THRIFT_OPTIONAL),
    F(SchemaElement, field_id, SCHEMA_FIELD_ID, THRIFT_I32, THRIFT_OPTIONAL),
    S(SchemaElement, logical, SCHEMA_LOGICAL, LOGICAL_TYPE, THRIFT_OPTIONAL),
};
STRUCT_TYPE(SCHEMA_ELEMENT_TYPE, SchemaElement, SCHEMA_ELEMENT_FIELDS);

static const ThriftField STATISTICS_FIELDS[] = {
    F(Statistics, max, 1, THRIFT_BINARY, THRIFT_OPTIONAL),
    F(Statistics, min, 2, THRIFT_BINARY, THRIFT_OPTIONAL),
    F(Statistics, null_count, STATISTICS_NULL_COUNT, THRIFT_I64, THRIFT_OPTIONAL),
    F(Statistics, distinct_count, STATISTICS_DISTINCT_COUNT, THRIFT_I64, THRIFT_OPTIONAL),
    F(Statistics, max_value, 5, THRIFT_BINARY, THRIFT_OPTIONAL),
    F(Statistics, min_value, 6, THRIFT_BINARY, THRIFT_OPTIONAL),
    F(Statistics, is_max_value_exact, STATISTICS_MAX_EXACT, THRIFT_BOOL, THRIFT_OPTIONAL),
    F(Statistics, is_min_value_exact, STATISTICS_MIN_EXACT, THRIFT_BOOL, THRIFT_OPTIONAL),
};
STRUCT_TYPE(STATISTICS_TYPE, Statistics, STATISTICS_FIELDS);

static const ThriftField KEY_VALUE_FIELDS[] = {
    F(KeyValue, key, 1, THRIFT_BINARY, THRIFT_REQUIRED),
    F(KeyValue, value, 2, THRIFT_BINARY, THRIFT_OPTIONAL),
};
static STRUCT_TYPE_NO_HAS(KEY_VALUE_TYPE, KeyValue, KEY_VALUE_FIELDS);

static const ThriftField PAGE_ENCODING_STATS_FIELDS[] = {
    F(PageEncodingStats, page_type, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(PageEncodingStats, encoding, 2, THRIFT_I32, THRIFT_REQUIRED),
    F(PageEncodingStats, count, 3, THRIFT_I32, THRIFT_REQUIRED),
};
static STRUCT_TYPE_NO_HAS(PAGE_ENCODING_STATS_TYPE, PageEncodingStats, PAGE_ENCODING_STATS_FIELDS);

static const ThriftField SIZE_STATISTICS_FIELDS[] = {
    F(SizeStatistics, unencoded_byte_array_data_bytes, SIZES_UNENCODED_BYTES, THRIFT_I64, THRIFT_OPTIONAL),
    L(SizeStatistics, repetition_histogram, 2, THRIFT_I64, THRIFT_OPTIONAL),
    L(SizeStatistics, definition_histogram, 3, THRIFT_I64, THRIFT_OPTIONAL),
};
static STRUCT_TYPE(SIZE_STATISTICS_TYPE, SizeStatistics, SIZE_STATISTICS_FIELDS);

static const ThriftField COLUMN_META_FIELDS[] = {
    F(ColumnMeta, type, 1, THRIFT_I32, THRIFT_REQUIRED),
    L(ColumnMeta, encodings, 2, THRIFT_I32, THRIFT_ALWAYS),
    L(ColumnMeta, path, 3, THRIFT_BINARY, THRIFT_ALWAYS),
    F(ColumnMeta, codec, 4, THRIFT_I32, THRIFT_REQUIRED),
    F(ColumnMeta, value_count, 5, THRIFT_I64, THRIFT_REQUIRED),
    F(ColumnMeta, size, 6, THRIFT_I64, THRIFT_REQUIRED),
    F(ColumnMeta, size_on_disk, 7, THRIFT_I64, THRIFT_REQUIRED),
    SL(ColumnMeta, key_values, 8, KEY_VALUE_TYPE, THRIFT_OPTIONAL),
    F(ColumnMeta, data_page_offset, 9, THRIFT_I64, THRIFT_REQUIRED),
    F(ColumnMeta, index_page_offset, COLUMN_META_INDEX_PAGE_OFFSET, THRIFT_I64, THRIFT_OPTIONAL),
    F(ColumnMeta, dictionary_page_offset, COLUMN_META_DICTIONARY_PAGE_OFFSET, THRIFT_I64, THRIFT_OPTIONAL),
    S(ColumnMeta, statistics, COLUMN_META_STATISTICS, STATISTICS_TYPE, THRIFT_OPTIONAL),
    SL(ColumnMeta, encoding_stats, 13, PAGE_ENCODING_STATS_TYPE, THRIFT_OPTIONAL),
    F(ColumnMeta, bloom_filter_offset, COLUMN_META_BLOOM_OFFSET, THRIFT_I64, THRIFT_OPTIONAL),
    F(ColumnMeta, bloom_filter_length, COLUMN_META_BLOOM_LENGTH, THRIFT_I32, THRIFT_OPTIONAL),
    S(ColumnMeta, size_statistics, COLUMN_META_SIZE_STATISTICS, SIZE_STATISTICS_TYPE, THRIFT_OPTIONAL),
};
STRUCT_TYPE(COLUMN_META_TYPE, ColumnMeta, COLUMN_META_FIELDS);

static const ThriftField COLUMN_CHUNK_FIELDS[] = {
    F(ColumnChunk, file_path, 1, THRIFT_BINARY, THRIFT_OPTIONAL),
    F(ColumnChunk, file_offset, 2, THRIFT_I64, THRIFT_ALWAYS),
    S(ColumnChunk, meta, COLUMN_CHUNK_META, COLUMN_META_TYPE, THRIFT_OPTIONAL),
    F(ColumnChunk, offset_index_offset, COLUMN_CHUNK_OFFSET_INDEX_OFFSET, THRIFT_I64, THRIFT_OPTIONAL),
    F(ColumnChunk, offset_index_length, COLUMN_CHUNK_OFFSET_INDEX_LENGTH, THRIFT_I32, THRIFT_OPTIONAL),
    F(ColumnChunk, column_index_offset, COLUMN_CHUNK_COLUMN_INDEX_OFFSET, THRIFT_I64, THRIFT_OPTIONAL),
    F(ColumnChunk, column_index_length, COLUMN_CHUNK_COLUMN_INDEX_LENGTH, THRIFT_I32, THRIFT_OPTIONAL),
    F(ColumnChunk, encrypted_meta, 9, THRIFT_BINARY, THRIFT_OPTIONAL),
};
STRUCT_TYPE(COLUMN_CHUNK_TYPE, ColumnChunk, COLUMN_CHUNK_FIELDS);

static const ThriftField SORTING_COLUMN_FIELDS[] = {
    F(SortingColumn, column, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(SortingColumn, descending, 2, THRIFT_BOOL, THRIFT_REQUIRED),
    F(SortingColumn, nulls_first, 3, THRIFT_BOOL, THRIFT_REQUIRED),
};
static STRUCT_TYPE_NO_HAS(SORTING_COLUMN_TYPE, SortingColumn, SORTING_COLUMN_FIELDS);

static const ThriftField ROW_GROUP_FIELDS[] = {
    SL(RowGroup, columns, 1, COLUMN_CHUNK_TYPE, THRIFT_REQUIRED),
    F(RowGroup, total_byte_size, 2, THRIFT_I64, THRIFT_REQUIRED),
    F(RowGroup, row_count, 3, THRIFT_I64, THRIFT_REQUIRED),
    SL(RowGroup, sorting, 4, SORTING_COLUMN_TYPE, THRIFT_OPTIONAL),
    F(RowGroup, file_offset, ROW_GROUP_FILE_OFFSET, THRIFT_I64, THRIFT_OPTIONAL),
    F(RowGroup, total_compressed_size, ROW_GROUP_COMPRESSED_SIZE, THRIFT_I64, THRIFT_OPTIONAL),
    F(RowGroup, ordinal, ROW_GROUP_ORDINAL, THRIFT_I16, THRIFT_OPTIONAL),
};
STRUCT_TYPE(ROW_GROUP_TYPE, RowGroup, ROW_GROUP_FIELDS);

static const ThriftField COLUMN_ORDER_FIELDS[] = {KIND(COLUMN_ORDER_TYPE_DEFINED, EMPTY_TYPE)};
UNION_TYPE(COLUMN_ORDER_TYPE, ColumnOrder, kind, COLUMN_ORDER_FIELDS);

static const ThriftField FILE_META_FIELDS[] = {
    F(FileMeta, version, 1, THRIFT_I32, THRIFT_REQUIRED),
    SL(FileMeta, schema, 2, SCHEMA_ELEMENT_TYPE, THRIFT_REQUIRED),
    F(FileMeta, row_count, 3, THRIFT_I64, THRIFT_REQUIRED),
    SL(FileMeta, row_groups, 4, ROW_GROUP_TYPE, THRIFT_REQUIRED),
    SL(FileMeta, key_values, 5, KEY_VALUE_TYPE, THRIFT_OPTIONAL),
    F(FileMeta, created_by, 6, THRIFT_BINARY, THRIFT_OPTIONAL),
    SL(FileMeta, column_orders, 7, COLUMN_ORDER_TYPE, THRIFT_OPTIONAL),
};
STRUCT_TYPE_NO_HAS(FILE_META_TYPE, FileMeta, FILE_META_FIELDS);

static const ThriftField FILE_HEAD_FIELDS[] = {
    F(FileHead, version, 1, THRIFT_I32, THRIFT_REQUIRED),
    SL(FileHead, schema, 2, SCHEMA_ELEMENT_TYPE, THRIFT_REQUIRED),
    F(FileHead, row_count, 3, THRIFT_I64, THRIFT_REQUIRED),
    F(FileHead, row_groups, 4, THRIFT_UNREAD, THRIFT_REQUIRED),
    SL(FileHead, key_values, 5, KEY_VALUE_TYPE, THRIFT_OPTIONAL),
    F(FileHead, created_by, 6, THRIFT_BINARY, THRIFT_OPTIONAL),
    S(FileHead, encrypted, FILE_HEAD_ENCRYPTION, EMPTY_TYPE, THRIFT_OPTIONAL),
};
STRUCT_TYPE(FILE_HEAD_TYPE, FileHead, FILE_HEAD_FIELDS);

// --- pages -----------------------------------------------------------------------------------------------------

static const ThriftField DATA_PAGE_FIELDS[] = {
    F(DataPageHeader, value_count, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeader, encoding, 2, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeader, definition_encoding, 3, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeader, repetition_encoding, 4, THRIFT_I32, THRIFT_REQUIRED),
    S(DataPageHeader, statistics, DATA_PAGE_STATISTICS, STATISTICS_TYPE, THRIFT_OPTIONAL),
};
static STRUCT_TYPE(DATA_PAGE_TYPE, DataPageHeader, DATA_PAGE_FIELDS);

static const ThriftField DATA_PAGE_V2_FIELDS[] = {
    F(DataPageHeaderV2, value_count, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeaderV2, null_count, 2, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeaderV2, row_count, 3, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeaderV2, encoding, 4, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeaderV2, definition_bytes, 5, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeaderV2, repetition_bytes, 6, THRIFT_I32, THRIFT_REQUIRED),
    F(DataPageHeaderV2, is_compressed, DATA_PAGE_V2_COMPRESSED, THRIFT_BOOL, THRIFT_OPTIONAL),
    S(DataPageHeaderV2, statistics, DATA_PAGE_V2_STATISTICS, STATISTICS_TYPE, THRIFT_OPTIONAL),
};
static STRUCT_TYPE(DATA_PAGE_V2_TYPE, DataPageHeaderV2, DATA_PAGE_V2_FIELDS);

static const ThriftField DICTIONARY_PAGE_FIELDS[] = {
    F(DictionaryPageHeader, value_count, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(DictionaryPageHeader, encoding, 2, THRIFT_I32, THRIFT_REQUIRED),
    F(DictionaryPageHeader, is_sorted, DICTIONARY_PAGE_SORTED, THRIFT_BOOL, THRIFT_OPTIONAL),
};
static STRUCT_TYPE(DICTIONARY_PAGE_TYPE, DictionaryPageHeader, DICTIONARY_PAGE_FIELDS);

static const ThriftField PAGE_HEADER_FIELDS[] = {
    F(PageHeader, type, 1, THRIFT_I32, THRIFT_REQUIRED),
    F(PageHeader, size, 2, THRIFT_I32, THRIFT_REQUIRED),
    F(PageHeader, size_on_disk, 3, THRIFT_I32, THRIFT_REQUIRED),
    F(PageHeader, crc, PAGE_CRC, THRIFT_I32, THRIFT_OPTIONAL),
    S(PageHeader, data, PAGE_HAS_DATA, DATA_PAGE_TYPE, THRIFT_OPTIONAL),
    S(PageHeader, dictionary, PAGE_HAS_DICTIONARY, DICTIONARY_PAGE_TYPE, THRIFT_OPTIONAL),
    S(PageHeader, data_v2, PAGE_HAS_DATA_V2, DATA_PAGE_V2_TYPE, THRIFT_OPTIONAL),
};
STRUCT_TYPE(PAGE_HEADER_TYPE, PageHeader, PAGE_HEADER_FIELDS);

// --- indexes ---------------------------------------------------------------------------------------------------

static const ThriftField PAGE_LOCATION_FIELDS[] = {
    F(PageLocation, offset, 1, THRIFT_I64, THRIFT_REQUIRED),
    F(PageLocation, size_on_disk, 2, THRIFT_I32, THRIFT_REQUIRED),
    F(PageLocation, first_row, 3, THRIFT_I64, THRIFT_REQUIRED),
};
static STRUCT_TYPE_NO_HAS(PAGE_LOCATION_TYPE, PageLocation, PAGE_LOCATION_FIELDS);

static const ThriftField OFFSET_INDEX_FIELDS[] = {
    SL(OffsetIndex, pages, 1, PAGE_LOCATION_TYPE, THRIFT_REQUIRED),
    L(OffsetIndex, unencoded_byte_array_data_bytes, 2, THRIFT_I64, THRIFT_OPTIONAL),
};
STRUCT_TYPE_NO_HAS(OFFSET_INDEX_TYPE, OffsetIndex, OFFSET_INDEX_FIELDS);

static const ThriftField COLUMN_INDEX_FIELDS[] = {
    L(ColumnIndex, null_pages, 1, THRIFT_BOOL, THRIFT_REQUIRED),
    L(ColumnIndex, min_values, 2, THRIFT_BINARY, THRIFT_REQUIRED),
    L(ColumnIndex, max_values, 3, THRIFT_BINARY, THRIFT_REQUIRED),
    F(ColumnIndex, boundary_order, 4, THRIFT_I32, THRIFT_REQUIRED),
    L(ColumnIndex, null_counts, 5, THRIFT_I64, THRIFT_OPTIONAL),
    L(ColumnIndex, repetition_histograms, 6, THRIFT_I64, THRIFT_OPTIONAL),
    L(ColumnIndex, definition_histograms, 7, THRIFT_I64, THRIFT_OPTIONAL),
};
STRUCT_TYPE_NO_HAS(COLUMN_INDEX_TYPE, ColumnIndex, COLUMN_INDEX_FIELDS);

static const ThriftField BLOOM_TAG_FIELDS[] = {KIND(BLOOM_SPLIT_BLOCK, EMPTY_TYPE)};
UNION_TYPE(BLOOM_TAG_TYPE, BloomTag, kind, BLOOM_TAG_FIELDS);

static const ThriftField BLOOM_FILTER_HEADER_FIELDS[] = {
    F(BloomFilterHeader, byte_count, 1, THRIFT_I32, THRIFT_REQUIRED),
    S(BloomFilterHeader, algorithm, 2, BLOOM_TAG_TYPE, THRIFT_REQUIRED),
    S(BloomFilterHeader, hash, 3, BLOOM_TAG_TYPE, THRIFT_REQUIRED),
    S(BloomFilterHeader, compression, 4, BLOOM_TAG_TYPE, THRIFT_REQUIRED),
};
STRUCT_TYPE_NO_HAS(BLOOM_FILTER_HEADER_TYPE, BloomFilterHeader, BLOOM_FILTER_HEADER_FIELDS);

// --- names -----------------------------------------------------------------------------------------------------

static const char *name_at(const char *const *names, size_t count, int32_t at) {
    return at >= 0 && (size_t)at < count && names[at] != NULL ? names[at] : "unknown";
}

const char *physical_type_name(int32_t type) {
    static const char *const NAMES[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return name_at(NAMES, ARRAY_LEN(NAMES), type);
}

const char *encoding_name(int32_t encoding) {
    static const char *const NAMES[] = {
        [ENCODING_PLAIN] = "PLAIN",
        [ENCODING_PLAIN_DICTIONARY] = "PLAIN_DICTIONARY",
        [ENCODING_RLE] = "RLE",
        [ENCODING_BIT_PACKED] = "BIT_PACKED",
        [ENCODING_DELTA_BINARY_PACKED] = "DELTA_BINARY_PACKED",
        [ENCODING_DELTA_LENGTH_BYTE_ARRAY] = "DELTA_LENGTH_BYTE_ARRAY",
        [ENCODING_DELTA_BYTE_ARRAY] = "DELTA_BYTE_ARRAY",
        [ENCODING_RLE_DICTIONARY] = "RLE_DICTIONARY",
        [ENCODING_BYTE_STREAM_SPLIT] = "BYTE_STREAM_SPLIT",
    };
    return name_at(NAMES, ARRAY_LEN(NAMES), encoding);
}

const char *parquet_codec_name(int32_t codec) {
    static const char *const NAMES[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
    return name_at(NAMES, ARRAY_LEN(NAMES), codec);
}
