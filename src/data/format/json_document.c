// SPDX-License-Identifier: Apache-2.0
#include "data/format/json_document.h"

#include "core/base/json.h"

// Reads one value without recursion: `open` holds a closing bracket for each level.
typedef struct Scan {
    const uint8_t *at, *end;
    size_t depth;
    uint8_t open[JSON_DOCUMENT_DEPTH_MAX];
} Scan;

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static uint8_t next_token(Scan *scan) { // 0 at the end
    while (scan->at < scan->end && is_space(*scan->at)) {
        scan->at++;
    }
    return scan->at < scan->end ? *scan->at : 0;
}

static bool is_hex(uint8_t byte) {
    return hex_digit(byte) >= 0;
}

static bool scan_escape(Scan *scan) { // behind the backslash
    if (scan->at == scan->end) {
        return false;
    }
    uint8_t kind = *scan->at++;
    if (kind != 'u') {
        return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL;
    }
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at == scan->end || !is_hex(*scan->at)) {
            return false;
        }
    }
    return true;
}

static bool scan_string(Scan *scan) {
    if (next_token(scan) != '"') {
        return false;
    }
    scan->at++;
    while (scan->at < scan->end) {
        uint8_t byte = *scan->at++;
        if (byte == '"') {
            return true;
        }
        if (byte < 0x20 || (byte == '\\' && !scan_escape(scan))) {
            return false;
        }
    }
    return false;
}

static bool scan_digits(Scan *scan) { // one or more
    const uint8_t *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return scan->at > start;
}

static bool scan_number(Scan *scan) {
    if (*scan->at == '-') {
        scan->at++;
    }
    const uint8_t *first = scan->at;
    if (!scan_digits(scan) || (*first == '0' && scan->at > first + 1)) {
        return false;
    }
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!scan_digits(scan)) {
            return false;
        }
    }
    if (scan->at < scan->end && (*scan->at | 0x20) == 'e') {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-')) {
            scan->at++;
        }
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(Scan *scan, const char *word) {
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

static bool scan_key(Scan *scan) {
    if (!scan_string(scan) || next_token(scan) != ':') {
        return false;
    }
    scan->at++;
    return true;
}

// A scalar, or the start of a list or object: *complete tells which.
static bool scan_start(Scan *scan, bool *complete) {
    uint8_t token = next_token(scan);
    *complete = true;
    if (token == '"') {
        return scan_string(scan);
    }
    if (token == '-' || (token >= '0' && token <= '9')) {
        return scan_number(scan);
    }
    if (token != '{' && token != '[') {
        return token == 't'   ? scan_word(scan, "true")
               : token == 'f' ? scan_word(scan, "false")
                              : scan_word(scan, "null");
    }
    scan->at++;
    uint8_t close = token == '{' ? '}' : ']';
    if (next_token(scan) == close) {
        scan->at++;
        return true;
    }
    if (scan->depth == JSON_DOCUMENT_DEPTH_MAX) {
        return false;
    }
    scan->open[scan->depth++] = close;
    *complete = false;
    return close == ']' || scan_key(scan);
}

// Behind a complete value: closes what ends here, or stands before the next member.
static bool scan_after(Scan *scan) {
    while (scan->depth > 0) {
        uint8_t close = scan->open[scan->depth - 1];
        uint8_t token = next_token(scan);
        if (token == ',') {
            scan->at++;
            return close == ']' || scan_key(scan);
        }
        if (token != close) {
            return false;
        }
        scan->at++;
        scan->depth--;
    }
    return true;
}

static bool is_document(Slice text) {
    Scan scan = {.at = text.data, .end = text.data + text.size};
    bool complete = false;
    do {
        if (!scan_start(&scan, &complete) || (complete && !scan_after(&scan))) {
            return false;
        }
    } while (scan.depth > 0);
    return next_token(&scan) == 0 && scan.at == scan.end;
}

bool json_document_write(Buf *buf, Slice text) {
    if (text.size == 0 || !is_document(text) || !json_utf8_valid(text)) {
        return false;
    }
    uint8_t *to = buf_room(buf, text.size);
    if (to != NULL) {
        for (size_t i = 0; i < text.size; i++) {
            to[i] = text.data[i] < 0x20 ? ' ' : text.data[i]; // only between tokens, as strings hold none
        }
        buf_advance(buf, text.size);
    }
    return true;
}
