// SPDX-License-Identifier: Apache-2.0
// Transforms (SMTs) and predicates of Kafka Connect and Debezium, by their class names. A chain is compiled from a
// connector's `transforms` and `predicates`; each step takes a record and gives it changed, or drops it.
//
// What depends on schemas alone (which field moves where) is worked out once per shape and kept by its address.
// Values without a schema (a MAP with a NULL shape) go through as maps: data/connect/schemaless.h. A STRUCT of a
// source's own shape may stand for such a map too.
#ifndef LEAT_DATA_CONNECT_TRANSFORM_H
#define LEAT_DATA_CONNECT_TRANSFORM_H

#include "core/base/err.h"
#include "core/config/definition.h"
#include "data/connect/connect_record.h"

typedef struct TransformChain TransformChain; // one thread at a time

// ERR_OPTION names the key ("transforms.unwrap.type") and what is allowed. A chain without transforms is fine. Shapes
// that transforms make live in `arena`.
CHECKED bool transform_chain_new(Arena *arena, const Properties *config, TransformChain **chain, Err *err);
void transform_chain_release(TransformChain *chain);
bool transform_chain_empty(const TransformChain *chain);
// True when topic and survival of a record depend on more than its topic, shapes and headers' names, whether key and
// value are null, and, of an envelope, its op and which of before and after are null.
bool transform_chain_dynamic(const TransformChain *chain);
// Changes *record in place, its new values in `scratch`; *keep false: dropped. ERR_VALUE says which transform, topic,
// field.
CHECKED bool transform_chain_apply(TransformChain *chain, Arena *scratch, ConnectRecord *record, bool *keep, Err *err);

#endif
