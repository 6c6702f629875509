// SPDX-License-Identifier: Apache-2.0
#include "engine/control/document.c"

#include "core/base/test.h"

static char directory[64];

static void begin(Arena *arena) {
    arena_init(arena, "test", 0);
    test_folder(directory, sizeof(directory), "document");
}

static void end(Arena *arena) {
    Err err[1] = {{0}};
    arena_release(arena);
    CHECK_OK(file_remove_tree(directory, err));
}

static void write_text(const char *name, const char *text) {
    Err err[1] = {{0}};
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    CHECK_OK(file_make_directories(path, err));
    *slash = '/';
    CHECK_OK(file_replace(path, slice_of(text), err));
}

#define GOOD                              \
    "{\"format_version\":1,\"name\":\"a/" \
    "b\",\"kind\":\"sink\",\"target\":\"PAUSED\",\"config\":{\"z\":\"1\",\"a\":\"2\"}}"

TEST(document_says_what_it_is) {
    Err err[1] = {{0}};
    Arena arena;
    Document document;
    begin(&arena);
    CHECK_OK(document_parse(SLICE(GOOD), &arena, &document, err));
    CHECK_TEXT(document.name, "a/b");
    CHECK_TEXT(slice_of(document.kind), "sink");
    CHECK_INT(document.target, TARGET_PAUSED);
    CHECK(!document.removed);
    static const char *const BAD[] = {
        "",
        "[]",
        "{}",
        "{\"format_version\":1}",
        "{\"format_version\":0,\"name\":\"a\",\"kind\":\"sink\",\"target\":\"PAUSED\",\"config\":{}}",
        "{\"format_version\":1,\"name\":\"\",\"kind\":\"sink\",\"target\":\"PAUSED\",\"config\":{}}",
        "{\"format_version\":1,\"name\":\"a\",\"kind\":\"both\",\"target\":\"PAUSED\",\"config\":{}}",
        "{\"format_version\":1,\"name\":\"a\",\"kind\":\"sink\",\"target\":\"paused\",\"config\":{}}",
        "{\"format_version\":1,\"name\":\"a\",\"kind\":\"sink\",\"target\":\"PAUSED\",\"config\":[]}",
        "{\"format_version\":1,\"name\":\"a\",\"name\":\"b\",\"kind\":\"sink\",\"target\":\"PAUSED\",\"config\":{}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK_FAILS(document_parse(slice_of(BAD[i]), &arena, &document, err), ERR_OPTION);
    }
    CHECK_FAILS(document_parse(SLICE("{\"format_version\":2}"), &arena, &document, err), ERR_FORMAT_NEWER);
    end(&arena);
}

TEST(document_changes_its_target_alone) {
    Err err[1] = {{0}};
    Arena arena;
    Document document;
    DEFER(buf_release) Buf running = {0}, removed = {0};
    arena_init(&arena, "test", 0);
    CHECK_OK(document_set_target(SLICE(GOOD), TARGET_RUNNING, &running, err));
    CHECK_OK(document_parse(buf_slice(&running), &arena, &document, err));
    CHECK_INT(document.target, TARGET_RUNNING);
    CHECK_OK(document_set_removed(buf_slice(&running), &removed, err));
    CHECK_OK(document_parse(buf_slice(&removed), &arena, &document, err));
    CHECK(document.removed);
    const char *text = arena_text(&arena, buf_slice(&removed));
    CHECK(strstr(text, "\"z\"") < strstr(text, "\"a\""));
    arena_release(&arena);
}

static bool visit(void *context, const Document *document, Slice json, Err *err) {
    Buf *names = context;
    buf_put(names, document->name);
    buf_u8(names, ';');
    return true;
}

TEST(document_files_are_read_but_for_damaged_ones) {
    Err err[1] = {{0}};
    Arena arena;
    DEFER(buf_release) Buf names = {0};
    begin(&arena);
    log_level_set(LOG_SILENT);
    CHECK_OK(document_each(directory, visit, &names, err)); // there is nothing yet
    CHECK_OK(document_write(directory, SLICE("a/b"), SLICE(GOOD), err));
    write_text("connectors/torn.json", "{\"format_ver");
    write_text("connectors/README", "not ours");
    CHECK_OK(document_each(directory, visit, &names, err));
    CHECK_TEXT(buf_slice(&names), "a/b;");
    CHECK_OK(document_erase(directory, SLICE("a/b"), err));
    CHECK_OK(document_erase(directory, SLICE("a/b"), err));
    buf_reset(&names);
    CHECK_OK(document_each(directory, visit, &names, err));
    CHECK_INT(names.size, 0);
    write_text("connectors/newer.json", "{\"format_version\":7}");
    CHECK_FAILS(document_each(directory, visit, &names, err), ERR_FORMAT_NEWER);
    end(&arena);
}

static bool adoptable(void *context, const char *name) {
    buf_text(context, name);
    return true;
}

TEST(document_of_a_pipeline_of_sync) {
    Err err[1] = {{0}};
    Arena arena;
    Document document;
    DEFER(buf_release) Buf names = {0}, json = {0};
    begin(&arena);
    write_text("pipelines/shop/config.json",
               "{\"format_version\":1,\"name\":\"shop\",\"source\":{\"url\":\"postgres://db/shop\"},\"sink\":"
               "{\"driver\":\"objects\",\"url\":\"/lake\"},\"format\":\"json\",\"options\":{\"tables\":\"public.*\"}}");
    write_text("pipelines/source_only/journal/x", "");
    CHECK_OK(document_adoptable(directory, adoptable, &names, err));
    CHECK_TEXT(buf_slice(&names), "shop");
    CHECK_OK(document_adopt(directory, "shop", false, &json, err));
    CHECK_OK(document_parse(buf_slice(&json), &arena, &document, err));
    CHECK_TEXT(document.name, "shop");
    CHECK_TEXT(slice_of(document.kind), "sync");
    CHECK_INT(document.target, TARGET_RUNNING);
    const char *text = arena_text(&arena, buf_slice(&json));
    CHECK(strstr(text, "\"source.url\": \"postgres://db/shop\"") != NULL);
    CHECK(strstr(text, "\"tables\": \"public.*\"") != NULL);
    CHECK_OK(document_unlist(directory, SLICE("shop"), err));
    CHECK_OK(document_unlist(directory, SLICE("absent"), err));
    buf_reset(&names);
    CHECK_OK(document_adoptable(directory, adoptable, &names, err));
    CHECK_INT(names.size, 0);
    CHECK_FAILS(document_adopt(directory, "absent", false, &json, err), ERR_NOT_FOUND);
    end(&arena);
}
