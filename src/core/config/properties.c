// SPDX-License-Identifier: Apache-2.0
#include "core/config/properties.h"

#include "core/base/json.h"
#include "core/base/map.h"
#include "core/config/option.h"

enum { PROPERTY_NAME_MAX = 1024 };

const Property *properties_find(const Properties *properties, Slice name) {
    for (size_t i = 0; i < properties->count; i++) {
        if (slice_equal(properties->at[i].name, name)) {
            return &properties->at[i];
        }
    }
    return NULL;
}

const char *properties_text(Arena *arena, const Properties *properties, const char *name, const char *otherwise) {
    const Property *found = properties_find(properties, slice_of(name));
    return found == NULL || found->value.data == NULL ? otherwise : arena_text(arena, found->value);
}

void properties_set(Arena *arena, Properties *properties, Slice name, Slice value) {
    Slice copy = value.data == NULL ? (Slice){0} : arena_slice(arena, value);
    for (size_t i = 0; i < properties->count; i++) {
        if (slice_equal(properties->at[i].name, name)) {
            properties->at[i].value = copy;
            return;
        }
    }
    Property *more = ARENA_ARRAY(arena, Property, properties->count + 1);
    if (properties->count > 0) {
        memcpy(more, properties->at, properties->count * sizeof(*more));
    }
    more[properties->count] = (Property){arena_slice(arena, name), copy};
    *properties = (Properties){more, properties->count + 1};
}

void properties_set_map(Arena *arena, Properties *properties, const char *prefix, const char *map) {
    Slice key, value;
    while (option_map_next(&map, &key, &value)) {
        properties_set(arena, properties, slice_of(arena_printf(arena, "%s%.*s", prefix, SLICE_ARG(key))), value);
    }
}

void properties_remove(Properties *properties, Slice name) {
    for (size_t i = 0; i < properties->count; i++) {
        if (slice_equal(properties->at[i].name, name)) {
            memmove(&properties->at[i], &properties->at[i + 1], (properties->count - i - 1) * sizeof(*properties->at));
            properties->count--;
            return;
        }
    }
}

Properties properties_under(Arena *arena, const Properties *properties, Slice prefix) {
    Properties under = {ARENA_ARRAY(arena, Property, properties->count), 0};
    for (size_t i = 0; i < properties->count; i++) {
        Slice name = properties->at[i].name;
        if (name.size > prefix.size && memcmp(name.data, prefix.data, prefix.size) == 0) {
            under.at[under.count++] =
                (Property){(Slice){name.data + prefix.size, name.size - prefix.size}, properties->at[i].value};
        }
    }
    return under;
}

Slice *properties_list(Arena *arena, Slice value, size_t *count) {
    size_t most = 1;
    for (size_t i = 0; i < value.size; i++) {
        most += value.data[i] == ',';
    }
    Slice *items = ARENA_ARRAY(arena, Slice, most);
    *count = 0;
    for (size_t from = 0, i = 0; value.size > 0 && i <= value.size; i++) {
        if (i == value.size || value.data[i] == ',') {
            Slice item = slice_trim((Slice){value.data + from, i - from}, SLICE_BLANKS);
            if (item.size > 0) {
                items[(*count)++] = item;
            }
            from = i + 1;
        }
    }
    return items;
}

// --- JSON ------------------------------------------------------------------------------------------------------

static bool value_text(Arena *arena, const JsonReader *reader, Slice name, JsonToken token, Slice *text, Err *err) {
    if (token == TOKEN_TEXT || token == TOKEN_NUMBER) {
        *text = arena_slice(arena, reader->text);
    } else if (token == TOKEN_TRUE || token == TOKEN_FALSE) {
        *text = token == TOKEN_TRUE ? SLICE("true") : SLICE("false");
    } else if (token == TOKEN_NULL) {
        *text = (Slice){0};
    } else {
        FAIL(err, ERR_OPTION, "\"%.60s\" is %s; a configuration's values are texts", arena_text(arena, name),
             token == TOKEN_OBJECT ? "an object" : "a list");
        return err_hint(err, "write lists as one text with commas: \"a,b,c\"");
    }
    return true;
}

static bool same_twice(Arena *arena, const Properties *properties, Err *err) {
    Map names = {0};
    const Slice *twice = NULL;
    for (size_t i = 0; i < properties->count && twice == NULL; i++) {
        Property *property = &properties->at[i];
        twice = map_find(&names, property->name) != NULL ? &property->name : NULL;
        map_put(&names, property->name, property);
    }
    map_release(&names);
    return twice == NULL || FAIL(err, ERR_OPTION, "\"%.60s\" is given twice", arena_text(arena, *twice));
}

bool properties_read(JsonReader *reader, Arena *arena, Properties *properties, Err *err) {
    size_t room = 0;
    *properties = (Properties){0};
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token != TOKEN_OBJECT_END) {
        if (properties->count == room) {
            room = MAX(room * 2, (size_t)16);
            Property *more = ARENA_ARRAY(arena, Property, room);
            if (properties->count > 0) {
                memcpy(more, properties->at, properties->count * sizeof(*more));
            }
            properties->at = more;
        }
        Property *property = &properties->at[properties->count++];
        property->name = arena_slice(arena, reader->text);
        if (property->name.size == 0 || property->name.size > PROPERTY_NAME_MAX) {
            return FAIL(err, ERR_OPTION, "a configuration's name has %zu characters, 1 to %d are allowed",
                        property->name.size, PROPERTY_NAME_MAX);
        }
        TRY(json_read(reader, &token, err));
        TRY(value_text(arena, reader, property->name, token, &property->value, err));
        TRY(json_read(reader, &token, err));
    }
    return same_twice(arena, properties, err);
}

bool properties_parse(Arena *arena, Slice json, Properties *properties, Err *err) {
    JsonReader reader;
    json_reader_init(&reader, json, arena);
    JsonToken token;
    TRY(json_read(&reader, &token, err));
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_OPTION, "a configuration is a JSON object of names and texts");
    }
    TRY(properties_read(&reader, arena, properties, err));
    return json_read(&reader, &token, err);
}

void properties_json(Buf *buf, const Properties *properties) {
    buf_text(buf, "{");
    for (size_t i = 0; i < properties->count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, properties->at[i].name);
        buf_text(buf, ":");
        if (properties->at[i].value.data == NULL) {
            buf_text(buf, "null");
        } else {
            json_quote(buf, properties->at[i].value);
        }
    }
    buf_text(buf, "}");
}
