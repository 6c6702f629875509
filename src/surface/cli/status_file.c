// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/status_file.h"

#include "core/sys/file.h"

#include <jansson.h>

enum { STATUS_BYTES_MAX = 64 << 20 };

static const char *text(const json_t *object, const char *name, Arena *arena) {
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? arena_printf(arena, "%s", value) : NULL;
}

static int64_t number(const json_t *object, const char *name, int64_t absent) {
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : absent;
}

static const char *text_or(const char *value, const char *otherwise) {
    return value != NULL ? value : otherwise;
}

static void tables_read(const json_t *array, Arena *arena, StatusFile *status) {
    status->table_count = json_array_size(array);
    status->tables = ARENA_ARRAY(arena, StatusTable, status->table_count);
    for (size_t i = 0; i < status->table_count; i++) {
        const json_t *table = json_array_get(array, i);
        status->tables[i] = (StatusTable){
            .name = text_or(text(table, "table", arena), "?"),
            .state = text_or(text(table, "state", arena), "?"),
            .reason = text(table, "reason", arena),
            .rows_expected = number(table, "rows_expected", -1),
            .snapshot_rows = number(table, "snapshot_rows", 0),
            .changes = number(table, "changes", 0),
        };
    }
}

// A table that the sink has set aside is shown as that, whatever the source does with it.
static void aside_read(const json_t *sink_tables, Arena *arena, StatusFile *status) {
    for (size_t i = 0; i < json_array_size(sink_tables); i++) {
        const json_t *table = json_array_get(sink_tables, i);
        const char *name = json_string_value(json_object_get(table, "table")), *reason = text(table, "aside", arena);
        for (size_t j = 0; reason != NULL && name != NULL && j < status->table_count; j++) {
            if (strcmp(status->tables[j].name, name) == 0) {
                status->tables[j].state = "set aside";
                status->tables[j].reason = reason;
            }
        }
    }
}

static double dollars(const json_t *root, const char *key) {
    const json_t *value = json_object_get(root, key);
    return json_is_number(value) ? json_number_value(value) : -1;
}

static void requests_read(const json_t *requests, StatusFile *status) {
    static const char *const KINDS[] = {"put", "multipart", "part", "get", "head", "list", "remove"};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        status->sink_requests += number(requests, KINDS[i], 0);
    }
}

static void status_read(const json_t *root, Arena *arena, StatusFile *status) {
    status->phase = text_or(text(root, "phase", arena), "?");
    status->trouble = text(root, "trouble", arena);
    status->sink_trouble = text(root, "sink_trouble", arena);
    status->retention_of = text(root, "retention_of", arena);
    status->retention_share = json_number_value(json_object_get(root, "retention_share"));
    status->durable_lsn = text_or(text(root, "durable_lsn", arena), "0/0");
    status->time_ms = number(root, "time_ms", 0);
    status->lag_ms = number(root, "lag_ms", -1);
    status->lag_bytes = number(root, "lag_bytes", 0);
    status->changes = number(root, "changes", 0);
    status->journal_bytes = number(root, "journal_bytes", 0);
    status->sink_behind_bytes = number(root, "sink_behind_bytes", 0);
    status->sink_tries = number(root, "sink_tries", 0);
    status->sink_away_ms = number(root, "sink_away_ms", 0);
    status->sink_files = number(root, "sink_files", 0);
    status->sink_commits = number(root, "sink_commits", 0);
    status->sink_bytes = number(root, "sink_bytes", 0);
    status->sink_published_ms = number(root, "sink_published_ms", 0);
    status->dead_letters = number(root, "dead_letters", 0);
    status->month_requests_usd = dollars(root, "sink_month_requests_usd");
    status->month_storage_usd = dollars(root, "sink_month_storage_usd");
    requests_read(json_object_get(root, "sink_requests"), status);
    tables_read(json_object_get(root, "tables"), arena, status);
    aside_read(json_object_get(root, "sink_tables"), arena, status);
}

static void verify_look(const json_t *root, Arena *arena, StatusFile *status) {
    const json_t *last = json_object_get(root, "last"), *tables = json_object_get(root, "tables");
    status->verified = text(last, "result", arena);
    status->verify_why = text(last, "message", arena);
    status->verified_ms = number(last, "ended_ms", 0);
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const char *result = json_string_value(json_object_get(json_array_get(tables, i), "result"));
        status->verify_differ += result != NULL && strcmp(result, "differs") == 0;
        status->verify_not_compared += result != NULL && strcmp(result, "not_compared") == 0;
    }
}

// Only a report: one that cannot be read is none.
static void verify_read(const char *directory, Arena *arena, StatusFile *status) {
    Err ignored[1] = {{0}};
    const char *path = arena_printf(arena, "%s/verify.json", directory);
    Slice bytes;
    if (!file_exists(path) || !file_read_all(path, STATUS_BYTES_MAX, arena, &bytes, ignored)) {
        return;
    }
    while (bytes.size > 0 && bytes.data[bytes.size - 1] == '\n') {
        bytes.size--;
    }
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    if (json_is_object(root)) {
        status->verify = arena_text(arena, bytes);
        verify_look(root, arena, status);
    }
    json_decref(root);
}

bool status_file_read(const char *directory, Arena *arena, StatusFile *status, Err *err) {
    const char *path = arena_printf(arena, "%s/status.json", directory);
    Slice bytes;
    *status = (StatusFile){.present = file_exists(path), .phase = "never run", .durable_lsn = "0/0", .lag_ms = -1};
    verify_read(directory, arena, status);
    if (!status->present) {
        return true;
    }
    TRY(file_read_all(path, STATUS_BYTES_MAX, arena, &bytes, err));
    json_error_t problem;
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, 0, &problem);
    if (!json_is_object(root)) {
        json_decref(root);
        FAIL(err, ERR_STATE_CORRUPT, "%s: line %d: %s", path, problem.line, problem.text);
        return err_hint(err, "it is only a report: remove it, the next run writes it anew");
    }
    while (bytes.size > 0 && bytes.data[bytes.size - 1] == '\n') {
        bytes.size--;
    }
    status->json = arena_text(arena, bytes);
    status_read(root, arena, status);
    json_decref(root);
    return true;
}
