// SPDX-License-Identifier: Apache-2.0
// Tables with defaults, whose expressions only a connector asks for, against what Confluent's derivation registered for
// Debezium's records (tests/golden/debezium/transforms/avro_schemas.json).
#include "core/base/test.h"
#include "data/connect/avro_schema_of.c"
#include "data/connect/converter.h"
#include "data/connect/program.h"

#include <jansson.h>

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define SOME(column, source, kind_of, ...) \
    { .name = NAME(column), .type = {.kind = (kind_of), .source_name = NAME(source)}, __VA_ARGS__ }
#define DEFAULT(text) .default_text = NAME(text)

static const Slice MOODS[] = {NAME("sad"), NAME("ok"), NAME("Very Happy \xe2\x98\xba")};
static const Type INT4 = {.kind = TYPE_INT32, .source_name = NAME("int4")};
enum { KEY = COLUMN_NOT_NULL | COLUMN_PRIMARY | COLUMN_KEY };

// golden.sql's dflts, with the expressions as pg_get_expr prints them.
static Column dflts[] = {
    SOME("id", "int4", TYPE_INT32, .flags = KEY, .key_ordinal = 1, DEFAULT("nextval('dflts_id_seq'::regclass)")),
    SOME("i_nn", "int4", TYPE_INT32, .flags = COLUMN_NOT_NULL),
    SOME("i_def", "int4", TYPE_INT32, DEFAULT("42")),
    SOME("i_nn_def", "int4", TYPE_INT32, .flags = COLUMN_NOT_NULL, DEFAULT("'-7'::integer")),
    SOME("b_def", "bool", TYPE_BOOL, DEFAULT("true")),
    SOME("t_def", "text", TYPE_STRING, DEFAULT("'it''s'::text")),
    SOME("v_nn_def", "varchar", TYPE_STRING, .flags = COLUMN_NOT_NULL, DEFAULT("'abc'::character varying")),
    SOME("n_def", "numeric", TYPE_DECIMAL, DEFAULT("1.5")),
    SOME("f_def", "float8", TYPE_FLOAT64, DEFAULT("2.25")),
    SOME("d_def", "date", TYPE_DATE, DEFAULT("'2020-02-29'::date")),
    SOME("ts_def", "timestamp", TYPE_TIMESTAMP, DEFAULT("'2020-01-02 03:04:05.678901'::timestamp without time zone")),
    SOME("tz_now", "timestamptz", TYPE_TIMESTAMPTZ, DEFAULT("'2021-01-01 00:00:00+00'::timestamp with time zone")),
    SOME("now_def", "timestamptz", TYPE_TIMESTAMPTZ, .flags = COLUMN_NOT_NULL, DEFAULT("now()")),
    SOME("u_def", "uuid", TYPE_UUID, DEFAULT("'00000000-0000-0000-0000-000000000001'::uuid")),
    SOME("j_def", "jsonb", TYPE_JSON, DEFAULT("'{\"a\": 1}'::jsonb")),
    SOME("e_def", "mood", TYPE_ENUM, DEFAULT("'ok'::mood")),
    SOME("a_def", "int4[]", TYPE_LIST, DEFAULT("'{1,2}'::integer[]")),
    SOME("by_def", "bytea", TYPE_BYTES, DEFAULT("'\\x0102'::bytea")),
    SOME("iv_def", "interval", TYPE_INTERVAL, DEFAULT("'1 day'::interval")),
    SOME("idn", "int8", TYPE_INT64, .flags = COLUMN_NOT_NULL),
};

static Arena run;

static bool register_one(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    json_t *seen = context;
    *id = 1;
    json_object_set_new(seen, arena_text(&run, subject), json_stringn((const char *)schema.data, schema.size));
    return true;
}

// Texts with the same attributes in the same order, whatever their escapes.
static void check_same(const json_t *got, const json_t *want) {
    CHECK(json_is_string(got) && json_is_string(want));
    json_t *mine = json_loads(json_string_value(got), 0, NULL), *theirs = json_loads(json_string_value(want), 0, NULL);
    CHECK(mine != NULL && theirs != NULL);
    char *a = json_dumps(mine, JSON_COMPACT), *b = json_dumps(theirs, JSON_COMPACT);
    CHECK_TEXT(slice_of(a), b);
    free(a);
    free(b);
    json_decref(mine);
    json_decref(theirs);
}

static json_t *registered(const char *config_json, const Schema *schema) {
    Err err[1] = {{0}};
    Properties config;
    ConnectProgram *program = NULL;
    ConnectRoute route;
    Converter *key = NULL, *value = NULL;
    json_t *seen = json_object();
    SchemaRegistrar registrar = {register_one, seen};
    ProgramContext context = {SLICE("c"), SLICE("golden"), SLICE("run")};
    CHECK_OK(properties_parse(&run, slice_of(config_json), &config, err));
    CHECK_OK(connect_program_new(&run, &config, &context, &program, err));
    CHECK_OK(converter_new(&run, &config, true, &registrar, &key, err));
    CHECK_OK(converter_new(&run, &config, false, &registrar, &value, err));
    CHECK_OK(connect_program_route(program, schema, &route, err));
    CHECK_OK(converter_prepare(key, route.topic, route.key, err));
    CHECK_OK(converter_prepare(value, route.topic, route.value, err));
    converter_release(key);
    converter_release(value);
    connect_program_release(program);
    return seen;
}

TEST(avro_schemas_of_tables_with_defaults_are_those_captured) {
    arena_init(&run, "run", 0);
    dflts[7].type.precision = 8;
    dflts[7].type.scale = 3;
    dflts[10].type.precision = dflts[11].type.precision = dflts[12].type.precision = dflts[18].type.precision = 6;
    dflts[15].type.labels = MOODS;
    dflts[15].type.label_count = ARRAY_LEN(MOODS);
    dflts[16].type.element = &INT4;
    Schema schema = {.id = 1, .space = NAME("public"), .table = NAME("dflts"), .columns = dflts};
    schema.column_count = ARRAY_LEN(dflts);
    json_t *golden = json_load_file(LEAT_SOURCE_DIR "/tests/golden/debezium/transforms/avro_schemas.json", 0, NULL);
    CHECK(golden != NULL);
    static const char *const CASES[][2] = {
        {"avro_ops.plain", ""},
        {"avro_unwrap.plain",
         ",\"transforms\":\"u\",\"transforms.u.type\":\"io.debezium.transforms.ExtractNewRecordState\""}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        json_t *seen = registered(arena_printf(&run,
                                               "{\"topic.prefix\":\"%s\",\"key.converter\":\"AvroConverter\","
                                               "\"value.converter\":\"AvroConverter\"%s}",
                                               CASES[i][0], CASES[i][1]),
                                  &schema);
        CHECK_INT(json_object_size(seen), 2);
        for (void *at = json_object_iter(seen); at != NULL; at = json_object_iter_next(seen, at)) {
            const json_t *want = json_object_get(golden, json_object_iter_key(at));
            CHECK(json_array_size(want) == 1);
            check_same(json_object_iter_value(at), json_array_get(want, 0));
        }
        json_decref(seen);
    }
    json_decref(golden);
}
