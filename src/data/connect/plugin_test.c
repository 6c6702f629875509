// SPDX-License-Identifier: Apache-2.0
#include "data/connect/plugin.c" // NOLINT

#include "core/base/test.h"

static Arena scratch;

static Properties config(const char *json) {
    Err err[1] = {{0}};
    Properties properties;
    CHECK_OK(properties_parse(&scratch, slice_of(json), &properties, err));
    return properties;
}

static const Definition SINK_ROWS[] = {
    {.name = "flush.size", .type = DEFINE_INT, .required = true, .minimum = "1"},
    {.name = "bucket", .type = DEFINE_STRING},
};
static const size_t SINK_ROWS_COUNT = ARRAY_LEN(SINK_ROWS);

static void check_bucket(const Properties *given, Validation *validation) {
    if (properties_find(given, SLICE("bucket")) == NULL) {
        validation_error(validation, "bucket", "a bucket is needed");
    }
}
static const Plugin SINK = {"test.SomeSinkConnector", PLUGIN_SINK,   "1.0",        SINK_ROWS,
                            &SINK_ROWS_COUNT,         WORDS_CONNECT, check_bucket, NULL};

static Validation validate(const Plugin *plugin, const char *json) {
    Properties given = config(json);
    Validation validation;
    plugin_validate(&scratch, plugin, &given, &validation);
    return validation;
}

static bool has_error(const Validation *validation, const char *name, const char *text) {
    const DefinitionValue *value = validation_find(validation, slice_of(name));
    for (size_t i = 0; value != NULL && i < value->error_count; i++) {
        if (strstr(value->errors[i], text) != NULL) {
            return true;
        }
    }
    return false;
}

TEST(plugin_names) {
    CHECK(plugin_is(&SINK, SLICE("test.SomeSinkConnector")));
    CHECK(plugin_is(&SINK, SLICE("SomeSinkConnector")));
    CHECK(plugin_is(&SINK, SLICE("SomeSink")));
    CHECK(!plugin_is(&SINK, SLICE("Some")));
    CHECK(!plugin_is(&SINK, SLICE("")));
    CHECK(plugin_connector(SLICE("leat.Sync")) != NULL);
    CHECK(plugin_connector(SLICE("nope.Nope")) == NULL);
    CHECK(plugin_find(SLICE("leat.Sync"), PLUGIN_SINK) == NULL);
}

TEST(plugin_rows_are_sound) {
    arena_init(&scratch, "scratch", 0);
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        const Plugin *plugin = &PLUGINS[i];
        for (size_t d = 0; d < own_count(plugin); d++) {
            const Definition *row = &plugin->definitions[d];
            if (row->documentation == NULL && row->alias_of == NULL && !definition_hidden(row)) {
                test_fail(__FILE__, __LINE__, "%s: %s: no documentation", plugin->class_name, row->name);
            }
            if (row->effect != EFFECT_HONOURED && row->note == NULL) {
                test_fail(__FILE__, __LINE__, "%s: %s: no note says why", plugin->class_name, row->name);
            }
            // A default passes its own check.
            if (row->default_value != NULL && row->alias_of == NULL) {
                Properties given = {0};
                properties_set(&scratch, &given, slice_of(row->name), slice_of(row->default_value));
                Validation validation = {.arena = &scratch};
                validation_add(&validation, row, 1, plugin->words, &given);
                if (validation.errors > 0) {
                    test_fail(__FILE__, __LINE__, "%s: %s: %s", plugin->class_name, row->name,
                              validation.values[0].errors[0]);
                }
            }
        }
    }
    arena_release(&scratch);
}

TEST(plugin_common_keys) {
    arena_init(&scratch, "scratch", 0);
    const Plugin *sync = plugin_connector(SLICE("leat.Sync"));
    Validation validation = validate(sync, "{\"connector.class\":\"leat.Sync\",\"name\":\"n\"}");
    CHECK_INT(validation.errors, 0);
    CHECK_TEXT(validation.values[0].name, "name");
    CHECK_TEXT(validation_find(&validation, SLICE("connector.plugin.version"))->value, PLUGIN_CONNECT_VERSION);
    validation = validate(sync, "{\"connector.class\":\"leat.Sync\",\"name\":\"\"}");
    CHECK(has_error(&validation, "name", "Invalid value  for configuration name: String may not be empty"));
    validation = validate(sync, "{\"connector.class\":\"leat.Sync\",\"name\":\"a\\nb\"}");
    CHECK(has_error(&validation, "name", "control sequences"));
    validation = validate(sync, "{\"connector.class\":\"leat.Sync\",\"name\":\"a\",\"tasks.max\":4,"
                                "\"producer.override.acks\":\"all\",\"topic.creation.default.partitions\":3}");
    CHECK_INT(validation.errors, 0);
    CHECK(validation_find(&validation, SLICE("tasks.max"))->warning != NULL);
    CHECK(validation_find(&validation, SLICE("producer.override.acks"))->warning == NULL);
    CHECK(validation_find(&validation, SLICE("topic.creation.default.partitions"))->warning == NULL);
    validation = validate(sync, "{\"name\":\"n\",\"key.converter\":\"nope.Nope\",\"transforms\":\"a,a\"}");
    CHECK(has_error(&validation, "key.converter",
                    "Invalid value nope.Nope for configuration key.converter: Class nope.Nope could not be found."));
    CHECK(has_error(&validation, "transforms", "Duplicate alias provided."));
    CHECK(has_error(&validation, "transforms.a.type", "Missing required configuration \"transforms.a.type\""));
    CHECK_TEXT(slice_of(validation_find(&validation, SLICE("transforms.a.type"))->definition->group), "Transforms: a");
    validation =
        validate(sync, "{\"name\":\"n\",\"connector.class\":\"X\",\"transforms\":\"a\",\"transforms.a.type\":\"x.Y\"}");
    CHECK(has_error(&validation, "transforms.a.type", "Class x.Y could not be found."));
    arena_release(&scratch);
}

TEST(plugin_sinks_read_topics) {
    arena_init(&scratch, "scratch", 0);
    Validation validation = validate(&SINK, "{\"name\":\"n\",\"connector.class\":\"X\",\"flush.size\":0}");
    CHECK(has_error(&validation, "topics", "Must configure one of topics or topics.regex"));
    CHECK(has_error(&validation, "bucket", "a bucket is needed"));
    CHECK(has_error(&validation, "flush.size", "Value must be at least 1"));
    validation = validate(&SINK, "{\"name\":\"n\",\"connector.class\":\"X\",\"flush.size\":1,\"bucket\":\"b\","
                                 "\"topics\":\"t\",\"topics.regex\":\"t.*\"}");
    CHECK_INT(validation.errors, 2);
    validation = validate(&SINK, "{\"name\":\"n\",\"connector.class\":\"X\",\"flush.size\":1,\"bucket\":\"b\","
                                 "\"topics\":\"a,t\",\"errors.deadletterqueue.topic.name\":\"t\"}");
    CHECK(has_error(&validation, "topics", "DLQ topic 't'"));
    arena_release(&scratch);
}
