// SPDX-License-Identifier: Apache-2.0
// inet_send, cidr_send, macaddr_send, macaddr8_send into the text of their output functions (inet_net_ntop.c).
#include "core/base/digits.h"
#include "flow/source/postgres/codec_decode.h"

enum { FAMILY_INET = 2, FAMILY_INET6 = 3, INET_TEXT_MAX = 64 }; // PGSQL_AF_INET, PGSQL_AF_INET6

static uint8_t *ipv4_put(uint8_t *at, const uint8_t *address) {
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            *at++ = '.';
        }
        at = digits_put(at, address[i]);
    }
    return at;
}

static uint8_t *hex_put(uint8_t *at, uint32_t word) {
    static const char HEX[] = "0123456789abcdef";
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        uint32_t digit = (word >> shift) & 15;
        if (digit != 0 || started || shift == 0) {
            *at++ = (uint8_t)HEX[digit];
            started = true;
        }
    }
    return at;
}

// The longest run of two or more zero words is "::"; the last 32 bits are dotted when all before them are zero, or
// ::ffff (an embedded IPv4 address).
static uint8_t *ipv6_put(uint8_t *at, const uint8_t *address) {
    uint32_t words[8];
    int best = -1, best_size = 0, run = 0;
    for (int i = 0; i < 8; i++) {
        words[i] = load_u16be(address + (size_t)i * 2);
        run = words[i] == 0 ? run + 1 : 0;
        if (run > best_size) {
            best_size = run;
            best = i - run + 1;
        }
    }
    if (best_size < 2) {
        best = -1;
    }
    for (int i = 0; i < 8; i++) {
        if (best >= 0 && i >= best && i < best + best_size) {
            if (i == best) {
                *at++ = ':';
            }
            continue;
        }
        if (i > 0) {
            *at++ = ':';
        }
        if (i == 6 && best == 0 &&
            (best_size == 6 || (best_size == 7 && words[7] != 1) || (best_size == 5 && words[5] == 0xFFFF))) {
            return ipv4_put(at, address + 12);
        }
        at = hex_put(at, words[i]);
    }
    if (best >= 0 && best + best_size == 8) {
        *at++ = ':';
    }
    return at;
}

bool pg_binary_inet(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size < 4 || bytes.size != 4 + (size_t)bytes.data[3]) {
        return BAD_VALUE(codec, err, "its length does not match its bytes");
    }
    bool is_v6 = bytes.data[0] == FAMILY_INET6, is_cidr = bytes.data[2] != 0;
    uint32_t prefix = bytes.data[1], prefix_max = is_v6 ? 128 : 32;
    if ((!is_v6 && bytes.data[0] != FAMILY_INET) || bytes.data[3] * 8U != prefix_max || prefix > prefix_max) {
        return BAD_VALUE(codec, err, "its head is malformed");
    }
    uint8_t *text = arena_alloc(arena, INET_TEXT_MAX);
    uint8_t *at = is_v6 ? ipv6_put(text, bytes.data + 4) : ipv4_put(text, bytes.data + 4);
    if (is_cidr || prefix != prefix_max) {
        *at++ = '/';
        at = digits_put(at, prefix);
    }
    return pg_string_built(value, text, at);
}

bool pg_binary_macaddr(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    static const char HEX[] = "0123456789abcdef";
    if (bytes.size != 6 && bytes.size != 8) {
        return BAD_VALUE(codec, err, "neither 6 nor 8 bytes");
    }
    uint8_t *text = arena_alloc(arena, bytes.size * 3), *at = text;
    for (size_t i = 0; i < bytes.size; i++) {
        if (i > 0) {
            *at++ = ':';
        }
        *at++ = (uint8_t)HEX[bytes.data[i] >> 4];
        *at++ = (uint8_t)HEX[bytes.data[i] & 15];
    }
    return pg_string_built(value, text, at);
}
