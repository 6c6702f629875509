// SPDX-License-Identifier: Apache-2.0
#include "core/config/definition.c" // NOLINT

#include "core/base/test.h"

static Arena scratch;

static const Definition ROWS[] = {
    {.name = "tasks.max", .type = DEFINE_INT, .default_value = "1", .minimum = "1"},
    {.name = "topic", .type = DEFINE_STRING, .required = true},
    {.name = "file", .type = DEFINE_STRING},
    {.name = "enable", .type = DEFINE_BOOLEAN, .default_value = "false"},
    {.name = "tolerance", .type = DEFINE_STRING, .default_value = "none", .choices = "none,all"},
    {.name = "password", .type = DEFINE_PASSWORD, .choices = "a"},
    {.name = "small", .type = DEFINE_SHORT, .maximum = "9"},
    {.name = "ratio", .type = DEFINE_DOUBLE},
    {.name = "queue", .type = DEFINE_LONG, .default_value = "8192", .effect = EFFECT_NONE, .note = "leat has no queue"},
    {.name = "script", .type = DEFINE_STRING, .effect = EFFECT_REFUSED, .note = "remove it"},
    {.name = "old.topic", .type = DEFINE_STRING, .alias_of = "topic"},
    {.name = "mask.with.(d+).chars", .type = DEFINE_INT},
    {.name = "hash.([^.]+).with.salt.(.+)", .type = DEFINE_STRING},
    {.name = "producer.override.*", .effect = EFFECT_NONE, .type = DEFINE_STRING},
};

static Properties config(const char *json) {
    Err err[1] = {{0}};
    Properties properties;
    CHECK_OK(properties_parse(&scratch, slice_of(json), &properties, err));
    return properties;
}

static Validation validate(const char *json) {
    Properties given = config(json);
    Validation validation;
    definition_validate(&scratch, ROWS, ARRAY_LEN(ROWS), &given, &validation);
    return validation;
}

static const char *error_of(const char *json, const char *name, size_t at) {
    Validation validation = validate(json);
    DefinitionValue *value = validation_find(&validation, slice_of(name));
    CHECK(value != NULL);
    return at < value->error_count ? value->errors[at] : "";
}

static const char *warning_of(const char *json, const char *name) {
    Validation validation = validate(json);
    CHECK_INT(validation.errors, 0);
    DefinitionValue *value = validation_find(&validation, slice_of(name));
    CHECK(value != NULL);
    return value->warning != NULL ? value->warning : "";
}

TEST(definition_errors_are_in_connects_words) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(error_of("{}", "topic", 0)),
               "Missing required configuration \"topic\" which has no default value.");
    CHECK_TEXT(slice_of(error_of("{\"tasks.max\":\"abc\"}", "tasks.max", 0)),
               "Invalid value abc for configuration tasks.max: Not a number of type INT");
    CHECK_TEXT(slice_of(error_of("{\"tasks.max\":\"abc\"}", "tasks.max", 1)),
               "Invalid value null for configuration tasks.max: Value must be non-null");
    CHECK_TEXT(slice_of(error_of("{\"tasks.max\":0}", "tasks.max", 0)),
               "Invalid value 0 for configuration tasks.max: Value must be at least 1");
    CHECK_TEXT(slice_of(error_of("{\"tasks.max\":2147483648}", "tasks.max", 0)),
               "Invalid value 2147483648 for configuration tasks.max: Not a number of type INT");
    CHECK_TEXT(slice_of(error_of("{\"small\":10}", "small", 0)),
               "Invalid value 10 for configuration small: Value must be no more than 9");
    CHECK_TEXT(slice_of(error_of("{\"enable\":\"yes\"}", "enable", 0)),
               "Invalid value yes for configuration enable: Expected value to be either true or false");
    CHECK_TEXT(slice_of(error_of("{\"tolerance\":\"sometimes\"}", "tolerance", 0)),
               "Invalid value sometimes for configuration tolerance: String must be one of: none, all");
    CHECK_TEXT(slice_of(error_of("{\"file\":null}", "file", 0)),
               "Null value can not be supplied as the configuration value.");
    CHECK_TEXT(slice_of(error_of("{\"nobody\":null}", "nobody", 0)),
               "Null value can not be supplied as the configuration value.");
    CHECK_TEXT(slice_of(error_of("{\"ratio\":\"1e\"}", "ratio", 0)),
               "Invalid value 1e for configuration ratio: Not a number of type DOUBLE");
    arena_release(&scratch);
}

TEST(definition_secrets_stay_out_of_errors) {
    arena_init(&scratch, "scratch", 0);
    CHECK(strstr(error_of("{\"password\":\"hunter2\"}", "password", 0), "hunter2") == NULL);
    arena_release(&scratch);
}

TEST(definition_good_values_pass) {
    arena_init(&scratch, "scratch", 0);
    Validation validation =
        validate("{\"topic\":\"t\",\"tasks.max\":\" 7 \",\"enable\":\"TRUE\",\"tolerance\":\"All\",\"ratio\":1.5,"
                 "\"small\":-32768}");
    CHECK_INT(validation.errors, 0);
    CHECK_TEXT(validation_find(&validation, SLICE("queue"))->value, "8192");
    CHECK(validation_find(&validation, SLICE("file"))->value.data == NULL);
    CHECK(validation_find(&validation, SLICE("old.topic")) == NULL);
    CHECK(validation_find(&validation, SLICE("producer.override.*")) == NULL);
    // A reference is of whatever type it resolves to.
    validation = validate("{\"topic\":\"t\",\"tasks.max\":\"${env:TASKS}\"}");
    CHECK_INT(validation.errors, 0);
    arena_release(&scratch);
}

TEST(definition_effects) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(warning_of("{\"topic\":\"t\",\"queue\":\"1\"}", "queue")),
               "'queue' has no effect in leat: leat has no queue");
    CHECK_TEXT(slice_of(warning_of("{\"topic\":\"t\",\"queue\":\"8192\"}", "queue")), "");
    CHECK_TEXT(slice_of(warning_of("{\"topic\":\"t\",\"producer.override.acks\":\"1\"}", "producer.override.acks")),
               "'producer.override.acks' has no effect in leat");
    CHECK_TEXT(slice_of(warning_of("{\"topic\":\"t\",\"what\":\"1\"}", "what")),
               "'what' is not known here and has no effect");
    CHECK_TEXT(slice_of(error_of("{\"topic\":\"t\",\"script\":\"x\"}", "script", 0)),
               "Invalid value x for configuration script: leat does not do this: remove it");
    arena_release(&scratch);
}

TEST(definition_old_names) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(warning_of("{\"old.topic\":\"t\"}", "old.topic")),
               "'old.topic' is an old name: it is taken as 'topic'");
    Validation validation = validate("{\"old.topic\":\"t\"}");
    CHECK_TEXT(validation_find(&validation, SLICE("topic"))->value, "t");
    Properties properties = config("{\"a\":\"1\",\"old.topic\":\"t\"}");
    definition_rename(&scratch, ROWS, ARRAY_LEN(ROWS), &properties);
    CHECK_INT(properties.count, 2);
    CHECK_TEXT(properties_find(&properties, SLICE("topic"))->value, "t");
    properties = config("{\"topic\":\"new\",\"old.topic\":\"t\"}");
    definition_rename(&scratch, ROWS, ARRAY_LEN(ROWS), &properties);
    CHECK_INT(properties.count, 1);
    CHECK_TEXT(properties_find(&properties, SLICE("topic"))->value, "new");
    arena_release(&scratch);
}

TEST(definition_patterns) {
    arena_init(&scratch, "scratch", 0);
    CHECK(definition_covers(&ROWS[11], SLICE("mask.with.12.chars")));
    CHECK(!definition_covers(&ROWS[11], SLICE("mask.with..chars")));
    CHECK(!definition_covers(&ROWS[11], SLICE("mask.with.12.char")));
    CHECK(definition_covers(&ROWS[12], SLICE("hash.SHA-256.with.salt.pepper")));
    CHECK(!definition_covers(&ROWS[12], SLICE("hash.SHA-256.with.salt.")));
    CHECK_TEXT(slice_of(warning_of("{\"topic\":\"t\",\"mask.with.3.chars\":\"a\"}", "mask.with.3.chars")), "");
    arena_release(&scratch);
}

TEST(definition_debezium_words) {
    arena_init(&scratch, "scratch", 0);
    Properties given = config("{\"tasks.max\":\"0\",\"tolerance\":\"x\"}");
    Validation validation = {.arena = &scratch};
    validation_add(&validation, ROWS, ARRAY_LEN(ROWS), WORDS_DEBEZIUM, &given);
    CHECK_INT(validation.errors, 3);
    CHECK_TEXT(slice_of(validation.values[0].errors[0]),
               "The 'tasks.max' value is invalid: A positive, non-zero integer value is expected");
    CHECK_TEXT(slice_of(validation.values[1].errors[0]), "The 'topic' value is invalid: A value is required");
    CHECK_TEXT(slice_of(validation_find(&validation, SLICE("tolerance"))->errors[0]),
               "The 'tolerance' value is invalid: Value must be one of none, all");
    validation_error(&validation, "topic", "%s too", "this");
    validation_error(&validation, "elsewhere", "and this");
    CHECK_INT(validation.errors, 5);
    CHECK_INT(validation_find(&validation, SLICE("topic"))->error_count, 2);
    arena_release(&scratch);
}
