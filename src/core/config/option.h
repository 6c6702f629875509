// SPDX-License-Identifier: Apache-2.0
// Options as tables beside the code that owns them. The same rows feed the parser, --help, --print-config and
// docs/reference/options.md.
#ifndef LEAT_CORE_CONFIG_OPTION_H
#define LEAT_CORE_CONFIG_OPTION_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef enum OptionType {
    OPTION_TEXT,     // const char *
    OPTION_BOOL,     // bool; true, false
    OPTION_INT,      // int64_t
    OPTION_BYTES,    // int64_t; 64MiB, 10GB, 4096
    OPTION_DURATION, // int64_t, milliseconds; 500ms, 60s, 5m, 1h, 7d
    OPTION_LIST,     // const char *, comma-separated
    OPTION_CHOICE,   // const char *, one of `choices`
    OPTION_MAP,      // const char *, see option_map_next; its name ends with ".*" and stands for all that begin so
} OptionType;

enum { OPTION_REQUIRED = 1, OPTION_SECRET = 2 };

typedef struct OptionSpec {
    const char *name; // as in configurations: "file.rotate.bytes"
    OptionType type;
    uint32_t flags;
    size_t offset;            // of the field in the option struct
    const char *default_text; // parsed like input; NULL = zero
    int64_t min, max;         // numbers, bytes, milliseconds; max 0 = unbounded above, both 0 = unbounded
    const char *choices;      // CHOICE: "journal,sink"
    const char *text;         // one sentence
} OptionSpec;

typedef struct OptionTable {
    const char *name; // of the section in the reference: "Objects sink"
    const OptionSpec *specs;
    size_t count;
} OptionTable;

// Fills every field with its default.
void option_defaults(const OptionTable *table, void *options);
// Sets one by name; the text is copied into the arena. ERR_OPTION names the option, the value and what is allowed.
CHECKED bool option_set(const OptionTable *table, void *options, const char *name, const char *value, Arena *arena,
                        Err *err);
// ERR_OPTION names the first REQUIRED text option that has no value.
CHECKED bool option_complete(const OptionTable *table, const void *options, Err *err);
const OptionSpec *option_find(const OptionTable *table, const char *name); // NULL when absent
// The pairs of a MAP in their order: `at` begins as the field's text. False: no more. What stands for the * is the key.
bool option_map_next(const char **at, Slice *key, Slice *value);
// "producer.override.linger.ms"
char *option_map_name(const OptionSpec *spec, Slice key, Arena *arena);
// The value as text that option_set would take; secrets as "******". A MAP as KEY=VALUE,…, for people.
void option_print(const OptionSpec *spec, const void *options, Buf *out);
// "bytes", "duration", … : what a value must be, for the reference and for --help.
const char *option_type_name(OptionType type);
CHECKED bool option_parse_bytes(const char *text, int64_t *bytes, Err *err);
CHECKED bool option_parse_duration(const char *text, int64_t *ms, Err *err);

#endif
