// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/rest/url.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

TEST(rest_url_of_a_catalog) {
    static const struct {
        const char *url, *base, *warehouse;
    } CASES[] = {
        {"iceberg+https://h", "https://h", ""},
        {"iceberg+http://h:8181/", "http://h:8181", ""},
        {"iceberg+https://h/api/catalog?warehouse=w", "https://h/api/catalog", "w"},
        {"iceberg+https://h/api/catalog/v1/?warehouse=a b", NULL, NULL},
        {"iceberg+https://h/iceberg/v1?warehouse=s3://b/x%20y", "https://h/iceberg", "s3%3A%2F%2Fb%2Fx%20y"},
        {"iceberg+https://h?warehouse=1:s3tablescatalog/b+c", "https://h", "1%3As3tablescatalog%2Fb%2Bc"},
        {"iceberg+https://h?warehouse=w&x=1", NULL, NULL},
        {"iceberg+https://id:hidden@h/x", NULL, NULL},
        {"iceberg+https://", NULL, NULL},
        {"iceberg+https://h#f", NULL, NULL},
    };
    arena_init(arena, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *base, *warehouse;
        if (CASES[i].base == NULL) {
            CHECK(!remote_url(CASES[i].url, arena, &base, &warehouse, err));
            CHECK(err->code == ERR_OPTION && strstr(err->message, "hidden") == NULL);
            err_clear(err);
        } else {
            CHECK_OK(remote_url(CASES[i].url, arena, &base, &warehouse, err));
            CHECK_TEXT(slice_of(base), CASES[i].base);
            CHECK_TEXT(slice_of(warehouse), CASES[i].warehouse);
        }
    }
    arena_release(arena);
}

TEST(rest_paths_of_names) {
    Remote remote = {.between = "%1F", .between_byte = 0x1f};
    DEFER(buf_release) Buf path = {0};
    TableName name = {SLICE("a b\x1f"
                            "c.d"),
                      SLICE("t/ü")};
    CHECK_OK(remote_table_path(&remote, name, &path, err));
    CHECK_TEXT(buf_slice(&path), "namespaces/a%20b%1Fc.d/tables/t%2F%C3%BC");
    remote = (Remote){.between = "%2E", .between_byte = '.'};
    CHECK_FAILS(remote_table_path(&remote, name, &path, err), ERR_VALUE);
    CHECK_FAILS(remote_table_path(&remote, (TableName){SLICE("a"), SLICE("..")}, &path, err), ERR_VALUE);
    CHECK_FAILS(remote_table_path(&remote, (TableName){SLICE("a"), SLICE("")}, &path, err), ERR_VALUE);
    CHECK_FAILS(remote_space_path(&remote, SLICE(""), &path, err), ERR_VALUE);
    CHECK(!remote_no_table(name, err));
    CHECK_TEXT(slice_of(err->message), "Table does not exist: a b.c.d.t/ü");
}

TEST(rest_texts_are_clean) {
    CHECK_TEXT(slice_of(remote_clean(SLICE("a\r\nb")).text), "a  b");
    char many[400];
    memset(many, 0xc3, sizeof(many));
    CHECK_INT(strlen(remote_clean((Slice){(const uint8_t *)many, sizeof(many)}).text), 0);
}
