// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/memory.h"

#include "core/base/digest.h"
#include "data/format/compress.h"

#define MAGIC        "leat lake memory\n"
#define MAGIC_BYTES  (sizeof(MAGIC) - 1)
#define HEADER_BYTES (MAGIC_BYTES + 8)
#define STATE_MAX    ((uint64_t)GIB)
enum { MEMORY_VERSION = 1, SEPARATOR = 0x1f };

// --- bytes -----------------------------------------------------------------------------------------------------

static void state_encode(Buf *buf, Slice state) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf packed = {0};
    if (state.size > 0) {
        Compressor *compressor = NULL;
        bool ok = compressor_open(CODEC_ZSTD, 0, &compressor, err) && compress_block(compressor, state, &packed, err);
        ASSERT(ok);
        compressor_close(compressor);
    }
    buf_varint(buf, state.size);
    buf_slice_sized(buf, buf_slice(&packed));
}

void remembered_encode(Buf *buf, const Remembered *remembered) {
    size_t start = buf->size;
    buf_text(buf, MAGIC);
    buf_u32le(buf, MEMORY_VERSION);
    buf_u32le(buf, 0);
    buf_slice_sized(buf, slice_of(remembered->owner));
    buf_varint(buf, remembered->sequence);
    buf_varint(buf, remembered->epoch);
    buf_varint(buf, remembered->table_count);
    for (size_t i = 0; i < remembered->table_count; i++) {
        const RememberedTable *table = &remembered->tables[i];
        buf_slice_sized(buf, table->name.space);
        buf_slice_sized(buf, table->name.table);
        buf_slice_sized(buf, table->metadata_file);
    }
    state_encode(buf, remembered->state);
    ASSERT(!buf->overflow);
    uint32_t crc = digest_crc32c(0, slice_from(buf_slice(buf), start + HEADER_BYTES));
    memcpy(buf->data + start + MAGIC_BYTES + 4, &crc, sizeof(crc));
}

static bool tables_decode(Reader *reader, Arena *arena, Remembered *remembered, Err *err) {
    uint64_t count = read_varint(reader);
    if (reader->bad || count > reader_left(reader) / 3) {
        return FAIL(err, ERR_STATE_CORRUPT, "more tables than there are bytes");
    }
    RememberedTable *tables = ARENA_ARRAY(arena, RememberedTable, count);
    for (uint64_t i = 0; i < count; i++) {
        Slice space = read_slice(reader), table = read_slice(reader), file = read_slice(reader);
        tables[i].name = (TableName){arena_slice(arena, space), arena_slice(arena, table)};
        tables[i].metadata_file = arena_slice(arena, file);
    }
    remembered->tables = tables;
    remembered->table_count = count;
    return true;
}

static bool state_decode(Slice packed, uint64_t size, Arena *arena, Slice *state, Err *err) {
    if (size == 0 && packed.size == 0) {
        return true;
    }
    if (size > STATE_MAX) {
        return FAIL(err, ERR_STATE_CORRUPT, "a journal's state of %" PRIu64 " bytes", size);
    }
    DEFER(buf_release) Buf plain = {0};
    if (!decompress_block(CODEC_ZSTD, packed, size, &plain, err) || plain.size != size) {
        err_clear(err);
        return FAIL(err, ERR_STATE_CORRUPT, "the journal's state cannot be decompressed");
    }
    *state = arena_slice(arena, buf_slice(&plain));
    return true;
}

bool remembered_decode(Slice bytes, Arena *arena, Remembered *remembered, Err *err) {
    *remembered = (Remembered){0};
    Reader reader = reader_of(bytes);
    Slice magic = read_bytes(&reader, MAGIC_BYTES);
    uint32_t version = read_u32le(&reader), crc = read_u32le(&reader);
    if (!slice_is(magic, MAGIC) || reader.bad) {
        return FAIL(err, ERR_STATE_CORRUPT, "this is not what leat remembers of a lake");
    }
    if (version != MEMORY_VERSION) {
        FAIL(err, version > MEMORY_VERSION ? ERR_FORMAT_NEWER : ERR_STATE_CORRUPT, "of version %u, not %d", version,
             MEMORY_VERSION);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    if (digest_crc32c(0, (Slice){reader.at, reader_left(&reader)}) != crc) {
        return FAIL(err, ERR_STATE_CORRUPT, "the checksum differs");
    }
    Slice owner = read_slice(&reader);
    if (owner.size != LAKE_OWNER_BYTES || memchr(owner.data, 0, owner.size) != NULL) {
        return FAIL(err, ERR_STATE_CORRUPT, "an owner of %zu bytes, or with a zero in it", owner.size);
    }
    memcpy(remembered->owner, owner.data, owner.size);
    remembered->sequence = read_varint(&reader);
    remembered->epoch = read_varint(&reader);
    TRY(tables_decode(&reader, arena, remembered, err));
    uint64_t size = read_varint(&reader);
    Slice packed = read_slice(&reader);
    if (!reader_done(&reader)) {
        return FAIL(err, ERR_STATE_CORRUPT, "the fields do not fit");
    }
    return state_decode(packed, size, arena, &remembered->state, err);
}

// --- where it is -----------------------------------------------------------------------------------------------

bool lake_metadata_parse(TableName name, const CatalogTable *found, Arena *arena, TableMetadata *metadata, Err *err) {
    if (table_metadata_parse(found->metadata_json, arena, metadata, err)) {
        return true;
    }
    err_prefix(err, "table %.*s.%.*s, %.*s", SLICE_ARG(name.space), SLICE_ARG(name.table),
               SLICE_ARG(found->metadata_file));
    return err_hint(err, "restore the file; or register an older one of the table's metadata files in the catalog");
}

// The data directory's catalog may have tables of other pipelines, whose warehouses are elsewhere: this one's store
// options are not for them, and the metadata of tables on S3 must not make it open files of this machine.
bool lake_where(Lake *lake, TableName name, Arena *arena, LakeWhere *where, Err *err) {
    const CatalogDriver *driver = catalog_driver(lake->catalog);
    Slice warehouse = lake_io_warehouse(lake->io), file;
    *where = LAKE_HERE;
    if (driver->where == NULL || warehouse.size == 0) {
        return true;
    }
    TRY(driver->where(catalog_state(lake->catalog), name, arena, &file, err));
    Slice here = lake_uri_normal(warehouse, arena), there = lake_uri_normal(file, arena);
    bool below =
        there.size > here.size && memcmp(there.data, here.data, here.size) == 0 && there.data[here.size] == '/';
    bool local = memcmp(here.data, "file:", MIN(here.size, (size_t)5)) == 0;
    bool local_there = there.size > 5 && memcmp(there.data, "file:", 5) == 0;
    *where = below || (local && local_there) ? LAKE_HERE : local == local_there ? LAKE_BESIDE : LAKE_ELSEWHERE;
    return true;
}

bool lake_own_tables(Lake *lake,
                     bool (*visit)(void *context, TableName name, const CatalogTable *found,
                                   const TableMetadata *metadata, Err *err),
                     void *context, Err *err) {
    const CatalogDriver *driver = catalog_driver(lake->catalog);
    void *catalog = catalog_state(lake->catalog);
    DEFER(arena_release) Arena names;
    DEFER(arena_release) Arena scratch;
    arena_init(&names, "scratch", 0);
    arena_init(&scratch, "scratch", 0);
    Slice *spaces, *tables;
    size_t space_count, count;
    TRY(driver->spaces(catalog, (Slice){0}, &names, &spaces, &space_count, err));
    for (size_t i = 0; i < space_count; i++) {
        TRY(driver->tables(catalog, spaces[i], &names, &tables, &count, err));
        for (size_t j = 0; j < count; j++) {
            TableName name = {spaces[i], tables[j]};
            CatalogTable found;
            TableMetadata metadata;
            LakeWhere where;
            arena_reset(&scratch);
            TRY(lake_where(lake, name, &scratch, &where, err));
            if (where == LAKE_ELSEWHERE) {
                continue;
            }
            bool loaded = catalog_load(lake->catalog, name, &scratch, &found, err);
            if (!loaded && where == LAKE_BESIDE) { // another bucket, for which these credentials are not
                err_clear(err);
                continue;
            }
            TRY(loaded);
            TRY(lake_metadata_parse(name, &found, &scratch, &metadata, err));
            bool ours = slice_is(table_property(&metadata, "leat.pipeline"), lake->pipeline);
            TRY(!ours || visit(context, name, &found, &metadata, err));
        }
    }
    return true;
}

static bool place_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                        Err *err) {
    LakeMemory *memory = context;
    Slice uri = table_property(metadata, "leat.memory");
    if (memory->uri.size == 0 && uri.size > 0) {
        memory->uri = arena_slice(memory->run, uri);
    }
    return true;
}

static bool place_find(LakeMemory *memory, Err *err) {
    Slice warehouse = lake_io_warehouse(memory->lake->io);
    if (warehouse.size > 0) {
        memory->uri =
            slice_of(arena_printf(memory->run, "%.*s/_leat/%s.lake", SLICE_ARG(warehouse), memory->lake->pipeline));
        return true;
    }
    return memory->lake->catalog == NULL || lake_own_tables(memory->lake, place_visit, memory, err);
}

// In the folder of the table whose metadata this is: …/NAMESPACE/TABLE/metadata/FILE. Keys that a catalog hands out are
// good for that folder only.
static void place_near(LakeMemory *memory, Slice file) {
    for (int i = 0; i < 2; i++) {
        while (file.size > 0 && file.data[file.size - 1] != '/') {
            file.size--;
        }
        file.size -= file.size > 0;
    }
    memory->uri = slice_of(arena_printf(memory->run, "%.*s/_leat/%s.lake", SLICE_ARG(file), memory->lake->pipeline));
}

// --- life ------------------------------------------------------------------------------------------------------

bool memory_open(LakeMemory *memory, Lake *lake, Err *err) {
    *memory = (LakeMemory){.lake = lake};
    arena_init(memory->run, "run", 0);
    TRY(place_find(memory, err));
    if (memory->uri.size == 0) {
        return true;
    }
    Slice bytes = {0};
    if (!lake_io_get_tagged(lake->io, memory->uri, memory->run, &bytes, memory->tag, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        memory->tag[0] = '\0';
        return true;
    }
    memory->found = true;
    if (!remembered_decode(bytes, memory->run, &memory->last, err)) {
        err_prefix(err, "%.*s", SLICE_ARG(memory->uri));
        return err_hint(err,
                        "it says how far the tables are; if it cannot be restored, take it away and have the tables "
                        "taken over: leat sync … --adopt '*'");
    }
    for (size_t i = 0; i < memory->last.table_count; i++) {
        memory_note(memory, memory->last.tables[i].name, memory->last.tables[i].metadata_file);
    }
    return true;
}

void memory_close(LakeMemory *memory) {
    for (MapEntry *e = NULL; (e = map_next(&memory->tables, e)) != NULL;) {
        buf_release(e->value);
        free(e->value);
    }
    map_release(&memory->tables);
    arena_release(memory->run);
}

void memory_note(LakeMemory *memory, TableName name, Slice metadata_file) {
    DEFER(buf_release) Buf key = {0};
    buf_put(&key, name.space);
    buf_u8(&key, SEPARATOR);
    buf_put(&key, name.table);
    Buf *file = map_find(&memory->tables, buf_slice(&key));
    if (file == NULL) {
        file = calloc(1, sizeof(*file));
        ASSERT(file != NULL);
        map_put(&memory->tables, buf_slice(&key), file);
    }
    buf_reset(file);
    buf_put(file, metadata_file);
    if (memory->uri.size == 0) {
        place_near(memory, metadata_file);
    }
}

// The namespace has separators of its own between its levels: the table's name is what follows the last.
static TableName name_of(Slice key) {
    size_t at = key.size;
    while (at > 0 && key.data[at - 1] != SEPARATOR) {
        at--;
    }
    return (TableName){{key.data, at > 0 ? at - 1 : 0}, slice_from(key, at)};
}

static void tables_list(const LakeMemory *memory, Arena *arena, Remembered *remembered) {
    RememberedTable *tables = ARENA_ARRAY(arena, RememberedTable, memory->tables.count);
    size_t count = 0;
    for (MapEntry *e = NULL; (e = map_next(&memory->tables, e)) != NULL;) {
        tables[count++] = (RememberedTable){.name = name_of(e->key), .metadata_file = buf_slice(e->value)};
    }
    remembered->tables = tables;
    remembered->table_count = count;
}

bool memory_put(LakeMemory *memory, const LakeState *state, Slice journal, Err *err) {
    if (memory->uri.size == 0) {
        return true; // nothing is in the lake yet
    }
    Remembered now = {.sequence = state->sequence, .epoch = state->epoch, .state = journal};
    memcpy(now.owner, state->owner, LAKE_OWNER_BYTES);
    DEFER(arena_release) Arena scratch;
    DEFER(buf_release) Buf bytes = {0};
    arena_init(&scratch, "scratch", 0);
    tables_list(memory, &scratch, &now);
    remembered_encode(&bytes, &now);
    if (lake_io_replace(memory->lake->io, memory->uri, buf_slice(&bytes), memory->tag, err)) {
        memory->found = true;
        return true;
    }
    if (err->code == ERR_CHANGED) {
        err_clear(err);
        FAIL(err, ERR_LOCKED, "%.*s was changed by somebody else: another leat writes this pipeline's tables",
             SLICE_ARG(memory->uri));
        return err_hint(err, "stop the other one, or give this one another --name and namespace");
    }
    return err_frame(err, __FILE__, __LINE__);
}

bool memory_lost(const LakeMemory *memory, Err *err) {
    FAIL(err, ERR_EXISTS,
         "this lake was written by a pipeline %s whose data directory is another one or was lost (%.*s)",
         memory->lake->pipeline, SLICE_ARG(memory->uri));
    if (memory->last.state.size > 0) {
        return err_hint(err, "go on from where the tables stand: --set ack.policy=sink, as it was; or have the source "
                             "read again and the tables made equal to it: --adopt '*'");
    }
    return err_hint(err, "use that data directory or a backup of it; or have the source read again and the tables made "
                         "equal to it: --adopt '*'; or give this pipeline another --name and namespace");
}

bool memory_remove(LakeMemory *memory, Err *err) {
    bool ours = memory->found && strcmp(memory->last.owner, memory->lake->owner) == 0;
    return !ours || lake_io_remove(memory->lake->io, memory->uri, err);
}
