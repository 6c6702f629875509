// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/topic_options.h"

static const OptionSpec SPECS[] = {KAFKA_OPTION_SPECS(TopicOptions, kafka)};
static const OptionTable TABLE = {.name = "Kafka", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

#define CONSUMER "consumer.override."

static bool consumer_key(Slice name, const char *key) {
    size_t size = strlen(CONSUMER);
    return name.size > size && memcmp(name.data, CONSUMER, size) == 0 && slice_is(slice_from(name, size), key);
}

static bool choice(const char *key, const char *text, const char *const *choices, size_t count, size_t *at, Err *err) {
    for (*at = 0; *at < count; ++*at) {
        if (strcmp(text, choices[*at]) == 0) {
            return true;
        }
    }
    return FAIL(err, ERR_OPTION, "%s: %.100s is none of %s, %s, %s", key, text, choices[0], choices[1],
                choices[count - 1]);
}

// What the reader's guarantees stand on has places of its own; other clients' classes mean nothing here.
static bool set(Arena *arena, TopicOptions *options, Slice name, const char *text, Err *err) {
    static const char *const PASSED[] = {"key.deserializer", "value.deserializer", "enable.auto.commit",
                                         "partition.assignment.strategy", "group.instance.id"};
    static const char *const ISOLATION[] = {"read_committed", "read_uncommitted", "read_uncommitted"};
    static const char *const RESET[] = {"earliest", "latest", "none"};
    size_t at = 0;
    if (slice_is(name, "bootstrap.servers") || consumer_key(name, "bootstrap.servers")) {
        options->brokers = text;
    } else if (consumer_key(name, "group.id")) {
        options->group = text;
    } else if (consumer_key(name, "auto.offset.reset")) {
        TRY(choice(CONSUMER "auto.offset.reset", text, RESET, ARRAY_LEN(RESET), &at, err));
        options->reset = RESET[at];
    } else if (consumer_key(name, "isolation.level")) {
        TRY(choice(CONSUMER "isolation.level", text, ISOLATION, ARRAY_LEN(ISOLATION), &at, err));
        options->uncommitted = at > 0;
    } else {
        for (size_t i = 0; i < ARRAY_LEN(PASSED); i++) {
            if (consumer_key(name, PASSED[i])) {
                return true;
            }
        }
        const char *option = arena_text(arena, name);
        return option_find(&TABLE, option) == NULL || option_set(&TABLE, options, option, text, arena, err);
    }
    return true;
}

static bool set_all(Arena *arena, TopicOptions *options, const char *prefix, const Properties *from, Err *err) {
    for (size_t i = 0; from != NULL && i < from->count; i++) {
        const char *text = arena_text(arena, from->at[i].value);
        if (from->at[i].value.data != NULL && !set(arena, options, from->at[i].name, text, err)) {
            return err_prefix(err, "%s%.*s", prefix, SLICE_ARG(from->at[i].name));
        }
    }
    return true;
}

static bool overrides(Arena *arena, TopicOptions *options, const Properties *config, Err *err) {
    static const char *const SAME[] = {CONSUMER, "producer.override."};
    for (size_t i = 0; i < config->count; i++) {
        const Property *at = &config->at[i];
        for (size_t j = 0; j < ARRAY_LEN(SAME); j++) {
            size_t size = strlen(SAME[j]);
            bool same = at->name.size > size && memcmp(at->name.data, SAME[j], size) == 0 && at->value.data != NULL;
            TRY(!same || set(arena, options, at->name, arena_text(arena, at->value), err));
        }
    }
    return true;
}

bool topic_options(Arena *arena, const ConnectorRun *run, const Properties *config, TopicOptions *options, Err *err) {
    static const char *const FROM[] = {"auto", "journal", "kafka"};
    size_t from = 0;
    *options = (TopicOptions){.brokers = "", .reset = "earliest", .task = run->task};
    option_defaults(&TABLE, options);
    options->group = arena_printf(arena, "connect-%.*s", SLICE_ARG(run->name));
    Properties own = properties_under(arena, config, SLICE("leat.kafka."));
    TRY(set_all(arena, options, "kafka.", run->kafka, err) && set_all(arena, options, "leat.kafka.", &own, err));
    TRY(overrides(arena, options, config, err));
    const char *text = properties_text(arena, config, "leat.topics.from", "auto");
    TRY(choice("leat.topics.from", text, FROM, ARRAY_LEN(FROM), &from, err));
    options->from = (TopicsFrom)from;
    if (run->clustered && options->from == TOPICS_AUTO) {
        options->from = TOPICS_JOURNAL; // what one node has found, the next one would not know
    }
    if (options->brokers[0] != '\0') {
        return true;
    }
    if (options->from == TOPICS_KAFKA) {
        FAIL(err, ERR_OPTION, "leat.topics.from: kafka, and there is no Kafka");
        return err_hint(err, "set kafka.bootstrap.servers of the server, or leat.kafka.bootstrap.servers here");
    }
    options->from = TOPICS_JOURNAL;
    return true;
}

KafkaPlace topic_place(Arena *arena, const TopicOptions *options, Slice connector) {
    return (KafkaPlace){
        .brokers = options->brokers,
        .options = &options->kafka,
        .client_id = arena_printf(arena, "connector-consumer-%.*s-%" PRIu32, SLICE_ARG(connector), options->task)};
}
