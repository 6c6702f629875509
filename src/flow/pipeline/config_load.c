// SPDX-License-Identifier: Apache-2.0
// Reads config.json and the data directory's FORMAT; the form is in config.h. (jansson's names and those of
// core/base/json.h collide, so writing is in another file.)
#include "flow/pipeline/config.h"

#include "core/sys/file.h"

#include <jansson.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

static bool not_found(const char *data_directory, const char *name, Arena *arena, Err *err) {
    DEFER(buf_release) Buf list = {0};
    const char **names;
    size_t count;
    TRY(pipeline_list(data_directory, arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    buf_u8(&list, '\0');
    FAIL(err, ERR_NOT_FOUND, "there is no pipeline \"%.60s\" in %.300s", name, data_directory);
    return count == 0 ? err_hint(err, "there is none at all yet: leat sync makes one; or give --data-dir")
                      : err_hint(err, "there are: %s", (const char *)list.data);
}

static bool text_of(const json_t *object, const char *path, const char *name, const char **text, Err *err) {
    *text = json_string_value(json_object_get(object, name));
    return *text != NULL || FAIL(err, ERR_STATE_CORRUPT, "%s: \"%s\" is missing or not a text", path, name);
}

static bool options_in(PipelineConfig *config, const json_t *options, const char *path, Arena *arena, Err *err) {
    const char *name;
    json_t *value;
    void *iterator = json_object_iter((json_t *)(uintptr_t)options);
    for (; iterator != NULL; iterator = json_object_iter_next((json_t *)(uintptr_t)options, iterator)) {
        name = json_object_iter_key(iterator);
        value = json_object_iter_value(iterator);
        if (!json_is_string(value)) {
            return FAIL(err, ERR_STATE_CORRUPT, "%s: option %.60s is not a text", path, name);
        }
        if (!pipeline_config_set(config, name, json_string_value(value), arena, err)) {
            return err_prefix(err, "%s", path);
        }
    }
    return true;
}

static bool config_in(PipelineConfig *config, const json_t *root, const char *path, const char *data_directory,
                      const PipelineDrivers *drivers, Arena *arena, Err *err) {
    const char *name, *source_url, *sink_url, *format;
    json_int_t version = json_integer_value(json_object_get(root, "format_version"));
    if (version > CONFIG_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "%s: format %d; this leat knows up to %d", path, (int)version, CONFIG_FORMAT);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    if (version < 1) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s: \"format_version\" is missing", path);
    }
    TRY(text_of(root, path, "name", &name, err));
    TRY(text_of(json_object_get(root, "source"), path, "url", &source_url, err));
    TRY(text_of(json_object_get(root, "sink"), path, "url", &sink_url, err));
    TRY(text_of(root, path, "format", &format, err));
    if (!pipeline_config_init(config, data_directory, name, source_url, sink_url, format, drivers, arena, err)) {
        return err_prefix(err, "%s", path);
    }
    return options_in(config, json_object_get(root, "options"), path, arena, err);
}

bool pipeline_config_load(const char *data_directory, const char *name, const PipelineDrivers *drivers, Arena *arena,
                          PipelineConfig *config, Err *err) {
    bool present;
    Slice bytes;
    TRY(data_directory_check(data_directory, arena, &present, err));
    if (!pipeline_exists(data_directory, name, arena)) {
        return not_found(data_directory, name, arena, err);
    }
    const char *path = arena_printf(arena, "%s/pipelines/%s/config.json", data_directory, name);
    TRY(file_read_all(path, CONFIG_BYTES_MAX, arena, &bytes, err));
    json_error_t problem;
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL) {
        FAIL(err, ERR_STATE_CORRUPT, "%s: line %d: %s", path, problem.line, problem.text);
        return err_hint(err, "restore the file, or run leat sync with --name and all options again after removing it");
    }
    bool ok = config_in(config, root, path, data_directory, drivers, arena, err);
    json_decref(root);
    return ok;
}
