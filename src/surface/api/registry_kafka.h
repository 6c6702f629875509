// SPDX-License-Identifier: Apache-2.0
// A registry's log in Kafka: the compacted topic PREFIX.schemas beside the journals, of one partition, in records as
// registry_record.h says.
//
// Ids are unique because one writes at a time: writing takes the transactional id PREFIX.schemas. Who begins as its
// producer fences the one before, then reads the topic to its end, and from then on knows all that is in it as long as
// nobody fences him: what he appends without being fenced is behind nothing that he has not seen. (To append and to
// read back whether one was first would do as well in a topic that keeps all records; a compacted one forgets who was
// first.) A node goes on being the writer for a moment, so that one that registers much pays for one transaction a
// time. An error leaves open whether a transaction was committed: the topic is read again before anything is appended,
// so it shows.
#ifndef LEAT_SURFACE_API_REGISTRY_KAFKA_H
#define LEAT_SURFACE_API_REGISTRY_KAFKA_H

#include "engine/state/registry_log.h"

// Of a journal's URL, kafka://…; connects later. ERR_OPTION: it cannot be one.
CHECKED bool registry_kafka_log(const char *journal_url, RegistryLog *log, Err *err);

#endif
