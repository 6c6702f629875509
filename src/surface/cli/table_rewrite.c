// SPDX-License-Identifier: Apache-2.0
// leat table rewrite-data-files: small files, and files with deleted rows, become new ones. Each group of files is one
// commit "replace", so what is done stays done. While a pipeline runs it does this by itself: see docs/tables.md.
#include "core/base/json.h"
#include "core/base/map.h"
#include "lake/iceberg/compact.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/rows.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/when.h"

enum { FILES_MIN = 2, ZSTD_LEVEL = 3, MEMORY = 64 << 20, TARGET_BYTES = 128 << 20, GROUP_FILES_MAX = 1024 };

typedef struct Seen { // a live file
    DataFile file;
    int64_t sequence;
} Seen;

typedef struct Rewriting {
    const Cli *cli;
    CliLake lake;
    CliTable table;
    CliOwner owner;
    size_t files_min;
    int64_t target_bytes;
    bool json, dry_run;
    Buf data, deletes; // Seen, as of `snapshot`
    Map live;          // paths of data files that stay
    LakeDeletes *positions;
    uint64_t files_before, files_made, rows_dropped, deletes_before, deletes_made, commits;
    Buf out;
} Rewriting;

static Seen *seen_at(const Buf *list, size_t i) {
    return (Seen *)(void *)list->data + i;
}

static size_t seen_count(const Buf *list) {
    return list->size / sizeof(Seen);
}

static bool look(void *context, const ManifestEntry *entry, Err *err) {
    Rewriting *rewriting = context;
    Arena *arena = rewriting->cli->arena;
    Seen seen = {.file = entry->file, .sequence = entry->sequence_number};
    DataFile *file = &seen.file;
    Value *partition = ARENA_ARRAY(arena, Value, file->partition_count);
    for (size_t i = 0; file->partition != NULL && i < file->partition_count; i++) {
        partition[i] = value_copy(arena, &file->partition[i]);
    }
    file->partition = file->partition_count > 0 ? partition : NULL;
    file->path = arena_slice(arena, file->path);
    file->format = arena_slice(arena, file->format);
    file->referenced_file = file->referenced_file.data != NULL ? arena_slice(arena, file->referenced_file) : (Slice){0};
    file->metrics = NULL;
    file->split_offsets = NULL;
    file->metric_count = file->split_count = file->equality_count = 0;
    bool data = file->content == CONTENT_DATA;
    buf_bytes(data ? &rewriting->data : &rewriting->deletes, &seen, sizeof(seen));
    if (data) {
        map_put(&rewriting->live, file->path, rewriting);
    }
    return true;
}

static bool commit(Rewriting *rewriting, const DataFile *added, size_t added_count, const DataFile *removed,
                   size_t removed_count, Err *err) {
    SnapshotMade made;
    const SnapshotWork work = {.operation = "replace",
                               .snapshot_id = snapshot_id_new(),
                               .added = added,
                               .added_count = added_count,
                               .removed = removed,
                               .removed_count = removed_count};
    CliTable *table = &rewriting->table;
    TRY(table_make_snapshot(table->table, &work, rewriting->cli->arena, &made, err));
    if (!cli_table_commit(&rewriting->lake, table, made.requirements, ARRAY_LEN(made.requirements), made.updates,
                          ARRAY_LEN(made.updates), err)) {
        if (err->code == ERR_CHANGED) { // surely not committed
            table_drop_snapshot(table->table, &work);
            err_hint(err, "somebody else has written to the table meanwhile: run it again");
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    rewriting->commits++;
    return true;
}

// --- data files ------------------------------------------------------------------------------------------------

// Sources, and version 3: their vectors.
static DataFile *group_removed(Rewriting *rewriting, const CompactGroup *group, size_t *count) {
    size_t deletes = seen_count(&rewriting->deletes);
    DataFile *removed = ARENA_ARRAY(rewriting->cli->arena, DataFile, group->count + deletes);
    *count = 0;
    for (size_t i = 0; i < group->count; i++) {
        removed[(*count)++] = *group->files[i]->file;
        (void)map_remove(&rewriting->live, group->files[i]->file->path);
    }
    for (size_t i = 0; i < deletes; i++) {
        const DataFile *file = &seen_at(&rewriting->deletes, i)->file;
        if (file->content_offset >= 0 && map_find(&rewriting->live, file->referenced_file) == NULL) {
            bool ours = false;
            for (size_t j = 0; j < group->count; j++) {
                ours = ours || slice_equal(group->files[j]->file->path, file->referenced_file);
            }
            if (ours) {
                removed[(*count)++] = *file;
            }
        }
    }
    return removed;
}

static bool group_rewrite(Rewriting *rewriting, const CompactGroup *group, Err *err) {
    Arena *arena = rewriting->cli->arena;
    CompactSource *sources = ARENA_ARRAY(arena, CompactSource, group->count);
    const TableMetadata *metadata = rewriting->table.metadata;
    Slice uri;
    for (size_t i = 0; i < group->count; i++) {
        const Seen *seen = group->files[i]->owner;
        sources[i] = (CompactSource){.file = &seen->file,
                                     .sequence = seen->sequence,
                                     .deleted = lake_deletes_of(rewriting->positions, seen->file.path)};
    }
    TRY(compact_name(metadata, sources[0].file, "compact", arena, &uri, err));
    const CompactWrite how = {.io = rewriting->lake.io,
                              .table = metadata,
                              .sources = sources,
                              .count = group->count,
                              .uri = uri,
                              .level = ZSTD_LEVEL,
                              .memory = MEMORY};
    DataFile made = {0};
    size_t removed_count = 0;
    TRY(compact_write(&how, arena, &made, err));
    const DataFile *removed = group_removed(rewriting, group, &removed_count);
    bool any = made.record_count > 0;
    if (!commit(rewriting, &made, any, removed, removed_count, err)) {
        Err ignored[1] = {{0}};
        if (any && err->code == ERR_CHANGED && !lake_io_remove(rewriting->lake.io, uri, ignored)) {
            err_clear(ignored); // an orphan, then
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    rewriting->files_made += any;
    return true;
}

// --- which -----------------------------------------------------------------------------------------------------

// By hand all that is small or has deleted rows is made anew, at once; the sink's own maintenance does a bit at a time
// (compact_plan). Groups of one spec and partition, of about the wanted size.
typedef struct Groups {
    Buf done; // CompactGroup
    Map open; // by spec and partition: CompactGroup
} Groups;

static bool group_key(const Rewriting *rewriting, const DataFile *file, Buf *key, Err *err) {
    const TableMetadata *metadata = rewriting->table.metadata;
    const PartitionSpec *spec = table_spec_find(metadata, file->spec_id);
    buf_printf(key, "%" PRId32 "/", file->spec_id);
    return spec == NULL || spec->field_count == 0 ||
           partition_path(table_schema_current(metadata), spec, file->partition, key, err);
}

static void group_end(const Rewriting *rewriting, Groups *groups, CompactGroup *group) {
    bool any_deleted = false;
    for (size_t i = 0; i < group->count; i++) {
        any_deleted = any_deleted || group->files[i]->deleted > 0;
    }
    if (any_deleted || group->count >= rewriting->files_min) {
        buf_bytes(&groups->done, group, sizeof(*group));
    }
    *group = (CompactGroup){0};
}

static bool group_add(Rewriting *rewriting, Groups *groups, const CompactFile *file, Err *err) {
    DEFER(buf_release) Buf key = {0};
    Arena *arena = rewriting->cli->arena;
    int64_t rows = file->file->record_count, live = MAX(rows - file->deleted, (int64_t)0);
    int64_t bytes = rows > 0 ? (int64_t)((double)file->file->size * (double)live / (double)rows) : 0;
    if (file->deleted == 0 && bytes >= rewriting->target_bytes / 4 * 3) {
        return true;
    }
    TRY(group_key(rewriting, file->file, &key, err));
    CompactGroup *group = map_find(&groups->open, buf_slice(&key));
    if (group == NULL) {
        group = ARENA_NEW(arena, CompactGroup);
        map_put(&groups->open, buf_slice(&key), group);
    }
    bool full = group->bytes + bytes > rewriting->target_bytes || group->rows + live > INT32_MAX;
    if (group->count > 0 && (full || group->count == GROUP_FILES_MAX)) {
        group_end(rewriting, groups, group);
    }
    if (group->count == 0) {
        group->files = ARENA_ARRAY(arena, const CompactFile *, GROUP_FILES_MAX);
    }
    group->files[group->count++] = file;
    group->bytes += bytes;
    group->rows += live;
    return true;
}

static bool groups_make(Rewriting *rewriting, Groups *groups, Err *err) {
    size_t count = seen_count(&rewriting->data);
    CompactFile *files = ARENA_ARRAY(rewriting->cli->arena, CompactFile, count);
    for (size_t i = 0; i < count; i++) {
        Seen *seen = seen_at(&rewriting->data, i);
        const Positions *deleted = lake_deletes_of(rewriting->positions, seen->file.path);
        files[i] = (CompactFile){
            .file = &seen->file, .deleted = deleted != NULL ? (int64_t)positions_count(deleted) : 0, .owner = seen};
        TRY(group_add(rewriting, groups, &files[i], err));
    }
    for (MapEntry *e = NULL; (e = map_next(&groups->open, e)) != NULL;) {
        group_end(rewriting, groups, e->value);
    }
    return true;
}

static bool data_rewrite(Rewriting *rewriting, Err *err) {
    Groups groups = {0};
    bool good = groups_make(rewriting, &groups, err);
    const CompactGroup *all = (const CompactGroup *)(const void *)groups.done.data;
    for (size_t i = 0; good && i < groups.done.size / sizeof(*all); i++) {
        for (size_t j = 0; j < all[i].count; j++) {
            rewriting->files_before++;
            rewriting->rows_dropped += (uint64_t)all[i].files[j]->deleted;
        }
        good = rewriting->dry_run || group_rewrite(rewriting, &all[i], err);
    }
    buf_release(&groups.done);
    map_release(&groups.open);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- delete files of version 2 ---------------------------------------------------------------------------------

static bool is_live(void *context, Slice path) {
    const Rewriting *rewriting = context;
    return map_find(&rewriting->live, path) != NULL;
}

typedef struct Replaced {
    Buf removed, made; // DataFile
} Replaced;

static bool group_merge(Rewriting *rewriting, const CompactGroup *group, Replaced *replaced, Err *err) {
    Arena *arena = rewriting->cli->arena;
    const DataFile **merged = ARENA_ARRAY(arena, const DataFile *, group->count);
    for (size_t i = 0; i < group->count; i++) {
        merged[i] = group->files[i]->file;
        buf_bytes(&replaced->removed, merged[i], sizeof(*merged[i]));
    }
    DataFile *made = NULL;
    size_t count = 0;
    TRY(rewriting->dry_run || deletes_merge(rewriting->lake.io, rewriting->table.metadata, merged, group->count,
                                            is_live, rewriting, arena, &made, &count, err));
    buf_bytes(&replaced->made, made, count * sizeof(*made));
    return true;
}

static bool deletes_gather(Rewriting *rewriting, Replaced *replaced, Err *err) {
    Arena *arena = rewriting->cli->arena;
    size_t count = seen_count(&rewriting->deletes), left = 0, group_count = 0;
    DataFile *files = ARENA_ARRAY(arena, DataFile, count);
    CompactGroup *groups = NULL;
    for (size_t i = 0; i < count; i++) {
        const DataFile *file = &seen_at(&rewriting->deletes, i)->file;
        if (file->content != CONTENT_POSITION_DELETES || file->content_offset >= 0) {
            continue;
        }
        if (file->referenced_file.size > 0 && !is_live(rewriting, file->referenced_file)) {
            buf_bytes(&replaced->removed, file, sizeof(*file));
        } else {
            files[left++] = *file;
        }
    }
    if (rewriting->table.metadata->format_version >= 3) {
        return true; // takes no new ones; vectors take their place when a row is deleted next
    }
    deletes_plan(files, left, FILES_MIN, arena, &groups, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        TRY(group_merge(rewriting, &groups[i], replaced, err));
    }
    return true;
}

static bool deletes_rewrite(Rewriting *rewriting, Err *err) {
    Replaced replaced = {0};
    bool good = deletes_gather(rewriting, &replaced, err);
    size_t removed = replaced.removed.size / sizeof(DataFile), made = replaced.made.size / sizeof(DataFile);
    if (good && removed > 0 && !rewriting->dry_run) {
        good = commit(rewriting, (const DataFile *)(const void *)replaced.made.data, made,
                      (const DataFile *)(const void *)replaced.removed.data, removed, err);
    }
    rewriting->deletes_before = removed;
    rewriting->deletes_made = made;
    buf_release(&replaced.removed);
    buf_release(&replaced.made);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- the command -----------------------------------------------------------------------------------------------

static void said(Rewriting *rewriting) {
    Buf *out = &rewriting->out;
    if (rewriting->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", rewriting->table.text);
        json_field_uint(out, "files_before", rewriting->files_before);
        json_field_uint(out, "files_made", rewriting->files_made);
        json_field_uint(out, "rows_dropped", rewriting->rows_dropped);
        json_field_uint(out, "delete_files_before", rewriting->deletes_before);
        json_field_uint(out, "delete_files_made", rewriting->deletes_made);
        json_field_uint(out, "commits", rewriting->commits);
        json_field_bool(out, "dry_run", rewriting->dry_run);
        buf_text(out, "}\n");
    } else if (rewriting->files_before + rewriting->deletes_before == 0) {
        buf_printf(out, "%s: there is nothing to rewrite\n", rewriting->table.text);
    } else if (rewriting->dry_run) {
        buf_printf(out, "%s: %" PRIu64 " data files would be rewritten, %" PRIu64 " deleted rows left out\n",
                   rewriting->table.text, rewriting->files_before, rewriting->rows_dropped);
    } else {
        buf_printf(out,
                   "%s: %" PRIu64 " data files are %" PRIu64 " now, without %" PRIu64 " deleted rows; %" PRIu64
                   " delete files are %" PRIu64 "\n",
                   rewriting->table.text, rewriting->files_before, rewriting->files_made, rewriting->rows_dropped,
                   rewriting->deletes_before, rewriting->deletes_made);
    }
}

static bool rules_take(Rewriting *rewriting, Err *err) {
    const char *files_min = cli_value(rewriting->cli, "files-min"), *target = cli_value(rewriting->cli, "target");
    When when = {.offset = FILES_MIN};
    if (files_min != NULL &&
        (!when_parse(files_min, &when, err) || when.kind != WHEN_OFFSET || when.offset < 1 || when.offset > 100000)) {
        err_clear(err);
        return FAIL(err, ERR_USAGE, "--files-min takes a number above 0, not \"%.40s\"", files_min);
    }
    rewriting->files_min = (size_t)when.offset;
    rewriting->target_bytes = TARGET_BYTES;
    TRY(target == NULL || option_parse_bytes(target, &rewriting->target_bytes, err));
    return rewriting->target_bytes >= (int64_t)MIB || FAIL(err, ERR_USAGE, "--target is 1MiB or more");
}

static bool rewrite(Rewriting *rewriting, Err *err) {
    const Snapshot *snapshot = table_snapshot_current(rewriting->table.metadata);
    if (rewriting->owner.pid != 0 && !rewriting->dry_run) {
        FAIL(err, ERR_LOCKED, "table %s: pipeline %s is running (pid %d), and rewrites its files by itself",
             rewriting->table.text, rewriting->owner.pipeline, rewriting->owner.pid);
        return err_hint(err, "to do it by hand, stop it first: kill %d", rewriting->owner.pid);
    }
    TRY(rewriting->dry_run || cli_owner_idle(rewriting->cli, &rewriting->table, &rewriting->owner, err));
    if (snapshot != NULL) {
        TRY(lake_deletes_load(rewriting->lake.io, rewriting->table.table, snapshot, &rewriting->positions, err));
        TRY(table_each_file(rewriting->table.table, snapshot, false, look, rewriting, err));
        TRY(data_rewrite(rewriting, err));
        TRY(deletes_rewrite(rewriting, err));
    }
    said(rewriting);
    return true;
}

bool table_rewrite_command(Cli *cli, Err *err) {
    Rewriting *rewriting = ARENA_NEW(cli->arena, Rewriting);
    rewriting->cli = cli;
    rewriting->dry_run = cli_has(cli, "dry-run");
    bool good = cli_wants_json(cli, &rewriting->json, err) && rules_take(rewriting, err) &&
                cli_lake_open(cli, &rewriting->lake, err) &&
                cli_table_open(&rewriting->lake, cli->arguments[0], &rewriting->table, err) &&
                cli_owner_claim(cli, &rewriting->table, &rewriting->owner, err) && rewrite(rewriting, err);
    if (good) {
        output_write(&rewriting->out);
    }
    cli_owner_release(&rewriting->owner);
    lake_deletes_free(rewriting->positions);
    buf_release(&rewriting->data);
    buf_release(&rewriting->deletes);
    buf_release(&rewriting->out);
    map_release(&rewriting->live);
    cli_table_close(&rewriting->table);
    cli_lake_close(&rewriting->lake);
    return good || err_frame(err, __FILE__, __LINE__);
}
