// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/files.h"

#include "core/sys/crash.h"
#include "flow/sink/objects/names.h"

#include <stdlib.h>

#define CHUNK_BYTES_MIN (4 * KIB)
#define CHUNK_BYTES_MAX (256 * KIB)

void files_init(FileList *files, Store *store, size_t memory_bytes_max) {
    size_t chunk = MIN(MAX(memory_bytes_max / 8, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
    *files = (FileList){.store = store, .memory_max = MAX(memory_bytes_max, 2 * CHUNK_BYTES_MIN), .chunk = chunk};
}

void files_drop(FileList *files, ObjectsFile *file) {
    *(file->previous != NULL ? &file->previous->next : &files->head) = file->next;
    *(file->next != NULL ? &file->next->previous : &files->tail) = file->previous;
    if (file->table->active == file) {
        file->table->active = NULL;
    }
    files->buffered -= file->buf.capacity;
    store_stage_abort(file->stage);
    buf_release(&file->buf);
    free(file->token);
    free(file);
}

void files_release(FileList *files) {
    while (files->head != NULL) {
        files_drop(files, files->head);
    }
}

static ObjectsFile *file_new(FileList *files, ObjectsTable *table, uint64_t offset, Mark from, int64_t now_ms) {
    ObjectsFile *file = calloc(1, sizeof(*file));
    ASSERT(file != NULL);
    *file = (ObjectsFile){.table = table, .from = from, .since_ms = now_ms, .begin = offset, .end = offset};
    file->cut_end = offset;
    file->previous = files->tail;
    *(files->tail != NULL ? &files->tail->next : &files->head) = file;
    files->tail = file;
    table->active = file;
    return file;
}

ObjectsFile *files_active(FileList *files, ObjectsTable *table, uint64_t offset, Mark from, int64_t now_ms) {
    return table->active != NULL ? table->active : file_new(files, table, offset, from, now_ms);
}

// --- spilling --------------------------------------------------------------------------------------------------

static bool spill(FileList *files, ObjectsFile *file, Err *err) {
    if (file->stage == NULL) {
        Buf name;
        buf_init(&name, 0);
        objects_name(&name, file->table->family, file->begin, "staged");
        buf_u8(&name, 0);
        bool ok = store_stage_open(files->store, (const char *)name.data, &file->stage, err);
        buf_release(&name);
        TRY(ok);
    }
    if (file->buf.size > 0) {
        TRY(store_stage_write(file->stage, buf_slice(&file->buf), err));
        file->staged_bytes += file->buf.size;
        buf_reset(&file->buf);
    }
    return true;
}

static void buffer_release(FileList *files, ObjectsFile *file) {
    files->buffered -= file->buf.capacity;
    buf_release(&file->buf);
}

// Spills every buffer of at least average size, until half of the memory is free.
static bool spill_largest(FileList *files, Err *err) {
    while (files->buffered > files->memory_max / 2) {
        size_t holders = 0;
        for (ObjectsFile *file = files->head; file != NULL; file = file->next) {
            holders += file->buf.capacity > 0 ? 1 : 0;
        }
        size_t average = files->buffered / holders;
        for (ObjectsFile *file = files->head; file != NULL; file = file->next) {
            if (file->buf.capacity > 0 && file->buf.capacity >= average) {
                TRY(spill(files, file, err));
                buffer_release(files, file);
            }
        }
    }
    return true;
}

bool files_written(FileList *files, ObjectsFile *file, size_t capacity_before, size_t size_before, uint64_t end,
                   Err *err) {
    file->bytes += file->buf.size - size_before;
    file->end = end;
    files->buffered += file->buf.capacity - capacity_before;
    if (UNLIKELY(file->buf.size >= files->chunk)) {
        TRY(spill(files, file, err));
        if (file->buf.capacity > 2 * files->chunk) {
            buffer_release(files, file); // grown by one large row
        }
    }
    if (UNLIKELY(files->buffered > files->memory_max)) {
        TRY(spill_largest(files, err));
    }
    return true;
}

// --- ends ------------------------------------------------------------------------------------------------------

static void cut_file(ObjectsFile *file) {
    file->cut_end = file->end;
    file->cut_bytes = file->bytes;
}

void files_cut(FileList *files, ObjectsTable *table, uint64_t rotate_bytes) {
    for (ObjectsFile *file = table->sealed; file != NULL; file = file->sealed_next) {
        cut_file(file);
        file->due = files->due = true;
    }
    table->sealed = NULL;
    if (table->active != NULL) {
        cut_file(table->active);
        if (table->active->bytes >= rotate_bytes) {
            table->active->due = files->due = true;
        }
    }
}

bool files_publishable(const ObjectsFile *file) {
    return file->cut_bytes > 0 && (file->cut_bytes == file->bytes || file->staged_bytes <= file->cut_bytes);
}

void files_split(FileList *files, ObjectsFile *file, Mark cut, int64_t now_ms) {
    if (file->cut_bytes == file->bytes) {
        return;
    }
    ASSERT(files_publishable(file) && file->table->active == file);
    ObjectsFile *rest = file_new(files, file->table, file->cut_end, cut, now_ms);
    size_t keep = (size_t)(file->cut_bytes - file->staged_bytes);
    buf_put(&rest->buf, slice_from(buf_slice(&file->buf), keep));
    files->buffered += rest->buf.capacity;
    rest->bytes = file->bytes - file->cut_bytes;
    rest->end = file->end;
    file->buf.size = keep;
    file->bytes = file->cut_bytes;
    file->end = file->cut_end;
}

bool files_seal(FileList *files, ObjectsFile *file, Mark cut, int64_t now_ms, Err *err) {
    ASSERT(file->table->active == file);
    if (file->cut_bytes > 0 && file->cut_bytes < file->bytes && files_publishable(file)) {
        files_split(files, file, cut, now_ms); // what a cut stands behind need not wait for the next one
        file->due = files->due = true;
        return true;
    }
    TRY(spill(files, file, err));
    buffer_release(files, file);
    file->sealed_next = file->table->sealed;
    file->table->sealed = file;
    file->table->active = NULL;
    return true;
}

bool files_finish(FileList *files, ObjectsFile *file, Err *err) {
    ASSERT(file->token == NULL && file->cut_bytes == file->bytes && file->bytes > 0);
    TRY(spill(files, file, err));
    buffer_release(files, file);
    char token[STORE_TOKEN_BYTES_MAX];
    StoreStage *stage = file->stage;
    file->stage = NULL; // released by the finish, whatever comes of it
    CRASH_POINT("sink.before_finish");
    TRY(store_stage_finish(stage, token, err));
    CRASH_POINT("sink.after_finish");
    file->token = strdup(token);
    ASSERT(file->token != NULL);
    return true;
}
