// SPDX-License-Identifier: Apache-2.0
// Deletions, levels and modes.
#include "surface/api/registry_common.h"

// --- deletions ---------------------------------------------------------------------------------------------------

// A schema that refers to this version, of another subject when `besides` says so; with the lock held.
static bool referred_to(const RegistryStore *store, const KeptVersion *version, bool deleted, bool besides) {
    MapEntry *at = NULL;
    for (const KeptSchema *schema; (schema = registry_store_next_schema(store, &at)) != NULL;) {
        bool refers = false;
        for (size_t i = 0; i < schema->reference_count && !refers; i++) {
            refers = schema->references[i].version == version->version &&
                     slice_equal(schema->references[i].subject, version->subject->name);
        }
        for (const KeptVersion *by = refers ? schema->versions : NULL; by != NULL; by = by->next_of_schema) {
            if ((deleted || !by->deleted) && !(besides && by->subject == version->subject)) {
                return true;
            }
        }
    }
    return false;
}

static bool may_delete(const RegistryStore *store, const KeptSubject *subject, ApiAnswer *answer) {
    if (registry_is_readonly(store, subject)) {
        api_error(answer, NOT_PERMITTED, "Subject %.*s in context . is in read-only mode", SLICE_ARG(subject->name));
        return false;
    }
    return true;
}

static bool not_referred(const RegistryStore *store, const KeptVersion *version, bool permanent, bool besides,
                         ApiAnswer *answer) {
    if (referred_to(store, version, permanent, besides)) {
        api_error(answer, REFERENCE_EXISTS,
                  "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%.*s,version=%d}.",
                  SLICE_ARG(version->subject->name), version->version);
        return false;
    }
    return true;
}

// What is to go, with the lock held; false: the answer says why nothing goes.
static bool choose_all(const RegistryStore *store, const ApiRequest *request, Slice name, bool permanent,
                       int32_t **versions, size_t *count, uint64_t *generation, ApiAnswer *answer) {
    const KeptSubject *subject = registry_store_subject(store, name);
    bool living = registry_has_versions(store, subject, false);
    if (!registry_has_versions(store, subject, true)) {
        api_error(answer, NO_SUBJECT, "Subject '%.*s' not found.", SLICE_ARG(name));
        return false;
    }
    if (!permanent && !living) {
        api_error(answer, SUBJECT_SOFT_DELETED,
                  "Subject '%.*s' was soft deleted.Set permanent=true to delete permanently", SLICE_ARG(name));
        return false;
    }
    if (!may_delete(store, subject, answer)) {
        return false;
    }
    if (permanent && living) {
        api_error(answer, SUBJECT_NOT_DELETED, "Subject '%.*s' was not deleted first before being permanently deleted",
                  SLICE_ARG(name));
        return false;
    }
    *versions = ARENA_ARRAY(request->arena, int32_t, subject->count);
    *generation = subject->generation;
    for (size_t i = 0; i < subject->count; i++) {
        if (permanent || !subject->versions[i]->deleted) {
            if (!not_referred(store, subject->versions[i], permanent, true, answer)) {
                return false;
            }
            (*versions)[(*count)++] = subject->versions[i]->version;
        }
    }
    return true;
}

static bool choose_one(const RegistryStore *store, const ApiRequest *request, Slice name, bool permanent,
                       int32_t **versions, size_t *count, uint64_t *generation, ApiAnswer *answer) {
    bool latest = slice_is(request->parts[1], "latest") || slice_is(request->parts[1], "-1");
    const KeptVersion *version = registry_find_version(store, name, request->parts[1], !latest || permanent, answer);
    if (version == NULL) {
        return false;
    }
    if (version->deleted && !permanent) {
        api_error(answer, VERSION_SOFT_DELETED,
                  "Subject '%.*s' Version %d was soft deleted.Set permanent=true to delete permanently",
                  SLICE_ARG(name), version->version);
        return false;
    }
    if (!may_delete(store, version->subject, answer) || !not_referred(store, version, permanent, false, answer)) {
        return false;
    }
    if (permanent && !version->deleted) {
        api_error(answer, VERSION_NOT_DELETED,
                  "Subject '%.*s' Version %d was not deleted first before being permanently deleted", SLICE_ARG(name),
                  version->version);
        return false;
    }
    *versions = ARENA_ARRAY(request->arena, int32_t, 1);
    (*versions)[(*count)++] = version->version;
    *generation = version->subject->generation;
    return true;
}

typedef bool (*Choose)(const RegistryStore *store, const ApiRequest *request, Slice name, bool permanent,
                       int32_t **versions, size_t *count, uint64_t *generation, ApiAnswer *answer);

// Chooses and deletes, again when the subject has changed in between. False: the answer is written.
static bool delete_chosen(RegistryStore *store, const ApiRequest *request, Slice name, Choose choose,
                          int32_t **versions, size_t *count, ApiAnswer *answer) {
    bool permanent = api_query_bool(request, "permanent", false);
    for (;;) {
        Err err[1] = {{0}};
        uint64_t generation = 0;
        StoreOutcome outcome;
        *count = 0;
        registry_store_lock(store);
        bool good = choose(store, request, name, permanent, versions, count, &generation, answer);
        registry_store_unlock(store);
        if (!good) {
            return false;
        }
        if (!registry_store_delete(store, name, *versions, *count, permanent, generation, &outcome, err)) {
            registry_store_error(answer, "Delete operation failed while writing to the store", err);
            return false;
        }
        if (outcome == STORE_DONE) {
            return true;
        }
    }
}

void registry_delete_subject(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Slice name;
    int32_t *versions = NULL;
    size_t count = 0;
    if (registry_subject_name(request, 0, &name, answer) &&
        delete_chosen(context, request, name, choose_all, &versions, &count, answer)) {
        buf_u8(&answer->body, '[');
        for (size_t i = 0; i < count; i++) {
            buf_text(&answer->body, i == 0 ? "" : ",");
            buf_int(&answer->body, versions[i]);
        }
        buf_u8(&answer->body, ']');
    }
}

void registry_delete_version(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Slice name;
    int32_t *versions = NULL;
    size_t count = 0;
    if (registry_subject_name(request, 0, &name, answer) &&
        delete_chosen(context, request, name, choose_one, &versions, &count, answer)) {
        buf_int(&answer->body, versions[0]);
    }
}

// --- levels ------------------------------------------------------------------------------------------------------

// Of "/config/{subject}" and "/mode/{subject}"; empty for all. False: the answer is written.
static bool scope_of(const ApiRequest *request, Slice *name, ApiAnswer *answer) {
    *name = (Slice){0};
    if (request->parts[0].data == NULL || slice_is(request->parts[0], ":.:") ||
        slice_is(request->parts[0], "__GLOBAL")) {
        return true;
    }
    return registry_subject_name(request, 0, name, answer);
}

static const KeptSubject *scope_subject(const RegistryStore *store, Slice name) {
    return name.size == 0 ? registry_store_global(store) : registry_store_subject(store, name);
}

static void write_level(Buf *out, RegistryLevel level, int normalize) {
    buf_u8(out, '{');
    if (normalize >= 0) {
        json_field_bool(out, "normalize", normalize == 1);
    }
    json_field_text(out, "compatibilityLevel", registry_level_name(level));
    buf_u8(out, '}');
}

void registry_get_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Slice name;
    if (!scope_of(request, &name, answer)) {
        return;
    }
    registry_store_lock(store);
    const KeptSubject *subject = scope_subject(store, name);
    bool own = subject != NULL && (subject->level.data != NULL || subject->normalize >= 0);
    if (own || name.size == 0 || api_query_bool(request, "defaultToGlobal", false)) {
        int normalize = subject != NULL ? subject->normalize : -1;
        normalize = normalize >= 0 ? normalize : registry_store_global(store)->normalize;
        write_level(&answer->body, registry_level_in_scope(store, subject), normalize);
    } else {
        api_error(answer, NO_SUBJECT_LEVEL, "Subject '%.*s' does not have subject-level compatibility configured",
                  SLICE_ARG(name));
    }
    registry_store_unlock(store);
}

// What a configuration may say besides, and this registry does not do.
static const char *not_supported(const JsonNode *body) {
    static const char *const NAMES[] = {"alias",           "compatibilityGroup", "compatibilityPolicy",
                                        "defaultMetadata", "overrideMetadata",   "defaultRuleSet",
                                        "overrideRuleSet", "validateFields"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const JsonNode *node = json_tree_member(body, NAMES[i]);
        bool empty = node == NULL || node->kind == TREE_NULL || node->kind == TREE_FALSE ||
                     (node->kind == TREE_TEXT && (node->text.size == 0 || slice_is(node->text, "STRICT")));
        if (!empty) {
            return NAMES[i];
        }
    }
    return NULL;
}

static bool read_config(const JsonNode *body, const char **level, int *normalize, ApiAnswer *answer) {
    const JsonNode *given = json_tree_member(body, "compatibility"), *flag = json_tree_member(body, "normalize");
    const char *other = not_supported(body);
    RegistryLevel known;
    if (other != NULL) {
        api_error(answer, INVALID_LEVEL, "'%s' is not supported by this registry", other);
        return false;
    }
    *normalize = flag == NULL || flag->kind == TREE_NULL ? -1 : flag->kind == TREE_TRUE;
    if (given != NULL && given->kind == TREE_TEXT && registry_level_of(given->text, &known)) {
        *level = registry_level_name(known);
        return true;
    }
    bool none = given == NULL || given->kind == TREE_NULL;
    if (!none || *normalize < 0) {
        api_error(answer, INVALID_LEVEL,
                  "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, "
                  "forward_transitive, and full_transitive");
        return false;
    }
    return true;
}

void registry_put_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Err err[1] = {{0}};
    Slice name;
    const char *level = NULL;
    int normalize = -1;
    const JsonNode *body = scope_of(request, &name, answer) ? registry_body(request, answer) : NULL;
    if (body == NULL || !read_config(body, &level, &normalize, answer)) {
        return;
    }
    registry_store_lock(store);
    const KeptSubject *subject = scope_subject(store, name);
    bool readonly = registry_is_readonly(store, subject);
    Slice kept = level != NULL                                ? slice_of(level)
                 : subject != NULL && subject->level.size > 0 ? arena_slice(request->arena, subject->level)
                                                              : (Slice){0};
    int kept_normalize = normalize < 0 && subject != NULL ? subject->normalize : normalize;
    registry_store_unlock(store);
    if (readonly) {
        api_error(answer, NOT_PERMITTED, "Subject %.*s in context . is in read-only mode", SLICE_ARG(name));
    } else if (!registry_store_set_level(store, name, kept, kept_normalize, err)) {
        registry_store_error(answer, "Failed to update compatibility level", err);
    } else {
        buf_u8(&answer->body, '{');
        if (normalize >= 0) {
            json_field_bool(&answer->body, "normalize", normalize == 1);
        }
        if (level != NULL) {
            json_key(&answer->body, "compatibility");
            json_quote(&answer->body, json_tree_text(body, "compatibility"));
        }
        buf_u8(&answer->body, '}');
    }
}

void registry_delete_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Err err[1] = {{0}};
    Slice name;
    if (!scope_of(request, &name, answer)) {
        return;
    }
    registry_store_lock(store);
    const KeptSubject *subject = scope_subject(store, name);
    bool readonly = registry_is_readonly(store, subject);
    bool own = name.size == 0 || (subject != NULL && (subject->level.data != NULL || subject->normalize >= 0));
    RegistryLevel level = registry_level_in_scope(store, subject);
    int normalize = subject != NULL ? subject->normalize : -1;
    registry_store_unlock(store);
    if (!own) {
        api_error(answer, NO_SUBJECT, "Subject '%.*s' not found.", SLICE_ARG(name));
    } else if (readonly) {
        api_error(answer, NOT_PERMITTED, "Subject %.*s in context . is in read-only mode", SLICE_ARG(name));
    } else if (!registry_store_set_level(store, name, (Slice){0}, -1, err)) {
        registry_store_error(answer, "Failed to delete compatibility level", err);
    } else {
        write_level(&answer->body, level, normalize);
    }
}

// --- modes -------------------------------------------------------------------------------------------------------

static void write_mode(Buf *out, const char *name) {
    buf_u8(out, '{');
    json_field_text(out, "mode", name);
    buf_u8(out, '}');
}

void registry_get_mode(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Slice name;
    if (!scope_of(request, &name, answer)) {
        return;
    }
    registry_store_lock(store);
    const KeptSubject *subject = scope_subject(store, name);
    bool scope = name.size == 0 || api_query_bool(request, "defaultToGlobal", false);
    if (scope) {
        write_mode(&answer->body, registry_mode_name(registry_mode_of(store, subject)));
    } else if (subject != NULL && subject->mode.data != NULL) {
        write_mode(&answer->body, arena_text(request->arena, subject->mode));
    } else {
        api_error(answer, NO_SUBJECT_MODE, "Subject '%.*s' does not have subject-level mode configured",
                  SLICE_ARG(name));
    }
    registry_store_unlock(store);
}

static bool same_letters(Slice text, const char *name) {
    return text.size == strlen(name) && strncasecmp((const char *)text.data, name, text.size) == 0;
}

// Import must not meet schemas that are there already: their ids might be others' in what comes.
static bool may_import(RegistryStore *store, Slice name) {
    registry_store_lock(store);
    bool living = false;
    size_t at = 0;
    for (const KeptSubject *subject; !living && (subject = registry_store_next(store, &at)) != NULL;) {
        living = (name.size == 0 || slice_equal(name, subject->name)) && registry_has_versions(store, subject, false);
    }
    bool already = registry_mode_of(store, scope_subject(store, name)) == MODE_IMPORT;
    registry_store_unlock(store);
    return !living || already;
}

void registry_put_mode(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Err err[1] = {{0}};
    Slice name;
    const JsonNode *body = scope_of(request, &name, answer) ? registry_body(request, answer) : NULL;
    if (body == NULL) {
        return;
    }
    Slice given = json_tree_text(body, "mode");
    int mode = -1;
    for (int i = MODE_READWRITE; i <= MODE_IMPORT; i++) {
        mode = same_letters(given, registry_mode_name((RegistryMode)i)) ? i : mode;
    }
    if (mode < 0) {
        api_error(answer, INVALID_MODE,
                  "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE and IMPORT.");
    } else if (mode == MODE_IMPORT && !api_query_bool(request, "force", false) && !may_import(store, name)) {
        api_error(answer, NOT_PERMITTED, "Cannot import since found existing subjects");
    } else if (!registry_store_set_mode(store, name, slice_of(registry_mode_name((RegistryMode)mode)), err)) {
        registry_store_error(answer, "Failed to update mode", err);
    } else {
        write_mode(&answer->body, registry_mode_name((RegistryMode)mode));
    }
}

void registry_delete_mode(void *context, const ApiRequest *request, ApiAnswer *answer) {
    RegistryStore *store = context;
    Err err[1] = {{0}};
    Slice name;
    if (!scope_of(request, &name, answer)) {
        return;
    }
    registry_store_lock(store);
    const KeptSubject *subject = scope_subject(store, name);
    bool own = name.size == 0 || (subject != NULL && subject->mode.data != NULL);
    const char *old = own && subject->mode.data != NULL ? arena_text(request->arena, subject->mode)
                                                        : registry_mode_name(MODE_READWRITE);
    registry_store_unlock(store);
    if (!own) {
        api_error(answer, NO_SUBJECT, "Subject '%.*s' not found.", SLICE_ARG(name));
    } else if (!registry_store_set_mode(store, name, (Slice){0}, err)) {
        registry_store_error(answer, "Failed to delete mode", err);
    } else {
        write_mode(&answer->body, old);
    }
}
