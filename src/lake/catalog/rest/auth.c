// SPDX-License-Identifier: Apache-2.0
// Who we are, for the catalog: a token that is given, one that is asked for (RFC 6749, client credentials), or a
// signature (Signature Version 4). References to secrets are resolved when they are needed, and what they yield is not
// kept: a rotated secret is picked up.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "lake/catalog/rest/remote.h"
#include "lake/catalog/rest/secrets.h"

#include <openssl/crypto.h>

enum { TOKEN_ANSWER_BYTES_MAX = 256 << 10, RENEW_BEFORE_S_MAX = 300 };

static bool is_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

static const char *host_of(const Remote *remote, size_t *size) {
    const char *host = strstr(remote->base, "://") + 3;
    *size = strcspn(host, ":/");
    return host;
}

static bool ends_with(const char *text, size_t size, const char *end) {
    size_t end_size = strlen(end);
    return size > end_size && strncasecmp(text + size - end_size, end, end_size) == 0;
}

// --- which -----------------------------------------------------------------------------------------------------

static RemoteAuthKind kind_of(const Remote *remote) {
    const RestCatalogOptions *options = &remote->options;
    size_t size;
    const char *host = host_of(remote, &size);
    if (strcmp(options->auth, "auto") == 0) {
        bool aws = ends_with(host, size, ".amazonaws.com") || ends_with(host, size, ".amazonaws.com.cn") ||
                   ends_with(host, size, ".api.aws");
        return is_set(options->credential) ? AUTH_OAUTH2
               : is_set(options->token)    ? AUTH_TOKEN
               : aws                       ? AUTH_SIGV4
                                           : AUTH_NONE;
    }
    return strcmp(options->auth, "oauth2") == 0  ? AUTH_OAUTH2
           : strcmp(options->auth, "token") == 0 ? AUTH_TOKEN
           : strcmp(options->auth, "sigv4") == 0 ? AUTH_SIGV4
                                                 : AUTH_NONE;
}

// "glue.eu-central-1.amazonaws.com": service and region; part 0 or 1 of a host of AWS.
static const char *host_part(Remote *remote, int part) {
    size_t size;
    const char *host = host_of(remote, &size);
    size_t first = strcspn(host, "."), second = first < size ? strcspn(host + first + 1, ".") : 0;
    bool aws = ends_with(host, size, ".amazonaws.com") || ends_with(host, size, ".amazonaws.com.cn") ||
               ends_with(host, size, ".api.aws");
    if (!aws || first + 1 + second >= size) {
        return NULL;
    }
    Slice text = part == 0 ? (Slice){(const uint8_t *)host, first} : (Slice){(const uint8_t *)host + first + 1, second};
    return arena_text(&remote->run, text);
}

static bool sigv4_open(Remote *remote, Err *err) {
    const RestCatalogOptions *options = &remote->options;
    RemoteAuth *auth = &remote->auth;
    const char *service = host_part(remote, 0), *region = host_part(remote, 1);
    bool known = service != NULL && (strcmp(service, "glue") == 0 || strcmp(service, "s3tables") == 0);
    auth->service = is_set(options->signing_name) ? options->signing_name : known ? service : "execute-api";
    auth->region = is_set(options->signing_region) ? options->signing_region
                   : region != NULL                ? region
                                                   : aws_region(NULL, &remote->run);
    if (auth->region == NULL) {
        FAIL(err, ERR_OPTION, "requests to the catalog are to be signed, but for which region is not said");
        return err_hint(err, "set catalog.signing.region, or AWS_REGION");
    }
    if (is_set(options->access_key) != is_set(options->secret_key)) {
        return FAIL(err, ERR_OPTION, "catalog.access.key and catalog.secret.key go together, one is missing");
    }
    AwsProviderOptions keys = {.access_key = options->access_key,
                               .secret_key = options->secret_key,
                               .session_token = options->session_token,
                               .region = auth->region,
                               .http = remote->http};
    return aws_provider_open(&keys, &auth->aws, err);
}

static const char *token_url(Remote *remote, Arena *arena) {
    const char *given = remote->options.token_url;
    if (!is_set(given)) {
        return arena_printf(arena, "%s/v1/oauth/tokens", remote->base);
    }
    bool whole = strstr(given, "://") != NULL;
    return whole ? given : arena_printf(arena, "%s/%s", remote->base, given + strspn(given, "/"));
}

bool remote_auth_open(Remote *remote, Err *err) {
    const RestCatalogOptions *options = &remote->options;
    remote->auth.kind = kind_of(remote);
    buf_init(&remote->auth.token, 1 * MIB);
    bool oauth2 = remote->auth.kind == AUTH_OAUTH2, token = remote->auth.kind == AUTH_TOKEN;
    if ((oauth2 && !is_set(options->credential)) || (token && !is_set(options->token))) {
        return FAIL(err, ERR_OPTION, "catalog.auth=%s, but catalog.%s is not set", options->auth,
                    oauth2 ? "credential" : "token");
    }
    const char *to = oauth2 ? token_url(remote, &remote->run) : remote->base;
    if (strncmp(to, "http://", 7) != 0 && strncmp(to, "https://", 8) != 0) {
        FAIL(err, ERR_OPTION, "catalog.oauth2.server.uri is no URL");
        return err_hint(err, "give https://HOST/PATH, or a path of the catalog");
    }
    size_t size;
    const char *host = host_of(remote, &size);
    bool near = strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 || host[0] == '[';
    if ((oauth2 || token) && strncmp(to, "https://", 8) != 0 && !near) {
        log_warn(LOG_SINK, "tokens for the catalog go over the network without TLS", LOG_TEXT("catalog", remote->base));
    }
    return remote->auth.kind != AUTH_SIGV4 || sigv4_open(remote, err);
}

static void token_drop(RemoteAuth *auth) {
    if (auth->token.data != NULL) {
        OPENSSL_cleanse(auth->token.data, auth->token.capacity);
    }
    buf_reset(&auth->token);
    auth->renew_us = 0;
}

void remote_auth_close(Remote *remote) {
    token_drop(&remote->auth);
    buf_release(&remote->auth.token);
    aws_provider_close(remote->auth.aws);
    OPENSSL_cleanse(&remote->auth.key, sizeof(remote->auth.key));
}

bool remote_auth_can_renew(const Remote *remote) {
    return remote->auth.kind != AUTH_NONE;
}

bool remote_auth_is_said(const Remote *remote, Slice text) {
    const Buf *token = &remote->auth.token;
    static const size_t SCHEME = sizeof("Bearer ") - 1;
    return token->size <= SCHEME + 1 ||
           memmem(text.data, text.size, token->data + SCHEME, token->size - SCHEME - 1) == NULL;
}

// --- tokens ----------------------------------------------------------------------------------------------------

static bool token_keep(RemoteAuth *auth, Slice token, Err *err) {
    token_drop(auth);
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] < ' ' || token.data[i] >= 0x7f) {
            FAIL(err, ERR_NET_AUTH, "catalog.token has a line break or another character that no token has");
            return err_hint(err, "take it away: a file's last line break is the usual one");
        }
    }
    buf_text(&auth->token, "Bearer ");
    buf_put(&auth->token, token);
    buf_u8(&auth->token, '\0');
    return true;
}

static bool token_given(Remote *remote, Arena *arena, Err *err) {
    char *token = NULL;
    TRY(remote_secret("catalog.token", remote->options.token, arena, &token, err));
    if (token[0] == '\0') {
        return FAIL(err, ERR_NET_AUTH, "catalog.token is empty");
    }
    return token_keep(&remote->auth, slice_trim(slice_of(token), "\r\n"), err);
}

static void form_field(Buf *form, const char *name, Slice value) {
    buf_text(form, form->size > 0 ? "&" : "");
    buf_text(form, name);
    buf_u8(form, '=');
    http_encode(form, value, false);
}

// The form holds the secret: it is wiped by its maker.
static bool token_form(const Remote *remote, Arena *arena, Buf *form, Err *err) {
    char *credential = NULL;
    TRY(remote_secret("catalog.credential", remote->options.credential, arena, &credential, err));
    Slice whole = slice_trim(slice_of(credential), "\r\n");
    const uint8_t *colon = whole.size > 0 ? memchr(whole.data, ':', whole.size) : NULL;
    Slice id = {whole.data, colon != NULL ? (size_t)(colon - whole.data) : 0};
    Slice secret = colon != NULL ? slice_from(whole, id.size + 1) : whole;
    if (secret.size == 0) {
        FAIL(err, ERR_OPTION, "catalog.credential has no secret");
        return err_hint(err, "it is ID:SECRET");
    }
    form_field(form, "grant_type", SLICE("client_credentials"));
    if (colon != NULL) {
        form_field(form, "client_id", id);
    }
    form_field(form, "client_secret", secret);
    if (is_set(remote->options.scope)) {
        form_field(form, "scope", slice_of(remote->options.scope));
    }
    OPENSSL_cleanse(credential, strlen(credential));
    return true;
}

// What RFC 6749 calls an error is a word; descriptions may repeat what was sent.
static bool token_refused(const HttpAnswer *answer, const char *url, Arena *arena, Err *err) {
    Slice word = rest_error_parse(buf_slice(&answer->body), arena).type;
    bool plain = word.size > 0 && word.size < 60;
    for (size_t i = 0; plain && i < word.size; i++) {
        uint8_t c = word.data[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    }
    char said[80];
    snprintf(said, sizeof(said), "%s%.*s", plain ? ": " : "", plain ? (int)word.size : 0, (const char *)word.data);
    size_t shown = strcspn(url, "?#");
    if (answer->status == 400 || answer->status == 401 || answer->status == 403) {
        FAIL(err, ERR_NET_AUTH, "%.*s gives no token for catalog.credential: %d%s", (int)shown, url, answer->status,
             said);
        return err_hint(err, "check catalog.credential and catalog.scope");
    }
    if (answer->status == 429 || answer->status >= 500) {
        return FAIL(err, ERR_NET_BUSY, "%.*s gives no token now: %d%s", (int)shown, url, answer->status, said);
    }
    FAIL(err, ERR_NET_SETUP, "%.*s gives no token: %d%s", (int)shown, url, answer->status, said);
    return err_hint(err, "set catalog.oauth2.server.uri to the token endpoint of the catalog's identity provider");
}

static bool token_ask(Remote *remote, Slice form, Arena *arena, Err *err) {
    static const HttpHeader HEADERS[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                         {"Accept", "application/json"}};
    const char *url = token_url(remote, arena);
    HttpRequest request = {.method = "POST",
                           .url = url,
                           .headers = HEADERS,
                           .header_count = ARRAY_LEN(HEADERS),
                           .body = form,
                           .file = -1,
                           .answer_bytes_max = TOKEN_ANSWER_BYTES_MAX};
    HttpAnswer answer = {0};
    RestToken token = {0};
    bool good = http_send(remote->http, &request, &answer, err);
    if (good && answer.status != 200) {
        good = token_refused(&answer, url, arena, err);
    }
    good = good && rest_token_parse(buf_slice(&answer.body), arena, &token, err) &&
           token_keep(&remote->auth, token.token, err);
    if (good && token.expires_s > 0) {
        int64_t before_s = MIN(token.expires_s / 10 + 1, (int64_t)RENEW_BEFORE_S_MAX);
        remote->auth.renew_us = clock_wall_us() + (token.expires_s - before_s) * 1000000;
    }
    if (answer.body.data != NULL) {
        OPENSSL_cleanse(answer.body.data, answer.body.capacity);
    }
    http_answer_release(&answer);
    return good || err_frame(err, __FILE__, __LINE__);
}

static bool token_fetch(Remote *remote, Err *err) {
    Buf form = {0};
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool good = token_form(remote, scratch, &form, err) && token_ask(remote, buf_slice(&form), scratch, err);
    if (form.data != NULL) {
        OPENSSL_cleanse(form.data, form.capacity);
    }
    buf_release(&form);
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- putting it ------------------------------------------------------------------------------------------------

static bool put_token(Remote *remote, bool refused, HttpRequest *request, Arena *arena, Err *err) {
    RemoteAuth *auth = &remote->auth;
    bool late = auth->renew_us != 0 && clock_wall_us() >= auth->renew_us;
    if (auth->token.size == 0 || refused || late) {
        TRY(auth->kind == AUTH_OAUTH2 ? token_fetch(remote, err) : token_given(remote, arena, err));
    }
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, request->header_count + 1);
    memcpy(headers, request->headers, request->header_count * sizeof(HttpHeader));
    headers[request->header_count] = (HttpHeader){"Authorization", (const char *)auth->token.data};
    request->headers = headers;
    request->header_count++;
    return true;
}

bool remote_auth_put(Remote *remote, bool refused, HttpRequest *request, Arena *arena, Err *err) {
    RemoteAuth *auth = &remote->auth;
    switch (auth->kind) {
    case AUTH_TOKEN:
    case AUTH_OAUTH2:
        return put_token(remote, refused, request, arena, err);
    case AUTH_SIGV4: {
        const AwsCredentials *keys = NULL;
        TRY(aws_provider_get(auth->aws, refused, &keys, err));
        AwsSigning signing = {.credentials = keys,
                              .region = auth->region,
                              .service = auth->service,
                              .now_us = clock_wall_us(),
                              .key = &auth->key};
        return aws_sign(&signing, request, arena, err);
    }
    case AUTH_NONE:
    default:
        return true;
    }
}
