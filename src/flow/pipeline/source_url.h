// SPDX-License-Identifier: Apache-2.0
// What a pipeline keeps of a source URL, and how it tells two of them apart. The URL is a libpq URI or conninfo;
// ${env:NAME} and ${file:/path} in it are left as they are.
#ifndef LEAT_FLOW_PIPELINE_SOURCE_URL_H
#define LEAT_FLOW_PIPELINE_SOURCE_URL_H

#include "core/base/arena.h"

// The URL without passwords and other secrets given in clear; references to secrets stay. *removed = there were some.
char *source_url_stored(Arena *arena, const char *url, bool *removed);
// The database it names: dbname, else $PGDATABASE, else the user, as libpq does; of Kafka its topics. "postgres" when
// nothing is known.
char *source_url_database(Arena *arena, const char *url);

#endif
