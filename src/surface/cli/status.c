// SPDX-License-Identifier: Apache-2.0
// leat status: from the pipeline's folder (lock, status.json, journal), and the slot as the source sees it when that
// answers soon.
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "flow/pipeline/source_url.h"
#include "flow/source/postgres/slot.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/status_file.h"

typedef struct Standing {
    PipelineConfig config;
    int pid; // 0 = not running
    StatusFile file;
    bool journal_known;
    JournalLook journal;
    const char *journal_trouble; // why not; NULL: there is none yet
    const char *slot_name;
    bool slot_known;
    PgSlot slot;
    const char *slot_trouble; // why not
} Standing;

static void slot_ask(const Cli *cli, Standing *standing) {
    PgConn sql = {0};
    Err err[1] = {{0}};
    if (pg_conn_open(&sql, standing->config.source_url, PG_CONN_SQL, err) &&
        pg_slot_read(&sql, standing->slot_name, &standing->slot, err)) {
        standing->slot_known = true;
    } else {
        cli_stored_url_hint(err);
        standing->slot_trouble = err->code == ERR_SOURCE_AUTH
                                     ? arena_printf(cli->arena, "%s (%s)", err->message, err->hint)
                                     : arena_printf(cli->arena, "%s", err->message);
    }
    pg_conn_close(&sql);
}

static bool standing_read(const Cli *cli, const char *name, Standing *standing, Err *err) {
    Err trouble[1] = {{0}};
    *standing = (Standing){0};
    TRY(cli_pipeline_load(cli, name, &standing->config, err));
    const PipelineConfig *config = &standing->config;
    if (cli_pipeline_running(cli, config, &standing->pid) && standing->pid == 0) {
        standing->pid = -1; // running, by whom is not written yet
    }
    TRY(status_file_read(config->directory, cli->arena, &standing->file, err));
    const char *journal = arena_printf(cli->arena, "%s/journal", config->directory);
    standing->journal_known = journal_look(journal, &standing->journal, NULL, NULL, NULL, trouble);
    if (!standing->journal_known && trouble->code != ERR_NOT_FOUND) {
        standing->journal_trouble = arena_printf(cli->arena, "%s", trouble->message);
    }
    standing->slot_name =
        config->options.slot[0] != '\0' ? config->options.slot : arena_printf(cli->arena, "leat_%s", config->name);
    if (!cli_has(cli, "offline")) {
        slot_ask(cli, standing);
    }
    return true;
}

// --- json ------------------------------------------------------------------------------------------------------

static void slot_json(Buf *out, const Standing *standing) {
    const PgSlot *slot = &standing->slot;
    json_key(out, "slot");
    buf_u8(out, '{');
    json_field_text(out, "name", standing->slot_name);
    if (standing->slot_known) {
        json_field_bool(out, "exists", slot->exists);
    } else if (standing->slot_trouble != NULL) {
        json_field_text(out, "unknown", standing->slot_trouble);
    }
    if (slot->exists) {
        json_field_bool(out, "active", slot->active);
        json_field_text(out, "wal_status", slot->wal_status);
        json_field_int(out, "retained_bytes", slot->retained_bytes);
        json_field_int(out, "safe_bytes", slot->safe_bytes);
        json_field_lsn(out, "confirmed_flush_lsn", slot->confirmed_flush_lsn);
    }
    buf_u8(out, '}');
}

static void standing_json(Buf *out, const Standing *standing, Arena *arena) {
    bool removed;
    const PipelineConfig *config = &standing->config;
    buf_u8(out, '{');
    json_field_text(out, "pipeline", config->name);
    json_field_bool(out, "running", standing->pid != 0);
    if (standing->pid > 0) {
        json_field_int(out, "pid", standing->pid);
    }
    json_field_text(out, "source", source_url_stored(arena, config->source_url, &removed));
    json_field_text(out, "sink", config->sink_url);
    json_field_text(out, "format", config->format);
    json_field_text(out, "directory", config->directory);
    slot_json(out, standing);
    if (standing->journal_known) {
        const JournalInfo *info = &standing->journal.info;
        json_key(out, "journal");
        buf_u8(out, '{');
        json_field_uint(out, "epoch", info->epoch);
        json_field_uint(out, "begin", info->begin);
        json_field_uint(out, "end", info->end);
        json_field_uint(out, "cut_ms", info->cut_ms);
        json_field_uint(out, "topics", standing->journal.topic_count);
        buf_u8(out, '}');
    } else if (standing->journal_trouble != NULL) {
        json_field_text(out, "journal_trouble", standing->journal_trouble);
    }
    json_key(out, "report");
    buf_text(out, standing->file.present ? standing->file.json : "null");
    json_key(out, "verify");
    buf_text(out, standing->file.verify != NULL ? standing->file.verify : "null");
    buf_text(out, "}\n");
}

// --- text ------------------------------------------------------------------------------------------------------

static const char *running_text(const Standing *standing, Arena *arena) {
    if (standing->pid == 0) {
        return standing->file.present ? "stopped" : "never run";
    }
    return standing->pid > 0 ? arena_printf(arena, "%s, pid %d", standing->file.phase, standing->pid) : "running";
}

static void slot_text(Buf *out, const Standing *standing) {
    const PgSlot *slot = &standing->slot;
    buf_printf(out, "  slot      %s: ", standing->slot_name);
    if (!standing->slot_known) {
        text_plain(out, slice_of(standing->slot_trouble != NULL ? standing->slot_trouble : "not asked"));
    } else if (!slot->exists) {
        buf_text(out, "not on the source");
    } else {
        buf_text(out, slot->active ? "active, keeps " : "not in use, keeps ");
        text_bytes(out, (double)slot->retained_bytes);
        buf_text(out, " of WAL");
        if (slot->safe_bytes >= 0) {
            buf_text(out, ", lost after ");
            text_bytes(out, (double)slot->safe_bytes);
            buf_text(out, " more");
        } else {
            buf_text(out, ", no cap");
        }
        if (slot->wal_status[0] != '\0' && strcmp(slot->wal_status, "reserved") != 0) {
            buf_printf(out, " (%s)", slot->wal_status);
        }
    }
    buf_u8(out, '\n');
}

static void requests_text(Buf *out, const StatusFile *file) {
    if (file->sink_requests == 0) {
        return;
    }
    buf_text(out, "  requests  ");
    text_count(out, (double)file->sink_requests);
    buf_text(out, " by the last run");
    if (file->sink_commits > 0) {
        buf_printf(out, ", %.1f a commit", (double)file->sink_requests / (double)file->sink_commits);
    }
    if (file->month_requests_usd >= 0) {
        buf_printf(out, "; at that rate about $%.2f a month, and $%.2f for keeping what a month adds (S3 list prices)",
                   file->month_requests_usd, file->month_storage_usd);
    }
    buf_u8(out, '\n');
}

static void journal_text(Buf *out, const Standing *standing) {
    const StatusFile *file = &standing->file;
    if (standing->journal_known) {
        const JournalInfo *info = &standing->journal.info;
        buf_text(out, "  journal   ");
        text_bytes(out, (double)(info->end - info->begin));
        buf_printf(out, ", %" PRIu64 " topics, epoch %" PRIu64 "\n", standing->journal.topic_count, info->epoch);
    } else if (standing->journal_trouble != NULL) {
        buf_text(out, "  journal   ");
        text_plain(out, slice_of(standing->journal_trouble));
        buf_u8(out, '\n');
    }
    if (!file->present) {
        return;
    }
    buf_printf(out, "  position  %s", file->durable_lsn);
    if (standing->pid != 0) {
        buf_text(out, ", ");
        text_bytes(out, (double)MAX(file->lag_bytes, 0));
        buf_text(out, " behind");
    }
    if (file->trouble != NULL) {
        buf_text(out, "; ");
        text_plain(out, slice_of(file->trouble));
    }
    buf_text(out, "\n  files     ");
    text_count(out, (double)file->sink_files);
    buf_text(out, ", ");
    text_bytes(out, (double)file->sink_bytes);
    buf_text(out, " by the last run; ");
    text_bytes(out, (double)file->sink_behind_bytes);
    buf_text(out, " of the journal to publish\n");
    if (file->sink_trouble != NULL && standing->pid != 0) {
        buf_text(out, "  sink      cannot go on: ");
        text_plain(out, slice_of(file->sink_trouble));
        if (file->sink_tries > 0) {
            buf_printf(out, "; %" PRId64 " tries in ", file->sink_tries);
            text_duration(out, file->sink_away_ms);
        }
        buf_u8(out, '\n');
    }
    if (file->retention_of != NULL && standing->pid != 0) {
        buf_text(out, "  retention ");
        text_plain(out, slice_of(file->retention_of));
        buf_printf(out, ": what is needed next has used up %.0f %% of it\n", file->retention_share * 100);
    }
    requests_text(out, file);
    buf_text(out, "  reported  ");
    text_duration(out, MAX(clock_wall_us() / 1000 - file->time_ms, 0));
    buf_text(out, " ago\n");
    if (file->dead_letters > 0) {
        buf_printf(out, "  dead letters  %" PRId64 "\n", file->dead_letters);
    }
}

static void verified_text(Buf *out, const StatusFile *file) {
    if (file->verified == NULL) {
        return;
    }
    buf_text(out, "  verified  ");
    text_duration(out, MAX(clock_wall_us() / 1000 - file->verified_ms, 0));
    buf_text(out, " ago: ");
    text_plain(out, slice_of(strcmp(file->verified, "not_compared") == 0 ? "not compared" : file->verified));
    if (file->verify_differ > 0) {
        buf_printf(out, "; %" PRId64 " tables differ", file->verify_differ);
    }
    if (file->verify_not_compared > 0) {
        buf_printf(out, "; %" PRId64 " could not be compared", file->verify_not_compared);
    }
    if (file->verify_why != NULL) {
        buf_text(out, ": ");
        text_plain(out, slice_of(file->verify_why));
    }
    buf_u8(out, '\n');
}

static void tables_text(Buf *out, const StatusFile *file, Arena *arena) {
    enum { COLUMNS = 5 };
    const char **cells = ARENA_ARRAY(arena, const char *, (file->table_count + 1) * COLUMNS);
    static const char *const HEAD[COLUMNS] = {"  TABLE", "STATE", "SNAPSHOT ROWS", "CHANGES", ""};
    memcpy(cells, HEAD, sizeof(HEAD));
    for (size_t i = 0; i < file->table_count; i++) {
        const StatusTable *table = &file->tables[i];
        DEFER(buf_release) Buf name = {0}, reason = {0};
        text_plain(&name, slice_of(table->name));
        text_plain(&reason, slice_of(table->reason != NULL ? table->reason : ""));
        const char **row = &cells[(i + 1) * COLUMNS];
        row[0] = arena_printf(arena, "  %.*s", SLICE_ARG(buf_slice(&name)));
        row[1] = table->state;
        row[2] = arena_printf(arena, "%" PRId64, table->snapshot_rows);
        row[3] = arena_printf(arena, "%" PRId64, table->changes);
        row[4] = arena_text(arena, buf_slice(&reason));
    }
    if (file->table_count > 0) {
        text_table(out, cells, file->table_count + 1, COLUMNS);
    }
}

static void standing_text(Buf *out, const Standing *standing, Arena *arena) {
    bool removed;
    const PipelineConfig *config = &standing->config;
    buf_printf(out, "%s  %s\n", config->name, running_text(standing, arena));
    buf_printf(out, "  source    %s\n", source_url_stored(arena, config->source_url, &removed));
    buf_printf(out, "  sink      %s, %s\n", config->sink_url, config->format);
    buf_printf(out, "  data      %s\n", config->directory);
    slot_text(out, standing);
    journal_text(out, standing);
    verified_text(out, &standing->file);
    tables_text(out, &standing->file, arena);
}

static const char *retained_cell(const Standing *standing, Arena *arena) {
    if (!standing->slot_known || !standing->slot.exists) {
        return standing->slot_known ? "no slot" : "unknown";
    }
    if (strcmp(standing->slot.wal_status, "lost") == 0) {
        return "slot lost";
    }
    DEFER(buf_release) Buf text = {0};
    text_bytes(&text, (double)standing->slot.retained_bytes);
    return arena_text(arena, buf_slice(&text));
}

static void overview_text(Buf *out, const Standing *standings, size_t count, Arena *arena) {
    enum { COLUMNS = 5 };
    const char **cells = ARENA_ARRAY(arena, const char *, (count + 1) * COLUMNS);
    static const char *const HEAD[COLUMNS] = {"PIPELINE", "STATE", "POSITION", "WAL KEPT", "SINK"};
    memcpy(cells, HEAD, sizeof(HEAD));
    for (size_t i = 0; i < count; i++) {
        const char **row = &cells[(i + 1) * COLUMNS];
        row[0] = standings[i].config.name;
        row[1] = running_text(&standings[i], arena);
        row[2] = standings[i].file.durable_lsn;
        row[3] = retained_cell(&standings[i], arena);
        row[4] = standings[i].config.sink_url;
    }
    text_table(out, cells, count + 1, COLUMNS);
}

static bool wants_json(const Cli *cli, bool *json, Err *err) {
    const char *form = cli_value(cli, "output");
    *json = form != NULL && strcmp(form, "json") == 0;
    if (form != NULL && !*json && strcmp(form, "text") != 0) {
        return FAIL(err, ERR_USAGE, "--output is text or json, not \"%.40s\"", form);
    }
    return true;
}

bool status_command(Cli *cli, Err *err) {
    DEFER(buf_release) Buf out = {0};
    const char **names = &cli->arguments[0];
    size_t count = 1;
    bool json;
    TRY(wants_json(cli, &json, err));
    if (cli->argument_count == 0) {
        TRY(pipeline_list(cli_data_directory(cli), cli->arena, &names, &count, err));
    }
    setenv("PGCONNECT_TIMEOUT", "3", 0);
    Standing *standings = ARENA_ARRAY(cli->arena, Standing, count);
    for (size_t i = 0; i < count; i++) {
        TRY(standing_read(cli, names[i], &standings[i], err));
        if (json) {
            standing_json(&out, &standings[i], cli->arena);
        }
    }
    if (!json && count == 0) {
        buf_printf(&out, "no pipelines in %s\n", cli_data_directory(cli));
    } else if (!json && cli->argument_count == 0) {
        overview_text(&out, standings, count, cli->arena);
    } else if (!json) {
        standing_text(&out, &standings[0], cli->arena);
    }
    output_write(&out);
    return true;
}
