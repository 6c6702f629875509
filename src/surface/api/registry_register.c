// SPDX-License-Identifier: Apache-2.0
// Schemas that come in: to be registered, looked up, or checked. Parsing and comparing happen outside the store's lock,
// on copies; a registration is valid only if its subject is still as it was judged, else it is judged again.
#include "surface/api/registry_common.h"

#include "core/base/map.h"

enum {
    REFERENCES_MAX = 1000, // of one schema, through others too
    REFERENCE_DEPTH_MAX = 100,
    TRIES_MAX = 1000, // each time somebody else was faster
};

// What a request brings.
typedef struct Incoming {
    const ApiRequest *request;
    Slice subject;
    RegistryType type;
    Slice text;
    KeptReference *references; // as given
    size_t reference_count;
    int32_t id, version; // 0 = not given
    bool normalize;
} Incoming;

// All that a schema needs, each before those that need it.
typedef struct Resolved {
    RegistryReference *at;
    size_t count;
} Resolved;

// --- the request -------------------------------------------------------------------------------------------------

static bool refuse(ApiAnswer *answer, int code, const char *what) {
    api_error(answer, code, "%s", what);
    return false;
}

static bool read_references(Incoming *in, const JsonNode *list, ApiAnswer *answer) {
    if (list == NULL || list->kind == TREE_NULL) {
        return true;
    }
    if (list->kind != TREE_LIST || list->count > REFERENCES_MAX) {
        return refuse(answer, INVALID_SCHEMA, "references is no array of references");
    }
    in->references = ARENA_ARRAY(in->request->arena, KeptReference, list->count);
    for (const JsonNode *item = list->first; item != NULL; item = item->next) {
        KeptReference *reference = &in->references[in->reference_count++];
        int64_t version = 0;
        *reference = (KeptReference){.name = json_tree_text(item, "name"), .subject = json_tree_text(item, "subject")};
        if (reference->name.size == 0 || reference->subject.size == 0 ||
            !json_tree_int(json_tree_member(item, "version"), &version) || version < 1 || version > INT32_MAX) {
            return refuse(answer, INVALID_SCHEMA, "a reference has a name, a subject and a version from 1 on");
        }
        reference->version = (int32_t)version;
    }
    return true;
}

static bool has_content(const JsonNode *node) {
    return node != NULL && node->kind != TREE_NULL && node->count > 0;
}

static bool read_number(const JsonNode *body, const char *name, int32_t *number, ApiAnswer *answer) {
    const JsonNode *node = json_tree_member(body, name);
    int64_t value = 0;
    if (node == NULL || node->kind == TREE_NULL) {
        return true;
    }
    if (!json_tree_int(node, &value) || value > INT32_MAX) {
        api_error(answer, INVALID_SCHEMA, "%s is no number", name);
        return false;
    }
    *number = value > 0 ? (int32_t)value : 0; // -1: not given
    return true;
}

static bool read_incoming(RegistryStore *store, const ApiRequest *request, Incoming *in, ApiAnswer *answer) {
    *in = (Incoming){.request = request};
    const JsonNode *body = registry_body(request, answer);
    if (body == NULL || !registry_subject_name(request, 0, &in->subject, answer)) {
        return false;
    }
    Slice type = json_tree_text(body, "schemaType");
    if (!registry_type_of(type, &in->type)) {
        if (slice_is(type, "PROTOBUF")) {
            return refuse(answer, INVALID_SCHEMA,
                          "Invalid schema type PROTOBUF: this registry takes schemas of the types AVRO and JSON");
        }
        api_error(answer, INVALID_SCHEMA, "Invalid schema type %.*s", (int)MIN(type.size, (size_t)100),
                  (const char *)type.data);
        return false;
    }
    if (has_content(json_tree_member(body, "ruleSet")) || has_content(json_tree_member(body, "metadata"))) {
        return refuse(answer, INVALID_SCHEMA, "ruleSet and metadata of a schema are not supported by this registry");
    }
    in->text = json_tree_text(body, "schema");
    size_t blanks = 0;
    while (blanks < in->text.size && in->text.data[blanks] <= ' ') {
        blanks++;
    }
    if (blanks == in->text.size) {
        return refuse(answer, INVALID_SCHEMA, "Empty schema");
    }
    if (in->text.size > REGISTRY_SCHEMA_BYTES_MAX) {
        return refuse(answer, SCHEMA_TOO_LARGE, "Register operation failed because schema is too large");
    }
    const char *excess = api_json_excess(in->text);
    if (excess != NULL) {
        api_error(answer, INVALID_SCHEMA, "Invalid schema of type %s, details: %s", registry_type_name(in->type),
                  excess);
        return false;
    }
    registry_store_lock(store);
    in->normalize = api_query_bool(request, "normalize", false) ||
                    registry_normalizes(store, registry_store_subject(store, in->subject));
    registry_store_unlock(store);
    return read_references(in, json_tree_member(body, "references"), answer) &&
           read_number(body, "id", &in->id, answer) && read_number(body, "version", &in->version, answer);
}

// --- references --------------------------------------------------------------------------------------------------

typedef struct Resolver {
    RegistryStore *store;
    Arena *arena;
    Resolved *resolved;
    size_t capacity;
    Map seen; // name and KeptSchema
    Err *err;
} Resolver;

static bool resolve(Resolver *resolver, const KeptReference *references, size_t count, int depth);

static bool resolve_one(Resolver *resolver, const KeptReference *reference, int depth) {
    const KeptSubject *subject = registry_store_subject(resolver->store, reference->subject);
    const KeptVersion *version = registry_version_of(resolver->store, subject, reference->version, true);
    if (version == NULL) {
        return FAIL(resolver->err, ERR_VALUE, "No schema reference found for subject \"%.*s\" and version %d",
                    (int)MIN(reference->subject.size, (size_t)200), (const char *)reference->subject.data,
                    reference->version);
    }
    const char *key = arena_printf(resolver->arena, "%d %.*s", version->schema->id, SLICE_ARG(reference->name));
    if (map_find(&resolver->seen, slice_of(key)) != NULL) {
        return true;
    }
    map_put(&resolver->seen, slice_of(key), resolver);
    if (!resolve(resolver, version->schema->references, version->schema->reference_count, depth + 1)) {
        return false;
    }
    Resolved *resolved = resolver->resolved;
    if (resolved->count == resolver->capacity) {
        size_t capacity = 2 * resolver->capacity + 4;
        RegistryReference *more = ARENA_ARRAY(resolver->arena, RegistryReference, capacity);
        if (resolved->count > 0) {
            memcpy(more, resolved->at, resolved->count * sizeof(*more));
        }
        resolved->at = more;
        resolver->capacity = capacity;
    }
    resolved->at[resolved->count++] = (RegistryReference){.name = arena_slice(resolver->arena, reference->name),
                                                          .subject = reference->subject,
                                                          .version = reference->version,
                                                          .text = arena_slice(resolver->arena, version->schema->text)};
    return true;
}

static bool resolve(Resolver *resolver, const KeptReference *references, size_t count, int depth) {
    if (depth > REFERENCE_DEPTH_MAX || resolver->resolved->count > REFERENCES_MAX) {
        return FAIL(resolver->err, ERR_VALUE, "the schema refers to too many others");
    }
    for (size_t i = 0; i < count; i++) {
        if (!resolve_one(resolver, &references[i], depth)) {
            return false;
        }
    }
    return true;
}

// With the lock held; everything is copied.
static bool resolve_all(RegistryStore *store, Arena *arena, const KeptReference *references, size_t count,
                        Resolved *resolved, Err *err) {
    Resolver resolver = {.store = store, .arena = arena, .resolved = resolved, .err = err};
    *resolved = (Resolved){0};
    bool good = resolve(&resolver, references, count, 0);
    map_release(&resolver.seen);
    return good;
}

// --- one schema --------------------------------------------------------------------------------------------------

static bool parse_incoming(RegistryStore *store, const Incoming *in, RegistrySchema *schema, uint8_t *fingerprint,
                           Err *err) {
    Arena *arena = in->request->arena;
    Resolved resolved;
    registry_store_lock(store);
    bool good = resolve_all(store, arena, in->references, in->reference_count, &resolved, err);
    registry_store_unlock(store);
    if (!good) {
        return err_prefix(err, "Invalid schema of type %s, details", registry_type_name(in->type));
    }
    TRY(registry_schema_parse(arena, in->type, in->text, resolved.at, resolved.count,
                              in->normalize ? REGISTRY_NORMALIZED : REGISTRY_CANONICAL, schema, err));
    RegistryReference *own = ARENA_ARRAY(arena, RegistryReference, in->reference_count);
    for (size_t i = 0; i < in->reference_count; i++) {
        own[i] = (RegistryReference){
            .name = in->references[i].name, .subject = in->references[i].subject, .version = in->references[i].version};
    }
    registry_fingerprint(in->type, schema->text, own, in->reference_count, fingerprint);
    return true;
}

// Copies of the versions that a new one may be held against, oldest first: at transitive levels all, else the last one.
// `number`: that one.
static bool copy_versions(RegistryStore *store, Arena *arena, const KeptSubject *subject, int32_t number,
                          RegistryLevel level, RegistryVersionText **texts, size_t *count, Err *err) {
    bool all =
        level == LEVEL_BACKWARD_TRANSITIVE || level == LEVEL_FORWARD_TRANSITIVE || level == LEVEL_FULL_TRANSITIVE;
    size_t total = subject != NULL && level != LEVEL_NONE ? subject->count : 0, first = 0;
    for (size_t i = 0; i < total && !all && number == 0; i++) {
        first = subject->versions[i]->deleted ? first : i;
    }
    *texts = ARENA_ARRAY(arena, RegistryVersionText, total - first);
    *count = 0;
    for (size_t i = first; i < total; i++) {
        const KeptVersion *version = subject->versions[i];
        if (version->deleted || (number > 0 && version->version != number)) {
            continue;
        }
        Resolved resolved;
        RegistryVersionText *text = &(*texts)[(*count)++];
        TRY(resolve_all(store, arena, version->schema->references, version->schema->reference_count, &resolved, err));
        *text = (RegistryVersionText){.version = version->version,
                                      .text = arena_slice(arena, version->schema->text),
                                      .references = resolved.at,
                                      .reference_count = resolved.count};
        ASSERT(registry_type_of(version->schema->type, &text->type));
    }
    return true;
}

static const KeptVersion *same_schema(const RegistryStore *store, const KeptSubject *subject,
                                      const uint8_t *fingerprint, bool deleted) {
    for (size_t i = subject != NULL ? subject->count : 0; i > 0; i--) {
        const KeptVersion *version = subject->versions[i - 1];
        if (memcmp(version->schema->fingerprint, fingerprint, KEPT_FINGERPRINT_BYTES) == 0 &&
            (deleted || !version->deleted) && registry_store_visible(store, version)) {
            return version;
        }
    }
    return NULL;
}

void registry_post_lookup(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Err err[1] = {{0}};
    Incoming in;
    RegistrySchema schema;
    uint8_t fingerprint[KEPT_FINGERPRINT_BYTES];
    if (!read_incoming(store, request, &in, answer)) {
        return;
    }
    bool deleted = api_query_bool(request, "deleted", false);
    registry_store_lock(store);
    bool known = registry_has_versions(store, registry_store_subject(store, in.subject), deleted);
    registry_store_unlock(store);
    if (!known) {
        api_error(answer, NO_SUBJECT, "Subject '%.*s' not found.", SLICE_ARG(in.subject));
        return;
    }
    if (!parse_incoming(store, &in, &schema, fingerprint, err)) {
        api_error(answer, INVALID_SCHEMA, "%s", err->message);
        return;
    }
    registry_store_lock(store);
    const KeptVersion *version = same_schema(store, registry_store_subject(store, in.subject), fingerprint, deleted);
    if (version != NULL) {
        registry_write_version(&answer->body, version);
    } else {
        api_error(answer, NO_SCHEMA, "Schema not found");
    }
    registry_store_unlock(store);
}

// --- compatibility -----------------------------------------------------------------------------------------------

static void write_fits(Buf *out, const RegistryMessages *messages, bool verbose) {
    buf_text(out, "{\"is_compatible\":");
    buf_text(out, messages->count == 0 ? "true" : "false");
    if (verbose) {
        json_key(out, "messages");
        buf_u8(out, '[');
        for (size_t i = 0; i < messages->count; i++) {
            buf_text(out, i == 0 ? "" : ",");
            json_quote(out, slice_of(messages->at[i]));
        }
        buf_u8(out, ']');
    }
    buf_u8(out, '}');
}

// False: the answer is written.
static bool earlier_for_check(RegistryStore *store, const Incoming *in, bool one, RegistryVersionText **earlier,
                              size_t *count, RegistryLevel *level, ApiAnswer *answer) {
    Err err[1] = {{0}};
    int32_t number = 0;
    if (one && !registry_version_number(in->request->parts[1], &number, answer)) {
        return false;
    }
    registry_store_lock(store);
    const KeptSubject *subject = registry_store_subject(store, in->subject);
    const KeptVersion *version = one ? registry_version_of(store, subject, number, false) : NULL;
    *level = registry_level_in_scope(store, subject);
    bool absent = one && number > 0 && version == NULL;
    bool good = !absent && copy_versions(store, in->request->arena, one && version == NULL ? NULL : subject,
                                         version != NULL ? version->version : 0, *level, earlier, count, err);
    registry_store_unlock(store);
    if (absent) {
        api_error(answer, NO_VERSION, "Version %d not found.", number);
    } else if (!good) {
        registry_store_error(answer, "Error while retrieving the earlier versions", err);
    }
    return good;
}

static void check(RegistryStore *store, const ApiRequest *request, ApiAnswer *answer, bool one) {
    Err err[1] = {{0}};
    Incoming in;
    RegistrySchema schema;
    RegistryMessages messages = {0};
    RegistryVersionText *earlier = NULL;
    RegistryLevel level;
    size_t count = 0;
    uint8_t fingerprint[KEPT_FINGERPRINT_BYTES];
    bool verbose = api_query_bool(request, "verbose", false);
    if (!read_incoming(store, request, &in, answer) ||
        !earlier_for_check(store, &in, one, &earlier, &count, &level, answer)) {
        return;
    }
    if (!parse_incoming(store, &in, &schema, fingerprint, err) ||
        !registry_compatible(request->arena, level, &schema, earlier, count, &messages, err)) {
        if (!verbose) {
            api_error(answer, INVALID_SCHEMA, "%s", err->message);
            return;
        }
        const char **why = ARENA_ARRAY(request->arena, const char *, 1);
        why[0] = arena_printf(request->arena, "%s", err->message);
        messages = (RegistryMessages){why, 1};
    }
    write_fits(&answer->body, &messages, verbose);
}

void registry_post_compatibility(void *context, const ApiRequest *request, ApiAnswer *answer) {
    check(context, request, answer, false);
}

void registry_post_compatibility_version(void *context, const ApiRequest *request, ApiAnswer *answer) {
    check(context, request, answer, true);
}

// --- registration ------------------------------------------------------------------------------------------------

// With the lock held. False: this subject takes no such registration now, the answer is written.
static bool permitted(const RegistryStore *store, const KeptSubject *subject, const Incoming *in, ApiAnswer *answer) {
    const char *why = NULL;
    RegistryMode mode = registry_mode_of(store, subject);
    if (registry_is_readonly(store, subject)) {
        why = "is in read-only mode";
    } else if (in->id > 0 && mode != MODE_IMPORT) {
        why = "is not in import mode";
    } else if (in->id == 0 && mode != MODE_READWRITE) {
        why = "is not in read-write mode";
    }
    if (why != NULL) {
        api_error(answer, NOT_PERMITTED, "Subject %.*s in context . %s", SLICE_ARG(in->subject), why);
    }
    return why == NULL;
}

static void incompatible(ApiAnswer *answer, Arena *arena, Slice subject, const RegistryMessages *messages) {
    DEFER(buf_release) Buf list = {0};
    buf_init(&list, 0);
    for (size_t i = 0; i < messages->count; i++) {
        buf_text(&list, i == 0 ? "" : ", ");
        buf_text(&list, messages->at[i]);
    }
    api_error(answer, INCOMPATIBLE,
              "Schema being registered is incompatible with an earlier schema for subject \"%.*s\", details: [%s]",
              SLICE_ARG(subject), arena_text(arena, buf_slice(&list)));
}

// What the subject looks like to a registration.
typedef struct Judged {
    RegistryVersionText *earlier;
    size_t earlier_count;
    RegistryLevel level;
    uint64_t generation;
    bool import;
    bool known; // the schema is there: nothing has to be judged
    int32_t next_version;
} Judged;

static bool look(RegistryStore *store, const Incoming *in, const uint8_t *fingerprint, Judged *judged,
                 ApiAnswer *answer) {
    Err err[1] = {{0}};
    *judged = (Judged){0};
    registry_store_lock(store);
    const KeptSubject *subject = registry_store_subject(store, in->subject);
    bool good = permitted(store, subject, in, answer);
    if (good) {
        judged->level = registry_level_in_scope(store, subject);
        judged->generation = subject != NULL ? subject->generation : 0;
        judged->import = registry_mode_of(store, subject) == MODE_IMPORT;
        judged->next_version =
            subject != NULL && subject->count > 0 ? subject->versions[subject->count - 1]->version + 1 : 1;
        judged->known = in->version == 0 && same_schema(store, subject, fingerprint, false) != NULL;
        bool needed = !judged->known && !judged->import;
        good = copy_versions(store, in->request->arena, needed ? subject : NULL, 0, judged->level, &judged->earlier,
                             &judged->earlier_count, err);
        if (!good) {
            registry_store_error(answer, "Error while retrieving the earlier versions", err);
        }
    }
    registry_store_unlock(store);
    return good;
}

// True: registered, or the answer is written. False: the subject has changed meanwhile.
static bool try_register(RegistryStore *store, const Incoming *in, const RegistrySchema *schema,
                         StoreRegistration *what, ApiAnswer *answer) {
    Err err[1] = {{0}};
    Judged judged;
    RegistryMessages messages = {0};
    StoreOutcome outcome;
    int32_t id = 0, version = 0;
    if (!look(store, in, what->fingerprint, &judged, answer)) {
        return true;
    }
    if (!judged.import && in->version > 0 && in->version != judged.next_version) {
        api_error(answer, INVALID_SCHEMA, "Version is not one more than previous version");
        return true;
    }
    if (!registry_compatible(in->request->arena, judged.level, schema, judged.earlier, judged.earlier_count, &messages,
                             err)) {
        api_error(answer, INVALID_SCHEMA, "%s", err->message);
        return true;
    }
    if (messages.count > 0) {
        incompatible(answer, in->request->arena, in->subject, &messages);
        return true;
    }
    what->generation = judged.generation;
    if (!registry_store_register(store, what, &outcome, &id, &version, err)) {
        registry_store_error(answer, "Register schema operation failed while writing to the store", err);
        return true;
    }
    if (outcome == STORE_ID_TAKEN) {
        api_error(answer, NOT_PERMITTED, "Overwrite new schema with id %d is not permitted.", in->id);
        return true;
    }
    if (outcome == STORE_DONE) {
        buf_printf(&answer->body, "{\"id\":%d}", id);
    }
    return outcome == STORE_DONE;
}

void registry_post_version(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Err err[1] = {{0}};
    Incoming in;
    RegistrySchema schema;
    if (!read_incoming(store, request, &in, answer)) {
        return;
    }
    StoreRegistration what = {.subject = in.subject,
                              .type = slice_of(registry_type_name(in.type)),
                              .references = in.references,
                              .reference_count = in.reference_count,
                              .id = in.id,
                              .version = in.version};
    if (!parse_incoming(store, &in, &schema, what.fingerprint, err)) {
        api_error(answer, INVALID_SCHEMA, "%s", err->message);
        return;
    }
    what.text = schema.text;
    for (int i = 0; i < TRIES_MAX; i++) {
        if (try_register(store, &in, &schema, &what, answer)) {
            return;
        }
    }
    api_error(answer, STORE_FAILED, "Subject %.*s is being changed all the time: try again", SLICE_ARG(in.subject));
}
