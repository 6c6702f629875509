// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seen;

static void touch(ValueForm form, const Cell *cell) {
    bool bytes = form.type == PHYSICAL_BYTE_ARRAY || form.type == PHYSICAL_FIXED || form.type == PHYSICAL_INT96;
    if (!bytes) {
        seen += (uint64_t)cell->integer;
        return;
    }
    ASSERT(form.type == PHYSICAL_BYTE_ARRAY || cell->bytes.size == form.width);
    for (size_t i = 0; i < cell->bytes.size; i++) {
        seen += cell->bytes.data[i];
    }
}

static void read_page(ValueDecoder *decoder, ValueForm form, uint8_t encoding, size_t step, Slice page,
                      const Dictionary *dictionary) {
    Err err[1] = {{0}};
    Cell cells[CELLS_MAX];
    if (!value_decoder_page(decoder, form, encoding, page, dictionary, err)) {
        return;
    }
    for (size_t done = 0; done < 20000;) {
        size_t count = step;
        if (!value_decoder_read(decoder, cells, &count, err)) {
            ASSERT(err->code == ERR_VALUE);
            return;
        }
        ASSERT(count > 0 && count <= step);
        for (size_t i = 0; i < count; i++) {
            touch(form, &cells[i]);
        }
        done += count;
    }
}

// The first bytes say type, encoding, step and where the dictionary ends; the page is read twice by one decoder.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t WIDTHS[] = {0, 4, 8, 12, 4, 8, 0, 0};
    if (size < 6) {
        return 0;
    }
    ValueForm form = {(PhysicalType)(data[0] % PHYSICAL_COUNT), WIDTHS[data[0] % PHYSICAL_COUNT]};
    if (form.type == PHYSICAL_FIXED) {
        form.width = (uint32_t)(data[1] >> 4) + 1;
    }
    Slice rest = {data + 6, size - 6};
    size_t dictionary_size = MIN((size_t)data[3], rest.size);
    uint32_t dictionary_count = (uint32_t)data[4] | (uint32_t)data[5] << 8;
    Dictionary dictionary = {0};
    ValueDecoder decoder = {0};
    Err err[1] = {{0}};
    (void)!dictionary_load(&dictionary, form, (Slice){rest.data, dictionary_size}, dictionary_count, err);
    Slice page = slice_from(rest, dictionary_size);
    read_page(&decoder, form, data[1] & 15, (size_t)data[2] + 1, page, &dictionary);
    read_page(&decoder, form, data[1] & 15, 1, page, &dictionary);
    value_decoder_release(&decoder);
    dictionary_release(&dictionary);
    return 0;
}
