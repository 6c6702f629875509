// SPDX-License-Identifier: Apache-2.0
// Namespaces, and what all lists have in common.
#include "surface/api/catalog_common.h"

enum { SPACE_LEVELS_MAX = 64, PROPERTIES_MAX = 10 * 1000, PAGE_DEFAULT = 1000, PAGE_MAX = 100 * 1000 };

// ---- names and pages

void catalog_write_space(Buf *out, Slice space) {
    size_t begin = 0;
    buf_u8(out, '[');
    for (size_t i = 0; i <= space.size && space.size > 0; i++) {
        if (i == space.size || space.data[i] == 0x1f) {
            buf_text(out, begin > 0 ? "," : "");
            json_quote(out, (Slice){space.data + begin, i - begin});
            begin = i + 1;
        }
    }
    buf_u8(out, ']');
}

bool catalog_read_space(const JsonNode *node, Arena *arena, Slice *space, Err *err) {
    DEFER(buf_release) Buf text = {0};
    if (node == NULL || node->kind != TREE_LIST || node->count > SPACE_LEVELS_MAX) {
        return FAIL(err, ERR_VALUE, "Cannot parse namespace: it must be a list of names");
    }
    for (const JsonNode *at = node->first; at != NULL; at = at->next) {
        if (at->kind != TREE_TEXT || at->text.size == 0 || memchr(at->text.data, 0x1f, at->text.size) != NULL) {
            return FAIL(err, ERR_VALUE, "Cannot parse namespace: its parts must be texts that are not empty");
        }
        if (at != node->first) {
            buf_u8(&text, 0x1f);
        }
        buf_put(&text, at->text);
    }
    *space = arena_slice(arena, buf_slice(&text));
    return true;
}

bool catalog_read_name(const JsonNode *identifier, Arena *arena, TableName *name, Err *err) {
    TRY(catalog_read_space(json_tree_member(identifier, "namespace"), arena, &name->space, err));
    name->table = json_tree_text(identifier, "name");
    return name->table.size > 0 || FAIL(err, ERR_VALUE, "Cannot parse identifier: it has no name");
}

bool catalog_read_properties(const JsonNode *node, const char *what, Arena *arena, Property **properties, size_t *count,
                             Err *err) {
    *properties = NULL;
    *count = 0;
    if (node == NULL || node->kind == TREE_NULL) {
        return true;
    }
    if (node->kind != TREE_OBJECT) {
        return FAIL(err, ERR_VALUE, "Cannot parse %s: it must be an object", what);
    }
    if (node->count > PROPERTIES_MAX) {
        return FAIL(err, ERR_VALUE, "Cannot parse %s: more than %d", what, PROPERTIES_MAX);
    }
    *properties = ARENA_ARRAY(arena, Property, node->count);
    for (const JsonNode *at = node->first; at != NULL; at = at->next) {
        if (at->kind != TREE_TEXT) {
            return FAIL(err, ERR_VALUE, "Cannot parse %s: the value of %.*s is no text", what, SLICE_ARG(at->name));
        }
        (*properties)[(*count)++] = (Property){.key = at->name, .value = at->text};
    }
    return true;
}

void catalog_write_properties(Buf *out, const Property *properties, size_t count) {
    buf_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, properties[i].key);
        buf_u8(out, ':');
        json_quote(out, properties[i].value);
    }
    buf_u8(out, '}');
}

// A token is the last name of the page before; the next begins behind it, whatever has come or gone since.
bool catalog_page(const CatalogCall *call, const Slice *names, size_t count, CatalogPage *page, Err *err) {
    Slice token = api_query(call->request, "pageToken"), size_text = api_query(call->request, "pageSize");
    size_t size = 0;
    *page = (CatalogPage){.end = count, .paged = token.data != NULL};
    for (size_t i = 0; i < size_text.size; i++) {
        uint8_t byte = size_text.data[i];
        if (byte < '0' || byte > '9' || size > PAGE_MAX) {
            return FAIL(err, ERR_VALUE, "pageSize must be a number from 1 to %d", PAGE_MAX);
        }
        size = 10 * size + (size_t)(byte - '0');
    }
    if (size_text.data != NULL && (size == 0 || size > PAGE_MAX)) {
        return FAIL(err, ERR_VALUE, "pageSize must be a number from 1 to %d", PAGE_MAX);
    }
    if (page->paged) {
        while (page->begin < count && token.size > 0 && slice_compare(names[page->begin], token) <= 0) {
            page->begin++;
        }
        page->end = MIN(count, page->begin + (size > 0 ? size : PAGE_DEFAULT));
    }
    return true;
}

void catalog_write_next(Buf *out, const CatalogPage *page, const Slice *names, size_t count) {
    if (page->paged && page->end < count) {
        json_key(out, "next-page-token");
        json_quote(out, names[page->end - 1]);
    } else if (page->paged) {
        json_field_text(out, "next-page-token", NULL);
    }
}

// ---- namespaces

bool catalog_list_spaces(CatalogCall *call, Err *err) {
    Slice parent = api_query(call->request, "parent"), *names;
    size_t count;
    CatalogPage page;
    Buf *out = &call->answer->body;
    TRY(call->driver->spaces(call->state, parent, call->arena, &names, &count, err));
    TRY(catalog_page(call, names, count, &page, err));
    buf_text(out, "{\"namespaces\":[");
    for (size_t i = page.begin; i < page.end; i++) {
        buf_text(out, i > page.begin ? "," : "");
        catalog_write_space(out, names[i]);
    }
    buf_u8(out, ']');
    catalog_write_next(out, &page, names, count);
    buf_u8(out, '}');
    return true;
}

static void answer_space(CatalogCall *call, Slice space, const Property *properties, size_t count) {
    Buf *out = &call->answer->body;
    buf_text(out, "{\"namespace\":");
    catalog_write_space(out, space);
    buf_text(out, ",\"properties\":");
    catalog_write_properties(out, properties, count);
    buf_u8(out, '}');
}

bool catalog_create_space(CatalogCall *call, Err *err) {
    Slice space;
    Property *properties;
    size_t count;
    TRY(catalog_read_space(json_tree_member(call->body, "namespace"), call->arena, &space, err));
    TRY(catalog_read_properties(json_tree_member(call->body, "properties"), "properties", call->arena, &properties,
                                &count, err));
    TRY(call->replay || call->driver->space_create(call->state, space, properties, count, err));
    answer_space(call, space, properties, count);
    return true;
}

bool catalog_load_space(CatalogCall *call, Err *err) {
    Property *properties;
    size_t count;
    TRY(call->driver->space_properties(call->state, catalog_part(call, 0), call->arena, &properties, &count, err));
    if (strcmp(call->request->method, "HEAD") == 0) {
        call->answer->status = 204;
    } else {
        answer_space(call, catalog_part(call, 0), properties, count);
    }
    return true;
}

bool catalog_drop_space(CatalogCall *call, Err *err) {
    call->answer->status = 204;
    return call->driver->space_drop(call->state, catalog_part(call, 0), err) || err_frame(err, __FILE__, __LINE__);
}

static bool has_key(const Property *properties, size_t count, Slice key) {
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(properties[i].key, key)) {
            return true;
        }
    }
    return false;
}

static void write_texts(Buf *out, const char *name, const Slice *texts, size_t count) {
    json_key(out, name);
    buf_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, texts[i]);
    }
    buf_u8(out, ']');
}

static bool read_removals(CatalogCall *call, Slice **removals, size_t *count, Err *err) {
    const JsonNode *list = json_tree_member(call->body, "removals");
    *count = 0;
    *removals = ARENA_ARRAY(call->arena, Slice, list != NULL ? list->count : 0);
    if (list != NULL && list->kind != TREE_LIST && list->kind != TREE_NULL) {
        return FAIL(err, ERR_VALUE, "Cannot parse removals: it must be a list of texts");
    }
    if (list != NULL && list->count > PROPERTIES_MAX) {
        return FAIL(err, ERR_VALUE, "Cannot parse removals: more than %d", PROPERTIES_MAX);
    }
    for (const JsonNode *at = list != NULL ? list->first : NULL; at != NULL; at = at->next) {
        if (at->kind != TREE_TEXT) {
            return FAIL(err, ERR_VALUE, "Cannot parse removals: it must be a list of texts");
        }
        (*removals)[(*count)++] = at->text;
    }
    return true;
}

static void answer_changes(CatalogCall *call, const Slice *removals, size_t removal_count, const Property *set,
                           size_t set_count, const Property *before, size_t before_count) {
    Buf *out = &call->answer->body;
    Slice *updated = ARENA_ARRAY(call->arena, Slice, set_count);
    Slice *removed = ARENA_ARRAY(call->arena, Slice, removal_count);
    Slice *missing = ARENA_ARRAY(call->arena, Slice, removal_count);
    size_t removed_count = 0, missing_count = 0;
    for (size_t i = 0; i < set_count; i++) {
        updated[i] = set[i].key;
    }
    for (size_t i = 0; i < removal_count; i++) {
        if (has_key(before, before_count, removals[i])) {
            removed[removed_count++] = removals[i];
        } else {
            missing[missing_count++] = removals[i];
        }
    }
    buf_u8(out, '{');
    write_texts(out, "updated", updated, set_count);
    write_texts(out, "removed", removed, removed_count);
    write_texts(out, "missing", missing, missing_count);
    buf_u8(out, '}');
}

bool catalog_set_space(CatalogCall *call, Err *err) {
    Slice space = catalog_part(call, 0), *removals;
    Property *set, *before;
    size_t set_count, before_count, removal_count;
    TRY(catalog_read_properties(json_tree_member(call->body, "updates"), "updates", call->arena, &set, &set_count,
                                err));
    TRY(read_removals(call, &removals, &removal_count, err));
    for (size_t i = 0; i < removal_count; i++) {
        if (has_key(set, set_count, removals[i])) {
            char text[512];
            snprintf(text, sizeof(text), "Invalid namespace update, cannot simultaneously set and remove keys: [%.*s]",
                     SLICE_ARG(removals[i]));
            catalog_error(call->answer, 422, "UnprocessableEntityException", slice_of(text));
            return true;
        }
    }
    TRY(call->driver->space_properties(call->state, space, call->arena, &before, &before_count, err));
    answer_changes(call, removals, removal_count, set, set_count, before, before_count);
    if (call->key != NULL) { // remembered with the change
        call->key->status = 200;
        call->key->body = buf_slice(&call->answer->body);
    }
    return call->driver->space_set(call->state, space, set, set_count, removals, removal_count, err) ||
           err_frame(err, __FILE__, __LINE__);
}
