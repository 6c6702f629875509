// SPDX-License-Identifier: Apache-2.0
// Reading JSON text (RFC 8259) token by token, for what users send: numbers stay as they are written, and what is wrong
// is said with its place, in the words of the parser that Kafka Connect uses. (Control data of leat's own goes through
// jansson.)
#ifndef LEAT_CORE_BASE_JSON_READER_H
#define LEAT_CORE_BASE_JSON_READER_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef enum JsonToken {
    TOKEN_END, // nothing but blanks is left
    TOKEN_OBJECT,
    TOKEN_OBJECT_END,
    TOKEN_ARRAY,
    TOKEN_ARRAY_END,
    TOKEN_NAME, // of a member; its colon is passed
    TOKEN_TEXT,
    TOKEN_NUMBER, // `text` as it is written
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_NULL,
} JsonToken;

enum { JSON_READER_DEPTH_MAX = 128 };

typedef struct JsonReader {
    Slice source;
    size_t at;
    Arena *arena; // where texts with escapes are put
    Slice text;   // of the last NAME, TEXT or NUMBER
    size_t token_at;
    // Not for callers:
    int depth;
    bool in_object[JSON_READER_DEPTH_MAX];
    enum { JSON_WANT_VALUE, JSON_WANT_FIRST, JSON_WANT_NEXT } want;
} JsonReader;

void json_reader_init(JsonReader *reader, Slice source, Arena *arena);
// ERR_OPTION: this is no JSON. Texts have no NUL in them and are UTF-8 (a lone surrogate becomes U+FFFD).
CHECKED bool json_read(JsonReader *reader, JsonToken *token, Err *err);
// Passes over the rest of the value whose first token was read last.
CHECKED bool json_read_over(JsonReader *reader, JsonToken first, Err *err);
// "\n at [Source: …; line: 1, column: 2]" of a place in the source.
const char *json_reader_place(const JsonReader *reader, size_t at);
const char *json_token_name(JsonToken token); // "START_OBJECT", "VALUE_STRING"

#endif
