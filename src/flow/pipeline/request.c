// SPDX-License-Identifier: Apache-2.0
// What other processes ask of a pipeline: files in requests/, complete or absent. The running process, or else the
// next run, takes them and removes each when what it asks for is durable.
//
//     requests/resync-<time>-<pid>.json    {"tables": "public.orders,public.items"}
#include "flow/pipeline/pipeline.h"

#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <unistd.h>

static bool request_write(const char *directory, const char *tables, Arena *arena, Err *err) {
    DEFER(buf_release) Buf text = {0};
    const char *requests = arena_printf(arena, "%s/requests", directory);
    TRY(file_make_directories(requests, err));
    buf_u8(&text, '{');
    json_field_text(&text, "tables", tables);
    buf_text(&text, "}\n");
    const char *path =
        arena_printf(arena, "%s/resync-%016" PRIx64 "-%d.json", requests, (uint64_t)clock_wall_us(), (int)getpid());
    return file_replace(path, buf_slice(&text), err);
}

bool pipeline_resync(const PipelineConfig *config, const char *tables, Err *err) {
    if (tables == NULL || tables[0] == '\0') {
        return FAIL(err, ERR_OPTION, "no table is named");
    }
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = request_write(config->directory, tables, &scratch, err);
    arena_release(&scratch);
    return ok;
}
