// SPDX-License-Identifier: Apache-2.0
// A schema of a registry, of whatever type: its canonical text, by which schemas are the same or not, and whether one
// may follow others at a compatibility level. Facts of Confluent's Schema Registry 7.x and 8.x; its words in messages.
#ifndef LEAT_DATA_REGISTRY_REGISTRY_SCHEMA_H
#define LEAT_DATA_REGISTRY_REGISTRY_SCHEMA_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

enum {
    REGISTRY_SCHEMA_BYTES_MAX = 1 << 20,
    REGISTRY_FINGERPRINT_BYTES = 32,
};

typedef enum RegistryType { REGISTRY_AVRO, REGISTRY_JSON } RegistryType;

typedef enum RegistryLevel {
    LEVEL_NONE,
    LEVEL_BACKWARD,
    LEVEL_BACKWARD_TRANSITIVE,
    LEVEL_FORWARD,
    LEVEL_FORWARD_TRANSITIVE,
    LEVEL_FULL,
    LEVEL_FULL_TRANSITIVE,
} RegistryLevel;

// What a schema refers to: `name` is an Avro type's full name or what stands in "$ref".
typedef struct RegistryReference {
    Slice name, subject;
    int32_t version;
    Slice text; // of the schema referred to; borrowed. Not part of what makes schemas the same
} RegistryReference;

typedef struct RegistrySchema {
    RegistryType type;
    Slice text; // canonical
    const struct AvscSchema *avro;
    const struct JsonSchema *json;
} RegistrySchema;

typedef enum RegistryForm { REGISTRY_CANONICAL, REGISTRY_NORMALIZED } RegistryForm;

const char *registry_type_name(RegistryType type); // "AVRO"
// "" is Avro. False: not one of them.
bool registry_type_of(Slice name, RegistryType *type);
const char *registry_level_name(RegistryLevel level);
bool registry_level_of(Slice name, RegistryLevel *level); // in any case

// `references` are all that the schema needs, also through others, each before those that need it. ERR_VALUE: "Invalid
// schema …, details: …"; ERR_MEMORY: too large.
CHECKED bool registry_schema_parse(Arena *arena, RegistryType type, Slice text, const RegistryReference *references,
                                   size_t reference_count, RegistryForm form, RegistrySchema *schema, Err *err);
// Of type, canonical text and the schema's own references: equal means the same schema, so the same id.
void registry_fingerprint(RegistryType type, Slice text, const RegistryReference *references, size_t reference_count,
                          uint8_t fingerprint[REGISTRY_FINGERPRINT_BYTES]);

// An earlier version, as it is stored.
typedef struct RegistryVersionText {
    RegistryType type;
    int32_t version;
    Slice text;
    const RegistryReference *references; // all that it needs
    size_t reference_count;
} RegistryVersionText;

typedef struct RegistryMessages {
    const char **at;
    size_t count; // 0 = compatible
} RegistryMessages;

// Checks against the last of `earlier`, at transitive levels against all of them, the last first, until one differs.
// The messages are those of a registry that is asked to be verbose.
CHECKED bool registry_compatible(Arena *arena, RegistryLevel level, const RegistrySchema *schema,
                                 const RegistryVersionText *earlier, size_t earlier_count, RegistryMessages *messages,
                                 Err *err);

#endif
