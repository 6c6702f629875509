// SPDX-License-Identifier: Apache-2.0
#include "core/config/properties.h"

#include <ctype.h>
#include <jansson.h>

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

static Slice trimmed(Slice text) {
    while (text.size > 0 && isspace(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && isspace(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

Slice *properties_list(Arena *arena, Slice value, size_t *count) {
    size_t most = 1;
    for (size_t i = 0; i < value.size; i++) {
        most += value.data[i] == ',';
    }
    Slice *items = ARENA_ARRAY(arena, Slice, most);
    *count = 0;
    for (size_t from = 0, i = 0; i <= value.size; i++) {
        if (i == value.size || value.data[i] == ',') {
            Slice item = trimmed((Slice){value.data + from, i - from});
            if (item.size > 0) {
                items[(*count)++] = item;
            }
            from = i + 1;
        }
    }
    return items;
}

// --- JSON ------------------------------------------------------------------------------------------------------

static bool value_text(Arena *arena, const char *name, const json_t *value, Slice *text, Err *err) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        *text = arena_slice(arena, (Slice){(const uint8_t *)json_string_value(value), json_string_length(value)});
        return true;
    case JSON_INTEGER:
        *text = slice_of(arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
        return true;
    case JSON_REAL:
        *text = slice_of(arena_printf(arena, "%.17g", json_real_value(value)));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *text = json_is_true(value) ? SLICE("true") : SLICE("false");
        return true;
    case JSON_NULL:
        *text = (Slice){0};
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    FAIL(err, ERR_OPTION, "\"%.60s\" is %s; a configuration's values are texts", name,
         json_is_object(value) ? "an object" : "a list");
    return err_hint(err, "write lists as one text with commas: \"a,b,c\"");
}

static bool object_in(Arena *arena, const json_t *root, Properties *properties, Err *err) {
    if (!json_is_object(root)) {
        return FAIL(err, ERR_OPTION, "a configuration is a JSON object of names and texts");
    }
    *properties = (Properties){ARENA_ARRAY(arena, Property, json_object_size(root)), 0};
    json_t *object = (json_t *)(uintptr_t)root;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        size_t size = strlen(name);
        if (size == 0 || size > PROPERTY_NAME_MAX) {
            return FAIL(err, ERR_OPTION, "a configuration's name has %zu characters, 1 to %d are allowed", size,
                        PROPERTY_NAME_MAX);
        }
        Property *property = &properties->at[properties->count++];
        property->name = arena_slice(arena, slice_of(name));
        TRY(value_text(arena, name, json_object_iter_value(at), &property->value, err));
    }
    return true;
}

bool properties_parse(Arena *arena, Slice json, Properties *properties, Err *err) {
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (root == NULL) {
        return FAIL(err, ERR_OPTION, "no JSON: line %d, column %d: %.200s", where.line, where.column, where.text);
    }
    bool ok = object_in(arena, root, properties, err);
    json_decref(root);
    return ok;
}
