// SPDX-License-Identifier: Apache-2.0
// Staged files, for drivers that keep staged bytes on this machine: a folder of files that are written through, made
// durable, then found again by name. Thousands may be under way: only the last one used keeps its descriptor.
//
// A file FILE may have companions FILE.something, which are kept and swept with it.
#ifndef LEAT_STORAGE_STORE_STAGING_H
#define LEAT_STORAGE_STORE_STAGING_H

#include "storage/store/store.h"

#include <limits.h>
#include <sys/types.h>

typedef struct StagedFile StagedFile; // being written

typedef struct Staging {
    const char *folder; // made with the first file, with its parents
    const char *prefix; // of the files' names: [0-9a-f]*
    mode_t folder_mode; // less the umask
    mode_t file_mode;
    bool missing;      // the folder was, when this was opened, and no file has been made since
    uint64_t sequence; // of the next file's name
    StagedFile *open;
    int fd;
} Staging;

enum { STAGED_NAME_BYTES_MAX = 64 };

// What a finished file is found by.
typedef struct StagedName {
    char name[STAGED_NAME_BYTES_MAX]; // in the folder
    uint64_t size;
    uint64_t inode;
} StagedName;

// `folder` and `prefix` stay.
void staging_init(Staging *staging, const char *folder, const char *prefix, mode_t folder_mode, mode_t file_mode);
void staging_release(Staging *staging); // the files stay
CHECKED bool staging_open(Staging *staging, StagedFile **file, Err *err);
CHECKED bool staging_write(Staging *staging, StagedFile *file, Slice bytes, Err *err);
// Durable on return, with the folder. Releases the file, also on an error.
CHECKED bool staging_finish(Staging *staging, StagedFile *file, StagedName *name, Err *err);
void staging_abort(Staging *staging, StagedFile *file);
// The path of a file in the folder.
CHECKED bool staging_path(const Staging *staging, const char *name, char path[PATH_MAX], Err *err);
// Hands `remove` every file that no token in `keep` begins with ("FILE …"), then takes the folder away if it is empty.
CHECKED bool staging_sweep(Staging *staging, const char *const *keep, size_t keep_count,
                           bool (*remove)(void *context, const char *name, Err *err), void *context, Err *err);
// Makes a folder and its parents, durable in theirs.
CHECKED bool staging_folder_make(const char *path, mode_t mode, Err *err);
// The folder of a path, in place; "." for one without a slash.
void staging_parent(char path[PATH_MAX]);

#endif
