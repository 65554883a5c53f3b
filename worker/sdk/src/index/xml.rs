//! XML of strangers, as a small tree with limits: no document types, no entities but the five and character references.

use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    reader::Reader,
};

use super::BadIndex;

/// An index is about a megabyte.
pub(crate) const MAX_BYTES: usize = 16 << 20;
const MAX_ELEMENTS: usize = 400_000;
const MAX_DEPTH: usize = 24;
const MAX_NAME: usize = 128;
const MAX_ATTRIBUTES: usize = 16;
const MAX_ATTRIBUTE: usize = 4096;
/// A licence has up to 90,000 characters.
const MAX_TEXT: usize = 512 << 10;

/// An element, its namespace left out: other makers' indexes choose other prefixes for the same words.
#[derive(Default, Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// All character data directly in it.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The text of a child without the space around it; none when empty.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.trim()).filter(|t| !t.is_empty())
    }
}

fn malformed(e: impl std::fmt::Display) -> BadIndex {
    BadIndex::Malformed(e.to_string().chars().take(200).collect())
}

/// Reads a whole document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, BadIndex> {
    if bytes.len() > MAX_BYTES {
        return Err(BadIndex::Limit { what: "bytes", most: MAX_BYTES });
    }
    let text = std::str::from_utf8(bytes).map_err(malformed)?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut open, mut root, mut elements) = (Vec::<Element>::new(), None, 0);
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err(BadIndex::Limit { what: "elements", most: MAX_ELEMENTS });
                }
                if open.len() >= MAX_DEPTH {
                    return Err(BadIndex::Limit { what: "levels", most: MAX_DEPTH });
                }
                open.push(element(start)?);
                if matches!(event, Event::Empty(_)) {
                    close(&mut open, &mut root)?;
                }
            }
            Event::End(_) => close(&mut open, &mut root)?,
            Event::Text(t) => append(&mut open, &t.xml10_content())?,
            Event::CData(t) => append(&mut open, &t.xml10_content())?,
            Event::GeneralRef(r) => {
                if let Some(c) = r.resolve_char_ref().map_err(malformed)? {
                    append(&mut open, c.encode_utf8(&mut [0; 4]))?;
                } else {
                    let name = r.into_inner();
                    append(&mut open, resolve_predefined_entity(&name).ok_or(BadIndex::Entity)?)?;
                }
            }
            Event::DocType(_) => return Err(BadIndex::DocumentType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(malformed("the document ends too early")),
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, BadIndex> {
    let name = short(start.local_name().into_inner())?;
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        if attributes.len() == MAX_ATTRIBUTES {
            return Err(BadIndex::Limit { what: "attributes", most: MAX_ATTRIBUTES });
        }
        if attribute.value.len() > MAX_ATTRIBUTE {
            return Err(BadIndex::Limit { what: "characters of an attribute", most: MAX_ATTRIBUTE });
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(malformed)?.into_owned();
        attributes.push((short(attribute.key.local_name().into_inner())?, value));
    }
    Ok(Element { name, attributes, ..Element::default() })
}

fn short(name: &str) -> Result<String, BadIndex> {
    if name.len() > MAX_NAME { Err(BadIndex::Limit { what: "characters of a name", most: MAX_NAME }) } else { Ok(name.to_owned()) }
}

fn append(open: &mut [Element], text: &str) -> Result<(), BadIndex> {
    let Some(element) = open.last_mut() else {
        return if text.trim().is_empty() { Ok(()) } else { Err(malformed("text outside of the root element")) };
    };
    if element.text.len() + text.len() > MAX_TEXT {
        return Err(BadIndex::Limit { what: "characters of a text", most: MAX_TEXT });
    }
    element.text.push_str(text);
    Ok(())
}

fn close(open: &mut Vec<Element>, root: &mut Option<Element>) -> Result<(), BadIndex> {
    let done = open.pop().ok_or_else(|| malformed("an end without a start"))?;
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err(malformed("more than one root element")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_do_not_matter_and_text_is_whole() {
        let root = parse(
            b"\xef\xbb\xbf<?xml version='1.0'?><x:a xmlns:x='u' x:k='1 &amp; 2'><!-- c --><b>1<![CDATA[<2]]>&lt;&#x33;</b><c/></x:a>",
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.attribute("k")), ("a", Some("1 & 2")));
        assert_eq!(root.text_of("b"), Some("1<2<3"));
        assert_eq!(root.text_of("c"), None);
    }

    #[test]
    fn entities_and_document_types_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
        assert!(matches!(parse(bomb.as_bytes()), Err(BadIndex::DocumentType)));
        assert!(matches!(parse(b"<a>&y;</a>"), Err(BadIndex::Entity)));
        assert!(parse(b"<a k='&y;'/>").is_err());
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(25), "</a>".repeat(25));
        assert!(matches!(parse(deep.as_bytes()), Err(BadIndex::Limit { what: "levels", .. })));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert!(matches!(parse(wide.as_bytes()), Err(BadIndex::Limit { what: "elements", .. })));
        let many = (0..17).map(|i| format!(" a{i}='1'")).collect::<Vec<_>>().concat();
        assert!(matches!(parse(format!("<a{many}/>").as_bytes()), Err(BadIndex::Limit { what: "attributes", .. })));
        let long = format!("<a>{}</a>", "x".repeat(MAX_TEXT + 1));
        assert!(matches!(parse(long.as_bytes()), Err(BadIndex::Limit { what: "characters of a text", .. })));
        assert!(matches!(parse(&vec![b' '; MAX_BYTES + 1]), Err(BadIndex::Limit { what: "bytes", .. })));
    }

    #[test]
    fn half_a_document_is_none() {
        for bad in ["", "<a>", "<a></b>", "</a>", "<a/><b/>", "x<a/>", "<a/>x"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn almost_xml_never_panics(s in "(<[a-c:/!?]{0,4}( [a-c]=['\"]?[&;#x0-9a-c]{0,9}['\"]?)?>?|&[#a-z0-9]{0,8};?|]]>|<!\\[CDATA\\[|--){0,40}") {
            let _ = parse(s.as_bytes());
        }
    }
}
