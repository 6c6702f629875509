// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/topic_feed.h"

#include "core/base/digest.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#define GROUP_US   20000             // a group of entries is cut behind it
#define REFRESH_US (5 * 1000 * 1000) // between looks for topics and partitions
#define TELL_US    (1 * 1000 * 1000) // between words to the group
// …of all partitions: what was not told for offsets.retention.minutes, a week, brokers forget.
#define TELL_ALL_US (INT64_C(3600) * 1000 * 1000)
enum { GROUP_ENTRIES = 8192, EPOCH_SHIFT = 32, EPOCH_BYTES = 32, MEMORY_PART = 4 };

typedef struct FeedPartition {
    const char *topic;
    int32_t number;
    JournalTopic journal; // "TOPIC/PARTITION"
    Schema schema;
    int64_t next; // offset that is to be taken next
    int64_t from; // where Kafka is asked from: above it where that is not there any more
    int64_t told; // …that the group has, with our note; KAFKA_OFFSET_NONE = something else
    KafkaWatched *watched;
    bool gone;
} FeedPartition;

typedef struct FeedTopic {
    const char *name;
    FeedPartition **partitions; // NULL = another task's
    int32_t count;
    int64_t seen_us; // by the newest look
    int missed;      // looks in a row that did not see it
} FeedTopic;

struct TopicFeed {
    const TopicFeedSpec *spec;
    const SinkContext *context; // of the attempt, with the Kafka's identity
    TopicRecords *maker;
    Arena run[1], scratch[1];
    KafkaConsumer *consumer;
    Map by_name; // FeedTopic
    Map by_key;  // "TOPIC/PARTITION" to FeedPartition
    FeedTopic *last;
    const char *note;
    uint32_t partition_count;
    bool first; // the group has nothing of ours, and the sink has nothing

    const KafkaFetched *batch;
    size_t batch_count, batch_at;
    Event event;
    Position position;
    uint64_t epoch_floor; // that the target remembers
    uint64_t epoch, cuts;
    uint32_t entries; // since the last cut
    int64_t group_us; // of the first of them
    int64_t refresh_at, tell_at, tell_all_at;
    bool open; // the sink is
};

// --- where a partition begins ----------------------------------------------------------------------------------

static Slice key_of(Arena *arena, const char *topic, int32_t partition) {
    return slice_of(arena_printf(arena, "%s/%d", topic, partition));
}

static int64_t sink_offset(const SinkOffset *offsets, size_t count, Slice key) {
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(offsets[i].topic, key)) {
            return (int64_t)offsets[i].committed;
        }
    }
    return KAFKA_OFFSET_NONE;
}

static bool is_lake(const TopicFeedSpec *spec) {
    return strcmp(spec->sink->name, "iceberg") == 0;
}

// The group's offset counts where somebody else has set it.
static bool foreign(const KafkaPartition *group, const char *note) {
    const char *name = NULL;
    return kafka_set_by(group, note, &name) >= KAFKA_SET_BY_READER;
}

static bool group_check(const TopicFeedSpec *spec, const KafkaPartition *group, const char *note, Err *err) {
    const char *name = NULL;
    if (kafka_set_by(group, note, &name) != KAFKA_SET_BY_READER) {
        return true;
    }
    FAIL(err, ERR_LOCKED, "consumer group %s is that of %s", spec->options.group, name);
    return err_hint(err, "give this connector a group of its own: consumer.override.group.id");
}

// What Connect's consumer does by auto.offset.reset, said aloud.
static bool lost(const TopicFeedSpec *spec, const FeedPartition *partition, int64_t first, int64_t end, int64_t *next,
                 Err *err) {
    bool removed = *next < first;
    const char *why = removed ? "retention has removed what was to be read next"
                              : "the topic ends below it: it was made anew, or its brokers have lost records";
    bool none = strcmp(spec->options.reset, "none") == 0;
    if (removed && !none) {
        int64_t to = strcmp(spec->options.reset, "latest") == 0 ? end : first;
        log_warn(LOG_SINK, "records are lost", LOG_TEXT("topic", partition->topic),
                 LOG_INT("partition", partition->number), LOG_INT("offset", *next), LOG_INT("goes_on_at", to),
                 LOG_TEXT("reason", why));
        partition->watched->lost += (uint64_t)(to - *next);
        *next = to;
        return true;
    }
    FAIL(err, ERR_SLOT_LOST, "%s-%d@%" PRId64 " is not there (%" PRId64 " to %" PRId64 "): %s", partition->topic,
         partition->number, *next, first, end, why);
    return err_hint(err,
                    "say where to go on: PATCH or DELETE the connector's offsets, or kafka-consumer-groups --group %s "
                    "--topic %s --reset-offsets",
                    spec->options.group, partition->topic);
}

static bool in_bounds(TopicFeed *feed, FeedPartition *partition, int64_t *first, int64_t *end, Err *err) {
    TRY(kafka_consumer_bounds(feed->consumer, partition->topic, partition->number, first, end, err));
    if (partition->next != KAFKA_OFFSET_NONE) {
        return (partition->next >= *first && partition->next <= *end) ||
               lost(feed->spec, partition, *first, *end, &partition->next, err);
    }
    if (strcmp(feed->spec->options.reset, "none") == 0) {
        FAIL(err, ERR_SLOT_LOST, "%s-%d: consumer group %s has no offset, and auto.offset.reset is none",
             partition->topic, partition->number, feed->spec->options.group);
        return err_hint(err, "set one: kafka-consumer-groups --reset-offsets, or another auto.offset.reset");
    }
    bool latest = feed->first && strcmp(feed->spec->options.reset, "latest") == 0;
    partition->next = latest ? *end : *first;
    return true;
}

static bool looks(KafkaConsumer *consumer, const TopicFeedSpec *spec, Arena *arena, KafkaTopicLook **wanted,
                  size_t *count, size_t *partitions, Err *err) {
    KafkaTopicLook *all = NULL;
    size_t known = 0;
    *count = *partitions = 0;
    TRY(kafka_consumer_topics(consumer, arena, &all, &known, err));
    for (size_t i = 0; i < known; i++) {
        if (topic_choice_has(spec->topics, slice_of(all[i].name))) {
            *partitions += (size_t)all[i].partitions;
            all[(*count)++] = all[i];
        }
    }
    *wanted = all;
    return true;
}

static bool partitions_list(KafkaConsumer *consumer, const TopicFeedSpec *spec, Arena *arena,
                            KafkaPartition **partitions, size_t *count, Err *err) {
    KafkaTopicLook *all = NULL;
    size_t topics = 0, most = 0;
    *count = 0;
    TRY(looks(consumer, spec, arena, &all, &topics, &most, err));
    *partitions = ARENA_ARRAY(arena, KafkaPartition, most);
    for (size_t i = 0; i < topics; i++) {
        for (int32_t j = 0; j < all[i].partitions; j++) {
            (*partitions)[(*count)++] =
                (KafkaPartition){.topic = all[i].name, .partition = j, .offset = KAFKA_OFFSET_NONE};
        }
    }
    return true;
}

// --- taking up partitions --------------------------------------------------------------------------------------

// What is found out of those that are taken up together.
typedef struct Taking {
    Arena *arena;
    KafkaPartition *group; // offsets and notes of the group
    FeedPartition **at;
    size_t count;
    SinkOffset *offsets; // of the sink
    size_t offset_count;
    SinkReset *resets;
    size_t reset_count;
} Taking;

static bool partition_begin(TopicFeed *feed, Taking *taking, size_t i, Err *err) {
    FeedPartition *partition = taking->at[i];
    const KafkaPartition *group = &taking->group[i];
    int64_t first = 0, end = 0;
    int64_t own = sink_offset(taking->offsets, taking->offset_count, partition->journal.name);
    bool other = foreign(group, feed->note);
    TRY(group_check(feed->spec, group, feed->note, err));
    partition->next = other ? group->offset : own != KAFKA_OFFSET_NONE ? own : group->offset;
    partition->told = other ? KAFKA_OFFSET_NONE : group->offset;
    TRY(in_bounds(feed, partition, &first, &end, err));
    partition->from = partition->next;
    if (!other && own != KAFKA_OFFSET_NONE) {
        partition->next = own; // what is lost is passed over with the next record
    }
    if (is_lake(feed->spec) && own > end) { // by their offsets the tables would take its records for those they have
        FAIL(err, ERR_SLOT_LOST, "%s-%d ends at %" PRId64 ", and the tables have its records up to %" PRId64 ": %s",
             partition->topic, partition->number, end, own, "it was made anew, or its brokers have lost records");
        return err_hint(err, "read it with a connector of another name");
    }
    if (other && own != KAFKA_OFFSET_NONE && own != partition->next) {
        log_warn(LOG_SINK, "the consumer group's offset was set: it is read from there",
                 LOG_TEXT("topic", partition->topic), LOG_INT("partition", partition->number),
                 LOG_INT("from", partition->next), LOG_INT("was_at", own));
        taking->resets[taking->reset_count++] = (SinkReset){.topic = partition->journal.name,
                                                            .to = (uint64_t)partition->next,
                                                            .oldest = (uint64_t)MAX(first, 0),
                                                            .end = (uint64_t)MAX(end, own)};
    }
    return true;
}

static bool resets_do(TopicFeed *feed, Taking *taking, Err *err) {
    if (taking->reset_count == 0 || is_lake(feed->spec)) {
        return true;
    }
    if (feed->open) { // a topic that was gone has come again: not while the sink is open
        return FAIL(err, ERR_NET_BUSY, "topics have come again: they are taken up anew");
    }
    TRY(feed->spec->sink->reset(feed->context, taking->resets, taking->reset_count, false, err));
    for (size_t i = 0; i < taking->reset_count; i++) {
        const SinkReset *reset = &taking->resets[i];
        FeedPartition *partition = map_find(&feed->by_key, reset->topic);
        partition->next = partition->from =
            (int64_t)reset->now; // the nearest that no object has records on both sides of
    }
    return true;
}

// The group has our note from here on: a restart goes on at the same place.
static bool group_take(TopicFeed *feed, Taking *taking, Err *err) {
    size_t count = 0;
    for (size_t i = 0; i < taking->count; i++) {
        FeedPartition *partition = taking->at[i];
        if (partition->told == KAFKA_OFFSET_NONE) {
            taking->group[count++] = (KafkaPartition){partition->topic, partition->number, partition->next, feed->note};
            partition->told = partition->next;
        }
    }
    TRY(count == 0 || kafka_consumer_commit(feed->consumer, taking->group, count, err));
    for (size_t i = 0; i < taking->count; i++) {
        const FeedPartition *partition = taking->at[i];
        kafka_watched_at(partition->watched, partition->next);
        taking->group[i] = (KafkaPartition){partition->topic, partition->number, partition->from, NULL};
    }
    return kafka_consumer_assign(feed->consumer, taking->group, taking->count, err);
}

static bool any_known(const Taking *taking) {
    bool any = taking->offset_count > 0;
    for (size_t i = 0; i < taking->count && !any; i++) {
        any = taking->group[i].offset != KAFKA_OFFSET_NONE;
    }
    return any;
}

// …of any task's partitions: then those of this one are new.
static bool others_look(TopicFeed *feed, Arena *arena, Err *err) {
    KafkaPartition *all = NULL;
    size_t count = 0;
    TRY(partitions_list(feed->consumer, feed->spec, arena, &all, &count, err));
    TRY(kafka_consumer_committed(feed->consumer, arena, all, count, err));
    for (size_t i = 0; i < count; i++) {
        feed->first = feed->first && all[i].offset == KAFKA_OFFSET_NONE;
    }
    return true;
}

static bool take_up(TopicFeed *feed, Taking *taking, bool first, Err *err) {
    if (taking->count == 0) {
        return true;
    }
    taking->resets = ARENA_ARRAY(taking->arena, SinkReset, taking->count);
    TRY(kafka_consumer_committed(feed->consumer, taking->arena, taking->group, taking->count, err));
    TRY(feed->spec->sink->offsets(feed->context, taking->arena, &taking->offsets, &taking->offset_count, err));
    feed->first = first && !any_known(taking);
    TRY(!feed->first || feed->context->share == NULL || others_look(feed, taking->arena, err));
    for (size_t i = 0; i < taking->count; i++) {
        TRY(partition_begin(feed, taking, i, err));
    }
    TRY(resets_do(feed, taking, err));
    return group_take(feed, taking, err);
}

static FeedPartition *partition_new(TopicFeed *feed, const char *topic, int32_t number) {
    FeedPartition *made = ARENA_NEW(feed->run, FeedPartition);
    uint32_t id = ++feed->partition_count;
    *made = (FeedPartition){.topic = topic, .number = number, .told = KAFKA_OFFSET_NONE};
    made->journal = (JournalTopic){id, key_of(feed->run, topic, number)};
    made->schema = (Schema){.id = id,
                            .space = slice_of(topic),
                            .table = slice_of(arena_printf(feed->run, "%d", number)),
                            .identity = IDENTITY_NOTHING};
    made->watched = kafka_watch_partition(feed->spec->watch, topic, number);
    map_put(&feed->by_key, made->journal.name, made);
    return made;
}

static void topic_add(TopicFeed *feed, Taking *taking, const KafkaTopicLook *look) {
    const SinkShare *share = feed->context->share;
    FeedTopic *topic = map_find(&feed->by_name, slice_of(look->name));
    if (topic == NULL) {
        topic = ARENA_NEW(feed->run, FeedTopic);
        topic->name = arena_printf(feed->run, "%s", look->name);
        map_put(&feed->by_name, slice_of(topic->name), topic);
        log_info(LOG_SINK, "a topic is read", LOG_TEXT("topic", topic->name), LOG_INT("partitions", look->partitions));
    }
    if (look->partitions <= topic->count) {
        return;
    }
    FeedPartition **all = ARENA_ARRAY(feed->run, FeedPartition *, (size_t)look->partitions);
    for (int32_t i = 0; i < look->partitions; i++) {
        bool ours = share == NULL || share_task(slice_of(topic->name), i, share->tasks) == share->task;
        all[i] = i < topic->count ? topic->partitions[i] : ours ? partition_new(feed, topic->name, i) : NULL;
        if (i >= topic->count && ours) {
            taking->group[taking->count] =
                (KafkaPartition){.topic = topic->name, .partition = i, .offset = KAFKA_OFFSET_NONE};
            taking->at[taking->count++] = all[i];
        }
    }
    topic->partitions = all;
    topic->count = look->partitions;
}

static bool again(const TopicFeed *feed, const KafkaTopicLook *look, Err *err) {
    const FeedTopic *topic = map_find(&feed->by_name, slice_of(look->name));
    for (int32_t i = 0; topic != NULL && i < topic->count; i++) {
        if (topic->partitions[i] != NULL && topic->partitions[i]->gone) {
            FAIL(err, ERR_SLOT_LOST, "topic %s was deleted and made anew: its offsets are others now", look->name);
            return err_hint(err, "stop the connector and say where to go on: PATCH or DELETE its offsets");
        }
    }
    return true;
}

static bool gone(TopicFeed *feed, FeedPartition *partition, Err *err) {
    KafkaPartition place = {.topic = partition->topic, .partition = partition->number};
    log_warn(LOG_SINK, "a topic is not there any more", LOG_TEXT("topic", partition->topic),
             LOG_INT("partition", partition->number), LOG_INT("offset", partition->next));
    partition->gone = true;
    kafka_watched_at(partition->watched, KAFKA_OFFSET_NONE);
    return kafka_consumer_drop(feed->consumer, &place, 1, err);
}

// Topics that brokers do not list any more. librdkafka would tell minutes later, when there may be another of the name.
// A broker that has just begun may list none: one look is no proof.
static bool absent(TopicFeed *feed, int64_t now, Err *err) {
    for (MapEntry *entry = NULL; (entry = map_next(&feed->by_name, entry)) != NULL;) {
        FeedTopic *topic = entry->value;
        topic->missed = topic->seen_us == now ? 0 : topic->missed + 1;
        for (int32_t i = 0; topic->missed > 1 && i < topic->count; i++) {
            FeedPartition *partition = topic->partitions[i];
            TRY(partition == NULL || partition->gone || gone(feed, partition, err));
        }
    }
    return true;
}

static bool refresh(TopicFeed *feed, bool first, Err *err) {
    KafkaTopicLook *all = NULL;
    size_t count = 0, partitions = 0;
    Taking taking = {.arena = feed->scratch};
    int64_t now = clock_monotonic_us();
    arena_reset(feed->scratch);
    feed->refresh_at = now + REFRESH_US;
    TRY(looks(feed->consumer, feed->spec, feed->scratch, &all, &count, &partitions, err));
    taking.group = ARENA_ARRAY(feed->scratch, KafkaPartition, partitions);
    taking.at = ARENA_ARRAY(feed->scratch, FeedPartition *, partitions);
    for (size_t i = 0; i < count; i++) {
        TRY(again(feed, &all[i], err));
        topic_add(feed, &taking, &all[i]);
        ((FeedTopic *)map_find(&feed->by_name, slice_of(all[i].name)))->seen_us = now;
    }
    TRY(absent(feed, now, err));
    return take_up(feed, &taking, first, err);
}

// --- the group -------------------------------------------------------------------------------------------------

// It is for Kafka's tools to see; that it cannot be told stops nothing.
static bool group_tell(TopicFeed *feed, Err *err) {
    SinkOffset *offsets = NULL;
    size_t count = 0, changed = 0;
    int64_t now = clock_monotonic_us();
    bool all = now >= feed->tell_all_at;
    feed->tell_at = now + TELL_US;
    feed->tell_all_at = all ? now + TELL_ALL_US : feed->tell_all_at;
    arena_reset(feed->scratch);
    TRY(feed->spec->sink->offsets(feed->context, feed->scratch, &offsets, &count, err));
    KafkaPartition *list = ARENA_ARRAY(feed->scratch, KafkaPartition, count);
    for (size_t i = 0; i < count; i++) {
        FeedPartition *partition = map_find(&feed->by_key, offsets[i].topic);
        int64_t at = (int64_t)offsets[i].committed;
        if (partition != NULL && !partition->gone) {
            kafka_watched_at(partition->watched, MAX(at, atomic_load(&partition->watched->at)));
        }
        if (partition != NULL && !partition->gone && (partition->told < at || (all && partition->told == at))) {
            list[changed++] = (KafkaPartition){partition->topic, partition->number, at, feed->note};
            partition->told = at;
        }
    }
    if (changed > 0 && !kafka_consumer_commit(feed->consumer, list, changed, err)) {
        if (err_class(err->code) != ERR_CLASS_TRANSIENT) {
            return err_frame(err, __FILE__, __LINE__);
        }
        log_warn(LOG_SINK, "the consumer group is not told yet", LOG_TEXT("reason", err->message));
        err_clear(err);
        feed->tell_all_at = 0;
    }
    return true;
}

// --- entries ---------------------------------------------------------------------------------------------------

static LogPosition position_at(const TopicFeed *feed, uint64_t cuts) {
    return feed->epoch << EPOCH_SHIFT | cuts;
}

static void entry_event(TopicFeed *feed, FeedPartition *partition, uint32_t span, const KafkaFetched *record,
                        JournalEntry *entry) {
    int64_t ms = record != NULL ? record->timestamp_ms : -1;
    if (feed->entries++ == 0) {
        feed->group_us = clock_monotonic_us();
    }
    feed->event = (Event){.op = OP_CREATE, .offset_span = span, .source_us = MAX(ms, 0) * 1000};
    *entry = (JournalEntry){.kind = JOURNAL_EVENT,
                            .at = position_at(feed, feed->cuts),
                            .next = position_at(feed, feed->cuts),
                            .topic = &partition->journal,
                            .schema = &partition->schema,
                            .offset = (uint64_t)partition->next,
                            .event = &feed->event};
    topic_records_set(feed->maker, record);
    if (record != NULL) {
        kafka_watched_read(partition->watched, record->key.size + record->value.size);
    }
    partition->next += span;
}

static void entry_cut(TopicFeed *feed, JournalEntry *entry) {
    uint8_t bytes[sizeof(uint64_t)];
    feed->cuts++;
    feed->entries = 0;
    uint64_t sequence = position_at(feed, feed->cuts);
    memcpy(bytes, &sequence, sizeof(bytes));
    feed->position = position_of((Slice){bytes, sizeof(bytes)});
    *entry = (JournalEntry){.kind = JOURNAL_CUT,
                            .at = position_at(feed, feed->cuts - 1),
                            .next = sequence,
                            .epoch = feed->epoch,
                            .cut_sequence = sequence,
                            .position = &feed->position,
                            .cut_ms = (uint64_t)(clock_wall_us() / 1000)};
}

static FeedPartition *partition_of(TopicFeed *feed, const KafkaFetched *record) {
    if (UNLIKELY(feed->last == NULL || strcmp(feed->last->name, record->topic) != 0)) {
        feed->last = map_find(&feed->by_name, slice_of(record->topic));
    }
    bool known = feed->last != NULL && record->partition >= 0 && record->partition < feed->last->count;
    return known ? feed->last->partitions[record->partition] : NULL;
}

static bool reassign(TopicFeed *feed, FeedPartition *partition, Err *err) {
    int64_t first = 0, end = 0, was = partition->next;
    KafkaPartition place = {.topic = partition->topic, .partition = partition->number};
    TRY(in_bounds(feed, partition, &first, &end, err));
    TRY(kafka_consumer_drop(feed->consumer, &place, 1, err));
    place.offset = partition->next;
    partition->next = was; // what is not there is passed over with the next record
    return kafka_consumer_assign(feed->consumer, &place, 1, err);
}

// *made: there is an entry; else the next of the batch is looked at.
static bool fetched_take(TopicFeed *feed, const KafkaFetched *fetched, JournalEntry *entry, bool *made, Err *err) {
    FeedPartition *partition = partition_of(feed, fetched);
    *made = false;
    if (partition == NULL || partition->gone) {
        feed->batch_at++;
        return true;
    }
    if (LIKELY(fetched->kind == KAFKA_FETCHED || fetched->kind == KAFKA_AT_END)) {
        int64_t ahead = fetched->offset - partition->next;
        if (UNLIKELY(ahead > 0)) { // markers of transactions, what compaction or retention has removed
            entry_event(feed, partition, (uint32_t)MIN(ahead, INT64_C(1) << 30), NULL, entry);
            *made = true;
            return true;
        }
        feed->batch_at++;
        *made = ahead == 0 && fetched->kind == KAFKA_FETCHED;
        if (LIKELY(*made)) {
            kafka_consumer_headers(feed->consumer, fetched);
            entry_event(feed, partition, 1, fetched, entry);
        }
        return true;
    }
    feed->batch_at++;
    return fetched->kind == KAFKA_OUT_OF_RANGE ? reassign(feed, partition, err) : gone(feed, partition, err);
}

static bool poll(TopicFeed *feed, int timeout_ms, Err *err) {
    feed->batch_at = feed->batch_count = 0;
    topic_records_set(feed->maker, NULL);
    return kafka_consumer_poll(feed->consumer, timeout_ms, &feed->batch, &feed->batch_count, err);
}

static bool feed_next(void *owner, JournalEntry *entry, Err *err) {
    TopicFeed *feed = *(TopicFeed **)owner;
    for (;;) {
        while (feed->batch_at < feed->batch_count) {
            bool made = false;
            TRY(fetched_take(feed, &feed->batch[feed->batch_at], entry, &made, err));
            if (made) {
                return true;
            }
        }
        int64_t now = clock_monotonic_us();
        if (feed->entries > 0 && (feed->entries >= GROUP_ENTRIES || now - feed->group_us >= GROUP_US)) {
            entry_cut(feed, entry);
            return true;
        }
        TRY(now < feed->refresh_at || refresh(feed, false, err));
        TRY(now < feed->tell_at || group_tell(feed, err));
        TRY(poll(feed, 0, err));
        if (feed->batch_count == 0) {
            if (feed->entries > 0) {
                entry_cut(feed, entry);
            } else {
                *entry = (JournalEntry){.kind = JOURNAL_END};
            }
            return true;
        }
    }
}

static bool feed_wait(void *owner, int timeout_ms, Err *err) {
    return poll(*(TopicFeed **)owner, timeout_ms, err);
}

static void feed_wake(void *owner) {
    kafka_consumer_wake((*(TopicFeed **)owner)->consumer);
}

// --- life ------------------------------------------------------------------------------------------------------

static bool consumer_open(const TopicFeedSpec *spec, Arena *arena, KafkaConsumer **consumer, Err *err) {
    KafkaConsumerSpec wanted = {.place = topic_place(arena, &spec->options, spec->connector),
                                .group = spec->options.group,
                                .uncommitted = spec->options.uncommitted,
                                .memory_bytes_max = spec->memory_bytes_max / MEMORY_PART};
    return kafka_consumer_open(&wanted, consumer, err);
}

// Positions of a new data directory, too, are above those that a target remembers.
static bool epoch_next(TopicFeed *feed, Err *err) {
    const char *path = arena_printf(feed->run, "%s/epoch", feed->spec->directory);
    uint64_t last = 0;
    Slice text = {0};
    TRY(file_make_directories(feed->spec->directory, err));
    if (file_exists(path)) {
        TRY(file_read_all(path, EPOCH_BYTES, feed->run, &text, err));
        last = strtoull(arena_text(feed->run, text), NULL, 10);
    }
    last = MAX(last, feed->epoch_floor);
    feed->epoch = MAX(last + 1, (uint64_t)(clock_wall_us() / 1000000));
    const char *line = arena_printf(feed->run, "%" PRIu64 "\n", feed->epoch);
    return file_replace(path, slice_of(line), err);
}

// Offsets that a target remembers hold for the Kafka that they are of, whatever became of the state directory.
static bool identify(TopicFeed *feed, SinkContext *context, Err *err) {
    const char *cluster = "";
    TRY(kafka_consumer_cluster(feed->consumer, feed->run, &cluster, err));
    context->journal_id = arena_printf(feed->run, "%016" PRIx64, digest_hash(slice_of(cluster)));
    context->compared = true;
    return true;
}

// A state directory that is new here, or older than the target, takes from it how far the sink is, and the target is
// this one's from then on: what another process is still publishing is withdrawn, and never counted. (Tables say
// themselves what they have.)
static bool target_follow(TopicFeed *feed, Err *err) {
    const SinkDriver *sink = feed->spec->sink;
    SinkCheckpoint checkpoint = {0};
    void *state = NULL;
    if (is_lake(feed->spec)) {
        return true;
    }
    TRY(sink->checkpoint(feed->context, feed->run, &checkpoint, err));
    if (checkpoint.ahead || checkpoint.moved) {
        log_info(LOG_SINK, "the target knows more than this directory: goes on from there");
        TRY(sink->open(feed->context, &state, err));
        sink->close(state);
        TRY(sink->checkpoint(feed->context, feed->run, &checkpoint, err));
    }
    feed->epoch_floor = checkpoint.epoch;
    return true;
}

static bool feed_make(TopicFeed *feed, SinkContext *context, Err *err) {
    TRY(consumer_open(feed->spec, feed->run, &feed->consumer, err));
    TRY(identify(feed, context, err) && target_follow(feed, err) && epoch_next(feed, err));
    return refresh(feed, true, err);
}

bool topic_feed_new(Arena *arena, const TopicFeedSpec *spec, SinkContext *context, TopicRecords *maker,
                    TopicFeed **feed, Err *err) {
    TopicFeed *made = ARENA_NEW(arena, TopicFeed);
    *made = (TopicFeed){.spec = spec, .context = context, .maker = maker};
    arena_init(made->run, "run", 0);
    arena_init(made->scratch, "scratch", 0);
    made->note = kafka_note(made->run, spec->connector);
    *feed = made; // frees what there is
    return feed_make(made, context, err);
}

// Another process may have written to the target since the feed was made, and the sink has followed it.
static bool feed_open(void *owner, Err *err) {
    TopicFeed *feed = *(TopicFeed **)owner;
    SinkOffset *offsets = NULL;
    size_t count = 0;
    arena_reset(feed->scratch);
    TRY(feed->spec->sink->offsets(feed->context, feed->scratch, &offsets, &count, err));
    for (size_t i = 0; i < count && !is_lake(feed->spec); i++) {
        const FeedPartition *partition = map_find(&feed->by_key, offsets[i].topic);
        if (partition != NULL && (int64_t)offsets[i].committed > partition->next) {
            return FAIL(err, ERR_NET_BUSY, "another process has just written to the target: it is looked at again");
        }
    }
    feed->open = true;
    return true;
}

// What the sink has published is told while there is time.
static void feed_close(void *owner) {
    TopicFeed *feed = *(TopicFeed **)owner;
    Err ignored[1] = {{0}};
    if (feed->open && !group_tell(feed, ignored)) {
        log_warn(LOG_SINK, "the consumer group is not told", LOG_TEXT("reason", ignored->message));
    }
    feed->open = false;
}

void topic_feed_free(TopicFeed *feed) {
    if (feed != NULL) {
        kafka_consumer_close(feed->consumer);
        map_release(&feed->by_name);
        map_release(&feed->by_key);
        arena_release(feed->scratch);
        arena_release(feed->run);
    }
}

const SinkFeed TOPIC_FEED = {
    .open = feed_open, .close = feed_close, .next = feed_next, .wait = feed_wait, .wake = feed_wake};

// --- asked beside a run ----------------------------------------------------------------------------------------

bool topic_partitions(const TopicFeedSpec *spec, Arena *arena, KafkaPartition **partitions, size_t *count, Err *err) {
    KafkaConsumer *consumer = NULL;
    bool ok =
        consumer_open(spec, arena, &consumer, err) && partitions_list(consumer, spec, arena, partitions, count, err);
    kafka_consumer_close(consumer);
    return ok;
}

static bool offsets_merge(KafkaConsumer *consumer, const TopicFeedSpec *spec, const SinkContext *context, Arena *arena,
                          SinkOffset **offsets, size_t *count, Err *err) {
    KafkaPartition *group = NULL;
    SinkOffset *own = NULL;
    size_t partitions = 0, own_count = 0;
    const char *note = kafka_note(arena, spec->connector);
    TRY(partitions_list(consumer, spec, arena, &group, &partitions, err));
    TRY(kafka_consumer_committed(consumer, arena, group, partitions, err));
    TRY(spec->shared || spec->sink->offsets(context, arena, &own, &own_count, err));
    *offsets = ARENA_ARRAY(arena, SinkOffset, partitions);
    *count = 0;
    for (size_t i = 0; i < partitions; i++) {
        Slice key = key_of(arena, group[i].topic, group[i].partition);
        int64_t at = sink_offset(own, own_count, key);
        at = foreign(&group[i], note) || at == KAFKA_OFFSET_NONE ? group[i].offset : at;
        if (at != KAFKA_OFFSET_NONE) {
            (*offsets)[(*count)++] = (SinkOffset){key, (uint64_t)at};
        }
    }
    return true;
}

bool topic_offsets(const TopicFeedSpec *spec, const SinkContext *context, Arena *arena, SinkOffset **offsets,
                   size_t *count, Err *err) {
    KafkaConsumer *consumer = NULL;
    bool ok = consumer_open(spec, arena, &consumer, err) &&
              offsets_merge(consumer, spec, context, arena, offsets, count, err);
    kafka_consumer_close(consumer);
    return ok;
}

static bool offsets_put(KafkaConsumer *consumer, const TopicFeedSpec *spec, KafkaPartition *partitions, size_t count,
                        Err *err) {
    for (size_t i = 0; i < count; i++) {
        int64_t first = 0, end = 0;
        TRY(kafka_consumer_bounds(consumer, partitions[i].topic, partitions[i].partition, &first, &end, err));
        if (partitions[i].offset == KAFKA_OFFSET_NONE) {
            partitions[i].offset = strcmp(spec->options.reset, "latest") == 0 ? end : first;
        }
        partitions[i].note = NULL;
    }
    return kafka_consumer_commit(consumer, partitions, count, err);
}

bool topic_offsets_set(const TopicFeedSpec *spec, KafkaPartition *partitions, size_t count, Err *err) {
    KafkaConsumer *consumer = NULL;
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    bool ok = consumer_open(spec, &arena, &consumer, err) && offsets_put(consumer, spec, partitions, count, err);
    kafka_consumer_close(consumer);
    return ok;
}
