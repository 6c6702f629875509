// SPDX-License-Identifier: Apache-2.0
#include "surface/api/api_http.h"

static const char *header_or_none(const HttpServerRequest *request, const char *name) {
    const char *value = http_server_header(request, name);
    return value != NULL ? value : "";
}

ApiRequest api_http_request(const HttpServerRequest *request) {
    return (ApiRequest){.method = request->method,
                        .content_type = header_or_none(request, "Content-Type"),
                        .accept = header_or_none(request, "Accept"),
                        .authorization = header_or_none(request, "Authorization"),
                        .if_none_match = header_or_none(request, "If-None-Match"),
                        .forwarded = header_or_none(request, API_FORWARDED),
                        .idempotency_key = header_or_none(request, "Idempotency-Key"),
                        .arena = request->arena};
}

void api_http_answer(const ApiAnswer *from, HttpServerAnswer *to) {
    to->status = from->status != 0 ? from->status : 200;
    to->body = from->body;
    const char *type = from->content_type != NULL ? from->content_type : "application/json";
    to->content_type = type[0] != '\0' ? type : NULL;
    for (size_t i = 0; i < from->header_count; i++) {
        http_server_answer_header(to, from->headers[i].name, from->headers[i].value);
    }
}
