// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/dictionary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SLOTS_MIN = 64, SAMPLE = 4096 };

void dictionary_init(Dictionary *dictionary, uint32_t value_size) {
    *dictionary = (Dictionary){.value_size = value_size};
}

void dictionary_clear(Dictionary *dictionary) {
    buf_release(&dictionary->values);
    buf_release(&dictionary->starts);
    free(dictionary->slots);
    dictionary_init(dictionary, dictionary->value_size);
}

size_t dictionary_held(const Dictionary *dictionary) {
    return dictionary->values.capacity + dictionary->starts.capacity + dictionary->slot_count * sizeof(DictionarySlot);
}

static uint32_t start_of(const Dictionary *dictionary, uint32_t index) {
    return load_u32le(dictionary->starts.data + (size_t)index * 4);
}

size_t dictionary_bytes(const Dictionary *dictionary, uint32_t count) {
    if (count >= dictionary->count) {
        return dictionary->values.size;
    }
    return dictionary->value_size == 0 ? start_of(dictionary, count) : (size_t)count * dictionary->value_size;
}

void dictionary_cut(Dictionary *dictionary, uint32_t count) {
    if (count >= dictionary->count) {
        return;
    }
    dictionary->values.size = dictionary_bytes(dictionary, count);
    if (dictionary->value_size == 0) {
        dictionary->starts.size = (size_t)count * 4;
    }
    dictionary->count = count;
}

Slice dictionary_value(const Dictionary *dictionary, uint32_t index) {
    ASSERT(index < dictionary->count);
    if (dictionary->value_size != 0) {
        return (Slice){dictionary->values.data + (size_t)index * dictionary->value_size, dictionary->value_size};
    }
    const uint8_t *at = dictionary->values.data + start_of(dictionary, index);
    return (Slice){at + 4, load_u32le(at)};
}

// --- hashes ----------------------------------------------------------------------------------------------------

// The place comes from the high bits, the tag from the low ones.
static inline __attribute__((always_inline)) uint64_t hash_of(const uint8_t *value, size_t size) {
    if (size == 4 || size == 8) {
        uint64_t v = size == 4 ? load_u32le(value) : load_u64le(value);
        v *= UINT64_C(0x9E3779B97F4A7C15);
        v ^= v >> 32;
        return v * UINT64_C(0xD6E8FEB86659FD93);
    }
    return XXH3_64bits(value, size);
}

static inline size_t place_of(const Dictionary *dictionary, uint64_t hash) {
    return (size_t)(hash >> 32) & (dictionary->slot_count - 1);
}

static void slots_grow(Dictionary *dictionary) {
    size_t slot_count = dictionary->slot_count == 0 ? SLOTS_MIN : dictionary->slot_count * 2;
    DictionarySlot *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL) {
        panic("out of memory: a dictionary of %zu slots", slot_count);
    }
    free(dictionary->slots);
    dictionary->slots = slots;
    dictionary->slot_count = slot_count;
    for (uint32_t i = 0; i < dictionary->count; i++) {
        Slice value = dictionary_value(dictionary, i);
        uint64_t hash = hash_of(value.data, value.size);
        size_t at = place_of(dictionary, hash);
        while (slots[at].index != 0) {
            at = (at + 1) & (slot_count - 1);
        }
        slots[at] = (DictionarySlot){(uint32_t)hash, i + 1};
    }
}

static void value_add(Dictionary *dictionary, const uint8_t *value, size_t size, uint64_t hash, size_t at) {
    if (dictionary->value_size == 0) {
        buf_u32le(&dictionary->starts, (uint32_t)dictionary->values.size);
        buf_u32le(&dictionary->values, (uint32_t)size);
    }
    buf_bytes(&dictionary->values, value, size);
    dictionary->slots[at] = (DictionarySlot){(uint32_t)hash, dictionary->count + 1};
    dictionary->count++;
    if ((size_t)dictionary->count * 2 > dictionary->slot_count) {
        slots_grow(dictionary);
    }
}

static inline __attribute__((always_inline)) bool value_is(const Dictionary *dictionary, uint32_t index,
                                                           const uint8_t *value, size_t size, bool sized) {
    if (sized) {
        return memcmp(dictionary->values.data + (size_t)index * size, value, size) == 0;
    }
    const uint8_t *at = dictionary->values.data + start_of(dictionary, index);
    return load_u32le(at) == size && memcmp(at + 4, value, size) == 0;
}

static inline __attribute__((always_inline)) uint32_t value_index(Dictionary *dictionary, const uint8_t *value,
                                                                  size_t size, bool sized) {
    uint64_t hash = hash_of(value, size);
    size_t at = place_of(dictionary, hash);
    while (true) {
        DictionarySlot slot = dictionary->slots[at];
        if (slot.index == 0) {
            uint32_t index = dictionary->count;
            value_add(dictionary, value, size, hash, at);
            return index;
        }
        if (slot.tag == (uint32_t)hash && value_is(dictionary, slot.index - 1, value, size, sized)) {
            return slot.index - 1;
        }
        at = (at + 1) & (dictionary->slot_count - 1);
    }
}

static bool goes_on(const Dictionary *dictionary, size_t i, DictionaryLimits limits) {
    if (dictionary->values.size > limits.bytes_max) {
        return false;
    }
    return !(limits.sampled && i == SAMPLE && dictionary->count > SAMPLE / 20 * 19);
}

static inline __attribute__((always_inline)) bool map_sized(Dictionary *dictionary, const uint8_t *values, size_t count,
                                                            size_t size, DictionaryLimits limits, uint32_t *indices) {
    for (size_t i = 0; i < count; i++, values += size) {
        if (UNLIKELY(i % 1024 == 0 && !goes_on(dictionary, i, limits))) {
            return false;
        }
        indices[i] = value_index(dictionary, values, size, true);
    }
    return goes_on(dictionary, count, limits);
}

static bool map_bytes(Dictionary *dictionary, const uint8_t *values, const uint32_t *lengths, size_t count,
                      DictionaryLimits limits, uint32_t *indices) {
    for (size_t i = 0; i < count; i++) {
        // A value may be large: the limit is looked at before each that is.
        if (UNLIKELY((i % 1024 == 0 || lengths[i] > 256) && !goes_on(dictionary, i, limits))) {
            return false;
        }
        if (UNLIKELY(lengths[i] > limits.bytes_max)) {
            return false;
        }
        indices[i] = value_index(dictionary, values, lengths[i], false);
        values += lengths[i];
    }
    return goes_on(dictionary, count, limits);
}

bool dictionary_map(Dictionary *dictionary, const uint8_t *values, const uint32_t *lengths, size_t count,
                    DictionaryLimits limits, uint32_t *indices) {
    if (dictionary->slot_count == 0) {
        slots_grow(dictionary);
    }
    switch (dictionary->value_size) {
    case 0:
        return map_bytes(dictionary, values, lengths, count, limits, indices);
    case 4:
        return map_sized(dictionary, values, count, 4, limits, indices);
    case 8:
        return map_sized(dictionary, values, count, 8, limits, indices);
    default:
        return map_sized(dictionary, values, count, dictionary->value_size, limits, indices);
    }
}
