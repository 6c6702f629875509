// SPDX-License-Identifier: Apache-2.0
#include "engine/worker/document_config.h"

#include <jansson.h>

bool document_config(Slice json, Arena *arena, const char **kind, Properties *config, Err *err) {
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &where);
    const char *text = json_string_value(json_object_get(root, "kind"));
    char *flat = json_dumps(json_object_get(root, "config"), 0);
    bool ok = text != NULL && flat != NULL;
    if (!ok) {
        FAIL(err, ERR_OPTION, "a connector's document has no kind, or no config: %.200s",
             root == NULL ? where.text : "it is JSON");
    } else {
        *kind = arena_text(arena, slice_of(text));
        ok = properties_parse(arena, slice_of(flat), config, err);
    }
    free(flat);
    json_decref(root);
    return ok;
}
