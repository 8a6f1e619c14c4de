//! Registering.

use parlor_sip::Method;

use super::*;
use crate::account::RegisterError;

const GRANTED: &str = "<sip:alice@10.0.0.1>;expires=9, <sip:alice@127.0.0.1:40000;transport=tcp>;\
                       +sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=600";

fn credentials(request: &Request) -> Option<&str> {
    request.headers.first(&HeaderName::Authorization)
}

impl Scene {
    /// We are asked who we are, and then registered.
    fn registered() -> Self {
        let mut scene = Self::new(Transport::Tcp);
        scene.agent.register(scene.now);
        let first = scene.request();
        scene.answer(&first, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
        let second = scene.request();
        scene.answer(&second, 200, &[(HeaderName::Contact, GRANTED), (HeaderName::Require, "outbound")]);
        assert_eq!(scene.agent.poll_registered(), Some(Ok(())));
        scene
    }

    fn news(&mut self) -> Option<Result<(), RegisterError>> {
        self.agent.poll_registered()
    }
}

/// SIP-130, RFC 3261 §10.2, RFC 5626 §4.2: the domain is asked, with one Call-ID and rising CSeq, for one binding that is known
/// by its instance and reached over its stream; it is refreshed before the time that the server grants is over, and removed
/// at the end.
#[test]
fn a_binding_is_kept_and_removed() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.agent.register(scene.now);
    let first = scene.request();
    assert_eq!((&first.method, first.uri.to_string()), (&Method::Register, "sip:example.com".to_owned()));
    assert_eq!(first.headers.to().unwrap().uri, uri("alice"));
    let contact = first.headers.contact().unwrap();
    assert_eq!(contact.params.unquoted("+sip.instance").as_deref(), Some("<urn:uuid:1>"));
    assert_eq!((contact.params.value("reg-id"), contact.expires()), (Some("1"), Some(3600)));
    assert!(first.headers.supports("outbound") && first.headers.supports("path"));
    scene.answer(&first, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    let second = scene.request();
    assert!(credentials(&second).unwrap().contains("nc=00000001"));
    assert_eq!(second.headers.cseq().unwrap().seq, 2);
    assert!(!scene.agent.is_outbound());
    scene.answer(&second, 200, &[(HeaderName::Contact, GRANTED), (HeaderName::Require, "outbound")]);
    assert_eq!((scene.news(), scene.news()), (Some(Ok(())), None));
    assert!(scene.agent.is_outbound());
    let (waited, third) = scene.wait_for_request();
    assert_eq!((waited, third.headers.cseq().unwrap().seq), (Duration::from_secs(540), 3));
    assert_eq!(third.headers.call_id(), first.headers.call_id());
    assert!(third.headers.call_id().unwrap().starts_with("7-"), "for our line");
    assert!(credentials(&third).unwrap().contains("nc=00000002"), "unasked");
    scene.answer(&third, 200, &[(HeaderName::Expires, "1800")]);
    assert_eq!(scene.news(), None, "nothing new");
    scene.agent.leave(scene.now);
    let last = scene.request();
    assert_eq!((last.headers.contact().unwrap().expires(), last.headers.cseq().unwrap().seq), (Some(0), 4));
    assert!(!scene.agent.is_over());
    scene.answer(&last, 401, &[(HeaderName::WwwAuthenticate, &CHALLENGE.replace("first", "second"))]);
    let last = scene.request();
    assert_eq!(last.headers.contact().unwrap().expires(), Some(0));
    scene.answer(&last, 200, &[]);
    assert!(scene.agent.is_over() && scene.agent.poll_registered().is_none());
}

/// RFC 3261 §10.2.8: who wants it longer gets it, once.
#[test]
fn too_brief() {
    let mut scene = Scene::new(Transport::Udp);
    scene.agent.register(scene.now);
    let first = scene.request();
    assert!(!first.headers.contact().unwrap().params.has("reg-id"), "RFC 5626: a stream is needed");
    scene.answer(&first, 423, &[(HeaderName::MinExpires, "7200")]);
    let second = scene.request();
    assert_eq!((second.headers.contact().unwrap().expires(), second.headers.cseq().unwrap().seq), (Some(7200), 2));
    scene.answer(&second, 423, &[(HeaderName::MinExpires, "9000")]);
    assert!(matches!(scene.news(), Some(Err(RegisterError::Rejected(why))) if why.code == 423));
    assert!(scene.silent());
}

/// A password is not tried twice; a server that does not register us is not asked again; one that cannot now is, when it says.
#[test]
fn refusals() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.agent.register(scene.now);
    for code in [401, 401] {
        let request = scene.request();
        scene.answer(&request, code, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    }
    assert_eq!(scene.news(), Some(Err(RegisterError::WrongLogin)));
    assert!(scene.silent());
    for (code, again) in [(403, None), (405, None), (404, None), (503, Some(20)), (480, Some(20))] {
        let mut scene = Scene::new(Transport::Tcp);
        scene.agent.register(scene.now);
        let request = scene.request();
        scene.answer(&request, code, &[(HeaderName::RetryAfter, "20")]);
        assert!(matches!(scene.news(), Some(Err(RegisterError::Rejected(why))) if why.code == code));
        match again {
            Some(seconds) => {
                let (waited, next) = scene.wait_for_request();
                assert_eq!(waited, Duration::from_secs(seconds));
                scene.answer(&next, 200, &[]);
                assert_eq!(scene.news(), Some(Ok(())));
            }
            None => {
                scene.pass(100_000);
                assert!(scene.silent(), "{code}");
            }
        }
    }
}

/// RFC 5626 §4.5: a server that does not answer is asked again, later each time, and at most half an hour later; it is told once.
#[test]
fn we_back_off() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.agent.register(scene.now);
    scene.request();
    let mut waits = Vec::new();
    for _ in 0..12 {
        let (waited, _) = scene.wait_for_request();
        waits.push(waited.as_secs() - 32);
    }
    for (at, waited) in waits.iter().enumerate() {
        let most = (10 << at).min(1800);
        assert!((most / 2..=most).contains(waited), "{waits:?}");
    }
    assert_eq!((scene.news(), scene.news()), (Some(Err(RegisterError::Unanswered)), None));
}

/// RFC 5626 §4.4: a lost stream is a lost binding: it is made anew over another one, at once if that is there for another reason.
#[test]
fn a_lost_stream_is_replaced() {
    for connected in [false, true] {
        let mut scene = Scene::registered();
        scene.agent.handle_connection_lost(scene.now);
        assert_eq!(scene.news(), Some(Err(RegisterError::Lost)));
        assert!(scene.silent());
        if connected {
            scene.agent.handle_connected(scene.now, flow(Transport::Tcp, 40_001));
        }
        let (waited, request) = scene.wait_for_request();
        assert_eq!(waited.is_zero(), connected);
        assert!(waited <= Duration::from_secs(10));
        let port = if connected { 40_001 } else { 40_000 };
        assert_eq!(request.headers.contact().unwrap().uri.port(), Some(port));
        scene.answer(&request, 200, &[]);
        assert_eq!(scene.news(), Some(Ok(())));
    }
    let mut scene = Scene::registered();
    scene.agent.handle_connection_lost(scene.now);
    scene.agent.leave(scene.now);
    assert!(scene.agent.is_over(), "the server knows");
}
