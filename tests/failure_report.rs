//! Who asks for no answers gets none, who asks for failures alone gets those (RFC 4975 §7.1.1).

use crate::support::participant::Participant;
use crate::support::server::Server;

/// MSRP §4: with `yes`, and when nothing is said, good and bad are answered.
#[test]
fn yes() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let good = alice.saying("good").header("Failure-Report: yes");
    assert_eq!(alice.ask(&good), 200);
    let bad = alice.sending(b"plain").kind("text/plain").header("Failure-Report: yes");
    assert_eq!(alice.ask(&bad), 415);
    bob.hears("good");
}

/// With `partial` only what failed is answered.
#[test]
fn partial() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let good = alice.saying("good").header("Failure-Report: partial");
    let bad = alice.sending(b"plain").kind("text/plain").header("Failure-Report: partial");
    alice.msrp.write([good.bytes(), bad.bytes()].concat());
    let first = alice.msrp.receive();
    assert_eq!((first.tid, first.code), (bad.tid, 415), "no 200 before it");
    bob.hears("good");
    nothing_more(&mut alice);
}

/// With `no` nothing is answered, neither by a response nor by a REPORT; what is good passes all the same.
#[test]
fn no() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let good = alice.saying("good").header("Failure-Report: no");
    let plain = alice.sending(b"plain").kind("text/plain").header("Failure-Report: no");
    let forged = alice
        .sending(b"From: <sip:bob@example.com>\r\nTo: <sip:lobby@chat.example.test>\r\n\r\nContent-Type: a/b\r\n\r\n");
    let large = alice.chunk("toolarge", "1-*/99999999999", b"", '+').header("Failure-Report: no");
    alice
        .msrp
        .write([good.bytes(), plain.bytes(), forged.header("Failure-Report: no").bytes(), large.bytes()].concat());
    bob.hears("good");
    nothing_more(&mut alice);
}

/// The next thing that alice gets is the answer to this.
fn nothing_more(alice: &mut Participant) {
    let last = alice.saying("last");
    alice.msrp.write(last.bytes());
    let next = alice.msrp.receive();
    assert_eq!((next.tid, next.code), (last.tid, 200));
}
