// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/output.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool dumb(void) {
    const char *term = getenv("TERM");
    return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

bool output_terminal(void) {
    return isatty(STDOUT_FILENO) && !dumb();
}

bool output_color(int fd) {
    const char *no_color = getenv("NO_COLOR");
    return isatty(fd) && !dumb() && (no_color == NULL || no_color[0] == '\0');
}

void output_size(int *columns, int *rows) {
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *columns = known && size.ws_col > 0 ? size.ws_col : 80;
    *rows = known && size.ws_row > 0 ? size.ws_row : 24;
}

void output_write(const Buf *buf) {
    fflush(stdout);
    size_t done = 0;
    while (done < buf->size) {
        ssize_t wrote = write(STDOUT_FILENO, buf->data + done, buf->size - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return; // nobody reads any more: what the command does matters more than what it says
        }
        done += (size_t)wrote;
    }
}

void text_bytes(Buf *buf, double bytes) {
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < ARRAY_LEN(UNITS)) {
        bytes /= 1024;
        unit++;
    }
    buf_printf(buf, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, UNITS[unit]);
}

void text_count(Buf *buf, double count) {
    char digits[64];
    int size = snprintf(digits, sizeof(digits), "%.0f", count);
    for (int i = 0; i < size && i < (int)sizeof(digits); i++) {
        buf_u8(buf, (uint8_t)digits[i]);
        if ((size - i - 1) % 3 == 0 && i + 1 < size && digits[i] != '-') {
            buf_u8(buf, ',');
        }
    }
}

void text_duration(Buf *buf, int64_t ms) {
    if (ms < 1000) {
        buf_printf(buf, "%" PRId64 " ms", ms);
    } else if (ms < 60000) {
        buf_printf(buf, "%.1f s", (double)ms / 1000);
    } else if (ms < 3600000) {
        buf_printf(buf, "%dm%02ds", (int)(ms / 60000), (int)(ms / 1000 % 60));
    } else {
        buf_printf(buf, "%" PRId64 "h%02dm", ms / 3600000, (int)(ms / 60000 % 60));
    }
}

void text_lsn(Buf *buf, uint64_t lsn) {
    buf_printf(buf, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}

void text_plain(Buf *buf, Slice text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
        bool c1 = byte == 0xc2 && i + 1 < text.size && text.data[i + 1] >= 0x80 && text.data[i + 1] < 0xa0;
        buf_u8(buf, byte < 0x20 || byte == 0x7f || c1 ? '?' : byte);
        i += c1;
    }
}

size_t text_width(Slice text) {
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        width += (text.data[i] & 0xc0) != 0x80;
    }
    return width;
}

void text_pad(Buf *buf, Slice text, int width) {
    size_t want = (size_t)(width < 0 ? -width : width), have = text_width(text);
    for (size_t i = have; width < 0 && i < want; i++) {
        buf_u8(buf, ' ');
    }
    buf_put(buf, text);
    for (size_t i = have; width > 0 && i < want; i++) {
        buf_u8(buf, ' ');
    }
}

void text_table(Buf *buf, const char *const *cells, size_t rows, size_t columns) {
    enum { COLUMNS_MAX = 16 };
    size_t widths[COLUMNS_MAX] = {0};
    ASSERT(columns <= COLUMNS_MAX);
    for (size_t i = 0; i < rows * columns; i++) {
        widths[i % columns] = MAX(widths[i % columns], text_width(slice_of(cells[i])));
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            Slice cell = slice_of(cells[i * columns + j]);
            text_pad(buf, cell, j + 1 < columns ? (int)widths[j] + 2 : 0);
        }
        buf_u8(buf, '\n');
    }
}
