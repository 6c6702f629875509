// SPDX-License-Identifier: Apache-2.0
#include "core/sys/file.h"

#include "core/sys/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_open(const char *path, int flags, int *fd, Err *err) {
    *fd = open(path, flags | O_CLOEXEC, 0600);
    return *fd >= 0 || FAIL_ERRNO(err, "open %s", path);
}

void file_close(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

bool file_write(int fd, const char *path, Slice bytes, off_t offset, Err *err) {
    size_t done = 0;
    while (done < bytes.size) {
        size_t left = MIN(bytes.size - done, (size_t)1 << 30);
        ssize_t wrote =
            offset < 0 ? write(fd, bytes.data + done, left) : pwrite(fd, bytes.data + done, left, offset + (off_t)done);
        if (wrote < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "write %s", path);
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

bool file_read(int fd, const char *path, void *to, size_t size, off_t offset, size_t *got, Err *err) {
    size_t done = 0;
    while (done < size) {
        ssize_t count = pread(fd, (uint8_t *)to + done, size - done, offset + (off_t)done);
        if (count == 0) {
            break;
        }
        if (count < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "read %s", path);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    *got = done;
    return true;
}

bool file_sync(int fd, const char *path, Err *err) {
    return fdatasync(fd) == 0 || FAIL_ERRNO(err, "fdatasync %s", path);
}

bool file_sync_directory(const char *path, Err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return FAIL_ERRNO(err, "open directory %s", path);
    }
    bool ok = fsync(fd) == 0 || FAIL_ERRNO(err, "fsync directory %s", path);
    close(fd);
    return ok;
}

bool file_size(int fd, const char *path, uint64_t *size, Err *err) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return FAIL_ERRNO(err, "stat %s", path);
    }
    *size = (uint64_t)status.st_size;
    return true;
}

bool file_read_all(const char *path, size_t size_max, Arena *arena, Slice *bytes, Err *err) {
    int fd = -1;
    uint64_t size = 0;
    TRY(file_open(path, O_RDONLY, &fd, err));
    bool ok = file_size(fd, path, &size, err);
    if (ok && size > size_max) {
        ok = FAIL(err, ERR_MEMORY, "%s: %" PRIu64 " bytes, at most %zu are expected", path, size, size_max);
    }
    if (ok) {
        uint8_t *data = arena_alloc(arena, (size_t)size + 1);
        size_t got = 0;
        ok = file_read(fd, path, data, (size_t)size, 0, &got, err);
        *bytes = (Slice){data, got};
    }
    file_close(&fd);
    return ok;
}

// The folder of a path, in `folder`.
static bool folder_of(const char *path, char folder[PATH_MAX], Err *err) {
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 1 : MAX((size_t)(slash - path), (size_t)1);
    if (size >= PATH_MAX) {
        return FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    }
    memcpy(folder, slash == NULL ? "." : path, size);
    folder[size] = '\0';
    return true;
}

bool file_replace(const char *path, Slice bytes, Err *err) {
    char temporary[PATH_MAX], folder[PATH_MAX];
    TRY(folder_of(path, folder, err));
    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary)) {
        return FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    }
    int fd = -1;
    TRY(file_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, &fd, err));
    bool ok = file_write(fd, temporary, bytes, 0, err) && file_sync(fd, temporary, err);
    file_close(&fd);
    if (!ok) {
        unlink(temporary);
        return err_frame(err, __FILE__, __LINE__);
    }
    TRY(file_rename(temporary, path, err));
    return file_sync_directory(folder, err);
}

bool file_make_directories(const char *path, Err *err) {
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part)) {
        return FAIL(err, ERR_IO_FAILED, "directory name has %zu bytes, 1 to %d are possible", size, PATH_MAX - 1);
    }
    for (size_t i = 1; i <= size; i++) {
        if (i < size && path[i] != '/') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat status;
        if (stat(part, &status) == 0) {
            if (!S_ISDIR(status.st_mode)) {
                return FAIL(err, ERR_IO_READ_ONLY, "%s is a file, not a directory", part);
            }
        } else if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return FAIL_ERRNO(err, "make directory %s", part);
        }
    }
    return true;
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool file_remove(const char *path, Err *err) {
    return unlink(path) == 0 || errno == ENOENT || FAIL_ERRNO(err, "remove %s", path);
}

bool file_rename(const char *from, const char *to, Err *err) {
    return rename(from, to) == 0 || FAIL_ERRNO(err, "rename %s to %s", from, to);
}

bool file_list(const char *directory, bool (*visit)(void *context, const char *name), void *context, Err *err) {
    struct dirent **names = NULL;
    int count = scandir(directory, &names, NULL, alphasort);
    if (count < 0) {
        return FAIL_ERRNO(err, "list directory %s", directory);
    }
    bool more = true;
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (more && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            more = visit(context, name);
        }
        free(names[i]);
    }
    free(names);
    return true;
}

typedef struct RemoveTree {
    const char *directory;
    Err *err;
    bool ok;
} RemoveTree;

static bool remove_tree_entry(void *context, const char *name) {
    RemoveTree *tree = context;
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", tree->directory, name) >= (int)sizeof(path)) {
        tree->ok = FAIL(tree->err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    } else {
        tree->ok = file_remove_tree(path, tree->err);
    }
    return tree->ok;
}

bool file_remove_tree(const char *path, Err *err) {
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT || FAIL_ERRNO(err, "stat %s", path);
    }
    if (!S_ISDIR(status.st_mode)) {
        return file_remove(path, err);
    }
    RemoveTree tree = {path, err, true};
    TRY(file_list(path, remove_tree_entry, &tree, err));
    if (!tree.ok) {
        return err_frame(err, __FILE__, __LINE__);
    }
    return rmdir(path) == 0 || FAIL_ERRNO(err, "remove directory %s", path);
}

static bool lock_take(const char *path, short type, int *fd, Err *err) {
    TRY(file_open(path, O_RDWR | O_CREAT, fd, err));
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    if (fcntl(*fd, F_OFD_SETLK, &whole) != 0) {
        int pid = 0;
        int errnum = errno;
        file_close(fd);
        if (errnum != EAGAIN && errnum != EACCES) {
            return err_errno(err, __FILE__, __LINE__, errnum, "lock %s", path);
        }
        file_locked(path, &pid);
        FAIL(err, ERR_LOCKED, "%s is held by another process (pid %d)", path, pid);
        return err_hint(err, "wait for it or stop it: kill %d", pid);
    }
    char text[32];
    int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    return (ftruncate(*fd, 0) == 0 && pwrite(*fd, text, (size_t)size, 0) == size) || FAIL_ERRNO(err, "write %s", path);
}

bool file_lock(const char *path, int *fd, Err *err) {
    return lock_take(path, F_WRLCK, fd, err);
}

bool file_lock_shared(const char *path, int *fd, Err *err) {
    return lock_take(path, F_RDLCK, fd, err);
}

bool file_locked(const char *path, int *pid) {
    *pid = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    // Asked, not tried: a look must not make another process that is just starting fail.
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool locked = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    char text[32] = {0};
    if (locked && pread(fd, text, sizeof(text) - 1, 0) > 0) {
        *pid = (int)strtol(text, NULL, 10);
    }
    close(fd);
    return locked;
}
