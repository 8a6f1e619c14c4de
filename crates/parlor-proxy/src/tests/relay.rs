//! Messages to users (MSG-60 to MSG-63).

use super::{Scene, Sent, tcp, udp, uri};
use crate::{Failure, Fate, Recipient};
use parlor_sip::{HeaderName, Method, Response};
use std::time::Duration;

pub(super) fn message(headers: &str) -> String {
    message_to("sip:bob@chat.example.com", headers, "Watson, come here.")
}

pub(super) fn message_to(uri: &str, headers: &str, body: &str) -> String {
    format!(
        "MESSAGE {uri} SIP/2.0\r\nVia: SIP/2.0/TCP user1pc.example.com;branch=z9hG4bK776sgdkse;received=192.0.2.7\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@chat.example.com>;tag=49583\r\nTo: <{uri}>\r\nCall-ID: asd88asd77a@1.2.3.4\r\n\
         CSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn bob() -> Recipient {
    Recipient::User { name: "bob".into(), has_account: false }
}

pub(super) fn one(sent: Vec<Sent>) -> Sent {
    let [sent] = <[Sent; 1]>::try_from(sent).expect("one is sent");
    sent
}

pub(super) fn all<const N: usize>(sent: Vec<Sent>) -> [Sent; N] {
    <[Sent; N]>::try_from(sent).expect("so many are sent")
}

pub(super) fn code(answer: Option<Response>) -> u16 {
    answer.map_or(0, |response| response.code)
}

/// MSG-60, MSG-62: the flow of RFC 3428 §10: to the device goes what came, but for where it goes, one hop less, and a mark;
/// back comes what the device answered, under what the sender knows its request by.
#[test]
fn as_in_the_example() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:user2@user2pc.example.com;method=X?Subject=y>", udp(2));
    assert!(scene.message(&message("Subject: Hi\r\nX-Mine: kept\r\n"), &bob()).is_none());
    let sent = one(scene.sent());
    let request = &sent.request;
    assert_eq!((&request.method, &request.uri), (&Method::Message, &uri("sip:user2@user2pc.example.com")));
    assert_eq!(request.headers.max_forwards(), Ok(Some(69)));
    assert_eq!(request.headers.from().unwrap().to_string(), "<sip:alice@chat.example.com>;tag=49583");
    assert_eq!(request.headers.call_id(), Ok("asd88asd77a@1.2.3.4"));
    assert_eq!(request.headers.first(&HeaderName::from("X-Mine")), Some("kept"));
    assert_eq!((request.headers.via().unwrap().len(), &*request.body), (1, b"Watson, come here.".as_slice()));
    assert!(!request.headers.has(&HeaderName::RecordRoute));
    assert_eq!((sent.way.flow, &sent.way.uri), (udp(2), &uri("sip:user2@user2pc.example.com;method=X?Subject=y")));
    let answer = scene.answers(&sent, 200).expect("an answer");
    assert_eq!((answer.code, answer.headers.to_tag().unwrap().as_deref()), (200, Some("device")));
    let via = answer.headers.via().unwrap();
    assert_eq!((via.len(), via[0].branch()), (1, Some("z9hG4bK776sgdkse")));
    assert_eq!(answer.headers.from_tag().unwrap().as_deref(), Some("49583"));
    assert_eq!((scene.fates.as_slice(), scene.proxy.poll_timeout().is_some()), ([Fate::Delivered].as_slice(), true));
}

/// MSG-60, MSG-61: what is not passed on.
#[test]
fn what_is_refused() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    let stranger = Recipient::User { name: "nobody".into(), has_account: false };
    let plain = message("");
    for (text, recipient, expected) in [
        (plain.replace("Max-Forwards: 70", "Max-Forwards: 0"), bob(), 483),
        (message("Proxy-Require: x\r\n"), bob(), 420),
        (message("Route: <sip:example.org;lr>\r\n"), bob(), 403),
        (message("Route: <sip:192.0.2.1;lr>, <sip:example.org;lr>\r\n"), bob(), 403),
        (plain.clone(), Recipient::Elsewhere, 403),
        (plain.clone(), Recipient::Nobody, 404),
        (plain.clone(), stranger, 404),
    ] {
        assert_eq!(code(scene.message(&text, &recipient)), expected, "{text}");
    }
    assert!(scene.sent().is_empty());
    let through_us =
        message("Route: <sip:192.0.2.1;lr>, <sip:chat.example.com;lr>\r\n").replace("Max-Forwards: 70\r\n", "");
    scene.message(&through_us, &bob());
    let sent = one(scene.sent());
    assert!(!sent.request.headers.has(&HeaderName::Route));
    assert_eq!(sent.request.headers.max_forwards(), Ok(Some(70)), "SIP-9");
}

/// MSG-60: a message that comes back as it was is a loop; one that comes back for somebody else is none.
#[test]
fn loops_are_found() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    scene.message(&message(""), &bob());
    let mark = one(scene.sent()).mark.expect("it is somebody else's");
    let via = format!(
        "Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{:016x}.{mark:016x}\r\n",
        7
    );
    let back = |text: String| text.replace("Via: SIP/2.0/TCP", &format!("{via}Via: SIP/2.0/TCP"));
    assert_eq!(code(scene.message(&back(message("")), &bob())), 482);
    let spiral = back(message_to("sip:other@chat.example.com", "", "x"));
    assert_eq!(code(scene.message(&spiral, &bob())), 0);
    let carol = message("").replace("tag=49583", "tag=other");
    assert_eq!(code(scene.message(&back(carol), &bob())), 0);
}

/// RFC 3261 §22.3: credentials for us go no further.
#[test]
fn passwords_stay_here() {
    let mut scene = Scene::with(|settings| settings.realm = "here".into());
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    let digest = |realm: &str| {
        format!(
            "Digest username=\"alice\", realm=\"{realm}\", nonce=\"n\", uri=\"sip:x\", response=\"{}\"",
            "0".repeat(32)
        )
    };
    let headers = format!("Proxy-Authorization: {}\r\nAuthorization: {}\r\n", digest("here"), digest("there"));
    scene.message(&message(&headers), &bob());
    let sent = one(scene.sent());
    assert!(!sent.request.headers.has(&HeaderName::ProxyAuthorization));
    assert!(sent.request.headers.has(&HeaderName::Authorization));
}

/// MSG-60, MSG-63: all devices of one q get it at once; the first 2xx is told, once.
#[test]
fn devices_get_it_together() {
    let mut scene = Scene::new();
    for number in [1, 2, 3] {
        scene.device("bob", &format!("<sip:b{number}@192.0.2.9>"), udp(number));
    }
    scene.message(&message(""), &bob());
    let [a, b, c] = all(scene.sent());
    assert_eq!(code(scene.answers(&a, 404)), 0);
    assert_eq!(code(scene.answers(&b, 200)), 200);
    assert_eq!(code(scene.answers(&c, 200)), 0);
    assert_eq!(scene.fates, [Fate::Delivered]);
}

/// MSG-60: those of a lower q get it when all before have failed, or when some stay silent; best of all failures is told.
#[test]
fn devices_get_it_by_q() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:low@192.0.2.9>;q=0.2", udp(1));
    scene.device("bob", "<sip:high@192.0.2.9>;q=0.9", udp(2));
    scene.device("bob", "<sip:mid1@192.0.2.9>;q=0.5", udp(3));
    scene.device("bob", "<sip:mid2@192.0.2.9>;q=0.5", udp(4));
    let users = |sent: &[Sent]| sent.iter().map(|sent| sent.request.uri.user().unwrap().to_owned()).collect::<Vec<_>>();
    scene.message(&message(""), &bob());
    let high = one(scene.sent());
    assert_eq!(users(std::slice::from_ref(&high)), ["high"]);
    scene.answers(&high, 486);
    let mut mid = scene.sent();
    mid.sort_by_key(|sent| sent.request.uri.to_string());
    assert_eq!(users(&mid), ["mid1", "mid2"]);
    scene.answers(&mid[0], 415);
    assert!(scene.sent().is_empty(), "mid2 may still answer");
    assert_eq!(code(scene.pass(Duration::from_secs(5))), 0);
    let low = one(scene.sent());
    assert_eq!(users(std::slice::from_ref(&low)), ["low"]);
    assert_eq!(code(scene.answers(&low, 404)), 0);
    assert_eq!(code(scene.fails(&mid[1], Failure::Silence)), 415);
    assert_eq!(scene.fates, [Fate::Refused]);
}

/// MSG-60: 6xx ends it, also where others might still get it.
#[test]
fn a_final_refusal_ends_it() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:a@192.0.2.9>", udp(1));
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    scene.device("bob", "<sip:c@192.0.2.9>;q=0.1", udp(3));
    scene.message(&message(""), &bob());
    let [a, b] = all(scene.sent());
    assert_eq!(code(scene.answers(&a, 603)), 603);
    assert_eq!(code(scene.answers(&b, 200)), 0);
    scene.pass(Duration::from_secs(60));
    assert!(scene.sent().is_empty());
    assert_eq!(scene.fates, [Fate::Refused]);
}

/// Where all are silent nobody is told (RFC 4320 §4.2); where none can be reached it is 480; 503 of a device is 500 of ours.
#[test]
fn who_is_not_there() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    let outcome = |scene: &mut Scene, end: &dyn Fn(&mut Scene, &Sent) -> Option<Response>| {
        scene.message(&message(""), &bob());
        let sent = one(scene.sent());
        code(end(scene, &sent))
    };
    assert_eq!(outcome(&mut scene, &|scene, sent| scene.fails(sent, Failure::Silence)), 0);
    assert_eq!(outcome(&mut scene, &|scene, sent| scene.fails(sent, Failure::Unreachable)), 480);
    assert_eq!(outcome(&mut scene, &|scene, sent| scene.answers(sent, 503)), 500);
    assert_eq!(scene.fates, [Fate::Unavailable; 3]);
}

const FLOW: &str = "+sip.instance=\"<urn:uuid:1>\";reg-id";

/// RFC 5626 §6: a device with several flows gets it once; when the flow that was used last fails, by another.
#[test]
fn one_of_several_flows() {
    let mut scene = Scene::new();
    scene.device("bob", &format!("<sip:b@10.0.0.1>;{FLOW}=1"), tcp(1));
    scene.device("bob", &format!("<sip:b@10.0.0.1>;{FLOW}=2"), tcp(2));
    scene.device("bob", "<sip:phone@192.0.2.9>", udp(3));
    scene.message(&message(""), &bob());
    let mut sent = scene.sent();
    sent.sort_by_key(|sent| sent.way.flow.remote);
    let [second, phone] = all(sent);
    assert_eq!((second.way.flow, phone.way.flow), (tcp(2), udp(3)));
    scene.answers(&phone, 404);
    assert_eq!(code(scene.fails(&second, Failure::Unreachable)), 0);
    let first = one(scene.sent());
    assert_eq!((first.way.flow, first.way.uri.clone()), (tcp(1), uri("sip:192.0.2.9:5001")));
    assert_eq!(code(scene.answers(&first, 430)), 404);
}

/// RFC 3327: it goes by the proxies on the way.
#[test]
fn by_the_path() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@10.0.0.1>\r\nPath: <sip:a.example.com;lr>, <sip:b.example.com;lr>", udp(2));
    scene.message(&message(""), &bob());
    let sent = one(scene.sent());
    let route: Vec<_> = sent.request.headers.route().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(route, ["<sip:a.example.com;lr>", "<sip:b.example.com;lr>"]);
    assert_eq!((sent.request.uri, sent.way.uri), (uri("sip:b@10.0.0.1"), uri("sip:a.example.com;lr")));
}

/// MSG-16: what is larger than 1,300 octets goes to devices on streams alone.
#[test]
fn large_messages_go_over_streams() {
    let mut scene = Scene::new();
    let of = |size: usize| message_to("sip:bob@chat.example.com", "", &"x".repeat(size));
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    assert_eq!(code(scene.message(&of(800), &bob())), 0);
    assert_eq!(one(scene.sent()).request.body.len(), 800);
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    assert_eq!(code(scene.message(&of(1300), &bob())), 413);
    assert!(scene.sent().is_empty());
    scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(3));
    assert_eq!(code(scene.message(&of(60_000), &bob())), 0);
    let sent = one(scene.sent());
    assert_eq!((sent.way.flow, code(scene.answers(&sent, 200))), (tcp(3), 200));
}

/// MSG-16: of the flows to one device a stream does for what is too large for the latest.
#[test]
fn large_messages_find_the_stream_of_a_device() {
    let mut scene = Scene::new();
    let instance = |reg: u32| format!("<sip:b@192.0.2.9>;+sip.instance=\"<urn:uuid:1>\";reg-id={reg}");
    scene.device("bob", &instance(1), tcp(3));
    scene.device("bob", &instance(2), udp(2));
    let large = message_to("sip:bob@chat.example.com", "", &"x".repeat(1300));
    assert_eq!(code(scene.message(&large, &bob())), 0);
    assert_eq!(one(scene.sent()).way.flow, tcp(3));
}

/// MSG-17: a device gets one message at a time, whatever carries it; when it is silent, those that wait are given up too.
#[test]
fn one_at_a_time() {
    let mut scene = Scene::with(|settings| settings.limits.waiting = 2);
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
    let numbered = |n: u32| message("").replace("asd88asd77a", &format!("call{n}"));
    let answers: Vec<_> = (1..=4).map(|n| code(scene.message(&numbered(n), &bob()))).collect();
    assert_eq!(answers, [0, 0, 0, 480], "too many would wait");
    let first = one(scene.sent());
    assert_eq!(code(scene.answers(&first, 200)), 200);
    let second = one(scene.sent());
    assert_eq!(second.request.headers.call_id(), Ok("call2@1.2.3.4"));
    assert_eq!(code(scene.fails(&second, Failure::Silence)), 480, "the third was never sent");
    assert!(scene.sent().is_empty());
    assert_eq!(scene.fates.len(), 4);
    scene.message(&numbered(5), &bob());
    let fifth = one(scene.sent());
    scene.answers(&fifth, 200);
    let mut scene = Scene::new();
    scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(2));
    (1..=4).for_each(|n| drop(scene.message(&numbered(n), &bob())));
    for _ in 1..=4 {
        let pending = one(scene.sent());
        assert_eq!(code(scene.answers(&pending, 200)), 200);
    }
}

/// MSG-17: whoever waits for a device that cannot be reached, or is silent, is told at once: it was never sent, and may be again.
#[test]
fn who_waits_for_nobody_is_told() {
    for (failure, first) in [(Failure::Unreachable, Some(480)), (Failure::Silence, None)] {
        let mut scene = Scene::new();
        scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(2));
        let numbered = |n: u32| message("").replace("asd88asd77a", &format!("call{n}"));
        (1..=3).for_each(|n| drop(scene.message(&numbered(n), &bob())));
        let sent = one(scene.sent());
        scene.proxy.handle_failure(scene.now, sent.id, failure);
        let mut told = scene.answered();
        told.sort_unstable();
        let expected: Vec<u16> = first.into_iter().chain([480, 480]).collect();
        assert_eq!(told, expected, "{failure:?}");
        assert_eq!((scene.sent().len(), scene.fates.as_slice()), (0, [Fate::Unavailable; 3].as_slice()));
    }
}

/// What is on its way is bounded, and let go of when it has arrived.
#[test]
fn what_is_under_way_is_bounded() {
    let mut scene = Scene::with(|settings| settings.limits.relayed_bytes = 10_000);
    scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(2));
    let of = |n: u32| message_to("sip:bob@chat.example.com", "", &"x".repeat(4000)).replace("asd88", &format!("{n}"));
    assert_eq!(code(scene.message(&of(1), &bob())), 0);
    let sent = one(scene.sent());
    let refused = scene.message(&of(2), &bob()).expect("an answer");
    assert_eq!((refused.code, refused.headers.retry_after()), (503, Some(10)));
    assert_eq!(code(scene.answers(&sent, 200)), 200);
    assert_eq!(code(scene.message(&of(3), &bob())), 0);
    assert_eq!(scene.sent().len(), 1);
}

/// What is not passed on as we have too much under way is refused for now, by us, and no other flow is tried in its place.
#[test]
fn our_own_overload() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:bob@192.0.2.9:5001>", udp(1));
    assert!(scene.message(&message(""), &bob()).is_none());
    let sent = one(scene.sent());
    let answer = scene.fails(&sent, Failure::Overload).expect("an answer");
    assert_eq!((answer.code, answer.headers.retry_after(), scene.sent().len()), (503, Some(10), 0));
    assert!(scene.message(&message(""), &bob()).is_none());
    assert_eq!(scene.sent().len(), 1, "the next one may go");
}
