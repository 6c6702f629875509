// SPDX-License-Identifier: Apache-2.0
// How the tables of transforms, predicates and converters are written: Connect shows their keys without group, order
// and width.
#ifndef LEAT_DATA_CONNECT_DEFINITIONS_ROWS_H
#define LEAT_DATA_CONNECT_DEFINITIONS_ROWS_H

#include "data/connect/plugin_tables.h"

#define KEY(key_name, key_type, key_default, key_importance)                                                \
    .name = (key_name), .type = (key_type), .default_value = (key_default), .importance = (key_importance), \
    .order_in_group = -1, .width = WIDTH_NONE, .display_name = (key_name)
#define NO_EFFECT(why) .effect = EFFECT_NONE, .note = (why)
#define REFUSED(why)   .effect = EFFECT_REFUSED, .note = (why)
#define TEXT(words)    .documentation = (words)

#define REPLACE_NULL                                                                     \
    {                                                                                    \
        KEY("replace.null.with.default", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM),     \
            TEXT("Whether a null in a field that has a default counts as that default.") \
    }

#endif
