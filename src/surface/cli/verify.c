// SPDX-License-Identifier: Apache-2.0
// leat verify NAME.
#include "core/base/json.h"
#include "core/config/option.h"
#include "flow/pipeline/verify_json.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

#include <time.h>
#include <unistd.h>

enum { SAMPLE_ONE_IN = 100, KEYS_SHOWN = 10, COLUMNS = 4 };

// --- while it goes on ------------------------------------------------------------------------------------------

static void told(void *context, VerifyStep step, Slice topic) {
    static const char *const WORDS[] = {
        [VERIFY_STEP_RUN] = "nobody runs the pipeline: running it meanwhile",
        [VERIFY_STEP_HOLD] = "the sink ends its commit",
        [VERIFY_STEP_MOMENT] = "taking a snapshot of the source",
        [VERIFY_STEP_COMMIT] = "the pipeline gets to that moment",
        [VERIFY_STEP_COMPARE] = "comparing",
        [VERIFY_STEP_REPAIR] = "repairing",
    };
    DEFER(buf_release) Buf line = {0};
    buf_printf(&line, "%s%s", WORDS[step], topic.size > 0 ? " " : "");
    text_plain(&line, topic);
    fprintf(stderr, "%.*s …\n", (int)line.size, (const char *)line.data);
}

// --- what was found, as text -----------------------------------------------------------------------------------

static void counts_text(Buf *out, const VerifyResult *result) {
    const struct {
        const char *word;
        uint64_t count;
    } parts[] = {{"missing", result->missing},
                 {"extra", result->extra},
                 {"different", result->different},
                 {"duplicate", result->duplicate},
                 {"not looked into", result->unseen}};
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        sum += parts[i].count;
    }
    text_count(out, (double)sum);
    buf_text(out, sum == 1 ? " differs" : " differ");
    const char *before = ": ";
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].count > 0) {
            buf_text(out, before);
            text_count(out, (double)parts[i].count);
            buf_printf(out, " %s", parts[i].word);
            before = ", ";
        }
    }
}

static void rule_text(Buf *out, const VerifyResult *result) {
    buf_text(out, " under rule inexact.values=null (");
    text_count(out, (double)result->inexact);
    buf_text(out, result->inexact == 1 ? " value" : " values");
    const char *before = " of ";
    for (size_t i = 0; i < result->record->field_count; i++) {
        if (result->lost[i] > 0) {
            buf_text(out, before);
            text_plain(out, result->record->fields[i].name);
            before = ", ";
        }
    }
    buf_u8(out, ')');
}

static void outcome_text(Buf *out, const VerifiedTable *table, bool repair) {
    if (table->outcome == VERIFY_NOT_COMPARED) {
        buf_text(out, "not compared: ");
        text_plain(out, slice_of(table->why.message));
        return;
    }
    if (table->repaired) {
        counts_text(out, &table->before);
        buf_text(out, "; repaired, now ");
    }
    if (table->outcome == VERIFY_EQUAL) {
        buf_text(out, "equal");
    } else {
        counts_text(out, &table->result);
    }
    if (repair && table->outcome == VERIFY_DIFFERS && table->result.irreparable != NULL) {
        buf_printf(out, "; not repaired: %s", table->result.irreparable);
    }
    if (table->result.inexact > 0 && table->result.record != NULL) {
        rule_text(out, &table->result);
    }
}

static char *cell(const Cli *cli, Buf *text) {
    char *made = arena_text(cli->arena, buf_slice(text));
    buf_release(text);
    return made;
}

static void tables_text(const Cli *cli, const Verified *verified, Buf *out) {
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (verified->count + 1) * COLUMNS);
    const char *const heads[COLUMNS] = {"TABLE", "ROWS", "TIME", "RESULT"};
    size_t at = 0;
    for (; at < COLUMNS; at++) {
        cells[at] = heads[at];
    }
    for (size_t i = 0; i < verified->count; i++) {
        const VerifiedTable *table = &verified->tables[i];
        bool compared = table->outcome != VERIFY_NOT_COMPARED;
        Buf name = {0}, rows = {0}, time = {0}, result = {0};
        text_plain(&name, table->topic);
        buf_text(&rows, compared ? "" : "-");
        buf_text(&time, compared ? "" : "-");
        if (compared) {
            text_count(&rows, (double)table->result.source_rows);
            text_duration(&time, table->result.us / 1000);
        }
        outcome_text(&result, table, cli_has(cli, "repair"));
        cells[at++] = cell(cli, &name);
        cells[at++] = cell(cli, &rows);
        cells[at++] = cell(cli, &time);
        cells[at++] = cell(cli, &result);
    }
    text_table(out, cells, verified->count + 1, COLUMNS);
}

static void row_line(Buf *out, const char *side, const VerifyResult *result, const Value *row) {
    DEFER(buf_release) Buf json = {0};
    verify_row_json(&json, result, row, NULL, 0);
    buf_printf(out, "    %-6s ", side);
    text_plain(out, buf_slice(&json));
    buf_u8(out, '\n');
}

static void differences_text(const VerifiedTable *table, bool rows, Buf *out) {
    const VerifyResult *result = table->repaired ? &table->before : &table->result;
    size_t shown = rows ? result->difference_count : MIN(result->difference_count, (size_t)KEYS_SHOWN);
    for (size_t i = 0; i < shown; i++) {
        const VerifyDifference *difference = &result->differences[i];
        DEFER(buf_release) Buf key = {0};
        verify_key_json(&key, result, difference);
        buf_text(out, "  ");
        text_plain(out, table->topic);
        buf_printf(out, " %s ", verify_kind_name(difference->kind));
        text_plain(out, buf_slice(&key));
        buf_u8(out, '\n');
        if (rows && difference->source != NULL) {
            row_line(out, "source", result, difference->source);
        }
        if (rows && difference->sink != NULL) {
            row_line(out, "sink", result, difference->sink);
        }
    }
    uint64_t all = result->missing + result->extra + result->different + result->duplicate;
    if (all > shown) {
        buf_text(out, "  … and ");
        text_count(out, (double)(all - shown));
        buf_text(out, rows ? " more\n" : " more (--diff shows both rows of up to 1,000)\n");
    }
}

static void verified_text(const Cli *cli, const PipelineConfig *config, const Verified *verified, Buf *out) {
    char taken[32];
    time_t seconds = (time_t)(verified->taken_us / 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(taken, sizeof(taken), "%Y-%m-%d %H:%M:%SZ", &parts);
    buf_printf(out, "pipeline %s, as of %s (", config->name, taken);
    text_lsn(out, verified->lsn);
    buf_text(out, "), in ");
    text_duration(out, verified->elapsed_ms);
    buf_text(out, "\n\n");
    tables_text(cli, verified, out);
    bool any = false;
    for (size_t i = 0; i < verified->count; i++) {
        const VerifiedTable *table = &verified->tables[i];
        if (table->outcome == VERIFY_DIFFERS || table->repaired) {
            buf_text(out, any ? "" : "\n");
            any = true;
            differences_text(table, cli_has(cli, "diff"), out);
        }
    }
    if (verified->repaired) {
        buf_printf(out, "\nrepaired: %" PRIu64 " rows put, %" PRIu64 " removed", verified->repair.put,
                   verified->repair.removed);
        if (verified->repair.passed_over > 0) {
            buf_printf(out, ", %" PRIu64 " passed over (rewritten meanwhile)", verified->repair.passed_over);
        }
        buf_u8(out, '\n');
    }
}

// --- the command -----------------------------------------------------------------------------------------------

// "50MB/s" or "50MB".
static bool rate_take(const Cli *cli, uint64_t *bytes_per_second, Err *err) {
    const char *text = cli_value(cli, "max-rate");
    int64_t bytes = 0;
    if (text == NULL) {
        return true;
    }
    size_t size = strlen(text);
    size -= size > 2 && strcmp(text + size - 2, "/s") == 0 ? 2 : 0;
    if (!option_parse_bytes(arena_printf(cli->arena, "%.*s", (int)size, text), &bytes, err) || bytes <= 0) {
        err_clear(err);
        return FAIL(err, ERR_USAGE, "--max-rate is bytes per second, as 50MB/s, not \"%.40s\"", text);
    }
    *bytes_per_second = (uint64_t)bytes;
    return true;
}

static bool output_json(const Cli *cli, bool *json, Err *err) {
    const char *output = cli_value(cli, "output");
    *json = output != NULL && strcmp(output, "json") == 0;
    return output == NULL || *json || strcmp(output, "text") == 0 ||
           FAIL(err, ERR_USAGE, "--output is text or json, not \"%.40s\"", output);
}

bool verify_command(Cli *cli, Err *err) {
    PipelineConfig config;
    bool json = false;
    cli->failure_code = EXIT_CONFIGURATION;
    VerifyHow how = {.tables = cli_value(cli, "tables"),
                     .sample = cli_has(cli, "sample") ? SAMPLE_ONE_IN : 0,
                     .replica_url = cli_value(cli, "source-replica"),
                     .repair = cli_has(cli, "repair"),
                     .stop = &cli_stop};
    TRY(output_json(cli, &json, err));
    TRY(rate_take(cli, &how.bytes_per_second, err));
    if (how.repair && how.sample > 0) {
        return FAIL(err, ERR_USAGE, "--repair takes all rows: it does not go with --sample");
    }
    how.told = json || !isatty(STDERR_FILENO) ? NULL : told;
    TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
    cli_signals();
    VerifyRun *run = NULL;
    Verified verified;
    DEFER(buf_release) Buf out = {0};
    if (!pipeline_verify(&config, &how, cli->arena, &run, &verified, err)) {
        if (json) {
            verify_failed_json(&out, config.name, err);
            buf_u8(&out, '\n');
            output_write(&out);
        }
        return cli_stored_url_hint(err);
    }
    if (json) {
        verified_json(&out, config.name, &verified, cli_has(cli, "diff") ? VERIFY_ROWS : VERIFY_KEYS);
        buf_u8(&out, '\n');
    } else {
        verified_text(cli, &config, &verified, &out);
    }
    pipeline_verify_end(run);
    output_write(&out);
    static const ExitCode CODES[] = {
        [VERIFY_EQUAL] = EXIT_DONE, [VERIFY_DIFFERS] = EXIT_FAILED, [VERIFY_NOT_COMPARED] = EXIT_CONFIGURATION};
    cli->exit_code = CODES[verified.outcome];
    return true;
}
