// SPDX-License-Identifier: Apache-2.0
// Slots and connectors: which run on this node.
#include "core/base/log.h"
#include "engine/member/member_room.h"

// --- connectors --------------------------------------------------------------------------------------------------

MemberConnector *member_connector(Member *member, Slice name) {
    MemberConnector *connector = map_find(&member->connectors, name);
    if (connector == NULL) {
        connector = calloc(1, sizeof(*connector));
        ASSERT(connector != NULL);
        connector->slot = -1;
        buf_put(&connector->name, name);
        map_put(&member->connectors, name, connector);
    }
    return connector;
}

void member_connector_free(MemberConnector *connector) {
    Buf *bufs[] = {&connector->name, &connector->document, &connector->holder, &connector->state, &connector->told};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_release(bufs[i]);
    }
    free(connector);
}

void member_node_free(MemberNode *node) {
    buf_release(&node->id);
    buf_release(&node->url);
    buf_release(&node->version);
    free(node);
}

static void slot_use(Map *used, int32_t slot) {
    if (slot >= 0) {
        map_put_u64(used, (uint64_t)slot, used);
    }
}

void member_slots(const Member *member, Slice connector, int32_t *slots, uint32_t tasks) {
    Map used = {0};
    int32_t free = 0;
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        slot_use(&used, ((const MemberConnector *)at->value)->slot);
    }
    for (MemberChange *change = member->changes; change != NULL; change = change->next) {
        for (uint32_t i = 0; i < change->tasks; i++) {
            slot_use(&used, change->slots[i]);
        }
    }
    for (uint32_t i = 0; i < tasks; i++) {
        DEFER(buf_release) Buf name = {0};
        task_name(&name, connector, i);
        const MemberConnector *known = map_find(&member->connectors, buf_slice(&name));
        if (known != NULL && known->slot >= 0) {
            slots[i] = known->slot;
            continue;
        }
        while (map_find_u64(&used, (uint64_t)free) != NULL) {
            free++;
        }
        slots[i] = free++;
    }
    map_release(&used);
}

static bool is_ours(const Member *member, const MemberConnector *connector) {
    return connector->slot >= 0 && map_find_u64(&member->slots, (uint64_t)connector->slot) != NULL;
}

static void leave(Member *member, MemberConnector *connector, bool lost) {
    connector->here = connector->claiming = connector->dirty = false;
    connector->leave = ++member->last_leave;
    member_tell(member, &(Message){.type = MESSAGE_ASSIGN,
                                   .id = connector->leave,
                                   .number = ASSIGN_AWAY,
                                   .name = buf_slice(&connector->name),
                                   .verb = lost ? SLICE("lost") : (Slice){0}});
}

static bool claim(Member *member, MemberConnector *connector, Err *err) {
    DEFER(buf_release) Buf json = {0};
    connector->claiming = true;
    member_status_json(&json, member, connector->term + 1, (Slice){0});
    return member_put(member, member->status, 'c', buf_slice(&connector->name), buf_slice(&json), err);
}

bool member_settle(Member *member, MemberConnector *connector, Err *err) {
    bool ours = is_ours(member, connector);
    if (!ours && (connector->here || connector->claiming)) {
        leave(member, connector, false);
    } else if (ours && !connector->here && !connector->claiming && connector->leave == 0 && member->status_read) {
        return claim(member, connector, err);
    }
    return true;
}

// --- the group ---------------------------------------------------------------------------------------------------

static bool release(Member *member, Err *err) {
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        const MemberConnector *connector = at->value;
        if (connector->leave != 0) {
            return true;
        }
    }
    member->taken = false;
    return kafka_group_release(member->group, err);
}

bool member_left(Member *member, uint32_t id, Err *err) {
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        MemberConnector *connector = at->value;
        if (connector->leave == id) {
            connector->leave = 0;
            TRY(member_settle(member, connector, err));
        }
    }
    return !member->taken || release(member, err);
}

static bool taken(Member *member, bool lost, Err *err) {
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        MemberConnector *connector = at->value;
        if ((connector->here || connector->claiming) && !is_ours(member, connector)) {
            leave(member, connector, lost);
        }
    }
    member->taken = true;
    return release(member, err);
}

bool member_group_poll(Member *member, Err *err) {
    KafkaGroupNews news = KAFKA_GROUP_QUIET;
    const int32_t *slots = NULL;
    size_t count = 0;
    TRY(kafka_group_poll(member->group, 0, &news, &slots, &count, err));
    if (news == KAFKA_GROUP_QUIET) {
        return true;
    }
    static const char *const WORDS[] = {"", "slots are given to this node", "slots are taken from this node",
                                        "Kafka has not heard of this node: its connectors stop"};
    for (size_t i = 0; i < count; i++) {
        if (news == KAFKA_GROUP_GIVEN) {
            map_put_u64(&member->slots, (uint64_t)slots[i], member);
        } else {
            map_remove_u64(&member->slots, (uint64_t)slots[i]);
        }
    }
    log_fields(news == KAFKA_GROUP_LOST ? LOG_WARN : LOG_INFO, LOG_SERVER, WORDS[news],
               (const LogField[]){LOG_UINT("slots", count), LOG_UINT("now", member->slots.count), LOG_END});
    member->look_us = 0; // the supervisor is told
    member->joined = news != KAFKA_GROUP_LOST;
    if (news != KAFKA_GROUP_GIVEN) {
        return taken(member, news == KAFKA_GROUP_LOST, err);
    }
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        TRY(member_settle(member, at->value, err));
    }
    return true;
}
