// SPDX-License-Identifier: Apache-2.0
// The Iceberg sink: each table of the source as a table of a lake, all of them at one cut in one commit, position and
// data together. See docs/sinks/iceberg.md for what a user sees; options.h for the options, mapping.h for columns,
// table.h for what is written between two commits, rebuild.h for files and key index when a table is opened.
//
// What is committed stands in the tables: leat.offset in each snapshot's summary says up to which record of its topic
// it goes. The state file only says where in the journal to go on reading; records that a table has are passed over.
#ifndef LEAT_FLOW_SINK_ICEBERG_ICEBERG_H
#define LEAT_FLOW_SINK_ICEBERG_ICEBERG_H

#include "flow/sink/iceberg/options.h"
#include "flow/sink/sink.h"

extern const SinkDriver ICEBERG_SINK;

#endif
