// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/state.h"

#include "core/base/digest.h"
#include "core/sys/file.h"

// "leat lake 2\n", u64 log, u64 epoch, 16 bytes owner, u64 sequence, u32 CRC-32C of all before: little-endian.
// "leat lake 1\n" has no sequence.
#define MAGIC "leat lake 2\n"
enum {
    MAGIC_BYTES = sizeof(MAGIC) - 1,
    OLD_BYTES = MAGIC_BYTES + 16 + LAKE_OWNER_BYTES + 4,
    STATE_BYTES = OLD_BYTES + 8
};

static bool decode(Slice bytes, const char *path, LakeState *state, Err *err) {
    if (bytes.size >= MAGIC_BYTES && memcmp(bytes.data, MAGIC, 10) == 0 && bytes.data[10] > '2') {
        FAIL(err, ERR_FORMAT_NEWER, "%s: written by a newer leat", path);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    bool old = bytes.size == OLD_BYTES && memcmp(bytes.data, "leat lake 1\n", MAGIC_BYTES) == 0;
    if ((!old && (bytes.size != STATE_BYTES || memcmp(bytes.data, MAGIC, MAGIC_BYTES) != 0)) ||
        load_u32le(bytes.data + bytes.size - 4) != digest_crc32c(0, (Slice){bytes.data, bytes.size - 4})) {
        FAIL(err, ERR_STATE_CORRUPT, "%s is damaged", path);
        return err_hint(err, "restore it from a backup, or begin anew: leat delete --purge-data, then leat sync");
    }
    state->log = load_u64le(bytes.data + MAGIC_BYTES);
    state->epoch = load_u64le(bytes.data + MAGIC_BYTES + 8);
    memcpy(state->owner, bytes.data + MAGIC_BYTES + 16, LAKE_OWNER_BYTES);
    state->sequence = old ? 0 : load_u64le(bytes.data + MAGIC_BYTES + 16 + LAKE_OWNER_BYTES);
    return true;
}

bool lake_state_load(const char *directory, LakeState *state, bool *found, Err *err) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    const char *path = arena_printf(scratch, "%s/state", directory);
    *state = (LakeState){0};
    *found = file_exists(path);
    Slice bytes;
    bool ok = !*found || (file_read_all(path, 4096, scratch, &bytes, err) && decode(bytes, path, state, err));
    arena_release(scratch);
    return ok;
}

bool lake_state_save(const char *directory, const LakeState *state, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    buf_text(&bytes, MAGIC);
    buf_u64le(&bytes, state->log);
    buf_u64le(&bytes, state->epoch);
    buf_bytes(&bytes, state->owner, LAKE_OWNER_BYTES);
    buf_u64le(&bytes, state->sequence);
    buf_u32le(&bytes, digest_crc32c(0, buf_slice(&bytes)));
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool ok = file_replace(arena_printf(scratch, "%s/state", directory), buf_slice(&bytes), err);
    arena_release(scratch);
    return ok;
}
