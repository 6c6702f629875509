// SPDX-License-Identifier: Apache-2.0
// Regular expressions as Java's java.util.regex reads them, over PCRE2: what Debezium's filters, Connect's routers and
// predicates, and `topics.regex` are written in. The differences that remain are in docs/reference/regex.md.
#ifndef LEAT_CORE_CONFIG_REGEX_H
#define LEAT_CORE_CONFIG_REGEX_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct Regex Regex; // may be used by one thread at a time

enum { REGEX_IGNORE_CASE = 1 };

// ERR_OPTION names `option`, the place in the text and what is wrong there. Matching is bounded in time and memory.
CHECKED bool regex_new(Slice text, int flags, const char *option, Regex **regex, Err *err);
void regex_release(Regex *regex);             // NULL is fine
bool regex_matches(Regex *regex, Slice text); // the whole text
bool regex_finds(Regex *regex, Slice text);   // somewhere in it
// A whole match's group; data NULL when it took no part. Valid after regex_matches or regex_finds was true.
Slice regex_group(const Regex *regex, int group);
// ERR_OPTION: the replacement names a group that there is not, or ends in $ or \.
CHECKED bool regex_replacement_valid(const Regex *regex, Slice replacement, const char *option, Err *err);
// What Matcher.replaceFirst makes of a whole match: $1, ${name}, \$. False: no match, nothing appended.
bool regex_replace(Regex *regex, Slice text, Slice replacement, Buf *out);

// Debezium's lists: comma-separated regexes ("\," is a comma within one), each for whole names, whatever the case.
typedef struct RegexList {
    Regex **at;
    size_t count;
} RegexList;
CHECKED bool regex_list_new(Arena *arena, Slice text, const char *option, RegexList *list, Err *err);
void regex_list_release(RegexList *list);
bool regex_list_matches(const RegexList *list, Slice text);

#endif
