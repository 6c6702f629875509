// SPDX-License-Identifier: Apache-2.0
// The commands, as rows.
#include "surface/cli/command.h"
#include "surface/cli/lake.h"
#include "surface/cli/rest.h"

static const Flag SYNC_FLAGS[] = {
    {"tables", "PATTERN,…", "tables", "tables to carry: orders, sales.*; default all"},
    {"exclude", "PATTERN,…", "exclude", "tables to leave out"},
    {"format", "FORMAT", NULL,
     "iceberg tables, or files: parquet, avro, json or bytes; of Kafka json or avro; default iceberg"},
    {"mode", "MODE", "mode", "iceberg: upsert, the rows as they are, or append, every change; default upsert"},
    {"namespace", "NAME", "namespace", "iceberg: of all tables; default the source's schema"},
    {"partition-by", "SPEC", "partition.by", "iceberg: day(created_at), or orders=day(created_at);items=bucket(16,id)"},
    {"rename", "NAME=NAME,…", "rename", "iceberg: other names for tables: public.orders=sales.orders"},
    {"freshness", "TIME", "freshness", "iceberg: how long a change may wait; default 1s, on object stores 60s"},
    {"envelope", "FORM", "envelope",
     "flat, the row and what happened to it (default in files), or debezium (in Kafka)"},
    {"registry", "URL", "registry", "kafka: the schema registry, for --format avro"},
    {"name", "NAME", NULL, "of the pipeline; default from database and directory"},
    {"follow", NULL, NULL, "go on until SIGINT or SIGTERM"},
    {"snapshot-only", NULL, NULL, "read the tables once, leave nothing on the source"},
    {"no-snapshot", NULL, NULL, "only changes from now on"},
    {"from-lsn", "LSN", "from.lsn",
     "with --no-snapshot: only changes behind it; of the slot that --slot names, or a new one"},
    {"adopt", "NAME,…", "adopt", "iceberg: take over tables that are there already (sales.orders), or * for all"},
    {"memory-limit", "BYTES", "memory.limit", "for all buffers together; default 64MiB"},
    {"journal", "URL", "journal", "kafka://HOST:PORT/: in a topic of that Kafka; default in the data directory"},
    {"publication", "NAME", "publication", "use this publication, never alter it"},
    {"slot", "NAME", "slot", "of the replication slot; default leat_ and the pipeline"},
    {"set", "NAME=VALUE", NULL, "any option of leat help options; may be repeated"},
    {"dry-run", NULL, NULL, "say what would be done, create nothing"},
    {"print-config", NULL, NULL, "print every option with its value"},
};
static const char SYNC_DETAILS[] =
    "SOURCE is a PostgreSQL URI as libpq takes it; several hosts and target_session_attrs too. In place of a password\n"
    "it can hold a reference, ${env:NAME} or ${file:/path}. A password in clear is used but never stored: the next\n"
    "run needs it again. SINK is a directory, a file:// URL, kafka://broker:9092/?topic.prefix=NAME or "
    "s3://bucket/prefix (credentials as\n"
    "other S3 tools find them: AWS_ACCESS_KEY_ID, profiles, roles; --set s3.endpoint=URL for other servers than AWS).\n"
    "\n"
    "The first run reads all tables as of one moment, then every change up to the moment it began. The next run of "
    "the\n"
    "same command carries what has changed since. Stopped at any instant, the next run goes on: nothing lost, nothing\n"
    "twice. Between runs the replication slot stays on the source and keeps its WAL: leat delete NAME removes it.\n"
    "\n"
    "On a terminal it shows its progress; into a pipe it writes one JSON object a line.";

static const Flag SERVER_FLAGS[] = {
    {"config", "FILE", NULL, "leat.toml: options as [section] and name = value"},
    {"journal", "URL", NULL, "kafka://HOST:PORT/: source connectors' journals in topics of that Kafka"},
    {"kafka.*", "VALUE", NULL, "--kafka.NAME=VALUE: as --set kafka.NAME=VALUE"},
    {"set", "NAME=VALUE", NULL, "any option of the server (leat help options); may be repeated"},
    {"insecure", NULL, NULL, "listen beyond loopback although there is no auth.token.file"},
};
static const char SERVER_DETAILS[] =
    "Serves the Kafka Connect API (listen.connect, 127.0.0.1:8083), the schema registry (listen.registry,\n"
    "127.0.0.1:8081), an Iceberg REST catalog (listen.catalog, 127.0.0.1:8181) and metrics (listen.metrics,\n"
    "127.0.0.1:9464), and runs each connector in a process of its own.\n"
    "What connectors there are, and which of them are to run, is in the data directory: started again, it goes on.\n"
    "Pipelines of leat sync in the same data directory become connectors of class leat.Sync.\n"
    "\n"
    "SIGTERM or SIGINT stops every connector at a checkpoint; a second one ends all at once, which loses nothing.";

static const Flag CATALOG_SERVE_FLAGS[] = {
    {"listen", "HOST:PORT", NULL, "default listen.catalog, 127.0.0.1:8181; port 0 = a free one"},
    {"warehouse", "PLACE", NULL, "where new tables go: a directory or s3://bucket/prefix"},
    {"set", "NAME=VALUE", NULL, "catalog.*, auth.token.file, tls.* and s3.* options; may be repeated"},
    {"insecure", NULL, NULL, "listen beyond loopback although there is no auth.token.file"},
};
static const char CATALOG_SERVE_DETAILS[] =
    "The catalog of the data directory (catalog.db), for Spark, Trino, DuckDB, PyIceberg and others that speak the\n"
    "Iceberg REST catalog protocol. leat server serves the same on listen.catalog. SIGTERM or SIGINT ends it.";

static const Flag CATALOG_REBUILD_FLAGS[] = {
    {"force", NULL, NULL, "although there is a catalog.db; it is kept as catalog.db.before"},
    {"dry-run", NULL, NULL, "say what would be in it, change nothing"},
    {"set", "NAME=VALUE", NULL, "s3.* options; may be repeated"},
    {"output", "FORM", NULL, "text or json; default text"},
};
static const char CATALOG_REBUILD_DETAILS[] =
    "For a catalog.db that was lost. WAREHOUSE is a directory or s3://bucket/prefix; every table below it whose\n"
    "metadata is found is registered anew, all tables of a pipeline at one cut. What is not in the files cannot\n"
    "come back: renames by other clients, properties of namespaces, and that a table was dropped.";
static const Flag CATALOG_MOVE_FLAGS[] = {
    {"to", "URL", NULL, "iceberg+https://HOST/…?warehouse=NAME, or the path of another catalog.db; required"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    {"set", "NAME=VALUE", NULL, "catalog.* and s3.* options, which the pipelines keep; may be repeated"},
    {"output", "FORM", NULL, "text or json; default text"},
};
static const char CATALOG_MOVE_DETAILS[] =
    "Registers every table of the data directory's catalog.db there, compares, has the pipelines write there from\n"
    "their next run on, and takes the entries out of catalog.db. Files stay where they are. Pipelines and server must\n"
    "be stopped. Stopped half-way, it goes on when it is run again.";
static const Flag TABLE_LIST_FLAGS[] = {LAKE_FLAGS};
static const Flag TABLE_LOOK_FLAGS[] = {
    {"as-of", "WHERE", NULL, "a snapshot, branch, tag, position of the source or time; default the newest"},
    LAKE_FLAGS,
};
static const Flag TABLE_SAMPLE_FLAGS[] = {
    {"limit", "N", NULL, "so many rows; default 10"},
    {"as-of", "WHERE", NULL, "a snapshot, branch, tag, position of the source or time; default the newest"},
    LAKE_FLAGS,
};
static const Flag TABLE_ROLLBACK_FLAGS[] = {
    {"to", "WHERE", NULL, "a snapshot that main has come from, a position of the source or a time; required"},
    {"as-of", "WHERE", NULL, "the same"},
    {"detach", NULL, NULL, "take the table from its pipeline, which then writes to it no more"},
    {"force", NULL, NULL, "although its pipeline is not in this data directory, or a sink connector writes it"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    LAKE_FLAGS,
};
static const char TABLE_ROLLBACK_DETAILS[] =
    "Sets main to an earlier snapshot; those behind it stay until they expire. A table that a pipeline writes is\n"
    "refused: the pipeline goes on behind what it has committed once, so changes that a rollback takes away would\n"
    "never come again. With --detach the table belongs to nobody from then on, and its pipeline refuses it.";
static const Flag TABLE_UPGRADE_FLAGS[] = {
    {"force", NULL, NULL, "although its pipeline is not in this data directory, or a sink connector writes it"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    LAKE_FLAGS,
};
static const Flag TABLE_EXPIRE_FLAGS[] = {
    {"older-than", "AGE", NULL, "3d, or a time; default 5d"},
    {"keep", "N", NULL, "the newest of each branch, however old; default 1"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    LAKE_FLAGS,
};
static const Flag TABLE_ORPHANS_FLAGS[] = {
    {"older-than", "AGE", NULL, "last written so long ago: 3d, the default, or a time"},
    {"force", NULL, NULL, "also younger than a day, although somebody may be writing"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    LAKE_FLAGS,
};
static const Flag TABLE_REWRITE_FLAGS[] = {
    {"target", "BYTES", NULL, "size of the new files; default 128MiB"},
    {"files-min", "N", NULL, "so many small files become one; default 2"},
    {"force", NULL, NULL, "although its pipeline is not in this data directory, or a sink connector writes it"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    LAKE_FLAGS,
};

static const Flag DOCTOR_FLAGS[] = {
    {"output", "FORM", NULL, "text or json; default text on a terminal, else json"},
    {"tables", "PATTERN,…", NULL, "tables to look at; default all"},
    {"config", "FILE", NULL, "leat.toml of a server: its Kafka, journals and cluster"},
    {"journal", "URL", NULL, "kafka://HOST:PORT/: as of leat server"},
    {"kafka.*", "VALUE", NULL, "as of leat server"},
    {"set", "NAME=VALUE", NULL, "an option of the server, over those of the file; may be repeated"},
};
static const char DOCTOR_DETAILS[] =
    "Exit code 0: no problems; 1: problems found. Nothing is changed, on either side.\n"
    "\n"
    "With --config, a kafka:// URL, or a pipeline whose journal, source or sink is in Kafka, it looks there: what\n"
    "brokers and topics are set to, and the nodes of a cluster: whether they are reached, their versions, their\n"
    "clocks.";
static const Flag STATUS_FLAGS[] = {
    {"output", "FORM", NULL, "text or json; default text"},
    {"offline", NULL, NULL, "do not ask the source what the slot retains"},
};
static const Flag VERIFY_FLAGS[] = {
    {"tables", "PATTERN,…", NULL, "tables to compare; default all"},
    {"sample", NULL, NULL, "about one row in a hundred of the source, looked for in the sink"},
    {"max-rate", "BYTES/s", NULL, "read each side no faster: 50MB/s"},
    {"source-replica", "URI", NULL, "read the source's rows from this physical standby of it"},
    {"diff", NULL, NULL, "print both rows of what differs"},
    {"repair", NULL, NULL, "have the pipeline write the source's rows for those that differ, and compare them again"},
    {"output", "FORM", NULL, "text or json; default text"},
};
static const char VERIFY_DETAILS[] =
    "Takes a snapshot of the source, has the pipeline commit just what was in it, and compares the two row by row,\n"
    "as hashes, while both go on. Works beside leat sync --follow and leat server; when nobody runs the pipeline,\n"
    "this command does meanwhile. What the sink's types cannot hold is said to be equal under the rule that made it\n"
    "so. docs/verify.md tells what it costs and what it locks.\n"
    "\n"
    "Exit codes: 0 all are equal, 1 something differs, 2 something could not be compared.";
static const Flag RESYNC_FLAGS[] = {
    {"tables", "PATTERN,…", NULL, "tables to read again"},
};
static const Flag DELETE_FLAGS[] = {
    {"purge-data", NULL, NULL, "remove what was written to the sink too"},
    {"force", NULL, NULL, "go on when the source cannot be reached"},
    {"yes", NULL, NULL, "do not ask"},
};
static const Flag SINK_RESET_FLAGS[] = {
    {"to", "WHERE", NULL, "earliest, latest, an offset, a time (2026-01-31T12:00:00Z) or now-5m; required"},
    {"tables", "PATTERN,…", NULL, "tables to take from there on; default all"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
    {"yes", NULL, NULL, "do not ask"},
};
static const char SINK_RESET_DETAILS[] =
    "Back: the files from there on are removed, and the next run writes these rows anew from the journal, with the\n"
    "options it is given then. The journal keeps what journal.retention.* say; what is older, resync reads from the\n"
    "source. It goes back to where a file begins. Ahead: the rows between are never written.";
static const Flag READ_FLAGS[] = {
    {"from", "WHERE", NULL, "an offset, a time (2026-01-31T12:00:00Z) or now-5m; default the oldest"},
    {"limit", "N", NULL, "stop after N events"},
    {"follow", NULL, NULL, "go on until SIGINT or SIGTERM"},
    {"wire", NULL, NULL, "of a source connector: records as a consumer of the topic would see them"},
    {"dead-letters", NULL, NULL, "of a sink connector: what it has set aside"},
};
static const Flag GENERATE_FLAGS[] = {
    {"to", "URL", "to", "the database to fill; required"},
    {"scale", "N", "scale", "size of the first fill; 1, the default, is about 330,000 rows"},
    {"rate", "R", "rate", "row changes a second after the fill; default 100; 0 = fill and stop"},
    {"duration", "D", "duration", "how long the traffic goes on: 60s, 5m; default until SIGINT"},
    {"seed", "N", "seed", "the same seed gives the same rows and changes; default 1"},
    {"migrations", "N", "migrations", "columns to add in the course of the traffic"},
    {"listen", "HOST:PORT", NULL, "wait for orders over HTTP: /seed/full, /seed/start, /seed/stop, /status"},
};
static const Flag CONNECTOR_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
};
static const Flag SCHEMA_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
};
static const Flag SCHEMA_LIST_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"deleted", NULL, NULL, "also what is deleted softly"},
};
static const Flag SCHEMA_FILE_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"type", "TYPE", NULL, "AVRO or JSON; default AVRO"},
    {"references", "NAME=SUBJECT:VERSION,…", NULL, "schemas that this one refers to"},
    {"normalize", NULL, NULL, "of register: the order of properties and aliases does not count"},
};
static const Flag SCHEMA_DELETE_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"permanent", NULL, NULL, "for good; it must have been deleted softly before"},
};
static const Flag SCHEMA_CONFIG_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"level", "LEVEL", NULL, "NONE, BACKWARD, FORWARD or FULL; BACKWARD_TRANSITIVE, …"},
    {"reset", NULL, NULL, "back to the level of all, or to BACKWARD"},
};
static const Flag CONNECTOR_FILE_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"env-file", "FILE", NULL, "NAME=VALUE lines for ${NAME} in the file, before the environment's"},
};
static const Flag CONNECTOR_RESTART_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"only-failed", NULL, NULL, "leave what runs alone"},
};
static const Flag CONNECTOR_DELETE_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"yes", NULL, NULL, "do not ask"},
};
static const Flag CONNECTOR_OFFSETS_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"set-from", "FILE", NULL, "set the offsets that the file holds, as Connect's PATCH takes them"},
    {"reset", NULL, NULL, "forget them; the connector must be stopped"},
};
static const Flag CONNECTOR_VERIFY_FLAGS[] = {
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
    {"tables", "PATTERNS", NULL, "only these"},
    {"last", NULL, NULL, "what is known already; nothing is begun"},
};
static const Flag TAKEOVER_FLAGS[] = {
    {"bootstrap", "HOST:PORT,…", NULL, "brokers of the Kafka that Connect keeps its topics in"},
    {"worker-config", "FILE", NULL, "the workers' connect-distributed.properties: says all this, and their converters"},
    {"group", "GROUP", NULL, "group.id of the workers; default connect-cluster"},
    {"config.storage.topic", "TOPIC", NULL, "default GROUP-configs where that is there, else connect-configs"},
    {"offset.storage.topic", "TOPIC", NULL, "likewise connect-offsets"},
    {"status.storage.topic", "TOPIC", NULL, "likewise connect-status"},
    {"connect-url", "URL", NULL, "of one of Connect's workers: connectors are stopped and resumed there"},
    {"execute", NULL, NULL, "do it; else the plan is said and nothing is changed"},
    {"give-back", NULL, NULL, "the other way: from leat to Connect; with --execute"},
    REST_FLAGS,
    {"output", "FORM", NULL, "text or json; default text"},
};
static const char TAKEOVER_DETAILS[] =
    "Reads what Connect keeps in its topics: each connector's class, state and offsets, and what leat would do with "
    "it,\n"
    "or what is against that. With --execute each is stopped in Connect, created on the server, and goes on there "
    "from\n"
    "Connect's offset, on its slot, into the same topics. Nothing is deleted in Connect: --give-back is the way back.\n"
    "--set NAME=VALUE says how Kafka is reached: security.protocol, sasl.mechanism, sasl.username, sasl.password,\n"
    "ssl.ca.location, consumer.override.…. Exit code 0: all can be taken over; 1: some cannot.";
static const Flag APPLY_FLAGS[] = {
    REST_FLAGS,
    {"env-file", "FILE", NULL, "NAME=VALUE lines for ${NAME} in the files, before the environment's"},
    {"prune", NULL, NULL, "remove connectors that no file asks for"},
    {"dry-run", NULL, NULL, "say what would be done, change nothing"},
};
static const char APPLY_DETAILS[] = "FILE is Kafka Connect's JSON ({\"name\", \"config\"}), a Strimzi KafkaConnector "
                                    "(YAML), or a directory of them. $NAME "
                                    "and\n${NAME} are filled in as envsubst does; ${env:NAME} and ${file:/path} stay "
                                    "references, resolved by the server.";
static const Flag DIFF_FLAGS[] = {
    REST_FLAGS,
    {"env-file", "FILE", NULL, "NAME=VALUE lines for ${NAME} in the files, before the environment's"},
};
static const Flag EXPORT_FLAGS[] = {
    REST_FLAGS,
    {"force", NULL, NULL, "write over files that are there"},
};
static const Flag SIGNAL_TABLE_FLAGS[] = {
    {"env-file", "FILE", NULL, "POSTGRESQL_HOST, _PORT, _USER, _PASSWORD, _DATABASE (one or several, with commas)"},
    {"databases", "NAME,…", NULL, "in place of POSTGRESQL_DATABASE"},
    {"table", "TABLE", NULL, "its name; default public.debezium_signal"},
    {"grant", "ROLE,…", NULL, "who may ask for snapshots"},
};
static const Flag BACKUP_FLAGS[] = {
    {"with-key", NULL, NULL, "put the master key into it too: who has the backup then has the secrets"},
};
static const char BACKUP_DETAILS[] =
    "A tar archive, zstd-compressed, of journals, sinks' state, connectors and schemas. Nothing stops for it. "
    "Restored,\n"
    "it goes on from its moment: what the targets have since then is not written twice.";
static const Flag HELP_FLAGS[] = {
    {"markdown", NULL, NULL, "as the pages of docs/reference have it"},
};

#define FLAGS(table) (table), ARRAY_LEN(table)
const Command COMMANDS[] = {
    {"sync", "SOURCE SINK", 2, 2, "Carry rows and changes into a lake or files, exactly once", SYNC_DETAILS,
     FLAGS(SYNC_FLAGS), true, sync_command},
    {"server", "", 0, 0, "Run many connectors as a service, with the REST APIs of Kafka Connect and its registry",
     SERVER_DETAILS, FLAGS(SERVER_FLAGS), false, server_command},
    {"catalog serve", "", 0, 0, "Serve the Iceberg REST catalog alone", CATALOG_SERVE_DETAILS,
     FLAGS(CATALOG_SERVE_FLAGS), false, catalog_serve_command},
    {"catalog rebuild", "WAREHOUSE", 1, 1, "Make catalog.db anew from the tables' own files", CATALOG_REBUILD_DETAILS,
     FLAGS(CATALOG_REBUILD_FLAGS), false, catalog_rebuild_command},
    {"catalog move", "", 0, 0, "Move the tables into another catalog, and the pipelines with them",
     CATALOG_MOVE_DETAILS, FLAGS(CATALOG_MOVE_FLAGS), false, catalog_move_command},
    {"table list", "", 0, 0, "The Iceberg tables of a lake", NULL, FLAGS(TABLE_LIST_FLAGS), false, table_list_command},
    {"table show", "TABLE", 1, 1, "What a table is: columns, partitions, properties, where it stands", NULL,
     FLAGS(TABLE_LOOK_FLAGS), false, table_show_command},
    {"table snapshots", "TABLE", 1, 1, "Its snapshots, with the positions of the source", NULL, FLAGS(TABLE_LOOK_FLAGS),
     false, table_snapshots_command},
    {"table files", "TABLE", 1, 1, "The data and delete files of a snapshot", NULL, FLAGS(TABLE_LOOK_FLAGS), false,
     table_files_command},
    {"table sample", "TABLE", 1, 1, "Some of its rows, as JSON lines", NULL, FLAGS(TABLE_SAMPLE_FLAGS), false,
     table_sample_command},
    {"table rollback", "TABLE", 1, 1, "Take an earlier snapshot back", TABLE_ROLLBACK_DETAILS,
     FLAGS(TABLE_ROLLBACK_FLAGS), false, table_rollback_command},
    {"table rewrite-data-files", "TABLE", 1, 1, "Make small files, and files with deleted rows, into new ones",
     "A pipeline does so by itself. By hand the one that runs is asked to, and what it did is said.",
     FLAGS(TABLE_REWRITE_FLAGS), false, table_rewrite_command},
    {"table expire-snapshots", "TABLE", 1, 1, "Forget old snapshots, and remove the files that only they need",
     "Never what a branch or tag points to, or their own minimum and age ask for. May be used while a pipeline runs.",
     FLAGS(TABLE_EXPIRE_FLAGS), false, table_expire_command},
    {"table remove-orphan-files", "TABLE", 1, 1, "Remove files in the table's folder that no snapshot names",
     "What crashes have left behind. May be used while a pipeline runs.", FLAGS(TABLE_ORPHANS_FLAGS), false,
     table_orphans_command},
    {"table upgrade", "TABLE", 1, 1, "From format version 2 to 3: deletion vectors, row lineage",
     "Not every engine reads version 3; there is no way back. Its pipeline must be stopped.",
     FLAGS(TABLE_UPGRADE_FLAGS), false, table_upgrade_command},
    {"doctor", "[SOURCE|NAME|SINK]", 0, 1, "Look for what is in the way, with the remedy for each finding",
     DOCTOR_DETAILS, FLAGS(DOCTOR_FLAGS), true, doctor_command},
    {"status", "[NAME]", 0, 1, "Where each pipeline stands, per table", NULL, FLAGS(STATUS_FLAGS), false,
     status_command},
    {"verify", "NAME", 1, 1, "Compare a pipeline's sink with its source, and repair it", VERIFY_DETAILS,
     FLAGS(VERIFY_FLAGS), false, verify_command},
    {"resync", "NAME", 1, 1, "Read tables again while the others stream",
     "Asks the running process, or else the next run.", FLAGS(RESYNC_FLAGS), false, resync_command},
    {"delete", "NAME", 1, 1, "Remove a pipeline with its slot and publications",
     "What was written to the sink stays, unless --purge-data is given.", FLAGS(DELETE_FLAGS), false, delete_command},
    {"sink reset", "NAME", 1, 1, "Write files anew from the journal, or pass rows over", SINK_RESET_DETAILS,
     FLAGS(SINK_RESET_FLAGS), false, sink_reset_command},
    {"topic list", "NAME", 1, 1, "The topics in a pipeline's journal", NULL, NULL, 0, false, topic_list_command},
    {"topic read", "NAME [TOPIC]", 1, 2, "The journal's events as JSON lines", NULL, FLAGS(READ_FLAGS), false,
     topic_read_command},
    {"journal check", "NAME", 1, 1, "Read every frame of a journal and verify it", "Exit code 1: defects found.", NULL,
     0, false, journal_check_command},
    {"connector list", "", 0, 0, "The connectors of a running server", NULL, FLAGS(CONNECTOR_FLAGS), false,
     connector_command},
    {"connector create", "FILE", 1, 1, "Create what a file asks for", NULL, FLAGS(CONNECTOR_FILE_FLAGS), false,
     connector_command},
    {"connector show", "NAME", 1, 1, "State, trouble and configuration of one", NULL, FLAGS(CONNECTOR_FLAGS), false,
     connector_command},
    {"connector config", "NAME [FILE]", 1, 2, "Its configuration, or a new one for it", NULL,
     FLAGS(CONNECTOR_FILE_FLAGS), false, connector_command},
    {"connector validate", "FILE", 1, 1, "Check a configuration, connections included",
     "Exit code 2: it has errors. Nothing is changed.", FLAGS(CONNECTOR_FILE_FLAGS), false, connector_command},
    {"connector pause", "NAME", 1, 1, "Let it rest, ready to go on", NULL, FLAGS(CONNECTOR_FLAGS), false,
     connector_command},
    {"connector resume", "NAME", 1, 1, "Let it go on", NULL, FLAGS(CONNECTOR_FLAGS), false, connector_command},
    {"connector stop", "NAME", 1, 1, "Let it rest without tasks: offsets may be changed then", NULL,
     FLAGS(CONNECTOR_FLAGS), false, connector_command},
    {"connector restart", "NAME", 1, 1, "Begin anew, with its tasks", NULL, FLAGS(CONNECTOR_RESTART_FLAGS), false,
     connector_command},
    {"connector delete", "NAME", 1, 1, "Remove it; its offsets stay, and a journal in files", NULL,
     FLAGS(CONNECTOR_DELETE_FLAGS), false, connector_command},
    {"connector offsets", "NAME", 1, 1, "How far it is, and how to change that", NULL, FLAGS(CONNECTOR_OFFSETS_FLAGS),
     false, connector_command},
    {"connector topics", "NAME", 1, 1, "The topics that it writes or reads", NULL, FLAGS(CONNECTOR_FLAGS), false,
     connector_command},
    {"connector verify", "NAME", 1, 1, "Compare a pipeline's source and target now, in its worker",
     "Exit code 0: equal; 1: something differs; 2: something could not be compared. leat verify shows and repairs "
     "rows.",
     FLAGS(CONNECTOR_VERIFY_FLAGS), false, connector_verify_command},
    {"schema list", "", 0, 0, "The subjects of a schema registry, with their latest versions", NULL,
     FLAGS(SCHEMA_LIST_FLAGS), false, schema_command},
    {"schema show", "SUBJECT [VERSION]", 1, 2, "A schema's text; default the latest version", NULL, FLAGS(SCHEMA_FLAGS),
     false, schema_command},
    {"schema register", "SUBJECT FILE", 2, 2, "Register a schema; its id", NULL, FLAGS(SCHEMA_FILE_FLAGS), false,
     schema_command},
    {"schema check", "SUBJECT FILE", 2, 2, "Would it be taken? What stands against it",
     "Exit code 1: it is not compatible. Nothing is changed.", FLAGS(SCHEMA_FILE_FLAGS), false, schema_command},
    {"schema delete", "SUBJECT [VERSION]", 1, 2, "Delete a subject or version, softly: its id stays readable", NULL,
     FLAGS(SCHEMA_DELETE_FLAGS), false, schema_command},
    {"schema config", "[SUBJECT]", 0, 1, "The compatibility level of a subject, or of all", NULL,
     FLAGS(SCHEMA_CONFIG_FLAGS), false, schema_command},
    {"takeover", "[NAME…]", 0, CLI_ARGUMENTS_MAX, "Take over a Kafka Connect cluster's connectors, or give them back",
     TAKEOVER_DETAILS, FLAGS(TAKEOVER_FLAGS), false, takeover_command},
    {"apply", "FILE…", 1, CLI_ARGUMENTS_MAX, "Make a server's connectors what files ask for", APPLY_DETAILS,
     FLAGS(APPLY_FLAGS), false, apply_command},
    {"diff", "FILE…", 1, CLI_ARGUMENTS_MAX, "What apply would change",
     "Exit code 0: nothing; 2: something, or a connector that no file asks for.", FLAGS(DIFF_FLAGS), false,
     diff_command},
    {"export", "[DIRECTORY]", 0, 1, "A server's connectors as files, secrets masked", NULL, FLAGS(EXPORT_FLAGS), false,
     export_command},
    {"signal-table create", "[SOURCE…]", 0, CLI_ARGUMENTS_MAX, "The table through which snapshots are asked for",
     "In each database: a table (id, type, data), for signal.data.collection. One that is there stays as it is.",
     FLAGS(SIGNAL_TABLE_FLAGS), false, signal_table_command},
    {"backup create", "FILE", 1, 1, "Copy the data directory into one file, while everything runs", BACKUP_DETAILS,
     FLAGS(BACKUP_FLAGS), false, backup_create_command},
    {"backup restore", "FILE", 1, 1, "Make a data directory of a backup", "Into an empty or missing directory only.",
     NULL, 0, false, backup_restore_command},
    {"generate", "storefront", 1, 1, "Fill a database with a web shop and keep it busy",
     "It lives in a schema of its own, \"shop\". The same command again goes on with the traffic.",
     FLAGS(GENERATE_FLAGS), false, generate_command},
    {"help", "[COMMAND|options|errors]", 0, 2, "What there is", NULL, FLAGS(HELP_FLAGS), false, help_command},
    {"version", "", 0, 0, "The version", NULL, NULL, 0, false, version_command},
};
const size_t COMMAND_COUNT = ARRAY_LEN(COMMANDS);
