// SPDX-License-Identifier: Apache-2.0
#include "data/format/record.h"

Value record_op(EventOp op) {
    switch (op) {
    case OP_READ:
        return value_bytes(VALUE_STRING, SLICE("r"));
    case OP_CREATE:
        return value_bytes(VALUE_STRING, SLICE("c"));
    case OP_UPDATE:
        return value_bytes(VALUE_STRING, SLICE("u"));
    case OP_DELETE:
        return value_bytes(VALUE_STRING, SLICE("d"));
    case OP_TRUNCATE:
        return value_bytes(VALUE_STRING, SLICE("t"));
    }
    return (Value){.kind = VALUE_NULL};
}

Slice record_name(Arena *arena, const Schema *schema, const EnvelopeOptions *options, const char *part) {
    return slice_of(arena_printf(arena, "%.*s%s%.*s.%.*s.%s", SLICE_ARG(options->connector),
                                 options->connector.size > 0 ? "." : "", SLICE_ARG(schema->space),
                                 SLICE_ARG(schema->table), part));
}
