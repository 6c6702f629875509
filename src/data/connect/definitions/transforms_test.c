// SPDX-License-Identifier: Apache-2.0
#include "core/base/test.h"
#include "data/connect/definitions/transforms.c"
#include "data/connect/plugin.h"

static Arena arena;

static const DefinitionValue *checked(const char *json, Validation *validation) {
    Err err[1] = {{0}};
    Properties config;
    if (arena.name == NULL) {
        arena_init(&arena, "test", 0);
    }
    *validation = (Validation){.arena = &arena};
    CHECK_OK(properties_parse(&arena, slice_of(json), &config, err));
    transform_check(&config, validation);
    return validation->count > 0 ? &validation->values[0] : NULL;
}

TEST(transform_check_tells_what_rows_cannot_say) {
    Validation validation;
    const DefinitionValue *found =
        checked("{\"type\":\"org.apache.kafka.connect.transforms.RegexRouter\",\"regex\":\"(\",\"replacement\":\"x\"}",
                &validation);
    CHECK(found != NULL);
    CHECK_TEXT(found->name, "regex");
    CHECK(strstr(found->errors[0], "Invalid value ( for configuration regex: ") == found->errors[0]);
    found = checked("{\"type\":\"org.apache.kafka.connect.transforms.Cast$Key\",\"spec\":\"a:b\"}", &validation);
    CHECK_TEXT(found->name, "spec");
    // Left to the rows.
    CHECK(checked("{\"type\":\"org.apache.kafka.connect.transforms.RegexRouter\"}", &validation) == NULL);
    CHECK(checked("{\"type\":\"io.debezium.transforms.ExtractNewRecordState\","
                  "\"delete.tombstone.handling.mode\":\"x\"}",
                  &validation) == NULL);
    CHECK(checked("{\"type\":\"org.apache.kafka.connect.transforms.Filter\",\"predicate\":\"p\"}", &validation) ==
          NULL);
}

// Every class that the chain knows is in the list of plugins, and the other way round.
TEST(transforms_in_the_list_are_those_that_run) {
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        Err err[1] = {{0}};
        Properties config = {0};
        TransformChain *chain = NULL;
        if (PLUGINS[i].type == PLUGIN_TRANSFORMATION) {
            properties_set(&arena, &config, SLICE("transforms"), SLICE("t"));
            properties_set(&arena, &config, SLICE("transforms.t.type"), slice_of(PLUGINS[i].class_name));
            bool made = transform_chain_new(&arena, &config, &chain, err);
            CHECK(made || strstr(err->message, "transforms.t.type: leat has no") == NULL);
            transform_chain_release(chain);
        }
    }
}
