// SPDX-License-Identifier: Apache-2.0
// A surface's requests and answers (router.h) as core/net/http_server.h has them.
#ifndef LEAT_SURFACE_API_API_HTTP_H
#define LEAT_SURFACE_API_API_HTTP_H

#include "core/net/http_server.h"
#include "surface/api/router.h"

// What the headers say, without target, body, actor and role.
ApiRequest api_http_request(const HttpServerRequest *request);
// The answer goes over: its body without a copy.
void api_http_answer(const ApiAnswer *from, HttpServerAnswer *to);

#endif
