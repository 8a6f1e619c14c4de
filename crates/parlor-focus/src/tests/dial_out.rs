//! INVITEs of ours that bring somebody into the room.

use super::*;
use crate::{Found, Invitation, Location, NextHop};
use parlor_sip::NameAddr;

pub(super) const ANSWER: &str = "v=0\r\n\
o=- 3941000000 3941000000 IN IP4 192.0.2.9\r\n\
s=-\r\n\
t=0 0\r\n\
m=message 35631 TCP/MSRP *\r\n\
c=IN IP4 192.0.2.9\r\n\
a=path:msrp://192.0.2.9:35631/eeb820f9763af2ba158d;tcp\r\n\
a=accept-types:message/cpim text/*\r\n\
a=accept-wrapped-types:text/*\r\n\
a=setup:active\r\n";

pub(super) fn carol() -> Invitation {
    let uri = "sip:carol@example.org:5070;method=INVITE".parse().unwrap();
    Invitation {
        callee: NameAddr::new(uri).with_display("Carol"),
        referred_by: Some(NameAddr::new("sip:alice@example.org".parse().unwrap())),
        history: None,
    }
}

pub(super) fn there() -> Location {
    let uri = "sip:192.0.2.9:5070;transport=tcp".parse().unwrap();
    let flow = Flow { remote: "192.0.2.9:5070".parse().unwrap(), connection: None, ..tcp() };
    Location { target: "sip:carol@192.0.2.9:5070;transport=tcp".parse().unwrap(), next_hop: NextHop { flow, uri } }
}

/// Calls Carol and says where she is.
fn call(scene: &mut Scene) -> (RequestId, Request, Vec<Output>) {
    scene.focus.dial_out(&scene.room, carol()).unwrap();
    let outputs = scene.outputs();
    let [Output::Locate { id, uri }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(uri.to_string(), "sip:carol@example.org:5070");
    scene.focus.handle_located(scene.now, &mut scene.room, *id, Ok(there().into()));
    let outputs = scene.outputs();
    let (sent_as, invite) = sent(&outputs, &Method::Invite);
    assert_eq!(sent_as, *id);
    (*id, invite, outputs)
}

pub(super) fn accept(invite: &Request, tag: &str, body: &str) -> Response {
    let fields = [("Contact", "<sip:carol@192.0.2.9:5070;transport=tcp>"), ("Allow", "UPDATE, BYE")];
    let mut response = reply(invite, 200, &fields, body);
    response.set_to_tag(tag);
    response
}

fn acks(outputs: &[Output]) -> Vec<&Request> {
    let mut found = Vec::new();
    for output in outputs {
        if let Output::SendAck { request, .. } = output {
            found.push(request);
        }
    }
    found
}

fn called(outputs: &[Output]) -> Option<u16> {
    outputs.iter().find_map(|output| match output {
        Output::Called { code } => Some(*code),
        _ => None,
    })
}

fn cancels(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Cancel { .. }))
}

#[test]
fn the_invite_is_that_of_a_focus() {
    // SIP-78, SIP-81, MSRP-151
    let mut scene = Scene::with(|rules| rules.topic = "Tea".into(), |_| {});
    let (_, invite, outputs) = call(&mut scene);
    assert_eq!(invite.uri.to_string(), "sip:carol@192.0.2.9:5070;transport=tcp");
    let header = |name: &str| invite.headers.first(&HeaderName::from(name)).unwrap().to_owned();
    assert!(header("From").starts_with("<sip:lobby@chat.example.com>;tag=r1-"), "{}", header("From"));
    assert_eq!(header("To"), "<sip:carol@example.org:5070>");
    assert!(header("Contact").starts_with("<sip:lobby@192.0.2.1:5062;transport=tcp>;isfocus"));
    assert_eq!(header("Subject"), "Tea");
    assert_eq!(header("Referred-By"), "<sip:alice@example.org>");
    assert_eq!(header("CSeq"), "1 INVITE");
    assert_eq!(header("Session-Expires"), "1800;refresher=uac");
    assert!(invite.headers.supports("timer"));
    let body = std::str::from_utf8(&invite.body).unwrap();
    assert!(body.contains("a=setup:actpass\r\n") && body.contains("a=path:msrp://192.0.2.1:2855/"), "{body}");
    assert!(matches!(outputs[0], Output::OfferSession { .. }), "MSRP-96: before the offer");
    assert!(scene.room.is_empty(), "nobody is in before the answer");
    assert_eq!(scene.focus.places(), 1);
}

#[test]
fn who_answers_may_hide() {
    // SIP-112, CHAT-101
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    let mut answer = accept(&invite, "c1", ANSWER);
    answer.headers.push(HeaderName::Privacy, "id");
    scene.answer(id, &answer);
    let (_, participant) = scene.room.participants().next().unwrap();
    assert_eq!(participant.identity().aor.to_string(), "sip:anonymous1@anonymous.invalid");
    let endpoint = scene.room.session(scene.session()).unwrap().endpoint();
    assert!(!endpoint.entity.contains("carol") && endpoint.referred_by.is_none());
}

#[test]
fn an_answer_makes_a_participant() {
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    assert!(scene.answer(id, &reply(&invite, 180, &[], "")).is_empty());
    let outputs = scene.answer(id, &accept(&invite, "c1", ANSWER));
    let [ack] = acks(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(ack.uri.to_string(), "sip:carol@192.0.2.9:5070;transport=tcp");
    assert_eq!(ack.headers.cseq().unwrap().seq, 1);
    assert!(outputs.iter().any(|output| matches!(output, Output::OpenSession { .. })));
    assert_eq!(called(&outputs), Some(200));
    assert!(!connects(&outputs), "it is active");
    let (_, participant) = scene.room.participants().next().unwrap();
    assert_eq!(participant.identity().aor.to_string(), "sip:carol@example.org");
    assert_eq!(participant.identity().display.as_deref(), Some("Carol"));
    let endpoint = scene.room.session(scene.session()).unwrap().endpoint();
    assert_eq!(endpoint.method, parlor_room::JoiningMethod::DialedOut);
    assert_eq!(endpoint.referred_by.as_deref(), Some("sip:alice@example.org"), "SIP-81");
    assert_eq!(&*endpoint.entity, "sip:carol@192.0.2.9:5070;transport=tcp");
    // SIP-3: each copy of the 2xx gets the ACK again.
    let again = scene.answer(id, &accept(&invite, "c1", ANSWER));
    assert_eq!(acks(&again).len(), 1);
    assert_eq!(again.len(), 1);
    let session = scene.session();
    scene.bound(session);
    // SIP-103: we refresh.
    let (_, refresh) = sent(&scene.pass(900 * SECOND), &Method::Update);
    assert_eq!(refresh.headers.cseq().unwrap().seq, 2);
}

#[test]
fn who_insists_on_waiting_is_connected_to() {
    // MSRP-152, interop.md §1: Blink answers our actpass with passive.
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    let outputs = scene.answer(id, &accept(&invite, "c1", &ANSWER.replace("active", "passive")));
    assert!(connects(&outputs));
}

#[test]
fn her_bye_ends_it() {
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    scene.answer(id, &accept(&invite, "c1", ANSWER));
    let from = invite.headers.first(&HeaderName::From).unwrap();
    let call_id = invite.headers.call_id().unwrap();
    let bye = parse(&format!(
        "BYE sip:lobby@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKq\r\nMax-Forwards: 70\r\n\
         From: <sip:carol@example.org:5070>;tag=c1\r\nTo: {from}\r\nCall-ID: {call_id}\r\nCSeq: 9 BYE\r\n\r\n"
    ));
    let (response, outputs) = scene.request(&bye, tcp());
    assert_eq!(response.code, 200);
    assert_eq!(closed(&outputs), Some(EndReason::Left));
    assert!(scene.room.is_empty() && scene.focus.is_idle());
}

#[test]
fn a_failure_leaves_nothing() {
    for code in [300, 404, 486, 603] {
        let mut scene = Scene::new();
        let (id, invite, _) = call(&mut scene);
        let outputs = scene.answer(id, &reply(&invite, code, &[], ""));
        assert_eq!(called(&outputs), Some(code));
        assert_eq!(closed(&outputs), Some(EndReason::Unanswered));
        assert!(acks(&outputs).is_empty(), "the transaction acknowledges it");
        assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
        assert_eq!(scene.focus.poll_timeout(), None);
    }
    let mut scene = Scene::new();
    scene.focus.dial_out(&scene.room, carol()).unwrap();
    let outputs = scene.outputs();
    let [Output::Locate { id, .. }] = outputs[..] else { panic!() };
    scene.focus.handle_located(scene.now, &mut scene.room, id, Err(404));
    assert_eq!(called(&scene.outputs()), Some(404));
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

/// RFC 3263 §4.3: where a server is not there, or has no time, the next one gets the INVITE; one where it rings is waited for.
#[test]
fn the_next_server_is_called() {
    for code in [408, 503] {
        let mut scene = Scene::new();
        scene.focus.dial_out(&scene.room, carol()).unwrap();
        let outputs = scene.outputs();
        let [Output::Locate { id, .. }] = outputs[..] else { panic!() };
        let other = NextHop {
            flow: Flow { remote: "192.0.2.8:5070".parse().unwrap(), ..there().next_hop.flow },
            uri: "sip:192.0.2.8:5070".parse().unwrap(),
        };
        let found = Found { others: vec![other.clone(), there().next_hop], ..there().into() };
        scene.focus.handle_located(scene.now, &mut scene.room, id, Ok(found));
        let (_, first) = sent(&scene.outputs(), &Method::Invite);
        let outputs = scene.answer(id, &reply(&first, code, &[], ""));
        let (again, second) = sent(&outputs, &Method::Invite);
        assert!(outputs.iter().any(|o| matches!(o, Output::Request { next_hop, .. } if *next_hop == other)));
        assert_eq!((&second.uri, &second.body), (&first.uri, &first.body));
        assert_eq!((called(&outputs), closed(&outputs)), (None, None), "it goes on");
        scene.answer(again, &reply(&second, 180, &[], ""));
        let outputs = scene.answer(again, &reply(&second, code, &[], ""));
        assert_eq!(called(&outputs), Some(code), "it rang there");
        assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
    }
}

fn looked_for(outputs: &[Output]) -> (RequestId, String) {
    let asked = outputs.iter().find_map(|output| match output {
        Output::Locate { id, uri } => Some((*id, uri.to_string())),
        _ => None,
    });
    asked.expect("somebody is looked for")
}

/// A scene in which a call was redirected after some time, and rings there.
fn call_redirected_at(time: Duration) -> Scene {
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    scene.pass(time);
    let outputs = scene.answer(id, &reply(&invite, 302, &[("Contact", "<sip:carol@192.0.2.7>")], ""));
    let (id, _) = looked_for(&outputs);
    scene.focus.handle_located(scene.now, &mut scene.room, id, Ok(there().into()));
    scene.outputs();
    scene
}

/// RFC 3261 §8.1.3.4: where a callee says that it is it is called, once; the way there is asked for like the first one.
#[test]
fn a_redirection_is_followed_once() {
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    let contact =
        [("Contact", "<mailto:carol@example.org>, <sip:c@192.0.2.8>;q=0.1, <sip:carol@192.0.2.7:5099?Subject=x>")];
    let outputs = scene.answer(id, &reply(&invite, 302, &contact, ""));
    assert_eq!((called(&outputs), closed(&outputs)), (None, Some(EndReason::Unanswered)));
    let (id, uri) = looked_for(&outputs);
    assert_eq!(uri, "sip:carol@192.0.2.7:5099");
    assert!(scene.pass(30 * SECOND).is_empty());
    scene.focus.handle_located(scene.now, &mut scene.room, id, Ok(there().into()));
    let (id, invite) = sent(&scene.outputs(), &Method::Invite);
    assert_eq!(invite.headers.first(&HeaderName::To), Some("<sip:carol@example.org:5070>"));
    let mut later = call_redirected_at(30 * SECOND);
    assert_eq!(called(&later.pass(30 * SECOND)), Some(408), "both together have the time of one");
    let outputs = scene.answer(id, &reply(&invite, 302, &contact, ""));
    assert_eq!(called(&outputs), Some(302));
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

#[test]
fn who_does_not_answer_is_given_up() {
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    scene.answer(id, &reply(&invite, 180, &[], ""));
    assert!(scene.pass(59 * SECOND).is_empty());
    let outputs = scene.pass(SECOND);
    assert!(cancels(&outputs));
    assert_eq!(called(&outputs), Some(408));
    assert_eq!(closed(&outputs), Some(EndReason::Unanswered));
    assert!(scene.answer(id, &reply(&invite, 487, &[], "")).is_empty());
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

#[test]
fn an_answer_that_crosses_our_cancel_is_ended() {
    // RFC 3261 §9.1
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    assert!(cancels(&scene.pass(60 * SECOND)));
    for _ in 0..2 {
        let outputs = scene.answer(id, &accept(&invite, "c1", ANSWER));
        assert_eq!(acks(&outputs).len(), 1);
        let (_, bye) = sent(&outputs, &Method::Bye);
        assert!(bye.headers.to_tag().unwrap().as_deref() == Some("c1"));
        assert!(scene.room.is_empty());
    }
    assert!(scene.pass(32 * SECOND).is_empty());
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

#[test]
fn of_several_devices_that_answer_the_first_stays() {
    // SIP-50
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    scene.answer(id, &accept(&invite, "c1", ANSWER));
    let outputs = scene.answer(id, &accept(&invite, "c2", ANSWER));
    let [ack] = acks(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(ack.headers.to_tag().unwrap().as_deref(), Some("c2"));
    let (_, bye) = sent(&outputs, &Method::Bye);
    assert_eq!(bye.headers.to_tag().unwrap().as_deref(), Some("c2"));
    assert_eq!(bye.headers.cseq().unwrap().seq, 2);
    assert_eq!(scene.room.participants().len(), 1);
    assert_eq!(scene.focus.dialogs(), 1);
}

#[test]
fn an_answer_that_cannot_be_used_is_ended() {
    // SIP-68
    let refused = ANSWER.replace("message 35631", "message 0");
    for body in ["", "junk", &refused] {
        let mut scene = Scene::new();
        let (id, invite, _) = call(&mut scene);
        let outputs = scene.answer(id, &accept(&invite, "c1", body));
        assert_eq!(acks(&outputs).len(), 1, "{body}");
        sent(&outputs, &Method::Bye);
        assert_eq!(closed(&outputs), Some(EndReason::BadAnswer));
        assert!(matches!(called(&outputs), Some(400..)));
        assert!(scene.room.is_empty());
    }
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    let outputs = scene.answer(id, &reply(&invite, 200, &[], ANSWER));
    assert_eq!(called(&outputs), Some(500), "there is no Contact and no tag");
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

#[test]
fn a_longer_interval_is_offered_once() {
    // RFC 4028 §7.3
    let mut scene = Scene::new();
    let (id, invite, _) = call(&mut scene);
    let outputs = scene.answer(id, &reply(&invite, 422, &[("Min-SE", "3600")], ""));
    let (id, second) = sent(&outputs, &Method::Invite);
    assert_eq!(second.headers.cseq().unwrap().seq, 2);
    assert_eq!(second.headers.call_id().unwrap(), invite.headers.call_id().unwrap());
    assert_eq!(second.headers.first(&HeaderName::SessionExpires), Some("3600;refresher=uac"));
    assert_eq!(second.headers.first(&HeaderName::MinSe), Some("3600"));
    let outputs = scene.answer(id, &reply(&second, 422, &[("Min-SE", "7200")], ""));
    assert_eq!(called(&outputs), Some(422));
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

#[test]
fn a_full_room_calls_nobody() {
    let mut scene = Scene::with(|rules| rules.max_participants = 1, |_| {});
    scene.joined("alice");
    assert_eq!(scene.focus.dial_out(&scene.room, carol()), Err(Reject::Room(parlor_room::Reject::Full)));
    let mut scene = Scene::with(|rules| rules.max_participants = 1, |_| {});
    let (id, invite, _) = call(&mut scene);
    scene.joined("alice");
    let outputs = scene.answer(id, &accept(&invite, "c1", ANSWER));
    assert_eq!(called(&outputs), Some(486), "it became full meanwhile");
    sent(&outputs, &Method::Bye);
    assert_eq!(scene.room.participants().len(), 1);
}

#[test]
fn calls_are_bounded() {
    let mut scene = Scene::with(|_| {}, |settings| settings.limits.dial_outs = 2);
    let callee = |name| NameAddr::new(format!("sip:{name}@example.org").parse().unwrap());
    let mut call =
        |name| scene.focus.dial_out(&scene.room, Invitation { callee: callee(name), referred_by: None, history: None });
    assert_eq!(call("carol"), Ok(()));
    assert_eq!(call("carol"), Err(Reject::Calling));
    assert_eq!(call("dave"), Ok(()));
    assert_eq!(call("erin"), Err(Reject::Overload));
    scene.focus.end_all(scene.now, &mut scene.room, EndReason::Shutdown);
    scene.outputs();
    assert!(scene.focus.is_idle() && scene.focus.pending_requests() == 0);
}

#[test]
fn only_sip_addresses_are_called() {
    let mut scene = Scene::new();
    for uri in ["tel:+15551234", "im:carol@example.org", "http://example.org/"] {
        let callee = NameAddr::new(uri.parse().unwrap());
        let called = scene.focus.dial_out(&scene.room, Invitation { callee, referred_by: None, history: None });
        assert_eq!(called, Err(Reject::Scheme), "{uri}");
    }
}

#[test]
fn where_a_participant_is_can_be_learned_and_follows_it() {
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    let changes: Vec<_> = std::iter::from_fn(|| scene.focus.poll_dialog()).collect();
    let [DialogChange::Began(tag), DialogChange::Located(located, user, at)] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(located, tag);
    assert_eq!(user.aor.to_string(), "sip:alice@example.org");
    assert_eq!(at.target.to_string(), "sip:alice@192.0.2.9:5070;transport=tcp");
    assert_eq!(at.next_hop.flow, peer.flow);
    scene.request(&peer.next("UPDATE", None), peer.flow);
    assert!(scene.focus.poll_dialog().is_none(), "it has not moved");
    peer.flow.connection = Some(ConnectionId(8));
    scene.request(&peer.next("UPDATE", None), peer.flow);
    let moved = scene.focus.poll_dialog();
    let Some(DialogChange::Moved(_, at)) = moved else { panic!("{moved:?}") };
    assert_eq!(at.next_hop.flow, peer.flow);
}
