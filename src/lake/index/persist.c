// SPDX-License-Identifier: Apache-2.0
// What is in memory becomes durable: a segment first, then CURRENT, which names it; then what CURRENT no longer names
// is removed. A file that it does not name is removed when the index is opened.
#include "core/base/log.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "lake/index/state.h"

#include <unistd.h>

bool index_persist_failed(KeyIndex *index, Err *err) {
    if (err->code == ERR_STATE_CORRUPT && index->broken == ERR_NONE) {
        // The next one that opens the index finds none, and makes it again.
        char path[PATH_MAX + 16];
        snprintf(path, sizeof(path), "%s/CURRENT", index->directory);
        Err ignored[1] = {{0}};
        (void)(file_remove(path, ignored) && file_sync_directory(index->directory, ignored));
        index->broken = ERR_STATE_CORRUPT;
    }
    return err_frame(err, __FILE__, __LINE__);
}

void index_persist_remove(KeyIndex *index, Segment *segment) {
    char path[PATH_MAX];
    key_segment_path(path, index->directory, segment->number);
    key_segment_close(segment);
    unlink(path); // or when the index is opened next
}

bool index_persist_current(KeyIndex *index, Segment *const *segments, size_t count, const IndexState *state, Err *err) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/CURRENT", index->directory);
    DEFER(buf_release) Buf buf;
    buf_init(&buf, 0);
    index_current_encode(&buf, index->exact, state, segments, count, index->next_number);
    CRASH_POINT("index.before_current");
    if (!file_replace(path, buf_slice(&buf), err)) {
        if (err->code != ERR_IO_FULL) {
            index->broken = err->code; // which of the two stands is not known
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    CRASH_POINT("index.after_current");
    return true;
}

// The tables, newest first, as one segment; NULL when nothing is left of them.
static bool write_tables(KeyIndex *index, const KeyTable *const *tables, size_t count, Segment **segment, Err *err) {
    *segment = NULL;
    uint64_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        entries += tables[i]->counts.entries;
    }
    if (entries == 0) {
        return true;
    }
    MergeOptions options = {.directory = index->directory,
                            .number = index->next_number++,
                            .buffer_bytes = index->buffer_bytes,
                            .exact = index->exact};
    Merge *merge = NULL;
    TRY(key_merge_tables(&options, tables, count, &merge, err));
    uint64_t budget = UINT64_MAX;
    bool done = false;
    bool ok = key_merge_step(merge, &budget, &done, err);
    CRASH_POINT("index.segment_unfinished");
    ok = ok && key_merge_finish(merge, segment, err);
    CRASH_POINT("index.segment_written");
    key_merge_release(merge);
    index->upkeep_rest -= index->upkeep_rest > 0;
    return ok || err_frame(err, __FILE__, __LINE__);
}

static void insert(KeyIndex *index, size_t at, Segment *segment) {
    memmove(&index->segments[at + 1], &index->segments[at], (index->count - at) * sizeof(Segment *));
    index->segments[at] = segment;
    index->count++;
}

// What lazy commits left in memory, at the place where the last of them stood.
static bool index_persist_committed(KeyIndex *index, Err *err) {
    ASSERT(index->open_count == 0 && !index->cleared);
    if (index->committed.counts.entries == 0) {
        return true;
    }
    TRY(index_upkeep_room(index, err));
    Segment *list[SEGMENTS_MAX + 2], *segment = NULL;
    const KeyTable *tables[] = {&index->committed};
    TRY(write_tables(index, tables, 1, &segment, err));
    size_t count = 0;
    if (segment != NULL) {
        list[count++] = segment;
    }
    memcpy(list + count, index->segments, index->count * sizeof(Segment *));
    if (!index_persist_current(index, list, count + index->count, &index->last, err)) {
        if (segment != NULL && index->broken == ERR_NONE) {
            index_persist_remove(index, segment);
        } else {
            key_segment_close(segment);
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    if (segment != NULL) {
        segment->durable = true;
        insert(index, 0, segment);
    }
    key_table_reset(&index->committed);
    index_state_set(&index->durable, &index->last.mark, buf_slice(&index->last.files));
    return true;
}

bool index_persist_spill(KeyIndex *index, Err *err) {
    if (!index->cleared && index->open_count == 0) {
        TRY(index_persist_committed(index, err)); // which is older
    }
    TRY(index_upkeep_room(index, err));
    Segment *segment = NULL;
    const KeyTable *tables[] = {&index->open};
    TRY(write_tables(index, tables, 1, &segment, err));
    if (segment != NULL) {
        insert(index, 0, segment);
        index->open_count++;
    }
    key_table_clear(&index->open); // it fills again
    return true;
}

bool index_persist_room(KeyIndex *index, size_t entries, Err *err) {
    uint64_t there = index->open.counts.entries + index->committed.counts.entries;
    if (there + entries > index->entries_max && index->open_count == 0 && !index->cleared) {
        TRY(index_persist_committed(index, err));
        there = index->open.counts.entries;
    }
    if (there + entries > index->entries_max && index->open.counts.entries > 0) {
        TRY(index_persist_spill(index, err));
    }
    key_table_reserve(&index->open, index->open.counts.entries + entries, index->entries_max);
    return true;
}

// The list as it is after the commit: without what was cleared.
static size_t committed_list(const KeyIndex *index, Segment *segment, Segment **list) {
    size_t count = 0, kept = index->cleared ? index->open_count : index->count;
    if (segment != NULL) {
        list[count++] = segment;
    }
    memcpy(list + count, index->segments, kept * sizeof(Segment *));
    return count + kept;
}

bool index_persist_commit(KeyIndex *index, const IndexMark *mark, Slice files, Err *err) {
    TRY(index_upkeep_room(index, err));
    const KeyTable *tables[] = {&index->open, &index->committed};
    Segment *list[SEGMENTS_MAX + 2], *segment = NULL;
    TRY(write_tables(index, tables, index->cleared ? 1 : 2, &segment, err));
    size_t count = committed_list(index, segment, list);
    DEFER(buf_release) Buf own;
    buf_init(&own, 0);
    buf_put(&own, files);
    IndexState state = {*mark, own};
    if (!index_persist_current(index, list, count, &state, err)) {
        if (segment != NULL && index->broken == ERR_NONE) {
            index_persist_remove(index, segment);
        } else {
            key_segment_close(segment);
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    for (size_t i = index->cleared ? index->open_count : index->count; i < index->count; i++) {
        index_persist_remove(index, index->segments[i]);
    }
    CRASH_POINT("index.after_remove");
    memcpy(index->segments, list, count * sizeof(Segment *));
    index->count = count;
    index->open_count = 0;
    index->cleared = false;
    for (size_t i = 0; i < count; i++) {
        index->segments[i]->durable = true;
    }
    key_table_reset(&index->open);
    key_table_reset(&index->committed);
    index_state_set(&index->durable, mark, buf_slice(&own));
    index_state_set(&index->last, mark, buf_slice(&own));
    return true;
}
