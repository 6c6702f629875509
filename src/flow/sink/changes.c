// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/changes.h"

#include "flow/sink/row_hash.h"

struct Changes {
    ChangesOptions options;
    RowSecret secret;
    Latest *latest;
    Arena run[1];
    Value *key; // of the record's fields: a key from before
};

bool changes_new(const ChangesOptions *options, Changes **made, Err *err) {
    Changes *changes = calloc(1, sizeof(*changes));
    ASSERT(changes != NULL && options->key_count > 0);
    changes->options = *options;
    arena_init_small(changes->run, "run", 1024);
    changes->key = ARENA_ARRAY(changes->run, Value, options->record->field_count);
    row_secret_make(&changes->secret);
    if (!latest_new(options->directory, options->record->field_count, 0, &changes->latest, err)) {
        changes_free(changes);
        return err_frame(err, __FILE__, __LINE__);
    }
    *made = changes;
    return true;
}

void changes_free(Changes *changes) {
    if (changes != NULL) {
        latest_free(changes->latest);
        arena_release(changes->run);
        free(changes);
    }
}

static LatestKey key_of(const Changes *changes, const Value *values) {
    const ChangesOptions *options = &changes->options;
    RowHash hash = row_hash(&changes->secret, options->record, values, options->key, options->key_count);
    return (LatestKey){hash.a, hash.b};
}

static void unchanged_mark(const Changes *changes, const ChangeRow *row) {
    const Shape *record = changes->options.record;
    for (size_t i = 0; row->unchanged != NULL && i < row->unchanged->items.count; i++) {
        int32_t field = shape_find(record, row->unchanged->items.at[i].bytes);
        if (field >= 0) { // else of a column that is there no more
            row->values[field] = (Value){.kind = VALUE_UNCHANGED};
        }
    }
}

static bool present(const Value *value) {
    return value != NULL && value->kind != VALUE_NULL;
}

bool changes_add(Changes *changes, const ChangeRow *row, Err *err) {
    const ChangesOptions *options = &changes->options;
    if (options->limit != 0 && row->lsn >= options->limit) {
        return true;
    }
    if (slice_is(row->op, "t")) {
        latest_truncate(changes->latest, row->lsn, row->ordinal);
        return true;
    }
    if (row->op.size != 1 || strchr("rcud", row->op.data[0]) == NULL) {
        return FAIL(err, ERR_VALUE, "its __op is none of r, c, u, d, t");
    }
    LatestChange change = {.key = key_of(changes, row->values),
                           .lsn = row->lsn,
                           .ordinal = row->ordinal,
                           .file = row->file,
                           .position = row->position,
                           .deleted = slice_is(row->op, "d"),
                           .values = row->values};
    if (present(row->unchanged) && !change.deleted) {
        unchanged_mark(changes, row);
    }
    if (present(row->before) && row->before->items.count == options->key_count) {
        for (size_t i = 0; i < options->key_count; i++) {
            changes->key[options->key[i]] = row->before->items.at[i];
        }
        change.before = key_of(changes, changes->key);
        change.moved = true;
    }
    return latest_add(changes->latest, &change, err);
}

typedef struct Rows {
    bool (*row)(void *context, const SinkCompareRow *row, Err *err);
    void *context;
} Rows;

static bool row_give(void *context, const LatestChange *change, Err *err) {
    const Rows *rows = context;
    SinkCompareRow row = {.values = change->values, .position = change->position};
    return rows->row(rows->context, &row, err);
}

bool changes_rows(Changes *changes, bool (*row)(void *context, const SinkCompareRow *row, Err *err), void *context,
                  Err *err) {
    Rows rows = {row, context};
    return latest_each(changes->latest, row_give, &rows, err);
}
