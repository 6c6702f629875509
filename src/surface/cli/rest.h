// SPDX-License-Identifier: Apache-2.0
// The commands' way to a running `leat server`: its REST services. Where they are: --url, else LEAT_URL
// (LEAT_REGISTRY_URL), else the ports of a server on this machine. A token: --token-file, else LEAT_TOKEN_FILE.
#ifndef LEAT_SURFACE_CLI_REST_H
#define LEAT_SURFACE_CLI_REST_H

#include "core/net/http.h"
#include "surface/cli/command.h"

typedef enum RestService { REST_CONNECT, REST_REGISTRY } RestService;

// The flags of every command that speaks to a server, for its table.
#define REST_FLAGS                                                                                          \
    {"url", "URL", NULL, "of the server; default $LEAT_URL, else http://127.0.0.1:8083 (registry 8081)"}, { \
        "token-file", "FILE", NULL, "holds the token to show; default $LEAT_TOKEN_FILE"                     \
    }

typedef struct Rest {
    const Cli *cli;
    HttpClient *client;
    const char *base;          // without a slash at the end
    const char *authorization; // NULL = none
} Rest;

CHECKED bool rest_open(const Cli *cli, RestService service, Rest *rest, Err *err);
// Another server of the same interface, without a token. A user and password may be in the URL.
CHECKED bool rest_open_at(const Cli *cli, const char *url, Rest *rest, Err *err);
void rest_close(Rest *rest);
// One request. `path` begins with a slash and is percent-encoded (rest_path); `body` with data NULL: none. An answer of
// 400 and more is an error with the server's own message: 404 ERR_NOT_FOUND, 409 ERR_EXISTS, 400 and 422 ERR_OPTION,
// 401 ERR_NET_AUTH, 403 ERR_NET_PERMISSION, else ERR_NET_BUSY. The answer's body lives as long as the command.
CHECKED bool rest_call(Rest *rest, const char *method, const char *path, Slice body, Slice *answer, Err *err);
// "/connectors/%s/status" with the name percent-encoded.
const char *rest_path(const Cli *cli, const char *format, const char *name);

#endif
