//! Who is writing, one to one (RFC 3994).

use parlor_events::iscomposing::{CONTENT_TYPE, IsComposing, State};

use super::*;

impl Scene {
    fn types(&mut self, to: &str) {
        self.agent.typed(self.now, &uri(to));
    }

    /// What we tell now, which is answered.
    fn told(&mut self, code: u16) -> State {
        let message = self.request();
        assert!(message.headers.content_type().unwrap().unwrap().is(CONTENT_TYPE), "{message:?}");
        assert_eq!(message.headers.expires(), Some(0), "nobody keeps it");
        self.answer(&message, code, &[]);
        IsComposing::read(&message.body, &parlor_events::Limits::default()).unwrap().state
    }

    fn hears(&mut self, state: &str) -> Option<bool> {
        let body = format!("<isComposing><state>{state}</state></isComposing>");
        assert_eq!(self.ask("MESSAGE", &format!("Content-Type: {CONTENT_TYPE}\r\n"), &body).code, 200);
        self.composing()
    }

    fn composing(&mut self) -> Option<bool> {
        match self.event()? {
            AccountEvent::Composing { from, author: None, active } => {
                assert_eq!(from.uri, "sip:bob@example.com");
                Some(active)
            }
            other => panic!("{other:?}"),
        }
    }
}

/// EVT-102: told once, again before it ceases to hold, idle after 15 s without a key, and nothing once the text is sent.
#[test]
fn we_tell_that_we_write() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.types("bob");
    assert_eq!(scene.told(200), State::Active);
    for _ in 0..8 {
        scene.types("bob");
        assert!(scene.silent());
        scene.pass(10);
    }
    assert_eq!(scene.told(200), State::Active);
    scene.pass(14);
    assert_eq!(scene.told(200), State::Idle);
    scene.types("bob");
    assert_eq!(scene.told(200), State::Active);
    let _outcome = scene.write("bob", "hello");
    let message = scene.request();
    scene.answer(&message, 200, &[]);
    scene.pass(1000);
    assert!(scene.silent());
}

/// MSG-17: it waits for what is pending, and only the last counts.
#[test]
fn it_waits_like_messages() {
    let mut scene = Scene::new(Transport::Tcp);
    let _outcome = scene.write("bob", "hello");
    let message = scene.request();
    scene.types("bob");
    scene.pass(15);
    scene.types("bob");
    assert!(scene.silent());
    scene.answer(&message, 200, &[]);
    assert_eq!(scene.told(200), State::Active);
    assert!(scene.silent());
}

/// EVT-106: who does not understand it is told no more; others are.
#[test]
fn a_415_stops_it() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.types("bob");
    assert_eq!(scene.told(415), State::Active);
    scene.pass(1000);
    scene.types("bob");
    assert!(scene.silent());
    scene.types("carol");
    assert_eq!(scene.told(200), State::Active);
    let _outcome = scene.write("bob", "hello");
    assert_eq!(scene.request().body, "hello");
}

/// EVT-103: told once, and over by idle, by the text, or after 120 s.
#[test]
fn we_hear_that_they_write() {
    let mut scene = Scene::new(Transport::Tcp);
    assert_eq!((scene.hears("active"), scene.hears("active"), scene.hears("idle")), (Some(true), None, Some(false)));
    assert_eq!((scene.hears("active"), scene.hears("waiting")), (Some(true), Some(false)), "EVT-101");
    scene.hears("active");
    scene.ask("MESSAGE", "Content-Type: text/plain\r\n", "hello");
    assert_eq!(scene.composing(), Some(false));
    assert!(matches!(scene.event(), Some(AccountEvent::Message(_))));
    scene.hears("active");
    scene.pass(119);
    assert_eq!(scene.composing(), None);
    scene.pass(1);
    assert_eq!(scene.composing(), Some(false));
}

/// Whom somebody claims to write for is told beside who they are: nobody begins or ends what another does.
#[test]
fn nobody_writes_as_another() {
    let mut scene = Scene::new(Transport::Tcp);
    let forged = |kind: &str, body: &str| {
        format!(
            "From: <sip:carol@example.com>\r\nTo: <sip:alice@example.com>\r\n\r\nContent-Type: {kind}\r\n\r\n{body}"
        )
    };
    let active = forged(CONTENT_TYPE, "<isComposing><state>active</state></isComposing>");
    scene.ask("MESSAGE", "Content-Type: message/cpim\r\n", &active);
    match scene.event() {
        Some(AccountEvent::Composing { from, author: Some(author), active: true }) => {
            assert_eq!((&*from.uri, &*author.uri), ("sip:bob@example.com", "sip:carol@example.com"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.hears("active"), Some(true), "for bob that is something else");
    scene.ask("MESSAGE", "Content-Type: message/cpim\r\n", &forged("text/plain", "hello"));
    assert!(matches!(scene.event(), Some(AccountEvent::Composing { author: Some(_), active: false, .. })));
    assert!(matches!(scene.event(), Some(AccountEvent::Message(_))));
    assert_eq!(scene.hears("idle"), Some(false), "not before");
}
