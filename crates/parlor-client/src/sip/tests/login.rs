//! We are asked who we are.

use super::*;

fn credentials(request: &Request) -> Option<&str> {
    request.headers.first(&HeaderName::Authorization)
}

const CHALLENGE: &str = "Digest realm=\"here\", nonce=\"first\", algorithm=SHA-256, qop=\"auth\"";

/// RFC 3261 §22.2: a challenged INVITE is sent again, as the next of the same call, with an answer; so are its ACK, and
/// what follows in the dialog unasked.
#[test]
fn a_challenge_is_answered() {
    let mut scene = Scene::inviting(Transport::Tcp);
    let first = scene.invite.clone();
    assert_eq!(credentials(&first), None);
    scene.answer(&first, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    assert_eq!(scene.request().method, Method::Ack);
    scene.invite = scene.request();
    let answer = credentials(&scene.invite).expect("an answer").to_owned();
    assert!(
        answer.contains("username=\"alice\"") && answer.contains("nonce=\"first\"") && answer.contains("nc=00000001")
    );
    for name in [HeaderName::CallId, HeaderName::From, HeaderName::To] {
        assert_eq!(scene.invite.headers.first(&name), first.headers.first(&name));
    }
    assert_eq!(scene.invite.headers.cseq().unwrap().seq, 2);
    assert_eq!(scene.invite.body, first.body);
    scene.accept("room", &[]);
    let ack = scene.request();
    assert_eq!((ack.method.clone(), credentials(&ack)), (Method::Ack, Some(answer.as_str())));
    assert_eq!(ack.headers.cseq().unwrap().seq, 2);
    assert!(matches!(scene.agent.poll_output(), Some(Output::Admitted { .. })));
    scene.agent.leave(scene.now);
    let bye = scene.request();
    assert!(credentials(&bye).unwrap().contains("nc=00000002"), "{bye:?}");
}

/// A proxy and the room may ask both, a nonce may be too old, but a wrong password is not tried twice, and nobody can keep
/// us trying.
#[test]
fn challenges_end() {
    let mut scene = Scene::inviting(Transport::Tcp);
    let asked = |scene: &mut Scene, code, name, value: &str| {
        let invite = scene.invite.clone();
        scene.answer(&invite, code, &[(name, value)]);
        assert_eq!(scene.request().method, Method::Ack);
        match scene.agent.poll_output() {
            None => {
                scene.invite = scene.request();
                None
            }
            Some(Output::Rejected(rejection)) => Some(rejection.code),
            Some(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(asked(&mut scene, 407, HeaderName::ProxyAuthenticate, "Digest realm=\"proxy\", nonce=\"1\""), None);
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, CHALLENGE), None);
    assert!(scene.invite.headers.has(&HeaderName::ProxyAuthorization) && credentials(&scene.invite).is_some());
    let stale = CHALLENGE.replace("first", "second") + ", stale=true";
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, &stale), None);
    assert!(credentials(&scene.invite).unwrap().contains("second"));
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, &stale), None);
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, &stale), Some(401), "for ever stale");

    let mut scene = Scene::inviting(Transport::Tcp);
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, CHALLENGE), None);
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, CHALLENGE), Some(401), "a wrong password");
    let mut scene = Scene::inviting(Transport::Tcp);
    assert_eq!(asked(&mut scene, 401, HeaderName::WwwAuthenticate, "Basic realm=\"here\""), Some(401));
}

/// A refresh that is challenged is sent once more, and then is a failed refresh like any other.
#[test]
fn a_challenged_refresh_is_answered_once() {
    let mut scene = Scene::joined(&[(HeaderName::SessionExpires, "90;refresher=uac")]);
    let (_, refresh) = scene.wait_for_request();
    scene.answer(&refresh, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    if refresh.method == Method::Invite {
        assert_eq!(scene.request().method, Method::Ack);
    }
    let again = scene.request();
    assert_eq!(again.method, refresh.method);
    assert!(credentials(&again).is_some());
    scene.answer(&again, 401, &[(HeaderName::WwwAuthenticate, &CHALLENGE.replace("first", "second"))]);
    if refresh.method == Method::Invite {
        assert_eq!(scene.request().method, Method::Ack);
    }
    let (waited, later) = scene.wait_for_request();
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    scene.answer(&later, 401, &[(HeaderName::WwwAuthenticate, &CHALLENGE.replace("first", "third"))]);
    if refresh.method == Method::Invite {
        assert_eq!(scene.request().method, Method::Ack);
    }
    assert!(credentials(&scene.request()).unwrap().contains("third"));
}

/// SUBSCRIBE and REFER are answered for too, whether they were sent with an old answer or with none.
#[test]
fn what_begins_a_dialog_of_its_own_is_answered_for() {
    let mut scene = Scene::inviting_as(Transport::Tcp, Profile { follow_roster: true, ..profile() });
    scene.accept("room", &[]);
    assert_eq!(scene.request().method, Method::Ack);
    let subscribe = scene.request();
    assert_eq!((subscribe.method.clone(), credentials(&subscribe)), (Method::Subscribe, None));
    scene.answer(&subscribe, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    let subscribe = scene.request();
    assert!(credentials(&subscribe).unwrap().contains("nc=00000001"));
    assert_eq!(subscribe.headers.cseq().unwrap().seq, 2);
    scene.answer(&subscribe, 200, &[(HeaderName::Contact, "<sip:lobby@127.0.0.1:5060>"), (HeaderName::Expires, "600")]);
    let (_, refresh) = scene.wait_for_request();
    assert!(credentials(&refresh).unwrap().contains("nc=00000002"), "unasked");
    assert_eq!(refresh.headers.cseq().unwrap().seq, 3);
    scene.answer(&refresh, 401, &[(HeaderName::WwwAuthenticate, &CHALLENGE.replace("first", "second"))]);
    let again = scene.request();
    assert_eq!((again.headers.cseq().unwrap().seq, again.headers.expires()), (4, refresh.headers.expires()));
    assert!(credentials(&again).unwrap().contains("second"));
    scene.answer(&again, 401, &[(HeaderName::WwwAuthenticate, &CHALLENGE.replace("first", "third"))]);
    assert!(sent(&mut scene.agent).is_none(), "once is enough");

    let (done, _told) = tokio::sync::oneshot::channel();
    scene.agent.refer(scene.now, crate::sip::Refer { target: "sip:bob@example.com".parse().unwrap(), done });
    let refer = scene.request();
    assert!(credentials(&refer).unwrap().contains("second"));
    scene.answer(&refer, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    let again = scene.request();
    assert_eq!((again.headers.cseq().unwrap().seq, again.headers.call_id()), (2, refer.headers.call_id()));
    assert!(credentials(&again).unwrap().contains("first"));
}
