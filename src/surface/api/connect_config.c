// SPDX-License-Identifier: Apache-2.0
#include "surface/api/connect_config.h"

#include "core/base/json.h"
#include "core/config/seal.h"
#include "core/config/secret.h"

static bool is_secret(const Validation *validation, Slice name) {
    const DefinitionValue *value = validation == NULL ? NULL : validation_find(validation, name);
    return value != NULL && value->definition != NULL && value->definition->type == DEFINE_PASSWORD;
}

static Properties copy_of(Arena *arena, const Properties *properties) {
    Properties copy = {ARENA_ARRAY(arena, Property, properties->count), properties->count};
    if (properties->count > 0) {
        memcpy(copy.at, properties->at, properties->count * sizeof(*copy.at));
    }
    return copy;
}

Properties connect_config_shown(Arena *arena, const Validation *validation, const Properties *stored) {
    Properties shown = copy_of(arena, stored);
    for (size_t i = 0; i < shown.count; i++) {
        Property *property = &shown.at[i];
        property->value = seal_shown(property->name, is_secret(validation, property->name), property->value, arena);
    }
    return shown;
}

static bool has_mask(Slice value) {
    return memmem(value.data, value.size, SEAL_MASK, strlen(SEAL_MASK)) != NULL;
}

// Shown with a mask: what is stored is a secret, or has one in it.
static bool is_masked_form(Arena *arena, const Property *stored, Slice given) {
    return slice_equal(given, seal_shown(stored->name, true, stored->value, arena)) ||
           slice_equal(given, seal_shown(stored->name, false, stored->value, arena));
}

bool connect_config_unmasked(Arena *arena, const Properties *given, const Properties *old, Properties *config,
                             Err *err) {
    *config = copy_of(arena, given);
    for (size_t i = 0; i < config->count; i++) {
        Property *property = &config->at[i];
        if (property->value.data == NULL || !has_mask(property->value)) {
            continue;
        }
        const Property *stored = old == NULL ? NULL : properties_find(old, property->name);
        if (stored == NULL || stored->value.data == NULL || !is_masked_form(arena, stored, property->value)) {
            FAIL(err, ERR_OPTION, "%.*s is given as a mask, but no secret is stored that it could stand for",
                 SLICE_ARG(property->name));
            return err_hint(err, "give the secret itself, or a reference like ${env:NAME}");
        }
        property->value = stored->value;
    }
    return true;
}

static bool same_secret(Arena *arena, Slice sealed, Slice plain) {
    Err err[1] = {{0}};
    char *old = NULL, *fresh = NULL;
    return secret_referenced(arena_text(arena, sealed)) &&
           secret_resolve(arena_text(arena, sealed), arena, &old, err) &&
           secret_resolve(arena_text(arena, plain), arena, &fresh, err) && strcmp(old, fresh) == 0;
}

bool connect_config_sealed(Arena *arena, const Validation *validation, const Properties *given, const Properties *old,
                           Properties *stored, Err *err) {
    *stored = copy_of(arena, given);
    for (size_t i = 0; i < stored->count; i++) {
        Property *property = &stored->at[i];
        Slice plain = property->value;
        if (plain.data == NULL) {
            continue;
        }
        TRY(seal_value(property->name, is_secret(validation, property->name), plain, arena, &property->value, err));
        const Property *before = old == NULL ? NULL : properties_find(old, property->name);
        bool sealed = !slice_equal(property->value, plain);
        if (sealed && before != NULL && before->value.data != NULL && same_secret(arena, before->value, plain)) {
            property->value = before->value;
        }
    }
    return true;
}

bool connect_config_equal(const Properties *a, const Properties *b) {
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        const Property *other = properties_find(b, a->at[i].name);
        if (other == NULL || !slice_equal(other->value, a->at[i].value)) {
            return false;
        }
    }
    return true;
}

const char *connect_config_text(Arena *arena, const Properties *config) {
    DEFER(buf_release) Buf text = {0};
    buf_u8(&text, '{');
    for (size_t i = 0; i < config->count; i++) {
        const Property *property = &config->at[i];
        Slice value = seal_is_secret(property->name) ? SLICE(SEAL_MASK) : property->value;
        buf_text(&text, i > 0 ? ", " : "");
        buf_put(&text, property->name);
        buf_u8(&text, '=');
        buf_put(&text, value.data == NULL ? SLICE("null") : value);
    }
    buf_u8(&text, '}');
    return arena_text(arena, buf_slice(&text));
}

// --- documents -------------------------------------------------------------------------------------------------

static bool document_member(JsonReader *reader, Arena *arena, ConnectDocument *document, Err *err) {
    Slice name = reader->text;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    if (slice_is(name, "config") && token == TOKEN_OBJECT) {
        return properties_read(reader, arena, &document->config, err);
    }
    if (token == TOKEN_TEXT) {
        if (slice_is(name, "name")) {
            document->name = arena_slice(arena, reader->text);
        } else if (slice_is(name, "kind")) {
            document->kind = arena_text(arena, reader->text);
        } else if (slice_is(name, "target")) {
            document->target = arena_text(arena, reader->text);
        }
    }
    return json_read_over(reader, token, err);
}

bool connect_document_parse(Arena *arena, Slice json, ConnectDocument *document, Err *err) {
    JsonReader reader;
    json_reader_init(&reader, json, arena);
    *document = (ConnectDocument){0};
    JsonToken token;
    TRY(json_read(&reader, &token, err));
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_STATE_CORRUPT, "a connector's document is no JSON object");
    }
    TRY(json_read(&reader, &token, err));
    while (token == TOKEN_NAME) {
        TRY(document_member(&reader, arena, document, err));
        TRY(json_read(&reader, &token, err));
    }
    if (document->name.data == NULL || document->kind == NULL || document->target == NULL) {
        return FAIL(err, ERR_STATE_CORRUPT, "a connector's document lacks name, kind or target");
    }
    return true;
}

void connect_document_json(Buf *out, const ConnectDocument *document) {
    buf_text(out, "{\"format_version\":1,\"name\":");
    json_quote(out, document->name);
    json_field_text(out, "kind", document->kind);
    json_field_text(out, "target", document->target);
    json_key(out, "config");
    properties_json(out, &document->config);
    buf_text(out, "}");
}
