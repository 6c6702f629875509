// SPDX-License-Identifier: Apache-2.0
// Snapshots made. What a commit writes is held back until all of it is known, then goes to the store at once: manifests
// of added files, manifests that stand for others, the list. A second try for the same snapshot finds the manifests of
// the first in its Work and writes the list alone.
#include "lake/iceberg/commit.h"

#include "core/sys/clock.h"
#include "core/sys/random.h"
#include "lake/iceberg/table_parts.h"

typedef struct Making {
    Table *table;
    const SnapshotWork *work;
    Work *state;
    Arena scratch;
    const Snapshot *parent; // NULL = none
    const SnapshotRef *ref; // likewise
    Slice branch;
    const KnownList *list; // the parent's
    bool *gone;            // of its manifests: nothing lives there, or a rewrite stands for it
    bool *found;           // of the work's removed files
    size_t rewrites;
    size_t replaced;
    FileCounts added, removed;
    Map partitions;
    uint64_t bytes;
} Making;

int64_t snapshot_id_new(void) {
    uint64_t random;
    do {
        random = random_number() & INT64_MAX;
    } while (random == 0);
    return (int64_t)random;
}

// --- what is under way -----------------------------------------------------------------------------------------

void work_release(Work *work) {
    for (PendingFile *file = work->pending; file != NULL; file = file->next) {
        buf_release(&file->bytes);
    }
    arena_release(&work->arena);
    *work = (Work){0};
}

Work *work_find(Table *table, int64_t snapshot_id) {
    for (size_t i = 0; i < WORKS_KEPT; i++) {
        if (table->works[i].snapshot_id == snapshot_id) {
            return &table->works[i];
        }
    }
    return NULL;
}

static Work *work_of(Table *table, int64_t snapshot_id) {
    Work *work = work_find(table, snapshot_id);
    if (work == NULL) {
        work = &table->works[0];
        for (size_t i = 1; i < WORKS_KEPT; i++) {
            work = table->works[i].used < work->used ? &table->works[i] : work;
        }
        work_release(work);
        work->snapshot_id = snapshot_id;
        arena_init(&work->arena, "snapshot", 0);
        random_uuid(work->uuid);
    }
    work->used = ++table->clock;
    return work;
}

static void remove_file(Table *table, Slice uri) {
    Err unsaid[1] = {{0}};
    if (uri.size > 0 && !lake_io_remove(table->io, uri, unsaid)) {
        err_clear(unsaid); // an orphan, which the clean-up of those finds
    }
}

void table_drop_snapshot(Table *table, const SnapshotWork *given) {
    Work *work = work_find(table, given->snapshot_id);
    if (work == NULL) {
        return;
    }
    remove_file(table, work->list);
    for (size_t i = 0; i < work->added_count; i++) {
        remove_file(table, work->added[i].path);
    }
    for (const Rewrite *rewrite = work->rewrites; rewrite != NULL; rewrite = rewrite->next) {
        remove_file(table, rewrite->made.path);
    }
    work_release(work);
}

// --- names -----------------------------------------------------------------------------------------------------

static Slice metadata_uri(const Table *table, Arena *arena, const char *name) {
    Slice folder = table_property(&table->metadata, "write.metadata.path"), location = table->metadata.location;
    while (folder.size > 0 && folder.data[folder.size - 1] == '/') {
        folder.size--;
    }
    return folder.size > 0 ? slice_of(arena_printf(arena, "%.*s/%s", SLICE_ARG(folder), name))
                           : slice_of(arena_printf(arena, "%.*s/metadata/%s", SLICE_ARG(location), name));
}

static Buf *pending_file(Work *state, Slice uri) {
    PendingFile *file = ARENA_NEW(&state->arena, PendingFile);
    *file = (PendingFile){.next = state->pending, .uri = uri};
    state->pending = file;
    return &file->bytes;
}

// --- manifests -------------------------------------------------------------------------------------------------

// Manifests of one spec and content, one after the other.
typedef struct ManifestOut {
    Making *making;
    int32_t spec_id;
    bool deletes, whole; // whole: one, however large
    ManifestWriter *writer;
    KnownManifest keys;
    ManifestFile *made; // in the work's arena
    size_t count, capacity;
} ManifestOut;

static void out_release(ManifestOut *out) {
    manifest_writer_close(out->writer);
    buf_release(&out->keys.keys);
    out->writer = NULL;
}

static bool out_end(ManifestOut *out, Err *err) {
    if (out->writer == NULL) {
        return true;
    }
    Work *state = out->making->state;
    const char *name = arena_printf(&out->making->scratch, "%s-m%" PRIu32 ".avro", state->uuid, state->manifest_count);
    Slice uri = metadata_uri(out->making->table, &state->arena, name);
    Buf *bytes = pending_file(state, uri);
    state->manifest_count++;
    if (out->count == out->capacity) {
        out->capacity = MAX(out->capacity * 2, (size_t)4);
        ManifestFile *grown = ARENA_ARRAY(&state->arena, ManifestFile, out->capacity);
        if (out->count > 0) {
            memcpy(grown, out->made, out->count * sizeof(*grown));
        }
        out->made = grown;
    }
    ManifestFile *made = &out->made[out->count];
    TRY(manifest_writer_finish(out->writer, &state->arena, bytes, made, err));
    made->path = uri;
    out->count++;
    manifest_writer_close(out->writer);
    out->writer = NULL;
    KnownManifest *known = table_manifest(out->making->table, uri);
    known->keys = out->keys.keys;
    out->keys = (KnownManifest){0};
    table_keys_done(known);
    table_manifest_keep(out->making->table, known, buf_slice(bytes));
    known->round = out->making->table->round;
    return true;
}

static bool out_add(ManifestOut *out, const ManifestEntry *entry, Err *err) {
    if (out->writer == NULL) {
        const TableMetadata *metadata = &out->making->table->metadata;
        const PartitionSpec *spec = table_spec_find(metadata, out->spec_id);
        if (spec == NULL) {
            return FAIL(err, ERR_VALUE, "the table has no partition spec %" PRId32, out->spec_id);
        }
        TRY(manifest_writer_open(metadata, table_schema_current(metadata), spec, out->deletes,
                                 out->making->work->snapshot_id, &out->writer, err));
    }
    TRY(manifest_writer_add(out->writer, entry, err));
    if (entry->status != ENTRY_DELETED) {
        table_keys_add(&out->keys, &entry->file);
    }
    return out->whole || manifest_writer_estimate(out->writer) < MANIFEST_TARGET_BYTES || out_end(out, err);
}

static void note_partition(Making *making, Slice key) {
    map_put(&making->partitions, key, making);
}

// Bytes that differ where partitions do.
static Slice partition_key(const DataFile *file, Arena *arena) {
    DEFER(buf_release) Buf key = {0};
    buf_zigzag(&key, file->spec_id);
    for (size_t i = 0; file->partition != NULL && i < file->partition_count; i++) {
        const Value *value = &file->partition[i];
        bool bytes = value->kind == VALUE_STRING || value->kind == VALUE_BYTES || value->kind == VALUE_DECIMAL ||
                     value->kind == VALUE_UUID;
        buf_u8(&key, value->kind);
        if (bytes) {
            buf_slice_sized(&key, value->bytes);
        } else if (!value_is_absent(value)) {
            buf_u64le(&key, (uint64_t)value->integer);
        }
    }
    return arena_slice(arena, buf_slice(&key));
}

// --- added files -----------------------------------------------------------------------------------------------

static bool add_group(Making *making, size_t first, bool *done, ManifestOut *out, Err *err) {
    const SnapshotWork *work = making->work;
    for (size_t i = first; i < work->added_count; i++) {
        const DataFile *file = &work->added[i];
        if (done[i] || file->spec_id != out->spec_id || (file->content != CONTENT_DATA) != out->deletes) {
            continue;
        }
        ManifestEntry entry = {.status = ENTRY_ADDED,
                               .snapshot_id = work->snapshot_id,
                               .sequence_number = work->added_sequences != NULL ? work->added_sequences[i] : -1,
                               .file_sequence_number = -1,
                               .file = *file};
        done[i] = true;
        TRY(out_add(out, &entry, err));
    }
    return out_end(out, err);
}

static bool add_files(Making *making, Err *err) {
    const SnapshotWork *work = making->work;
    Work *state = making->state;
    for (size_t i = 0; i < work->added_count; i++) {
        file_counts_add(&making->added, &work->added[i]);
        note_partition(making, partition_key(&work->added[i], &making->scratch));
    }
    if (state->added_done) {
        return true;
    }
    bool *done = ARENA_ARRAY(&making->scratch, bool, work->added_count);
    ManifestOut out = {.making = making};
    bool ok = true;
    for (size_t i = 0; ok && i < work->added_count; i++) {
        if (!done[i]) {
            out.spec_id = work->added[i].spec_id;
            out.deletes = work->added[i].content != CONTENT_DATA;
            ok = add_group(making, i, done, &out, err);
        }
    }
    out_release(&out);
    TRY(ok);
    state->added = out.made;
    state->added_count = out.count;
    state->added_done = true;
    return true;
}

// --- removed files ---------------------------------------------------------------------------------------------

static Slice removal_key(const DataFile *file, Arena *arena) {
    return file_is_vector(file) ? slice_of(arena_printf(arena, "vector %.*s", SLICE_ARG(file->referenced_file)))
                                : slice_of(arena_printf(arena, "file %.*s", SLICE_ARG(file->path)));
}

static void stand_for(Making *making, const Rewrite *rewrite, size_t at) {
    making->gone[at] = true;
    making->replaced++;
    for (size_t i = 0; i < rewrite->removed_files; i++) {
        note_partition(making, rewrite->partitions[i]);
    }
}

static Rewrite *rewrite_new(Making *making, size_t sources) {
    Rewrite *rewrite = ARENA_NEW(&making->state->arena, Rewrite);
    rewrite->sources = ARENA_ARRAY(&making->state->arena, Slice, sources);
    return rewrite;
}

static void rewrite_keep(Making *making, Rewrite *rewrite, const ManifestOut *out) {
    ASSERT(out->count == 1);
    rewrite->made = out->made[0];
    rewrite->next = making->state->rewrites;
    making->state->rewrites = rewrite;
    making->rewrites++;
}

static void add_counts(FileCounts *to, const FileCounts *more) {
    int64_t *numbers = (int64_t *)to;
    const int64_t *others = (const int64_t *)more;
    for (size_t i = 0; i < sizeof(*to) / sizeof(int64_t); i++) {
        numbers[i] += others[i];
    }
}

// Puts the live entries of a manifest into another; those that `wanted` names are deleted.
static bool copy_entries(Making *making, const ManifestFile *manifest, const Map *wanted, Rewrite *rewrite,
                         ManifestOut *out, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "entries", 0);
    ManifestEntry *entries = NULL;
    size_t count = 0;
    ManifestRead how = {.live = true, .metrics = true};
    TRY(table_entries(making->table, manifest, how, &arena, &entries, &count, err));
    if (wanted->count > 0) {
        size_t most = MIN(count, making->work->removed_count);
        rewrite->partitions = ARENA_ARRAY(&making->state->arena, Slice, most);
        rewrite->removed_at = ARENA_ARRAY(&making->state->arena, size_t, most);
    }
    for (size_t i = 0; i < count; i++) {
        ManifestEntry *entry = &entries[i];
        const void *found = wanted->count > 0 ? map_find(wanted, removal_key(&entry->file, &arena)) : NULL;
        entry->status = ENTRY_EXISTING;
        if (found != NULL) {
            size_t at = (size_t)((const DataFile *)found - making->work->removed);
            if (making->found[at]) {
                return FAIL(err, ERR_VALUE, "%.*s is in the table twice", (int)MIN(entry->file.path.size, 300),
                            (const char *)entry->file.path.data);
            }
            making->found[at] = true;
            entry->status = ENTRY_DELETED;
            entry->snapshot_id = making->work->snapshot_id;
            file_counts_add(&rewrite->removed, &entry->file);
            rewrite->removed_at[rewrite->removed_files] = at;
            rewrite->partitions[rewrite->removed_files++] = partition_key(&entry->file, &making->state->arena);
        }
        TRY(out_add(out, entry, err));
    }
    return true;
}

static bool rewrite_manifest(Making *making, size_t at, const Map *wanted, Err *err) {
    const ManifestFile *manifest = &making->list->manifests[at];
    ManifestOut out = {.making = making, .spec_id = manifest->spec_id, .deletes = manifest->deletes, .whole = true};
    Rewrite *rewrite = rewrite_new(making, 1);
    rewrite->sources[rewrite->source_count++] = arena_slice(&making->state->arena, manifest->path);
    bool ok = copy_entries(making, manifest, wanted, rewrite, &out, err);
    ok = ok && (rewrite->removed_files == 0 || out_end(&out, err));
    out_release(&out);
    TRY(ok);
    if (rewrite->removed_files > 0) { // else another file of the same hash
        rewrite_keep(making, rewrite, &out);
        add_counts(&making->removed, &rewrite->removed);
        stand_for(making, rewrite, at);
    }
    return true;
}

static bool remove_from(Making *making, size_t at, const Map *wanted, Err *err) {
    const ManifestFile *manifest = &making->list->manifests[at];
    const KnownManifest *known = NULL;
    for (size_t i = 0; i < making->work->removed_count; i++) {
        const DataFile *file = &making->work->removed[i];
        if (making->found[i] || (file->content != CONTENT_DATA) != manifest->deletes) {
            continue;
        }
        if (known == NULL) {
            TRY(table_manifest_keys(making->table, manifest, &known, err));
        }
        if (table_keys_have(known, file_key(file))) {
            return rewrite_manifest(making, at, wanted, err);
        }
    }
    return true;
}

static bool remove_all(Making *making, const Map *wanted, Err *err) {
    for (size_t i = 0; i < making->list->count; i++) {
        TRY(making->gone[i] || remove_from(making, i, wanted, err));
    }
    for (size_t i = 0; i < making->work->removed_count; i++) {
        if (!making->found[i]) {
            const DataFile *file = &making->work->removed[i];
            Slice name = file_is_vector(file) ? file->referenced_file : file->path;
            return FAIL(err, ERR_CHANGED, "%s%.*s is not in the table any more: somebody else has rewritten it",
                        file_is_vector(file) ? "the deletion vector of " : "", (int)MIN(name.size, 300),
                        (const char *)name.data);
        }
    }
    return true;
}

static bool remove_files(Making *making, Err *err) {
    const SnapshotWork *work = making->work;
    if (work->removed_count == 0) {
        return true;
    }
    Map wanted = {0};
    for (size_t i = 0; i < work->removed_count; i++) {
        map_put(&wanted, removal_key(&work->removed[i], &making->scratch), (void *)(uintptr_t)&work->removed[i]);
    }
    bool ok = remove_all(making, &wanted, err);
    map_release(&wanted);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- manifests that stand for others ---------------------------------------------------------------------------

static bool source_at(const Making *making, Slice path, size_t *at) {
    for (size_t i = 0; i < making->list->count; i++) {
        if (!making->gone[i] && slice_equal(making->list->manifests[i].path, path)) {
            *at = i;
            return true;
        }
    }
    return false;
}

static bool still_stands(Making *making, const Rewrite *rewrite) {
    size_t at = 0;
    for (size_t i = 0; i < rewrite->source_count; i++) {
        if (!source_at(making, rewrite->sources[i], &at)) {
            return false;
        }
    }
    for (size_t i = 0; i < rewrite->source_count && source_at(making, rewrite->sources[i], &at); i++) {
        stand_for(making, rewrite, at);
    }
    for (size_t i = 0; i < rewrite->removed_files; i++) {
        making->found[rewrite->removed_at[i]] = true;
    }
    add_counts(&making->removed, &rewrite->removed);
    making->rewrites++;
    return true;
}

static void drop_pending(Work *state, Slice uri) {
    for (PendingFile **at = &state->pending; *at != NULL; at = &(*at)->next) {
        if (slice_equal((*at)->uri, uri)) {
            buf_release(&(*at)->bytes);
            *at = (*at)->next;
            return;
        }
    }
}

// Of an earlier try: what its sources are no more is given up.
static void reuse_rewrites(Making *making) {
    Work *state = making->state;
    for (Rewrite **at = &state->rewrites; *at != NULL;) {
        if (still_stands(making, *at)) {
            at = &(*at)->next;
        } else {
            drop_pending(state, (*at)->made.path);
            remove_file(making->table, (*at)->made.path);
            *at = (*at)->next;
        }
    }
}

static bool merge_some(Making *making, const size_t *at, size_t count, Err *err) {
    static const Map NOTHING = {0};
    const ManifestFile *first = &making->list->manifests[at[0]];
    ManifestOut out = {.making = making, .spec_id = first->spec_id, .deletes = first->deletes, .whole = true};
    Rewrite *rewrite = rewrite_new(making, count);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const ManifestFile *manifest = &making->list->manifests[at[i]];
        rewrite->sources[rewrite->source_count++] = arena_slice(&making->state->arena, manifest->path);
        ok = copy_entries(making, manifest, &NOTHING, rewrite, &out, err);
    }
    bool some = out.writer != NULL;
    ok = ok && out_end(&out, err);
    out_release(&out);
    TRY(ok);
    if (some) { // they did hold something
        rewrite_keep(making, rewrite, &out);
        for (size_t i = 0; i < count; i++) {
            stand_for(making, rewrite, at[i]);
        }
    }
    return true;
}

// Small manifests like the one at `first`, as far as one takes them.
static bool merge_group(Making *making, size_t first, bool *seen, Err *err) {
    const ManifestFile *like = &making->list->manifests[first];
    size_t *at = ARENA_ARRAY(&making->scratch, size_t, making->list->count), count = 0, done = 0;
    for (size_t i = first; i < making->list->count; i++) {
        const ManifestFile *manifest = &making->list->manifests[i];
        if (seen[i] || making->gone[i] || manifest->spec_id != like->spec_id || manifest->deletes != like->deletes) {
            continue;
        }
        seen[i] = true;
        if (manifest->length < MANIFEST_TARGET_BYTES) {
            at[count++] = i;
        }
    }
    while (count - done >= making->work->merge_manifests_min && count - done > 1) {
        int64_t bytes = 0;
        size_t take = 0;
        while (done + take < count && bytes < MANIFEST_TARGET_BYTES) {
            bytes += making->list->manifests[at[done + take++]].length;
        }
        TRY(take < 2 || merge_some(making, at + done, take, err));
        done += take;
    }
    return true;
}

static bool merge_manifests(Making *making, Err *err) {
    if (making->work->merge_manifests_min == 0) {
        return true;
    }
    bool *seen = ARENA_ARRAY(&making->scratch, bool, making->list->count);
    for (size_t i = 0; i < making->list->count; i++) {
        TRY(seen[i] || making->gone[i] || merge_group(making, i, seen, err));
    }
    return true;
}

// --- deletion vectors ------------------------------------------------------------------------------------------

static bool second_vector(const DataFile *file, Err *err) {
    return FAIL(err, ERR_CHANGED, "%.*s has a deletion vector already, and may have only one",
                (int)MIN(file->referenced_file.size, 300), (const char *)file->referenced_file.data);
}

// A data file has one deletion vector in a snapshot: readers refuse a second one.
static bool check_vectors_in(Making *making, const ManifestFile *manifest, Err *err) {
    const KnownManifest *known = NULL;
    TRY(table_manifest_keys(making->table, manifest, &known, err));
    for (size_t i = 0; i < making->work->added_count; i++) {
        const DataFile *file = &making->work->added[i];
        if (file_is_vector(file) && table_keys_have(known, file_key(file))) {
            return second_vector(file, err);
        }
    }
    return true;
}

static bool check_vectors(Making *making, Err *err) {
    if (making->added.position_files > 0 && making->table->metadata.format_version >= 3) {
        FAIL(err, ERR_VALUE, "a table of version 3 takes no new position delete files");
        return err_hint(err, "write deletion vectors");
    }
    if (making->added.vectors == 0) {
        return true;
    }
    Map seen = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < making->work->added_count; i++) {
        const DataFile *file = &making->work->added[i];
        ok = !file_is_vector(file) || map_find(&seen, file->referenced_file) == NULL || second_vector(file, err);
        if (ok && file_is_vector(file)) {
            map_put(&seen, file->referenced_file, making);
        }
    }
    map_release(&seen);
    TRY(ok);
    for (size_t i = 0; i < making->list->count; i++) {
        const ManifestFile *manifest = &making->list->manifests[i];
        TRY(making->gone[i] || !manifest->deletes || check_vectors_in(making, manifest, err));
    }
    for (const Rewrite *rewrite = making->state->rewrites; rewrite != NULL; rewrite = rewrite->next) {
        TRY(!rewrite->made.deletes || check_vectors_in(making, &rewrite->made, err));
    }
    return true;
}

// --- the snapshot ----------------------------------------------------------------------------------------------

static ManifestFile manifest_copy(const ManifestFile *manifest, Arena *arena) {
    ManifestFile copy = *manifest;
    copy.path = arena_slice(arena, manifest->path);
    if (manifest->key_metadata.data != NULL) {
        copy.key_metadata = arena_slice(arena, manifest->key_metadata);
    }
    if (manifest->partitions != NULL) {
        FieldSummary *partitions = ARENA_ARRAY(arena, FieldSummary, manifest->partition_count);
        for (size_t i = 0; i < manifest->partition_count; i++) {
            partitions[i] = manifest->partitions[i];
            partitions[i].lower =
                partitions[i].lower.data != NULL ? arena_slice(arena, partitions[i].lower) : (Slice){0};
            partitions[i].upper =
                partitions[i].upper.data != NULL ? arena_slice(arena, partitions[i].upper) : (Slice){0};
        }
        copy.partitions = partitions;
    }
    return copy;
}

// Version 1 need not count; lists of version 2 must.
static bool count_entries(Making *making, ManifestFile *manifest, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "entries", 0);
    ManifestEntry *entries = NULL;
    size_t count = 0;
    TRY(table_entries(making->table, manifest, (ManifestRead){0}, &arena, &entries, &count, err));
    int32_t files[3] = {0};
    int64_t rows[3] = {0};
    for (size_t i = 0; i < count; i++) {
        files[entries[i].status]++;
        rows[entries[i].status] += entries[i].file.record_count;
    }
    manifest->existing_files = files[ENTRY_EXISTING];
    manifest->existing_rows = rows[ENTRY_EXISTING];
    manifest->added_files = files[ENTRY_ADDED];
    manifest->added_rows = rows[ENTRY_ADDED];
    manifest->deleted_files = files[ENTRY_DELETED];
    manifest->deleted_rows = rows[ENTRY_DELETED];
    return true;
}

static bool uncounted(const ManifestFile *manifest) {
    return manifest->added_files < 0 || manifest->existing_files < 0 || manifest->deleted_files < 0 ||
           manifest->added_rows < 0 || manifest->existing_rows < 0 || manifest->deleted_rows < 0;
}

static void list_put(Making *making, KnownList *list, const ManifestFile *manifest) {
    list->manifests[list->count++] = manifest_copy(manifest, &list->arena);
    table_manifest(making->table, manifest->path)->round = making->table->round;
}

static bool list_fill(Making *making, KnownList *list, Err *err) {
    const Work *state = making->state;
    const KnownList *old = making->list;
    list->manifests = ARENA_ARRAY(&list->arena, ManifestFile, state->added_count + making->rewrites + old->count);
    for (size_t i = 0; i < state->added_count; i++) {
        list_put(making, list, &state->added[i]);
    }
    for (const Rewrite *rewrite = state->rewrites; rewrite != NULL; rewrite = rewrite->next) {
        list_put(making, list, &rewrite->made);
    }
    for (size_t i = 0; i < old->count; i++) {
        if (!making->gone[i]) {
            list_put(making, list, &old->manifests[i]);
            TRY(!uncounted(&old->manifests[i]) || count_entries(making, &list->manifests[list->count - 1], err));
        }
    }
    return true;
}

// Everything that is not in the store yet goes there at once.
static bool write_pending(Making *making, Err *err) {
    Work *state = making->state;
    size_t count = 0, opened = 0;
    for (const PendingFile *file = state->pending; file != NULL; file = file->next) {
        count++;
    }
    LakeFile **files = ARENA_ARRAY(&making->scratch, LakeFile *, count);
    bool ok = true;
    for (PendingFile *file = state->pending; ok && file != NULL; file = file->next) {
        ok = lake_file_open(making->table->io, file->uri, &files[opened], err);
        opened += ok ? 1 : 0;
        ok = ok && lake_file_write(files[opened - 1], buf_slice(&file->bytes), err);
        making->bytes += file->bytes.size;
    }
    if (ok) {
        ok = lake_files_finish(files, opened, err);
    } else {
        for (size_t i = 0; i < opened; i++) {
            lake_file_abort(files[i]);
        }
    }
    for (PendingFile *file = state->pending; file != NULL; file = file->next) {
        buf_release(&file->bytes);
    }
    state->pending = NULL;
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool write_snapshot(Making *making, Arena *arena, Snapshot *snapshot, Err *err) {
    Table *table = making->table;
    Work *state = making->state;
    int64_t next_row_id = table->metadata.next_row_id, parent = making->parent != NULL ? making->parent->id : -1;
    KnownList *list = table_list_room(table);
    TRY(list_fill(making, list, err));
    Slice uri = metadata_uri(table, &list->arena,
                             arena_printf(&making->scratch, "snap-%" PRId64 "-%" PRIu32 "-%s.avro", snapshot->id,
                                          ++state->attempt, state->uuid));
    Buf *bytes = pending_file(state, arena_slice(&state->arena, uri));
    TRY(manifest_list_write(table->metadata.format_version, snapshot->id, parent, snapshot->sequence_number,
                            list->manifests, list->count, &next_row_id, bytes, err));
    if (!write_pending(making, err)) {
        table_drop_snapshot(table, making->work);
        return err_frame(err, __FILE__, __LINE__);
    }
    remove_file(table, state->list); // of the try before
    state->list = arena_slice(&state->arena, uri);
    list->uri = uri;
    snapshot->manifest_list = arena_slice(arena, uri);
    if (table->metadata.format_version >= 3) {
        snapshot->first_row_id = table->metadata.next_row_id;
        snapshot->added_rows = next_row_id - table->metadata.next_row_id;
    }
    return true;
}

static void fill_made(const Making *making, Arena *arena, SnapshotMade *made) {
    Slice branch = arena_slice(arena, making->branch);
    SnapshotRef ref = {.name = branch, .min_snapshots = -1, .max_snapshot_age_ms = -1, .max_ref_age_ms = -1};
    if (making->ref != NULL) {
        ref = *making->ref;
        ref.name = branch;
        ref.others = arena_slice(arena, ref.others);
    }
    ref.snapshot_id = made->snapshot.id;
    made->updates[0] = (TableUpdate){.action = UPDATE_ADD_SNAPSHOT, .snapshot = made->snapshot};
    made->updates[1] = (TableUpdate){.action = UPDATE_SET_SNAPSHOT_REF, .text = branch, .ref = ref};
    made->requirements[0] =
        (TableRequirement){.kind = REQUIRE_UUID, .text = arena_slice(arena, making->table->metadata.uuid)};
    made->requirements[1] = (TableRequirement){
        .kind = REQUIRE_REF_SNAPSHOT, .text = branch, .id = making->parent != NULL ? making->parent->id : -1};
    made->bytes = making->bytes;
}

static bool find_parent(Making *making, Err *err) {
    static const KnownList NO_LIST = {0};
    const TableMetadata *metadata = &making->table->metadata;
    if (metadata->format_version < 2) {
        FAIL(err, ERR_VALUE, "the table is of format version 1, which leat does not write to");
        return err_hint(err, "upgrade it to version 2");
    }
    making->ref = table_ref_find(metadata, making->branch);
    making->list = &NO_LIST;
    if (making->ref != NULL) {
        making->parent = table_snapshot_find(metadata, making->ref->snapshot_id);
    } else if (slice_is(making->branch, "main")) {
        making->parent = table_snapshot_current(metadata);
    }
    if (making->ref != NULL && making->parent == NULL) {
        return FAIL(err, ERR_VALUE, "branch %.*s is at snapshot %" PRId64 ", which the table does not have",
                    SLICE_ARG(making->branch), making->ref->snapshot_id);
    }
    TRY(making->parent == NULL || table_list(making->table, making->parent, &making->list, err));
    making->gone = ARENA_ARRAY(&making->scratch, bool, making->list->count);
    making->found = ARENA_ARRAY(&making->scratch, bool, making->work->removed_count);
    for (size_t i = 0; i < making->list->count; i++) {
        const ManifestFile *manifest = &making->list->manifests[i];
        making->gone[i] = manifest->added_files == 0 && manifest->existing_files == 0;
    }
    return true;
}

static bool make(Making *making, Arena *arena, SnapshotMade *made, Err *err) {
    TRY(find_parent(making, err));
    making->state = work_of(making->table, making->work->snapshot_id);
    reuse_rewrites(making);
    TRY(add_files(making, err));
    TRY(remove_files(making, err));
    TRY(check_vectors(making, err));
    TRY(merge_manifests(making, err));
    const TableMetadata *metadata = &making->table->metadata;
    made->snapshot = (Snapshot){.id = making->work->snapshot_id,
                                .parent_id = making->parent != NULL ? making->parent->id : -1,
                                .sequence_number = metadata->last_sequence_number + 1,
                                .timestamp_ms = MAX(clock_wall_us() / 1000, metadata->last_updated_ms),
                                .schema_id = metadata->current_schema_id,
                                .first_row_id = -1,
                                .added_rows = -1};
    size_t kept = 0;
    for (size_t i = 0; i < making->list->count; i++) {
        kept += making->gone[i] ? 0 : 1;
    }
    SummaryParts parts = {.work = making->work,
                          .added = making->added,
                          .removed = making->removed,
                          .partitions = making->partitions.count,
                          .manifests_created = making->state->added_count + making->rewrites,
                          .manifests_kept = kept,
                          .manifests_replaced = making->replaced,
                          .parent = making->parent,
                          .list = making->list};
    TRY(summary_make(making->table, &parts, arena, &made->snapshot, err));
    TRY(write_snapshot(making, arena, &made->snapshot, err));
    table_forget_manifests(making->table);
    fill_made(making, arena, made);
    return true;
}

bool table_make_snapshot(Table *table, const SnapshotWork *work, Arena *arena, SnapshotMade *made, Err *err) {
    ASSERT(work->snapshot_id > 0);
    Making making = {.table = table, .work = work, .branch = slice_of(work->branch != NULL ? work->branch : "main")};
    arena_init(&making.scratch, "commit", 0);
    table->round++;
    bool ok = make(&making, arena, made, err);
    map_release(&making.partitions);
    arena_release(&making.scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
