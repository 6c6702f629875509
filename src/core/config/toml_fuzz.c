// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/config/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is read, written as name = "value", reads the same.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Err err[1] = {{0}};
    Toml toml, again;
    if (!toml_parse((Slice){data, size}, "fuzz", &arena, &toml, err)) {
        ASSERT(err->code == ERR_OPTION && err->message[0] != '\0');
    } else {
        DEFER(buf_release) Buf text = {0};
        for (size_t i = 0; i < toml.count; i++) {
            json_quote(&text, slice_of(toml.at[i].name)); // JSON's escapes are TOML's
            buf_text(&text, " = ");
            json_quote(&text, slice_of(toml.at[i].value));
            buf_u8(&text, '\n');
        }
        ASSERT(toml_parse(buf_slice(&text), "fuzz", &arena, &again, err));
        ASSERT(again.count == toml.count);
        for (size_t i = 0; i < toml.count; i++) {
            ASSERT(strcmp(again.at[i].name, toml.at[i].name) == 0);
            ASSERT(strcmp(again.at[i].value, toml.at[i].value) == 0);
        }
    }
    arena_release(&arena);
    return 0;
}
