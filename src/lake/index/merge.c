// SPDX-License-Identifier: Apache-2.0
#include "lake/index/merge.h"

typedef struct Source {
    const KeyTable *table; // or
    uint64_t table_at;
    SegmentCursor cursor;
    IndexEntry head;
    bool some; // head is its next entry
} Source;

struct Merge {
    MergeOptions options;
    SegmentWriter *writer;
    Segment *inputs[MERGE_SOURCES_MAX];
    size_t input_count;
    Source sources[MERGE_SOURCES_MAX]; // newest first
    size_t source_count;
    uint64_t stale;   // of all inputs
    uint64_t matched; // of these: places that were passed over
    uint64_t written;
    uint64_t memory_bytes;
};

static bool source_next(Source *source, Err *err) {
    if (source->table != NULL) {
        source->some = key_table_next(source->table, &source->table_at, &source->head);
        return true;
    }
    return key_segment_next(&source->cursor, &source->head, &source->some, err);
}

typedef struct Bounds {
    uint32_t file_min, file_max, row_max;
    uint64_t gone, entries;
} Bounds;

static void bounds_add(Bounds *bounds, uint32_t file_min, uint32_t file_max, uint32_t row_max) {
    bounds->file_min = MIN(bounds->file_min, file_min);
    bounds->file_max = MAX(bounds->file_max, file_max);
    bounds->row_max = MAX(bounds->row_max, row_max);
}

static void bounds_add_table(Bounds *bounds, const KeyTable *table) {
    IndexEntry entry;
    uint64_t at = 0;
    while (key_table_next(table, &at, &entry)) {
        if (!key_place_none(entry.place)) {
            bounds_add(bounds, entry.place.file, entry.place.file, entry.place.row);
        }
    }
}

// Opens the file that is to be written, and takes each source's first entry.
static bool merge_begin(Merge *merge, const Bounds *bounds, uint64_t live, Err *err) {
    bool bottom = merge->options.bottom;
    SegmentPlan plan = {.exact = merge->options.exact,
                        .entries_max = bounds->entries,
                        .entries_likely = bottom ? live : 0,
                        .file_min = MIN(bounds->file_min, bounds->file_max),
                        .file_max = bounds->file_max,
                        .row_max = bounds->row_max,
                        .gone = bounds->gone > 0 && !bottom,
                        .buffer_bytes = merge->options.buffer_bytes,
                        .small = bottom && !merge->options.exact};
    if (bounds->entries > SEGMENT_ENTRIES_MAX) {
        return FAIL(err, ERR_MEMORY, "a segment of the key index would have %" PRIu64 " entries", bounds->entries);
    }
    merge->memory_bytes = sizeof(*merge) + 2 * plan.buffer_bytes + bounds->entries * 16 / SEGMENT_BLOCK_BYTES * 4;
    TRY(key_segment_create(merge->options.directory, merge->options.number, &plan, &merge->writer, err));
    for (size_t i = 0; i < merge->source_count; i++) {
        TRY(source_next(&merge->sources[i], err));
    }
    return true;
}

static Merge *merge_new(const MergeOptions *options, size_t count) {
    ASSERT(count > 0 && count <= MERGE_SOURCES_MAX);
    Merge *merge = calloc(1, sizeof(Merge));
    if (merge == NULL) {
        panic("no memory for a merge");
    }
    merge->options = *options;
    merge->source_count = count;
    return merge;
}

bool key_merge_segments(const MergeOptions *options, Segment *const *inputs, size_t count, Merge **created, Err *err) {
    Merge *merge = merge_new(options, count);
    Bounds bounds = {.file_min = UINT32_MAX};
    uint64_t live = 0;
    for (size_t i = 0; i < count; i++) {
        const SegmentShape *shape = &inputs[i]->shape;
        merge->inputs[i] = inputs[i];
        merge->sources[i].cursor = key_segment_cursor(inputs[i]);
        merge->stale += shape->counts.stale;
        bounds_add(&bounds, shape->file_base, MAX(shape->file_max, shape->file_base), shape->row_max);
        bounds.gone += shape->counts.gone;
        bounds.entries += shape->counts.entries;
        live += shape->counts.entries - shape->counts.gone - shape->counts.stale;
    }
    merge->input_count = count;
    if (!merge_begin(merge, &bounds, live, err)) {
        key_merge_release(merge);
        return err_frame(err, __FILE__, __LINE__);
    }
    for (size_t i = 0; i < count; i++) {
        inputs[i]->busy = true;
    }
    *created = merge;
    return true;
}

bool key_merge_tables(const MergeOptions *options, const KeyTable *const *tables, size_t count, Merge **created,
                      Err *err) {
    Merge *merge = merge_new(options, count);
    Bounds bounds = {.file_min = UINT32_MAX};
    for (size_t i = 0; i < count; i++) {
        merge->sources[i].table = tables[i];
        merge->stale += tables[i]->counts.stale;
        bounds.gone += tables[i]->counts.gone;
        bounds.entries += tables[i]->counts.entries;
        bounds_add_table(&bounds, tables[i]);
    }
    if (!merge_begin(merge, &bounds, 0, err)) {
        key_merge_release(merge);
        return err_frame(err, __FILE__, __LINE__);
    }
    *created = merge;
    return true;
}

static bool merge_emit(Merge *merge, const IndexEntry *entry, Err *err) {
    // A key that is gone need not be said to be where nothing older has it. (What segments supersede is not known.)
    bool table = merge->sources[0].table != NULL;
    if (key_place_none(entry->place) && (merge->options.bottom || (table && !entry->supersedes))) {
        return true;
    }
    merge->written++;
    return key_segment_put(merge->writer, entry, err);
}

static inline bool head_before(const Source *a, const Source *b) {
    return key_before(a->head.high, a->head.low, b->head.high, b->head.low);
}

// The newest source with the smallest key, and the smallest of all others; NULL where there is none.
static void merge_choose(Merge *merge, Source **first, Source **second) {
    *first = *second = NULL;
    for (size_t i = 0; i < merge->source_count; i++) {
        Source *source = &merge->sources[i];
        if (!source->some) {
            continue;
        }
        if (*first == NULL || head_before(source, *first)) {
            *second = *first;
            *first = source;
        } else if (*second == NULL || head_before(source, *second)) {
            *second = source;
        }
    }
}

// The first source's key, which older sources have too: these are passed over.
static bool merge_equals(Merge *merge, Source *first, uint64_t *taken, Err *err) {
    IndexEntry entry = first->head;
    for (Source *older = first + 1; older < merge->sources + merge->source_count; older++) {
        if (older->some && older->head.high == entry.high && older->head.low == entry.low) {
            merge->matched += !key_place_none(older->head.place);
            entry.supersedes = older->head.supersedes;
            TRY(source_next(older, err));
            ++*taken;
        }
    }
    TRY(merge_emit(merge, &entry, err));
    ++*taken;
    return source_next(first, err);
}

bool key_merge_step(Merge *merge, uint64_t *entries, bool *done, Err *err) {
    uint64_t taken = 0;
    Source *first = NULL, *second = NULL;
    merge_choose(merge, &first, &second);
    while (first != NULL && taken < *entries) {
        // Most often one large source has long runs between the others' entries.
        while (first->some && taken < *entries && (second == NULL || head_before(first, second))) {
            TRY(merge_emit(merge, &first->head, err));
            TRY(source_next(first, err));
            taken++;
        }
        merge_choose(merge, &first, &second);
        if (second != NULL && taken < *entries && !head_before(first, second)) {
            TRY(merge_equals(merge, first, &taken, err));
            merge_choose(merge, &first, &second);
        }
    }
    *entries -= MIN(*entries, taken);
    *done = first == NULL;
    for (size_t i = 0; i < merge->input_count; i++) { // the next step may be long in coming
        key_segment_rest(merge->inputs[i]);
    }
    return true;
}

bool key_merge_finish(Merge *merge, Segment **segment, Err *err) {
    *segment = NULL;
    if (merge->written == 0) {
        return true; // key_merge_release removes the file
    }
    uint64_t stale = merge->options.bottom ? 0 : merge->stale - MIN(merge->stale, merge->matched);
    return key_segment_finish(merge->writer, stale, segment, err);
}

void key_merge_release(Merge *merge) {
    if (merge != NULL) {
        for (size_t i = 0; i < merge->input_count; i++) {
            merge->inputs[i]->busy = false;
        }
        key_segment_writer_release(merge->writer);
        free(merge);
    }
}

Segment *const *key_merge_inputs(const Merge *merge, size_t *count) {
    *count = merge->input_count;
    return merge->inputs;
}

bool key_merge_is_bottom(const Merge *merge) {
    return merge->options.bottom;
}

size_t key_merge_memory_bytes(const Merge *merge) {
    return (size_t)merge->memory_bytes;
}
