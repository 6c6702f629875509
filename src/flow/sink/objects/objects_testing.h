// SPDX-License-Identifier: Apache-2.0
// What the tests of the whole objects sink share: one sink with a target and a state of its own, fed with a made-up
// journal, and what is in the target then.
#ifndef LEAT_FLOW_SINK_OBJECTS_TESTING_H
#define LEAT_FLOW_SINK_OBJECTS_TESTING_H

#include "core/base/log.h"
#include "core/base/test.h"
#include "core/sys/file.h"
#include "flow/sink/objects/objects.h"
#include "storage/store/local/local.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct Road {
    char directory[64], target[96], state[96];
    ObjectsOptions options;
    const SinkRecords *records; // NULL = the sink's own envelope
    Arena arena;
    Sink *sink;
    LogPosition at;
    uint64_t offset, sequence;
} Road;

static inline void road_set(Road *road, const char *name, const char *value) {
    Err err[1] = {{0}};
    CHECK_OK(option_set(&OBJECTS_OPTIONS, &road->options, name, value, &road->arena, err));
}

// Options as "name=value;name=value". The sink is not started.
static inline void road_open(Road *road, const char *options) {
    *road = (Road){0};
    log_level_set(LOG_SILENT);
    arena_init(&road->arena, "run", 0);
    test_folder(road->directory, sizeof(road->directory), "objects");
    snprintf(road->target, sizeof(road->target), "%s/lake", road->directory);
    snprintf(road->state, sizeof(road->state), "%s/state", road->directory);
    ASSERT(mkdir(road->state, 0700) == 0);
    option_defaults(&OBJECTS_OPTIONS, &road->options);
    char *copy = arena_printf(&road->arena, "%s", options), *rest = NULL;
    for (char *item = strtok_r(copy, ";", &rest); item != NULL; item = strtok_r(NULL, ";", &rest)) {
        char *equals = strchr(item, '=');
        *equals = '\0';
        road_set(road, item, equals + 1);
    }
}

static inline SinkContext road_context(const Road *road) {
    return (SinkContext){.name = "main",
                         .pipeline = "shop",
                         .url = road->target,
                         .state_directory = road->state,
                         .options = &road->options,
                         .records = road->records,
                         .memory_bytes_max = 1 * MIB};
}

static inline bool road_start(Road *road, Err *err) {
    SinkContext context = road_context(road);
    return sink_open(&OBJECTS_SINK, &context, &road->sink, err);
}

// An event of so many records.
static inline bool road_take(Road *road, const JournalTopic *topic, const Schema *schema, const Event *event,
                             Err *err) {
    JournalEntry entry = {.kind = JOURNAL_EVENT,
                          .at = road->at,
                          .next = road->at + 1,
                          .topic = topic,
                          .schema = schema,
                          .offset = road->offset,
                          .event = event};
    road->at++;
    road->offset += event->offset_span;
    return sink_take(road->sink, &entry, err);
}

static inline void cut(Road *road) {
    Err err[1] = {{0}};
    Position position = {0};
    JournalEntry entry = {.kind = JOURNAL_CUT,
                          .at = road->at,
                          .next = road->at + 1,
                          .epoch = 1,
                          .cut_sequence = ++road->sequence,
                          .position = &position};
    road->at++;
    CHECK_OK(sink_take(road->sink, &entry, err));
}

typedef struct Listing {
    Store *store;
    Arena *arena;
    void (*show)(Buf *out, const char *name, Slice bytes);
    Buf text;
} Listing;

static inline bool listing_visit(void *context, const char *name, uint64_t size) {
    Listing *listing = context;
    Err err[1] = {{0}};
    Slice bytes = {0};
    if (strncmp(name, "_leat/", 6) != 0) {
        CHECK_OK(store_get(listing->store, name, listing->arena, &bytes, NULL, err));
        listing->show(&listing->text, name, bytes);
    }
    return true;
}

// All that is published, as `show` writes it.
static inline void road_files(Road *road, void (*show)(Buf *out, const char *name, Slice bytes), const char *want) {
    Err err[1] = {{0}};
    Listing listing = {.arena = &road->arena, .show = show};
    StoreContext context = {.url = road->target, .owner = "reader"};
    CHECK_OK(store_open(&LOCAL_STORE, &context, &listing.store, err));
    CHECK_OK(store_list(listing.store, "", listing_visit, &listing, err));
    CHECK_TEXT(buf_slice(&listing.text), want);
    buf_release(&listing.text);
    store_close(listing.store);
}

static inline void road_remove(Road *road) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(road->directory, err));
    arena_release(&road->arena);
}

#endif
