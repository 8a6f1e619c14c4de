//! Changing a session: re-INVITE and UPDATE.

use super::*;
use parlor_room::Direction;

fn updated(outputs: &[Output]) -> Option<&crate::SessionSpec> {
    outputs.iter().find_map(|output| match output {
        Output::UpdateSession { spec, .. } => Some(spec),
        _ => None,
    })
}

#[test]
fn an_unchanged_offer_gets_the_same_answer_and_changes_nothing() {
    // SIP-63, MSRP-119
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (first, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    peer.learn(&first);
    scene.ack(&peer.ack(None));
    scene.bound(scene.session());
    for method in ["INVITE", "UPDATE"] {
        let (again, outputs) = scene.request(&peer.next(method, Some(OFFER)), peer.flow);
        assert_eq!(text(&again), text(&first));
        // MSRP-97: that there was an exchange is told all the same.
        let spec = updated(&outputs).unwrap();
        assert!(outputs.len() == 1 && text(&first).contains(spec.local.as_str()));
        if method == "INVITE" {
            assert!(scene.ack(&peer.ack(None)).is_empty());
        }
    }
}

#[test]
fn hold_reaches_the_room_and_the_switch() {
    // SIP-64, MSRP-120
    for method in ["INVITE", "UPDATE"] {
        let mut scene = Scene::new();
        let mut peer = scene.joined("alice");
        let (response, outputs) = scene.request(&peer.next(method, Some(&format!("{OFFER}a=inactive\r\n"))), peer.flow);
        assert!(text(&response).contains("a=inactive\r\n"));
        assert!(updated(&outputs).is_some());
        let session = scene.room.session(scene.session()).unwrap();
        assert_eq!(session.capabilities().direction, Direction::Inactive);
    }
}

#[test]
fn a_new_path_gets_a_new_uri_and_the_binding_stays() {
    // MSRP-82, 119; SIP-42
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    scene.bound(scene.session());
    peer.contact = "<sip:alice@192.0.2.9:5999>".into();
    let (response, outputs) = scene.request(&peer.next("INVITE", Some(&OFFER.replace("eeb8", "ffff"))), peer.flow);
    let spec = updated(&outputs).unwrap();
    assert!(text(&response).contains(spec.local.as_str()));
    assert!(scene.ack(&peer.ack(None)).is_empty());
    assert!(scene.pass(60 * SECOND).is_empty(), "bound as before");
    let session = scene.session();
    scene.focus.end_session(scene.now, &mut scene.room, session, EndReason::RoomClosed);
    let (_, bye) = sent(&scene.outputs(), &Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:alice@192.0.2.9:5999");
}

#[test]
fn a_passive_peer_that_moves_is_connected_to_again() {
    // MSRP-119, 152
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    scene.bound(scene.session());
    let passive = OFFER.replace("actpass", "passive");
    let same = scene.request(&peer.next("UPDATE", Some(&passive)), peer.flow).1;
    assert!(!connects(&same), "the connection is there");
    let moved = scene.request(&peer.next("UPDATE", Some(&passive.replace("eeb8", "ffff"))), peer.flow).1;
    assert!(connects(&moved));
    let (_, after_invite) = scene.request(&peer.next("INVITE", Some(&passive.replace("eeb8", "abcd"))), peer.flow);
    assert!(!connects(&after_invite), "not before the ACK");
    assert!(connects(&scene.ack(&peer.ack(None))));
    // MSRP-98b: where it has moved to it is to be bound anew.
    assert_eq!(closed(&scene.pass(30 * SECOND)), Some(EndReason::BindTimeout));
}

#[test]
fn a_refused_offer_leaves_the_session_as_it_was() {
    // SIP-44
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    for (method, body, code) in [
        ("INVITE", OFFER.replace("message/cpim ", ""), 488),
        ("UPDATE", "junk".to_owned(), 400),
        ("UPDATE", OFFER.replace("msrp://", "http://"), 488),
    ] {
        let (response, outputs) = scene.request(&peer.next(method, Some(&body)), peer.flow);
        assert_eq!(response.code, code);
        assert!(outputs.is_empty());
        assert_eq!(scene.room.sessions().len(), 1);
    }
}

/// SIP-42: what is refused does not move the target of our requests, and no request moves it to what is no SIP URI.
#[test]
fn a_refused_request_leaves_the_target_where_it_was() {
    let elsewhere = "<sip:alice@192.0.2.9:5999>";
    for (method, contact, body, code) in [
        ("INVITE", elsewhere, Some("junk"), 400),
        ("UPDATE", elsewhere, Some("junk"), 400),
        ("INVITE", "<tel:+15551234>", Some(OFFER), 400),
        ("UPDATE", "<tel:+15551234>", None, 400),
        ("UPDATE", elsewhere, None, 200),
    ] {
        let mut scene = Scene::new();
        let mut peer = scene.joined("alice");
        let before = std::mem::replace(&mut peer.contact, contact.into());
        let (response, outputs) = scene.request(&peer.next(method, body), peer.flow);
        assert_eq!((response.code, outputs.len()), (code, 0), "{method} {contact}");
        let session = scene.session();
        scene.focus.end_session(scene.now, &mut scene.room, session, EndReason::RoomClosed);
        let (_, bye) = sent(&scene.outputs(), &Method::Bye);
        let target = if code == 200 { contact.into() } else { before };
        assert_eq!(format!("<{}>", bye.uri), target, "{method} {contact}");
    }
}

#[test]
fn a_removed_line_ends_the_session_and_waits_for_another() {
    // SIP-62, 65
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    let removed = OFFER.replace("message 35631", "message 0");
    let (response, outputs) = scene.request(&peer.next("INVITE", Some(&removed)), peer.flow);
    assert_eq!(response.code, 200);
    assert!(text(&response).contains("m=message 0 TCP/MSRP *\r\n"));
    assert_eq!(closed(&outputs), Some(EndReason::MediaRemoved));
    assert!(scene.room.is_empty());
    scene.ack(&peer.ack(None));
    let (response, _) = scene.request(&peer.next("UPDATE", Some(&removed)), peer.flow);
    assert_eq!(response.code, 200);

    let (_, outputs) = scene.request(&peer.next("UPDATE", Some(OFFER)), peer.flow);
    assert!(matches!(&outputs[..], [Output::OpenSession { .. }]));
    assert_eq!(scene.room.participants().len(), 1);
    scene.bound(scene.session());
    assert!(scene.pass(60 * SECOND).is_empty());

    scene.request(&peer.next("UPDATE", Some(&removed)), peer.flow);
    sent(&scene.pass(30 * SECOND), &Method::Bye);
}

#[test]
fn a_lost_connection_waits_for_a_re_invite() {
    // CHAT-151, MSRP-97
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    let session = scene.session();
    scene.bound(session);
    scene.unbound(session);
    assert!(scene.pass(20 * SECOND).is_empty());
    scene.request(&peer.next("INVITE", Some(&OFFER.replace("eeb8", "ffff"))), peer.flow);
    scene.ack(&peer.ack(None));
    assert!(scene.pass(20 * SECOND).is_empty(), "there is time to bind");
    scene.bound(session);
    assert!(scene.pass(60 * SECOND).is_empty());
    scene.unbound(session);
    let outputs = scene.pass(30 * SECOND);
    assert_eq!(closed(&outputs), Some(EndReason::ConnectionLost));
    sent(&outputs, &Method::Bye);
}

#[test]
fn a_re_invite_without_sdp_gets_what_was_said_last() {
    // SIP-41, MSRP-119
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (first, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    peer.learn(&first);
    scene.ack(&peer.ack(None));
    let (again, _) = scene.request(&peer.next("INVITE", None), peer.flow);
    assert_eq!(text(&again), text(&first));
    let outputs = scene.ack(&peer.ack(Some(&format!("{}a=sendonly\r\n", OFFER.replace("actpass", "active")))));
    assert!(updated(&outputs).is_some());
    let session = scene.room.session(scene.session()).unwrap();
    assert_eq!(session.capabilities().direction, Direction::SendOnly);
}

/// SIP-44, 45: what crosses with what, and the codes.
#[test]
fn glare_follows_the_table() {
    // Our answer's ACK is missing; our offer's answer is missing; our re-INVITE is under way.
    let rows: [(&str, Option<&str>, [u16; 3]); 4] = [
        ("INVITE", Some(OFFER), [500, 491, 491]),
        ("INVITE", None, [500, 491, 491]),
        ("UPDATE", Some(OFFER), [200, 491, 491]),
        ("UPDATE", None, [200, 200, 200]),
    ];
    for (method, body, codes) in rows {
        for (situation, code) in codes.into_iter().enumerate() {
            let mut scene = Scene::new();
            let mut peer = Peer::new("alice");
            peer.extra = "Session-Expires: 90;refresher=uas\r\nSupported: timer\r\nAllow: INVITE, BYE\r\n".into();
            let first = (situation != 1).then_some(OFFER);
            let (response, _) = scene.request(&peer.invite(first), peer.flow);
            peer.learn(&response);
            if situation == 2 {
                scene.ack(&peer.ack(None));
                scene.bound(scene.session());
                sent(&scene.pass(45 * SECOND), &Method::Invite);
            }
            let (response, _) = scene.request(&peer.next(method, body), peer.flow);
            assert_eq!(response.code, code, "{method} {body:?} in situation {situation}");
            if code == 500 {
                let wait: u8 = value(&response, "Retry-After").unwrap().parse().unwrap();
                assert!(wait <= 10);
            }
        }
    }
}

/// MSRP-97, 152: the re-INVITE of a peer that waits may come before we know that its connection is lost; then we connect
/// as soon as we do. An offer of long ago is none that says so.
#[test]
fn a_passive_peer_is_connected_to_again_if_its_offer_overtakes_the_loss() {
    for (between, reconnected) in [(1, true), (60, false)] {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        let passive = OFFER.replace("actpass", "passive");
        let (response, _) = scene.request(&peer.invite(Some(&passive)), peer.flow);
        peer.learn(&response);
        assert!(connects(&scene.ack(&peer.ack(None))));
        let session = scene.session();
        scene.bound(session);
        scene.request(&peer.next("INVITE", Some(&passive)), peer.flow);
        assert!(!connects(&scene.ack(&peer.ack(None))), "as far as we know the connection is there");
        scene.pass(between * SECOND);
        scene.unbound(session);
        assert_eq!(connects(&scene.outputs()), reconnected);
        if reconnected {
            scene.bound(session);
            assert!(scene.pass(60 * SECOND).is_empty(), "bound again");
        }
    }
}
