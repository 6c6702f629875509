// SPDX-License-Identifier: Apache-2.0
// Values that the source did not send because they did not change: read from where the row was.
#ifndef LEAT_FLOW_SINK_ICEBERG_TOAST_H
#define LEAT_FLOW_SINK_ICEBERG_TOAST_H

#include "flow/sink/iceberg/table.h"

// Fills the fields of table->row whose columns are VALUE_UNCHANGED in `after`. The values are good until the next call.
CHECKED bool toast_fill(LakeTable *table, const Value *after, KeyPlace place, Err *err);
void toast_forget(LakeTable *table); // files may be gone: what is open is closed

#endif
