// SPDX-License-Identifier: Apache-2.0
// A data file of which single rows are read. What the rows' pages need is asked for first, and neighbours are fetched
// together: in a store each read is a request.
#ifndef LEAT_FLOW_SINK_ICEBERG_TOAST_FILE_H
#define LEAT_FLOW_SINK_ICEBERG_TOAST_FILE_H

#include "lake/iceberg/io.h"

typedef struct ToastFile ToastFile;

// The URI is borrowed.
CHECKED bool toast_file_open(LakeIo *io, Slice uri, uint64_t size, ToastFile **file, Err *err);
void toast_file_close(ToastFile *file);
const Shape *toast_file_shape(const ToastFile *file);
// These rows will be read, in ascending order, of the columns wanted: one bool a field of the file's shape.
CHECKED bool toast_file_plan(ToastFile *file, const bool *wanted, const uint64_t *rows, size_t count, Err *err);
// One value a field of the file's shape; good until the next call.
CHECKED bool toast_file_row(ToastFile *file, uint64_t row, const Value **values, Err *err);

#endif
