// SPDX-License-Identifier: Apache-2.0
// What a registry keeps, in memory: found by id, by fingerprint and by name.
#include "engine/state/registry_room.h"

// Where a subject of that name, which is not there, belongs.
static size_t order_place(const RegistryStore *store, Slice name) {
    size_t low = 0, high = store->order_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_compare(store->order[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

KeptSubject *registry_memory_subject(RegistryStore *store, Slice name) {
    KeptSubject *subject = map_find(&store->by_subject, name);
    if (subject != NULL) {
        return subject;
    }
    subject = ARENA_NEW(store->arena, KeptSubject);
    *subject = (KeptSubject){.name = arena_slice(store->arena, name), .normalize = -1};
    map_put(&store->by_subject, subject->name, subject);
    if (store->order_count == store->order_capacity) {
        size_t capacity = MAX(2 * store->order_capacity, (size_t)64);
        KeptSubject **order = ARENA_ARRAY(store->arena, KeptSubject *, capacity);
        if (store->order_count > 0) {
            memcpy(order, store->order, store->order_count * sizeof(KeptSubject *));
        }
        store->order = order;
        store->order_capacity = capacity;
    }
    size_t at = order_place(store, name);
    memmove(store->order + at + 1, store->order + at, (store->order_count - at) * sizeof(KeptSubject *));
    store->order[at] = subject;
    store->order_count++;
    return subject;
}

KeptSchema *registry_memory_schema(RegistryStore *store, const StoreRegistration *what, int32_t id) {
    KeptSchema *schema = ARENA_NEW(store->arena, KeptSchema);
    KeptReference *references = ARENA_ARRAY(store->arena, KeptReference, what->reference_count);
    for (size_t i = 0; i < what->reference_count; i++) {
        references[i] =
            (KeptReference){arena_slice(store->arena, what->references[i].name),
                            arena_slice(store->arena, what->references[i].subject), what->references[i].version};
    }
    *schema = (KeptSchema){.id = id,
                           .type = arena_slice(store->arena, what->type),
                           .text = arena_slice(store->arena, what->text),
                           .references = references,
                           .reference_count = what->reference_count};
    memcpy(schema->fingerprint, what->fingerprint, sizeof(schema->fingerprint));
    map_put_u64(&store->by_id, (uint64_t)id, schema);
    Slice fingerprint = {schema->fingerprint, sizeof(schema->fingerprint)};
    if (map_find(&store->by_fingerprint, fingerprint) == NULL) {
        map_put(&store->by_fingerprint, fingerprint, schema);
    }
    store->next_id = MAX(store->next_id, id + 1);
    store->max_id = MAX(store->max_id, id);
    return schema;
}

StoreRegistration registry_memory_registration(const KeptSchema *schema) {
    StoreRegistration what = {.type = schema->type,
                              .text = schema->text,
                              .references = schema->references,
                              .reference_count = schema->reference_count};
    memcpy(what.fingerprint, schema->fingerprint, sizeof(what.fingerprint));
    return what;
}

KeptVersion *registry_memory_version(RegistryStore *store, KeptSubject *subject, KeptSchema *schema, int32_t number) {
    KeptVersion *version = ARENA_NEW(store->arena, KeptVersion);
    *version =
        (KeptVersion){.subject = subject, .schema = schema, .version = number, .next_of_schema = schema->versions};
    schema->versions = version;
    if (subject->count == subject->capacity) {
        size_t capacity = MAX(2 * subject->capacity, (size_t)4);
        KeptVersion **versions = ARENA_ARRAY(store->arena, KeptVersion *, capacity);
        if (subject->count > 0) {
            memcpy(versions, subject->versions, subject->count * sizeof(KeptVersion *));
        }
        subject->versions = versions;
        subject->capacity = capacity;
    }
    size_t at = subject->count;
    while (at > 0 && subject->versions[at - 1]->version > number) {
        subject->versions[at] = subject->versions[at - 1];
        at--;
    }
    subject->versions[at] = version;
    subject->count++;
    return version;
}

void registry_memory_unschema(RegistryStore *store, KeptSchema *schema) {
    Slice fingerprint = {schema->fingerprint, sizeof(schema->fingerprint)};
    map_remove_u64(&store->by_id, (uint64_t)schema->id);
    if (map_find(&store->by_fingerprint, fingerprint) == schema) {
        map_remove(&store->by_fingerprint, fingerprint);
    }
    store->garbage += schema->text.size + sizeof(*schema);
}

// Takes a version out of its subject and schema; true when nobody uses the schema any more.
bool registry_memory_unversion(RegistryStore *store, KeptSubject *subject, size_t at) {
    KeptVersion *version = subject->versions[at];
    KeptVersion **link = &version->schema->versions;
    while (*link != version) {
        link = &(*link)->next_of_schema;
    }
    *link = version->next_of_schema;
    subject->count--;
    memmove(subject->versions + at, subject->versions + at + 1, (subject->count - at) * sizeof(KeptVersion *));
    store->garbage += sizeof(*version);
    return version->schema->versions == NULL;
}

void registry_memory_forget(RegistryStore *store) {
    map_release(&store->by_id);
    map_release(&store->by_fingerprint);
    map_release(&store->by_subject);
    arena_release(store->arena);
    arena_init(store->arena, "registry", 0);
    store->global = (KeptSubject){.normalize = -1};
    store->order = NULL;
    store->order_count = store->order_capacity = store->garbage = 0;
    store->next_id = 1;
    store->max_id = 0;
}
