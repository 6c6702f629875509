// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/channel.c"

#include "core/base/test.h"

#include <pthread.h>

typedef struct Pair {
    Channel a, b;
} Pair;

static void pair_open(Pair *pair) {
    Err err[1] = {{0}};
    int ends[2];
    CHECK_OK(channel_pair(ends, err));
    CHECK_OK(channel_open(&pair->a, ends[0], err));
    CHECK_OK(channel_open(&pair->b, ends[1], err));
}

TEST(channel_carries_messages_both_ways) {
    Err err[1] = {{0}};
    Pair pair;
    Message got;
    bool any;
    pair_open(&pair);
    CHECK_OK(channel_send(&pair.a, &(Message){.type = MESSAGE_ASK, .id = 1, .verb = SLICE("level")}, err));
    CHECK_OK(channel_send(&pair.a, &(Message){.type = MESSAGE_STOP}, err));
    CHECK_OK(channel_receive(&pair.b, -1, &got, &any, err));
    CHECK(any);
    CHECK_TEXT(got.verb, "level");
    CHECK_OK(channel_receive(&pair.b, 0, &got, &any, err));
    CHECK(any);
    CHECK_INT(got.type, MESSAGE_STOP);
    CHECK_OK(channel_receive(&pair.b, 0, &got, &any, err));
    CHECK(!any);
    CHECK_OK(channel_send(&pair.b, &(Message){.type = MESSAGE_DONE}, err));
    CHECK_OK(channel_receive(&pair.a, 1000, &got, &any, err));
    CHECK(any);
    CHECK_INT(got.type, MESSAGE_DONE);
    channel_close(&pair.a);
    channel_close(&pair.a);
    channel_close(&pair.b);
}

TEST(channel_gives_what_came_before_its_end) {
    Err err[1] = {{0}};
    Pair pair;
    Message got;
    bool any;
    pair_open(&pair);
    CHECK_OK(channel_send(&pair.a, &(Message){.type = MESSAGE_FAILED, .text = SLICE("why")}, err));
    channel_close(&pair.a);
    CHECK_OK(channel_fill(&pair.b, err));
    CHECK(pair.b.ended);
    CHECK_OK(channel_next(&pair.b, &got, &any, err));
    CHECK(any);
    CHECK_TEXT(got.text, "why");
    CHECK_FAILS(channel_receive(&pair.b, -1, &got, &any, err), ERR_INTERRUPTED);
    CHECK_FAILS(channel_send(&pair.b, &(Message){.type = MESSAGE_STOP}, err), ERR_INTERRUPTED);
    channel_close(&pair.b);
}

// What the socket does not take waits in the buffer, and comes in order.
TEST(channel_holds_what_the_socket_does_not_take) {
    Err err[1] = {{0}};
    Pair pair;
    pair_open(&pair);
    DEFER(buf_release) Buf text = {0};
    for (int i = 0; i < 100000; i++) {
        buf_u8(&text, (uint8_t)('a' + i % 26));
    }
    for (uint32_t i = 0; i < 30; i++) {
        Message message = {.type = MESSAGE_STATE, .id = i, .text = buf_slice(&text)};
        CHECK_OK(channel_put(&pair.a, &message, err));
        CHECK_OK(channel_flush(&pair.a, err));
    }
    CHECK(channel_waiting_bytes(&pair.a) > 0);
    CHECK_INT(channel_events(&pair.a), POLLIN | POLLOUT);
    for (uint32_t taken = 0; taken < 30;) {
        Message got;
        bool any;
        CHECK_OK(channel_flush(&pair.a, err));
        CHECK_OK(channel_fill(&pair.b, err));
        CHECK_OK(channel_next(&pair.b, &got, &any, err));
        while (any) {
            CHECK_INT(got.id, taken);
            CHECK(slice_equal(got.text, buf_slice(&text)));
            taken++;
            CHECK_OK(channel_next(&pair.b, &got, &any, err));
        }
    }
    CHECK_INT(channel_waiting_bytes(&pair.a), 0);
    CHECK_INT(channel_events(&pair.a), POLLIN);
    CHECK(pair.a.out.capacity <= KEPT_BYTES);
    channel_close(&pair.a);
    channel_close(&pair.b);
}

static void *answers(void *context) {
    Err err[1] = {{0}};
    Channel *channel = context;
    for (int i = 0; i < 200; i++) {
        Message got;
        bool any;
        CHECK_OK(channel_receive(channel, -1, &got, &any, err));
        Message answer = {.type = MESSAGE_ANSWER, .id = got.id, .text = got.text};
        CHECK_OK(channel_send(channel, &answer, err));
    }
    return NULL;
}

TEST(channel_halves_are_used_by_two_threads) {
    Err err[1] = {{0}};
    Pair pair;
    pair_open(&pair);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, answers, &pair.b), 0);
    for (uint32_t i = 0; i < 200; i++) {
        Message got;
        bool any;
        CHECK_OK(channel_send(&pair.a, &(Message){.type = MESSAGE_ASK, .id = i, .text = SLICE("{}")}, err));
        CHECK_OK(channel_receive(&pair.a, -1, &got, &any, err));
        CHECK_INT(got.id, i);
    }
    pthread_join(thread, NULL);
    channel_close(&pair.a);
    channel_close(&pair.b);
}
