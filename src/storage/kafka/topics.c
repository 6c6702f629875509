// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/topics.h"

#include "core/base/log.h"
#include "core/config/properties.h"
#include "core/config/regex.h"
#include "core/sys/clock.h"

enum {
    REQUEST_MS = 20 * 1000,
    LEADER_MS = 20 * 1000,
    SEEN_MS = 3000, // until brokers have heard of a topic, where the controller may not be asked
    LOOK_MS = 100
};

typedef struct Group {
    Slice name;
    RegexList include, exclude;
    Properties config; // partitions, replication.factor, and what the topic is configured with
} Group;

struct KafkaTopicRules {
    Arena *arena;
    bool enabled;
    Properties by_default;
    Group *groups;
    size_t group_count;
};

// --- rules -------------------------------------------------------------------------------------------------------

static bool number_of(Arena *arena, const Properties *config, const char *name, int otherwise, int *number, Err *err) {
    const char *text = properties_text(arena, config, name, NULL);
    char *end = NULL;
    long value = text != NULL ? strtol(text, &end, 10) : otherwise;
    if ((text != NULL && (end == text || *end != '\0')) || value == 0 || value < -1 || value > 32767) {
        return FAIL(err, ERR_OPTION, "%s: \"%.40s\" is neither a number above 0 nor -1", name, text);
    }
    *number = (int)value;
    return true;
}

static bool group_make(KafkaTopicRules *rules, const Properties *all, Slice name, Group *group, Err *err) {
    Arena *arena = rules->arena;
    group->name = name;
    group->config = properties_under(arena, all, slice_of(arena_printf(arena, "%.*s.", SLICE_ARG(name))));
    const char *include = properties_text(arena, &group->config, "include", "");
    const char *exclude = properties_text(arena, &group->config, "exclude", "");
    if (include[0] == '\0') {
        FAIL(err, ERR_OPTION, "topic.creation.%.*s.include is missing", SLICE_ARG(name));
        return err_hint(err, "a list of regular expressions for names of topics");
    }
    TRY(regex_list_new(arena, slice_of(include), "topic.creation include", &group->include, err));
    TRY(regex_list_new(arena, slice_of(exclude), "topic.creation exclude", &group->exclude, err));
    properties_remove(&group->config, SLICE("include"));
    properties_remove(&group->config, SLICE("exclude"));
    int ignored = 0;
    return number_of(arena, &group->config, "partitions", 1, &ignored, err) &&
           number_of(arena, &group->config, "replication.factor", -1, &ignored, err);
}

static bool rules_make(KafkaTopicRules *rules, const KafkaOptions *options, Err *err) {
    Properties all = {0};
    properties_set_map(rules->arena, &all, "", options->topic_creation);
    const char *enable = properties_text(rules->arena, &all, "enable", "true");
    rules->enabled = strcmp(enable, "true") == 0;
    if (!rules->enabled && strcmp(enable, "false") != 0) {
        return FAIL(err, ERR_OPTION, "topic.creation.enable is neither true nor false");
    }
    rules->by_default = properties_under(rules->arena, &all, SLICE("default."));
    size_t count = 0;
    Slice *names = properties_list(rules->arena, slice_of(properties_text(rules->arena, &all, "groups", "")), &count);
    rules->groups = ARENA_ARRAY(rules->arena, Group, count);
    for (size_t i = 0; i < count; i++) {
        rules->group_count++;
        TRY(group_make(rules, &all, names[i], &rules->groups[i], err));
    }
    int ignored = 0;
    return number_of(rules->arena, &rules->by_default, "partitions", 1, &ignored, err) &&
           number_of(rules->arena, &rules->by_default, "replication.factor", -1, &ignored, err);
}

bool kafka_topic_rules_new(Arena *arena, const KafkaOptions *options, KafkaTopicRules **rules, Err *err) {
    KafkaTopicRules *made = ARENA_NEW(arena, KafkaTopicRules);
    made->arena = arena;
    if (!rules_make(made, options, err)) {
        kafka_topic_rules_release(made);
        return err_prefix(err, "topic.creation");
    }
    *rules = made;
    return true;
}

void kafka_topic_rules_release(KafkaTopicRules *rules) {
    for (size_t i = 0; rules != NULL && i < rules->group_count; i++) {
        regex_list_release(&rules->groups[i].include);
        regex_list_release(&rules->groups[i].exclude);
    }
}

// The default's with the first group's that takes the name over them.
static Properties config_of(const KafkaTopicRules *rules, Arena *arena, Slice name) {
    Properties config = {0};
    for (size_t i = 0; i < rules->by_default.count; i++) {
        properties_set(arena, &config, rules->by_default.at[i].name, rules->by_default.at[i].value);
    }
    for (size_t i = 0; i < rules->group_count; i++) {
        const Group *group = &rules->groups[i];
        if (!regex_list_matches(&group->include, name) || regex_list_matches(&group->exclude, name)) {
            continue;
        }
        for (size_t j = 0; j < group->config.count; j++) {
            properties_set(arena, &config, group->config.at[j].name, group->config.at[j].value);
        }
        break;
    }
    return config;
}

// --- requests ----------------------------------------------------------------------------------------------------

static bool config_put(rd_kafka_NewTopic_t *topic, Arena *arena, const Properties *config, Err *err) {
    for (size_t i = 0; i < config->count; i++) {
        const char *name = arena_text(arena, config->at[i].name), *value = arena_text(arena, config->at[i].value);
        if (strcmp(name, "partitions") == 0 || strcmp(name, "replication.factor") == 0) {
            continue;
        }
        if (rd_kafka_NewTopic_set_config(topic, name, value) != 0) {
            return FAIL(err, ERR_OPTION, "topic.creation: librdkafka does not take %s", name);
        }
    }
    return true;
}

// The controller's answer for the one topic that was asked for. `only_asked`: it is not made.
static rd_kafka_resp_err_t created(KafkaClient *client, rd_kafka_NewTopic_t *topic, bool only_asked, char *said,
                                   size_t said_size) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->handle);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client->handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char problem[64];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, problem, sizeof(problem));
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, REQUEST_MS, problem, sizeof(problem));
    (void)rd_kafka_AdminOptions_set_validate_only(options, only_asked, problem, sizeof(problem));
    rd_kafka_CreateTopics(client->handle, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 5000);
    rd_kafka_resp_err_t code = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    snprintf(said, said_size, "%s", event != NULL && code != 0 ? rd_kafka_event_error_string(event) : "timed out");
    const rd_kafka_CreateTopics_result_t *result = event != NULL ? rd_kafka_event_CreateTopics_result(event) : NULL;
    if (code == 0 && result != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
        code = count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
        const char *text = count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : NULL;
        snprintf(said, said_size, "%s", text != NULL ? text : rd_kafka_err2str(code));
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return code;
}

bool kafka_topic_partitions(KafkaClient *client, const char *name, int *partitions, Err *err) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client->handle, name, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    *partitions = 0;
    if (topic == NULL) {
        return true; // there is none of such a name
    }
    rd_kafka_resp_err_t code = rd_kafka_metadata(client->handle, 0, topic, &metadata, REQUEST_MS);
    *partitions = code == 0 && metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    char what[300];
    snprintf(what, sizeof(what), "look at topic %s", name);
    return code == 0 || KAFKA_FAIL(client, err, code, rd_kafka_err2str(code), what);
}

// Where leat may not make topics the controller does not tell: any broker is asked, for as long as one may take to hear
// of a new topic.
static bool seen(KafkaClient *client, const char *name, bool *made, Err *err) {
    int64_t deadline = clock_monotonic_us() + SEEN_MS * INT64_C(1000);
    for (int partitions = 0;;) {
        TRY(kafka_topic_partitions(client, name, &partitions, err));
        *made = partitions > 0;
        if (*made || clock_monotonic_us() > deadline) {
            return true;
        }
        clock_sleep_us(LOOK_MS * INT64_C(1000));
    }
}

bool kafka_topic_made(KafkaClient *client, const char *name, bool *made, Err *err) {
    char problem[256], said[256], what[300];
    *made = false;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, 1, problem, sizeof(problem));
    if (topic == NULL) {
        return true; // there is none of such a name
    }
    rd_kafka_resp_err_t code = created(client, topic, true, said, sizeof(said));
    rd_kafka_NewTopic_destroy(topic);
    *made = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    if (kafka_denies(code) || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
        return seen(client, name, made, err);
    }
    snprintf(what, sizeof(what), "look whether topic %s is there", name);
    return !kafka_passes(code) || KAFKA_FAIL(client, err, code, said, what);
}

// A topic for which brokers have no leader yet, or of which the one that was asked has not heard.
static bool is_coming(KafkaClient *client, const char *name, rd_kafka_resp_err_t code, bool *made, bool *coming,
                      Err *err) {
    *coming = code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        TRY(*made || kafka_topic_made(client, name, made, err));
        *coming = *made;
    }
    return true;
}

bool kafka_topic_look(KafkaClient *client, const char *name, bool *exists, Err *err) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client->handle, name, NULL);
    int64_t deadline = clock_monotonic_us() + LEADER_MS * 1000;
    rd_kafka_resp_err_t code = 0, of_topic = 0;
    bool ok = true, made = false, coming = topic != NULL;
    *exists = false;
    while (ok && coming) {
        const struct rd_kafka_metadata *metadata = NULL;
        code = rd_kafka_metadata(client->handle, 0, topic, &metadata, REQUEST_MS);
        of_topic = code == 0 && metadata->topic_cnt == 1 ? metadata->topics[0].err : 0;
        *exists = code == 0 && metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0;
        if (metadata != NULL) {
            rd_kafka_metadata_destroy(metadata);
        }
        coming = false;
        ok = code != 0 || *exists || is_coming(client, name, of_topic, &made, &coming, err);
        coming = coming && clock_monotonic_us() < deadline;
        if (coming) {
            clock_sleep_us(LOOK_MS * INT64_C(1000));
        }
    }
    if (topic != NULL) {
        rd_kafka_topic_destroy(topic);
    }
    TRY(ok);
    bool none = of_topic == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && !made;
    code = code == 0 && !*exists && !none ? of_topic : code;
    code = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : code;
    char what[300];
    snprintf(what, sizeof(what), "look at topic %s", name);
    return code == 0 || KAFKA_FAIL(client, err, code, rd_kafka_err2str(code), what);
}

// *denied: leat may not make topics.
static bool create(KafkaClient *client, Arena *arena, const char *name, const Properties *config, bool *denied,
                   Err *err) {
    char problem[256], said[256], what[300];
    int partitions = 1, replication = -1;
    TRY(number_of(arena, config, "partitions", 1, &partitions, err));
    TRY(number_of(arena, config, "replication.factor", -1, &replication, err));
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, replication, problem, sizeof(problem));
    if (topic == NULL) {
        return FAIL(err, ERR_OPTION, "topic %.250s: %s", name, problem);
    }
    if (!config_put(topic, arena, config, err)) {
        rd_kafka_NewTopic_destroy(topic);
        return false;
    }
    rd_kafka_resp_err_t code = created(client, topic, false, said, sizeof(said));
    rd_kafka_NewTopic_destroy(topic);
    *denied = kafka_denies(code);
    if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR && strstr(said, "fenced") != NULL) {
        code = RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE; // all brokers begin just now
    }
    if (code == 0) {
        log_info(LOG_SINK, "topic made", LOG_TEXT("topic", name), LOG_INT("partitions", partitions));
    }
    snprintf(what, sizeof(what), "make topic %s", name);
    return code == 0 || *denied || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
           KAFKA_FAIL(client, err, code, said, what);
}

static bool ensure(KafkaClient *client, bool make, Arena *arena, const char *name, const Properties *config, Err *err) {
    bool denied = false, exists = true;
    TRY(!make || create(client, arena, name, config, &denied, err));
    TRY((make && !denied) || kafka_topic_look(client, name, &exists, err));
    if (exists) {
        return true;
    }
    if (denied) {
        FAIL(err, ERR_NET_PERMISSION, "Kafka at %s: topic %s is not there, and leat may not make it", client->brokers,
             name);
        return err_hint(err, "make it, or give leat's user the right to create topics");
    }
    FAIL(err, ERR_NET_SETUP, "Kafka at %s: topic %s is not there", client->brokers, name);
    return err_hint(err, "make it, or let leat make it: topic.creation.enable=true");
}

bool kafka_topic_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    Properties config = config_of(rules, scratch, slice_of(name));
    bool ok = ensure(client, rules->enabled, scratch, name, &config, err);
    arena_release(scratch);
    return ok;
}

// A topic whose rules are leat's own, but for its replicas.
static bool fixed_ensure(KafkaClient *client, const KafkaTopicRules *rules, const char *name,
                         const char *const fixed[][2], size_t count, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    Properties config = {0};
    static const char *const KEPT[] = {"replication.factor", "min.insync.replicas"};
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++) {
        const Property *kept = properties_find(&rules->by_default, slice_of(KEPT[i]));
        if (kept != NULL) {
            properties_set(scratch, &config, kept->name, kept->value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        properties_set(scratch, &config, slice_of(fixed[i][0]), slice_of(fixed[i][1]));
    }
    bool ok = ensure(client, true, scratch, name, &config, err);
    arena_release(scratch);
    return ok;
}

bool kafka_log_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err) {
    static const char *const FIXED[][2] = {{"cleanup.policy", "delete"},
                                           {"retention.ms", "-1"},
                                           {"retention.bytes", "-1"},
                                           {"segment.bytes", "67108864"}}; // what is trimmed goes by whole files
    return fixed_ensure(client, rules, name, FIXED, ARRAY_LEN(FIXED), err);
}

bool kafka_facts_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err) {
    // Small segments: only what is in closed ones is compacted, and a start reads the rest.
    static const char *const FIXED[][2] = {{"cleanup.policy", "compact"},
                                           {"segment.bytes", "8388608"},
                                           {"min.cleanable.dirty.ratio", "0.1"},
                                           {"min.compaction.lag.ms", "0"}};
    return fixed_ensure(client, rules, name, FIXED, ARRAY_LEN(FIXED), err);
}

// --- slots -------------------------------------------------------------------------------------------------------

static bool partitions_add(KafkaClient *client, const char *name, int partitions, Err *err) {
    char problem[256], what[300];
    rd_kafka_NewPartitions_t *request = rd_kafka_NewPartitions_new(name, (size_t)partitions, problem, sizeof(problem));
    if (request == NULL) {
        return FAIL(err, ERR_OPTION, "topic %.250s: %s", name, problem);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->handle);
    rd_kafka_CreatePartitions(client->handle, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS);
    rd_kafka_resp_err_t code = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_CreatePartitions_result_t *result =
        code == 0 && event != NULL ? rd_kafka_event_CreatePartitions_result(event) : NULL;
    size_t count = 0;
    const rd_kafka_topic_result_t **topics =
        result != NULL ? rd_kafka_CreatePartitions_result_topics(result, &count) : NULL;
    code = count == 1 ? rd_kafka_topic_result_error(topics[0]) : code;
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewPartitions_destroy(request);
    // Another node may have been faster: what there is then is looked at again.
    bool done = code == 0 || code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS;
    snprintf(what, sizeof(what), "add partitions to topic %s", name);
    return done || KAFKA_FAIL(client, err, code, rd_kafka_err2str(code), what);
}

bool kafka_slots_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, int *partitions, Err *err) {
    char text[16];
    snprintf(text, sizeof(text), "%d", *partitions);
    const char *const fixed[][2] = {{"cleanup.policy", "delete"}, {"partitions", text}};
    int wanted = *partitions;
    TRY(fixed_ensure(client, rules, name, fixed, ARRAY_LEN(fixed), err));
    TRY(kafka_topic_partitions(client, name, partitions, err));
    if (*partitions >= wanted) {
        return true;
    }
    if (*partitions > 0) { // else a broker is making it
        TRY(partitions_add(client, name, wanted, err));
    }
    *partitions = wanted;
    return true;
}
