// SPDX-License-Identifier: Apache-2.0
#include "core/config/template.h"

#include "core/sys/file.h"

enum { ENV_FILE_BYTES_MAX = 1 << 20 };

static bool name_start(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool name_part(uint8_t byte) {
    return name_start(byte) || (byte >= '0' && byte <= '9');
}

static bool blank(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\r';
}

// --- .env files ------------------------------------------------------------------------------------------------

typedef struct Line {
    Slice text;
    size_t at;
} Line;

static uint8_t look(const Line *line) {
    return line->at < line->text.size ? line->text.data[line->at] : '\0';
}

static void skip_blanks(Line *line) {
    while (line->at < line->text.size && blank(look(line))) {
        line->at++;
    }
}

static Slice take_name(Line *line) {
    size_t from = line->at;
    if (name_start(look(line))) {
        while (line->at < line->text.size && name_part(look(line))) {
            line->at++;
        }
    }
    return (Slice){line->text.data + from, line->at - from};
}

static uint8_t unescaped(uint8_t byte) {
    return byte == 'n' ? '\n' : byte == 't' ? '\t' : byte;
}

// False: the closing quote is missing, or something stands behind it.
static bool take_quoted(Line *line, Buf *value) {
    uint8_t quote = line->text.data[line->at++];
    while (line->at < line->text.size && look(line) != quote) {
        uint8_t byte = line->text.data[line->at++];
        if (quote == '"' && byte == '\\' && line->at < line->text.size) {
            byte = unescaped(line->text.data[line->at++]);
        }
        buf_u8(value, byte);
    }
    if (line->at == line->text.size) {
        return false;
    }
    line->at++;
    skip_blanks(line);
    return line->at == line->text.size || look(line) == '#';
}

static void take_bare(Line *line, Buf *value) {
    size_t from = line->at, end = line->text.size;
    for (size_t i = from; i < end; i++) {
        if (line->text.data[i] == '#' && (i == from || blank(line->text.data[i - 1]))) {
            end = i;
        }
    }
    while (end > from && blank(line->text.data[end - 1])) {
        end--;
    }
    buf_put(value, (Slice){line->text.data + from, end - from});
}

static bool line_parse(Arena *arena, Slice text, Properties *variables) {
    DEFER(buf_release) Buf value = {0};
    Line line = {text, 0};
    skip_blanks(&line);
    if (line.at == text.size || look(&line) == '#') {
        return true;
    }
    Slice name = take_name(&line);
    if (slice_is(name, "export") && blank(look(&line))) {
        skip_blanks(&line);
        name = take_name(&line);
    }
    skip_blanks(&line);
    if (name.size == 0 || look(&line) != '=') {
        return false;
    }
    line.at++;
    skip_blanks(&line);
    if (look(&line) == '\'' || look(&line) == '"') {
        if (!take_quoted(&line, &value)) {
            return false;
        }
    } else {
        take_bare(&line, &value);
    }
    Slice bytes = buf_slice(&value);
    properties_set(arena, variables, name, bytes.data != NULL ? bytes : SLICE(""));
    return true;
}

bool env_file_parse(Arena *arena, const char *path, Slice text, Properties *variables, Err *err) {
    int number = 1;
    for (size_t from = 0, i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '\n') {
            continue;
        }
        if (!line_parse(arena, (Slice){text.data + from, i - from}, variables)) {
            FAIL(err, ERR_OPTION, "%s, line %d: not NAME=VALUE", path, number);
            return err_hint(err, "a value in quotes ends with the same quote on the same line; comments begin with #");
        }
        from = i + 1;
        number++;
    }
    return true;
}

bool env_file_read(Arena *arena, const char *path, Properties *variables, Err *err) {
    Slice text;
    TRY(file_read_all(path, ENV_FILE_BYTES_MAX, arena, &text, err));
    return env_file_parse(arena, path, text, variables, err);
}

// --- templates -------------------------------------------------------------------------------------------------

static void put_variable(Slice name, const Properties *variables, Buf *out, Buf *missing) {
    char text[256];
    const Property *found = properties_find(variables, name);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(name));
    const char *environment = found == NULL ? getenv(text) : NULL;
    if (found != NULL) {
        buf_put(out, found->value);
    } else if (environment != NULL) {
        buf_text(out, environment);
    } else {
        buf_text(missing, missing->size > 0 ? ", " : "");
        buf_put(missing, name);
    }
}

void template_fill(Slice text, const Properties *variables, Buf *out, Buf *missing) {
    for (size_t i = 0; i < text.size;) {
        bool braced = text.data[i] == '$' && i + 1 < text.size && text.data[i + 1] == '{';
        Line line = {text, i + 1 + braced};
        Slice name = text.data[i] == '$' ? take_name(&line) : (Slice){0};
        if (name.size == 0 || (braced && look(&line) != '}')) {
            buf_u8(out, text.data[i++]);
            continue;
        }
        put_variable(name, variables, out, missing);
        i = line.at + braced;
    }
}
