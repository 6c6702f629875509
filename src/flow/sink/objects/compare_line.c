// SPDX-License-Identifier: Apache-2.0
// One line of JSON, taken apart without being understood: its values are compared as text.
#include "flow/sink/objects/compare_read.h"

enum { DEPTH_MAX = 10000 };

// Behind a string that begins at `at`; NULL: it has no end.
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end) {
    for (at++; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '"') {
            return at + 1;
        }
    }
    return NULL;
}

static const uint8_t *nested_end(const uint8_t *at, const uint8_t *end) {
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            if (at == NULL) {
                return NULL;
            }
            continue;
        }
        depth += *at == '{' || *at == '[' ? 1 : *at == '}' || *at == ']' ? -1 : 0;
        at++;
        if (depth == 0) {
            return at;
        }
        if (depth > DEPTH_MAX) {
            return NULL;
        }
    }
    return NULL;
}

static const uint8_t *value_end(const uint8_t *at, const uint8_t *end) {
    if (at == end) {
        return NULL;
    }
    if (*at == '"') {
        return string_end(at, end);
    }
    if (*at == '{' || *at == '[') {
        return nested_end(at, end);
    }
    const uint8_t *from = at;
    while (at < end && *at != ',' && *at != '}') {
        at++;
    }
    return at > from ? at : NULL;
}

bool line_open(Slice line, Slice *rest) {
    if (line.size < 2 || line.data[0] != '{' || line.data[line.size - 1] != '}') {
        return false;
    }
    *rest = (Slice){line.data + 1, line.size - 1};
    return true;
}

bool line_member(Slice *rest, Slice *name, Slice *value, bool *more) {
    const uint8_t *at = rest->data, *end = rest->data + rest->size;
    *more = rest->size > 1;
    if (!*more) {
        return rest->size == 1 && *at == '}';
    }
    const uint8_t *name_end = *at == '"' ? string_end(at, end) : NULL;
    if (name_end == NULL || name_end == end || *name_end != ':') {
        return false;
    }
    const uint8_t *from = name_end + 1, *to = value_end(from, end);
    if (to == NULL || to == end || (*to != ',' && *to != '}') || (*to == '}') != (to + 1 == end)) {
        return false;
    }
    *name = (Slice){at + 1, (size_t)(name_end - at) - 2};
    *value = (Slice){from, (size_t)(to - from)};
    *rest = *to == ',' ? (Slice){to + 1, (size_t)(end - to) - 1} : (Slice){to, 1};
    return true;
}
