// SPDX-License-Identifier: Apache-2.0
// The one list of what a configuration can name by class: connectors, converters, transforms, predicates; with their
// definitions. What leat cannot run (other people's jars) is not in it: validation says so and names what there is.
//
// To add one: a row in plugin.c's PLUGINS. A table of definitions of one's own (definitions/X.c) ends in
//     const Definition X_DEFINITIONS[] = {…};
//     const size_t X_DEFINITIONS_COUNT = ARRAY_LEN(X_DEFINITIONS);
// and is named in plugin_tables.h.
#ifndef LEAT_DATA_CONNECT_PLUGIN_H
#define LEAT_DATA_CONNECT_PLUGIN_H

#include "core/config/definition.h"

typedef enum PluginType {
    PLUGIN_SOURCE,
    PLUGIN_SINK,
    PLUGIN_CONVERTER,
    PLUGIN_HEADER_CONVERTER,
    PLUGIN_TRANSFORMATION,
    PLUGIN_PREDICATE,
} PluginType;

typedef struct Plugin {
    const char *class_name;
    PluginType type;
    const char *version; // NULL = none (transforms of old)
    const Definition *definitions;
    const size_t *definition_count; // NULL = no definitions
    DefinitionWords words;
    // What rows cannot say: keys that exclude each other, patterns that do not compile. May be NULL. A transform's keys
    // come without their prefix, and its errors go to names without it too.
    void (*check)(const Properties *config, Validation *validation);
    // Told of a connector of this class in every validation, as a warning for connector.class; NULL = none.
    const char *remark;
} Plugin;

extern const Plugin PLUGINS[];
extern const size_t PLUGIN_COUNT;
const char *plugin_type_name(PluginType type); // "source", "transformation"
// By full name, by simple name, or by simple name without "Connector"; NULL when there is none of this type.
const Plugin *plugin_find(Slice name, PluginType type);
const Plugin *plugin_connector(Slice name); // a source or a sink
const Plugin *plugin_any(Slice name);       // of any type; connectors first
// What to say when there is none: names what leat has of this type, and what to do.
const char *plugin_unknown(Arena *arena, Slice name, PluginType type);

// The whole configuration of one connector: its own keys, Connect's common ones, those of its converters, transforms
// and predicates; as Connect's validate does. `plugin` must be a connector.
void plugin_validate(Arena *arena, const Plugin *plugin, const Properties *config, Validation *validation);
// The definitions alone, as …/connector-plugins/NAME/config gives them: a plugin's own, then for connectors the common.
void plugin_definitions(Arena *arena, const Plugin *plugin, const Definition ***definitions, size_t *count);
// Values that suit a key: classes for converters and transforms, what its choices are. A comma-separated list, or NULL.
const char *plugin_recommended(Arena *arena, const DefinitionValue *value);
// A connector's configuration with old names replaced by those of today.
Properties plugin_renamed(Arena *arena, const Plugin *plugin, const Properties *config);

#endif
