// SPDX-License-Identifier: Apache-2.0
#include "core/config/option.c" // NOLINT

#include "core/base/test.h"
#include "core/config/properties.h"

typedef struct Sample {
    const char *name, *key, *list, *policy;
    bool on;
    int64_t count, size, age;
} Sample;

static const OptionSpec SPECS[] = {
    {.name = "name",
     .type = OPTION_TEXT,
     .flags = OPTION_REQUIRED,
     .offset = offsetof(Sample, name),
     .text = "A name."},
    {.name = "key", .type = OPTION_TEXT, .flags = OPTION_SECRET, .offset = offsetof(Sample, key)},
    {.name = "list", .type = OPTION_LIST, .offset = offsetof(Sample, list), .default_text = "a,b"},
    {.name = "ack.policy",
     .type = OPTION_CHOICE,
     .offset = offsetof(Sample, policy),
     .default_text = "journal",
     .choices = "journal,sink"},
    {.name = "on", .type = OPTION_BOOL, .offset = offsetof(Sample, on), .default_text = "true"},
    {.name = "count", .type = OPTION_INT, .offset = offsetof(Sample, count), .default_text = "4", .min = 1, .max = 64},
    {.name = "rotate.bytes",
     .type = OPTION_BYTES,
     .offset = offsetof(Sample, size),
     .default_text = "64MiB",
     .min = 4096},
    {.name = "rotate.age", .type = OPTION_DURATION, .offset = offsetof(Sample, age), .default_text = "60s"},
};
static const OptionTable TABLE = {"Sample", SPECS, ARRAY_LEN(SPECS)};

static Arena arena;

TEST(option_defaults_fill_every_field) {
    Sample sample;
    memset(&sample, 0xff, sizeof(sample));
    option_defaults(&TABLE, &sample);
    CHECK(sample.name == NULL && sample.key == NULL && sample.on);
    CHECK_TEXT(slice_of(sample.list), "a,b");
    CHECK_TEXT(slice_of(sample.policy), "journal");
    CHECK_INT(sample.count, 4);
    CHECK_INT(sample.size, 64 << 20);
    CHECK_INT(sample.age, 60000);
}

TEST(option_bytes_and_durations_are_exact) {
    static const struct {
        const char *text;
        int64_t value;
    } BYTES[] = {{"0", 0},
                 {"4096", 4096},
                 {"64MiB", 64 << 20},
                 {"10GB", 10000000000},
                 {"1 kib", 1024},
                 {"7B", 7},
                 {"3TB", 3000000000000},
                 {"1KB", 1000},
                 {"bad", -1},
                 {"", -1},
                 {"-1", -1},
                 {"1.5GiB", -1},
                 {"9999999TiB", -1},
                 {"99999999999999999999", -1},
                 {"1 GiBs", -1},
                 {" ", -1}},
      TIMES[] = {{"0", 0},          {"500ms", 500}, {"60s", 60000}, {"5m", 300000}, {"1h", 3600000},
                 {"7d", 604800000}, {"60", -1},     {"1w", -1},     {"-5s", -1},    {"ms", -1}};
    for (size_t i = 0; i < ARRAY_LEN(BYTES); i++) {
        Err err[1] = {{0}};
        int64_t value = 0;
        if (BYTES[i].value < 0) {
            CHECK_FAILS(option_parse_bytes(BYTES[i].text, &value, err), ERR_OPTION);
        } else {
            CHECK_OK(option_parse_bytes(BYTES[i].text, &value, err));
            CHECK_INT(value, BYTES[i].value);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        Err err[1] = {{0}};
        int64_t value = 0;
        if (TIMES[i].value < 0) {
            CHECK_FAILS(option_parse_duration(TIMES[i].text, &value, err), ERR_OPTION);
        } else {
            CHECK_OK(option_parse_duration(TIMES[i].text, &value, err));
            CHECK_INT(value, TIMES[i].value);
        }
    }
}

// What is printed can be set again and prints the same.
TEST(option_values_print_as_they_are_written) {
    arena_init(&arena, "run", 0);
    static const char *const PAIRS[][2] = {{"name", "x y"},          {"list", "a,*.b"},        {"ack.policy", "sink"},
                                           {"on", "false"},          {"count", "64"},          {"rotate.bytes", "1GiB"},
                                           {"rotate.bytes", "10GB"}, {"rotate.bytes", "4097"}, {"rotate.bytes", "5MiB"},
                                           {"rotate.age", "7d"},     {"rotate.age", "90m"},    {"rotate.age", "1500ms"},
                                           {"rotate.age", "0ms"},    {"rotate.age", "36h"}};
    for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
        Sample sample;
        option_defaults(&TABLE, &sample);
        Err err[1] = {{0}};
        CHECK_OK(option_set(&TABLE, &sample, PAIRS[i][0], PAIRS[i][1], &arena, err));
        DEFER(buf_release) Buf out = {0};
        option_print(option_find(&TABLE, PAIRS[i][0]), &sample, &out);
        CHECK_TEXT(buf_slice(&out), PAIRS[i][1]);
    }
    arena_release(&arena);
}

static void check_refused(const char *name, const char *value, const char *in_message, const char *in_hint) {
    Sample sample;
    option_defaults(&TABLE, &sample);
    Sample before = sample;
    Err err[1] = {{0}};
    CHECK(!option_set(&TABLE, &sample, name, value, &arena, err));
    CHECK_INT(err->code, ERR_OPTION);
    if (strstr(err->message, in_message) == NULL || strstr(err->hint, in_hint) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' / '%s'", err->message, err->hint);
    }
    CHECK(memcmp(&before, &sample, offsetof(Sample, on)) == 0 && before.count == sample.count &&
          before.size == sample.size && before.on == sample.on);
}

TEST(option_errors_say_what_is_allowed) {
    arena_init(&arena, "run", 0);
    check_refused("rotate.byts", "1", "Sample has no option 'rotate.byts'", "did you mean 'rotate.bytes'?");
    check_refused("zzzzzzzzzzzzzzzz", "1", "zzzz", "its options: name, key, list");
    check_refused("count", "0", "option 'count': the value must be at least 1", "");
    check_refused("count", "65", "at most 64", "");
    check_refused("count", "4x", "'4x' is not a whole number", "");
    check_refused("rotate.bytes", "1KiB", "at least 4KiB", "");
    check_refused("rotate.bytes", "1 sack", "option 'rotate.bytes': '1 sack'", "64MiB");
    check_refused("rotate.age", "60", "'60' is not a duration", "60s");
    check_refused("ack.policy", "both", "'both' is not one of: journal,sink", "choose");
    check_refused("ack.policy", "journal,sink", "is not one of", "");
    check_refused("ack.policy", "", "is not one of", "");
    check_refused("on", "yes", "'yes' is neither true nor false", "");
    arena_release(&arena);
}

TEST(option_secrets_are_not_printed) {
    arena_init(&arena, "run", 0);
    Sample sample;
    option_defaults(&TABLE, &sample);
    DEFER(buf_release) Buf out = {0};
    option_print(option_find(&TABLE, "key"), &sample, &out);
    CHECK_TEXT(buf_slice(&out), "");
    Err err[1] = {{0}};
    CHECK_OK(option_set(&TABLE, &sample, "key", "hunter2", &arena, err));
    option_print(option_find(&TABLE, "key"), &sample, &out);
    CHECK_TEXT(buf_slice(&out), "******");
    arena_release(&arena);
}

TEST(option_that_is_required_must_be_given) {
    arena_init(&arena, "run", 0);
    Sample sample;
    option_defaults(&TABLE, &sample);
    Err err[1] = {{0}};
    CHECK_FAILS(option_complete(&TABLE, &sample, err), ERR_OPTION);
    CHECK_OK(option_set(&TABLE, &sample, "name", "x", &arena, err));
    CHECK_OK(option_complete(&TABLE, &sample, err));
    arena_release(&arena);
}

typedef struct Mapped {
    const char *own, *map;
} Mapped;

static const OptionSpec MAP_SPECS[] = {
    {.name = "own", .type = OPTION_TEXT, .offset = offsetof(Mapped, own)},
    {.name = "producer.override.*", .type = OPTION_MAP, .offset = offsetof(Mapped, map)},
};
static const OptionTable MAPS = {"Maps", MAP_SPECS, ARRAY_LEN(MAP_SPECS)};

TEST(option_maps_keep_pairs) {
    Mapped mapped;
    Slice key, value;
    Err err[1] = {{0}};
    DEFER(buf_release) Buf out = {0};
    arena_init(&arena, "scratch", 0);
    option_defaults(&MAPS, &mapped);
    CHECK(mapped.map == NULL && option_find(&MAPS, "producer.override.") == NULL);
    CHECK(option_find(&MAPS, "producer.override.a.b") == &MAP_SPECS[1]);
    CHECK_OK(option_set(&MAPS, &mapped, "producer.override.a", "1", &arena, err));
    CHECK_OK(option_set(&MAPS, &mapped, "producer.override.sasl.password", "x=y", &arena, err));
    CHECK_OK(option_set(&MAPS, &mapped, "producer.override.a", "2", &arena, err));
    CHECK_TEXT(slice_of(mapped.map), "sasl.password=x=y\na=2\n");
    const char *at = mapped.map;
    CHECK(option_map_next(&at, &key, &value) && slice_is(key, "sasl.password") && slice_is(value, "x=y"));
    CHECK_TEXT(slice_of(option_map_name(&MAP_SPECS[1], key, &arena)), "producer.override.sasl.password");
    CHECK(option_map_next(&at, &key, &value) && !option_map_next(&at, &key, &value));
    Properties pairs = {0};
    properties_set_map(&arena, &pairs, "x.", mapped.map);
    properties_set_map(&arena, &pairs, "y.", NULL);
    CHECK(pairs.count == 2);
    CHECK_TEXT(properties_find(&pairs, SLICE("x.sasl.password"))->value, "x=y");
    CHECK_TEXT(properties_find(&pairs, SLICE("x.a"))->value, "2");
    option_print(&MAP_SPECS[1], &mapped, &out);
    CHECK_TEXT(buf_slice(&out), "sasl.password=******,a=2");
    CHECK_FAILS(option_set(&MAPS, &mapped, "producer.override.a", "1\n2", &arena, err), ERR_OPTION);
    err_clear(err);
    CHECK_FAILS(option_set(&MAPS, &mapped, "producer.override.*", "1", &arena, err), ERR_OPTION);
    arena_release(&arena);
}
