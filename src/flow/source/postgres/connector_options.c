// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/connector_options.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

typedef struct Parse {
    Arena *arena;
    const Properties *properties;
    PgConnectorOptions *options;
} Parse;

// --- single values ---------------------------------------------------------------------------------------------

static const char *trimmed(Arena *arena, const char *text) {
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1])) {
        size--;
    }
    return arena_text(arena, (Slice){(const uint8_t *)text, size});
}

// By its name, or the one that it had before; "" counts as absent.
static const char *value_of(const Parse *parse, const char *name, const char *old) {
    const char *value = properties_text(parse->arena, parse->properties, name, NULL);
    if (value == NULL && old != NULL) {
        value = properties_text(parse->arena, parse->properties, old, NULL);
    }
    value = value != NULL ? trimmed(parse->arena, value) : NULL;
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *text_of(const Parse *parse, const char *name, const char *otherwise) {
    const char *value = value_of(parse, name, NULL);
    return value != NULL ? value : otherwise;
}

static bool bool_parse(const Parse *parse, const char *name, bool otherwise, bool *out, Err *err) {
    const char *value = value_of(parse, name, NULL);
    *out = value == NULL ? otherwise : strcasecmp(value, "true") == 0;
    if (value != NULL && !*out && strcasecmp(value, "false") != 0) {
        FAIL(err, ERR_OPTION, "%s: \"%.80s\" is neither true nor false", name, value);
        return err_hint(err, "write true or false");
    }
    return true;
}

static bool number_parse(const Parse *parse, const char *name, int64_t otherwise, int64_t max, int64_t *out, Err *err) {
    const char *value = value_of(parse, name, NULL);
    *out = otherwise;
    if (value == NULL) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    *out = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || *out < 0 || *out > max) {
        FAIL(err, ERR_OPTION, "%s: \"%.80s\" is not allowed", name, value);
        return err_hint(err, "write a whole number from 0 to %" PRId64, max);
    }
    return true;
}

typedef struct Choice {
    const char *name;
    int value;
} Choice;

static bool choice_parse(const Parse *parse, const char *name, const Choice *choices, size_t count, int otherwise,
                         int *out, Err *err) {
    const char *value = value_of(parse, name, NULL);
    *out = otherwise;
    for (size_t i = 0; value != NULL && i < count; i++) {
        if (strcasecmp(value, choices[i].name) == 0) {
            *out = choices[i].value;
            return true;
        }
    }
    if (value == NULL) {
        return true;
    }
    DEFER(buf_release) Buf list = {0};
    for (size_t i = 0; i < count; i++) {
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", choices[i].name);
    }
    FAIL(err, ERR_OPTION, "%s: \"%.80s\" is not allowed", name, value);
    return err_hint(err, "one of %.*s", SLICE_ARG(buf_slice(&list)));
}
#define CHOICE(parse, name, choices, otherwise, out, err) \
    choice_parse((parse), (name), (choices), ARRAY_LEN(choices), (otherwise), (out), (err))

// --- filters ---------------------------------------------------------------------------------------------------

static bool list_parse(const Parse *parse, const char *name, const char *old, RegexList *list, Err *err) {
    const char *value = value_of(parse, name, old);
    return value == NULL || regex_list_new(parse->arena, slice_of(value), name, list, err);
}

// A list of what is wanted and one of what is not exclude each other.
static bool lists_parse(const Parse *parse, const char *kind, bool olden, RegexList *include, RegexList *exclude,
                        Err *err) {
    char name[2][64], old[2][64];
    snprintf(name[0], sizeof(name[0]), "%s.include.list", kind);
    snprintf(name[1], sizeof(name[1]), "%s.exclude.list", kind);
    snprintf(old[0], sizeof(old[0]), "%s.whitelist", kind);
    snprintf(old[1], sizeof(old[1]), "%s.blacklist", kind);
    TRY(list_parse(parse, name[0], olden ? old[0] : NULL, include, err));
    TRY(list_parse(parse, name[1], olden ? old[1] : NULL, exclude, err));
    if (include->count > 0 && exclude->count > 0) {
        FAIL(err, ERR_OPTION, "%s: %s is set too", name[1], name[0]);
        return err_hint(err, "set one of the two");
    }
    return true;
}

static bool filters_parse(const Parse *parse, Err *err) {
    PgConnectorOptions *options = parse->options;
    TRY(lists_parse(parse, "schema", true, &options->schema_include, &options->schema_exclude, err));
    TRY(lists_parse(parse, "table", true, &options->table_include, &options->table_exclude, err));
    TRY(lists_parse(parse, "message.prefix", false, &options->message_include, &options->message_exclude, err));
    const char *signal = value_of(parse, "signal.data.collection", NULL);
    if (signal == NULL) {
        return true;
    }
    // schema.table, or database.schema.table
    const char *dot = strchr(signal, '.'), *second = dot != NULL ? strchr(dot + 1, '.') : NULL;
    options->signal_table = second != NULL ? dot + 1 : signal;
    if (dot == NULL) {
        FAIL(err, ERR_OPTION, "signal.data.collection: \"%.80s\" names no schema", signal);
        return err_hint(err, "write schema.table");
    }
    return true;
}

static Slice full_name(Buf *buf, Slice space, Slice name) {
    buf_reset(buf);
    buf_put(buf, space);
    buf_u8(buf, '.');
    buf_put(buf, name);
    return buf_slice(buf);
}

bool pg_connector_is_signal(const PgConnectorOptions *options, Slice space, Slice name) {
    DEFER(buf_release) Buf text = {0};
    return options->signal_table != NULL && slice_is(full_name(&text, space, name), options->signal_table);
}

static bool list_allows(const RegexList *include, const RegexList *exclude, Slice text) {
    return include->count > 0 ? regex_list_matches(include, text)
                              : exclude->count == 0 || !regex_list_matches(exclude, text);
}

bool pg_connector_wants(const PgConnectorOptions *options, Slice space, Slice name) {
    DEFER(buf_release) Buf text = {0};
    return pg_connector_is_signal(options, space, name) ||
           (list_allows(&options->schema_include, &options->schema_exclude, space) &&
            list_allows(&options->table_include, &options->table_exclude, full_name(&text, space, name)));
}

bool pg_connector_snapshots(const PgConnectorOptions *options, Slice space, Slice name) {
    DEFER(buf_release) Buf text = {0};
    return options->snapshot_include.count == 0 ||
           regex_list_matches(&options->snapshot_include, full_name(&text, space, name));
}

bool pg_connector_wants_message(const PgConnectorOptions *options, Slice prefix) {
    return list_allows(&options->message_include, &options->message_exclude, prefix);
}

size_t pg_connector_rank(const PgConnectorOptions *options, Slice space, Slice name) {
    DEFER(buf_release) Buf text = {0};
    Slice full = full_name(&text, space, name);
    size_t rank = 0;
    while (rank < options->table_include.count && !regex_matches(options->table_include.at[rank], full)) {
        rank++;
    }
    return rank;
}

const char *pg_connector_override(const PgConnectorOptions *options, Slice space, Slice name) {
    DEFER(buf_release) Buf text = {0};
    Slice full = full_name(&text, space, name);
    for (size_t i = 0; i < options->override_count; i++) {
        if (slice_is(full, options->overrides[i].table)) {
            return options->overrides[i].statement;
        }
    }
    return NULL;
}

bool pg_connector_skips(const PgConnectorOptions *options, char operation) {
    return strchr(options->skipped, operation) != NULL;
}

// --- slot and publication --------------------------------------------------------------------------------------

static bool slot_parse(const Parse *parse, Err *err) {
    static const Choice FLUSH[] = {{"connector", 0}, {"manual", 1}, {"connector_and_driver", 0}};
    static const Choice MISMATCH[] = {{"no_validation", PG_MISMATCH_NONE},
                                      {"trust_offset", PG_MISMATCH_TRUST_OFFSET},
                                      {"trust_slot", PG_MISMATCH_TRUST_SLOT},
                                      {"trust_greater_lsn", PG_MISMATCH_TRUST_GREATER}};
    static const Choice PLUGIN[] = {{"pgoutput", 0}};
    PgConnectorOptions *options = parse->options;
    int plugin = 0, manual = 0, mismatch = 0;
    options->plugin_unset = value_of(parse, "plugin.name", NULL) == NULL;
    TRY(CHOICE(parse, "plugin.name", PLUGIN, 0, &plugin, err));
    options->slot = text_of(parse, "slot.name", "debezium");
    TRY(bool_parse(parse, "slot.drop.on.stop", false, &options->slot_drop_on_stop, err));
    TRY(bool_parse(parse, "slot.failover", false, &options->slot_failover, err));
    TRY(number_parse(parse, "slot.max.retries", 6, 1000000, &options->slot_retries, err));
    TRY(number_parse(parse, "slot.retry.delay.ms", 10000, INT32_MAX, &options->slot_retry_ms, err));
    TRY(number_parse(parse, "status.update.interval.ms", 10000, INT32_MAX, &options->status_ms, err));
    bool flush = true;
    TRY(bool_parse(parse, "flush.lsn.source", true, &flush, err));
    TRY(CHOICE(parse, "lsn.flush.mode", FLUSH, !flush, &manual, err));
    options->lsn_flush_manual = manual != 0;
    TRY(CHOICE(parse, "offset.mismatch.strategy", MISMATCH, PG_MISMATCH_NONE, &mismatch, err));
    options->mismatch = (PgMismatch)mismatch;
    return true;
}

// "none", or letters out of c, u, d and t. What is set by hand narrows the publication as well.
static bool skipped_parse(const Parse *parse, Err *err) {
    PgConnectorOptions *options = parse->options;
    const char *value = value_of(parse, "skipped.operations", NULL);
    size_t count = 0;
    Slice *items = properties_list(parse->arena, slice_of(value != NULL ? value : "t"), &count);
    size_t used = 0;
    bool none = false;
    for (size_t i = 0; i < count; i++) {
        none |= slice_is(items[i], "none");
        char letter = items[i].size == 1 ? (char)items[i].data[0] : '\0';
        if (letter == '\0' || strchr("cudt", letter) == NULL) {
            if (slice_is(items[i], "none") && count == 1) {
                break;
            }
            FAIL(err, ERR_OPTION, "skipped.operations: \"%.80s\" is not allowed", value);
            return err_hint(err, "none, or a list out of c, u, d, t");
        }
        if (strchr(options->skipped, letter) == NULL) {
            options->skipped[used++] = letter;
        }
    }
    if (value != NULL && !none) {
        static const char *const NAMES[] = {"c", "insert", "u", "update", "d", "delete", "t", "truncate"};
        const char *publish = "";
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i += 2) {
            if (!pg_connector_skips(options, NAMES[i][0])) {
                publish = arena_printf(parse->arena, "%s%s%s", publish, publish[0] != '\0' ? ", " : "", NAMES[i + 1]);
            }
        }
        options->publish = publish;
    }
    return bool_parse(parse, "skip.messages.without.change", false, &options->skip_unchanged, err);
}

// regex:IDENTITY, with DEFAULT, FULL, NOTHING, or INDEX and its name.
static bool identity_parse(const Parse *parse, Slice item, PgIdentityRule *rule, Err *err) {
    const char *text = arena_text(parse->arena, item), *colon = strrchr(text, ':');
    const char *identity = colon != NULL ? trimmed(parse->arena, colon + 1) : "";
    bool index = strncasecmp(identity, "INDEX ", 6) == 0;
    if (colon == NULL || !(index || strcasecmp(identity, "DEFAULT") == 0 || strcasecmp(identity, "FULL") == 0 ||
                           strcasecmp(identity, "NOTHING") == 0)) {
        FAIL(err, ERR_OPTION, "replica.identity.autoset.values: \"%.80s\" is not allowed", text);
        return err_hint(err, "write schema.table:FULL, or DEFAULT, NOTHING, INDEX name, with commas between");
    }
    rule->identity = index ? "INDEX" : identity;
    rule->index = index ? trimmed(parse->arena, identity + 6) : NULL;
    return regex_new((Slice){(const uint8_t *)text, (size_t)(colon - text)}, REGEX_IGNORE_CASE,
                     "replica.identity.autoset.values", &rule->table, err);
}

static bool publication_parse(const Parse *parse, Err *err) {
    static const Choice MODES[] = {{"all_tables", PG_PUBLICATION_ALL_TABLES},
                                   {"filtered", PG_PUBLICATION_FILTERED},
                                   {"disabled", PG_PUBLICATION_DISABLED},
                                   {"no_tables", PG_PUBLICATION_NO_TABLES}};
    PgConnectorOptions *options = parse->options;
    int mode = 0;
    options->publication = text_of(parse, "publication.name", "dbz_publication");
    TRY(CHOICE(parse, "publication.autocreate.mode", MODES, PG_PUBLICATION_ALL_TABLES, &mode, err));
    options->publication_mode = (PgPublicationMode)mode;
    TRY(bool_parse(parse, "publish.via.partition.root", false, &options->via_root, err));
    TRY(skipped_parse(parse, err));
    const char *rules = value_of(parse, "replica.identity.autoset.values", NULL);
    if (rules == NULL) {
        return true;
    }
    size_t count = 0;
    Slice *items = properties_list(parse->arena, slice_of(rules), &count);
    options->identities = ARENA_ARRAY(parse->arena, PgIdentityRule, count);
    for (size_t i = 0; i < count; i++) {
        TRY(identity_parse(parse, items[i], &options->identities[options->identity_count++], err));
    }
    return true;
}

// --- snapshot --------------------------------------------------------------------------------------------------

static bool overrides_parse(const Parse *parse, Err *err) {
    PgConnectorOptions *options = parse->options;
    const char *names = value_of(parse, "snapshot.select.statement.overrides", NULL);
    if (names == NULL) {
        return true;
    }
    size_t count = 0;
    Slice *items = properties_list(parse->arena, slice_of(names), &count);
    options->overrides = ARENA_ARRAY(parse->arena, PgSelectOverride, count);
    for (size_t i = 0; i < count; i++) {
        const char *key = arena_printf(parse->arena, "snapshot.select.statement.overrides.%.*s", SLICE_ARG(items[i]));
        const char *statement = value_of(parse, key, NULL);
        if (statement == NULL) {
            FAIL(err, ERR_OPTION, "%s is not set", key);
            return err_hint(err, "set it to the SELECT that reads that table's rows");
        }
        size_t size = strlen(statement);
        while (size > 0 && (statement[size - 1] == ';' || isspace((unsigned char)statement[size - 1]))) {
            size--;
        }
        options->overrides[options->override_count++] = (PgSelectOverride){
            arena_text(parse->arena, items[i]), arena_text(parse->arena, (Slice){(const uint8_t *)statement, size})};
    }
    return true;
}

static bool snapshot_mode_parse(const Parse *parse, Err *err) {
    static const Choice MODES[] = {{"initial", PG_SNAPSHOT_INITIAL},
                                   {"always", PG_SNAPSHOT_ALWAYS},
                                   {"initial_only", PG_SNAPSHOT_INITIAL_ONLY},
                                   {"no_data", PG_SNAPSHOT_NO_DATA},
                                   {"when_needed", PG_SNAPSHOT_WHEN_NEEDED},
                                   {"configuration_based", PG_SNAPSHOT_CONFIGURED},
                                   {"never", PG_SNAPSHOT_NO_DATA},
                                   {"schema_only", PG_SNAPSHOT_NO_DATA},
                                   {"exported", PG_SNAPSHOT_INITIAL}};
    PgConnectorOptions *options = parse->options;
    const char *value = value_of(parse, "snapshot.mode", NULL);
    if (value != NULL && strcasecmp(value, "custom") == 0) {
        FAIL(err, ERR_OPTION, "snapshot.mode: \"custom\" needs a Java class, which leat cannot load");
        return err_hint(err, "use configuration_based with its switches");
    }
    int mode = 0;
    TRY(CHOICE(parse, "snapshot.mode", MODES, PG_SNAPSHOT_INITIAL, &mode, err));
    options->snapshot_mode = (PgSnapshotMode)mode;
    static const char *const SWITCHES[] = {
        "snapshot.mode.configuration.based.snapshot.data", "snapshot.mode.configuration.based.start.stream",
        "snapshot.mode.configuration.based.snapshot.on.data.error", "snapshot.mode.configuration.based.snapshot.schema",
        "snapshot.mode.configuration.based.snapshot.on.schema.error"};
    bool ignored = false, *const PLACES[] = {&options->snapshot_data, &options->snapshot_stream,
                                             &options->snapshot_on_error, &ignored, &ignored};
    for (size_t i = 0; i < ARRAY_LEN(SWITCHES); i++) {
        TRY(bool_parse(parse, SWITCHES[i], false, PLACES[i], err));
    }
    return true;
}

static bool snapshot_parse(const Parse *parse, Err *err) {
    static const Choice LOCKING[] = {{"none", 0}, {"shared", 1}};
    static const Choice ISOLATION[] = {
        {"serializable", 0}, {"repeatable_read", 0}, {"read_committed", 0}, {"read_uncommitted", 0}};
    PgConnectorOptions *options = parse->options;
    int lock = 0, isolation = 0;         // what is exported by a slot is at least repeatable read
    int64_t threads = 1, ignored_ms = 0; // what was read is durable before changes are confirmed: no delay needed
    TRY(snapshot_mode_parse(parse, err));
    TRY(CHOICE(parse, "snapshot.locking.mode", LOCKING, 0, &lock, err));
    TRY(CHOICE(parse, "snapshot.isolation.mode", ISOLATION, 0, &isolation, err));
    options->snapshot_lock = lock != 0;
    TRY(number_parse(parse, "snapshot.lock.timeout.ms", 10000, INT32_MAX, &options->snapshot_lock_ms, err));
    TRY(number_parse(parse, "snapshot.delay.ms", 0, INT64_MAX / 1000, &options->snapshot_delay_ms, err));
    TRY(number_parse(parse, "streaming.delay.ms", 0, INT64_MAX / 1000, &ignored_ms, err));
    TRY(number_parse(parse, "snapshot.max.threads", 1, INT32_MAX, &threads, err));
    options->snapshot_threads = (int)MAX(threads, 1);
    TRY(list_parse(parse, "snapshot.include.collection.list", NULL, &options->snapshot_include, err));
    return overrides_parse(parse, err);
}

// --- the rest --------------------------------------------------------------------------------------------------

// Statements with ';' between; ';;' is a ';' within one.
static void statements_parse(const Parse *parse, const char *text) {
    PgConnectorOptions *options = parse->options;
    size_t room = 1;
    for (const char *at = text; *at != '\0'; at++) {
        room += *at == ';';
    }
    options->initial_statements = ARENA_ARRAY(parse->arena, char *, room);
    DEFER(buf_release) Buf one = {0};
    for (const char *at = text;; at++) {
        if (at[0] == ';' && at[1] == ';') {
            at++;
        } else if (at[0] == ';' || at[0] == '\0') {
            buf_u8(&one, 0);
            const char *statement = trimmed(parse->arena, (const char *)one.data);
            if (statement[0] != '\0') {
                options->initial_statements[options->initial_statement_count++] =
                    arena_text(parse->arena, slice_of(statement));
            }
            buf_reset(&one);
            if (at[0] == '\0') {
                return;
            }
            continue;
        }
        buf_u8(&one, (uint8_t)*at);
    }
}

static bool rest_parse(const Parse *parse, Err *err) {
    static const Choice FAILURES[] = {{"fail", 0}, {"warn", 1}, {"skip", 1}, {"ignore", 1}};
    static const Choice TABLES[] = {{"quarantine", 1}, {"fail", 0}};
    PgConnectorOptions *options = parse->options;
    int dead_letters = 0, quarantine = 0;
    TRY(bool_parse(parse, "provide.transaction.metadata", false, &options->transactions, err));
    TRY(number_parse(parse, "heartbeat.interval.ms", 0, INT32_MAX, &options->heartbeat_ms, err));
    options->heartbeat_query = value_of(parse, "heartbeat.action.query", NULL);
    TRY(CHOICE(parse, "event.processing.failure.handling.mode", FAILURES, 0, &dead_letters, err));
    TRY(CHOICE(parse, "leat.errors.table", TABLES, 1, &quarantine, err));
    options->dead_letters = dead_letters != 0;
    options->quarantine = quarantine != 0;
    const char *statements = value_of(parse, "database.initial.statements", NULL);
    if (statements != NULL) {
        statements_parse(parse, statements);
    }
    return true;
}

bool pg_connector_options_parse(Arena *arena, const Properties *properties, PgConnectorOptions *options, Err *err) {
    *options = (PgConnectorOptions){0};
    Parse parse = {arena, properties, options};
    options->prefix = value_of(&parse, "topic.prefix", "database.server.name");
    if (options->prefix == NULL) {
        return FAIL(err, ERR_OPTION, "topic.prefix is not set");
    }
    if (!filters_parse(&parse, err) || !slot_parse(&parse, err) || !publication_parse(&parse, err) ||
        !snapshot_parse(&parse, err) || !rest_parse(&parse, err)) {
        pg_connector_options_release(options);
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

void pg_connector_options_release(PgConnectorOptions *options) {
    RegexList *lists[] = {&options->schema_include,  &options->schema_exclude,  &options->table_include,
                          &options->table_exclude,   &options->message_include, &options->message_exclude,
                          &options->snapshot_include};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        regex_list_release(lists[i]);
    }
    for (size_t i = 0; i < options->identity_count; i++) {
        regex_release(options->identities[i].table);
    }
    options->identity_count = 0;
}

// --- the connection --------------------------------------------------------------------------------------------

static void conninfo_put(Buf *conninfo, const char *keyword, const char *value) {
    buf_printf(conninfo, "%s%s='", conninfo->size > 0 ? " " : "", keyword);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\') {
            buf_u8(conninfo, '\\');
        }
        if (at[0] == '$' && at[1] == '{') {
            buf_u8(conninfo, '$'); // no reference: those are resolved already
        }
        buf_u8(conninfo, (uint8_t)*at);
    }
    buf_u8(conninfo, '\'');
}

bool pg_connector_url(Arena *arena, const Properties *properties, const char **url, Err *err) {
    static const char *const KEYS[][3] = {{"database.hostname", "host", NULL},
                                          {"database.port", "port", "5432"},
                                          {"database.user", "user", NULL},
                                          {"database.password", "password", NULL},
                                          {"database.dbname", "dbname", NULL},
                                          {"database.sslmode", "sslmode", "prefer"},
                                          {"database.sslcert", "sslcert", NULL},
                                          {"database.sslkey", "sslkey", NULL},
                                          {"database.sslpassword", "sslpassword", NULL},
                                          {"database.sslrootcert", "sslrootcert", NULL}};
    DEFER(buf_release) Buf conninfo = {0};
    Parse parse = {arena, properties, NULL};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        const char *value = properties_text(arena, properties, KEYS[i][0], KEYS[i][2]);
        if (value != NULL && value[0] != '\0') {
            conninfo_put(&conninfo, KEYS[i][1], value);
        } else if (i == 0 || i == 2 || i == 4) {
            return FAIL(err, ERR_OPTION, "%s is not set", KEYS[i][0]);
        }
    }
    bool alive = true;
    TRY(bool_parse(&parse, "database.tcpKeepAlive", true, &alive, err));
    conninfo_put(&conninfo, "keepalives", alive ? "1" : "0");
    *url = arena_text(arena, buf_slice(&conninfo));
    return true;
}
