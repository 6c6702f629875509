// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/rows.h"

#include "core/base/calendar.h"
#include "core/base/json.h"
#include "lake/iceberg/name_mapping.h"
#include "lake/iceberg/parts.h"

// Deleted positions looked at together.
enum { DELETED_AHEAD = 64 };

typedef enum Change {
    CHANGE_NONE,
    CHANGE_FLOAT,     // float to double
    CHANGE_STRING,    // text that the file has as mere bytes
    CHANGE_BYTES,     // the reverse
    CHANGE_UUID,      // 16 bytes
    CHANGE_TIMESTAMP, // of the other kind, or with and without zone: INT96 does not say
    CHANGE_MIDNIGHT,  // date to timestamp
    CHANGE_ITEMS,     // of a list, a struct or a map
    CHANGE_ABSENT,    // the file has none
} Change;

// How a value of the file becomes one of the table.
typedef struct Step Step;
struct Step {
    Change change;
    uint32_t place; // in the file's record or struct
    uint8_t kind;   // of the result, TIMESTAMP, MIDNIGHT
    Value absent;
    const Step *items; // of a struct one a field, of a list one, of a map two
    uint32_t item_count;
    ShapeKind shape;
};

typedef enum Special { SPECIAL_NONE, SPECIAL_ROW_ID, SPECIAL_LAST_UPDATED } Special;

typedef struct RowColumn {
    Step step;
    Special special; // what stands for it where the file has none
} RowColumn;

struct LakeRows {
    Arena arena[1];
    Arena record[1]; // of changed lists and structs
    DataFile file;   // its partition is not kept
    ParquetFile bytes;
    ParquetReader *reader;
    const LakeRead *how;
    RowColumn *columns;
    Value *row;
    bool straight; // the file's record begins with what is wanted, as it is wanted
    bool deep;     // some values are made anew
    uint64_t next; // position of the next row
    uint64_t deleted_from, deleted[DELETED_AHEAD];
    size_t deleted_at, deleted_count;
};

// --- which column is which -------------------------------------------------------------------------------------

static int32_t field_with_id(const Shape *record, int32_t id) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (record->fields[i].shape.id == id) {
            return (int32_t)i;
        }
    }
    return -1;
}

static bool step_make(Arena *arena, const Shape *from, const Shape *to, Step *step, Err *err);

static bool default_make(Arena *arena, const Shape *to, Step *step, Err *err) {
    Slice json = shape_note(to, "initial-default");
    *step = (Step){.change = CHANGE_ABSENT, .absent = {.kind = VALUE_NULL}};
    return json.data == NULL || iceberg_default_value(to, json, arena, &step->absent, err);
}

static bool struct_make(Arena *arena, const Shape *from, const Shape *to, Step *step, Err *err) {
    Step *items = ARENA_ARRAY(arena, Step, to->field_count);
    bool same = from->field_count == to->field_count;
    for (uint32_t i = 0; i < to->field_count; i++) {
        const Shape *wanted = &to->fields[i].shape;
        int32_t place = field_with_id(from, wanted->id);
        TRY(place >= 0 ? step_make(arena, &from->fields[place].shape, wanted, &items[i], err)
                       : default_make(arena, wanted, &items[i], err));
        items[i].place = (uint32_t)MAX(place, 0);
        same &= place == (int32_t)i && items[i].change == CHANGE_NONE;
    }
    *step = (Step){.change = same ? CHANGE_NONE : CHANGE_ITEMS,
                   .shape = SHAPE_STRUCT,
                   .items = items,
                   .item_count = to->field_count};
    return true;
}

static bool list_make(Arena *arena, const Shape *from, const Shape *to, Step *step, Err *err) {
    bool map = to->kind == SHAPE_MAP;
    Step *items = ARENA_ARRAY(arena, Step, 2); // a map's keys are strings
    TRY(step_make(arena, from->element, to->element, &items[map ? 1 : 0], err));
    bool same = items[0].change == CHANGE_NONE && items[1].change == CHANGE_NONE;
    *step = (Step){
        .change = same ? CHANGE_NONE : CHANGE_ITEMS, .shape = to->kind, .items = items, .item_count = map ? 2 : 1};
    return true;
}

static bool is_timestamp(ShapeKind kind) {
    return kind == SHAPE_TIMESTAMP || kind == SHAPE_TIMESTAMPTZ;
}

static bool scalar_make(const Shape *from, const Shape *to, Step *step) {
    ShapeKind is = from->kind, wanted = to->kind;
    step->kind = wanted == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
    if (is == wanted) {
        return is != SHAPE_DECIMAL || from->scale == to->scale;
    }
    step->change = is == SHAPE_FLOAT32 && wanted == SHAPE_FLOAT64  ? CHANGE_FLOAT
                   : is == SHAPE_BYTES && wanted == SHAPE_STRING   ? CHANGE_STRING
                   : is == SHAPE_STRING && wanted == SHAPE_BYTES   ? CHANGE_BYTES
                   : is == SHAPE_BYTES && wanted == SHAPE_UUID     ? CHANGE_UUID
                   : is_timestamp(is) && is_timestamp(wanted)      ? CHANGE_TIMESTAMP
                   : is == SHAPE_DATE && wanted == SHAPE_TIMESTAMP ? CHANGE_MIDNIGHT
                                                                   : CHANGE_NONE;
    return step->change != CHANGE_NONE || (is == SHAPE_INT32 && wanted == SHAPE_INT64);
}

static bool step_make(Arena *arena, const Shape *from, const Shape *to, Step *step, Err *err) {
    *step = (Step){.change = CHANGE_NONE};
    if (shape_is_foreign(to)) {
        return FAIL(err, ERR_TABLE, "its type, %.*s, is not one that leat reads",
                    SLICE_ARG(shape_note(to, "iceberg.type")));
    }
    bool nested = to->kind == SHAPE_STRUCT || to->kind == SHAPE_LIST || to->kind == SHAPE_MAP;
    if (nested && from->kind == to->kind) {
        return to->kind == SHAPE_STRUCT ? struct_make(arena, from, to, step, err)
                                        : list_make(arena, from, to, step, err);
    }
    return (!nested && scalar_make(from, to, step)) || FAIL(err, ERR_TABLE, "the file has it as %s, the table as %s",
                                                            shape_kind_name(from->kind), shape_kind_name(to->kind));
}

// A partition by the column itself says what it is (as Hive's folders do).
static bool partition_value(const LakeRows *rows, const DataFile *file, int32_t id, const Value **value) {
    const PartitionSpec *spec = table_spec_find(rows->how->table, file->spec_id);
    for (size_t i = 0; spec != NULL && i < spec->field_count && i < file->partition_count; i++) {
        if (spec->fields[i].source_id == id && spec->fields[i].transform == TRANSFORM_IDENTITY) {
            *value = &file->partition[i];
            return true;
        }
    }
    return false;
}

static bool column_make(LakeRows *rows, const DataFile *file, const Shape *there, int32_t id, RowColumn *column,
                        Err *err) {
    const Shape *record = rows->how->schema->shape;
    int32_t place = field_with_id(there, id), wanted = field_with_id(record, id);
    static const Shape NUMBER = {.kind = SHAPE_INT64, .optional = true};
    column->special = id == ICEBERG_ID_ROW_ID         ? SPECIAL_ROW_ID
                      : id == ICEBERG_ID_LAST_UPDATED ? SPECIAL_LAST_UPDATED
                                                      : SPECIAL_NONE;
    if (wanted < 0 && column->special == SPECIAL_NONE) {
        return FAIL(err, ERR_TABLE, "the table's schema has no column %d", id);
    }
    const Shape *to = wanted >= 0 ? &record->fields[wanted].shape : &NUMBER;
    const Value *partition = NULL;
    bool ok = true;
    if (place >= 0) {
        ok = step_make(rows->arena, &there->fields[place].shape, to, &column->step, err);
        column->step.place = (uint32_t)place;
    } else if (partition_value(rows, file, id, &partition)) {
        column->step = (Step){.change = CHANGE_ABSENT, .absent = value_copy(rows->arena, partition)};
    } else {
        ok = default_make(rows->arena, to, &column->step, err);
    }
    return ok ||
           err_prefix(err, "column %.*s", SLICE_ARG(wanted >= 0 ? record->fields[wanted].name : SLICE("_row_id")));
}

// The file's columns with the table's ids.
static bool file_shape(LakeRows *rows, Shape *there, Err *err) {
    *there = *parquet_reader_shape(rows->reader);
    if (shape_has_ids(there)) {
        return true;
    }
    Slice json = table_property(rows->how->table, "schema.name-mapping.default");
    if (json.data == NULL) {
        FAIL(err, ERR_TABLE, "the file has no field ids, and the table no names for its columns");
        return err_hint(err, "set the table's property schema.name-mapping.default");
    }
    NameMapping mapping;
    TRY(name_mapping_parse(json, rows->arena, &mapping, err));
    *there = name_mapping_apply(&mapping, there, rows->arena);
    return true;
}

static bool columns_make(LakeRows *rows, const DataFile *file, Err *err) {
    const LakeRead *how = rows->how;
    Shape there;
    TRY(file_shape(rows, &there, err));
    bool *wanted = ARENA_ARRAY(rows->arena, bool, there.field_count);
    rows->columns = ARENA_ARRAY(rows->arena, RowColumn, how->count);
    rows->row = ARENA_ARRAY(rows->arena, Value, how->count);
    rows->straight = true;
    for (size_t i = 0; i < how->count; i++) {
        RowColumn *column = &rows->columns[i];
        TRY(column_make(rows, file, &there, how->ids[i], column, err));
        bool absent = column->step.change == CHANGE_ABSENT;
        rows->straight &=
            column->step.change == CHANGE_NONE && column->step.place == i && column->special == SPECIAL_NONE;
        rows->deep |= column->step.change == CHANGE_ITEMS;
        if (!absent) {
            wanted[column->step.place] = true;
        }
    }
    return parquet_reader_choose(rows->reader, wanted, err);
}

static bool rows_begin(LakeRows *rows, const DataFile *file, Err *err) {
    if (!slice_is(file->format, "PARQUET") && !slice_is(file->format, "parquet")) {
        FAIL(err, ERR_TABLE, "files of the format %.*s are not read", SLICE_ARG(file->format));
        return err_hint(err,
                        "have them rewritten as Parquet (Spark: write.format.default=parquet, rewrite_data_files)");
    }
    TRY(parquet_reader_open(&rows->bytes, &rows->reader, err));
    return columns_make(rows, file, err);
}

bool lake_rows_open(LakeIo *io, const DataFile *file, const LakeRead *how, LakeRows **opened, Err *err) {
    LakeRows *rows = calloc(1, sizeof(*rows));
    ASSERT(rows != NULL);
    arena_init(rows->arena, "rows", 0);
    arena_init(rows->record, "rows", 0);
    rows->how = how;
    rows->file = *file;
    rows->file.path = arena_slice(rows->arena, file->path);
    rows->bytes = lake_io_parquet(io, rows->file.path, (uint64_t)file->size, rows->arena);
    if (!rows_begin(rows, file, err)) {
        err_prefix(err, "%.*s", SLICE_ARG(rows->file.path));
        lake_rows_close(rows);
        return false;
    }
    *opened = rows;
    return true;
}

void lake_rows_close(LakeRows *rows) {
    if (rows == NULL) {
        return;
    }
    parquet_reader_close(rows->reader);
    arena_release(rows->arena);
    arena_release(rows->record);
    free(rows);
}

// --- values ----------------------------------------------------------------------------------------------------

static bool change(LakeRows *rows, const Step *step, const Value *from, Value *to, Err *err);

static bool items_change(LakeRows *rows, const Step *step, const Value *from, Value *to, Err *err) {
    bool is_struct = step->shape == SHAPE_STRUCT;
    size_t count = is_struct ? step->item_count : from->items.count;
    Value *items = ARENA_ARRAY(rows->record, Value, count);
    for (size_t i = 0; i < count; i++) {
        const Step *item = &step->items[is_struct ? i : i % step->item_count];
        const Value *was = &from->items.at[is_struct ? item->place : i];
        TRY(change(rows, item, was, &items[i], err));
    }
    *to = *from;
    to->items = (ValueItems){items, count};
    return true;
}

static bool midnight(const Value *from, uint8_t kind, Value *to, Err *err) {
    *to = (Value){.kind = kind};
    return !__builtin_mul_overflow(from->integer, CALENDAR_DAY_US, &to->integer) ||
           FAIL(err, ERR_VALUE, "a date does not fit into a timestamp");
}

static bool change(LakeRows *rows, const Step *step, const Value *from, Value *to, Err *err) {
    if (step->change == CHANGE_ABSENT) {
        *to = step->absent;
        return true;
    }
    *to = *from;
    if (from->kind == VALUE_NULL) {
        return true;
    }
    switch (step->change) {
    case CHANGE_NONE:
    case CHANGE_ABSENT:
        return true;
    case CHANGE_FLOAT:
        to->kind = VALUE_FLOAT64;
        return true;
    case CHANGE_STRING:
        to->kind = VALUE_STRING;
        return json_utf8_valid(from->bytes) || FAIL(err, ERR_VALUE, "a string is not UTF-8");
    case CHANGE_BYTES:
        to->kind = VALUE_BYTES;
        return true;
    case CHANGE_UUID:
        to->kind = VALUE_UUID;
        return from->bytes.size == 16 || FAIL(err, ERR_VALUE, "a UUID has %zu bytes", from->bytes.size);
    case CHANGE_TIMESTAMP:
        to->kind = step->kind;
        return true;
    case CHANGE_MIDNIGHT:
        return midnight(from, step->kind, to, err);
    case CHANGE_ITEMS:
        return items_change(rows, step, from, to, err);
    }
    UNREACHABLE();
}

// Version 3: ids and numbers that rows inherit from their file.
static Value special(const LakeRows *rows, Special which, uint64_t position) {
    int64_t number = which == SPECIAL_ROW_ID ? rows->file.first_row_id : rows->how->sequence;
    if (number < 0) {
        return (Value){.kind = VALUE_NULL};
    }
    return value_int(which == SPECIAL_ROW_ID ? number + (int64_t)position : number);
}

static bool row_make(LakeRows *rows, const Value *record, uint64_t position, Err *err) {
    if (rows->deep) {
        arena_reset(rows->record);
    }
    for (size_t i = 0; i < rows->how->count; i++) {
        const RowColumn *column = &rows->columns[i];
        const Step *step = &column->step;
        if (LIKELY(step->change == CHANGE_NONE)) {
            rows->row[i] = record[step->place];
        } else if (!change(rows, step, &record[step->place], &rows->row[i], err)) {
            return err_prefix(err, "%.*s, row %" PRIu64 ", column %d", SLICE_ARG(rows->file.path), position,
                              rows->how->ids[i]);
        }
        if (UNLIKELY(column->special != SPECIAL_NONE) && rows->row[i].kind == VALUE_NULL) {
            rows->row[i] = special(rows, column->special, position);
        }
    }
    return true;
}

static bool is_deleted(LakeRows *rows, uint64_t position) {
    if (rows->deleted_at == rows->deleted_count) {
        rows->deleted_at = 0;
        rows->deleted_count = positions_next(rows->how->deleted, &rows->deleted_from, rows->deleted, DELETED_AHEAD);
        if (rows->deleted_count == 0) { // none is left
            rows->deleted[0] = UINT64_MAX;
            rows->deleted_count = 1;
        }
    }
    if (rows->deleted[rows->deleted_at] != position) {
        return false;
    }
    rows->deleted_at++;
    return true;
}

bool lake_rows_next(LakeRows *rows, const Value **values, uint64_t *position, Err *err) {
    for (;;) {
        const Value *record = NULL;
        *values = NULL;
        if (!parquet_reader_next(rows->reader, &record, err)) {
            return err_prefix(err, "%.*s", SLICE_ARG(rows->file.path));
        }
        if (record == NULL) {
            return true;
        }
        *position = rows->next++;
        if (rows->how->deleted != NULL && is_deleted(rows, *position)) {
            continue;
        }
        if (rows->straight) {
            *values = record;
            return true;
        }
        *values = rows->row;
        return row_make(rows, record, *position, err);
    }
}
