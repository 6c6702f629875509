// SPDX-License-Identifier: Apache-2.0
// Files of key=value as java.util.Properties reads them: comments (#, !), lines that go on behind a backslash, escapes,
// `=`, `:` or blanks between key and value.
#ifndef LEAT_CORE_CONFIG_JAVA_PROPERTIES_H
#define LEAT_CORE_CONFIG_JAVA_PROPERTIES_H

#include "core/config/properties.h"

// The value of the last line with that key, in the arena; false when there is none.
bool java_properties_find(Arena *arena, Slice text, Slice key, Slice *value);
// All of them, in the arena.
Properties java_properties_parse(Arena *arena, Slice text);

#endif
