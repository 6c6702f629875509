// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/read_column.h"

#include "core/base/digest.h"
#include "data/format/parquet/decode_bits.h"

// A page as it is loaded: its header, and the parts of its body.
typedef struct Page {
    PageHeader header;
    Slice stored; // its body as it lies in the file
    Slice repetitions, definitions, values;
    int64_t entries;
    int32_t encoding;
    bool old_definitions, old_repetitions; // BIT_PACKED
} Page;

#define READ_AHEAD_ALL (32 * MIB)

void column_init(ColumnReader *column, const Leaf *leaf, const ParquetFile *file, uint32_t columns) {
    *column = (ColumnReader){.leaf = leaf, .file = file};
    size_t share = READ_AHEAD_ALL / MAX(columns, 1);
    column->ahead = column->ahead_max = MIN(MAX(share, 64 * KIB), 1 * MIB);
    arena_init(&column->header, "page header", 0);
}

static void free_steps(ColumnReader *column) {
    free(column->definition);
    free(column->repetition);
    free(column->cells);
    column->definition = column->repetition = NULL;
    column->cells = NULL;
}

void column_release(ColumnReader *column) {
    buf_release(&column->window);
    buf_release(&column->dictionary_body);
    buf_release(&column->body);
    dictionary_release(&column->dictionary);
    value_decoder_release(&column->values);
    arena_release(&column->header);
    free_steps(column);
}

bool column_err(const ColumnReader *column, Err *err) {
    return err_prefix(err, "column %.*s, row group %u, page %u", SLICE_ARG(column->leaf->path), column->group,
                      column->page > 0 ? column->page - 1 : 0);
}

// --- chunks ----------------------------------------------------------------------------------------------------

static bool find_codec(int32_t codec, Codec *found, Err *err) {
    switch ((ParquetCodec)codec) {
    case PARQUET_UNCOMPRESSED:
        *found = CODEC_NONE;
        return true;
    case PARQUET_SNAPPY:
        *found = CODEC_SNAPPY;
        return true;
    case PARQUET_GZIP:
        *found = CODEC_GZIP;
        return true;
    case PARQUET_ZSTD:
        *found = CODEC_ZSTD;
        return true;
    case PARQUET_LZ4_RAW:
        *found = CODEC_LZ4_RAW;
        return true;
    case PARQUET_LZO:
    case PARQUET_BROTLI:
    case PARQUET_LZ4:
        break;
    }
    FAIL(err, ERR_VALUE, "compressed with %s, which leat does not read", parquet_codec_name(codec));
    return err_hint(err, "write the file with zstd, snappy, gzip, lz4_raw or uncompressed");
}

static bool chunk_place(ColumnReader *column, const ColumnMeta *meta, Err *err) {
    int64_t start = meta->data_page_offset;
    column->offset = column->start = column->end = 0;
    column->has_dictionary = false;
    if (meta->value_count == 0) {
        return true; // pyarrow gives a row group without rows no place
    }
    if ((meta->has & THRIFT_HAS(COLUMN_META_DICTIONARY_PAGE_OFFSET)) != 0 && meta->dictionary_page_offset >= 4) {
        start = MIN(start, meta->dictionary_page_offset);
    }
    if (start < 4 || meta->size_on_disk < 0 || (uint64_t)start > column->file->size ||
        (uint64_t)meta->size_on_disk > column->file->size - (uint64_t)start) {
        return FAIL(err, ERR_VALUE, "its pages lie at %" PRId64 ", %" PRId64 " bytes, outside the file", start,
                    meta->size_on_disk);
    }
    column->offset = column->start = (uint64_t)start;
    column->has_dictionary = start < meta->data_page_offset;
    column->end = (uint64_t)start + (uint64_t)meta->size_on_disk;
    return true;
}

static bool chunk_open(ColumnReader *column, const ColumnChunk *chunk, Err *err) {
    if ((chunk->has & THRIFT_HAS(COLUMN_CHUNK_META)) == 0 || chunk->encrypted_meta.data != NULL) {
        return FAIL(err, ERR_VALUE, "the column is encrypted, or has no metadata");
    }
    if (chunk->file_path.size > 0) {
        return FAIL(err, ERR_VALUE, "the column lies in another file");
    }
    const ColumnMeta *meta = &chunk->meta;
    if (meta->type != (int32_t)column->leaf->form.type || meta->value_count < 0) {
        return FAIL(err, ERR_VALUE, "%" PRId64 " values of type %s, where the schema has %s", meta->value_count,
                    physical_type_name(meta->type), physical_type_name((int32_t)column->leaf->form.type));
    }
    column->left = column->entries = meta->value_count;
    TRY(find_codec(meta->codec, &column->codec, err));
    return chunk_place(column, meta, err);
}

bool column_open(ColumnReader *column, const ColumnChunk *chunk, uint32_t group, Err *err) {
    column->group = group;
    column->page = 0;
    column->page_left = 0;
    column->ahead = column->ahead_max;
    column->at = column->count = 0;
    column->cell_at = column->cell_count = column->cells_left = 0;
    column->dictionary.there = false;
    column->window_at = 0;
    buf_reset(&column->window);
    if (column->cells == NULL) {
        column->cells = calloc(CELLS_MAX, sizeof(Cell));
        column->definition = calloc(ENTRIES_MAX, sizeof(uint16_t));
        column->repetition = calloc(ENTRIES_MAX, sizeof(uint16_t));
        if (column->cells == NULL || column->definition == NULL || column->repetition == NULL) {
            panic("out of memory");
        }
    }
    return chunk_open(column, chunk, err) || column_err(column, err);
}

// --- the file --------------------------------------------------------------------------------------------------

static size_t window_left(const ColumnReader *column) {
    return column->window.size - column->window_at;
}

// Has `size` bytes in the window, or all that the chunk still has.
static bool window_fill(ColumnReader *column, size_t size, Err *err) {
    if (window_left(column) >= size || column->offset == column->end) {
        return true;
    }
    size_t left = window_left(column);
    if (column->window_at > 0) {
        memmove(column->window.data, column->window.data + column->window_at, left);
        column->window.size = left;
        column->window_at = 0;
        if (left == 0) {
            buf_reset_keep(&column->window, 2 * column->ahead);
        }
    }
    size_t wanted = (size_t)MIN(MAX(size - left, column->ahead), column->end - column->offset);
    TRY(column->file->read(column->file->context, column->offset, wanted, &column->window, err));
    if (column->window.overflow || column->window.size != left + wanted) {
        return FAIL(err, ERR_IO_FAILED, "the file gave %zu bytes in place of %zu", column->window.size - left, wanted);
    }
    column->offset += wanted;
    return true;
}

static bool read_header(ColumnReader *column, PageHeader *header, Err *err) {
    size_t size = 1 * KIB;
    for (;;) {
        TRY(window_fill(column, size, err));
        arena_reset(&column->header);
        size_t there = window_left(column);
        if (there == 0) {
            return FAIL(err, ERR_VALUE, "the chunk ends before its last page");
        }
        Slice bytes = {column->window.data + column->window_at, there};
        ThriftReader reader = thrift_reader_of(bytes, &column->header, 1 * MIB);
        if (thrift_read(&reader, &PAGE_HEADER_TYPE, header, err)) {
            column->window_at += (size_t)(reader.bytes.at - bytes.data);
            return true;
        }
        // It may only be longer than what is there.
        if (column->offset == column->end || there >= PAGE_HEADER_BYTES_MAX || !reader.bytes.bad) {
            return err_prefix(err, "the page's header");
        }
        err_clear(err);
        size = there * 2;
    }
}

static bool check_crc(const PageHeader *header, Slice stored, Err *err) {
    if ((header->has & THRIFT_HAS(PAGE_CRC)) == 0) {
        return true;
    }
    uint32_t crc = digest_crc32(0, stored);
    return crc == (uint32_t)header->crc || FAIL(err, ERR_VALUE, "its checksum differs: the page is damaged");
}

// --- pages -----------------------------------------------------------------------------------------------------

static bool decompress(const ColumnReader *column, Slice stored, size_t size, Buf *out, Err *err) {
    size_t before = out->size;
    if (column->codec == CODEC_LZ4_RAW && size / 255 > stored.size + 16) {
        return FAIL(err, ERR_VALUE, "%zu bytes cannot hold the page's %zu", stored.size, size);
    }
    TRY(decompress_block(column->codec, stored, size, out, err));
    return out->size - before == size ||
           FAIL(err, ERR_VALUE, "the page holds %zu bytes, its header says %zu", out->size - before, size);
}

// A body of one piece: as it lies there, or decompressed into `out`.
static bool load_body(const ColumnReader *column, const Page *page, Buf *out, Slice *body, Err *err) {
    size_t size = (size_t)page->header.size;
    buf_reset_keep(out, 2 * MIB);
    *body = page->stored;
    if (column->codec != CODEC_NONE && (size > 0 || page->stored.size > 0)) {
        TRY(decompress(column, page->stored, size, out, err));
        body->size = out->size;
        body->data = out->size > 0 ? out->data : body->data; // an empty buffer has no place
    }
    return body->size == size ||
           FAIL(err, ERR_VALUE, "the page holds %zu bytes, its header says %zu", body->size, size);
}

static bool load_dictionary(ColumnReader *column, const Page *page, Err *err) {
    const DictionaryPageHeader *header = &page->header.dictionary;
    if ((page->header.has & THRIFT_HAS(PAGE_HAS_DICTIONARY)) == 0 || header->value_count < 0) {
        return FAIL(err, ERR_VALUE, "the dictionary has no header, or %d values", header->value_count);
    }
    if (column->dictionary.there) {
        return FAIL(err, ERR_VALUE, "a second dictionary");
    }
    if (header->encoding != ENCODING_PLAIN && header->encoding != ENCODING_PLAIN_DICTIONARY) {
        return FAIL(err, ERR_VALUE, "a dictionary in encoding %s (%d)", encoding_name(header->encoding),
                    header->encoding);
    }
    // It must outlast the window.
    Slice body;
    TRY(load_body(column, page, &column->dictionary_body, &body, err));
    if (column->codec == CODEC_NONE && body.size > 0) {
        buf_put(&column->dictionary_body, body);
        body = buf_slice(&column->dictionary_body);
    }
    return dictionary_load(&column->dictionary, column->leaf->form, body, (uint32_t)header->value_count, err);
}

// The levels' bytes at the head of a page of version 1.
static bool take_levels(Reader *bytes, int32_t encoding, uint32_t max, int64_t entries, Slice *levels, bool *old,
                        Err *err) {
    *levels = (Slice){bytes->at, 0};
    *old = encoding == ENCODING_BIT_PACKED;
    if (max == 0) {
        return true;
    }
    if (encoding != ENCODING_RLE && !*old) {
        return FAIL(err, ERR_VALUE, "levels in encoding %s (%d)", encoding_name(encoding), encoding);
    }
    size_t size = *old ? ((size_t)entries * bits_width(max) + 7) / 8 : read_u32le(bytes);
    *levels = read_bytes(bytes, size);
    return !bytes->bad || FAIL(err, ERR_VALUE, "the levels' length is past the page's end");
}

static bool load_data(ColumnReader *column, Page *page, Err *err) {
    const DataPageHeader *header = &page->header.data;
    if ((page->header.has & THRIFT_HAS(PAGE_HAS_DATA)) == 0) {
        return FAIL(err, ERR_VALUE, "a data page has no header");
    }
    page->entries = header->value_count;
    page->encoding = header->encoding;
    Slice body;
    TRY(load_body(column, page, &column->body, &body, err));
    Reader bytes = reader_of(body);
    const Leaf *leaf = column->leaf;
    TRY(take_levels(&bytes, header->repetition_encoding, leaf->repetition_max, MAX(page->entries, 0),
                    &page->repetitions, &page->old_repetitions, err));
    TRY(take_levels(&bytes, header->definition_encoding, leaf->definition_max, MAX(page->entries, 0),
                    &page->definitions, &page->old_definitions, err));
    page->values = (Slice){bytes.at, reader_left(&bytes)};
    return true;
}

static bool load_data_v2(ColumnReader *column, Page *page, Err *err) {
    const DataPageHeaderV2 *header = &page->header.data_v2;
    if ((page->header.has & THRIFT_HAS(PAGE_HAS_DATA_V2)) == 0) {
        return FAIL(err, ERR_VALUE, "a data page has no header");
    }
    page->entries = header->value_count;
    page->encoding = header->encoding;
    int64_t levels = (int64_t)header->repetition_bytes + header->definition_bytes;
    Reader bytes = reader_of(page->stored);
    if (header->repetition_bytes < 0 || header->definition_bytes < 0 || levels > page->header.size ||
        (size_t)levels > page->stored.size) {
        return FAIL(err, ERR_VALUE, "the levels' length is past the page's end");
    }
    page->repetitions = read_bytes(&bytes, (size_t)header->repetition_bytes);
    page->definitions = read_bytes(&bytes, (size_t)header->definition_bytes);
    page->values = (Slice){bytes.at, reader_left(&bytes)};
    size_t size = (size_t)(page->header.size - levels);
    bool is_compressed = (header->has & THRIFT_HAS(DATA_PAGE_V2_COMPRESSED)) == 0 || header->is_compressed;
    if (is_compressed && column->codec != CODEC_NONE && page->values.size > 0) {
        buf_reset_keep(&column->body, 2 * MIB);
        TRY(decompress(column, page->values, size, &column->body, err));
        page->values.size = column->body.size;
        page->values.data = column->body.size > 0 ? column->body.data : page->values.data;
    }
    return page->values.size == size ||
           FAIL(err, ERR_VALUE, "the page holds %zu bytes of values, its header says %zu", page->values.size, size);
}

static HybridDecoder level_decoder(Slice levels, uint32_t max, bool old) {
    return old ? hybrid_decoder_old(levels, bits_width(max)) : hybrid_decoder(levels, bits_width(max));
}

static bool begin_page(ColumnReader *column, const Page *page, Err *err) {
    const Leaf *leaf = column->leaf;
    if (page->entries < 0 || page->entries > column->left) {
        return FAIL(err, ERR_VALUE, "a page of %" PRId64 " values, where the chunk has %" PRId64 " left", page->entries,
                    column->left);
    }
    column->left -= page->entries;
    column->page_left = (uint64_t)page->entries;
    column->repetitions = level_decoder(page->repetitions, leaf->repetition_max, page->old_repetitions);
    column->definitions = level_decoder(page->definitions, leaf->definition_max, page->old_definitions);
    return value_decoder_page(&column->values, leaf->form, page->encoding, page->values, &column->dictionary, err);
}

static bool next_page(ColumnReader *column, Err *err) {
    Page page = {0};
    column->page++;
    TRY(read_header(column, &page.header, err));
    if (page.header.size < 0 || page.header.size_on_disk < 0 || (size_t)page.header.size > PAGE_BYTES_MAX ||
        (size_t)page.header.size_on_disk > PAGE_BYTES_MAX) {
        return FAIL(err, ERR_VALUE, "a page of %d bytes, %d stored; at most %zu can be read", page.header.size,
                    page.header.size_on_disk, (size_t)PAGE_BYTES_MAX);
    }
    size_t size = (size_t)page.header.size_on_disk;
    if (size > window_left(column) + (column->end - column->offset)) {
        return FAIL(err, ERR_VALUE, "the page's %zu bytes are past the chunk's end", size);
    }
    TRY(window_fill(column, size, err));
    page.stored = (Slice){column->window.data + column->window_at, size};
    column->window_at += size;
    TRY(check_crc(&page.header, page.stored, err));
    switch ((PageType)page.header.type) {
    case PAGE_DICTIONARY:
        return load_dictionary(column, &page, err);
    case PAGE_DATA:
        return load_data(column, &page, err) && begin_page(column, &page, err);
    case PAGE_DATA_V2:
        return load_data_v2(column, &page, err) && begin_page(column, &page, err);
    case PAGE_INDEX:
        break;
    }
    return true; // of a kind that is passed over
}

// --- entries ---------------------------------------------------------------------------------------------------

static bool read_levels(HybridDecoder *decoder, uint32_t max, uint16_t *levels, uint32_t count, Err *err) {
    uint32_t numbers[ENTRIES_MAX];
    if (max == 0) {
        return true;
    }
    if (!hybrid_read(decoder, numbers, count)) {
        return FAIL(err, ERR_VALUE, "the levels end before the page's last value");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (numbers[i] > max) {
            return FAIL(err, ERR_VALUE, "a level of %u, where the highest is %u", numbers[i], max);
        }
        levels[i] = (uint16_t)numbers[i];
    }
    return true;
}

static bool next_step(ColumnReader *column, Err *err) {
    const Leaf *leaf = column->leaf;
    uint32_t count = (uint32_t)MIN(column->page_left, ENTRIES_MAX);
    column->page_left -= count;
    TRY(read_levels(&column->repetitions, leaf->repetition_max, column->repetition, count, err));
    TRY(read_levels(&column->definitions, leaf->definition_max, column->definition, count, err));
    uint32_t there = count;
    for (uint32_t i = 0; i < count && leaf->definition_max > 0; i++) {
        there -= column->definition[i] < leaf->definition_max;
    }
    column->at = 0;
    column->count = count;
    column->cell_at = column->cell_count = 0;
    column->cells_left = there;
    return true;
}

bool column_fill(ColumnReader *column, bool *more, Err *err) {
    *more = true;
    while (column->at == column->count) {
        if (column->page_left > 0) {
            if (!next_step(column, err)) {
                return column_err(column, err);
            }
        } else if (column->left > 0) {
            if (!next_page(column, err)) {
                return column_err(column, err);
            }
        } else {
            *more = false;
            return true;
        }
    }
    return true;
}

bool column_take(ColumnReader *column, const Cell **cell, Err *err) {
    ASSERT(column->at < column->count);
    bool there = column_definition(column) == column->leaf->definition_max;
    column->at++;
    *cell = NULL;
    if (!there) {
        return true;
    }
    if (column->cell_at == column->cell_count) {
        size_t count = column->cells_left;
        column->cell_at = column->cell_count = 0;
        if (!value_decoder_read(&column->values, column->cells, &count, err)) {
            return column_err(column, err);
        }
        column->cell_count = (uint32_t)count;
        column->cells_left -= column->cell_count;
    }
    *cell = &column->cells[column->cell_at++];
    return true;
}

// --- passing over ----------------------------------------------------------------------------------------------

bool column_skip(ColumnReader *column, uint64_t rows, Err *err) {
    const Cell *cell = NULL;
    bool more = true;
    for (uint64_t i = 0; i < rows; i++) {
        TRY(column_fill(column, &more, err));
        do {
            if (!more) {
                FAIL(err, ERR_VALUE, "the chunk has fewer values than the row group has rows");
                return column_err(column, err);
            }
            TRY(column_take(column, &cell, err));
            if (column->leaf->repetition_max == 0) {
                break;
            }
            TRY(column_fill(column, &more, err));
        } while (more && column_repetition(column) != 0);
    }
    return true;
}

bool column_jump(ColumnReader *column, const PageLocation *page, Err *err) {
    if (column->has_dictionary && !column->dictionary.there && !next_page(column, err)) {
        return column_err(column, err);
    }
    if (page->first_row < 0 || page->first_row > column->entries || page->size_on_disk < 0 ||
        (uint64_t)page->offset < column->start || (uint64_t)page->offset > column->end) {
        FAIL(err, ERR_VALUE, "the offset index says that row %" PRId64 " lies at %" PRId64, page->first_row,
             page->offset);
        return column_err(column, err);
    }
    buf_reset(&column->window);
    column->window_at = 0;
    column->offset = (uint64_t)page->offset;
    column->ahead = MIN(column->ahead_max, MAX((size_t)page->size_on_disk, (size_t)(4 * KIB)));
    column->left = column->entries - page->first_row;
    column->page_left = 0;
    column->at = column->count = column->cell_at = column->cell_count = column->cells_left = 0;
    return true;
}
