// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/thrift.h"

// Types as they stand in the headers of fields and lists.
enum {
    WIRE_STOP = 0,
    WIRE_TRUE = 1,
    WIRE_FALSE = 2,
    WIRE_I8 = 3,
    WIRE_I16 = 4,
    WIRE_I32 = 5,
    WIRE_I64 = 6,
    WIRE_DOUBLE = 7,
    WIRE_BINARY = 8,
    WIRE_LIST = 9,
    WIRE_SET = 10,
    WIRE_MAP = 11,
    WIRE_STRUCT = 12,
    WIRE_UUID = 13,
};

static const uint8_t WIRE_OF_KIND[] = {
    [THRIFT_BOOL] = WIRE_TRUE,     [THRIFT_I8] = WIRE_I8,         [THRIFT_I16] = WIRE_I16,
    [THRIFT_I32] = WIRE_I32,       [THRIFT_I64] = WIRE_I64,       [THRIFT_DOUBLE] = WIRE_DOUBLE,
    [THRIFT_BINARY] = WIRE_BINARY, [THRIFT_STRUCT] = WIRE_STRUCT, [THRIFT_UNREAD] = WIRE_LIST,
};

typedef struct ThriftList {
    void *at;
    uint32_t count;
} ThriftList;

static size_t item_size(const ThriftField *field) {
    switch ((ThriftKind)field->kind) {
    case THRIFT_BOOL:
        return sizeof(bool);
    case THRIFT_I8:
        return sizeof(int8_t);
    case THRIFT_I16:
        return sizeof(int16_t);
    case THRIFT_I32:
        return sizeof(int32_t);
    case THRIFT_I64:
        return sizeof(int64_t);
    case THRIFT_DOUBLE:
        return sizeof(double);
    case THRIFT_BINARY:
        return sizeof(Slice);
    case THRIFT_STRUCT:
        return field->type->size;
    case THRIFT_UNREAD:
        break;
    }
    UNREACHABLE();
}

// --- writing ---------------------------------------------------------------------------------------------------

static int64_t load_integer(ThriftKind kind, const uint8_t *at) {
    int64_t i64 = 0;
    int32_t i32 = 0;
    int16_t i16 = 0;
    switch (kind) {
    case THRIFT_I8:
        return (int8_t)*at;
    case THRIFT_I16:
        memcpy(&i16, at, sizeof(i16));
        return i16;
    case THRIFT_I32:
        memcpy(&i32, at, sizeof(i32));
        return i32;
    case THRIFT_I64:
        memcpy(&i64, at, sizeof(i64));
        return i64;
    case THRIFT_BOOL:
    case THRIFT_DOUBLE:
    case THRIFT_BINARY:
    case THRIFT_STRUCT:
    case THRIFT_UNREAD:
        break;
    }
    UNREACHABLE();
}

static uint32_t type_has(const ThriftType *type, const uint8_t *object) {
    uint32_t has = 0;
    if (!type->has_none) {
        memcpy(&has, object + type->has_offset, sizeof(has));
    }
    return has;
}

static bool field_present(const ThriftField *field, uint32_t has, const uint8_t *at) {
    if (field->presence != THRIFT_OPTIONAL) {
        return true;
    }
    if (field->list || field->kind == THRIFT_BINARY) {
        const void *pointer = NULL;
        memcpy(&pointer, at, sizeof(pointer));
        return pointer != NULL;
    }
    return (has & THRIFT_HAS(field->id)) != 0;
}

static void write_item(Buf *out, const ThriftField *field, const uint8_t *at) {
    switch ((ThriftKind)field->kind) {
    case THRIFT_BOOL: // of a list; a field's stands in its header
        buf_u8(out, *at != 0 ? WIRE_TRUE : WIRE_FALSE);
        return;
    case THRIFT_I8:
        buf_u8(out, *at);
        return;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        buf_zigzag(out, load_integer((ThriftKind)field->kind, at));
        return;
    case THRIFT_DOUBLE:
        buf_bytes(out, at, sizeof(double));
        return;
    case THRIFT_BINARY: {
        Slice slice;
        memcpy(&slice, at, sizeof(slice));
        buf_slice_sized(out, slice);
        return;
    }
    case THRIFT_STRUCT:
        thrift_write(out, field->type, at);
        return;
    case THRIFT_UNREAD:
        break;
    }
    UNREACHABLE();
}

static void write_list(Buf *out, const ThriftField *field, const uint8_t *at) {
    ThriftList list;
    memcpy(&list, at, sizeof(list));
    uint8_t wire = WIRE_OF_KIND[field->kind];
    if (list.count < 15) {
        buf_u8(out, (uint8_t)(list.count << 4 | wire));
    } else {
        buf_u8(out, 0xF0 | wire);
        buf_varint(out, list.count);
    }
    size_t size = item_size(field);
    const uint8_t *items = list.at;
    for (uint32_t i = 0; i < list.count; i++) {
        write_item(out, field, items + i * size);
    }
}

static void write_field(Buf *out, const ThriftField *field, int16_t *last, const uint8_t *at) {
    uint8_t wire = WIRE_OF_KIND[field->kind];
    if (field->list) {
        wire = WIRE_LIST;
    } else if (field->kind == THRIFT_BOOL && *at == 0) {
        wire = WIRE_FALSE;
    }
    int16_t delta = (int16_t)(field->id - *last);
    if (delta > 0 && delta <= 15) {
        buf_u8(out, (uint8_t)(delta << 4 | wire));
    } else {
        buf_u8(out, wire);
        buf_zigzag(out, field->id);
    }
    *last = field->id;
    if (field->list) {
        write_list(out, field, at);
    } else if (field->kind != THRIFT_BOOL) {
        write_item(out, field, at);
    }
}

void thrift_write(Buf *out, const ThriftType *type, const void *object) {
    const uint8_t *bytes = object;
    uint32_t has = type_has(type, bytes);
    int16_t last = 0;
    for (uint16_t i = 0; i < type->field_count; i++) {
        const ThriftField *field = &type->fields[i];
        const uint8_t *at = bytes + field->offset;
        bool present = type->is_union ? has == (uint32_t)field->id : field_present(field, has, at);
        if (present) {
            write_field(out, field, &last, at);
        }
    }
    ASSERT(!type->is_union || last != 0);
    buf_u8(out, WIRE_STOP);
}

// --- reading ---------------------------------------------------------------------------------------------------

static bool cut_off(ThriftReader *reader, const ThriftType *type, Err *err) {
    reader->bytes.bad = true;
    return FAIL(err, ERR_VALUE, "%s: the bytes end within, or hold a number that is too long", type->name);
}

static bool wire_fits(const ThriftField *field, uint8_t wire) {
    if (field->list) {
        return wire == WIRE_LIST;
    }
    return wire == WIRE_OF_KIND[field->kind] || (field->kind == THRIFT_BOOL && wire == WIRE_FALSE);
}

static bool read_list_head(Reader *bytes, uint8_t *wire, uint64_t *count) {
    uint8_t head = read_u8(bytes);
    *wire = head & 0x0F;
    *count = head >> 4;
    if (*count == 15) {
        *count = read_varint(bytes);
    }
    // The smallest item is a byte.
    return !bytes->bad && *count <= reader_left(bytes) && *count <= UINT32_MAX;
}

static bool skip(Reader *bytes, uint8_t wire, int depth);

static bool skip_items(Reader *bytes, uint64_t count, uint8_t wire, int depth) {
    for (uint64_t i = 0; i < count; i++) {
        if (wire == WIRE_TRUE || wire == WIRE_FALSE) {
            (void)read_u8(bytes); // a byte each in lists
        } else if (!skip(bytes, wire, depth)) {
            return false;
        }
    }
    return !bytes->bad;
}

static bool skip_map(Reader *bytes, int depth) {
    uint64_t count = read_varint(bytes);
    if (count == 0) {
        return !bytes->bad;
    }
    uint8_t wires = read_u8(bytes);
    if (count > reader_left(bytes)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!skip_items(bytes, 1, wires >> 4, depth) || !skip_items(bytes, 1, wires & 0x0F, depth)) {
            return false;
        }
    }
    return true;
}

static bool skip_struct(Reader *bytes, int depth) {
    for (;;) {
        uint8_t head = read_u8(bytes);
        if (bytes->bad || head == WIRE_STOP) {
            return !bytes->bad;
        }
        if (head >> 4 == 0) {
            (void)read_zigzag(bytes);
        }
        if (!skip(bytes, head & 0x0F, depth)) {
            return false;
        }
    }
}

// A value of a field, or of a list unless it is a boolean.
static bool skip(Reader *bytes, uint8_t wire, int depth) {
    uint8_t item = 0;
    uint64_t count = 0;
    if (depth > THRIFT_DEPTH_MAX) {
        return false;
    }
    switch (wire) {
    case WIRE_TRUE:
    case WIRE_FALSE:
        return true;
    case WIRE_I8:
        (void)read_u8(bytes);
        return !bytes->bad;
    case WIRE_I16:
    case WIRE_I32:
    case WIRE_I64:
        (void)read_varint(bytes);
        return !bytes->bad;
    case WIRE_DOUBLE:
        (void)read_bytes(bytes, sizeof(double));
        return !bytes->bad;
    case WIRE_BINARY:
        (void)read_slice(bytes);
        return !bytes->bad;
    case WIRE_LIST:
    case WIRE_SET:
        return read_list_head(bytes, &item, &count) && skip_items(bytes, count, item, depth + 1);
    case WIRE_MAP:
        return skip_map(bytes, depth + 1);
    case WIRE_STRUCT:
        return skip_struct(bytes, depth + 1);
    case WIRE_UUID:
        (void)read_bytes(bytes, 16);
        return !bytes->bad;
    default:
        return false;
    }
}

static bool read_struct(ThriftReader *reader, const ThriftType *type, uint8_t *object, int depth, Err *err);

static bool read_integer(Reader *bytes, ThriftKind kind, uint8_t *at) {
    int64_t number = read_zigzag(bytes);
    if (kind == THRIFT_I64) {
        memcpy(at, &number, sizeof(number));
    } else if (kind == THRIFT_I32) {
        int32_t i32 = (int32_t)number;
        memcpy(at, &i32, sizeof(i32));
        return i32 == number && !bytes->bad;
    } else {
        int16_t i16 = (int16_t)number;
        memcpy(at, &i16, sizeof(i16));
        return i16 == number && !bytes->bad;
    }
    return !bytes->bad;
}

// An item of a list, or a field that is no boolean (its value stands in its header).
static bool read_item(ThriftReader *reader, const ThriftField *field, uint8_t *at, int depth, Err *err) {
    Reader *bytes = &reader->bytes;
    bool good = true;
    switch ((ThriftKind)field->kind) {
    case THRIFT_BOOL:
        *at = read_u8(bytes) == WIRE_TRUE;
        good = !bytes->bad;
        break;
    case THRIFT_I8:
        *at = read_u8(bytes);
        good = !bytes->bad;
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        good = read_integer(bytes, (ThriftKind)field->kind, at);
        break;
    case THRIFT_DOUBLE: {
        Slice slice = read_bytes(bytes, sizeof(double));
        good = !bytes->bad;
        if (good) {
            memcpy(at, slice.data, sizeof(double));
        }
        break;
    }
    case THRIFT_BINARY: {
        Slice slice = read_slice(bytes);
        good = !bytes->bad;
        memcpy(at, &slice, sizeof(slice));
        break;
    }
    case THRIFT_STRUCT:
        return read_struct(reader, field->type, at, depth + 1, err);
    case THRIFT_UNREAD: {
        const uint8_t *start = bytes->at;
        good = skip(bytes, WIRE_LIST, depth + 1);
        Slice slice = {start, (size_t)(bytes->at - start)};
        memcpy(at, &slice, sizeof(slice));
        break;
    }
    }
    return good || FAIL(err, ERR_VALUE, "field '%s' is cut off, or its number does not fit", field->name);
}

static bool read_list(ThriftReader *reader, const ThriftField *field, uint8_t *at, int depth, Err *err) {
    uint8_t wire = 0;
    uint64_t count = 0;
    if (!read_list_head(&reader->bytes, &wire, &count)) {
        return FAIL(err, ERR_VALUE, "list '%s' is longer than the bytes", field->name);
    }
    uint8_t want = WIRE_OF_KIND[field->kind];
    if (count > 0 && wire != want && !(field->kind == THRIFT_BOOL && wire == WIRE_FALSE)) {
        return FAIL(err, ERR_VALUE, "list '%s' holds items of type %u, not %u", field->name, wire, want);
    }
    size_t size = item_size(field);
    if (count > reader->memory_left / size) {
        return FAIL(err, ERR_VALUE, "list '%s' of %" PRIu64 " items is past the limit of memory", field->name, count);
    }
    reader->memory_left -= count * size;
    ThriftList list = {.at = arena_array(reader->arena, size, count), .count = (uint32_t)count};
    memcpy(at, &list, sizeof(list));
    uint8_t *items = list.at;
    for (uint64_t i = 0; i < count; i++) {
        if (!read_item(reader, field, items + i * size, depth, err)) {
            return err_prefix(err, "%s %" PRIu64, field->name, i);
        }
    }
    return true;
}

static const ThriftField *find_field(const ThriftType *type, int64_t id) {
    for (uint16_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].id == id) {
            return &type->fields[i];
        }
    }
    return NULL;
}

static bool read_field(ThriftReader *reader, const ThriftType *type, const ThriftField *field, uint8_t wire,
                       uint8_t *object, int depth, Err *err) {
    uint8_t *at = object + field->offset;
    if (!wire_fits(field, wire)) {
        return FAIL(err, ERR_VALUE, "%s: field '%s' has type %u", type->name, field->name, wire);
    }
    if (field->list) {
        return read_list(reader, field, at, depth, err) || err_prefix(err, "%s", type->name);
    }
    if (field->kind == THRIFT_BOOL) {
        *at = wire == WIRE_TRUE;
        return true;
    }
    return read_item(reader, field, at, depth, err) || err_prefix(err, "%s", type->name);
}

static bool check_required(const ThriftType *type, uint32_t seen, Err *err) {
    for (uint16_t i = 0; i < type->field_count && !type->is_union; i++) {
        const ThriftField *field = &type->fields[i];
        if (field->presence == THRIFT_REQUIRED && (seen & THRIFT_HAS(field->id)) == 0) {
            return FAIL(err, ERR_VALUE, "%s: field '%s' is missing", type->name, field->name);
        }
    }
    return true;
}

static bool read_struct(ThriftReader *reader, const ThriftType *type, uint8_t *object, int depth, Err *err) {
    Reader *bytes = &reader->bytes;
    memset(object, 0, type->is_union ? 0 : type->size);
    if (depth > THRIFT_DEPTH_MAX) {
        return FAIL(err, ERR_VALUE, "%s: nested too deeply", type->name);
    }
    uint32_t seen = 0;
    int64_t id = 0;
    for (;;) {
        uint8_t head = read_u8(bytes);
        if (head == WIRE_STOP) {
            break;
        }
        id = head >> 4 != 0 ? id + (head >> 4) : read_zigzag(bytes);
        if (bytes->bad || id < INT16_MIN || id > INT16_MAX) {
            return cut_off(reader, type, err);
        }
        const ThriftField *field = find_field(type, id);
        if (type->is_union) {
            seen = (uint32_t)id; // one that is not known too: whoever reads it sees a foreign tag
        }
        if (field == NULL) {
            if (!skip(bytes, head & 0x0F, depth)) {
                return cut_off(reader, type, err);
            }
            continue;
        }
        seen |= type->is_union ? 0 : THRIFT_HAS(field->id);
        TRY(read_field(reader, type, field, head & 0x0F, object, depth, err));
    }
    if (bytes->bad) {
        return cut_off(reader, type, err);
    }
    if (!type->has_none) {
        memcpy(object + type->has_offset, &seen, sizeof(seen));
    }
    return check_required(type, seen, err);
}

bool thrift_read(ThriftReader *reader, const ThriftType *type, void *object, Err *err) {
    memset(object, 0, type->size);
    return read_struct(reader, type, object, 0, err);
}

bool thrift_read_list(ThriftReader *reader, uint32_t *count, Err *err) {
    uint8_t wire = 0;
    uint64_t items = 0;
    if (!read_list_head(&reader->bytes, &wire, &items) || (items > 0 && wire != WIRE_STRUCT)) {
        return FAIL(err, ERR_VALUE, "this is no list of structs");
    }
    *count = (uint32_t)items;
    return true;
}
