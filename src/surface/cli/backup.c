// SPDX-License-Identifier: Apache-2.0
// leat backup create and restore: the data directory as one file, a tar archive in zstd, while everything runs.
//
// The order of copying makes it one state that a start can go on from: a sink's state before the journal that it reads
// (a journal that is ahead of a sink is what sinks live on), the journal before the spool (which may be ahead, never
// behind), and of a journal its `head` before its segments (what the head promises is then in the copy). Trimming is
// held back by a pin meanwhile. The last entry counts the others, so a file that was cut off is found out.
#include "core/base/version.h"
#include "core/config/data_directory.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "engine/state/registry_store.h"
#include "flow/pipeline/config.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define LAST_ENTRY "BACKUP"
#define BACKUP_PIN "backup-" // and the process
enum { PIECE_BYTES = 1 << 20, DEPTH_MAX = 16 };

// libarchive is loaded when it is needed: linked, it would bring XML and Unicode tables into every process of a server.
#define LIBRARY "libarchive.so.13"
#define LIBRARY_FUNCTIONS(X)            \
    X(archive_entry_filetype)           \
    X(archive_entry_free)               \
    X(archive_entry_new)                \
    X(archive_entry_pathname)           \
    X(archive_entry_set_filetype)       \
    X(archive_entry_set_mtime)          \
    X(archive_entry_set_pathname)       \
    X(archive_entry_set_perm)           \
    X(archive_entry_set_size)           \
    X(archive_entry_size)               \
    X(archive_errno)                    \
    X(archive_error_string)             \
    X(archive_read_data)                \
    X(archive_read_free)                \
    X(archive_read_new)                 \
    X(archive_read_next_header)         \
    X(archive_read_open_filename)       \
    X(archive_read_support_filter_zstd) \
    X(archive_read_support_format_tar)  \
    X(archive_write_add_filter_zstd)    \
    X(archive_write_close)              \
    X(archive_write_data)               \
    X(archive_write_disk_new)           \
    X(archive_write_disk_set_options)   \
    X(archive_write_finish_entry)       \
    X(archive_write_free)               \
    X(archive_write_header)             \
    X(archive_write_new)                \
    X(archive_write_open_filename)      \
    X(archive_write_set_format_pax_restricted)

static struct {
    void *handle;
#define X(name) __typeof__(&(name)) name;
    LIBRARY_FUNCTIONS(X)
#undef X
} library;

static bool library_open(Err *err) {
    library.handle = library.handle != NULL ? library.handle : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL) {
        FAIL(err, ERR_NOT_FOUND, "backups need %s, which is not on this machine", LIBRARY);
        return err_hint(err, "install it: apt-get install libarchive13");
    }
    bool ok = true;
#define X(name)                                                     \
    *(void **)(void *)&library.name = dlsym(library.handle, #name); \
    ok = ok && library.name != NULL;
    LIBRARY_FUNCTIONS(X)
#undef X
    return ok || FAIL(err, ERR_INTERNAL, "%s is not the library that leat knows", LIBRARY);
}

typedef struct Backup {
    const Cli *cli;
    const char *data;
    const char *work; // beside the archive: a copy of a database under way
    struct archive *archive;
    uint8_t *piece;
    uint64_t files, bytes;
    XXH3_state_t *sum; // of names and contents
    bool with_key;
    Err *err;
} Backup;

static bool archive_failed(struct archive *archive, const char *what, Err *err) {
    const char *text = library.archive_error_string(archive);
    bool full = library.archive_errno(archive) == ENOSPC;
    return FAIL(err, full ? ERR_IO_FULL : ERR_IO_FAILED, "%s: %s", what, text != NULL ? text : "cannot be written");
}

// --- create ----------------------------------------------------------------------------------------------------

static bool entry_begin(Backup *backup, const char *name, uint64_t size, Err *err) {
    struct archive_entry *entry = library.archive_entry_new();
    library.archive_entry_set_pathname(entry, name);
    library.archive_entry_set_size(entry, (la_int64_t)size);
    library.archive_entry_set_filetype(entry, AE_IFREG);
    library.archive_entry_set_perm(entry, 0600);
    library.archive_entry_set_mtime(entry, clock_wall_us() / 1000000, 0);
    int result = library.archive_write_header(backup->archive, entry);
    library.archive_entry_free(entry);
    backup->files++;
    backup->bytes += size;
    XXH3_64bits_update(backup->sum, name, strlen(name) + 1);
    return result == ARCHIVE_OK || archive_failed(backup->archive, name, err);
}

static bool entry_bytes(Backup *backup, const char *name, Slice bytes, Err *err) {
    XXH3_64bits_update(backup->sum, bytes.data, bytes.size);
    la_ssize_t wrote = library.archive_write_data(backup->archive, bytes.data, bytes.size);
    return (wrote >= 0 && (size_t)wrote == bytes.size) || archive_failed(backup->archive, name, err);
}

// As many bytes as it has when it is opened: it may grow meanwhile.
static bool file_content(Backup *backup, int fd, const char *path, const char *name, Err *err) {
    uint64_t size, done = 0;
    TRY(file_size(fd, path, &size, err));
    TRY(entry_begin(backup, name, size, err));
    while (done < size) {
        size_t got, want = (size_t)MIN(size - done, (uint64_t)PIECE_BYTES);
        TRY(file_read(fd, path, backup->piece, want, (off_t)done, &got, err));
        if (got == 0) { // it became shorter: recovery cuts off such a tail by itself
            memset(backup->piece, 0, want);
            got = want;
        }
        TRY(entry_bytes(backup, name, (Slice){backup->piece, got}, err));
        done += got;
    }
    return true;
}

// A file that is gone when its turn comes was temporary, or is what another file replaced.
static bool file_add(Backup *backup, const char *path, const char *name, Err *err) {
    int fd = -1;
    if (!file_open(path, O_RDONLY, &fd, err)) {
        bool gone = err->code == ERR_NOT_FOUND;
        if (gone) {
            err_clear(err);
        }
        return gone;
    }
    bool ok = file_content(backup, fd, path, name, err);
    file_close(&fd);
    return ok;
}

static bool database_add(Backup *backup, const char *path, const char *name, Err *err) {
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    TRY(file_remove(backup->work, err));
    bool ok = sqlite3_open_v2(path, &from, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
              sqlite3_busy_timeout(from, 30000) == SQLITE_OK &&
              sqlite3_open_v2(backup->work, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK;
    sqlite3_backup *copy = ok ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    ok = copy != NULL && sqlite3_backup_step(copy, -1) == SQLITE_DONE;
    ok = (copy == NULL || sqlite3_backup_finish(copy) == SQLITE_OK) && ok;
    if (!ok) {
        FAIL(err, ERR_IO_FAILED, "%s cannot be copied: %s", path, sqlite3_errmsg(to != NULL ? to : from));
    }
    sqlite3_close(from);
    sqlite3_close(to);
    ok = ok && file_add(backup, backup->work, name, err);
    unlink(backup->work);
    return ok;
}

typedef struct Walk {
    Backup *backup;
    const char *name; // of the folder, below the data directory; "" = itself
    bool (*take)(struct Walk *walk, const char *name, bool folder);
    int depth;
} Walk;

static const char *below(const Walk *walk, const char *name) {
    return walk->name[0] == '\0' ? name : arena_printf(walk->backup->cli->arena, "%s/%s", walk->name, name);
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static bool folder_add(Backup *backup, const char *name, int depth);

static bool one_add(Walk *walk, const char *name, bool folder) {
    Backup *backup = walk->backup;
    const char *path = arena_printf(backup->cli->arena, "%s/%s", backup->data, below(walk, name));
    if (folder) {
        return folder_add(backup, below(walk, name), walk->depth + 1);
    }
    if (strcmp(name, "lock") == 0 || ends_with(name, ".lock") || ends_with(name, ".tmp") || ends_with(name, "-wal") ||
        ends_with(name, "-shm") || strncmp(name, BACKUP_PIN, sizeof(BACKUP_PIN) - 1) == 0 ||
        strcmp(path, backup->work) == 0) {
        return true;
    }
    return ends_with(name, ".db") ? database_add(backup, path, below(walk, name), backup->err)
                                  : file_add(backup, path, below(walk, name), backup->err);
}

static bool visit(void *context, const char *name) {
    Walk *walk = context;
    struct stat look;
    const char *path = arena_printf(walk->backup->cli->arena, "%s/%s", walk->backup->data, below(walk, name));
    if (lstat(path, &look) != 0 || !(S_ISREG(look.st_mode) || S_ISDIR(look.st_mode))) {
        return true; // gone, or a socket
    }
    return walk->take(walk, name, S_ISDIR(look.st_mode));
}

// Each entry of a folder, in order; `take` says which and how.
static bool walk_folder(Backup *backup, const char *name, int depth, bool (*take)(Walk *, const char *, bool)) {
    Walk walk = {backup, name, take, depth};
    Err *err = backup->err;
    const char *path = arena_printf(backup->cli->arena, "%s/%s", backup->data, name);
    if (depth > DEPTH_MAX || !file_exists(path)) {
        return depth <= DEPTH_MAX || FAIL(err, ERR_IO_FAILED, "%s: folders are nested too deep", path);
    }
    TRY(file_list(path, visit, &walk, err));
    return err->code == ERR_NONE;
}

static bool folder_add(Backup *backup, const char *name, int depth) {
    return walk_folder(backup, name, depth, one_add);
}

static bool not_head(Walk *walk, const char *name, bool folder) {
    return (folder && strcmp(name, "pins") == 0) || strcmp(name, "head") == 0 || one_add(walk, name, folder);
}

// Its pins, its head, then the rest.
static bool journal_add(Backup *backup, const char *name) {
    const char *head = arena_printf(backup->cli->arena, "%s/head", name);
    const char *path = arena_printf(backup->cli->arena, "%s/%s", backup->data, head);
    return folder_add(backup, arena_printf(backup->cli->arena, "%s/pins", name), 0) &&
           file_add(backup, path, head, backup->err) && walk_folder(backup, name, 0, not_head);
}

static bool neither_log(Walk *walk, const char *name, bool folder) {
    return strcmp(name, "journal") == 0 || strcmp(name, "spool") == 0 || strcmp(name, "programs") == 0 ||
           strcmp(name, "status.json") == 0 || one_add(walk, name, folder);
}

static bool pipeline_add(Walk *walk, const char *name, bool folder) {
    Backup *backup = walk->backup;
    Err *err = backup->err;
    Arena *arena = backup->cli->arena;
    const char *own = arena_printf(arena, "pipelines/%s", name);
    const char *journal = arena_printf(arena, "%s/journal", own);
    const char *path = arena_printf(arena, "%s/%s", backup->data, journal);
    char pin[32];
    snprintf(pin, sizeof(pin), BACKUP_PIN "%d", (int)getpid());
    if (!folder) {
        return true;
    }
    bool pins = file_exists(path) && !journal_is_remote(path); // of that one there is no copy
    TRY(!pins || journal_pin(path, pin, 0, err));
    bool ok = walk_folder(backup, own, 0, neither_log) && journal_add(backup, journal) &&
              journal_add(backup, arena_printf(arena, "%s/spool", own)) &&
              folder_add(backup, arena_printf(arena, "%s/programs", own), 0);
    Err unpinned[1] = {{0}};
    if (pins && !journal_unpin(path, pin, unpinned)) {
        return ok && FAIL(err, unpinned->code, "%s", unpinned->message);
    }
    return ok;
}

static bool top_add(Walk *walk, const char *name, bool folder) {
    if (strcmp(name, "pipelines") == 0 || (strcmp(name, "master.key") == 0 && !walk->backup->with_key)) {
        return true;
    }
    return one_add(walk, name, folder);
}

static bool all_add(Backup *backup, Err *err) {
    TRY(walk_folder(backup, "", 0, top_add));
    TRY(walk_folder(backup, "pipelines", 0, pipeline_add));
    DEFER(buf_release) Buf last = {0};
    buf_printf(&last,
               "{\"format_version\":1,\"leat\":\"%s\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"sum\":%" PRIu64
               "}\n",
               LEAT_VERSION, backup->files, backup->bytes, (uint64_t)XXH3_64bits_digest(backup->sum));
    TRY(entry_begin(backup, LAST_ENTRY, last.size, err));
    TRY(entry_bytes(backup, LAST_ENTRY, buf_slice(&last), err));
    return library.archive_write_close(backup->archive) == ARCHIVE_OK ||
           archive_failed(backup->archive, "the backup", err);
}

static bool archive_begin(Backup *backup, const char *path, Err *err) {
    backup->archive = library.archive_write_new();
    bool ok = library.archive_write_set_format_pax_restricted(backup->archive) == ARCHIVE_OK &&
              library.archive_write_add_filter_zstd(backup->archive) == ARCHIVE_OK &&
              library.archive_write_open_filename(backup->archive, path) == ARCHIVE_OK;
    return ok || archive_failed(backup->archive, path, err);
}

static bool archive_settle(const char *temporary, const char *path, Err *err) {
    int fd = -1;
    TRY(file_open(temporary, O_RDONLY, &fd, err));
    bool ok = file_sync(fd, temporary, err) && file_rename(temporary, path, err);
    file_close(&fd);
    return ok;
}

bool backup_create_command(Cli *cli, Err *err) {
    const char *path = cli->arguments[0], *temporary = arena_printf(cli->arena, "%s.tmp", path);
    Backup backup = {.cli = cli, .data = cli_data_directory(cli), .with_key = cli_has(cli, "with-key"), .err = err};
    bool present;
    TRY(library_open(err));
    TRY(data_directory_check(backup.data, cli->arena, &present, err));
    if (!present) {
        return FAIL(err, ERR_NOT_FOUND, "%s is no data directory of leat", backup.data);
    }
    if (file_exists(path)) {
        return FAIL(err, ERR_EXISTS, "%s is there already", path);
    }
    mode_t mask = umask(077);
    backup.work = arena_printf(cli->arena, "%s.db.tmp", path);
    backup.piece = arena_alloc(cli->arena, PIECE_BYTES);
    backup.sum = XXH3_createState();
    XXH3_64bits_reset(backup.sum);
    bool ok = archive_begin(&backup, temporary, err) && all_add(&backup, err) && archive_settle(temporary, path, err);
    library.archive_write_free(backup.archive);
    XXH3_freeState(backup.sum);
    umask(mask);
    if (!ok) {
        unlink(temporary);
        return false;
    }
    DEFER(buf_release) Buf out = {0};
    buf_printf(&out, "%s: %" PRIu64 " files, ", path, backup.files);
    text_bytes(&out, (double)backup.bytes);
    buf_text(&out, " before compression\n");
    output_write(&out);
    return true;
}

// --- restore ---------------------------------------------------------------------------------------------------

typedef struct Restoring {
    struct archive *from, *to;
    const char *directory;
    uint8_t *piece;
    uint64_t files, bytes;
    XXH3_state_t *sum;
    bool complete;
} Restoring;

static bool name_safe(const char *name) {
    return name != NULL && name[0] != '/' && name[0] != '\0' && strstr(name, "..") == NULL;
}

static bool last_check(Restoring *restoring, const char *path, Err *err) {
    char text[512] = "";
    la_ssize_t size = library.archive_read_data(restoring->from, text, sizeof(text) - 1);
    unsigned long long files = 0, bytes = 0, sum = 0;
    const char *counts = size > 0 ? strstr(text, "\"files\":") : NULL;
    if (counts == NULL || sscanf(counts, "\"files\":%llu,\"bytes\":%llu,\"sum\":%llu", &files, &bytes, &sum) != 3 ||
        strstr(text, "\"format_version\":1,") == NULL) {
        FAIL(err, ERR_FORMAT_NEWER, "%s: its last entry is not understood", path);
        return err_hint(err, "use the leat that made the backup, or a newer one");
    }
    restoring->complete =
        files == restoring->files && bytes == restoring->bytes && sum == XXH3_64bits_digest(restoring->sum);
    return restoring->complete ||
           FAIL(err, ERR_STATE_CORRUPT, "%s is damaged: its files are not those that went in", path);
}

static bool entry_restore(Restoring *restoring, struct archive_entry *entry, const char *path, Err *err) {
    const char *name = library.archive_entry_pathname(entry);
    char to[PATH_MAX];
    la_ssize_t got;
    if (!name_safe(name) || library.archive_entry_filetype(entry) != AE_IFREG ||
        snprintf(to, sizeof(to), "%s/%s", restoring->directory, name) >= (int)sizeof(to)) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s has an entry that no backup of leat has", path);
    }
    restoring->files++;
    restoring->bytes += (uint64_t)library.archive_entry_size(entry);
    XXH3_64bits_update(restoring->sum, name, strlen(name) + 1);
    library.archive_entry_set_pathname(entry, to);
    if (library.archive_write_header(restoring->to, entry) != ARCHIVE_OK) {
        return archive_failed(restoring->to, to, err);
    }
    while ((got = library.archive_read_data(restoring->from, restoring->piece, PIECE_BYTES)) > 0) {
        XXH3_64bits_update(restoring->sum, restoring->piece, (size_t)got);
        if (library.archive_write_data(restoring->to, restoring->piece, (size_t)got) != got) {
            return archive_failed(restoring->to, to, err);
        }
    }
    if (got < 0) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s is damaged: %s", path, library.archive_error_string(restoring->from));
    }
    return library.archive_write_finish_entry(restoring->to) == ARCHIVE_OK || archive_failed(restoring->to, to, err);
}

static bool entries_restore(Restoring *restoring, const char *path, Err *err) {
    struct archive_entry *entry;
    int result;
    while ((result = library.archive_read_next_header(restoring->from, &entry)) == ARCHIVE_OK) {
        bool last = strcmp(library.archive_entry_pathname(entry), LAST_ENTRY) == 0;
        TRY(last ? last_check(restoring, path, err) : entry_restore(restoring, entry, path, err));
    }
    if (result != ARCHIVE_EOF || !restoring->complete) {
        const char *text = library.archive_error_string(restoring->from);
        FAIL(err, ERR_STATE_CORRUPT, "%s is damaged or not complete%s%s", path, text != NULL ? ": " : "",
             text != NULL ? text : "");
        return err_hint(err, "nothing was restored; take another backup");
    }
    return true;
}

static bool restore_into(const Cli *cli, const char *path, const char *directory, Err *err) {
    Restoring restoring = {library.archive_read_new(),
                           library.archive_write_disk_new(),
                           directory,
                           arena_alloc(cli->arena, PIECE_BYTES),
                           0,
                           0,
                           XXH3_createState(),
                           false};
    XXH3_64bits_reset(restoring.sum);
    library.archive_write_disk_set_options(restoring.to,
                                           ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    library.archive_read_support_format_tar(restoring.from);
    library.archive_read_support_filter_zstd(restoring.from);
    bool ok = library.archive_read_open_filename(restoring.from, path, PIECE_BYTES) == ARCHIVE_OK ||
              FAIL(err, ERR_NOT_FOUND, "%s is no backup that can be read: %s", path,
                   library.archive_error_string(restoring.from));
    ok = ok && entries_restore(&restoring, path, err);
    ok = library.archive_write_close(restoring.to) == ARCHIVE_OK && ok;
    library.archive_read_free(restoring.from);
    library.archive_write_free(restoring.to);
    XXH3_freeState(restoring.sum);
    return ok;
}

// 0: there is no registry.
static bool registry_settle(const Cli *cli, const char *directory, int32_t *next_id, Err *err) {
    const char *path = arena_printf(cli->arena, "%s/registry.db", directory);
    *next_id = 0;
    return !file_exists(path) || registry_store_restored(path, clock_wall_us(), next_id, err);
}

static bool any_entry(void *context, const char *name) {
    *(bool *)context = true;
    return false;
}

bool backup_restore_command(Cli *cli, Err *err) {
    const char *path = cli->arguments[0], *data = cli_data_directory(cli);
    const char *partial = arena_printf(cli->arena, "%s.restoring", data);
    bool occupied = false, present;
    int32_t next_id = 0;
    TRY(library_open(err));
    if (file_exists(data)) {
        TRY(file_list(data, any_entry, &occupied, err));
    }
    if (occupied) {
        FAIL(err, ERR_EXISTS, "%s is not empty", data);
        return err_hint(err, "restore into a new place (--data-dir), or move what is there away");
    }
    mode_t mask = umask(077);
    bool ok = file_remove_tree(partial, err) && file_make_directories(partial, err) &&
              restore_into(cli, path, partial, err) && data_directory_check(partial, cli->arena, &present, err) &&
              registry_settle(cli, partial, &next_id, err);
    umask(mask);
    if (!ok) {
        Err left[1] = {{0}};
        if (!file_remove_tree(partial, left)) {
            err_hint(err, "remove %s", partial);
        }
        return false;
    }
    TRY(file_exists(data) ? file_remove_tree(data, err) : true);
    TRY(file_rename(partial, data, err));
    printf("%s is restored into %s\n", path, data);
    if (next_id > 0) {
        printf("new schemas get ids from %" PRId32 " on, above those that may have been given out since the backup\n",
               next_id);
    }
    if (!file_exists(arena_printf(cli->arena, "%s/master.key", data))) {
        printf("it holds no master key: give the server LEAT_MASTER_KEY_FILE, or put master.key back\n");
    }
    return true;
}
