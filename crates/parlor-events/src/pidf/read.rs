//! Reading a presence document.

use super::{Basic, Contact, Extension, Note, Presence, Tuple};
use crate::tree::{Element, Namespace};
use crate::{Limits, XmlError};

impl Presence {
    /// Reads a document of either form.
    ///
    /// # Errors
    /// An [`XmlError`] when it is none, or lacks what each must have (EVT-81).
    pub fn read(xml: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        let root = Element::root(xml, Namespace::Pidf, "presence", limits)?;
        let entity = root.plain_attribute("entity").map(str::trim).filter(|entity| !entity.is_empty());
        Ok(Self {
            entity: entity.ok_or(XmlError::Incomplete)?.to_owned(),
            tuples: root.children_named("tuple").map(tuple).collect::<Result<_, _>>()?,
            notes: notes(&root),
            extensions: Extension::all_in(&root),
        })
    }
}

fn tuple(element: &Element) -> Result<Tuple, XmlError> {
    let status = element.child("status").ok_or(XmlError::Incomplete)?;
    let basic = status.child_text("basic");
    Ok(Tuple {
        id: element.plain_attribute("id").ok_or(XmlError::Incomplete)?.trim().to_owned(),
        basic: basic.and_then(|text| Basic::ALL.into_iter().find(|basic| basic.as_str() == text)),
        status_extensions: Extension::all_in(status),
        extensions: Extension::all_in(element),
        contact: element.child("contact").and_then(contact),
        notes: notes(element),
        timestamp: element.child_text("timestamp").filter(|text| !text.is_empty()).map(str::to_owned),
    })
}

fn contact(element: &Element) -> Option<Contact> {
    let uri = Some(element.text()).filter(|uri| !uri.is_empty())?.to_owned();
    Some(Contact { uri, priority: element.plain_attribute("priority").and_then(|value| priority(value.trim())) })
}

fn notes(parent: &Element) -> Vec<Note> {
    let note = |element: &Element| Note {
        lang: element.attribute(Namespace::Xml, "lang").map(str::to_owned),
        text: element.text().to_owned(),
    };
    parent.children_named("note").map(note).collect()
}

/// EVT-82: none to three decimals, not more than one.
fn priority(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_well_formed = matches!(whole, "0" | "1") && decimals.len() <= 3;
    let decimals = decimals.bytes().chain(std::iter::repeat(b'0')).take(3);
    let digits = whole.bytes().chain(decimals).filter(|_| is_well_formed);
    let thousandths =
        digits.map(|digit| char::from(digit).to_digit(10)).try_fold(0, |all, digit| Some(all * 10 + digit?))?;
    u16::try_from(thousandths).ok().filter(|thousandths| is_well_formed && *thousandths <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pidf::Format;

    fn read(xml: &str) -> Result<Presence, XmlError> {
        Presence::read(xml.as_bytes(), &Limits::default())
    }

    /// EVT-80 … 86: the form of RFC 3863 §3.2, with prefixes, and the one of old clients mean the same.
    #[test]
    fn forms_in_the_field() {
        let prefixed = |namespace: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<impp:presence xmlns:impp=\"urn:ietf:params:xml:ns:{namespace}\"\n\
                 entity=\"pres:someone@example.com\">\n <impp:tuple id=\"sg89ae\">\n  <impp:status>\n\
                 <impp:basic>open</impp:basic>\n  </impp:status>\n\
                 <impp:contact priority=\"0.8\">tel:+09012345678</impp:contact>\n\
                 <impp:note xml:lang=\"en\">Don't Disturb</impp:note><impp:unknown/>\n\
                 <impp:timestamp>2001-10-27T16:49:29Z</impp:timestamp></impp:tuple>\n</impp:presence>"
            )
        };
        let presence = read(&prefixed("pidf")).unwrap();
        let [tuple] = &presence.tuples[..] else { panic!("{presence:?}") };
        assert_eq!((presence.entity.as_str(), tuple.id.as_str()), ("pres:someone@example.com", "sg89ae"));
        assert_eq!((tuple.basic, tuple.timestamp.as_deref()), (Some(Basic::Open), Some("2001-10-27T16:49:29Z")));
        assert_eq!(tuple.contact, Some(Contact { uri: "tel:+09012345678".into(), priority: Some(800) }));
        assert_eq!(tuple.notes, [Note { lang: Some("en".into()), text: "Don't Disturb".into() }]);
        assert!(tuple.extensions.is_empty() && presence.is_open());
        for other in ["pidf:", "cpim-pidf"] {
            assert_eq!(read(&prefixed(other)), Ok(presence.clone()));
        }
        assert_eq!(read(&prefixed("conference-info")), Err(XmlError::Root));
    }

    /// EVT-81: what a document must have.
    #[test]
    fn incomplete() {
        for xml in [
            "<presence/>",
            "<presence entity=' '/>",
            "<presence entity='pres:a@b'><tuple id='a'/></presence>",
            "<presence entity='pres:a@b'><tuple><status/></tuple></presence>",
        ] {
            assert_eq!(read(xml), Err(XmlError::Incomplete), "{xml}");
        }
        assert_eq!(read("<presence entity='pres:a@b'/>").unwrap(), Presence::new("pres:a@b"));
    }

    /// EVT-82: values that are none count as not said.
    #[test]
    fn odd_values() {
        let tuple = |content: &str| {
            let xml = format!("<presence entity='pres:a@b'><tuple id='a'>{content}</tuple></presence>");
            read(&xml).unwrap().tuples.remove(0)
        };
        assert_eq!(tuple("<status><basic>busy</basic></status><contact> </contact>").basic, None);
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("0.", Some(0)),
            ("0.25", Some(250)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("0.1234", None),
            ("2", None),
            ("-1", None),
            ("0.x", None),
            ("", None),
        ] {
            let tuple = tuple(&format!("<status/><contact priority='{text}'>sip:a@b</contact>"));
            assert_eq!(tuple.contact.unwrap().priority, expected, "{text}");
        }
    }

    #[test]
    fn written_and_read() {
        let mut presence = Presence::new("sip:bob@[::1]");
        presence.notes.push(Note { lang: Some("de-AT".into()), text: "<&> \u{1F600}".into() });
        presence.tuples.push(Tuple {
            contact: Some(Contact { uri: "sip:bob@example.net;transport=tcp".into(), priority: Some(50) }),
            timestamp: Some("2026-03-02T15:10:00.25+01:00".into()),
            ..Tuple::new("a", Basic::Closed)
        });
        presence.tuples.push(Tuple { id: "b".into(), ..Tuple::default() });
        for format in Format::ALL {
            let read = read(&presence.to_xml(format)).unwrap();
            assert_eq!(read, Presence { entity: "sip:bob@%5B::1%5D".into(), ..presence.clone() });
        }
    }
}
