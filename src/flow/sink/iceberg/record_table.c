// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_table.h"

#include "core/base/json.h"
#include "core/base/json_reader.h"
#include "flow/sink/iceberg/record_make.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/writer.h"

#define OFFSETS_KEY "leat.offsets."

// --- offsets ---------------------------------------------------------------------------------------------------

static void offset_put(RecordTable *table, Map *map, Slice topic, uint64_t next) {
    uint64_t *known = map_find(map, topic);
    if (known == NULL) {
        known = ARENA_NEW(table->run, uint64_t);
        map_put(map, topic, known);
    }
    *known = next;
}

static Slice offsets_json(const RecordTable *table, Arena *arena) {
    DEFER(buf_release) Buf out = {0};
    bool first = true;
    buf_u8(&out, '{');
    for (MapEntry *e = NULL; (e = map_next(&table->offsets, e)) != NULL; first = false) {
        buf_text(&out, first ? "" : ",");
        json_quote(&out, e->key);
        buf_u8(&out, ':');
        buf_uint(&out, *(const uint64_t *)e->value);
    }
    buf_u8(&out, '}');
    return arena_slice(arena, buf_slice(&out));
}

void record_summary(const RecordTable *table, Arena *arena, Property *summary) {
    const Lake *lake = table->table->lake;
    for (Property *at = summary, *end = summary + 3; at < end; at++) {
        if (slice_is(at->key, "leat.topic")) {
            *at = (Property){SLICE("leat.owner"), slice_of(lake->owner)};
        } else if (slice_is(at->key, "leat.offset")) {
            *at = (Property){SLICE("leat.offsets"), offsets_json(table, arena)};
        }
    }
}

Property record_property(const RecordTable *table, Arena *arena) {
    const char *key = arena_printf(arena, OFFSETS_KEY "%s", table->table->lake->pipeline);
    return (Property){slice_of(key), offsets_json(table, arena)};
}

static bool offsets_parse(RecordTable *table, Slice json, Err *err) {
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, json, table->run);
    TRY(json_read(&reader, &token, err));
    while (token == TOKEN_OBJECT || token == TOKEN_NUMBER) {
        TRY(json_read(&reader, &token, err));
        if (token != TOKEN_NAME) {
            break;
        }
        Slice topic = arena_slice(table->run, reader.text);
        TRY(json_read(&reader, &token, err));
        uint64_t next = token == TOKEN_NUMBER ? lake_number(reader.text) : 0;
        offset_put(table, &table->offsets, topic, next);
        offset_put(table, &table->below, topic, next);
    }
    return true;
}

static const Snapshot *head_of(const RecordTable *table) {
    const TableMetadata *metadata = table_metadata(table->table->table);
    if (table->branch == NULL) {
        return table_snapshot_current(metadata);
    }
    const SnapshotRef *ref = table_ref_find(metadata, slice_of(table->branch));
    return ref != NULL ? table_snapshot_find(metadata, ref->snapshot_id) : NULL;
}

static bool lost(const RecordTable *table, Err *err) {
    FAIL(err, ERR_EXISTS,
         "table %.*s was written by this connector from another data directory, or a newer state of it",
         SLICE_ARG(table->name));
    return err_hint(err, "use that data directory or a newer backup of it; or give the connector another name: it then "
                         "begins anew, and adds its records to what is there");
}

// The newest snapshot of ours in the branch's line; where all of ours have been expired, the property.
static bool offsets_load(RecordTable *table, Err *err) {
    const Lake *lake = table->table->lake;
    const TableMetadata *metadata = table_metadata(table->table->table);
    for (const Snapshot *at = head_of(table); at != NULL;) {
        Slice offsets = snapshot_summary(at, "leat.offsets");
        if (slice_is(snapshot_summary(at, "leat.pipeline"), lake->pipeline) && offsets.data != NULL) {
            bool ours = slice_is(snapshot_summary(at, "leat.owner"), lake->owner) &&
                        lake_number(snapshot_summary(at, "leat.epoch")) <= lake->epoch_max;
            return ours ? offsets_parse(table, offsets, err) : lost(table, err);
        }
        at = at->parent_id >= 0 ? table_snapshot_find(metadata, at->parent_id) : NULL;
    }
    Slice offsets = table_property(metadata, arena_printf(table->run, OFFSETS_KEY "%s", lake->pipeline));
    return offsets.data == NULL || offsets_parse(table, offsets, err);
}

bool record_table_has(const RecordTable *table, const JournalEntry *entry) {
    const uint64_t *below = map_find(&table->below, entry->topic->name);
    return below != NULL && entry->offset < *below;
}

// --- rows ------------------------------------------------------------------------------------------------------

static void casts_forget(RecordTable *table) {
    map_release(&table->casts);
    table->casts = (Map){0};
    arena_reset(&table->compiled);
}

// The table's schema as it is now; what was compiled for another one goes.
static bool schema_take(RecordTable *table, Err *err) {
    casts_forget(table);
    return record_mapping(table->table, table->rules, table->name, err);
}

// Rows of the schema before stay in their files, which end here.
static bool evolve(RecordTable *table, const Shape *from, bool *changed, Err *err) {
    LakeTable *lake = table->table;
    const TableMetadata *metadata = table_metadata(lake->table);
    int32_t last = metadata->last_column_id;
    Shape shape = record_evolve(&table->compiled, table->rules, lake->mapping.schema.shape, from, &last, changed);
    if (!*changed) {
        return true;
    }
    TRY(pending_drain(lake, err));
    TRY(writers_finish(lake, err));
    TRY(record_schema_commit(lake, &shape, err));
    return schema_take(table, err);
}

static bool cast_find(RecordTable *table, const Shape *shape, RecordCast **cast, Err *err) {
    *cast = map_find_u64(&table->casts, (uint64_t)(uintptr_t)shape);
    if (LIKELY(*cast != NULL)) {
        return true;
    }
    if (table->rules->evolve && !table->rules->schemaless && shape != NULL) {
        bool changed = false;
        Shape wanted = record_shape(&table->compiled, table->rules, shape);
        TRY(evolve(table, &wanted, &changed, err));
    }
    *cast = record_cast_new(&table->compiled, table->rules, shape, table->table->mapping.schema.shape);
    map_put_u64(&table->casts, (uint64_t)(uintptr_t)shape, *cast);
    return true;
}

static bool row_make(RecordTable *table, const ConnectRecord *record, RecordOp op, Err *err) {
    LakeTable *lake = table->table;
    const RecordRules *rules = table->rules;
    RecordCast *cast = NULL;
    bool lacking = false, changed = false;
    const Shape *shape = record->value->kind == VALUE_STRUCT ? record->value_shape : NULL;
    TRY(cast_find(table, shape, &cast, err));
    TRY(record_cast_row(cast, lake->lake->scratch, record->value, op == RECORD_DROP, lake->row, &lacking, err));
    Shape wanted;
    if (LIKELY(!lacking || !rules->evolve) || op == RECORD_DROP ||
        !record_infer(lake->lake->scratch, rules, shape, record->value, &wanted)) {
        return true;
    }
    TRY(evolve(table, &wanted, &changed, err));
    TRY(!changed || cast_find(table, shape, &cast, err));
    return !changed || record_cast_row(cast, lake->lake->scratch, record->value, false, lake->row, &lacking, err);
}

static bool row_key(const RecordTable *table, KeyHash *hash, Err *err) {
    const Mapping *mapping = &table->table->mapping;
    Value *key = ARENA_ARRAY(table->table->lake->scratch, Value, mapping->key_count);
    for (size_t i = 0; i < mapping->key_count; i++) {
        key[i] = table->table->row[mapping->key[i]];
        if (key[i].kind == VALUE_NULL) {
            Slice column = mapping->schema.shape->fields[mapping->key[i]].name;
            return FAIL(err, ERR_VALUE, "the record has no value for %.*s, a column of the key", SLICE_ARG(column));
        }
    }
    *hash = key_hash(key, mapping->key_count, mapping->exact_keys);
    return true;
}

bool record_table_take(RecordTable *table, const JournalEntry *entry, const ConnectRecord *record, RecordOp op,
                       Err *err) {
    LakeTable *lake = table->table;
    KeyHash hash = {0};
    KeyPlace place = KEY_NOWHERE;
    bool keyed = lake->mapping.key_count > 0;
    if ((!row_make(table, record, op, err) || (keyed && !row_key(table, &hash, err)))) {
        return err_prefix(err, "table %.*s", SLICE_ARG(table->name));
    }
    TRY(op == RECORD_DROP || writers_put(lake, &place, err));
    TRY(!keyed || pending_add(lake, hash, place, false, err));
    offset_put(table, &table->offsets, entry->topic->name, entry->offset + MAX(entry->event->offset_span, UINT32_C(1)));
    lake->touched = true;
    lake->lake->events++;
    return true;
}

// --- life ------------------------------------------------------------------------------------------------------

static bool table_prepare(RecordTable *table, Slice metadata_json, Slice metadata_file, Err *err) {
    LakeTable *lake = table->table;
    TRY(table_open(lake->lake->io, metadata_json, metadata_file, &lake->table, err));
    TRY(schema_take(table, err));
    TRY(offsets_load(table, err));
    lake->empty = head_of(table) == NULL;
    lake->upkeep.again = !lake->empty; // there may be something to do from before
    return lake->mapping.key_count == 0 || index_prepare(lake, err);
}

static bool table_load(RecordTable *table, const ConnectRecord *sample, bool *found, Err *err) {
    LakeTable *lake = table->table;
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    CatalogTable loaded;
    *found = true;
    bool ok = catalog_load(lake->lake->catalog, lake->name, scratch, &loaded, err);
    if (!ok && err->code == ERR_NOT_FOUND && table->rules->create) {
        err_clear(err);
        ok = record_table_create(lake, table->rules, table->name, sample, scratch, err) &&
             catalog_load(lake->lake->catalog, lake->name, scratch, &loaded, err);
    } else if (!ok && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        ok = true;
        *found = false;
    }
    ok = ok && (!*found || table_prepare(table, loaded.metadata_json, loaded.metadata_file, err));
    arena_release(scratch);
    return ok;
}

static bool no_branch(const RecordTable *table, Err *err) {
    FAIL(err, ERR_OPTION, "commit-branch=%s: rows are replaced on the main branch only", table->branch);
    return err_hint(err, "leave commit-branch away, or let the connector append");
}

bool record_table_open(Lake *lake, const RecordRules *rules, Slice name, const ConnectRecord *sample,
                       RecordTable **opened, bool *found, Err *err) {
    RecordTable *table = calloc(1, sizeof(*table));
    ASSERT(table != NULL);
    arena_init_small(table->run, "run", 1024);
    arena_init_small(&table->compiled, "compiled", 4096);
    table->rules = rules;
    table->name = arena_slice(table->run, name);
    *found = false;
    bool ok = record_table_new(lake, rules, table->name, &table->table, err);
    if (ok) {
        table->table->records = table;
        table->branch = record_branch(rules, table->name, table->run);
        ok = table->branch == NULL || !rules->upsert || no_branch(table, err);
        table->table->branch = table->branch;
        ok = ok && table_load(table, sample, found, err);
    }
    if (!ok || !*found) {
        record_table_close(table);
        return ok || err_prefix(err, "table %.*s", SLICE_ARG(name));
    }
    *opened = table;
    return true;
}

void record_table_close(RecordTable *table) {
    if (table->table != NULL) {
        lake_table_close(table->table);
    }
    record_table_free(table);
}

void record_table_free(RecordTable *table) {
    if (table == NULL) {
        return;
    }
    map_release(&table->offsets);
    map_release(&table->below);
    map_release(&table->casts);
    arena_release(&table->compiled);
    arena_release(table->run);
    free(table);
}
