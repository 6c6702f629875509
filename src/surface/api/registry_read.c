// SPDX-License-Identifier: Apache-2.0
// What can be looked up. All of it is in memory: none of these waits.
#include "surface/api/registry_common.h"

static void comma(Buf *out) {
    if (out->size > 0 && out->data[out->size - 1] != '[') {
        buf_u8(out, ',');
    }
}

static bool starts_with(Slice text, Slice prefix) {
    return text.size >= prefix.size && (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

// ":*:" and ":.:" stand for contexts: all, and the one that there is.
static Slice prefix_of(const ApiRequest *request) {
    Slice prefix = api_query(request, "subjectPrefix");
    return starts_with(prefix, SLICE(":*:")) || starts_with(prefix, SLICE(":.:")) ? slice_from(prefix, 3) : prefix;
}

void registry_get_subjects(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Slice prefix = prefix_of(request);
    bool deleted = api_query_bool(request, "deleted", false), only = api_query_bool(request, "deletedOnly", false);
    RegistryPage page = registry_page(request);
    buf_u8(&answer->body, '[');
    registry_store_lock(store);
    size_t at = 0;
    for (const KeptSubject *subject; (subject = registry_store_next(store, &at)) != NULL;) {
        bool living = registry_has_versions(store, subject, false);
        bool wanted = only ? !living && registry_has_versions(store, subject, true)
                           : living || (deleted && registry_has_versions(store, subject, true));
        if (wanted && starts_with(subject->name, prefix) && registry_on_page(&page)) {
            comma(&answer->body);
            json_quote(&answer->body, subject->name);
        }
    }
    registry_store_unlock(store);
    buf_u8(&answer->body, ']');
}

void registry_get_versions(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    bool deleted = api_query_bool(request, "deleted", false), only = api_query_bool(request, "deletedOnly", false);
    bool negative = api_query_bool(request, "deletedAsNegative", false);
    RegistryPage page = registry_page(request);
    Slice name;
    if (!registry_subject_name(request, 0, &name, answer)) {
        return;
    }
    registry_store_lock(store);
    const KeptSubject *subject = registry_store_subject(store, name);
    if (!registry_has_versions(store, subject, deleted || only)) {
        api_error(answer, NO_SUBJECT, "Subject '%.*s' not found.", SLICE_ARG(name));
        registry_store_unlock(store);
        return;
    }
    buf_u8(&answer->body, '[');
    for (size_t i = 0; i < subject->count; i++) {
        const KeptVersion *version = subject->versions[i];
        bool wanted = only ? version->deleted : deleted || !version->deleted;
        if (wanted && registry_store_visible(store, version) && registry_on_page(&page)) {
            comma(&answer->body);
            buf_int(&answer->body, negative && version->deleted ? -version->version : version->version);
        }
    }
    buf_u8(&answer->body, ']');
    registry_store_unlock(store);
}

// The version of the path, with the lock held; NULL, and the lock let go, when there is none.
static const KeptVersion *locked_version(RegistryStore *store, const ApiRequest *request, ApiAnswer *answer) {
    Slice name;
    if (!registry_subject_name(request, 0, &name, answer)) {
        return NULL;
    }
    registry_store_lock(store);
    const KeptVersion *version =
        registry_find_version(store, name, request->parts[1], api_query_bool(request, "deleted", false), answer);
    if (version == NULL) {
        registry_store_unlock(store);
    }
    return version;
}

void registry_get_version(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const KeptVersion *version = locked_version(context, request, answer);
    if (version != NULL) {
        registry_write_version(&answer->body, version);
        registry_store_unlock(context);
    }
}

void registry_get_version_schema(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const KeptVersion *version = locked_version(context, request, answer);
    if (version != NULL) {
        buf_put(&answer->body, version->schema->text);
        registry_store_unlock(context);
    }
}

static int by_number(const void *a, const void *b) {
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static bool refers(const KeptSchema *schema, Slice subject, int32_t version) {
    for (size_t i = 0; i < schema->reference_count; i++) {
        if (schema->references[i].version == version && slice_equal(schema->references[i].subject, subject)) {
            return true;
        }
    }
    return false;
}

static bool used(const RegistryStore *store, const KeptSchema *schema, bool deleted) {
    for (const KeptVersion *version = schema->versions; version != NULL; version = version->next_of_schema) {
        if (registry_store_visible(store, version) && (deleted || !version->deleted)) {
            return true;
        }
    }
    return false;
}

void registry_get_referenced_by(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    const KeptVersion *version = locked_version(store, request, answer);
    if (version == NULL) {
        return;
    }
    bool deleted = api_query_bool(request, "deleted", false);
    RegistryPage page = registry_page(request);
    DEFER(buf_release) Buf ids = {0};
    buf_init(&ids, 0);
    MapEntry *at = NULL;
    for (const KeptSchema *schema; (schema = registry_store_next_schema(store, &at)) != NULL;) {
        if (refers(schema, version->subject->name, version->version) && used(store, schema, deleted)) {
            buf_u32le(&ids, (uint32_t)schema->id);
        }
    }
    registry_store_unlock(store);
    if (ids.size > 0) {
        qsort(ids.data, ids.size / sizeof(int32_t), sizeof(int32_t), by_number);
    }
    buf_u8(&answer->body, '[');
    for (size_t i = 0; i < ids.size; i += sizeof(int32_t)) {
        if (registry_on_page(&page)) {
            comma(&answer->body);
            buf_uint(&answer->body, load_u32le(ids.data + i));
        }
    }
    buf_u8(&answer->body, ']');
}

void registry_get_schemas(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Slice prefix = prefix_of(request);
    bool deleted = api_query_bool(request, "deleted", false), latest = api_query_bool(request, "latestOnly", false);
    RegistryPage page = registry_page(request);
    buf_u8(&answer->body, '[');
    registry_store_lock(store);
    size_t at = 0;
    for (const KeptSubject *subject; (subject = registry_store_next(store, &at)) != NULL;) {
        if (!starts_with(subject->name, prefix)) {
            continue;
        }
        const KeptVersion *last = registry_version_of(store, subject, 0, deleted);
        for (size_t i = 0; i < subject->count; i++) {
            const KeptVersion *version = subject->versions[i];
            bool wanted = latest ? version == last : deleted || !version->deleted;
            if (wanted && registry_store_visible(store, version) && registry_on_page(&page)) {
                comma(&answer->body);
                registry_write_version(&answer->body, version);
            }
        }
    }
    registry_store_unlock(store);
    buf_u8(&answer->body, ']');
}

// --- by id -------------------------------------------------------------------------------------------------------

// The schema of the path's id, with the lock held; NULL, and the lock let go, when there is none.
static const KeptSchema *locked_schema(RegistryStore *store, const ApiRequest *request, ApiAnswer *answer) {
    Slice text = request->parts[0];
    int64_t id = text.size > 0 && text.size <= 10 ? 0 : -1;
    for (size_t i = 0; i < text.size && id >= 0; i++) {
        id = text.data[i] >= '0' && text.data[i] <= '9' ? 10 * id + (text.data[i] - '0') : -1;
    }
    if (id < 0 || id > INT32_MAX) {
        api_error(answer, 404, "HTTP 404 Not Found");
        return NULL;
    }
    Err err[1] = {{0}};
    registry_store_lock(store);
    const KeptSchema *schema = registry_store_schema(store, (int32_t)id);
    if (schema != NULL) {
        return schema;
    }
    registry_store_unlock(store);
    if (!registry_store_follow(store, err)) { // another node may have just given it out
        registry_store_error(answer, "Error while looking for the schema", err);
        return NULL;
    }
    registry_store_lock(store);
    schema = registry_store_schema(store, (int32_t)id);
    if (schema == NULL) {
        registry_store_unlock(store);
        api_error(answer, NO_SCHEMA, "Schema %" PRId64 " not found", id);
    }
    return schema;
}

void registry_get_id(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    const KeptSchema *schema = locked_schema(store, request, answer);
    if (schema == NULL) {
        return;
    }
    Buf *out = &answer->body;
    buf_text(out, "{\"schema\":");
    json_quote(out, schema->text);
    json_key(out, "schemaType");
    json_quote(out, schema->type);
    registry_write_references(out, schema);
    if (api_query_bool(request, "fetchMaxId", false)) {
        json_field_int(out, "maxId", registry_store_max_id(store));
    }
    buf_u8(out, '}');
    registry_store_unlock(store);
}

void registry_get_id_schema(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const KeptSchema *schema = locked_schema(context, request, answer);
    if (schema != NULL) {
        buf_put(&answer->body, schema->text);
        registry_store_unlock(context);
    }
}

// Versions of one schema come in the order of their registration, the newest first: they are shown by name.
static int by_subject(const void *a, const void *b) {
    const KeptVersion *left = *(const KeptVersion *const *)a, *right = *(const KeptVersion *const *)b;
    int order = slice_compare(left->subject->name, right->subject->name);
    return order != 0 ? order : (left->version > right->version) - (left->version < right->version);
}

static const KeptVersion **versions_of(RegistryStore *store, const ApiRequest *request, const KeptSchema *schema,
                                       size_t *count) {
    bool deleted = api_query_bool(request, "deleted", false);
    Slice subject = api_query(request, "subject");
    size_t room = 0;
    for (const KeptVersion *at = schema->versions; at != NULL; at = at->next_of_schema) {
        room++;
    }
    const KeptVersion **versions = ARENA_ARRAY(request->arena, const KeptVersion *, room);
    *count = 0;
    for (const KeptVersion *at = schema->versions; at != NULL; at = at->next_of_schema) {
        if (registry_store_visible(store, at) && (deleted || !at->deleted) &&
            (subject.size == 0 || slice_equal(subject, at->subject->name))) {
            versions[(*count)++] = at;
        }
    }
    qsort(versions, *count, sizeof(*versions), by_subject);
    return versions;
}

void registry_get_id_subjects(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    const KeptSchema *schema = locked_schema(store, request, answer);
    if (schema == NULL) {
        return;
    }
    size_t count = 0;
    const KeptVersion **versions = versions_of(store, request, schema, &count);
    RegistryPage page = registry_page(request);
    buf_u8(&answer->body, '[');
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && versions[i]->subject == versions[i - 1]->subject;
        if (!again && registry_on_page(&page)) {
            comma(&answer->body);
            json_quote(&answer->body, versions[i]->subject->name);
        }
    }
    buf_u8(&answer->body, ']');
    registry_store_unlock(store);
}

void registry_get_id_versions(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    const KeptSchema *schema = locked_schema(store, request, answer);
    if (schema == NULL) {
        return;
    }
    size_t count = 0;
    const KeptVersion **versions = versions_of(store, request, schema, &count);
    RegistryPage page = registry_page(request);
    buf_u8(&answer->body, '[');
    for (size_t i = 0; i < count; i++) {
        if (registry_on_page(&page)) {
            comma(&answer->body);
            buf_text(&answer->body, "{\"subject\":");
            json_quote(&answer->body, versions[i]->subject->name);
            json_field_int(&answer->body, "version", versions[i]->version);
            buf_u8(&answer->body, '}');
        }
    }
    buf_u8(&answer->body, ']');
    registry_store_unlock(store);
}
