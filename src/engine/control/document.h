// SPDX-License-Identifier: Apache-2.0
// The connectors' documents: DATA/connectors/FOLDER.json, the only durable state of the supervisor.
//
//     {"format_version":1,"name":"shop","kind":"source"|"sink"|"sync","target":"RUNNING"|"PAUSED"|"STOPPED",
//      "config":{…}}
//
// Other fields are kept as they are. "removed":true is a connector that is being removed: nobody sees it.
//
// DATA/pipelines/NAME/unlisted marks a pipeline of `leat sync` that was taken out of the list of connectors, and is not
// adopted again. It goes with the pipeline.
#ifndef LEAT_ENGINE_CONTROL_DOCUMENT_H
#define LEAT_ENGINE_CONTROL_DOCUMENT_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

enum { DOCUMENT_FORMAT = 1, DOCUMENT_BYTES_MAX = 8 << 20 };

typedef enum DocumentTarget { TARGET_RUNNING, TARGET_PAUSED, TARGET_STOPPED } DocumentTarget;
const char *document_target_name(DocumentTarget target);
bool document_target_find(Slice name, DocumentTarget *target);

typedef struct Document {
    Slice name; // in the arena
    const char *kind;
    DocumentTarget target;
    bool removed;
} Document;

// What the supervisor needs of it. ERR_OPTION says what is missing; ERR_FORMAT_NEWER.
CHECKED bool document_parse(Slice json, Arena *arena, Document *document, Err *err);
// The same document with another target, or marked as removed.
CHECKED bool document_set_target(Slice json, DocumentTarget target, Buf *out, Err *err);
CHECKED bool document_set_removed(Slice json, Buf *out, Err *err);

// Complete and durable on return.
CHECKED bool document_write(const char *data_directory, Slice name, Slice json, Err *err);
CHECKED bool document_erase(const char *data_directory, Slice name, Err *err);
// Calls `visit` with each document, in the order of their files. One that is damaged is logged and left as it is.
// ERR_FORMAT_NEWER: one is of a newer leat.
CHECKED bool document_each(const char *data_directory,
                           bool (*visit)(void *context, const Document *document, Slice json, Err *err), void *context,
                           Err *err);
// A document for a pipeline of `leat sync`: DATA/pipelines/NAME/config.json as a connector's flat configuration; with
// `whole`, for other nodes, also as it is, in "pipeline".
CHECKED bool document_adopt(const char *data_directory, const char *name, bool whole, Buf *out, Err *err);
// May any node of a cluster run it? ERR_OPTION: what it needs is on this node's disk. `journal`: where this server's
// source connectors have theirs; "" = in files.
CHECKED bool document_shareable(Slice json, const char *journal, Err *err);
// Marks it as not to be adopted again; a pipeline that is gone needs no mark.
CHECKED bool document_unlist(const char *data_directory, Slice name, Err *err);
// Calls `visit` with each pipeline of `leat sync` there is, but for those marked.
CHECKED bool document_adoptable(const char *data_directory, bool (*visit)(void *context, const char *name),
                                void *context, Err *err);

#endif
