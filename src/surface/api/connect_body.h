// SPDX-License-Identifier: Apache-2.0
// What clients send to Kafka Connect's API, decoded. What is wrong is said as the original says it: a body that is no
// JSON, or of the wrong form, is its parser's text (and a 500 there, see docs/reference/connect-rest.md).
#ifndef LEAT_SURFACE_API_CONNECT_BODY_H
#define LEAT_SURFACE_API_CONNECT_BODY_H

#include "core/config/properties.h"

typedef struct ConnectBody {
    bool absent;   // empty, or null
    bool no_names; // a configuration was asked for, and it is null or absent
    Slice name;    // data NULL = not given
    Properties config;
    const char *initial_state; // RUNNING, PAUSED or STOPPED; NULL = not given
} ConnectBody;

// ERR_OPTION with the text for the client.
//
// {"name":…,"config":{…},"initial_state":…}
CHECKED bool connect_body_create(Arena *arena, Slice body, ConnectBody *create, Err *err);
// A flat configuration. Values that are null stay so.
CHECKED bool connect_body_config(Arena *arena, Slice body, ConnectBody *config, Err *err);
// {"level":…}, {"offsets":[…]}: the text of one member of an object, as it was sent; data NULL when there is none.
CHECKED bool connect_body_member(Arena *arena, Slice body, const char *name, Slice *json, Err *err);

#endif
