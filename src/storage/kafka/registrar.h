// SPDX-License-Identifier: Apache-2.0
// Ids of schemas from a schema registry over HTTP, for converters: Confluent's client, as far as a writer needs it.
// Options stand behind "key.converter." or "value.converter.":
//     schema.registry.url                 one or several, comma-separated: the next is asked when one does not answer
//     auto.register.schemas               true; false: the schema must be there
//     use.latest.version                  with auto.register.schemas=false: the subject's latest version, provided that
//                                         it encodes to the same bytes
//     normalize.schemas                   false
//     basic.auth.credentials.source       URL (user:password@ in the URL) or USER_INFO (basic.auth.user.info)
//     bearer.auth.credentials.source      STATIC_TOKEN (bearer.auth.token)
//     schema.registry.ssl.truststore.location, .type   PEM; proxy.host, proxy.port; http.connect.timeout.ms,
//     http.read.timeout.ms
#ifndef LEAT_STORAGE_KAFKA_REGISTRAR_H
#define LEAT_STORAGE_KAFKA_REGISTRAR_H

#include "data/connect/converter.h"

typedef struct Registrar Registrar; // one thread at a time

// *registrar is NULL when the configuration names no registry. Secrets are resolved already. ERR_OPTION names the key
// that cannot be.
CHECKED bool registrar_new(const Properties *config, bool is_key, Registrar **registrar, Err *err);
void registrar_close(Registrar *registrar); // NULL is fine
// For converter_new; lives as long as the registrar. What was registered once is not asked again. ERR_OPTION: refused,
// with the registry's own message. ERR_NET_UNREACHABLE, ERR_NET_BUSY: none answers. ERR_NET_AUTH, ERR_NET_PERMISSION.
const SchemaRegistrar *registrar_contract(Registrar *registrar);
typedef struct RegistrarSchema {
    Slice text;
    bool json; // a JSON Schema, not Avro's
} RegistrarSchema;
// The schema of an id, in the arena. ERR_VALUE: the registry knows no such id, or it is of another type, or refers to
// others.
CHECKED bool registrar_schema(Registrar *registrar, int32_t id, Arena *arena, RegistrarSchema *schema, Err *err);
// Does it answer, and let us in? For validation.
CHECKED bool registrar_check(Registrar *registrar, Err *err);

#endif
