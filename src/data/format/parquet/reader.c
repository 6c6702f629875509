// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/parquet.h"
#include "data/format/parquet/read_column.h"
#include "data/format/parquet/read_value.h"

// The footer's; its row groups are read one by one.
#define FOOTER_BYTES_MAX (256 * MIB)
#define GROUP_MEMORY_MAX (256 * MIB)
// What one record's lists and copied values may take. A value that lies outside lists is borrowed and not counted.
static size_t record_bytes_max = 512 * MIB; // a unit test takes less

static const char MAGIC[] = "PAR1", MAGIC_ENCRYPTED[] = "PARE";
enum { MAGIC_BYTES = 4, TAIL_BYTES = 8 };

struct ParquetReader {
    ParquetFile file;
    Buf footer; // the head borrows from it
    Arena run;  // schema
    FileHead head;
    ReadSchema schema;
    ColumnReader *columns; // one a leaf
    bool *wanted;          // one a field of the root: others are not read
    ThriftReader groups;   // what is left of the list of row groups
    Slice group_list;      // all of it
    uint32_t group_count, group;
    Arena group_arena;
    const ColumnChunk *chunks; // of the group
    OffsetIndex **indexes;     // likewise, one a leaf; NULL = not loaded
    uint64_t group_begin;      // rows before it
    uint64_t group_size;       // its rows
    uint64_t group_rows;       // left in the group
    bool sought;               // not all of it was read from its begin
    uint64_t rows;             // given so far; the number of the next one
    Arena record;
    Buf stack; // of Value: items of lists whose end is not yet known
    Value *row;
};

// --- records from levels ---------------------------------------------------------------------------------------

static bool read_node(ParquetReader *reader, const Node *node, uint32_t repetition, Value *value, Err *err);

static bool levels_differ(const ColumnReader *column, Err *err) {
    FAIL(err, ERR_VALUE, "the levels do not agree with those of the columns beside it, or begin within a record");
    return column_err(column, err);
}

static bool record_too_large(const ColumnReader *column, Err *err) {
    FAIL(err, ERR_VALUE, "a record takes more than %zu bytes", record_bytes_max);
    return column_err(column, err);
}

static bool need_entry(ColumnReader *column, Err *err) {
    bool more = false;
    TRY(column_fill(column, &more, err));
    if (!more) {
        FAIL(err, ERR_VALUE, "the chunk has fewer values than the row group has rows");
        return column_err(column, err);
    }
    return true;
}

// A node that is NULL, or a list that is empty, has one entry in each column below, all of the same level.
static bool pass_absent(ParquetReader *reader, const Node *node, uint32_t repetition, Err *err) {
    uint32_t definition = column_definition(&reader->columns[node->leaf]);
    for (uint32_t i = 0; i < node->leaf_count; i++) {
        ColumnReader *column = &reader->columns[node->leaf + i];
        const Cell *cell = NULL;
        TRY(need_entry(column, err));
        if (column_repetition(column) != repetition || column_definition(column) != definition) {
            return levels_differ(column, err);
        }
        TRY(column_take(column, &cell, err));
    }
    return true;
}

static bool read_leaf(ParquetReader *reader, const Node *node, Value *value, Err *err) {
    ColumnReader *column = &reader->columns[node->leaf];
    const Leaf *leaf = column->leaf;
    const Cell *cell = NULL;
    TRY(column_take(column, &cell, err));
    if (cell == NULL) {
        *value = (Value){.kind = VALUE_NULL};
        return true;
    }
    if (!leaf_value(leaf, cell, &reader->record, value, err)) {
        return column_err(column, err);
    }
    // Those of a list may lie in pages that are gone before the record ends.
    bool borrowed = value->kind == VALUE_STRING || value->kind == VALUE_BYTES || value->kind == VALUE_UUID;
    if (leaf->repetition_max > 0 && borrowed) {
        if (value->bytes.size > record_bytes_max - MIN(reader->record.used, record_bytes_max)) {
            return record_too_large(column, err);
        }
        value->bytes = arena_slice(&reader->record, value->bytes);
    }
    return true;
}

static bool push(ParquetReader *reader, const ColumnReader *column, const Value *value, Err *err) {
    if (reader->record.used + 2 * reader->stack.size > record_bytes_max) {
        return record_too_large(column, err);
    }
    buf_bytes(&reader->stack, value, sizeof(*value));
    return true;
}

static bool read_items(ParquetReader *reader, const Node *node, uint32_t repetition, Err *err) {
    ColumnReader *first = &reader->columns[node->leaf];
    for (bool more = true; more;) {
        for (uint32_t i = 0; i < node->child_count; i++) {
            Value item;
            TRY(read_node(reader, &node->children[i], repetition, &item, err));
            if (i == 0 && node->kind == SHAPE_MAP && item.kind == VALUE_NULL) {
                FAIL(err, ERR_VALUE, "a map has a key that is NULL");
                return column_err(first, err);
            }
            TRY(push(reader, first, &item, err));
        }
        repetition = node->repetition;
        TRY(column_fill(first, &more, err));
        more = more && column_repetition(first) == repetition;
    }
    return true;
}

static bool read_list(ParquetReader *reader, const Node *node, uint32_t repetition, Value *value, Err *err) {
    size_t base = reader->stack.size;
    value->kind = node->kind == SHAPE_MAP ? VALUE_MAP : VALUE_LIST;
    value->items = (ValueItems){NULL, 0};
    if (column_definition(&reader->columns[node->leaf]) < node->item_definition) {
        return pass_absent(reader, node, repetition, err);
    }
    TRY(read_items(reader, node, repetition, err));
    size_t size = reader->stack.size - base;
    value->items.count = size / sizeof(Value);
    value->items.at =
        (const Value *)(const void *)arena_slice(&reader->record, (Slice){reader->stack.data + base, size}).data;
    reader->stack.size = base;
    return true;
}

static bool read_struct(ParquetReader *reader, const Node *node, uint32_t repetition, Value *value, Err *err) {
    Value *fields = ARENA_ARRAY(&reader->record, Value, node->child_count);
    for (uint32_t i = 0; i < node->child_count; i++) {
        TRY(read_node(reader, &node->children[i], repetition, &fields[i], err));
    }
    value->kind = VALUE_STRUCT;
    value->items = (ValueItems){fields, node->child_count};
    return true;
}

// The next value of a node; `repetition` is what its first entry must have.
static bool read_node(ParquetReader *reader, const Node *node, uint32_t repetition, Value *value, Err *err) {
    ColumnReader *first = &reader->columns[node->leaf];
    *value = (Value){.kind = VALUE_NULL};
    TRY(need_entry(first, err));
    if (column_repetition(first) != repetition || column_definition(first) < node->entered) {
        return levels_differ(first, err);
    }
    if (column_definition(first) < node->definition) {
        return pass_absent(reader, node, repetition, err);
    }
    switch (node->kind) {
    case SHAPE_LIST:
    case SHAPE_MAP:
        return read_list(reader, node, repetition, value, err);
    case SHAPE_STRUCT:
        return read_struct(reader, node, repetition, value, err);
    case SHAPE_BOOL:
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
    case SHAPE_DECIMAL:
    case SHAPE_STRING:
    case SHAPE_BYTES:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_UUID:
        break;
    }
    return read_leaf(reader, node, value, err);
}

// --- row groups ------------------------------------------------------------------------------------------------

static bool leaf_wanted(const ParquetReader *reader, uint32_t leaf) {
    const Node *root = &reader->schema.root;
    for (uint32_t i = 0; i < root->child_count; i++) {
        const Node *child = &root->children[i];
        if (leaf >= child->leaf && leaf < child->leaf + child->leaf_count) {
            return reader->wanted[i];
        }
    }
    return false;
}

static bool columns_open(ParquetReader *reader, Err *err) {
    for (uint32_t i = 0; i < reader->schema.leaf_count; i++) {
        TRY(!leaf_wanted(reader, i) || column_open(&reader->columns[i], &reader->chunks[i], reader->group - 1, err));
    }
    reader->group_rows = reader->group_size;
    return true;
}

static bool next_group(ParquetReader *reader, Err *err) {
    RowGroup group;
    arena_reset(&reader->group_arena);
    reader->groups.memory_left = GROUP_MEMORY_MAX;
    if (!thrift_read(&reader->groups, &ROW_GROUP_TYPE, &group, err)) {
        return err_prefix(err, "row group %u", reader->group);
    }
    if (group.columns.count != reader->schema.leaf_count || group.row_count < 0) {
        return FAIL(err, ERR_VALUE, "row group %u has %u columns and %" PRId64 " rows; the schema has %u columns",
                    reader->group, group.columns.count, group.row_count, reader->schema.leaf_count);
    }
    reader->chunks = group.columns.at;
    reader->indexes = ARENA_ARRAY(&reader->group_arena, OffsetIndex *, group.columns.count);
    reader->group++;
    reader->group_begin += reader->group_size;
    reader->group_size = (uint64_t)group.row_count;
    reader->sought = false;
    return columns_open(reader, err);
}

// Every column has come to its end with the group's last row.
static bool end_group(ParquetReader *reader, Err *err) {
    for (uint32_t i = 0; i < reader->schema.leaf_count && reader->group > 0 && !reader->sought; i++) {
        bool more = false;
        if (!leaf_wanted(reader, i)) {
            continue;
        }
        TRY(column_fill(&reader->columns[i], &more, err));
        if (more) {
            FAIL(err, ERR_VALUE, "the chunk has more values than the row group has rows");
            return column_err(&reader->columns[i], err);
        }
    }
    return true;
}

static bool end_file(const ParquetReader *reader, Err *err) {
    return reader->rows == (uint64_t)reader->head.row_count ||
           FAIL(err, ERR_VALUE, "the footer says %" PRId64 " rows, the row groups have %" PRIu64,
                reader->head.row_count, reader->rows);
}

bool parquet_reader_next(ParquetReader *reader, const Value **values, Err *err) {
    *values = NULL;
    arena_reset(&reader->record);
    buf_reset_keep(&reader->stack, MIB);
    while (reader->group_rows == 0) {
        TRY(end_group(reader, err));
        if (reader->group == reader->group_count) {
            return end_file(reader, err);
        }
        TRY(next_group(reader, err));
    }
    const Node *root = &reader->schema.root;
    for (uint32_t i = 0; i < root->child_count; i++) {
        TRY(!reader->wanted[i] || read_node(reader, &root->children[i], 0, &reader->row[i], err));
    }
    reader->group_rows--;
    reader->rows++;
    *values = reader->row;
    return true;
}

// --- any row ---------------------------------------------------------------------------------------------------

static bool groups_begin(ParquetReader *reader, Err *err) {
    reader->groups = thrift_reader_of(reader->group_list, &reader->group_arena, GROUP_MEMORY_MAX);
    reader->group = 0;
    reader->group_begin = reader->group_size = reader->group_rows = 0;
    if (!thrift_read_list(&reader->groups, &reader->group_count, err)) {
        return err_prefix(err, "the footer's row groups");
    }
    return true;
}

// NULL: the file has none, or it cannot be read, which costs time alone.
static const OffsetIndex *offset_index(ParquetReader *reader, uint32_t leaf) {
    const ColumnChunk *chunk = &reader->chunks[leaf];
    uint32_t both = THRIFT_HAS(COLUMN_CHUNK_OFFSET_INDEX_OFFSET) | THRIFT_HAS(COLUMN_CHUNK_OFFSET_INDEX_LENGTH);
    bool there = (chunk->has & both) == both && chunk->offset_index_offset >= 4 && chunk->offset_index_length > 0 &&
                 (uint64_t)chunk->offset_index_offset < reader->file.size &&
                 (uint64_t)chunk->offset_index_length <= reader->file.size - (uint64_t)chunk->offset_index_offset;
    if (reader->indexes[leaf] != NULL || !there) {
        return reader->indexes[leaf];
    }
    Err ignored[1] = {{0}};
    Buf bytes;
    buf_init(&bytes, 0);
    OffsetIndex *index = ARENA_NEW(&reader->group_arena, OffsetIndex);
    size_t size = (size_t)chunk->offset_index_length;
    if (reader->file.read(reader->file.context, (uint64_t)chunk->offset_index_offset, size, &bytes, ignored)) {
        ThriftReader thrift = thrift_reader_of(buf_slice(&bytes), &reader->group_arena, GROUP_MEMORY_MAX);
        reader->indexes[leaf] = thrift_read(&thrift, &OFFSET_INDEX_TYPE, index, ignored) ? index : NULL;
    }
    buf_release(&bytes);
    return reader->indexes[leaf];
}

// The last page that begins at or before the row; NULL when that is not behind the column's place.
static const PageLocation *page_of_row(const OffsetIndex *index, const ColumnReader *column, uint64_t row) {
    const PageLocation *found = NULL;
    uint32_t low = 0, high = index->pages.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->pages.at[middle].first_row <= (int64_t)row) {
            found = &index->pages.at[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found != NULL && found->first_row > (int64_t)column_row(column) ? found : NULL;
}

static bool column_seek(ParquetReader *reader, uint32_t leaf, uint64_t at, uint64_t row, Err *err) {
    ColumnReader *column = &reader->columns[leaf];
    if (column->leaf->repetition_max > 0) {
        return column_skip(column, row - at, err);
    }
    const OffsetIndex *index = row > at ? offset_index(reader, leaf) : NULL;
    const PageLocation *page = index != NULL ? page_of_row(index, column, row) : NULL;
    TRY(page == NULL || column_jump(column, page, err));
    uint64_t now = column_row(column);
    if (now > row) {
        FAIL(err, ERR_VALUE, "the chunk has fewer values than the row group has rows");
        return column_err(column, err);
    }
    return column_skip(column, row - now, err);
}

// The row's group is the open one; the last where there is no such row.
static bool group_enter(ParquetReader *reader, uint64_t row, Err *err) {
    if (row < reader->group_begin) {
        TRY(groups_begin(reader, err));
    }
    while (row >= reader->group_begin + reader->group_size && reader->group < reader->group_count) {
        TRY(next_group(reader, err));
    }
    return true;
}

bool parquet_reader_seek(ParquetReader *reader, uint64_t row, Err *err) {
    uint64_t total = (uint64_t)reader->head.row_count;
    row = MIN(row, total);
    TRY(group_enter(reader, row, err));
    reader->rows = row;
    reader->sought = true;
    if (row >= reader->group_begin + reader->group_size) {
        reader->group_rows = 0;
        return true;
    }
    uint64_t wanted = row - reader->group_begin, at = reader->group_size - reader->group_rows;
    if (wanted < at) {
        TRY(columns_open(reader, err));
        at = 0;
    }
    for (uint32_t i = 0; i < reader->schema.leaf_count; i++) {
        TRY(!leaf_wanted(reader, i) || column_seek(reader, i, at, wanted, err));
    }
    reader->group_rows = reader->group_size - wanted;
    return true;
}

// The column's pages that hold one of the rows of its group, and the dictionary.
static void column_plan(ParquetReader *reader, uint32_t leaf, const uint64_t *rows, size_t count,
                        void (*visit)(void *context, uint64_t offset, size_t size), void *context) {
    const ColumnReader *column = &reader->columns[leaf];
    const OffsetIndex *index = column->leaf->repetition_max == 0 ? offset_index(reader, leaf) : NULL;
    if (index == NULL || index->pages.count == 0) {
        return;
    }
    const PageLocation *pages = index->pages.at;
    if (column->has_dictionary && pages[0].offset > 0 && (uint64_t)pages[0].offset > column->start) {
        visit(context, column->start, (size_t)((uint64_t)pages[0].offset - column->start));
    }
    uint32_t page = 0, visited = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t row = (int64_t)(rows[i] - reader->group_begin);
        while (page + 1 < index->pages.count && pages[page + 1].first_row <= row) {
            page++;
        }
        if (page != visited && pages[page].offset > 0 && pages[page].size_on_disk > 0) {
            visit(context, (uint64_t)pages[page].offset, (size_t)pages[page].size_on_disk);
        }
        visited = page;
    }
}

bool parquet_reader_plan(ParquetReader *reader, const uint64_t *rows, size_t count,
                         void (*visit)(void *context, uint64_t offset, size_t size), void *context, Err *err) {
    for (size_t i = 0; i < count;) {
        TRY(group_enter(reader, rows[i], err));
        uint64_t end = reader->group_begin + reader->group_size;
        size_t in = 0;
        while (i + in < count && rows[i + in] < end) {
            in++;
        }
        for (uint32_t leaf = 0; leaf < reader->schema.leaf_count && in > 0; leaf++) {
            if (leaf_wanted(reader, leaf)) {
                column_plan(reader, leaf, rows + i, in, visit, context);
            }
        }
        i = in > 0 ? i + in : count; // behind the last row
    }
    return true;
}

bool parquet_reader_choose(ParquetReader *reader, const bool *wanted, Err *err) {
    bool same = true;
    for (uint32_t i = 0; i < reader->schema.shape.field_count; i++) {
        same &= reader->wanted[i] == wanted[i];
        reader->wanted[i] = wanted[i];
        reader->row[i] = (Value){.kind = VALUE_NULL};
    }
    if (same) {
        return true;
    }
    uint64_t row = reader->rows; // columns that were not read stand elsewhere
    if (reader->group > 0) {
        TRY(columns_open(reader, err));
    }
    return row == reader->group_begin || parquet_reader_seek(reader, row, err);
}

// --- the footer ------------------------------------------------------------------------------------------------

static bool read_part(const ParquetFile *file, uint64_t offset, size_t size, Buf *out, Err *err) {
    buf_reset(out);
    TRY(file->read(file->context, offset, size, out, err));
    return out->size == size || FAIL(err, ERR_IO_FAILED, "the file gave %zu bytes in place of %zu", out->size, size);
}

static bool load_footer(ParquetReader *reader, Err *err) {
    const ParquetFile *file = &reader->file;
    Buf *footer = &reader->footer;
    if (file->size < MAGIC_BYTES + TAIL_BYTES) {
        return FAIL(err, ERR_VALUE, "not a Parquet file: %" PRIu64 " bytes", file->size);
    }
    TRY(read_part(file, file->size - TAIL_BYTES, TAIL_BYTES, footer, err));
    if (memcmp(footer->data + 4, MAGIC_ENCRYPTED, MAGIC_BYTES) == 0) {
        return FAIL(err, ERR_VALUE, "the file is encrypted, which leat does not read");
    }
    if (memcmp(footer->data + 4, MAGIC, MAGIC_BYTES) != 0) {
        return FAIL(err, ERR_VALUE, "not a Parquet file, or cut off: it does not end in PAR1");
    }
    uint32_t size = load_u32le(footer->data);
    if (size > FOOTER_BYTES_MAX || size > file->size - MAGIC_BYTES - TAIL_BYTES) {
        return FAIL(err, ERR_VALUE, "a footer of %u bytes in a file of %" PRIu64, size, file->size);
    }
    return read_part(file, file->size - TAIL_BYTES - size, size, footer, err);
}

static bool read_footer(ParquetReader *reader, Err *err) {
    TRY(load_footer(reader, err));
    ThriftReader footer = thrift_reader_of(buf_slice(&reader->footer), &reader->run, GROUP_MEMORY_MAX);
    FileHead *head = &reader->head;
    if (!thrift_read(&footer, &FILE_HEAD_TYPE, head, err)) {
        return err_prefix(err, "the footer");
    }
    if ((head->has & THRIFT_HAS(FILE_HEAD_ENCRYPTION)) != 0) {
        return FAIL(err, ERR_VALUE, "the file is encrypted, which leat does not read");
    }
    if (head->row_count < 0) {
        return FAIL(err, ERR_VALUE, "the footer says %" PRId64 " rows", head->row_count);
    }
    reader->group_list = head->row_groups;
    TRY(groups_begin(reader, err));
    return read_schema(&reader->run, head->schema.at, head->schema.count, &reader->schema, err);
}

bool parquet_reader_open(const ParquetFile *file, ParquetReader **opened, Err *err) {
    *opened = NULL;
    ParquetReader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        panic("out of memory");
    }
    reader->file = *file;
    arena_init(&reader->run, "parquet schema", 0);
    arena_init(&reader->group_arena, "parquet row group", 0);
    arena_init(&reader->record, "parquet record", 0);
    if (!read_footer(reader, err)) {
        parquet_reader_close(reader);
        return err_frame(err, __FILE__, __LINE__);
    }
    uint32_t count = reader->schema.leaf_count;
    reader->columns = ARENA_ARRAY(&reader->run, ColumnReader, count);
    for (uint32_t i = 0; i < count; i++) {
        column_init(&reader->columns[i], &reader->schema.leaves[i], &reader->file, count);
    }
    reader->row = ARENA_ARRAY(&reader->run, Value, reader->schema.root.child_count);
    reader->wanted = ARENA_ARRAY(&reader->run, bool, reader->schema.root.child_count);
    memset(reader->wanted, true, reader->schema.root.child_count * sizeof(bool));
    *opened = reader;
    return true;
}

const Shape *parquet_reader_shape(const ParquetReader *reader) {
    return &reader->schema.shape;
}

uint64_t parquet_reader_rows(const ParquetReader *reader) {
    return (uint64_t)reader->head.row_count;
}

void parquet_reader_close(ParquetReader *reader) {
    if (reader == NULL) {
        return;
    }
    for (uint32_t i = 0; reader->columns != NULL && i < reader->schema.leaf_count; i++) {
        column_release(&reader->columns[i]);
    }
    buf_release(&reader->footer);
    buf_release(&reader->stack);
    arena_release(&reader->run);
    arena_release(&reader->group_arena);
    arena_release(&reader->record);
    free(reader);
}
