// SPDX-License-Identifier: Apache-2.0
#include "data/registry/registry_schema.h"

#include "data/registry/avsc_compare.h"
#include "data/registry/json_schema_compare.h"

#include <openssl/evp.h>
#include <strings.h>

enum { SHOWN_BYTES_MAX = 10 * 1024 }; // of an earlier schema in a message

static const char *const TYPES[] = {[REGISTRY_AVRO] = "AVRO", [REGISTRY_JSON] = "JSON"};
static const char *const LEVELS[] = {[LEVEL_NONE] = "NONE",
                                     [LEVEL_BACKWARD] = "BACKWARD",
                                     [LEVEL_BACKWARD_TRANSITIVE] = "BACKWARD_TRANSITIVE",
                                     [LEVEL_FORWARD] = "FORWARD",
                                     [LEVEL_FORWARD_TRANSITIVE] = "FORWARD_TRANSITIVE",
                                     [LEVEL_FULL] = "FULL",
                                     [LEVEL_FULL_TRANSITIVE] = "FULL_TRANSITIVE"};

const char *registry_type_name(RegistryType type) {
    return TYPES[type];
}

bool registry_type_of(Slice name, RegistryType *type) {
    *type = slice_is(name, TYPES[REGISTRY_JSON]) ? REGISTRY_JSON : REGISTRY_AVRO;
    return name.size == 0 || slice_is(name, TYPES[*type]);
}

const char *registry_level_name(RegistryLevel level) {
    return LEVELS[level];
}

bool registry_level_of(Slice name, RegistryLevel *level) {
    for (size_t i = 0; i < ARRAY_LEN(LEVELS); i++) {
        if (name.size == strlen(LEVELS[i]) && strncasecmp((const char *)name.data, LEVELS[i], name.size) == 0) {
            *level = (RegistryLevel)i;
            return true;
        }
    }
    return false;
}

static bool parse(Arena *arena, Slice text, const RegistryReference *references, size_t count, TreeOrder order,
                  RegistrySchema *schema, Buf *canonical, Err *err) {
    if (schema->type == REGISTRY_AVRO) {
        Slice *texts = ARENA_ARRAY(arena, Slice, count);
        for (size_t i = 0; i < count; i++) {
            texts[i] = references[i].text;
        }
        AvscSchema *avro = NULL;
        TRY(avsc_parse(arena, text, texts, count, &avro, err));
        avsc_write(canonical, avro, order);
        schema->avro = avro;
        return true;
    }
    JsonSchemaReference *named = ARENA_ARRAY(arena, JsonSchemaReference, count);
    for (size_t i = 0; i < count; i++) {
        named[i] = (JsonSchemaReference){references[i].name, references[i].text};
    }
    JsonSchema *json = NULL;
    TRY(json_schema_parse(arena, text, named, count, &json, err));
    schema->json = json;
    return true;
}

bool registry_schema_parse(Arena *arena, RegistryType type, Slice text, const RegistryReference *references,
                           size_t reference_count, RegistryForm form, RegistrySchema *schema, Err *err) {
    *schema = (RegistrySchema){.type = type};
    if (text.size > REGISTRY_SCHEMA_BYTES_MAX) {
        return FAIL(err, ERR_MEMORY, "the schema has %zu bytes, at most %d are taken", text.size,
                    REGISTRY_SCHEMA_BYTES_MAX);
    }
    DEFER(buf_release) Buf canonical = {0};
    buf_init(&canonical, 4 * (size_t)REGISTRY_SCHEMA_BYTES_MAX);
    TreeOrder order = form == REGISTRY_NORMALIZED ? TREE_SORTED : TREE_AS_WRITTEN;
    if (!parse(arena, text, references, reference_count, order, schema, &canonical, err)) {
        return err_prefix(err, "Invalid schema of type %s, details", TYPES[type]);
    }
    if (type == REGISTRY_JSON) {
        const JsonNode *root = NULL;
        TRY(json_tree_parse(arena, text, &root, err));
        json_tree_write(&canonical, root, order);
    }
    if (canonical.overflow) {
        return FAIL(err, ERR_MEMORY, "the schema is too large");
    }
    schema->text = arena_slice(arena, buf_slice(&canonical));
    return true;
}

void registry_fingerprint(RegistryType type, Slice text, const RegistryReference *references, size_t reference_count,
                          uint8_t fingerprint[REGISTRY_FINGERPRINT_BYTES]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    uint8_t type_byte = (uint8_t)type;
    EVP_DigestUpdate(context, &type_byte, 1);
    for (size_t i = 0; i < reference_count; i++) {
        const RegistryReference *reference = &references[i];
        uint64_t sizes[3] = {reference->name.size, reference->subject.size, (uint64_t)reference->version};
        EVP_DigestUpdate(context, sizes, sizeof(sizes));
        EVP_DigestUpdate(context, reference->name.data, reference->name.size);
        EVP_DigestUpdate(context, reference->subject.data, reference->subject.size);
    }
    EVP_DigestUpdate(context, "\n", 1);
    EVP_DigestUpdate(context, text.data, text.size);
    unsigned size = 0;
    EVP_DigestFinal_ex(context, fingerprint, &size);
    EVP_MD_CTX_free(context);
    ASSERT(size == REGISTRY_FINGERPRINT_BYTES);
}

// --- compatibility ---------------------------------------------------------------------------------------------

// Can `reader` read what `writer` has written?
static bool readable(Arena *arena, const RegistrySchema *reader, const RegistrySchema *writer, const char *reader_name,
                     const char *writer_name, Differences *differences, Err *err) {
    if (reader->type == REGISTRY_AVRO) {
        return avsc_compare(arena, reader->avro, writer->avro, reader_name, writer_name, differences, err);
    }
    return json_schema_compare(arena, writer->json, reader->json, reader_name, writer_name, differences, err);
}

static void add_earlier(Arena *arena, Differences *differences, const RegistryVersionText *earlier) {
    differences->count = 0; // these two always have their place
    differences_add(arena, differences, arena_printf(arena, "{oldSchemaVersion: %d}", earlier->version));
    Slice shown = {earlier->text.data, MIN(earlier->text.size, (size_t)SHOWN_BYTES_MAX)};
    bool cut = shown.size < earlier->text.size;
    differences_add(
        arena, differences,
        arena_printf(arena, "{oldSchema: %s'%.*s%s'}", cut ? "<truncated> " : "", SLICE_ARG(shown), cut ? "..." : ""));
}

static bool check_one(Arena *arena, RegistryLevel level, const RegistrySchema *schema,
                      const RegistryVersionText *earlier, Differences *differences, Err *err) {
    if (schema->type != earlier->type) {
        differences_add(arena, differences, "Incompatible because of different schema type");
        return true;
    }
    RegistrySchema old = {0};
    TRY(registry_schema_parse(arena, earlier->type, earlier->text, earlier->references, earlier->reference_count,
                              REGISTRY_CANONICAL, &old, err));
    bool full = level == LEVEL_FULL || level == LEVEL_FULL_TRANSITIVE;
    bool forward = full || level == LEVEL_FORWARD || level == LEVEL_FORWARD_TRANSITIVE;
    if (forward) {
        TRY(readable(arena, &old, schema, "old", "new", differences, err));
        if (!full && differences->count > 0) {
            add_earlier(arena, differences, earlier);
        }
    }
    if (full || !forward) {
        size_t before = differences->count;
        TRY(readable(arena, schema, &old, "new", "old", differences, err));
        if (differences->count > before) {
            add_earlier(arena, differences, earlier);
        }
    }
    return true;
}

bool registry_compatible(Arena *arena, RegistryLevel level, const RegistrySchema *schema,
                         const RegistryVersionText *earlier, size_t earlier_count, RegistryMessages *messages,
                         Err *err) {
    bool transitive =
        level == LEVEL_BACKWARD_TRANSITIVE || level == LEVEL_FORWARD_TRANSITIVE || level == LEVEL_FULL_TRANSITIVE;
    Differences differences = {0};
    *messages = (RegistryMessages){0};
    for (size_t i = earlier_count; i > 0 && level != LEVEL_NONE && differences.first == NULL; i--) {
        TRY(check_one(arena, level, schema, &earlier[i - 1], &differences, err));
        if (!transitive) {
            break;
        }
    }
    if (differences.first == NULL) {
        return true;
    }
    size_t count = 1;
    for (const Difference *at = differences.first; at != NULL; at = at->next) {
        count++;
    }
    messages->at = ARENA_ARRAY(arena, const char *, count);
    for (const Difference *at = differences.first; at != NULL; at = at->next) {
        messages->at[messages->count++] = at->text;
    }
    messages->at[messages->count++] =
        arena_printf(arena, "{validateFields: 'false', compatibility: '%s'}", LEVELS[level]);
    return true;
}
