// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/connector_options.c" // NOLINT

#include "core/base/test.h"

static Arena arena = {.name = "test"};
static Err err[1];

static Properties properties_of(const char *json) {
    Properties properties = {0};
    CHECK_OK(properties_parse(&arena, slice_of(json), &properties, err));
    return properties;
}

static PgConnectorOptions parsed(const char *json) {
    PgConnectorOptions options;
    Properties properties = properties_of(json);
    properties_set(&arena, &properties, SLICE("topic.prefix"), SLICE("shop"));
    CHECK_OK(pg_connector_options_parse(&arena, &properties, &options, err));
    return options;
}

static void refused(const char *json, const char *part) {
    PgConnectorOptions options;
    Properties properties = properties_of(json);
    properties_set(&arena, &properties, SLICE("topic.prefix"), SLICE("shop"));
    if (pg_connector_options_parse(&arena, &properties, &options, err)) {
        test_fail(__FILE__, __LINE__, "%s: accepted", json);
    }
    CHECK_INT(err->code, ERR_OPTION);
    if (strstr(err->message, part) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: %s", json, err->message);
    }
    err_clear(err);
}

static bool wants(const PgConnectorOptions *options, const char *space, const char *name) {
    return pg_connector_wants(options, slice_of(space), slice_of(name));
}

TEST(defaults_are_debeziums) {
    PgConnectorOptions options = parsed("{}");
    CHECK_TEXT(slice_of(options.slot), "debezium");
    CHECK_TEXT(slice_of(options.publication), "dbz_publication");
    CHECK_INT(options.publication_mode, PG_PUBLICATION_ALL_TABLES);
    CHECK_INT(options.snapshot_mode, PG_SNAPSHOT_INITIAL);
    CHECK_INT(options.slot_retries, 6);
    CHECK_INT(options.snapshot_threads, 1);
    CHECK_TEXT(slice_of(options.skipped), "t");
    CHECK(options.publish == NULL && options.quarantine && !options.dead_letters && !options.transactions);
    CHECK(wants(&options, "public", "orders") && options.signal_table == NULL);
    pg_connector_options_release(&options);
}

TEST(filters_match_whole_names_in_any_case) {
    PgConnectorOptions options = parsed("{\"table.include.list\": \"public.orders, PUBLIC.item.*\","
                                        "\"signal.data.collection\": \"ops.signals\"}");
    CHECK(wants(&options, "public", "orders") && wants(&options, "public", "items_2") &&
          wants(&options, "Public", "ORDERS"));
    CHECK(!wants(&options, "public", "orders2") && !wants(&options, "x", "public.orders"));
    CHECK(wants(&options, "ops", "signals") && !wants(&options, "ops", "other"));
    CHECK_INT(pg_connector_rank(&options, SLICE("public"), SLICE("items")), 1);
    CHECK_INT(pg_connector_rank(&options, SLICE("public"), SLICE("orders")), 0);
    CHECK_INT(pg_connector_rank(&options, SLICE("a"), SLICE("b")), 2);
    pg_connector_options_release(&options);
    options = parsed("{\"schema.exclude.list\": \"audit.*\", \"table.exclude.list\": \"public[.]tmp_.*\"}");
    CHECK(wants(&options, "public", "orders") && !wants(&options, "public", "tmp_1") &&
          !wants(&options, "audit_2", "x"));
    pg_connector_options_release(&options);
    options = parsed("{\"table.whitelist\": \"a.b\", \"message.prefix.exclude.list\": \"noise.*\"}");
    CHECK(wants(&options, "a", "b") && !wants(&options, "a", "c"));
    CHECK(pg_connector_wants_message(&options, SLICE("x")) && !pg_connector_wants_message(&options, SLICE("noise1")));
    pg_connector_options_release(&options);
    refused("{\"table.include.list\": \"a.b\", \"table.exclude.list\": \"c.d\"}", "table.exclude.list");
    refused("{\"table.include.list\": \"a.(b\"}", "table.include.list");
    refused("{\"signal.data.collection\": \"signals\"}", "signal.data.collection");
}

TEST(modes_have_old_names_and_say_what_is_allowed) {
    CHECK_INT(parsed("{\"snapshot.mode\": \"never\"}").snapshot_mode, PG_SNAPSHOT_NO_DATA);
    CHECK_INT(parsed("{\"snapshot.mode\": \"Schema_Only\"}").snapshot_mode, PG_SNAPSHOT_NO_DATA);
    CHECK_INT(parsed("{\"snapshot.mode\": \"exported\"}").snapshot_mode, PG_SNAPSHOT_INITIAL);
    PgConnectorOptions options = parsed(
        "{\"snapshot.mode\": \"configuration_based\", \"snapshot.mode.configuration.based.start.stream\": true}");
    CHECK(options.snapshot_stream && !options.snapshot_data);
    refused("{\"snapshot.mode\": \"custom\"}", "Java class");
    refused("{\"snapshot.mode\": \"sometimes\"}", "snapshot.mode");
    refused("{\"plugin.name\": \"decoderbufs\"}", "plugin.name");
    refused("{\"slot.max.retries\": \"-1\"}", "slot.max.retries");
    refused("{\"slot.drop.on.stop\": \"perhaps\"}", "slot.drop.on.stop");
    CHECK(parsed("{\"flush.lsn.source\": \"false\"}").lsn_flush_manual);
    CHECK(parsed("{\"lsn.flush.mode\": \"manual\"}").lsn_flush_manual);
    CHECK(!parsed("{\"leat.errors.table\": \"fail\"}").quarantine);
}

TEST(skipped_operations_narrow_what_is_published) {
    PgConnectorOptions options = parsed("{\"skipped.operations\": \"t,d\"}");
    CHECK_TEXT(slice_of(options.publish), "insert, update");
    CHECK(pg_connector_skips(&options, 'd') && pg_connector_skips(&options, 't') && !pg_connector_skips(&options, 'c'));
    options = parsed("{\"skipped.operations\": \"none\"}");
    CHECK(options.publish == NULL && !pg_connector_skips(&options, 't'));
    refused("{\"skipped.operations\": \"c,x\"}", "skipped.operations");
    refused("{\"skipped.operations\": \"c,none\"}", "skipped.operations");
}

TEST(statements_and_rules_are_split) {
    PgConnectorOptions options =
        parsed("{\"database.initial.statements\": \"SET a = 1; SET b = ';;' ;\","
               "\"replica.identity.autoset.values\": \"public[.]o.*:FULL, s.t:INDEX t_u\","
               "\"snapshot.select.statement.overrides\": \"s.t\","
               "\"snapshot.select.statement.overrides.s.t\": \"SELECT * FROM s.t WHERE x ; \"}");
    CHECK_INT(options.initial_statement_count, 2);
    CHECK_TEXT(slice_of(options.initial_statements[1]), "SET b = ';'");
    CHECK_INT(options.identity_count, 2);
    CHECK_TEXT(slice_of(options.identities[0].identity), "FULL");
    CHECK_TEXT(slice_of(options.identities[1].index), "t_u");
    CHECK_TEXT(slice_of(pg_connector_override(&options, SLICE("s"), SLICE("t"))), "SELECT * FROM s.t WHERE x");
    CHECK(pg_connector_override(&options, SLICE("s"), SLICE("u")) == NULL);
    pg_connector_options_release(&options);
    refused("{\"replica.identity.autoset.values\": \"s.t:SOME\"}", "autoset");
    refused("{\"snapshot.select.statement.overrides\": \"s.t\"}", "s.t is not set");
}

TEST(the_connection_is_a_conninfo) {
    const char *url = NULL;
    Properties properties =
        properties_of("{\"database.hostname\": \"db\", \"database.user\": \"u\","
                      "\"database.password\": \"it's ${env:X} \\\\\", \"database.dbname\": \"shop\"}");
    CHECK_OK(pg_connector_url(&arena, &properties, &url, err));
    CHECK_TEXT(slice_of(url), "host='db' port='5432' user='u' password='it\\'s $${env:X} \\\\' dbname='shop' "
                              "sslmode='prefer' keepalives='1'");
    properties = properties_of("{\"database.hostname\": \"db\"}");
    CHECK_FAILS(pg_connector_url(&arena, &properties, &url, err), ERR_OPTION);
}
