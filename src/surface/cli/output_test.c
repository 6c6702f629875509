// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/output.c"

#include "core/base/test.h"

TEST(output_prints_numbers_for_people) {
    Buf buf = {0};
#define IS(call, want) \
    buf_reset(&buf);   \
    call;              \
    CHECK_TEXT(buf_slice(&buf), want)
    IS(text_bytes(&buf, 0), "0 B");
    IS(text_bytes(&buf, 1023), "1023 B");
    IS(text_bytes(&buf, 1536), "1.5 KiB");
    IS(text_bytes(&buf, 200.0 * 1048576), "200 MiB");
    IS(text_count(&buf, 0), "0");
    IS(text_count(&buf, 999), "999");
    IS(text_count(&buf, 1000), "1,000");
    IS(text_count(&buf, 1234567), "1,234,567");
    IS(text_count(&buf, -1234), "-1,234");
    IS(text_duration(&buf, 850), "850 ms");
    IS(text_duration(&buf, 12340), "12.3 s");
    IS(text_duration(&buf, 245000), "4m05s");
    IS(text_duration(&buf, 11520000), "3h12m");
    IS(text_lsn(&buf, 0x16b374d848), "16/B374D848");
    IS(text_plain(&buf, SLICE("a\033[2Jb\xc2\x9b"
                              "c\xc3\xa9\n")),
       "a?[2Jb?c\xc3\xa9?");
    IS(text_pad(&buf, SLICE("\xc3\xa9x"), 4), "\xc3\xa9x  ");
    IS(text_pad(&buf, SLICE("x"), -3), "  x");
#undef IS
    buf_release(&buf);
}
