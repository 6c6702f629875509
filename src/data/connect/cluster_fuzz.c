// SPDX-License-Identifier: Apache-2.0
// Records of Connect's topics: topic (a byte), size of the key (a byte), key, the rest is the value; twice, so that a
// key's second record replaces its first.
#include "data/connect/cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || (size_t)data[1] + 2 > size) {
        return 0;
    }
    Arena arena;
    Cluster cluster;
    arena_init(&arena, "fuzz", 0);
    cluster_init(&cluster, &arena);
    Slice key = {data + 2, data[1]}, value = {data + 2 + key.size, size - 2 - key.size};
    for (int i = 0; i < 2; i++) {
        cluster_record(&cluster, (ClusterTopic)(data[0] % 3), key, value);
    }
    cluster_record(&cluster, (ClusterTopic)(data[0] % 3), key, (Slice){0});
    for (size_t i = 0; i < cluster.count; i++) {
        (void)cluster_tasks_in(cluster.connectors[i], "RUNNING");
    }
    cluster_release(&cluster);
    arena_release(&arena);
    return 0;
}
