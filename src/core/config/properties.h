// SPDX-License-Identifier: Apache-2.0
// A connector's configuration as users write it: a flat list of names and texts, in their order. Kafka Connect's JSON
// of one connector is one of these.
#ifndef LEAT_CORE_CONFIG_PROPERTIES_H
#define LEAT_CORE_CONFIG_PROPERTIES_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json_reader.h"

typedef struct Property {
    Slice name;
    Slice value; // data NULL: the value is null
} Property;

typedef struct Properties {
    Property *at;
    size_t count;
} Properties;

// Of a JSON object: numbers (as they are written) and booleans become texts as Connect makes them. ERR_OPTION: no
// object, a name twice, a value that is an object or a list. Everything is copied into the arena.
CHECKED bool properties_parse(Arena *arena, Slice json, Properties *properties, Err *err);
// The same of an object amid other JSON, whose { was read last; reads its }.
CHECKED bool properties_read(JsonReader *reader, Arena *arena, Properties *properties, Err *err);
// {"name":"value",…}, in the list's order.
void properties_json(Buf *buf, const Properties *properties);
// NULL when absent. With the name twice, which properties_parse never makes, the first.
const Property *properties_find(const Properties *properties, Slice name);
// The value as text that ends with NUL, in the arena; `otherwise` (may be NULL) when absent or null.
const char *properties_text(Arena *arena, const Properties *properties, const char *name, const char *otherwise);
// Puts or replaces one; the texts are copied.
void properties_set(Arena *arena, Properties *properties, Slice name, Slice value);
// The pairs of an option of type OPTION_MAP (option.h), each name behind `prefix`.
void properties_set_map(Arena *arena, Properties *properties, const char *prefix, const char *map);
void properties_remove(Properties *properties, Slice name);
// Those whose names begin with `prefix`, without it: "transforms.unwrap." of {"transforms.unwrap.type": …} is {"type":
// …}.
Properties properties_under(Arena *arena, const Properties *properties, Slice prefix);
// The items of a comma-separated value, trimmed, empty ones left out.
Slice *properties_list(Arena *arena, Slice value, size_t *count);

#endif
