// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/config.c"

#include "core/base/test.h"

typedef struct TestSinkOptions {
    int64_t rotate_ms;
    const char *token;
    const char *format;
} TestSinkOptions;

static const OptionSpec TEST_SPECS[] = {
    {"file.rotate.interval", OPTION_DURATION, 0, offsetof(TestSinkOptions, rotate_ms), "10s", 0, 0, NULL, "Age."},
    {"format", OPTION_CHOICE, 0, offsetof(TestSinkOptions, format), "json", 0, 0, "json,avro", "Form."},
    {"token", OPTION_TEXT, OPTION_SECRET, offsetof(TestSinkOptions, token), "", 0, 0, NULL, "A secret."},
};
static const OptionTable TEST_TABLE = {"Test sink", TEST_SPECS, ARRAY_LEN(TEST_SPECS)};

static bool accepts_path(const char *url) {
    return strstr(url, "://") == NULL;
}
static bool accepts_postgres(const char *url) {
    return strncmp(url, "postgres://", 11) == 0;
}
static const SourceDriver TEST_SOURCE = {.name = "postgres", .accepts = accepts_postgres};
static const SinkDriver TEST_SINK = {.name = "objects", .options = &TEST_TABLE, .accepts = accepts_path};
static const PipelineDrivers TEST_DRIVERS = {(const SourceDriver *const[]){&TEST_SOURCE, NULL},
                                             (const SinkDriver *const[]){&TEST_SINK, NULL}};

static Arena scratch;
static char directory[] = "/tmp/leat_config_XXXXXX";

static void begin(void) {
    arena_init(&scratch, "scratch", 0);
    CHECK(mkdtemp(directory) != NULL);
}
static void end(void) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(directory, err));
    arena_release(&scratch);
}

TEST(config_names_a_pipeline_after_database_and_folder) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(pipeline_default_name(&scratch, "postgres://a@h/shop", "/data/lake/")), "shop_lake");
    CHECK_TEXT(slice_of(pipeline_default_name(&scratch, "postgres://a@h/My%20Shop", "file:///data/L-1")),
               "my_shop_l_1");
    CHECK_TEXT(slice_of(pipeline_default_name(&scratch, "postgres://a@h/shop", "/")), "shop");
    const char *name = pipeline_default_name(&scratch, "postgres://a@h/a_database_with_quite_a_name",
                                             "/and_a_folder_with_quite_a_name");
    CHECK_INT(strlen(name), NAME_MAX_BYTES);
    arena_release(&scratch);
}

TEST(config_comes_back_as_it_was_saved) {
    begin();
    Err err[1] = {{0}};
    PipelineConfig config, again;
    CHECK_OK(pipeline_config_init(&config, directory, "shop_lake", "postgres://ann:geheim@h/shop", "/lake", "json",
                                  &TEST_DRIVERS, &scratch, err));
    CHECK_OK(pipeline_config_set(&config, "format", "avro", &scratch, err));
    CHECK_OK(pipeline_config_set(&config, "tables", "public.*,\"Odd.Name\"", &scratch, err));
    CHECK_OK(pipeline_config_set(&config, "file.rotate.interval", "5s", &scratch, err));
    CHECK_OK(pipeline_config_set(&config, "token", "in clear", &scratch, err));
    CHECK_OK(pipeline_config_save(&config, err));
    CHECK_OK(pipeline_config_load(directory, "shop_lake", &TEST_DRIVERS, &scratch, &again, err));
    CHECK_TEXT(slice_of(again.source_url), "postgres://ann@h/shop");
    CHECK_TEXT(slice_of(again.sink_url), "/lake");
    CHECK_TEXT(slice_of(again.format), "avro");
    CHECK_TEXT(slice_of(again.directory), config.directory);
    CHECK_TEXT(slice_of(again.options.tables), "public.*,\"Odd.Name\"");
    CHECK_INT(again.options.memory_limit, 64 << 20);
    const TestSinkOptions *sink = again.sink_options;
    CHECK_INT(sink->rotate_ms, 5000);
    CHECK_TEXT(slice_of(sink->token), "");
    Slice text;
    CHECK_OK(file_read_all(arena_printf(&scratch, "%s/config.json", config.directory), 65536, &scratch, &text, err));
    CHECK(memmem(text.data, text.size, "geheim", 6) == NULL && memmem(text.data, text.size, "in clear", 8) == NULL);
    end();
}

TEST(config_keeps_a_secret_that_is_a_reference) {
    begin();
    Err err[1] = {{0}};
    PipelineConfig config, again;
    CHECK_OK(
        pipeline_config_init(&config, directory, "p", "postgres://a@h/s", "/l", "json", &TEST_DRIVERS, &scratch, err));
    CHECK_OK(pipeline_config_set(&config, "format", "json", &scratch, err));
    CHECK_OK(pipeline_config_set(&config, "token", "${env:TOKEN}", &scratch, err));
    CHECK_OK(pipeline_config_save(&config, err));
    CHECK_OK(pipeline_config_load(directory, "p", &TEST_DRIVERS, &scratch, &again, err));
    CHECK_TEXT(slice_of(((const TestSinkOptions *)again.sink_options)->token), "${env:TOKEN}");
    end();
}

TEST(config_refuses_what_it_cannot_be) {
    begin();
    Err err[1] = {{0}};
    PipelineConfig c;
    const char *pg = "postgres://a@h/s";
    CHECK_FAILS(pipeline_config_init(&c, directory, "Shop", pg, "/l", "json", &TEST_DRIVERS, &scratch, err),
                ERR_OPTION);
    CHECK_FAILS(pipeline_config_init(&c, directory, "../x", pg, "/l", "json", &TEST_DRIVERS, &scratch, err),
                ERR_OPTION);
    CHECK_FAILS(pipeline_config_init(&c, directory, "p", "mysql://x", "/l", "json", &TEST_DRIVERS, &scratch, err),
                ERR_OPTION);
    CHECK_FAILS(pipeline_config_init(&c, directory, "p", pg, "s3://x", "json", &TEST_DRIVERS, &scratch, err),
                ERR_OPTION);
    CHECK_OK(pipeline_config_init(&c, directory, "p", pg, "/l", "json", &TEST_DRIVERS, &scratch, err));
    CHECK_FAILS(pipeline_config_set(&c, "no.such", "1", &scratch, err), ERR_OPTION);
    CHECK_FAILS(pipeline_config_set(&c, "memory.limit", "1KiB", &scratch, err), ERR_OPTION);
    CHECK_FAILS(pipeline_config_set(&c, "format", "", &scratch, err), ERR_OPTION);
    CHECK_FAILS(pipeline_config_set(&c, "format", "xml", &scratch, err), ERR_OPTION);
    CHECK_OK(pipeline_config_set(&c, "format", "json", &scratch, err));
    end();
}

static void write_text(const char *name, const char *text) {
    Err err[1] = {{0}};
    CHECK_OK(file_make_directories(arena_printf(&scratch, "%s/pipelines/p", directory), err));
    CHECK_OK(file_replace(arena_printf(&scratch, "%s/%s", directory, name), slice_of(text), err));
}

TEST(config_reports_what_is_wrong_on_disk) {
    begin();
    Err err[1] = {{0}};
    PipelineConfig c;
    CHECK_FAILS(pipeline_config_load(directory, "p", &TEST_DRIVERS, &scratch, &c, err), ERR_NOT_FOUND);
    static const struct {
        const char *text;
        ErrCode code;
    } CASES[] = {
        {"", ERR_STATE_CORRUPT},
        {"{", ERR_STATE_CORRUPT},
        {"[]", ERR_STATE_CORRUPT},
        {"{\"format_version\":2}", ERR_FORMAT_NEWER},
        {"{\"format_version\":1}", ERR_STATE_CORRUPT},
        {"{\"format_version\":1,\"name\":\"p\",\"source\":3,\"sink\":{},\"format\":\"json\"}", ERR_STATE_CORRUPT},
        {"{\"format_version\":1,\"name\":\"p\",\"source\":{\"url\":\"postgres://h\"},\"sink\":{\"url\":\"/l\"},"
         "\"format\":\"json\",\"options\":{\"errors\":\"ignore\"}}",
         ERR_OPTION},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        write_text("pipelines/p/config.json", CASES[i].text);
        CHECK_FAILS(pipeline_config_load(directory, "p", &TEST_DRIVERS, &scratch, &c, err), CASES[i].code);
    }
    write_text("FORMAT", "leat data directory, format 2\n");
    CHECK_FAILS(pipeline_config_load(directory, "p", &TEST_DRIVERS, &scratch, &c, err), ERR_FORMAT_NEWER);
    write_text("FORMAT", "something else");
    CHECK_FAILS(pipeline_config_load(directory, "p", &TEST_DRIVERS, &scratch, &c, err), ERR_STATE_CORRUPT);
    end();
}
