// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/rest/answers.h"

#include "lake/iceberg/json_in.h"

// --- settings --------------------------------------------------------------------------------------------------

Slice rest_setting(const RestSettings *settings, const char *name) {
    for (size_t i = 0; i < settings->count; i++) {
        if (slice_is(settings->items[i].key, name)) {
            return settings->items[i].value;
        }
    }
    return (Slice){0};
}

static bool setting_value(JsonIn *in, JsonToken token, Slice *value, bool *said, Err *err) {
    *said = true;
    switch (token) {
    case TOKEN_TEXT:
    case TOKEN_NUMBER:
        *value = in->reader.text;
        return true;
    case TOKEN_TRUE:
        *value = SLICE("true");
        return true;
    case TOKEN_FALSE:
        *value = SLICE("false");
        return true;
    case TOKEN_NULL:
    case TOKEN_OBJECT:
    case TOKEN_ARRAY:
    case TOKEN_END:
    case TOKEN_NAME:
    case TOKEN_OBJECT_END:
    case TOKEN_ARRAY_END:
    default:
        *said = false;
        return json_in_raw(in, token, value, err);
    }
}

static bool settings_in(JsonIn *in, JsonToken first, RestSettings *settings, Err *err) {
    if (first != TOKEN_OBJECT) {
        return json_in_fail(in, err, "is to be an object");
    }
    DEFER(buf_release) Buf list = {0};
    for (;;) {
        JsonToken token;
        Property property = {0};
        bool said = false;
        TRY(json_in_token(in, &token, err));
        if (token == TOKEN_OBJECT_END) {
            break;
        }
        property.key = in->reader.text;
        TRY(json_in_token(in, &token, err));
        TRY(setting_value(in, token, &property.value, &said, err));
        if (said) {
            buf_bytes(&list, &property, sizeof(property));
        }
    }
    settings->count = list.size / sizeof(Property);
    settings->items = ARENA_ARRAY(in->arena, Property, settings->count);
    if (list.size > 0) {
        memcpy(settings->items, list.data, list.size);
    }
    return true;
}

// --- whole answers ---------------------------------------------------------------------------------------------

static bool read_all(const char *what, Slice json, Arena *arena, const JsonMember *members, size_t count, void *target,
                     Err *err) {
    JsonIn in;
    JsonToken token;
    Err broken[1] = {{0}};
    json_in_init(&in, what, json, arena);
    if (json_in_token(&in, &token, broken) && json_in_struct(&in, token, members, count, target, NULL, broken) &&
        json_in_end(&in, broken)) {
        return true;
    }
    // A fault's text may quote what stands there: only its place is handed on.
    int path = (int)MIN(in.path_size, sizeof(in.path));
    return FAIL(err, ERR_NET_PROTOCOL, "%s: not as the protocol has it, at byte %zu%s%.*s", what, in.reader.token_at,
                path > 0 ? ", member " : "", path, in.path);
}

static bool defaults_in(JsonIn *in, JsonToken first, void *config, Err *err) {
    return settings_in(in, first, &((RestConfig *)config)->defaults, err);
}

static bool overrides_in(JsonIn *in, JsonToken first, void *config, Err *err) {
    return settings_in(in, first, &((RestConfig *)config)->overrides, err);
}

bool rest_config_parse(Slice json, Arena *arena, RestConfig *config, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "defaults", .kind = MEMBER_OTHER, .read = defaults_in},
        {.name = "overrides", .kind = MEMBER_OTHER, .read = overrides_in},
        {.name = "endpoints",
         .kind = MEMBER_LIST,
         .offset = offsetof(RestConfig, endpoints),
         .count_offset = offsetof(RestConfig, endpoint_count),
         .item_size = sizeof(Slice),
         .read = json_in_text_item},
        {.name = "idempotency-key-lifetime", .kind = MEMBER_TEXT, .offset = offsetof(RestConfig, key_lifetime)},
    };
    *config = (RestConfig){0};
    return read_all("configuration of the catalog", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), config, err);
}

bool rest_offers(const RestConfig *config, const char *endpoint) {
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (slice_is(config->endpoints[i], endpoint)) {
            return true;
        }
    }
    return false;
}

// ["a","b"] becomes a U+001F b.
static bool space_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    Slice *parts = NULL;
    void *items = NULL;
    size_t count = 0, size = 0;
    TRY(json_in_list(in, first, json_in_text_item, sizeof(Slice), &items, &count, err));
    parts = items;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size == 0 || memchr(parts[i].data, 0x1f, parts[i].size) != NULL) {
            return json_in_fail(in, err, "is no namespace");
        }
        size += parts[i].size + (i > 0);
    }
    uint8_t *text = arena_alloc(in->arena, size + 1), *at = text;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *at++ = 0x1f;
        }
        memcpy(at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    *(Slice *)target = (Slice){text, size};
    return true;
}

bool rest_spaces_parse(Slice json, Arena *arena, RestNames *names, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "namespaces",
         .kind = MEMBER_LIST,
         .offset = offsetof(RestNames, names),
         .count_offset = offsetof(RestNames, count),
         .item_size = sizeof(Slice),
         .read = space_in},
        {.name = "next-page-token", .kind = MEMBER_TEXT, .offset = offsetof(RestNames, next_page)},
    };
    *names = (RestNames){0};
    return read_all("list of namespaces", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), names, err);
}

static bool identifier_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {{.name = "name", .kind = MEMBER_TEXT, .required = true}};
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

bool rest_tables_parse(Slice json, Arena *arena, RestNames *names, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "identifiers",
         .kind = MEMBER_LIST,
         .offset = offsetof(RestNames, names),
         .count_offset = offsetof(RestNames, count),
         .item_size = sizeof(Slice),
         .read = identifier_in},
        {.name = "next-page-token", .kind = MEMBER_TEXT, .offset = offsetof(RestNames, next_page)},
    };
    *names = (RestNames){0};
    return read_all("list of tables", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), names, err);
}

static bool plain_settings_in(JsonIn *in, JsonToken first, void *settings, Err *err) {
    return settings_in(in, first, settings, err);
}

bool rest_space_parse(Slice json, Arena *arena, RestSettings *properties, Err *err) {
    static const JsonMember MEMBERS[] = {{.name = "properties", .kind = MEMBER_OTHER, .read = plain_settings_in}};
    *properties = (RestSettings){0};
    return read_all("namespace", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), properties, err);
}

static bool keys_config_in(JsonIn *in, JsonToken first, void *keys, Err *err) {
    return settings_in(in, first, &((RestKeys *)keys)->config, err);
}

static bool keys_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "prefix", .kind = MEMBER_TEXT, .offset = offsetof(RestKeys, prefix)},
        {.name = "config", .kind = MEMBER_OTHER, .read = keys_config_in},
    };
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

static bool table_config_in(JsonIn *in, JsonToken first, void *table, Err *err) {
    return settings_in(in, first, &((RestTable *)table)->config, err);
}

bool rest_table_parse(Slice json, Arena *arena, RestTable *table, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "metadata-location", .kind = MEMBER_TEXT, .offset = offsetof(RestTable, metadata_file)},
        {.name = "metadata", .kind = MEMBER_RAW, .offset = offsetof(RestTable, metadata)},
        {.name = "config", .kind = MEMBER_OTHER, .read = table_config_in},
        {.name = "storage-credentials",
         .kind = MEMBER_LIST,
         .offset = offsetof(RestTable, keys),
         .count_offset = offsetof(RestTable, key_count),
         .item_size = sizeof(RestKeys),
         .read = keys_in},
    };
    *table = (RestTable){0};
    return read_all("table", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), table, err);
}

static bool place_properties_in(JsonIn *in, JsonToken first, void *place, Err *err) {
    return settings_in(in, first, &((RestPlace *)place)->properties, err);
}

bool rest_place_parse(Slice metadata, Arena *arena, RestPlace *place, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "location", .kind = MEMBER_TEXT, .offset = offsetof(RestPlace, location)},
        {.name = "table-uuid", .kind = MEMBER_TEXT, .offset = offsetof(RestPlace, uuid)},
        {.name = "properties", .kind = MEMBER_OTHER, .read = place_properties_in},
    };
    *place = (RestPlace){0};
    return read_all("table metadata", metadata, arena, MEMBERS, ARRAY_LEN(MEMBERS), place, err);
}

// --- tokens ----------------------------------------------------------------------------------------------------

typedef struct TokenParts {
    Slice token, expires;
} TokenParts;

// Some say it as a text.
static bool expires_in(JsonIn *in, JsonToken first, void *parts, Err *err) {
    bool said = false;
    TRY(setting_value(in, first, &((TokenParts *)parts)->expires, &said, err));
    return said || json_in_fail(in, err, "is no number");
}

bool rest_token_parse(Slice json, Arena *arena, RestToken *token, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "access_token", .kind = MEMBER_TEXT, .required = true, .offset = offsetof(TokenParts, token)},
        {.name = "expires_in", .kind = MEMBER_OTHER, .read = expires_in},
    };
    TokenParts parts = {0};
    TRY(read_all("token", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), &parts, err));
    *token = (RestToken){.token = parts.token};
    for (size_t i = 0; i < parts.token.size; i++) {
        if (parts.token.data[i] <= ' ' || parts.token.data[i] >= 0x7f) {
            return FAIL(err, ERR_NET_PROTOCOL, "token: it has characters that no token has");
        }
    }
    for (size_t i = 0; i < MIN(parts.expires.size, (size_t)10); i++) {
        if (parts.expires.data[i] < '0' || parts.expires.data[i] > '9') {
            break;
        }
        token->expires_s = token->expires_s * 10 + (parts.expires.data[i] - '0');
    }
    return token->token.size > 0 || FAIL(err, ERR_NET_PROTOCOL, "token: it is empty");
}

// --- errors ----------------------------------------------------------------------------------------------------

static bool error_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {.name = "message", .kind = MEMBER_TEXT, .offset = offsetof(RestError, message)},
        {.name = "type", .kind = MEMBER_TEXT, .offset = offsetof(RestError, type)},
    };
    if (first == TOKEN_TEXT) {
        ((RestError *)target)->type = in->reader.text;
        return true;
    }
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

RestError rest_error_parse(Slice json, Arena *arena) {
    static const JsonMember MEMBERS[] = {{.name = "error", .kind = MEMBER_OTHER, .read = error_in}};
    RestError error = {0};
    Err ignored[1] = {{0}};
    if (!read_all("error", json, arena, MEMBERS, ARRAY_LEN(MEMBERS), &error, ignored)) {
        return (RestError){0};
    }
    return error;
}
