// SPDX-License-Identifier: Apache-2.0
// Where events go in the journal: a pipeline's into their own topics, a connector's where its program sends them
// (SourceContext.route), as so many wire records as that says.
//
// Topic and span are decided when an event is appended to the journal, never when it goes into the spool: the spool may
// outlive a change of the configuration, and the journal's programs hold by the place in the journal.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_ROUTE_H
#define LEAT_FLOW_SOURCE_POSTGRES_ROUTE_H

#include "flow/source/source.h"

// Of one schema; zero = not asked for yet. As good as the journal that it was found for.
typedef struct PgRoute {
    bool known;
    bool nowhere; // the connector's program has no topic for it
    bool dynamic; // the event decides
    uint32_t topic, schema_id;
    uint8_t span[8]; // by ConnectRoute's kinds
} PgRoute;

// Appends to the context's journal, into `own_topic` or where the connector's program says, whose errors are handed on
// as they are; sets event->offset_span.
CHECKED bool pg_route_append(const SourceContext *context, PgRoute *route, const char *own_topic, const Schema *schema,
                             Event *event, Err *err);
// The same for events of a side topic: where the program has no topic for them, nothing is appended. *appended tells.
CHECKED bool pg_route_append_side(const SourceContext *context, PgRoute *route, const char *own_topic,
                                  const Schema *schema, Event *event, bool *appended, Err *err);
// The same for an event that is to leave no record: it stays in the journal for those who read that.
CHECKED bool pg_route_append_silent(const SourceContext *context, PgRoute *route, const char *own_topic,
                                    const Schema *schema, Event *event, Err *err);

#endif
