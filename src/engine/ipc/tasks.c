// SPDX-License-Identifier: Apache-2.0
// (jansson's names and those of core/base/json.h collide: this file uses jansson only.)
#include "engine/ipc/tasks.h"

#include <jansson.h>
#include <stdlib.h>

#define S3_SINK    "S3SinkConnector" // behind its package
#define MAX_DIGITS 9

static const char *text_of(const json_t *config, const char *name) {
    const char *text = json_string_value(json_object_get(config, name));
    return text != NULL ? text : "";
}

static uint32_t tasks_max(const json_t *config) {
    const char *text = text_of(config, "tasks.max");
    size_t size = strspn(text, "0123456789");
    if (size == 0 || text[size] != '\0') {
        return 1;
    }
    unsigned long tasks = size > MAX_DIGITS ? TASKS_MAX : strtoul(text, NULL, 10);
    return (uint32_t)MAX(MIN(tasks, (unsigned long)TASKS_MAX), 1ul);
}

uint32_t tasks_of(Slice document) {
    json_t *root = json_loadb((const char *)document.data, document.size, 0, NULL);
    const json_t *config = json_object_get(root, "config");
    const char *kind = text_of(root, "kind"), *class = text_of(config, "connector.class");
    const char *last = strrchr(class, '.');
    bool shared = strcmp(kind, "sink") == 0 && strcmp(last != NULL ? last + 1 : class, S3_SINK) == 0 &&
                  strcmp(text_of(config, "leat.topics.from"), "kafka") == 0;
    uint32_t tasks = shared ? tasks_max(config) : 1;
    json_decref(root);
    return tasks;
}

void task_name(Buf *out, Slice connector, uint32_t task) {
    buf_put(out, connector);
    if (task > 0) {
        buf_printf(out, "%c%" PRIu32, TASK_SEPARATOR, task);
    }
}

static size_t separator_at(Slice name) {
    const uint8_t *at = name.size > 0 ? memchr(name.data, TASK_SEPARATOR, name.size) : NULL;
    return at != NULL ? (size_t)(at - name.data) : name.size;
}

Slice task_connector(Slice name) {
    return (Slice){name.data, separator_at(name)};
}

uint32_t task_number(Slice name) {
    uint32_t task = 0;
    for (size_t i = separator_at(name) + 1; i < name.size; i++) {
        task = task * 10 + (uint32_t)(name.data[i] - '0');
    }
    return task;
}
