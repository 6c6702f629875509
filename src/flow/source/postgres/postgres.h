// SPDX-License-Identifier: Apache-2.0
// PostgreSQL 14 to 18 as a source: logical replication with pgoutput, snapshots by COPY. See
// docs/sources/postgresql.md.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_POSTGRES_H
#define LEAT_FLOW_SOURCE_POSTGRES_POSTGRES_H

#include "flow/source/source.h"

extern const SourceDriver POSTGRES_SOURCE;

#endif
