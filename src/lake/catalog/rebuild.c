// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/rebuild.h"

#include "core/base/map.h"

#define SUFFIX ".metadata.json"

// A metadata file of one of the newest two versions.
typedef struct Candidate {
    Slice uri;
    int64_t version;
    bool followed; // another one's log ends with it
    TableMetadata metadata;
} Candidate;

typedef struct Folder { // a metadata folder: one table
    Slice uri;
    Slice *files;
    size_t file_count, capacity;
    Candidate *candidates; // the likeliest first
    size_t count, chosen;
    FoundTable found;
} Folder;

typedef struct Search {
    LakeIo *io;
    Slice warehouse;
    Arena *arena; // the caller's
    Arena run[1];
    Map by_uri, by_uuid; // Folder
    Folder **folders;
    size_t count;
} Search;

// --- files -----------------------------------------------------------------------------------------------------

static Slice folder_of(Slice uri) {
    while (uri.size > 0 && uri.data[uri.size - 1] != '/') {
        uri.size--;
    }
    uri.size -= uri.size > 0;
    return uri;
}

static bool ends_with(Slice text, const char *end) {
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

static bool list_visit(void *context, Slice uri, uint64_t size) {
    Search *search = context;
    if (!ends_with(uri, SUFFIX)) {
        return true;
    }
    Slice name = folder_of(uri);
    Folder *folder = map_find(&search->by_uri, name);
    if (folder == NULL) {
        folder = ARENA_NEW(search->run, Folder);
        folder->uri = arena_slice(search->run, name);
        map_put(&search->by_uri, name, folder);
    }
    if (folder->file_count == folder->capacity) {
        folder->capacity = MAX(folder->capacity * 2, (size_t)8);
        Slice *more = ARENA_ARRAY(search->run, Slice, folder->capacity);
        if (folder->file_count > 0) {
            memcpy(more, folder->files, folder->file_count * sizeof(Slice));
        }
        folder->files = more;
    }
    folder->files[folder->file_count++] = arena_slice(search->run, uri);
    return true;
}

static bool candidate_read(Search *search, Slice uri, Candidate *candidate, Err *err) {
    Slice json;
    *candidate = (Candidate){.uri = uri, .version = table_metadata_file_version(uri)};
    if (ends_with(uri, ".gz" SUFFIX)) {
        return FAIL(err, ERR_VALUE, "its metadata is compressed, which is not read");
    }
    TRY(lake_io_get(search->io, uri, search->run, &json, err));
    return table_metadata_parse(json, search->run, &candidate->metadata, err) || err_frame(err, __FILE__, __LINE__);
}

// Newer versions first; of one version those that were followed, then the later ones.
static int candidate_order(const void *a, const void *b) {
    const Candidate *one = a, *two = b;
    int64_t by = two->version - one->version;
    by = by != 0 ? by : (int64_t)two->followed - (int64_t)one->followed;
    by = by != 0 ? by : two->metadata.last_updated_ms - one->metadata.last_updated_ms;
    return by < 0 ? -1 : by > 0;
}

static void candidates_mark(Folder *folder, Arena *scratch) {
    for (size_t i = 0; i < folder->count; i++) {
        const TableMetadata *metadata = &folder->candidates[i].metadata;
        if (metadata->metadata_log_count == 0) {
            continue;
        }
        Slice before = lake_uri_normal(metadata->metadata_log[metadata->metadata_log_count - 1].file, scratch);
        for (size_t j = 0; j < folder->count; j++) {
            Candidate *other = &folder->candidates[j];
            other->followed = other->followed || slice_equal(lake_uri_normal(other->uri, scratch), before);
        }
    }
    qsort(folder->candidates, folder->count, sizeof(Candidate), candidate_order);
}

static bool folder_read(Search *search, Folder *folder, Err *err) {
    int64_t newest = -1;
    for (size_t i = 0; i < folder->file_count; i++) {
        newest = MAX(newest, table_metadata_file_version(folder->files[i]));
    }
    folder->candidates = ARENA_ARRAY(search->run, Candidate, folder->file_count);
    for (size_t i = 0; i < folder->file_count; i++) {
        if (table_metadata_file_version(folder->files[i]) < newest - 1) {
            continue;
        }
        Candidate *candidate = &folder->candidates[folder->count];
        if (candidate_read(search, folder->files[i], candidate, err)) {
            folder->count++;
        } else if (err->code == ERR_VALUE || err->code == ERR_FORMAT_NEWER) {
            folder->found.left_out = arena_printf(search->arena, "%s", err->message);
            folder->found.metadata_file = folder->files[i];
            err_clear(err);
            folder->count = 0;
            return true;
        } else if (err->code == ERR_NOT_FOUND) { // removed meanwhile
            err_clear(err);
        } else {
            return err_frame(err, __FILE__, __LINE__);
        }
    }
    candidates_mark(folder, search->run);
    return true;
}

// --- which one -------------------------------------------------------------------------------------------------

static int64_t number(Slice text) {
    int64_t value = 0;
    for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && i < 19; i++) {
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

// When the newest cut in the table's line was made; -1 = no snapshot there says so.
static int64_t cut_ms(const TableMetadata *metadata, const Snapshot *snapshot) {
    for (size_t i = 0; snapshot != NULL && i < metadata->snapshot_count; i++) {
        Slice ms = snapshot_summary(snapshot, "leat.cut-ms");
        if (ms.data != NULL) {
            return number(ms);
        }
        snapshot = snapshot->parent_id >= 0 ? table_snapshot_find(metadata, snapshot->parent_id) : NULL;
    }
    return -1;
}

// Has the table that a commit writes last this snapshot, or left it behind?
static bool last_has(const Search *search, Slice uuid, int64_t id, int64_t ms) {
    const Folder *last = map_find(&search->by_uuid, uuid);
    if (last == NULL) {
        return true; // dropped since
    }
    const TableMetadata *metadata = &last->candidates[last->chosen].metadata;
    const Snapshot *current = table_snapshot_current(metadata);
    if (table_snapshot_find(metadata, id) != NULL) {
        return true;
    }
    int64_t now = cut_ms(metadata, current);
    return now < 0 ? current != NULL : now > ms;
}

static bool is_whole(const Search *search, const Folder *folder) {
    const Candidate *candidate = &folder->candidates[folder->chosen];
    const Snapshot *current = table_snapshot_current(&candidate->metadata);
    Slice last = current != NULL ? snapshot_summary(current, "leat.commit-last") : (Slice){0};
    if (candidate->followed || last.size == 0) {
        return true;
    }
    for (size_t i = folder->chosen + 1; i < folder->count; i++) { // something else changed, not its rows
        if (folder->candidates[i].followed && folder->candidates[i].metadata.current_snapshot_id == current->id) {
            return true;
        }
    }
    const uint8_t *slash = memchr(last.data, '/', last.size);
    if (slash == NULL) {
        return true;
    }
    Slice uuid = {last.data, (size_t)(slash - last.data)};
    return slice_equal(uuid, candidate->metadata.uuid) ||
           last_has(search, uuid, number(slice_from(last, uuid.size + 1)), cut_ms(&candidate->metadata, current));
}

// Taking one back may take others back that were of the same commit, until what is left agrees.
static void choose(Search *search) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < search->count; i++) {
            Folder *folder = search->folders[i];
            if (folder->count > folder->chosen + 1 && !is_whole(search, folder)) {
                folder->chosen++;
                changed = true;
            }
        }
    }
}

// --- names -----------------------------------------------------------------------------------------------------

static Slice without_slash(Slice uri) {
    while (uri.size > 1 && uri.data[uri.size - 1] == '/') {
        uri.size--;
    }
    return uri;
}

// WAREHOUSE/NAMESPACE…/TABLE/metadata
static TableName name_of_folder(const Search *search, Slice folder) {
    Slice uri = lake_uri_normal(folder, search->arena);
    Slice warehouse = without_slash(lake_uri_normal(search->warehouse, search->arena));
    uri = ends_with(uri, "/metadata") ? folder_of(uri) : uri;
    Slice table = {0}, space = folder_of(uri);
    table = slice_from(uri, space.size + (space.size < uri.size));
    bool below = space.size > warehouse.size && memcmp(space.data, warehouse.data, warehouse.size) == 0;
    if (!below) {
        return (TableName){SLICE("default"), table};
    }
    uint8_t *parts = (uint8_t *)(uintptr_t)arena_slice(search->arena, slice_from(space, warehouse.size + 1)).data;
    size_t size = space.size - warehouse.size - 1;
    for (size_t i = 0; i < size; i++) {
        parts[i] = parts[i] == '/' ? 0x1f : parts[i];
    }
    return (TableName){{parts, size}, table};
}

static void describe(const Search *search, Folder *folder) {
    FoundTable *found = &folder->found;
    found->name = name_of_folder(search, folder->uri);
    found->snapshot_id = -1;
    if (folder->count == 0) {
        found->left_out = found->left_out != NULL ? found->left_out : "its metadata files are gone";
        found->metadata_file = arena_slice(search->arena, found->metadata_file);
        return;
    }
    const Candidate *candidate = &folder->candidates[folder->chosen];
    const TableMetadata *metadata = &candidate->metadata;
    Slice space = table_property(metadata, "leat.namespace"), table = table_property(metadata, "leat.table");
    if (space.size > 0 && table.size > 0) {
        found->name = (TableName){arena_slice(search->arena, space), arena_slice(search->arena, table)};
    }
    Slice pipeline = table_property(metadata, "leat.pipeline");
    found->uuid = arena_slice(search->arena, metadata->uuid);
    found->metadata_file = arena_slice(search->arena, candidate->uri);
    found->updated_ms = metadata->last_updated_ms;
    found->snapshot_id = metadata->current_snapshot_id;
    found->pipeline = pipeline.data != NULL ? arena_slice(search->arena, pipeline) : (Slice){0};
    if (folder->chosen > 0) {
        found->passed_over = arena_slice(search->arena, folder->candidates[0].uri);
    }
}

static int found_order(const void *a, const void *b) {
    const FoundTable *one = a, *two = b;
    int by = slice_compare(one->name.space, two->name.space);
    by = by != 0 ? by : slice_compare(one->name.table, two->name.table);
    by = by != 0 ? by : (two->updated_ms > one->updated_ms) - (two->updated_ms < one->updated_ms);
    return by != 0 ? by : slice_compare(one->metadata_file, two->metadata_file);
}

// A table that was dropped leaves its files, and one of the same name may have come since. The later one has the name.
static void names_settle(FoundTable *tables, size_t count, Arena *arena) {
    const FoundTable *last = NULL;
    for (size_t i = 0; i < count; i++) {
        FoundTable *table = &tables[i];
        if (table->left_out != NULL) {
            continue;
        }
        if (last != NULL && slice_equal(last->name.space, table->name.space) &&
            slice_equal(last->name.table, table->name.table)) {
            table->left_out =
                arena_printf(arena, "%.*s has the same name and is newer", SLICE_ARG(last->metadata_file));
        } else {
            last = table;
        }
    }
}

// --- all -------------------------------------------------------------------------------------------------------

static void by_uuid_add(Search *search, Folder *folder) {
    if (folder->count == 0) {
        return;
    }
    Slice uuid = folder->candidates[0].metadata.uuid;
    Folder *other = map_find(&search->by_uuid, uuid);
    if (other != NULL) { // a copy of it: the newer one counts
        bool newer = candidate_order(&folder->candidates[0], &other->candidates[0]) < 0;
        Folder *loser = newer ? other : folder;
        loser->found.left_out = "it is a copy of another table that is newer (same uuid)";
        if (!newer) {
            return;
        }
    }
    map_put(&search->by_uuid, uuid, folder);
}

static bool find(Search *search, Err *err) {
    TRY(lake_io_list(search->io, search->warehouse, list_visit, search, err));
    search->folders = ARENA_ARRAY(search->run, Folder *, search->by_uri.count);
    for (MapEntry *e = NULL; (e = map_next(&search->by_uri, e)) != NULL;) {
        Folder *folder = e->value;
        TRY(folder_read(search, folder, err));
        by_uuid_add(search, folder);
        search->folders[search->count++] = folder;
    }
    choose(search);
    return true;
}

bool catalog_find_tables(LakeIo *io, Slice warehouse, Arena *arena, FoundTable **tables, size_t *count, Err *err) {
    Search search = {.io = io, .warehouse = without_slash(warehouse), .arena = arena};
    arena_init(search.run, "run", 0);
    bool good = find(&search, err);
    if (good) {
        *count = search.count;
        *tables = ARENA_ARRAY(arena, FoundTable, search.count);
        for (size_t i = 0; i < search.count; i++) {
            describe(&search, search.folders[i]);
            (*tables)[i] = search.folders[i]->found;
        }
        qsort(*tables, *count, sizeof(FoundTable), found_order);
        names_settle(*tables, *count, arena);
    }
    map_release(&search.by_uri);
    map_release(&search.by_uuid);
    arena_release(search.run);
    return good || err_frame(err, __FILE__, __LINE__);
}

bool catalog_register_tables(Catalog *catalog, const FoundTable *tables, size_t count, Err *err) {
    const CatalogDriver *driver = catalog_driver(catalog);
    for (size_t i = 0; i < count; i++) {
        const FoundTable *table = &tables[i];
        if (table->left_out != NULL) {
            continue;
        }
        TRY(catalog_ensure_space(catalog, table->name.space, err));
        TRY(driver->register_table(catalog_state(catalog), table->name, table->metadata_file, false, err));
    }
    return true;
}
