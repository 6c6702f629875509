// SPDX-License-Identifier: Apache-2.0
// Who changed what: one row in DATA/control.db for every request that may change something, with the status that it
// was answered. Rows are written in groups, a fifth of a second after the answer at most; the newest 100,000 are kept.
//
//     audit(id, time_ms, actor, role, method, path, status)
//
// GET /admin/audit (admins) shows the newest.
#ifndef LEAT_SURFACE_API_AUDIT_H
#define LEAT_SURFACE_API_AUDIT_H

#include "surface/api/front.h"

CHECKED bool audit_open(const char *data_directory, Audit **audit, Err *err);
void audit_close(Audit *audit); // writes what waits; NULL is fine
// Waits when very many are not yet written.
void audit_add(Audit *audit, const char *actor, ApiRole role, const char *method, Slice path, int status);
uint64_t audit_lost(const Audit *audit); // could not be written; each failure is in the log too

CHECKED bool audit_surface(Front *front, ApiSurface *surface, Err *err);

#endif
