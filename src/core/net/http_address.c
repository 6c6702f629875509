// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_address.h"

#include "core/base/bytes.h"
#include "core/sys/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

enum { BACKLOG = 512 };

// host and port of the text; host is empty for "everywhere".
static bool split(const char *text, char *host, size_t host_size, int *port, Err *err) {
    const char *at = strncmp(text, "http://", 7) == 0 ? text + 7 : strncmp(text, "https://", 8) == 0 ? text + 8 : text;
    size_t host_length = 0;
    const char *colon = NULL;
    if (*at == '[') {
        const char *close = strchr(at, ']');
        colon = close != NULL && close[1] == ':' ? close + 1 : NULL;
        at++;
        host_length = close != NULL ? (size_t)(close - at) : 0;
    } else {
        colon = strrchr(at, ':');
        host_length = colon != NULL ? (size_t)(colon - at) : 0;
        if (memchr(at, ':', host_length) != NULL) {
            colon = NULL; // an IPv6 address without brackets: which part is the port?
        }
    }
    uint64_t number = 0;
    Slice digits = slice_of(colon != NULL ? colon + 1 : "");
    while (digits.size > 0 && digits.data[digits.size - 1] == '/') {
        digits.size--;
    }
    bool good = digits.size > 0 && digits.size <= 5;
    for (size_t i = 0; good && i < digits.size; i++) {
        good = digits.data[i] >= '0' && digits.data[i] <= '9';
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    }
    if (!good || number > 65535 || host_length >= host_size) {
        FAIL(err, ERR_OPTION, "'%.200s' is no address to listen on", text);
        return err_hint(err, "write HOST:PORT, [IPV6]:PORT or :PORT");
    }
    memcpy(host, at, host_length);
    host[strcmp(host, "*") == 0 && host_length == 1 ? 0 : host_length] = '\0';
    if (host_length == 1 && host[0] == '*') {
        host[0] = '\0';
    }
    *port = (int)number;
    return true;
}

static bool is_loopback(const struct sockaddr *socket) {
    if (socket->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, socket, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, socket, sizeof(v6));
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
}

bool http_address_parse(const char *text, HttpAddress *address, Err *err) {
    *address = (HttpAddress){0};
    char host[256] = {0};
    int port = 0;
    TRY(split(text, host, sizeof(host), &port, err));
    snprintf(address->text, sizeof(address->text), "%s", text);
    if (host[0] == '\0') {
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        memcpy(&address->socket, &any, sizeof(any));
        address->size = sizeof(any);
        return true;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0 || found == NULL) {
        FAIL(err, ERR_OPTION, "cannot listen on '%s': %s", text, gai_strerror(code));
        return err_hint(err, "name an address of this machine");
    }
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (at->ai_family == AF_INET) { // "localhost" is 127.0.0.1 for the clients of the original
            chosen = at;
            break;
        }
    }
    memcpy(&address->socket, chosen->ai_addr, chosen->ai_addrlen);
    address->size = chosen->ai_addrlen;
    address->loopback = is_loopback(chosen->ai_addr);
    freeaddrinfo(found);
    // sin_port and sin6_port lie at the same place.
    struct sockaddr_in with_port;
    memcpy(&with_port, &address->socket, sizeof(with_port));
    with_port.sin_port = htons((uint16_t)port);
    memcpy(&address->socket, &with_port, sizeof(with_port));
    return true;
}

static bool refuse(const HttpAddress *address, int *fd, Err *err) {
    int reason = errno;
    file_close(fd);
    FAIL(err, ERR_OPTION, "cannot listen on %s: %s", address->text, strerror(reason));
    return err_hint(err, reason == EADDRINUSE ? "another process has that port: stop it, or name another"
                                              : "name an address of this machine, and a port above 1023");
}

bool http_address_listen(const HttpAddress *address, int *fd, int *port, Err *err) {
    int family = address->socket.ss_family;
    *fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_storage at = address->socket;
    socklen_t size = address->size;
    if (*fd < 0 && family == AF_INET6 && errno == EAFNOSUPPORT && !address->loopback) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &at, sizeof(v6));
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port}; // a machine without IPv6
        memcpy(&at, &v4, sizeof(v4));
        size = sizeof(v4);
        *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    if (*fd < 0) {
        return refuse(address, fd, err);
    }
    int yes = 1, no = 0;
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (at.ss_family == AF_INET6) {
        setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    }
    if (bind(*fd, (const struct sockaddr *)&at, size) != 0 || listen(*fd, BACKLOG) != 0) {
        return refuse(address, fd, err);
    }
    size = sizeof(at);
    if (getsockname(*fd, (struct sockaddr *)&at, &size) != 0) {
        return refuse(address, fd, err);
    }
    struct sockaddr_in with_port;
    memcpy(&with_port, &at, sizeof(with_port));
    *port = ntohs(with_port.sin_port);
    return true;
}
