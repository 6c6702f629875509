// SPDX-License-Identifier: Apache-2.0
#include "core/sys/random.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t size) {
    uint8_t *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR) {
            panic("the kernel gives no random bytes: errno %d", errno);
        }
        at += MAX(got, 0);
        size -= (size_t)MAX(got, 0);
    }
}

uint64_t random_number(void) {
    uint64_t number;
    random_bytes(&number, sizeof(number));
    return number;
}

void random_uuid(char text[37]) {
    uint8_t bytes[16];
    char *to = text;
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *to++ = '-';
        }
        *to++ = "0123456789abcdef"[bytes[i] >> 4];
        *to++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *to = '\0';
}
