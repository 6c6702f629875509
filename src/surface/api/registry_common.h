// SPDX-License-Identifier: Apache-2.0
// What the files of the registry's API share.
#ifndef LEAT_SURFACE_API_REGISTRY_COMMON_H
#define LEAT_SURFACE_API_REGISTRY_COMMON_H

#include "core/base/json.h"
#include "data/registry/json_tree.h"
#include "data/registry/registry_schema.h"
#include "surface/api/registry.h"

#include <strings.h>

// Codes of Confluent's registry; the HTTP status is the first three digits.
enum {
    NO_SUBJECT = 40401,
    NO_VERSION = 40402,
    NO_SCHEMA = 40403,
    SUBJECT_SOFT_DELETED = 40404,
    SUBJECT_NOT_DELETED = 40405,
    VERSION_SOFT_DELETED = 40406,
    VERSION_NOT_DELETED = 40407,
    NO_SUBJECT_LEVEL = 40408,
    NO_SUBJECT_MODE = 40409,
    INCOMPATIBLE = 40901,
    INVALID_SCHEMA = 42201,
    INVALID_VERSION = 42202,
    INVALID_LEVEL = 42203,
    INVALID_MODE = 42204,
    NOT_PERMITTED = 42205,
    REFERENCE_EXISTS = 42206,
    INVALID_SUBJECT = 42208,
    SCHEMA_TOO_LARGE = 42209,
    STORE_FAILED = 50001,
};

typedef enum RegistryMode { MODE_READWRITE, MODE_READONLY, MODE_READONLY_OVERRIDE, MODE_IMPORT } RegistryMode;

// --- registry.c, with the store's lock held ----------------------------------------------------------------------
// The subject that the path names, without ":.:". False: no subject can be called so, the answer is written.
bool registry_subject_name(const ApiRequest *request, size_t part, Slice *name, ApiAnswer *answer);
// Has it versions to show?
bool registry_has_versions(const RegistryStore *store, const KeptSubject *subject, bool deleted);
const KeptVersion *registry_version_of(const RegistryStore *store, const KeptSubject *subject, int32_t number,
                                       bool deleted);
// "3", "latest" or "-1" (which is 0). False: neither, the answer is written.
bool registry_version_number(Slice text, int32_t *number, ApiAnswer *answer);
// The version that the path names; NULL: the answer says what is not there.
const KeptVersion *registry_find_version(const RegistryStore *store, Slice subject, Slice version, bool deleted,
                                         ApiAnswer *answer);
void registry_write_version(Buf *out, const KeptVersion *version);
void registry_write_references(Buf *out, const KeptSchema *schema); // ,"references":[…], or nothing
RegistryMode registry_mode_of(const RegistryStore *store, const KeptSubject *subject);
const char *registry_mode_name(RegistryMode mode);
bool registry_is_readonly(const RegistryStore *store, const KeptSubject *subject);
RegistryLevel registry_level_in_scope(const RegistryStore *store, const KeptSubject *subject);
bool registry_normalizes(const RegistryStore *store, const KeptSubject *subject);
// A page of a list: offset and limit of the query.
typedef struct RegistryPage {
    int64_t offset, limit; // limit -1 = all
} RegistryPage;
RegistryPage registry_page(const ApiRequest *request);
bool registry_on_page(RegistryPage *page); // for each item in turn

// --- without the lock --------------------------------------------------------------------------------------------
// The body's object. NULL: it is none, the answer is written.
const JsonNode *registry_body(const ApiRequest *request, ApiAnswer *answer);
void registry_store_error(ApiAnswer *answer, const char *what, const Err *err);

// --- registry_read.c ---------------------------------------------------------------------------------------------
void registry_get_subjects(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_versions(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_version(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_version_schema(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_referenced_by(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_schemas(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_id(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_id_schema(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_id_subjects(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_id_versions(void *context, const ApiRequest *request, ApiAnswer *answer);

// --- registry_register.c -----------------------------------------------------------------------------------------
void registry_post_version(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_post_lookup(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_post_compatibility(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_post_compatibility_version(void *context, const ApiRequest *request, ApiAnswer *answer);

// --- registry_change.c -------------------------------------------------------------------------------------------
void registry_delete_subject(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_delete_version(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_put_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_delete_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_get_mode(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_put_mode(void *context, const ApiRequest *request, ApiAnswer *answer);
void registry_delete_mode(void *context, const ApiRequest *request, ApiAnswer *answer);

#endif
