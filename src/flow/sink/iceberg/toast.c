// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/toast.h"

#include "flow/sink/iceberg/moved.h"

#include "flow/sink/iceberg/toast_file.h"
#include "flow/sink/iceberg/writer.h"
#include "lake/iceberg/projection.h"

enum { ROWS_MAX = 16384, KEY_BYTES = 12 };

#define WAITING_BYTES_MAX (4 * MIB)
#define KEPT_BYTES_MAX    (8 * MIB) // twice, of a table

// --- waiting ---------------------------------------------------------------------------------------------------

struct ToastRow {
    KeyHash hash;
    KeyPlace place; // of what it lacks; KEY_NOWHERE = under its key
    bool dropped;
    bool may_be_missing;
    Value *values; // one a field of the table; VALUE_UNCHANGED = not known
    // While it is settled:
    LakeDataFile *data;
    const Value *kept;
};

typedef struct Key {
    uint8_t bytes[KEY_BYTES];
} Key;

static Slice key_bytes(KeyHash hash, Key *key) {
    memcpy(key->bytes, &hash.high, sizeof(hash.high));
    memcpy(key->bytes + sizeof(hash.high), &hash.low, sizeof(hash.low));
    return (Slice){key->bytes, KEY_BYTES};
}

static size_t row_count(const Toast *toast) {
    return toast->rows.size / sizeof(ToastRow *);
}

static ToastRow **rows_of(const Toast *toast) {
    return (ToastRow **)(void *)toast->rows.data;
}

static ToastRow *row_find(const LakeTable *table, KeyHash hash) {
    Key key;
    return table->toast.rows.size > 0 ? map_find(&table->toast.by_key, key_bytes(hash, &key)) : NULL;
}

bool toast_waits(const LakeTable *table, KeyHash hash) {
    const ToastRow *row = row_find(table, hash);
    return row != NULL && !row->dropped;
}

void toast_supersede(LakeTable *table, KeyHash hash) {
    ToastRow *row = row_find(table, hash);
    if (row != NULL) {
        row->dropped = true;
    }
}

static size_t field_count(const LakeTable *table) {
    return table->mapping.schema.shape->field_count;
}

static void row_put(LakeTable *table, ToastRow *row) {
    Toast *toast = &table->toast;
    for (size_t i = 0; i < field_count(table); i++) {
        if (table->row[i].kind != VALUE_UNCHANGED) {
            row->values[i] = value_copy(&toast->waiting, &table->row[i]);
        }
    }
}

bool toast_wait(LakeTable *table, KeyHash hash, KeyPlace place, ToastMissing missing, Err *err) {
    Toast *toast = &table->toast;
    ToastRow *row = row_find(table, hash);
    if (row != NULL && !row->dropped && key_place_none(place)) {
        row_put(table, row); // what it knows, and what the one before knew
        row->may_be_missing &= missing == TOAST_MAY_BE_MISSING;
        return toast->waiting.used < WAITING_BYTES_MAX || toast_settle(table, err);
    }
    if (row_count(toast) == 0) {
        arena_init_small(&toast->waiting, "waiting rows", 64 * KIB);
    }
    if (row != NULL) {
        row->dropped = true;
    }
    row = ARENA_NEW(&toast->waiting, ToastRow);
    *row = (ToastRow){.hash = hash,
                      .place = place,
                      .may_be_missing = missing == TOAST_MAY_BE_MISSING,
                      .values = ARENA_ARRAY(&toast->waiting, Value, field_count(table))};
    for (size_t i = 0; i < field_count(table); i++) {
        row->values[i].kind = VALUE_UNCHANGED;
    }
    row_put(table, row);
    Key key;
    buf_bytes(&toast->rows, &row, sizeof(row)); // NOLINT(bugprone-sizeof-expression)
    map_put(&toast->by_key, key_bytes(hash, &key), row);
    table->touched = true;
    bool full = row_count(toast) >= ROWS_MAX || toast->waiting.used >= WAITING_BYTES_MAX;
    return !full || toast_settle(table, err);
}

static void waiting_clear(Toast *toast) {
    if (row_count(toast) > 0) {
        arena_release(&toast->waiting);
    }
    buf_reset(&toast->rows);
    map_release(&toast->by_key);
    toast->by_key = (Map){0};
}

// --- what is kept ----------------------------------------------------------------------------------------------

static uint64_t place_number(KeyPlace place) {
    return (uint64_t)place.file << 32 | place.row;
}

static void generation_clear(ToastKept *kept) {
    map_release(&kept->by_place);
    if (kept->arena.used > 0) {
        arena_release(&kept->arena);
    }
    *kept = (ToastKept){0};
}

// The older half goes. Not while a value of it is in use.
static void kept_turn(Toast *toast) {
    if (toast->kept[0].arena.used < KEPT_BYTES_MAX / 2) {
        return;
    }
    generation_clear(&toast->kept[1]);
    toast->kept[1] = toast->kept[0];
    toast->kept[0] = (ToastKept){0};
}

static const Value *kept_find(const Toast *toast, KeyPlace place) {
    const Value *values = map_find_u64(&toast->kept[0].by_place, place_number(place));
    return values != NULL ? values : map_find_u64(&toast->kept[1].by_place, place_number(place));
}

// The values that the row had lacked, under its new place.
static void kept_put(LakeTable *table, const ToastRow *row, KeyPlace place) {
    ToastKept *kept = &table->toast.kept[0];
    if (kept->arena.used == 0) {
        arena_init(&kept->arena, "kept values", 0);
    }
    Value *values = ARENA_ARRAY(&kept->arena, Value, field_count(table));
    for (size_t i = 0; i < field_count(table); i++) {
        bool lacked = row->values[i].kind == VALUE_UNCHANGED;
        values[i] = lacked ? value_copy(&kept->arena, &table->row[i]) : (Value){.kind = VALUE_UNCHANGED};
    }
    map_put_u64(&kept->by_place, place_number(place), values);
}

static bool covers(const LakeTable *table, const ToastRow *row, const Value *kept) {
    for (size_t i = 0; kept != NULL && i < field_count(table); i++) {
        if (row->values[i].kind == VALUE_UNCHANGED && kept[i].kind == VALUE_UNCHANGED) {
            return false;
        }
    }
    return kept != NULL;
}

// --- settling --------------------------------------------------------------------------------------------------

static bool places_find(LakeTable *table, ToastRow **rows, size_t count, Err *err) {
    KeyHash *hashes = ARENA_ARRAY(&table->toast.waiting, KeyHash, count);
    KeyPlace *places = ARENA_ARRAY(&table->toast.waiting, KeyPlace, count);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = rows[i]->hash;
    }
    TRY(moved_find(table, hashes, places, count, err));
    for (size_t i = 0; i < count; i++) {
        rows[i]->place = key_place_none(rows[i]->place) ? places[i] : rows[i]->place;
        rows[i]->data = key_place_none(rows[i]->place) ? NULL : map_find_u64(&table->files, rows[i]->place.file);
    }
    return true;
}

static bool missing_fail(const LakeTable *table, Err *err) {
    FAIL(err, ERR_VALUE,
         "table %.*s.%.*s: a value that did not change was not sent, and the lake does not have its row",
         SLICE_ARG(table->source_space), SLICE_ARG(table->source_table));
    return err_hint(err, "read the table again: leat resync; or ALTER TABLE … REPLICA IDENTITY FULL");
}

// Those that are to be written: not superseded, and with a row that has what they lack.
static bool rows_choose(LakeTable *table, ToastRow **rows, size_t *count, Err *err) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (rows[i]->data == NULL && !rows[i]->may_be_missing) {
            return missing_fail(table, err);
        }
        if (rows[i]->data != NULL) {
            rows[kept++] = rows[i];
        }
    }
    *count = kept;
    return true;
}

static int by_place(const void *a, const void *b) {
    uint64_t x = place_number((*(ToastRow *const *)a)->place), y = place_number((*(ToastRow *const *)b)->place);
    return (x > y) - (x < y);
}

static bool files_readable(LakeTable *table, ToastRow **rows, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        const Value *kept = kept_find(&table->toast, rows[i]->place);
        if (covers(table, rows[i], kept)) {
            continue;
        }
        TRY(writers_readable(table, rows[i]->data, err));
    }
    return true;
}

static bool row_write(LakeTable *table, const ToastRow *row, Err *err) {
    KeyPlace place;
    TRY(writers_put(table, &place, err));
    kept_put(table, row, place);
    return pending_add(table, row->hash, place, false, err);
}

static bool row_from_kept(LakeTable *table, const ToastRow *row, const Value *kept, Err *err) {
    for (size_t i = 0; i < field_count(table); i++) {
        table->row[i] = row->values[i].kind == VALUE_UNCHANGED ? kept[i] : row->values[i];
    }
    return row_write(table, row, err);
}

// What the rows of one file lack, and how the file has it.
typedef struct Lacking {
    LakeRead how;
    int32_t *at; // one a field of the table: among how.ids, or -1
    Projection *projection;
    Value *found; // one of how.ids
} Lacking;

static bool row_from_file(LakeTable *table, const ToastRow *row, ToastFile *file, const Lacking *lacking, Err *err) {
    const Value *values = NULL;
    TRY(toast_file_row(file, row->place.row, &values, err));
    TRY(projection_row(lacking->projection, values, table->lake->scratch, lacking->found, err));
    for (size_t i = 0; i < field_count(table); i++) {
        bool lacked = row->values[i].kind == VALUE_UNCHANGED;
        table->row[i] = lacked ? lacking->found[lacking->at[i]] : row->values[i];
    }
    return row_write(table, row, err);
}

// The fields that any of the rows lacks.
static void fields_lacking(const LakeTable *table, ToastRow **rows, size_t count, Arena *arena, Lacking *lacking) {
    const Shape *shape = table->mapping.schema.shape;
    int32_t *ids = ARENA_ARRAY(arena, int32_t, shape->field_count);
    *lacking = (Lacking){.how = {.table = table_metadata(table->table), .schema = &table->mapping.schema, .ids = ids},
                         .at = ARENA_ARRAY(arena, int32_t, shape->field_count),
                         .found = ARENA_ARRAY(arena, Value, shape->field_count)};
    for (uint32_t i = 0; i < shape->field_count; i++) {
        bool any = false;
        for (size_t j = 0; j < count && !any; j++) {
            any = rows[j]->values[i].kind == VALUE_UNCHANGED;
        }
        lacking->at[i] = any ? (int32_t)lacking->how.count : -1;
        if (any) {
            ids[lacking->how.count++] = shape->fields[i].shape.id;
        }
    }
}

// Rows of one file, in its order.
static bool rows_read(LakeTable *table, ToastFile *file, ToastRow **rows, size_t count, Err *err) {
    Arena *arena = &table->toast.waiting;
    uint64_t *numbers = ARENA_ARRAY(arena, uint64_t, count);
    Lacking lacking;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = rows[i]->place.row;
    }
    fields_lacking(table, rows, count, arena, &lacking);
    TRY(projection_make(&lacking.how, &rows[0]->data->file, toast_file_shape(file), arena, &lacking.projection, err));
    TRY(toast_file_plan(file, projection_wanted(lacking.projection), numbers, count, err));
    for (size_t i = 0; i < count; i++) {
        kept_turn(&table->toast);
        TRY(row_from_file(table, rows[i], file, &lacking, err));
    }
    return true;
}

static bool rows_settle(LakeTable *table, ToastRow **rows, size_t count, Err *err) {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) { // those of which all is kept
        kept_turn(&table->toast);
        const Value *kept = kept_find(&table->toast, rows[i]->place);
        if (covers(table, rows[i], kept)) {
            TRY(row_from_kept(table, rows[i], kept, err));
        } else {
            rows[left++] = rows[i];
        }
    }
    for (size_t i = 0; i < left;) {
        LakeDataFile *data = rows[i]->data;
        size_t in = 0;
        while (i + in < left && rows[i + in]->data == data) {
            in++;
        }
        ToastFile *file = NULL;
        TRY(writers_readable(table, data, err)); // what was kept may have gone meanwhile
        TRY(toast_file_open(table->lake->io, data->file.path, (uint64_t)data->file.size, &file, err));
        bool ok = rows_read(table, file, rows + i, in, err);
        toast_file_close(file);
        if (!ok) {
            return err_prefix(err, "%.*s", SLICE_ARG(data->file.path));
        }
        i += in;
    }
    return true;
}

bool toast_settle(LakeTable *table, Err *err) {
    Toast *toast = &table->toast;
    ToastRow **rows = rows_of(toast);
    size_t count = 0;
    for (size_t i = 0; i < row_count(toast); i++) {
        if (!rows[i]->dropped) {
            rows[count++] = rows[i];
        }
    }
    bool ok = count == 0 || (pending_drain(table, err) && places_find(table, rows, count, err) &&
                             rows_choose(table, rows, &count, err));
    if (ok && count > 0) {
        qsort(rows, count, sizeof(ToastRow *), by_place); // NOLINT(bugprone-sizeof-expression)
        ok = files_readable(table, rows, count, err) && rows_settle(table, rows, count, err);
    }
    waiting_clear(toast);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- life ------------------------------------------------------------------------------------------------------

void toast_clear(LakeTable *table) {
    waiting_clear(&table->toast);
    generation_clear(&table->toast.kept[0]);
    generation_clear(&table->toast.kept[1]);
}

void toast_release(LakeTable *table) {
    toast_clear(table);
    buf_release(&table->toast.rows);
}

size_t toast_held(const LakeTable *table) {
    const Toast *toast = &table->toast;
    size_t waiting = row_count(toast) > 0 ? toast->waiting.used : 0;
    return waiting + toast->kept[0].arena.used + toast->kept[1].arena.used + toast->rows.capacity;
}
