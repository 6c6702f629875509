// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/adopt.h"

#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/sink/iceberg/rebuild.h"
#include "lake/iceberg/rows.h"

#include <limits.h>

enum { BATCH = 65536, NAMED_MAX = 3 };

// --- keys that are there more than once ------------------------------------------------------------------------

typedef struct Check {
    LakeTable *table;
    const TableMetadata *metadata;
    const Mapping *mapping;
    LakeDeletes *deletes;
    int32_t *ids;
    KeyIndex *index;
    Buf hashes, places, was; // of a batch
    size_t count;
    uint32_t files;
    uint64_t doubles;
    KeyHash named[NAMED_MAX];
    size_t named_count;
    bool naming; // the second pass: says which keys these are
    Buf text;
} Check;

static bool batch_drain(Check *check, Err *err) {
    size_t count = check->count;
    const KeyHash *hashes = (const KeyHash *)(const void *)check->hashes.data;
    const KeyPlace *now = (const KeyPlace *)(const void *)check->places.data;
    buf_reset(&check->was);
    KeyPlace *was = (KeyPlace *)(void *)buf_room(&check->was, (count + 1) * sizeof(KeyPlace));
    TRY(count == 0 || index_exchange(check->index, hashes, now, was, count, err));
    for (size_t i = 0; i < count; i++) {
        if (!key_place_none(was[i])) {
            check->doubles++;
            if (check->named_count < NAMED_MAX) {
                check->named[check->named_count++] = hashes[i];
            }
        }
    }
    buf_reset(&check->hashes);
    buf_reset(&check->places);
    check->count = 0;
    return true;
}

static void value_say(Buf *text, const Value *value) {
    switch (value->kind) {
    case VALUE_INT:
        buf_int(text, value->integer);
        return;
    case VALUE_STRING:
        buf_printf(text, "\"%.*s\"", (int)MIN(value->bytes.size, 40), (const char *)value->bytes.data);
        return;
    case VALUE_UUID:
        for (size_t i = 0; i < value->bytes.size; i++) {
            buf_printf(text, "%02x", value->bytes.data[i]);
        }
        return;
    default:
        buf_text(text, "…");
        return;
    }
}

static void key_say(Check *check, const Value *key, KeyHash hash, const DataFile *file, uint64_t row) {
    for (size_t i = 0; i < check->named_count; i++) {
        if (check->named[i].high != hash.high || check->named[i].low != hash.low) {
            continue;
        }
        buf_text(&check->text, check->text.size > 0 ? "; (" : "(");
        for (size_t j = 0; j < check->mapping->key_count; j++) {
            buf_text(&check->text, j > 0 ? ", " : "");
            value_say(&check->text, &key[j]);
        }
        Slice name = file->path;
        while (memchr(name.data, '/', name.size) != NULL) {
            name = slice_from(name, (size_t)((const uint8_t *)memchr(name.data, '/', name.size) - name.data) + 1);
        }
        buf_printf(&check->text, ") in %.*s row %" PRIu64, SLICE_ARG(name), row);
    }
}

static bool key_take(Check *check, const Value *key, const DataFile *file, uint64_t row, Err *err) {
    for (size_t i = 0; i < check->mapping->key_count; i++) {
        if (key[i].kind == VALUE_NULL) {
            FAIL(err, ERR_TABLE, "%.*s: row %" PRIu64 " has no value in a column of the key", SLICE_ARG(file->path),
                 row);
            return err_hint(err, "delete such rows first: no row of the source can be one of them");
        }
    }
    KeyHash hash = mapping_key_hash(check->mapping, key);
    if (check->naming) {
        key_say(check, key, hash, file, row);
        return true;
    }
    KeyPlace place = {check->files, (uint32_t)row};
    buf_bytes(&check->hashes, &hash, sizeof(hash));
    buf_bytes(&check->places, &place, sizeof(place));
    return ++check->count < BATCH || batch_drain(check, err);
}

static bool file_check(void *context, const ManifestEntry *entry, Err *err) {
    Check *check = context;
    const DataFile *file = &entry->file;
    if (file->content != CONTENT_DATA) {
        return true; // lake_deletes_load has looked at them
    }
    LakeRead how = {.table = check->metadata,
                    .schema = table_schema_current(check->metadata),
                    .ids = check->ids,
                    .count = check->mapping->key_count,
                    .deleted = lake_deletes_of(check->deletes, file->path),
                    .sequence = -1};
    LakeRows *rows = NULL;
    bool ok = lake_rows_open(check->table->lake->io, file, &how, &rows, err);
    for (const Value *values = NULL; ok;) {
        uint64_t row = 0;
        ok = lake_rows_next(rows, &values, &row, err);
        if (!ok || values == NULL) {
            break;
        }
        ok = key_take(check, values, file, row, err);
    }
    lake_rows_close(rows);
    check->files++;
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool doubles_say(Check *check, Table *table, const Snapshot *snapshot, Err *err) {
    check->naming = true;
    check->files = 0;
    TRY(table_each_file(table, snapshot, false, file_check, check, err));
    FAIL(err, ERR_TABLE, "%" PRIu64 " rows have a key that another row has: %.*s", check->doubles,
         (int)MIN(check->text.size, 300), (const char *)check->text.data);
    return err_hint(err, "leave one row of each (DELETE, or rewrite the table), then take it over again");
}

static bool keys_check(Check *check, Table *table, const Snapshot *snapshot, Err *err) {
    TRY(lake_deletes_load(check->table->lake->io, table, snapshot, &check->deletes, err));
    TRY(table_each_file(table, snapshot, false, file_check, check, err));
    TRY(batch_drain(check, err));
    return check->doubles == 0 || doubles_say(check, table, snapshot, err);
}

// In an index of its own, which is gone afterwards.
static bool rows_check(LakeTable *table, Table *opened, const Mapping *mapping, Arena *scratch, Err *err) {
    const TableMetadata *metadata = table_metadata(opened);
    const Snapshot *snapshot = table_snapshot_current(metadata);
    Check check = {.table = table, .metadata = metadata, .mapping = mapping};
    if (snapshot == NULL) {
        return true;
    }
    check.ids = ARENA_ARRAY(scratch, int32_t, mapping->key_count);
    for (size_t i = 0; i < mapping->key_count; i++) {
        check.ids[i] = mapping->schema.shape->fields[mapping->key[i]].shape.id;
    }
    const char *directory = arena_printf(scratch, "%s/adopting", table->lake->state_directory);
    IndexOptions options = {
        .directory = directory, .memory_bytes_max = lake_index_memory(table->lake), .exact = mapping->exact_keys};
    bool fresh;
    TRY(!file_exists(directory) || file_remove_tree(directory, err));
    TRY(file_make_directories(directory, err));
    TRY(index_open(&options, &check.index, &fresh, err));
    bool ok = keys_check(&check, opened, snapshot, err);
    index_close(check.index);
    lake_deletes_free(check.deletes);
    buf_release(&check.hashes);
    buf_release(&check.places);
    buf_release(&check.was);
    buf_release(&check.text);
    Err unsaid[1] = {{0}};
    return (file_remove_tree(directory, ok ? err : unsaid) && ok) || err_frame(err, __FILE__, __LINE__);
}

// --- the rest of it --------------------------------------------------------------------------------------------

static bool partitions_check(const TableMetadata *metadata, Err *err) {
    const PartitionSpec *spec = table_spec_find(metadata, metadata->default_spec_id);
    for (size_t i = 0; spec != NULL && i < spec->field_count; i++) {
        if (spec->fields[i].transform == TRANSFORM_OTHER) {
            FAIL(err, ERR_TABLE, "it is partitioned by \"%.*s\", which leat does not know",
                 SLICE_ARG(spec->fields[i].transform_text));
            return err_hint(err, "give it another partition spec first");
        }
    }
    return true;
}

static bool key_is_there(const TableMetadata *metadata, const Mapping *mapping, Err *err) {
    const TableSchema *schema = table_schema_current(metadata);
    for (size_t i = 0; i < mapping->key_count; i++) {
        const ShapeField *field = &mapping->schema.shape->fields[mapping->key[i]];
        if (shape_by_id(schema->shape, field->shape.id) == NULL) {
            FAIL(err, ERR_TABLE, "it has no column %.*s, which is of the source's key", SLICE_ARG(field->name));
            return err_hint(err, "add the column and fill it, or let leat make a table of its own (rename=…)");
        }
    }
    return true;
}

static bool mode_check(const LakeTable *table, const Mapping *mapping, bool keep, Err *err) {
    bool keyed = !table->append && mapping->key_count > 0 && !mapping->full_row;
    if (keyed || keep) {
        return true;
    }
    FAIL(err, ERR_TABLE, "rows of a table without a primary key, or with mode=append, cannot be found again");
    return err_hint(err, "keep them as they are and go on from a position: --no-snapshot --from-lsn X");
}

// The first event tells whether the source is read: what it is asked for now may not be what it was asked for then.
static bool first_check(const LakeTable *table, Err *err) {
    if (table->lake->first == OP_READ || table->lake->first == OP_TRUNCATE) {
        return true;
    }
    FAIL(err, ERR_TABLE,
         "its first event is not a row that was read: the table was empty at the source then, or the "
         "pipeline was begun with --no-snapshot");
    return err_hint(err, "keep the rows that it has: --set adopt.rows=keep; or have it read (again): leat resync %s",
                    table->lake->pipeline);
}

static bool take(LakeTable *table, const TableMetadata *metadata, const char *source, bool keep, Arena *scratch,
                 Err *err) {
    bool adopting = !keep && table->lake->first == OP_READ;
    Property properties[] = {
        {SLICE("leat.pipeline"), slice_of(table->lake->pipeline)},
        {SLICE("leat.source-table"), slice_of(source)},
        {SLICE("leat.namespace"), table->name.space},
        {SLICE("leat.table"), table->name.table},
        {SLICE("leat.owner"), slice_of(table->lake->owner)},
        {SLICE("leat.topic"), table->topic},
        {SLICE("leat.mode"), slice_of(table->append ? "append" : "upsert")},
        {SLICE("leat.offset"), SLICE("0")},
        {SLICE("leat.adopted"), slice_of(arena_printf(scratch, "%" PRId64, metadata->last_sequence_number))},
        {SLICE("leat.adopting"), slice_of(adopting ? "true" : "false")},
    };
    TableUpdate updates[] = {
        {.action = UPDATE_SET_PROPERTIES, .properties = properties, .count = ARRAY_LEN(properties)},
        {.action = UPDATE_UPGRADE_FORMAT_VERSION, .id = 2},
    };
    TableRequirement requirements[] = {
        {.kind = REQUIRE_UUID, .text = metadata->uuid},
        {.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = metadata->current_snapshot_id},
    };
    size_t count = metadata->format_version < 2 ? 2 : 1;
    CatalogCommit commit = {.name = table->name, .change = {requirements, ARRAY_LEN(requirements), updates, count}};
    log_info(LOG_SINK, "a table of others is taken over", LOG_SLICE("table", table->name.table),
             LOG_TEXT("rows", keep ? "stay as they are" : "are made equal to the source's"));
    return catalog_commit(table->lake->catalog, &commit, 1, -1, scratch, err);
}

bool adopt_take_over(LakeTable *table, const CatalogTable *found, const char *source, const Mapping *mapping,
                     Arena *scratch, Err *err) {
    bool keep = strcmp(table->lake->options->adopt_rows, "keep") == 0;
    Table *opened = NULL;
    TRY(table_open(table->lake->io, found->metadata_json, found->metadata_file, &opened, err));
    const TableMetadata *metadata = table_metadata(opened);
    bool ok = mode_check(table, mapping, keep, err) && partitions_check(metadata, err) &&
              key_is_there(metadata, mapping, err) && (keep || first_check(table, err)) &&
              (mapping->key_count == 0 || mapping->full_row || rows_check(table, opened, mapping, scratch, err)) &&
              take(table, metadata, source, keep, scratch, err);
    table_close(opened);
    return ok || err_prefix(err, "%.*s.%.*s cannot be taken over", SLICE_ARG(table->name.space),
                            SLICE_ARG(table->name.table));
}

// --- the sweep -------------------------------------------------------------------------------------------------

int64_t adopt_sequence(const TableMetadata *metadata) {
    Slice text = table_property(metadata, "leat.adopted");
    return text.size > 0 ? (int64_t)lake_number(text) : -1;
}

void adopt_sweep(LakeTable *table) {
    uint64_t rows = 0;
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        if (data->before && !data->gone) {
            data->gone = true;
            rows += (uint64_t)(data->file.record_count - data->deleted);
        }
    }
    table->touched = true;
    table->adopting = false;
    table->adopted = true;
    table->rows_deleted += rows;
    log_info(LOG_SINK, "the table that was taken over has been read whole", LOG_SLICE("table", table->name.table),
             LOG_UINT("rows_that_the_source_has_not", rows));
}
