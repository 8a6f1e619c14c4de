//! Session timers on a dialog (RFC 4028).

use super::*;

fn joined(scene: &mut Scene, extra: &str) -> (Peer, Response) {
    let mut peer = Peer::new("alice");
    peer.extra = extra.into();
    let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    peer.learn(&response);
    scene.ack(&peer.ack(None));
    let session = scene.session();
    scene.bound(session);
    (peer, response)
}

/// We refresh every 45 s.
const WE_REFRESH: &str = "Session-Expires: 90;refresher=uas\r\nSupported: timer\r\nAllow: INVITE, UPDATE, BYE\r\n";
const BY_INVITE: &str = "Session-Expires: 90;refresher=uas\r\nSupported: timer\r\nAllow: INVITE, BYE\r\n";

#[test]
fn the_2xx_says_interval_refresher_and_requires_timer() {
    // SIP-100, 102, 104
    let (_, response) = joined(&mut Scene::new(), "Supported: timer\r\n");
    assert_eq!(value(&response, "Session-Expires"), Some("1800;refresher=uac"));
    assert_eq!(value(&response, "Require"), Some("timer"));
    assert_eq!(value(&response, "Min-SE"), None);
    let (_, response) = joined(&mut Scene::new(), "");
    assert_eq!(value(&response, "Session-Expires"), Some("1800;refresher=uas"));
    assert_eq!(value(&response, "Require"), None);
}

#[test]
fn a_peer_that_does_not_refresh_is_sent_away_a_little_early() {
    // SIP-103
    let mut scene = Scene::new();
    let (mut peer, _) = joined(&mut scene, "Supported: timer\r\nSession-Expires: 120\r\n");
    assert!(scene.pass(60 * SECOND).is_empty());
    let (response, _) = scene.request(&peer.next("UPDATE", None), peer.flow);
    assert_eq!(value(&response, "Session-Expires"), Some("120;refresher=uac"));
    assert!(response.body.is_empty());
    assert!(scene.pass(87 * SECOND).is_empty());
    let outputs = scene.pass(SECOND);
    assert_eq!(closed(&outputs), Some(EndReason::Expired));
    sent(&outputs, &Method::Bye);
}

#[test]
fn we_refresh_by_update_at_half_the_interval() {
    // SIP-103
    let mut scene = Scene::new();
    joined(&mut scene, WE_REFRESH);
    for _ in 0..3 {
        assert!(scene.pass(Duration::from_millis(44_999)).is_empty());
        let (id, update) = sent(&scene.pass(Duration::from_millis(1)), &Method::Update);
        assert!(update.body.is_empty());
        assert_eq!(update.headers.first(&HeaderName::SessionExpires), Some("90;refresher=uac"));
        assert!(update.headers.has(&HeaderName::Contact) && update.headers.supports("timer"));
        assert!(scene.answer(id, &reply(&update, 100, &[], "")).is_empty());
        assert!(scene.answer(id, &reply(&update, 200, &[("Session-Expires", "90;refresher=uac")], "")).is_empty());
    }
}

#[test]
fn we_refresh_by_re_invite_with_the_same_sdp_where_update_is_not_known() {
    // SIP-103, SIP-3
    let mut scene = Scene::new();
    let (_, joined) = joined(&mut scene, BY_INVITE);
    let (id, invite) = sent(&scene.pass(45 * SECOND), &Method::Invite);
    assert_eq!(invite.body, joined.body);
    let ok = reply(&invite, 200, &[("Contact", "<sip:alice@192.0.2.9:5071>")], &OFFER.replace("actpass", "active"));
    for _ in 0..2 {
        let outputs = scene.answer(id, &ok);
        let [Output::SendAck { request, .. }] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!(request.method, Method::Ack);
        assert_eq!(request.headers.cseq().unwrap().seq, invite.headers.cseq().unwrap().seq);
        assert_eq!(request.uri.to_string(), "sip:alice@192.0.2.9:5071");
    }
    sent(&scene.pass(45 * SECOND), &Method::Invite);
}

/// SIP-44, 103; RFC 3261 §12.2.1.2; RFC 4028 §7.3.
#[test]
fn a_refused_refresh_is_handled_by_its_code() {
    for (code, ends) in [(481, true), (408, true), (500, false), (491, false), (488, false)] {
        let mut scene = Scene::new();
        joined(&mut scene, WE_REFRESH);
        let (id, update) = sent(&scene.pass(45 * SECOND), &Method::Update);
        let outputs = scene.answer(id, &reply(&update, code, &[], ""));
        if ends {
            assert_eq!(closed(&outputs), Some(EndReason::Unreachable));
            sent(&outputs, &Method::Bye);
        } else {
            assert!(outputs.is_empty());
            let wait = if code == 491 { 2 } else { 10 };
            sent(&scene.pass(wait * SECOND), &Method::Update);
        }
    }
}

#[test]
fn update_not_known_after_all_becomes_re_invite() {
    for code in [405, 501] {
        let mut scene = Scene::new();
        joined(&mut scene, WE_REFRESH);
        let (id, update) = sent(&scene.pass(45 * SECOND), &Method::Update);
        sent(&scene.answer(id, &reply(&update, code, &[], "")), &Method::Invite);
    }
}

#[test]
fn a_longer_interval_is_taken_over() {
    // RFC 4028 §7.3
    let mut scene = Scene::new();
    joined(&mut scene, WE_REFRESH);
    let (id, update) = sent(&scene.pass(45 * SECOND), &Method::Update);
    let outputs = scene.answer(id, &reply(&update, 422, &[("Min-SE", "600")], ""));
    let (_, again) = sent(&outputs, &Method::Update);
    assert_eq!(again.headers.first(&HeaderName::SessionExpires), Some("600;refresher=uac"));
}

#[test]
fn a_session_whose_refresh_never_succeeds_expires() {
    // SIP-103, 104
    let mut scene = Scene::new();
    joined(&mut scene, WE_REFRESH);
    let mut outputs = scene.pass(45 * SECOND);
    for _ in 0..4 {
        let (id, update) = sent(&outputs, &Method::Update);
        scene.answer(id, &reply(&update, 500, &[], ""));
        outputs = scene.pass(10 * SECOND);
    }
    let outputs = scene.pass(10 * SECOND);
    assert_eq!(closed(&outputs), Some(EndReason::Expired));
    sent(&outputs, &Method::Bye);
}

#[test]
fn no_answer_to_a_refresh_ends_the_session() {
    // SIP-103, RFC 3261 §8.1.3.1
    let mut scene = Scene::new();
    joined(&mut scene, WE_REFRESH);
    let (id, _) = sent(&scene.pass(45 * SECOND), &Method::Update);
    scene.focus.handle_request_failed(scene.now, &mut scene.room, id);
    assert_eq!(closed(&scene.outputs()), Some(EndReason::Unreachable));
}

#[test]
fn a_bad_answer_to_our_re_invite_is_acknowledged_and_ends_the_session() {
    // SIP-68
    let mut scene = Scene::new();
    joined(&mut scene, BY_INVITE);
    let (id, invite) = sent(&scene.pass(45 * SECOND), &Method::Invite);
    let outputs = scene.answer(id, &reply(&invite, 200, &[], "junk"));
    assert!(matches!(&outputs[0], Output::SendAck { .. }));
    assert_eq!(closed(&outputs), Some(EndReason::BadAnswer));
    sent(&outputs, &Method::Bye);
}

#[test]
fn our_refresh_waits_for_an_unfinished_invite() {
    // SIP-44
    let mut scene = Scene::new();
    let (mut peer, _) = joined(&mut scene, WE_REFRESH);
    scene.pass(44 * SECOND);
    peer.extra = "Allow: UPDATE\r\n".into();
    let mut invite = peer.next("INVITE", Some(OFFER));
    invite.headers.push(HeaderName::SessionExpires, "90");
    scene.request(&invite, peer.flow);
    let outputs = scene.pass(20 * SECOND);
    assert!(outputs.iter().all(|output| matches!(output, Output::Respond { .. })), "only the 2xx again");
}

#[test]
fn an_answer_to_our_re_invite_without_setup_keeps_the_connection() {
    // MSRP-119: the peer knows nothing of COMEDIA, and we cannot connect.
    let mut scene = Scene::with(|_| {}, |settings| settings.can_connect = false);
    joined(&mut scene, BY_INVITE);
    let (id, invite) = sent(&scene.pass(45 * SECOND), &Method::Invite);
    let outputs = scene.answer(id, &reply(&invite, 200, &[], &OFFER.replace("a=setup:actpass\r\n", "")));
    assert!(matches!(&outputs[..], [Output::SendAck { .. }]));
}
