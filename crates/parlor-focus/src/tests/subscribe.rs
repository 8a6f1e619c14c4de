//! Subscriptions to the roster: who gets one, what is told when, and how they end.

use super::*;
use parlor_events::Limits as XmlLimits;
use parlor_events::conference_info::{ConferenceInfo, State};
use parlor_room::{UserList, Watchers};
use parlor_sip::subscription::SubscriptionEnd;

/// A NOTIFY as it was sent, read.
pub(super) struct Notified {
    pub(super) id: RequestId,
    pub(super) request: Request,
    /// Subscription-State.
    pub(super) state: String,
    pub(super) document: Option<ConferenceInfo>,
    pub(super) over: Transport,
}

/// The NOTIFYs among outputs.
pub(super) fn notified(outputs: &[Output]) -> Vec<Notified> {
    let notifies = outputs.iter().filter_map(|output| match output {
        Output::Request { id, request, next_hop } if request.method == Method::Notify => Some((id, request, next_hop)),
        _ => None,
    });
    let read = notifies.map(|(id, request, next_hop)| Notified {
        id: *id,
        request: request.clone(),
        state: request.headers.first(&HeaderName::SubscriptionState).expect("EVT-10").to_owned(),
        document: (!request.body.is_empty())
            .then(|| ConferenceInfo::read(&request.body, &XmlLimits::roster()).expect("a document")),
        over: next_hop.flow.transport,
    });
    read.collect()
}

/// The only NOTIFY among outputs.
pub(super) fn one(outputs: &[Output]) -> Notified {
    let mut all = notified(outputs);
    assert_eq!(all.len(), 1, "{outputs:?}");
    all.remove(0)
}

fn ended(outputs: &[Output]) -> Vec<SubscriptionEnd> {
    let ends = outputs.iter().filter_map(|output| match output {
        Output::SubscriptionEnded(why) => Some(*why),
        _ => None,
    });
    ends.collect()
}

impl Notified {
    pub(super) fn document(&self) -> &ConferenceInfo {
        self.document.as_ref().expect("a document")
    }

    /// The users it tells of, each with whether it says that they are gone.
    fn users(&self) -> Vec<(&str, bool)> {
        let list = self.document().users.iter().flat_map(|users| &users.list);
        list.map(|user| (user.entity.as_str(), user.state == State::Deleted)).collect()
    }

    fn version(&self) -> u32 {
        self.document().version.expect("EVT-40")
    }
}

/// Somebody who subscribes outside of an INVITE dialog.
pub(super) fn watcher(name: &'static str) -> Peer {
    Peer { extra: "Event: conference\r\nExpires: 600\r\n".into(), ..Peer::new(name) }
}

impl Scene {
    /// Subscribes; the NOTIFY is not answered.
    pub(super) fn subscribes(&mut self, peer: &mut Peer) -> Notified {
        let (response, outputs) = self.request(&peer.next("SUBSCRIBE", None), peer.flow);
        assert_eq!(response.code, 200);
        peer.learn(&response);
        one(&outputs)
    }

    pub(super) fn accepts(&mut self, notified: &Notified) -> Vec<Output> {
        self.refuses(notified, 200)
    }

    fn refuses(&mut self, notified: &Notified, code: u16) -> Vec<Output> {
        self.answer(notified.id, &reply(&notified.request, code, &[], ""))
    }

    /// Subscribes and takes the NOTIFY.
    pub(super) fn watched_by(&mut self, name: &'static str) -> Peer {
        let mut peer = watcher(name);
        let notified = self.subscribes(&mut peer);
        assert!(notified_nobody(&self.accepts(&notified)));
        peer
    }

    /// Somebody joins; what was told to others on the way.
    pub(super) fn joins(&mut self, name: &'static str) -> (Peer, Vec<Output>) {
        let mut peer = Peer::new(name);
        let (response, mut outputs) = self.request(&peer.invite(Some(OFFER)), peer.flow);
        assert_eq!(response.code, 200);
        peer.learn(&response);
        outputs.extend(self.ack(&peer.ack(None)));
        (peer, outputs)
    }

    /// Many join; what was told to others on the way.
    fn crowd(&mut self, users: std::ops::Range<u32>) -> Vec<Output> {
        users.flat_map(|n| self.joins(String::leak(format!("user{n}"))).1).collect()
    }

    fn code_of(&mut self, peer: &mut Peer, extra: &str) -> Response {
        peer.extra = extra.into();
        let (response, outputs) = self.request(&peer.next("SUBSCRIBE", None), peer.flow);
        if response.code >= 300 {
            assert!(outputs.is_empty(), "{outputs:?}");
        }
        response
    }
}

fn notified_nobody(outputs: &[Output]) -> bool {
    notified(outputs).is_empty()
}

/// EVT-7, EVT-8, EVT-9, EVT-10, EVT-E6: a 200 with Expires and Contact, and then at once a NOTIFY with everything.
#[test]
fn everything_is_told_at_once() {
    let mut scene = Scene::new();
    scene.joined("alice");
    let mut bob = watcher("bob");
    let (response, outputs) = scene.request(&bob.next("SUBSCRIBE", None), bob.flow);
    assert_eq!((response.code, value(&response, "Expires")), (200, Some("600")));
    assert!(value(&response, "Contact").unwrap().contains("192.0.2.1:5062;transport=tcp>;isfocus"), "SIP-70");
    assert_eq!(value(&response, "Allow-Events"), Some("conference, refer"), "EVT-16");
    let notified = one(&outputs);
    let header = |name| notified.request.headers.first(&HeaderName::from(name));
    assert_eq!(header("Event"), Some("conference"));
    assert_eq!(header("Content-Type"), Some("application/conference-info+xml"));
    assert_eq!(header("Contact"), Some("<sip:lobby@192.0.2.1:5062;transport=tcp>;isfocus"));
    assert_eq!(notified.state, "active;expires=600");
    let tag = response.headers.to_tag().unwrap();
    assert_eq!(notified.request.headers.from_tag().unwrap(), tag);
    assert_eq!(notified.request.headers.to_tag().unwrap().as_deref(), Some("fbob"));
    assert_eq!(notified.request.uri.to_string(), "sip:bob@192.0.2.9:5070;transport=tcp");
    let document = notified.document();
    assert_eq!((document.state, document.version), (State::Full, Some(1)));
    assert!(document.description.is_some() && document.users.is_some(), "EVT-45");
    assert_eq!(notified.users(), [("sip:alice@example.org", false)]);
}

/// EVT-3, EVT-5, EVT-6, EVT-13, EVT-E8: what a SUBSCRIBE must say, and what is answered if it does not.
#[test]
fn what_is_refused() {
    let mut scene = Scene::new();
    let mut bob = watcher("bob");
    for (extra, code, header) in [
        ("", 489, Some(("Allow-Events", "conference, refer"))),
        ("Event: presence\r\n", 489, Some(("Allow-Events", "conference, refer"))),
        ("Event: refer\r\n", 403, None),
        ("Event: conference\r\nEvent: conference\r\n", 400, None),
        (
            "Event: conference\r\nAccept: application/pidf+xml\r\n",
            406,
            Some(("Accept", "application/conference-info+xml")),
        ),
        ("Event: conference\r\nAccept: application/conference-info+xml;q=0\r\n", 406, None),
        ("Event: conference\r\nExpires: 1\r\n", 423, Some(("Min-Expires", "60"))),
        ("Event: conference\r\nExpires: 59\r\n", 423, None),
        ("Event: conference\r\nRequire: eventlist\r\n", 420, Some(("Unsupported", "eventlist"))),
        ("Event: conference\r\nContact: <sip:two@192.0.2.9>\r\n", 400, None),
        ("Event: conference\r\nRecord-Route: <sip:p@192.0.2.7;lr>\r\nExpires: 60\r\n", 200, Some(("Expires", "60"))),
        ("Event: conference\r\nAccept: text/html, application/*\r\n", 200, Some(("Expires", "3600"))),
        ("o: Conference\r\nExpires: 4000000000\r\n", 200, Some(("Expires", "3600"))),
        ("Event: conference\r\nExpires: soon\r\n", 200, Some(("Expires", "3600"))),
    ] {
        let response = scene.code_of(&mut bob, extra);
        assert_eq!(response.code, code, "{extra}");
        if let Some((name, expected)) = header {
            assert_eq!(value(&response, name), Some(expected), "{extra}");
        }
    }
    let mut elsewhere = watcher("carol");
    let mut request = elsewhere.next("SUBSCRIBE", None);
    request.headers.set(HeaderName::To, "<sip:lobby@chat.example.com>;tag=r1-0123456789abcdef");
    assert_eq!(scene.request(&request, elsewhere.flow).0.code, 481);
    request.headers.set(HeaderName::To, "<sip:lobby@chat.example.com>");
    request.headers.remove(&HeaderName::Contact);
    assert_eq!(scene.request(&request, elsewhere.flow).0.code, 400);
    assert_eq!(scene.request(&watcher("carol").next("NOTIFY", None), tcp()).0.code, 481);
}

/// EVT-4, EVT-31: by its rules a room shows its roster to whoever may join, or to whoever has, who loses the right on leaving.
#[test]
fn who_may_watch() {
    let mut scene = Scene::with(|rules| rules.deny = UserList::parse(["sip:bob@example.org"]).unwrap(), |_| {});
    assert_eq!(scene.code_of(&mut watcher("bob"), "Event: conference\r\n").code, 403);
    assert_eq!(scene.code_of(&mut watcher("carol"), "Event: conference\r\n").code, 200);

    let mut scene = Scene::with(|rules| rules.roster = Watchers::Participants, |_| {});
    let mut alice = scene.joined("alice");
    assert_eq!(scene.code_of(&mut watcher("bob"), "Event: conference\r\n").code, 403);
    scene.watched_by("alice");
    let (_, outputs) = scene.joins("carol");
    scene.accepts(&one(&outputs));
    assert!(notified_nobody(&scene.request(&alice.next("BYE", None), alice.flow).1), "not within the second");
    let last = one(&scene.pass(SECOND));
    assert_eq!((last.state.as_str(), last.document.is_none()), ("terminated;reason=rejected", true));
    assert_eq!(ended(&scene.accepts(&last)), [SubscriptionEnd::Forbidden]);
}

/// EVT-15, EVT-32, EVT-33: a change after a quiet time is told at once, those that follow within the interval together, and
/// never while a NOTIFY is unanswered.
#[test]
fn changes_are_told_together() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 0);
    scene.watched_by("bob");
    let (_, outputs) = scene.joins("alice");
    let first = one(&outputs);
    assert_eq!((first.users(), first.version()), (vec![("sip:alice@example.org", false)], 2), "at once");
    scene.accepts(&first);
    scene.pass(SECOND / 2);
    assert!(notified_nobody(&scene.joins("carol").1));
    assert!(notified_nobody(&scene.joins("user4").1));
    let second = one(&scene.pass(SECOND / 2));
    assert_eq!(second.users(), [("sip:carol@example.org", false), ("sip:user4@example.org", false)]);
    assert_eq!((second.document().state, second.version()), (State::Partial, 3));
    for name in ["user5", "user6"] {
        scene.pass(3 * SECOND);
        assert!(notified_nobody(&scene.joins(name).1), "the one before is unanswered");
    }
    let third = one(&scene.accepts(&second));
    assert_eq!((third.users().len(), third.version()), (2, 4));
    assert!(notified_nobody(&scene.accepts(&third)));
}

/// EVT-40, EVT-44, EVT-46, EVT-57, EVT-61: in a room above the limit changes are told in parts, numbered without a gap; who
/// has left is deleted. In a smaller one everything is told each time.
#[test]
fn parts_of_a_large_room() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 2);
    let (mut alice, _) = scene.joins("alice");
    scene.watched_by("bob");
    let whole = one(&scene.joins("carol").1);
    assert_eq!((whole.document().state, whole.users().len(), whole.version()), (State::Full, 2, 2));
    scene.accepts(&whole);
    scene.pass(SECOND);
    let part = one(&scene.joins("user4").1);
    assert_eq!((part.users(), part.version()), (vec![("sip:user4@example.org", false)], 3));
    let document = part.document();
    assert_eq!(
        (document.state, document.users.as_ref().map(|users| users.state)),
        (State::Partial, Some(State::Partial))
    );
    assert_eq!(document.conference_state.and_then(|state| state.user_count), Some(3));
    assert!(document.description.is_none());
    scene.accepts(&part);
    scene.joins("user5");
    scene.request(&alice.next("BYE", None), alice.flow);
    scene.room.set_topic("Beta");
    let both = one(&scene.pass(SECOND));
    assert_eq!(both.users(), [("sip:alice@example.org", true), ("sip:user5@example.org", false)]);
    let description = both.document().description.as_ref().expect("told whole");
    assert_eq!((description.subject.as_deref(), description.conf_uris.len()), (Some("Beta"), 1));
    assert_eq!(both.version(), 4);
}

/// EVT-44, EVT-14: what was not taken is told with everything else, after as long as the subscriber wants.
#[test]
fn after_a_refusal_everything_is_told() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 0);
    scene.watched_by("bob");
    let part = one(&scene.joins("alice").1);
    let busy = reply(&part.request, 503, &[("Retry-After", "20")], "");
    assert!(notified_nobody(&scene.answer(part.id, &busy)));
    scene.joins("carol");
    assert!(notified_nobody(&scene.pass(19 * SECOND)));
    let whole = one(&scene.pass(SECOND));
    assert_eq!((whole.document().state, whole.users().len(), whole.version()), (State::Full, 2, 3));
    let refused = scene.refuses(&whole, 500);
    assert!(notified_nobody(&refused) && ended(&refused).is_empty());
    let mut again = one(&scene.pass(10 * SECOND));
    for _ in 0..3 {
        scene.refuses(&again, 500);
        again = one(&scene.pass(10 * SECOND));
    }
    assert_eq!(ended(&scene.refuses(&again, 500)), [SubscriptionEnd::Failed], "enough is enough");
}

/// What finds no space on its way is told later, with everything else.
#[test]
fn put_off() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 0);
    scene.watched_by("bob");
    let part = one(&scene.joins("alice").1);
    let (now, room) = (scene.now, &mut scene.room);
    scene.focus.handle_request_delayed(now, room, part.id);
    assert!(notified_nobody(&scene.outputs()));
    assert!(notified_nobody(&scene.accepts(&part)), "it was never sent");
    let whole = one(&scene.pass(SECOND));
    assert_eq!((whole.document().state, whole.users().len(), whole.version()), (State::Full, 1, 3));
}

/// EVT-14: who does not answer, or says that there is no such subscription, has none any more.
#[test]
fn who_is_not_there_is_told_nothing() {
    for code in [401, 404, 405, 407, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604] {
        let mut scene = Scene::new();
        scene.watched_by("bob");
        let notified = one(&scene.joins("alice").1);
        assert_eq!(ended(&scene.refuses(&notified, code)), [SubscriptionEnd::Failed], "{code}");
        assert!(scene.focus.subscriptions() == 0);
        assert!(notified_nobody(&scene.pass(10 * SECOND)));
    }
    let mut scene = Scene::new();
    let first = scene.subscribes(&mut watcher("bob"));
    let (now, room) = (scene.now, &mut scene.room);
    scene.focus.handle_request_failed(now, room, first.id);
    assert_eq!(ended(&scene.outputs()), [SubscriptionEnd::Failed]);
}

/// EVT-6, EVT-8, EVT-10, EVT-12, EVT-13: refreshing tells everything once more, also while a NOTIFY is unanswered; without it
/// a subscription ends, and that is told.
#[test]
fn refreshing_and_expiry() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 0);
    let mut bob = scene.watched_by("bob");
    scene.pass(500 * SECOND);
    let again = scene.subscribes(&mut bob);
    assert_eq!((again.state.as_str(), again.version()), ("active;expires=600", 2));
    assert_eq!(again.document().state, State::Full);
    let (response, outputs) = scene.request(&bob.next("SUBSCRIBE", None), bob.flow);
    assert_eq!(response.code, 200);
    assert!(notified_nobody(&outputs), "EVT-15");
    let third = one(&scene.accepts(&again));
    assert_eq!((third.document().state, third.version()), (State::Full, 3));
    scene.accepts(&third);
    scene.pass(300 * SECOND);
    scene.room.set_topic("Beta");
    let change = one(&scene.outputs());
    assert_eq!(change.state, "active;expires=300");
    scene.accepts(&change);
    assert_eq!(scene.code_of(&mut bob, "Event: conference;id=2\r\nExpires: 10\r\n").code, 423);
    let last = one(&scene.pass(301 * SECOND));
    assert_eq!(last.state, "terminated;reason=timeout");
    assert_eq!(ended(&scene.accepts(&last)), [SubscriptionEnd::Expired]);
    assert_eq!(scene.code_of(&mut bob, "Event: conference\r\n").code, 481);
}

/// EVT-12: with Expires 0 everything is told once, and nothing more is expected.
#[test]
fn fetching_and_unsubscribing() {
    let mut scene = Scene::new();
    let mut bob = watcher("bob");
    bob.extra = "Event: conference\r\nExpires: 0\r\n".into();
    let (response, outputs) = scene.request(&bob.next("SUBSCRIBE", None), bob.flow);
    assert_eq!((response.code, value(&response, "Expires")), (200, Some("0")));
    let notified = one(&outputs);
    assert_eq!(notified.state, "terminated;reason=timeout");
    assert_eq!(notified.document().state, State::Full);
    bob.learn(&response);
    assert_eq!(ended(&scene.accepts(&notified)), [SubscriptionEnd::Unsubscribed]);
    assert_eq!(scene.code_of(&mut bob, "Event: conference\r\n").code, 481, "the dialog is gone");

    let mut carol = scene.watched_by("carol");
    carol.extra = "Event: conference\r\nExpires: 0\r\n".into();
    let last = scene.subscribes(&mut carol);
    assert_eq!((last.state.as_str(), last.version()), ("terminated;reason=timeout", 2));
    assert_eq!(ended(&scene.accepts(&last)), [SubscriptionEnd::Unsubscribed]);
    assert!(scene.focus.subscriptions() == 0 && scene.focus.poll_timeout().is_none());
}

/// EVT-17: in the dialog of an INVITE there may be subscriptions, told apart by the `id` of their Event; they outlast the
/// session, and the dialog ends with the last of its uses.
#[test]
fn in_the_dialog_of_an_invite() {
    let mut scene = Scene::new();
    let mut alice = scene.joined("alice");
    let sdp_again = alice.extra.clone();
    alice.extra = "Event: conference\r\nExpires: 600\r\n".into();
    let first = scene.subscribes(&mut alice);
    scene.accepts(&first);
    assert_eq!(first.users(), [("sip:alice@example.org", false)]);
    alice.extra = "Event: conference;id=7\r\nExpires: 60\r\n".into();
    let second = scene.subscribes(&mut alice);
    assert_eq!(second.request.headers.first(&HeaderName::Event), Some("conference;id=7"));
    assert_eq!(second.version(), 1, "each counts its own");
    let seqs = [&first, &second].map(|notified| notified.request.headers.cseq().unwrap().seq);
    assert_eq!(seqs, [1, 2], "EVT-9: the dialog counts for both");
    scene.accepts(&second);
    alice.extra = sdp_again;
    let (response, outputs) = scene.request(&alice.next("BYE", None), alice.flow);
    assert_eq!((response.code, notified(&outputs).len()), (200, 2), "both are told of it");
    notified(&outputs).iter().for_each(|notified| drop(scene.accepts(notified)));
    assert!(scene.focus.is_idle() && scene.focus.subscriptions() == 2);
    assert_eq!(scene.request(&alice.next("UPDATE", None), alice.flow).0.code, 481);
    assert_eq!(scene.request(&alice.next("BYE", None), alice.flow).0.code, 481);
    alice.extra = "Event: conference;id=7\r\nExpires: 0\r\n".into();
    let last = scene.subscribes(&mut alice);
    assert_eq!(ended(&scene.accepts(&last)), [SubscriptionEnd::Unsubscribed]);
    let expired = one(&scene.pass(601 * SECOND));
    assert_eq!(ended(&scene.accepts(&expired)), [SubscriptionEnd::Expired]);
    assert_eq!(scene.code_of(&mut alice, "Event: conference\r\n").code, 481);
}

/// EVT-11, EVT-34: a room that ends says so to its subscribers; so does a server that goes down, who may come back to it.
#[test]
fn the_end_of_a_room() {
    for (reason, state, end) in [
        (EndReason::RoomClosed, "terminated;reason=noresource", SubscriptionEnd::Gone),
        (EndReason::Shutdown, "terminated;reason=probation;retry-after=30", SubscriptionEnd::Shutdown),
    ] {
        let mut scene = Scene::new();
        scene.watched_by("bob");
        scene.room.close();
        let closing = one(&scene.outputs());
        assert_eq!(closing.document().conference_state.and_then(|state| state.active), Some(false));
        scene.focus.end_all(scene.now, &mut scene.room, reason);
        assert!(notified_nobody(&scene.outputs()), "EVT-15");
        let last = one(&scene.accepts(&closing));
        assert_eq!(last.state, state);
        assert_eq!(
            last.document.as_ref().map(|document| document.state),
            match end {
                SubscriptionEnd::Gone => Some(State::Deleted),
                _ => None,
            }
        );
        assert_eq!(ended(&scene.accepts(&last)), [end]);
        assert_eq!(scene.code_of(&mut watcher("carol"), "Event: conference\r\n").code, 503);
    }
}

/// EVT-20: over UDP what is too large for a datagram goes over TCP, if the subscriber takes that; if not, over UDP up to the
/// largest datagram, and without users beyond; but not much of it to who has not answered yet.
#[test]
fn large_documents_over_udp() {
    let mut scene = Scene::with(|rules| rules.max_participants = 1000, |_| {});
    scene.crowd(0..30);
    let mut bob = watcher("bob");
    (bob.flow, bob.contact) = (udp("192.0.2.9:5070"), "<sip:bob@192.0.2.9:5070>".into());
    let by_tcp = scene.subscribes(&mut bob);
    assert_eq!((by_tcp.over, by_tcp.users().len()), (Transport::Tcp, 30));
    let (now, room) = (scene.now, &mut scene.room);
    scene.focus.handle_request_failed(now, room, by_tcp.id);
    let unproven = one(&scene.outputs());
    assert_eq!((unproven.over, unproven.users().len()), (Transport::Udp, 0));
    assert_eq!(unproven.document().conference_state.and_then(|state| state.user_count), Some(30));
    assert!(unproven.request.body.len() < 1300);
    let proven = one(&scene.accepts(&unproven));
    assert_eq!((proven.over, proven.users().len()), (Transport::Udp, 30));
    scene.accepts(&proven);
    let one_more = one(&scene.crowd(30..250));
    let too_many = one(&scene.accepts(&one_more).into_iter().chain(scene.pass(SECOND)).collect::<Vec<_>>());
    assert_eq!((too_many.over, too_many.users().len()), (Transport::Udp, 0));
}

/// EVT-19, EVT-20: where a stream takes too long to open, datagrams are used after all; where it opens, they never are.
#[test]
fn a_stream_that_does_not_open() {
    let mut scene = Scene::new();
    scene.joined("alice");
    let at = |name| {
        let mut peer = watcher(name);
        (peer.flow, peer.contact) = (udp("192.0.2.9:5070"), format!("<sip:{name}@192.0.2.9:5070>"));
        peer
    };
    let tried = scene.subscribes(&mut at("bob"));
    assert_eq!(tried.over, Transport::Tcp);
    let after_all = one(&scene.pass(SECOND));
    assert_eq!((after_all.over, after_all.users().len()), (Transport::Udp, 1));
    assert!(notified_nobody(&scene.accepts(&tried)), "it comes too late");
    scene.accepts(&after_all);
    let tried = scene.subscribes(&mut at("carol"));
    scene.accepts(&tried);
    assert!(notified_nobody(&scene.pass(SECOND)));
}

/// EVT-E2: who cannot make a whole of parts is told everything each time, of a large room as often as 16 KiB a second allow.
#[test]
fn clients_that_merge_nothing() {
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.whole_up_to = 0);
    scene.crowd(0..100);
    let mut bob = watcher("bob");
    bob.extra += "User-Agent: Blink 5.9.1 (Linux)\r\n";
    let first = scene.subscribes(&mut bob);
    let (size, mut told) = (first.request.body.len(), 0);
    scene.accepts(&first);
    let began = scene.now;
    for n in 0..60 {
        scene.room.set_topic(&n.to_string());
        let mut outputs = scene.outputs();
        outputs.extend(scene.pass(SECOND / 2));
        if let [notified] = &notified(&outputs)[..] {
            assert_eq!((notified.document().state, notified.version()), (State::Full, 2 + told));
            told += 1;
            assert!(notified_nobody(&scene.accepts(notified)));
        }
    }
    let bound = (scene.now - began).as_secs_f64() * 16.0 * 1024.0 / size as f64;
    assert!(f64::from(told) <= bound + 1.0 && f64::from(told) >= bound - 1.0, "{told} of {bound}");
}

/// Subscriptions have their limits: of a user, of a room, and of all rooms.
#[test]
fn limits() {
    let subscribe = |scene: &mut Scene, name| scene.code_of(&mut watcher(name), "Event: conference\r\n").code;
    let mut scene = Scene::with(|_| {}, |settings| settings.limits.subscriptions_of_user = 2);
    let codes = ["bob", "bob", "bob", "carol"].map(|name| subscribe(&mut scene, name));
    assert_eq!(codes, [200, 200, 503, 200]);
    for n in 0..3 {
        let mut request = watcher("bob").next("SUBSCRIBE", None);
        request.headers.set(HeaderName::From, format!("<sip:anonymous@anonymous.invalid>;tag={n}"));
        assert_eq!(scene.request(&request, tcp()).0.code, 200, "each may be somebody else");
    }
    let mut scene = Scene::with(|_| {}, |settings| settings.limits.subscriptions = 1);
    assert_eq!(["bob", "carol"].map(|name| subscribe(&mut scene, name)), [200, 503]);
    let all = crate::Quota::new(1);
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.all = all.clone());
    let mut other = Scene::with(|_| {}, |settings| settings.subscriptions.all = all.clone());
    let mut bob = scene.watched_by("bob");
    assert_eq!(subscribe(&mut other, "carol"), 503);
    bob.extra = "Event: conference\r\nExpires: 0\r\n".into();
    let last = scene.subscribes(&mut bob);
    scene.accepts(&last);
    assert_eq!(subscribe(&mut other, "carol"), 200);
}

/// Large documents wait while others are under way, of which a room may have a part; small ones do not.
#[test]
fn documents_under_way_are_bounded() {
    let octets = crate::Quota::new(200_000);
    let mut scene = Scene::with(|_| {}, |settings| settings.subscriptions.octets = octets.clone());
    scene.crowd(0..60);
    let first = scene.subscribes(&mut watcher("bob"));
    assert!(first.request.body.len() > 20_000);
    let subscribe = |scene: &mut Scene, name| scene.request(&watcher(name).next("SUBSCRIBE", None), tcp()).1;
    let second = one(&subscribe(&mut scene, "carol"));
    assert!(notified_nobody(&subscribe(&mut scene, "user60")), "no more than a quarter");
    assert!(notified_nobody(&scene.pass(SECOND)));
    scene.accepts(&first);
    scene.accepts(&second);
    one(&scene.pass(SECOND));
    let mut small = Scene::with(|_| {}, |settings| settings.subscriptions.octets = crate::Quota::new(0));
    for name in ["alice", "bob", "carol"] {
        one(&subscribe(&mut small, name));
    }
}

/// EVT-43: one who leaves and is back before anybody was told is in the roster once.
#[test]
fn who_left_and_came_back_is_told_once() {
    let mut scene = Scene::new();
    scene.joins("alice");
    let _watcher = scene.watched_by("carol");
    let (mut bob, outputs) = scene.joins("bob");
    scene.accepts(&one(&outputs));
    let (_, mut outputs) = scene.request(&bob.next("BYE", None), bob.flow);
    outputs.extend(scene.joins("bob").1);
    outputs.extend(scene.pass(Duration::from_secs(2)));
    let told = one(&outputs);
    let bobs = told.users().iter().filter(|(entity, gone)| entity.contains("bob") && !gone).count();
    assert_eq!(bobs, 1, "{:?}", told.users());
}
