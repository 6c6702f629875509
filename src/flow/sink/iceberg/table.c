// SPDX-License-Identifier: Apache-2.0
// Rows on their way into a table.
#include "flow/sink/iceberg/table.h"

#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/toast.h"
#include "flow/sink/iceberg/writer.h"

enum { PENDING_MAX = 65536 };

// --- keys ------------------------------------------------------------------------------------------------------

static void row_deleted(LakeTable *table, KeyPlace place) {
    LakeDataFile *data = map_find_u64(&table->files, place.file);
    if (data == NULL) {
        return; // of a file that a TRUNCATE has taken away
    }
    data->rows = data->rows != NULL ? data->rows : positions_new();
    if (positions_add(data->rows, place.row)) {
        data->deleted++;
        data->changed = true;
        table->touched = true;
        table->rows_deleted++;
    }
}

static void pending_reset(PendingKeys *pending) {
    buf_reset(&pending->hashes);
    buf_reset(&pending->now);
    pending->count = 0;
}

bool pending_drain(LakeTable *table, Err *err) {
    PendingKeys *pending = &table->pending;
    size_t count = pending->count;
    const KeyHash *hashes = (const KeyHash *)(const void *)pending->hashes.data;
    const KeyPlace *now = (const KeyPlace *)(const void *)pending->now.data;
    pending_reset(pending);
    if (count == 0) {
        return true;
    }
    if (pending->load) {
        return index_load(table->index, hashes, now, count, err);
    }
    buf_reset(&pending->was);
    KeyPlace *was = (KeyPlace *)(void *)buf_room(&pending->was, count * sizeof(KeyPlace));
    TRY(index_exchange(table->index, hashes, now, was, count, err));
    for (size_t i = 0; i < count; i++) {
        if (!key_place_none(was[i])) {
            row_deleted(table, was[i]);
        }
    }
    return true;
}

bool pending_add(LakeTable *table, KeyHash hash, KeyPlace now, bool load, Err *err) {
    PendingKeys *pending = &table->pending;
    if (pending->count == PENDING_MAX || (pending->count > 0 && pending->load != load)) {
        TRY(pending_drain(table, err));
    }
    pending->load = load;
    pending->count++;
    buf_bytes(&pending->hashes, &hash, sizeof(hash));
    buf_bytes(&pending->now, &now, sizeof(now));
    return true;
}

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
        table->row[i] = from >= 0 ? record->value[from] : (Value){.kind = VALUE_NULL};
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

static bool delete_row(LakeTable *table, const Event *event, const Record *record, Err *err) {
    KeyHash hash;
    TRY(record_key(table, record, &hash, err));
    if (LIKELY((event->flags & EVENT_KEY_CHANGE) == 0)) {
        toast_supersede(table, hash);
        return pending_add(table, hash, KEY_NOWHERE, false, err);
    }
    if (toast_waits(table, hash)) {
        TRY(toast_settle(table, err));
    }
    TRY(pending_drain(table, err)); // the CREATE that follows may need what stands there
    TRY(index_find(table->index, &hash, &table->last_place, 1, err));
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
    table->rows_added = 0;
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

// Rows of the schema before stay in their files, which end here.
static bool reshape(LakeTable *table, const Schema *schema, Err *err) {
    TRY(lake_table_settle(table, err));
    toast_clear(table);
    return lake_table_mapping(table, schema, err);
}

bool lake_table_take(LakeTable *table, const JournalEntry *entry, Err *err) {
    const Event *event = entry->event;
    if (entry->offset < table->committed) {
        return true; // it is in the table
    }
    table->next = entry->offset + MAX(event->offset_span, UINT32_C(1));
    if (UNLIKELY(entry->schema != table->schema)) {
        TRY(reshape(table, entry->schema, err));
    }
    Record record = {.event = event, .schema = entry->schema, .topic = table->topic, .offset = entry->offset};
    RecordPlan *plan = table->mapping.plan;
    bool ok =
        FLAT_ENVELOPE.make(plan, table->lake->scratch, event, &record, err) && event_take(table, event, &record, err);
    arena_reset(table->lake->scratch);
    table->lake->events++;
    return ok || err_frame(err, __FILE__, __LINE__);
}

size_t lake_table_held(const LakeTable *table) {
    return writers_held(table) + table->pending.hashes.capacity + table->pending.now.capacity +
           table->pending.was.capacity + table->batch->used + toast_held(table);
}

bool lake_table_spill(LakeTable *table, Err *err) {
    return writers_spill(table, err);
}

bool lake_table_settle(LakeTable *table, Err *err) {
    return toast_settle(table, err) && pending_drain(table, err) && writers_finish(table, err);
}
