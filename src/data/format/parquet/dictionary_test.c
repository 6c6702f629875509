// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/dictionary.c" // NOLINT

#include "core/base/test.h"

enum { COUNT = 20000 };
static uint32_t indices[COUNT];
static const DictionaryLimits UNLIMITED = {SIZE_MAX, false};

TEST(dictionary_numbers_fixed_values) {
    static const uint32_t SIZES[] = {4, 8, 12, 16};
    for (size_t s = 0; s < ARRAY_LEN(SIZES); s++) {
        uint32_t size = SIZES[s];
        Dictionary dictionary;
        dictionary_init(&dictionary, size);
        DEFER(buf_release) Buf values = {0};
        for (uint32_t i = 0; i < COUNT; i++) {
            uint8_t value[16] = {0};
            uint32_t number = i * i % 3001;
            memcpy(value + size - 4, &number, 4);
            buf_bytes(&values, value, size);
        }
        CHECK(dictionary_map(&dictionary, values.data, NULL, COUNT, UNLIMITED, indices));
        CHECK(dictionary.count < 3001 && dictionary.values.size == (size_t)dictionary.count * size);
        for (uint32_t i = 0; i < COUNT; i++) {
            Slice value = dictionary_value(&dictionary, indices[i]);
            CHECK(slice_equal(value, (Slice){values.data + (size_t)i * size, size}));
        }
        dictionary_clear(&dictionary);
    }
}

static void texts_make(Buf *values, uint32_t *lengths, uint32_t distinct) {
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t before = values->size;
        for (uint32_t j = 0; j < i % distinct % 7; j++) {
            buf_text(values, "prefix ");
        }
        buf_uint(values, i % distinct);
        lengths[i] = (uint32_t)(values->size - before);
    }
}

TEST(dictionary_numbers_texts_and_is_cut) {
    static uint32_t lengths[COUNT];
    DEFER(buf_release) Buf values = {0};
    texts_make(&values, lengths, 500);
    Dictionary dictionary;
    dictionary_init(&dictionary, 0);
    CHECK(dictionary_map(&dictionary, values.data, lengths, COUNT, UNLIMITED, indices));
    CHECK_INT(dictionary.count, 500);
    const uint8_t *at = values.data;
    for (uint32_t i = 0; i < COUNT; at += lengths[i], i++) {
        CHECK(slice_equal(dictionary_value(&dictionary, indices[i]), (Slice){at, lengths[i]}));
    }
    dictionary_cut(&dictionary, 3);
    CHECK_INT(dictionary.count, 3);
    CHECK_TEXT(dictionary_value(&dictionary, 2), "prefix prefix 2");
    CHECK_INT(dictionary.values.size, 4 + 1 + 4 + 8 + 4 + 15);
    dictionary_clear(&dictionary);
    CHECK_INT(dictionary_held(&dictionary), 0);
}

TEST(dictionary_gives_up_at_its_limits) {
    static uint32_t lengths[COUNT];
    DEFER(buf_release) Buf values = {0};
    texts_make(&values, lengths, COUNT);
    Dictionary dictionary;
    dictionary_init(&dictionary, 0);
    CHECK(!dictionary_map(&dictionary, values.data, lengths, COUNT, (DictionaryLimits){SIZE_MAX, true}, indices));
    CHECK_INT(dictionary.count, SAMPLE);
    dictionary_clear(&dictionary);
    CHECK(!dictionary_map(&dictionary, values.data, lengths, COUNT, (DictionaryLimits){10000, false}, indices));
    CHECK(dictionary.values.size < 100000);
    dictionary_clear(&dictionary);
    uint32_t large = 20000; // is not even copied
    CHECK(!dictionary_map(&dictionary, values.data, &large, 1, (DictionaryLimits){10000, false}, indices));
    CHECK_INT(dictionary.values.size, 0);
    dictionary_clear(&dictionary);
}
