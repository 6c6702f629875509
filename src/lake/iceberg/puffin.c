// SPDX-License-Identifier: Apache-2.0
// Puffin files (puffin-spec.md): blobs between "PFA1", then a footer:
//
//     "PFA1" · JSON · u32 LE its size · 4 bytes of flags · "PFA1"
#include "lake/iceberg/deletes.h"

#include "core/base/json.h"
#include "core/base/json_reader.h"
#include "core/base/version.h"

enum {
    MAGIC_BYTES = 4,
    TAIL_BYTES = 12, // size, flags, magic
    POS_FIELD_ID = 2147483645,
    FLAG_COMPRESSED = 1,
};

static const char MAGIC[] = "PFA1";
static const char DELETION_VECTOR[] = "deletion-vector-v1";

// --- writing ---------------------------------------------------------------------------------------------------

bool puffin_write(PuffinVector *vectors, size_t count, Buf *out, Err *err) {
    size_t start = out->size;
    DEFER(buf_release) Buf json = {0};
    buf_text(&json, "{\"blobs\":[");
    buf_text(out, MAGIC);
    for (size_t i = 0; i < count; i++) {
        PuffinVector *vector = &vectors[i];
        vector->offset = out->size - start;
        deletion_vector_write(vector->positions, out);
        vector->size = out->size - start - vector->offset;
        buf_printf(&json, "%s{\"type\":\"%s\",\"fields\":[%d],\"snapshot-id\":-1,\"sequence-number\":-1,",
                   i > 0 ? "," : "", DELETION_VECTOR, POS_FIELD_ID);
        buf_printf(&json, "\"offset\":%" PRIu64 ",\"length\":%" PRIu64 ",\"properties\":{\"referenced-data-file\":",
                   vector->offset, vector->size);
        json_quote(&json, vector->data_file);
        buf_printf(&json, ",\"cardinality\":\"%" PRIu64 "\"}}", positions_count(vector->positions));
    }
    buf_text(&json, "],\"properties\":{\"created-by\":\"leat " LEAT_VERSION "\"}}");
    buf_text(out, MAGIC);
    buf_put(out, buf_slice(&json));
    buf_u32le(out, (uint32_t)json.size);
    buf_u32le(out, 0); // no flags
    buf_text(out, MAGIC);
    return !(out->overflow || json.overflow || json.size > INT32_MAX) ||
           FAIL(err, ERR_MEMORY, "no room for a Puffin file of %zu deletion vectors", count);
}

// --- reading ---------------------------------------------------------------------------------------------------

typedef struct Footer {
    JsonReader json;
    Arena *arena;
    uint64_t end; // of the blobs
    PuffinBlob *blobs;
    size_t count, capacity;
    Err *err;
} Footer;

static bool damaged(Err *err, const char *what) {
    return FAIL(err, ERR_VALUE, "not a whole Puffin file: %s", what);
}

static bool expect(Footer *footer, JsonToken wanted) {
    Err *err = footer->err;
    JsonToken token = TOKEN_END;
    TRY(json_read(&footer->json, &token, err));
    return token == wanted || damaged(err, "its footer has another form");
}

static bool integer(Footer *footer, int64_t *number) {
    Err *err = footer->err;
    TRY(expect(footer, TOKEN_NUMBER));
    char text[24] = "", *end = NULL;
    Slice digits = footer->json.text;
    if (digits.size < sizeof(text)) {
        memcpy(text, digits.data, digits.size);
        *number = strtoll(text, &end, 10);
    }
    return (end != NULL && *end == '\0' && end != text) || damaged(err, "a number in its footer is no integer");
}

static bool text(Footer *footer, Slice *found) {
    Err *err = footer->err;
    TRY(expect(footer, TOKEN_TEXT));
    *found = arena_slice(footer->arena, footer->json.text);
    return true;
}

// Calls `member` for each member of the object that comes next.
static bool members(Footer *footer, bool (*member)(Footer *footer, Slice name, void *of), void *of) {
    Err *err = footer->err;
    TRY(expect(footer, TOKEN_OBJECT));
    for (;;) {
        JsonToken token = TOKEN_END;
        TRY(json_read(&footer->json, &token, err));
        if (token == TOKEN_OBJECT_END) {
            return true;
        }
        TRY(member(footer, footer->json.text, of));
    }
}

static bool pass_over(Footer *footer) {
    Err *err = footer->err;
    JsonToken token = TOKEN_END;
    TRY(json_read(&footer->json, &token, err));
    return json_read_over(&footer->json, token, err);
}

static bool property(Footer *footer, Slice name, void *of) {
    Err *err = footer->err;
    PuffinBlob *blob = of;
    bool file = slice_is(name, "referenced-data-file"), count = slice_is(name, "cardinality");
    Slice value;
    if (!file && !count) {
        return pass_over(footer);
    }
    TRY(text(footer, &value));
    if (file) {
        blob->referenced_file = value;
        return true;
    }
    char digits[24] = "", *end = digits;
    if (value.size < sizeof(digits)) {
        memcpy(digits, value.data, value.size);
        blob->cardinality = strtoll(digits, &end, 10);
    }
    return (end != digits && *end == '\0' && blob->cardinality >= 0) || damaged(err, "a cardinality is no number");
}

static bool blob_member(Footer *footer, Slice name, void *of) {
    Err *err = footer->err;
    PuffinBlob *blob = of;
    int64_t number = 0;
    bool offset = slice_is(name, "offset"), length = slice_is(name, "length");
    if (slice_is(name, "type")) {
        return text(footer, &blob->type);
    }
    if (slice_is(name, "compression-codec")) {
        return text(footer, &blob->codec);
    }
    if (slice_is(name, "properties")) {
        return members(footer, property, blob);
    }
    if (slice_is(name, "snapshot-id")) {
        return integer(footer, &blob->snapshot_id);
    }
    if (slice_is(name, "sequence-number")) {
        return integer(footer, &blob->sequence_number);
    }
    if (!offset && !length) {
        return pass_over(footer);
    }
    TRY(integer(footer, &number));
    if (number < 0) {
        return damaged(err, "a blob lies before its beginning");
    }
    *(offset ? &blob->offset : &blob->size) = (uint64_t)number;
    return true;
}

static bool one_blob(Footer *footer) {
    Err *err = footer->err;
    if (footer->count == footer->capacity) {
        footer->capacity = MAX(footer->capacity * 2, (size_t)8);
        PuffinBlob *grown = ARENA_ARRAY(footer->arena, PuffinBlob, footer->capacity);
        if (footer->count > 0) {
            memcpy(grown, footer->blobs, footer->count * sizeof(*grown));
        }
        footer->blobs = grown;
    }
    PuffinBlob *blob = &footer->blobs[footer->count++];
    *blob = (PuffinBlob){.cardinality = -1, .snapshot_id = -1, .sequence_number = -1};
    TRY(members(footer, blob_member, blob));
    if (blob->type.size == 0 || blob->offset < MAGIC_BYTES || blob->offset > footer->end ||
        blob->size > footer->end - blob->offset) {
        return damaged(err, "a blob has no type, or lies outside of the file");
    }
    return true;
}

static bool footer_member(Footer *footer, Slice name, void *of) {
    Err *err = footer->err;
    if (!slice_is(name, "blobs")) {
        return pass_over(footer);
    }
    TRY(expect(footer, TOKEN_ARRAY));
    for (;;) {
        JsonReader before = footer->json;
        JsonToken token = TOKEN_END;
        TRY(json_read(&footer->json, &token, err));
        if (token == TOKEN_ARRAY_END) {
            return true;
        }
        footer->json = before;
        TRY(one_blob(footer));
    }
}

static bool read_footer(Footer *footer, Slice json, Err *err) {
    json_reader_init(&footer->json, json, footer->arena);
    return members(footer, footer_member, NULL) && expect(footer, TOKEN_END);
}

bool puffin_read_footer(Slice file, Arena *arena, PuffinBlob **blobs, size_t *count, Err *err) {
    size_t least = (size_t)MAGIC_BYTES * 2 + TAIL_BYTES;
    if (file.size < least || memcmp(file.data, MAGIC, MAGIC_BYTES) != 0 ||
        memcmp(file.data + file.size - MAGIC_BYTES, MAGIC, MAGIC_BYTES) != 0) {
        return damaged(err, "it does not begin and end as one");
    }
    const uint8_t *tail = file.data + file.size - TAIL_BYTES;
    uint32_t size = load_u32le(tail);
    if (size > file.size - least) {
        return damaged(err, "its footer is longer than the file");
    }
    Slice json = {tail - size, size};
    if (memcmp(json.data - MAGIC_BYTES, MAGIC, MAGIC_BYTES) != 0) {
        return damaged(err, "its footer does not begin as one");
    }
    if ((tail[4] & FLAG_COMPRESSED) != 0) {
        return FAIL(err, ERR_VALUE, "a Puffin file whose footer is compressed, which leat does not read");
    }
    Footer footer = {.arena = arena, .err = err, .end = (uint64_t)(json.data - MAGIC_BYTES - file.data)};
    if (!read_footer(&footer, json, err)) {
        err->code = ERR_VALUE; // text that is no JSON too
        return err_prefix(err, "the footer of a Puffin file");
    }
    *blobs = footer.blobs;
    *count = footer.count;
    return true;
}
