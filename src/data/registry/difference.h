// SPDX-License-Identifier: Apache-2.0
// What stands between two schemas, in the words of Confluent's registry: they go into its answers and messages.
#ifndef LEAT_DATA_REGISTRY_DIFFERENCE_H
#define LEAT_DATA_REGISTRY_DIFFERENCE_H

#include "core/base/arena.h"

enum {
    DIFFERENCES_MAX = 100,     // of one comparison; more help nobody
    COMPARE_STEPS_MAX = 400000 // pairs of schemas looked at in one comparison
};

typedef struct Difference {
    const char *text;
    struct Difference *next;
} Difference;

typedef struct Differences {
    Difference *first, *last;
    size_t count;
} Differences;

static inline void differences_add(Arena *arena, Differences *list, const char *text) {
    if (list->count >= DIFFERENCES_MAX) {
        return;
    }
    Difference *difference = ARENA_NEW(arena, Difference);
    difference->text = text;
    if (list->last != NULL) {
        list->last->next = difference;
    } else {
        list->first = difference;
    }
    list->last = difference;
    list->count++;
}

static inline void differences_append(Arena *arena, Differences *list, const Differences *more) {
    for (const Difference *at = more->first; at != NULL; at = at->next) {
        differences_add(arena, list, at->text);
    }
}

#endif
