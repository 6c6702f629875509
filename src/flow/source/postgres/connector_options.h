// SPDX-License-Identifier: Apache-2.0
// What the capture half of a Debezium PostgreSQL connector's configuration says: filters of tables, slot, publication,
// snapshot, heartbeat, messages. What shapes records (columns, types, names) is data/connect's.
//
// Names and defaults are those of Debezium 3.7; old names (table.whitelist, snapshot.mode=never, …) are taken as what
// they have become.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_OPTIONS_H
#define LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_OPTIONS_H

#include "core/config/properties.h"
#include "core/config/regex.h"

typedef enum PgSnapshotMode {
    PG_SNAPSHOT_INITIAL,      // rows when nothing was read before, then changes
    PG_SNAPSHOT_ALWAYS,       // rows at each start, then changes
    PG_SNAPSHOT_INITIAL_ONLY, // rows when nothing was read before, then it is done: no slot, no publication
    PG_SNAPSHOT_NO_DATA,      // changes only, from where the slot is
    PG_SNAPSHOT_WHEN_NEEDED,  // as initial, and again when the slot does not have what the journal lacks
    PG_SNAPSHOT_CONFIGURED,   // as five switches say
} PgSnapshotMode;

typedef enum PgPublicationMode {
    PG_PUBLICATION_ALL_TABLES, // FOR ALL TABLES
    PG_PUBLICATION_FILTERED,   // the captured tables, kept so at each start
    PG_PUBLICATION_DISABLED,   // it must be there
    PG_PUBLICATION_NO_TABLES,  // made without tables, which someone else adds
} PgPublicationMode;

// When slot and journal disagree.
typedef enum PgMismatch {
    PG_MISMATCH_NONE, // both this and the next: an error where going on would leave a gap
    PG_MISMATCH_TRUST_OFFSET,
    PG_MISMATCH_TRUST_SLOT, // both this and the next: go on from the slot where that is ahead, with a warning
    PG_MISMATCH_TRUST_GREATER,
} PgMismatch;

typedef struct PgSelectOverride {
    const char *table; // schema.table
    const char *statement;
} PgSelectOverride;

typedef struct PgIdentityRule {
    Regex *table;
    const char *identity; // DEFAULT, FULL, NOTHING, INDEX
    const char *index;    // of INDEX: its name
} PgIdentityRule;

typedef struct PgConnectorOptions {
    const char *prefix; // topic.prefix
    RegexList schema_include, schema_exclude, table_include, table_exclude;
    const char *signal_table; // schema.table, captured whatever the filters say; NULL = none

    bool plugin_unset; // Debezium's default would be decoderbufs, leat's is pgoutput
    const char *slot;
    bool slot_drop_on_stop, slot_failover;
    int64_t slot_retries, slot_retry_ms;
    int64_t status_ms;
    bool lsn_flush_manual; // the slot is never confirmed
    PgMismatch mismatch;

    const char *publication;
    PgPublicationMode publication_mode;
    bool via_root;
    const char *publish; // "insert, update": what an explicit skipped.operations leaves; NULL = all
    PgIdentityRule *identities;
    size_t identity_count;

    PgSnapshotMode snapshot_mode;
    bool snapshot_data, snapshot_stream, snapshot_on_error; // of CONFIGURED
    RegexList snapshot_include;
    PgSelectOverride *overrides;
    size_t override_count;
    bool snapshot_lock; // ACCESS SHARE while tables are read
    int64_t snapshot_lock_ms, snapshot_delay_ms;
    int snapshot_threads;

    bool transactions;    // provide.transaction.metadata
    char skipped[8];      // skipped.operations: its letters
    bool skip_unchanged;  // skip.messages.without.change
    int64_t heartbeat_ms; // 0 = none
    const char *heartbeat_query;
    RegexList message_include, message_exclude;
    char **initial_statements;
    size_t initial_statement_count;
    bool quarantine;   // leat.errors.table: a table that cannot be captured is put aside, the others go on
    bool dead_letters; // event.processing.failure.handling.mode=warn|skip
} PgConnectorOptions;

// How long a slot that somebody holds is waited for.
static inline int64_t pg_connector_patience_us(const PgConnectorOptions *options) {
    return options->slot_retries * options->slot_retry_ms * 1000;
}

// Lives in the arena, with what pg_connector_options_release frees. ERR_OPTION names the key, its value and what is
// allowed.
CHECKED bool pg_connector_options_parse(Arena *arena, const Properties *properties, PgConnectorOptions *options,
                                        Err *err);
void pg_connector_options_release(PgConnectorOptions *options); // zero is fine

// Filters, by schema and table as the change stream names them.
bool pg_connector_wants(const PgConnectorOptions *options, Slice space, Slice name);
bool pg_connector_snapshots(const PgConnectorOptions *options, Slice space, Slice name);
bool pg_connector_is_signal(const PgConnectorOptions *options, Slice space, Slice name);
bool pg_connector_wants_message(const PgConnectorOptions *options, Slice prefix);
// Where a table stands in the order of reading: the place of the first entry of table.include.list that matches it.
size_t pg_connector_rank(const PgConnectorOptions *options, Slice space, Slice name);
const char *pg_connector_override(const PgConnectorOptions *options, Slice space, Slice name); // NULL = none
bool pg_connector_skips(const PgConnectorOptions *options, char operation);

// database.hostname and what belongs to it, as libpq's conninfo.
CHECKED bool pg_connector_url(Arena *arena, const Properties *properties, const char **url, Err *err);

#endif
