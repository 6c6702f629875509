// SPDX-License-Identifier: Apache-2.0
// leat.toml: a part of TOML 1.0 that is enough for options. Sections ([listen], [a.b]), keys (bare, quoted, dotted),
// strings on one line ("…" with escapes, '…'), whole and decimal numbers, true and false, comments. What else TOML has
// (arrays, inline tables, dates, strings of several lines) is refused with its line.
#ifndef LEAT_CORE_CONFIG_TOML_H
#define LEAT_CORE_CONFIG_TOML_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct TomlEntry {
    const char *name;  // with its section: "listen.connect"
    const char *value; // numbers without "_" and "+"
    int line;
} TomlEntry;

typedef struct Toml {
    TomlEntry *at; // in the order of the file
    size_t count;
} Toml;

// `file` is what errors name. ERR_OPTION: the line and what is wrong there; a key or section that is there twice too.
CHECKED bool toml_parse(Slice text, const char *file, Arena *arena, Toml *toml, Err *err);

#endif
