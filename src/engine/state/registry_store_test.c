// SPDX-License-Identifier: Apache-2.0
#include "core/base/test.h"
#include "core/sys/file.h"
#include "engine/state/registry_store.c"

static char folder[64];

static const char *path(void) {
    static char text[80];
    if (folder[0] == '\0') {
        test_folder(folder, sizeof(folder), "registry");
        snprintf(text, sizeof(text), "%s/registry.db", folder);
    }
    return text;
}

static RegistryStore *reopened(RegistryStore *store) {
    Err err[1] = {{0}};
    registry_store_close(store);
    CHECK_OK(registry_store_open(path(), &store, err));
    return store;
}

static void done(RegistryStore *store) {
    Err err[1] = {{0}};
    registry_store_close(store);
    CHECK_OK(file_remove_tree(folder, err));
}

static StoreRegistration of(RegistryStore *store, const char *subject, const char *text) {
    StoreRegistration what = {.subject = slice_of(subject), .type = SLICE("AVRO"), .text = slice_of(text)};
    size_t size = MIN(strlen(text), sizeof(what.fingerprint));
    memcpy(what.fingerprint, text, size);
    registry_store_lock(store);
    const KeptSubject *known = registry_store_subject(store, what.subject);
    what.generation = known != NULL ? known->generation : 0;
    registry_store_unlock(store);
    return what;
}

static int32_t added(RegistryStore *store, const char *subject, const char *text, int32_t want_version) {
    Err err[1] = {{0}};
    StoreRegistration what = of(store, subject, text);
    StoreOutcome outcome;
    int32_t id = 0, version = 0;
    CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    CHECK_INT(outcome, STORE_DONE);
    CHECK_INT(version, want_version);
    return id;
}

static void deleted(RegistryStore *store, const char *subject, int32_t version, bool permanent) {
    Err err[1] = {{0}};
    StoreOutcome outcome;
    CHECK_OK(registry_store_delete(store, slice_of(subject), &version, 1, permanent, of(store, subject, "").generation,
                                   &outcome, err));
    CHECK_INT(outcome, STORE_DONE);
}

static const char *text_of(RegistryStore *store, int32_t id) {
    static _Thread_local char text[100];
    registry_store_lock(store);
    const KeptSchema *schema = registry_store_schema(store, id);
    snprintf(text, sizeof(text), "%.*s", schema != NULL ? (int)schema->text.size : 1,
             schema != NULL ? (const char *)schema->text.data : "-");
    registry_store_unlock(store);
    return text;
}

TEST(registry_store_keeps_what_it_was_given) {
    Err err[1] = {{0}};
    RegistryStore *store = reopened(NULL);
    CHECK_INT(added(store, "a", "one", 1), 1);
    CHECK_INT(added(store, "a", "two", 2), 2);
    CHECK_INT(added(store, "b", "two", 1), 2);
    CHECK_INT(added(store, "a", "one", 1), 1);
    KeptReference references[] = {{SLICE("x.One"), SLICE("a"), 1}, {SLICE("x.Two"), SLICE("b"), 1}};
    StoreRegistration what = of(store, "c", "three");
    what.references = references;
    what.reference_count = 2;
    StoreOutcome outcome;
    int32_t id, version;
    CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    CHECK_OK(registry_store_set_level(store, SLICE(""), SLICE("FULL"), -1, err));
    CHECK_OK(registry_store_set_level(store, SLICE("b"), SLICE("NONE"), 1, err));
    CHECK_OK(registry_store_set_mode(store, SLICE("b"), SLICE("READONLY"), err));
    CHECK_OK(registry_store_set_mode(store, SLICE("z"), SLICE("IMPORT"), err));
    CHECK_OK(registry_store_set_mode(store, SLICE("z"), (Slice){0}, err));
    for (int round = 0; round < 2; round++) {
        registry_store_lock(store);
        CHECK_TEXT(registry_store_global(store)->level, "FULL");
        const KeptSubject *b = registry_store_subject(store, SLICE("b")),
                          *a = registry_store_subject(store, SLICE("a"));
        CHECK(b != NULL && b->count == 1 && b->normalize == 1 && a != NULL && a->count == 2 && a->level.data == NULL);
        CHECK_TEXT(b->mode, "READONLY");
        CHECK_TEXT(b->versions[0]->schema->text, "two");
        const KeptSchema *c = registry_store_schema(store, 3);
        CHECK(c != NULL && c->reference_count == 2);
        CHECK_TEXT(c->references[1].name, "x.Two");
        size_t at = 0;
        CHECK_TEXT(registry_store_next(store, &at)->name, "a");
        CHECK_TEXT(registry_store_next(store, &at)->name, "b");
        CHECK(a->versions[1]->schema == b->versions[0]->schema &&
              b->versions[0]->schema->versions->next_of_schema != NULL);
        registry_store_unlock(store);
        store = reopened(store);
    }
    done(store);
}

TEST(registry_store_never_uses_an_id_again) {
    RegistryStore *store = reopened(NULL);
    added(store, "a", "one", 1);
    CHECK_INT(added(store, "a", "two", 2), 2);
    deleted(store, "a", 2, false);
    CHECK_TEXT(slice_of(text_of(store, 2)), "two");
    CHECK_INT(added(store, "a", "two", 3), 2); // the deleted one is superseded
    store = reopened(store);
    registry_store_lock(store);
    CHECK_INT(registry_store_subject(store, SLICE("a"))->count, 2);
    registry_store_unlock(store);
    deleted(store, "a", 3, false);
    deleted(store, "a", 3, true);
    CHECK_TEXT(slice_of(text_of(store, 2)), "-");
    store = reopened(store);
    CHECK_TEXT(slice_of(text_of(store, 2)), "-");
    CHECK_INT(added(store, "a", "two", 2), 3);
    done(store);
}

TEST(registry_store_takes_ids_and_versions_that_are_asked_for) {
    Err err[1] = {{0}};
    RegistryStore *store = reopened(NULL);
    StoreOutcome outcome;
    int32_t id, version;
    StoreRegistration what = of(store, "a", "one");
    what.id = 70;
    what.version = 5;
    CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    CHECK(outcome == STORE_DONE && id == 70 && version == 5);
    what = of(store, "a", "two");
    what.id = 70;
    CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    CHECK_INT(outcome, STORE_ID_TAKEN);
    what = of(store, "a", "two");
    what.version = 5; // over the one that is there
    CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    CHECK(outcome == STORE_DONE && id == 71 && version == 5);
    what.text = SLICE("three"); // judged before the last change
    what.fingerprint[0] = 'x';
    CHECK_OK(registry_store_register(store, &what, &outcome, &id, &version, err));
    CHECK_INT(outcome, STORE_STALE);
    store = reopened(store);
    CHECK_TEXT(slice_of(text_of(store, 70)), "-");
    CHECK_TEXT(slice_of(text_of(store, 71)), "two");
    done(store);
}

typedef struct Busy {
    RegistryStore *store;
    int number;
    int failures;
} Busy;

static void *register_many(void *context) {
    Busy *busy = context;
    for (int i = 0; i < 40; i++) {
        Err err[1] = {{0}};
        char subject[32], text[32];
        snprintf(subject, sizeof(subject), "s%d", busy->number * 100 + i);
        snprintf(text, sizeof(text), "shared %d", i);
        StoreRegistration what = of(busy->store, subject, text);
        StoreOutcome outcome;
        int32_t id = 0, version;
        if (!registry_store_register(busy->store, &what, &outcome, &id, &version, err)) {
            busy->failures++;
        } else if (strcmp(text_of(busy->store, id), text) != 0 && busy->failures == 0) {
            test_fail(__FILE__, __LINE__, "id %d is not '%s'", id, text);
        }
    }
    return NULL;
}

TEST(registry_store_commits_together) {
    RegistryStore *store = reopened(NULL);
    pthread_t threads[8];
    Busy busy[8];
    for (int i = 0; i < 8; i++) {
        busy[i] = (Busy){.store = store, .number = i};
        CHECK(pthread_create(&threads[i], NULL, register_many, &busy[i]) == 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(busy[i].failures, 0);
    }
    StoreCounts counts = registry_store_counts(store);
    CHECK(counts.subjects == 320 && counts.schemas == 40 && counts.changes == 360 && counts.commits <= 320);
    store = reopened(store);
    counts = registry_store_counts(store);
    CHECK(counts.subjects == 320 && counts.schemas == 40);
    done(store);
}

// A disk that is full: those who waited are told, and what was not written is not there.
TEST(registry_store_forgets_what_could_not_be_written) {
    Err err[1] = {{0}};
    RegistryStore *store = reopened(NULL);
    CHECK_INT(added(store, "a", "one", 1), 1);
    CHECK_OK(database_run(store->database, "PRAGMA max_page_count = 1", err));
    static char large[100000];
    memset(large, 'x', sizeof(large) - 1);
    StoreRegistration what = of(store, "a", large);
    StoreOutcome outcome;
    int32_t id, version;
    CHECK_FAILS(registry_store_register(store, &what, &outcome, &id, &version, err), ERR_IO_FULL);
    registry_store_lock(store);
    CHECK(registry_store_subject(store, SLICE("a"))->count == 1 && registry_store_schema(store, 2) == NULL);
    registry_store_unlock(store);
    CHECK_OK(database_run(store->database, "PRAGMA max_page_count = 100000", err));
    CHECK_INT(added(store, "a", large, 2), 2);
    CHECK_OK(registry_store_settle(store, err));
    done(store);
}

TEST(registry_store_gives_no_id_twice_after_a_restore) {
    static const int64_t NEW_YEAR = 1767225600, LATER = NEW_YEAR + 30000000;
    Err err[1] = {{0}};
    RegistryStore *store = NULL;
    int32_t next = 0, again = 0;
    CHECK_OK(registry_store_open(path(), &store, err));
    CHECK_INT(added(store, "s", "a", 1), 1);
    registry_store_close(store);
    CHECK_OK(registry_store_restored(path(), 0, &next, err)); // a clock that is wrong
    CHECK_INT(next, 1000002);
    CHECK_OK(registry_store_restored(path(), LATER * 1000000, &next, err));
    CHECK_INT(next, 30000000);
    CHECK_OK(registry_store_restored(path(), (LATER + 5) * 1000000, &again, err));
    CHECK_INT(again, 31000000);
    CHECK_OK(registry_store_open(path(), &store, err));
    CHECK_INT(added(store, "s", "b", 2), 31000000);
    CHECK_TEXT(slice_of(text_of(store, 1)), "a");
    CHECK_INT(added(store, "t", "a", 1), 1); // what is known keeps its id
    registry_store_close(store);
    CHECK_FAILS(registry_store_restored(path(), (NEW_YEAR + INT32_MAX) * 1000000, &next, err), ERR_STATE_CORRUPT);
    CHECK_OK(registry_store_open(path(), &store, err));
    CHECK_INT(added(store, "s", "c", 3), 31000001);
    done(store);
}
