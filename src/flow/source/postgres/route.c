// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/route.h"

static bool route_find(const SourceContext *context, PgRoute *route, const char *own_topic, const Schema *schema,
                       bool side, Err *err) {
    Slice topic = slice_of(own_topic);
    ConnectRoute to = {.span = {1, 1, 1, 1, 1, 1, 1, 1}};
    if (context->route != NULL) {
        to = (ConnectRoute){0};
        TRY(context->route(context->context, schema, &to, err));
        topic = to.topic.size > 0 ? to.topic : topic;
    }
    *route = (PgRoute){.known = true,
                       .nowhere = context->route != NULL && to.topic.size == 0 && !to.dynamic,
                       .dynamic = to.dynamic && context->route_event != NULL};
    memcpy(route->span, to.span, sizeof(route->span));
    if (!route->dynamic && !(side && route->nowhere)) {
        route->topic = journal_topic(context->journal, topic);
        route->schema_id = journal_schema(context->journal, route->topic, schema);
    }
    return true;
}

static bool route_dynamic(const SourceContext *context, const char *own_topic, const Schema *schema, Event *event,
                          bool silent, Err *err) {
    Slice topic = {0};
    uint32_t span = 0;
    TRY(context->route_event(context->context, schema, event, &topic, &span, err));
    event->offset_span = silent || topic.size == 0 ? 0 : span;
    uint32_t number = journal_topic(context->journal, topic.size > 0 ? topic : slice_of(own_topic));
    return journal_append(context->journal, number, journal_schema(context->journal, number, schema), event, err);
}

static bool append(const SourceContext *context, PgRoute *route, const char *own_topic, const Schema *schema,
                   Event *event, bool silent, Err *err) {
    if (UNLIKELY(!route->known)) {
        TRY(route_find(context, route, own_topic, schema, false, err));
    }
    if (UNLIKELY(route->dynamic)) {
        return route_dynamic(context, own_topic, schema, event, silent, err);
    }
    event->offset_span = context->route == NULL ? 1 : silent ? 0 : route->span[connect_route_kind(event)];
    return journal_append(context->journal, route->topic, route->schema_id, event, err);
}

bool pg_route_append(const SourceContext *context, PgRoute *route, const char *own_topic, const Schema *schema,
                     Event *event, Err *err) {
    return append(context, route, own_topic, schema, event, false, err);
}

bool pg_route_append_silent(const SourceContext *context, PgRoute *route, const char *own_topic, const Schema *schema,
                            Event *event, Err *err) {
    return append(context, route, own_topic, schema, event, context->properties != NULL, err);
}

bool pg_route_append_side(const SourceContext *context, PgRoute *route, const char *own_topic, const Schema *schema,
                          Event *event, bool *appended, Err *err) {
    if (!route->known) {
        TRY(route_find(context, route, own_topic, schema, true, err));
    }
    *appended = !route->nowhere;
    return route->nowhere || append(context, route, own_topic, schema, event, false, err);
}
