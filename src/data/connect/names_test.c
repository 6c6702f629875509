// SPDX-License-Identifier: Apache-2.0
#include "data/connect/names.c"

#include "core/base/test.h"

static Arena arena[1];

static void adjusted(NameAdjust adjust, bool is_field, const char *name, const char *want) {
    CHECK_TEXT(name_adjust(arena, adjust, is_field, slice_of(name)), want);
}

static void topic(const char *config, const char *space, const char *table, const char *want) {
    Err err[1] = {{0}};
    Properties properties;
    TopicNames *names;
    CHECK_OK(properties_parse(arena, slice_of(config), &properties, err));
    CHECK_OK(topic_names_new(arena, &properties, &names, err));
    CHECK_TEXT(topic_names_table(names, arena, slice_of(space), slice_of(table)), want);
    Slice name, value;
    if (topic_names_key_field(names, arena, slice_of(space), slice_of(table), &name, &value)) {
        CHECK_TEXT(name, "__dbz__physicalTableIdentifier");
        CHECK_TEXT(value, "p.s.t_1");
    }
    topic_names_release(names);
}

TEST(names_adjusted) {
    arena_init(arena, "scratch", 0);
    adjusted(ADJUST_NONE, true, "1a-ä", "1a-ä");
    adjusted(ADJUST_AVRO, true, "1a", "_1a");
    adjusted(ADJUST_AVRO, true, "Id-x.y", "Id_x_y");
    adjusted(ADJUST_AVRO, true, "käse😀", "k_se__");
    adjusted(ADJUST_AVRO, false, "p.odd-Name.Key", "p.odd_Name.Key");
    adjusted(ADJUST_AVRO_UNICODE, false, "a_b-c.d", "a_u005fb_u002dc.d");
    adjusted(ADJUST_AVRO_UNICODE, true, "a.żb", "a_u002e_u17cb");
    arena_release(arena);
}

TEST(names_of_topics) {
    arena_init(arena, "scratch", 0);
    topic("{\"topic.prefix\":\"p\"}", "public", "odd-Name tbl", "p.public.odd-Name_tbl");
    topic("{\"topic.prefix\":\"p\",\"topic.delimiter\":\"-\"}", "public", "ü😀", "p-public-___");
    topic("{\"topic.prefix\":\"p\",\"topic.naming.strategy\":\"io.debezium.schema.SchemaUnicodeTopicNamingStrategy\"}",
          "s", "a_b", "p.s.a_u005fb");
    topic("{\"topic.prefix\":\"p\",\"topic.naming.strategy\":\"io.debezium.schema.DefaultTopicNamingStrategy\"}", "s",
          "t", "p.t");
    topic("{\"topic.prefix\":\"p\",\"topic.regex\":\"(.*)_\\\\d+\",\"topic.replacement\":\"$1\","
          "\"topic.naming.strategy\":\"io.debezium.schema.SchemaRegexTopicNamingStrategy\"}",
          "s", "t_1", "p.s.t");
    char table[301];
    memset(table, 'x', 300);
    table[300] = '\0';
    Err err[1] = {{0}};
    Properties properties;
    TopicNames *names;
    CHECK_OK(properties_parse(arena, SLICE("{\"topic.prefix\":\"p\"}"), &properties, err));
    CHECK_OK(topic_names_new(arena, &properties, &names, err));
    CHECK_INT(topic_names_table(names, arena, SLICE("s"), slice_of(table)).size, 249);
    arena_release(arena);
}
