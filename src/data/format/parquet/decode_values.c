// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_values.h"

#include "data/format/parquet/decode_bits.h"

// What a step makes beyond its first value, and what a page may make: in PLAIN it would have to fit in 2 GiB too.
#define STEP_BYTES_MAX (1 * MIB)
#define MADE_BYTES_MAX (2 * GIB)

static bool ends_early(const ValueDecoder *decoder, Err *err) {
    return FAIL(err, ERR_VALUE, "the values (%s) end before the page's last one",
                encoding_name((int32_t)decoder->encoding));
}

// --- plain values and dictionaries -----------------------------------------------------------------------------

static Cell fixed_cell(ValueForm form, const uint8_t *at) {
    Cell cell = {.bytes = {at, form.width}};
    float real = 0;
    switch (form.type) {
    case PHYSICAL_INT32:
        cell.integer = (int32_t)load_u32le(at);
        break;
    case PHYSICAL_INT64:
        cell.integer = (int64_t)load_u64le(at);
        break;
    case PHYSICAL_FLOAT:
        memcpy(&real, at, sizeof(real));
        cell.real = (double)real;
        break;
    case PHYSICAL_DOUBLE:
        memcpy(&cell.real, at, sizeof(cell.real));
        break;
    case PHYSICAL_INT96:
    case PHYSICAL_FIXED:
        break;
    case PHYSICAL_BOOLEAN:
    case PHYSICAL_BYTE_ARRAY:
    case PHYSICAL_COUNT:
        UNREACHABLE();
    }
    return cell;
}

bool dictionary_load(Dictionary *dictionary, ValueForm form, Slice page, uint32_t count, Err *err) {
    dictionary->there = false;
    dictionary->bytes = page;
    dictionary->count = count;
    buf_reset(&dictionary->places);
    if (form.type == PHYSICAL_BOOLEAN) {
        return FAIL(err, ERR_VALUE, "a dictionary of booleans");
    }
    if (form.type != PHYSICAL_BYTE_ARRAY) {
        if (page.size / MAX(form.width, 1) < count) {
            return FAIL(err, ERR_VALUE, "the dictionary's %zu bytes do not hold its %u values", page.size, count);
        }
        dictionary->there = true;
        return true;
    }
    Reader bytes = reader_of(page);
    for (uint32_t i = 0; i < count; i++) {
        buf_u32le(&dictionary->places, (uint32_t)(bytes.at - page.data));
        (void)read_bytes(&bytes, read_u32le(&bytes));
        if (bytes.bad) {
            return FAIL(err, ERR_VALUE, "the dictionary ends within value %u of %u", i, count);
        }
    }
    dictionary->there = true;
    return true;
}

void dictionary_release(Dictionary *dictionary) {
    buf_release(&dictionary->places);
}

static Cell dictionary_cell(const Dictionary *dictionary, ValueForm form, uint32_t index) {
    if (form.type != PHYSICAL_BYTE_ARRAY) {
        return fixed_cell(form, dictionary->bytes.data + (size_t)index * form.width);
    }
    const uint8_t *at = dictionary->bytes.data + load_u32le(dictionary->places.data + (size_t)index * sizeof(uint32_t));
    return (Cell){.bytes = {at + sizeof(uint32_t), load_u32le(at)}};
}

static bool read_dictionary(ValueDecoder *decoder, Cell *cells, size_t count, Err *err) {
    uint32_t indices[CELLS_MAX];
    if (!hybrid_read(&decoder->hybrid, indices, count)) {
        return ends_early(decoder, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (indices[i] >= decoder->dictionary->count) {
            return FAIL(err, ERR_VALUE, "value %u of a dictionary of %u", indices[i], decoder->dictionary->count);
        }
        cells[i] = dictionary_cell(decoder->dictionary, decoder->form, indices[i]);
    }
    return true;
}

static bool read_plain(ValueDecoder *decoder, Cell *cells, size_t count, Err *err) {
    Reader *bytes = &decoder->bytes;
    ValueForm form = decoder->form;
    if (form.type == PHYSICAL_BOOLEAN) {
        if (count > reader_left(bytes) * 8 - decoder->at) {
            return ends_early(decoder, err);
        }
        for (size_t i = 0; i < count; i++, decoder->at++) {
            cells[i] = (Cell){.integer = bytes->at[decoder->at / 8] >> (decoder->at % 8) & 1};
        }
        return true;
    }
    if (form.type == PHYSICAL_BYTE_ARRAY) {
        for (size_t i = 0; i < count; i++) {
            cells[i].bytes = read_bytes(bytes, read_u32le(bytes));
        }
        return !bytes->bad || ends_early(decoder, err);
    }
    if (form.width > 0 && count > reader_left(bytes) / form.width) {
        return ends_early(decoder, err);
    }
    for (size_t i = 0; i < count; i++) {
        cells[i] = fixed_cell(form, bytes->at);
        bytes->at += form.width;
    }
    return true;
}

// --- values that are made --------------------------------------------------------------------------------------

// Room for the values of this step; what the step before made stays.
static uint8_t *made_room(ValueDecoder *decoder, size_t size, Err *err) {
    if (size > decoder->made_left) {
        FAIL(err, ERR_VALUE, "the page's values take more than %zu bytes once decoded", (size_t)MADE_BYTES_MAX);
        return NULL;
    }
    decoder->made_left -= size;
    decoder->made_turn ^= 1;
    Buf *buf = &decoder->made[decoder->made_turn];
    buf_reset_keep(buf, 2 * STEP_BYTES_MAX);
    uint8_t *room = buf_room(buf, MAX(size, 1));
    if (room == NULL) {
        FAIL(err, ERR_MEMORY, "a step of %zu bytes is too large", size);
    }
    return room;
}

static bool read_split(ValueDecoder *decoder, Cell *cells, size_t count, Err *err) {
    size_t width = decoder->form.width;
    size_t all = width > 0 ? reader_left(&decoder->bytes) / width : 0;
    if (count > all - decoder->at) {
        return ends_early(decoder, err);
    }
    uint8_t *room = made_room(decoder, count * width, err);
    TRY(room != NULL);
    for (size_t byte = 0; byte < width; byte++) {
        const uint8_t *stream = decoder->bytes.at + byte * all + decoder->at;
        for (size_t i = 0; i < count; i++) {
            room[i * width + byte] = stream[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        cells[i] = fixed_cell(decoder->form, room + i * width);
    }
    decoder->at += count;
    return true;
}

static bool read_numbers(ValueDecoder *decoder, Cell *cells, size_t count, Err *err) {
    int64_t numbers[CELLS_MAX];
    if (!delta_read(&decoder->delta, numbers, count)) {
        return ends_early(decoder, err);
    }
    bool narrow = decoder->form.type == PHYSICAL_INT32;
    for (size_t i = 0; i < count; i++) {
        cells[i].integer = narrow ? (int32_t)(uint32_t)(uint64_t)numbers[i] : numbers[i];
    }
    return true;
}

static bool read_lengths(ValueDecoder *decoder, Cell *cells, size_t count, Err *err) {
    int64_t lengths[CELLS_MAX];
    if (!delta_read(&decoder->delta, lengths, count)) {
        return ends_early(decoder, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || (uint64_t)lengths[i] > reader_left(&decoder->bytes)) {
            return FAIL(err, ERR_VALUE, "a value's length is past the page's end");
        }
        cells[i].bytes = read_bytes(&decoder->bytes, (size_t)lengths[i]);
    }
    return true;
}

static bool fill_lengths(ValueDecoder *decoder, Err *err) {
    if (decoder->length_at < decoder->length_count) {
        return true;
    }
    uint64_t left = MIN(decoder->delta.left, decoder->prefixes.left);
    size_t count = (size_t)MIN(left, ARRAY_LEN(decoder->prefix));
    if (count == 0 || !delta_read(&decoder->prefixes, decoder->prefix, count) ||
        !delta_read(&decoder->delta, decoder->suffix, count)) {
        return ends_early(decoder, err);
    }
    decoder->length_at = 0;
    decoder->length_count = (uint32_t)count;
    return true;
}

// How many of the lengths at hand are taken in this step, and the bytes that they make.
static bool plan_shared(const ValueDecoder *decoder, size_t *count, size_t *size, Err *err) {
    size_t last = decoder->last.size;
    uint64_t left = reader_left(&decoder->bytes), made = 0;
    size_t i = 0;
    for (; i < *count && decoder->length_at + i < decoder->length_count; i++) {
        int64_t prefix = decoder->prefix[decoder->length_at + i];
        int64_t suffix = decoder->suffix[decoder->length_at + i];
        if (prefix < 0 || (uint64_t)prefix > last || suffix < 0 || (uint64_t)suffix > left) {
            return FAIL(err, ERR_VALUE, "a value's length is past the page's end, or past the value before");
        }
        uint64_t value = (uint64_t)prefix + (uint64_t)suffix;
        if (i > 0 && made + value > STEP_BYTES_MAX) {
            break;
        }
        made += value;
        left -= (uint64_t)suffix;
        last = (size_t)value;
    }
    *count = i;
    *size = (size_t)made;
    return true;
}

static bool read_shared(ValueDecoder *decoder, Cell *cells, size_t *count, Err *err) {
    TRY(fill_lengths(decoder, err));
    size_t size = 0;
    TRY(plan_shared(decoder, count, &size, err));
    uint8_t *room = made_room(decoder, size, err);
    TRY(room != NULL);
    for (size_t i = 0; i < *count; i++, decoder->length_at++) {
        size_t prefix = (size_t)decoder->prefix[decoder->length_at];
        Slice suffix = read_bytes(&decoder->bytes, (size_t)decoder->suffix[decoder->length_at]);
        if (prefix > 0) {
            memcpy(room, decoder->last.data, prefix);
        }
        if (suffix.size > 0) {
            memcpy(room + prefix, suffix.data, suffix.size);
        }
        decoder->last = (Slice){room, prefix + suffix.size};
        if (decoder->form.type == PHYSICAL_FIXED && decoder->last.size != decoder->form.width) {
            return FAIL(err, ERR_VALUE, "a value of %zu bytes among those of %u", decoder->last.size,
                        decoder->form.width);
        }
        cells[i].bytes = decoder->last;
        room += decoder->last.size;
    }
    return true;
}

// --- pages -----------------------------------------------------------------------------------------------------

static bool encoding_fits(PhysicalType type, Encoding encoding) {
    switch (encoding) {
    case ENCODING_PLAIN:
        return true;
    case ENCODING_PLAIN_DICTIONARY:
    case ENCODING_RLE_DICTIONARY:
        return type != PHYSICAL_BOOLEAN;
    case ENCODING_RLE:
        return type == PHYSICAL_BOOLEAN;
    case ENCODING_DELTA_BINARY_PACKED:
        return type == PHYSICAL_INT32 || type == PHYSICAL_INT64;
    case ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return type == PHYSICAL_BYTE_ARRAY;
    case ENCODING_DELTA_BYTE_ARRAY:
        return type == PHYSICAL_BYTE_ARRAY || type == PHYSICAL_FIXED;
    case ENCODING_BYTE_STREAM_SPLIT:
        return type != PHYSICAL_BOOLEAN && type != PHYSICAL_BYTE_ARRAY && type != PHYSICAL_INT96;
    case ENCODING_BIT_PACKED:
    default:
        return false;
    }
}

static bool open_hybrid(ValueDecoder *decoder, Slice values, Err *err) {
    if (decoder->encoding == ENCODING_RLE) {
        Reader bytes = reader_of(values);
        Slice runs = read_bytes(&bytes, read_u32le(&bytes));
        decoder->hybrid = hybrid_decoder(runs, 1);
        return !bytes.bad || FAIL(err, ERR_VALUE, "booleans (RLE): their length is past the page's end");
    }
    if (!decoder->dictionary->there) {
        return FAIL(err, ERR_VALUE, "values of a dictionary (%s), but there is none",
                    encoding_name((int32_t)decoder->encoding));
    }
    uint8_t width = values.data[0];
    if (width > 32) {
        return FAIL(err, ERR_VALUE, "indices of %u bits", width);
    }
    decoder->hybrid = hybrid_decoder(slice_from(values, 1), width);
    return true;
}

static bool open_lengths(ValueDecoder *decoder, Slice values, Err *err) {
    Slice rest = values;
    bool good = true;
    if (decoder->encoding == ENCODING_DELTA_BYTE_ARRAY) {
        good = delta_open(&decoder->prefixes, rest) && delta_end(&decoder->prefixes, &rest);
    }
    good = good && delta_open(&decoder->delta, rest) && delta_end(&decoder->delta, &rest);
    decoder->bytes = reader_of(rest);
    return good || FAIL(err, ERR_VALUE, "the lengths (%s) are damaged", encoding_name((int32_t)decoder->encoding));
}

bool value_decoder_page(ValueDecoder *decoder, ValueForm form, int32_t encoding, Slice values,
                        const Dictionary *dictionary, Err *err) {
    decoder->form = form;
    decoder->encoding = (Encoding)encoding;
    decoder->dictionary = dictionary;
    decoder->bytes = reader_of(values);
    decoder->at = 0;
    decoder->length_at = decoder->length_count = 0;
    decoder->last = (Slice){NULL, 0};
    decoder->made_left = MADE_BYTES_MAX;
    decoder->hybrid = hybrid_decoder((Slice){values.data, 0}, 0);
    decoder->delta = decoder->prefixes = (DeltaDecoder){0};
    if (encoding < 0 || !encoding_fits(form.type, decoder->encoding)) {
        return FAIL(err, ERR_VALUE, "values of type %s in encoding %s (%d)", physical_type_name((int32_t)form.type),
                    encoding_name(encoding), encoding);
    }
    if (values.size == 0) {
        return true; // of a page that holds nulls only
    }
    switch (decoder->encoding) {
    case ENCODING_PLAIN_DICTIONARY:
    case ENCODING_RLE_DICTIONARY:
    case ENCODING_RLE:
        return open_hybrid(decoder, values, err);
    case ENCODING_DELTA_BINARY_PACKED:
        return delta_open(&decoder->delta, values) || FAIL(err, ERR_VALUE, "the head of the values is damaged");
    case ENCODING_DELTA_LENGTH_BYTE_ARRAY:
    case ENCODING_DELTA_BYTE_ARRAY:
        return open_lengths(decoder, values, err);
    case ENCODING_PLAIN:
    case ENCODING_BYTE_STREAM_SPLIT:
    case ENCODING_BIT_PACKED:
        break;
    }
    return true;
}

void value_decoder_release(ValueDecoder *decoder) {
    buf_release(&decoder->made[0]);
    buf_release(&decoder->made[1]);
}

bool value_decoder_read(ValueDecoder *decoder, Cell *cells, size_t *count, Err *err) {
    ASSERT(*count > 0 && *count <= CELLS_MAX);
    switch (decoder->encoding) {
    case ENCODING_PLAIN:
        return read_plain(decoder, cells, *count, err);
    case ENCODING_PLAIN_DICTIONARY:
    case ENCODING_RLE_DICTIONARY:
        return read_dictionary(decoder, cells, *count, err);
    case ENCODING_RLE: {
        uint32_t bits[CELLS_MAX];
        if (!hybrid_read(&decoder->hybrid, bits, *count)) {
            return ends_early(decoder, err);
        }
        for (size_t i = 0; i < *count; i++) {
            cells[i].integer = bits[i];
        }
        return true;
    }
    case ENCODING_DELTA_BINARY_PACKED:
        return read_numbers(decoder, cells, *count, err);
    case ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return read_lengths(decoder, cells, *count, err);
    case ENCODING_DELTA_BYTE_ARRAY:
        return read_shared(decoder, cells, count, err);
    case ENCODING_BYTE_STREAM_SPLIT:
        return read_split(decoder, cells, *count, err);
    case ENCODING_BIT_PACKED:
        break;
    }
    UNREACHABLE();
}
