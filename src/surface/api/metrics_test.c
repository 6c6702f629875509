// SPDX-License-Identifier: Apache-2.0
#include "surface/api/metrics.c"

#include "core/base/test.h"

static void tell(ApiSurface *surface, MessageType type, const char *name, const char *text) {
    metrics_message(surface->context, &(Message){.type = type, .name = slice_of(name), .text = slice_of(text)});
}

static const char *lines(ApiSurface *surface, Scrape *scrape, Buf *out) {
    *scrape = (Scrape){0};
    all_connectors(surface->context, scrape);
    buf_reset(out);
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        put_family(out, &SERIES[i], &scrape->series[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(FAMILIES); i++) {
        put_family(out, &FAMILIES[i], &scrape->families[i]);
    }
    buf_u8(out, 0);
    return (const char *)out->data;
}

TEST(metrics_say_what_a_connector_reports) {
    Err err[1] = {{0}};
    ApiSurface surface;
    CHECK_OK(metrics_open(NULL, &surface, err));
    tell(&surface, MESSAGE_DOCUMENT, "a\"b", "{\"kind\":\"source\"}");
    tell(&surface, MESSAGE_STATE, "a\"b",
         "{\"state\":\"RUNNING\",\"task\":\"FAILED\",\"restarts\":2,\"error\":{\"code\":\"source_auth\"},\"report\":{"
         "\"lag_ms\":1500,\"changes\":7,\"slot_retained_bytes\":30,\"slot_safe_bytes\":10,\"journal_bytes\":-1,"
         "\"sink_requests\":{\"put\":3,\"bytes_up\":9},\"tables\":[{\"table\":\"s.t\",\"changes\":4},{}]}}");
    tell(&surface, MESSAGE_STATE, "other", "no json");
    Scrape scrape;
    Buf out = {0};
    const char *text = lines(&surface, &scrape, &out);
    const char *wanted[] = {
        "leat_connector_state{connector=\"a\\\"b\",kind=\"source\",state=\"FAILED\"} 1\n",
        "leat_connector_state{connector=\"other\",kind=\"\",state=\"UNASSIGNED\"} 1\n",
        "leat_connector_lag_seconds{connector=\"a\\\"b\"} 1.5\n",
        "leat_connector_changes_total{connector=\"a\\\"b\"} 7\n",
        "leat_connector_slot_share{connector=\"a\\\"b\"} 0.75\n",
        "leat_connector_restarts_total{connector=\"a\\\"b\"} 2\n",
        "leat_connector_errors_total{connector=\"a\\\"b\"} 1\n",
        "leat_connector_store_requests_total{connector=\"a\\\"b\",operation=\"put\"} 3\n",
        "leat_connector_store_bytes_total{connector=\"a\\\"b\",direction=\"up\"} 9\n",
        "leat_table_changes_total{connector=\"a\\\"b\",table=\"s.t\"} 4\n",
        "# TYPE leat_connector_lag_seconds gauge\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (strstr(text, wanted[i]) == NULL) {
            test_fail(__FILE__, __LINE__, "not there: %s", wanted[i]);
        }
    }
    CHECK(strstr(text, "journal_bytes") == NULL);
    CHECK_INT(scrape.tables, 1);
    // The same error again is none more; one after a restart is.
    tell(&surface, MESSAGE_STATE, "other", "{\"restarts\":0,\"error\":{\"code\":\"x\"}}");
    tell(&surface, MESSAGE_STATE, "other", "{\"restarts\":0,\"error\":{\"code\":\"x\"}}");
    tell(&surface, MESSAGE_STATE, "other", "{\"restarts\":1,\"error\":null}");
    tell(&surface, MESSAGE_STATE, "other", "{\"restarts\":1,\"error\":{\"code\":\"x\"}}");
    tell(&surface, MESSAGE_DOCUMENT, "a\"b", "");
    text = lines(&surface, &scrape, &out);
    CHECK(strstr(text, "leat_connector_errors_total{connector=\"other\"} 2\n") != NULL);
    CHECK(strstr(text, "a\\\"b") == NULL);
    process(&scrape, "front", NULL, getpid());
    buf_u8(&scrape.series[SERIES_MEMORY], 0);
    const char *memory = strstr((const char *)scrape.series[SERIES_MEMORY].data, "} ");
    CHECK(memory != NULL && strtoull(memory + 2, NULL, 10) > MIB);
    put_family(&out, &SERIES[SERIES_MEMORY], &scrape.series[SERIES_MEMORY]);
    put_family(&out, &SERIES[SERIES_CPU], &scrape.series[SERIES_CPU]);
    buf_release(&out);
    metrics_close(surface.context);
}

TEST(metrics_say_what_verifications_found) {
    Err err[1] = {{0}};
    ApiSurface surface;
    CHECK_OK(metrics_open(NULL, &surface, err));
    tell(
        &surface, MESSAGE_STATE, "p",
        "{\"report\":{\"verify\":{\"last\":{\"result\":\"differs\",\"ended_ms\":9000,\"elapsed_ms\":1500},\"tables\":[{"
        "\"table\":\"a\",\"result\":\"differs\",\"taken_ms\":8000,\"source_rows\":7,\"missing\":1,\"extra\":2},{"
        "\"table\":\"b\",\"result\":\"equal\",\"taken_ms\":8000},{\"table\":\"c\",\"result\":\"not_compared\"}]}}}");
    Scrape scrape;
    Buf out = {0};
    const char *text = lines(&surface, &scrape, &out);
    const char *wanted[] = {
        "leat_connector_verify_result{connector=\"p\",result=\"differs\"} 1\n",
        "leat_connector_verify_timestamp_seconds{connector=\"p\"} 9\n",
        "leat_connector_verify_duration_seconds{connector=\"p\"} 1.5\n",
        "leat_table_verify_equal{connector=\"p\",table=\"a\"} 0\n",
        "leat_table_verify_equal{connector=\"p\",table=\"b\"} 1\n",
        "leat_table_verify_timestamp_seconds{connector=\"p\",table=\"a\"} 8\n",
        "leat_table_verify_rows{connector=\"p\",table=\"a\"} 7\n",
        "leat_table_verify_differing_rows{connector=\"p\",table=\"a\"} 3\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (strstr(text, wanted[i]) == NULL) {
            test_fail(__FILE__, __LINE__, "not there: %s", wanted[i]);
        }
    }
    CHECK(strstr(text, "table=\"c\"") == NULL);
    buf_release(&out);
    metrics_close(surface.context);
}

TEST(metrics_say_how_fresh_tables_are) {
    Err err[1] = {{0}};
    ApiSurface surface;
    CHECK_OK(metrics_open(NULL, &surface, err));
    tell(&surface, MESSAGE_STATE, "p",
         "{\"report\":{\"sink_tables\":[{\"table\":\"a\",\"committed_ms\":2500,\"lag_ms\":1500,\"pending_rows\":3},{"
         "\"table\":\"b\",\"lag_ms\":0,\"pending_rows\":0},{\"table\":\"c\",\"aside\":\"why\"}]}}");
    Scrape scrape;
    Buf out = {0};
    const char *text = lines(&surface, &scrape, &out);
    const char *wanted[] = {
        "leat_table_lag_seconds{connector=\"p\",table=\"a\"} 1.5\n",
        "leat_table_committed_timestamp_seconds{connector=\"p\",table=\"a\"} 2.5\n",
        "leat_table_pending_rows{connector=\"p\",table=\"a\"} 3\n",
        "leat_table_lag_seconds{connector=\"p\",table=\"b\"} 0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (strstr(text, wanted[i]) == NULL) {
            test_fail(__FILE__, __LINE__, "not there: %s", wanted[i]);
        }
    }
    CHECK(strstr(text, "table=\"c\"") == NULL);
    CHECK(strstr(text, "committed_timestamp_seconds{connector=\"p\",table=\"b\"") == NULL);
    buf_release(&out);
    metrics_close(surface.context);
}

TEST(metrics_bound_the_tables) {
    Err err[1] = {{0}};
    ApiSurface surface;
    CHECK_OK(metrics_open(NULL, &surface, err));
    Buf state = {0};
    buf_text(&state, "{\"report\":{\"tables\":[");
    for (int i = 0; i < METRICS_TABLES_MAX + 5; i++) {
        buf_printf(&state, "%s{\"table\":\"t%d\",\"changes\":1}", i > 0 ? "," : "", i);
    }
    buf_text(&state, "]}}");
    metrics_message(surface.context,
                    &(Message){.type = MESSAGE_STATE, .name = slice_of("x"), .text = buf_slice(&state)});
    Scrape scrape;
    Buf out = {0};
    lines(&surface, &scrape, &out);
    CHECK_INT(scrape.tables, METRICS_TABLES_MAX);
    CHECK_INT(scrape.tables_omitted, 5);
    buf_release(&state);
    buf_release(&out);
    metrics_close(surface.context);
}

TEST(metrics_say_what_the_cluster_is) {
    Err err[1] = {{0}};
    ApiSurface surface;
    Buf out = {0};
    CHECK_OK(metrics_open(NULL, &surface, err));
    cluster_itself(surface.context, &out);
    CHECK_INT(out.size, 0); // a server alone
    tell(&surface, MESSAGE_CLUSTER, "", "{\"member\":true,\"slots\":3,\"nodes\":[{},{}]}");
    cluster_itself(surface.context, &out);
    buf_u8(&out, 0);
    CHECK(strstr((const char *)out.data, "\nleat_cluster_member 1\n") != NULL);
    CHECK(strstr((const char *)out.data, "\nleat_cluster_nodes 2\n") != NULL);
    CHECK(strstr((const char *)out.data, "\nleat_cluster_slots 3\n") != NULL);
    buf_reset(&out);
    tell(&surface, MESSAGE_CLUSTER, "", ""); // the member has ended
    cluster_itself(surface.context, &out);
    buf_u8(&out, 0);
    CHECK(strstr((const char *)out.data, "\nleat_cluster_member 0\n") != NULL);
    CHECK(strstr((const char *)out.data, "leat_cluster_nodes") == NULL);
    buf_release(&out);
    metrics_close(surface.context);
}
