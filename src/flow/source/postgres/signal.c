// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/signal.h"

#include <jansson.h>
#include <strings.h>

static Slice text_of(Arena *arena, const json_t *value) {
    return json_is_string(value)
               ? arena_slice(arena, (Slice){(const uint8_t *)json_string_value(value), json_string_length(value)})
               : (Slice){0};
}

static PgSignalKind kind_of(Slice type) {
    static const struct {
        const char *type;
        PgSignalKind kind;
    } KINDS[] = {
        {"log", PG_SIGNAL_LOG},
        {"execute-snapshot", PG_SIGNAL_EXECUTE},
        {"stop-snapshot", PG_SIGNAL_STOP},
        {"pause-snapshot", PG_SIGNAL_PAUSE},
        {"resume-snapshot", PG_SIGNAL_RESUME},
        {"snapshot-window-open", PG_SIGNAL_WINDOW_OPEN},
        {"snapshot-window-close", PG_SIGNAL_WINDOW_CLOSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (slice_is(type, KINDS[i].type)) {
            return KINDS[i].kind;
        }
    }
    return PG_SIGNAL_OTHER;
}

static bool wrong(const PgSignal *signal, const char *what, Err *err) {
    FAIL(err, ERR_VALUE, "signal \"%.*s\": %s", (int)MIN(signal->id.size, 64), (const char *)signal->id.data, what);
    return err_hint(err,
                    "execute-snapshot wants {\"type\": \"incremental\", \"data-collections\": [\"schema.table\"]}");
}

static bool collections_read(Arena *arena, const json_t *root, PgSignal *signal, Err *err) {
    const json_t *list = json_object_get(root, "data-collections");
    if (list != NULL && !json_is_array(list)) {
        return wrong(signal, "data-collections is not a list", err);
    }
    signal->collections = ARENA_ARRAY(arena, Slice, json_array_size(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        Slice text = text_of(arena, json_array_get(list, i));
        if (text.size == 0) {
            return wrong(signal, "data-collections has an item that is no text", err);
        }
        signal->collections[signal->collection_count++] = text;
    }
    signal->all = list == NULL;
    return true;
}

static bool conditions_read(Arena *arena, const json_t *root, PgSignal *signal, Err *err) {
    const json_t *list = json_object_get(root, "additional-conditions");
    const json_t *old = json_object_get(root, "additional-condition"); // one for all, before Debezium 2.3
    if (list != NULL && !json_is_array(list)) {
        return wrong(signal, "additional-conditions is not a list", err);
    }
    signal->conditions = ARENA_ARRAY(arena, PgSignalCondition, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        PgSignalCondition condition = {text_of(arena, json_object_get(one, "data-collection")),
                                       text_of(arena, json_object_get(one, "filter"))};
        if (condition.collection.size == 0 || condition.filter.size == 0) {
            return wrong(signal, "a condition needs data-collection and filter", err);
        }
        signal->conditions[signal->condition_count++] = condition;
    }
    if (json_is_string(old) && json_string_length(old) > 0) {
        signal->conditions[signal->condition_count++] = (PgSignalCondition){SLICE(".*"), text_of(arena, old)};
    }
    return true;
}

static bool data_read(Arena *arena, const json_t *root, PgSignal *signal, Err *err) {
    const char *type = json_string_value(json_object_get(root, "type"));
    switch (signal->kind) {
    case PG_SIGNAL_LOG:
        signal->message = text_of(arena, json_object_get(root, "message"));
        return signal->message.data != NULL || wrong(signal, "log has no message", err);
    case PG_SIGNAL_EXECUTE:
    case PG_SIGNAL_STOP:
        signal->blocking = type != NULL && strcasecmp(type, "blocking") == 0;
        if (type != NULL && !signal->blocking && strcasecmp(type, "incremental") != 0) {
            return wrong(signal, "the type of a snapshot is incremental or blocking", err);
        }
        signal->surrogate_key = text_of(arena, json_object_get(root, "surrogate-key"));
        return collections_read(arena, root, signal, err) && conditions_read(arena, root, signal, err);
    case PG_SIGNAL_PAUSE:
    case PG_SIGNAL_RESUME:
    case PG_SIGNAL_WINDOW_OPEN:
    case PG_SIGNAL_WINDOW_CLOSE:
    case PG_SIGNAL_OTHER:
        break;
    }
    return true;
}

static bool needs_data(PgSignalKind kind) {
    return kind == PG_SIGNAL_LOG || kind == PG_SIGNAL_EXECUTE;
}

bool pg_signal_parse(Arena *arena, Slice id, Slice type, Slice data, PgSignal *signal, Err *err) {
    json_error_t where;
    *signal = (PgSignal){.kind = kind_of(type), .id = arena_slice(arena, id), .all = true};
    if (signal->kind == PG_SIGNAL_OTHER || signal->kind == PG_SIGNAL_WINDOW_OPEN ||
        signal->kind == PG_SIGNAL_WINDOW_CLOSE || (data.size == 0 && !needs_data(signal->kind))) {
        return true;
    }
    json_t *root = json_loadb((const char *)data.data, data.size, 0, &where);
    bool ok =
        json_is_object(root) ? data_read(arena, root, signal, err) : wrong(signal, "its data is no JSON object", err);
    json_decref(root);
    return ok;
}

bool pg_signal_line(Arena *arena, Slice line, PgSignal *signal, Err *err) {
    json_error_t where;
    json_t *root = json_loadb((const char *)line.data, line.size, 0, &where);
    const json_t *data = json_object_get(root, "data");
    Slice id = text_of(arena, json_object_get(root, "id")), type = text_of(arena, json_object_get(root, "type"));
    *signal = (PgSignal){.id = id};
    bool ok = type.size > 0 || wrong(signal, "a line of the signal file is {\"id\", \"type\", \"data\"}", err);
    char *text = ok && data != NULL && !json_is_string(data) ? json_dumps(data, JSON_COMPACT) : NULL;
    Slice bytes = text != NULL ? slice_of(text) : text_of(arena, data);
    ok = ok && pg_signal_parse(arena, id, type, bytes, signal, err);
    free(text);
    json_decref(root);
    return ok;
}

bool pg_signal_covers(Arena *arena, Slice regex, Slice name, bool *yes, Err *err) {
    RegexList list;
    TRY(regex_list_new(arena, regex, "data-collections", &list, err));
    *yes = regex_list_matches(&list, name);
    regex_list_release(&list);
    return true;
}

bool pg_signal_wants(Arena *arena, const PgSignal *signal, Slice name, bool *yes, Err *err) {
    *yes = false;
    for (size_t i = 0; i < signal->collection_count && !*yes; i++) {
        TRY(pg_signal_covers(arena, signal->collections[i], name, yes, err));
    }
    return true;
}

bool pg_signal_filter(Arena *arena, const PgSignal *signal, Slice name, Slice *filter, Err *err) {
    bool yes = false;
    *filter = (Slice){0};
    for (size_t i = 0; i < signal->condition_count && !yes; i++) {
        TRY(pg_signal_covers(arena, signal->conditions[i].collection, name, &yes, err));
        *filter = yes ? signal->conditions[i].filter : (Slice){0};
    }
    return true;
}
