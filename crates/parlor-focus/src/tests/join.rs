//! Joining: INVITE, its answers, ACK.

use super::*;
use parlor_room::Direction;

#[test]
fn a_join_opens_the_session_before_it_is_answered_in_full() {
    // CHAT-10, 12, 14, 22; SIP-29, 40, 70; MSRP-96
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    peer.extra += "Record-Route: <sip:192.0.2.9;lr>\r\n";
    let tx = scene.tx();
    scene.focus.handle_request(
        scene.now,
        &mut scene.room,
        tx,
        &peer.invite(Some(OFFER)),
        peer.flow,
        &Caller::UNVERIFIED,
    );
    let outputs = scene.outputs();
    let [Output::OpenSession { session, spec }, Output::Respond { response, .. }] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(*session, scene.session());
    assert_eq!(spec.peer.to_string(), "msrp://192.0.2.9:35631/eeb820f9763af2ba158d;tcp");
    assert!(!spec.local.is_secure());
    assert_eq!(response.code, 200);
    assert!(text(response).contains(&format!("a=path:{}\r\n", spec.local)));
    let methods = ALLOW.replace(' ', "");
    let contact = "<sip:lobby@192.0.2.1:5062;transport=tcp>;isfocus;automata;+sip.message";
    assert_eq!(value(response, "Contact"), Some(&*format!("{contact};methods=\"{methods}\"")));
    assert_eq!(value(response, "Allow"), Some(ALLOW));
    assert_eq!(value(response, "Supported"), Some(SUPPORTED));
    assert_eq!(value(response, "Record-Route"), Some("<sip:192.0.2.9;lr>"));
    assert_eq!(value(response, "Content-Type"), Some("application/sdp"));
    assert_eq!(value(response, "Server"), Some("Parlor"));
    let tag = response.headers.to_tag().unwrap().unwrap();
    assert_eq!(crate::tag_prefix(&tag), Some("r1"), "SIP-E3: {tag}");
    let (_, participant) = scene.room.participants().next().unwrap();
    assert_eq!(participant.identity().aor.to_string(), "sip:alice@example.org");
    assert_eq!(participant.identity().display.as_deref(), Some("alice"));
}

#[test]
fn session_ids_are_long_alphanumeric_and_never_the_same() {
    // MSRP-82
    let mut scene = Scene::new();
    let mut seen = std::collections::BTreeSet::new();
    for name in ["a", "b", "c", "d"] {
        let mut peer = Peer::new(name);
        let (_, outputs) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
        let Output::OpenSession { spec, .. } = &outputs[0] else { panic!("{outputs:?}") };
        let id = spec.local.session_id().unwrap().to_owned();
        assert!(id.len() >= 14 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(seen.insert(id));
    }
}

#[test]
fn contact_names_the_transport_that_was_used() {
    // CHAT-12, SIP-70
    let mut scene = Scene::new();
    let mut over_udp = Peer::new("u");
    over_udp.flow = udp("192.0.2.9:5070");
    let (response, _) = scene.request(&over_udp.invite(Some(OFFER)), over_udp.flow);
    assert!(value(&response, "Contact").unwrap().starts_with("<sip:lobby@192.0.2.1:5060>;isfocus;"));
    let mut over_tls = Peer::new("t");
    over_tls.flow = Flow { transport: Transport::Tls, ..tcp() };
    let (response, _) = scene.request(&over_tls.invite(Some(OFFER)), over_tls.flow);
    assert!(value(&response, "Contact").unwrap().starts_with("<sip:lobby@192.0.2.1:5061;transport=tls>;isfocus;"));
    let mut sips = Peer::new("s");
    sips.flow = over_tls.flow;
    sips.uri = "sips:lobby@chat.example.com".into();
    let (response, _) = scene.request(&sips.invite(Some(OFFER)), sips.flow);
    assert!(value(&response, "Contact").unwrap().starts_with("<sips:lobby@192.0.2.1:5061>;isfocus;"));
}

/// SIP-3: the 2xx comes again after T1, 2*T1 … T2, also over TCP, and without ACK the dialog ends.
#[test]
fn a_2xx_is_sent_again_until_64_t1() {
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (first, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    let begin = scene.now;
    let mut times = Vec::new();
    loop {
        scene.now = scene.focus.poll_timeout().unwrap();
        scene.focus.handle_timeout(scene.now, &mut scene.room);
        let outputs = scene.outputs();
        if let [Output::Respond { response, .. }] = &outputs[..] {
            assert_eq!(*response, first);
            times.push((scene.now - begin).as_millis());
            continue;
        }
        assert_eq!(closed(&outputs), Some(EndReason::NoAck));
        sent(&outputs, &Method::Bye);
        break;
    }
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!((scene.now - begin).as_secs(), 32);
    assert!(scene.room.is_empty());
}

#[test]
fn an_ack_ends_the_retransmission_whatever_its_request_uri() {
    // SIP-3, SIP-E3
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    peer.learn(&response);
    peer.uri = "sip:somebody@elsewhere.example".into();
    let mut wrong = peer.ack(None);
    wrong.headers.set(HeaderName::CSeq, "9 ACK");
    scene.ack(&wrong);
    assert!(!scene.pass(SECOND).is_empty(), "the CSeq counts");
    scene.ack(&peer.ack(None));
    assert!(scene.pass(20 * SECOND).is_empty());
}

#[test]
fn an_unbound_session_ends_30_seconds_after_the_ack() {
    // MSRP-98b
    let mut scene = Scene::new();
    scene.joined("alice");
    assert!(scene.pass(Duration::from_millis(29_999)).is_empty());
    let outputs = scene.pass(SECOND);
    assert_eq!(closed(&outputs), Some(EndReason::BindTimeout));
    let (id, bye) = sent(&outputs, &Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:alice@192.0.2.9:5070;transport=tcp");
    assert!(!scene.focus.is_idle());
    assert!(scene.answer(id, &reply(&bye, 200, &[], "")).is_empty());
    assert!(scene.focus.is_idle() && scene.focus.poll_timeout().is_none());
}

#[test]
fn a_session_bound_before_or_after_the_ack_stays() {
    // MSRP-96, 98b
    for before in [true, false] {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
        peer.learn(&response);
        if before {
            scene.bound(scene.session());
        }
        scene.ack(&peer.ack(None));
        if !before {
            scene.bound(scene.session());
        }
        assert!(scene.pass(100 * SECOND).is_empty());
    }
}

#[test]
fn we_connect_to_a_passive_peer_after_the_ack_and_only_to_where_it_called_from() {
    // MSRP-152, 157; SIP-41; RFC 4975 §14.5
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let passive = OFFER.replace("actpass", "passive");
    let (response, outputs) = scene.request(&peer.invite(Some(&passive)), peer.flow);
    assert!(matches!(&outputs[..], [Output::OpenSession { spec, .. }] if spec.peer.first().port() == Some(35631)));
    assert!(text(&response).contains("a=setup:active\r\n"));
    peer.learn(&response);
    let outputs = scene.ack(&peer.ack(None));
    let [Output::Connect { allowed, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(*allowed, Some(peer.flow.remote.ip()));
    assert!(scene.ack(&peer.ack(None)).is_empty(), "a repeated ACK does nothing");
}

#[test]
fn an_invite_without_sdp_is_answered_with_an_offer() {
    // SIP-41, MSRP-151, 152
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (response, outputs) = scene.request(&peer.invite(None), peer.flow);
    let session = scene.session();
    let [Output::OfferSession { session: offered, local }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(*offered, session);
    assert!(text(&response).contains(&format!("a=path:{local}\r\n")), "MSRP-96");
    assert!(text(&response).contains("a=setup:actpass\r\n"));
    let silent = scene.room.session(session).unwrap().capabilities().direction;
    assert_eq!(silent, Direction::Inactive, "nothing is sent to whom we do not know yet");
    peer.learn(&response);
    let outputs = scene.ack(&peer.ack(Some(&OFFER.replace("actpass", "active"))));
    assert!(matches!(&outputs[..], [Output::OpenSession { session: s, .. }] if *s == session));
    let known = scene.room.session(session).unwrap().capabilities();
    assert!(known.direction == Direction::SendRecv && known.wrapped_types.accepts("text/plain"));
    assert_eq!(closed(&scene.pass(31 * SECOND)), Some(EndReason::BindTimeout));
}

#[test]
fn after_our_offer_we_connect_to_a_passive_answerer() {
    // SIP-41, MSRP-152
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let (response, _) = scene.request(&peer.invite(None), peer.flow);
    peer.learn(&response);
    let outputs = scene.ack(&peer.ack(Some(&OFFER.replace("a=setup:actpass\r\n", ""))));
    assert!(connects(&outputs));
}

#[test]
fn a_bad_answer_in_the_ack_ends_the_dialog() {
    // SIP-41, 68
    let bad = [None, Some("junk"), Some("v=0\r\n")];
    let refused = OFFER.replace("message 35631", "message 0");
    for answer in bad.into_iter().chain([Some(&*refused)]) {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        let (response, _) = scene.request(&peer.invite(None), peer.flow);
        peer.learn(&response);
        let outputs = scene.ack(&peer.ack(answer));
        assert_eq!(closed(&outputs), Some(EndReason::BadAnswer));
        sent(&outputs, &Method::Bye);
        assert!(scene.room.is_empty());
    }
}

/// spec/sip-focus.md §4, SIP-22, 26, 27, 61, 100; CHAT-11, 13.
#[test]
fn refusals_have_their_codes_and_leave_nothing_behind() {
    let none = OFFER.replace("message/cpim ", "");
    let audio = OFFER.replace("m=message", "m=audio");
    let tls = OFFER.replace("TCP/MSRP", "TCP/TLS/MSRP").replace("msrp:", "msrps:");
    let cases: [(&str, &str, u16, &str, &str); 12] = [
        ("", &none, 488, "Warning", "305 chat.example.com \"message/cpim is required\""),
        ("", &audio, 488, "Warning", "304 chat.example.com \"No message media: this room is joined with MSRP\""),
        ("", &tls, 488, "Warning", "305 chat.example.com \"TLS is not available\""),
        ("", "junk", 400, "Server", "Parlor"),
        ("Require: gruu, timer, foo\r\n", OFFER, 420, "Unsupported", "gruu, foo"),
        ("Content-Type: text/plain\r\n", OFFER, 415, "Accept", "application/sdp, multipart/mixed"),
        ("Content-Type: multipart/mixed;boundary=x\r\n", OFFER, 415, "Accept", "application/sdp, multipart/mixed"),
        ("Content-Encoding: gzip\r\n", OFFER, 415, "Accept-Encoding", "identity"),
        ("Session-Expires: 60\r\nSupported: timer\r\n", OFFER, 422, "Min-SE", "90"),
        ("Session-Expires: soon\r\n", OFFER, 400, "Server", "Parlor"),
        ("Contact: <sip:x@y>\r\n", OFFER, 400, "Server", "Parlor"),
        ("Require: 100rel\r\n", OFFER, 200, "Supported", SUPPORTED),
    ];
    for (extra, body, code, name, expected) in cases {
        let mut scene = Scene::with(|_| {}, |settings| settings.msrp.tls = None);
        let mut peer = Peer::new("alice");
        peer.extra = extra.into();
        let (response, outputs) = scene.request(&peer.invite(Some(body)), peer.flow);
        assert_eq!(response.code, code, "{extra}{body}");
        assert_eq!(value(&response, name), Some(expected));
        if code != 200 {
            assert!(outputs.is_empty() && scene.room.is_empty() && scene.focus.is_idle());
        }
    }
}

#[test]
fn a_body_that_may_be_ignored_is() {
    // SIP-27
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    peer.extra = "Content-Type: text/plain\r\nContent-Disposition: x;handling=optional\r\n".into();
    let (response, _) = scene.request(&peer.invite(Some("hello")), peer.flow);
    assert_eq!(response.code, 200);
    assert!(text(&response).contains("a=setup:actpass"));
}

#[test]
fn a_full_or_closed_room_says_so() {
    // CHAT-11; SIP-48
    let mut scene = Scene::with(|rules| rules.max_participants = 1, |_| {});
    scene.joined("alice");
    let mut bob = Peer::new("bob");
    assert_eq!(scene.request(&bob.invite(Some(OFFER)), bob.flow).0.code, 486);
    assert_eq!(scene.request(&bob.invite(None), bob.flow).0.code, 486);
    assert_eq!(scene.request(&bob.next("OPTIONS", None), bob.flow).0.code, 486);
    scene.room.close();
    let (response, _) = scene.request(&bob.invite(Some(OFFER)), bob.flow);
    assert_eq!((response.code, value(&response, "Retry-After")), (503, Some("30")));
}

#[test]
fn a_room_that_wants_tls_refuses_less() {
    // CHAT-6, 23
    let mut scene = Scene::with(|rules| rules.require_tls = true, |_| {});
    let mut peer = Peer::new("alice");
    let (response, _) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    assert_eq!(response.code, 488);
    let tls = OFFER.replace("TCP/MSRP", "TCP/TLS/MSRP").replace("msrp:", "msrps:");
    let (_, outputs) = scene.request(&peer.invite(Some(&tls)), peer.flow);
    assert!(matches!(&outputs[..], [Output::OpenSession { spec, .. }] if spec.local.is_secure()));
}

#[test]
fn anonymous_callers_are_told_apart() {
    // SIP-112, CHAT-101
    let mut scene = Scene::new();
    let mut first = Peer::new("anonymous");
    let mut invite = first.invite(Some(OFFER));
    invite.headers.set(HeaderName::From, "<sip:anonymous@anonymous.invalid>;tag=1");
    assert_eq!(scene.request(&invite, first.flow).0.code, 200);
    let mut invite = first.invite(Some(OFFER));
    invite.headers.set(HeaderName::From, "\"A\" <sip:anonymous@Anonymous.INVALID:5060>;tag=2");
    assert_eq!(scene.request(&invite, first.flow).0.code, 200);
    let mut invite = first.invite(Some(OFFER));
    invite.headers.set(HeaderName::From, "Alice <sip:alice@example.org>;tag=3");
    invite.headers.set(HeaderName::Privacy, "id");
    assert_eq!(scene.request(&invite, first.flow).0.code, 200);
    let entities = scene.room.participants().map(|(_, known)| known.identity().aor.to_string());
    let wanted = (1..=3).map(|n| format!("sip:anonymous{n}@anonymous.invalid"));
    assert_eq!(entities.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
}

#[test]
fn display_names_are_cut_and_addresses_stripped() {
    // SIP-110, CHAT-22
    let mut scene = Scene::new();
    let mut peer = Peer::new("alice");
    let mut invite = peer.invite(Some(OFFER));
    let long = "é".repeat(300);
    invite.headers.set(HeaderName::From, format!("\"{long}\" <sip:alice:pw@example.org:5080;transport=tcp>;tag=1"));
    scene.request(&invite, peer.flow);
    let (_, participant) = scene.room.participants().next().unwrap();
    assert_eq!(participant.identity().aor.to_string(), "sip:alice@example.org");
    assert_eq!(participant.identity().display.as_ref().unwrap().len(), 256);
}

#[test]
fn dialogs_are_bounded_in_number_and_size() {
    let mut scene = Scene::with(|_| {}, |settings| settings.limits.dialogs = 1);
    scene.joined("alice");
    let mut bob = Peer::new("bob");
    let (response, _) = scene.request(&bob.invite(Some(OFFER)), bob.flow);
    assert_eq!((response.code, value(&response, "Retry-After")), (503, Some("10")));

    let mut scene = Scene::new();
    bob.extra = format!("Record-Route: <sip:{}@p;lr>\r\n", "x".repeat(5000));
    assert_eq!(scene.request(&bob.invite(Some(OFFER)), bob.flow).0.code, 513);
}

#[test]
fn the_types_of_like_clients_are_kept_once() {
    let mut scene = Scene::new();
    for name in ["a", "b"] {
        scene.joined(name);
    }
    let lists: Vec<_> =
        scene.room.sessions().map(|(_, s)| s.capabilities().wrapped_types.iter().next().unwrap().as_ptr()).collect();
    assert_eq!(lists[0], lists[1]);
}
