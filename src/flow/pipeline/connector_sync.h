// SPDX-License-Identifier: Apache-2.0
// A pipeline of `leat sync` as the server's connector (kind sync): its folder's config.json says all there is to know.
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_SYNC_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_SYNC_H

#include "flow/pipeline/connector.h"

CHECKED bool connector_sync_run(const ConnectorRun *run, Err *err);
// What connector_call does for it: validate, offsets, topics, resync, remove.
CHECKED bool connector_sync_call(const ConnectorRun *run, Slice request, Arena *arena, Slice *answer, Err *err);

#endif
