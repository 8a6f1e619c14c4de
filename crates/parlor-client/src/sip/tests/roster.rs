//! The subscription to the roster.

use super::*;
use crate::roster::Roster;

const ACTIVE: &str = "active;expires=3600";

fn joined() -> (Scene, Request) {
    let mut scene = Scene::inviting_as(Transport::Tcp, Profile { follow_roster: true, ..profile() });
    scene.accept("room", &[]);
    assert_eq!(scene.request().method, Method::Ack);
    scene.agent.poll_output();
    let subscribe = scene.request();
    (scene, subscribe)
}

/// The room answers our SUBSCRIBE with a whole roster of this version.
fn subscribed() -> (Scene, Request) {
    let (mut scene, subscribe) = joined();
    scene.grant(&subscribe, 3600);
    assert_eq!(scene.notify(&subscribe, ACTIVE, &full(1, "alice")), 200);
    scene.names();
    (scene, subscribe)
}

fn full(version: u32, name: &str) -> String {
    document(version, "full", &format!("<users><user entity=\"sip:{name}@a\"/></users>"))
}

fn partial(version: u32, name: &str) -> String {
    document(version, "partial", &format!("<users state=\"partial\"><user entity=\"sip:{name}@a\"/></users>"))
}

fn document(version: u32, state: &str, content: &str) -> String {
    format!(
        "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:lobby@127.0.0.1\" \
         state=\"{state}\" version=\"{version}\">{content}</conference-info>"
    )
}

impl Scene {
    fn grant(&mut self, subscribe: &Request, seconds: u32) {
        let seconds = seconds.to_string();
        self.answer(
            subscribe,
            200,
            &[(HeaderName::Contact, "<sip:lobby@127.0.0.1:5060>"), (HeaderName::Expires, &seconds)],
        );
    }

    /// The code that we answer a NOTIFY with.
    fn notify(&mut self, subscribe: &Request, state: &str, body: &str) -> u16 {
        let fields = format!(
            "Event: conference\r\nSubscription-State: {state}\r\nContent-Type: application/conference-info+xml\r\n"
        );
        self.tell_in(subscribe, "NOTIFY", &fields, body);
        self.response().code
    }

    /// Who is in, if that is new.
    fn names(&mut self) -> Option<Vec<String>> {
        let roster: std::sync::Arc<Roster> = self.agent.poll_roster()?;
        Some(roster.participants.iter().map(|one| one.uri.clone()).collect())
    }

    fn nothing_sent(&mut self) -> bool {
        sent(&mut self.agent).is_none()
    }
}

/// RFC 4579 §3.4, EVT-30, EVT-31: SUBSCRIBE to the room in a dialog of its own, refreshed before its end, given up with
/// the call (EVT-12).
#[test]
fn roster_is_followed() {
    let (mut scene, subscribe) = joined();
    assert_eq!((&subscribe.method, subscribe.uri.to_string()), (&Method::Subscribe, "sip:lobby@127.0.0.1".to_owned()));
    assert!(subscribe.headers.event().unwrap().unwrap().is("conference"));
    assert_eq!((subscribe.headers.expires(), subscribe.headers.to_tag()), (Some(3600), Ok(None)));
    assert_ne!(subscribe.headers.call_id(), scene.invite.headers.call_id());
    scene.grant(&subscribe, 600);
    assert_eq!(scene.names(), None);
    assert_eq!(scene.notify(&subscribe, "active;expires=600", &full(7, "alice")), 200);
    assert_eq!(scene.names().unwrap(), ["sip:alice@a"]);
    assert_eq!(scene.notify(&subscribe, "active;expires=590", &partial(8, "bob")), 200);
    assert_eq!(scene.names().unwrap(), ["sip:alice@a", "sip:bob@a"]);
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, &refresh.method), (Duration::from_secs(530), &Method::Subscribe));
    assert_eq!((refresh.headers.cseq().unwrap().seq, refresh.headers.to_tag().unwrap().as_deref()), (2, Some("room")));
    scene.grant(&refresh, 600);
    assert_eq!(scene.notify(&subscribe, ACTIVE, &full(9, "carol")), 200);
    assert_eq!(scene.names().unwrap(), ["sip:carol@a"]);
    scene.agent.leave(scene.now);
    let (end, bye) = (scene.request(), scene.request());
    assert_eq!((end.method, end.headers.expires(), bye.method), (Method::Subscribe, Some(0), Method::Bye));
    assert_eq!(scene.notify(&subscribe, "terminated;reason=timeout", ""), 481);
}

/// EVT-9: a NOTIFY may overtake the response, and forms the dialog.
#[test]
fn notify_comes_first() {
    let (mut scene, subscribe) = joined();
    assert_eq!(scene.notify(&subscribe, ACTIVE, &full(1, "alice")), 200);
    assert!(scene.names().is_some());
    scene.grant(&subscribe, 100);
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, refresh.headers.cseq().unwrap().seq), (Duration::from_secs(75), 2));
    assert_eq!(refresh.headers.to_tag().unwrap().as_deref(), Some("room"));
}

/// EVT-44: what is missing is asked for, once at a time; old documents are dropped.
#[test]
fn gaps_are_filled() {
    let (mut scene, subscribe) = subscribed();
    scene.now += Duration::from_secs(10);
    assert_eq!(scene.notify(&subscribe, ACTIVE, &partial(1, "old")), 200);
    assert_eq!(scene.notify(&subscribe, ACTIVE, &partial(4, "dave")), 200);
    assert_eq!(scene.names(), None);
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, &refresh.method), (Duration::ZERO, &Method::Subscribe));
    assert_eq!(scene.notify(&subscribe, ACTIVE, &partial(5, "erin")), 200);
    scene.agent.handle_timeout(scene.now);
    assert!(scene.nothing_sent());
    scene.grant(&refresh, 3600);
    assert_eq!(scene.notify(&subscribe, ACTIVE, &partial(6, "erin")), 200);
    let (waited, _) = scene.wait_for_request();
    assert_eq!(waited, Duration::from_secs(5));
    assert_eq!(scene.notify(&subscribe, ACTIVE, &full(7, "dave")), 200);
    assert_eq!(scene.names().unwrap(), ["sip:dave@a"]);
}

/// However many users a room tells of, what it makes us hold is bounded.
#[test]
fn changes_without_end_are_told_anew() {
    let (mut scene, subscribe) = subscribed();
    scene.now += Duration::from_secs(10);
    let count = (2..40).take_while(|version| {
        assert_eq!(scene.notify(&subscribe, ACTIVE, &partial(*version, &format!("u{version}"))), 200);
        scene.names().is_some()
    });
    let count = count.count();
    assert!((5..20).contains(&count), "{count}");
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, refresh.method), (Duration::ZERO, Method::Subscribe));
}

/// A room without a roster is no worse: no other SUBSCRIBE follows; one that is busy is asked again.
#[test]
fn rooms_without_a_roster() {
    for (code, again) in [(405, false), (489, false), (403, false), (501, false), (503, true), (500, true)] {
        let (mut scene, subscribe) = joined();
        scene.answer(&subscribe, code, &[(HeaderName::RetryAfter, "20")]);
        assert!(scene.ended().is_none() && !scene.agent.is_over());
        if again {
            let (waited, subscribe) = scene.wait_for_request();
            assert_eq!((waited, subscribe.method), (Duration::from_secs(20), Method::Subscribe), "{code}");
        } else {
            while scene.agent.poll_timeout().is_some() {
                scene.wait();
            }
            assert!(scene.nothing_sent(), "{code}");
        }
    }
    let (mut scene, subscribe) = joined();
    scene.answer(&subscribe, 423, &[(HeaderName::MinExpires, "7200")]);
    let longer = scene.request();
    assert_eq!(longer.headers.expires(), Some(7200));
    scene.answer(&longer, 423, &[(HeaderName::MinExpires, "7300")]);
    assert!(scene.nothing_sent());
}

/// EVT-11, EVT-13: what the room has ended or forgotten begins anew, unless it says that there is nothing to come.
#[test]
fn subscription_ends() {
    for (state, pause) in [
        ("terminated;reason=deactivated", Some(5)),
        ("terminated;reason=probation;retry-after=30", Some(30)),
        ("terminated;reason=giveup", Some(60)),
        ("terminated", Some(60)),
        ("terminated;reason=probation;retry-after=99999999", Some(3600)),
        ("terminated;reason=noresource", None),
        ("terminated;reason=rejected", None),
    ] {
        let (mut scene, subscribe) = subscribed();
        assert_eq!(scene.notify(&subscribe, state, ""), 200);
        assert_eq!(scene.notify(&subscribe, ACTIVE, &full(2, "late")), 481);
        match pause {
            Some(seconds) => {
                let (waited, next) = scene.wait_for_request();
                assert_eq!(waited, Duration::from_secs(seconds), "{state}");
                assert_eq!((next.headers.cseq().unwrap().seq, next.headers.to_tag()), (1, Ok(None)));
            }
            None => {
                while scene.agent.poll_timeout().is_some() {
                    scene.wait();
                }
                assert!(scene.nothing_sent(), "{state}");
            }
        }
    }
    let (mut scene, _) = subscribed();
    let (_, refresh) = scene.wait_for_request();
    scene.answer(&refresh, 481, &[]);
    let (waited, next) = scene.wait_for_request();
    assert_eq!((waited, next.headers.to_tag()), (Duration::from_secs(5), Ok(None)));
    scene.grant(&next, 3600);
    assert_eq!(scene.notify(&next, ACTIVE, &full(1, "alice")), 200);
    assert!(scene.names().is_some(), "the numbers begin anew");
}

/// EVT-19, and a room that says that everything ends at once: neither makes us ask without end.
#[test]
fn we_do_not_ask_all_the_time() {
    let (mut scene, subscribe) = joined();
    scene.answer(&subscribe, 200, &[]);
    let (waited, _) = scene.wait_for_request();
    assert_eq!(waited, Duration::from_secs(32 + 60));
    let (mut scene, mut subscribe) = joined();
    let start = scene.now;
    for _ in 0..10 {
        scene.grant(&subscribe, 0);
        scene.notify(&subscribe, "active;expires=0", "");
        subscribe = scene.wait_for_request().1;
    }
    assert!(scene.now - start >= Duration::from_secs(50), "{:?}", scene.now - start);
}

#[test]
fn odd_notifications() {
    let (mut scene, subscribe) = subscribed();
    assert_eq!(scene.notify(&subscribe, ACTIVE, "<conference-info"), 400);
    let fields = "Event: conference\r\nSubscription-State: active\r\nContent-Type: text/plain\r\n";
    scene.tell_in(&subscribe, "NOTIFY", fields, "hello");
    assert_eq!(scene.response().code, 415);
    scene.tell_in(&subscribe, "NOTIFY", "Event: conference\r\n", "");
    assert_eq!(scene.response().code, 400);
    scene.serial = 0;
    assert_eq!(scene.notify(&subscribe, "active;x=old", &full(3, "bob")), 500);
    assert_eq!(scene.names(), None);
}

/// RFC 6665 §3.1: after a lost connection the room is told where we are.
#[test]
fn lost_connection_is_mended() {
    let (mut scene, _) = subscribed();
    scene.agent.handle_connection_lost(scene.now);
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, refresh.method), (Duration::from_secs(5), Method::Subscribe));
    assert!(refresh.headers.contact().is_ok());
}
