//! MESSAGE to and from other domains (MSG-61): two servers, each of a domain of its own, that find each other by DNS.

use std::net::UdpSocket;

use crate::message_relay::as_of_a_server;
use crate::support::device::Device;
use crate::support::digest::Login;
use crate::support::dns::{Dns, Record};
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipMessage, SipUser};

/// The domain of the second server.
const OTHER: &str = "other.example.test";

/// A server where alice has an account, and whose users may send to the other domain.
fn ours(dns: &Dns) -> Setup {
    Setup::default()
        .set("auth.mode", "\"digest\"")
        .set("sip.name_servers", &dns.key())
        .set("messages.send_to", &format!("[{OTHER:?}]"))
        .user("alice", &[])
}

/// A server of the other domain, where bob has an account, which takes messages from loopback.
fn others(dns: &Dns) -> Setup {
    Setup::default()
        .set("domain", &format!("{OTHER:?}"))
        .set("auth.mode", "\"digest\"")
        .set("sip.name_servers", &dns.key())
        .set("messages.accept_from", "[\"127.0.0.0/8\"]")
        .user("bob", &[])
}

fn alice(server: &Server) -> SipUser {
    SipUser::tcp(server, "alice").with_account()
}

/// A device of bob's, registered with the other server.
fn bob(server: &Server) -> Device {
    let mut user = SipUser::tcp(server, "bob").with_account();
    user.domain = OTHER.to_owned();
    let mut bob = Device::over(user);
    bob.user.domain = OTHER.to_owned();
    bob.to = format!("sip:bob@{OTHER}");
    let contact = format!("Contact: <{}>\r\n", bob.user.contact());
    assert_eq!(bob.register(&contact).code(), 200);
    bob
}

/// Sends a text with a password if that is asked for; the last request as it went out.
fn say(user: &mut SipUser, to: &str, headers: &str, text: &str) -> String {
    let first = user.request("MESSAGE", to, &format!("{headers}Content-Type: text/plain\r\n"), text);
    user.send(first);
    let asked = user.expect(407);
    let message = proven(user, user.login.as_ref().unwrap(), &asked, to, headers, text);
    user.send(&message);
    message
}

/// The same message with what a challenge asks for.
fn proven(user: &SipUser, login: &Login, asked: &SipMessage, to: &str, headers: &str, text: &str) -> String {
    let challenge = as_of_a_server(asked);
    let answer = login.answer(&challenge, "MESSAGE", to, text).replace("Authorization", "Proxy-Authorization");
    user.request("MESSAGE", to, &format!("{answer}{headers}Content-Type: text/plain\r\n"), text)
}

/// MSG-61, RFC 3263: a message of a user who has proven who it is goes to the server of the other domain, over whatever DNS
/// says, and its answer comes back.
#[test]
fn from_domain_to_domain() {
    let dns = Dns::start();
    let (first, second) = (ours(&dns).start(), others(&dns).start());
    let (mut alice, mut bob) = (alice(&first), bob(&second));
    dns.serve(&format!("_sip._tcp.{OTHER}"), 0, second.sip);
    dns.serve(&format!("_sip._udp.{OTHER}"), 0, second.sip);
    for (number, transport, to) in [
        (1, "TCP", format!("sip:bob@{OTHER}")),
        (2, "UDP", format!("sip:bob@{OTHER};transport=udp")),
        (3, "TCP", format!("im:bob@{OTHER}")),
    ] {
        say(&mut alice, &to, "X-Mine: kept\r\n", &format!("number {number}"));
        let message = bob.user.expect_request("MESSAGE");
        assert_eq!((message.body.as_str(), message.header("X-Mine")), (&*format!("number {number}"), "kept"));
        assert!(message.header("From").contains(&format!("sip:alice@{DOMAIN}")), "{message:#?}");
        assert!(message.headers.find("Proxy-Authorization").is_none(), "{message:#?}");
        let vias = message.headers.all("Via");
        assert_eq!((vias.len(), message.header("Max-Forwards")), (3, "68"));
        assert!(vias[1].contains(&format!("SIP/2.0/{transport}")), "{vias:#?}");
        bob.user.answer_with(&message, "200 Heard", "");
        assert_eq!(alice.expect(200).start, "SIP/2.0 200 Heard");
    }
    first.shows("parlor_pager_messages_total{result=\"delivered\"}", 3.0);
    // MSG-16
    let long = "long ".repeat(400);
    say(&mut alice, &format!("sip:bob@{OTHER}"), "", &long);
    let message = bob.user.expect_request("MESSAGE");
    assert_eq!(message.body, long);
    bob.user.answer(&message);
    alice.expect(200);
    say(&mut alice, &format!("sip:bob@{OTHER};transport=udp"), "", &long);
    alice.expect(413);
}

/// RFC 5922: over TLS the other server must have the certificate of its domain, and then a large message passes too.
#[test]
fn over_tls() {
    let dns = Dns::start();
    let second = others(&dns).tls_as(OTHER).start();
    let trusted = format!("{:?}", second.certificate());
    let first = ours(&dns).tls().set("tls.trusted", &trusted).set("messages.send_to", "[\"*\"]").start();
    let (mut alice, mut bob) = (alice(&first), bob(&second));
    dns.add(OTHER, Record::Naptr(1, "SIPS+D2T", format!("_sips._tcp.{OTHER}")));
    dns.serve(&format!("_sips._tcp.{OTHER}"), 0, second.sips);
    dns.serve("_sips._tcp.false.example.test", 0, second.sips);
    let long = "long ".repeat(400);
    for scheme in ["sip", "sips"] {
        say(&mut alice, &format!("{scheme}:bob@{OTHER}"), "", &long);
        let message = bob.user.expect_request("MESSAGE");
        assert_eq!(message.body, long);
        assert!(message.headers.all("Via")[1].contains("SIP/2.0/TLS"), "{message:#?}");
        bob.user.answer(&message);
        alice.expect(200);
    }
    say(&mut alice, "sips:bob@false.example.test", "", "for whom?");
    alice.expect(480);
    first.shows("parlor_rejected_total{layer=\"tls\",reason=\"handshake\"}", 1.0);
}

/// MSG-61: no open relay. Who proves nothing, or is no user of ours, sends to nobody else; our users only where that is
/// allowed, and to no address outside of the networks for it.
#[test]
fn no_open_relay() {
    let dns = Dns::start();
    let send_to = format!("[{OTHER:?}, \"far.{OTHER}\"]");
    let first = ours(&dns).set("auth.mode", "[\"digest\", \"none\"]").set("messages.send_to", &send_to).start();
    let socket = UdpSocket::bind((first.sip.ip(), 0)).unwrap();
    dns.serve(&format!("_sip._udp.{OTHER}"), 0, socket.local_addr().unwrap());
    dns.add(&format!("far.{OTHER}"), Record::A("192.0.2.9".parse().unwrap()));
    let mut stranger = SipUser::udp(&first, "mallory");
    let message = |user: &SipUser, to: &str| user.request("MESSAGE", to, "Content-Type: text/plain\r\n", "hello");
    let to_bob = message(&stranger, &format!("sip:bob@{OTHER}"));
    stranger.send(to_bob);
    stranger.expect(403);
    let mut alice = alice(&first);
    for to in ["sip:bob@example.org".to_owned(), format!("sip:bob@far.{OTHER}")] {
        say(&mut alice, &to, "", "hello");
        alice.expect(403);
    }
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 10]).is_err(), "nothing was sent");
    drop(first);
    // By default nobody sends anywhere.
    let closed = Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).start();
    let mut alice = SipUser::tcp(&closed, "alice").with_account();
    say(&mut alice, &format!("sip:bob@{OTHER}"), "", "hello");
    alice.expect(403);
}

/// A server takes messages for its users from where it is told to, and there from nobody who uses a name of its own.
#[test]
fn from_whom_messages_are_taken() {
    let dns = Dns::start();
    let (open, closed) = (others(&dns).start(), others(&dns).set("messages.accept_from", "[\"192.0.2.0/24\"]").start());
    for (server, code) in [(&open, 200), (&closed, 407)] {
        let mut bob = bob(server);
        let mut carol = SipUser::udp(server, "carol");
        carol.send(carol.request("MESSAGE", &format!("sip:bob@{OTHER}"), "Content-Type: text/plain\r\n", "hi"));
        if code == 200 {
            let message = bob.user.expect_request("MESSAGE");
            bob.user.answer(&message);
        }
        carol.expect(code);
        let mut mallory = SipUser::udp(server, "bob").with_address(&format!("sip:bob@{OTHER}"));
        mallory.send(mallory.request("MESSAGE", &format!("sip:bob@{OTHER}"), "Content-Type: text/plain\r\n", "hi"));
        mallory.expect(407);
        let away = carol.request("MESSAGE", "sip:dave@example.org", "Content-Type: text/plain\r\n", "hi");
        carol.send(away);
        carol.expect(if code == 200 { 403 } else { 407 });
    }
}

/// MSG-60, RFC 5393: a message that another domain sends back is a loop, and one that has been on its way for too long, or on
/// too many ways, ends.
#[test]
fn what_comes_back() {
    let dns = Dns::start();
    let first = ours(&dns).start();
    let mut peer = SipUser::udp(&first, "peer");
    dns.serve(&format!("_sip._udp.{OTHER}"), 0, peer.local());
    let mut alice = alice(&first);
    say(&mut alice, &format!("sip:bob@{OTHER}"), "", "round and round");
    let message = peer.expect_request("MESSAGE");
    let mut back = format!("{}\r\n{}", message.start, peer.via());
    for (name, value) in &message.headers.0 {
        back += &format!("{name}: {value}\r\n");
    }
    back += "\r\nround and round";
    peer.send(&back);
    let answer = peer.final_response();
    assert_eq!(answer.code(), 482, "{answer:#?}");
    let spent = back.replace("Max-Forwards: 69", "Max-Forwards: 0").replace("Call-ID: ", "Call-ID: x");
    let spent = spent.replacen("branch=", "branch=z9hG4bKother", 1);
    peer.send(spent);
    assert_eq!(peer.final_response().code(), 483);
    peer.answer_with(&message, "482 Loop Detected", "");
    alice.expect(482);
    say(&mut alice, &format!("sip:bob@{OTHER}"), "Max-Breadth: 0\r\n", "no way");
    alice.expect(440);
}

/// RFC 3263 §4.3: where the first server of a domain is not there, or has no time, the next one gets it.
#[test]
fn the_next_server_gets_it() {
    let dns = Dns::start();
    let (first, second) = (ours(&dns).start(), others(&dns).start());
    let gone = std::net::TcpListener::bind((first.sip.ip(), 0)).unwrap().local_addr().unwrap();
    let mut busy = SipUser::udp(&first, "busy");
    dns.add(OTHER, Record::Naptr(1, "SIP+D2T", format!("_sip._tcp.{OTHER}")));
    dns.add(OTHER, Record::Naptr(2, "SIP+D2U", format!("_sip._udp.{OTHER}")));
    dns.serve(&format!("_sip._tcp.{OTHER}"), 0, gone);
    dns.serve(&format!("_sip._udp.{OTHER}"), 1, busy.local());
    dns.serve(&format!("_sip._udp.{OTHER}"), 2, second.sip);
    let (mut alice, mut bob) = (alice(&first), bob(&second));
    say(&mut alice, &format!("sip:bob@{OTHER}"), "", "hello");
    let message = busy.expect_request("MESSAGE");
    busy.answer_with(&message, "503 Service Unavailable", "");
    let message = bob.user.expect_request("MESSAGE");
    bob.user.answer(&message);
    alice.expect(200);
}
