// SPDX-License-Identifier: Apache-2.0
// Reading the XML (1.0) that services answer with: elements and their text, one after the other, from bytes in memory.
// Attributes, comments and processing instructions are passed over, prefixes of names are dropped. There are no
// document types, so no entities but the five of XML itself and characters by number; nothing is ever fetched or
// expanded.
//
//     Xml xml = xml_of(buf_slice(&answer.body), &scratch);
//     XmlItem item;
//     do {
//         TRY(xml_next(&xml, &item, err));
//         if (item.kind == XML_CLOSE && slice_is(item.name, "Key")) { … item.text … }
//     } while (item.kind != XML_END);
#ifndef LEAT_CORE_NET_XML_H
#define LEAT_CORE_NET_XML_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

enum { XML_DEPTH_MAX = 32, XML_NAME_BYTES_MAX = 256 };

typedef struct Xml {
    Slice all;
    size_t at;
    Arena *arena;
    Slice open[XML_DEPTH_MAX]; // names, with their prefixes
    int depth;
    bool closes; // the element just opened was <empty/>
    bool rooted; // the root element has begun
} Xml;

typedef enum XmlKind { XML_OPEN, XML_CLOSE, XML_END } XmlKind;

typedef struct XmlItem {
    XmlKind kind;
    Slice name; // without a prefix; borrowed from the document
    Slice text; // XML_CLOSE: what stood before it, since the last tag: the whole text of an element without children.
                // Borrowed, or in the arena where something had to be decoded.
    int depth;  // of the element: 1 = the root
} XmlItem;

Xml xml_of(Slice document, Arena *arena);
// ERR_NET_PROTOCOL says at which byte the document is no XML, is cut, nested deeper than XML_DEPTH_MAX, or asks for a
// document type. What the arena takes is less than the document.
CHECKED bool xml_next(Xml *xml, XmlItem *item, Err *err);
// The text of the first element of that name that has no children; false when there is none, or no sound document up to
// it.
bool xml_find(Slice document, const char *name, Arena *arena, Slice *text);
// Appends text as XML wants it: & < > " and control characters as references.
void xml_escape(Buf *buf, Slice text);

#endif
