// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/resume.h"

#include "core/base/buf.h"

#include <stdlib.h>

#define RESUME_KEY SLICE("resume")

enum { RESUME_VERSION = 1 };

static uint64_t number_at(const Properties *offset, const char *name) {
    const Property *property = properties_find(offset, slice_of(name));
    char text[24] = "";
    if (property != NULL && property->value.data != NULL && property->value.size < sizeof(text)) {
        memcpy(text, property->value.data, property->value.size);
    }
    return text[0] == '-' ? 0 : strtoull(text, NULL, 10);
}

PgResume pg_resume_of(const Properties *offset) {
    static const char *const CHANGES[] = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};
    const Property *type = properties_find(offset, SLICE("messageType"));
    PgResume resume = {.xid = (uint32_t)number_at(offset, "txId"),
                       .lsn = number_at(offset, "lsn_proc"),
                       .count = MAX(number_at(offset, "lsn_events_processed"), (uint64_t)1)};
    for (size_t i = 0; i < ARRAY_LEN(CHANGES) && type != NULL; i++) {
        resume.armed = resume.armed || slice_is(type->value, CHANGES[i]);
    }
    // Of another LSN than lsn_proc the offset is that of a BEGIN, or of a change that is not wholly sent.
    resume.armed = resume.armed && resume.xid != 0 && resume.lsn != 0 && number_at(offset, "lsn") == resume.lsn;
    return resume;
}

void pg_resume_put(const PgResume *resume, Journal *journal) {
    DEFER(buf_release) Buf record = {0};
    if (resume->armed) {
        buf_u8(&record, RESUME_VERSION);
        buf_varint(&record, resume->xid);
        buf_varint(&record, resume->lsn);
        buf_varint(&record, resume->count);
    }
    journal_state_put(journal, RESUME_KEY, resume->armed ? buf_slice(&record) : (Slice){NULL, 0});
}

PgResume pg_resume_get(Journal *journal) {
    PgResume resume = {0};
    Slice record = journal_state_get(journal, RESUME_KEY);
    Reader reader = reader_of(record);
    if (record.size > 0 && read_u8(&reader) == RESUME_VERSION) {
        resume.armed = true;
        resume.xid = (uint32_t)read_varint(&reader);
        resume.lsn = read_varint(&reader);
        resume.count = read_varint(&reader);
    }
    return reader.bad ? (PgResume){0} : resume;
}

void pg_resume_begin(PgResume *resume, uint32_t xid, Journal *journal) {
    resume->within = resume->armed && resume->xid == xid;
    if (resume->armed) {
        resume->armed = false;
        pg_resume_put(resume, journal);
    }
}

bool pg_resume_sent(PgResume *resume, uint64_t lsn) {
    if (!resume->within || lsn > resume->lsn) {
        return false;
    }
    return lsn < resume->lsn || resume->met++ < resume->count;
}

bool pg_resume_before(const PgResume *resume, uint64_t lsn) {
    return resume->within && lsn < resume->lsn;
}
