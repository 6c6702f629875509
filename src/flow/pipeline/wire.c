// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/wire.h"

#include "core/base/json.h"
#include "data/connect/converter.h"
#include "data/connect/headers.h"
#include "data/connect/program.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/dead_letters.h"
#include "storage/kafka/registrar.h"

struct WireProgram {
    ProgramNote note;
    Arena *arena;
    Properties config; // resolved
    bool ready;        // it is compiled
    ConnectProgram *program;
    Converter *converters[2]; // of values, of keys
    Registrar *registrars[2];
    WireProgram *older;
};

struct Wire {
    Arena arena;
    ProgramPlace place;
    bool remote;    // programs are facts of the journal: a newer one comes with a newer epoch
    uint64_t epoch; // as of the last look
    WireProgram *newest;
    bool looked; // for a newer one, since the last cut that may have brought it
};

// --- programs --------------------------------------------------------------------------------------------------

static uint64_t newest_number(const Wire *wire) {
    return wire->newest != NULL ? wire->newest->note.number : 0;
}

// Those that came since.
static bool programs_load(Wire *wire, Err *err) {
    ProgramNote *notes = NULL;
    size_t count = 0;
    TRY(program_log_load(&wire->place, newest_number(wire) + 1, &wire->arena, &notes, &count, &wire->epoch, err));
    for (size_t i = 0; i < count; i++) {
        WireProgram *program = ARENA_NEW(&wire->arena, WireProgram);
        *program = (WireProgram){.arena = &wire->arena, .note = notes[i], .older = wire->newest};
        wire->newest = program;
    }
    wire->looked = true;
    return true;
}

bool wire_open(const ProgramPlace *place, Wire **wire, Err *err) {
    Wire *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    arena_init(&opened->arena, "run", 0);
    opened->place = (ProgramPlace){arena_text(&opened->arena, slice_of(place->directory)),
                                   arena_text(&opened->arena, slice_of(place->journal))};
    opened->remote = journal_is_remote(place->journal);
    if (!programs_load(opened, err)) {
        wire_close(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    *wire = opened;
    return true;
}

void wire_close(Wire *wire) {
    if (wire == NULL) {
        return;
    }
    for (WireProgram *program = wire->newest; program != NULL; program = program->older) {
        for (size_t i = 0; i < ARRAY_LEN(program->converters); i++) {
            converter_release(program->converters[i]);
            registrar_close(program->registrars[i]);
        }
        connect_program_release(program->program);
    }
    arena_release(&wire->arena);
    free(wire);
}

void wire_cut(Wire *wire, const JournalEntry *cut) {
    wire->looked = wire->looked && wire->remote && cut->epoch <= wire->epoch;
}

static bool program_compile(WireProgram *program, Err *err) {
    ProgramContext context = {.connector = program->note.name, .run_id = program->note.run_id};
    if (program->ready) {
        return true;
    }
    TRY(connector_resolve(program->arena, &program->note.config, &program->config, err));
    context.database = slice_of(properties_text(program->arena, &program->config, "database.dbname", ""));
    TRY(connect_program_new(program->arena, &program->config, &context, &program->program, err));
    program->ready = true;
    return true;
}

// A program is durable before the first group under it, and a group is under one: a look when a group begins, with its
// first event read, misses none.
bool wire_program(Wire *wire, const JournalEntry *entry, WireProgram **program, Err *err) {
    if (UNLIKELY(!wire->looked) && (wire->remote || program_log_has(&wire->place, newest_number(wire) + 1))) {
        TRY(programs_load(wire, err));
    }
    wire->looked = true;
    WireProgram *found = wire->newest;
    while (found != NULL && found->note.from > entry->at) {
        found = found->older;
    }
    if (found == NULL) {
        FAIL(err, ERR_STATE_CORRUPT, "%s%s has nothing for log position %" PRIu64,
             wire->remote ? wire->place.journal : wire->place.directory, wire->remote ? "" : "/programs", entry->at);
        return err_hint(err, "restore the folder; the configuration that these records were written under was there");
    }
    *program = found;
    return program_compile(found, err);
}

const Properties *wire_config(const WireProgram *program) {
    return &program->config;
}

uint64_t wire_number(const WireProgram *program) {
    return program->note.number;
}

// --- records ---------------------------------------------------------------------------------------------------

bool wire_records(WireProgram *program, Arena *scratch, const JournalEntry *entry, ConnectRecord *records,
                  size_t *count, Err *err) {
    *count = 0;
    if (entry->event->offset_span == 0) {
        return true;
    }
    TRY(connect_program_make(program->program, scratch, entry->schema, entry->event, records, count, err));
    if (*count > entry->event->offset_span) {
        return FAIL(err, ERR_INTERNAL, "topic %.*s, offset %" PRIu64 ": %zu records where %" PRIu32 " were foreseen",
                    SLICE_ARG(entry->topic->name), entry->offset, *count, entry->event->offset_span);
    }
    for (size_t i = 0; i < *count; i++) {
        records[i].offset = entry->offset + i;
    }
    return true;
}

static bool converter_open(WireProgram *program, bool is_key, Err *err) {
    Registrar **registrar = &program->registrars[is_key];
    TRY(*registrar != NULL || registrar_new(&program->config, is_key, registrar, err));
    return converter_new(program->arena, &program->config, is_key,
                         *registrar != NULL ? registrar_contract(*registrar) : NULL, &program->converters[is_key], err);
}

bool wire_bytes(WireProgram *program, bool is_key, const ConnectRecord *record, Buf *out, bool *null, Err *err) {
    TRY(program->converters[is_key] != NULL || converter_open(program, is_key, err));
    const Shape *shape = is_key ? record->key_shape : record->value_shape;
    const Value *value = is_key ? record->key : record->value;
    return converter_write(program->converters[is_key], record->topic, shape, value, out, null, err);
}

// --- lines -----------------------------------------------------------------------------------------------------

static void bytes_line(Buf *out, const char *name, Slice bytes, bool null) {
    json_key(out, name);
    bool text = bytes.size == 0 || (json_utf8_valid(bytes) && memchr(bytes.data, '\0', bytes.size) == NULL);
    if (null) {
        buf_text(out, "null");
    } else if (text) {
        json_quote(out, bytes);
    } else {
        buf_text(out, "{\"base64\":");
        json_base64(out, bytes);
        buf_u8(out, '}');
    }
}

static void place_line(Buf *out, Slice topic, uint64_t offset, int64_t timestamp_ms) {
    buf_u8(out, '{');
    json_key(out, "topic");
    json_quote(out, topic);
    json_field_int(out, "partition", 0);
    json_field_uint(out, "offset", offset);
    json_field_int(out, "timestamp", timestamp_ms);
}

static void headers_line(Buf *out, const ConnectRecord *record) {
    DEFER(buf_release) Buf text = {0};
    json_key(out, "headers");
    buf_u8(out, '[');
    for (size_t i = 0; i < record->header_count; i++) {
        buf_text(out, i > 0 ? ",[" : "[");
        json_quote(out, record->headers[i].name);
        buf_u8(out, ',');
        buf_reset(&text);
        connect_header_text(&text, &record->headers[i]);
        json_quote(out, buf_slice(&text));
        buf_u8(out, ']');
    }
    buf_u8(out, ']');
}

static void dead_letter_line(const JournalEntry *entry, Buf *out) {
    const Value *row = entry->event->after;
    const Value *key = &row[DEAD_LETTER_KEY], *value = &row[DEAD_LETTER_VALUE];
    place_line(out, entry->topic->name, entry->offset, entry->event->source_us / 1000);
    json_key(out, "headers");
    buf_put(out, row[DEAD_LETTER_HEADERS].bytes);
    bytes_line(out, "key", key->bytes, value_is_absent(key));
    bytes_line(out, "value", value->bytes, value_is_absent(value));
    buf_text(out, "}\n");
}

static bool record_line(WireProgram *program, const ConnectRecord *record, Buf *out, Err *err) {
    static const char *const PARTS[2] = {"value", "key"};
    place_line(out, record->topic, record->offset, record->timestamp_ms);
    headers_line(out, record);
    for (int is_key = 1; is_key >= 0; is_key--) {
        DEFER(buf_release) Buf bytes = {0};
        bool null = false;
        TRY(wire_bytes(program, is_key, record, &bytes, &null, err));
        bytes_line(out, PARTS[is_key], buf_slice(&bytes), null);
    }
    buf_text(out, "}\n");
    return true;
}

bool wire_lines(Wire *wire, Arena *scratch, const JournalEntry *entry, Buf *out, size_t *lines, Err *err) {
    ConnectRecord records[CONNECT_RECORDS_MAX];
    WireProgram *program = NULL;
    *lines = 0;
    if (slice_is(entry->schema->space, DEAD_LETTER_SPACE)) {
        dead_letter_line(entry, out);
        *lines = 1;
        return true;
    }
    TRY(wire_program(wire, entry, &program, err));
    TRY(wire_records(program, scratch, entry, records, lines, err));
    for (size_t i = 0; i < *lines; i++) {
        TRY(record_line(program, &records[i], out, err));
    }
    return true;
}
