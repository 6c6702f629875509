// SPDX-License-Identifier: Apache-2.0
// One store, driven from a test. What it did, or why it failed, is one line of JSON on stdout; with it the requests
// that were sent and this process's largest resident size.
//
//     leat_store_tool URL OWNER STAGING [--set OPTION=VALUE]… COMMAND…
//         carry PLAN NAME COUNT BYTES   as the objects sink does: stages COUNT objects NAME-0, NAME-1, … of BYTES
//         bytes,
//                                       writes the plan, publishes it, removes the plan, sweeps. When there is a plan
//                                       already (of a process that was killed) it is published first, and all of it.
//         list PREFIX / get NAME / put NAME TEXT [TAG] / remove NAME / probe
//
// The bytes of object i: blocks of 64 KiB, each begins with i and its own number (8 bytes each, little-endian), then
// 0, 1, 2, … 255, 0, …
#include "core/base/json.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "storage/store/local/local.h"
#include "storage/store/s3/s3.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024 };

static _Atomic bool stop;
static Buf output;

static void on_signal(int number) {
    atomic_store(&stop, true);
}

// --- carry -----------------------------------------------------------------------------------------------------

static bool stage_one(Store *store, const char *name, uint64_t index, uint64_t bytes, char token[STORE_TOKEN_BYTES_MAX],
                      Err *err) {
    static uint8_t block[BLOCK_BYTES];
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] = (uint8_t)i;
    }
    StoreStage *stage = NULL;
    TRY(store_stage_open(store, name, &stage, err));
    for (uint64_t number = 0, done = 0; done < bytes; number++) {
        size_t size = (size_t)MIN(bytes - done, (uint64_t)BLOCK_BYTES);
        memcpy(block, &index, sizeof(index));
        memcpy(block + 8, &number, sizeof(number));
        TRY(store_stage_write(stage, (Slice){block, size}, err));
        done += size;
    }
    return store_stage_finish(stage, token, err);
}

static bool stage_all(Store *store, const char *plan, const char *name, uint64_t count, uint64_t bytes, Err *err) {
    DEFER(buf_release) Buf text = {0};
    char token[STORE_TOKEN_BYTES_MAX], object[1024];
    for (uint64_t i = 0; i < count; i++) {
        snprintf(object, sizeof(object), "%s-%" PRIu64, name, i);
        TRY(stage_one(store, object, i, bytes, token, err));
        buf_printf(&text, "%s\t%s\n", token, object);
    }
    CRASH_POINT("tool.staged");
    return file_replace(plan, buf_slice(&text), err);
}

static bool publish_plan(Store *store, const char *plan, Err *err) {
    Arena arena;
    arena_init(&arena, "run", 0);
    Slice text = {0};
    TRY(file_read_all(plan, 64 * MIB, &arena, &text, err));
    char *rest = arena_text(&arena, text);
    StoreItem *items = ARENA_ARRAY(&arena, StoreItem, text.size / 2 + 1);
    size_t count = 0;
    for (char *line = NULL; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0'; count++) {
        items[count].token = strsep(&line, "\t");
        items[count].name = line;
    }
    TRY(store_publish_all(store, items, count, err));
    CRASH_POINT("tool.published");
    TRY(file_remove(plan, err));
    arena_release(&arena);
    return store_sweep(store, NULL, 0, err);
}

static bool carry(Store *store, char **argv, Err *err) {
    const char *plan = argv[0];
    if (!file_exists(plan)) {
        TRY(store_sweep(store, NULL, 0, err)); // what was staged for a plan that was never written
        TRY(stage_all(store, plan, argv[1], strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), err));
    }
    return publish_plan(store, plan, err);
}

// --- the others ------------------------------------------------------------------------------------------------

static bool visit(void *context, const char *name, uint64_t size) {
    size_t *count = context;
    buf_text(&output, (*count)++ == 0 ? "" : ",");
    buf_text(&output, "[");
    json_quote(&output, slice_of(name));
    buf_printf(&output, ",%" PRIu64 "]", size);
    return true;
}

static bool list(Store *store, char **argv, Err *err) {
    size_t count = 0;
    buf_text(&output, ",\"names\":[");
    bool ok = store_list(store, argv[0], visit, &count, err);
    buf_text(&output, "]");
    return ok;
}

static bool get(Store *store, char **argv, Err *err) {
    Arena arena;
    arena_init(&arena, "run", 0);
    Slice bytes = {0};
    char tag[STORE_TAG_BYTES_MAX] = "";
    TRY(store_get(store, argv[0], &arena, &bytes, tag, err));
    buf_text(&output, ",\"bytes\":");
    json_quote(&output, bytes);
    buf_text(&output, ",\"tag\":");
    json_quote(&output, slice_of(tag));
    arena_release(&arena);
    return true;
}

static bool put(Store *store, char **argv, Err *err) {
    char tag[STORE_TAG_BYTES_MAX] = "";
    TRY(store_put(store, argv[0], slice_of(argv[1]), argv[2], tag, err));
    buf_text(&output, ",\"tag\":");
    json_quote(&output, slice_of(tag));
    return true;
}

static bool remove_name(Store *store, char **argv, Err *err) {
    return store_remove(store, argv[0], err);
}

static const struct {
    const char *name;
    bool (*run)(Store *store, char **argv, Err *err);
    int arguments;
} COMMANDS[] = {{"carry", carry, 4}, {"list", list, 1}, {"get", get, 1}, {"put", put, 2}, {"remove", remove_name, 1}};

static void print_usage(Store *store) {
    StoreUsage usage;
    store_usage(store, &usage);
    buf_printf(&output,
               ",\"put\":%" PRIu64 ",\"multipart\":%" PRIu64 ",\"part\":%" PRIu64 ",\"get\":%" PRIu64
               ",\"head\":%" PRIu64 ",\"list\":%" PRIu64 ",\"remove\":%" PRIu64 ",\"retries\":%" PRIu64
               ",\"bytes_up\":%" PRIu64 ",\"bytes_down\":%" PRIu64,
               usage.put, usage.multipart, usage.part, usage.get, usage.head, usage.list, usage.remove, usage.retries,
               usage.bytes_up, usage.bytes_down);
}

static bool run(const StoreDriver *driver, const StoreContext *context, char **argv, Err *err) {
    if (strcmp(argv[0], "probe") == 0) {
        return driver->probe(context, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        int count = 0;
        while (argv[1 + count] != NULL) {
            count++;
        }
        if (strcmp(argv[0], COMMANDS[i].name) == 0 && count >= COMMANDS[i].arguments) {
            Store *store = NULL;
            TRY(store_open(driver, context, &store, err));
            bool ok = COMMANDS[i].run(store, argv + 1, err);
            print_usage(store);
            store_close(store);
            return ok;
        }
    }
    return FAIL(err, ERR_USAGE, "no such command, or too few arguments");
}

// Not getrusage's: that has the parent's before the exec in it.
static long largest_resident_kib(void) {
    Err err[1] = {{0}};
    char status[8192] = "";
    size_t got = 0;
    int fd = -1;
    bool ok = file_open("/proc/self/status", O_RDONLY, &fd, err) &&
              file_read(fd, "/proc/self/status", status, sizeof(status) - 1, 0, &got, err);
    file_close(&fd);
    const char *line = ok ? strstr(status, "VmHWM:") : NULL;
    return line != NULL ? strtol(line + 6, NULL, 10) : -1;
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    Arena arena;
    S3Options options;
    arena_init(&arena, "run", 0);
    buf_init(&output, 0);
    option_defaults(&S3_OPTIONS, &options);
    signal(SIGTERM, on_signal);
    int at = 4;
    bool ok = argc > 4 || FAIL(err, ERR_USAGE, "leat_store_tool URL OWNER STAGING [--set OPTION=VALUE]… COMMAND…");
    for (; ok && at + 1 < argc && strcmp(argv[at], "--set") == 0; at += 2) {
        char *value = strchr(argv[at + 1], '=');
        ASSERT(value != NULL);
        *value = '\0';
        ok = option_set(&S3_OPTIONS, &options, argv[at + 1], value + 1, &arena, err);
    }
    buf_text(&output, "{\"ok\":1");
    if (ok) {
        StoreContext context = {
            .url = argv[1], .owner = argv[2], .staging_directory = argv[3], .options = &options, .stop = &stop};
        const StoreDriver *driver = S3_STORE.accepts(argv[1]) ? &S3_STORE : &LOCAL_STORE;
        ok = run(driver, &context, argv + at, err);
    }
    if (!ok) {
        buf_text(&output, ",\"error\":");
        json_quote(&output, slice_of(err_name(err->code)));
        buf_text(&output, ",\"class\":");
        json_quote(&output, slice_of(err_class_name(err_class(err->code))));
        buf_text(&output, ",\"message\":");
        json_quote(&output, slice_of(err->message));
        buf_text(&output, ",\"hint\":");
        json_quote(&output, slice_of(err->hint));
    }
    printf("%.*s,\"rss_kib\":%ld}\n", SLICE_ARG(buf_slice(&output)), largest_resident_kib());
    return ok ? 0 : 1;
}
