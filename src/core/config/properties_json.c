// SPDX-License-Identifier: Apache-2.0
// (jansson's names and those of core/base/json.h collide, so writing is in a file of its own.)
#include "core/base/json.h"
#include "core/config/properties.h"

void properties_json(Buf *buf, const Properties *properties) {
    buf_text(buf, "{");
    for (size_t i = 0; i < properties->count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, properties->at[i].name);
        buf_text(buf, ":");
        if (properties->at[i].value.data == NULL) {
            buf_text(buf, "null");
        } else {
            json_quote(buf, properties->at[i].value);
        }
    }
    buf_text(buf, "}");
}
