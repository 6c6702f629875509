// SPDX-License-Identifier: Apache-2.0
// One run of the source: set-up, then the loop over stream, snapshot readers, spool and the journal's flusher.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_RUN_H
#define LEAT_FLOW_SOURCE_POSTGRES_RUN_H

#include "flow/source/source.h"

CHECKED bool pg_source_run(const SourceContext *context, Err *err);

#endif
