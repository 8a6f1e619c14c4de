//! Elements of other standards, which are passed on as they came (EVT-85).

use crate::tree::{Element, Namespace};
use crate::write::Xml;
use std::collections::BTreeSet;

/// An element of another standard, such as RFC 4480's activities. It can stand in any document, as it is well-formed and
/// declares each namespace that it uses. Text beside elements, and attributes of other namespaces, are not in it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    xml: Box<str>,
    /// The `id` attributes in it, which no other element of its document may have.
    ids: BTreeSet<Box<str>>,
}

impl Extension {
    /// As it is written.
    pub fn as_xml(&self) -> &str {
        &self.xml
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|id| &**id)
    }

    /// Those in an element of ours. What cannot be written again is passed over.
    pub(super) fn all_in(parent: &Element) -> Vec<Self> {
        let foreign = |child: &&Element| child.namespace != parent.namespace && child.namespace != Namespace::None;
        parent.children.iter().filter(foreign).filter_map(Self::of).collect()
    }

    fn of(element: &Element) -> Option<Self> {
        let mut copy = Copy { xml: Xml::new(), ids: BTreeSet::new() };
        copy.element(element, "")?;
        Some(Self { xml: copy.xml.finish().into(), ids: copy.ids })
    }
}

/// A copy that grows.
struct Copy {
    xml: Xml,
    ids: BTreeSet<Box<str>>,
}

impl Copy {
    /// `None` if it cannot be written, or has an `id` twice.
    fn element(&mut self, element: &Element, outer: &str) -> Option<()> {
        let namespace = match &element.foreign {
            Some(foreign) => foreign,
            None => element.namespace.uri()?,
        };
        if !is_name(&element.name) {
            return None;
        }
        let mut attributes = Vec::new();
        if namespace != outer {
            attributes.push(("xmlns", namespace));
        }
        for (of, name, value) in &element.attributes {
            match of {
                Namespace::None if **name == *"id" && is_name(value) && !self.ids.insert(value.clone()) => return None,
                Namespace::None if is_name(name) => attributes.push((name, value)),
                Namespace::Xml if **name == *"lang" && is_language(value) => attributes.push(("xml:lang", value)),
                _ => {}
            }
        }
        // EVT-83
        if matches!(element.attribute(Namespace::Pidf, "mustUnderstand"), Some("true" | "1")) {
            attributes.extend([("xmlns:pidf", Namespace::PIDF), ("pidf:mustUnderstand", "true")]);
        }
        if attributes.len() > MOST_ATTRIBUTES {
            return None;
        }
        if element.children.is_empty() {
            self.xml.text_with(&element.name, &attributes, element.text());
            return Some(());
        }
        let mut inner = Self { xml: Xml::new(), ids: std::mem::take(&mut self.ids) };
        element.children.iter().try_for_each(|child| inner.element(child, namespace))?;
        self.ids = inner.ids;
        self.xml.element(&element.name, &attributes, |xml| xml.raw(&inner.xml.finish()));
        Some(())
    }
}

/// What readers take of one element, with some to spare.
const MOST_ATTRIBUTES: usize = 12;

/// Whether it can be the name of something. Those beyond ASCII are not worth their table.
pub(super) fn is_name(text: &str) -> bool {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    text.starts_with(is_first)
        && text.chars().all(|letter| is_first(letter) || letter.is_ascii_digit() || "-.".contains(letter))
}

/// Whether `xml:lang` can be so (XML 1.0 §2.12).
pub(super) fn is_language(text: &str) -> bool {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.split('-').all(is_part)
        && text.split('-').next().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::pidf::{Format, Presence};

    fn passed_on(namespaces: &str, content: &str) -> Vec<String> {
        let xml = format!(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' {namespaces} entity='pres:a@b'>{content}</presence>"
        );
        let presence = Presence::read(xml.as_bytes(), &Limits::default()).unwrap();
        let again = Presence::read(presence.to_xml(Format::Pidf).as_bytes(), &Limits::default()).unwrap();
        assert_eq!(again, presence, "what was passed on once is passed on again as it is");
        presence.extensions.into_iter().map(|extension| extension.xml.into()).collect()
    }

    /// EVT-85: what RFC 4479 and RFC 4480 tell is passed on, with the namespaces that were declared around it.
    #[test]
    fn rich_presence() {
        let namespaces = "xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:r='urn:ietf:params:xml:ns:pidf:rpid'";
        let person = "<dm:person id='p1'><r:activities from='2005-05-30T12:00:00Z'> <r:meeting/>\
                      <r:note xml:lang='en'>a &lt; b</r:note></r:activities></dm:person>";
        let expected = "<person xmlns=\"urn:ietf:params:xml:ns:pidf:data-model\" id=\"p1\">\
                        <activities xmlns=\"urn:ietf:params:xml:ns:pidf:rpid\" from=\"2005-05-30T12:00:00Z\">\
                        <meeting/><note xml:lang=\"en\">a &lt; b</note></activities></person>";
        assert_eq!(passed_on(namespaces, person), [expected]);
    }

    /// What would make our document another one, or invalid, is left behind.
    #[test]
    fn unwritable() {
        let x = "xmlns:x='urn:x' xmlns:y='urn:y'";
        assert_eq!(passed_on(x, "<x:a y:b='1' x:b='2' c='\"&lt;'/>"), ["<a xmlns=\"urn:x\" c=\"&quot;&lt;\"/>"]);
        assert_eq!(passed_on(x, "<x:a xml:lang='\"' xml:base='c'/>"), ["<a xmlns=\"urn:x\"/>"]);
        assert_eq!(passed_on(x, "<x:a><n xmlns=''/></x:a>"), ["<a xmlns=\"urn:x\"><n xmlns=\"\"/></a>"]);
        let nothing: [String; 0] = [];
        let many: String = (0..MOST_ATTRIBUTES).map(|n| format!("b{n}='' ")).collect();
        assert_eq!(passed_on(x, &format!("<x:a {many}/>")), nothing);
        assert_eq!(passed_on(x, "<x:a id='b'><x:c id='b'/></x:a><x:=/><unknown/><p xmlns=''/>"), nothing);
        let long = format!("xmlns:x='{}'", "u".repeat(300));
        assert_eq!(passed_on(&long, "<x:a/>"), nothing);
    }

    /// EVT-83: in our namespace nothing but `mustUnderstand` means anything there.
    #[test]
    fn must_understand() {
        let content = "<x:a p:mustUnderstand='true' p:other='1'/>";
        let namespaces = "xmlns:x='urn:x' xmlns:p='urn:ietf:params:xml:ns:pidf'";
        let expected = "<a xmlns=\"urn:x\" xmlns:pidf=\"urn:ietf:params:xml:ns:pidf\" pidf:mustUnderstand=\"true\"/>";
        assert_eq!(passed_on(namespaces, content), [expected]);
    }

    #[test]
    fn names_and_languages() {
        assert!(["a", "_1", "a-b.c2"].into_iter().all(is_name));
        assert!(!["", "1", "-a", "a b", "a:b", "é", "a>"].into_iter().any(is_name));
        assert!(["en", "de-AT", "x-1"].into_iter().all(is_language));
        assert!(!["", "1", "en-", "toolongname", "e n"].into_iter().any(is_language));
    }
}
