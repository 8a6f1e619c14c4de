//! Inviting and removing by REFER.

use tokio::sync::oneshot;

use super::*;
use crate::error::ReferError;
use crate::sip::Refer;

type Told = oneshot::Receiver<Result<(), ReferError>>;

impl Scene {
    fn refer(&mut self, target: &str) -> (Request, Told) {
        let (done, told) = oneshot::channel();
        assert!(self.agent.can_refer());
        self.agent.refer(self.now, Refer { target: target.parse().unwrap(), done });
        (self.request(), told)
    }

    fn progress(&mut self, refer: &Request, state: &str, body: &str) -> u16 {
        let fields =
            format!("Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n");
        self.tell_in(refer, "NOTIFY", &fields, body);
        self.response().code
    }
}

const ACCEPTED: [(HeaderName, &str); 1] = [(HeaderName::Contact, "<sip:lobby@127.0.0.1:5060>")];

/// SIP-79, SIP-80: a REFER to the room in a dialog of its own; what came of it is the final status line.
#[test]
fn outcome_is_told() {
    for (fragment, expected) in [
        ("SIP/2.0 200 OK\r\n", Ok(())),
        ("SIP/2.0 486 Busy Here\r\n", Err(ReferError::Failed { code: 486, reason: "Busy Here".to_owned() })),
        ("SIP/2.0 180 Ringing\r\n", Err(ReferError::Unanswered)),
        ("", Err(ReferError::Unanswered)),
    ] {
        for notified_first in [false, true] {
            let mut scene = Scene::joined(&[]);
            let (refer, mut told) = scene.refer("sip:carol@example.com;method=BYE");
            let headers = &refer.headers;
            assert_eq!((&refer.method, refer.uri.to_string()), (&Method::Refer, "sip:lobby@127.0.0.1".to_owned()));
            assert_eq!(headers.all(&HeaderName::ReferTo).collect::<Vec<_>>(), ["<sip:carol@example.com;method=BYE>"]);
            assert_eq!(headers.all(&HeaderName::ReferredBy).collect::<Vec<_>>(), ["<sip:alice@127.0.0.1>"]);
            assert!(headers.contact().is_ok() && headers.to_tag() == Ok(None));
            assert_ne!(headers.call_id(), scene.invite.headers.call_id());
            if !notified_first {
                scene.answer(&refer, 202, &ACCEPTED);
            }
            assert_eq!(scene.progress(&refer, "active;expires=60", "SIP/2.0 100 Trying\r\n"), 200);
            if notified_first {
                scene.answer(&refer, 202, &ACCEPTED);
            }
            assert!(told.try_recv().is_err());
            assert_eq!(scene.progress(&refer, "terminated;reason=noresource", fragment), 200);
            assert_eq!(told.try_recv(), Ok(expected.clone()), "{fragment}");
            assert_eq!(scene.progress(&refer, "terminated;reason=noresource", fragment), 481);
        }
    }
}

/// RFC 3515 §2.4.2: a refusal is told with its reasons; RFC 4488 §4: a room may take it and tell no more.
#[test]
fn room_answers_at_once() {
    let mut scene = Scene::joined(&[]);
    let (refer, mut told) = scene.refer("sip:carol@example.com");
    scene.answer(&refer, 403, &[(HeaderName::Warning, "399 here \"moderators only\"")]);
    let Ok(Err(ReferError::Refused(why))) = told.try_recv() else { panic!("not refused") };
    assert_eq!(why.to_string(), "403 Forbidden (moderators only)");
    let (refer, mut told) = scene.refer("sip:carol@example.com");
    scene.answer(&refer, 200, &[(HeaderName::ReferSub, "false")]);
    assert_eq!(told.try_recv(), Ok(Ok(())));
}

/// Nobody waits for ever: neither for the response nor for what comes of it.
#[test]
fn room_is_silent() {
    for accepted in [false, true] {
        let mut scene = Scene::joined(&[]);
        let (refer, mut told) = scene.refer("sip:carol@example.com");
        if accepted {
            scene.answer(&refer, 202, &ACCEPTED);
        }
        let start = scene.now;
        while told.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            scene.wait();
        }
        let waited = (scene.now - start).as_secs();
        assert_eq!(waited, if accepted { 240 } else { 32 });
    }
    let mut scene = Scene::joined(&[]);
    let waiting: Vec<Told> = std::iter::repeat_with(|| {
        let (refer, told) = scene.refer("sip:carol@example.com");
        scene.answer(&refer, 202, &ACCEPTED);
        told
    })
    .take(16)
    .collect();
    assert!(!scene.agent.can_refer());
    scene.agent.leave(scene.now);
    for mut told in waiting {
        assert_eq!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
