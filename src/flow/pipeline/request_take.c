// SPDX-License-Identifier: Apache-2.0
// The reader's side of request.c: the process that runs the pipeline.
#include "flow/pipeline/request.h"

#include "core/base/log.h"
#include "core/sys/file.h"

#include <jansson.h>
#include <limits.h>

#define REQUEST_BYTES_MAX (1 * MIB)

typedef struct Requests {
    const char *directory;
    Arena *arena;
    Buf tables;
    bool all;
} Requests;

static void request_read(Requests *requests, const char *path) {
    Err err[1] = {{0}};
    Slice bytes;
    json_error_t problem;
    if (!file_read_all(path, REQUEST_BYTES_MAX, requests->arena, &bytes, err)) {
        log_err(LOG_PIPELINE, "a request cannot be read", err);
        return;
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, &problem);
    const char *tables = json_string_value(json_object_get(json, "tables"));
    if (tables == NULL) {
        log_warn(LOG_PIPELINE, "a request is not understood", LOG_TEXT("file", path), LOG_TEXT("reason", problem.text));
    } else {
        requests->all |= strcmp(tables, "*") == 0;
        buf_printf(&requests->tables, "%s%s", requests->tables.size > 0 ? "," : "", tables);
    }
    json_decref(json);
}

static bool request_visit(void *context, const char *name) {
    Requests *requests = context;
    if (strncmp(name, "resync-", 7) == 0 && strstr(name, ".tmp") == NULL) {
        request_read(requests, arena_printf(requests->arena, "%s/%s", requests->directory, name));
    }
    return true;
}

char *pipeline_resync_wanted(const PipelineConfig *config, Arena *arena) {
    Err err[1] = {{0}};
    char *directory = arena_printf(arena, "%s/requests", config->directory);
    Requests requests = {.directory = directory, .arena = arena};
    if (!file_exists(directory) || !file_list(directory, request_visit, &requests, err)) {
        return NULL;
    }
    char *tables = requests.all                ? "*"
                   : requests.tables.size == 0 ? NULL
                                               : arena_text(arena, buf_slice(&requests.tables));
    buf_release(&requests.tables);
    return tables;
}

static bool request_remove(void *context, const char *name) {
    Err err[1] = {{0}};
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", (const char *)context, name);
    if (strncmp(name, "resync-", 7) == 0 && !file_remove(path, err)) {
        log_err(LOG_PIPELINE, "a request cannot be removed", err);
    }
    return true;
}

void pipeline_resync_taken(const PipelineConfig *config) {
    Err err[1] = {{0}};
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s/requests", config->directory);
    if (!file_list(directory, request_remove, directory, err)) {
        log_err(LOG_PIPELINE, "requests cannot be removed", err);
    }
}

// --- verifications ---------------------------------------------------------------------------------------------

typedef struct Oldest {
    Arena *arena;
    const char *name;
} Oldest;

static bool oldest_visit(void *context, const char *name) {
    Oldest *oldest = context;
    if (strncmp(name, "verify-", 7) == 0 && strstr(name, ".tmp") == NULL &&
        (oldest->name == NULL || strcmp(name, oldest->name) < 0)) {
        oldest->name = arena_printf(oldest->arena, "%s", name);
    }
    return true;
}

// One that cannot be read is no request, and goes.
static bool verify_read(const char *path, Arena *arena, VerifyRequest *request) {
    Err err[1] = {{0}};
    Slice bytes;
    *request = (VerifyRequest){.file = path};
    if (!file_read_all(path, REQUEST_BYTES_MAX, arena, &bytes, err)) {
        log_err(LOG_PIPELINE, "a request cannot be read", err);
        return false;
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *tables = json_string_value(json_object_get(json, "tables"));
    if (id != NULL && tables != NULL) {
        request->id = arena_printf(arena, "%s", id);
        request->tables = arena_printf(arena, "%s", tables);
    } else {
        log_warn(LOG_PIPELINE, "a request is not understood", LOG_TEXT("file", path));
        pipeline_verify_taken(request);
    }
    json_decref(json);
    return request->id != NULL;
}

bool pipeline_verify_wanted(const PipelineConfig *config, Arena *arena, VerifyRequest *request) {
    Err err[1] = {{0}};
    char *directory = arena_printf(arena, "%s/requests", config->directory);
    Oldest oldest = {.arena = arena};
    VerifyRequest found;
    if (!file_exists(directory) || !file_list(directory, oldest_visit, &oldest, err) || oldest.name == NULL ||
        !verify_read(arena_printf(arena, "%s/%s", directory, oldest.name), arena, &found)) {
        return false;
    }
    *request = found;
    return true;
}

void pipeline_verify_taken(const VerifyRequest *request) {
    Err err[1] = {{0}};
    if (request->file != NULL && !file_remove(request->file, err)) {
        log_err(LOG_PIPELINE, "a request cannot be removed", err);
    }
}
