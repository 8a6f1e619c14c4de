//! SIP that means harm: lengths that lie, requests inside of requests, floods that are read or not.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::support::participant::{Participant, own_path};
use crate::support::server::Server;
use crate::support::sip::{Call, SipUser, offer};
use crate::support::wire::Wire;
use crate::support::{eventually, unique};

/// A datagram that announces more than it holds gets 400, however much it is; the next one is served.
#[test]
fn datagrams_that_announce_too_much() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    let lengths = [
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "4294967296",
        "99999999999999999999999",
        "-1",
        "1",
    ];
    for length in lengths {
        let id = unique("long");
        let request = user.request("OPTIONS", &server.room("lobby"), "", "");
        let lying = request.replace("Content-Length: 0", &format!("Content-Length: {length}\r\nX-Id: {id}"));
        user.send(lying);
        let response = user.final_response();
        assert_eq!(response.code(), 400, "{length}");
    }
    served(&server, &mut user);
}

/// SIP-22: a Max-Forwards that is no number from 0 to 255 gets 400.
#[test]
fn malformed_max_forwards() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    for hops in ["-1", "abc", "", "7 0", "70;x", "256", "99999999999999999999"] {
        let request = user.request("OPTIONS", &server.room("lobby"), "", "");
        user.send(request.replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}")));
        assert_eq!(user.final_response().code(), 400, "{hops:?}");
    }
    served(&server, &mut user);
}

/// RFC 4475 §3.1.2.19: a response with an impossible code is dropped; its end is known, so that the stream goes on.
#[test]
fn responses_with_impossible_codes() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    for code in ["4294967301", "20", "-200", "0x1", ""] {
        let id = unique("odd");
        user.send(format!(
            "SIP/2.0 {code} better not break the receiver\r\nVia: SIP/2.0/TCP 192.0.2.105;branch=z9hG4bK{id}\r\n\
             From: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>;tag=2\r\nCall-ID: {id}\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ));
        served(&server, &mut user);
    }
}

/// A datagram may hold more than it announces; what is behind is no request (RFC 3261 §18.3).
#[test]
fn behind_the_end_of_a_datagram() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    let first = user.request("OPTIONS", &server.room("lobby"), "", "");
    let hidden = user.request("OPTIONS", &server.room("lobby"), "", "");
    user.send(format!("{first}{hidden}"));
    let response = user.expect(200);
    assert!(first.contains(response.header("Call-ID")));
    served(&server, &mut user);
}

/// SIP-7: however Content-Length is written, what is a body to one reader is no request to us; what could be read in two
/// ways is refused and the stream is closed.
#[test]
fn requests_inside_of_bodies() {
    let server = Server::plain();
    let lengths = [
        // Ambiguous or wrong: refused, or the connection ends.
        ("Content-Length: 0\r\nContent-Length: #", false),
        ("Content-Length: #\r\nContent-Length: 0", false),
        ("Content-Length: 0\r\nl: #", false),
        ("Content-Length: 0, #", false),
        ("Content-Length: +#", false),
        ("Content-Length: -1", false),
        ("Content-Length: 0xff", false),
        ("Content-Length: #.0", false),
        ("Content-Length: # #", false),
        ("Content-Length: 18446744073709551616", false),
        ("Content-Length:", false),
        ("Transfer-Encoding: chunked", false),
        ("X: y\nContent-Length: 0", false),
        ("X: y\rContent-Length: 0", false),
        ("Content-Length: #\0", false),
        // Odd but plain: a body of that length.
        ("Content-Length: #", true),
        ("Content-Length : #", true),
        ("Content-Length:\r\n #", true),
        ("CONTENT-LENGTH:\t #", true),
        ("l:#", true),
        ("Content-Length: 000#", true),
        ("X: Content-Length: 0\r\nContent-Length: #", true),
        ("X: y\r\n Content-Length: 0\r\nContent-Length: #", true),
    ];
    for (length, is_plain) in lengths {
        let mut user = SipUser::tcp(&server, "mallory");
        let hidden_id = unique("hidden");
        let hidden = user
            .request("OPTIONS", &server.room("lobby"), "", "")
            .replace("Call-ID: ", &format!("Call-ID: {hidden_id}"));
        let outer = user
            .request("OPTIONS", &server.room("lobby"), "Content-Type: text/plain\r\n", "")
            .replace("Content-Length: 0", &length.replace("#", &hidden.len().to_string()));
        let last = user.request("OPTIONS", &server.room("lobby"), "", "");
        let last_id = last.split("Call-ID: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        let _ = user.wire().try_write(format!("{outer}{hidden}{last}").as_bytes());
        let mut came_last = false;
        while !came_last {
            let Some(response) = user.receive_within(Duration::from_secs(5)) else { break };
            let id = response.headers.find("Call-ID").unwrap_or_default();
            assert!(!id.contains(&hidden_id), "{length:?}: what was hidden is answered");
            came_last = id == last_id;
        }
        assert_eq!(came_last, is_plain, "{length:?}");
        assert!(is_plain || user.wire().ended(), "{length:?}: the stream goes on");
    }
    let mut user = SipUser::tcp(&server, "alice");
    served(&server, &mut user);
}

/// 2,000 requests in one write, read: each has its response.
#[test]
fn a_burst_that_is_read() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    let burst = burst(&server, &user);
    let mut socket = user.wire().socket().try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || socket.write_all(burst.as_bytes()).unwrap());
        for _ in 0..BURST {
            let response = user.final_response();
            assert!([200, 503].contains(&response.code()), "{response:#?}");
        }
    });
    server.shows("parlor_sip_requests_total{method=\"OPTIONS\"}", 2000.0);
}

/// The same, never read, again and again: the others are served, and memory is not eaten up.
#[test]
fn bursts_that_are_not_read() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let before = server.rss();
    let mut unread = Vec::new();
    for _ in 0..20 {
        let mut user = SipUser::tcp(&server, "mallory");
        let burst = burst(&server, &user);
        user.wire().socket().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let _ = user.wire().try_write(burst.as_bytes());
        unread.push(user);
        let options = alice.call.request("OPTIONS", "", "");
        alice.user.send(options);
        alice.user.expect(200);
    }
    assert!(server.rss() < before + 48 * 1024 * 1024, "grew by {} KiB", (server.rss() - before) / 1024);
    let mut bob = Participant::join(&server, "bob");
    alice.say("untouched");
    bob.hears("untouched");
}

/// SIP-5: what is owed to a peer whose stream is gone goes over one new stream, however often it is said.
#[test]
fn one_new_stream_for_all_that_is_owed() {
    let server = Server::plain();
    let listener = invite_and_vanish(&server, "alice");
    let mut wire = Wire::plain(listener.accept().unwrap().0);
    let until = std::time::Instant::now() + crate::support::PATIENCE;
    while memchr::memmem::find_iter(wire.unread(), b"SIP/2.0 200 OK").count() < 3 {
        assert!(wire.fill(until), "the 200 comes again: {:?}", String::from_utf8_lossy(wire.unread()));
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a second stream");
}

/// A peer that names ever new ports in its Via does not make us connect to all of them.
#[test]
fn ports_without_end_in_via() {
    let server = Server::plain();
    let listeners: Vec<_> = (0..40).map(|n| invite_and_vanish(&server, &format!("m{n}"))).collect();
    eventually("no more streams are opened", || {
        (server.metrics().value("parlor_rejected_total{layer=\"sip\",reason=\"unsendable\"}") > 0.0).then_some(())
    });
    // One that was closed after its time may have been followed by another.
    let is_open = |listener: &TcpListener| {
        listener.set_nonblocking(true).unwrap();
        listener.accept().is_ok_and(|(mut stream, _)| {
            stream.set_nonblocking(true).unwrap();
            stream.read_to_end(&mut Vec::new()).is_err()
        })
    };
    let open = listeners.iter().filter(|listener| is_open(listener)).count();
    assert!((1..=8).contains(&open), "{open}");
    served(&server, &mut SipUser::tcp(&server, "alice"));
}

/// Joins, acknowledges nothing and closes the stream; what Via names listens.
fn invite_and_vanish(server: &Server, name: &str) -> TcpListener {
    let listener = TcpListener::bind((server.sip.ip(), 0)).unwrap();
    let mut user = SipUser::tcp(server, name);
    let mut call = Call::new(&user, &server.room("lobby"));
    let named = format!("TCP {};", listener.local_addr().unwrap());
    let invite = call.invite("", &offer(&own_path(&user))).replace(&format!("TCP {};", user.local()), &named);
    user.send(invite);
    user.expect(200);
    listener
}

/// Heads that never end, one byte at a time or as fast as may be, are cut off.
#[test]
fn endless_heads() {
    let server = Server::plain();
    let before = server.rss();
    for filler in ["X: y\r\n", " folded\r\n", "x", "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n", "\r\n"] {
        let mut stream = TcpStream::connect(server.sip).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let start = if filler == "\r\n" { "" } else { "OPTIONS sip:lobby@127.0.0.1 SIP/2.0\r\nX: y\r\n" };
        let chunk = filler.repeat(64 * 1024 / filler.len());
        let _ = stream.write_all(start.as_bytes());
        for _ in 0..256 {
            if stream.write_all(chunk.as_bytes()).is_err() {
                break;
            }
        }
    }
    assert!(server.rss() < before + 16 * 1024 * 1024, "grew by {} KiB", (server.rss() - before) / 1024);
    let mut user = SipUser::tcp(&server, "alice");
    served(&server, &mut user);
}

/// Responses that nobody waits for, and ACKs to nothing, are dropped without an answer.
#[test]
fn responses_to_nothing() {
    let server = Server::plain();
    let mut user = SipUser::udp(&server, "alice");
    for code in [100, 180, 200, 302, 486, 603] {
        let via = user.via();
        user.send(format!(
            "SIP/2.0 {code} Whatever\r\n{via}From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: {}\r\n\
             CSeq: 1 INVITE\r\nContact: <{}>\r\nContent-Length: 0\r\n\r\n",
            unique("none"),
            user.contact()
        ));
        let ack = user.request("ACK", &server.room("lobby"), "", "");
        user.send(ack);
    }
    served(&server, &mut user);
}

/// SIP-7: a ping between messages gets its pong (RFC 5626 §3.5.1).
#[test]
fn keepalive() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    user.send("\r\n\r\n");
    let until = std::time::Instant::now() + crate::support::PATIENCE;
    while user.wire().unread().len() < 2 {
        assert!(user.wire().fill(until), "no pong");
    }
    assert_eq!(user.wire().take(2), b"\r\n");
    served(&server, &mut user);
}

const BURST: usize = 2000;

fn burst(server: &Server, user: &SipUser) -> String {
    (0..BURST).map(|_| user.request("OPTIONS", &server.room("lobby"), "", "")).collect()
}

/// An ordinary request is answered, and nothing comes before its answer.
fn served(server: &Server, user: &mut SipUser) {
    let request = user.request("OPTIONS", &server.room("lobby"), "", "");
    user.send(&request);
    let response = user.expect(200);
    assert!(request.contains(response.header("Call-ID")), "{response:#?}");
}
