// SPDX-License-Identifier: Apache-2.0
#include "core/config/pattern.h"

enum { NAME_BYTES_MAX = 63 };

static bool is_wild(Slice text) {
    return text.size > 0 && (memchr(text.data, '*', text.size) != NULL || memchr(text.data, '?', text.size) != NULL);
}

static bool glob_match(Slice glob, Slice text) {
    size_t g = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.size) {
        if (g < glob.size && glob.data[g] == '*') {
            star = g++;
            mark = t;
        } else if (g < glob.size && (glob.data[g] == '?' || glob.data[g] == text.data[t])) {
            g++;
            t++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (g < glob.size && glob.data[g] == '*') {
        g++;
    }
    return g == glob.size;
}

static bool part_match(const PatternPart *part, Slice text) {
    return part->literal ? slice_equal(part->text, text) : glob_match(part->text, text);
}

// One name, quoted or not; stops at '.', ',' or the end.
static bool part_parse(Arena *arena, const char **at, const char *option, PatternPart *part, Err *err) {
    if (**at != '"') {
        size_t size = strcspn(*at, ".,\"");
        while (size > 0 && (*at)[size - 1] == ' ') {
            size--;
        }
        part->text = arena_slice(arena, (Slice){(const uint8_t *)*at, size});
        part->literal = !is_wild(part->text);
        *at += strcspn(*at, ".,\"");
        return (size > 0 && **at != '"') || FAIL(err, ERR_OPTION, "%s: a name is empty or has a stray quote", option);
    }
    uint8_t *out = arena_alloc(arena, strlen(*at) + 1);
    size_t size = 0;
    for ((*at)++; **at != 0; (*at)++) {
        if (**at == '"' && *++*at != '"') {
            part->text = (Slice){out, size};
            part->literal = true;
            *at += strspn(*at, " ");
            return (size > 0 && (**at == 0 || **at == '.' || **at == ',')) ||
                   FAIL(err, ERR_OPTION, "%s: a quoted name is empty or runs on behind its quote", option);
        }
        out[size++] = (uint8_t) * *at;
    }
    return FAIL(err, ERR_OPTION, "%s: a quote is not closed", option);
}

bool patterns_parse(Arena *arena, const char *text, const char *option, Patterns *patterns, Err *err) {
    size_t count_max = 1;
    for (const char *at = text; *at != 0; at++) {
        count_max += *at == ',';
    }
    *patterns = (Patterns){.at = ARENA_ARRAY(arena, Pattern, count_max)};
    const char *at = text + strspn(text, " ");
    while (*at != 0) {
        Pattern *pattern = &patterns->at[patterns->count++];
        const char *start = at;
        TRY(part_parse(arena, &at, option, &pattern->name, err));
        pattern->any_space = *at != '.';
        if (*at == '.') {
            pattern->space = pattern->name;
            at++;
            TRY(part_parse(arena, &at, option, &pattern->name, err));
        }
        if (*at == '.') {
            (void)FAIL(err, ERR_OPTION, "%s: \"%.*s\" has more than two parts", option, (int)strcspn(start, ","),
                       start);
            return err_hint(err, "write schema.table; put a name with a dot into double quotes");
        }
        pattern->text = arena_slice(arena, (Slice){(const uint8_t *)start, (size_t)(at - start)});
        pattern->exact = pattern->name.literal && (pattern->any_space || pattern->space.literal);
        at += *at == ',';
        at += strspn(at, " ");
    }
    return true;
}

bool patterns_match(const Patterns *patterns, Slice space, Slice name, bool exact_only) {
    bool matched = false;
    for (size_t i = 0; i < patterns->count; i++) {
        Pattern *pattern = &patterns->at[i];
        if ((exact_only && !pattern->exact) || !part_match(&pattern->name, name) ||
            (!pattern->any_space && !part_match(&pattern->space, space))) {
            continue;
        }
        pattern->used = true;
        matched = true;
    }
    return matched;
}

static uint8_t folded(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

// Levenshtein's distance, one row of the matrix at a time.
static size_t distance(Slice a, Slice b) {
    size_t row[NAME_BYTES_MAX + 2];
    a.size = MIN(a.size, (size_t)NAME_BYTES_MAX);
    b.size = MIN(b.size, (size_t)NAME_BYTES_MAX);
    for (size_t k = 0; k <= b.size; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.size; k++) {
            size_t changed = corner + (folded(a.data[i - 1]) != folded(b.data[k - 1]));
            corner = row[k];
            row[k] = MIN(changed, MIN(row[k], row[k - 1]) + 1);
        }
    }
    return row[b.size];
}

size_t pattern_distance(const Pattern *pattern, Slice space, Slice name) {
    size_t far = distance(pattern->name.text, name);
    if (!pattern->any_space && !slice_equal(pattern->space.text, space)) {
        far += 1; // the right name in another schema is near
    }
    return far;
}
