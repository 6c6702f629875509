// SPDX-License-Identifier: Apache-2.0
// Entries of a registry's log as records of a compacted topic of one partition, in the form that Confluent's Schema
// Registry keeps in its topic _schemas (its classes SchemaKey, SchemaValue, ConfigKey, …), byte for byte in the keys:
//
//     {"keytype":"SCHEMA","subject":S,"version":V,"magic":1}
//         {"subject":S,"version":V,"id":I[,"schemaType":T][,"references":[{"name","subject","version"}]],"schema":TEXT,
//          "deleted":B}; Avro has no schemaType. No value: the version was deleted for good
//     {"keytype":"CONFIG","subject":S,"magic":0}          {["normalize":B,]["compatibilityLevel":L]}; S null: of all
//     {"keytype":"MODE","subject":S,"magic":0}            {"mode":M}
//     {"keytype":"DELETE_SUBJECT","subject":S,"magic":0}  {"subject":S,"version":V}: softly, all up to V. Only read
//     {"keytype":"NOOP","magic":0}                        {"nextId":I}. The value is leat's: Confluent's has none, and
//                                                         reads none. Ids of what is gone for good are not used again
//
// Keys of other types are passed over.
#ifndef LEAT_SURFACE_API_REGISTRY_RECORD_H
#define LEAT_SURFACE_API_REGISTRY_RECORD_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "engine/state/registry_log.h"

// *value of size 0: the key is taken back.
void registry_record_write(const RegistryEntry *entry, Buf *key, Buf *value);
// The entry lives in the arena or is borrowed. *known false: it is nothing of ours. ERR_STATE_CORRUPT: it cannot be
// read (ERR_VALUE: it is no JSON); ERR_NET_SETUP: it holds what this registry cannot (Protobuf, contexts).
CHECKED bool registry_record_read(Slice key, Slice value, Arena *arena, RegistryEntry *entry, bool *known, Err *err);

#endif
