// SPDX-License-Identifier: Apache-2.0
// Keyed 128-bit hashes of rows: two multiplicative lanes of 64 bits, each with secrets of its own.
#ifndef LEAT_FLOW_SINK_ROW_HASH_H
#define LEAT_FLOW_SINK_ROW_HASH_H

#include "data/event/value.h"
#include "data/format/shape.h"

typedef struct RowHash {
    uint64_t a, b;
} RowHash;

typedef struct RowSecret {
    uint64_t word[4];
} RowSecret;

void row_secret_make(RowSecret *secret); // random
// Of the values of these fields of a record, in their order; `fields` NULL: all.
RowHash row_hash(const RowSecret *secret, const Shape *record, const Value *values, const int32_t *fields,
                 size_t count);
// Of one value of that shape, NULL too. Equal hashes: equal values, as verify.h says it.
RowHash value_hash(const RowSecret *secret, const Shape *shape, const Value *value);
size_t row_bytes(const Value *values, size_t count); // about, as they travel

#endif
