// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/aside.h"

#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/sink/iceberg/memory.h"

#include <jansson.h>

#define FILE_BYTES_MAX (64 * MIB)
enum { FORMAT = 1, ASIDE_TEXT_BYTES = 400, ASIDE_HINT_BYTES = 800 };

// What is to be done; `first` before the table is read again, "" = nothing.
typedef struct Remedy {
    const char *first;
    const char *brief; // all of it, for the status
} Remedy;

static const Remedy REMEDY_CATALOG = {
    "when the catalog is an older copy, stop leat and give it the newer metadata back: leat catalog rebuild",
    "have it read again: leat resync"};

// --- remembered ------------------------------------------------------------------------------------------------

static void text_put(Map *map, Slice topic, const char *reason) {
    size_t size = strlen(reason) + 1;
    char *text = calloc(1, size);
    ASSERT(text != NULL);
    memcpy(text, reason, size);
    free(map_find(map, topic));
    map_put(map, topic, text);
}

static bool before_read(Aside *aside, Slice bytes, Err *err) {
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    json_t *tables = json_object_get(root, "tables"), *reason;
    const char *topic;
    bool newer = json_integer_value(json_object_get(root, "format_version")) > FORMAT, ok = json_is_object(tables);
    if (ok && !newer) {
        json_object_foreach(tables, topic, reason) {
            text_put(&aside->before, slice_of(topic), json_is_string(reason) ? json_string_value(reason) : "");
        }
    }
    json_decref(root);
    if (newer) {
        FAIL(err, ERR_FORMAT_NEWER, "%s was written by a newer leat", aside->path);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    return ok || FAIL(err, ERR_STATE_CORRUPT, "%s is not understood", aside->path);
}

bool aside_load(Aside *aside, char *path, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    Slice bytes;
    aside->path = path;
    return !file_exists(path) ||
           (file_read_all(path, FILE_BYTES_MAX, &scratch, &bytes, err) && before_read(aside, bytes, err));
}

static bool save(Aside *aside, Err *err) {
    if (!aside->dirty || aside->path == NULL) {
        return true;
    }
    json_t *tables = json_object();
    const Map *maps[] = {&aside->before, &aside->tables};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        for (MapEntry *e = NULL; (e = map_next(maps[i], e)) != NULL;) {
            json_object_setn_new(tables, (const char *)e->key.data, e->key.size, json_string(e->value));
        }
    }
    json_t *root = json_pack("{s:i,s:o}", "format_version", FORMAT, "tables", tables);
    char *text = json_dumps(root, 0);
    ASSERT(text != NULL);
    bool ok = file_replace(aside->path, slice_of(text), err);
    free(text);
    json_decref(root);
    aside->dirty = !ok;
    return ok;
}

static void forget(Aside *aside, Slice topic) {
    char *now = map_remove(&aside->tables, topic), *before = map_remove(&aside->before, topic);
    aside->dirty |= now != NULL || before != NULL;
    free(now);
    free(before);
}

// --- what happens ----------------------------------------------------------------------------------------------

// `reason` names the table.
static void put_reason(Aside *aside, const Lake *lake, const JournalEntry *entry, const char *reason, Remedy remedy) {
    const Schema *schema = entry->schema;
    char text[ASIDE_TEXT_BYTES];
    snprintf(text, sizeof(text), "%.250s: its changes are passed over (%s)", reason, remedy.brief);
    forget(aside, entry->topic->name);
    text_put(&aside->tables, entry->topic->name, text);
    aside->dirty = true;
    char hint[ASIDE_HINT_BYTES];
    snprintf(hint, sizeof(hint), "%s%shave it read again: leat resync %s --tables %.*s.%.*s", remedy.first,
             remedy.first[0] != '\0' ? "; then " : "", lake->pipeline, SLICE_ARG(schema->space),
             SLICE_ARG(schema->table));
    log_warn(LOG_SINK, "a table is set aside", LOG_TEXT("reason", text), LOG_TEXT("hint", hint));
}

static void put_aside(Aside *aside, const Lake *lake, const JournalEntry *entry, const char *what) {
    char reason[ASIDE_TEXT_BYTES];
    snprintf(reason, sizeof(reason), "table %.*s.%.*s %s", SLICE_ARG(entry->schema->space),
             SLICE_ARG(entry->schema->table), what);
    put_reason(aside, lake, entry, reason, REMEDY_CATALOG);
}

static const char *missing(const LakeTable *table, uint64_t offset) {
    if (table->committed == 0) {
        return "is another one in the catalog than the one that this pipeline has made";
    }
    return table->committed < offset ? "is older in the catalog than this pipeline has left it" : NULL;
}

bool aside_table_open(Lake *lake, Aside *aside, const JournalEntry *entry, LakeTable **table, Err *err) {
    bool anew = entry->event->op == OP_TRUNCATE, first = entry->offset == 0;
    *table = NULL;
    if (!anew && map_find(&aside->tables, entry->topic->name) != NULL) {
        return true;
    }
    lake->first = entry->event->op;
    TRY(lake_table_open(lake, entry->topic->name, entry->schema, anew || first, table, err));
    if (anew || first) {
        forget(aside, entry->topic->name);
        err_clear(&aside->refused);
        return save(aside, err);
    }
    const char *what = *table == NULL ? "is not in the catalog any more" : missing(*table, entry->offset);
    if (what != NULL) {
        put_aside(aside, lake, entry, what);
        if (*table != NULL) {
            lake_table_close(*table);
            *table = NULL;
        }
    } else {
        forget(aside, entry->topic->name);
    }
    err_clear(&aside->refused);
    return save(aside, err);
}

// A value is its table's affair only where that is asked for.
static bool is_the_tables(const Lake *lake, ErrCode code) {
    bool values = strcmp(lake->options->inexact, "aside") == 0;
    return code == ERR_TABLE || code == ERR_EXISTS || (code == ERR_VALUE && values);
}

static Remedy remedy_of(const Err *err) {
    const char *brief = err->code == ERR_EXISTS  ? "have it taken over (--adopt) or rename it, then leat resync"
                        : err->code == ERR_VALUE ? "mend the value, or inexact.values=text, then leat resync"
                                                 : REMEDY_CATALOG.brief;
    return (Remedy){err->hint, brief};
}

static bool own_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                      Err *err) {
    *(bool *)context = true;
    return true;
}

// Its name is taken by another's table: is there any of ours?
static bool refused_note(Lake *lake, Aside *aside, Err *err) {
    Err why = *err;
    bool any = false;
    err_clear(err);
    TRY(lake_own_tables(lake, own_visit, &any, err));
    if (!any) {
        aside->refused = why;
    }
    return true;
}

bool aside_alone(const Aside *aside) {
    return aside->refused.code != ERR_NONE;
}

bool aside_refuse(const Aside *aside, Err *err) {
    *err = aside->refused;
    return false;
}

bool aside_table_put(Lake *lake, Aside *aside, const JournalEntry *entry, LakeTable *table, Err *err) {
    if (!is_the_tables(lake, err->code)) {
        return false;
    }
    if (table != NULL) {
        lake_table_close(table);
    }
    put_reason(aside, lake, entry, err->message, remedy_of(err));
    if (err->code == ERR_EXISTS && !aside_alone(aside)) {
        TRY(refused_note(lake, aside, err));
    }
    err_clear(err);
    return save(aside, err);
}

void aside_say(const Aside *aside, char *text, size_t size) {
    const Map *map = aside->tables.count > 0 ? &aside->tables : &aside->before;
    text[0] = '\0';
    for (MapEntry *e = NULL; (e = map_next(map, e)) != NULL;) {
        bool more = aside->tables.count + aside->before.count > 1;
        snprintf(text, size, "%s%s", (const char *)e->value, more ? "; and others" : "");
        return;
    }
}

static void open_table(const LakeTable *table, SinkTableVisit visit, void *context) {
    visit(context, &(SinkTable){.topic = table->topic,
                                .committed_us = table->committed_us,
                                .waiting_us = table->oldest_us,
                                .waiting_rows = table->next > table->committed ? table->next - table->committed : 0});
}

void aside_tables(const Map *tables, const Aside *aside, SinkTableVisit visit, void *context) {
    for (MapEntry *e = NULL; (e = map_next(tables, e)) != NULL;) {
        if (((const LakeTable *)e->value)->records == NULL) { // a connector's are not of one topic
            open_table(e->value, visit, context);
        }
    }
    for (MapEntry *e = NULL; (e = map_next(&aside->tables, e)) != NULL;) {
        visit(context, &(SinkTable){.topic = e->key, .aside = e->value});
    }
    for (MapEntry *e = NULL; (e = map_next(&aside->before, e)) != NULL;) {
        visit(context, &(SinkTable){.topic = e->key, .aside = e->value});
    }
}

void aside_release(Aside *aside) {
    Map *maps[] = {&aside->tables, &aside->before};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        for (MapEntry *e = NULL; (e = map_next(maps[i], e)) != NULL;) {
            free(e->value);
        }
        map_release(maps[i]);
    }
}
