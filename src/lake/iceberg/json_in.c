// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/json_in.h"

#include "core/base/buf.h"
#include "core/base/digits.h"
#include "core/base/map.h"
#include "lake/iceberg/metadata.h"

void json_in_init(JsonIn *in, const char *what, Slice json, Arena *arena) {
    *in = (JsonIn){.arena = arena, .what = what};
    json_reader_init(&in->reader, arena_slice(arena, json), arena);
}

bool json_in_fail(const JsonIn *in, Err *err, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return FAIL(err, ERR_VALUE, "%s: %.*s%s%s", in->what, (int)in->path_size, in->path, in->path_size > 0 ? ": " : "",
                text);
}

bool json_in_token(JsonIn *in, JsonToken *token, Err *err) {
    if (LIKELY(json_read(&in->reader, token, err))) { // an Err of its own would cost more than the token
        return true;
    }
    const Err broken = *err;
    const char *line_end = strchr(broken.message, '\n');
    int size = line_end != NULL ? (int)(line_end - broken.message) : (int)strlen(broken.message);
    err_clear(err);
    return json_in_fail(in, err, "at byte %zu: %.*s", in->reader.at, MIN(size, 160), broken.message);
}

bool json_in_end(JsonIn *in, Err *err) {
    JsonToken token;
    TRY(json_in_token(in, &token, err));
    ASSERT(token == TOKEN_END);
    return true;
}

// --- where it is -----------------------------------------------------------------------------------------------

static void path_put(JsonIn *in, Slice text) {
    size_t room = sizeof(in->path) - in->path_size, size = MIN(text.size, room);
    if (size > 0) {
        memcpy(in->path + in->path_size, text.data, size);
        in->path_size += size;
    }
}

static void path_name(JsonIn *in, Slice name) {
    if (in->path_size > 0) {
        path_put(in, SLICE("."));
    }
    path_put(in, (Slice){name.data, MIN(name.size, (size_t)60)});
}

static void path_index(JsonIn *in, size_t index) {
    uint8_t digits[24] = {'['};
    uint8_t *end = digits_put(digits + 1, index);
    *end++ = ']';
    path_put(in, (Slice){digits, (size_t)(end - digits)});
}

// --- scalars ---------------------------------------------------------------------------------------------------

static const char *token_text(JsonToken token) {
    switch (token) {
    case TOKEN_OBJECT:
        return "an object";
    case TOKEN_ARRAY:
        return "a list";
    case TOKEN_TEXT:
        return "a text";
    case TOKEN_NUMBER:
        return "a number";
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        return "a boolean";
    case TOKEN_NULL:
        return "null";
    case TOKEN_END:
    case TOKEN_NAME:
    case TOKEN_OBJECT_END:
    case TOKEN_ARRAY_END:
    default:
        return "nothing";
    }
}

static bool wrong_kind(const JsonIn *in, const char *wanted, JsonToken token, Err *err) {
    return json_in_fail(in, err, "is to be %s, not %s", wanted, token_text(token));
}

bool json_in_int(JsonIn *in, JsonToken first, int64_t min, int64_t max, int64_t *value, Err *err) {
    if (first != TOKEN_NUMBER) {
        return wrong_kind(in, "an integer", first, err);
    }
    Slice text = in->reader.text;
    bool negative = text.data[0] == '-';
    uint64_t number = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (size_t i = negative; i < text.size; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';
        if (digit > 9) {
            return json_in_fail(in, err, "is to be an integer, not %.*s", (int)MIN(text.size, (size_t)40), text.data);
        }
        if (number > (limit - digit) / 10) {
            return json_in_fail(in, err, "is too large: %.*s", (int)MIN(text.size, (size_t)40), text.data);
        }
        number = number * 10 + digit;
    }
    int64_t result = negative ? (int64_t)(0 - number) : (int64_t)number;
    if (result < min || result > max) {
        return json_in_fail(in, err, "is %" PRId64 ", which is not between %" PRId64 " and %" PRId64, result, min, max);
    }
    *value = result;
    return true;
}

bool json_in_text(JsonIn *in, JsonToken first, Slice *text, Err *err) {
    if (first != TOKEN_TEXT) {
        return wrong_kind(in, "a text", first, err);
    }
    *text = in->reader.text;
    return true;
}

bool json_in_raw(JsonIn *in, JsonToken first, Slice *raw, Err *err) {
    size_t from = in->reader.token_at;
    int nested = first == TOKEN_OBJECT || first == TOKEN_ARRAY;
    while (nested > 0) {
        JsonToken token;
        TRY(json_in_token(in, &token, err));
        nested += token == TOKEN_OBJECT || token == TOKEN_ARRAY;
        nested -= token == TOKEN_OBJECT_END || token == TOKEN_ARRAY_END;
    }
    *raw = (Slice){in->reader.source.data + from, in->reader.at - from};
    return true;
}

bool json_in_int32_item(JsonIn *in, JsonToken first, void *target, Err *err) {
    int64_t value = 0;
    TRY(json_in_int(in, first, INT32_MIN, INT32_MAX, &value, err));
    *(int32_t *)target = (int32_t)value;
    return true;
}

bool json_in_int64_item(JsonIn *in, JsonToken first, void *target, Err *err) {
    return json_in_int(in, first, INT64_MIN, INT64_MAX, target, err);
}

bool json_in_text_item(JsonIn *in, JsonToken first, void *target, Err *err) {
    return json_in_text(in, first, target, err);
}

// --- lists and maps --------------------------------------------------------------------------------------------

static void items_keep(JsonIn *in, const Buf *items, size_t item_size, void **kept, size_t *count) {
    *kept = arena_alloc(in->arena, items->size);
    if (items->size > 0) {
        memcpy(*kept, items->data, items->size);
    }
    *count = items->size / item_size;
}

bool json_in_list(JsonIn *in, JsonToken first, JsonInRead *read, size_t item_size, void **items, size_t *count,
                  Err *err) {
    if (first != TOKEN_ARRAY) {
        return wrong_kind(in, "a list", first, err);
    }
    DEFER(buf_release) Buf list;
    buf_init(&list, 0);
    size_t path = in->path_size;
    for (size_t i = 0;; i++) {
        JsonToken token;
        TRY(json_in_token(in, &token, err));
        if (token == TOKEN_ARRAY_END) {
            break;
        }
        path_index(in, i);
        // Read into a place of its own: nested lists may not move it.
        _Alignas(max_align_t) uint8_t item[512] = {0};
        ASSERT(item_size <= sizeof(item));
        TRY(read(in, token, item, err));
        buf_bytes(&list, item, item_size);
        in->path_size = path;
    }
    items_keep(in, &list, item_size, items, count);
    return true;
}

// A name that must not have come before.
static bool name_new(JsonIn *in, Map *seen, Slice name, Err *err) {
    if (map_find(seen, name) != NULL) {
        return json_in_fail(in, err, "comes twice");
    }
    map_put(seen, name, seen);
    return true;
}

static bool read_texts(JsonIn *in, JsonToken first, void **items, size_t *count, Err *err) {
    if (first != TOKEN_OBJECT) {
        return wrong_kind(in, "an object", first, err);
    }
    DEFER(buf_release) Buf list;
    buf_init(&list, 0);
    DEFER(map_release) Map seen = {0};
    size_t path = in->path_size;
    for (;;) {
        JsonToken token;
        TRY(json_in_token(in, &token, err));
        if (token == TOKEN_OBJECT_END) {
            break;
        }
        Property property = {.key = in->reader.text};
        path_name(in, property.key);
        // Few names are compared with each other, many looked up.
        size_t before = list.size / sizeof(Property);
        if (before < 32) {
            for (size_t i = 0; i < before; i++) {
                if (slice_equal(((const Property *)(const void *)list.data)[i].key, property.key)) {
                    return json_in_fail(in, err, "comes twice");
                }
            }
        } else {
            for (size_t i = 0; before == 32 && i < before; i++) {
                map_put(&seen, ((const Property *)(const void *)list.data)[i].key, &seen);
            }
            TRY(name_new(in, &seen, property.key, err));
        }
        TRY(json_in_token(in, &token, err));
        TRY(json_in_text(in, token, &property.value, err));
        buf_bytes(&list, &property, sizeof(property));
        in->path_size = path;
    }
    items_keep(in, &list, sizeof(Property), items, count);
    return true;
}

// --- structs ---------------------------------------------------------------------------------------------------

static bool read_member(JsonIn *in, const JsonMember *member, JsonToken token, void *target, Err *err) {
    uint8_t *place = (uint8_t *)target + member->offset;
    int64_t number = 0;
    void *items = NULL;
    size_t count = 0;
    switch (member->kind) {
    case MEMBER_INT32:
        TRY(json_in_int(in, token, INT32_MIN, INT32_MAX, &number, err));
        *(int32_t *)(void *)place = (int32_t)number;
        return true;
    case MEMBER_INT64:
        return json_in_int(in, token, INT64_MIN, INT64_MAX, (int64_t *)(void *)place, err);
    case MEMBER_BOOL:
        if (token != TOKEN_TRUE && token != TOKEN_FALSE) {
            return wrong_kind(in, "a boolean", token, err);
        }
        *(bool *)place = token == TOKEN_TRUE;
        return true;
    case MEMBER_TEXT:
        return json_in_text(in, token, (Slice *)(void *)place, err);
    case MEMBER_RAW:
        return json_in_raw(in, token, (Slice *)(void *)place, err);
    case MEMBER_LIST:
    case MEMBER_TEXTS:
        if (member->kind == MEMBER_LIST) {
            TRY(json_in_list(in, token, member->read, member->item_size, &items, &count, err));
        } else {
            TRY(read_texts(in, token, &items, &count, err));
        }
        memcpy(place, &items, sizeof(items));
        memcpy((uint8_t *)target + member->count_offset, &count, sizeof(count));
        return true;
    case MEMBER_OTHER:
    default:
        return member->read(in, token, target, err);
    }
}

static size_t member_find(const JsonMember *members, size_t count, size_t guess, Slice name) {
    for (size_t i = 0; i < count; i++) { // mostly they come in the same order
        size_t at = guess + i < count ? guess + i : guess + i - count;
        if (slice_is(name, members[at].name)) {
            return at;
        }
    }
    return count;
}

static bool unknown_member(JsonIn *in, Slice name, size_t name_at, JsonToken token, Map *seen, Buf *others, Err *err) {
    TRY(name_new(in, seen, name, err));
    Slice raw;
    TRY(json_in_raw(in, token, &raw, err));
    if (others->size > 0) {
        buf_u8(others, ',');
    }
    buf_bytes(others, in->reader.source.data + name_at, in->reader.at - name_at);
    return true;
}

static bool members_all(const JsonIn *in, const JsonMember *members, size_t count, uint64_t seen, Err *err) {
    for (size_t i = 0; i < count; i++) {
        if (members[i].required && (seen >> i & 1) == 0) {
            return json_in_fail(in, err, "%s is missing", members[i].name);
        }
    }
    return true;
}

bool json_in_struct(JsonIn *in, JsonToken first, const JsonMember *members, size_t count, void *target, Slice *others,
                    Err *err) {
    ASSERT(count <= JSON_MEMBERS_MAX);
    if (first != TOKEN_OBJECT) {
        return wrong_kind(in, "an object", first, err);
    }
    DEFER(map_release) Map unknown = {0};
    DEFER(buf_release) Buf kept;
    buf_init(&kept, 0);
    uint64_t seen = 0;
    size_t path = in->path_size, guess = 0;
    for (;;) {
        JsonToken token;
        TRY(json_in_token(in, &token, err));
        if (token == TOKEN_OBJECT_END) {
            break;
        }
        Slice name = in->reader.text;
        size_t name_at = in->reader.token_at;
        path_name(in, name);
        TRY(json_in_token(in, &token, err));
        size_t at = member_find(members, count, guess, name);
        if (at == count) {
            TRY(unknown_member(in, name, name_at, token, &unknown, &kept, err));
        } else if (seen >> at & 1) {
            return json_in_fail(in, err, "comes twice");
        } else {
            seen |= UINT64_C(1) << at;
            guess = at + 1;
            if (token != TOKEN_NULL || members[at].required) {
                TRY(read_member(in, &members[at], token, target, err));
            }
        }
        in->path_size = path;
    }
    if (others != NULL) {
        *others = kept.size > 0 ? arena_slice(in->arena, buf_slice(&kept)) : (Slice){0};
    }
    return members_all(in, members, count, seen, err);
}
