// SPDX-License-Identifier: Apache-2.0
// Where the journal of a source connector is: in files, DATA/pipelines/FOLDER/journal, or in a topic of Kafka's. The
// server says it for all (`journal`), a connector for itself (`leat.journal`, "" = in files).
//
// The topic is PREFIX.FOLDER.journal, with X in the place of FOLDER's "%" and Y of its "~", which topics' names cannot
// have. It follows from the connector's name and these options alone: any machine that has them finds the journal.
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_JOURNAL_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_JOURNAL_H

#include "flow/pipeline/connector.h"

// kafka://…, or "" = in files. `config` is the source connector's.
const char *connector_journal_url(Arena *arena, const char *server, const Properties *config);
// Can it be there? Asks nobody. ERR_OPTION.
CHECKED bool connector_journal_check(const char *server, Slice name, const Properties *config, Err *err);
// Says in `directory`, DATA/pipelines/FOLDER of that source connector, where its journal is: before anything opens it.
// ERR_OPTION: there is one, and it is elsewhere.
CHECKED bool connector_journal_place(const char *server, Slice name, const Properties *config, const char *directory,
                                     Err *err);
// Of a source connector that is deleted and does not run: a journal in Kafka goes, with what belongs to it here and the
// position of the connector's records. One in files stays.
CHECKED bool connector_journal_remove(const ConnectorRun *run, const char *directory, Err *err);

// Others ran the connector since this node did: its journal, in Kafka, went on, and what was beside it here is old. The
// connector's lock is held.
CHECKED bool connector_source_forget(const ConnectorRun *run, const char *directory, Err *err);

// A source connector that has a document here, in DATA/connectors or, of a cluster, DATA/cluster/connectors, whether it
// runs on this machine or on another.
typedef struct ConnectorSource {
    Slice name;
    const char *folder;
    const char *url; // of its journal; "" = in files, which only the machine has that it runs on
} ConnectorSource;
// Those that are not being removed, in the order of their folders. Texts are in the arena.
CHECKED bool connector_sources(Arena *arena, const ConnectorRun *run,
                               bool (*visit)(void *context, const ConnectorSource *source, Err *err), void *context,
                               Err *err);
// Makes `directory` (a journal's, any that nobody else uses) stand for a source's journal in Kafka, to read and pin it.
CHECKED bool connector_source_place(const ConnectorSource *source, const char *directory, Err *err);

#endif
