// SPDX-License-Identifier: Apache-2.0
// One end of a socketpair between two of leat's processes: whole messages, buffered both ways, never blocking unless
// asked to. The reading and the writing half know nothing of each other: two threads may use one half each; whoever
// shares a half holds a lock.
//
// A loop:    poll(channel->fd, channel_events(channel)); then channel_fill and channel_next until there is no more;
//            channel_flush.
// A thread:  channel_send, channel_receive, which wait.
#ifndef LEAT_ENGINE_IPC_CHANNEL_H
#define LEAT_ENGINE_IPC_CHANNEL_H

#include "engine/ipc/message.h"

enum { CHANNEL_FD = 3 }; // a child's end, in every child

typedef struct Channel {
    int fd; // -1 = closed
    Buf in, out;
    size_t in_at, out_at; // what is done with
    bool ended;           // the peer has closed: what came before can still be taken
} Channel;

CHECKED bool channel_pair(int ends[2], Err *err); // close-on-exec
// Takes the descriptor over and makes it non-blocking.
CHECKED bool channel_open(Channel *channel, int fd, Err *err);
void channel_close(Channel *channel); // closed is fine

short channel_events(const Channel *channel);         // what to poll for
size_t channel_waiting_bytes(const Channel *channel); // put and not yet taken by the socket
// Puts a message behind those that wait. ERR_MEMORY: it is too large.
CHECKED bool channel_put(Channel *channel, const Message *message, Err *err);
// Writes as much as the socket takes. ERR_INTERRUPTED: the peer is gone.
CHECKED bool channel_flush(Channel *channel, Err *err);
// Reads what there is, up to a limit for each call; sets `ended`.
CHECKED bool channel_fill(Channel *channel, Err *err);
// The next whole message; *got = false when there is none. Its texts last until the next call for this channel.
CHECKED bool channel_next(Channel *channel, Message *message, bool *got, Err *err);

// Waits until the socket has taken it. ERR_INTERRUPTED: the peer is gone.
CHECKED bool channel_send(Channel *channel, const Message *message, Err *err);
// Waits for a message, for ever with a timeout of -1; *got = false when none came in time. ERR_INTERRUPTED: the peer is
// gone.
CHECKED bool channel_receive(Channel *channel, int timeout_ms, Message *message, bool *got, Err *err);

#endif
