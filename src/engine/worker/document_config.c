// SPDX-License-Identifier: Apache-2.0
#include "engine/worker/document_config.h"

#include <jansson.h>

static bool properties_of(const json_t *object, Arena *arena, Properties *properties, Err *err) {
    char *flat = json_dumps(object, 0);
    bool ok = flat != NULL ? properties_parse(arena, slice_of(flat), properties, err)
                           : FAIL(err, ERR_OPTION, "a connector's document has no config");
    free(flat);
    return ok;
}

static bool document_of(const json_t *root, const char *problem, Arena *arena, DocumentConfig *document, Err *err) {
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const json_t *kafka = json_object_get(root, "kafka");
    if (kind == NULL) {
        return FAIL(err, ERR_OPTION, "a connector's document has no kind: %.200s", problem);
    }
    const char *journal = json_string_value(json_object_get(root, "journal"));
    *document = (DocumentConfig){.kind = arena_text(arena, slice_of(kind)),
                                 .journal = arena_text(arena, slice_of(journal != NULL ? journal : "")),
                                 .clustered = json_is_true(json_object_get(root, "clustered")),
                                 .task = (uint32_t)json_integer_value(json_object_get(root, "task")),
                                 .tasks = (uint32_t)json_integer_value(json_object_get(root, "tasks"))};
    char *pipeline = json_dumps(json_object_get(root, "pipeline"), JSON_INDENT(1)); // NULL: there is none
    if (pipeline != NULL) {
        document->pipeline = arena_slice(arena, slice_of(pipeline));
        free(pipeline);
    }
    return properties_of(json_object_get(root, "config"), arena, &document->config, err) &&
           (kafka == NULL || properties_of(kafka, arena, &document->kafka, err));
}

bool document_config(Slice json, Arena *arena, DocumentConfig *document, Err *err) {
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &where);
    bool ok = document_of(root, root == NULL ? where.text : "it is JSON", arena, document, err);
    json_decref(root);
    return ok;
}
