// SPDX-License-Identifier: Apache-2.0
#include "surface/api/registry_record.c"

#include "core/base/test.h"

typedef struct Written {
    Buf key, value;
} Written;

static Written written(const RegistryEntry *entry) {
    Written out = {0};
    registry_record_write(entry, &out.key, &out.value);
    return out;
}

static void released(Written *out) {
    buf_release(&out->key);
    buf_release(&out->value);
}

#define KEY(text) "{\"keytype\":\"" text

TEST(registry_records_are_those_of_confluents_topic) {
    const KeptReference references[] = {{SLICE("a"), SLICE("b"), 2}, {SLICE("c"), SLICE("d"), 1}};
    const struct {
        RegistryEntry entry;
        const char *key, *value;
    } cases[] = {
        {{.kind = ENTRY_VERSION,
          .subject = SLICE("s"),
          .version = 3,
          .id = 7,
          .type = SLICE("AVRO"),
          .text = SLICE("\"int\"")},
         KEY("SCHEMA\",\"subject\":\"s\",\"version\":3,\"magic\":1}"),
         "{\"subject\":\"s\",\"version\":3,\"id\":7,\"schema\":\"\\\"int\\\"\",\"deleted\":false}"},
        {{.kind = ENTRY_VERSION,
          .subject = SLICE("s"),
          .version = 1,
          .id = 8,
          .type = SLICE("JSON"),
          .text = SLICE("{}"),
          .references = references,
          .reference_count = 2,
          .deleted = true},
         KEY("SCHEMA\",\"subject\":\"s\",\"version\":1,\"magic\":1}"),
         "{\"subject\":\"s\",\"version\":1,\"id\":8,\"schemaType\":\"JSON\",\"references\":[{\"name\":\"a\","
         "\"subject\":"
         "\"b\",\"version\":2},{\"name\":\"c\",\"subject\":\"d\",\"version\":1}],\"schema\":\"{}\",\"deleted\":true}"},
        {{.kind = ENTRY_UNVERSION, .subject = SLICE("s"), .version = 1},
         KEY("SCHEMA\",\"subject\":\"s\",\"version\":1,\"magic\":1}"),
         ""},
        {{.kind = ENTRY_LEVEL, .setting = SLICE("FULL"), .normalize = 1},
         KEY("CONFIG\",\"subject\":null,\"magic\":0}"),
         "{\"normalize\":true,\"compatibilityLevel\":\"FULL\"}"},
        {{.kind = ENTRY_LEVEL, .subject = SLICE("s"), .normalize = -1},
         KEY("CONFIG\",\"subject\":\"s\",\"magic\":0}"),
         ""},
        {{.kind = ENTRY_MODE, .subject = SLICE("s"), .setting = SLICE("IMPORT"), .normalize = -1},
         KEY("MODE\",\"subject\":\"s\",\"magic\":0}"),
         "{\"mode\":\"IMPORT\"}"},
        {{.kind = ENTRY_NEXT_ID, .id = 12, .normalize = -1}, KEY("NOOP\",\"magic\":0}"), "{\"nextId\":12}"},
    };
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Written out = written(&cases[i].entry);
        RegistryEntry entry;
        bool known = false;
        CHECK_TEXT(buf_slice(&out.key), cases[i].key);
        CHECK_TEXT(buf_slice(&out.value), cases[i].value);
        CHECK_OK(registry_record_read(buf_slice(&out.key), buf_slice(&out.value), &arena, &entry, &known, err));
        CHECK(known && entry.kind == cases[i].entry.kind && entry.deleted == cases[i].entry.deleted);
        CHECK(entry.version == cases[i].entry.version && entry.id == cases[i].entry.id);
        CHECK(slice_equal(entry.subject, cases[i].entry.subject) && slice_equal(entry.text, cases[i].entry.text));
        CHECK(slice_equal(entry.setting, cases[i].entry.setting));
        CHECK_INT(entry.reference_count, cases[i].entry.reference_count);
        released(&out);
    }
    arena_release(&arena);
}

TEST(registry_records_of_others_are_taken_or_refused) {
    static const char SCHEMA_KEY[] = KEY("SCHEMA\",\"subject\":\"s\",\"version\":1,\"magic\":1}");
    const struct {
        const char *key, *value;
        ErrCode code;
        bool known;
    } cases[] = {
        {KEY("NOOP\",\"magic\":0}"), "", ERR_NONE, false},
        {KEY("CONTEXT\",\"tenant\":\"default\"}"), "{}", ERR_NONE, false},
        {KEY("DELETE_SUBJECT\",\"subject\":\"s\",\"magic\":0}"), "{\"subject\":\"s\",\"version\":2}", ERR_NONE, true},
        {SCHEMA_KEY, "{\"id\":1,\"schema\":\"\\\"int\\\"\",\"md5\":\"x\",\"metadata\":null}", ERR_NONE, true},
        {SCHEMA_KEY, "{\"id\":0,\"schema\":\"\\\"int\\\"\"}", ERR_STATE_CORRUPT, true},
        {SCHEMA_KEY, "{\"id\":1}", ERR_STATE_CORRUPT, true},
        {SCHEMA_KEY, "{\"id\":1,\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}", ERR_NET_SETUP, true},
        {KEY("SCHEMA\",\"subject\":\":.c:s\",\"version\":1,\"magic\":1}"), "{}", ERR_NET_SETUP, true},
        {KEY("SCHEMA\",\"subject\":\"s\",\"version\":-1,\"magic\":1}"), "{}", ERR_STATE_CORRUPT, true},
        {"[]", "", ERR_STATE_CORRUPT, false},
        {"{", "", ERR_VALUE, false},
        {"{\"\xff\":1}", "", ERR_STATE_CORRUPT, false},
    };
    Arena arena;
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Err err[1] = {{0}};
        RegistryEntry entry;
        bool known = false;
        bool ok = registry_record_read(slice_of(cases[i].key), slice_of(cases[i].value), &arena, &entry, &known, err);
        CHECK_INT(err->code, cases[i].code);
        CHECK(ok == (cases[i].code == ERR_NONE) && (!ok || known == cases[i].known));
    }
    arena_release(&arena);
}
