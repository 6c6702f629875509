// SPDX-License-Identifier: Apache-2.0
// The shortest decimal text that reads back as the same number, laid out as PostgreSQL 12 and later print float4 and
// float8: 1.5, 1e+20, 1e-05, -0, Infinity, NaN.
#ifndef LEAT_DATA_FORMAT_FLOAT_TEXT_H
#define LEAT_DATA_FORMAT_FLOAT_TEXT_H

#include "core/base/buf.h"

void float32_text(Buf *buf, float number);
void float64_text(Buf *buf, double number);

#endif
