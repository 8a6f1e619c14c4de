//! What holds for any octets that come as an XML body.

use parlor_events::conference_info::{Applied, ConferenceInfo, Roster};
use parlor_events::iscomposing::IsComposing;
use parlor_events::pidf::{Format, Presence};
use parlor_events::resource_lists::ResourceList;
use parlor_events::{Limits, XmlError};

/// Reading ends with a document or an error; what was read can be written, and is read the same again.
pub(crate) fn bodies(data: &[u8]) {
    let limits = Limits::default();
    if let Ok(read) = IsComposing::read(data, &limits) {
        assert_eq!(IsComposing::read(read.to_xml().as_bytes(), &limits), Ok(read));
    }
    if let Ok(read) = ResourceList::read(data, &limits, 100) {
        assert!(read.entries.len() <= 100);
        if let Some(history) = read.history() {
            assert!(ResourceList::read(history.to_xml().as_bytes(), &Limits::roster(), 200).is_ok());
        }
    }
    if let Ok(read) = Presence::read(data, &limits) {
        let again = Presence::read(read.to_xml(Format::Pidf).as_bytes(), &Limits::roster());
        let again = again.expect("what is written can be read");
        // What cannot be written has gone then.
        let written = again.to_xml(Format::Pidf);
        assert_eq!(Presence::read(written.as_bytes(), &Limits::roster()).expect("what is written can be read"), again);
    }
    conference(data, &limits);
}

fn conference(data: &[u8], limits: &Limits) {
    let Ok(read) = ConferenceInfo::read(data, limits) else { return };
    // Escaped it may be longer than what came.
    let again = ConferenceInfo::read(read.to_xml(), &Limits::roster());
    let again = again.expect("what is written can be read");
    assert_ne!(ConferenceInfo::read(again.to_xml(), &Limits::roster()), Err(XmlError::Syntax));
    assert_eq!((&again.state, &again.version), (&read.state, &read.version));
    let mut roster = Roster::default();
    let applied = roster.apply(again.clone());
    assert!(again.version.is_none() || applied != Applied::Changed || roster.apply(again) == Applied::Stale);
}
