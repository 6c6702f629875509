// SPDX-License-Identifier: Apache-2.0
// Writes config.json and the data directory's FORMAT; the form is in config.h.
#include "flow/pipeline/config.h"

#include "core/base/json.h"
#include "core/config/seal.h"
#include "core/config/secret.h"
#include "core/sys/file.h"
#include "flow/pipeline/source_url.h"

typedef struct OptionsOut {
    Buf *buf;
    const PipelineConfig *config;
    const char *const *defaults; // in the order of pipeline_config_each; NULL while they are gathered
    const char **gather;
    size_t at;
    Arena *arena;
} OptionsOut;

static void option_default_gather(void *context, const OptionSpec *spec, const char *value) {
    OptionsOut *out = context;
    out->gather[out->at++] = arena_printf(out->arena, "%s", value);
}

static const char *text_field(const OptionsOut *out, const OptionSpec *spec) {
    const PipelineConfig *config = out->config;
    const void *options =
        option_find(&PIPELINE_OPTIONS, spec->name) == spec ? (const void *)&config->options : config->sink_options;
    return *(const char *const *)(const void *)((const uint8_t *)options + spec->offset);
}

// A secret's text when it is a reference; NULL for one in clear, which is not stored.
static const char *secret_stored(const OptionsOut *out, const OptionSpec *spec) {
    const char *text = text_field(out, spec);
    return text != NULL && secret_referenced(text) ? text : NULL;
}

// Each of its pairs as an option of its own.
static void map_out(OptionsOut *out, const OptionSpec *spec) {
    Slice key, value;
    for (const char *at = text_field(out, spec); option_map_next(&at, &key, &value);) {
        const char *text = arena_text(out->arena, value);
        if (!seal_is_secret(key) || secret_referenced(text)) {
            json_field_text(out->buf, option_map_name(spec, key, out->arena), text);
        }
    }
}

static void option_out(void *context, const OptionSpec *spec, const char *value) {
    OptionsOut *out = context;
    if (strcmp(value, out->defaults[out->at++]) == 0 || strcmp(spec->name, "format") == 0) {
        return; // the format has a place of its own
    }
    if (spec->type == OPTION_MAP) {
        map_out(out, spec);
        return;
    }
    if ((spec->flags & OPTION_SECRET) != 0) {
        value = secret_stored(out, spec);
    }
    if (value != NULL) {
        json_field_text(out->buf, spec->name, value);
    }
}

static void options_out(const PipelineConfig *config, Arena *arena, Buf *buf) {
    size_t count = PIPELINE_OPTIONS.count + config->sink->options->count;
    OptionsOut out = {.buf = buf, .config = config, .arena = arena, .gather = ARENA_ARRAY(arena, const char *, count)};
    PipelineConfig fresh = *config;
    option_defaults(&PIPELINE_OPTIONS, &fresh.options);
    fresh.sink_options = arena_alloc(arena, pipeline_sink_options_bytes(config->sink));
    option_defaults(config->sink->options, fresh.sink_options);
    pipeline_config_each(&fresh, option_default_gather, &out);
    out.defaults = out.gather;
    out.at = 0;
    pipeline_config_each(config, option_out, &out);
}

static void config_json(const PipelineConfig *config, Arena *arena, Buf *buf) {
    bool removed;
    buf_u8(buf, '{');
    json_field_int(buf, "format_version", CONFIG_FORMAT);
    json_field_text(buf, "name", config->name);
    json_key(buf, "source");
    buf_u8(buf, '{');
    json_field_text(buf, "driver", config->source->name);
    json_field_text(buf, "url", source_url_stored(arena, config->source_url, &removed));
    json_field_bool(buf, "password_removed", removed);
    buf_u8(buf, '}');
    json_key(buf, "sink");
    buf_u8(buf, '{');
    json_field_text(buf, "driver", config->sink->name);
    json_field_text(buf, "url", config->sink_url);
    buf_u8(buf, '}');
    json_field_text(buf, "format", config->format);
    json_key(buf, "options");
    buf_u8(buf, '{');
    options_out(config, arena, buf);
    buf_text(buf, "}}\n");
}

static bool save(const PipelineConfig *config, Arena *arena, Err *err) {
    DEFER(buf_release) Buf buf = {0};
    size_t root = strlen(config->directory) - strlen(config->name) - strlen("/pipelines/");
    const char *data_directory = arena_printf(arena, "%.*s", (int)root, config->directory);
    TRY(file_make_directories(config->directory, err));
    TRY(data_directory_ensure(data_directory, arena, err));
    config_json(config, arena, &buf);
    return file_replace(arena_printf(arena, "%s/config.json", config->directory), buf_slice(&buf), err);
}

bool pipeline_config_save(const PipelineConfig *config, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = save(config, &scratch, err);
    arena_release(&scratch);
    return ok;
}
