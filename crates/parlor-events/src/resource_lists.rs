//! Lists of those to invite (RFC 4826, RFC 5363), and who of them is told of whom (RFC 5364).

use crate::tree::{Element, Namespace};
use crate::write::Xml;
use crate::{Limits, XmlError};

/// The type of such a body.
pub const CONTENT_TYPE: &str = "application/resource-lists+xml";

/// Stands for those who are not to be named (SIP-89).
pub const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

/// As what somebody is on the list; the first goes before the others where one is listed twice (RFC 5364 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Copy {
    /// `to`
    To,
    /// `cc`
    Cc,
    /// `bcc`: nobody is told. So it is when nothing is said.
    #[default]
    Bcc,
}

impl Copy {
    fn name(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
        }
    }

    fn named(name: &str) -> Self {
        [Self::To, Self::Cc].into_iter().find(|copy| copy.name().eq_ignore_ascii_case(name)).unwrap_or_default()
    }
}

/// One URI of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub uri: String,
    /// As what.
    pub copy: Copy,
    /// Whether the others learn only that there is somebody.
    pub anonymize: bool,
    /// For how many it stands.
    pub count: u32,
}

/// A flat list: lists within lists and references to others are not followed (SIP-88).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceList {
    /// In their order, each URI once.
    pub entries: Vec<Entry>,
}

impl ResourceList {
    /// Reads a list. An entry without a URI is nobody, and passed over: the others are called all the same.
    ///
    /// # Errors
    /// An [`XmlError`] when it is none; [`XmlError::TooLarge`] also when it has more than `most` entries.
    pub fn read(xml: &[u8], limits: &Limits, most: usize) -> Result<Self, XmlError> {
        let root = Element::root(xml, Namespace::ResourceLists, "resource-lists", limits)?;
        let mut read = Self::default();
        for entry in root.children_named("list").flat_map(|list| list.children_named("entry")).filter_map(entry) {
            read.add(entry);
            if read.entries.len() > most {
                return Err(XmlError::TooLarge);
            }
        }
        Ok(read)
    }

    /// RFC 5364 §4: whoever is listed twice counts once, with what goes first.
    fn add(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.uri == entry.uri) {
            Some(known) => {
                known.copy = known.copy.min(entry.copy);
                known.anonymize |= entry.anonymize;
            }
            None => self.entries.push(entry),
        }
    }

    /// What those who are invited are told: nobody on `bcc`, and of those who stay anonymous how many they are (SIP-89).
    /// `None` when there is nobody to tell of.
    pub fn history(&self) -> Option<Self> {
        let mut told = Self::default();
        for copy in [Copy::To, Copy::Cc] {
            let those = || self.entries.iter().filter(move |entry| entry.copy == copy);
            told.entries.extend(those().filter(|entry| !entry.anonymize).cloned());
            let count = those().filter(|entry| entry.anonymize).fold(0_u32, |n, entry| n.saturating_add(entry.count));
            if count > 0 {
                told.entries.push(Entry { uri: ANONYMOUS.into(), copy, anonymize: false, count });
            }
        }
        (!told.entries.is_empty()).then_some(told)
    }

    /// The list as a document.
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::document();
        let namespaces = [("xmlns", Namespace::RESOURCE_LISTS), ("xmlns:cp", Namespace::COPY_CONTROL)];
        xml.element("resource-lists", &namespaces, |xml| {
            xml.element("list", &[], |xml| self.entries.iter().for_each(|entry| write(xml, entry)));
        });
        xml.finish()
    }
}

fn entry(element: &Element) -> Option<Entry> {
    let extension = |name| element.attribute(Namespace::CopyControl, name).map(str::trim);
    let uri = element.plain_attribute("uri").map(str::trim).filter(|uri| !uri.is_empty());
    Some(Entry {
        uri: uri?.to_owned(),
        copy: extension("copyControl").map_or(Copy::Bcc, Copy::named),
        anonymize: extension("anonymize").is_some_and(|value| value == "true" || value == "1"),
        count: extension("count").and_then(|count| count.parse().ok()).unwrap_or(1),
    })
}

fn write(xml: &mut Xml, entry: &Entry) {
    let count = entry.count.to_string();
    let mut attributes = vec![("uri", entry.uri.as_str()), ("cp:copyControl", entry.copy.name())];
    if entry.anonymize {
        attributes.push(("cp:anonymize", "true"));
    }
    if entry.count != 1 || entry.uri == ANONYMOUS {
        attributes.push(("cp:count", &count));
    }
    xml.empty("entry", &attributes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<ResourceList, XmlError> {
        ResourceList::read(xml.as_bytes(), &Limits::default(), 8)
    }

    fn list(namespace: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"\n\
             xmlns:cp=\"urn:ietf:params:xml:ns:{namespace}\">\n <list name=\"all\"><display-name>Us</display-name>\n\
             <entry uri=\"sip:alice@example.com\" cp:copyControl=\"to\"/>\n\
             <entry uri=\"sip:bob@example.com\" cp:copyControl=\"to\" cp:anonymize=\"true\"/>\n\
             <entry uri=\"sip:carol@example.com\" cp:copyControl=\"to\" cp:anonymize=\"true\"/>\n\
             <entry uri=\"sip:four@example.net\" cp:copyControl=\"cc\"><display-name>Four</display-name></entry>\n\
             <entry uri=\"sip:five@example.net\" cp:copyControl=\"cc\" cp:anonymize=\"true\"/>\n\
             <entry uri=\"sip:six@example.net\" cp:copyControl=\"bcc\" cp:anonymize=\"true\"/>\n\
             <entry uri=\"sip:seven@example.net\"/>\n </list></resource-lists>"
        )
    }

    /// SIP-88: both spellings of the namespace are read alike, with the defaults of what is not said.
    #[test]
    fn both_spellings() {
        let read_list = read(&list("copycontrol")).unwrap();
        assert_eq!(read(&list("copyControl")).unwrap(), read_list);
        assert_eq!(read_list.entries.len(), 7);
        let [alice, bob, .., seven] = &read_list.entries[..] else { panic!("{read_list:?}") };
        assert_eq!((alice.uri.as_str(), alice.copy, alice.anonymize), ("sip:alice@example.com", Copy::To, false));
        assert_eq!((bob.copy, bob.anonymize), (Copy::To, true));
        assert_eq!((seven.copy, seven.anonymize, seven.count), (Copy::Bcc, false, 1));
    }

    /// SIP-89: the history of the RFC's own example: in its order, without bcc, with counts for the anonymous.
    #[test]
    fn history() {
        let history = read(&list("copycontrol")).unwrap().history().unwrap();
        let told: Vec<_> = history.entries.iter().map(|entry| (entry.uri.as_str(), entry.copy, entry.count)).collect();
        let expected = [
            ("sip:alice@example.com", Copy::To, 1),
            (ANONYMOUS, Copy::To, 2),
            ("sip:four@example.net", Copy::Cc, 1),
            (ANONYMOUS, Copy::Cc, 1),
        ];
        assert_eq!(told, expected);
        let xml = history.to_xml();
        assert!(xml.contains("cp:copyControl=\"cc\" cp:count=\"1\""), "{xml}");
        assert!(!xml.contains("seven") && !xml.contains("bob") && !xml.contains("anonymize"), "{xml}");
        assert_eq!(
            read("<resource-lists><list><entry uri='sip:a@b'/></list></resource-lists>").unwrap().history(),
            None
        );
    }

    /// RFC 5364 §4: a URI that is there twice is invited once, as what goes first.
    #[test]
    fn listed_twice() {
        let entries = "<entry uri='sip:a@b' cp:copyControl='cc'/><entry uri='sip:a@b' cp:copyControl='to'/>";
        let xml = format!(
            "<resource-lists xmlns:cp='urn:ietf:params:xml:ns:copycontrol'><list>{entries}</list></resource-lists>"
        );
        let read_list = read(&xml).unwrap();
        assert_eq!((read_list.entries.len(), read_list.entries[0].copy), (1, Copy::To));
    }

    /// SIP-90: a list has its bounds; an entry without a URI is nobody, and lists within lists are not followed.
    #[test]
    fn bounds() {
        let list = |entries: usize| -> String {
            (0..entries).map(|n| format!("<entry uri='sip:{n}@example.com'/>")).collect()
        };
        let wrap = |content: &str| format!("<resource-lists><list>{content}</list></resource-lists>");
        assert_eq!(read(&wrap(&list(8))).unwrap().entries.len(), 8);
        assert_eq!(read(&wrap(&list(9))), Err(XmlError::TooLarge));
        assert_eq!(read(&wrap(&format!("<entry/><entry uri=' '/>{}", list(8)))).unwrap().entries.len(), 8);
        assert_eq!(read(&wrap(&format!("<list>{}</list>", list(1)))).unwrap().entries, []);
        assert_eq!(read("<list/>"), Err(XmlError::Root));
    }
}
