// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/progress.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "flow/pipeline/report.h"
#include "surface/cli/output.h"

#include <pthread.h>
#include <unistd.h>

enum { TABLES_SHOWN = 15, WIDE = 72, DRAW_EVERY_MS = 200, LINE_EVERY_MS = 1000 };

// A count that grows, and how fast of late.
typedef struct Rate {
    uint64_t count;
    int64_t at_ms;
    double per_second;
    TableState state; // what is counted: rows of the snapshot, then changes
} Rate;

struct Progress {
    const char *pipeline;
    Arena *arena;
    bool terminal;
    bool log_above; // stderr is a terminal too: its lines go through us
    int64_t shown_ms;
    uint64_t rows;
    Map rates; // by table
    Rate changes;
    pthread_mutex_t mutex; // of block and lines_up: log lines come from any thread
    Buf block;
    int lines_up; // lines of the block on the screen
};

static void rate_take(Rate *rate, uint64_t count, int64_t now_ms) {
    int64_t passed = now_ms - rate->at_ms;
    if (rate->at_ms == 0 || count < rate->count) {
        rate->per_second = 0;
    } else if (passed < DRAW_EVERY_MS) {
        return;
    } else {
        double now = (double)(count - rate->count) * 1000 / (double)passed;
        rate->per_second = rate->per_second > 0 ? 0.7 * rate->per_second + 0.3 * now : now;
    }
    rate->count = count;
    rate->at_ms = now_ms;
}

static void table_rate_take(Rate *rate, const TableReport *table, int64_t now_ms) {
    if (rate->state != table->state) {
        *rate = (Rate){.state = table->state};
    }
    rate_take(rate, table->state == TABLE_STREAMING ? table->changes : table->snapshot_rows, now_ms);
}

static Rate *rate_of(Progress *progress, const TableReport *table) {
    Rate *rate = map_find(&progress->rates, slice_of(table->name));
    if (rate == NULL) {
        rate = ARENA_NEW(progress->arena, Rate);
        map_put(&progress->rates, slice_of(table->name), rate);
    }
    return rate;
}

// --- which tables ----------------------------------------------------------------------------------------------

// What a person wants to see first: tables in trouble, tables being read, then the busiest.
static int importance(const TableReport *table) {
    static const int BY_STATE[] = {[TABLE_QUARANTINED] = 3, [TABLE_SNAPSHOT] = 2, [TABLE_STREAMING] = 1};
    return BY_STATE[table->state];
}

static bool before(const TableReport *a, const TableReport *b) {
    int a_first = importance(a), b_first = importance(b);
    if (a_first != b_first) {
        return a_first > b_first;
    }
    if (a->changes != b->changes) {
        return a->changes > b->changes;
    }
    return a->snapshot_rows != b->snapshot_rows ? a->snapshot_rows > b->snapshot_rows : strcmp(a->name, b->name) < 0;
}

static size_t choose(const PipelineReport *report, const TableReport *chosen[TABLES_SHOWN], size_t limit) {
    size_t count = 0;
    for (size_t i = 0; i < report->table_count; i++) {
        const TableReport *table = &report->tables[i];
        size_t at = count;
        while (at > 0 && before(table, chosen[at - 1])) {
            at--;
        }
        if (at >= limit) {
            continue;
        }
        count = MIN(count + 1, limit);
        for (size_t j = count - 1; j > at; j--) {
            chosen[j] = chosen[j - 1];
        }
        chosen[at] = table;
    }
    return count;
}

// --- the block -------------------------------------------------------------------------------------------------

// One line, cut to the terminal's width.
static void line_add(Buf *block, const Buf *line, int columns) {
    Slice text = buf_slice(line);
    size_t size = 0, width = 0;
    while (size < text.size) {
        size_t next = size + 1;
        while (next < text.size && (text.data[next] & 0xc0) == 0x80) {
            next++;
        }
        if (++width > (size_t)MAX(columns - 1, 1)) {
            break;
        }
        size = next;
    }
    buf_put(block, (Slice){text.data, size});
    buf_text(block, "\033[K\n");
}

static void cell(Buf *line, const Buf *text, int width) {
    buf_text(line, "  ");
    text_pad(line, buf_slice(text), -width);
}

static void share(Buf *out, const TableReport *table) {
    if (table->state == TABLE_PENDING) {
        buf_text(out, "waiting");
    } else if (table->state == TABLE_QUARANTINED) {
        buf_text(out, "set aside");
    } else if (table->state == TABLE_STREAMING) {
        buf_text(out, "done");
    } else if (table->rows_expected > 0) {
        buf_printf(out, "%.0f%%", MIN((double)table->snapshot_rows * 100 / table->rows_expected, 99));
    } else if (table->bytes_expected > 0) {
        buf_printf(out, "%.0f%%", MIN((double)table->snapshot_bytes * 100 / (double)table->bytes_expected, 99));
    }
}

static void eta(Buf *out, const TableReport *table, const Rate *rate) {
    double left = table->rows_expected - (double)table->snapshot_rows;
    if (table->state == TABLE_SNAPSHOT && rate->per_second > 0 && left > 0) {
        text_duration(out, (int64_t)(left / rate->per_second) * 1000);
    }
}

static void table_line(Buf *line, const TableReport *table, const Rate *rate, int columns, int name_width) {
    DEFER(buf_release) Buf text = {0};
    bool streaming = table->state == TABLE_STREAMING;
    text_plain(&text, slice_of(table->name));
    buf_text(line, "  ");
    text_pad(line, buf_slice(&text), name_width);
    buf_reset(&text);
    text_count(&text, streaming ? (double)table->changes : (double)table->snapshot_rows);
    buf_text(&text, streaming ? " changes" : " rows   ");
    cell(line, &text, 19);
    if (columns >= WIDE) {
        buf_reset(&text);
        if (rate->per_second >= 1) {
            text_count(&text, rate->per_second);
            buf_text(&text, "/s");
        }
        cell(line, &text, 11);
        buf_reset(&text);
        if (!streaming) {
            text_bytes(&text, (double)table->snapshot_bytes);
        }
        cell(line, &text, 9);
    }
    buf_reset(&text);
    share(&text, table);
    cell(line, &text, 9);
    buf_reset(&text);
    eta(&text, table, rate);
    cell(line, &text, 7);
}

static void head_line(Buf *line, const Progress *progress, const PipelineReport *report) {
    buf_printf(line, "%s  %s  ", progress->pipeline, pipeline_phase_name(report->phase));
    text_duration(line, report->elapsed_ms);
    if (report->trouble != NULL) {
        buf_text(line, "  ");
        text_plain(line, slice_of(report->trouble));
    } else if (report->sink_trouble != NULL) {
        buf_text(line, "  the sink cannot go on: ");
        text_plain(line, slice_of(report->sink_trouble));
    }
}

static void total_line(Buf *line, const Progress *progress, const PipelineReport *report) {
    buf_text(line, "  changes ");
    text_count(line, (double)report->changes);
    if (progress->changes.per_second >= 1) {
        buf_text(line, " (");
        text_count(line, progress->changes.per_second);
        buf_text(line, "/s)");
    }
    buf_text(line, "  lag ");
    if (report->lag_ms >= 0) {
        text_duration(line, report->lag_ms);
        buf_text(line, ", ");
    }
    text_bytes(line, (double)MAX(report->lag_bytes, 0));
    buf_text(line, "  files ");
    text_count(line, (double)report->sink.files);
    if (report->sink_behind_bytes > 0) {
        buf_text(line, "  to publish ");
        text_bytes(line, (double)report->sink_behind_bytes);
    }
    if (report->slot_retained_bytes >= 0) {
        buf_text(line, "  slot ");
        text_bytes(line, (double)report->slot_retained_bytes);
    }
    if (report->dead_letters > 0) {
        buf_text(line, "  dead letters ");
        text_count(line, (double)report->dead_letters);
    }
}

static void block_build(Progress *progress, const PipelineReport *report, Buf *block, int *lines) {
    int columns, rows;
    output_size(&columns, &rows);
    const TableReport *chosen[TABLES_SHOWN];
    size_t limit = MIN((size_t)MAX(rows - 5, 1), (size_t)TABLES_SHOWN), count = choose(report, chosen, limit);
    size_t name_width = 8;
    for (size_t i = 0; i < count; i++) {
        name_width = MAX(name_width, text_width(slice_of(chosen[i]->name)));
    }
    name_width = MIN(name_width, (size_t)MAX(columns - (columns >= WIDE ? 66 : 42), 16));
    DEFER(buf_release) Buf line = {0};
    head_line(&line, progress, report);
    line_add(block, &line, columns);
    *lines = 1;
    for (size_t i = 0; i < count; i++, ++*lines) {
        buf_reset(&line);
        table_line(&line, chosen[i], rate_of(progress, chosen[i]), columns, (int)name_width);
        line_add(block, &line, columns);
    }
    if (count < report->table_count) {
        buf_reset(&line);
        buf_printf(&line, "  +%zu more tables", report->table_count - count);
        line_add(block, &line, columns);
        ++*lines;
    }
    buf_reset(&line);
    total_line(&line, progress, report);
    line_add(block, &line, columns);
    ++*lines;
}

// --- the screen ------------------------------------------------------------------------------------------------

static void erase(Progress *progress, Buf *out) {
    if (progress->lines_up > 0) {
        buf_printf(out, "\r\033[%dA\033[J", progress->lines_up);
        progress->lines_up = 0;
    }
}

static void draw(Progress *progress, const PipelineReport *report) {
    DEFER(buf_release) Buf block = {0}, out = {0};
    int lines = 0;
    block_build(progress, report, &block, &lines);
    pthread_mutex_lock(&progress->mutex);
    if (progress->lines_up == lines) {
        buf_printf(&out, "\r\033[%dA", lines); // overwriting in place does not flicker
    } else {
        erase(progress, &out);
    }
    buf_put(&out, buf_slice(&block));
    buf_reset(&progress->block);
    buf_put(&progress->block, buf_slice(&block));
    progress->lines_up = lines;
    output_write(&out);
    pthread_mutex_unlock(&progress->mutex);
}

// A log line: above the block, in one write with it.
static void log_line(void *context, Slice line) {
    Progress *progress = context;
    DEFER(buf_release) Buf out = {0};
    pthread_mutex_lock(&progress->mutex);
    int lines = progress->lines_up;
    erase(progress, &out);
    buf_put(&out, line);
    if (lines > 0) {
        buf_put(&out, buf_slice(&progress->block));
        progress->lines_up = lines;
    }
    output_write(&out);
    pthread_mutex_unlock(&progress->mutex);
}

static void json_line(const PipelineReport *report, const char *pipeline) {
    DEFER(buf_release) Buf line = {0};
    buf_u8(&line, '{');
    json_field_text(&line, "event", "progress");
    json_field_text(&line, "pipeline", pipeline);
    json_field_int(&line, "time_ms", clock_wall_us() / 1000);
    pipeline_report_json(&line, report, &(PipelineReportJson){.all_tables = false});
    buf_text(&line, "}\n");
    output_write(&line);
}

// --- life cycle ------------------------------------------------------------------------------------------------

Progress *progress_begin(Arena *arena, const char *pipeline) {
    Progress *progress = ARENA_NEW(arena, Progress);
    *progress = (Progress){.pipeline = pipeline, .arena = arena, .terminal = output_terminal()};
    pthread_mutex_init(&progress->mutex, NULL);
    progress->log_above = progress->terminal && isatty(STDERR_FILENO);
    if (progress->log_above) {
        log_sink_set(log_line, progress);
    }
    return progress;
}

void progress_report(void *context, const PipelineReport *report) {
    Progress *progress = context;
    int64_t now_ms = clock_monotonic_us() / 1000;
    progress->rows = report->table_count > 0 ? 0 : progress->rows; // the last reports have no tables
    for (size_t i = 0; i < report->table_count; i++) {
        const TableReport *table = &report->tables[i];
        progress->rows += table->snapshot_rows;
        table_rate_take(rate_of(progress, table), table, now_ms);
    }
    rate_take(&progress->changes, report->changes, now_ms);
    bool last = report->phase == PIPELINE_DONE;
    if (!last && now_ms - progress->shown_ms < (progress->terminal ? DRAW_EVERY_MS : LINE_EVERY_MS)) {
        return;
    }
    progress->shown_ms = now_ms;
    if (progress->terminal) {
        draw(progress, report);
    } else if (!isatty(STDOUT_FILENO)) {
        json_line(report, progress->pipeline);
    }
}

void progress_end(Progress *progress) {
    if (progress->log_above) {
        log_sink_set(NULL, NULL);
    }
    buf_release(&progress->block);
    map_release(&progress->rates);
    pthread_mutex_destroy(&progress->mutex);
}

uint64_t progress_rows(const Progress *progress) {
    return progress->rows;
}
