// SPDX-License-Identifier: Apache-2.0
// Bodies of create, PUT and PATCH …/config, …/validate and PATCH …/offsets, then what is done with a configuration.
#include "data/connect/plugin.h"
#include "surface/api/connect_body.h"
#include "surface/api/connect_config.h"

static void validate(Arena *arena, const Properties *config) {
    Validation validation;
    Properties copy = {ARENA_ARRAY(arena, Property, config->count), config->count};
    for (size_t i = 0; i < config->count; i++) {
        copy.at[i] = config->at[i];
    }
    const Property *class = properties_find(&copy, SLICE("connector.class"));
    const Plugin *plugin = class == NULL ? NULL : plugin_connector(class->value);
    if (plugin == NULL) {
        plugin = &PLUGINS[0];
    }
    plugin_validate(arena, plugin, &copy, &validation);
    Properties shown = connect_config_shown(arena, &validation, &copy);
    Properties unmasked;
    Err err[1] = {{0}};
    (void)!connect_config_unmasked(arena, &shown, &copy, &unmasked, err);
    (void)connect_config_text(arena, &copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Slice body = {data, size}, member;
    ConnectBody decoded;
    Err err[1] = {{0}};
    if (connect_body_create(&arena, body, &decoded, err)) {
        validate(&arena, &decoded.config);
    }
    err_clear(err);
    if (connect_body_config(&arena, body, &decoded, err)) {
        validate(&arena, &decoded.config);
    }
    err_clear(err);
    (void)!connect_body_member(&arena, body, "offsets", &member, err);
    arena_release(&arena);
    return 0;
}
