//! Whether others are there, and what we say of ourselves.

use parlor_sip::Method;

use super::*;
use crate::account::{Presence, PublishError, WatchError};

const ACTIVE: &str = "active;expires=3600";

fn pidf(basic: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:bob@example.com\">\
         <tuple id=\"t\"><status><basic>{basic}</basic></status>{note}</tuple></presence>"
    )
}

fn presence(open: bool, note: Option<&str>) -> Presence {
    Presence { open, note: note.map(str::to_owned) }
}

impl Scene {
    /// We watch bob: our SUBSCRIBE, which is granted.
    fn watching() -> (Self, Request) {
        let mut scene = Self::new(Transport::Tcp);
        scene.agent.watch(scene.now, uri("bob")).unwrap();
        let subscribe = scene.request();
        scene.grant(&subscribe);
        (scene, subscribe)
    }

    fn grant(&mut self, subscribe: &Request) {
        self.answer(subscribe, 200, &[(HeaderName::Contact, "<sip:bob@127.0.0.1>"), (HeaderName::Expires, "3600")]);
    }

    /// The code that we answer a NOTIFY with.
    fn notify(&mut self, subscribe: &Request, state: &str, kind: &str, body: &str) -> u16 {
        self.serial += 1;
        let (own, call_id) = (subscribe.headers.from().unwrap(), subscribe.headers.call_id().unwrap());
        let text = format!(
            "NOTIFY sip:alice@127.0.0.1:40000 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK{serial}\r\n\
             From: <sip:bob@example.com>;tag=server\r\nTo: {own}\r\nCall-ID: {call_id}\r\nCSeq: {serial} NOTIFY\r\n\
             Contact: <sip:bob@127.0.0.1>\r\nEvent: presence\r\nSubscription-State: {state}\r\n{kind}\
             Content-Length: {length}\r\n\r\n{body}",
            serial = self.serial,
            kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") },
            length = body.len(),
        );
        self.agent.handle_message(self.now, parse_datagram(&text.into(), &Limits::default()).unwrap());
        match self.sent().expect("an answer") {
            Message::Response(response) => response.code,
            Message::Request(request) => panic!("{} instead of an answer", request.method),
        }
    }

    fn shows(&mut self, subscribe: &Request, body: &str) -> Option<Presence> {
        assert_eq!(self.notify(subscribe, ACTIVE, "application/pidf+xml", body), 200);
        self.shown()
    }

    fn shown(&mut self) -> Option<Presence> {
        match self.event()? {
            AccountEvent::Presence { who, presence } => {
                assert_eq!(who, uri("bob"));
                Some(presence)
            }
            other => panic!("{other:?}"),
        }
    }

    fn publish(&mut self, open: bool, note: Option<&str>) -> oneshot::Receiver<Result<(), PublishError>> {
        let (done, told) = oneshot::channel();
        self.agent.publish(self.now, presence(open, note), done);
        told
    }
}

/// RFC 3856, EVT-70, EVT-82: who is watched is shown first and whenever that changes, refreshed, and given up at the end.
#[test]
fn somebody_is_watched() {
    let (mut scene, subscribe) = Scene::watching();
    assert_eq!((&subscribe.method, subscribe.uri.clone()), (&Method::Subscribe, uri("bob")));
    assert!(subscribe.headers.event().unwrap().unwrap().is("presence"));
    assert!(subscribe.headers.accept().unwrap().unwrap().iter().any(|kind| kind.is("application/pidf+xml")));
    let tea = pidf("open", "<note xml:lang=\"en\"> Tea </note>");
    assert_eq!(scene.shows(&subscribe, &pidf("closed", "")), Some(presence(false, None)));
    assert_eq!(scene.shows(&subscribe, &pidf("closed", "")), None, "nothing new");
    assert_eq!(scene.shows(&subscribe, &tea), Some(presence(true, Some("Tea"))));
    let old = tea.replace("xml:ns:pidf", "xml:ns:cpim-pidf").replace("Tea", "Toast");
    assert_eq!(scene.notify(&subscribe, ACTIVE, "application/cpim-pidf+xml", &old), 200);
    assert_eq!(scene.shown(), Some(presence(true, Some("Toast"))), "EVT-86");
    scene.notify(&subscribe, ACTIVE, "application/pidf+xml", &pidf("closed", ""));
    assert_eq!(scene.shows(&subscribe, &tea), Some(presence(true, Some("Tea"))), "as it is when it is taken");
    assert_eq!(scene.shown(), None);
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, refresh.headers.to_tag().unwrap().as_deref()), (Duration::from_secs(3540), Some("server")));
    scene.grant(&refresh);
    scene.agent.watch(scene.now, uri("bob")).unwrap();
    assert!(scene.silent(), "we do already");
    scene.agent.unwatch(scene.now, &uri("bob"));
    assert_eq!(scene.request().headers.expires(), Some(0));
    assert_eq!(scene.notify(&subscribe, "terminated;reason=timeout", "", ""), 481);
    scene.agent.watch(scene.now, uri("bob")).unwrap();
    let subscribe = scene.request();
    scene.grant(&subscribe);
    scene.agent.leave(scene.now);
    assert_eq!(scene.request().headers.expires(), Some(0));
}

/// EVT-11, EVT-14: a server that fails is asked again, later each time; one that refuses is not, which is told.
#[test]
fn subscriptions_that_fail() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.agent.watch(scene.now, uri("bob")).unwrap();
    let mut subscribe = scene.request();
    for seconds in [60, 120, 240] {
        scene.answer(&subscribe, 503, &[]);
        let (waited, next) = scene.wait_for_request();
        assert_eq!(waited, Duration::from_secs(seconds));
        subscribe = next;
    }
    scene.grant(&subscribe);
    assert!(scene.shows(&subscribe, &pidf("open", "")).is_some());
    assert_eq!(scene.notify(&subscribe, "terminated;reason=deactivated", "", ""), 200);
    let (waited, subscribe) = scene.wait_for_request();
    assert_eq!(waited, Duration::from_secs(5));
    scene.grant(&subscribe);
    assert_eq!(scene.shows(&subscribe, &pidf("open", "")), None, "as before");
    assert_eq!(scene.notify(&subscribe, "terminated;reason=rejected", "", ""), 200);
    assert!(matches!(scene.event(), Some(AccountEvent::NotShown { code: None, .. })));
    for code in [403, 404, 489] {
        let mut scene = Scene::new(Transport::Tcp);
        scene.agent.watch(scene.now, uri("bob")).unwrap();
        let subscribe = scene.request();
        scene.answer(&subscribe, code, &[]);
        assert!(matches!(scene.event(), Some(AccountEvent::NotShown { code: Some(told), .. }) if told == code));
        scene.pass(100_000);
        assert!(scene.silent() && scene.event().is_none());
    }
}

/// What waits because the connection was lost does so no longer than until there is another, however often it failed; what
/// the server put off waits as long as it said.
#[test]
fn another_connection_hastens() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.agent.watch(scene.now, uri("bob")).unwrap();
    scene.publish(true, None);
    for _ in 0..9 {
        while !scene.silent() {}
        scene.agent.handle_connection_lost(scene.now);
        scene.agent.handle_connected(scene.now, flow(Transport::Tcp, 40_001));
        scene.agent.handle_timeout(scene.now);
    }
    let (subscribe, publish) = (scene.request(), scene.request());
    assert_eq!((&subscribe.method, &publish.method), (&Method::Subscribe, &Method::Publish));
    for request in [subscribe, publish] {
        scene.answer(&request, 503, &[(HeaderName::RetryAfter, "100")]);
    }
    scene.agent.handle_connection_lost(scene.now);
    scene.agent.handle_connected(scene.now, flow(Transport::Tcp, 40_002));
    assert_eq!(scene.wait_for_request().0, Duration::from_secs(100));
}

/// EVT-10: a subscription that ends is over even if what comes with it cannot be read.
#[test]
fn the_last_that_cannot_be_read() {
    let (mut scene, subscribe) = Scene::watching();
    assert_eq!(scene.notify(&subscribe, "terminated;reason=rejected", "application/pidf+xml", "<presence"), 400);
    assert!(matches!(scene.event(), Some(AccountEvent::NotShown { code: None, .. })));
    assert_eq!(scene.notify(&subscribe, ACTIVE, "application/pidf+xml", &pidf("open", "")), 481);
}

/// What nobody asked for is 481, what we do not understand has its code, and neither is shown.
#[test]
fn odd_notifications() {
    let (mut scene, subscribe) = Scene::watching();
    assert_eq!(scene.notify(&subscribe, ACTIVE, "text/plain", "hello"), 415);
    assert_eq!(scene.notify(&subscribe, ACTIVE, "application/pidf+xml", "<presence"), 400);
    assert_eq!(scene.notify(&subscribe, ACTIVE, "", ""), 200);
    let mut other = subscribe.clone();
    other.headers.set(HeaderName::CallId, "other");
    assert_eq!(scene.notify(&other, ACTIVE, "application/pidf+xml", &pidf("open", "")), 481);
    let conference = scene.ask("NOTIFY", "Event: conference\r\nSubscription-State: active\r\n", "");
    assert_eq!((conference.code, conference.headers.allow_events()), (489, vec!["presence"]));
    assert_eq!(scene.ask("NOTIFY", "Event: presence\r\n", "").code, 400);
    assert!(scene.event().is_none());
    let watched = (0..1000).map(|n| scene.agent.watch(scene.now, uri(&n.to_string())));
    assert_eq!(watched.filter(|watched| *watched == Err(WatchError::TooMany)).count(), 745, "who asks is told");
    assert_eq!(std::iter::from_fn(|| scene.sent()).count(), 255, "those whom we watch are bounded");
}

/// RFC 3903 §4, EVT-91: published, refreshed without a body, changed, and removed at the end, each with the tag of the one before.
#[test]
fn a_publication_is_kept() {
    let mut scene = Scene::new(Transport::Tcp);
    let mut told = scene.publish(true, Some("Tea <&>"));
    let first = scene.request();
    assert_eq!((&first.method, first.uri.clone()), (&Method::Publish, uri("alice")));
    assert!(first.headers.event().unwrap().unwrap().is("presence") && !first.headers.has(&HeaderName::SipIfMatch));
    assert!(first.headers.content_type().unwrap().unwrap().is("application/pidf+xml"));
    let body = parlor_events::pidf::Presence::read(&first.body, &parlor_events::Limits::default()).unwrap();
    assert_eq!(
        (&*body.entity, body.is_open(), &*body.tuples[0].notes[0].text),
        ("sip:alice@example.com", true, "Tea <&>")
    );
    scene.answer(&first, 401, &[(HeaderName::WwwAuthenticate, CHALLENGE)]);
    let first = scene.request();
    assert!(first.headers.has(&HeaderName::Authorization) && told.try_recv().is_err());
    scene.answer(&first, 200, &[(HeaderName::SipEtag, "one"), (HeaderName::Expires, "1800")]);
    assert_eq!(told.try_recv(), Ok(Ok(())));
    let (waited, refresh) = scene.wait_for_request();
    assert_eq!((waited, refresh.body.len()), (Duration::from_secs(1740), 0));
    assert_eq!(refresh.headers.first(&HeaderName::SipIfMatch), Some("one"));
    scene.answer(&refresh, 200, &[(HeaderName::SipEtag, "two"), (HeaderName::Expires, "1800")]);
    scene.publish(false, None);
    let change = scene.request();
    assert_eq!(change.headers.first(&HeaderName::SipIfMatch), Some("two"));
    assert!(std::str::from_utf8(&change.body).unwrap().contains("closed"));
    scene.publish(true, None);
    assert!(scene.silent(), "one at a time");
    scene.answer(&change, 200, &[(HeaderName::SipEtag, "three"), (HeaderName::Expires, "1800")]);
    let change = scene.request();
    assert_eq!(change.headers.first(&HeaderName::SipIfMatch), Some("three"));
    scene.answer(&change, 200, &[(HeaderName::SipEtag, "four"), (HeaderName::Expires, "1800")]);
    scene.agent.leave(scene.now);
    let last = scene.request();
    assert_eq!((last.headers.first(&HeaderName::SipIfMatch), last.headers.expires()), (Some("four"), Some(0)));
    assert!(!scene.agent.is_over() && last.body.is_empty());
    scene.answer(&last, 200, &[(HeaderName::Expires, "0")]);
    assert!(scene.agent.is_over());
}

/// EVT-95: a server that has forgotten what we said is told anew, whole; one that wants it longer is told for longer, once.
#[test]
fn a_server_that_forgot() {
    let mut scene = Scene::new(Transport::Tcp);
    scene.publish(true, None);
    let first = scene.request();
    scene.answer(&first, 423, &[(HeaderName::MinExpires, "7200")]);
    let longer = scene.request();
    assert_eq!((longer.headers.expires(), longer.body.clone()), (Some(7200), first.body));
    scene.answer(&longer, 200, &[(HeaderName::SipEtag, "one"), (HeaderName::Expires, "7200")]);
    let (_, refresh) = scene.wait_for_request();
    scene.answer(&refresh, 412, &[]);
    let anew = scene.request();
    assert!(!anew.headers.has(&HeaderName::SipIfMatch) && anew.body == longer.body);
    scene.answer(&anew, 412, &[]);
    assert!(scene.silent(), "that makes no sense");
}

/// A server that fails is told again, later each time; one that refuses is not.
#[test]
fn publications_that_fail() {
    let mut scene = Scene::new(Transport::Tcp);
    let mut told = scene.publish(true, None);
    let mut publish = scene.request();
    for seconds in [30, 60, 120] {
        scene.answer(&publish, 503, &[]);
        let (waited, next) = scene.wait_for_request();
        assert_eq!((waited, next.body.is_empty()), (Duration::from_secs(seconds), false));
        publish = next;
    }
    assert!(matches!(told.try_recv(), Ok(Err(PublishError::Refused(why))) if why.code == 503));
    scene.answer(&publish, 405, &[]);
    scene.pass(100_000);
    assert!(scene.silent());
    let mut told = scene.publish(true, None);
    let publish = scene.request();
    scene.answer(&publish, 489, &[]);
    assert!(matches!(told.try_recv(), Ok(Err(PublishError::Refused(why))) if why.code == 489));
    scene.agent.leave(scene.now);
    assert!(scene.agent.is_over() && scene.silent(), "there is nothing to remove");
}
