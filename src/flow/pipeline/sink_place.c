// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"
#include "core/base/map.h"
#include "core/config/folder.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_journal.h"
#include "flow/pipeline/connector_sink.h"
#include "flow/pipeline/iceberg_sink.h"
#include "flow/pipeline/s3_sink.h"
#include "flow/pipeline/topic_feed.h"

#define TOPICS "@topics."

// --- topics ----------------------------------------------------------------------------------------------------

bool topic_choice_make(Arena *arena, const Properties *config, TopicChoice *choice, Err *err) {
    const char *names = properties_text(arena, config, "topics", "");
    const char *regex = properties_text(arena, config, "topics.regex", "");
    *choice = (TopicChoice){0};
    if ((names[0] != '\0') == (regex[0] != '\0')) {
        return FAIL(err, ERR_OPTION, "exactly one of topics and topics.regex must be given");
    }
    if (regex[0] != '\0') {
        return regex_new(slice_of(regex), 0, "topics.regex", &choice->regex, err);
    }
    choice->names = properties_list(arena, slice_of(names), &choice->count);
    return true;
}

void topic_choice_release(TopicChoice *choice) {
    regex_release(choice->regex);
    choice->regex = NULL;
}

bool topic_choice_has(const TopicChoice *choice, Slice topic) {
    if (choice->regex != NULL) {
        return regex_matches(choice->regex, topic);
    }
    for (size_t i = 0; i < choice->count; i++) {
        if (slice_equal(choice->names[i], topic)) {
            return true;
        }
    }
    return false;
}

// --- places ----------------------------------------------------------------------------------------------------

static const char *pin_name(Arena *arena, const ConnectorRun *run) {
    return arena_printf(arena, "%s@sink", connector_folder(arena, run->name));
}

void sink_place_make(Arena *arena, const ConnectorRun *run, const SinkPlace *of, SinkPlace *place) {
    const char *folder = connector_folder(arena, run->name), *source = arena_printf(arena, "%s", of->source);
    *place = (SinkPlace){.source = source, .remote = of->remote};
    place->directory = arena_printf(arena, "%s/pipelines/%s", run->data_directory, source);
    place->state_directory = arena_printf(arena, "%s/sinks/%s", place->directory, folder);
    place->journal = of->remote ? arena_printf(arena, "%s@journal", place->state_directory)
                                : arena_printf(arena, "%s/journal", place->directory);
    place->pin = pin_name(arena, run);
    place->pipeline = arena_printf(arena, "%s@%s", folder, source);
}

void sink_topics_place(Arena *arena, const ConnectorRun *run, SinkPlace *place) {
    const SinkShare share = {connector_folder(arena, run->name), run->task, MAX(run->tasks, 1u)};
    const char *pipeline = share_pipeline(arena, &share);
    sink_place_make(arena, run, &(SinkPlace){.source = arena_printf(arena, TOPICS "%s", pipeline)}, place);
    place->pipeline = pipeline;
    place->share = share;
}

typedef struct Shares {
    Arena *arena;
    const ConnectorRun *run;
    SinkShare share;
    Err *err;
    bool ok;
} Shares;

static bool share_visit(void *context, const char *name) {
    Shares *shares = context;
    size_t size = strlen(TOPICS);
    uint32_t task = 0;
    if (strncmp(name, TOPICS, size) != 0 || !share_is_other(&shares->share, slice_of(name + size), &task) ||
        task != shares->share.task) {
        return true;
    }
    const char *path = arena_printf(shares->arena, "%s/pipelines/%s", shares->run->data_directory, name);
    shares->ok = file_remove_tree(path, shares->err);
    return shares->ok;
}

bool sink_shares_forget(Arena *arena, const ConnectorRun *run, Err *err) {
    SinkPlace place;
    sink_topics_place(arena, run, &place);
    Shares shares = {arena, run, place.share, err, true};
    const char *directory = arena_printf(arena, "%s/pipelines", run->data_directory);
    return !file_exists(directory) || (file_list(directory, share_visit, &shares, err) && shares.ok);
}

typedef struct Places {
    Arena *arena;
    const ConnectorRun *run;
    bool (*visit)(void *context, const SinkPlace *place, Err *err);
    void *context;
    bool ok;
    Err *err;
} Places;

// What has programs is a source connector; its journal is there once it has run.
static bool folder_visit(void *context, const char *name) {
    Places *places = context;
    SinkPlace place;
    if (name[0] == '@' || name[0] == '.') {
        return true;
    }
    sink_place_make(places->arena, places->run, &(SinkPlace){.source = name}, &place);
    if (file_exists(arena_printf(places->arena, "%s/programs", place.directory)) && file_exists(place.journal) &&
        !journal_is_remote(place.journal)) {
        places->ok = places->visit(places->context, &place, places->err);
    }
    return places->ok;
}

static bool source_visit(void *context, const ConnectorSource *source, Err *err) {
    Places *places = context;
    SinkPlace place;
    if (source->url[0] == '\0') {
        return true;
    }
    sink_place_make(places->arena, places->run, &(SinkPlace){.source = source->folder, .remote = true}, &place);
    return connector_source_place(source, place.journal, err) && places->visit(places->context, &place, err);
}

bool sink_places(Arena *arena, const ConnectorRun *run, bool (*visit)(void *context, const SinkPlace *place, Err *err),
                 void *context, Err *err) {
    Places places = {arena, run, visit, context, true, err};
    const char *directory = arena_printf(arena, "%s/pipelines", run->data_directory);
    TRY(!file_exists(directory) || file_list(directory, folder_visit, &places, err));
    return places.ok && connector_sources(arena, run, source_visit, &places, err);
}

static bool forget_visit(void *context, const char *source) {
    Places *places = context;
    SinkPlace place;
    if (source[0] == '@' || source[0] == '.') {
        return true;
    }
    sink_place_make(places->arena, places->run, &(SinkPlace){.source = source, .remote = true}, &place);
    places->ok = file_remove_tree(place.state_directory, places->err) && file_remove_tree(place.journal, places->err);
    return places->ok;
}

bool sink_places_forget(Arena *arena, const ConnectorRun *run, Err *err) {
    Places places = {arena, run, NULL, NULL, true, err};
    SinkPlace topics;
    const char *directory = arena_printf(arena, "%s/pipelines", run->data_directory);
    sink_topics_place(arena, run, &topics);
    if (!run->anew) {
        return true;
    }
    TRY(file_remove_tree(topics.state_directory, err));
    return !file_exists(directory) || (file_list(directory, forget_visit, &places, err) && places.ok);
}

static bool state_visit(void *context, const SinkPlace *place, Err *err) {
    bool *any = context;
    *any = *any || file_exists(place->state_directory);
    return true;
}

TopicsFrom sink_topics_known(Arena *arena, const ConnectorRun *run) {
    SinkPlace place;
    bool any = false;
    sink_topics_place(arena, run, &place);
    if (file_exists(place.state_directory)) {
        return TOPICS_KAFKA;
    }
    Err ignored[1] = {{0}};
    return sink_places(arena, run, state_visit, &any, ignored) && any ? TOPICS_JOURNAL : TOPICS_AUTO;
}

typedef struct Pinned {
    const char *pin;
    const char *asked; // a URL
    bool found;
} Pinned;

static bool pinned_visit(void *context, const ConnectorSource *source, Err *err) {
    Pinned *pinned = context;
    if (pinned->found || source->url[0] == '\0' || strcmp(source->url, pinned->asked) == 0) {
        return true;
    }
    return journal_pin_there(source->url, pinned->pin, &pinned->found, err);
}

// The server's journals first, which may be of sources that are not here yet.
bool sink_topics_pinned(Arena *arena, const ConnectorRun *run, bool *pinned, Err *err) {
    Pinned look = {pin_name(arena, run), "", false};
    const ConnectorSource of_server = {.url = run->journal};
    TRY(pinned_visit(&look, &of_server, err));
    look.asked = of_server.url;
    TRY(connector_sources(arena, run, pinned_visit, &look, err));
    *pinned = look.found;
    return true;
}

void sink_topics_json(Buf *out, const SinkOffset *offsets, size_t count) {
    DEFER(map_release) Map sums = {0};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    buf_reset(out);
    buf_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        Slice topic = {0};
        int32_t partition = 0;
        if (!topic_name_split(offsets[i].topic, &topic, &partition)) {
            continue;
        }
        uint64_t *sum = map_find(&sums, topic);
        if (sum == NULL) {
            sum = ARENA_NEW(&arena, uint64_t);
            map_put(&sums, topic, sum);
        }
        *sum += offsets[i].committed;
    }
    for (MapEntry *e = NULL; (e = map_next(&sums, e)) != NULL;) {
        buf_text(out, out->size > 1 ? ",{" : "{");
        json_key(out, "name");
        json_quote(out, e->key);
        json_field_uint(out, "next_offset", *(const uint64_t *)e->value);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
}

// --- target ----------------------------------------------------------------------------------------------------

bool sink_driver_find(const ConnectorRun *run, const SinkDriver **driver, Err *err) {
    const Property *class = properties_find(run->config, SLICE("connector.class"));
    const char *name = class != NULL && iceberg_sink_class(class->value) ? "iceberg" : "objects";
    for (const SinkDriver *const *at = run->drivers->sinks; *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) {
            *driver = *at;
            return true;
        }
    }
    return FAIL(err, ERR_OPTION, "connector.class: there is no sink of that kind here");
}

bool sink_target(Arena *arena, const SinkDriver *driver, const Properties *config, SinkContext *context, Err *err) {
    void *options = NULL;
    if (strcmp(driver->name, "iceberg") == 0) {
        TRY(iceberg_sink_options(arena, driver, config, &options, &context->url, &context->rules, err));
    } else {
        TRY(s3_sink_options(arena, driver, config, &options, &context->url, err));
    }
    context->options = options;
    return true;
}

void sink_target_release(SinkContext *context) {
    iceberg_sink_release(context->rules);
    context->rules = NULL;
}
