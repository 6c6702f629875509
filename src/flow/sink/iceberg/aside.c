// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/aside.h"

#include "core/base/log.h"

enum { ASIDE_TEXT_BYTES = 300 };

// `reason` names the table.
static void put_reason(Map *aside, const Lake *lake, const JournalEntry *entry, const char *reason) {
    const Schema *schema = entry->schema;
    char *text = calloc(1, ASIDE_TEXT_BYTES);
    ASSERT(text != NULL);
    snprintf(text, ASIDE_TEXT_BYTES, "%.250s: its changes are passed over", reason);
    free(map_find(aside, entry->topic->name));
    map_put(aside, entry->topic->name, text);
    char hint[ASIDE_TEXT_BYTES];
    snprintf(
        hint, sizeof(hint),
        "have it read again: leat resync %s --tables %.*s.%.*s; or, when the catalog is an older copy, stop leat and "
        "give it the newer metadata back: leat catalog rebuild",
        lake->pipeline, SLICE_ARG(schema->space), SLICE_ARG(schema->table));
    log_warn(LOG_SINK, "a table is set aside", LOG_TEXT("reason", text), LOG_TEXT("hint", hint));
}

static void put_aside(Map *aside, const Lake *lake, const JournalEntry *entry, const char *what) {
    char reason[ASIDE_TEXT_BYTES];
    snprintf(reason, sizeof(reason), "table %.*s.%.*s %s", SLICE_ARG(entry->schema->space),
             SLICE_ARG(entry->schema->table), what);
    put_reason(aside, lake, entry, reason);
}

static const char *missing(const LakeTable *table, uint64_t offset) {
    if (table->committed == 0) {
        return "is another one in the catalog than the one that this pipeline has made";
    }
    return table->committed < offset ? "is older in the catalog than this pipeline has left it" : NULL;
}

bool aside_table_open(Lake *lake, Map *aside, const JournalEntry *entry, LakeTable **table, Err *err) {
    bool anew = entry->event->op == OP_TRUNCATE, first = entry->offset == 0;
    *table = NULL;
    if (!anew && map_find(aside, entry->topic->name) != NULL) {
        return true;
    }
    lake->first = entry->event->op;
    TRY(lake_table_open(lake, entry->topic->name, entry->schema, anew || first, table, err));
    if (anew || first) {
        free(map_remove(aside, entry->topic->name));
        return true;
    }
    const char *what = *table == NULL ? "is not in the catalog any more" : missing(*table, entry->offset);
    if (what != NULL) {
        put_aside(aside, lake, entry, what);
        if (*table != NULL) {
            lake_table_close(*table);
            *table = NULL;
        }
    }
    return true;
}

bool aside_table_put(const Lake *lake, Map *aside, const JournalEntry *entry, LakeTable *table, Err *err) {
    if (err->code != ERR_TABLE) {
        return false;
    }
    if (table != NULL) {
        lake_table_close(table);
    }
    put_reason(aside, lake, entry, err->message);
    err_clear(err);
    return true;
}

void aside_say(const Map *aside, char *text, size_t size) {
    text[0] = '\0';
    for (MapEntry *e = NULL; (e = map_next(aside, e)) != NULL;) {
        snprintf(text, size, "%s (have it read again: leat resync)%s", (const char *)e->value,
                 aside->count > 1 ? "; and others" : "");
        return;
    }
}

void aside_release(Map *aside) {
    for (MapEntry *e = NULL; (e = map_next(aside, e)) != NULL;) {
        free(e->value);
    }
    map_release(aside);
}
