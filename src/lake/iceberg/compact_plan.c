// SPDX-License-Identifier: Apache-2.0
// Which files become one.
#include "core/base/map.h"
#include "data/event/event_codec.h"
#include "lake/iceberg/compact.h"

#include <stdlib.h>

enum { TIERS = 32, FILES_MAX = 1000 };
#define FIRST_TIER_BYTES (INT64_C(64) * 1024)
#define FIRST_TIER_ROWS  INT64_C(256)

// Files of one partition (and, of deletes, for one data file).
typedef struct Place {
    const CompactFile **files;
    int64_t *bytes; // that live
    size_t count, capacity;
} Place;

typedef struct Planning {
    CompactRules rules;
    Arena *arena;
    Arena scratch;
    Map places;
    CompactGroup *groups;
    size_t count, capacity;
    int64_t first_tier;
} Planning;

static int64_t live_rows(const CompactFile *file) {
    return MAX(file->file->record_count - file->deleted, 0);
}

static int64_t live_bytes(const CompactFile *file) {
    double part = file->file->record_count > 0 ? (double)live_rows(file) / (double)file->file->record_count : 1.0;
    return (int64_t)((double)file->file->size * part);
}

static Slice place_key(Planning *planning, const DataFile *file) {
    DEFER(buf_release) Buf key = {0};
    buf_zigzag(&key, file->spec_id);
    for (size_t i = 0; file->partition != NULL && i < file->partition_count; i++) {
        value_encode(&key, &file->partition[i]);
    }
    if (file->content != CONTENT_DATA) {
        buf_put(&key, file->referenced_file);
    }
    return arena_slice(&planning->scratch, buf_slice(&key));
}

static void place_add(Planning *planning, const CompactFile *file, int64_t bytes) {
    Slice key = place_key(planning, file->file);
    Place *place = map_find(&planning->places, key);
    if (place == NULL) {
        place = ARENA_NEW(&planning->scratch, Place);
        map_put(&planning->places, key, place);
    }
    if (place->count == place->capacity) {
        size_t capacity = MAX(place->capacity * 2, (size_t)16);
        const CompactFile **files = ARENA_ARRAY(&planning->scratch, const CompactFile *, capacity);
        int64_t *sizes = ARENA_ARRAY(&planning->scratch, int64_t, capacity);
        for (size_t i = 0; i < place->count; i++) {
            files[i] = place->files[i];
            sizes[i] = place->bytes[i];
        }
        place->files = files;
        place->bytes = sizes;
        place->capacity = capacity;
    }
    place->files[place->count] = file;
    place->bytes[place->count++] = bytes;
}

static void group_add(Planning *planning, const Place *place, const size_t *chosen, size_t count) {
    if (planning->count == planning->capacity) {
        planning->capacity = MAX(planning->capacity * 2, (size_t)8);
        CompactGroup *grown = ARENA_ARRAY(planning->arena, CompactGroup, planning->capacity);
        for (size_t i = 0; i < planning->count; i++) {
            grown[i] = planning->groups[i];
        }
        planning->groups = grown;
    }
    CompactGroup *group = &planning->groups[planning->count++];
    *group = (CompactGroup){.files = ARENA_ARRAY(planning->arena, const CompactFile *, count), .count = count};
    for (size_t i = 0; i < count; i++) {
        group->files[i] = place->files[chosen[i]];
        group->bytes += place->bytes[chosen[i]];
        group->rows += live_rows(group->files[i]);
    }
}

static unsigned tier_of(int64_t bytes, int64_t first) {
    unsigned tier = 0;
    for (int64_t limit = first; bytes >= limit && tier < TIERS - 1; limit *= 4) {
        tier++;
    }
    return tier;
}

// Files of one class, as many at a time as one takes: enough of them, or full.
static void plan_tier(Planning *planning, const Place *place, unsigned tier, bool *taken) {
    size_t *chosen = ARENA_ARRAY(&planning->scratch, size_t, place->count), count = 0;
    int64_t bytes = 0, rows = 0;
    for (size_t i = 0; i < place->count; i++) {
        if (taken[i] || tier_of(place->bytes[i], planning->first_tier) != tier) {
            continue;
        }
        int64_t more = live_rows(place->files[i]);
        bool full = count == FILES_MAX || bytes + place->bytes[i] > planning->rules.target_bytes ||
                    rows + more > planning->rules.rows_max;
        if (full && count > 1) {
            group_add(planning, place, chosen, count);
        }
        if (full) {
            count = 0;
            bytes = rows = 0;
        }
        chosen[count++] = i;
        bytes += place->bytes[i];
        rows += more;
    }
    if (count >= planning->rules.files_min) {
        group_add(planning, place, chosen, count);
    }
}

// A file of its full size is done; so is one that holds as many rows as a file may.
static bool is_small(const Planning *planning, const Place *place, size_t i) {
    return place->bytes[i] < planning->rules.target_bytes / 4 * 3 &&
           live_rows(place->files[i]) < planning->rules.rows_max / 4 * 3;
}

static void plan_place(Planning *planning, const Place *place) {
    bool *taken = ARENA_ARRAY(&planning->scratch, bool, place->count);
    for (size_t i = 0; i < place->count; i++) {
        const CompactFile *file = place->files[i];
        bool many = file->deleted >= planning->rules.deleted_min &&
                    file->deleted * 100 > file->file->record_count * planning->rules.deleted_percent;
        taken[i] = many || !is_small(planning, place, i);
        if (many) {
            group_add(planning, place, &i, 1);
        }
    }
    for (unsigned tier = 0; tier < TIERS; tier++) {
        plan_tier(planning, place, tier, taken);
    }
}

static int cheaper(const void *a, const void *b) {
    const CompactGroup *x = a, *y = b;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

// All that is small or has deleted rows, in its order, as many files at a time as one takes.
static void plan_place_whole(Planning *planning, const Place *place) {
    size_t *chosen = ARENA_ARRAY(&planning->scratch, size_t, place->count), count = 0;
    int64_t bytes = 0, rows = 0;
    bool dirty = false;
    for (size_t i = 0; i <= place->count; i++) {
        bool end = i == place->count;
        if (!end && place->files[i]->deleted == 0 && !is_small(planning, place, i)) {
            continue;
        }
        bool full = !end && (count == FILES_MAX || bytes + place->bytes[i] > planning->rules.target_bytes ||
                             rows + live_rows(place->files[i]) > planning->rules.rows_max);
        if (end || full) {
            if (count > 0 && (dirty || count >= planning->rules.files_min)) {
                group_add(planning, place, chosen, count);
            }
            count = 0;
            bytes = rows = 0;
            dirty = false;
        }
        if (!end) {
            chosen[count++] = i;
            bytes += place->bytes[i];
            rows += live_rows(place->files[i]);
            dirty = dirty || place->files[i]->deleted > 0;
        }
    }
}

static void plan(Planning *planning, bool whole, CompactGroup **groups, size_t *group_count) {
    for (MapEntry *e = NULL; (e = map_next(&planning->places, e)) != NULL;) {
        if (whole) {
            plan_place_whole(planning, e->value);
        } else {
            plan_place(planning, e->value);
        }
    }
    if (planning->count > 0) {
        qsort(planning->groups, planning->count, sizeof(*planning->groups), cheaper);
    }
    *groups = planning->groups;
    *group_count = planning->count;
    map_release(&planning->places);
    arena_release(&planning->scratch);
}

static void plan_data(const CompactFile *files, size_t count, const CompactRules *rules, bool whole, Arena *arena,
                      CompactGroup **groups, size_t *group_count) {
    Planning planning = {.rules = *rules, .arena = arena, .first_tier = FIRST_TIER_BYTES};
    CompactRules *used = &planning.rules;
    used->target_bytes = used->target_bytes > 0 ? used->target_bytes : INT64_C(128) << 20;
    used->rows_max = used->rows_max > 0 ? used->rows_max : INT64_C(50000000);
    used->files_min = MAX(used->files_min > 0 ? used->files_min : 8, whole ? (size_t)1 : (size_t)2);
    used->deleted_percent = used->deleted_percent > 0 ? used->deleted_percent : 30;
    used->deleted_min = used->deleted_min > 0 ? used->deleted_min : 10000;
    arena_init(&planning.scratch, "scratch", 0);
    for (size_t i = 0; i < count; i++) {
        if (files[i].file->content == CONTENT_DATA) {
            place_add(&planning, &files[i], live_bytes(&files[i]));
        }
    }
    plan(&planning, whole, groups, group_count);
}

void compact_plan(const CompactFile *files, size_t count, const CompactRules *rules, Arena *arena,
                  CompactGroup **groups, size_t *group_count) {
    plan_data(files, count, rules, false, arena, groups, group_count);
}

void compact_plan_whole(const CompactFile *files, size_t count, const CompactRules *rules, Arena *arena,
                        CompactGroup **groups, size_t *group_count) {
    plan_data(files, count, rules, true, arena, groups, group_count);
}

void deletes_plan(const CompactFile *files, size_t count, size_t files_min, Arena *arena, CompactGroup **groups,
                  size_t *group_count) {
    Planning planning = {.arena = arena, .first_tier = FIRST_TIER_ROWS};
    planning.rules = (CompactRules){.target_bytes = INT64_MAX / 2,
                                    .rows_max = INT64_MAX / 2,
                                    .files_min = MAX(files_min > 0 ? files_min : 8, (size_t)2),
                                    .deleted_percent = 49,
                                    .deleted_min = 1};
    arena_init(&planning.scratch, "scratch", 0);
    for (size_t i = 0; i < count; i++) {
        const DataFile *file = files[i].file;
        if (file->content == CONTENT_POSITION_DELETES && file->content_offset < 0) {
            place_add(&planning, &files[i], live_rows(&files[i]));
        }
    }
    plan(&planning, false, groups, group_count);
}

DataFile compact_file_copy(Arena *arena, const DataFile *file) {
    DataFile copy = *file;
    Value *partition = ARENA_ARRAY(arena, Value, file->partition_count);
    for (size_t i = 0; file->partition != NULL && i < file->partition_count; i++) {
        partition[i] = value_copy(arena, &file->partition[i]);
    }
    copy.partition = file->partition_count > 0 ? partition : NULL;
    copy.path = arena_slice(arena, file->path);
    copy.format = arena_slice(arena, file->format);
    copy.referenced_file = file->referenced_file.data != NULL ? arena_slice(arena, file->referenced_file) : (Slice){0};
    copy.metrics = NULL;
    copy.split_offsets = NULL;
    copy.metric_count = copy.split_count = copy.equality_count = 0;
    return copy;
}
