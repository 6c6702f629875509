// SPDX-License-Identifier: Apache-2.0
// Prints what a journal's events become on the wire under a connector's configuration (data/connect/program.h), for
// tests/integration/test_golden_records.py.
//     leat_wire_probe JOURNAL CONFIG.json DATABASE [schemas]      one line a record: {"topic":…,"key":…,"value":…,
//                                                                 "headers":[[name,text],…]}, as JsonConverter and
//                                                                 SimpleHeaderConverter write them
//     leat_wire_probe JOURNAL CONFIG.json DATABASE routes         one line a schema: {"space":…,"table":…,"topic":…,
//                                                                 "dynamic":…,"span":[…]}
//     leat_wire_probe JOURNAL CONFIG.json DATABASE wire           one line a record as its converters write it:
//                                                                 {"topic":…,"key":BASE64 or null,"value":…,
//                                                                 "headers":…}; and one a schema that they register:
//                                                                 {"subject":…,"schema":…,"id":…}
//     leat_wire_probe JOURNAL CONFIG.json DATABASE bench N        reads the journal N times: events per second and core
#include "core/base/json.h"
#include "core/base/map.h"
#include "data/connect/converter.h"
#include "data/connect/headers.h"
#include "data/connect/json_converter.h"
#include "data/connect/program.h"
#include "storage/journal/journal.h"

#include <time.h>

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static Slice file_read(Arena *arena, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    uint8_t *bytes = arena_alloc(arena, 1 * MIB);
    size_t size = fread(bytes, 1, 1 * MIB, file);
    fclose(file);
    return (Slice){bytes, size};
}

static void part_put(Buf *line, const Shape *shape, const Value *value, bool schemas) {
    static const Value NOTHING = {.kind = VALUE_NULL};
    if (value == NULL && (shape == NULL || !schemas)) {
        buf_text(line, "null");
    } else if (schemas) {
        buf_text(line, "{\"schema\":");
        json_converter_schema(line, shape);
        buf_text(line, ",\"payload\":");
        json_converter_value(line, shape, value != NULL ? value : &NOTHING);
        buf_u8(line, '}');
    } else {
        json_converter_value(line, shape, value);
    }
}

static void header_put(Buf *line, const ConnectHeader *header) {
    Buf text;
    buf_init(&text, 0);
    if (header->value == NULL || header->value->kind == VALUE_NULL) {
        buf_text(&text, "null");
    } else if (header->value->kind == VALUE_STRUCT) {
        connect_key_text(&text, header->shape, header->value->items.at);
    } else if (header->value->kind == VALUE_STRING) {
        buf_put(&text, header->value->bytes);
    } else {
        json_converter_value(&text, header->shape, header->value);
    }
    buf_u8(line, '[');
    json_quote(line, header->name);
    buf_u8(line, ',');
    json_quote(line, buf_slice(&text));
    buf_u8(line, ']');
    buf_release(&text);
}

static void record_print(const ConnectRecord *record, bool schemas) {
    Buf line;
    buf_init(&line, 0);
    buf_text(&line, "{\"topic\":");
    json_quote(&line, record->topic);
    buf_text(&line, ",\"key\":");
    part_put(&line, record->key_shape, record->key, schemas);
    buf_text(&line, ",\"value\":");
    part_put(&line, record->value_shape, record->value, schemas);
    buf_text(&line, ",\"headers\":[");
    for (size_t i = 0; i < record->header_count; i++) {
        buf_text(&line, i > 0 ? "," : "");
        header_put(&line, &record->headers[i]);
    }
    buf_text(&line, "]}\n");
    fwrite(line.data, 1, line.size, stdout);
    buf_release(&line);
}

static void route_print(ConnectProgram *program, const Schema *schema) {
    Err err[1] = {{0}};
    ConnectRoute route;
    MUST(connect_program_route(program, schema, &route, err));
    printf("{\"space\":\"%.*s\",\"table\":\"%.*s\",\"topic\":\"%.*s\",\"dynamic\":%s,\"span\":[",
           SLICE_ARG(schema->space), SLICE_ARG(schema->table), SLICE_ARG(route.topic),
           route.dynamic ? "true" : "false");
    for (size_t i = 0; i < ARRAY_LEN(route.span); i++) {
        printf("%s%u", i > 0 ? "," : "", route.span[i]);
    }
    printf("]}\n");
}

typedef struct Registry {
    Arena arena;
    Map ids; // schema to its id
} Registry;

static bool schema_register(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    Registry *registry = context;
    int32_t *known = map_find(&registry->ids, schema);
    if (known == NULL) {
        known = ARENA_NEW(&registry->arena, int32_t);
        *known = (int32_t)registry->ids.count + 1;
        map_put(&registry->ids, schema, known);
    }
    Buf line;
    buf_init(&line, 0);
    buf_text(&line, "{\"subject\":");
    json_quote(&line, subject);
    buf_text(&line, ",\"schema\":");
    json_quote(&line, schema);
    buf_printf(&line, ",\"id\":%d}\n", *known);
    fwrite(line.data, 1, line.size, stdout);
    buf_release(&line);
    *id = *known;
    return true;
}

static void bytes_put(Buf *line, Converter *converter, Slice topic, const Shape *shape, const Value *value) {
    Err err[1] = {{0}};
    Buf bytes;
    bool null = false;
    buf_init(&bytes, 0);
    MUST(converter_write(converter, topic, shape, value, &bytes, &null, err));
    if (null) {
        buf_text(line, "null");
    } else {
        json_base64(line, buf_slice(&bytes));
    }
    buf_release(&bytes);
}

static void record_wire(const ConnectRecord *record, Converter *key, Converter *value) {
    Buf line;
    buf_init(&line, 0);
    buf_text(&line, "{\"topic\":");
    json_quote(&line, record->topic);
    buf_text(&line, ",\"key\":");
    bytes_put(&line, key, record->topic, record->key_shape, record->key);
    buf_text(&line, ",\"value\":");
    bytes_put(&line, value, record->topic, record->value_shape, record->value);
    buf_text(&line, ",\"headers\":[");
    for (size_t i = 0; i < record->header_count; i++) {
        buf_text(&line, i > 0 ? "," : "");
        header_put(&line, &record->headers[i]);
    }
    buf_text(&line, "]}\n");
    fwrite(line.data, 1, line.size, stdout);
    buf_release(&line);
}

static void wire_all(const char *journal, ConnectProgram *program, const Properties *config) {
    Err err[1] = {{0}};
    Arena scratch, run;
    Registry registry = {0};
    SchemaRegistrar registrar = {schema_register, &registry};
    Converter *key = NULL, *value = NULL;
    JournalReader *reader = NULL;
    arena_init(&scratch, "scratch", 0);
    arena_init(&run, "run", 0);
    arena_init(&registry.arena, "ids", 0);
    MUST(converter_new(&run, config, true, &registrar, &key, err));
    MUST(converter_new(&run, config, false, &registrar, &value, err));
    MUST(journal_reader_open(journal, 0, 1 * MIB, &reader, err));
    for (JournalEntry entry = {0}; entry.kind != JOURNAL_END;) {
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind != JOURNAL_EVENT) {
            continue;
        }
        ConnectRecord records[CONNECT_RECORDS_MAX];
        size_t count;
        MUST(connect_program_make(program, &scratch, entry.schema, entry.event, records, &count, err));
        for (size_t i = 0; i < count; i++) {
            record_wire(&records[i], key, value);
        }
        arena_reset(&scratch);
    }
    journal_reader_close(reader);
    converter_release(key);
    converter_release(value);
    map_release(&registry.ids);
    arena_release(&registry.arena);
    arena_release(&run);
    arena_release(&scratch);
}

static void print_all(const char *journal, ConnectProgram *program, const char *what) {
    Err err[1] = {{0}};
    Arena scratch;
    JournalReader *reader = NULL;
    const Schema *seen = NULL;
    arena_init(&scratch, "scratch", 0);
    MUST(journal_reader_open(journal, 0, 1 * MIB, &reader, err));
    for (JournalEntry entry = {0}; entry.kind != JOURNAL_END;) {
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind != JOURNAL_EVENT) {
            continue;
        }
        if (strcmp(what, "routes") == 0) {
            if (entry.schema != seen) {
                route_print(program, entry.schema);
            }
            seen = entry.schema;
            continue;
        }
        ConnectRecord records[CONNECT_RECORDS_MAX];
        size_t count;
        MUST(connect_program_make(program, &scratch, entry.schema, entry.event, records, &count, err));
        for (size_t i = 0; i < count; i++) {
            record_print(&records[i], strcmp(what, "schemas") == 0);
        }
        arena_reset(&scratch);
    }
    journal_reader_close(reader);
    arena_release(&scratch);
}

static void converted(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out) {
    Err err[1] = {{0}};
    bool null;
    MUST(converter_write(converter, topic, shape, value, out, &null, err));
}

static bool any_id(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    *id = 1;
    return true;
}

// With the configuration's converters; a registry that takes everything.
static void bench(const char *journal, const Properties *config, ConnectProgram *program, int rounds) {
    Err err[1] = {{0}};
    Arena scratch, run;
    Converter *key = NULL, *value = NULL;
    arena_init(&run, "run", 0);
    const SchemaRegistrar registrar = {.register_schema = any_id};
    MUST(converter_new(&run, config, true, &registrar, &key, err));
    MUST(converter_new(&run, config, false, &registrar, &value, err));
    Buf out;
    uint64_t events = 0, bytes = 0;
    arena_init(&scratch, "scratch", 0);
    buf_init(&out, 0);
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < rounds; i++) {
        JournalReader *reader = NULL;
        MUST(journal_reader_open(journal, 0, 1 * MIB, &reader, err));
        for (JournalEntry entry = {0}; entry.kind != JOURNAL_END;) {
            MUST(journal_reader_next(reader, &entry, err));
            if (entry.kind != JOURNAL_EVENT) {
                continue;
            }
            ConnectRecord records[CONNECT_RECORDS_MAX];
            size_t count;
            MUST(connect_program_make(program, &scratch, entry.schema, entry.event, records, &count, err));
            for (size_t n = 0; n < count; n++) {
                converted(key, records[n].topic, records[n].key_shape, records[n].key, &out);
                converted(value, records[n].topic, records[n].value_shape, records[n].value, &out);
            }
            bytes += out.size;
            buf_reset(&out);
            arena_reset(&scratch);
            events++;
        }
        journal_reader_close(reader);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("%" PRIu64 " events, %.0f per second of one core, %.0f bytes each\n", events, (double)events / seconds,
           (double)bytes / (double)events);
    converter_release(key);
    converter_release(value);
    arena_release(&run);
    arena_release(&scratch);
    buf_release(&out);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: leat_wire_probe JOURNAL CONFIG.json DATABASE [schemas | routes | wire | bench N]\n");
        return 2;
    }
    Err err[1] = {{0}};
    Arena run;
    arena_init(&run, "run", 0);
    Properties config;
    MUST(properties_parse(&run, file_read(&run, argv[2]), &config, err));
    ProgramContext context = {.connector = SLICE("probe"),
                              .database = slice_of(argv[3]),
                              .run_id = SLICE("00000000-0000-7000-8000-000000000000")};
    ConnectProgram *program = NULL;
    MUST(connect_program_new(&run, &config, &context, &program, err));
    if (argc > 4 && strcmp(argv[4], "wire") == 0) {
        wire_all(argv[1], program, &config);
    } else if (argc > 5 && strcmp(argv[4], "bench") == 0) {
        bench(argv[1], &config, program, (int)strtol(argv[5], NULL, 10));
    } else {
        print_all(argv[1], program, argc > 4 ? argv[4] : "");
    }
    connect_program_release(program);
    arena_release(&run);
    return 0;
}
