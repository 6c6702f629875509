// SPDX-License-Identifier: Apache-2.0
#include "core/config/toml.h"

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/map.h"

#include <ctype.h>

#define FORMS "a value is a string in quotes, a number, true or false"

typedef struct Parser {
    Slice rest; // of the line
    const char *file;
    int line;
    Arena *arena;
    Err *err;
    Buf section, name, value;
    Map names, sections; // to their first line
    Toml *toml;
    size_t capacity;
} Parser;

static bool wrong(Parser *parser, const char *format, ...) PRINTF_LIKE(2, 3);
static bool wrong(Parser *parser, const char *format, ...) {
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return FAIL(parser->err, ERR_OPTION, "%s, line %d: %s", parser->file, parser->line, what);
}

static int peek(const Parser *parser) {
    return parser->rest.size > 0 ? parser->rest.data[0] : -1;
}

static void skip(Parser *parser, size_t size) {
    parser->rest = slice_from(parser->rest, size);
}

static void skip_blanks(Parser *parser) {
    while (peek(parser) == ' ' || peek(parser) == '\t') {
        skip(parser, 1);
    }
}

static bool line_ends(Parser *parser) {
    skip_blanks(parser);
    int next = peek(parser);
    return next < 0 || next == '#' || wrong(parser, "\"%c\" comes after what the line could say", next);
}

// --- strings and numbers ---------------------------------------------------------------------------------------

static void utf8_put(Buf *out, uint32_t code) {
    if (code < 0x80) {
        buf_u8(out, (uint8_t)code);
    } else if (code < 0x800) {
        buf_u8(out, (uint8_t)(0xc0 | code >> 6));
        buf_u8(out, (uint8_t)(0x80 | (code & 63)));
    } else {
        if (code < 0x10000) {
            buf_u8(out, (uint8_t)(0xe0 | code >> 12));
        } else {
            buf_u8(out, (uint8_t)(0xf0 | code >> 18));
            buf_u8(out, (uint8_t)(0x80 | (code >> 12 & 63)));
        }
        buf_u8(out, (uint8_t)(0x80 | (code >> 6 & 63)));
        buf_u8(out, (uint8_t)(0x80 | (code & 63)));
    }
}

static bool code_point(Parser *parser, size_t digits, Buf *out) {
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++, skip(parser, 1)) {
        int digit = peek(parser);
        if (digit < 0 || !isxdigit(digit)) {
            return wrong(parser, "\\%c needs %zu hexadecimal digits", digits == 4 ? 'u' : 'U', digits);
        }
        code = code << 4 | (uint32_t)(isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
    }
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return wrong(parser, "U+%04X is no character of a text", code);
    }
    utf8_put(out, code);
    return true;
}

static bool escape_take(Parser *parser, Buf *out) {
    static const char FROM[] = "btnfr\"\\", TO[] = "\b\t\n\f\r\"\\";
    int next = peek(parser);
    const char *found = next > 0 ? strchr(FROM, next) : NULL;
    if (next >= 0) {
        skip(parser, 1);
    }
    if (found != NULL) {
        buf_u8(out, (uint8_t)TO[found - FROM]);
        return true;
    }
    if (next == 'u' || next == 'U') {
        return code_point(parser, next == 'u' ? 4 : 8, out);
    }
    return wrong(parser,
                 "a backslash in \"…\" must be one of \\b \\t \\n \\f \\r \\\" \\\\ \\u \\U; in '…' it is itself");
}

// "…" or '…'; the quote is next.
static bool string_take(Parser *parser, Buf *out) {
    int quote = peek(parser);
    if (parser->rest.size >= 3 && parser->rest.data[1] == quote && parser->rest.data[2] == quote) {
        return wrong(parser, "strings of several lines are not taken here");
    }
    skip(parser, 1);
    for (;;) {
        int next = peek(parser);
        if (next < 0) {
            return wrong(parser, "the string has no closing %c", quote);
        }
        skip(parser, 1);
        if (next == quote) {
            return true;
        }
        if (next == '\\' && quote == '"') {
            if (!escape_take(parser, out)) {
                return false;
            }
        } else {
            buf_u8(out, (uint8_t)next);
        }
    }
}

// Digits with single "_" between them.
static size_t digits_take(Parser *parser, Buf *out) {
    size_t count = 0;
    for (;;) {
        int next = peek(parser);
        bool between = next == '_' && count > 0 && parser->rest.size > 1 && isdigit(parser->rest.data[1]);
        if (next < 0 || (!isdigit(next) && !between)) {
            return count;
        }
        if (!between) {
            buf_u8(out, (uint8_t)next);
            count++;
        }
        skip(parser, 1);
    }
}

static void sign_take(Parser *parser, Buf *out) {
    if (peek(parser) == '-') {
        buf_u8(out, '-');
    }
    if (peek(parser) == '-' || peek(parser) == '+') {
        skip(parser, 1);
    }
}

static bool number_take(Parser *parser, Buf *out) {
    sign_take(parser, out);
    bool zero = peek(parser) == '0';
    size_t whole = digits_take(parser, out);
    if (whole == 0 || (zero && whole > 1)) {
        return wrong(parser, FORMS);
    }
    if (peek(parser) == '.') {
        skip(parser, 1);
        buf_u8(out, '.');
        if (digits_take(parser, out) == 0) {
            return wrong(parser, "a number needs a digit after its point");
        }
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        skip(parser, 1);
        buf_u8(out, 'e');
        sign_take(parser, out);
        if (digits_take(parser, out) == 0) {
            return wrong(parser, "a number needs a digit after its e");
        }
    }
    int next = peek(parser);
    return next < 0 || next == ' ' || next == '\t' || next == '#' || wrong(parser, FORMS);
}

static bool word_take(Parser *parser, const char *word) {
    size_t size = strlen(word);
    if (parser->rest.size < size || memcmp(parser->rest.data, word, size) != 0) {
        return false;
    }
    skip(parser, size);
    buf_text(&parser->value, word);
    return true;
}

static bool value_take(Parser *parser) {
    int next = peek(parser);
    buf_reset(&parser->value);
    if (next == '"' || next == '\'') {
        return string_take(parser, &parser->value);
    }
    if (word_take(parser, "true") || word_take(parser, "false")) {
        return true;
    }
    return number_take(parser, &parser->value);
}

// --- keys and lines --------------------------------------------------------------------------------------------

static bool bare(int c) {
    return c >= 0 && c < 0x80 && (isalnum(c) || c == '_' || c == '-');
}

static bool key_part(Parser *parser, Buf *out) {
    size_t before = out->size;
    if (peek(parser) == '"' || peek(parser) == '\'') {
        if (!string_take(parser, out)) {
            return false;
        }
    } else {
        for (; bare(peek(parser)); skip(parser, 1)) {
            buf_u8(out, parser->rest.data[0]);
        }
    }
    return out->size > before || wrong(parser, "a name is missing: a line is name = value, or [section]");
}

// a.b."c", appended to what is there.
static bool key_take(Parser *parser, Buf *out) {
    for (;;) {
        skip_blanks(parser);
        if (!key_part(parser, out)) {
            return false;
        }
        skip_blanks(parser);
        if (peek(parser) != '.') {
            return true;
        }
        skip(parser, 1);
        buf_u8(out, '.');
    }
}

static bool once(Parser *parser, Map *seen, Slice name, const char *what) {
    const int *before = map_find(seen, name);
    if (before != NULL) {
        return wrong(parser, "%s %.*s is in line %d already", what, SLICE_ARG(name), *before);
    }
    int *line = ARENA_NEW(parser->arena, int);
    *line = parser->line;
    map_put(seen, name, line);
    return true;
}

static bool section_line(Parser *parser) {
    skip(parser, 1);
    if (peek(parser) == '[') {
        return wrong(parser, "[[…]] is not taken here");
    }
    buf_reset(&parser->section);
    if (!key_take(parser, &parser->section)) {
        return false;
    }
    if (peek(parser) != ']') {
        return wrong(parser, "the section has no closing ]");
    }
    skip(parser, 1);
    return once(parser, &parser->sections, buf_slice(&parser->section), "section") && line_ends(parser);
}

static void entry_add(Parser *parser) {
    Toml *toml = parser->toml;
    if (toml->count == parser->capacity) {
        parser->capacity = MAX(parser->capacity * 2, (size_t)16);
        TomlEntry *more = ARENA_ARRAY(parser->arena, TomlEntry, parser->capacity);
        for (size_t i = 0; i < toml->count; i++) {
            more[i] = toml->at[i];
        }
        toml->at = more;
    }
    toml->at[toml->count++] = (TomlEntry){arena_text(parser->arena, buf_slice(&parser->name)),
                                          arena_text(parser->arena, buf_slice(&parser->value)), parser->line};
}

static bool entry_line(Parser *parser) {
    buf_reset(&parser->name);
    if (parser->section.size > 0) {
        buf_put(&parser->name, buf_slice(&parser->section));
        buf_u8(&parser->name, '.');
    }
    if (!key_take(parser, &parser->name)) {
        return false;
    }
    if (peek(parser) != '=') {
        return wrong(parser, "there is no = after %.*s", SLICE_ARG(buf_slice(&parser->name)));
    }
    skip(parser, 1);
    skip_blanks(parser);
    if (!value_take(parser) || !line_ends(parser) ||
        !once(parser, &parser->names, buf_slice(&parser->name), "option")) {
        return false;
    }
    entry_add(parser);
    return true;
}

static bool line_take(Parser *parser) {
    for (size_t i = 0; i < parser->rest.size; i++) {
        uint8_t byte = parser->rest.data[i];
        if ((byte < 0x20 && byte != '\t')) {
            return wrong(parser, "there is a control character (byte 0x%02x)", byte);
        }
    }
    if (!json_utf8_valid(parser->rest)) {
        return wrong(parser, "it is not UTF-8");
    }
    skip_blanks(parser);
    int next = peek(parser);
    if (next < 0 || next == '#') {
        return true;
    }
    return next == '[' ? section_line(parser) : entry_line(parser);
}

bool toml_parse(Slice text, const char *file, Arena *arena, Toml *toml, Err *err) {
    Parser parser = {.file = file, .arena = arena, .err = err, .toml = toml};
    bool ok = true;
    *toml = (Toml){0};
    for (size_t from = 0; ok && from < text.size;) {
        const uint8_t *newline = memchr(text.data + from, '\n', text.size - from);
        size_t end = newline != NULL ? (size_t)(newline - text.data) : text.size;
        size_t size = end - from;
        if (newline != NULL && size > 0 && text.data[end - 1] == '\r') {
            size--;
        }
        parser.rest = (Slice){text.data + from, size};
        parser.line++;
        ok = line_take(&parser);
        from = end + 1;
    }
    buf_release(&parser.section);
    buf_release(&parser.name);
    buf_release(&parser.value);
    map_release(&parser.names);
    map_release(&parser.sections);
    return ok;
}
