// SPDX-License-Identifier: Apache-2.0
#include "lake/index/index.h"

#include "core/base/log.h"
#include "core/sys/file.h"
#include "lake/index/state.h"

#include <unistd.h>

enum {
    CHUNK_MIN = 1 << 10,
    CHUNK_MAX = 1 << 17,
    MEMORY_MIN = 1 << 20,
    BUFFER_MIN = 8 << 10,
    BUFFER_MAX = 512 << 10,
    UPKEEP_EXACT = 16, // entries taken by merges for each key that is exchanged
    UPKEEP_WIDE = 24,
    UPKEEP_LOAD = 8,
    UPKEEP_COMMIT = 64 << 10,
    PREFETCH_AHEAD = 12,
    FILES_BYTES_MAX = 1 << 30,
};

// --- life cycle ------------------------------------------------------------------------------------------------

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        panic("no memory for the key index: %zu bytes", count * size);
    }
    return memory;
}

// Of the memory, an eighth at most for each batch's probes and for the buffers of files, the rest for the tables, which
// need up to three times their slots' bytes: free slots, and the old one while one grows.
static void share_memory(KeyIndex *index, size_t memory) {
    memory = MAX(memory, (size_t)MEMORY_MIN);
    size_t probe = sizeof(Probe) + sizeof(uint32_t);
    index->chunk = MIN(MAX(memory / 8 / probe, (size_t)CHUNK_MIN), (size_t)CHUNK_MAX);
    index->buffer_bytes = MIN(MAX(memory / 64, (size_t)BUFFER_MIN), (size_t)BUFFER_MAX);
    size_t slot = (index->exact ? TABLE_WORDS_EXACT : TABLE_WORDS_WIDE) * sizeof(uint32_t);
    index->entries_max = MAX((memory - memory / 4) / (3 * slot), index->chunk);
}

typedef struct Sweep {
    KeyIndex *index;
    Err *err;
    bool ok;
} Sweep;

// Segments that are not of the index: of a merge or a commit that was not finished.
static bool sweep_one(void *context, const char *name) {
    Sweep *sweep = context;
    size_t size = strlen(name);
    bool segment = size > 4 && strcmp(name + size - 4, ".seg") == 0;
    bool temporary = strcmp(name, "CURRENT.tmp") == 0;
    for (size_t i = 0; segment && i < sweep->index->count; i++) {
        char path[PATH_MAX];
        key_segment_path(path, sweep->index->directory, sweep->index->segments[i]->number);
        segment = strcmp(strrchr(path, '/') + 1, name) != 0;
    }
    if (segment || temporary) {
        char path[PATH_MAX + 256];
        snprintf(path, sizeof(path), "%s/%s", sweep->index->directory, name);
        sweep->ok = file_remove(path, sweep->err);
    }
    return sweep->ok;
}

static bool sweep_files(KeyIndex *index, Err *err) {
    Sweep sweep = {index, err, true};
    TRY(file_list(index->directory, sweep_one, &sweep, err));
    return sweep.ok || err_frame(err, __FILE__, __LINE__);
}

static void close_segments(KeyIndex *index) {
    for (size_t i = 0; i < index->count; i++) {
        key_segment_close(index->segments[i]);
    }
    index->count = 0;
}

// What CURRENT says, with its segments. *whole: all of it is there. Errors are those of the system.
static bool read_current(KeyIndex *index, Arena *scratch, bool *whole, Err *err) {
    *whole = false;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/CURRENT", index->directory);
    Slice bytes;
    Current current;
    if (!file_exists(path)) {
        return true;
    }
    TRY(file_read_all(path, FILES_BYTES_MAX, scratch, &bytes, err));
    if (!index_current_decode(bytes, index->exact, scratch, &current) || current.count > SEGMENTS_MAX) {
        return true;
    }
    for (size_t i = 0; i < current.count; i++) {
        Segment *segment = NULL;
        if (!key_segment_open(index->directory, current.segments[i].number, &segment, err)) {
            if (err->code != ERR_STATE_CORRUPT && err->code != ERR_NOT_FOUND) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err);
            return true;
        }
        index->segments[index->count++] = segment;
        segment->durable = true;
        if (segment->header_crc != current.segments[i].header_crc || segment->shape.exact != index->exact) {
            return true;
        }
    }
    index->next_number = current.next_number;
    index_state_set(&index->durable, &current.mark, current.files);
    index_state_set(&index->last, &current.mark, current.files);
    *whole = true;
    return true;
}

static bool recover(KeyIndex *index, bool *fresh, Err *err) {
    char path[PATH_MAX + 16];
    TRY(file_make_directories(index->directory, err));
    snprintf(path, sizeof(path), "%s/LOCK", index->directory);
    TRY(file_lock(path, &index->lock, err));
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool whole = false;
    bool ok = read_current(index, &scratch, &whole, err);
    arena_release(&scratch);
    if (ok && !whole) {
        close_segments(index);
        snprintf(path, sizeof(path), "%s/CURRENT", index->directory);
        // Its segments go after it, and must not be gone while it stands.
        ok = file_remove(path, err) && file_sync_directory(index->directory, err);
    }
    *fresh = !whole;
    return (ok && sweep_files(index, err)) || err_frame(err, __FILE__, __LINE__);
}

bool index_open(const IndexOptions *options, KeyIndex **opened, bool *fresh, Err *err) {
    KeyIndex *index = take(1, sizeof(KeyIndex));
    index->lock = -1;
    index->exact = options->exact;
    if (snprintf(index->directory, sizeof(index->directory), "%s", options->directory) >=
        (int)sizeof(index->directory) - 64) {
        free(index);
        return FAIL(err, ERR_IO_FAILED, "the key index's directory has a path longer than %d bytes", PATH_MAX - 64);
    }
    share_memory(index, options->memory_bytes_max);
    key_table_init(&index->open, index->exact);
    key_table_init(&index->committed, index->exact);
    buf_init(&index->last.files, 0);
    buf_init(&index->durable.files, 0);
    if (!recover(index, fresh, err)) {
        index_close(index);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = index;
    return true;
}

void index_close(KeyIndex *index) {
    if (index == NULL) {
        return;
    }
    index_upkeep_stop(index, UPKEEP_STOP_ALL);
    for (size_t i = 0; i < index->open_count; i++) {
        index_persist_remove(index, index->segments[i]);
    }
    memmove(index->segments, index->segments + index->open_count,
            (index->count - index->open_count) * sizeof(Segment *));
    index->count -= index->open_count;
    close_segments(index);
    key_table_release(&index->open);
    key_table_release(&index->committed);
    buf_release(&index->last.files);
    buf_release(&index->durable.files);
    file_close(&index->lock);
    free(index);
}

const IndexMark *index_mark(const KeyIndex *index) {
    return &index->last.mark;
}

Slice index_files(const KeyIndex *index) {
    return buf_slice(&index->last.files);
}

static bool usable(const KeyIndex *index, Err *err) {
    if (index->broken != ERR_NONE) {
        FAIL(err, index->broken, "%s: the key index has failed before", index->directory);
        return err_hint(err, "open it again");
    }
    return true;
}

static bool whole(const KeyIndex *index, Err *err) {
    TRY(usable(index, err));
    return !index->torn || FAIL(err, ERR_INTERNAL, "%s: an exchange failed, it was not rolled back", index->directory);
}

// --- looking up ------------------------------------------------------------------------------------------------

static inline bool probe_before(const Probe *a, const Probe *b) {
    return key_before(a->high, a->low, b->high, b->low);
}
static inline bool probe_equal(const Probe *a, const Probe *b) {
    return a->high == b->high && a->low == b->low;
}

// Room for the probes of one call: many indexes are open at a time, and few of them are asked.
static void probes_take(KeyIndex *index, size_t count) {
    size_t room = MAX(MIN(count, index->chunk), (size_t)1);
    index->sorted = take(room, sizeof(Probe));
    index->pending = take(room, sizeof(uint32_t));
}

static void probes_give(KeyIndex *index) {
    free(index->sorted);
    free(index->pending);
    index->sorted = NULL;
    index->pending = NULL;
}

typedef bool ChunkFn(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, KeyPlace *was, size_t count, Err *err);

// `now`, `was`: NULL where the call has none.
static bool in_chunks(KeyIndex *index, ChunkFn *take_chunk, const KeyHash *keys, const KeyPlace *now, KeyPlace *was,
                      size_t count, Err *err) {
    bool ok = true;
    probes_take(index, count);
    for (size_t from = 0; ok && from < count; from += index->chunk) {
        ok = take_chunk(index, keys + from, now != NULL ? now + from : NULL, was != NULL ? was + from : NULL,
                        MIN(count - from, index->chunk), err);
    }
    probes_give(index);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// The keys, sorted by hash into index->sorted; equal ones stay in order. First by counting their upper bits, so that
// about two share a place, then within these.
static void sort_keys(KeyIndex *index, const KeyHash *keys, size_t count) {
    uint32_t *starts = index->pending; // is not used yet
    uint32_t bits = 1;
    while (bits < 17 && ((size_t)2 << bits) <= count) {
        bits++;
    }
    size_t places = (size_t)1 << bits;
    if (places > count) { // one or two keys
        places = 1;
        bits = 0;
    }
    memset(starts, 0, places * sizeof(uint32_t));
    uint32_t shift = 63 - bits; // in two steps: one by 64 is not defined
    for (size_t i = 0; i < count; i++) {
        starts[keys[i].high >> 1 >> shift]++;
    }
    uint32_t sum = 0;
    for (size_t i = 0; i < places; i++) {
        uint32_t here = starts[i];
        starts[i] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++) {
        index->sorted[starts[keys[i].high >> 1 >> shift]++] =
            (Probe){.high = keys[i].high, .low = keys[i].low, .order = (uint32_t)i, .at = KEY_NOWHERE};
    }
    for (size_t i = 1; i < count; i++) {
        Probe probe = index->sorted[i];
        size_t at = i;
        while (at > 0 && probe_before(&probe, &index->sorted[at - 1])) {
            index->sorted[at] = index->sorted[at - 1];
            at--;
        }
        index->sorted[at] = probe;
    }
}

// The places of the sorted keys, at the first of each that come more than once.
static bool find_sorted(KeyIndex *index, size_t count, Err *err) {
    Probe *probes = index->sorted;
    size_t pending = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count) {
            key_table_prefetch(&index->open, probes[i + PREFETCH_AHEAD].high);
            key_table_prefetch(&index->committed, probes[i + PREFETCH_AHEAD].high);
        }
        Probe *probe = &probes[i];
        if (i > 0 && probe_equal(probe, probe - 1)) {
            continue;
        }
        probe->found = key_table_find(&index->open, probe->high, probe->low, &probe->at);
        if (!probe->found && index->open_count == 0 && !index->cleared) {
            probe->found = key_table_find(&index->committed, probe->high, probe->low, &probe->at);
        }
        index->pending[pending] = (uint32_t)i;
        pending += !probe->found;
    }
    size_t visible = index->cleared ? index->open_count : index->count;
    for (size_t i = 0; i < visible && pending > 0; i++) {
        TRY(key_segment_find(index->segments[i], probes, index->pending, &pending, err));
    }
    index->lookups += count;
    return true;
}

static bool find_chunk(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, KeyPlace *places, size_t count,
                       Err *err) {
    sort_keys(index, keys, count);
    TRY(find_sorted(index, count, err));
    KeyPlace at = KEY_NOWHERE;
    for (size_t i = 0; i < count; i++) {
        const Probe *probe = &index->sorted[i];
        if (i == 0 || !probe_equal(probe, probe - 1)) {
            at = probe->at;
        }
        places[probe->order] = at;
    }
    return true;
}

bool index_find(KeyIndex *index, const KeyHash *keys, KeyPlace *places, size_t count, Err *err) {
    TRY(usable(index, err));
    return in_chunks(index, find_chunk, keys, NULL, places, count, err) || index_persist_failed(index, err);
}

// --- changing --------------------------------------------------------------------------------------------------

static bool put(KeyIndex *index, const IndexEntry *entry, Err *err) {
    if (LIKELY(key_table_put(&index->open, entry))) {
        return true;
    }
    // Very many hashes that begin alike.
    TRY(index_persist_spill(index, err));
    key_table_reserve(&index->open, index->chunk, index->entries_max);
    return key_table_put(&index->open, entry) || FAIL(err, ERR_INTERNAL, "an empty table takes no key");
}

static bool exchange_chunk(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, KeyPlace *was, size_t count,
                           Err *err) {
    index->loading = false;
    TRY(index_persist_room(index, count, err));
    sort_keys(index, keys, count);
    TRY(find_sorted(index, count, err));
    KeyPlace at = KEY_NOWHERE;
    for (size_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count) {
            key_table_prefetch(&index->open, index->sorted[i + PREFETCH_AHEAD].high);
        }
        const Probe *probe = &index->sorted[i];
        if (i == 0 || !probe_equal(probe, probe - 1)) {
            at = probe->at;
        }
        KeyPlace next = now[probe->order];
        was[probe->order] = at;
        if (!key_place_none(next) || !key_place_none(at)) {
            IndexEntry entry = {probe->high, probe->low, next, !key_place_none(at)};
            TRY(put(index, &entry, err));
        }
        at = next;
    }
    return index_upkeep_step(index, count * (index->exact ? UPKEEP_EXACT : UPKEEP_WIDE), err);
}

bool index_exchange(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, KeyPlace *was, size_t count, Err *err) {
    TRY(whole(index, err));
    bool ok = in_chunks(index, exchange_chunk, keys, now, was, count, err);
    index->torn |= !ok;
    return ok || index_persist_failed(index, err);
}

static bool load_chunk(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, KeyPlace *was, size_t count,
                       Err *err) {
    index->loading = true;
    TRY(index_persist_room(index, count, err));
    sort_keys(index, keys, count);
    for (size_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count) {
            key_table_prefetch(&index->open, index->sorted[i + PREFETCH_AHEAD].high);
        }
        const Probe *probe = &index->sorted[i];
        IndexEntry entry = {probe->high, probe->low, now[probe->order], false};
        TRY(put(index, &entry, err));
    }
    return index_upkeep_step(index, count * UPKEEP_LOAD, err);
}

bool index_load(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, size_t count, Err *err) {
    TRY(whole(index, err));
    bool ok = in_chunks(index, load_chunk, keys, now, NULL, count, err);
    index->torn |= !ok;
    return ok || index_persist_failed(index, err);
}

static void drop_open(KeyIndex *index) {
    index_upkeep_stop(index, UPKEEP_STOP_OPEN);
    for (size_t i = 0; i < index->open_count; i++) {
        index_persist_remove(index, index->segments[i]);
    }
    index->count -= index->open_count;
    memmove(index->segments, index->segments + index->open_count, index->count * sizeof(Segment *));
    index->open_count = 0;
    key_table_reset(&index->open);
}

void index_clear(KeyIndex *index) {
    index_upkeep_stop(index, UPKEEP_STOP_DURABLE);
    drop_open(index);
    index->cleared = true;
}

bool index_rollback(KeyIndex *index, Err *err) {
    TRY(usable(index, err));
    drop_open(index);
    index->cleared = false;
    index->torn = false;
    return true;
}

// --- committing ------------------------------------------------------------------------------------------------

// The open table goes into the committed one. False: it is too much for memory, or too crowded; *partly: then a part of
// it is there, which only matters when writing both out fails as well.
static bool fold(KeyIndex *index, bool *partly) {
    uint64_t entries = index->open.counts.entries + index->committed.counts.entries;
    if (index->cleared || index->open_count > 0 || entries > index->entries_max * 3 / 4) {
        return false;
    }
    key_table_reserve(&index->committed, entries, index->entries_max);
    IndexEntry entry;
    uint64_t at = 0;
    while (key_table_next(&index->open, &at, &entry)) {
        if (!key_table_put(&index->committed, &entry)) {
            *partly = true; // the open table still stands before it
            return false;
        }
    }
    key_table_reset(&index->open);
    return true;
}

bool index_commit(KeyIndex *index, const IndexMark *mark, Slice files, bool lazy, Err *err) {
    TRY(whole(index, err));
    bool partly = false;
    if (lazy && fold(index, &partly)) {
        index_state_set(&index->last, mark, files);
    } else if (!index_persist_commit(index, mark, files, err)) {
        index->broken = partly && index->broken == ERR_NONE ? err->code : index->broken;
        return index_persist_failed(index, err);
    }
    // It stands; what fails from here on fails the next call too, if it lasts.
    Err later[1] = {{0}};
    if (!index_upkeep_step(index, UPKEEP_COMMIT, later)) {
        index_persist_failed(index, later);
        log_err(LOG_SINK, "merging segments of the key index failed", later);
    }
    return true;
}

void index_stats(const KeyIndex *index, IndexStats *stats) {
    *stats = (IndexStats){.segments = index->count, .lookups = index->lookups, .merges = index->merges};
    int64_t entries = 0;
    size_t visible = index->cleared ? index->open_count : index->count;
    const KeyTable *tables[] = {&index->open, &index->committed};
    for (size_t i = 0; i < (index->cleared ? 1 : ARRAY_LEN(tables)); i++) {
        const EntryCounts *counts = &tables[i]->counts;
        entries += (int64_t)(counts->entries - counts->gone - counts->stale);
    }
    for (size_t i = 0; i < index->count; i++) {
        const EntryCounts *counts = &index->segments[i]->shape.counts;
        entries += i < visible ? (int64_t)(counts->entries - counts->gone - counts->stale) : 0;
        stats->disk_bytes += index->segments[i]->size;
        stats->memory_bytes += key_segment_memory_bytes(index->segments[i]);
    }
    stats->entries = (uint64_t)MAX(entries, 0);
    stats->table_bytes = key_table_bytes(&index->open) + key_table_bytes(&index->committed);
    stats->memory_bytes +=
        stats->table_bytes + sizeof(*index) + index->last.files.capacity + index->durable.files.capacity;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        stats->memory_bytes += index->jobs[i] != NULL ? key_merge_memory_bytes(index->jobs[i]) : 0;
    }
}
