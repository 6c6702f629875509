// SPDX-License-Identifier: Apache-2.0
// Avro schemas as a registry takes them: everything that a schema says is kept (documentation, aliases, defaults,
// order, properties that Avro does not know), so that it can be written again, and be compared with another one.
// Specification: Apache Avro 1.12, "Schema Declaration". (data/format/avro has the schemas of Avro files.)
#ifndef LEAT_DATA_REGISTRY_AVSC_H
#define LEAT_DATA_REGISTRY_AVSC_H

#include "data/registry/json_tree.h"

typedef enum AvscType {
    AVSC_NULL,
    AVSC_BOOLEAN,
    AVSC_INT,
    AVSC_LONG,
    AVSC_FLOAT,
    AVSC_DOUBLE,
    AVSC_BYTES,
    AVSC_STRING,
    AVSC_FIXED,
    AVSC_ENUM,
    AVSC_ARRAY,
    AVSC_MAP,
    AVSC_RECORD,
    AVSC_UNION,
} AvscType;

typedef struct AvscSchema AvscSchema;

typedef struct AvscField {
    Slice name;
    AvscSchema *schema;
    Slice documentation;           // data NULL = none
    const JsonNode *default_value; // NULL = none
    Slice order;                   // "ascending" when none is given
    Slice *aliases;
    size_t alias_count;
    const JsonNode **properties; // what Avro does not know
    size_t property_count;
    size_t at; // its place in the record
} AvscField;

struct AvscSchema {
    AvscType type;
    bool error;                  // RECORD: "error" is its type
    bool referenced;             // of a schema that this one refers to: only its name is written
    Slice name, space, full;     // RECORD, ENUM, FIXED: without namespace; the namespace; both
    Slice documentation;         // data NULL = none
    Slice *aliases;              // full names
    size_t alias_count;          //
    AvscField *fields;           // RECORD
    const AvscField **by_name;   // the same, sorted
    size_t field_count;          //
    Slice *symbols;              // ENUM
    size_t symbol_count;         //
    Slice enum_default;          // data NULL = none
    AvscSchema *items;           // ARRAY, MAP
    AvscSchema **branches;       // UNION
    size_t branch_count;         //
    int64_t size;                // FIXED
    const JsonNode **properties; // what Avro does not know: logicalType, connect.name, …
    size_t property_count;
};

// The named types of `references`, each a whole schema, may be used by name; they stand in the order in which they need
// each other. The schema lives in the arena. ERR_VALUE says what is wrong and where.
CHECKED bool avsc_parse(Arena *arena, Slice text, const Slice *references, size_t reference_count, AvscSchema **schema,
                        Err *err);
// The text that schemas are compared by: without blanks, members in Avro's own order, no namespace that is in force
// already. Sorted: aliases and unknown properties too.
void avsc_write(Buf *buf, const AvscSchema *schema, TreeOrder order);
const char *avsc_type_name(AvscType type); // "record"
// The record's field of that name; NULL when absent.
const AvscField *avsc_field(const AvscSchema *record, Slice name);
// A default that the schema can have.
bool avsc_default_fits(const AvscSchema *schema, const JsonNode *value);

#endif
