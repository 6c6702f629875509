// SPDX-License-Identifier: Apache-2.0
// Records of the cluster's topics. member.h has their form.
#include "core/base/log.h"
#include "core/config/seal.h"
#include "core/sys/clock.h"
#include "engine/member/member_room.h"

enum {
    MEMORY_BYTES = 16 << 20, // records that wait, either way
    WAIT_MS = 1000,          // for room among them
    CHANGE_MS = 30 * 1000,   // until a change has been read back
    NODE_MS = 10 * 1000,     // between records of this node
    NODE_GONE_MS = 35 * 1000,
    STATE_MS = 1000,  // between records of a connector whose state changes
    REPORT_MS = 5000, // and of one whose numbers do
    LOOK_MS = 1000,
};
#define SEAL_KEY   "key"
#define SEAL_BEGIN "${sealed:"
#define REPORT     "\"report\":" // what stands behind it in a state is numbers

// --- life --------------------------------------------------------------------------------------------------------

static bool tail_open(Member *member, Err *err) {
    const KafkaConsumerSpec spec = {.place = member->place, .uncommitted = true, .memory_bytes_max = MEMORY_BYTES};
    KafkaPartition partitions[2] = {{.topic = member->configs_name}, {.topic = member->status_name}};
    int64_t end;
    TRY(kafka_consumer_open(&spec, &member->tail, err));
    for (size_t i = 0; i < ARRAY_LEN(partitions); i++) {
        TRY(kafka_consumer_bounds(member->tail, partitions[i].topic, 0, &partitions[i].offset, &end, err));
    }
    return kafka_consumer_assign(member->tail, partitions, ARRAY_LEN(partitions), err);
}

bool member_topics_open(Member *member, Err *err) {
    const char *group = member->options.cluster_group;
    member->configs_name = arena_printf(&member->run, "%s-configs", group);
    member->status_name = arena_printf(&member->run, "%s-status", group);
    member->assign_name = arena_printf(&member->run, "%s-assign", group);
    TRY(kafka_topic_rules_new(&member->run, member->kafka_options, &member->rules, err));
    const KafkaProducerSpec spec = {.place = member->place,
                                    .transaction_timeout_ms = WAIT_MS,
                                    .memory_bytes_max = MEMORY_BYTES,
                                    .rules = member->rules};
    TRY(kafka_producer_open(&spec, &member->producer, err));
    TRY(kafka_producer_facts(member->producer, slice_of(member->configs_name), &member->configs, err));
    TRY(kafka_producer_facts(member->producer, slice_of(member->status_name), &member->status, err));
    return tail_open(member, err);
}

static void change_free(MemberChange *change) {
    buf_release(&change->key);
    buf_release(&change->value);
    free(change);
}

void member_topics_close(Member *member) {
    Err err[1] = {{0}};
    kafka_group_close(member->group); // others get what was ours
    if (member->status != NULL && member->joined &&
        (!member_put(member, member->status, 'n', slice_of(member->node), (Slice){0}, err) ||
         !kafka_flush(member->producer, err))) {
        log_err(LOG_SERVER, "the cluster is not told that this node goes", err);
    }
    kafka_consumer_close(member->tail);
    kafka_producer_close(member->producer);
    kafka_topic_rules_release(member->rules);
    while (member->changes != NULL) {
        MemberChange *change = member->changes;
        member->changes = change->next;
        change_free(change);
    }
}

// --- writing -----------------------------------------------------------------------------------------------------

static void key_put(Buf *key, char kind, Slice name) {
    buf_printf(key, "%c/", kind);
    buf_put(key, name);
}

static bool put(Member *member, KafkaTopic *topic, Slice key, Slice value, Err *err) {
    const KafkaMessage message = {.key = key, .value = value, .timestamp_ms = clock_wall_us() / 1000, .partition = 0};
    return kafka_put(member->producer, topic, &message, err);
}

bool member_put(Member *member, KafkaTopic *topic, char kind, Slice name, Slice value, Err *err) {
    DEFER(buf_release) Buf key = {0};
    key_put(&key, kind, name);
    return put(member, topic, buf_slice(&key), value, err);
}

bool member_change(Member *member, uint32_t id, Slice name, Slice document, Err *err) {
    MemberChange *change = calloc(1, sizeof(*change));
    ASSERT(change != NULL);
    int32_t last = 0;
    *change = (MemberChange){
        .id = id, .tasks = tasks_of(document), .deadline_us = clock_monotonic_us() + CHANGE_MS * INT64_C(1000)};
    member_slots(member, name, change->slots, change->tasks);
    for (uint32_t i = 0; i < change->tasks; i++) {
        last = MAX(last, change->slots[i]);
    }
    key_put(&change->key, 'c', name);
    member_config_json(&change->value, change->slots, change->tasks, document);
    bool fits = change->value.size <= MEMBER_RECORD_BYTES_MAX ||
                FAIL(err, ERR_OPTION,
                     "the connector's configuration has more than %d bytes: a record of %s takes none "
                     "of that size",
                     MEMBER_RECORD_BYTES_MAX, member->configs_name);
    if (!fits || !member_beat_before_wait(member, err) || !kafka_group_slots(member->group, last + 1, err) ||
        !put(member, member->configs, buf_slice(&change->key), buf_slice(&change->value), err)) {
        change_free(change);
        return err_frame(err, __FILE__, __LINE__);
    }
    change->next = member->changes;
    member->changes = change;
    return true;
}

void member_changes_expire(Member *member) {
    int64_t now_us = clock_monotonic_us();
    for (MemberChange **at = &member->changes; *at != NULL;) {
        MemberChange *change = *at;
        if (change->deadline_us > now_us) {
            at = &change->next;
            continue;
        }
        Err err[1] = {{0}};
        char trouble[400];
        kafka_producer_trouble(member->producer, trouble, sizeof(trouble));
        FAIL(err, ERR_NET_UNREACHABLE, "topic %s does not confirm the change; it may still come: %s",
             member->configs_name, trouble);
        member_answer(member, change->id, err);
        *at = change->next;
        change_free(change);
    }
}

static bool seal_put(Member *member, Err *err) {
    Arena scratch[1];
    Slice sealed;
    arena_init_small(scratch, "scratch", 512);
    member->sealed = true;
    bool ok = seal_close(slice_of(member->options.cluster_group), scratch, &sealed, err) &&
              put(member, member->configs, SLICE(SEAL_KEY), sealed, err);
    arena_release(scratch);
    return ok;
}

// --- publishing --------------------------------------------------------------------------------------------------

// Of a state, what is not numbers.
static Slice head_of(Slice state) {
    const uint8_t *report = state.size > 0 ? memmem(state.data, state.size, REPORT, strlen(REPORT)) : NULL;
    return report != NULL ? (Slice){state.data, (size_t)(report - state.data)} : state;
}

static bool publish(Member *member, MemberConnector *connector, int64_t now_us, Err *err) {
    Slice state = buf_slice(&connector->state);
    bool changed = !slice_equal(head_of(state), head_of(buf_slice(&connector->told)));
    if (now_us < connector->told_us + (changed ? STATE_MS : REPORT_MS) * INT64_C(1000)) {
        return true;
    }
    DEFER(buf_release) Buf json = {0};
    member_status_json(&json, member, connector->term, state);
    if (json.size > MEMBER_RECORD_BYTES_MAX) { // of thousands of tables: without its report
        Slice head = head_of(state);
        DEFER(buf_release) Buf short_state = {0};
        buf_put(&short_state, head);
        buf_text(&short_state, REPORT "null}");
        buf_reset(&json);
        member_status_json(&json, member, connector->term, buf_slice(&short_state));
    }
    connector->dirty = false;
    connector->told_us = now_us;
    buf_reset(&connector->told);
    buf_put(&connector->told, state);
    return member_put(member, member->status, 'c', buf_slice(&connector->name), buf_slice(&json), err);
}

static void nodes_look(Member *member) {
    DEFER(buf_release) Buf json = {0};
    int64_t now_ms = clock_wall_us() / 1000;
    for (bool again = true; again;) {
        again = false;
        for (MapEntry *at = NULL; (at = map_next(&member->nodes, at)) != NULL;) {
            MemberNode *node = at->value;
            if (now_ms > node->heard_ms + NODE_GONE_MS) {
                map_remove(&member->nodes, buf_slice(&node->id));
                member_node_free(node);
                again = true;
                break;
            }
        }
    }
    member_cluster_json(&json, member);
    if (!slice_equal(buf_slice(&json), buf_slice(&member->cluster))) {
        buf_reset(&member->cluster);
        buf_put(&member->cluster, buf_slice(&json));
        member_tell(member, &(Message){.type = MESSAGE_CLUSTER, .text = buf_slice(&json)});
    }
}

bool member_publish(Member *member, int64_t now_us, Err *err) {
    char trouble[8];
    kafka_producer_trouble(member->producer, trouble, sizeof(trouble)); // has it serve what came
    if (now_us >= member->look_us) {
        member->look_us = now_us + LOOK_MS * INT64_C(1000);
        nodes_look(member);
    }
    if (!member->joined) { // Kafka may be away: nothing is piled up
        return true;
    }
    if (now_us >= member->node_us) {
        DEFER(buf_release) Buf json = {0};
        member->node_us = now_us + NODE_MS * INT64_C(1000);
        member_node_json(&json, member);
        TRY(member_put(member, member->status, 'n', slice_of(member->node), buf_slice(&json), err));
    }
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        MemberConnector *connector = at->value;
        if (connector->dirty && connector->here) {
            TRY(publish(member, connector, now_us, err));
        }
    }
    return true;
}

// --- reading -----------------------------------------------------------------------------------------------------

static void changes_done(Member *member, Slice key, Slice value) {
    Err none[1] = {{0}};
    for (MemberChange **at = &member->changes; *at != NULL;) {
        MemberChange *change = *at;
        if (!slice_equal(buf_slice(&change->key), key) || !slice_equal(buf_slice(&change->value), value)) {
            at = &change->next;
            continue;
        }
        member_answer(member, change->id, none);
        *at = change->next;
        change_free(change);
    }
}

// Task `i` of the connector of that record; one that is not there any more has no document.
static bool task_take(Member *member, Slice name, uint32_t i, const MemberRecord *record, Err *err) {
    DEFER(buf_release) Buf task = {0};
    task_name(&task, name, i);
    MemberConnector *connector = member_connector(member, buf_slice(&task));
    Slice document = i < record->tasks ? record->document : (Slice){0};
    buf_reset(&connector->document);
    buf_put(&connector->document, document);
    connector->slot = document.size > 0 ? record->slots[i] : -1;
    member_tell(member, &(Message){.type = MESSAGE_DOCUMENT,
                                   .number = record->tasks,
                                   .name = buf_slice(&connector->name),
                                   .text = document});
    return member_settle(member, connector, err);
}

static bool config_take(Member *member, Slice name, const MemberRecord *record, Err *err) {
    MemberConnector *first = member_connector(member, name);
    uint32_t tasks = MAX(first->tasks, record->tasks);
    first->tasks = record->tasks;
    for (uint32_t i = 0; i < tasks; i++) {
        TRY(task_take(member, name, i, record, err));
    }
    return true;
}

static bool seal_check(Member *member, Slice value, Err *err) {
    Arena scratch[1];
    Slice secret, begin = SLICE(SEAL_BEGIN);
    Err why[1] = {{0}};
    member->sealed = true;
    arena_init_small(scratch, "scratch", 512);
    bool ok = value.size > begin.size &&
              seal_open((Slice){value.data + begin.size, value.size - begin.size - 1}, scratch, &secret, why);
    arena_release(scratch);
    if (!ok) {
        FAIL(err, ERR_OPTION, "the secrets of cluster %s are sealed under another master key than this node's",
             member->options.cluster_group);
        return err_hint(err, "give all nodes the same key: LEAT_MASTER_KEY_FILE");
    }
    return true;
}

// What another node has just got, or says. Of ours: a claim is done.
static bool status_take(Member *member, Slice name, const MemberRecord *record, Err *err) {
    MemberConnector *connector = member_connector(member, name);
    bool own = slice_is(record->node, member->node), claim = record->state.size == 0;
    if (record->term < connector->term || (claim && record->term == connector->term)) {
        if (own && claim && connector->claiming) { // somebody was faster, and has lost it again
            connector->claiming = false;
            return member_settle(member, connector, err);
        }
        return true;
    }
    bool ours_before = slice_is(buf_slice(&connector->holder), member->node);
    connector->term = record->term;
    buf_reset(&connector->holder);
    buf_put(&connector->holder, record->node);
    if (!own) {
        DEFER(buf_release) Buf state = {0};
        if (claim) {
            member_claimed_json(&state, member, record->node);
        } else {
            buf_put(&state, record->state);
        }
        member_tell(member, &(Message){.type = MESSAGE_STATE, .number = 1, .name = name, .text = buf_slice(&state)});
    } else if (claim && connector->claiming) {
        connector->claiming = false;
        connector->here = true;
        connector->told_us = 0;
        buf_reset(&connector->told);
        member_tell(
            member,
            &(Message){.type = MESSAGE_ASSIGN, .number = ours_before ? ASSIGN_HERE : ASSIGN_ANEW, .name = name});
    }
    return true;
}

static void node_take(Member *member, Slice id, const MemberRecord *record, int64_t timestamp_ms) {
    MemberNode *node = map_remove(&member->nodes, id);
    if (node != NULL) {
        member_node_free(node);
    }
    if (record->url.size == 0) {
        return;
    }
    node = calloc(1, sizeof(*node));
    ASSERT(node != NULL);
    buf_put(&node->id, id);
    buf_put(&node->url, record->url);
    buf_put(&node->version, record->version);
    // As of when we hear it, for clocks differ; what is old when we begin is gone soon.
    node->heard_ms = member->status_read ? clock_wall_us() / 1000 : timestamp_ms;
    map_put(&member->nodes, id, node);
}

static bool record_take(Member *member, const KafkaFetched *fetched, Arena *scratch, Err *err) {
    bool config = strcmp(fetched->topic, member->configs_name) == 0;
    MemberRecord record = {.slot = -1, .slots = {-1}, .tasks = 1};
    if (config && slice_is(fetched->key, SEAL_KEY)) {
        return seal_check(member, fetched->value, err);
    }
    if (fetched->key.size < 2 || fetched->key.data[1] != '/') {
        return true;
    }
    Slice name = slice_from(fetched->key, 2);
    if (fetched->value.size > 0 && !member_record_read(fetched->value, scratch, &record, err)) {
        err_prefix(err, "topic %s, the record of %.*s", fetched->topic, SLICE_ARG(name));
        if (err->code == ERR_FORMAT_NEWER) {
            return false;
        }
        log_err(LOG_SERVER, "a record of the cluster is passed over", err);
        err_clear(err);
        return true;
    }
    if (config) {
        TRY(config_take(member, name, &record, err));
        changes_done(member, fetched->key, fetched->value);
    } else if (fetched->key.data[0] == 'n') {
        node_take(member, name, &record, fetched->timestamp_ms);
    } else if (record.node.size > 0) {
        return status_take(member, name, &record, err);
    }
    return true;
}

static bool ends_reached(Member *member, const char *topic, Err *err) {
    bool *read = strcmp(topic, member->configs_name) == 0 ? &member->configs_read : &member->status_read;
    bool before = member->configs_read && member->status_read;
    *read = true;
    if (before || !member->configs_read || !member->status_read) {
        return true;
    }
    if (!member->sealed) {
        TRY(seal_put(member, err));
    }
    const KafkaGroupSpec spec = {.place = member->place,
                                 .group = member->assign_name,
                                 .topic = member->assign_name,
                                 .session_timeout_ms = member->options.cluster_session_ms,
                                 .release_ms = member->options.stop_timeout_ms + 15000,
                                 .rules = member->rules};
    TRY(kafka_group_open(&spec, &member->group, err));
    member_tell(member, &(Message){.type = MESSAGE_READY});
    return true;
}

bool member_topics_poll(Member *member, int timeout_ms, Err *err) {
    const KafkaFetched *fetched = NULL;
    size_t count = 0;
    Arena scratch[1];
    TRY(kafka_consumer_poll(member->tail, timeout_ms, &fetched, &count, err));
    arena_init_small(scratch, "scratch", 4096);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        arena_reset(scratch);
        if (fetched[i].kind == KAFKA_FETCHED) {
            ok = record_take(member, &fetched[i], scratch, err);
        } else if (fetched[i].kind == KAFKA_AT_END) {
            ok = ends_reached(member, fetched[i].topic, err);
        } else {
            ok = FAIL(err, ERR_NET_SETUP, "topic %s of the cluster is gone", fetched[i].topic);
        }
    }
    arena_release(scratch);
    return ok;
}
