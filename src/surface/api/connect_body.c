// SPDX-License-Identifier: Apache-2.0
#include "surface/api/connect_body.h"

#include "core/base/json_reader.h"

#include <strings.h>

#define REQUEST_CLASS "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest"
#define MAP_CLASS     "java.util.LinkedHashMap<java.lang.String,java.lang.String>"

static const char *form_name(JsonToken token) {
    switch (token) {
    case TOKEN_OBJECT:
        return "Object";
    case TOKEN_ARRAY:
        return "Array";
    case TOKEN_TEXT:
        return "String";
    case TOKEN_NUMBER:
        return "Integer";
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        return "Boolean";
    case TOKEN_END:
    case TOKEN_OBJECT_END:
    case TOKEN_ARRAY_END:
    case TOKEN_NAME:
    case TOKEN_NULL:
        break;
    }
    return "Null";
}

// A value of a form that the class does not have.
static bool wrong_form(JsonReader *reader, const char *class, JsonToken token, Err *err) {
    const char *place = json_reader_place(reader, reader->token_at);
    if (token == TOKEN_TEXT) {
        // Its text is not repeated: it may be a secret in the wrong place.
        return FAIL(err, ERR_OPTION,
                    "Cannot construct instance of `%s` (although at least one Creator exists): no String-argument "
                    "constructor/factory method to deserialize from String value%s",
                    class, place);
    }
    return FAIL(err, ERR_OPTION, "Cannot deserialize value of type `%s` from %s value (token `JsonToken.%s`)%s", class,
                form_name(token), json_token_name(token), place);
}

static bool blank(Slice body) {
    for (size_t i = 0; i < body.size; i++) {
        if (memchr(" \t\r\n", body.data[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

// The first token; *absent when the body is empty or null.
static bool begin(JsonReader *reader, Arena *arena, Slice body, const char *class, bool *absent, Err *err) {
    json_reader_init(reader, body, arena);
    *absent = blank(body);
    if (*absent) {
        return true;
    }
    JsonToken token;
    TRY(json_read(reader, &token, err));
    *absent = token == TOKEN_NULL;
    return *absent || token == TOKEN_OBJECT || wrong_form(reader, class, token, err);
}

static bool end(JsonReader *reader, Err *err) {
    JsonToken token;
    return json_read(reader, &token, err);
}

bool connect_body_config(Arena *arena, Slice body, ConnectBody *config, Err *err) {
    *config = (ConnectBody){0};
    JsonReader reader;
    TRY(begin(&reader, arena, body, MAP_CLASS, &config->absent, err));
    config->no_names = config->absent;
    if (config->absent) {
        return true;
    }
    TRY(properties_read(&reader, arena, &config->config, err));
    return end(&reader, err);
}

static bool read_initial_state(JsonReader *reader, JsonToken token, ConnectBody *create, Err *err) {
    static const char *const STATES[] = {"RUNNING", "PAUSED", "STOPPED"};
    if (token == TOKEN_NULL) {
        return true;
    }
    if (token != TOKEN_TEXT) {
        return wrong_form(reader, REQUEST_CLASS "$InitialState", token, err);
    }
    Slice text = reader->text;
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++) {
        if (text.size == strlen(STATES[i]) && strncasecmp((const char *)text.data, STATES[i], text.size) == 0) {
            create->initial_state = STATES[i];
            return true;
        }
    }
    Slice shown = {text.data, MIN(text.size, (size_t)60)};
    return FAIL(err, ERR_OPTION,
                "Cannot construct instance of `" REQUEST_CLASS "$InitialState`, problem: No enum constant "
                "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest.InitialState.%.*s%s (through "
                "reference chain: " REQUEST_CLASS "[\"initial_state\"])",
                SLICE_ARG(shown), json_reader_place(reader, reader->token_at));
}

static bool read_name(JsonReader *reader, JsonToken token, ConnectBody *create, Err *err) {
    if (token == TOKEN_OBJECT || token == TOKEN_ARRAY) {
        return wrong_form(reader, "java.lang.String", token, err);
    }
    create->name = token == TOKEN_TRUE                            ? SLICE("true")
                   : token == TOKEN_FALSE                         ? SLICE("false")
                   : token == TOKEN_TEXT || token == TOKEN_NUMBER ? arena_slice(reader->arena, reader->text)
                                                                  : (Slice){0};
    return true;
}

static bool create_member(JsonReader *reader, Arena *arena, ConnectBody *create, Err *err) {
    Slice name = arena_slice(arena, reader->text);
    size_t at = reader->token_at;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    if (slice_is(name, "name")) {
        return read_name(reader, token, create, err);
    }
    if (slice_is(name, "initial_state")) {
        return read_initial_state(reader, token, create, err);
    }
    if (!slice_is(name, "config")) {
        Slice shown = {name.data, MIN(name.size, (size_t)60)};
        return FAIL(err, ERR_OPTION,
                    "Unrecognized field \"%.*s\" (class " REQUEST_CLASS "), not marked as ignorable (3 known "
                    "properties: \"config\", \"name\", \"initial_state\")%s",
                    SLICE_ARG(shown), json_reader_place(reader, at));
    }
    create->no_names = token == TOKEN_NULL;
    if (token == TOKEN_NULL) {
        return true;
    }
    if (token != TOKEN_OBJECT) {
        return wrong_form(reader, MAP_CLASS, token, err);
    }
    return properties_read(reader, arena, &create->config, err);
}

bool connect_body_create(Arena *arena, Slice body, ConnectBody *create, Err *err) {
    *create = (ConnectBody){.no_names = true};
    JsonReader reader;
    TRY(begin(&reader, arena, body, REQUEST_CLASS, &create->absent, err));
    if (create->absent) {
        return true;
    }
    JsonToken token;
    TRY(json_read(&reader, &token, err));
    while (token == TOKEN_NAME) {
        TRY(create_member(&reader, arena, create, err));
        TRY(json_read(&reader, &token, err));
    }
    return end(&reader, err);
}

bool connect_body_member(Arena *arena, Slice body, const char *name, Slice *json, Err *err) {
    *json = (Slice){0};
    JsonReader reader;
    bool absent;
    TRY(begin(&reader, arena, body, "java.util.LinkedHashMap<java.lang.String,java.lang.Object>", &absent, err));
    if (absent) {
        return true;
    }
    JsonToken token;
    TRY(json_read(&reader, &token, err));
    while (token == TOKEN_NAME) {
        bool wanted = slice_is(reader.text, name);
        TRY(json_read(&reader, &token, err));
        size_t from = reader.token_at;
        TRY(json_read_over(&reader, token, err));
        if (wanted && token != TOKEN_NULL) {
            *json = (Slice){body.data + from, reader.at - from};
        }
        TRY(json_read(&reader, &token, err));
    }
    return end(&reader, err);
}
