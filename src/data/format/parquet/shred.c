// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/writer.h"

typedef struct Shredder {
    const Tree *tree;
    Leaf *leaves;
    size_t staged;
    Err *err;
} Shredder;

static inline size_t value_bytes_staged(const TreeLeaf *spec, const Value *value) {
    return spec->value_size != 0 ? spec->value_size : value->bytes.size + sizeof(uint32_t);
}

static bool missing_fail(Shredder *shredder, const TreeNode *node, const Value *value) {
    if (value->kind == VALUE_UNCHANGED) {
        return FAIL(shredder->err, ERR_INTERNAL, "column %.*s: an unchanged value has no form in Parquet",
                    SLICE_ARG(node->name));
    }
    return FAIL(shredder->err, ERR_VALUE, "column %.*s: a value is missing where there must be one",
                SLICE_ARG(node->name));
}

// --- nested ----------------------------------------------------------------------------------------------------

// All leaves below: nothing from that level on.
static void entries_absent(Shredder *shredder, const TreeNode *node, uint8_t definition, uint8_t repetition) {
    for (uint32_t i = node->leaf_first; i < node->leaf_end; i++) {
        if (leaf_is_flat(&shredder->leaves[i])) {
            leaf_entry_null(&shredder->leaves[i]);
        } else {
            leaf_entry(&shredder->leaves[i], definition, repetition);
        }
        shredder->staged += 2;
    }
}

static bool node_write(Shredder *shredder, const TreeNode *node, const Value *value, uint8_t repetition);

static bool items_write(Shredder *shredder, const TreeNode *node, const Value *value, uint8_t repetition) {
    if (value->items.count == 0) {
        entries_absent(shredder, node, node->definition, repetition);
        return true;
    }
    for (size_t i = 0; i < value->items.count; i++) {
        const TreeNode *child = &node->children[node->kind == SHAPE_MAP ? i % 2 : 0];
        bool first = i < node->child_count; // of a MAP, the first key and the first value
        if (!node_write(shredder, child, &value->items.at[i], first ? repetition : node->repetition)) {
            return false;
        }
    }
    return true;
}

static bool nested_write(Shredder *shredder, const TreeNode *node, const Value *value, uint8_t repetition) {
    if (node->kind != SHAPE_STRUCT) {
        bool fits = value->kind == (node->kind == SHAPE_MAP ? VALUE_MAP : VALUE_LIST);
        if (!fits || value->items.count % node->child_count != 0) {
            return FAIL(shredder->err, ERR_INTERNAL, "column %.*s: a value is not of the form that a %s takes",
                        SLICE_ARG(node->name), shape_kind_name(node->kind));
        }
        return items_write(shredder, node, value, repetition);
    }
    if (value->kind != VALUE_STRUCT || value->items.count != node->child_count) {
        return FAIL(shredder->err, ERR_INTERNAL, "column %.*s: a value is not of the form that its struct takes",
                    SLICE_ARG(node->name));
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (!node_write(shredder, &node->children[i], &value->items.at[i], repetition)) {
            return false;
        }
    }
    return true;
}

static bool node_write(Shredder *shredder, const TreeNode *node, const Value *value, uint8_t repetition) {
    if (value_is_absent(value)) {
        if (!node->optional || value->kind != VALUE_NULL) {
            return missing_fail(shredder, node, value);
        }
        entries_absent(shredder, node, (uint8_t)(node->definition - 1), repetition);
        return true;
    }
    if (node->children != NULL) {
        return nested_write(shredder, node, value, repetition);
    }
    Leaf *leaf = &shredder->leaves[node->leaf_first];
    if (!leaf_put(leaf, value, shredder->err)) {
        return err_prefix(shredder->err, "column %.*s", SLICE_ARG(node->name));
    }
    if (leaf_is_flat(leaf)) {
        leaf_entry_present(leaf);
    } else {
        leaf_entry(leaf, node->definition, repetition);
    }
    shredder->staged += value_bytes_staged(leaf->spec, value);
    return true;
}

// --- the record ------------------------------------------------------------------------------------------------

static bool absent_write(Shredder *shredder, const TreeNode *node, const Value *value) {
    if (!node->optional || value->kind != VALUE_NULL) {
        return missing_fail(shredder, node, value);
    }
    leaf_entry_null(&shredder->leaves[node->leaf_first]);
    return true;
}

// Leaves at the top are flat: nearly all values take this road.
bool shred_record(const Tree *tree, Leaf *leaves, const Value *values, size_t *staged, Err *err) {
    Shredder shredder = {tree, leaves, 0, err};
    for (uint32_t i = 0; i < tree->node_count; i++) {
        const TreeNode *node = &tree->nodes[i];
        const Value *value = &values[i];
        if (node->children != NULL) {
            TRY(node_write(&shredder, node, value, 0));
            continue;
        }
        if (value_is_absent(value)) {
            TRY(absent_write(&shredder, node, value));
            continue;
        }
        Leaf *leaf = &leaves[node->leaf_first];
        if (UNLIKELY(!leaf_put(leaf, value, err))) {
            return err_prefix(err, "column %.*s", SLICE_ARG(node->name));
        }
        leaf_entry_present(leaf);
        shredder.staged += leaf->road == LEAF_BYTES ? value->bytes.size + sizeof(uint32_t) : sizeof(int64_t);
    }
    *staged += shredder.staged;
    return true;
}
