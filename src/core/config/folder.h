// SPDX-License-Identifier: Apache-2.0
// A folder's or file's name from a connector's name, which may be any UTF-8.
//
// Every byte but [a-z0-9_.-] becomes %XX, a dot at the beginning too: so names that differ in case only stay apart
// everywhere, and no name leads out of its directory. What is longer than FOLDER_MAX is cut, with "~" and 32 digits of
// its SHA-256 behind. No other name has a "~" or "@": these are free for folders of leat's own.
#ifndef LEAT_CORE_CONFIG_FOLDER_H
#define LEAT_CORE_CONFIG_FOLDER_H

#include "core/base/arena.h"

enum { FOLDER_MAX = 160 }; // bytes, without what its user puts behind (".json")

// One name, one folder: different names never have the same. The empty name gives "%".
char *connector_folder(Arena *arena, Slice name);
// The name again. False when it was cut, or this is no connector's folder.
bool connector_folder_name(Arena *arena, Slice folder, Slice *name);

#endif
