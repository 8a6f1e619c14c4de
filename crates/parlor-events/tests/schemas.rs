//! What is written is valid by the schemas of the RFCs (EVT-59).

#![allow(clippy::disallowed_methods, reason = "tests are a program: they read the environment")]
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/support/schema.rs"]
mod schema;

use parlor_events::conference_info::{
    AvailableMedia, ConferenceInfo, ConferenceState, Description, DisconnectionMethod, Endpoint, EndpointStatus,
    Execution, File, HostInfo, JoiningMethod, Media, MediaStatus, Sidebars, State, UriEntry, User, Users,
};
use parlor_events::iscomposing::{self, IsComposing};
use parlor_events::pidf::{Basic, Contact, Format, Note, Presence, Tuple};
use parlor_events::{Limits, XmlError};
use proptest::prelude::*;
use schema::Schema;

/// Text with everything that is hard to write.
const ODD: &str = "\"<&'>]]>\r\n\t \u{1}\u{FFFF}\u{1F600}é";

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn execution() -> Option<Execution> {
    Some(Execution { when: some("2026-03-02T15:00:00.5Z"), reason: some(ODD), by: some("sip:bob@example.com") })
}

fn uri_entry() -> UriEntry {
    UriEntry { display_text: some(ODD), modified: execution(), ..UriEntry::new("sip:a@b;c=d", Some("streaming")) }
}

fn endpoint() -> Endpoint {
    Endpoint {
        display_text: some(ODD),
        referred: execution(),
        status: Some(EndpointStatus::MutedViaFocus),
        joining_method: Some(JoiningMethod::DialedOut),
        joining_info: execution(),
        disconnection_method: Some(DisconnectionMethod::Booted),
        disconnection_info: execution(),
        media: vec![Media {
            id: ODD.into(),
            display_text: some("chat"),
            media_type: some("message"),
            label: some("1"),
            src_id: some("432424"),
            status: Some(MediaStatus::RecvOnly),
        }],
        ..Endpoint::new("sip:alice@[2001:db8::1]:5060;transport=tls")
    }
}

fn user() -> User {
    User {
        nickname: some(ODD),
        display_text: some(ODD),
        associated_aors: vec![uri_entry()],
        roles: vec!["moderator".into(), ODD.into()],
        languages: vec!["en".into(), "de-AT".into()],
        cascaded_focus: some("sip:other@example.com"),
        endpoints: vec![endpoint(), Endpoint::new("")],
        ..User::new("sip:alice@example.org")
    }
}

/// A document with all that there is.
fn everything() -> ConferenceInfo {
    ConferenceInfo {
        version: Some(u32::MAX),
        description: Some(Description {
            display_text: some("Lobby"),
            subject: some(ODD),
            free_text: some("free"),
            keywords: vec!["a".into(), "b".into()],
            conf_uris: vec![uri_entry(), uri_entry()],
            service_uris: vec![uri_entry()],
            maximum_user_count: Some(100),
            available_media: vec![AvailableMedia {
                label: "chat1".into(),
                display_text: some("chat"),
                media_type: "message".into(),
                status: Some(MediaStatus::SendRecv),
            }],
            files: Some(vec![File {
                name: ODD.into(),
                hash: "sha-1:ED:DF".into(),
                size: 3000,
                sender: "Alice <sip:alice@example.com>".into(),
                status: "OK".into(),
            }]),
        }),
        host: Some(HostInfo {
            display_text: some("Example"),
            web_page: some("https://example.com/"),
            uris: vec![uri_entry()],
        }),
        conference_state: Some(ConferenceState { user_count: Some(33), active: Some(true), locked: Some(false) }),
        users: Some(Users { state: State::Full, list: vec![user(), User::new("sip:bob@example.com")] }),
        sidebars: Some(Sidebars { state: State::Full, list: vec![uri_entry()] }),
        ..ConferenceInfo::new("sip:lobby@chat.example.com", State::Full)
    }
}

/// EVT-59, EVT-E5: a document with every element, and documents with hardly any, are valid by the schema of RFC 4575.
#[test]
fn conference_info() {
    let Some(schema) = Schema::of_rfc(4575, "xs:schema") else { return };
    schema.check(&everything().to_xml()).unwrap();
    for state in [State::Full, State::Partial, State::Deleted] {
        let bare = ConferenceInfo::new("sip:lobby@chat.example.com", state);
        schema.check(&bare.to_xml()).unwrap();
        let mut empty = bare;
        empty.description = Some(Description { files: Some(Vec::new()), ..Description::default() });
        empty.host = Some(HostInfo::default());
        empty.conference_state = Some(ConferenceState::default());
        let gone = User { state: State::Deleted, ..User::new("sip:bob@example.com") };
        empty.users = Some(Users { state, list: vec![gone] });
        empty.sidebars = Some(Sidebars { state, list: Vec::new() });
        schema.check(&empty.to_xml()).unwrap();
    }
    let by_address = ConferenceInfo::new("sip:lobby@[::1]:5060", State::Full);
    schema.check(&by_address.to_xml()).unwrap();
    let misplaced = everything().to_xml().replace("<subject>", "<subject/><subject>");
    schema.check(&misplaced).unwrap_err();
}

/// Everything is read as it is written.
#[test]
fn everything_is_read_as_written() {
    let written = everything();
    let read = ConferenceInfo::read(written.to_xml(), &Limits::default()).unwrap();
    assert_eq!(read.users.as_ref().unwrap().list[0].roles[0], "moderator");
    assert_eq!(read.description.as_ref().unwrap().files.as_ref().unwrap()[0].size, 3000);
    // What XML does not allow is replaced, and space around text is not kept; that done, nothing changes any more.
    assert_eq!(ConferenceInfo::read(read.to_xml(), &Limits::default()).unwrap(), read);
}

/// EVT-100: an indication is valid by the schema of RFC 3994.
#[test]
fn iscomposing() {
    let Some(schema) = Schema::of_rfc(3994, "xs:schema") else { return };
    let full = IsComposing {
        state: iscomposing::State::Active,
        last_active: some("2026-03-02T15:02:20Z"),
        content_type: some("text/plain"),
        refresh: Some(90),
    };
    for indication in [full, IsComposing::default()] {
        schema.check(&indication.to_xml()).unwrap();
    }
}

/// EVT-81 … 85: a presence document is valid by the schema of RFC 3863, whatever is said in it and passed on with it.
#[test]
fn pidf() {
    let Some(schema) = Schema::of_rfc(3863, "xs:schema targetNamespace=\"urn:ietf:params:xml:ns:pidf\"") else {
        return;
    };
    let published = "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:x='urn:x' entity='pres:a@b'><x:p id='p'><x:q/></x:p>\
                     <tuple id='a'><x:early/><note xml:lang='1'>&lt;</note><status><x:s x:t='1'>u</x:s><basic>open</basic>\
                     </status></tuple></presence>";
    let mut presence = Presence::read(published.as_bytes(), &Limits::default()).unwrap();
    presence.entity = "sip:bob@[::1]".into();
    presence.notes.push(Note { lang: some("de-AT"), text: ODD.into() });
    for priority in [None, Some(0), Some(7), Some(250), Some(1000), Some(u16::MAX)] {
        presence.tuples.push(Tuple {
            contact: Some(Contact { uri: ODD.into(), priority }),
            notes: vec![Note { lang: some(ODD), text: ODD.into() }],
            timestamp: some(if priority.is_some() { "2026-03-02T15:10:00.25Z" } else { "yesterday" }),
            ..Tuple::new("a", Basic::Closed)
        });
    }
    schema.check(&presence.to_xml(Format::Pidf)).unwrap();
    schema.check(&Presence::new("sip:bob@example.com").to_xml(Format::Pidf)).unwrap();
    let misplaced = presence.to_xml(Format::Pidf).replace("<status>", "<note/><status>");
    schema.check(&misplaced).unwrap_err();
}

proptest! {
    /// Whatever octets come, reading ends with a document or an error.
    #[test]
    fn octets(xml in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ConferenceInfo::read(&xml, &Limits::default());
    }

    /// Whatever a document is changed to, reading it ends with a document or an error; cut short, with an error.
    #[test]
    fn changed(at in 0usize..4000, to in any::<u8>()) {
        let mut xml = everything().to_xml().into_bytes();
        let at = at % xml.len();
        let read = ConferenceInfo::read(&xml[..at], &Limits::default());
        prop_assert!(matches!(read, Err(XmlError::Syntax | XmlError::NotUtf8)), "{:?}", read);
        xml[at] = to;
        let _ = ConferenceInfo::read(&xml, &Limits::default());
    }

    /// Any text can be a nickname, and comes back but for what XML does not allow.
    #[test]
    fn any_text(text in "\\PC*") {
        let mut info = ConferenceInfo::new("sip:lobby@example.com", State::Full);
        let user = User { nickname: Some(text.clone()), display_text: Some(text.clone()), ..User::new("sip:a@b") };
        info.users = Some(Users { state: State::Full, list: vec![user] });
        let read = ConferenceInfo::read(info.to_xml(), &Limits::default()).unwrap();
        let user = &read.users.unwrap().list[0];
        prop_assert_eq!(user.nickname.as_deref(), Some(text.as_str()));
        prop_assert_eq!(user.display_text.as_deref(), Some(text.trim()));
    }
}
