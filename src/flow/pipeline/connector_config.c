// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_config.h"

#include "core/config/secret.h"
#include "data/connect/plugin.h"

#include <strings.h>

// Of memory.limit, as in pipeline.c.
#define JOURNAL_PART 4

bool connector_resolve(Arena *arena, const Properties *config, Properties *resolved, Err *err) {
    const Property *class_name = properties_find(config, SLICE("connector.class"));
    const Plugin *plugin = class_name != NULL ? plugin_connector(class_name->value) : NULL;
    Properties renamed = plugin != NULL ? plugin_renamed(arena, plugin, config) : *config;
    return secret_resolve_all(arena, &renamed, resolved, err);
}

static bool own_options(Arena *arena, const Properties *own, PipelineOptions *options, Err *err) {
    for (size_t i = 0; i < own->count; i++) {
        const char *name = arena_text(arena, own->at[i].name), *value = arena_text(arena, own->at[i].value);
        if (strcmp(name, "journal.retention.ms") == 0) {
            name = "journal.retention.time";
            value = arena_printf(arena, "%sms", value);
        }
        if (option_find(&PIPELINE_OPTIONS, name) != NULL &&
            !option_set(&PIPELINE_OPTIONS, options, name, value, arena, err)) {
            return err_prefix(err, "leat.%s", name);
        }
    }
    return true;
}

bool connector_options(Arena *arena, const Properties *config, PipelineOptions *options, Err *err) {
    Properties own = properties_under(arena, config, SLICE("leat."));
    option_defaults(&PIPELINE_OPTIONS, options);
    options->journal_retention_ms = INT64_C(7) * 86400000;
    options->journal_retention_bytes = INT64_C(1) << 30;
    return own_options(arena, &own, options, err);
}

void connector_journal_options(const PipelineOptions *options, JournalOptions *journal) {
    *journal = (JournalOptions){.segment_bytes_max = (size_t)options->journal_segment_bytes,
                                .memory_bytes_max = (size_t)options->memory_limit / JOURNAL_PART,
                                .retention_bytes = (uint64_t)options->journal_retention_bytes,
                                .retention_ms = (uint64_t)options->journal_retention_ms};
}

bool connector_int(const Properties *config, const char *name, int64_t otherwise, int64_t *number, Err *err) {
    const Property *property = properties_find(config, slice_of(name));
    char text[32], *end = NULL;
    *number = otherwise;
    if (property == NULL || property->value.size == 0) {
        return true;
    }
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(property->value));
    *number = strtoll(text, &end, 10);
    if (*end != '\0' || property->value.size >= sizeof(text) || end == text) {
        return FAIL(err, ERR_OPTION, "%s: \"%.40s\" is no number", name, text);
    }
    return true;
}

bool connector_true(const Properties *config, const char *name, bool otherwise) {
    const Property *property = properties_find(config, slice_of(name));
    if (property == NULL || property->value.size == 0) {
        return otherwise;
    }
    return property->value.size == 4 && strncasecmp((const char *)property->value.data, "true", 4) == 0;
}

Slice connector_converter(const Properties *config, bool is_key) {
    const Property *property = properties_find(config, slice_of(is_key ? "key.converter" : "value.converter"));
    if (property == NULL || property->value.size == 0) {
        return SLICE("JsonConverter");
    }
    Slice name = property->value;
    for (size_t i = name.size; i > 0; i--) {
        if (name.data[i - 1] == '.') {
            return slice_from(name, i);
        }
    }
    return name;
}
