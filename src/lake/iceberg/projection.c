// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/projection.h"

#include "core/base/calendar.h"
#include "core/base/json.h"
#include "lake/iceberg/name_mapping.h"
#include "lake/iceberg/parts.h"

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

struct Projection {
    const LakeRead *how;
    Step *columns; // one a column wanted
    bool *wanted;
    bool straight;
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
    *step = (Step){.change = CHANGE_ABSENT};
    return iceberg_default(to, ICEBERG_INITIAL_DEFAULT, arena, &step->absent, err);
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
static bool partition_value(const LakeRead *how, const DataFile *file, int32_t id, const Value **value) {
    const PartitionSpec *spec = table_spec_find(how->table, file->spec_id);
    for (size_t i = 0; spec != NULL && i < spec->field_count && i < file->partition_count; i++) {
        if (spec->fields[i].source_id == id && spec->fields[i].transform == TRANSFORM_IDENTITY) {
            *value = &file->partition[i];
            return true;
        }
    }
    return false;
}

static bool column_make(Projection *projection, const DataFile *file, const Shape *there, size_t at, Arena *arena,
                        Err *err) {
    const LakeRead *how = projection->how;
    const Shape *record = how->schema->shape;
    int32_t id = how->ids[at], place = field_with_id(there, id), wanted = field_with_id(record, id);
    static const Shape NUMBER = {.kind = SHAPE_INT64, .optional = true};
    if (wanted < 0 && id != ICEBERG_ID_ROW_ID && id != ICEBERG_ID_LAST_UPDATED) {
        return FAIL(err, ERR_TABLE, "the table's schema has no column %d", id);
    }
    const Shape *to = wanted >= 0 ? &record->fields[wanted].shape : &NUMBER;
    Step *step = &projection->columns[at];
    const Value *partition = NULL;
    bool ok = true;
    if (place >= 0) {
        ok = step_make(arena, &there->fields[place].shape, to, step, err);
        step->place = (uint32_t)place;
        projection->wanted[place] = true;
    } else if (partition_value(how, file, id, &partition)) {
        *step = (Step){.change = CHANGE_ABSENT, .absent = value_copy(arena, partition)};
    } else {
        ok = default_make(arena, to, step, err);
    }
    projection->straight &= step->change == CHANGE_NONE && step->place == at;
    return ok ||
           err_prefix(err, "column %.*s", SLICE_ARG(wanted >= 0 ? record->fields[wanted].name : SLICE("_row_id")));
}

// The file's columns with the table's ids.
static bool file_shape(const LakeRead *how, Arena *arena, Shape *there, Err *err) {
    if (shape_has_ids(there)) {
        return true;
    }
    Slice json = table_property(how->table, "schema.name-mapping.default");
    if (json.data == NULL) {
        FAIL(err, ERR_TABLE, "the file has no field ids, and the table no names for its columns");
        return err_hint(err, "set the table's property schema.name-mapping.default");
    }
    NameMapping mapping;
    TRY(name_mapping_parse(json, arena, &mapping, err));
    *there = name_mapping_apply(&mapping, there, arena);
    return true;
}

bool projection_make(const LakeRead *how, const DataFile *file, const Shape *shape, Arena *arena, Projection **made,
                     Err *err) {
    Projection *projection = ARENA_NEW(arena, Projection);
    Shape there = *shape;
    TRY(file_shape(how, arena, &there, err));
    *projection = (Projection){.how = how,
                               .columns = ARENA_ARRAY(arena, Step, how->count),
                               .wanted = ARENA_ARRAY(arena, bool, there.field_count),
                               .straight = true};
    for (size_t i = 0; i < how->count; i++) {
        TRY(column_make(projection, file, &there, i, arena, err));
    }
    *made = projection;
    return true;
}

const bool *projection_wanted(const Projection *projection) {
    return projection->wanted;
}

bool projection_straight(const Projection *projection) {
    return projection->straight;
}

// --- values ----------------------------------------------------------------------------------------------------

static bool change(Arena *arena, const Step *step, const Value *from, Value *to, Err *err);

static bool items_change(Arena *arena, const Step *step, const Value *from, Value *to, Err *err) {
    bool is_struct = step->shape == SHAPE_STRUCT;
    size_t count = is_struct ? step->item_count : from->items.count;
    Value *items = ARENA_ARRAY(arena, Value, count);
    for (size_t i = 0; i < count; i++) {
        const Step *item = &step->items[is_struct ? i : i % step->item_count];
        const Value *was = &from->items.at[is_struct ? item->place : i];
        TRY(change(arena, item, was, &items[i], err));
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

static bool change(Arena *arena, const Step *step, const Value *from, Value *to, Err *err) {
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
        return items_change(arena, step, from, to, err);
    }
    UNREACHABLE();
}

bool projection_row(const Projection *projection, const Value *record, Arena *arena, Value *row, Err *err) {
    for (size_t i = 0; i < projection->how->count; i++) {
        const Step *step = &projection->columns[i];
        if (LIKELY(step->change == CHANGE_NONE)) {
            row[i] = record[step->place];
        } else if (!change(arena, step, &record[step->place], &row[i], err)) {
            return err_prefix(err, "column %d", projection->how->ids[i]);
        }
    }
    return true;
}
