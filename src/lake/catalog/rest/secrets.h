// SPDX-License-Identifier: Apache-2.0
// core/config/secret.h without core/config/properties.h, whose Property is another than lake/iceberg's.
#ifndef LEAT_LAKE_CATALOG_REST_SECRETS_H
#define LEAT_LAKE_CATALOG_REST_SECRETS_H

#include "core/base/arena.h"
#include "core/base/err.h"

// As secret_resolve; the error names the option `name`.
CHECKED bool remote_secret(const char *name, const char *text, Arena *arena, char **resolved, Err *err);

#endif
