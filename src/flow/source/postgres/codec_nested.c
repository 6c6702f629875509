// SPDX-License-Identifier: Apache-2.0
// Values made of values: array_send, record_send, range_send, multirange_send, hstore_send, and the literals that their
// output functions print. A count is believed only when the bytes left could hold so many.
#include "core/base/digits.h"
#include "flow/source/postgres/codec_decode.h"

enum { DIMENSIONS_MAX = 6 }; // PostgreSQL's MAXDIM

static Slice read_sized(Reader *reader, bool *null) {
    int32_t size = read_i32be(reader);
    *null = size == -1;
    if (size < -1) {
        reader->bad = true;
    }
    return read_bytes(reader, size > 0 ? (size_t)size : 0);
}

// NULL as size -1, else a value of that codec.
static bool read_item(Reader *reader, const PgCodec *codec, Arena *arena, Value *value, Err *err) {
    bool null;
    Slice bytes = read_sized(reader, &null);
    if (null || reader->bad) {
        *value = (Value){.kind = VALUE_NULL};
        return true; // a bad reader is the caller's to find
    }
    return codec->binary(codec, bytes, arena, value, err);
}

// --- literals --------------------------------------------------------------------------------------------------

static bool take(Slice *text, char c) {
    if (text->size == 0 || text->data[0] != (uint8_t)c) {
        return false;
    }
    *text = slice_from(*text, 1);
    return true;
}

// A quoted item: \c is c, and where quotes double "" is ". Borrowed when nothing was escaped.
static bool take_quoted(Slice *text, Arena *arena, bool doubling, Slice *item) {
    if (!take(text, '"')) {
        return false;
    }
    size_t size = 0, escapes = 0;
    for (;; size++) {
        if (size >= text->size) {
            return false;
        }
        uint8_t c = text->data[size];
        bool doubled = doubling && c == '"' && size + 1 < text->size && text->data[size + 1] == '"';
        if (c == '\\' || doubled) {
            escapes++;
            size++;
        } else if (c == '"') {
            break;
        }
    }
    *item = (Slice){text->data, size};
    *text = slice_from(*text, size + 1);
    if (escapes > 0) {
        uint8_t *plain = arena_alloc(arena, size - escapes), *at = plain;
        for (size_t i = 0; i < size; i++) {
            i += item->data[i] == '\\' || item->data[i] == '"';
            *at++ = item->data[i];
        }
        *item = (Slice){plain, size - escapes};
    }
    return true;
}

// What stands up to one of the characters.
static Slice take_plain(Slice *text, const char *ends) {
    size_t size = 0;
    while (size < text->size && memchr(ends, text->data[size], strlen(ends)) == NULL) {
        size++;
    }
    Slice plain = {text->data, size};
    *text = slice_from(*text, size);
    return plain;
}

// --- arrays ----------------------------------------------------------------------------------------------------

// The items in one row become lists of lists, the last dimension innermost.
static void list_fold(Arena *arena, const size_t *sizes, size_t dimensions, Value *items, Value *value) {
    for (size_t d = dimensions; d-- > 1;) {
        size_t count = 1;
        for (size_t i = 0; i < d; i++) {
            count *= sizes[i];
        }
        Value *lists = ARENA_ARRAY(arena, Value, count);
        for (size_t i = 0; i < count; i++) {
            lists[i] = (Value){.kind = VALUE_LIST, .items = {&items[i * sizes[d]], sizes[d]}};
        }
        items = lists;
    }
    *value = (Value){.kind = VALUE_LIST, .items = {items, dimensions > 0 ? sizes[0] : 0}};
}

bool pg_binary_array(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    int32_t dimensions = read_i32be(&reader);
    uint32_t flags = read_u32be(&reader);
    uint32_t oid = read_u32be(&reader);
    if (reader.bad || dimensions < 0 || dimensions > DIMENSIONS_MAX || flags > 1) {
        return BAD_VALUE(codec, err, "its head is malformed");
    }
    if (oid != codec->element->oid) {
        return BAD_VALUE(codec, err, "its elements are of another type than the catalog says");
    }
    size_t sizes[DIMENSIONS_MAX] = {0}, count = dimensions > 0;
    for (int32_t d = 0; d < dimensions; d++) {
        int32_t size = read_i32be(&reader);
        (void)read_i32be(&reader); // the lower bound is not kept
        sizes[d] = (size_t)MAX(size, 0);
        if (size < 0 || __builtin_mul_overflow(count, sizes[d], &count)) {
            return BAD_VALUE(codec, err, "its dimensions are malformed");
        }
    }
    if (reader.bad || count > reader_left(&reader) / 4) {
        return BAD_VALUE(codec, err, "its dimensions do not match its bytes");
    }
    Value *items = ARENA_ARRAY(arena, Value, count);
    for (size_t i = 0; i < count; i++) {
        TRY(read_item(&reader, codec->element, arena, &items[i], err));
    }
    if (!reader_done(&reader)) {
        return BAD_VALUE(codec, err, "its items do not match its bytes");
    }
    list_fold(arena, sizes, count > 0 ? (size_t)dimensions : 0, items, value);
    return true;
}

bool pg_binary_vector(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return pg_binary_array(codec, bytes, arena, value, err);
}

typedef struct ArrayText {
    const PgCodec *codec;
    Arena *arena;
    Err *err;
    Slice text; // what is left
    char ends[4];
    size_t sizes[DIMENSIONS_MAX];
    size_t dimensions; // 0 until the first item
    Value *items;
    size_t count;
} ArrayText;

static bool array_text_item(ArrayText *array) {
    Value *item = &array->items[array->count++];
    Slice text;
    if (array->text.size > 0 && array->text.data[0] == '"') {
        if (!take_quoted(&array->text, array->arena, false, &text)) {
            return BAD_VALUE(array->codec, array->err, "an item has no closing quote");
        }
    } else {
        text = take_plain(&array->text, array->ends);
        if (text.size == 0) {
            return BAD_VALUE(array->codec, array->err, "an item is missing");
        }
        if (slice_is(text, "NULL")) {
            *item = (Value){.kind = VALUE_NULL};
            return true;
        }
    }
    const PgCodec *element = array->codec->element;
    return element->text(element, text, array->arena, item, array->err);
}

// One pair of braces at that depth. Arrays are rectangular: all pairs of a depth hold equally many.
static bool array_text_level(ArrayText *array, size_t depth) {
    Err *err = array->err;
    if (depth >= DIMENSIONS_MAX || !take(&array->text, '{')) {
        return BAD_VALUE(array->codec, err, "not an array literal");
    }
    size_t count = 0;
    do {
        if (array->text.size > 0 && array->text.data[0] == '{') {
            if (array->dimensions != 0 && depth + 1 >= array->dimensions) {
                return BAD_VALUE(array->codec, err, "its dimensions differ");
            }
            TRY(array_text_level(array, depth + 1));
        } else {
            if (array->dimensions == 0) {
                array->dimensions = depth + 1;
            }
            if (array->dimensions != depth + 1) {
                return BAD_VALUE(array->codec, err, "its dimensions differ");
            }
            TRY(array_text_item(array));
        }
        count++;
    } while (take(&array->text, array->ends[0]));
    if (!take(&array->text, '}')) {
        return BAD_VALUE(array->codec, err, "not an array literal");
    }
    if (array->sizes[depth] == 0) {
        array->sizes[depth] = count;
    }
    return array->sizes[depth] == count || BAD_VALUE(array->codec, err, "its dimensions differ");
}

bool pg_text_array(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Slice text = bytes;
    if (text.size > 0 && text.data[0] == '[') { // lower bounds other than 1: [0:2]={…}
        take_plain(&text, "=");
        take(&text, '=');
    }
    if (slice_is(text, "{}")) {
        *value = (Value){.kind = VALUE_LIST};
        return true;
    }
    char delimiter = slice_is(codec->element->type.source_name, "box") ? ';' : ',';
    size_t items_max = 1;
    for (size_t i = 0; i < text.size; i++) {
        items_max += text.data[i] == (uint8_t)delimiter;
    }
    ArrayText array = {.codec = codec, .arena = arena, .err = err, .text = text, .ends = {delimiter, '}', '{', '\0'}};
    array.items = ARENA_ARRAY(arena, Value, items_max);
    TRY(array_text_level(&array, 0));
    if (array.text.size != 0) {
        return BAD_VALUE(codec, err, "something follows the array literal");
    }
    list_fold(arena, array.sizes, array.dimensions, array.items, value);
    return true;
}

// int2vector and oidvector: numbers and spaces.
bool pg_text_vector(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(arena, Value, bytes.size / 2 + 1);
    size_t count = 0;
    while (bytes.size > 0) {
        Slice item = take_plain(&bytes, " ");
        TRY(codec->element->text(codec->element, item, arena, &items[count++], err));
        if (take(&bytes, ' ') && bytes.size == 0) {
            return BAD_VALUE(codec, err, "a space ends it");
        }
    }
    *value = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

// --- composites ------------------------------------------------------------------------------------------------

#define COMPOSITE_CHANGED "its fields are not those of the catalog: the composite type has changed"

bool pg_binary_composite(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    if (read_u32be(&reader) != codec->field_count || reader.bad) {
        return BAD_VALUE(codec, err, COMPOSITE_CHANGED);
    }
    Value *items = ARENA_ARRAY(arena, Value, codec->field_count);
    for (uint32_t i = 0; i < codec->field_count; i++) {
        if (read_u32be(&reader) != codec->fields[i]->oid) {
            return BAD_VALUE(codec, err, COMPOSITE_CHANGED);
        }
        TRY(read_item(&reader, codec->fields[i], arena, &items[i], err));
    }
    if (!reader_done(&reader)) {
        return BAD_VALUE(codec, err, "its fields do not match its bytes");
    }
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, codec->field_count}};
    return true;
}

// A field or bound: nothing is NULL; quoted and plain parts follow each other, as in the server's own parser, but its
// output is only ever one or the other.
static bool take_field(Slice *text, const PgCodec *codec, const char *ends, Arena *arena, Value *value, Err *err) {
    Slice field;
    *value = (Value){.kind = VALUE_NULL};
    if (text->size > 0 && text->data[0] == '"') {
        if (!take_quoted(text, arena, true, &field)) {
            return BAD_VALUE(codec, err, "a part has no closing quote");
        }
    } else {
        field = take_plain(text, ends);
        if (field.size == 0) {
            return true;
        }
    }
    return codec->text(codec, field, arena, value, err);
}

bool pg_text_composite(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(arena, Value, codec->field_count);
    bool good = take(&bytes, '(');
    for (uint32_t i = 0; good && i < codec->field_count; i++) {
        good = i == 0 || take(&bytes, ',');
        if (good) {
            TRY(take_field(&bytes, codec->fields[i], ",)", arena, &items[i], err));
        }
    }
    if (!good || !take(&bytes, ')') || bytes.size != 0) {
        return BAD_VALUE(codec, err, COMPOSITE_CHANGED);
    }
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, codec->field_count}};
    return true;
}

// --- ranges ----------------------------------------------------------------------------------------------------

enum {
    RANGE_FLAGS =
        RANGE_EMPTY | RANGE_LOWER_INCLUSIVE | RANGE_UPPER_INCLUSIVE | RANGE_LOWER_INFINITE | RANGE_UPPER_INFINITE
};

static void range_value(Arena *arena, int32_t flags, const Value bounds[2], Value *value) {
    Value *items = ARENA_ARRAY(arena, Value, 2);
    memcpy(items, bounds, 2 * sizeof(*items));
    if (flags & RANGE_EMPTY) {
        flags = RANGE_EMPTY;
    }
    flags &= ~(flags & RANGE_LOWER_INFINITE ? RANGE_LOWER_INCLUSIVE : 0);
    flags &= ~(flags & RANGE_UPPER_INFINITE ? RANGE_UPPER_INCLUSIVE : 0);
    *value = (Value){.kind = VALUE_RANGE, .aux = flags, .items = {items, 2}};
}

bool pg_binary_range(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    int32_t flags = read_u8(&reader);
    Value bounds[2] = {{.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    if (reader.bad || (flags & ~RANGE_FLAGS) != 0) {
        return BAD_VALUE(codec, err, "its head is malformed");
    }
    if (!(flags & (RANGE_EMPTY | RANGE_LOWER_INFINITE))) {
        TRY(read_item(&reader, codec->element, arena, &bounds[0], err));
    }
    if (!(flags & (RANGE_EMPTY | RANGE_UPPER_INFINITE))) {
        TRY(read_item(&reader, codec->element, arena, &bounds[1], err));
    }
    bool lower = bounds[0].kind != VALUE_NULL || (flags & (RANGE_EMPTY | RANGE_LOWER_INFINITE));
    bool upper = bounds[1].kind != VALUE_NULL || (flags & (RANGE_EMPTY | RANGE_UPPER_INFINITE));
    if (!reader_done(&reader) || !lower || !upper) {
        return BAD_VALUE(codec, err, "its bounds do not match its bytes");
    }
    range_value(arena, flags, bounds, value);
    return true;
}

static bool take_range(Slice *text, const PgCodec *codec, Arena *arena, Value *value, Err *err) {
    Value bounds[2] = {{.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    int32_t flags = 0;
    if (text->size >= 5 && memcmp(text->data, "empty", 5) == 0) {
        *text = slice_from(*text, 5);
        range_value(arena, RANGE_EMPTY, bounds, value);
        return true;
    }
    if (take(text, '[')) {
        flags |= RANGE_LOWER_INCLUSIVE;
    } else if (!take(text, '(')) {
        return BAD_VALUE(codec, err, "not a range literal");
    }
    TRY(take_field(text, codec->element, ",)]", arena, &bounds[0], err));
    if (!take(text, ',')) {
        return BAD_VALUE(codec, err, "not a range literal");
    }
    TRY(take_field(text, codec->element, ",)]", arena, &bounds[1], err));
    if (take(text, ']')) {
        flags |= RANGE_UPPER_INCLUSIVE;
    } else if (!take(text, ')')) {
        return BAD_VALUE(codec, err, "not a range literal");
    }
    flags |= bounds[0].kind == VALUE_NULL ? RANGE_LOWER_INFINITE : 0;
    flags |= bounds[1].kind == VALUE_NULL ? RANGE_UPPER_INFINITE : 0;
    range_value(arena, flags, bounds, value);
    return true;
}

bool pg_text_range(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    TRY(take_range(&bytes, codec, arena, value, err));
    return bytes.size == 0 || BAD_VALUE(codec, err, "something follows the range literal");
}

bool pg_binary_multirange(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    uint32_t count = read_u32be(&reader);
    if (reader.bad || count > reader_left(&reader) / 5) { // a size and the flags at least
        return BAD_VALUE(codec, err, "its count does not match its bytes");
    }
    Value *items = ARENA_ARRAY(arena, Value, count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(read_item(&reader, codec->element, arena, &items[i], err));
        if (items[i].kind != VALUE_RANGE) {
            return BAD_VALUE(codec, err, "one of its ranges is missing");
        }
    }
    if (!reader_done(&reader)) {
        return BAD_VALUE(codec, err, "its ranges do not match its bytes");
    }
    *value = (Value){.kind = VALUE_MULTIRANGE, .items = {items, count}};
    return true;
}

bool pg_text_multirange(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    size_t count = 0, count_max = 1; // each range has a comma of its own
    for (size_t i = 0; i < bytes.size; i++) {
        count_max += bytes.data[i] == ',';
    }
    Value *items = ARENA_ARRAY(arena, Value, count_max);
    if (!take(&bytes, '{')) {
        return BAD_VALUE(codec, err, "not a multirange literal");
    }
    if (!take(&bytes, '}')) {
        do {
            if (count == count_max) {
                return BAD_VALUE(codec, err, "not a multirange literal");
            }
            TRY(take_range(&bytes, codec->element, arena, &items[count++], err));
        } while (take(&bytes, ','));
        if (!take(&bytes, '}')) {
            return BAD_VALUE(codec, err, "not a multirange literal");
        }
    }
    *value = (Value){.kind = VALUE_MULTIRANGE, .items = {items, count}};
    return bytes.size == 0 || BAD_VALUE(codec, err, "something follows the multirange literal");
}

// --- hstore ----------------------------------------------------------------------------------------------------

bool pg_binary_hstore(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    uint32_t count = read_u32be(&reader);
    if (reader.bad || count > reader_left(&reader) / 8) { // two sizes at least
        return BAD_VALUE(codec, err, "its count does not match its bytes");
    }
    Value *items = ARENA_ARRAY(arena, Value, (size_t)count * 2);
    for (size_t i = 0; i < (size_t)count * 2; i++) {
        bool null;
        items[i] = value_bytes(VALUE_STRING, read_sized(&reader, &null));
        if (null) {
            items[i] = (Value){.kind = VALUE_NULL};
            reader.bad |= i % 2 == 0; // a key
        }
    }
    if (!reader_done(&reader)) {
        return BAD_VALUE(codec, err, "its pairs do not match its bytes");
    }
    *value = (Value){.kind = VALUE_MAP, .items = {items, (size_t)count * 2}};
    return true;
}

// "k"=>"v", "k 2"=>NULL
bool pg_text_hstore(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    size_t pairs_max = 1, count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        pairs_max += bytes.data[i] == ',';
    }
    Value *items = ARENA_ARRAY(arena, Value, pairs_max * 2);
    while (bytes.size > 0) {
        Slice key, item;
        if ((count > 0 && (!take(&bytes, ',') || !take(&bytes, ' '))) || count == pairs_max * 2 ||
            !take_quoted(&bytes, arena, false, &key) || !take(&bytes, '=') || !take(&bytes, '>')) {
            return BAD_VALUE(codec, err, "not pairs of key=>value");
        }
        items[count++] = value_bytes(VALUE_STRING, key);
        if (bytes.size >= 4 && memcmp(bytes.data, "NULL", 4) == 0) {
            items[count++] = (Value){.kind = VALUE_NULL};
            bytes = slice_from(bytes, 4);
        } else if (take_quoted(&bytes, arena, false, &item)) {
            items[count++] = value_bytes(VALUE_STRING, item);
        } else {
            return BAD_VALUE(codec, err, "not pairs of key=>value");
        }
    }
    *value = (Value){.kind = VALUE_MAP, .items = {items, count}};
    return true;
}
