// SPDX-License-Identifier: Apache-2.0
// A JSON object or array as a tree whose numbers stay as they are written, for transforms that make schemas of it.
#ifndef LEAT_DATA_CONNECT_JSON_TREE_H
#define LEAT_DATA_CONNECT_JSON_TREE_H

#include "core/base/buf.h"
#include "core/base/json_reader.h"

typedef struct JsonNode JsonNode;
struct JsonNode {
    JsonToken kind; // OBJECT, ARRAY, TEXT, NUMBER, TRUE, FALSE, NULL
    Slice name;     // of a member
    Slice text;     // of a TEXT or NUMBER; a NUL is behind a NUMBER's
    JsonNode *first, *next;
    size_t count; // of members or items
};

// The first value of the text; what stands behind it is not looked at, as with Jackson. Of members of one name the last
// counts, in the place of the first. The tree borrows from `json` and the arena. ERR_VALUE: it is no JSON.
CHECKED bool json_tree(Arena *arena, Slice json, JsonNode **root, Err *err);
const JsonNode *json_node_find(const JsonNode *object, const char *name); // NULL when absent
bool json_node_integer(const JsonNode *number);                           // no point, no exponent
bool json_node_int64(const JsonNode *number, int64_t *integer);           // false: it is none, or does not fit
double json_node_real(const JsonNode *number);
// As Jackson writes it: no blanks, numbers as Java's.
void json_node_write(Buf *buf, const JsonNode *node);

#endif
