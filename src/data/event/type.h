// SPDX-License-Identifier: Apache-2.0
// THE WAIST, part 1: what a column can hold. leat's own types, exact, independent of any source or sink.
#ifndef LEAT_DATA_EVENT_TYPE_H
#define LEAT_DATA_EVENT_TYPE_H

#include "core/base/arena.h"

// X(kind, name on disk and in schemas). The order is part of the journal's format: add at the end only.
#define TYPE_KINDS(X)                  \
    X(TYPE_BOOL, "bool")               \
    X(TYPE_INT16, "int16")             \
    X(TYPE_INT32, "int32")             \
    X(TYPE_INT64, "int64")             \
    X(TYPE_UINT32, "uint32")           \
    X(TYPE_UINT64, "uint64")           \
    X(TYPE_FLOAT32, "float32")         \
    X(TYPE_FLOAT64, "float64")         \
    X(TYPE_DECIMAL, "decimal")         \
    X(TYPE_STRING, "string")           \
    X(TYPE_BYTES, "bytes")             \
    X(TYPE_DATE, "date")               \
    X(TYPE_TIME, "time")               \
    X(TYPE_TIMETZ, "timetz")           \
    X(TYPE_TIMESTAMP, "timestamp")     \
    X(TYPE_TIMESTAMPTZ, "timestamptz") \
    X(TYPE_INTERVAL, "interval")       \
    X(TYPE_UUID, "uuid")               \
    X(TYPE_JSON, "json")               \
    X(TYPE_ENUM, "enum")               \
    X(TYPE_BITS, "bits")               \
    X(TYPE_LIST, "list")               \
    X(TYPE_STRUCT, "struct")           \
    X(TYPE_MAP, "map")                 \
    X(TYPE_RANGE, "range")             \
    X(TYPE_MULTIRANGE, "multirange")

typedef enum TypeKind {
#define X(kind, name) kind,
    TYPE_KINDS(X)
#undef X
        TYPE_KIND_COUNT
} TypeKind;

typedef struct Type Type;
typedef struct Field Field;

struct Type {
    TypeKind kind;
    // DECIMAL: digits in all, 0 = any number of digits. TIME…, TIMESTAMP…, INTERVAL: digits of the second's fraction,
    // 0 to 6. BITS: its length, 0 = any. STRING: the longest in characters, 0 = any.
    int32_t precision;
    int32_t scale;        // DECIMAL with a precision: digits after the point (PostgreSQL allows -1000 to 1000)
    uint32_t source_id;   // the source's own number for it (PostgreSQL: type OID); 0 = unknown
    Slice source_name;    // the source's own name, schema-qualified only when needed: "numeric", "citext", "mood"
    const Type *element;  // LIST, RANGE, MULTIRANGE (the range's bound type), MAP (values; NULL = strings, as keys are)
    const Field *fields;  // STRUCT
    uint32_t field_count; // STRUCT
    const Slice *labels;  // ENUM, in sort order
    uint32_t label_count; // ENUM
};

struct Field {
    Slice name;
    Type type;
};

const char *type_kind_name(TypeKind kind);
bool type_equal(const Type *a, const Type *b); // source_id does not count: it differs between servers
// A deep copy that lives as long as the arena.
Type type_copy(Arena *arena, const Type *type);

#endif
