// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/files.h"

#include "core/sys/crash.h"

#include <stdlib.h>

#define CHUNK_BYTES_MIN (4 * KIB)
#define CHUNK_BYTES_MAX (256 * KIB)

void files_init(FileList *files, Store *store, size_t memory_bytes_max, bool single) {
    size_t chunk = MIN(MAX(memory_bytes_max / 8, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
    *files = (FileList){
        .store = store, .memory_max = MAX(memory_bytes_max, 2 * CHUNK_BYTES_MIN), .chunk = chunk, .single = single};
}

// --- lists -----------------------------------------------------------------------------------------------------

static void unlink_from(ObjectsFile **list, const ObjectsFile *file) {
    while (*list != NULL && *list != file) {
        list = &(*list)->beside;
    }
    if (*list != NULL) {
        *list = file->beside;
    }
}

static void table_forget(ObjectsTable *table, ObjectsFile *file) {
    if (file == table->sealed) { // they are published in their order
        table->sealed = file->beside;
        table->sealed_tail = table->sealed != NULL ? table->sealed_tail : NULL;
        return;
    }
    unlink_from(&table->open, file);
    table->last = table->last == file ? NULL : table->last;
    if (map_find(&table->by_partition, file->partition) == file) {
        map_remove(&table->by_partition, file->partition);
    }
}

static void part_release(FilePart *part) {
    if (part->encoder != NULL) {
        part->encoder->format->close(part->encoder);
    }
    store_stage_abort(part->stage);
    buf_release(&part->rest);
    free(part->name);
    free(part->token);
}

void files_drop(FileList *files, ObjectsFile *file) {
    *(file->previous != NULL ? &file->previous->next : &files->head) = file->next;
    *(file->next != NULL ? &file->next->previous : &files->tail) = file->previous;
    table_forget(file->table, file);
    files->buffered -= file->memory;
    for (int i = 0; i < PARTS; i++) {
        part_release(&file->parts[i]);
    }
    free(file);
}

void files_share(FileList *files, size_t memory_bytes_max) {
    files->memory_max = MAX(memory_bytes_max, 2 * CHUNK_BYTES_MIN);
}

void files_release(FileList *files) {
    while (files->head != NULL) {
        files_drop(files, files->head);
    }
}

ObjectsFile *files_open(FileList *files, ObjectsTable *table, uint64_t offset, Mark from, int64_t now_ms,
                        Slice partition) {
    ObjectsFile *file = calloc(1, sizeof(*file) + partition.size);
    ASSERT(file != NULL);
    uint8_t *copy = (uint8_t *)(file + 1);
    *file = (ObjectsFile){.table = table, .from = from, .since_ms = now_ms, .begin = offset, .end = offset};
    if (partition.size > 0) {
        memcpy(copy, partition.data, partition.size);
        file->partition = (Slice){copy, partition.size};
    }
    file->previous = files->tail;
    *(files->tail != NULL ? &files->tail->next : &files->head) = file;
    files->tail = file;
    file->beside = table->open;
    table->open = file;
    table->open_count++;
    table->last = file;
    return file;
}

static char *copy_text(Slice text) {
    char *copy = calloc(1, text.size + 1);
    ASSERT(copy != NULL);
    memcpy(copy, text.data, text.size);
    return copy;
}

bool files_part(ObjectsFile *file, int part, const FilePlan *plan, const FileFormat *format, Slice name, Err *err) {
    FilePart *made = &file->parts[part];
    ASSERT(made->name == NULL && name.size > 0);
    TRY(format->open(plan, &made->encoder, err));
    made->name = copy_text(name);
    return true;
}

// --- memory ----------------------------------------------------------------------------------------------------

static size_t part_memory(const FilePart *part) {
    return part->rest.capacity + (part->encoder != NULL ? part->encoder->out.capacity + part->encoder->held : 0);
}

static void count(FileList *files, ObjectsFile *file) {
    size_t memory = 0;
    for (int i = 0; i < PARTS; i++) {
        memory += part_memory(&file->parts[i]);
    }
    files->buffered += memory - file->memory;
    file->memory = memory;
}

static bool part_spill(FileList *files, FilePart *part, Err *err) {
    Buf *buf = part->encoder != NULL ? &part->encoder->out : &part->rest;
    if (part->stage == NULL) {
        TRY(store_stage_open(files->store, part->name, &part->stage, err));
    }
    if (buf->size > 0) {
        TRY(store_stage_write(part->stage, buf_slice(buf), err));
        part->staged_bytes += buf->size;
    }
    buf_reset_keep(buf, part->encoder != NULL ? 2 * files->chunk : 0); // grown by one large row: given back
    return true;
}

// Everything that the file holds in memory goes to its stage.
static bool file_spill(FileList *files, ObjectsFile *file, Err *err) {
    for (int i = 0; i < PARTS; i++) {
        FilePart *part = &file->parts[i];
        if (part->name == NULL) {
            continue;
        }
        if (part->encoder != NULL) {
            TRY(part->encoder->format->flush(part->encoder, err));
        }
        TRY(part_spill(files, part, err));
        if (part->encoder != NULL) {
            buf_reset_keep(&part->encoder->out, 0);
        }
    }
    count(files, file);
    return true;
}

// Spills every file of at least average size, until half of the memory is free. What an encoder cannot give away stays.
static bool spill_largest(FileList *files, Err *err) {
    for (size_t before = SIZE_MAX; files->buffered > files->memory_max / 2 && files->buffered < before;) {
        before = files->buffered;
        size_t holders = 0;
        for (ObjectsFile *file = files->head; file != NULL; file = file->next) {
            holders += file->memory > 0 ? 1 : 0;
        }
        size_t average = files->buffered / MAX(holders, (size_t)1);
        for (ObjectsFile *file = files->head; file != NULL; file = file->next) {
            if (file->memory > 0 && file->memory >= MIN(average, files->chunk)) {
                TRY(file_spill(files, file, err));
            }
        }
    }
    return true;
}

bool files_appended(FileList *files, ObjectsFile *file, Err *err) {
    for (int i = 0; i < PARTS; i++) {
        FilePart *part = &file->parts[i];
        if (part->encoder != NULL && UNLIKELY(part->encoder->out.size >= files->chunk)) {
            TRY(part_spill(files, part, err));
        }
    }
    count(files, file);
    if (UNLIKELY(files->buffered > files->memory_max)) {
        TRY(spill_largest(files, err));
    }
    return true;
}

// --- ends ------------------------------------------------------------------------------------------------------

static bool part_seal(FileList *files, FilePart *part, Err *err) {
    TRY(part->encoder->format->finish(part->encoder, err));
    if (part->stage != NULL || part->encoder->out.size >= files->chunk) {
        TRY(part_spill(files, part, err));
    } else {
        part->rest = part->encoder->out;
        part->encoder->out = (Buf){0};
    }
    part->encoder->format->close(part->encoder);
    part->encoder = NULL;
    return true;
}

// The newest are all kept; of the older half every second one goes when there are too many.
static void point_note(ObjectsTable *table, uint64_t offset) {
    if (table->point_count == POINTS_MAX) {
        size_t kept = 0;
        for (size_t i = 0; i < POINTS_MAX; i++) {
            if (i % 2 == 0 || i >= POINTS_MAX / 2) {
                table->points[kept++] = table->points[i];
            }
        }
        table->point_count = kept;
    }
    table->points[table->point_count++] = offset;
}

bool files_seal(FileList *files, ObjectsTable *table, Err *err) {
    ObjectsFile *in_order = NULL; // `open` has the newest first
    while (table->open != NULL) {
        ObjectsFile *file = table->open;
        table->open = file->beside;
        file->beside = in_order;
        in_order = file;
    }
    table->last = NULL;
    table->open_count = 0;
    table->records = 0;
    table->sealed_end = table->next;
    if (!files->single) {
        point_note(table, table->next);
    }
    map_release(&table->by_partition);
    table->by_partition = (Map){0};
    bool ok = true;
    while (in_order != NULL) {
        ObjectsFile *file = in_order;
        in_order = file->beside;
        file->beside = NULL;
        *(table->sealed_tail != NULL ? &table->sealed_tail->beside : &table->sealed) = file;
        table->sealed_tail = file;
        for (int i = 0; ok && i < PARTS; i++) {
            ok = file->parts[i].encoder == NULL || part_seal(files, &file->parts[i], err);
        }
        count(files, file);
    }
    if (ok && UNLIKELY(files->buffered > files->memory_max)) {
        ok = spill_largest(files, err);
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool files_finish(FileList *files, ObjectsFile *file, Err *err) {
    for (int i = 0; i < PARTS; i++) {
        FilePart *part = &file->parts[i];
        if (part->name == NULL) {
            continue;
        }
        ASSERT(part->token == NULL && part->encoder == NULL);
        TRY(part_spill(files, part, err));
        char token[STORE_TOKEN_BYTES_MAX];
        StoreStage *stage = part->stage;
        part->stage = NULL; // released by the finish, whatever comes of it
        CRASH_POINT("sink.before_finish");
        TRY(store_stage_finish(stage, token, err));
        CRASH_POINT("sink.after_finish");
        part->token = copy_text(slice_of(token));
    }
    count(files, file);
    return true;
}

uint64_t file_bytes(const ObjectsFile *file) {
    uint64_t bytes = 0;
    for (int i = 0; i < PARTS; i++) {
        bytes += file->parts[i].staged_bytes;
    }
    return bytes;
}

uint64_t file_estimate(const ObjectsFile *file) {
    uint64_t bytes = 0;
    for (int i = 0; i < PARTS; i++) {
        const FileEncoder *encoder = file->parts[i].encoder;
        bytes = encoder != NULL ? MAX(bytes, encoder->estimate) : bytes;
    }
    return bytes;
}
