// SPDX-License-Identifier: Apache-2.0
// Does a sink's table hold just the rows that the source held at one moment? docs/internals/verify.md.
//
// Both sides are read side by side, each row in the form that the sink writes it in, and added up as keyed 128-bit
// hashes in 65,536 buckets, by the hash of their key. Where two buckets differ, both sides are read again, and the rows
// of these buckets are compared one by one. The hashes' key is random and new each time: nobody can make rows that
// hide.
//
// What is equal: values as the sink's types have them. Decimals are equal whatever their scale, NaN is NaN, -0 is 0,
// maps have no order, all else is equal when its bytes are.
#ifndef LEAT_FLOW_VERIFY_VERIFY_H
#define LEAT_FLOW_VERIFY_VERIFY_H

#include "core/sys/throttle.h"
#include "flow/sink/corrections.h"
#include "flow/sink/sink.h"
#include "flow/source/source.h"

typedef struct VerifyContext {
    const SourceDriver *source;
    void *source_state; // of compare_open
    const SinkDriver *sink;
    void *sink_state;             // of compare_open
    Throttle *throttle;           // of bytes read, of each side; NULL = none
    size_t memory_bytes_max;      // of rows that are looked at one by one; 0 = 256 MiB
    size_t differences_max;       // that are kept with both rows, in each table; 0 = 1,000
    CorrectionFiles *corrections; // of all differences, for SinkDriver.repair; then all of them are found, by more
                                  // passes where memory_bytes_max makes it so; NULL = none are wanted
    uint32_t sample;              // only one row of the source in so many, against all of the sink's; 0 = all
    const volatile bool *stop;    // ERR_INTERRUPTED; NULL = never
} VerifyContext;

typedef enum VerifyKind {
    VERIFY_MISSING,   // the sink has no such row
    VERIFY_EXTRA,     // the source has none
    VERIFY_DIFFERENT, // both have one, of other values
    VERIFY_DUPLICATE, // the sink has more than one
} VerifyKind;
const char *verify_kind_name(VerifyKind kind); // "missing", "extra", "different", "duplicate"

typedef struct VerifyDifference {
    VerifyKind kind;
    const Value *key;    // of the fields VerifyResult.key; NULL = the table has no key
    const Value *source; // one a field of VerifyResult.record; NULL = no such row
    const Value *sink;   // likewise; of several the first
    uint64_t count;      // rows of that kind: above 1 without a key, and where the sink has more than one
    uint64_t ordinal;    // of the source's row
    // For corrections:
    const Value *after;   // the source's row as its event has it
    const Schema *schema; // of `after`; without it of another row; NULL: the source has none
    const struct CorrectionPlace *places;
    size_t place_count;
} VerifyDifference;

typedef struct VerifyResult {
    Slice topic;
    const Shape *record; // NULL: it could not be compared
    const int32_t *key;
    size_t key_count;
    const int32_t *bag; // see SinkCompareTable
    size_t bag_count;
    const char *irreparable; // why no corrections were made; NULL = they can be
    uint64_t source_rows, sink_rows;
    uint64_t equal;                                // rows
    uint64_t missing, extra, different, duplicate; // keys, or rows without one
    uint64_t unseen;          // rows of the source in buckets that differ and were not looked into (memory_bytes_max)
    uint64_t *column_differs; // one a field: so many rows differ in it
    // Values that the sink's type cannot hold, which were compared as NULL: "equal under the rule inexact.values=null".
    uint64_t inexact;
    uint64_t *lost;                      // one a field
    const VerifyDifference *differences; // by kind as they were found
    size_t difference_count;             // at most differences_max
    const Schema *schema;                // of the source's last row; NULL = it has none
    int64_t us;
} VerifyResult;

bool verify_is_equal(const VerifyResult *result);
// Everything in *result lives in the arena, and as long as the source's comparison. ERR_NOT_FOUND, ERR_TABLE: this
// table cannot be compared; others: the comparison cannot go on.
CHECKED bool verify_table(const VerifyContext *context, Slice topic, Arena *arena, VerifyResult *result, Err *err);

#endif
