// SPDX-License-Identifier: Apache-2.0
#include "surface/api/audit.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/thread.h"
#include "core/database/database.h"
#include "surface/api/security.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    ROWS_MAX = 100 * 1000,
    QUEUE_MAX = 4096,
    GROUP_MS = 200,
    PATH_BYTES_MAX = 1024,
    SHOWN_DEFAULT = 100,
    SHOWN_MAX = 1000,
};

typedef struct Row Row;
struct Row {
    int64_t time_ms;
    Slice actor, path;
    const char *role;
    const char *method;
    int status;
    Row *next;
};

struct Audit {
    Database *database;
    DatabaseStatement *insert, *trim;
    pthread_mutex_t mutex; // of what waits
    pthread_cond_t come, written;
    Arena waiting, writing; // the rows that wait, and those that are being written
    Row *first, **last;
    size_t count;
    bool closing;
    bool started; // of who opened it
    pthread_t writer;
    _Atomic uint64_t lost;
};

static const char *const VERSIONS[] = {
    "CREATE TABLE audit (id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, "
    "method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL)",
};

static bool write_rows(Audit *audit, const Row *rows, Err *err) {
    TRY(database_run(audit->database, "BEGIN", err));
    for (; rows != NULL; rows = rows->next) {
        database_bind_int(audit->insert, 1, rows->time_ms);
        database_bind_text(audit->insert, 2, rows->actor);
        database_bind_text(audit->insert, 3, slice_of(rows->role));
        database_bind_text(audit->insert, 4, slice_of(rows->method));
        database_bind_text(audit->insert, 5, rows->path);
        database_bind_int(audit->insert, 6, rows->status);
        TRY(database_execute(audit->insert, err));
    }
    database_bind_int(audit->trim, 1, ROWS_MAX);
    TRY(database_execute(audit->trim, err));
    return database_run(audit->database, "COMMIT", err);
}

static void write_group(Audit *audit, const Row *rows, size_t count) {
    Err err[1] = {{0}};
    database_lock(audit->database);
    if (!write_rows(audit, rows, err)) {
        database_rollback(audit->database);
        atomic_fetch_add(&audit->lost, count);
        log_err(LOG_API, "the audit cannot be written", err);
    }
    database_unlock(audit->database);
}

static void *write_loop(void *context) {
    Audit *audit = context;
    pthread_mutex_lock(&audit->mutex);
    while (!audit->closing || audit->first != NULL) {
        struct timespec until = thread_until(GROUP_MS * INT64_C(1000));
        if (!audit->closing) {
            (void)pthread_cond_timedwait(&audit->come, &audit->mutex, &until);
        }
        const Row *rows = audit->first;
        size_t count = audit->count;
        if (rows == NULL) {
            continue;
        }
        Arena taken = audit->waiting;
        audit->waiting = audit->writing;
        audit->writing = taken;
        audit->first = NULL;
        audit->last = &audit->first;
        audit->count = 0;
        pthread_cond_broadcast(&audit->written);
        pthread_mutex_unlock(&audit->mutex);
        write_group(audit, rows, count);
        arena_reset(&audit->writing);
        pthread_mutex_lock(&audit->mutex);
    }
    pthread_mutex_unlock(&audit->mutex);
    return NULL;
}

static bool open_tables(Audit *audit, const char *data_directory, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    TRY(file_make_directories(data_directory, err));
    TRY(database_open(arena_printf(&scratch, "%s/control.db", data_directory),
                      &(DatabaseOptions){VERSIONS, ARRAY_LEN(VERSIONS), false}, &audit->database, err));
    TRY(database_prepare(audit->database,
                         "INSERT INTO audit (time_ms, actor, role, method, path, status) VALUES (?, ?, ?, ?, ?, ?)",
                         &audit->insert, err));
    return database_prepare(audit->database, "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?",
                            &audit->trim, err);
}

bool audit_open(const char *data_directory, Audit **opened, Err *err) {
    Audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for the audit");
    }
    pthread_mutex_init(&audit->mutex, NULL);
    thread_cond_init(&audit->come);
    pthread_cond_init(&audit->written, NULL);
    arena_init(&audit->waiting, "audit", 0);
    arena_init(&audit->writing, "audit", 0);
    audit->last = &audit->first;
    bool good = open_tables(audit, data_directory, err);
    if (good) {
        int code = pthread_create(&audit->writer, NULL, write_loop, audit);
        audit->started = code == 0;
        good = code == 0 ? true : FAIL(err, ERR_IO_FAILED, "no thread for the audit: %s", strerror(code));
    }
    if (!good) {
        audit_close(audit);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = audit;
    return true;
}

void audit_close(Audit *audit) {
    if (audit == NULL) {
        return;
    }
    if (audit->started) {
        pthread_mutex_lock(&audit->mutex);
        audit->closing = true;
        pthread_cond_signal(&audit->come);
        pthread_mutex_unlock(&audit->mutex);
        pthread_join(audit->writer, NULL);
    }
    database_finish(audit->insert);
    database_finish(audit->trim);
    database_close(audit->database);
    arena_release(&audit->waiting);
    arena_release(&audit->writing);
    pthread_mutex_destroy(&audit->mutex);
    pthread_cond_destroy(&audit->come);
    pthread_cond_destroy(&audit->written);
    free(audit);
}

static const char *method_name(const char *method) {
    static const char *const known[] = {"POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(method, known[i]) == 0) {
            return known[i];
        }
    }
    return "other";
}

void audit_add(Audit *audit, const char *actor, ApiRole role, const char *method, Slice path, int status) {
    pthread_mutex_lock(&audit->mutex);
    while (audit->count >= QUEUE_MAX && !audit->closing) {
        pthread_cond_signal(&audit->come);
        pthread_cond_wait(&audit->written, &audit->mutex);
    }
    Row *row = ARENA_NEW(&audit->waiting, Row);
    *row = (Row){.time_ms = clock_wall_us() / 1000,
                 .actor = arena_slice(&audit->waiting, slice_of(actor)),
                 .path = arena_slice(&audit->waiting, (Slice){path.data, MIN(path.size, (size_t)PATH_BYTES_MAX)}),
                 .role = security_role_name(role),
                 .method = method_name(method),
                 .status = status};
    *audit->last = row;
    audit->last = &row->next;
    audit->count++;
    pthread_mutex_unlock(&audit->mutex);
}

uint64_t audit_lost(const Audit *audit) {
    return atomic_load(&audit->lost);
}

// ---- GET /admin/audit

static bool rows_json(Database *database, int64_t limit, Buf *out, Err *err) {
    DatabaseStatement *select = NULL;
    TRY(database_prepare(database,
                         "SELECT id, time_ms, actor, role, method, path, status FROM audit ORDER BY id DESC LIMIT ?",
                         &select, err));
    database_bind_int(select, 1, limit);
    bool row = true, good = true;
    for (bool first = true; good && row; first = false) {
        good = database_step(select, &row, err);
        if (!good || !row) {
            break;
        }
        buf_text(out, first ? "{" : ",{");
        json_field_int(out, "id", database_int(select, 0));
        json_field_int(out, "time_ms", database_int(select, 1));
        const char *const names[] = {"actor", "role", "method", "path"};
        for (int i = 0; i < 4; i++) {
            json_key(out, names[i]);
            json_quote(out, database_text(select, i + 2));
        }
        json_field_int(out, "status", database_int(select, 6));
        buf_u8(out, '}');
    }
    database_finish(select);
    return good;
}

static void show(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Audit *audit = front_audit(context);
    int64_t limit = SHOWN_DEFAULT;
    Slice asked = api_query(request, "limit");
    if (asked.data != NULL) {
        limit = strtoll(arena_text(request->arena, asked), NULL, 10);
        limit = limit < 1 ? 1 : MIN(limit, SHOWN_MAX);
    }
    Err err[1] = {{0}};
    buf_u8(&answer->body, '[');
    database_lock(audit->database);
    bool good = rows_json(audit->database, limit, &answer->body, err);
    database_unlock(audit->database);
    buf_u8(&answer->body, ']');
    if (!good) {
        api_error(answer, 500, "%s", err->message);
    }
}

static const ApiRoute ROUTES[] = {
    {.method = "GET",
     .pattern = "/admin/audit",
     .role = ROLE_ADMIN,
     .handler = show,
     .summary = "The newest changes: who, what, when, with what outcome (?limit=, at most 1000)",
     .answer_schema =
         "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},"
         "\"time_ms\":{\"type\":\"integer\"},\"actor\":{\"type\":\"string\"},\"role\":{\"type\":"
         "\"string\"},\"method\":{\"type\":\"string\"},\"path\":{\"type\":\"string\"},\"status\":{"
         "\"type\":\"integer\"}}}}"},
};

bool audit_surface(Front *front, ApiSurface *surface, Err *err) {
    *surface = (ApiSurface){.name = "Audit",
                            .routes = ROUTES,
                            .route_count = ARRAY_LEN(ROUTES),
                            .context = front,
                            .produces = "application/json"};
    return true;
}
