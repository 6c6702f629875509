// SPDX-License-Identifier: Apache-2.0
// What Debezium's PostgreSQL connector takes: names, types, defaults, groups and orders are its own (3.7), the texts
// are ours. Keys of Debezium's documentation that its connector does not show, and old names, are at the end.
#include "core/config/secret.h"
#include "data/connect/notes.h"
#include "data/connect/plugin.h"
#include "data/connect/plugin_tables.h"
#include "data/connect/program.h"

#define ROW(row_name, row_type, row_default, row_importance, row_group, row_order, row_width, row_display)  \
    .name = (row_name), .type = (row_type), .default_value = (row_default), .importance = (row_importance), \
    .group = (row_group), .order_in_group = (row_order), .width = (row_width), .display_name = (row_display)
#define NO_EFFECT(row_note) .effect = EFFECT_NONE, .note = (row_note)
#define REFUSED(row_note)   .effect = EFFECT_REFUSED, .note = (row_note)
#define HONOURED_BELOW(row_name) \
    { ROW(row_name, DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, row_name) }
#define NONE_BELOW(row_name, row_note) \
    { ROW(row_name, DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, row_name), NO_EFFECT(row_note) }
#define OLD_NAME(row_name, row_today) \
    { ROW(row_name, DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, row_name), .alias_of = (row_today) }

const Definition POSTGRES_DEFINITIONS[] = {
    {ROW("database.hostname", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "CONNECTION", 1, WIDTH_MEDIUM, "Hostname"),
     .required = true, .documentation = "Host of the PostgreSQL server, or the directory of its Unix socket."},
    {ROW("database.port", DEFINE_INT, "5432", IMPORTANCE_HIGH, "CONNECTION", 2, WIDTH_SHORT, "Port"),
     .documentation = "Port of the server."},
    {ROW("database.user", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "CONNECTION", 3, WIDTH_SHORT, "User"), .required = true,
     .documentation = "User to log in as; it needs REPLICATION, and SELECT on the tables."},
    {ROW("database.password", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH, "CONNECTION", 4, WIDTH_SHORT, "Password"),
     .documentation = "The user's password; stored sealed, or a reference."},
    {ROW("database.dbname", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "CONNECTION", 5, WIDTH_MEDIUM, "Database"),
     .required = true, .documentation = "The database whose tables are captured."},
    {ROW("database.query.timeout.ms", DEFINE_INT, "600000", IMPORTANCE_LOW, "CONNECTION", 6, WIDTH_NONE,
         "Query timeout"),
     NO_EFFECT("statements run until they are done"), .documentation = "Longest time of a statement, in ms."},
    {ROW("skip.messages.without.change", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED", 1,
         WIDTH_SHORT, "Enable skipping messages without change"),
     .documentation =
         "Whether an update that changed none of the captured columns makes no record. Needs REPLICA IDENTITY FULL."},
    {ROW("database.initial.statements", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTION_ADVANCED", 2, WIDTH_LONG,
         "Initial statements"),
     .documentation = "SQL statements, separated by semicolons, to run on each new connection."},
    {ROW("database.tcpKeepAlive", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED", 3, WIDTH_SHORT,
         "TCP keep-alive probe"),
     NO_EFFECT("connections are kept alive in any case"), .documentation = "Whether idle connections are probed."},
    {ROW("topic.prefix", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "CONNECTOR", 1, WIDTH_MEDIUM, "Topic prefix"),
     .required = true,
     .documentation = "First part of the names of all topics of this connector; unique among connectors."},
    {ROW("topic.naming.strategy", DEFINE_CLASS, "io.debezium.schema.SchemaTopicNamingStrategy", IMPORTANCE_MEDIUM,
         "CONNECTOR", 2, WIDTH_MEDIUM, "Topic naming strategy class"),
     .documentation = "Class that makes names of topics from names of tables."},
    {ROW("tombstones.on.delete", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM, "CONNECTOR", 3, WIDTH_SHORT,
         "Change the behaviour of Debezium with regards to delete operations"),
     .documentation = "Whether a delete is followed by a record with the key and no value."},
    {ROW("binary.handling.mode", DEFINE_STRING, "bytes", IMPORTANCE_LOW, "CONNECTOR", 4, WIDTH_MEDIUM,
         "Binary Handling"),
     .choices = "bytes,base64,hex,base64-url-safe", .documentation = "How bytea values look in records."},
    {ROW("schema.name.adjustment.mode", DEFINE_STRING, "none", IMPORTANCE_LOW, "CONNECTOR", 5, WIDTH_MEDIUM,
         "Schema Name Adjustment"),
     .choices = "none,avro_unicode,avro",
     .documentation = "What is done with characters that Avro does not take, in names of schemas."},
    {ROW("field.name.adjustment.mode", DEFINE_STRING, "none", IMPORTANCE_LOW, "CONNECTOR", 6, WIDTH_MEDIUM,
         "Field Name Adjustment"),
     .choices = "none,avro_unicode,avro",
     .documentation = "What is done with characters that Avro does not take, in names of fields."},
    {ROW("event.converting.failure.handling.mode", DEFINE_STRING, "warn", IMPORTANCE_MEDIUM, "CONNECTOR", 7,
         WIDTH_MEDIUM, "Event converting failure handling mode"),
     .choices = "warn,fail,skip",
     NO_EFFECT("a value that cannot be converted stops its table, with the place and the reason"),
     .documentation = "What is done with values that cannot be converted."},
    {ROW("decimal.handling.mode", DEFINE_STRING, "precise", IMPORTANCE_MEDIUM, "CONNECTOR", 8, WIDTH_SHORT,
         "Decimal Handling"),
     .choices = "string,double,precise",
     .documentation = "How numeric values look in records: exact bytes, text, or floating point."},
    {ROW("time.precision.mode", DEFINE_STRING, "adaptive", IMPORTANCE_MEDIUM, "CONNECTOR", 9, WIDTH_SHORT,
         "Time Precision"),
     .choices = "adaptive,adaptive_time_microseconds,isostring,structured,microseconds,nanoseconds,connect",
     .documentation =
         "How times look in records: numbers by the column's precision, numbers of one unit, Connect's own, or text."},
    {ROW("include.schema.comments", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "CONNECTOR", 10, WIDTH_SHORT,
         "Include Table and Column Comments"),
     NO_EFFECT("comments of columns are not captured"),
     .documentation = "Whether comments of tables and columns are in the schemas."},
    {ROW("hstore.handling.mode", DEFINE_STRING, "json", IMPORTANCE_LOW, "CONNECTOR", 11, WIDTH_MEDIUM,
         "HStore Handling"),
     .choices = "json,map", .documentation = "How hstore values look in records: JSON text or maps."},
    {ROW("interval.handling.mode", DEFINE_STRING, "numeric", IMPORTANCE_LOW, "CONNECTOR", 12, WIDTH_MEDIUM,
         "Interval Handling"),
     .choices = "string,numeric", .documentation = "How intervals look in records: microseconds or ISO 8601 text."},
    {ROW("message.prefix.include.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR", 13, WIDTH_LONG,
         "Include Logical Decoding Message Prefixes"),
     .documentation = "Regular expressions for prefixes of logical messages to capture; no others are."},
    {ROW("message.prefix.exclude.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR", 14, WIDTH_LONG,
         "Exclude Logical Decoding Message Prefixes"),
     .documentation = "Regular expressions for prefixes of logical messages to leave out."},
    {ROW("publish.via.partition.root", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "CONNECTOR", 15, WIDTH_SHORT,
         "Publish via partition root"),
     .documentation = "Whether rows of partitions are records of their root's topic."},
    {ROW("lsn.flush.mode", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR", 16, WIDTH_SHORT, "LSN flush mode"),
     .choices = "connector_and_driver,connector,manual",
     NO_EFFECT("a position is confirmed when the journal that holds it is durable"),
     .documentation = "Who confirms positions to the server."},
    {ROW("flush.lsn.source", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, "CONNECTOR", 17, WIDTH_SHORT,
         "Boolean to determine if Debezium should flush LSN in the source database"),
     NO_EFFECT("a position is confirmed when the journal that holds it is durable"),
     .documentation = "Whether positions are confirmed to the server, so that it can drop its log."},
    {ROW("unavailable.value.placeholder", DEFINE_STRING, CONNECT_UNAVAILABLE, IMPORTANCE_MEDIUM, "CONNECTOR", 18,
         WIDTH_MEDIUM, "Unavailable value placeholder"),
     .documentation = "What stands for a large value that did not change and that the server did not send."},
    {ROW("skipped.operations", DEFINE_LIST, "t", IMPORTANCE_LOW, "CONNECTOR", 19, WIDTH_SHORT, "Skipped Operations"),
     .documentation = "Operations that make no records: c, u, d, t, or none."},
    {ROW("provide.transaction.metadata", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 1, WIDTH_SHORT,
         "Store transaction metadata information in a dedicated topic."),
     .documentation = "Whether there is a topic of transactions, and records say which one they are of."},
    {ROW("converters", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 2, WIDTH_MEDIUM,
         "List of prefixes defining custom values converters."),
     REFUSED("leat loads no classes of others: remove it"),
     .documentation = "Names of classes that convert columns in their own way."},
    {ROW("post.processors", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 3, WIDTH_MEDIUM,
         "List of change event post processors."),
     REFUSED("leat loads no classes of others: remove it"),
     .documentation = "Names of classes that change records after they were made."},
    {ROW("incremental.snapshot.allow.schema.changes", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 4,
         WIDTH_SHORT, "Allow schema changes during incremental snapshot if supported."),
     NO_EFFECT("schemas may change at any time"),
     .documentation = "Whether tables may change while an incremental snapshot reads them."},
    {ROW("signal.data.collection", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 5, WIDTH_MEDIUM,
         "Signaling data collection"),
     .documentation = "The table, SCHEMA.TABLE, whose rows are signals."},
    {ROW("signal.enabled.channels", DEFINE_LIST, "source", IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 6, WIDTH_LONG,
         "Enabled channels names"),
     .documentation = "Where signals come from: source, file."},
    {ROW("notification.enabled.channels", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 7, WIDTH_LONG,
         "Enabled notification channels names"),
     .documentation = "Where notifications go: sink, log."},
    {ROW("notification.sink.topic.name", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "CONNECTOR_ADVANCED", 8, WIDTH_LONG,
         "Notification topic name"),
     .documentation = "The topic of notifications, where the channel sink is on."},
    {ROW("notification.http.url", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "CONNECTOR_ADVANCED", 9, WIDTH_LONG,
         "HTTP notification endpoint URL"),
     NO_EFFECT("notifications go to a topic or to the log"), .documentation = "Where notifications are posted to."},
    {ROW("notification.http.timeout.ms", DEFINE_INT, "5000", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 10, WIDTH_SHORT,
         "HTTP notification timeout (ms)"),
     NO_EFFECT("notifications go to a topic or to the log"), .documentation = "Longest time of a post, in ms."},
    {ROW("notification.http.retries", DEFINE_INT, "2", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 11, WIDTH_SHORT,
         "HTTP notification retries"),
     NO_EFFECT("notifications go to a topic or to the log"), .documentation = "How often a post is tried again."},
    {ROW("notification.http.allow.private.networks", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 12,
         WIDTH_SHORT, "Allow private network notification targets"),
     NO_EFFECT("notifications go to a topic or to the log"),
     .documentation = "Whether posts may go to private addresses."},
    {ROW("transaction.metadata.factory", DEFINE_CLASS,
         "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 13,
         WIDTH_MEDIUM, "Factory class to create transaction context & transaction struct maker classes"),
     REFUSED("there is one form of transaction records"), .documentation = "Class that makes records of transactions."},
    {ROW("message.key.columns", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 14, WIDTH_LONG,
         "Columns PK mapping"),
     .documentation = "Columns to use as keys: TABLE:column,column;TABLE:… with tables as regular expressions."},
    {ROW("column.mask.hash.([^.]+).with.salt.(.+)", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 15,
         WIDTH_LONG, "Mask Columns Using Hash and Salt"),
     .documentation = "Columns whose values are replaced by a hash of the algorithm and salt in the key's name."},
    {ROW("column.mask.with.(d+).chars", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 16, WIDTH_NONE,
         "Mask Columns With n Asterisks"),
     .documentation = "Columns whose values are replaced by so many asterisks."},
    {ROW("column.truncate.to.(d+).chars", DEFINE_INT, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 17, WIDTH_NONE,
         "Truncate Columns To n Characters"),
     .documentation = "Columns whose texts are cut to so many characters."},
    {ROW("column.propagate.source.type", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 18, WIDTH_NONE,
         "Propagate Source Types by Columns"),
     .documentation = "Columns whose schemas say the source's type."},
    {ROW("datatype.propagate.source.type", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 19, WIDTH_NONE,
         "Propagate Source Types by Data Type"),
     .documentation = "Types of columns whose schemas say the source's type."},
    {ROW("memory.management.schemas.class", DEFINE_CLASS, "io.debezium.relational.ConcurrentMapTableMappingStorage",
         IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 20, WIDTH_LONG, "Schema storage class"),
     NO_EFFECT("schemas are in the journal"), .documentation = "Class that keeps schemas."},
    {ROW("memory.management.tables.class", DEFINE_CLASS, "io.debezium.relational.ConcurrentMapTableMappingStorage",
         IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 21, WIDTH_LONG, "Table storage class"),
     NO_EFFECT("tables are in the journal"), .documentation = "Class that keeps tables."},
    {ROW("schema.refresh.mode", DEFINE_STRING, "columns_diff", IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 22, WIDTH_SHORT,
         "Schema refresh mode"),
     .choices = "columns_diff,columns_diff_exclude_unchanged_toast",
     NO_EFFECT("schemas follow what the server sends, without a look at its catalog"),
     .documentation = "When the columns of a table are looked up again."},
    {ROW("include.unknown.datatypes", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "CONNECTOR_ADVANCED", 23, WIDTH_SHORT,
         "Include unknown datatypes"),
     .documentation = "Whether columns of types that nobody knows are in records, as bytes."},
    {ROW("sourceinfo.struct.maker", DEFINE_CLASS, "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker",
         IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 24, WIDTH_MEDIUM, "Source info struct maker class"),
     REFUSED("the block `source` has the form of the default"),
     .documentation = "Class that makes the block `source` of records."},
    {ROW("snapshot.delay.ms", DEFINE_LONG, "0", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 1, WIDTH_MEDIUM,
         "Snapshot Delay (milliseconds)"),
     .minimum = "0", .documentation = "Wait before a snapshot, in ms."},
    {ROW("snapshot.fetch.size", DEFINE_INT, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 2, WIDTH_MEDIUM,
         "Snapshot fetch size"),
     NO_EFFECT("rows are read as a stream, as fast as they can be kept"),
     .documentation = "Rows to read at once in a snapshot."},
    {ROW("snapshot.include.collection.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 3, WIDTH_LONG,
         "Snapshot mode include data collection"),
     .documentation = "Regular expressions for tables that a snapshot reads; the rest are only streamed."},
    {ROW("snapshot.mode.custom.name", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 4, WIDTH_MEDIUM,
         "Snapshot Mode Custom Name"),
     REFUSED("leat loads no classes of others: use another snapshot.mode"),
     .documentation = "Name of a class that decides on snapshots."},
    {ROW("snapshot.mode.configuration.based.snapshot.data", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM,
         "CONNECTOR_SNAPSHOT", 5, WIDTH_MEDIUM, "Snapshot mode property based snapshot data"),
     .documentation = "With snapshot.mode=configuration_based: whether rows are read."},
    {ROW("snapshot.mode.configuration.based.snapshot.schema", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM,
         "CONNECTOR_SNAPSHOT", 6, WIDTH_MEDIUM, "Snapshot mode property based snapshot schema"),
     .documentation = "With snapshot.mode=configuration_based: whether tables' forms are read."},
    {ROW("snapshot.mode.configuration.based.start.stream", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM,
         "CONNECTOR_SNAPSHOT", 7, WIDTH_MEDIUM, "Snapshot mode property based start stream"),
     .documentation = "With snapshot.mode=configuration_based: whether changes are streamed."},
    {ROW("snapshot.mode.configuration.based.snapshot.on.schema.error", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM,
         "CONNECTOR_SNAPSHOT", 8, WIDTH_MEDIUM, "Snapshot mode property based snapshot on schema error"),
     .documentation = "With snapshot.mode=configuration_based: whether a lost schema is read again."},
    {ROW("snapshot.mode.configuration.based.snapshot.on.data.error", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM,
         "CONNECTOR_SNAPSHOT", 9, WIDTH_MEDIUM, "Snapshot mode property based snapshot on data error"),
     .documentation = "With snapshot.mode=configuration_based: whether a lost position leads to a new snapshot."},
    {ROW("snapshot.max.threads", DEFINE_INT, "1", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 10, WIDTH_SHORT,
         "Snapshot maximum threads"),
     .minimum = "1", .documentation = "Connections that read a snapshot at once."},
    {ROW("snapshot.max.threads.multiplier", DEFINE_INT, "1", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 11, WIDTH_SHORT,
         "Snapshot maximum thread multiplier"),
     NO_EFFECT("large tables are read in ranges in any case"),
     .documentation = "Parts per thread that a table is cut into."},
    {ROW("legacy.snapshot.max.threads", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 12, WIDTH_SHORT,
         "Enforces using a single thread per table regardless of table size"),
     NO_EFFECT("large tables are read in ranges in any case"),
     .documentation = "Whether a table is read by one thread."},
    {ROW("internal.legacy.snapshot.max.threads", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 12,
         WIDTH_SHORT, "Enforces using a single thread per table regardless of table size"),
     NO_EFFECT("large tables are read in ranges in any case"),
     .documentation = "Whether a table is read by one thread."},
    {ROW("streaming.delay.ms", DEFINE_LONG, "0", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 13, WIDTH_MEDIUM,
         "Streaming Delay (milliseconds)"),
     .minimum = "0", .documentation = "Wait between snapshot and streaming, in ms."},
    {ROW("query.fetch.size", DEFINE_INT, "0", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 14, WIDTH_MEDIUM,
         "Query fetch size"),
     NO_EFFECT("rows are read as a stream, as fast as they can be kept"), .documentation = "Rows to read at once."},
    {ROW("incremental.snapshot.watermarking.strategy", DEFINE_STRING, "INSERT_INSERT", IMPORTANCE_LOW,
         "CONNECTOR_SNAPSHOT", 15, WIDTH_MEDIUM, "Incremental snapshot watermarking strategy"),
     .choices = "insert_delete,insert_insert",
     .documentation = "How an incremental snapshot marks its windows in the signal table."},
    {ROW("snapshot.lock.timeout.ms", DEFINE_LONG, "10000", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 16, WIDTH_LONG,
         "Snapshot lock timeout (ms)"),
     .minimum = "0", .documentation = "Longest wait for a lock of a table in a snapshot, in ms."},
    {ROW("snapshot.select.statement.overrides", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 17,
         WIDTH_LONG,
         "List of tables where the default select statement used during snapshotting should be overridden."),
     .documentation = "Tables whose snapshot is read by a statement of yours, in the key "
                      "snapshot.select.statement.overrides.TABLE."},
    {ROW("internal.snapshot.scan.all.columns.force", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 18,
         WIDTH_SHORT, "Snapshot force scan all columns of all tables"),
     NO_EFFECT("columns of the captured tables are known from their own catalog rows"),
     .documentation = "Whether columns of all tables are looked up."},
    {ROW("snapshot.tables.order.by.row.count", DEFINE_STRING, "disabled", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 19,
         WIDTH_NONE, "Initial snapshot tables order by row count"),
     .choices = "disabled,ascending,descending", NO_EFFECT("tables are read side by side"),
     .documentation = "In which order tables are read in a snapshot."},
    {ROW("snapshot.mode", DEFINE_STRING, "initial", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 20, WIDTH_SHORT,
         "Snapshot mode"),
     .choices = "always,initial_only,configuration_based,when_needed,initial,custom,no_data",
     .documentation = "When a snapshot is taken."},
    {ROW("snapshot.isolation.mode", DEFINE_STRING, "serializable", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 21,
         WIDTH_SHORT, "Snapshot isolation mode"),
     .choices = "read_uncommitted,repeatable_read,read_committed,serializable",
     .documentation = "Isolation of the transaction that a snapshot reads in."},
    {ROW("snapshot.query.mode", DEFINE_STRING, "select_all", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 22, WIDTH_SHORT,
         "Snapshot query mode"),
     .choices = "custom,select_all",
     REFUSED("leat reads all columns of a table; snapshot.select.statement.overrides is for others"),
     .documentation = "How a snapshot's query is made."},
    {ROW("snapshot.query.mode.custom.name", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 23,
         WIDTH_MEDIUM, "Snapshot Query Mode Custom Name"),
     REFUSED("leat loads no classes of others: remove it"),
     .documentation = "Name of a class that makes a snapshot's queries."},
    {ROW("snapshot.locking.mode", DEFINE_STRING, "none", IMPORTANCE_LOW, "CONNECTOR_SNAPSHOT", 24, WIDTH_SHORT,
         "Snapshot locking mode"),
     .choices = "shared,custom,none",
     .documentation = "Whether a snapshot locks tables against changes of their form."},
    {ROW("snapshot.locking.mode.custom.name", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 25,
         WIDTH_MEDIUM, "Snapshot Locking Mode Custom Name"),
     REFUSED("leat loads no classes of others: remove it"), .documentation = "Name of a class that locks tables."},
    {ROW("incremental.snapshot.chunk.size", DEFINE_INT, "1024", IMPORTANCE_MEDIUM, "CONNECTOR_SNAPSHOT", 26,
         WIDTH_MEDIUM, "Incremental snapshot chunk size"),
     .minimum = "1", .documentation = "Rows of a window of an incremental snapshot."},
    {ROW("retriable.restart.connector.wait.ms", DEFINE_LONG, "10000", IMPORTANCE_LOW, "ADVANCED", 1, WIDTH_MEDIUM,
         "Retriable restart wait (ms)"),
     NO_EFFECT("the server's own pauses hold"),
     .documentation = "Wait before a connector that failed is started again, in ms."},
    {ROW("max.queue.size", DEFINE_INT, "8192", IMPORTANCE_MEDIUM, "ADVANCED", 2, WIDTH_SHORT,
         "Change event buffer size"),
     .minimum = "1", NO_EFFECT("there is no queue of records: the journal follows its source within a budget of bytes"),
     .documentation = "Records that may wait to be sent."},
    {ROW("max.batch.size", DEFINE_INT, "2048", IMPORTANCE_MEDIUM, "ADVANCED", 3, WIDTH_SHORT,
         "Change event batch size"),
     .minimum = "1", NO_EFFECT("records are grouped by what is durable at once"),
     .documentation = "Records to send at once."},
    {ROW("poll.interval.ms", DEFINE_LONG, "500", IMPORTANCE_MEDIUM, "ADVANCED", 4, WIDTH_SHORT, "Poll interval (ms)"),
     .minimum = "1", NO_EFFECT("changes are taken as they come"),
     .documentation = "Wait for changes when there are none, in ms."},
    {ROW("max.queue.size.in.bytes", DEFINE_LONG, "0", IMPORTANCE_MEDIUM, "ADVANCED", 5, WIDTH_LONG,
         "Change event buffer size in bytes"),
     .minimum = "0", NO_EFFECT("there is no queue of records: the journal follows its source within a budget of bytes"),
     .documentation = "Bytes that may wait to be sent; 0: any."},
    {ROW("event.processing.failure.handling.mode", DEFINE_STRING, "fail", IMPORTANCE_MEDIUM, "ADVANCED", 6, WIDTH_SHORT,
         "Event deserialization failure handling"),
     .choices = "warn,fail,ignore,skip", .documentation = "What is done with an event that cannot be processed."},
    {ROW("errors.max.retries", DEFINE_INT, "-1", IMPORTANCE_LOW, "ADVANCED", 7, WIDTH_MEDIUM,
         "The maximum number of retries"),
     NO_EFFECT("what may pass by itself is tried again, with growing pauses, until it works"),
     .documentation = "How often a failed operation is tried again; -1 without end."},
    {ROW("internal.log.position.check.enable", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM, "ADVANCED", 8, WIDTH_MEDIUM,
         "Enable/Disable log position check"),
     NO_EFFECT("whether the slot still has the position is always looked at"),
     .documentation = "Whether the position is looked for in the server's log."},
    {ROW("internal.advanced.metrics.enable", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "ADVANCED", 9, WIDTH_MEDIUM,
         "Enable/Disable advance metrics"),
     NO_EFFECT("all metrics are always there"), .documentation = "Whether there are more metrics."},
    {ROW("connection.validation.timeout.ms", DEFINE_LONG, "60000", IMPORTANCE_LOW, "ADVANCED", 10, WIDTH_SHORT,
         "Connection validation timeout (ms)"),
     NO_EFFECT("call.timeout of the server holds"), .documentation = "Longest time of a connection test, in ms."},
    {ROW("executor.shutdown.timeout.ms", DEFINE_LONG, "4000", IMPORTANCE_MEDIUM, "ADVANCED", 11, WIDTH_MEDIUM,
         "Executor shutdown timeout (ms)"),
     NO_EFFECT("stop.timeout of the server holds"), .documentation = "Longest time that a stop may take, in ms."},
    {ROW("openlineage.integration.enabled", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, "ADVANCED", 12, WIDTH_SHORT,
         "Enables OpenLineage integration"),
     NO_EFFECT("leat sends no lineage"), .documentation = "Whether lineage is sent to OpenLineage."},
    {ROW("openlineage.integration.config.file.path", DEFINE_STRING, "./openlineage.yml", IMPORTANCE_LOW, "ADVANCED", 13,
         WIDTH_LONG, "Path to OpenLineage file configuration"),
     NO_EFFECT("leat sends no lineage"), .documentation = "File that configures OpenLineage."},
    {ROW("openlineage.integration.job.namespace", DEFINE_STRING, NULL, IMPORTANCE_LOW, "ADVANCED", 14, WIDTH_LONG,
         "Namespace used for Debezium job"),
     NO_EFFECT("leat sends no lineage"), .documentation = "Namespace of the job in OpenLineage."},
    {ROW("openlineage.integration.job.description", DEFINE_STRING, "Debezium change data capture job", IMPORTANCE_LOW,
         "ADVANCED", 15, WIDTH_LONG, "Description used for Debezium job"),
     NO_EFFECT("leat sends no lineage"), .documentation = "Description of the job in OpenLineage."},
    {ROW("openlineage.integration.job.tags", DEFINE_LIST, NULL, IMPORTANCE_LOW, "ADVANCED", 16, WIDTH_LONG,
         "Debezium job tags"),
     NO_EFFECT("leat sends no lineage"), .documentation = "Tags of the job in OpenLineage."},
    {ROW("openlineage.integration.job.owners", DEFINE_LIST, NULL, IMPORTANCE_LOW, "ADVANCED", 17, WIDTH_LONG,
         "Debezium job owners"),
     NO_EFFECT("leat sends no lineage"), .documentation = "Owners of the job in OpenLineage."},
    {ROW("openlineage.integration.dataset.kafka.bootstrap.servers", DEFINE_STRING, NULL, IMPORTANCE_LOW, "ADVANCED", 18,
         WIDTH_LONG, "Kafka bootstrap server used in Kafka Connect deployment"),
     NO_EFFECT("leat sends no lineage"), .documentation = "Kafka servers as OpenLineage names them."},
    {ROW("extended.headers.enabled", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, "ADVANCED", 19, WIDTH_SHORT,
         "Enable/Disable extended headers"),
     .documentation = "Whether records have headers that say which connector, task and run made them."},
    {ROW("guardrail.collections.max", DEFINE_INT, "0", IMPORTANCE_MEDIUM, "ADVANCED", 20, WIDTH_SHORT,
         "Maximum number of collections or tables"),
     NO_EFFECT("leat takes as many tables as there are"), .documentation = "Most tables that may be captured; 0: any."},
    {ROW("guardrail.collections.limit.action", DEFINE_STRING, "warn", IMPORTANCE_MEDIUM, "ADVANCED", 21, WIDTH_SHORT,
         "Guardrail collections limit action"),
     .choices = "warn,fail", NO_EFFECT("leat takes as many tables as there are"),
     .documentation = "What is done when there are more tables."},
    {ROW("custom.sanitize.pattern", DEFINE_STRING,
         ".*secret$|.*password$|.*sasl\\.jaas\\.config$|.*basic\\.auth\\.user\\.info|.*registry\\.auth\\.client-secret|"
         ".*credentials\\.json$|.*connectionstring$|.*connection\\.string$",
         IMPORTANCE_LOW, "ADVANCED", 22, WIDTH_LONG, "Custom pattern for masking sensitive configuration"),
     NO_EFFECT("secrets are found by leat's own rules; they are never logged"),
     .documentation = "Keys whose values are hidden in logs."},
    {ROW("signal.emit.failure.max.retries", DEFINE_INT, "0", IMPORTANCE_MEDIUM, "ADVANCED", 23, WIDTH_SHORT,
         "Signal emit window event failure maximum retries"),
     NO_EFFECT("a window that failed is read again"),
     .documentation = "How often a window of an incremental snapshot is tried again."},
    {ROW("signal.emit.failure.backoff.ms", DEFINE_LONG, "10000", IMPORTANCE_MEDIUM, "ADVANCED", 24, WIDTH_SHORT,
         "Signal emit window event failure backoff time in ms"),
     NO_EFFECT("a window that failed is read again"), .documentation = "Wait before a window is tried again, in ms."},
    {ROW("statistics.metrics.enabled", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM, "ADVANCED", 25, WIDTH_SHORT,
         "Enable collecting statistics metrics like latencies"),
     NO_EFFECT("all metrics are always there"), .documentation = "Whether latencies are measured."},
    {ROW("internal.offset.activity.monitor.interval.ms", DEFINE_LONG, "600000", IMPORTANCE_LOW, "ADVANCED", 26,
         WIDTH_MEDIUM, "Offset activity monitor interval (ms)"),
     NO_EFFECT("lag is a metric"), .documentation = "How often offsets are looked at, in ms."},
    {ROW("custom.metric.tags", DEFINE_LIST, NULL, IMPORTANCE_LOW, "ADVANCED", 27, WIDTH_MEDIUM,
         "Customize metric tags"),
     NO_EFFECT("metrics have the connector's name"), .documentation = "Tags of metrics."},
    {ROW("internal.signal.synchronous.batch.size", DEFINE_INT, "10", IMPORTANCE_LOW, "ADVANCED", 28, WIDTH_SHORT,
         "Synchronous signal batch size"),
     NO_EFFECT("signals are taken as they come"), .documentation = "Signals to take at once."},
    {ROW("internal.signal.processor.semaphore.wait.ms", DEFINE_LONG, "10000", IMPORTANCE_LOW, "ADVANCED", 29,
         WIDTH_SHORT, "Signal processor semaphore wait time (ms)"),
     NO_EFFECT("signals are taken as they come"), .documentation = "Wait for the processing of a signal, in ms."},
    {ROW("heartbeat.interval.ms", DEFINE_INT, "0", IMPORTANCE_MEDIUM, "ADVANCED_HEARTBEAT", 1, WIDTH_MEDIUM,
         "Connector heartbeat interval (milli-seconds)"),
     .minimum = "0", .documentation = "How often there is a heartbeat while nothing changes, in ms; 0: never."},
    {ROW("heartbeat.topics.prefix", DEFINE_STRING, "__debezium-heartbeat", IMPORTANCE_LOW, "ADVANCED_HEARTBEAT", 2,
         WIDTH_MEDIUM, "A prefix used for naming of heartbeat topics"),
     .documentation = "First part of the name of the heartbeats' topic."},
    {ROW("signal.poll.interval.ms", DEFINE_LONG, "5000", IMPORTANCE_MEDIUM, "ADVANCED_HEARTBEAT", 3, WIDTH_SHORT,
         "Signal processor poll interval"),
     .documentation = "How often the file of signals is looked at, in ms."},
    {ROW("heartbeat.action.query", DEFINE_STRING, NULL, IMPORTANCE_LOW, "ADVANCED_HEARTBEAT", 4, WIDTH_MEDIUM,
         "An optional query to execute with every heartbeat"),
     .documentation = "Statement to run in the database with each heartbeat."},
    {ROW("table.include.list", DEFINE_LIST, NULL, IMPORTANCE_HIGH, "FILTERS", 1, WIDTH_LONG, "Include Tables"),
     .documentation = "Regular expressions for SCHEMA.TABLE to capture; no others are."},
    {ROW("table.exclude.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "FILTERS", 2, WIDTH_LONG, "Exclude Tables"),
     .documentation = "Regular expressions for SCHEMA.TABLE to leave out."},
    {ROW("table.ignore.builtin", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, "FILTERS", 3, WIDTH_SHORT,
         "Ignore system databases"),
     NO_EFFECT("PostgreSQL's own tables are never captured"), .documentation = "Whether system tables are left out."},
    {ROW("column.exclude.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "FILTERS", 4, WIDTH_LONG, "Exclude Columns"),
     .documentation = "Regular expressions for SCHEMA.TABLE.COLUMN to leave out."},
    {ROW("column.include.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "FILTERS", 5, WIDTH_LONG, "Include Columns"),
     .documentation = "Regular expressions for SCHEMA.TABLE.COLUMN to have in records; no others are."},
    {ROW("schema.include.list", DEFINE_LIST, NULL, IMPORTANCE_HIGH, "FILTERS", 6, WIDTH_LONG, "Include Schemas"),
     .dependents = "table.include.list", .documentation = "Regular expressions for schemas to capture; no others are."},
    {ROW("schema.exclude.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "FILTERS", 7, WIDTH_LONG, "Exclude Schemas"),
     .documentation = "Regular expressions for schemas to leave out."},
    {ROW("database.include.list", DEFINE_LIST, NULL, IMPORTANCE_HIGH, "FILTERS", 8, WIDTH_LONG, "Include Databases"),
     .dependents = "table.include.list", NO_EFFECT("database.dbname is the database"),
     .documentation = "Regular expressions for databases."},
    {ROW("database.exclude.list", DEFINE_LIST, NULL, IMPORTANCE_MEDIUM, "FILTERS", 9, WIDTH_LONG, "Exclude Databases"),
     NO_EFFECT("database.dbname is the database"), .documentation = "Regular expressions for databases to leave out."},
    {ROW("database.sslmode", DEFINE_STRING, "prefer", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_SSL", 1, WIDTH_MEDIUM,
         "SSL mode"),
     .choices = "allow,prefer,disable,verify-ca,require,verify-full",
     .documentation = "Whether connections are encrypted, and what is checked of the server's certificate."},
    {ROW("database.sslcert", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_SSL", 2, WIDTH_LONG,
         "SSL Client Certificate"),
     .documentation = "File of the client's certificate, PEM."},
    {ROW("database.sslkey", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_SSL", 3, WIDTH_LONG,
         "SSL Client Key"),
     .documentation = "File of the client's key, PEM."},
    {ROW("database.sslpassword", DEFINE_PASSWORD, NULL, IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_SSL", 4, WIDTH_MEDIUM,
         "SSL Client Key Password"),
     .documentation = "Password of the client's key."},
    {ROW("database.sslrootcert", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_SSL", 5, WIDTH_LONG,
         "SSL Root Certificate"),
     .documentation = "File of the certificates that the server's is checked against, PEM."},
    {ROW("database.sslfactory", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_SSL", 6, WIDTH_LONG,
         "SSL Root Certificate"),
     NO_EFFECT("connections are made by libpq"), .documentation = "Class that makes encrypted connections."},
    {ROW("plugin.name", DEFINE_STRING, "decoderbufs", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 1,
         WIDTH_MEDIUM, "Plugin"),
     .choices = "decoderbufs,pgoutput",
     .documentation = "The server's decoder: pgoutput. Without a value leat uses pgoutput too."},
    {ROW("slot.name", DEFINE_STRING, "debezium", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 2, WIDTH_MEDIUM,
         "Slot"),
     .documentation = "The replication slot; it is made when it is not there."},
    {ROW("publication.name", DEFINE_STRING, "dbz_publication", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 3,
         WIDTH_MEDIUM, "Publication"),
     .documentation = "The publication."},
    {ROW("publication.autocreate.mode", DEFINE_STRING, "all_tables", IMPORTANCE_MEDIUM,
         "CONNECTION_ADVANCED_REPLICATION", 4, WIDTH_MEDIUM, "Publication Auto Create Mode"),
     .choices = "no_tables,filtered,disabled,all_tables",
     .documentation = "Whether the publication is made, and for which tables."},
    {ROW("replica.identity.autoset.values", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION",
         5, WIDTH_LONG, "Replica Identity Auto Set Values"),
     .documentation = "Tables whose REPLICA IDENTITY is set at the start: TABLE:IDENTITY,…"},
    {ROW("slot.drop.on.stop", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 6,
         WIDTH_NONE, "Drop slot on stop"),
     .documentation = "Whether the slot is dropped when the connector stops. Changes made meanwhile are lost then."},
    {ROW("slot.failover", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 7, WIDTH_NONE,
         "Create failover slot"),
     .documentation = "Whether the slot is made for fail-over to a standby (PostgreSQL 17)."},
    {ROW("slot.stream.params", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTION_ADVANCED_REPLICATION", 8, WIDTH_LONG,
         "Optional parameters to pass to the logical decoder when the stream is started."),
     NO_EFFECT("leat gives pgoutput what it needs"), .documentation = "Further parameters of the decoder."},
    {ROW("slot.max.retries", DEFINE_INT, "6", IMPORTANCE_LOW, "CONNECTION_ADVANCED_REPLICATION", 9, WIDTH_NONE,
         "Retry count"),
     .minimum = "0", .documentation = "How often connecting to the slot is tried again."},
    {ROW("slot.retry.delay.ms", DEFINE_LONG, "10000", IMPORTANCE_LOW, "CONNECTION_ADVANCED_REPLICATION", 10, WIDTH_NONE,
         "Retry delay"),
     .minimum = "0", .documentation = "Wait between these attempts, in ms."},
    {ROW("status.update.interval.ms", DEFINE_INT, "10000", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 11,
         WIDTH_SHORT, "Status update interval (ms)"),
     .minimum = "1", .documentation = "How often the position is confirmed to the server, in ms."},
    {ROW("lsn.flush.timeout.ms", DEFINE_LONG, "30000", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 12,
         WIDTH_SHORT, "LSN flush timeout (ms)"),
     NO_EFFECT("positions are confirmed without waiting"), .documentation = "Longest wait for a confirmation, in ms."},
    {ROW("lsn.flush.timeout.action", DEFINE_STRING, "fail", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 13,
         WIDTH_MEDIUM, "LSN flush timeout action"),
     .choices = "fail,warn,ignore", NO_EFFECT("positions are confirmed without waiting"),
     .documentation = "What is done when that takes longer."},
    {ROW("xmin.fetch.interval.ms", DEFINE_LONG, "0", IMPORTANCE_MEDIUM, "CONNECTION_ADVANCED_REPLICATION", 14,
         WIDTH_SHORT, "Xmin fetch interval (ms)"),
     NO_EFFECT("source.xmin is null"),
     .documentation = "How often the slot's xmin is looked up for records, in ms; 0: never."},
    // Not shown by the original.
    HONOURED_BELOW("snapshot.select.statement.overrides.*"),
    HONOURED_BELOW("signal.file.*"),
    HONOURED_BELOW("read.*"), // read.only
    {ROW("topic.delimiter", DEFINE_STRING, ".", IMPORTANCE_LOW, "CONNECTOR", 90, WIDTH_MEDIUM,
         "Delimiter of topic names"),
     .documentation = "What is between the parts of the names of topics."},
    HONOURED_BELOW("topic.heartbeat.*"),
    {ROW("topic.regex", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR", 95, WIDTH_LONG, "Topic regex"),
     .documentation = "With a strategy of regexes: what a table's topic must be to be replaced."},
    {ROW("topic.replacement", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR", 96, WIDTH_LONG, "Topic replacement"),
     .documentation = "With a strategy of regexes: what the topic becomes; $1 is the regex's first group."},
    HONOURED_BELOW("topic.key.*"),
    NONE_BELOW("topic.cache.*", "names of topics are kept as long as their tables"),
    {ROW("topic.transaction", DEFINE_STRING, "transaction", IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 91, WIDTH_MEDIUM,
         "Transaction topic name"),
     .documentation = "Last part of the name of the topic of transactions."},
    {ROW("column.mask.hash.v2.([^.]+).with.salt.(.+)", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 92,
         WIDTH_MEDIUM, "Mask Columns Using Hash and Salt, v2"),
     .documentation = "As column.mask.hash, with hashes that do not depend on the machine."},
    {ROW("money.fraction.digits", DEFINE_INT, "2", IMPORTANCE_LOW, "CONNECTOR", 93, WIDTH_MEDIUM,
         "Fraction digits of money"),
     .minimum = "0", .documentation = "Digits behind the point of money values."},
    {ROW("offset.mismatch.strategy", DEFINE_STRING, NULL, IMPORTANCE_LOW, "CONNECTOR_ADVANCED", 94, WIDTH_MEDIUM,
         "Offset mismatch strategy"),
     .documentation = "What is done when the slot and the stored position disagree."},
    HONOURED_BELOW("leat.*"),
    NONE_BELOW("driver.*", "connections are made by libpq, not by a JDBC driver"),
    NONE_BELOW("signal.kafka.*", "signals come from the table or the file"),
    NONE_BELOW("signal.consumer.*", "signals come from the table or the file"),
    NONE_BELOW("internal.*", "it is for the original's own parts"),
    OLD_NAME("database.server.name", "topic.prefix"),
    OLD_NAME("table.whitelist", "table.include.list"),
    OLD_NAME("table.blacklist", "table.exclude.list"),
    OLD_NAME("schema.whitelist", "schema.include.list"),
    OLD_NAME("schema.blacklist", "schema.exclude.list"),
    OLD_NAME("column.whitelist", "column.include.list"),
    OLD_NAME("column.blacklist", "column.exclude.list"),
    OLD_NAME("toasted.value.placeholder", "unavailable.value.placeholder"),
};
const size_t POSTGRES_DEFINITIONS_COUNT = ARRAY_LEN(POSTGRES_DEFINITIONS);

// --- what rows cannot say --------------------------------------------------------------------------------------

static Slice given(const Properties *config, const char *name) {
    const Property *property = properties_find(config, slice_of(name));
    return property == NULL ? (Slice){0} : property->value;
}

static bool consists_of(Slice text, const char *others, bool upper) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (upper && c >= 'A' && c <= 'Z');
        if (!plain && (c == '\0' || strchr(others, c) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool referenced(Validation *validation, Slice text) {
    return text.data != NULL && secret_referenced(arena_text(validation->arena, text));
}

static void check_names(const Properties *config, Validation *validation) {
    Slice prefix = given(config, "topic.prefix"), slot = given(config, "slot.name");
    if (!referenced(validation, prefix) && !consists_of(prefix, "_-.", true)) {
        validation_error(validation, "topic.prefix",
                         "The 'topic.prefix' value is invalid: %.*s has invalid format (only the underscore, hyphen, "
                         "dot and alphanumeric characters are allowed)",
                         SLICE_ARG(prefix));
    }
    if (slot.data != NULL && !referenced(validation, slot) &&
        (slot.size > 63 || slot.size == 0 || !consists_of(slot, "_", false))) {
        validation_error(validation, "slot.name",
                         "The 'slot.name' value is invalid: Valid replication slot name must contain only digits, "
                         "lowercase characters and underscores with length <= 63");
    }
}

// Of each pair one at most.
static void check_lists(const Properties *config, Validation *validation) {
    static const char *const KINDS[] = {"table", "schema", "column", "message.prefix"};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        const char *include = arena_printf(validation->arena, "%s.include.list", KINDS[i]);
        const char *exclude = arena_printf(validation->arena, "%s.exclude.list", KINDS[i]);
        if (given(config, include).size > 0 && given(config, exclude).size > 0) {
            validation_error(validation, exclude, "The '%s' value is invalid: \"%s\" is already specified", exclude,
                             include);
        }
    }
}

// Values of honoured keys that leat does not have.
static void check_values(const Properties *config, Validation *validation) {
    static const struct {
        const char *key, *value, *remedy;
    } REFUSALS[] = {
        {"plugin.name", "decoderbufs", "leat reads pgoutput, which every server has: set plugin.name=pgoutput"},
        {"snapshot.mode", "custom", "leat loads no classes of others: use another snapshot.mode"},
        {"snapshot.locking.mode", "custom", "leat loads no classes of others: use none or shared"},
    };
    for (size_t i = 0; i < ARRAY_LEN(REFUSALS); i++) {
        if (slice_is(given(config, REFUSALS[i].key), REFUSALS[i].value)) {
            validation_error(validation, REFUSALS[i].key, "The '%s' value is invalid: %s", REFUSALS[i].key,
                             REFUSALS[i].remedy);
        }
    }
}

// The key that an error's text names first.
static const char *key_in(const Properties *config, Arena *arena, const char *message) {
    const char *found = "connector.class", *at = NULL;
    for (size_t i = 0; i < config->count; i++) {
        const char *name = arena_text(arena, config->at[i].name);
        const char *here = strstr(message, name);
        bool longer = here == at && strlen(name) > strlen(found);
        if (here != NULL && (at == NULL || here < at || longer)) {
            at = here;
            found = name;
        }
    }
    return found;
}

// Regular expressions, transforms and modes are compiled as a worker will.
static void check_program(const Properties *config, Validation *validation) {
    Arena arena;
    Err err[1] = {{0}};
    ConnectProgram *program = NULL;
    ProgramContext context = {SLICE("validate"), SLICE("validate"), SLICE("00000000-0000-7000-8000-000000000000")};
    arena_init(&arena, "scratch", 0);
    if (connect_program_new(&arena, config, &context, &program, err)) {
        connect_program_release(program);
    } else {
        const char *separator = err->hint[0] != '\0' ? "; " : "";
        const char *key = key_in(config, validation->arena, err->message);
        validation_error(validation, key, "The '%s' value is invalid: %s%s%s", key, err->message, separator, err->hint);
    }
    arena_release(&arena);
}

void postgres_check(const Properties *config, Validation *validation) {
    check_names(config, validation);
    check_lists(config, validation);
    check_values(config, validation);
    if (given(config, "plugin.name").data == NULL) {
        validation_warning(validation, "plugin.name", "plugin.name is not set: leat uses pgoutput");
    }
    if (validation->errors == 0 && given(config, "topic.prefix").size > 0) {
        check_program(config, validation);
    }
}
