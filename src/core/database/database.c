// SPDX-License-Identifier: Apache-2.0
#include "core/database/database.h"

#include <pthread.h>
#include <sqlite3.h>

enum { BUSY_MS = 10000 };

struct Database {
    sqlite3 *handle;
    pthread_mutex_t mutex;
    char path[1024];
};

// A handle of SQLite's and the database, for its errors.
struct DatabaseStatement {
    sqlite3_stmt *handle;
    Database *database;
};

static bool failed(const Database *database, int code, Err *err) {
    ErrCode as = ERR_IO_FAILED;
    switch (code & 0xff) {
    case SQLITE_FULL:
        as = ERR_IO_FULL;
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        as = ERR_IO_READ_ONLY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        as = ERR_STATE_CORRUPT;
        break;
    case SQLITE_CONSTRAINT:
        as = ERR_EXISTS;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        as = ERR_LOCKED;
        break;
    default:
        break;
    }
    return FAIL(err, as, "%s: %s", database->path,
                database->handle != NULL ? sqlite3_errmsg(database->handle) : sqlite3_errstr(code));
}

bool database_run(Database *database, const char *sql, Err *err) {
    int code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? true : failed(database, code, err);
}

void database_rollback(Database *database) {
    sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
}

static bool single_int(Database *database, const char *sql, int64_t *number, Err *err) {
    DatabaseStatement *statement = NULL;
    bool row = false;
    TRY(database_prepare(database, sql, &statement, err));
    bool good = database_step(statement, &row, err);
    *number = good && row ? database_int(statement, 0) : 0;
    database_finish(statement);
    return good;
}

// From one version to the next, unless another process has done it meanwhile.
static bool upgrade_one(Database *database, const DatabaseOptions *options, size_t at, Err *err) {
    char mark[64];
    int64_t version = 0;
    snprintf(mark, sizeof(mark), "PRAGMA user_version=%zu", at + 1);
    TRY(single_int(database, "PRAGMA user_version", &version, err));
    return version > (int64_t)at ||
           (database_run(database, options->versions[at], err) && database_run(database, mark, err));
}

static bool upgrade(Database *database, const DatabaseOptions *options, Err *err) {
    int64_t version = 0;
    TRY(single_int(database, "PRAGMA user_version", &version, err));
    if (version > (int64_t)options->version_count) {
        FAIL(err, ERR_FORMAT_NEWER, "%s has version %" PRId64 ", this leat knows %zu", database->path, version,
             options->version_count);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    for (size_t at = (size_t)version; at < options->version_count; at++) {
        if (!database_run(database, "BEGIN IMMEDIATE", err) || !upgrade_one(database, options, at, err) ||
            !database_run(database, "COMMIT", err)) {
            database_rollback(database);
            return err_frame(err, __FILE__, __LINE__);
        }
    }
    return true;
}

// SQLite does not wait (its busy handler is not called) while another process switches the same new file to WAL:
// both would wait for each other. So the switch is asked for again until the time of any other lock is over.
static bool use_wal(Database *database, Err *err) {
    enum { STEP_MS = 5 };
    int code = SQLITE_BUSY;
    for (int waited = 0; waited < BUSY_MS && (code & 0xff) == SQLITE_BUSY; waited += STEP_MS) {
        code = sqlite3_exec(database->handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if ((code & 0xff) == SQLITE_BUSY) {
            sqlite3_sleep(STEP_MS);
        }
    }
    return code == SQLITE_OK ? true : failed(database, code, err);
}

bool database_open(const char *path, const DatabaseOptions *options, Database **opened, Err *err) {
    Database *database = calloc(1, sizeof(*database));
    if (database == NULL) {
        return FAIL(err, ERR_MEMORY, "%s: no memory for a database", path);
    }
    pthread_mutex_init(&database->mutex, NULL);
    snprintf(database->path, sizeof(database->path), "%s", path);
    int code = sqlite3_open_v2(path, &database->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
    bool good = code == SQLITE_OK ? true : failed(database, code, err);
    if (good) {
        sqlite3_extended_result_codes(database->handle, 1);
        sqlite3_busy_timeout(database->handle, BUSY_MS);
    }
    good = good && use_wal(database, err) &&
           database_run(database,
                        "PRAGMA foreign_keys=ON; PRAGMA cache_size=-2048; "
                        "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=4194304",
                        err) &&
           database_run(database, options->durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err) &&
           upgrade(database, options, err);
    if (!good) {
        database_close(database);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = database;
    return true;
}

void database_close(Database *database) {
    if (database != NULL) {
        sqlite3_close(database->handle);
        pthread_mutex_destroy(&database->mutex);
        free(database);
    }
}

void database_lock(Database *database) {
    pthread_mutex_lock(&database->mutex);
}

void database_unlock(Database *database) {
    pthread_mutex_unlock(&database->mutex);
}

int64_t database_last_id(const Database *database) {
    return sqlite3_last_insert_rowid(database->handle);
}

int64_t database_changed_rows(const Database *database) {
    return sqlite3_changes64(database->handle);
}

bool database_prepare(Database *database, const char *sql, DatabaseStatement **prepared, Err *err) {
    DatabaseStatement *statement = calloc(1, sizeof(*statement));
    if (statement == NULL) {
        return FAIL(err, ERR_MEMORY, "%s: no memory for a statement", database->path);
    }
    statement->database = database;
    int code = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->handle, NULL);
    if (code != SQLITE_OK) {
        free(statement);
        return failed(database, code, err);
    }
    *prepared = statement;
    return true;
}

void database_finish(DatabaseStatement *statement) {
    if (statement != NULL) {
        sqlite3_finalize(statement->handle);
        free(statement);
    }
}

// Only a parameter that the statement does not have can fail, and memory.
static void bound(int code) {
    if (code != SQLITE_OK) {
        panic("a statement's parameter cannot be bound: %s", sqlite3_errstr(code));
    }
}

void database_bind_text(DatabaseStatement *statement, int at, Slice text) {
    bound(text.data == NULL ? sqlite3_bind_null(statement->handle, at)
                            : sqlite3_bind_text64(statement->handle, at, (const char *)text.data, text.size,
                                                  SQLITE_STATIC, SQLITE_UTF8));
}

void database_bind_int(DatabaseStatement *statement, int at, int64_t number) {
    bound(sqlite3_bind_int64(statement->handle, at, number));
}

void database_bind_null(DatabaseStatement *statement, int at) {
    bound(sqlite3_bind_null(statement->handle, at));
}

bool database_step(DatabaseStatement *statement, bool *row, Err *err) {
    int code = sqlite3_step(statement->handle);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        failed(statement->database, code, err);
    }
    sqlite3_reset(statement->handle);
    return code == SQLITE_DONE ? true : err_frame(err, __FILE__, __LINE__);
}

bool database_execute(DatabaseStatement *statement, Err *err) {
    bool row = false;
    bool good = database_step(statement, &row, err);
    database_reset(statement);
    return good;
}

void database_reset(DatabaseStatement *statement) {
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
}

Slice database_text(const DatabaseStatement *statement, int column) {
    const uint8_t *text = sqlite3_column_text(statement->handle, column);
    return (Slice){text, text != NULL ? (size_t)sqlite3_column_bytes(statement->handle, column) : 0};
}

int64_t database_int(const DatabaseStatement *statement, int column) {
    return sqlite3_column_int64(statement->handle, column);
}

bool database_is_null(const DatabaseStatement *statement, int column) {
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}
