// SPDX-License-Identifier: Apache-2.0
// Documents of MongoDB as Debezium's connector for it writes them: extended JSON, of version 2 (canonical or relaxed)
// and of version 1 in its strict form. https://github.com/mongodb/specifications/blob/master/source/extended-json.md
#ifndef LEAT_DATA_CONNECT_BSON_H
#define LEAT_DATA_CONNECT_BSON_H

#include "core/base/err.h"
#include "data/event/value.h"

typedef enum BsonKind {
    BSON_NULL,
    BSON_STRING,
    BSON_OBJECT_ID,
    BSON_DECIMAL,
    BSON_CODE,
    BSON_DOUBLE,
    BSON_BINARY,
    BSON_INT32,
    BSON_INT64,
    BSON_BOOLEAN,
    BSON_DATE,
    BSON_TIMESTAMP,
    BSON_SCALAR_KINDS, // those before it have their value in `value`
    BSON_CODE_WITH_SCOPE = BSON_SCALAR_KINDS,
    BSON_REGEX,
    BSON_DOCUMENT,
    BSON_ARRAY,
    BSON_OTHER, // symbols, undefined, the least and the greatest key, pointers: what the original leaves out
} BsonKind;

// In Connect's form: object ids in hexadecimal digits, decimals and code as texts, dates in milliseconds since 1970.
typedef struct BsonNode BsonNode;
struct BsonNode {
    BsonKind kind;
    Slice name;             // of a member
    Value value;            // of a scalar; the code of CODE_WITH_SCOPE, the pattern of REGEX
    Slice options;          // REGEX
    BsonNode *first, *next; // members of a DOCUMENT or a scope, items of an ARRAY
    size_t count;
};

// Lives in the arena and borrows from `json`. ERR_VALUE: it is no document in extended JSON.
CHECKED bool bson_document(Arena *arena, Slice json, BsonNode **document, Err *err);
BsonNode *bson_find(const BsonNode *document, Slice name); // NULL when absent
// Replaces what has its name, or comes last.
void bson_put(BsonNode *document, BsonNode *member);
void bson_remove(BsonNode *document, Slice name);

#endif
