// SPDX-License-Identifier: Apache-2.0
#include "data/registry/json_tree.h"

#include "core/base/json.h"

enum { SORTED_FROM = 32 };

typedef struct Parser {
    Arena *arena;
    Slice text;
    size_t at;
    Err *err;
} Parser;

static bool wrong(Parser *parser, const char *what) {
    size_t line = 1, begin = 0;
    for (size_t i = 0; i < parser->at && i < parser->text.size; i++) {
        if (parser->text.data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return FAIL(parser->err, ERR_VALUE, "not JSON: %s at line %zu, column %zu", what, line, parser->at - begin + 1);
}

static int peek(const Parser *parser) {
    return parser->at < parser->text.size ? parser->text.data[parser->at] : -1;
}

static void blanks(Parser *parser) {
    for (int c = peek(parser); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(parser)) {
        parser->at++;
    }
}

static bool hex4(Parser *parser, uint32_t *value) {
    *value = 0;
    if (parser->text.size - parser->at < 4) {
        return wrong(parser, "an escape that is cut short");
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(parser->text.data[parser->at]);
        if (digit < 0) {
            return wrong(parser, "an escape that is none");
        }
        *value = *value << 4 | (uint32_t)digit;
        parser->at++;
    }
    return true;
}

static uint8_t *utf8_put(uint8_t *to, uint32_t point) {
    if (point < 0x80) {
        *to++ = (uint8_t)point;
    } else if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (uint8_t)(0xe0 | point >> 12);
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | point >> 18);
        *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return to;
}

// After the backslash.
static bool escape(Parser *parser, uint8_t **to) {
    static const char LETTERS[] = "\"\\/bfnrt", BYTES[] = "\"\\/\b\f\n\r\t";
    int c = peek(parser);
    const char *letter = c > 0 ? strchr(LETTERS, c) : NULL;
    if (letter != NULL) {
        *(*to)++ = (uint8_t)BYTES[letter - LETTERS];
        parser->at++;
        return true;
    }
    if (c != 'u') {
        return wrong(parser, "an escape that is none");
    }
    parser->at++;
    uint32_t point, low;
    Err *err = parser->err;
    TRY(hex4(parser, &point));
    if (point >= 0xdc00 && point <= 0xdfff) {
        return wrong(parser, "half of a surrogate pair");
    }
    if (point >= 0xd800 && point <= 0xdbff) {
        if (parser->text.size - parser->at < 2 || parser->text.data[parser->at] != '\\' ||
            parser->text.data[parser->at + 1] != 'u') {
            return wrong(parser, "half of a surrogate pair");
        }
        parser->at += 2;
        TRY(hex4(parser, &low));
        if (low < 0xdc00 || low > 0xdfff) {
            return wrong(parser, "half of a surrogate pair");
        }
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = utf8_put(*to, point);
    return true;
}

// Is there a quote, a backslash or a control character among eight bytes?
static inline bool any_special(uint64_t bytes) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t quotes = bytes ^ (ones * '"'), slashes = bytes ^ (ones * '\\');
    return ((((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes) | ((bytes - ones * 0x20) & ~bytes)) & highs) !=
           0;
}

// At the opening quote.
static bool parse_string(Parser *parser, Slice *text) {
    Err *err = parser->err;
    size_t start = ++parser->at, end = start;
    bool escaped = false;
    for (;; end++) {
        while (end < parser->text.size && parser->text.size - end >= 8 &&
               !any_special(load_u64le(parser->text.data + end))) {
            end += 8;
        }
        if (end >= parser->text.size) {
            parser->at = end;
            return wrong(parser, "a text without its end");
        }
        uint8_t c = parser->text.data[end];
        if (c == '"') {
            break;
        }
        if (c < 0x20) {
            parser->at = end;
            return wrong(parser, "a control character in a text");
        }
        if (c == '\\') {
            escaped = true;
            end++;
        }
    }
    *text = (Slice){parser->text.data + start, end - start};
    if (escaped) { // what it stands for is never longer
        uint8_t *copy = arena_alloc(parser->arena, end - start), *to = copy;
        while (parser->at < end) {
            uint8_t c = parser->text.data[parser->at++];
            if (c != '\\') {
                *to++ = c;
            } else {
                TRY(escape(parser, &to));
            }
        }
        *text = (Slice){copy, (size_t)(to - copy)};
    }
    parser->at = end + 1;
    return true;
}

static size_t digits(Parser *parser) {
    size_t start = parser->at;
    while (peek(parser) >= '0' && peek(parser) <= '9') {
        parser->at++;
    }
    return parser->at - start;
}

static bool parse_number(Parser *parser, Slice *text) {
    size_t start = parser->at;
    if (peek(parser) == '-') {
        parser->at++;
    }
    bool zero = peek(parser) == '0';
    size_t whole = digits(parser);
    if (whole == 0 || (zero && whole > 1)) {
        return wrong(parser, "a value that is none");
    }
    if (peek(parser) == '.') {
        parser->at++;
        if (digits(parser) == 0) {
            return wrong(parser, "a number that is cut short");
        }
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        parser->at++;
        if (peek(parser) == '+' || peek(parser) == '-') {
            parser->at++;
        }
        if (digits(parser) == 0) {
            return wrong(parser, "a number that is cut short");
        }
    }
    *text = (Slice){parser->text.data + start, parser->at - start};
    return true;
}

static int by_name(const void *a, const void *b) {
    return slice_compare((*(const JsonNode *const *)a)->name, (*(const JsonNode *const *)b)->name);
}

static const char TWICE[] = "an object that names one member twice ends";

// One of 64, by size and ends: names of two places are not equal.
static inline uint64_t place_of(Slice name) {
    size_t ends = name.size > 0 ? name.data[0] + (size_t)name.data[name.size - 1] * 5 : 0;
    return UINT64_C(1) << ((name.size * 11 + ends) % 64);
}

// Finds a member that is there twice; keeps the order of names of objects with many.
static bool finish_object(Parser *parser, JsonNode *object) {
    if (object->count < SORTED_FROM) {
        uint64_t places = 0;
        for (const JsonNode *node = object->first; node != NULL; node = node->next) {
            uint64_t place = place_of(node->name);
            bool alone = (places & place) == 0;
            places |= place;
            for (const JsonNode *other = alone ? node : object->first; other != node; other = other->next) {
                if (slice_equal(other->name, node->name)) {
                    return wrong(parser, TWICE);
                }
            }
        }
        return true;
    }
    const JsonNode **order = ARENA_ARRAY(parser->arena, const JsonNode *, object->count);
    size_t count = 0;
    for (const JsonNode *node = object->first; node != NULL; node = node->next) {
        order[count++] = node;
    }
    qsort(order, count, sizeof(*order), by_name);
    for (size_t i = 1; i < count; i++) {
        if (slice_equal(order[i - 1]->name, order[i]->name)) {
            return wrong(parser, TWICE);
        }
    }
    object->order = order;
    return true;
}

static bool parse_value(Parser *parser, JsonNode *node, int depth);

static bool parse_list(Parser *parser, JsonNode *node, int depth) {
    Err *err = parser->err;
    bool object = node->kind == TREE_OBJECT;
    int close = object ? '}' : ']';
    const JsonNode **link = &node->first;
    parser->at++;
    blanks(parser);
    if (peek(parser) == close) {
        parser->at++;
        return true;
    }
    for (;;) {
        JsonNode *item = ARENA_NEW(parser->arena, JsonNode);
        blanks(parser);
        if (object) {
            if (peek(parser) != '"') {
                return wrong(parser, "an object whose next member has no name");
            }
            TRY(parse_string(parser, &item->name));
            blanks(parser);
            if (peek(parser) != ':') {
                return wrong(parser, "a member without a colon");
            }
            parser->at++;
        }
        TRY(parse_value(parser, item, depth + 1));
        *link = item;
        link = &item->next;
        node->count++;
        blanks(parser);
        int c = peek(parser);
        if (c != ',' && c != close) {
            return wrong(parser, object ? "an object without its end" : "an array without its end");
        }
        parser->at++;
        if (c == close) {
            return !object || finish_object(parser, node);
        }
    }
}

static bool word(Parser *parser, const char *text, TreeKind kind, JsonNode *node) {
    size_t size = strlen(text);
    if (parser->text.size - parser->at < size || memcmp(parser->text.data + parser->at, text, size) != 0) {
        return wrong(parser, "a value that is none");
    }
    parser->at += size;
    node->kind = kind;
    return true;
}

static bool parse_value(Parser *parser, JsonNode *node, int depth) {
    if (depth > TREE_DEPTH_MAX) {
        return wrong(parser, "nested too deeply");
    }
    blanks(parser);
    switch (peek(parser)) {
    case '{':
        node->kind = TREE_OBJECT;
        return parse_list(parser, node, depth);
    case '[':
        node->kind = TREE_LIST;
        return parse_list(parser, node, depth);
    case '"':
        node->kind = TREE_TEXT;
        return parse_string(parser, &node->text);
    case 'n':
        return word(parser, "null", TREE_NULL, node);
    case 't':
        return word(parser, "true", TREE_TRUE, node);
    case 'f':
        return word(parser, "false", TREE_FALSE, node);
    case -1:
        return wrong(parser, "the text ends");
    default:
        node->kind = TREE_NUMBER;
        return parse_number(parser, &node->text);
    }
}

bool json_tree_parse(Arena *arena, Slice json, const JsonNode **root, Err *err) {
    Parser parser = {.arena = arena, .text = json, .err = err};
    if (!json_utf8_valid(json)) {
        return FAIL(err, ERR_VALUE, "not JSON: the text is not UTF-8");
    }
    JsonNode *node = ARENA_NEW(arena, JsonNode);
    TRY(parse_value(&parser, node, 1));
    blanks(&parser);
    if (parser.at != json.size) {
        return wrong(&parser, "more after the value");
    }
    *root = node;
    return true;
}

// --- looking ---------------------------------------------------------------------------------------------------

const JsonNode *json_tree_find(const JsonNode *object, Slice name) {
    if (object == NULL || object->kind != TREE_OBJECT) {
        return NULL;
    }
    if (object->order != NULL) {
        JsonNode wanted = {.name = name};
        const JsonNode *key = &wanted;
        const JsonNode *const *found = bsearch(&key, object->order, object->count, sizeof(key), by_name);
        return found != NULL ? *found : NULL;
    }
    for (const JsonNode *node = object->first; node != NULL; node = node->next) {
        if (slice_equal(node->name, name)) {
            return node;
        }
    }
    return NULL;
}

Slice json_tree_text(const JsonNode *object, const char *name) {
    const JsonNode *node = json_tree_member(object, name);
    if (node == NULL || node->kind != TREE_TEXT) {
        return (Slice){0};
    }
    return node->text.data != NULL ? node->text : SLICE("");
}

bool json_tree_number(const JsonNode *node, double *value) {
    if (node == NULL || node->kind != TREE_NUMBER) {
        return false;
    }
    char text[400];
    if (node->text.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, node->text.data, node->text.size);
    text[node->text.size] = '\0';
    *value = strtod(text, NULL);
    return true;
}

bool json_tree_int(const JsonNode *node, int64_t *value) {
    if (node == NULL || node->kind != TREE_NUMBER) {
        return false;
    }
    bool negative = node->text.data[0] == '-';
    int64_t number = 0;
    for (size_t i = negative; i < node->text.size; i++) {
        int digit = node->text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, digit, &number)) { // below zero there is one more
            return false;
        }
    }
    *value = number;
    return negative || !__builtin_sub_overflow(0, number, value);
}

static bool lists_equal(const JsonNode *a, const JsonNode *b) {
    for (a = a->first, b = b->first; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!json_tree_equal(a, b)) {
            return false;
        }
    }
    return a == NULL && b == NULL;
}

bool json_tree_equal(const JsonNode *a, const JsonNode *b) {
    if (a == NULL || b == NULL || a->kind != b->kind || a->count != b->count) {
        return a == b;
    }
    double left, right;
    switch (a->kind) {
    case TREE_NULL:
    case TREE_FALSE:
    case TREE_TRUE:
        return true;
    case TREE_TEXT:
        return slice_equal(a->text, b->text);
    case TREE_NUMBER:
        return slice_equal(a->text, b->text) ||
               (json_tree_number(a, &left) && json_tree_number(b, &right) && left == right);
    case TREE_LIST:
        return lists_equal(a, b);
    case TREE_OBJECT:
        for (const JsonNode *node = a->first; node != NULL; node = node->next) {
            if (!json_tree_equal(node, json_tree_find(b, node->name))) {
                return false;
            }
        }
        return true;
    }
    UNREACHABLE();
}

// --- writing ---------------------------------------------------------------------------------------------------

// The place of the member that comes after `after` by name; objects of few members have no order of their own.
static const JsonNode *next_by_name(const JsonNode *object, const JsonNode *after) {
    const JsonNode *best = NULL;
    for (const JsonNode *node = object->first; node != NULL; node = node->next) {
        if ((after == NULL || slice_compare(node->name, after->name) > 0) &&
            (best == NULL || slice_compare(node->name, best->name) < 0)) {
            best = node;
        }
    }
    return best;
}

static void write_member(Buf *buf, const JsonNode *member, bool first, TreeOrder order) {
    buf_text(buf, first ? "" : ",");
    json_quote(buf, member->name);
    buf_u8(buf, ':');
    json_tree_write(buf, member, order);
}

static void write_object(Buf *buf, const JsonNode *node, TreeOrder order) {
    buf_u8(buf, '{');
    if (order == TREE_SORTED && node->order != NULL) {
        for (size_t i = 0; i < node->count; i++) {
            write_member(buf, node->order[i], i == 0, order);
        }
    } else if (order == TREE_SORTED) {
        const JsonNode *member = NULL;
        for (size_t i = 0; i < node->count; i++) {
            member = next_by_name(node, member);
            write_member(buf, member, i == 0, order);
        }
    } else {
        for (const JsonNode *member = node->first; member != NULL; member = member->next) {
            write_member(buf, member, member == node->first, order);
        }
    }
    buf_u8(buf, '}');
}

void json_tree_write(Buf *buf, const JsonNode *node, TreeOrder order) {
    switch (node->kind) {
    case TREE_NULL:
        buf_text(buf, "null");
        return;
    case TREE_FALSE:
        buf_text(buf, "false");
        return;
    case TREE_TRUE:
        buf_text(buf, "true");
        return;
    case TREE_NUMBER:
        buf_put(buf, node->text);
        return;
    case TREE_TEXT:
        json_quote(buf, node->text);
        return;
    case TREE_OBJECT:
        write_object(buf, node, order);
        return;
    case TREE_LIST:
        buf_u8(buf, '[');
        for (const JsonNode *item = node->first; item != NULL; item = item->next) {
            buf_text(buf, item == node->first ? "" : ",");
            json_tree_write(buf, item, order);
        }
        buf_u8(buf, ']');
        return;
    }
}
