// SPDX-License-Identifier: Apache-2.0
// The tables that plugin.c's list is made of: one pair of lines each, from definitions/*.c.
#ifndef LEAT_DATA_CONNECT_PLUGIN_TABLES_H
#define LEAT_DATA_CONNECT_PLUGIN_TABLES_H

#include "core/config/definition.h"

#define PLUGIN_CONNECT_VERSION  "4.3.1"
#define PLUGIN_S3_SINK_VERSION  "10.5.20"
#define PLUGIN_DEBEZIUM_VERSION "3.7.0.Final"

// What Connect itself takes of every source and of every sink.
extern const Definition COMMON_SOURCE_DEFINITIONS[];
extern const size_t COMMON_SOURCE_DEFINITIONS_COUNT;
extern const Definition COMMON_SINK_DEFINITIONS[];
extern const size_t COMMON_SINK_DEFINITIONS_COUNT;
// Of topic.creation.default and of each group, without their prefix.
extern const Definition TOPIC_CREATION_DEFINITIONS[];
extern const size_t TOPIC_CREATION_DEFINITIONS_COUNT;

extern const Definition SYNC_DEFINITIONS[];
extern const size_t SYNC_DEFINITIONS_COUNT;

// For classes that check their keys themselves: any key.
extern const Definition ANY_DEFINITIONS[];
extern const size_t ANY_DEFINITIONS_COUNT;

extern const Definition POSTGRES_DEFINITIONS[];
extern const size_t POSTGRES_DEFINITIONS_COUNT;
void postgres_check(const Properties *config, Validation *validation);

extern const Definition S3_SINK_DEFINITIONS[];
extern const size_t S3_SINK_DEFINITIONS_COUNT;
void s3_sink_check(const Properties *config, Validation *validation);

#endif
