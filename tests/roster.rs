//! Who is in a room, as subscribers are told (RFC 6665, RFC 4575). Each document is checked against the schema of RFC 4575.

use std::time::{Duration, Instant};

use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser};
use crate::support::unique;
use crate::support::watcher::{EVENT, Notice, Watcher};

/// EVT-1, EVT-2, EVT-7 … 10, EVT-18, EVT-32, EVT-40, EVT-45, EVT-50 … 55, EVT-57, SIP-70, SIP-74: whoever subscribes is told at once who is in, and
/// then who comes and goes.
#[test]
fn coming_and_going() {
    let server = Server::plain();
    let alice = Participant::join(&server, "alice");
    let (mut watcher, first) = Watcher::of(&server, "bob", "lobby");
    assert_eq!(first.subscription().split('=').next(), Some("active;expires"));
    assert_eq!((first.state.as_str(), first.version, first.present()), ("full", 1, vec!["sip:alice@example.com"]));
    assert_eq!(first.message.contact(), format!("sip:lobby@{};transport=tcp", server.sip));
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
        let call = Call::new(&user, &server.room(room));
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

/// EVT-43, EVT-60: by whatever URI the room is reached and whoever asks, room and users are spelled the same, in the format that
/// every subscriber knows.
#[test]
fn one_spelling() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    let accept = "Accept: application/xcon-conference-info+xml, application/conference-info+xml\r\n";
    let mut told = Vec::new();
    for (name, uri) in [
        ("bob", server.room("lobby")),
        ("carol", format!("sip:lobby@{}", server.sip)),
        ("user", format!("sip:lobby@{};transport=tcp", server.room("x").split('@').nth(1).unwrap().to_uppercase())),
    ] {
        let user = SipUser::tcp(&server, name);
        let call = Call::new(&user, &uri);
        let mut watcher = Watcher { user, call };
        assert_eq!(watcher.subscribe(&format!("{EVENT}{accept}")).code(), 200, "{uri}");
        told.push(watcher.next().message.body);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    let user = SipUser::tcp(&server, "bob");
    let call = Call::new(&user, &server.room("lobby"));
    let only = "Event: conference\r\nAccept: application/xcon-conference-info+xml\r\n";
    assert_eq!(Watcher { user, call }.subscribe(only).code(), 406);
}

/// CHAT-91, CHAT-111, CHAT-112, EVT-58, EVT-62: a nickname is told as soon as it is set, as the attribute and as what is to be
/// shown; so is its end. A user is told whole.
#[test]
fn nicknames() {
    let server = Setup::default().set("roster.whole_up_to", "0").start();
    let mut alice = Participant::join(&server, "alice");
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    for (nickname, attribute, shown) in [
        ("Ally & Co", Some("xcon:nickname=\"Ally &amp; Co\""), "Ally &amp; Co"),
        ("<Ally>", Some("xcon:nickname=\"&lt;Ally&gt;\""), "&lt;Ally&gt;"),
        ("", None, "Alice"),
    ] {
        let (tid, session, path) = (unique("t"), &alice.session, &alice.path);
        let request = format!(
            "MSRP {tid} NICKNAME\r\nTo-Path: {session}\r\nFrom-Path: {path}\r\nUse-Nickname: \"{nickname}\"\r\n-------{tid}$\r\n"
        );
        alice.msrp.write(request);
        assert_eq!(alice.msrp.response(&tid), 200, "{nickname}");
        let told = watcher.next();
        let user = told.user("sip:alice@example.com");
        assert_eq!((told.state.as_str(), user.text("display-text")), ("partial", Some(shown)));
        assert!(user.xml.contains("state=\"full\"") && user.xml.contains("<status>connected</status>"), "{user:?}");
        match attribute {
            Some(attribute) => assert!(user.xml.contains(attribute), "{user:?}"),
            None => assert!(!user.xml.contains("xcon:nickname"), "{user:?}"),
        }
    }
}

/// EVT-55, EVT-E4: two devices of one user are one user with two endpoints; the one that leaves takes its endpoint with it.
#[test]
fn two_devices() {
    let server = Server::plain();
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    let phone = Participant::join(&server, "alice");
    let desk = Participant::join(&server, "alice");
    let endpoints = |count: usize| {
        move |notice: &Notice| notice.users.len() == 1 && notice.users[0].xml.matches("<endpoint ").count() == count
    };
    let both = watcher.until("two devices", endpoints(2));
    for device in [&phone, &desk] {
        assert!(both.users[0].xml.contains(&format!("<endpoint entity=\"{}\"", device.user.contact())));
    }
    assert_eq!(both.text("user-count"), Some("1"));
    let kept = desk.user.contact();
    phone.leave();
    let one = watcher.until("one device", endpoints(1));
    assert!(one.users[0].xml.contains(&kept));
}

/// EVT-15, EVT-33: a change after a quiet time is told at once; what follows within the interval together, and nothing while a
/// NOTIFY is unanswered.
#[test]
fn changes_share_a_notify() {
    let server = Setup::default().set("roster.interval", "\"3s\"").start();
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    let (mut other, _) = Watcher::of(&server, "dave", "lobby");
    let began = Instant::now();
    let mut guests = vec![Participant::join(&server, "carol")];
    let first = watcher.unanswered();
    assert!(began.elapsed() < Duration::from_secs(2), "an isolated change waits for nothing");
    assert_eq!(first.users.len(), 1);
    guests.extend((0..10).map(|n| Participant::join(&server, &format!("user{n}"))));
    other.until("all of them", |notice| notice.users.len() == 11);
    assert!(watcher.user.unread(&server.room("lobby")).is_empty(), "the one before is unanswered");
    watcher.user.answer(&first.message);
    let second = watcher.next();
    assert_eq!((second.users.len(), second.version), (11, 3));
    assert!(began.elapsed() >= Duration::from_secs(3), "from when the first was sent");
    guests.pop().unwrap().leave();
    let third = watcher.next();
    assert_eq!((third.users.len(), third.version), (10, 4));
}

/// EVT-E2: who cannot make a whole of parts is told everything in a large room too.
#[test]
fn clients_that_merge_nothing() {
    let server = Setup::default().set("roster.whole_up_to", "0").start();
    let agent = format!("{EVENT}User-Agent: Blink 5.9.1 (Linux)\r\n");
    let (mut blink, _) = Watcher::with(&server, SipUser::tcp(&server, "alice"), "lobby", &agent);
    let (mut other, _) = Watcher::of(&server, "bob", "lobby");
    let _carol = Participant::join(&server, "carol");
    for (watcher, state) in [(&mut blink, "full"), (&mut other, "partial")] {
        let told = watcher.next();
        assert_eq!((told.state.as_str(), told.users.len(), told.version), (state, 1, 2));
    }
}
