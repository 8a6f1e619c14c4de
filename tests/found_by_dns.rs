//! Who is called is found by DNS (RFC 3263), over TLS too, and by the next server when one is not there.

use std::net::TcpListener;

use crate::refer::{refer, told};
use crate::support::callee::Callee;
use crate::support::dns::{Dns, Record};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};

fn with(dns: &Dns) -> Setup {
    Setup::default().set("sip.name_servers", &dns.key())
}

fn bring(server: &Server, alice: &mut Participant, uri: &str, carol: Callee) {
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{uri}>\r\n"), 202);
    let mut carol = carol.await_call(server);
    assert!(carol.invite.start.contains(uri), "{:#?}", carol.invite);
    carol.says("180 Ringing");
    let mut carol = carol.accept("active");
    while told(&mut alice.user).1 == "active" {}
    uri.split(['@', ':']).nth(2).unwrap().clone_into(&mut carol.user.domain);
    carol.say("found");
    alice.hears("found");
    carol.leave();
}

/// SIP-79, RFC 3263 §§4.1, 4.2: by NAPTR and SRV, by SRV alone, and by the address of a host.
#[test]
fn by_its_domain() {
    let dns = Dns::start();
    let server = with(&dns).start();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::tcp(&server, "carol");
    dns.add("naptr.test", Record::Naptr(20, "SIP+D2U", "_sip._udp.nobody.test".to_owned()));
    dns.add("naptr.test", Record::Naptr(10, "SIP+D2T", "_sip._tcp.elsewhere.test".to_owned()));
    dns.serve("_sip._tcp.elsewhere.test", 0, carol.address());
    bring(&server, &mut alice, "sip:carol@naptr.test", carol);
    let carol = Callee::udp(&server, "carol");
    dns.serve("_sip._udp.srv.test", 0, carol.address());
    bring(&server, &mut alice, "sip:carol@srv.test", carol);
    let carol = Callee::udp(&server, "carol");
    let port = carol.address().port();
    dns.add("host.test", Record::A(carol.address().ip()));
    bring(&server, &mut alice, &format!("sip:carol@host.test:{port}"), carol);
    server.shows("parlor_dial_outs_total{result=\"answered\"}", 3.0);
}

/// RFC 3263 §4.3: where nobody listens, or a server has no time, the next one is asked.
#[test]
fn by_the_next_server() {
    let dns = Dns::start();
    let server = with(&dns).start();
    let mut alice = Participant::join(&server, "alice");
    let gone = TcpListener::bind((server.sip.ip(), 0)).unwrap().local_addr().unwrap();
    let (busy, carol) = (Callee::tcp(&server, "busy"), Callee::tcp(&server, "carol"));
    dns.serve("_sip._tcp.many.test", 1, gone);
    dns.serve("_sip._tcp.many.test", 2, busy.address());
    dns.serve("_sip._tcp.many.test", 3, carol.address());
    refer(&mut alice.user, &alice.room, "Refer-To: <sip:carol@many.test>\r\n", 202);
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 100 Trying");
    busy.await_call(&server).says("503 Service Unavailable");
    let mut carol = carol.await_call(&server).accept("active");
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 200 OK");
    carol.user.domain = "many.test".to_owned();
    carol.say("the third");
    alice.hears("the third");
}

/// SIP-80: who is not found, or would want a password, and a redirection that leads nowhere, are told as they are.
#[test]
fn who_is_not_brought_in() {
    let dns = Dns::start();
    let server = with(&dns).start();
    let mut alice = Participant::join(&server, "alice");
    dns.add("far.test", Record::A("192.0.2.9".parse().unwrap()));
    let mut fails = |uri: &str, answer: &mut dyn FnMut(), told_last: &str| {
        refer(&mut alice.user, &alice.room, &format!("Refer-To: <{uri}>\r\n"), 202);
        answer();
        assert_eq!(told(&mut alice.user).0, "SIP/2.0 100 Trying");
        assert_eq!(told(&mut alice.user).0, told_last, "{uri}");
    };
    fails("sip:carol@nowhere.test", &mut || {}, "SIP/2.0 404 Not Found");
    fails("sip:carol@far.test", &mut || {}, "SIP/2.0 403 Forbidden");
    server.shows("parlor_lookups_total{result=\"unknown\"}", 1.0);
    server.shows("parlor_lookups_total{result=\"forbidden\"}", 1.0);
    for (status, told) in [
        ("407 Proxy Authentication Required", "SIP/2.0 407 Proxy Authentication Required"),
        ("401 Unauthorized", "SIP/2.0 401 Unauthorized"),
    ] {
        let mut carol = Some(Callee::udp(&server, "carol"));
        let uri = carol.as_ref().unwrap().uri();
        fails(&uri, &mut || carol.take().unwrap().await_call(&server).says(status), told);
    }
    let mut carol = Some(Callee::udp(&server, "carol"));
    let uri = carol.as_ref().unwrap().uri();
    let mut redirect = || {
        carol.take().unwrap().await_call(&server).says("302 Moved\r\nContact: <sip:carol@192.0.2.9>");
    };
    fails(&uri, &mut redirect, "SIP/2.0 403 Forbidden");
}

/// RFC 3261 §8.1.3.4: a callee that says where it is is called there.
#[test]
fn where_it_says_that_it_is() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let (office, home) = (Callee::udp(&server, "carol"), Callee::tcp(&server, "carol"));
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", office.uri()), 202);
    office.await_call(&server).says(&format!("302 Moved\r\nContact: <{}>", home.uri()));
    let mut carol = home.await_call(&server).accept("active");
    carol.say("at home");
    alice.hears("at home");
}

/// RFC 3263 §4, RFC 5922: a sips: callee is called over TLS, if its certificate is that of its domain.
#[test]
fn over_tls() {
    let dns = Dns::start();
    let certified = Setup::default().tls_as("secure.test").start();
    let trusted = format!("{:?}", certified.certificate());
    let server = with(&dns).tls().set("tls.trusted", &trusted).set("rooms.default_role", "\"owner\"").start();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::tls(&server, "carol", &certified);
    dns.serve("_sips._tcp.secure.test", 0, carol.address());
    let again = carol.again(&server);
    refer(&mut alice.user, &alice.room, "Refer-To: <sips:carol@secure.test>\r\n", 202);
    let carol = carol.await_call(&server);
    assert!(carol.invite.header("Via").contains("SIP/2.0/TLS"), "{:#?}", carol.invite);
    assert!(carol.invite.contact().starts_with("sips:"), "{:#?}", carol.invite);
    let mut carol = carol.accept("active");
    carol.user = carol.user.with_address("sips:carol@secure.test");
    carol.say("in secret");
    alice.hears("in secret");
    while told(&mut alice.user).1 == "active" {}
    // When that stream is gone the dialog goes on over another one, to the same place under the same name.
    drop(carol.user);
    server.shows("parlor_sip_connections", 1.0);
    refer(&mut alice.user, &alice.room, "Refer-To: <sips:carol@secure.test;method=BYE>\r\n", 202);
    let mut carol = again.connected(&server).0;
    let bye = carol.expect_request("BYE");
    assert!(bye.header("Via").contains("SIP/2.0/TLS"), "{bye:#?}");
    carol.answer(&bye);
    server.shows("parlor_participants", 1.0);
}

/// RFC 5922 §7: a certificate for another name is none for this domain.
#[test]
fn over_tls_to_somebody_else() {
    let dns = Dns::start();
    let certified = Setup::default().tls_as("secure.test").start();
    let trusted = format!("{:?}", certified.certificate());
    let server = with(&dns).tls().set("tls.trusted", &trusted).start();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::tls(&server, "carol", &certified);
    dns.serve("_sips._tcp.other.test", 0, carol.address());
    refer(&mut alice.user, &alice.room, "Refer-To: <sips:carol@other.test>\r\n", 202);
    carol.goes_unbelieved();
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 100 Trying");
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 408 Request Timeout");
    server.shows("parlor_rejected_total{layer=\"tls\",reason=\"handshake\"}", 1.0);
}
