//! Several message lines in one dialog (REQ-1, CHAT-D1).

use super::*;
use parlor_room::EndpointId;

/// The session ids of the room, in the order in which they came.
fn sessions(scene: &Scene) -> Vec<SessionId> {
    scene.room.sessions().map(|(id, _)| id).collect()
}

fn media(response: &Response) -> Vec<&str> {
    text(response).lines().filter(|line| line.starts_with("m=")).collect()
}

/// Somebody joins with two lines, and both are bound.
fn joined(scene: &mut Scene) -> Peer {
    let mut peer = Peer::new("alice");
    let (response, outputs) = scene.request(&peer.invite(Some(&two_lines("7"))), peer.flow);
    assert_eq!(response.code, 200);
    assert_eq!(media(&response), ["m=message 2855 TCP/MSRP *"; 2]);
    assert_eq!(outputs.iter().filter(|output| matches!(output, Output::OpenSession { .. })).count(), 2);
    peer.learn(&response);
    scene.ack(&peer.ack(None));
    for session in sessions(scene) {
        scene.bound(session);
    }
    peer
}

#[test]
fn each_line_is_a_session_of_one_endpoint() {
    let mut scene = Scene::new();
    joined(&mut scene);
    let on: Vec<EndpointId> = scene.room.sessions().map(|(_, session)| session.on()).collect();
    assert!(on.len() == 2 && on[0] == on[1]);
    assert_eq!((scene.room.participants().len(), scene.focus.places()), (1, 1));
    assert!(scene.pass(60 * SECOND).is_empty(), "both are bound");
}

#[test]
fn lines_come_and_go_in_later_offers() {
    // SIP-60, 62, 65
    for method in ["INVITE", "UPDATE"] {
        let mut scene = Scene::new();
        let mut peer = scene.joined("alice");
        scene.bound(scene.session());
        let ack = |scene: &mut Scene, peer: &Peer| method == "INVITE" && !scene.ack(&peer.ack(None)).is_empty();
        let (response, outputs) = scene.request(&peer.next(method, Some(&two_lines("7"))), peer.flow);
        assert_eq!(media(&response), ["m=message 2855 TCP/MSRP *"; 2], "{method}");
        assert!(outputs.iter().any(|output| matches!(output, Output::OpenSession { .. })));
        ack(&mut scene, &peer);
        let [first, second] = sessions(&scene)[..] else { panic!("two sessions") };

        let (response, outputs) = scene.request(&peer.next(method, Some(&two_lines("0"))), peer.flow);
        assert_eq!(media(&response), ["m=message 2855 TCP/MSRP *", "m=message 0 TCP/MSRP *"]);
        assert_eq!(closed(&outputs), Some(EndReason::MediaRemoved));
        ack(&mut scene, &peer);
        assert_eq!(sessions(&scene), [first]);

        scene.request(&peer.next(method, Some(&two_lines("7"))), peer.flow);
        ack(&mut scene, &peer);
        let only_second = two_lines("7").replace("message 35631", "message 0");
        let (response, _) = scene.request(&peer.next(method, Some(&only_second)), peer.flow);
        assert_eq!(media(&response), ["m=message 0 TCP/MSRP *", "m=message 2855 TCP/MSRP *"]);
        ack(&mut scene, &peer);
        let [third] = sessions(&scene)[..] else { panic!("one session") };
        assert!(third != first && third != second, "a session that has ended does not come back");
        assert_eq!(scene.room.participants().len(), 1, "she never left");
    }
}

#[test]
fn a_line_fails_alone_and_the_last_one_takes_the_dialog_along() {
    // MSRP-98b, CHAT-151
    let mut scene = Scene::new();
    joined(&mut scene);
    let [first, second] = sessions(&scene)[..] else { panic!("two sessions") };
    scene.unbound(first);
    let outputs = scene.pass(30 * SECOND);
    assert_eq!((closed(&outputs), outputs.len()), (Some(EndReason::ConnectionLost), 1));
    assert_eq!(sessions(&scene), [second]);
    assert_eq!(scene.focus.places(), 1);
    scene.focus.end_session(scene.now, &mut scene.room, second, EndReason::Stalled);
    sent(&scene.outputs(), &Method::Bye);
    assert!(scene.room.is_empty());
}

#[test]
fn a_line_that_nobody_binds_ends_alone() {
    let mut scene = Scene::new();
    let mut peer = scene.joined("alice");
    scene.bound(scene.session());
    scene.request(&peer.next("UPDATE", Some(&two_lines("7"))), peer.flow);
    let outputs = scene.pass(60 * SECOND);
    assert_eq!((closed(&outputs), outputs.len()), (Some(EndReason::BindTimeout), 1));
    // SIP-41, SIP-63: what we offer after that does not have it, under the next version.
    let (offered, _) = scene.request(&peer.next("INVITE", None), peer.flow);
    assert_eq!(media(&offered), ["m=message 2855 TCP/MSRP *", "m=message 0 TCP/MSRP *"]);
    assert!(text(&offered).contains(" 3 IN IP4"), "{}", text(&offered));
    assert!(!text(&offered).contains("2nd"));
    let outputs = scene.ack(&peer.ack(Some(&two_lines("0").replace("actpass", "active"))));
    assert!(outputs.is_empty(), "{outputs:?}");
    // Its line may become a session again, which is another one.
    let (_, outputs) = scene.request(&peer.next("UPDATE", Some(&two_lines("7"))), peer.flow);
    assert!(outputs.iter().any(|output| matches!(output, Output::OpenSession { .. })));
    assert_eq!(sessions(&scene).len(), 2);
}

#[test]
fn removing_somebody_ends_all_lines() {
    // CHAT-152, CHAT-154
    let mut scene = Scene::new();
    joined(&mut scene);
    let second = sessions(&scene)[1];
    scene.focus.end_session(scene.now, &mut scene.room, second, EndReason::Removed);
    let outputs = scene.outputs();
    sent(&outputs, &Method::Bye);
    assert_eq!(outputs.iter().filter(|output| matches!(output, Output::CloseSession { .. })).count(), 2);
    assert!(scene.room.is_empty());
}

#[test]
fn there_are_at_most_so_many_lines_and_no_two_alike() {
    let line =
        |n: usize| format!("m=message 7 TCP/MSRP *\r\na=path:msrp://192.0.2.9:7/x{n};tcp\r\na=accept-types:*\r\n");
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let many = format!("{OFFER}{}", (0..9).map(|n| line(n / 2)).collect::<String>());
    let (response, _) = scene.request(&peer.invite(Some(&many)), peer.flow);
    let open: Vec<usize> = (0..).zip(media(&response)).filter(|(_, m)| !m.contains(" 0 ")).map(|(n, _)| n).collect();
    assert_eq!(open, [0, 1, 3, 5]);
    assert_eq!(scene.focus.places(), 1);
}

/// SIP-41: our offer in a 2xx has all lines, and its answer may give one up.
#[test]
fn an_answer_may_give_up_one_line_of_several() {
    let mut scene = Scene::new();
    let mut peer = joined(&mut scene);
    let [first, _] = sessions(&scene)[..] else { panic!("two sessions") };
    let (offered, _) = scene.request(&peer.next("INVITE", None), peer.flow);
    assert_eq!(media(&offered), ["m=message 2855 TCP/MSRP *"; 2]);
    let outputs = scene.ack(&peer.ack(Some(&two_lines("0").replace("actpass", "active"))));
    assert_eq!(closed(&outputs), Some(EndReason::MediaRemoved));
    assert_eq!(sessions(&scene), [first]);
}
