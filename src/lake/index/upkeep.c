// SPDX-License-Identifier: Apache-2.0
// Merges: which, and a slice of each at a time.
//
// Two rules, for open and for durable segments apart. All of the latter are merged when what they hold beside one place
// of each key exceeds a share of it: that bounds the disk. Neighbours of about one size are merged when there are a
// few: that bounds how many places are asked. Keys that are new make no waste, so a first load only merges by size, and
// seldom, as nobody asks: what is left is for the first that does.
#include "core/base/log.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "lake/index/state.h"

enum {
    TIER_SEGMENTS = 4,     // of about one size are merged
    TIER_LOADING = 24,     // the same, in a load
    WASTE_SHARE_EXACT = 5, // of the keys, a fifth
    WASTE_SHARE_WIDE = 12, // these take more bytes: within 16 a key all the same
    WASTE_MIN = 4096,
    REST_SEGMENTS = 4, // after a merge failed for lack of room
};

// --- what ------------------------------------------------------------------------------------------------------

static Merge **job_slot(KeyIndex *index) {
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (index->jobs[i] == NULL) {
            return &index->jobs[i];
        }
    }
    return NULL;
}

static bool job_start(KeyIndex *index, size_t from, size_t until, bool bottom, Err *err) {
    MergeOptions options = {.directory = index->directory,
                            .number = index->next_number++,
                            .buffer_bytes = index->buffer_bytes,
                            .exact = index->exact,
                            .bottom = bottom};
    Merge **slot = job_slot(index);
    return key_merge_segments(&options, &index->segments[from], until - from, slot, err) ||
           err_frame(err, __FILE__, __LINE__);
}

// Whether segments [from, until) hold too much that is superseded.
static bool wasteful(const KeyIndex *index, size_t from, size_t until) {
    int64_t entries = 0, live = 0;
    for (size_t i = from; i < until; i++) {
        const EntryCounts *counts = &index->segments[i]->shape.counts;
        entries += (int64_t)counts->entries;
        live += (int64_t)counts->entries - (int64_t)counts->gone - (int64_t)counts->stale;
    }
    live = MAX(live, 0);
    return entries - live > live / (index->exact ? WASTE_SHARE_EXACT : WASTE_SHARE_WIDE) + WASTE_MIN;
}

// The end of the run of neighbours, from `from` on, that are no larger than twice what is before them.
static size_t tier_end(const KeyIndex *index, size_t from, size_t until) {
    uint64_t sum = 0;
    size_t i = from;
    while (i < until && !index->segments[i]->busy) {
        uint64_t entries = index->segments[i]->shape.counts.entries;
        if ((i > from && entries > 2 * sum) || sum + entries > SEGMENT_ENTRIES_MAX) {
            break;
        }
        sum += entries;
        i++;
    }
    return i;
}

// Segments [from, until) are of one kind; `bottom`: nothing is older.
static bool plan(KeyIndex *index, size_t from, size_t until, bool bottom, Err *err) {
    if (job_slot(index) == NULL || index->upkeep_rest > 0) {
        return true;
    }
    size_t busy = 0;
    for (size_t i = from; i < until; i++) {
        busy += index->segments[i]->busy;
    }
    bool bottom_runs = until > from && index->segments[until - 1]->busy;
    if (bottom && !bottom_runs && until > from && wasteful(index, from, until)) {
        return busy > 0 || job_start(index, from, until, true, err);
    }
    size_t tier = index->loading ? TIER_LOADING : TIER_SEGMENTS;
    for (size_t i = from; i < until && job_slot(index) != NULL; i++) {
        size_t end = tier_end(index, i, until);
        if (end >= i + tier) {
            TRY(job_start(index, i, end, bottom && end == until, err));
            i = end - 1;
        }
    }
    return true;
}

static bool plan_all(KeyIndex *index, Err *err) {
    TRY(plan(index, 0, index->open_count, index->cleared || index->count == index->open_count, err));
    return index->cleared || plan(index, index->open_count, index->count, true, err);
}

// --- doing it --------------------------------------------------------------------------------------------------

static size_t position(const KeyIndex *index, const Segment *segment) {
    for (size_t i = 0; i < index->count; i++) {
        if (index->segments[i] == segment) {
            return i;
        }
    }
    UNREACHABLE();
}

static void job_release(KeyIndex *index, Merge *merge) {
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (index->jobs[i] == merge) {
            index->jobs[i] = NULL;
        }
    }
    key_merge_release(merge);
}

// The merge's segment takes the place of those that it was made of.
static bool job_finish(KeyIndex *index, Merge *merge, Err *err) {
    Segment *segment = NULL, *list[SEGMENTS_MAX + 2], *old[MERGE_SOURCES_MAX];
    TRY(key_merge_finish(merge, &segment, err));
    CRASH_POINT("index.merge_written");
    size_t old_count = 0, count = 0;
    Segment *const *inputs = key_merge_inputs(merge, &old_count);
    memcpy(old, inputs, old_count * sizeof(Segment *));
    size_t at = position(index, old[0]);
    bool durable = old[0]->durable;
    memcpy(list, index->segments, at * sizeof(Segment *));
    count = at;
    if (segment != NULL) {
        segment->durable = durable;
        list[count++] = segment;
    }
    size_t behind = index->count - at - old_count;
    memcpy(list + count, &index->segments[at + old_count], behind * sizeof(Segment *));
    count += behind;
    size_t open_count = index->open_count - (durable ? 0 : old_count - (segment != NULL));
    if (durable && !index_persist_current(index, list + open_count, count - open_count, &index->durable, err)) {
        if (segment != NULL && index->broken == ERR_NONE) {
            index_persist_remove(index, segment);
        } else {
            key_segment_close(segment);
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    memcpy(index->segments, list, count * sizeof(Segment *));
    index->count = count;
    index->open_count = open_count;
    job_release(index, merge);
    for (size_t i = 0; i < old_count; i++) {
        index_persist_remove(index, old[i]);
    }
    CRASH_POINT("index.merge_removed");
    index->merges++;
    return true;
}

// The merge of the newest segments: it is the smallest, and others wait for it.
static Merge *newest_job(const KeyIndex *index) {
    Merge *newest = NULL;
    size_t newest_at = SIZE_MAX;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        size_t count = 0;
        if (index->jobs[i] != NULL) {
            size_t at = position(index, key_merge_inputs(index->jobs[i], &count)[0]);
            if (at < newest_at) {
                newest = index->jobs[i];
                newest_at = at;
            }
        }
    }
    return newest;
}

static bool step(KeyIndex *index, uint64_t entries, Err *err) {
    TRY(plan_all(index, err));
    Merge *merge = newest_job(index);
    while (merge != NULL && entries > 0) {
        bool done = false;
        TRY(key_merge_step(merge, &entries, &done, err));
        CRASH_POINT("index.merge_step");
        if (done) {
            TRY(job_finish(index, merge, err));
            TRY(plan_all(index, err));
        }
        merge = newest_job(index);
    }
    return true;
}

bool index_upkeep_step(KeyIndex *index, uint64_t entries, Err *err) {
    Err failure[1] = {{0}};
    if (step(index, entries, failure)) {
        return true;
    }
    index_upkeep_stop(index, UPKEEP_STOP_ALL);
    if (failure->code == ERR_IO_FULL && index->count < SEGMENTS_MAX) {
        // More segments are slower, not wrong. Merges need room for what they make before they give any back.
        log_warn(LOG_SINK, "no room to merge segments of the key index, it is tried again later",
                 LOG_TEXT("directory", index->directory), LOG_UINT("segments", index->count));
        index->upkeep_rest = REST_SEGMENTS;
        return true;
    }
    *err = *failure;
    return err_frame(err, __FILE__, __LINE__);
}

bool index_upkeep_room(KeyIndex *index, Err *err) {
    while (index->count >= SEGMENTS_MAX) {
        size_t before = index->count;
        index->upkeep_rest = 0;
        TRY(plan_all(index, err));
        if (newest_job(index) == NULL) { // no rule wants it: the newest half of the kind that there is more of
            bool open = index->open_count > index->count / 2;
            size_t from = open ? 0 : index->open_count, until = open ? index->open_count : index->count;
            TRY(job_start(index, from, from + (until - from) / 2, false, err));
        }
        while (newest_job(index) != NULL && index->count == before) {
            TRY(index_upkeep_step(index, (uint64_t)1 << 20, err));
        }
    }
    return true;
}

void index_upkeep_stop(KeyIndex *index, UpkeepStop what) {
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Merge *merge = index->jobs[i];
        size_t count = 0;
        if (merge != NULL &&
            (what == UPKEEP_STOP_ALL || key_merge_inputs(merge, &count)[0]->durable == (what == UPKEEP_STOP_DURABLE))) {
            job_release(index, merge);
        }
    }
}
