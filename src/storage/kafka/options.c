// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/options.h"

#include "core/config/seal.h"
#include "core/config/secret.h"

#define SCHEME "kafka://"

bool kafka_url_accepts(const char *url) {
    return strncmp(url, SCHEME, strlen(SCHEME)) == 0;
}

static const char *decoded(Arena *arena, const char *text, size_t size) {
    return (const char *)arena_percent_decoded(arena, (Slice){(const uint8_t *)text, size}).data;
}

bool kafka_url_parse(const char *url, Arena *arena, KafkaUrl *parts, Err *err) {
    const char *host = url + strlen(SCHEME);
    size_t host_size = strcspn(host, "/?#");
    const char *path = host + host_size;
    path += *path == '/';
    size_t path_size = strcspn(path, "?#");
    const char *query = path + path_size;
    if (memchr(host, '@', host_size) != NULL) { // the URL is shown and stored: do not repeat it
        FAIL(err, ERR_OPTION, "a user or password stands in the URL of Kafka");
        return err_hint(err, "use --set sasl.username=NAME --set 'sasl.password=${env:NAME}'");
    }
    if (host_size == 0) {
        FAIL(err, ERR_OPTION, "%s: there is no broker in it", url);
        return err_hint(err, "write kafka://HOST:PORT/, or several brokers with commas between them");
    }
    *parts = (KafkaUrl){.brokers = decoded(arena, host, host_size),
                        .path = decoded(arena, path, path_size),
                        .query = arena_printf(arena, "%s", *query == '?' ? query + 1 : "")};
    return true;
}

bool kafka_url_next(const char **at, Arena *arena, const char **name, const char **value) {
    size_t size = strcspn(*at, "&");
    while (size == 0 && **at == '&') {
        size = strcspn(++*at, "&");
    }
    if (size == 0) {
        return false;
    }
    size_t split = MIN(strcspn(*at, "="), size);
    *name = decoded(arena, *at, split);
    *value = split < size ? decoded(arena, *at + split + 1, size - split - 1) : "";
    *at += size;
    return true;
}

static void encode(Buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (strchr("%&#=? ", *text) != NULL) {
            buf_printf(out, "%%%02X", (unsigned char)*text);
        } else {
            buf_u8(out, (uint8_t)*text);
        }
    }
}

const char *kafka_url_with(Arena *arena, const char *url, const char *name, const char *value) {
    DEFER(buf_release) Buf made = {0};
    bool path = strchr(url + strlen(SCHEME), '/') != NULL;
    buf_printf(&made, "%s%s", url, strchr(url, '?') != NULL ? "&" : path ? "?" : "/?");
    encode(&made, name);
    buf_u8(&made, '=');
    encode(&made, value);
    return arena_text(arena, buf_slice(&made));
}

bool kafka_option_secures(const char *name) {
    static const char *const PREFIXES[] = {"security.", "sasl.", "ssl."};
    for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
        if (strncmp(name, PREFIXES[i], strlen(PREFIXES[i])) == 0) {
            return true;
        }
    }
    return false;
}

bool kafka_url_options(const KafkaUrl *parts, const OptionTable *table, void *options, Arena *arena, Err *err) {
    const char *name, *value;
    for (const char *at = parts->query; kafka_url_next(&at, arena, &name, &value);) {
        const OptionSpec *spec = option_find(table, name);
        bool secret = spec != NULL && ((spec->flags & OPTION_SECRET) != 0 || seal_is_secret(slice_of(name)));
        if (secret && !secret_referenced(value)) {
            FAIL(err, ERR_OPTION, "%s stands in the URL of Kafka, which is shown and stored", name);
            return err_hint(err, "write %s=${env:NAME} there, or use --set '%s=${env:NAME}'", name, name);
        }
        if (!option_set(table, options, name, value, arena, err)) {
            return err_prefix(err, "the URL of Kafka");
        }
    }
    return true;
}
