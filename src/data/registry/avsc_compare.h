// SPDX-License-Identifier: Apache-2.0
// Can data written with one Avro schema be read with another? The rules of Avro's "Schema Resolution", as its Java
// library decides them before any data are there: names without namespace suffice, each branch of a union must be
// readable, a field that the writer lacks needs a default.
#ifndef LEAT_DATA_REGISTRY_AVSC_COMPARE_H
#define LEAT_DATA_REGISTRY_AVSC_COMPARE_H

#include "data/registry/avsc.h"
#include "data/registry/difference.h"

// What stands against it, none when nothing does. `reader_name` and `writer_name` are what the texts call the two
// ("new", "old"). ERR_MEMORY: the schemas refer to each other so often that no answer is found within the limit.
CHECKED bool avsc_compare(Arena *arena, const AvscSchema *reader, const AvscSchema *writer, const char *reader_name,
                          const char *writer_name, Differences *differences, Err *err);
// Do both describe the same bytes? Names of types, documentation, defaults and unknown properties do not
// matter for that, but for logical types, which say what the bytes mean.
bool avsc_same_bytes(const AvscSchema *a, const AvscSchema *b);

#endif
