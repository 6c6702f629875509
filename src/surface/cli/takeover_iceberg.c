// SPDX-License-Identifier: Apache-2.0
// Iceberg's sink connector of Apache. Its tasks write files, and tell of them in its control topic in the same
// transaction as the offsets of its group; a coordinator in one of the tasks puts them into the tables later, and says
// so by the offsets of a group of its own, GROUP-coord. So what the control topic tells of files behind those is in no
// table yet, although the connector's group is past it: whoever went on from the group then would leave it out for
// ever.
//
// A paused connector writes nothing more, and commits what there is. So it is paused before it is stopped; and the
// topic is looked at again behind that, for a commit may begin between the two.
#include "core/sys/clock.h"
#include "data/connect/control_event.h"
#include "surface/cli/takeover.h"

#define CLASS       "org.apache.iceberg.connect.IcebergSinkConnector"
#define PREFIX      "iceberg.control."
#define TOPIC_USUAL "control-iceberg"
enum { TURNS_MAX = 3, LOOK_US = 500000, MS_US = 1000, NEAR_RECORDS = 100 };
#define DAY_MS         INT64_C(86400000)
#define MORE_US        60000000  // past what a commit may take: for transactions whose producer has died, too
#define NO_PROGRESS_US 120000000 // on leat

// What was found in the control topic. `partitions` without any: there is no such topic.
typedef struct Control {
    Takeover *takeover;
    const char *topic, *group;
    KafkaConsumer *read, *all;  // what readers see; and what lies behind transactions that are open
    KafkaPartition *partitions; // offsets are the coordinator's
    int64_t *ends, *since;      // …of the topic; where a commit must have begun to be seen, -1 = nowhere
    size_t count;               // of partitions
    size_t waiting, odd;        // events of files that no coordinator has committed; what is no event
    bool open;                  // more of it will be seen when a transaction ends
    bool whole;                 // a commit that began behind `since` is done
    char odd_why[sizeof(((Err *)0)->message)];
    Arena scratch;
} Control;

bool takeover_is_iceberg(const TakeoverItem *item) {
    return item->plugin != NULL && strcmp(item->plugin->class_name, CLASS) == 0;
}

static const char *option(const Takeover *takeover, const TakeoverItem *item, const char *name, const char *usual) {
    const char *text = properties_text(takeover->arena, &item->connector->config, name, usual);
    return text[0] != '\0' ? text : usual;
}

// --- the control topic -------------------------------------------------------------------------------------------

static void control_close(Control *control) {
    kafka_consumer_close(control->read);
    kafka_consumer_close(control->all);
    arena_release(&control->scratch);
}

static bool partitions_find(Control *control, Err *err) {
    KafkaTopicLook *topics = NULL;
    size_t count = 0;
    Arena *arena = control->takeover->arena;
    TRY(kafka_consumer_topics(control->read, arena, &topics, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(topics[i].name, control->topic) == 0) {
            control->count = (size_t)topics[i].partitions;
        }
    }
    control->partitions = ARENA_ARRAY(arena, KafkaPartition, control->count);
    control->ends = ARENA_ARRAY(arena, int64_t, control->count);
    control->since = ARENA_ARRAY(arena, int64_t, control->count);
    for (size_t i = 0; i < control->count; i++) {
        control->partitions[i] = (KafkaPartition){control->topic, (int32_t)i, KAFKA_OFFSET_NONE, NULL};
        control->since[i] = -1;
    }
    return true;
}

static bool control_open(Takeover *takeover, const TakeoverItem *item, Control *control, Err *err) {
    const char *usual = arena_printf(takeover->arena, "connect-%s", item->connector->name);
    *control = (Control){.takeover = takeover, .topic = option(takeover, item, PREFIX "topic", TOPIC_USUAL)};
    control->group = option(takeover, item, "iceberg.connect.group-id", usual);
    arena_init(&control->scratch, "scratch", 0);
    const char *coordinator = arena_printf(takeover->arena, "%s-coord", control->group);
    return takeover_consumer_open(takeover, coordinator, false, &control->read, err) &&
           takeover_consumer_open(takeover, NULL, true, &control->all, err) && partitions_find(control, err);
}

static void event_take(Control *control, size_t at, const KafkaFetched *record) {
    Err why[1] = {{0}};
    ControlEvent event;
    bool committed = record->offset < control->partitions[at].offset;
    arena_reset(&control->scratch);
    if (!control_event_parse(&control->scratch, record->value, &event, why)) {
        control->odd += !committed;
        snprintf(control->odd_why, sizeof(control->odd_why), "%s", why->message);
        return;
    }
    if (!slice_is(event.group, control->group)) {
        return; // of another connector
    }
    control->waiting += event.type == CONTROL_DATA_WRITTEN && !committed;
    control->whole |= event.type == CONTROL_START_COMMIT && committed && control->since[at] >= 0 &&
                      record->offset >= control->since[at];
}

static void record_take(void *context, const KafkaFetched *record) {
    Control *control = context;
    size_t at = (size_t)record->partition;
    if (at >= control->count) {
        return;
    }
    if (record->kind == KAFKA_FETCHED) {
        event_take(control, at, record);
    } else {
        control->open |= record->kind != KAFKA_AT_END || record->offset < control->ends[at];
    }
}

static bool control_look(Control *control, Err *err) {
    Arena *arena = control->takeover->arena;
    KafkaPartition *from = ARENA_ARRAY(arena, KafkaPartition, control->count);
    control->waiting = control->odd = 0;
    control->open = control->whole = false;
    TRY(control->count == 0 ||
        kafka_consumer_committed(control->read, arena, control->partitions, control->count, err));
    for (size_t i = 0; i < control->count; i++) {
        int64_t first = 0, begin = control->partitions[i].offset;
        TRY(kafka_consumer_bounds(control->all, control->topic, (int32_t)i, &first, &control->ends[i], err));
        begin = control->since[i] >= 0 ? MIN(begin, control->since[i]) : begin;
        from[i] = (KafkaPartition){control->topic, (int32_t)i, MAX(begin, first), NULL};
    }
    return control->count == 0 ||
           takeover_partitions_read(control->takeover, control->read, from, control->count, record_take, control, err);
}

static bool is_settled(const Control *control) {
    return control->waiting == 0 && control->odd == 0 && !control->open;
}

static const char *what_waits(const Control *control) {
    Arena *arena = control->takeover->arena;
    if (control->waiting > 0) {
        return arena_printf(arena,
                            "%zu events of topic %s tell of files that no coordinator has put into their tables yet",
                            control->waiting, control->topic);
    }
    return control->odd > 0 ? arena_printf(arena, "topic %s has %zu records that leat does not understand: %s",
                                           control->topic, control->odd, control->odd_why)
                            : arena_printf(arena, "topic %s has a transaction that has not ended", control->topic);
}

// --- the plan ----------------------------------------------------------------------------------------------------

// What this class does not know and leat does, so that tables would get other rows than before.
static void unknown_note(Takeover *takeover, TakeoverItem *item, const char *key) {
    const char *value = option(takeover, item, key, "");
    if (value[0] != '\0' && strcasecmp(value, "false") != 0) {
        takeover_note(takeover, item, true,
                      "%s has no effect with " CLASS ", which appends; leat would replace rows: take it out of the "
                      "configuration first",
                      key);
    }
}

static bool control_judge(Takeover *takeover, TakeoverItem *item, Control *control, Err *err) {
    TRY(control_look(control, err));
    if (control->count == 0 && item->committed_count > 0) {
        takeover_note(takeover, item, true,
                      "Kafka has no control topic %s that this user may see: it cannot be known whether files wait "
                      "there for a coordinator",
                      control->topic);
    } else if (!is_settled(control)) {
        takeover_note(takeover, item, false, "%s: --execute waits for that", what_waits(control));
    }
    return true;
}

bool takeover_iceberg_judge(Takeover *takeover, TakeoverItem *item, Err *err) {
    Control control;
    unknown_note(takeover, item, "iceberg.tables.upsert-mode-enabled");
    unknown_note(takeover, item, "iceberg.tables.cdc-field");
    bool ok = control_open(takeover, item, &control, err) && control_judge(takeover, item, &control, err);
    control_close(&control);
    return ok;
}

// --- stopping it in Connect --------------------------------------------------------------------------------------

static int64_t commit_us(const Takeover *takeover, const TakeoverItem *item) {
    int64_t interval = strtoll(option(takeover, item, PREFIX "commit.interval-ms", "300000"), NULL, 10);
    int64_t timeout = strtoll(option(takeover, item, PREFIX "commit.timeout-ms", "30000"), NULL, 10);
    return (MIN(MAX(interval, 0), DAY_MS) + MIN(MAX(timeout, 0), DAY_MS)) * MS_US + MORE_US;
}

static bool runs(Takeover *takeover, const TakeoverItem *item, Err *err) {
    TakeoverState state;
    TRY(takeover_state(takeover, &takeover->connect, item->connector->name, &state, err));
    return state.trace == NULL || FAIL(err, ERR_NET_SETUP, "a task has failed in Kafka Connect: %.300s", state.trace);
}

// With `whole`, until a commit that began behind the pause is done: what the tasks held then is in the tables.
static bool settle(Takeover *takeover, const TakeoverItem *item, Control *control, bool whole, Err *err) {
    int64_t deadline = clock_monotonic_us() + commit_us(takeover, item);
    for (bool first = true;; first = false) {
        TRY(control_look(control, err));
        for (size_t i = 0; first && i < control->count; i++) {
            control->since[i] = control->ends[i];
        }
        if (is_settled(control) && (!whole || control->whole || control->count == 0)) {
            return true;
        }
        TRY(runs(takeover, item, err));
        if (cli_stop || clock_monotonic_us() > deadline) {
            return cli_stop ? FAIL(err, ERR_INTERRUPTED, "stopped")
                            : FAIL(err, ERR_NET_BUSY, "%s",
                                   is_settled(control) ? "it makes no commit" : what_waits(control));
        }
        clock_sleep_us(LOOK_US);
    }
}

static bool pause_settled(Takeover *takeover, const TakeoverItem *item, Control *control, bool whole, Err *err) {
    const char *name = item->connector->name;
    TakeoverState state;
    TRY(takeover_ask(takeover, &takeover->connect, "PUT", "/connectors/%s/pause", name, SLICE(""), err));
    TRY(takeover_state_wait(takeover, &takeover->connect, name, "PAUSED", &state, err));
    takeover_say(takeover, name, "paused in Kafka Connect, until nothing waits in its control topic");
    return settle(takeover, item, control, whole, err);
}

// It goes on in Connect, as before.
static bool let_go(Takeover *takeover, const TakeoverItem *item, Err *err) {
    Err ignored[1] = {{0}};
    const char *name = item->connector->name;
    bool on = takeover_ask(takeover, &takeover->connect, "PUT", "/connectors/%s/resume", name, SLICE(""), ignored);
    takeover_say(takeover, name, on ? "resumed in Kafka Connect" : "paused in Kafka Connect, and could not be resumed");
    if (err->code != ERR_INTERRUPTED) {
        err_hint(err, "see in the workers' log why its coordinator does not commit; then the same command again");
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool stop_once(Takeover *takeover, const TakeoverItem *item, Control *control, bool whole, Err *err) {
    const char *name = item->connector->name;
    TakeoverState state;
    TRY(takeover_state(takeover, &takeover->connect, name, &state, err));
    if (state.found && strcmp(state.state, "STOPPED") == 0 && state.tasks == 0) {
        return true;
    }
    // One that has failed commits nothing more: what it has left is seen when it has stopped.
    TRY(state.trace != NULL || pause_settled(takeover, item, control, whole, err) || let_go(takeover, item, err));
    TRY(takeover_ask(takeover, &takeover->connect, "PUT", "/connectors/%s/stop", name, SLICE(""), err));
    TRY(takeover_state_wait(takeover, &takeover->connect, name, "STOPPED", &state, err));
    takeover_say(takeover, name, "stopped in Kafka Connect");
    return true;
}

// Looks until what a task has begun is over: transactions end by themselves.
static bool look_at_rest(Control *control, Err *err) {
    for (int64_t deadline = clock_monotonic_us() + MORE_US;;) {
        TRY(control_look(control, err));
        if (!control->open || cli_stop || clock_monotonic_us() > deadline) {
            return true;
        }
        clock_sleep_us(LOOK_US);
    }
}

static bool waits(const Control *control, Err *err) {
    bool asked = control->takeover->connect.base != NULL;
    FAIL(err, ERR_NET_BUSY, "%s", what_waits(control));
    return err_hint(err, asked ? "it goes on in Kafka Connect: see in the workers' log why it does not commit; then "
                                 "the same command again"
                               : "resume it in Kafka Connect until it has committed; or give --connect-url URL, then "
                                 "leat does it");
}

static bool stop(Takeover *takeover, const TakeoverItem *item, Control *control, Err *err) {
    const char *name = item->connector->name;
    TakeoverState state;
    for (int turn = 0; turn < TURNS_MAX && takeover->connect.base != NULL; turn++) {
        TRY(stop_once(takeover, item, control, turn > 0, err));
        TRY(look_at_rest(control, err));
        if (is_settled(control)) {
            return true;
        }
        takeover_say(takeover, name,
                     arena_printf(takeover->arena, "%s: resumed in Kafka Connect", what_waits(control)));
        TRY(takeover_ask(takeover, &takeover->connect, "PUT", "/connectors/%s/resume", name, SLICE(""), err));
        TRY(takeover_state_wait(takeover, &takeover->connect, name, "RUNNING", &state, err));
    }
    TRY(takeover->connect.base != NULL || look_at_rest(control, err));
    return is_settled(control) || waits(control, err);
}

bool takeover_iceberg_stop(Takeover *takeover, TakeoverItem *item, Err *err) {
    Control control;
    bool ok = control_open(takeover, item, &control, err) && stop(takeover, item, &control, err);
    control_close(&control);
    return ok;
}

// --- back --------------------------------------------------------------------------------------------------------

typedef struct CatchUp {
    KafkaPartition *partitions; // of the group
    int64_t *ends;
    size_t count;
} CatchUp;

typedef struct Below {
    int64_t end;
    size_t records;
} Below;

static void below_take(void *context, const KafkaFetched *record) {
    Below *below = context;
    below->records += record->kind == KAFKA_FETCHED && record->offset < below->end;
}

// How much in all. Offsets that no record has (markers of transactions) are told to the group with what comes behind
// them, which may be nothing: near the end it is the records that count.
static bool missing(Takeover *takeover, KafkaConsumer *consumer, CatchUp *catch_up, size_t *count, Err *err) {
    *count = 0;
    TRY(kafka_consumer_committed(consumer, takeover->arena, catch_up->partitions, catch_up->count, err));
    for (size_t i = 0; i < catch_up->count; i++) {
        const KafkaPartition *at = &catch_up->partitions[i];
        Below below = {.end = catch_up->ends[i]};
        int64_t ahead = below.end - at->offset;
        bool near = ahead > 0 && ahead < NEAR_RECORDS;
        TRY(!near || takeover_partitions_read(takeover, consumer, at, 1, below_take, &below, err));
        *count += near ? below.records : (size_t)MAX(ahead, 0);
    }
    return true;
}

static bool caught_up_wait(Takeover *takeover, const char *name, KafkaConsumer *consumer, CatchUp *catch_up, Err *err) {
    size_t least = SIZE_MAX;
    for (int64_t heard_us = clock_monotonic_us();;) {
        size_t now = 0;
        TRY(missing(takeover, consumer, catch_up, &now, err));
        if (now == 0) {
            return true;
        }
        heard_us = now < least ? clock_monotonic_us() : heard_us;
        least = MIN(least, now);
        if (cli_stop || clock_monotonic_us() - heard_us > NO_PROGRESS_US) {
            return cli_stop ? FAIL(err, ERR_INTERRUPTED, "stopped")
                            : FAIL(err, ERR_NET_BUSY, "%s does not get on on leat: its group is %zu records behind",
                                   name, now);
        }
        clock_sleep_us(LOOK_US);
    }
}

static bool catch_up_make(Takeover *takeover, TakeoverItem *item, KafkaConsumer *consumer, CatchUp *catch_up,
                          Err *err) {
    const char *note = kafka_note(takeover->arena, slice_of(item->connector->name)), *who = NULL;
    TRY(takeover_committed(takeover, item, err));
    catch_up->partitions = ARENA_ARRAY(takeover->arena, KafkaPartition, item->committed_count);
    catch_up->ends = ARENA_ARRAY(takeover->arena, int64_t, item->committed_count);
    for (size_t i = 0; i < item->committed_count; i++) {
        const KafkaPartition *at = &item->committed[i];
        if (kafka_set_by(at, note, &who) == KAFKA_SET_BY_SELF) { // of what leat reads
            TRY(kafka_consumer_bounds(consumer, at->topic, at->partition, NULL, &catch_up->ends[catch_up->count], err));
            catch_up->partitions[catch_up->count++] = *at;
        }
    }
    return true;
}

// Tables are committed one after the other where the catalog knows no other way, so one may be ahead of the others, and
// of the group, after a crash. Not of what the topics had when it began to run again.
bool takeover_iceberg_caught_up(Takeover *takeover, TakeoverItem *item, Err *err) {
    CatchUp catch_up = {0};
    KafkaConsumer *consumer = NULL;
    bool ok = takeover_consumer_open(takeover, takeover_group(takeover, item), false, &consumer, err) &&
              catch_up_make(takeover, item, consumer, &catch_up, err) &&
              caught_up_wait(takeover, item->connector->name, consumer, &catch_up, err);
    kafka_consumer_close(consumer);
    return ok;
}

bool takeover_iceberg_group_check(Takeover *takeover, TakeoverItem *item, Err *err) {
    const char *name = item->connector->name;
    KafkaPartition *tables = NULL;
    size_t count = 0;
    TRY(takeover_sink_offsets(takeover, name, &tables, &count, err));
    TRY(takeover_committed(takeover, item, err));
    for (size_t i = 0; i < count; i++) {
        int64_t group = KAFKA_OFFSET_NONE;
        for (size_t j = 0; j < item->committed_count; j++) {
            const KafkaPartition *at = &item->committed[j];
            bool same = at->partition == tables[i].partition && strcmp(at->topic, tables[i].topic) == 0;
            group = same ? at->offset : group;
        }
        if (group != tables[i].offset) {
            FAIL(err, ERR_NET_BUSY, "the tables have %s-%d up to %" PRId64 ", and group %s is at %" PRId64,
                 tables[i].topic, tables[i].partition, tables[i].offset, takeover_group(takeover, item), group);
            return err_hint(err, "the same command again has leat tell the group");
        }
    }
    return true;
}
