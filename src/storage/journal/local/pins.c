// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/pins.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <limits.h>

enum {
    PIN_VERSION = 1,
    PIN_BYTES_MAX = 64,
    PIN_NAME_MAX = 200,
    RAISE_MS = 100, // between pins: each is a file made durable
};

static bool pin_path(char path[PATH_MAX], const char *directory, const char *name, Err *err) {
    size_t size = strlen(name);
    if (size == 0 || size > PIN_NAME_MAX || name[0] == '.' || strchr(name, '/') != NULL ||
        (size > 4 && strcmp(name + size - 4, ".tmp") == 0)) {
        return FAIL(err, ERR_INTERNAL, "'%s' cannot be the name of a pin", name);
    }
    return snprintf(path, PATH_MAX, "%s/pins/%s", directory, name) < PATH_MAX ||
           FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
}

bool local_pin_set(const char *directory, const char *name, LogPosition at, Err *err) {
    char path[PATH_MAX], text[PIN_BYTES_MAX];
    TRY(pin_path(path, directory, name, err));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    TRY(file_make_directories(path, err));
    *slash = '/';
    int size = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", PIN_VERSION, at);
    return file_replace(path, (Slice){(const uint8_t *)text, (size_t)size}, err);
}

bool local_pin_remove(const char *directory, const char *name, Err *err) {
    char path[PATH_MAX];
    TRY(pin_path(path, directory, name, err));
    return file_remove(path, err);
}

static bool pin_read(const char *path, LogPosition *at, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Slice bytes = {0};
    bool ok = file_read_all(path, PIN_BYTES_MAX, &scratch, &bytes, err);
    if (ok) {
        const char *text = arena_text(&scratch, bytes);
        char *end = NULL;
        unsigned long version = strtoul(text, &end, 10);
        char *second = end;
        *at = strtoull(second, &end, 10);
        if (version > PIN_VERSION) {
            ok =
                FAIL(err, ERR_FORMAT_NEWER, "%s has version %lu, this leat knows up to %d", path, version, PIN_VERSION);
        } else if (version == 0 || end == second || strcmp(end, "\n") != 0) {
            ok = FAIL(err, ERR_STATE_CORRUPT, "%s: the pin cannot be read", path);
            err_hint(err, "the sink of that name writes it anew when it commits; until then nothing is trimmed");
        }
    }
    arena_release(&scratch);
    return ok;
}

typedef struct Lowest {
    const char *directory;
    LogPosition at;
    bool ok;
    Err *err;
} Lowest;

static bool lowest_visit(void *context, const char *name) {
    Lowest *lowest = context;
    size_t size = strlen(name);
    if (name[0] == '.' || (size > 4 && strcmp(name + size - 4, ".tmp") == 0)) {
        return true;
    }
    char path[PATH_MAX];
    LogPosition at = 0;
    lowest->ok = pin_path(path, lowest->directory, name, lowest->err) && pin_read(path, &at, lowest->err);
    if (!lowest->ok && lowest->err->code == ERR_NOT_FOUND) { // unpinned meanwhile
        err_clear(lowest->err);
        lowest->ok = true;
    } else if (lowest->ok) {
        lowest->at = MIN(lowest->at, at);
    }
    return lowest->ok;
}

bool local_pins_lowest(const char *directory, LogPosition none, LogPosition *lowest, Err *err) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/pins", directory) >= (int)sizeof(path)) {
        return FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    }
    Lowest found = {directory, UINT64_MAX, true, err};
    if (file_exists(path)) {
        TRY(file_list(path, lowest_visit, &found, err));
        TRY(found.ok);
    }
    *lowest = found.at == UINT64_MAX ? none : found.at;
    return true;
}

struct LogPin {
    char directory[PATH_MAX];
    char name[PIN_NAME_MAX + 1];
    LogPosition at, written;
    int64_t next_us;
};

bool local_pin_open(const char *directory, const char *name, const char *tag, LogPosition first, LogPin **pin,
                    LogPosition *at, Err *err) {
    char path[PATH_MAX];
    *at = 0;
    TRY(pin_path(path, directory, name, err));
    bool there = file_exists(path);
    TRY(there || local_pin_set(directory, name, first, err));
    LogPosition was = first;
    if (there && !pin_read(path, at, err)) {
        if (err->code != ERR_STATE_CORRUPT) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err); // the next raise writes it
        *at = 0;
        was = UINT64_MAX;
    } else if (there) {
        was = *at;
    }
    LogPin *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    snprintf(made->directory, sizeof(made->directory), "%s", directory);
    snprintf(made->name, sizeof(made->name), "%s", name);
    made->at = made->written = was;
    *pin = made;
    return true;
}

// One that is late holds a little more of the journal; the next call, or the end, writes it.
bool local_pin_raise(LogPin *pin, LogPosition at, Err *err) {
    int64_t now = clock_monotonic_us();
    pin->at = at;
    if (pin->at == pin->written || now < pin->next_us) {
        return true;
    }
    TRY(local_pin_set(pin->directory, pin->name, at, err));
    pin->written = at;
    pin->next_us = now + RAISE_MS * 1000;
    return true;
}

void local_pin_close(LogPin *pin) {
    Err why[1] = {{0}};
    if (pin != NULL && pin->at != pin->written && !local_pin_set(pin->directory, pin->name, pin->at, why)) {
        log_debug(LOG_JOURNAL, "a pin is lower than it could be", LOG_TEXT("reason", why->message));
    }
    free(pin);
}
