// SPDX-License-Identifier: Apache-2.0
// Names of namespaces and tables, and the places where tables lie.
#include "core/base/json.h"
#include "core/sys/random.h"
#include "lake/catalog/embedded/state.h"

enum { NAME_BYTES_MAX = 512, SPACE_BYTES_MAX = 2048 };

// ---- names

SpaceText embedded_space_text(Slice space) {
    SpaceText text = {{0}};
    size_t size = MIN(space.size, sizeof(text.text) - 1);
    for (size_t i = 0; i < size; i++) {
        text.text[i] = space.data[i] == 0x1f ? '.' : (char)space.data[i];
    }
    return text;
}

// No control characters: what cannot be seen is nobody's intention. No "." and "..": no URL leads to them.
static bool part_is_fine(Slice part) {
    if (slice_equal(part, SLICE(".")) || slice_equal(part, SLICE("..")) || part.size == 0 ||
        part.size > NAME_BYTES_MAX || !json_utf8_valid(part)) {
        return false;
    }
    for (size_t i = 0; i < part.size; i++) {
        if (part.data[i] < 0x20 || part.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

// Its parent is what stands before the last separator.
bool embedded_space_is_fine(Slice space, Slice *parent) {
    size_t begin = 0;
    *parent = (Slice){space.data, 0};
    if (space.size == 0 || space.size > SPACE_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i <= space.size; i++) {
        if (i == space.size || space.data[i] == 0x1f) {
            if (!part_is_fine((Slice){space.data + begin, i - begin})) {
                return false;
            }
            if (i < space.size) {
                *parent = (Slice){space.data, i};
            }
            begin = i + 1;
        }
    }
    return true;
}

bool embedded_part_check(Slice table, Err *err) {
    return part_is_fine(table) || FAIL(err, ERR_VALUE, "Not a name of a table: %.*s", SLICE_ARG(table));
}

bool embedded_no_table(TableName name, Err *err) {
    return FAIL(err, ERR_NOT_FOUND, "Table does not exist: %s.%.*s", embedded_space_text(name.space).text,
                SLICE_ARG(name.table));
}

bool embedded_is_table(TableName name, Err *err) {
    return FAIL(err, ERR_EXISTS, "Table already exists: %s.%.*s", embedded_space_text(name.space).text,
                SLICE_ARG(name.table));
}

// ---- places

bool embedded_is_ours(const Embedded *embedded, Slice location, Slice file) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    Slice normal = lake_uri_normal(file, scratch);
    bool ours = embedded->location_count == 0;
    for (size_t i = 0; i <= embedded->location_count && !ours; i++) {
        Slice below = lake_uri_normal(i < embedded->location_count ? embedded->locations[i] : location, scratch);
        while (below.size > 0 && below.data[below.size - 1] == '/') {
            below.size--;
        }
        ours = below.size > 0 && normal.size > below.size && memcmp(normal.data, below.data, below.size) == 0 &&
               normal.data[below.size] == '/';
    }
    // A path that climbs is below nothing.
    bool climbs = memmem(normal.data, normal.size, "/../", 4) != NULL ||
                  (normal.size >= 3 && memcmp(normal.data + normal.size - 3, "/..", 3) == 0);
    arena_release(scratch);
    return ours && (!climbs || embedded->location_count == 0);
}

bool embedded_may_lie(void *state, Slice location, Err *err) {
    const Embedded *embedded = state;
    if (embedded_is_ours(embedded, (Slice){0}, location)) {
        return true;
    }
    FAIL(err, ERR_NET_PERMISSION, "Location is not below the warehouse: %.*s", SLICE_ARG(location));
    return err_hint(err, "catalog.locations names further places where tables may lie");
}

// One directory's name: what is safe in every URI and file system. True when it is the name itself.
static bool directory_name(Buf *out, Slice name) {
    size_t size = MIN(name.size, (size_t)100);
    bool same = size == name.size && name.data[0] != '.';
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = name.data[i];
        bool safe = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                    byte == '_' || byte == '-' || (byte == '.' && i > 0);
        same = same && safe;
        buf_u8(out, safe ? byte : '_');
    }
    return same;
}

static bool seen_one(void *context, Slice uri, uint64_t size) {
    *(bool *)context = true;
    return false;
}

bool embedded_location(void *state, TableName name, Arena *arena, Slice *location, Err *err) {
    Embedded *embedded = state;
    DEFER(buf_release) Buf text = {0};
    Property *properties = NULL;
    size_t count = 0, begin = 0;
    TRY(embedded_properties(embedded, name.space, arena, &properties, &count, err));
    Slice given = {0};
    for (size_t i = 0; i < count; i++) {
        given = slice_equal(properties[i].key, SLICE("location")) ? properties[i].value : given;
    }
    bool same = true;
    if (given.size > 0 && embedded_is_ours(embedded, (Slice){0}, given)) {
        while (given.size > 0 && given.data[given.size - 1] == '/') {
            given.size--;
        }
        buf_put(&text, given);
    } else {
        buf_put(&text, embedded->warehouse);
        for (size_t i = 0; i <= name.space.size; i++) {
            if (i == name.space.size || name.space.data[i] == 0x1f) {
                buf_u8(&text, '/');
                same = directory_name(&text, (Slice){name.space.data + begin, i - begin}) && same;
                begin = i + 1;
            }
        }
    }
    buf_u8(&text, '/');
    same = directory_name(&text, name.table) && same;
    bool used = false;
    size_t plain = text.size;
    if (same) {
        buf_u8(&text, '/');
        TRY(lake_io_list(embedded->io, buf_slice(&text), seen_one, &used, err));
        text.size = plain;
    }
    if (!same || used) {
        uint32_t id = (uint32_t)random_number();
        buf_printf(&text, "-%08" PRIx32, id);
    }
    *location = arena_slice(arena, buf_slice(&text));
    return true;
}
