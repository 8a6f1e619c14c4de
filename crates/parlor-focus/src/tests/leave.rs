//! Leaving and being sent away: BYE, and where our requests go.

use super::*;

#[test]
fn bye_is_answered_and_ends_everything() {
    // SIP-46, CHAT-150
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    let session = scene.session();
    let (response, outputs) = scene.request(&peer.next("BYE", None), peer.flow);
    assert_eq!(response.code, 200);
    assert!(matches!(&outputs[..], [Output::CloseSession { session: s, reason: EndReason::Left }] if *s == session));
    assert!(scene.room.is_empty() && scene.focus.is_idle() && scene.focus.poll_timeout().is_none());
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 481);
}

#[test]
fn bye_before_the_ack_ends_the_retransmission() {
    // SIP-46
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    peer.learn(&response);
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 200);
    assert!(scene.pass(60 * SECOND).is_empty());
}

/// SIP-43, E5: all of Call-ID and tags count; a lower CSeq is 500; what is in no dialog is 481.
#[test]
fn dialogs_are_matched_by_all_three_parts() {
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    for (name, from, to) in [
        (HeaderName::CallId, "call-alice", "call-other"),
        (HeaderName::From, "tag=falice", "tag=other"),
        (HeaderName::To, "tag=r1-", "tag=r2-"),
        (HeaderName::To, "tag=r1-", "tag=r1-0"),
    ] {
        let mut bye = peer.next("BYE", None);
        let changed = bye.headers.first(&name).unwrap().replace(from, to);
        bye.headers.set(name, changed);
        assert_eq!(scene.request(&bye, peer.flow).0.code, 481);
    }
    peer.cseq = 0;
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 500);
    peer.cseq = 100;
    assert_eq!(scene.request(&peer.next("PRACK", None), peer.flow).0.code, 481, "SIP-49");
    let (response, _) = scene.request(&peer.next("INFO", None), peer.flow);
    assert_eq!((response.code, value(&response, "Allow")), (405, Some(ALLOW)));
    assert_eq!(scene.request(&peer.next("FROB", None), peer.flow).0.code, 501);
    assert_eq!(scene.request(&peer.next("OPTIONS", None), peer.flow).0.code, 200);
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 200);
    let mut outside = Peer::new("bob");
    for method in ["BYE", "UPDATE", "PRACK"] {
        assert_eq!(scene.request(&outside.next(method, None), outside.flow).0.code, 481);
    }
}

#[test]
fn being_removed_takes_effect_at_once_and_says_bye() {
    // CHAT-152, SIP-46
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    let session = scene.session();
    scene.focus.end_session(scene.now, &mut scene.room, session, EndReason::RoomClosed);
    assert!(scene.room.is_empty());
    let outputs = scene.outputs();
    assert_eq!(closed(&outputs), Some(EndReason::RoomClosed));
    let (id, bye) = sent(&outputs, &Method::Bye);
    let cseq = bye.headers.cseq().unwrap();
    assert_eq!((cseq.seq, cseq.method), (1, Method::Bye));
    assert_eq!(bye.headers.first(&HeaderName::Reason), Some("SIP;cause=410;text=\"The room is closed\""));
    assert_eq!(scene.request(&peer.next("UPDATE", None), peer.flow).0.code, 481);
    // Both say BYE at the same time.
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 200);
    assert!(scene.answer(id, &reply(&bye, 481, &[], "")).is_empty());
    assert!(scene.focus.is_idle());
    scene.focus.end_session(scene.now, &mut scene.room, session, EndReason::RoomClosed);
    assert!(scene.outputs().is_empty());
}

#[test]
fn a_bye_that_fails_ends_the_dialog_all_the_same() {
    let mut scene = Scene::new();
    scene.joined("alice");
    scene.focus.end_all(scene.now, &mut scene.room, EndReason::Shutdown);
    let (id, _) = sent(&scene.outputs(), &Method::Bye);
    scene.focus.handle_request_failed(scene.now, &mut scene.room, id);
    assert!(scene.focus.is_idle());
}

#[test]
fn our_bye_waits_for_the_ack() {
    // RFC 3261 §15
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    peer.learn(&response);
    scene.focus.end_all(scene.now, &mut scene.room, EndReason::Shutdown);
    assert!(matches!(&scene.outputs()[..], [Output::CloseSession { reason: EndReason::Shutdown, .. }]));
    sent(&scene.ack(&peer.ack(None)), &Method::Bye);

    let mut scene = Scene::new();
    scene.request(&Peer::new("bob").invite(Some(OFFER)), tcp());
    scene.focus.end_all(scene.now, &mut scene.room, EndReason::Shutdown);
    let outputs = scene.pass(33 * SECOND);
    let byes = outputs.iter().filter(|output| matches!(output, Output::Request { .. })).count();
    assert_eq!(byes, 1, "or until it can no longer come");
}

/// Our requests go where the peer's come from unless its Contact is at the same address (RFC 4975 §14.5).
#[test]
fn the_next_hop_is_never_a_third_party() {
    let rows = [
        ("<sip:alice@192.0.2.9:5070>", "", "192.0.2.9:40001", "sip:alice@192.0.2.9:5070"),
        ("<sip:alice@203.0.113.5:5070>", "", "192.0.2.9:40001", "sip:192.0.2.9:40001"),
        ("<sip:alice@example.org>", "", "[2001:db8::9]:6000", "sip:[2001:db8::9]:6000"),
        ("<sip:alice@203.0.113.5>", "<sip:192.0.2.9:5080;lr>", "192.0.2.9:5080", "sip:192.0.2.9:5080;lr"),
    ];
    for (contact, route, source, expected) in rows {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        peer.flow = udp(source);
        peer.contact = contact.into();
        if !route.is_empty() {
            peer.extra = format!("Record-Route: {route}\r\n");
        }
        let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
        peer.learn(&response);
        scene.ack(&peer.ack(None));
        scene.focus.end_all(scene.now, &mut scene.room, EndReason::RoomClosed);
        let outputs = scene.outputs();
        let hop = outputs.iter().find_map(|output| match output {
            Output::Request { next_hop, .. } => Some(next_hop.clone()),
            _ => None,
        });
        let hop = hop.unwrap();
        assert_eq!(hop.flow, peer.flow);
        assert_eq!(hop.uri.to_string(), expected);
    }
}

#[test]
fn a_thousand_dialogs_come_and_go() {
    let names: Vec<&'static str> = (0..1000).map(|n| &*format!("user{n}").leak()).collect();
    let mut scene = Scene::new();
    let peers: Vec<Peer> = names.iter().map(|name| scene.joined(name)).collect();
    assert_eq!((scene.focus.dialogs(), scene.room.participants().len()), (1000, 1000));
    for mut peer in peers {
        assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 200);
    }
    assert!(scene.focus.is_idle() && scene.room.is_empty() && scene.focus.poll_timeout().is_none());
}
