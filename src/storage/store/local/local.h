// SPDX-License-Identifier: Apache-2.0
// The store on a local file system. The URL is a path or file:// (percent-decoded). Names are files below it; staged
// bytes are files in ROOT/.leat-staging/OWNER/, so that publishing is one rename within the file system, durable when
// the new name's folder is. A name never overwrites another file.
//
// Token: "STAGED SIZE INODE", the staged file's name and what identifies its bytes after the rename.
#ifndef LEAT_STORAGE_STORE_LOCAL_LOCAL_H
#define LEAT_STORAGE_STORE_LOCAL_LOCAL_H

#include "storage/store/store.h"

extern const StoreDriver LOCAL_STORE;

// The folder that a path or file:// URL names, without slashes at its end. ERR_OPTION on a URL with another host or
// a bad escape.
CHECKED bool local_store_path(const char *url, Arena *arena, const char **path, Err *err);

#endif
