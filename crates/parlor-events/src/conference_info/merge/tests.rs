use super::*;
use crate::Limits;

fn document(state: &str, version: u32, content: &str) -> ConferenceInfo {
    let xml = format!(
        "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" \
         xmlns:xcon=\"urn:ietf:params:xml:ns:xcon-conference-info\" entity=\"sip:lobby@example.com\" \
         state=\"{state}\" version=\"{version}\">{content}</conference-info>"
    );
    ConferenceInfo::read(xml, &Limits::default()).expect("a document")
}

fn users(state: &str, content: &str) -> String {
    format!("<users state=\"{state}\">{content}</users>")
}

/// A roster of alice, with one device, and bob, without any, that has taken in version 1.
fn known() -> Roster {
    let content = "<conference-description><subject>Tea</subject></conference-description>\
                   <conference-state><user-count>2</user-count></conference-state>\
                   <users><user entity=\"a\" xcon:nickname=\"Al\"><display-text>Al</display-text>\
                   <endpoint entity=\"a1\"><status>connected</status><media id=\"1\"><type>message</type></media>\
                   </endpoint></user><user entity=\"b\"/></users>\
                   <sidebars-by-ref><entry><uri>s1</uri></entry></sidebars-by-ref>";
    let mut roster = Roster::default();
    assert_eq!(roster.apply(document("full", 1, content)), Applied::Changed);
    roster
}

fn names(roster: &Roster) -> Vec<&str> {
    roster.users().map(|user| user.entity.as_str()).collect()
}

/// EVT-41, EVT-46: users come, change and go by partial documents; the others stay as they are.
#[test]
fn partial_documents() {
    let mut roster = known();
    let news = users(
        "partial",
        "<user entity=\"c\"/><user entity=\"b\" state=\"deleted\"/>\
         <user entity=\"a\" state=\"partial\" xcon:nickname=\"Alf\"><endpoint entity=\"a2\"/>\
         <endpoint entity=\"a1\" state=\"partial\"><status>on-hold</status></endpoint></user>",
    );
    assert_eq!(roster.apply(document("partial", 2, &news)), Applied::Changed);
    assert_eq!(names(&roster), ["a", "c"]);
    let alice = roster.user("a").unwrap();
    assert_eq!((alice.nickname.as_deref(), alice.display_text.as_deref()), (Some("Alf"), Some("Al")));
    let endpoints: Vec<_> = alice.endpoints.iter().map(|endpoint| endpoint.entity.as_str()).collect();
    assert_eq!(endpoints, ["a1", "a2"]);
    assert_eq!(alice.endpoints[0].status.map(|status| status.as_str()), Some("on-hold"));
    assert_eq!(alice.endpoints[0].media.len(), 1, "not told of, so as before");
    assert_eq!(roster.description().unwrap().subject.as_deref(), Some("Tea"));
    assert_eq!(roster.sidebars().len(), 1);
    let gone =
        users("partial", "<user entity=\"a\" state=\"partial\"><endpoint entity=\"a1\" state=\"deleted\"/></user>");
    assert_eq!(roster.apply(document("partial", 3, &gone)), Applied::Changed);
    assert_eq!(roster.user("a").unwrap().endpoints.len(), 1);
}

/// EVT-46: users without a state of their own are all there are, in a partial document too; so are full users.
#[test]
fn full_elements_replace() {
    let mut roster = known();
    let news = users("partial", "<user entity=\"a\"><display-text>Alf</display-text></user>");
    assert_eq!(roster.apply(document("partial", 2, &news)), Applied::Changed);
    let alice = roster.user("a").unwrap();
    assert_eq!((alice.nickname.as_deref(), alice.endpoints.len()), (None, 0));
    assert_eq!(names(&roster), ["a", "b"]);
    let news = users("full", "<user entity=\"c\"/>");
    assert_eq!(roster.apply(document("partial", 3, &news)), Applied::Changed);
    assert_eq!(names(&roster), ["c"]);
}

/// EVT-61: what has no state of its own is replaced as a whole.
#[test]
fn stateless_elements_replace() {
    let mut roster = known();
    let news = "<conference-description><display-text>Lobby</display-text></conference-description>\
                <conference-state><locked>true</locked></conference-state>";
    assert_eq!(roster.apply(document("partial", 2, news)), Applied::Changed);
    assert_eq!(roster.description().unwrap().subject, None);
    let state = roster.conference_state().unwrap();
    assert_eq!((state.user_count, state.locked), (None, Some(true)));
    assert_eq!(names(&roster), ["a", "b"]);
}

/// EVT-44: what is not newer is dropped; a partial document that does not follow asks for everything; a full one needs no
/// predecessor.
#[test]
fn versions() {
    let mut roster = known();
    let bob_gone = users("partial", "<user entity=\"b\" state=\"deleted\"/>");
    assert_eq!(roster.apply(document("partial", 1, &bob_gone)), Applied::Stale);
    assert_eq!(roster.apply(document("full", 0, "")), Applied::Stale);
    assert_eq!(roster.apply(document("partial", 3, &bob_gone)), Applied::Gap);
    assert_eq!(roster, known());
    assert_eq!(roster.apply(document("full", 7, &users("full", "<user entity=\"c\"/>"))), Applied::Changed);
    assert_eq!(names(&roster), ["c"]);
    assert_eq!(roster.apply(document("partial", 8, "")), Applied::Changed);
}

/// A new subscription counts anew and begins with a full document; until it comes, what was known stays.
#[test]
fn renewed() {
    let mut roster = known();
    roster.renew();
    assert_eq!(roster.apply(document("partial", 1, "")), Applied::Gap);
    assert_eq!(names(&roster), ["a", "b"]);
    assert_eq!(roster.apply(document("full", 1, "")), Applied::Changed);
    assert_eq!(names(&roster).len(), 0);
}

/// EVT-34: a conference that is gone has nobody in it.
#[test]
fn gone() {
    let mut roster = known();
    assert_eq!(roster.apply(document("deleted", 2, "")), Applied::Gone);
    assert_eq!(roster.users().len(), 0);
    assert_eq!(roster.apply(document("partial", 3, "")), Applied::Gap);
}

/// Thousands of users, in one document and by hundreds of partial ones, are taken in without comparing each with all.
#[test]
fn many_users() {
    let list = |range: std::ops::Range<u32>| range.map(|n| format!("<user entity=\"{n}\"/>")).collect::<String>();
    let limits = Limits::roster();
    let read = |state: &str, version: u32, content: String| {
        let xml = format!(
            "<conference-info entity=\"e\" state=\"{state}\" version=\"{version}\">{content}</conference-info>"
        );
        ConferenceInfo::read(xml, &limits).unwrap()
    };
    let mut roster = Roster::default();
    assert_eq!(roster.apply(read("full", 1, users("full", &list(0..100_000)))), Applied::Changed);
    assert_eq!(roster.apply(read("partial", 2, users("partial", &list(50_000..150_000)))), Applied::Changed);
    assert_eq!(roster.users().len(), 150_000);
}
