// SPDX-License-Identifier: Apache-2.0
#include "data/connect/mask.c"

#include "core/base/test.h"

static Arena arena[1];

static void check(const char *key, int64_t length, const char *from, const char *want) {
    Err err[1] = {{0}};
    Mask mask;
    arena_init(arena, "scratch", 0);
    CHECK(mask_read(arena, slice_of(key), &mask, err));
    CHECK_INT(err->code, ERR_NONE);
    Value value = value_bytes(VALUE_STRING, slice_of(from));
    mask_apply(&mask, arena, length, &value);
    CHECK_TEXT(value.bytes, want);
    arena_release(arena);
}

TEST(mask_values) {
    // What the original made of these.
    check("mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K", INT32_MAX, "one",
          "f97c87f183a99428662c7a6d91deb6bd5995cc86ded4314237464448cefb34d7");
    check("mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K", 9, "ten", "e6c200af1");
    // MD5 of "s" and Java's bytes of "é😀".
    check("mask.hash.MD5.with.salt.s", INT32_MAX, "é😀", "f90b0919c2c4b1813abb2f0df530fe48");
    check("mask.with.5.chars", INT32_MAX, "a", "*****");
    check("truncate.to.3.chars", INT32_MAX, "żółw", "żół");
    check("truncate.to.2.chars", INT32_MAX, "a😀b", "a?");
    check("truncate.to.3.chars", INT32_MAX, "a😀b", "a😀");
    check("truncate.to.0.chars", INT32_MAX, "abc", "");
}

TEST(mask_keys) {
    Err err[1] = {{0}};
    Mask mask;
    arena_init(arena, "scratch", 0);
    CHECK(!mask_read(arena, SLICE("include.list"), &mask, err));
    CHECK(!mask_read(arena, SLICE("mask.with.x.chars"), &mask, err));
    CHECK(!mask_read(arena, SLICE("mask.hash.SHA-256"), &mask, err));
    CHECK(!mask_read(arena, SLICE("truncate.to..chars"), &mask, err));
    CHECK_INT(err->code, ERR_NONE);
    CHECK(mask_read(arena, SLICE("truncate.to.99999999.chars"), &mask, err));
    CHECK_INT(err->code, ERR_OPTION);
    err_clear(err);
    CHECK(mask_read(arena, SLICE("mask.hash.v2.sha-512.with.salt.a.b"), &mask, err));
    CHECK_TEXT(mask.salt, "a.b");
    arena_release(arena);
}
