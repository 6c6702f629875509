// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/rest/secrets.h"

#include "core/config/secret.h"

bool remote_secret(const char *name, const char *text, Arena *arena, char **resolved, Err *err) {
    return secret_resolve(text, arena, resolved, err) || err_prefix(err, "%s", name);
}
