// SPDX-License-Identifier: Apache-2.0
// The tables of DATA/registry.db and the statements that change them. For registry_file.c alone.
#ifndef LEAT_ENGINE_STATE_REGISTRY_SQL_H
#define LEAT_ENGINE_STATE_REGISTRY_SQL_H

static const char *const MIGRATIONS[] = {
    "CREATE TABLE schemas (id INTEGER PRIMARY KEY, type TEXT NOT NULL, text TEXT NOT NULL, fingerprint TEXT NOT NULL);"
    "CREATE TABLE schema_references (id INTEGER NOT NULL REFERENCES schemas(id) ON DELETE CASCADE, place INTEGER NOT "
    "NULL,"
    " name TEXT NOT NULL, subject TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (id, place)) WITHOUT ROWID;"
    "CREATE TABLE versions (subject TEXT NOT NULL, version INTEGER NOT NULL, id INTEGER NOT NULL REFERENCES "
    "schemas(id),"
    " deleted INTEGER NOT NULL, PRIMARY KEY (subject, version)) WITHOUT ROWID;"
    "CREATE INDEX versions_by_id ON versions (id);"
    // '' is what holds for all.
    "CREATE TABLE settings (subject TEXT PRIMARY KEY, level TEXT, normalize INTEGER, mode TEXT) WITHOUT ROWID;"
    // The next id: ids are not used again, whatever is removed.
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO counters VALUES ('next_id', 1);",
};

typedef enum Statement {
    PUT_SCHEMA,
    PUT_REFERENCE,
    PUT_VERSION,
    REMOVE_VERSION,
    REMOVE_SCHEMA,
    PUT_SETTINGS,
    REMOVE_SETTINGS,
    PUT_COUNTER,
    FIND_SCHEMA,
    REMOVE_UNUSED,
    DELETE_SOFTLY,
    PUT_LEVEL,
    PUT_MODE,
    REMOVE_EMPTY_SETTINGS,
    RAISE_COUNTER,
    STATEMENTS,
} Statement;

static const char *const SQL[STATEMENTS] = {
    [PUT_SCHEMA] = "INSERT INTO schemas (id, type, text, fingerprint) VALUES (?1, ?2, ?3, ?4)",
    [PUT_REFERENCE] = "INSERT INTO schema_references (id, place, name, subject, version) VALUES (?1, ?2, ?3, ?4, ?5)",
    [PUT_VERSION] = ("INSERT INTO versions (subject, version, id, deleted) VALUES (?1, ?2, ?3, ?4) "
                     "ON CONFLICT (subject, version) DO UPDATE SET id = excluded.id, deleted = excluded.deleted"),
    [REMOVE_VERSION] = "DELETE FROM versions WHERE subject = ?1 AND version = ?2",
    [REMOVE_SCHEMA] = "DELETE FROM schemas WHERE id = ?1",
    [PUT_SETTINGS] = "INSERT OR REPLACE INTO settings (subject, level, normalize, mode) VALUES (?1, ?2, ?3, ?4)",
    [REMOVE_SETTINGS] = "DELETE FROM settings WHERE subject = ?1",
    [PUT_COUNTER] = "UPDATE counters SET value = ?1 WHERE name = 'next_id'",
    [FIND_SCHEMA] = "SELECT fingerprint FROM schemas WHERE id = ?1",
    [REMOVE_UNUSED] = "DELETE FROM schemas WHERE NOT EXISTS (SELECT 1 FROM versions WHERE versions.id = schemas.id)",
    [DELETE_SOFTLY] = "UPDATE versions SET deleted = 1 WHERE subject = ?1 AND version <= ?2",
    [PUT_LEVEL] = ("INSERT INTO settings (subject, level, normalize) VALUES (?1, ?2, ?3) "
                   "ON CONFLICT (subject) DO UPDATE SET level = excluded.level, normalize = excluded.normalize"),
    [PUT_MODE] = ("INSERT INTO settings (subject, mode) VALUES (?1, ?2) "
                  "ON CONFLICT (subject) DO UPDATE SET mode = excluded.mode"),
    [REMOVE_EMPTY_SETTINGS] = "DELETE FROM settings WHERE level IS NULL AND normalize IS NULL AND mode IS NULL",
    [RAISE_COUNTER] = "UPDATE counters SET value = max(value, ?1) WHERE name = 'next_id'",
};

#endif
