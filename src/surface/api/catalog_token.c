// SPDX-License-Identifier: Apache-2.0
// POST /v1/oauth/tokens (RFC 6749 client credentials, RFC 8693 token exchange), as Iceberg's clients with a
// `credential` ask for it. A client's secret is its token of the token file, and what it is given is that token:
// nothing is kept here, and what the token file takes away is gone at once.
#include "surface/api/catalog_common.h"

enum { FIELDS_MAX_BYTES = 16 << 10, EXPIRES_S = 3600 };

#define GRANT_CREDENTIALS "client_credentials"
#define GRANT_EXCHANGE    "urn:ietf:params:oauth:grant-type:token-exchange"
#define TYPE_ACCESS       "urn:ietf:params:oauth:token-type:access_token"

static void refuse(ApiAnswer *answer, int status, const char *error, const char *description) {
    buf_reset(&answer->body);
    answer->status = status;
    buf_u8(&answer->body, '{');
    json_field_text(&answer->body, "error", error);
    json_field_text(&answer->body, "error_description", description);
    buf_u8(&answer->body, '}');
}

// A form is a query without its question mark.
static bool read_form(const ApiRequest *request, ApiRequest *form) {
    *form = (ApiRequest){.arena = request->arena};
    return request->body.size <= FIELDS_MAX_BYTES &&
           api_target(form, slice_of(arena_printf(request->arena, "/?%.*s", SLICE_ARG(request->body))));
}

// Is this secret a token, with this name where one is given?
static bool is_token(Security *security, Slice name, Slice secret, Arena *arena) {
    const char *actor;
    ApiRole role;
    if (name.size == 0) {
        return security_check(security, arena_printf(arena, "Bearer %.*s", SLICE_ARG(secret)), arena, &actor, &role);
    }
    DEFER(buf_release) Buf pair = {0}, header = {0};
    buf_put(&pair, name);
    buf_u8(&pair, ':');
    buf_put(&pair, secret);
    buf_text(&header, "Basic ");
    json_base64(&header, buf_slice(&pair)); // in quotes, which are taken out
    buf_u8(&header, '\0');
    size_t size = header.size - 1;
    memmove(header.data + 6, header.data + 7, size - 7);
    header.data[size - 2] = '\0';
    return security_check(security, (const char *)header.data, arena, &actor, &role);
}

void catalog_token(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const CatalogRoom *room = context;
    ApiRequest form;
    if (!read_form(request, &form)) {
        refuse(answer, 400, "invalid_request", "The body is no form");
        return;
    }
    Slice grant = api_query(&form, "grant_type"), scope = api_query(&form, "scope");
    bool exchange = slice_equal(grant, SLICE(GRANT_EXCHANGE));
    if (!exchange && !slice_equal(grant, SLICE(GRANT_CREDENTIALS))) {
        refuse(answer, 400, "unsupported_grant_type", "client_credentials and token-exchange are offered");
        return;
    }
    Slice name = exchange ? (Slice){0} : api_query(&form, "client_id");
    Slice secret = api_query(&form, exchange ? "subject_token" : "client_secret");
    const char *header = request->authorization != NULL ? request->authorization : "";
    if (secret.size == 0 && !exchange && !security_shown(header, request->arena, &name, &secret)) {
        secret = (Slice){0};
    }
    if (secret.size == 0) {
        refuse(answer, 400, "invalid_request", exchange ? "subject_token is missing" : "client_secret is missing");
        return;
    }
    if (!is_token(room->serving.security, name, secret, request->arena)) {
        refuse(answer, 401, "invalid_client", "Nobody is known by this name and secret");
        return;
    }
    Buf *out = &answer->body;
    buf_text(out, "{\"access_token\":");
    json_quote(out, secret);
    json_field_text(out, "token_type", "bearer");
    json_field_int(out, "expires_in", EXPIRES_S);
    json_field_text(out, "issued_token_type", TYPE_ACCESS);
    json_key(out, "scope");
    json_quote(out, scope.size > 0 ? scope : SLICE("catalog"));
    buf_u8(out, '}');
    api_header(answer, "Cache-Control", "no-store");
}
