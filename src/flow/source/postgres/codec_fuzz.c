// SPDX-License-Identifier: Apache-2.0
// Any bytes, as either form of any type: a value or ERR_VALUE, in memory that grows with the bytes; and a value's own
// text and journal bytes give the same value again. The first two bytes choose the type, the third the form.
#include "data/event/event_codec.h"
#include "data/format/text.h"
#include "flow/source/postgres/codec_builtin.h"

enum { OID_END = 6200, HEAD_BYTES = 3, BYTES_PER_BYTE = 256 };

static const PgCodec *codecs[256];
static size_t codec_count;
static PgTypes *types; // as long as the process

static void codec_add(uint32_t oid) {
    Err err[1] = {{0}};
    ASSERT(codec_count < ARRAY_LEN(codecs) && pg_types_codec(types, NULL, oid, -1, &codecs[codec_count], err));
    codec_count++;
}

static void codecs_init(void) {
    static PgCodec hstore = {.type = {.kind = TYPE_MAP}, .binary = pg_binary_hstore, .text = pg_text_hstore};
    static PgCodec composite = {.binary = pg_binary_composite, .text = pg_text_composite, .field_count = 3};
    static const PgCodec *fields[3];
    static Field type_fields[3];
    types = pg_types_new();
    for (uint32_t oid = 1; oid < OID_END; oid++) {
        bool array;
        // Vectors print as lists, and are read back from numbers and spaces.
        if (pg_builtin_find(oid, &array) != NULL && oid != 22 && oid != 30 && oid != 1006 && oid != 1013) {
            codec_add(oid);
        }
    }
    uint32_t oids[] = {25, 3904, 1009};
    for (size_t i = 0; i < ARRAY_LEN(oids); i++) {
        Err err[1] = {{0}};
        ASSERT(pg_types_codec(types, NULL, oids[i], -1, &fields[i], err));
        type_fields[i].type = fields[i]->type;
    }
    composite.fields = fields;
    composite.type = (Type){.kind = TYPE_STRUCT, .fields = type_fields, .field_count = 3};
    codecs[codec_count++] = &hstore;
    codecs[codec_count++] = &composite;
}

static void check_again(const PgCodec *codec, const Value *value, Arena *arena) {
    Err err[1] = {{0}};
    Buf buf;
    Value again;
    buf_init(&buf, 0);
    value_text(&buf, &codec->type, value);
    if (!pg_decode_text(codec, buf_slice(&buf), arena, &again, err) || !value_equal(value, &again)) {
        panic("%.*s is not read back from its text '%.*s': %s", SLICE_ARG(codec->type.source_name),
              SLICE_ARG(buf_slice(&buf)), err->message);
    }
    buf_reset(&buf);
    value_encode(&buf, value);
    Reader reader = reader_of(buf_slice(&buf));
    ASSERT(value_decode(&reader, arena, &again) && reader_done(&reader) && value_equal(value, &again));
    buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (codec_count == 0) {
        codecs_init();
    }
    if (size < HEAD_BYTES) {
        return 0;
    }
    const PgCodec *codec = codecs[load_u16be(data) % codec_count];
    PgDecode decode = data[2] % 2 == 0 && codec->binary != NULL ? codec->binary : codec->text;
    Slice bytes = {data + HEAD_BYTES, size - HEAD_BYTES};
    Arena arena, again;
    arena_init(&arena, "fuzz", 4 * KIB + bytes.size * BYTES_PER_BYTE);
    arena_init(&again, "again", 0);
    Value value;
    Err err[1] = {{0}};
    if (decode(codec, bytes, &arena, &value, err)) {
        check_again(codec, &value, &again);
    } else {
        ASSERT(err->code == ERR_VALUE);
    }
    arena_release(&arena);
    arena_release(&again);
    return 0;
}
