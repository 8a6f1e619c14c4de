//! The server reads the same whatever pieces the network delivers.

use std::io::Write as _;

use crate::support::participant::{Joined, Participant};
use crate::support::server::Server;
use crate::support::sip::SipUser;
use crate::support::wire::Wire;

/// MSRP-15: a bind, messages and a keepalive written one byte at a time are what they would be at once.
#[test]
fn msrp_byte_by_byte() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let mut alice = Participant::join(&server, "alice");
    let sends = [
        alice.saying("one"),
        crate::support::msrp::Send::empty(&alice.session, &alice.path),
        alice.saying("two \r\n-------x$\r\n"),
        alice.sending(b"not wrapped").kind("text/plain"),
        alice.saying("three").header("Success-Report: yes"),
    ];
    for send in &sends {
        byte_by_byte(&mut alice.msrp.wire, &send.bytes());
    }
    let codes: Vec<_> = sends.iter().map(|send| alice.msrp.response(&send.tid)).collect();
    assert_eq!(codes, [200, 200, 200, 415, 200]);
    alice.msrp.next_report();
    for said in ["one", "two \r\n-------x$\r\n", "three"] {
        bob.hears(said);
    }
}

/// Every way to cut a SEND in two gives the same message.
#[test]
fn msrp_cut_in_two() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let length = alice.saying("cut").bytes().len();
    for cut in 1..length {
        let send = alice.saying("cut");
        let bytes = send.bytes();
        alice.msrp.write(&bytes[..cut]);
        alice.msrp.write(&bytes[cut..]);
        assert_eq!(alice.msrp.response(&send.tid), 200, "cut at {cut}");
        bob.hears("cut");
    }
}

/// The same for SIP over TCP: a whole join, and keepalives between its bytes' ends (SIP-7).
#[test]
fn sip_byte_by_byte() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let mut user = SipUser::tcp(&server, "alice");
    let path = crate::support::participant::own_path(&user);
    let room = server.room("lobby");
    let mut call = crate::support::sip::Call::new(&user, &room);
    let invite = call.invite("", &crate::support::sip::offer(&path));
    byte_by_byte(user.wire(), b"\r\n\r\n");
    byte_by_byte(user.wire(), invite.as_bytes());
    let answer = user.expect(200);
    call.established(&answer);
    let ack = call.ack("");
    byte_by_byte(user.wire(), ack.as_bytes());
    let session = answer.attribute("path").to_owned();
    let mut joined = Joined { user, call, path, session, room, answer };
    let connection = joined.connection(&server);
    let mut alice = joined.bind(connection);
    alice.say("in pieces");
    bob.hears("in pieces");
}

/// SIP-7: many messages in one write are as many messages.
#[test]
fn sip_all_at_once() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    let room = server.room("lobby");
    let requests: Vec<_> = (0..50).map(|_| user.request("OPTIONS", &room, "", "")).collect();
    user.send(requests.concat());
    for _ in 0..50 {
        user.expect(200);
    }
}

fn byte_by_byte(wire: &mut Wire, bytes: &[u8]) {
    let mut socket = wire.socket();
    for byte in bytes {
        socket.write_all(std::slice::from_ref(byte)).unwrap();
    }
}
