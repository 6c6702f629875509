// SPDX-License-Identifier: Apache-2.0
// Prints the keys of Debezium's PostgreSQL connector from their definitions, as the table of
// docs/reference/debezium-postgresql.md. tests/integration/test_golden_records.py compares.
#include "data/connect/plugin_tables.h"

#include <stdio.h>

// In a cell of Markdown a bar ends the cell.
static void put(const char *text) {
    for (; *text != '\0'; text++) {
        fputs(*text == '|' ? "\\|" : (char[]){*text, '\0'}, stdout);
    }
}

static void put_code(const char *text) {
    if (text != NULL && *text != '\0') {
        putchar('`');
        put(text);
        putchar('`');
    }
}

static void put_effect(const Definition *row) {
    if (row->effect == EFFECT_HONOURED) {
        fputs("honoured", stdout);
        return;
    }
    fputs(row->effect == EFFECT_NONE ? "no effect: " : "refused: ", stdout);
    put(row->note != NULL ? row->note : "");
}

int main(void) {
    printf("| key | default | values | leat | what it says |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < POSTGRES_DEFINITIONS_COUNT; i++) {
        const Definition *row = &POSTGRES_DEFINITIONS[i];
        if (row->alias_of != NULL) {
            continue;
        }
        fputs("| ", stdout);
        put_code(row->name);
        fputs(" | ", stdout);
        put_code(row->default_value);
        fputs(" | ", stdout);
        put_code(row->choices);
        fputs(" | ", stdout);
        put_effect(row);
        fputs(" | ", stdout);
        put(row->documentation != NULL ? row->documentation : "");
        fputs(" |\n", stdout);
    }
    printf("\n| old name | today |\n|---|---|\n");
    for (size_t i = 0; i < POSTGRES_DEFINITIONS_COUNT; i++) {
        if (POSTGRES_DEFINITIONS[i].alias_of != NULL) {
            printf("| `%s` | `%s` |\n", POSTGRES_DEFINITIONS[i].name, POSTGRES_DEFINITIONS[i].alias_of);
        }
    }
    return 0;
}
