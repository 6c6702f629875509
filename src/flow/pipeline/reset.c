// SPDX-License-Identifier: Apache-2.0
// Sink offsets: finds in the journal what was asked for, then has the sink do it.
#include "flow/pipeline/reset.h"

#include "core/base/map.h"
#include "core/config/pattern.h"
#include "core/sys/file.h"

#define READER_BYTES (4 * MIB)

typedef struct Topic {
    SinkReset *reset;
    PipelineReset how;
    SinkResetEpoch *epochs; // its own growing copy
    size_t capacity;
    bool any;            // the journal has records of it
    bool reached;        // RESET_TIME: `to` is found
    uint64_t group_from; // first offset since the last cut; UINT64_MAX = none
} Topic;

typedef struct Scan {
    const SinkResetSpec *spec;
    Arena *arena;
    Topic *topics;
    size_t count, capacity;
    Map by_name;
    Topic **group; // with records since the last cut
    size_t group_count;
    uint64_t last_epoch;
} Scan;

static void topic_visit(void *context, Slice name, uint64_t next_offset) {
    Scan *scan = context;
    PipelineReset how = {.to = RESET_EARLIEST};
    if (!scan->spec->wants(scan->spec->owner, name, &how)) {
        return;
    }
    if (scan->count == scan->capacity) {
        scan->capacity = MAX(scan->capacity * 2, (size_t)64);
        Topic *topics = ARENA_ARRAY(scan->arena, Topic, scan->capacity);
        for (size_t i = 0; i < scan->count; i++) {
            topics[i] = scan->topics[i];
        }
        scan->topics = topics;
    }
    SinkReset *reset = ARENA_NEW(scan->arena, SinkReset);
    *reset = (SinkReset){.topic = arena_slice(scan->arena, name), .oldest = next_offset, .end = next_offset};
    scan->topics[scan->count++] = (Topic){.reset = reset, .how = how, .group_from = UINT64_MAX};
}

static void topic_event(Topic *topic, const JournalEntry *entry) {
    const PipelineReset *how = &topic->how;
    SinkReset *reset = topic->reset;
    if (!topic->any) {
        topic->any = true;
        reset->oldest = entry->offset;
    }
    if (!topic->reached && how->to == RESET_TIME && entry->event->source_us >= how->time_us) {
        topic->reached = true;
        reset->to = entry->offset;
    }
}

static void topic_cut(Topic *topic, Arena *arena, uint64_t epoch) {
    SinkReset *reset = topic->reset;
    uint64_t from = topic->group_from;
    topic->group_from = UINT64_MAX;
    if (reset->epoch_count > 0 && topic->epochs[reset->epoch_count - 1].epoch == epoch) {
        return;
    }
    if (reset->epoch_count == topic->capacity) {
        topic->capacity = MAX(topic->capacity * 2, (size_t)4);
        SinkResetEpoch *epochs = ARENA_ARRAY(arena, SinkResetEpoch, topic->capacity);
        for (size_t i = 0; i < reset->epoch_count; i++) {
            epochs[i] = topic->epochs[i];
        }
        reset->epochs = topic->epochs = epochs;
    }
    topic->epochs[reset->epoch_count++] = (SinkResetEpoch){from, epoch};
}

static bool scan_entries(Scan *scan, JournalReader *reader, Err *err) {
    for (;;) {
        JournalEntry entry;
        TRY(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_END) {
            return true;
        }
        if (entry.kind == JOURNAL_EVENT) {
            Topic *topic = map_find(&scan->by_name, entry.topic->name);
            if (topic != NULL) {
                topic_event(topic, &entry);
                if (topic->group_from == UINT64_MAX) {
                    topic->group_from = entry.offset;
                    scan->group[scan->group_count++] = topic;
                }
            }
        } else if (entry.kind == JOURNAL_CUT) {
            scan->last_epoch = entry.epoch;
            while (scan->group_count > 0) {
                topic_cut(scan->group[--scan->group_count], scan->arena, entry.epoch);
            }
        }
    }
}

// What is asked for, as an offset that the journal has.
static uint64_t wanted(const PipelineReset *how, const SinkReset *reset, bool reached) {
    switch (how->to) {
    case RESET_EARLIEST:
        return reset->oldest;
    case RESET_LATEST:
        return reset->end;
    case RESET_OFFSET:
        return MIN(MAX(how->offset, reset->oldest), reset->end);
    case RESET_TIME:
        return reached ? reset->to : reset->end;
    }
    UNREACHABLE();
}

static bool scan_journal(Scan *scan, Err *err) {
    JournalLook look;
    const char *journal = scan->spec->journal;
    TRY(journal_look(journal, &look, NULL, topic_visit, scan, err));
    for (size_t i = 0; i < scan->count; i++) {
        map_put(&scan->by_name, scan->topics[i].reset->topic, &scan->topics[i]);
    }
    scan->group = ARENA_ARRAY(scan->arena, Topic *, scan->count);
    scan->last_epoch = look.info.epoch;
    JournalReader *reader = NULL;
    TRY(journal_reader_open(journal, 0, READER_BYTES, &reader, err));
    bool ok = scan_entries(scan, reader, err);
    journal_reader_close(reader);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool reset_scanned(Scan *scan, SinkReset **topics, size_t *count, Err *err) {
    const SinkResetSpec *spec = scan->spec;
    TRY(scan_journal(scan, err));
    TRY(spec->checked == NULL || spec->checked(spec->owner, err));
    *count = scan->count;
    *topics = ARENA_ARRAY(scan->arena, SinkReset, scan->count);
    for (size_t i = 0; i < scan->count; i++) {
        SinkReset *reset = scan->topics[i].reset;
        reset->to = wanted(&scan->topics[i].how, reset, scan->topics[i].reached);
        reset->last_epoch = scan->last_epoch;
        (*topics)[i] = *reset;
    }
    TRY(file_make_directories(spec->context->state_directory, err));
    // From here on nothing that may be read again is trimmed.
    TRY(spec->dry_run || journal_pin(spec->journal, spec->pin, 0, err));
    return spec->sink->reset(spec->context, *topics, *count, spec->dry_run, err);
}

bool sink_reset(const SinkResetSpec *spec, Arena *arena, SinkReset **topics, size_t *count, Err *err) {
    Scan scan = {.spec = spec, .arena = arena};
    bool ok = reset_scanned(&scan, topics, count, err);
    map_release(&scan.by_name);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- of a pipeline ---------------------------------------------------------------------------------------------

typedef struct Wanted {
    const PipelineReset *how;
    const PipelineConfig *config;
    Patterns patterns;
} Wanted;

static Slice until_dot(Slice name) {
    const uint8_t *dot = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
    return (Slice){name.data, dot != NULL ? (size_t)(dot - name.data) : 0};
}

static bool table_wanted(void *owner, Slice topic, PipelineReset *how) {
    Wanted *wants = owner;
    Slice space = until_dot(topic), table = slice_from(topic, space.size > 0 ? space.size + 1 : 0);
    *how = *wants->how;
    return how->tables == NULL || patterns_match(&wants->patterns, space, table, false);
}

static bool patterns_used(void *owner, Err *err) {
    const Wanted *wants = owner;
    for (size_t i = 0; wants->how->tables != NULL && i < wants->patterns.count; i++) {
        if (!wants->patterns.at[i].used) {
            FAIL(err, ERR_NOT_FOUND, "the journal has no topic that matches %.*s",
                 SLICE_ARG(wants->patterns.at[i].text));
            return err_hint(err, "leat topic list %s shows them", wants->config->name);
        }
    }
    return true;
}

static bool reset_locked(const PipelineConfig *config, const PipelineReset *how, Arena *arena, SinkReset **topics,
                         size_t *count, Err *err) {
    char path[PATH_MAX];
    SinkContext context;
    Wanted wants = {.how = how, .config = config};
    if (how->tables != NULL) {
        TRY(patterns_parse(arena, how->tables, "tables", &wants.patterns, err));
    }
    pipeline_sink_context(config, path, &context);
    SinkResetSpec spec = {.sink = config->sink,
                          .context = &context,
                          .journal = arena_printf(arena, "%s/journal", config->directory),
                          .pin = "main",
                          .dry_run = how->dry_run,
                          .wants = table_wanted,
                          .checked = patterns_used,
                          .owner = &wants};
    return sink_reset(&spec, arena, topics, count, err);
}

bool pipeline_reset(const PipelineConfig *config, const PipelineReset *how, Arena *arena, SinkReset **topics,
                    size_t *count, Err *err) {
    char path[PATH_MAX];
    int lock = -1;
    snprintf(path, sizeof(path), "%s/lock", config->directory);
    if (!file_lock(path, &lock, err)) {
        return err_prefix(err, "pipeline %s is running", config->name);
    }
    bool ok = reset_locked(config, how, arena, topics, count, err);
    file_close(&lock);
    return ok || err_frame(err, __FILE__, __LINE__);
}
