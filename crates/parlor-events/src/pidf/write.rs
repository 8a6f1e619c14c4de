//! Writing a presence document: valid, whatever it is made of (EVT-81, EVT-84).

use super::extension::{is_language, is_name};
use super::{Contact, Extension, Format, Note, Presence, Tuple};
use crate::write::{Xml, any_uri};
use std::collections::BTreeSet;

impl Presence {
    /// The document in one of its forms.
    pub fn to_xml(&self, format: Format) -> String {
        let mut xml = Xml::document();
        let mut ids = Ids::of(self);
        let attributes = [("xmlns", format.namespace()), ("entity", &*any_uri(&self.entity))];
        xml.element("presence", &attributes, |xml| {
            let named: Vec<_> = self.tuples.iter().map(|tuple| (ids.name(&tuple.id), tuple)).collect();
            named.into_iter().for_each(|(id, tuple)| tuple.write(&id, &mut ids, xml));
            self.notes.iter().for_each(|note| note.write(xml));
            ids.write(&self.extensions, xml);
        });
        xml.finish()
    }
}

/// What has an `id` already; each is unique in its document (EVT-81).
struct Ids<'a> {
    /// Those that somebody wants to have.
    wanted: BTreeSet<&'a str>,
    given: BTreeSet<&'a str>,
    /// The last that was made up.
    last: u32,
}

impl<'a> Ids<'a> {
    fn of(presence: &'a Presence) -> Self {
        let of_tuple = |tuple: &'a Tuple| tuple.status_extensions.iter().chain(&tuple.extensions);
        let extensions = presence.tuples.iter().flat_map(of_tuple).chain(&presence.extensions);
        let tuples = presence.tuples.iter().map(|tuple| tuple.id.as_str());
        Self { wanted: extensions.flat_map(Extension::ids).chain(tuples).collect(), given: BTreeSet::new(), last: 0 }
    }

    /// The name of a tuple: the one it has, if it can be one and nothing else has it.
    fn name(&mut self, id: &'a str) -> String {
        if is_name(id) && self.given.insert(id) {
            return id.to_owned();
        }
        loop {
            self.last += 1;
            let made_up = format!("t{}", self.last);
            if !self.wanted.contains(made_up.as_str()) {
                return made_up;
            }
        }
    }

    /// Writes those extensions that share no name with what was written.
    fn write(&mut self, extensions: &'a [Extension], xml: &mut Xml) {
        for extension in extensions {
            if extension.ids().all(|id| !self.given.contains(id)) {
                self.given.extend(extension.ids());
                xml.raw(extension.as_xml());
            }
        }
    }
}

impl Tuple {
    fn write<'a>(&'a self, id: &str, ids: &mut Ids<'a>, xml: &mut Xml) {
        xml.element("tuple", &[("id", id)], |xml| {
            xml.element("status", &[], |xml| {
                xml.optional("basic", self.basic.map(|basic| basic.as_str()));
                ids.write(&self.status_extensions, xml);
            });
            ids.write(&self.extensions, xml);
            if let Some(contact) = &self.contact {
                contact.write(xml);
            }
            self.notes.iter().for_each(|note| note.write(xml));
            xml.optional("timestamp", self.timestamp.as_deref().filter(|timestamp| is_date_time(timestamp)));
        });
    }
}

impl Contact {
    fn write(&self, xml: &mut Xml) {
        let priority = self.priority.map(|thousandths| match thousandths {
            0 => "0".to_owned(),
            1..1000 => format!("0.{thousandths:03}").trim_end_matches('0').to_owned(),
            1000.. => "1".to_owned(),
        });
        let attributes: Vec<_> = priority.iter().map(|priority| ("priority", priority.as_str())).collect();
        xml.text_with("contact", &attributes, &any_uri(&self.uri));
    }
}

impl Note {
    fn write(&self, xml: &mut Xml) {
        let lang = self.lang.as_deref().filter(|lang| is_language(lang));
        let attributes: Vec<_> = lang.iter().map(|lang| ("xml:lang", *lang)).collect();
        xml.text_with("note", &attributes, &self.text);
    }
}

/// EVT-82: a time of RFC 3339, with its letters in capitals.
fn is_date_time(text: &str) -> bool {
    let digits = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|part| part.parse::<u32>().ok())
    };
    let is_in = |from, range: std::ops::RangeInclusive<u32>| digits(from, from + 2).is_some_and(|n| range.contains(&n));
    let (Some(year), Some(month)) = (digits(0, 4), digits(5, 7)) else { return false };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let is_separated = separators.into_iter().all(|(at, byte)| text.as_bytes().get(at) == Some(&byte));
    let is_date = year > 0 && (1..=12).contains(&month) && is_in(8, 1..=days);
    is_separated && is_date && is_in(11, 0..=23) && is_in(14, 0..=59) && is_in(17, 0..=59) && is_zone(&text[19..])
}

/// What follows the seconds: perhaps a fraction, then the zone.
fn is_zone(text: &str) -> bool {
    let zone = match text.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => text,
    };
    let Some(offset) = zone.strip_prefix(['+', '-']) else { return zone == "Z" };
    let number =
        |part: &str| part.parse::<u32>().ok().filter(|_| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
    match offset.split_once(':').map(|(hours, minutes)| (number(hours), number(minutes))) {
        Some((Some(hours), Some(minutes))) => hours <= 13 && minutes <= 59,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::pidf::Basic;

    /// EVT-81: each `id` is there once, whatever several publications call theirs.
    #[test]
    fn ids() {
        let extended = "<presence entity='pres:a@b'><p xmlns='urn:x' id='p'/><p xmlns='urn:x' id='p'/>\
                        <p xmlns='urn:x' id='t1'/></presence>";
        let mut presence = Presence::read(extended.as_bytes(), &Limits::default()).unwrap();
        for id in ["a", "a", "", "1"] {
            presence.tuples.push(Tuple::new(id, Basic::Open));
        }
        let xml = presence.to_xml(Format::Pidf);
        let ids: Vec<_> = xml.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(ids, ["a", "t2", "t3", "t4", "p", "t1"]);
    }

    /// EVT-82
    #[test]
    fn times() {
        for time in ["2001-10-27T16:49:29Z", "2024-02-29T00:00:00.123-05:00", "2026-12-31T23:59:59+13:59"] {
            assert!(is_date_time(time), "{time}");
        }
        for none in [
            "",
            "2001-10-27",
            "2001-10-27t16:49:29Z",
            "2001-10-27T16:49:29z",
            "2001-10-27T16:49:29",
            "2001-10-27T16:49:29.Z",
            "2001-10-27T16:49:29+5:00",
            "2001-02-29T16:49:29Z",
            "2001-13-01T16:49:29Z",
            "2001-10-27T24:49:29Z",
            "2001-10-27T16:49:29Zé",
            "2001-10-2éT16:49:29Z",
            "2001-10-27T16:49:éZ",
        ] {
            assert!(!is_date_time(none), "{none}");
        }
    }
}
