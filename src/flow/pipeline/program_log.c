// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/program_log.h"

#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/random.h"

#include <limits.h>

enum { PROGRAM_FORMAT = 1, PROGRAM_BYTES_MAX = 4 << 20, NAME_DIGITS = 10 };
#define FACT_PREFIX "program/"

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

// --- texts -----------------------------------------------------------------------------------------------------

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

static bool note_decode(Slice bytes, const char *where, uint64_t number, Arena *arena, ProgramNote *note, Err *err) {
    Properties file;
    uint64_t version = 0;
    *note = (ProgramNote){.number = number};
    if (!properties_parse(arena, bytes, &file, err) || !number_of(&file, "program.format_version", &version) ||
        !number_of(&file, "program.from", &note->from)) {
        err_clear(err);
        return FAIL(err, ERR_STATE_CORRUPT, "%s is not what leat has written", where);
    }
    if (version > PROGRAM_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "%s: format %" PRIu64 "; this leat knows up to %d", where, version, PROGRAM_FORMAT);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    note->name = text_of(&file, "program.name");
    note->run_id = text_of(&file, "program.run_id");
    note->config = that_matter(arena, &file);
    return true;
}

static void note_encode(Buf *text, Arena *arena, const ProgramNote *note) {
    Properties file = {.at = ARENA_ARRAY(arena, Property, note->config.count + 4)};
    file.at[file.count++] = (Property){SLICE("program.format_version"), SLICE("1")};
    file.at[file.count++] = (Property){SLICE("program.from"), slice_of(arena_printf(arena, "%" PRIu64, note->from))};
    file.at[file.count++] = (Property){SLICE("program.name"), note->name};
    file.at[file.count++] = (Property){SLICE("program.run_id"), note->run_id};
    for (size_t i = 0; i < note->config.count; i++) {
        file.at[file.count++] = note->config.at[i];
    }
    properties_json(text, &file);
    buf_u8(text, '\n');
}

// The number that a name of NAME_DIGITS begins with; 0: it is none.
static uint64_t number_in(const char *name, const char *behind) {
    bool is = strspn(name, "0123456789") == NAME_DIGITS && strcmp(name + NAME_DIGITS, behind) == 0;
    return is ? strtoull(name, NULL, 10) : 0;
}

// --- lists -----------------------------------------------------------------------------------------------------

typedef struct Notes {
    Arena *arena;
    uint64_t from; // numbers
    ProgramNote *at;
    size_t count, capacity;
    bool ok;
    Err *err;
} Notes;

static void notes_add(Notes *notes, Slice bytes, const char *where, uint64_t number) {
    if (notes->count == notes->capacity) {
        notes->capacity = MAX(notes->capacity * 2, (size_t)8);
        ProgramNote *more = ARENA_ARRAY(notes->arena, ProgramNote, notes->capacity);
        for (size_t i = 0; i < notes->count; i++) {
            more[i] = notes->at[i];
        }
        notes->at = more;
    }
    notes->ok = note_decode(bytes, where, number, notes->arena, &notes->at[notes->count++], notes->err);
}

static int by_number(const void *a, const void *b) {
    uint64_t left = ((const ProgramNote *)a)->number, right = ((const ProgramNote *)b)->number;
    return left < right ? -1 : left > right;
}

static void fact_visit(void *context, Slice key, Slice value) {
    Notes *notes = context;
    size_t prefix = strlen(FACT_PREFIX);
    char name[64];
    if (notes->ok && key.size < sizeof(name) && begins(key, FACT_PREFIX)) {
        snprintf(name, sizeof(name), "%.*s", SLICE_ARG(key));
        uint64_t number = number_in(name + prefix, "");
        if (number > 0 && number >= notes->from) {
            notes_add(notes, arena_slice(notes->arena, value), name, number);
        }
    }
}

static bool notes_sort(Notes *notes) {
    if (notes->ok && notes->count > 0) {
        qsort(notes->at, notes->count, sizeof(*notes->at), by_number);
    }
    return notes->ok;
}

typedef struct Numbers {
    uint64_t from, first, last;
} Numbers;

static bool number_visit(void *context, const char *name) {
    Numbers *numbers = context;
    uint64_t number = number_in(name, ".json");
    if (number > 0 && number >= numbers->from) {
        numbers->first = numbers->first == 0 ? number : numbers->first;
        numbers->last = number;
    }
    return true;
}

static void path_of(char path[PATH_MAX], const char *directory, uint64_t number) {
    snprintf(path, PATH_MAX, "%s/programs/%0*" PRIu64 ".json", directory, NAME_DIGITS, number);
}

static bool files_load(const char *directory, Notes *notes) {
    char path[PATH_MAX];
    Numbers numbers = {notes->from, 0, 0};
    Err *err = notes->err;
    snprintf(path, sizeof(path), "%s/programs", directory);
    TRY(!file_exists(path) || file_list(path, number_visit, &numbers, err));
    for (uint64_t number = numbers.first; notes->ok && number > 0 && number <= numbers.last; number++) {
        Slice bytes;
        path_of(path, directory, number);
        if (!file_read_all(path, PROGRAM_BYTES_MAX, notes->arena, &bytes, err)) {
            if (err->code != ERR_NOT_FOUND) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err); // its events were trimmed meanwhile
            continue;
        }
        notes_add(notes, bytes, path, number);
    }
    return notes->ok;
}

bool program_log_load(const ProgramPlace *place, uint64_t from, Arena *arena, ProgramNote **notes, size_t *count,
                      uint64_t *epoch, Err *err) {
    Notes found = {.arena = arena, .from = from, .ok = true, .err = err};
    JournalLook look = {0};
    if (journal_is_remote(place->journal)) {
        TRY(journal_look(place->journal, &look, fact_visit, NULL, &found, err) && notes_sort(&found));
    } else {
        TRY(files_load(place->directory, &found));
    }
    *notes = found.at;
    *count = found.count;
    *epoch = look.info.epoch;
    return true;
}

bool program_log_has(const ProgramPlace *place, uint64_t number) {
    char path[PATH_MAX];
    path_of(path, place->directory, number);
    return file_exists(path);
}

const char *program_log_journal_id(const Journal *journal, Arena *arena) {
    Slice id = journal_state_get(journal, SLICE(JOURNAL_ID_FACT));
    return id.size == JOURNAL_ID_BYTES ? arena_text(arena, id) : NULL;
}

// --- keeping ---------------------------------------------------------------------------------------------------

static bool note_write(const char *directory, Journal *journal, const ProgramNote *note, Arena *arena, Err *err) {
    char path[PATH_MAX];
    DEFER(buf_release) Buf text = {0};
    note_encode(&text, arena, note);
    if (journal != NULL) {
        const char *key = arena_printf(arena, FACT_PREFIX "%0*" PRIu64, NAME_DIGITS, note->number);
        journal_state_put(journal, slice_of(key), buf_slice(&text));
        return true;
    }
    snprintf(path, sizeof(path), "%s/programs", directory);
    TRY(file_make_directories(path, err));
    path_of(path, directory, note->number);
    return file_replace(path, buf_slice(&text), err);
}

static bool note_remove(const char *directory, Journal *journal, uint64_t number, Arena *arena, Err *err) {
    char path[PATH_MAX];
    if (journal != NULL) {
        const char *key = arena_printf(arena, FACT_PREFIX "%0*" PRIu64, NAME_DIGITS, number);
        journal_state_put(journal, slice_of(key), (Slice){0});
        return true;
    }
    path_of(path, directory, number);
    return file_remove(path, err);
}

// Of two that follow each other the older one goes when all of the journal is under the newer.
static bool trim(const char *directory, const ProgramKeep *keep, const Notes *notes, bool *changed, Err *err) {
    for (size_t i = 0; i + 1 < notes->count && notes->at[i + 1].from <= keep->begin; i++) {
        TRY(note_remove(directory, keep->journal, notes->at[i].number, notes->arena, err));
        *changed = true;
    }
    return true;
}

static void id_keep(Journal *journal, bool *changed) {
    char id[JOURNAL_ID_BYTES + 1];
    if (journal_state_get(journal, SLICE(JOURNAL_ID_FACT)).size != JOURNAL_ID_BYTES) {
        snprintf(id, sizeof(id), "%016" PRIx64, random_number());
        journal_state_put(journal, SLICE(JOURNAL_ID_FACT), slice_of(id));
        *changed = true;
    }
}

// A cut in which nothing is but facts, where the journal ended.
static bool facts_sync(Journal *journal, Err *err) {
    JournalInfo info;
    journal_info(journal, &info);
    return journal_cut(journal, &info.position, err) && journal_sync(journal, err);
}

static bool keep_newest(const char *directory, const ProgramKeep *keep, const Notes *notes, ProgramNote *note,
                        bool *changed, Err *err) {
    Arena *arena = notes->arena;
    Properties kept = that_matter(arena, keep->config);
    const ProgramNote *last = notes->count > 0 ? &notes->at[notes->count - 1] : NULL;
    if (last != NULL && equal(&last->config, &kept)) {
        *note = *last;
        return true;
    }
    *note = (ProgramNote){
        .number = last != NULL ? last->number + 1 : 1, .from = keep->end, .name = keep->name, .config = kept};
    char run_id[37];
    random_uuid(run_id);
    note->run_id = slice_of(arena_printf(arena, "%s", run_id));
    TRY(note_write(directory, keep->journal, note, arena, err));
    *changed = true;
    return true;
}

bool program_log_keep(const char *directory, const ProgramKeep *keep, Arena *arena, ProgramNote *note, Err *err) {
    Notes notes = {.arena = arena, .ok = true, .err = err};
    bool changed = false;
    if (keep->journal != NULL) {
        journal_state_each(keep->journal, fact_visit, &notes);
        TRY(notes_sort(&notes));
        id_keep(keep->journal, &changed);
    } else {
        TRY(files_load(directory, &notes));
    }
    TRY(trim(directory, keep, &notes, &changed, err));
    bool noted = false;
    TRY(keep_newest(directory, keep, &notes, note, &noted, err));
    TRY(!(changed || noted) || keep->journal == NULL || facts_sync(keep->journal, err));
    if (noted) {
        CRASH_POINT("connector.program_noted");
    }
    return true;
}
