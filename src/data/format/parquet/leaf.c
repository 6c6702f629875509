// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/leaf.h"

static LeafRoad road_of(const TreeLeaf *spec) {
    switch (spec->value_kind) {
    case VALUE_INT:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        return spec->value_size == 4 ? LEAF_INT32 : LEAF_INT64;
    case VALUE_STRING:
    case VALUE_BYTES:
        return LEAF_BYTES;
    default:
        return LEAF_OTHER;
    }
}

static void chunk_begin(Leaf *leaf, const TreeLeaf *spec, size_t row_count_max) {
    *leaf = (Leaf){
        .spec = spec,
        .road = (uint8_t)road_of(spec),
        .value_kind = spec->value_kind,
        .epoch = spec->epoch,
        .row_count_max = row_count_max,
        .state = spec->physical == PHYSICAL_BOOLEAN ? DICTIONARY_OFF : DICTIONARY_UNDECIDED,
    };
    dictionary_init(&leaf->dictionary, spec->value_size);
}

void leaf_init(Leaf *leaf, const TreeLeaf *spec, const LeafOptions *options) {
    size_t rows = spec->value_size == 0 ? options->page_rows : options->page_bytes / spec->value_size;
    chunk_begin(leaf, spec, MAX(MIN(rows, (size_t)options->page_rows), (size_t)1));
}

void leaf_release(Leaf *leaf) {
    Buf *bufs[] = {&leaf->values, &leaf->lengths,   &leaf->present,     &leaf->levels,
                   &leaf->pages,  &leaf->page_list, &leaf->page_bounds, &leaf->hashes};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_release(bufs[i]);
    }
    dictionary_clear(&leaf->dictionary);
}

void leaf_reset(Leaf *leaf) {
    Leaf old = *leaf;
    chunk_begin(leaf, old.spec, old.row_count_max);
    Buf *from[] = {&old.values, &old.lengths, &old.present, &old.levels};
    Buf *to[] = {&leaf->values, &leaf->lengths, &leaf->present, &leaf->levels};
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        *to[i] = *from[i];
        buf_reset(to[i]);
        *from[i] = (Buf){0};
    }
    leaf_release(&old);
}

void leaf_trim(Leaf *leaf) {
    ASSERT(leaf->row_count == 0);
    Buf *bufs[] = {&leaf->values, &leaf->lengths, &leaf->present, &leaf->levels};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_release(bufs[i]);
    }
}

// The pages grow untouched ahead of their size, the others are filled again and again.
size_t leaf_held(const Leaf *leaf) {
    return leaf->values.capacity + leaf->lengths.capacity + leaf->present.capacity + leaf->levels.capacity +
           leaf->pages.size + leaf->page_list.capacity + leaf->page_bounds.capacity + leaf->hashes.capacity +
           dictionary_held(&leaf->dictionary);
}

// --- a value at a time -----------------------------------------------------------------------------------------

static bool range_fail(const Leaf *leaf, Err *err) {
    const Shape *shape = leaf->spec->shape;
    if (shape->kind == SHAPE_DECIMAL) {
        return FAIL(err, ERR_VALUE, "a number does not fit decimal(%d,%d)", shape->precision, shape->scale);
    }
    return FAIL(err, ERR_VALUE, "a value does not fit %s", shape_kind_name(shape->kind));
}

static inline bool decimal_put(Leaf *leaf, Int128 units, Err *err) {
    const TreeLeaf *spec = leaf->spec;
    if (UNLIKELY(units >= spec->decimal_end || units <= -spec->decimal_end)) {
        return range_fail(leaf, err);
    }
    if (spec->physical == PHYSICAL_INT32) {
        leaf_put32(leaf, (int32_t)units);
    } else if (spec->physical == PHYSICAL_INT64) {
        leaf_put64(leaf, (int64_t)units);
    } else {
        uint8_t *at = buf_room(&leaf->values, spec->value_size);
        for (size_t i = spec->value_size; i > 0; i--) {
            at[i - 1] = (uint8_t)units;
            units >>= 8;
        }
        buf_advance(&leaf->values, spec->value_size);
        leaf->value_count++;
    }
    return true;
}

static bool bytes_fail(const Value *value, Err *err) {
    return FAIL(err, ERR_VALUE, "a value of %zu bytes is too large for Parquet", value->bytes.size);
}

static bool kind_fail(const Leaf *leaf, Err *err) {
    return FAIL(err, ERR_INTERNAL, "a value is not of the form that a %s takes",
                shape_kind_name(leaf->spec->shape->kind));
}

static void float_put(Leaf *leaf, const Value *value) {
    if (leaf->spec->value_size == 4) {
        float real = (float)value->real;
        int32_t bits;
        memcpy(&bits, &real, sizeof(bits));
        leaf_put32(leaf, bits);
    } else {
        leaf_put64(leaf, value->integer); // its bits
    }
}

bool leaf_put_any(Leaf *leaf, const Value *value, Err *err) {
    const TreeLeaf *spec = leaf->spec;
    if (UNLIKELY(value->kind != spec->value_kind && !(spec->value_kind == VALUE_TRUE && value->kind == VALUE_FALSE))) {
        return kind_fail(leaf, err);
    }
    switch (spec->value_kind) {
    case VALUE_TRUE:
        buf_u8(&leaf->values, value->kind == VALUE_TRUE);
        leaf->value_count++;
        return true;
    case VALUE_INT:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        return range_fail(leaf, err); // leaf_put took the others
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
        float_put(leaf, value);
        return true;
    case VALUE_DECIMAL: {
        Int128 units = 0;
        if (UNLIKELY(!decimal_to_int128(value->bytes, spec->shape->scale, &units))) {
            return range_fail(leaf, err);
        }
        return decimal_put(leaf, units, err);
    }
    case VALUE_STRING:
    case VALUE_BYTES:
        return bytes_fail(value, err);
    case VALUE_UUID:
        if (UNLIKELY(value->bytes.size != spec->value_size)) {
            return kind_fail(leaf, err);
        }
        buf_put(&leaf->values, value->bytes);
        leaf->value_count++;
        return true;
    default:
        return kind_fail(leaf, err);
    }
}

// --- entries ---------------------------------------------------------------------------------------------------

// All rows so far had a value: bits of ones for them.
static void present_begin(Leaf *leaf) {
    size_t size = leaf->row_count / 8 + 1;
    uint8_t *at = buf_room(&leaf->present, size);
    memset(at, 0xFF, size);
    at[size - 1] = (uint8_t)((1U << (leaf->row_count % 8)) - 1);
    buf_advance(&leaf->present, leaf->row_count % 8 == 0 ? size - 1 : size);
}

void leaf_entry_null(Leaf *leaf) {
    if (leaf->present.size == 0) {
        present_begin(leaf);
    }
    if (leaf->row_count % 8 == 0) {
        buf_u8(&leaf->present, 0);
    }
    leaf->entry_count++;
    leaf->row_count++;
}

static void value_drop(Leaf *leaf) {
    uint32_t size = leaf->spec->value_size;
    if (size == 0) {
        leaf->lengths.size -= 4;
        size = load_u32le(leaf->lengths.data + leaf->lengths.size);
    }
    leaf->values.size -= size;
    leaf->value_count--;
}

static bool flat_drop(Leaf *leaf) {
    size_t row = leaf->row_count - 1;
    bool present = true;
    if (leaf->present.size != 0) {
        uint8_t *byte = &leaf->present.data[row / 8];
        present = (*byte >> (row % 8) & 1) != 0;
        *byte &= (uint8_t) ~(1U << (row % 8));
        if (row % 8 == 0) {
            leaf->present.size--;
        }
    }
    return present;
}

void leaf_cut(Leaf *leaf, size_t row_count) {
    while (leaf->row_count > row_count) {
        if (leaf_is_flat(leaf)) {
            if (flat_drop(leaf)) {
                value_drop(leaf);
            }
            leaf->row_count--;
        } else {
            leaf->levels.size -= 2;
            const uint8_t *entry = leaf->levels.data + leaf->levels.size;
            if (entry[0] == leaf->spec->max_definition) {
                value_drop(leaf);
            }
            leaf->row_count -= entry[1] == 0;
        }
        leaf->entry_count--;
    }
}

// --- columns of memory -----------------------------------------------------------------------------------------

static inline bool valid_at(const uint8_t *valid, size_t i) {
    return valid == NULL || (valid[i / 8] >> (i % 8) & 1) != 0;
}

// Rows that fit the page: all, or what byte arrays leave room for.
static size_t rows_that_fit(const Leaf *leaf, const ParquetColumn *column, size_t first, size_t count,
                            size_t page_bytes) {
    count = MIN(count, leaf->row_count_max - leaf->row_count);
    if (leaf->spec->value_size != 0 || count == 0) {
        return count;
    }
    uint64_t room = page_bytes - MIN(page_bytes, leaf->values.size) + column->offsets[first];
    if (column->offsets[first + count] <= room) {
        return count;
    }
    size_t low = 0, high = count; // the last row that fits
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (column->offsets[first + middle] <= room) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

// Values that are there, one behind another.
static inline __attribute__((always_inline)) void compact(Leaf *leaf, const uint8_t *from, const uint8_t *valid,
                                                          size_t first, size_t count, size_t size) {
    uint8_t *room = buf_room(&leaf->values, (count + 1) * size);
    from += first * size;
    if (valid == NULL) {
        memcpy(room, from, count * size);
        buf_advance(&leaf->values, count * size);
        leaf->value_count += count;
        return;
    }
    uint8_t *at = room;
    for (size_t i = 0; i < count; i++, from += size) {
        memcpy(at, from, size);
        at += valid_at(valid, first + i) ? size : 0;
    }
    buf_advance(&leaf->values, (size_t)(at - room));
    leaf->value_count += (size_t)(at - room) / size;
}

static void fixed_columns(Leaf *leaf, const ParquetColumn *column, size_t first, size_t count) {
    switch (leaf->spec->value_size) {
    case 1: {
        size_t from = leaf->values.size;
        compact(leaf, column->data, column->valid, first, count, 1);
        for (size_t i = from; i < leaf->values.size; i++) {
            leaf->values.data[i] = leaf->values.data[i] != 0;
        }
        return;
    }
    case 4:
        compact(leaf, column->data, column->valid, first, count, 4);
        return;
    case 8:
        compact(leaf, column->data, column->valid, first, count, 8);
        return;
    default:
        ASSERT(leaf->spec->value_size == 16);
        compact(leaf, column->data, column->valid, first, count, 16);
    }
}

static bool decimal_columns(Leaf *leaf, const ParquetColumn *column, size_t first, size_t count, Err *err) {
    buf_room(&leaf->values, count * leaf->spec->value_size);
    const uint8_t *from = (const uint8_t *)column->data + first * sizeof(Int128);
    for (size_t i = 0; i < count; i++, from += sizeof(Int128)) {
        Int128 units;
        memcpy(&units, from, sizeof(units));
        if (valid_at(column->valid, first + i)) {
            TRY(decimal_put(leaf, units, err));
        }
    }
    return true;
}

static void bytes_columns(Leaf *leaf, const ParquetColumn *column, size_t first, size_t count) {
    const uint32_t *offsets = column->offsets + first;
    const uint8_t *data = column->data;
    if (column->valid == NULL) {
        uint8_t *lengths = buf_room(&leaf->lengths, count * 4);
        for (size_t i = 0; i < count; i++) {
            uint32_t length = offsets[i + 1] - offsets[i];
            memcpy(lengths + i * 4, &length, 4);
        }
        buf_advance(&leaf->lengths, count * 4);
        buf_bytes(&leaf->values, data + offsets[0], offsets[count] - offsets[0]);
        leaf->value_count += count;
        return;
    }
    // Runs of values that are there are copied at once.
    for (size_t i = 0; i < count;) {
        size_t from = i;
        for (; i < count && valid_at(column->valid, first + i); i++) {
            buf_u32le(&leaf->lengths, offsets[i + 1] - offsets[i]);
            leaf->value_count++;
        }
        buf_bytes(&leaf->values, data + offsets[from], offsets[i] - offsets[from]);
        i += i < count;
    }
}

static void present_put(Leaf *leaf, const uint8_t *valid, size_t first, size_t count) {
    if (leaf->present.size == 0) {
        present_begin(leaf);
    }
    size_t row = leaf->row_count, i = 0;
    for (; i < count && (row + i) % 8 != 0; i++) {
        leaf->present.data[(row + i) / 8] |= (uint8_t)(valid_at(valid, first + i) << ((row + i) % 8));
    }
    uint8_t *at = buf_room(&leaf->present, (count - i) / 8 + 1);
    for (; i < count; i += 8) {
        uint8_t byte = 0;
        if ((first + i) % 8 == 0 && count - i >= 8) {
            byte = valid == NULL ? 0xFF : valid[(first + i) / 8];
        } else {
            for (size_t bit = 0; bit < MIN((size_t)8, count - i); bit++) {
                byte |= (uint8_t)(valid_at(valid, first + i + bit) << bit);
            }
        }
        *at++ = byte;
        buf_advance(&leaf->present, 1);
    }
}

bool leaf_columns(Leaf *leaf, const ParquetColumn *column, size_t first, size_t count, size_t page_bytes, size_t *taken,
                  Err *err) {
    ASSERT(leaf_is_flat(leaf) && leaf->row_count < leaf->row_count_max);
    const TreeLeaf *spec = leaf->spec;
    count = rows_that_fit(leaf, column, first, count, page_bytes);
    *taken = count;
    size_t values = leaf->value_count;
    if (spec->shape->kind == SHAPE_DECIMAL) {
        TRY(decimal_columns(leaf, column, first, count, err));
    } else if (spec->value_size == 0) {
        bytes_columns(leaf, column, first, count);
    } else {
        fixed_columns(leaf, column, first, count);
    }
    bool nulls = leaf->value_count - values < count;
    if (nulls && spec->max_definition == 0) {
        return FAIL(err, ERR_VALUE, "a value is missing where there must be one");
    }
    if (nulls || leaf->present.size != 0) {
        present_put(leaf, column->valid, first, count);
    }
    leaf->entry_count += count;
    leaf->row_count += count;
    return true;
}
