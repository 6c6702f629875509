// SPDX-License-Identifier: Apache-2.0
#include "data/connect/cluster.c" // NOLINT

#include "core/base/test.h"

static void put(Cluster *cluster, ClusterTopic topic, const char *key, const char *value) {
    cluster_record(cluster, topic, slice_of(key), value != NULL ? slice_of(value) : (Slice){0});
}

// Records as workers of Kafka 4.0 write them.
TEST(cluster_keeps_the_last_record_of_each_key) {
    Arena arena;
    Cluster cluster;
    arena_init(&arena, "scratch", 0);
    cluster_init(&cluster, &arena);
    put(&cluster, CLUSTER_CONFIGS, "session-key", "{\"key\":\"c2VjcmV0\",\"algorithm\":\"HmacSHA256\"}");
    put(&cluster, CLUSTER_CONFIGS, "connector-shop", "{\"properties\":{\"connector.class\":\"A\",\"x\":null}}");
    put(&cluster, CLUSTER_CONFIGS, "connector-shop",
        "{\"properties\":{\"connector.class\":\"P\",\"database.password\":\"${file:/run/db:password}\"}}");
    put(&cluster, CLUSTER_CONFIGS, "task-shop-0", "{\"properties\":{\"task.class\":\"T\"}}");
    put(&cluster, CLUSTER_CONFIGS, "commit-shop", "{\"tasks\":1}");
    put(&cluster, CLUSTER_CONFIGS, "target-state-shop", "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}");
    put(&cluster, CLUSTER_CONFIGS, "connector-gone", "{\"properties\":{\"connector.class\":\"A\"}}");
    put(&cluster, CLUSTER_CONFIGS, "connector-gone", NULL);
    put(&cluster, CLUSTER_OFFSETS, "[\"shop\",{\"server\":\"s\"}]", "{\"lsn\":1,\"txId\":7}");
    put(&cluster, CLUSTER_OFFSETS, "[\"shop\",{\"server\":\"s\"}]", "{\"lsn_proc\":9223372036854775807,\"lsn\":2}");
    put(&cluster, CLUSTER_OFFSETS, "[\"gone\",{\"server\":\"g\"}]", "{\"lsn\":1}");
    put(&cluster, CLUSTER_OFFSETS, "[\"gone\",{\"server\":\"g\"}]", NULL);
    put(&cluster, CLUSTER_STATUS, "status-connector-shop",
        "{\"state\":\"RUNNING\",\"trace\":null,\"worker_id\":\"w\"}");
    put(&cluster, CLUSTER_STATUS, "status-task-shop-0", "{\"state\":\"RUNNING\"}");
    put(&cluster, CLUSTER_STATUS, "status-task-shop-1", "{\"state\":\"FAILED\",\"trace\":\"why\"}");
    put(&cluster, CLUSTER_STATUS, "status-task-shop-1", NULL);
    put(&cluster, CLUSTER_STATUS, "status-topic-shop.t:connector-shop", "{}");
    CHECK_INT(cluster.odd, 0);
    CHECK_INT(cluster.count, 2);
    const ClusterConnector *shop = cluster_find(&cluster, SLICE("shop"));
    CHECK(shop->configured && shop->tasks == 1 && cluster_tasks_in(shop, "RUNNING") == 1);
    CHECK(cluster_tasks_in(shop, "FAILED") == 0);
    CHECK_TEXT(slice_of(shop->target), "STOPPED");
    CHECK_TEXT(slice_of(shop->state), "RUNNING");
    CHECK_INT(shop->config.count, 2);
    CHECK_TEXT(shop->config.at[1].value, "${file:/run/db:password}");
    CHECK_INT(shop->offset_count, 1);
    CHECK_TEXT(slice_of(shop->offsets[0].partition), "{\"server\":\"s\"}");
    CHECK_TEXT(slice_of(shop->offsets[0].offset), "{\"lsn\":2,\"lsn_proc\":9223372036854775807}");
    const ClusterConnector *gone = cluster_find(&cluster, SLICE("gone"));
    CHECK(!gone->configured && gone->offset_count == 1 && gone->offsets[0].offset == NULL);
    cluster_release(&cluster);
    arena_release(&arena);
}

TEST(cluster_reads_what_old_workers_wrote_and_names_with_dashes) {
    Arena arena;
    Cluster cluster;
    arena_init(&arena, "scratch", 0);
    cluster_init(&cluster, &arena);
    put(&cluster, CLUSTER_OFFSETS, "{\"schema\":null,\"payload\":[\"a-b\",{\"server\":\"s\"}]}",
        "{\"schema\":null,\"payload\":{\"lsn\":5}}");
    put(&cluster, CLUSTER_CONFIGS, "target-state-a-b", "{\"state\":\"PAUSED\"}");
    put(&cluster, CLUSTER_STATUS, "status-task-a-b-12", "{\"state\":\"RUNNING\"}");
    const ClusterConnector *connector = cluster_find(&cluster, SLICE("a-b"));
    CHECK(connector != NULL && cluster_tasks_in(connector, "RUNNING") == 1);
    CHECK_TEXT(slice_of(connector->target), "PAUSED");
    CHECK_TEXT(slice_of(connector->offsets[0].offset), "{\"lsn\":5}");
    CHECK_INT(cluster.odd, 0);
    cluster_release(&cluster);
    arena_release(&arena);
}

TEST(cluster_counts_what_it_does_not_understand) {
    static const struct {
        ClusterTopic topic;
        const char *key, *value;
    } ODD[] = {
        {CLUSTER_CONFIGS, "connector-x", "no JSON"},
        {CLUSTER_CONFIGS, "connector-x", "{\"properties\":{\"a\":1}}"},
        {CLUSTER_CONFIGS, "connector-", "{}"},
        {CLUSTER_CONFIGS, "what-x", "{}"},
        {CLUSTER_CONFIGS, "commit-x", "{\"tasks\":\"1\"}"},
        {CLUSTER_CONFIGS, "target-state-x", "[]"},
        {CLUSTER_OFFSETS, "[\"x\"]", "{}"},
        {CLUSTER_OFFSETS, "[1,{}]", "{}"},
        {CLUSTER_OFFSETS, "[\"x\",{}]", "7"},
        {CLUSTER_OFFSETS, "", "{}"},
        {CLUSTER_STATUS, "status-task-x", "{\"state\":\"RUNNING\"}"},
        {CLUSTER_STATUS, "status-connector-x", "{}"},
    };
    Arena arena;
    Cluster cluster;
    arena_init(&arena, "scratch", 0);
    cluster_init(&cluster, &arena);
    for (size_t i = 0; i < ARRAY_LEN(ODD); i++) {
        put(&cluster, ODD[i].topic, ODD[i].key, ODD[i].value);
        CHECK_INT(cluster.odd, i + 1);
    }
    const ClusterConnector *x = cluster_find(&cluster, SLICE("x"));
    CHECK(x != NULL && !x->configured && x->offset_count == 0);
    cluster_release(&cluster);
    arena_release(&arena);
}
