// SPDX-License-Identifier: Apache-2.0
// Compares the codecs with a real server: reads the rows of a query through COPY (FORMAT binary) and as text, decodes
// both, and holds them against each other and against the text that the server printed.
//     leat_codec_probe URL "SELECT … ORDER BY …" ["SET …"]
// With settings other than leat's own only the values of the two forms are compared, as the server prints otherwise.
// Prints one line a difference (the first 20), then "N values, N differ"; exit status 1 when something differs.
#include "data/format/text.h"
#include "flow/source/postgres/codec.h"

enum { SHOWN_MAX = 20 };

typedef struct Probe {
    PgConn conn[1];
    Arena run[1], row[1];
    PgTypes *types;
    const PgCodec **codecs;
    int columns;
    bool other_settings;
    size_t values, differences;
    Err err[1];
} Probe;

NORETURN static void quit(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static bool has_timestamps(const Type *type) {
    if (type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMPTZ) {
        return true;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (has_timestamps(&type->fields[i].type)) {
            return true;
        }
    }
    return type->element != NULL && has_timestamps(type->element);
}

static bool digit(Slice text, size_t i) {
    return i < text.size && text.data[i] >= '0' && text.data[i] <= '9';
}

// What the header of text.h excepts from PostgreSQL's own form is taken out of both sides.
static Slice normal(Arena *arena, const Type *type, Slice text, bool servers) {
    const Type *scalar = type->kind == TYPE_LIST ? type->element : type;
    bool stamps = has_timestamps(type), money = slice_is(scalar->source_name, "money");
    bool vector = slice_is(type->source_name, "int2vector") || slice_is(type->source_name, "oidvector");
    if (servers && type->kind == TYPE_LIST && text.size > 0 && text.data[0] == '[') {
        const uint8_t *equals = memchr(text.data, '=', text.size);
        text = slice_from(text, (size_t)(equals + 1 - text.data));
    }
    uint8_t *copy = arena_alloc(arena, text.size), *at = copy;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if ((stamps && c == '"') || (money && strchr("$,\"", c) != NULL) || (vector && strchr("{}", c) != NULL)) {
            continue;
        }
        if (vector && c == ',') {
            c = ' ';
        }
        if (servers && stamps && c == ' ' && i > 0 && digit(text, i - 1) && digit(text, i + 1)) {
            c = 'T';
        } else if (servers && stamps && c == '+' && text.size - i >= 3 && memcmp(&text.data[i], "+00", 3) == 0 &&
                   i > 0 && digit(text, i - 1)) {
            c = 'Z';
            i += 2;
        }
        *at++ = c;
    }
    return (Slice){copy, (size_t)(at - copy)};
}

static void show(Slice text) {
    putchar('\'');
    if (text.size > 0) {
        fwrite(text.data, 1, MIN(text.size, 300), stdout);
    }
    putchar('\'');
}

static void differs(Probe *probe, const PgCodec *codec, const char *what, Slice got, Slice want) {
    if (probe->differences++ < SHOWN_MAX) {
        printf("%.*s: %s: ", SLICE_ARG(codec->type.source_name), what);
        show(got);
        fputs(", the server has ", stdout);
        show(want);
        putchar('\n');
    }
}

static Slice printed(Probe *probe, const PgCodec *codec, const Value *value) {
    Buf buf;
    buf_init(&buf, 0);
    value_text(&buf, &codec->type, value);
    Slice text = normal(probe->row, &codec->type, buf_slice(&buf), false);
    buf_release(&buf);
    return text;
}

static void compare(Probe *probe, const PgCodec *codec, Slice text, const Slice *binary) {
    Value from_text, from_binary;
    probe->values++;
    err_clear(probe->err);
    if (!pg_decode_text(codec, text, probe->row, &from_text, probe->err)) {
        differs(probe, codec, probe->err->message, (Slice){0}, text);
        return;
    }
    Slice want = normal(probe->row, &codec->type, text, true);
    Slice got = printed(probe, codec, &from_text);
    if (probe->other_settings) {
        want = got;
    }
    if (!slice_equal(got, want)) {
        differs(probe, codec, "text", got, want);
    }
    if (binary == NULL) {
        return;
    }
    if (!pg_decode_binary(codec, *binary, probe->row, &from_binary, probe->err)) {
        differs(probe, codec, probe->err->message, (Slice){0}, text);
        return;
    }
    got = printed(probe, codec, &from_binary);
    if (!slice_equal(got, want)) {
        differs(probe, codec, "binary", got, want);
    }
    if (!value_equal(&from_text, &from_binary)) {
        differs(probe, codec, "the values of binary and text are not equal", got, want);
    }
}

// One CopyData of COPY BINARY: perhaps the signature before it, then a row.
static bool next_row(Probe *probe, char **data, Reader *reader) {
    static const char SIGNATURE[] = "PGCOPY\n\377\r\n";
    int size = PQgetCopyData(probe->conn->handle, data, 0);
    if (size < 0) {
        quit("COPY ends too early", PQerrorMessage(probe->conn->handle));
    }
    *reader = reader_of((Slice){(const uint8_t *)*data, (size_t)size});
    if ((size_t)size >= sizeof(SIGNATURE) && memcmp(*data, SIGNATURE, sizeof(SIGNATURE)) == 0) {
        (void)read_bytes(reader, 19);
    }
    return reader_left(reader) > 0;
}

static void compare_row(Probe *probe, const PGresult *texts, int row) {
    char *data = NULL;
    Reader reader;
    if (!next_row(probe, &data, &reader)) {
        PQfreemem(data);
        (void)next_row(probe, &data, &reader);
    }
    (void)read_u16be(&reader);
    for (int i = 0; i < probe->columns; i++) {
        const PgCodec *codec = probe->codecs[i];
        Slice text = {(const uint8_t *)PQgetvalue(texts, row, i), (size_t)PQgetlength(texts, row, i)};
        Slice bytes = {0};
        bool null = PQgetisnull(texts, row, i);
        if (codec->binary != NULL) {
            int32_t size = read_i32be(&reader);
            if ((size < 0) != null) {
                quit("the rows of the two readings are not the same", "is the query ordered?");
            }
            bytes = read_bytes(&reader, size > 0 ? (size_t)size : 0);
        }
        if (!null) {
            compare(probe, codec, text, codec->binary != NULL ? &bytes : NULL);
        }
    }
    if (!reader_done(&reader)) {
        quit("COPY", "a row is malformed");
    }
    PQfreemem(data);
    arena_reset(probe->row);
}

static void probe_query(Probe *probe, const char *query) {
    PGresult *texts = PQexec(probe->conn->handle, query);
    if (PQresultStatus(texts) != PGRES_TUPLES_OK) {
        quit("query", PQerrorMessage(probe->conn->handle));
    }
    probe->columns = PQnfields(texts);
    probe->codecs = ARENA_ARRAY(probe->run, const PgCodec *, (size_t)probe->columns);
    const char *names = "";
    for (int i = 0; i < probe->columns; i++) {
        if (!pg_types_codec(probe->types, probe->conn, PQftype(texts, i), PQfmod(texts, i), &probe->codecs[i],
                            probe->err)) {
            quit(PQfname(texts, i), probe->err->message);
        }
        if (probe->codecs[i]->binary != NULL) {
            names = arena_printf(probe->run, "%s%s%s", names, names[0] != '\0' ? ", " : "",
                                 pg_identifier(probe->run, slice_of(PQfname(texts, i))));
        }
    }
    PGresult *copy = PQexec(probe->conn->handle, arena_printf(probe->run,
                                                              "COPY (SELECT %s FROM (%s) q) TO STDOUT"
                                                              " (FORMAT binary)",
                                                              names, query));
    if (PQresultStatus(copy) != PGRES_COPY_OUT) {
        quit("COPY", PQerrorMessage(probe->conn->handle));
    }
    for (int row = 0; row < PQntuples(texts); row++) {
        compare_row(probe, texts, row);
    }
    PQclear(copy);
    PQclear(texts);
}

int main(int argc, char **argv) {
    static Probe probe[1];
    if (argc != 3 && argc != 4) {
        quit("usage", "leat_codec_probe URL QUERY");
    }
    arena_init(probe->run, "run", 0);
    arena_init(probe->row, "row", 0);
    probe->types = pg_types_new();
    if (!pg_conn_open(probe->conn, argv[1], PG_CONN_SQL, probe->err)) {
        quit("connection", probe->err->message);
    }
    probe->other_settings = argc == 4;
    if (!pg_exec(probe->conn, "SET search_path = public", probe->err) ||
        (probe->other_settings && !pg_exec(probe->conn, argv[3], probe->err))) {
        quit("settings", probe->err->message);
    }
    probe_query(probe, argv[2]);
    pg_conn_close(probe->conn);
    pg_types_free(probe->types);
    arena_release(probe->row);
    arena_release(probe->run);
    printf("%zu values, %zu differ\n", probe->values, probe->differences);
    return probe->differences == 0 ? 0 : 1;
}
