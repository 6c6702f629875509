// SPDX-License-Identifier: Apache-2.0
#include "core/base/json_reader.c" // NOLINT

#include "core/base/test.h"

static Arena scratch;

// The tokens' names and texts in one line; "!" and the error's first line at the end of what is wrong.
static const char *tokens(const char *text) {
    JsonReader reader;
    json_reader_init(&reader, slice_of(text), &scratch);
    const char *line = "";
    Err err[1] = {{0}};
    for (JsonToken token = TOKEN_NULL; token != TOKEN_END;) {
        if (!json_read(&reader, &token, err)) {
            char *newline = strchr(err->message, '\n');
            CHECK(newline != NULL);
            *newline = '\0';
            return arena_printf(&scratch, "%s!%s", line, err->message);
        }
        bool has_text = token == TOKEN_NAME || token == TOKEN_TEXT || token == TOKEN_NUMBER;
        static const char SIGNS[] = ".{}[]:\"#tfn";
        line = arena_printf(&scratch, "%s%c%.*s", line, SIGNS[token], has_text ? (int)reader.text.size : 0,
                            (const char *)reader.text.data);
    }
    return line;
}

TEST(json_reader_tokens) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(tokens(" {} ")), "{}.");
    CHECK_TEXT(slice_of(tokens("{\"a\" : 1, \"b\":[true ,false,null,\"x\"],\"c\":{\"d\":{}}}")),
               "{:a#1:b[tfn\"x]:c{:d{}}}.");
    CHECK_TEXT(slice_of(tokens("[]")), "[].");
    CHECK_TEXT(slice_of(tokens("[[],[0]]")), "[[][#0]].");
    CHECK_TEXT(slice_of(tokens("\"\"")), "\".");
    CHECK_TEXT(slice_of(tokens("[-0.10e+05,123456789012345678901234567890]")),
               "[#-0.10e+05#123456789012345678901234567890].");
    CHECK_TEXT(slice_of(tokens("\"a\\n\\\"\\u00e9\\ud83d\\ude00\\ud83dx\"")),
               "\"a\n\"\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx.");
    arena_release(&scratch);
}

TEST(json_reader_says_what_is_wrong) {
    static const struct {
        const char *text, *want;
    } CASES[] = {
        {"{bad", "{!Unexpected character ('b' (code 98)): was expecting double-quote to start field name"},
        {"", "!Unexpected end-of-input"},
        {"{\"a\" 1}", "{!Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value"},
        {"{\"a\":1 \"b\":2}",
         "{:a#1!Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries"},
        {"[1 2]", "[#1!Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"},
        {"[1,]", "[#1!Unexpected character (']' (code 93)): expected a valid value " VALUE_WANTED},
        {"{\"a\":1,}", "{:a#1!Unexpected character ('}' (code 125)): was expecting double-quote to start field name"},
        {"nope", "!Unrecognized token 'nope': was expecting " VALUE_WANTED},
        {"{} x", "{}!Trailing token found after value"},
        {"[}", "[!Unexpected character ('}' (code 125)): expected a valid value " VALUE_WANTED},
        {"01", "!Invalid numeric value: Leading zeroes not allowed"},
        {"1.", "!Unexpected end-of-input"},
        {"-x", "!Unexpected character ('x' (code 120)): expected digit in a number"},
        {"\"\\u0000\"", "!Illegal character: a text cannot contain a NUL"},
        {"\"\\q\"", "!Unrecognized character escape"},
        {"\"a", "!Unexpected end-of-input: was expecting closing quote for a string value"},
        {"\"a\tb\"", "!Illegal unquoted character: has to be escaped using backslash to be included in string value"},
        {"\"\xff\"", "!Invalid UTF-8 in a string value"},
    };
    arena_init(&scratch, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK_TEXT(slice_of(tokens(CASES[i].text)), CASES[i].want);
    }
    char deep[2 * JSON_READER_DEPTH_MAX] = {0};
    memset(deep, '[', sizeof(deep) - 1);
    CHECK(strstr(tokens(deep), "nesting depth") != NULL);
    JsonReader reader;
    json_reader_init(&reader, SLICE("{\n  bad"), &scratch);
    CHECK(strstr(json_reader_place(&reader, 4), "line: 2, column: 3]") != NULL);
    arena_release(&scratch);
}

TEST(json_reader_passes_over_values) {
    arena_init(&scratch, "scratch", 0);
    JsonReader reader;
    Err err[1] = {{0}};
    json_reader_init(&reader, SLICE("[{\"a\":[1,{}]},2]"), &scratch);
    JsonToken token;
    CHECK_OK(json_read(&reader, &token, err));
    CHECK_OK(json_read(&reader, &token, err));
    CHECK_OK(json_read_over(&reader, token, err));
    CHECK_OK(json_read(&reader, &token, err));
    CHECK_TEXT(reader.text, "2");
    arena_release(&scratch);
}
