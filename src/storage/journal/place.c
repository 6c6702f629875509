// SPDX-License-Identifier: Apache-2.0
// Where a journal is, and what can be asked of one that somebody else writes.
#include "storage/journal/place.h"

#include "core/sys/file.h"
#include "storage/kafka/options.h"

#include <limits.h>

enum { PLACE_BYTES_MAX = 16384 };

// --- the file ----------------------------------------------------------------------------------------------------

static const char *place_path(char path[PATH_MAX], const char *directory) {
    snprintf(path, PATH_MAX, "%s/place", directory);
    return path;
}

static const char *line_next(Arena *arena, Slice *text) {
    const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    const char *line = arena_text(arena, (Slice){text->data, size});
    *text = slice_from(*text, MIN(size + 1, text->size));
    return line;
}

bool place_load(const char *directory, Arena *arena, JournalPlace *place, Err *err) {
    char path[PATH_MAX];
    Slice text = {0};
    *place = (JournalPlace){0};
    if (!file_read_all(place_path(path, directory), PLACE_BYTES_MAX, arena, &text, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        return true;
    }
    place->url = line_next(arena, &text);
    place->name = line_next(arena, &text);
    place->opened = strcmp(line_next(arena, &text), "1") == 0;
    return place->name[0] != '\0' || FAIL(err, ERR_STATE_CORRUPT, "%s cannot be read", path);
}

bool place_save(const char *directory, const JournalPlace *place, Err *err) {
    char path[PATH_MAX];
    DEFER(buf_release) Buf text = {0};
    buf_printf(&text, "%s\n%s\n%s", place->url, place->name, place->opened ? "1\n" : "");
    return file_replace(place_path(path, directory), buf_slice(&text), err);
}

const JournalDriver *journal_driver(const char *directory) {
    char path[PATH_MAX];
    return file_exists(place_path(path, directory)) ? &KAFKA_JOURNAL : &LOCAL_JOURNAL;
}

// --- choosing ----------------------------------------------------------------------------------------------------

static bool moved_fail(const char *directory, const char *is, Err *err) {
    FAIL(err, ERR_OPTION, "%s: this journal is %s, and stays there", directory, is);
    return err_hint(err,
                    "say where it is as before (--journal; leat.journal of a connector, \"\" for files); or delete "
                    "the pipeline, or the connector and this folder, and make it anew with the other journal");
}

bool journal_place_check(const char *url, const char *name, Err *err) {
    if (!kafka_url_accepts(url)) {
        FAIL(err, ERR_OPTION, "%s: no journal can be there", url);
        return err_hint(err, "write kafka://HOST:PORT/, or leave it out: then the journal is in the data directory");
    }
    return KAFKA_JOURNAL.place_check(url, name, err);
}

bool journal_place_probe(const char *url, const char *name, Err *err) {
    return journal_place_check(url, name, err) && KAFKA_JOURNAL.place_probe(url, name, err);
}

static bool in_files(const char *directory) {
    JournalLook look;
    Ledger ledger;
    ledger_init(&ledger);
    bool there = LOCAL_JOURNAL.look(directory, &look, &ledger, &(Err){0});
    ledger_release(&ledger);
    return there;
}

bool journal_place(const char *directory, const char *url, const char *name, Err *err) {
    Arena scratch[1];
    JournalPlace place;
    arena_init_small(scratch, "scratch", 1024);
    bool ok = place_load(directory, scratch, &place, err);
    if (ok && url[0] == '\0') {
        ok = place.url == NULL || moved_fail(directory, "in Kafka", err);
    } else if (ok && (place.url == NULL || strcmp(place.url, url) != 0)) {
        bool files = place.url == NULL && in_files(directory);
        place = (JournalPlace){.url = url, .name = name, .opened = place.opened};
        ok = journal_place_check(url, name, err) &&
             (files ? moved_fail(directory, "in files", err)
                    : file_make_directories(directory, err) && place_save(directory, &place, err));
    }
    arena_release(scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool journal_is_remote(const char *directory) {
    return journal_driver(directory) != &LOCAL_JOURNAL;
}

bool journal_remove(const char *directory, Err *err) {
    const JournalDriver *driver = journal_driver(directory);
    return driver->remove == NULL || driver->remove(directory, err);
}

// --- looking -----------------------------------------------------------------------------------------------------

bool journal_look(const char *directory, JournalLook *found, JournalStateVisit state, JournalTopicVisit topic,
                  void *context, Err *err) {
    Ledger ledger;
    ledger_init(&ledger);
    bool ok = journal_driver(directory)->look(directory, found, &ledger, err);
    if (ok) {
        found->info.cut_sequence = ledger.cut_sequence;
        found->info.position = ledger.position;
        found->info.cut_ms = ledger.cut_ms;
    }
    for (uint32_t id = 0; ok && id < ledger_topic_end(&ledger); id++) {
        const LedgerTopic *each = ledger_topic(&ledger, id);
        if (each != NULL) {
            found->topic_count++;
            if (topic != NULL) {
                topic(context, each->topic.name, each->next_offset);
            }
        }
    }
    if (ok && state != NULL) {
        ledger_each(&ledger, state, context);
    }
    ledger_release(&ledger);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool journal_check(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                   void *context, Err *err) {
    return journal_driver(directory)->check(directory, check, finding, context, err);
}
