// SPDX-License-Identifier: Apache-2.0
// Reading JSON into structs, for what tables and catalogs say: a table of members tells what goes where. Nothing is
// built in between, so memory is bounded by what is kept. Every fault is an ERR_VALUE that begins with the member's
// path: "table metadata: snapshots[3].snapshot-id: is missing".
#ifndef LEAT_LAKE_ICEBERG_JSON_IN_H
#define LEAT_LAKE_ICEBERG_JSON_IN_H

#include "core/base/json_reader.h"

typedef struct JsonIn {
    JsonReader reader;
    Arena *arena;     // of what is kept
    const char *what; // is read: "table metadata"
    char path[200];
    size_t path_size;
} JsonIn;

typedef enum JsonMemberKind {
    MEMBER_INT32,
    MEMBER_INT64,
    MEMBER_BOOL,
    MEMBER_TEXT,  // Slice
    MEMBER_RAW,   // Slice: the value's JSON as it stands there
    MEMBER_LIST,  // of what `read` reads, item_size bytes each: a pointer and, at count_offset, a size_t
    MEMBER_TEXTS, // an object whose values are all texts: Property *, size_t
    MEMBER_OTHER, // `read` is given the whole struct
} JsonMemberKind;

// Reads the value whose first token was read. `target` is zeroed memory, or the struct.
typedef bool JsonInRead(JsonIn *in, JsonToken first, void *target, Err *err);

typedef struct JsonMember {
    const char *name;
    JsonMemberKind kind;
    bool required; // else it may be absent, or null, which leaves the target as it is
    size_t offset;
    size_t count_offset;
    size_t item_size;
    JsonInRead *read;
} JsonMember;

enum { JSON_MEMBERS_MAX = 64 };

// The text is copied into the arena, and what is read points into it.
void json_in_init(JsonIn *in, const char *what, Slice json, Arena *arena);
CHECKED bool json_in_token(JsonIn *in, JsonToken *token, Err *err);
// The first token; then, when all is read, that nothing follows.
CHECKED bool json_in_end(JsonIn *in, Err *err);
bool json_in_fail(const JsonIn *in, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);

// An object. Unknown members are put into *others as "name":value,"name":value (NULL: passed over). A member that comes
// twice is a fault, whether it is known or not.
CHECKED bool json_in_struct(JsonIn *in, JsonToken first, const JsonMember *members, size_t count, void *target,
                            Slice *others, Err *err);
CHECKED bool json_in_list(JsonIn *in, JsonToken first, JsonInRead *read, size_t item_size, void **items, size_t *count,
                          Err *err);
CHECKED bool json_in_int(JsonIn *in, JsonToken first, int64_t min, int64_t max, int64_t *value, Err *err);
CHECKED bool json_in_text(JsonIn *in, JsonToken first, Slice *text, Err *err);
CHECKED bool json_in_raw(JsonIn *in, JsonToken first, Slice *raw, Err *err);
JsonInRead json_in_int32_item, json_in_int64_item, json_in_text_item;

#endif
