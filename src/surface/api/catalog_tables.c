// SPDX-License-Identifier: Apache-2.0
// Tables as they are: lists, metadata, and what changes only the entry.
#include "surface/api/catalog_common.h"

#include <xxhash.h>

TableName catalog_table_name(const CatalogCall *call) {
    return (TableName){.space = catalog_part(call, 0), .table = catalog_part(call, 1)};
}

const char *catalog_name_text(Arena *arena, TableName name) {
    char *text = arena_printf(arena, "%.*s.%.*s", SLICE_ARG(name.space), SLICE_ARG(name.table));
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == 0x1f ? '.' : *at;
    }
    return text;
}

bool catalog_list_tables(CatalogCall *call, Err *err) {
    Slice space = catalog_part(call, 0), *names;
    size_t count;
    CatalogPage page;
    Buf *out = &call->answer->body;
    TRY(call->driver->tables(call->state, space, call->arena, &names, &count, err));
    TRY(catalog_page(call, names, count, &page, err));
    buf_text(out, "{\"identifiers\":[");
    for (size_t i = page.begin; i < page.end; i++) {
        buf_text(out, i > page.begin ? ",{\"namespace\":" : "{\"namespace\":");
        catalog_write_space(out, space);
        buf_text(out, ",\"name\":");
        json_quote(out, names[i]);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
    catalog_write_next(out, &page, names, count);
    buf_u8(out, '}');
    return true;
}

// ---- loading

static const char *tag_of(const CatalogCall *call, Slice file, bool refs) {
    XXH128_hash_t hash = XXH3_128bits(file.data, file.size);
    return arena_printf(call->arena, "\"%016" PRIx64 "%016" PRIx64 "%s\"", hash.high64, hash.low64,
                        refs ? "-refs" : "");
}

void catalog_answer_table(CatalogCall *call, const CatalogTable *table) {
    Buf *out = &call->answer->body;
    buf_u8(out, '{');
    if (table->metadata_file.size > 0) {
        json_key(out, "metadata-location");
        json_quote(out, table->metadata_file);
        api_header(call->answer, "ETag", tag_of(call, table->metadata_file, false));
    }
    json_key(out, "metadata");
    buf_put(out, table->metadata_json);
    buf_text(out, ",\"config\":{}}");
}

static bool is_referred(const TableMetadata *metadata, int64_t snapshot) {
    bool found = snapshot == metadata->current_snapshot_id;
    for (size_t i = 0; i < metadata->ref_count && !found; i++) {
        found = metadata->refs[i].snapshot_id == snapshot;
    }
    return found;
}

// Only the snapshots that branches and tags name.
static bool keep_referred(CatalogCall *call, CatalogTable *table, Err *err) {
    TableMetadata metadata;
    TRY(table_metadata_parse(table->metadata_json, call->arena, &metadata, err));
    Snapshot *kept = ARENA_ARRAY(call->arena, Snapshot, metadata.snapshot_count);
    size_t count = 0;
    for (size_t i = 0; i < metadata.snapshot_count; i++) {
        if (is_referred(&metadata, metadata.snapshots[i].id)) {
            kept[count++] = metadata.snapshots[i];
        }
    }
    metadata.snapshots = kept;
    metadata.snapshot_count = count;
    DEFER(buf_release) Buf json = {0};
    table_metadata_write(&metadata, &json);
    table->metadata_json = arena_slice(call->arena, buf_slice(&json));
    return true;
}

static bool head_table(CatalogCall *call, TableName name, Err *err) {
    Slice file;
    TRY(embedded_table_file(call->state, name, call->arena, &file, err));
    call->answer->status = 204;
    return true;
}

// If-None-Match is a list of tags, or *.
static bool matches(const char *header, const char *tag) {
    return header != NULL && header[0] != '\0' && (strcmp(header, "*") == 0 || strstr(header, tag) != NULL);
}

bool catalog_load_table(CatalogCall *call, Err *err) {
    TableName name = catalog_table_name(call);
    Slice which = api_query(call->request, "snapshots"), file;
    bool refs = slice_equal(which, SLICE("refs"));
    if (strcmp(call->request->method, "HEAD") == 0) {
        return head_table(call, name, err);
    }
    if (which.size > 0 && !refs && !slice_equal(which, SLICE("all"))) {
        return FAIL(err, ERR_VALUE, "snapshots must be all or refs");
    }
    TRY(embedded_table_file(call->state, name, call->arena, &file, err));
    if (matches(call->request->if_none_match, tag_of(call, file, refs))) {
        call->answer->status = 304;
        call->answer->content_type = "";
        api_header(call->answer, "ETag", tag_of(call, file, refs));
        return true;
    }
    CatalogTable table;
    TRY(call->driver->load(call->state, name, call->arena, &table, err));
    if (refs) {
        TRY(keep_referred(call, &table, err));
    }
    catalog_answer_table(call, &table);
    call->answer->headers[0].value = tag_of(call, table.metadata_file, refs);
    return true;
}

// ---- what changes the entry

bool catalog_drop_table(CatalogCall *call, Err *err) {
    call->answer->status = 204;
    return call->driver->drop(call->state, catalog_table_name(call),
                              api_query_bool(call->request, "purgeRequested", false), err) ||
           err_frame(err, __FILE__, __LINE__);
}

bool catalog_rename_table(CatalogCall *call, Err *err) {
    TableName from, to;
    TRY(catalog_read_name(json_tree_member(call->body, "source"), call->arena, &from, err));
    TRY(catalog_read_name(json_tree_member(call->body, "destination"), call->arena, &to, err));
    call->answer->status = 204;
    return call->driver->rename(call->state, from, to, err) || err_frame(err, __FILE__, __LINE__);
}

bool catalog_register_table(CatalogCall *call, Err *err) {
    const JsonNode *overwrite = json_tree_member(call->body, "overwrite");
    TableName name = {.space = catalog_part(call, 0), .table = json_tree_text(call->body, "name")};
    Slice file = json_tree_text(call->body, "metadata-location");
    CatalogTable table;
    if (name.table.size == 0 || file.size == 0) {
        return FAIL(err, ERR_VALUE, "Cannot parse registration: name and metadata-location are needed");
    }
    TRY(call->replay ||
        call->driver->register_table(call->state, name, file, overwrite != NULL && overwrite->kind == TREE_TRUE, err));
    TRY(call->driver->load(call->state, name, call->arena, &table, err));
    catalog_answer_table(call, &table);
    return true;
}

// Reports of scans and commits are taken, and not kept.
bool catalog_report(CatalogCall *call, Err *err) {
    return head_table(call, catalog_table_name(call), err);
}
