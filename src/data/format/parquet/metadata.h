// SPDX-License-Identifier: Apache-2.0
// The structs of parquet.thrift (apache/parquet-format 2.11) that leat writes or reads, as thrift.h lays them out: what
// is optional and no list or binary counts when its THRIFT_HAS bit is set in `has`. Each has x_encode and x_decode.
#ifndef LEAT_DATA_FORMAT_PARQUET_METADATA_H
#define LEAT_DATA_FORMAT_PARQUET_METADATA_H

#include "data/format/parquet/thrift.h"

typedef enum PhysicalType {
    PHYSICAL_BOOLEAN = 0,
    PHYSICAL_INT32 = 1,
    PHYSICAL_INT64 = 2,
    PHYSICAL_INT96 = 3,
    PHYSICAL_FLOAT = 4,
    PHYSICAL_DOUBLE = 5,
    PHYSICAL_BYTE_ARRAY = 6,
    PHYSICAL_FIXED = 7, // FIXED_LEN_BYTE_ARRAY
    PHYSICAL_COUNT
} PhysicalType;

typedef enum Repetition { REPETITION_REQUIRED = 0, REPETITION_OPTIONAL = 1, REPETITION_REPEATED = 2 } Repetition;

typedef enum ConvertedType {
    CONVERTED_UTF8 = 0,
    CONVERTED_MAP = 1,
    CONVERTED_MAP_KEY_VALUE = 2,
    CONVERTED_LIST = 3,
    CONVERTED_ENUM = 4,
    CONVERTED_DECIMAL = 5,
    CONVERTED_DATE = 6,
    CONVERTED_TIME_MILLIS = 7,
    CONVERTED_TIME_MICROS = 8,
    CONVERTED_TIMESTAMP_MILLIS = 9,
    CONVERTED_TIMESTAMP_MICROS = 10,
    CONVERTED_UINT_8 = 11,
    CONVERTED_UINT_16 = 12,
    CONVERTED_UINT_32 = 13,
    CONVERTED_UINT_64 = 14,
    CONVERTED_INT_8 = 15,
    CONVERTED_INT_16 = 16,
    CONVERTED_INT_32 = 17,
    CONVERTED_INT_64 = 18,
    CONVERTED_JSON = 19,
    CONVERTED_BSON = 20,
    CONVERTED_INTERVAL = 21,
} ConvertedType;

typedef enum LogicalKind { // the union's field ids
    LOGICAL_NONE = 0,
    LOGICAL_STRING = 1,
    LOGICAL_MAP = 2,
    LOGICAL_LIST = 3,
    LOGICAL_ENUM = 4,
    LOGICAL_DECIMAL = 5,   // scale, precision
    LOGICAL_DATE = 6,      //
    LOGICAL_TIME = 7,      // utc, unit
    LOGICAL_TIMESTAMP = 8, // utc, unit
    LOGICAL_INTEGER = 10,  // bit_width, is_signed
    LOGICAL_UNKNOWN = 11,  // always null
    LOGICAL_JSON = 12,
    LOGICAL_BSON = 13,
    LOGICAL_UUID = 14,
    LOGICAL_FLOAT16 = 15,
    LOGICAL_VARIANT = 16, // spec_version
    LOGICAL_GEOMETRY = 17,
    LOGICAL_GEOGRAPHY = 18,
} LogicalKind;

typedef enum TimeUnit { UNIT_NONE = 0, UNIT_MILLIS = 1, UNIT_MICROS = 2, UNIT_NANOS = 3 } TimeUnit;

typedef enum Encoding {
    ENCODING_PLAIN = 0,
    ENCODING_PLAIN_DICTIONARY = 2,
    ENCODING_RLE = 3,
    ENCODING_BIT_PACKED = 4,
    ENCODING_DELTA_BINARY_PACKED = 5,
    ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    ENCODING_DELTA_BYTE_ARRAY = 7,
    ENCODING_RLE_DICTIONARY = 8,
    ENCODING_BYTE_STREAM_SPLIT = 9,
} Encoding;

typedef enum ParquetCodec {
    PARQUET_UNCOMPRESSED = 0,
    PARQUET_SNAPPY = 1,
    PARQUET_GZIP = 2,
    PARQUET_LZO = 3,
    PARQUET_BROTLI = 4,
    PARQUET_LZ4 = 5, // Hadoop's framing; deprecated
    PARQUET_ZSTD = 6,
    PARQUET_LZ4_RAW = 7,
} ParquetCodec;

typedef enum PageType { PAGE_DATA = 0, PAGE_INDEX = 1, PAGE_DICTIONARY = 2, PAGE_DATA_V2 = 3 } PageType;

typedef enum BoundaryOrder { BOUNDARY_UNORDERED = 0, BOUNDARY_ASCENDING = 1, BOUNDARY_DESCENDING = 2 } BoundaryOrder;

// --- the footer ------------------------------------------------------------------------------------------------

typedef struct LogicalType {
    int32_t kind; // a LogicalKind, or the tag of one that is not known
    int32_t scale;
    int32_t precision;
    int32_t unit; // a TimeUnit
    bool utc;
    int8_t bit_width;
    bool is_signed;
    int8_t spec_version;
} LogicalType;

enum {
    SCHEMA_TYPE = 1,
    SCHEMA_TYPE_LENGTH = 2,
    SCHEMA_REPETITION = 3,
    SCHEMA_CHILD_COUNT = 5,
    SCHEMA_CONVERTED = 6,
    SCHEMA_SCALE = 7,
    SCHEMA_PRECISION = 8,
    SCHEMA_FIELD_ID = 9,
    SCHEMA_LOGICAL = 10,
};
typedef struct SchemaElement {
    uint32_t has;
    int32_t type;        // a PhysicalType; absent: a group
    int32_t type_length; // of PHYSICAL_FIXED
    int32_t repetition;  // absent at the root
    Slice name;
    int32_t child_count; // present: a group
    int32_t converted;   // a ConvertedType
    int32_t scale;
    int32_t precision;
    int32_t field_id;
    LogicalType logical;
} SchemaElement;

enum {
    STATISTICS_NULL_COUNT = 3,
    STATISTICS_DISTINCT_COUNT = 4,
    STATISTICS_MAX_EXACT = 7,
    STATISTICS_MIN_EXACT = 8,
};
typedef struct Statistics {
    uint32_t has;
    Slice max; // the old ones, signed order: never written
    Slice min;
    int64_t null_count;
    int64_t distinct_count;
    Slice max_value; // data NULL = absent
    Slice min_value;
    bool is_max_value_exact;
    bool is_min_value_exact;
} Statistics;

typedef struct KeyValue {
    Slice key;
    Slice value; // data NULL = absent
} KeyValue;

typedef struct PageEncodingStats {
    int32_t page_type;
    int32_t encoding;
    int32_t count;
} PageEncodingStats;

enum { SIZES_UNENCODED_BYTES = 1 };
typedef struct SizeStatistics {
    uint32_t has;
    int64_t unencoded_byte_array_data_bytes;
    THRIFT_LIST(int64_t) repetition_histogram;
    THRIFT_LIST(int64_t) definition_histogram;
} SizeStatistics;

enum {
    COLUMN_META_INDEX_PAGE_OFFSET = 10,
    COLUMN_META_DICTIONARY_PAGE_OFFSET = 11,
    COLUMN_META_STATISTICS = 12,
    COLUMN_META_BLOOM_OFFSET = 14,
    COLUMN_META_BLOOM_LENGTH = 15,
    COLUMN_META_SIZE_STATISTICS = 16,
};
typedef struct ColumnMeta {
    uint32_t has;
    int32_t type; // a PhysicalType
    THRIFT_LIST(int32_t) encodings;
    THRIFT_LIST(Slice) path;
    int32_t codec;        // a ParquetCodec
    int64_t value_count;  // nulls and empty lists included
    int64_t size;         // uncompressed, headers included
    int64_t size_on_disk; // compressed, headers included
    THRIFT_LIST(KeyValue) key_values;
    int64_t data_page_offset;
    int64_t index_page_offset;
    int64_t dictionary_page_offset;
    Statistics statistics;
    THRIFT_LIST(PageEncodingStats) encoding_stats;
    int64_t bloom_filter_offset;
    int32_t bloom_filter_length;
    SizeStatistics size_statistics;
} ColumnMeta;

enum {
    COLUMN_CHUNK_META = 3,
    COLUMN_CHUNK_OFFSET_INDEX_OFFSET = 4,
    COLUMN_CHUNK_OFFSET_INDEX_LENGTH = 5,
    COLUMN_CHUNK_COLUMN_INDEX_OFFSET = 6,
    COLUMN_CHUNK_COLUMN_INDEX_LENGTH = 7,
};
typedef struct ColumnChunk {
    uint32_t has;
    Slice file_path;
    int64_t file_offset; // deprecated: 0
    ColumnMeta meta;
    int64_t offset_index_offset;
    int32_t offset_index_length;
    int64_t column_index_offset;
    int32_t column_index_length;
    Slice encrypted_meta; // not read further
} ColumnChunk;

typedef struct SortingColumn {
    int32_t column;
    bool descending;
    bool nulls_first;
} SortingColumn;

enum { ROW_GROUP_FILE_OFFSET = 5, ROW_GROUP_COMPRESSED_SIZE = 6, ROW_GROUP_ORDINAL = 7 };
typedef struct RowGroup {
    uint32_t has;
    THRIFT_LIST(ColumnChunk) columns;
    int64_t total_byte_size; // uncompressed
    int64_t row_count;
    THRIFT_LIST(SortingColumn) sorting;
    int64_t file_offset;
    int64_t total_compressed_size;
    int16_t ordinal;
} RowGroup;

enum { COLUMN_ORDER_TYPE_DEFINED = 1 };
typedef struct ColumnOrder {
    int32_t kind; // COLUMN_ORDER_TYPE_DEFINED
} ColumnOrder;

typedef struct FileMeta {
    int32_t version;
    THRIFT_LIST(SchemaElement) schema;
    int64_t row_count;
    THRIFT_LIST(RowGroup) row_groups;
    THRIFT_LIST(KeyValue) key_values;
    Slice created_by;
    THRIFT_LIST(ColumnOrder) column_orders;
} FileMeta;

// The footer without its row groups, which may be many: `row_groups` is for thrift_read_list, and each then for
// thrift_read with ROW_GROUP_TYPE.
typedef struct FileHead {
    int32_t version;
    THRIFT_LIST(SchemaElement) schema;
    int64_t row_count;
    Slice row_groups;
    THRIFT_LIST(KeyValue) key_values;
    Slice created_by;
    bool encrypted;
    uint32_t has;
} FileHead;
enum { FILE_HEAD_ENCRYPTION = 8 };

// --- pages -----------------------------------------------------------------------------------------------------

enum { DATA_PAGE_STATISTICS = 5 };
typedef struct DataPageHeader {
    uint32_t has;
    int32_t value_count; // nulls included
    int32_t encoding;
    int32_t definition_encoding; // ENCODING_RLE
    int32_t repetition_encoding;
    Statistics statistics;
} DataPageHeader;

enum { DATA_PAGE_V2_COMPRESSED = 7, DATA_PAGE_V2_STATISTICS = 8 };
typedef struct DataPageHeaderV2 {
    uint32_t has;
    int32_t value_count; // nulls included
    int32_t null_count;
    int32_t row_count;
    int32_t encoding;
    int32_t definition_bytes;
    int32_t repetition_bytes;
    bool is_compressed; // absent: true
    Statistics statistics;
} DataPageHeaderV2;

enum { DICTIONARY_PAGE_SORTED = 3 };
typedef struct DictionaryPageHeader {
    uint32_t has;
    int32_t value_count;
    int32_t encoding; // ENCODING_PLAIN
    bool is_sorted;
} DictionaryPageHeader;

enum { PAGE_CRC = 4, PAGE_HAS_DATA = 5, PAGE_HAS_DICTIONARY = 7, PAGE_HAS_DATA_V2 = 8 };
typedef struct PageHeader {
    uint32_t has;
    int32_t type;         // a PageType
    int32_t size;         // of the body, uncompressed
    int32_t size_on_disk; // of the body as stored
    int32_t crc;          // of the body as stored: CRC-32 (zlib's)
    DataPageHeader data;
    DictionaryPageHeader dictionary;
    DataPageHeaderV2 data_v2;
} PageHeader;

// --- indexes ---------------------------------------------------------------------------------------------------

typedef struct PageLocation {
    int64_t offset;
    int32_t size_on_disk; // header included
    int64_t first_row;    // within the row group
} PageLocation;

typedef struct OffsetIndex {
    THRIFT_LIST(PageLocation) pages;
    THRIFT_LIST(int64_t) unencoded_byte_array_data_bytes;
} OffsetIndex;

typedef struct ColumnIndex { // one item a page
    THRIFT_LIST(bool) null_pages;
    THRIFT_LIST(Slice) min_values; // empty where the page holds nulls only
    THRIFT_LIST(Slice) max_values;
    int32_t boundary_order; // a BoundaryOrder
    THRIFT_LIST(int64_t) null_counts;
    THRIFT_LIST(int64_t) repetition_histograms;
    THRIFT_LIST(int64_t) definition_histograms;
} ColumnIndex;

enum { BLOOM_SPLIT_BLOCK = 1, BLOOM_XXHASH = 1, BLOOM_UNCOMPRESSED = 1 };
typedef struct BloomTag {
    int32_t kind;
} BloomTag;
typedef struct BloomFilterHeader {
    int32_t byte_count;
    BloomTag algorithm;   // BLOOM_SPLIT_BLOCK
    BloomTag hash;        // BLOOM_XXHASH
    BloomTag compression; // BLOOM_UNCOMPRESSED
} BloomFilterHeader;

// X(struct, prefix of its functions, its table)
#define METADATA_STRUCTS(X)                               \
    X(FileMeta, file_meta, FILE_META_TYPE)                \
    X(SchemaElement, schema_element, SCHEMA_ELEMENT_TYPE) \
    X(RowGroup, row_group, ROW_GROUP_TYPE)                \
    X(ColumnChunk, column_chunk, COLUMN_CHUNK_TYPE)       \
    X(ColumnMeta, column_meta, COLUMN_META_TYPE)          \
    X(Statistics, statistics, STATISTICS_TYPE)            \
    X(PageHeader, page_header, PAGE_HEADER_TYPE)          \
    X(ColumnIndex, column_index, COLUMN_INDEX_TYPE)       \
    X(OffsetIndex, offset_index, OFFSET_INDEX_TYPE)       \
    X(BloomFilterHeader, bloom_filter_header, BLOOM_FILTER_HEADER_TYPE)

extern const ThriftType FILE_HEAD_TYPE; // for reading

// x_encode appends; x_decode reads the struct at the start of `bytes`, borrows from them, puts its lists into the arena
// and says how many bytes it took. Its lists take METADATA_MEMORY_MAX at most.
#define METADATA_MEMORY_MAX (256 * MIB)
#define X(Struct, prefix, TYPE)                                                                                     \
    extern const ThriftType TYPE;                                                                                   \
    static inline void prefix##_encode(Buf *out, const Struct *object) {                                            \
        thrift_write(out, &TYPE, object);                                                                           \
    }                                                                                                               \
    CHECKED static inline bool prefix##_decode(Slice bytes, Arena *arena, Struct *object, size_t *used, Err *err) { \
        ThriftReader reader = thrift_reader_of(bytes, arena, METADATA_MEMORY_MAX);                                  \
        TRY(thrift_read(&reader, &TYPE, object, err));                                                              \
        *used = (size_t)(reader.bytes.at - bytes.data);                                                             \
        return true;                                                                                                \
    }
METADATA_STRUCTS(X)
#undef X

const char *physical_type_name(int32_t type);
const char *encoding_name(int32_t encoding);
const char *parquet_codec_name(int32_t codec);

#endif
