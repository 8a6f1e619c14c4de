//! Messages to other domains (MSG-61), and on how many ways at once (RFC 5393).

use super::relay::{all, code, message, message_to, one};
use super::{Scene, known, tcp, udp, uri};
use crate::{Failure, Fate, Recipient, Reject, Sender, Way};
use parlor_room::{Identity, UserList};
use parlor_sip::{Flow, HeaderName};

fn open() -> Scene {
    Scene::with(|settings| settings.send_to = UserList::parse(["example.org"]).expect("a domain"))
}

fn to(uri: &str) -> String {
    message_to(uri, "", "Watson, come here.")
}

/// Servers of that domain, over datagrams and streams.
fn servers() -> Vec<Way> {
    let way = |flow: Flow| Way { uri: uri(&format!("sip:{}", flow.remote)), flow };
    vec![way(udp(1)), way(Flow { connection: None, ..tcp(2) })]
}

/// MSG-61, RFC 3263 §4.3: what a user of ours sends goes to the first server of the domain, and when that is not there or has
/// no time to the next.
#[test]
fn the_servers_of_a_domain_in_turn() {
    for fails in [Some(Failure::Unreachable), None] {
        let mut scene = open();
        assert_eq!(code(scene.message(&to("sip:carol@example.org"), &Recipient::Elsewhere)), 0);
        let (id, wanted, is_large) = scene.searches.pop().expect("they are looked for");
        assert_eq!((wanted, is_large), (uri("sip:carol@example.org"), false));
        scene.proxy.handle_found(scene.now, id, Ok(servers()));
        assert!(scene.outputs().is_none());
        let first = one(scene.sent());
        assert_eq!((first.way.flow, &first.request.uri), (udp(1), &uri("sip:carol@example.org")));
        assert_eq!(first.request.headers.max_forwards(), Ok(Some(69)));
        assert!(first.mark.is_some());
        let answer = match fails {
            Some(failure) => scene.fails(&first, failure),
            None => scene.answers(&first, 503),
        };
        assert_eq!(code(answer), 0);
        let second = one(scene.sent());
        assert_eq!(second.way, servers()[1]);
        assert_eq!(code(scene.answers(&second, 200)), 200);
        assert_eq!(scene.fates, [Fate::Delivered]);
    }
}

/// RFC 3261 §17.1.2.2: when a server has been silent its sender has given up too; the message goes to no other then, as it may
/// be sent again.
#[test]
fn nothing_is_sent_that_nobody_waits_for() {
    let mut scene = open();
    scene.message(&to("sip:carol@example.org"), &Recipient::Elsewhere);
    let (id, ..) = scene.searches.pop().expect("they are looked for");
    scene.proxy.handle_found(scene.now, id, Ok(servers()));
    scene.outputs();
    let first = one(scene.sent());
    assert_eq!(code(scene.fails(&first, Failure::Silence)), 0);
    assert_eq!((scene.sent().len(), scene.fates.as_slice()), (0, [Fate::Unavailable].as_slice()));
    assert!(scene.proxy.relays.is_idle());
}

/// MSG-16: whatever a server is not sent over datagrams is looked for with a stream in the first place.
#[test]
fn what_needs_a_stream_is_looked_for_as_such() {
    let (mut streams, mut datagrams) = (0, 0);
    for size in (700..1300).step_by(3) {
        let mut scene = open();
        let text = message_to("im:carol@example.org", "", &"x".repeat(size));
        scene.message(&text, &Recipient::Elsewhere);
        let (id, _, is_large) = scene.searches.pop().expect("they are looked for");
        scene.proxy.handle_found(scene.now, id, Ok(vec![servers().remove(0)]));
        let told = code(scene.outputs());
        assert_eq!(told, if is_large { 413 } else { 0 }, "{} octets", text.len());
        *if is_large { &mut streams } else { &mut datagrams } += 1;
    }
    assert!(streams > 30 && datagrams > 30, "{streams} {datagrams}");
}

/// Nobody whose domains are silent takes the space that others need; what ends gives it back.
#[test]
fn a_sender_has_its_share_of_what_is_under_way() {
    let mut scene = Scene::with(|settings| {
        settings.send_to = UserList::everybody();
        settings.limits.relayed_bytes = 20_000;
        settings.limits.relayed_bytes_of_user = 10_000;
    });
    let of = |n: u32| message_to(&format!("sip:carol{n}@example.org"), "", &"x".repeat(1500));
    let sends = |scene: &mut Scene, user: &str, n| {
        let told = code(scene.message_of(&known(user), &of(n), &Recipient::Elsewhere));
        if let Some((id, ..)) = scene.searches.pop() {
            scene.proxy.handle_found(scene.now, id, Ok(vec![servers().remove(1)]));
            assert!(scene.outputs().is_none());
        }
        told
    };
    assert_eq!([1, 2, 3].map(|n| sends(&mut scene, "alice", n)), [0, 0, 503]);
    assert_eq!([4, 5, 6].map(|n| sends(&mut scene, "bob", n)), [0, 0, 503]);
    for sent in scene.sent() {
        scene.fails(&sent, Failure::Silence);
    }
    assert!(scene.proxy.relays.is_idle());
    assert_eq!(sends(&mut scene, "alice", 7), 0);
}

/// MSG-61: no open relay. Only users of ours send, only where that is allowed; that nobody is asked for it first.
#[test]
fn who_may_send_where() {
    let stranger = Sender::Known(Identity::of(uri("sip:mallory@example.net")));
    for (sender, address) in [
        (known("alice"), "sip:carol@example.net"),
        (Sender::Stranger, "sip:carol@example.org"),
        (Sender::Believed, "sip:carol@example.org"),
        (stranger, "sip:carol@example.org"),
    ] {
        let mut scene = open();
        assert_eq!(code(scene.message_of(&sender, &to(address), &Recipient::Elsewhere)), 403, "{sender:?} {address}");
        assert!(scene.searches.is_empty());
    }
    assert_eq!(code(Scene::new().message(&to("sip:carol@example.org"), &Recipient::Elsewhere)), 403);
}

/// MSG-14: im: URIs are looked up as such, and sent to as those of SIP. What is large says so.
#[test]
fn instant_messages_and_large_ones() {
    let mut scene = open();
    scene.message(&to("im:carol@example.org"), &Recipient::Elsewhere);
    let (id, wanted, _) = scene.searches.pop().expect("they are looked for");
    assert_eq!(wanted, uri("im:carol@example.org"));
    scene.proxy.handle_found(scene.now, id, Ok(servers()));
    scene.outputs();
    let sent = one(scene.sent());
    assert_eq!(sent.request.uri, uri("sip:carol@example.org"));
    assert_eq!(sent.request.headers.to().expect("it has one").uri, uri("im:carol@example.org"));
    assert_eq!(code(scene.answers(&sent, 200)), 200);
    let large = message_to("sip:carol@example.org", "", &"x".repeat(2000));
    scene.message(&large, &Recipient::Elsewhere);
    let (id, _, is_large) = scene.searches.pop().expect("they are looked for");
    assert!(is_large);
    scene.proxy.handle_found(scene.now, id, Ok(vec![servers().remove(0)]));
    assert_eq!(code(scene.outputs()), 413, "there is no stream");
}

/// What is not found is told, and searches are bounded, in all and for each user.
#[test]
fn searches_end() {
    let mut scene = Scene::with(|settings| {
        settings.send_to = UserList::everybody();
        (settings.limits.searches, settings.limits.searches_of_user) = (2, 1);
    });
    for (found, told) in [
        (Err(Reject::Forbidden), 403),
        (Err(Reject::NotFound), 404),
        (Err(Reject::Unavailable), 480),
        (Ok(vec![]), 404),
    ] {
        assert_eq!(code(scene.message(&to("sip:carol@example.org"), &Recipient::Elsewhere)), 0);
        assert_eq!(code(scene.message(&to("sip:carol@example.org"), &Recipient::Elsewhere)), 503);
        let (id, ..) = scene.searches.pop().expect("one is looked for");
        scene.proxy.handle_found(scene.now, id, found);
        assert_eq!(code(scene.outputs()), told);
    }
    for (user, told) in [("alice", 0), ("bob", 0), ("carol", 503)] {
        let text = to("sip:carol@example.org");
        assert_eq!(code(scene.message_of(&known(user), &text, &Recipient::Elsewhere)), told, "{user}");
    }
    for (id, ..) in std::mem::take(&mut scene.searches) {
        scene.proxy.handle_found(scene.now, id, Err(Reject::NotFound));
        scene.outputs();
    }
    assert!(scene.proxy.relays.is_idle());
}

/// RFC 5393 §5.3.3: what a message may be divided into is divided between the devices; where they are more, one gets it after
/// the other.
#[test]
fn a_message_is_on_so_many_ways() {
    let bob = Recipient::User { name: "bob".into(), has_account: false };
    let with = |breadth: &str| message(&format!("Max-Breadth: {breadth}\r\n"));
    let mut scene = Scene::new();
    assert_eq!(code(scene.message(&with("0"), &bob)), 440);
    for number in [1, 2, 3] {
        scene.device("bob", &format!("<sip:b{number}@192.0.2.9>"), udp(number));
    }
    let told = |request: &parlor_sip::Request| request.headers.first(&HeaderName::MaxBreadth).map(str::to_owned);
    for (text, each) in [(message(""), "20"), (with("7"), "2"), (with("3"), "1")] {
        scene.message(&text, &bob);
        let sent: [_; 3] = all(scene.sent());
        assert!(sent.iter().all(|sent| told(&sent.request).as_deref() == Some(each)), "{sent:?}");
        sent.iter().for_each(|sent| drop(scene.answers(sent, 200)));
    }
    scene.message(&with("2"), &bob);
    for last in [false, false, true] {
        let sent = one(scene.sent());
        assert_eq!(told(&sent.request).as_deref(), Some("2"));
        scene.pass(std::time::Duration::from_secs(6));
        assert!(scene.sent().is_empty(), "one at a time");
        assert_eq!(code(scene.answers(&sent, 404)), if last { 404 } else { 0 });
    }
}
