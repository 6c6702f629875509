// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/group.h"

#include "core/base/log.h"
#include "storage/kafka/topics.h"

#define HEARTBEATS 4 // in a session: one or two may get lost

struct KafkaGroup {
    KafkaClient client; // first: the callback gets it
    KafkaTopicRules *rules;
    char topic[256];
    bool closing;
    KafkaGroupNews news;                    // of the callback
    rd_kafka_topic_partition_list_t *taken; // not released yet
    Buf slots;                              // of int32_t
};

static void slots_take(KafkaGroup *group, const rd_kafka_topic_partition_list_t *partitions) {
    buf_reset(&group->slots);
    for (int i = 0; i < partitions->cnt; i++) {
        buf_bytes(&group->slots, &partitions->elems[i].partition, sizeof(int32_t));
    }
}

static void discard(rd_kafka_error_t *error, const char *what) {
    if (error != NULL) {
        log_warn(LOG_SERVER, what, LOG_TEXT("reason", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

static void rebalanced(rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                       void *client) {
    KafkaGroup *group = client;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < partitions->cnt; i++) {
            partitions->elems[i].offset = RD_KAFKA_OFFSET_END; // there is nothing to read
        }
        discard(rd_kafka_incremental_assign(handle, partitions), "slots cannot be taken");
        (void)rd_kafka_pause_partitions(handle, partitions);
        slots_take(group, partitions);
        group->news = KAFKA_GROUP_GIVEN;
        return;
    }
    if (group->closing || code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        discard(rd_kafka_incremental_unassign(handle, partitions), "slots cannot be given back");
        return;
    }
    slots_take(group, partitions);
    if (group->taken != NULL) {
        rd_kafka_topic_partition_list_destroy(group->taken);
    }
    group->taken = rd_kafka_topic_partition_list_copy(partitions);
    group->news = rd_kafka_assignment_lost(handle) != 0 ? KAFKA_GROUP_LOST : KAFKA_GROUP_TAKEN;
}

static bool client_open(KafkaGroup *group, const KafkaGroupSpec *spec, Err *err) {
    char session[24], heartbeat[24], poll[24];
    int64_t session_ms = spec->session_timeout_ms;
    snprintf(session, sizeof(session), "%" PRId64, session_ms);
    snprintf(heartbeat, sizeof(heartbeat), "%" PRId64, MIN(session_ms / HEARTBEATS, INT64_C(3000)));
    snprintf(poll, sizeof(poll), "%" PRId64, MAX(spec->release_ms, session_ms) + 30000);
    const KafkaSetting settings[] = {
        {"group.id", spec->group, true},
        {"partition.assignment.strategy", "cooperative-sticky", true},
        {"session.timeout.ms", session, true},
        {"heartbeat.interval.ms", heartbeat, false},
        {"max.poll.interval.ms", poll, true},
        {"topic.metadata.refresh.interval.ms", "1000", true}, // new slots are seen so
        {"enable.auto.commit", "false", true},
        {"allow.auto.create.topics", "false", true},
    };
    return kafka_client_open_member(&group->client, &spec->place, rebalanced, settings, ARRAY_LEN(settings), err);
}

static bool join(KafkaGroup *group, Err *err) {
    int slots = 1;
    TRY(kafka_slots_ensure(&group->client, group->rules, group->topic, &slots, err));
    rd_kafka_poll_set_consumer(group->client.handle);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, group->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(group->client.handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == 0 || KAFKA_FAIL(&group->client, err, code, rd_kafka_err2str(code), "join the group");
}

bool kafka_group_open(const KafkaGroupSpec *spec, KafkaGroup **group, Err *err) {
    KafkaGroup *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    made->rules = spec->rules;
    snprintf(made->topic, sizeof(made->topic), "%s", spec->topic);
    if (!client_open(made, spec, err) || !join(made, err)) {
        kafka_group_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *group = made;
    return true;
}

void kafka_group_close(KafkaGroup *group) {
    Err err[1] = {{0}};
    if (group == NULL) {
        return;
    }
    group->closing = true;
    if (group->client.handle != NULL) {
        if (!kafka_group_release(group, err)) {
            log_err(LOG_SERVER, "slots are not given back", err);
        }
        rd_kafka_consumer_close(group->client.handle);
    }
    kafka_client_close(&group->client);
    buf_release(&group->slots);
    free(group);
}

bool kafka_group_poll(KafkaGroup *group, int timeout_ms, KafkaGroupNews *news, const int32_t **slots, size_t *count,
                      Err *err) {
    group->news = KAFKA_GROUP_QUIET;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(group->client.handle, timeout_ms);
    rd_kafka_resp_err_t code = message != NULL ? message->err : 0;
    bool passes = code == 0 || code == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
                  code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED || kafka_passes(kafka_code_opened(code));
    char text[256];
    snprintf(text, sizeof(text), "%s", message != NULL && code != 0 ? rd_kafka_message_errstr(message) : "");
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
    *news = group->news;
    *slots = (const int32_t *)group->slots.data;
    *count = group->slots.size / sizeof(int32_t);
    if (!passes) {
        return KAFKA_FAIL(&group->client, err, code, text, "be a member of the group");
    }
    if (kafka_client_refused(&group->client)) {
        return KAFKA_FAIL(&group->client, err, RD_KAFKA_RESP_ERR__TRANSPORT, "", "be a member of the group");
    }
    return true;
}

bool kafka_group_release(KafkaGroup *group, Err *err) {
    if (group->taken == NULL) {
        return true;
    }
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(group->client.handle, group->taken);
    rd_kafka_topic_partition_list_destroy(group->taken);
    group->taken = NULL;
    bool ok = error == NULL || KAFKA_FAIL(&group->client, err, rd_kafka_error_code(error), rd_kafka_error_string(error),
                                          "give slots back");
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    return ok;
}

bool kafka_group_slots(KafkaGroup *group, int slots, Err *err) {
    return kafka_slots_ensure(&group->client, group->rules, group->topic, &slots, err);
}
