// SPDX-License-Identifier: Apache-2.0
#include "data/connect/cluster.h"

#include <jansson.h>

enum { NAME_BYTES_MAX = 4096 };

void cluster_init(Cluster *cluster, Arena *arena) {
    *cluster = (Cluster){.arena = arena};
}

void cluster_release(Cluster *cluster) {
    map_release(&cluster->by_name);
}

ClusterConnector *cluster_find(const Cluster *cluster, Slice name) {
    return map_find(&cluster->by_name, name);
}

// Room for one more of a list in the arena.
static void *grown(Arena *arena, void *list, size_t item, size_t count, size_t *room) {
    if (count < *room) {
        return list;
    }
    *room = MAX(*room * 2, (size_t)8);
    void *more = arena_array(arena, item, *room);
    if (count > 0) {
        memcpy(more, list, count * item);
    }
    return more;
}

static ClusterConnector *connector_of(Cluster *cluster, Slice name) {
    ClusterConnector *connector = map_find(&cluster->by_name, name);
    if (connector == NULL) {
        connector = ARENA_NEW(cluster->arena, ClusterConnector);
        connector->name = arena_text(cluster->arena, name);
        connector->target = "STARTED";
        connector->tasks = -1;
        cluster->connectors =
            grown(cluster->arena, cluster->connectors, sizeof(ClusterConnector *), cluster->count, &cluster->room);
        cluster->connectors[cluster->count++] = connector;
        map_put(&cluster->by_name, name, connector);
    }
    return connector;
}

// NULL: no JSON. With the schema that old workers put around it taken away.
static json_t *value_of(Slice bytes) {
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, JSON_DECODE_ANY, NULL);
    json_t *payload = json_object_get(root, "payload");
    if (payload != NULL && json_object_get(root, "schema") != NULL && json_object_size(root) == 2) {
        json_incref(payload);
        json_decref(root);
        return payload;
    }
    return root;
}

// The rest of a text that begins so.
static bool behind(Slice text, const char *prefix, Slice *rest) {
    size_t size = strlen(prefix);
    bool begins = text.size > size && memcmp(text.data, prefix, size) == 0;
    *rest = begins ? (Slice){text.data + size, text.size - size} : (Slice){0};
    return begins && rest->size <= NAME_BYTES_MAX && memchr(rest->data, '\0', rest->size) == NULL;
}

static const char *text_of(Arena *arena, const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? arena_text(arena, slice_of(text)) : NULL;
}

// --- configurations ----------------------------------------------------------------------------------------------

static bool config_take(Cluster *cluster, Slice name, Slice value) {
    ClusterConnector *connector = connector_of(cluster, name);
    connector->configured = false;
    connector->config = (Properties){0};
    if (value.data == NULL) {
        return true;
    }
    json_t *root = value_of(value), *properties = json_object_get(root, "properties");
    bool ok = json_is_object(properties);
    if (ok) {
        connector->config.at = ARENA_ARRAY(cluster->arena, Property, json_object_size(properties));
        const char *key;
        json_t *text;
        json_object_foreach(properties, key, text) {
            Property *property = &connector->config.at[connector->config.count++];
            property->name = slice_of(arena_text(cluster->arena, slice_of(key)));
            if (json_is_string(text)) {
                property->value = slice_of(arena_text(cluster->arena, slice_of(json_string_value(text))));
            }
            ok = ok && (json_is_string(text) || json_is_null(text));
        }
    }
    json_decref(root);
    connector->configured = ok;
    return ok;
}

static bool target_take(Cluster *cluster, Slice name, Slice value) {
    ClusterConnector *connector = connector_of(cluster, name);
    connector->target = "STARTED";
    if (value.data == NULL) {
        return true;
    }
    json_t *root = value_of(value);
    const char *state = text_of(cluster->arena, root, "state.v2");
    state = state != NULL ? state : text_of(cluster->arena, root, "state");
    json_decref(root);
    connector->target = state != NULL ? state : connector->target;
    return state != NULL;
}

static bool commit_take(Cluster *cluster, Slice name, Slice value) {
    json_t *root = value.data != NULL ? value_of(value) : NULL;
    const json_t *tasks = json_object_get(root, "tasks");
    bool ok = value.data == NULL || json_is_integer(tasks);
    connector_of(cluster, name)->tasks = json_is_integer(tasks) ? json_integer_value(tasks) : -1;
    json_decref(root);
    return ok;
}

static bool config_record(Cluster *cluster, Slice key, Slice value) {
    static const char *const OTHERS[] = {"task-", "restart-connector-", "logger-cluster-", "session-key"};
    Slice name;
    if (behind(key, "connector-", &name)) {
        return config_take(cluster, name, value);
    }
    if (behind(key, "target-state-", &name)) {
        return target_take(cluster, name, value);
    }
    if (behind(key, "commit-", &name)) {
        return commit_take(cluster, name, value);
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        if (behind(key, OTHERS[i], &name) || slice_is(key, OTHERS[i])) {
            return true;
        }
    }
    return false;
}

// --- offsets -----------------------------------------------------------------------------------------------------

static const char *dumped(Arena *arena, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    ASSERT(text != NULL);
    const char *kept = arena_text(arena, slice_of(text));
    free(text);
    return kept;
}

static void offset_put(Cluster *cluster, ClusterConnector *connector, const char *partition, const char *offset) {
    for (size_t i = 0; i < connector->offset_count; i++) {
        if (strcmp(connector->offsets[i].partition, partition) == 0) {
            connector->offsets[i].offset = offset;
            return;
        }
    }
    connector->offsets = grown(cluster->arena, connector->offsets, sizeof(ClusterOffset), connector->offset_count,
                               &connector->offset_room);
    connector->offsets[connector->offset_count++] = (ClusterOffset){partition, offset};
}

static bool offset_record(Cluster *cluster, Slice key, Slice value) {
    json_t *root = value_of(key), *offset = value.data != NULL ? value_of(value) : NULL;
    const char *name = json_string_value(json_array_get(root, 0));
    const json_t *partition = json_array_get(root, 1);
    bool ok = json_is_array(root) && json_array_size(root) == 2 && name != NULL && strlen(name) <= NAME_BYTES_MAX &&
              json_is_object(partition) && (value.data == NULL || json_is_object(offset));
    if (ok) {
        offset_put(cluster, connector_of(cluster, slice_of(name)), dumped(cluster->arena, partition),
                   offset != NULL ? dumped(cluster->arena, offset) : NULL);
    }
    json_decref(root);
    json_decref(offset);
    return ok;
}

// --- states ------------------------------------------------------------------------------------------------------

// NAME-N: the number is behind the last dash, as names may have dashes.
static bool task_split(Slice text, Slice *name, Slice *number) {
    size_t dash = text.size;
    while (dash > 0 && text.data[dash - 1] >= '0' && text.data[dash - 1] <= '9') {
        dash--;
    }
    if (dash < 2 || dash == text.size || text.data[dash - 1] != '-') {
        return false;
    }
    *name = (Slice){text.data, dash - 1};
    *number = (Slice){text.data + dash, text.size - dash};
    return true;
}

static void task_put(Cluster *cluster, ClusterConnector *connector, Slice number, const char *state) {
    for (size_t i = 0; i < connector->task_count; i++) {
        if (slice_is(number, connector->task_states[i].number)) {
            connector->task_states[i].state = state;
            return;
        }
    }
    connector->task_states = grown(cluster->arena, connector->task_states, sizeof(*connector->task_states),
                                   connector->task_count, &connector->task_room);
    connector->task_states[connector->task_count++] = (struct ClusterTask){arena_text(cluster->arena, number), state};
}

static bool state_record(Cluster *cluster, Slice key, Slice value) {
    Slice name, number = {0};
    if (behind(key, "status-topic-", &name)) {
        return true;
    }
    bool task = behind(key, "status-task-", &name);
    if (task ? !task_split(name, &name, &number) : !behind(key, "status-connector-", &name)) {
        return false;
    }
    json_t *root = value.data != NULL ? value_of(value) : NULL;
    const char *state = text_of(cluster->arena, root, "state");
    json_decref(root);
    ClusterConnector *connector = connector_of(cluster, name);
    if (task) {
        task_put(cluster, connector, number, state);
    } else {
        connector->state = state;
    }
    return value.data == NULL || state != NULL;
}

size_t cluster_tasks_in(const ClusterConnector *connector, const char *state) {
    size_t count = 0;
    for (size_t i = 0; i < connector->task_count; i++) {
        const char *is = connector->task_states[i].state;
        count += is != NULL && strcmp(is, state) == 0;
    }
    return count;
}

void cluster_record(Cluster *cluster, ClusterTopic topic, Slice key, Slice value) {
    bool known = key.data != NULL && (topic == CLUSTER_CONFIGS   ? config_record(cluster, key, value)
                                      : topic == CLUSTER_OFFSETS ? offset_record(cluster, key, value)
                                                                 : state_record(cluster, key, value));
    cluster->odd += !known;
}
