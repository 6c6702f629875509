// SPDX-License-Identifier: Apache-2.0
#include "core/net/xml.c"

#include "core/base/test.h"

// "name(" at an opening, "text)" at a closing.
static bool walk(const char *document, Buf *out, Err *err) {
    Arena arena;
    arena_init(&arena, "test", 0);
    Xml xml = xml_of(slice_of(document), &arena);
    XmlItem item = {0};
    bool read = true;
    while (read && item.kind != XML_END) {
        read = xml_next(&xml, &item, err);
        if (read && item.kind == XML_OPEN) {
            buf_put(out, item.name);
            buf_u8(out, '(');
        } else if (read && item.kind == XML_CLOSE) {
            buf_put(out, item.text);
            buf_u8(out, ')');
        }
    }
    arena_release(&arena);
    return read;
}

TEST(xml_reads_documents) {
    static const struct {
        const char *document, *want;
    } ROWS[] = {
        {"<a/>", "a()"},
        {"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns='x>' b = \"/>\">t</a >\n", "a(t)"},
        {"<a><b>1</b><b/>\n<c> 2 </c></a>", "a(b(1)b()c( 2 ))"},
        {"<s:a xmlns:s='u'><s:b>x</s:b></s:a>", "a(b(x))"},
        {"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#xe4;&#10;</a>", "a(<>&\"'A\xf0\x9f\x98\x80\xc3\xa4\n)"},
        {"<a>x<![CDATA[<&lt;]]]>y<!-- <b> -->z<?p?>&amp;</a><!-- end -->", "a(x<&lt;]yz&)"},
        {"<a><![CDATA[one]]></a>", "a(one)"},
        {"  \n<a>t</a>", "a(t)"},
    };
    Err err[1] = {{0}};
    DEFER(buf_release) Buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(&out);
        CHECK_OK(walk(ROWS[i].document, &out, err));
        CHECK_TEXT(buf_slice(&out), ROWS[i].want);
    }
}

TEST(xml_refuses_what_is_not_sound) {
    static const char *const DOCUMENTS[] = {
        "",
        " ",
        "x",
        "<",
        "<a",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a>&b;</a>",
        "<a>&",
        "<a>&#0;</a>",
        "<a>&#xd800;</a>",
        "<a>&#x110000;</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#99999999999;</a>",
        "<a b></a>",
        "<a b=c></a>",
        "<a b='></a>",
        "<a><![CDATA[x</a>",
        "<a><!-- x</a>",
        "<![CDATA[x]]><a/>",
        "<?xml",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<a><!ELEMENT b></a>",
        "<1=/>",
        "< a/>",
        "<a></ a>",
        "<a></a",
    };
    Err err[1] = {{0}};
    DEFER(buf_release) Buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(DOCUMENTS); i++) {
        CHECK_FAILS(walk(DOCUMENTS[i], &out, err), ERR_NET_PROTOCOL);
    }
    for (int depth = XML_DEPTH_MAX; depth <= XML_DEPTH_MAX + 1; depth++) {
        DEFER(buf_release) Buf deep = {0};
        for (int i = 0; i < depth; i++) {
            buf_text(&deep, "<a>");
        }
        for (int i = 0; i < depth; i++) {
            buf_text(&deep, "</a>");
        }
        buf_u8(&deep, 0);
        CHECK(walk((const char *)deep.data, &out, err) == (depth == XML_DEPTH_MAX));
    }
}

TEST(xml_finds_text) {
    Arena arena;
    arena_init(&arena, "test", 0);
    Slice document = SLICE("<Error><Code>NoSuchKey</Code><Key>a&amp;b</Key><Inner><Code>x</Code></Inner></Err");
    Slice text;
    CHECK(xml_find(document, "Code", &arena, &text));
    CHECK_TEXT(text, "NoSuchKey");
    CHECK(xml_find(document, "Key", &arena, &text));
    CHECK_TEXT(text, "a&b");
    CHECK(!xml_find(document, "Inner", &arena, &text));
    CHECK(!xml_find(document, "Message", &arena, &text));
    CHECK(!xml_find(SLICE("502 Bad Gateway"), "Code", &arena, &text));
    DEFER(buf_release) Buf escaped = {0}, whole = {0};
    Slice odd = SLICE("a<b>&\"'\n\x01\xc3\xa4]]>");
    xml_escape(&escaped, odd);
    buf_printf(&whole, "<a>%.*s</a>", SLICE_ARG(buf_slice(&escaped)));
    CHECK(xml_find(buf_slice(&whole), "a", &arena, &text) && slice_equal(text, odd));
    arena_release(&arena);
}
