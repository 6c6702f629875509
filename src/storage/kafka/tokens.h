// SPDX-License-Identifier: Apache-2.0
// Tokens of an identity provider for SASL OAUTHBEARER (RFC 7628): asked for with the client's own credentials (OAuth 2,
// RFC 6749 section 4.4) when a handle is made, and again each time four fifths of the newest one's life are over. In
// librdkafka's own background thread, so that handles which nobody polls have one too. For this room alone.
#ifndef LEAT_STORAGE_KAFKA_TOKENS_H
#define LEAT_STORAGE_KAFKA_TOKENS_H

#include "storage/kafka/options.h"

#include <librdkafka/rdkafka.h>

typedef struct KafkaTokens KafkaTokens;

// NULL where no token endpoint is set. Copies what it needs. To be freed when the handle has ended.
KafkaTokens *kafka_tokens_new(const KafkaOptions *options);
void kafka_tokens_free(KafkaTokens *tokens); // NULL is fine
// Before the handle is made…
void kafka_tokens_configure(rd_kafka_conf_t *conf);
// …and asked by what is called then: gives the handle its token, or tells it, and us, why there is none.
CHECKED bool kafka_tokens_refresh(KafkaTokens *tokens, rd_kafka_t *handle, Err *err);
// The token that is used from now on, and how long it is good: what a refresh does with the answer.
void kafka_tokens_set(KafkaTokens *tokens, Slice token, int64_t life_s);
// The newest question was not answered, or with "later", or the one just before it: that passes by itself. Any
// thread's.
bool kafka_tokens_away(const KafkaTokens *tokens);
// A broker's refusal may be of a token that was over when it was shown, and a new one is on its way, or has just come.
// Any thread's.
bool kafka_tokens_over(const KafkaTokens *tokens);
// After it was made. ERR_INTERNAL: librdkafka has no thread for it.
CHECKED bool kafka_tokens_begin(rd_kafka_t *handle, Err *err);

#endif
