//! Bytes that mean nothing, on every port: the server refuses, closes and goes on.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::support::eventually;
use crate::support::msrp::{MsrpPeer, Send};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};

/// Junk of all kinds on SIP over UDP, TCP and TLS, MSRP over TCP and TLS, and HTTP, while two people talk.
#[test]
fn junk_everywhere() {
    let mut server = Setup::default().tls().start();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let udp = UdpSocket::bind((server.sip.ip(), 0)).unwrap();
    for (index, junk) in junk().iter().enumerate() {
        let _ = udp.send_to(&junk[..junk.len().min(60_000)], server.sip);
        for address in [server.sip, server.sips, server.msrp, server.msrps, server.http] {
            throw(address, junk);
        }
        let word = format!("after junk {index}");
        alice.say(&word);
        bob.hears(&word);
    }
    assert!(server.is_alive());
    server.shows("parlor_participants", 2.0);
    server.shows("parlor_msrp_connections", 2.0);
}

/// MSRP-100: what is no MSRP is closed, with 400 where somebody to tell is known.
#[test]
fn no_msrp_is_closed() {
    let server = Server::plain();
    let long = "x".repeat(20_000);
    let head = "MSRP abcd1234 SEND\r\nTo-Path: msrp://127.0.0.1:1/a;tcp\r\nFrom-Path: msrp://127.0.0.1:2/b;tcp\r\n";
    let unreadable = [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "\r\n\r\n\r\n\r\n".to_owned(),
        "MSRP\r\n".to_owned(),
        "MSRP a SEND extra words\r\nTo-Path: x\r\n".to_owned(),
        "msrp abcd1234 SEND\r\nTo-Path: x\r\n".to_owned(),
        format!("MSRP {long} SEND\r\n"),
        format!("MSRP abcd1234 {long}\r\n"),
        "MSRP abcd1234 SEND\r\nFrom-Path: msrp://127.0.0.1:2/b;tcp\r\n-------abcd1234$\r\n".to_owned(),
        "MSRP abcd1234 SEND\r\n-------abcd1234$\r\n".to_owned(),
        format!("{head}X: {long}\r\n-------abcd1234$\r\n"),
        format!("{head}{}", "X: y\r\n".repeat(5000)),
    ];
    for text in unreadable {
        let mut peer = MsrpPeer::connect(server.msrp);
        let _ = peer.wire.try_write(text.as_bytes());
        while let Some(answer) = peer.receive_within(crate::support::PATIENCE) {
            assert_eq!(answer.code, 400, "{answer:?} to {:?}", &text[..text.len().min(200)]);
        }
        assert!(peer.wire.ended(), "open after {:?}", &text[..text.len().min(200)]);
    }
    server.shows("parlor_msrp_connections", 0.0);
}

/// Responses and reports to nothing change nothing (MSRP-E5, MSRP-55).
#[test]
fn answers_to_nothing() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    for code in [200, 400, 413, 415, 501, 999] {
        let (to, from) = (&alice.session, &alice.path);
        alice
            .msrp
            .write(format!("MSRP nosuchtid {code} Why\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------nosuchtid$\r\n"));
        alice.msrp.write(format!(
            "MSRP report{code} REPORT\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: nosuchid\r\n\
             Status: 000 {code} Why\r\n-------report{code}$\r\n"
        ));
    }
    alice.say("still here");
    bob.hears("still here");
    bob.say("so am I");
    alice.hears("so am I");
    assert_eq!(alice.msrp.unasked().count(), 0);
}

/// A stranger that binds nothing and writes for ever is closed, and costs no memory.
#[test]
fn endless_body_from_a_stranger() {
    let server = Setup::default().set("msrp.bind_timeout", "\"2s\"").start();
    let before = server.rss();
    let mut stranger = MsrpPeer::connect(server.msrp);
    let send = Send::whole("msrp://127.0.0.1:1/nobody;tcp", "msrp://127.0.0.1:2/me;tcp", b"");
    let bytes = send.bytes();
    let head = &bytes[..bytes.len() - "\r\n-------$\r\n".len() - send.tid.len()];
    stranger.write(head);
    let chunk = vec![b'x'; 1024 * 1024];
    eventually("the stranger is closed", || stranger.wire.try_write(&chunk).err());
    server.shows("parlor_msrp_connections", 0.0);
    assert!(server.rss() < before + 16 * 1024 * 1024, "{before} -> {}", server.rss());
    let mut alice = Participant::join(&server, "alice");
    alice.say("unmoved");
}

fn throw(address: SocketAddr, junk: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    // It may close before all is written.
    let _ = stream.write_all(junk);
}

fn junk() -> Vec<Vec<u8>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        std::iter::repeat_with(next).take(length).collect()
    };
    let mut junk = vec![
        Vec::new(),
        b"\0".to_vec(),
        b"\r\n\r\n\r\n\r\n".to_vec(),
        vec![b'\r'; 10_000],
        vec![0; 100_000],
        vec![0xff; 100_000],
        b"INVITE".to_vec(),
        b"MSRP ".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        b"INVITE sip:lobby@127.0.0.1 SIP/2.0\r\n\r\n".to_vec(),
        b"OPTIONS * SIP/2.0\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(),
        b"MSRP abcd SEND\r\nTo-Path: msrp://[::1/x;tcp\r\nFrom-Path: \xff\r\n\r\n\r\n-------abcd$\r\n".to_vec(),
        b"MSRP abcd 200\r\nTo-Path: \r\nFrom-Path: \r\n-------abcd$\r\n".to_vec(),
        // A TLS record that lies about its length, and one that begins a handshake.
        b"\x16\x03\x01\xff\xff\x01".to_vec(),
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00".to_vec(),
        [b"INVITE sip:lobby@127.0.0.1 SIP/2.0\r\n".to_vec(), b"X: y\r\n".repeat(20_000)].concat(),
        [b"MSRP abcd1234 SEND\r\n".to_vec(), b"X: y\r\n".repeat(20_000)].concat(),
    ];
    junk.extend([1, 10, 1000, 100_000].map(&mut noise));
    junk
}
