// SPDX-License-Identifier: Apache-2.0
// Names for columns of files that have no field ids (specification, "Column Projection", "Name Mapping"): the table's
// property schema.name-mapping.default.
#ifndef LEAT_LAKE_ICEBERG_NAME_MAPPING_H
#define LEAT_LAKE_ICEBERG_NAME_MAPPING_H

#include "core/base/err.h"
#include "data/format/shape.h"

typedef struct NameMapping NameMapping;
struct NameMapping {
    int32_t id; // -1 = none
    const Slice *names;
    size_t name_count;
    const NameMapping *fields; // of a struct; of a list "element", of a map "key" and "value"
    size_t field_count;
};

// The whole: a list of fields. ERR_VALUE names the place.
CHECKED bool name_mapping_parse(Slice json, Arena *arena, NameMapping *mapping, Err *err);
// The file's shape with ids; what no name stands for keeps 0.
Shape name_mapping_apply(const NameMapping *mapping, const Shape *shape, Arena *arena);
bool shape_has_ids(const Shape *shape); // one of its columns, at least

#endif
