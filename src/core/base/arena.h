// SPDX-License-Identifier: Apache-2.0
// Memory with a named lifetime and a limit. Three lifetimes in the whole program: `run` (as long as the worker),
// `batch` (until the batch is durable), `scratch` (until the function returns). An allocation is zeroed and never
// fails: past the limit, or without memory, the worker panics, so callers bound what they put in (see ERR_MEMORY).
#ifndef LEAT_CORE_BASE_ARENA_H
#define LEAT_CORE_BASE_ARENA_H

#include "core/base/bytes.h"

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena {
    const char *name; // its lifetime, for the panic's text
    size_t limit;     // bytes; 0 = none
    size_t used;      // bytes handed out since the last reset
    size_t first;     // bytes of the first chunk; 0 = the usual
    ArenaChunk *chunk;
} Arena;

void arena_init(Arena *arena, const char *name, size_t limit);
// One of very many that stay: it begins with a chunk of about so many bytes, in place of 32 KiB.
void arena_init_small(Arena *arena, const char *name, size_t first);
void arena_release(Arena *arena);
// Forgets all allocations; keeps one chunk for the next round.
void arena_reset(Arena *arena);

// `size` zeroed bytes, aligned for any type. Size 0 gives a valid pointer.
void *arena_alloc(Arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
#define ARENA_NEW(arena, Type)          ((Type *)arena_alloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, count) ((Type *)arena_array((arena), sizeof(Type), (count)))
void *arena_array(Arena *arena, size_t item_size, size_t count) __attribute__((returns_nonnull));

// A copy that lives as long as the arena. arena_text adds a NUL, for the edges of the OS and of libraries.
Slice arena_slice(Arena *arena, Slice slice);
char *arena_text(Arena *arena, Slice slice);
// A copy in which %XX are bytes; what is no escape stays as it is. With a NUL behind it, and any that it decoded.
Slice arena_percent_decoded(Arena *arena, Slice text);
char *arena_printf(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
