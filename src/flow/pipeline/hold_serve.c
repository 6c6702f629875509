// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/hold_serve.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/random.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define ASK_BYTES_MAX (64 * KIB)
#define TURN_US       100000
#define AHEAD_BYTES   (1 * MIB)

enum { ID_BYTES = 40, DO_BYTES = 16 };

typedef struct Known { // a table
    char *reason;      // not NULL: it is not whole
} Known;

typedef struct Asked {
    bool there;
    char id[ID_BYTES], what[DO_BYTES], instance[ID_BYTES];
    char corrections[PATH_MAX];
    SourceMoment moment;
} Asked;

struct HoldServe {
    Arena run;
    char *lock, *ask, *answer, *corrections; // paths
    char *journal;
    Map topics; // JournalTopic and Schema that were read ahead, by name, and by topic and number: as long as this
    Map schemas;
    bool (*reached)(const Position *cut, const SourceMoment *moment);
    char instance[ID_BYTES];
    HoldState state;
    _Atomic bool hurried;
    int64_t turn_at;
    char id[ID_BYTES]; // of what was answered last
    char armed[ID_BYTES];
    SourceMoment moment;
    bool wants_cut; // the sink commits at cuts only
    bool ahead;     // what the group under way has of the moment was given to the sink
    bool committed; // the commit was made and not answered yet
    bool in_group;  // entries since the last cut
    bool repairs;   // asked, and waits for a cut
    Asked asked;    // then

    pthread_mutex_t mutex; // over all that follows
    Arena arena;           // of these
    Map tables;            // by name: Known
    bool looked;           // at the tables, since the hold began
    bool tables_changed;   // since they were last told
};

// --- life ------------------------------------------------------------------------------------------------------

HoldServe *hold_serve_new(const char *directory, bool (*reached)(const Position *cut, const SourceMoment *moment)) {
    HoldServe *serve = calloc(1, sizeof(*serve));
    ASSERT(serve != NULL);
    arena_init(&serve->run, "run", 0);
    serve->lock = arena_printf(&serve->run, "%s/requests/hold.lock", directory);
    serve->ask = arena_printf(&serve->run, "%s/requests/hold.json", directory);
    serve->answer = arena_printf(&serve->run, "%s/requests/hold.answer.json", directory);
    serve->corrections = arena_printf(&serve->run, "%s/requests/corrections", directory);
    serve->journal = arena_printf(&serve->run, "%s/journal", directory);
    serve->reached = reached;
    snprintf(serve->instance, sizeof(serve->instance), "%016" PRIx64, random_number());
    arena_init(&serve->arena, "tables", 0);
    pthread_mutex_init(&serve->mutex, NULL);
    return serve;
}

static void tables_forget(HoldServe *serve) {
    map_release(&serve->tables);
    arena_reset(&serve->arena);
    serve->tables = (Map){0};
    serve->looked = false;
}

void hold_serve_free(HoldServe *serve) {
    if (serve == NULL) {
        return;
    }
    tables_forget(serve);
    arena_release(&serve->arena);
    pthread_mutex_destroy(&serve->mutex);
    map_release(&serve->topics);
    map_release(&serve->schemas);
    arena_release(&serve->run);
    free(serve);
}

HoldState hold_serve_state(const HoldServe *serve) {
    return serve->state;
}

bool hold_serve_hurried(const HoldServe *serve) {
    return serve->hurried;
}

// --- tables ----------------------------------------------------------------------------------------------------

static Known *table_known(HoldServe *serve, Slice name) {
    Known *known = map_find(&serve->tables, name);
    if (known == NULL) {
        known = ARENA_ARRAY(&serve->arena, Known, 1);
        map_put(&serve->tables, name, known);
        serve->tables_changed = true;
    }
    return known;
}

static void table_doubt(HoldServe *serve, Slice name, const char *reason) {
    Known *known = table_known(serve, name);
    if (known->reason == NULL) {
        known->reason = arena_text(&serve->arena, slice_of(reason));
        serve->tables_changed = true;
    }
}

void hold_serve_tables(HoldServe *serve, const TableReport *tables, size_t count) {
    pthread_mutex_lock(&serve->mutex);
    for (size_t i = 0; i < count; i++) {
        Slice name = slice_of(tables[i].name);
        table_known(serve, name);
        if (tables[i].state == TABLE_QUARANTINED) {
            table_doubt(serve, name, tables[i].reason != NULL ? tables[i].reason : "it is put aside");
        } else if (tables[i].state != TABLE_STREAMING) {
            table_doubt(serve, name, "it is being read from the source");
        }
    }
    serve->looked |= count > 0;
    pthread_mutex_unlock(&serve->mutex);
}

void hold_serve_doubt(HoldServe *serve, Slice table, const char *reason) {
    pthread_mutex_lock(&serve->mutex);
    table_doubt(serve, table, reason);
    pthread_mutex_unlock(&serve->mutex);
}

static void tables_write(HoldServe *serve, Buf *text) {
    pthread_mutex_lock(&serve->mutex);
    json_key(text, "tables");
    buf_u8(text, '[');
    for (MapEntry *e = NULL; (e = map_next(&serve->tables, e)) != NULL;) {
        const Known *known = e->value;
        buf_text(text, text->data[text->size - 1] == '[' ? "{" : ",{");
        json_key(text, "name");
        json_quote(text, e->key);
        json_field_text(text, "reason", known->reason);
        buf_u8(text, '}');
    }
    buf_u8(text, ']');
    serve->tables_changed = false;
    pthread_mutex_unlock(&serve->mutex);
}

// --- answers ---------------------------------------------------------------------------------------------------

static bool answer_put(HoldServe *serve, const char *state, const SinkRepair *repair, const Err *why, Err *err) {
    DEFER(buf_release) Buf text = {0};
    buf_u8(&text, '{');
    json_field_text(&text, "id", serve->id);
    json_field_text(&text, "instance", serve->instance);
    json_field_text(&text, "state", state);
    if (why != NULL) {
        json_field_text(&text, "error", err_name(why->code));
        json_field_text(&text, "message", why->message);
        json_field_text(&text, "hint", why->hint);
    }
    if (repair != NULL) {
        json_field_uint(&text, "put", repair->put);
        json_field_uint(&text, "removed", repair->removed);
        json_field_uint(&text, "passed_over", repair->passed_over);
    }
    tables_write(serve, &text);
    buf_text(&text, "}\n");
    return file_replace(serve->answer, buf_slice(&text), err);
}

// What V asked cannot be done; the pipeline goes on.
static bool answer_failed(HoldServe *serve, const Err *why, Err *err) {
    log_err(LOG_PIPELINE, "a comparison cannot be had", why);
    return answer_put(serve, "failed", NULL, why, err);
}

static bool position_parse(const char *hex, Position *position) {
    size_t size = strlen(hex) / 2;
    if (size > POSITION_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) {
            return false;
        }
        position->bytes[i] = (uint8_t)byte;
    }
    position->size = (uint8_t)size;
    return true;
}

static void field_copy(const json_t *json, const char *name, char *to, size_t size) {
    const char *text = json_string_value(json_object_get(json, name));
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static bool ask_read(HoldServe *serve, Asked *asked, Err *err) {
    *asked = (Asked){.there = file_exists(serve->ask)};
    if (!asked->there) {
        return true;
    }
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Slice bytes;
    if (!file_read_all(serve->ask, ASK_BYTES_MAX, &arena, &bytes, err)) {
        asked->there = false; // V has just ended it
        return err->code == ERR_NOT_FOUND ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    char position[2 * POSITION_BYTES_MAX + 1], limit[24];
    field_copy(json, "id", asked->id, sizeof(asked->id));
    field_copy(json, "do", asked->what, sizeof(asked->what));
    field_copy(json, "instance", asked->instance, sizeof(asked->instance));
    field_copy(json, "corrections", asked->corrections, sizeof(asked->corrections));
    field_copy(json, "position", position, sizeof(position));
    field_copy(json, "limit", limit, sizeof(limit));
    asked->moment.commit_lsn = strtoull(limit, NULL, 10);
    bool ok = json != NULL && position_parse(position, &asked->moment.position);
    json_decref(json);
    return ok || FAIL(err, ERR_STATE_CORRUPT, "%s is not understood", serve->ask);
}

// --- steps -----------------------------------------------------------------------------------------------------

static void state_set(HoldServe *serve, HoldState state) {
    serve->state = state;
    serve->hurried = state == HOLD_ARMED;
}

static bool let_go(HoldServe *serve, Sink *sink, Err *err) {
    bool ok = sink_release(sink, HOLD_TAG, err);
    if (!ok && err_class(err->code) != ERR_CLASS_TRANSIENT) {
        log_err(LOG_PIPELINE, "the end of a comparison", err);
        err_clear(err);
        ok = true;
    }
    TRY(ok);
    state_set(serve, HOLD_NONE);
    return true;
}

// V is done.
static bool released(HoldServe *serve, Sink *sink, Err *err) {
    return let_go(serve, sink, err) && file_remove(serve->answer, err);
}

// V is gone. Its question goes under its lock, another V may just begin, and last: while it is there this is done
// again.
static bool abandoned(HoldServe *serve, Sink *sink, Err *err) {
    int lock = -1;
    if (!file_lock(serve->lock, &lock, err)) {
        return err->code == ERR_LOCKED ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    log_info(LOG_PIPELINE, "a comparison has ended without a word");
    bool ok = let_go(serve, sink, err) && file_remove_tree(serve->corrections, err) &&
              file_remove(serve->answer, err) && file_remove(serve->ask, err);
    file_close(&lock);
    return ok;
}

static bool hold_begin(HoldServe *serve, Sink *sink, Err *err) {
    Err why[1] = {{0}};
    pthread_mutex_lock(&serve->mutex);
    tables_forget(serve);
    pthread_mutex_unlock(&serve->mutex);
    serve->repairs = serve->committed = false;
    if (!sink_release(sink, HOLD_TAG, why) || !sink_hold(sink, why)) { // the tag of one before may be there
        return answer_failed(serve, why, err);
    }
    state_set(serve, HOLD_HELD);
    CRASH_POINT("hold.held");
    return answer_put(serve, "done", NULL, NULL, err);
}

static bool commit_begin(HoldServe *serve, const Asked *asked, Err *err) {
    serve->moment = asked->moment;
    serve->committed = serve->wants_cut = serve->ahead = false;
    memcpy(serve->armed, asked->id, sizeof(serve->armed));
    state_set(serve, HOLD_ARMED);
    return true;
}

// Behind a cut.
static bool repair_do(HoldServe *serve, Sink *sink, Err *err) {
    Err why[1] = {{0}};
    SinkRepair repair;
    if (!sink_repair(sink, serve->asked.corrections, &repair, why)) {
        if (err_class(why->code) == ERR_CLASS_TRANSIENT) {
            *err = *why;
            return false; // tried again when the sink was opened anew
        }
        serve->repairs = false;
        return answer_failed(serve, why, err);
    }
    serve->repairs = false;
    CRASH_POINT("hold.repaired");
    return answer_put(serve, "done", &repair, NULL, err);
}

static bool step(HoldServe *serve, Sink *sink, const Asked *asked, Err *err) {
    bool hold = strcmp(asked->what, "hold") == 0;
    if (!hold && strcmp(asked->instance, serve->instance) != 0) {
        memcpy(serve->id, asked->id, sizeof(serve->id));
        return answer_put(serve, "lost", NULL, NULL, err);
    }
    if (strcmp(asked->what, "commit") == 0) {
        if (serve->state == HOLD_HELD) {
            return commit_begin(serve, asked, err); // answered when it is made
        }
        return true;
    }
    memcpy(serve->id, asked->id, sizeof(serve->id));
    serve->repairs = !hold;
    serve->asked = *asked;
    return hold ? hold_begin(serve, sink, err) : serve->in_group || repair_do(serve, sink, err);
}

// Not before the source has told once how its tables are captured.
static bool committed_answer(HoldServe *serve, Err *err) {
    pthread_mutex_lock(&serve->mutex);
    bool looked = serve->looked;
    pthread_mutex_unlock(&serve->mutex);
    if (!looked) {
        return true;
    }
    serve->committed = false;
    memcpy(serve->id, serve->armed, sizeof(serve->id));
    return answer_put(serve, "done", NULL, NULL, err);
}

bool hold_serve_turn(HoldServe *serve, Sink *sink, Err *err) {
    int64_t now = clock_monotonic_us();
    if (now < serve->turn_at) {
        return true;
    }
    serve->turn_at = now + TURN_US;
    Asked asked;
    int pid;
    TRY(ask_read(serve, &asked, err));
    if (!asked.there) {
        return serve->state == HOLD_NONE || released(serve, sink, err);
    }
    if (!file_locked(serve->lock, &pid)) {
        return abandoned(serve, sink, err);
    }
    if (serve->committed) {
        return committed_answer(serve, err);
    }
    if (serve->repairs && !serve->in_group) {
        return repair_do(serve, sink, err);
    }
    if (strcmp(asked.id, serve->id) != 0) {
        return step(serve, sink, &asked, err);
    }
    pthread_mutex_lock(&serve->mutex);
    bool changed = serve->tables_changed && serve->state == HOLD_COMMITTED;
    pthread_mutex_unlock(&serve->mutex);
    return !changed || answer_put(serve, "done", NULL, NULL, err);
}

// --- the moment ------------------------------------------------------------------------------------------------

bool hold_serve_opened(HoldServe *serve, Sink *sink, Err *err) {
    serve->in_group = serve->ahead = false; // taken again from a cut on
    return (serve->state != HOLD_HELD && serve->state != HOLD_ARMED) || sink_hold(sink, err);
}

static bool commit_make(HoldServe *serve, Sink *sink, Err *err) {
    bool done = false;
    if (!sink_commit_at(sink, &serve->moment.position, HOLD_TAG, &done, err)) {
        Err ignored[1] = {{0}};
        memcpy(serve->id, serve->armed, sizeof(serve->id));
        (void)!answer_failed(serve, err, ignored);
        state_set(serve, HOLD_HELD); // a sink that is opened again may have nothing more to take
        return false;
    }
    serve->wants_cut = !done;
    if (done) {
        CRASH_POINT("hold.committed");
        state_set(serve, HOLD_COMMITTED);
        serve->committed = true;
        serve->turn_at = 0;
    }
    return true;
}

// A table whose rows or changes come only behind the moment's commit was not whole in it.
static void event_judge(HoldServe *serve, const JournalEntry *entry) {
    const Event *event = entry->event;
    bool late = event->commit_lsn < serve->moment.commit_lsn || event->op == OP_READ;
    if (UNLIKELY(late && serve->state == HOLD_COMMITTED)) {
        pthread_mutex_lock(&serve->mutex);
        table_doubt(serve, entry->topic->name, "it was read from the source meanwhile");
        pthread_mutex_unlock(&serve->mutex);
    }
}

// Sinks keep topics and schemas by their addresses, and those of a reader end with it.
static void entry_keep(HoldServe *serve, JournalEntry *entry) {
    JournalTopic *topic = map_find(&serve->topics, entry->topic->name);
    if (topic == NULL) {
        topic = ARENA_ARRAY(&serve->run, JournalTopic, 1);
        *topic = (JournalTopic){entry->topic->id, arena_slice(&serve->run, entry->topic->name)};
        map_put(&serve->topics, topic->name, topic);
    }
    uint32_t numbers[2] = {entry->topic->id, entry->schema->id};
    Slice key = {(const uint8_t *)numbers, sizeof(numbers)};
    Schema *schema = map_find(&serve->schemas, key);
    if (schema == NULL || !schema_equal(schema, entry->schema)) {
        schema = ARENA_ARRAY(&serve->run, Schema, 1);
        *schema = schema_copy(&serve->run, entry->schema);
        schema->id = entry->schema->id;
        map_put(&serve->schemas, key, schema);
    }
    entry->topic = topic;
    entry->schema = schema;
}

static bool ahead_read(HoldServe *serve, Sink *sink, JournalReader *reader, uint64_t skip, Err *err) {
    for (;;) {
        JournalEntry entry;
        TRY(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_CUT || entry.kind == JOURNAL_END) {
            return true;
        }
        if (entry.kind != JOURNAL_EVENT || (skip > 0 && skip-- > 0) ||
            entry.event->commit_lsn >= serve->moment.commit_lsn) {
            continue;
        }
        entry_keep(serve, &entry);
        TRY(sink_take(sink, &entry, err));
    }
}

// Within a group events are in order topic by topic only: what it has of the moment is given to the sink first.
static bool ahead_take(HoldServe *serve, Sink *sink, HoldGroup group, Err *err) {
    JournalReader *reader = NULL;
    TRY(journal_reader_open(serve->journal, group.at, AHEAD_BYTES, &reader, err));
    bool ok = ahead_read(serve, sink, reader, group.events, err);
    journal_reader_close(reader);
    serve->ahead = ok;
    return ok;
}

bool hold_serve_event(HoldServe *serve, Sink *sink, const JournalEntry *entry, HoldGroup group, bool *skip, Err *err) {
    bool within = entry->event->commit_lsn < serve->moment.commit_lsn;
    *skip = serve->ahead && within;
    if (serve->state == HOLD_ARMED && !serve->wants_cut && !within) {
        TRY(ahead_take(serve, sink, group, err));
        TRY(commit_make(serve, sink, err));
    }
    serve->in_group = true;
    if (!*skip) {
        event_judge(serve, entry);
    }
    return true;
}

bool hold_serve_cut(HoldServe *serve, Sink *sink, const Position *position, Err *err) {
    serve->in_group = serve->ahead = false;
    if (serve->repairs) {
        return repair_do(serve, sink, err);
    }
    return serve->state != HOLD_ARMED || !serve->reached(position, &serve->moment) || commit_make(serve, sink, err);
}

bool hold_serve_end(HoldServe *serve, Sink *sink, Err *err) {
    if (serve->state == HOLD_NONE) {
        return true;
    }
    Asked asked;
    TRY(let_go(serve, sink, err));
    TRY(ask_read(serve, &asked, err));
    memcpy(serve->id, asked.id, sizeof(serve->id));
    return asked.there ? answer_put(serve, "lost", NULL, NULL, err) : file_remove(serve->answer, err);
}
