// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/message.c"

#include "core/base/test.h"

TEST(message_survives_its_bytes) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf buf = {0};
    Message sent = {MESSAGE_ASK, 7, -3, SLICE("caf\xc3\xa9/1"), SLICE("apply"), SLICE("{\"a\":1}")};
    CHECK_OK(message_encode(&sent, &buf, err));
    CHECK_OK(message_encode(&(Message){.type = MESSAGE_STOP}, &buf, err));
    Message got;
    size_t size, first;
    CHECK_OK(message_decode(buf_slice(&buf), &got, &first, err));
    CHECK_INT(got.type, MESSAGE_ASK);
    CHECK_INT(got.id, 7);
    CHECK_INT(got.number, -3);
    CHECK_TEXT(got.name, "caf\xc3\xa9/1");
    CHECK_TEXT(got.verb, "apply");
    CHECK_TEXT(got.text, "{\"a\":1}");
    CHECK_OK(message_decode(slice_from(buf_slice(&buf), first), &got, &size, err));
    CHECK_INT(got.type, MESSAGE_STOP);
    CHECK_INT(got.text.size, 0);
    CHECK_INT(first + size, buf.size);
    for (size_t part = 0; part < first; part++) {
        CHECK_OK(message_decode((Slice){buf.data, part}, &got, &size, err));
        CHECK_INT(size, 0);
    }
}

TEST(message_that_is_too_large_is_not_sent) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf large = {0}, buf = {0};
    CHECK(buf_room(&large, MESSAGE_BYTES_MAX) != NULL);
    Slice text = {large.data, MESSAGE_BYTES_MAX - FIXED_BYTES - 2};
    CHECK_OK(message_encode(&(Message){.type = MESSAGE_REPORT, .name = SLICE("ab"), .text = text}, &buf, err));
    size_t size;
    Message got;
    CHECK_OK(message_decode(buf_slice(&buf), &got, &size, err));
    CHECK_INT(size, buf.size);
    buf_reset(&buf);
    CHECK_FAILS(message_encode(&(Message){.type = MESSAGE_REPORT, .name = SLICE("abc"), .text = text}, &buf, err),
                ERR_MEMORY);
    CHECK_INT(buf.size, 0);
}

// Puts a number at a place of a good message's bytes: they must be refused.
static void spoilt(size_t at, uint32_t number) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf buf = {0};
    Message got;
    size_t size;
    CHECK_OK(message_encode(&(Message){.type = MESSAGE_HELLO, .name = SLICE("n"), .text = SLICE("0.3")}, &buf, err));
    memcpy(buf.data + at, &number, at == 4 ? 2 : 4);
    CHECK_FAILS(message_decode(buf_slice(&buf), &got, &size, err), ERR_INTERNAL);
}

TEST(message_with_wrong_sizes_is_refused) {
    spoilt(0, FIXED_BYTES - 1);
    spoilt(0, MESSAGE_BYTES_MAX + 1);
    spoilt(0, FIXED_BYTES); // the texts are longer
    spoilt(4, 0);           // a type that there is not
    spoilt(4, MESSAGE_BEAT + 1);
    spoilt(18, 2); // the name takes a byte of the next size
    spoilt(18, 0); // a byte is left over
    spoilt(18, UINT32_MAX);
}
