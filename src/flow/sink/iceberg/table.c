// SPDX-License-Identifier: Apache-2.0
// Rows on their way into a table.
#include "flow/sink/iceberg/table.h"

#include "flow/sink/iceberg/moved.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/repair.h"
#include "flow/sink/iceberg/toast.h"
#include "flow/sink/iceberg/writer.h"

#define EPOCH_2000_US INT64_C(946684800000000)

// --- rows ------------------------------------------------------------------------------------------------------

static bool key_missing(const LakeTable *table, const char *what, Err *err) {
    FAIL(err, ERR_TABLE, "table %.*s.%.*s: %s", SLICE_ARG(table->source_space), SLICE_ARG(table->source_table), what);
    return err_hint(err, "give it a primary key, or take its changes as they come: mode=append");
}

static bool record_key(const LakeTable *table, const Record *record, KeyHash *hash, Err *err) {
    const Mapping *mapping = &table->mapping;
    if (mapping->key_count == 0) {
        return key_missing(table, "it has no key by which a row could be found again", err);
    }
    if (mapping->full_row) {
        Value *key = ARENA_ARRAY(table->lake->scratch, Value, mapping->key_count);
        for (size_t i = 0; i < mapping->key_count; i++) {
            key[i] = record->value[mapping->from[mapping->key[i]]];
        }
        *hash = mapping_key_hash(mapping, key);
        return true;
    }
    if (record->key == NULL) {
        return key_missing(table, "a value of its key cannot be held by the column's type", err);
    }
    *hash = key_hash(record->key, mapping->key_count, mapping->exact_keys);
    return true;
}

// The flat record's values in the order of the table's fields.
static void row_fill(LakeTable *table, const Record *record) {
    const Mapping *mapping = &table->mapping;
    uint32_t count = mapping->schema.shape->field_count;
    if (mapping->straight) {
        memcpy(table->row, record->value, count * sizeof(Value));
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        int32_t from = mapping->from[i];
        table->row[i] = from >= 0 ? record->value[from] : mapping->otherwise[i];
        if (from == MAPPING_DELETED_AT && record->event->op == OP_DELETE) {
            int64_t since_2000 = record->event->source_us - EPOCH_2000_US;
            table->row[i] = (Value){.kind = VALUE_TIMESTAMPTZ, .integer = since_2000};
        }
    }
}

static bool has_unchanged(const LakeTable *table, const Record *record) {
    return record->value[table->mapping.column_count + FLAT_UNCHANGED].kind != VALUE_NULL;
}

// Values that did not travel are those of the row under its key, or under the one that it had before.
static bool unchanged_wait(LakeTable *table, const Event *event, KeyHash hash, Err *err) {
    const Mapping *mapping = &table->mapping;
    for (uint32_t i = 0; i < mapping->schema.shape->field_count; i++) {
        int32_t column = mapping->from[i];
        if (column >= 0 && (size_t)column < mapping->column_count && event->after[column].kind == VALUE_UNCHANGED) {
            table->row[i].kind = VALUE_UNCHANGED;
        }
    }
    KeyPlace place = event->op == OP_CREATE ? table->last_place : KEY_NOWHERE;
    table->last_place = KEY_NOWHERE;
    return toast_wait(table, hash, place, TOAST_MUST_BE_THERE, err);
}

// The whole row is the key: the one before goes, whatever becomes of it.
static bool before_take(LakeTable *table, const Event *event, Err *err) {
    Event gone = *event;
    Record record = {.event = &gone, .schema = table->schema, .topic = table->topic};
    KeyHash hash;
    gone.op = OP_DELETE;
    gone.after = NULL;
    TRY(FLAT_ENVELOPE.make(table->mapping.plan, table->lake->scratch, &gone, &record, err));
    TRY(record_key(table, &record, &hash, err));
    return pending_add(table, hash, KEY_NOWHERE, false, err);
}

static bool upsert_row(LakeTable *table, const Event *event, const Record *record, Err *err) {
    KeyHash hash = {0};
    bool keyed = table->mapping.key_count > 0;
    if (keyed) {
        TRY(record_key(table, record, &hash, err));
    } else if (event->op == OP_UPDATE) {
        return key_missing(table, "a row was changed, and it has no key by which it could be found", err);
    }
    row_fill(table, record);
    if (UNLIKELY(keyed && has_unchanged(table, record))) {
        return unchanged_wait(table, event, hash, err);
    }
    toast_supersede(table, hash);
    KeyPlace place;
    TRY(writers_put(table, &place, err));
    table->last_place = KEY_NOWHERE;
    return !keyed || pending_add(table, hash, place, table->empty && event->op == OP_READ, err);
}

// The row stays, marked. Of a source that tells its key only, the rest is what the table has.
static bool delete_mark(LakeTable *table, const Event *event, const Record *record, KeyHash hash, Err *err) {
    const Mapping *mapping = &table->mapping;
    row_fill(table, record);
    if (record->schema->identity == IDENTITY_FULL) {
        KeyPlace place;
        toast_supersede(table, hash);
        TRY(writers_put(table, &place, err));
        return pending_add(table, hash, place, false, err);
    }
    for (uint32_t i = 0; i < mapping->schema.shape->field_count; i++) {
        int32_t from = mapping->from[i];
        bool key = from >= 0 && (size_t)from < mapping->column_count &&
                   (record->schema->columns[from].flags & COLUMN_KEY) != 0;
        if (!key && (from == -1 || (from >= 0 && (size_t)from < mapping->column_count))) {
            table->row[i].kind = VALUE_UNCHANGED; // also of columns that the source has no more
        }
    }
    return toast_wait(table, hash, KEY_NOWHERE, TOAST_MAY_BE_MISSING, err);
}

static bool delete_row(LakeTable *table, const Event *event, const Record *record, Err *err) {
    KeyHash hash;
    TRY(record_key(table, record, &hash, err));
    bool soft = table->mapping.deleted >= 0;
    if (LIKELY((event->flags & EVENT_KEY_CHANGE) == 0)) {
        if (soft) {
            return delete_mark(table, event, record, hash, err);
        }
        toast_supersede(table, hash);
        return pending_add(table, hash, KEY_NOWHERE, false, err);
    }
    if (toast_waits(table, hash)) {
        TRY(toast_settle(table, err));
    }
    TRY(pending_drain(table, err)); // the CREATE that follows may need what stands there
    TRY(moved_find(table, &hash, &table->last_place, 1, err));
    if (soft) {
        return delete_mark(table, event, record, hash, err);
    }
    return pending_add(table, hash, KEY_NOWHERE, false, err);
}

// Nothing of before is left: neither what is in the table nor what was about to be.
static void truncate_rows(LakeTable *table) {
    pending_reset(&table->pending);
    writers_abort(table);
    toast_clear(table);
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        data->gone = true;
    }
    table->truncated = table->touched = true;
    table->upkeep.truncations++;
    moved_clear(table);
    table->rows_added = 0;
    if (table->lake->watched) {
        watch_truncated(table);
    }
    if (table->index != NULL) {
        index_clear(table->index);
    }
}

static bool event_take(LakeTable *table, const Event *event, const Record *record, Err *err) {
    if (table->append) {
        KeyPlace place;
        row_fill(table, record);
        return writers_put(table, &place, err);
    }
    switch (event->op) {
    case OP_READ:
    case OP_CREATE:
    case OP_UPDATE:
        return upsert_row(table, event, record, err);
    case OP_DELETE:
        return delete_row(table, event, record, err);
    case OP_TRUNCATE:
        truncate_rows(table);
        return true;
    }
    return FAIL(err, ERR_VALUE, "an event has the unknown operation %d", (int)event->op);
}

// What makes the keys, as far as it matters to the rows that are there.
typedef struct KeyForm {
    const int32_t *ids;
    size_t count;
    bool full_row, exact;
} KeyForm;

static KeyForm key_form(const LakeTable *table, Arena *arena) {
    const Mapping *mapping = &table->mapping;
    int32_t *ids = ARENA_ARRAY(arena, int32_t, mapping->key_count);
    for (size_t i = 0; i < mapping->key_count; i++) {
        ids[i] = mapping->schema.shape->fields[mapping->key[i]].shape.id;
    }
    return (KeyForm){ids, mapping->key_count, mapping->full_row, mapping->exact_keys};
}

// Of whole rows a column that came later makes no other key: it is NULL in the rows that are there.
static bool key_holds(const KeyForm *was, const KeyForm *is) {
    if (was->full_row != is->full_row || was->exact != is->exact || (!is->full_row && was->count != is->count)) {
        return false;
    }
    for (size_t i = 0; i < was->count; i++) {
        bool there = !is->full_row && was->ids[i] == is->ids[i];
        for (size_t j = 0; is->full_row && j < is->count; j++) {
            there |= was->ids[i] == is->ids[j];
        }
        if (!there) {
            return false;
        }
    }
    return true;
}

// Rows of the schema before stay in their files, which end here.
static bool reshape(LakeTable *table, const Schema *schema, Err *err) {
    TRY(lake_table_settle(table, err));
    toast_clear(table);
    KeyForm was = key_form(table, table->batch);
    TRY(lake_table_mapping(table, schema, err));
    KeyForm is = key_form(table, table->batch);
    return is.count == 0 || key_holds(&was, &is) || index_rekey(table, err);
}

bool lake_table_take(LakeTable *table, const JournalEntry *entry, Err *err) {
    const Event *event = entry->event;
    if (entry->offset < table->committed) {
        return true; // it is in the table
    }
    table->next = entry->offset + MAX(event->offset_span, UINT32_C(1));
    table->newest_us = event->source_us;
    table->oldest_us = table->oldest_us != 0 ? table->oldest_us : event->source_us;
    if (UNLIKELY(entry->schema != table->schema)) {
        TRY(reshape(table, entry->schema, err));
    }
    Record record = {.event = event, .schema = entry->schema, .topic = table->topic, .offset = entry->offset};
    RecordPlan *plan = table->mapping.plan;
    bool before = table->mapping.full_row && event->op == OP_UPDATE && event->before != NULL;
    bool ok = (!before || before_take(table, event, err)) &&
              FLAT_ENVELOPE.make(plan, table->lake->scratch, event, &record, err) &&
              event_take(table, event, &record, err);
    arena_reset(table->lake->scratch);
    table->lake->events++;
    return ok || err_frame(err, __FILE__, __LINE__);
}

static size_t pending_held(const LakeTable *table) {
    const PendingKeys *pending = &table->pending;
    return pending->hashes.capacity + pending->now.capacity + pending->was.capacity;
}

size_t lake_table_held(const LakeTable *table) {
    return writers_held(table) + pending_held(table) + table->batch->used + toast_held(table);
}

bool lake_table_spill(LakeTable *table, Err *err) {
    if (pending_held(table) < writers_held(table)) {
        return writers_spill(table, err);
    }
    TRY(pending_drain(table, err)); // into the index, which minds what it has
    buf_release(&table->pending.hashes);
    buf_release(&table->pending.now);
    buf_release(&table->pending.was);
    return true;
}

bool lake_table_settle(LakeTable *table, Err *err) {
    return toast_settle(table, err) && pending_drain(table, err) && writers_finish(table, err);
}
