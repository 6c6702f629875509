// SPDX-License-Identifier: Apache-2.0
#include "core/database/database.c"

#include "core/base/test.h"
#include "core/sys/file.h"

static const char *const VERSIONS[] = {"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
                                       "ALTER TABLE t ADD COLUMN more TEXT; CREATE INDEX t_more ON t (more)"};

TEST(database_keeps_rows_and_versions) {
    Err err[1] = {{0}};
    char folder[64], path[96];
    test_folder(folder, sizeof(folder), "database");
    snprintf(path, sizeof(path), "%s/x.db", folder);
    Database *database = NULL;
    CHECK_OK(database_open(path, &(DatabaseOptions){VERSIONS, 1, false}, &database, err));
    DatabaseStatement *insert = NULL, *select = NULL;
    CHECK_OK(database_prepare(database, "INSERT INTO t (name) VALUES (?)", &insert, err));
    database_bind_text(insert, 1, slice_of("a"));
    CHECK_OK(database_execute(insert, err));
    CHECK_INT(database_last_id(database), 1);
    CHECK_INT(database_changed_rows(database), 1);
    database_bind_text(insert, 1, slice_of("a"));
    CHECK_FAILS(database_execute(insert, err), ERR_EXISTS);
    database_bind_text(insert, 1, (Slice){0});
    CHECK_OK(database_execute(insert, err));
    CHECK_OK(database_prepare(database, "SELECT name, id FROM t WHERE id >= ?1 ORDER BY id", &select, err));
    for (int round = 0; round < 2; round++) {
        bool row = false;
        database_bind_int(select, 1, 1);
        CHECK_OK(database_step(select, &row, err));
        CHECK(row);
        CHECK_TEXT(database_text(select, 0), "a");
        CHECK_OK(database_step(select, &row, err));
        CHECK(row && database_is_null(select, 0) && database_text(select, 0).data == NULL);
        CHECK_INT(database_int(select, 1), 2);
        CHECK_OK(database_step(select, &row, err));
        CHECK(!row);
    }
    CHECK_FAILS(database_run(database, "nonsense", err), ERR_IO_FAILED);
    database_finish(insert);
    database_finish(select);
    database_close(database);
    // A newer leat brings its tables on; an older one keeps its hands off.
    CHECK_OK(database_open(path, &(DatabaseOptions){VERSIONS, 2, true}, &database, err));
    CHECK_OK(database_run(database, "UPDATE t SET more = 'x'", err));
    database_close(database);
    CHECK_FAILS(database_open(path, &(DatabaseOptions){VERSIONS, 1, true}, &database, err), ERR_FORMAT_NEWER);
    CHECK_OK(file_replace(path, slice_of("this is no database, by far not, of no version at all ............."), err));
    CHECK_FAILS(database_open(path, &(DatabaseOptions){VERSIONS, 2, true}, &database, err), ERR_STATE_CORRUPT);
    CHECK_OK(file_remove_tree(folder, err));
}
