// SPDX-License-Identifier: Apache-2.0
// Token files and Authorization headers: header, newline, file.
#include "surface/api/security.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "fuzz", 0);
    const uint8_t *stop = size > 0 ? memchr(data, '\n', size) : NULL;
    if (stop == NULL) {
        return 0;
    }
    size_t header = (size_t)(stop - data);
    Err err[1] = {{0}};
    Security *security = NULL;
    if (!security_from_text((Slice){stop + 1, size - header - 1}, &security, err)) {
        err_clear(err);
        if (!security_from_text(slice_of("a admin plain:x"), &security, err)) {
            return 0;
        }
    }
    const char *actor = NULL;
    ApiRole role = ROLE_NONE;
    bool known = security_check(security, arena_text(&arena, (Slice){data, header}), &arena, &actor, &role);
    ASSERT(known == (role != ROLE_NONE));
    security_close(security);
    return 0;
}
