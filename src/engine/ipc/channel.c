// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/channel.h"

#include "core/sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES  (64 * KIB) // for each call
#define KEPT_BYTES  (16 * KIB) // of buffers that are empty: there may be a thousand channels
#define BROKEN_HINT "its supervisor or child has ended; the supervisor starts it again"

bool channel_pair(int ends[2], Err *err) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 || FAIL_ERRNO(err, "socketpair");
}

bool channel_open(Channel *channel, int fd, Err *err) {
    *channel = (Channel){.fd = fd};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        channel->fd = -1;
        return FAIL_ERRNO(err, "channel on descriptor %d", fd);
    }
    return true;
}

void channel_close(Channel *channel) {
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    buf_release(&channel->in);
    buf_release(&channel->out);
    *channel = (Channel){.fd = -1};
}

short channel_events(const Channel *channel) {
    return (short)(POLLIN | (channel->out_at < channel->out.size ? POLLOUT : 0));
}

size_t channel_waiting_bytes(const Channel *channel) {
    return channel->out.size - channel->out_at;
}

static bool gone(Err *err) {
    FAIL(err, ERR_INTERRUPTED, "the process at the other end of the channel is gone");
    return err_hint(err, BROKEN_HINT);
}

// --- writing ---------------------------------------------------------------------------------------------------

bool channel_put(Channel *channel, const Message *message, Err *err) {
    if (channel->out_at > channel->out.size / 2) { // what is written need not be carried along
        memmove(channel->out.data, channel->out.data + channel->out_at, channel->out.size - channel->out_at);
        channel->out.size -= channel->out_at;
        channel->out_at = 0;
    }
    return message_encode(message, &channel->out, err);
}

bool channel_flush(Channel *channel, Err *err) {
    while (channel->out_at < channel->out.size) {
        ssize_t sent = send(channel->fd, channel->out.data + channel->out_at, channel->out.size - channel->out_at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return true;
        }
        if (sent < 0 && errno != EINTR) {
            return errno == EPIPE || errno == ECONNRESET ? gone(err) : FAIL_ERRNO(err, "write to a channel");
        }
        channel->out_at += sent > 0 ? (size_t)sent : 0;
    }
    buf_reset_keep(&channel->out, KEPT_BYTES);
    channel->out_at = 0;
    return true;
}

bool channel_send(Channel *channel, const Message *message, Err *err) {
    TRY(channel_put(channel, message, err));
    for (;;) {
        TRY(channel_flush(channel, err));
        if (channel->out.size == 0) {
            return true;
        }
        struct pollfd one = {channel->fd, POLLOUT, 0};
        if (poll(&one, 1, -1) < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "wait for a channel");
        }
    }
}

// --- reading ---------------------------------------------------------------------------------------------------

static void in_compact(Channel *channel) {
    Buf *in = &channel->in;
    if (channel->in_at == in->size) {
        buf_reset_keep(in, KEPT_BYTES);
    } else if (channel->in_at > 0) {
        memmove(in->data, in->data + channel->in_at, in->size - channel->in_at);
        in->size -= channel->in_at;
    }
    channel->in_at = 0;
}

bool channel_fill(Channel *channel, Err *err) {
    in_compact(channel);
    for (size_t done = 0; done < READ_BYTES && !channel->ended;) {
        uint8_t part[4 * KIB];
        ssize_t got = recv(channel->fd, part, sizeof(part), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return true;
        }
        if (got < 0 && errno != EINTR && errno != ECONNRESET) {
            return FAIL_ERRNO(err, "read from a channel");
        }
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            channel->ended = true;
        } else if (got > 0) {
            buf_bytes(&channel->in, part, (size_t)got);
            done += (size_t)got;
        }
    }
    return true;
}

bool channel_next(Channel *channel, Message *message, bool *got, Err *err) {
    size_t size;
    *got = false;
    if (channel->in_at == channel->in.size) {
        return true;
    }
    Slice rest = {channel->in.data + channel->in_at, channel->in.size - channel->in_at};
    TRY(message_decode(rest, message, &size, err));
    channel->in_at += size;
    *got = size > 0;
    return true;
}

bool channel_receive(Channel *channel, int timeout_ms, Message *message, bool *got, Err *err) {
    int64_t until = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        TRY(channel_next(channel, message, got, err));
        if (*got) {
            return true;
        }
        if (channel->ended) {
            return gone(err);
        }
        int64_t left_ms = timeout_ms < 0 ? -1 : MAX((until - clock_monotonic_us() + 999) / 1000, INT64_C(0));
        struct pollfd one = {channel->fd, POLLIN, 0};
        int ready = poll(&one, 1, (int)left_ms);
        if (ready < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "wait for a channel");
        }
        if (ready == 0) {
            return true;
        }
        TRY(channel_fill(channel, err));
    }
}
