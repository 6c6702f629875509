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

// Java's \h, \R, possessive quantifiers, look-around and named groups are PCRE2's too. Java's `.` and `$` know more
// line ends than \n.
bool regex_new(Slice text, int flags, const char *option, Regex **regex, Err *err) {
    if (text.size > REGEX_BYTES_MAX) {
        return FAIL(err, ERR_OPTION, "%s: a regular expression of %zu bytes; %d are allowed", option, text.size,
                    REGEX_BYTES_MAX);
    }
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
             (int)MIN(text.size, 100), (const char *)text.data, reason, (size_t)at);
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
