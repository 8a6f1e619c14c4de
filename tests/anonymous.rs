//! Participants who do not say who they are: the room gives them a pseudonym, and nobody learns more.

use crate::nickname::quoted;
use crate::refer::refer;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};
use crate::support::watcher::Watcher;
use crate::support::{cpim, unique};

const PRIVACY: &str = "Privacy: id\r\n";
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

/// CHAT-100, CHAT-101, CHAT-103, SIP-112: whichever way somebody asks for it, it is known by a pseudonym of its own, and told
/// which one.
#[test]
fn pseudonyms() {
    let server = Setup::default().set("rooms.welcome", "\"Hello\"").start();
    let (mut pseudonyms, mut here) = (Vec::<String>::new(), Vec::new());
    for (name, headers, from) in [
        ("alice", PRIVACY, ""),
        ("bob", "Privacy: header;user\r\n", ""),
        ("carol", "", NOBODY),
        ("dave", "Privacy: id;critical\r\n", NOBODY),
        ("erin", "", "sip:e1@hidden.invalid"),
        ("mallory", "", "sip:e1@hidden.invalid"),
    ] {
        let (mut one, pseudonym) = join(&server, SipUser::tcp(&server, name), headers, from, &["Hello"]);
        assert!(pseudonym.ends_with(".invalid") && !pseudonym.contains(name), "{pseudonym}");
        assert!(name == "mallory" || !pseudonyms.contains(&pseudonym), "{pseudonym} twice");
        assert_eq!(said_as(&mut one, &pseudonym), 200);
        pseudonyms.push(pseudonym);
        here.push(one);
    }
    assert_eq!(pseudonyms[4], "sip:e1@hidden.invalid", "its own choice");
}

/// CHAT-102: an anonymous participant may write its pseudonym into From, or that it is nobody; not who it is, nor who
/// others are, so that nothing it sends by mistake tells it.
#[test]
fn from_of_an_anonymous_participant() {
    let server = Server::plain();
    let mut carol = Participant::join(&server, "carol");
    let (mut alice, pseudonym) = join(&server, SipUser::tcp(&server, "alice"), PRIVACY, "", &[]);
    let (_bob, of_bob) = join(&server, SipUser::tcp(&server, "bob"), PRIVACY, "", &[]);
    for (from, code) in [
        (pseudonym.as_str(), 200),
        (NOBODY, 200),
        ("sip:alice@example.com", 403),
        ("sips:alice@example.com", 403),
        (&of_bob, 403),
        ("sip:carol@example.com", 403),
    ] {
        assert_eq!(said_as(&mut alice, from), code, "{from}");
    }
    let heard = carol.hear();
    assert_eq!(cpim::header(&heard, "From"), format!("<{pseudonym}>"));
    assert_eq!(cpim::header(&carol.hear(), "From"), format!("<{NOBODY}>"));
    assert_eq!(carol.msrp.unasked().count(), 0);
    let open = carol.sending(&cpim::text(NOBODY, &carol.room, "I hide too"));
    assert_eq!(carol.ask(&open), 403, "who is not anonymous may not say so");
}

/// CHAT-101, CHAT-106: the devices of one account are one anonymous participant; but nothing connects it with the same
/// account when it does not hide.
#[test]
fn two_devices_and_an_open_one() {
    let account = &["tel:+15551234"];
    let server = Setup::default().set("auth.mode", "\"digest\"").user("alice", account).user("bob", &[]).start();
    let alice = || SipUser::tcp(&server, "alice").with_account();
    let (mut one, pseudonym) = join(&server, alice(), PRIVACY, "", &[]);
    let (mut two, same) = join(&server, alice(), "", NOBODY, &[]);
    assert_eq!(same, pseudonym);
    let mut open = Participant::join_as(&server, alice(), "lobby", |offer| offer);
    let bob = SipUser::tcp(&server, "bob").with_account();
    let mut bob = Participant::join_as(&server, bob, "lobby", |offer| offer);
    server.shows("parlor_participants", 3.0);
    for real in [format!("sip:alice@{DOMAIN}"), "tel:+15551234".to_owned()] {
        assert_eq!(said_as(&mut one, &real), 403, "{real}");
    }
    assert_eq!(said_as(&mut one, &pseudonym), 200);
    assert_eq!(cpim::header(&bob.hear(), "From"), format!("<{pseudonym}>"));
    two.hears("x");
    open.hears("x");
    assert_eq!(said_as(&mut open, &pseudonym), 403);
    open.say("openly");
    for other in [&mut one, &mut two, &mut bob] {
        other.hears("openly");
    }
    // A nickname of one is not the other's, as it would not be anybody else's.
    assert_eq!(quoted(&mut one, "Shadow"), 200);
    assert_eq!(quoted(&mut two, "Shadow"), 200);
    assert_eq!(quoted(&mut open, "Shadow"), 425);
}

/// Rules know who hides: the account counts that it proves, and without one it is nobody.
#[test]
fn rules_count_for_who_hides() {
    let rules = format!("allow = [\"sip:alice@{DOMAIN}\"]");
    let server =
        Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).user("bob", &[]).room("den", &rules).start();
    for (name, code) in [("alice", 200), ("bob", 403)] {
        let mut user = SipUser::tcp(&server, name).with_account();
        let mut call = Call::new(&user, &server.room("den"));
        call.from = call.from.replace(&user.uri(), NOBODY);
        let offered = offer(&own_path(&user));
        assert_eq!(call.ask_to_join(&mut user, "", &offered).code(), code, "{name}");
    }
}

/// A dialog that began anonymously stays so: neither a later From nor one without Privacy tells who it is, nor does giving
/// the chat up and taking it up again.
#[test]
fn nothing_in_the_dialog_tells() {
    let server = Server::plain();
    let (mut alice, pseudonym) = join(&server, SipUser::tcp(&server, "alice"), PRIVACY, "", &[]);
    let own = offer(&alice.path);
    let port = own.split("m=message ").nth(1).unwrap().split(' ').next().unwrap();
    let removed = own.replace(&format!("m=message {port}"), "m=message 0");
    for method in ["INVITE", "UPDATE"] {
        change(&mut alice, method, &own);
        assert_eq!(said_as(&mut alice, &pseudonym), 200, "{method}");
        assert_eq!(said_as(&mut alice, "sip:alice@example.com"), 403, "{method}");
    }
    change(&mut alice, "UPDATE", &removed);
    server.shows("parlor_msrp_sessions", 0.0);
    let answer = change(&mut alice, "INVITE", &own);
    let Participant { user, call, path, room, .. } = alice;
    let session = answer.attribute("path").to_owned();
    let mut joined = Joined { user, call, path, session, room, answer };
    let connection = joined.connection(&server);
    let mut alice = joined.bind(connection);
    assert_eq!(told_pseudonym(&mut alice), pseudonym);
    assert_eq!(said_as(&mut alice, "sip:alice@example.com"), 403);
    server.shows("parlor_participants", 1.0);
}

/// CHAT-101: who asks about an account does not learn that it is here, but may have a pseudonym removed.
#[test]
fn those_who_may_remove_somebody_learn_nothing() {
    let server = Setup::default().set("rooms.moderators", "[\"sip:bob@example.com\"]").start();
    let mut bob = Participant::join(&server, "bob");
    let (mut alice, pseudonym) = join(&server, SipUser::tcp(&server, "alice"), PRIVACY, "", &[]);
    let target = |uri: &str| format!("Refer-To: <{uri};method=BYE>\r\n");
    refer(&mut bob.user, &server.room("lobby"), &target("sip:alice@example.com"), 404);
    refer(&mut bob.user, &server.room("lobby"), &target("sip:zoe@example.com"), 404);
    refer(&mut bob.user, &server.room("lobby"), &target(&pseudonym), 202);
    let bye = alice.user.expect_request("BYE");
    alice.user.answer(&bye);
}

/// SIP-112, RFC 3323 §5: who insists on a privacy that nobody knows gets 500; else it is ignored.
#[test]
fn privacy_that_cannot_be_given() {
    let server = Server::plain();
    for (headers, code) in
        [("Privacy: id;x-moon;critical\r\n", 500), ("Privacy: x-moon\r\n", 200), ("Privacy: none;critical\r\n", 200)]
    {
        let mut user = SipUser::tcp(&server, "alice");
        let mut call = Call::new(&user, &server.room("lobby"));
        let offered = offer(&own_path(&user));
        assert_eq!(call.ask_to_join(&mut user, headers, &offered).code(), code, "{headers}");
    }
}

/// CHAT-101, CHAT-104, EVT-56: the roster has the pseudonym and nothing of who or where its owner is, not even as the
/// endpoint, which is another for each of its devices.
#[test]
fn the_roster_does_not_tell() {
    let server = Server::plain();
    let (zoe, pseudonym) = join(&server, SipUser::tcp(&server, "zoe"), PRIVACY, "", &[]);
    let (_phone, _) = join(&server, SipUser::udp(&server, "zoe"), PRIVACY, "", &[]);
    let mut open = SipUser::tcp(&server, "yves");
    let mut call = Call::new(&open, &server.room("lobby"));
    let offered = offer(&own_path(&open));
    assert_eq!(call.ask_to_join(&mut open, "Privacy: header\r\n", &offered).code(), 200);
    let (_, shown) = Watcher::of(&server, "bob", "lobby");
    let body = &shown.message.body;
    for secret in ["zoe", "Zoe", &zoe.user.local().to_string(), &zoe.call.id, &open.local().to_string()] {
        assert!(!body.contains(secret), "{secret}: {body}");
    }
    let user = shown.user(&pseudonym);
    assert_eq!(user.xml.matches("<endpoint ").count(), 2);
    assert!(body.contains("sip:yves@example.com"), "who he is he does not hide");
}

/// CHAT-104: messages to a pseudonym reach its owner, and those to whom it hides reach nobody.
#[test]
fn private_messages_to_a_pseudonym() {
    let server = Server::plain();
    let (mut zoe, pseudonym) = join(&server, SipUser::tcp(&server, "zoe"), PRIVACY, "", &[]);
    let mut bob = Participant::join(&server, "bob");
    let mut send_to = |to: &str| {
        let send = bob.sending(&cpim::text(bob.user.uri(), to, "psst"));
        bob.ask(&send)
    };
    assert_eq!(send_to("sip:zoe@example.com"), 404);
    assert_eq!(send_to(NOBODY), 404);
    assert_eq!(send_to(&pseudonym), 200);
    zoe.hears("psst");
}

/// What the server logs for its operator names no anonymous participant, whatever it does.
#[test]
fn the_log_does_not_tell() {
    let server = Setup::default().set("log.level", "\"info\"").start();
    let (mut zoe, pseudonym) = join(&server, SipUser::tcp(&server, "zoe"), PRIVACY, "", &[]);
    assert_eq!(said_as(&mut zoe, &pseudonym), 200);
    assert_eq!(said_as(&mut zoe, "sip:zoe@example.com"), 403);
    let (address, id) = (zoe.user.local().to_string(), zoe.call.id.clone());
    zoe.leave();
    server.shows("parlor_participants", 0.0);
    let log = server.log();
    for secret in ["zoe", &address, &id] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

/// Joins the lobby with these headers, from that address if one is given; hears these welcomes and which pseudonym it has.
fn join(server: &Server, mut user: SipUser, headers: &str, from: &str, welcomes: &[&str]) -> (Participant, String) {
    let (path, room) = (own_path(&user), server.room("lobby"));
    let mut call = Call::new(&user, &room);
    if !from.is_empty() {
        call.from = format!("<{from}>;tag={}", unique("f"));
    }
    let answer = call.ask_to_join(&mut user, headers, &offer(&path));
    assert_eq!(answer.code(), 200, "{answer:#?}");
    call.established(&answer);
    user.send(call.ack(""));
    let session = answer.attribute("path").to_owned();
    let mut joined = Joined { user, call, path, session, room, answer };
    let connection = joined.connection(server);
    let mut one = joined.bind(connection);
    for welcome in welcomes {
        one.hears(welcome);
    }
    let pseudonym = told_pseudonym(&mut one);
    (one, pseudonym)
}

/// What the room tells of the pseudonym.
fn told_pseudonym(one: &mut Participant) -> String {
    let notice = one.hear();
    assert_eq!(cpim::header(&notice, "From"), format!("<{}>", one.room));
    let text = cpim::content(&notice);
    let uri = text.split(' ').find(|word| word.starts_with("sip:"));
    uri.unwrap_or_else(|| panic!("no URI in {text}")).trim_end_matches('.').to_owned()
}

/// Says `x` to the room under that address, and gives the code of the response.
fn said_as(one: &mut Participant, from: &str) -> u16 {
    let send = one.sending(&cpim::text(from, &one.room, "x"));
    one.ask(&send)
}

/// A later offer, and its answer.
fn change(one: &mut Participant, method: &str, offer: &str) -> SipMessage {
    let request = one.call.request(method, "", offer);
    one.user.send(request);
    let answer = one.user.expect(200);
    if method == "INVITE" {
        one.user.send(one.call.ack(""));
    }
    answer
}
