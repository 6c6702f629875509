// SPDX-License-Identifier: Apache-2.0
// A shape as Parquet sees it: the schema's elements, the leaf columns with their levels, and the nodes by which a
// record's values are taken apart into them. Compiled once per shape, shared by all its files.
#ifndef LEAT_DATA_FORMAT_PARQUET_TREE_H
#define LEAT_DATA_FORMAT_PARQUET_TREE_H

#include "core/base/decimal.h"
#include "core/base/err.h"
#include "data/format/parquet/bounds.h"
#include "data/format/parquet/metadata.h"
#include "data/format/shape.h"

typedef struct TreeLeaf {
    const Shape *shape;
    PhysicalType physical;
    uint32_t value_size; // bytes of a staged value: BOOL 1, INT32 4, …; 0 = byte arrays
    BoundsOrder order;
    uint8_t value_kind; // the ValueKind that it takes; BOOL: TRUE, beside FALSE
    Int128 decimal_end; // DECIMAL: 10^precision
    int64_t epoch;      // added to dates and times: Parquet counts from 1970
    uint8_t max_definition;
    uint8_t max_repetition;
    bool flat; // no repetition, one optional level at most: a bitmap says all
    bool bloom;
    uint32_t path_count;
    const Slice *path;
} TreeLeaf;

typedef struct TreeNode TreeNode;
struct TreeNode {
    ShapeKind kind;
    bool optional;
    uint8_t definition;  // level of a value that is there
    uint8_t repetition;  // LIST, MAP: level of the elements behind the first
    uint32_t leaf_first; // the leaves below are [leaf_first, leaf_end)
    uint32_t leaf_end;
    Slice name;
    const TreeNode *children; // STRUCT: fields; LIST: the element; MAP: key, value
    uint32_t child_count;
};

typedef struct Tree {
    bool flat; // no LIST, STRUCT, MAP below the top: node i is leaf i
    const TreeNode *nodes;
    uint32_t node_count;
    const TreeLeaf *leaves;
    uint32_t leaf_count;
    SchemaElement *elements;
    uint32_t element_count;
} Tree;

// Lives in the arena, and borrows the shape. ERR_TABLE: a struct without fields, too deep a nesting. `bloom_columns`:
// comma-separated names of top-level fields or dotted paths, "*", or NULL; names that are no column's are passed over.
CHECKED bool tree_compile(Arena *arena, const Shape *shape, const char *bloom_columns, const Tree **tree, Err *err);

#endif
