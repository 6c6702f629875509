// SPDX-License-Identifier: Apache-2.0
#include "engine/member/member.h"

#include "core/base/log.h"
#include "core/base/version.h"
#include "core/config/properties.h"
#include "core/config/seal.h"
#include "core/sys/clock.h"
#include "engine/ipc/level.h"
#include "engine/member/member_room.h"

#include <signal.h>
#include <unistd.h>

enum {
    TICK_MS = 50,
    STATUS_FAILED = 1,
    BEATS = 10,              // of a session
    WAIT_MS_MAX = 120 * 1000 // longest that a call of the loop waits for Kafka
};

typedef struct MemberKafka {
    const char *brokers;
    KafkaOptions kafka;
} MemberKafka;
static const OptionSpec KAFKA_SPECS[] = {
    {.name = "bootstrap.servers", .type = OPTION_TEXT, .offset = offsetof(MemberKafka, brokers), .text = ""},
    KAFKA_OPTION_SPECS(MemberKafka, kafka)};
static const OptionTable KAFKA_TABLE = {"Member", KAFKA_SPECS, ARRAY_LEN(KAFKA_SPECS)};

// --- the supervisor ----------------------------------------------------------------------------------------------

void member_tell(Member *member, const Message *message) {
    Err err[1] = {{0}};
    if (!channel_put(&member->channel, message, err)) {
        log_err(LOG_SERVER, "a message cannot be sent", err);
    }
}

static void beat_put(Member *member, int64_t within_ms) {
    member_tell(member, &(Message){.type = MESSAGE_BEAT, .number = within_ms});
}

// Half a session: the supervisor ends what hangs before others can have its slots.
static void beat(Member *member, int64_t now_us) {
    int64_t session_ms = member->options.cluster_session_ms;
    if (now_us >= member->beat_us) {
        beat_put(member, session_ms / 2);
        member->beat_us = now_us + session_ms * 1000 / BEATS;
    }
}

bool member_beat_before_wait(Member *member, Err *err) {
    beat_put(member, WAIT_MS_MAX);
    member->beat_us = 0; // when it is over
    return channel_flush(&member->channel, err);
}

static Slice text_of(const Err *err, char *text, size_t size) {
    snprintf(text, size, "%s%s%s", err->message, err->hint[0] != '\0' ? "\n" : "", err->hint);
    return slice_of(text);
}

void member_answer(Member *member, uint32_t id, const Err *err) {
    char text[sizeof(err->message) + sizeof(err->hint) + 2];
    if (id != 0) {
        member_tell(member, &(Message){.type = MESSAGE_ANSWER,
                                       .id = id,
                                       .number = err->code,
                                       .text = err->code == ERR_NONE ? SLICE("{}") : text_of(err, text, sizeof(text))});
    }
}

static bool ask(Member *member, const Message *message, Err *err) {
    if (!member->joined) {
        FAIL(err, ERR_EXISTS, "Cannot complete request momentarily: this node is no member of cluster %s now",
             member->options.cluster_group);
        return err_hint(err, "it joins, or Kafka cannot be reached; try again in a moment");
    }
    if (slice_is(message->verb, "erase")) {
        return member_put(member, member->configs, 'c', message->name, (Slice){0}, err);
    }
    return member_change(member, message->id, message->name, message->text, err);
}

static void state_take(Member *member, const Message *message) {
    MemberConnector *connector = map_find(&member->connectors, message->name);
    if (connector != NULL && connector->here) {
        buf_reset(&connector->state);
        buf_put(&connector->state, message->text);
        connector->dirty = true;
    }
}

static bool message_take(Member *member, const Message *message, Err *err) {
    Err refused[1] = {{0}};
    bool asked = message->type == MESSAGE_ASK, level = asked && slice_is(message->verb, "level");
    if (message->type == MESSAGE_STOP) {
        member->stop = true;
    } else if (message->type == MESSAGE_STATE) {
        state_take(member, message);
    } else if (message->type == MESSAGE_ANSWER) {
        return member_left(member, message->id, err);
    } else if (level && !level_apply(message->text, (Slice){0}, refused)) {
        log_err(LOG_SERVER, "a level of logging cannot be set", refused);
    } else if (asked && !level && !ask(member, message, refused)) {
        member_answer(member, message->id, refused);
    }
    return true;
}

static bool messages_take(Member *member, Err *err) {
    TRY(channel_fill(&member->channel, err));
    for (;;) {
        Message message;
        bool got;
        TRY(channel_next(&member->channel, &message, &got, err));
        if (!got) {
            break;
        }
        TRY(message_take(member, &message, err));
    }
    return !member->channel.ended || FAIL(err, ERR_INTERRUPTED, "the supervisor is gone");
}

// --- start and end -----------------------------------------------------------------------------------------------

static bool start_take(Member *member, const Message *message, Err *err) {
    Properties kafka;
    MemberKafka *to = ARENA_NEW(&member->run, MemberKafka);
    option_defaults(&KAFKA_TABLE, to);
    TRY(server_options_parse(message->text, &member->run, &member->options, &member->data_directory, err));
    TRY(properties_parse(&member->run, message->name, &kafka, err));
    for (size_t i = 0; i < kafka.count; i++) {
        const char *name = arena_text(&member->run, kafka.at[i].name);
        if (option_find(&KAFKA_TABLE, name) != NULL) { // others are of the records' sink
            TRY(option_set(&KAFKA_TABLE, to, name, arena_text(&member->run, kafka.at[i].value), &member->run, err));
        }
    }
    member->node = server_options_node(&member->options);
    member->place = (KafkaPlace){.brokers = to->brokers,
                                 .options = &to->kafka,
                                 .client_id = arena_printf(&member->run, "leat-%s", member->node)};
    member->kafka_options = &to->kafka;
    seal_home(member->data_directory);
    return true;
}

static bool greet(Member *member, Err *err) {
    TRY(channel_send(&member->channel, &(Message){.type = MESSAGE_HELLO, .text = SLICE(LEAT_VERSION)}, err));
    for (;;) {
        Message message;
        bool got;
        TRY(channel_receive(&member->channel, -1, &message, &got, err));
        if (got && message.type == MESSAGE_START) {
            return start_take(member, &message, err);
        }
        if (got) {
            TRY(message_take(member, &message, err));
        }
        if (member->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped before it was started");
        }
    }
}

static bool work(Member *member, Err *err) {
    TRY(member_topics_open(member, err));
    while (!member->stop) {
        TRY(member_topics_poll(member, TICK_MS, err));
        if (member->group != NULL) { // before, nothing runs here that would have to be ended in time
            TRY(member_group_poll(member, err));
            beat(member, clock_monotonic_us());
        }
        TRY(messages_take(member, err));
        member_changes_expire(member);
        TRY(member_publish(member, clock_monotonic_us(), err));
        TRY(channel_flush(&member->channel, err));
    }
    return true;
}

static void release(Member *member) {
    for (MapEntry *at = NULL; (at = map_next(&member->connectors, at)) != NULL;) {
        member_connector_free(at->value);
    }
    for (MapEntry *at = NULL; (at = map_next(&member->nodes, at)) != NULL;) {
        member_node_free(at->value);
    }
    map_release(&member->connectors);
    map_release(&member->nodes);
    map_release(&member->slots);
    buf_release(&member->cluster);
    channel_close(&member->channel);
    arena_release(&member->run);
}

static bool last_words(Member *member, bool ok, const Err *err) {
    Err ignored[1] = {{0}};
    char text[sizeof(err->message) + sizeof(err->hint) + 2];
    if (ok) {
        return channel_send(&member->channel, &(Message){.type = MESSAGE_DONE}, ignored);
    }
    return channel_send(&member->channel,
                        &(Message){.type = MESSAGE_FAILED,
                                   .number = (int64_t)err_class(err->code),
                                   .verb = slice_of(err_name(err->code)),
                                   .text = text_of(err, text, sizeof(text))},
                        ignored);
}

int member_main(int channel_fd) {
    Err err[1] = {{0}};
    Member member = {.channel = {.fd = -1}};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); // of a terminal, and of a service manager: the supervisor says when it is over
    signal(SIGTERM, SIG_IGN);
    arena_init(&member.run, "run", 0);
    bool ok = channel_open(&member.channel, channel_fd, err) && greet(&member, err) && work(&member, err);
    if (!ok) { // the group is not left: its workers run on this node until the supervisor has heard of it
        (void)last_words(&member, false, err);
        _exit(STATUS_FAILED);
    }
    member_topics_close(&member);
    ok = last_words(&member, true, err);
    release(&member);
    return ok ? 0 : STATUS_FAILED;
}
