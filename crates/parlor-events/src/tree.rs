//! Reading XML into a tree, whatever is sent.

use crate::Limits;
use crate::write::is_character;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Why a document is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum XmlError {
    /// It is larger, deeper or has more elements or attributes than allowed.
    #[error("the document is too large")]
    TooLarge,
    /// It is not UTF-8, or has characters that XML does not allow.
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// It has a document type, or refers to an entity that XML does not define.
    #[error("the document declares or uses entities")]
    Entities,
    /// It is not well-formed.
    #[error("the document is not well-formed")]
    Syntax,
    /// Its root is not that of the format.
    #[error("the document is of another format")]
    Root,
    /// An element or attribute that the format requires is missing or has no such value.
    #[error("the document lacks something")]
    Incomplete,
}

/// The namespaces that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// None is said.
    None,
    ConferenceInfo,
    Xcon,
    AgConference,
    IsComposing,
    ResourceLists,
    CopyControl,
    Pidf,
    /// That of `xml:lang`.
    Xml,
    /// One that means nothing here.
    Foreign,
}

impl Namespace {
    /// RFC 4575 §4.
    pub(crate) const CONFERENCE_INFO: &'static str = "urn:ietf:params:xml:ns:conference-info";
    /// RFC 6501 §4.
    pub(crate) const XCON: &'static str = "urn:ietf:params:xml:ns:xcon-conference-info";
    /// The extension of Blink and SylkServer.
    pub(crate) const AG_CONFERENCE: &'static str = "urn:ag-projects:xml:ns:conference-info";
    /// RFC 3994 §6.
    pub(crate) const IS_COMPOSING: &'static str = "urn:ietf:params:xml:ns:im-iscomposing";
    /// RFC 4826 §3.2.
    pub(crate) const RESOURCE_LISTS: &'static str = "urn:ietf:params:xml:ns:resource-lists";
    /// RFC 5364 §5.
    pub(crate) const COPY_CONTROL: &'static str = "urn:ietf:params:xml:ns:copycontrol";
    /// RFC 3863 §4.1.1.
    pub(crate) const PIDF: &'static str = "urn:ietf:params:xml:ns:pidf";
    /// What the same was called in drafts (EVT-86).
    pub(crate) const CPIM_PIDF: &'static str = "urn:ietf:params:xml:ns:cpim-pidf";
    const XML: &'static str = "http://www.w3.org/XML/1998/namespace";

    /// Its name, if it has one and means something here.
    pub(crate) fn uri(self) -> Option<&'static str> {
        match self {
            Self::None => Some(""),
            Self::ConferenceInfo => Some(Self::CONFERENCE_INFO),
            Self::Xcon => Some(Self::XCON),
            Self::AgConference => Some(Self::AG_CONFERENCE),
            Self::IsComposing => Some(Self::IS_COMPOSING),
            Self::ResourceLists => Some(Self::RESOURCE_LISTS),
            Self::CopyControl => Some(Self::COPY_CONTROL),
            Self::Pidf => Some(Self::PIDF),
            Self::Xml | Self::Foreign => None,
        }
    }

    fn of(resolved: &ResolveResult<'_>) -> Self {
        let ResolveResult::Bound(name) = resolved else {
            return if *resolved == ResolveResult::Unbound { Self::None } else { Self::Foreign };
        };
        match name.as_ref() {
            Self::CONFERENCE_INFO => Self::ConferenceInfo,
            Self::XCON => Self::Xcon,
            Self::AG_CONFERENCE => Self::AgConference,
            Self::IS_COMPOSING => Self::IsComposing,
            Self::RESOURCE_LISTS => Self::ResourceLists,
            Self::PIDF | Self::CPIM_PIDF | PIDF_MISPRINTED => Self::Pidf,
            Self::XML => Self::Xml,
            // SIP-88: RFC 5364 and RFC 5366 do not agree on the case.
            name if name.eq_ignore_ascii_case(Self::COPY_CONTROL) => Self::CopyControl,
            _ => Self::Foreign,
        }
    }
}

/// EVT-80: as RFC 3863 has it in one place.
const PIDF_MISPRINTED: &str = "urn:ietf:params:xml:ns:pidf:";
/// The longest name of a foreign namespace that is kept: elements could refer to a long one many times.
const LONGEST_FOREIGN: usize = 256;

/// An attribute's namespace, name and value.
pub(crate) type Attribute = (Namespace, Box<str>, Box<str>);

/// An element and what is in it.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) namespace: Namespace,
    pub(crate) name: Box<str>,
    /// The name of its namespace, if that is a foreign one.
    pub(crate) foreign: Option<Box<str>>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Element>,
    /// The text of an element without children.
    text: String,
}

impl Element {
    /// Reads a document whose root is this element, in its namespace or in none (EVT-E3).
    pub(crate) fn root(xml: &[u8], namespace: Namespace, name: &str, limits: &Limits) -> Result<Self, XmlError> {
        let root = read(xml, limits)?;
        let is_format = *root.name == *name && [namespace, Namespace::None].contains(&root.namespace);
        if is_format { Ok(root) } else { Err(XmlError::Root) }
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, namespace: Namespace, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(own, known, _)| *own == namespace && **known == *name);
        found.map(|(_, _, value)| &**value)
    }

    /// The value of an attribute without a namespace.
    pub(crate) fn plain_attribute(&self, name: &str) -> Option<&str> {
        self.attribute(Namespace::None, name)
    }

    /// The first element of that name in the same namespace.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children_named(name).next()
    }

    /// The elements of that name in the same namespace.
    pub(crate) fn children_named(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.namespace == self.namespace && *child.name == *name)
    }

    /// The text in the first element of that name, without space around it.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(Self::text)
    }

    /// The text of an element without children, without space around it.
    pub(crate) fn text(&self) -> &str {
        self.text.trim()
    }
}

/// Reads a whole document.
fn read(xml: &[u8], limits: &Limits) -> Result<Element, XmlError> {
    if xml.len() > limits.bytes {
        return Err(XmlError::TooLarge);
    }
    let text = std::str::from_utf8(xml).map_err(|_| XmlError::NotUtf8)?;
    if !text.chars().all(is_character) {
        return Err(XmlError::NotUtf8);
    }
    let mut tree = Tree { limits, elements: 0, open: Vec::new(), root: None };
    let mut reader = NsReader::from_str(text);
    loop {
        match reader.read_event().map_err(|_| XmlError::Syntax)? {
            Event::Start(start) => tree.open(&reader, &start)?,
            Event::Empty(start) => {
                tree.open(&reader, &start)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.text(resolve(&reference)?.encode_utf8(&mut [0; 4]))?,
            // No document here needs one, and what it declares could make a small document large.
            Event::DocType(_) => return Err(XmlError::Entities),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

/// The character that `&amp;` or `&#38;` stands for.
fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    let character = match reference.resolve_char_ref().map_err(|_| XmlError::Syntax)? {
        Some(character) => Some(character),
        None => resolve_predefined_entity(reference).and_then(|text| text.chars().next()),
    };
    character.filter(|character| is_character(*character)).ok_or(XmlError::Entities)
}

fn foreign(uri: &str) -> Option<Box<str>> {
    (uri.len() <= LONGEST_FOREIGN).then(|| uri.into())
}

/// A tree that grows.
struct Tree<'a> {
    limits: &'a Limits,
    elements: usize,
    /// The elements that are not closed, the root first.
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree<'_> {
    fn open(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<(), XmlError> {
        self.elements += 1;
        if self.elements > self.limits.elements || self.open.len() >= self.limits.depth {
            return Err(XmlError::TooLarge);
        }
        if self.root.is_some() {
            return Err(XmlError::Syntax);
        }
        let (resolved, name) = reader.resolver().resolve_element(start.name());
        let (namespace, name) = (Namespace::of(&resolved), name.as_ref().into());
        let foreign = match resolved {
            ResolveResult::Bound(uri) if namespace == Namespace::Foreign => foreign(uri.as_ref()),
            ResolveResult::Bound(_) | ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
        };
        let attributes = self.attributes(reader, start)?;
        self.open.push(Element { namespace, name, foreign, attributes, children: Vec::new(), text: String::new() });
        Ok(())
    }

    fn attributes(&self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Vec<Attribute>, XmlError> {
        let mut found = Vec::new();
        for (index, attribute) in start.attributes().enumerate() {
            if index >= self.limits.attributes {
                return Err(XmlError::TooLarge);
            }
            let attribute = attribute.map_err(|_| XmlError::Syntax)?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (resolved, name) = reader.resolver().resolve_attribute(attribute.key);
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError::Entities)?;
            if !value.chars().all(is_character) {
                return Err(XmlError::Entities);
            }
            found.push((Namespace::of(&resolved), name.as_ref().into(), (*value).into()));
        }
        Ok(found)
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let closed = self.open.pop().ok_or(XmlError::Syntax)?;
        match self.open.last_mut() {
            Some(parent) => {
                parent.text.clear();
                parent.children.push(closed);
            }
            None => self.root = Some(closed),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => {
                if element.children.is_empty() {
                    element.text.push_str(text);
                }
                Ok(())
            }
            None if text.trim_start_matches('\u{FEFF}').trim().is_empty() => Ok(()),
            None => Err(XmlError::Syntax),
        }
    }

    fn finish(self) -> Result<Element, XmlError> {
        if self.open.is_empty() { self.root.ok_or(XmlError::Syntax) } else { Err(XmlError::Syntax) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(xml: &str) -> XmlError {
        read(xml.as_bytes(), &Limits::default()).unwrap_err()
    }

    /// Namespaces, attributes, references, comments and CDATA are read; text beside elements is not kept.
    #[test]
    fn documents() {
        let xml = "\u{FEFF}<?xml version='1.0'?><!-- a --><m:isComposing xmlns:m='urn:ietf:params:xml:ns:im-iscomposing' \
                   m:a='1' a=' 2&lt;&#x33;'> x <m:b/> y <c><![CDATA[<]]>&amp;&#65; </c></m:isComposing>\n";
        let root = read(xml.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((root.namespace, &*root.name, root.text()), (Namespace::IsComposing, "isComposing", ""));
        assert_eq!(root.attribute(Namespace::IsComposing, "a"), Some("1"));
        assert_eq!(root.plain_attribute("a"), Some(" 2<3"));
        assert!(root.child("b").is_some() && root.child("c").is_none());
        assert_eq!((root.children[1].namespace, root.children[1].text()), (Namespace::None, "<&A"));
    }

    /// What is not well-formed is refused.
    #[test]
    fn malformed() {
        for xml in
            ["", "a", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>b", "<a b='1' b='2'/>", "<a b=1/>", "<a", "<a b='"]
        {
            assert_eq!(error(xml), XmlError::Syntax, "{xml}");
        }
        assert_eq!(error("<a>\u{0}</a>"), XmlError::NotUtf8);
        assert_eq!(read(b"<a>\xff</a>", &Limits::default()).unwrap_err(), XmlError::NotUtf8);
    }

    /// A document type and any entity but the five that XML has are refused, so that nothing is expanded or fetched.
    #[test]
    fn entities() {
        let laughs = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
        for xml in [laughs, "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "<a>&b;</a>", "<a b='&c;'/>", "<a>&#1;</a>"]
        {
            assert_eq!(error(xml), XmlError::Entities, "{xml}");
        }
    }

    /// Size, depth, elements and attributes have their limits.
    #[test]
    fn limits() {
        let limits = Limits::default();
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        let wide = |n: usize| format!("<a>{}</a>", "<b/>".repeat(n - 1));
        let many = |n: usize| format!("<a {}/>", (0..n).map(|i| format!("b{i}='' ")).collect::<String>());
        let declared = |n: usize| format!("<a {}/>", (0..n).map(|i| format!("xmlns:b{i}='c' ")).collect::<String>());
        for (fits, too_large) in [
            (deep(limits.depth), deep(limits.depth + 1)),
            (wide(limits.elements), wide(limits.elements + 1)),
            (many(limits.attributes), many(limits.attributes + 1)),
            (declared(limits.attributes), declared(limits.attributes + 1)),
        ] {
            assert!(read(fits.as_bytes(), &limits).is_ok());
            assert_eq!(read(too_large.as_bytes(), &limits).unwrap_err(), XmlError::TooLarge);
        }
        let long = format!("<a>{}</a>", "b".repeat(limits.bytes));
        assert_eq!(read(long.as_bytes(), &limits).unwrap_err(), XmlError::TooLarge);
    }
}
