// SPDX-License-Identifier: Apache-2.0
#include "data/connect/transform.h"

struct TransformChain {
    size_t count;
};

bool transform_chain_new(Arena *arena, const Properties *config, TransformChain **chain, Err *err) {
    const char *names = properties_text(arena, config, "transforms", "");
    size_t count;
    (void)properties_list(arena, slice_of(names), &count);
    if (count > 0) {
        return FAIL(err, ERR_OPTION, "transforms: none are there yet");
    }
    *chain = ARENA_NEW(arena, TransformChain);
    return true;
}

void transform_chain_release(TransformChain *chain) {
}

bool transform_chain_empty(const TransformChain *chain) {
    return chain->count == 0;
}

bool transform_chain_dynamic(const TransformChain *chain) {
    return false;
}

bool transform_chain_apply(TransformChain *chain, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    *keep = true;
    return true;
}
