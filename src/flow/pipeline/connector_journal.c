// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_journal.h"

#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_kafka.h"

#include <limits.h>

#define OWN "leat.journal"

const char *connector_journal_url(Arena *arena, const char *server, const Properties *config) {
    const Property *own = properties_find(config, SLICE(OWN));
    return own != NULL && own->value.data != NULL ? arena_text(arena, own->value) : server;
}

static const char *topic_name(Arena *arena, Slice name) {
    char *folder = connector_folder(arena, name);
    for (char *at = folder; *at != '\0'; at++) {
        *at = *at == '%' ? 'X' : *at == '~' ? 'Y' : *at;
    }
    return folder;
}

bool connector_journal_check(const char *server, Slice name, const Properties *config, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    const char *url = connector_journal_url(scratch, server, config);
    bool ok = url[0] == '\0' || journal_place_check(url, topic_name(scratch, name), err);
    arena_release(scratch);
    return ok;
}

bool connector_journal_place(const char *server, Slice name, const Properties *config, const char *directory,
                             Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    const char *journal = arena_printf(scratch, "%s/journal", directory);
    bool ok = journal_place(journal, connector_journal_url(scratch, server, config), topic_name(scratch, name), err);
    arena_release(scratch);
    return ok;
}

static bool below_remove(const char *directory, Err *err) {
    static const char *const PARTS[] = {"spool", "programs", ("sinks/" CONNECTOR_KAFKA_PIN), "journal"};
    char path[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, PARTS[i]);
        TRY(!file_exists(path) || file_remove_tree(path, err));
    }
    return true;
}

bool connector_journal_remove(const ConnectorRun *run, const char *directory, Err *err) {
    char path[PATH_MAX];
    Err why[1] = {{0}};
    snprintf(path, sizeof(path), "%s/journal", directory);
    if (!journal_is_remote(path)) {
        // It may have run elsewhere. One that has a journal in files keeps it.
        bool placed = connector_journal_place(run->journal, run->name, run->config, directory, why);
        if (!placed || !journal_is_remote(path)) {
            return true;
        }
    }
    if (!connector_kafka_remove(run, directory, why)) {
        log_warn(LOG_SINK, "the position of the connector's records stays in Kafka", LOG_TEXT("reason", why->message));
    }
    return journal_remove(path, err) && below_remove(directory, err);
}
