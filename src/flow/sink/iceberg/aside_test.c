// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/aside.c"

#include "core/base/test.h"

static void seen(void *context, const SinkTable *table) {
    buf_printf(context, "%.*s=%s;", SLICE_ARG(table->topic), table->aside);
}

static const char *shown(const Aside *aside, Buf *out) {
    Map none = {0};
    buf_reset(out);
    aside_tables(&none, aside, seen, out);
    buf_u8(out, '\0');
    return (const char *)out->data;
}

TEST(aside_is_remembered) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf out = {0};
    char directory[] = "/tmp/leat_aside_XXXXXX", path[64];
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/aside.json", directory);
    Aside first = {0}, second = {0};
    CHECK_OK(aside_load(&first, path, err));
    text_put(&first.tables, SLICE("s.t"), "why");
    CHECK_OK(save(&first, err)); // nothing has changed
    CHECK(!file_exists(path));
    first.dirty = true;
    CHECK_OK(save(&first, err));
    CHECK_OK(aside_load(&second, path, err));
    CHECK_TEXT(slice_of(shown(&second, &out)), "s.t=why;");
    char text[100];
    aside_say(&second, text, sizeof(text));
    CHECK(strncmp(text, "why", 3) == 0);
    forget(&second, SLICE("s.t"));
    CHECK(second.dirty);
    CHECK_OK(save(&second, err));
    CHECK_TEXT(slice_of(shown(&second, &out)), "");
    aside_release(&second);
    second = (Aside){0};
    CHECK_OK(aside_load(&second, path, err));
    CHECK_TEXT(slice_of(shown(&second, &out)), "");
    CHECK_OK(file_replace(path, SLICE("{\"format_version\":9,\"tables\":{}}"), err));
    CHECK_FAILS(aside_load(&second, path, err), ERR_FORMAT_NEWER);
    CHECK_OK(file_replace(path, SLICE("[]"), err));
    CHECK_FAILS(aside_load(&second, path, err), ERR_STATE_CORRUPT);
    aside_release(&first);
    aside_release(&second);
    err_clear(err);
    CHECK_OK(file_remove_tree(directory, err));
}
