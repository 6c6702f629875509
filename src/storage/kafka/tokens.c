// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/tokens.h"

#include "core/base/log.h"
#include "core/config/secret.h"
#include "core/net/http.h"
#include "core/sys/clock.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>

enum {
    LIFE_S = 300, // of a token that does not say how long it is good
    CONNECT_MS = 5000,
    STALLED_MS = 10000,
    LEAST_MS = 1000,  // of life left in a token that is used on
    SETTLE_MS = 5000, // after a new one: brokers' refusals of the one before are still heard
};
#define ANSWER_BYTES_MAX (64 * KIB)

struct KafkaTokens {
    Arena run[1];
    const char *url, *id, *secret, *scope, *ca; // as configured, with their references; NULL = not set
    Buf token;                                  // the newest, with a NUL
    _Atomic int64_t until_ms;                   // that it is good
    _Atomic int64_t renewed_us;                 // when it took another one's place; 0 = it is the first
    _Atomic int64_t away_until_us;              // INT64_MAX = it is; 0 = it never was
};

static const char *copy(Arena *run, const char *text) {
    return text != NULL && text[0] != '\0' ? arena_text(run, slice_of(text)) : NULL;
}

KafkaTokens *kafka_tokens_new(const KafkaOptions *options) {
    if (strcmp(options->sasl_mechanism, "OAUTHBEARER") != 0 || options->oauth_url == NULL ||
        options->oauth_url[0] == '\0') {
        return NULL;
    }
    KafkaTokens *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init_small(made->run, "run", 512);
    made->url = copy(made->run, options->oauth_url);
    made->id = copy(made->run, options->oauth_id);
    made->secret = copy(made->run, options->oauth_secret);
    made->scope = copy(made->run, options->oauth_scope);
    made->ca = copy(made->run, options->oauth_ca);
    return made;
}

static void token_forget(KafkaTokens *tokens) {
    if (tokens->token.size > 0) {
        OPENSSL_cleanse(tokens->token.data, tokens->token.size);
    }
    buf_release(&tokens->token);
}

void kafka_tokens_free(KafkaTokens *tokens) {
    if (tokens != NULL) {
        token_forget(tokens);
        arena_release(tokens->run);
        free(tokens);
    }
}

bool kafka_tokens_away(const KafkaTokens *tokens) {
    return tokens != NULL && clock_monotonic_us() < tokens->away_until_us;
}

bool kafka_tokens_over(const KafkaTokens *tokens) {
    if (tokens == NULL || tokens->until_ms == 0) {
        return false;
    }
    bool fresh = tokens->renewed_us != 0 && clock_monotonic_us() < tokens->renewed_us + SETTLE_MS * INT64_C(1000);
    return fresh || clock_wall_us() / 1000 > tokens->until_ms - LEAST_MS;
}

// --- the question ------------------------------------------------------------------------------------------------

static bool option_text(const char *value, Arena *arena, char **text, Err *err) {
    return secret_resolve(value != NULL ? value : "", arena, text, err) || err_prefix(err, "sasl.oauthbearer");
}

// As Java's and librdkafka's clients do it: who asks stands in the header (RFC 7617), not in the form.
static bool credentials_make(const KafkaTokens *tokens, Arena *arena, char **header, Err *err) {
    char *id = NULL, *secret = NULL;
    TRY(option_text(tokens->id, arena, &id, err) && option_text(tokens->secret, arena, &secret, err));
    size_t size = strlen(id) + 1 + strlen(secret), head = strlen("Basic ");
    char *plain = arena_alloc(arena, size + 1), *encoded = arena_alloc(arena, head + 4 * ((size + 2) / 3) + 1);
    snprintf(plain, size + 1, "%s:%s", id, secret);
    memcpy(encoded, "Basic ", head);
    EVP_EncodeBlock((unsigned char *)encoded + head, (const unsigned char *)plain, (int)size);
    OPENSSL_cleanse(plain, size);
    OPENSSL_cleanse(secret, strlen(secret));
    *header = encoded;
    return true;
}

static bool form_make(const KafkaTokens *tokens, Buf *form, Arena *arena, Err *err) {
    char *scope = NULL;
    TRY(option_text(tokens->scope, arena, &scope, err));
    buf_text(form, "grant_type=client_credentials");
    if (scope[0] != '\0') {
        buf_text(form, "&scope=");
        http_encode(form, slice_of(scope), false);
    }
    return true;
}

// Its words may repeat what was sent: only the status is told.
static bool refused(const KafkaTokens *tokens, int status, Err *err) {
    int size = (int)strcspn(tokens->url, "?#");
    if (status == 408 || status == 429 || status >= 500) {
        return FAIL(err, ERR_NET_BUSY, "%.*s gives no token now: %d", size, tokens->url, status);
    }
    return FAIL(err, ERR_NET_AUTH, "%.*s gives no token: %d; see sasl.oauthbearer.client.id, …client.secret and …scope",
                size, tokens->url, status);
}

// Bytes that a header of HTTP may carry, so that librdkafka, and a broker, take them.
static bool token_plain(const char *token) {
    size_t size = token != NULL ? strlen(token) : 0;
    for (size_t i = 0; i < size; i++) {
        if (token[i] <= ' ' || token[i] > '~') {
            return false;
        }
    }
    return size > 0;
}

void kafka_tokens_set(KafkaTokens *tokens, Slice token, int64_t life_s) {
    tokens->renewed_us = tokens->until_ms != 0 ? clock_monotonic_us() : 0;
    tokens->until_ms = clock_wall_us() / 1000 + life_s * 1000;
    token_forget(tokens);
    buf_put(&tokens->token, token);
    buf_u8(&tokens->token, 0);
}

static bool answer_take(KafkaTokens *tokens, const HttpAnswer *answer, Err *err) {
    if (answer->status != 200) {
        return refused(tokens, answer->status, err);
    }
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.size, 0, NULL);
    const char *token = json_string_value(json_object_get(json, "access_token"));
    json_int_t life = json_integer_value(json_object_get(json, "expires_in"));
    bool good = token_plain(token);
    if (good) {
        kafka_tokens_set(tokens, slice_of(token), life > 0 && life < 100000000 ? life : LIFE_S);
    }
    json_decref(json);
    return good || FAIL(err, ERR_NET_AUTH, "%.*s answers without an access_token", (int)strcspn(tokens->url, "?#"),
                        tokens->url);
}

static bool token_ask(KafkaTokens *tokens, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    DEFER(buf_release) Buf form = {0};
    HttpClientOptions how = {
        .connections_max = 1, .connect_ms = CONNECT_MS, .stalled_ms = STALLED_MS, .ca_file = tokens->ca};
    HttpHeader headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}, {"Authorization", NULL}};
    HttpClient *client = NULL;
    HttpAnswer answer = {0};
    char *credentials = NULL;
    TRY(http_client_open(&how, &client, err));
    bool ok = form_make(tokens, &form, &scratch, err) && credentials_make(tokens, &scratch, &credentials, err);
    headers[2].value = credentials;
    HttpRequest request = {.method = "POST",
                           .url = tokens->url,
                           .headers = headers,
                           .header_count = ARRAY_LEN(headers),
                           .body = buf_slice(&form),
                           .file = -1,
                           .answer_bytes_max = ANSWER_BYTES_MAX};
    ok = ok && http_send(client, &request, &answer, err) && answer_take(tokens, &answer, err);
    if (credentials != NULL) {
        OPENSSL_cleanse(credentials, strlen(credentials));
    }
    if (answer.body.size > 0) {
        OPENSSL_cleanse(answer.body.data, answer.body.size);
    }
    http_answer_release(&answer);
    http_client_close(client);
    return ok;
}

// --- librdkafka's side -------------------------------------------------------------------------------------------

void kafka_tokens_configure(rd_kafka_conf_t *conf) {
    rd_kafka_conf_enable_sasl_queue(conf, 1);
}

bool kafka_tokens_begin(rd_kafka_t *handle, Err *err) {
    rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(handle);
    if (error == NULL) {
        return true;
    }
    FAIL(err, ERR_INTERNAL, "librdkafka: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return false;
}

// While the endpoint is away the token that there is serves on: librdkafka asks again when four fifths of what is left
// of its life are over.
bool kafka_tokens_refresh(KafkaTokens *tokens, rd_kafka_t *handle, Err *err) {
    char problem[256];
    bool ok = token_ask(tokens, err);
    bool away = !ok && err_class(err->code) == ERR_CLASS_TRANSIENT;
    if (away) {
        tokens->away_until_us = INT64_MAX;
    } else if (!ok) {
        tokens->away_until_us = 0;
    } else if (tokens->away_until_us == INT64_MAX) {
        tokens->away_until_us = clock_monotonic_us() + SETTLE_MS * INT64_C(1000);
    }
    if (away && tokens->until_ms > clock_wall_us() / 1000 + LEAST_MS) {
        log_err(LOG_SINK, "a new token cannot be had; the one there is serves on", err);
        err_clear(err);
        ok = true;
    }
    const char *name = tokens->id != NULL ? tokens->id : "leat"; // brokers go by the token
    if (ok && rd_kafka_oauthbearer_set_token(handle, (const char *)tokens->token.data, tokens->until_ms, name, NULL, 0,
                                             problem, sizeof(problem)) != 0) {
        ok = FAIL(err, ERR_NET_AUTH, "librdkafka does not take the token: %s", problem);
    }
    if (!ok) {
        rd_kafka_oauthbearer_set_token_failure(handle, err->message);
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}
