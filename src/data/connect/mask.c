// SPDX-License-Identifier: Apache-2.0
#include "data/connect/mask.h"

#include "core/base/buf.h"
#include "data/connect/column_form.h"

#include <ctype.h>
#include <openssl/evp.h>

enum { COUNT_MAX = 1 << 20 };

// --- keys ------------------------------------------------------------------------------------------------------

static bool prefixed(Slice *key, const char *prefix) {
    size_t size = strlen(prefix);
    if (key->size < size || memcmp(key->data, prefix, size) != 0) {
        return false;
    }
    *key = slice_from(*key, size);
    return true;
}

static bool counted(Slice key, Mask *mask, Err *err) {
    Slice number = key;
    int64_t count = 0;
    while (number.size > 0 && isdigit(number.data[0])) {
        count = MIN(10 * count + (number.data[0] - '0'), COUNT_MAX + 1);
        number = slice_from(number, 1);
    }
    if (!slice_is(number, ".chars") || number.size == key.size) {
        return false;
    }
    mask->count = count;
    if (count > COUNT_MAX) {
        (void)FAIL(err, ERR_OPTION, "%.*s: more than %d characters", SLICE_ARG(key), COUNT_MAX);
    }
    return true;
}

static bool hashed(Arena *arena, Slice key, Mask *mask, Err *err) {
    const uint8_t *dot = memchr(key.data, '.', key.size);
    Slice salt = dot == NULL ? (Slice){0} : slice_from(key, (size_t)(dot - key.data));
    if (dot == NULL || dot == key.data || !prefixed(&salt, ".with.salt.") || salt.size == 0) {
        return false;
    }
    mask->salt = arena_slice(arena, salt);
    mask->algorithm = arena_text(arena, (Slice){key.data, (size_t)(dot - key.data)});
    EVP_MD *md = EVP_MD_fetch(NULL, mask->algorithm, NULL);
    if (md == NULL) {
        (void)FAIL(err, ERR_OPTION, "column.mask.hash: %.50s is no algorithm that is known here", mask->algorithm);
        (void)err_hint(err, "SHA-256, SHA-512, SHA-1, MD5 are.");
    }
    EVP_MD_free(md);
    return true;
}

bool mask_read(Arena *arena, Slice key, Mask *mask, Err *err) {
    *mask = (Mask){0};
    if (prefixed(&key, "truncate.to.")) {
        mask->kind = MASK_TRUNCATE;
        return counted(key, mask, err);
    }
    if (prefixed(&key, "mask.with.")) {
        mask->kind = MASK_CHARS;
        return counted(key, mask, err);
    }
    if (!prefixed(&key, "mask.hash.")) {
        return false;
    }
    mask->kind = prefixed(&key, "v2.") ? MASK_HASH_V2 : MASK_HASH;
    return hashed(arena, key, mask, err);
}

// --- values ----------------------------------------------------------------------------------------------------

bool mask_describe(const Mask *mask, Arena *arena, ConnectColumn *column, int64_t length) {
    if (mask->kind == MASK_TRUNCATE) {
        if (length <= mask->count) {
            return false;
        }
        connect_parameter_add(arena, &column->shape, "truncateLength",
                              slice_of(arena_printf(arena, "%" PRId64, mask->count)));
        return column->shape.kind == SHAPE_STRING || column->shape.kind == SHAPE_BYTES;
    }
    connect_parameter_add(arena, &column->shape, "masked", SLICE("true"));
    return column->form == FORM_COPY && column->shape.kind == SHAPE_STRING &&
           (column->type->kind == TYPE_ENUM || connect_note(&column->shape, "connect.name").size == 0);
}

// The first `count` UTF-16 units of a text; of a character that is cut apart a '?' stays, as Java writes it.
static Slice cut(Arena *scratch, Slice text, int64_t count) {
    size_t at = 0;
    for (int64_t units = 0; at < text.size; units++) {
        size_t size = text.data[at] < 0x80 ? 1 : text.data[at] < 0xE0 ? 2 : text.data[at] < 0xF0 ? 3 : 4;
        if (units == count) {
            return (Slice){text.data, at};
        }
        if (size == 4 && ++units == count) {
            uint8_t *half = arena_alloc(scratch, at + 1);
            memcpy(half, text.data, at);
            half[at] = '?';
            return (Slice){half, at + 1};
        }
        at = MIN(at + size, text.size);
    }
    return text;
}

// A string as Java's ObjectOutputStream writes it: a head, its length, modified UTF-8.
static void java_string(Buf *buf, Slice text) {
    Buf body;
    buf_init(&body, 0);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == 0) {
            buf_bytes(&body, "\xC0\x80", 2);
        } else if (c < 0xF0 || i + 3 >= text.size) {
            buf_u8(&body, c);
        } else { // a pair of surrogates, three bytes each
            uint32_t point = ((uint32_t)(c & 7) << 18 | (uint32_t)(text.data[i + 1] & 0x3F) << 12 |
                              (uint32_t)(text.data[i + 2] & 0x3F) << 6 | (uint32_t)(text.data[i + 3] & 0x3F)) -
                             0x10000;
            uint32_t units[2] = {0xD800 + (point >> 10), 0xDC00 + (point & 0x3FF)};
            for (size_t n = 0; n < 2; n++) {
                buf_u8(&body, (uint8_t)(0xE0 | units[n] >> 12));
                buf_u8(&body, (uint8_t)(0x80 | (units[n] >> 6 & 0x3F)));
                buf_u8(&body, (uint8_t)(0x80 | (units[n] & 0x3F)));
            }
            i += 3;
        }
    }
    buf_bytes(buf, "\xAC\xED\x00\x05", 4);
    if (body.size <= UINT16_MAX) {
        buf_u8(buf, 0x74);
        buf_u16be(buf, (uint16_t)body.size);
    } else {
        buf_u8(buf, 0x7C);
        buf_u64be(buf, body.size);
    }
    buf_put(buf, buf_slice(&body));
    buf_release(&body);
}

static Slice hash_text(const Mask *mask, Arena *scratch, Slice text) {
    Buf bytes;
    buf_init(&bytes, 0);
    buf_put(&bytes, mask->salt);
    if (mask->kind == MASK_HASH) {
        java_string(&bytes, text);
    } else {
        buf_put(&bytes, text);
    }
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t size = 0;
    if (EVP_Q_digest(NULL, mask->algorithm, NULL, bytes.data, bytes.size, digest, &size) != 1) {
        panic("a digest failed");
    }
    buf_release(&bytes);
    Value raw = value_bytes(VALUE_BYTES, (Slice){digest, size});
    return connect_binary(scratch, BINARY_HEX, &raw).bytes;
}

void mask_apply(const Mask *mask, Arena *scratch, int64_t length, Value *value) {
    if (mask->kind == MASK_CHARS) { // even of NULL
        uint8_t *stars = arena_alloc(scratch, (size_t)mask->count);
        memset(stars, '*', (size_t)mask->count);
        *value = value_bytes(VALUE_STRING, (Slice){stars, (size_t)mask->count});
        return;
    }
    if (value->kind != VALUE_STRING && value->kind != VALUE_BYTES) {
        return;
    }
    if (mask->kind != MASK_TRUNCATE) {
        value->bytes = hash_text(mask, scratch, value->bytes);
        value->bytes.size = length > 0 ? MIN(value->bytes.size, (size_t)length) : value->bytes.size;
    } else if (value->kind == VALUE_BYTES) {
        value->bytes.size = MIN(value->bytes.size, (size_t)mask->count);
    } else {
        value->bytes = cut(scratch, value->bytes, mask->count);
    }
}
