// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/resume.c" // NOLINT

#include "core/base/test.h"

static PgResume of(const char *json) {
    Err err[1] = {{0}};
    Arena arena;
    Properties offset = {0};
    arena_init(&arena, "scratch", 0);
    CHECK_OK(properties_parse(&arena, slice_of(json), &offset, err));
    PgResume resume = pg_resume_of(&offset);
    arena_release(&arena);
    return resume;
}

TEST(resume_is_read_from_the_offset_of_a_change) {
    PgResume resume = of("{\"lsn\":150,\"lsn_proc\":150,\"lsn_commit\":100,\"txId\":7,\"messageType\":\"INSERT\","
                         "\"lsn_events_processed\":3}");
    CHECK(resume.armed && resume.xid == 7 && resume.lsn == 150 && resume.count == 3);
    // A change may lie before the commit of the transaction before: LSNs are in order within a transaction only.
    resume = of("{\"lsn\":50,\"lsn_proc\":50,\"lsn_commit\":100,\"txId\":7,\"messageType\":\"UPDATE\"}");
    CHECK(resume.armed && resume.count == 1);
    CHECK(!of("{\"lsn\":100,\"lsn_proc\":100,\"lsn_commit\":100,\"txId\":7,\"messageType\":\"COMMIT\"}").armed);
    CHECK(!of("{\"lsn\":120,\"lsn_proc\":100,\"lsn_commit\":100,\"txId\":7,\"messageType\":\"BEGIN\"}").armed);
    CHECK(!of("{\"lsn\":120,\"lsn_proc\":100,\"lsn_commit\":100,\"txId\":7,\"messageType\":\"TRUNCATE\"}").armed);
    CHECK(!of("{\"lsn\":120,\"lsn_proc\":120,\"txId\":null,\"messageType\":\"INSERT\"}").armed);
    CHECK(!of("{\"lsn\":-1,\"lsn_proc\":-1,\"txId\":7,\"messageType\":\"INSERT\"}").armed);
    CHECK(!of("{\"lsn_commit\":100}").armed);
}

TEST(resume_passes_over_what_was_sent_of_its_transaction) {
    PgResume resume = {.within = true, .lsn = 150, .count = 2};
    CHECK(pg_resume_sent(&resume, 50));
    CHECK(pg_resume_sent(&resume, 150) && pg_resume_sent(&resume, 150));
    CHECK(!pg_resume_sent(&resume, 150));
    CHECK(!pg_resume_sent(&resume, 151));
    resume = (PgResume){.armed = true, .lsn = 150, .count = 1};
    CHECK(!pg_resume_sent(&resume, 50));
}
