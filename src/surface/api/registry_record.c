// SPDX-License-Identifier: Apache-2.0
#include "surface/api/registry_record.h"

#include "core/base/json.h"
#include "data/registry/json_tree.h"
#include "data/registry/registry_schema.h"

// --- writing -----------------------------------------------------------------------------------------------------

static void field(Buf *out, const char *name, Slice text) {
    json_key(out, name);
    if (text.size > 0) {
        json_quote(out, text);
    } else {
        buf_text(out, "null");
    }
}

static void key_write(Buf *key, const char *type, const RegistryEntry *entry) {
    bool schema = entry->kind == ENTRY_VERSION || entry->kind == ENTRY_UNVERSION;
    buf_u8(key, '{');
    json_field_text(key, "keytype", type);
    if (entry->kind != ENTRY_NEXT_ID) {
        field(key, "subject", entry->subject);
    }
    if (schema) {
        json_field_int(key, "version", entry->version);
    }
    json_field_int(key, "magic", schema ? 1 : 0);
    buf_u8(key, '}');
}

static void schema_write(Buf *value, const RegistryEntry *entry) {
    buf_u8(value, '{');
    field(value, "subject", entry->subject);
    json_field_int(value, "version", entry->version);
    json_field_int(value, "id", entry->id);
    if (!slice_is(entry->type, "AVRO")) {
        field(value, "schemaType", entry->type);
    }
    for (size_t i = 0; i < entry->reference_count; i++) {
        if (i == 0) {
            json_key(value, "references");
        }
        buf_text(value, i == 0 ? "[{" : ",{");
        field(value, "name", entry->references[i].name);
        field(value, "subject", entry->references[i].subject);
        json_field_int(value, "version", entry->references[i].version);
        buf_text(value, i + 1 == entry->reference_count ? "}]" : "}");
    }
    json_key(value, "schema");
    json_quote(value, entry->text);
    json_field_bool(value, "deleted", entry->deleted);
    buf_u8(value, '}');
}

static void config_write(Buf *value, const RegistryEntry *entry) {
    if (entry->setting.data == NULL && entry->normalize < 0) {
        return;
    }
    buf_u8(value, '{');
    if (entry->normalize >= 0) {
        json_field_bool(value, "normalize", entry->normalize == 1);
    }
    if (entry->setting.data != NULL) {
        field(value, "compatibilityLevel", entry->setting);
    }
    buf_u8(value, '}');
}

static void one_field_write(Buf *value, const char *name, Slice text) {
    if (text.data != NULL) {
        buf_u8(value, '{');
        field(value, name, text);
        buf_u8(value, '}');
    }
}

void registry_record_write(const RegistryEntry *entry, Buf *key, Buf *value) {
    switch (entry->kind) {
    case ENTRY_VERSION:
        schema_write(value, entry);
        key_write(key, "SCHEMA", entry);
        return;
    case ENTRY_UNVERSION:
        key_write(key, "SCHEMA", entry);
        return;
    case ENTRY_LEVEL:
        config_write(value, entry);
        key_write(key, "CONFIG", entry);
        return;
    case ENTRY_MODE:
        one_field_write(value, "mode", entry->setting);
        key_write(key, "MODE", entry);
        return;
    case ENTRY_NEXT_ID:
        buf_u8(value, '{');
        json_field_int(value, "nextId", entry->id);
        buf_u8(value, '}');
        key_write(key, "NOOP", entry);
        return;
    case ENTRY_DELETED:
        break; // leat writes each version
    }
    UNREACHABLE();
}

// --- reading -----------------------------------------------------------------------------------------------------

static bool positive(const JsonNode *object, const char *name, int32_t *number) {
    int64_t value = 0;
    bool good = json_tree_int(json_tree_member(object, name), &value) && value > 0 && value < INT32_MAX;
    *number = good ? (int32_t)value : 0;
    return good;
}

static bool unreadable(const char *what, Err *err) {
    return FAIL(err, ERR_STATE_CORRUPT, "%s cannot be read", what);
}

static bool references_read(const JsonNode *list, Arena *arena, RegistryEntry *entry, Err *err) {
    if (list == NULL || list->kind == TREE_NULL) {
        return true;
    }
    KeptReference *references = ARENA_ARRAY(arena, KeptReference, list->count);
    size_t count = 0;
    for (const JsonNode *node = list->first; list->kind == TREE_LIST && node != NULL; node = node->next) {
        KeptReference *to = &references[count++];
        to->name = json_tree_text(node, "name");
        to->subject = json_tree_text(node, "subject");
        if (to->name.data == NULL || to->subject.data == NULL || !positive(node, "version", &to->version)) {
            return unreadable("a reference", err);
        }
    }
    entry->references = references;
    entry->reference_count = count;
    return true;
}

static bool schema_read(const JsonNode *value, Arena *arena, RegistryEntry *entry, Err *err) {
    RegistryType type = REGISTRY_AVRO;
    Slice name = json_tree_text(value, "schemaType");
    const JsonNode *deleted = json_tree_member(value, "deleted");
    entry->text = json_tree_text(value, "schema");
    if (entry->text.data == NULL || !positive(value, "id", &entry->id)) {
        return unreadable("a schema", err);
    }
    if (!registry_type_of(name, &type)) {
        return FAIL(err, ERR_NET_SETUP, "schemas of type %.*s cannot be kept here", SLICE_ARG(name));
    }
    TRY(references_read(json_tree_member(value, "references"), arena, entry, err));
    RegistryReference *own = ARENA_ARRAY(arena, RegistryReference, entry->reference_count);
    for (size_t i = 0; i < entry->reference_count; i++) {
        const KeptReference *from = &entry->references[i];
        own[i] = (RegistryReference){.name = from->name, .subject = from->subject, .version = from->version};
    }
    entry->type = slice_of(registry_type_name(type));
    entry->deleted = deleted != NULL && deleted->kind == TREE_TRUE;
    registry_fingerprint(type, entry->text, own, entry->reference_count, entry->fingerprint);
    return true;
}

static bool parse(Slice json, Arena *arena, const JsonNode **object, Err *err) {
    TRY(json_utf8_valid(json) || unreadable("what is not UTF-8", err));
    TRY(json_tree_parse(arena, json, object, err));
    return (*object)->kind == TREE_OBJECT || unreadable("what is no JSON object", err);
}

static bool value_read(const JsonNode *value, Arena *arena, RegistryEntry *entry, Err *err) {
    const JsonNode *normalize = json_tree_member(value, "normalize");
    Slice level = json_tree_text(value, "compatibilityLevel");
    switch (entry->kind) {
    case ENTRY_VERSION:
        return schema_read(value, arena, entry, err);
    case ENTRY_DELETED:
        return positive(value, "version", &entry->version) || unreadable("a deletion", err);
    case ENTRY_LEVEL:
        entry->setting = level;
        entry->normalize = normalize == NULL || normalize->kind == TREE_NULL ? -1 : normalize->kind == TREE_TRUE;
        return true;
    case ENTRY_MODE:
        entry->setting = json_tree_text(value, "mode");
        return true;
    case ENTRY_NEXT_ID:
        return positive(value, "nextId", &entry->id) || unreadable("a counter", err);
    case ENTRY_UNVERSION:
        break;
    }
    UNREACHABLE();
}

static bool key_read(const JsonNode *key, RegistryEntry *entry, bool *known, Err *err) {
    static const struct {
        const char *name;
        RegistryEntryKind kind;
    } TYPES[] = {{"SCHEMA", ENTRY_VERSION},
                 {"DELETE_SUBJECT", ENTRY_DELETED},
                 {"CONFIG", ENTRY_LEVEL},
                 {"MODE", ENTRY_MODE},
                 {"NOOP", ENTRY_NEXT_ID}};
    Slice type = json_tree_text(key, "keytype");
    *known = false;
    *entry = (RegistryEntry){.subject = json_tree_text(key, "subject"), .normalize = -1};
    for (size_t i = 0; i < ARRAY_LEN(TYPES) && !*known; i++) {
        *known = slice_is(type, TYPES[i].name);
        entry->kind = TYPES[i].kind;
    }
    bool schema = entry->kind == ENTRY_VERSION, named = schema || entry->kind == ENTRY_DELETED;
    if (*known && ((schema && !positive(key, "version", &entry->version)) || (named && entry->subject.size == 0))) {
        return unreadable("a key", err);
    }
    if (*known && entry->subject.size >= 2 && memcmp(entry->subject.data, ":.", 2) == 0) {
        return FAIL(err, ERR_NET_SETUP, "subjects of contexts (%.*s) cannot be kept here", SLICE_ARG(entry->subject));
    }
    return true;
}

bool registry_record_read(Slice key, Slice value, Arena *arena, RegistryEntry *entry, bool *known, Err *err) {
    const JsonNode *object = NULL;
    TRY(parse(key, arena, &object, err) && key_read(object, entry, known, err));
    if (!*known) {
        return true;
    }
    if (value.size == 0) {
        *known = entry->kind != ENTRY_NEXT_ID && entry->kind != ENTRY_DELETED;
        entry->kind = entry->kind == ENTRY_VERSION ? ENTRY_UNVERSION : entry->kind;
        return true;
    }
    return parse(value, arena, &object, err) && value_read(object, arena, entry, err);
}
