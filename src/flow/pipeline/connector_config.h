// SPDX-License-Identifier: Apache-2.0
// What a connector's configuration means to the worker that runs it, beside what its drivers read themselves.
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_CONFIG_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_CONFIG_H

#include "core/config/properties.h"
#include "flow/pipeline/pipeline.h"

// With old names as those of today, and all references and seals in its values resolved: as they are now, so it is
// called at each connect.
CHECKED bool connector_resolve(Arena *arena, const Properties *config, Properties *resolved, Err *err);
// The options of pipelines (PIPELINE_OPTIONS), each under "leat." and its name, with a server's defaults: the journal
// keeps seven days and 1 GiB for readers that come later (leat.journal.retention.ms, leat.journal.retention.bytes).
CHECKED bool connector_options(Arena *arena, const Properties *config, PipelineOptions *options, Err *err);
void connector_journal_options(const PipelineOptions *options, JournalOptions *journal);
// A number of a property; `otherwise` when it is not given. ERR_OPTION: it is none.
CHECKED bool connector_int(const Properties *config, const char *name, int64_t otherwise, int64_t *number, Err *err);
bool connector_true(const Properties *config, const char *name, bool otherwise);
// The class of "key.converter", "value.converter" without its package; JsonConverter when none is given.
Slice connector_converter(const Properties *config, bool is_key);

#endif
