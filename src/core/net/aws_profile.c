// SPDX-License-Identifier: Apache-2.0
#include "core/net/aws_profile.h"

#include "core/base/buf.h"
#include "core/sys/file.h"

enum { FILE_BYTES_MAX = 128 * 1024 };

typedef enum SectionKind { SECTION_PROFILE, SECTION_SERVICES, SECTION_OTHER } SectionKind;

struct AwsSetting {
    SectionKind kind;
    const char *section;
    const char *name; // "" for the section's own line
    const char *value;
    bool plain_default; // of [default] in the config: [profile default] counts more
    AwsSetting *next;   // an earlier one
};

typedef struct Parse {
    AwsProfiles *profiles;
    Arena *arena;
    const char *path;
    int line;
    bool config;
    SectionKind kind;
    const char *section; // NULL before the first
    const char *parent;  // the name whose value is on indented lines; NULL = none
    bool plain_default;
} Parse;

static bool blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static Slice trim(Slice text) {
    while (text.size > 0 && blank(text.data[0])) {
        text = slice_from(text, 1);
    }
    while (text.size > 0 && blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

// "value  # why" is "value"; a # within is its own.
static Slice without_comment(Slice text) {
    for (size_t i = 1; i < text.size; i++) {
        if ((text.data[i] == '#' || text.data[i] == ';') && blank(text.data[i - 1])) {
            text.size = i;
        }
    }
    return trim(text);
}

static char *lower(Slice text, Arena *arena) {
    char *copy = arena_text(arena, text);
    for (char *at = copy; *at != '\0'; at++) {
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    }
    return copy;
}

static bool bad(const Parse *parse, const char *what, Err *err) {
    return FAIL(err, ERR_NET_SETUP, "%s: line %d: %s", parse->path, parse->line, what);
}

static void add(Parse *parse, const char *name, const char *value) {
    AwsSetting *setting = ARENA_NEW(parse->arena, AwsSetting);
    *setting = (AwsSetting){.kind = parse->kind,
                            .section = parse->section,
                            .name = name,
                            .value = value,
                            .plain_default = parse->plain_default,
                            .next = parse->profiles->settings};
    parse->profiles->settings = setting;
}

static bool section_begin(Parse *parse, Slice line, Err *err) {
    const uint8_t *end = memchr(line.data, ']', line.size);
    if (end == NULL) {
        return bad(parse, "a section without ]", err);
    }
    Slice name = trim((Slice){line.data + 1, (size_t)(end - line.data) - 1});
    size_t word = 0;
    while (word < name.size && !blank(name.data[word])) {
        word++;
    }
    Slice first = {name.data, word}, second = trim(slice_from(name, word));
    if (second.size >= 2 && (second.data[0] == '"' || second.data[0] == '\'') &&
        second.data[second.size - 1] == second.data[0]) {
        second = trim((Slice){second.data + 1, second.size - 2});
    }
    parse->parent = NULL;
    parse->kind = SECTION_PROFILE;
    parse->plain_default = false;
    if (!parse->config) {
        parse->section = arena_text(parse->arena, name);
    } else if (slice_is(name, "default")) {
        parse->section = "default";
        parse->plain_default = true;
    } else if (slice_is(first, "profile") && second.size > 0) {
        parse->section = arena_text(parse->arena, second);
    } else {
        parse->kind = slice_is(first, "services") ? SECTION_SERVICES : SECTION_OTHER;
        parse->section = arena_text(parse->arena, second);
    }
    add(parse, "", "");
    return true;
}

static bool setting_read(Parse *parse, Slice line, bool indented, Err *err) {
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (parse->section == NULL) {
        return bad(parse, "a setting before the first [section]", err);
    }
    if (indented && parse->parent == NULL) {
        return true; // a value that goes on: none that matters here does
    }
    if (equals == NULL || equals == line.data) {
        bad(parse, "neither a [section] nor name = value", err);
        return err_hint(err, "correct the line, or put # before it");
    }
    char *name = lower(trim((Slice){line.data, (size_t)(equals - line.data)}), parse->arena);
    Slice value = without_comment(slice_from(line, (size_t)(equals - line.data) + 1));
    if (memchr(value.data, '\0', value.size) != NULL) {
        return bad(parse, "a NUL byte", err);
    }
    if (indented) {
        name = arena_printf(parse->arena, "%s.%s", parse->parent, name);
    } else {
        parse->parent = value.size == 0 ? name : NULL;
    }
    add(parse, name, arena_text(parse->arena, value));
    return true;
}

bool aws_profiles_parse(AwsProfiles *profiles, const char *path, Slice text, bool config, Arena *arena, Err *err) {
    Parse parse = {.profiles = profiles, .arena = arena, .path = path, .config = config};
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text = slice_from(text, 3);
    }
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        Slice line = {text.data, end != NULL ? (size_t)(end - text.data) : text.size};
        text = slice_from(text, end != NULL ? line.size + 1 : line.size);
        parse.line++;
        bool indented = line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
        line = trim(line);
        if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';') {
            continue;
        }
        TRY(line.data[0] == '[' ? section_begin(&parse, line, err) : setting_read(&parse, line, indented, err));
    }
    return true;
}

static bool read_one(AwsProfiles *profiles, const char *path, bool config, Arena *arena, Err *err) {
    if (path == NULL || !file_exists(path)) {
        return true;
    }
    Slice text;
    TRY(file_read_all(path, FILE_BYTES_MAX, arena, &text, err));
    return aws_profiles_parse(profiles, path, text, config, arena, err);
}

bool aws_profiles_read(AwsProfiles *profiles, const char *config_path, const char *credentials_path, Arena *arena,
                       Err *err) {
    TRY(read_one(profiles, config_path, true, arena, err));
    return read_one(profiles, credentials_path, false, arena, err);
}

static const char *find(const AwsProfiles *profiles, SectionKind kind, const char *section, const char *name) {
    const char *lesser = NULL;
    for (const AwsSetting *setting = profiles->settings; setting != NULL; setting = setting->next) {
        if (setting->kind != kind || strcmp(setting->section, section) != 0 || strcmp(setting->name, name) != 0) {
            continue;
        }
        if (!setting->plain_default) {
            return setting->value;
        }
        lesser = lesser != NULL ? lesser : setting->value;
    }
    return lesser;
}

bool aws_profile_exists(const AwsProfiles *profiles, const char *profile) {
    return find(profiles, SECTION_PROFILE, profile, "") != NULL;
}

static const char *not_empty(const char *value) {
    return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *aws_profile_get(const AwsProfiles *profiles, const char *profile, const char *name) {
    return not_empty(find(profiles, SECTION_PROFILE, profile, name));
}

const char *aws_services_get(const AwsProfiles *profiles, const char *section, const char *name) {
    return not_empty(find(profiles, SECTION_SERVICES, section, name));
}
