// SPDX-License-Identifier: Apache-2.0
// References to secrets in configured text: ${env:NAME} is a variable of the environment, ${file:/path} the content of
// a file without its last newline. What is stored and printed is the text with its references; it is resolved anew
// at each connect, so a rotated password is picked up. `$${` stands for a literal `${`.
//
// Split a URL first and resolve its parts: what a reference yields is inserted as it is, without percent-encoding.
#ifndef LEAT_CORE_CONFIG_SECRET_H
#define LEAT_CORE_CONFIG_SECRET_H

#include "core/base/arena.h"
#include "core/base/err.h"

// ERR_OPTION names the reference that cannot be resolved, never a value nor the text around it.
CHECKED bool secret_resolve(const char *text, Arena *arena, char **resolved, Err *err);
// True when there is a reference in it.
bool secret_referenced(const char *text);

#endif
