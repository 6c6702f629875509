// SPDX-License-Identifier: Apache-2.0
// Where a server listens: "127.0.0.1:8083", "localhost:8083", "[::1]:8083", ":8083" or "*:8083" (everywhere, both
// families). Port 0 = a free one. "http://" before it is passed over, as Kafka Connect's `listeners` has it.
#ifndef LEAT_CORE_NET_HTTP_ADDRESS_H
#define LEAT_CORE_NET_HTTP_ADDRESS_H

#include "core/base/err.h"

#include <sys/socket.h>

typedef struct HttpAddress {
    struct sockaddr_storage socket;
    socklen_t size;
    bool loopback;  // nobody else on the network reaches it
    char text[300]; // as given, for messages
} HttpAddress;

// ERR_OPTION: no address, or a host that cannot be resolved.
CHECKED bool http_address_parse(const char *text, HttpAddress *address, Err *err);
// A bound, listening, non-blocking socket; *port is the real one. ERR_OPTION: in use, not permitted, not ours.
CHECKED bool http_address_listen(const HttpAddress *address, int *fd, int *port, Err *err);

#endif
