// SPDX-License-Identifier: Apache-2.0
// Any bytes as each answer of a catalog: they are it, or ERR_NET_PROTOCOL, and what is given back is readable.
#include "lake/catalog/rest/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(const RestSettings *settings) {
    size_t sum = 0;
    for (size_t i = 0; i < settings->count; i++) {
        sum += settings->items[i].key.size + settings->items[i].value.size;
        sum += settings->items[i].value.size > 0 ? settings->items[i].value.data[0] : 0;
    }
    return sum + rest_setting(settings, "prefix").size;
}

static size_t names_touch(const RestNames *names) {
    size_t sum = names->next_page.size;
    for (size_t i = 0; i < names->count; i++) {
        sum += names->names[i].size > 0 ? names->names[i].data[0] : 0;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    Slice json = {data + 1, size - 1};
    Arena arena;
    Err err[1] = {{0}};
    RestConfig config;
    RestNames names;
    RestSettings properties;
    RestTable table;
    RestPlace place;
    RestToken token;
    bool good = true;
    size_t sum = 0;
    arena_init(&arena, "scratch", 64 * size + 65536);
    switch (data[0] % 8) {
    case 0:
        good = rest_config_parse(json, &arena, &config, err);
        sum += good ? touch(&config.defaults) + touch(&config.overrides) + rest_offers(&config, "GET /v1") : 0;
        break;
    case 1:
        good = rest_spaces_parse(json, &arena, &names, err);
        sum += good ? names_touch(&names) : 0;
        break;
    case 2:
        good = rest_tables_parse(json, &arena, &names, err);
        sum += good ? names_touch(&names) : 0;
        break;
    case 3:
        good = rest_space_parse(json, &arena, &properties, err);
        sum += good ? touch(&properties) : 0;
        break;
    case 4:
        good = rest_table_parse(json, &arena, &table, err);
        for (size_t i = 0; good && i < table.key_count; i++) {
            sum += touch(&table.keys[i].config) + table.keys[i].prefix.size;
        }
        sum += good ? touch(&table.config) : 0;
        break;
    case 5:
        good = rest_place_parse(json, &arena, &place, err);
        sum += good ? touch(&place.properties) : 0;
        break;
    case 6:
        good = rest_token_parse(json, &arena, &token, err);
        ASSERT(!good || (token.token.size > 0 && token.expires_s >= 0));
        break;
    default:
        sum += rest_error_parse(json, &arena).message.size;
        break;
    }
    ASSERT(sum < SIZE_MAX && (good || err->code == ERR_NET_PROTOCOL));
    arena_release(&arena);
    return 0;
}
