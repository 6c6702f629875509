// SPDX-License-Identifier: Apache-2.0
// DATA/FORMAT: which format the data directory has. Whoever opens one looks at it first: a newer one is not touched.
#ifndef LEAT_CORE_CONFIG_DATA_DIRECTORY_H
#define LEAT_CORE_CONFIG_DATA_DIRECTORY_H

#include "core/base/arena.h"
#include "core/base/err.h"

enum { DATA_FORMAT = 1 };
#define DATA_FORMAT_TEXT "leat data directory, format " // and the number

// *present = there is a FORMAT file. ERR_FORMAT_NEWER when it is not for this leat.
CHECKED bool data_directory_check(const char *directory, Arena *arena, bool *present, Err *err);
// Checks it; makes the directory and FORMAT when they are not there yet.
CHECKED bool data_directory_ensure(const char *directory, Arena *arena, Err *err);

#endif
