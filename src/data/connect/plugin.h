// SPDX-License-Identifier: Apache-2.0
// The one list of what a configuration can name by class: connectors, converters, transforms, predicates; with their
// definitions. What leat cannot run (other people's jars) is not in it: validation says so and names what there is.
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
    size_t definition_count;
    // What rows cannot say: keys that exclude each other, patterns that do not compile. May be NULL.
    void (*check)(const Properties *config, Validation *validation);
} Plugin;

extern const Plugin PLUGINS[];
extern const size_t PLUGIN_COUNT;
const char *plugin_type_name(PluginType type); // "source", "transformation"
// By full name, by simple name, or by simple name without "Connector"; NULL when there is none of this type.
const Plugin *plugin_find(Slice name, PluginType type);
const Plugin *plugin_connector(Slice name); // a source or a sink
// The whole configuration of one connector: its own keys, Connect's common ones, those of its converters, transforms
// and predicates; as Connect's validate does. `plugin` must be a connector.
void plugin_validate(Arena *arena, const Plugin *plugin, const Properties *config, Validation *validation);

#endif
