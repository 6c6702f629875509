// SPDX-License-Identifier: Apache-2.0
// The connectors that files ask for: templates of Kafka Connect's JSON ({"name":…,"config":{…}}, or the configuration
// with its name in it) and Strimzi's KafkaConnector resources (YAML, several in a file), filled as envsubst does.
#ifndef LEAT_CORE_CONFIG_WANTED_H
#define LEAT_CORE_CONFIG_WANTED_H

#include "core/config/properties.h"

typedef struct Wanted {
    const char *path;
    Slice name;
    Properties config;  // without "name"
    const char *target; // "RUNNING", "PAUSED", "STOPPED"; NULL = as it is
} Wanted;

typedef struct WantedList {
    Wanted *at;
    size_t count;
} WantedList;

// Reads a file, or every *.json, *.yaml and *.yml in a directory, and adds what it asks for. Variables without a value
// are named in `missing`. ERR_OPTION names the file and what is wrong; a name that comes twice is wrong.
CHECKED bool wanted_read(Arena *arena, const char *path, const Properties *variables, WantedList *list, Buf *missing,
                         Err *err);
// Of one text that is filled already; `path` is for errors, its ending tells the form.
CHECKED bool wanted_parse(Arena *arena, const char *path, Slice text, WantedList *list, Err *err);
// What is other in a server's configuration of that connector: '-' is there and not wanted, '+' wanted and not there;
// how many keys. A mask there stands for a secret, which counts as equal.
#define WANTED_MASK "********"
typedef void (*WantedDifference)(void *context, char sign, Slice name, Slice value);
size_t wanted_differs(const Wanted *wanted, const Properties *there, WantedDifference visit, void *context);
// {"name":…,"config":{…},"initial_state":…}, what creates it.
void wanted_body(const Wanted *wanted, Buf *body);

#endif
