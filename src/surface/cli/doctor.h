// SPDX-License-Identifier: Apache-2.0
// Findings of leat doctor: what was looked at, how it stands, and what to do. Nothing is changed on either side.
#ifndef LEAT_SURFACE_CLI_DOCTOR_H
#define LEAT_SURFACE_CLI_DOCTOR_H

#include "core/base/arena.h"
#include "flow/source/postgres/catalog.h"

typedef enum FindingLevel { FINDING_OK, FINDING_WARN, FINDING_PROBLEM } FindingLevel;

typedef struct Doctor {
    Arena *arena;
    bool json, color;
    bool has_publication; // a DBA's: leat makes none
    int counts[3];        // by level
} Doctor;

// Says it at once. `remedy` is SQL ready to paste, or a sentence; NULL when there is nothing to do.
void finding(Doctor *doctor, FindingLevel level, const char *check, const char *remedy, const char *format, ...)
    PRINTF_LIKE(5, 6);
// An error as a finding: its hint is the remedy. Clears it.
void finding_err(Doctor *doctor, const char *check, Err *err);

// Everything about a source; false when it cannot be reached (which is a finding too).
bool doctor_source(Doctor *doctor, const char *url, const char *tables, const char *exclude);
// Server-wide: version, settings, role, slots, transactions.
void doctor_server(Doctor *doctor, PgConn *sql, const PgServer *server);
// Per table: identity, permissions, row security, TOAST.
void doctor_tables(Doctor *doctor, PgConn *sql, const PgServer *server, const char *tables, const char *exclude);

#endif
