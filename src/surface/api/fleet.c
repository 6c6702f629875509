// SPDX-License-Identifier: Apache-2.0
#include "surface/api/fleet.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "engine/ipc/tasks.h"
#include "surface/api/webhook_report.h"

#include <pthread.h>

enum { ENTRY_BYTES = 4096 }; // of the first chunk of an entry's memory

// What the supervisor says of a connector (message.h).
typedef struct State {
    Arena memory;
    const char *connector, *task, *worker, *url, *trace;
    FleetTopic *topics;
    size_t topic_count;
    Slice offsets;
    Slice quarantined;    // JSON list of the report; size 0 = none
    Slice behind;         // what the sink, or Kafka, has not got: a number; size 0 = nothing
    Slice behind_records; // of topics of a real Kafka, likewise
    Slice retention;      // the share of it that what comes next has come, once that is to be told
    const char *retention_of;
    Slice verify; // JSON object of the report, likewise
} State;

typedef struct Entry {
    Arena memory; // of the document and all that is made of it
    ConnectDocument document;
    const Plugin *plugin;
    const char *type;
    Properties shown;  // its configuration, secrets masked
    Slice quoted;      // its name as JSON
    Slice info_head;   // {"name":…,"config":{…},"tasks":[
    Slice info_tail;   // ],"type":…}
    Slice status_tail; // ],"type":…[,"warnings":[…]]
    State *states;     // one a task
    uint32_t task_count;
    Buf status;    // rendered
    Map forgotten; // topic to its next offset + 1 when topics were reset
} Entry;

struct Fleet {
    pthread_rwlock_t lock;
    Map by_name;
    Entry **entries; // oldest first
    size_t count, room;
    Arena memory; // of `entries` and worker_id
    const char *worker_id;
};

Fleet *fleet_new(void) {
    Fleet *fleet = calloc(1, sizeof(*fleet));
    ASSERT(fleet != NULL);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    // The supervisor's messages do not wait behind readers that never end.
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&fleet->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    arena_init(&fleet->memory, "run", 0);
    fleet->worker_id = "";
    return fleet;
}

// There are at least so many tasks now.
static void tasks_reach(Entry *entry, uint32_t tasks) {
    if (entry->task_count < tasks) {
        State *states = calloc(tasks, sizeof(*states));
        ASSERT(states != NULL);
        if (entry->task_count > 0) {
            memcpy(states, entry->states, entry->task_count * sizeof(*states));
        }
        free(entry->states);
        entry->states = states;
        entry->task_count = tasks;
    }
}

// …at most.
static void tasks_keep(Entry *entry, uint32_t tasks) {
    while (entry->task_count > tasks) {
        arena_release(&entry->states[--entry->task_count].memory);
    }
}

static void entry_free(Entry *entry) {
    tasks_keep(entry, 0);
    free(entry->states);
    arena_release(&entry->memory);
    buf_release(&entry->status);
    map_release(&entry->forgotten);
    free(entry);
}

void fleet_free(Fleet *fleet) {
    if (fleet == NULL) {
        return;
    }
    for (size_t i = 0; i < fleet->count; i++) {
        entry_free(fleet->entries[i]);
    }
    map_release(&fleet->by_name);
    arena_release(&fleet->memory);
    pthread_rwlock_destroy(&fleet->lock);
    free(fleet);
}

// --- rendering -------------------------------------------------------------------------------------------------

static Slice kept(Arena *arena, Buf *buf) {
    Slice slice = arena_slice(arena, buf_slice(buf));
    buf_reset(buf);
    return slice;
}

static Properties config_copy(Arena *arena, const Properties *config) {
    Properties copy = {ARENA_ARRAY(arena, Property, config->count), config->count};
    for (size_t i = 0; i < config->count; i++) {
        const Property *property = &config->at[i];
        copy.at[i].name = arena_slice(arena, property->name);
        copy.at[i].value = property->value.data == NULL ? (Slice){0} : arena_slice(arena, property->value);
    }
    return copy;
}

static void render_warnings(Buf *out, const Validation *validation) {
    bool any = false;
    for (size_t i = 0; i < validation->count; i++) {
        const char *warning = validation->values[i].warning;
        if (warning != NULL && validation->values[i].given) {
            buf_text(out, any ? "," : ",\"warnings\":[");
            json_quote(out, slice_of(warning));
            any = true;
        }
    }
    buf_text(out, any ? "]" : "");
}

// The parts of answers that depend on the document alone.
static void render_document(Entry *entry) {
    DEFER(buf_release) Buf out = {0};
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Validation validation = {.arena = &scratch};
    const ConnectDocument *document = &entry->document;
    if (entry->plugin != NULL) {
        plugin_validate(&scratch, entry->plugin, &document->config, &validation);
    }
    json_quote(&out, document->name);
    entry->quoted = kept(&entry->memory, &out);
    buf_printf(&out, "{\"name\":%.*s,\"config\":", SLICE_ARG(entry->quoted));
    Properties shown = connect_config_shown(&scratch, &validation, &document->config);
    entry->shown = config_copy(&entry->memory, &shown);
    properties_json(&out, &shown);
    buf_text(&out, ",\"tasks\":[");
    entry->info_head = kept(&entry->memory, &out);
    buf_printf(&out, "],\"type\":\"%s\"}", entry->type);
    entry->info_tail = kept(&entry->memory, &out);
    buf_printf(&out, "],\"type\":\"%s\"", entry->type);
    render_warnings(&out, &validation);
    entry->status_tail = kept(&entry->memory, &out);
    arena_release(&scratch);
}

static void render_one(const Fleet *fleet, const Entry *entry, uint32_t task, const char *state, const char *trace,
                       Buf *out) {
    const char *known = entry->states[task].worker,
               *worker = known != NULL && *known != '\0' ? known : fleet->worker_id;
    buf_printf(out, "\"state\":\"%s\",\"worker_id\":", state);
    json_quote(out, slice_of(worker));
    if (entry->plugin != NULL && entry->plugin->version != NULL) {
        buf_printf(out, ",\"version\":\"%s\"", entry->plugin->version);
    }
    if (trace != NULL) {
        buf_text(out, ",\"trace\":");
        json_quote(out, slice_of(trace));
    }
}

static const char *connector_state(const Entry *entry) {
    return entry->states[0].connector != NULL ? entry->states[0].connector : "UNASSIGNED";
}

static bool is_failed(const char *state) {
    return state != NULL && strcmp(state, "FAILED") == 0;
}

static void render_task(const Fleet *fleet, const Entry *entry, uint32_t task, const char *state, Buf *out) {
    const State *is = &entry->states[task];
    bool on_task = !is_failed(task == 0 ? connector_state(entry) : NULL);
    buf_printf(out, "{\"id\":%" PRIu32 ",", task);
    render_one(fleet, entry, task, state, on_task ? is->trace : NULL, out);
    buf_text(out, "}");
}

// What each task reports is added up.
static void render_sum(const Entry *entry, const char *key, size_t field, Buf *out) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < entry->task_count; i++) {
        const Slice *number = (const Slice *)((const char *)&entry->states[i] + field);
        sum += number->size > 0 ? strtoll((const char *)number->data, NULL, 10) : 0;
    }
    if (sum > 0) {
        json_field_int(out, key, sum);
    }
}

// Of the task that is the nearest to it.
static void render_retention(const Entry *entry, Buf *out) {
    const State *worst = NULL;
    for (uint32_t i = 0; i < entry->task_count; i++) {
        const State *state = &entry->states[i];
        bool worse =
            state->retention.size > 0 && (worst == NULL || strtod((const char *)state->retention.data, NULL) >
                                                               strtod((const char *)worst->retention.data, NULL));
        worst = worse ? state : worst;
    }
    if (worst != NULL) {
        buf_text(out, ",\"retention_share\":");
        buf_put(out, worst->retention);
        json_field_text(out, "retention_of", worst->retention_of);
    }
}

static void render_status(const Fleet *fleet, const Entry *entry, const FleetRestart *restart, Buf *out) {
    bool on_task = entry->states[0].task != NULL && !is_failed(connector_state(entry)), first = true;
    buf_printf(out, "{\"name\":%.*s,\"connector\":{", SLICE_ARG(entry->quoted));
    render_one(fleet, entry, 0, restart->connector ? "RESTARTING" : connector_state(entry),
               on_task ? NULL : entry->states[0].trace, out);
    buf_text(out, "},\"tasks\":[");
    for (uint32_t i = 0; i < entry->task_count; i++) {
        const char *task = entry->states[i].task;
        if (task != NULL) {
            bool again = i < restart->task_count && restart->tasks[i];
            buf_text(out, first ? "" : ",");
            render_task(fleet, entry, i, again ? "RESTARTING" : task, out);
            first = false;
        }
    }
    buf_put(out, entry->status_tail);
    if (entry->states[0].quarantined.size > 0) {
        buf_text(out, ",\"quarantined\":");
        buf_put(out, entry->states[0].quarantined);
    }
    render_sum(entry, "sink_behind_bytes", offsetof(State, behind), out);
    render_sum(entry, "sink_behind_records", offsetof(State, behind_records), out);
    render_retention(entry, out);
    buf_u8(out, '}');
}

static void render(const Fleet *fleet, Entry *entry) {
    buf_reset(&entry->status);
    render_status(fleet, entry, &(FleetRestart){0}, &entry->status);
}

// --- writing ---------------------------------------------------------------------------------------------------

static Entry *entry_add(Fleet *fleet, Slice name) {
    Entry *entry = calloc(1, sizeof(*entry));
    ASSERT(entry != NULL);
    tasks_reach(entry, 1);
    if (fleet->count == fleet->room) {
        fleet->room = MAX(fleet->room * 2, (size_t)64);
        Entry **more = ARENA_ARRAY(&fleet->memory, Entry *, fleet->room);
        if (fleet->count > 0) {
            memcpy(more, fleet->entries, fleet->count * sizeof(Entry *));
        }
        fleet->entries = more;
    }
    fleet->entries[fleet->count++] = entry;
    map_put(&fleet->by_name, name, entry);
    return entry;
}

void fleet_remove(Fleet *fleet, Slice name) {
    pthread_rwlock_wrlock(&fleet->lock);
    Entry *entry = map_remove(&fleet->by_name, name);
    for (size_t i = 0; entry != NULL && i < fleet->count; i++) {
        if (fleet->entries[i] == entry) {
            memmove(&fleet->entries[i], &fleet->entries[i + 1], (fleet->count - i - 1) * sizeof(Entry *));
            fleet->count--;
            break;
        }
    }
    pthread_rwlock_unlock(&fleet->lock);
    if (entry != NULL) {
        entry_free(entry);
    }
}

static const char *type_of(const ConnectDocument *document) {
    return strcmp(document->kind, "sink") == 0 ? "sink" : strcmp(document->kind, "") == 0 ? "unknown" : "source";
}

void fleet_put(Fleet *fleet, Slice name, Slice document) {
    Entry fresh = {0};
    Err err[1] = {{0}};
    arena_init_small(&fresh.memory, "run", ENTRY_BYTES);
    if (!connect_document_parse(&fresh.memory, document, &fresh.document, err)) {
        log_err(LOG_CLI, "a connector's document cannot be read", err);
        arena_release(&fresh.memory);
        return;
    }
    const Property *class = properties_find(&fresh.document.config, SLICE("connector.class"));
    fresh.plugin = class == NULL || class->value.data == NULL ? NULL : plugin_connector(class->value);
    fresh.type = type_of(&fresh.document);
    render_document(&fresh);
    pthread_rwlock_wrlock(&fleet->lock);
    Entry *entry = map_find(&fleet->by_name, name);
    if (entry == NULL) {
        entry = entry_add(fleet, name);
    } else {
        arena_release(&entry->memory);
    }
    fresh.states = entry->states;
    fresh.task_count = entry->task_count;
    fresh.status = entry->status;
    fresh.forgotten = entry->forgotten;
    *entry = fresh;
    render(fleet, entry);
    pthread_rwlock_unlock(&fleet->lock);
}

void fleet_target(Fleet *fleet, Slice name, const char *target) {
    pthread_rwlock_wrlock(&fleet->lock);
    Entry *entry = map_find(&fleet->by_name, name);
    if (entry != NULL) {
        entry->document.target = target;
    }
    pthread_rwlock_unlock(&fleet->lock);
}

void fleet_worker(Fleet *fleet, const char *worker_id) {
    pthread_rwlock_rdlock(&fleet->lock);
    bool same = strcmp(fleet->worker_id, worker_id) == 0;
    pthread_rwlock_unlock(&fleet->lock);
    if (same) {
        return;
    }
    pthread_rwlock_wrlock(&fleet->lock);
    if (strcmp(fleet->worker_id, worker_id) != 0) {
        fleet->worker_id = arena_printf(&fleet->memory, "%s", worker_id);
        for (size_t i = 0; i < fleet->count; i++) {
            render(fleet, fleet->entries[i]);
        }
    }
    pthread_rwlock_unlock(&fleet->lock);
}

// One of each name, with what all tasks have of it. Names are borrowed.
static FleetTopic *topics_sum(Arena *arena, const Entry *entry, size_t *count) {
    size_t most = 0;
    for (uint32_t i = 0; i < entry->task_count; i++) {
        most += entry->states[i].topic_count;
    }
    FleetTopic *sums = ARENA_ARRAY(arena, FleetTopic, most);
    *count = 0;
    for (uint32_t i = 0; i < entry->task_count; i++) {
        for (size_t j = 0; j < entry->states[i].topic_count; j++) {
            const FleetTopic *topic = &entry->states[i].topics[j];
            size_t at = 0;
            while (at < *count && !slice_equal(sums[at].name, topic->name)) {
                at++;
            }
            *count += at == *count;
            sums[at] = (FleetTopic){topic->name, sums[at].next_offset + topic->next_offset};
        }
    }
    return sums;
}

void fleet_topics_reset(Fleet *fleet, Slice name) {
    pthread_rwlock_wrlock(&fleet->lock);
    Entry *entry = map_find(&fleet->by_name, name);
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    size_t count = 0;
    const FleetTopic *topics = entry != NULL ? topics_sum(&scratch, entry, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        map_put(&entry->forgotten, topics[i].name, (void *)(uintptr_t)(topics[i].next_offset + 1));
    }
    pthread_rwlock_unlock(&fleet->lock);
}

// --- states ----------------------------------------------------------------------------------------------------

static bool read_topic(JsonReader *reader, State *state, Err *err) {
    FleetTopic *topic = &state->topics[state->topic_count];
    *topic = (FleetTopic){0};
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token == TOKEN_NAME) {
        Slice member = reader->text;
        TRY(json_read(reader, &token, err));
        if (slice_is(member, "name") && token == TOKEN_TEXT) {
            topic->name = arena_slice(&state->memory, reader->text);
        } else if (slice_is(member, "next_offset") && token == TOKEN_NUMBER) {
            topic->next_offset = strtoll(arena_text(&state->memory, reader->text), NULL, 10);
        }
        TRY(json_read_over(reader, token, err));
        TRY(json_read(reader, &token, err));
    }
    state->topic_count += topic->name.data != NULL;
    return true;
}

static bool read_topics(JsonReader *reader, State *state, Err *err) {
    size_t room = 0;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token != TOKEN_ARRAY_END) {
        if (state->topic_count == room) {
            room = MAX(room * 2, (size_t)8);
            FleetTopic *more = ARENA_ARRAY(&state->memory, FleetTopic, room);
            if (state->topic_count > 0) {
                memcpy(more, state->topics, state->topic_count * sizeof(*more));
            }
            state->topics = more;
        }
        if (token == TOKEN_OBJECT) {
            TRY(read_topic(reader, state, err));
        } else {
            TRY(json_read_over(reader, token, err));
        }
        TRY(json_read(reader, &token, err));
    }
    return true;
}

static bool read_report(JsonReader *reader, State *state, Err *err) {
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token == TOKEN_NAME) {
        Slice member = reader->text;
        TRY(json_read(reader, &token, err));
        size_t from = reader->token_at;
        if (slice_is(member, "topics") && token == TOKEN_ARRAY) {
            TRY(read_topics(reader, state, err));
        } else {
            TRY(json_read_over(reader, token, err));
            Slice text = {reader->source.data + from, reader->at - from};
            if (slice_is(member, "offsets") && token == TOKEN_ARRAY) {
                state->offsets = arena_slice(&state->memory, text);
            } else if (slice_is(member, "quarantined_tables") && token == TOKEN_ARRAY && !slice_is(text, "[]")) {
                state->quarantined = arena_slice(&state->memory, text);
            } else if (slice_is(member, "sink_behind_bytes") && token == TOKEN_NUMBER && !slice_is(text, "0")) {
                state->behind = slice_of(arena_text(&state->memory, text));
            } else if (slice_is(member, "sink_behind_records") && token == TOKEN_NUMBER && !slice_is(text, "0")) {
                state->behind_records = slice_of(arena_text(&state->memory, text));
            } else if (slice_is(member, "retention_share") && token == TOKEN_NUMBER) {
                char *share = arena_text(&state->memory, text);
                state->retention = strtod(share, NULL) >= RETENTION_ALERT_SHARE ? slice_of(share) : (Slice){0};
            } else if (slice_is(member, "retention_of") && token == TOKEN_TEXT) {
                state->retention_of = arena_text(&state->memory, reader->text);
            } else if (slice_is(member, "verify") && token == TOKEN_OBJECT) {
                state->verify = arena_slice(&state->memory, text);
            }
        }
        TRY(json_read(reader, &token, err));
    }
    return true;
}

static bool read_state(JsonReader *reader, State *state, Err *err) {
    JsonToken token;
    TRY(json_read(reader, &token, err));
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_INTERNAL, "a state is no JSON object");
    }
    TRY(json_read(reader, &token, err));
    while (token == TOKEN_NAME) {
        Slice member = reader->text;
        TRY(json_read(reader, &token, err));
        if (token == TOKEN_TEXT) {
            char *text = arena_text(&state->memory, reader->text);
            if (slice_is(member, "state")) {
                state->connector = text;
            } else if (slice_is(member, "worker")) {
                state->worker = text;
            } else if (slice_is(member, "url")) {
                state->url = text;
            } else if (slice_is(member, "task")) {
                state->task = text;
            } else if (slice_is(member, "trace")) {
                state->trace = text;
            }
        } else if (slice_is(member, "report") && token == TOKEN_OBJECT) {
            TRY(read_report(reader, state, err));
        } else {
            TRY(json_read_over(reader, token, err));
        }
        TRY(json_read(reader, &token, err));
    }
    return true;
}

static void fleet_state(Fleet *fleet, Slice name, Slice text) {
    Arena scratch;
    Err err[1] = {{0}};
    State fresh = {0};
    arena_init(&scratch, "scratch", 0);
    arena_init_small(&fresh.memory, "run", ENTRY_BYTES / 4);
    JsonReader reader;
    json_reader_init(&reader, text, &scratch);
    bool ok = read_state(&reader, &fresh, err);
    arena_release(&scratch);
    if (!ok) {
        log_err(LOG_CLI, "a connector's state cannot be read", err);
        arena_release(&fresh.memory);
        return;
    }
    pthread_rwlock_wrlock(&fleet->lock);
    Entry *entry = map_find(&fleet->by_name, task_connector(name));
    uint32_t task = task_number(name);
    if (entry != NULL && task < TASKS_MAX) {
        tasks_reach(entry, task + 1);
        State old = entry->states[task];
        entry->states[task] = fresh;
        fresh = old;
        render(fleet, entry);
    }
    pthread_rwlock_unlock(&fleet->lock);
    arena_release(&fresh.memory);
}

static void fleet_task_gone(Fleet *fleet, Slice name) {
    pthread_rwlock_wrlock(&fleet->lock);
    Entry *entry = map_find(&fleet->by_name, task_connector(name));
    if (entry != NULL) {
        tasks_keep(entry, task_number(name));
        render(fleet, entry);
    }
    pthread_rwlock_unlock(&fleet->lock);
}

void fleet_message(Fleet *fleet, const Message *message) {
    if (message->type == MESSAGE_STATE) {
        fleet_state(fleet, message->name, message->text);
    } else if (message->type == MESSAGE_DOCUMENT && task_number(message->name) > 0) {
        fleet_task_gone(fleet, message->name);
    } else if (message->type == MESSAGE_DOCUMENT && message->text.size == 0) {
        fleet_remove(fleet, message->name);
    } else if (message->type == MESSAGE_DOCUMENT) {
        fleet_put(fleet, message->name, message->text);
    }
}

// --- reading ---------------------------------------------------------------------------------------------------

static const char *text_copy(Arena *arena, const char *text) {
    return text == NULL ? NULL : arena_text(arena, slice_of(text));
}

static void copy_topics(Arena *arena, const Entry *entry, FleetConnector *connector) {
    size_t count = 0;
    connector->topics = topics_sum(arena, entry, &count);
    for (size_t i = 0; i < count; i++) {
        const FleetTopic *topic = &connector->topics[i];
        uintptr_t forgotten = (uintptr_t)map_find(&entry->forgotten, topic->name);
        if (forgotten == 0 || (int64_t)forgotten - 1 != topic->next_offset) {
            connector->topics[connector->topic_count++] =
                (FleetTopic){arena_slice(arena, topic->name), topic->next_offset};
        }
    }
}

static void copy_tasks(Arena *arena, const Entry *entry, FleetConnector *connector) {
    connector->task_count = entry->task_count;
    connector->tasks = ARENA_ARRAY(arena, FleetTask, connector->task_count);
    for (uint32_t i = 0; i < connector->task_count; i++) {
        const State *state = &entry->states[i];
        connector->tasks[i] = (FleetTask){text_copy(arena, state->task), text_copy(arena, state->connector),
                                          text_copy(arena, state->url)};
    }
}

// The lists of all tasks as one; none when one of them has not reported.
static void copy_offsets(Arena *arena, const Entry *entry, FleetConnector *connector) {
    DEFER(buf_release) Buf all = {0};
    buf_u8(&all, '[');
    for (uint32_t i = 0; i < entry->task_count; i++) {
        Slice list = entry->states[i].offsets;
        if (list.size < 2) {
            return;
        }
        Slice inner = {list.data + 1, list.size - 2};
        buf_text(&all, inner.size > 0 && all.size > 1 ? "," : "");
        buf_put(&all, inner);
    }
    buf_u8(&all, ']');
    connector->offsets = arena_slice(arena, buf_slice(&all));
}

bool fleet_find(Fleet *fleet, Slice name, Arena *arena, FleetConnector *connector) {
    *connector = (FleetConnector){0};
    pthread_rwlock_rdlock(&fleet->lock);
    const Entry *entry = map_find(&fleet->by_name, name);
    if (entry != NULL) {
        const ConnectDocument *document = &entry->document;
        connector->document =
            (ConnectDocument){arena_slice(arena, document->name), text_copy(arena, document->kind),
                              text_copy(arena, document->target), config_copy(arena, &document->config)};
        connector->shown = config_copy(arena, &entry->shown);
        connector->plugin = entry->plugin;
        connector->type = entry->type;
        connector->state = text_copy(arena, connector_state(entry));
        connector->task = text_copy(arena, entry->states[0].task);
        connector->trace = text_copy(arena, entry->states[0].trace);
        connector->url = text_copy(arena, entry->states[0].url);
        copy_tasks(arena, entry, connector);
        copy_offsets(arena, entry, connector);
        copy_topics(arena, entry, connector);
    }
    pthread_rwlock_unlock(&fleet->lock);
    return entry != NULL;
}

static void put_info(const Entry *entry, bool tasks, Buf *out) {
    buf_put(out, entry->info_head);
    bool first = true;
    for (uint32_t i = 0; tasks && i < entry->task_count; i++) {
        if (entry->states[i].task != NULL) {
            buf_printf(out, "%s{\"connector\":%.*s,\"task\":%" PRIu32 "}", first ? "" : ",", SLICE_ARG(entry->quoted),
                       i);
            first = false;
        }
    }
    buf_put(out, entry->info_tail);
}

static bool info(Fleet *fleet, Slice name, bool tasks, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    const Entry *entry = map_find(&fleet->by_name, name);
    if (entry != NULL) {
        put_info(entry, tasks, out);
    }
    pthread_rwlock_unlock(&fleet->lock);
    return entry != NULL;
}

bool fleet_info(Fleet *fleet, Slice name, Buf *out) {
    return info(fleet, name, true, out);
}

bool fleet_info_new(Fleet *fleet, Slice name, Buf *out) {
    return info(fleet, name, false, out);
}

bool fleet_status(Fleet *fleet, Slice name, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    const Entry *entry = map_find(&fleet->by_name, name);
    if (entry != NULL) {
        buf_put(out, buf_slice(&entry->status));
    }
    pthread_rwlock_unlock(&fleet->lock);
    return entry != NULL;
}

bool fleet_status_restarting(Fleet *fleet, Slice name, const FleetRestart *restart, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    const Entry *entry = map_find(&fleet->by_name, name);
    if (entry != NULL) {
        render_status(fleet, entry, restart, out);
    }
    pthread_rwlock_unlock(&fleet->lock);
    return entry != NULL;
}

bool fleet_task_status(Fleet *fleet, Slice name, uint32_t task, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    const Entry *entry = map_find(&fleet->by_name, name);
    bool found = entry != NULL && task < entry->task_count && entry->states[task].task != NULL;
    if (found) {
        render_task(fleet, entry, task, entry->states[task].task, out);
    }
    pthread_rwlock_unlock(&fleet->lock);
    return found;
}

bool fleet_verify(Fleet *fleet, Slice name, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    const Entry *entry = map_find(&fleet->by_name, name);
    bool found = entry != NULL && entry->states[0].verify.size > 0;
    if (found) {
        buf_put(out, entry->states[0].verify);
    }
    pthread_rwlock_unlock(&fleet->lock);
    return found;
}

void fleet_names(Fleet *fleet, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    buf_text(out, "[");
    for (size_t i = 0; i < fleet->count; i++) {
        buf_text(out, i > 0 ? "," : "");
        buf_put(out, fleet->entries[i]->quoted);
    }
    buf_text(out, "]");
    pthread_rwlock_unlock(&fleet->lock);
}

void fleet_list(Fleet *fleet, bool with_info, bool status, Buf *out) {
    pthread_rwlock_rdlock(&fleet->lock);
    size_t size = 2;
    for (size_t i = 0; i < fleet->count; i++) {
        const Entry *entry = fleet->entries[i];
        size += 64 + entry->quoted.size + entry->status.size + entry->info_head.size + entry->info_tail.size +
                (64 + entry->quoted.size) * entry->task_count;
    }
    (void)buf_room(out, size); // once
    buf_text(out, "{");
    for (size_t i = 0; i < fleet->count; i++) {
        const Entry *entry = fleet->entries[i];
        buf_text(out, i > 0 ? "," : "");
        buf_put(out, entry->quoted);
        buf_text(out, ":{");
        if (with_info) {
            buf_text(out, "\"info\":");
            put_info(entry, true, out);
        }
        if (status) {
            buf_text(out, with_info ? ",\"status\":" : "\"status\":");
            buf_put(out, buf_slice(&entry->status));
        }
        buf_text(out, "}");
    }
    buf_text(out, "}");
    pthread_rwlock_unlock(&fleet->lock);
}

size_t fleet_count(Fleet *fleet) {
    pthread_rwlock_rdlock(&fleet->lock);
    size_t count = fleet->count;
    pthread_rwlock_unlock(&fleet->lock);
    return count;
}
