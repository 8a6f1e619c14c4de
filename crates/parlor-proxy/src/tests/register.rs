//! REGISTER (SIP-130, SIP-131).

use super::{Scene, contacts, known, passes, tcp, udp, uri};
use crate::{Sender, Stored};
use parlor_sip::{ConnectionId, HeaderName};
use std::time::Duration;

/// A REGISTER of alice with these headers.
fn register(cseq: u32, headers: &str) -> String {
    register_as("sip:chat.example.com", "sip:alice@chat.example.com", "c1", cseq, headers)
}

fn register_as(uri: &str, to: &str, call_id: &str, cseq: u32, headers: &str) -> String {
    format!(
        "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <{to}>;tag=1\r\nTo: <{to}>\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{headers}\r\n"
    )
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// SIP-130: what comes before the question who it is.
#[test]
fn what_is_asked_first() {
    let of = |uri: &str, headers: &str| passes(&register_as(uri, "sip:alice@chat.example.com", "c1", 1, headers));
    assert_eq!(of("sip:chat.example.com", "Require: path, OUTBOUND\r\n"), Ok(()));
    assert_eq!(of("sips:192.0.2.1:5061", ""), Ok(()));
    assert_eq!(of("sip:example.org", ""), Err(403));
    assert_eq!(of("im:chat.example.com", ""), Err(403));
    assert_eq!(of("sip:chat.example.com", "Require: gruu, path\r\n"), Err(420));
    assert_eq!(of("sip:chat.example.com", "Require: ,\r\n"), Err(400));
}

/// SIP-130: only who is known changes bindings, and only its own, by any of its addresses.
#[test]
fn everybody_registers_itself_alone() {
    let mut scene = Scene::new();
    let of = |to: &str| register_as("sip:chat.example.com", to, "c1", 1, "Contact: <sip:a@192.0.2.9>\r\n");
    let own = of("sip:alice@chat.example.com;transport=tcp");
    assert_eq!(scene.register(&own, udp(1), &Sender::Stranger).code, 403);
    assert_eq!(scene.register(&own, udp(1), &known("bob")).code, 403);
    assert_eq!(scene.register(&own, udp(1), &known("alice")).code, 200);
    let response = scene.register(&of("tel:+1-555-1234").replace("1 REG", "2 REG"), udp(1), &known("alice"));
    assert_eq!((response.code, scene.proxy.bindings()), (200, 1));
    assert!(scene.proxy.locate(scene.now, "alice").is_some());
    let believed = |to: &str| (of(to), Sender::Believed);
    for (to, code) in [
        ("sip:bob@chat.example.com", 200),
        ("sip:%62ob@192.0.2.1", 500),
        ("sip:bob@example.org", 404),
        ("sip:chat.example.com", 404),
        ("tel:+15551234", 404),
        ("im:bob@chat.example.com", 404),
    ] {
        let (request, sender) = believed(to);
        assert_eq!(scene.register(&request, udp(1), &sender).code, code, "{to}");
    }
    assert_eq!(scene.proxy.bindings(), 2);
}

/// SIP-131: the 200 lists all bindings, each with its time; the date is said.
#[test]
fn all_bindings_are_told() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    let response = scene.register(&register(1, "Contact: <sip:a@192.0.2.9>;q=0.5;x=\"y\"\r\n"), udp(1), &alice);
    assert_eq!(contacts(&response), ["<sip:a@192.0.2.9>;q=0.5;x=\"y\";expires=3600"]);
    assert_eq!(response.headers.first(&HeaderName::Date), Some("Sat, 13 Nov 2010 23:29:00 GMT"));
    scene.pass(seconds(100));
    let two = register(2, "Contact: <sip:b@192.0.2.9>;expires=70, \"C\" <sip:c@192.0.2.9>\r\nExpires: 80\r\n");
    let response = scene.register(&two, udp(1), &alice);
    let all = [
        "<sip:a@192.0.2.9>;q=0.5;x=\"y\";expires=3500",
        "<sip:b@192.0.2.9>;expires=70",
        "\"C\" <sip:c@192.0.2.9>;expires=80",
    ];
    assert_eq!(contacts(&response), all);
    let fetched = scene.register(&register_as("sip:192.0.2.1", "sip:alice@192.0.2.1", "c2", 1, ""), udp(1), &alice);
    assert_eq!((fetched.code, contacts(&fetched)), (200, all.map(str::to_owned).to_vec()));
}

/// SIP-130: how long a binding lasts: what its Contact says, else Expires, else the default; neither too brief nor too long;
/// what is malformed counts as an hour. It ends to the second.
#[test]
fn bindings_last_as_long_as_is_granted() {
    let of = |headers: &str| {
        let mut scene = Scene::new();
        let response = scene.register(&register(1, headers), udp(1), &known("alice"));
        let told = response.headers.contacts().unwrap();
        (response.code, told.first().and_then(parlor_sip::NameAddr::expires), scene.proxy.bindings())
    };
    assert_eq!(of("Contact: <sip:a@h>\r\n"), (200, Some(3600), 1));
    assert_eq!(of("Contact: <sip:a@h>;expires=60\r\nExpires: 1\r\n"), (200, Some(60), 1));
    assert_eq!(of("Contact: <sip:a@h>\r\nExpires: 90\r\n"), (200, Some(90), 1));
    assert_eq!(of("Contact: <sip:a@h>;expires=soon\r\n"), (200, Some(3600), 1));
    assert_eq!(of("Contact: <sip:a@h>;expires=99999999999\r\n"), (200, Some(3600), 1));
    assert_eq!(of("Contact: <sip:a@h>;expires=0\r\n"), (200, None, 0));
    let mut scene = Scene::new();
    let alice = known("alice");
    let brief = scene.register(&register(1, "Contact: <sip:a@h>, <sip:b@h>;expires=59\r\n"), udp(1), &alice);
    assert_eq!((brief.code, brief.headers.min_expires(), scene.proxy.bindings()), (423, Some(60), 0));
    scene.register(&register(2, "Contact: <sip:a@h>;expires=60\r\n"), udp(1), &alice);
    scene.pass(Duration::from_millis(59_999));
    assert_eq!((scene.proxy.bindings(), scene.stored.len()), (1, 1));
    scene.pass(Duration::from_millis(1));
    assert_eq!((scene.proxy.bindings(), scene.stored.len()), (0, 0));
}

/// SIP-130, SIP-131: a contact is refreshed, whatever its spelling, and removed one by one or all at once.
#[test]
fn bindings_are_refreshed_and_removed() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    scene.register(&register(1, "Contact: <sip:a@h.example>, <sip:b@h.example>\r\n"), udp(1), &alice);
    let again = scene.register(&register(2, "m: <sip:%61@H.example>;expires=60\r\n"), udp(1), &alice);
    assert_eq!(contacts(&again), ["<sip:a@H.example>;expires=60", "<sip:b@h.example>;expires=3600"]);
    let removed =
        scene.register(&register(3, "Contact: <sip:a@h.example>;expires=0, <sip:x@h>;expires=0\r\n"), udp(1), &alice);
    assert_eq!(contacts(&removed), ["<sip:b@h.example>;expires=3600"]);
    for headers in
        ["Contact: *\r\n", "Contact: *\r\nExpires: 60\r\n", "Contact: *\r\nContact: <sip:a@h>\r\nExpires: 0\r\n"]
    {
        assert_eq!(scene.register(&register(4, headers), udp(1), &alice).code, 400, "{headers}");
    }
    assert_eq!(scene.proxy.bindings(), 1);
    let none = scene.register(&register(4, "Contact: *\r\nExpires: 0\r\n"), udp(1), &alice);
    assert_eq!((none.code, contacts(&none).len(), scene.stored.len()), (200, 0, 0));
    assert_eq!(scene.proxy.poll_timeout(), None);
}

/// SIP-130: with the same Call-ID a REGISTER counts only if its CSeq is higher, for all its contacts or for none.
#[test]
fn what_was_overtaken_changes_nothing() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    scene.register(&register(5, "Contact: <sip:a@h>\r\n"), udp(1), &alice);
    for headers in ["Contact: <sip:b@h>, <sip:a@h>;expires=0\r\n", "Contact: *\r\nExpires: 0\r\n"] {
        assert_eq!(scene.register(&register(5, headers), udp(1), &alice).code, 500, "{headers}");
    }
    assert_eq!(scene.proxy.bindings(), 1);
    let other =
        register_as("sip:chat.example.com", "sip:alice@chat.example.com", "c2", 1, "Contact: <sip:a@h>;expires=0\r\n");
    assert_eq!(contacts(&scene.register(&other, udp(1), &alice)).len(), 0);
}

/// The answer comes once the store has it; what it fails to keep is taken back, unless it was changed again since.
#[test]
fn who_is_told_can_rely_on_it() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    scene.register(&register(1, "Contact: <sip:a@h>\r\n"), udp(1), &alice);
    let change = "Contact: <sip:a@h>;expires=60;q=0.1, <sip:b@h>\r\n";
    (scene.stores, scene.answers) = (Stored::Failed, false);
    assert_eq!(scene.try_register(&register(2, change), udp(1), &alice), None);
    let waiting = scene.waiting.take().expect("it waits for the store");
    scene.proxy.handle_stored(scene.now, waiting, Stored::Failed);
    assert_eq!(scene.outputs().map(|response| response.code), Some(500));
    scene.answers = true;
    let overloaded = scene.register(&register(3, "Contact: *\r\nExpires: 0\r\n"), udp(1), &alice);
    assert_eq!(overloaded.code, 500);
    scene.stores = Stored::Overload;
    let overloaded = scene.register(&register(4, change), udp(1), &alice);
    assert_eq!((overloaded.code, overloaded.headers.retry_after()), (503, Some(10)));
    let fetched = scene.register(&register(5, ""), udp(1), &alice);
    assert_eq!(contacts(&fetched), ["<sip:a@h>;expires=3600"]);
    // Another REGISTER overtakes the one that fails.
    scene.answers = false;
    scene.try_register(&register(6, change), udp(1), &alice);
    let first = scene.waiting.take().expect("it waits");
    (scene.stores, scene.answers) = (Stored::Yes, true);
    scene.register(&register(7, "Contact: <sip:b@h>;expires=90\r\n"), udp(1), &alice);
    scene.proxy.handle_stored(scene.now, first, Stored::Failed);
    scene.outputs();
    let fetched = scene.register(&register(8, ""), udp(1), &alice);
    assert_eq!(contacts(&fetched), ["<sip:a@h>;expires=3600", "<sip:b@h>;expires=90"]);
}

/// Bindings survive a restart with the time that is left, the order of requests, and how they are reached.
#[test]
fn bindings_survive_a_restart() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    scene.register(&register(7, "Path: <sip:edge.example.com;lr>\r\nContact: <sip:a@h>;q=0.3\r\n"), udp(1), &alice);
    scene.register(&register(8, "Contact: <sip:b@h>;expires=60\r\n"), tcp(2), &alice);
    let (at, mut way) = scene.proxy.locate(scene.now, "alice").expect("she is somewhere");
    way.flow.connection = None; // streams do not
    scene.restart_after(seconds(10));
    assert_eq!(scene.proxy.locate(scene.now, "alice"), Some((at, way)));
    assert_eq!(scene.register(&register(8, "Contact: <sip:b@h>\r\n"), udp(1), &alice).code, 500);
    let fetched = scene.register(&register(9, ""), udp(1), &alice);
    assert_eq!(contacts(&fetched), ["<sip:a@h>;q=0.3;expires=3590", "<sip:b@h>;expires=50"]);
    scene.restart_after(seconds(50));
    assert_eq!(contacts(&scene.register(&register(10, ""), udp(1), &alice)).len(), 1);
    // Names are not used again.
    scene.register(&register(11, "Contact: <sip:c@h>\r\n"), udp(1), &alice);
    assert_eq!(scene.stored.keys().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3]);
}

/// What one user and all together may have is bounded, and what is kept of each; a refresh needs no place.
#[test]
fn bindings_are_bounded() {
    let (mut scene, alice) =
        (Scene::with(|settings| (settings.limits.bindings, settings.limits.storing) = (12, 1)), known("alice"));
    let many = |from: u32, to: u32| (from..to).map(|n| format!("Contact: <sip:{n}@h>\r\n")).collect::<String>();
    assert_eq!(scene.register(&register(1, &many(0, 11)), udp(1), &alice).code, 403);
    assert_eq!(scene.register(&register(2, &many(0, 10)), udp(1), &alice).code, 200);
    assert_eq!(scene.register(&register(3, &many(10, 11)), udp(1), &alice).code, 403);
    assert_eq!(scene.register(&register(4, &many(0, 10)), udp(1), &alice).code, 200);
    let replaced = format!("Contact: <sip:0@h>;expires=0\r\n{}", many(10, 11));
    assert_eq!(scene.register(&register(5, &replaced), udp(1), &alice).code, 200);
    let of_bob =
        |cseq, contacts: &str| register_as("sip:chat.example.com", "sip:bob@chat.example.com", "c3", cseq, contacts);
    assert_eq!(scene.register(&of_bob(1, &many(0, 3)), udp(1), &known("bob")).code, 503);
    assert_eq!(scene.register(&of_bob(2, &many(0, 2)), udp(1), &known("bob")).code, 200);
    let long = format!("Contact: <sip:{}@h>\r\n", "a".repeat(2048));
    assert_eq!(scene.register(&register(6, &long), udp(1), &alice).code, 513);
    scene.answers = false;
    assert_eq!(scene.try_register(&register(7, &many(1, 2)), udp(1), &alice), None);
    assert_eq!(
        scene.register(&register(8, &many(2, 3)), udp(1), &alice).code,
        503,
        "as much waits for the store as may"
    );
}

/// SIP-130: a device that comes back over another stream, without telling that it is the same, is not refused for what it left
/// behind; what is still connected gives way to nothing.
#[test]
fn what_lost_its_stream_gives_way() {
    let mut scene = Scene::new();
    let alice = known("alice");
    let code = |scene: &mut Scene, number: u16| {
        let contact = format!("Contact: <sip:alice@192.0.2.9:{};transport=tcp>\r\n", 6000 + number);
        scene.register(&register(u32::from(number), &contact), tcp(number), &alice).code
    };
    for number in 1..=10 {
        assert_eq!(code(&mut scene, number), 200);
    }
    assert_eq!(code(&mut scene, 11), 403, "all are there");
    scene.proxy.handle_closed(scene.now, ConnectionId(3));
    assert_eq!([12, 13].map(|number| code(&mut scene, number)), [200, 403]);
    assert_eq!(scene.proxy.bindings(), 10);
    scene.restart_after(seconds(1));
    for number in 21..=40 {
        assert_eq!(code(&mut scene, number), if number <= 30 { 200 } else { 403 }, "none has outlived the restart");
    }
    assert_eq!(scene.proxy.bindings(), 10);
}

/// RFC 3327: who asks for it is told the proxies on the way, and they are how the device is reached.
#[test]
fn a_path_leads_to_the_device() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    let path = "Path: <sip:inner.example.com;lr>\r\nPath: <sip:edge@192.0.2.9:5071;lr;ob>\r\n";
    let response = scene.register(
        &register(1, &format!("{path}Supported: path\r\nContact: <sip:a@10.0.0.1>\r\n")),
        udp(1),
        &alice,
    );
    let told: Vec<_> = response.headers.path().unwrap().iter().map(|hop| hop.uri.to_string()).collect();
    assert_eq!(told, ["sip:inner.example.com;lr", "sip:edge@192.0.2.9:5071;lr;ob"]);
    let (target, way) = scene.proxy.locate(scene.now, "alice").expect("she is somewhere");
    assert_eq!((target, way.uri), (uri("sip:a@10.0.0.1"), uri("sip:inner.example.com;lr")));
    let strict = register(2, "Path: <sip:edge.example.com>\r\nContact: <sip:a@h>\r\n");
    assert_eq!(scene.register(&strict, udp(1), &alice).code, 400);
}

const FLOW: &str = "Supported: path, outbound\r\nContact: <sip:a@10.0.0.1>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n";

/// RFC 5626 §6: a device is known by its instance and the flow's number, is reached by the flow alone, and is gone with it.
#[test]
fn a_device_lives_on_its_own_stream() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    let response = scene.register(&register(1, FLOW), tcp(1), &alice);
    assert_eq!(response.headers.require().unwrap(), ["outbound"]);
    let (_, way) = scene.proxy.locate(scene.now, "alice").expect("she is somewhere");
    assert_eq!((way.flow, way.uri), (tcp(1), uri("sip:192.0.2.9:5001")));
    // The same flow from another address takes the place of the former; another flow stands beside it.
    let moved = scene.register(&register(2, &FLOW.replace("10.0.0.1", "10.0.0.2")), tcp(2), &alice);
    assert_eq!(contacts(&moved).len(), 1);
    let second = scene.register(&register(3, &FLOW.replace("reg-id=1", "reg-id=2")), tcp(3), &alice);
    assert_eq!(contacts(&second).len(), 2);
    scene.proxy.handle_closed(scene.now, ConnectionId(1));
    assert_eq!(scene.proxy.bindings(), 2, "it was left before");
    scene.proxy.handle_closed(scene.now, ConnectionId(3));
    scene.outputs();
    assert_eq!((scene.proxy.bindings(), scene.stored.len()), (1, 1));
    scene.restart_after(seconds(1));
    assert_eq!(scene.proxy.bindings(), 0, "streams do not survive");
}

/// RFC 5626 §6: a `reg-id` without meaning is none; behind a proxy that keeps no flows it is refused; one REGISTER is one flow.
#[test]
fn outbound_is_for_who_knows_it() {
    let (mut scene, alice) = (Scene::new(), known("alice"));
    for headers in [
        FLOW.replace(", outbound", ""),
        FLOW.replace("+sip.instance", "+sip.something"),
        FLOW.replace("reg-id=1", "reg-id=0"),
    ] {
        let response = scene.register(&register(1, &headers), tcp(1), &alice);
        assert_eq!(response.code, 200, "{headers}");
        assert!(!contacts(&response)[0].contains("reg-id"), "{response:?}");
        scene.register(&register(2, "Contact: *\r\nExpires: 0\r\n"), tcp(1), &alice);
    }
    let via = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK2\r\n";
    assert_eq!(scene.register(&register(3, &format!("{via}{FLOW}")), tcp(1), &alice).code, 439);
    let kept = format!("{via}Path: <sip:edge.example.com;lr;ob>\r\n{FLOW}");
    assert_eq!(scene.register(&register(4, &kept), tcp(1), &alice).code, 200);
    scene.proxy.handle_closed(scene.now, ConnectionId(1));
    assert_eq!(scene.proxy.bindings(), 1, "it is the proxy that keeps the flow");
    let two = format!("{FLOW}Contact: <sip:b@h>\r\n");
    assert_eq!(scene.register(&register(5, &two), tcp(1), &alice).code, 400);
}
