// SPDX-License-Identifier: Apache-2.0
// The key index of a table whose rows' keys have become others while it is open: it has got another primary key, or all
// columns are the key and some are gone. Made again from the files, those of the next commit included. A table that had
// no key does not know its files: the source reads such a one again, and the TRUNCATE before finds them.
#include "core/base/log.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/writer.h"
#include "lake/iceberg/rows.h"

// Rows deleted by the table's snapshot, and by the commit to come.
static Positions *deleted_of(const LakeDataFile *data, const LakeDeletes *deletes) {
    const Positions *before = deletes != NULL ? lake_deletes_of(deletes, data->file.path) : NULL;
    Positions *all = before != NULL ? positions_copy(before) : positions_new();
    if (data->rows != NULL) {
        positions_union(all, data->rows);
    }
    return all;
}

static bool rows_load(LakeTable *table, const LakeDataFile *data, const LakeRead *how, Err *err) {
    LakeRows *rows = NULL;
    TRY(lake_rows_open(table->lake->io, &data->file, how, &rows, err));
    const Value *values = NULL;
    uint64_t position = 0;
    bool ok = true;
    while (ok && (ok = lake_rows_next(rows, &values, &position, err)) && values != NULL) {
        KeyHash hash = mapping_key_hash(&table->mapping, values);
        ok = pending_add(table, hash, (KeyPlace){data->number, (uint32_t)position}, true, err);
    }
    lake_rows_close(rows);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool files_load(LakeTable *table, const LakeDeletes *deletes, Err *err) {
    const Mapping *mapping = &table->mapping;
    int32_t *ids = ARENA_ARRAY(table->batch, int32_t, mapping->key_count);
    for (size_t i = 0; i < mapping->key_count; i++) {
        ids[i] = mapping->schema.shape->fields[mapping->key[i]].shape.id;
    }
    LakeRead how = {.table = table_metadata(table->table),
                    .schema = &mapping->schema,
                    .ids = ids,
                    .count = mapping->key_count,
                    .sequence = -1};
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        if (data->gone) {
            continue;
        }
        TRY(writers_readable(table, data, err));
        Positions *deleted = deleted_of(data, deletes);
        how.deleted = deleted;
        bool ok = rows_load(table, data, &how, err);
        positions_free(deleted);
        TRY(ok);
    }
    return pending_drain(table, err);
}

bool index_rekey(LakeTable *table, Err *err) {
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table->table));
    LakeDeletes *deletes = NULL;
    log_info(LOG_SINK, "the key has changed: the key index is made again", LOG_SLICE("table", table->topic));
    if (table->index != NULL) {
        index_close(table->index);
        table->index = NULL;
    }
    bool fresh = false;
    TRY(index_reach(table, &fresh, err));
    index_clear(table->index);
    bool ok = (snapshot == NULL || lake_deletes_load(table->lake->io, table->table, snapshot, &deletes, err)) &&
              files_load(table, deletes, err);
    lake_deletes_free(deletes);
    return ok || err_frame(err, __FILE__, __LINE__);
}
