// SPDX-License-Identifier: Apache-2.0
#include "storage/store/local/local.h"

#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "storage/store/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#define STAGING ".leat-staging"

typedef struct Local {
    Arena run;
    const char *root;
    const char *put; // ROOT/.leat-staging/OWNER.put: the file that a put writes first
    Staging staging; // ROOT/.leat-staging/OWNER
    bool defers;
    Arena later; // paths of what is not durable yet: files, then
    Buf files;   // const char *
    Buf folders; // likewise, each once
} Local;

// --- paths -----------------------------------------------------------------------------------------------------

static bool url_decode(const char *text, Arena *arena, const char **path, Err *err) {
    char *decoded = arena_alloc(arena, strlen(text) + 1);
    size_t size = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            decoded[size++] = *at;
            continue;
        }
        int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            FAIL(err, ERR_OPTION, "file URL: bad escape at '%.3s'", at);
            return err_hint(err, "write %% as %%25, or give a plain path");
        }
        decoded[size++] = (char)(high * 16 + low);
        at += 2;
    }
    *path = decoded;
    return true;
}

bool local_store_path(const char *url, Arena *arena, const char **path, Err *err) {
    const char *found = url;
    if (strncmp(url, "file:", 5) == 0) {
        const char *rest = url + 5;
        if (strncmp(rest, "//localhost/", 12) == 0) {
            rest += 11;
        } else if (strncmp(rest, "//", 2) == 0) {
            rest += 2;
        }
        if (rest[0] != '/') {
            FAIL(err, ERR_OPTION, "%s names a host or a relative path", url);
            return err_hint(err, "a file URL is file:///absolute/path; a relative directory is given as it is");
        }
        TRY(url_decode(rest, arena, &found, err));
    }
    size_t size = strlen(found);
    while (size > 1 && found[size - 1] == '/') {
        size--;
    }
    if (size == 0 || size >= PATH_MAX / 2) {
        return FAIL(err, ERR_OPTION, "a directory's path has 1 to %d bytes, not %zu", PATH_MAX / 2, size);
    }
    *path = arena_text(arena, (Slice){(const uint8_t *)found, size});
    return true;
}

static bool local_accepts(const char *url) {
    return url[0] != '\0' && (strncmp(url, "file:", 5) == 0 || strstr(url, "://") == NULL);
}

static bool join(const char *folder, const char *name, char path[PATH_MAX], Err *err) {
    int size = snprintf(path, PATH_MAX, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", name);
    return (size > 0 && size < PATH_MAX) ||
           FAIL(err, ERR_IO_FAILED, "path below %s is longer than %d bytes", folder, PATH_MAX);
}

// The file that a name stands for. Names never lead out of the root.
static bool name_path(const Local *local, const char *name, char path[PATH_MAX], Err *err) {
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/' ? 1 : 0;
        size_t size = strcspn(at, "/");
        if (size == 0 || (size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.')) {
            return FAIL(err, ERR_INTERNAL, "'%s' is no name for a file in %s", name, local->root);
        }
    }
    return join(local->root, name, path, err);
}

// --- opening ---------------------------------------------------------------------------------------------------

static bool local_probe(const StoreContext *context, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 1 * MIB);
    const char *root = NULL;
    bool ok = local_store_path(context->url, &scratch, &root, err);
    char path[PATH_MAX] = "";
    if (ok) {
        snprintf(path, sizeof(path), "%s", root);
    }
    struct stat status;
    while (ok && stat(path, &status) != 0) { // up to what exists
        if (errno != ENOENT) {
            ok = FAIL_ERRNO(err, "stat %s", path);
        }
        staging_parent(path);
    }
    struct statvfs system;
    if (ok && !S_ISDIR(status.st_mode)) {
        FAIL(err, ERR_IO_READ_ONLY, "%s is a file, not a directory", path);
        ok = err_hint(err, "give another directory, or move that file away");
    } else if (ok && faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0) {
        ok = FAIL_ERRNO(err, "write into directory %s", path);
    } else if (ok && statvfs(path, &system) == 0 && system.f_blocks > 0 && system.f_bavail == 0) {
        errno = ENOSPC;
        ok = FAIL_ERRNO(err, "write into directory %s", path);
    }
    arena_release(&scratch);
    return ok;
}

static bool local_open(const StoreContext *context, void **state, Err *err) {
    Local *local = calloc(1, sizeof(*local));
    ASSERT(local != NULL);
    arena_init(&local->run, "run", 1 * MIB);
    arena_init(&local->later, "batch", 0);
    bool ok =
        local_store_path(context->url, &local->run, &local->root, err) && staging_folder_make(local->root, 0777, err);
    if (!ok) {
        arena_release(&local->run);
        free(local);
        return err_frame(err, __FILE__, __LINE__);
    }
    const char *slash = strcmp(local->root, "/") == 0 ? "" : "/";
    const char *staging = arena_printf(&local->run, "%s%s" STAGING "/%s", local->root, slash, context->owner);
    local->put = arena_printf(&local->run, "%s.put", staging);
    staging_init(&local->staging, staging, "", 0777, 0666); // as readers' files: they become the target's
    *state = local;
    return true;
}

static void remove_staging_root(const Local *local) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", local->put);
    staging_parent(folder);
    rmdir(folder); // refused while somebody has something there
}

static void local_close(void *state) {
    Local *local = state;
    remove_staging_root(local);
    staging_release(&local->staging);
    buf_release(&local->files);
    buf_release(&local->folders);
    arena_release(&local->later);
    arena_release(&local->run);
    free(local);
}

// --- durable later ---------------------------------------------------------------------------------------------

static void local_defer(void *state) {
    ((Local *)state)->defers = true;
}

static void defer_file(Local *local, const char *path, const char *folder) {
    const char *file = arena_text(&local->later, slice_of(path));
    buf_bytes(&local->files, &file, sizeof(file)); // NOLINT(bugprone-sizeof-expression)
    const char *const *known = (const char *const *)(const void *)local->folders.data;
    for (size_t i = 0; i < local->folders.size / sizeof(*known); i++) {
        if (strcmp(known[i], folder) == 0) {
            return;
        }
    }
    folder = arena_text(&local->later, slice_of(folder));
    buf_bytes(&local->folders, &folder, sizeof(folder)); // NOLINT(bugprone-sizeof-expression)
}

static bool file_settle(const char *path, Err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || FAIL_ERRNO(err, "open %s", path); // removed meanwhile
    }
    bool ok = file_sync(fd, path, err);
    file_close(&fd);
    return ok;
}

static bool local_settle(void *state, Err *err) {
    Local *local = state;
    const char *const *files = (const char *const *)(const void *)local->files.data;
    const char *const *folders = (const char *const *)(const void *)local->folders.data;
    bool ok = true;
    for (size_t i = 0; ok && i < local->files.size / sizeof(*files); i++) {
        ok = file_settle(files[i], err);
    }
    for (size_t i = 0; ok && i < local->folders.size / sizeof(*folders); i++) {
        ok = !file_exists(folders[i]) || file_sync_directory(folders[i], err);
    }
    CRASH_POINT("store.local.settled");
    local->defers = false;
    buf_reset(&local->files);
    buf_reset(&local->folders);
    arena_reset(&local->later);
    return ok;
}

// --- staging ---------------------------------------------------------------------------------------------------

static bool local_stage_open(void *state, const char *name, void **stage, Err *err) {
    Local *local = state;
    char path[PATH_MAX];
    StagedFile *file = NULL;
    TRY(name_path(local, name, path, err));
    TRY(staging_open(&local->staging, &file, err));
    *stage = file;
    return true;
}

static bool local_stage_write(void *state, void *stage, Slice bytes, Err *err) {
    return staging_write(&((Local *)state)->staging, stage, bytes, err);
}

static bool local_stage_finish(void *state, void *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err) {
    StagedName staged;
    TRY(staging_finish(&((Local *)state)->staging, stage, &staged, err));
    snprintf(token, STORE_TOKEN_BYTES_MAX, "%s %" PRIu64 " %" PRIu64, staged.name, staged.size, staged.inode);
    return true;
}

static void local_stage_abort(void *state, void *stage) {
    staging_abort(&((Local *)state)->staging, stage);
}

// --- publishing ------------------------------------------------------------------------------------------------

typedef StagedName Token;

static bool token_parse(const char *text, Token *token, Err *err) {
    char end = '\0';
    int found = sscanf(text, "%63[0-9a-f] %" SCNu64 " %" SCNu64 "%c", token->name, &token->size, &token->inode, &end);
    return found == 3 || FAIL(err, ERR_STATE_CORRUPT, "'%.100s' is no token of the local store", text);
}

static bool is_token_file(const Token *token, const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == token->size &&
           (uint64_t)status.st_ino == token->inode;
}

// Like rename, but never over another file.
static int rename_new(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }
    if (link(from, to) == 0) { // the file system cannot do it in one step
        return unlink(from);
    }
    if (errno != EPERM && errno != ENOTSUP) {
        return -1;
    }
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

// Why the rename was refused: done earlier, or a name that is taken, or staged bytes that are gone.
static bool publish_refused(Local *local, const Token *token, const char *from, const char *to, int errnum, Err *err) {
    if (errnum != ENOENT && errnum != EEXIST) {
        return err_errno(err, __FILE__, __LINE__, errnum, "publish %s", to);
    }
    if (is_token_file(token, to)) {
        return unlink(from) == 0 || errno == ENOENT || FAIL_ERRNO(err, "remove %s", from); // done, or linked
    }
    if (file_exists(to)) {
        FAIL(err, ERR_EXISTS, "%s exists already, with other bytes", to);
        return err_hint(err, "move the file away if it is of an earlier pipeline, or give this one another directory");
    }
    if (local->staging.missing) {
        FAIL(err, ERR_STATE_CORRUPT, "%s is gone with its staging folder, and %s was not published", from, to);
        return err_hint(err, "restore " STAGING ", or delete the pipeline and start again into an empty directory");
    }
    return FAIL(err, ERR_NOT_FOUND, "%s: neither staged nor there", to);
}

static bool local_publish(void *state, const char *text, const char *name, Err *err) {
    Local *local = state;
    Token token = {0};
    char from[PATH_MAX], to[PATH_MAX], folder[PATH_MAX];
    TRY(token_parse(text, &token, err));
    TRY(name_path(local, name, to, err));
    TRY(staging_path(&local->staging, token.name, from, err));
    memcpy(folder, to, sizeof(folder));
    staging_parent(folder);
    TRY(staging_folder_make(folder, 0777, err));
    if (rename_new(from, to) != 0) {
        TRY(publish_refused(local, &token, from, to, errno, err));
    }
    CRASH_POINT("store.local.renamed");
    return file_sync_directory(folder, err);
}

static bool local_stage_drop(void *state, const char *text, Err *err) {
    Local *local = state;
    Token token = {0};
    char path[PATH_MAX];
    TRY(token_parse(text, &token, err));
    TRY(staging_path(&local->staging, token.name, path, err));
    return file_remove(path, err);
}

// --- reading and cleaning --------------------------------------------------------------------------------------

typedef struct Listed {
    char *name;
    uint64_t size;
} Listed;

typedef struct Listing {
    const Local *local;
    Arena *arena;
    const char *prefix;
    const char *folder; // below the root; "" = the root
    Listed *found;
    size_t count, capacity;
    Err *err;
    bool ok;
} Listing;

static bool list_folder(Listing *listing, const char *folder);

static bool list_entry(void *context, const char *entry) {
    Listing *listing = context;
    const char *folder = listing->folder;
    char *name = arena_printf(listing->arena, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", entry);
    char path[PATH_MAX];
    struct stat status;
    if (strcmp(name, STAGING) == 0 || !join(listing->local->root, name, path, listing->err)) {
        listing->ok = listing->err->code == ERR_NONE;
        return listing->ok;
    }
    size_t size = strlen(name), wanted = strlen(listing->prefix);
    if (lstat(path, &status) != 0 || memcmp(name, listing->prefix, MIN(size, wanted)) != 0) {
        return true;
    }
    if (S_ISDIR(status.st_mode)) {
        listing->ok = list_folder(listing, name);
        listing->folder = folder;
    } else if (S_ISREG(status.st_mode) && size >= wanted) {
        if (listing->count == listing->capacity) {
            size_t capacity = MAX(listing->capacity * 2, (size_t)64);
            Listed *grown = ARENA_ARRAY(listing->arena, Listed, capacity);
            if (listing->count > 0) {
                memcpy(grown, listing->found, listing->count * sizeof(*grown));
            }
            listing->found = grown;
            listing->capacity = capacity;
        }
        listing->found[listing->count++] = (Listed){name, (uint64_t)status.st_size};
    }
    return listing->ok;
}

static bool list_folder(Listing *listing, const char *folder) {
    char path[PATH_MAX];
    Err *err = listing->err;
    if (folder[0] == '\0') {
        snprintf(path, sizeof(path), "%s", listing->local->root);
    } else {
        TRY(join(listing->local->root, folder, path, err));
    }
    listing->folder = folder;
    if (!file_exists(path)) {
        return true;
    }
    TRY(file_list(path, list_entry, listing, err));
    return listing->ok;
}

static int listed_compare(const void *a, const void *b) {
    return strcmp(((const Listed *)a)->name, ((const Listed *)b)->name);
}

static bool local_list(void *state, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                       void *context, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const char *slash = strrchr(prefix, '/');
    size_t folder_size = slash != NULL ? (size_t)(slash - prefix) : 0;
    Listing listing = {.local = state, .arena = &scratch, .prefix = prefix, .err = err, .ok = true};
    bool ok = list_folder(&listing, arena_text(&scratch, (Slice){(const uint8_t *)prefix, folder_size}));
    if (ok && listing.count > 0) {
        qsort(listing.found, listing.count, sizeof(*listing.found), listed_compare);
    }
    for (size_t i = 0; ok && i < listing.count; i++) {
        if (!visit(context, listing.found[i].name, listing.found[i].size)) {
            break;
        }
    }
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// What put compares: the bytes' own hash, so that it is the same wherever they are copied to.
static void tag_of(Slice bytes, char tag[STORE_TAG_BYTES_MAX]) {
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.size);
    snprintf(tag, STORE_TAG_BYTES_MAX, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

static bool local_get(void *state, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX],
                      Err *err) {
    char path[PATH_MAX];
    TRY(name_path(state, name, path, err));
    TRY(file_read_all(path, SIZE_MAX, arena, bytes, err));
    tag_of(*bytes, tag);
    return true;
}

static bool local_read(void *state, const char *name, uint64_t offset, size_t size, Buf *out, Err *err) {
    char path[PATH_MAX];
    TRY(name_path(state, name, path, err));
    int fd = -1;
    uint64_t whole = 0;
    TRY(file_open(path, O_RDONLY, &fd, err));
    bool ok = file_size(fd, path, &whole, err);
    size_t wanted = ok && offset < whole ? (size_t)MIN(whole - offset, (uint64_t)size) : 0, got = 0;
    uint8_t *room = buf_room(out, wanted);
    if (ok && room == NULL) {
        ok = FAIL(err, ERR_MEMORY, "%s: %zu bytes do not fit the reader's buffer", path, wanted);
    }
    ok = ok && file_read(fd, path, room, wanted, (off_t)offset, &got, err);
    buf_advance(out, got);
    file_close(&fd);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- small objects written whole -------------------------------------------------------------------------------

static bool changed(const char *path, Err *err) {
    return FAIL(err, ERR_CHANGED, "%s was written by somebody else meanwhile", path);
}

// Under the folder's lock: does what is there have this tag?
static bool check_tag(const char *path, const char *if_tag, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Slice bytes = {0};
    char tag[STORE_TAG_BYTES_MAX] = "";
    bool ok = file_read_all(path, SIZE_MAX, &scratch, &bytes, err);
    if (ok) {
        tag_of(bytes, tag);
    } else if (err->code == ERR_NOT_FOUND) {
        err_clear(err);
        ok = true;
    }
    arena_release(&scratch);
    return ok && (strcmp(tag, if_tag) == 0 || changed(path, err));
}

static bool put_write(const Local *local, Slice bytes, bool later, Err *err) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", local->put);
    staging_parent(folder);
    int fd = -1;
    for (int i = 0; i < 5 && fd < 0; i++) { // another store may take the empty folder away in between
        TRY(staging_folder_make(folder, 0777, err));
        fd = open(local->put, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0 && errno != ENOENT) {
            break;
        }
    }
    if (fd < 0) {
        return FAIL_ERRNO(err, "make %s", local->put);
    }
    bool ok = file_write(fd, local->put, bytes, 0, err);
    if (ok && later) {
        sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); // begins; a hint
    } else {
        ok = ok && file_sync(fd, local->put, err);
    }
    file_close(&fd);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool put_locked(const Local *local, const char *path, Slice bytes, const char *if_tag, Err *err) {
    if (if_tag != NULL) {
        TRY(check_tag(path, if_tag, err));
    }
    bool absent = if_tag != NULL && if_tag[0] == '\0';
    TRY(put_write(local, bytes, absent && local->defers, err));
    CRASH_POINT("store.local.put_written");
    if ((absent ? rename_new(local->put, path) : rename(local->put, path)) != 0) {
        return absent && errno == EEXIST ? changed(path, err) : FAIL_ERRNO(err, "rename %s to %s", local->put, path);
    }
    return true;
}

// The folder is locked meanwhile, so that of two who compare and write one loses.
static bool local_put(void *state, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                      Err *err) {
    Local *local = state;
    char path[PATH_MAX], folder[PATH_MAX];
    bool later = local->defers && if_tag != NULL && if_tag[0] == '\0';
    TRY(name_path(local, name, path, err));
    memcpy(folder, path, sizeof(folder));
    staging_parent(folder);
    TRY(staging_folder_make(folder, 0777, err));
    int fd = -1;
    TRY(file_open(folder, O_RDONLY | O_DIRECTORY, &fd, err));
    bool ok = (flock(fd, LOCK_EX) == 0 || FAIL_ERRNO(err, "lock %s", folder)) &&
              put_locked(local, path, bytes, if_tag, err) &&
              (later || fsync(fd) == 0 || FAIL_ERRNO(err, "fsync %s", folder));
    file_close(&fd);
    if (!ok) {
        unlink(local->put);
    } else if (later) {
        defer_file(local, path, folder);
    }
    tag_of(bytes, tag);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// Folders that become empty go too.
static bool local_modified(void *state, const char *name, int64_t *ms, Err *err) {
    char path[PATH_MAX];
    struct stat status;
    TRY(name_path(state, name, path, err));
    if (stat(path, &status) != 0) {
        return FAIL_ERRNO(err, "look at %s", path);
    }
    *ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    return true;
}

static bool local_remove(void *state, const char *name, Err *err) {
    const Local *local = state;
    char path[PATH_MAX];
    TRY(name_path(local, name, path, err));
    TRY(file_remove(path, err));
    for (staging_parent(path); strlen(path) > strlen(local->root) && rmdir(path) == 0;) {
        staging_parent(path);
    }
    return local->defers || !file_exists(path) || file_sync_directory(path, err);
}

static bool sweep_remove(void *context, const char *name, Err *err) {
    char path[PATH_MAX];
    return staging_path(&((Local *)context)->staging, name, path, err) && file_remove(path, err);
}

static bool local_sweep(void *state, const char *const *keep, size_t keep_count, Err *err) {
    Local *local = state;
    unlink(local->put);
    TRY(staging_sweep(&local->staging, keep, keep_count, sweep_remove, local, err));
    remove_staging_root(local); // leaves a clean target behind when nothing is staged
    return true;
}

const StoreDriver LOCAL_STORE = {
    .name = "local",
    .accepts = local_accepts,
    .probe = local_probe,
    .open = local_open,
    .close = local_close,
    .stage_open = local_stage_open,
    .stage_write = local_stage_write,
    .stage_finish = local_stage_finish,
    .stage_abort = local_stage_abort,
    .publish = local_publish,
    .stage_drop = local_stage_drop,
    .list = local_list,
    .get = local_get,
    .read = local_read,
    .put = local_put,
    .modified = local_modified,
    .remove = local_remove,
    .defer = local_defer,
    .settle = local_settle,
    .sweep = local_sweep,
};
