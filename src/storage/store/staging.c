// SPDX-License-Identifier: Apache-2.0
#include "storage/store/staging.h"

#include "core/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_TRIES = 5 };

struct StagedFile {
    uint64_t size;
    char name[STAGED_NAME_BYTES_MAX];
};

// --- folders ---------------------------------------------------------------------------------------------------

void staging_parent(char path[PATH_MAX]) {
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        path[0] = '.';
        path[1] = '\0';
    } else {
        slash[slash == path ? 1 : 0] = '\0';
    }
}

static bool folder_there(const char *path, bool *there, Err *err) {
    struct stat status;
    *there = stat(path, &status) == 0;
    if (*there && !S_ISDIR(status.st_mode)) {
        FAIL(err, ERR_IO_READ_ONLY, "%s is a file, not a directory", path);
        return err_hint(err, "give another directory, or move that file away");
    }
    return *there || errno == ENOENT || errno == ENOTDIR || FAIL_ERRNO(err, "stat %s", path);
}

bool staging_folder_make(const char *path, mode_t mode, Err *err) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", path);
    staging_parent(parent);
    for (int tries = 1;; tries++) {
        bool there;
        TRY(folder_there(path, &there, err));
        if (there) {
            return true;
        }
        TRY(staging_folder_make(parent, mode, err));
        if (mkdir(path, mode) == 0 || errno == EEXIST) {
            return file_sync_directory(parent, err);
        }
        // Another store may take the empty parent away in between: again, as that ends when it has.
        if (errno != ENOENT || tries == FOLDER_TRIES) {
            return FAIL_ERRNO(err, "make directory %s", path);
        }
    }
}

bool staging_path(const Staging *staging, const char *name, char path[PATH_MAX], Err *err) {
    int size = snprintf(path, PATH_MAX, "%s/%s", staging->folder, name);
    return (size > 0 && size < PATH_MAX) ||
           FAIL(err, ERR_IO_FAILED, "path below %s is longer than %d bytes", staging->folder, PATH_MAX);
}

// --- files -----------------------------------------------------------------------------------------------------

void staging_init(Staging *staging, const char *folder, const char *prefix, mode_t folder_mode, mode_t file_mode) {
    *staging = (Staging){.folder = folder,
                         .prefix = prefix,
                         .folder_mode = folder_mode,
                         .file_mode = file_mode,
                         .missing = !file_exists(folder),
                         .fd = -1};
}

void staging_release(Staging *staging) {
    file_close(&staging->fd);
    staging->open = NULL;
}

static bool descriptor(Staging *staging, StagedFile *file, Err *err) {
    if (staging->open == file) {
        return true;
    }
    staging_release(staging);
    char path[PATH_MAX];
    TRY(staging_path(staging, file->name, path, err));
    TRY(file_open(path, O_WRONLY, &staging->fd, err));
    staging->open = file;
    return true;
}

static void file_free(Staging *staging, StagedFile *file) {
    if (staging->open == file) {
        staging_release(staging);
    }
    free(file);
}

static bool file_make(Staging *staging, StagedFile *file, Err *err) {
    char path[PATH_MAX];
    for (bool made = false;;) {
        snprintf(file->name, sizeof(file->name), "%s%016" PRIx64, staging->prefix, staging->sequence++);
        TRY(staging_path(staging, file->name, path, err));
        staging->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, staging->file_mode);
        if (staging->fd >= 0) {
            return true;
        }
        if (errno == ENOENT && !made) {
            TRY(staging_folder_make(staging->folder, staging->folder_mode, err));
            made = true;
            staging->missing = false; // from here on it is this store's own doing
        } else if (errno != EEXIST) { // of an earlier run
            return FAIL_ERRNO(err, "make %s", path);
        }
    }
}

bool staging_open(Staging *staging, StagedFile **file, Err *err) {
    StagedFile *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    staging_release(staging);
    if (!file_make(staging, opened, err)) {
        free(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    staging->open = opened;
    *file = opened;
    return true;
}

bool staging_write(Staging *staging, StagedFile *file, Slice bytes, Err *err) {
    char path[PATH_MAX];
    TRY(descriptor(staging, file, err));
    TRY(staging_path(staging, file->name, path, err));
    TRY(file_write(staging->fd, path, bytes, (off_t)file->size, err));
    file->size += bytes.size;
    return true;
}

static bool finish(Staging *staging, StagedFile *file, StagedName *name, Err *err) {
    char path[PATH_MAX];
    TRY(staging_path(staging, file->name, path, err));
    TRY(descriptor(staging, file, err));
    struct stat status;
    if (fsync(staging->fd) != 0 || fstat(staging->fd, &status) != 0) {
        return FAIL_ERRNO(err, "fsync %s", path);
    }
    if ((uint64_t)status.st_size != file->size) {
        return FAIL(err, ERR_IO_FAILED, "%s has %" PRIu64 " bytes, %" PRIu64 " were written", path,
                    (uint64_t)status.st_size, file->size);
    }
    TRY(file_sync_directory(staging->folder, err));
    *name = (StagedName){.size = file->size, .inode = (uint64_t)status.st_ino};
    memcpy(name->name, file->name, sizeof(name->name));
    return true;
}

bool staging_finish(Staging *staging, StagedFile *file, StagedName *name, Err *err) {
    bool ok = finish(staging, file, name, err);
    file_free(staging, file);
    return ok;
}

void staging_abort(Staging *staging, StagedFile *file) {
    char path[PATH_MAX];
    Err ignored[1] = {{0}};
    if (staging_path(staging, file->name, path, ignored)) {
        unlink(path); // what stays is swept at the next start
    }
    file_free(staging, file);
}

// --- sweeping --------------------------------------------------------------------------------------------------

typedef struct Sweep {
    const char *const *keep;
    size_t keep_count;
    bool (*remove)(void *context, const char *name, Err *err);
    void *context;
    Err *err;
    bool ok;
} Sweep;

static bool sweep_entry(void *context, const char *entry) {
    Sweep *sweep = context;
    size_t size = strcspn(entry, ".");
    for (size_t i = 0; i < sweep->keep_count; i++) {
        if (strncmp(sweep->keep[i], entry, size) == 0 && sweep->keep[i][size] == ' ') {
            return true;
        }
    }
    sweep->ok = sweep->remove(sweep->context, entry, sweep->err);
    return sweep->ok;
}

bool staging_sweep(Staging *staging, const char *const *keep, size_t keep_count,
                   bool (*remove)(void *context, const char *name, Err *err), void *context, Err *err) {
    if (!file_exists(staging->folder)) {
        return true;
    }
    Sweep sweep = {keep, keep_count, remove, context, err, true};
    TRY(file_list(staging->folder, sweep_entry, &sweep, err));
    if (!sweep.ok) {
        return err_frame(err, __FILE__, __LINE__);
    }
    rmdir(staging->folder); // refused while something is kept
    return true;
}
