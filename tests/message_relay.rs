//! MESSAGE from user to user: the proxy (MSG-60 to MSG-63).

use crate::support::device::{Device, aor};
use crate::support::digest::Login;
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipMessage, SipUser, server_uri};
use crate::support::unique;

fn open() -> Server {
    Setup::default().set("registrar.trust_loopback", "true").start()
}

/// A MESSAGE with a text.
fn text(user: &SipUser, to: &str, text: &str) -> String {
    user.request("MESSAGE", to, "Content-Type: text/plain\r\n", text)
}

/// Sends a MESSAGE and gives the answer.
fn send(user: &mut SipUser, message: &str) -> SipMessage {
    user.send(message);
    user.final_response()
}

/// Sends a text and gives the answer.
fn say(user: &mut SipUser, to: &str, body: &str) -> SipMessage {
    let message = text(user, to, body);
    send(user, &message)
}

/// A device of bob that is registered.
fn bob(server: &Server) -> Device {
    let mut bob = Device::udp(server, "bob");
    bob.register_here();
    bob
}

/// MSG-60, MSG-62, RFC 3428 §10: F1 to F4, over UDP and TCP.
#[test]
fn as_in_the_example() {
    let server = open();
    for udp in [true, false] {
        let mut alice = if udp { SipUser::udp(&server, "alice") } else { SipUser::tcp(&server, "alice") };
        let mut bob = if udp { Device::tcp(&server, "bob") } else { Device::udp(&server, "bob") };
        bob.register_here();
        let f1 = text(&alice, &aor("bob"), "Watson, come here.")
            .replace(";rport", "")
            .replace("127.0.0.1", "user1pc.example.com");
        let f1 = if udp { f1.replace(";branch", ";rport;branch") } else { f1 };
        alice.send(&f1);
        let f2 = bob.user.expect_request("MESSAGE");
        assert_eq!(f2.start, format!("MESSAGE {} SIP/2.0", bob.user.contact()));
        assert_eq!((f2.header("Max-Forwards"), f2.body.as_str()), ("69", "Watson, come here."));
        let vias = f2.headers.all("Via");
        assert_eq!(vias.len(), 2, "{f2:#?}");
        assert!(vias[0].contains(bob.user.transport()) && vias[0].contains(";branch=z9hG4bK"), "{f2:#?}");
        assert!(vias[1].contains("user1pc.example.com") && vias[1].contains(";received=127.0.0.1"), "{f2:#?}");
        assert!(f2.headers.find("Record-Route").is_none(), "{f2:#?}");
        for name in ["From", "To", "Call-ID", "CSeq", "Content-Type"] {
            assert!(f1.contains(&format!("{name}: {}\r\n", f2.header(name))), "{name}: {f2:#?}");
        }
        bob.user.answer_with(&f2, "200 Fine", "X-Said: by bob\r\n");
        let f4 = alice.expect(200);
        assert_eq!((f4.start.as_str(), f4.header("X-Said")), ("SIP/2.0 200 Fine", "by bob"));
        assert_eq!(f4.headers.all("Via"), [vias[1]]);
        bob.register("Contact: *\r\nExpires: 0\r\n");
    }
    server.shows("parlor_pager_messages_total{result=\"delivered\"}", 2.0);
}

/// MSG-60, MSG-63: all devices of a user get it, and one answer comes back, also when one of them is dead.
#[test]
fn all_devices_get_it() {
    let server = open();
    let mut alice = SipUser::udp(&server, "alice");
    let dead = bob(&server);
    let mut others = [bob(&server), bob(&server)];
    alice.send(text(&alice, &aor("bob"), "hello"));
    for device in &mut others {
        let message = device.user.expect_request("MESSAGE");
        assert_eq!(message.body, "hello");
        device.user.answer(&message);
    }
    alice.expect(200);
    assert!(alice.unread(&server_uri()).is_empty(), "one answer alone");
    drop(dead);
}

/// MSG-60: of several failures the best is told, and 6xx before all.
#[test]
fn the_best_failure_is_told() {
    let server = open();
    let mut alice = SipUser::tcp(&server, "alice");
    let mut devices = [bob(&server), bob(&server)];
    for (answers, told) in [
        (["486 Busy Here", "415 Unsupported Media Type"], 415),
        (["480 Away", "404 Not Found"], 404),
        (["404 Not Found", "603 Decline"], 603),
        (["503 Service Unavailable", "503 Service Unavailable"], 500),
        (["404 Not Found", "202 Accepted"], 202),
    ] {
        alice.send(text(&alice, &aor("bob"), "hello"));
        for (device, answer) in devices.iter_mut().zip(answers) {
            let message = device.user.expect_request("MESSAGE");
            device.user.answer_with(&message, answer, "");
        }
        assert_eq!(alice.final_response().code(), told, "{answers:?}");
    }
}

/// SIP-131, RFC 5626: a device behind NAT is reached over its own stream, whatever its Contact says; when that is gone it is
/// nowhere.
#[test]
fn over_its_own_stream() {
    let server = Setup::default().set("registrar.trust_loopback", "true").set("rooms.on_demand", "false").start();
    let mut alice = SipUser::udp(&server, "alice");
    let mut laptop = Device::tcp(&server, "bob");
    let private = laptop.outbound_contact().replace("127.0.0.1", "10.11.12.13");
    assert_eq!(laptop.register(&private).code(), 200);
    alice.send(text(&alice, &aor("bob"), "hello"));
    let message = laptop.user.expect_request("MESSAGE");
    assert!(message.start.contains("10.11.12.13"), "{message:#?}");
    laptop.user.answer(&message);
    alice.expect(200);
    drop(laptop);
    server.shows("parlor_registrations", 0.0);
    assert_eq!(say(&mut alice, &aor("bob"), "hello").code(), 404);
}

/// A device whose datagrams come through a NAT is reached where they came from.
#[test]
fn through_a_nat() {
    let server = open();
    let mut alice = SipUser::udp(&server, "alice");
    let mut phone = Device::udp(&server, "bob");
    assert_eq!(phone.register("Contact: <sip:bob@192.168.1.2:5060>\r\n").code(), 200);
    alice.send(text(&alice, &aor("bob"), "hello"));
    let message = phone.user.expect_request("MESSAGE");
    assert!(message.start.contains("sip:bob@192.168.1.2:5060"), "{message:#?}");
    phone.user.answer(&message);
    alice.expect(200);
}

/// MSG-60, MSG-61: what is not passed on, and why.
#[test]
fn what_is_refused() {
    let server = open();
    let mut alice = SipUser::udp(&server, "alice");
    let mut bob = bob(&server);
    let plain = text(&alice, &aor("bob"), "hello");
    let with = |headers: &str| plain.replace("Content-Type", &format!("{headers}Content-Type"));
    let to = |uri: &str| text(&alice, uri, "hello");
    for (message, code) in [
        (plain.replace("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        (with("Proxy-Require: sec-agree\r\n"), 420),
        (with("Route: <sip:192.0.2.1;lr>\r\n"), 403),
        (to("sip:bob@example.org"), 403),
        (to("im:bob@example.org"), 403),
        (to("tel:+15559999"), 404),
    ] {
        let fresh = message.replace("branch=z9hG4bK", &format!("branch={}", unique("z9hG4bK")));
        let fresh = fresh.replace("Call-ID: ", &format!("Call-ID: {}", unique("c")));
        assert_eq!(send(&mut alice, &fresh).code(), code, "{message}");
    }
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"forbidden\"}", 3.0);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"loop\"}", 1.0);
    alice.send(&plain);
    let message = bob.user.expect_request("MESSAGE");
    assert_eq!(message.body, "hello");
    // It comes back as it was, once more under way: a loop.
    let mut back = format!("MESSAGE {} SIP/2.0\r\n{}", aor("bob"), bob.user.via());
    for (name, value) in message.headers.0.iter().filter(|(name, _)| name != "Max-Forwards") {
        back += &format!("{name}: {value}\r\n");
    }
    let answer = send(&mut bob.user, &format!("{back}Max-Forwards: 60\r\n\r\nhello"));
    assert_eq!(answer.code(), 482);
    bob.user.answer(&message);
    alice.expect(200);
}

/// MSG-61: who has an account and no device is away; who has none is nobody.
#[test]
fn who_is_away() {
    let setup = Setup::default().set("messages.keep_for", "\"0s\"");
    let server = setup.set("auth.mode", "[\"digest\", \"none\"]").user("bob", &[]).start();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(say(&mut alice, &aor("bob"), "hello").code(), 480);
    let none = Setup::default().set("registrar.trust_loopback", "true").set("rooms.on_demand", "false").start();
    let mut alice = SipUser::udp(&none, "alice");
    assert_eq!(say(&mut alice, &aor("bob"), "hello").code(), 404);
}

/// MSG-14: a user gets what is sent to any of its addresses, and by any of our names.
#[test]
fn by_any_address() {
    let server = Setup::default()
        .set("auth.mode", "[\"digest\", \"none\"]")
        .user("bob", &["tel:+15551234", "sip:robert@example.org"])
        .start();
    let mut bob = Device::over(SipUser::udp(&server, "bob").with_account());
    bob.register_here();
    let mut alice = SipUser::udp(&server, "alice");
    for address in [
        aor("bob"),
        format!("sip:bob@{}", server.sip),
        "sip:bob@CHAT.example.test;transport=udp".to_owned(),
        "sips:bob@chat.example.test".to_owned(),
        "im:bob@chat.example.test".to_owned(),
        "pres:bob@chat.example.test".to_owned(),
        "tel:+1-555-1234".to_owned(),
        "sip:robert@example.org".to_owned(),
    ] {
        alice.send(text(&alice, &address, "hello"));
        let message = bob.user.expect_request("MESSAGE");
        assert!(message.start.contains(&bob.user.contact()), "{address}: {message:#?}");
        assert!(message.header("To").contains(&address), "{message:#?}");
        bob.user.answer(&message);
        alice.expect(200);
    }
}

/// SIP-20, SIP-111, MSG-26: the proxy asks for the password with 407; who knows it sends under its own name, and what
/// proves it stays here.
#[test]
fn a_password_sends() {
    let server = Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).user("bob", &[]).start();
    let mut bob = Device::over(SipUser::udp(&server, "bob").with_account());
    bob.register_here();
    let mut alice = SipUser::udp(&server, "alice").with_account();
    let login = alice.login.clone().unwrap();
    let asked = say(&mut alice, &aor("bob"), "hello");
    assert_eq!(asked.code(), 407);
    let challenge = as_of_a_server(&asked);
    let with = |user: &SipUser, login: &Login| {
        let answer =
            login.answer(&challenge, "MESSAGE", &aor("bob"), "hello").replace("Authorization", "Proxy-Authorization");
        user.request("MESSAGE", &aor("bob"), &format!("{answer}Content-Type: text/plain\r\n"), "hello")
    };
    alice.send(with(&alice, &login));
    let message = bob.user.expect_request("MESSAGE");
    assert!(message.headers.find("Proxy-Authorization").is_none(), "{message:#?}");
    bob.user.answer(&message);
    alice.expect(200);
    let wrong = Login::new("alice", "guess");
    let guessed = with(&alice, &wrong);
    assert_eq!(send(&mut alice, &guessed).code(), 407);
    let mut mallory = SipUser::udp(&server, "bob").with_account();
    mallory.name = "carol".to_owned();
    let login = Login::new("bob", "s3cret of bob");
    let asked = say(&mut mallory, &aor("bob"), "hello");
    let challenge = as_of_a_server(&asked);
    let answer =
        login.answer(&challenge, "MESSAGE", &aor("bob"), "hello").replace("Authorization", "Proxy-Authorization");
    let forged = mallory.request("MESSAGE", &aor("bob"), &format!("{answer}Content-Type: text/plain\r\n"), "hello");
    assert_eq!(send(&mut mallory, &forged).code(), 403);
    server.shows("parlor_rejected_total{layer=\"auth\",reason=\"foreign_from\"}", 1.0);
}

/// The challenge of a proxy, as a server would have written it.
pub(crate) fn as_of_a_server(asked: &SipMessage) -> SipMessage {
    let mut challenge = asked.clone();
    challenge.start = challenge.start.replace("407", "401");
    for (name, _) in &mut challenge.headers.0 {
        *name = name.replace("Proxy-Authenticate", "WWW-Authenticate");
    }
    challenge
}

/// MSG-E7: what comes again by UDP is passed on once, and answered as before.
#[test]
fn what_comes_again_is_passed_on_once() {
    let server = open();
    let mut alice = SipUser::udp(&server, "alice");
    let mut bob = bob(&server);
    let message = text(&alice, &aor("bob"), "hello");
    alice.send(&message);
    alice.send(&message);
    let passed = bob.user.expect_request("MESSAGE");
    alice.send(&message);
    bob.user.answer(&passed);
    let first = alice.expect(200);
    alice.send(&message);
    assert_eq!(alice.expect(200).headers.0, first.headers.0);
    // The same by another way is refused.
    let other = message.replace("branch=", "branch=z9hG4bKother");
    assert_eq!(send(&mut alice, &other).code(), 482);
    server.shows("parlor_pager_messages_total{result=\"delivered\"}", 1.0);
}

/// MSG-22, MSG-25, MSG-30: no body, any type, any header: all pass as they are.
#[test]
fn anything_passes() {
    let server = open();
    let mut alice = SipUser::tcp(&server, "alice");
    let mut bob = bob(&server);
    for (headers, body) in [
        ("", ""),
        ("Content-Type: application/x-unknown;p=\"q\"\r\nContent-Encoding: gzip\r\n", "not really"),
        ("Content-Type: message/cpim\r\n", "From: <im:a@b>\r\nTo: <im:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\nhi"),
        (
            "Content-Type: text/plain;charset=UTF-8\r\nContact: <sip:alice@192.0.2.1>\r\nExpires: 60\r\n",
            "gr\u{fc}\u{df}e",
        ),
        ("c: text/plain\r\nSubject: \u{1f600}\r\nX-Any:   a   \r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n", "x"),
    ] {
        alice.send(alice.request("MESSAGE", &aor("bob"), headers, body));
        let message = bob.user.expect_request("MESSAGE");
        assert_eq!(message.body, body);
        for line in headers.split_terminator("\r\n").map(|line| line.replace("c: ", "Content-Type: ")) {
            let (name, value) = line.split_once(':').unwrap();
            assert_eq!(message.header(name), value.trim(), "{name}");
        }
        bob.user.answer(&message);
        alice.expect(200);
    }
}

/// MSG-16: more than 1,300 octets reach a device on a stream alone; with another one the sender is told.
#[test]
fn large_messages() {
    let server = open();
    let mut alice = SipUser::tcp(&server, "alice");
    let long = "long ".repeat(400);
    let mut phone = bob(&server);
    assert_eq!(say(&mut alice, &aor("bob"), &long).code(), 413);
    let mut laptop = Device::tcp(&server, "bob");
    laptop.register_here();
    alice.send(text(&alice, &aor("bob"), &long));
    let message = laptop.user.expect_request("MESSAGE");
    assert_eq!(message.body, long);
    laptop.user.answer(&message);
    alice.expect(200);
    assert!(phone.user.unread(&server_uri()).is_empty());
}

/// The server as it is tells that nobody takes messages, and one without registered users has none.
#[test]
fn only_where_users_are() {
    let server = Server::plain();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(say(&mut alice, &format!("sip:bob@{DOMAIN}"), "hello").code(), 404);
}
