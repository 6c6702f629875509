// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/conn.c" // NOLINT

#include "core/base/test.h"

static Err err[1];

static void check_refusal(const char *message, ErrCode code, const char *text, const char *hint) {
    CHECK(!connect_fail(err, message));
    if (err->code != code || strstr(err->message, text) == NULL || strstr(err->hint, hint) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: %s: %s (%s)", message, err_name(err->code), err->message, err->hint);
    }
    err_clear(err);
}

TEST(refusals_are_classified_by_sqlstate_in_any_language) {
    check_refusal("connection to server at \"h\" (::1), port 5432 failed: FATAL:  28P01: Passwort-Authentifizierung "
                  "fehlgeschlagen\nLOCATION:  auth_failed, auth.c:326\n",
                  ERR_SOURCE_AUTH, "28P01", "password");
    check_refusal("FATAL:  28000: no pg_hba.conf entry for replication connection from host \"10.0.0.1\"\n",
                  ERR_SOURCE_AUTH, "10.0.0.1", "scram-sha-256");
    check_refusal("FATAL:  53300: sorry, too many clients already\n", ERR_SOURCE_UNREACHABLE, "clients", "again");
    check_refusal("FATAL:  53300: number of requested standby connections exceeds max_wal_senders (currently 0)\n",
                  ERR_SOURCE_SETUP, "max_wal_senders", "raise");
    check_refusal("FATAL:  57P03: the database system is starting up\n", ERR_SOURCE_UNREACHABLE, "starting", "again");
    check_refusal("FATAL:  08P01: unsupported startup parameter: replication\n", ERR_SOURCE_SETUP, "replication",
                  "pooler");
    check_refusal("FATAL:  3D000: database \"x\" does not exist\n", ERR_NOT_FOUND, "\"x\"", "name");
    check_refusal("FATAL:  42501: must be superuser or replication role to start walsender\n", ERR_SOURCE_PERMISSION,
                  "walsender", "REPLICATION");
}

TEST(refusals_without_a_server_are_known_by_their_text) {
    check_refusal("fe_sendauth: no password supplied\n", ERR_SOURCE_AUTH, "no password", "${env:");
    check_refusal("could not translate host name \"x\" to address: Name or service not known\n", ERR_SOURCE_UNREACHABLE,
                  "\"x\"", "host");
    check_refusal("connection to server at \"h\", port 1 failed: Connection refused\n\tIs the server running on that "
                  "host and accepting TCP/IP connections?\n",
                  ERR_SOURCE_UNREACHABLE, "port 1", "listen_addresses");
    check_refusal("server does not support SSL, but SSL was required\n", ERR_SOURCE_SETUP, "SSL", "ssl");
    check_refusal("connection failed: SSL error: certificate verify failed\n", ERR_SOURCE_AUTH, "verify",
                  "sslrootcert");
    check_refusal("connection failed: server closed the connection unexpectedly\n\tThis probably means the server "
                  "terminated abnormally\n\tbefore or while processing the request.\n",
                  ERR_SOURCE_UNREACHABLE, "closed", "");
    check_refusal("", ERR_SOURCE_UNREACHABLE, "", "");
}

static void check_state(const char *state, const char *message, ErrCode code) {
    CHECK(!pg_fail(err, __FILE__, __LINE__, "SELECT 1", state, message, NULL, NULL));
    CHECK_INT(err->code, code);
    err_clear(err);
}

TEST(statements_are_classified_by_sqlstate) {
    check_state("55006", "replication slot \"x\" is active for PID 7", ERR_SLOT_BUSY);
    check_state("55000", "can no longer get changes from replication slot \"x\"", ERR_SLOT_LOST);
    check_state("55000", "logical decoding requires wal_level >= logical", ERR_SOURCE_SETUP);
    check_state("58P01", "requested WAL segment 000000010000000000000001 has already been removed", ERR_SLOT_LOST);
    check_state("42704", "replication slot \"x\" does not exist", ERR_SLOT_LOST);
    check_state("42704", "publication \"x\" does not exist", ERR_SOURCE_SETUP);
    check_state("42704", "relation \"t\" is not part of the publication", ERR_SOURCE_CLOSED);
    check_state("53400", "all replication slots are in use", ERR_SOURCE_SETUP);
    check_state("42501", "permission denied for table x", ERR_SOURCE_PERMISSION);
    check_state("42710", "relation \"t\" is already member of publication \"p\"", ERR_SOURCE_CLOSED);
    check_state("23505", "duplicate key value violates unique constraint \"pg_publication_pubname_index\"",
                ERR_SOURCE_CLOSED);
    check_state("23505", "duplicate key value violates unique constraint \"t_pkey\"", ERR_SOURCE_QUERY);
    check_state("XX000", "tuple concurrently updated", ERR_SOURCE_CLOSED);
    check_state("3F000", "schema \"s\" does not exist", ERR_TABLE);
    check_state("57P01", "terminating connection due to administrator command", ERR_SOURCE_CLOSED);
    check_state("42601", "syntax error", ERR_SOURCE_QUERY);
    check_state("40001", "could not serialize access", ERR_SOURCE_CLOSED);
    check_state("40001", "canceling statement due to conflict with recovery", ERR_SOURCE_CLOSED);
    check_state(NULL, NULL, ERR_SOURCE_QUERY);
}

TEST(errors_that_quote_values_are_cut) {
    CHECK(!pg_fail(err, __FILE__, __LINE__, "SELECT $1", "22P02", "invalid input syntax for type integer: \"hidden\"",
                   "detail hidden", NULL));
    CHECK(strstr(err->message, "hidden") == NULL && strstr(err->message, "22P02") != NULL);
}

TEST(lsns_are_parsed_strictly) {
    static const char *const BAD[] = {"", "/", "1", "1/", "/1", "1/2/3", "1/2 ", "x/1", "123456789/0", "0/123456789"};
    uint64_t lsn = 7;
    CHECK(pg_lsn_parse(SLICE("16/B374D848"), &lsn));
    CHECK_INT(lsn, 0x16B374D848);
    CHECK(pg_lsn_parse(SLICE("ffffffff/FFFFFFFF"), &lsn));
    CHECK(lsn == UINT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        if (pg_lsn_parse(slice_of(BAD[i]), &lsn)) {
            test_fail(__FILE__, __LINE__, "'%s' is taken as an LSN", BAD[i]);
        }
    }
}

TEST(names_and_texts_are_quoted) {
    DEFER(arena_release) Arena arena = {.name = "test"};
    CHECK_TEXT(slice_of(pg_identifier(&arena, SLICE("na\"me"))), "\"na\"\"me\"");
    CHECK_TEXT(slice_of(pg_literal(&arena, SLICE("it's \\"))), "'it''s \\'");
    CHECK_TEXT(slice_of(pg_identifier(&arena, (Slice){0})), "\"\"");
}
