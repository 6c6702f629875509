// SPDX-License-Identifier: Apache-2.0
// What other processes ask of a pipeline: files in requests/, complete or absent. The running process, or else the
// next run, takes them and removes each when what it asks for is durable.
//
//     requests/resync-<time>-<pid>.json    {"tables": "public.orders,public.items"}
//     requests/verify-<time>-<pid>.json    {"id": "…", "tables": ""}
#include "flow/pipeline/pipeline.h"

#include "core/base/json.h"
#include "core/config/pattern.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "flow/pipeline/request.h"
#include "flow/pipeline/verify_state.h"

#include <unistd.h>

static bool request_write(const char *directory, const char *what, const char *id, const char *tables, Arena *arena,
                          Err *err) {
    DEFER(buf_release) Buf text = {0};
    const char *requests = arena_printf(arena, "%s/requests", directory);
    TRY(file_make_directories(requests, err));
    buf_u8(&text, '{');
    if (id != NULL) {
        json_field_text(&text, "id", id);
    }
    json_field_text(&text, "tables", tables);
    buf_text(&text, "}\n");
    const char *path =
        arena_printf(arena, "%s/%s-%016" PRIx64 "-%d.json", requests, what, (uint64_t)clock_wall_us(), (int)getpid());
    return file_replace(path, buf_slice(&text), err);
}

bool pipeline_resync(const PipelineConfig *config, const char *tables, Err *err) {
    if (tables == NULL || tables[0] == '\0') {
        return FAIL(err, ERR_OPTION, "no table is named");
    }
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = request_write(config->directory, "resync", NULL, tables, &scratch, err);
    arena_release(&scratch);
    return ok;
}

bool pipeline_verify_request(const PipelineConfig *config, const char *tables, Arena *arena, const char **id,
                             Err *err) {
    Patterns patterns;
    VerifyRequest before;
    VerifyState *state = NULL;
    TRY(tables[0] == '\0' || patterns_parse(arena, tables, "tables", &patterns, err));
    TRY(verify_state_load(config->directory, &state, err));
    const char *running = verify_state_running(state);
    running = running != NULL ? arena_printf(arena, "%s", running) : NULL;
    verify_state_free(state);
    if (running != NULL || pipeline_verify_wanted(config, arena, &before)) {
        FAIL(err, ERR_EXISTS, "pipeline %s is being verified (%s)", config->name,
             running != NULL ? running : before.id);
        return err_hint(err, "wait for its result");
    }
    *id = arena_printf(arena, "%016" PRIx64, random_number());
    return request_write(config->directory, "verify", *id, tables, arena, err);
}
