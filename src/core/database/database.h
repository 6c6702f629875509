// SPDX-License-Identifier: Apache-2.0
// A small SQLite database in one file, write-ahead logged: what the front keeps (registry, audit). One connection;
// whoever uses it from several threads holds its lock around a statement's life, or around a transaction.
#ifndef LEAT_CORE_DATABASE_DATABASE_H
#define LEAT_CORE_DATABASE_DATABASE_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct Database Database;
typedef struct DatabaseStatement DatabaseStatement; // prepared once, run many times; closed before its database

typedef struct DatabaseOptions {
    // What makes the tables: versions[0] from nothing, versions[1] from that, …; each in one transaction.
    const char *const *versions;
    size_t version_count;
    bool
        durable; // a commit is on the disk when it returns; else it survives a crash of the process, not of the machine
} DatabaseOptions;

// Makes file and tables where they are not. ERR_FORMAT_NEWER: written by a newer leat; ERR_STATE_CORRUPT: no database.
CHECKED bool database_open(const char *path, const DatabaseOptions *options, Database **database, Err *err);
void database_close(Database *database); // NULL is fine
void database_lock(Database *database);
void database_unlock(Database *database);
// Statements without parameters and rows: BEGIN, COMMIT, …
CHECKED bool database_run(Database *database, const char *sql, Err *err);
void database_rollback(Database *database);              // of the transaction that failed; without one nothing happens
int64_t database_last_id(const Database *database);      // rowid of the newest INSERT
int64_t database_changed_rows(const Database *database); // by the newest INSERT, UPDATE or DELETE

CHECKED bool database_prepare(Database *database, const char *sql, DatabaseStatement **statement, Err *err);
void database_finish(DatabaseStatement *statement); // NULL is fine
// Parameters count from 1. Texts are borrowed until the statement is reset.
void database_bind_text(DatabaseStatement *statement, int at, Slice text); // data NULL = NULL
void database_bind_int(DatabaseStatement *statement, int at, int64_t number);
void database_bind_null(DatabaseStatement *statement, int at);
// Runs on to the next row; *row = false at the end, where the statement is reset. ERR_EXISTS: a constraint says no.
CHECKED bool database_step(DatabaseStatement *statement, bool *row, Err *err);
// A statement without rows, and reset.
CHECKED bool database_execute(DatabaseStatement *statement, Err *err);
void database_reset(DatabaseStatement *statement); // forgets its parameters
// Columns count from 0. Borrowed until the next step; data NULL = NULL.
Slice database_text(const DatabaseStatement *statement, int column);
int64_t database_int(const DatabaseStatement *statement, int column);
bool database_is_null(const DatabaseStatement *statement, int column);

#endif
