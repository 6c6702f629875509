// SPDX-License-Identifier: Apache-2.0
// Makes topics. For this room alone.
#ifndef LEAT_STORAGE_KAFKA_TOPICS_H
#define LEAT_STORAGE_KAFKA_TOPICS_H

#include "storage/kafka/client.h"

// Makes sure that the topic is there: makes it by the rules, or where leat may not make it, or is told not to, asks
// whether somebody else has.
CHECKED bool kafka_topic_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err);
// The same for a log, or for a topic of facts, whatever topic.creation.enable says.
CHECKED bool kafka_log_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err);
CHECKED bool kafka_facts_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err);
// A topic into which nobody writes, of at least so many partitions: more are added. *partitions: how many there are.
CHECKED bool kafka_slots_ensure(KafkaClient *client, KafkaTopicRules *rules, const char *name, int *partitions,
                                Err *err);
// Whether it is there by the controller, which knows of each; a broker that has just begun may not have heard of it
// yet. Where leat may not make topics, by any broker: no one has heard of it for some seconds.
CHECKED bool kafka_topic_made(KafkaClient *client, const char *name, bool *made, Err *err);
// How many partitions a broker knows; 0 = it knows no such topic, or nothing yet.
CHECKED bool kafka_topic_partitions(KafkaClient *client, const char *name, int *partitions, Err *err);
// *exists false: there is none. What has just been made is waited for.
CHECKED bool kafka_topic_look(KafkaClient *client, const char *name, bool *exists, Err *err);

#endif
