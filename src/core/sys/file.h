// SPDX-License-Identifier: Apache-2.0
// Files and directories. Every error names the path. Descriptors are close-on-exec.
#ifndef LEAT_CORE_SYS_FILE_H
#define LEAT_CORE_SYS_FILE_H

#include "core/base/arena.h"
#include "core/base/err.h"

#include <sys/types.h>

// open(2) with O_CLOEXEC; `flags` as there, mode 0600.
CHECKED bool file_open(const char *path, int flags, int *fd, Err *err);
void file_close(int *fd); // -1 is fine; sets -1
// All of the bytes, at `offset` (-1: at the file's own position).
CHECKED bool file_write(int fd, const char *path, Slice bytes, off_t offset, Err *err);
// Up to `size` bytes at `offset`; *got is smaller only at the end of the file.
CHECKED bool file_read(int fd, const char *path, void *to, size_t size, off_t offset, size_t *got, Err *err);
CHECKED bool file_sync(int fd, const char *path, Err *err); // fdatasync
CHECKED bool file_sync_directory(const char *path, Err *err);
CHECKED bool file_size(int fd, const char *path, uint64_t *size, Err *err);
// Whole small files. file_read_all: ERR_NOT_FOUND when absent, ERR_MEMORY above `size_max`.
CHECKED bool file_read_all(const char *path, size_t size_max, Arena *arena, Slice *bytes, Err *err);
// Complete or absent, durable on return: temporary name, fsync, rename, fsync of the folder.
CHECKED bool file_replace(const char *path, Slice bytes, Err *err);
// With all parents, mode 0700. Existing is fine.
CHECKED bool file_make_directories(const char *path, Err *err);
bool file_exists(const char *path);
CHECKED bool file_remove(const char *path, Err *err);      // absent is fine
CHECKED bool file_remove_tree(const char *path, Err *err); // absent is fine
CHECKED bool file_rename(const char *from, const char *to, Err *err);
// Calls `visit` with each name in the directory but . and .., in order; stops when it returns false.
CHECKED bool file_list(const char *directory, bool (*visit)(void *context, const char *name), void *context, Err *err);
// An exclusive lock held until the descriptor closes (or the process dies). ERR_LOCKED with the holder's pid.
CHECKED bool file_lock(const char *path, int *fd, Err *err);
// Likewise, beside others that share it: ERR_LOCKED while one holds it alone.
CHECKED bool file_lock_shared(const char *path, int *fd, Err *err);
// True when another process holds that lock, shared or not; *pid is then its process, 0 when unknown.
bool file_locked(const char *path, int *pid);

#endif
