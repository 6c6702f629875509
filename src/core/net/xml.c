// SPDX-License-Identifier: Apache-2.0
#include "core/net/xml.h"

Xml xml_of(Slice document, Arena *arena) {
    Xml xml = {.all = document.size > 0 ? document : SLICE(""), .arena = arena};
    if (document.size >= 3 && memcmp(document.data, "\xef\xbb\xbf", 3) == 0) {
        xml.at = 3;
    }
    return xml;
}

static bool bad(const Xml *xml, const char *what, Err *err) {
    return FAIL(err, ERR_NET_PROTOCOL, "the answer is no XML that can be read: %s at byte %zu", what, xml->at);
}

static Slice rest(const Xml *xml) {
    return slice_from(xml->all, xml->at);
}

static bool ahead(const Xml *xml, const char *text) {
    Slice left = rest(xml);
    size_t size = strlen(text);
    return left.size >= size && memcmp(left.data, text, size) == 0;
}

// Passes over all up to and with `end`; what was before it is *passed.
static bool pass(Xml *xml, const char *end, Slice *passed, const char *what, Err *err) {
    Slice left = rest(xml);
    const uint8_t *found = left.size > 0 ? memmem(left.data, left.size, end, strlen(end)) : NULL;
    if (found == NULL) {
        return bad(xml, what, err);
    }
    *passed = (Slice){left.data, (size_t)(found - left.data)};
    xml->at += passed->size + strlen(end);
    return true;
}

static bool blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void pass_blanks(Xml *xml) {
    while (xml->at < xml->all.size && blank(xml->all.data[xml->at])) {
        xml->at++;
    }
}

// --- text ------------------------------------------------------------------------------------------------------

static void put_utf8(Buf *out, uint32_t c) {
    if (c < 0x80) {
        buf_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        buf_u8(out, (uint8_t)(0xc0 | (c >> 6)));
        buf_u8(out, (uint8_t)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_u8(out, (uint8_t)(0xe0 | (c >> 12)));
        buf_u8(out, (uint8_t)(0x80 | ((c >> 6) & 63)));
        buf_u8(out, (uint8_t)(0x80 | (c & 63)));
    } else {
        buf_u8(out, (uint8_t)(0xf0 | (c >> 18)));
        buf_u8(out, (uint8_t)(0x80 | ((c >> 12) & 63)));
        buf_u8(out, (uint8_t)(0x80 | ((c >> 6) & 63)));
        buf_u8(out, (uint8_t)(0x80 | (c & 63)));
    }
}

// "#10" or "#xA": AWS refers to control characters too, which XML 1.0 forbids; they are taken.
static bool number_of(Slice name, uint32_t *number) {
    bool hex = name.size > 1 && (name.data[1] == 'x' || name.data[1] == 'X');
    size_t from = hex ? 2 : 1;
    *number = 0;
    if (name.size <= from || name.size > from + 8) {
        return false;
    }
    for (size_t i = from; i < name.size; i++) {
        uint8_t c = name.data[i], low = (uint8_t)(c | 0x20);
        bool letter = hex && low >= 'a' && low <= 'f';
        if (!letter && (c < '0' || c > '9')) {
            return false;
        }
        *number = *number * (hex ? 16 : 10) + (uint32_t)(letter ? low - 'a' + 10 : c - '0');
    }
    return *number > 0 && *number <= 0x10ffff && (*number < 0xd800 || *number > 0xdfff);
}

static bool put_entity(Slice name, Buf *out) {
    static const struct {
        const char *name;
        uint8_t c;
    } ENTITIES[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    uint32_t number;
    if (name.size > 0 && name.data[0] == '#') {
        if (!number_of(name, &number)) {
            return false;
        }
        put_utf8(out, number);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(ENTITIES); i++) {
        if (slice_is(name, ENTITIES[i].name)) {
            buf_u8(out, ENTITIES[i].c);
            return true;
        }
    }
    return false;
}

static bool put_text(const Xml *xml, Slice raw, Buf *out, Err *err) {
    while (raw.size > 0) {
        const uint8_t *and = memchr(raw.data, '&', raw.size);
        size_t plain = and != NULL ? (size_t)(and-raw.data) : raw.size;
        buf_put(out, (Slice){raw.data, plain});
        raw = slice_from(raw, plain);
        if (raw.size == 0) {
            break;
        }
        const uint8_t *end = memchr(raw.data, ';', MIN(raw.size, 16));
        if (end == NULL || !put_entity((Slice){raw.data + 1, (size_t)(end - raw.data) - 1}, out)) {
            return bad(xml, "an unknown entity", err);
        }
        raw = slice_from(raw, (size_t)(end - raw.data) + 1);
    }
    return true;
}

// The text so far: the piece itself while it is the only one and has nothing to decode.
typedef struct Text {
    Slice piece;
    Buf decoded;
    bool in_buf;
} Text;

static bool text_add(const Xml *xml, Text *text, Slice piece, bool raw, Err *err) {
    if (piece.size == 0) {
        return true;
    }
    bool plain = raw || memchr(piece.data, '&', piece.size) == NULL;
    if (plain && !text->in_buf && text->piece.size == 0) {
        text->piece = piece;
        return true;
    }
    if (!text->in_buf) {
        buf_put(&text->decoded, text->piece);
        text->in_buf = true;
    }
    if (plain) {
        buf_put(&text->decoded, piece);
        return true;
    }
    return put_text(xml, piece, &text->decoded, err);
}

// --- markup ----------------------------------------------------------------------------------------------------

static bool name_byte(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == ':' || c >= 0x80;
}

static bool name_read(Xml *xml, Slice *name, Err *err) {
    Slice left = rest(xml);
    size_t size = 0;
    while (size < left.size && name_byte(left.data[size])) {
        size++;
    }
    if (size == 0 || size > XML_NAME_BYTES_MAX) {
        return bad(xml, "no name", err);
    }
    *name = (Slice){left.data, size};
    xml->at += size;
    return true;
}

static Slice name_local(Slice name) {
    const uint8_t *colon = memrchr(name.data, ':', name.size);
    return colon != NULL ? slice_from(name, (size_t)(colon - name.data) + 1) : name;
}

static bool pass_attributes(Xml *xml, Err *err) {
    for (;;) {
        pass_blanks(xml);
        if (ahead(xml, ">") || ahead(xml, "/>")) {
            return true;
        }
        Slice ignored;
        TRY(name_read(xml, &ignored, err));
        pass_blanks(xml);
        if (!ahead(xml, "=")) {
            return bad(xml, "an attribute without a value", err);
        }
        xml->at++;
        pass_blanks(xml);
        bool single = ahead(xml, "'");
        if (!single && !ahead(xml, "\"")) {
            return bad(xml, "an attribute's value without quotes", err);
        }
        xml->at++;
        TRY(pass(xml, single ? "'" : "\"", &ignored, "an attribute's value that does not end", err));
    }
}

static bool open_read(Xml *xml, XmlItem *item, Err *err) {
    Slice name;
    if (xml->depth == 0 && xml->rooted) {
        return bad(xml, "a second root", err);
    }
    if (xml->depth == XML_DEPTH_MAX) {
        return bad(xml, "elements nested too deep", err);
    }
    xml->at++;
    TRY(name_read(xml, &name, err));
    TRY(pass_attributes(xml, err));
    xml->closes = ahead(xml, "/>");
    xml->at += xml->closes ? 2 : 1;
    xml->open[xml->depth++] = name;
    xml->rooted = true;
    *item = (XmlItem){.kind = XML_OPEN, .name = name_local(name), .depth = xml->depth};
    return true;
}

static bool close_read(Xml *xml, XmlItem *item, Err *err) {
    Slice name;
    xml->at += 2;
    TRY(name_read(xml, &name, err));
    pass_blanks(xml);
    if (!ahead(xml, ">") || xml->depth == 0 || !slice_equal(name, xml->open[xml->depth - 1])) {
        return bad(xml, "an end of what was not begun", err);
    }
    xml->at++;
    *item = (XmlItem){.kind = XML_CLOSE, .name = name_local(name), .depth = xml->depth--};
    return true;
}

// Text, comments and the like up to the next tag; *tag is false at the end of the document.
static bool read_to_tag(Xml *xml, Text *text, bool *tag, Err *err) {
    for (;;) {
        Slice left = rest(xml), piece;
        const uint8_t *angle = left.size > 0 ? memchr(left.data, '<', left.size) : NULL;
        piece = (Slice){left.data, angle != NULL ? (size_t)(angle - left.data) : left.size};
        for (size_t i = 0; xml->depth == 0 && i < piece.size; i++) {
            if (!blank(piece.data[i])) {
                return bad(xml, "text outside of the root", err);
            }
        }
        TRY(xml->depth == 0 || text_add(xml, text, piece, false, err));
        xml->at += piece.size;
        *tag = angle != NULL;
        if (angle == NULL) {
            return true;
        }
        Slice inside;
        if (ahead(xml, "<!--")) {
            xml->at += 4;
            TRY(pass(xml, "-->", &inside, "a comment that does not end", err));
        } else if (ahead(xml, "<?")) {
            TRY(pass(xml, "?>", &inside, "an instruction that does not end", err));
        } else if (ahead(xml, "<![CDATA[") && xml->depth > 0) {
            xml->at += 9;
            TRY(pass(xml, "]]>", &inside, "a CDATA section that does not end", err));
            TRY(text_add(xml, text, inside, true, err));
        } else if (ahead(xml, "<!")) {
            return bad(xml, "a document type, which is not taken,", err);
        } else {
            return true;
        }
    }
}

static bool next(Xml *xml, Text *text, XmlItem *item, Err *err) {
    bool tag = false;
    TRY(read_to_tag(xml, text, &tag, err));
    if (!tag) {
        if (xml->depth > 0 || !xml->rooted) {
            return bad(xml, "the end", err);
        }
        *item = (XmlItem){.kind = XML_END};
        return true;
    }
    if (!ahead(xml, "</")) {
        return open_read(xml, item, err);
    }
    TRY(close_read(xml, item, err));
    item->text = text->in_buf ? arena_slice(xml->arena, buf_slice(&text->decoded)) : text->piece;
    return true;
}

bool xml_next(Xml *xml, XmlItem *item, Err *err) {
    if (xml->closes) {
        xml->closes = false;
        *item = (XmlItem){.kind = XML_CLOSE, .name = name_local(xml->open[xml->depth - 1]), .depth = xml->depth};
        xml->depth--;
        return true;
    }
    Text text = {0};
    bool read = next(xml, &text, item, err);
    buf_release(&text.decoded);
    return read;
}

bool xml_find(Slice document, const char *name, Arena *arena, Slice *text) {
    Xml xml = xml_of(document, arena);
    Err ignored[1] = {{0}};
    bool leaf = false;
    for (XmlItem item; xml_next(&xml, &item, ignored) && item.kind != XML_END;) {
        if (item.kind == XML_CLOSE && leaf && slice_is(item.name, name)) {
            *text = item.text;
            return true;
        }
        leaf = item.kind == XML_OPEN;
    }
    return false;
}

void xml_escape(Buf *buf, Slice text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '&' || c == '<' || c == '>' || c == '"' || c < 0x20) {
            buf_printf(buf, "&#%u;", (unsigned)c);
        } else {
            buf_u8(buf, c);
        }
    }
}
