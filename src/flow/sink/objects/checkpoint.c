// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/checkpoint.h"

#include "core/base/digest.h"
#include "data/format/compress.h"

#define MAGIC              "leat checkpoint\n"
#define MAGIC_BYTES        (sizeof(MAGIC) - 1)
#define HEADER_BYTES       (MAGIC_BYTES + 8)
#define CHECKPOINT_VERSION 1u
#define STATE_MAX          ((uint64_t)GIB)

static bool state_encode(Buf *buf, Slice state, Err *err) {
    DEFER(buf_release) Buf packed = {0};
    if (state.size > 0) {
        Compressor *compressor = NULL;
        TRY(compressor_open(CODEC_ZSTD, 0, &compressor, err));
        bool ok = compress_block(compressor, state, &packed, err);
        compressor_close(compressor);
        TRY(ok);
    }
    buf_varint(buf, state.size);
    buf_slice_sized(buf, buf_slice(&packed));
    return true;
}

bool checkpoint_encode(Buf *buf, const Checkpoint *checkpoint, Err *err) {
    size_t start = buf->size;
    buf_text(buf, MAGIC);
    buf_u32le(buf, CHECKPOINT_VERSION);
    buf_u32le(buf, 0);
    DEFER(buf_release) Buf plan = {0};
    plan_encode(&plan, &checkpoint->plan);
    buf_slice_sized(buf, buf_slice(&plan));
    TRY(state_encode(buf, checkpoint->state, err));
    ASSERT(!buf->overflow);
    uint32_t crc = digest_crc32c(0, slice_from(buf_slice(buf), start + HEADER_BYTES));
    memcpy(buf->data + start + MAGIC_BYTES + 4, &crc, sizeof(crc));
    return true;
}

static bool state_decode(Slice packed, uint64_t size, Arena *arena, Slice *state, Err *err) {
    *state = (Slice){0};
    if (size == 0 && packed.size == 0) {
        return true;
    }
    if (size > STATE_MAX) {
        return FAIL(err, ERR_STATE_CORRUPT, "a journal's state of %" PRIu64 " bytes", size);
    }
    DEFER(buf_release) Buf plain = {0};
    if (!decompress_block(CODEC_ZSTD, packed, size, &plain, err) || plain.size != size) {
        return FAIL(err, ERR_STATE_CORRUPT, "the journal's state cannot be decompressed");
    }
    *state = arena_slice(arena, buf_slice(&plain));
    return true;
}

bool checkpoint_decode(Slice bytes, Arena *arena, Checkpoint *checkpoint, Err *err) {
    *checkpoint = (Checkpoint){0};
    Reader reader = reader_of(bytes);
    Slice magic = read_bytes(&reader, MAGIC_BYTES);
    uint32_t version = read_u32le(&reader), crc = read_u32le(&reader);
    if (!slice_is(magic, MAGIC) || reader.bad) {
        return FAIL(err, ERR_STATE_CORRUPT, "this is no checkpoint");
    }
    if (version != CHECKPOINT_VERSION) {
        FAIL(err, version > CHECKPOINT_VERSION ? ERR_FORMAT_NEWER : ERR_STATE_CORRUPT,
             "a checkpoint of version %u, not %u", version, CHECKPOINT_VERSION);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    if (digest_crc32c(0, (Slice){reader.at, reader_left(&reader)}) != crc) {
        return FAIL(err, ERR_STATE_CORRUPT, "the checksum differs");
    }
    TRY(plan_decode(read_slice(&reader), arena, &checkpoint->plan, err));
    uint64_t size = read_varint(&reader);
    Slice packed = read_slice(&reader);
    if (!reader_done(&reader)) {
        return FAIL(err, ERR_STATE_CORRUPT, "the fields do not fit");
    }
    return state_decode(packed, size, arena, &checkpoint->state, err);
}

// --- in the target ---------------------------------------------------------------------------------------------

static const char *checkpoint_name(Arena *arena, const char *pipeline) {
    return arena_printf(arena, "_leat/%s.checkpoint", pipeline);
}

bool checkpoint_load(Store *store, const char *pipeline, Arena *arena, bool *found, Checkpoint *checkpoint,
                     char tag[STORE_TAG_BYTES_MAX], Err *err) {
    *found = false;
    *checkpoint = (Checkpoint){0};
    tag[0] = '\0';
    Slice bytes = {0};
    const char *name = checkpoint_name(arena, pipeline);
    if (!store_get(store, name, arena, &bytes, tag, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        return true;
    }
    *found = true;
    if (!checkpoint_decode(bytes, arena, checkpoint, err)) {
        err_prefix(err, "%s", name);
        return err_hint(err,
                        "it says how far the target is; if it cannot be restored, take the table's files and it "
                        "away, and read everything again: leat resync %s --tables '*'",
                        pipeline);
    }
    return true;
}

bool checkpoint_put(Store *store, const char *pipeline, Slice bytes, char tag[STORE_TAG_BYTES_MAX], Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    const char *name = checkpoint_name(&scratch, pipeline);
    char before[STORE_TAG_BYTES_MAX];
    memcpy(before, tag, sizeof(before));
    if (store_put(store, name, bytes, before, tag, err)) {
        return true;
    }
    memcpy(tag, before, sizeof(before));
    if (err->code == ERR_CHANGED) {
        err_clear(err);
        FAIL(err, ERR_LOCKED, "%s was changed by somebody else: another leat writes this pipeline's files", name);
        return err_hint(err, "stop the other one, or give this one another --name or target");
    }
    return err_frame(err, __FILE__, __LINE__);
}

// A topic's offset as `local` has it, 0 without.
static uint64_t committed_in(const Plan *local, Slice name) {
    for (size_t i = 0; i < local->topic_count; i++) {
        if (slice_equal(local->topics[i].name, name)) {
            return local->topics[i].committed;
        }
    }
    return 0;
}

// What is being published there is what is being published here.
static bool same_items(const Plan *target, const Plan *local) {
    bool same = target->item_count == 0 || target->item_count == local->item_count;
    for (size_t i = 0; same && i < target->item_count; i++) {
        same = slice_equal(target->items[i].token, local->items[i].token) &&
               slice_equal(target->items[i].name, local->items[i].name);
    }
    return same;
}

bool checkpoint_ahead(const Checkpoint *checkpoint, const Plan *local) {
    if (local == NULL || !slice_equal(local->owner, checkpoint->plan.owner) || !same_items(&checkpoint->plan, local)) {
        return true;
    }
    if (checkpoint->state.size > 0 && checkpoint->plan.start.sequence > local->start.sequence) {
        return true;
    }
    bool same = true; // the usual case is one pass: both list their topics in one order
    for (size_t i = 0; i < checkpoint->plan.topic_count; i++) {
        const PlanTopic *topic = &checkpoint->plan.topics[i];
        same = same && i < local->topic_count && slice_equal(local->topics[i].name, topic->name);
        uint64_t committed = same ? local->topics[i].committed : committed_in(local, topic->name);
        if (topic->committed > committed) {
            return true;
        }
    }
    return false;
}

bool checkpoint_remove(Store *store, const char *pipeline, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    return store_remove(store, checkpoint_name(&scratch, pipeline), err);
}
