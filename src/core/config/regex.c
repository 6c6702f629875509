// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/config/regex.h"

#include <pcre2.h>

enum { REGEX_BYTES_MAX = 16 * KIB, REGEX_MATCH_LIMIT = 1000000, REGEX_DEPTH_LIMIT = 20000, REGEX_HEAP_KIB = 20000 };

struct Regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    Slice subject; // of the last match
    int groups;    // that it has, 0 when it failed
};

// --- what Java writes otherwise ----------------------------------------------------------------------------------

typedef struct Translation {
    Slice text;
    size_t at;
    Buf out;
    const char *option;
} Translation;

static bool refused(const Translation *work, const char *what, Err *err) {
    return FAIL(err, ERR_OPTION, "%s: \"%.*s\" has %s at byte %zu, which leat does not offer", work->option,
                (int)MIN(work->text.size, 100), (const char *)work->text.data, what, work->at);
}

static size_t digits_at(Slice text, size_t at, const char *digits, size_t most) {
    size_t count = 0;
    while (count < most && at + count < text.size && strchr(digits, text.data[at + count]) != NULL &&
           text.data[at + count] != '\0') {
        count++;
    }
    return count;
}

// Java's own classes: POSIX names hold ASCII only, IsX is a script or a property.
static void put_property(Translation *work, Slice name, bool negated, bool in_class) {
    static const char *const POSIX[] = {"Lower", "Upper", "ASCII", "Alpha", "Digit",  "Alnum", "Punct",
                                        "Graph", "Print", "Blank", "Cntrl", "XDigit", "Space"};
    for (size_t i = 0; i < ARRAY_LEN(POSIX); i++) {
        if (slice_is(name, POSIX[i])) {
            buf_text(&work->out, in_class ? "[:" : "[[:");
            buf_text(&work->out, negated ? "^" : "");
            for (const char *c = POSIX[i]; *c != '\0'; c++) {
                buf_u8(&work->out, (uint8_t)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c));
            }
            buf_text(&work->out, in_class ? ":]" : ":]]");
            return;
        }
    }
    bool is = name.size > 2 && memcmp(name.data, "Is", 2) == 0;
    buf_printf(&work->out, "\\%c{%.*s}", negated ? 'P' : 'p', SLICE_ARG(is ? slice_from(name, 2) : name));
}

// What stands behind a backslash at work->at.
static void translate_escape(Translation *work, bool in_class) {
    static const char HEX[] = "0123456789abcdefABCDEF";
    Slice text = work->text;
    size_t at = work->at + 1;
    uint8_t c = at < text.size ? text.data[at] : 0;
    size_t octal = c == '0' ? digits_at(text, at + 1, "01234567", 3) : 0;
    const uint8_t *end = (c == 'p' || c == 'P') && at + 1 < text.size && text.data[at + 1] == '{'
                             ? memchr(text.data + at, '}', text.size - at)
                             : NULL;
    if (c == 'u' && digits_at(text, at + 1, HEX, 4) == 4) {
        buf_printf(&work->out, "\\x{%.4s}", (const char *)text.data + at + 1);
        work->at = at + 5;
    } else if (octal > 0) {
        octal -= octal == 3 && text.data[at + 1] > '3';
        buf_printf(&work->out, "\\o{%.*s}", (int)octal, (const char *)text.data + at + 1);
        work->at = at + 1 + octal;
    } else if (end != NULL) {
        Slice name = {text.data + at + 2, (size_t)(end - text.data) - at - 2};
        put_property(work, name, c == 'P', in_class);
        work->at = (size_t)(end - text.data) + 1;
    } else {
        size_t size = MIN((size_t)2, text.size - work->at);
        buf_bytes(&work->out, text.data + work->at, size);
        work->at += size;
    }
}

// "[", "[^", and a bracket that comes first and so is one of the characters.
static void translate_class_begin(Translation *work) {
    Slice text = work->text;
    buf_u8(&work->out, '[');
    work->at++;
    for (const char *c = "^]"; *c != '\0'; c++) {
        if (work->at < text.size && text.data[work->at] == (uint8_t)*c) {
            buf_u8(&work->out, text.data[work->at++]);
        }
    }
}

// "(?iu)": case is Unicode's anyway; U means something else with PCRE2.
static bool translate_flags(Translation *work, Err *err) {
    Slice text = work->text;
    buf_text(&work->out, "(?");
    for (work->at += 2; work->at < text.size && strchr("idmsuxU-", text.data[work->at]) != NULL; work->at++) {
        if (text.data[work->at] == 'U' || text.data[work->at] == 'd') {
            return refused(work, "the flag U or d", err);
        }
        if (text.data[work->at] != 'u') {
            buf_u8(&work->out, text.data[work->at]);
        }
    }
    return true;
}

static bool translate(Translation *work, Err *err) {
    Slice text = work->text;
    bool in_class = false, quoted = false;
    while (work->at < text.size) {
        uint8_t c = text.data[work->at], next = work->at + 1 < text.size ? text.data[work->at + 1] : 0;
        if (quoted || (c == '\\' && (next == 'Q' || next == 'E'))) {
            quoted = c == '\\' && next == 'E' ? false : quoted || next == 'Q';
            size_t size = c == '\\' && (next == 'Q' || next == 'E') ? 2 : 1;
            buf_bytes(&work->out, text.data + work->at, size);
            work->at += size;
        } else if (c == '\\') {
            translate_escape(work, in_class);
        } else if (in_class && c == '[') {
            return refused(work, "a class within a class", err);
        } else if (in_class && c == '&' && next == '&') {
            return refused(work, "an intersection of classes (&&)", err);
        } else if (c == '[') {
            in_class = true;
            translate_class_begin(work);
        } else if (!in_class && c == '(' && next == '?' && work->at + 2 < text.size &&
                   strchr("idmsuxU-", text.data[work->at + 2]) != NULL) {
            TRY(translate_flags(work, err));
        } else {
            in_class = in_class && c != ']';
            buf_u8(&work->out, c);
            work->at++;
        }
    }
    return true;
}

// --- one expression --------------------------------------------------------------------------------------------

static bool compile(Slice original, Slice text, int flags, const char *option, Regex **regex, Err *err);

bool regex_new(Slice text, int flags, const char *option, Regex **regex, Err *err) {
    if (text.size > REGEX_BYTES_MAX) {
        return FAIL(err, ERR_OPTION, "%s: a regular expression of %zu bytes; %d are allowed", option, text.size,
                    REGEX_BYTES_MAX);
    }
    Translation work = {.text = text, .option = option};
    buf_init(&work.out, 0);
    bool done = translate(&work, err) && compile(text, buf_slice(&work.out), flags, option, regex, err);
    buf_release(&work.out);
    return done || err_frame(err, __FILE__, __LINE__);
}

// Java's \h, \R, possessive quantifiers, look-around and named groups are PCRE2's too. Java's `.` does not stop at
// vertical tabs and form feeds.
static bool compile(Slice original, Slice text, int flags, const char *option, Regex **regex, Err *err) {
    int code = 0;
    PCRE2_SIZE at = 0;
    uint32_t how = PCRE2_UTF | ((flags & REGEX_IGNORE_CASE) ? PCRE2_CASELESS : 0);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    ASSERT(context != NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
    pcre2_code *compiled =
        pcre2_compile(text.size > 0 ? text.data : (PCRE2_SPTR) "", text.size, how, &code, &at, context);
    pcre2_compile_context_free(context);
    if (compiled == NULL) {
        char reason[128] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
        FAIL(err, ERR_OPTION, "%s: \"%.*s\" is no regular expression: %s at character %zu", option,
             (int)MIN(original.size, 100), (const char *)original.data, reason, (size_t)at);
        return err_hint(err, "write it as Java does; a dot that is meant as a dot is \\.");
    }
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); // slower without, but right
    Regex *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    made->code = compiled;
    made->match = pcre2_match_data_create_from_pattern(compiled, NULL);
    made->limits = pcre2_match_context_create(NULL);
    ASSERT(made->match != NULL && made->limits != NULL);
    pcre2_set_match_limit(made->limits, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(made->limits, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(made->limits, REGEX_HEAP_KIB);
    *regex = made;
    return true;
}

void regex_release(Regex *regex) {
    if (regex != NULL) {
        pcre2_match_context_free(regex->limits);
        pcre2_match_data_free(regex->match);
        pcre2_code_free(regex->code);
        free(regex);
    }
}

static bool match(Regex *regex, Slice text, uint32_t how) {
    PCRE2_SPTR at = text.size > 0 ? text.data : (PCRE2_SPTR) "";
    int groups = pcre2_match(regex->code, at, text.size, 0, how, regex->match, regex->limits);
    regex->subject = text;
    regex->groups = groups > 0 ? groups : 0;
    return groups > 0;
}

bool regex_matches(Regex *regex, Slice text) {
    return match(regex, text, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
}

bool regex_finds(Regex *regex, Slice text) {
    return match(regex, text, 0);
}

Slice regex_group(const Regex *regex, int group) {
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
    if (group < 0 || group >= regex->groups || places[2 * group] == PCRE2_UNSET) {
        return (Slice){0};
    }
    return (Slice){regex->subject.data + places[2 * group], places[2 * group + 1] - places[2 * group]};
}

// ${name} at `at`, which is behind the brace: its group; moves `at` behind the closing brace.
static int named_group(const Regex *regex, Slice replacement, size_t *at) {
    char name[64];
    size_t size = 0;
    while (*at < replacement.size && replacement.data[*at] != '}' && size < sizeof(name) - 1) {
        name[size++] = (char)replacement.data[(*at)++];
    }
    *at += *at < replacement.size;
    name[size] = '\0';
    return pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);
}

// $12 takes as many digits as there are groups for, as Java does.
static int numbered_group(const Regex *regex, Slice replacement, size_t *at) {
    uint32_t count = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &count);
    int group = -1;
    while (*at < replacement.size && replacement.data[*at] >= '0' && replacement.data[*at] <= '9') {
        int longer = (group < 0 ? 0 : group * 10) + (replacement.data[*at] - '0');
        if (group >= 0 && longer > (int)count) {
            break;
        }
        group = longer;
        (*at)++;
    }
    return group;
}

bool regex_replacement_valid(const Regex *regex, Slice replacement, const char *option, Err *err) {
    uint32_t count = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &count);
    for (size_t i = 0; i < replacement.size;) {
        uint8_t byte = replacement.data[i++];
        bool named = byte == '$' && i < replacement.size && replacement.data[i] == '{';
        if (i == replacement.size && (byte == '\\' || byte == '$')) {
            return FAIL(err, ERR_OPTION, "%s: nothing follows the last '%c'", option, byte);
        }
        i += byte == '\\' || named ? 1 : 0;
        int group = byte != '$' ? 0
                    : named     ? named_group(regex, replacement, &i)
                                : numbered_group(regex, replacement, &i);
        if (group < 0 || group > (int)count) {
            FAIL(err, ERR_OPTION, "%s: \"%.*s\" names a group that the expression does not have", option,
                 (int)MIN(replacement.size, 100), (const char *)replacement.data);
            return err_hint(err, "a dollar that is meant as one is \\$");
        }
    }
    return true;
}

bool regex_replace(Regex *regex, Slice text, Slice replacement, Buf *out) {
    if (!regex_matches(regex, text)) {
        return false;
    }
    for (size_t i = 0; i < replacement.size;) {
        uint8_t byte = replacement.data[i++];
        if (byte == '\\' && i < replacement.size) {
            buf_u8(out, replacement.data[i++]);
        } else if (byte == '$' && i < replacement.size) {
            bool named = replacement.data[i] == '{';
            i += named;
            buf_put(out, regex_group(regex, named ? named_group(regex, replacement, &i)
                                                  : numbered_group(regex, replacement, &i)));
        } else {
            buf_u8(out, byte);
        }
    }
    return true;
}

// --- lists -----------------------------------------------------------------------------------------------------

static Slice list_item(Arena *arena, Slice text, size_t *at) {
    uint8_t *item = arena_alloc(arena, text.size + 1);
    size_t size = 0, i = *at;
    for (; i < text.size && text.data[i] != ','; i++) {
        if (text.data[i] == '\\' && i + 1 < text.size && text.data[i + 1] == ',') {
            i++;
        } else if (text.data[i] == '\\' && i + 1 < text.size) {
            item[size++] = text.data[i++];
        }
        item[size++] = text.data[i];
    }
    *at = i + 1;
    while (size > 0 && item[size - 1] == ' ') {
        size--;
    }
    size_t lead = 0;
    while (lead < size && item[lead] == ' ') {
        lead++;
    }
    return (Slice){item + lead, size - lead};
}

bool regex_list_new(Arena *arena, Slice text, const char *option, RegexList *list, Err *err) {
    size_t most = 1;
    for (size_t i = 0; i < text.size; i++) {
        most += text.data[i] == ',';
    }
    *list = (RegexList){ARENA_ARRAY(arena, Regex *, most), 0};
    for (size_t at = 0; at < text.size;) {
        Slice item = list_item(arena, text, &at);
        if (item.size > 0 && !regex_new(item, REGEX_IGNORE_CASE, option, &list->at[list->count], err)) {
            regex_list_release(list);
            return err_frame(err, __FILE__, __LINE__);
        }
        list->count += item.size > 0;
    }
    return true;
}

void regex_list_release(RegexList *list) {
    for (size_t i = 0; i < list->count; i++) {
        regex_release(list->at[i]);
    }
    list->count = 0;
}

bool regex_list_matches(const RegexList *list, Slice text) {
    for (size_t i = 0; i < list->count; i++) {
        if (regex_matches(list->at[i], text)) {
            return true;
        }
    }
    return false;
}
