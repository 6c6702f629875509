// SPDX-License-Identifier: Apache-2.0
// Templates as `envsubst` fills them, and the .env files that go with them.
#ifndef LEAT_CORE_CONFIG_TEMPLATE_H
#define LEAT_CORE_CONFIG_TEMPLATE_H

#include "core/config/properties.h"

// NAME=VALUE lines; "export " before it, comments, blank lines; values bare (to the end of the line, without a comment
// behind a blank), in 'quotes' (as they are) or in "quotes" (\n \t \" \\ \$). A later line wins. ERR_OPTION names
// `path` and the line.
CHECKED bool env_file_parse(Arena *arena, const char *path, Slice text, Properties *variables, Err *err);
CHECKED bool env_file_read(Arena *arena, const char *path, Properties *variables, Err *err);

// Appends the template with $NAME and ${NAME} replaced: by `variables`, else the environment's. What no variable of
// that name is becomes empty, as with envsubst, and its name is added to `missing` (comma-separated). Everything else
// stays: $1, ${env:NAME}, ${file:/path}, $$.
void template_fill(Slice text, const Properties *variables, Buf *out, Buf *missing);

#endif
