// SPDX-License-Identifier: Apache-2.0
// Text for people and JSON for programs: numbers, tables, terminals.
#ifndef LEAT_SURFACE_CLI_OUTPUT_H
#define LEAT_SURFACE_CLI_OUTPUT_H

#include "core/base/arena.h"
#include "core/base/buf.h"

bool output_terminal(void); // stdout is a terminal that understands more than lines
bool output_color(int fd);  // …is a terminal, and neither NO_COLOR nor TERM=dumb is set
void output_size(int *columns, int *rows);
// Writes and flushes; a closed pipe ends the process quietly, as it does for other filters.
void output_write(const Buf *buf);

void text_bytes(Buf *buf, double bytes);        // "12.3 MiB"
void text_count(Buf *buf, double count);        // "1,234,567"
void text_duration(Buf *buf, int64_t ms);       // "850 ms", "12.3 s", "4m05s", "3h12m"
void text_lsn(Buf *buf, uint64_t lsn);          // "16/B374D848"
void text_plain(Buf *buf, Slice text);          // control characters become '?', so a name cannot drive the terminal
size_t text_width(Slice text);                  // characters
void text_pad(Buf *buf, Slice text, int width); // negative: to the right

// Left-aligned columns, as wide as their cells; `cells` are rows * columns texts.
void text_table(Buf *buf, const char *const *cells, size_t rows, size_t columns);

#endif
