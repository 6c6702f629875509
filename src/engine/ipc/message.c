// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/message.h"

enum { SIZE_BYTES = 4, FIXED_BYTES = 2 + 4 + 8 + 3 * 4 }; // what follows the size, without the texts

static void text_put(Buf *out, Slice text) {
    buf_u32le(out, (uint32_t)text.size);
    buf_put(out, text);
}

bool message_encode(const Message *message, Buf *out, Err *err) {
    const Slice *texts[] = {&message->name, &message->verb, &message->text};
    size_t size = FIXED_BYTES;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->size > MESSAGE_BYTES_MAX - size) {
            return FAIL(err, ERR_MEMORY, "a message between leat's processes has more than %d bytes",
                        MESSAGE_BYTES_MAX);
        }
        size += texts[i]->size;
    }
    uint16_t type = (uint16_t)message->type;
    if (buf_room(out, SIZE_BYTES + size) == NULL) {
        return FAIL(err, ERR_MEMORY, "no room for a message of %zu bytes", size);
    }
    buf_u32le(out, (uint32_t)size);
    buf_bytes(out, &type, sizeof(type));
    buf_u32le(out, message->id);
    buf_u64le(out, (uint64_t)message->number);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        text_put(out, *texts[i]);
    }
    return true;
}

static bool text_take(Slice *rest, Slice *text) {
    if (rest->size < 4 || load_u32le(rest->data) > rest->size - 4) {
        return false;
    }
    *text = (Slice){rest->data + 4, load_u32le(rest->data)};
    *rest = slice_from(*rest, 4 + text->size);
    return true;
}

bool message_decode(Slice bytes, Message *message, size_t *size, Err *err) {
    *size = 0;
    if (bytes.size < SIZE_BYTES) {
        return true;
    }
    uint32_t follows = load_u32le(bytes.data);
    if (follows < FIXED_BYTES || follows > MESSAGE_BYTES_MAX) {
        return FAIL(err, ERR_INTERNAL, "a message between leat's processes says that it has %u bytes", follows);
    }
    if (bytes.size - SIZE_BYTES < follows) {
        return true;
    }
    Slice rest = {bytes.data + SIZE_BYTES, follows};
    uint16_t type;
    memcpy(&type, rest.data, sizeof(type));
    if (type < MESSAGE_HELLO || type > MESSAGE_BEAT) {
        return FAIL(err, ERR_INTERNAL, "a message between leat's processes has the unknown type %u", type);
    }
    *message = (Message){
        .type = (MessageType)type, .id = load_u32le(rest.data + 2), .number = (int64_t)load_u64le(rest.data + 6)};
    rest = slice_from(rest, 14);
    if (!text_take(&rest, &message->name) || !text_take(&rest, &message->verb) || !text_take(&rest, &message->text) ||
        rest.size != 0) {
        return FAIL(err, ERR_INTERNAL, "a message between leat's processes does not have the size of its texts");
    }
    *size = SIZE_BYTES + (size_t)follows;
    return true;
}
