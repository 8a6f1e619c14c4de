//! Subscriptions to the roster: how they begin, last and end (RFC 6665).

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::support::participant::{Joined, Participant};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser};
use crate::support::watcher::{EVENT, Notice, Watcher};
use crate::support::wire::Wire;

/// EVT-8, EVT-10, EVT-12, EVT-13: refreshed, everything is told once more; ended, once more and never again.
#[test]
fn refreshed_and_ended() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    let response = watcher.subscribe("Event: conference\r\nExpires: 120\r\n");
    assert_eq!((response.code(), response.header("Expires")), (200, "120"));
    let again = watcher.next();
    assert_eq!((again.subscription(), again.state.as_str(), again.version), ("active;expires=120", "full", 2));
    assert_eq!(watcher.subscribe("Event: conference\r\nExpires: 0\r\n").header("Expires"), "0");
    let last = watcher.next();
    assert_eq!((last.subscription(), last.present()), ("terminated;reason=timeout", vec!["sip:alice@example.com"]));
    server.shows("parlor_subscriptions", 0.0);
    assert_eq!(watcher.subscribe(EVENT).code(), 481);
    server.shows("parlor_subscriptions_ended_total{reason=\"unsubscribed\"}", 1.0);
}

/// EVT-12: with Expires 0 everything is told once.
#[test]
fn fetched() {
    let server = Server::plain();
    let _alice = Participant::join(&server, "alice");
    let fetch = "Event: conference\r\nExpires: 0\r\n";
    let (_, told) = Watcher::with(&server, SipUser::tcp(&server, "bob"), "lobby", fetch);
    assert_eq!((told.subscription(), told.present()), ("terminated;reason=timeout", vec!["sip:alice@example.com"]));
    server.shows("parlor_subscriptions", 0.0);
}

/// EVT-6, EVT-12: who does not refresh is told that it is over.
#[test]
fn expired() {
    let server = Setup::default().set("roster.min_expires", "\"1s\"").start();
    let headers = "Event: conference\r\nExpires: 1\r\n";
    let (mut watcher, first) = Watcher::with(&server, SipUser::tcp(&server, "bob"), "lobby", headers);
    assert_eq!(first.subscription(), "active;expires=1");
    let last = watcher.next();
    assert_eq!((last.subscription(), last.state.as_str()), ("terminated;reason=timeout", ""));
    server.shows("parlor_subscriptions_ended_total{reason=\"expired\"}", 1.0);
    assert_eq!(watcher.subscribe(EVENT).code(), 481);
}

/// EVT-17: a subscription in the dialog of an INVITE, which it outlasts.
#[test]
fn in_the_dialog_of_an_invite() {
    let server = Server::plain();
    let Participant { mut user, mut call, .. } = Participant::join(&server, "alice");
    let subscribe = call.request("SUBSCRIBE", EVENT, "");
    user.send(subscribe);
    user.expect(200);
    let mut watcher = Watcher { user, call };
    assert_eq!(watcher.next().present(), ["sip:alice@example.com"]);
    let bye = watcher.call.request("BYE", "", "");
    watcher.user.send(bye);
    watcher.user.expect(200);
    let left = watcher.next();
    assert_eq!((left.subscription().split('=').next(), left.users.len()), (Some("active;expires"), 0));
    assert_eq!(watcher.subscribe("Event: conference\r\nExpires: 0\r\n").code(), 200);
    assert_eq!(watcher.next().subscription(), "terminated;reason=timeout");
}

/// EVT-14: who says that there is no such subscription has none any more; so does who is gone without a word.
#[test]
fn who_is_not_there() {
    let server = Server::plain();
    let (mut rude, _) = Watcher::of(&server, "alice", "lobby");
    let (gone, _) = Watcher::of(&server, "bob", "lobby");
    server.shows("parlor_subscriptions", 2.0);
    drop(gone);
    let _carol = Participant::join(&server, "carol");
    let notice = rude.unanswered();
    rude.user.answer_with(&notice.message, "481 Subscription Does Not Exist", "");
    server.shows("parlor_subscriptions", 0.0);
    server.shows("parlor_subscriptions_ended_total{reason=\"failed\"}", 2.0);
    assert_eq!(rude.subscribe(EVENT).code(), 481);
}

/// EVT-20: over UDP a document that fits into no datagram of 1,300 octets comes over TCP, if that can be had at the Contact,
/// and by UDP if not.
#[test]
fn over_udp() {
    let server = Server::plain();
    let _guests: Vec<_> = (0..4).map(|n| Participant::join(&server, &format!("user{n}"))).collect();
    let (_, told) = Watcher::with(&server, SipUser::udp(&server, "alice"), "lobby", EVENT);
    assert!(told.message.header("Via").starts_with("SIP/2.0/UDP") && told.users.len() == 4);

    let (socket, listener) = same_port();
    let user = SipUser::udp_from(&server, "bob", socket);
    let call = Call::new(&user, &server.room("lobby"));
    let mut watcher = Watcher { user, call };
    assert_eq!(watcher.subscribe(EVENT).code(), 200);
    let mut stream = SipUser::accepted(&server, "bob", Wire::plain(listener.accept().unwrap().0));
    let told = Notice::read(stream.receive());
    assert!(told.message.header("Via").starts_with("SIP/2.0/TCP") && told.users.len() == 4);
    stream.answer(&told.message);
    server.shows("parlor_subscriptions", 2.0);
}

/// EVT-33: who is told everything each time costs no more than `whole_rate`: after a document its length decides when the next
/// one may come, which tells all that has changed meanwhile. The bytes are counted.
#[test]
fn whole_documents_have_a_rate() {
    let server = Setup::default().set("roster.interval", "\"100ms\"").set("roster.whole_rate", "\"1 KiB\"").start();
    let mut guests: Vec<_> = (0..3).map(|n| Participant::join(&server, &format!("user{n}"))).collect();
    let (mut watcher, first) = Watcher::of(&server, "bob", "lobby");
    guests.push(Participant::join(&server, "user3"));
    // Nothing was told unasked before: this change is told at once.
    let told = watcher.next();
    let (since, octets) = (Instant::now(), told.message.body.len());
    guests.push(Participant::join(&server, "user4"));
    guests.push(Participant::join(&server, "user5"));
    let later = watcher.next();
    let pause = Duration::from_millis(octets as u64 * 1000 / 1024);
    assert!(pause > Duration::from_secs(1), "{octets}");
    assert!(since.elapsed() >= pause - Duration::from_millis(200), "{:?} of {pause:?}", since.elapsed());
    assert_eq!((told.users.len(), later.users.len(), later.state.as_str()), (4, 6, "full"));
    let bodies: usize = [&first, &told, &later].iter().map(|notice| notice.message.body.len()).sum();
    server.shows("parlor_notify_bytes_total", bodies as f64);
    server.shows("parlor_notifies_total", 3.0);
}

/// A socket and a listener on one port.
fn same_port() -> (UdpSocket, std::net::TcpListener) {
    for _ in 0..50 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(listener) = std::net::TcpListener::bind(socket.local_addr().unwrap()) {
            return (socket, listener);
        }
    }
    panic!("no port is free for both");
}

/// EVT-31, EVT-34: a room that may be made on demand can be watched before anybody is in, and says so when nobody came.
#[test]
fn a_room_that_nobody_is_in() {
    let server = Setup::default().set("rooms.linger", "\"1s\"").start();
    let (mut early, first) = Watcher::of(&server, "bob", "den");
    assert_eq!((first.state.as_str(), first.users.len()), ("full", 0));
    let alice = Participant::join_room(&server, "alice", "den");
    assert_eq!(early.next().present(), ["sip:alice@example.com"]);
    alice.leave();
    let last = early.until("the end", |notice| notice.subscription().starts_with("terminated"));
    assert_eq!((last.subscription(), last.state.as_str()), ("terminated;reason=noresource", "deleted"));
    server.shows("parlor_rooms", 1.0);
    server.shows("parlor_subscriptions_ended_total{reason=\"room_closed\"}", 1.0);
}

/// EVT-11: a server that goes down says when to come back.
#[test]
fn a_server_that_goes_down() {
    let mut server = Server::plain();
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    server.signal("TERM");
    let last = watcher.until("the end", |notice| notice.subscription().starts_with("terminated"));
    assert_eq!(last.subscription(), "terminated;reason=probation;retry-after=30");
    assert!(server.wait().success());
}

/// Subscriptions have their limits, and what is above them is answered; who asks for nothing that there is makes no rooms.
#[test]
fn storms() {
    let mut server = Setup::default().set("limits.subscriptions", "60").set("limits.rooms", "10").start();
    let mut user = SipUser::tcp(&server, "alice");
    let mut codes = std::collections::BTreeMap::new();
    let mut send = |user: &mut SipUser, room: &str, headers: &str| {
        let contact = format!("Contact: <{}>\r\n{headers}", user.contact());
        let request = user.request("SUBSCRIBE", &server.room(room), &contact, "");
        user.send(request);
        loop {
            let message = user.receive();
            match message.method() {
                "NOTIFY" => user.answer(&message),
                _ => break *codes.entry(message.code()).and_modify(|count| *count += 1).or_insert(1),
            }
        }
    };
    for n in 0..100 {
        send(&mut user, &format!("nowhere{n}"), "Event: presence\r\n");
        send(&mut user, "lobby", EVENT);
    }
    assert_eq!((codes[&489], codes[&200], codes[&503]), (100, 16, 84), "of one user");
    server.shows("parlor_rooms", 1.0);
    let mut codes = std::collections::BTreeMap::new();
    for n in 0..100 {
        let mut other = SipUser::tcp(&server, &format!("user{n}"));
        let contact = format!("Contact: <{}>\r\n{EVENT}", other.contact());
        let request = other.request("SUBSCRIBE", &server.room(&format!("room{n}")), &contact, "");
        other.send(request);
        *codes.entry(other.final_response().code()).or_insert(0) += 1;
    }
    assert_eq!((codes[&200], codes[&503]), (4, 96), "half of the rooms");
    assert!(server.is_alive());
    let _alice = Participant::join(&server, "alice");
    let refused = server.metrics().value("parlor_rejected_total{layer=\"sip\",reason=\"event\"}");
    assert!((refused - 100.0).abs() < 0.5);
}

/// 100 subscribers whose connections nobody reads cost others nothing: they are told as fast as before.
#[test]
fn who_does_not_read() {
    let server = Setup::default().set("roster.interval", "\"100ms\"").start();
    let mut idle = Vec::new();
    for n in 0..100 {
        let (watcher, _) = Watcher::of(&server, &format!("user{n}"), "lobby");
        idle.push(watcher);
    }
    let (mut watcher, _) = Watcher::of(&server, "bob", "lobby");
    for name in ["alice", "carol"] {
        let began = Instant::now();
        let guest = Participant::join(&server, name);
        watcher.until(name, |notice| notice.users.len() == 1);
        assert!(began.elapsed() < Duration::from_secs(10));
        guest.leave();
        watcher.until("nobody", |notice| notice.users.is_empty());
    }
    assert_eq!(idle.len(), 100);
}

/// 500 subscriptions over one connection, as behind a proxy: when all are told at once, more than may wait for it, the
/// connection lives on, and all are told in the end.
#[test]
fn many_over_one_connection() {
    const SUBSCRIBERS: usize = 500;
    let server = Setup::default().set("msrp.bind_timeout", "\"10m\"").start();
    let join = |n: usize| Joined::invite(&server, SipUser::tcp(&server, &format!("user{n}")), "lobby", |offer| offer);
    let mut guests: Vec<_> = (0..60).map(join).collect();
    let mut proxy = SipUser::tcp(&server, "proxy");
    for n in 0..SUBSCRIBERS {
        let headers = format!("Contact: <{}>\r\n{EVENT}", proxy.contact());
        let request = proxy.request("SUBSCRIBE", &server.room("lobby"), &headers, "");
        proxy.send(request.replace("<sip:proxy@", &format!("<sip:watcher{n}@")));
        proxy.expect(200);
        let first = proxy.expect_request("NOTIFY");
        proxy.answer(&first);
    }
    guests.push(join(60));
    // As many as there are go out before one is read.
    server.shows("parlor_notifies_total", (2 * SUBSCRIBERS) as f64);
    let mut told = std::collections::BTreeSet::new();
    while told.len() < SUBSCRIBERS {
        let notify = proxy.expect_request("NOTIFY");
        proxy.answer(&notify);
        if notify.body.contains("<user-count>61</user-count>") {
            told.insert(notify.header("Call-ID").to_owned());
        }
    }
    server.shows("parlor_subscriptions", SUBSCRIBERS as f64);
    assert_eq!(guests.len(), 61);
}
