// SPDX-License-Identifier: Apache-2.0
// A connector's configuration in its three forms: as users send it, as it is stored (secrets sealed), as it is shown
// (secrets masked). A mask that comes back means the secret that is stored.
#ifndef LEAT_SURFACE_API_CONNECT_CONFIG_H
#define LEAT_SURFACE_API_CONNECT_CONFIG_H

#include "core/config/properties.h"
#include "data/connect/plugin.h"

// `validation` (may be NULL) says which keys are secrets by their definition; names that look like secrets are in any
// case.
Properties connect_config_shown(Arena *arena, const Validation *validation, const Properties *stored);
// Masks become what `old` (may be NULL) has. ERR_OPTION names a key whose mask stands for nothing.
CHECKED bool connect_config_unmasked(Arena *arena, const Properties *given, const Properties *old, Properties *config,
                                     Err *err);
// A secret that is the one that `old` (may be NULL) has keeps its stored form, so that nothing seems to change.
CHECKED bool connect_config_sealed(Arena *arena, const Validation *validation, const Properties *given,
                                   const Properties *old, Properties *stored, Err *err);
// The same keys with the same values, in whatever order.
bool connect_config_equal(const Properties *a, const Properties *b);
// {a=1, b=2}, as Java prints a map; secrets masked.
const char *connect_config_text(Arena *arena, const Properties *config);

// What a connector's document holds: {"name":…,"kind":…,"target":…,"config":{…}}.
typedef struct ConnectDocument {
    Slice name;
    const char *kind;   // source, sink, sync
    const char *target; // RUNNING, PAUSED, STOPPED
    Properties config;
} ConnectDocument;
CHECKED bool connect_document_parse(Arena *arena, Slice json, ConnectDocument *document, Err *err);
void connect_document_json(Buf *out, const ConnectDocument *document);

#endif
