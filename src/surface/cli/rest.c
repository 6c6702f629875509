// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/rest.h"

#include "core/sys/file.h"

#include <jansson.h>

enum { TOKEN_BYTES_MAX = 4096, STALLED_MS = 100000 }; // a server may take 90 s for an answer

static const char *non_empty(const char *text) {
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool token_take(const Cli *cli, const char **authorization, Err *err) {
    const char *path = cli_value(cli, "token-file");
    Slice token;
    path = path != NULL ? path : non_empty(getenv("LEAT_TOKEN_FILE"));
    *authorization = NULL;
    if (path == NULL) {
        return true;
    }
    TRY(file_read_all(path, TOKEN_BYTES_MAX, cli->arena, &token, err));
    while (token.size > 0 && token.data[token.size - 1] <= ' ') {
        token.size--;
    }
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~') {
            FAIL(err, ERR_OPTION, "%s: byte %zu is not part of a token", path, i + 1);
            return err_hint(err, "the file holds one token on one line, nothing else");
        }
    }
    *authorization = arena_printf(cli->arena, "Bearer %.*s", SLICE_ARG(token));
    return true;
}

bool rest_open_at(const Cli *cli, const char *url, Rest *rest, Err *err) {
    Slice base = slice_of(url);
    while (base.size > 0 && base.data[base.size - 1] == '/') {
        base.size--;
    }
    *rest = (Rest){.cli = cli, .base = arena_text(cli->arena, base)};
    const HttpClientOptions options = {
        .connections_max = 1, .stalled_ms = STALLED_MS, .ca_file = non_empty(getenv("LEAT_CA_FILE"))};
    return http_client_open(&options, &rest->client, err);
}

bool rest_open(const Cli *cli, RestService service, Rest *rest, Err *err) {
    const char *variable = service == REST_CONNECT ? "LEAT_URL" : "LEAT_REGISTRY_URL";
    const char *url = cli_value(cli, "url");
    url = url != NULL ? url : non_empty(getenv(variable));
    if (url == NULL) {
        url = service == REST_CONNECT ? "http://127.0.0.1:8083" : "http://127.0.0.1:8081";
    }
    TRY(rest_open_at(cli, url, rest, err));
    if (!token_take(cli, &rest->authorization, err)) {
        rest_close(rest);
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

void rest_close(Rest *rest) {
    http_client_close(rest->client);
    rest->client = NULL;
}

const char *rest_path(const Cli *cli, const char *format, const char *name) {
    DEFER(buf_release) Buf path = {0};
    for (const char *at = format; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 's') {
            http_encode(&path, slice_of(name), false);
            at++;
        } else {
            buf_u8(&path, (uint8_t)*at);
        }
    }
    return arena_text(cli->arena, buf_slice(&path));
}

static ErrCode code_of(int status) {
    switch (status) {
    case 400:
    case 422:
        return ERR_OPTION;
    case 401:
        return ERR_NET_AUTH;
    case 403:
        return ERR_NET_PERMISSION;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_EXISTS;
    default:
        return ERR_NET_BUSY;
    }
}

static bool refused(const Rest *rest, const HttpAnswer *answer, Err *err) {
    json_t *root = json_loadb((const char *)answer->body.data, answer->body.size, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "message"));
    FAIL(err, code_of(answer->status), "%s", message != NULL ? message : "the server gives no reason");
    json_decref(root);
    if (answer->status == 401 || answer->status == 403) {
        return err_hint(err, "give a token that may do this: --token-file FILE");
    }
    return message == NULL ? err_prefix(err, "%s answers %d", rest->base, answer->status) : false;
}

bool rest_call(Rest *rest, const char *method, const char *path, Slice body, Slice *answer, Err *err) {
    HttpHeader headers[3] = {{"accept", "application/json"}};
    size_t count = 1;
    HttpAnswer got = {0};
    if (body.data != NULL) {
        headers[count++] = (HttpHeader){"content-type", "application/json"};
    }
    if (rest->authorization != NULL) {
        headers[count++] = (HttpHeader){"authorization", rest->authorization};
    }
    HttpRequest request = {.method = method,
                           .url = arena_printf(rest->cli->arena, "%s%s", rest->base, path),
                           .headers = headers,
                           .header_count = count,
                           .body = body,
                           .file = -1,
                           .answer_bytes_max = 256 * MIB};
    bool ok = http_send(rest->client, &request, &got, err);
    if (!ok) {
        err_hint(err, "is leat server running there? another place: --url URL or LEAT_URL");
    } else if (got.status >= 400) {
        ok = refused(rest, &got, err);
    } else if (answer != NULL) {
        *answer = arena_slice(rest->cli->arena, buf_slice(&got.body));
    }
    http_answer_release(&got);
    return ok;
}
