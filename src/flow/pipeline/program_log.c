// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/program_log.h"

#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/random.h"

#include <limits.h>

enum { PROGRAM_FORMAT = 1, PROGRAM_BYTES_MAX = 4 << 20, NAME_DIGITS = 10 };

// How source and journal are worked with: no record is another for it.
static const char *const OTHER[] = {
    "admin.",        "config.action.", "consumer.", "errors.",      "exactly.once.", "heartbeat.",
    "incremental.",  "leat.",          "lsn.",      "max.",         "name",          "notification.",
    "offset",        "poll.",          "producer",  "publication.", "query.",        "retriable.",
    "signal.",       "slot.",          "snapshot.", "status.",      "tasks.max",     "topic.creation.",
    "transaction.b", "xmin.",
};
// But these.
static const char *const RECORDS[] = {"heartbeat.topics.prefix", "leat.exact", "notification.sink.topic.name"};

static bool begins(Slice name, const char *prefix) {
    size_t size = strlen(prefix);
    return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

static bool matters(Slice name) {
    if (begins(name, "database.")) {
        return slice_is(name, "database.dbname");
    }
    for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++) {
        if (slice_is(name, RECORDS[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHER); i++) {
        if (begins(name, OTHER[i])) {
            return false;
        }
    }
    return !begins(name, "program.");
}

static int by_name(const void *a, const void *b) {
    return slice_compare(((const Property *)a)->name, ((const Property *)b)->name);
}

static Properties that_matter(Arena *arena, const Properties *config) {
    Properties kept = {.at = ARENA_ARRAY(arena, Property, config->count)};
    for (size_t i = 0; i < config->count; i++) {
        if (matters(config->at[i].name)) {
            kept.at[kept.count++] = config->at[i];
        }
    }
    if (kept.count > 0) {
        qsort(kept.at, kept.count, sizeof(*kept.at), by_name);
    }
    return kept;
}

static bool equal(const Properties *a, const Properties *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = slice_equal(a->at[i].name, b->at[i].name) && slice_equal(a->at[i].value, b->at[i].value) &&
               (a->at[i].value.data == NULL) == (b->at[i].value.data == NULL);
    }
    return same;
}

// --- files -----------------------------------------------------------------------------------------------------

static void path_of(char path[PATH_MAX], const char *directory, uint64_t number) {
    snprintf(path, PATH_MAX, "%s/programs/%0*" PRIu64 ".json", directory, NAME_DIGITS, number);
}

typedef struct Range {
    uint64_t first, last;
} Range;

static bool range_visit(void *context, const char *name) {
    Range *range = context;
    if (strspn(name, "0123456789") == NAME_DIGITS && strcmp(name + NAME_DIGITS, ".json") == 0) {
        uint64_t number = strtoull(name, NULL, 10);
        range->first = range->first == 0 ? number : range->first;
        range->last = number;
    }
    return true;
}

bool program_log_range(const char *directory, uint64_t *first, uint64_t *last, Err *err) {
    char path[PATH_MAX];
    Range range = {0, 0};
    snprintf(path, sizeof(path), "%s/programs", directory);
    TRY(!file_exists(path) || file_list(path, range_visit, &range, err));
    *first = range.first;
    *last = range.last;
    return true;
}

bool program_log_has(const char *directory, uint64_t number) {
    char path[PATH_MAX];
    path_of(path, directory, number);
    return file_exists(path);
}

static bool number_of(const Properties *file, const char *name, uint64_t *number) {
    const Property *property = properties_find(file, slice_of(name));
    if (property == NULL || property->value.size == 0 || property->value.size > 20) {
        return false;
    }
    char text[24], *end = NULL;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(property->value));
    *number = strtoull(text, &end, 10);
    return *end == '\0';
}

static Slice text_of(const Properties *file, const char *name) {
    const Property *property = properties_find(file, slice_of(name));
    return property != NULL ? property->value : (Slice){0};
}

bool program_log_read(const char *directory, uint64_t number, Arena *arena, ProgramNote *note, Err *err) {
    char path[PATH_MAX];
    Slice bytes;
    Properties file;
    uint64_t version = 0;
    path_of(path, directory, number);
    TRY(file_read_all(path, PROGRAM_BYTES_MAX, arena, &bytes, err));
    *note = (ProgramNote){.number = number};
    if (!properties_parse(arena, bytes, &file, err) || !number_of(&file, "program.format_version", &version) ||
        !number_of(&file, "program.from", &note->from)) {
        err_clear(err);
        return FAIL(err, ERR_STATE_CORRUPT, "%s is not what leat has written", path);
    }
    if (version > PROGRAM_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "%s: format %" PRIu64 "; this leat knows up to %d", path, version, PROGRAM_FORMAT);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    note->name = text_of(&file, "program.name");
    note->run_id = text_of(&file, "program.run_id");
    note->config = that_matter(arena, &file);
    return true;
}

static bool note_write(const char *directory, Arena *arena, const ProgramNote *note, Err *err) {
    char path[PATH_MAX];
    DEFER(buf_release) Buf text = {0};
    Properties file = {.at = ARENA_ARRAY(arena, Property, note->config.count + 4)};
    file.at[file.count++] = (Property){SLICE("program.format_version"), SLICE("1")};
    file.at[file.count++] = (Property){SLICE("program.from"), slice_of(arena_printf(arena, "%" PRIu64, note->from))};
    file.at[file.count++] = (Property){SLICE("program.name"), note->name};
    file.at[file.count++] = (Property){SLICE("program.run_id"), note->run_id};
    for (size_t i = 0; i < note->config.count; i++) {
        file.at[file.count++] = note->config.at[i];
    }
    properties_json(&text, &file);
    buf_u8(&text, '\n');
    snprintf(path, sizeof(path), "%s/programs", directory);
    TRY(file_make_directories(path, err));
    path_of(path, directory, note->number);
    return file_replace(path, buf_slice(&text), err);
}

static bool trim(const char *directory, uint64_t first, uint64_t last, LogPosition begin, Arena *arena, Err *err) {
    for (uint64_t number = first; number < last; number++) {
        ProgramNote next;
        TRY(program_log_read(directory, number + 1, arena, &next, err));
        if (next.from > begin) {
            break;
        }
        char path[PATH_MAX];
        path_of(path, directory, number);
        TRY(file_remove(path, err));
    }
    return true;
}

bool program_log_keep(const char *directory, Slice name, const Properties *config, LogPosition begin, LogPosition end,
                      Arena *arena, ProgramNote *note, Err *err) {
    uint64_t first = 0, last = 0;
    Properties kept = that_matter(arena, config);
    TRY(program_log_range(directory, &first, &last, err));
    TRY(last == 0 || trim(directory, first, last, begin, arena, err));
    if (last > 0) {
        TRY(program_log_read(directory, last, arena, note, err));
        if (equal(&note->config, &kept)) {
            return true;
        }
    }
    *note = (ProgramNote){.number = last + 1, .from = end, .name = name, .config = kept};
    char run_id[37];
    random_uuid(run_id);
    note->run_id = slice_of(arena_printf(arena, "%s", run_id));
    TRY(note_write(directory, arena, note, err));
    CRASH_POINT("connector.program_noted");
    return true;
}
