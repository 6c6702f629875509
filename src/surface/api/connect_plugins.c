// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/config/seal.h"
#include "surface/api/connect_room.h"

// --- the list --------------------------------------------------------------------------------------------------

void connect_plugins(void *context, const ApiRequest *request, ApiAnswer *answer) {
    bool connectors_only = api_query_bool(request, "connectorsOnly", true), any = false;
    buf_text(&answer->body, "[");
    // Sinks, then sources, then the rest, as the original.
    static const PluginType ORDER[] = {PLUGIN_SINK,      PLUGIN_SOURCE,    PLUGIN_TRANSFORMATION,
                                       PLUGIN_PREDICATE, PLUGIN_CONVERTER, PLUGIN_HEADER_CONVERTER};
    for (size_t o = 0; o < (connectors_only ? (size_t)2 : ARRAY_LEN(ORDER)); o++) {
        for (size_t i = 0; i < PLUGIN_COUNT; i++) {
            const Plugin *plugin = &PLUGINS[i];
            if (plugin->type != ORDER[o]) {
                continue;
            }
            buf_text(&answer->body, any ? ",{" : "{");
            json_field_text(&answer->body, "class", plugin->class_name);
            json_field_text(&answer->body, "type", plugin_type_name(plugin->type));
            if (plugin->version != NULL) {
                json_field_text(&answer->body, "version", plugin->version);
            }
            buf_text(&answer->body, "}");
            any = true;
        }
    }
    buf_text(&answer->body, "]");
}

// --- definitions -----------------------------------------------------------------------------------------------

static void put_list(Buf *out, const char *list) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    size_t count;
    Slice *items = properties_list(&scratch, slice_of(list), &count);
    buf_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, items[i]);
    }
    buf_text(out, "]");
    arena_release(&scratch);
}

static const char *effect_text(const Definition *definition) {
    return definition->effect == EFFECT_NONE      ? " (No effect in leat: "
           : definition->effect == EFFECT_REFUSED ? " (Not done by leat: "
                                                  : NULL;
}

static void put_documentation(Buf *out, const Definition *definition) {
    DEFER(buf_release) Buf text = {0};
    const char *effect = effect_text(definition);
    buf_text(&text, definition->documentation != NULL ? definition->documentation : "");
    if (effect != NULL) {
        buf_text(&text, effect);
        buf_text(&text, definition->note != NULL ? definition->note : "it is accepted");
        buf_text(&text, ".)");
    }
    json_key(out, "documentation");
    json_quote(out, buf_slice(&text));
}

static void put_definition(Buf *out, const Definition *definition, DefinitionWords words) {
    buf_text(out, "{");
    json_field_text(out, "name", definition->name);
    json_field_text(out, "type", definition_type_name(definition->type));
    // Debezium checks by itself what it requires; it does not say so here.
    json_field_bool(out, "required", definition->required && words == WORDS_CONNECT);
    json_field_text(out, "default_value", definition->default_value);
    json_field_text(out, "importance", definition_importance_name(definition->importance));
    put_documentation(out, definition);
    json_field_text(out, "group", definition->group);
    json_field_int(out, "order_in_group", definition->order_in_group);
    json_field_text(out, "width", definition_width_name(definition->width));
    json_field_text(out, "display_name",
                    definition->display_name != NULL ? definition->display_name : definition->name);
    json_key(out, "dependents");
    put_list(out, definition->dependents);
    buf_text(out, "}");
}

void connect_plugin_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const Plugin *plugin = plugin_any(request->parts[0]);
    if (plugin == NULL) {
        api_error(answer, 404, "Unknown plugin %.*s.", SLICE_ARG(request->parts[0]));
        return;
    }
    const Definition **definitions;
    size_t count, own = plugin->definition_count == NULL ? 0 : *plugin->definition_count;
    plugin_definitions(request->arena, plugin, &definitions, &count);
    buf_text(&answer->body, "[");
    for (size_t i = 0; i < count; i++) {
        buf_text(&answer->body, i > 0 ? "," : "");
        bool is_own = own > 0 && definitions[i] >= plugin->definitions && definitions[i] < plugin->definitions + own;
        put_definition(&answer->body, definitions[i], is_own ? plugin->words : WORDS_CONNECT);
    }
    buf_text(&answer->body, "]");
}

// --- checking --------------------------------------------------------------------------------------------------

static const char *kind_of(const Plugin *plugin) {
    return strcmp(plugin->class_name, "leat.Sync") == 0 ? "sync" : plugin_type_name(plugin->type);
}

// One {"key":…,"message":…}; its { was read.
static bool take_error(JsonReader *reader, Validation *validation, Err *err) {
    const char *key = NULL, *message = NULL;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token == TOKEN_NAME) {
        bool is_key = slice_is(reader->text, "key"), is_message = slice_is(reader->text, "message");
        TRY(json_read(reader, &token, err));
        if (token == TOKEN_TEXT && is_key) {
            key = arena_text(validation->arena, reader->text);
        } else if (token == TOKEN_TEXT && is_message) {
            message = arena_text(validation->arena, reader->text);
        }
        TRY(json_read_over(reader, token, err));
        TRY(json_read(reader, &token, err));
    }
    if (message != NULL) {
        validation_error(validation, key != NULL ? key : "connector.class",
                         "Error while validating connector config: %s", message);
    }
    return true;
}

// {"errors":[…]} of a worker that has tried to connect.
static bool take_errors(Slice answer, Validation *validation, Err *err) {
    Slice list;
    TRY(connect_body_member(validation->arena, answer, "errors", &list, err));
    if (list.data == NULL) {
        return true;
    }
    JsonReader reader;
    json_reader_init(&reader, list, validation->arena);
    JsonToken token;
    TRY(json_read(&reader, &token, err));
    do {
        TRY(json_read(&reader, &token, err));
        if (token == TOKEN_OBJECT) {
            TRY(take_error(&reader, validation, err));
        } else {
            TRY(json_read_over(&reader, token, err));
        }
    } while (token != TOKEN_ARRAY_END && token != TOKEN_END);
    return true;
}

// False: nobody could look; *err says why.
static bool test_connection(ConnectApi *api, const ApiRequest *request, Slice name, const Properties *config,
                            ConnectCheck *check, Err *err) {
    DEFER(buf_release) Buf text = {0};
    Properties sealed;
    Slice answer = {0};
    if (!connect_config_sealed(request->arena, &check->validation, config, NULL, &sealed, err)) {
        validation_error(&check->validation, "connector.class", "%s", err->message);
        err_clear(err);
        return true;
    }
    buf_text(&text, "{\"do\":\"validate\"");
    json_field_text(&text, "kind", kind_of(check->plugin));
    buf_text(&text, ",\"config\":");
    properties_json(&text, &sealed);
    buf_text(&text, "}");
    if (api->ask(api->front, "call", name, buf_slice(&text), request->arena, &answer, err)) {
        return take_errors(answer, &check->validation, err);
    }
    if (err->code == ERR_OPTION) {
        validation_error(&check->validation, "connector.class", "Error while validating connector config: %s",
                         err->message);
        err_clear(err);
        return true;
    }
    return false;
}

void connect_check(ConnectApi *api, const ApiRequest *request, Slice name, const Properties *config, bool test,
                   ConnectCheck *check) {
    *check = (ConnectCheck){.validation = {.arena = request->arena}};
    const Property *class = properties_find(config, SLICE("connector.class"));
    if (class == NULL || class->value.data == NULL) {
        check->problem = arena_printf(request->arena, "Connector config %s contains no connector type",
                                      connect_config_text(request->arena, config));
        return;
    }
    check->plugin = plugin_connector(class->value);
    if (check->plugin == NULL) {
        check->problem = plugin_unknown(request->arena, class->value, PLUGIN_SOURCE);
        return;
    }
    plugin_validate(request->arena, check->plugin, config, &check->validation);
    Err err[1] = {{0}};
    if (test && check->validation.errors == 0 && request->role >= ROLE_OPERATOR &&
        !test_connection(api, request, name, config, check, err)) {
        log_err(LOG_CLI, "a connector's configuration was not tried", err);
        check->untried =
            arena_printf(request->arena, "The configuration could not be tried, so it is not taken: %s%s%s",
                         err->message, err->hint[0] != '\0' ? ": " : "", err->hint);
    }
}

// --- validate --------------------------------------------------------------------------------------------------

static Slice without_connector(Slice name) {
    size_t cut = strlen("Connector");
    bool ends = name.size >= cut && memcmp(name.data + name.size - cut, "Connector", cut) == 0;
    return ends ? (Slice){name.data, name.size - cut} : name;
}

// True when the class of the body can be what the path names.
static bool same_type(Slice included, Slice requested) {
    Slice all = without_connector(included), end = without_connector(requested);
    return all.size >= end.size && memcmp(all.data + all.size - end.size, end.data, end.size) == 0;
}

static void put_errors(Buf *out, const DefinitionValue *value) {
    buf_text(out, ",\"errors\":[");
    for (size_t i = 0; i < value->error_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, slice_of(value->errors[i]));
    }
    buf_text(out, "],\"visible\":true}");
}

static void put_value(Buf *out, Arena *arena, const DefinitionValue *value) {
    bool secret = value->definition != NULL && value->definition->type == DEFINE_PASSWORD;
    Slice shown = value->given ? seal_shown(value->name, secret, value->value, arena) : value->value;
    buf_text(out, "{\"name\":");
    json_quote(out, value->name);
    json_key(out, "value");
    if (shown.data == NULL) {
        buf_text(out, "null");
    } else {
        json_quote(out, shown);
    }
    json_key(out, "recommended_values");
    put_list(out, plugin_recommended(arena, value));
    put_errors(out, value);
}

static void put_config(Buf *out, Arena *arena, const DefinitionValue *value, bool *any) {
    buf_text(out, *any ? ",{\"definition\":" : "{\"definition\":");
    if (value->definition == NULL) {
        buf_text(out, "null");
    } else {
        put_definition(out, value->definition, value->words);
    }
    buf_text(out, ",\"value\":");
    put_value(out, arena, value);
    buf_text(out, "}");
    *any = true;
}

static void put_groups(Buf *out, const Validation *validation) {
    buf_text(out, "[");
    bool any = false;
    for (size_t i = 0; i < validation->count; i++) {
        const Definition *definition = validation->values[i].definition;
        bool seen = definition == NULL || definition->group == NULL;
        for (size_t j = 0; j < i && !seen; j++) {
            const Definition *before = validation->values[j].definition;
            seen = before != NULL && before->group != NULL && strcmp(before->group, definition->group) == 0;
        }
        if (!seen) {
            buf_text(out, any ? "," : "");
            json_quote(out, slice_of(definition->group));
            any = true;
        }
    }
    buf_text(out, "]");
}

static void put_warnings(Buf *out, const Validation *validation) {
    bool any = false;
    for (size_t i = 0; i < validation->count; i++) {
        const DefinitionValue *value = &validation->values[i];
        if (value->warning != NULL && value->given) {
            buf_text(out, any ? ",{\"name\":" : ",\"warnings\":[{\"name\":");
            json_quote(out, value->name);
            json_key(out, "warning");
            json_quote(out, slice_of(value->warning));
            buf_text(out, "}");
            any = true;
        }
    }
    buf_text(out, any ? "]" : "");
}

static void put_validation(Buf *out, Arena *arena, Slice class, const Validation *validation) {
    buf_text(out, "{\"name\":");
    json_quote(out, class);
    json_field_uint(out, "error_count", validation->errors);
    json_key(out, "groups");
    put_groups(out, validation);
    buf_text(out, ",\"configs\":[");
    bool any = false;
    for (size_t i = 0; i < validation->count; i++) { // what has no definition comes first, when it has errors
        if (validation->values[i].definition == NULL && validation->values[i].error_count > 0) {
            put_config(out, arena, &validation->values[i], &any);
        }
    }
    for (size_t i = 0; i < validation->count; i++) {
        const Definition *definition = validation->values[i].definition;
        bool hidden = definition != NULL && definition_hidden(definition);
        if (definition != NULL && (!hidden || validation->values[i].error_count > 0)) {
            put_config(out, arena, &validation->values[i], &any);
        }
    }
    buf_text(out, "]");
    put_warnings(out, validation);
    buf_text(out, "}");
}

// A configuration that was read with masks is checked with what the connector of that name has stored.
static Properties with_secrets(ConnectApi *api, const ApiRequest *request, const Properties *given, Slice *name) {
    const Property *named = properties_find(given, SLICE("name"));
    FleetConnector stored;
    Properties config;
    Err err[1] = {{0}};
    *name = named == NULL || named->value.data == NULL ? SLICE("validate") : named->value;
    if (named != NULL && named->value.data != NULL && fleet_find(api->fleet, named->value, request->arena, &stored) &&
        connect_config_unmasked(request->arena, given, &stored.document.config, &config, err)) {
        return config;
    }
    return *given;
}

void connect_plugin_validate(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    ConnectBody body;
    Err err[1] = {{0}};
    if (!connect_body_config(request->arena, request->body, &body, err)) {
        connect_body_error(answer, err);
        return;
    }
    if (body.absent) {
        api_error(answer, 500, "Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null");
        return;
    }
    const Property *class = properties_find(&body.config, SLICE("connector.class"));
    if (class != NULL && class->value.data != NULL && !same_type(class->value, request->parts[0])) {
        api_error(answer, 400, "Included connector type %.*s does not match request type %.*s", SLICE_ARG(class->value),
                  SLICE_ARG(request->parts[0]));
        return;
    }
    Slice name;
    Properties config = with_secrets(api, request, &body.config, &name);
    ConnectCheck check;
    connect_check(api, request, name, &config, true, &check);
    if (check.problem != NULL) {
        api_error(answer, 500, "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: %s", check.problem);
        return;
    }
    if (check.untried != NULL) {
        api_error(answer, 500, "%s", check.untried);
        return;
    }
    put_validation(&answer->body, request->arena, class->value, &check.validation);
}
