// SPDX-License-Identifier: Apache-2.0
// The spill file is a row of chunks, each of one part; which are whose is held in memory. A change never crosses
// chunks:
//
//     key a, b, lsn, ordinal, file, position (u64 each), u8 flags, MOVED: before a, b (u64 each), u32 size, values
#include "flow/sink/latest.h"

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/sys/file.h"
#include "data/event/event_codec.h"

#include <fcntl.h>
#include <unistd.h>

enum {
    PARTS = 256,
    CHUNK_BYTES = 64 * KIB,
    DELETED = 1,
    MOVED = 2,
    CHAIN_MAX = 10000, // changes of key that a value is followed through
};
#define MEMORY_BYTES_MAX ((size_t)64 * MIB)

typedef struct Chunk {
    uint64_t offset, size;
} Chunk;

typedef struct Part {
    Buf pending;
    Buf chunks; // Chunk
    uint64_t bytes, changes;
} Part;

typedef struct Entry { // a change that is looked at
    LatestKey key, before;
    uint64_t lsn, ordinal, file, position;
    size_t at; // of its values
    uint32_t size;
    uint8_t flags;
} Entry;

typedef struct Entries {
    Buf list, bytes;
} Entries;

struct Latest {
    Arena run[1];
    const char *path;
    int fd;
    uint64_t end;
    size_t value_count, memory_max;
    bool truncated;
    uint64_t lsn, ordinal; // of the last truncate
    Buf values;            // of one change
    Part parts[PARTS];
};

// --- adding ----------------------------------------------------------------------------------------------------

bool latest_new(const char *directory, size_t value_count, size_t memory_bytes_max, Latest **made, Err *err) {
    Latest *latest = calloc(1, sizeof(*latest));
    ASSERT(latest != NULL);
    *latest = (Latest){
        .fd = -1, .value_count = value_count, .memory_max = memory_bytes_max > 0 ? memory_bytes_max : MEMORY_BYTES_MAX};
    arena_init_small(latest->run, "run", 1024);
    latest->path = arena_printf(latest->run, "%s/changes-%d", directory, (int)getpid());
    if (!file_make_directories(directory, err) ||
        !file_open(latest->path, O_RDWR | O_CREAT | O_TRUNC, &latest->fd, err) || !file_remove(latest->path, err)) {
        latest_free(latest);
        return err_frame(err, __FILE__, __LINE__);
    }
    *made = latest;
    return true;
}

void latest_free(Latest *latest) {
    if (latest == NULL) {
        return;
    }
    for (size_t i = 0; i < PARTS; i++) {
        buf_release(&latest->parts[i].pending);
        buf_release(&latest->parts[i].chunks);
    }
    buf_release(&latest->values);
    file_close(&latest->fd);
    arena_release(latest->run);
    free(latest);
}

static bool part_flush(Latest *latest, Part *part, Err *err) {
    if (part->pending.size == 0) {
        return true;
    }
    Chunk chunk = {latest->end, part->pending.size};
    TRY(file_write(latest->fd, latest->path, buf_slice(&part->pending), (off_t)chunk.offset, err));
    buf_bytes(&part->chunks, &chunk, sizeof(chunk));
    latest->end += chunk.size;
    buf_reset_keep(&part->pending, CHUNK_BYTES);
    return true;
}

static size_t part_of(LatestKey key) {
    return key.b % PARTS;
}

bool latest_add(Latest *latest, const LatestChange *change, Err *err) {
    Part *part = &latest->parts[part_of(change->key)];
    Buf *out = &part->pending;
    if (out->size >= CHUNK_BYTES) {
        TRY(part_flush(latest, part, err));
    }
    size_t before = out->size;
    uint64_t head[] = {change->key.a, change->key.b, change->lsn, change->ordinal, change->file, change->position};
    buf_bytes(out, head, sizeof(head));
    buf_u8(out, (uint8_t)((change->deleted ? DELETED : 0) | (change->moved ? MOVED : 0)));
    if (change->moved) {
        buf_bytes(out, &change->before, sizeof(change->before));
    }
    buf_reset(&latest->values);
    for (size_t i = 0; i < latest->value_count && !change->deleted; i++) {
        value_encode(&latest->values, &change->values[i]);
    }
    buf_u32le(out, (uint32_t)latest->values.size);
    buf_put(out, buf_slice(&latest->values));
    part->bytes += out->size - before;
    part->changes++;
    return true;
}

void latest_truncate(Latest *latest, uint64_t lsn, uint64_t ordinal) {
    bool later = lsn > latest->lsn || (lsn == latest->lsn && ordinal > latest->ordinal);
    if (!latest->truncated || later) {
        latest->lsn = lsn;
        latest->ordinal = ordinal;
    }
    latest->truncated = true;
}

// --- looking ---------------------------------------------------------------------------------------------------

// Which changes of a part: those of one piece of it, or of one key.
typedef struct Choice {
    uint64_t piece, pieces;
    const LatestKey *key; // NULL = all of the piece
} Choice;

static bool chosen(const Choice *choice, LatestKey key) {
    return choice->key != NULL ? key.a == choice->key->a && key.b == choice->key->b
                               : key.a % choice->pieces == choice->piece;
}

static void entries_release(Entries *entries) {
    buf_release(&entries->list);
    buf_release(&entries->bytes);
}

static uint64_t word(Reader *reader) {
    return load_u64le(read_bytes(reader, sizeof(uint64_t)).data); // written by this process: all of it is there
}

static void entry_take(Reader *reader, const Choice *choice, Entries *entries) {
    Entry entry = {.key = {word(reader), word(reader)}};
    entry.lsn = word(reader);
    entry.ordinal = word(reader);
    entry.file = word(reader);
    entry.position = word(reader);
    entry.flags = read_u8(reader);
    if ((entry.flags & MOVED) != 0) {
        entry.before.a = word(reader);
        entry.before.b = word(reader);
    }
    entry.size = read_u32le(reader);
    Slice bytes = read_bytes(reader, entry.size);
    if (chosen(choice, entry.key)) {
        entry.at = entries->bytes.size;
        buf_put(&entries->bytes, bytes);
        buf_bytes(&entries->list, &entry, sizeof(entry));
    }
}

static int entry_compare(const void *a, const void *b) {
    const Entry *left = a, *right = b;
    const uint64_t pairs[][2] = {{left->key.a, right->key.a}, {left->key.b, right->key.b},
                                 {left->lsn, right->lsn},     {left->ordinal, right->ordinal},
                                 {left->file, right->file},   {left->position, right->position}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static bool entries_read(const Latest *latest, const Part *part, const Choice *choice, Entries *entries, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    const Chunk *chunks = (const Chunk *)(const void *)part->chunks.data;
    buf_reset(&entries->list);
    buf_reset(&entries->bytes);
    for (size_t i = 0; i < part->chunks.size / sizeof(Chunk); i++) {
        size_t got = 0;
        buf_reset(&bytes);
        TRY(file_read(latest->fd, latest->path, buf_room(&bytes, chunks[i].size), chunks[i].size,
                      (off_t)chunks[i].offset, &got, err));
        if (got != chunks[i].size) {
            return FAIL(err, ERR_IO_FAILED, "%s: it ends early", latest->path);
        }
        buf_advance(&bytes, got);
        Reader reader = reader_of(buf_slice(&bytes));
        while (reader_left(&reader) > 0) {
            entry_take(&reader, choice, entries);
        }
        ASSERT(!reader.bad);
    }
    size_t count = entries->list.size / sizeof(Entry);
    if (count > 1) {
        qsort(entries->list.data, count, sizeof(Entry), entry_compare);
    }
    return true;
}

// A row that a truncate, or a delete, has ended.
static bool ended(const Latest *latest, const Entry *entry) {
    bool before = entry->lsn < latest->lsn || (entry->lsn == latest->lsn && entry->ordinal < latest->ordinal);
    return (latest->truncated && before) || (entry->flags & DELETED) != 0;
}

// Takes those among `values` that are wanted still from this entry (`first`: all). True: some are wanted still.
static bool values_fill(const Latest *latest, const Entries *entries, const Entry *entry, Arena *arena, Value *values,
                        bool first) {
    Reader reader = reader_of((Slice){entries->bytes.data + entry->at, entry->size});
    bool wanting = false;
    for (size_t i = 0; i < latest->value_count; i++) {
        Value value;
        ASSERT(value_decode(&reader, arena, &value));
        if (first || values[i].kind == VALUE_UNCHANGED) {
            values[i] = value_copy(arena, &value);
        }
        wanting |= values[i].kind == VALUE_UNCHANGED;
    }
    return wanting;
}

// Values that did not travel with the change, from those before it. True: some are wanted still, and with *moved they
// are under another key, from there on.
static bool values_follow(const Latest *latest, const Entries *entries, const Entry *first, const Entry *last,
                          Arena *arena, Value *values, const Entry **moved) {
    *moved = NULL;
    for (const Entry *entry = last;; entry--) {
        if (ended(latest, entry)) {
            return true;
        }
        if (!values_fill(latest, entries, entry, arena, values, false)) {
            return false;
        }
        if ((entry->flags & MOVED) != 0) {
            *moved = entry;
            return true;
        }
        if (entry == first) {
            return true;
        }
    }
}

// The newest entry of a key below a place in the order, and the oldest of that key.
static bool key_look(const Latest *latest, const Entry *moved, Entries *entries, const Entry **first,
                     const Entry **last, Err *err) {
    LatestKey key = moved->before;
    Choice choice = {.key = &key};
    uint64_t lsn = moved->lsn, ordinal = moved->ordinal;
    TRY(entries_read(latest, &latest->parts[part_of(key)], &choice, entries, err));
    const Entry *all = (const Entry *)(const void *)entries->list.data;
    size_t count = entries->list.size / sizeof(Entry);
    while (count > 0 &&
           (all[count - 1].lsn > lsn || (all[count - 1].lsn == lsn && all[count - 1].ordinal >= ordinal))) {
        count--;
    }
    // The key change itself is a delete of the old key: what was before it counts.
    if (count > 0 && (all[count - 1].flags & DELETED) != 0 && all[count - 1].lsn == lsn) {
        count--;
    }
    *first = count > 0 ? all : NULL;
    *last = count > 0 ? &all[count - 1] : NULL;
    return true;
}

static bool moved_follow(const Latest *latest, const Entry *moved, Arena *arena, Value *values, Err *err) {
    Entries entries[2] = {0};
    Entry from = *moved;
    bool ok = true;
    for (size_t i = 0; ok && i < CHAIN_MAX; i++) {
        const Entry *first = NULL, *last = NULL, *next = NULL;
        ok = key_look(latest, &from, &entries[i % 2], &first, &last, err);
        if (!ok || last == NULL || !values_follow(latest, &entries[i % 2], first, last, arena, values, &next) ||
            next == NULL) {
            break;
        }
        from = *next;
    }
    entries_release(&entries[0]);
    entries_release(&entries[1]);
    return ok;
}

typedef struct Giving {
    const Latest *latest;
    Entries entries;
    Arena scratch[1];
    bool (*row)(void *context, const LatestChange *change, Err *err);
    void *context;
} Giving;

static bool key_give(Giving *giving, const Entry *first, const Entry *last, Err *err) {
    const Latest *latest = giving->latest;
    if (ended(latest, last)) {
        return true;
    }
    arena_reset(giving->scratch);
    Value *values = ARENA_ARRAY(giving->scratch, Value, latest->value_count + 1);
    if (values_fill(latest, &giving->entries, last, giving->scratch, values, true)) {
        const Entry *moved = NULL;
        bool wanting = values_follow(latest, &giving->entries, first, last, giving->scratch, values, &moved);
        TRY(!wanting || moved == NULL || moved_follow(latest, moved, giving->scratch, values, err));
    }
    LatestChange change = {.key = last->key,
                           .lsn = last->lsn,
                           .ordinal = last->ordinal,
                           .file = last->file,
                           .position = last->position,
                           .values = values};
    return giving->row(giving->context, &change, err);
}

static bool piece_give(Giving *giving, const Part *part, Choice choice, Err *err) {
    TRY(entries_read(giving->latest, part, &choice, &giving->entries, err));
    const Entry *all = (const Entry *)(const void *)giving->entries.list.data;
    size_t count = giving->entries.list.size / sizeof(Entry);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && all[next].key.a == all[i].key.a && all[next].key.b == all[i].key.b;) {
            next++;
        }
        TRY(key_give(giving, &all[i], &all[next - 1], err));
    }
    return true;
}

static bool parts_give(Giving *giving, Latest *latest, Err *err) {
    for (size_t i = 0; i < PARTS; i++) {
        Part *part = &latest->parts[i];
        TRY(part_flush(latest, part, err));
        buf_release(&part->pending);
    }
    for (size_t i = 0; i < PARTS; i++) {
        const Part *part = &latest->parts[i];
        uint64_t held = part->bytes + part->changes * sizeof(Entry), pieces = held / latest->memory_max + 1;
        for (uint64_t piece = 0; part->changes > 0 && piece < pieces; piece++) {
            TRY(piece_give(giving, part, (Choice){piece, pieces, NULL}, err));
        }
    }
    return true;
}

bool latest_each(Latest *latest, bool (*row)(void *context, const LatestChange *change, Err *err), void *context,
                 Err *err) {
    Giving giving = {.latest = latest, .row = row, .context = context};
    arena_init(giving.scratch, "scratch", 0);
    bool ok = parts_give(&giving, latest, err);
    entries_release(&giving.entries);
    arena_release(giving.scratch);
    return ok;
}
