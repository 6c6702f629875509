// SPDX-License-Identifier: Apache-2.0
// A JSON text as a tree, for schemas: members keep their order, numbers the digits that they were written with, so that
// writing it again changes nothing but blanks and escapes. Depth is bounded; a member named twice is an error.
#ifndef LEAT_DATA_REGISTRY_JSON_TREE_H
#define LEAT_DATA_REGISTRY_JSON_TREE_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

enum { TREE_DEPTH_MAX = 256 };

typedef enum TreeKind { TREE_NULL, TREE_FALSE, TREE_TRUE, TREE_NUMBER, TREE_TEXT, TREE_LIST, TREE_OBJECT } TreeKind;

typedef struct JsonNode JsonNode;
struct JsonNode {
    TreeKind kind;
    Slice name;             // of a member: its name, decoded
    Slice text;             // TEXT: decoded; NUMBER: as written
    const JsonNode *first;  // of LIST and OBJECT
    const JsonNode *next;   // in the list or object that it is in
    const JsonNode **order; // OBJECT of many members: by name; NULL = few
    size_t count;
};

// Everything lives in the arena, texts without escapes point into `json`. ERR_VALUE says line and column.
CHECKED bool json_tree_parse(Arena *arena, Slice json, const JsonNode **root, Err *err);
// The member; NULL when absent, or when `object` is no object (or NULL).
const JsonNode *json_tree_find(const JsonNode *object, Slice name);
static inline const JsonNode *json_tree_member(const JsonNode *object, const char *name) {
    return json_tree_find(object, slice_of(name));
}
// The text of a text member; data NULL when absent or something else.
Slice json_tree_text(const JsonNode *object, const char *name);
// A whole number within int64_t.
bool json_tree_int(const JsonNode *node, int64_t *value);
// As double; false when it is no number.
bool json_tree_number(const JsonNode *node, double *value);
// Objects whatever their order, numbers by their value.
bool json_tree_equal(const JsonNode *a, const JsonNode *b);

typedef enum TreeOrder { TREE_AS_WRITTEN, TREE_SORTED } TreeOrder;
void json_tree_write(Buf *buf, const JsonNode *node, TreeOrder order);

#endif
