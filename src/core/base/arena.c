// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"

#include <stdio.h>
#include <stdlib.h>

// Under ASan each allocation is a malloc of its own, else the sanitizer could not see a use past its end.
#ifdef LEAT_ASAN
#define CHUNK_BYTES_MIN ((size_t)0)
#else
#define CHUNK_BYTES_MIN (32 * KIB)
#endif
#define CHUNK_BYTES_MAX (1 * MIB)

struct ArenaChunk {
    ArenaChunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(Arena *arena, const char *name, size_t limit) {
    *arena = (Arena){.name = name, .limit = limit};
}

void arena_init_small(Arena *arena, const char *name, size_t first) {
    *arena = (Arena){.name = name, .first = first};
}

static void chunks_free(ArenaChunk *chunk) {
    while (chunk != NULL) {
        ArenaChunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_release(Arena *arena) {
    chunks_free(arena->chunk);
    arena->chunk = NULL;
    arena->used = 0;
}

void arena_reset(Arena *arena) {
    arena->used = 0;
    ArenaChunk *keep = arena->chunk;
    if (keep == NULL) {
        return;
    }
    if (CHUNK_BYTES_MIN == 0 || keep->size > CHUNK_BYTES_MAX) {
        arena_release(arena);
        return;
    }
    chunks_free(keep->next);
    keep->next = NULL;
    keep->used = 0;
}

static ArenaChunk *chunk_new(Arena *arena, size_t size) {
    size_t last = arena->chunk != NULL ? arena->chunk->size : 0;
    size_t least = arena->first > 0 ? arena->first : CHUNK_BYTES_MIN;
    size_t wanted = MAX(last * 2, least);
    size_t chunk_size = CHUNK_BYTES_MIN == 0 ? size : MAX(size, MIN(wanted, CHUNK_BYTES_MAX));
    ArenaChunk *chunk = malloc(sizeof(*chunk) + chunk_size);
    if (chunk == NULL) {
        panic("out of memory: arena '%s' asked for %zu bytes", arena->name, size);
    }
    *chunk = (ArenaChunk){.next = arena->chunk, .size = chunk_size};
    arena->chunk = chunk;
    return chunk;
}

void *arena_alloc(Arena *arena, size_t size) {
    size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (UNLIKELY(aligned < size || (arena->limit != 0 && arena->used + aligned > arena->limit))) {
        panic("arena '%s' is past its limit of %zu bytes", arena->name, arena->limit);
    }
    ArenaChunk *chunk = arena->chunk;
    if (UNLIKELY(chunk == NULL || chunk->size - chunk->used < aligned)) {
        chunk = chunk_new(arena, CHUNK_BYTES_MIN == 0 ? size : aligned);
        aligned = MIN(aligned, chunk->size);
    }
    void *data = chunk->data + chunk->used;
    chunk->used += aligned;
    arena->used += aligned;
    memset(data, 0, size);
    return data;
}

void *arena_array(Arena *arena, size_t item_size, size_t count) {
    size_t size = 0;
    if (__builtin_mul_overflow(item_size, count, &size)) {
        panic("arena '%s': %zu items of %zu bytes", arena->name, count, item_size);
    }
    return arena_alloc(arena, size);
}

Slice arena_slice(Arena *arena, Slice slice) {
    uint8_t *copy = arena_alloc(arena, slice.size);
    if (slice.size > 0) {
        memcpy(copy, slice.data, slice.size);
    }
    return (Slice){copy, slice.size};
}

char *arena_text(Arena *arena, Slice slice) {
    char *copy = arena_alloc(arena, slice.size + 1);
    if (slice.size > 0) {
        memcpy(copy, slice.data, slice.size);
    }
    return copy;
}

Slice arena_percent_decoded(Arena *arena, Slice text) {
    uint8_t *to = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool escape = text.data[i] == '%' && text.size - i > 2 && hex_digit(text.data[i + 1]) >= 0 &&
                      hex_digit(text.data[i + 2]) >= 0;
        to[size++] = escape ? (uint8_t)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2])) : text.data[i];
        i += escape ? 2 : 0;
    }
    return (Slice){to, size};
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}
