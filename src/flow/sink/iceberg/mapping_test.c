// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/mapping.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

enum { COLUMNS_MAX = 8 };

typedef struct Source {
    Column columns[COLUMNS_MAX];
    Schema schema;
} Source;

// Columns of text, the first one the key; `numbers` one each, 0 = not known.
static void source(Source *source, const char *const *names, const uint32_t *numbers) {
    *source = (Source){.schema = {.space = SLICE("s"), .table = SLICE("t"), .columns = source->columns}};
    for (uint32_t i = 0; names[i] != NULL; i++) {
        source->columns[i] = (Column){.name = slice_of(names[i]),
                                      .type = {.kind = i == 0 ? TYPE_INT64 : TYPE_STRING},
                                      .flags = numbers[i] << COLUMN_NUMBER_SHIFT};
        source->schema.column_count = i + 1;
    }
    source->columns[0].flags |= COLUMN_KEY | COLUMN_PRIMARY;
    source->columns[0].key_ordinal = 1;
}

static Mapping map(const Source *from, const Mapping *before, Slice numbers, bool soft) {
    Mapping mapping;
    MappingOptions how = {.suffix = true, .soft = soft, .format_version = 2, .numbers = numbers};
    CHECK_OK(mapping_make(arena, &from->schema, before != NULL ? &before->schema : NULL,
                          before != NULL ? before->last_column_id : 0, &how, &mapping, err));
    return mapping;
}

static const char *names_of(const Mapping *mapping) {
    const char *all = "";
    for (uint32_t i = 0; i < mapping->schema.shape->field_count; i++) {
        all = arena_printf(arena, "%s%s%.*s", all, i > 0 ? "," : "", SLICE_ARG(mapping->schema.shape->fields[i].name));
    }
    return all;
}

#define NAMES(...)                   ((const char *const[]){__VA_ARGS__, NULL})
#define NUMBERS(...)                 ((const uint32_t[]){__VA_ARGS__, 0})
#define CHECK_NAMES(mapping, wanted) CHECK_TEXT(slice_of(names_of(&(mapping))), wanted)

TEST(mapping_renames_by_the_numbers_of_columns) {
    Source was, is;
    arena_init(arena, "test", 0);
    source(&was, NAMES("id", "a", "b"), NUMBERS(1, 2, 3));
    Mapping first = map(&was, NULL, (Slice){0}, false);
    Slice numbers = mapping_numbers(&first, &was.schema, (Slice){0}, arena);
    CHECK_TEXT(numbers, "1=1,2=2,3=3");
    source(&is, NAMES("id", "new", "b"), NUMBERS(1, 2, 3));
    Mapping second = map(&is, &first, numbers, false);
    CHECK_NAMES(second, "id,new,b");
    CHECK_INT(second.schema.shape->fields[1].shape.id, 2);
    CHECK_TEXT(mapping_numbers(&second, &is.schema, numbers, arena), "1=1,2=2,3=3");
    Mapping unknown = map(&is, &first, (Slice){0}, false); // nothing tells of it: dropped, and another one made
    CHECK_NAMES(unknown, "id,a,b,new");
    CHECK_INT(unknown.from[1], -1);
    arena_release(arena);
}

TEST(mapping_numbers_are_kept_where_the_source_has_none) {
    Source was, is;
    arena_init(arena, "test", 0);
    source(&was, NAMES("id", "a"), NUMBERS(1, 2));
    Mapping first = map(&was, NULL, (Slice){0}, false);
    char metadata[] = "1=1,2=2"; // which is read anew with each commit
    source(&is, NAMES("id", "a"), NUMBERS(0, 0));
    Slice numbers = mapping_numbers(&first, &is.schema, slice_of(metadata), arena);
    memset(metadata, 0, sizeof(metadata));
    CHECK_TEXT(numbers, "1=1,2=2");
    arena_release(arena);
}

TEST(mapping_tells_a_column_made_again_from_a_renamed_one) {
    Source was, is;
    arena_init(arena, "test", 0);
    source(&was, NAMES("id", "a", "b"), NUMBERS(1, 2, 3));
    Mapping first = map(&was, NULL, (Slice){0}, false);
    Slice numbers = mapping_numbers(&first, &was.schema, (Slice){0}, arena);
    source(&is, NAMES("id", "b", "a"), NUMBERS(1, 3, 4)); // a was dropped and made again
    Mapping second = map(&is, &first, numbers, false);
    CHECK_NAMES(second, "id,a__dropped,b,a");
    CHECK_INT(second.schema.shape->fields[3].shape.id, 4);
    CHECK_INT(second.from[1], -1);
    source(&is, NAMES("id", "b"), NUMBERS(1, 2)); // b was dropped, and a renamed to it
    Mapping third = map(&is, &first, numbers, false);
    CHECK_INT(third.from[1] >= 0 ? third.from[1] : third.from[2], 1);
    CHECK_INT(third.schema.shape->field_count, 3);
    arena_release(arena);
}

TEST(mapping_names_that_readers_have_for_themselves) {
    Source is;
    arena_init(arena, "test", 0);
    source(&is, NAMES("id", "_file", "_Row_Id", "__file", "_change_type", "ID", "select"),
           NUMBERS(1, 2, 3, 4, 5, 6, 7));
    Mapping mapping = map(&is, NULL, (Slice){0}, false);
    CHECK_NAMES(mapping, "id,___file,__Row_Id,__file,__change_type,ID_2,select");
    Mapping again = map(&is, &mapping, (Slice){0}, false);
    CHECK(!again.changed);
    source(&is, NAMES("id", "_deleted", "__deleted"), NUMBERS(1, 2, 3)); // one of Iceberg's, one of leat's
    Mapping soft = map(&is, NULL, (Slice){0}, true);
    CHECK_NAMES(soft, "id,____deleted,___deleted,__deleted,__deleted_at");
    CHECK_INT(soft.deleted, 3);
    arena_release(arena);
}
