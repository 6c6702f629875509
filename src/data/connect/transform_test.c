// SPDX-License-Identifier: Apache-2.0
#include "data/connect/transform.c"

#include "data/connect/smt_testing.h"

// --- the chain -------------------------------------------------------------------------------------------------

TEST(transform_chain_without_transforms_leaves_records_alone) {
    setup();
    TransformChain *chain = chain_of("{\"name\":\"x\",\"transforms\":\"\"}");
    CHECK(transform_chain_empty(chain) && !transform_chain_dynamic(chain));
    ConnectRecord record = plain(1, "one");
    const Value *value = record.value;
    apply(chain, &record);
    CHECK(record.value == value);
    transform_chain_release(chain);
}

TEST(transform_chain_says_what_it_does_not_know) {
    setup();
    refused("{\"transforms\":\"a\"}", "transforms.a.type: it must be given");
    refused(ONE("com.example.Mine") "}", "transforms.t.type: leat has no transform com.example.Mine");
    refused(ONE(KAFKA "InsertField") "}", "leat has no transform");
    refused(ONE(KAFKA "RegexRouter$Key") "}", "leat has no transform");
    refused(ONE(KAFKA "RegexRouter") ",\"transforms.t.regex\":\"(\",\"transforms.t.replacement\":\"\"}",
            "transforms.t.regex");
    refused(ONE(KAFKA "Filter") ",\"transforms.t.predicate\":\"p\"}", "transforms.t.predicate");
    refused("{\"predicates\":\"p\",\"predicates.p.type\":\"Mine\"}", "predicates.p.type: leat has no predicate Mine");
    refused("{\"transforms\":\"a,a\",\"transforms.a.type\":\"" KAFKA "Filter\"}", "twice");
    refused(ONE(KAFKA "Filter") ",\"transforms.t.negate\":\"maybe\"}", "transforms.t.negate");
}

TEST(transform_predicates_choose_records) {
    setup();
    static const char CONFIG[] = "{\"transforms\":\"drop\",\"transforms.drop.type\":\"" KAFKA "Filter\","
                                 "\"transforms.drop.predicate\":\"p\",\"transforms.drop.negate\":\"%s\","
                                 "\"predicates\":\"p\",\"predicates.p.type\":\"" KAFKA "predicates.%s\","
                                 "\"predicates.p.%s\":\"%s\"}";
    static const struct {
        const char *class, *option, *value;
        bool holds;
    } ROWS[] = {{"TopicNameMatches", "pattern", "p\\\\.public\\\\..*", true},
                {"TopicNameMatches", "pattern", "public", false},
                {"HasHeaderKey", "name", "h", true},
                {"HasHeaderKey", "name", "g", false},
                {"RecordIsTombstone", "x", "y", false}};
    for (size_t i = 0; i < 2 * ARRAY_LEN(ROWS); i++) {
        bool negate = i % 2 == 1, keep = false;
        Err err[1] = {{0}};
        TransformChain *chain = chain_of(arena_printf(&run, CONFIG, negate ? "true" : "false", ROWS[i / 2].class,
                                                      ROWS[i / 2].option, ROWS[i / 2].value));
        ConnectRecord record = plain(1, "one");
        smt_header_add(&scratch, &record, (ConnectHeader){.name = SLICE("h")});
        CHECK_OK(transform_chain_apply(chain, &scratch, &record, &keep, err));
        CHECK_INT(keep, ROWS[i / 2].holds == negate);
        CHECK(!transform_chain_dynamic(chain));
        transform_chain_release(chain);
    }
}

// --- ExtractNewRecordState -------------------------------------------------------------------------------------

#define UNWRAP ONE("io.debezium.transforms.ExtractNewRecordState")

TEST(unwrap_takes_the_row_out) {
    setup();
    Value row = row_value(7, "seven");
    TransformChain *chain = chain_of(UNWRAP "}");
    ConnectRecord record = envelope("c", NULL, &row);
    apply(chain, &record);
    CHECK(contains(text_of(record.value_shape, record.value), "{\"id\":7,\"name\":\"seven\""));
    CHECK(!record.value_shape->optional);
    const Shape *kept = record.value_shape;
    record = envelope("d", &row, NULL);
    apply(chain, &record);
    CHECK(record.value == NULL && record.value_shape->optional && kept->field_count == ROW_COUNT);
    CHECK(!transform_chain_dynamic(chain));
    transform_chain_release(chain);
}

TEST(unwrap_has_five_ways_with_deletes) {
    setup();
    static const struct {
        const char *mode;
        bool deletes, schema, value, tombstones;
    } ROWS[] = {{"delete.tombstone.handling.mode\":\"tombstone", true, true, false, false},
                {"delete.tombstone.handling.mode\":\"drop", false, false, false, false},
                {"delete.tombstone.handling.mode\":\"rewrite", true, true, true, false},
                {"delete.tombstone.handling.mode\":\"rewrite-with-tombstone", true, true, true, true},
                {"delete.tombstone.handling.mode\":\"delete-to-tombstone", true, false, false, false},
                {"delete.handling.mode\":\"rewrite", true, true, true, false},
                {"drop.tombstones\":\"false", false, false, false, true}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        Err err[1] = {{0}};
        bool keep = false;
        TransformChain *chain = chain_of(arena_printf(&run, UNWRAP ",\"transforms.t.%s\"}", ROWS[i].mode));
        Value row = row_value(7, "seven");
        ConnectRecord record = envelope("d", &row, NULL);
        CHECK_OK(transform_chain_apply(chain, &scratch, &record, &keep, err));
        CHECK_INT(keep, ROWS[i].deletes);
        if (keep) {
            CHECK_INT(record.value_shape != NULL, ROWS[i].schema);
            CHECK_INT(record.value != NULL, ROWS[i].value);
        }
        if (ROWS[i].value) {
            CHECK(contains(text_of(record.value_shape, record.value), "\"__deleted\":\"true\""));
            record = envelope("u", &row, &row);
            apply(chain, &record);
            CHECK(contains(text_of(record.value_shape, record.value), "\"__deleted\":\"false\""));
        }
        record = (ConnectRecord){.topic = SLICE("t")};
        CHECK_OK(transform_chain_apply(chain, &scratch, &record, &keep, err));
        CHECK_INT(keep, ROWS[i].tombstones);
        record = envelope("t", NULL, NULL);
        CHECK_OK(transform_chain_apply(chain, &scratch, &record, &keep, err));
        CHECK(!keep);
        transform_chain_release(chain);
    }
}

TEST(unwrap_adds_fields_and_headers) {
    setup();
    TransformChain *chain =
        chain_of(UNWRAP ",\"transforms.t.add.fields\":\"op, table,lsn:pos,source.ts_ms,ts_ms,nothing\","
                        "\"transforms.t.add.headers\":\"op,source.table\",\"transforms.t.add.headers.prefix\":\"h.\"}");
    Value row = row_value(7, NULL);
    ConnectRecord record = envelope("r", NULL, &row);
    apply(chain, &record);
    CHECK(contains(text_of(record.value_shape, record.value),
                   ",\"__op\":\"r\",\"__table\":\"orders\",\"__pos\":5,\"__source_ts_ms\":98,\"__ts_ms\":99}"));
    CHECK(contains(schema_of(record.value_shape), "{\"type\":\"string\",\"optional\":true,\"field\":\"__op\"}"));
    CHECK_INT(record.header_count, 2);
    CHECK_TEXT(record.headers[0].name, "h.op");
    CHECK_TEXT(record.headers[1].name, "h.source_table");
    CHECK_TEXT(record.headers[1].value->bytes, "orders");
    // A later shape of the same table has its own plan; what is no envelope passes.
    record = plain(3, "three");
    const Shape *shape = record.value_shape;
    apply(chain, &record);
    CHECK(record.value_shape == shape);
    transform_chain_release(chain);
}

TEST(unwrap_routes_by_a_field) {
    setup();
    TransformChain *chain = chain_of(UNWRAP ",\"transforms.t.route.by.field\":\"name\"}");
    CHECK(transform_chain_dynamic(chain));
    Value row = row_value(7, "elsewhere"), none = row_value(8, NULL);
    ConnectRecord record = envelope("c", NULL, &row);
    apply(chain, &record);
    CHECK_TEXT(record.topic, "elsewhere");
    record = envelope("d", &row, NULL);
    apply(chain, &record);
    CHECK_TEXT(record.topic, "elsewhere");
    record = envelope("c", NULL, &none);
    apply(chain, &record);
    CHECK_TEXT(record.topic, "p.public.orders");
    transform_chain_release(chain);
    fails(UNWRAP ",\"transforms.t.route.by.field\":\"nope\"}", envelope("c", NULL, &row), "nope");
    refused(UNWRAP ",\"transforms.t.add.fields\":\"a:b:c\"}", "transforms.t.add.fields");
    refused(UNWRAP ",\"transforms.t.delete.tombstone.handling.mode\":\"x\"}", "rewrite-with-tombstone");
}

TEST(unwrap_drops_the_fields_that_a_header_names) {
    setup();
    static const Shape TEXT = {.kind = SHAPE_STRING}, LIST = {.kind = SHAPE_LIST, .element = &TEXT};
    Value names[] = {value_bytes(VALUE_STRING, SLICE("name")), value_bytes(VALUE_STRING, SLICE("id"))};
    Value list = {.kind = VALUE_LIST, .items = {names, 2}}, row = row_value(7, "x");
    TransformChain *chain = chain_of(UNWRAP ",\"transforms.t.drop.fields.header.name\":\"d\"}");
    ConnectRecord record = envelope("c", NULL, &row);
    smt_header_add(&scratch, &record, (ConnectHeader){SLICE("d"), &LIST, &list});
    apply(chain, &record);
    CHECK(contains(text_of(record.value_shape, record.value), "{\"id\":7,\"amount\":")); // id may not be null
    transform_chain_release(chain);
    chain =
        chain_of(UNWRAP ",\"transforms.t.drop.fields.header.name\":\"d\",\"transforms.t.drop.fields.from.key\":true,"
                        "\"transforms.t.drop.fields.keep.schema.compatible\":\"false\"}");
    record = envelope("c", NULL, &row);
    smt_header_add(&scratch, &record, (ConnectHeader){SLICE("d"), &LIST, &list});
    apply(chain, &record);
    CHECK(contains(text_of(record.value_shape, record.value), "{\"amount\":"));
    CHECK_TEXT(text_of(record.key_shape, record.key), "{}");
    transform_chain_release(chain);
}

// --- routers ---------------------------------------------------------------------------------------------------

TEST(regex_router_takes_whole_matches) {
    setup();
    TransformChain *chain = chain_of(ONE(KAFKA "RegexRouter") ",\"transforms.t.regex\":\"([^.]+)\\\\.public\\\\.(.*)\","
                                                              "\"transforms.t.replacement\":\"$2_of_$1\"}");
    for (int i = 0; i < 3; i++) {
        ConnectRecord record = plain(1, "one");
        apply(chain, &record);
        CHECK_TEXT(record.topic, "orders_of_p");
        record.topic = SLICE("other");
        apply(chain, &record);
        CHECK_TEXT(record.topic, "other");
    }
    CHECK(!transform_chain_dynamic(chain));
    transform_chain_release(chain);
}

TEST(timestamp_router_writes_the_record_s_day) {
    setup();
    TransformChain *chain = chain_of(ONE(KAFKA "TimestampRouter") "}");
    ConnectRecord record = plain(1, "one");
    apply(chain, &record);
    CHECK_TEXT(record.topic, "p.public.orders-20231114");
    CHECK(transform_chain_dynamic(chain));
    transform_chain_release(chain);
    record.timestamp_ms = -1;
    fails(ONE(KAFKA "TimestampRouter") "}", record, "transforms.t.TimestampRouter, topic p.public.orders-2023");
    refused(ONE(KAFKA "TimestampRouter") ",\"transforms.t.timestamp.format\":\"yyyy-bb\"}",
            "transforms.t.timestamp.format: 'b'");
}

TEST(logical_router_renames_schemas_and_keeps_keys_apart) {
    setup();
    Value row = row_value(7, "seven");
    TransformChain *chain = chain_of(
        ONE("io.debezium.transforms.ByLogicalTableRouter") ",\"transforms.t.topic.regex\":\"(.*)\\\\.public\\\\.(.*)\","
                                                           "\"transforms.t.topic.replacement\":\"$1.all-$2\","
                                                           "\"transforms.t.schema.name.adjustment.mode\":\"avro\"}");
    for (int i = 0; i < 2; i++) {
        ConnectRecord record = envelope("c", NULL, &row);
        apply(chain, &record);
        CHECK_TEXT(record.topic, "p.all-orders");
        CHECK_TEXT(smt_name(record.key_shape), "p.all_orders.Key");
        CHECK_TEXT(text_of(record.key_shape, record.key),
                   "{\"id\":7,\"__dbz__physicalTableIdentifier\":\"p.public.orders\"}");
        CHECK_TEXT(smt_name(record.value_shape), "p.all_orders.Envelope");
        CHECK_TEXT(smt_name(&record.value_shape->fields[1].shape), "p.all_orders.Value");
    }
    transform_chain_release(chain);
    chain =
        chain_of(ONE("io.debezium.transforms.ByLogicalTableRouter") ",\"transforms.t.topic.regex\":\"(.*)\","
                                                                    "\"transforms.t.topic.replacement\":\"all\","
                                                                    "\"transforms.t.key.field.name\":\"shard\","
                                                                    "\"transforms.t.key.field.regex\":\"p\\\\.(.*)\","
                                                                    "\"transforms.t.key.field.replacement\":\"<$1>\"}");
    ConnectRecord record = plain(1, "one");
    apply(chain, &record);
    CHECK_TEXT(text_of(record.key_shape, record.key), "{\"id\":1,\"shard\":\"<public.orders>\"}");
    CHECK_TEXT(smt_name(record.value_shape), "p.public.orders.Value"); // no envelope
    transform_chain_release(chain);
}

// --- fields ----------------------------------------------------------------------------------------------------

#define ROW "{\"id\":1,\"name\":\"one\",\"amount\":\"BOI=\",\"ratio\":1.5,\"at\":1700000000123,\"ok\":true"

TEST(insert_field_adds_what_a_record_knows) {
    setup();
    check_value(
        ONE(KAFKA "InsertField$Value") ",\"transforms.t.topic.field\":\"t!\",\"transforms.t.offset.field\":\"o\","
                                       "\"transforms.t.partition.field\":\"p?\",\"transforms.t.timestamp.field"
                                       "\":\"ts\",\"transforms.t.static.field\":\"s\","
                                       "\"transforms.t.static.value\":\"v\"}",
        plain(1, "one"), ROW ",\"t\":\"p.public.orders\",\"p\":0,\"o\":42,\"ts\":1700000000123,\"s\":\"v\"}");
    refused(ONE(KAFKA "InsertField$Key") "}", "no field is to be inserted");
    refused(ONE(KAFKA "InsertField$Key") ",\"transforms.t.static.field\":\"s\"}", "transforms.t.static.value");
    ConnectRecord record = plain(1, "one");
    record.partition = -1;
    fails(ONE(KAFKA "InsertField$Value") ",\"transforms.t.partition.field\":\"p!\"}", record,
          "transforms.t.InsertField, topic p.public.orders: field p must have a value");
}

TEST(replace_field_chooses_and_renames) {
    setup();
    check_value(ONE(KAFKA "ReplaceField$Value") ",\"transforms.t.exclude\":\"amount,ratio\","
                                                "\"transforms.t.renames\":\"name:label,at:when\"}",
                plain(1, "one"), "{\"id\":1,\"label\":\"one\",\"when\":1700000000123,\"ok\":true}");
    check_value(ONE(KAFKA "ReplaceField$Value") ",\"transforms.t.whitelist\":\"id,name\"}", plain(1, NULL),
                "{\"id\":1,\"name\":null}");
    refused(ONE(KAFKA "ReplaceField$Value") ",\"transforms.t.renames\":\"a:b:c\"}", "transforms.t.renames");
    fails(ONE(KAFKA "ReplaceField$Value") ",\"transforms.t.include\":\"a\"}",
          (ConnectRecord){.topic = SLICE("x"),
                          .value_shape = &SMT_STRING,
                          .value = &(Value){.kind = VALUE_STRING, .bytes = SLICE("v")}},
          "transforms.t.ReplaceField, topic x: replacing fields needs a struct, and the value is string");
}

TEST(mask_field_empties_or_replaces) {
    setup();
    check_value(ONE(KAFKA "MaskField$Value") ",\"transforms.t.fields\":\"id,name,amount,ratio,at,ok\"}",
                plain(1, "one"), "{\"id\":0,\"name\":\"\",\"amount\":\"AA==\",\"ratio\":0.0,\"at\":0,\"ok\":false}");
    check_value(ONE(KAFKA "MaskField$Value") ",\"transforms.t.fields\":\"id,name,amount\","
                                             "\"transforms.t.replacement\":\"12\"}",
                plain(1, NULL),
                "{\"id\":12,\"name\":null,\"amount\":\"BLA=\",\"ratio\":1.5,\"at\":1700000000123,"
                "\"ok\":true}");
    fails(ONE(KAFKA "MaskField$Value") ",\"transforms.t.fields\":\"id\",\"transforms.t.replacement\":\"x\"}",
          plain(1, "one"), "field id: \"x\" is no int32");
    fails(ONE(KAFKA "MaskField$Value") ",\"transforms.t.fields\":\"ok\",\"transforms.t.replacement\":\"x\"}",
          plain(1, "one"), "field ok is bool, which cannot be masked with a replacement");
}

TEST(value_to_key_and_extract_field_make_keys) {
    setup();
    TransformChain *chain = chain_of("{\"transforms\":\"k,x\",\"transforms.k.type\":\"" KAFKA
                                     "ValueToKey\",\"transforms.k.fields\":\"name,id\",\"transforms.x.type\":\"" KAFKA
                                     "ExtractField$Key\",\"transforms.x.field\":\"name\"}");
    ConnectRecord record = plain(1, "one");
    apply(chain, &record);
    CHECK_TEXT(text_of(record.key_shape, record.key), "\"one\"");
    transform_chain_release(chain);
    fails(ONE(KAFKA "ValueToKey") ",\"transforms.t.fields\":\"nope\"}", plain(1, "one"), "no field nope");
    fails(ONE(KAFKA "ValueToKey") ",\"transforms.t.fields\":\"id\"}", (ConnectRecord){.topic = SLICE("x")},
          "the value is null");
    fails(ONE(KAFKA "ExtractField$Value") ",\"transforms.t.field\":\"nope\"}", plain(1, "one"), "no field nope");
    check_value(ONE(KAFKA "ExtractField$Value") ",\"transforms.t.field\":\"nope\",\"transforms.t.skip.missing.or.null\""
                                                ":\"true\"}",
                plain(1, "one"), ROW "}");
}

TEST(extract_field_follows_paths) {
    setup();
    Value row = row_value(7, "seven");
    check_value(ONE(KAFKA "ExtractField$Value") ",\"transforms.t.field\":\"after.name\","
                                                "\"transforms.t.field.syntax.version\":\"v2\"}",
                envelope("c", NULL, &row), "\"seven\"");
    check_value(ONE(KAFKA "ExtractField$Value") ",\"transforms.t.field\":\"`source`.table\","
                                                "\"transforms.t.field.syntax.version\":\"V2\"}",
                envelope("c", NULL, &row), "\"orders\"");
    refused(ONE(KAFKA "ExtractField$Value") ",\"transforms.t.field\":\"`a\",\"transforms.t.field.syntax.version\":"
                                            "\"V2\"}",
            "backtick");
    refused(ONE(KAFKA "ExtractField$Value") ",\"transforms.t.field\":\"a..b\",\"transforms.t.field.syntax.version\":"
                                            "\"V2\"}",
            "empty");
}

TEST(hoist_and_flatten_are_opposites) {
    setup();
    TransformChain *chain = chain_of("{\"transforms\":\"h,f\",\"transforms.h.type\":\"" KAFKA
                                     "HoistField$Value\",\"transforms.h.field\":\"w\",\"transforms.f.type\":\"" KAFKA
                                     "Flatten$Value\",\"transforms.f.delimiter\":\"_\"}");
    ConnectRecord record = plain(1, "one");
    apply(chain, &record);
    CHECK_TEXT(text_of(record.value_shape, record.value),
               "{\"w_id\":1,\"w_name\":\"one\",\"w_amount\":\"BOI=\",\"w_ratio\":1.5,\"w_at\":1700000000123,"
               "\"w_ok\":true}");
    CHECK(contains(schema_of(record.value_shape), "{\"type\":\"int32\",\"optional\":false,\"field\":\"w_id\"}"));
    transform_chain_release(chain);
    Value row = row_value(7, "seven");
    check_value(ONE(KAFKA "Flatten$Value") "}", envelope("d", &row, NULL),
                "{\"before.id\":7,\"before.name\":\"seven\",\"before.amount\":\"BOI=\",\"before.ratio\":1.5,"
                "\"before.at\":1700000000123,\"before.ok\":true,\"after.id\":null,\"after.name\":null,"
                "\"after.amount\":null,\"after.ratio\":null,\"after.at\":null,\"after.ok\":null,"
                "\"source.table\":\"orders\",\"source.lsn\":5,\"source.ts_ms\":98,\"op\":\"d\",\"ts_ms\":99}");
}

TEST(cast_narrows_as_java_does) {
    setup();
    static const struct {
        const char *spec, *value;
    } ROWS[] = {
        {"at:int8,id:string",
         "{\"id\":\"1\",\"name\":\"12\",\"amount\":\"BOI=\",\"ratio\":1.5,\"at\":123,\"ok\":true}"},
        {"at:int32, name:int16",
         "{\"id\":1,\"name\":12,\"amount\":\"BOI=\",\"ratio\":1.5,\"at\":-807049093,\"ok\":true}"},
        {"amount:string,ratio:int64,ok:int32",
         "{\"id\":1,\"name\":\"12\",\"amount\":\"12.50\",\"ratio\":1,\"at\":1700000000123,\"ok\":1}"},
        {"amount:float64,ok:string,id:boolean",
         "{\"id\":true,\"name\":\"12\",\"amount\":12.5,\"ratio\":1.5,\"at\":1700000000123,\"ok\":\"true\"}"},
        {"at:float32,name:float64,amount:int32,ratio:string",
         "{\"id\":1,\"name\":12.0,\"amount\":12,\"ratio\":\"1.5\",\"at\":1.7e+12,\"ok\":true}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_value(arena_printf(&run, ONE(KAFKA "Cast$Value") ",\"transforms.t.spec\":\"%s\"}", ROWS[i].spec),
                    plain(1, "12"), ROWS[i].value);
    }
    fails(ONE(KAFKA "Cast$Value") ",\"transforms.t.spec\":\"name:int32\"}", plain(1, "x"),
          "transforms.t.Cast, topic p.public.orders: field name: its text cannot be cast to int32");
    fails(ONE(KAFKA "Cast$Value") ",\"transforms.t.spec\":\"name:int8\"}", plain(1, "128"), "field name");
    refused(ONE(KAFKA "Cast$Value") ",\"transforms.t.spec\":\"name:bytes\"}", "transforms.t.spec: \"name:bytes\"");
    refused(ONE(KAFKA "Cast$Value") ",\"transforms.t.spec\":\"int8,name:int8\"}", "alone");
    TransformChain *chain = chain_of("{\"transforms\":\"x,t\",\"transforms.x.type\":\"" KAFKA
                                     "ExtractField$Key\",\"transforms.x.field\":\"id\",\"transforms.t.type\":\"" KAFKA
                                     "Cast$Key\",\"transforms.t.spec\":\"string\"}");
    ConnectRecord record = plain(5, "x");
    apply(chain, &record);
    CHECK_TEXT(text_of(record.key_shape, record.key), "\"5\"");
    transform_chain_release(chain);
}

TEST(timestamp_converter_goes_between_forms) {
    setup();
    static const struct {
        const char *options, *value, *schema;
    } ROWS[] = {
        {"\"transforms.t.target.type\":\"string\",\"transforms.t.format\":\"yyyy-MM-dd'T'HH:mm:ss.SSSX\"",
         "\"at\":\"2023-11-14T22:13:20.123Z\"", "{\"type\":\"string\",\"optional\":true,\"field\":\"at\"}"},
        {"\"transforms.t.target.type\":\"Date\"", "\"at\":19675", "org.apache.kafka.connect.data.Date"},
        {"\"transforms.t.target.type\":\"Time\"", "\"at\":80000123", "org.apache.kafka.connect.data.Time"},
        {"\"transforms.t.target.type\":\"Timestamp\"", "\"at\":1700000000123",
         "org.apache.kafka.connect.data.Timestamp"},
        {"\"transforms.t.target.type\":\"Timestamp\",\"transforms.t.unix.precision\":\"microseconds\"",
         "\"at\":1700000000,", "org.apache.kafka.connect.data.Timestamp"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        TransformChain *chain = chain_of(arena_printf(
            &run, ONE(KAFKA "TimestampConverter$Value") ",\"transforms.t.field\":\"at\",%s}", ROWS[i].options));
        ConnectRecord record = plain(1, "one");
        apply(chain, &record);
        CHECK(contains(text_of(record.value_shape, record.value), ROWS[i].value));
        CHECK(contains(schema_of(record.value_shape), ROWS[i].schema));
        transform_chain_release(chain);
    }
    check_value(ONE(KAFKA "TimestampConverter$Value") ",\"transforms.t.field\":\"name\",\"transforms.t.target.type\":"
                                                      "\"unix\",\"transforms.t.format\":\"yyyyMMdd HH:mm\"}",
                plain(1, "20240229 11:14"),
                "{\"id\":1,\"name\":1709205240000,\"amount\":\"BOI=\",\"ratio\":1.5,\"at\":1700000000123,\"ok\":true}");
    fails(
        ONE(KAFKA "TimestampConverter$Value") ",\"transforms.t.field\":\"name\",\"transforms.t.target.type\":\"unix\","
                                              "\"transforms.t.format\":\"yyyy\"}",
        plain(1, "x"), "field name: its text does not fit");
    fails(ONE(KAFKA "TimestampConverter$Value") ",\"transforms.t.field\":\"ok\",\"transforms.t.target.type\":\"unix\"}",
          plain(1, "x"), "field ok has no known form");
    refused(ONE(KAFKA "TimestampConverter$Value") ",\"transforms.t.target.type\":\"string\"}", "transforms.t.format");
}

TEST(set_schema_metadata_names_and_numbers) {
    setup();
    TransformChain *chain = chain_of(ONE(KAFKA "SetSchemaMetadata$Value") ",\"transforms.t.schema.name\":\"a.B\","
                                                                          "\"transforms.t.schema.version\":\"3\"}");
    ConnectRecord record = plain(1, "one");
    apply(chain, &record);
    CHECK(contains(schema_of(record.value_shape), "\"name\":\"a.B\",\"version\":3"));
    transform_chain_release(chain);
    refused(ONE(KAFKA "SetSchemaMetadata$Value") "}", "transforms.t.schema.name");
    refused(ONE(KAFKA "SetSchemaMetadata$Value") ",\"transforms.t.schema.version\":\"-1\"}", "is no number");
}

// --- headers ---------------------------------------------------------------------------------------------------

TEST(header_transforms_move_between_headers_and_fields) {
    setup();
    TransformChain *chain = chain_of(
        "{\"transforms\":\"i,f,v,d\",\"transforms.i.type\":\"" KAFKA "InsertHeader\",\"transforms.i.header\":\"n\","
        "\"transforms.i.value.literal\":\"42\",\"transforms.f.type\":\"" KAFKA "HeaderFrom$Value\","
        "\"transforms.f.fields\":\"name,ok\",\"transforms.f.headers\":\"hn,ho\",\"transforms.f.operation\":\"move\","
        "\"transforms.v.type\":\"io.debezium.transforms.HeaderToValue\",\"transforms.v.headers\":\"n,gone\","
        "\"transforms.v.fields\":\"number,none\",\"transforms.v.operation\":\"copy\","
        "\"transforms.d.type\":\"" KAFKA "DropHeaders\",\"transforms.d.headers\":\"ho\"}");
    ConnectRecord record = plain(1, "one");
    apply(chain, &record);
    CHECK_TEXT(text_of(record.value_shape, record.value),
               "{\"id\":1,\"amount\":\"BOI=\",\"ratio\":1.5,\"at\":1700000000123,\"number\":42}");
    CHECK_INT(record.header_count, 2);
    CHECK_TEXT(record.headers[1].name, "hn");
    CHECK_TEXT(record.headers[1].value->bytes, "one");
    CHECK(contains(schema_of(record.headers[0].shape), "int8"));
    transform_chain_release(chain);
    refused(ONE(KAFKA "HeaderFrom$Value") ",\"transforms.t.fields\":\"a,b\",\"transforms.t.headers\":\"a\"}",
            "as many");
    fails(ONE(KAFKA "HeaderFrom$Value") ",\"transforms.t.fields\":\"a\",\"transforms.t.headers\":\"a\","
                                        "\"transforms.t.operation\":\"copy\"}",
          plain(1, "one"), "no field a");
}

TEST(insert_header_reads_literals_as_connect_does) {
    setup();
    static const struct {
        const char *literal, *text, *type;
    } ROWS[] = {{"42", "42", "int8"},
                {"-300", "-300", "int16"},
                {"007", "7", "int8"},
                {"1e3", "1000", "int16"},
                {"5000000000", "5000000000", "int64"},
                {"1.5", "1.5", "float"},
                {"true", "true", "boolean"},
                {"1.2.3", "\"1.2.3\"", "string"},
                {"", "\"\"", "string"}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        TransformChain *chain = chain_of(arena_printf(
            &run, ONE(KAFKA "InsertHeader") ",\"transforms.t.header\":\"h\",\"transforms.t.value.literal\":\"%s\"}",
            ROWS[i].literal));
        ConnectRecord record = plain(1, "one");
        apply(chain, &record);
        CHECK_TEXT(text_of(record.headers[0].shape, record.headers[0].value), ROWS[i].text);
        CHECK(contains(schema_of(record.headers[0].shape), ROWS[i].type));
        transform_chain_release(chain);
    }
}

// --- without schema --------------------------------------------------------------------------------------------

TEST(transforms_take_values_without_schema) {
    setup();
    Value inner[] = {value_bytes(VALUE_STRING, SLICE("x")), value_int(1)};
    Value items[] = {value_bytes(VALUE_STRING, SLICE("id")),   value_int(5),
                     value_bytes(VALUE_STRING, SLICE("sub")),  {.kind = VALUE_MAP, .items = {inner, 2}},
                     value_bytes(VALUE_STRING, SLICE("name")), value_bytes(VALUE_STRING, SLICE("n"))};
    Value map = {.kind = VALUE_MAP, .items = {items, 6}};
    TransformChain *chain = chain_of("{\"transforms\":\"f,i,k,c\",\"transforms.f.type\":\"" KAFKA
                                     "Flatten$Value\",\"transforms.i.type\":\"" KAFKA
                                     "InsertField$Value\",\"transforms.i.static.field\":\"s\","
                                     "\"transforms.i.static.value\":\"v\",\"transforms.k.type\":\"" KAFKA
                                     "ValueToKey\",\"transforms.k.fields\":\"id,nope\",\"transforms.c.type\":\"" KAFKA
                                     "Cast$Value\",\"transforms.c.spec\":\"id:string\"}");
    for (int i = 0; i < 2; i++) {
        ConnectRecord record = {.topic = SLICE("x"), .value = &map, .timestamp_ms = -1};
        apply(chain, &record);
        CHECK(record.value_shape == NULL && record.key_shape == NULL);
        CHECK_INT(record.value->kind, VALUE_MAP);
        CHECK_INT(record.value->items.count, 8);
        CHECK_TEXT(record.value->items.at[1].bytes, "5");
        CHECK_TEXT(record.value->items.at[2].bytes, "sub.x");
        CHECK_TEXT(record.value->items.at[7].bytes, "v");
        CHECK_INT(record.key->items.at[1].integer, 5);
        CHECK_INT(record.key->items.at[3].kind, VALUE_NULL);
    }
    transform_chain_release(chain);
}
