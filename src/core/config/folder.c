// SPDX-License-Identifier: Apache-2.0
#include "core/config/folder.h"

#include "core/base/buf.h"

#include <openssl/sha.h>

enum { HASH_BYTES = 16 };
static const char DIGITS[] = "0123456789ABCDEF";

static bool plain(uint8_t byte, bool first) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
           (byte == '.' && !first);
}

static size_t byte_put(uint8_t byte, bool first, char out[3]) {
    if (plain(byte, first)) {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '%';
    out[1] = DIGITS[byte >> 4];
    out[2] = DIGITS[byte & 15];
    return 3;
}

static char *folder_cut(Arena *arena, Slice name, char *folder, size_t size) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(name.data, name.size, hash);
    folder[size++] = '~';
    for (size_t i = 0; i < HASH_BYTES; i++) {
        folder[size++] = DIGITS[hash[i] >> 4];
        folder[size++] = DIGITS[hash[i] & 15];
    }
    return arena_text(arena, (Slice){(const uint8_t *)folder, size});
}

char *connector_folder(Arena *arena, Slice name) {
    char folder[FOLDER_MAX + 1];
    size_t size = 0, whole = 0; // `whole`: where it is cut, if it must be: behind a whole byte
    if (name.size == 0) {
        return arena_text(arena, SLICE("%"));
    }
    for (size_t i = 0; i < name.size; i++) {
        char byte[3];
        size_t length = byte_put(name.data[i], i == 0, byte);
        if (size + length > FOLDER_MAX) {
            return folder_cut(arena, name, folder, whole);
        }
        memcpy(folder + size, byte, length);
        size += length;
        if (size <= FOLDER_MAX - 1 - 2 * HASH_BYTES) {
            whole = size;
        }
    }
    return arena_text(arena, (Slice){(const uint8_t *)folder, size});
}

static int digit_of(uint8_t byte) {
    const char *at = byte != '\0' ? strchr(DIGITS, byte) : NULL;
    return at != NULL ? (int)(at - DIGITS) : -1;
}

bool connector_folder_name(Arena *arena, Slice folder, Slice *name) {
    uint8_t *bytes = arena_alloc(arena, folder.size + 1);
    size_t size = 0;
    *name = (Slice){bytes, 0};
    if (slice_is(folder, "%")) {
        return true;
    }
    for (size_t i = 0; i < folder.size; i++) {
        uint8_t byte = folder.data[i];
        if (byte == '%') {
            int high = i + 2 < folder.size ? digit_of(folder.data[i + 1]) : -1;
            int low = high >= 0 ? digit_of(folder.data[i + 2]) : -1;
            if (low < 0 || plain((uint8_t)(high << 4 | low), i == 0)) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (!plain(byte, i == 0)) {
            return false;
        }
        bytes[size++] = byte;
    }
    name->size = size;
    return size > 0;
}
