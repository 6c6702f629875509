// SPDX-License-Identifier: Apache-2.0
// What stands before the first record: options, whose position it is, and where to go on.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/random.h"
#include "flow/sink/kafka/work.h"

#include <limits.h>

// --- options -----------------------------------------------------------------------------------------------------

// Of a journal that outlives the state directory it is the journal's own name.
static bool owner_load(const KafkaSink *sink, const SinkContext *context, KafkaOwner *owner, bool *known, Err *err) {
    TRY(kafka_owner_load(sink->directory, owner, known, err));
    if (!*known && context->journal_id != NULL) {
        snprintf(owner->name, sizeof(owner->name), "%s%s", context->journal_id,
                 context->journal_id); // a name is as long
        *known = true;
    }
    return true;
}

bool kafka_sink_prepare(KafkaSink *sink, const SinkContext *context, Err *err) {
    const char *name = context->pipeline != NULL ? context->pipeline : "leat"; // NULL: a probe
    sink->options = *(const KafkaSinkOptions *)context->options;
    sink->directory = arena_printf(sink->run, "%s", context->state_directory);
    sink->complete = context->complete;
    sink->key = arena_slice(sink->run, slice_of(name));
    TRY(kafka_url_parse(context->url, sink->run, &sink->url, err));
    TRY(kafka_url_options(&sink->url, &KAFKA_SINK_OPTIONS, &sink->options, sink->run, err));
    if (sink->url.path[0] != '\0') {
        FAIL(err, ERR_OPTION, "%s: a topic is named in it, and each table has its own", context->url);
        return err_hint(err, "write kafka://HOST:PORT/?topic.prefix=NAME");
    }
    sink->place = (KafkaPlace){.brokers = sink->url.brokers,
                               .options = &sink->options.kafka,
                               .client_id = arena_printf(sink->run, "leat-%s", name)};
    TRY(kafka_topic_rules_new(sink->run, &sink->options.kafka, &sink->rules, err));
    return kafka_records_new(&sink->options, context, &sink->records, err);
}

void kafka_sink_release(KafkaSink *sink) {
    kafka_producer_close(sink->producer);
    kafka_records_free(sink->records);
    kafka_topic_rules_release(sink->rules);
    map_release(&sink->tables);
    arena_release(sink->scratch);
    arena_release(sink->run);
}

// --- whose position it is ----------------------------------------------------------------------------------------

bool kafka_sink_position(KafkaSink *sink, bool wait, KafkaPosition *position, bool *found, Err *err) {
    Slice value;
    TRY(kafka_fact(&sink->place, sink->options.position_topic, sink->key, wait, sink->run, found, &value, err));
    return !*found || kafka_position_decode(value, sink->run, position, err);
}

static bool foreign_fail(const KafkaSink *sink, Err *err) {
    FAIL(err, ERR_EXISTS, "Kafka at %s has records of a pipeline %.*s that this data directory does not know",
         sink->place.brokers, SLICE_ARG(sink->key));
    return err_hint(err,
                    "its data directory is another one or was lost: use that one, or give this pipeline another --name "
                    "and another topic.prefix");
}

static bool older_fail(const KafkaSink *sink, Err *err) {
    FAIL(err, ERR_STATE_CORRUPT, "Kafka at %s is ahead of the data directory, which is an older copy",
         sink->place.brokers);
    return err_hint(err,
                    "what the topics have would be written again: use the newer directory, or begin anew under another "
                    "--name and topic.prefix");
}

static bool lost_fail(const KafkaSink *sink, Err *err) {
    FAIL(err, ERR_STATE_CORRUPT, "the position of pipeline %.*s is no more in topic %s", SLICE_ARG(sink->key),
         sink->options.position_topic);
    return err_hint(err,
                    "the topic was deleted, or is not compacted but deleted from: begin anew under another --name and "
                    "topic.prefix, or leat delete this one first");
}

// Is it the journal of this data directory that the position is of, and has that journal all of it?
static bool journal_has(const KafkaSink *sink, const KafkaPosition *position) {
    char path[PATH_MAX];
    JournalLook look;
    if (snprintf(path, sizeof(path), "%s/../../journal", sink->directory) >= (int)sizeof(path) ||
        !journal_look(path, &look, NULL, NULL, NULL, &(Err){0})) {
        return position->log == 0;
    }
    return position->log <= look.info.end && position->epoch <= look.info.epoch;
}

static bool producer_open(KafkaSink *sink, const SinkContext *context, Err *err) {
    const KafkaSinkOptions *options = &sink->options;
    const char *id = options->transactional_id[0] != '\0' ? options->transactional_id : sink->place.client_id;
    bool exactly = strcmp(options->exactly_once, "enabled") == 0;
    KafkaProducerSpec spec = {.place = sink->place,
                              .transactional_id = exactly ? id : NULL,
                              .transaction_timeout_ms = options->transaction_timeout_ms,
                              .memory_bytes_max = context->memory_bytes_max / 2,
                              .flushes = true,
                              .rules = sink->rules};
    return kafka_producer_open(&spec, &sink->producer, err);
}

// A journal is made from what the topic remembers: nobody may add to that any more.
static bool checkpoint_take(KafkaSink *sink, const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint,
                            Err *err) {
    KafkaPosition position;
    bool found = false;
    TRY(producer_open(sink, context, err) && kafka_producer_init(sink->producer, err));
    TRY(kafka_sink_position(sink, true, &position, &found, err));
    if (!found || position.state.size == 0) {
        return FAIL(err, ERR_CHANGED, "the position in Kafka was changed by somebody else just now");
    }
    *checkpoint = (SinkCheckpoint){.ahead = true, .state = arena_slice(arena, position.state), .epoch = position.epoch};
    return true;
}

static bool checkpoint_of(KafkaSink *sink, const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint,
                          Err *err) {
    KafkaPosition position;
    KafkaOwner owner;
    bool found = false, known = false, ours = false;
    TRY(owner_load(sink, context, &owner, &known, err));
    // A transaction that a killed process has left open is not waited for: the start will end it.
    for (int wait = 0; wait < 2; wait++) {
        TRY(kafka_sink_position(sink, wait, &position, &found, err));
        ours = found && known && slice_is(position.owner, owner.name);
        if ((!found && !(known && owner.claimed)) || (ours && journal_has(sink, &position))) {
            return true;
        }
    }
    if (!found) {
        return lost_fail(sink, err);
    }
    if (!sink->complete || position.state.size == 0) {
        return ours ? older_fail(sink, err) : foreign_fail(sink, err);
    }
    return checkpoint_take(sink, context, arena, checkpoint, err);
}

bool kafka_sink_checkpoint(const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint, Err *err) {
    KafkaSink sink = {0};
    arena_init(sink.run, "run", 0);
    arena_init(sink.scratch, "scratch", 0);
    *checkpoint = (SinkCheckpoint){0};
    bool ok = kafka_sink_prepare(&sink, context, err) && checkpoint_of(&sink, context, arena, checkpoint, err);
    kafka_sink_release(&sink);
    return ok;
}

// --- beginning ---------------------------------------------------------------------------------------------------

static bool owner_ensure(KafkaSink *sink, const SinkContext *context, Err *err) {
    bool known = false;
    TRY(owner_load(sink, context, &sink->owner, &known, err));
    if (known) {
        return true;
    }
    snprintf(sink->owner.name, sizeof(sink->owner.name), "%016" PRIx64 "%016" PRIx64, random_number(), random_number());
    return kafka_owner_save(sink->directory, &sink->owner, err);
}

// Where a position says to go on.
static void resume(KafkaSink *sink, const KafkaPosition *position) {
    sink->cut = sink->committed = position->log;
    sink->cut_epoch = position->epoch;
    sink->cut_sequence = position->cut;
    for (size_t i = 0; i < position->offset_count; i++) {
        KafkaTable *table = ARENA_NEW(sink->run, KafkaTable);
        table->name = position->offsets[i].topic;
        table->below = position->offsets[i].next;
        kafka_sink_touch(sink, table, table->below);
        map_put(&sink->tables, table->name, table);
    }
}

static bool claim(KafkaSink *sink, Err *err) {
    sink->moved = true;
    TRY(kafka_sink_commit(sink, err));
    CRASH_POINT("kafka.claimed");
    sink->owner.claimed = true;
    return kafka_owner_save(sink->directory, &sink->owner, err);
}

// Nobody is fenced whose position this is not.
static bool position_check(KafkaSink *sink, const SinkContext *context, bool fenced, KafkaPosition *position,
                           bool *found, bool *adopted, Err *err) {
    TRY(kafka_sink_position(sink, fenced, position, found, err));
    if (!*found) {
        return !fenced || !sink->owner.claimed || lost_fail(sink, err);
    }
    bool ours = slice_is(position->owner, sink->owner.name);
    // The journal was made from what the topic remembers, and its log positions are new; or it is elsewhere and was
    // kept.
    *adopted = !ours && sink->complete && context->compared && position->state.size > 0;
    return ours || *adopted || foreign_fail(sink, err);
}

bool kafka_sink_begin(KafkaSink *sink, const SinkContext *context, Err *err) {
    KafkaPosition position = {0};
    bool found = false, adopted = false;
    TRY(owner_ensure(sink, context, err));
    TRY(position_check(sink, context, false, &position, &found, &adopted, err));
    TRY(producer_open(sink, context, err));
    TRY(kafka_producer_facts(sink->producer, slice_of(sink->options.position_topic), &sink->facts, err));
    TRY(kafka_producer_init(sink->producer, err));
    CRASH_POINT("kafka.fenced");
    TRY(position_check(sink, context, true, &position, &found, &adopted, err)); // with what was under way before
    if (adopted) {
        position.log = context->journal_kept ? position.log : 0;
        sink->adopted = position.state;
    }
    if (found) {
        resume(sink, &position);
    }
    return (sink->owner.claimed && !adopted) || claim(sink, err);
}

// --- ending for good ---------------------------------------------------------------------------------------------

static bool position_remove(KafkaSink *sink, const SinkContext *context, Err *err) {
    KafkaPosition position;
    KafkaTopic *facts = NULL;
    bool found = false, known = false;
    TRY(kafka_owner_load(sink->directory, &sink->owner, &known, err));
    if (!known) {
        return true;
    }
    TRY(kafka_sink_position(sink, false, &position, &found, err));
    if (!found || !slice_is(position.owner, sink->owner.name)) {
        return true;
    }
    KafkaMessage message = {.key = sink->key, .timestamp_ms = clock_wall_us() / 1000};
    return producer_open(sink, context, err) &&
           kafka_producer_facts(sink->producer, slice_of(sink->options.position_topic), &facts, err) &&
           kafka_producer_init(sink->producer, err) && kafka_put(sink->producer, facts, &message, err) &&
           kafka_commit(sink->producer, err);
}

bool kafka_sink_remove(const SinkContext *context, bool purge_data, Err *err) {
    KafkaSink sink = {0};
    arena_init(sink.run, "run", 0);
    arena_init(sink.scratch, "scratch", 0);
    bool ok = kafka_sink_prepare(&sink, context, err) && position_remove(&sink, context, err);
    if (ok && purge_data) {
        log_warn(LOG_SINK, "the topics stay: Kafka's own tools delete them", LOG_TEXT("brokers", sink.place.brokers));
    }
    kafka_sink_release(&sink);
    return ok;
}
