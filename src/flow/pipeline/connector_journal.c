// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_journal.h"

#include "core/base/json_reader.h"
#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_kafka.h"

#include <limits.h>

#define OWN "leat.journal"

const char *connector_journal_url(Arena *arena, const char *server, const Properties *config) {
    const Property *own = properties_find(config, SLICE(OWN));
    return own != NULL && own->value.data != NULL ? arena_text(arena, own->value) : server;
}

// Of each name another: a folder has no capital letters but the digits behind a '%' or '~', which are no X and no Y.
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

bool connector_source_place(const ConnectorSource *source, const char *directory, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    bool ok = journal_place(directory, source->url, topic_name(scratch, source->name), err);
    arena_release(scratch);
    return ok;
}

// --- documents ---------------------------------------------------------------------------------------------------

enum { DOCUMENT_BYTES_MAX = 16 << 20 };

typedef struct Sources {
    Arena *arena;
    const char *directory;
    const char *server_journal;
    bool (*visit)(void *context, const ConnectorSource *source, Err *err);
    void *context;
    bool ok;
    Err *err;
} Sources;

typedef struct Document {
    Slice name;
    bool source, removed;
    Properties config;
} Document;

static bool member_read(JsonReader *reader, Arena *arena, Document *document, Err *err) {
    Slice member = reader->text;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    if (slice_is(member, "config") && token == TOKEN_OBJECT) {
        size_t start = reader->token_at;
        TRY(json_read_over(reader, token, err));
        Slice bytes = {reader->source.data + start, reader->at - start};
        return properties_parse(arena, bytes, &document->config, err);
    }
    if (slice_is(member, "name") && token == TOKEN_TEXT) {
        document->name = arena_slice(arena, reader->text);
    } else if (slice_is(member, "kind") && token == TOKEN_TEXT) {
        document->source = slice_is(reader->text, "source");
    } else if (slice_is(member, "removed")) {
        document->removed = token == TOKEN_TRUE;
    }
    return json_read_over(reader, token, err);
}

static bool document_read(const char *path, Arena *arena, Document *document, Err *err) {
    Slice bytes;
    JsonReader reader;
    JsonToken token;
    *document = (Document){0};
    TRY(file_read_all(path, DOCUMENT_BYTES_MAX, arena, &bytes, err));
    json_reader_init(&reader, bytes, arena);
    TRY(json_read(&reader, &token, err));
    while (token == TOKEN_OBJECT || token == TOKEN_NAME) {
        TRY(token == TOKEN_OBJECT || member_read(&reader, arena, document, err));
        TRY(json_read(&reader, &token, err));
    }
    return true;
}

// One that cannot be read is the supervisor's to tell.
static bool document_visit(void *context, const char *file) {
    Sources *sources = context;
    Document document;
    Err why[1] = {{0}};
    size_t size = strlen(file);
    if (file[0] == '.' || size <= 5 || strcmp(file + size - 5, ".json") != 0 ||
        !document_read(arena_printf(sources->arena, "%s/%s", sources->directory, file), sources->arena, &document,
                       why) ||
        !document.source || document.removed || document.name.size == 0) {
        return true;
    }
    ConnectorSource source = {.name = document.name, .folder = connector_folder(sources->arena, document.name)};
    source.url = connector_journal_url(sources->arena, sources->server_journal, &document.config);
    sources->ok = sources->visit(sources->context, &source, sources->err);
    return sources->ok;
}

bool connector_sources(Arena *arena, const ConnectorRun *run,
                       bool (*visit)(void *context, const ConnectorSource *source, Err *err), void *context, Err *err) {
    Sources sources = {.arena = arena, .server_journal = run->journal, .visit = visit, .context = context};
    sources.directory = arena_printf(arena, "%s/%sconnectors", run->data_directory, run->clustered ? "cluster/" : "");
    sources.ok = true;
    sources.err = err;
    TRY(!file_exists(sources.directory) || file_list(sources.directory, document_visit, &sources, err));
    return sources.ok;
}

// --- a cluster's ---------------------------------------------------------------------------------------------------

bool connector_source_forget(const ConnectorRun *run, const char *directory, Err *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/journal", directory);
    // Not one in files that was here before there was a cluster.
    return !run->anew || !journal_is_remote(path) || below_remove(directory, err);
}
