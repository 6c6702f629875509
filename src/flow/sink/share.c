// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/share.h"

#include "core/base/digest.h"

#define SEPARATOR "@@" // no folder's name has it, nor SINK@SOURCE
#define OF        "-of-"
enum { NUMBER_DIGITS = 6 };

bool topic_name_split(Slice name, Slice *topic, int32_t *partition) {
    size_t at = name.size;
    int64_t number = 0;
    while (at > 0 && name.data[at - 1] != '/') {
        at--;
    }
    for (size_t i = at; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9' || number > INT32_MAX) {
            return false;
        }
        number = number * 10 + (name.data[i] - '0');
    }
    *topic = (Slice){name.data, at > 0 ? at - 1 : 0};
    *partition = (int32_t)number;
    return at > 1 && at < name.size && number <= INT32_MAX;
}

uint32_t share_task(Slice topic, int32_t partition, uint32_t tasks) {
    return (uint32_t)((digest_crc32c(0, topic) % tasks + (uint32_t)partition) % tasks);
}

bool share_has(const SinkShare *share, Slice topic) {
    Slice name = {0};
    int32_t partition = 0;
    uint32_t task = topic_name_split(topic, &name, &partition) ? share_task(name, partition, share->tasks) : 0;
    return task == share->task;
}

const char *share_pipeline(Arena *arena, const SinkShare *share) {
    return share->tasks <= 1 ? arena_printf(arena, "%s", share->pipeline)
                             : arena_printf(arena, "%s" SEPARATOR "%" PRIu32 OF "%" PRIu32, share->pipeline,
                                            share->task, share->tasks);
}

// Takes `text` off the front.
static bool take(Slice *rest, const char *text) {
    size_t size = strlen(text);
    bool is = rest->size >= size && memcmp(rest->data, text, size) == 0;
    *rest = is ? slice_from(*rest, size) : *rest;
    return is;
}

// …a number, written as share_pipeline writes it.
static bool take_number(Slice *rest, uint32_t *number) {
    size_t size = 0;
    *number = 0;
    while (size < rest->size && size < NUMBER_DIGITS && rest->data[size] >= '0' && rest->data[size] <= '9') {
        *number = *number * 10 + (uint32_t)(rest->data[size++] - '0');
    }
    bool is = size == 1 || (size > 1 && rest->data[0] != '0');
    *rest = slice_from(*rest, size);
    return is;
}

bool share_is_other(const SinkShare *share, Slice name, uint32_t *task) {
    uint32_t tasks = 0;
    *task = 0;
    if (!take(&name, share->pipeline)) {
        return false;
    }
    if (name.size == 0) {
        return share->tasks > 1;
    }
    return take(&name, SEPARATOR) && take_number(&name, task) && take(&name, OF) && take_number(&name, &tasks) &&
           name.size == 0 && *task < tasks && tasks > 1 && tasks != share->tasks;
}
