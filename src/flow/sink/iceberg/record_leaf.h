// SPDX-License-Identifier: Apache-2.0
// Single values of records as those of a column that is neither list nor map nor struct. See record_cast.h.
#ifndef LEAT_FLOW_SINK_ICEBERG_RECORD_LEAF_H
#define LEAT_FLOW_SINK_ICEBERG_RECORD_LEAF_H

#include "flow/sink/iceberg/record_shape.h"

typedef struct LeafCast {
    const RecordRules *rules;
    const Shape *from; // NULL: by the value
    const Shape *to;
    bool same;       // the record's value is the column's
    int64_t unit_ns; // of whole numbers that are dates and times; a day for dates
} LeafCast;

LeafCast leaf_cast(const RecordRules *rules, const Shape *from, const Shape *to);
CHECKED bool leaf_cast_value(const LeafCast *cast, Arena *scratch, const Value *value, Value *to, Err *err);

#endif
