// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/options.h"

#include "core/config/seal.h"

#define SCHEME "kafka://"

bool kafka_url_accepts(const char *url) {
    return strncmp(url, SCHEME, strlen(SCHEME)) == 0;
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static const char *decoded(Arena *arena, const char *text, size_t size) {
    char *to = arena_alloc(arena, size + 1);
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        bool escaped = text[i] == '%' && i + 2 < size && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
        to[count++] = escaped ? (char)(hex(text[i + 1]) * 16 + hex(text[i + 2])) : text[i];
        i += escaped ? 2 : 0;
    }
    return to;
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

bool kafka_url_options(const KafkaUrl *parts, const OptionTable *table, void *options, Arena *arena, Err *err) {
    for (const char *at = parts->query; *at != '\0';) {
        size_t size = strcspn(at, "&"), split = MIN(strcspn(at, "="), size);
        const char *name = decoded(arena, at, split);
        const char *value = split < size ? decoded(arena, at + split + 1, size - split - 1) : "";
        const OptionSpec *spec = option_find(table, name);
        if (spec != NULL && ((spec->flags & OPTION_SECRET) != 0 || seal_is_secret(slice_of(name)))) {
            FAIL(err, ERR_OPTION, "%s stands in the URL of Kafka, which is shown and stored", name);
            return err_hint(err, "use --set '%s=${env:NAME}'", name);
        }
        if (size > 0 && !option_set(table, options, name, value, arena, err)) {
            return err_prefix(err, "the URL of Kafka");
        }
        at += size + (at[size] == '&');
    }
    return true;
}
