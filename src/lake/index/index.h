// SPDX-License-Identifier: Apache-2.0
// The key index of one table: primary key -> data file and row. On local disk, 11 to 15 bytes a row, bounded memory; it
// makes upserts fast and is never the truth: lost or behind, it is made again from the table.
//
// A log-structured tree of immutable segments, sorted by hash, newest first; a table in memory holds what was exchanged
// since the last persisted segment. Keys of up to 8 bytes of one fixed width (integers, dates) are mixed by a
// bijection, so they are compared exactly; others by a fingerprint of 96 bits.
//
// What is exchanged belongs to the open commit of the table: index_commit after it stands, index_rollback after it
// failed. A crash in between leaves the index behind the table, which the caller finds out by the mark, and mends by
// replaying the files that were added since.
//
// Errors. After a failed exchange or load (ERR_IO_FULL, most often) only a rollback, or closing it, is possible; then
// the last commit stands. A failed commit changed nothing and can be made again. ERR_STATE_CORRUPT: a block of a file
// is not what was written; nothing wrong was returned, close it, and what index_open makes next is fresh.
#ifndef LEAT_LAKE_INDEX_INDEX_H
#define LEAT_LAKE_INDEX_INDEX_H

#include "core/base/err.h"
#include "data/event/value.h"

typedef struct KeyIndex KeyIndex; // one thread at a time

typedef struct KeyHash { // of one key: key_hash
    uint64_t high;
    uint32_t low; // 0 for exact keys
} KeyHash;

typedef struct KeyPlace {
    uint32_t file; // a number that the caller gives each data file (never again for another): below 2^24
    uint32_t row;
} KeyPlace;
#define KEY_NOWHERE ((KeyPlace){UINT32_MAX, UINT32_MAX})
static inline bool key_place_none(KeyPlace place) {
    return place.file == UINT32_MAX;
}

// How far the index goes; compared with the table's metadata by the caller.
typedef struct IndexMark {
    char table_uuid[40];
    int64_t snapshot_id;
    int64_t sequence_number;
    uint64_t keys_of;   // hash of what makes the keys: ids and types of the key's columns
    uint32_t next_file; // numbers below were given
} IndexMark;

typedef struct IndexOptions {
    const char *directory;   // ours alone; made when missing
    size_t memory_bytes_max; // of the table in memory and buffers; segments are mapped, the page cache decides
    bool exact;              // keys are of one fixed width of up to 8 bytes
} IndexOptions;

// Anything that is not in order (missing, damaged, of another version, other options) makes an empty index, and *fresh.
// ERR_LOCKED when another one has it open.
CHECKED bool index_open(const IndexOptions *options, KeyIndex **index, bool *fresh, Err *err);
void index_close(KeyIndex *index); // what is not committed is gone
// That of the last commit, a lazy one too: what the index holds now. Zeros when it is fresh.
const IndexMark *index_mark(const KeyIndex *index);
// The caller's own numbering of files, kept with the mark: bytes that index_commit was given last.
Slice index_files(const KeyIndex *index);

// Whether a key of one column of that type can be exact. All others are opened without.
bool key_kind_exact(TypeKind kind);
// The hash of a key: its values, none NULL, in the order of the key's columns. `exact` as the index was opened.
KeyHash key_hash(const Value *values, size_t count, bool exact);

// For each key, in order: `was` is the place that it had, `now` the one that it has from here on (KEY_NOWHERE: it is
// gone). The same key may come more than once. Some 1,000 to 100,000 keys at a time are best.
CHECKED bool index_exchange(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, KeyPlace *was, size_t count,
                            Err *err);
CHECKED bool index_find(KeyIndex *index, const KeyHash *keys, KeyPlace *places, size_t count, Err *err);
// New keys that nobody has (a first snapshot, a rebuild): no look-ups.
CHECKED bool index_load(KeyIndex *index, const KeyHash *keys, const KeyPlace *now, size_t count, Err *err);
// All keys are gone (TRUNCATE).
void index_clear(KeyIndex *index);

// Durable: all that was exchanged since, with the mark and the caller's bytes. With `lazy` it may be put off until
// there is enough of it: the mark on disk stays behind, and a crash costs a replay of so much.
CHECKED bool index_commit(KeyIndex *index, const IndexMark *mark, Slice files, bool lazy, Err *err);
CHECKED bool index_rollback(KeyIndex *index, Err *err); // to the last commit

typedef struct IndexStats {
    uint64_t entries; // keys that have a place
    uint64_t segments;
    uint64_t disk_bytes;      // of the segments; while they are merged, as much again may be written beside them
    uint64_t memory_bytes;    // without what is mapped
    uint64_t table_bytes;     // of these, what a commit that is not lazy gives back
    uint64_t lookups, merges; // since it was opened
} IndexStats;
void index_stats(const KeyIndex *index, IndexStats *stats);

#endif
