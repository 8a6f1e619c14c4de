//! Replaces and Join.

use super::*;

/// An INVITE of another device of this user with that header field.
fn other_device(name: &'static str, header: &str) -> (Peer, Request) {
    let mut device = Peer::new(name);
    device.extra += header;
    let mut invite = device.invite(Some(OFFER));
    invite.headers.set(HeaderName::CallId, "other");
    (device, invite)
}

/// The value that names this dialog, as the peer knows it.
fn named(peer: &Peer) -> String {
    format!("call-{0};to-tag={1};from-tag=f{0}", peer.name, peer.to_tag.as_deref().unwrap())
}

#[test]
fn another_device_takes_over() {
    // SIP-84: the same participant with its nickname; the old device gets BYE.
    let mut scene = Scene::with(|rules| rules.max_sessions_per_participant = 1, |_| {});
    let alice = scene.joined("alice");
    let before = scene.session();
    let now = scene.now;
    scene.room.set_nickname(now, before, Some("Ally")).unwrap();
    let who = scene.room.participants().next().unwrap().0;
    let (_, invite) = other_device("alice", &format!("Replaces: {}\r\nRequire: replaces\r\n", named(&alice)));
    let (response, outputs) = scene.request(&invite, alice.flow);
    assert_eq!(response.code, 200);
    assert_eq!(closed(&outputs), Some(EndReason::Replaced));
    let (_, bye) = sent(&outputs, &Method::Bye);
    assert_eq!(bye.headers.call_id().unwrap(), "call-alice");
    assert_eq!(scene.room.participants().map(|(id, _)| id).collect::<Vec<_>>(), [who]);
    assert_ne!(scene.session(), before);
    assert_eq!(scene.room.nickname_of(who).map(|nickname| nickname.as_str()), Some("Ally"));
}

#[test]
fn a_takeover_that_fails_changes_nothing() {
    let mut scene = Scene::with(|rules| rules.max_sessions_per_participant = 1, |_| {});
    let alice = scene.joined("alice");
    let (_, mut invite) = other_device("alice", &format!("Replaces: {}\r\n", named(&alice)));
    invite.body = Bytes::from(OFFER.replace("message/cpim ", ""));
    let (response, outputs) = scene.request(&invite, alice.flow);
    assert_eq!(response.code, 488);
    assert!(outputs.is_empty());
    let (_, invite) = other_device("alice", "");
    assert_eq!(scene.request(&invite, alice.flow).0.code, 486, "the place is taken as before");
}

#[test]
fn what_cannot_be_replaced_is_refused_by_its_code() {
    // SIP-84: RFC 3891 §3
    let mut scene = Scene::new();
    let (alice, mut bob) = (scene.joined("alice"), scene.joined("bob"));
    let ended = named(&bob);
    let session = scene.room.sessions().last().unwrap().0;
    let now = scene.now;
    scene.focus.end_session(now, &mut scene.room, session, EndReason::Removed);
    scene.outputs();
    let own = named(&alice);
    let rows = [
        ("alice", format!("Replaces: {}\r\n", own.replace("r1-", "r1-0")), 481),
        ("alice", format!("Replaces: {}\r\n", own.replace("falice", "x")), 481),
        ("alice", format!("Replaces: {}\r\n", own.replace("call-", "x-")), 481),
        ("alice", "Replaces: junk\r\n".to_owned(), 400),
        ("alice", format!("Replaces: {own}\r\nReplaces: {own}\r\n"), 400),
        ("alice", format!("Replaces: {own}\r\nJoin: {own}\r\n"), 400),
        ("alice", format!("Join: {own}\r\nJoin: {own}\r\n"), 400),
        ("alice", format!("Replaces: {own};early-only\r\n"), 486),
        ("carol", format!("Replaces: {own}\r\n"), 403),
        ("bob", format!("Replaces: {ended}\r\n"), 603),
        ("bob", format!("Join: {ended}\r\n"), 603),
    ];
    for (name, header, code) in rows {
        let (device, invite) = other_device(name, &header);
        let (response, outputs) = scene.request(&invite, device.flow);
        assert_eq!(response.code, code, "{name} {header}");
        assert!(outputs.is_empty());
    }
    assert_eq!(scene.room.participants().len(), 1);
    for method in ["OPTIONS", "UPDATE", "REFER"] {
        let mut alice = scene.joined("dave");
        alice.extra = format!("Replaces: {own}\r\nRefer-To: <sip:x@example.org>\r\n");
        assert_eq!(scene.request(&alice.next(method, None), alice.flow).0.code, 400, "{method}");
        alice.extra.clear();
        assert_eq!(scene.request(&alice.next("BYE", None), alice.flow).0.code, 200);
    }
    bob.extra.clear();
}

#[test]
fn joining_a_room_needs_no_dialog_to_join() {
    // SIP-83: RFC 3911 §4
    let mut scene = Scene::new();
    let alice = scene.joined("alice");
    for (name, header) in [("bob", named(&alice)), ("carol", "other;to-tag=1;from-tag=2".to_owned())] {
        let (device, mut invite) = other_device(name, &format!("Join: {header}\r\nRequire: join\r\n"));
        invite.headers.set(HeaderName::CallId, name);
        assert_eq!(scene.request(&invite, device.flow).0.code, 200, "{name}");
    }
    assert_eq!(scene.room.participants().len(), 3);
}

#[test]
fn who_gave_its_chat_up_can_be_replaced_too() {
    let mut scene = Scene::new();
    let mut alice = scene.joined("alice");
    let gone = OFFER.replace("message 35631", "message 0");
    assert_eq!(scene.request(&alice.invite(Some(&gone)), alice.flow).0.code, 200);
    scene.ack(&alice.ack(None));
    assert!(scene.room.is_empty());
    let (_, invite) = other_device("alice", &format!("Replaces: {}\r\n", named(&alice)));
    let (response, outputs) = scene.request(&invite, alice.flow);
    assert_eq!(response.code, 200);
    sent(&outputs, &Method::Bye);
    assert_eq!(scene.room.participants().len(), 1);
}
