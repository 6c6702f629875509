// SPDX-License-Identifier: Apache-2.0
#include "data/connect/json_tree.h"

#include "core/base/json.h"
#include "core/base/map.h"
#include "data/connect/smt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

// --- reading ---------------------------------------------------------------------------------------------------

static bool node_read(JsonReader *reader, JsonToken token, JsonNode *node, Err *err);

static void node_append(JsonNode *parent, JsonNode **last, JsonNode *node) {
    if (*last == NULL) {
        parent->first = node;
    } else {
        (*last)->next = node;
    }
    *last = node;
    parent->count++;
}

// `known`: members by name.
static bool members_read(JsonReader *reader, JsonNode *object, Map *known, Err *err) {
    JsonNode *last = NULL;
    JsonToken token = TOKEN_END;
    for (;;) {
        TRY(json_read(reader, &token, err));
        if (token == TOKEN_OBJECT_END) {
            return true;
        }
        Slice name = reader->text;
        JsonNode *member = map_find(known, name), *next = NULL;
        if (member != NULL) {
            next = member->next;
        } else {
            member = ARENA_NEW(reader->arena, JsonNode);
            node_append(object, &last, member);
            map_put(known, name, member);
        }
        *member = (JsonNode){.name = name, .next = next};
        TRY(json_read(reader, &token, err));
        TRY(node_read(reader, token, member, err));
    }
}

static bool items_read(JsonReader *reader, JsonNode *array, Err *err) {
    JsonNode *last = NULL;
    JsonToken token = TOKEN_END;
    for (;;) {
        TRY(json_read(reader, &token, err));
        if (token == TOKEN_ARRAY_END) {
            return true;
        }
        JsonNode *item = ARENA_NEW(reader->arena, JsonNode);
        node_append(array, &last, item);
        TRY(node_read(reader, token, item, err));
    }
}

// The depth is bounded by the reader's.
static bool node_read(JsonReader *reader, JsonToken token, JsonNode *node, Err *err) {
    node->kind = token;
    if (token == TOKEN_NUMBER) {
        node->text = (Slice){(const uint8_t *)arena_text(reader->arena, reader->text), reader->text.size};
    } else if (token == TOKEN_TEXT) {
        node->text = reader->text;
    }
    if (token == TOKEN_OBJECT) {
        Map known = {0};
        bool done = members_read(reader, node, &known, err);
        map_release(&known);
        return done;
    }
    return token != TOKEN_ARRAY || items_read(reader, node, err);
}

bool json_tree(Arena *arena, Slice json, JsonNode **root, Err *err) {
    JsonReader reader;
    json_reader_init(&reader, json, arena);
    JsonNode *made = ARENA_NEW(arena, JsonNode);
    JsonToken token = TOKEN_END;
    Err reason[1] = {{0}};
    if (!json_read(&reader, &token, reason) || !node_read(&reader, token, made, reason)) {
        return FAIL(err, ERR_VALUE, "it is no JSON: %s", reason->message);
    }
    *root = made;
    return token != TOKEN_END || FAIL(err, ERR_VALUE, "it is no JSON: it is empty");
}

// --- asking ----------------------------------------------------------------------------------------------------

const JsonNode *json_node_find(const JsonNode *object, const char *name) {
    for (const JsonNode *member = object->first; member != NULL; member = member->next) {
        if (slice_is(member->name, name)) {
            return member;
        }
    }
    return NULL;
}

bool json_node_integer(const JsonNode *number) {
    for (size_t i = 0; i < number->text.size; i++) {
        if (strchr(".eE", number->text.data[i]) != NULL) {
            return false;
        }
    }
    return true;
}

bool json_node_int64(const JsonNode *number, int64_t *integer) {
    errno = 0;
    *integer = strtoll((const char *)number->text.data, NULL, 10);
    return errno == 0 && json_node_integer(number);
}

double json_node_real(const JsonNode *number) {
    return strtod((const char *)number->text.data, NULL);
}

// --- writing ---------------------------------------------------------------------------------------------------

static void number_write(Buf *buf, const JsonNode *node) {
    if (json_node_integer(node)) {
        bool zero = slice_is(node->text, "-0"); // an integer has no sign of zero
        buf_put(buf, zero ? SLICE("0") : node->text);
        return;
    }
    double real = json_node_real(node);
    const char *quote = isfinite(real) ? "" : "\"";
    buf_text(buf, quote);
    smt_real_text(buf, real, false);
    buf_text(buf, quote);
}

// Control characters have capital digits with Jackson.
static void text_write(Buf *buf, Slice text) {
    size_t start = buf->size;
    json_quote(buf, text);
    for (size_t i = start; i + 1 < buf->size && !buf->overflow; i++) {
        if (buf->data[i] != '\\') {
            continue;
        }
        if (buf->data[++i] == 'u') {
            uint8_t *last = &buf->data[i + 4];
            *last = *last >= 'a' ? (uint8_t)(*last - 'a' + 'A') : *last;
            i += 4;
        }
    }
}

void json_node_write(Buf *buf, const JsonNode *node) {
    bool object = node->kind == TOKEN_OBJECT;
    if (node->kind == TOKEN_NUMBER) {
        number_write(buf, node);
    } else if (node->kind == TOKEN_TEXT) {
        text_write(buf, node->text);
    } else if (!object && node->kind != TOKEN_ARRAY) {
        buf_text(buf, node->kind == TOKEN_TRUE ? "true" : node->kind == TOKEN_FALSE ? "false" : "null");
    } else {
        buf_u8(buf, object ? '{' : '[');
        for (const JsonNode *item = node->first; item != NULL; item = item->next) {
            if (item != node->first) {
                buf_u8(buf, ',');
            }
            if (object) {
                text_write(buf, item->name);
                buf_u8(buf, ':');
            }
            json_node_write(buf, item);
        }
        buf_u8(buf, object ? '}' : ']');
    }
}
