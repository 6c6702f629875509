// SPDX-License-Identifier: Apache-2.0
#include "surface/api/audit.c"

#include "core/base/test.h"

TEST(audit_keeps_the_newest) {
    Err err[1] = {{0}};
    char folder[64];
    test_folder(folder, sizeof(folder), "audit");
    Audit *audit = NULL;
    CHECK_OK(audit_open(folder, &audit, err));
    audit_add(audit, "alice", ROLE_ADMIN, "PUT", slice_of("/connectors/a%2Fb/config"), 201);
    audit_add(audit, "bob", ROLE_OPERATOR, "BREW", slice_of("/\xff"), 405);
    audit_close(audit);
    CHECK_OK(audit_open(folder, &audit, err));
    Buf shown = {0};
    CHECK_OK(rows_json(audit->database, 1, &shown, err));
    buf_u8(&shown, 0);
    const char *text = (const char *)shown.data;
    CHECK(strstr(text, "\"id\":2") != NULL &&
          strstr(text, "\"bob\",\"role\":\"operator\",\"method\":\"other\"") != NULL);
    CHECK(strstr(text, "alice") == NULL);
    // Past the limit the oldest go.
    CHECK_OK(database_run(audit->database, "UPDATE audit SET id = id + 200000 WHERE id = 2", err));
    for (int i = 0; i < QUEUE_MAX + 10; i++) { // more than may wait
        audit_add(audit, "carol", ROLE_READER, "DELETE", slice_of("/x"), 403);
    }
    audit_close(audit);
    CHECK_OK(audit_open(folder, &audit, err));
    buf_reset(&shown);
    CHECK_OK(rows_json(audit->database, 1000000, &shown, err));
    buf_u8(&shown, 0);
    text = (const char *)shown.data;
    CHECK(strstr(text, "alice") == NULL && strstr(text, "bob") != NULL);
    size_t rows = 0;
    for (const char *at = text; (at = strstr(at, "carol")) != NULL; at++) {
        rows++;
    }
    CHECK_INT(rows, QUEUE_MAX + 10);
    CHECK_INT(audit_lost(audit), 0);
    audit_close(audit);
    buf_release(&shown);
    CHECK_OK(file_remove_tree(folder, err));
}
