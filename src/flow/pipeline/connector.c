// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector.h"

#include "flow/pipeline/connector_sync.h"

static bool unknown(const ConnectorRun *run, Err *err) {
    FAIL(err, ERR_OPTION, "connector %.*s is of kind \"%.20s\", which this leat cannot run",
         (int)MIN(run->name.size, (size_t)100), (const char *)run->name.data, run->kind);
    return err_hint(err, "use the leat that wrote it, or a newer one");
}

bool connector_run(const ConnectorRun *run, Err *err) {
    if (strcmp(run->kind, "sync") == 0) {
        return connector_sync_run(run, err);
    }
    return unknown(run, err);
}

bool connector_call(const ConnectorRun *run, Slice request, Arena *arena, Slice *answer, Err *err) {
    if (strcmp(run->kind, "sync") == 0) {
        return connector_sync_call(run, request, arena, answer, err);
    }
    return unknown(run, err);
}
