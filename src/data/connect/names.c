// SPDX-License-Identifier: Apache-2.0
#include "data/connect/names.h"

#include "core/config/regex.h"

#include <ctype.h>

enum { TOPIC_NAME_MAX = 249 };

struct TopicNames {
    Slice prefix, delimiter, transaction, heartbeat_prefix, heartbeat_name, notification;
    bool unicode;    // what a topic cannot have is spelled, not replaced
    bool with_space; // the table's schema is in the name
    bool key_unique;
    Slice key_field;
    Regex *regex, *key_regex;
    Slice replacement, key_replacement;
};

// --- characters ------------------------------------------------------------------------------------------------

// One character of UTF-8; a byte that begins none is one by itself. Its length.
static size_t character_read(Slice text, uint32_t *character) {
    uint8_t first = text.data[0];
    size_t size = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size > text.size) {
        size = 1;
    }
    *character = size == 1 ? first : (uint32_t)first & (0xFFU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        *character = *character << 6 | (text.data[i] & 0x3F);
    }
    return size;
}

// What stands for a character that a name cannot have: for each of its UTF-16 units.
static void replacement_put(Buf *buf, bool unicode, uint32_t character) {
    uint32_t units[2] = {character, 0};
    size_t count = 1;
    if (character > 0xFFFF) {
        units[0] = 0xD800 + ((character - 0x10000) >> 10);
        units[1] = 0xDC00 + ((character - 0x10000) & 0x3FF);
        count = 2;
    }
    for (size_t i = 0; i < count; i++) {
        if (!unicode) {
            buf_u8(buf, '_');
        } else {
            buf_printf(buf, units[i] <= 0xFF ? "_u00%x" : "_u%x", units[i]);
        }
    }
}

typedef bool (*Allowed)(uint32_t character, bool first, bool unicode);

static void name_put(Buf *buf, Slice name, bool unicode, Allowed allowed) {
    for (size_t at = 0; at < name.size;) {
        uint32_t character;
        size_t size = character_read(slice_from(name, at), &character);
        if (allowed(character, at == 0, unicode)) {
            buf_bytes(buf, name.data + at, size);
        } else {
            replacement_put(buf, unicode, character);
            if (at == 0 && !unicode && character < 0x80 && isdigit((int)character)) {
                buf_u8(buf, (uint8_t)character);
            }
        }
        at += size;
    }
}

static bool letter(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool digit(uint32_t c) {
    return c >= '0' && c <= '9';
}

static bool topic_allows(uint32_t c, bool first, bool unicode) {
    return letter(c) || digit(c) || c == '.' || c == '-' || (c == '_' && !unicode);
}

static bool schema_allows(uint32_t c, bool first, bool unicode) {
    return letter(c) || (c == '_' && !unicode) || (!first && (digit(c) || c == '.'));
}

static bool field_allows(uint32_t c, bool first, bool unicode) {
    return letter(c) || (c == '_' && !unicode) || (!first && digit(c));
}

Slice name_adjust(Arena *arena, NameAdjust adjust, bool is_field, Slice name) {
    if (adjust == ADJUST_NONE) {
        return name;
    }
    Buf buf;
    buf_init(&buf, 0);
    name_put(&buf, name, adjust == ADJUST_AVRO_UNICODE, is_field ? field_allows : schema_allows);
    Slice adjusted = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return adjusted;
}

// --- topics ----------------------------------------------------------------------------------------------------

static Slice topic_clean(const TopicNames *names, Arena *arena, Slice name) {
    Buf buf;
    buf_init(&buf, 0);
    for (size_t at = 0; at < name.size;) { // a digit may be first: not name_put's rule
        uint32_t character;
        size_t size = character_read(slice_from(name, at), &character);
        if (topic_allows(character, false, names->unicode)) {
            buf_bytes(&buf, name.data + at, size);
        } else {
            replacement_put(&buf, names->unicode, character);
        }
        at += size;
    }
    Slice clean = buf_slice(&buf);
    clean.size = MIN(clean.size, (size_t)TOPIC_NAME_MAX);
    if (slice_is(clean, ".") || slice_is(clean, "..")) {
        size_t dots = clean.size;
        buf_reset(&buf);
        for (size_t i = 0; i < dots; i++) {
            replacement_put(&buf, names->unicode, '.');
        }
        clean = buf_slice(&buf);
    }
    clean = arena_slice(arena, clean);
    buf_release(&buf);
    return clean;
}

static bool blank(Slice text) {
    for (size_t i = 0; i < text.size; i++) {
        if (!isspace(text.data[i])) {
            return false;
        }
    }
    return true;
}

static Slice joined(Arena *arena, Slice delimiter, const Slice *parts, size_t count) {
    Buf buf;
    buf_init(&buf, 0);
    for (size_t i = 0; i < count; i++) {
        if (!blank(parts[i])) {
            buf_put(&buf, buf.size > 0 ? delimiter : (Slice){0});
            buf_put(&buf, parts[i]);
        }
    }
    Slice text = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return text;
}

static Slice origin(const TopicNames *names, Arena *arena, Slice space, Slice table) {
    Slice parts[] = {names->prefix, names->with_space ? space : (Slice){0}, table};
    return joined(arena, names->delimiter, parts, ARRAY_LEN(parts));
}

static Slice replaced(Regex *regex, Arena *arena, Slice text, Slice replacement) {
    Buf buf;
    buf_init(&buf, 0);
    Slice made = text;
    if (regex_replace(regex, text, replacement, &buf) && buf.size > 0) {
        made = arena_slice(arena, buf_slice(&buf));
    }
    buf_release(&buf);
    return made;
}

Slice topic_names_table(const TopicNames *names, Arena *arena, Slice space, Slice table) {
    Slice topic = topic_clean(names, arena, origin(names, arena, space, table));
    return names->regex == NULL ? topic : replaced(names->regex, arena, topic, names->replacement);
}

Slice topic_names_side(const TopicNames *names, Arena *arena, TopicKind kind) {
    Slice parts[2] = {names->prefix, names->transaction};
    if (kind == TOPIC_MESSAGE) { // whatever the delimiter
        return slice_of(arena_printf(arena, "%.*s.message", SLICE_ARG(names->prefix)));
    }
    if (kind == TOPIC_HEARTBEAT) {
        if (names->heartbeat_name.size > 0) {
            return names->heartbeat_name;
        }
        parts[0] = names->heartbeat_prefix;
        parts[1] = names->prefix;
    } else if (kind == TOPIC_NOTIFICATION) {
        return names->notification;
    }
    return joined(arena, names->delimiter, parts, 2);
}

bool topic_names_key_field(const TopicNames *names, Arena *arena, Slice space, Slice table, Slice *name, Slice *value) {
    if (names->regex == NULL || !names->key_unique) {
        return false;
    }
    *name = names->key_field;
    *value = origin(names, arena, space, table);
    if (names->key_regex != NULL) {
        *value = replaced(names->key_regex, arena, *value, names->key_replacement);
    }
    return true;
}

// --- options ---------------------------------------------------------------------------------------------------

static Slice text_of(Arena *arena, const Properties *config, const char *name, const char *otherwise) {
    return slice_of(properties_text(arena, config, name, otherwise));
}

static bool regexes_new(Arena *arena, const Properties *config, TopicNames *names, Err *err) {
    Slice regex = text_of(arena, config, "topic.regex", ""), key = text_of(arena, config, "topic.key.field.regex", "");
    names->replacement = text_of(arena, config, "topic.replacement", "");
    if (regex.size == 0 || names->replacement.size == 0) {
        return FAIL(err, ERR_OPTION, "the topic.naming.strategy needs topic.regex and topic.replacement");
    }
    TRY(regex_new(regex, 0, "topic.regex", &names->regex, err));
    names->key_unique = !slice_is(text_of(arena, config, "topic.key.enforce.uniqueness", "true"), "false");
    names->key_field = text_of(arena, config, "topic.key.field.name", "__dbz__physicalTableIdentifier");
    if (key.size > 0) {
        names->key_replacement = text_of(arena, config, "topic.key.field.replacement", "");
        TRY(regex_new(key, 0, "topic.key.field.regex", &names->key_regex, err));
    }
    return true;
}

static bool strategy_set(Arena *arena, const Properties *config, TopicNames *names, Err *err) {
    static const struct {
        const char *name;
        bool with_space, unicode, regex;
    } ROWS[] = {
        {"SchemaTopicNamingStrategy", true, false, false},
        {"SchemaUnicodeTopicNamingStrategy", true, true, false},
        {"SchemaRegexTopicNamingStrategy", true, false, true},
        {"DefaultTopicNamingStrategy", false, false, false},
        {"DefaultUnicodeTopicNamingStrategy", false, true, false},
        {"DefaultRegexTopicNamingStrategy", false, false, true},
    };
    const char *package = "io.debezium.schema.";
    const char *given =
        properties_text(arena, config, "topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        if (strncmp(given, package, strlen(package)) == 0 && strcmp(given + strlen(package), ROWS[i].name) == 0) {
            names->with_space = ROWS[i].with_space;
            names->unicode = ROWS[i].unicode;
            return !ROWS[i].regex || regexes_new(arena, config, names, err);
        }
    }
    (void)FAIL(err, ERR_OPTION, "topic.naming.strategy: %.200s is none that leat has", given);
    return err_hint(err,
                    "Debezium's own are there: io.debezium.schema.SchemaTopicNamingStrategy and Default…, …Regex…, "
                    "…Unicode…; leat loads no Java classes.");
}

bool topic_names_new(Arena *arena, const Properties *config, TopicNames **made, Err *err) {
    TopicNames *names = ARENA_NEW(arena, TopicNames);
    names->prefix = text_of(arena, config, "topic.prefix", "");
    if (names->prefix.size == 0) {
        return FAIL(err, ERR_OPTION, "topic.prefix: a value is required");
    }
    names->delimiter = text_of(arena, config, "topic.delimiter", ".");
    names->transaction = text_of(arena, config, "topic.transaction", "transaction");
    names->heartbeat_prefix = text_of(arena, config, "topic.heartbeat.prefix", "__debezium-heartbeat");
    names->heartbeat_name = text_of(arena, config, "topic.heartbeat.name", "");
    names->notification = text_of(arena, config, "notification.sink.topic.name", "");
    if (!strategy_set(arena, config, names, err)) {
        topic_names_release(names);
        return err_frame(err, __FILE__, __LINE__);
    }
    *made = names;
    return true;
}

void topic_names_release(TopicNames *names) {
    if (names != NULL) {
        regex_release(names->regex);
        regex_release(names->key_regex);
        names->regex = names->key_regex = NULL;
    }
}

Slice topic_names_prefix(const TopicNames *names) {
    return names->prefix;
}
