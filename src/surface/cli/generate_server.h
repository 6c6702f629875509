// SPDX-License-Identifier: Apache-2.0
// leat generate storefront --listen: the storefront's filling and traffic, ordered over HTTP.
//     POST /seed/full   fills the tables; with rows there already, nothing         {"scale":1,"seed":1}
//     POST /seed/start  fills them when they are missing, then makes traffic       {"rate":100,"duration":"5m",…}
//     POST /seed/stop   ends what runs; answers when it has ended
//     GET  /status      {"state":"idle|filling|running|stopping|failed",…}
//     GET  /openapi.json
#ifndef LEAT_SURFACE_CLI_GENERATE_SERVER_H
#define LEAT_SURFACE_CLI_GENERATE_SERVER_H

#include "flow/source/generator/storefront.h"

// Until *options->stop. `options` are the defaults of every order. Loopback, unless the address says otherwise: there
// is no login, so put it where only those may reach it who may.
CHECKED bool generate_server(const char *address, const StorefrontOptions *options, Err *err);

#endif
