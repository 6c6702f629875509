// SPDX-License-Identifier: Apache-2.0
#include "core/base/json_reader.h"

#include "core/base/buf.h"
#include "core/base/json.h"

#define VALUE_WANTED "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

void json_reader_init(JsonReader *reader, Slice source, Arena *arena) {
    *reader = (JsonReader){.source = source, .arena = arena, .want = JSON_WANT_VALUE};
}

const char *json_token_name(JsonToken token) {
    static const char *const NAMES[] = {"NOT_AVAILABLE", "START_OBJECT", "END_OBJECT",   "START_ARRAY",
                                        "END_ARRAY",     "FIELD_NAME",   "VALUE_STRING", "VALUE_NUMBER_INT",
                                        "VALUE_TRUE",    "VALUE_FALSE",  "VALUE_NULL"};
    return NAMES[token];
}

const char *json_reader_place(const JsonReader *reader, size_t at) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < reader->source.size; i++) {
        bool newline = reader->source.data[i] == '\n';
        line += newline;
        column = newline ? 1 : column + 1;
    }
    return arena_printf(reader->arena,
                        "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %zu, "
                        "column: %zu]",
                        line, column);
}

// --- what is wrong ---------------------------------------------------------------------------------------------

static bool bad(JsonReader *reader, size_t at, Err *err, const char *what) {
    return FAIL(err, ERR_OPTION, "%s%s", what, json_reader_place(reader, at));
}

static bool unexpected(JsonReader *reader, const char *wanted, Err *err) {
    if (reader->at >= reader->source.size) {
        return bad(reader, reader->at, err, "Unexpected end-of-input");
    }
    uint8_t c = reader->source.data[reader->at];
    char *what = c < 0x20 || c >= 0x7f
                     ? arena_printf(reader->arena, "Unexpected character (code %d): %s", c, wanted)
                     : arena_printf(reader->arena, "Unexpected character ('%c' (code %d)): %s", c, c, wanted);
    return bad(reader, reader->at, err, what);
}

// --- texts -----------------------------------------------------------------------------------------------------

// Four hexadecimal digits at `at`; -1 when there are none.
static int32_t unit_at(const JsonReader *reader, size_t at) {
    int32_t unit = 0;
    for (size_t i = at; i < at + 4; i++) {
        int digit = i < reader->source.size ? hex_digit(reader->source.data[i]) : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t put_utf8(uint8_t *to, uint32_t code) {
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xc0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (uint8_t)(0xe0 | code >> 12);
        to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | code >> 18);
    to[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

// Behind "\u"; appends what it stands for.
static bool unicode_escape(JsonReader *reader, uint8_t *to, size_t *size, Err *err) {
    int32_t unit = unit_at(reader, reader->at);
    if (unit < 0) {
        return unexpected(reader, "expected a hex-digit for character escape sequence", err);
    }
    if (unit == 0) {
        return bad(reader, reader->at, err, "Illegal character: a text cannot contain a NUL");
    }
    reader->at += 4;
    uint32_t code = (uint32_t)unit;
    if (code >= 0xd800 && code < 0xe000) {
        const uint8_t *next = reader->source.data + reader->at;
        bool pair = code < 0xdc00 && reader->at + 6 <= reader->source.size && next[0] == '\\' && next[1] == 'u';
        int32_t low = pair ? unit_at(reader, reader->at + 2) : -1;
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            reader->at += 6;
        } else {
            code = 0xfffd;
        }
    }
    *size += put_utf8(to + *size, code);
    return true;
}

static bool escape(JsonReader *reader, uint8_t *to, size_t *size, Err *err) {
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    if (reader->at >= reader->source.size) {
        return unexpected(reader, "", err);
    }
    uint8_t c = reader->source.data[reader->at];
    if (c == 'u') {
        reader->at++;
        return unicode_escape(reader, to, size, err);
    }
    const char *found = c == '\0' ? NULL : strchr(FROM, c);
    if (found == NULL) {
        return bad(reader, reader->at, err, "Unrecognized character escape");
    }
    to[(*size)++] = (uint8_t)TO[found - FROM];
    reader->at++;
    return true;
}

// Where the text ends that goes on at `at`.
static size_t text_end(const JsonReader *reader, size_t at) {
    while (at < reader->source.size && reader->source.data[at] != '"') {
        at += reader->source.data[at] == '\\' ? 2 : 1;
    }
    return MIN(at, reader->source.size);
}

// Behind the first quote; passes the last one.
static bool read_text(JsonReader *reader, Err *err) {
    size_t from = reader->at;
    const uint8_t *data = reader->source.data;
    while (reader->at < reader->source.size && data[reader->at] != '"' && data[reader->at] != '\\' &&
           data[reader->at] >= 0x20) {
        reader->at++;
    }
    size_t size = reader->at - from;
    uint8_t *copy = NULL;
    while (reader->at < reader->source.size && data[reader->at] != '"') {
        if (copy == NULL) { // an escape is never shorter than what it stands for
            copy = arena_alloc(reader->arena, text_end(reader, reader->at) - from);
            memcpy(copy, data + from, size);
        }
        if (data[reader->at] < 0x20) {
            return bad(reader, reader->at, err,
                       "Illegal unquoted character: has to be escaped using backslash to be included in string value");
        }
        if (data[reader->at] == '\\') {
            reader->at++;
            TRY(escape(reader, copy, &size, err));
        } else {
            copy[size++] = data[reader->at++];
        }
    }
    if (reader->at >= reader->source.size) {
        return bad(reader, reader->at, err, "Unexpected end-of-input: was expecting closing quote for a string value");
    }
    reader->text = (Slice){copy != NULL ? copy : data + from, size};
    if (!json_utf8_valid(reader->text)) {
        return bad(reader, from, err, "Invalid UTF-8 in a string value");
    }
    reader->at++;
    return true;
}

// --- other scalars ---------------------------------------------------------------------------------------------

static bool digit_at(const JsonReader *reader) {
    return reader->at < reader->source.size && reader->source.data[reader->at] >= '0' &&
           reader->source.data[reader->at] <= '9';
}

static bool take(JsonReader *reader, char wanted) {
    bool there = reader->at < reader->source.size && reader->source.data[reader->at] == (uint8_t)wanted;
    reader->at += there;
    return there;
}

static bool digits(JsonReader *reader, Err *err) {
    if (!digit_at(reader)) {
        return unexpected(reader, "expected digit in a number", err);
    }
    while (digit_at(reader)) {
        reader->at++;
    }
    return true;
}

static bool read_number(JsonReader *reader, Err *err) {
    size_t from = reader->at;
    (void)take(reader, '-');
    if (take(reader, '0')) {
        if (digit_at(reader)) {
            return bad(reader, reader->at, err, "Invalid numeric value: Leading zeroes not allowed");
        }
    } else {
        TRY(digits(reader, err));
    }
    if (take(reader, '.')) {
        TRY(digits(reader, err));
    }
    if (take(reader, 'e') || take(reader, 'E')) {
        (void)(take(reader, '+') || take(reader, '-'));
        TRY(digits(reader, err));
    }
    reader->text = (Slice){reader->source.data + from, reader->at - from};
    return true;
}

static bool read_word(JsonReader *reader, JsonToken *token, Err *err) {
    static const struct {
        const char *word;
        JsonToken token;
    } WORDS[] = {{"true", TOKEN_TRUE}, {"false", TOKEN_FALSE}, {"null", TOKEN_NULL}};
    size_t from = reader->at, size = 0;
    const uint8_t *word = reader->source.data + from;
    while (from + size < reader->source.size && ((word[size] | 0x20) >= 'a' && (word[size] | 0x20) <= 'z')) {
        size++;
    }
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (slice_is((Slice){word, size}, WORDS[i].word)) {
            reader->at += size;
            *token = WORDS[i].token;
            return true;
        }
    }
    if (size == 0) {
        return unexpected(reader, "expected a valid value " VALUE_WANTED, err);
    }
    return bad(reader, from, err,
               arena_printf(reader->arena, "Unrecognized token '%.*s': was expecting " VALUE_WANTED,
                            (int)MIN(size, (size_t)40), (const char *)word));
}

// --- structure -------------------------------------------------------------------------------------------------

static void blanks(JsonReader *reader) {
    while (take(reader, ' ') || take(reader, '\n') || take(reader, '\t') || take(reader, '\r')) {}
}

static bool open_nested(JsonReader *reader, bool object, JsonToken *token, Err *err) {
    if (reader->depth == JSON_READER_DEPTH_MAX) {
        return bad(reader, reader->at, err, "Document nesting depth exceeds the maximum allowed");
    }
    reader->in_object[reader->depth++] = object;
    reader->at++;
    reader->want = JSON_WANT_FIRST;
    *token = object ? TOKEN_OBJECT : TOKEN_ARRAY;
    return true;
}

static bool close_nested(JsonReader *reader, JsonToken *token) {
    *token = reader->in_object[--reader->depth] ? TOKEN_OBJECT_END : TOKEN_ARRAY_END;
    reader->at++;
    reader->want = JSON_WANT_NEXT;
    return true;
}

static bool read_value(JsonReader *reader, JsonToken *token, Err *err) {
    if (reader->at >= reader->source.size) {
        return unexpected(reader, "", err);
    }
    uint8_t c = reader->source.data[reader->at];
    reader->token_at = reader->at;
    if (c == '{' || c == '[') {
        return open_nested(reader, c == '{', token, err);
    }
    reader->want = JSON_WANT_NEXT;
    if (c == '"') {
        *token = TOKEN_TEXT;
        reader->at++;
        return read_text(reader, err);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        *token = TOKEN_NUMBER;
        return read_number(reader, err);
    }
    return read_word(reader, token, err);
}

static bool read_name(JsonReader *reader, JsonToken *token, Err *err) {
    reader->token_at = reader->at;
    if (!take(reader, '"')) {
        return unexpected(reader, "was expecting double-quote to start field name", err);
    }
    TRY(read_text(reader, err));
    blanks(reader);
    if (!take(reader, ':')) {
        return unexpected(reader, "was expecting a colon to separate field name and value", err);
    }
    reader->want = JSON_WANT_VALUE;
    *token = TOKEN_NAME;
    return true;
}

bool json_read(JsonReader *reader, JsonToken *token, Err *err) {
    blanks(reader);
    bool object = reader->depth > 0 && reader->in_object[reader->depth - 1];
    uint8_t next = reader->at < reader->source.size ? reader->source.data[reader->at] : 0;
    if (reader->depth == 0 && reader->want == JSON_WANT_NEXT) {
        *token = TOKEN_END;
        return next == 0 && reader->at >= reader->source.size
                   ? true
                   : bad(reader, reader->at, err, "Trailing token found after value");
    }
    if (reader->want == JSON_WANT_VALUE) {
        return read_value(reader, token, err);
    }
    reader->token_at = reader->at;
    if (next == (object ? '}' : ']')) {
        return close_nested(reader, token);
    }
    if (reader->want == JSON_WANT_NEXT) {
        if (!take(reader, ',')) {
            return unexpected(reader,
                              object ? "was expecting comma to separate Object entries"
                                     : "was expecting comma to separate Array entries",
                              err);
        }
        blanks(reader);
    }
    return object ? read_name(reader, token, err) : read_value(reader, token, err);
}

bool json_read_over(JsonReader *reader, JsonToken first, Err *err) {
    int nested = first == TOKEN_OBJECT || first == TOKEN_ARRAY;
    while (nested > 0) {
        JsonToken token;
        TRY(json_read(reader, &token, err));
        nested += token == TOKEN_OBJECT || token == TOKEN_ARRAY;
        nested -= token == TOKEN_OBJECT_END || token == TOKEN_ARRAY_END;
    }
    return true;
}
