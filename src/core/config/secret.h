// SPDX-License-Identifier: Apache-2.0
// References to secrets in configured text, as Kafka Connect's configuration providers have them:
//     ${env:NAME}              a variable of the environment
//     ${file:/path}            the content of a file without its last newline
//     ${file:/path:key}        a key of a properties file
//     ${directory:/dir:file}   the content of a file of a directory (secrets that Kubernetes mounts)
//     ${sealed:BASE64}         what leat stores of a secret that was typed out (seal.h)
// What is stored and printed is the text with its references; it is resolved anew at each connect, so a rotated
// password is picked up. `$${` stands for a literal `${`.
//
// Split a URL first and resolve its parts: what a reference yields is inserted as it is, without percent-encoding.
#ifndef LEAT_CORE_CONFIG_SECRET_H
#define LEAT_CORE_CONFIG_SECRET_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/config/properties.h"

// ERR_OPTION names the reference that cannot be resolved, never a value nor the text around it.
CHECKED bool secret_resolve(const char *text, Arena *arena, char **resolved, Err *err);
// All values of a connector's configuration; an error names the key too. Providers may have other names than env, file
// and directory, given as Connect has it: "config.providers": "vault", "config.providers.vault.class":
// "…FileConfigProvider".
CHECKED bool secret_resolve_all(Arena *arena, const Properties *config, Properties *resolved, Err *err);
// True when there is a reference in it.
bool secret_referenced(const char *text);

#endif
