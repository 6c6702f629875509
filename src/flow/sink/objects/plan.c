// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/plan.h"

#include "core/base/digest.h"
#include "core/sys/file.h"
#include "flow/sink/objects/names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define MAGIC           "leat objects sink state\n"
#define MAGIC_BYTES     (sizeof(MAGIC) - 1)
#define HEADER_BYTES    (MAGIC_BYTES + 8)
#define PLAN_VERSION    4u
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
    buf_varint(buf, plan->names_bytes);
    buf_varint(buf, plan->topic_count);
    for (size_t i = 0; i < plan->topic_count; i++) {
        const PlanTopic *topic = &plan->topics[i];
        buf_slice_sized(buf, topic->name);
        buf_varint(buf, topic->committed);
        buf_varint(buf, topic->epoch);
        buf_varint(buf, topic->pattern_count);
        for (size_t j = 0; j < topic->pattern_count; j++) {
            buf_slice_sized(buf, topic->patterns[j]);
        }
        buf_varint(buf, topic->single_from);
        buf_varint(buf, topic->point_count);
        for (size_t j = 0; j < topic->point_count; j++) {
            buf_varint(buf, topic->points[j] - (j > 0 ? topic->points[j - 1] : 0));
        }
    }
    buf_varint(buf, plan->item_count);
    for (size_t i = 0; i < plan->item_count; i++) {
        buf_slice_sized(buf, plan->items[i].token);
        buf_slice_sized(buf, plan->items[i].name);
    }
    buf_varint(buf, plan->removed_count);
    for (size_t i = 0; i < plan->removed_count; i++) {
        buf_slice_sized(buf, plan->removed[i]);
    }
    buf_slice_sized(buf, plan->checkpoint);
    ASSERT(!buf->overflow);
    uint32_t crc = digest_crc32c(0, slice_from(buf_slice(buf), start + HEADER_BYTES));
    memcpy(buf->data + start + MAGIC_BYTES + 4, &crc, sizeof(crc));
}

static bool read_patterns(Reader *reader, Arena *arena, PlanTopic *topic) {
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader)) {
        return false;
    }
    Slice *patterns = ARENA_ARRAY(arena, Slice, count);
    for (uint64_t i = 0; i < count; i++) {
        patterns[i] = read_slice(reader);
    }
    topic->patterns = patterns;
    topic->pattern_count = count;
    return true;
}

// Version 1: FAMILY + offset of 20 digits + ".json".
static void family_pattern(Arena *arena, Slice family, PlanTopic *topic) {
    Buf buf;
    buf_init(&buf, 0);
    buf_put(&buf, family);
    buf_bytes(&buf, (uint8_t[]){HOLE_OFFSET, OFFSET_DIGITS}, 2);
    buf_text(&buf, ".json");
    Slice *pattern = ARENA_NEW(arena, Slice);
    *pattern = arena_slice(arena, buf_slice(&buf));
    topic->patterns = pattern;
    topic->pattern_count = 1;
    buf_release(&buf);
}

static bool read_points(Reader *reader, Arena *arena, PlanTopic *topic) {
    topic->single_from = read_varint(reader);
    uint64_t count = read_varint(reader), point = 0;
    if (count > POINTS_MAX) {
        return false;
    }
    uint64_t *points = ARENA_ARRAY(arena, uint64_t, count);
    for (uint64_t i = 0; i < count; i++) {
        points[i] = point += read_varint(reader);
    }
    topic->points = points;
    topic->point_count = count;
    return true;
}

static bool read_topics(Reader *reader, Arena *arena, uint32_t version, Plan *plan) {
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader) / TOPIC_BYTES_MIN) {
        return false;
    }
    PlanTopic *topics = ARENA_ARRAY(arena, PlanTopic, count);
    for (uint64_t i = 0; i < count; i++) {
        topics[i].name = read_slice(reader);
        if (version < 3) {
            family_pattern(arena, read_slice(reader), &topics[i]);
        }
        topics[i].committed = read_varint(reader);
        topics[i].epoch = read_varint(reader);
        if (version >= 3 && !read_patterns(reader, arena, &topics[i])) {
            return false;
        }
        topics[i].single_from = topics[i].committed; // before version 4 nobody took note
        if (version >= 4 && !read_points(reader, arena, &topics[i])) {
            return false;
        }
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

static bool read_removed(Reader *reader, Arena *arena, Plan *plan) {
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader)) {
        return false;
    }
    Slice *names = ARENA_ARRAY(arena, Slice, count);
    for (uint64_t i = 0; i < count; i++) {
        names[i] = read_slice(reader);
        if (has_nul(names[i])) {
            return false;
        }
    }
    plan->removed = names;
    plan->removed_count = count;
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
    if (version < 1 || version > PLAN_VERSION) {
        FAIL(err, version > PLAN_VERSION ? ERR_FORMAT_NEWER : ERR_STATE_CORRUPT, "state of version %u, not 1 to %u",
             version, PLAN_VERSION);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    if (digest_crc32c(0, (Slice){reader.at, reader_left(&reader)}) != crc) {
        return FAIL(err, ERR_STATE_CORRUPT, "the checksum differs");
    }
    plan->owner = read_slice(&reader);
    plan->start.position = read_varint(&reader);
    plan->start.sequence = read_varint(&reader);
    plan->start.epoch = read_varint(&reader);
    plan->names_bytes = version >= 3 ? read_varint(&reader) : 0;
    if (plan->owner.size != OWNER_BYTES || has_nul(plan->owner) || !read_topics(&reader, arena, version, plan) ||
        !read_items(&reader, arena, plan) || (version >= 4 && !read_removed(&reader, arena, plan))) {
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

static const char *names_path(const char *directory, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/names", directory);
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
    return file_remove(state_path(state_directory, path), err) && file_remove(names_path(state_directory, path), err);
}

// --- the list of names -----------------------------------------------------------------------------------------

static bool names_write(int fd, const char *path, uint64_t size, Slice bytes, Err *err) {
    if (ftruncate(fd, (off_t)size) != 0) { // of a plan that was never made
        return FAIL_ERRNO(err, "truncate %s", path);
    }
    return file_write(fd, path, bytes, (off_t)size, err) && file_sync(fd, path, err);
}

bool plan_names_append(const char *state_directory, uint64_t *size, const Slice *names, size_t count, Err *err) {
    char path[PATH_MAX];
    Buf buf;
    buf_init(&buf, 0);
    Slice before = {0}; // each append begins anew
    for (size_t i = 0; i < count; i++) {
        size_t shared = 0;
        while (shared < before.size && shared < names[i].size && before.data[shared] == names[i].data[shared]) {
            shared++;
        }
        buf_varint(&buf, shared);
        buf_slice_sized(&buf, slice_from(names[i], shared));
        before = names[i];
    }
    int fd = -1;
    bool ok = file_open(names_path(state_directory, path), O_WRONLY | O_CREAT, &fd, err) &&
              names_write(fd, path, *size, buf_slice(&buf), err) &&
              (*size > 0 || file_sync_directory(state_directory, err));
    *size += ok ? buf.size : 0;
    file_close(&fd);
    buf_release(&buf);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool plan_names_each(const char *state_directory, uint64_t size, bool (*visit)(void *context, Slice name, Err *err),
                     void *context, Err *err) {
    if (size == 0) {
        return true;
    }
    char path[PATH_MAX];
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Slice bytes = {0};
    bool ok = file_read_all(names_path(state_directory, path), STATE_MAX, &scratch, &bytes, err);
    if (ok && bytes.size < size) {
        ok = FAIL(err, ERR_STATE_CORRUPT, "%s has %zu bytes, not %" PRIu64, path, bytes.size, size);
    }
    Buf name;
    buf_init(&name, 0);
    Reader reader = reader_of((Slice){bytes.data, ok ? (size_t)size : 0});
    while (ok && reader_left(&reader) > 0) {
        uint64_t shared = read_varint(&reader);
        Slice rest = read_slice(&reader);
        if (reader.bad || shared > name.size || shared + rest.size == 0) {
            ok = FAIL(err, ERR_STATE_CORRUPT, "%s is damaged", path);
            break;
        }
        name.size = (size_t)shared;
        buf_put(&name, rest);
        ok = visit(context, buf_slice(&name), err);
    }
    buf_release(&name);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
