// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/plan.h"

#include "core/base/digest.h"
#include "core/sys/file.h"

#include <limits.h>

#define MAGIC           "leat objects sink state\n"
#define MAGIC_BYTES     (sizeof(MAGIC) - 1)
#define HEADER_BYTES    (MAGIC_BYTES + 8)
#define PLAN_VERSION    2u
#define STATE_MAX       (1 * GIB)
#define TOPIC_BYTES_MIN ((size_t)4)
#define ITEM_BYTES_MIN  ((size_t)2)

void plan_encode(Buf *buf, const Plan *plan) {
    size_t start = buf->size;
    buf_text(buf, MAGIC);
    buf_u32le(buf, PLAN_VERSION);
    buf_u32le(buf, 0);
    buf_slice_sized(buf, plan->owner);
    buf_varint(buf, plan->start.position);
    buf_varint(buf, plan->start.sequence);
    buf_varint(buf, plan->start.epoch);
    buf_varint(buf, plan->topic_count);
    for (size_t i = 0; i < plan->topic_count; i++) {
        const PlanTopic *topic = &plan->topics[i];
        buf_slice_sized(buf, topic->name);
        buf_slice_sized(buf, topic->family);
        buf_varint(buf, topic->committed);
        buf_varint(buf, topic->epoch);
    }
    buf_varint(buf, plan->item_count);
    for (size_t i = 0; i < plan->item_count; i++) {
        buf_slice_sized(buf, plan->items[i].token);
        buf_slice_sized(buf, plan->items[i].name);
    }
    buf_slice_sized(buf, plan->checkpoint);
    ASSERT(!buf->overflow);
    uint32_t crc = digest_crc32c(0, slice_from(buf_slice(buf), start + HEADER_BYTES));
    memcpy(buf->data + start + MAGIC_BYTES + 4, &crc, sizeof(crc));
}

static bool read_topics(Reader *reader, Arena *arena, Plan *plan) {
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader) / TOPIC_BYTES_MIN) {
        return false;
    }
    PlanTopic *topics = ARENA_ARRAY(arena, PlanTopic, count);
    for (uint64_t i = 0; i < count; i++) {
        topics[i].name = read_slice(reader);
        topics[i].family = read_slice(reader);
        topics[i].committed = read_varint(reader);
        topics[i].epoch = read_varint(reader);
    }
    plan->topics = topics;
    plan->topic_count = count;
    return true;
}

static bool has_nul(Slice text) {
    return text.size == 0 || memchr(text.data, 0, text.size) != NULL;
}

static bool read_items(Reader *reader, Arena *arena, Plan *plan) {
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader) / ITEM_BYTES_MIN) {
        return false;
    }
    PlanItem *items = ARENA_ARRAY(arena, PlanItem, count);
    for (uint64_t i = 0; i < count; i++) {
        items[i].token = read_slice(reader);
        items[i].name = read_slice(reader);
        if (has_nul(items[i].token) || has_nul(items[i].name)) {
            return false;
        }
    }
    plan->items = items;
    plan->item_count = count;
    return true;
}

bool plan_decode(Slice bytes, Arena *arena, Plan *plan, Err *err) {
    *plan = (Plan){0};
    Reader reader = reader_of(bytes);
    Slice magic = read_bytes(&reader, MAGIC_BYTES);
    uint32_t version = read_u32le(&reader), crc = read_u32le(&reader);
    if (!slice_is(magic, MAGIC) || reader.bad) {
        return FAIL(err, ERR_STATE_CORRUPT, "this is no state of an objects sink");
    }
    if (version == 0 || version > PLAN_VERSION) {
        FAIL(err, version > PLAN_VERSION ? ERR_FORMAT_NEWER : ERR_STATE_CORRUPT,
             "state of version %u; this leat knows up to %u", version, PLAN_VERSION);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    if (digest_crc32c(0, (Slice){reader.at, reader_left(&reader)}) != crc) {
        return FAIL(err, ERR_STATE_CORRUPT, "the checksum differs");
    }
    plan->owner = read_slice(&reader);
    plan->start.position = read_varint(&reader);
    plan->start.sequence = read_varint(&reader);
    plan->start.epoch = read_varint(&reader);
    if (plan->owner.size != OWNER_BYTES || has_nul(plan->owner) || !read_topics(&reader, arena, plan) ||
        !read_items(&reader, arena, plan)) {
        return FAIL(err, ERR_STATE_CORRUPT, "the fields do not fit");
    }
    plan->checkpoint = version >= 2 ? read_slice(&reader) : (Slice){0};
    if (!reader_done(&reader)) {
        return FAIL(err, ERR_STATE_CORRUPT, "the fields do not fit");
    }
    return true;
}

static const char *state_path(const char *directory, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/state", directory);
    return path;
}

bool plan_load(const char *state_directory, Arena *arena, Plan *plan, Err *err) {
    char path[PATH_MAX];
    Slice bytes = {0};
    TRY(file_read_all(state_path(state_directory, path), STATE_MAX, arena, &bytes, err));
    if (!plan_decode(bytes, arena, plan, err)) {
        err_prefix(err, "%s", path);
        err_hint(err, "restore it, or delete the pipeline and start again into an empty directory");
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

bool plan_save(const char *state_directory, const Plan *plan, Err *err) {
    char path[PATH_MAX];
    Buf buf;
    buf_init(&buf, STATE_MAX);
    plan_encode(&buf, plan);
    bool ok = file_replace(state_path(state_directory, path), buf_slice(&buf), err);
    buf_release(&buf);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool plan_remove(const char *state_directory, Err *err) {
    char path[PATH_MAX];
    return file_remove(state_path(state_directory, path), err);
}
