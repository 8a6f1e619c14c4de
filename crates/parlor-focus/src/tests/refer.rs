//! REFER: whom participants may have called and removed, and what they are told of it.

use super::dial_out::{ANSWER, accept, there};
use super::*;
use parlor_room::{Action, Role, UserList};

/// A room with Alice, who may remove, and Bob, who may not.
fn scene() -> (Scene, Peer, Peer) {
    let mut scene =
        Scene::with(|rules| rules.roles.moderators = UserList::parse(["sip:alice@example.org"]).unwrap(), |_| {});
    let (alice, bob) = (scene.joined("alice"), scene.joined("bob"));
    (scene, alice, bob)
}

/// A REFER of this participant outside of its dialog.
fn outside(peer: &Peer, headers: &str) -> Request {
    let mut apart = Peer::new(peer.name);
    apart.extra = format!("{headers}\r\n");
    let mut request = apart.next("REFER", None);
    request.headers.set(HeaderName::CallId, "apart");
    request
}

fn inside(peer: &mut Peer, headers: &str) -> Request {
    peer.extra = format!("{headers}\r\n");
    peer.next("REFER", None)
}

/// The NOTIFY among outputs, with what it says.
fn told(outputs: &[Output]) -> (RequestId, Request, String) {
    let (id, request) = sent(&only(outputs, &Method::Notify), &Method::Notify);
    assert_eq!(request.headers.first(&HeaderName::ContentType), Some("message/sipfrag;version=2.0"));
    let said = std::str::from_utf8(&request.body).unwrap().to_owned();
    (id, request, said)
}

fn only(outputs: &[Output], method: &Method) -> Vec<Output> {
    let fits = |output: &&Output| matches!(output, Output::Request { request, .. } if request.method == *method);
    outputs.iter().filter(fits).map(copy).collect()
}

fn copy(output: &Output) -> Output {
    match output {
        Output::Request { id, request, next_hop } => {
            Output::Request { id: *id, request: request.clone(), next_hop: next_hop.clone() }
        }
        other => panic!("{other:?}"),
    }
}

fn state(notify: &Request) -> String {
    notify.headers.first(&HeaderName::SubscriptionState).unwrap().to_owned()
}

fn located(outputs: &[Output]) -> Option<(RequestId, String)> {
    outputs.iter().find_map(|output| match output {
        Output::Locate { id, uri } => Some((*id, uri.to_string())),
        _ => None,
    })
}

const TO_CAROL: &str =
    "Refer-To: <sip:carol@example.org>;method=INVITE\r\nReferred-By: sip:alice@example.org\r\nEvent: refer";

#[test]
fn a_participant_has_somebody_called_and_is_told_what_comes_of_it() {
    // SIP-79, 80, 81 and interop.md §1: Blink's form.
    let (mut scene, alice, _) = scene();
    let (accepted, outputs) = scene.request(&outside(&alice, TO_CAROL), alice.flow);
    assert_eq!(accepted.code, 202);
    assert!(value(&accepted, "Contact").unwrap().contains(";isfocus"));
    let (call, uri) = located(&outputs).unwrap();
    assert_eq!(uri, "sip:carol@example.org");
    let (first, notify, said) = told(&outputs);
    assert_eq!(said, "SIP/2.0 100 Trying\r\n");
    assert_eq!(notify.headers.first(&HeaderName::Event), Some("refer"));
    assert_eq!(state(&notify), "active;expires=60");
    assert_eq!(notify.uri.to_string(), "sip:alice@192.0.2.9:5070;transport=tcp");
    assert_eq!(notify.headers.from_tag().unwrap(), accepted.headers.to_tag().unwrap());
    assert!(notify.headers.has(&HeaderName::Contact));
    scene.focus.handle_located(scene.now, &mut scene.room, call, Ok(there().into()));
    let (call, invite) = sent(&scene.outputs(), &Method::Invite);
    assert_eq!(invite.headers.first(&HeaderName::ReferredBy), Some("<sip:alice@example.org>"));
    // One NOTIFY at a time, and then the latest.
    assert!(scene.answer(call, &reply(&invite, 180, &[], "")).is_empty());
    let (second, notify, said) = told(&scene.answer(first, &reply(&notify, 200, &[], "")));
    assert_eq!(said, "SIP/2.0 180 Ringing\r\n");
    assert!(scene.answer(second, &reply(&notify, 200, &[], "")).is_empty());
    let (last, notify, said) = told(&scene.answer(call, &accept(&invite, "c1", ANSWER)));
    assert_eq!(said, "SIP/2.0 200 OK\r\n");
    assert_eq!(state(&notify), "terminated;reason=noresource");
    assert_eq!(notify.headers.cseq().unwrap().seq, 3);
    assert!(scene.answer(last, &reply(&notify, 200, &[], "")).is_empty());
    assert!(scene.focus.referrals.is_empty());
    assert_eq!(scene.room.participants().len(), 3);
}

#[test]
fn a_failed_call_is_told_as_it_failed() {
    let (mut scene, alice, _) = scene();
    let (_, outputs) = scene.request(&outside(&alice, TO_CAROL), alice.flow);
    let (call, _) = located(&outputs).unwrap();
    let (first, notify, _) = told(&outputs);
    scene.answer(first, &reply(&notify, 200, &[], ""));
    scene.focus.handle_located(scene.now, &mut scene.room, call, Err(404));
    let (_, notify, said) = told(&scene.outputs());
    assert_eq!((&*said, &*state(&notify)), ("SIP/2.0 404 Not Found\r\n", "terminated;reason=noresource"));
}

#[test]
fn who_is_not_called_any_more_is_told_too() {
    let (mut scene, alice, _) = scene();
    let (_, outputs) = scene.request(&outside(&alice, TO_CAROL), alice.flow);
    let (call, _) = located(&outputs).unwrap();
    let (first, notify, _) = told(&outputs);
    scene.answer(first, &reply(&notify, 200, &[], ""));
    scene.focus.handle_located(scene.now, &mut scene.room, call, Ok(there().into()));
    scene.outputs();
    let (_, _, said) = told(&scene.pass(60 * SECOND));
    assert_eq!(said, "SIP/2.0 408 Request Timeout\r\n");
}

#[test]
fn within_a_dialog_the_second_has_an_id() {
    // SIP-80, RFC 3515 §2.4.6
    let (mut scene, mut alice, _) = scene();
    for (number, (callee, event)) in [("carol", "refer"), ("dave", "refer;id=3")].into_iter().enumerate() {
        let refer = inside(&mut alice, &format!("Refer-To: sip:{callee}@example.org"));
        let (accepted, outputs) = scene.request(&refer, alice.flow);
        assert_eq!(accepted.code, 202);
        let (_, notify, said) = told(&outputs);
        assert_eq!(said, "SIP/2.0 100 Trying\r\n");
        assert_eq!(notify.headers.first(&HeaderName::Event), Some(event));
        assert_eq!(notify.headers.cseq().unwrap().seq, 1 + number as u32, "in the dialog of the session");
    }
    // EVT-17: the dialog outlives her session until the last is told.
    assert_eq!(scene.request(&alice.next("BYE", None), alice.flow).0.code, 200);
    assert_eq!(scene.focus.referrals.len(), 2);
}

/// A further request of Alice in the dialog that her REFER has begun.
fn further(alice: &Peer, method: &str, cseq: u32, accepted: &Response, headers: &str) -> Request {
    let mut apart = Peer::new(alice.name);
    apart.extra = format!("{headers}\r\n");
    apart.cseq = cseq;
    apart.learn(accepted);
    let mut request = apart.next(method, None);
    request.headers.set(HeaderName::CallId, "apart");
    request
}

#[test]
fn the_subscription_of_a_refer_is_refreshed_and_ended_by_subscribe() {
    // SIP-80, RFC 3515 §2.4.4
    let (mut scene, alice, _) = scene();
    let (accepted, outputs) = scene.request(&outside(&alice, TO_CAROL), alice.flow);
    let (call, _) = located(&outputs).unwrap();
    let (first, notify, _) = told(&outputs);
    scene.answer(first, &reply(&notify, 200, &[], ""));
    let refresh = further(&alice, "SUBSCRIBE", 1, &accepted, "Event: refer\r\nExpires: 3600");
    let (answer, outputs) = scene.request(&refresh, alice.flow);
    assert_eq!((answer.code, value(&answer, "Expires")), (200, Some("60")));
    let (second, notify, said) = told(&outputs);
    assert_eq!((&*said, &*state(&notify)), ("SIP/2.0 100 Trying\r\n", "active;expires=60"));
    scene.answer(second, &reply(&notify, 200, &[], ""));
    for (cseq, event, code) in [(2, "refer;id=1", 403), (3, "refer;id=x", 403), (4, "presence", 489)] {
        let wrong = further(&alice, "SUBSCRIBE", cseq, &accepted, &format!("Event: {event}"));
        assert_eq!(scene.request(&wrong, alice.flow).0.code, code, "{event}");
    }
    let end = further(&alice, "SUBSCRIBE", 5, &accepted, "Event: refer\r\nExpires: 0");
    let (answer, outputs) = scene.request(&end, alice.flow);
    assert_eq!((answer.code, value(&answer, "Expires")), (200, Some("0")));
    let (last, notify, _) = told(&outputs);
    assert_eq!(state(&notify), "terminated;reason=timeout");
    scene.answer(last, &reply(&notify, 200, &[], ""));
    scene.focus.handle_located(scene.now, &mut scene.room, call, Err(404));
    assert!(only(&scene.outputs(), &Method::Notify).is_empty());
    assert_eq!(scene.request(&further(&alice, "SUBSCRIBE", 6, &accepted, "Event: refer"), alice.flow).0.code, 481);
}

#[test]
fn a_dialog_of_a_refer_takes_another() {
    let (mut scene, alice, _) = scene();
    let (accepted, _) = scene.request(&outside(&alice, TO_CAROL), alice.flow);
    let again = further(&alice, "REFER", 1, &accepted, "Refer-To: <sip:dave@example.org>");
    let (answer, outputs) = scene.request(&again, alice.flow);
    assert_eq!(answer.code, 202);
    let (_, notify, _) = told(&outputs);
    assert_eq!(notify.headers.first(&HeaderName::Event), Some("refer;id=2"));
    assert_eq!(notify.headers.call_id().unwrap(), "apart");
    for (cseq, method) in [(5, "INVITE"), (6, "UPDATE"), (7, "OPTIONS"), (8, "BYE")] {
        let other = further(&alice, method, cseq, &accepted, "X: y");
        assert_eq!(scene.request(&other, alice.flow).0.code, 481, "{method}");
    }
}

#[test]
fn removing_somebody_ends_all_sessions_at_once() {
    // SIP-79, CHAT-152, SIP-E2: the method in either place.
    for target in
        ["<sip:bob@example.org;method=BYE>", "<sip:bob@example.org>;method=BYE", "sip:bob@example.org;method=BYE"]
    {
        let (mut scene, alice, _) = scene();
        let mut second = Peer::new("bob");
        let mut invite = second.invite(Some(OFFER));
        invite.headers.set(HeaderName::CallId, "second");
        let (response, _) = scene.request(&invite, second.flow);
        second.learn(&response);
        let mut ack = second.ack(None);
        ack.headers.set(HeaderName::CallId, "second");
        scene.ack(&ack);
        let (accepted, outputs) = scene.request(&outside(&alice, &format!("Refer-To: {target}")), alice.flow);
        assert_eq!(accepted.code, 202);
        let byes = only(&outputs, &Method::Bye);
        assert_eq!(byes.len(), 2, "{target}");
        let Output::Request { request: bye, .. } = &byes[0] else { panic!() };
        let reason = bye.headers.first(&HeaderName::Reason);
        assert_eq!(reason, Some("SIP;cause=403;text=\"You were removed from the room\""));
        assert_eq!(closed(&outputs), Some(EndReason::Removed));
        assert_eq!(scene.room.participants().len(), 1);
        let (first, notify, said) = told(&outputs);
        assert_eq!(said, "SIP/2.0 100 Trying\r\n");
        let (_, notify, said) = told(&scene.answer(first, &reply(&notify, 200, &[], "")));
        assert_eq!((&*said, &*state(&notify)), ("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"));
    }
}

#[test]
fn rights_go_by_role() {
    let (mut scene, alice, bob) = scene();
    let refer = |scene: &mut Scene, peer: &Peer, to: &str| {
        scene.request(&outside(peer, &format!("Refer-To: {to}\r\nRefer-Sub: false")), peer.flow).0.code
    };
    assert_eq!(refer(&mut scene, &bob, "<sip:alice@example.org;method=BYE>"), 403);
    assert_eq!(refer(&mut scene, &bob, "<sip:carol@example.org>"), 200, "members may invite");
    assert_eq!(refer(&mut scene, &alice, "<sip:carol@example.org>"), 491, "she is being called");
    assert_eq!(refer(&mut scene, &alice, "<sip:nobody@example.org;method=BYE>"), 404);
    assert_eq!(refer(&mut scene, &alice, "<sip:lobby@chat.example.com>"), 403, "the room itself");
    // Nobody removes who stands higher; everybody may remove itself.
    let (who, _) = scene.room.participants().next().unwrap();
    scene.room.set_role(who, Role::Owner);
    let bobs = scene.room.participants().last().unwrap().0;
    scene.room.set_role(bobs, Role::Moderator);
    assert!(scene.room.rules().permits(Role::Moderator, Action::Remove));
    assert_eq!(refer(&mut scene, &bob, "<sip:alice@example.org;method=BYE>"), 403);
    scene.room.set_role(bobs, Role::Visitor);
    assert_eq!(refer(&mut scene, &bob, "<sip:dave@example.org>"), 403, "visitors may not");
    assert_eq!(refer(&mut scene, &bob, "<sip:bob@example.org;method=BYE>"), 200);
    assert_eq!(scene.room.participants().len(), 1);
}

#[test]
fn who_is_being_called_can_be_called_off() {
    // SIP-79
    let (mut scene, alice, bob) = scene();
    let (_, outputs) = scene.request(&outside(&bob, TO_CAROL), bob.flow);
    let (call, _) = located(&outputs).unwrap();
    scene.focus.handle_located(scene.now, &mut scene.room, call, Ok(there().into()));
    sent(&scene.outputs(), &Method::Invite);
    let refer = outside(&alice, "Refer-To: <sip:carol@example.org;method=BYE>");
    let (accepted, outputs) = scene.request(&refer, alice.flow);
    assert_eq!(accepted.code, 202);
    assert!(outputs.iter().any(|output| matches!(output, Output::Cancel { id } if *id == call)));
    assert!(outputs.iter().any(|output| matches!(output, Output::Called { code: 487 })));
    assert_eq!(scene.request(&refer, alice.flow).0.code, 404, "she is not called any more");
}

#[test]
fn nobody_outside_of_the_room_controls_it() {
    let (mut scene, alice, _) = scene();
    let mallory = Peer::new("mallory");
    assert_eq!(scene.request(&outside(&mallory, TO_CAROL), mallory.flow).0.code, 403);
    let elsewhere = Flow { remote: "203.0.113.66:40001".parse().unwrap(), ..alice.flow };
    for to in ["<sip:carol@example.org>", "<sip:bob@example.org;method=BYE>"] {
        let forged = outside(&alice, &format!("Refer-To: {to}"));
        let (refused, outputs) = scene.request(&forged, elsewhere);
        assert_eq!(refused.code, 403);
        assert!(outputs.is_empty());
    }
    let account = Account { aor: "sip:alice@example.org".parse().unwrap(), aliases: Box::default() };
    scene.caller = Caller::verified(account);
    assert_eq!(scene.request(&outside(&alice, TO_CAROL), elsewhere).0.code, 403, "who is in has proven nothing");
    // Where it is proven who sends it, the address does not matter.
    let alice = scene.joined("alice");
    assert_eq!(scene.request(&outside(&alice, TO_CAROL), elsewhere).0.code, 202);
    assert_eq!(scene.room.participants().len(), 2, "who had taken her address is gone");
}

#[test]
fn one_participant_does_not_take_all_calls() {
    // SIP-90, also where nobody wants to hear what comes of it.
    let (mut scene, alice, bob) = scene();
    let most = scene.focus.settings.limits.dial_outs_of_one;
    let quiet = |n: usize| format!("Refer-To: <sip:user{n}@example.org>\r\nRefer-Sub: false");
    for n in 0..most {
        assert_eq!(scene.request(&outside(&alice, &quiet(n)), alice.flow).0.code, 200);
    }
    assert_eq!(scene.request(&outside(&alice, &quiet(most)), alice.flow).0.code, 503);
    assert_eq!(scene.request(&outside(&bob, &quiet(most)), bob.flow).0.code, 200);
}

#[test]
fn what_is_no_referral_is_refused() {
    // SIP-79, SIP-80
    let (mut scene, mut alice, _) = scene();
    for (headers, code) in [
        ("X: y", 400),
        ("Refer-To: <sip:a@example.org>\r\nRefer-To: <sip:b@example.org>", 400),
        ("Refer-To: <sip:a@example.org>, <sip:b@example.org>", 400),
        ("Refer-To: nonsense", 400),
        ("Refer-To: <tel:+15551234>", 416),
        ("Refer-To: <http://example.org/>", 416),
        ("Refer-To: <sip:carol@example.org;method=MESSAGE>", 403),
        ("Refer-To: <sip:carol@example.org;method=REFER>", 403),
        ("Refer-To: <sip:carol@example.org>\r\nRequire: foo", 420),
    ] {
        for request in [outside(&alice, headers), inside(&mut alice, headers)] {
            let (response, outputs) = scene.request(&request, tcp());
            assert_eq!(response.code, code, "{headers}");
            assert!(outputs.is_empty(), "{outputs:?}");
        }
    }
    assert!(scene.focus.referrals.is_empty());
}

#[test]
fn without_subscription_nothing_is_told() {
    // RFC 4488
    let (mut scene, alice, _) = scene();
    let headers = format!("{TO_CAROL}\r\nRefer-Sub: false\r\nRequire: norefersub");
    let (accepted, outputs) = scene.request(&outside(&alice, &headers), alice.flow);
    assert_eq!(accepted.code, 200);
    assert_eq!(value(&accepted, "Refer-Sub"), Some("false"));
    let [Output::Locate { id, .. }] = outputs[..] else { panic!("{outputs:?}") };
    scene.focus.handle_located(scene.now, &mut scene.room, id, Err(404));
    assert!(matches!(scene.outputs()[..], [Output::Called { code: 404 }]));
}

#[test]
fn who_is_in_is_not_called() {
    let (mut scene, alice, _) = scene();
    let (_, outputs) = scene.request(&outside(&alice, "Refer-To: <sip:bob@example.org>"), alice.flow);
    assert_eq!(located(&outputs), None);
    let (first, notify, _) = told(&outputs);
    let (_, _, said) = told(&scene.answer(first, &reply(&notify, 200, &[], "")));
    assert_eq!(said, "SIP/2.0 200 OK\r\n");
}

#[test]
fn a_referrer_that_does_not_take_the_news_is_told_no_more() {
    let (mut scene, alice, _) = scene();
    let (_, outputs) = scene.request(&outside(&alice, TO_CAROL), alice.flow);
    let (call, _) = located(&outputs).unwrap();
    let (first, notify, _) = told(&outputs);
    assert!(scene.answer(first, &reply(&notify, 481, &[], "")).is_empty());
    assert!(scene.focus.referrals.is_empty());
    scene.focus.handle_located(scene.now, &mut scene.room, call, Ok(there().into()));
    sent(&scene.outputs(), &Method::Invite);
}

#[test]
fn forged_and_hidden_referrers_are_not_named() {
    // SIP-81, CHAT-101
    for (from, said, named) in [
        ("<sip:alice@example.org>", "<sip:boss@example.org>;cid=\"a@b\"", Some("<sip:alice@example.org>")),
        ("<sip:alice@example.org>", "<sip:alice@example.org>;x=y", Some("<sip:alice@example.org>")),
        ("<sip:alice@example.org>", "", None),
        ("<sip:anonymous@anonymous.invalid>", "<sip:alice@example.org>", None),
    ] {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        let mut invite = peer.invite(Some(OFFER));
        invite.headers.set(HeaderName::From, format!("{from};tag=falice"));
        let (response, _) = scene.request(&invite, peer.flow);
        peer.learn(&response);
        scene.ack(&peer.ack(None));
        let by = if said.is_empty() { String::new() } else { format!("\r\nReferred-By: {said}") };
        let (accepted, outputs) =
            scene.request(&inside(&mut peer, &format!("Refer-To: <sip:carol@example.org>{by}")), tcp());
        assert_eq!(accepted.code, 202);
        let (call, _) = located(&outputs).unwrap();
        scene.focus.handle_located(scene.now, &mut scene.room, call, Ok(there().into()));
        let (_, invite) = sent(&scene.outputs(), &Method::Invite);
        assert_eq!(invite.headers.first(&HeaderName::ReferredBy), named, "{from} {said}");
    }
}

#[test]
fn referrals_are_bounded() {
    let (mut scene, alice, _) = scene();
    scene.focus.settings = Arc::new({
        let mut settings = (*scene.focus.settings).clone();
        settings.limits.referrals_of_one = 2;
        settings
    });
    let codes: Vec<u16> = (0..3)
        .map(|n| {
            let mut refer = outside(&alice, &format!("Refer-To: <sip:c{n}@example.org>"));
            refer.headers.set(HeaderName::CallId, format!("apart{n}"));
            scene.request(&refer, alice.flow).0.code
        })
        .collect();
    assert_eq!(codes, [202, 202, 503]);
}

#[test]
fn all_rooms_together_have_a_limit_of_calls() {
    // SIP-90
    let mut scene = Scene::with(|_| {}, |settings| settings.calls = crate::Quota::new(1));
    let alice = scene.joined("alice");
    assert_eq!(scene.request(&outside(&alice, TO_CAROL), alice.flow).0.code, 202);
    let other = "Refer-To: <sip:dave@example.org>";
    assert_eq!(scene.request(&outside(&alice, other), alice.flow).0.code, 503);
}
