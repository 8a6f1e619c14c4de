//! Anything in any order: nothing panics, and what is opened is closed.

use super::transfer::{PULL, PUSH};
use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Request(usize, &'static str, Option<String>),
    Ack(usize, Option<String>),
    Answer(u16, Option<String>),
    Fail,
    Bound(bool),
    End(EndReason),
    Call,
    Located(Option<u16>),
    /// A MESSAGE outside of dialogs, by who has proven who it is or not; nothing: the number that was sent last.
    Say(usize, bool, Option<&'static str>),
    /// The answer to a MESSAGE of the room's; nothing: it could not be sent.
    Paged(Option<u16>),
    Pass(u64),
}

fn body() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        3 => Just(Some(OFFER.to_owned())),
        2 => Just(None),
        1 => Just(Some(OFFER.replace("message 35631", "message 0"))),
        1 => Just(Some(OFFER.replace("eeb8", "ffff"))),
        1 => Just(Some(OFFER.replace("actpass", "passive"))),
        1 => Just(Some(format!("{OFFER}a=inactive\r\n"))),
        1 => Just(Some(PUSH.to_owned())),
        1 => Just(Some(PUSH.replace("message 35632", "message 0"))),
        1 => Just(Some(PULL.to_owned())),
        2 => Just(Some(two_lines("7"))),
        1 => Just(Some(two_lines("0"))),
        1 => Just(Some(two_lines("7").replace("message 35631", "message 0"))),
        1 => Just(Some(two_lines("7").replace("actpass", "passive"))),
        1 => Just(Some("junk".to_owned())),
    ]
}

fn said() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        3 => Just(Some("/join")),
        3 => Just(None),
        2 => select(vec![Some("hello"), Some(""), Some("/leave"), Some("/who"), Some("/nick x")]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let method = prop_oneof![
        3 => Just("INVITE"), 2 => Just("UPDATE"), 1 => Just("BYE"), 1 => Just("OPTIONS"), 2 => Just("REFER"), 1 => Just("SUBSCRIBE"), 1 => Just("PRACK"),
    ];
    prop_oneof![
        5 => (0..3_usize, method, body()).prop_map(|(peer, method, body)| Step::Request(peer, method, body)),
        3 => (0..3_usize, body()).prop_map(|(peer, body)| Step::Ack(peer, body)),
        2 => (prop_oneof![Just(180_u16), Just(200), Just(481), Just(491), Just(422), Just(405), Just(500)], body())
            .prop_map(|(code, body)| Step::Answer(code, body)),
        1 => Just(Step::Fail),
        2 => any::<bool>().prop_map(Step::Bound),
        1 => prop_oneof![Just(EndReason::Stalled), Just(EndReason::Removed)].prop_map(Step::End),
        1 => Just(Step::Call),
        2 => prop_oneof![3 => Just(None), 1 => Just(Some(404))].prop_map(Step::Located),
        4 => (0..3_usize, any::<bool>(), said()).prop_map(|(peer, proven, text)| Step::Say(peer, proven, text)),
        4 => prop_oneof![4 => Just(Some(200)), 1 => Just(None), 3 => select(vec![Some(404), Some(408), Some(415), Some(501)])]
            .prop_map(Step::Paged),
        2 => (0..60_u64).prop_map(Step::Pass),
    ]
}

/// What the outputs have opened, and which of our requests are unanswered.
#[derive(Default)]
struct Books {
    offered: BTreeSet<SessionId>,
    open: BTreeSet<SessionId>,
    transfers: BTreeSet<SessionId>,
    asked: Vec<(RequestId, Request)>,
    sought: Vec<RequestId>,
    /// Who is in by MESSAGE alone, what is on its way to them, and the last `/join` that somebody was asked for.
    pagers: BTreeSet<SessionId>,
    paged: Vec<RequestId>,
    number: String,
}

impl Books {
    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::OfferSession { session, .. } => assert!(self.offered.insert(session), "offered twice"),
                Output::OpenTransfer { session, .. } => {
                    assert!(self.open.insert(session) && self.transfers.insert(session), "opened twice");
                }
                Output::OpenSession { session, .. } => {
                    self.offered.remove(&session);
                    assert!(self.open.insert(session), "opened twice");
                }
                Output::UpdateSession { session, .. } | Output::Connect { session, .. } => {
                    assert!(self.open.contains(&session), "not open");
                }
                Output::CloseSession { session, .. } => {
                    assert!(self.open.remove(&session) || self.offered.remove(&session), "not there");
                }
                Output::Request { id, request, .. } => self.asked.push((id, request)),
                Output::Locate { id, .. } => self.sought.push(id),
                Output::PagerJoined { session } => assert!(self.pagers.insert(session), "in twice"),
                Output::PagerLeft { session, .. } => assert!(self.pagers.remove(&session), "not in"),
                Output::Page { id, page } => {
                    self.paged.push(id);
                    let text = std::str::from_utf8(&page.request.body).expect("text");
                    if let Some((_, number)) = text.split_once(" send this: ") {
                        self.number = number.to_owned();
                    }
                }
                Output::Respond { .. }
                | Output::Post { .. }
                | Output::SendAck { .. }
                | Output::Cancel { .. }
                | Output::Called { .. }
                | Output::Ask { .. }
                | Output::PageEnded(_)
                | Output::SubscriptionEnded(_) => {}
            }
        }
    }
}

fn perform(scene: &mut Scene, peers: &mut [Peer; 3], books: &mut Books, step: Step) {
    match step {
        Step::Request(peer, method, body) => {
            let peer = &mut peers[peer];
            let request = peer.next(method, body.as_deref());
            let (response, rest) = scene.request(&request, peer.flow);
            if method == "INVITE" && response.code == 200 {
                peer.learn(&response);
            }
            books.take(rest);
        }
        Step::Ack(peer, body) => books.take(scene.ack(&peers[peer].ack(body.as_deref()))),
        Step::Answer(code, body) => {
            if let Some((id, request)) = books.asked.pop() {
                let fields = [("Contact", "<sip:a@192.0.2.9>"), ("Min-SE", "120")];
                let mut response = reply(&request, code, &fields, body.as_deref().unwrap_or(""));
                response.set_to_tag("x");
                books.take(scene.answer(id, &response));
                if code < 200 {
                    books.asked.push((id, request));
                }
            }
        }
        Step::Fail => {
            if let Some((id, _)) = books.asked.pop() {
                scene.focus.handle_request_failed(scene.now, &mut scene.room, id);
                books.take(scene.outputs());
            }
        }
        Step::Bound(bound) => {
            for session in books.open.clone() {
                match bound {
                    true => scene.bound(session),
                    false => scene.unbound(session),
                }
            }
        }
        Step::End(reason) => {
            if let Some(&session) = books.open.last() {
                scene.focus.end_session(scene.now, &mut scene.room, session, reason);
                books.take(scene.outputs());
            }
        }
        Step::Call => {
            let _ = scene.focus.dial_out(&scene.room, super::dial_out::carol());
            books.take(scene.outputs());
        }
        Step::Located(failed) => {
            if let Some(id) = books.sought.pop() {
                let found = failed.map_or_else(|| Ok(super::dial_out::there().into()), Err);
                scene.focus.handle_located(scene.now, &mut scene.room, id, found);
                books.take(scene.outputs());
            }
        }
        Step::Say(peer, proven, text) => {
            let name = peers[peer].name;
            let text = text.map_or_else(|| books.number.clone(), str::to_owned);
            books.take(scene.hears(name, proven, &text));
        }
        Step::Paged(code) => {
            if let Some(id) = books.paged.pop() {
                match code {
                    Some(code) => books.take(scene.answer(id, &Response::new(code, "Whatever"))),
                    None => {
                        scene.focus.handle_request_delayed(scene.now, &mut scene.room, id);
                        books.take(scene.outputs());
                    }
                }
            }
        }
        Step::Pass(seconds) => books.take(scene.pass(Duration::from_secs(seconds))),
    }
    let in_room: BTreeSet<SessionId> = scene.room.sessions().map(|(session, _)| session).collect();
    assert!(books.pagers.is_subset(&in_room), "who is in by MESSAGE");
    assert!(books.open.difference(&books.transfers).all(|session| in_room.contains(session)), "the room's");
    assert!(books.transfers.is_disjoint(&in_room), "no participant's");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever peers, time and the switch do, each request gets one answer, sessions are opened once and closed, and
    /// when all is over nothing is left: no dialog, no timer, nobody in the room.
    #[test]
    fn nothing_is_left_behind(steps in proptest::collection::vec(step(), 1..60)) {
        let mut scene = super::transfer::scene_with(|rules| rules.by_message = true);
        let mut peers = ["a", "b", "c"].map(|name| {
            let mut peer = Peer::new(name);
            if name == "c" {
                peer.extra = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n".into();
            }
            let whom = if name == "a" { "a@example.org;method=BYE" } else { "carol@example.org" };
            peer.extra += &format!("Refer-To: <sip:{whom}>\r\nEvent: refer\r\nExpires: 0\r\n");
            peer
        });
        let mut books = Books::default();
        for step in steps {
            perform(&mut scene, &mut peers, &mut books, step);
        }
        scene.focus.end_all(scene.now, &mut scene.room, EndReason::Shutdown);
        books.take(scene.outputs());
        books.take(scene.pass(Duration::from_secs(64)));
        for (id, _) in std::mem::take(&mut books.asked) {
            scene.focus.handle_request_failed(scene.now, &mut scene.room, id);
            books.take(scene.outputs());
        }
        for id in std::mem::take(&mut books.paged) {
            books.take(scene.answer(id, &Response::new(408, "Whatever")));
        }
        prop_assert!(scene.room.is_empty() && books.pagers.is_empty());
        prop_assert!(books.open.is_empty() && books.asked.is_empty());
        prop_assert!(scene.focus.is_idle());
        prop_assert_eq!(scene.focus.poll_timeout(), None);
        prop_assert_eq!(scene.focus.pending_requests(), 0);
    }
}
