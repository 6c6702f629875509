// SPDX-License-Identifier: Apache-2.0
// Avro object container files, read.
#include "core/base/decimal.h"
#include "core/base/digest.h"
#include "core/base/json.h"
#include "data/format/avro/avro.h"
#include "data/format/avro/avro_schema.h"
#include "data/format/avro/parse.h"

enum {
    SYNC_BYTES = 16,
    METADATA_MAX = 10000,
    DATA_DEPTH_MAX = 256,
    LEAF_DEPTH = 3, // of a field, its union, what is in that
    // Some types take no bytes at all, so the bytes do not bound the values: of a record there may be this many, and
    // more the more bytes there are.
    VALUES_LEAST = 65536,
    VALUES_PER_BYTE = 64,
    VALUES_MOST = 1 << 24,
    BLOCK_BYTES_MAX = 0x7e000000, // decompressed
};

typedef struct Pair {
    Slice key, value;
} Pair;

struct AvroReader {
    Arena run, row;
    Reader file; // behind the header
    Slice whole;
    Pair *pairs;
    size_t pair_count;
    Codec codec;
    Slice sync;
    const AvroType *type;
    Shape shape;  // a STRUCT
    bool wrapped; // the schema is no record: the shape's one field is the value
    Buf block;    // decompressed
    Reader data;
    uint64_t left; // records of the block not yet read
    uint64_t read; // records before
    size_t budget; // values that the record may still have
    size_t block_bytes_max;
};

__extension__ typedef unsigned __int128 Unsigned128;

// --- values ----------------------------------------------------------------------------------------------------

static bool bad(const AvroReader *reader, const AvroType *type, const char *what, Err *err) {
    return FAIL(err, ERR_VALUE, "record %" PRIu64 ": %s%s%.*s", reader->read, what, type->name.size > 0 ? " in " : "",
                (int)MIN(type->name.size, 200), (const char *)type->name.data);
}

static bool take(AvroReader *reader, const AvroType *type, uint64_t count, Err *err) {
    if (count > reader->budget) {
        return bad(reader, type, "more values than its bytes can mean", err);
    }
    reader->budget -= count;
    return true;
}

static Slice sized_bytes(AvroReader *reader) {
    int64_t size = read_zigzag(&reader->data);
    if (size < 0) {
        reader->data.bad = true;
        return (Slice){reader->data.end, 0};
    }
    return read_bytes(&reader->data, (size_t)size);
}

// The items of one block of an array or map; 0 at the end.
static bool block_count(AvroReader *reader, const AvroType *type, uint64_t *count, Err *err) {
    int64_t said = read_zigzag(&reader->data);
    if (said < 0) { // then its size in bytes comes too
        (void)read_zigzag(&reader->data);
    }
    *count = said < 0 ? 0 - (uint64_t)said : (uint64_t)said;
    return !reader->data.bad || bad(reader, type, "the data end too early", err);
}

// Passes over a value: what is not read as values, but must be measured.
static bool skip(AvroReader *reader, const AvroType *type, int depth, Err *err) {
    TRY(take(reader, type, 1, err));
    if (depth == 0) {
        return bad(reader, type, "nested too deep", err);
    }
    Reader *data = &reader->data;
    uint64_t count = 0;
    switch (type->kind) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        (void)read_u8(data);
        break;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        (void)read_zigzag(data);
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        (void)read_bytes(data, type->kind == AVRO_FLOAT ? 4 : 8);
        break;
    case AVRO_FIXED:
        (void)read_bytes(data, type->size);
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        (void)sized_bytes(reader);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        do {
            TRY(block_count(reader, type, &count, err));
            for (uint64_t i = 0; i < count; i++) {
                if (type->kind == AVRO_MAP) {
                    (void)sized_bytes(reader);
                }
                TRY(skip(reader, type->parts[0], depth - 1, err));
            }
        } while (count > 0);
        break;
    case AVRO_RECORD:
        for (uint32_t i = 0; i < type->part_count; i++) {
            TRY(skip(reader, type->parts[i], depth - 1, err));
        }
        break;
    case AVRO_UNION: {
        uint64_t branch = (uint64_t)read_zigzag(data);
        if (branch >= type->part_count) {
            return bad(reader, type, "a union has no such branch", err);
        }
        return skip(reader, type->parts[branch], depth - 1, err);
    }
    case AVRO_AGAIN:
        return skip(reader, type->parts[0], depth - 1, err);
    }
    return !data->bad || bad(reader, type, "the data end too early", err);
}

static bool uuid_value(AvroReader *reader, const AvroType *type, Slice text, Value *value, Err *err) {
    *value = value_bytes(VALUE_UUID, text);
    if (type->kind == AVRO_FIXED) {
        return true;
    }
    uint8_t *bytes = arena_alloc(&reader->row, 16);
    size_t digits = 0;
    bool fits = text.size == 36;
    for (size_t i = 0; i < text.size && fits; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = dash ? 0 : hex_digit(text.data[i]);
        fits = dash ? text.data[i] == '-' : digit >= 0;
        if (fits && !dash) {
            bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
            digits++;
        }
    }
    *value = value_bytes(VALUE_UUID, (Slice){bytes, 16});
    return fits || bad(reader, type, "a text that is no UUID", err);
}

// As nearly all are: 64 bits hold it.
static bool short_decimal(AvroReader *reader, const AvroType *type, Slice bytes, Value *value) {
    static const int64_t POWERS[] = {
        1,
        10,
        100,
        1000,
        10000,
        100000,
        1000000,
        10000000,
        100000000,
        1000000000,
        10000000000,
        100000000000,
        1000000000000,
        10000000000000,
        100000000000000,
        1000000000000000,
        10000000000000000,
        100000000000000000,
        1000000000000000000,
    };
    int32_t digits = type->shape.precision;
    if (bytes.size == 0 || bytes.size > 8 || type->shape.scale >= (int32_t)ARRAY_LEN(POWERS)) {
        return false;
    }
    uint64_t bits = bytes.data[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
    }
    int64_t units = (int64_t)bits;
    if (digits < (int32_t)ARRAY_LEN(POWERS) && (units >= POWERS[digits] || units <= -POWERS[digits])) {
        return false;
    }
    *value = value_bytes(VALUE_DECIMAL, decimal_from_int64(&reader->row, units, (uint32_t)type->shape.scale));
    return true;
}

// Big-endian two's complement of any length to a decimal of the type's scale.
static bool decimal_value(AvroReader *reader, const AvroType *type, Slice bytes, Value *value, Err *err) {
    bool negative = bytes.size > 0 && bytes.data[0] >= 0x80;
    while (bytes.size > 16 && bytes.data[0] == (negative ? 0xff : 0)) {
        bytes = slice_from(bytes, 1);
    }
    Int128 units = negative ? -1 : 0;
    for (size_t i = 0; i < bytes.size && bytes.size <= 16; i++) {
        units = (Int128)((Unsigned128)units << 8 | bytes.data[i]);
    }
    char text[48];
    size_t at = sizeof(text);
    int32_t digits = 0;
    bool fits = bytes.size <= 16 && (units < 0) == negative;
    for (Int128 left = units; left != 0 || digits <= type->shape.scale; left /= 10) {
        if (digits == type->shape.scale && digits > 0) {
            text[--at] = '.';
        }
        int digit = (int)(left % 10);
        text[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        digits++;
        fits = fits && (digits <= type->shape.precision || left == 0);
    }
    if (negative) {
        text[--at] = '-';
    }
    value->kind = VALUE_DECIMAL;
    fits = fits && decimal_from_text(&reader->row, (Slice){(uint8_t *)text + at, sizeof(text) - at}, &value->bytes);
    return fits || bad(reader, type, "a decimal of more digits than its type has", err);
}

static bool time_value(AvroReader *reader, const AvroType *type, int64_t integer, Value *value, Err *err) {
    bool fits = true;
    if (type->logical == AVRO_DATE) {
        *value = (Value){.kind = VALUE_DATE, .integer = integer - AVRO_EPOCH_DAYS};
        return value->integer > INT32_MIN || bad(reader, type, "a date out of range", err);
    }
    if (type->logical == AVRO_MILLIS) {
        fits = !__builtin_mul_overflow(integer, 1000, &integer);
    }
    if (type->shape.kind == SHAPE_TIME) {
        value->kind = VALUE_TIME;
        fits = fits && integer >= 0 && integer < INT64_C(86400000000);
    } else {
        value->kind = type->shape.kind == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
        fits = fits && !__builtin_sub_overflow(integer, AVRO_EPOCH_US, &integer) && integer > INT64_MIN;
    }
    value->integer = integer;
    return fits || bad(reader, type, "a time out of range", err);
}

static bool bytes_value(AvroReader *reader, const AvroType *type, Slice bytes, Value *value, Err *err) {
    if (reader->data.bad) {
        return bad(reader, type, "the data end too early", err);
    }
    switch (type->logical) {
    case AVRO_DECIMAL:
        return short_decimal(reader, type, bytes, value) || decimal_value(reader, type, bytes, value, err);
    case AVRO_UUID:
        return uuid_value(reader, type, bytes, value, err);
    case AVRO_PLAIN:
    case AVRO_DATE:
    case AVRO_MILLIS:
    case AVRO_MICROS:
        break;
    }
    *value = value_bytes(type->kind == AVRO_STRING ? VALUE_STRING : VALUE_BYTES, bytes);
    return type->kind != AVRO_STRING || json_utf8_valid(bytes) || bad(reader, type, "a text that is not UTF-8", err);
}

static bool decode(AvroReader *reader, const AvroType *type, Value *value, int depth, Err *err);
#define APART __attribute__((noinline)) // what most values need has few registers to save

static APART bool items_value(AvroReader *reader, const AvroType *type, Value *value, int depth, Err *err) {
    Value *items = NULL;
    size_t size = 0, capacity = 0, each = type->kind == AVRO_MAP ? 2 : 1;
    for (;;) {
        uint64_t count = 0;
        TRY(block_count(reader, type, &count, err));
        if (count == 0) {
            break;
        }
        TRY(count <= reader->budget && take(reader, type, count * each, err)
                ? true
                : bad(reader, type, "more items than its bytes can mean", err));
        if (size + count * each > capacity) {
            capacity = MAX(size + count * each, capacity * 2);
            Value *grown = ARENA_ARRAY(&reader->row, Value, capacity);
            if (size > 0) {
                memcpy(grown, items, size * sizeof(*items));
            }
            items = grown;
        }
        for (uint64_t i = 0; i < count; i++) {
            if (each == 2) {
                const AvroType key = {.kind = AVRO_STRING, .name = type->name};
                TRY(bytes_value(reader, &key, sized_bytes(reader), &items[size++], err));
            }
            TRY(decode(reader, type->parts[0], &items[size++], depth - 1, err));
        }
    }
    *value = (Value){.kind = type->kind == AVRO_MAP ? VALUE_MAP : VALUE_LIST, .items = {items, size}};
    return true;
}

// The fields of a record are nearly all null, or leaves without a logical type. These are read with the place in hand
// and each member of a value set by itself: a struct that is made elsewhere and copied here waits for its own stores.
// NULL: it is something else, or damaged, which decode and skip tell.

// The end of a number is the first byte below 0x80; eight bytes are looked at together, 0: it is not among them.
static inline uint64_t number_ends(uint64_t word) {
    return ~word & 0x8080808080808080u;
}

// The lower seven bits of each byte up to the one that `ends` marks first.
static inline uint64_t number_of(uint64_t word, uint64_t ends) {
    word &= (ends ^ (ends - 1)) & 0x7f7f7f7f7f7f7f7fu;
    word = (word & 0x7f007f007f007f00u) >> 1 | (word & 0x007f007f007f007fu);
    word = (word & 0x3fff00003fff0000u) >> 2 | (word & 0x00003fff00003fffu);
    return (word & 0x0fffffff00000000u) >> 4 | (word & 0x000000000fffffffu);
}

static const uint8_t *long_number_take(const uint8_t *at, const uint8_t *end, uint64_t *number) {
    if (UNLIKELY(at == end)) {
        return NULL;
    }
    *number = *at & 0x7f;
    for (unsigned shift = 7; *at++ >= 0x80; shift += 7) {
        if (UNLIKELY(at == end || (shift == 63 && *at > 1))) {
            return NULL;
        }
        *number |= (uint64_t)(*at & 0x7f) << shift;
    }
    return at;
}

static inline const uint8_t *number_take(const uint8_t *at, const uint8_t *end, uint64_t *number) {
    if (LIKELY(end - at >= 8)) {
        uint64_t word = load_u64le(at), ends = number_ends(word);
        if ((word & 0x80) == 0) {
            *number = word & 0x7f;
            return at + 1;
        }
        if (LIKELY(ends != 0)) {
            *number = number_of(word, ends);
            return at + __builtin_ctzll(ends) / 8 + 1;
        }
    }
    return long_number_take(at, end, number);
}

static inline const uint8_t *number_skip(const uint8_t *at, const uint8_t *end) {
    uint64_t ends = LIKELY(end - at > 8) ? number_ends(load_u64le(at)) : 0, number = 0;
    if (LIKELY(ends != 0)) {
        return at + __builtin_ctzll(ends) / 8 + 1;
    }
    return end - at > 8 && at[8] < 0x80 ? at + 9 : long_number_take(at, end, &number);
}

// Passes over the number of a union's branch. *leaf: what follows.
static inline const uint8_t *branch_take(const uint8_t *at, const uint8_t *end, const AvroField *field, uint8_t *leaf) {
    *leaf = field->leaf;
    if (field->null == AVRO_NO_UNION) {
        return at;
    }
    if (UNLIKELY(at == end || (*at & ~2) != 0)) {
        return NULL;
    }
    *leaf = *at == field->null ? AVRO_NULL : field->leaf;
    return at + 1;
}

static inline const uint8_t *leaf_value(const uint8_t *at, const uint8_t *end, const AvroField *field, Value *value) {
    uint64_t number = 0;
    uint8_t leaf = 0;
    at = branch_take(at, end, field, &leaf);
    if (at == NULL || leaf == AVRO_AGAIN) {
        return NULL;
    }
    if (leaf == AVRO_NULL) {
        value->kind = VALUE_NULL;
        return at;
    }
    at = number_take(at, end, &number);
    int64_t integer = zigzag_decode(number);
    if (leaf == AVRO_LONG || leaf == AVRO_INT) {
        value->kind = VALUE_INT;
        value->integer = integer;
        return leaf == AVRO_LONG || integer == (int32_t)integer ? at : NULL;
    }
    if (UNLIKELY(at == NULL || (uint64_t)integer > (size_t)(end - at))) {
        return NULL;
    }
    value->kind = leaf == AVRO_STRING ? VALUE_STRING : VALUE_BYTES;
    value->bytes.data = at;
    value->bytes.size = (size_t)integer;
    return leaf != AVRO_STRING || json_utf8_valid(value->bytes) ? at + integer : NULL;
}

static inline const uint8_t *leaf_skip(const uint8_t *at, const uint8_t *end, const AvroField *field) {
    uint64_t number = 0;
    uint8_t leaf = 0;
    at = branch_take(at, end, field, &leaf);
    if (at == NULL || leaf == AVRO_NULL) {
        return at;
    }
    if (leaf == AVRO_AGAIN) {
        return NULL;
    }
    if (leaf != AVRO_BYTES && leaf != AVRO_STRING) {
        return number_skip(at, end);
    }
    at = number_take(at, end, &number);
    uint64_t size = (uint64_t)zigzag_decode(number);
    return at != NULL && size <= (size_t)(end - at) ? at + size : NULL;
}

// As many fields, from the first on, as are leaves: *count of them at most. Gives the place behind them.
static APART const uint8_t *leaves_take(const AvroField *fields, uint32_t *count, const uint8_t *at, const uint8_t *end,
                                        Value *items) {
    uint32_t i = 0;
    for (; i < *count; i++) {
        const uint8_t *next =
            fields[i].left_out ? leaf_skip(at, end, &fields[i]) : leaf_value(at, end, &fields[i], &items[i]);
        if (next == NULL) {
            break;
        }
        at = next;
    }
    *count = i;
    return at;
}

static APART bool record_value(AvroReader *reader, const AvroType *type, Value *value, int depth, Err *err) {
    TRY(take(reader, type, type->part_count, err));
    Value *items = ARENA_ARRAY(&reader->row, Value, type->part_count); // all NULL
    for (uint32_t i = 0; i < type->part_count; i++) {
        uint32_t leaves = depth > LEAF_DEPTH ? type->part_count - i : 0;
        reader->data.at = leaves_take(type->fields + i, &leaves, reader->data.at, reader->data.end, items + i);
        i += leaves;
        if (i < type->part_count) {
            const AvroType *part = type->parts[i];
            TRY(type->fields[i].left_out ? skip(reader, part, depth - 1, err)
                                         : decode(reader, part, &items[i], depth - 1, err));
        }
    }
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, type->part_count}};
    return true;
}

static APART bool union_value(AvroReader *reader, const AvroType *type, Value *value, int depth, Err *err) {
    uint64_t branch = (uint64_t)read_zigzag(&reader->data);
    if (reader->data.bad || branch >= type->part_count) {
        return bad(reader, type, "a union has no such branch", err);
    }
    const AvroType *part = type->parts[branch];
    uint32_t values = 0, place = 0;
    for (uint32_t i = 0; i < type->part_count; i++) {
        place += i < branch && type->parts[i]->kind != AVRO_NULL;
        values += type->parts[i]->kind != AVRO_NULL;
    }
    if (part->kind == AVRO_NULL || values < 2) {
        return decode(reader, part, value, depth - 1, err);
    }
    TRY(take(reader, type, values, err));
    Value *items = ARENA_ARRAY(&reader->row, Value, values); // all NULL
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, values}};
    return decode(reader, part, &items[place], depth - 1, err);
}

static bool integer_value(AvroReader *reader, const AvroType *type, Value *value, Err *err) {
    int64_t integer = read_zigzag(&reader->data);
    if (reader->data.bad) {
        return bad(reader, type, "the data end too early", err);
    }
    if (type->kind == AVRO_ENUM) {
        if (integer < 0 || integer >= type->part_count) {
            return bad(reader, type, "an enum has no such symbol", err);
        }
        *value = value_bytes(VALUE_STRING, type->symbols[integer]);
        return true;
    }
    if (type->kind == AVRO_INT && integer != (int32_t)integer) {
        return bad(reader, type, "an int of more than 32 bits", err);
    }
    *value = value_int(integer);
    return type->logical == AVRO_PLAIN || time_value(reader, type, integer, value, err);
}

static bool decode(AvroReader *reader, const AvroType *type, Value *value, int depth, Err *err) {
    if (depth == 0) {
        return bad(reader, type, "nested too deep", err);
    }
    Reader *data = &reader->data;
    switch (type->kind) {
    case AVRO_NULL:
        *value = (Value){.kind = VALUE_NULL};
        return true;
    case AVRO_BOOLEAN: {
        uint8_t byte = read_u8(data);
        *value = value_bool(byte == 1);
        return (!data->bad && byte <= 1) || bad(reader, type, "no boolean where one must be", err);
    }
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        return integer_value(reader, type, value, err);
    case AVRO_FLOAT: {
        uint32_t bits = read_u32le(data);
        float real = 0;
        memcpy(&real, &bits, sizeof(real));
        *value = (Value){.kind = VALUE_FLOAT32, .real = (double)real};
        return !data->bad || bad(reader, type, "the data end too early", err);
    }
    case AVRO_DOUBLE: {
        uint64_t bits = read_u64le(data);
        *value = (Value){.kind = VALUE_FLOAT64};
        memcpy(&value->real, &bits, sizeof(bits));
        return !data->bad || bad(reader, type, "the data end too early", err);
    }
    case AVRO_BYTES:
    case AVRO_STRING:
        return bytes_value(reader, type, sized_bytes(reader), value, err);
    case AVRO_FIXED:
        return bytes_value(reader, type, read_bytes(data, type->size), value, err);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return items_value(reader, type, value, depth, err);
    case AVRO_RECORD:
        return record_value(reader, type, value, depth, err);
    case AVRO_UNION:
        return union_value(reader, type, value, depth, err);
    case AVRO_AGAIN: {
        const uint8_t *start = data->at;
        TRY(skip(reader, type, depth - 1, err));
        *value = value_bytes(VALUE_BYTES, (Slice){start, (size_t)(data->at - start)});
        return true;
    }
    }
    UNREACHABLE();
}

// --- the file --------------------------------------------------------------------------------------------------

static bool no_file(const char *what, Err *err) {
    return FAIL(err, ERR_VALUE, "not a whole Avro container file: %s", what);
}

static bool read_metadata(AvroReader *reader, Err *err) {
    Reader *file = &reader->file;
    reader->pairs = NULL;
    size_t capacity = 0;
    for (;;) {
        int64_t said = read_zigzag(file);
        if (said < 0) {
            (void)read_zigzag(file);
        }
        uint64_t count = said < 0 ? 0 - (uint64_t)said : (uint64_t)said;
        if (file->bad || count > METADATA_MAX - reader->pair_count) {
            return no_file("the metadata are damaged", err);
        }
        if (count == 0) {
            return true;
        }
        capacity += count;
        Pair *grown = ARENA_ARRAY(&reader->run, Pair, capacity);
        if (reader->pair_count > 0) {
            memcpy(grown, reader->pairs, reader->pair_count * sizeof(*grown));
        }
        reader->pairs = grown;
        for (uint64_t i = 0; i < count; i++) {
            Slice texts[2];
            for (int j = 0; j < 2; j++) {
                int64_t size = read_zigzag(file);
                texts[j] = size >= 0 ? read_bytes(file, (size_t)size) : (Slice){0};
                if (size < 0 || file->bad) {
                    return no_file("the metadata are damaged", err);
                }
            }
            reader->pairs[reader->pair_count++] = (Pair){texts[0], texts[1]};
        }
    }
}

static bool find_codec(AvroReader *reader, Err *err) {
    Slice name = avro_reader_metadata(reader, "avro.codec");
    if (name.size == 0 || slice_is(name, "null")) {
        reader->codec = CODEC_NONE;
    } else if (slice_is(name, "deflate")) {
        reader->codec = CODEC_DEFLATE;
    } else if (slice_is(name, "snappy")) {
        reader->codec = CODEC_SNAPPY;
    } else if (slice_is(name, "zstandard")) {
        reader->codec = CODEC_ZSTD;
    } else {
        FAIL(err, ERR_VALUE, "the Avro file is compressed with %.*s, which leat does not know", (int)MIN(name.size, 40),
             (const char *)name.data);
        return err_hint(err, "write it with null, deflate, snappy or zstandard");
    }
    return true;
}

static bool open_file(AvroReader *reader, Slice bytes, Err *err) {
    reader->whole = bytes;
    reader->file = reader_of(bytes);
    Slice magic = read_bytes(&reader->file, 4);
    if (!slice_equal(magic, SLICE("Obj\x01"))) {
        return no_file("it does not begin as one", err);
    }
    TRY(read_metadata(reader, err));
    reader->sync = read_bytes(&reader->file, SYNC_BYTES);
    if (reader->file.bad) {
        return no_file("the sync marker is missing", err);
    }
    TRY(find_codec(reader, err));
    TRY(avro_schema_parse(&reader->run, avro_reader_metadata(reader, "avro.schema"), false, &reader->type, err));
    reader->wrapped = reader->type->kind != AVRO_RECORD;
    reader->shape = reader->type->shape;
    if (reader->wrapped) {
        ShapeField *field = ARENA_NEW(&reader->run, ShapeField);
        *field = (ShapeField){.name = SLICE("value"), .shape = reader->type->shape};
        reader->shape = (Shape){.kind = SHAPE_STRUCT, .fields = field, .field_count = 1};
    }
    return true;
}

static AvroReader *reader_new(void) {
    AvroReader *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init(&made->run, "avro reader", 0);
    arena_init(&made->row, "avro record", 0);
    buf_init(&made->block, 0);
    made->block_bytes_max = BLOCK_BYTES_MAX;
    return made;
}

bool avro_reader_open(Slice file, AvroReader **reader, Err *err) {
    AvroReader *made = reader_new();
    if (!open_file(made, file, err)) {
        avro_reader_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *reader = made;
    return true;
}

void avro_reader_close(AvroReader *reader) {
    if (reader != NULL) {
        arena_release(&reader->run);
        arena_release(&reader->row);
        buf_release(&reader->block);
        free(reader);
    }
}

void avro_reader_block_max(AvroReader *reader, size_t bytes) {
    reader->block_bytes_max = MIN(bytes, (size_t)BLOCK_BYTES_MAX);
}

const Shape *avro_reader_shape(const AvroReader *reader) {
    return &reader->shape;
}

Slice avro_reader_metadata(const AvroReader *reader, const char *key) {
    for (size_t i = 0; i < reader->pair_count; i++) {
        if (slice_is(reader->pairs[i].key, key)) {
            return reader->pairs[i].value;
        }
    }
    return (Slice){0};
}

static bool unpack(AvroReader *reader, Slice bytes, Err *err) {
    Slice check = {0};
    if (reader->codec == CODEC_SNAPPY) {
        if (bytes.size < 4) {
            return FAIL(err, ERR_VALUE, "a snappy block without its checksum");
        }
        bytes.size -= 4;
        check = (Slice){bytes.data + bytes.size, 4};
    }
    buf_reset(&reader->block);
    if (reader->codec == CODEC_NONE) {
        reader->data = reader_of(bytes);
        return true;
    }
    TRY(decompress_block(reader->codec, bytes, reader->block_bytes_max, &reader->block, err));
    reader->data = reader_of(buf_slice(&reader->block));
    if (check.size > 0 && load_u32be(check.data) != digest_crc32(0, buf_slice(&reader->block))) {
        return FAIL(err, ERR_VALUE, "a snappy block's checksum differs");
    }
    return true;
}

static bool next_block(AvroReader *reader, Err *err) {
    Reader *file = &reader->file;
    size_t place = (size_t)(file->at - reader->whole.data);
    int64_t records = read_zigzag(file), size = read_zigzag(file);
    Slice bytes = read_bytes(file, size < 0 ? SIZE_MAX : (size_t)size);
    Slice sync = read_bytes(file, SYNC_BYTES);
    if (file->bad || records < 0 || !slice_equal(sync, reader->sync)) {
        return FAIL(err, ERR_VALUE, "the Avro block at byte %zu is cut off or damaged", place);
    }
    if (!unpack(reader, bytes, err)) {
        return err_prefix(err, "the Avro block at byte %zu", place);
    }
    reader->left = (uint64_t)records;
    if (records == 0 && reader_left(&reader->data) > 0) {
        return FAIL(err, ERR_VALUE, "the Avro block at byte %zu has bytes and no records", place);
    }
    return true;
}

static bool next_value(AvroReader *reader, const Value **value, Err *err) {
    arena_reset(&reader->row);
    size_t bytes = reader_left(&reader->data);
    reader->budget = MIN(VALUES_LEAST + MIN(bytes, VALUES_MOST) * VALUES_PER_BYTE, VALUES_MOST);
    reader->read++;
    Value *made = ARENA_NEW(&reader->row, Value);
    *value = made;
    return decode(reader, reader->type, made, DATA_DEPTH_MAX, err);
}

bool avro_reader_of(Slice schema, bool plain, AvroReader **reader, Err *err) {
    AvroReader *made = reader_new();
    if (!avro_schema_parse(&made->run, schema, plain, &made->type, err)) {
        avro_reader_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    made->shape = made->type->shape;
    *reader = made;
    return true;
}

void avro_reader_only(AvroReader *reader, const char *field, const char *const *names, size_t count) {
    const AvroType *type = reader->type;
    if (field != NULL) {
        int32_t place = type->kind == AVRO_RECORD ? shape_find(&type->shape, slice_of(field)) : -1;
        type = place >= 0 ? type->parts[place] : NULL;
    }
    if (type == NULL || type->kind != AVRO_RECORD) {
        return;
    }
    AvroType *record = (AvroType *)(uintptr_t)type; // of the reader's own arena
    for (uint32_t i = 0; i < record->part_count; i++) {
        bool left_out = true;
        for (size_t j = 0; j < count; j++) {
            left_out = left_out && !slice_is(record->shape.fields[i].name, names[j]);
        }
        record->fields[i] = avro_field(record->parts[i], left_out);
    }
}

bool avro_reader_value(AvroReader *reader, Slice bytes, const Value **value, Err *err) {
    reader->data = reader_of(bytes);
    TRY(next_value(reader, value, err));
    return reader_left(&reader->data) == 0 || bad(reader, reader->type, "bytes behind the value", err);
}

bool avro_reader_next(AvroReader *reader, const Value **values, Err *err) {
    *values = NULL;
    while (reader->left == 0) {
        if (reader->file.bad || reader_left(&reader->file) == 0) {
            return true;
        }
        TRY(next_block(reader, err));
    }
    reader->left--;
    const Value *value = NULL;
    TRY(next_value(reader, &value, err));
    if (reader->left == 0 && reader_left(&reader->data) > 0) {
        return bad(reader, reader->type, "bytes behind a block's last record", err);
    }
    *values = reader->wrapped ? value : value->items.at;
    return true;
}
