// SPDX-License-Identifier: Apache-2.0
// Values of shapes as JSON, for people and reports: numbers as numbers but decimals, which are text and exact, as are
// dates, times and UUIDs (data/format/text.h); bytes in base64; floats that are no JSON numbers as text.
#ifndef LEAT_DATA_FORMAT_SHAPE_JSON_H
#define LEAT_DATA_FORMAT_SHAPE_JSON_H

#include "core/base/buf.h"
#include "data/event/value.h"
#include "data/format/shape.h"

void shape_value_json(Buf *buf, const Shape *shape, const Value *value);

#endif
