//! Who is in a room, as subscribers are told (RFC 6665, RFC 4575). Each document is checked against the schema of RFC 4575.

use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;
use crate::support::watcher::{EVENT, Watcher};

/// EVT-7 … 10, EVT-32, EVT-40, EVT-45, EVT-50 … 55, EVT-57, SIP-70, SIP-74: whoever subscribes is told at once who is in, and
/// then who comes and goes.
#[test]
fn coming_and_going() {
    let server = Server::plain();
    let alice = Participant::join(&server, "alice");
    let (mut watcher, first) = Watcher::of(&server, "bob", "lobby");
    assert_eq!(first.subscription().split('=').next(), Some("active;expires"));
    assert_eq!((first.state.as_str(), first.version, first.present()), ("full", 1, vec!["sip:alice@example.com"]));
    let shown = first.user("sip:alice@example.com");
    assert!(shown.xml.contains(&format!("<endpoint entity=\"{}\" state=\"full\">", alice.user.contact())), "{shown:?}");
    assert_eq!((shown.text("status"), shown.text("joining-method")), (Some("connected"), Some("dialed-in")));
    assert_eq!(shown.text("display-text"), Some("Alice"));
    assert_eq!(shown.text("role"), None);
    assert!(shown.text("when").is_some_and(|when| when.starts_with("20") && when.ends_with('Z')), "{shown:?}");
    assert!(shown.text("media").is_none() && shown.xml.contains("<type>message</type>"));
    assert_eq!(
        (first.text("user-count"), first.text("active"), first.text("locked")),
        (Some("1"), Some("true"), Some("false"))
    );
    let carol = Participant::join(&server, "carol");
    let joined = watcher.next();
    assert_eq!(joined.present(), ["sip:alice@example.com", "sip:carol@example.com"]);
    carol.leave();
    let left = watcher.until("one", |notice| notice.users.len() == 1);
    assert_eq!(left.present(), ["sip:alice@example.com"]);
    assert!(left.version >= 3);
    server.shows("parlor_subscriptions", 1.0);
}

/// EVT-40, EVT-44, EVT-46, EVT-57: in a room larger than `whole_up_to` changes are told in parts, numbered without a gap.
#[test]
fn parts() {
    let server = Setup::default().set("roster.whole_up_to", "0").start();
    let (mut watcher, first) = Watcher::of(&server, "bob", "lobby");
    assert_eq!((first.state.as_str(), first.version, first.users.len()), ("full", 1, 0));
    let alice = Participant::join(&server, "alice");
    let joined = watcher.next();
    assert_eq!(
        (joined.state.as_str(), joined.version, joined.present()),
        ("partial", 2, vec!["sip:alice@example.com"])
    );
    assert!(joined.message.body.contains("<users state=\"partial\">"));
    alice.leave();
    let left = watcher.next();
    assert_eq!((left.version, left.gone(), left.text("user-count")), (3, vec!["sip:alice@example.com"], Some("0")));
    assert!(left.users[0].xml.starts_with("<user entity=\"sip:alice@example.com\" state=\"deleted\"/>"));
}

/// EVT-3, EVT-5, EVT-6, EVT-13, EVT-31: what is refused, and how.
#[test]
fn refused() {
    let server =
        Setup::default().set("rooms.on_demand", "false").room("lobby", "deny = [\"sip:bob@example.com\"]").start();
    let code = |name: &str, room: &str, headers: &str, header: Option<(&str, &str)>| {
        let user = SipUser::tcp(&server, name);
        let call = crate::support::sip::Call::new(&user, &server.room(room));
        let response = Watcher { user, call }.subscribe(headers);
        if let Some((name, value)) = header {
            assert_eq!(response.header(name), value);
        }
        response.code()
    };
    assert_eq!(code("alice", "lobby", "", Some(("Allow-Events", "conference, refer"))), 489);
    assert_eq!(code("alice", "lobby", "Event: presence\r\n", None), 489);
    assert_eq!(code("alice", "lobby", "Event: conference\r\nAccept: application/pidf+xml\r\n", None), 406);
    assert_eq!(code("alice", "lobby", "Event: conference\r\nExpires: 5\r\n", Some(("Min-Expires", "60"))), 423);
    assert_eq!(code("alice", "nowhere", EVENT, None), 404);
    assert_eq!(code("bob", "lobby", EVENT, None), 403);
    assert_eq!(code("alice", "lobby", "Event: conference\r\nExpires: 99999\r\n", Some(("Expires", "3600"))), 200);
}
