// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/reader.c"

#include "core/base/test.h"
#include <zlib.h>

// A file made by hand, page by page (version 1, not compressed).
typedef struct SamplePage {
    int32_t entries;
    Slice repetitions, definitions; // encoded, without their length; data NULL: the column has none
    Slice values;
    int32_t encoding;
    int32_t size;         // that the header tells; 0 = as it is
    int32_t size_on_disk; // likewise
    bool checksum_wrong;
    bool dictionary;
} SamplePage;

typedef struct SampleColumn {
    PhysicalType type;
    const SamplePage *pages;
    uint32_t page_count;
    int64_t value_count; // 0 = the sum of the pages'
    int32_t codec;
} SampleColumn;

typedef struct Sample {
    const SchemaElement *elements;
    uint32_t element_count;
    const SampleColumn *columns;
    uint32_t column_count;
    int64_t rows;
    int64_t rows_in_footer; // 0 = rows
} Sample;

static void sample_levels(Buf *body, Slice levels) {
    if (levels.data != NULL) {
        buf_u32le(body, (uint32_t)levels.size);
        buf_put(body, levels);
    }
}

static void sample_page(Buf *file, const SamplePage *page) {
    Buf body;
    buf_init(&body, 0);
    sample_levels(&body, page->repetitions);
    sample_levels(&body, page->definitions);
    buf_put(&body, page->values);
    PageHeader header = {.has = THRIFT_HAS(PAGE_CRC),
                         .type = page->dictionary ? PAGE_DICTIONARY : PAGE_DATA,
                         .size = page->size != 0 ? page->size : (int32_t)body.size,
                         .size_on_disk = page->size_on_disk != 0 ? page->size_on_disk : (int32_t)body.size,
                         .crc = (int32_t)crc32_z(0, body.data, body.size) ^ (page->checksum_wrong ? 1 : 0)};
    if (page->dictionary) {
        header.has |= THRIFT_HAS(PAGE_HAS_DICTIONARY);
        header.dictionary = (DictionaryPageHeader){.value_count = page->entries};
    } else {
        header.has |= THRIFT_HAS(PAGE_HAS_DATA);
        header.data = (DataPageHeader){.value_count = page->entries,
                                       .encoding = page->encoding,
                                       .definition_encoding = ENCODING_RLE,
                                       .repetition_encoding = ENCODING_RLE};
    }
    page_header_encode(file, &header);
    buf_put(file, buf_slice(&body));
    buf_release(&body);
}

static void sample_file(Buf *file, const Sample *sample) {
    ColumnChunk chunks[4] = {{0}};
    buf_reset(file);
    buf_text(file, "PAR1");
    for (uint32_t i = 0; i < sample->column_count; i++) {
        const SampleColumn *column = &sample->columns[i];
        size_t start = file->size;
        int64_t entries = 0;
        for (uint32_t p = 0; p < column->page_count; p++) {
            entries += column->pages[p].dictionary ? 0 : column->pages[p].entries;
            sample_page(file, &column->pages[p]);
        }
        chunks[i] = (ColumnChunk){.has = THRIFT_HAS(COLUMN_CHUNK_META),
                                  .meta = {.type = (int32_t)column->type,
                                           .codec = column->codec,
                                           .value_count = column->value_count != 0 ? column->value_count : entries,
                                           .size_on_disk = (int64_t)(file->size - start),
                                           .data_page_offset = (int64_t)start}};
    }
    RowGroup group = {.columns = {chunks, sample->column_count}, .row_count = sample->rows};
    SchemaElement elements[8];
    memcpy(elements, sample->elements, sample->element_count * sizeof(SchemaElement));
    FileMeta meta = {.version = 1,
                     .schema = {elements, sample->element_count},
                     .row_count = sample->rows_in_footer != 0 ? sample->rows_in_footer : sample->rows,
                     .row_groups = {&group, 1}};
    size_t start = file->size;
    file_meta_encode(file, &meta);
    buf_u32le(file, (uint32_t)(file->size - start));
    buf_text(file, "PAR1");
}

static bool read_memory(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Buf *file = context;
    CHECK(offset <= file->size && size <= file->size - offset);
    buf_bytes(out, file->data + offset, size);
    return true;
}

// Reads all records; *count says how many came before an error or the end. `see` is called with each.
static bool read_sample(const Sample *sample, void (*see)(uint64_t row, const Value *values), uint64_t *count,
                        Err *err) {
    Buf bytes;
    buf_init(&bytes, 0);
    sample_file(&bytes, sample);
    ParquetFile file = {.context = &bytes, .size = bytes.size, .read = read_memory};
    ParquetReader *reader = NULL;
    bool good = parquet_reader_open(&file, &reader, err);
    const Value *values = NULL;
    *count = 0;
    while (good && (good = parquet_reader_next(reader, &values, err)) && values != NULL) {
        if (see != NULL) {
            see(*count, values);
        }
        ++*count;
    }
    parquet_reader_close(reader);
    buf_release(&bytes);
    return good;
}

#define ELEMENT(text, of_type, how)                                                                             \
    (SchemaElement) {                                                                                           \
        .has = THRIFT_HAS(SCHEMA_TYPE) | THRIFT_HAS(SCHEMA_REPETITION), .name = SLICE(text), .type = (of_type), \
        .repetition = (how)                                                                                     \
    }
#define GROUP(text, count, how)                                                                     \
    (SchemaElement) {                                                                               \
        .has = THRIFT_HAS(SCHEMA_CHILD_COUNT) | THRIFT_HAS(SCHEMA_REPETITION), .name = SLICE(text), \
        .child_count = (count), .repetition = (how)                                                 \
    }

#define NUMBERS "\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00"

static Err err[1];

static void see_spread(uint64_t row, const Value *values) {
    static const size_t COUNTS[] = {0, 4, 1};
    CHECK_INT(values[0].kind, VALUE_LIST);
    CHECK_INT(values[0].items.count, COUNTS[row]);
    if (row == 1) {
        CHECK_TEXT(values[0].items.at[0].bytes, "a"); // from a page that is gone
        CHECK_TEXT(values[0].items.at[1].bytes, "bc");
        CHECK_TEXT(values[0].items.at[3].bytes, "e");
    }
}

// Pages of version 1 may end within a record.
TEST(a_record_may_go_over_pages) {
    SchemaElement elements[] = {GROUP("root", 1, 0), ELEMENT("r", PHYSICAL_BYTE_ARRAY, REPETITION_REPEATED)};
    elements[1].has |= THRIFT_HAS(SCHEMA_CONVERTED); // UTF8
    SamplePage pages[] = {
        {.entries = 3, // levels: repetition 0 0 1, definition 0 1 1
         .repetitions = SLICE("\x03\x04"),
         .definitions = SLICE("\x03\x06"),
         .values = SLICE("\x01\x00\x00\x00"
                         "a"
                         "\x02\x00\x00\x00"
                         "bc")},
        {.entries = 1,
         .repetitions = SLICE("\x02\x01"),
         .definitions = SLICE("\x02\x01"),
         .values = SLICE("\x01\x00\x00\x00"
                         "d")},
        {.entries = 0, .repetitions = SLICE(""), .definitions = SLICE("")},
        {.entries = 2,
         .repetitions = SLICE("\x03\x01"),
         .definitions = SLICE("\x03\x03"),
         .values = SLICE("\x01\x00\x00\x00"
                         "e"
                         "\x00\x00\x00\x00")},
    };
    SampleColumn columns[] = {{.type = PHYSICAL_BYTE_ARRAY, .pages = pages, .page_count = 4}};
    Sample sample = {elements, 2, columns, 1, 3, 0};
    uint64_t count = 0;
    CHECK_OK(read_sample(&sample, see_spread, &count, err));
    CHECK_INT(count, 3);
    pages[0].repetitions = SLICE("\x03\x05"); // the first record begins within one
    CHECK_FAILS(read_sample(&sample, NULL, &count, err), ERR_VALUE);
    pages[0].repetitions = SLICE("\x03\x04");
    sample.rows = 2;
    CHECK_FAILS(read_sample(&sample, NULL, &count, err), ERR_VALUE);
    sample.rows = 4;
    CHECK_FAILS(read_sample(&sample, NULL, &count, err), ERR_VALUE);
    CHECK_INT(count, 3);
}

// One column of three numbers; each case spoils one thing, and the error says what and where.
TEST(damage_is_told_with_its_place) {
    SchemaElement elements[] = {GROUP("root", 1, 0), ELEMENT("n", PHYSICAL_INT32, REPETITION_REQUIRED)};
    SamplePage good = {.entries = 3, .values = SLICE(NUMBERS)};
    SamplePage page[2] = {good, good};
    SampleColumn column = {.type = PHYSICAL_INT32, .pages = page, .page_count = 1};
    Sample sample = {elements, 2, &column, 1, 3, 0};
    uint64_t count = 0;
    CHECK_OK(read_sample(&sample, NULL, &count, err));
    CHECK_INT(count, 3);
#define SPOILED(words, ...)                                               \
    do {                                                                  \
        __VA_ARGS__;                                                      \
        CHECK(!read_sample(&sample, NULL, &count, err));                  \
        CHECK_INT(err->code, ERR_VALUE);                                  \
        if (strstr(err->message, words) == NULL) {                        \
            test_fail(__FILE__, __LINE__, "%s: %s", words, err->message); \
        }                                                                 \
        err_clear(err);                                                   \
        page[0] = page[1] = good;                                         \
        column.type = PHYSICAL_INT32;                                     \
        column.page_count = 1;                                            \
        column.value_count = 0;                                           \
        column.codec = PARQUET_UNCOMPRESSED;                              \
        sample.rows_in_footer = 0;                                        \
    } while (0)
    SPOILED("column n, row group 0, page 0: its checksum", page[0].checksum_wrong = true);
    SPOILED("column n, row group 0, page 1: its checksum", column.page_count = 2; page[1].checksum_wrong = true;
            page[0].entries = 1);
    SPOILED("end before the page's last", page[0].values.size = 11);
    SPOILED("holds 12 bytes, its header says 2000", page[0].size = 2000);
    SPOILED("at most 536870912", page[0].size = INT32_MAX);
    SPOILED("at most 536870912", page[0].size = -1);
    SPOILED("past the chunk's end", page[0].size_on_disk = 500000000);
    SPOILED("a page of -1 values", page[0].entries = -1; column.value_count = 3);
    SPOILED("a page of 2147483647 values", page[0].entries = INT32_MAX; column.value_count = 3);
    SPOILED("ends before its last page", column.value_count = 4);
    SPOILED("but there is none", page[0].encoding = ENCODING_RLE_DICTIONARY);
    SPOILED("in encoding unknown (77)", page[0].encoding = 77);
    SPOILED("schema has INT32", column.type = PHYSICAL_INT64);
    SPOILED("a second dictionary", column.page_count = 2; page[0].dictionary = page[1].dictionary = true;
            column.value_count = 3);
    SPOILED("compressed with LZO", column.codec = PARQUET_LZO);
    SPOILED("the footer says 4 rows", sample.rows_in_footer = 4);
    // Few bytes that claim to become many.
    SPOILED("page 0", column.codec = PARQUET_LZ4_RAW; page[0].size = 500000000);
    SPOILED("page 0", column.codec = PARQUET_SNAPPY; page[0].size = 500000000);
    SPOILED("page 0", column.codec = PARQUET_ZSTD; page[0].size = 500000000);
    SPOILED("page 0", column.codec = PARQUET_GZIP; page[0].size = 500000000);
#undef SPOILED
}

// Columns of one struct must agree where it is NULL, and how many items its lists have.
TEST(columns_must_agree) {
    SchemaElement elements[] = {GROUP("root", 1, 0), GROUP("s", 2, REPETITION_REPEATED),
                                ELEMENT("a", PHYSICAL_INT32, REPETITION_REQUIRED),
                                ELEMENT("b", PHYSICAL_INT32, REPETITION_OPTIONAL)};
    SamplePage a = {
        .entries = 3, .repetitions = SLICE("\x03\x02"), .definitions = SLICE("\x03\x07"), .values = SLICE(NUMBERS)};
    SamplePage b = {.entries = 3,
                    .repetitions = SLICE("\x03\x02"),
                    .definitions = SLICE("\x03\x26\x00"),
                    .values = SLICE(NUMBERS)}; // 2 1 2
    SampleColumn columns[] = {{.type = PHYSICAL_INT32, .pages = &a, .page_count = 1},
                              {.type = PHYSICAL_INT32, .pages = &b, .page_count = 1}};
    Sample sample = {elements, 4, columns, 2, 2, 0};
    uint64_t count = 0;
    CHECK_OK(read_sample(&sample, NULL, &count, err));
    CHECK_INT(count, 2);
    b.repetitions = SLICE("\x03\x04"); // lists of 1 and 2 beside 2 and 1
    CHECK_FAILS(read_sample(&sample, NULL, &count, err), ERR_VALUE);
    b.repetitions = SLICE("\x03\x02");
    b.definitions = SLICE("\x03\x22\x00"); // the second item is not there
    CHECK_FAILS(read_sample(&sample, NULL, &count, err), ERR_VALUE);
    b.definitions = SLICE("\x03\x3E\x00"); // a level of 3
    CHECK_FAILS(read_sample(&sample, NULL, &count, err), ERR_VALUE);
}

// A list of 100 million NULLs in a page of a few bytes is more than a record may take.
TEST(a_record_is_bounded) {
    SchemaElement elements[] = {GROUP("root", 1, 0), GROUP("s", 1, REPETITION_REPEATED),
                                ELEMENT("b", PHYSICAL_INT32, REPETITION_OPTIONAL)};
    SamplePage page = {.entries = 100000000,
                       .repetitions = SLICE("\x02\x00\xFE\xC1\xAF\x5F\x01"),
                       .definitions = SLICE("\x80\x84\xAF\x5F\x01")};
    SampleColumn column = {.type = PHYSICAL_INT32, .pages = &page, .page_count = 1};
    Sample sample = {elements, 3, &column, 1, 1, 0};
    uint64_t count = 0;
    CHECK_INT(record_bytes_max, 512 * MIB);
    record_bytes_max = 16 * MIB;
    CHECK(!read_sample(&sample, NULL, &count, err));
    CHECK(strstr(err->message, "a record takes more than 16777216 bytes") != NULL);
}

TEST(other_files_are_refused) {
    ParquetReader *reader = NULL;
    Buf bytes;
    buf_init(&bytes, 0);
    static const char *const FILES[] = {"", "PAR1", "PAR1\0\0\0\0XXXX", "a,b,c\n1,2,3\n", "PAR1PAR1PARE"};
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        buf_reset(&bytes);
        buf_text(&bytes, FILES[i]);
        ParquetFile file = {.context = &bytes, .size = bytes.size, .read = read_memory};
        CHECK_FAILS(parquet_reader_open(&file, &reader, err), ERR_VALUE);
        CHECK(reader == NULL);
    }
    buf_reset(&bytes);
    buf_put(&bytes, SLICE("PAR1\xFF\xFF\xFF\x7FPAR1"));
    ParquetFile file = {.context = &bytes, .size = bytes.size, .read = read_memory};
    CHECK_FAILS(parquet_reader_open(&file, &reader, err), ERR_VALUE);
    buf_release(&bytes);
}
