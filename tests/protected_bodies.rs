//! Signed and encrypted messages (MSG-24, MSG-25): they pass as they are, and signed ones must be of this time.

use std::process::Command;

use crate::support::cpim;
use crate::support::device::{Device, aor};
use crate::support::openssl::{Protected, Signer};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::{SipMessage, SipUser};

const TEXT: &str = "Watson, come here. Gr\u{fc}\u{df}e";

/// A signed message in both forms, and an encrypted one.
fn bodies(signer: &Signer) -> [Protected; 3] {
    [signer.sign(TEXT), signer.sign_around(TEXT), signer.encrypt(TEXT)]
}

/// What stands in front of such a body that is sent so long after now, or before.
fn headers(body: &Protected, date: Option<i64>) -> String {
    let date = date.map(|offset| format!("Date: {}\r\n", sip_date(offset)));
    format!("{}Content-Type: {}\r\n", date.unwrap_or_default(), body.kind)
}

/// A MESSAGE with that body, sent now.
fn send(user: &mut SipUser, to: &str, body: &Protected) {
    let message = user.request_of("MESSAGE", to, &headers(body, Some(0)), &body.octets);
    user.send(message);
}

/// It is as it was sent, and still what was signed or encrypted.
fn is_intact(signer: &Signer, body: &Protected, kind: &str, octets: &[u8]) {
    assert_eq!(kind, body.kind);
    assert_eq!(octets, body.octets);
    let came = Protected { kind: kind.to_owned(), octets: octets.to_vec() };
    assert!(signer.open(&came).contains(TEXT));
}

fn next(bob: &mut Device) -> SipMessage {
    let message = bob.user.expect_request("MESSAGE");
    bob.user.answer(&message);
    message
}

/// MSG-25: from user to user.
#[test]
fn from_user_to_user() {
    let Some(signer) = Signer::new() else { return };
    let server = Setup::default().set("registrar.trust_loopback", "true").start();
    let mut alice = SipUser::tcp(&server, "alice");
    let mut bob = Device::tcp(&server, "bob");
    bob.register_here();
    for body in bodies(&signer) {
        send(&mut alice, &aor("bob"), &body);
        let message = next(&mut bob);
        alice.expect(200);
        is_intact(&signer, &body, message.header("Content-Type"), &message.octets);
    }
}

/// MSG-24, MSG-25, MSG-50: to a user who is away; what comes out of the store is as old as it is.
#[test]
fn through_the_store() {
    let Some(signer) = Signer::new() else { return };
    let mut server = Setup::default().set("auth.mode", "[\"digest\", \"none\"]").user("bob", &[]).start();
    let mut alice = SipUser::tcp(&server, "alice");
    let bodies = bodies(&signer);
    for body in &bodies {
        send(&mut alice, &aor("bob"), body);
        alice.expect(202);
    }
    server.kill_and_restart();
    let mut bob = Device::over(SipUser::tcp(&server, "bob").with_account());
    bob.register_here();
    for body in &bodies {
        let message = next(&mut bob);
        is_intact(&signer, body, message.header("Content-Type"), &message.octets);
        assert!(message.headers.find("Date").is_some(), "{message:#?}");
    }
}

/// MSG-25, MSG-41: into a room by MESSAGE, and by MSRP inside of CPIM.
#[test]
fn into_a_room() {
    let Some(signer) = Signer::new() else { return };
    let server = Server::plain();
    let mut alice = Participant::join_as(&server, SipUser::tcp(&server, "alice"), "lobby", |offer| offer);
    let mut bob = Participant::join(&server, "bob");
    let room = server.room("lobby");
    for body in bodies(&signer) {
        send(&mut alice.user, &room, &body);
        alice.user.expect(202);
        let heard = bob.hear();
        let (kind, octets) = wrapped(&heard);
        is_intact(&signer, &body, &kind, octets);
        let said = alice.sending(&cpim::wrapped(alice.user.uri(), &room, &body.kind, &body.octets));
        assert_eq!(alice.ask(&said), 200);
        let heard = bob.hear();
        assert_eq!(heard, said.body);
        let (kind, octets) = wrapped(&heard);
        is_intact(&signer, &body, &kind, octets);
    }
}

/// MSG-24: a signed message without Date, or with one that is minutes off, is refused, by rooms and for users; an old one that
/// is not signed is not, nor an encrypted one without Date.
#[test]
fn of_this_time() {
    let Some(signer) = Signer::new() else { return };
    let setup = Setup::default().set("auth.mode", "[\"digest\", \"none\"]").user("alice", &[]).user("bob", &[]);
    let server = setup.start();
    let mut bob = Device::over(SipUser::tcp(&server, "bob").with_account());
    bob.register_here();
    let mut dave = Participant::join_as(&server, SipUser::tcp(&server, "dave"), "lobby", |offer| offer);
    let room = server.room("lobby");
    let [signed, around, encrypted] = bodies(&signer);
    for body in [&signed, &around] {
        for date in [None, Some(-900), Some(900)] {
            for (user, to) in
                [(&mut SipUser::tcp(&server, "alice").with_account(), aor("bob")), (&mut dave.user, room.clone())]
            {
                user.send(user.request_of("MESSAGE", &to, &headers(body, date), &body.octets));
                let answer = user.final_response();
                assert_eq!(answer.start, "SIP/2.0 400 Incorrect Date or Time", "{to} {date:?}");
                assert!(answer.header("To").contains(";tag="), "SIP-29");
            }
        }
    }
    server.shows("parlor_rejected_total{layer=\"sip\",reason=\"date\"}", 12.0);
    let plain = Protected { kind: "text/plain".to_owned(), octets: b"old".to_vec() };
    for (body, date) in [(&signed, Some(60)), (&encrypted, None), (&plain, Some(-900))] {
        dave.user.send(dave.user.request_of("MESSAGE", &room, &headers(body, date), &body.octets));
        dave.user.expect(202);
    }
}

/// MSG-24: what comes from another domain may have waited there.
#[test]
fn from_elsewhere_it_may_be_old() {
    let Some(signer) = Signer::new() else { return };
    let server = Setup::default().set("auth.mode", "[\"digest\", \"none\"]").user("bob", &[]).start();
    let mut bob = Device::over(SipUser::tcp(&server, "bob").with_account());
    bob.register_here();
    let body = signer.sign(TEXT);
    let mut carol = SipUser::tcp(&server, "carol");
    carol.send(carol.request_of("MESSAGE", &aor("bob"), &headers(&body, Some(-900)), &body.octets));
    assert_eq!(next(&mut bob).octets, body.octets);
    carol.expect(200);
}

/// The type and the content of a message in its wrapper.
fn wrapped(message: &[u8]) -> (String, &[u8]) {
    let after = |from: usize| from + crate::support::sip::find(&message[from..], b"\r\n\r\n").unwrap() + 4;
    let (inner, content) = (after(0), after(after(0)));
    let head = std::str::from_utf8(&message[inner..content]).unwrap();
    let kind = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Type: ")).unwrap();
    (kind.to_owned(), &message[content..])
}

/// Now and so many seconds, as in a Date header.
fn sip_date(offset: i64) -> String {
    let from_now = format!("{offset} seconds");
    let arguments = ["-u", "-d", &from_now, "+%a, %d %b %Y %H:%M:%S GMT"];
    let output = Command::new("date").args(arguments).env("LC_ALL", "C").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
