// SPDX-License-Identifier: Apache-2.0
// Two stores over one log in memory, which is appended to as one in Kafka is: only behind what was taken.
#include "engine/state/registry_shared.c"

#include "core/base/test.h"

typedef struct Shelf {
    pthread_mutex_t mutex;
    Arena arena[1];
    RegistryEntry entries[500];
    size_t count;
    bool away;
} Shelf;

typedef struct ShelfReader {
    Shelf *shelf;
    size_t at;
} ShelfReader;

static bool shelf_read(void *context, bool to_end, const RegistryTaker *taker, Err *err) {
    ShelfReader *reader = context;
    pthread_mutex_lock(&reader->shelf->mutex);
    bool ok = !reader->shelf->away || !to_end || FAIL(err, ERR_NET_UNREACHABLE, "the shelf is away");
    while (ok && !reader->shelf->away && reader->at < reader->shelf->count) {
        ok = taker->take(taker->context, &reader->shelf->entries[reader->at++], err);
    }
    pthread_mutex_unlock(&reader->shelf->mutex);
    return ok;
}

static bool shelf_append(void *context, const RegistryEntry *entries, size_t count, const RegistryTaker *taker,
                         bool *behind, Err *err) {
    ShelfReader *reader = context;
    Shelf *shelf = reader->shelf;
    size_t before = reader->at;
    TRY(shelf_read(reader, true, taker, err));
    *behind = reader->at > before;
    pthread_mutex_lock(&shelf->mutex);
    *behind = *behind || reader->at < shelf->count;
    for (size_t i = 0; i < count && !*behind; i++) {
        RegistryEntry *to = &shelf->entries[shelf->count++];
        *to = entries[i];
        to->subject = arena_slice(shelf->arena, entries[i].subject);
        to->type = arena_slice(shelf->arena, entries[i].type);
        to->text = arena_slice(shelf->arena, entries[i].text);
        to->setting = entries[i].setting.data != NULL ? arena_slice(shelf->arena, entries[i].setting) : (Slice){0};
        reader->at = shelf->count;
    }
    bool late = *behind && reader->at == before;
    pthread_mutex_unlock(&shelf->mutex);
    return !late || shelf_read(reader, true, taker, err);
}

static void shelf_close(void *context) {
    free(context);
}

static char folder[64];

static const char *file_of(const char *name) {
    static char path[100];
    if (folder[0] == '\0') {
        test_folder(folder, sizeof(folder), "shared");
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void shelf_init(Shelf *shelf) {
    memset(shelf, 0, sizeof(*shelf));
    pthread_mutex_init(&shelf->mutex, NULL);
    arena_init(shelf->arena, "shelf", 0);
}

static bool shared(Shelf *shelf, const char *path, RegistryStore **store, Err *err) {
    ShelfReader *reader = calloc(1, sizeof(*reader));
    CHECK(reader != NULL);
    reader->shelf = shelf;
    const RegistryLog log = {shelf_read, shelf_append, shelf_close, reader, "the shelf"};
    return registry_store_share(&log, path, store, err);
}

static int32_t added(RegistryStore *store, const char *subject, const char *text) {
    Err err[1] = {{0}};
    StoreOutcome outcome = STORE_STALE;
    int32_t id = 0, version = 0;
    while (outcome == STORE_STALE) { // as who has judged it does
        StoreRegistration what = {.subject = slice_of(subject), .type = SLICE("AVRO"), .text = slice_of(text)};
        memcpy(what.fingerprint, text, MIN(strlen(text), sizeof(what.fingerprint)));
        registry_store_lock(store);
        const KeptSubject *known = registry_store_subject(store, what.subject);
        what.generation = known != NULL ? known->generation : 0;
        registry_store_unlock(store);
        CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    }
    return id;
}

typedef struct Many {
    RegistryStore *store;
    const char *own;
    int32_t ids[40];
} Many;

static void *add_many(void *context) {
    Many *many = context;
    for (int i = 0; i < 40; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%s %d", i % 2 == 0 ? "both" : many->own, i);
        many->ids[i] = added(many->store, many->own, text);
    }
    return NULL;
}

TEST(registry_stores_share_a_log) {
    static Shelf shelf;
    Err err[1] = {{0}};
    Many many[2] = {{.own = "left"}, {.own = "right"}};
    pthread_t threads[2];
    shelf_init(&shelf);
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(shared(&shelf, file_of("none.db"), &many[i].store, err));
        CHECK_OK(registry_store_ready(many[i].store, err));
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, add_many, &many[i]) == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 40; i++) {
        CHECK((many[0].ids[i] == many[1].ids[i]) == (i % 2 == 0));
        for (int j = 0; j < i; j++) {
            CHECK(many[0].ids[i] != many[0].ids[j] && many[0].ids[i] != many[1].ids[j]);
        }
    }
    int32_t version = 40, last = many[0].ids[39];
    StoreOutcome outcome = STORE_STALE;
    for (int times = 0; times < 2; times++) { // softly, then for good: the id is nobody's after that
        CHECK_OK(registry_store_follow(many[0].store, err));
        registry_store_lock(many[0].store);
        uint64_t generation = registry_store_subject(many[0].store, SLICE("left"))->generation;
        registry_store_unlock(many[0].store);
        CHECK_OK(
            registry_store_delete(many[0].store, SLICE("left"), &version, 1, times == 1, generation, &outcome, err));
        CHECK_INT(outcome, STORE_DONE);
    }
    CHECK_OK(registry_store_set_level(many[1].store, (Slice){0}, SLICE("FULL"), -1, err));
    for (size_t i = 0; i < 2; i++) {
        registry_store_close(many[i].store);
    }
    RegistryStore *store = NULL;
    CHECK_OK(shared(&shelf, file_of("none.db"), &store, err)); // one that was not there
    CHECK(registry_store_schema(store, last) == NULL && registry_store_schema(store, many[1].ids[39]) != NULL);
    CHECK_TEXT(registry_store_global(store)->level, "FULL");
    CHECK(added(store, "new", "new") > MAX(last, many[1].ids[39]));
    shelf.away = true;
    StoreRegistration what = {.subject = SLICE("away"), .type = SLICE("AVRO"), .text = SLICE("away")};
    int32_t id = 0;
    CHECK_FAILS(registry_store_register(store, &what, &outcome, &id, &version, err), ERR_NET_UNREACHABLE);
    CHECK(registry_store_subject(store, SLICE("away")) == NULL);
    err_clear(err);
    CHECK_INT(added(store, "right", "both 0"), many[0].ids[0]); // is there
    registry_store_close(store);
    arena_release(shelf.arena);
    CHECK_OK(file_remove_tree(folder, err));
}

TEST(registry_stores_carry_a_file_over_once) {
    static Shelf shelf;
    Err err[1] = {{0}};
    RegistryStore *store = NULL;
    char path[100], aside[110];
    shelf_init(&shelf);
    snprintf(path, sizeof(path), "%s", file_of("registry.db"));
    snprintf(aside, sizeof(aside), "%s.moved", path);
    for (int times = 0; times < 3; times++) {
        CHECK_OK(registry_store_open(path, &store, err));
        CHECK_INT(added(store, "a", "one"), 1);
        CHECK_INT(added(store, "b", times < 2 ? "two" : "other"), 2);
        CHECK_OK(registry_store_set_level(store, SLICE("c"), SLICE("NONE"), 1, err));
        registry_store_close(store);
        if (times == 2) { // its ids are others'
            CHECK_FAILS(shared(&shelf, path, &store, err), ERR_EXISTS);
            break;
        }
        CHECK_OK(shared(&shelf, path, &store, err)); // a second time as after a crash before the file was set aside
        CHECK(!file_exists(path) && file_exists(aside));
        CHECK_INT(shelf.count, 5); // two versions, level and mode of c, the next id
        CHECK_TEXT(registry_store_subject(store, SLICE("c"))->level, "NONE");
        CHECK_INT(added(store, "a", "one"), 1);
        registry_store_close(store);
    }
    arena_release(shelf.arena);
    err_clear(err);
    CHECK_OK(file_remove_tree(folder, err));
}
