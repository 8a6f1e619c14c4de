//! Who a participant is, and whose a dialog is.

use super::*;

fn account(aor: &str) -> Caller {
    let aliases = ["tel:+15551234".parse().unwrap(), "im:alice@example.org".parse().unwrap()];
    Caller::verified(Account { aor: aor.parse().unwrap(), aliases: Box::new(aliases) })
}

#[test]
fn a_participant_is_the_account_that_was_verified() {
    // SIP-110, CHAT-22: its address and all its aliases, whatever From says.
    let mut scene = Scene::new();
    scene.caller = account("sip:alice@chat.example.com");
    scene.joined("alice");
    let (_, participant) = scene.room.participants().next().unwrap();
    let identity = participant.identity();
    assert_eq!(identity.aor.to_string(), "sip:alice@chat.example.com");
    assert_eq!(identity.display.as_deref(), Some("alice"));
    for own in ["im:alice@example.org", "tel:+15551234"] {
        assert!(identity.owns(&own.parse().unwrap()), "{own}");
    }
    assert!(!identity.owns(&"sip:alice@example.org".parse().unwrap()));
}

#[test]
fn a_dialog_is_of_the_account_that_began_it() {
    // SIP-125: another account gets 403, also with the right tags, and changes nothing.
    let mut scene = Scene::new();
    scene.caller = account("sip:alice@chat.example.com");
    let mut peer = scene.joined("alice");
    scene.caller = account("sip:bob@chat.example.com");
    let (refused, outputs) = scene.request(&peer.invite(Some(OFFER)), peer.flow);
    assert_eq!(refused.code, 403);
    assert!(outputs.is_empty());
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 403);
    assert_eq!(scene.room.participants().len(), 1);
    scene.caller = account("sip:alice@chat.example.com");
    assert_eq!(scene.request(&peer.invite(Some(OFFER)), peer.flow).0.code, 200);
    scene.caller = Caller::UNVERIFIED;
    assert_eq!(scene.request(&peer.invite(Some(OFFER)), peer.flow).0.code, 403, "who proves nothing is another");
    scene.caller.through_trusted = true;
    let reinvite = scene.request(&peer.invite(Some(OFFER)), peer.flow).0;
    assert_ne!(reinvite.code, 403, "a trusted proxy need not say it again");
    scene.caller.through_trusted = false;
    let elsewhere = Flow { remote: "203.0.113.66:40001".parse().unwrap(), ..peer.flow };
    for method in ["UPDATE", "BYE"] {
        let (refused, _) = scene.request(&peer.next(method, None), elsewhere);
        assert_eq!(refused.code, 403, "{method}: its tags may have been seen by others");
    }
    assert_eq!(scene.request(&peer.next("BYE", None), peer.flow).0.code, 200, "BYE is not challenged");
}

#[test]
fn privacy_that_is_insisted_on_is_given_or_refused() {
    // SIP-112 (RFC 3323 §5)
    for (values, code) in [
        ("id;critical", 200),
        ("header;session;user;critical", 200),
        ("none", 200),
        ("location", 200),
        ("location;critical", 500),
        ("Critical, location", 500),
    ] {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        peer.extra += &format!("Privacy: {values}\r\n");
        assert_eq!(scene.request(&peer.invite(Some(OFFER)), peer.flow).0.code, code, "{values}");
    }
}

#[test]
fn nothing_is_shown_of_who_or_where_somebody_is_that_hides_it() {
    // SIP-112, CHAT-104, EVT-56
    for (values, open, place) in [
        ("none", true, true),
        ("header", true, false),
        ("session", true, false),
        ("id", false, false),
        ("user;session", false, false),
    ] {
        let mut scene = Scene::new();
        let mut peer = Peer::new("alice");
        peer.extra += &format!("Privacy: {values}\r\n");
        scene.request(&peer.invite(Some(OFFER)), peer.flow);
        let (_, participant) = scene.room.participants().next().unwrap();
        let session = scene.room.session(participant.sessions()[0]).unwrap();
        let shown = format!("{} {:?}", participant.identity().aor, participant.identity().display);
        assert_eq!(shown.contains("alice"), open, "{values}: {shown}");
        let entity = &session.endpoint().entity;
        assert_eq!(entity.contains("192.0.2.9"), place, "{values}: {entity}");
        assert_eq!(entity.contains("alice"), open, "{values}: {entity}");
    }
}
