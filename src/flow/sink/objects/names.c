// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/names.h"

#include "core/base/calendar.h"
#include "core/base/json.h"

enum { ID_TEXT = 36, DAY_S = 86400, EPOCH_DAYS = 10957 }; // 1970 to 2000

// --- encoding --------------------------------------------------------------------------------------------------

// Part of the names on disk, so it never changes: FNV-1a, 64 bits.
#define FNV_BASIS 0xcbf29ce484222325u

static uint64_t hash_fnv(uint64_t hash, Slice bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    }
    return hash;
}

static size_t utf8_size(Slice text, size_t at) { // 0 when no UTF-8 starts here
    for (size_t size = 1; size <= 4 && at + size <= text.size; size++) {
        if (json_utf8_valid((Slice){text.data + at, size})) {
            return size;
        }
    }
    return 0;
}

void name_encode(Buf *buf, Slice text) {
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t at = 0; at < text.size;) {
        uint8_t byte = text.data[at];
        size_t size = utf8_size(text, at);
        bool unsafe = size == 0 || byte < 0x20 || byte == 0x7f || strchr("/\\%+:*?[]\"<>|", byte) != NULL ||
                      (byte == '.' && at == 0);
        if (unsafe) {
            buf_bytes(buf, (char[]){'%', HEX[byte >> 4], HEX[byte & 15]}, 3);
            at++;
        } else {
            buf_bytes(buf, text.data + at, size);
            at += size;
        }
    }
}

// At a whole character or escape.
void name_shorten(Buf *buf, size_t start) {
    if (buf->size - start <= NAME_BYTES_MAX) {
        return;
    }
    uint64_t hash = hash_fnv(FNV_BASIS, (Slice){buf->data + start, buf->size - start});
    size_t end = start + NAME_BYTES_MAX - 17;
    while ((buf->data[end] & 0xc0) == 0x80 || buf->data[end - 1] == '%' || buf->data[end - 2] == '%') {
        end--;
    }
    buf->size = end;
    buf_printf(buf, "~%016" PRIx64, hash);
}

static uint64_t mixed(uint64_t hash) { // splitmix64's finish: every bit depends on every bit
    hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
    return hash ^ hash >> 31;
}

void name_id(uint8_t id[16], int64_t time_ms, Slice connector, Slice topic, uint64_t offset) {
    uint8_t tail[8];
    memcpy(tail, &offset, sizeof(tail));
    uint64_t hash = hash_fnv(hash_fnv(FNV_BASIS, connector), SLICE("\n"));
    hash = hash_fnv(hash_fnv(hash, topic), (Slice){tail, sizeof(tail)});
    uint64_t high = mixed(hash), low = mixed(hash + 0x9e3779b97f4a7c15u);
    for (int i = 0; i < 6; i++) {
        id[i] = (uint8_t)((uint64_t)time_ms >> (40 - 8 * i));
    }
    memcpy(id + 6, &high, 2);
    memcpy(id + 8, &low, 8);
    id[6] = (uint8_t)(0x70 | (id[6] & 0x0f));
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
}

// --- layouts ---------------------------------------------------------------------------------------------------

typedef enum PieceKind {
    PIECE_TEXT,
    PIECE_SCHEMA,
    PIECE_TABLE,
    PIECE_SCHEMA_TABLE,
    PIECE_TOPIC,
    PIECE_EXTENSION,
    PIECE_NUMBER, // of the topic's partition
    PIECE_HOLE,   // `hole`
} PieceKind;

typedef struct Piece {
    PieceKind kind;
    int hole;
    Slice text;
} Piece;

struct NameLayout {
    Slice delimiter; // of directories
    int64_t pad_width;
    size_t piece_count;
    Piece pieces[32];
};

typedef struct Variable {
    const char *name;
    PieceKind kind;
    int hole;
} Variable;

static const Variable VARIABLES[] = {
    {"schema", PIECE_SCHEMA, 0},
    {"table", PIECE_TABLE, 0},
    {"schema.table", PIECE_SCHEMA_TABLE, 0},
    {"topic", PIECE_TOPIC, 0},
    {"ext", PIECE_EXTENSION, 0},
    {"partition", PIECE_HOLE, HOLE_PARTITION},
    {"offset", PIECE_HOLE, HOLE_OFFSET},
    {"Y", PIECE_HOLE, HOLE_YEAR},
    {"M", PIECE_HOLE, HOLE_MONTH},
    {"D", PIECE_HOLE, HOLE_DAY},
    {"H", PIECE_HOLE, HOLE_HOUR},
    {"message-id", PIECE_HOLE, HOLE_ID},
    {"kafka.partition", PIECE_NUMBER, 0},
};

static bool has(const NameLayout *layout, PieceKind kind, int hole) {
    for (size_t i = 0; i < layout->piece_count; i++) {
        if (layout->pieces[i].kind == kind && layout->pieces[i].hole == hole) {
            return true;
        }
    }
    return false;
}

static bool piece_add(NameLayout *layout, Piece piece, Err *err) {
    if (layout->piece_count == ARRAY_LEN(layout->pieces)) {
        return FAIL(err, ERR_OPTION, "file.name.template has more than %zu parts", ARRAY_LEN(layout->pieces));
    }
    layout->pieces[layout->piece_count++] = piece;
    return true;
}

// The text of a variable whose value is known from the start; an empty one takes the delimiter behind it away.
static bool text_add(Arena *arena, NameLayout *layout, Slice text, const char **at, Err *err) {
    if (text.size == 0) {
        size_t size = layout->delimiter.size;
        *at += strncmp(*at, (const char *)layout->delimiter.data, size) == 0 ? size : 0;
        return true;
    }
    return piece_add(layout, (Piece){.kind = PIECE_TEXT, .text = arena_slice(arena, text)}, err);
}

static bool variable_add(Arena *arena, NameLayout *layout, const NameOptions *options, Slice name, const char **at,
                         Err *err) {
    if (slice_is(name, "partition") && !options->partitioned) {
        return text_add(arena, layout, (Slice){0}, at, err);
    }
    if (slice_is(name, "connector") || slice_is(name, "tenant")) {
        Buf encoded;
        buf_init(&encoded, 0);
        name_encode(&encoded, name.data[0] == 'c' ? options->connector : slice_of(options->tenant));
        name_shorten(&encoded, 0);
        bool ok = text_add(arena, layout, buf_slice(&encoded), at, err);
        buf_release(&encoded);
        return ok;
    }
    if (slice_is(name, "topics.dir")) {
        return text_add(arena, layout, slice_of(options->topics_dir), at, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(VARIABLES); i++) {
        if (slice_is(name, VARIABLES[i].name)) {
            return piece_add(layout, (Piece){VARIABLES[i].kind, VARIABLES[i].hole, {0}}, err);
        }
    }
    FAIL(err, ERR_OPTION, "file.name.template: there is no {%.*s}", SLICE_ARG(name));
    return err_hint(err, "{connector} {schema} {table} {schema.table} {topic} {topics.dir} {tenant} {partition} "
                         "{kafka.partition} {offset} {Y} {M} {D} {H} {message-id} {ext}");
}

// What is between variables must be fit for a name: no controls, no empty folder, none named . or ..
static bool literals_check(const char *what, Slice text, Err *err) {
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        bool end = i == text.size || text.data[i] == '/';
        if (i < text.size && (text.data[i] < 0x20 || text.data[i] == 0x7f)) {
            return FAIL(err, ERR_OPTION, "%s holds a control character", what);
        }
        if (!end) {
            continue;
        }
        Slice part = {text.data + start, i - start};
        if (part.size == 0 || part.data[0] == '.') {
            FAIL(err, ERR_OPTION, "%s has a part that is empty or begins with a dot", what);
            return err_hint(err, "it is a relative name such as lake/raw: no / at its ends, no //, no part like .x");
        }
        start = i + 1;
    }
    return true;
}

static bool template_parse(Arena *arena, NameLayout *layout, const NameOptions *options, const char *text, Err *err) {
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, "{}");
        if (size > 0) {
            Slice literal = {(const uint8_t *)at, size};
            TRY(piece_add(layout, (Piece){.kind = PIECE_TEXT, .text = arena_slice(arena, literal)}, err));
            at += size;
            continue;
        }
        const char *close = strchr(at, '}');
        if (*at == '}' || close == NULL) {
            return FAIL(err, ERR_OPTION, "file.name.template has a brace without its other half");
        }
        Slice name = {(const uint8_t *)at + 1, (size_t)(close - at - 1)};
        at = close + 1;
        TRY(variable_add(arena, layout, options, name, &at, err));
    }
    return true;
}

// Two files may never want one name, and what is in a folder must tell of which table it is.
static bool layout_check(const NameLayout *layout, const NameOptions *options, Err *err) {
    bool table = has(layout, PIECE_TOPIC, 0) || has(layout, PIECE_SCHEMA_TABLE, 0) ||
                 (has(layout, PIECE_SCHEMA, 0) && has(layout, PIECE_TABLE, 0));
    if (!has(layout, PIECE_HOLE, HOLE_ID) && !(table && has(layout, PIECE_HOLE, HOLE_OFFSET))) {
        FAIL(err, ERR_OPTION, "file.name.template could give two files one name");
        return err_hint(err, "it needs {message-id}, or {offset} and the table: {topic}, {schema.table}, or {schema} "
                             "and {table}");
    }
    if (options->many_parts && !has(layout, PIECE_EXTENSION, 0)) {
        FAIL(err, ERR_OPTION, "file.name.template would give values, keys and headers one name");
        return err_hint(err, "put .{ext} at its end, or set store.kafka.keys=false and store.kafka.headers=false");
    }
    if (options->tombstones && !has(layout, PIECE_HOLE, HOLE_PARTITION)) {
        FAIL(err, ERR_OPTION, "behavior.on.null.values=write needs a place for the tombstones' folder in names");
        return err_hint(err, "put {partition}/ into file.name.template, or choose another layout");
    }
    Buf sample;
    buf_init(&sample, 0);
    name_pattern(&sample, layout, &(NameParts){SLICE("t"), 0, SLICE("s"), SLICE("t"), "x"});
    for (size_t i = 0; i < sample.size; i++) { // a hole always holds something
        if (sample.data[i] == HOLE_OFFSET) {
            sample.data[i + 1] = 'x';
        }
        sample.data[i] = sample.data[i] < ' ' && sample.data[i] <= HOLE_ID ? 'x' : sample.data[i];
    }
    bool ok = literals_check("the name of a file", buf_slice(&sample), err);
    buf_release(&sample);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool name_layout_make(Arena *arena, const NameOptions *options, const NameLayout **layout, Err *err) {
    NameLayout *made = ARENA_NEW(arena, NameLayout);
    made->delimiter = SLICE("/");
    made->pad_width = options->pad_width >= 0 ? MAX(options->pad_width, 1) : OFFSET_DIGITS;
    const char *text = "{schema}/{table}/{partition}/{schema.table}-0-{offset}.{ext}";
    if (strcmp(options->layout, "confluent") == 0) {
        const char *d = options->directory_delimiter, *f = options->file_delimiter;
        if (d[0] == '\0' || strpbrk(d, "{}") != NULL || strpbrk(f, "{}") != NULL) {
            return FAIL(err, ERR_OPTION, "directory.delim must not be empty, and no delimiter may hold braces");
        }
        made->delimiter = slice_of(arena_printf(arena, "%s", d));
        made->pad_width = options->pad_width >= 0 ? MAX(options->pad_width, 1) : 10;
        text = arena_printf(arena, "{topics.dir}%s{topic}%s{partition}%s{topic}%s{kafka.partition}%s{offset}.{ext}", d,
                            d, d, f, f);
    } else if (strcmp(options->layout, "harbor") == 0) {
        if (options->tenant[0] == '\0') {
            FAIL(err, ERR_OPTION, "layout=harbor needs the tenant's id");
            return err_hint(err, "set tenant=ID");
        }
        text = "tenant-{tenant}/raw/cdc.{connector}.{table}/{Y}/{M}/{D}/{H}/{message-id}.{ext}";
    } else if (strcmp(options->layout, "template") == 0) {
        text = options->template_text;
        if (text[0] == '\0') {
            return FAIL(err, ERR_OPTION, "layout=template needs file.name.template");
        }
    }
    TRY(template_parse(arena, made, options, text, err));
    TRY(layout_check(made, options, err));
    *layout = made;
    return true;
}

// --- patterns --------------------------------------------------------------------------------------------------

// Schema "a.b", table "c" is a%2Eb.c, since a.b.c is schema "a", table "b.c".
static void schema_table(Buf *buf, Slice space, Slice table) {
    size_t start = buf->size;
    for (size_t at = 0; at < space.size;) {
        const uint8_t *dot = memchr(space.data + at, '.', space.size - at);
        size_t size = dot != NULL ? (size_t)(dot - space.data) - at : space.size - at;
        name_encode(buf, (Slice){space.data + at, size});
        buf_text(buf, dot != NULL ? "%2E" : "");
        at += size + (dot != NULL);
    }
    if (space.size > 0) {
        buf_u8(buf, '.');
    }
    name_encode(buf, table);
    name_shorten(buf, start);
}

static void encoded(Buf *buf, Slice text) {
    size_t start = buf->size;
    name_encode(buf, text);
    name_shorten(buf, start);
}

void name_pattern(Buf *buf, const NameLayout *layout, const NameParts *parts) {
    for (size_t i = 0; i < layout->piece_count; i++) {
        const Piece *piece = &layout->pieces[i];
        size_t start = buf->size;
        switch (piece->kind) {
        case PIECE_TEXT:
            buf_put(buf, piece->text);
            break;
        case PIECE_SCHEMA:
            encoded(buf, parts->space);
            break;
        case PIECE_TABLE:
            encoded(buf, parts->table);
            break;
        case PIECE_SCHEMA_TABLE:
            schema_table(buf, parts->space, parts->table);
            break;
        case PIECE_TOPIC:
            encoded(buf, parts->topic);
            break;
        case PIECE_EXTENSION:
            buf_text(buf, parts->extension);
            break;
        case PIECE_NUMBER:
            buf_int(buf, parts->partition);
            break;
        case PIECE_HOLE:
            buf_u8(buf, (uint8_t)piece->hole);
            if (piece->hole == HOLE_OFFSET) {
                buf_u8(buf, (uint8_t)layout->pad_width);
            }
            break;
        }
        Slice next = i + 1 < layout->piece_count ? layout->pieces[i + 1].text : (Slice){0};
        size_t skip = layout->delimiter.size;
        if (buf->size == start && next.size >= skip && memcmp(next.data, layout->delimiter.data, skip) == 0) {
            buf_put(buf, slice_from(next, skip)); // the empty variable and its delimiter
            i++;
        }
    }
}

void name_id_text(Buf *buf, const uint8_t id[16]) {
    for (int i = 0; i < 16; i++) {
        buf_printf(buf, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    }
}

void name_fill(Buf *buf, Slice pattern, const NameFill *fill) {
    int64_t of_day = (fill->local_s % DAY_S + DAY_S) % DAY_S;
    CalendarDate date = calendar_date((int32_t)((fill->local_s - of_day) / DAY_S - EPOCH_DAYS));
    for (size_t i = 0; i < pattern.size; i++) {
        switch (pattern.data[i]) {
        case HOLE_OFFSET:
            buf_printf(buf, "%0*" PRIu64, pattern.data[++i], fill->offset);
            break;
        case HOLE_PARTITION:
            buf_put(buf, fill->partition);
            i += fill->partition.size == 0 && i + 1 < pattern.size && pattern.data[i + 1] == '/' ? 1 : 0;
            break;
        case HOLE_YEAR:
            buf_printf(buf, "%04d", date.year);
            break;
        case HOLE_MONTH:
            buf_printf(buf, "%02d", date.month);
            break;
        case HOLE_DAY:
            buf_printf(buf, "%02d", date.day);
            break;
        case HOLE_HOUR:
            buf_printf(buf, "%02d", (int)(of_day / 3600));
            break;
        case HOLE_ID:
            name_id_text(buf, fill->id);
            break;
        default:
            buf_u8(buf, pattern.data[i]);
        }
    }
}

static size_t digits_at(Slice name) {
    size_t count = 0;
    while (count < name.size && name.data[count] >= '0' && name.data[count] <= '9') {
        count++;
    }
    return count;
}

static bool offset_read(Slice digits, uint64_t *offset) {
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digits.data[i] - '0'), &number)) {
            return false;
        }
    }
    *offset = number;
    return true;
}

static bool is_id(Slice text) {
    for (size_t i = 0; i < text.size; i++) {
        if (memchr("0123456789abcdef-", text.data[i], 17) == NULL) {
            return false;
        }
    }
    return true;
}

static bool match_at(Slice pattern, Slice name, uint64_t *offset);

// The bytes that a partition takes are unknown: every number of them is tried.
static bool match_partition(Slice rest, Slice name, uint64_t *offset) {
    if (rest.size > 0 && rest.data[0] == '/' && match_at(slice_from(rest, 1), name, offset)) {
        return true; // it was empty, and took the slash with it
    }
    for (size_t size = 1; size <= name.size; size++) {
        if (match_at(rest, slice_from(name, size), offset)) {
            return true;
        }
    }
    return false;
}

static bool match_at(Slice pattern, Slice name, uint64_t *offset) {
    for (size_t i = 0; i < pattern.size; i++) {
        size_t digits = digits_at(name), size = 1;
        bool fits = name.size > 0 && name.data[0] == pattern.data[i];
        switch (pattern.data[i]) {
        case HOLE_OFFSET:
            size = digits;
            i++;
            fits = i < pattern.size && digits > 0 && digits >= pattern.data[i] &&
                   (digits == pattern.data[i] || name.data[0] != '0') &&
                   offset_read((Slice){name.data, digits}, offset);
            break;
        case HOLE_PARTITION:
            return match_partition(slice_from(pattern, i + 1), name, offset);
        case HOLE_YEAR:
            size = 4;
            fits = digits >= 4;
            break;
        case HOLE_MONTH:
        case HOLE_DAY:
        case HOLE_HOUR:
            size = 2;
            fits = digits >= 2;
            break;
        case HOLE_ID:
            size = ID_TEXT;
            fits = name.size >= size && is_id((Slice){name.data, size});
            break;
        default:
            break;
        }
        if (!fits) {
            return false;
        }
        name = slice_from(name, size);
    }
    return name.size == 0;
}

bool name_match(Slice pattern, Slice name, uint64_t *offset) {
    *offset = UINT64_MAX;
    return match_at(pattern, name, offset);
}

bool name_has_hole(Slice pattern, int hole) {
    for (size_t i = 0; i < pattern.size; i++) {
        if (pattern.data[i] == hole) {
            return true;
        }
        i += pattern.data[i] == HOLE_OFFSET ? 1 : 0;
    }
    return false;
}

Slice name_prefix(Slice pattern) {
    size_t size = 0;
    while (size < pattern.size && pattern.data[size] >= ' ') {
        size++;
    }
    return (Slice){pattern.data, size};
}
