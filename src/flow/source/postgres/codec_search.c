// SPDX-License-Identifier: Apache-2.0
// tsvectorsend, tsquerysend, pg_snapshot_send into the text of their output functions (tsvector.c, tsquery.c,
// xid8funcs.c).
#include "flow/source/postgres/codec_decode.h"

// The longest text of n bytes: a snapshot's 8 become 21, a tsquery's 2 for & become "(  &  )", a position's 2 7.
static Buf text_begin(Arena *arena, size_t bytes) {
    size_t size = bytes * 4 + 32;
    return (Buf){.data = arena_alloc(arena, size), .capacity = size, .limit = size};
}

static bool text_end(const Buf *buf, Value *value) {
    ASSERT(!buf->overflow);
    *value = value_bytes(VALUE_STRING, buf_slice(buf));
    return true;
}

static void put_lexeme(Buf *buf, Slice lexeme) {
    buf_u8(buf, '\'');
    for (size_t i = 0; i < lexeme.size; i++) {
        if (lexeme.data[i] == '\'' || lexeme.data[i] == '\\') {
            buf_u8(buf, lexeme.data[i]);
        }
        buf_u8(buf, lexeme.data[i]);
    }
    buf_u8(buf, '\'');
}

bool pg_binary_tsvector(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    uint32_t count = read_u32be(&reader);
    Buf buf = text_begin(arena, bytes.size);
    for (uint32_t i = 0; i < count && !reader.bad; i++) {
        Slice lexeme = read_text0(&reader);
        uint32_t positions = read_u16be(&reader);
        if (reader.bad) {
            break;
        }
        buf_text(&buf, i > 0 ? " " : "");
        put_lexeme(&buf, lexeme);
        for (uint32_t p = 0; p < positions && !reader.bad; p++) {
            uint32_t entry = read_u16be(&reader); // 2 bits weight, 14 bits position
            if (!reader.bad) {
                buf_u8(&buf, p > 0 ? ',' : ':');
                buf_uint(&buf, entry & 0x3FFF);
                buf_bytes(&buf, &"DCBA"[entry >> 14], entry >> 14 > 0);
            }
        }
    }
    if (!reader_done(&reader)) {
        return BAD_VALUE(codec, err, "its lexemes do not match its bytes");
    }
    return text_end(&buf, value);
}

// --- tsquery ---------------------------------------------------------------------------------------------------

// In the order of the wire: an operator, then its right operand, then its left one.
enum { NODE_LEXEME = 1, NODE_OPERATOR = 2, OP_NOT = 1, OP_AND = 2, OP_OR = 3, OP_PHRASE = 4, PHRASE_MAX = 16384 };
enum { WEIGHT_ALL = 15 };

typedef struct QueryNode {
    Slice lexeme;
    uint8_t op; // 0: a lexeme
    uint8_t weight;
    uint8_t prefix;
    uint16_t distance;
    uint32_t left; // of a binary operator; the right operand, or that of !, is the next node
} QueryNode;

// What is still to be printed; kept on a stack of our own, as a query may be nested as deep as it is long.
typedef struct QueryStep {
    enum { STEP_NODE, STEP_OPERATOR, STEP_CLOSE } kind;
    uint32_t node;
    int8_t parent_priority;
    bool right_of_phrase;
} QueryStep;

static int8_t op_priority(uint8_t op) {
    static const int8_t PRIORITIES[] = {[OP_NOT] = 4, [OP_AND] = 2, [OP_OR] = 1, [OP_PHRASE] = 3};
    return PRIORITIES[op];
}

static bool node_read(Reader *reader, QueryNode *node) {
    uint8_t kind = read_u8(reader);
    if (kind == NODE_LEXEME) {
        node->weight = read_u8(reader);
        node->prefix = read_u8(reader);
        node->lexeme = read_text0(reader);
        return !reader->bad && node->weight <= WEIGHT_ALL && node->prefix <= 1;
    }
    node->op = read_u8(reader);
    if (kind != NODE_OPERATOR || node->op < OP_NOT || node->op > OP_PHRASE) {
        return false;
    }
    node->distance = node->op == OP_PHRASE ? read_u16be(reader) : 0;
    return !reader->bad && node->distance <= PHRASE_MAX;
}

// From the last node on, the operands of each operator are the two trees begun last.
static bool nodes_link(QueryNode *nodes, uint32_t count, uint32_t *begun) {
    uint32_t depth = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (nodes[i].op == OP_NOT) {
            if (depth < 1) {
                return false;
            }
            begun[depth - 1] = i;
        } else if (nodes[i].op != 0) {
            if (depth < 2) {
                return false;
            }
            nodes[i].left = begun[depth - 2];
            begun[--depth - 1] = i;
        } else {
            begun[depth++] = i;
        }
    }
    return depth == 1;
}

static void put_query_lexeme(Buf *buf, const QueryNode *node) {
    put_lexeme(buf, node->lexeme);
    if (node->weight == 0 && node->prefix == 0) {
        return;
    }
    buf_text(buf, node->prefix ? ":*" : ":");
    for (uint32_t i = 0; i < 4; i++) {
        if (node->weight & (8U >> i)) {
            buf_u8(buf, (uint8_t)('A' + i));
        }
    }
}

static void put_query_operator(Buf *buf, const QueryNode *node) {
    if (node->op == OP_PHRASE && node->distance != 1) {
        buf_text(buf, " <");
        buf_uint(buf, node->distance);
        buf_text(buf, "> ");
    } else {
        buf_text(buf, node->op == OP_AND ? " & " : node->op == OP_OR ? " | " : " <-> ");
    }
}

static void put_query(Buf *buf, const QueryNode *nodes, QueryStep *steps) {
    size_t depth = 0;
    steps[depth++] = (QueryStep){STEP_NODE, 0, -1, false};
    while (depth > 0) {
        QueryStep step = steps[--depth];
        const QueryNode *node = &nodes[step.node];
        if (step.kind == STEP_CLOSE) {
            buf_text(buf, " )");
        } else if (step.kind == STEP_OPERATOR) {
            put_query_operator(buf, node);
        } else if (node->op == 0) {
            put_query_lexeme(buf, node);
        } else {
            int8_t priority = op_priority(node->op);
            if (priority < step.parent_priority || (node->op == OP_PHRASE && step.right_of_phrase)) {
                buf_text(buf, "( ");
                steps[depth++] = (QueryStep){STEP_CLOSE, step.node, 0, false};
            }
            if (node->op == OP_NOT) {
                buf_u8(buf, '!');
                steps[depth++] = (QueryStep){STEP_NODE, step.node + 1, priority, false};
            } else { // the last pushed comes first
                steps[depth++] = (QueryStep){STEP_NODE, step.node + 1, priority, node->op == OP_PHRASE};
                steps[depth++] = (QueryStep){STEP_OPERATOR, step.node, 0, false};
                steps[depth++] = (QueryStep){STEP_NODE, node->left, priority, false};
            }
        }
    }
}

bool pg_binary_tsquery(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    uint32_t count = read_u32be(&reader);
    if (reader.bad || count > reader_left(&reader) / 2) {
        return BAD_VALUE(codec, err, "its count does not match its bytes");
    }
    Buf buf = text_begin(arena, bytes.size);
    QueryNode *nodes = ARENA_ARRAY(arena, QueryNode, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!node_read(&reader, &nodes[i])) {
            return BAD_VALUE(codec, err, "one of its items is malformed");
        }
    }
    if (!reader_done(&reader)) {
        return BAD_VALUE(codec, err, "its items do not match its bytes");
    }
    if (count > 0) {
        if (!nodes_link(nodes, count, ARENA_ARRAY(arena, uint32_t, count))) {
            return BAD_VALUE(codec, err, "its operators lack operands");
        }
        // A node leaves three steps more than it took, and there are as many such nodes as the stack is deep.
        put_query(&buf, nodes, ARENA_ARRAY(arena, QueryStep, (size_t)count * 3 + 1));
    }
    return text_end(&buf, value);
}

// --- snapshots -------------------------------------------------------------------------------------------------

bool pg_binary_snapshot(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    uint32_t count = read_u32be(&reader);
    if (reader.bad || reader_left(&reader) != (size_t)count * 8 + 16) {
        return BAD_VALUE(codec, err, "its count does not match its bytes");
    }
    Buf buf = text_begin(arena, bytes.size);
    buf_uint(&buf, read_u64be(&reader));
    buf_u8(&buf, ':');
    buf_uint(&buf, read_u64be(&reader));
    buf_u8(&buf, ':');
    for (uint32_t i = 0; i < count; i++) {
        buf_text(&buf, i > 0 ? "," : "");
        buf_uint(&buf, read_u64be(&reader));
    }
    return text_end(&buf, value);
}
